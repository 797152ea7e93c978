//! The same picture within one step of its depth, whichever way it is asked for.
#![allow(clippy::unwrap_used, clippy::panic)]

use test_host::flow::{generate, id};
use test_host::{
    Alpha, Area, Components, Context, Depth, Field, Format, Host, Instance, Quirks, Rect, RenderArgs, RenderedImage, Rows, SOURCE, Setup,
    TestClip,
};

const W: f64 = 96.0;
const H: f64 = 54.0;

/// A transition that was generated once; its take's id and folder serve every format.
struct Shot {
    _takes: tempfile::TempDir,
    setup: Setup,
}

fn shot() -> Shot {
    let takes = tempfile::tempdir().unwrap();
    let setup = Setup::sized(Context::Transition, W, H).with(id::TAKES_FOLDER, takes.path()).with(id::SOUND, 1).with(id::ENGINE, 1);
    let (_, instance) = open(&setup, Quirks::default());
    generate(&instance, 60).unwrap();
    Shot { _takes: takes, setup: Setup { params: instance.saved(), ..setup } }
}

fn open(setup: &Setup, quirks: Quirks) -> (Host, Instance) {
    let host = Host::new(quirks);
    let plugin = host.open();
    plugin.meet().unwrap();
    host.set_time(50.0);
    let instance = plugin.create(Context::Transition, setup).unwrap();
    for frame in 0..12 {
        instance.key("Transition", 48.0 + f64::from(frame), f64::from(frame) / 11.0);
    }
    (host, instance)
}

fn whole(setup: &Setup, rows: Rows, time: f64) -> (Host, RenderedImage) {
    let (host, instance) = open(setup, Quirks::default());
    let args = RenderArgs { rows, ..RenderArgs::interactive(time) };
    assert_eq!(instance.is_identity(&args).unwrap(), None);
    let image = instance.render(&args).unwrap();
    assert_eq!(image.unwritten(), 0);
    assert_eq!(host.violations(), Vec::<String>::new());
    (host, image)
}

#[test]
fn every_depth_and_every_layout_shows_the_same_take() {
    let shot = shot();
    let (_, reference) = whole(&shot.setup, Rows::default(), 53.0);
    assert!(reference.contrast() > 0.05);
    let layouts = [
        Rows::default(),
        Rows { padding: 5, ..Rows::default() },
        Rows { negative: true, ..Rows::default() },
        Rows { negative: true, padding: 7, shift: 3, margin: [3, 2, 1, 5] },
    ];
    for depth in Depth::ALL {
        for components in [Components::Rgba, Components::Rgb, Components::Alpha] {
            let setup = Setup { format: Format { depth, components }, ..shot.setup.clone() };
            for rows in layouts {
                let (_, image) = whole(&setup, rows, 53.0);
                let difference = image.difference(&reference);
                // Half of the step for rounding, doubled: one least significant bit.
                assert!(difference <= depth.step() + 1e-6, "{depth:?} {components:?} {rows:?}: {difference}");
            }
        }
    }
}

#[test]
fn every_window_is_a_piece_of_the_whole() {
    let shot = shot();
    for scale in [(1.0, 1.0), (0.5, 0.5), (0.25, 0.25), (0.5, 1.0)] {
        let (host, instance) = open(&shot.setup, Quirks::default());
        let args = RenderArgs { scale, ..RenderArgs::interactive(54.0) };
        let reference = instance.render(&args).unwrap();
        assert_eq!(reference.window, Rect::new(0, 0, (W * scale.0) as i32, (H * scale.1).ceil() as i32));
        let (w, h) = (reference.window.x2, reference.window.y2);
        for window in
            [Rect::new(0, 0, w, 1), Rect::new(w - 1, h - 1, w, h), Rect::new(3, 5, w / 2 + 1, h - 2), Rect::new(w / 3, 0, w / 3 + 1, h)]
        {
            let piece = instance.render(&RenderArgs { window: Some(window), ..args.clone() }).unwrap();
            assert_eq!(piece.unwritten(), 0, "{window:?} at {scale:?}");
            assert!(piece.difference(&reference) <= 1e-6, "{window:?} at {scale:?}");
        }
        assert_eq!(host.violations(), Vec::<String>::new());
    }
}

