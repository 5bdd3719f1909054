//! What is different between two things, member by member, as the service's own JSON has them.
//!
//! Says nothing of what the service means the same by but writes otherwise, beyond what it does to what it
//! was given: order where order means nothing, one item where there may be a list, 70 for 70.0.

use serde_json::{Map, Value};

use super::Field;
use crate::provision::{Content, Resource};

/// Members that are sets: alarms' actions, a query's groups, a policy's lists.
const SETS: [&str; 11] = [
    "AlarmActions",
    "OKActions",
    "InsufficientDataActions",
    "LogGroupNames",
    "Action",
    "Resource",
    "AWS",
    "Service",
    "aws:PrincipalArn",
    "aws:SourceArn",
    "aws:SourceAccount",
];

/// Members by which items of a list are told apart; such a list has no order of its own.
const NAMES: [&str; 3] = ["Id", "Sid", "Name"];

/// What must change for the thing to be what is wanted. Tags that others put on it stay.
pub(super) fn fields(held: &Resource, wanted: &Resource) -> Vec<Field> {
    let mut fields = Vec::new();
    compare("", &json(&held.content), &json(&wanted.content), &mut fields);
    if wanted.address.kind.tags_are_read() {
        for (key, value) in &wanted.tags {
            let old = held.tags.get(key);
            if old != Some(value) {
                fields.push(Field {
                    path: format!("Tags.{key}"),
                    old: old.cloned().map(Value::String),
                    new: Some(Value::String(value.clone())),
                });
            }
        }
    }
    fields
}

/// The content with members that mean the same written the same.
pub(super) fn json(content: &Content) -> Value {
    let normal = match content {
        Content::Alarm(alarm) => serde_json::to_value(alarm.clone().normal()),
        Content::CompositeAlarm(alarm) => serde_json::to_value(alarm.clone().normal()),
        Content::Topic { policy } => {
            let mut policy = policy.clone();
            plain(&mut policy);
            return Value::Object(Map::from_iter([("Policy".to_owned(), policy)]));
        }
        content => serde_json::to_value(content),
    };
    // These types have no map with keys that are no strings, which is all that can fail.
    normal.unwrap_or_default()
}

/// A policy with one item for a list of one, and SNS's name in actions in small letters: both ways mean the
/// same, and the service has its own.
fn plain(value: &mut Value) {
    match value {
        Value::String(text) => {
            if let Some(act) = text.strip_prefix("SNS:") {
                *text = format!("sns:{act}");
            }
        }
        Value::Array(items) => {
            items.iter_mut().for_each(plain);
            if let [one] = items.as_mut_slice()
                && one.is_string()
            {
                *value = one.take();
            }
        }
        Value::Object(members) => members.values_mut().for_each(plain),
        _ => {}
    }
}

fn compare(path: &str, old: &Value, new: &Value, fields: &mut Vec<Field>) {
    match (old, new) {
        (Value::Object(old), Value::Object(new)) => members(path, old, new, fields),
        (Value::Array(old), Value::Array(new)) => items(path, old, new, fields),
        _ if same(old, new) => {}
        _ => fields.push(field(path, Some(old), Some(new))),
    }
}

fn field(path: &str, old: Option<&Value>, new: Option<&Value>) -> Field {
    Field { path: path.to_owned(), old: old.cloned(), new: new.cloned() }
}

/// Scalars. Numbers are the same if they are as large.
fn same(old: &Value, new: &Value) -> bool {
    old == new || old.as_f64().is_some_and(|old| new.as_f64() == Some(old))
}

fn members(path: &str, old: &Map<String, Value>, new: &Map<String, Value>, fields: &mut Vec<Field>) {
    let mut keys: Vec<&String> = old.keys().chain(new.keys()).collect();
    keys.sort();
    keys.dedup();
    for key in keys {
        let path = if path.is_empty() { key.clone() } else { format!("{path}.{key}") };
        match (old.get(key), new.get(key)) {
            (Some(old), Some(new)) => compare(&path, old, new, fields),
            (old, new) => fields.push(field(&path, old, new)),
        }
    }
}

fn items(path: &str, old: &[Value], new: &[Value], fields: &mut Vec<Field>) {
    let last = path.rsplit('.').next().unwrap_or(path);
    if SETS.contains(&last) {
        let sorted = |items: &[Value]| {
            let mut texts: Vec<String> = items.iter().map(Value::to_string).collect();
            texts.sort();
            texts
        };
        if sorted(old) != sorted(new) {
            fields.push(whole(path, old, new));
        }
        return;
    }
    if let (Some(old_names), Some(new_names)) = (names(old), names(new)) {
        return named(path, (old, &old_names), (new, &new_names), fields);
    }
    // Of lists of scalars, and of those that others made of nothing we know, the whole says more than places.
    if old.len() != new.len() {
        return fields.push(whole(path, old, new));
    }
    for (at, (old, new)) in old.iter().zip(new).enumerate() {
        compare(&format!("{path}[{at}]"), old, new, fields);
    }
}

fn whole(path: &str, old: &[Value], new: &[Value]) -> Field {
    field(path, Some(&Value::Array(old.to_vec())), Some(&Value::Array(new.to_vec())))
}

