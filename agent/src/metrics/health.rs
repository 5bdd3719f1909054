//! What the answer to a health check means: whether the service is up, and what its body says of
//! what it depends on.
//!
//! There is no one form of such a body. Known are flat objects, Spring Boot's actuator, the IETF's
//! `health+json`, .NET's, `MicroProfile`'s and `NestJS`'s, with words or booleans, nested one level.
//! What a body says in words that are not known is a gap and a fault, never a guess. Knows nothing of
//! how the answer was got.

mod word;

use std::collections::{BTreeMap, BTreeSet};

use serde_json::{Map, Value};

use super::{Readings, name};
use word::{clean, may_be_of_itself, meaning, plain, speaks_of_itself, stable};

/// Of a longer body nothing is read: a health check has no need of one.
pub const BODY_BYTES: usize = 64 * 1024;
/// Each is a metric to pay for.
pub const MOST_DEPENDENCIES: usize = 10;
/// Different names in one run, for a body may have others at each look.
pub const MOST_NAMES: usize = 20;
/// Told of one body: it is the same again at the next look.
const MOST_FAULTS: usize = 10;

/// What a body says of one dependency. Of several that share a name the worst counts, the last.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum State {
    /// Not wanted here: no fault, and nothing to measure.
    Disabled,
    /// It serves.
    Up,
    /// It does not.
    Down,
}

/// What a body says of all of them.
#[derive(Debug, Default, PartialEq, Eq)]
pub struct Dependencies {
    /// By name.
    pub states: BTreeMap<String, State>,
    /// What was not understood, each in words that are the same at every look.
    pub faults: Vec<String>,
}

/// Whether an answer with this status is one of a healthy service: 200 and nothing else, as a target
/// group wants it that does not say otherwise. A redirect is none.
/// <https://docs.aws.amazon.com/elasticloadbalancing/latest/application/target-group-health-checks.html>
pub fn is_up(status: u16) -> bool {
    status == 200
}

/// Whether the body of an answer with this status is the service's own: a service that is down says
/// why. What comes with a redirect or a "not found" is somebody's page.
fn speaks_of_dependencies(status: u16) -> bool {
    matches!(status, 200..=299 | 500..=599)
}

/// Puts down what an answer of `url` says. A body longer than [`BODY_BYTES`] may be cut anywhere behind
/// them. `names` are the dependencies that were measured before: what comes beyond [`MOST_NAMES`] is not.
pub fn read(url: &str, status: u16, body: &[u8], names: &mut BTreeSet<String>, readings: &mut Readings) {
    readings.put(&name::HEALTH_UP, None, f64::from(u8::from(is_up(status))));
    readings.put(&name::HEALTH_STATUS_CODE, None, f64::from(status));
    if !speaks_of_dependencies(status) {
        return;
    }
    let mut found = dependencies(body);
    let mut too_many = false;
    for (dependency, state) in found.states {
        let up = match state {
            State::Up => 1.0,
            State::Down => 0.0,
            State::Disabled => continue,
        };
        if names.len() < MOST_NAMES || names.contains(&dependency) {
            readings.put(&name::HEALTH_DEPENDENCY_UP, Some(&dependency), up);
            names.insert(dependency);
        } else {
            too_many = true;
        }
    }
    if too_many {
        found.faults.push(format!(
            "its bodies named more than {MOST_NAMES} dependencies by now: the others are not measured"
        ));
    }
    for fault in found.faults {
        readings.fault(format!("health check {url}: {fault}"));
    }
}

/// What a body says of what the service depends on: nothing, if it is no JSON.
pub fn dependencies(body: &[u8]) -> Dependencies {
    let mut found = Dependencies::default();
    if body.len() > BODY_BYTES {
        found.faults.push("the body is longer than 64 KiB: its dependencies are not read".to_owned());
        return found;
    }
    let text = body.strip_prefix(b"\xef\xbb\xbf").unwrap_or(body).trim_ascii();
    if !text.starts_with(b"{") && !text.starts_with(b"[") {
        return found;
    }
    match serde_json::from_slice(text) {
        Ok(Value::Object(top)) => found.top(&top, true),
        Ok(Value::Array(list)) => found.list("the list", &list),
        Ok(_) => {}
        // Without the place, which differs from look to look if the body holds a time.
        Err(_) => found.fault("the body is no JSON, though it begins like it: its dependencies are not read"),
    }
    found.limit();
    found
}

impl Dependencies {
    fn fault(&mut self, words: impl Into<String>) {
        let words = words.into();
        if self.faults.len() < MOST_FAULTS && !self.faults.contains(&words) {
            self.faults.push(words);
        }
    }

    /// The same ones at every look, whatever order the body has today.
    fn limit(&mut self) {
        if self.states.len() > MOST_DEPENDENCIES {
            while self.states.len() > MOST_DEPENDENCIES {
                self.states.pop_last();
            }
            self.fault(format!(
                "the body names more than {MOST_DEPENDENCIES} dependencies: only the first by name are read"
            ));
        }
    }

    fn add(&mut self, name: &str, state: State) {
        let Some(name) = clean(name) else {
            return self.fault("the body has a dependency without a name");
        };
        self.states.entry(name).and_modify(|before| *before = state.max(*before)).or_insert(state);
    }

