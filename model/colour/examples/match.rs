//! Carries one picture to the look of another: `match REFERENCE INPUT OUT`, 8- or 16-bit PNG in, 16-bit PNG out. It is what
//! the figures of the crate are measured with.

use std::process::ExitCode;

use colour::Match;
use shot::{ColourSpace, Picture, Size};

fn read(path: &str) -> Result<Picture, String> {
    let picture = image::open(path).map_err(|e| format!("{path}: {e}"))?.to_rgb32f();
    let size = Size::new(picture.width(), picture.height());
    Picture::new(size, picture.pixels().map(|p| [p[0], p[1], p[2], 1.0]).collect()).map_err(|f| f.to_string())
}

fn run(reference: &str, input: &str, out: &str) -> Result<(), String> {
    let (reference, mut input) = (read(reference)?, read(input)?);
    let found = Match::estimate(&[&input], &[&reference], ColourSpace::Srgb);
    eprintln!("{}", found.describe());
    found.apply(&mut input);
    let samples: Vec<u16> =
        input.pixels().iter().flat_map(|p| [p[0], p[1], p[2]]).map(|v| (v.clamp(0.0, 1.0) * 65535.0).round() as u16).collect();
    let size = input.size();
    let picture: image::ImageBuffer<image::Rgb<u16>, _> =
        image::ImageBuffer::from_raw(size.width, size.height, samples).ok_or("the picture has no pixels")?;
    picture.save(out).map_err(|e| format!("{out}: {e}"))
}

fn main() -> ExitCode {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let [reference, input, out] = &arguments[..] else {
        eprintln!("match REFERENCE INPUT OUT");
        return ExitCode::from(2);
    };
    match run(reference, input, out) {
        Ok(()) => ExitCode::SUCCESS,
        Err(message) => {
            eprintln!("{message}");
            ExitCode::FAILURE
        }
    }
}
