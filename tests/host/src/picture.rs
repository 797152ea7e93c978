//! Test pictures: clips whose every frame tells its time.

use std::fmt;
use std::sync::Arc;

use crate::buffer::{Buffer, Format, Rect, Rows};

/// A place in canonical coordinates.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Area {
    /// Left.
    pub x1: f64,
    /// Bottom.
    pub y1: f64,
    /// Right.
    pub x2: f64,
    /// Top.
    pub y2: f64,
}

impl Area {
    /// A place from its corners.
    pub const fn new(x1: f64, y1: f64, x2: f64, y2: f64) -> Self {
        Self { x1, y1, x2, y2 }
    }

    /// The pixels that cover it.
    pub fn pixels(&self, scale: (f64, f64), aspect: f64) -> Rect {
        // A hair is forgiven: 0.25 × 100 must not become 26 pixels.
        let down = |v: f64| (v + 1e-6).floor() as i32;
        let up = |v: f64| (v - 1e-6).ceil() as i32;
        Rect::new(down(self.x1 * scale.0 / aspect), down(self.y1 * scale.1), up(self.x2 * scale.0 / aspect), up(self.y2 * scale.1))
    }

    pub(crate) const fn as_doubles(&self) -> [f64; 4] {
        [self.x1, self.y1, self.x2, self.y2]
    }
}

/// Colour at a time and a place: red, green, blue not multiplied by alpha, and alpha.
pub type Pattern = Arc<dyn Fn(f64, f64, f64) -> [f32; 4] + Send + Sync>;

/// Side of the square in the lower left corner whose brightness tells the time.
const CLOCK: f64 = 16.0;

/// A clip that a test connects.
#[derive(Clone)]
pub struct TestClip {
    /// Region of definition.
    pub area: Area,
    /// First and last time it has frames for.
    pub range: (f64, f64),
    /// Frames per second.
    pub rate: f64,
    /// What it shows.
    pub pattern: Pattern,
}

impl fmt::Debug for TestClip {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("TestClip").field("area", &self.area).field("range", &self.range).field("rate", &self.rate).finish_non_exhaustive()
    }
}

impl TestClip {
    /// A textured scene that pans two pixels a frame, with its clock in the corner; `hue` tells clips apart.
    pub fn moving(width: f64, height: f64, hue: f32) -> Self {
        Self::with(width, height, move |time, x, y| {
            if (0.0..CLOCK).contains(&x) && (0.0..CLOCK).contains(&y) {
                let v = (time.rem_euclid(256.0) / 255.0) as f32;
                return [v, v, v, 1.0];
            }
            let x = x - 2.0 * time;
            let wave = |a: f64, b: f64, c: f64| ((x / a + y / b + c).sin() * 0.5 + 0.5) as f32;
            let fine = wave(5.3, 9.1, 0.7);
            [0.1 + 0.6 * wave(17.0, 31.0, 0.0) + 0.2 * fine, 0.1 + 0.5 * wave(-23.0, 19.0, 1.0) + 0.3 * hue, 0.2 + 0.5 * fine, 1.0]
        })
    }

    /// One colour for ever.
    pub fn plain(width: f64, height: f64, colour: [f32; 4]) -> Self {
        Self::with(width, height, move |_, _, _| colour)
    }

    /// A clip of a pattern: 100 frames from time 0 at 24 per second.
    pub fn with(width: f64, height: f64, pattern: impl Fn(f64, f64, f64) -> [f32; 4] + Send + Sync + 'static) -> Self {
        Self { area: Area::new(0.0, 0.0, width, height), range: (0.0, 99.0), rate: 24.0, pattern: Arc::new(pattern) }
    }

    /// The same with other times.
    pub fn ranging(self, first: f64, last: f64) -> Self {
        Self { range: (first, last), ..self }
    }

    /// The colour of a pixel: its centre is looked up.
    pub fn pixel(&self, time: f64, x: i32, y: i32, scale: (f64, f64), aspect: f64) -> [f32; 4] {
        (self.pattern)(time, (f64::from(x) + 0.5) * aspect / scale.0, (f64::from(y) + 0.5) / scale.1)
    }

    pub(crate) fn draw(&self, time: f64, view: &View) -> Buffer {
        let mut buffer = Buffer::new(self.area.pixels(view.scale, view.aspect), view.format, view.rows);
        let bounds = buffer.bounds;
        for y in bounds.y1..bounds.y2 {
            for x in bounds.x1..bounds.x2 {
                let mut c = if view.not_numbers {
                    [f32::NAN, f32::INFINITY, f32::NEG_INFINITY, f32::NAN]
                } else {
                    self.pixel(time, x, y, view.scale, view.aspect)
                };
                if view.premultiplied {
                    c = [c[0] * c[3], c[1] * c[3], c[2] * c[3], c[3]];
                }
                buffer.write(x, y, c);
            }
        }
        buffer
    }
}

/// How a clip's picture is delivered.
pub(crate) struct View {
    pub scale: (f64, f64),
    pub aspect: f64,
    pub format: Format,
    pub rows: Rows,
    pub premultiplied: bool,
    pub not_numbers: bool,
}
