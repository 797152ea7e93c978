//! Final Cut Pro's XML, version 1.10, which Resolve, Premiere (through a converter) and Final Cut read.
//!
//! The lowest picture track becomes the spine; every other piece hangs on the piece of the spine that it begins over, picture
//! tracks in lanes above, sound in lanes below. All times are rational seconds, as the format asks: multiples of the frame
//! duration of the file or the cut. Source of the rules: Apple's FCPXML reference, "Describing Final Cut Pro items".

use std::collections::HashMap;
use std::path::{Path, PathBuf};

use quick_xml::Writer;
use quick_xml::events::{BytesDecl, BytesEnd, BytesStart, BytesText, Event};
use shot::{FrameIndex, Rate, Size};

use crate::cut::Cut;
use crate::error::Error;
use crate::export::Exported;
use crate::export::flat::{Media, Piece, pieces};
use crate::walk::Mark;

/// What an edit in XML says of a media file. What is unknown is left out.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Facts {
    /// Picture size; `None` where it has no picture, or nobody knows.
    pub size: Option<Size>,
    /// Channels and samples per second; `None` where it has no sound, or nobody knows.
    pub sound: Option<(u16, u32)>,
    /// Frames of the whole file.
    pub frames: Option<i64>,
}

impl Cut {
    /// The cut as FCPXML 1.10.
    pub fn to_fcpxml(&self, facts: &dyn Fn(&Path) -> Facts) -> Result<Exported, Error> {
        // What the cut names is written, whether this machine has the file or not.
        self.surveyed(&|_| true, |survey| {
            let mut remarks = Vec::new();
            let walk = &survey.walk;
            let pictures = pieces(&walk.pictures, survey.clock, &mut remarks)?;
            let sounds = pieces(&walk.sounds, survey.clock, &mut remarks)?;
            let spine = pictures.iter().map(|p| p.layer).min().unwrap_or(0);
            let mut resources = Resources::new(survey.clock.rate, facts);
            pictures.iter().for_each(|p| resources.add(p, Use::Picture));
            sounds.iter().for_each(|p| resources.add(p, Use::Sound));
            if pictures.iter().any(|p| p.media.is_sequence) {
                remarks.push("image sequences are named by their first file: Final Cut itself takes movies only".into());
            }
            if walk
                .pictures
                .iter()
                .any(|l| l.clip.list("effects").any(|e| !e.schema().ends_with("TimeWarp") && e.schema() != "FreezeFrame"))
            {
                remarks.push("effects stay behind: this XML carries cuts, speeds, dissolves and markers".into());
            }
            let story = Story::new(spine, &pictures, &sounds, walk.length.round() as i64);
            let marks = story.share_out(&walk.marks);
            let dissolves = walk.dissolves.iter().filter(|d| d.layer == spine);
            let dissolves = dissolves.map(|d| (d.at.round() as i64, d.into.round() as i64, d.out.round() as i64)).collect();
            let mut page = Page { xml: Writer::new_with_indent(Vec::new(), b' ', 4), rate: survey.clock.rate, start: survey.start };
            let title = if self.name().is_empty() { "Pickup" } else { self.name() };
            page.write(title, survey.drop_frame, &story, &Beside { resources: &resources, marks, dissolves }).map_err(|why| {
                // Memory does not refuse to be written to; if it ever does, that is what the caller hears.
                Error::Write { path: PathBuf::from("cut.fcpxml"), why }
            })?;
            let text = String::from_utf8(page.xml.into_inner()).unwrap_or_default();
            Ok(Exported { text, remarks })
        })
    }
}

/// Files and their formats, each with an id.
struct Resources<'f> {
    cut: Rate,
    facts: &'f dyn Fn(&Path) -> Facts,
    /// Rate and size; the first is the sequence's.
    formats: Vec<(Rate, Option<Size>)>,
    assets: Vec<Asset>,
    of_file: HashMap<PathBuf, usize>,
}

