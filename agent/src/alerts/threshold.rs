//! Rules on what the host measures: which of them has crossed its threshold, and which is within it again.
//!
//! The evaluation is that of `CloudWatch`'s alarms (`alarms/evaluate`), each value of a metric's dimension by itself:
//! each disk, each container. Knows neither Docker nor messages.

use std::collections::{BTreeMap, BTreeSet};

use serde::{Deserialize, Serialize};

use super::boot::NEVER_UP;
use super::words::{duration, one_line};
use super::{Change, SECOND};
use crate::alarms::definition::{Alarm, Comparison, Dimension, Missing};
use crate::alarms::evaluate::State;
use crate::alarms::evaluate::data::{Data, Name, Sample};
use crate::alarms::evaluate::metric::{Evaluation, Verdict};
use crate::metrics::aggregate::{Datapoint, Values};
use crate::metrics::name::{HEALTH_UP, is_from_lines};
use crate::metrics::{Kind, Metric, Reading};

/// Seconds between two evaluations, as of `CloudWatch`'s alarms of high resolution.
pub const STEP_S: i64 = 10;
/// What came to nothing for so long is not there any more: a disk that was taken away, a container that was removed.
const GONE_S: i64 = 600;
/// Lines that are read later say nothing of now: they are a backlog.
const FRESH_S: i64 = 120;
/// Values of dimensions that one rule looks at.
const MOST_OF: usize = 100;

/// A rule, in the words of `CloudWatch`'s alarms.
#[derive(Debug, Clone, PartialEq)]
pub struct Rule {
    /// `disk-full`
    pub name: String,
    /// What it looks at.
    pub metric: &'static Metric,
    /// `Maximum`, `p95` …
    pub statistic: String,
    /// In seconds: 10, 30, or a multiple of 60.
    pub period_s: u32,
    /// M and N of "M out of N".
    pub datapoints: (u32, u32),
    /// The datapoint on the left, the threshold on the right.
    pub comparison: Comparison,
    /// See `comparison`.
    pub threshold: f64,
    /// What a period without a datapoint counts as.
    pub missing: Missing,
    /// What is told when it begins, with `{of}`, `{value}` and `{period}` in it.
    pub says: String,
    /// What is told when it has ended, with `{of}` in it.
    pub over: String,
    /// What to run on the host, with `{of}` in it.
    pub run: Vec<String>,
    /// It is told also while a container is down: that does not explain it.
    pub while_down: bool,
}

impl Rule {
    /// The alarm that it is, of one value of its metric's dimension. Its state is notified.
    pub fn alarm(&self, namespace: &str, of: Option<&str>) -> Alarm {
        let (percentile, plain) = (self.statistic.starts_with('p'), Some(self.statistic.clone()));
        let dimension = self.metric.dimension.zip(of);
        let dimension = dimension.map(|(name, value)| Dimension { name: name.into(), value: value.into() });
        Alarm {
            alarm_name: self.name.clone(),
            alarm_description: String::new(),
            actions_enabled: true,
            alarm_actions: vec!["the topic".to_owned()],
            ok_actions: vec!["the topic".to_owned()],
            insufficient_data_actions: Vec::new(),
            namespace: Some(namespace.to_owned()),
            metric_name: Some(self.metric.name.to_owned()),
            dimensions: dimension.into_iter().collect(),
            statistic: plain.clone().filter(|_| !percentile),
            extended_statistic: plain.filter(|_| percentile),
            period: Some(self.period_s),
            unit: None,
            metrics: Vec::new(),
            evaluation_periods: self.datapoints.1,
            datapoints_to_alarm: Some(self.datapoints.0),
            threshold: Some(self.threshold),
            threshold_metric_id: None,
            comparison_operator: self.comparison,
            treat_missing_data: self.missing,
            evaluate_low_sample_count_percentile: None,
        }
        .normal()
    }

    /// As if its threshold were just reached.
    pub fn example(&self) -> Crossed {
        let of = self.metric.dimension.map(|_| "example".to_owned());
        self.crossed(of, "", Some(self.threshold), "this is an example".to_owned())
    }

    fn crossed(&self, of: Option<String>, namespace: &str, value: Option<f64>, reason: String) -> Crossed {
        let fill = |text: &String| self.fill(text, of.as_deref(), value);
        let harmless = of.as_deref().map(harmless);
        Crossed {
            rule: self.name.clone(),
            says: fill(&self.says),
            over: fill(&self.over),
            reason,
            run: self.run.iter().map(|text| self.fill(text, harmless.as_deref(), value)).collect(),
            alarm: self.alarm(namespace, of.as_deref()),
            while_down: self.while_down,
            counts: self.metric.kind != Kind::Gauge,
            of_backend: is_from_lines(self.metric)
                || [HEALTH_UP.name, NEVER_UP.name].contains(&self.metric.name),
            of,
        }
    }

    fn fill(&self, text: &str, of: Option<&str>, value: Option<f64>) -> String {
        let value = value.map(|value| written(value, self.metric.unit)).unwrap_or_default();
        let period = duration(i64::from(self.period_s) * SECOND);
        // The last, for it may hold anything.
        let text = text.replace("{value}", &value).replace("{period}", &period);
        text.replace("{of}", &one_line(of.unwrap_or_default(), 60))
    }
}

