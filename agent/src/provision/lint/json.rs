//! A JSON value with the places where it was written.
//!
//! It holds what was read, also of a file with faults; `read.rs` reads it.

/// A value, and from where to where in its text it stands.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Node {
    pub(super) span: (usize, usize),
    pub(super) value: Value,
}

#[derive(Debug, Clone, PartialEq)]
pub(super) enum Value {
    Null,
    Bool(bool),
    Number(f64),
    String(String),
    Array(Vec<Node>),
    Object(Vec<Member>),
    /// Something stands there, and nobody can tell what it will be: a template's variable.
    Unknown,
}

#[derive(Debug, Clone, PartialEq)]
pub(super) struct Member {
    pub(super) key: String,
    /// Where the key begins.
    pub(super) at: usize,
    pub(super) value: Node,
}

impl Node {
    pub(super) fn at(&self) -> usize {
        self.span.0
    }

    /// A member, by its name. Of two with one name JSON readers take the last.
    pub(super) fn get(&self, key: &str) -> Option<&Node> {
        self.members().iter().rev().find(|member| member.key == key).map(|member| &member.value)
    }

    pub(super) fn members(&self) -> &[Member] {
        if let Value::Object(members) = &self.value { members } else { &[] }
    }

    pub(super) fn items(&self) -> &[Node] {
        if let Value::Array(items) = &self.value { items } else { &[] }
    }

    pub(super) fn is_object(&self) -> bool {
        matches!(self.value, Value::Object(_))
    }

    pub(super) fn is_array(&self) -> bool {
        matches!(self.value, Value::Array(_))
    }

    pub(super) fn str(&self) -> Option<&str> {
        if let Value::String(text) = &self.value { Some(text) } else { None }
    }

    pub(super) fn number(&self) -> Option<f64> {
        if let Value::Number(number) = self.value { Some(number) } else { None }
    }

    pub(super) fn bool(&self) -> Option<bool> {
        if let Value::Bool(bool) = self.value { Some(bool) } else { None }
    }

    /// A member that is a text.
    pub(super) fn text(&self, key: &str) -> Option<&str> {
        self.get(key)?.str()
    }

    /// Whether it, or something in it, is a template's variable.
    pub(super) fn holds_unknown(&self) -> bool {
        match &self.value {
            Value::Unknown => true,
            Value::Array(items) => items.iter().any(Self::holds_unknown),
            Value::Object(members) => members.iter().any(|member| member.value.holds_unknown()),
            _ => false,
        }
    }

    /// What kind of thing it is, in words.
    pub(super) fn kind(&self) -> &'static str {
        match self.value {
            Value::Null => "null",
            Value::Bool(_) => "true or false",
            Value::Number(_) => "a number",
            Value::String(_) => "a string",
            Value::Array(_) => "an array",
            Value::Object(_) => "an object",
            Value::Unknown => "a variable",
        }
    }
}

/// A key without what differs between the ways of writing it: `AlarmName`, `alarm_name`, `alarm-name`.
pub(super) fn plain(key: &str) -> String {
    key.chars().filter(|c| c.is_alphanumeric()).flat_map(char::to_lowercase).collect()
}
