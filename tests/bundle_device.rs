//! Render on a CUDA device, against the stand-in driver of tests/host (c/cuda.c): no machine of ours has run it on a GPU.
#![allow(clippy::unwrap_used, clippy::panic)]

use std::sync::Arc;

use test_host::cuda::{Cuda, DeviceImage, STREAM, folder};
use test_host::flow::{generate, id};
use test_host::{Buffer, Components, Context, Depth, Format, Host, Instance, Quirks, Rect, RenderArgs, Rows, Setup, Status, child};

const W: f64 = 48.0;
const H: f64 = 26.0;

fn whole() -> Rect {
    Rect::new(0, 0, W as i32, H as i32)
}

fn open(format: Format, takes: &std::path::Path) -> (Host, Instance) {
    let host = Host::new(Quirks { cuda: true, ..Quirks::default() });
    let plugin = host.open();
    plugin.meet().unwrap();
    let setup = Setup { format, ..Setup::sized(Context::General, W, H) }.with(id::TAKES_FOLDER, takes).with(id::SOUND, 1);
    let setup = setup.with(id::ENGINE, 1).with(id::IN, 48).with(id::FRAMES, 12);
    let instance = plugin.create(Context::General, &setup).unwrap();
    (host, instance)
}

fn spare(format: Format) -> Arc<Buffer> {
    Arc::new(Buffer::new(whole(), format, Rows::default()))
}

/// Children find the stand-in under the driver's name, and no real driver.
fn environment(combination: &str) -> child::Environment {
    let fails = combination.strip_prefix("fails ").unwrap_or_default();
    let path = if combination == "no driver" { "/nowhere".into() } else { folder().as_os_str().to_owned() };
    vec![("LD_LIBRARY_PATH", path), ("STAND_IN_CUDA_FAILS", fails.into())]
}

#[test]
fn a_take_reaches_the_device_as_it_reaches_memory() {
    let all = ["stream", "no stream", "no context"].map(str::to_owned);
    child::sweep_with("a_take_reaches_the_device_as_it_reaches_memory", &all, environment, |way| {
        let cuda = Cuda::load();
        if way != "no context" {
            cuda.enter();
        }
        let takes = tempfile::tempdir().unwrap();
        let mut take = String::new();
        for (depth, components) in [
            (Depth::Float, Components::Rgba),
            (Depth::Half, Components::Rgba),
            (Depth::Short, Components::Rgb),
            (Depth::Byte, Components::Rgb),
            (Depth::Byte, Components::Alpha),
        ] {
            let format = Format { depth, components };
            let (host, instance) = open(format, takes.path());
            if take.is_empty() {
                take = generate(&instance, 60).unwrap();
            }
            instance.poke(id::TAKE, take.as_str());
            for (scale, window) in [(1.0, whole()), (1.0, Rect::new(5, 3, 31, 20)), (0.5, Rect::new(0, 0, 24, 13))] {
                let image = cuda.image(whole(), format, 256);
                let stream = if way == "no stream" { 0 } else { STREAM };
                let args = RenderArgs { scale: (scale, scale), window: Some(window), ..RenderArgs::at(51.0) };
                let on_device = RenderArgs { device: Some((image, stream)), ..args.clone() };
                let waits = cuda.waits();
                assert_eq!(instance.draw_into(&on_device, window, spare(format)), Status::OK);
                assert_eq!(cuda.waits() > waits, stream == 0, "who has a stream is not waited for");
                let there = cuda.read(&image, stream != 0);
                let here = instance.render(&args).unwrap();
                for y in 0..whole().y2 {
                    for x in 0..whole().x2 {
                        match window.contains(x, y) {
                            true => assert_eq!(there.read(x, y), here.at(x, y), "{way} {format:?} {window:?} {x} {y}"),
                            false => assert!(there.is_blank(x, y), "{format:?} {x} {y} is outside the window"),
                        }
                    }
                }
            }
            assert_eq!(host.violations(), Vec::<String>::new());
        }
    });
}

#[test]
fn whatever_fails_on_the_device_the_host_is_told_to_use_the_processor() {
    let functions = ["cuCtxGetCurrent", "cuCtxPushCurrent_v2", "cuPointerGetAttribute", "cuMemcpy2DAsync_v2", "cuStreamSynchronize"];
    let mut all: Vec<String> = functions.iter().map(|f| format!("fails {f}")).collect();
    all.extend(["no driver", "no take", "a field", "rows downward", "memory of nobody"].map(str::to_owned));
    child::sweep_with("whatever_fails_on_the_device_the_host_is_told_to_use_the_processor", &all, environment, |what| {
        let format = Format::FLOAT_RGBA;
        let takes = tempfile::tempdir().unwrap();
        let (host, instance) = open(format, takes.path());
        if what != "no take" {
            generate(&instance, 60).unwrap();
        }
        let image = match what {
            // Loading the stand-in would let the effect find it.
            "no driver" => DeviceImage::nowhere(whole(), format),
            "rows downward" => Cuda::load().image(whole(), format, 0).upside_down(),
            "memory of nobody" => {
                Cuda::load();
                DeviceImage::nowhere(whole(), format)
            }
            _ => Cuda::load().image(whole(), format, 0),
        };
        let field = if what == "a field" { test_host::Field::Upper } else { test_host::Field::None };
        for interactive in [true, false] {
            let args = RenderArgs { interactive, device: Some((image, 0)), field, ..RenderArgs::at(51.0) };
            let answer = instance.draw_into(&args, whole(), spare(format));
            assert_eq!(answer, Status::GPU_RENDER_FAILED, "{what}");
            // And in ordinary memory it works.
            if what != "no take" || interactive {
                let image = instance.render(&RenderArgs { interactive, ..RenderArgs::at(51.0) }).unwrap();
                assert_eq!(image.unwritten(), 0);
            }
        }
        let bad: Vec<_> = host.violations().into_iter().filter(|v| !v.contains("outside")).collect();
        assert_eq!(bad, Vec::<String>::new());
    });
}

#[test]
fn only_a_host_that_renders_on_devices_is_told_that_the_effect_can() {
    for cuda in [true, false] {
        let plugin = Host::new(Quirks { cuda, ..Quirks::default() }).open();
        plugin.start();
        assert_eq!(plugin.describe().unwrap().cuda, (cuda, cuda));
    }
}
