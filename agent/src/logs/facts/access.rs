//! Whether the members of an object are those of an answered request, and what they say of it.
//!
//! An access line is one with a status and with something that only a request has. A line that tells
//! of a request's beginning has no status and is none. Knows nothing of levels and messages.

use std::borrow::Cow;

use crate::logs::members::{Members, raw_string, string};
use crate::logs::structure::go;
use crate::metrics::tally::Access;

/// How the askers call themselves whose requests are no users'.
const PROBES: [&str; 2] = ["ELB-HealthChecker/", "starttech-agent/"];

/// What was seen of a request so far, as it is written.
#[derive(Debug, Default)]
pub(super) struct Answer<'a> {
    status: Option<u16>,
    latency_ns: Option<u64>,
    is_request: bool,
    target: Option<&'a str>,
    agent: Option<&'a str>,
}

impl<'a> Answer<'a> {
    /// Looks at one member. Of those that say the same the first counts.
    pub(super) fn member(&mut self, key: &str, value: &'a str) {
        match key {
            "status" | "status_code" | "statusCode" => self.status = self.status.or_else(|| status(value)),
            "path" | "uri" | "url" if value.starts_with('"') => {
                self.is_request = true;
                self.target = self.target.or(Some(value));
            }
            "method" if value.starts_with('"') => self.is_request = true,
            "request" if value.starts_with(['"', '{']) => {
                self.is_request = true;
                self.target = self.target.or_else(|| target_of(value));
            }
            "latency" | "duration" => self.latency_ns = self.latency_ns.or_else(|| latency(value)),
            "latency_ms" | "duration_ms" | "response_time_ms" | "elapsed_ms" | "took_ms" => {
                self.latency_ns = self.latency_ns.or_else(|| nanoseconds(value, 1e6));
            }
            "user_agent" | "agent" | "userAgent" | "ua" => self.agent = self.agent.or(raw_string(value)),
            _ => {}
        }
    }

    /// The access line that the members make up.
    pub(super) fn access(&self, health_path: &str) -> Option<Access> {
        let status = self.status.filter(|_| self.is_request)?;
        let probe = self.agent.is_some_and(|agent| {
            PROBES.iter().any(|probe| {
                agent.starts_with(probe) || agent.contains('\\') && unescaped(agent).starts_with(probe)
            })
        });
        let target = self.target.and_then(string).unwrap_or_default();
        Some(Access { status, latency_ns: self.latency_ns, is_health: probe || path(&target) == health_path })
    }
}

/// PHP writes `\/` for every slash.
fn unescaped(text: &str) -> Cow<'_, str> {
    if text.contains("\\/") { Cow::Owned(text.replace("\\/", "/")) } else { Cow::Borrowed(text) }
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
    Members::of(request)
        .find(|member| matches!(member.key, "path" | "uri" | "url") && member.value.starts_with('"'))
        .map(|member| member.value)
}

/// The path of a request's target, which may be a request line (`GET /a?b HTTP/1.1`) or a whole URL.
fn path(target: &str) -> &str {
    let mut target = target;
    if let Some((_, after)) = target.split_once(' ') {
        target = after.split(' ').next().unwrap_or_default();
    }
    if !target.starts_with('/')
        && let Some((_, after)) = target.split_once("://")
    {
        target = after.find('/').and_then(|at| after.get(at..)).unwrap_or("/");
    }
    target.split(['?', '#']).next().unwrap_or_default()
}

/// A `latency` or `duration` without a unit. slog prints a `time.Duration` in nanoseconds, in text Go's
/// notation; loggers that print a fraction mean seconds (zap, Caddy).
fn latency(value: &str) -> Option<u64> {
    if let Some(text) = raw_string(value) {
        return go::duration(text);
    }
    if value.bytes().all(|b| b.is_ascii_digit()) {
        return value.parse().ok();
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
