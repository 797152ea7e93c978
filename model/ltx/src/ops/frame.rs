//! One picture of a stream: rows of pixels, a pixel's channels next to each other.

/// A frame in f32, `[height, width, channels]`.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Frame {
    /// Rows.
    pub height: usize,
    /// Pixels in a row.
    pub width: usize,
    /// Values of a pixel.
    pub channels: usize,
    /// The values.
    pub data: Vec<f32>,
}

impl Frame {
    /// A frame of zeros.
    pub fn zeros(height: usize, width: usize, channels: usize) -> Self {
        Self { height, width, channels, data: vec![0.0; height * width * channels] }
    }

    /// A frame with these values.
    ///
    /// # Panics
    /// When there are more or fewer.
    pub fn new(height: usize, width: usize, channels: usize, data: Vec<f32>) -> Self {
        assert_eq!(data.len(), height * width * channels);
        Self { height, width, channels, data }
    }

    /// Pixels.
    pub fn pixels(&self) -> usize {
        self.height * self.width
    }

    /// Values of a row.
    pub fn row(&self) -> usize {
        self.width * self.channels
    }
}
