//! Storyboards: `pickup storyboard` makes one of a screenplay; `--storyboard` gives a shot its rows; `pickup establish` makes every
//! shot of one and lays them on a new timeline.

use std::path::Path;

use shot::{Camera, Cancel, Code, Fault, Rate, Request};
use timeline::{Cut, Storyboard, storyboard::Script};

use crate::cli::{BoardRef, Common, StoryboardCommand};
use crate::fill::{self, Planned};
use crate::job::{Place, Watch};
use crate::place;
use crate::tell::Teller;

/// Runs `pickup storyboard`.
pub fn run(args: &StoryboardCommand, teller: &mut Teller) -> Result<(), Fault> {
    let out = place::absolute(&args.out)?;
    if place::absolute(&args.file)? == out {
        return Err(Fault::new(Code::Argument, "the storyboard would replace the file that it is made of", "give OUT another name"));
    }
    let board = Storyboard::read(&args.file)?;
    for (n, shot) in board.shots.iter().enumerate() {
        let words = shot.rows.first().map(|r| r.prompt.as_str()).unwrap_or_default();
        teller.note(&format!("{} {}: {words}", n + 1, shot.name));
    }
    board.write(&out)?;
    teller.output(&out);
    Ok(())
}

/// A shot's rows, ready for a request.
pub struct Rows(Script);

impl Rows {
    /// Puts them into a request. The options of the command line win, and its prompt comes first.
    pub fn apply(self, request: &mut Request, common: &Common) {
        let Self(script) = self;
        request.prompt = [common.prompt.as_str(), &script.prompt].join(" ").trim().to_owned();
        request.storyboard = script.beats;
        request.context.keyframes = script.keyframes;
        if let Some(camera) = script.camera.filter(|_| common.camera == Camera::Auto) {
            request.camera = camera;
        }
    }

    /// The length that the board says, in frames.
    pub const fn frames(&self) -> u32 {
        self.0.frames
    }
}

/// The rows of the only shot that is meant, for a request of known length.
pub fn only(board: &BoardRef, request: &Request) -> Result<Rows, Fault> {
    let mut all = rows(board, request.rate, Some(request.frames))?;
    let count = all.len();
    match all.pop() {
        Some(one) if count == 1 => Ok(one),
        _ => Err(several(board, count)),
    }
}

/// The rows of every shot that is meant. `frames` is the length, where the command line says it.
pub fn rows(board: &BoardRef, rate: Rate, frames: Option<u32>) -> Result<Vec<Rows>, Fault> {
    let shots = Storyboard::read(&board.path)?.shots;
    let count = shots.len();
    let meant: Vec<_> = match board.shot {
        None => shots,
        Some(n) => shots.into_iter().skip(n - 1).take(1).collect(),
    };
    if meant.is_empty() {
        let what = format!("{} has {count} shots and no shot {}", board.path.display(), board.shot.unwrap_or_default());
        return Err(Fault::new(Code::Argument, what, "count its shots from 1"));
    }
    meant.iter().map(|shot| Ok(Rows(shot.script(rate, frames)?))).collect()
}

fn several(board: &BoardRef, count: usize) -> Fault {
    Fault::new(
        Code::Argument,
        format!("{} has {count} shots, and this makes one", board.path.display()),
        "name one, such as FILE#2, or let `pickup establish` make all of them: -o OUT.otio",
    )
}

/// Makes every shot of a board and lays them on a new timeline. `request` gives what all of them share.
pub fn all(
    rows: Vec<Rows>,
    board: &BoardRef,
    out: &Path,
    place: &Place,
    (request, common): (&Request, &Common),
    (teller, cancel): (&mut Teller, &Cancel),
) -> Result<(), Fault> {
    let out = fill::timeline_name(out)?;
    let count = rows.len();
    let names: Vec<String> =
        rows.iter().enumerate().map(|(n, r)| if r.0.name.is_empty() { format!("shot {}", n + 1) } else { r.0.name.clone() }).collect();
    let shots: Vec<(&str, u32)> = names.iter().zip(&rows).map(|(name, r)| (name.as_str(), r.frames())).collect();
    let title = board.path.file_stem().map_or_else(|| "storyboard".into(), |s| s.to_string_lossy().into_owned());
    let mut cut = Cut::to_be_made(&title, request.rate, request.start, &shots)?;
    let holes = cut.holes()?;
    let folder = fill::media_folder(&out);
    for (n, (rows, hole)) in rows.into_iter().zip(holes).enumerate() {
        teller.rename(format!("shot {}/{count}", n + 1));
        let mut request = Request { frames: rows.frames(), start: hole.start, ..request.clone() };
        rows.apply(&mut request, common);
        let planned = Planned { hole, request, why: "the storyboard says so".into(), depth: media::Depth::Sixteen };
        let filling = fill::fill(place, common.format, &planned, &folder, n + 1, (&mut *teller, cancel))?;
        cut.fill(&planned.hole, &filling)?;
    }
    fill::write(&cut, &out, place, teller)?;
    teller.rename("establish");
    teller.output(&out);
    Ok(())
}
