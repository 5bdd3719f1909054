//! The lines of the backend's four writers become JSON that CloudWatch Logs Insights can query.
//!
//! gin prints access lines, slog prints `key=value` text, the standard logger prints a date and
//! prose, the runtime prints panics: each has a reader in `structure/`, chosen by how the line
//! begins. What no reader takes without doubt stays as it is. JSON stays too, but for a key that
//! repeats. Knows neither secrets (`redact`) nor escape sequences (`clean`, which comes before), and
//! takes `time` from the caller: gin's has neither zone nor fraction.

mod access;
mod gin;
pub(super) mod go;
mod json;
mod object;
mod panic;
mod slog;
pub(super) mod std_log;

use std::sync::LazyLock;

use memchr::memmem::Finder;

/// Longer lines are dumps, not log records, and stay as they are.
const LONGEST: usize = 64 * 1024;

/// Writes the line as one JSON object into `out`, which is cleared first, and says whether it did:
/// `false` means that the text stays as it is, and `out` is of no use.
///
/// Keys come in the order `time, level, msg, method, path, status, latency_ms, ip`, then what else
/// the line says. `time_ns` is Docker's timestamp, in nanoseconds since the epoch. Levels are `DEBUG`,
/// `INFO`, `WARN`, `ERROR` and, where the process does not survive, `FATAL`.
pub fn structure(text: &str, time_ns: i64, out: &mut String) -> bool {
    out.clear();
    if text.len() > LONGEST {
        return false;
    }
    // gin sets its panics off with blank lines.
    let text = text.trim_start_matches('\n');
    match text.as_bytes().first() {
        Some(b'{') => json::drop_repeated(text, out),
        Some(b'[') => gin::structure(text, time_ns, out).is_some(),
        Some(b't' | b'l') => slog::structure(text, time_ns, out).is_some(),
        Some(b'0'..=b'9') => std_log::structure(text, time_ns, out).is_some(),
        Some(b'p' | b'f' | b'r') => panic::structure(text, time_ns, out).is_some(),
        _ => false,
    }
}

/// Where gin's access line begins in a line that another writer left without a line break.
///
/// Only after text of no known writer: those end their lines, and a request's path, which they quote,
/// could otherwise pass for an access line of its own.
pub fn glued(text: &str) -> Option<usize> {
    static ACCESS: LazyLock<Finder<'static>> = LazyLock::new(|| Finder::new("[GIN] "));
    let at = ACCESS.find(text.as_bytes()).filter(|&at| at > 0)?;
    let (head, line) = text.split_at_checked(at)?;
    let known =
        head.starts_with(['{', '"']) || head.starts_with("time=") || std_log::after_date(head).is_some();
    (!known && gin::access(line).is_some()).then_some(at)
}

#[cfg(test)]
mod tests {
    use expect_test::{Expect, expect};
    use proptest::prelude::*;

    use super::*;

    const TIME: i64 = 1_772_600_767_000_090_807;

    fn check(text: &str, expected: &Expect) {
        let mut out = String::from("left over");
        let changed = structure(text, TIME, &mut out);
        if changed {
            serde_json::from_str::<serde_json::Value>(&out).expect("JSON");
        }
        expected.assert_eq(if changed { &out } else { "as it is" });
    }

    #[track_caller]
    fn stays(text: &str) {
        let mut out = String::new();
        assert!(!structure(text, TIME, &mut out), "{text} became {out}");
    }