#[test]
fn a_proxy_is_the_whole_made_small() {
    let shot = shot();
    let (_, instance) = open(&shot.setup, Quirks::default());
    let full = instance.render(&RenderArgs::interactive(54.0)).unwrap();
    for n in [2, 4] {
        let scale = 1.0 / f64::from(n);
        let proxy = instance.render(&RenderArgs { scale: (scale, scale), ..RenderArgs::interactive(54.0) }).unwrap();
        let mut sum = 0.0;
        let (w, h) = (W as i32 / n, H as i32 / n);
        for y in 0..h {
            for x in 0..w {
                let mut mean = [0.0; 4];
                for p in (0..n).flat_map(|j| (0..n).map(move |i| (i, j))).map(|(i, j)| full.at(x * n + i, y * n + j)) {
                    (0..4).for_each(|c| mean[c] += p[c] / (n * n) as f32);
                }
                sum += (0..4).map(|c| f64::from((proxy.at(x, y)[c] - mean[c]).abs())).sum::<f64>() / 4.0;
            }
        }
        let error = sum / f64::from(w * h);
        assert!(error < 0.02, "scale {scale}: the proxy is {error} away from the mean of what it covers");
    }
}

#[test]
fn a_window_outside_the_take_is_filled_all_the_same() {
    let shot = shot();
    let (host, instance) = open(&shot.setup, Quirks::default());
    for window in [Rect::new(-20, -10, 10, 10), Rect::new(90, 50, 130, 70), Rect::new(500, 500, 510, 503), Rect::new(-9, 0, -5, 4)] {
        let image = instance.render(&RenderArgs { window: Some(window), ..RenderArgs::interactive(54.0) }).unwrap();
        assert_eq!(image.unwritten(), 0, "{window:?}");
    }
    assert_eq!(host.violations(), Vec::<String>::new());
}

#[test]
fn a_project_whose_corner_is_elsewhere_shows_the_take_there() {
    let shot = shot();
    let (_, reference) = whole(&shot.setup, Rows::default(), 53.0);
    let mut setup = Setup { offset: (-30.0, 17.0), ..shot.setup.clone() };
    for (_, clip) in &mut setup.clips {
        clip.area = Area::new(-30.0, 17.0, W - 30.0, H + 17.0);
    }
    let (_, moved) = whole(&setup, Rows::default(), 53.0);
    assert_eq!(moved.window, Rect::new(-30, 17, W as i32 - 30, H as i32 + 17));
    for (x, y) in [(0, 0), (95, 53), (40, 20)] {
        assert_eq!(moved.at(x - 30, y + 17), reference.at(x, y));
    }
}

#[test]
fn straight_and_premultiplied_alpha_show_the_same_opaque_picture() {
    let shot = shot();
    let (_, reference) = whole(&shot.setup, Rows::default(), 53.0);
    for alpha in [Alpha::Straight, Alpha::Opaque] {
        let (_, image) = whole(&Setup { alpha, ..shot.setup.clone() }, Rows::default(), 53.0);
        assert!(image.difference(&reference) < 1e-5, "{alpha:?}");
        assert!(image.at(40, 20)[3] > 0.999);
    }
}

#[test]
fn values_beyond_white_come_through() {
    // Identity: a Filter's own frames outside the span, in a project of floats.
    let host = Host::new(Quirks::default());
    let plugin = host.open();
    plugin.meet().unwrap();
    let mut setup = Setup::sized(Context::Filter, W, H).with(id::IN, 40).with(id::OUT, 44);
    setup.clips = vec![("Source", TestClip::plain(W, H, [7.5, -0.25, 100.0, 1.0]))];
    let instance = plugin.create(Context::Filter, &setup).unwrap();
    assert_eq!(instance.render(&RenderArgs::interactive(3.0)).unwrap().at(5, 5), [7.5, -0.25, 100.0, 1.0]);
}

