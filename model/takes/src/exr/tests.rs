#![allow(clippy::unwrap_used)]

use std::path::PathBuf;

use half::f16;
use proptest::prelude::*;
use shot::take::SourceType;
use shot::{ColourSpace, FrameIndex, Picture, Size, Timecode};

use super::*;

fn tags() -> FrameTags {
    FrameTags {
        timecode: Timecode::parse("01:02:03;04", "30000/1001".parse().unwrap()).unwrap(),
        colour: ColourSpace::AcesCg,
        pixel_aspect: 1.0,
        source_type: Some(SourceType::CompositeSynthetic),
    }
}

/// A picture of halves, so that writing it loses nothing.
fn noise(size: Size, seed: u32) -> Picture {
    let mut state = seed | 1;
    let mut value = || {
        state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
        f16::from_f32((state >> 8) as f32 / 4_194_304.0 - 1.0).to_f32()
    };
    Picture::new(size, (0..size.pixels()).map(|_| [value(), value(), value(), value()]).collect()).unwrap()
}

fn scratch() -> (tempfile::TempDir, PathBuf) {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("frame.exr");
    (folder, path)
}

#[test]
fn what_no_half_can_hold_is_brought_inside() {
    let (_folder, path) = scratch();
    let pixel = [f32::NAN, f32::INFINITY, -1e9, 65_504.0];
    write(&path, &Picture::filled(Size::new(3, 2), pixel), &tags()).unwrap();
    assert_eq!(read(&path).unwrap().pixels()[5], [0.0, HALF_MAX, -HALF_MAX, HALF_MAX]);
}

#[test]
fn a_file_says_what_it_is_in_the_standard_attributes() {
    let (_folder, path) = scratch();
    write(&path, &noise(Size::new(20, 40), 1), &tags()).unwrap();
    let meta = exr::meta::MetaData::read_from_file(&path, true).unwrap();
    let header = &meta.headers[0];
    let shared = &header.shared_attributes;
    assert_eq!(header.compression, exr::compression::Compression::ZIP16);
    assert_eq!(header.own_attributes.frames_per_second, Some((30_000, 1001)));
    let tc = shared.time_code.unwrap();
    assert_eq!((tc.hours, tc.minutes, tc.seconds, tc.frame, tc.drop_frame), (1, 2, 3, 4, true));
    assert_eq!(shared.chromaticities.unwrap().green, exr::math::Vec2(0.165, 0.830));
    let (_, source) = header.own_attributes.other.iter().find(|(n, _)| **n == *"digitalSourceType").unwrap();
    let source = source.to_text().unwrap().to_string();
    assert_eq!(source, SourceType::CompositeSynthetic.uri());
    let (_, back) = read_tagged(&path).unwrap();
    assert_eq!(back.timecode, Some(tags().timecode));
    assert_eq!((back.colour, back.pixel_aspect), (Some(ColourSpace::AcesCg), 1.0));
}

#[test]
fn fast_rates_count_pairs_of_frames() {
    let (_folder, path) = scratch();
    let at = |frame| Timecode::new(FrameIndex(frame), "60000/1001".parse().unwrap(), true);
    for frame in [0, 1, 59, 3_600, 5_178_816 - 1] {
        let timecode = at(frame);
        write(&path, &noise(Size::new(1, 1), 1), &FrameTags { timecode, ..tags() }).unwrap();
        assert_eq!(read_tagged(&path).unwrap().1.timecode, Some(at(frame)), "{frame}");
    }
}

#[test]
fn a_day_later_and_before_midnight_still_have_a_timecode() {
    let (_folder, path) = scratch();
    let rate = shot::Rate::whole(24);
    for (frame, shown) in [(-1, "23:59:59:23"), (24 * 86_400 + 3, "00:00:00:03")] {
        let timecode = Timecode::new(FrameIndex(frame), rate, false);
        write(&path, &noise(Size::new(1, 1), 1), &FrameTags { timecode, ..tags() }).unwrap();
        assert_eq!(read_tagged(&path).unwrap().1.timecode.unwrap().to_string(), shown);
    }
}

#[test]
fn the_same_frame_is_the_same_bytes() {
    let picture = noise(Size::new(33, 35), 7);
    let first = encode(&picture, &tags()).unwrap();
    for _ in 0..8 {
        assert_eq!(encode(&picture, &tags()).unwrap(), first);
    }
}

/// What other programs write: through the image layer of crate exr, which shares no code with our writer.
mod foreign {
    use exr::prelude::*;

    use super::super::read;
    use super::scratch;

    fn channel(name: &str, samples: FlatSamples) -> AnyChannel<FlatSamples> {
        AnyChannel::new(name, samples)
    }

    fn put(path: &std::path::Path, channels: Vec<AnyChannel<FlatSamples>>, encoding: Encoding, attributes: ImageAttributes, at: Vec2<i32>) {
        let layer_attributes = LayerAttributes { layer_position: at, ..LayerAttributes::named("") };
        let layer = Layer::new(Vec2(3, 2), layer_attributes, encoding, AnyChannels::sort(channels.into_iter().collect()));
        Image::empty(attributes).with_layer(layer).write().non_parallel().to_file(path).unwrap();
    }

    fn plain() -> ImageAttributes {
        ImageAttributes::with_size(Vec2(3, 2))
    }

    fn ramp(from: f32) -> Vec<f32> {
        (0..6).map(|i| from + i as f32).collect()
    }

