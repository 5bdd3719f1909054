//! The metric flow: readings become datapoints of a period, and periods become batches that keep
//! `PutMetricData`'s limits.
//!
//! ```text
//! host, cgroup, probe, logs/finish ─Reading─▶ aggregate ─Datum─▶ batch ─▶ spool ─▶ aws/metrics or local
//! ```
//!
//! Pure: no clock, no disk, no network, no tokio, no SDK. Whoever calls says what time it is.

pub mod aggregate;

pub mod counter;

pub mod distribution;

pub mod exposition;

pub mod health;

pub mod name;

/// What is measured. The agent's own are the constants of [`name`]; the operator may add some.
#[derive(Debug, PartialEq, Eq)]
pub struct Metric {
    /// As `CloudWatch` shows it.
    pub name: &'static str,
    /// One of `CloudWatch`'s units, see [`name::UNITS`].
    pub unit: &'static str,
    /// How readings of one period are put together.
    pub kind: Kind,
    /// Which of several things it is of: `ContainerName`. The host's own dimensions come on top.
    pub dimension: Option<&'static str>,
    /// Sent to `CloudWatch` unless the operator says otherwise: each costs money.
    pub by_default: bool,
    /// What it says, in one sentence.
    pub help: &'static str,
}

/// How readings of one period are put together.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// A state that is looked at now and then: minimum, maximum, mean. A `StatisticSet`.
    Gauge,
    /// What happened since the last reading: the sum counts.
    Count,
    /// Single values of which percentiles are wanted: `Values` and `Counts`.
    Distribution,
}

/// One measured value.
#[derive(Debug, Clone, PartialEq)]
pub struct Reading {
    /// Of what.
    pub metric: &'static Metric,
    /// The value of the metric's dimension; `None` if it has none.
    pub of: Option<String>,
    /// In the metric's unit. Never a NaN, never infinite.
    pub value: f64,
}

/// What one look at something gave: values, and what could not be read.
#[derive(Debug, Default, PartialEq)]
pub struct Readings {
    /// The values.
    pub values: Vec<Reading>,
    /// What could not be read or made no sense, each in words that name it. A gap, never a wrong value.
    pub faults: Vec<String>,
}

impl Readings {
    /// Adds a value; one that is no number is a fault.
    pub fn put(&mut self, metric: &'static Metric, of: Option<&str>, value: f64) {
        if value.is_finite() {
            self.values.push(Reading { metric, of: of.map(str::to_owned), value });
        } else {
            self.fault(format!("{} is {value}, which is no number", metric.name));
        }
    }

    /// Adds what went wrong. The same words each time, so that they are told once.
    pub fn fault(&mut self, words: impl Into<String>) {
        self.faults.push(words.into());
    }
}
