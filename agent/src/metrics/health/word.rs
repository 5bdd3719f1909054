//! The words of health checks: which are up, down or disabled, which keys are of no dependency, and
//! what a name has to look like.
//!
//! Lists grow here; what a body is made of is not known.

use super::State;

/// Of a dependency's name, in characters.
pub(super) const LONGEST_NAME: usize = 64;

/// What services say of themselves. `NestJS` says in `info` and `error` what is in `details` too.
const ITSELF: [&str; 62] = [
    "status",
    "state",
    "health",
    "healthy",
    "ok",
    "up",
    "alive",
    "ready",
    "success",
    "live",
    "message",
    "msg",
    "version",
    "uptime",
    "timestamp",
    "time",
    "date",
    "datetime",
    "name",
    "app",
    "application",
    "service",
    "serviceid",
    "id",
    "instance",
    "instanceid",
    "env",
    "environment",
    "stage",
    "region",
    "zone",
    "host",
    "hostname",
    "ip",
    "port",
    "pid",
    "commit",
    "sha",
    "revision",
    "branch",
    "build",
    "release",
    "releaseid",
    "error",
    "errors",
    "err",
    "info",
    "code",
    "statuscode",
    "latency",
    "duration",
    "path",
    "trace",
    "requestid",
    "traceid",
    "description",
    "notes",
    "output",
    "links",
    "groups",
    "outcome",
    "mode",
];

/// Endings of keys that tell a service's times and builds: `response_time`, `gitCommit`. If such a one has
/// a known word it is a dependency all the same: `"realtime": "ok"`.
const ITSELF_ENDING: [&str; 8] =
    ["time", "duration", "version", "timestamp", "latency", "uptime", "commit", "startedat"];

/// Whether an entry with this key is none of a dependency.
pub(super) fn speaks_of_itself(plain_key: &str) -> bool {
    ITSELF.contains(&plain_key)
}

/// Whether an entry with this key is of a dependency only if it has a word that is known.
pub(super) fn may_be_of_itself(plain_key: &str) -> bool {
    ITSELF_ENDING.iter().any(|ending| plain_key.ends_with(ending))
}

/// A key as the lists above have it: `Release-ID`, `release_id` and `releaseId` are one.
pub(super) fn plain(key: &str) -> String {
    let separator = |c: &char| matches!(c, '_' | '-' | ' ' | '.');
    key.trim().chars().filter(|c| !separator(c)).take(LONGEST_NAME).map(|c| c.to_ascii_lowercase()).collect()
}

/// A dimension's value: printable ASCII, not empty, and no colon at its beginning, which `CloudWatch`
/// refuses. <https://docs.aws.amazon.com/AmazonCloudWatch/latest/APIReference/API_Dimension.html>
pub(super) fn clean(name: &str) -> Option<String> {
    let allowed = |c: char| c.is_ascii_alphanumeric() || matches!(c, '_' | '.' | ':' | '/' | '-');
    let begins_badly = |(at, c): (usize, char)| if at == 0 && c == ':' { '_' } else { c };
    let cleaned: String = name
        .trim()
        .chars()
        .take(LONGEST_NAME)
        .map(|c| if allowed(c) { c } else { '_' })
        .enumerate()
        .map(begins_badly)
        .collect();
    (!cleaned.is_empty()).then_some(cleaned)
}

/// The longest word that is known, and some.
const LONGEST_WORD: usize = 32;

/// What a word means; `None` if nobody told us.
pub(super) fn meaning(text: &str) -> Option<State> {
    // "error: dial tcp: i/o timeout". Only a fault is believed before its reasons: an "ok" may have a "but".
    let first = text.split([':', '(', ',']).next().unwrap_or(text);
    known(text).or_else(|| known(first).filter(|state| *state == State::Down))
}

fn known(text: &str) -> Option<State> {
    let text = text.trim();
    if text.len() > LONGEST_WORD {
        return None;
    }
    match text.to_ascii_lowercase().replace(['_', '-'], " ").as_str() {
        "ok" | "up" | "healthy" | "pass" | "passed" | "passing" | "connected" | "alive" | "available"
        | "ready" | "running" | "true" | "success" | "warn" | "warning" | "degraded" | "online"
        | "reachable" => Some(State::Up),
        "disabled" | "off" | "skipped" | "not configured" | "none" | "n/a" | "null" => Some(State::Disabled),
        "down" | "error" | "fail" | "failed" | "failing" | "failure" | "unhealthy" | "disconnected"
        | "not connected" | "unavailable" | "not available" | "not ready" | "false" | "timeout"
        | "timed out" | "critical" | "connection refused" | "out of service" | "offline" | "unreachable" => {
            Some(State::Down)
        }
        _ => None,
    }
}

/// A word to be told: one with a figure in it may be another one at the next look.
pub(super) fn stable(text: &str) -> String {
    let text = text.trim();
    let tellable = |c: char| c.is_ascii_alphabetic() || matches!(c, ' ' | '_' | '-');
    if !text.is_empty() && text.len() <= LONGEST_WORD && text.chars().all(tellable) {
        format!("\"{text}\"")
    } else {
        "a text that is no known word".to_owned()
    }
}