struct Asset {
    path: PathBuf,
    facts: Facts,
    format: usize,
    rate: Rate,
    begins: i64,
    length: i64,
    first_number: i64,
    has_picture: bool,
    has_sound: bool,
}

/// What a piece takes of its file.
#[derive(Clone, Copy, PartialEq)]
enum Use {
    Picture,
    Sound,
}

impl<'f> Resources<'f> {
    fn new(cut: Rate, facts: &'f dyn Fn(&Path) -> Facts) -> Self {
        Self { cut, facts, formats: vec![(cut, None)], assets: Vec::new(), of_file: HashMap::new() }
    }

    fn add(&mut self, piece: &Piece, shown: Use) {
        let media = &piece.media;
        let Some(path) = &media.path else { return };
        let has_picture = shown == Use::Picture;
        // What a piece shows of the file is there, whatever else is unknown.
        let reaches = media.first - media.begins + media.span(piece.frames(), self.cut).max(1);
        if let Some(asset) = self.of_file.get(path).and_then(|i| self.assets.get_mut(*i)) {
            asset.has_picture |= has_picture;
            asset.has_sound |= !has_picture;
            asset.length = asset.length.max(if asset.facts.frames.is_some() { 0 } else { reaches });
            return;
        }
        let facts = (self.facts)(path);
        if self.formats[0].1.is_none() && has_picture && media.rate == self.cut {
            self.formats[0].1 = facts.size;
        }
        let wanted = (if has_picture { media.rate } else { self.cut }, facts.size.filter(|_| has_picture));
        let format = match self.formats.iter().position(|f| *f == wanted || (!has_picture && f.0 == wanted.0)) {
            Some(known) => known,
            None => {
                self.formats.push(wanted);
                self.formats.len() - 1
            }
        };
        self.of_file.insert(path.clone(), self.assets.len());
        self.assets.push(Asset {
            path: path.clone(),
            facts,
            format,
            rate: media.rate,
            begins: media.begins,
            first_number: media.first_number,
            length: facts.frames.or(media.length).unwrap_or(reaches).max(1),
            has_picture,
            has_sound: !has_picture || facts.sound.is_some(),
        });
    }

    fn format_id(index: usize) -> String {
        format!("r{}", index + 1)
    }

    fn asset_id(&self, media: &Media) -> Option<String> {
        let index = self.of_file.get(media.path.as_ref()?)?;
        Some(format!("r{}", self.formats.len() + index + 1))
    }
}

/// The spine and what hangs on it.
struct Story<'p> {
    items: Vec<Item<'p>>,
}

/// A piece of the spine, or a gap in it.
struct Item<'p> {
    start: i64,
    end: i64,
    piece: Option<&'p Piece>,
    /// Lane and piece; sound has lanes below 0.
    hanging: Vec<(i64, &'p Piece)>,
}

impl<'p> Story<'p> {
    fn new(spine: usize, pictures: &'p [Piece], sounds: &'p [Piece], length: i64) -> Self {
        let mut items: Vec<Item<'p>> = Vec::new();
        let mut at = 0;
        let gap = |start, end| Item { start, end, piece: None, hanging: Vec::new() };
        for piece in pictures.iter().filter(|p| p.layer == spine) {
            if piece.start > at {
                items.push(gap(at, piece.start));
            }
            items.push(Item { start: piece.start, end: piece.end, piece: Some(piece), hanging: Vec::new() });
            at = piece.end;
        }
        if at < length || items.is_empty() {
            items.push(gap(at, length.max(at + 1)));
        }
        let mut story = Self { items };
        let above = lanes(pictures.iter().filter(|p| p.layer != spine));
        let below = lanes(sounds.iter());
        for piece in pictures.iter().filter(|p| p.layer != spine) {
            story.hang(above.get(&piece.layer).copied().unwrap_or(1), piece);
        }
        for piece in sounds {
            story.hang(-below.get(&piece.layer).copied().unwrap_or(1), piece);
        }
        story
    }

