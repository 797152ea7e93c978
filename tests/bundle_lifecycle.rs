//! The order in which hosts call, and the orders they should not call in.
#![allow(clippy::unwrap_used, clippy::panic)]

use test_host::{Context, Host, Quirks, RenderArgs, Setup, Status, TestClip, exercise};

#[test]
fn load_a_hundred_times_and_unload_once() {
    let plugin = Host::new(Quirks::default()).open();
    for _ in 0..100 {
        assert!(plugin.start().is_good());
    }
    plugin.describe().unwrap();
    assert!(plugin.stop().is_good());
    assert!(plugin.start().is_good());
    plugin.meet().unwrap();
}

#[test]
fn instances_that_are_never_destroyed_harm_nobody() {
    let host = Host::new(Quirks::default());
    let plugin = host.open();
    plugin.meet().unwrap();
    for _ in 0..50 {
        let instance = plugin.create(Context::Filter, &Setup::connected(Context::Filter)).unwrap();
        instance.render(&RenderArgs::interactive(3.0)).unwrap();
        instance.leave();
    }
    assert!(plugin.stop().is_good());
    assert_eq!(host.violations(), Vec::<String>::new());
}

#[test]
fn mlt_makes_the_effect_anew_for_every_frame() {
    let host = Host::new(Quirks::mlt());
    let plugin = host.open();
    for frame in 0..40 {
        assert!(plugin.start().is_good());
        plugin.describe().unwrap();
        plugin.describe_in_context(Context::Filter).unwrap();
        let instance = plugin.create(Context::Filter, &Setup::connected(Context::Filter)).unwrap();
        let args = RenderArgs { bracketed: false, ..RenderArgs::interactive(f64::from(frame)) };
        let image = instance.render(&args).unwrap();
        assert_eq!(image.unwritten(), 0);
        assert!(instance.destroy().is_good());
    }
    assert_eq!(host.violations(), Vec::<String>::new());
}

#[test]
fn unload_while_other_threads_render() {
    let host = Host::new(Quirks::default());
    let plugin = host.open();
    plugin.meet().unwrap();
    let instance = plugin.create(Context::Transition, &Setup::connected(Context::Transition)).unwrap();
    std::thread::scope(|scope| {
        for t in 0..4 {
            let instance = &instance;
            scope.spawn(move || {
                for i in 0..40 {
                    // After Unload any answer will do; a picture that comes must be whole.
                    if let Ok(image) = instance.render(&RenderArgs::interactive(f64::from(t * 40 + i))) {
                        assert_eq!(image.unwritten(), 0);
                    }
                }
            });
        }
        for _ in 0..20 {
            assert!(plugin.stop().is_good());
            assert!(plugin.start().is_good());
        }
    });
    let violations = host.violations();
    assert!(violations.iter().all(|v| !v.contains("written")), "{violations:?}");
    // And it works again.
    assert_eq!(instance.render(&RenderArgs::interactive(5.0)).unwrap().unwritten(), 0);
}

#[test]
fn two_copies_of_the_bundle_in_one_process_do_not_know_each_other() {
    let (one, two) = (Host::new(Quirks::default()), Host::new(Quirks::resolve()));
    let (a, b) = (one.open(), two.open());
    a.meet().unwrap();
    b.meet().unwrap();
    let first = a.create(Context::Filter, &Setup::connected(Context::Filter)).unwrap();
    let second = b.create(Context::Transition, &Setup::connected(Context::Transition)).unwrap();
    first.render(&RenderArgs::interactive(1.0)).unwrap();
    assert!(a.stop().is_good());
    assert_eq!(second.render(&RenderArgs::interactive(1.0)).unwrap().unwritten(), 0);
    drop((first, a));
    assert_eq!(second.render(&RenderArgs::interactive(2.0)).unwrap().unwritten(), 0);
    assert_eq!(two.violations(), Vec::<String>::new());
}

