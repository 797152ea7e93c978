//! Pictures through H.264 and back: a model that was trained on compressed video is shown pictures that have been through the same.

use shot::{Picture, Size};

use crate::error::{Error, Result};
use crate::process;
use crate::tools::Tools;

/// Sends pictures of a display encoding (values 0 to 1) through libx264 at `crf` and gives back what a player would show; alpha
/// becomes 1. `None` where this ffmpeg has no libx264. All pictures must have one size.
pub fn recompress(tools: &Tools, pictures: &[&Picture], crf: u32) -> Result<Option<Vec<Picture>>> {
    let Some(first) = pictures.first() else { return Ok(Some(Vec::new())) };
    if tools.first_encoder(&["libx264"])?.is_none() {
        return Ok(None);
    }
    let size = first.size();
    // 4:2:0 needs even sides: the last row and column are repeated, and cut off again.
    let even = Size::new(size.width.next_multiple_of(2), size.height.next_multiple_of(2));
    let folder = tempfile::tempdir().map_err(|e| Error::Write { path: std::env::temp_dir(), source: e })?;
    let (raw, coded, back) = (folder.path().join("in.rgb"), folder.path().join("coded.mkv"), folder.path().join("out.rgb"));
    let mut bytes = Vec::with_capacity(pictures.len() * even.pixels() * 3);
    for picture in pictures {
        for y in 0..even.height as usize {
            let row = picture.row(y.min(picture.height() - 1));
            let byte = |v: f32| (v.clamp(0.0, 1.0) * 255.0).round() as u8;
            (0..even.width as usize).for_each(|x| bytes.extend(row[x.min(row.len() - 1)][..3].iter().map(|v| byte(*v))));
        }
    }
    std::fs::write(&raw, &bytes).map_err(|e| Error::Write { path: raw.clone(), source: e })?;
    let shape = format!("{}x{}", even.width, even.height);
    let crf = crf.to_string();
    let colour = ["-vf", "scale=out_color_matrix=bt709:in_color_matrix=bt709,format=yuv420p"];
    let encode = ["-hide_banner", "-v", "error", "-nostdin", "-y", "-f", "rawvideo", "-pix_fmt", "rgb24", "-s", &shape, "-r", "24", "-i"];
    let mut command: Vec<std::ffi::OsString> = encode.iter().map(Into::into).collect();
    command.push(raw.into());
    // One thread: the number of threads changes what x264 decides.
    command.extend(colour.iter().chain(&["-c:v", "libx264", "-preset", "medium", "-threads", "1", "-crf", &crf]).map(Into::into));
    command.push(coded.clone().into());
    process::run("ffmpeg", tools.ffmpeg(), tools.ffmpeg(), command)?;
    let mut command: Vec<std::ffi::OsString> = ["-hide_banner", "-v", "error", "-nostdin", "-y", "-i"].iter().map(Into::into).collect();
    command.push(coded.into());
    command.extend(["-vf", "scale=in_color_matrix=bt709", "-f", "rawvideo", "-pix_fmt", "rgb24"].iter().map(Into::into));
    command.push(back.clone().into());
    process::run("ffmpeg", tools.ffmpeg(), tools.ffmpeg(), command)?;
    let bytes = std::fs::read(&back).map_err(|e| Error::Read { path: back.clone(), source: e })?;
    let frame = even.pixels() * 3;
    let cut = |bytes: &[u8]| {
        let at = |x: usize, y: usize| &bytes[(y * even.width as usize + x) * 3..][..3];
        let pixel = |p: &[u8]| [f32::from(p[0]) / 255.0, f32::from(p[1]) / 255.0, f32::from(p[2]) / 255.0, 1.0];
        let (w, h) = (size.width as usize, size.height as usize);
        Picture::new(size, (0..w * h).map(|i| pixel(at(i % w, i / w))).collect())
    };
    let out: Vec<Picture> = bytes.chunks_exact(frame).map(cut).collect::<std::result::Result<_, _>>().unwrap_or_default();
    Ok((out.len() == pictures.len()).then_some(out))
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    #[test]
    fn pictures_come_back_softer_and_in_place() {
        let size = Size::new(63, 41);
        let at = |i: usize, shift: f32| {
            let (x, y) = ((i % 63) as f32, (i / 63) as f32);
            [0.5 + 0.3 * (x * 0.2 + shift).sin(), 0.5 + 0.3 * (y * 0.15).cos(), 0.4, 1.0]
        };
        let pictures: Vec<Picture> =
            (0..3).map(|f| Picture::new(size, (0..size.pixels()).map(|i| at(i, f as f32 * 0.3)).collect()).unwrap()).collect();
        let tools = Tools::find().unwrap();
        let shown = |crf| recompress(&tools, &pictures.iter().collect::<Vec<_>>(), crf).unwrap();
        let Some(fine) = shown(10) else { return };
        let coarse = shown(40).unwrap();
        let error = |a: &[Picture]| {
            let all = a.iter().zip(&pictures).flat_map(|(a, b)| a.pixels().iter().zip(b.pixels()));
            let squares: f64 = all.map(|(a, b)| (0..3).map(|c| f64::from(a[c] - b[c]).powi(2)).sum::<f64>()).sum();
            (squares / (3.0 * size.pixels() as f64 * 3.0)).sqrt()
        };
        assert_eq!((fine.len(), fine[0].size()), (3, size));
        assert!(error(&fine) < 0.02 && error(&coarse) > error(&fine) && error(&coarse) < 0.1, "{} {}", error(&fine), error(&coarse));
        assert_eq!(shown(33), shown(33));
    }
}
