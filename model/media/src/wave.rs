//! Broadcast WAV: 24-bit PCM with its place on the timeline.
//!
//! EBU Tech 3285 (`bext`, version 1), iXML 2.10 (`iXML`: frame rate, drop flag, time stamp), Adobe XMP (`_PMX`: provenance).
//! Beyond 4 GiB the file is RF64 (EBU Tech 3306).
//!
//! Samples are rounded to nearest without dither. One step of 24 bits lies at −138 dBFS, below the noise of any converter or room,
//! so there is nothing for dither to hide; and 24-bit PCM that was read comes back bit for bit.

use std::fs::File;
use std::io::{BufWriter, Write};
use std::path::Path;

use shot::take::SourceType;
use shot::timecode::can_drop;
use shot::{Rate, Samples, Sound};

use crate::error::{Error, Result};
use crate::place::{Workshop, check_file, sync};
use crate::xmp;

mod read;
pub(crate) use read::promised_seconds;
pub use read::{Wave, read_wave};

/// What a Broadcast WAV says about itself.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct WaveTags {
    /// Samples since midnight of the record timecode, at [`shot::SAMPLE_RATE`]; taken modulo a day.
    pub time_reference: Samples,
    /// The timeline's rate, for iXML; `None` leaves iXML out.
    pub rate: Option<Rate>,
    /// Whether the timeline counts in drop-frame; ignored at rates that cannot.
    pub drop_frame: bool,
    /// What it is: ASCII, at most 256 characters of it stand in `bext`, all of it in XMP.
    pub description: String,
    /// Who made it: ASCII, at most 32 characters.
    pub originator: String,
    /// Its number at the maker's: ASCII, at most 32 characters.
    pub reference: String,
    /// `yyyy-mm-dd` and `hh:mm:ss`; left empty when `None`, because the same request gives the same bytes.
    pub origination: Option<(String, String)>,
    /// Where the sound comes from.
    pub source_type: Option<SourceType>,
}

/// 24 bits.
const BYTES: u64 = 3;

/// Full scale of 24 bits.
const FULL: f32 = 8_388_608.0;

/// Writes a Broadcast WAV, atomically: it is there whole or not at all. Values beyond full scale are clipped, what is not a
/// number is silence.
pub fn write_wave(path: &Path, sound: &Sound, tags: &WaveTags) -> Result<()> {
    check_file(path)?;
    let work = Workshop::beside(path)?;
    let made = work.path("sound.wav");
    write_in_place(&made, path, sound, tags)?;
    sync(&made, path)?;
    work.publish(&made)
}

/// Writes into a file that nobody looks at yet. `shown` is the name in errors.
pub(crate) fn write_in_place(path: &Path, shown: &Path, sound: &Sound, tags: &WaveTags) -> Result<()> {
    let write = || {
        let mut file = BufWriter::with_capacity(1 << 18, File::create(path)?);
        write_to(&mut file, sound, tags, u64::from(u32::MAX))?;
        file.flush()
    };
    write().map_err(|e| Error::write(shown, e))
}