    fn hang(&mut self, lane: i64, piece: &'p Piece) {
        let index = self.at(piece.start);
        if let Some(item) = self.items.get_mut(index) {
            item.hanging.push((lane, piece));
        }
    }

    /// The item of the spine at a frame; the last one where the spine ends before it.
    fn at(&self, frame: i64) -> usize {
        self.items.partition_point(|i| i.end <= frame).min(self.items.len().saturating_sub(1))
    }

    /// The markers of each item, with their first frame and length in frames of the cut.
    fn share_out<'m>(&self, marks: &'m [Mark<'m>]) -> HashMap<usize, Vec<(i64, i64, &'m Mark<'m>)>> {
        let mut out: HashMap<usize, Vec<_>> = HashMap::new();
        for mark in marks {
            let (start, end) = (mark.start.round() as i64, mark.end.round() as i64);
            out.entry(self.at(start)).or_default().push((start, (end - start).max(1), mark));
        }
        out
    }
}

/// Lanes from 1 on, in the order of the layers.
fn lanes<'p>(pieces: impl Iterator<Item = &'p Piece>) -> HashMap<usize, i64> {
    let mut layers: Vec<usize> = pieces.map(|p| p.layer).collect();
    layers.sort_unstable();
    layers.dedup();
    layers.into_iter().zip(1..).collect()
}

/// What the story refers to.
struct Beside<'a, 'm> {
    resources: &'a Resources<'a>,
    marks: HashMap<usize, Vec<(i64, i64, &'m Mark<'m>)>>,
    /// On the spine: the cut it stands on, and its reach to both sides.
    dissolves: Vec<(i64, i64, i64)>,
}

struct Page {
    xml: Writer<Vec<u8>>,
    rate: Rate,
    start: FrameIndex,
}

