//! Storyboards: what a shot, or a row of shots, should show and when, as a file that people write.
//!
//! A file is YAML or JSON; its schema is docs/storyboard.schema.json. Screenplays in Fountain format become one ([`fountain`]).
//! Stills are named relative to the file. Times count from the shot's first frame: seconds (`2.5`), frames (`60f`), or a
//! timecode of the shot's own (`00:00:02:12`).
//!
//! [`fountain`]: crate::fountain

use std::fmt::Write as _;
use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};
use shot::{Beat, Camera, Keyframe, Rate, Seconds, Timecode};

use crate::error::Error;

/// The version of the form.
pub const STORYBOARD_VERSION: u32 = 1;
/// Length of a shot whose board says none: long enough to read a place, short enough to keep a cut moving.
pub const ESTABLISHING_SECONDS: f64 = 4.0;
/// A board larger than this is no board.
const LARGEST_FILE: u64 = 8 << 20;

/// A storyboard.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Storyboard {
    /// [`STORYBOARD_VERSION`].
    #[serde(default = "version")]
    pub pickup_storyboard: u32,
    /// What it is called.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub title: String,
    /// Its shots, in their order.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub shots: Vec<Shot>,
    /// The rows of the only shot, for boards that have one.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub rows: Vec<Row>,
    /// Length of the only shot.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub length: Option<Moment>,
}

/// One shot.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Shot {
    /// What it is called, such as a scene heading.
    #[serde(default)]
    pub name: String,
    /// How long it is; [`ESTABLISHING_SECONDS`] where nobody says.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub length: Option<Moment>,
    /// What happens in it.
    pub rows: Vec<Row>,
}

/// What happens from a moment on.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Row {
    /// From when on.
    #[serde(default)]
    pub time: Moment,
    /// What is seen.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub prompt: String,
    /// A picture of that moment.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub still: Option<PathBuf>,
    /// How the camera moves from there on.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub camera: Option<Camera>,
    /// What is heard.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub sound: String,
}

/// A moment or a length, as people write it.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(untagged)]
pub enum Moment {
    /// Seconds.
    Seconds(f64),
    /// `60f` or a timecode.
    Words(String),
}

impl Default for Moment {
    fn default() -> Self {
        Self::Seconds(0.0)
    }
}

impl Moment {
    /// Frames from the shot's first one.
    fn frames(&self, rate: Rate) -> Option<u32> {
        let frames = match self {
            Self::Seconds(s) if s.is_finite() && *s >= 0.0 => rate.frames_in(Seconds(*s)),
            Self::Seconds(_) => return None,
            Self::Words(words) => match words.trim().strip_suffix(['f', 'F']) {
                Some(n) => n.trim().parse().ok()?,
                None if words.contains(':') => Timecode::parse(words, rate).ok()?.frame.0,
                None => rate.frames_in(Seconds(words.trim().trim_end_matches('s').trim().parse().ok().filter(|s: &f64| *s >= 0.0)?)),
            },
        };
        u32::try_from(frames).ok()
    }
}

/// A shot's rows in the words of a request.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Script {
    /// What the shot is called.
    pub name: String,
    /// Its length in frames.
    pub frames: u32,
    /// What it shows from its first frame on.
    pub prompt: String,
    /// What it shows from later ones on.
    pub beats: Vec<Beat>,
    /// Its stills.
    pub keyframes: Vec<Keyframe>,
    /// Its camera move at the first frame.
    pub camera: Option<Camera>,
}

impl Storyboard {
    /// Reads a board, or a screenplay (`.fountain`, `.spmd`), whose scenes become one.
    pub fn read(path: &Path) -> Result<Self, Error> {
        let no = |why| Error::Read { path: path.to_owned(), why };
        let size = std::fs::metadata(path).map_err(no)?.len();
        if size > LARGEST_FILE {
            return Err(Error::Storyboard { what: format!("{} has {size} bytes: that is no storyboard", path.display()) });
        }
        let text = std::fs::read_to_string(path).map_err(no)?;
        let is_screenplay = path.extension().is_some_and(|e| e.eq_ignore_ascii_case("fountain") || e.eq_ignore_ascii_case("spmd"));
        let mut board = if is_screenplay { crate::fountain::storyboard(&text)? } else { Self::parse(&text)? };
        let folder = std::path::absolute(path).map_err(no)?;
        let folder = folder.parent().unwrap_or(Path::new("/"));
        for row in board.shots.iter_mut().flat_map(|s| &mut s.rows) {
            if let Some(still) = &mut row.still {
                *still = folder.join(&*still);
            }
        }
        Ok(board)
    }

