//! Frames of a video file, streamed from ffmpeg.

use std::ffi::OsString;
use std::io::Read;
use std::path::{Path, PathBuf};
use std::process::{ChildStdout, Stdio};
use std::sync::Arc;

use shot::Picture;

use crate::error::{Error, Result};
use crate::index::{EntryPoint, Index};
use crate::planes::Unpack;
use crate::probe::Probed;
use crate::process::{self, Process};
use crate::tools::{Tools, input};

/// Reading on costs less than starting a process anew for so many frames.
const READ_ON: u64 = 48;

/// A video file and the process that decodes it at the moment.
pub(crate) struct Video {
    path: PathBuf,
    stream: u32,
    time_base: f64,
    origin: f64,
    unpack: Unpack,
    repack: Option<&'static str>,
    index: Arc<Index>,
    /// Frames from here on are never asked for: the process need not decode them.
    end: u64,
    running: Option<Running>,
    /// Set when a jump into the middle did not find its frame: this file is read from its start.
    no_jumps: bool,
}

struct Running {
    process: Process,
    out: ChildStdout,
    /// The frame that comes next.
    next: u64,
    raw: Vec<u8>,
}

impl Video {
    pub(crate) fn new(tools: &Tools, path: &Path, end: u64) -> Result<Self> {
        let probed: Arc<Probed> = tools.look(path)?;
        let stream = probed.video.as_ref().ok_or_else(|| Error::NoPicture { path: path.to_owned() })?;
        Ok(Self {
            path: path.to_owned(),
            stream: stream.index,
            time_base: stream.time_base(),
            origin: probed.start_time,
            unpack: stream.unpack(path)?,
            repack: stream.repack(),
            index: probed.index(tools, path)?,
            end,
            running: None,
            no_jumps: false,
        })
    }

    /// Frame `n` of the file.
    pub(crate) fn frame(&mut self, tools: &Tools, n: u64) -> Result<Picture> {
        let jump = if self.no_jumps { None } else { self.index.entry_point(n) };
        let reachable = self.running.as_ref().is_some_and(|r| {
            // A jump never lands before the entry point, so reading on is no slower when the stream is already past it.
            r.next <= n && (n - r.next <= READ_ON || jump.is_none_or(|j| j.key <= r.next))
        });
        if !reachable {
            self.running = None;
            // A short way from the start is read, not jumped.
            self.running = Some(self.start(tools, n, jump.filter(|_| n > READ_ON))?);
        }
        match self.read(n) {
            Ok(Some(picture)) => Ok(picture),
            Ok(None) if jump.is_some() && !self.no_jumps => {
                log::warn!("{}: no exact jump to frame {n}; reading from the start", self.path.display());
                self.no_jumps = true;
                self.running = None;
                self.frame(tools, n)
            }
            Ok(None) => {
                let said = match self.running.take().map(|r| {
                    drop(r.out);
                    r.process.finish()
                }) {
                    Some(Ok((status, said))) => process::ending(status, &said),
                    Some(Err(e)) => e.to_string(),
                    None => String::new(),
                };
                Err(Error::Broken { path: self.path.clone(), frame: n, said })
            }
            Err(e) => {
                self.running = None;
                Err(e)
            }
        }
    }

    /// Reads up to frame `n`; `None` where the stream ends before.
    fn read(&mut self, n: u64) -> Result<Option<Picture>> {
        let Some(running) = &mut self.running else { return Ok(None) };
        loop {
            if let Err(e) = running.out.read_exact(&mut running.raw) {
                return match e.kind() {
                    std::io::ErrorKind::UnexpectedEof => Ok(None),
                    _ => Err(Error::ToolStopped { tool: "ffmpeg", path: self.path.clone(), said: e.to_string() }),
                };
            }
            running.next += 1;
            if running.next > n {
                return Ok(self.unpack.picture(&running.raw));
            }
        }
    }

    /// Starts ffmpeg so that its first frame is frame `n`.
    fn start(&self, tools: &Tools, n: u64, jump: Option<EntryPoint>) -> Result<Running> {
        let mut args: Vec<OsString> = ["-hide_banner", "-nostdin", "-v", "error"].map(Into::into).to_vec();
        // Which frames pass is said by number or by exact time stamp, never by a rounded time. After a jump only the very frame
        // that was meant opens the gate: if ffmpeg lands behind it, nothing comes, and that is noticed.
        let gate = match jump {
            Some(EntryPoint { pts, key_pts, .. }) => {
                // ffmpeg adds the file's start time to -ss; a hair more, so that rounding cannot land on the key frame before.
                let seconds = key_pts as f64 * self.time_base - self.origin + 0.5 * self.time_base.min(1e-3);
                args.extend(["-ss".into(), format!("{:.6}", seconds.max(0.0)).into(), "-noaccurate_seek".into()]);
                format!("select=eq(pts\\,{pts})+gte(prev_selected_pts\\,{pts})")
            }
            None if n > 0 => format!("select=gte(n\\,{n})"),
            None => "null".into(),
        };
        let filters = [Some(gate.as_str()), self.repack].into_iter().flatten().collect::<Vec<_>>().join(",");
        args.push("-copyts".into());
        args.extend(input(&self.path));
        args.extend(["-map".into(), format!("0:{}", self.stream).into()]);
        // Size changes within a file are brought to its first size, accurately.
        args.extend(["-vf".into(), filters.into(), "-sws_flags".into(), "bicubic+accurate_rnd+full_chroma_int+full_chroma_inp".into()]);
        args.extend(tools.every_frame()?.map(Into::into));
        args.extend(["-frames:v".into(), self.end.saturating_sub(n).max(1).to_string().into()]);
        args.extend(["-f", "rawvideo", "-pix_fmt"].map(Into::into));
        args.extend([self.unpack.layout.name().into(), "pipe:1".into()]);
        let mut process = Process::start("ffmpeg", tools.ffmpeg(), &self.path, args, Stdio::null())?;
        let out = process.stdout().ok_or_else(|| Error::ToolStopped {
            tool: "ffmpeg",
            path: self.path.clone(),
            said: "it has no output".into(),
        })?;
        Ok(Running { process, out, next: n, raw: vec![0; self.unpack.frame_bytes()] })
    }
}
