//! `CloudWatch`'s evaluation of alarms, as functions of datapoints and a time.
//!
//! ```text
//! Data ─▶ statistic ─▶ metric (or math) ─▶ decide ─▶ Verdict ─▶ watch: transitions, composite alarms,
//!                                                               suppression ─▶ what is notified
//! ```
//!
//! This file is the decision itself: from the newest datapoints to the state. It knows neither metrics nor
//! what is done about a state.

pub mod data;
pub mod metric;
mod reason;
pub mod statistic;
pub mod suppress;
#[cfg(test)]
mod tests;
pub mod watch;

use super::definition::Missing;

/// The state of an alarm. Not to be confused with whether its actions are taken.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
pub enum State {
    /// What an alarm is in when it is made: "When this operation creates an alarm, the alarm state is immediately
    /// set to `INSUFFICIENT_DATA`. The alarm is then evaluated and its state is set appropriately. Any actions
    /// associated with the new state are then executed."
    /// <https://docs.aws.amazon.com/AmazonCloudWatch/latest/APIReference/API_PutMetricAlarm.html>
    #[default]
    InsufficientData,
    /// Within the threshold.
    Ok,
    /// Beyond it.
    Alarm,
}

impl State {
    /// As the service writes it.
    pub fn word(self) -> &'static str {
        match self {
            Self::InsufficientData => "INSUFFICIENT_DATA",
            Self::Ok => "OK",
            Self::Alarm => "ALARM",
        }
    }
}

/// Periods that are looked at besides those that are evaluated, in case some of these have no datapoint.
///
/// "Whenever an alarm evaluates whether to change state, `CloudWatch` attempts to retrieve a higher number of
/// data points than the number specified as Evaluation Periods. The exact number […] depends on the length of
/// the alarm period and whether it is based on a metric with standard resolution or high resolution." It is
/// published for one case only: of three periods, five are retrieved. That difference is taken for all.
/// <https://docs.aws.amazon.com/AmazonCloudWatch/latest/monitoring/alarms-and-missing-data.html>
pub const EXTRA: usize = 2;

/// Whether each period of the evaluation range breaches the threshold, the oldest first; `None` where there is
/// no datapoint.
pub type Categories = [Option<bool>];

/// N and M of "M out of N".
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Wanted {
    /// `EvaluationPeriods`
    pub periods: usize,
    /// `DatapointsToAlarm`
    pub breaching: usize,
}

/// Which of the range are evaluated: the newest that are there, as many as the alarm evaluates, or all if there
/// are fewer. The newest first.
pub(super) fn evaluated(range: &Categories, periods: usize) -> impl Iterator<Item = usize> + '_ {
    range.iter().enumerate().rev().filter(|(_, point)| point.is_some()).map(|(place, _)| place).take(periods)
}

/// The state that these datapoints give.
///
/// What follows is "How alarm state is evaluated when data is missing" and "Avoiding premature transitions to
/// alarm state", whose tables are this function's tests:
/// <https://docs.aws.amazon.com/AmazonCloudWatch/latest/monitoring/alarms-and-missing-data.html>
///
/// - With as many datapoints in the range as the alarm evaluates, or more, the newest of them decide, and how
///   missing data is treated does not matter.
/// - With fewer, all of them count, and as few missing ones as possible are filled in. `breaching` and
///   `notBreaching` say as what.
/// - `missing` and `ignore` fill in nothing: real datapoints that breach in sufficient number are `ALARM`, and
///   one that does not breach is otherwise `OK`. Where all there are breach, but too few, `missing` is `ALARM`
///   if the oldest of them is at least as old as `DatapointsToAlarm` periods ("alarms are designed to always go
///   into ALARM state when the oldest available breaching datapoint […] is at least as old as the value of
///   Datapoints to Alarm, and all other more recent data points are breaching or missing"), else it is too early
///   to tell: `INSUFFICIENT_DATA`, as the page's table had `- - - - X` until 2019. Of `ignore` the same rows say
///   that the state stays.
pub fn decide(range: &Categories, wanted: Wanted, missing: Missing, before: State) -> State {
    let Wanted { periods, breaching: least } = wanted;
    let points: Vec<bool> =
        evaluated(range, periods).filter_map(|place| range.get(place).copied()?).collect();
    let breaching = points.iter().filter(|breaching| **breaching).count();
    let filled = periods.saturating_sub(points.len());
    let by_number = |breaching| if breaching >= least { State::Alarm } else { State::Ok };
    match missing {
        _ if filled == 0 => by_number(breaching),
        Missing::Breaching => by_number(breaching + filled),
        Missing::NotBreaching => by_number(breaching),
        Missing::Missing | Missing::Ignore => {
            // In periods: the newest is one old.
            let age = range.iter().position(Option::is_some).map_or(0, |oldest| range.len() - oldest);
            if breaching >= least {
                State::Alarm
            } else if breaching < points.len() {
                State::Ok
            } else if missing == Missing::Ignore {
                before
            } else if age >= least {
                State::Alarm
            } else {
                State::InsufficientData
            }
        }
    }
}
