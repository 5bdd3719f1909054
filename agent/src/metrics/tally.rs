//! What lines said, counted in the period of each line's own time until it goes into an [`Aggregate`].
//!
//! Every line comes by here, so its counters have fixed places. Knows neither how lines are written nor
//! when it is emptied.

use super::aggregate::Aggregate;
use super::distribution::{Distribution, MOST};
use super::name::{
    ERROR_LINES, HEALTH_CHECKS, PANICS, REQUESTS, RESPONSE_TIME, RESPONSES_4XX, RESPONSES_5XX,
};
use super::{Kind, Metric};

/// Open periods that are many: what came is a backlog, and is to be taken before more of it is read.
const MANY_PERIODS: usize = 32;
/// Periods that one read may open on top of that. Times so far apart that there are more are not
/// counted: a log of a line a minute has fewer in a read's 256 KiB.
const MOST_PERIODS: usize = 2048;
/// Different values of a dimension of the operator's own: each is a metric to pay for.
const MOST_OF: usize = 20;
/// The dimension's value for all that come later.
const OTHER: &str = "other";

/// What one message says.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Facts {
    /// A request was answered.
    pub access: Option<Access>,
    /// It tells of an error. Never of an access line, whose status says it.
    pub error: bool,
    /// It is the end of a panic or of a fatal error of the runtime.
    pub panic: bool,
}

/// What an access line says.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Access {
    /// From 100 to 599.
    pub status: u16,
    /// How long the answer took, in nanoseconds, if the line says it.
    pub latency_ns: Option<u64>,
    /// The load balancer or the agent asked, or somebody asked for the health check's path.
    pub is_health: bool,
}

/// What lines said since the start, whenever it was taken.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Totals {
    /// Access lines, but for those of health checks.
    pub requests: u64,
    /// Of these, answered with a status from 500 to 599.
    pub responses_5xx: u64,
    /// Events that tell of an error.
    pub error_lines: u64,
}

/// What lines said, by period.
#[derive(Debug)]
pub struct Tally {
    totals: Totals,
    period_ms: i64,
    periods: Vec<Period>,
    /// Which of them the last line was in: the next one is, as a rule.
    last: usize,
    /// The operator's own, in the order in which they came up.
    series: Vec<Series>,
    lost: Vec<(String, u64)>,
}

#[derive(Debug, Default)]
struct Period {
    begins_ms: i64,
    requests: u64,
    responses_4xx: u64,
    responses_5xx: u64,
    health_checks: u64,
    error_lines: u64,
    panics: u64,
    response_time: Distribution,
    /// Of the series with the same number.
    own: Vec<Own>,
}

/// One of the operator's own metrics, of one value of its dimension.
#[derive(Debug)]
struct Series {
    metric: &'static Metric,
    of: Option<String>,
}

/// Its values in one period.
#[derive(Debug, Default)]
struct Own {
    sum: f64,
    distribution: Distribution,
}

