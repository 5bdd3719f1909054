//! Saved queries ask for what lines have, as they are shipped.

use std::collections::BTreeSet;

use expect_test::expect;
use serde_json::Value;

use super::{parts, settings};
use crate::insights::{Event, Query, Table};
use crate::logs::structure::structure;
use crate::provision::desired::desired;
use crate::provision::query::ALL;
use crate::provision::{Content, dashboard};

/// What the four writers print, and the agent.
const LINES: [&str; 14] = [
    r#"[GIN] 2026/03/04 - 05:06:07 | 401 |    1.250375ms |        10.9.0.1 | GET      "/tasks/7?x=1""#,
    r#"[GIN] 2026/03/04 - 05:06:07 | 500 |    731µs |             ::1 | DELETE   "/tasks/9""#,
    r#"time=2026-03-04T05:06:07.000Z level=WARN msg="slow" latency=3.0420ms"#,
    "2026/03/04 05:06:07 could not connect: connection refused",
    r#"{"time":"2026-03-04T05:06:07Z","level":"INFO","msg":"server is starting"}"#,
    "panic: queue is closed\n\ngoroutine 34 [running]:\nmain.main()\n\t/app/main.go:7 +0x1",
    "2026/03/04 05:06:07 [Recovery] 2026/03/04 - 05:06:07 panic recovered:\nGET /tasks HTTP/1.1\r\nHost: x\r\n\r\nboom\n/app/main.go:7 (0x1)\n\tmain: f()\n",
    "prose of anybody",
    r#"[GIN] 2026/03/04 - 05:06:07 | 200 |    1.1ms |        10.9.0.1 | GET      "/health""#,
    r#"[GIN] 2026/03/04 - 05:06:07 | 200 |    9.1ms |        10.9.0.1 | GET      "/tasks""#,
    r#"time=2026-03-04T05:06:07.000Z level=ERROR msg="cannot save" error="duplicate key""#,
    r#"{"time":"2026-03-04T05:06:07Z","level":"INFO","msg":"Failed to connect to the database"}"#,
    "npm error code 1",
    "[starttech-agent] 12 events dropped from 2026-01-26T19:45:10Z to 2026-01-26T19:45:11Z: the spool was full (spool.max_bytes)",
];

/// The messages that the agent makes of these lines.
fn messages() -> Vec<String> {
    let message = |line: &str| {
        let mut out = String::new();
        if structure(line, 1_772_600_767_000_000_000, &mut out) { out } else { line.to_owned() }
    };
    LINES.into_iter().map(message).collect()
}

/// The members of shipped lines.
fn shipped() -> BTreeSet<String> {
    let mut fields = BTreeSet::new();
    for text in messages() {
        if let Ok(Value::Object(members)) = serde_json::from_str(&text) {
            fields.extend(members.into_iter().map(|(key, _)| key));
        }
    }
    fields
}

/// Commands, operators and functions.
/// <https://docs.aws.amazon.com/AmazonCloudWatch/latest/logs/CWL_QuerySyntax.html>
const WORDS: &str = "fields filter stats sort limit parse display dedup by as and or not in like asc desc \
    count sum min max avg pct count_distinct strlen floor ispresent bin m SOURCE";
/// Those that the service adds to every line.
/// <https://docs.aws.amazon.com/AmazonCloudWatch/latest/logs/CWL_AnalyzeLogData-discoverable-fields.html>
const ADDED: &str = "@timestamp @message @logStream @log";

