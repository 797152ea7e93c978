//! Words that stand for something: clips with their points, spans, retime factors, what belongs to a frame.

use std::path::PathBuf;

use shot::{ClipRef, Fault, FrameIndex, Span};

/// A clip on the command line: FILE or FILE@IN-OUT.
#[derive(Clone, Debug, PartialEq)]
pub struct Clip(pub ClipRef);

impl std::str::FromStr for Clip {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        // A file may have an @ in its name: only an @ followed by two numbers up to the end is ours.
        let parts = text.rsplit_once('@').filter(|(file, points)| !file.is_empty() && is_span(points));
        let (file, span) = match parts {
            Some((file, points)) => (file, Some(span(points)?)),
            None => (text, None),
        };
        if file.is_empty() {
            return Err("a clip needs a file name".to_owned());
        }
        Ok(Self(ClipRef { span, ..ClipRef::whole(file) }))
    }
}

fn is_span(text: &str) -> bool {
    text.split_once('-').is_some_and(|(a, b)| {
        !a.is_empty() && !b.is_empty() && a.bytes().all(|c| c.is_ascii_digit()) && b.bytes().all(|c| c.is_ascii_digit())
    })
}

pub(super) fn span(text: &str) -> Result<Span, String> {
    let bad = || format!("'{text}' is not a span: write in and out point as 0-48, the out point is the first frame left out");
    let (a, b) = text.split_once('-').ok_or_else(bad)?;
    let (a, b) = (a.trim().parse().map_err(|_| bad())?, b.trim().parse().map_err(|_| bad())?);
    let span = Span::new(FrameIndex(a), FrameIndex(b)).map_err(|f: Fault| f.to_string())?;
    if span.is_empty() {
        return Err(format!("'{text}' holds no frame: the out point is the first frame left out"));
    }
    Ok(span)
}

/// A retime factor: made frames per frame of the clip.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Factor {
    /// Made frames …
    pub num: u32,
    /// … for so many of the clip.
    pub den: u32,
}

impl std::str::FromStr for Factor {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let bad = || format!("'{text}' is not a retime factor: 2 is half speed, 1/2 or 0.5 is double speed");
        let (num, den) = match text.split_once('/') {
            Some((n, d)) => (n.trim().parse().map_err(|_| bad())?, d.trim().parse().map_err(|_| bad())?),
            None => {
                let x: f64 = text.trim().parse().map_err(|_| bad())?;
                if !(x.is_finite() && x > 0.0 && x <= 1000.0) {
                    return Err(bad());
                }
                if x.fract() == 0.0 { (x as u32, 1) } else { ((x * 1000.0).round() as u32, 1000) }
            }
        };
        if num == 0 || den == 0 || u64::from(num) > 1000 * u64::from(den) || u64::from(den) > 1000 * u64::from(num) {
            return Err(bad());
        }
        Ok(Self { num, den })
    }
}

/// Something at a frame of the shot: `48=the door opens`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AtFrame {
    /// The frame, counted from 0.
    pub frame: u32,
    /// What comes after the equals sign.
    pub what: String,
}

impl std::str::FromStr for AtFrame {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let parts = text.split_once('=').and_then(|(n, what)| Some((n.trim().parse().ok()?, what.trim())));
        match parts {
            Some((frame, what)) if !what.is_empty() => Ok(Self { frame, what: what.to_owned() }),
            _ => Err("write the frame, an equals sign and what belongs there, such as 48=the door opens".to_owned()),
        }
    }
}

/// A storyboard on the command line: FILE, or FILE#N for its N-th shot.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct BoardRef {
    /// YAML, JSON, or a screenplay.
    pub path: PathBuf,
    /// Which shot, counted from 1; all of them where it is not said.
    pub shot: Option<usize>,
}

impl std::str::FromStr for BoardRef {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        // A file may have a # in its name: only one followed by a number up to the end is ours.
        let numbered = text.rsplit_once('#').and_then(|(file, n)| Some((file, n.parse::<usize>().ok().filter(|n| *n > 0)?)));
        match numbered {
            Some((file, shot)) if !file.is_empty() => Ok(Self { path: file.into(), shot: Some(shot) }),
            _ if text.is_empty() => Err("a storyboard needs a file name".to_owned()),
            _ => Ok(Self { path: text.into(), shot: None }),
        }
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    #[test]
    fn a_clip_may_have_points_or_an_at_sign_in_its_name() {
        let clip = |t: &str| t.parse::<Clip>().map(|c| (c.0.path.display().to_string(), c.0.span.map(<(i64, i64)>::from)));
        assert_eq!(clip("a.mov").unwrap(), ("a.mov".into(), None));
        assert_eq!(clip("a.mov@10-20").unwrap(), ("a.mov".into(), Some((10, 20))));
        assert_eq!(clip("me@home.mov").unwrap(), ("me@home.mov".into(), None));
        assert_eq!(clip("me@home@0-5").unwrap(), ("me@home".into(), Some((0, 5))));
        assert_eq!(clip("a@3-").unwrap(), ("a@3-".into(), None));
        assert!(clip("a.mov@20-10").is_err());
        assert!(clip("a.mov@10-10").is_err());
        assert!(clip("").is_err());
    }

    #[test]
    fn factors_are_read_as_editors_write_them() {
        let f = |t: &str| t.parse::<Factor>().map(|f| (f.num, f.den));
        assert_eq!(f("2"), Ok((2, 1)));
        assert_eq!(f("1/2"), Ok((1, 2)));
        assert_eq!(f("2.5"), Ok((2500, 1000)));
        for bad in ["0", "-1", "nan", "1/0", "0/1", "x", "1e9"] {
            assert!(f(bad).is_err(), "{bad}");
        }
    }
}
