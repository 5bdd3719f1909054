//! Test files from their text to what is shown.

use expect_test::expect;
use serde_json::json;

use super::*;
use crate::alarms::definition::{Alarm, Composite};

fn subjects() -> Subjects {
    let metric = |name: &str, metric: &str, dimension: &str, more: serde_json::Value| -> Alarm {
        let mut alarm = json!({
            "AlarmName": name, "AlarmActions": ["arn"], "OKActions": ["arn"], "Namespace": "N", "MetricName": metric,
            "Dimensions": [{"Name": "D", "Value": dimension}],
            "Statistic": "Maximum", "Period": 60, "EvaluationPeriods": 3, "Threshold": 90.0,
            "ComparisonOperator": "GreaterThanThreshold", "TreatMissingData": "missing",
        });
        alarm.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
        serde_json::from_value(alarm).unwrap()
    };
    let alarms = [
        metric("my-memory", "memory", "a", json!({})),
        metric("my-cpu", "cpu", "a", json!({"Period": 300, "EvaluationPeriods": 1})),
        metric("my-errors-a", "errors", "a", json!({"ActionsEnabled": false})),
        metric("my-errors-b", "errors", "b", json!({"ActionsEnabled": false})),
        metric("my-fast", "fast", "a", json!({"Period": 10})),
    ];
    let both: Composite = serde_json::from_value(json!({
        "AlarmName": "my-both", "AlarmActions": ["arn"], "AlarmRule": "ALARM(\"my-memory\") AND ALARM(\"my-cpu\")",
    }))
    .unwrap();
    Subjects::new(&alarms, &[both], "my-").unwrap()
}

/// All faults as they are told, or what all tests came to.
fn played(text: &str) -> String {
    let subjects = subjects();
    let before = |at: usize| text.get(..at).unwrap();
    let line = |at: usize| before(at).matches('\n').count() + 1;
    let (suite, mut faults) = read(text);
    faults.extend(bind(&suite, &subjects));
    if !faults.is_empty() {
        faults.sort_by_key(|fault| fault.at);
        let column = |at: usize| at - before(at).rfind('\n').map_or(0, |newline| newline + 1) + 1;
        let one = |fault: &Fault| {
            format!("{}:{} {}\n  → {}\n", line(fault.at), column(fault.at), fault.what, fault.mend)
        };
        return faults.iter().map(one).collect();
    }
    let all = suite
        .tests
        .iter()
        .map(|test| show::outcome(&run(test, &subjects), &|at| format!("f:{}", line(at)), false));
    all.collect()
}

