//! Screenplays in Fountain form: every scene heading is an establishing shot.
//!
//! Read by the rules of fountain.io, syntax 1.1: a heading stands between empty lines and begins with INT, EXT, EST, INT/EXT or
//! I/E, or with a single full stop; notes `[[ ]]` and boneyards `/* */` are no part of the film; sections `#` and transitions say
//! nothing here. A synopsis `=` under a heading describes the place best and wins over the action; dialogue is left out, since an
//! establishing shot has none.

use crate::error::Error;
use crate::storyboard::{Moment, Row, STORYBOARD_VERSION, Shot, Storyboard};

/// Words of action that a prompt takes along: a paragraph, not the scene.
const MOST_WORDS: usize = 60;

/// The scenes of a screenplay as a storyboard.
pub fn storyboard(text: &str) -> Result<Storyboard, Error> {
    let text = without_asides(&text.replace("\r\n", "\n").replace('\r', "\n"));
    let lines: Vec<&str> = text.trim_start_matches('\u{feff}').lines().map(str::trim_end).collect();
    let mut scenes: Vec<Scene> = Vec::new();
    let mut speaks = false;
    for (index, line) in lines.iter().enumerate() {
        let is_first = index == 0 || lines.get(index - 1).is_none_or(|l| l.trim().is_empty());
        let is_last = lines.get(index + 1).is_none_or(|l| l.trim().is_empty());
        if line.trim().is_empty() {
            speaks = false;
            continue;
        }
        if let Some(heading) = heading(line).filter(|_| is_first) {
            scenes.push(Scene { heading, synopsis: None, action: None });
            speaks = false;
            continue;
        }
        let Some(scene) = scenes.last_mut() else { continue };
        let line = line.trim();
        match line.chars().next() {
            Some('=') if line.chars().any(|c| c != '=') => scene.synopsis = Some(line[1..].trim().to_owned()),
            Some('=' | '#' | '>' | '~') => {}
            // A line in capitals after an empty line, with text below it, is somebody who speaks; an at sign forces it.
            _ if is_first && !is_last && (is_cue(line) || line.starts_with('@')) => speaks = true,
            _ if speaks => {}
            _ => scene.action(line.trim_start_matches('!'), is_first),
        }
    }
    if scenes.is_empty() {
        let what = "the screenplay has no scene heading such as 'EXT. HARBOUR - DUSK' between two empty lines".to_owned();
        return Err(Error::Storyboard { what });
    }
    let shots = scenes.into_iter().map(Scene::shot).collect();
    Ok(Storyboard { pickup_storyboard: STORYBOARD_VERSION, title: title(&lines), shots, ..Storyboard::default() })
}

struct Scene {
    heading: String,
    synopsis: Option<String>,
    /// The first paragraph, and whether it has ended.
    action: Option<(String, bool)>,
}

impl Scene {
    fn action(&mut self, line: &str, begins: bool) {
        match &mut self.action {
            None => self.action = Some((line.to_owned(), false)),
            Some((_, ended @ false)) if begins => *ended = true,
            Some((text, false)) => *text = format!("{text} {line}"),
            Some(_) => {}
        }
    }

    fn shot(self) -> Shot {
        let told = self.synopsis.or(self.action.map(|(text, _)| text)).unwrap_or_default();
        let words: Vec<String> = told.split_whitespace().map(|w| w.replace(['*', '_'], "")).filter(|w| !w.is_empty()).collect();
        let told = words.iter().take(MOST_WORDS).cloned().collect::<Vec<_>>().join(" ");
        let place = place(&self.heading);
        let prompt = if told.is_empty() { format!("Establishing shot: {place}.") } else { format!("Establishing shot: {place}. {told}") };
        Shot { name: self.heading, length: None, rows: vec![Row { time: Moment::default(), prompt, ..Row::default() }] }
    }
}

/// A heading without its mark and its scene number; `None` when the line is none.
fn heading(line: &str) -> Option<String> {
    let line = line.trim();
    let forced = line.strip_prefix('.').filter(|rest| rest.starts_with(char::is_alphanumeric));
    if forced.is_none() {
        let end = line.find(|c: char| c == '.' || c.is_whitespace())?;
        let word = line.get(..end)?.to_ascii_uppercase();
        if !matches!(word.as_str(), "INT" | "EXT" | "EST" | "INT/EXT" | "EXT/INT" | "I/E") {
            return None;
        }
    }
    let text = forced.unwrap_or(line).trim();
    let text = match text.strip_suffix('#').and_then(|rest| rest.rsplit_once('#')) {
        Some((before, _)) => before,
        None => text,
    };
    Some(text.trim().to_owned())
}