    #[test]
    fn floats_without_alpha_under_every_lossless_compression_are_read() {
        let (_folder, path) = scratch();
        for compression in [Compression::Uncompressed, Compression::RLE, Compression::ZIP1, Compression::ZIP16, Compression::PIZ] {
            for blocks in [Blocks::ScanLines, Blocks::Tiles(Vec2(2, 2))] {
                let channels = vec![
                    channel("G", FlatSamples::F32(ramp(10.0))),
                    channel("R", FlatSamples::F32(ramp(0.25))),
                    channel("B", FlatSamples::F16(ramp(20.0).into_iter().map(f16::from_f32).collect())),
                    channel("Z", FlatSamples::U32(vec![9; 6])),
                ];
                put(&path, channels, Encoding { compression, blocks, line_order: LineOrder::Increasing }, plain(), Vec2(0, 0));
                let picture = read(&path).unwrap();
                assert_eq!(picture.pixels()[0], [0.25, 10.0, 20.0, 1.0], "{compression:?}");
                assert_eq!(picture.pixels()[5], [5.25, 15.0, 25.0, 1.0], "{compression:?}");
            }
        }
    }

    #[test]
    fn a_layer_is_found_where_no_bare_channels_are() {
        let (_folder, path) = scratch();
        let channels = ["beauty.A", "beauty.B", "beauty.G", "beauty.R", "Y"]
            .into_iter()
            .enumerate()
            .map(|(i, n)| channel(n, FlatSamples::F32(ramp(i as f32 * 10.0))))
            .collect();
        put(&path, channels, Encoding::SMALL_LOSSLESS, plain(), Vec2(0, 0));
        assert_eq!(read(&path).unwrap().pixels()[1], [31.0, 21.0, 11.0, 1.0]);
    }

    #[test]
    fn grey_is_grey_in_every_channel() {
        let (_folder, path) = scratch();
        put(&path, vec![channel("Y", FlatSamples::F32(ramp(0.0)))], Encoding::FAST_LOSSLESS, plain(), Vec2(0, 0));
        assert_eq!(read(&path).unwrap().pixels()[4], [4.0, 4.0, 4.0, 1.0]);
    }

    #[test]
    fn a_picture_without_colour_says_what_it_has() {
        let (_folder, path) = scratch();
        put(&path, vec![channel("Z", FlatSamples::F32(ramp(0.0)))], Encoding::FAST_LOSSLESS, plain(), Vec2(0, 0));
        assert!(read(&path).unwrap_err().to_string().contains("no full-size R, G and B channels; it has Z"));
    }

    #[test]
    fn the_data_window_is_cropped_and_filled_to_the_display_window() {
        let (_folder, path) = scratch();
        let all = || "ABGR".chars().map(|c| channel(&c.to_string(), FlatSamples::F32(ramp(1.0)))).collect::<Vec<_>>();
        // Display window 4×3 from (10, 20); the data begins one pixel left of it and one row below its top.
        let window = ImageAttributes::new(IntegerBounds::new((10, 20), (4, 3)));
        put(&path, all(), Encoding::FAST_LOSSLESS, window, Vec2(9, 21));
        let picture = read(&path).unwrap();
        assert_eq!((picture.width(), picture.height()), (4, 3));
        let reds: Vec<f32> = picture.pixels().iter().map(|p| p[0]).collect();
        assert_eq!(reds, [0.0, 0.0, 0.0, 0.0, 2.0, 3.0, 0.0, 0.0, 5.0, 6.0, 0.0, 0.0]);
        // Wholly outside: nothing of it is seen, which is no error.
        put(&path, all(), Encoding::FAST_LOSSLESS, plain(), Vec2(-500, 900));
        assert_eq!(read(&path).unwrap().pixels()[0], [0.0; 4]);
    }
}

#[test]
fn files_that_are_no_pictures_are_refused_in_words() {
    let (folder, path) = scratch();
    std::fs::write(&path, b"").unwrap();
    assert!(read(&path).is_err());
    std::fs::write(&path, b"\x89PNG\r\n\x1a\n and so on").unwrap();
    assert!(read(&path).unwrap_err().to_string().contains("no EXR file"));
    assert!(read(folder.path()).is_err());
    assert!(read(&folder.path().join("absent.exr")).is_err());
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(48))]

    #[test]
    fn halves_come_back_as_they_were(width in 1u32..40, height in 1u32..40, seed: u32) {
        let (_folder, path) = scratch();
        let picture = noise(Size::new(width, height), seed);
        write(&path, &picture, &tags()).unwrap();
        prop_assert_eq!(read(&path).unwrap(), picture);
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(2000))]

    #[test]
    fn a_damaged_file_is_an_answer(flips in prop::collection::vec((any::<prop::sample::Index>(), any::<u8>()), 0..6), cut in prop::option::of(any::<prop::sample::Index>())) {
        let (_folder, path) = scratch();
        let mut bytes = encode(&noise(Size::new(9, 21), 3), &tags()).unwrap();
        for (at, value) in flips {
            let at = at.index(bytes.len());
            bytes[at] = value;
        }
        if let Some(cut) = cut {
            bytes.truncate(cut.index(bytes.len()));
            std::fs::write(&path, &bytes).unwrap();
            // Only the trailing bytes of the last chunk could be missed; a picture may then not come out whole.
            prop_assert!(read(&path).is_err());
        } else {
            std::fs::write(&path, &bytes).unwrap();
            if let Ok(picture) = read(&path) {
                prop_assert!(picture.size().checked().is_ok());
            }
        }
    }
}
