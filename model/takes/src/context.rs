//! Handle frames that the effect captured from its host, kept where the worker finds them.

use std::fs;
use std::path::PathBuf;

use shot::{Key, Picture};

use crate::durable;
use crate::error::{Error, Result};
use crate::exr::{self, FrameTags};
use crate::store::{Place, Store};

/// Which frames of a context.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Part {
    /// Before the hole.
    Tail,
    /// After the hole.
    Head,
    /// The clip that is worked on.
    Clip,
    /// A reference shot, counted from 0.
    Like(u8),
    /// A still.
    Still,
}

impl Part {
    fn word(self) -> String {
        match self {
            Self::Tail => "tail".into(),
            Self::Head => "head".into(),
            Self::Clip => "clip".into(),
            Self::Like(n) => format!("like{n}"),
            Self::Still => "still".into(),
        }
    }
}

impl Store {
    /// The folder of a captured context. `key` is the hash of what was captured.
    pub fn context_folder(&self, key: &Key) -> PathBuf {
        self.place(Place::Context).join(key.to_string())
    }

    /// Where a captured frame lies, `index` counted from 0 in time order.
    pub fn context_frame(&self, key: &Key, part: Part, index: u32) -> PathBuf {
        self.context_folder(key).join(format!("{}.{index:06}.exr", part.word()))
    }

    /// The pattern of all frames of a part, for [`shot::ClipRef::path`].
    pub fn context_pattern(&self, key: &Key, part: Part) -> PathBuf {
        self.context_folder(key).join(format!("{}.%06d.exr", part.word()))
    }

    /// Keeps a captured frame, in one step; where it is already, nothing is done. Returns its file.
    pub fn put_context_frame(&self, key: &Key, part: Part, index: u32, picture: &Picture, tags: &FrameTags) -> Result<PathBuf> {
        let path = self.context_frame(key, part, index);
        if path.is_file() {
            return Ok(path);
        }
        durable::make_folder(&self.context_folder(key))?;
        let temporary = durable::beside(&path);
        let done = exr::write(&temporary, picture, tags).and_then(|()| {
            durable::sync_file(&temporary)?;
            fs::rename(&temporary, &path).map_err(|e| Error::write(&path, 0, e))
        });
        if done.is_err() {
            let _ = fs::remove_file(&temporary);
        }
        done.map(|()| path)
    }
}
