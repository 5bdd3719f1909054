//! How long to wait before the next attempt.

use std::time::Duration;

/// The first wait, at most.
pub const BASE: Duration = Duration::from_millis(200);
/// The longest wait: once the endpoint answers, no line is 5 s late.
pub const CAP: Duration = Duration::from_secs(4);
/// The longest wait for what only an operator ends, such as a missing right.
pub const LASTING_CAP: Duration = Duration::from_mins(1);

/// The wait after the `attempt`th failure in a row (1 for the first): exponential, with full
/// jitter, so that hosts that failed together do not come back together.
/// `random` is in 0..1. Source: <https://aws.amazon.com/blogs/architecture/exponential-backoff-and-jitter/>.
pub fn wait(attempt: u32, cap: Duration, random: f64) -> Duration {
    let ceiling = BASE.saturating_mul(2_u32.saturating_pow(attempt.saturating_sub(1))).min(cap);
    ceiling.mul_f64(random.clamp(0.0, 1.0))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn waits_double_up_to_the_cap() {
        let ceilings: Vec<_> = (1..8).map(|attempt| wait(attempt, CAP, 1.0).as_millis()).collect();
        assert_eq!(ceilings, [200, 400, 800, 1600, 3200, 4000, 4000]);
        assert_eq!(wait(u32::MAX, LASTING_CAP, 1.0), LASTING_CAP);
        assert_eq!(wait(3, CAP, 0.0), Duration::ZERO);
    }
}
