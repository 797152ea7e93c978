//! Images that fail, lie or hold no numbers, on the way in and on the way out.
#![allow(clippy::unwrap_used, clippy::panic)]

use test_host::exercise::exercise;
use test_host::{Bundle, Depth, Format, Host, ImageFault, Quirks, Setup, Status, child};
use test_host::{Components, Context, RenderArgs, Rows};

const FAULTS: [(&str, ImageFault); 22] = [
    ("Failed", ImageFault::Fails(Status::FAILED)),
    ("ErrBadHandle", ImageFault::Fails(Status::BAD_HANDLE)),
    ("an unheard-of status", ImageFault::Fails(Status(4711))),
    ("OK with a null handle", ImageFault::NullHandle),
    ("OK with a wild handle", ImageFault::WildHandle),
    ("null data", ImageFault::NullData),
    ("row bytes 0", ImageFault::RowBytes(0)),
    ("row bytes 1", ImageFault::RowBytes(1)),
    ("row bytes -1", ImageFault::RowBytes(-1)),
    ("row bytes of one sample", ImageFault::RowBytes(4)),
    ("row bytes of two GiB", ImageFault::RowBytes(i32::MAX)),
    ("row bytes of minus two GiB", ImageFault::RowBytes(i32::MIN)),
    ("bounds inside out", ImageFault::Bounds([64, 36, 0, 0])),
    ("empty bounds", ImageFault::Bounds([0, 0, 0, 0])),
    ("endless bounds", ImageFault::Bounds([i32::MIN, i32::MIN, i32::MAX, i32::MAX])),
    ("bounds at the end of the world", ImageFault::Bounds([i32::MAX - 1, 0, i32::MAX, 1])),
    ("depth none", ImageFault::Depth("OfxBitDepthNone")),
    ("a depth nobody knows", ImageFault::Depth("OfxBitDepthDouble")),
    ("components none", ImageFault::Components("OfxImageComponentNone")),
    ("components nobody knows", ImageFault::Components("uk.example.Spectral")),
    ("not numbers", ImageFault::NotNumbers),
    ("nothing", ImageFault::None),
];

fn names() -> Vec<String> {
    FAULTS.iter().map(|(name, _)| (*name).to_owned()).collect()
}

fn fault(name: &str) -> ImageFault {
    FAULTS.iter().find(|(n, _)| *n == name).unwrap().1
}

fn survive(quirks: Quirks) {
    let host = Host::new(quirks);
    let plugin = host.load(Bundle::copied(|b| drop(std::fs::remove_file(b.worker()))));
    exercise(&plugin);
    let violations = host.violations();
    let bad: Vec<_> = violations.iter().filter(|v| v.contains("written") || v.contains("not released")).collect();
    assert!(bad.is_empty(), "{bad:?}");
}

#[test]
fn source_images_fail_or_lie() {
    child::sweep("source_images_fail_or_lie", &names(), |name| survive(Quirks { image: fault(name), ..Quirks::default() }));
}

#[test]
fn output_images_fail_or_lie() {
    child::sweep("output_images_fail_or_lie", &names(), |name| survive(Quirks { output: fault(name), ..Quirks::default() }));
}

#[test]
fn source_and_output_images_fail_or_lie_together() {
    child::sweep("source_and_output_images_fail_or_lie_together", &names(), |name| {
        survive(Quirks { image: fault(name), output: fault(name), ..Quirks::default() });
    });
}

#[test]
fn not_a_number_never_reaches_the_editors_picture() {
    let host = Host::new(Quirks { image: ImageFault::NotNumbers, ..Quirks::default() });
    let plugin = host.open();
    plugin.meet().unwrap();
    let setup = Setup { format: Format { depth: Depth::Float, components: Components::Rgba }, ..Setup::connected(Context::Transition) };
    let instance = plugin.create(Context::Transition, &setup).unwrap();
    instance.poke("Transition", 0.5);
    let args = RenderArgs { rows: Rows { padding: 2, ..Rows::default() }, ..RenderArgs::interactive(50.0) };
    let image = instance.render(&args).unwrap();
    assert_eq!(image.unwritten(), 0);
    let all = (0..36).flat_map(|y| (0..64).map(move |x| (x, y))).flat_map(|(x, y)| image.at(x, y));
    assert_eq!(all.filter(|v| !v.is_finite()).count(), 0);
}
