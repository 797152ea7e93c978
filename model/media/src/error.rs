//! What can go wrong with files and with the ffmpeg executables, and what an editor does about it.

use std::io;
use std::path::{Path, PathBuf};

use shot::{Code, Fault, Size};

/// The errors of this crate. Every variant carries the facts a person needs to find the file and mend it.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// An ffmpeg executable is not on this machine.
    #[error("the program {tool} was not found ({looked})")]
    ToolMissing {
        /// `ffmpeg` or `ffprobe`.
        tool: &'static str,
        /// Where it was looked for.
        looked: String,
    },
    /// An ffmpeg executable could not be started, or was killed from outside.
    #[error("{tool} stopped while it worked on {}: {said}", path.display())]
    ToolStopped {
        /// Which of them.
        tool: &'static str,
        /// The file it worked on.
        path: PathBuf,
        /// The last lines it wrote, or how it ended.
        said: String,
    },
    /// There is no such file.
    #[error("there is no file {}", path.display())]
    NotFound {
        /// What was asked for.
        path: PathBuf,
    },
    /// A folder, pipe or device stands where a file should be.
    #[error("{} is not a file", path.display())]
    NotAFile {
        /// What was asked for.
        path: PathBuf,
    },
    /// The operating system refused to read.
    #[error("{} cannot be read: {source}", path.display())]
    Read {
        /// What was read.
        path: PathBuf,
        /// Why not.
        source: io::Error,
    },
    /// The file is neither video, picture nor sound, or it is damaged beyond its start.
    #[error("{} cannot be understood: {said}", path.display())]
    NotMedia {
        /// The file.
        path: PathBuf,
        /// What the decoder said.
        said: String,
    },
    /// A file without moving pictures.
    #[error("{} holds no picture", path.display())]
    NoPicture {
        /// The file.
        path: PathBuf,
    },
    /// A video stream from which no frame can be decoded.
    #[error("no frame can be decoded from {}", path.display())]
    NoFrames {
        /// The file.
        path: PathBuf,
    },
    /// The file ends before it should.
    #[error("{} is cut off: its last good frame is {}{}", path.display(), good.saturating_sub(1), declared.map(|d| format!(" of {d} frames")).unwrap_or_default())]
    Truncated {
        /// The file.
        path: PathBuf,
        /// Frames that are there: 0 to good − 1.
        good: u64,
        /// Frames its header speaks of, where it does.
        declared: Option<u64>,
    },
    /// Decoding ended early.
    #[error("{} could not be decoded beyond frame {}: {said}", path.display(), frame.saturating_sub(1))]
    Broken {
        /// The file.
        path: PathBuf,
        /// The frame that did not come.
        frame: u64,
        /// What the decoder said.
        said: String,
    },
    /// Frames were asked for that the file does not have.
    #[error("frames {start} to {end} were asked for, but {} has {frames} (0 to {})", path.display(), frames.saturating_sub(1))]
    OutOfRange {
        /// The file.
        path: PathBuf,
        /// First frame asked for.
        start: i64,
        /// The exclusive end of what was asked for.
        end: i64,
        /// Frames that are there.
        frames: u64,
    },
    /// A picture without pixels or one beyond what Pickup works on.
    #[error("{} is a picture of {size} pixels, which cannot be worked on", path.display())]
    BadSize {
        /// The file.
        path: PathBuf,
        /// Its size.
        size: Size,
    },
    /// A number is missing in an image sequence.
    #[error("the image sequence has a gap: there is no file {}", path.display())]
    Gap {
        /// The missing file.
        path: PathBuf,
    },
    /// No file matches a pattern.
    #[error("no file matches the pattern {}", pattern.display())]
    NoMatch {
        /// The pattern.
        pattern: PathBuf,
    },
    /// An image of a sequence differs in size from the first.
    #[error("{} is {got}, but the sequence began with {expected}", path.display())]
    SizeChanged {
        /// The odd one.
        path: PathBuf,
        /// Its size.
        got: Size,
        /// The size of the first.
        expected: Size,
    },
    /// More sound than can be held in memory.
    #[error("{} holds {seconds:.0} seconds of sound, more than can be taken at once", path.display())]
    SoundTooLong {
        /// The file.
        path: PathBuf,
        /// How long it is.
        seconds: f64,
    },
    /// The operating system refused to write.
    #[error("{} cannot be written: {source}", path.display())]
    Write {
        /// What was written.
        path: PathBuf,
        /// Why not.
        source: io::Error,
    },
    /// ffmpeg could not encode.
    #[error("{} could not be encoded: {said}", path.display())]
    Encode {
        /// What was to be written.
        path: PathBuf,
        /// What ffmpeg said.
        said: String,
    },
    /// A folder that holds something which Pickup did not write would be replaced.
    #[error("the folder {} holds {name}, which is not one of Pickup's frames", folder.display())]
    Foreign {
        /// The folder.
        folder: PathBuf,
        /// The first foreign entry.
        name: String,
    },
    /// A folder stands where a file is to be written, or the other way round.
    #[error("{} is {is}, but {wanted} is to be written there", path.display())]
    WrongKind {
        /// The place.
        path: PathBuf,
        /// What is there.
        is: &'static str,
        /// What should come there.
        wanted: &'static str,
    },
    /// The name of the output says a kind of file that Pickup does not write.
    #[error("Pickup does not write files of the kind of {}", path.display())]
    UnknownKind {
        /// The place.
        path: PathBuf,
    },
    /// Several frames for one image file.
    #[error("{} can hold one frame, but more were made", path.display())]
    OneFrameOnly {
        /// The place.
        path: PathBuf,
    },
    /// A picture or sound that does not fit what was announced, or none at all.
    #[error("{what}")]
    Contract {
        /// What does not fit.
        what: String,
    },
    /// A sound file that is not what its header says.
    #[error("{} is not a sound file that can be read: {why}", path.display())]
    Wave {
        /// The file.
        path: PathBuf,
        /// What is wrong.
        why: String,
    },
}

