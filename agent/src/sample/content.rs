//! What the sample backend prints by itself: every shape that the platform's backends print, one after
//! the other, each entry with a number of its own (`r-000042`).
//!
//! Pure: the nth entry at a time is always the same. Nothing of it was captured anywhere.

use jiff::Timestamp;
use serde_json::json;

use super::gin::{self, Access, Columns};
use crate::logs::Pipe;

/// What is printed at one go. Several lines are one entry: a stack trace.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Entry {
    /// Where it is printed.
    pub(super) pipe: Pipe,
    /// The text, without the newline at its end.
    pub(super) text: String,
}

/// After so many entries the shapes come again.
const CYCLE: u64 = 24;
/// The long line is dear, and comes once in so many entries.
const LONG_EVERY: u64 = 240;
/// What breaks the program comes so seldom: twice in a while of that many entries, two minutes by default.
const BREAKS_EVERY: u64 = 480;
/// Docker cuts a line into pieces of 16 KiB: this one goes over the border.
const LONG_BYTES: usize = 20 * 1024;

/// An unsigned token, of nobody.
const TOKEN: &str = "eyJhbGciOiJub25lIn0.eyJzdWIiOiJzYW1wbGUifQ.bm8tc2lnbmF0dXJl";

/// Requests of the built-in traffic: method, path before the number, status.
const REQUESTS: [(&str, &str, u16); 7] = [
    ("GET", "/health?probe=", 200),
    ("GET", "/tasks/", 200),
    ("POST", "/tasks?ref=", 201),
    ("GET", "/users/me?ref=", 401),
    ("PUT", "/tasks/", 200),
    ("DELETE", "/tasks/", 404),
    ("OPTIONS", "/auth/login?ref=", 204),
];

impl Entry {
    pub(super) fn stdout(text: impl Into<String>) -> Self {
        Self { pipe: Pipe::Stdout, text: text.into() }
    }

    pub(super) fn stderr(text: impl Into<String>) -> Self {
        Self { pipe: Pipe::Stderr, text: text.into() }
    }
}

