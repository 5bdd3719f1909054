//! What the sample backend answers, and what it prints about it.
//!
//! Pure: a request in, an answer and entries out. Some routes are there to be tried: one panics, one
//! logs the password that it is sent.

use jiff::Timestamp;
use serde_json::{Value, json};

use super::content::{self, Entry};
use super::gin;

/// What comes back.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Answer {
    pub(super) status: u16,
    pub(super) body: Value,
    /// What the handler printed, ahead of the access line.
    pub(super) said: Said,
}

/// What a handler prints.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Said {
    /// Handlers of this platform say nothing, not even of a failure.
    Nothing,
    /// The body that it was sent.
    Body(String),
    /// It panicked, and gin recovered it.
    Panicked(String),
}

/// Answers a request, whose path comes without its query.
pub(super) fn answer(method: &str, path: &str, body: &str) -> Answer {
    let quiet = |status, body| Answer { status, body, said: Said::Nothing };
    match (method, path) {
        ("GET", "/health") => quiet(200, json!({"status": "ok", "database": "ok", "cache": "disabled"})),
        ("GET", "/tasks") => quiet(200, json!([{"id": 1, "title": "buy milk", "done": false}])),
        ("POST", "/auth/login") => Answer {
            said: Said::Body(body.to_owned()),
            ..quiet(401, json!({"error": "nobody can log in to a sample"}))
        },
        ("GET", "/panic") => Answer {
            said: Said::Panicked("runtime error: index out of range [3] with length 3".to_owned()),
            ..quiet(500, json!({"error": "internal server error"}))
        },
        _ => quiet(404, json!({"error": "no such route", "routes": ROUTES})),
    }
}

/// What there is, for whoever asks for something else.
const ROUTES: [&str; 4] = ["GET /health", "GET /tasks", "POST /auth/login", "GET /panic"];

impl Said {
    /// As entries of the log.
    pub(super) fn entry(&self, method: &str, path: &str, now: Timestamp) -> Option<Entry> {
        match self {
            Self::Nothing => None,
            Self::Body(body) => Some(content::body(body, now)),
            Self::Panicked(why) => Some(gin::recovered(method, path, why, now)),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::logs::Pipe;

    #[test]
    fn routes_answer_and_others_tell_which_there_are() {
        for (method, path, status) in [
            ("GET", "/health", 200),
            ("GET", "/tasks", 200),
            ("POST", "/auth/login", 401),
            ("GET", "/panic", 500),
            ("POST", "/health", 404),
            ("GET", "/", 404),
        ] {
            assert_eq!(answer(method, path, "").status, status, "{method} {path}");
        }
        for route in ROUTES {
            let (method, path) = route.split_once(' ').unwrap();
            assert_ne!(answer(method, path, "").status, 404, "{route}");
        }
    }

    #[test]
    fn handlers_print_what_they_should_not() {
        let now = Timestamp::UNIX_EPOCH;
        let said = |path, body: &str| {
            answer(if body.is_empty() { "GET" } else { "POST" }, path, body).said.entry("GET", path, now)
        };
        assert_eq!(said("/health", ""), None);
        let body = said("/auth/login", "{\"password\":\"a\nb\"}").unwrap();
        assert_eq!(body.pipe, Pipe::Stdout);
        assert!(body.text.contains(r#"{\"password\":\"a\nb\"}"#), "{}", body.text);
        let panic = said("/panic", "").unwrap();
        assert_eq!(panic.pipe, Pipe::Stderr);
        assert!(panic.text.contains("GET /panic HTTP/1.1\r\n"), "{}", panic.text);
    }
}
