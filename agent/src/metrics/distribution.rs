//! Many values in little room, such that `CloudWatch` can compute percentiles of them.
//!
//! Values fall into buckets less than a hundredth wide, and each bucket is its values' mean: a bucket with one
//! value has that value. `PutMetricData` takes 150 different values, of which the smallest and the largest stand
//! for themselves: while no more than 148 buckets are in use, no value is off by more than 1 %. With more than
//! fit, neighbours are merged, as few of them as will do.
//! Sum, count, minimum and maximum are exact in any case. Knows neither the metric nor the time.

use std::collections::BTreeMap;

/// Bits of a number that do not tell its bucket. The others are its exponent and the first seven of its
/// fraction, so that a bucket is 1/128 wide or less, and no logarithm is needed to find it.
const WITHIN: u32 = 45;
/// A bucket ends where it begins, times this at most.
const WIDTH: f64 = 1.0 + 1.0 / 128.0;
/// Different values of one datum.
/// <https://docs.aws.amazon.com/AmazonCloudWatch/latest/APIReference/API_MetricDatum.html>
pub const MOST_VALUES: usize = 150;
/// Two more stand for themselves: the smallest value and the largest.
const MOST_GROUPS: usize = MOST_VALUES - 2;
/// Less is nothing: a picosecond, where the unit is a second.
const LEAST: f64 = 1e-12;
/// More is refused. Of every metric of lines: `CloudWatch` refuses what is above 2^360, and the whole call.
pub const MOST: f64 = 1e12;

/// Values and how often each came.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Distribution {
    buckets: BTreeMap<u32, Bucket>,
    min: f64,
    max: f64,
}

#[derive(Debug, Clone, Copy, PartialEq, Default)]
struct Bucket {
    sum: f64,
    count: u64,
}

/// What is sent of a distribution: each value with how often it came.
#[derive(Debug, Clone, PartialEq)]
pub struct Merged {
    /// From the smallest to the largest, [`MOST_VALUES`] at most.
    pub values: Vec<(f64, u64)>,
    /// No value is off by more than this share of itself.
    pub error: f64,
}

impl Distribution {
    /// Takes a value. One that is negative or no number is refused.
    pub fn add(&mut self, value: f64) -> bool {
        if !(0.0..=MOST).contains(&value) {
            return false;
        }
        (self.min, self.max) =
            if self.buckets.is_empty() { (value, value) } else { (self.min.min(value), self.max.max(value)) };
        self.put(index(value), Bucket { sum: value, count: 1 });
        true
    }

    /// Takes all values of another.
    pub fn merge(&mut self, other: &Self) {
        if other.buckets.is_empty() {
            return;
        }
        (self.min, self.max) = if self.buckets.is_empty() {
            (other.min, other.max)
        } else {
            (self.min.min(other.min), self.max.max(other.max))
        };
        for (&index, &bucket) in &other.buckets {
            self.put(index, bucket);
        }
    }

    fn put(&mut self, index: u32, more: Bucket) {
        let bucket = self.buckets.entry(index).or_default();
        bucket.sum += more.sum;
        bucket.count += more.count;
    }

    /// How many values there are.
    pub fn count(&self) -> u64 {
        self.buckets.values().map(|bucket| bucket.count).sum()
    }

    /// All of them together.
    pub fn sum(&self) -> f64 {
        self.buckets.values().map(|bucket| bucket.sum).sum()
    }

    /// Nothing was added.
    pub fn is_empty(&self) -> bool {
        self.buckets.is_empty()
    }