/// The nth entry, counted from 0.
pub(super) fn entry(n: u64, now: Timestamp) -> Entry {
    let id = format!("r-{n:06}");
    match n % CYCLE {
        // slog writes `level` twice if a caller logs an attribute of that name.
        0 => Entry::stdout(format!(
            r#"{{"time":"{now}","level":"INFO","msg":"log level was set","level":"debug","request_id":"{id}"}}"#
        )),
        2 => Entry::stdout(format!(
            r#"time={now:.3} level=INFO msg="task \"buy milk\" created" request_id={id} user=ada latency=3.0420ms"#
        )),
        4 => Entry::stdout(format!("{} cache: 12 keys were refreshed for {id}", date(now))),
        6 => Entry::stdout(format!(
            r#"{{"time":"{now}","level":"INFO","msg":"connecting","mongoURI":"mongodb://app:correct-horse@mongo.example:27017/todos","request_id":"{id}"}}"#
        )),
        8 => Entry::stdout(format!(
            r#"time={now:.3} level=WARN msg="session is about to end" request_id={id} header="Bearer {TOKEN}""#
        )),
        10 => body(&format!(r#"{{"username":"ada","password":"battery-staple","ref":"{id}"}}"#), now),
        12 if n % BREAKS_EVERY == 12 => {
            gin::recovered("GET", &format!("/tasks/{id}/export"), "assignment to entry in nil map", now)
        }
        13 if n % BREAKS_EVERY == 13 => access(n, "GET", &format!("/tasks/{id}/export"), 500, now),
        15 => Entry::stderr(format!("{} could not send mail for {id}: connection refused", date(now))),
        17 if n % BREAKS_EVERY == 137 => fatal(&id),
        18 => Entry::stdout(format!(
            r#"time={now:.3} level=INFO msg="server is starting" port=8080 after={id}"#
        )),
        20 if n % LONG_EVERY == 20 => long(&id, now),
        _ => {
            let which = usize::try_from(n % REQUESTS.len() as u64).unwrap_or_default();
            let (method, path, status) = REQUESTS.get(which).copied().unwrap_or(("GET", "/", 200));
            access(n, method, &format!("{path}{id}"), status, now)
        }
    }
}

/// The nth entry while a dependency is away: the handler says nothing, the access line all.
pub(super) fn failed(n: u64, now: Timestamp) -> Entry {
    access(n, "GET", &format!("/tasks?ref=r-{n:06}"), 503, now)
}

/// The last line, which tells the run.
pub(super) fn last(run: &str, now: Timestamp) -> Entry {
    Entry::stdout(format!(r#"{{"time":"{now}","level":"INFO","msg":"server has stopped","run":"{run}"}}"#))
}

/// A careless handler logs the body that it was sent.
pub(super) fn body(content: &str, now: Timestamp) -> Entry {
    let msg = format!("request body, {} bytes: {content}", content.len());
    Entry::stdout(format!(r#"{{"time":"{now}","level":"INFO","msg":{}}}"#, json!(msg)))
}

/// The standard logger's date.
fn date(now: Timestamp) -> impl std::fmt::Display {
    now.strftime("%Y/%m/%d %H:%M:%S")
}

fn access(n: u64, method: &str, path: &str, status: u16, now: Timestamp) -> Entry {
    // Knuth's multiplier: latencies that look like none is like another, and are the same each time.
    let latency_ns = n.wrapping_mul(2_654_435_761) % 40_000_000;
    let columns = if n.is_multiple_of(3) { Columns::Narrow } else { Columns::Wide };
    let ip = format!("10.9.{}.{}", n % 4, 10 + n % 200);
    gin::access(&Access { method, path, status, latency_ns, ip: &ip }, columns, now)
}

/// A panic that nobody recovers, in the colours of a panic handler that thinks it has a terminal.
fn fatal(id: &str) -> Entry {
    Entry::stderr(format!(
        "\u{1b}[1;31mpanic: queue of {id} is closed\u{1b}[0m\n\
         \n\
         goroutine 34 [running]:\n\
         main.(*queue).push(0xc0000b4000, {{0xc00002e0c0, 0x8}})\n\
         \t/app/queue.go:58 +0x1a5\n\
         main.(*worker).run(0xc0000b4060)\n\
         \t/app/worker.go:31 +0x8f\n\
         created by main.main in goroutine 1\n\
         \t/app/main.go:74 +0x2d1\n\
         exit status 2"
    ))
}

fn long(id: &str, now: Timestamp) -> Entry {
    let mut text = format!(
        r#"{{"time":"{now}","level":"DEBUG","msg":"export of all tasks","request_id":"{id}","rows":""#
    );
    for row in 1_u32.. {
        if text.len() >= LONG_BYTES {
            break;
        }
        text.push_str("task ");
        text.push_str(&row.to_string());
        text.push_str(" is done; ");
    }
    text.push_str("end\"}");
    Entry::stdout(text)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::logs::clean::clean;
    use crate::logs::json_file::PIECE;
    use crate::logs::redact::Redactor;
    use crate::logs::structure::structure;

    fn now() -> Timestamp {
        "2026-03-04T05:06:07.008009010Z".parse().unwrap()
    }

    fn cycle() -> impl Iterator<Item = (u64, Entry)> {
        (0..LONG_EVERY).map(|n| (n, entry(n, now())))
    }

    /// As it leaves the host, if it has a shape that the agent knows.
    fn shipped(text: &str) -> Option<String> {
        let mut out = String::new();
        let structured = structure(&clean(text), 0, &mut out);
        let json = if structured { out } else { text.to_owned() };
        let redacted = Redactor::new(&[]).unwrap().redact(&json).into_owned();
        serde_json::from_str::<serde_json::Value>(&redacted).is_ok().then_some(redacted)
    }

    #[test]
    fn every_entry_has_its_own_number_and_no_other() {
        for (n, entry) in cycle() {
            assert!(entry.text.contains(&format!("r-{n:06}")), "{n}: {}", entry.text);
            let numbers = entry.text.matches("r-0").count();
            assert_eq!(numbers, entry.text.matches(&format!("r-{n:06}")).count(), "{n}");
        }
    }

    #[test]
    fn every_shape_is_one_that_the_agent_understands() {
        for (n, entry) in cycle() {
            assert!(shipped(&entry.text).is_some(), "{n}: {}", entry.text);
        }
    }

    #[test]
    fn every_shape_is_there() {
        let all: Vec<_> = cycle().map(|(_, entry)| entry).collect();
        let holds = |what: &str| assert!(all.iter().any(|entry| entry.text.contains(what)), "{what}");
        for what in [
            "\"level\":\"debug\"",
            "time=2026-03-04T05:06:07.008Z level=",
            "2026/03/04 05:06:07 ",
            "[GIN] 2026/03/04 - ",
        ] {
            holds(what);
        }
        assert!(all.iter().any(|entry| entry.text.len() > PIECE));
        let traces: Vec<_> = all.iter().filter(|entry| entry.text.contains('\n')).collect();
        assert!(traces.iter().all(|entry| entry.pipe == Pipe::Stderr && entry.text.contains("\u{1b}[")));
        assert!(traces.iter().any(|entry| entry.text.contains("[Recovery]")));
        assert!(traces.iter().any(|entry| entry.text.contains("goroutine ")));
    }

    #[test]
    fn secrets_are_printed_and_none_is_shipped() {
        let secrets = ["correct-horse", "battery-staple", TOKEN];
        for secret in secrets {
            assert!(cycle().any(|(_, entry)| entry.text.contains(secret)), "{secret}");
        }
        for (n, entry) in cycle() {
            let shipped = shipped(&entry.text).unwrap_or_default();
            assert!(!secrets.iter().any(|secret| shipped.contains(secret)), "{n}: {shipped}");
        }
    }
}