/// As it may stand in a command that somebody is told to run: it may come from a line that a stranger wrote.
fn harmless(of: &str) -> String {
    of.replace(|c: char| !(c.is_ascii_alphanumeric() || "/._-:@%+=, ".contains(c)), "?")
}

/// What has crossed a threshold, all that is told of it.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Crossed {
    /// The rule's name.
    pub rule: String,
    /// The value of the metric's dimension.
    pub of: Option<String>,
    /// What is so.
    pub says: String,
    /// What is so when it has ended.
    pub over: String,
    /// Why, in `CloudWatch`'s words.
    pub reason: String,
    /// What to run on the host.
    pub run: Vec<String>,
    /// What it would be in `CloudWatch`.
    pub alarm: Alarm,
    /// A container that is down does not explain it.
    pub while_down: bool,
    /// It counts what happened: when it is over, nothing of it is left.
    pub counts: bool,
    /// What containers said may tell more.
    pub of_backend: bool,
}

impl Crossed {
    /// The rule, and what it is of: one of a name is open at a time.
    pub fn key(&self) -> String {
        key(&self.rule, self.of.as_deref())
    }
}

/// What a rule came to.
#[derive(Debug, Clone, PartialEq)]
pub enum Turn {
    /// The threshold was crossed.
    Begin(Box<Crossed>),
    /// It is within the threshold again, by its key; or there is nothing to measure any more.
    End(String, Change),
}

/// All rules, with what they look at.
#[derive(Debug, Default)]
pub struct Thresholds {
    namespace: String,
    rules: Vec<Rule>,
    data: Data,
    watched: BTreeMap<(usize, Option<String>), Watched>,
    /// Keys of what was open before, and is not looked at yet.
    before: BTreeSet<String>,
    began_s: i64,
    stepped_s: i64,
}

#[derive(Debug)]
struct Watched {
    evaluation: Evaluation,
    name: Name,
    state: State,
    /// The newest value.
    seen_s: i64,
    /// It was open before: only with all its periods measured it is known to be over.
    sure_s: i64,
}

impl Thresholds {
    /// Rules of which these were open before, by their keys.
    pub fn new(namespace: &str, rules: Vec<Rule>, before: BTreeSet<String>, now_ns: i64) -> Self {
        let began_s = now_ns / SECOND;
        let stepped_s = began_s.div_euclid(STEP_S) * STEP_S;
        Self { namespace: namespace.to_owned(), rules, before, began_s, stepped_s, ..Self::default() }
    }

    /// The same measures under other rules, of which these are open.
    pub fn replace(&mut self, rules: Vec<Rule>, open: BTreeSet<String>, now_ns: i64) {
        if rules == self.rules {
            return;
        }
        let data = std::mem::take(&mut self.data);
        *self = Self { data, ..Self::new(&std::mem::take(&mut self.namespace), rules, open, now_ns) };
    }

    /// Takes what was measured now.
    pub fn take(&mut self, readings: &[Reading], now_ns: i64) {
        for Reading { metric, of, value } in readings {
            self.put(metric, of.as_deref(), now_ns / SECOND, &[Sample::of(*value)]);
        }
    }

    /// Takes what lines said that were read just now, when the time of day was `wall_ns`. It counts as of now, if it is
    /// of lately.
    pub fn take_lines(&mut self, points: &[Datapoint], period_s: i64, (now_ns, wall_ns): (i64, i64)) {
        let at_s = now_ns / SECOND;
        for Datapoint { metric, of, time_ms, values } in points {
            if wall_ns / SECOND - time_ms / 1000 > FRESH_S + period_s {
                continue;
            }
            let samples = match values {
                Values::Sum(sum) => vec![Sample::of(*sum)],
                Values::Set { min, max, sum, count } => {
                    vec![Sample::Set { count: float(*count), sum: *sum, min: *min, max: *max }]
                }
                Values::Distribution(values) => {
                    let each = values.merged().values.into_iter();
                    each.map(|(value, count)| Sample::Value { value, count: float(count) }).collect()
                }
            };
            self.put(metric, of.as_deref(), at_s, &samples);
        }
    }

    fn put(&mut self, metric: &'static Metric, of: Option<&str>, at_s: i64, samples: &[Sample]) {
        let rules = self.rules.iter().enumerate().filter(|(_, rule)| rule.metric.name == metric.name);
        let mut name = None;
        for (nth, rule) in rules {
            let place = (nth, of.map(str::to_owned));
            if !self.watched.contains_key(&place) {
                let many = self.watched.keys().filter(|(other, _)| *other == nth).count();
                // A rule that cannot be evaluated is refused with the configuration.
                let Ok(evaluation) = Evaluation::new(&rule.alarm(&self.namespace, of)) else { continue };
                if many >= MOST_OF {
                    continue;
                }
                let was_open = self.before.remove(&key(&rule.name, of));
                let (state, sure_s) =
                    if was_open { (State::Alarm, at_s + evaluation.reach_s()) } else { (State::Ok, at_s) };
                let Some(name) = evaluation.metrics().first().map(|name| (*name).clone()) else { continue };
                let new = Watched { evaluation, name, state, seen_s: at_s, sure_s };
                self.watched.insert(place.clone(), new);
            }
            if let Some(watched) = self.watched.get_mut(&place) {
                watched.seen_s = at_s;
                name = Some(watched.name.clone());
            }
        }
        if let Some(name) = name {
            self.data.put(&name, at_s, samples.iter().copied());
        }
    }