#[test]
fn a_row_that_a_proxy_covers_in_part_shows_the_picture() {
    // 54 rows at a quarter are 13 and a half.
    let shot = shot();
    let (_, instance) = open(&shot.setup, Quirks::default());
    let proxy = instance.render(&RenderArgs { scale: (0.25, 0.25), ..RenderArgs::interactive(54.0) }).unwrap();
    assert_eq!(proxy.window.y2, 14);
    let bright = |y| (0..24).map(|x| proxy.at(x, y)[0]).sum::<f32>();
    assert!(bright(13) > 0.5 * bright(12), "the uppermost row is black");
}

#[test]
fn fields_are_the_lines_of_the_frame_in_every_way_a_host_asks_for_them() {
    let shot = shot();
    let (host, instance) = open(&shot.setup, Quirks::default());
    for scale in [(1.0, 1.0), (0.5, 0.5)] {
        let args = RenderArgs { scale, ..RenderArgs::interactive(53.0) };
        let frame = instance.render(&args).unwrap();
        let both = instance.render(&RenderArgs { field: Field::Both, ..args.clone() }).unwrap();
        assert!(both.is_identical(&frame), "{scale:?}");
        // The second field is asked for half a frame later.
        for (field, alone, time, first) in [(Field::Lower, Field::LowerAlone, 53.0, 0), (Field::Upper, Field::UpperAlone, 53.5, 1)] {
            let lines = instance.render(&RenderArgs { field, time, ..args.clone() }).unwrap();
            let single = instance.render(&RenderArgs { field: alone, time, ..args.clone() }).unwrap();
            assert_eq!(single.unwritten(), 0);
            for y in (first..frame.window.y2 - 1).step_by(2) {
                for x in 0..frame.window.x2 {
                    assert_eq!(lines.at(x, y), frame.at(x, y), "{field:?} {scale:?} {x} {y}");
                    assert_eq!(single.at(x, y / 2), frame.at(x, y), "{alone:?} {scale:?} {x} {y}");
                }
            }
        }
    }
    assert_eq!(host.violations(), Vec::<String>::new());
}

#[test]
fn a_field_that_is_let_through_is_the_clips_own() {
    let host = Host::new(Quirks::default());
    let plugin = host.open();
    plugin.meet().unwrap();
    let instance = plugin.create(Context::Filter, &Setup::sized(Context::Filter, W, H).with(id::IN, 40).with(id::OUT, 44)).unwrap();
    let frame = instance.render(&RenderArgs::interactive(3.0)).unwrap();
    for (field, time) in [(Field::Lower, 3.0), (Field::Upper, 3.5)] {
        let args = RenderArgs { field, ..RenderArgs::interactive(time) };
        assert_eq!(instance.is_identity(&args).unwrap(), Some((SOURCE.into(), time)), "the field itself, not its frame");
        let lines = instance.render(&args).unwrap();
        let first = i32::from(field == Field::Upper);
        assert!((first..H as i32).step_by(2).all(|y| (0..W as i32).all(|x| lines.at(x, y) == frame.at(x, y))), "{field:?}");
    }
    assert_eq!(host.violations(), Vec::<String>::new());
}

#[test]
fn alpha_comes_through_as_it_is_in_every_depth() {
    for alpha in [Alpha::Premultiplied, Alpha::Straight] {
        for depth in Depth::ALL {
            for components in [Components::Rgba, Components::Alpha] {
                let host = Host::new(Quirks::default());
                let plugin = host.open();
                plugin.meet().unwrap();
                let mut setup = Setup::sized(Context::Filter, W, H).with(id::IN, 40).with(id::OUT, 44);
                setup = Setup { alpha, format: Format { depth, components }, ..setup };
                let ramp = |_, x: f64, _| [0.8, 0.4, 0.2, (x / W) as f32];
                setup.clips = vec![(SOURCE, TestClip::with(W, H, ramp))];
                let instance = plugin.create(Context::Filter, &setup).unwrap();
                let image = instance.render(&RenderArgs::interactive(3.0)).unwrap();
                for x in [0, 1, 47, 95] {
                    let p = image.at(x, 7);
                    let a = ((f64::from(x) + 0.5) / W) as f32;
                    assert!((p[3] - a).abs() <= depth.step(), "{alpha:?} {depth:?} {components:?} {x}: {p:?}");
                    let red = if alpha == Alpha::Straight { 0.8 } else { 0.8 * a };
                    assert!(components == Components::Alpha || (p[0] - red).abs() <= depth.step(), "{alpha:?} {depth:?} {x}: {p:?}");
                }
                assert_eq!(host.violations(), Vec::<String>::new());
            }
        }
    }
}