#[test]
fn what_is_as_expected_takes_one_line() {
    let text = r#"
        [[test]]
        name = "three minutes"
        start = "OK"
        [test.series]
        memory = "50x5 95x4 50"
        [test.expect.memory]
        states = "ox7 AA o"
        at = ["8 ALARM", "10 OK"]
        messages = ["8 ALARM", "10 OK"]

        [[test]]
        name = "the first minute, and several at once"
        interval = "5m"
        series = { cpu = "50 95 95", memory = { values = "95x20", interval = "1m" } }
        [test.expect]
        my-cpu = "?x4 ox5 Ax8"
        memory = { messages = ["3 ALARM"], at = ["2 INSUFFICIENT_DATA"] }
        both = { states = "ox9 Ax8", messages = ["10 ALARM"] }

        [[test]]
        name = "by its whole name, and every ten seconds"
        interval = "10s"
        series = { "N errors D=b" = { values = "95x3", interval = "1m" }, fast = "95x3 _x9 1x6" }
        [test.expect]
        errors-b = { states = "..A", messages = [] }
        errors-a = "..."
        fast = { states = "A.o", messages = ["1 ALARM", "3 OK"] }
    "#;
    expect![[r"
        ok    three minutes
        ok    the first minute, and several at once
        ok    by its whole name, and every ten seconds
    "]]
    .assert_eq(&played(text));
}

#[test]
fn what_differs_is_shown_on_a_time_line() {
    let text = r#"
[[test]]
name = "too early"
start = "OK"
series.memory = "50x5 95x4 50x3"
[test.expect.memory]
states = "oooooo AAA ooo"
messages = ["7 ALARM"]
"#;
    expect![[r"
        FAIL  too early  (f:2)
              my-memory  (f:6)
                minute    1         11
                expected  ooooooAAAooo
                actual    oooooooAAooo
                                ^
                minute 7: ALARM is expected, and it is OK
                  datapoints 50 50 50 95 95 (the newest last, threshold 90)
                  Threshold Crossed: 1 out of the last 3 datapoints [50.0 (05/01/26 00:04:00)] was not greater than the threshold (90.0) (minimum 1 datapoint for ALARM -> OK transition).
                messages expected  7 ALARM
                messages sent      8 ALARM, 10 OK
    "]]
    .assert_eq(&played(text));
}

#[test]
fn only_rows_that_differ_are_shown() {
    let text = "[[test]]\nname = 'long'\nseries.memory = '50x200'\nexpect.memory = '?x130 Ax9'\n";
    let shown = played(text);
    assert!(shown.contains("minute    121       131       141       151       161       171\n"), "{shown}");
    assert!(!shown.contains("minute    1  "), "{shown}");
    assert!(shown.contains("… and 6 more"), "{shown}");
}

#[test]
fn every_fault_is_told_at_once_with_its_place_and_what_to_write() {
    let text = r#"
alarm = ["x.json"]
[[test]]
nam = "x"
start = "Fine"
interval = "90s"
[test.series]
memory = "1 zwei"
memmory = "1"
errors = "1"
cpu = { valus = "1" }
fast = 3
[test.expect]
memori = "oo"
memory = { states = "oB", messages = ["1"], mesages = [], at = "1 OK" }
cpu = {}
both = 1

[[test]]
name = "twice"

[[test]]
name = "twice"
[test.series]
cpu = { values = "1x10080", interval = "5m" }
[test.expect]
"#;
    expect![[r#"
        2:1 a test file has no key `alarm`
          → write `alarms`
        3:1 a test without a name
          → write name = "what is tested"
        4:1 a test has no key `nam`
          → write `name`
        5:9 "Fine" is no state
          → write "OK", "ALARM" or "INSUFFICIENT_DATA"
        6:12 "90s" is no interval
          → write "1m", "5m", "1h", or "10s" or "30s" for metrics of high resolution
        8:13 "zwei" is no number
          → write 80, 80x10 for ten of them, 80+2x5 for 80 82 84 86 88, _ for a gap, 1#6 for six samples, {0.1#190 2#10} for different ones, {count=6 sum=3 min=0 max=1} for a statistic set
        9:1 no alarm looks at the metric "memmory"
          → write memory
        10:1 "errors" may be any of 2 metrics
          → write one of "N errors D=a", "N errors D=b"
        11:7 a series without values
          → write metric = "0x5", or metric = { values = "0x5", interval = "5m" }
        11:9 a series has no key `valus`
          → write `values`
        12:8 a string is wanted here
          → write metric = "0x5", or metric = { values = "0x5", interval = "5m" }
        14:1 there is no alarm "memori"
          → write memory
        15:23 'B' is no state
          → write o for OK, A for ALARM, . for INSUFFICIENT_DATA, ? for any, and ox9 for nine of them
        15:40 "1" is no minute with a state
          → write a minute and a state: "10 ALARM"
        15:45 an expectation has no key `mesages`
          → write `messages`
        15:64 a list is wanted here
          → write a list of minutes with states: ["10 ALARM", "15 OK"]
        16:1 nothing is expected of "cpu"
          → write `states`, `at` or `messages` below it
        17:8 an expectation is a time line or a table
          → write [test.expect.NAME] and below it states = "ox5 Ax3"
        19:1 nothing is expected of this test
          → add [test.expect.NAME] with the name of an alarm
        22:1 the test "twice" is there already
          → give each a name of its own
        25:18 the series is 50400 minutes long, and a week has 10080
          → repeat less often
        26:1 nothing is expected of this test
          → write [test.expect.NAME] and below it states = "ox5 Ax3"
    "#]]
    .assert_eq(&played(text));
}

#[test]
fn a_file_that_is_no_test_file_is_told() {
    assert!(played("").contains("there is no test in this file"));
    assert!(played("[[test]\nname = 1").contains("1:"));
    assert!(played("test = 1").contains("[[test]] with two brackets"));
    assert!(played("[[test]]\nname = \"a\\u001b[31m\"\nexpect.memory = 'o'").contains("is no name"));
    assert!(played("alarms = 'x'\n[[test]]\nname = 'a'\nexpect.memory = 'o'").contains("a list of files"));
}
