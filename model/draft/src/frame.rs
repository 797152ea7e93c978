//! A context frame made ready for motion search.

use std::sync::Arc;

use shot::{ColourSpace, Fault, Frames, Picture};

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
    /// True in scene-linear light.
    pub linear: bool,
}

impl Frame {
    /// Heals the picture and builds its pyramid.
    pub fn new(original: Arc<Picture>, space: ColourSpace) -> Self {
        let picture = healed(&original);
        let pyramid = Pyramid::new(luma(&picture, space));
        Self { original, picture, pyramid, linear: space.is_linear() }
    }

    /// Reads frame `index` of a side.
    pub fn read(frames: &dyn Frames, index: usize, space: ColourSpace) -> Result<Arc<Self>, Fault> {
        Ok(Arc::new(Self::new(frames.frame(index)?, space)))
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