/// A shot between two clips of these areas, in a project of the usual size.
fn between(from: Area, to: Area, aspect: f64) -> (Host, Instance, tempfile::TempDir) {
    let takes = tempfile::tempdir().unwrap();
    let mut setup = Setup::sized(Context::General, W, H).with(id::TAKES_FOLDER, takes.path()).with(id::SOUND, 1).with(id::ENGINE, 1);
    setup = setup.with(id::IN, 48).with(id::FRAMES, 12);
    setup.aspect = aspect;
    for ((_, clip), area) in setup.clips.iter_mut().zip([from, to]) {
        clip.area = area;
    }
    // The head is faster than the project.
    setup.clips[1].1.rate = 25.0;
    let host = Host::new(Quirks::default());
    let plugin = host.open();
    plugin.meet().unwrap();
    let instance = plugin.create(Context::General, &setup).unwrap();
    generate(&instance, 60).unwrap();
    (host, instance, takes)
}

#[test]
fn inputs_of_other_sizes_than_the_project_make_a_shot_where_they_lie() {
    let project = Area::new(0.0, 0.0, W, H);
    for (from, to, covers) in [
        // Smaller than the project, larger, two sizes, two shapes.
        (Area::new(20.0, 10.0, 84.0, 46.0), Area::new(20.0, 10.0, 84.0, 46.0), Rect::new(20, 10, 84, 46)),
        (Area::new(-16.0, -9.0, 112.0, 63.0), Area::new(-16.0, -9.0, 112.0, 63.0), Rect::new(-16, -9, 112, 63)),
        (project, Area::new(0.0, 0.0, 48.0, 27.0), Rect::new(0, 0, 96, 54)),
        (Area::new(0.0, 0.0, 54.0, 54.0), project, Rect::new(0, 0, 96, 54)),
    ] {
        let (host, instance, _takes) = between(from, to, 1.0);
        let rod = instance.rod(53.0, (1.0, 1.0)).unwrap().unwrap();
        assert_eq!(rod, Area::new(f64::from(covers.x1), f64::from(covers.y1), f64::from(covers.x2), f64::from(covers.y2)));
        assert_eq!(instance.rod(53.0, (0.25, 0.25)).unwrap(), Some(rod), "regions are canonical at every scale");
        let image = instance.render(&RenderArgs { window: Some(covers), ..RenderArgs::interactive(48.0) }).unwrap();
        assert_eq!(image.unwritten(), 0);
        // The picture fills what the inputs cover, and nothing beyond it.
        let lit = |x, y| image.at(x, y)[0] > 0.02;
        let corners = [(covers.x1 + 1, covers.y2 - 2), (covers.x2 - 2, covers.y2 - 2), (covers.x2 - 2, covers.y1 + 1)];
        assert!(corners.iter().all(|(x, y)| lit(*x, *y)), "{covers:?}");
        let around = Rect::new(covers.x1 - 4, covers.y1 - 4, covers.x2 + 4, covers.y2 + 4);
        let wider = instance.render(&RenderArgs { window: Some(around), ..RenderArgs::interactive(48.0) }).unwrap();
        assert!(image.difference(&wider) <= 1e-6);
        assert_eq!(wider.at(around.x1, around.y1), [0.0, 0.0, 0.0, 1.0], "opaque black around it");
        assert_eq!(host.violations(), Vec::<String>::new());
    }
}

