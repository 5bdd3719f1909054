//! How bad a message is, for whoever reads: by its level, and by what it says where the level cannot be believed.
//!
//! The standard logger bridged into slog labels a fatal error INFO, and JSON access lines of other programs have no
//! level at all: what [`facts`] counts as an error is one here. Knows nothing of where messages come from.

use std::fmt;
use std::str::FromStr;

use super::facts::facts;
use super::members::{find, raw_string};
use super::structure::std_log;

/// From the least to the worst.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
#[expect(missing_docs, reason = "the names say it")]
pub enum Severity {
    Trace,
    Debug,
    Info,
    Warn,
    Error,
    Fatal,
}

/// Of no level that is known.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("write trace, debug, info, warn, error or fatal")]
pub struct UnknownSeverity;

impl Severity {
    /// Of a message as it is shipped. `health_path` is the path of the health check, `/health`.
    pub fn of(text: &str, health_path: &str) -> Self {
        let text = text.trim_start_matches('\n');
        let facts = facts(text, health_path);
        let status = facts.access.map_or(0, |access| access.status);
        let told = match () {
            () if facts.panic => Self::Fatal,
            () if facts.error || status >= 500 => Self::Error,
            () if status >= 400 => Self::Warn,
            () => Self::Trace,
        };
        written(text).unwrap_or(Self::Info).max(told)
    }

    /// Of its number, as pino and bunyan have it.
    fn numbered(number: u32) -> Option<Self> {
        Some(match number {
            10..20 => Self::Trace,
            20..30 => Self::Debug,
            30..40 => Self::Info,
            40..50 => Self::Warn,
            50..60 => Self::Error,
            60..100 => Self::Fatal,
            _ => return None,
        })
    }
}

/// What the message says of itself.
fn written(text: &str) -> Option<Severity> {
    if let Some(level) = text.strip_prefix("level=") {
        return word(level).parse().ok();
    }
    if !text.trim_ascii_start().starts_with('{') {
        let level: Option<Severity> = std_log::level(text).parse().ok();
        return level.filter(|level| *level != Severity::Info);
    }
    find(text.trim_ascii_start(), |member| {
        if !matches!(member.key(), "level" | "severity" | "lvl" | "log.level") {
            return None;
        }
        match raw_string(member.value()) {
            Some(text) => word(text).parse().ok(),
            None => member.value().parse().ok().and_then(Severity::numbered),
        }
    })
}

/// slog writes `ERROR+2`.
fn word(text: &str) -> &str {
    let text = text.trim_start_matches('"');
    let end = text.bytes().position(|b| !b.is_ascii_alphabetic()).unwrap_or(text.len());
    text.get(..end).unwrap_or_default()
}

impl FromStr for Severity {
    type Err = UnknownSeverity;

    fn from_str(text: &str) -> Result<Self, UnknownSeverity> {
        Ok(match text.to_ascii_lowercase().as_str() {
            "trace" | "verbose" | "fine" => Self::Trace,
            "debug" => Self::Debug,
            "info" | "notice" => Self::Info,
            "warn" | "warning" => Self::Warn,
            "error" | "err" | "severe" => Self::Error,
            "fatal" | "critical" | "crit" | "panic" | "dpanic" | "emerg" | "emergency" | "alert" => {
                Self::Fatal
            }
            _ => return Err(UnknownSeverity),
        })
    }
}

impl fmt::Display for Severity {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Trace => "trace",
            Self::Debug => "debug",
            Self::Info => "info",
            Self::Warn => "warn",
            Self::Error => "error",
            Self::Fatal => "fatal",
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_level_counts_and_what_the_message_says_if_that_is_worse() {
        for (text, severity) in [
            (r#"{"time":"x","level":"DEBUG","msg":"a"}"#, Severity::Debug),
            (r#"{"level":"WARN","msg":"a"}"#, Severity::Warn),
            (r#"{"level":"error","msg":"a"}"#, Severity::Error),
            (r#"{"level":"ERROR+2","msg":"a"}"#, Severity::Error),
            (r#"{"level":"INFO","msg":"Failed to connect to MongoDB"}"#, Severity::Error),
            (r#"{"level":"INFO","msg":"panic: runtime error"}"#, Severity::Fatal),
            (r#"{"level":30,"msg":"a"}"#, Severity::Info),
            (r#"{"level":50,"msg":"a"}"#, Severity::Error),
            (r#"{"msg":"no level"}"#, Severity::Info),
            (
                r#"{"msg":"request","method":"GET","path":"/a","status":502,"latency_ms":1.5}"#,
                Severity::Error,
            ),
            ("panic: out of luck\n\ngoroutine 1 [running]:", Severity::Fatal),
            ("level=warn msg=x", Severity::Warn),
            ("[WARN] low", Severity::Warn),
            ("plain", Severity::Info),
            ("", Severity::Info),
        ] {
            assert_eq!(Severity::of(text, "/health"), severity, "{text}");
        }
    }

    #[test]
    fn levels_are_written_as_people_write_them() {
        for (text, severity) in
            [("Warning", Severity::Warn), ("ERROR", Severity::Error), ("crit", Severity::Fatal)]
        {
            assert_eq!(text.parse(), Ok(severity));
        }
        assert_eq!("loud".parse::<Severity>(), Err(UnknownSeverity));
        assert!(Severity::Warn < Severity::Error && Severity::Error.to_string() == "error");
    }
}
