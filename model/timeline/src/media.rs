//! What a clip's media reference says: which file, whether it is there, and where its frames begin.

use std::path::{Path, PathBuf};

use crate::error::Error;
use crate::json::Node;
use crate::time::{Range, Time};
use crate::url::{Target, target};

/// How references are looked up.
pub(crate) struct Finder<'a> {
    /// The folder that relative addresses are seen from.
    pub folder: Option<&'a Path>,
    pub exists: &'a dyn Fn(&Path) -> bool,
}

/// A clip's media.
pub(crate) enum Media {
    /// It cannot be shown: no reference, or no file. The address, if there is one.
    Offline(Option<String>),
    /// It shows a picture that is no file: a generator, a web address, a schema that we do not know.
    Opaque,
    /// A file or an image sequence.
    File(File),
}

pub(crate) struct File {
    /// The file, or a pattern such as `shot.%06d.exr`.
    pub path: PathBuf,
    pub available: Option<Range>,
    /// Frames per second of an image sequence.
    pub sequence_rate: Option<f64>,
    /// Time steps for each image of a sequence, mostly 1.
    pub step: f64,
}

/// The reference a clip shows: the only one of a `Clip.1`, the active one of a `Clip.2`.
pub(crate) fn active<'v>(clip: &Node<'v>) -> Option<Node<'v>> {
    if let Some(references) = clip.get("media_references") {
        let key = match clip.text("active_media_reference_key") {
            "" => "DEFAULT_MEDIA",
            key => key,
        };
        return references.value.get(key).map(|value| Node { value, ..references.clone() });
    }
    clip.get("media_reference")
}

/// The stretch of media a clip can show, if the file says.
pub(crate) fn available(clip: &Node<'_>) -> Result<Option<Range>, Error> {
    active(clip).map_or(Ok(None), |r| Range::of(&r, "available_range"))
}

impl Finder<'_> {
    pub fn look_up(&self, clip: &Node<'_>, used: Option<Range>) -> Result<Media, Error> {
        let Some(reference) = active(clip) else { return Ok(Media::Offline(None)) };
        let available = Range::of(&reference, "available_range")?;
        match reference.schema() {
            "MissingReference" => Ok(Media::Offline(None)),
            "ExternalReference" => {
                let url = reference.text("target_url");
                if url.is_empty() {
                    return Ok(Media::Offline(None));
                }
                Ok(match self.first_that_exists(target(url, self.folder), |p| vec![p.to_path_buf()]) {
                    Found::Path(path) => Media::File(File { path, available, sequence_rate: None, step: 1.0 }),
                    Found::Absent => Media::Offline(Some(url.to_owned())),
                    Found::Elsewhere => Media::Opaque,
                })
            }
            "ImageSequenceReference" => self.sequence(&reference, available, used),
            // A generator makes its picture; a schema that we do not know may, and what we do not understand is left alone.
            _ => Ok(Media::Opaque),
        }
    }

    fn sequence(&self, reference: &Node<'_>, available: Option<Range>, used: Option<Range>) -> Result<Media, Error> {
        let whole = |key: &'static str, default: i64| match reference.get(key) {
            None => Ok(default),
            Some(n) => n.value.as_i64().filter(|n| n.abs() < 1 << 40).ok_or_else(|| n.unexpected("a whole number")),
        };
        let (first, step, padding) = (whole("start_frame", 1)?, whole("frame_step", 1)?.max(1), whole("frame_zero_padding", 0)?);
        if !(0..=20).contains(&padding) {
            return Err(Error::Time { place: format!("{}.frame_zero_padding", reference.place), what: format!("{padding} digits") });
        }
        let rate = match reference.get("rate") {
            Some(n) => n
                .value
                .as_f64()
                .filter(|r| r.is_finite() && *r > 0.0 && *r <= 1000.0)
                .ok_or_else(|| Error::Time { place: n.place.to_string(), what: "it is no frame rate".into() })?,
            None => available.map_or(24.0, |a| a.duration.rate),
        };
        let (prefix, suffix) = (reference.text("name_prefix"), reference.text("name_suffix"));
        let base = reference.text("target_url_base");
        let slash = if base.is_empty() || base.ends_with('/') { "" } else { "/" };
        // A percent sign of the name itself must not read as part of the pattern's number.
        let url = format!("{base}{slash}{prefix}\u{1}{suffix}");
        let width = padding as usize;
        // The images at both ends of what the clip shows: a sequence that is still being rendered is offline.
        let offset = |range: Range| {
            let images = (range.start.seconds() - available.map_or(0.0, |a| a.start.seconds())) * rate / step as f64;
            (images, (range.duration.seconds() * rate / step as f64 - 1e-6).ceil().max(1.0))
        };
        let numbers = match used.or(available).map(offset) {
            // Ten frames in seconds and back are 9.999…: a hair below a whole number is that number.
            Some((start, count)) => [start, start + count - 1.0].map(|i| first + ((i + 1e-6).floor() as i64).max(0) * step),
            None => [first, first],
        };
        let files = |p: &Path| match p.to_str() {
            Some(text) => numbers.iter().map(|n| PathBuf::from(text.replace('\u{1}', &format!("{n:0width$}")))).collect(),
            None => Vec::new(),
        };
        Ok(match self.first_that_exists(target(&url, self.folder), files) {
            Found::Path(path) => {
                let number = if width == 0 { "%d".into() } else { format!("%0{width}d") };
                let path = path.to_str().map(|t| t.replace('\u{1}', &number)).unwrap_or_default().into();
                Media::File(File { path, available, sequence_rate: Some(rate), step: step as f64 })
            }
            Found::Absent => Media::Offline(Some(url.replace('\u{1}', &format!("{first:0width$}")))),
            Found::Elsewhere => Media::Opaque,
        })
    }

    fn first_that_exists(&self, target: Target, files: impl Fn(&Path) -> Vec<PathBuf>) -> Found {
        let Target::File(paths) = target else { return Found::Elsewhere };
        let there = |p: &PathBuf| {
            let files = files(p);
            !files.is_empty() && files.iter().all(|f| (self.exists)(f))
        };
        paths.into_iter().find(there).map_or(Found::Absent, Found::Path)
    }
}

enum Found {
    Path(PathBuf),
    Absent,
    Elsewhere,
}

/// How much time passes in the media for each moment of the timeline, and whether it stands still: time warps multiply.
pub(crate) fn speed(item: &Node<'_>) -> Result<f64, Error> {
    let mut speed = 1.0;
    for effect in item.list("effects").filter(Node::is_enabled) {
        match effect.schema() {
            "FreezeFrame" => speed = 0.0,
            "LinearTimeWarp" => {
                let scalar = effect.value.get("time_scalar").and_then(serde_json::Value::as_f64).unwrap_or(1.0);
                if !scalar.is_finite() || scalar.abs() > 1e4 {
                    return Err(Error::Time { place: format!("{}.time_scalar", effect.place), what: format!("a speed of {scalar}") });
                }
                speed *= scalar;
            }
            _ => {}
        }
    }
    Ok(speed)
}

/// The first moment of a clip in its media, and where the media itself begins.
pub(crate) fn starts(source: Option<Range>, available: Option<Range>) -> (Option<Time>, Option<Time>) {
    (source.map(|s| s.start).or(available.map(|a| a.start)), available.map(|a| a.start))
}
