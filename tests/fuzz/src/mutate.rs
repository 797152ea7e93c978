//! Changes to inputs: the usual small set (bits, edges of numbers, pieces removed, doubled, taken from another input, words).

/// SplitMix64 (Steele, Lea, Flood: Fast splittable pseudorandom number generators, 2014): small, and the same everywhere.
pub struct Random(u64);

impl Random {
    /// A stream of numbers.
    pub const fn new(seed: u64) -> Self {
        Self(seed)
    }

    /// The next number.
    pub fn number(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9E37_79B9_7F4A_7C15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
        z ^ (z >> 31)
    }

    /// A number below `end`, or 0.
    pub fn below(&mut self, end: usize) -> usize {
        (self.number() % end.max(1) as u64) as usize
    }
}

/// Inputs grow no further than this: large ones are slow and teach nothing.
pub const LONGEST: usize = 64 << 10;

/// Numbers as text, for formats that are text.
const NUMBERS: [&str; 16] = [
    "0",
    "-1",
    "1",
    "1e999",
    "-0.0",
    "4294967296",
    "2147483648",
    "-2147483649",
    "18446744073709551616",
    "NaN",
    "0.1",
    "1e-400",
    "null",
    "true",
    "[]",
    "{}",
];

/// Another input, made from `input`; `other` is one more of the corpus, `words` what the format speaks.
pub fn mutate(random: &mut Random, input: &[u8], other: &[u8], words: &[&str]) -> Vec<u8> {
    let mut out = input.to_vec();
    for _ in 0..1 + random.below(4) {
        change(random, &mut out, other, words);
    }
    out.truncate(LONGEST);
    out
}

fn change(random: &mut Random, out: &mut Vec<u8>, other: &[u8], words: &[&str]) {
    let at = random.below(out.len() + 1);
    let most = 1 << random.below(8);
    let length = (1 + random.below(most)).min(out.len() - at);
    match random.below(10) {
        0 => {
            if let Some(byte) = out.get_mut(at) {
                *byte ^= 1 << random.below(8);
            }
        }
        1 => {
            if let Some(byte) = out.get_mut(at) {
                *byte = random.number() as u8;
            }
        }
        2 => drop(out.drain(at..at + length)),
        3 => {
            let piece = out[at..at + length].to_vec();
            let to = random.below(out.len() + 1);
            out.splice(to..to, piece);
        }
        4 => {
            let from = random.below(other.len() + 1);
            let piece = other[from..(from + 1 + random.below(64)).min(other.len())].to_vec();
            out.splice(at..(at + length).min(out.len()), piece);
        }
        5 => {
            // The edges of 32 bits, in the byte order of EXR files and of this machine.
            let edge = [0, 1, u32::MAX, i32::MAX as u32, 1 << 31, 1 << 16, 0x00FF_FFFF, out.len() as u32][random.below(8)];
            let piece = edge.to_le_bytes();
            out.splice(at..(at + 4).min(out.len()), piece);
        }
        6 | 7 => {
            if let Some(word) = words.get(random.below(words.len())) {
                out.splice(at..at, word.bytes());
            }
        }
        8 => replace_number(random, out, at),
        _ => out.truncate(at),
    }
}

/// Replaces the next number in a text by one at an edge.
fn replace_number(random: &mut Random, out: &mut Vec<u8>, from: usize) {
    let is_part = |b: &u8| b.is_ascii_digit() || matches!(b, b'-' | b'.');
    let Some(start) = out.iter().skip(from).position(is_part).map(|n| n + from) else { return };
    let end = out.iter().skip(start).position(|b| !is_part(b)).map_or(out.len(), |n| n + start);
    out.splice(start..end, NUMBERS[random.below(NUMBERS.len())].bytes());
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_same_number_makes_the_same_inputs() {
        let run = || {
            let mut random = Random::new(7);
            let mut input = b"{\"frames\": 12}".to_vec();
            for _ in 0..500 {
                input = mutate(&mut random, &input, b"other 99", &["word"]);
                assert!(input.len() <= LONGEST);
            }
            input
        };
        assert_eq!(run(), run());
    }

    #[test]
    fn numbers_in_a_text_are_replaced_whole() {
        let mut text = b"a: 12.5, b".to_vec();
        replace_number(&mut Random::new(1), &mut text, 0);
        assert!(text.starts_with(b"a: ") && text.ends_with(b", b"));
        assert!(!String::from_utf8_lossy(&text).contains("12.5"));
    }
}
