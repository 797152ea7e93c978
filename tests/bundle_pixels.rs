//! The same picture within one step of its depth, whichever way it is asked for.
#![allow(clippy::unwrap_used, clippy::panic)]

use test_host::flow::{generate, id};
use test_host::{Alpha, Components, Context, Depth, Format, Host, Instance, Quirks, Rect, RenderArgs, RenderedImage, Rows, Setup};

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
        clip.area = test_host::Area::new(-30.0, 17.0, W - 30.0, H + 17.0);
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
    setup.clips = vec![("Source", test_host::TestClip::plain(W, H, [7.5, -0.25, 100.0, 1.0]))];
    let instance = plugin.create(Context::Filter, &setup).unwrap();
    assert_eq!(instance.render(&RenderArgs::interactive(3.0)).unwrap().at(5, 5), [7.5, -0.25, 100.0, 1.0]);
}
