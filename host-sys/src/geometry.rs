//! Rectangles, ranges and scales as OpenFX means them: x to the right, y upward, the upper bound exclusive.

use crate::raw;

/// A rectangle of pixels.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub struct RectI {
    /// Left edge.
    pub x1: i32,
    /// Lower edge.
    pub y1: i32,
    /// Right edge, exclusive.
    pub x2: i32,
    /// Upper edge, exclusive.
    pub y2: i32,
}

impl RectI {
    /// From its edges.
    pub const fn new(x1: i32, y1: i32, x2: i32, y2: i32) -> Self {
        Self { x1, y1, x2, y2 }
    }

    /// True when it holds no pixel.
    pub const fn is_empty(self) -> bool {
        self.x2 <= self.x1 || self.y2 <= self.y1
    }

    /// Pixels in a row; 0 for an empty one. Never overflows.
    pub const fn width(self) -> u32 {
        if self.x2 > self.x1 { self.x2.abs_diff(self.x1) } else { 0 }
    }

    /// Rows; 0 for an empty one. Never overflows.
    pub const fn height(self) -> u32 {
        if self.y2 > self.y1 { self.y2.abs_diff(self.y1) } else { 0 }
    }

    /// What both hold.
    pub fn intersect(self, other: Self) -> Self {
        Self { x1: self.x1.max(other.x1), y1: self.y1.max(other.y1), x2: self.x2.min(other.x2), y2: self.y2.min(other.y2) }
    }

    /// Whether all of `other` is inside.
    pub const fn contains(self, other: Self) -> bool {
        other.is_empty() || (self.x1 <= other.x1 && self.y1 <= other.y1 && self.x2 >= other.x2 && self.y2 >= other.y2)
    }
}

impl From<[i32; 4]> for RectI {
    fn from([x1, y1, x2, y2]: [i32; 4]) -> Self {
        Self { x1, y1, x2, y2 }
    }
}

/// A rectangle in canonical coordinates.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct RectD {
    /// Left edge.
    pub x1: f64,
    /// Lower edge.
    pub y1: f64,
    /// Right edge.
    pub x2: f64,
    /// Upper edge.
    pub y2: f64,
}

impl RectD {
    /// From its edges.
    pub const fn new(x1: f64, y1: f64, x2: f64, y2: f64) -> Self {
        Self { x1, y1, x2, y2 }
    }

    /// Width; below zero for a rectangle upside down.
    pub fn width(self) -> f64 {
        self.x2 - self.x1
    }

    /// Height; below zero for a rectangle upside down.
    pub fn height(self) -> f64 {
        self.y2 - self.y1
    }

    /// True when it has an area and all its edges are numbers.
    pub fn is_usable(self) -> bool {
        [self.x1, self.y1, self.x2, self.y2].iter().all(|v| v.is_finite()) && self.width() > 0.0 && self.height() > 0.0
    }

    pub(crate) const fn to_raw(self) -> raw::OfxRectD {
        raw::OfxRectD { x1: self.x1, y1: self.y1, x2: self.x2, y2: self.y2 }
    }
}

impl From<[f64; 4]> for RectD {
    fn from([x1, y1, x2, y2]: [f64; 4]) -> Self {
        Self { x1, y1, x2, y2 }
    }
}

/// A range of times, both ends inclusive, as hosts give it.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Range {
    /// First.
    pub min: f64,
    /// Last.
    pub max: f64,
}
