//! Queries over lines, command by command.

mod hostile;
mod semantics;

use super::{Event, Query, Table};

/// Lines of one stream, a second apart, the first at 10:00.
fn events(messages: &[&'static str]) -> Vec<Event<'static>> {
    let event = |(number, message): (usize, &&'static str)| Event {
        time_ms: 1_795_428_000_000 + 1000 * i64::try_from(number).unwrap(),
        ingested_ms: 1_795_428_060_000,
        group: "/starttech/backend",
        stream: "i-1/backend/abc",
        message,
    };
    messages.iter().enumerate().map(event).collect()
}

fn run(query: &str, events: &[Event<'_>]) -> Table {
    let query = Query::parse(query).unwrap_or_else(|fault| panic!("{query}: {fault}"));
    query.run(events.iter().copied())
}

/// The table in lines, values with a bar between, what is absent as `-`.
fn shown(query: &str, messages: &[&'static str]) -> Vec<String> {
    let table = run(query, &events(messages));
    assert!(table.rows.iter().all(|row| row.len() == table.columns.len()), "{query}");
    let row = |row: &Vec<Option<String>>| {
        row.iter().map(|value| value.as_deref().unwrap_or("-")).collect::<Vec<_>>().join("|")
    };
    [table.columns.join("|")].into_iter().chain(table.rows.iter().map(row)).collect()
}

fn gives(query: &str, messages: &[&'static str], expected: &[&str]) {
    assert_eq!(shown(query, messages), expected, "{query}");
}

fn refused(query: &str, word: &str, message: &str) {
    let fault = Query::parse(query).expect_err(query);
    assert!(fault.word == word && fault.to_string().contains(message), "{query}: {fault:?}");
    assert!(query.get(fault.at..).is_some_and(|rest| rest.starts_with(word)), "{query}: {fault:?}");
}

const REQUESTS: [&str; 6] = [
    r#"{"level":"INFO","method":"GET","path":"/tasks?x=1","status":200,"latency_ms":10}"#,
    r#"{"level":"INFO","method":"GET","path":"/tasks","status":500,"latency_ms":30.5}"#,
    r#"{"level":"INFO","method":"POST","path":"/tasks","status":201,"latency_ms":20}"#,
    r#"{"level":"ERROR","msg":"cannot save","user":{"id":7,"roles":["a","b"]}}"#,
    "prose with user=ann, method:get, latency := 12",
    r#"{"level":"INFO","method":"GET","path":"/health","status":"200","latency_ms":"1"}"#,
];

#[test]
fn fields_and_display_are_the_columns() {
    gives(
        "fields status as code, latency_ms * 2 | filter code = 500",
        &REQUESTS,
        &["code|latency_ms * 2", "500|61"],
    );
    gives(
        "fields level | fields msg, level | filter ispresent(msg)",
        &REQUESTS,
        &["level|msg", "ERROR|cannot save"],
    );
    gives(
        "fields level | display msg | display user.id, user.roles.1 | filter user.id = 7",
        &REQUESTS,
        &["user.id|user.roles.1", "7|b"],
    );
    gives(
        "fields `user`.id, user.roles[0], @log, @logStream, @ingestionTime | filter level = 'ERROR'",
        &REQUESTS,
        &[
            "`user`.id|user.roles[0]|@log|@logStream|@ingestionTime",
            "7|a|/starttech/backend|i-1/backend/abc|2026-11-23 10:01:00.000",
        ],
    );
}

#[test]
fn without_fields_there_are_time_and_message_the_newest_first() {
    gives(
        "filter @message like 'a'",
        &["a1", "b", "a2"],
        &["@timestamp|@message", "2026-11-23 10:00:02.000|a2", "2026-11-23 10:00:00.000|a1"],
    );
    gives(
        "SOURCE '/a', \"/b\" | SOURCE '/c' | limit 1",
        &["x"],
        &["@timestamp|@message", "2026-11-23 10:00:00.000|x"],
    );
    let query = Query::parse("SOURCE '/a', \"/b\" | SOURCE '/c' | limit 1").unwrap();
    assert_eq!(query.groups(), ["/a", "/b", "/c"]);
    assert!(Query::parse("limit 1").unwrap().groups().is_empty());
}

#[test]
fn filters() {
    let count = |filter: &str| run(&format!("filter {filter}"), &events(&REQUESTS)).matched;
    for (filter, rows) in [
        ("status = 200", 2),
        ("status != 200 and ispresent(status)", 2),
        ("status >= 201 and status <= 500", 2),
        ("status < 201 or status > 499", 3),
        ("not (status = 200 or status = 500) and ispresent(status)", 1),
        ("status in [201, 500]", 2),
        ("level in [\"ERROR\", 'FATAL']", 1),
        ("level not in [\"ERROR\"] and ispresent(level)", 4),
        ("path like \"/tasks\"", 3),
        ("path like /^\\/tasks$/", 2),
        ("path =~ /(?i)TASKS/", 3),
        ("path not like /tasks/ and ispresent(path)", 1),
        ("strcontains(@message, 'prose')", 1),
        ("isempty(level)", 1),
        ("isblank(level) and not isempty(@message)", 1),
        ("status like /2\\d\\d/", 3),
        ("(latency_ms>20)", 1),
        ("2 * latency_ms + 1 = 41", 1),
        ("-latency_ms < -20 ", 1),
        ("msg = 'cannot save' AND Level = 'x' or level = 'ERROR'", 1),
    ] {
        assert_eq!(count(filter), rows, "{filter}");
    }
    assert_eq!(run("filter status = 200 | filter method = 'GET'", &events(&REQUESTS)).scanned, 6);
}

#[test]
fn parse_takes_by_globs_and_by_regular_expressions() {
    let columns = "user|method|latency";
    gives(
        "parse @message \"user=*, method:*, latency := *\" as user, method, latency | filter ispresent(latency) | display user, method, latency",
        &REQUESTS,
        &[columns, "ann|get|12"],
    );
    gives(
        "parse @message /user=(?<user>\\w+), method:(?<method>\\w+)/ | filter user = 'ann' | fields 1 + 1 as latency | display user, method, latency",
        &REQUESTS,
        &[columns, "ann|get|2"],
    );
    gives("parse 'latency := *' as a | filter a > 11 | display a", &REQUESTS, &["a", "12"]);
    gives(
        "parse path /^(?<route>[^?]*)/ | stats count(*) as n by route | filter ispresent(route) | sort n desc",
        &REQUESTS,
        &["route|n", "/tasks|3", "/health|1"],
    );
    gives(
        "parse @logStream /(.*)\\/(.*)\\// as host, name | limit 1 | display host, name",
        &["x"],
        &["host|name", "i-1|backend"],
    );
    gives("parse @message 'x=*' as x", &["x=1"], &["@timestamp|@message|x", "2026-11-23 10:00:00.000|x=1|1"]);
    gives("parse @message /a(?<b>x)?(?<c>y*)/ | display b, c", &["a"], &["b|c", "-|"]);
}

#[test]
fn stats() {
    gives(
        "filter ispresent(status) | stats count(*), count(msg), sum(latency_ms) as total, avg(latency_ms), min(latency_ms), max(latency_ms), pct(latency_ms, 50), median(latency_ms), stddev(status = 200), count_distinct(path)",
        &REQUESTS,
        &[
            "count(*)|count(msg)|total|avg(latency_ms)|min(latency_ms)|max(latency_ms)|pct(latency_ms, 50)|median(latency_ms)|stddev(status = 200)|count_distinct(path)",
            "4|0|61.5|15.375|1|30.5|10|10|0.5|3",
        ],
    );
    gives(
        "stats count() as n by method, status >= 500 as bad | sort n desc, method",
        &REQUESTS,
        &["method|bad|n", "-|0|2", "GET|0|2", "GET|1|1", "POST|0|1"],
    );
    gives(
        "stats count(*) by bin(5s) as t",
        &REQUESTS,
        &["t|count(*)", "2026-11-23 10:00:00.000|5", "2026-11-23 10:00:05.000|1"],
    );
    gives(
        "stats count(*) as n by bin(3 seconds) | sort bin(3 seconds) desc | limit 1",
        &REQUESTS,
        &["bin(3 seconds)|n", "2026-11-23 10:00:03.000|3"],
    );
    gives(
        "stats count(*) by level | sort by count(*) desc | limit 1",
        &REQUESTS,
        &["level|count(*)", "INFO|4"],
    );
    gives("stats count() by level | sort count desc | limit 1", &REQUESTS, &["level|count()", "INFO|4"]);
    gives(
        "stats earliest(status) as e, latest(status) as l, sortsFirst(path) as f, sortsLast(path) as z, max(@timestamp) as t",
        &REQUESTS,
        &["e|l|f|z|t", "200|200|/health|/tasks?x=1|2026-11-23 10:00:05.000"],
    );
    gives(
        "filter ispresent(status) | stats 100 * sum(floor(status / 500)) / count(*) as percent",
        &REQUESTS,
        &["percent", "25"],
    );
    gives("filter level = 'none' | stats count(*)", &REQUESTS, &["count(*)"]);
    gives("stats sum(a) as x, avg(a) as y, pct(a, 9) as z", &["prose"], &["x|y|z", "-|-|-"]);
}

#[test]
fn two_stats() {
    gives(
        "STATS count(*) AS n BY BIN(2s) as @t | FILTER n > 1 | STATS max(n) as most, sum(n) / count(*) as mean BY dateceil(@t, 4s)",
        &REQUESTS,
        &["dateceil(@t, 4s)|most|mean", "2026-11-23 10:00:00.000|2|2", "2026-11-23 10:00:04.000|2|2"],
    );
    gives("stats sum(latency_ms) by path | stats max(sum(latency_ms)) as m", &REQUESTS, &["m", "50.5"]);
    gives(
        "stats sum(status) as s, count(*) as n | fields s, n, s / n as mean",
        &REQUESTS,
        &["s|n|mean", "1101|6|183.5"],
    );
    refused(
        "stats count(*) by a | stats max(strlen(@message))",
        "@message",
        "after stats there is no @message",
    );
    refused("stats count(*) as n by a | stats avg(n) by bin(5m)", "bin", "max(@timestamp)");
    refused("stats count(*) as n by a | sort n | stats avg(n)", "stats", "behind the second stats");
    refused("stats count(*) as n | stats count(*) as n | stats count(*)", "stats", "at most two");
}

#[test]
fn sort_limit_and_dedup() {
    gives(
        "fields latency_ms, method | sort method desc, latency_ms asc | limit 3",
        &REQUESTS,
        &["latency_ms|method", "20|POST", "1|GET", "10|GET"],
    );
    gives("fields @message | sort @timestamp asc | limit 2 | limit 1", &["a", "b"], &["@message", "a"]);
    gives(
        "fields method, latency_ms | filter ispresent(method) | sort latency_ms desc | dedup method | limit 10",
        &REQUESTS,
        &["method|latency_ms", "GET|30.5", "POST|20"],
    );
    gives(
        "fields level, method | dedup level, method",
        &["x", "y", r#"{"level":"a","method":"b"}"#, r#"{"level":"a","method":"b"}"#],
        &["level|method", "a|b", "-|-", "-|-"],
    );
    refused("limit 0", "0", "1 to 100000");
    refused("limit 100001", "100001", "1 to 100000");
    refused("limit", "limit", "1 to 100000");
    refused("limit 5 | sort a", "sort", "before limit");
    refused("dedup a | fields b", "fields", "before dedup");
    // More rows than twice the limit, so that it cuts while they come.
    let lines: Vec<String> =
        (0..5000).map(|n| format!(r#"{{"n":{},"m":{}}}"#, n * 7919 % 5000, n % 3)).collect();
    let event = |message| Event { time_ms: 0, ingested_ms: 0, group: "", stream: "", message };
    let all: Vec<Event<'_>> = lines.iter().map(|line| event(line)).collect();
    let table = run("fields n | sort n desc | limit 3", &all);
    assert_eq!(table.rows, [4999, 4998, 4997].map(|n: u32| vec![Some(n.to_string())]));
    assert_eq!(run("fields m | sort n | dedup m", &all).rows.len(), 3);
    assert_eq!((run("fields n", &all).rows.len(), table.matched), (5000, 5000));
}

#[test]
fn functions() {
    for (call, value) in [
        ("abs(-2)", "2"),
        ("ceil(1.2)", "2"),
        ("floor(-1.2)", "-2"),
        ("greatest(1, 3, 2)", "3"),
        ("least(1, 3, 2)", "1"),
        ("log(1)", "0"),
        ("sqrt(16)", "4"),
        ("round(2.345, 2)", "2.35"),
        ("2 ^ 3 ^ 0", "2"),
        ("10 % 3", "1"),
        ("7 / 2 * 2 - 1", "6"),
        ("1 / 0", "-"),
        ("1 + nothing", "-"),
        ("strlen('äö')", "2"),
        ("messageSize('äö')", "4"),
        ("concat('a', 1, nothing, 'b')", "a1b"),
        ("toupper('ab')", "AB"),
        ("tolower('AB')", "ab"),
        ("trim('  a ')", "a"),
        ("ltrim('xyZxyfooxyZ', 'xyZ')", "fooxyZ"),
        ("rtrim('xyZfooxyZ', 'xyZ')", "xyZfoo"),
        ("trim('xyZxyfooxyxyZ', 'xyZ')", "foo"),
        ("substr('xyZfooxyZ', 3)", "fooxyZ"),
        ("substr('xyZfooxyZ', 3, 3)", "foo"),
        ("substr('ab', 9, 9)", ""),
        ("replace('foo', 'o', '0')", "f00"),
        ("strcontains('abc', 'b')", "1"),
        ("coalesce(nothing, 'b', 'c')", "b"),
        ("if(1 < 2, 'yes', 'no')", "yes"),
        ("if(nothing = 1, 'yes', 'no')", "no"),
        ("case(false, 1, true, 2, 3)", "2"),
        ("case(false, 1)", "-"),
        ("ispresent(nothing)", "0"),
        ("isblank('  ')", "1"),
        ("isempty('  ')", "0"),
        ("isNumeric('1e3')", "1"),
        ("toNumber('12') + 1", "13"),
        ("toMillis(@timestamp)", "1795428000000"),
        ("fromMillis(0)", "1970-01-01 00:00:00.000"),
        ("datefloor(@timestamp, 1h)", "2026-11-23 10:00:00.000"),
        ("jsonParse('{\"a\":[1,2]}')", "{\"a\":[1,2]}"),
        ("jsonStringify(jsonParse('[1, 2]'))", "[1,2]"),
        ("jsonArraySize('[1,2]')", "2"),
        ("jsonArrayContains('[\"a\"]', 'a')", "1"),
        ("jsonArrayContains('x', 'a')", "0"),
        ("toupper(jsonParse('[]'))", "-"),
        ("not true", "0"),
    ] {
        gives(&format!("fields {call} as x"), &["line"], &["x", value]);
    }
    gives(
        "fields jsonParse(@message) as j | display j.a[1].`b.c`, j.a.0",
        &[r#" {"a":[1,{"b.c":2}]}"#],
        &["j.a[1].`b.c`|j.a.0", "2|1"],
    );
}

#[test]
fn what_is_not_evaluated_is_named_with_its_place() {
    refused("", "", "empty");
    refused("# a comment", "", "empty");
    refused("fields a | pattern @message", "pattern", "understood are SOURCE, fields");
    refused("regex @message /a/", "regex", "not evaluated here");
    refused("unmask @message", "unmask", "leave it out");
    refused("fields now() as t", "now", "not evaluated here");
    refused("fields average(x)", "average", "understood are bin");
    refused("filter a = 1 b", "b", "not expected");
    refused("stats sum(!a)", "!", "write not");
    refused("filter a == 1", "==", "write =");
    refused("filter a = null", "null", "ispresent");
    refused("filter a like b", "b", "like");
    refused("filter a like /x/i", "i", "(?i)");
    refused("filter a like /(?=x)/", "/(?=x)/", "look-around");
    refused("filter (a = 1", "(a", "not closed");
    refused("filter count(*) > 1", "count", "stats alone");
    refused("stats count(sum(a))", "sum", "in another");
    refused("stats a, count(*)", "a", "behind by");
    refused("stats sum() by a", "sum", "needs a field");
    refused("stats pct(a)", "pct", "pct(latency_ms, 95)");
    refused("stats count(*) by bin(1w)", "1w", "ms, s, m, h or d");
    refused("stats count(*) by bin(x)", "x", "period");
    refused("parse @message 'a*' as b, c", "'a*'", "1 `*`, and 2 names");
    refused("parse @message /a/", "/a/", "names nothing");
    refused("fields a,", "", "missing");
    refused("fields 5x", "5x", "backticks");
    refused("fields substr('a')", ")", "takes 2");
    refused("fields x | SOURCE '/a'", "SOURCE", "stands first");
    refused("SOURCE logGroups()", "logGroups", "names of log groups");
    let text = "fields a\n| filter b ~ 1";
    assert_eq!(Query::parse(text).unwrap_err().place(text), (2, 12));
}