    /// Reads the text of a board. Afterwards its shots are in [`Storyboard::shots`], the only one included.
    pub fn parse(text: &str) -> Result<Self, Error> {
        let wrong = |what: String| Error::Storyboard { what };
        let mut board: Self = serde_yaml_ng::from_str(text.trim_start_matches('\u{feff}')).map_err(|e| wrong(e.to_string()))?;
        if board.pickup_storyboard != STORYBOARD_VERSION {
            let version = board.pickup_storyboard;
            return Err(wrong(format!("it is of version {version}, and this program reads version {STORYBOARD_VERSION}")));
        }
        if !board.rows.is_empty() {
            if !board.shots.is_empty() {
                return Err(wrong("it has rows of its own and shots: put the rows into a shot".into()));
            }
            let (rows, length) = (std::mem::take(&mut board.rows), board.length.take());
            board.shots.push(Shot { name: board.title.clone(), length, rows });
        }
        if board.shots.is_empty() {
            return Err(wrong("it has neither rows nor shots".into()));
        }
        Ok(board)
    }

    /// The board as YAML, to be edited. Texts are quoted as JSON quotes them, which YAML reads too.
    pub fn to_yaml(&self) -> String {
        let text = |t: &str| serde_json::Value::from(t).to_string();
        let moment = |m: &Moment| serde_json::to_string(m).unwrap_or_default();
        let mut out = format!("pickup_storyboard: {STORYBOARD_VERSION}\n");
        if !self.title.is_empty() {
            let _ = writeln!(out, "title: {}", text(&self.title));
        }
        out.push_str("shots:\n");
        for shot in &self.shots {
            let _ = writeln!(out, "  - name: {}", text(&shot.name));
            if let Some(length) = &shot.length {
                let _ = writeln!(out, "    length: {}", moment(length));
            }
            out.push_str(if shot.rows.is_empty() { "    rows: []\n" } else { "    rows:\n" });
            for row in &shot.rows {
                let _ = writeln!(out, "      - time: {}", moment(&row.time));
                let camera = row.camera.and_then(|c| serde_json::to_string(&c).ok());
                let still = row.still.as_ref().map(|s| text(&s.to_string_lossy()));
                let words = |t: &str| (!t.is_empty()).then(|| text(t));
                let fields = [("prompt", words(&row.prompt)), ("still", still), ("camera", camera), ("sound", words(&row.sound))];
                for (key, value) in fields {
                    if let Some(value) = value {
                        let _ = writeln!(out, "        {key}: {value}");
                    }
                }
            }
        }
        out
    }

    /// Writes the board as YAML, whole or not at all.
    pub fn write(&self, path: &Path) -> Result<(), Error> {
        crate::durable::write_whole(path, &self.to_yaml()).map_err(|why| Error::Write { path: path.to_owned(), why })
    }
}

impl Shot {
    /// The rows at a frame rate; `frames` where the length is known from elsewhere.
    pub fn script(&self, rate: Rate, frames: Option<u32>) -> Result<Script, Error> {
        let wrong = |what: String| Error::Storyboard { what: format!("the shot '{}' {what}", self.name) };
        let own = match &self.length {
            Some(length) => Some(length.frames(rate).filter(|n| *n > 0).ok_or_else(|| wrong(format!("has no length: {length:?}")))?),
            None => None,
        };
        let standard = rate.frames_in(Seconds(ESTABLISHING_SECONDS)).clamp(1, i64::from(u32::MAX)) as u32;
        let mut script = Script { name: self.name.clone(), frames: frames.or(own).unwrap_or(standard), ..Script::default() };
        let mut rows = Vec::with_capacity(self.rows.len());
        for row in &self.rows {
            let at = row.time.frames(rate).ok_or_else(|| {
                wrong(format!("has a row at {:?}: write seconds (2.5), frames (60f) or a timecode (00:00:02:12)", row.time))
            })?;
            if at >= script.frames {
                return Err(wrong(format!("has a row at frame {at} and ends after {} frames", script.frames)));
            }
            rows.push((at, row));
        }
        rows.sort_by_key(|(at, _)| *at);
        for (at, row) in rows {
            if let Some(still) = &row.still {
                script.keyframes.push(Keyframe { frame: at, path: still.clone() });
            }
            let words = row.words(at > 0);
            match at {
                0 => {
                    script.camera = row.camera.or(script.camera);
                    script.prompt = [std::mem::take(&mut script.prompt), words].join(" ").trim().to_owned();
                }
                _ if words.is_empty() => {}
                frame => script.beats.push(Beat { frame, prompt: words }),
            }
        }
        Ok(script)
    }
}

