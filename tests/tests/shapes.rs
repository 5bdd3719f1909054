//! What the backend prints, and the exact messages that arrive of it.
//!
//! Times that the agent takes from Docker are checked against the event's own and then stand as `@`.

use std::fs;

use harness::agent::{Agent, Options};
use harness::docker::{Dockerd, Run};
use harness::endpoint::{Endpoint, Event};
use harness::stream::{GROUP, LIMIT, STOP};

/// Standard output: line by line, each with the messages it becomes; none is what leaves no event.
const LINES: &[(&str, &[&str])] = &[
    // gin with the wide latency column, the narrow one, and in colours.
    (
        r#"[GIN] 2026/05/06 - 07:08:09 | 200 |    4.125501ms |      10.20.30.40 | GET      "/health""#,
        &[
            r#"{"time":"@","level":"INFO","msg":"GET /health 200","method":"GET","path":"/health","status":200,"latency_ms":4.125501,"ip":"10.20.30.40"}"#,
        ],
    ),
    (
        r#"[GIN] 2026/05/06 - 07:08:10 | 422 |   2.75ms |             ::1 | POST     "/api/tasks?draft=1""#,
        &[
            r#"{"time":"@","level":"WARN","msg":"POST /api/tasks?draft=1 422","method":"POST","path":"/api/tasks?draft=1","status":422,"latency_ms":2.75,"ip":"::1"}"#,
        ],
    ),
    (
        "[GIN] 2026/05/06 - 07:08:11 |\u{1b}[97;41m 503 \u{1b}[0m|  1.250000004s |    10.20.30.41 |\u{1b}[97;44m GET     \u{1b}[0m \"/api/tasks\"",
        &[
            r#"{"time":"@","level":"ERROR","msg":"GET /api/tasks 503","method":"GET","path":"/api/tasks","status":503,"latency_ms":1250.000004,"ip":"10.20.30.41"}"#,
        ],
    ),
    // Two writers on one pipe, the first without a newline.
    (
        r#"[BOOT] cache warm[GIN] 2026/05/06 - 07:08:12 | 204 |      17.25µs |     10.20.30.42 | DELETE   "/api/tasks/7""#,
        &[
            "[BOOT] cache warm",
            r#"{"time":"@","level":"INFO","msg":"DELETE /api/tasks/7 204","method":"DELETE","path":"/api/tasks/7","status":204,"latency_ms":0.01725,"ip":"10.20.30.42"}"#,
        ],
    ),
    (
        r#"time=2026-05-06T07:08:13.014Z level=WARN msg="queue is \"long\"" depth=42 worker=w-3"#,
        &[
            r#"{"time":"2026-05-06T07:08:13.014Z","level":"WARN","msg":"queue is \"long\"","depth":42,"worker":"w-3"}"#,
        ],
    ),
    (
        r#"time=2026-05-06T07:08:13.015Z level=INFO msg="Logger ready" level="" format="""#,
        &[r#"{"time":"2026-05-06T07:08:13.015Z","level":"INFO","msg":"Logger ready","format":""}"#],
    ),
    (
        "2026/05/06 07:08:14 Failed to reach the queue: connection refused",
        &[r#"{"time":"@","level":"ERROR","msg":"Failed to reach the queue: connection refused"}"#],
    ),
    // JSON stays, but for the level that is there twice.
    (
        r#"{"time":"2026-05-06T07:08:15.016017018Z","level":"INFO","msg":"up","port":"9090"}"#,
        &[r#"{"time":"2026-05-06T07:08:15.016017018Z","level":"INFO","msg":"up","port":"9090"}"#],
    ),
    (
        r#"{"time":"2026-05-06T07:08:15.019Z","level":"ERROR","msg":"configured","level":"debug","format":"json"}"#,
        &[r#"{"time":"2026-05-06T07:08:15.019Z","level":"ERROR","msg":"configured","format":"json"}"#],
    ),
    ("", &[]),
    ("==== ready ====", &["==== ready ===="]),
    ("\u{1b}[32mgreen\u{1b}[0m tea", &["green tea"]),
    // Secrets, by form and by name, in prose, in slog text and in JSON.
    (
        "DATABASE_URL env=postgres://app:hunter2hunter2@db.internal:5432/tasks",
        &["DATABASE_URL env=postgres://app:***@db.internal:5432/tasks"],
    ),
    (
        r#"{"level":"INFO","msg":"login","email":"a@b.example","password":"correct horse"}"#,
        &[r#"{"level":"INFO","msg":"login","email":"a@b.example","password":"***"}"#],
    ),
    ("using AKIAQ3EGRPL2XWZ7M5TJ for uploads", &["using *** for uploads"]),
    (
        "Authorization: Bearer eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiI0MiJ9.c2lnbmF0dXJlLW9mLXRlc3Q",
        &["Authorization: Bearer ***"],
    ),
    // Line by line, as a program prints a file.
    ("-----BEGIN RSA PRIVATE KEY-----", &["***"]),
    ("MIIEowIBAAKCAQEAx1y2MIIEowIBAAKCAQEAx1y2MIIEowIBAAKCAQEAx1y2abcd", &[]),
    ("x1y2z3==", &[]),
    ("-----END RSA PRIVATE KEY-----", &[]),
    ("the token is expired", &["the token is expired"]),
];

const GO_PANIC: &str = "panic: runtime error: index out of range [5] with length 3

goroutine 18 [running]:
main.pick({0xc00012a000, 0x3, 0x3}, 0x5)
\t/app/pick.go:12 +0x1d
main.main()
\t/app/main.go:31 +0x65
exit status 2";

const GIN_RECOVERY: &str = "2026/05/06 07:08:20 [Recovery] 2026/05/06 - 07:08:20 panic recovered:
GET /api/tasks/9 HTTP/1.1
Host: api.internal:9090
Accept: */*


task without an owner
/app/tasks.go:44 (0x6f2a10)
/go/pkg/mod/github.com/gin-gonic/gin@v1.9.1/context.go:174 (0x6e11aa)
/usr/local/go/src/net/http/server.go:2936 (0x61a2bb)";

/// The event's message, its time, if it is Docker's, replaced.
fn shown(event: &Event) -> String {
    let Some(rest) = event.message.strip_prefix(r#"{"time":""#) else { return event.message.clone() };
    let (time, behind) = rest.split_once('"').unwrap();
    let parsed: jiff::Timestamp = time.parse().unwrap();
    if parsed.as_millisecond() == event.timestamp && time.len() == "2026-05-06T07:08:09.000000000Z".len() {
        return format!(r#"{{"time":"@"{behind}"#);
    }
    event.message.clone()
}

#[test]
fn every_shape_the_backend_prints_becomes_its_message() {
    let (endpoint, docker) = (Endpoint::start(), Dockerd::start());
    let fixture = docker.root().join("fixture");
    let lines: Vec<_> = LINES.iter().map(|(line, _)| *line).collect();
    fs::write(&fixture, lines.join("\n") + "\n").unwrap();
    let mut agent = Agent::start(Options::new(&endpoint).with_docker(&docker));
    let volume = format!("--volume={}:/fixture:ro", fixture.display());
    let arguments = &[volume.as_str()];
    for (driver, tty) in [("json-file", false), ("local", false), ("json-file", true)] {
        let name = format!("{driver}-{tty}");
        let run = Run {
            name: &name,
            script: "cat /fixture",
            log_driver: Some(driver),
            tty,
            arguments,
            ..Run::default()
        };
        docker.run(&run);
        let stream = endpoint.stream(GROUP, &format!("/{name}/"));
        stream.await_message(&mut agent, "the token is expired");
        let arrived: Vec<_> = stream.events().iter().map(shown).collect();
        let mut rest = arrived.as_slice();
        for (line, expected) in LINES {
            let (of_line, after) = rest.split_at_checked(expected.len()).unwrap_or((rest, &[]));
            assert_eq!(of_line, *expected, "{name}: {line}");
            rest = after;
        }
        assert_eq!(rest, [""; 0], "{name}");
    }
    agent.stop(STOP);
    endpoint.assert_no_breach();
}

#[test]
fn panics_on_standard_error_are_one_event() {
    let (endpoint, docker) = (Endpoint::start(), Dockerd::start());
    let path = docker.root().join("fixtures");
    fs::create_dir(&path).unwrap();
    fs::write(path.join("go"), format!("{GO_PANIC}\n")).unwrap();
    // gin sets its block off with blank lines.
    fs::write(path.join("gin"), format!("\n\n{GIN_RECOVERY}\n\n")).unwrap();
    let mut agent = Agent::start(Options::new(&endpoint).with_docker(&docker));
    let volume = format!("--volume={}:/fixtures:ro", path.display());
    let arguments = &[volume.as_str()];
    // Lines of the other pipe in between belong to nobody's trace.
    let script = "(cat /fixtures/gin; echo 2026/05/06 07:08:21 next) >&2 & \
                  for i in 1 2 3 4 5; do echo n=$i; done; wait; cat /fixtures/go >&2";
    let json = |text: &str| serde_json::Value::from(text).to_string();
    let expected = [
        format!(
            r#"{{"time":"@","level":"ERROR","msg":"panic recovered: task without an owner","method":"GET","path":"/api/tasks/9","stack":{}}}"#,
            json(GIN_RECOVERY)
        ),
        r#"{"time":"@","level":"INFO","msg":"next"}"#.to_owned(),
        format!(
            r#"{{"time":"@","level":"FATAL","msg":"panic: runtime error: index out of range [5] with length 3","stack":{}}}"#,
            json(GO_PANIC)
        ),
    ];
    for driver in ["json-file", "local"] {
        let run = Run { name: driver, script, log_driver: Some(driver), arguments, ..Run::default() };
        docker.run(&run).wait_exit(LIMIT);
        let stream = endpoint.stream(GROUP, &format!("/{driver}/"));
        stream.await_lines(&mut agent, 8);
        let shown: Vec<_> = stream.events().iter().map(shown).collect();
        let (numbered, traces): (Vec<_>, Vec<_>) =
            shown.into_iter().partition(|message| message.starts_with("n="));
        assert_eq!(numbered, ["n=1", "n=2", "n=3", "n=4", "n=5"], "{driver}");
        // A blank line behind the frames still belongs to the block.
        let trimmed: Vec<_> = traces.iter().map(|message| message.replace("\\n\"}", "\"}")).collect();
        assert_eq!(trimmed, expected, "{driver}");
    }
    agent.stop(STOP);
    endpoint.assert_no_breach();
}
