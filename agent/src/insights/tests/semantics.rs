//! What AWS documents of a query's finer points, one by one, each with its page.

use super::{gives, shown};

const FUNCTIONS: &str = "CWL_QuerySyntax-operations-functions";

/// Page, what it says, query, lines, table.
type Rule = (&'static str, &'static str, &'static str, &'static [&'static str], &'static [&'static str]);

/// The pages are `https://docs.aws.amazon.com/AmazonCloudWatch/latest/logs/NAME.html`.
const RULES: [Rule; 21] = [
    (
        "CWL_QuerySyntax-Limit",
        "without limit there are 10,000 rows, of which here are two",
        "display @message",
        &["a", "b"],
        &["@message", "b", "a"],
    ),
    (
        "CWL_QuerySyntax-Dedup",
        "dedup keeps the first of the sort order, the newest without sort",
        "fields n | dedup s",
        &[r#"{"s":1,"n":1}"#, r#"{"s":1,"n":2}"#],
        &["n", "2"],
    ),
    (
        "CWL_QuerySyntax-Dedup",
        "null values are no duplicates",
        "fields n | dedup s",
        &[r#"{"n":1}"#, r#"{"n":2}"#],
        &["n", "2", "1"],
    ),
    (
        "CWL_QuerySyntax-Sort",
        "values that are no numbers come before numbers",
        "fields n | sort n asc",
        &[r#"{"n":"10"}"#, r#"{"n":"9"}"#, r#"{"n":"9a"}"#, r#"{"n":"10a"}"#],
        &["n", "9a", "10a", "9", "10"],
    ),
    (
        "CWL_QuerySyntax-Filter",
        "like is case-sensitive, (?i) makes it insensitive",
        "filter @message like /(?i)exception/ and @message not like \"EX\" | display @message",
        &["Exception", "EXCEPTION"],
        &["@message", "Exception"],
    ),
    (
        "CWL_QuerySyntax-Filter",
        "in compares whole texts",
        "filter g in [\"example\"] | display g",
        &[r#"{"g":"example_group"}"#, r#"{"g":"example"}"#],
        &["g", "example"],
    ),
    (
        "CWL_QuerySyntax-Filter",
        "a member is a number whether quoted or not",
        "filter s in [300,400] | display s",
        &[r#"{"s":"300"}"#, r#"{"s":400}"#],
        &["s", "400", "300"],
    ),
    (
        "CWL_QuerySyntax-Fields",
        "ispresent as a field is 1 or 0",
        "fields ispresent(a) as is | sort is",
        &[r#"{"a":1}"#, "x"],
        &["is", "0", "1"],
    ),
    (
        "CWL_QuerySyntax-Display",
        "of several display the last one counts",
        "display a | display b",
        &[r#"{"a":1,"b":2}"#],
        &["b", "2"],
    ),
    (
        "CWL_QuerySyntax-Parse",
        "parse of the page's line",
        "parse @message \"[*] * The error was: *\" as level, config, exception | display level, config, exception",
        &["25 May 2019 10:24:39,474 [ERROR] {foo=2, bar=data} The error was: DataIntegrityException"],
        &["level|config|exception", "ERROR|{foo=2, bar=data}|DataIntegrityException"],
    ),
    (
        "CWL_AnalyzeLogData-discoverable-fields",
        "arrays are flattened into names with numbers",
        "display a.items.0.id",
        &[r#"{"a":{"items":[{"id":"i-1"}]}}"#],
        &["a.items.0.id", "i-1"],
    ),
    (
        "CWL_AnalyzeLogData-discoverable-fields",
        "a name that begins with @ gets another",
        "display @@example.com",
        &[r#"{"@example.com":1}"#],
        &["@@example.com", "1"],
    ),
    (
        FUNCTIONS,
        "bin(300s) is cut to 60 s",
        "stats count(*) by bin(300s) as t",
        &["x"],
        &["t|count(*)", "2026-11-23 10:00:00.000|1"],
    ),
    (
        FUNCTIONS,
        "isempty of what is missing is 1",
        "fields isempty(a) as e, isblank(a) as b",
        &["x"],
        &["e|b", "1|1"],
    ),
    (FUNCTIONS, "strlen counts code points", "fields strlen(@message) as n", &["aä€😀"], &["n", "4"]),
    (
        FUNCTIONS,
        "comparing maps is false",
        "fields jsonParse(@message) as j | filter j = j or j != 1 | display j",
        &["{}"],
        &["j"],
    ),
    (
        FUNCTIONS,
        "jsonParse of anything else is empty",
        "fields ispresent(jsonParse(@message)) as j",
        &["7"],
        &["j", "0"],
    ),
    (
        "CWL_QuerySyntax-Stats",
        "count(field) counts the records that have it",
        "stats count(*), count(a)",
        &[r#"{"a":1}"#, "x"],
        &["count(*)|count(a)", "2|1"],
    ),
    ("CWL_QuerySyntax-Stats", "count() is count(*)", "stats count() as n", &["a", "b"], &["n", "2"]),
    (
        "CWL_QuerySyntax-Stats",
        "pct is a value of the field",
        "stats pct(n, 50) as p",
        &[r#"{"n":1}"#, r#"{"n":2}"#, r#"{"n":40}"#],
        &["p", "2"],
    ),
    (
        "CWL_QuerySyntax-Stats",
        "units have long names and plurals",
        "stats count(*) as n by bin(1hr) as a, bin(1 hours) as b",
        &["x"],
        &["a|b|n", "2026-11-23 10:00:00.000|2026-11-23 10:00:00.000|1"],
    ),
];

#[test]
fn documented_semantics() {
    for (page, says, query, lines, table) in RULES {
        assert_eq!(shown(query, lines), table, "{page}: {says}: {query}");
    }
}

#[test]
fn what_is_not_documented_is_decided_once() {
    let lines = &[r#"{"a":1}"#, r#"{"b":true,"v":"1.10","n":12345678901234567890}"#];
    for (filter, rows) in [
        ("a != 2", 2_usize),
        ("a not in [2]", 2),
        ("a not like /2/", 2),
        ("a < 2", 1),
        ("not (a < 2)", 1),
        ("b = 1", 1),
        ("b = true", 1),
        ("b = 'true'", 1),
        ("v = '1.1'", 0),
        ("v = 1.1", 1),
        ("n = '12345678901234567890'", 1),
        ("@timestamp >= toMillis(@timestamp)", 2),
        ("@timestamp > '2026-11-23'", 0),
    ] {
        let table = shown(&format!("filter {filter} | display a"), lines);
        assert_eq!(table.len() - 1, rows, "{filter}");
    }
    // Behind stats there is what stats left: the rest is absent.
    gives("stats count(*) as n by a | sort @timestamp desc | fields n, b", &["x"], &["n|b", "1|-"]);
}