    /// The value that the share `rank` (0 to 1) of all values does not exceed, to 1 %.
    #[expect(
        clippy::cast_precision_loss,
        clippy::cast_possible_truncation,
        clippy::cast_sign_loss,
        reason = "a share of a count, rounded up"
    )]
    pub fn quantile(&self, rank: f64) -> Option<f64> {
        let wanted = ((self.count() as f64 * rank.clamp(0.0, 1.0)).ceil() as u64).max(1);
        let mut seen = 0;
        self.buckets.values().find_map(|bucket| {
            seen += bucket.count;
            (seen >= wanted).then(|| bucket.mean().clamp(self.min, self.max))
        })
    }

    /// At most [`MOST_VALUES`] values that stand for all of them.
    pub fn merged(&self) -> Merged {
        let buckets: Vec<(u32, Bucket)> =
            self.buckets.iter().map(|(index, bucket)| (*index, *bucket)).collect();
        let shared = |end: Option<&(u32, Bucket)>| usize::from(end.is_some_and(|(_, end)| end.count > 1));
        if buckets.len() + shared(buckets.first()) + shared(buckets.last()) <= MOST_VALUES {
            let exact = buckets.iter().all(|(_, bucket)| bucket.count == 1);
            let buckets = buckets.into_iter().map(|(_, bucket)| bucket).collect();
            return Merged { values: self.values(buckets), error: if exact { 0.0 } else { WIDTH - 1.0 } };
        }
        // The narrowest groups that are few enough.
        let (mut too_narrow, mut enough) = (WIDTH, MOST / LEAST);
        while enough / too_narrow > 1.001 {
            let width = (too_narrow * enough).sqrt();
            if groups(&buckets, width).count() <= MOST_GROUPS {
                enough = width;
            } else {
                too_narrow = width;
            }
        }
        Merged { values: self.values(groups(&buckets, enough).collect()), error: enough - 1.0 }
    }

    /// The groups' means, and both ends exactly: they are what Minimum and Maximum show.
    fn values(&self, mut groups: Vec<Bucket>) -> Vec<(f64, u64)> {
        let mut values = Vec::with_capacity(groups.len() + 2);
        for (group, end) in [(0, self.min), (groups.len().saturating_sub(1), self.max)] {
            match groups.get_mut(group) {
                Some(group) if group.count > 1 => {
                    group.sum -= end;
                    group.count -= 1;
                    values.push((end, 1));
                }
                // What is left of a sum may be off by a bit.
                Some(group) => group.sum = end,
                None => {}
            }
        }
        values.extend(groups.iter().map(|group| (group.mean().clamp(self.min, self.max), group.count)));
        values.sort_by(|a, b| a.0.total_cmp(&b.0));
        values.dedup_by(|next, (value, count)| {
            let same = next.0 <= *value; // they are sorted
            *count += if same { next.1 } else { 0 };
            same
        });
        values
    }
}

impl Bucket {
    #[expect(clippy::cast_precision_loss, reason = "counts of one period")]
    fn mean(&self) -> f64 {
        self.sum / self.count as f64
    }
}

/// 19 bits are left.
fn index(value: f64) -> u32 {
    (value.max(LEAST).to_bits() >> WITHIN) as u32
}

/// The smallest value of a bucket.
fn begin(index: u32) -> f64 {
    f64::from_bits(u64::from(index) << WITHIN)
}

