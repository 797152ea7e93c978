//! What bridge, insert, establish, extend and retake have in common: from a request to takes to OUT.

use shot::{Cancel, Fault, Request};

use crate::cli::Common;
use crate::deliver::{self, Neighbour, Order};
use crate::job::{self, Place, Watch};
use crate::place;
use crate::prompts;
use crate::storyboard;
use crate::tell::Teller;

/// One shot as a command asked for it.
pub struct Shoot<'a> {
    /// Options of every shot.
    pub common: &'a Common,
    /// Where it goes.
    pub out: &'a std::path::Path,
    /// Bits per channel of picture files.
    pub depth: media::Depth,
    /// Frames before the made ones.
    pub before: Option<Neighbour>,
    /// Frames after the made ones.
    pub after: Option<Neighbour>,
}

/// Makes the takes that were asked for and delivers the first; gives that take back.
pub fn run(shoot: &Shoot<'_>, place: &Place, mut request: Request, teller: &mut Teller, cancel: &Cancel) -> Result<takes::Stored, Fault> {
    if let Some(board) = &shoot.common.storyboard {
        storyboard::only(board, &request)?.apply(&mut request, shoot.common);
    }
    prompts::settle(&mut request, teller);
    room_for_takes(shoot.common.takes, place, &request)?;
    let mut first = None;
    for n in 0..shoot.common.takes {
        request.seed = shoot.common.seed.wrapping_add(u64::from(n));
        if shoot.common.takes > 1 {
            teller.rename(format!("take {}/{}", n + 1, shoot.common.takes));
        }
        let done = job::make(place, &request, teller, cancel)?;
        teller.take(&done.take.take().id, done.take.folder(), done.found);
        if done.found {
            done.take.take().notes.iter().for_each(|note| teller.note(note));
        }
        first.get_or_insert(done.take);
    }
    let take = first.ok_or_else(|| Fault::internal("no take was asked for"))?;
    let order = Order {
        tools: &place.tools,
        out: shoot.out,
        format: shoot.common.format,
        depth: shoot.depth,
        with_handles: shoot.common.handles.is_some(),
    };
    deliver::take(&order, &take, shoot.before.as_ref(), shoot.after.as_ref())?;
    teller.output(&place::absolute(shoot.out)?);
    Ok(take)
}

/// Refuses to begin what the disk cannot hold.
fn room_for_takes(takes: u32, place: &Place, request: &Request) -> Result<(), Fault> {
    let each = takes::space::bytes_needed(request.size, request.total_frames(), request.total_samples().0, request.channels);
    Ok(place.store.check_room(each.saturating_mul(u64::from(takes)))?)
}
