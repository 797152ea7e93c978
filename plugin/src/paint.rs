//! Pixels into the host's image: a take or a picture at its place, black around it, or an input as it is.

use host_sys::{Identity, Instance, Layout, Output, RectD, RectI, RenderArgs};
use shot::{Fault, Picture, Size};
use takes::Playback;

use crate::resample::{Scaler, Tap, needed, taps};
use crate::{pixels, status};

/// What stands around the picture, and where there is none: opaque black, as a monitor shows it.
const BLACK: [f32; 4] = [0.0, 0.0, 0.0, 1.0];

/// Hands an input through, for hosts that do not ask IsIdentity.
pub fn pass(instance: &Instance<'_>, identity: &Identity, args: &mut RenderArgs<'_>) -> host_sys::Result<()> {
    let source = instance.source_image(identity.clip, identity.time)?;
    let done = args.with_output(|mut output| {
        let window = output.window();
        let (mut layout, mut from) = (*output.layout(), source.as_ref().map(|s| *s.layout()));
        // Of one kind on both sides, colours are neither multiplied nor divided: what is let through stays as it is.
        if from.is_some_and(|f| f.premultiplied == layout.premultiplied) {
            layout.premultiplied = None;
            from = from.map(|f| Layout { premultiplied: None, ..f });
        }
        let mut row = vec![[0.0; 4]; window.width() as usize];
        for y in window.y1..window.y2 {
            row.fill([0.0; 4]);
            if let Some((source, from)) = source.as_ref().zip(from) {
                let b = from.bounds;
                let (x1, x2) = (window.x1.max(b.x1), window.x2.min(b.x2));
                if y >= b.y1 && y < b.y2 && x1 < x2 {
                    let pixels = pixels::take(&source.row(y, x1, x2)?, &from);
                    let at = (x1 - window.x1) as usize;
                    row[at..at + pixels.len()].copy_from_slice(&pixels);
                }
            }
            pixels::put(output.row(y)?, &layout, &row);
        }
        Ok(())
    })?;
    drop(source);
    done.ok_or(host_sys::Error::Status(host_sys::Status::FAILED))
}

/// A take pixel on pixel, its lower left corner at `at`.
pub fn copy(playback: &Playback, index: u32, at: (i32, i32), output: &mut Output<'_>) -> Result<(), Fault> {
    let size = playback.size();
    let (window, layout) = (output.window(), *output.layout());
    let top = at.1.saturating_add(size.height as i32);
    let right = at.0.saturating_add(size.width as i32);
    let (x1, x2) = (window.x1.max(at.0), window.x2.min(right));
    let (y1, y2) = (window.y1.max(at.1), window.y2.min(top));
    let mut wrong = None;
    bars(output, x1, x2, y1, y2).map_err(|e| status::from_host(&e))?;
    if x1 >= x2 || y1 >= y2 {
        return Ok(());
    }
    let whole = x1 == window.x1 && x2 == window.x2;
    let (from, to) = ((x1 - at.0) as usize * 4, (x2 - at.0) as usize * 4);
    let mut scratch = vec![[0.0f32; 4]; (x2 - x1) as usize];
    let mut wide = if whole { Vec::new() } else { vec![BLACK; window.width() as usize] };
    let lead = (x1 - window.x1) as usize;
    playback.rows(index, (top - y2) as u32..(top - y1) as u32, &mut |y, row| {
        let Some(part) = row.get(from..to) else { return };
        match output.row(top - 1 - y as i32) {
            Ok(out) if whole => pixels::put_halves(out, &layout, part, &mut scratch),
            Ok(out) => {
                takes::to_floats(part, scratch.as_flattened_mut());
                wide[lead..lead + scratch.len()].copy_from_slice(&scratch);
                pixels::put(out, &layout, &wide);
            }
            Err(e) => wrong = Some(e),
        }
    })?;
    wrong.map_or(Ok(()), |e| Err(status::from_host(&e)))
}

