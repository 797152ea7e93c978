//! `pickup takes sheet`: one HTML file to look at takes and choose from, with nothing beside it and nothing fetched.
//!
//! For each take: a row of small frames that a pointer or the arrow keys run through, its sound with a waveform, the frames on both
//! sides of each seam, the ranking, prompt and seed, and the command that chooses it. Everything is inside the file, as data
//! addresses; its content policy forbids any request.

use std::process::Command;
use std::sync::Arc;

use rayon::prelude::*;
use serde_json::{Value, json};
use shot::{Cancel, Code, Fault, Picture, Size, Stage};
use takes::{Store, Stored};

use super::measure::Around;
use super::picture::{beside, fitting, jpeg, small};
use super::rank::{self, Placed, figures, round};
use super::shots::{self, Shot};
use crate::cli::TakesSheet;
use crate::job::Watch;
use crate::place;
use crate::tell::Teller;

/// Width of a small frame.
const WIDTH: u32 = 160;
/// Frames of a take that can be run through: with 200 takes on a page, more would make it heavy.
const FRAMES: u32 = 12;
/// Bars of a waveform.
const BARS: usize = 80;
/// The page without its takes.
const PAGE: &str = include_str!("sheet/page.html");
/// Where they go: what is listed, and at the end of the file pictures and sound.
const SLOTS: [&str; 2] = ["{\"takes\":[]}", "<!--media-->"];

/// A take on the page.
struct Card {
    /// What the list shows and sorts by.
    listed: Value,
    /// Pictures and sound, read when the take comes into view.
    media: Value,
}

/// Runs the command.
pub fn run(args: &TakesSheet, teller: &mut Teller, cancel: &Cancel) -> Result<(), Fault> {
    let tools = media::Tools::find()?;
    let store = place::store(args.takes_dir.as_deref())?;
    let shots = shots::of(&store, &args.only)?;
    if shots.is_empty() {
        return Err(Fault::new(Code::Take, format!("there are no takes in {}", store.root().display()), "make some, or give --takes-dir"));
    }
    let chosen = store.choices(&args.project)?;
    let pinned = store.pins()?;
    let total: u64 = shots.iter().map(|s| s.takes.len() as u64).sum();
    let mut cards = Vec::new();
    for shot in &shots {
        teller.progress(Stage::Context, cards.len() as u64, total);
        let (placed, around) = rank::rank(&tools, &store, shot, cancel)?;
        let view = View { tools: &tools, shot, around: &around, first: cards.len() };
        let made: Vec<Card> = placed
            .par_iter()
            .enumerate()
            .map(|(place, p)| {
                cancel.check()?;
                view.card(place, p)
            })
            .collect::<Result<_, Fault>>()?;
        for mut card in made {
            let is = |id: &str| card.listed["id"] == id;
            let (used, kept) = (chosen.values().any(|id| is(id.as_str())), pinned.iter().any(|id| is(id.as_str())));
            card.listed["chosen"] = json!(used);
            card.listed["pinned"] = json!(kept);
            cards.push(card);
        }
    }
    teller.progress(Stage::Publish, total, total);
    write(args, &store, cards)?;
    teller.output(&place::absolute(&args.out)?);
    Ok(())
}

/// Puts the takes into the page and the page into its place, in one step.
fn write(args: &TakesSheet, store: &Store, cards: Vec<Card>) -> Result<(), Fault> {
    // A prompt may hold anything: nothing in the data can end the element that it stands in.
    let inside = |data: &Value| data.to_string().replace('<', "\\u003c");
    let mut media = String::new();
    let mut listed = Vec::new();
    for (n, card) in cards.into_iter().enumerate() {
        media.push_str(&format!("<script type=\"application/json\" id=\"media-{n}\">{}</script>\n", inside(&card.media)));
        listed.push(card.listed);
    }
    let data = json!({"project": args.project, "store": store.root().display().to_string(), "takes": listed});
    // Pictures first: what is listed may hold the mark of their place, pictures cannot.
    let page = PAGE.replacen(SLOTS[1], &media, 1).replacen(SLOTS[0], &inside(&data), 1);
    let out = place::absolute(&args.out)?;
    let part = out.with_extension(format!("{}.part", std::process::id()));
    let written = std::fs::write(&part, page).and_then(|()| std::fs::rename(&part, &out));
    written.map_err(|e| {
        // What is half written is of no use to anybody.
        let _ = std::fs::remove_file(&part);
        Fault::new(Code::Output, format!("{} cannot be written: {e}", out.display()), "give -o a file in a folder you can write to")
    })?;
    Ok(())
}

/// What the cards of one shot share.
struct View<'a> {
    tools: &'a media::Tools,
    shot: &'a Shot,
    around: &'a Around,
    first: usize,
}