impl Row {
    /// What is seen and heard, in one breath: models of the LTX family read both from the prompt.
    fn words(&self, with_camera: bool) -> String {
        let mut parts = vec![sentence(&self.prompt)];
        if with_camera {
            parts.extend(self.camera.and_then(camera_words).map(String::from));
        }
        if !self.sound.trim().is_empty() {
            parts.push(format!("Sound: {}", sentence(&self.sound)));
        }
        parts.retain(|p| !p.is_empty());
        parts.join(" ")
    }
}

/// Closes a sentence that is open.
fn sentence(text: &str) -> String {
    let text = text.split_whitespace().collect::<Vec<_>>().join(" ");
    let is_open = text.chars().last().is_some_and(|c| c.is_alphanumeric() || c == ')');
    if is_open { text + "." } else { text }
}

const fn camera_words(camera: Camera) -> Option<&'static str> {
    Some(match camera {
        Camera::Auto => return None,
        Camera::Still => "The camera holds still.",
        Camera::Push => "The camera pushes in slowly.",
        Camera::Pull => "The camera pulls back slowly.",
        Camera::PanLeft => "The camera pans left.",
        Camera::PanRight => "The camera pans right.",
        Camera::TiltUp => "The camera tilts up.",
        Camera::TiltDown => "The camera tilts down.",
    })
}

const fn version() -> u32 {
    STORYBOARD_VERSION
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use proptest::prelude::*;

    use super::*;

    const BOARD: &str = "
title: The harbour
length: 4
rows:
  - {time: 0, prompt: wide aerial of a harbour at dusk, camera: push, sound: gulls}
  - {time: 00:00:02:12, prompt: a boat turns, camera: pan-left}
  - {time: 72f, still: stills/end.png}
";

    #[test]
    fn rows_become_the_words_of_a_request() {
        let board = Storyboard::parse(BOARD).unwrap();
        let script = board.shots[0].script(Rate::whole(24), None).unwrap();
        assert_eq!((script.frames, script.camera), (96, Some(Camera::Push)));
        assert_eq!(script.prompt, "wide aerial of a harbour at dusk. Sound: gulls.");
        assert_eq!(script.beats, [Beat { frame: 60, prompt: "a boat turns. The camera pans left.".into() }]);
        assert_eq!(script.keyframes, [Keyframe { frame: 72, path: "stills/end.png".into() }]);
        // The same board as JSON.
        let json = serde_json::to_string(&board).unwrap();
        assert_eq!(Storyboard::parse(&json).unwrap(), board);
        assert_eq!(Storyboard::parse(&board.to_yaml()).unwrap(), board);
    }

    #[test]
    fn what_is_wrong_is_said() {
        for (text, expected) in [
            ("rows: []", "neither rows nor shots"),
            ("pickup_storyboard: 9\nrows: [{prompt: x}]", "version 9"),
            ("rows: [{prompt: x, when: 3}]", "when"),
            ("rows: [{prompt: x}]\nshots: [{rows: []}]", "rows of its own and shots"),
            ("rows: [{prompt: x", ""),
            ("", ""),
        ] {
            let error = Storyboard::parse(text).unwrap_err().to_string();
            assert!(error.contains(expected), "{text}: {error}");
        }
        let late = Storyboard::parse("length: 1\nrows: [{time: 2, prompt: x}]").unwrap();
        let error = late.shots[0].script(Rate::whole(24), None).unwrap_err().to_string();
        assert!(error.contains("frame 48") && error.contains("24 frames"), "{error}");
        let odd = Storyboard::parse("rows: [{time: soon, prompt: x}]").unwrap();
        assert!(odd.shots[0].script(Rate::whole(24), None).is_err());
    }

    proptest! {
        #[test]
        fn any_text_is_read_or_refused(text in ".{0,80}", time in -1e9f64..1e9) {
            let _ = Storyboard::parse(&text);
            let shot = Shot { rows: vec![Row { time: Moment::Seconds(time), ..Row::default() }], ..Shot::default() };
            let _ = shot.script(Rate::whole(24), None);
            let words = Row { time: Moment::Words(text), ..Row::default() };
            let _ = Shot { rows: vec![words], ..Shot::default() }.script(Rate::whole(30), None);
        }
    }
}
