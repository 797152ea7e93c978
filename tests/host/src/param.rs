//! Parameters: their descriptors, their values, and how those change over time.

use std::ffi::{CStr, CString};
use std::sync::Arc;

use host_sys::raw;
use parking_lot::Mutex;

use crate::props::{PropSet, Values};
use crate::registry::{self, Object};
use crate::schema;
use crate::state::HostState;

/// The value of a param.
#[derive(Clone, Debug, PartialEq)]
pub enum Value {
    /// Groups, pages and push buttons hold nothing.
    None,
    /// Integer, Boolean, Choice, and the integer pairs and triples.
    Ints(Vec<i32>),
    /// Double, its pairs and triples, RGB and RGBA.
    Doubles(Vec<f64>),
    /// String, Custom, StrChoice.
    Text(String),
}

macro_rules! from {
    ($($type:ty => $make:expr;)*) => { $(impl From<$type> for Value {
        fn from(v: $type) -> Self {
            $make(v)
        }
    })* };
}
from! {
    i32 => |v| Value::Ints(vec![v]);
    bool => |v| Value::Ints(vec![i32::from(v)]);
    f64 => |v| Value::Doubles(vec![v]);
    &str => |v: &str| Value::Text(v.to_owned());
    String => Value::Text;
    &std::path::Path => |v: &std::path::Path| Value::Text(v.to_string_lossy().into_owned());
}

/// What a type of param holds, and how many.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Holds {
    Nothing,
    Ints(usize),
    Doubles(usize),
    Text,
}

impl Holds {
    /// What the param types of the standard hold; `None` for a type nobody knows.
    pub(crate) fn of(kind: &CStr) -> Option<Self> {
        let table: [(&CStr, Self); 17] = [
            (raw::kOfxParamTypeInteger, Self::Ints(1)),
            (raw::kOfxParamTypeInteger2D, Self::Ints(2)),
            (raw::kOfxParamTypeInteger3D, Self::Ints(3)),
            (raw::kOfxParamTypeBoolean, Self::Ints(1)),
            (raw::kOfxParamTypeChoice, Self::Ints(1)),
            (raw::kOfxParamTypeDouble, Self::Doubles(1)),
            (raw::kOfxParamTypeDouble2D, Self::Doubles(2)),
            (raw::kOfxParamTypeDouble3D, Self::Doubles(3)),
            (raw::kOfxParamTypeRGB, Self::Doubles(3)),
            (raw::kOfxParamTypeRGBA, Self::Doubles(4)),
            (raw::kOfxParamTypeString, Self::Text),
            (raw::kOfxParamTypeCustom, Self::Text),
            (raw::kOfxParamTypeStrChoice, Self::Text),
            (raw::kOfxParamTypeGroup, Self::Nothing),
            (raw::kOfxParamTypePage, Self::Nothing),
            (raw::kOfxParamTypePushButton, Self::Nothing),
            (raw::kOfxParamTypeBytes, Self::Nothing),
        ];
        table.iter().find(|(name, _)| *name == kind).map(|(_, holds)| *holds)
    }
}

/// A param, of a descriptor or of an instance.
pub struct Param {
    pub(crate) id: usize,
    /// The handle of the set it is in.
    pub(crate) set: usize,
    pub(crate) name: CString,
    pub(crate) kind: CString,
    pub(crate) holds: Holds,
    pub(crate) props: Arc<PropSet>,
    /// The value where there are no keys, and the keys in order of time.
    pub(crate) curve: Mutex<Curve>,
    pub(crate) is_instance: bool,
}

/// A value over time.
#[derive(Clone, Debug)]
pub(crate) struct Curve {
    pub still: Value,
    pub keys: Vec<(f64, Value)>,
}

impl Curve {
    /// The value at a time: linear between keys for doubles, held for everything else.
    pub(crate) fn at(&self, time: f64) -> Value {
        let after = self.keys.partition_point(|(t, _)| *t <= time);
        let before = after.checked_sub(1).and_then(|i| self.keys.get(i));
        match (before, self.keys.get(after)) {
            (None, None) => self.still.clone(),
            (Some((_, v)), None) | (None, Some((_, v))) => v.clone(),
            (Some((t0, Value::Doubles(a))), Some((t1, Value::Doubles(b)))) => {
                let f = (time - t0) / (t1 - t0);
                Value::Doubles(a.iter().zip(b).map(|(a, b)| a + (b - a) * f).collect())
            }
            (Some((_, v)), Some(_)) => v.clone(),
        }
    }

