//! The last of every series as Prometheus reads it: its text format 0.0.4, under `CloudWatch`'s names.
//!
//! <https://prometheus.io/docs/instrumenting/exposition_formats/>. Gauges are what was read last, counts
//! add up from the start on, distributions are summaries: sum and count add up, quantiles are those of
//! the last period. Knows nothing of who asks for it.

use std::collections::BTreeMap;
use std::fmt::Write;
use std::time::{Duration, Instant};

use super::{Kind, Metric, Readings};

/// What goes with the text.
pub const CONTENT_TYPE: &str = "text/plain; version=0.0.4; charset=utf-8";
/// The quantiles of a summary.
pub const QUANTILES: [f64; 3] = [0.5, 0.95, 0.99];
/// So many are kept: a host has about forty, and some for each container.
pub const MOST_SERIES: usize = 1_000;
/// What was not read for so long is not true any more. Prometheus takes a value for as old.
pub const STALE: Duration = Duration::from_mins(5);

/// The last of every series.
#[derive(Debug, Default)]
pub struct Latest {
    /// By name as it is written; within, by the value of the metric's dimension.
    families: BTreeMap<String, Family>,
    series: usize,
}

#[derive(Debug)]
struct Family {
    metric: &'static Metric,
    /// An empty value is, for Prometheus, none.
    series: BTreeMap<String, Series>,
}

#[derive(Debug)]
struct Series {
    value: Value,
    seen: Instant,
}

#[derive(Debug)]
enum Value {
    Gauge(f64),
    /// All of it, and what was added last.
    Count(f64, f64),
    Distribution {
        quantiles: [f64; 3],
        sum: f64,
        count: f64,
    },
}

impl Latest {
    /// Takes what was read. Single values of distributions are not for it, but what came of them in a
    /// period: [`Latest::distribution`].
    pub fn take(&mut self, readings: &Readings, now: Instant) {
        self.forget(now, |series| matches!(series.value, Value::Gauge(_)));
        for reading in &readings.values {
            let value = match reading.metric.kind {
                Kind::Gauge => Value::Gauge(reading.value),
                Kind::Count => Value::Count(reading.value, reading.value),
                Kind::Distribution => continue,
            };
            self.put(reading.metric, reading.of.as_deref(), value, now);
        }
    }

    /// Takes what came of a distribution in a finished period: its [`QUANTILES`], sum and count.
    pub fn distribution(
        &mut self,
        metric: &'static Metric,
        of: Option<&str>,
        (quantiles, sum, count): ([f64; 3], f64, f64),
        now: Instant,
    ) {
        let value = Value::Distribution { quantiles, sum, count };
        if metric.kind == Kind::Distribution && quantiles.iter().all(|quantile| quantile.is_finite()) {
            self.put(metric, of, value, now);
        }
    }

    /// Adds to a series or begins one. Where there is no room, those that only add up go too if nothing
    /// was added for long; then what is new is left out.
    fn put(&mut self, metric: &'static Metric, of: Option<&str>, value: Value, now: Instant) {
        let name = name(metric.name);
        let known = self.families.get_mut(&name);
        // Two names may look alike to Prometheus: what came first stays, for they do not add up.
        if known.as_ref().is_some_and(|family| family.metric != metric) || !value.is_sound() {
            return;
        }
        let of = metric.dimension.and(of).unwrap_or_default();
        if let Some(series) = known.and_then(|family| family.series.get_mut(of)) {
            series.value.update(value);
            series.seen = now;
            return;
        }
        if self.series >= MOST_SERIES {
            self.forget(now, |_| true);
        }
        if self.series < MOST_SERIES {
            let family = self.families.entry(name).or_insert(Family { metric, series: BTreeMap::new() });
            family.series.insert(of.to_owned(), Series { value, seen: now });
            self.series += 1;
        }
    }

    fn forget(&mut self, now: Instant, which: impl Fn(&Series) -> bool) {
        for family in self.families.values_mut() {
            family.series.retain(|_, series| !(series.is_stale(now) && which(series)));
        }
        self.families.retain(|_, family| !family.series.is_empty());
        self.series = self.families.values().map(|family| family.series.len()).sum();
    }

