//! The card that stands for a shot nobody could make.

use shot::{Picture, Request, Size, Timecode};

use crate::lettering::{BASELINE, CAP_TOP, Weight};
use crate::page::{DIM, Page, SIGNAL, TEXT, ground, text_width};
use crate::words;

/// What a missing-shot card says.
#[derive(Clone, Debug, PartialEq)]
pub struct Missing<'a> {
    /// Pixels of the card.
    pub size: Size,
    /// Width of a pixel over its height.
    pub pixel_aspect: f64,
    /// What was to be made, in a word such as `establish`.
    pub task: &'a str,
    /// What it should show; may be long, may be empty.
    pub prompt: &'a str,
    /// Frames, without handles.
    pub frames: u32,
    /// Record timecode of the shot's first frame, without handles.
    pub start: Timecode,
    /// Why there is no picture: the engine's own sentence, and what to do about it.
    pub reason: &'a str,
}

impl<'a> Missing<'a> {
    /// The card for a request.
    pub fn of(request: &'a Request, reason: &'a str) -> Self {
        Self {
            size: request.size,
            pixel_aspect: request.pixel_aspect,
            task: request.task.word(),
            prompt: &request.prompt,
            frames: request.frames,
            start: Timecode::new(request.start, request.rate, request.drop_frame),
            reason,
        }
    }
}

/// A sentence in shorter lines than this is no longer one.
const LEAST_COLUMNS: usize = 20;

/// A fact and its name.
struct Fact {
    name: &'static str,
    value: String,
}

/// Draws the card: heading, task, prompt, reason, length, timecode, size and rate; from 1 × 1 pixel up, what matters less left
/// out where there is no room. A size that [`Size::checked`] refuses gives a card of 1 × 1 pixel.
pub fn missing(card: &Missing<'_>) -> Picture {
    let mut picture = ground(card.size.checked().unwrap_or(Size::new(1, 1)));
    let mut page = Page::new(&mut picture, card.pixel_aspect);
    draw(&mut page, card);
    picture
}

fn draw(page: &mut Page<'_>, card: &Missing<'_>) {
    let heading = page.heading("SHOT MISSING", &card.task.to_uppercase(), 76.0);
    if heading <= 0.0 {
        return;
    }
    let gap = (30.0 * page.unit).max(5.0);
    let prompt_cell = page.cell(52.0);
    let reason_cell = page.cell(34.0);
    let facts = facts(card);
    let layout = FactLayout::for_page(page, &facts);

    let mut room = page.height() - heading;
    let mut take = |wanted: f32| {
        let fits = wanted <= room;
        if fits {
            room -= wanted;
        }
        fits
    };
    // In order of what an editor misses most.
    let has_prompt = !card.prompt.trim().is_empty() && page.columns(prompt_cell) >= LEAST_COLUMNS && take(2.0 * gap + prompt_cell);
    let has_facts = take(2.0 * gap + layout.height);
    let has_reason = !card.reason.trim().is_empty() && page.columns(reason_cell) >= LEAST_COLUMNS && take(gap + reason_cell);

    let reason_room = if has_reason { 1 + ((room * if has_prompt { 0.5 } else { 1.0 }) / reason_cell) as usize } else { 0 };
    let reason = words::wrap(card.reason, page.columns(reason_cell), reason_room.min(4));
    room -= reason.len().saturating_sub(1) as f32 * reason_cell;
    let prompt_lines = if has_prompt { 1 + (room / prompt_cell) as usize } else { 0 };
    let prompt = words::wrap(card.prompt, page.columns(prompt_cell), prompt_lines.min(12));

    if has_prompt || has_facts || has_reason {
        page.rule(page.top + heading + gap);
    }
    let mut y = page.top + heading + 2.0 * gap - prompt_cell * CAP_TOP * 0.5;
    for line in &prompt {
        page.text(line, y, prompt_cell, Weight::Regular, TEXT);
        y += prompt_cell;
    }
    let mut bottom = page.bottom;
    if has_facts {
        bottom -= layout.height;
        layout.draw(page, &facts, bottom);
        bottom -= gap;
        page.rule(bottom);
        bottom -= gap * 0.6;
    }
    for line in reason.iter().rev() {
        bottom -= reason_cell;
        page.text(line, bottom, reason_cell, Weight::Regular, SIGNAL);
    }
}

fn facts(card: &Missing<'_>) -> Vec<Fact> {
    let rate = card.start.rate;
    let length = Timecode::new(shot::FrameIndex(i64::from(card.frames)), rate, card.start.drop);
    let out = Timecode { frame: shot::FrameIndex(card.start.frame.0.saturating_add(i64::from(card.frames))), ..card.start };
    let frames = if card.frames == 1 { "1 frame".to_owned() } else { format!("{} frames", card.frames) };
    vec![
        Fact { name: "LENGTH", value: format!("{length} · {frames}") },
        Fact { name: "TIMECODE", value: format!("{} – {out}", card.start) },
        Fact { name: "PICTURE", value: format!("{} · {} fps", card.size, words::rate(rate)) },
    ]
}

/// Facts side by side under their names, or one below the other after their names.
struct FactLayout {
    side_by_side: bool,
    name_cell: f32,
    value_cell: f32,
    height: f32,
}

impl FactLayout {
    fn for_page(page: &Page<'_>, facts: &[Fact]) -> Self {
        let (name_cell, value_cell) = (page.cell(26.0), page.cell(34.0));
        let widest: f32 = facts.iter().map(|f| text_width(&f.value, value_cell)).sum();
        let side_by_side = widest + (facts.len() as f32 - 1.0) * 3.0 * value_cell * crate::lettering::ASPECT <= page.width();
        // What stands below the last baseline and above the first capital is not counted: lines end at the margin.
        let height = if side_by_side { name_cell + value_cell * BASELINE } else { value_cell * (facts.len() as f32 - 1.0 + BASELINE) };
        Self { side_by_side, name_cell, value_cell, height }
    }

    fn draw(&self, page: &mut Page<'_>, facts: &[Fact], top: f32) {
        let columns = page.columns(self.value_cell);
        if self.side_by_side {
            let total: f32 = facts.iter().map(|f| text_width(&f.value, self.value_cell)).sum();
            let between = (page.width() - total) / (facts.len() as f32 - 1.0).max(1.0);
            let mut x = page.left;
            for fact in facts {
                page.canvas.text(fact.name, x, top - self.name_cell * CAP_TOP * 0.5, self.name_cell, Weight::Regular, DIM);
                page.canvas.text(&fact.value, x, top + self.name_cell, self.value_cell, Weight::Regular, TEXT);
                x += text_width(&fact.value, self.value_cell) + between;
            }
            return;
        }
        let named: Vec<String> = facts.iter().map(|f| format!("{:<9} {}", f.name, f.value)).collect();
        let all_fit = named.iter().all(|n| n.chars().count() <= columns);
        for (row, (fact, named)) in facts.iter().zip(&named).enumerate() {
            let y = top + row as f32 * self.value_cell;
            let text = if all_fit { named.clone() } else { words::one_line(&fact.value, columns) };
            page.text(&text, y, self.value_cell, Weight::Regular, DIM);
        }
    }
}
