//! AWS's published tables, each row a case, and what holds for all datapoints.

use proptest::prelude::*;

use super::*;

/// `0` within the threshold, `X` beyond it, `-` missing; the newest on the right.
fn range(text: &str) -> Vec<Option<bool>> {
    text.split_whitespace()
        .map(|word| match word {
            "X" => Some(true),
            "0" => Some(false),
            "-" => None,
            other => panic!("{other}"),
        })
        .collect()
}

const TREATMENTS: [Missing; 4] =
    [Missing::Missing, Missing::Ignore, Missing::Breaching, Missing::NotBreaching];

/// `None`: "Retain current state".
type Row = (&'static str, usize, [Option<State>; 4]);

const A: Option<State> = Some(State::Alarm);
const O: Option<State> = Some(State::Ok);
const I: Option<State> = Some(State::InsufficientData);
const KEEP: Option<State> = None;

fn holds(rows: &[Row], wanted: Wanted) {
    for (points, filled, states) in rows {
        let range = range(points);
        assert_eq!(wanted.periods.saturating_sub(range.iter().flatten().count()), *filled, "{points}");
        for (treatment, expected) in TREATMENTS.into_iter().zip(states) {
            for before in [State::InsufficientData, State::Ok, State::Alarm] {
                let state = decide(&range, wanted, treatment, before);
                assert_eq!(state, expected.unwrap_or(before), "{points}, {treatment:?}, before {before:?}");
            }
        }
    }
}

/// "How alarm state is evaluated when data is missing", the first table, whose second column is how many
/// datapoints must be filled in.
/// <https://docs.aws.amazon.com/AmazonCloudWatch/latest/monitoring/alarms-and-missing-data.html>
#[test]
fn the_published_table_of_three_out_of_three() {
    let wanted = Wanted { periods: 3, breaching: 3 };
    holds(
        &[
            ("0 - X - X", 0, [O, O, O, O]),
            ("0 - - - -", 2, [O, O, O, O]),
            ("- - - - -", 3, [I, KEEP, A, O]),
            ("0 X X - X", 0, [A, A, A, A]),
            ("- - X - -", 2, [A, KEEP, A, O]),
        ],
        wanted,
    );
    // "The next time this alarm is evaluated, if the data is still missing it will go to ALARM."
    assert_eq!(decide(&range("- - - - -"), wanted, Missing::Breaching, State::Ok), State::Alarm);
}

/// The same page's second table.
#[test]
fn the_published_table_of_two_out_of_three() {
    holds(
        &[
            ("0 - X - X", 0, [A, A, A, A]),
            ("0 0 X 0 X", 0, [A, A, A, A]),
            ("0 - X - -", 1, [O, O, A, O]),
            ("- - - - 0", 2, [O, O, A, O]),
            ("- - - X -", 2, [A, KEEP, A, O]),
        ],
        Wanted { periods: 3, breaching: 2 },
    );
}

/// Rows of the tables as they stood until 2019, in the guide's history at d444eed.
/// <https://github.com/awsdocs/amazon-cloudwatch-user-guide>
#[test]
fn the_rows_of_the_earlier_tables() {
    holds(
        &[("- - - - X", 2, [I, KEEP, A, O]), ("X - - - -", 2, [A, KEEP, A, O])],
        Wanted { periods: 3, breaching: 3 },
    );
    holds(&[("- - - - X", 2, [I, KEEP, A, O])], Wanted { periods: 3, breaching: 2 });
}

/// "Avoiding premature transitions to alarm state": `- - - - X` and `- - - X -` are not yet ALARM with 3 of 3,
/// `- - X - -` is.
#[test]
fn it_is_not_alarm_before_its_time() {
    let wanted = Wanted { periods: 3, breaching: 3 };
    for (points, alarm) in [
        ("- - - - X", false),
        ("- - - X -", false),
        ("- - - X X", false),
        ("- - - X 0", false),
        ("- - X - 0", false),
        ("- - X - -", true),
        ("- - X X -", true),
        ("- - X - X", true),
        ("- X - - -", true),
    ] {
        let state = decide(&range(points), wanted, Missing::Missing, State::Ok);
        assert_eq!(state == State::Alarm, alarm, "{points}: {state:?}");
    }
}

/// The figure of "Alarm evaluation": three units are the threshold, 3 of 3; ALARM in the fifth period, OK in the
/// sixth, and one breach in the ninth changes nothing.
/// <https://docs.aws.amazon.com/AmazonCloudWatch/latest/monitoring/alarm-evaluation.html>
#[test]
fn the_published_figure() {
    let values = [false, false, true, true, true, false, false, false, true, false];
    let mut state = State::Ok;
    let mut line = String::new();
    for end in 5..=values.len() {
        let range: Vec<Option<bool>> = values[end - 5..end].iter().copied().map(Some).collect();
        state = decide(&range, Wanted { periods: 3, breaching: 3 }, Missing::Missing, state);
        line.extend(state.word().chars().next());
    }
    assert_eq!(line, "AOOOOO");
}

fn any_range() -> impl Strategy<Value = Vec<Option<bool>>> {
    proptest::collection::vec(proptest::option::of(any::<bool>()), 1..12)
}

fn any_treatment() -> impl Strategy<Value = Missing> {
    proptest::sample::select(&TREATMENTS)
}

proptest! {
    /// "In this case, the value you set for how to treat missing data is not needed and is ignored."
    #[test]
    fn with_enough_datapoints_treatment_does_not_matter(range in any_range(), m in 1_usize..6, more in 0_usize..4) {
        let wanted = Wanted { periods: m + more, breaching: m };
        prop_assume!(range.iter().flatten().count() >= wanted.periods);
        let newest: Vec<bool> = range.iter().rev().flatten().copied().take(wanted.periods).collect();
        let alarm = newest.iter().filter(|breaching| **breaching).count() >= m;
        for treatment in TREATMENTS {
            let state = decide(&range, wanted, treatment, State::InsufficientData);
            prop_assert_eq!(state, if alarm { State::Alarm } else { State::Ok });
        }
    }

    /// A breaching datapoint in the place of one that is not never ends an alarm.
    #[test]
    fn more_breaches_never_calm_it(
        range in any_range(), m in 1_usize..6, more in 0_usize..4, place in any::<prop::sample::Index>(),
        missing in any_treatment(),
    ) {
        let wanted = Wanted { periods: m + more, breaching: m };
        let place = place.index(range.len());
        prop_assume!(range[place] == Some(false));
        let mut worse = range.clone();
        worse[place] = Some(true);
        if decide(&range, wanted, missing, State::Ok) == State::Alarm {
            prop_assert_eq!(decide(&worse, wanted, missing, State::Ok), State::Alarm);
        }
    }

    /// The two that fill in are never without data, and nothing but nothing at all is without data for long.
    #[test]
    fn insufficient_is_said_by_missing_only(
        range in any_range(), m in 1_usize..6, more in 0_usize..4, missing in any_treatment(),
    ) {
        let wanted = Wanted { periods: m + more, breaching: m };
        if decide(&range, wanted, missing, State::Ok) == State::InsufficientData {
            prop_assert_eq!(missing, Missing::Missing);
            prop_assert!(!range.contains(&Some(false)));
        }
    }
}
