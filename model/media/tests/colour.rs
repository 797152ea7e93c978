//! Range, matrix, depth and what lies above white come through.
#![allow(clippy::unwrap_used)]

mod common;

use std::path::{Path, PathBuf};

use common::{ffmpeg, tools};
use media::{Conform, Delivery, DeliverySpec};
use shot::{ClipRef, ColourSpace, FrameIndex, Frames, Picture, Rate, Size, Timecode};

/// The middle pixel of a lossless file of one colour, given by its code values.
fn decoded(home: &Path, format: &str, codes: [u32; 3], tags: &str) -> [f32; 4] {
    let path: PathBuf = home.join("one.mkv");
    let [y, u, v] = codes;
    let source = format!("-f lavfi -i color=black:s=64x36:r=25,format={format},geq=lum={y}:cb={u}:cr={v}");
    ffmpeg(&format!("{source} -frames:v 2 -c:v ffv1 -pix_fmt {format} {tags}"), &path);
    let clip = tools().open(&ClipRef::whole(&path), &Conform::default()).unwrap();
    clip.frame(1).unwrap().row(18)[32]
}

fn close(got: [f32; 4], want: [f64; 3]) {
    assert!((0..3).all(|c| (f64::from(got[c]) - want[c]).abs() < 2e-6), "{got:?} instead of {want:?}");
}

#[test]
fn matrices_and_ranges_are_honoured() {
    let home = tempfile::tempdir().unwrap();
    // R = Y + 2(1−Kr)Cr, B = Y + 2(1−Kb)Cb, G from the luma equation; Y and C from the code values of the range.
    let rgb = |kr: f64, kb: f64, y: f64, cb: f64, cr: f64| {
        let (r, b) = (y + 2.0 * (1.0 - kr) * cr, y + 2.0 * (1.0 - kb) * cb);
        [r, (y - kr * r - kb * b) / (1.0 - kr - kb), b]
    };
    let limited = |c: [u32; 3], k: f64| {
        ((f64::from(c[0]) / k - 16.0) / 219.0, (f64::from(c[1]) / k - 128.0) / 224.0, (f64::from(c[2]) / k - 128.0) / 224.0)
    };
    let full = |c: [u32; 3]| (f64::from(c[0]) / 255.0, (f64::from(c[1]) - 128.0) / 255.0, (f64::from(c[2]) - 128.0) / 255.0);
    let eight = [90, 100, 170];
    let ten = [361, 401, 683];
    for (tag, kr, kb) in [("bt709", 0.2126, 0.0722), ("smpte170m", 0.299, 0.114), ("bt470bg", 0.299, 0.114), ("bt2020nc", 0.2627, 0.0593)] {
        let (y, cb, cr) = limited(eight, 1.0);
        close(decoded(home.path(), "yuv420p", eight, &format!("-colorspace {tag} -color_range tv")), rgb(kr, kb, y, cb, cr));
        let (y, cb, cr) = full(eight);
        close(decoded(home.path(), "yuv444p", eight, &format!("-colorspace {tag} -color_range pc")), rgb(kr, kb, y, cb, cr));
        let (y, cb, cr) = limited(ten, 4.0);
        close(decoded(home.path(), "yuv422p10le", ten, &format!("-colorspace {tag} -color_range tv")), rgb(kr, kb, y, cb, cr));
    }
    // Untagged and small: BT.601.
    let (y, cb, cr) = limited(eight, 1.0);
    close(decoded(home.path(), "yuv420p", eight, "-color_range tv"), rgb(0.299, 0.114, y, cb, cr));
    // Above white.
    let (y, _, _) = limited([250, 128, 128], 1.0);
    close(decoded(home.path(), "yuv420p", [250, 128, 128], "-colorspace bt709 -color_range tv"), [y; 3]);
}

#[test]
fn colour_spaces_follow_the_transfer_tag_and_the_reference_wins() {
    let home = tempfile::tempdir().unwrap();
    for (transfer, space) in [
        ("bt709", ColourSpace::Rec709),
        ("smpte2084", ColourSpace::Pq),
        ("arib-std-b67", ColourSpace::Hlg),
        ("iec61966-2-1", ColourSpace::Srgb),
    ] {
        let path = home.path().join("t.mkv");
        ffmpeg(&format!("-f lavfi -i color=gray:s=64x36:r=25 -frames:v 2 -c:v ffv1 -pix_fmt yuv420p -color_trc {transfer}"), &path);
        // Looked at anew, though the path is the same: another file stands there.
        assert_eq!(tools().probe(&ClipRef::whole(&path)).unwrap().colour, space);
        let named = ClipRef { colour: Some(ColourSpace::SLog3), rate: Some(Rate::whole(50)), ..ClipRef::whole(&path) };
        let info = tools().probe(&named).unwrap();
        assert_eq!((info.colour, info.rate), (ColourSpace::SLog3, Rate::whole(50)));
    }
}

