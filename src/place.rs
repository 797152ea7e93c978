//! Where things are on this machine, and what commands share before a request exists.

use std::path::{Path, PathBuf};

use shot::{
    Beat, ClipRef, Code, ColourSpace, Fault, FrameIndex, Keyframe, Quality, Rate, Request, Seconds, SoundMode, SoundRef, Span, Timecode,
};

use crate::cli::{AtFrame, Common, Length, QualityArg, SoundArg};
use crate::job::Place;

/// Sound context on each side, in seconds: long enough to hear an ambience, short enough not to reach into another scene.
const SOUND_CONTEXT: f64 = 10.0;

/// Finds the tools and opens the take store.
pub fn open(common: &Common) -> Result<Place, Fault> {
    Ok(Place { tools: media::Tools::find()?, store: store(common.takes_dir.as_deref())?, model: common.model.clone() })
}

/// Opens the take store: the folder given, else PICKUP_TAKES, else the user's data folder.
pub fn store(takes_dir: Option<&Path>) -> Result<takes::Store, Fault> {
    let root = match takes_dir {
        Some(dir) => absolute(dir)?,
        None => takes::default_root()?,
    };
    Ok(takes::Store::open(&root)?)
}

/// A path that stays right when the worker runs elsewhere.
pub fn absolute(path: &Path) -> Result<PathBuf, Fault> {
    std::path::absolute(path)
        .map_err(|e| Fault::new(Code::Input, format!("{} is not a path: {e}", path.display()), "give the name of a file or folder"))
}

/// A clip with what is known of it.
pub struct Known {
    /// By name; the path is absolute.
    pub clip: ClipRef,
    /// What ffprobe says.
    pub info: media::ClipInfo,
}

impl Known {
    /// Probes a clip; a span that reaches beyond it is refused by name.
    pub fn probe(tools: &media::Tools, clip: &ClipRef, colour: Option<ColourSpace>) -> Result<Self, Fault> {
        let clip = ClipRef { path: absolute(&clip.path)?, ..clip.clone() };
        let mut info = tools.probe(&clip)?;
        if let Some(colour) = colour {
            info.colour = colour;
        }
        Ok(Self { clip, info })
    }

    /// The frames that are meant, counted from 0 in the file.
    pub fn span(&self) -> Result<Span, Fault> {
        self.clip.span.map_or_else(|| Span::new(FrameIndex(0), FrameIndex(self.info.frames as i64)), Ok)
    }

    /// Some of its frames, as a reference in a request whose context has the encoding `colour`.
    pub fn part(&self, start: i64, end: i64, colour: ColourSpace) -> Result<ClipRef, Fault> {
        Ok(ClipRef {
            span: Some(Span::new(FrameIndex(start), FrameIndex(end))?),
            colour: (self.info.colour != colour).then_some(self.info.colour),
            ..self.clip.clone()
        })
    }

    /// Its sound before frame `at`.
    pub fn sound_before(&self, at: i64) -> Option<SoundRef> {
        let end = self.info.rate.seconds(at).0;
        let start = (end - SOUND_CONTEXT).max(0.0);
        (self.info.sound.is_some() && end > start).then(|| SoundRef {
            path: self.clip.path.clone(),
            start: Seconds(start),
            length: Some(Seconds(end - start)),
        })
    }

    /// Its sound from frame `at` on.
    pub fn sound_after(&self, at: i64) -> Option<SoundRef> {
        let start = self.info.rate.seconds(at).0;
        self.info.sound.as_ref().map(|_| SoundRef {
            path: self.clip.path.clone(),
            start: Seconds(start),
            length: Some(Seconds(SOUND_CONTEXT)),
        })
    }
}

/// The length in frames.
pub fn frames(length: Length, rate: Rate) -> Result<u32, Fault> {
    let n = match (length.frames, length.seconds) {
        (Some(n), _) => i64::from(n),
        (None, Some(s)) if s.is_finite() && s > 0.0 => rate.frames_in(Seconds(s)),
        (None, s) => {
            return Err(Fault::new(
                Code::Argument,
                format!("a length of {} s makes no shot", s.unwrap_or(0.0)),
                "give --frames of at least 1 or --seconds above 0",
            ));
        }
    };
    u32::try_from(n)
        .ok()
        .filter(|n| (1..=shot::request::MAX_FRAMES).contains(n))
        .ok_or_else(|| Fault::new(Code::Argument, format!("a shot of {n} frames cannot be made"), "ask for 1 frame to 1 hour"))
}

/// Puts the options of every shot into a request. `handles` is the default number of handle frames.
pub fn apply(request: &mut Request, common: &Common, handles: u32) {
    request.prompt.clone_from(&common.prompt);
    request.negative.clone_from(&common.negative);
    request.storyboard = common.beat.iter().map(|b| Beat { frame: b.frame, prompt: b.what.clone() }).collect();
    request.storyboard.sort_by_key(|b| b.frame);
    let still = |k: &AtFrame| {
        let path = PathBuf::from(&k.what);
        Keyframe { frame: k.frame, path: std::path::absolute(&path).unwrap_or(path) }
    };
    request.context.keyframes = common.keyframe.iter().map(still).collect();
    request.context.keyframes.sort_by_key(|k| k.frame);
    request.seed = common.seed;
    request.handles = common.handles.unwrap_or(handles);
    request.engine = common.engine.0.clone();
    request.quality = match common.quality {
        QualityArg::Draft => Quality::Draft,
        QualityArg::Preview => Quality::Preview,
        QualityArg::Final => Quality::Final,
    };
    request.motion = common.motion;
    request.camera = common.camera;
    request.sound = match common.sound {
        SoundArg::Match => SoundMode::Match,
        SoundArg::None => SoundMode::None,
        SoundArg::Generate => SoundMode::Generate,
    };
}

/// The hour at which timelines begin by custom, in frames: what has no timecode of its own starts there, handles and all.
pub fn first_hour(rate: Rate) -> FrameIndex {
    FrameIndex(i64::from(rate.nominal()) * 3600)
}

/// Where the shot starts on the timeline: the timecode given, else that of frame `at` of a clip, else the first hour.
pub fn start(request: &mut Request, given: Option<&str>, known: Option<(&Known, i64)>) -> Result<(), Fault> {
    request.start = first_hour(request.rate);
    if let Some(text) = given {
        let tc = Timecode::parse(text, request.rate)?;
        request.start = tc.frame;
        request.drop_frame = tc.drop;
    } else if let Some((known, at)) = known
        && let Some(tc) = &known.info.start_timecode
        && tc.rate == request.rate
    {
        request.start = FrameIndex(tc.frame.0 + at);
        request.drop_frame = tc.drop;
    }
    Ok(())
}

/// Gives the made sound as many channels as the neighbours' sound has: stereo where they differ or none is heard.
pub fn set_channels(tools: &media::Tools, request: &mut Request) -> Result<(), Fault> {
    let sounds = [&request.context.tail.sound, &request.context.head.sound];
    let mut heard = Vec::new();
    for sound in sounds.into_iter().flatten() {
        // A moment of it says how many channels there are.
        let moment = SoundRef { length: Some(Seconds(0.05)), ..sound.clone() };
        heard.extend(tools.sound(&moment)?.map(|s| s.channels().len()));
    }
    request.channels = match heard[..] {
        [one] => one.clamp(1, 16) as u16,
        [a, b] if a == b => a.clamp(1, 16) as u16,
        _ => 2,
    };
    Ok(())
}
