//! Looks at every message on its way and counts what it says.
//!
//! The agent's own metrics are taken from what was printed; the operator's patterns see what is
//! shipped, secrets taken out. Knows neither what else becomes of a message nor when the tally is
//! emptied.

use std::sync::{Arc, Mutex, PoisonError};

use super::facts::facts;
use super::pattern::Pattern;
use crate::metrics::tally::{Facts, Tally};

/// Counts what messages say.
#[derive(Debug, Clone)]
pub struct Observer {
    health_path: String,
    patterns: Vec<Pattern>,
    tally: Arc<Mutex<Tally>>,
}

impl Observer {
    /// Counts into `tally`. Requests for `health_path` are health checks, whoever asks.
    pub fn new(health_path: String, patterns: Vec<Pattern>, tally: Arc<Mutex<Tally>>) -> Self {
        Self { health_path, patterns, tally }
    }

    /// What a message says that is not redacted yet.
    pub(super) fn facts(&self, text: &str) -> Facts {
        facts(text, &self.health_path)
    }

    /// Counts what a message said that was printed at `time_ns`.
    pub(super) fn count(&self, time_ns: i64, facts: &Facts) {
        self.tally().line(milliseconds(time_ns), facts);
    }

    /// Counts what the operator looks for in a message as it is shipped.
    pub(super) fn shipped(&self, time_ns: i64, message: &str) {
        for pattern in &self.patterns {
            let Some(found) = pattern.find(message) else { continue };
            let mut tally = self.tally();
            match found.value {
                Some(value) => {
                    tally.own(milliseconds(time_ns), pattern.metric(), found.of.as_deref(), value);
                }
                None => tally.no_number(pattern.metric()),
            }
        }
    }

    /// Whether what was counted is to be taken before more is.
    pub(super) fn is_full(&self) -> bool {
        self.tally().is_full()
    }

    fn tally(&self) -> std::sync::MutexGuard<'_, Tally> {
        self.tally.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn milliseconds(time_ns: i64) -> i64 {
    time_ns.div_euclid(1_000_000)
}