    /// Whether something is beyond its threshold, as it was seen last.
    pub fn is_crossed(&self, of: &str) -> bool {
        let is = |((nth, value), watched): (&(usize, Option<String>), &Watched)| {
            let rule = self.rules.get(*nth);
            watched.state == State::Alarm && rule.is_some_and(|rule| key(&rule.name, value.as_deref()) == of)
        };
        self.watched.iter().any(is)
    }

    /// When [`Thresholds::due`] has something to do.
    pub fn next(&self) -> Option<i64> {
        let idle = self.watched.is_empty() && self.before.is_empty();
        (!idle).then(|| (self.stepped_s + STEP_S) * SECOND)
    }

    /// Evaluates what is due by now.
    pub fn due(&mut self, now_ns: i64) -> Vec<Turn> {
        let until_s = (now_ns / SECOND).div_euclid(STEP_S) * STEP_S;
        let before_s = self.stepped_s;
        if until_s <= before_s {
            return Vec::new();
        }
        self.stepped_s = until_s;
        let mut turns = Vec::new();
        for ((nth, of), watched) in &mut self.watched {
            let Some(rule) = self.rules.get(*nth) else { continue };
            // Whoever comes late has not missed it.
            let step_s = i64::from(watched.evaluation.step_s());
            let until_s = until_s.div_euclid(step_s) * step_s;
            if until_s <= before_s {
                continue;
            }
            let verdict = watched.evaluation.at(&self.data, until_s, watched.state);
            match (watched.state, verdict.state) {
                (State::Alarm, State::Ok) if until_s >= watched.sure_s => {
                    watched.state = State::Ok;
                    let measured = verdict.range.iter().any(|(_, point)| point.is_some());
                    let change = if measured { Change::Over } else { Change::Unmeasured };
                    turns.push(Turn::End(key(&rule.name, of.as_deref()), change));
                }
                (State::Ok | State::InsufficientData, State::Alarm) => {
                    watched.state = State::Alarm;
                    let Verdict { range, reason, .. } = verdict;
                    let value = range.iter().rev().find_map(|(_, point)| point.map(|point| point.value));
                    let crossed = rule.crossed(of.clone(), &self.namespace, value, reason);
                    turns.push(Turn::Begin(Box::new(crossed)));
                }
                _ => {}
            }
        }
        self.forget(until_s, &mut turns);
        turns
    }

    /// What is not there any more is over.
    fn forget(&mut self, now_s: i64, turns: &mut Vec<Turn>) {
        let rules = &self.rules;
        let is_gone = |(nth, _): &(usize, Option<String>), watched: &mut Watched| {
            // The operator said what it means that nothing is measured.
            let missing = rules.get(*nth).map(|rule| rule.missing);
            let lasts = matches!(missing, Some(Missing::Breaching | Missing::Ignore));
            let since_s = now_s - watched.seen_s;
            since_s >= GONE_S.max(watched.evaluation.reach_s()) && !(lasts && watched.state == State::Alarm)
        };
        for ((nth, of), watched) in self.watched.extract_if(.., is_gone) {
            if let (State::Alarm, Some(rule)) = (watched.state, rules.get(nth)) {
                turns.push(Turn::End(key(&rule.name, of.as_deref()), Change::Unmeasured));
            }
        }
        if now_s - self.began_s >= GONE_S {
            let gone = std::mem::take(&mut self.before).into_iter();
            turns.extend(gone.map(|key| Turn::End(key, Change::Unmeasured)));
        }
        let reach_s = self.watched.values().map(|watched| watched.evaluation.reach_s()).max();
        self.data.forget(now_s - reach_s.unwrap_or_default() - STEP_S);
    }
}

fn key(rule: &str, of: Option<&str>) -> String {
    of.map_or_else(|| rule.to_owned(), |of| format!("{rule} {of}"))
}

/// `96`, `6 min`
fn written(value: f64, unit: &str) -> String {
    match unit {
        #[expect(clippy::cast_possible_truncation, reason = "a duration of this host")]
        "Seconds" if value >= 10.0 => duration((value as i64).saturating_mul(SECOND)),
        "Seconds" => format!("{value:.2} s"),
        _ if value.fract() == 0.0 => format!("{value:.0}"),
        _ => format!("{value:.1}"),
    }
}

#[expect(clippy::cast_precision_loss, reason = "how often something was looked at")]
fn float(count: u64) -> f64 {
    count as f64
}

#[cfg(test)]
mod tests;
