//! The effect in a host that the bytes of an input make up.

use test_host::{Bundle, Context, Host, Instance, Plugin, Quirks, Status};

/// Contexts that the effect offers.
pub const CONTEXTS: [Context; 4] = [Context::Filter, Context::Transition, Context::General, Context::Generator];

/// Broken rules that are the effect's fault whatever the host does.
const SERIOUS: [&str; 6] = ["overwritten", "written to", "were written", "the answer was", "not released", "after its life"];

/// The effect in a host, loaded anew: the library is the same for the whole process.
pub fn load(quirks: Quirks) -> (Host, Plugin) {
    let host = Host::new(quirks);
    let plugin = host.load(Bundle::built());
    (host, plugin)
}

/// Panics where the effect broke a rule that it must keep in every host.
pub fn judge(host: &Host) {
    let violations = host.violations();
    let bad: Vec<_> = violations.iter().filter(|v| SERIOUS.iter().any(|s| v.contains(s))).collect();
    assert!(bad.is_empty(), "{bad:?}");
}

/// Which functions of the host were called, and about how often: what the effect did, beyond its answers.
pub fn trace(host: &Host) -> String {
    let calls = host.record().calls;
    // Powers of four as letters, because digits count for nothing.
    let size = |n: usize| char::from(b'a' + (n.max(1).ilog2() / 2).min(20) as u8);
    calls.into_iter().map(|(name, n)| format!(" {name}{}", size(n))).collect()
}

/// A status in a letter or two.
pub fn word(status: Result<(), Status>) -> String {
    match status {
        Ok(()) => ".".into(),
        Err(status) => format!("{status} "),
    }
}

/// The actions that ask for nothing but an answer.
pub fn questions(instance: &Instance, time: f64, said: &mut String) {
    let mut add = |status| said.push_str(&word(status));
    add(instance.clip_preferences().map(drop));
    add(instance.rod(time, (1.0, 1.0)).map(drop));
    add(instance.regions_of_interest(time, test_host::Area::new(0.0, 0.0, 8.0, 8.0)).map(drop));
    add(instance.frames_needed(time).map(drop));
    add(instance.time_domain().map(drop));
}
