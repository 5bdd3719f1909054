//! How long a batch may take: a service that is well answers in a fraction of a second, and what it
//! never answers must not keep the lines behind it waiting. A line so thin that a batch takes longer
//! is learnt.

use std::sync::atomic::{AtomicU32, AtomicU64, Ordering::Relaxed};
use std::time::Duration;

use aws_config::timeout::TimeoutConfig;
use aws_sdk_cloudwatchlogs::config::Builder;

use super::{CONNECT_TIMEOUT, OPERATION_TIMEOUT};

/// For everything that is not a batch, and for a batch at first.
const SHORT: Duration = Duration::from_secs(4);
/// One batch in so many without an answer gets longer: it may be the line.
const STRIKES: u32 = 20;
/// So long: a megabyte at half a megabit a second.
const LONG: Duration = Duration::from_secs(16);
/// What is smaller says nothing of the line, in bytes.
const SIZEABLE: u64 = 64 * 1024;

/// What was learnt of the line.
#[derive(Debug, Default)]
pub(super) struct Patience {
    strikes: AtomicU32,
    /// The size of the last batch without an answer, in bytes.
    unanswered: AtomicU64,
    /// How long the last sizeable batch took, in milliseconds for each mebibyte.
    ms_per_mib: AtomicU64,
}

/// The time-outs of a call that is not a batch.
pub(super) fn short() -> TimeoutConfig {
    timeouts(SHORT)
}

fn timeouts(operation: Duration) -> TimeoutConfig {
    TimeoutConfig::builder().connect_timeout(CONNECT_TIMEOUT).operation_timeout(operation).build()
}

impl Patience {
    /// How long a batch of so many bytes may take.
    pub(super) fn limit(&self, bytes: u64) -> Builder {
        Builder::new().timeout_config(timeouts(self.time(bytes)))
    }

    fn time(&self, bytes: u64) -> Duration {
        if self.strikes.load(Relaxed) % STRIKES == STRIKES - 1 {
            return LONG;
        }
        let usual = Duration::from_millis(self.ms_per_mib.load(Relaxed).saturating_mul(bytes) >> 20);
        usual.saturating_mul(3).clamp(SHORT, OPERATION_TIMEOUT)
    }

    /// A batch was answered, one way or the other.
    pub(super) fn answered(&self, bytes: u64, took: Duration) {
        if bytes >= SIZEABLE {
            let ms = u64::try_from(took.as_millis()).unwrap_or(u64::MAX);
            self.ms_per_mib.store(ms.saturating_mul(1 << 20) / bytes, Relaxed);
        }
        // A small one gets through where a large one does not.
        if bytes * 2 >= self.unanswered.load(Relaxed) {
            self.strikes.store(0, Relaxed);
        }
    }

    /// A batch was not answered in the time it had.
    pub(super) fn unanswered(&self, bytes: u64) {
        self.strikes.fetch_add(1, Relaxed);
        self.unanswered.store(bytes, Relaxed);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const MIB: u64 = 1 << 20;

    #[test]
    fn a_thin_line_is_learnt_whatever_small_batches_do() {
        let patience = Patience::default();
        for _ in 1..STRIKES {
            assert_eq!(patience.time(MIB), SHORT);
            patience.unanswered(MIB);
            patience.answered(1000, Duration::from_millis(30));
        }
        assert_eq!(patience.time(MIB), LONG);
        patience.answered(MIB, Duration::from_secs(7));
        patience.answered(1000, Duration::from_millis(30));
        assert_eq!(patience.time(MIB), Duration::from_secs(21), "the next need not fail first");
        assert_eq!(patience.time(1000), SHORT);
        patience.answered(MIB, Duration::from_millis(90));
        assert_eq!(patience.time(MIB), SHORT);
    }

    #[test]
    fn a_service_that_never_answers_gets_more_time_only_now_and_then() {
        let patience = Patience::default();
        let times = (0..40).map(|_| {
            let time = patience.time(MIB);
            patience.unanswered(MIB);
            time
        });
        assert_eq!(times.filter(|time| *time == LONG).count(), 2);
    }
}