type Attributes = Vec<(&'static str, String)>;

impl Page {
    fn write(&mut self, title: &str, drop: bool, story: &Story<'_>, beside: &Beside<'_, '_>) -> std::io::Result<()> {
        self.xml.write_event(Event::Decl(BytesDecl::new("1.0", Some("UTF-8"), None)))?;
        self.xml.write_event(Event::DocType(BytesText::from_escaped("fcpxml")))?;
        self.open("fcpxml", vec![("version", "1.10".into())])?;
        self.resources(beside.resources)?;
        self.open("library", vec![])?;
        self.open("event", vec![("name", title.to_owned())])?;
        self.open("project", vec![("name", title.to_owned())])?;
        let length = story.items.last().map_or(0, |i| i.end);
        let sequence = vec![
            ("format", Resources::format_id(0)),
            ("duration", seconds(length, self.rate)),
            ("tcStart", seconds(self.start.0, self.rate)),
            ("tcFormat", if drop { "DF".into() } else { "NDF".into() }),
            ("audioLayout", "stereo".into()),
            ("audioRate", "48k".into()),
        ];
        self.open("sequence", sequence)?;
        self.open("spine", vec![])?;
        for (index, item) in story.items.iter().enumerate() {
            if let Some((at, into, out)) = beside.dissolves.iter().find(|d| d.0 == item.start && index > 0 && d.1 + d.2 > 0) {
                let begins = self.start.0 + at - into;
                self.empty(
                    "transition",
                    vec![
                        ("name", "Cross Dissolve".into()),
                        ("offset", seconds(begins, self.rate)),
                        ("duration", seconds(into + out, self.rate)),
                    ],
                )?;
            }
            self.item(item, beside.marks.get(&index).map(Vec::as_slice).unwrap_or_default(), beside.resources)?;
        }
        for name in ["spine", "sequence", "project", "event", "library", "fcpxml"] {
            self.close(name)?;
        }
        Ok(())
    }

    fn resources(&mut self, resources: &Resources<'_>) -> std::io::Result<()> {
        self.open("resources", vec![])?;
        for (index, (rate, size)) in resources.formats.iter().enumerate() {
            let mut format = vec![("id", Resources::format_id(index)), ("frameDuration", seconds(1, *rate))];
            if let Some(size) = size {
                format.extend([("width", size.width.to_string()), ("height", size.height.to_string())]);
            }
            self.empty("format", format)?;
        }
        for (index, asset) in resources.assets.iter().enumerate() {
            let name = asset.path.file_stem().map(|s| s.to_string_lossy().into_owned()).unwrap_or_default();
            let mut attributes = vec![
                ("id", format!("r{}", resources.formats.len() + index + 1)),
                ("name", name),
                ("start", seconds(asset.begins, asset.rate)),
                ("duration", seconds(asset.length, asset.rate)),
            ];
            if asset.has_picture {
                attributes.extend([("hasVideo", "1".to_owned()), ("videoSources", "1".into())]);
                attributes.push(("format", Resources::format_id(asset.format)));
            }
            if asset.has_sound {
                let (channels, rate) = asset.facts.sound.unwrap_or((2, 48_000));
                attributes.extend([("hasAudio", "1".to_owned()), ("audioSources", "1".into())]);
                attributes.extend([("audioChannels", channels.to_string()), ("audioRate", rate.to_string())]);
            }
            self.open("asset", attributes)?;
            let first = first_file(&asset.path, asset.first_number);
            let src = crate::url::absolute(&first).unwrap_or_else(|| first.to_string_lossy().into_owned());
            self.empty("media-rep", vec![("kind", "original-media".into()), ("src", src)])?;
            self.close("asset")?;
        }
        self.close("resources")
    }

    /// A piece of the spine with all that hangs on it.
    fn item(&mut self, item: &Item<'_>, marks: &[(i64, i64, &Mark<'_>)], resources: &Resources<'_>) -> std::io::Result<()> {
        let offset = seconds(self.start.0 + item.start, self.rate);
        let (tag, local) = match item.piece {
            Some(piece) => self.clip(piece, offset, None, resources)?,
            None => {
                let attributes = vec![
                    ("name", "Gap".to_owned()),
                    ("offset", offset),
                    ("start", "0s".into()),
                    ("duration", seconds(item.end - item.start, self.rate)),
                ];
                self.open("gap", attributes)?;
                ("gap", Fraction::ZERO)
            }
        };
        for (lane, piece) in &item.hanging {
            // Where it begins, in the time of the piece that it hangs on.
            let offset = local.plus(Fraction::of(piece.start - item.start, self.rate)).text();
            let (tag, _) = self.clip(piece, offset, Some(*lane), resources)?;
            self.close(tag)?;
        }
        for (start, length, mark) in marks {
            let mut attributes = vec![
                ("start", local.plus(Fraction::of(start - item.start, self.rate)).text()),
                ("duration", seconds(*length, self.rate)),
                ("value", mark.node.text("name").to_owned()),
            ];
            let note = mark.node.text("comment");
            if !note.is_empty() {
                attributes.push(("note", note.to_owned()));
            }
            self.empty("marker", attributes)?;
        }
        self.close(tag)
    }

    /// Opens a clip; gives its tag and the time of its own at which it begins.
    fn clip(
        &mut self,
        piece: &Piece,
        offset: String,
        lane: Option<i64>,
        resources: &Resources<'_>,
    ) -> std::io::Result<(&'static str, Fraction)> {
        let media = &piece.media;
        let mut attributes: Attributes = Vec::new();
        let tag = match resources.asset_id(media) {
            Some(id) => {
                attributes.push(("ref", id));
                "asset-clip"
            }
            // Media that nobody can name: an empty stretch of the right length, with the clip's name.
            None => "gap",
        };
        // A changed speed has a time of its own that begins at 0; the map says which moment of the file is shown when.
        let is_plain = (media.speed - 1.0).abs() < 1e-9;
        let local = if is_plain && tag == "asset-clip" { Fraction::of(media.first, media.rate) } else { Fraction::ZERO };
        if let Some(lane) = lane.filter(|_| tag == "asset-clip") {
            attributes.push(("lane", lane.to_string()));
        }
        attributes.extend([("offset", offset), ("name", piece.name.clone()), ("start", local.text())]);
        attributes.push(("duration", seconds(piece.frames(), self.rate)));
        if tag == "asset-clip" {
            attributes.push(("srcEnable", if lane.is_some_and(|l| l < 0) { "audio".into() } else { "video".into() }));
        }
        self.open(tag, attributes)?;
        if tag == "asset-clip" && media.rate != self.rate && lane.is_none_or(|l| l > 0) {
            self.empty("conform-rate", vec![("srcFrameRate", conform_name(media.rate))])?;
        }
        if !is_plain && tag == "asset-clip" {
            self.open("timeMap", vec![])?;
            let span = media.span(piece.frames(), self.rate);
            for (time, value) in [(0, media.first), (piece.frames(), media.first + span)] {
                self.empty(
                    "timept",
                    vec![("time", seconds(time, self.rate)), ("value", seconds(value, media.rate)), ("interp", "linear".into())],
                )?;
            }
            self.close("timeMap")?;
        }
        Ok((tag, local))
    }

    fn open(&mut self, name: &str, attributes: Attributes) -> std::io::Result<()> {
        self.xml.write_event(Event::Start(element(name, &attributes)))
    }

    fn empty(&mut self, name: &str, attributes: Attributes) -> std::io::Result<()> {
        self.xml.write_event(Event::Empty(element(name, &attributes)))
    }

    fn close(&mut self, name: &str) -> std::io::Result<()> {
        self.xml.write_event(Event::End(BytesEnd::new(name)))
    }
}