/// Neighbours together, so that no group ends at more than its beginning times `width`.
fn groups(buckets: &[(u32, Bucket)], width: f64) -> impl Iterator<Item = Bucket> {
    let mut rest = buckets;
    std::iter::from_fn(move || {
        let end = begin(rest.first()?.0) * width;
        // One at least, however narrow.
        let fit = rest.partition_point(|(index, _)| begin(index + 1) <= end).max(1);
        let (group, after) = rest.split_at_checked(fit)?;
        rest = after;
        Some(group.iter().fold(Bucket::default(), |sum, (_, bucket)| Bucket {
            sum: sum.sum + bucket.sum,
            count: sum.count + bucket.count,
        }))
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn of(values: &[f64]) -> Distribution {
        let mut distribution = Distribution::default();
        for value in values {
            assert!(distribution.add(*value));
        }
        distribution
    }

    #[test]
    fn few_values_stay_as_they_are() {
        let merged = of(&[0.5, 0.001, 0.5, 0.0, 30.0]).merged();
        assert_eq!(merged.values, [(0.0, 1), (0.001, 1), (0.5, 2), (30.0, 1)]);
        assert!(of(&[0.5, 0.001]).merged().error < 1e-12);
        assert!(of(&[]).merged().values.is_empty());
    }

    #[test]
    fn ends_that_share_a_bucket_stay_apart() {
        assert_eq!(of(&[0.1, 0.1001]).merged().values, [(0.1, 1), (0.1001, 1)]);
        assert_eq!(of(&[0.1, 0.1002, 0.1001, 0.1001]).merged().values.len(), 3);
        // All that fits: with one value more in the first bucket there is no room for it.
        let values: Vec<f64> = (0..150).map(|n| 1.01f64.powi(n)).collect();
        assert_eq!(of(&values).merged().values.len(), 150);
        let merged = of(&[&values[..], &[1.001]].concat()).merged();
        assert!(merged.values.len() <= 150 && merged.error > WIDTH - 1.0, "{merged:?}");
        assert_eq!((merged.values.first().unwrap().0, merged.values.last().unwrap().0), (1.0, values[149]));
    }

    #[test]
    fn what_is_no_duration_is_refused() {
        let mut distribution = Distribution::default();
        for value in [f64::NAN, f64::INFINITY, -0.1, 2e12] {
            assert!(!distribution.add(value), "{value}");
        }
        assert!(distribution.is_empty());
    }

    #[test]
    fn quantiles_are_those_of_the_values() {
        let values: Vec<f64> = (1..=1000).map(|n| f64::from(n) / 1000.0).collect();
        let distribution = of(&values);
        for (rank, value) in [(0.5, 0.5), (0.95, 0.95), (0.99, 0.99), (1.0, 1.0), (0.0, 0.001)] {
            let found = distribution.quantile(rank).unwrap();
            assert!((found - value).abs() <= value * 0.011, "{rank}: {found}");
        }
        assert_eq!(Distribution::default().quantile(0.5), None);
    }

    /// Five decades evenly filled: what a busy minute is at worst. The bound stands in the documents.
    #[test]
    fn the_error_of_a_busy_minute_is_below_nine_percent() {
        let values: Vec<f64> = (0..100_000).map(|n| 10f64.powf(f64::from(n) / 20_000.0 - 4.0)).collect();
        let merged = of(&values).merged();
        assert!(merged.error < 0.09, "{}", merged.error);
        assert!(merged.values.len() > 140, "{}", merged.values.len());
    }

    #[expect(clippy::cast_precision_loss, reason = "counts of a test")]
    fn total(values: &[(f64, u64)]) -> f64 {
        values.iter().map(|(value, count)| value * *count as f64).sum()
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(300))]

        #[test]
        fn sums_and_ends_are_exact_and_every_value_is_within_the_bound(
            values in prop_oneof![
                prop::collection::vec(prop_oneof![0.0..1e-3, 1e-6..40.0f64, Just(0.0), 1e-9..1e9f64], 1..2000),
                // Few buckets, with several values in each.
                prop::collection::vec(prop_oneof![0.1..0.11, Just(0.1), 0.0..1e-12, 7.0..7.3], 1..20),
                // About as many as there is room for.
                prop::collection::vec((0..75u8, 0.0..1.0f64).prop_map(|(n, more)| 1.02f64.powi(n.into()) * (1.0 + more / 99.0)), 200..900),
            ]
        ) {
            let distribution = of(&values);
            let Merged { values: merged, error } = distribution.merged();
            prop_assert!(merged.len() <= MOST_VALUES);
            prop_assert_eq!(merged.iter().map(|(_, count)| count).sum::<u64>(), values.len() as u64);
            let (sum, kept) = (values.iter().sum::<f64>(), total(&merged));
            prop_assert!((sum - kept).abs() <= sum * 1e-9 + 1e-12, "{} {}", sum, kept);
            let mut sorted = values.clone();
            sorted.sort_by(f64::total_cmp);
            let ends = |values: &[f64]| (values.first().copied(), values.last().copied());
            let values_of: Vec<f64> = merged.iter().map(|(value, _)| *value).collect();
            prop_assert_eq!(ends(&values_of), ends(&sorted));
            prop_assert!(values_of.is_sorted_by(|a, b| a < b), "{:?}", values_of);
            let kept: Vec<f64> = merged.iter().flat_map(|(value, count)| vec![*value; usize::try_from(*count).unwrap()]).collect();
            for (value, kept) in sorted.iter().zip(&kept) {
                prop_assert!((value - kept).abs() <= value * (error + 0.0101) + 1e-9, "{} {} {}", value, kept, error);
            }
        }

        #[test]
        fn two_halves_together_are_the_whole(values in prop::collection::vec(1e-6..40.0f64, 2..400)) {
            let (left, right) = values.split_at(values.len() / 2);
            let mut both = of(left);
            both.merge(&of(right));
            let whole = of(&values);
            prop_assert_eq!(both.count(), whole.count());
            prop_assert_eq!((both.min, both.max), (whole.min, whole.max));
            prop_assert!((both.sum() - whole.sum()).abs() < 1e-6);
        }
    }
}