/// A picture with a ramp, colours, and values above white.
fn chart(size: Size) -> Picture {
    let at = |i: u32| {
        let (x, y) = ((i % size.width) as f32 / size.width as f32, (i / size.width) as f32 / size.height as f32);
        [x * 1.05, y, 0.5 + 0.5 * x * (1.0 - y), 1.0]
    };
    Picture::new(size, (0..size.pixels() as u32).map(at).collect()).unwrap()
}

#[test]
fn a_movie_comes_back_as_it_was_given() {
    let home = tempfile::tempdir().unwrap();
    let out = home.path().join("out.mov");
    let size = Size::new(192, 108);
    let rate: Rate = "30000/1001".parse().unwrap();
    let start = Timecode::parse("01:00:59;28", rate).unwrap();
    for colour in [ColourSpace::Rec709, ColourSpace::Srgb, ColourSpace::Pq, ColourSpace::Hlg, ColourSpace::LogC3] {
        for alpha in [false, true] {
            let spec =
                DeliverySpec { start: start.frame, drop_frame: true, colour, alpha, pixel_aspect: 1.5, ..DeliverySpec::new(size, rate) };
            let mut delivery = Delivery::create(&tools(), &out, &spec).unwrap();
            let mut picture = chart(size);
            if alpha {
                picture.pixels_mut().iter_mut().for_each(|p| *p = p.map(|v| v * 0.5));
            }
            (0..3).for_each(|_| delivery.picture(&picture).unwrap());
            delivery.finish().unwrap();

            let info = tools().probe(&ClipRef::whole(&out)).unwrap();
            let expected = if colour == ColourSpace::LogC3 { ColourSpace::Rec709 } else { colour };
            assert_eq!((info.colour, info.rate, info.frames, info.has_alpha), (expected, rate, 3, alpha), "{colour}");
            assert_eq!(info.start_timecode.unwrap().to_string(), "01:00:59;28");
            assert_eq!(info.pixel_aspect, 1.5);
            let back = tools().open(&ClipRef::whole(&out), &Conform::default()).unwrap().frame(2).unwrap();
            let worst =
                back.pixels().iter().flatten().zip(picture.pixels().iter().flatten()).map(|(a, b)| (a - b).abs()).fold(0.0, f32::max);
            assert!(worst < 0.02, "{colour} {alpha}: {worst}");
            let mean = back.pixels().iter().flatten().zip(picture.pixels().iter().flatten()).map(|(a, b)| a - b).sum::<f32>()
                / 4.0
                / size.pixels() as f32;
            assert!(mean.abs() < 5e-4, "{colour} {alpha}: {mean}");
        }
    }
}

#[test]
fn exr_frames_keep_what_lies_outside_and_their_timecode() {
    let home = tempfile::tempdir().unwrap();
    let out = home.path().join("frames");
    let size = Size::new(24, 10);
    let spec = DeliverySpec {
        format: media::Format::Exr,
        colour: ColourSpace::AcesCg,
        start: FrameIndex(86_400),
        source_type: Some(shot::take::SourceType::CompositeSynthetic),
        ..DeliverySpec::new(size, Rate::whole(24))
    };
    let mut delivery = Delivery::create(&tools(), &out, &spec).unwrap();
    let picture = Picture::filled(size, [12.5, -0.25, 0.5, 1.0]);
    delivery.picture(&picture).unwrap();
    delivery.picture(&picture).unwrap();
    delivery.finish().unwrap();
    let clip = tools().open(&ClipRef::whole(out.join("%06d.exr")), &Conform::default()).unwrap();
    let info = clip.info();
    assert_eq!((info.colour, info.rate, info.rate_is_known, info.frames), (ColourSpace::AcesCg, Rate::whole(24), true, 2));
    assert_eq!(info.start_timecode.unwrap().to_string(), "01:00:00:00");
    assert_eq!(*clip.frame(1).unwrap(), picture);
}
