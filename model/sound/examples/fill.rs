//! Fills a hole from the command line, for measuring: `fill (BEFORE AFTER | --input BEFORE) SECONDS OUT`, or tells tempo and key:
//! `fill --music FILE`. WAV in and out; FILL_SEED, FILL_TEMPO and FILL_KIND=music|room-tone|ambience say more.

use std::path::Path;

use shot::Sound;
use sound::{Gap, Kind, Options};

type Failure = Box<dyn std::error::Error>;

fn load(path: &str) -> Result<Sound, Failure> {
    let mut reader = hound::WavReader::open(path)?;
    let spec = reader.spec();
    let scale = 1.0 / (1u64 << (spec.bits_per_sample - 1)) as f32;
    let samples: Vec<f32> = match spec.sample_format {
        hound::SampleFormat::Float => reader.samples::<f32>().collect::<Result<_, _>>()?,
        hound::SampleFormat::Int => reader.samples::<i32>().map(|s| s.map(|v| v as f32 * scale)).collect::<Result<_, _>>()?,
    };
    let count = usize::from(spec.channels);
    let channels = (0..count).map(|c| samples.iter().skip(c).step_by(count).copied().collect()).collect();
    Ok(Sound::new(spec.sample_rate, channels)?)
}

fn save(path: &Path, sound: &Sound) -> Result<(), Failure> {
    let channels = sound.channels();
    let spec = hound::WavSpec {
        channels: channels.len() as u16,
        sample_rate: sound.rate(),
        bits_per_sample: 32,
        sample_format: hound::SampleFormat::Float,
    };
    let mut writer = hound::WavWriter::create(path, spec)?;
    for i in 0..sound.len() {
        for channel in channels {
            writer.write_sample(channel[i])?;
        }
    }
    Ok(writer.finalize()?)
}

fn main() -> Result<(), Failure> {
    let args: Vec<String> = std::env::args().skip(1).collect();
    if let [flag, file] = &args[..]
        && flag == "--music"
    {
        let found = sound::music(&load(file)?)?;
        if let Some(t) = found.tempo {
            println!("tempo {:.2} confidence {:.2} sure {} beats {}", t.value.bpm, t.confidence, t.sure, t.value.beats.len());
        }
        if let Some(k) = found.key {
            println!("key {} confidence {:.2} sure {}", k.value, k.confidence, k.sure);
        }
        return Ok(());
    }
    let (before, after, seconds, out) = match &args[..] {
        [flag, before, seconds, out] if flag == "--input" => (before, None, seconds, out),
        [before, after, seconds, out] => (before, Some(after), seconds, out),
        _ => return Err("fill (BEFORE AFTER | --input BEFORE) SECONDS OUT".into()),
    };
    let before = load(before)?;
    let after = after.map(|path| load(path)).transpose()?;
    let samples = (seconds.parse::<f64>()? * 48_000.0).round() as usize;
    let said = |name: &str| std::env::var(name).ok();
    let seed = said("FILL_SEED").and_then(|s| s.parse().ok()).unwrap_or(1);
    let kind = match said("FILL_KIND").as_deref() {
        Some("music") => Kind::Music,
        Some("room-tone") => Kind::RoomTone,
        Some("ambience") => Kind::Ambience,
        _ => Kind::Auto,
    };
    let options = Options { kind, tempo: said("FILL_TEMPO").and_then(|t| t.parse().ok()), key: None };
    let gap = Gap { before: Some(&before), after: after.as_ref(), samples, channels: before.channels().len(), seed };
    let made = sound::fill(&gap, &options)?;
    for figure in &made.figures {
        println!("{} {:.3} {}", figure.name, figure.value, figure.unit);
    }
    made.notes.iter().for_each(|note| println!("{note}"));
    save(Path::new(out), &made.sound)
}
