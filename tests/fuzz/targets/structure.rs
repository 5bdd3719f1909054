//! Lines of any writer: what becomes JSON is JSON and says what the line said; the rest stays.

#![no_main]

use std::fmt::Write as _;

use libfuzzer_sys::arbitrary::{Result, Unstructured};
use libfuzzer_sys::fuzz_target;
use serde::de::{Deserializer, MapAccess, Visitor};
use serde_json::{Map, Value};
use starttech_agent::logs::clean::clean;
use starttech_agent::logs::structure::{glued, structure};

const TIME_NS: i64 = 1_769_456_710_101_234_567;

fuzz_target!(|data: &[u8]| {
    let text = String::from_utf8_lossy(data);
    let line = cleaned(&text);
    if let Some(at) = glued(&line) {
        let (before, access) = line.split_at(at);
        assert!(!before.is_empty() && structured(access).is_some(), "{line:?} at {at}");
    }
    any_line(&line);
    if let Ok((line, pairs)) = slog(&mut Unstructured::new(data)) {
        printed_by_slog(&line, &pairs);
    }
    printed_by_gin(&text);
});

fn cleaned(text: &str) -> String {
    let once = clean(text);
    assert!(!once.contains(|c: char| c.is_control() && c != '\n' && c != '\t'), "{text:?}");
    assert_eq!(clean(&once), once, "cleaned twice: {text:?}");
    once.into_owned()
}

fn structured(line: &str) -> Option<String> {
    let mut out = String::from("left over");
    structure(line, TIME_NS, &mut out).then_some(out)
}

fn object(json: &str) -> Map<String, Value> {
    serde_json::from_str(json).unwrap_or_else(|error| panic!("{error}: {json}"))
}

fn any_line(line: &str) {
    let Some(out) = structured(line) else { return };
    let found = object(&out);
    assert_eq!(members(&out).expect("an object").len(), found.len(), "a key twice: {out}");
    let line = line.trim_start_matches('\n');
    if line.starts_with('{') {
        let mut firsts = Map::new();
        for (key, value) in members(line).expect("only JSON loses members") {
            firsts.entry(key).or_insert(value);
        }
        assert_eq!(found, firsts, "{line}");
        assert!(out.len() < line.len(), "{line} lost nothing");
        assert_eq!(structured(&out), None, "a second time: {out}");
        return;
    }
    let text = |key: &str| found.get(key).and_then(Value::as_str).unwrap_or_default();
    assert!(found.contains_key("time") && found.contains_key("msg"), "{out}");
    if found.contains_key("status") || line.starts_with(['t', 'l']) {
        return; // built from fields: see below
    }
    assert!(["DEBUG", "INFO", "WARN", "ERROR", "FATAL"].contains(&text("level")), "{out}");
    // Prose: all of it but the date is in the message, or in the stack.
    let (source, msg) = (text("source"), text("msg"));
    let said = if source.is_empty() { msg.to_owned() } else { format!("{source}: {msg}") };
    assert!(text("stack") == line || said == without_date(line), "{line:?} became {out}");
}

fn without_date(line: &str) -> &str {
    let Some(rest) = line.get(19..).filter(|_| line.starts_with(|c: char| c.is_ascii_digit())) else {
        return line;
    };
    let rest = rest.strip_prefix('.').and_then(|fraction| fraction.get(6..)).unwrap_or(rest);
    rest.strip_prefix(' ').unwrap_or(rest)
}

/// The members of an object in their order, those that repeat too.
fn members(json: &str) -> serde_json::Result<Vec<(String, Value)>> {
    struct All;
    impl<'de> Visitor<'de> for All {
        type Value = Vec<(String, Value)>;

        fn expecting(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
            f.write_str("an object")
        }

        fn visit_map<M: MapAccess<'de>>(self, mut map: M) -> std::result::Result<Self::Value, M::Error> {
            let mut all = Vec::new();
            while let Some(member) = map.next_entry()? {
                all.push(member);
            }
            Ok(all)
        }
    }
    let mut deserializer = serde_json::Deserializer::from_str(json);
    let all = deserializer.deserialize_map(All)?;
    deserializer.end()?;
    Ok(all)
}

/// Go's strconv.Quote, as far as it matters here.
fn quoted(text: &str) -> String {
    let mut out = String::from("\"");
    for c in text.chars() {
        match c {
            '"' => out.push_str("\\\""),
            '\\' => out.push_str("\\\\"),
            '\n' => out.push_str("\\n"),
            '\t' => out.push_str("\\t"),
            '\0'..='\u{1f}' | '\u{7f}' => write!(out, "\\x{:02x}", u32::from(c)).expect("a string takes it"),
            '\u{80}'..='\u{9f}' => write!(out, "\\u{:04x}", u32::from(c)).expect("a string takes it"),
            c => out.push(c),
        }
    }
    out.push('"');
    out
}

/// A line of slog's text handler, and what it says.
fn slog(input: &mut Unstructured<'_>) -> Result<(String, Vec<(String, String)>)> {
    let value = |text: &str| {
        let bare =
            !text.is_empty() && text.chars().all(|c| c.is_ascii_alphanumeric() || "-_./:%".contains(c));
        if bare { text.to_owned() } else { quoted(text) }
    };
    let mut pairs = vec![("msg".to_owned(), input.arbitrary::<String>()?)];
    while !input.is_empty() && pairs.len() < 20 {
        let key = format!("k{}_{}", pairs.len(), input.arbitrary::<String>()?);
        pairs.push((key, input.arbitrary::<String>()?));
    }
    let mut line = "time=2026-01-26T19:45:10.101Z level=INFO".to_owned();
    for (key, text) in &pairs {
        write!(line, " {}={}", value(key), value(text)).expect("a string takes it");
    }
    Ok((line, pairs))
}

fn printed_by_slog(line: &str, pairs: &[(String, String)]) {
    let Some(out) = structured(line) else {
        assert!(line.len() > 64 * 1024, "not structured: {line}");
        return;
    };
    let found = object(&out);
    for (key, text) in pairs {
        let value = found.get(key).unwrap_or_else(|| panic!("{key:?} is missing: {out}"));
        match value {
            Value::String(value) => assert_eq!(value, text, "{key:?}: {line}"),
            // A number or a boolean: as it was written, but for its quotes.
            value => assert!(out.contains(&format!(":{text}")), "{value} is not {text}: {out}"),
        }
    }
    assert_eq!(found.len(), pairs.len() + 2, "{line} became {out}");
}

fn printed_by_gin(text: &str) {
    let path = format!("/{text}");
    let line =
        format!("[GIN] 2026/01/26 - 19:45:10 | 200 |   13.7µs |   10.0.0.1 | GET      {}", quoted(&path));
    if line.len() <= 64 * 1024 {
        let found = object(&structured(&line).unwrap_or_else(|| panic!("not structured: {line}")));
        assert_eq!(found["path"], *path);
        assert_eq!(found["latency_ms"], 0.0137);
    }
}
