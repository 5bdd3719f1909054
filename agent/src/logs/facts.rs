//! What a message says that can be counted: that a request was answered, an error, a panic.
//!
//! Reads structured messages, other programs' JSON, and prose. Runs on every line, and so looks at the
//! members of an object once, at prose only where it begins, and copies nothing. Does not trust `level`
//! alone: the standard logger bridged into slog labels everything INFO, a fatal error too. Knows
//! neither where lines come from nor what is counted.

mod access;

use std::ops::ControlFlow;

use super::members::{members, raw_string};
use super::structure::{go, std_log};
use crate::metrics::tally::Facts;
use access::Answer;

/// What a message says. `health_path` is the path of the health check, `/health`.
pub fn facts(text: &str, health_path: &str) -> Facts {
    let text = text.trim_start_matches('\n');
    if text.trim_ascii_start().starts_with('{') { of_object(text, health_path) } else { of_prose(text) }
}

fn of_object(text: &str, health_path: &str) -> Facts {
    let mut answer = Answer::of(text);
    let (mut level, mut message) = (None, "");
    // Of what breaks off, as the first part of an overlong line does, what is there counts.
    members(text, |member| {
        let (key, value) = (member.key(), member.value());
        // By the length first, which tells most keys apart.
        match (key.len(), key) {
            (5, "level") | (8, "severity") | (3, "lvl") | (9, "log.level") => {
                level = level.or_else(|| Level::of(value));
            }
            (3, "msg") | (7, "message") if message.is_empty() => {
                message = raw_string(value).unwrap_or_default();
            }
            _ => answer.member(key, value),
        }
        ControlFlow::Continue(())
    });
    let access = answer.access(health_path);
    let Facts { error, panic, .. } = told(level.unwrap_or(Level::Doubtful), message);
    Facts { access, error: error && access.is_none(), panic }
}

fn of_prose(text: &str) -> Facts {
    if let Some(level) = text.strip_prefix("level=") {
        return told(Level::of_word(level), "");
    }
    let message = match text.as_bytes().first() {
        Some(b'0'..=b'9' | b'[') => after_stamp(text),
        // The runtime explains before it names the error.
        Some(b'r') if text.starts_with("runtime: ") => {
            text.lines().find(|line| line.starts_with("fatal error: ")).unwrap_or(text)
        }
        _ => text,
    };
    told(Level::Doubtful, message)
}

fn told(level: Level, message: &str) -> Facts {
    let panic = is_panic(message);
    let error = panic
        || match level {
            Level::Error => true,
            Level::Fine => false,
            Level::Doubtful => is_failure(message),
        };
    Facts { access: None, error, panic }
}

/// What is to be made of a level.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Level {
    Error,
    /// Below an error, and chosen on purpose.
    Fine,
    /// Nobody may have chosen it: the words decide.
    Doubtful,
}

impl Level {
    /// Of a JSON value; `None` if it can be no level.
    fn of(value: &str) -> Option<Self> {
        if let Some(text) = raw_string(value) {
            // Colours, which have no place in JSON and are written there nevertheless.
            let text = text
                .strip_prefix("\\u001b[")
                .and_then(|text| text.split_once('m'))
                .map_or(text, |(_, text)| text);
            return Some(Self::of_word(text));
        }
        // As pino and bunyan number them: 20 debug, 30 info, 40 warn, 50 error, 60 fatal. Other numbers
        // are another's, and may count the other way round.
        let number: u32 = value.parse().ok()?;
        Some(match number {
            50..100 => Self::Error,
            10..30 | 40..50 => Self::Fine,
            _ => Self::Doubtful,
        })
    }

    /// Of the word at the beginning: slog writes `ERROR+2`.
    fn of_word(text: &str) -> Self {
        const ERRORS: [&str; 11] = [
            "error",
            "err",
            "fatal",
            "critical",
            "crit",
            "panic",
            "dpanic",
            "emerg",
            "emergency",
            "alert",
            "severe",
        ];
        const FINE: [&str; 6] = ["warn", "warning", "debug", "trace", "verbose", "fine"];
        let end = text.bytes().position(|b| !b.is_ascii_alphabetic()).unwrap_or(text.len());
        let word = text.get(..end).unwrap_or_default();
        let among = |words: &[&str]| words.iter().any(|known| known.eq_ignore_ascii_case(word));
        if word.eq_ignore_ascii_case("info") {
            Self::Doubtful
        } else if among(&ERRORS) {
            Self::Error
        } else if among(&FINE) {
            Self::Fine
        } else {
            Self::Doubtful
        }
    }
}

/// Whether a message is the end of a panic or of a fatal error, by how it begins.
fn is_panic(message: &str) -> bool {
    const PANICS: [&str; 6] = [
        "panic: ",
        "panic recovered",
        "fatal error: ",
        "http: panic serving ",
        "http2: panic serving ",
        "[PANIC RECOVER]",
    ];
    match message.as_bytes().first() {
        Some(b'p' | b'f' | b'h') => PANICS.iter().any(|panic| message.starts_with(panic)),
        Some(b'[') => {
            message.starts_with("[PANIC RECOVER]")
                || message.starts_with("[Recovery") && message.contains("panic")
        }
        Some(b't') => message.starts_with("thread '") && message.contains(" panicked at "),
        _ => false,
    }
}

/// Whether a message tells of a failure, by how it begins.
fn is_failure(message: &str) -> bool {
    matches!(std_log::level(message), "ERROR" | "FATAL")
        || message.starts_with("Traceback (most recent call last)")
        || message.starts_with("Exception in thread ")
        || names_an_exception(message)
}

/// `java.io.IOException: …`, `TypeError: …`: how other languages' traces begin.
fn names_an_exception(message: &str) -> bool {
    let named = |b: u8| b.is_ascii_alphanumeric() || matches!(b, b'.' | b'_' | b'$');
    let end = message.bytes().position(|b| !named(b)).unwrap_or(message.len());
    message.split_at_checked(end).is_some_and(|(name, after)| {
        after.starts_with(": ") && (name.ends_with("Error") || name.ends_with("Exception"))
    })
}

/// What follows the date that a line may begin with, and what sets it off.
fn after_stamp(text: &str) -> &str {
    if let Some(rest) = std_log::after_date(text) {
        return rest;
    }
    let bare = text.strip_prefix('[').unwrap_or(text);
    let Some(rest) =
        ["0000-00-00T00:00:00", "0000-00-00 00:00:00"].iter().find_map(|shape| go::after_shape(bare, shape))
    else {
        return text;
    };
    let rest =
        rest.trim_start_matches(|c: char| c.is_ascii_digit() || matches!(c, '.' | ',' | ':' | '+' | 'Z'));
    rest.trim_start_matches([' ', '\t', '-', '|', ']'])
}

#[cfg(test)]
mod tests;
