//! The host proved on a plug-in that is a function: what it lends, counts and complains about.

use std::ffi::{CStr, c_char, c_int, c_void};
use std::sync::Arc;

use host_sys::raw::{self, OfxPropertySetHandle, OfxStatus};

use crate::effect::{Effect, Setup};
use crate::host::{Entry, Host};
use crate::param::Value;
use crate::quirks::{Context, Quirks};
use crate::registry::{self, as_handle};
use crate::status::Status;
use crate::suites;

type Body = Box<dyn Fn(*const c_void) -> Status>;

thread_local! {
    static BODY: std::cell::RefCell<Option<Body>> = const { std::cell::RefCell::new(None) };
}

unsafe extern "C" fn main_entry(_: *const c_char, handle: *const c_void, _: OfxPropertySetHandle, _: OfxPropertySetHandle) -> OfxStatus {
    BODY.with_borrow(|body| body.as_ref().map_or(Status::DEFAULT, |run| run(handle))).0
}

fn suite<T: Copy>(host: &Host, name: &CStr, version: c_int) -> Option<T> {
    let number = host.inner.state.number << 40;
    // SAFETY: the host answers a table of the suite asked for; any of its handles names the host.
    unsafe { suites::fetch(as_handle(number | 1), name.as_ptr(), version).cast::<T>().as_ref().copied() }
}

/// An instance with one param of each kind, and what `body` does in an action on it.
fn act(quirks: Quirks, action: &CStr, body: impl Fn(&Host, &Arc<Effect>) -> Status + 'static) -> (Host, Arc<Effect>) {
    let host = Host::new(quirks);
    let state = host.inner.state.clone();
    let descriptor = Effect::descriptor(&state, Some(Context::Filter), c"");
    let params: raw::OfxParameterSuiteV1 = suite(&host, raw::kOfxParameterSuite, 1).expect("it is there");
    let effects: raw::OfxImageEffectSuiteV1 = suite(&host, raw::kOfxImageEffectSuite, 1).expect("it is there");
    let kinds = [
        (raw::kOfxParamTypeInteger, c"int"),
        (raw::kOfxParamTypeDouble2D, c"pair"),
        (raw::kOfxParamTypeRGBA, c"colour"),
        (raw::kOfxParamTypeString, c"text"),
    ];
    // SAFETY: handles of this host, and suites it has.
    unsafe {
        for (kind, name) in kinds {
            let define = params.paramDefine.expect("there");
            assert_eq!(define(as_handle(descriptor.params.id), kind.as_ptr(), name.as_ptr(), std::ptr::null_mut()), 0);
        }
        effects.clipDefine.expect("there")(as_handle(descriptor.id), c"Source".as_ptr(), std::ptr::null_mut());
    }
    let entry = Entry(main_entry);
    let effect = Effect::instance(&descriptor, entry, &Setup::connected(Context::Filter));
    let (inner_host, inner_effect) = (host.clone(), effect.clone());
    let first = std::cell::Cell::new(true);
    // Only the outermost call acts: a set param calls again on the same stack.
    BODY.set(Some(Box::new(move |_| if first.replace(false) { body(&inner_host, &inner_effect) } else { Status::DEFAULT })));
    entry.call(&state, action, effect.id, (None, None), None);
    BODY.set(None);
    (host, effect)
}

fn param(effect: &Effect, name: &CStr) -> raw::OfxParamHandle {
    as_handle(effect.params.find(name).expect("a param of the test").id)
}

#[test]
fn variadic_functions_carry_every_kind_of_value() {
    let (host, effect) = act(Quirks::default(), raw::kOfxActionInstanceChanged, |host, effect| {
        let params: raw::OfxParameterSuiteV1 = suite(host, raw::kOfxParameterSuite, 1).expect("it is there");
        let (set, get) = (params.paramSetValue.expect("there"), params.paramGetValue.expect("there"));
        // SAFETY: variables of the params' types.
        unsafe {
            assert_eq!(set(param(effect, c"int"), 41 as c_int), 0);
            assert_eq!(set(param(effect, c"pair"), 0.25f64, -7.5f64), 0);
            assert_eq!(set(param(effect, c"colour"), 0.1f64, 0.2f64, 0.3f64, 0.4f64), 0);
            assert_eq!(set(param(effect, c"text"), c"a prompt with 100 %".as_ptr()), 0);
            let (mut i, mut a, mut b) = (0 as c_int, 0.0, 0.0);
            assert_eq!(get(param(effect, c"int"), &raw mut i), 0);
            assert_eq!(get(param(effect, c"pair"), &raw mut a, &raw mut b), 0);
            assert_eq!((i, a, b), (41, 0.25, -7.5));
            let mut text: *mut c_char = std::ptr::null_mut();
            assert_eq!(get(param(effect, c"text"), &raw mut text), 0);
            assert_eq!(CStr::from_ptr(text), c"a prompt with 100 %");
            // Any other suite call ends the loan.
            assert_eq!(get(param(effect, c"int"), &raw mut i), 0);
            assert_eq!(CStr::from_ptr(text), c"###################");
        }
        Status::OK
    });
    assert_eq!(effect.params.find(c"colour").map(|p| p.curve.lock().still.clone()), Some(Value::Doubles(vec![0.1, 0.2, 0.3, 0.4])));
    assert_eq!(host.violations(), Vec::<String>::new());
    assert_eq!(host.record().calls_of("paramSetValue"), 4);
}

