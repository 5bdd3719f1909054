//! slog's text handler, and the other loggers that print `key=value` with Go's quotes.
//!
//! Everything in the line must be a pair, or the line is prose and stays. Of a key that repeats the
//! first counts. Numbers and booleans that JSON can carry lose their quotes; a `latency` in Go's
//! notation becomes `latency_ms`, which a query can compare.

use std::borrow::Cow;

use super::go;
use super::object::Object;

/// A line with more pairs than this is not a log record, and comparing all keys would cost too much.
const MOST_PAIRS: usize = 128;

struct Pair<'a> {
    key: Cow<'a, str>,
    value: Value<'a>,
}

enum Value<'a> {
    Text(Cow<'a, str>),
    /// JSON as it stands.
    Literal(&'a str),
    Nanoseconds(u64),
}

pub(super) fn structure(text: &str, time_ns: i64, out: &mut String) -> Option<()> {
    // slog quotes line breaks: what comes after one was printed by somebody else, a stack as a rule.
    let (line, stack) = text.split_once('\n').unwrap_or((text, ""));
    let pairs = pairs(line)?;
    let find = |key: &str| pairs.iter().find(|pair| pair.key == key).map(|pair| &pair.value);
    let msg = find("msg")?;
    let level = find("level");
    let time =
        find("time").map(as_text).filter(|time| go::after_shape(time, "0000-00-00T00:00:00").is_some());
    if level.is_none() && time.is_none() {
        return None;
    }

    let mut object = Object::open(out);
    match time {
        Some(time) => object.text("time", time),
        None => object.time(time_ns),
    }
    let level = level.map_or("INFO", as_text);
    if level.eq_ignore_ascii_case("warning") {
        object.text("level", "WARN");
    } else if level.bytes().any(|b| b.is_ascii_lowercase()) {
        object.text("level", &level.to_ascii_uppercase());
    } else {
        object.text("level", level);
    }
    object.text("msg", as_text(msg));
    for Pair { key, value } in &pairs {
        match (key.as_ref(), value) {
            ("time" | "level" | "msg", _) => {}
            (key, Value::Text(value)) => object.text(key, value),
            (key, Value::Literal(value)) => object.literal(key, value),
            (key, Value::Nanoseconds(value)) => object.milliseconds(key, *value),
        }
    }
    if !stack.is_empty() && find("stack").is_none() {
        object.text("stack", stack);
    }
    object.close();
    Some(())
}

fn as_text<'a>(value: &'a Value<'_>) -> &'a str {
    match value {
        Value::Text(text) => text,
        Value::Literal(text) => text,
        Value::Nanoseconds(_) => "",
    }
}

fn pairs(line: &str) -> Option<Vec<Pair<'_>>> {
    let mut pairs: Vec<Pair<'_>> = Vec::with_capacity(12);
    let mut rest = line.trim_end_matches(' ');
    while !rest.is_empty() {
        let (key, after) = key(rest)?;
        let (pair, after) = pair(key, after)?;
        if !pairs.iter().any(|earlier| earlier.key == pair.key) {
            pairs.push(pair);
        }
        rest = if after.is_empty() { after } else { after.strip_prefix(' ')? };
        if pairs.len() > MOST_PAIRS {
            return None;
        }
    }
    Some(pairs)
}

fn key(text: &str) -> Option<(Cow<'_, str>, &str)> {
    if text.starts_with('"') {
        let (key, rest) = go::unquote(text)?;
        return Some((key, rest.strip_prefix('=')?));
    }
    let end = text.bytes().position(|b| matches!(b, b'=' | b' ' | b'"'))?;
    let (key, rest) = text.split_at_checked(end)?;
    (!key.is_empty()).then_some((Cow::Borrowed(key), rest.strip_prefix('=')?))
}

fn pair<'a>(key: Cow<'a, str>, text: &'a str) -> Option<(Pair<'a>, &'a str)> {
    if text.starts_with('"') {
        let (value, rest) = go::unquote(text)?;
        return Some((Pair { key, value: Value::Text(value) }, rest));
    }
    let end = memchr::memchr(b' ', text.as_bytes()).unwrap_or(text.len());
    let (value, rest) = text.split_at_checked(end)?;
    if value.contains('"') {
        return None;
    }
    let latency = if key == "latency" { go::duration(value) } else { None };
    let pair = match latency {
        Some(latency) => Pair { key: Cow::Borrowed("latency_ms"), value: Value::Nanoseconds(latency) },
        None if is_literal(value) => Pair { key, value: Value::Literal(value) },
        None => Pair { key, value: Value::Text(Cow::Borrowed(value)) },
    };
    Some((pair, rest))
}

/// Whether JSON reads the same value. Of exponents only what Go prints, which always signs them:
/// `12e45` is a commit, not a number.
fn is_literal(text: &str) -> bool {
    if matches!(text, "true" | "false") {
        return true;
    }
    let number = text.strip_prefix('-').unwrap_or(text);
    let (number, exponent) = number.split_once('e').map_or((number, None), |(n, e)| (n, Some(e)));
    let (whole, fraction) = number.split_once('.').map_or((number, None), |(w, f)| (w, Some(f)));
    let digits =
        |text: &str, most| (1..=most).contains(&text.len()) && text.bytes().all(|b| b.is_ascii_digit());
    digits(whole, 20)
        && (whole == "0" || !whole.starts_with('0'))
        && fraction.is_none_or(|fraction| digits(fraction, 20))
        && exponent.is_none_or(|e| e.strip_prefix(['+', '-']).is_some_and(|e| digits(e, 2)))
}
