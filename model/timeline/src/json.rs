//! A place in the JSON tree, and what stands there.

use std::fmt;
use std::rc::Rc;

use serde_json::{Map, Value};

use crate::error::Error;

/// A value and the way to it.
#[derive(Clone)]
pub(crate) struct Node<'v> {
    pub value: &'v Value,
    pub place: Place,
}

/// The way to a value. It becomes text only when there is something wrong with the value: a cut has a hundred thousand of them.
#[derive(Clone)]
pub(crate) enum Place {
    Root(&'static str),
    Field(Rc<Place>, &'static str),
    Item(Rc<Place>, &'static str, usize),
}

impl fmt::Display for Place {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Root(name) => f.write_str(name),
            Self::Field(parent, key) => write!(f, "{parent}.{key}"),
            Self::Item(parent, key, index) => write!(f, "{parent}.{key}[{index}]"),
        }
    }
}

impl<'v> Node<'v> {
    pub fn new(value: &'v Value, place: &'static str) -> Self {
        Self { value, place: Place::Root(place) }
    }

    /// A field that is there and not null.
    pub fn get(&self, key: &'static str) -> Option<Node<'v>> {
        let value = self.value.get(key).filter(|v| !v.is_null())?;
        Some(Node { value, place: Place::Field(Rc::new(self.place.clone()), key) })
    }

    /// The schema's name without its version: `Clip` of `Clip.2`. Empty where there is none.
    pub fn schema(&self) -> &'v str {
        schema(self.value)
    }

    pub fn text(&self, key: &str) -> &'v str {
        self.value.get(key).and_then(Value::as_str).unwrap_or_default()
    }

    pub fn children(&self) -> Result<impl Iterator<Item = Node<'v>> + use<'v>, Error> {
        let children = match self.get("children") {
            None => [].as_slice(),
            Some(node) => node.value.as_array().ok_or_else(|| node.unexpected("a list of items"))?,
        };
        Ok(self.nodes("children", children))
    }

    /// The objects in a list field; what is no list is taken for an empty one, since hosts write null there.
    pub fn list(&self, key: &'static str) -> impl Iterator<Item = Node<'v>> + use<'v> {
        self.nodes(key, self.value.get(key).and_then(Value::as_array).map(Vec::as_slice).unwrap_or_default())
    }

    fn nodes(&self, key: &'static str, items: &'v [Value]) -> impl Iterator<Item = Node<'v>> + use<'v> {
        let place = Rc::new(self.place.clone());
        items.iter().enumerate().map(move |(i, value)| Node { value, place: Place::Item(place.clone(), key, i) })
    }

    /// Whether the item counts: hosts before OpenTimelineIO 0.15 do not write the field.
    pub fn is_enabled(&self) -> bool {
        self.value.get("enabled").and_then(Value::as_bool).unwrap_or(true)
    }

    pub fn unexpected(&self, expected: &'static str) -> Error {
        let got = match self.value {
            Value::Object(_) if !self.schema().is_empty() => format!("a {}", self.text("OTIO_SCHEMA")),
            Value::Object(_) => "an object without OTIO_SCHEMA".into(),
            other => {
                let text = other.to_string();
                if text.chars().count() > 40 { format!("{}…", text.chars().take(40).collect::<String>()) } else { text }
            }
        };
        Error::Schema { place: self.place.to_string(), expected, got }
    }
}

pub(crate) fn schema(value: &Value) -> &str {
    let full = value.get("OTIO_SCHEMA").and_then(Value::as_str).unwrap_or_default();
    full.split('.').next().unwrap_or_default()
}

/// An object from its fields, in their order.
pub(crate) fn object<const N: usize>(fields: [(&str, Value); N]) -> Value {
    Value::Object(fields.into_iter().map(|(k, v)| (k.to_owned(), v)).collect::<Map<_, _>>())
}
