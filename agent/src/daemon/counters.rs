//! What the daemon counts of itself. Nothing is dropped without one of these.

use std::sync::atomic::{AtomicU64, Ordering};

use super::health::Deliveries;

/// Counts since the start.
#[derive(Debug, Default)]
pub struct Counters {
    /// Bytes read from log files.
    pub bytes_read: Counter,
    /// Records read, from files and from the API.
    pub records: Counter,
    /// What stood in a log file and was no record; it was shipped as it is.
    pub malformed: Counter,
    /// Events put into batches.
    pub events: Counter,
    /// Events that arrived.
    pub shipped: Counter,
    /// Messages dropped because `logs.drop` says so.
    pub dropped_by_rule: Counter,
    /// Events older than the service takes.
    pub dropped_too_old: Counter,
    /// Events that the service said are too far in the future.
    pub dropped_too_new: Counter,
    /// Events given up because the spool was full.
    pub dropped_spool_full: Counter,
    /// Events in batches that the service refused for good; they are in the spool's quarantine.
    pub set_aside: Counter,
    /// Readings that failed or made no sense: each is a gap in a metric.
    pub metric_errors: Counter,
    /// How the delivery goes.
    pub deliveries: Deliveries,
}

/// One count.
#[derive(Debug, Default)]
pub struct Counter(AtomicU64);

impl Counter {
    /// Adds.
    pub fn add(&self, count: u64) {
        self.0.fetch_add(count, Ordering::Relaxed);
    }

    /// The count so far.
    pub fn get(&self) -> u64 {
        self.0.load(Ordering::Relaxed)
    }
}

impl Counters {
    /// Events that were lost, other than by the operator's own rule.
    pub fn lost(&self) -> u64 {
        let lost = [&self.dropped_too_old, &self.dropped_too_new, &self.dropped_spool_full, &self.set_aside];
        lost.into_iter().map(Counter::get).sum()
    }

    /// The same for datapoints, which have counters of their own; what could not be read stands with the
    /// lines'.
    pub fn datapoints(&self, lines: &Self) -> String {
        let text = format!("{} datapoints", self.shipped.get());
        let some = [(self.lost(), "dropped"), (lines.metric_errors.get(), "readings failed")];
        some.into_iter()
            .filter(|(count, _)| *count > 0)
            .fold(text, |text, (count, what)| format!("{text}, {count} {what}"))
    }

    /// One line for the journal and for `systemctl status`.
    pub fn summary(&self) -> String {
        let dropped = [
            (self.dropped_by_rule.get(), "by rule"),
            (self.dropped_too_old.get(), "too old"),
            (self.dropped_too_new.get(), "too new"),
            (self.dropped_spool_full.get(), "spool full"),
            (self.set_aside.get(), "refused"),
        ];
        let text = format!("{} events shipped of {}", self.shipped.get(), self.events.get());
        let some = dropped.into_iter().filter(|(count, _)| *count > 0);
        some.fold(text, |text, (count, why)| format!("{text}, {count} dropped ({why})"))
    }
}
