//! Readings of one period become one datapoint each.
//!
//! A reading belongs to the period of its own time, not to the one in which it arrives: lines that are
//! read late count where they were printed. `CloudWatch` adds up what is sent twice for one period.

use std::collections::BTreeMap;
use std::time::Duration;

use super::distribution::Distribution;
use super::{Kind, Metric, Readings};

/// All periods that are still open.
#[derive(Debug)]
pub struct Aggregate {
    period_ms: i64,
    periods: BTreeMap<i64, BTreeMap<Series, Summary>>,
}

/// What is measured, of what.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
struct Series {
    name: &'static str,
    of: Option<String>,
}

/// A metric over one period.
#[derive(Debug, Clone, PartialEq)]
pub struct Datapoint {
    /// Of what.
    pub metric: &'static Metric,
    /// The value of the metric's dimension.
    pub of: Option<String>,
    /// When the period began, in milliseconds since the epoch.
    pub time_ms: i64,
    /// What came of it.
    pub values: Values,
}

/// What came of the readings of a period.
#[derive(Debug, Clone, PartialEq)]
pub enum Values {
    /// [`Kind::Gauge`].
    Set {
        /// The smallest reading.
        min: f64,
        /// The largest.
        max: f64,
        /// All of them together.
        sum: f64,
        /// How many they were.
        count: u64,
    },
    /// [`Kind::Count`].
    Sum(f64),
    /// [`Kind::Distribution`].
    Distribution(Distribution),
}

#[derive(Debug)]
struct Summary {
    metric: &'static Metric,
    values: Values,
}

impl Aggregate {
    /// Nothing yet. Periods begin at multiples of `period_ms` since the epoch, on every host alike.
    pub fn new(period_ms: i64) -> Self {
        Self { period_ms: period_ms.max(1), periods: BTreeMap::new() }
    }

    /// Takes one value of a metric. One that is no number, or negative where that makes no sense, is
    /// refused.
    pub fn add(&mut self, time_ms: i64, metric: &'static Metric, of: Option<&str>, value: f64) -> bool {
        if !value.is_finite() || (metric.kind == Kind::Count && value < 0.0) {
            return false;
        }
        match self.values(time_ms, metric, of) {
            Values::Set { min, max, sum, count } => {
                (*min, *max) = (min.min(value), max.max(value));
                *sum += value;
                *count += 1;
                true
            }
            Values::Sum(sum) => {
                *sum += value;
                true
            }
            Values::Distribution(distribution) => distribution.add(value),
        }
    }

    /// Takes what one look gave.
    pub fn take(&mut self, time_ms: i64, readings: &Readings) {
        for reading in &readings.values {
            self.add(time_ms, reading.metric, reading.of.as_deref(), reading.value);
        }
    }

    /// Takes many values of a [`Kind::Distribution`] at once.
    pub fn distribution(
        &mut self,
        time_ms: i64,
        metric: &'static Metric,
        of: Option<&str>,
        values: &Distribution,
    ) {
        if !values.is_empty()
            && let Values::Distribution(distribution) = self.values(time_ms, metric, of)
        {
            distribution.merge(values);
        }
    }

    /// Adds what others put together.
    pub fn merge(&mut self, point: Datapoint) {
        let Datapoint { metric, of, time_ms, values } = point;
        match (self.values(time_ms, metric, of.as_deref()), values) {
            (Values::Sum(sum), Values::Sum(more)) => *sum += more,
            (Values::Distribution(all), Values::Distribution(more)) => all.merge(&more),
            (
                Values::Set { min, max, sum, count },
                Values::Set { min: least, max: most, sum: more, count: times },
            ) => {
                (*min, *max) = (min.min(least), max.max(most));
                (*sum, *count) = (*sum + more, *count + times);
            }
            // A metric has one kind.
            _ => {}
        }
    }

    fn values(&mut self, time_ms: i64, metric: &'static Metric, of: Option<&str>) -> &mut Values {
        let period = time_ms.div_euclid(self.period_ms) * self.period_ms;
        let series = Series { name: metric.name, of: of.map(str::to_owned) };
        let new = || Summary { metric, values: Values::new(metric.kind) };
        &mut self.periods.entry(period).or_default().entry(series).or_insert_with(new).values
    }

    /// When the period that `time_ms` is in ends.
    pub fn end_of_period(&self, time_ms: i64) -> i64 {
        (time_ms.div_euclid(self.period_ms) + 1) * self.period_ms
    }

    /// Closes the periods that ended by `now_ms`, and all others if `all`.
    pub fn close(&mut self, now_ms: i64, all: bool) -> Vec<Datapoint> {
        let mut datapoints = Vec::new();
        while let Some(period) = self.periods.first_entry() {
            let time_ms = *period.key();
            if !all && time_ms + self.period_ms > now_ms {
                break;
            }
            for (series, Summary { metric, values }) in period.remove() {
                datapoints.push(Datapoint { metric, of: series.of, time_ms, values });
            }
        }
        datapoints
    }
}