#[test]
fn doubles_are_interpolated_between_keys() {
    let (_, effect) = act(Quirks::default(), raw::kOfxActionInstanceChanged, |_, _| Status::OK);
    let param = effect.params.find(c"pair").expect("there");
    param.curve.lock().set_key(10.0, Value::Doubles(vec![0.0, 4.0]));
    param.curve.lock().set_key(20.0, Value::Doubles(vec![1.0, 8.0]));
    assert_eq!(param.curve.lock().at(15.0), Value::Doubles(vec![0.5, 6.0]));
    assert_eq!(param.curve.lock().at(99.0), Value::Doubles(vec![1.0, 8.0]));
}

#[test]
fn a_param_set_in_render_is_a_violation() {
    let (host, _) = act(Quirks::default(), raw::kOfxImageEffectActionRender, |host, effect| {
        let params: raw::OfxParameterSuiteV1 = suite(host, raw::kOfxParameterSuite, 1).expect("it is there");
        // SAFETY: an integer for an integer param.
        Status(unsafe { params.paramSetValue.expect("there")(param(effect, c"int"), 1 as c_int) })
    });
    assert_eq!(host.violations(), ["param \"int\" was set in OfxImageEffectActionRender"]);
}

#[test]
fn an_image_kept_or_used_after_its_life_is_a_violation() {
    let (host, _) = act(Quirks::default(), raw::kOfxImageEffectActionRender, |host, effect| {
        let effects: raw::OfxImageEffectSuiteV1 = suite(host, raw::kOfxImageEffectSuite, 1).expect("it is there");
        let clip = as_handle(effect.clip(c"Source").expect("there").id);
        let (fetch, release) = (effects.clipGetImage.expect("there"), effects.clipReleaseImage.expect("there"));
        let mut image = std::ptr::null_mut();
        // SAFETY: a clip of this instance and room for a handle.
        unsafe {
            assert_eq!(fetch(clip, 3.0, std::ptr::null(), &raw mut image), 0);
            assert_eq!(release(image), 0);
            assert_eq!(release(image), Status::BAD_HANDLE.0);
            assert_eq!(fetch(clip, 1e9, std::ptr::null(), &raw mut image), Status::FAILED.0);
            assert_eq!(fetch(clip, 4.0, std::ptr::null(), &raw mut image), 0);
        }
        Status::OK
    });
    let during = "in OfxImageEffectActionRender";
    assert_eq!(
        host.violations(),
        [
            format!("clipReleaseImage was given a handle after its life {during}"),
            format!("an image of \"Source\" was not released {during}")
        ]
    );
    assert_eq!(host.record().fetched, [("Source".to_owned(), 3.0), ("Source".to_owned(), 1e9), ("Source".to_owned(), 4.0)]);
}

#[test]
fn quirks_take_suites_functions_and_properties_away() {
    let quirks = Quirks::default()
        .without_suite("OfxMemorySuite")
        .with_null("OfxPropertySuite", "propReset")
        .without_property("host", "OfxPropName")
        .with_wrong_type("host", "OfxPropAPIVersion");
    let host = Host::new(quirks);
    assert!(suite::<raw::OfxMemorySuiteV1>(&host, raw::kOfxMemorySuite, 1).is_none());
    assert!(suite::<raw::OfxPropertySuiteV1>(&host, raw::kOfxPropertySuite, 2).is_none());
    let props: raw::OfxPropertySuiteV1 = suite(&host, raw::kOfxPropertySuite, 1).expect("it is there");
    assert!(props.propReset.is_none() && props.propGetInt.is_some());
    let set = crate::schema::host(&host.inner.state).share();
    assert_eq!(set.get::<std::ffi::CString>(raw::kOfxPropName, 0), Err(Status::UNKNOWN));
    assert_eq!(set.get::<i32>(raw::kOfxPropAPIVersion, 0), Err(Status::VALUE));
    assert_eq!(set.get::<std::ffi::CString>(raw::kOfxPropType, 1), Err(Status::BAD_INDEX));
    registry::remove(set.id);
}
