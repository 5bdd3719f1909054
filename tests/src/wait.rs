//! Waiting for a condition, with a limit and a name for what did not happen.

use std::time::{Duration, Instant};

/// How often a condition is looked at.
const STEP: Duration = Duration::from_millis(20);

/// Waits until the condition holds; panics after the limit, naming what was awaited.
pub fn until(limit: Duration, what: &str, condition: impl FnMut() -> bool) {
    until_or(limit, what, condition, String::new);
}

/// As [`until`]; `why` says at the end what is known of the failure.
pub fn until_or(
    limit: Duration,
    what: &str,
    mut condition: impl FnMut() -> bool,
    why: impl FnOnce() -> String,
) {
    let start = Instant::now();
    while !condition() {
        assert!(start.elapsed() < limit, "waited {limit:?} in vain for {what}\n{}", why());
        std::thread::sleep(STEP);
    }
}