/// How long after a look at `now_ms` the next one is, from which on they are at equal distances: in the
/// midst of a part of time that is as long as they are apart. Where each period has one look only, one that is
/// late, or early, still belongs to its own. `random` is in 0..1: hosts need not all look at once.
pub fn first_look(every: Duration, now_ms: i64, random: f64) -> Duration {
    let every_ms = i64::try_from(every.as_millis()).unwrap_or(i64::MAX).max(1);
    let rest_ms = every_ms - now_ms.rem_euclid(every_ms);
    Duration::from_millis(u64::try_from(rest_ms).unwrap_or_default()) + every.mul_f64(0.25 + random / 2.0)
}

impl Values {
    fn new(kind: Kind) -> Self {
        match kind {
            Kind::Gauge => Self::Set { min: f64::INFINITY, max: f64::NEG_INFINITY, sum: 0.0, count: 0 },
            Kind::Count => Self::Sum(0.0),
            Kind::Distribution => Self::Distribution(Distribution::default()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::super::name::{CONTAINER_UP, CPU_USAGE_ACTIVE, REQUESTS, RESPONSE_TIME};
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn readings_of_a_period_become_one_datapoint_of_their_kind() {
        let mut aggregate = Aggregate::new(60_000);
        for (time_ms, value) in [(0, 3.0), (59_999, 1.0), (60_000, 9.0)] {
            aggregate.add(time_ms, &CPU_USAGE_ACTIVE, None, value);
            aggregate.add(time_ms, &REQUESTS, None, value);
            aggregate.add(time_ms, &RESPONSE_TIME, None, value);
        }
        let closed = aggregate.close(119_999, false);
        let values = |name| closed.iter().find(|point| point.metric.name == name).map(|point| &point.values);
        assert_eq!(values("cpu_usage_active"), Some(&Values::Set { min: 1.0, max: 3.0, sum: 4.0, count: 2 }));
        assert_eq!(values("requests"), Some(&Values::Sum(4.0)));
        let Some(Values::Distribution(times)) = values("response_time") else { panic!() };
        assert_eq!((times.count(), times.sum()), (2, 4.0));
        assert!(closed.iter().all(|point| point.time_ms == 0));
        assert_eq!(aggregate.close(120_000, false).len(), 3);
        assert_eq!(aggregate.end_of_period(60_000), 120_000);
    }

    #[test]
    fn one_series_for_each_container_and_late_readings_where_they_belong() {
        let mut aggregate = Aggregate::new(10_000);
        aggregate.add(25_000, &CONTAINER_UP, Some("a"), 1.0);
        aggregate.add(5_000, &CONTAINER_UP, Some("b"), 0.0);
        let closed: Vec<_> =
            aggregate.close(0, true).into_iter().map(|point| (point.time_ms, point.of.unwrap())).collect();
        assert_eq!(closed, [(0, "b".to_owned()), (20_000, "a".to_owned())]);
    }

    #[test]
    fn looks_are_in_the_midst_of_their_periods() {
        let every = Duration::from_secs(10);
        for (now_ms, random, at_ms) in
            [(60_000, 0.0, 72_500), (60_001, 0.5, 75_000), (69_999, 0.999, 77_495), (-1, 0.5, 5_000)]
        {
            let wait = i64::try_from(first_look(every, now_ms, random).as_millis()).unwrap();
            assert!((now_ms + wait - at_ms).abs() <= 1, "{now_ms} + {wait}");
        }
    }

    #[test]
    fn what_is_no_number_makes_a_gap_and_nothing_else() {
        let mut aggregate = Aggregate::new(10_000);
        for value in [f64::NAN, f64::INFINITY, f64::NEG_INFINITY] {
            assert!(!aggregate.add(0, &CPU_USAGE_ACTIVE, None, value));
        }
        assert!(!aggregate.add(0, &REQUESTS, None, -1.0));
        assert!(aggregate.close(0, true).is_empty());
    }

    proptest! {
        #[test]
        fn nothing_is_lost_between_periods(readings in prop::collection::vec((0..200_000i64, 0..1000u32), 0..300), upto in 0..250_000i64) {
            let mut aggregate = Aggregate::new(7_000);
            for (time_ms, value) in &readings {
                aggregate.add(*time_ms, &REQUESTS, None, f64::from(*value));
            }
            let mut closed = aggregate.close(upto, false);
            prop_assert!(closed.iter().all(|point| point.time_ms + 7_000 <= upto));
            closed.extend(aggregate.close(upto, true));
            for point in &closed {
                let Values::Sum(sum) = point.values else { panic!() };
                let expected: u32 = readings.iter().filter(|(at, _)| (point.time_ms..point.time_ms + 7_000).contains(at)).map(|(_, value)| value).sum();
                prop_assert!((sum - f64::from(expected)).abs() < 1e-9);
            }
            let total: u32 = readings.iter().map(|(_, value)| value).sum();
            let sums: f64 = closed.iter().map(|point| if let Values::Sum(sum) = point.values { sum } else { 0.0 }).sum();
            prop_assert!((sums - f64::from(total)).abs() < 1e-9);
        }
    }
}
