//! Whether the members of an object are those of an answered request, and what they say of it.
//!
//! An access line is one with a status and with something that only a request has. A line that tells
//! of a request's beginning has no status and is none. Knows nothing of levels and messages.

use crate::logs::members::{find, raw_string, string};
use crate::logs::structure::go;
use crate::metrics::tally::Access;

/// How the askers call themselves whose requests are no users'.
const PROBES: [&str; 2] = ["ELB-HealthChecker", "starttech-agent"];

/// What was seen of a request so far, as it is written.
#[derive(Debug, Default)]
pub(super) struct Answer<'a> {
    /// The object is one of slog's own.
    is_slog: bool,
    status: Option<u16>,
    latency_ns: Option<u64>,
    is_request: bool,
    target: Option<&'a str>,
    agent: Option<&'a str>,
}

impl<'a> Answer<'a> {
    /// Nothing yet of the object that the text is.
    pub(super) fn of(text: &str) -> Self {
        Self { is_slog: is_slog(text), ..Self::default() }
    }

    /// Looks at one member. Of those that say the same the first counts.
    pub(super) fn member(&mut self, key: &str, value: &'a str) {
        match (key.len(), key) {
            (6, "status") | (11, "status_code") | (10, "statusCode") => {
                self.status = self.status.or_else(|| status(value));
            }
            (4, "path") | (3, "uri" | "url") if value.starts_with('"') => {
                self.is_request = true;
                self.target = self.target.or(Some(value));
            }
            (6, "method") if value.starts_with('"') => self.is_request = true,
            (7, "request") if value.starts_with(['"', '{']) => {
                self.is_request = true;
                self.target = self.target.or_else(|| target_of(value));
            }
            (7, "latency") | (8, "duration") => {
                self.latency_ns = self.latency_ns.or_else(|| latency(value, self.is_slog));
            }
            (7, "took_ms")
            | (10, "latency_ms" | "elapsed_ms")
            | (11, "duration_ms")
            | (16, "response_time_ms") => {
                self.latency_ns = self.latency_ns.or_else(|| nanoseconds(value, 1e6));
            }
            (10, "user_agent") | (5, "agent") | (9, "userAgent") | (2, "ua") => {
                self.agent = self.agent.or(raw_string(value));
            }
            _ => {}
        }
    }

    /// The access line that the members make up.
    pub(super) fn access(&self, health_path: &str) -> Option<Access> {
        let status = self.status.filter(|_| self.is_request)?;
        let is_health = self.agent.is_some_and(is_probe)
            || self.target.and_then(string).is_some_and(|target| leads_to(&target, health_path));
        Some(Access { status, latency_ns: self.latency_ns, is_health })
    }
}

/// Whether the asker is one of the probes, by how it calls itself, as that is written in JSON.
fn is_probe(agent: &str) -> bool {
    PROBES.iter().any(|probe| {
        // PHP writes `\/` for every slash.
        agent.strip_prefix(probe).is_some_and(|rest| rest.starts_with('/') || rest.starts_with("\\/"))
    })
}

/// Whether a request's target has this path.
fn leads_to(target: &str, path: &str) -> bool {
    path_on(target)
        .strip_prefix(path)
        .is_some_and(|rest| matches!(rest.as_bytes().first(), None | Some(b'?' | b'#')))
}

/// From the path on, where the target is a request line (`GET /a?b HTTP/1.1`) or a whole URL.
fn path_on(target: &str) -> &str {
    if target.starts_with('/') {
        return target;
    }
    let target =
        target.split_once(' ').map_or(target, |(_, after)| after.split(' ').next().unwrap_or_default());
    match target.split_once("://") {
        Some((_, after)) => after.find(['/', '?']).and_then(|at| after.get(at..)).unwrap_or("/"),
        None => target,
    }
}

fn status(value: &str) -> Option<u16> {
    let three_digits = value.len() == 3 && value.bytes().all(|b| b.is_ascii_digit());
    value.parse().ok().filter(|status| three_digits && (100..600).contains(status))
}

/// Where a `request` went that is one text, or an object as Caddy writes it.
fn target_of(request: &str) -> Option<&str> {
    if request.starts_with('"') {
        return Some(request);
    }
    find(request, |member| {
        let target = matches!(member.key(), "path" | "uri" | "url") && member.value().starts_with('"');
        target.then_some(member.value())
    })
}

/// Whether an object begins as those that slog's `JSONHandler` writes: with the time, then the level.
fn is_slog(text: &str) -> bool {
    let time = text.strip_prefix("{\"time\":\"").and_then(|rest| rest.split_once('"'));
    time.is_some_and(|(_, rest)| rest.starts_with(",\"level\":\""))
}

/// A `latency` or `duration` without a unit. slog prints a `time.Duration` in nanoseconds, in text Go's
/// notation; loggers that print a fraction mean seconds (zap, Caddy). Of another logger's integer nobody
/// knows the unit: those of JavaScript mean milliseconds.
fn latency(value: &str, is_slog: bool) -> Option<u64> {
    if let Some(text) = raw_string(value) {
        return go::duration(text);
    }
    if value.bytes().all(|b| b.is_ascii_digit()) {
        return value.parse().ok().filter(|_| is_slog);
    }
    nanoseconds(value, 1e9)
}

/// A number of a unit that is so many nanoseconds.
#[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "within the range by then")]
fn nanoseconds(value: &str, unit: f64) -> Option<u64> {
    // Rust reads `inf` and `nan` too.
    if !value.starts_with(|c: char| c.is_ascii_digit() || c == '-') {
        return None;
    }
    let nanoseconds = value.parse::<f64>().ok()? * unit;
    (0.0..1e19).contains(&nanoseconds).then(|| nanoseconds.round() as u64)
}
