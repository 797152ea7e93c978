//! What a check gives a program to see, and what it looks at in the files that come back.

use std::fs;
use std::path::Path;

use serde_json::Value;
use shot::{ClipRef, Request, Size};

use super::Outcome;
use crate::protocol::{Job, Made};

/// Grey frames for whatever context the task needs, as PNG.
pub fn context(scratch: &Path, request: &mut Request) {
    let clip = |name: &str, grey: u8| {
        for i in 0..3 {
            // A program that cannot read its context says so; the check reports that.
            let _ = fs::write(scratch.join(format!("{name}.{i:06}.png")), png(request.size, grey));
        }
        Some(ClipRef { rate: Some(request.rate), ..ClipRef::whole(scratch.join(format!("{name}.%06d.png"))) })
    };
    let (tail, head, whole) = (clip("tail", 80), clip("head", 160), clip("clip", 120));
    request.context.tail.picture = tail;
    request.context.head.picture = head;
    if matches!(request.task, shot::Task::Retime { .. }) {
        request.context.clip = whole;
    }
}

/// Looks at what an engine made.
pub fn made(message: &Value, request: &Request, out: &Path) -> Outcome {
    let made: Made =
        serde_json::from_value(message.clone()).map_err(|e| (format!("its made message is wrong: {e}"), "see docs/engine-protocol.md"))?;
    let job = Job::new(request.clone(), out);
    let made =
        made.resolved(&job).map_err(|e| (e.to_string(), "make exactly the frames and handles that are asked for, named by the pattern"))?;
    for i in 0..made.count {
        let path = made.frame_path(i).unwrap_or_default();
        let bytes = fs::read(&path).unwrap_or_default();
        if let Some(size) = png_size(&bytes).filter(|s| *s != request.size) {
            return Err((format!("{} has {size}, {} was asked for", path.display(), request.size), "make pictures of the request's size"));
        }
        if png_size(&bytes).is_none() && !bytes.starts_with(&[0x76, 0x2f, 0x31, 0x01]) {
            return Err((format!("{} is neither PNG nor OpenEXR", path.display()), "write frames as 8- or 16-bit PNG or as OpenEXR"));
        }
    }
    let Some(sound) = &made.sound else {
        return Err((
            "no sound was made, and the request asks for it".into(),
            "write audio.wav: 48 kHz, the request's channels and length",
        ));
    };
    let asked = (48_000, request.channels, request.total_samples().0);
    match wave(&fs::read(sound).unwrap_or_default()) {
        Some(got) if got == asked => Ok(format!("{} frames of {} and {} samples", made.count, request.size, asked.2)),
        got => Err((
            format!("its sound has {got:?} (rate, channels, samples), {asked:?} was asked for"),
            "round(frame × 48000 / rate) at both ends says how many samples",
        )),
    }
}

fn png_size(bytes: &[u8]) -> Option<Size> {
    let number = |at: usize| bytes.get(at..at + 4).and_then(|b| b.try_into().ok()).map(u32::from_be_bytes);
    if !bytes.starts_with(b"\x89PNG\r\n\x1a\n") {
        return None;
    }
    Some(Size::new(number(16)?, number(20)?))
}

/// Rate, channels and samples of a WAV file.
fn wave(bytes: &[u8]) -> Option<(u32, u16, i64)> {
    let u16_at = |at: usize| bytes.get(at..at + 2).and_then(|b| b.try_into().ok()).map(u16::from_le_bytes);
    let u32_at = |at: usize| bytes.get(at..at + 4).and_then(|b| b.try_into().ok()).map(u32::from_le_bytes);
    let (mut at, mut format) = (12, None);
    while let (Some(name), Some(size)) = (bytes.get(at..at + 4), u32_at(at + 4)) {
        match name {
            b"fmt " => format = Some((u16_at(at + 10)?, u32_at(at + 12)?, u16_at(at + 20)?)),
            b"data" => {
                let (channels, rate, frame) = format.filter(|f| f.2 > 0)?;
                return Some((rate, channels, i64::from(size) / i64::from(frame)));
            }
            _ => {}
        }
        at += 8 + size as usize + size as usize % 2;
    }
    None
}

/// An 8-bit grey picture as RGB PNG, its data in a stored (uncompressed) zlib stream: RFC 1950, RFC 1951, PNG third edition.
fn png(size: Size, grey: u8) -> Vec<u8> {
    let row = 1 + 3 * size.width as usize;
    let mut raw = vec![grey; row * size.height as usize];
    raw.iter_mut().step_by(row).for_each(|filter| *filter = 0);
    let mut data = vec![0x78, 0x01];
    let blocks = raw.chunks(65_535).count();
    for (i, block) in raw.chunks(65_535).enumerate() {
        data.push(u8::from(i + 1 == blocks));
        data.extend((block.len() as u16).to_le_bytes());
        data.extend((!(block.len() as u16)).to_le_bytes());
        data.extend(block);
    }
    let (mut a, mut b) = (1u32, 0u32);
    for byte in &raw {
        a = (a + u32::from(*byte)) % 65_521;
        b = (b + a) % 65_521;
    }
    data.extend((b << 16 | a).to_be_bytes());
    let mut out = b"\x89PNG\r\n\x1a\n".to_vec();
    let mut header = [size.width.to_be_bytes(), size.height.to_be_bytes()].concat();
    header.extend([8, 2, 0, 0, 0]);
    for (name, body) in [(b"IHDR", &header), (b"IDAT", &data), (b"IEND", &Vec::new())] {
        let chunk = [name.as_slice(), body].concat();
        out.extend((body.len() as u32).to_be_bytes());
        out.extend(&chunk);
        out.extend(crc(&chunk).to_be_bytes());
    }
    out
}

fn crc(bytes: &[u8]) -> u32 {
    !bytes
        .iter()
        .fold(u32::MAX, |crc, byte| (0..8).fold(crc ^ u32::from(*byte), |c, _| if c & 1 == 1 { c >> 1 ^ 0xedb8_8320 } else { c >> 1 }))
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    #[test]
    fn a_stored_png_says_its_size_and_has_the_known_checksum() {
        assert_eq!(png_size(&png(Size::new(64, 36), 9)), Some(Size::new(64, 36)));
        assert_eq!(crc(b"123456789"), 0xcbf4_3926);
    }

    #[test]
    fn a_wave_header_is_read_and_garbage_is_not() {
        let mut w = b"RIFF\0\0\0\0WAVEfmt \x10\0\0\0\x01\0\x02\0".to_vec();
        w.extend(48_000u32.to_le_bytes());
        w.extend([0, 0, 0, 0, 6, 0, 24, 0]);
        w.extend(b"data\x0c\0\0\0");
        assert_eq!(wave(&w), Some((48_000, 2, 2)));
        for n in 0..w.len() {
            wave(&w[..n]);
        }
        assert_eq!(wave(&[255; 64]), None);
    }
}