impl Tally {
    /// Nothing yet. Of the operator's `own` metrics, those that count and have no dimension are 0 where
    /// nothing happened, as the agent's are; a value of a dimension is not known before it came up.
    pub fn new(period_ms: i64, own: &[&'static Metric]) -> Self {
        let counts = own.iter().filter(|metric| metric.kind == Kind::Count && metric.dimension.is_none());
        let mut series: Vec<Series> = Vec::new();
        for metric in counts {
            if !series.iter().any(|known| std::ptr::eq(known.metric, *metric)) {
                series.push(Series { metric, of: None });
            }
        }
        let totals = Totals::default();
        Self { totals, period_ms: period_ms.max(1), periods: Vec::new(), last: 0, series, lost: Vec::new() }
    }

    /// Opens the period that `time_ms` is in: lines are looked at, and what does not come is 0, no gap.
    pub fn touch(&mut self, time_ms: i64) {
        self.period(time_ms);
    }

    /// Counts what a line of that time says.
    pub fn line(&mut self, time_ms: i64, facts: &Facts) {
        self.totals.add(facts);
        let Some(period) = self.period(time_ms) else { return };
        period.error_lines += u64::from(facts.error);
        period.panics += u64::from(facts.panic);
        match facts.access {
            None => {}
            Some(Access { is_health: true, .. }) => period.health_checks += 1,
            Some(Access { status, latency_ns, .. }) => {
                period.requests += 1;
                period.responses_4xx += u64::from((400..500).contains(&status));
                period.responses_5xx += u64::from((500..600).contains(&status));
                if let Some(latency_ns) = latency_ns {
                    period.response_time.add(seconds(latency_ns));
                }
            }
        }
    }

    /// Takes a value of one of the operator's own metrics. One that is no number from 0 to 10^12 makes a
    /// gap and is a fault.
    pub fn own(&mut self, time_ms: i64, metric: &'static Metric, of: Option<&str>, value: f64) {
        if !(0.0..=MOST).contains(&value) {
            self.no_number(metric);
            return;
        }
        let nth = self.series(metric, of);
        let Some(period) = self.period(time_ms) else { return };
        if period.own.len() <= nth {
            period.own.resize_with(nth + 1, Own::default);
        }
        let Some(own) = period.own.get_mut(nth) else { return };
        if metric.kind == Kind::Distribution {
            own.distribution.add(value);
        } else {
            own.sum += value;
        }
    }

    /// Counts a message whose value for this metric could not be read: a gap.
    pub fn no_number(&mut self, metric: &'static Metric) {
        self.lose(format!("a value for {} is no number from 0 to 10^12", metric.name));
    }

    /// What lines said since the start.
    pub fn totals(&self) -> Totals {
        self.totals
    }

    /// Whether it is to be taken before more lines are read.
    pub fn is_full(&self) -> bool {
        self.periods.len() >= MANY_PERIODS
    }

    /// Puts everything into `into` and begins anew.
    pub fn take(&mut self, into: &mut Aggregate) {
        for period in std::mem::take(&mut self.periods) {
            let time_ms = period.begins_ms;
            for (metric, count) in [
                (&REQUESTS, period.requests),
                (&RESPONSES_4XX, period.responses_4xx),
                (&RESPONSES_5XX, period.responses_5xx),
                (&HEALTH_CHECKS, period.health_checks),
                (&ERROR_LINES, period.error_lines),
                (&PANICS, period.panics),
            ] {
                into.add(time_ms, metric, None, float(count));
            }
            into.distribution(time_ms, &RESPONSE_TIME, None, &period.response_time);
            for (nth, Series { metric, of }) in self.series.iter().enumerate() {
                let own = period.own.get(nth);
                if metric.kind == Kind::Distribution {
                    if let Some(own) = own {
                        into.distribution(time_ms, metric, of.as_deref(), &own.distribution);
                    }
                } else {
                    let sum = own.map_or(0.0, |own| own.sum);
                    if sum > 0.0 || of.is_none() {
                        into.add(time_ms, metric, of.as_deref(), sum);
                    }
                }
            }
        }
        self.last = 0;
    }

    /// What could not be counted since the last call, in words that stay the same, and how often.
    pub fn take_faults(&mut self) -> Vec<(String, u64)> {
        std::mem::take(&mut self.lost)
    }

    fn period(&mut self, time_ms: i64) -> Option<&mut Period> {
        let length = self.period_ms;
        let holds = |period: &Period| (0..length).contains(&time_ms.saturating_sub(period.begins_ms));
        if !self.periods.get(self.last).is_some_and(holds) {
            self.last = match self.periods.iter().position(holds) {
                Some(nth) => nth,
                None if self.periods.len() >= MOST_PERIODS => {
                    self.lose("lines of too many periods came at once to count them all".to_owned());
                    return None;
                }
                None => {
                    let begins_ms = time_ms.div_euclid(length).saturating_mul(length);
                    self.periods.push(Period { begins_ms, ..Period::default() });
                    self.periods.len() - 1
                }
            };
        }
        self.periods.get_mut(self.last)
    }

    /// The number of a series, which may be that of what is too many.
    fn series(&mut self, metric: &'static Metric, of: Option<&str>) -> usize {
        let is = |series: &Series, of: Option<&str>| {
            std::ptr::eq(series.metric, metric) && series.of.as_deref() == of
        };
        if let Some(nth) = self.series.iter().position(|series| is(series, of)) {
            return nth;
        }
        let others = |series: &&Series| {
            std::ptr::eq(series.metric, metric) && series.of.as_deref().is_some_and(|of| of != OTHER)
        };
        let mut of = of;
        if of.is_some() && self.series.iter().filter(others).count() >= MOST_OF {
            self.lose(format!(
                "{} has more than {MOST_OF} values of {}: later ones count as `{OTHER}`",
                metric.name,
                metric.dimension.unwrap_or_default()
            ));
            of = Some(OTHER);
            if let Some(nth) = self.series.iter().position(|series| is(series, of)) {
                return nth;
            }
        }
        self.series.push(Series { metric, of: of.map(str::to_owned) });
        self.series.len() - 1
    }

    fn lose(&mut self, words: String) {
        match self.lost.iter_mut().find(|(known, _)| *known == words) {
            Some((_, times)) => *times += 1,
            None => self.lost.push((words, 1)),
        }
    }
}

impl Totals {
    fn add(&mut self, facts: &Facts) {
        self.error_lines += u64::from(facts.error);
        if let Some(Access { status, is_health: false, .. }) = facts.access {
            self.requests += 1;
            self.responses_5xx += u64::from((500..600).contains(&status));
        }
    }
}

fn seconds(nanoseconds: u64) -> f64 {
    float(nanoseconds) / 1e9
}

#[expect(clippy::cast_precision_loss, reason = "of a duration or a count, 53 bits will do")]
fn float(number: u64) -> f64 {
    number as f64
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::super::aggregate::{Datapoint, Values};
    use super::super::name;
    use super::*;

    const MINUTE: i64 = 60_000;

    fn access(status: u16, latency_ns: u64) -> Facts {
        let access = Access { status, latency_ns: Some(latency_ns), is_health: false };
        Facts { access: Some(access), ..Facts::default() }
    }

    fn taken(tally: &mut Tally) -> Vec<Datapoint> {
        let mut aggregate = Aggregate::new(MINUTE);
        tally.take(&mut aggregate);
        aggregate.close(0, true)
    }

    fn sum(points: &[Datapoint], metric: &str, of: Option<&str>, time_ms: i64) -> Option<f64> {
        let mut found = points.iter().filter(|point| {
            point.metric.name == metric && point.of.as_deref() == of && point.time_ms == time_ms
        });
        let point = found.next()?;
        assert!(found.next().is_none(), "{metric} twice");
        match &point.values {
            Values::Sum(sum) => Some(*sum),
            Values::Distribution(values) => Some(values.sum()),
            Values::Set { .. } => panic!("{metric} is no gauge"),
        }
    }

    #[test]
    fn lines_count_at_their_own_time() {
        let mut tally = Tally::new(MINUTE, &[]);
        for (time_ms, status) in [(60_000, 200), (119_999, 404), (120_000, 503), (60_001, 500), (-1, 204)] {
            tally.line(time_ms, &access(status, 250_000_000));
        }
        tally.line(60_002, &Facts { error: true, ..Facts::default() });
        tally.line(60_003, &Facts { error: true, panic: true, ..Facts::default() });
        let points = taken(&mut tally);
        for (metric, minutes) in [
            ("requests", [Some(1.0), Some(3.0), Some(1.0)]),
            ("responses_4xx", [Some(0.0), Some(1.0), Some(0.0)]),
            ("responses_5xx", [Some(0.0), Some(1.0), Some(1.0)]),
            ("response_time", [Some(0.25), Some(0.75), Some(0.25)]),
            ("error_lines", [Some(0.0), Some(2.0), Some(0.0)]),
            ("panics", [Some(0.0), Some(1.0), Some(0.0)]),
            ("health_checks", [Some(0.0), Some(0.0), Some(0.0)]),
        ] {
            let found = [-60_000, 60_000, 120_000].map(|time_ms| sum(&points, metric, None, time_ms));
            assert_eq!(found, minutes, "{metric}");
        }
        assert_eq!(taken(&mut tally), [], "taken once");
    }

    #[test]
    fn health_checks_are_kept_apart() {
        let mut tally = Tally::new(MINUTE, &[]);
        for status in [200, 503] {
            let access = Access { status, latency_ns: Some(1), is_health: true };
            tally.line(0, &Facts { access: Some(access), ..Facts::default() });
        }
        let points = taken(&mut tally);
        assert_eq!(sum(&points, "health_checks", None, 0), Some(2.0));
        assert_eq!(sum(&points, "requests", None, 0), Some(0.0));
        assert_eq!(sum(&points, "responses_5xx", None, 0), Some(0.0));
        assert_eq!(sum(&points, "response_time", None, 0), None);
    }

    #[test]
    fn a_period_without_lines_is_zero_and_no_gap() {
        let counts = name::custom("tally_counts", "Count", Kind::Count, None);
        let times = name::custom("tally_times", "Seconds", Kind::Distribution, None);
        let by_path = name::custom("tally_by_path", "Count", Kind::Count, Some("path"));
        let mut tally = Tally::new(MINUTE, &[counts, counts, times, by_path]);
        tally.touch(59_000);
        let points = taken(&mut tally);
        for metric in ["requests", "responses_4xx", "responses_5xx", "error_lines", "panics", "tally_counts"]
        {
            assert_eq!(sum(&points, metric, None, 0), Some(0.0), "{metric}");
        }
        assert_eq!(points.len(), 7, "{points:?}");
    }

    #[test]
    fn own_metrics_add_up_or_are_distributed() {
        let bytes = name::custom("tally_bytes", "Bytes", Kind::Count, None);
        let times = name::custom("tally_times", "Seconds", Kind::Distribution, Some("route"));
        let mut tally = Tally::new(MINUTE, &[bytes, times]);
        for value in [1.0, 2.5, f64::NAN, -1.0, f64::INFINITY] {
            tally.own(0, bytes, None, value);
            tally.own(0, times, Some("/a"), value);
        }
        for value in [1e15, f64::MAX, f64::MAX] {
            tally.own(0, bytes, None, value);
            tally.own(0, times, Some("/b"), value);
        }
        let points = taken(&mut tally);
        assert_eq!(sum(&points, "tally_bytes", None, 0), Some(3.5));
        assert_eq!(sum(&points, "tally_times", Some("/a"), 0), Some(3.5));
        assert_eq!(sum(&points, "tally_times", Some("/b"), 0), None);
        let faults = tally.take_faults();
        assert_eq!(faults.iter().map(|(_, times)| times).collect::<Vec<_>>(), [&6, &6], "{faults:?}");
        assert_eq!(tally.take_faults(), []);
    }

    #[test]
    fn the_twenty_first_value_of_a_dimension_is_other() {
        let metric = name::custom("tally_users", "Count", Kind::Count, Some("user"));
        let mut tally = Tally::new(MINUTE, &[metric]);
        for n in 0..30 {
            tally.own(0, metric, Some(&format!("u{n}")), 1.0);
            tally.own(0, metric, Some("u0"), 1.0);
        }
        let points = taken(&mut tally);
        let own: Vec<_> = points.iter().filter(|point| point.metric.name == "tally_users").collect();
        assert_eq!(own.len(), 21);
        assert_eq!(sum(&points, "tally_users", Some("other"), 0), Some(10.0));
        assert_eq!(sum(&points, "tally_users", Some("u0"), 0), Some(31.0));
        assert_eq!(tally.take_faults()[0].1, 10);
        // The values stay the same from period to period: a new one would be one more to pay for.
        tally.own(60_000, metric, Some("late"), 1.0);
        assert_eq!(sum(&taken(&mut tally), "tally_users", Some("other"), 60_000), Some(1.0));
    }

    #[test]
    fn a_backlog_is_full_and_madness_is_bounded() {
        let mut tally = Tally::new(MINUTE, &[]);
        for n in 0..32 {
            assert!(!tally.is_full());
            tally.touch(n * MINUTE);
        }
        assert!(tally.is_full());
        for n in 0..4000 {
            tally.line(n * MINUTE, &access(200, 0));
        }
        assert_eq!(tally.take_faults()[0].1, 4000 - 2048);
        let points = taken(&mut tally);
        assert_eq!(points.iter().filter(|point| point.metric.name == "requests").count(), 2048);
        assert!(!tally.is_full());
        for time_ms in [i64::MIN, i64::MAX] {
            tally.touch(time_ms);
        }
    }

    proptest! {
        #[test]
        fn it_counts_what_an_aggregate_would(lines in prop::collection::vec((0..400_000i64, 100..600u16, 0..9_000_000_000u64), 0..200)) {
            let (mut tally, mut direct) = (Tally::new(7_000, &[]), Aggregate::new(7_000));
            for (time_ms, status, latency_ns) in &lines {
                tally.line(*time_ms, &access(*status, *latency_ns));
                direct.add(*time_ms, &REQUESTS, None, 1.0);
                direct.add(*time_ms, &RESPONSE_TIME, None, seconds(*latency_ns));
            }
            let mut taken = Aggregate::new(7_000);
            tally.take(&mut taken);
            let mut taken = taken.close(0, true);
            taken.retain(|point| ["requests", "response_time"].contains(&point.metric.name));
            prop_assert_eq!(taken, direct.close(0, true));
        }
    }
}