    /// The outermost object, or one that wraps it.
    fn top(&mut self, top: &Map<String, Value>, may_be_wrapped: bool) {
        for (key, value) in top {
            let plain = plain(key);
            match value {
                Value::Object(inside) if CONTAINERS.contains(&&*plain) => self.container(inside),
                Value::Array(list) if CONTAINERS.contains(&&*plain) => self.list(&format!("`{plain}`"), list),
                Value::Object(inside) if may_be_wrapped && WRAPPERS.contains(&&*plain) => {
                    self.top(inside, false);
                }
                _ if speaks_of_itself(&plain) => {}
                // A number, a list of words, an object without a status: some detail of the service.
                _ => match said(value) {
                    Said::State(state) => self.add(key, state),
                    Said::Unknown(words) => self.unknown(key, &words),
                    Said::Nothing => {}
                },
            }
        }
    }

    /// An object that holds nothing but dependencies, by name.
    fn container(&mut self, inside: &Map<String, Value>) {
        for (key, value) in inside {
            match (said(value), value) {
                (Said::State(_) | Said::Unknown(_), Value::String(_) | Value::Bool(_) | Value::Null)
                    if speaks_of_itself(&plain(key)) => {}
                (Said::State(state), _) => self.add(key, state),
                (Said::Unknown(words), _) => self.unknown(key, &words),
                (Said::Nothing, Value::Object(group)) if !group.is_empty() => self.group(key, group),
                (Said::Nothing, _) if speaks_of_itself(&plain(key)) => {}
                (Said::Nothing, _) => self.unknown(key, "something without a status"),
            }
        }
    }

    /// Dependencies of one sort: `{"databases": {"orders": "up"}}`. What else is in there are details.
    fn group(&mut self, group_name: &str, group: &Map<String, Value>) {
        for (key, value) in group.iter().filter(|(key, _)| !speaks_of_itself(&plain(key))) {
            let said =
                if matches!(value, Value::String(_) | Value::Object(_)) { said(value) } else { continue };
            if let Said::State(state) = said {
                self.add(&format!("{}.{}", group_name.trim(), key.trim()), state);
            }
        }
    }

    /// A list of objects that have a name and a status.
    fn list(&mut self, of: &str, list: &[Value]) {
        for item in list {
            let name = item.as_object().and_then(|item| text_of(item, NAMES));
            match (name, said(item)) {
                (Some(name), Said::State(state)) => self.add(name, state),
                (Some(name), Said::Unknown(words)) => self.unknown(name, &words),
                _ => self.fault(format!("{of} in the body has an entry without a name or without a status")),
            }
        }
    }

    fn unknown(&mut self, name: &str, words: &str) {
        if may_be_of_itself(&plain(name)) {
            return;
        }
        match clean(name) {
            None => self.fault("the body has a dependency without a name"),
            Some(name) => {
                self.fault(format!(
                    "the body says {words} of {name}, which is neither up, down nor disabled"
                ));
            }
        }
    }
}

/// Objects and lists of dependencies.
const CONTAINERS: [&str; 7] =
    ["dependencies", "services", "components", "checks", "details", "results", "entries"];
/// Objects around the whole: `{"data": {"database": "ok"}}`.
const WRAPPERS: [&str; 3] = ["data", "health", "result"];
/// Where an object says how it is, the first that it has.
const STATUSES: &[&str] =
    &["status", "state", "health", "healthy", "up", "ok", "connected", "alive", "available", "ready"];
/// Where an item of a list says what it is.
const NAMES: &[&str] = &["name", "id", "key", "component", "service", "dependency"];

enum Said {
    State(State),
    /// It says something: this, in words that are the same at every look.
    Unknown(String),
    /// It says nothing of how it is.
    Nothing,
}

/// What one value says, or the object or list that holds it. Looks two levels deep and no further.
fn said(value: &Value) -> Said {
    match value {
        Value::Object(inside) => status_of(inside).map_or(Said::Nothing, scalar),
        // health+json lists the instances of one dependency: the worst counts.
        Value::Array(list) => {
            let statuses = || list.iter().filter_map(Value::as_object).filter_map(status_of).map(scalar);
            let states =
                statuses().filter_map(|said| if let Said::State(state) = said { Some(state) } else { None });
            match (states.max(), statuses().find(|said| matches!(said, Said::Unknown(_)))) {
                (Some(State::Down), _) => Said::State(State::Down),
                (_, Some(unknown)) => unknown,
                (Some(state), None) => Said::State(state),
                (None, None) => Said::Nothing,
            }
        }
        _ => scalar(value),
    }
}

fn scalar(value: &Value) -> Said {
    match value {
        Value::Null => Said::State(State::Disabled),
        Value::Bool(true) => Said::State(State::Up),
        Value::Bool(false) => Said::State(State::Down),
        Value::String(text) => meaning(text).map_or_else(|| Said::Unknown(stable(text)), Said::State),
        Value::Number(_) | Value::Array(_) | Value::Object(_) => Said::Nothing,
    }
}

fn status_of(object: &Map<String, Value>) -> Option<&Value> {
    member(object, STATUSES, |value| !matches!(value, Value::Number(_) | Value::Array(_) | Value::Object(_)))
}

fn text_of<'a>(object: &'a Map<String, Value>, keys: &[&str]) -> Option<&'a str> {
    member(object, keys, Value::is_string).and_then(Value::as_str)
}

/// The first of the keys that is there and fits, in the order of the keys.
fn member<'a>(
    object: &'a Map<String, Value>,
    keys: &[&str],
    fits: impl Fn(&Value) -> bool,
) -> Option<&'a Value> {
    let of = |key: &&str| object.iter().find(|(found, value)| found.eq_ignore_ascii_case(key) && fits(value));
    keys.iter().find_map(of).map(|(_, value)| value)
}

#[cfg(test)]
mod tests;
