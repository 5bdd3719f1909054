//! What is told of alerts whose rule is silenced.

use super::*;
use crate::alerts::silence::Silence;

pub(super) fn silence(state: &mut State, rule: &str, until_ns: i64) {
    let silence =
        Silence { rule: rule.to_owned(), since_ns: T0, until_ns, reason: None, by: Some("root".to_owned()) };
    state.silences.add(silence, T0).unwrap();
}

fn die(state: &mut State, name: &str, at_ns: i64) -> Noted {
    state.begin(incident(name, at_ns, died()), &SETTINGS, at_ns)
}

/// As it is after a restart of the agent; silences are in a file of their own.
fn restarted(state: &State) -> State {
    let mut again: State = serde_json::from_slice(&serde_json::to_vec(state).unwrap()).unwrap();
    again.silences = state.silences.clone();
    again
}

#[test]
fn what_begins_and_ends_in_a_silence_is_in_the_journal_alone() {
    let mut state = State::default();
    silence(&mut state, "container-*", T0 + 10 * MINUTE);
    die(&mut state, "web", T0);
    assert_eq!(until(&mut state, T0 + SECOND), [""; 0]);
    assert_eq!(
        state.take_unsaid(),
        [r#"silenced until 2027-01-15 08:10:00 UTC, so it is not sent: ALARM: "web" died (exit 1)"#]
    );
    assert!(state.is_holding_back());
    state.change("web", T0 + 2 * SECOND, Change::Up, &SETTINGS);
    assert!(!state.is_holding_back(), "it will be over soon");
    let mut state = restarted(&state);
    assert_eq!(until(&mut state, T0 + 60 * MINUTE), [""; 0]);
    assert_eq!(state.take_unsaid(), [r#"silenced alert ended: "web" is up again after 2 s"#]);
    assert_eq!(state.next(), None);
    die(&mut state, "web", T0 + 20 * MINUTE);
    assert_eq!(until(&mut state, T0 + 60 * MINUTE), [r#"1200.20 ALARM: "web" died (exit 1)"#]);
}

#[test]
fn what_is_still_open_when_the_silence_ends_is_told_then_with_its_time_and_once() {
    let mut state = State::default();
    silence(&mut state, "all", T0 + 10 * MINUTE);
    for n in 0..30 {
        die(&mut state, &format!("c{n:02}"), T0);
    }
    state.begin(incident("sick", T0, Cause::Unhealthy), &SETTINGS, T0);
    assert_eq!(until(&mut state, T0 + MINUTE), [""; 0]);
    // It was taken away, one came back and went again, and one was told of already by a restart.
    state.change("c00", T0 + MINUTE, Change::Removed, &SETTINGS);
    state.change("c01", T0 + MINUTE, Change::Up, &SETTINGS);
    assert_eq!(die(&mut state, "c01", T0 + MINUTE + SECOND), Noted::Counted);
    let mut state = restarted(&state);
    assert_eq!(state.next(), Some(T0 + 2 * MINUTE), "the end of c00");
    let mut told = Vec::new();
    while let Some(now) = state.next().filter(|now| *now < T0 + 60 * MINUTE) {
        told.extend(state.due(&SETTINGS, now).into_iter().map(|message| (now, message)));
    }
    let [(now, Message::Group(died)), (_, Message::Group(sick))] = told.as_slice() else {
        panic!("{told:?}")
    };
    assert_eq!((*now - T0, died.at_ns, died.count), (10 * MINUTE + QUIET, T0, 29));
    assert_eq!(died.members.len(), NAMED);
    let explained = &died.members[0].explained;
    assert!(explained.ends_with("the silence has ended and it still lasts."), "{explained}");
    assert_eq!(sick.members[0].lines, Some(Ok(vec!["a line".to_owned()])));
    assert_eq!(die(&mut state, "c05", T0 + 61 * MINUTE), Noted::Counted);
    state.change("sick", T0 + 61 * MINUTE, Change::Healthy, &SETTINGS);
    assert_eq!(
        until(&mut state, T0 + 70 * MINUTE),
        [r#"3722.00 OK: "sick" is healthy again after 1 h 1 min"#]
    );
}

#[test]
fn whoever_was_told_of_a_beginning_hears_of_its_end_after_the_silence() {
    let mut state = State::default();
    die(&mut state, "web", T0);
    assert_eq!(until(&mut state, T0 + SECOND).len(), 1);
    silence(&mut state, "container-died", T0 + 10 * MINUTE);
    state.change("web", T0 + 2 * SECOND, Change::Up, &SETTINGS);
    assert_eq!(until(&mut state, T0 + 9 * MINUTE), [""; 0]);
    let ended = r#"silenced alert ended: "web" is up again after 2 s; that is told when the silence ends"#;
    assert_eq!(state.take_unsaid(), [ended]);
    let mut state = restarted(&state);
    let told = until(&mut state, T0 + 60 * MINUTE);
    assert_eq!(told, [r#"602.00 OK: "web" is up again after 2 s"#]);
    assert_eq!((state.take_unsaid().len(), state.next()), (0, None));
}

#[test]
fn a_silence_that_is_ended_before_its_time_or_made_longer_counts_from_then_on() {
    let mut state = State::default();
    silence(&mut state, "container-died", T0 + 10 * MINUTE);
    die(&mut state, "web", T0);
    assert_eq!(until(&mut state, T0 + SECOND), [""; 0]);
    silence(&mut state, "container-died", T0 + 20 * MINUTE);
    assert_eq!(until(&mut state, T0 + 15 * MINUTE), [""; 0]);
    assert_eq!(state.next(), Some(T0 + 20 * MINUTE));
    state.silences.end("all", T0 + 15 * MINUTE);
    let now = T0 + 15 * MINUTE;
    assert_eq!(state.due(&SETTINGS, now), []);
    assert_eq!(until(&mut state, now + SECOND), [r#"900.20 ALARM: "web" died (exit 1)"#]);
}

#[test]
fn other_rules_are_told_and_a_silenced_one_takes_none_of_their_messages() {
    let mut state = State::default();
    silence(&mut state, "container-died", T0 + 50 * MINUTE);
    for n in 0..40 {
        let at = T0 + n * MINUTE;
        die(&mut state, &format!("c{n}"), at);
        assert_eq!(until(&mut state, at + SECOND), [""; 0]);
    }
    state.begin(incident("web", T0 + 41 * MINUTE, Cause::Unhealthy), &SETTINGS, T0 + 41 * MINUTE);
    let told = until(&mut state, T0 + 42 * MINUTE);
    assert_eq!(told, [r#"2460.20 ALARM: "web" is unhealthy"#]);
    let told = until(&mut state, T0 + 55 * MINUTE);
    assert_eq!(told, ["3000.20 ALARM: 40 containers died"]);
}

proptest! {
    #[test]
    fn whatever_is_silenced_there_are_never_two_messages_of_one_kind_and_none_in_a_silence(
        steps in proptest::collection::vec((0_u8..6, 0_i64..200), 1..60),
    ) {
        let (mut state, mut now, mut last) = (State::default(), T0, "OK");
        let settings = Settings { max_per_hour: 1000, loop_deaths: 1000, ..SETTINGS };
        for (step, seconds) in steps {
            match step {
                0 | 1 => { state.begin(incident("web", now, died()), &settings, now); }
                2 | 3 => { state.change("web", now, Change::Up, &settings); }
                4 => silence(&mut state, "container-died", now + seconds * 2 * SECOND),
                _ => { state.silences.end("all", now); }
            }
            // What is being told just then is judged again by others.
            if seconds % 7 == 0 && state.forming.is_empty() {
                state = restarted(&state);
            }
            let end = now + seconds * SECOND;
            let mut rounds = 0;
            while let Some(next) = state.next().filter(|next| *next <= end) {
                now = now.max(next);
                for message in state.due(&settings, now) {
                    prop_assert!(!state.silences.is_silenced("container-died", now));
                    let word = if message.step() == Some(Step::Begin) { "ALARM" } else { "OK" };
                    prop_assert_ne!(word, last);
                    last = word;
                }
                rounds += 1;
                prop_assert!(rounds < 100, "it is never done");
            }
            now = end;
        }
    }
}