    #[test]
    fn gin_access_lines_of_either_width() {
        check(
            r#"[GIN] 2026/03/04 - 05:06:07 | 200 |    1.250375ms |        10.9.0.1 | GET      "/health""#,
            &expect![[
                r#"{"time":"2026-03-04T05:06:07.000090807Z","level":"INFO","msg":"GET /health 200","method":"GET","path":"/health","status":200,"latency_ms":1.250375,"ip":"10.9.0.1"}"#
            ]],
        );
        check(
            r#"[GIN] 2026/03/04 - 05:06:07 | 404 |    731µs |             ::1 | DELETE   "/todos/9?x=1&y=%20""#,
            &expect![[
                r#"{"time":"2026-03-04T05:06:07.000090807Z","level":"WARN","msg":"DELETE /todos/9?x=1&y=%20 404","method":"DELETE","path":"/todos/9?x=1&y=%20","status":404,"latency_ms":0.731,"ip":"::1"}"#
            ]],
        );
        check(
            r#"[GIN] 2026/03/04 - 05:06:07 | 500 | 12.000400100s | fe80::1%eth0 | PROPFIND "/a \"b\"\n\x1b\u00e9""#,
            &expect![[
                r#"{"time":"2026-03-04T05:06:07.000090807Z","level":"ERROR","msg":"PROPFIND /a \"b\"\n\u001bé 500","method":"PROPFIND","path":"/a \"b\"\n\u001bé","status":500,"latency_ms":12000.4001,"ip":"fe80::1%eth0"}"#
            ]],
        );
        check(
            r#"[GIN] 2026/03/04 - 05:06:07 | 200 | 0s |  | GET "/""#,
            &expect![[
                r#"{"time":"2026-03-04T05:06:07.000090807Z","level":"INFO","msg":"GET / 200","method":"GET","path":"/","status":200,"latency_ms":0}"#
            ]],
        );
        check(
            r#"[GIN] 2026/03/04 - 05:06:07 | 200 | 1m2.5s | 1.1.1.1 | GET "/""#,
            &expect![[
                r#"{"time":"2026-03-04T05:06:07.000090807Z","level":"INFO","msg":"GET / 200","method":"GET","path":"/","status":200,"latency_ms":62500,"ip":"1.1.1.1"}"#
            ]],
        );
        check(
            r#"[GIN] 2026/03/04 - 05:06:07 | 302 | 999ns | 1.1.1.1 | GET "/""#,
            &expect![[
                r#"{"time":"2026-03-04T05:06:07.000090807Z","level":"INFO","msg":"GET / 302","method":"GET","path":"/","status":302,"latency_ms":0.000999,"ip":"1.1.1.1"}"#
            ]],
        );
        check(
            "[GIN] 2026/03/04 - 05:06:07 | 400 | 2ms | 1.1.1.1 | PUT \"/t\"\nError #01: no such todo\n",
            &expect![[
                r#"{"time":"2026-03-04T05:06:07.000090807Z","level":"WARN","msg":"PUT /t 400","method":"PUT","path":"/t","status":400,"latency_ms":2,"ip":"1.1.1.1","error":"Error #01: no such todo"}"#
            ]],
        );
    }

