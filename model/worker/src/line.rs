//! Lines of bounded length from a stream that may carry anything.

use std::io::{self, Read};

/// Longest line, its newline not counted: 16 MiB. A job with a thousand references needs a few hundred KiB.
pub const MAX_LINE: usize = 16 << 20;

/// What a stream gave.
#[derive(Debug, PartialEq, Eq)]
pub enum Line {
    /// A line without its newline (and without the carriage return before it).
    Text(Vec<u8>),
    /// A line that was too long; it was skipped, and the stream goes on behind it.
    TooLong {
        /// Its length in bytes.
        bytes: usize,
    },
}

/// Cuts a stream into lines. Memory stays within `limit` and a read buffer whatever comes.
pub struct Lines<R> {
    input: R,
    limit: usize,
    buffer: Box<[u8]>,
    start: usize,
    end: usize,
}

impl<R: Read> Lines<R> {
    /// Lines of at most [`MAX_LINE`] bytes.
    pub fn new(input: R) -> Self {
        Self::with_limit(input, MAX_LINE)
    }

    /// Lines of at most `limit` bytes.
    pub fn with_limit(input: R, limit: usize) -> Self {
        Self { input, limit, buffer: vec![0; 64 << 10].into_boxed_slice(), start: 0, end: 0 }
    }

    /// The next line; `None` at the end. A last line without a newline counts.
    pub fn next_line(&mut self) -> io::Result<Option<Line>> {
        let mut line = Vec::new();
        let mut length = 0usize;
        let mut any = false;
        loop {
            if self.start == self.end {
                self.start = 0;
                self.end = 0;
                self.end = match self.input.read(&mut self.buffer) {
                    Ok(n) => n,
                    Err(e) if e.kind() == io::ErrorKind::Interrupted => continue,
                    Err(e) => return Err(e),
                };
                if self.end == 0 {
                    return Ok(any.then(|| self.finish(line, length)));
                }
            }
            any = true;
            let fresh = &self.buffer[self.start..self.end];
            let newline = fresh.iter().position(|&b| b == b'\n');
            let part = &fresh[..newline.unwrap_or(fresh.len())];
            length = length.saturating_add(part.len());
            if length <= self.limit {
                line.extend_from_slice(part);
            } else {
                line = Vec::new();
            }
            self.start += part.len() + usize::from(newline.is_some());
            if newline.is_some() {
                return Ok(Some(self.finish(line, length)));
            }
        }
    }

    fn finish(&self, mut line: Vec<u8>, length: usize) -> Line {
        if length > self.limit {
            return Line::TooLong { bytes: length };
        }
        if line.last() == Some(&b'\r') {
            line.pop();
        }
        Line::Text(line)
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use proptest::prelude::*;

    use super::*;

    /// Gives its bytes in pieces of uneven size, as pipes do.
    struct Drip<'a>(&'a [u8], usize);

    impl Read for Drip<'_> {
        fn read(&mut self, out: &mut [u8]) -> io::Result<usize> {
            self.1 = self.1 * 7 % 11 + 1;
            let n = self.1.min(self.0.len()).min(out.len());
            out[..n].copy_from_slice(&self.0[..n]);
            self.0 = &self.0[n..];
            Ok(n)
        }
    }

    fn all(bytes: &[u8], limit: usize) -> Vec<Line> {
        let mut lines = Lines::with_limit(Drip(bytes, 3), limit);
        std::iter::from_fn(|| lines.next_line().unwrap()).collect()
    }

    #[test]
    fn long_lines_are_skipped_and_the_next_one_is_read() {
        let got = all(b"one\r\n0123456789\n\ntwo", 9);
        let text = |t: &str| Line::Text(t.into());
        assert_eq!(got, [text("one"), Line::TooLong { bytes: 10 }, text(""), text("two")]);
    }

    proptest! {
        #[test]
        fn lines_are_what_split_says(bytes in proptest::collection::vec(prop_oneof![Just(b'\n'), any::<u8>()], 0..400)) {
            let mut expected: Vec<Vec<u8>> = bytes.split(|&b| b == b'\n').map(<[u8]>::to_vec).collect();
            if expected.last().is_some_and(Vec::is_empty) {
                expected.pop();
            }
            for line in &mut expected {
                if line.last() == Some(&b'\r') {
                    line.pop();
                }
            }
            let got: Vec<Vec<u8>> = all(&bytes, 1000).into_iter().map(|l| match l {
                Line::Text(t) => t,
                Line::TooLong { .. } => unreachable!("the limit is above the input"),
            }).collect();
            prop_assert_eq!(got, expected);
        }
    }
}