impl View<'_> {
    /// Everything that the page shows of a take.
    fn card(&self, place: usize, p: &Placed) -> Result<Card, Fault> {
        let take = p.stored.take();
        let request = &take.request;
        let size = fitting(request.size, request.pixel_aspect, WIDTH);
        let count = take.frames.min(FRAMES);
        let last = take.frames.saturating_sub(1);
        let at = |i: u32| i * last / count.saturating_sub(1).max(1);
        let frames: Vec<Picture> = (0..count).map(|i| self.made(&p.stored, at(i), size)).collect::<Result<_, _>>()?;
        let (first_in, last_out) = (take.handle_in.min(last), last.saturating_sub(take.handle_out));
        let [tail, head] = &self.around.sides;
        let side = |frames: &[Arc<Picture>]| frames.iter().map(|f| small(f, request.context.colour, size)).collect::<Vec<_>>();
        let shown = |a: u32, b: u32| -> Result<Vec<Picture>, Fault> { (a..=b).map(|i| self.made(&p.stored, i, size)).collect() };
        let cut_in = if tail.is_empty() { None } else { Some((side(tail), shown(first_in, (first_in + 1).min(last_out))?)) };
        let cut_out = if head.is_empty() { None } else { Some((shown(last_out.saturating_sub(1).max(first_in), last_out)?, side(head))) };
        let (bars, sound) = self.sound(&p.stored)?;
        let listed = json!({
            "id": take.id, "order": self.first + place, "shot": self.shot.name, "words": self.shot.words(), "place": place + 1,
            "score": round(p.score), "same_as": p.same_as, "figures": figures(&p.measured), "prompt": request.prompt, "seed": request.seed,
            "engine": take.provenance.engine, "frames": take.frames, "rate": request.rate, "notes": take.notes,
            "cells": count, "ratio": f64::from(size.width) / f64::from(size.height),
        });
        let media = json!({"strip": strip(&frames)?, "cut_in": seam(cut_in)?, "cut_out": seam(cut_out)?, "bars": bars, "sound": sound});
        Ok(Card { listed, media })
    }

    fn made(&self, stored: &Stored, index: u32, size: Size) -> Result<Picture, Fault> {
        Ok(small(&stored.frame(index)?, stored.take().request.context.colour, size))
    }

    /// The waveform, 0 to 100, and the sound as a data address; nothing for a take without sound.
    fn sound(&self, stored: &Stored) -> Result<(Vec<u32>, Option<String>), Fault> {
        let Some(path) = stored.sound_path() else { return Ok((Vec::new(), None)) };
        let sound = media::read_wave(&path)?.sound;
        let peak = |bar: usize| {
            let span = bar * sound.len() / BARS..(bar + 1) * sound.len() / BARS;
            let channels = sound.channels().iter().filter_map(|c| c.get(span.clone()));
            channels.flatten().fold(0.0f32, |a, v| a.max(v.abs()))
        };
        // From −60 dB to full scale: room tone is quiet, and a straight line would say there is none.
        let height = |v: f32| ((20.0 * v.max(1e-6).log10() + 60.0).clamp(0.0, 60.0) / 0.6).round() as u32;
        let bars = (0..BARS).map(|bar| height(peak(bar))).collect();
        let folder = tempfile::tempdir().map_err(|e| Fault::internal(format!("no folder for a moment: {e}")))?;
        let small = folder.path().join("sound.m4a");
        let done = Command::new(self.tools.ffmpeg())
            .args(["-v", "error", "-nostdin", "-i"])
            .arg(&path)
            .args(["-vn", "-map_metadata", "-1", "-c:a", "aac", "-b:a", "64k", "-movflags", "+faststart"])
            .arg(&small)
            .output()
            .map_err(|e| Fault::internal(format!("ffmpeg cannot be started: {e}")))?;
        let bytes = std::fs::read(&small).ok().filter(|_| done.status.success()).ok_or_else(|| {
            let said = String::from_utf8_lossy(&done.stderr).trim().to_owned();
            Fault::new(Code::Output, format!("ffmpeg does not encode the sound of take {}: {said}", stored.id()), "see `pickup doctor`")
        })?;
        Ok((bars, Some(address("audio/mp4", &bytes))))
    }
}

/// The frames on both sides of a cut, with their number and how many stand before it.
fn seam(cut: Option<(Vec<Picture>, Vec<Picture>)>) -> Result<Value, Fault> {
    let Some((before, after)) = cut else { return Ok(Value::Null) };
    let at = before.len();
    let all = [before, after].concat();
    Ok(json!({"cells": all.len(), "at": at, "strip": strip(&all)?}))
}

/// Pictures side by side as a data address.
fn strip(frames: &[Picture]) -> Result<Option<String>, Fault> {
    beside(frames).map(|all| Ok(address("image/jpeg", &jpeg(&all)?))).transpose()
}

/// Bytes as an address that needs no request, in base 64 (RFC 4648).
fn address(kind: &str, bytes: &[u8]) -> String {
    const DIGITS: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    let mut text = format!("data:{kind};base64,");
    text.reserve(bytes.len() * 4 / 3 + 4);
    for three in bytes.chunks(3) {
        let word = three.iter().chain([&0, &0]).take(3).fold(0u32, |w, b| w << 8 | u32::from(*b));
        for n in 0..4 {
            let digit = (word >> (18 - 6 * n)) as usize & 63;
            text.push(if n <= three.len() { DIGITS.get(digit).map_or('=', |d| char::from(*d)) } else { '=' });
        }
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn base_64_is_as_rfc_4648_says() {
        for (plain, coded) in [("", ""), ("f", "Zg=="), ("fo", "Zm8="), ("foo", "Zm9v"), ("foob", "Zm9vYg=="), ("foobar", "Zm9vYmFy")] {
            assert_eq!(address("x", plain.as_bytes()), format!("data:x;base64,{coded}"));
        }
    }

    #[test]
    fn the_page_has_a_place_for_the_takes_and_asks_for_nothing() {
        assert!(SLOTS.iter().all(|slot| PAGE.matches(slot).count() == 1));
        assert!(PAGE.contains("default-src 'none'"));
        assert!(!PAGE.contains("http://") && !PAGE.contains("https://"));
    }
}
