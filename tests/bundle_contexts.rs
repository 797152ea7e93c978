//! Every way in: what each context makes, what it refuses and in which words, and which controls it shows.
#![allow(clippy::unwrap_used, clippy::panic)]

use std::path::Path;

use test_host::flow::{TOO_LATE, generate, id, said};
use test_host::{Context, FROM, Host, Instance, Quirks, RenderArgs, RenderedImage, SOURCE_FROM, Setup, TestClip};

const SIZE: (f64, f64) = (128.0, 72.0);

fn setup(context: Context, takes: &Path) -> Setup {
    Setup::sized(context, SIZE.0, SIZE.1).with(id::TAKES_FOLDER, takes).with(id::SOUND, 1).with(id::ENGINE, 1)
}

fn open(context: Context, setup: &Setup) -> (Host, Instance) {
    let host = Host::new(Quirks::default());
    let plugin = host.open();
    plugin.meet().unwrap();
    let instance = plugin.create(context, setup).unwrap();
    host.set_time(49.0);
    (host, instance)
}

/// PSNR against what the scene shows at a time, away from the clock in the corner and from the edges.
fn psnr(image: &RenderedImage, clip: &TestClip, time: f64) -> f64 {
    let places = || (20..64).flat_map(|y| (20..116).map(move |x| (x, y)));
    let square = |(x, y)| {
        let (a, b) = (image.at(x, y), clip.pixel(time, x, y, (1.0, 1.0), 1.0));
        (0..3).map(|c| f64::from(a[c] - b[c]).powi(2)).sum::<f64>()
    };
    -10.0 * f64::log10((places().map(square).sum::<f64>() / (places().count() * 3) as f64).max(1e-9))
}

#[test]
fn a_retimer_plays_in_betweens_and_lets_the_clips_own_frames_through() {
    let takes = tempfile::tempdir().unwrap();
    let setup = setup(Context::Retimer, takes.path()).with(id::IN, 40).with(id::OUT, 46);
    let (host, instance) = open(Context::Retimer, &setup);
    for frame in 0..20 {
        instance.key("SourceTime", f64::from(frame), 40.0 + f64::from(frame) / 4.0);
    }
    let clip = instance.source("Source").unwrap();
    // Without a take the viewer gets what lies between, and asks for the frames on both sides.
    assert_eq!(instance.frames_needed(1.0).unwrap()["Source"][..2], [40.0, 41.0]);
    assert_eq!(instance.render(&RenderArgs::interactive(1.0)).unwrap().unwritten(), 0);
    generate(&instance, 90).unwrap();
    for (time, source) in [(1.0, 40.25), (2.0, 40.5), (11.0, 42.75)] {
        let args = RenderArgs::at(time);
        assert_eq!(instance.is_identity(&args).unwrap(), None);
        let image = instance.render(&args).unwrap();
        let (right, wrong) = (psnr(&image, &clip, source), psnr(&image, &clip, source + 0.5));
        assert!(right > 22.0 && right > wrong + 2.0, "{source}: {right:.1} dB, half a frame later {wrong:.1} dB");
    }
    assert_eq!(instance.is_identity(&RenderArgs::at(4.0)).unwrap(), Some(("Source".into(), 41.0)));
    assert!(!instance.is_usable(id::TASK) && instance.is_usable("retimeFactor"));
    assert_eq!(host.violations(), Vec::<String>::new());
}

#[test]
fn a_retake_is_limited_by_its_matte_and_the_rest_stays_bit_exact() {
    let takes = tempfile::tempdir().unwrap();
    let matte = TestClip::with(SIZE.0, SIZE.1, |_, x, _| [1.0, 1.0, 1.0, if x < 64.0 { 1.0 } else { 0.0 }]);
    let mut setup = setup(Context::General, takes.path()).with(id::IN, 48).with(id::FRAMES, 4).with(id::TASK, 5);
    setup.clips = vec![(FROM, TestClip::moving(SIZE.0, SIZE.1, 0.3)), ("Matte", matte)];
    let (host, instance) = open(Context::General, &setup);
    let clip = instance.source(FROM).unwrap();
    generate(&instance, 60).unwrap();
    let take = instance.text(id::TAKE);
    assert_eq!(instance.is_identity(&RenderArgs::at(47.0)).unwrap(), Some((FROM.into(), 47.0)), "outside of the span the clip stays");
    let limited = instance.render(&RenderArgs::at(50.0)).unwrap();
    assert!(instance.choose("matte", "ignored").is_good());
    let whole = instance.render(&RenderArgs::at(50.0)).unwrap();
    let differs = |a: [f32; 4], b: [f32; 4]| a.iter().zip(b).any(|(a, b)| a.to_bits() != b.to_bits());
    let own = |x, y| clip.pixel(50.0, x, y, (1.0, 1.0), 1.0);
    for (x, y) in (0..72).flat_map(|y| (0..128).map(move |x| (x, y))) {
        if x < 64 {
            assert!(!differs(limited.at(x, y), whole.at(x, y)), "{x} {y}: white shows the take");
        } else {
            assert!(!differs(limited.at(x, y), own(x, y)), "{x} {y}: black shows the clip");
        }
    }
    assert!((64..128).any(|x| differs(whole.at(x, 40), own(x, 40))), "a retake that is the clip itself tests nothing");
    assert_eq!(instance.text(id::TAKE), take, "a matte is no part of a take");
    assert!(!said(&instance).contains("Out of date"), "{}", said(&instance));
    assert_eq!(host.violations(), Vec::<String>::new());
}

