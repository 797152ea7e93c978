//! Property sets that behave as real ones: typed, with dimensions and a default to go back to.

use std::borrow::Cow;
use std::collections::BTreeMap;
use std::ffi::{CStr, CString};
use std::sync::Arc;

use parking_lot::RwLock;

use crate::registry::{self, Object};
use crate::state::{Answer, HostState};
use crate::status::Status;

/// The values of a property.
#[derive(Clone, Debug, PartialEq)]
pub enum Values {
    /// Integers.
    Int(Vec<i32>),
    /// Doubles.
    Double(Vec<f64>),
    /// Texts.
    Text(Vec<CString>),
    /// Addresses or handles.
    Pointer(Vec<usize>),
}

impl Values {
    /// How many.
    pub fn len(&self) -> usize {
        match self {
            Self::Int(v) => v.len(),
            Self::Double(v) => v.len(),
            Self::Text(v) => v.len(),
            Self::Pointer(v) => v.len(),
        }
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }
}

/// One value on its way in or out.
pub(crate) trait Scalar: Clone {
    fn of(values: &mut Values) -> Option<&mut Vec<Self>>;
}

macro_rules! scalar {
    ($($type:ty, $variant:ident;)*) => { $(impl Scalar for $type {
        fn of(values: &mut Values) -> Option<&mut Vec<Self>> {
            if let Values::$variant(v) = values { Some(v) } else { None }
        }
    })* };
}
scalar! { i32, Int; f64, Double; CString, Text; usize, Pointer; }

#[derive(Clone, Debug)]
struct Property {
    values: Values,
    default: Values,
    /// Whether values can be added past the end.
    grows: bool,
    /// Whether anybody has set it.
    touched: bool,
}

/// A property set with its handle.
pub struct PropSet {
    pub(crate) id: usize,
    pub(crate) host: Arc<HostState>,
    /// What it belongs to: `host`, `descriptor`, `clip`, `param`, `image`, `in OfxActionInstanceChanged` …
    pub(crate) kind: Cow<'static, str>,
    map: RwLock<BTreeMap<CString, Property>>,
}

impl PropSet {
    /// An empty set; [`PropSet::share`] gives it its handle.
    pub(crate) fn new(host: &Arc<HostState>, kind: impl Into<Cow<'static, str>>) -> Self {
        Self { id: registry::reserve(host.number), host: host.clone(), kind: kind.into(), map: RwLock::default() }
    }

    /// A set with the values of another one, under a handle of its own.
    pub(crate) fn copy_of(other: &Self, kind: impl Into<Cow<'static, str>>) -> Self {
        let copy = Self::new(&other.host, kind);
        for (name, property) in other.map.read().iter() {
            copy.offer(name, property.values.clone(), property.grows);
            if let Some(made) = copy.map.write().get_mut(name) {
                made.touched = property.touched;
            }
        }
        copy
    }

    /// Makes its handle known.
    pub(crate) fn share(self) -> Arc<Self> {
        let set = Arc::new(self);
        registry::insert(set.id, Object::Props(set.clone()));
        set
    }

    fn offer(&self, name: &CStr, values: Values, grows: bool) {
        let quirks = &self.host.quirks;
        let mut wrong = false;
        if quirks.watches {
            let key = self.key(name);
            wrong = quirks.wrong_types.contains(&key);
            let missing = quirks.missing_properties.contains(&key);
            self.host.record.lock().offered.insert(key);
            if missing {
                return;
            }
        }
        let altered = quirks.altered.get(&self.key(name)).cloned();
        let values = altered.unwrap_or(values);
        let values = match values {
            Values::Text(_) if wrong => Values::Int(vec![7]),
            Values::Int(_) | Values::Double(_) | Values::Pointer(_) if wrong => Values::Text(vec![c"not a number".to_owned()]),
            other => other,
        };
        self.map.write().insert(name.to_owned(), Property { default: values.clone(), values, grows, touched: false });
    }

    pub(crate) fn int(self, name: &CStr, value: i32) -> Self {
        self.ints(name, &[value])
    }

    pub(crate) fn ints(self, name: &CStr, values: &[i32]) -> Self {
        self.offer(name, Values::Int(values.to_vec()), false);
        self
    }

    pub(crate) fn double(self, name: &CStr, value: f64) -> Self {
        self.doubles(name, &[value])
    }

    pub(crate) fn doubles(self, name: &CStr, values: &[f64]) -> Self {
        self.offer(name, Values::Double(values.to_vec()), false);
        self
    }

