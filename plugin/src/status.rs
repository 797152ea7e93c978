//! A fault becomes three things at once: a status for the host, a sentence for the editor, a line for us.

use std::sync::atomic::Ordering;

use host_sys::{Error, Grade, Instance, Status};
use shot::{Code, Fault};

use crate::instance::Data;

/// The id under which hosts file our messages.
const MESSAGE: &str = "pickup";

/// What a host's own error means to an editor.
pub fn from_host(error: &Error) -> Fault {
    match error {
        Error::NoSuite(_) | Error::NoFunction(_) => Fault::new(
            Code::Unsupported,
            format!("this host cannot do what is needed: {error}"),
            "use the host's timeline script, or a newer host",
        ),
        Error::Clip { name, .. } => Fault::new(
            Code::Input,
            format!("the host does not hand out the input {name} ({error})"),
            "connect it again, and check that its media is online",
        ),
        Error::Image(why) => {
            Fault::new(Code::Input, format!("the host's picture cannot be read: {why}"), "render the input to a file and use that")
        }
        _ => Fault::internal(error.to_string()),
    }
}

/// The status that goes with a fault.
pub const fn status_of(code: Code) -> Status {
    match code {
        Code::Unsupported => Status::UNSUPPORTED,
        _ => Status::FAILED,
    }
}

/// Tells a fault: the answer is for the host. The sentence stays with the instance until the next change clears it.
pub fn tell(instance: &Instance<'_>, data: &Data, fault: &Fault) -> Error {
    log::error!("{:?}: {fault}", fault.code);
    if fault.code != Code::Cancelled {
        let text = sentence(fault);
        let said = data.said.lock().replace(text.clone());
        // The same sentence for every frame of a render is told once.
        if said.as_deref() != Some(&text) && instance.hold_message(Grade::Error, MESSAGE, &text).is_ok() {
            data.holds_message.store(true, Ordering::Relaxed);
        }
    }
    Error::Status(status_of(fault.code))
}

/// Tells a fault of something the editor has just asked for: in a window at once, or, where the host has none, in a message
/// that stays.
pub fn tell_user(instance: &Instance<'_>, data: &Data, fault: &Fault) {
    if fault.code == Code::Cancelled {
        return;
    }
    match instance.show_message(Grade::Error, MESSAGE, &sentence(fault)) {
        Ok(()) => log::error!("{:?}: {fault}", fault.code),
        Err(_) => {
            let _ = tell(instance, data, fault);
        }
    }
}

/// Clears what was told: in Nuke nothing renders before that.
pub fn clear(instance: &Instance<'_>, data: &Data) {
    data.said.lock().take();
    if data.holds_message.swap(false, Ordering::Relaxed) {
        let _ = instance.clear_message();
    }
}

/// What is wrong and what to do, as an editor reads it.
pub fn sentence(fault: &Fault) -> String {
    format!("Pickup: {}. To mend it: {}.", fault.what, fault.remedy)
}
