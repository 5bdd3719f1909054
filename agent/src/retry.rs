//! How long to wait before the next attempt.

use std::time::Duration;

/// The first wait, at most.
const BASE: Duration = Duration::from_millis(200);
/// The longest wait: once the endpoint answers, no line is 5 s late.
const CAP: Duration = Duration::from_secs(4);
/// The longest wait for what only an operator ends, such as a missing right.
pub const LASTING_CAP: Duration = Duration::from_mins(1);

/// How long is waited at first, and how long at most.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Waits {
    /// The first wait, at most.
    pub base: Duration,
    /// The longest wait.
    pub cap: Duration,
}

/// Of lines, which are to be seen at once.
pub const LINES: Waits = Waits { base: BASE, cap: CAP };

impl Waits {
    /// With another longest wait.
    #[must_use]
    pub fn up_to(self, cap: Duration) -> Self {
        Self { cap, ..self }
    }

    /// The wait after the `attempt`th failure in a row (1 for the first): exponential, with full
    /// jitter, so that hosts that failed together do not come back together.
    /// `random` is in 0..1. Source: <https://aws.amazon.com/blogs/architecture/exponential-backoff-and-jitter/>.
    pub fn wait(self, attempt: u32, random: f64) -> Duration {
        let ceiling = self.base.saturating_mul(2_u32.saturating_pow(attempt.saturating_sub(1))).min(self.cap);
        ceiling.mul_f64(random.clamp(0.0, 1.0))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn waits_double_up_to_the_cap() {
        let ceilings: Vec<_> = (1..8).map(|attempt| LINES.wait(attempt, 1.0).as_millis()).collect();
        assert_eq!(ceilings, [200, 400, 800, 1600, 3200, 4000, 4000]);
        assert_eq!(LINES.up_to(LASTING_CAP).wait(u32::MAX, 1.0), LASTING_CAP);
        assert_eq!(LINES.wait(3, 0.0), Duration::ZERO);
    }
}