/// Writes the file's bytes; beyond `limit` bytes of file as RF64.
fn write_to(out: &mut impl Write, sound: &Sound, tags: &WaveTags, limit: u64) -> std::io::Result<()> {
    let channels = sound.channels().len() as u64;
    let samples = sound.len() as u64;
    let data = samples * channels * BYTES;
    let mut chunks = vec![(*b"bext", bext(sound, tags)), (*b"fmt ", format(sound))];
    if let Some(rate) = tags.rate {
        chunks.push((*b"iXML", ixml(sound, tags, rate).into_bytes()));
    }
    chunks.push((*b"_PMX", xmp::packet(&tags.description, tags.source_type.map(SourceType::uri)).into_bytes()));
    let padded = |n: u64| n + n % 2;
    let before: u64 = chunks.iter().map(|(_, c)| 8 + padded(c.len() as u64)).sum();
    let total = |extra: u64| 4 + extra + before + 8 + padded(data);
    if total(0) + 8 > limit {
        out.write_all(b"RF64\xff\xff\xff\xffWAVEds64")?;
        out.write_all(&28_u32.to_le_bytes())?;
        for size in [total(36), data, samples] {
            out.write_all(&size.to_le_bytes())?;
        }
        out.write_all(&0_u32.to_le_bytes())?;
    } else {
        out.write_all(b"RIFF")?;
        out.write_all(&(total(0) as u32).to_le_bytes())?;
        out.write_all(b"WAVE")?;
    }
    for (name, chunk) in &chunks {
        out.write_all(name)?;
        out.write_all(&(chunk.len() as u32).to_le_bytes())?;
        out.write_all(chunk)?;
        out.write_all(&[0][..chunk.len() % 2])?;
    }
    out.write_all(b"data")?;
    let small = u32::try_from(data).ok().filter(|_| total(0) + 8 <= limit).unwrap_or(u32::MAX);
    out.write_all(&small.to_le_bytes())?;
    let mut frame = vec![0_u8; (channels * BYTES) as usize];
    for i in 0..sound.len() {
        for (channel, out) in sound.channels().iter().zip(frame.as_chunks_mut::<3>().0) {
            // A cast saturates: what is not a number becomes 0.
            let code = (channel[i] * FULL).round().clamp(-FULL, FULL - 1.0) as i32;
            let [a, b, c, _] = code.to_le_bytes();
            *out = [a, b, c];
        }
        out.write_all(&frame)?;
    }
    out.write_all(&[0][..(data % 2) as usize])
}

fn format(sound: &Sound) -> Vec<u8> {
    let channels = sound.channels().len() as u16;
    let block = channels * BYTES as u16;
    // Plain PCM is what EBU Tech 3285 asks for and everybody reads; more than two channels need to say where they belong.
    let extended = channels > 2;
    let mut out = Vec::new();
    out.extend(if extended { 0xFFFE_u16 } else { 1 }.to_le_bytes());
    out.extend(channels.to_le_bytes());
    out.extend(sound.rate().to_le_bytes());
    out.extend((sound.rate().saturating_mul(u32::from(block))).to_le_bytes());
    out.extend(block.to_le_bytes());
    out.extend(24_u16.to_le_bytes());
    if extended {
        out.extend(22_u16.to_le_bytes());
        out.extend(24_u16.to_le_bytes());
        out.extend(speakers(channels).to_le_bytes());
        // KSDATAFORMAT_SUBTYPE_PCM
        out.extend([1, 0, 0, 0, 0, 0, 16, 0, 0x80, 0, 0, 0xAA, 0, 0x38, 0x9B, 0x71]);
    }
    out
}

/// The speakers of the usual layouts in WAV's order; 0, which means none in particular, for all others.
const fn speakers(channels: u16) -> u32 {
    match channels {
        4 => 0x33,  // quad
        6 => 0x3F,  // 5.1
        8 => 0x63F, // 7.1
        _ => 0,
    }
}

fn time_reference(sound: &Sound, tags: &WaveTags) -> u64 {
    let day = i128::from(shot::SAMPLE_RATE) * 86_400;
    let at = i128::from(tags.time_reference.0).rem_euclid(day);
    // Rounded to nearest where the file has another rate than the timeline's sound.
    let rate = i128::from(sound.rate());
    ((2 * at * rate + i128::from(shot::SAMPLE_RATE)) / (2 * i128::from(shot::SAMPLE_RATE))) as u64
}

