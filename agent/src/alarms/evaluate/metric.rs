//! A metric alarm, ready to be evaluated: what it asks of the data, and the state that this gives.
//!
//! What cannot be evaluated (anomaly detection, searches, units) is told when the alarm is made ready, so that an
//! evaluation never fails. It remembers nothing: the state before is an argument.

mod queries;

use super::data::{Data, Name};
use super::statistic::{Point, Statistic};
use super::{Categories, EXTRA, State, Wanted, decide, evaluated, reason};
use crate::alarms::definition::{Alarm, Comparison, Missing};
use queries::Queries;

/// <https://docs.aws.amazon.com/AmazonCloudWatch/latest/APIReference/API_PutMetricAlarm.html>, `EvaluationPeriods`
const WEEK_S: u64 = 7 * 86_400;

/// A metric alarm that can be evaluated.
#[derive(Debug, Clone)]
pub struct Evaluation {
    source: Source,
    period_s: u32,
    wanted: Wanted,
    threshold: f64,
    comparison: Comparison,
    missing: Missing,
    /// Samples of a period below which the state stays as it is.
    enough: Option<f64>,
}

#[derive(Debug, Clone)]
enum Source {
    Single(Name, Statistic),
    Math(Queries),
}

/// What an evaluation found.
#[derive(Debug, Clone, PartialEq)]
pub struct Verdict {
    /// The state from now on.
    pub state: State,
    /// Why, in the service's words; empty where nothing was evaluated.
    pub reason: String,
    /// The evaluation range, the oldest first: when a period begins, in seconds, and its datapoint.
    pub range: Vec<(i64, Option<Point>)>,
}

impl Evaluation {
    /// Makes an alarm ready. All that cannot be evaluated is told, in words.
    pub fn new(alarm: &Alarm) -> Result<Self, Vec<String>> {
        let mut faults = Vec::new();
        if alarm.threshold_metric_id.is_some() {
            faults.push("anomaly detection is not evaluated here".to_owned());
        } else if alarm.threshold.is_none() {
            faults.push("there is no Threshold".to_owned());
        }
        if !reason::is_plain(alarm.comparison_operator) && alarm.threshold_metric_id.is_none() {
            faults.push("its comparison is one of anomaly detection".to_owned());
        }
        if alarm.unit.is_some() || alarm.metrics.iter().any(|query| has_unit(query.metric_stat.as_ref())) {
            faults.push("units are not evaluated here: leave Unit out".to_owned());
        }
        let last = alarm.evaluation_periods;
        let breaching = alarm.datapoints_to_alarm.unwrap_or(last);
        if breaching == 0 || breaching > last {
            faults.push(format!("{breaching} out of {last} datapoints cannot be"));
        }
        // "The number of evaluation periods for an alarm multiplied by the length of each evaluation period", at most.
        let longest_s = longest_period_s(alarm).saturating_mul(u64::from(last));
        if longest_s > WEEK_S {
            faults.push(format!("it looks back for {longest_s} seconds, and no alarm for more than a week"));
        }
        let source = if alarm.metrics.is_empty() { single(alarm) } else { math(alarm) };
        let wanted = Wanted { periods: count(last), breaching: count(breaching) };
        match (source, alarm.threshold) {
            (Ok((source, period_s)), Some(threshold)) if faults.is_empty() => {
                let ignores = alarm.evaluate_low_sample_count_percentile.as_deref() == Some("ignore");
                let enough = match &source {
                    Source::Single(_, statistic) if ignores => statistic.enough(),
                    _ => None,
                };
                let missing = alarm.treat_missing_data;
                let comparison = alarm.comparison_operator;
                Ok(Self { source, period_s, wanted, threshold, comparison, missing, enough })
            }
            (Err(more), _) => Err(faults.into_iter().chain(more).collect()),
            (Ok(_), _) => Err(faults),
        }
    }

    /// Seconds between two evaluations: "For any period of one minute or longer, an alarm is evaluated every
    /// minute […] If the alarm period is 10 seconds or 30 seconds, the alarm is evaluated every 10 seconds."
    /// <https://docs.aws.amazon.com/AmazonCloudWatch/latest/monitoring/alarm-evaluation.html>
    pub fn step_s(&self) -> u32 {
        if self.period_s < 60 { 10 } else { 60 }
    }

    /// How far back an evaluation looks, in seconds.
    pub fn reach_s(&self) -> i64 {
        i64::from(self.period_s) * i64::try_from(self.wanted.periods + EXTRA).unwrap_or(i64::MAX)
    }

    /// The metrics that it looks at.
    pub fn metrics(&self) -> Vec<&Name> {
        match &self.source {
            Source::Single(name, _) => vec![name],
            Source::Math(queries) => queries.metrics(),
        }
    }

