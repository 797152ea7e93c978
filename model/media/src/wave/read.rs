//! Reading WAV, BWF and RF64 without ffmpeg.

use std::fs::File;
use std::io::{BufReader, Read, Seek, SeekFrom};
use std::path::Path;

use shot::Sound;

use crate::error::{Error, Result};

/// A WAV file, read.
#[derive(Clone, Debug, PartialEq)]
pub struct Wave {
    /// The samples as float.
    pub sound: Sound,
    /// Bits of a sample in the file.
    pub bits: u16,
    /// `bext`: samples since midnight, at the file's own rate.
    pub time_reference: Option<u64>,
    /// `bext`: what it is.
    pub description: Option<String>,
}

/// A side chunk larger than this holds nothing that we read.
const MAX_SIDE_CHUNK: u64 = 1 << 24;

/// Reads PCM of 8, 16, 24 or 32 bits and float of 32 or 64, any number of channels. A file that is shorter than its header says
/// is an error, because half a sound is not the sound.
pub fn read_wave(path: &Path) -> Result<Wave> {
    let file = File::open(path).map_err(|e| Error::read(path, e))?;
    if !file.metadata().is_ok_and(|m| m.is_file()) {
        return Err(Error::NotAFile { path: path.to_owned() });
    }
    parse(&mut BufReader::with_capacity(1 << 18, file)).map_err(|why| Error::Wave { path: path.to_owned(), why })
}

#[derive(Clone, Copy)]
struct Format {
    is_float: bool,
    channels: u16,
    rate: u32,
    bits: u16,
}

pub(super) fn parse(file: &mut (impl Read + Seek)) -> Result<Wave, String> {
    let head = Head::read(file)?;
    if head.size > head.left {
        return Err(format!("it is cut off: {} of {} bytes of samples are there", head.left, head.size));
    }
    let sound = samples(file, head.format, head.size)?;
    Ok(Wave { sound, bits: head.format.bits, time_reference: head.time_reference, description: head.description })
}

/// The seconds that a WAV file's header promises, whether they are there or not; `None` for other files.
pub(crate) fn promised_seconds(path: &Path) -> Option<f64> {
    let head = Head::read(&mut BufReader::new(File::open(path).ok()?)).ok()?;
    let frame = u64::from(head.format.bits / 8) * u64::from(head.format.channels);
    Some((head.size / frame) as f64 / f64::from(head.format.rate))
}

/// All that stands before the samples.
struct Head {
    format: Format,
    /// Bytes of samples that the file speaks of.
    size: u64,
    /// Bytes that follow.
    left: u64,
    time_reference: Option<u64>,
    description: Option<String>,
}

impl Head {
    /// Reads up to the first sample.
    fn read(file: &mut (impl Read + Seek)) -> Result<Self, String> {
        let length = file.seek(SeekFrom::End(0)).map_err(|e| e.to_string())?;
        file.seek(SeekFrom::Start(0)).map_err(|e| e.to_string())?;
        let head: [u8; 12] = take(file)?;
        let large = &head[..4] == b"RF64" || &head[..4] == b"BW64";
        if !(large || &head[..4] == b"RIFF") || &head[8..] != b"WAVE" {
            return Err("it does not begin as a WAV file does".into());
        }
        let (mut format, mut data_size, mut time_reference, mut description) = (None, None, None, None);
        loop {
            let at = file.stream_position().map_err(|e| e.to_string())?;
            if length.saturating_sub(at) < 8 {
                return Err("it has no samples".into());
            }
            let name: [u8; 4] = take(file)?;
            let size = u64::from(u32::from_le_bytes(take(file)?));
            if &name == b"data" {
                let left = length - at - 8;
                let size = match (size, data_size) {
                    (0xFFFF_FFFF, Some(large)) => large,
                    // Written into a pipe, by a program that could not go back and wrote nothing or (sox) the most: all that follows.
                    (0 | 0x7FFF_0000.., None) if size == 0 || size > left => left,
                    (size, _) => size,
                };
                let format = format.ok_or("its samples come before their format")?;
                return Ok(Self { format, size, left, time_reference, description });
            }
            if size > MAX_SIDE_CHUNK {
                skip(file, size + size % 2)?;
                continue;
            }
            let mut chunk = vec![0; size as usize];
            file.read_exact(&mut chunk).map_err(|_| "a part of it is cut off".to_owned())?;
            skip(file, size % 2)?;
            match &name {
                b"ds64" if large => data_size = number(&chunk, 8),
                b"fmt " => format = Some(Format::of(&chunk)?),
                b"bext" => {
                    time_reference = number(&chunk, 338);
                    description = chunk.get(..256).map(|d| {
                        let end = d.iter().position(|b| *b == 0).unwrap_or(d.len());
                        String::from_utf8_lossy(&d[..end]).into_owned()
                    });
                }
                _ => {}
            }
        }
    }
}

