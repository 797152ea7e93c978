//! Media made on the spot, in which every frame says which one it is.
#![allow(clippy::unwrap_used, dead_code)]

use std::path::{Path, PathBuf};
use std::process::Command;

use media::Tools;
use shot::Picture;

/// Twelve blocks of 16 pixels in the top rows hold the frame's number, lowest bit on the left; black is 0.
const BITS: u32 = 12;

/// The tools, found once: what they remember of a file is then tested too.
pub fn tools() -> Tools {
    static FOUND: std::sync::LazyLock<Tools> = std::sync::LazyLock::new(|| Tools::find().unwrap());
    FOUND.clone()
}

/// Runs ffmpeg with arguments split at spaces, and `out` last.
pub fn ffmpeg(args: &str, out: &Path) {
    let status = Command::new(tools().ffmpeg()).args(["-v", "error", "-nostdin", "-y"]).args(args.split(' ')).arg(out).status().unwrap();
    assert!(status.success(), "ffmpeg {args} {}", out.display());
}

/// A lavfi source of numbered frames over a moving picture, at least 192 wide.
pub fn numbered(size: &str, rate: &str, frames: u32) -> String {
    let (width, height) = size.split_once('x').map(|(w, h)| (w.parse::<u32>().unwrap(), h.parse::<u32>().unwrap())).unwrap();
    // One pixel a bit, made large: geq is slow.
    let bits = format!("color=black:s={BITS}x1:r={rate},format=gray,geq=lum='if(bitand(floor(N/pow(2,X)),1),255,0)'");
    let strip = format!("{bits},scale={}:16:flags=neighbor,pad={width}:{height},format=yuv444p", 16 * BITS);
    format!(
        "{strip}[strip];testsrc2=s={width}x{}:r={rate},format=yuv444p[moving];[strip][moving]overlay=0:16:format=yuv444,trim=end_frame={frames}",
        height - 16
    )
}

/// A file of numbered frames; `args` say codec and the like.
pub fn numbered_file(path: &Path, size: &str, rate: &str, frames: u32, args: &str) -> PathBuf {
    let source = numbered(size, rate, frames);
    let status = Command::new(tools().ffmpeg())
        .args(["-v", "error", "-nostdin", "-y", "-f", "lavfi", "-i", &source])
        .args(args.split(' '))
        .arg(path)
        .status()
        .unwrap();
    assert!(status.success(), "ffmpeg {args} {}", path.display());
    path.to_owned()
}

/// The number a frame carries.
pub fn number(picture: &Picture) -> u32 {
    (0..BITS).map(|bit| u32::from(picture.row(8)[16 * bit as usize + 8][1] > 0.5) << bit).sum()
}
