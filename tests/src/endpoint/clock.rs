//! The endpoint's clock: the machine's, moved by an offset that a test may set.

use std::sync::atomic::{AtomicI64, Ordering};
use std::time::{SystemTime, UNIX_EPOCH};

use jiff::Timestamp;

/// The machine's clock and an offset in milliseconds.
#[derive(Debug, Default)]
pub(crate) struct Clock {
    offset_ms: AtomicI64,
}

impl Clock {
    /// Says how far ahead of the machine's clock this one goes; negative is behind.
    pub(crate) fn set_offset_ms(&self, offset: i64) {
        self.offset_ms.store(offset, Ordering::Relaxed);
    }

    /// Milliseconds since 1970.
    pub(crate) fn now_ms(&self) -> i64 {
        let ms = machine_ns() / 1_000_000;
        i64::try_from(ms).unwrap_or(i64::MAX).saturating_add(self.offset_ms.load(Ordering::Relaxed))
    }

    /// The value of a `Date` header.
    pub(crate) fn date(&self) -> String {
        let now = Timestamp::from_millisecond(self.now_ms()).unwrap_or(Timestamp::UNIX_EPOCH);
        jiff::fmt::rfc2822::DateTimePrinter::new()
            .timestamp_to_rfc9110_string(&now)
            .unwrap_or_else(|_| String::from("Thu, 01 Jan 1970 00:00:00 GMT"))
    }
}

/// Nanoseconds since 1970 by the machine's own clock, which is also what printed the stamps in lines.
pub(crate) fn machine_ns() -> u64 {
    let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    u64::try_from(since.as_nanos()).unwrap_or(u64::MAX)
}