fn bext(sound: &Sound, tags: &WaveTags) -> Vec<u8> {
    let (date, time) = tags.origination.as_ref().map_or(("", ""), |(d, t)| (d.as_str(), t.as_str()));
    let mut out = Vec::with_capacity(602);
    for (text, length) in [(tags.description.as_str(), 256), (&tags.originator, 32), (&tags.reference, 32), (date, 10), (time, 8)] {
        let mut field: Vec<u8> = text.chars().map(|c| if c.is_ascii() && !c.is_ascii_control() { c as u8 } else { b'?' }).collect();
        field.resize(length, 0);
        out.extend(field);
    }
    out.extend(time_reference(sound, tags).to_le_bytes());
    out.extend(1_u16.to_le_bytes()); // version
    out.resize(602, 0); // UMID (none) and reserve
    let mode = match sound.channels().len() {
        1 => "mono",
        2 => "stereo",
        _ => "multichannel",
    };
    out.extend(format!("A=PCM,F={},W=24,M={mode},T=Pickup\r\n", sound.rate()).into_bytes());
    out
}

fn ixml(sound: &Sound, tags: &WaveTags, rate: Rate) -> String {
    let at = time_reference(sound, tags);
    let (frames, flag) = (format!("{}/{}", rate.num(), rate.den()), if tags.drop_frame && can_drop(rate) { "DF" } else { "NDF" });
    let samples = sound.rate();
    let tracks: String = (1..=sound.channels().len())
        .map(|n| format!("<TRACK><CHANNEL_INDEX>{n}</CHANNEL_INDEX><INTERLEAVE_INDEX>{n}</INTERLEAVE_INDEX></TRACK>"))
        .collect();
    format!(
        concat!(
            "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n<BWFXML><IXML_VERSION>2.10</IXML_VERSION><NOTE>{note}</NOTE>",
            "<SPEED><MASTER_SPEED>{frames}</MASTER_SPEED><CURRENT_SPEED>{frames}</CURRENT_SPEED>",
            "<TIMECODE_RATE>{frames}</TIMECODE_RATE><TIMECODE_FLAG>{flag}</TIMECODE_FLAG>",
            "<FILE_SAMPLE_RATE>{samples}</FILE_SAMPLE_RATE><AUDIO_BIT_DEPTH>24</AUDIO_BIT_DEPTH>",
            "<DIGITIZER_SAMPLE_RATE>{samples}</DIGITIZER_SAMPLE_RATE>",
            "<TIMESTAMP_SAMPLES_SINCE_MIDNIGHT_HI>{high}</TIMESTAMP_SAMPLES_SINCE_MIDNIGHT_HI>",
            "<TIMESTAMP_SAMPLES_SINCE_MIDNIGHT_LO>{low}</TIMESTAMP_SAMPLES_SINCE_MIDNIGHT_LO>",
            "<TIMESTAMP_SAMPLE_RATE>{samples}</TIMESTAMP_SAMPLE_RATE></SPEED>",
            "<TRACK_LIST><TRACK_COUNT>{count}</TRACK_COUNT>{tracks}</TRACK_LIST></BWFXML>\n"
        ),
        note = xmp::escape(&tags.description),
        frames = frames,
        flag = flag,
        samples = samples,
        high = at >> 32,
        low = at & 0xFFFF_FFFF,
        count = sound.channels().len(),
        tracks = tracks,
    )
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use proptest::prelude::*;

    use super::*;

    fn tags() -> WaveTags {
        WaveTags {
            time_reference: Samples(172_972_800),
            rate: Some("24000/1001".parse().unwrap()),
            description: "room tone, scène 4".into(),
            originator: "Pickup".into(),
            source_type: Some(SourceType::AlgorithmicMedia),
            ..WaveTags::default()
        }
    }

    fn bytes(sound: &Sound, tags: &WaveTags, limit: u64) -> Vec<u8> {
        let mut out = Vec::new();
        write_to(&mut out, sound, tags, limit).unwrap();
        out
    }

    #[test]
    fn the_time_reference_is_that_of_one_hour_at_23976() {
        let home = tempfile::tempdir().unwrap();
        let path = home.path().join("a.wav");
        let sound = Sound::new(48_000, vec![vec![0.25, -0.5, 1.0], vec![0.0, 2.0, f32::NAN]]).unwrap();
        write_wave(&path, &sound, &tags()).unwrap();
        let wave = read_wave(&path).unwrap();
        assert_eq!((wave.time_reference, wave.bits), (Some(172_972_800), 24));
        assert_eq!(wave.description.as_deref(), Some("room tone, sc?ne 4"));
        assert_eq!(wave.sound.channels()[0], [0.25, -0.5, 8_388_607.0 / FULL]);
        assert_eq!(wave.sound.channels()[1], [0.0, 8_388_607.0 / FULL, 0.0]);
        // A reader that is not ours.
        let mut other = hound::WavReader::open(&path).unwrap();
        assert_eq!((other.spec().channels, other.spec().bits_per_sample, other.duration()), (2, 24, 3));
        assert_eq!(other.samples::<i32>().next().unwrap().unwrap(), 2_097_152);
        let text = String::from_utf8_lossy(&std::fs::read(&path).unwrap()).into_owned();
        for needle in [
            "<TIMECODE_RATE>24000/1001</TIMECODE_RATE>",
            "<TIMECODE_FLAG>NDF<",
            "MIDNIGHT_LO>172972800<",
            "sourcetype/algorithmicMedia",
            "scène",
        ] {
            assert!(text.contains(needle), "{needle}");
        }
    }

    #[test]
    fn a_start_before_midnight_is_the_evening_before_and_other_rates_count_their_own_samples() {
        let at = |rate: u32, reference: i64| {
            let tags = WaveTags { time_reference: Samples(reference), ..tags() };
            let sound = Sound::silence(rate, 1, 2);
            let bytes = bytes(&sound, &tags, u64::from(u32::MAX));
            read::parse(&mut std::io::Cursor::new(&bytes)).unwrap().time_reference.unwrap()
        };
        assert_eq!(at(48_000, -1), 86_400 * 48_000 - 1);
        assert_eq!(at(96_000, 48_001), 96_002);
        assert_eq!(at(44_100, 48_000), 44_100);
    }

    #[test]
    fn beyond_the_limit_the_file_is_rf64_and_reads_the_same() {
        let sound = Sound::new(48_000, (0..6).map(|c| (0..501).map(|i| (i * 7 + c) as f32 / 8192.0).collect()).collect()).unwrap();
        let (small, large) = (bytes(&sound, &tags(), u64::from(u32::MAX)), bytes(&sound, &tags(), 100));
        assert_eq!((&small[..4], &large[..4]), (&b"RIFF"[..], &b"RF64"[..]));
        assert_eq!(u32::from_le_bytes(small[4..8].try_into().unwrap()) as usize + 8, small.len());
        assert_eq!(u64::from_le_bytes(large[20..28].try_into().unwrap()) as usize + 8, large.len());
        for file in [small, large] {
            assert_eq!(read::parse(&mut std::io::Cursor::new(&file)).unwrap().sound, sound);
        }
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(64))]
        #[test]
        fn pcm_of_24_bits_comes_back_bit_for_bit(codes in proptest::collection::vec(-8_388_608i32..8_388_608, 1..40), channels in 1usize..4) {
            let data: Vec<f32> = codes.iter().map(|c| *c as f32 / FULL).collect();
            let sound = Sound::new(44_100, vec![data; channels]).unwrap();
            let file = bytes(&sound, &tags(), u64::from(u32::MAX));
            prop_assert_eq!(read::parse(&mut std::io::Cursor::new(&file)).unwrap().sound, sound);
        }

        #[test]
        fn no_bytes_make_the_reader_panic(mut noise: Vec<u8>, cut in 0usize..900, at in 0usize..900, value: u8) {
            let mut file = bytes(&Sound::silence(48_000, 2, 20), &tags(), u64::from(u32::MAX));
            file.truncate(cut.max(12));
            if let Some(b) = file.get_mut(at) { *b = value; }
            let _ = read::parse(&mut std::io::Cursor::new(&file));
            noise.splice(0..0, *b"RIFF\0\0\0\0WAVE");
            let _ = read::parse(&mut std::io::Cursor::new(&noise));
        }
    }
}