#[test]
fn a_take_of_another_shape_is_whole_fills_or_is_stretched_at_every_scale() {
    let (_, instance, _takes) = between(Area::new(0.0, 0.0, W, H), Area::new(0.0, 0.0, W, H), 1.0);
    // Now the inputs are square: the take of 16:9 must find its place.
    for clip in ["From", "To"] {
        let square = TestClip { area: Area::new(0.0, 0.0, 96.0, 96.0), ..instance.source(clip).unwrap() };
        instance.connect(clip, Some(square));
    }
    for scale in [1.0, 0.5, 0.25] {
        let edge = (96.0 * scale) as i32;
        let show = |fit: &str| {
            instance.choose("fit", fit);
            let args = RenderArgs { scale: (scale, scale), window: Some(Rect::new(0, 0, edge, edge)), ..RenderArgs::interactive(50.0) };
            instance.render(&args).unwrap()
        };
        let options = instance.options("fit");
        let (whole, fill, stretch) = (show(&options[0]), show(&options[1]), show(&options[2]));
        let black = |image: &RenderedImage, y: i32| (0..edge).all(|x| image.at(x, y)[..3] == [0.0; 3]);
        let bar = (21.0 * scale) as i32;
        assert!(black(&whole, 0) && black(&whole, bar - 1) && black(&whole, edge - 1), "bars at scale {scale}");
        assert!(!black(&whole, bar + 1) && !black(&whole, edge / 2));
        for image in [&fill, &stretch] {
            assert!(!black(image, 0) && !black(image, edge - 1) && image.unwritten() == 0);
        }
        assert!(fill.difference(&stretch) > 0.02, "one is cut, the other is squeezed");
    }
}

#[test]
fn anamorphic_pixels_show_the_take_pixel_on_pixel() {
    let (host, instance, _takes) = between(Area::new(0.0, 0.0, W, H), Area::new(0.0, 0.0, W, H), 2.0);
    let image = instance.render(&RenderArgs::interactive(50.0)).unwrap();
    assert_eq!(image.window, Rect::new(0, 0, 48, 54));
    assert!(image.unwritten() == 0 && image.at(47, 53)[0] > 0.02 && image.contrast() > 0.05);
    assert_eq!(host.violations(), Vec::<String>::new());
}

#[test]
fn tiles_in_any_order_from_many_threads_are_the_whole() {
    let shot = shot();
    for scale in [1.0, 0.5] {
        let (host, instance) = open(&shot.setup, Quirks::default());
        let args = RenderArgs { scale: (scale, scale), bracketed: false, ..RenderArgs::interactive(54.0) };
        let whole = instance.render(&args).unwrap();
        let (w, h) = (whole.window.x2, whole.window.y2);
        // 7 × 5 pixels, so that no tile ends where another row of them does; each thread begins elsewhere and jumps.
        let tiles: Vec<Rect> = (0..h)
            .step_by(5)
            .flat_map(|y| (0..w).step_by(7).map(move |x| (x, y)))
            .map(|(x, y)| Rect::new(x, y, (x + 7).min(w), (y + 5).min(h)))
            .collect();
        std::thread::scope(|scope| {
            for thread in 0..6 {
                let (instance, whole, tiles, args) = (&instance, &whole, &tiles, &args);
                scope.spawn(move || {
                    for n in 0..tiles.len() / 2 {
                        let tile = tiles[(n * 31 + thread * 17) % tiles.len()];
                        let piece = instance.render(&RenderArgs { window: Some(tile), ..args.clone() }).unwrap();
                        assert!(piece.unwritten() == 0 && piece.difference(whole) <= 1e-6, "{tile:?}");
                    }
                });
            }
        });
        assert_eq!(host.violations(), Vec::<String>::new());
    }
}

#[test]
fn a_tile_of_a_dissolve_asks_for_whole_inputs_and_one_of_a_take_for_its_own_part() {
    let shot = shot();
    let tile = Area::new(8.0, 8.0, 16.0, 16.0);
    let asked = |setup: &Setup| open(setup, Quirks::default()).1.regions_of_interest(53.0, tile).unwrap();
    let flat = |a: &Area| test_host::Values::Double(vec![a.x1, a.y1, a.x2, a.y2]);
    let mut without = Setup { params: Vec::new(), ..shot.setup.clone() };
    without = without.with(id::SOUND, 1);
    for name in ["SourceFrom", "SourceTo"] {
        let key = format!("OfxImageClipPropRoI_{name}");
        assert_eq!(asked(&without)[&key], flat(&Area::new(0.0, 0.0, W, H)));
        assert_eq!(asked(&shot.setup)[&key], flat(&tile));
    }
}