#[test]
fn a_filter_extends_over_a_placeholder_that_is_long_enough() {
    let takes = tempfile::tempdir().unwrap();
    let setup = setup(Context::Filter, takes.path()).with(id::IN, 94).with(id::OUT, 100).with(id::TASK, 3).with("handles", 0);
    let (_, instance) = open(Context::Filter, &setup);
    instance.set(id::OUT, 104);
    let words = generate(&instance, 20).unwrap_err();
    assert!(words.contains("placeholder") && words.contains("0 to 99"), "{words}");
    instance.set(id::OUT, 100);
    generate(&instance, 60).unwrap();
    assert_eq!(instance.is_identity(&RenderArgs::at(93.0)).unwrap(), Some(("Source".into(), 93.0)));
    assert_eq!(instance.is_identity(&RenderArgs::at(97.0)).unwrap(), None);
}

#[test]
fn what_is_missing_is_said_before_anything_is_rendered_for_it() {
    let takes = tempfile::tempdir().unwrap();
    let (bridge, establish, tail) = (0, 2, 3);
    for (context, task, clips, words) in [
        (Context::General, bridge, vec![], vec!["From", "To"]),
        (Context::General, tail, vec![], vec!["From"]),
        (Context::General, 5, vec![], vec!["From"]),
        (Context::General, 1, vec![], vec!["Reference"]),
        (Context::Generator, bridge, vec![], vec!["no neighbours", "context file"]),
        (Context::Generator, 1, vec![], vec!["Reference"]),
        (Context::Transition, establish, Setup::connected(Context::Transition).clips, vec!["transition", "generator"]),
    ] {
        let setup = Setup { clips, ..setup(context, takes.path()).with(id::TASK, task) };
        let (host, instance) = open(context, &setup);
        let fetched = host.record().calls.get("clipGetImage").copied();
        let said = generate(&instance, 20).unwrap_err();
        assert!(!said.starts_with(TOO_LATE) && words.iter().all(|w| said.contains(w)), "{context:?} {task}: {said}");
        assert_eq!(host.record().calls.get("clipGetImage").copied(), fetched, "nothing was captured");
        // And the status says so without Generate, at the first change.
        let (_, other) = open(context, &setup);
        other.set(id::PROMPT, "rain");
        assert!(other.text(id::STATUS).contains(words[0]), "{context:?} {task}: {}", other.text(id::STATUS));
    }
    assert_eq!(std::fs::read_dir(takes.path()).unwrap().count(), 0, "something was written");
}

#[test]
fn controls_that_a_context_or_a_choice_has_no_use_for_cannot_be_used() {
    let takes = tempfile::tempdir().unwrap();
    let shown = |context| {
        let (_, instance) = open(context, &setup(context, takes.path()));
        move |id: &str| instance.is_usable(id)
    };
    let transition = shown(Context::Transition);
    assert!(!transition(id::FRAMES) && !transition(id::IN) && !transition("setIn") && !transition("keep") && !transition("matte"));
    let filter = shown(Context::Filter);
    assert!(filter(id::OUT) && filter("keep") && !filter(id::FRAMES) && !filter("retimeFactor") && !filter("handles"));
    let generator = shown(Context::Generator);
    assert!(generator("handles") && generator(id::FRAMES) && !generator(id::OUT) && !generator("keep"));
    let (_, general) = open(Context::General, &setup(Context::General, takes.path()));
    assert!(
        !general.is_usable("keep")
            && !general.is_usable("seconds")
            && !general.is_usable("engineProgram")
            && !general.is_usable("channels")
    );
    general.set(id::TASK, 5);
    general.choose("lengthIn", "seconds");
    general.choose(id::ENGINE, "program");
    general.choose(id::SOUND, "generate");
    let usable = ["keep", "matte", "seconds", "engineProgram", "channels", "soundLevel"];
    assert!(usable.iter().all(|id| general.is_usable(id)), "{usable:?}");
    assert!(!general.is_usable(id::FRAMES) && !general.is_usable("soundBefore") && !general.is_usable("weights"));
}

#[test]
fn a_transition_that_is_trimmed_plays_its_take_and_says_out_of_date() {
    let takes = tempfile::tempdir().unwrap();
    let (host, instance) = open(Context::Transition, &setup(Context::Transition, takes.path()));
    for frame in 0..12 {
        instance.key("Transition", 48.0 + f64::from(frame), f64::from(frame) / 11.0);
    }
    generate(&instance, 60).unwrap();
    let before = instance.render(&RenderArgs::at(50.0)).unwrap();
    assert!(!instance.text(id::STATUS).contains("Out of date"), "{}", instance.text(id::STATUS));
    // The editor drags the end of the outgoing clip: four frames less overlap.
    instance.connect(SOURCE_FROM, Some(TestClip::moving(SIZE.0, SIZE.1, 0.3).ranging(0.0, 55.0)));
    assert!(instance.text(id::STATUS).contains("Out of date: the place"), "{}", instance.text(id::STATUS));
    assert!(before.is_identical(&instance.render(&RenderArgs::at(50.0)).unwrap()), "elapsed time, whatever the new length");
    assert_eq!(host.violations(), Vec::<String>::new());
}
