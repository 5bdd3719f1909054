//! The agent's own alarms, held against the tests that are shipped with them.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use super::*;
use crate::alarms::evaluate::State;
use crate::alarms::scenario::{Outcome, Subjects, Suite, bind, read, run, show};
use crate::provision::alarm::names;
use crate::provision::tests::settings;

fn folder() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../dashboards/alarms/tests")
}

/// All suites by their files' names.
fn suites() -> Vec<(String, Suite)> {
    let mut all = Vec::new();
    for entry in std::fs::read_dir(folder()).unwrap() {
        let path = entry.unwrap().path();
        let name = path.file_name().unwrap().to_string_lossy().into_owned();
        let text = std::fs::read_to_string(&path).unwrap();
        let (suite, faults) = read(&text);
        if suite.rules.is_some() {
            continue; // the daemon's own: `cli/alarms/test` has those
        }
        let faults = [faults, bind(&suite, &subjects(&suite))].concat();
        let line = |at: usize| text.get(..at).unwrap().matches('\n').count() + 1;
        let told: Vec<String> = faults
            .iter()
            .map(|fault| format!("{name}:{}: {} → {}", line(fault.at), fault.what, fault.mend))
            .collect();
        assert!(told.is_empty(), "{}", told.join("\n"));
        all.push((name, suite));
    }
    all.sort_by(|a, b| a.0.cmp(&b.0));
    all
}

fn subjects(suite: &Suite) -> Subjects {
    let without: Vec<&str> = suite.without.iter().map(|(part, _)| part.as_str()).collect();
    assert!(without.iter().all(|part| PARTS.contains(part)), "{without:?}");
    let (alarms, composites) = alarms(&settings(), &without);
    Subjects::new(&alarms, &composites, "starttech-").unwrap()
}

fn outcomes() -> Vec<(String, Outcome)> {
    let all = suites().into_iter().flat_map(|(file, suite)| {
        let subjects = subjects(&suite);
        let played: Vec<Outcome> = suite.tests.iter().map(|test| run(test, &subjects)).collect();
        played.into_iter().map(move |outcome| (file.clone(), outcome))
    });
    all.collect()
}

#[test]
fn the_shipped_tests_pass() {
    let failed: Vec<String> = outcomes()
        .iter()
        .filter(|(_, outcome)| !outcome.passes())
        .map(|(file, outcome)| show::outcome(outcome, &|_| file.clone(), false))
        .collect();
    assert!(failed.is_empty(), "\n{}", failed.join("\n"));
}

/// Of each alarm there is a test that expects it to be calm, then to fire, then to be over; and that expects to be
/// told of it, if it mails itself.
#[test]
fn every_alarm_has_a_test_in_which_it_fires_and_recovers() {
    let mut fires: BTreeMap<String, bool> = BTreeMap::new();
    let mut mails: BTreeMap<String, bool> = BTreeMap::new();
    let key = |alarm: &str| alarm.trim_start_matches("starttech-").to_owned();
    for (_, outcome) in outcomes() {
        for line in outcome.lines {
            let expected: Vec<State> = line.expected.iter().flatten().copied().collect();
            let mut told = expected.clone();
            told.dedup();
            let whole = told.windows(3).any(|three| three == [State::Ok, State::Alarm, State::Ok]);
            *fires.entry(key(&line.alarm)).or_default() |= whole;
            let both = line.wanted.iter().any(|wanted| {
                let states: Vec<State> = wanted.iter().map(|(_, state)| *state).collect();
                states.windows(2).any(|two| two == [State::Alarm, State::Ok])
            });
            *mails.entry(key(&line.alarm)).or_default() |= both;
        }
    }
    let untested: Vec<&str> = names().filter(|name| fires.get(*name) != Some(&true)).collect();
    assert!(untested.is_empty(), "no test in which these fire and recover: {untested:?}");
    let (alarms, composites) = alarms(&settings(), &[]);
    let metric = alarms.iter().filter(|alarm| alarm.actions_enabled).map(|alarm| &alarm.alarm_name);
    let speak = metric.chain(composites.iter().map(|composite| &composite.alarm_name));
    let untold: Vec<&String> = speak.filter(|name| mails.get(&key(name)) != Some(&true)).collect();
    assert!(untold.is_empty(), "no test of what these mail: {untold:?}");
}

/// Both forms of `agent-silent`, which looks at other things without a target group.
#[test]
fn the_platform_without_a_load_balancer_is_tested_too() {
    let without: Vec<String> =
        suites().into_iter().flat_map(|(_, suite)| suite.without).map(|(part, _)| part).collect();
    assert!(without.contains(&"target_group".to_owned()), "{without:?}");
}

#[test]
fn every_alarm_is_there_and_can_be_evaluated() {
    let (all, composites) = alarms(&settings(), &[]);
    assert_eq!(all.len() + composites.len(), names().count());
    let fewer = |without: &[&str]| alarms(&settings(), without).0.len();
    for part in PARTS {
        assert!(fewer(&[part]) < all.len(), "{part}");
    }
    assert_eq!(fewer(&PARTS), 0);
    let none = Settings { distribution: Wanted::Nothing, ..settings() };
    assert_eq!(alarms(&none, &[]).0.len(), fewer(&["distribution"]));
    for without in
        [&[][..], &["target_group"], &["load_balancer"], &["auto_scaling_group"], &["distribution"]]
    {
        let (all, composites) = alarms(&settings(), without);
        assert!(Subjects::new(&all, &composites, "").is_ok(), "{without:?}");
    }
}
