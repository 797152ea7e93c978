//! A context frame made ready for motion search.

use std::sync::Arc;

use shot::{ColourSpace, Fault, Frames, Picture};

use crate::detail::Detail;
use crate::error::Error;
use crate::flow::Pyramid;
use crate::luma::luma;

/// A picture and the pyramid that motion is searched in.
pub struct Frame {
    /// The picture as it was given.
    pub original: Arc<Picture>,
    /// The picture without NaN and infinities; the same as `original` where there were none.
    pub picture: Arc<Picture>,
    /// Its luma, coarse to fine.
    pub pyramid: Pyramid,
    /// Where the picture has detail that a linear interpolation would soften.
    pub detail: Detail,
    /// True in scene-linear light.
    pub linear: bool,
}

impl Frame {
    /// Heals the picture and builds its pyramid.
    pub fn new(original: Arc<Picture>, space: ColourSpace) -> Self {
        let picture = healed(&original);
        let pyramid = Pyramid::new(luma(&picture, space));
        let detail = Detail::new(&picture);
        Self { original, picture, pyramid, detail, linear: space.is_linear() }
    }

    /// Reads frame `index` of a side.
    pub fn read(frames: &dyn Frames, index: usize, space: ColourSpace) -> Result<Arc<Self>, Fault> {
        let picture = frames.frame(index)?;
        let (got, expected) = (picture.size(), frames.size());
        if got != expected {
            return Err(Error::Size { side: "context", index, expected, got }.into());
        }
        Ok(Arc::new(Self::new(picture, space)))
    }
}

/// The picture without NaN and infinities; shared, not copied, where there are none.
pub fn healed(picture: &Arc<Picture>) -> Arc<Picture> {
    if picture.pixels().iter().flatten().all(|v| v.is_finite()) {
        return Arc::clone(picture);
    }
    let mut copy = Picture::clone(picture);
    copy.heal();
    Arc::new(copy)
}