#[test]
fn null_handles_unknown_actions_and_dead_instances_are_answered() {
    let host = Host::new(Quirks::default());
    let plugin = host.open();
    // Even before Load.
    assert!(plugin.nameless_action().is_known());
    assert!(plugin.action(c"OfxActionMakeCoffee", 0).is_known());
    plugin.meet().unwrap();
    assert!(plugin.nameless_action().is_known());
    assert_eq!(plugin.action(c"OfxActionMakeCoffee", 0), Status::DEFAULT);
    assert_eq!(plugin.action(c"", 0), Status::DEFAULT);
    let instance = plugin.create(Context::Filter, &Setup::connected(Context::Filter)).unwrap();
    let handle = instance.handle();
    assert_eq!(instance.bare_action(c"OfxActionMakeCoffee"), Status::DEFAULT);
    assert!(instance.destroy().is_good());
    for name in [
        c"OfxActionDescribe",
        c"OfxActionCreateInstance",
        c"OfxActionDestroyInstance",
        c"OfxActionInstanceChanged",
        c"OfxActionSyncPrivateData",
        c"OfxActionPurgeCaches",
        c"OfxImageEffectActionRender",
        c"OfxImageEffectActionIsIdentity",
        c"OfxImageEffectActionDescribeInContext",
        c"OfxImageEffectActionGetClipPreferences",
    ] {
        for target in [0, handle, usize::MAX, 1] {
            let status = plugin.action(name, target);
            assert!(status.is_known(), "{name:?} of {target:#x}: {status}");
            assert!(name != c"OfxImageEffectActionRender" || !status.is_good(), "{name:?} of {target:#x}: {status}");
        }
    }
}

#[test]
fn a_polite_host_sees_no_rule_broken_in_a_whole_life() {
    for quirks in Quirks::presets() {
        let name = quirks.name;
        let host = Host::new(quirks);
        let plugin = host.load(test_host::Bundle::copied(|b| drop(std::fs::remove_file(b.worker()))));
        let answers = exercise::exercise(&plugin);
        let wrong = |what: &str, (w, s): &(String, Status)| w.starts_with(what) && !w.contains("without arguments") && !s.is_good();
        let failed = |what: &str| answers.iter().filter(|a| wrong(what, a)).collect::<Vec<_>>();
        for what in ["Load", "Describe", "DescribeInContext", "CreateInstance", "DestroyInstance", "Unload", "GetClipPreferences"] {
            assert!(failed(what).is_empty() || name == "fr.inria.Natron", "{name}: {:?}", failed(what));
        }
        assert_eq!(host.violations(), Vec::<String>::new(), "{name}");
    }
}

#[test]
fn a_set_param_may_come_back_on_the_same_stack() {
    for reentrant in [true, false] {
        let host = Host::new(Quirks { reentrant, ..Quirks::default() });
        let plugin = host.open();
        plugin.meet().unwrap();
        let instance = plugin.create(Context::Filter, &Setup::connected(Context::Filter)).unwrap();
        host.set_time(12.0);
        assert!(instance.press("setIn").is_good());
        host.set_time(30.0);
        assert!(instance.press("setOut").is_good());
        for name in instance.params() {
            let before = instance.param(&name);
            if let Some(value) = before.filter(|v| *v != test_host::Value::None) {
                assert!(instance.set(&name, value).is_good(), "{name}");
            }
        }
        assert!(instance.connect("Source", None).is_good());
        assert!(instance.connect("Source", Some(TestClip::moving(64.0, 36.0, 0.1))).is_good());
        assert_eq!(instance.param("shotIn"), Some(test_host::Value::from(12)));
        assert_eq!(host.violations(), Vec::<String>::new());
    }
}

#[test]
fn an_abort_of_a_final_render_is_answered_at_the_next_look() {
    // The worker never says hello, so that the render waits for as long as the host lets it.
    use std::os::unix::fs::PermissionsExt;
    let bundle = test_host::Bundle::copied(|b| {
        std::fs::remove_file(b.worker()).unwrap();
        std::fs::write(b.worker(), "#!/bin/sh\nexec sleep 600\n").unwrap();
        std::fs::set_permissions(b.worker(), std::fs::Permissions::from_mode(0o755)).unwrap();
    });
    let takes = tempfile::tempdir().unwrap();
    const LOOKS: u32 = 40;
    let host = Host::new(Quirks { aborts_after: Some(LOOKS), ..Quirks::default() });
    let plugin = host.load(bundle);
    plugin.meet().unwrap();
    let setup = Setup::connected(Context::General).with("takesFolder", takes.path()).with("finalRender", 0).with("sound", 1);
    let instance = plugin.create(Context::General, &setup.with("shotIn", 48).with("frames", 12)).unwrap();
    assert!(instance.render(&RenderArgs { bracketed: false, ..RenderArgs::at(50.0) }).is_err());
    // Looked at all along, and not once more after the host said yes: counted, because a busy machine's clock proves nothing.
    assert_eq!(host.record().calls_of("abort"), LOOKS as usize + 1);
    assert_eq!(host.record().progress_open, 0);
    assert_eq!(host.violations(), Vec::<String>::new());
}
