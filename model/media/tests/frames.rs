//! Frame n is the n-th frame, whatever the file does.
#![allow(clippy::unwrap_used)]

mod common;

use common::{number, numbered_file, tools};
use media::Conform;
use shot::{ClipRef, Frames, Rate};

/// Asks in order, backwards and in jumps.
fn every_order(clip: &ClipRef, first: u32, count: u32) {
    let clip = tools().open(clip, &Conform::default()).unwrap();
    assert_eq!(clip.count(), count as usize);
    let there = 0..count as usize;
    let jumps = [count - 1, 0, count / 2, count / 2 + 1, 3, count - 2].map(|n| n as usize);
    for n in there.clone().step_by(7).chain(jumps).chain(there.rev().step_by(29)) {
        assert_eq!(number(&clip.frame(n).unwrap()), first + n as u32, "frame {n}");
    }
}

#[test]
fn frames_are_exact_in_every_container_and_order() {
    let home = tempfile::tempdir().unwrap();
    for (name, args) in [
        ("b-frames.mp4", "-c:v libx264 -preset ultrafast -bf 3 -g 30 -pix_fmt yuv420p"),
        ("open-gop.mkv", "-c:v libx264 -preset ultrafast -bf 2 -g 24 -x264-params open-gop=1 -pix_fmt yuv420p"),
        ("transport.ts", "-c:v libx264 -preset ultrafast -bf 2 -g 25 -pix_fmt yuv420p"),
        ("packed.avi", "-c:v mpeg4 -bf 2 -q:v 4 -pix_fmt yuv420p"),
        ("hidden.webm", "-c:v libvpx -auto-alt-ref 1 -lag-in-frames 16 -deadline realtime -cpu-used 8 -b:v 2M -pix_fmt yuv420p"),
        ("intra.mov", "-c:v prores_ks -profile:v 0 -pix_fmt yuv422p10le"),
        ("raw.h264", "-c:v libx264 -preset ultrafast -bf 2 -g 25 -pix_fmt yuv420p"),
    ] {
        let path = numbered_file(&home.path().join(name), "320x64", "25", 150, args);
        let info = tools().probe(&ClipRef::whole(&path)).unwrap();
        assert_eq!((info.frames, info.rate, info.variable_rate), (150, Rate::whole(25), false), "{name}: {info:?}");
        every_order(&ClipRef::whole(&path), 0, 150);
    }
}
