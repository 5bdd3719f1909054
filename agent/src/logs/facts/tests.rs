//! Lines of every writer, and JSON of any kind held against a slow reading of it.

use proptest::prelude::*;
use serde_json::Value;

use super::*;
use crate::logs::structure::structure;
use crate::metrics::tally::Access;

/// Of a message as it was printed, structured first as on its way.
fn of(text: &str) -> Facts {
    let mut out = String::new();
    let text = if structure(text, 0, &mut out) { &out } else { text };
    facts(text, "/health")
}

#[track_caller]
fn access(text: &str, status: u16, latency_ns: Option<u64>, is_health: bool) {
    let expected =
        Facts { access: Some(Access { status, latency_ns, is_health }), error: false, panic: false };
    assert_eq!(of(text), expected, "{text}");
}

#[track_caller]
fn tells(text: &str, error: bool, panic: bool) {
    assert_eq!(of(text), Facts { access: None, error, panic }, "{text}");
}

#[test]
fn gin_lines_of_either_width() {
    let gin = |rest: &str| format!("[GIN] 2026/03/04 - 05:06:07 | {rest}");
    access(
        &gin(r#"200 |    1.250375ms |        10.9.0.1 | GET      "/orders""#),
        200,
        Some(1_250_375),
        false,
    );
    access(&gin(r#"404 |   1.95ms |      10.9.0.1 | PUT      "/orders/9?x=1""#), 404, Some(1_950_000), false);
    access(&gin(r#"204 |      17.1µs |       10.9.2.41 | OPTIONS  "/login""#), 204, Some(17_100), false);
    // The handler logs nothing when it fails: this line is all there is.
    access(&gin(r#"500 | 30.5s |       10.9.2.41 | POST     "/orders""#), 500, Some(30_500_000_000), false);
    access(
        &gin("400 | 2ms | 10.9.0.1 | PUT \"/t\"\nError #01: no such order\n"),
        400,
        Some(2_000_000),
        false,
    );
}

#[test]
fn health_checks_are_known_by_path_or_by_who_asks() {
    let gin = |target: &str| format!("[GIN] 2026/03/04 - 05:06:07 | 200 | 1ms | 10.9.0.1 | {target}");
    for (target, is_health) in [
        ("GET \"/health\"", true),
        ("HEAD \"/health?x\"", true),
        ("GET \"/health?deep=1#now\"", true),
        ("GET \"/healthz\"", false),
        ("GET \"/health/\"", false),
        ("GET \"/api/health\"", false),
        ("GET \"/\"", false),
    ] {
        access(&gin(target), 200, Some(1_000_000), is_health);
    }
    for (members, is_health) in [
        (r#""path":"/","user_agent":"ELB-HealthChecker/2.0""#, true),
        (r#""path":"/","ua":"starttech-agent/0.1.0""#, true),
        (r#""path":"/","userAgent":"ELB-HealthChecker\/2.0""#, true),
        (r#""path":"/","agent":"not an ELB-HealthChecker/2.0""#, false),
        (r#""path":"/","agent":"ELB-HealthCheckers""#, false),
        (r#""path":"\/health""#, true),
        (r#""url":"http://10.9.0.1:8080/health?x""#, true),
        (r#""url":"http://10.9.0.1:8080/""#, false),
        (r#""url":"https://health""#, false),
        (r#""request":"GET /health HTTP/1.1""#, true),
        (r#""request":"POST /orders HTTP/1.1""#, false),
        (r#""request":{"method":"GET","host":"api","uri":"/health"}"#, true),
        (r#""request":{"id":7}"#, false),
        (r#""method":"GET""#, false),
    ] {
        access(&format!("{{{members},\"status\":200}}"), 200, None, is_health);
    }
    assert!(facts(r#"{"path":"/live","status":200}"#, "/live").access.unwrap().is_health);
}

#[test]
fn access_lines_of_other_loggers() {
    let slog = r#"{"time":"t","level":"INFO","msg":"request completed","method":"GET","path":"/orders","status":200,"latency":12345678}"#;
    access(slog, 200, Some(12_345_678), false);
    let text =
        "time=2026-03-04T05:06:07.112Z level=INFO msg=done method=GET path=/orders status=503 latency=12.5ms";
    access(text, 503, Some(12_500_000), false);
    let own =
        "2026/03/04 05:06:07 [2026-03-04T05:06:07Z] GET /health | status=200 | latency=42.25µs | ip=10.9.0.7";
    access(own, 200, Some(42_250), true);
    let zap = r#"{"level":"error","ts":1772600767.1,"msg":"handled request","request":{"method":"GET","uri":"/a"},"duration":0.0125,"status":502}"#;
    access(zap, 502, Some(12_500_000), false);
    let logrus =
        r#"{"duration":"1.5s","level":"warning","method":"GET","msg":"","statusCode":429,"uri":"/a"}"#;
    access(logrus, 429, Some(1_500_000_000), false);
    for key in ["latency_ms", "duration_ms", "response_time_ms", "elapsed_ms", "took_ms"] {
        let line = format!(r#"{{"status_code":200,"url":"/a","{key}":3}}"#);
        access(&line, 200, Some(3_000_000), false);
        access(&line.replace(":3}", ":0.25}"), 200, Some(250_000), false);
    }
    // Of an integer only slog's unit is known: one without fits slog's beginning alone.
    for begin in [
        r#"{"level":"INFO","time":"t","#,
        r#"{"level":30,"time":1772600767123,"#,
        r#"{"time":1772600767123,"level":"info","#,
        r#"{"time":"t","msg":"done","level":"info","#,
        r#"{"timestamp":"t","level":"info","#,
        r#"{"time":"t","levels":"info","#,
        "{",
    ] {
        for key in ["latency", "duration"] {
            access(&format!(r#"{begin}"path":"/a","status":200,"{key}":12}}"#), 200, None, false);
        }
    }
    access(r#"{"time":"t","level":"WARN+1","duration":12,"path":"/a","status":404}"#, 404, Some(12), false);
    // What makes no sense is a gap.
    for latency in ["-1", "\"soon\"", "null", "1e300", "true", "99999999999999999999999"] {
        access(&format!(r#"{{"status":200,"path":"/","latency":{latency}}}"#), 200, None, false);
    }
}

#[test]
fn what_is_no_access_line() {
    for line in [
        r#"{"level":"INFO","msg":"request started","method":"GET","path":"/orders","ip":"10.9.0.1"}"#,
        r#"{"level":"INFO","msg":"job","status":200}"#,
        r#"{"status":"200","path":"/"}"#,
        r#"{"status":200.0,"path":"/"}"#,
        r#"{"status":99,"path":"/"}"#,
        r#"{"status":600,"path":"/"}"#,
        r#"{"status":200,"path":null}"#,
        r#"{"http":{"status":200,"path":"/"}}"#,
        r#"10.9.0.1 - - [04/Mar/2026:05:06:07 +0000] "GET /a HTTP/1.1" 502 157 "-" "curl/8""#,
        "[GIN-debug] GET /health --> main.health (3 handlers)",
        "",
        "{",
        "{}",
        "null",
    ] {
        tells(line, false, false);
    }
}

#[test]
fn a_level_of_error_is_believed_in_any_writing() {
    for level in [
        r#""ERROR""#,
        r#""error""#,
        r#""Error""#,
        r#""FATAL""#,
        r#""critical""#,
        r#""PANIC""#,
        r#""EMERG""#,
        r#""ERROR+2""#,
        r#""dpanic""#,
        r#""\u001b[31merror\u001b[39m""#,
        "50",
        "60",
    ] {
        tells(&format!(r#"{{"level":{level},"msg":"it rains"}}"#), true, false);
        tells(&format!(r#"{{"msg":"it rains","severity":{level}}}"#), true, false);
    }
    tells(r#"time=2026-03-04T05:06:07Z level=ERROR msg="could not store" error=x"#, true, false);
    tells(r#"level=error ts=2026-03-04T05:06:07Z caller=main.go:7 err="no space""#, true, false);
}

#[test]
fn info_is_not_believed_where_the_words_say_otherwise() {
    for level in [
        r#""level":"INFO","#,
        r#""level":"info","#,
        r#""level":30,"#,
        r#""level":null,"#,
        r#""level":"","#,
        "",
    ] {
        let line = |message: &str| format!(r#"{{{level}"msg":"{message}"}}"#);
        tells(&line("Could not connect to the store: i/o timeout"), true, false);
        tells(&line("listen tcp :8080: bind: address already in use"), true, false);
        tells(&line("Required environment variable STORE is not set"), true, false);
        tells(&line("Connected to the store"), false, false);
        tells(&line("0 failed"), false, false);
    }
    for level in [r#""WARN""#, r#""warning""#, r#""DEBUG""#, r#""trace""#, "40", "20"] {
        tells(
            &format!(r#"{{"level":{level},"message":"failed to reach the cache, going on"}}"#),
            false,
            false,
        );
    }
    // The logger's own level is the first.
    tells(r#"{"level":"INFO","msg":"Logger initialized","level":"error"}"#, false, false);
    tells(r#"{"level":"ERROR","msg":"x","level":"info"}"#, true, false);
}

#[test]
fn prose_is_judged_by_how_it_begins() {
    for line in [
        "ERROR: Failed to read the user",
        "Failed to read the user",
        "2026/03/04 05:06:07 could not load config: permission denied",
        "2026/03/04 05:06:07 [error] 29#29: *1 connect() failed",
        "2026-03-04T05:06:07.123Z\tERROR\tmain.go:7\tno luck",
        "2026-03-04 05:06:07,123 - ERROR - no luck",
        "[2026-03-04T05:06:07+01:00] FATAL: no luck",
        "Traceback (most recent call last):\n  File \"a.py\", line 1\nValueError: no",
        "java.io.IOException: no\n\tat a.B.c(B.java:1)",
        "TypeError: x is not a function\n    at a.js:1:1",
    ] {
        tells(line, true, false);
    }
    for line in [
        "=== ROUTE HIT ===",
        "User ID: 42",
        "WARNING: failed to reach the cache",
        "2026-03-04T05:06:07.123Z\tINFO\tmain.go:7\tfailed",
        "level=info ts=2026-03-04T05:06:07Z caller=main.go:7",
        "[api] listening",
    ] {
        tells(line, false, false);
    }
}

#[test]
fn panics_are_errors_too() {
    let dump = "x".repeat(70_000);
    for text in [
        "panic: boom\n\ngoroutine 1 [running]:\nmain.main()\n\t/src/main.go:7 +0x1d",
        "fatal error: all goroutines are asleep - deadlock!",
        "runtime: goroutine stack exceeds 1000-byte limit\nfatal error: stack overflow\n\nruntime stack:",
        "\n\n2026/03/04 05:06:07 [Recovery] 2026/03/04 - 05:06:07 panic recovered:\nGET /a HTTP/1.1\n\n\nboom\n/src/main.go:7 (0x1)\n",
        "2026/03/04 05:06:07 http: panic serving 10.9.0.7:4242: boom\ngoroutine 7 [running]:",
        r#"{"level":"INFO","msg":"http: panic serving 10.9.0.7:4242: boom\ngoroutine 7 [running]:"}"#,
        r#"{"level":"error","msg":"[Recovery from panic]","error":"boom"}"#,
        "thread 'main' panicked at src/main.rs:2:5:\nno luck",
        // Too long to be structured.
        &format!("panic: boom\n{dump}"),
        &format!("runtime: out of memory\nfatal error: out of memory\n{dump}"),
        &format!("2026/03/04 05:06:07 [Recovery] 2026/03/04 - 05:06:07 panic recovered:\nboom\n{dump}"),
    ] {
        tells(text, true, true);
    }
    for text in ["panicking is not allowed", "runtime: version 1", "\tpanic: boom", "no panic: all is well"] {
        tells(text, false, false);
    }
}

#[test]
fn of_an_object_that_breaks_off_what_is_there_counts() {
    tells(r#"{"level":"ERROR","msg":"x","dump":"aaaa"#, true, false);
    tells(r#"{"level":"ERR"#, false, false);
    access(r#"{"status":200,"path":"/","body":"aaaa"#, 200, None, false);
}

#[test]
fn colours_do_not_hide_a_level() {
    assert_eq!(Level::of(r#""\u001b[31""#), Some(Level::Doubtful));
    assert_eq!(Level::of("1.5"), None);
    assert_eq!(Level::of("100"), Some(Level::Doubtful));
}

type Members = Vec<(String, Value)>;

#[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "within the range by then")]
fn rounded(nanoseconds: f64) -> u64 {
    nanoseconds.round() as u64
}

/// What [`facts`] does, on values instead of text, and as slow as that is. Whether that text is without
/// blanks, as slog writes it, only the text says.
fn reference(members: &Members, is_dense: bool) -> Facts {
    let strings = |keys: &[&str]| -> Vec<String> {
        let of = members.iter().filter(|(key, _)| keys.contains(&key.as_str()));
        of.filter_map(|(_, value)| value.as_str()).map(str::to_owned).collect()
    };
    let level = members
        .iter()
        .filter(|(key, _)| ["level", "severity", "lvl", "log.level"].contains(&key.as_str()))
        .find_map(|(_, value)| match value {
            Value::String(text) => Some(Level::of_word(text)),
            Value::Number(number) => number.as_u64().and_then(|n| u32::try_from(n).ok()).map(|n| match n {
                50..=99 => Level::Error,
                10..=29 | 40..=49 => Level::Fine,
                _ => Level::Doubtful,
            }),
            _ => None,
        });
    let message = strings(&["msg", "message"]).into_iter().find(|text| !text.is_empty()).unwrap_or_default();
    let status = members
        .iter()
        .filter(|(key, _)| ["status", "status_code", "statusCode"].contains(&key.as_str()))
        .find_map(|(_, value)| value.as_u64().filter(|status| (100..=599).contains(status)));
    let request = members.iter().any(|(key, value)| match key.as_str() {
        "method" | "path" | "uri" | "url" => value.is_string(),
        "request" => value.is_string() || value.is_object(),
        _ => false,
    });
    let keys: Vec<&str> = members.iter().take(2).map(|(key, _)| key.as_str()).collect();
    let is_slog =
        is_dense && keys == ["time", "level"] && members.iter().take(2).all(|(_, value)| value.is_string());
    let latency = members.iter().find_map(|(key, value)| {
        let of = |unit: f64| value.as_f64().map(|number| number * unit).filter(|ns| (0.0..1e19).contains(ns));
        match (key.as_str(), value) {
            ("latency" | "duration", Value::String(text)) => go::duration(text),
            ("latency" | "duration", _) if value.is_u64() => value.as_u64().filter(|_| is_slog),
            ("latency" | "duration", _) if value.is_i64() => None,
            ("latency" | "duration", _) => of(1e9).map(rounded),
            ("latency_ms" | "duration_ms" | "response_time_ms" | "elapsed_ms" | "took_ms", _) => {
                of(1e6).map(rounded)
            }
            _ => None,
        }
    });
    let target = members.iter().find_map(|(key, value)| match key.as_str() {
        "path" | "uri" | "url" | "request" => value.as_str(),
        _ => None,
    });
    let agent = strings(&["user_agent", "agent", "userAgent", "ua"]).into_iter().next().unwrap_or_default();
    let probe = agent.starts_with("ELB-HealthChecker/") || agent.starts_with("starttech-agent/");
    let is_health = probe
        || target.is_some_and(|target| {
            let target = match target.strip_prefix("GET ") {
                Some(line) => line.split(' ').next().unwrap(),
                None => target.strip_prefix("http://a").unwrap_or(target),
            };
            target.split(['?', '#']).next() == Some("/health")
        });
    let access = status.filter(|_| request).map(|status| Access {
        status: u16::try_from(status).unwrap(),
        latency_ns: latency,
        is_health,
    });
    let panic = message.starts_with("panic: ") || message.starts_with("http: panic serving ");
    let failure = ["error: ", "could not ", "FATAL"].iter().any(|start| message.starts_with(start));
    let error = match level {
        Some(Level::Error) => true,
        Some(Level::Fine) => panic,
        _ => panic || failure,
    };
    Facts { access, error: error && access.is_none(), panic }
}

/// Values that matter to some key, and others.
fn value() -> impl Strategy<Value = Value> {
    let texts = [
        "INFO",
        "error",
        "Warn",
        "FATAL+2",
        "50",
        "panic: x",
        "http: panic serving y",
        "error: \"z\"\n",
        "could not \\ \t",
        "FATAL é",
        "ok",
        "",
        "/health",
        "/health?x=\"1\"",
        "/healthz",
        "/",
        "GET /health HTTP/1.1",
        "GET /a HTTP/1.1",
        "http://a/health",
        "http://a/b",
        "12.5ms",
        "1h2s",
        "ELB-HealthChecker/2.0",
        "starttech-agent/1",
        "curl/8",
        "GET",
    ];
    prop_oneof![
        4 => prop::sample::select(texts.to_vec()).prop_map(Value::from),
        2 => prop_oneof![0..70u64, 95..605u64, any::<u64>()].prop_map(Value::from),
        1 => any::<i64>().prop_map(Value::from),
        1 => prop_oneof![0.0..60.0f64, any::<f64>()].prop_map(Value::from),
        1 => prop_oneof![Just(Value::Null), any::<bool>().prop_map(Value::from)],
        1 => "[a-z/:{}\",\\\\]{0,12}".prop_map(Value::from),
        1 => prop::collection::vec(any::<String>(), 0..3).prop_map(Value::from),
        1 => prop::collection::hash_map("[a-z]{0,3}", any::<String>(), 0..3)
            .prop_map(|map| Value::Object(map.into_iter().map(|(key, value)| (key, value.into())).collect())),
    ]
}

fn members_of_a_line() -> impl Strategy<Value = Members> {
    let keys = [
        "level",
        "severity",
        "lvl",
        "log.level",
        "msg",
        "message",
        "status",
        "status_code",
        "statusCode",
        "method",
        "path",
        "uri",
        "url",
        "request",
        "latency",
        "duration",
        "latency_ms",
        "duration_ms",
        "response_time_ms",
        "elapsed_ms",
        "took_ms",
        "user_agent",
        "agent",
        "userAgent",
        "ua",
    ];
    let key =
        prop_oneof![5 => prop::sample::select(keys.to_vec()).prop_map(str::to_owned), 1 => any::<String>()];
    let likely = prop_oneof![
        Just(vec![]),
        (100..600u64).prop_map(|status| vec![
            ("status".to_owned(), status.into()),
            ("method".to_owned(), "GET".into())
        ]),
    ];
    let begin = prop_oneof![
        Just(vec![]),
        Just(vec![("time".to_owned(), "2026-03-04T05:06:07Z".into()), ("level".to_owned(), "INFO".into())]),
        (any::<u64>(), value())
            .prop_map(|(time, level)| vec![("time".to_owned(), time.into()), ("level".to_owned(), level)]),
    ];
    (begin, likely, prop::collection::vec((key, value()), 0..10)).prop_map(|(begin, mut members, more)| {
        for (key, value) in more {
            if !members.iter().any(|(known, _)| *known == key) {
                members.push((key, value));
            }
        }
        members.reverse();
        members.retain(|(key, _)| !begin.iter().any(|(known, _)| known == key));
        [begin, members].concat()
    })
}

fn json(members: &Members, blank: &str) -> String {
    let members: Vec<String> = members
        .iter()
        .map(|(key, value)| format!("{}{blank}:{blank}{value}", Value::from(key.as_str())))
        .collect();
    format!("{{{blank}{}{blank}}}", members.join(&format!("{blank},{blank}")))
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(2000))]

    #[test]
    fn they_are_those_of_a_slow_reading(members in members_of_a_line(), blank in prop::sample::select(vec!["", " ", "\n\t "])) {
        let text = json(&members, blank);
        prop_assert_eq!(facts(&text, "/health"), reference(&members, blank.is_empty()), "{}", text);
    }

    #[test]
    fn any_text_has_some(text in any::<String>(), path in any::<String>()) {
        facts(&text, &path);
    }

    #[test]
    fn any_piece_of_a_line_has_some(members in members_of_a_line(), from in 0..200usize, to in 0..200usize) {
        let text = json(&members, "");
        let [from, to] = [from, to].map(|at| text.floor_char_boundary(at));
        let found = facts(text.get(from..to).unwrap_or_default(), "/health");
        prop_assert!(!(found.error && found.access.is_some()));
        prop_assert!(found.access.is_none_or(|access| (100..600).contains(&access.status)));
    }
}
