//! A program and the daemon it asks may be of two versions, and understand one another all the same.

use serde_json::{Map, Value, json};

use super::sample;
use crate::control::Status;
use crate::control::status::Read;

/// What the daemon of 0.1.0 answered, as it was. It is never made anew: whoever changes an answer keeps to it.
const FROZEN: &str = include_str!("status-0.1.0.json");

fn frozen() -> Value {
    serde_json::from_str(FROZEN).unwrap()
}

/// Every object in it but silences, which are a file's format; by path.
fn objects(value: &Value, path: &str, all: &mut Vec<String>) {
    match value {
        Value::Object(fields) => {
            all.push(path.to_owned());
            for (key, value) in fields.iter().filter(|(key, _)| *key != "silences") {
                objects(value, &format!("{path}/{key}"), all);
            }
        }
        Value::Array(values) => {
            for (nth, value) in values.iter().enumerate() {
                objects(value, &format!("{path}/{nth}"), all);
            }
        }
        _ => {}
    }
}

fn object<'a>(value: &'a mut Value, path: &str) -> &'a mut Map<String, Value> {
    value.pointer_mut(path).and_then(Value::as_object_mut).unwrap()
}

fn paths() -> Vec<String> {
    let mut all = Vec::new();
    objects(&frozen(), "", &mut all);
    assert!(all.len() > 20, "{all:?}");
    all
}

#[test]
fn the_answer_of_an_older_daemon_is_understood() {
    let status: Status = serde_json::from_str(FROZEN).unwrap();
    assert_eq!((status.version.as_str(), status.pid, status.services.len()), ("0.1.0", 812, 3));
    let reads: Vec<Read> = status.containers.iter().flatten().map(|container| container.read).collect();
    assert_eq!(reads, [Read::Unreadable, Read::File, Read::NotReadable]);
    let problems = status.problems();
    assert_eq!(problems.len(), sample::ill().problems().len());
    assert!(
        problems.iter().all(|problem| !problem.what.is_empty() && !problem.mend.is_empty()),
        "{problems:?}"
    );
    assert!(status.notes().iter().any(|note| note.what.starts_with("17 events were given up")));
}

#[test]
fn an_answer_without_any_of_its_fields_is_understood() {
    for path in paths() {
        let keys: Vec<String> = object(&mut frozen(), &path).keys().cloned().collect();
        for key in keys {
            let mut answer = frozen();
            object(&mut answer, &path).remove(&key);
            let understood: Result<Status, _> = serde_json::from_value(answer);
            understood.unwrap_or_else(|error| panic!("without {path}/{key}: {error}"));
        }
    }
}

#[test]
fn what_a_newer_daemon_says_besides_is_passed_over() {
    let mut answer = frozen();
    for path in paths() {
        object(&mut answer, &path).insert("of-tomorrow".to_owned(), json!({ "deep": [1] }));
    }
    answer["containers"][0]["read"] = json!("by-thought");
    let status: Status = serde_json::from_value(answer).unwrap();
    let read = status.containers.as_ref().unwrap()[0].read;
    assert_eq!(read, Read::Unknown);
    let known: Status = serde_json::from_str(FROZEN).unwrap();
    assert_eq!(status.services, known.services);
}

#[test]
fn no_name_that_somebodys_script_uses_is_gone() {
    let today = serde_json::to_value(sample::ill()).unwrap();
    // Which of the series comes when is nobody's affair.
    for path in paths().iter().filter(|path| !path.starts_with("/metrics/values/")) {
        let then = frozen().pointer(path).and_then(Value::as_object).unwrap().clone();
        let now = today.pointer(path).and_then(Value::as_object).unwrap_or_else(|| panic!("{path} is gone"));
        for (key, value) in then {
            let there = now.get(&key).unwrap_or_else(|| panic!("{path}/{key} is gone"));
            assert!(
                value.is_null() || there.is_null() || is_alike(&value, there),
                "{path}/{key}: {value} {there}"
            );
        }
    }
}

fn is_alike(a: &Value, b: &Value) -> bool {
    std::mem::discriminant(a) == std::mem::discriminant(b)
}
