//! A request that was answered, whoever printed it, and how it reads as JSON.
//!
//! Two writers print such lines, gin and a home-made layout of the standard logger's; both end here, so
//! that one query reads both. Knows neither layout.

use std::borrow::Cow;

use super::object::Object;

/// What an access line says.
pub(super) struct Access<'a> {
    pub(super) method: &'a str,
    /// With its query, as it was printed.
    pub(super) path: Cow<'a, str>,
    pub(super) status: u16,
    pub(super) latency_ns: Option<u64>,
    /// Empty where the framework could not tell.
    pub(super) ip: &'a str,
}

impl Access<'_> {
    /// Opens the object and writes the eight common members; the caller may add and closes.
    pub(super) fn open<'o>(&self, time_ns: i64, out: &'o mut String) -> Object<'o> {
        let mut buffer = itoa::Buffer::new();
        let status = buffer.format(self.status);
        let mut object = Object::open(out);
        object.time(time_ns);
        object.text("level", level(self.status));
        object.texts("msg", &[self.method, " ", &self.path, " ", status]);
        object.text("method", self.method);
        object.text("path", &self.path);
        object.literal("status", status);
        if let Some(latency) = self.latency_ns {
            object.milliseconds("latency_ms", latency);
        }
        if !self.ip.is_empty() {
            object.text("ip", self.ip);
        }
        object
    }
}

/// A three-digit HTTP status.
pub(super) fn status(text: &str) -> Option<u16> {
    text.parse().ok().filter(|status| (100..1000).contains(status) && text.len() == 3)
}

/// A request method as HTTP allows it, other than in lower case, which would be prose.
pub(super) fn is_method(text: &str) -> bool {
    !text.is_empty() && text.bytes().all(|b| b.is_ascii_uppercase() || b == b'-' || b == b'_')
}

fn level(status: u16) -> &'static str {
    match status {
        500.. => "ERROR",
        400.. => "WARN",
        _ => "INFO",
    }
}
