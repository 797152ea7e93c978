//! What the shipped effect describes, in every context and to every host of the field.
#![allow(clippy::unwrap_used, clippy::panic)]

use std::collections::{BTreeMap, BTreeSet};

use test_host::{Context, Host, Quirks, Setup, StrChoice};

const CONTEXTS: [Context; 5] = [Context::Generator, Context::Filter, Context::Transition, Context::General, Context::Retimer];

#[test]
fn every_context_is_described_as_it_was_shipped() {
    let plugin = Host::new(Quirks::default()).open();
    plugin.meet().unwrap();
    let effect = plugin.describe().unwrap();
    let mut text = format!("{}\n{}\n{}\n{}\n", effect.label, effect.contexts.join(" "), effect.depths.join(" "), effect.thread_safety);
    let general = plugin.describe_in_context(Context::General).unwrap().text();
    let general: BTreeSet<&str> = general.lines().collect();
    for context in CONTEXTS {
        let described = plugin.describe_in_context(context).unwrap().text();
        text += &format!("\n{context:?}\n");
        // The General context in full, of the others only what differs.
        let differs = |line: &&str| context == Context::General || !general.contains(line);
        for line in described.lines().filter(differs) {
            text += &format!("  {line}\n");
        }
    }
    insta::assert_snapshot!(text);
    assert_eq!(plugin.host().violations(), Vec::<String>::new());
}

#[test]
fn each_context_has_the_clips_that_the_standard_demands() {
    let plugin = Host::new(Quirks::default()).open();
    plugin.meet().unwrap();
    let demanded: [(Context, &[&str]); 5] = [
        (Context::Generator, &["Output"]),
        (Context::Filter, &["Source", "Output"]),
        (Context::Transition, &["SourceFrom", "SourceTo", "Output"]),
        (Context::General, &["Output"]),
        (Context::Retimer, &["Source", "Output"]),
    ];
    for (context, names) in demanded {
        let described = plugin.describe_in_context(context).unwrap();
        for name in names {
            let clip = described.clips.iter().find(|c| c.name == *name).unwrap_or_else(|| panic!("{context:?} has no {name}"));
            assert!(!clip.components.is_empty(), "{context:?} {name}");
            assert!(!(clip.optional && context != Context::General && *name != "Output"), "{context:?} {name} must not be optional");
        }
        for clip in described.clips.iter().filter(|c| !names.contains(&c.name.as_str())) {
            assert!(clip.optional, "{context:?} would demand {}", clip.name);
        }
        for (name, of) in [("Transition", Context::Transition), ("SourceTime", Context::Retimer)] {
            let param = described.param(name);
            assert_eq!(param.is_some_and(|p| p.kind == "Double"), context == of, "{context:?} {param:?}");
        }
    }
}

#[test]
fn no_number_is_left_to_a_hosts_idea_of_its_range() {
    // Resolve clamps what has no range to ±1: with the quirk, defaults must come through as described.
    for quirks in [Quirks::default(), Quirks::resolve()] {
        let plugin = Host::new(quirks).open();
        plugin.meet().unwrap();
        for context in CONTEXTS {
            let described = plugin.describe_in_context(context).unwrap();
            for p in described.params.iter().filter(|p| ["Integer", "Double"].contains(&p.kind.as_str())) {
                for (word, endless) in [("min", -2_147_483_648.0), ("max", 2_147_483_647.0), ("shown from", -2_147_483_648.0)] {
                    let at = p.details.split(&format!(", {word} ")).nth(1).unwrap_or_else(|| panic!("{} has no {word}", p.name));
                    let value: f64 = at.split(',').next().unwrap().parse().unwrap();
                    assert!(
                        value != endless || p.name == "Transition" || p.details.contains("max 2147483647"),
                        "{}: {}",
                        p.name,
                        p.details
                    );
                }
            }
        }
    }
}

#[test]
fn the_hosts_of_the_field_find_an_effect_they_can_use() {
    for quirks in Quirks::presets() {
        let (name, contexts) = (quirks.name, quirks.contexts.clone());
        let host = Host::new(quirks);
        let plugin = host.open();
        plugin.meet().unwrap_or_else(|e| panic!("{name}: {e}"));
        let offered = plugin.describe().unwrap().contexts;
        assert!(contexts.iter().any(|c| offered.iter().any(|o| o == c.name().to_str().unwrap())), "{name}: {offered:?}");
        for context in contexts.into_iter().filter(|c| *c != Context::Paint) {
            let instance = plugin.create(context, &Setup::connected(context)).unwrap_or_else(|e| panic!("{name} {context:?}: {e}"));
            assert!(instance.destroy().is_good());
        }
        assert_eq!(host.violations(), Vec::<String>::new(), "{name}");
    }
}

#[test]
fn string_choices_are_only_defined_where_the_host_knows_them() {
    for str_choice in [StrChoice::Unknown, StrChoice::Trap] {
        let host = Host::new(Quirks { str_choice, api: (1, 4), ..Quirks::default() });
        let plugin = host.open();
        plugin.meet().unwrap();
        for context in CONTEXTS {
            let described = plugin.describe_in_context(context).unwrap();
            assert!(described.params.iter().all(|p| p.kind != "StrChoice"), "{context:?}");
        }
    }
}

#[test]
fn params_are_the_same_however_often_they_are_described() {
    let plugin = Host::new(Quirks::mlt()).open();
    let mut first = None;
    for _ in 0..50 {
        plugin.start().good().unwrap();
        plugin.describe().unwrap();
        let text = plugin.describe_in_context(Context::Filter).unwrap().text();
        assert_eq!(first.get_or_insert_with(|| text.clone()), &text);
    }
}

#[test]
fn every_param_hangs_in_the_ui_where_an_editor_finds_it() {
    let plugin = Host::new(Quirks::default()).open();
    plugin.meet().unwrap();
    for context in CONTEXTS {
        let described = plugin.describe_in_context(context).unwrap();
        let mut labels: BTreeMap<&str, &str> = BTreeMap::new();
        for p in described.params.iter().filter(|p| !p.secret && p.kind != "Page" && p.kind != "Group") {
            assert!(!p.label.is_empty() && !p.label.contains("OfxParam"), "{} has no label", p.name);
            if let Some(other) = labels.insert(&p.label, &p.name) {
                panic!("{} and {other} are both called {}", p.name, p.label);
            }
        }
    }
}
