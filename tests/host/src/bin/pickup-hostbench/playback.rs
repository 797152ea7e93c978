//! Stored frames into the host's buffer beside a memcpy of the same bytes in the same run.

use std::hint::black_box;
use std::path::Path;
use std::sync::Arc;

use test_host::flow::{generate, id};
use test_host::{Buffer, Components, Context, Depth, Format, Host, Instance, Quirks, Rect, RenderArgs, Rows, Setup, TO};

use crate::{Took, medians, say, took};

const FRAMES: i32 = 4;

/// 1080p in floats, 4K in halves.
pub fn measure() {
    let (ours, copy) = render(1920, 1080, Depth::Float);
    let both = format!("{:.2} ms of processor time a frame, memcpy of the same bytes {:.2} ms", ours.processor, copy.processor);
    say("render-ratio", ours.processor / copy.processor, "× memcpy", &both);
    say("render-bandwidth", copy.processor / ours.processor, "of memcpy", &both);
    say("render-fps", 1e3 / ours.processor, "frames/s", &format!("one thread, by processor time; by the clock {:.0}", 1e3 / ours.wall));
    let (ours, copy) = render(3840, 2160, Depth::Half);
    let note = format!("one thread, by processor time; by the clock {:.0}; memcpy {:.0}", 1e3 / ours.wall, 1e3 / copy.processor);
    say("render-4k-half-fps", 1e3 / ours.processor, "frames/s", &note);
}

/// An effect in General between two clips, with a take of four frames from time 48. Ends the program where none can be made.
pub fn with_take(host: &Host, takes: &Path, (width, height): (i32, i32), format: Format) -> Instance {
    let plugin = host.open();
    plugin.meet().expect("the effect describes itself");
    let mut setup = Setup { format, ..Setup::sized(Context::General, f64::from(width), f64::from(height)) }
        .with(id::TAKES_FOLDER, takes)
        .with(id::SOUND, 1)
        .with(id::ENGINE, 1)
        .with(id::IN, 48)
        .with(id::FRAMES, FRAMES)
        // One frame on each side will do, and test pictures are slow to draw.
        .with("contextFrames", 1);
    for (name, clip) in &mut setup.clips {
        if *name == TO {
            clip.range.0 = f64::from(48 + FRAMES);
        }
    }
    let instance = plugin.create(Context::General, &setup).expect("an instance");
    if let Err(words) = generate(&instance, 600) {
        eprintln!("no take was made: {words}");
        std::process::exit(1);
    }
    instance
}

/// A frame of a take into the host's buffer, and a memcpy of as many bytes: both into memory that was written before, taking
/// turns, so that both meet the same machine.
fn render(width: i32, height: i32, depth: Depth) -> (Took, Took) {
    let takes = tempfile::tempdir().expect("a temporary folder");
    let host = Host::new(Quirks { watches: false, ..Quirks::default() });
    let format = Format { depth, components: Components::Rgba };
    let instance = with_take(&host, takes.path(), (width, height), format);
    let window = Rect::new(0, 0, width, height);
    let buffer = Arc::new(Buffer::new(window, format, Rows::default()));
    let bytes = window.width() * window.height() * 4 * depth.bytes();
    let (from, mut to) = (vec![7_u8; bytes], vec![1_u8; bytes]);
    let (mut ours, mut copies) = (Vec::new(), Vec::new());
    for i in 0..60 {
        let args = RenderArgs::interactive(f64::from(48 + i % FRAMES));
        let time = took(|| instance.draw_into(&args, window, buffer.clone()).good().expect("a frame of the take"));
        let copy = took(|| black_box(&mut to).copy_from_slice(black_box(&from)));
        // The first round fills the playback cache.
        if i >= 2 * FRAMES {
            ours.push(time);
            copies.push(copy);
        }
    }
    (medians(&ours), medians(&copies))
}