    pub(crate) fn text(self, name: &CStr, value: &CStr) -> Self {
        self.offer(name, Values::Text(vec![value.to_owned()]), false);
        self
    }

    /// A text property with as many values as it gets.
    pub(crate) fn texts(self, name: &CStr, values: &[&CStr]) -> Self {
        self.offer(name, Values::Text(values.iter().map(|v| (*v).to_owned()).collect()), true);
        self
    }

    /// A double property with as many values as it gets.
    pub(crate) fn growing_doubles(self, name: &CStr, values: &[f64]) -> Self {
        self.offer(name, Values::Double(values.to_vec()), true);
        self
    }

    /// An integer property with as many values as it gets.
    pub(crate) fn growing_ints(self, name: &CStr) -> Self {
        self.offer(name, Values::Int(Vec::new()), true);
        self
    }

    pub(crate) fn pointer(self, name: &CStr, value: usize) -> Self {
        self.offer(name, Values::Pointer(vec![value]), false);
        self
    }

    /// The values of a property, without a suite call.
    pub(crate) fn peek(&self, name: &CStr) -> Option<Values> {
        self.map.read().get(name).map(|p| p.values.clone())
    }

    pub(crate) fn peek_text(&self, name: &CStr) -> Option<CString> {
        self.peek_one(name)
    }

    pub(crate) fn peek_one<T: Scalar>(&self, name: &CStr) -> Option<T> {
        let mut values = self.peek(name)?;
        T::of(&mut values)?.first().cloned()
    }

    pub(crate) fn peek_all<T: Scalar>(&self, name: &CStr) -> Option<Vec<T>> {
        let mut values = self.peek(name)?;
        T::of(&mut values).cloned()
    }

    /// Whether the plug-in has set a property.
    pub(crate) fn is_touched(&self, name: &CStr) -> bool {
        self.map.read().get(name).is_some_and(|p| p.touched)
    }

    /// Sets a property from the host's side: it need not exist before.
    pub(crate) fn put(&self, name: &CStr, values: Values) {
        if let Some(property) = self.map.write().get_mut(name) {
            property.values = values;
            return;
        }
        self.offer(name, values, false);
    }

    /// Every property with its values, in order of name.
    pub(crate) fn all(&self) -> Vec<(CString, Values)> {
        self.map.read().iter().map(|(name, p)| (name.clone(), p.values.clone())).collect()
    }

    fn key(&self, name: &CStr) -> (String, String) {
        (self.kind.to_string(), name.to_string_lossy().into_owned())
    }

    fn miss(&self, name: &CStr) -> Status {
        if self.host.quirks.watches {
            self.host.record.lock().unknown.insert(self.key(name));
        }
        Status::UNKNOWN
    }

    pub(crate) fn get<T: Scalar>(&self, name: &CStr, index: i32) -> Answer<T> {
        if self.host.quirks.watches {
            self.host.record.lock().read.insert(self.key(name));
        }
        let mut map = self.map.write();
        let Some(property) = map.get_mut(name) else {
            drop(map);
            return Err(self.miss(name));
        };
        let values = T::of(&mut property.values).ok_or(Status::VALUE)?;
        usize::try_from(index).ok().and_then(|i| values.get(i)).cloned().ok_or(Status::BAD_INDEX)
    }

    pub(crate) fn set<T: Scalar>(&self, name: &CStr, index: i32, value: T) -> Answer {
        let mut map = self.map.write();
        let Some(property) = map.get_mut(name) else {
            drop(map);
            return Err(self.miss(name));
        };
        let grows = property.grows;
        let values = T::of(&mut property.values).ok_or(Status::VALUE)?;
        let index = usize::try_from(index).map_err(|_| Status::BAD_INDEX)?;
        if grows && index == values.len() {
            values.push(value);
        } else {
            *values.get_mut(index).ok_or(Status::BAD_INDEX)? = value;
        }
        property.touched = true;
        Ok(())
    }

    pub(crate) fn reset(&self, name: &CStr) -> Answer {
        let mut map = self.map.write();
        let Some(property) = map.get_mut(name) else {
            drop(map);
            return Err(self.miss(name));
        };
        property.values = property.default.clone();
        Ok(())
    }

    pub(crate) fn dimension(&self, name: &CStr) -> Answer<i32> {
        let found = self.map.read().get(name).map(|p| p.values.len() as i32);
        found.ok_or_else(|| self.miss(name))
    }
}
