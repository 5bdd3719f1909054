//! Sections of the configuration as checked values: which metrics are sent, and what people are told of.

use std::time::Duration;

use globset::GlobSet;

use crate::alerts::threshold::Rule;
use crate::metrics::Metric;

/// `metrics.series`
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct SeriesWanted {
    /// The host's own.
    pub instance: bool,
    /// The one it shares with its group.
    pub group: bool,
}

/// `metrics.on` and `metrics.off`
#[derive(Debug, Clone, Default)]
pub struct MetricSelection {
    /// Sent besides the usual ones.
    pub on: GlobSet,
    /// Not sent in any case.
    pub off: GlobSet,
}

impl MetricSelection {
    /// Whether the metric is sent.
    pub fn sends(&self, metric: &Metric) -> bool {
        (metric.by_default || self.on.is_match(metric.name)) && !self.off.is_match(metric.name)
    }

    /// Whether the metric is shown where that costs nothing.
    pub fn shows(&self, metric: &Metric) -> bool {
        !self.off.is_match(metric.name)
    }
}

/// What of `[alerts]` is about the daemon's own messages; where they go is said in `Provision`.
#[derive(Debug, Clone)]
pub struct Alerts {
    /// Whether there are any. On: a container that dies at night is nobody's wish.
    pub enabled: bool,
    /// Messages an hour, and a summary of the others: a mailbox that is full of one thing hides all others.
    pub max_per_hour: u32,
    /// So many deaths within so long are a loop. Docker's pauses grow to a minute: it takes a few.
    pub restart_loop: (u32, Duration),
    /// So long must something last to have ended: what comes back after a moment goes again as soon.
    pub recovery: Duration,
    /// Rules on what the host measures.
    pub rules: Vec<Rule>,
}