fn element<'n>(name: &'n str, attributes: &[(&'static str, String)]) -> BytesStart<'n> {
    // XML has no form for most control characters, not even an escaped one.
    let clean = |text: &str| text.chars().filter(|c| !c.is_control()).collect::<String>();
    let mut start = BytesStart::new(name);
    for (key, value) in attributes {
        start.push_attribute((*key, clean(value).as_str()));
    }
    start
}

/// An exact time in seconds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Fraction {
    num: i128,
    den: i128,
}

impl Fraction {
    const ZERO: Self = Self { num: 0, den: 1 };

    fn of(frames: i64, rate: Rate) -> Self {
        Self { num: i128::from(frames) * i128::from(rate.den()), den: i128::from(rate.num()) }
    }

    fn plus(self, other: Self) -> Self {
        Self { num: self.num * other.den + other.num * self.den, den: self.den * other.den }
    }

    /// `1001/24000s`; whole seconds without a fraction.
    fn text(self) -> String {
        let (mut a, mut b) = (self.num.abs(), self.den);
        while b != 0 {
            (a, b) = (b, a % b);
        }
        let divisor = a.max(1);
        match (self.num / divisor, self.den / divisor) {
            (num, 1) => format!("{num}s"),
            (num, den) => format!("{num}/{den}s"),
        }
    }
}

fn seconds(frames: i64, rate: Rate) -> String {
    Fraction::of(frames, rate).text()
}

/// The name that `conform-rate` has for a rate.
fn conform_name(rate: Rate) -> String {
    match (rate.num(), rate.den()) {
        (24_000, 1001) => "23.98".into(),
        (30_000, 1001) => "29.97".into(),
        (60_000, 1001) => "59.94".into(),
        (num, 1) => num.to_string(),
        _ => format!("{:.2}", rate.as_f64()),
    }
}

/// The first file of an image sequence; the file itself where it is none.
fn first_file(path: &Path, number: i64) -> PathBuf {
    let text = path.to_string_lossy();
    let Some((before, rest)) = text.rsplit_once('%') else { return path.to_owned() };
    let Some((digits, after)) = rest.split_once('d').filter(|(d, _)| d.bytes().all(|b| b.is_ascii_digit())) else {
        return path.to_owned();
    };
    let width: usize = digits.parse().unwrap_or(0);
    PathBuf::from(format!("{before}{number:0width$}{after}"))
}
