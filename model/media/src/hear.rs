//! Sound of any file, as float, exact to the sample.

use std::ffi::OsString;
use std::io::Read;
use std::path::Path;
use std::process::Stdio;

use serde::Deserialize;
use shot::{Sound, SoundRef};

use crate::error::{Error, Result};
use crate::probe::{Probed, SoundInfo};
use crate::process::{self, Process};
use crate::sequence::Sequence;
use crate::still;
use crate::tools::{Tools, input};

/// The most values (samples times channels) that are taken at once: 2 GiB, over three hours of 48 kHz stereo.
const MAX_VALUES: u64 = 1 << 29;

impl Tools {
    /// A stretch of a file's first sound stream, at the file's own rate and channels; `None` for files without sound, images
    /// and image sequences.
    ///
    /// Time 0 is where the first video frame begins, else where the sound begins. A given length comes back as exactly
    /// round(length × rate) samples: where the stream has none (before its start, after its end) there is silence. Priming and
    /// padding that the file declares are left out.
    pub fn sound(&self, sound: &SoundRef) -> Result<Option<Sound>> {
        let path = &sound.path;
        if !path.exists() {
            return match Sequence::find(path)? {
                Some(_) => Ok(None),
                None => Err(Error::NotFound { path: path.clone() }),
            };
        }
        if still::is_image(path) {
            return Ok(None);
        }
        let probed = self.look(path)?;
        let Some(info) = probed.sound_info() else { return Ok(None) };
        let rate = f64::from(info.rate);
        let seconds = sound.length.map_or(info.seconds, |l| l.0);
        let wanted = (seconds * rate).round();
        let fits = sound.start.0.is_finite() && wanted.is_finite() && wanted * f64::from(info.channels) <= MAX_VALUES as f64;
        if !fits || sound.start.0.abs() > 1e7 {
            return Err(Error::SoundTooLong { path: path.clone(), seconds });
        }
        let start = (sound.start.0 * rate).round() as i64 - self.sound_offset(path, &probed, info)?;
        let length = sound.length.map(|_| wanted.max(0.0) as u64);
        self.decode_sound(path, &probed, info, start, length).map(Some)
    }

    /// Samples by which the sound begins after the picture; 0 without picture.
    fn sound_offset(&self, path: &Path, probed: &Probed, info: SoundInfo) -> Result<i64> {
        let (Some(video), Some(audio)) = (&probed.video, &probed.audio) else { return Ok(0) };
        let Some(first) = probed.index(self, path).ok().and_then(|i| i.first_pts()) else { return Ok(0) };
        // Asked of the decoder and not of the packets: it knows how many samples of the first packet are priming.
        let mut args: Vec<OsString> = ["-hide_banner", "-v", "error", "-select_streams"].map(Into::into).to_vec();
        args.push(audio.index.to_string().into());
        args.extend(["-read_intervals", "%+#4", "-show_entries", "frame=best_effort_timestamp", "-of", "json"].map(Into::into));
        args.extend(input(path));
        let (_, out, _) = process::run("ffprobe", self.ffprobe(), path, args)?;
        #[derive(Deserialize)]
        struct Report {
            #[serde(default)]
            frames: Vec<Frame>,
        }
        #[derive(Deserialize)]
        struct Frame {
            best_effort_timestamp: Option<i64>,
        }
        let report: Report = serde_json::from_slice(&out).unwrap_or(Report { frames: Vec::new() });
        let Some(begin) = report.frames.iter().find_map(|f| f.best_effort_timestamp) else { return Ok(0) };
        let seconds = begin as f64 * audio.time_base() - first as f64 * video.time_base();
        Ok((seconds * f64::from(info.rate)).round() as i64)
    }

