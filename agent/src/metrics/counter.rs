//! From totals that only grow to what was added between two looks.
//!
//! Knows neither what is counted nor when it is looked at.

/// A total of the kernel's as it was at the last look.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Counter(Option<u64>);

/// The total is smaller than it was: it began anew or wrapped, and how much was added in between nobody
/// knows.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("the total went back")]
pub struct WentBack;

impl From<u64> for Counter {
    /// Where counting begins: the first look already tells what was added.
    fn from(total: u64) -> Self {
        Self(Some(total))
    }
}

impl Counter {
    /// What was added since the last look; `None` at the first one. A total that went back is a gap and
    /// to be told; counting goes on from here.
    pub fn added(&mut self, total: u64) -> Result<Option<u64>, WentBack> {
        let before = self.0.replace(total);
        before.map(|before| total.checked_sub(before).ok_or(WentBack)).transpose()
    }
}

/// A share of a whole in percent; `None` if the whole is nothing.
#[expect(clippy::cast_precision_loss, reason = "a percentage needs no more than 53 bits")]
pub fn percent(part: u64, whole: u64) -> Option<f64> {
    (whole > 0).then(|| part as f64 * 100.0 / whole as f64)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_total_that_shrinks_is_a_gap_and_counting_goes_on() {
        let mut counter = Counter::default();
        let totals = [10, 10, 25, 3, 4, u64::MAX, 0];
        let added = totals.map(|total| counter.added(total));
        let more = |added| Ok(Some(added));
        let expected =
            [Ok(None), more(0), more(15), Err(WentBack), more(1), more(u64::MAX - 4), Err(WentBack)];
        assert_eq!(added, expected);
        assert_eq!(Counter::from(3).added(5), more(2));
    }

    #[test]
    fn nothing_of_nothing_is_no_share() {
        assert_eq!(percent(1, 4), Some(25.0));
        assert_eq!(percent(0, 0), None);
    }
}
