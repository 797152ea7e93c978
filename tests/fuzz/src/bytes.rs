//! Choices made from the bytes of an input: when they are used up, every choice is the first.

/// What is left of an input.
pub struct Bytes<'a>(&'a [u8]);

/// Numbers at the edges of what types hold and of what the effect allows.
const EDGES: [i64; 24] = [
    0,
    1,
    -1,
    2,
    3,
    7,
    16,
    24,
    36,
    64,
    100,
    127,
    255,
    256,
    4096,
    65_535,
    131_072,
    131_073,
    1 << 22,
    1 << 30,
    i32::MAX as i64,
    i32::MIN as i64,
    i32::MAX as i64 - 1,
    -64,
];

impl<'a> Bytes<'a> {
    /// All of an input.
    pub const fn new(input: &'a [u8]) -> Self {
        Self(input)
    }

    /// Whether nothing is left.
    pub const fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// The next byte.
    pub fn byte(&mut self) -> u8 {
        match self.0.split_first() {
            Some((first, rest)) => {
                self.0 = rest;
                *first
            }
            None => 0,
        }
    }

    /// A number below `end`, which is not 0.
    pub fn below(&mut self, end: usize) -> usize {
        usize::from(u16::from_le_bytes([self.byte(), self.byte()])) % end.max(1)
    }

    /// One of some things.
    pub fn pick<'t, T>(&mut self, all: &'t [T]) -> Option<&'t T> {
        let at = self.below(all.len());
        all.get(at)
    }

    /// A whole number: often an edge, sometimes any.
    pub fn int(&mut self) -> i32 {
        let how = self.byte();
        match how {
            0..=191 => EDGES.get(usize::from(how) % EDGES.len()).map_or(0, |v| *v as i32),
            192..=223 => i32::from(self.byte() as i8),
            _ => i32::from_le_bytes([self.byte(), self.byte(), self.byte(), self.byte()]),
        }
    }

    /// A number: often an edge, a fraction or no number at all.
    pub fn double(&mut self) -> f64 {
        const ODD: [f64; 12] =
            [f64::NAN, f64::INFINITY, f64::NEG_INFINITY, f64::MAX, f64::MIN_POSITIVE, -0.0, 0.5, 0.25, 1.0 / 3.0, 1e-9, 1e18, -1e300];
        let how = self.byte();
        match how {
            0..=95 => f64::from(self.int()),
            96..=159 => ODD.get(usize::from(how) % ODD.len()).copied().unwrap_or(0.0),
            160..=223 => f64::from(self.byte()) / 16.0,
            _ => f64::from_bits(u64::from_le_bytes(std::array::from_fn(|_| self.byte()))),
        }
    }

    /// The bytes up to the next newline, at most `most` of them, as a text.
    pub fn line(&mut self, most: usize) -> String {
        let end = self.0.iter().take(most).position(|b| *b == b'\n').unwrap_or(self.0.len().min(most));
        let (line, rest) = self.0.split_at(end);
        self.0 = rest.strip_prefix(b"\n").unwrap_or(rest);
        String::from_utf8_lossy(line).into_owned()
    }
}