    pub(crate) fn set_key(&mut self, time: f64, value: Value) {
        let at = self.keys.partition_point(|(t, _)| *t < time);
        match self.keys.get_mut(at) {
            Some(key) if key.0 == time => key.1 = value,
            _ => self.keys.insert(at, (time, value)),
        }
    }
}

impl Param {
    pub(crate) fn define(host: &Arc<HostState>, set: usize, kind: &CStr, name: &CStr, holds: Holds) -> Arc<Self> {
        let props = schema::param(host, kind, name, holds).share();
        Self::share(host, set, kind, name, holds, props, Value::None, false)
    }

    /// The param of an instance, from that of the descriptor.
    pub(crate) fn instantiate(&self, set: usize) -> Arc<Self> {
        let host = &self.props.host;
        let props = PropSet::copy_of(&self.props, "param").share();
        let value = self.default();
        Self::share(host, set, &self.kind, &self.name, self.holds, props, value, true)
    }

    #[allow(clippy::too_many_arguments)]
    fn share(
        host: &Arc<HostState>,
        set: usize,
        kind: &CStr,
        name: &CStr,
        holds: Holds,
        props: Arc<PropSet>,
        still: Value,
        is_instance: bool,
    ) -> Arc<Self> {
        let param = Arc::new(Self {
            id: registry::reserve(host.number),
            set,
            name: name.to_owned(),
            kind: kind.to_owned(),
            holds,
            props,
            curve: Mutex::new(Curve { still, keys: Vec::new() }),
            is_instance,
        });
        registry::insert(param.id, Object::Param(param.clone()));
        param
    }

    /// The default as the descriptor tells it, put through the host's quirks.
    fn default(&self) -> Value {
        let default = self.props.peek(raw::kOfxParamPropDefault);
        let clamp = self.props.host.quirks.clamps_unranged && !self.props.is_touched(raw::kOfxParamPropMin);
        match (self.holds, default) {
            (Holds::Nothing, _) => Value::None,
            (Holds::Ints(_), Some(Values::Int(v))) => {
                let numeric = self.kind.as_c_str() == raw::kOfxParamTypeInteger;
                Value::Ints(v.iter().map(|v| if clamp && numeric { (*v).clamp(-1, 1) } else { *v }).collect())
            }
            (Holds::Doubles(_), Some(Values::Double(v))) => {
                Value::Doubles(v.iter().map(|v| if clamp { v.clamp(-1.0, 1.0) } else { *v }).collect())
            }
            (Holds::Text, Some(Values::Text(v))) => Value::Text(v.first().map(|t| t.to_string_lossy().into_owned()).unwrap_or_default()),
            (Holds::Ints(n), _) => Value::Ints(vec![0; n]),
            (Holds::Doubles(n), _) => Value::Doubles(vec![0.0; n]),
            (Holds::Text, _) => Value::Text(String::new()),
        }
    }

    /// Whether a value is of this param's type.
    pub(crate) fn takes(&self, value: &Value) -> bool {
        match (self.holds, value) {
            (Holds::Nothing, Value::None) | (Holds::Text, Value::Text(_)) => true,
            (Holds::Ints(n), Value::Ints(v)) => v.len() == n,
            (Holds::Doubles(n), Value::Doubles(v)) => v.len() == n,
            _ => false,
        }
    }
}

/// All params of a descriptor or an instance.
pub struct ParamSet {
    pub(crate) id: usize,
    /// The handle of the effect they belong to.
    pub(crate) effect: usize,
    pub(crate) props: Arc<PropSet>,
    pub(crate) params: Mutex<Vec<Arc<Param>>>,
}

impl ParamSet {
    pub(crate) fn new(host: &Arc<HostState>, effect: usize) -> Arc<Self> {
        let set =
            Arc::new(Self { id: registry::reserve(host.number), effect, props: schema::param_set(host).share(), params: Mutex::default() });
        registry::insert(set.id, Object::ParamSet(set.clone()));
        set
    }

    pub(crate) fn find(&self, name: &CStr) -> Option<Arc<Param>> {
        self.params.lock().iter().find(|p| p.name.as_c_str() == name).cloned()
    }

    /// Takes every handle of the set out of use.
    pub(crate) fn retire(&self) {
        for param in self.params.lock().drain(..) {
            registry::remove(param.id);
            registry::remove(param.props.id);
        }
        registry::remove(self.props.id);
        registry::remove(self.id);
    }
}
