//! Files in, text and exit code out.

use std::fs;

use expect_test::expect;
use tempfile::TempDir;

use super::*;
use crate::alarms::evaluate::State;

fn config() -> Config {
    Config::defaults().unwrap()
}

const ALARM: &str = r#"[{"AlarmName":"mine","AlarmActions":["arn"],"Namespace":"N","MetricName":"m","Statistic":"Sum",
    "Period":60,"EvaluationPeriods":1,"Threshold":1,"ComparisonOperator":"GreaterThanThreshold"}]"#;

const GOOD: &str =
    "alarms = ['alarms.json']\n[[test]]\nname = 'good & <well>'\nseries.m = '0 2'\nexpect.mine = 'oA'\n";
const BAD: &str = "\n[[test]]\nname = 'it is told'\nseries.m = '0 2'\nexpect.mine = 'oo'\n";

fn folder(files: &[(&str, &str)]) -> TempDir {
    let folder = TempDir::new().unwrap();
    for (name, text) in files {
        fs::write(folder.path().join(name), text).unwrap();
    }
    folder
}

fn played(folder: &TempDir, name: &str) -> Vec<Played> {
    let ready = prepare(&folder.path().join(name), &config()).unwrap_or_else(|faults| panic!("{faults:?}"));
    let outcomes = ready.suite.tests.iter().map(|test| run(test, &ready.subjects)).collect();
    vec![Played { name: name.into(), text: ready.text, outcomes }]
}

fn faults(folder: &TempDir, name: &str) -> String {
    let path = folder.path().join(name);
    let faults = prepare(&path, &config()).map(|_| "none").unwrap_err();
    told(&Faults(faults)).replace(&folder.path().display().to_string(), "")
}