/// The fields that a query asks for, and those it makes itself.
fn asked(query: &str) -> (BTreeSet<String>, BTreeSet<String>) {
    let mut made = BTreeSet::new();
    let mut text = String::new();
    for line in query.lines().filter(|line| !line.trim_start().starts_with('#')) {
        // Texts and patterns hold no fields; groups of patterns are some.
        let mut rest = line;
        while let Some(at) = rest.find(['"', '\'']).into_iter().chain(pattern(rest)).min() {
            let (before, quoted) = rest.split_at(at);
            text.push_str(before);
            text.push(' ');
            let mut letters = quoted.chars();
            let end = letters.next().unwrap();
            let inside = letters.as_str();
            let mut escaped = false;
            let close = inside.char_indices().find(|(_, c)| {
                let closes = *c == end && !escaped;
                escaped = *c == '\\' && !escaped;
                closes
            });
            let (close, _) = close.unwrap_or_else(|| panic!("no end of {end} in {line}"));
            let (within, after) = inside.split_at(close);
            made.extend(within.split("(?<").skip(1).map(|name| name.split('>').next().unwrap().to_owned()));
            rest = after.strip_prefix(end).unwrap();
        }
        text.push_str(rest);
        text.push('\n');
    }
    let words: Vec<&str> = text
        .split(|c: char| !(c.is_alphanumeric() || "_@.".contains(c)))
        .filter(|word| !word.is_empty())
        .collect();
    made.extend(words.windows(2).filter(|pair| pair[0] == "as").map(|pair| pair[1].to_owned()));
    let known: BTreeSet<&str> = WORDS.split_whitespace().collect();
    let is_number = |word: &str| word.starts_with(|c: char| c.is_ascii_digit());
    let asked = words.into_iter().filter(|word| !known.contains(word) && !is_number(word));
    (asked.map(str::to_owned).collect(), made)
}

/// Where a pattern begins: a slash that does not divide.
fn pattern(text: &str) -> Option<usize> {
    ["like /", " /^"].iter().filter_map(|before| Some(text.find(before)? + before.find('/')?)).min()
}

fn check(name: &str, query: &str) {
    let shipped = shipped();
    let (asked, made) = asked(query);
    let unknown: Vec<&String> = asked
        .iter()
        .filter(|field| {
            !shipped.contains(*field)
                && !made.contains(*field)
                && !ADDED.split(' ').any(|added| added == *field)
        })
        .collect();
    assert!(unknown.is_empty(), "{name} asks for {unknown:?}, which no line has: {query}");
    assert!(!asked.is_empty(), "{name}");
}

#[test]
fn the_fields_of_shipped_lines_are_known() {
    let expected = ["error", "ip", "latency_ms", "level", "method", "msg", "path", "stack", "status", "time"];
    assert_eq!(shipped().iter().map(String::as_str).collect::<Vec<_>>(), expected);
    let (asked, made) =
        asked("filter x = \"a b\" and y like /c \\/ (?<group>d)/ | stats count(*) as n by z, bin(1m)");
    assert_eq!(asked.iter().map(String::as_str).collect::<Vec<_>>(), ["n", "x", "y", "z"]);
    assert_eq!(made.iter().map(String::as_str).collect::<Vec<_>>(), ["group", "n"]);
}

#[test]
fn saved_queries_ask_only_for_fields_that_lines_have() {
    for query in ALL {
        assert!(query.text.starts_with("# "), "{}: the first line is the title", query.name);
        assert!(!query.text.contains("\n\n") && !query.text.contains('\r'), "{}", query.name);
        check(query.name, query.text);
    }
    for resource in desired(&settings(), &parts()).resources {
        if let Content::SavedQuery { log_group_names, query_string } = resource.content {
            // <https://docs.aws.amazon.com/AmazonCloudWatchLogs/latest/APIReference/API_PutQueryDefinition.html>
            assert!(query_string.len() <= 10_000 && resource.address.name.len() <= 255);
            assert!(!log_group_names.is_empty());
            check(&resource.address.name, &query_string);
        }
    }
}

#[test]
fn the_dashboards_queries_do_too() {
    for body in
        [serde_json::from_str(dashboard::IMPORTABLE).unwrap(), dashboard::render(&settings(), &parts())]
    {
        let widgets = body["widgets"].as_array().unwrap();
        let queries: Vec<&str> =
            widgets.iter().filter_map(|widget| widget["properties"]["query"].as_str()).collect();
        assert_eq!(queries.len(), 4);
        for query in queries {
            let rest = query.strip_prefix("SOURCE '/starttech/backend' | ").unwrap();
            check("a widget", rest);
        }
    }
}

#[test]
fn health_checks_are_left_out_of_what_they_would_mislead() {
    for query in ALL {
        let judges_requests = query.text.contains("pct(")
            || query.text.contains("as requests")
            || query.text.contains("sort latency_ms");
        assert!(!judges_requests || query.text.contains("not like /^\\/health/"), "{}", query.name);
    }
}