/// What functions of this crate return.
pub type Result<T, E = Error> = std::result::Result<T, E>;

impl Error {
    /// Turns an error of reading `path` into ours; a missing file is told apart.
    pub(crate) fn read(path: &Path, source: io::Error) -> Self {
        match source.kind() {
            io::ErrorKind::NotFound => Self::NotFound { path: path.to_owned() },
            io::ErrorKind::IsADirectory => Self::NotAFile { path: path.to_owned() },
            _ => Self::Read { path: path.to_owned(), source },
        }
    }

    /// Turns an error of writing `path` into ours.
    pub(crate) fn write(path: &Path, source: io::Error) -> Self {
        Self::Write { path: path.to_owned(), source }
    }

    fn code(&self) -> Code {
        match self {
            Self::ToolMissing { .. } => Code::Missing,
            Self::OutOfRange { .. } | Self::OneFrameOnly { .. } | Self::UnknownKind { .. } | Self::WrongKind { .. } => Code::Argument,
            Self::Write { .. } | Self::Encode { .. } | Self::Foreign { .. } => Code::Output,
            Self::Contract { .. } => Code::Internal,
            _ => Code::Input,
        }
    }

    fn remedy(&self) -> String {
        match self {
            Self::ToolMissing { tool, .. } => format!(
                "install ffmpeg (Debian, Ubuntu: sudo apt install ffmpeg; macOS: brew install ffmpeg), or name the program in PICKUP_{}",
                tool.to_uppercase()
            ),
            Self::ToolStopped { tool, .. } => {
                format!("start it again; if it stops again, try the file with {tool} itself, and see whether memory is short")
            }
            Self::NotFound { .. } => "check the path; quote it if it holds spaces".into(),
            Self::NotAFile { .. } => "name a file, or an image sequence as FOLDER/NAME.%06d.png".into(),
            Self::Read { .. } => "check the permissions of the file and whether its drive is connected".into(),
            Self::NotMedia { .. } => {
                "check that it plays in a player; camera originals such as BRAW or R3D must come through the host".into()
            }
            Self::NoPicture { .. } => "name a file with moving pictures, an image, or an image sequence".into(),
            Self::NoFrames { .. } => "copy or export the file again".into(),
            Self::Truncated { good: 0, .. } => "copy the file again from its source".into(),
            Self::Truncated { good, .. } => format!("copy the file again from its source, or use its good frames alone: FILE@0-{good}"),
            Self::Broken { frame: 0, .. } => "copy or export the file again".into(),
            Self::Broken { frame, .. } => format!("copy or export the file again, or use its good frames alone: FILE@0-{frame}"),
            Self::OutOfRange { frames, .. } => format!("give frames from 0 to {frames}; the out point is exclusive"),
            Self::BadSize { .. } => format!("scale it to at most {0}×{0}", shot::picture::MAX_SIDE),
            Self::Gap { .. } => "render the missing frame, or give a span without it: PATTERN@IN-OUT".into(),
            Self::NoMatch { .. } => "check the folder and the number of digits: %06d or ###### stands for six".into(),
            Self::SizeChanged { .. } => "render the sequence in one size".into(),
            Self::SoundTooLong { .. } => "give a start and a length".into(),
            Self::Write { source, .. } => match source.kind() {
                io::ErrorKind::StorageFull | io::ErrorKind::QuotaExceeded | io::ErrorKind::FileTooLarge => {
                    "free some space, or write to another drive; nothing was left behind".into()
                }
                io::ErrorKind::NotFound => "make the folder first".into(),
                io::ErrorKind::PermissionDenied | io::ErrorKind::ReadOnlyFilesystem => "choose a folder you may write to".into(),
                _ => "check the drive, or write to another place; nothing was left behind".into(),
            },
            Self::Encode { said, .. } if said.contains("No space left") || said.contains("File too large") => {
                "free some space, or write to another drive; nothing was left behind".into()
            }
            Self::Encode { .. } => {
                "write frames into a folder instead (name OUT without an extension), or install a full build of ffmpeg".into()
            }
            Self::Foreign { .. } => "choose a new folder, or empty this one yourself".into(),
            Self::WrongKind { .. } => "choose another name".into(),
            Self::UnknownKind { .. } => "end the name in .mov, .mp4, .png, .exr or .tif, or give a folder's name without a dot".into(),
            Self::OneFrameOnly { .. } => "ask for one frame, or give a folder's name for the frames".into(),
            Self::Contract { .. } => "this is a mistake in Pickup: please report it with the log".into(),
            Self::Wave { .. } => "check that it plays in a player, or convert it: ffmpeg -i FILE -c:a pcm_s24le OUT.wav".into(),
        }
    }
}

impl From<Error> for Fault {
    fn from(error: Error) -> Self {
        Self::new(error.code(), error.to_string(), error.remedy())
    }
}