    /// Hands over what is true at present of each series: its metric, the value of its dimension, the reading or what
    /// was counted last (of a distribution its sum), and the last period's [`QUANTILES`].
    pub fn each(&self, now: Instant, mut take: impl FnMut(&'static Metric, &str, f64, Option<[f64; 3]>)) {
        for family in self.families.values() {
            for (of, series) in family.series.iter().filter(|(_, series)| !series.is_stale(now)) {
                match &series.value {
                    Value::Gauge(value) | Value::Count(_, value) => take(family.metric, of, *value, None),
                    Value::Distribution { quantiles, sum, .. } => {
                        take(family.metric, of, *sum, Some(*quantiles));
                    }
                }
            }
        }
    }

    /// All of them as text. `host` are labels that every series gets: names and values.
    pub fn text(&self, host: &[(&str, &str)], now: Instant) -> String {
        let mut text = String::with_capacity(128 * self.series);
        for (name, family) in &self.families {
            let fresh = |series: &&Series| !series.is_stale(now) || !matches!(series.value, Value::Gauge(_));
            if family.series.values().any(|series| fresh(&series)) {
                family.head(name, &mut text);
            }
            for (of, series) in family.series.iter().filter(|(_, series)| fresh(series)) {
                let labels = family.labels(of, host);
                series.write(name, &labels, now, &mut text);
            }
        }
        text
    }
}

impl Family {
    fn head(&self, name: &str, text: &mut String) {
        let kind = match self.metric.kind {
            Kind::Gauge => "gauge",
            Kind::Count => "counter",
            Kind::Distribution => "summary",
        };
        let help = self.metric.help.replace('\\', "\\\\").replace('\n', "\\n");
        let unit = match self.metric.unit {
            "None" | "Count" => String::new(),
            unit => format!(" ({unit})"),
        };
        put(text, format_args!("# HELP {name} {help}{unit}\n# TYPE {name} {kind}\n"));
    }

    /// `a="b",c="d"`. The metric's own label goes before one of the host's that has its name.
    fn labels(&self, of: &str, host: &[(&str, &str)]) -> String {
        let own = self.metric.dimension.map(|name| (label(name), of));
        let host = host.iter().map(|(name, value)| (label(name), *value));
        let mut taken: Vec<String> = Vec::new();
        let mut labels = String::new();
        for (name, value) in own.into_iter().chain(host) {
            if !taken.contains(&name) {
                let comma = if labels.is_empty() { "" } else { "," };
                put(&mut labels, format_args!("{comma}{name}=\"{}\"", escaped(value)));
                taken.push(name);
            }
        }
        labels
    }
}

impl Series {
    fn is_stale(&self, now: Instant) -> bool {
        now.saturating_duration_since(self.seen) >= STALE
    }

    fn write(&self, name: &str, labels: &str, now: Instant, text: &mut String) {
        let within = if labels.is_empty() { String::new() } else { format!("{{{labels}}}") };
        match &self.value {
            Value::Gauge(value) | Value::Count(value, _) => {
                put(text, format_args!("{name}{within} {value}\n"));
            }
            Value::Distribution { quantiles, sum, count } => {
                let comma = if labels.is_empty() { "" } else { "," };
                for (of, value) in QUANTILES.iter().zip(quantiles).filter(|_| !self.is_stale(now)) {
                    put(text, format_args!("{name}{{{labels}{comma}quantile=\"{of}\"}} {value}\n"));
                }
                put(text, format_args!("{name}_sum{within} {sum}\n{name}_count{within} {count}\n"));
            }
        }
    }
}

impl Value {
    /// Whether it can be added: a counter that falls would be taken for one that began anew.
    fn is_sound(&self) -> bool {
        match self {
            Self::Gauge(value) => value.is_finite(),
            Self::Count(added, _) => added.is_finite() && *added >= 0.0,
            Self::Distribution { sum, count, .. } => sum.is_finite() && count.is_finite() && *count >= 0.0,
        }
    }

    fn update(&mut self, new: Self) {
        match (self, new) {
            (Self::Count(total, last), Self::Count(added, _)) => {
                (*total, *last) = (add(*total, added), added);
            }
            (
                Self::Distribution { quantiles, sum, count },
                Self::Distribution { quantiles: last, sum: more, count: added },
            ) => (*quantiles, *sum, *count) = (last, add(*sum, more), add(*count, added)),
            (old, new) => *old = new,
        }
    }
}

/// Stays a number whatever is added.
fn add(total: f64, more: f64) -> f64 {
    (total + more).clamp(f64::MIN, f64::MAX)
}

fn put(text: &mut String, line: std::fmt::Arguments<'_>) {
    // Writing to a string cannot fail.
    text.write_fmt(line).ok();
}

/// `[a-zA-Z_:][a-zA-Z0-9_:]*`. Ours are; the operator's may hold whatever `CloudWatch` takes.
fn name(text: &str) -> String {
    fit(text, |c| c == ':')
}

/// `[a-zA-Z_][a-zA-Z0-9_]*`, and not what a summary has for its own.
fn label(text: &str) -> String {
    match fit(text, |_| false) {
        name if name == "quantile" => "quantile_".to_owned(),
        name => name,
    }
}

fn fit(text: &str, also: impl Fn(char) -> bool) -> String {
    let begins_badly = text.chars().next().is_none_or(|c| c.is_ascii_digit());
    let allowed = |c: char| if c.is_ascii_alphanumeric() || also(c) { c } else { '_' };
    begins_badly.then_some('_').into_iter().chain(text.chars().map(allowed)).collect()
}

fn escaped(value: &str) -> String {
    value.replace('\\', "\\\\").replace('"', "\\\"").replace('\n', "\\n")
}

#[cfg(test)]
mod tests;