    /// The threshold with which each datapoint is compared.
    pub fn threshold(&self) -> f64 {
        self.threshold
    }

    /// What the alarm finds at a time, which is a multiple of [`step_s`](Self::step_s).
    ///
    /// Periods end at that time, and are no slots of a clock: "at the end of minute 5 the alarm evaluates based on
    /// data from minutes 1 to 5. Then at the end of minute 6, the alarm is evaluated based on the data from
    /// minutes 2 to 6" (the same page).
    ///
    /// Of a percentile with `EvaluateLowSampleCountPercentile` at `ignore`, "the alarm state does not change during
    /// periods with too few data points to be statistically significant"
    /// (<https://docs.aws.amazon.com/AmazonCloudWatch/latest/APIReference/API_PutMetricAlarm.html>). Over which
    /// stretch they are counted is not said; here each period must have enough that is evaluated.
    pub fn at(&self, data: &Data, now_s: i64, before: State) -> Verdict {
        let range = self.range(data, now_s);
        let categories: Vec<Option<bool>> = range
            .iter()
            .map(|(_, point)| {
                point.map(|point| reason::breaches(point.value, self.comparison, self.threshold))
            })
            .collect();
        let few = |place: usize| {
            let samples = range.get(place).and_then(|(_, point)| *point).map(|point| point.samples);
            samples.zip(self.enough).is_some_and(|(samples, enough)| samples < enough)
        };
        if evaluated(&categories, self.wanted.periods).any(few) {
            return Verdict { state: before, reason: String::new(), range };
        }
        let state = decide(&categories, self.wanted, self.missing, before);
        let reason = self.reason(&range, &categories, state);
        Verdict { state, reason, range }
    }

    fn range(&self, data: &Data, now_s: i64) -> Vec<(i64, Option<Point>)> {
        let places = self.wanted.periods + EXTRA;
        let period_s = i64::from(self.period_s);
        let starts: Vec<i64> =
            (1..=places).rev().filter_map(|ago| Some(now_s - period_s * i64::try_from(ago).ok()?)).collect();
        match &self.source {
            Source::Single(name, statistic) => {
                let point = |start_s: i64| statistic.of(data.between(name, start_s, start_s + period_s));
                starts.into_iter().map(|start_s| (start_s, point(start_s))).collect()
            }
            Source::Math(queries) => {
                let values = queries.series(data, &starts, self.period_s);
                let point = |value: f64| Point { value, samples: 0.0 };
                starts.iter().copied().zip(values.into_iter().map(|value| value.map(point))).collect()
            }
        }
    }

    fn reason(&self, range: &[(i64, Option<Point>)], categories: &Categories, state: State) -> String {
        let newest = evaluated(categories, self.wanted.periods);
        let points = newest.filter_map(|place| {
            let (start_s, point) = range.get(place)?;
            Some((*start_s, (*point)?.value, categories.get(place).copied()??))
        });
        let points: Vec<reason::Seen> = points.collect();
        let how = reason::How {
            wanted: self.wanted,
            comparison: self.comparison,
            threshold: self.threshold,
            missing: self.missing,
        };
        how.reason(&points, state)
    }
}

fn longest_period_s(alarm: &Alarm) -> u64 {
    let stats = alarm.metrics.iter().filter_map(|query| query.metric_stat.as_ref());
    let all = alarm.period.into_iter().chain(stats.map(|stat| stat.period));
    all.chain(alarm.metrics.iter().filter_map(|query| query.period)).max().map_or(0, u64::from)
}

fn count(number: u32) -> usize {
    usize::try_from(number).unwrap_or(usize::MAX)
}

fn has_unit(stat: Option<&crate::alarms::definition::MetricStat>) -> bool {
    stat.is_some_and(|stat| stat.unit.is_some())
}

fn single(alarm: &Alarm) -> Result<(Source, u32), Vec<String>> {
    let (Some(namespace), Some(metric_name), Some(period_s)) =
        (&alarm.namespace, &alarm.metric_name, alarm.period.filter(|period| *period > 0))
    else {
        return Err(vec!["Namespace, MetricName and Period are wanted, or Metrics".to_owned()]);
    };
    let statistic = match (&alarm.statistic, &alarm.extended_statistic) {
        (Some(statistic), None) | (None, Some(statistic)) => Statistic::parse(statistic),
        _ => Err("either a Statistic or an ExtendedStatistic is wanted".to_owned()),
    };
    let name = Name::new(namespace, metric_name, &alarm.dimensions);
    statistic.map(|statistic| (Source::Single(name, statistic), period_s)).map_err(|fault| vec![fault])
}

fn math(alarm: &Alarm) -> Result<(Source, u32), Vec<String>> {
    let (queries, period_s) = Queries::new(&alarm.metrics)?;
    Ok((Source::Math(queries), period_s))
}

#[cfg(test)]
mod tests;