#[test]
fn definitions_of_files_are_played() {
    let folder = folder(&[("alarms.json", ALARM), ("t.toml", &format!("{GOOD}{BAD}"))]);
    let played = played(&folder, "t.toml");
    expect![[r"
        ok    good & <well>
        FAIL  it is told  (t.toml:7)
              mine  (t.toml:10)
                minute    1
                expected  oo
                actual    oA
                           ^
                minute 2: OK is expected, and it is ALARM
                  datapoints - 0 2 (the newest last, threshold 1)
                  Threshold Crossed: 1 out of the last 1 datapoints [2.0 (05/01/26 00:01:00)] was greater than the threshold (1.0) (minimum 1 datapoint for OK -> ALARM transition).

        2 tests: 1 passed, 1 failed"]]
    .assert_eq(&shown(&played, false));
    assert!(shown(&played, true).contains("\u{1b}[31mFAIL\u{1b}[0m"));
    let xml = junit::report(&played).unwrap();
    expect![[r#"
        <?xml version="1.0" encoding="UTF-8"?>
        <testsuites name="starttech-agent alarms test" tests="2" skipped="0" failures="1" errors="0">
            <testsuite name="t.toml" tests="2" skipped="0" errors="0" failures="1">
                <testcase name="good &amp; &lt;well&gt;" classname="t.toml"/>"#]]
    .assert_eq(&xml.lines().take(4).collect::<Vec<_>>().join("\n"));
    assert!(xml.contains("<failure message=\"not as expected: mine\">FAIL  it is told"), "{xml}");
}

#[test]
fn every_fault_of_a_file_is_told_with_its_place() {
    let folder = folder(&[
        ("alarms.json", ALARM),
        (
            "a.toml",
            &format!("without = ['target_group']\nalarms = ['alarms.json', 'no.json']\n{BAD}")
                .replace("mine", "yours"),
        ),
        ("b.toml", "without = ['loadbalancer']\n[[test]]\nname = 'x'\nexpect.memmory = 'o'\n"),
        ("bad.json", "[{\"AlarmName\":\"a\",\"AlarmRule\":\"ALARM(\"}]"),
        ("c.toml", &GOOD.replace("alarms.json", "bad.json")),
    ]);
    expect![[r#"
        3 faults in the tests:
        /a.toml:1:12: the alarms of files know no parts of the platform
          → leave out `without`, or `alarms`
        /a.toml:2:26: /no.json: No such file or directory (os error 2)
          → name a JSON file with alarms as PutMetricAlarm takes them, or what describe-alarms prints
        /a.toml:7:8: there is no alarm "yours"
          → write the name of an alarm: mine"#]]
    .assert_eq(&faults(&folder, "a.toml"));
    expect![[r#"
        2 faults in the tests:
        /b.toml:1:12: "loadbalancer" is no part of the platform
          → write one of auto_scaling_group, load_balancer, target_group, distribution
        /b.toml:4:8: there is no alarm "memmory"
          → write memory"#]]
    .assert_eq(&faults(&folder, "b.toml"));
    expect![[r"
        1 fault in the tests:
        /c.toml:1:11: a: its AlarmRule: a bracket is not closed
          → such an alarm cannot be tested"]]
    .assert_eq(&faults(&folder, "c.toml"));
    expect![[r"
        1 fault in the tests:
        /d.toml: No such file or directory (os error 2)
          → name a test file"]]
    .assert_eq(&faults(&folder, "d.toml"));
}

#[test]
fn the_agents_own_alarms_are_those_of_the_configuration() {
    let text =
        "[[test]]\nname = 'x'\nstart = 'OK'\nseries.mem_used_percent = '85x5'\nexpect.memory = '....A'\n";
    let folder = folder(&[("t.toml", text)]);
    let path = folder.path().join("t.toml");
    let mut config = config();
    let passes = |config: &Config| {
        let ready = prepare(&path, config).unwrap_or_else(|faults| panic!("{faults:?}"));
        run(&ready.suite.tests[0], &ready.subjects).passes()
    };
    assert!(!passes(&config));
    config.provision.settings.thresholds.memory = 80.0;
    assert!(passes(&config));
}

#[test]
fn rules_are_those_of_the_configuration() {
    let text = "rules = true\n[[test]]\nname = 'x'\ninterval = '10s'\nseries.panics = '0x6 1 0x40'\n\
                expect.panic = { states = 'oAAAAA?o', messages = ['2 ALARM', '7 OK'] }\n";
    let other = "without = ['target_group']\nrules = true\nalarms = ['a.json']\n[[test]]\nname = 'x'\nexpect.memory = 'o'\n";
    let folder = folder(&[("t.toml", text), ("o.toml", other), ("n.toml", "rules = 'yes'\n")]);
    expect![[r"
        ok    x

        1 test: 1 passed, 0 failed"]]
    .assert_eq(&shown(&played(&folder, "t.toml"), false));
    expect![[r#"
        3 faults in the tests:
        /o.toml:1:12: these are the daemon's own rules
          → leave it out, or `rules`: a file is about the one or the other
        /o.toml:3:11: these are the daemon's own rules
          → leave it out, or `rules`: a file is about the one or the other
        /o.toml:6:8: there is no alarm "memory"
          → write the name of an alarm: disk-full, inodes-used-up, memory-full, cpu-throttled, health-down, never-came-up, failures, panic, delivery-stalled"#]].assert_eq(&faults(&folder, "o.toml"));
    expect![[r"
        1 fault in the tests:
        /n.toml:1:9: true or false is wanted here
          → write rules = true"]]
    .assert_eq(&faults(&folder, "n.toml"));
}

#[test]
fn every_rule_that_ships_has_a_test_in_which_it_is_told_and_is_over() {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../dashboards/alarms/tests/rules.toml");
    let ready = prepare(&path, &config()).unwrap_or_else(|faults| panic!("{faults:?}"));
    let outcomes = ready.suite.tests.iter().map(|test| run(test, &ready.subjects));
    let mut told = Vec::new();
    for outcome in outcomes {
        assert!(outcome.passes(), "{}", show::outcome(&outcome, &|at| at.to_string(), false));
        for line in outcome.lines {
            let calm = line.expected.first() == Some(&Some(State::Ok));
            if calm && line.sent.iter().map(|(_, state)| *state).eq([State::Alarm, State::Ok]) {
                told.push(line.alarm);
            }
        }
    }
    for rule in config().alerts.rules {
        assert!(told.contains(&rule.name), "{} has no test", rule.name);
    }
}