/// A take made smaller or larger, covering `rect`.
pub fn scaled(playback: &Playback, index: u32, rect: RectD, output: &mut Output<'_>) -> Result<(), Fault> {
    let size = playback.size();
    let (window, layout) = (output.window(), *output.layout());
    let columns = taps(size.width as usize, rect.x1, rect.x2, window.x1, window.x2, false);
    let rows = taps(size.height as usize, rect.y1, rect.y2, window.y1, window.y2, true);
    let inside = |t: &&Tap| !t.weights.is_empty();
    let count = |all: &[Tap]| all.iter().filter(inside).count() as i32;
    let lead = |all: &[Tap]| all.iter().take_while(|t| t.weights.is_empty()).count() as i32;
    let (x1, y1) = (window.x1 + lead(&columns), window.y1 + lead(&rows));
    let (x2, y2) = (x1 + count(&columns), y1 + count(&rows));
    bars(output, x1, x2, y1, y2).map_err(|e| status::from_host(&e))?;
    let range = needed(&rows);
    if x1 >= x2 || range.is_empty() {
        return Ok(());
    }
    let mut wrong = None;
    let mut scaler = Scaler::new(&columns, &rows, window.y1);
    let mut floats = vec![[0.0f32; 4]; size.width as usize];
    let mut wide = vec![BLACK; window.width() as usize];
    let span = (x1 - window.x1) as usize..(x2 - window.x1) as usize;
    let first = range.start as u32;
    playback.rows(index, first..range.end as u32, &mut |y, row| {
        // A cached file that failed midway is handed out again from its first row.
        if y == first {
            scaler = Scaler::new(&columns, &rows, window.y1);
        }
        takes::to_floats(row, floats.as_flattened_mut());
        scaler.push(y as usize, &floats, |n, made| {
            wide[span.clone()].copy_from_slice(&made[span.clone()]);
            match output.row(n) {
                Ok(out) => pixels::put(out, &layout, &wide),
                Err(e) => wrong = Some(e),
            }
        });
    })?;
    wrong.map_or(Ok(()), |e| Err(status::from_host(&e)))
}

/// The part of a take within a window of the host's pixels, as a picture: top row first, black around it.
pub fn picture(playback: &Playback, index: u32, rect: RectD, window: RectI) -> Result<Picture, Fault> {
    let size = playback.size();
    let mut out = Picture::filled(Size::new(window.width(), window.height()), BLACK);
    // Pixel on pixel every tap is one sample of weight 1: an exact copy.
    let columns = taps(size.width as usize, rect.x1, rect.x2, window.x1, window.x2, false);
    let rows = taps(size.height as usize, rect.y1, rect.y2, window.y1, window.y2, true);
    let inside = |t: &Tap| !t.weights.is_empty();
    let (Some(x1), Some(x2)) = (columns.iter().position(inside), columns.iter().rposition(inside)) else { return Ok(out) };
    let range = needed(&rows);
    if range.is_empty() {
        return Ok(out);
    }
    let mut scaler = Scaler::new(&columns, &rows, 0);
    let mut floats = vec![[0.0f32; 4]; size.width as usize];
    let (first, height) = (range.start as u32, out.height());
    playback.rows(index, first..range.end as u32, &mut |y, row| {
        // A cached file that failed midway is handed out again from its first row.
        if y == first {
            scaler = Scaler::new(&columns, &rows, 0);
        }
        takes::to_floats(row, floats.as_flattened_mut());
        scaler.push(y as usize, &floats, |n, made| {
            if let Some(row) =
                usize::try_from(n).ok().and_then(|n| (height - 1).checked_sub(n)).and_then(|y| out.row_mut(y).get_mut(x1..=x2))
            {
                row.copy_from_slice(&made[x1..=x2]);
            }
        });
    })?;
    Ok(out)
}

/// Fills the rows of the window that the picture, from x1 to x2 and y1 to y2, does not reach.
pub fn bars(output: &mut Output<'_>, x1: i32, x2: i32, y1: i32, y2: i32) -> host_sys::Result<()> {
    let (window, layout) = (output.window(), *output.layout());
    let black = vec![BLACK; window.width() as usize];
    for y in window.y1..window.y2 {
        if x1 >= x2 || y < y1 || y >= y2 {
            pixels::put(output.row(y)?, &layout, &black);
        }
    }
    Ok(())
}

/// A picture pixel on pixel, its lower left corner at `at`.
pub fn put_picture(picture: &Picture, at: (i32, i32), output: &mut Output<'_>) -> host_sys::Result<()> {
    let (window, layout) = (output.window(), *output.layout());
    let mut wide = vec![BLACK; window.width() as usize];
    for y in window.y1..window.y2 {
        wide.fill(BLACK);
        let from_top = at.1 + picture.height() as i32 - 1 - y;
        if let Ok(row) = usize::try_from(from_top)
            && row < picture.height()
        {
            for (x, out) in (window.x1..window.x2).zip(&mut wide) {
                if let Some(p) = usize::try_from(x - at.0).ok().and_then(|x| picture.row(row).get(x)) {
                    *out = *p;
                }
            }
        }
        pixels::put(output.row(y)?, &layout, &wide);
    }
    Ok(())
}
