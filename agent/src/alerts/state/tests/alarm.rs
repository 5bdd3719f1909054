//! What machines are told of an alarm: each message goes on where the one before it left off, and in the end all is OK.

use std::collections::BTreeMap;

use proptest::prelude::*;
use serde_json::Value;

use super::silenced::silence;
use super::*;
use crate::alerts::message::Place;

/// Alarm, state before, state after: of what is told until then.
fn told(state: &mut State, end_ns: i64) -> Vec<(String, String, String)> {
    let mut told = Vec::new();
    while let Some(now) = state.next().filter(|next| *next <= end_ns) {
        for message in state.due(&Settings { max_per_hour: u32::MAX, ..SETTINGS }, now) {
            let place = Place { prefix: "p".to_owned(), instance_id: "i-0".to_owned(), ..Place::default() };
            let machine: Value = serde_json::from_str(&message.write(&place, now).machine).unwrap();
            let text = |key: &str| machine[key].as_str().unwrap().to_owned();
            told.push((text("AlarmName"), text("OldStateValue"), text("NewStateValue")));
        }
    }
    told
}

fn assert_told(state: &mut State, end_ns: i64, expected: &[(&str, &str, &str)]) {
    let told = told(state, end_ns);
    let told: Vec<_> =
        told.iter().map(|(name, old, new)| (name.as_str(), old.as_str(), new.as_str())).collect();
    assert_eq!(told, expected);
}

#[test]
fn what_began_together_and_ends_apart_is_over_when_all_is() {
    let mut state = State::default();
    for name in ["a", "b"] {
        state.begin(incident(name, T0, died()), &SETTINGS, T0);
    }
    assert_told(&mut state, T0 + SECOND, &[("p-container-down-i-0", "OK", "ALARM")]);
    state.begin(incident("c", T0 + SECOND, Cause::OutOfMemory), &SETTINGS, T0 + SECOND);
    assert_told(&mut state, T0 + 2 * SECOND, &[("p-container-down-i-0", "ALARM", "ALARM")]);
    state.change("a", T0 + 2 * SECOND, Change::Up, &SETTINGS);
    assert_told(&mut state, T0 + 2 * MINUTE, &[("p-container-down-i-0", "ALARM", "ALARM")]);
    for name in ["b", "c"] {
        state.change(name, T0 + 2 * MINUTE, Change::Up, &SETTINGS);
    }
    let ends = [("p-container-down-i-0", "ALARM", "ALARM"), ("p-container-down-i-0", "ALARM", "OK")];
    assert_told(&mut state, T0 + 5 * MINUTE, &ends);
}

#[test]
fn a_loop_goes_on_under_the_alarm_of_its_first_death() {
    let mut state = State::default();
    for n in 0..3 {
        let at = T0 + n * 20 * SECOND;
        state.begin(incident("web", at, died()), &SETTINGS, at);
        let states = match n {
            0 => vec![("p-container-down-i-0", "OK", "ALARM")],
            1 => vec![],
            _ => vec![("p-container-down-i-0", "ALARM", "ALARM")],
        };
        state.change("web", at + SECOND, Change::Up, &SETTINGS);
        assert_told(&mut state, at + 10 * SECOND, &states);
    }
    assert_told(&mut state, T0 + 60 * MINUTE, &[("p-container-down-i-0", "ALARM", "OK")]);
}

/// People were told that it died: they hear that it is up, although what it became in between was held back.
#[test]
fn the_end_of_a_loop_is_told_to_whoever_was_told_of_its_first_death() {
    let one = Settings { max_per_hour: 1, ..SETTINGS };
    let mut state = State::default();
    for n in 0..3 {
        let at = T0 + n * 20 * SECOND;
        state.begin(incident("web", at, died()), &one, at);
        let sent = state.due(&one, at + SECOND).len();
        assert_eq!(sent, usize::from(n == 0));
    }
    state.change("web", T0 + MINUTE, Change::Up, &one);
    let ends = until(&mut state, T0 + 59 * MINUTE);
    assert_eq!(ends, [r#"642.00 OK: "web" is up again after 20 s"#]);
}

proptest! {
    #[test]
    fn states_of_an_alarm_follow_one_another_and_it_ends(
        steps in proptest::collection::vec((0..3_usize, 0..9_u8, 0..100_000_i64), 1..100),
    ) {
        let (mut state, mut now) = (State::default(), T0);
        let mut alarms: BTreeMap<String, String> = BTreeMap::new();
        let mut check = |told: Vec<(String, String, String)>| {
            for (name, old, new) in told {
                let before = alarms.insert(name.clone(), new.clone()).unwrap_or_else(|| "OK".to_owned());
                prop_assert_eq!((&name, before), (&name, old));
                prop_assert!(new == "ALARM" || new == "OK");
            }
            Ok(alarms.values().all(|state| state == "OK"))
        };
        for (of, what, after_ms) in steps {
            now += after_ms * SECOND / 1000;
            check(told(&mut state, now))?;
            let name = ["a", "b", "c"][of];
            match what {
                0 | 1 => drop(state.begin(incident(name, now, died()), &SETTINGS, now)),
                2 => drop(state.begin(incident(name, now, Cause::OutOfMemory), &SETTINGS, now)),
                3 => drop(state.begin(incident(name, now, Cause::Unhealthy), &SETTINGS, now)),
                4 => _ = state.change(name, now, Change::Up, &SETTINGS),
                5 => _ = state.change(name, now, Change::Healthy, &SETTINGS),
                6 => _ = state.change(name, now, Change::Stopped, &SETTINGS),
                7 => silence(&mut state, "container-died", now + MINUTE),
                _ => drop(state.begin(incident(name, now, Cause::ChildOutOfMemory), &SETTINGS, now)),
            }
        }
        for name in ["a", "b", "c"] {
            state.change(name, now, Change::Stopped, &SETTINGS);
        }
        let ended = check(told(&mut state, now + 24 * HOUR))?;
        prop_assert!(ended && state.next().is_none(), "{:?}", state.open);
    }
}
