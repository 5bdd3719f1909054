//! Messages of any writer: what they say can be counted, and of JSON it is what JSON's own reader finds.

#![no_main]

use std::sync::LazyLock;

use libfuzzer_sys::fuzz_target;
use regex::Regex;
use serde_json::{Map, Value};
use starttech_agent::logs::facts::facts;
use starttech_agent::logs::pattern::Pattern;
use starttech_agent::logs::structure::structure;

static FIELD: LazyLock<Pattern> = LazyLock::new(|| {
    Pattern::new("fuzz_field", None, Some("a.b"), "Seconds", Some("path")).expect("a pattern")
});
static GROUPS: LazyLock<Pattern> = LazyLock::new(|| {
    let regex = Regex::new("(?<value>[0-9.e]+)(?<of>.*)").expect("an expression");
    Pattern::new("fuzz_groups", Some(regex), None, "Seconds", Some("of")).expect("a pattern")
});

fuzz_target!(|data: &[u8]| {
    let text = String::from_utf8_lossy(data);
    holds(&text);
    let mut out = String::new();
    if structure(&text, 0, &mut out) {
        holds(&out);
    }
});

fn holds(text: &str) {
    let found = facts(text, "/health");
    if let Some(access) = found.access {
        assert!(!found.error && (100..600).contains(&access.status), "{text}");
    } else {
        assert!(found.error || !found.panic, "{text}");
    }
    for pattern in [&*FIELD, &*GROUPS] {
        let Some(found) = pattern.find(text) else { continue };
        assert!(found.value.is_none_or(f64::is_finite), "{text}");
        let of = found.of.expect("a dimension");
        assert!(
            (1..=64).contains(&of.len()) && of.bytes().all(|b| (b' '..=b'~').contains(&b)),
            "{of:?}: {text}"
        );
    }
    if let Ok(object) = serde_json::from_str::<Map<String, Value>>(text) {
        object_holds(text, &object);
    }
}

/// Keys that are escaped, or come twice, are not looked for.
fn object_holds(text: &str, object: &Map<String, Value>) {
    if text.contains("\\u") || object.keys().any(|key| text.matches(&format!("\"{key}\"")).count() > 1) {
        return;
    }
    let text_of = |key: &str| object.get(key).is_some_and(Value::is_string);
    let status = ["status", "status_code", "statusCode"].iter().any(|key| {
        object.get(*key).and_then(Value::as_u64).is_some_and(|status| (100..600).contains(&status))
    });
    let request = ["method", "path", "uri", "url", "request"].iter().any(|key| text_of(key))
        || object.get("request").is_some_and(Value::is_object);
    assert_eq!(facts(text, "/health").access.is_some(), status && request, "{text}");
    if let Some(value) = object.get("a").and_then(|a| a.get("b")).filter(|_| !object.contains_key("a.b")) {
        let found = FIELD.find(text).map(|found| found.value.is_some());
        assert_eq!(found, (!value.is_null()).then_some(value.is_number()), "{text}");
    }
}