/// A heading in words: `EXT. HARBOUR - DUSK` is "exterior, harbour, dusk".
fn place(heading: &str) -> String {
    let upper = heading.to_uppercase();
    let kinds = [
        ("INT./EXT", "interior and exterior"),
        ("EXT./INT", "interior and exterior"),
        ("INT/EXT", "interior and exterior"),
        ("EXT/INT", "interior and exterior"),
        ("I/E", "interior and exterior"),
        ("INT", "interior"),
        ("EXT", "exterior"),
        ("EST", ""),
    ];
    let kind = kinds
        .iter()
        .find(|(mark, _)| upper.strip_prefix(mark).is_some_and(|rest| rest.starts_with(|c: char| c == '.' || c.is_whitespace())));
    let rest = kind.map_or(heading, |(mark, _)| heading.get(mark.len()..).unwrap_or_default());
    let rest = rest.trim_start_matches(|c: char| c == '.' || c.is_whitespace());
    let parts = rest.split(" - ").flat_map(|p| p.split(['–', '—'])).map(|p| p.trim().to_lowercase());
    let kind = kind.map_or("", |(_, word)| word).to_owned();
    std::iter::once(kind).chain(parts).filter(|p| !p.is_empty()).collect::<Vec<_>>().join(", ")
}

/// Whether a line reads as the name of somebody who speaks: capitals, perhaps with an extension in brackets.
fn is_cue(line: &str) -> bool {
    let name = line.split('(').next().unwrap_or_default().trim();
    name.chars().any(char::is_alphabetic) && !name.chars().any(char::is_lowercase)
}

/// The title page's title.
fn title(lines: &[&str]) -> String {
    let page = lines.iter().take_while(|l| !l.trim().is_empty());
    let mut page = page.skip_while(|l| !l.get(..6).is_some_and(|key| key.eq_ignore_ascii_case("title:")));
    let Some(first) = page.next() else { return String::new() };
    let own = first.get(6..).unwrap_or_default().trim();
    // A title may stand indented on the lines below its key.
    let below = page.take_while(|l| l.starts_with(char::is_whitespace)).map(|l| l.trim());
    let all: Vec<&str> = std::iter::once(own).chain(below).filter(|l| !l.is_empty()).collect();
    all.join(" ").trim_matches(['*', '_']).to_owned()
}

/// The text without notes and boneyards; line breaks inside them stay, so that what follows keeps its place.
fn without_asides(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    let mut rest = text;
    loop {
        let next = [("/*", "*/"), ("[[", "]]")].into_iter().filter_map(|(open, close)| Some((rest.find(open)?, close))).min();
        let Some((at, close)) = next else { return out + rest };
        let (before, aside) = rest.split_at(at);
        out.push_str(before);
        let Some(end) = aside.find(close) else { return out };
        let (inside, after) = aside.split_at(end + close.len());
        out.extend(inside.chars().filter(|c| *c == '\n'));
        rest = after;
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use proptest::prelude::*;

    use super::*;

    const PLAY: &str = "Title: The Harbour
Author: nobody

FADE IN:

EXT. HARBOUR - DUSK #1#

Boats come *home*. Gulls
over the mole. [[more gulls?]]

Later the lamps go on.

ANNA (O.S.)
They are late.

INT. NET LOFT - NIGHT

= A dim loft under old beams, nets everywhere.

ANNA mends a net.

/* EXT. CUT SCENE - DAY

Nobody sees this. */

.THE SEA

> CUT TO:

I/E. BOAT – DAWN

EXTRAS walk.
";

    #[test]
    fn every_heading_is_an_establishing_shot() {
        let board = storyboard(PLAY).unwrap();
        assert_eq!(board.title, "The Harbour");
        let shots: Vec<(&str, &str)> = board.shots.iter().map(|s| (s.name.as_str(), s.rows[0].prompt.as_str())).collect();
        assert_eq!(
            shots,
            [
                ("EXT. HARBOUR - DUSK", "Establishing shot: exterior, harbour, dusk. Boats come home. Gulls over the mole."),
                ("INT. NET LOFT - NIGHT", "Establishing shot: interior, net loft, night. A dim loft under old beams, nets everywhere."),
                ("THE SEA", "Establishing shot: the sea."),
                ("I/E. BOAT – DAWN", "Establishing shot: interior and exterior, boat, dawn. EXTRAS walk."),
            ]
        );
        assert_eq!(Storyboard::parse(&board.to_yaml()).unwrap(), board);
    }

    #[test]
    fn a_letter_is_no_screenplay() {
        assert!(storyboard("Dear Anna,\n\nthe INT. is fine.\n").unwrap_err().to_string().contains("scene heading"));
    }

    proptest! {
        #[test]
        fn any_text_is_read_or_refused(text in "(\\PC|[\n.#=/*\\[\\]]){0,120}") {
            let _ = storyboard(&text);
            let _ = storyboard(&format!("EXT. {text}\n\n{text}"));
        }
    }
}
