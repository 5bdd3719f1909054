//! What is told when, and how often.

use proptest::prelude::*;

use super::*;
use crate::alerts::threshold::Crossed;
use crate::logs::Container;

mod alarm;
mod silenced;

const T0: i64 = 1_800_000_000 * SECOND;
const SETTINGS: Settings =
    Settings { max_per_hour: 10, loop_deaths: 3, loop_ns: 10 * MINUTE, recovery_ns: MINUTE };

fn incident(name: &str, at_ns: i64, cause: Cause) -> Incident {
    let container = Container { name: name.to_owned(), id: format!("{name}-id"), ..Container::default() };
    Incident::of(container, at_ns, cause, Some(Ok(vec!["a line".to_owned()])))
}

fn died() -> Cause {
    Cause::Died { exit_code: 1, starved: false }
}

/// What is told until then, with the second at which it is.
fn until(state: &mut State, end_ns: i64) -> Vec<String> {
    let mut told = Vec::new();
    while let Some(now) = state.next().filter(|next| *next <= end_ns) {
        for message in state.due(&SETTINGS, now) {
            let hundredths = (now - T0) / 10_000_000;
            told.push(format!("{}.{:02} {}", hundredths / 100, hundredths % 100, message.title()));
        }
    }
    told
}

#[test]
fn one_message_at_its_begin_and_one_at_its_end() {
    let mut state = State::default();
    assert!(matches!(state.begin(incident("web", T0, died()), &SETTINGS, T0), Noted::New(_)));
    // It is up again before that was told.
    state.change("web", T0 + SECOND / 10, Change::Up, &SETTINGS);
    assert_eq!(until(&mut state, T0 + 10 * SECOND), [r#"0.20 ALARM: "web" died (exit 1)"#]);
    assert_eq!(
        state.begin(incident("web", T0 + 30 * SECOND, died()), &SETTINGS, T0 + 30 * SECOND),
        Noted::Counted
    );
    state.change("web", T0 + 31 * SECOND, Change::Up, &SETTINGS);
    state.change("web", T0 + 50 * SECOND, Change::Up, &SETTINGS);
    let told = until(&mut state, T0 + 10 * MINUTE);
    assert_eq!(told, [r#"93.00 OK: "web" is up again after 31 s"#]);
    assert_eq!(state.next(), None);
}

#[test]
fn a_restart_loop_is_told_once_and_ends_when_it_is_calm() {
    let mut state = State::default();
    let mut told = Vec::new();
    for n in 0..20 {
        let at = T0 + n * 20 * SECOND;
        state.begin(incident("web", at, died()), &SETTINGS, at);
        state.change("web", at + SECOND, Change::Up, &SETTINGS);
        told.extend(until(&mut state, at + 10 * SECOND));
    }
    assert_eq!(told, [r#"0.20 ALARM: "web" died (exit 1)"#, r#"40.20 ALARM: "web" died 3 times in 10 min"#]);
    let told = until(&mut state, T0 + 60 * MINUTE);
    assert_eq!(told, [r#"982.00 OK: "web" is up again after 5 min"#], "10 min after the last death at 380 s");
}

#[test]
fn many_at_once_are_one_message_and_those_after_it_one_more() {
    let mut state = State::default();
    for n in 0..200 {
        let at = T0 + n * SECOND / 500;
        state.begin(incident(&format!("c{n}"), at, died()), &SETTINGS, at);
    }
    let messages = state.due(&SETTINGS, T0 + SECOND);
    let [Message::Group(group)] = messages.as_slice() else { panic!("{messages:?}") };
    assert_eq!((group.count, group.members.len()), (200, NAMED));
    assert_eq!(group.members.iter().filter(|member| member.lines.is_some()).count(), WITH_LINES);
    for n in 200..300 {
        let at = T0 + SECOND + (n - 200) * SECOND / 50;
        state.begin(incident(&format!("c{n}"), at, died()), &SETTINGS, at);
    }
    assert_eq!(until(&mut state, T0 + MINUTE), ["5.98 ALARM: 100 more containers died"]);
    // All of them are open: none is told again.
    for n in 0..300 {
        let at = T0 + MINUTE;
        let again = state.begin(incident(&format!("c{n}"), at, died()), &SETTINGS, at);
        assert_eq!(again, Noted::Counted);
    }
}

/// As dockerd tells it: of the first at once, of the others over seconds.
#[test]
fn a_storm_that_begins_slowly_is_two_messages() {
    let mut state = State::default();
    let mut told = Vec::new();
    for (n, after_ms) in [0].into_iter().chain((0..199).map(|n| 1000 + n * 25)).enumerate() {
        let at = T0 + after_ms * SECOND / 1000;
        told.extend(until(&mut state, at));
        state.begin(incident(&format!("c{n}"), at, died()), &SETTINGS, at);
    }
    told.extend(until(&mut state, T0 + MINUTE));
    assert_eq!(told, [r#"0.20 ALARM: "c0" died (exit 1)"#, "8.95 ALARM: 199 more containers died"]);
}

#[test]
fn causes_of_one_container_are_told_apart_and_memory_ends_by_silence() {
    let mut state = State::default();
    state.begin(incident("web", T0, Cause::ChildOutOfMemory), &SETTINGS, T0);
    state.begin(incident("web", T0, Cause::Unhealthy), &SETTINGS, T0);
    state.change("web", T0 + SECOND, Change::Healthy, &SETTINGS);
    let told = until(&mut state, T0 + 60 * MINUTE);
    assert_eq!(
        told,
        [
            r#"0.20 ALARM: "web" lost a process: out of memory"#,
            r#"0.20 ALARM: "web" is unhealthy"#,
            r#"63.00 OK: "web" is healthy again after 1 s"#,
            r#"602.00 OK: "web" has lost no more processes"#,
        ]
    );
}

#[test]
fn a_flapping_health_check_is_two_messages() {
    let mut state = State::default();
    for n in 0..50 {
        let at = T0 + n * 30 * SECOND;
        state.begin(incident("web", at, Cause::Unhealthy), &SETTINGS, at);
        state.change("web", at + 10 * SECOND, Change::Healthy, &SETTINGS);
        state.due(&SETTINGS, at + SECOND);
    }
    let told = until(&mut state, T0 + 60 * MINUTE);
    assert_eq!(told, [r#"1542.00 OK: "web" is healthy again after 24 min"#]);
}

#[test]
fn above_the_cap_there_is_a_summary_at_the_hours_end() {
    let mut state = State::default();
    let mut told = Vec::new();
    for n in 0..30 {
        let at = T0 + n * 10 * SECOND;
        state.begin(incident(&format!("c{n}"), at, died()), &SETTINGS, at);
        told.extend(until(&mut state, at + SECOND));
    }
    assert_eq!(told.len(), 10);
    let told = until(&mut state, T0 + 3 * 60 * MINUTE);
    assert_eq!(told, ["3600.20 20 more alerts were held back within an hour"]);
    // Nobody heard of its begin, and nobody hears of its end.
    state.change("c29", T0 + 4 * 60 * MINUTE, Change::Up, &SETTINGS);
    state.change("c0", T0 + 4 * 60 * MINUTE, Change::Up, &SETTINGS);
    let told = until(&mut state, T0 + 5 * 60 * MINUTE);
    assert_eq!(told, [r#"14462.00 OK: "c0" is up again after 4 h 0 min"#]);
}

#[test]
fn a_restart_of_the_agent_tells_nothing_twice() {
    let mut state = State::default();
    state.begin(incident("web", T0, died()), &SETTINGS, T0);
    assert_eq!(state.untold_ns(), Some(T0));
    until(&mut state, T0 + SECOND);
    assert_eq!(state.untold_ns(), None);
    let mut state: State = serde_json::from_str(&serde_json::to_string(&state).unwrap()).unwrap();
    assert_eq!(state.begin(incident("web", T0, died()), &SETTINGS, T0), Noted::Counted);
    state.retain(|_| false, T0 + MINUTE, &SETTINGS);
    assert_eq!(until(&mut state, T0 + 60 * MINUTE), [r#"122.00 OK: "web" was removed after 1 min"#]);
}

proptest! {
    /// Whatever happens in whatever order: messages of a container and a family take turns, begin, end, begin; and
    /// there are never more of them than the cap allows.
    #[test]
    fn never_two_messages_without_a_change(
        capped: bool,
        steps in prop::collection::vec((0..3_usize, 0..8_u8, 0..200_000_i64, any::<bool>()), 1..200),
    ) {
        let settings = Settings { max_per_hour: if capped { 10 } else { u32::MAX }, ..SETTINGS };
        let mut state = State::default();
        let mut last: BTreeMap<(String, Family), Step> = BTreeMap::new();
        let (mut now, mut sent) = (T0, Vec::new());
        for (of, what, after_ms, restart) in steps {
            now += after_ms * SECOND / 1000;
            let mut messages = Vec::new();
            while let Some(due) = state.next().filter(|due| *due <= now) {
                messages.extend(state.due(&settings, due).into_iter().map(|message| (due, message)));
            }
            for (at, message) in messages {
                let Message::Group(group) = message else { continue };
                sent.push(at);
                for member in &group.members {
                    let before = last.insert((member.name.clone(), group.cause.family()), group.step);
                    let family = group.cause.family();
                    // A death that became a loop has ended in it.
                    if family == Family::Loop && group.step == Step::Begin {
                        last.remove(&(member.name.clone(), Family::Down));
                    }
                    if capped {
                        continue; // what was held back is missing
                    }
                    prop_assert!(before != Some(group.step), "{} {:?} twice", member.name, group.step);
                    prop_assert!(before.is_some() || group.step == Step::Begin, "an end without a begin");
                }
            }
            let name = ["a", "b", "c"][of];
            match what {
                0 | 1 => drop(state.begin(incident(name, now, died()), &settings, now)),
                2 => drop(state.begin(incident(name, now, Cause::OutOfMemory), &settings, now)),
                3 => drop(state.begin(incident(name, now, Cause::Unhealthy), &settings, now)),
                4 => _ = state.change(name, now, Change::Up, &settings),
                5 => _ = state.change(name, now, Change::Healthy, &settings),
                6 => _ = state.change(name, now, Change::Stopped, &settings),
                _ => drop(state.begin(incident(name, now, Cause::ChildOutOfMemory), &settings, now)),
            }
            if restart {
                let forming = state.untold_ns().is_some();
                if !forming {
                    let pending = state.forming.clone();
                    state = serde_json::from_str(&serde_json::to_string(&state).unwrap()).unwrap();
                    state.forming = pending;
                }
            }
        }
        for (nth, at) in sent.iter().enumerate() {
            let in_hour = sent[..=nth].iter().filter(|other| at - **other < HOUR).count();
            prop_assert!(!capped || in_hour <= 2 * settings.max_per_hour as usize);
        }
    }
}

fn crossed(rule: &str, while_down: bool, counts: bool) -> Incident {
    let alarm = r#"{"AlarmName":"n","EvaluationPeriods":1,"ComparisonOperator":"LessThanThreshold"}"#;
    let crossed = Crossed {
        rule: rule.to_owned(),
        of: None,
        says: format!("{rule} is so"),
        over: format!("{rule} is over"),
        reason: "Threshold Crossed".to_owned(),
        run: Vec::new(),
        alarm: serde_json::from_str(alarm).unwrap(),
        while_down,
        counts,
        of_backend: false,
    };
    incident(rule, T0, Cause::Threshold(Box::new(crossed)))
}

#[test]
fn a_threshold_is_told_when_it_is_crossed_and_when_that_is_over_for_good() {
    let mut state = State::default();
    state.begin(crossed("disk-full", true, false), &SETTINGS, T0);
    assert_eq!(until(&mut state, T0 + 10 * SECOND), ["0.20 ALARM: disk-full is so"]);
    // A container of that name has nothing to do with it.
    for change in [Change::Up, Change::Stopped, Change::Removed] {
        assert!(!state.change("disk-full", T0, change, &SETTINGS));
    }
    state.retain(|_| false, T0, &SETTINGS);
    assert_eq!(state.thresholds().map(Crossed::key).collect::<Vec<_>>(), ["disk-full"]);
    // It goes up and down.
    state.change("disk-full", T0 + 20 * SECOND, Change::Over, &SETTINGS);
    assert_eq!(state.begin(crossed("disk-full", true, false), &SETTINGS, T0 + 30 * SECOND), Noted::Counted);
    state.change("disk-full", T0 + 60 * SECOND, Change::Over, &SETTINGS);
    let told = until(&mut state, T0 + 10 * MINUTE);
    assert_eq!(told, ["122.00 OK: disk-full is over, after 1 min"]);
    assert_eq!(state.thresholds().count(), 0);
}

#[test]
fn what_a_container_that_is_down_explains_is_told_only_if_it_outlasts_that() {
    let down = |state: &mut State| {
        state.begin(incident("web", T0, died()), &SETTINGS, T0);
        assert_eq!(state.begin(crossed("health-down", false, false), &SETTINGS, T0 + 30), Noted::Held);
        assert_eq!(state.begin(crossed("panic", false, true), &SETTINGS, T0 + 30), Noted::Held);
        assert!(matches!(state.begin(crossed("disk-full", true, false), &SETTINGS, T0 + 30), Noted::New(_)));
        assert_eq!(until(state, T0 + 5 * SECOND).len(), 2);
        state.change("web", T0 + 10 * SECOND, Change::Up, &SETTINGS);
    };
    let mut outlasts = State::default();
    down(&mut outlasts);
    assert_eq!(
        until(&mut outlasts, T0 + 5 * MINUTE),
        ["70.20 ALARM: health-down is so", r#"72.00 OK: "web" is up again after 10 s"#]
    );
    let mut ends = State::default();
    down(&mut ends);
    ends.change("health-down", T0 + 40 * SECOND, Change::Over, &SETTINGS);
    assert_eq!(until(&mut ends, T0 + 5 * MINUTE), [r#"72.00 OK: "web" is up again after 10 s"#]);
}

#[test]
fn thresholds_that_are_open_outlast_a_restart() {
    let mut state = State::default();
    state.begin(crossed("disk-full", true, false), &SETTINGS, T0);
    assert_eq!(state.untold_ns(), None, "it is found anew");
    until(&mut state, T0 + SECOND);
    let mut state: State = serde_json::from_slice(&serde_json::to_vec(&state).unwrap()).unwrap();
    assert_eq!(state.begin(crossed("disk-full", true, false), &SETTINGS, T0 + MINUTE), Noted::Counted);
    assert_eq!(until(&mut state, T0 + 10 * MINUTE), [""; 0]);
}

#[test]
fn an_end_that_is_not_told_yet_outlasts_a_restart() {
    let mut state = State::default();
    state.begin(incident("web", T0, died()), &SETTINGS, T0);
    state.change("web", T0 + SECOND, Change::Up, &SETTINGS);
    assert_eq!(until(&mut state, T0 + 61 * SECOND).len(), 1);
    let mut state: State = serde_json::from_slice(&serde_json::to_vec(&state).unwrap()).unwrap();
    assert_eq!(until(&mut state, T0 + 2 * MINUTE), [r#"63.00 OK: "web" is up again after 1 s"#]);
}

#[test]
fn a_container_that_is_dead_for_long_explains_nothing_and_none_explains_for_ever() {
    let mut state = State::default();
    state.begin(incident("migrate", T0, died()), &SETTINGS, T0);
    until(&mut state, T0 + SECOND);
    let later = T0 + 3 * MINUTE;
    assert!(matches!(state.begin(crossed("health-down", false, false), &SETTINGS, later), Noted::New(_)));
    until(&mut state, later + SECOND);

    let mut state = State::default();
    state.begin(incident("web", T0, died()), &SETTINGS, T0);
    assert_eq!(state.begin(crossed("health-down", false, false), &SETTINGS, T0 + 30), Noted::Held);
    assert_eq!(state.thresholds().count(), 1);
    assert_eq!(
        until(&mut state, T0 + 30 * MINUTE),
        [r#"0.20 ALARM: "web" died (exit 1)"#, "600.20 ALARM: health-down is so"]
    );
}

#[test]
fn one_that_could_not_be_started_is_no_loop() {
    let mut state = State::default();
    for n in 0..5 {
        let cause = Cause::NotStarted { error: "no such command".to_owned() };
        state.begin(incident("web", T0 + n * MINUTE, cause), &SETTINGS, T0 + n * MINUTE);
        let told = until(&mut state, T0 + n * MINUTE + SECOND);
        assert_eq!(told.len(), usize::from(n == 0), "{told:?}");
    }
}

#[test]
fn what_is_open_goes_on_under_a_new_name() {
    let mut state = State::default();
    state.begin(incident("web-new", T0, Cause::Unhealthy), &SETTINGS, T0);
    until(&mut state, T0 + SECOND);
    state.rename("web-new", "web");
    state.change("web", T0 + MINUTE, Change::Healthy, &SETTINGS);
    assert_eq!(until(&mut state, T0 + 5 * MINUTE), [r#"122.00 OK: "web" is healthy again after 1 min"#]);
}

#[test]
fn what_is_measured_no_more_and_what_nobody_asks_for_are_told_as_such() {
    for (change, told) in [
        (Change::Unmeasured, "2.00 OK: disk-full: nothing is measured of it any more, after 1 s"),
        (Change::Unruled, "2.00 OK: disk-full: the configuration has no such rule any more, after 1 s"),
    ] {
        let mut state = State::default();
        state.begin(crossed("disk-full", true, false), &SETTINGS, T0);
        until(&mut state, T0 + SECOND);
        state.change("disk-full", T0 + SECOND, change, &SETTINGS);
        let all = until(&mut state, T0 + MINUTE);
        assert_eq!(all.len(), 1);
        assert_eq!(all[0].split_once(' ').unwrap().1, told.split_once(' ').unwrap().1);
    }
}

#[test]
fn one_that_is_found_unhealthy_again_has_not_become_so_again() {
    let mut state = State::default();
    let sick = |at_ns| incident("web", at_ns, Cause::Unhealthy);
    state.begin(sick(T0), &SETTINGS, T0);
    until(&mut state, T0 + SECOND);
    assert_eq!(state.begin(sick(T0 + MINUTE), &SETTINGS, T0 + MINUTE), Noted::Counted);
    assert_eq!(state.open[0].again, 0);
    state.change("web", T0 + 2 * MINUTE, Change::Healthy, &SETTINGS);
    state.begin(sick(T0 + 2 * MINUTE + SECOND), &SETTINGS, T0 + 2 * MINUTE + SECOND);
    assert_eq!(state.open[0].again, 1);
}

#[test]
fn what_is_forgotten_is_said() {
    let mut state = State::default();
    for n in 0..MOST + 2 {
        let at_ns = T0 + i64::try_from(n).unwrap();
        state.begin(incident(&format!("c{n}"), at_ns, died()), &SETTINGS, at_ns);
    }
    until(&mut state, T0 + SECOND);
    assert_eq!(state.open.len(), MOST);
    let unsaid = state.take_unsaid();
    assert!(unsaid.len() == 2 && unsaid[0].contains("container-died of \"c0\""), "{unsaid:?}");
}

#[test]
fn a_new_name_is_known_wherever_the_old_one_stood() {
    let mut state = State::default();
    state.begin(incident("old", T0, died()), &SETTINGS, T0);
    state.rename("old", "new");
    assert_eq!(until(&mut state, T0 + SECOND), [r#"0.20 ALARM: "new" died (exit 1)"#]);
}
