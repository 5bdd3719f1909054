//! A row of a query: an event with the fields that are in it, or a group with its columns.
//!
//! It does not know what is asked of it.

use std::cell::OnceCell;
use std::rc::Rc;

use serde_json::Value as Json;

use super::Event;
use super::value::Value;

/// Where a field's value is.
/// <https://docs.aws.amazon.com/AmazonCloudWatch/latest/logs/CWL_AnalyzeLogData-discoverable-fields.html>
#[derive(Debug, Clone, PartialEq)]
pub(super) enum Field {
    Timestamp,
    IngestionTime,
    Message,
    LogStream,
    Log,
    /// What the query made.
    Slot(usize),
    /// A member of a structure that the query made.
    Inside(usize, String),
    /// A member of the message.
    Member(String),
    /// There is none.
    Absent,
}

impl Field {
    /// A field that the query did not make.
    pub(super) fn discovered(name: &str) -> Self {
        match name {
            "@timestamp" => Self::Timestamp,
            "@ingestionTime" => Self::IngestionTime,
            "@message" => Self::Message,
            "@logStream" => Self::LogStream,
            "@log" => Self::Log,
            // "If a log field name is `@example.com`, this field name is displayed as `@@example.com`."
            _ => match name.strip_prefix('@') {
                Some(rest) if rest.starts_with('@') => Self::Member(rest.to_owned()),
                // Those of Lambda's reports and of entities: no line here has them.
                Some(_) => Self::Absent,
                None => Self::Member(name.to_owned()),
            },
        }
    }
}

/// A row.
#[derive(Debug, Default)]
pub(super) struct Row<'v> {
    event: Option<Event<'v>>,
    json: OnceCell<Option<Json>>,
    pub(super) slots: Vec<Option<Value<'v>>>,
}

impl<'v> Row<'v> {
    pub(super) fn of(event: Event<'v>, slots: usize) -> Self {
        Self { event: Some(event), json: OnceCell::new(), slots: vec![None; slots] }
    }

    pub(super) fn computed(slots: Vec<Option<Value<'v>>>) -> Self {
        Self { slots, ..Self::default() }
    }

    pub(super) fn time_ms(&self) -> i64 {
        self.event.map_or(0, |event| event.time_ms)
    }

    pub(super) fn get(&self, field: &Field) -> Option<Value<'v>> {
        let event = |value: fn(Event<'v>) -> Value<'v>| self.event.map(value);
        match field {
            Field::Timestamp => event(|event| Value::Time(event.time_ms)),
            Field::IngestionTime => event(|event| Value::Time(event.ingested_ms)),
            Field::Message => event(|event| Value::Text(event.message.into())),
            Field::LogStream => event(|event| Value::Text(event.stream.into())),
            Field::Log => event(|event| Value::Text(event.group.into())),
            Field::Slot(slot) => self.slots.get(*slot)?.clone(),
            Field::Inside(slot, path) => match self.slots.get(*slot)? {
                Some(Value::Structure(json)) => Value::of_json(member(json, path)?),
                _ => None,
            },
            Field::Member(path) => Value::of_json(member(self.members()?, path)?),
            Field::Absent => None,
        }
    }

    /// What the message holds if it is an object, read when it is first asked for.
    fn members(&self) -> Option<&Json> {
        let read = || {
            let message = self.event?.message;
            message.trim_start().starts_with('{').then(|| serde_json::from_str(message).ok())?
        };
        self.json.get_or_init(read).as_ref()
    }
}

/// A member by its path: `a.b.0.c`. A name with a dot in it comes before the way into what is nested.
fn member<'j>(mut json: &'j Json, mut path: &str) -> Option<&'j Json> {
    let step = |json: &'j Json, key: &str| match json {
        Json::Object(members) => members.get(key),
        Json::Array(items) => key.parse::<usize>().ok().and_then(|index| items.get(index)),
        _ => None,
    };
    loop {
        if let Some(found) = step(json, path) {
            return Some(found);
        }
        let (key, rest) = path.split_once('.')?;
        json = step(json, key)?;
        path = rest;
    }
}

/// A map or a list in a text.
pub(super) fn structure<'v>(text: &str) -> Option<Value<'v>> {
    let text = text.trim_start();
    let json: Json = text.starts_with(['{', '[']).then(|| serde_json::from_str(text).ok())??;
    Some(Value::Structure(Rc::new(json)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn members_are_found_by_their_path() {
        let message = r#"{"a":{"b":[{"c":1},{"c":2}],"d.e":3},"a-b":4,"f.g":5,"@x":6,"no":null,"yes":true,"big":12345678901234567890,"list":[1]}"#;
        let event = Event { time_ms: 0, ingested_ms: 1, group: "g", stream: "s", message };
        let row = Row::of(event, 0);
        let get = |name: &str| row.get(&Field::discovered(name)).map(|value| value.shown());
        for (name, value) in [
            ("a.b.1.c", Some("2")),
            ("a.d.e", Some("3")),
            ("a-b", Some("4")),
            ("f.g", Some("5")),
            ("@@x", Some("6")),
            ("@x", None),
            ("no", None),
            ("yes", Some("1")),
            ("big", Some("12345678901234567890")),
            ("list", Some("[1]")),
            ("a.b.2.c", None),
            ("a.b.x", None),
            ("", None),
            (".", None),
            ("@log", Some("g")),
            ("@logStream", Some("s")),
            ("@ingestionTime", Some("1970-01-01 00:00:00.001")),
            ("@duration", None),
        ] {
            assert_eq!(get(name).as_deref(), value, "{name}");
        }
    }

    #[test]
    fn what_is_no_object_has_no_members() {
        let deep = format!("{{\"a\":{}", "[".repeat(100_000));
        for message in ["prose", "[1]", "7", "", "{", deep.as_str()] {
            let row = Row::of(Event { time_ms: 0, ingested_ms: 0, group: "", stream: "", message }, 0);
            assert!(row.get(&Field::Member("a".to_owned())).is_none());
        }
    }
}
