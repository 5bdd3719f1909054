//! How long a batch may take: a service that is well answers in a fraction of a second, and what it
//! never answers must not keep the lines behind it waiting. A line so thin that a batch takes longer
//! is learnt.

use std::sync::atomic::{AtomicU32, AtomicU64, Ordering::Relaxed};
use std::time::Duration;

use aws_config::timeout::TimeoutConfig;
use aws_sdk_cloudwatchlogs::config::Builder;

use super::{CONNECT_TIMEOUT, OPERATION_TIMEOUT};

/// For a batch, at first.
const SHORT: Duration = Duration::from_secs(4);
/// After so many without an answer, one after the other, it may be the line: a batch gets all the
/// time there is.
const STRIKES: u32 = 20;

/// What was learnt of the line.
#[derive(Debug, Default)]
pub(super) struct Patience {
    strikes: AtomicU32,
    /// How long the last batch took, in milliseconds.
    last_ms: AtomicU64,
}

impl Patience {
    /// How long the next batch may take.
    pub(super) fn limit(&self) -> Builder {
        let timeouts =
            TimeoutConfig::builder().connect_timeout(CONNECT_TIMEOUT).operation_timeout(self.time());
        Builder::new().timeout_config(timeouts.build())
    }

    fn time(&self) -> Duration {
        if self.strikes.load(Relaxed) >= STRIKES {
            return OPERATION_TIMEOUT;
        }
        (3 * Duration::from_millis(self.last_ms.load(Relaxed))).clamp(SHORT, OPERATION_TIMEOUT)
    }

    /// A batch took so long, and was not answered even so.
    pub(super) fn learn(&self, took: Duration, unanswered: bool) {
        if unanswered {
            self.strikes.fetch_add(1, Relaxed);
        } else {
            self.strikes.store(0, Relaxed);
            self.last_ms.store(u64::try_from(took.as_millis()).unwrap_or(u64::MAX), Relaxed);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_thin_line_is_learnt_and_forgotten() {
        let patience = Patience::default();
        assert_eq!(patience.time(), SHORT);
        for _ in 0..STRIKES {
            assert_eq!(patience.time(), SHORT);
            patience.learn(SHORT, true);
        }
        assert_eq!(patience.time(), OPERATION_TIMEOUT);
        patience.learn(Duration::from_secs(7), false);
        assert_eq!(patience.time(), Duration::from_secs(21), "the next need not fail first");
        patience.learn(Duration::from_millis(30), false);
        assert_eq!(patience.time(), SHORT);
    }
}
