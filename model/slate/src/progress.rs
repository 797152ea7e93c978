//! The slate of a shot that is being made.

use shot::{Picture, Seconds, Size, Stage};

use crate::lettering::{ASPECT, BASELINE, CAP_TOP, SMALLEST, Weight};
use crate::page::{DIM, Page, SIGNAL, TEXT, TRACK, ground, text_width};
use crate::words;

/// What a progress slate says.
#[derive(Clone, Debug, PartialEq)]
pub struct Progress<'a> {
    /// Pixels of the slate.
    pub size: Size,
    /// Width of a pixel over its height.
    pub pixel_aspect: f64,
    /// What is being made, in a word such as `bridge`.
    pub task: &'a str,
    /// What it shall show; may be empty.
    pub prompt: &'a str,
    /// What is happening; `None` while it waits its turn.
    pub stage: Option<Stage>,
    /// How far the whole has come, 0 to 1; values outside are brought inside.
    pub done: f64,
    /// How long it will still take, where that is known.
    pub left: Option<Seconds>,
    /// How to stop it, such as "Press Cancel in the effect's controls to stop."; may be empty.
    pub hint: &'a str,
}

/// Draws the slate, from 1 × 1 pixel up; a size that [`Size::checked`] refuses gives one of 1 × 1 pixel.
pub fn progress(slate: &Progress<'_>) -> Picture {
    let mut picture = ground(slate.size.checked().unwrap_or(Size::new(1, 1)));
    let mut page = Page::new(&mut picture, slate.pixel_aspect);
    draw(&mut page, slate);
    picture
}

fn draw(page: &mut Page<'_>, slate: &Progress<'_>) {
    let done = if slate.done.is_finite() { slate.done.clamp(0.0, 1.0) as f32 } else { 0.0 };
    // Rounded down: 100 % is only what is done.
    let percent = format!("{:.0} %", (done * 100.0).floor());
    let heading = page.heading("MAKING THE SHOT", &slate.task.to_uppercase(), 76.0);
    if heading <= 0.0 {
        return;
    }
    let gap = (30.0 * page.unit).max(4.0);
    let bar_height = (14.0 * page.unit).max(2.0);
    let words_cell = page.cell(44.0);
    let hint_cell = page.cell(32.0);
    // Half a hint is none.
    let hint = words::one_line(slate.hint, usize::MAX);
    let hint = if hint.chars().count() <= page.columns(hint_cell) { hint } else { String::new() };
    let full = page.height() - heading;
    let hint_height = if hint.is_empty() || full < hint_cell + 4.0 * gap + bar_height + words_cell { 0.0 } else { hint_cell };

    // The block of number, bar and words sits in the middle of what is left.
    let room = full - hint_height - 2.0 * gap;
    let number_cell =
        (160.0 * page.unit).min((room - bar_height - gap - words_cell) / (BASELINE - CAP_TOP)).min(page.width() / (5.0 * ASPECT));
    let number_height = if number_cell >= SMALLEST * 1.2 { number_cell * (BASELINE - CAP_TOP) + gap } else { 0.0 };
    let words_height = if room >= bar_height + gap + words_cell { words_cell } else { 0.0 };
    let block = number_height + bar_height + words_height;
    let mut y = page.top + heading + gap + ((room - block) / 2.0).max(0.0);
    if y + bar_height > page.bottom {
        return;
    }
    if number_height > 0.0 {
        page.text(&percent, y - number_cell * CAP_TOP, number_cell, Weight::Bold, TEXT);
        y += number_height;
    }
    let (x, width, bar_y) = (page.left, page.width(), y.round());
    page.canvas.rectangle(x, bar_y, width, bar_height.round(), TRACK);
    page.canvas.rectangle(x, bar_y, width * done, bar_height.round(), SIGNAL);
    y = bar_y + bar_height + gap * 0.4;
    if words_height > 0.0 {
        status(page, slate, y, words_cell, if number_height > 0.0 { "" } else { &percent });
    }
    if hint_height > 0.0 {
        let (top, room) = (page.bottom - hint_cell * BASELINE, page.bottom - y - words_height);
        page.text(&hint, top, hint_cell, Weight::Regular, DIM);
        // The prompt above the hint, where a whole line of air stays around it.
        let prompt = words::one_line(slate.prompt, page.columns(hint_cell));
        if room > 4.0 * hint_cell {
            page.text(&prompt, top - hint_cell * 1.2, hint_cell, Weight::Regular, DIM);
        }
    }
}

/// What is happening, and how long it will take, the latter only where both fit.
fn status(page: &mut Page<'_>, slate: &Progress<'_>, y: f32, cell: f32, percent: &str) {
    let stage = slate.stage.map_or("waiting its turn", Stage::label);
    let both = format!("{percent} {stage}").trim_start().to_owned();
    let fits = both.chars().count() <= page.columns(cell);
    let stage = if fits || percent.is_empty() { words::one_line(&both, page.columns(cell)) } else { percent.to_owned() };
    let left = slate.left.map(words::time_left).unwrap_or_default();
    page.text(&stage, y, cell, Weight::Regular, TEXT);
    if text_width(&stage, cell) + text_width(&left, cell) + 2.0 * cell <= page.width() {
        page.text_right(&left, y, cell, Weight::Regular, DIM);
    }
}
