//! The whole life of a plug-in, with every action, whatever the answers: for hosts in which nothing is sure to work.

use host_sys::raw;

use crate::buffer::Rect;
use crate::effect::Setup;
use crate::host::Plugin;
use crate::instance::Instance;
use crate::param::Value;
use crate::picture::Area;
use crate::render::RenderArgs;
use crate::status::Status;

/// Small, because a sweep makes hundreds of lives.
const SIZE: (f64, f64) = (24.0, 16.0);

/// Sends every action in every context of the host and gives the answers with their names. Buttons are pressed too: a bundle with a
/// worker beside it would start it.
pub fn exercise(plugin: &Plugin) -> Vec<(String, Status)> {
    let mut answers = vec![("Load".to_owned(), plugin.start())];
    let of = |answer: Result<(), Status>| answer.err().unwrap_or(Status::OK);
    answers.push(("Describe".into(), of(plugin.describe().map(|_| ()))));
    for context in plugin.host().inner.state.quirks.contexts.clone() {
        let mut push = |what: &str, status: Status| answers.push((format!("{what} in {context:?}"), status));
        push("DescribeInContext", of(plugin.describe_in_context(context).map(|_| ())));
        match plugin.create(context, &Setup::sized(context, SIZE.0, SIZE.1)) {
            Err(status) => push("CreateInstance", status),
            Ok(instance) => {
                push("CreateInstance", Status::OK);
                live(&instance, &mut push);
                push("DestroyInstance", instance.destroy());
            }
        }
    }
    answers.push(("PurgeCaches".into(), plugin.action(raw::kOfxActionPurgeCaches, 0)));
    answers.push(("Unload".into(), plugin.stop()));
    answers
}

/// Every action on one instance.
pub fn live(instance: &Instance, push: &mut dyn FnMut(&str, Status)) {
    let of = |answer: Result<(), Status>| answer.err().unwrap_or(Status::OK);
    push("GetClipPreferences", of(instance.clip_preferences().map(|_| ())));
    push("GetRegionOfDefinition", of(instance.rod(3.0, (1.0, 1.0)).map(|_| ())));
    push("GetRegionsOfInterest", of(instance.regions_of_interest(3.0, Area::new(0.0, 0.0, 8.0, 8.0)).map(|_| ())));
    push("GetFramesNeeded", of(instance.frames_needed(3.0).map(|_| ())));
    push("GetTimeDomain", of(instance.time_domain().map(|_| ())));
    // Reveal folder opens a window of the desktop that runs the tests.
    for name in instance.params().into_iter().filter(|n| n != "revealFolder") {
        let status = match instance.param(&name) {
            Some(Value::None) | None => instance.changed(&name, raw::kOfxChangeUserEdited),
            Some(value) => instance.set(&name, value),
        };
        push(&format!("InstanceChanged {name}"), status);
    }
    push("InstanceChanged time", instance.time_changed(5.0));
    push("InstanceChanged clip", instance.connect("Output", None));
    for (time, interactive, thumbnail) in [(0.0, true, false), (7.0, false, true), (f64::NAN, true, false), (-1e9, true, false)] {
        let args = RenderArgs { interactive, thumbnail, ..RenderArgs::at(time) };
        push("IsIdentity", of(instance.is_identity(&args).map(|_| ())));
        push("Render", of(instance.render(&args).map(|_| ())));
    }
    let odd = RenderArgs { window: Some(Rect::new(3, 2, 11, 7)), scale: (0.5, 0.5), ..RenderArgs::interactive(2.0) };
    push("Render of a window", of(instance.render(&odd).map(|_| ())));
    let empty = RenderArgs { window: Some(Rect::new(5, 5, 5, 5)), ..RenderArgs::interactive(2.0) };
    push("Render of nothing", of(instance.render(&empty).map(|_| ())));
    for (what, action) in [
        ("SyncPrivateData", raw::kOfxActionSyncPrivateData),
        ("PurgeCaches", raw::kOfxActionPurgeCaches),
        ("BeginInstanceEdit", raw::kOfxActionBeginInstanceEdit),
        ("EndInstanceEdit", raw::kOfxActionEndInstanceEdit),
        ("Render without arguments", raw::kOfxImageEffectActionRender),
        ("InstanceChanged without arguments", raw::kOfxActionInstanceChanged),
        ("IsIdentity without arguments", raw::kOfxImageEffectActionIsIdentity),
        ("GetClipPreferences without arguments", raw::kOfxImageEffectActionGetClipPreferences),
        ("GetRegionOfDefinition without arguments", raw::kOfxImageEffectActionGetRegionOfDefinition),
        ("GetFramesNeeded without arguments", raw::kOfxImageEffectActionGetFramesNeeded),
        ("GetTimeDomain without arguments", raw::kOfxImageEffectActionGetTimeDomain),
        ("an action that nobody knows", c"OfxActionMakeCoffee"),
    ] {
        push(what, instance.bare_action(action));
    }
}
