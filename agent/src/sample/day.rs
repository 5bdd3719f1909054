//! How a day goes for the sample backend, and a day has two minutes: traffic that rises and falls, failing requests, and
//! a death for want of memory.
//!
//! Pure: it is told how long the backend has run.

use std::f64::consts::TAU;
use std::ops::Range;
use std::time::Duration;

/// How long a day is.
pub(super) const DAY: Duration = Duration::from_mins(2);
/// So far above and below the mean the traffic goes.
const SWING: f64 = 0.7;
/// When requests fail, in seconds of a day: some dependency is away.
const FAILING: Range<u64> = 30..45;
/// When there is no backend.
const DOWN: Range<u64> = 75..84;

/// How the backend is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Mood {
    /// All is well.
    Well,
    /// Half of what it says is that a request failed.
    Failing,
    /// It does not run.
    Down,
}

/// How it is after so long.
pub(super) fn mood(after: Duration) -> Mood {
    match after.as_secs() % DAY.as_secs() {
        second if FAILING.contains(&second) => Mood::Failing,
        second if DOWN.contains(&second) => Mood::Down,
        _ => Mood::Well,
    }
}

/// The traffic after so long, of a mean of 1: it rises at first.
pub(super) fn traffic(after: Duration) -> f64 {
    1.0 + SWING * (TAU * after.as_secs_f64() / DAY.as_secs_f64()).sin()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_day_has_the_mean_traffic_of_any_and_each_of_its_hours_comes_again() {
        let seconds = || (0..DAY.as_secs()).map(Duration::from_secs);
        let mean = seconds().map(traffic).sum::<f64>() / 120.0;
        assert!((mean - 1.0).abs() < 1e-9, "{mean}");
        assert!(seconds().all(|after| (0.29..1.71).contains(&traffic(after))));
        let count = |wanted| seconds().filter(|after| mood(*after) == wanted).count();
        assert_eq!([Mood::Well, Mood::Failing, Mood::Down].map(count), [96, 15, 9]);
        assert!(seconds().all(|after| mood(after + DAY) == mood(after)));
    }
}