/// A query over these lines, a second apart, all of one stream.
fn run<'a>(query: &str, messages: &[&'a str]) -> Table {
    let query = Query::parse(query).unwrap_or_else(|fault| panic!("{query}: {fault}"));
    let event = |(number, message): (usize, &&'a str)| Event {
        time_ms: 1_772_600_767_000 + 1000 * i64::try_from(number).unwrap(),
        ingested_ms: 1_772_600_800_000,
        group: "/starttech/backend",
        stream: "i-0123456789abcdef0/starttech-backend/0123456789ab",
        message,
    };
    query.run(messages.iter().enumerate().map(event))
}

#[test]
fn saved_queries_return_rows_on_shipped_lines_and_not_on_others() {
    let messages = messages();
    let all: Vec<&str> = messages.iter().map(String::as_str).collect();
    let mut rows = Vec::new();
    for query in ALL {
        let table = run(query.text, &all);
        assert!(!table.rows.is_empty(), "{} returns nothing", query.name);
        for (column, title) in table.columns.iter().enumerate() {
            let full = table.rows.iter().any(|row| row[column].is_some());
            assert!(full, "{} has nothing in its column {title}", query.name);
        }
        let passes = |message: &&str| run(query.text, &[message]).matched == 1;
        let numbers: Vec<String> = all
            .iter()
            .enumerate()
            .filter(|(_, message)| passes(message))
            .map(|(at, _)| at.to_string())
            .collect();
        assert_eq!(usize::try_from(table.matched).unwrap(), numbers.len(), "{}", query.name);
        rows.push(format!("{}: {}", query.name, numbers.join(" ")));
    }
    expect![[r"
        errors: 1 3 5 6 10 11 12
        errors-by-message: 1 3 5 6 10
        failed-requests: 1
        failures-over-time: 0 1 9
        slow-requests: 0 1 9
        latency-by-path: 0 1 9
        requests-by-path-and-status: 0 1 9
        requests-by-client: 0 1 9
        failed-logins: 0
        panics: 5 6
        starts: 0 1 2 3 4 5 6 7 8 9 10 11 12 13
        lines-by-container: 0 1 2 3 4 5 6 7 8 9 10 11 12 13
        dropped-events: 13"]]
    .assert_eq(&rows.join("\n"));
}

#[test]
fn the_dashboards_log_widgets_have_rows() {
    let messages = messages();
    let all: Vec<&str> = messages.iter().map(String::as_str).collect();
    let body: Value = serde_json::from_str(dashboard::IMPORTABLE).unwrap();
    let widgets = body["widgets"].as_array().unwrap();
    let queries: Vec<&str> =
        widgets.iter().filter_map(|widget| widget["properties"]["query"].as_str()).collect();
    assert_eq!(queries.len(), 4);
    let mut tables = Vec::new();
    for query in queries {
        assert_eq!(Query::parse(query).unwrap().groups(), ["/starttech/backend"]);
        let table = run(query, &all);
        tables.push(format!("{}: {}", table.columns.join(" "), table.rows.len()));
    }
    expect![[r"
        @timestamp level msg path @logStream: 5
        @timestamp latency_ms method path status ip: 3
        method route status requests: 3
        method route requests p50 p95 p99: 3"]]
    .assert_eq(&tables.join("\n"));
}

#[test]
fn latency_by_path_is_what_the_lines_say() {
    let messages = messages();
    let all: Vec<&str> = messages.iter().map(String::as_str).collect();
    let query = ALL.iter().find(|query| query.name == "latency-by-path").unwrap();
    let table = run(query.text, &all);
    let rows: Vec<String> =
        table.rows.iter().map(|row| row.iter().flatten().cloned().collect::<Vec<_>>().join(" ")).collect();
    expect![[r"
        method route requests p50 p95 p99 slowest
        GET /tasks 1 9.1 9.1 9.1 9.1
        GET /tasks/7 1 1.250375 1.250375 1.250375 1.250375
        DELETE /tasks/9 1 0.731 0.731 0.731 0.731"]]
    .assert_eq(&format!("{}\n{}", table.columns.join(" "), rows.join("\n")));
}