impl Format {
    fn of(chunk: &[u8]) -> Result<Self, String> {
        let word = |at: usize| chunk.get(at..at + 2).map(|b| u16::from_le_bytes([b[0], b[1]])).ok_or("its format is cut off");
        let kind = match word(0)? {
            0xFFFE => word(24)?,
            kind => kind,
        };
        let rate = u32::from(word(4)?) | u32::from(word(6)?) << 16;
        let format = Self { is_float: kind == 3, channels: word(2)?, rate, bits: word(14)? };
        let known = match kind {
            1 => matches!(format.bits, 8 | 16 | 24 | 32),
            3 => matches!(format.bits, 32 | 64),
            _ => false,
        };
        if !known {
            return Err(format!("samples of kind {kind} with {} bits are not read", format.bits));
        }
        if format.channels == 0 || format.channels > 128 || rate == 0 {
            return Err(format!("{} channels at {rate} Hz are no sound", format.channels));
        }
        Ok(format)
    }
}

fn samples(file: &mut impl Read, format: Format, size: u64) -> Result<Sound, String> {
    let width = usize::from(format.bits / 8);
    let channels = usize::from(format.channels);
    let frame = width * channels;
    let count = usize::try_from(size / frame as u64).map_err(|_| "it is too long".to_owned())?;
    let mut out = vec![Vec::with_capacity(count); channels];
    let mut buffer = vec![0; frame * 4096];
    let mut left = count;
    while left > 0 {
        let now = left.min(4096);
        let bytes = &mut buffer[..now * frame];
        file.read_exact(bytes).map_err(|e| e.to_string())?;
        for values in bytes.chunks_exact(frame) {
            for (channel, value) in out.iter_mut().zip(values.chunks_exact(width)) {
                channel.push(sample(value, format.is_float));
            }
        }
        left -= now;
    }
    Sound::new(format.rate, out).map_err(|f| f.what)
}

fn sample(bytes: &[u8], is_float: bool) -> f32 {
    let value = match (bytes, is_float) {
        (&[a], _) => (f32::from(a) - 128.0) / 128.0,
        (&[a, b], _) => f32::from(i16::from_le_bytes([a, b])) / 32_768.0,
        (&[a, b, c], _) => (i32::from_le_bytes([0, a, b, c]) >> 8) as f32 / 8_388_608.0,
        (&[a, b, c, d], false) => (f64::from(i32::from_le_bytes([a, b, c, d])) / 2_147_483_648.0) as f32,
        (&[a, b, c, d], true) => f32::from_le_bytes([a, b, c, d]),
        (&[a, b, c, d, e, f, g, h], _) => f64::from_le_bytes([a, b, c, d, e, f, g, h]) as f32,
        _ => 0.0,
    };
    if value.is_finite() { value } else { 0.0 }
}

fn take<const N: usize>(file: &mut impl Read) -> Result<[u8; N], String> {
    let mut bytes = [0; N];
    file.read_exact(&mut bytes).map_err(|_| "it is too short".to_owned())?;
    Ok(bytes)
}

fn number(chunk: &[u8], at: usize) -> Option<u64> {
    chunk.get(at..at + 8).and_then(|b| b.try_into().ok()).map(u64::from_le_bytes)
}

fn skip(file: &mut impl Seek, bytes: u64) -> Result<(), String> {
    let bytes = i64::try_from(bytes).map_err(|_| "a part of it has no end".to_owned())?;
    file.seek_relative(bytes).map_err(|e| e.to_string())
}
