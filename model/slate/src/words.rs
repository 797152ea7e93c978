//! Text into lines, and numbers into words.

use shot::{Rate, Seconds};

/// What a prompt's characters become before they are set: one space for each run of them, nothing for what has no width.
fn tidy(line: &str) -> Vec<String> {
    let visible = |c: &char| !matches!(c, '\u{200b}'..='\u{200f}' | '\u{2060}' | '\u{fe00}'..='\u{fe0f}' | '\u{feff}' | '\u{ad}');
    line.split_whitespace().map(|w| w.chars().filter(visible).collect::<String>()).filter(|w| !w.is_empty()).collect()
}

/// Breaks text into at most `lines` lines of at most `columns` characters, at spaces where it can. What does not fit is left out
/// and the last line ends with an ellipsis.
pub(crate) fn wrap(text: &str, columns: usize, lines: usize) -> Vec<String> {
    if columns == 0 || lines == 0 {
        return Vec::new();
    }
    let mut out: Vec<String> = Vec::new();
    for paragraph in text.lines() {
        let mut line = String::new();
        let mut used = 0;
        for word in tidy(paragraph) {
            let mut rest: Vec<char> = word.chars().collect();
            while !rest.is_empty() {
                let gap = usize::from(used > 0);
                // A word that no line can hold is broken where the line ends.
                if used + gap + rest.len() <= columns || (used == 0 && rest.len() > columns) {
                    let taken = rest.len().min(columns);
                    line.extend(std::iter::repeat_n(' ', gap));
                    line.extend(rest.drain(..taken));
                    used += gap + taken;
                }
                if !rest.is_empty() {
                    out.push(std::mem::take(&mut line));
                    used = 0;
                }
            }
            // Text that is far too long is not worth breaking to its end.
            if out.len() > lines {
                return shorten(out, columns, lines);
            }
        }
        if used > 0 {
            out.push(line);
        }
    }
    shorten(out, columns, lines)
}

fn shorten(mut out: Vec<String>, columns: usize, lines: usize) -> Vec<String> {
    if out.len() > lines {
        out.truncate(lines);
        if let Some(last) = out.last_mut() {
            let kept: String = last.chars().take(columns.saturating_sub(1)).collect();
            *last = format!("{}…", kept.trim_end_matches([' ', ',', '.', ';', ':']));
        }
    }
    out
}

/// A text on one line.
pub(crate) fn one_line(text: &str, columns: usize) -> String {
    wrap(&tidy(text).join(" "), columns, 1).into_iter().next().unwrap_or_default()
}

/// Frames per second as editors say it.
pub(crate) fn rate(rate: Rate) -> String {
    if rate.den() == 1 {
        return rate.num().to_string();
    }
    let text = format!("{:.3}", rate.as_f64());
    text.trim_end_matches('0').trim_end_matches('.').to_owned()
}

/// A time to go, no more exact than it is known.
pub(crate) fn time_left(left: Seconds) -> String {
    // Also where it is not a number.
    if left.0.is_nan() || left.0 < 5.0 {
        return "a few seconds left".into();
    }
    let seconds = left.0.min(360_000.0);
    match seconds {
        s if s < 57.5 => format!("about {:.0} s left", (s / 5.0).round() * 5.0),
        s if s < 3570.0 => format!("about {:.0} min left", (s / 60.0).round()),
        s => {
            let minutes = (s / 600.0).round() as u64 * 10;
            match (minutes / 60, minutes % 60) {
                (h, 0) => format!("about {h} h left"),
                (h, m) => format!("about {h} h {m} min left"),
            }
        }
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn prompts_break_at_spaces_and_paragraphs_and_end_with_an_ellipsis() {
        assert_eq!(wrap("a wide street in the rain", 11, 9), ["a wide", "street in", "the rain"]);
        assert_eq!(wrap("a wide street in the rain, at night", 12, 2), ["a wide", "street in…"]);
        assert_eq!(wrap("one\n\n two", 10, 9), ["one", "two"]);
        assert_eq!(wrap("Donaudampfschiff", 6, 9), ["Donaud", "ampfsc", "hiff"]);
        assert_eq!(wrap("x Donaudampfschiff y", 6, 9), ["x", "Donaud", "ampfsc", "hiff y"]);
        assert!(wrap("x", 0, 1).is_empty() && wrap("x", 1, 0).is_empty() && wrap(" \n\u{200b}", 5, 5).is_empty());
    }

    #[test]
    fn times_are_said_no_more_exactly_than_known() {
        for (seconds, text) in [
            (f64::NAN, "a few seconds left"),
            (-3.0, "a few seconds left"),
            (11.0, "about 10 s left"),
            (56.0, "about 55 s left"),
            (59.0, "about 1 min left"),
            (750.0, "about 13 min left"),
            (3_590.0, "about 1 h left"),
            (4_900.0, "about 1 h 20 min left"),
            (f64::INFINITY, "about 100 h left"),
        ] {
            assert_eq!(time_left(Seconds(seconds)), text);
        }
    }

    #[test]
    fn rates_are_said_as_editors_say_them() {
        for (fraction, text) in [("24", "24"), ("24000/1001", "23.976"), ("30000/1001", "29.97"), ("25/2", "12.5")] {
            assert_eq!(rate(fraction.parse().unwrap()), text);
        }
    }

    proptest! {
        #[test]
        fn no_line_is_too_long_and_no_word_is_lost(text in "[a-zäß漢 \n]{0,200}", columns in 1usize..40, lines in 1usize..400) {
            let out = wrap(&text, columns, lines);
            prop_assert!(out.len() <= lines);
            prop_assert!(out.iter().all(|l| l.chars().count() <= columns && !l.is_empty()));
            if out.len() < lines {
                let letters = |t: &str| t.chars().filter(|c| !c.is_whitespace()).collect::<String>();
                prop_assert_eq!(letters(&out.concat()), letters(&text));
            }
        }
    }
}