    #[test]
    fn what_only_resembles_an_access_line_stays() {
        stays("[GIN-debug] GET /health --> main.health (3 handlers)");
        stays(r#"[GIN] 2026/03/04 | 200 | 1ms | 1.1.1.1 | GET "/""#);
        stays(r#"[GIN] 2026/03/04 - 05:06:07 | abc | 1ms | 1.1.1.1 | GET "/""#);
        stays(r#"[GIN] 2026/03/04 - 05:06:07 | 200 | soon | 1.1.1.1 | GET "/""#);
        stays(r#"[GIN] 2026/03/04 - 05:06:07 | 200 | 1ms | 1.1.1.1 | GET "/ "#);
        stays(r#"[GIN] 2026/03/04 - 05:06:07 | 200 | 1ms | 1.1.1.1 | GET "/" and more"#);
    }

    #[test]
    fn slog_text() {
        check(
            r#"time=2026-03-04T05:06:07.008Z level=INFO msg="Listening on \"all\"" port=9090"#,
            &expect![[
                r#"{"time":"2026-03-04T05:06:07.008Z","level":"INFO","msg":"Listening on \"all\"","port":9090}"#
            ]],
        );
        check(
            r#"time=2026-03-04T05:06:07.008+01:00 level=INFO msg=ready level="" a=1.50 b=true c=007 d=1e+06 e=12e45 f="7" g.h=<nil> i= j=-0.5"#,
            &expect![[
                r#"{"time":"2026-03-04T05:06:07.008+01:00","level":"INFO","msg":"ready","a":1.50,"b":true,"c":"007","d":1e+06,"e":"12e45","f":"7","g.h":"<nil>","i":"","j":-0.5}"#
            ]],
        );
        check(
            r"level=warning msg=done latency=3.0420ms time=2026-03-04T05:06:07Z path=/t status=404 latency_ms=7",
            &expect![[
                r#"{"time":"2026-03-04T05:06:07Z","level":"WARN","msg":"done","latency_ms":3.042,"path":"/t","status":404}"#
            ]],
        );
        check(
            r#"level=ERROR msg="x" latency=unknown "odd key"=1"#,
            &expect![[
                r#"{"time":"2026-03-04T05:06:07.000090807Z","level":"ERROR","msg":"x","latency":"unknown","odd key":1}"#
            ]],
        );
        check(
            "time=2026-03-04T05:06:07Z level=ERROR msg=boom\nmain.go:3\nmain.go:4",
            &expect![[
                r#"{"time":"2026-03-04T05:06:07Z","level":"ERROR","msg":"boom","stack":"main.go:3\nmain.go:4"}"#
            ]],
        );
    }

    #[test]
    fn what_only_resembles_slog_text_stays() {
        stays("time=now");
        stays("time flies");
        stays("level=INFO and then prose");
        stays(r#"time=2026-03-04T05:06:07Z level=INFO msg="unterminated"#);
        stays(r#"time=2026-03-04T05:06:07Z level=INFO msg="a"b"#);
    }

    #[test]
    fn standard_logger() {
        check(
            "2026/03/04 05:06:07 Connected to the cache",
            &expect![[
                r#"{"time":"2026-03-04T05:06:07.000090807Z","level":"INFO","msg":"Connected to the cache"}"#
            ]],
        );
        check(
            "2026/03/04 05:06:07.123456 main.go:42: [WARN] slow \"query\"",
            &expect![[
                r#"{"time":"2026-03-04T05:06:07.000090807Z","level":"WARN","msg":"[WARN] slow \"query\"","source":"main.go:42"}"#
            ]],
        );
        check(
            "2026/03/04 05:06:07 Could not open the ledger: no such file",
            &expect![[
                r#"{"time":"2026-03-04T05:06:07.000090807Z","level":"ERROR","msg":"Could not open the ledger: no such file"}"#
            ]],
        );
        check(
            "2026/03/04 05:06:07 two\nlines",
            &expect![[r#"{"time":"2026-03-04T05:06:07.000090807Z","level":"INFO","msg":"two\nlines"}"#]],
        );
        check(
            "2026/03/04 05:06:07 [2026-03-04T05:06:07Z] GET /todos?x=1 | status=503 | latency=42.5µs | ip=10.9.0.7 | agent=curl/8",
            &expect![[
                r#"{"time":"2026-03-04T05:06:07.000090807Z","level":"ERROR","msg":"GET /todos?x=1 503","method":"GET","path":"/todos?x=1","status":503,"latency_ms":0.0425,"ip":"10.9.0.7","agent":"curl/8"}"#
            ]],
        );
        check(
            "2026/03/04 05:06:07 [2026-03-04T05:06:07Z] worker started",
            &expect![[
                r#"{"time":"2026-03-04T05:06:07.000090807Z","level":"INFO","msg":"[2026-03-04T05:06:07Z] worker started"}"#
            ]],
        );
        stays("2026/03/04 is a date");
        stays("2026 was a year");
    }

    #[test]
    fn levels_of_prose() {
        for (message, level) in [
            ("ERROR: x", "ERROR"),
            ("error: x", "ERROR"),
            ("[error] x", "ERROR"),
            ("Error connecting to x", "ERROR"),
            ("WARNING x", "WARN"),
            ("warn: x", "WARN"),
            ("FATAL - x", "FATAL"),
            ("panic: x", "FATAL"),
            ("DEBUG x", "DEBUG"),
            ("failed to x", "ERROR"),
            ("Unable to x", "ERROR"),
            ("http: panic serving 10.9.0.7:4242: x", "ERROR"),
            ("Required environment variable X is not set", "ERROR"),
            ("Errors are handled", "INFO"),
            ("Warning lights are off", "INFO"),
            ("Panic button installed", "INFO"),
            ("0 failed", "INFO"),
            ("", "INFO"),
        ] {
            let mut out = String::new();
            assert!(structure(&format!("2026/03/04 05:06:07 {message}"), TIME, &mut out), "{message}");
            assert!(out.contains(&format!(r#""level":"{level}""#)), "{message}: {out}");
        }
    }

    #[test]
    fn panics() {
        check(
            "\n\n2026/03/04 05:06:07 [Recovery] 2026/03/04 - 05:06:07 panic recovered:\nGET /todos HTTP/1.1\nHost: a.example\n\n\nassignment to entry in nil map\n/src/main.go:7 (0x1)\n",
            &expect![[
                r#"{"time":"2026-03-04T05:06:07.000090807Z","level":"ERROR","msg":"panic recovered: assignment to entry in nil map","method":"GET","path":"/todos","stack":"2026/03/04 05:06:07 [Recovery] 2026/03/04 - 05:06:07 panic recovered:\nGET /todos HTTP/1.1\nHost: a.example\n\n\nassignment to entry in nil map\n/src/main.go:7 (0x1)\n"}"#
            ]],
        );
        check(
            "2026/03/04 05:06:07 [Recovery] 2026/03/04 - 05:06:07 panic recovered:\nboom\n/src/main.go:7 (0x1)",
            &expect![[
                r#"{"time":"2026-03-04T05:06:07.000090807Z","level":"ERROR","msg":"panic recovered: boom","stack":"2026/03/04 05:06:07 [Recovery] 2026/03/04 - 05:06:07 panic recovered:\nboom\n/src/main.go:7 (0x1)"}"#
            ]],
        );
        check(
            "panic: boom\n\ngoroutine 1 [running]:\nmain.main()\n\t/src/main.go:7 +0x1d",
            &expect![[
                r#"{"time":"2026-03-04T05:06:07.000090807Z","level":"FATAL","msg":"panic: boom","stack":"panic: boom\n\ngoroutine 1 [running]:\nmain.main()\n\t/src/main.go:7 +0x1d"}"#
            ]],
        );
        check(
            "fatal error: all goroutines are asleep - deadlock!",
            &expect![[
                r#"{"time":"2026-03-04T05:06:07.000090807Z","level":"FATAL","msg":"fatal error: all goroutines are asleep - deadlock!"}"#
            ]],
        );
        check(
            "runtime: goroutine stack exceeds 1000-byte limit\nfatal error: stack overflow\n\nruntime stack:",
            &expect![[
                r#"{"time":"2026-03-04T05:06:07.000090807Z","level":"FATAL","msg":"fatal error: stack overflow","stack":"runtime: goroutine stack exceeds 1000-byte limit\nfatal error: stack overflow\n\nruntime stack:"}"#
            ]],
        );
        check(
            "2026/03/04 05:06:07 http: panic serving 10.9.0.7:4242: boom\ngoroutine 7 [running]:",
            &expect![[
                r#"{"time":"2026-03-04T05:06:07.000090807Z","level":"ERROR","msg":"http: panic serving 10.9.0.7:4242: boom","stack":"2026/03/04 05:06:07 http: panic serving 10.9.0.7:4242: boom\ngoroutine 7 [running]:"}"#
            ]],
        );
        stays("panicking is not allowed");
        stays("runtime: version 1");
    }

    #[test]
    fn json_loses_only_keys_that_repeat() {
        check(
            r#"{"time":"t","level":"INFO","msg":"m","level":""}"#,
            &expect![[r#"{"time":"t","level":"INFO","msg":"m"}"#]],
        );
        check(
            r#" { "a" : {"a":1,"a":2} , "a" : [ "}" , {"x":"\"]"} ] , "b":1 }"#.trim(),
            &expect![[r#"{ "a" : {"a":1,"a":2}  , "b":1 }"#]],
        );
        stays(r#"{"time":"t","level":"INFO","msg":"level"}"#);
        stays(r#"{"a":1,"a":2"#);
        stays(r#"{"a":1,"a":tru}"#);
        stays(r#"{"a":1,"a":2} trailing"#);
        stays("{}");
        stays("[1,2]");
    }

    #[test]
    fn a_dump_stays() {
        stays(&format!("2026/03/04 05:06:07 {}", "x".repeat(LONGEST)));
    }

    #[test]
    fn gin_glued_to_what_another_writer_left_open() {
        let access = r#"[GIN] 2026/03/04 - 05:06:07 | 200 | 13.5µs | 10.9.0.1 | GET      "/health""#;
        let at = |head: &str| glued(&format!("{head}{access}"));
        assert_eq!(at("[api] ready"), Some(11));
        assert_eq!(at("prêt "), Some(6));
        assert_eq!(at(""), None);
        assert_eq!(at(r#"[GIN] 2026/03/04 - 05:06:07 | 200 | 1ms | ::1 | GET "/"#), None);
        assert_eq!(at(r#"{"path":"/"#), None);
        assert_eq!(at("2026/03/04 05:06:07 GET /"), None);
        assert_eq!(at("time=2026-03-04T05:06:07Z msg=\""), None);
        assert_eq!(glued("see [GIN] for more"), None);
    }

    fn line() -> impl Strategy<Value = String> {
        let piece = prop::sample::select(vec![
            "[GIN] 2026/03/04 - 05:06:07 | 200 | 1ms | ::1 | GET \"/",
            "[GIN] ",
            "2026/03/04 05:06:07 ",
            "2026/03/04 - 05:06:07",
            "[2026-03-04T05:06:07Z] GET /a | status=200",
            " | ",
            "latency=3ms",
            "[Recovery] ",
            "panic recovered:\n",
            "panic: ",
            "fatal error: ",
            "goroutine 1 [running]:",
            "time=",
            "level=INFO ",
            "msg=",
            "a=1e+99 ",
            "latency=",
            "9999999999h",
            "\"",
            "\\",
            "\\x",
            "\\ud800",
            "=",
            " ",
            "\n",
            "{",
            "}",
            "\"a\":",
            "\"a\":1,",
            ",",
            "[",
            "]",
            "µ",
            "\0",
        ]);
        let piece = prop_oneof![3 => piece.prop_map(str::to_owned), 1 => any::<String>()];
        prop::collection::vec(piece, 0..10).prop_map(|pieces| pieces.concat())
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(2000))]

        #[test]
        fn what_is_written_is_a_json_object(text in line(), time in any::<i64>()) {
            let mut out = String::new();
            if structure(&text, time, &mut out) {
                let value: serde_json::Value = serde_json::from_str(&out).expect(&out);
                prop_assert!(value.is_object());
            }
            prop_assert!(glued(&text).is_none_or(|at| at > 0 && text.is_char_boundary(at)));
        }

        #[test]
        fn json_without_repeated_keys_stays(keys in prop::collection::btree_map("[a-c\"\\\\]{0,3}", any::<String>(), 0..6)) {
            let mut out = String::new();
            prop_assert!(!structure(&serde_json::to_string(&keys).expect("JSON"), 0, &mut out));
        }
    }
}
