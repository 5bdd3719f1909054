//! Go's standard logger: a date, and whatever somebody thought worth saying.
//!
//! It has no levels. The level is judged from how the message begins, and only where there is little
//! doubt: an alarm that counts errors is worth more when it misses one than when nobody trusts it.

use std::borrow::Cow;

use super::access::{self, Access};
use super::go;
use super::object::Object;
use super::panic;

/// More fields than this are no access line.
const MOST_OTHERS: usize = 16;

pub(super) fn structure(text: &str, time_ns: i64, out: &mut String) -> Option<()> {
    let rest = after_date(text)?;
    if let Some(block) = rest.strip_prefix("[Recovery] ") {
        panic::recovered(text, block, time_ns, out);
        return Some(());
    }
    let (source, message) = source(rest);
    if let Some((access, extra)) = access_line(message) {
        let mut object = access.open(time_ns, out);
        for (key, value) in extra {
            object.text(key, value);
        }
        object.close();
        return Some(());
    }
    let (first, rest) = message.split_once('\n').unwrap_or((message, ""));
    let stack = rest.contains("goroutine ");
    let mut object = Object::open(out);
    object.time(time_ns);
    object.text("level", level(message));
    object.text("msg", if stack { first } else { message });
    if let Some(source) = source {
        object.text("source", source);
    }
    if stack {
        object.text("stack", text);
    }
    object.close();
    Some(())
}

/// What follows the date, with or without microseconds.
pub(in crate::logs) fn after_date(text: &str) -> Option<&str> {
    let rest = go::after_shape(text, "0000/00/00 00:00:00")?;
    go::after_shape(rest, ".000000").unwrap_or(rest).strip_prefix(' ')
}

/// `file.go:12` where the logger was asked to say it.
fn source(text: &str) -> (Option<&str>, &str) {
    let found = text.split_once(": ").filter(|(source, _)| {
        source.split_once(".go:").is_some_and(|(file, line)| {
            !file.contains([' ', '\n', '"']) && !line.is_empty() && line.bytes().all(|b| b.is_ascii_digit())
        })
    });
    found.map_or((None, text), |(source, message)| (Some(source), message))
}

/// The home-made layout `[2006-01-02T15:04:05Z] GET /path | status=200 | latency=1ms | ip=…`.
/// Fields of other names come back beside it.
fn access_line(message: &str) -> Option<(Access<'_>, Vec<(&str, &str)>)> {
    let stamped = message.strip_prefix('[')?;
    let rest = go::after_shape(stamped, "0000-00-00T00:00:00Z] ")?;
    let mut fields = rest.split(" | ");
    let (method, path) = fields.next()?.split_once(' ')?;
    if !access::is_method(method) || !path.starts_with('/') {
        return None;
    }
    let mut status = None;
    let mut access = Access { method, path: Cow::Borrowed(path), status: 0, latency_ns: None, ip: "" };
    let mut others: Vec<(&str, &str)> = Vec::new();
    for field in fields {
        match field.split_once('=')? {
            ("status", value) => status = Some(access::status(value)?),
            ("latency", value) => access.latency_ns = Some(go::duration(value)?),
            ("ip", value) => access.ip = value,
            (key, value) if others.len() < MOST_OTHERS && is_free(key, &others) => others.push((key, value)),
            _ => return None,
        }
    }
    access.status = status?;
    Some((access, others))
}

/// A name that the object does not have yet.
fn is_free(key: &str, others: &[(&str, &str)]) -> bool {
    const TAKEN: [&str; 6] = ["", "time", "level", "msg", "method", "path"];
    !TAKEN.contains(&key) && key != "latency_ms" && !others.iter().any(|(other, _)| *other == key)
}

const WORDS: [(&str, &str); 10] = [
    ("error", "ERROR"),
    ("err", "ERROR"),
    ("warning", "WARN"),
    ("warn", "WARN"),
    ("fatal", "FATAL"),
    ("panic", "FATAL"),
    ("critical", "FATAL"),
    ("info", "INFO"),
    ("debug", "DEBUG"),
    ("trace", "DEBUG"),
];

/// How messages of failure begin in Go programs; `listen tcp` is a server that could not start.
const FAILURES: [&str; 9] = [
    "error ",
    "could not ",
    "couldn't ",
    "cannot ",
    "can't ",
    "failed ",
    "unable to ",
    "required environment variable ",
    "listen tcp ",
];

/// The level of a message, judged from how it begins: `DEBUG`, `INFO`, `WARN`, `ERROR` or `FATAL`.
pub(in crate::logs) fn level(message: &str) -> &'static str {
    let bare = message.strip_prefix('[').unwrap_or(message);
    let end = bare.bytes().position(|b| !b.is_ascii_alphabetic()).unwrap_or(bare.len());
    let (word, after) = bare.split_at_checked(end).unwrap_or(("", bare));
    // `Warning lights are off` is prose, `WARNING lights are off` and `warning: lights are off` are not.
    if (after.starts_with([':', ']']) || word.bytes().all(|b| b.is_ascii_uppercase()))
        && let Some((_, level)) = WORDS.iter().find(|(name, _)| name.eq_ignore_ascii_case(word))
    {
        return level;
    }
    // Most messages begin with none of their letters.
    if !matches!(
        message.as_bytes().first().map(u8::to_ascii_lowercase),
        Some(b'c' | b'e' | b'f' | b'h' | b'l' | b'r' | b'u')
    ) {
        return "INFO";
    }
    let fails =
        |opening: &&str| message.get(..opening.len()).is_some_and(|s| s.eq_ignore_ascii_case(opening));
    if FAILURES.iter().any(fails) || message.starts_with("http: panic serving ") {
        return "ERROR";
    }
    "INFO"
}