/// The names of all items, if each has one and none has another's.
fn names(items: &[Value]) -> Option<Vec<String>> {
    let names: Option<Vec<String>> = items.iter().map(name).collect();
    let names = names?;
    let distinct =
        names.iter().enumerate().all(|(at, name)| !names.iter().take(at).any(|earlier| earlier == name));
    distinct.then_some(names)
}

/// Of a widget its title; of a text, its first line.
fn name(item: &Value) -> Option<String> {
    let text = |value: Option<&Value>| value.and_then(Value::as_str).map(str::to_owned);
    NAMES
        .iter()
        .find_map(|key| text(item.get(key)))
        .or_else(|| text(item.pointer("/properties/title")))
        .or_else(|| text(item.pointer("/properties/markdown"))?.lines().next().map(str::to_owned))
}

/// Items of the same name are compared wherever they stand.
fn named(path: &str, old: (&[Value], &[String]), new: (&[Value], &[String]), fields: &mut Vec<Field>) {
    let by_name = |(items, names): (&[Value], &[String]), wanted: &str| {
        names.iter().position(|name| name == wanted).and_then(|at| items.get(at).cloned())
    };
    // Where nothing came, went or moved, its place says which one it is.
    let in_place = old.1 == new.1;
    for (at, name) in new.1.iter().enumerate() {
        let path = if in_place { format!("{path}[{at}]") } else { format!("{path}[{name:?}]") };
        match (by_name(old, name), by_name(new, name)) {
            (Some(old), Some(new)) => compare(&path, &old, &new, fields),
            (old, new) => fields.push(Field { path, old, new }),
        }
    }
    for name in old.1.iter().filter(|name| !new.1.contains(name)) {
        fields.push(field(&format!("{path}[{name:?}]"), by_name(old, name).as_ref(), None));
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use expect_test::{Expect, expect};
    use serde_json::json;

    fn check(old: &Value, new: &Value, expected: &Expect) {
        let mut fields = Vec::new();
        compare("", old, new, &mut fields);
        let text = |value: Option<Value>| value.map_or("nothing".to_owned(), |value| value.to_string());
        let line = |field: Field| format!("{}: {} -> {}\n", field.path, text(field.old), text(field.new));
        expected.assert_eq(&fields.into_iter().map(line).collect::<String>());
    }

    #[test]
    fn a_member_is_named_by_its_path() {
        check(
            &json!({"Threshold": 70, "Metrics": [{"Id": "a", "MetricStat": {"Period": 60}}, {"Id": "b"}], "Unit": "None"}),
            &json!({"Threshold": 80.0, "Metrics": [{"Id": "a", "MetricStat": {"Period": 300}}, {"Id": "b"}], "Statistic": "Sum"}),
            &expect![[r#"
                Metrics[0].MetricStat.Period: 60 -> 300
                Statistic: nothing -> "Sum"
                Threshold: 70 -> 80.0
                Unit: "None" -> nothing
            "#]],
        );
    }

    #[test]
    fn items_that_have_names_have_no_order() {
        check(
            &json!({"Metrics": [{"Id": "b"}, {"Id": "a", "Label": "x"}], "widgets": [{"properties": {"title": "CPU"}}]}),
            &json!({"Metrics": [{"Id": "a", "Label": "y"}, {"Id": "b"}],
                    "widgets": [{"properties": {"title": "Memory"}}, {"properties": {"title": "CPU"}}]}),
            &expect![[r#"
                Metrics["a"].Label: "x" -> "y"
                widgets["Memory"]: nothing -> {"properties":{"title":"Memory"}}
            "#]],
        );
        check(&json!({"OKActions": ["a", "b"]}), &json!({"OKActions": ["b", "a"]}), &expect![[""]]);
        check(
            &json!({"x": ["a", "b"]}),
            &json!({"x": ["b", "a"]}),
            &expect![[r#"
            x[0]: "a" -> "b"
            x[1]: "b" -> "a"
        "#]],
        );
        check(
            &json!({"x": ["a"]}),
            &json!({"x": ["a", "b"]}),
            &expect![[r#"
            x: ["a"] -> ["a","b"]
        "#]],
        );
    }

    #[test]
    fn what_only_looks_different_is_the_same() {
        check(&json!({"Threshold": 70, "x": [1.0]}), &json!({"x": [1], "Threshold": 70.0}), &expect![[""]]);
        let policy = |action: Value| {
            json(&Content::Topic { policy: json!({"Statement": [{"Sid": "a", "Action": action}]}) })
        };
        check(&policy(json!("sns:Publish")), &policy(json!(["sns:Publish"])), &expect![[""]]);
        check(&policy(json!(["b", "a"])), &policy(json!(["a", "b"])), &expect![[""]]);
        check(&policy(json!(["SNS:Publish", "a"])), &policy(json!(["a", "sns:Publish"])), &expect![[""]]);
        let composite = |suppressor: &str| {
            let alarm = json!({"AlarmName": "a", "AlarmRule": "TRUE", "ActionsSuppressor": suppressor});
            json(&Content::CompositeAlarm(serde_json::from_value(alarm).unwrap()))
        };
        let arn = "arn:aws:cloudwatch:eu-west-1:123456789012:alarm:cpu: critical";
        check(&composite(arn), &composite("cpu: critical"), &expect![[""]]);
        check(
            &composite(arn),
            &composite("cpu"),
            &expect![[r#"
                ActionsSuppressor: "cpu: critical" -> "cpu"
            "#]],
        );
    }
}