    /// Decodes from the stream's start, because only there every codec and container is exact, and leaves out what lies before
    /// sample `start` of it.
    fn decode_sound(&self, path: &Path, probed: &Probed, info: SoundInfo, start: i64, length: Option<u64>) -> Result<Sound> {
        let stream = probed.audio.as_ref().map_or(0, |a| a.index);
        let channels = usize::from(info.channels);
        let skip = start.max(0) as u64;
        let lead = start.min(0).unsigned_abs();
        let mut out = vec![Vec::new(); channels];
        let lead = length.map_or(lead, |l| lead.min(l)) as usize;
        for channel in &mut out {
            channel.resize(lead, 0.0_f32);
        }
        let left = length.map(|l| l - lead as u64);
        if left != Some(0) {
            let mut args: Vec<OsString> = ["-hide_banner", "-nostdin", "-v", "error"].map(Into::into).to_vec();
            args.extend(input(path));
            args.extend(["-map".into(), format!("0:{stream}").into(), "-af".into()]);
            let end = left.map(|l| format!(":end_sample={}", skip + l)).unwrap_or_default();
            args.push(format!("atrim=start_sample={skip}{end}").into());
            args.extend(["-ar", &info.rate.to_string(), "-ac", &info.channels.to_string()].map(Into::into));
            args.extend(["-f", "f32le", "-c:a", "pcm_f32le", "pipe:1"].map(Into::into));
            let mut process = Process::start("ffmpeg", self.ffmpeg(), path, args, Stdio::null())?;
            if let Some(pipe) = process.stdout() {
                read_channels(pipe, &mut out, path)?;
            }
            let (status, said) = process.finish()?;
            if !status.success() && out.iter().all(|c| c.len() <= lead) {
                return Err(Error::NotMedia { path: path.to_owned(), said: process::ending(status, &said) });
            }
        }
        // The length that a header states is exact for PCM; of a coded file it may be a guess, but a reader that met the end too
        // early has said so.
        let codec = probed.audio.as_ref().map_or("", |a| a.codec_name.as_str());
        if probed.cut_off || codec.starts_with("pcm_") {
            // Of a WAV ffmpeg tells the length that is left, not the one its header promises.
            let promised = crate::wave::promised_seconds(path).unwrap_or(0.0).max(info.seconds);
            let got = skip + (out[0].len() - lead) as u64;
            let asked = left.map_or(u64::MAX, |l| skip + l).min((promised * f64::from(info.rate)) as u64);
            if got + u64::from(info.rate) / 10 < asked {
                let why = format!("it is cut off after {:.2} of {:.2} seconds", got as f64 / f64::from(info.rate), promised);
                return Err(Error::Wave { path: path.to_owned(), why });
            }
        }
        if let Some(length) = length {
            for channel in &mut out {
                channel.resize(length as usize, 0.0);
            }
        }
        Sound::new(info.rate, out).map_err(|f| Error::Contract { what: f.what })
    }
}

/// Takes interleaved little-endian floats apart. What is not a number becomes silence.
fn read_channels(mut pipe: impl Read, out: &mut [Vec<f32>], path: &Path) -> Result<()> {
    let frame = 4 * out.len();
    let mut buffer = vec![0_u8; frame * 8192];
    let mut kept = 0;
    loop {
        let got = match pipe.read(&mut buffer[kept..]) {
            Ok(0) => return Ok(()),
            Ok(n) => kept + n,
            Err(e) if e.kind() == std::io::ErrorKind::Interrupted => continue,
            Err(e) => return Err(Error::ToolStopped { tool: "ffmpeg", path: path.to_owned(), said: e.to_string() }),
        };
        let whole = got / frame * frame;
        for values in buffer[..whole].chunks_exact(frame) {
            for (channel, value) in out.iter_mut().zip(values.as_chunks::<4>().0) {
                let value = f32::from_le_bytes(*value);
                channel.push(if value.is_finite() { value } else { 0.0 });
            }
        }
        let read = out.first().map_or(0, Vec::len) as u64 * out.len() as u64;
        if read > 2 * MAX_VALUES {
            return Err(Error::SoundTooLong { path: path.to_owned(), seconds: read as f64 });
        }
        buffer.copy_within(whole..got, 0);
        kept = got - whole;
    }
}
