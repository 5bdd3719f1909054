//! From the samples of a period to its datapoint.
//!
//! <https://docs.aws.amazon.com/AmazonCloudWatch/latest/monitoring/Statistics-definitions.html>

use super::data::Sample;

/// How samples become one number.
#[derive(Debug, Clone, Copy, PartialEq)]
#[expect(missing_docs, reason = "the service's own names")]
pub enum Statistic {
    SampleCount,
    Average,
    Sum,
    Minimum,
    Maximum,
    /// `p95` is 95.
    Percentile(f64),
}

/// What came of a period.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Point {
    /// The statistic.
    pub value: f64,
    /// How many samples it is of.
    pub samples: f64,
}

impl Statistic {
    /// `Average`, `p95`. In words what it cannot be.
    pub fn parse(text: &str) -> Result<Self, String> {
        let percentile = || {
            let number: f64 = text.strip_prefix('p')?.parse().ok()?;
            (number > 0.0 && number <= 100.0).then_some(Self::Percentile(number))
        };
        match text {
            "SampleCount" => Ok(Self::SampleCount),
            "Average" => Ok(Self::Average),
            "Sum" => Ok(Self::Sum),
            "Minimum" => Ok(Self::Minimum),
            "Maximum" => Ok(Self::Maximum),
            _ => percentile().ok_or_else(|| {
                format!("the statistic {text:?} is not evaluated here: Average, Sum, Minimum, Maximum, SampleCount and percentiles are")
            }),
        }
    }

    /// The datapoint of a period; none without samples, and none of a percentile that cannot be told: one of
    /// negative values, or of a statistic set whose values are not all the same ("Requirements to use
    /// percentiles").
    pub fn of(self, samples: impl IntoIterator<Item = Sample>) -> Option<Point> {
        let mut values = Vec::new();
        let (mut count, mut sum, mut min, mut max) = (0.0, 0.0, f64::INFINITY, f64::NEG_INFINITY);
        let mut raw = true;
        for sample in samples {
            let (of, total, least, most) = match sample {
                Sample::Value { value, count } => (count, value * count, value, value),
                Sample::Set { count, sum, min, max } => (count, sum, min, max),
            };
            #[expect(clippy::float_cmp, reason = "one value is one value")]
            if least == most {
                values.push((least, of));
            } else {
                raw = false;
            }
            count += of;
            sum += total;
            min = min.min(least);
            max = max.max(most);
        }
        if count <= 0.0 {
            return None;
        }
        let value = match self {
            Self::SampleCount => count,
            Self::Average => sum / count,
            Self::Sum => sum,
            Self::Minimum => min,
            Self::Maximum => max,
            Self::Percentile(_) if !raw || min < 0.0 => return None,
            Self::Percentile(percent) => percentile(values, percent / 100.0 * count)?,
        };
        Some(Point { value, samples: count })
    }

    /// How many samples a percentile needs to say something: "For percentiles between 0.5 (inclusive) and 1.00
    /// (exclusive), this setting is used when there are fewer than 10/(1-percentile) data points during the
    /// evaluation period. […] For percentiles between 0 and 0.5 (exclusive), […] fewer than 10/percentile".
    /// <https://docs.aws.amazon.com/AmazonCloudWatch/latest/monitoring/percentiles-with-low-samples.html>
    pub fn enough(self) -> Option<f64> {
        match self {
            Self::Percentile(percent) if percent >= 100.0 => None,
            // Whole numbers where there are: 10 / (1 - 0.95) is a little more than 200.
            Self::Percentile(percent) if percent >= 50.0 => Some(1000.0 / (100.0 - percent)),
            Self::Percentile(percent) => Some(1000.0 / percent),
            _ => None,
        }
    }
}

/// The smallest value that so many samples are not above: "p99 is the maximum value of the remaining 99%"
/// after "the 1% of the data points with the highest values" were left out ("Percentiles versus trimmed mean").
fn percentile(mut values: Vec<(f64, f64)>, wanted: f64) -> Option<f64> {
    values.sort_by(|a, b| a.0.total_cmp(&b.0));
    let mut below = 0.0;
    let reaches = |(_, count): &&(f64, f64)| {
        below += count;
        // 0.95 × 200 is a little more than 190.
        below >= wanted - 1e-9 * wanted
    };
    values.iter().find(reaches).or(values.last()).map(|(value, _)| *value)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn raw(values: &[f64]) -> Vec<Sample> {
        values.iter().map(|value| Sample::of(*value)).collect()
    }

    fn gives(statistic: &str, samples: &[Sample]) -> Option<f64> {
        Statistic::parse(statistic).unwrap().of(samples.iter().copied()).map(|point| point.value)
    }

    #[test]
    fn values_and_sets_add_up() {
        let mut samples = raw(&[4.0, 1.0]);
        samples.push(Sample::Value { value: 2.0, count: 3.0 });
        samples.push(Sample::Set { count: 5.0, sum: 20.0, min: 0.5, max: 9.0 });
        for (statistic, value) in
            [("SampleCount", 10.0), ("Sum", 31.0), ("Average", 3.1), ("Minimum", 0.5), ("Maximum", 9.0)]
        {
            assert_eq!(gives(statistic, &samples), Some(value), "{statistic}");
        }
        assert_eq!(gives("p90", &samples), None, "what is in the set is not known");
        assert_eq!(gives("Sum", &[]), None);
    }

    #[test]
    fn a_percentile_is_the_largest_of_the_rest() {
        let hundred: Vec<f64> = (1..=100).map(f64::from).collect();
        for (statistic, value) in
            [("p99", 99.0), ("p95", 95.0), ("p50", 50.0), ("p1", 1.0), ("p100", 100.0), ("p99.5", 100.0)]
        {
            assert_eq!(gives(statistic, &raw(&hundred)), Some(value), "{statistic}");
        }
        // One request in twenty: 190 of 200 are fast.
        let counted = |fast, slow| {
            [Sample::Value { value: 2.0, count: slow }, Sample::Value { value: 0.1, count: fast }]
        };
        assert_eq!(gives("p95", &counted(190.0, 10.0)), Some(0.1));
        assert_eq!(gives("p95", &counted(189.0, 11.0)), Some(2.0));
        assert_eq!(gives("p95", &raw(&[3.0])), Some(3.0));
        assert_eq!(gives("p95", &raw(&[-1.0, 3.0])), None, "not of negative values");
        let same = Sample::Set { count: 4.0, sum: 12.0, min: 3.0, max: 3.0 };
        assert_eq!(gives("p95", &[same]), Some(3.0), "a set of one value is told");
    }

    #[test]
    fn a_percentile_of_few_samples_says_little() {
        for (statistic, enough) in
            [("p99", 1000.0), ("p95", 200.0), ("p50", 20.0), ("p10", 100.0), ("p25", 40.0)]
        {
            assert_eq!(Statistic::parse(statistic).unwrap().enough(), Some(enough), "{statistic}");
        }
        assert_eq!(Statistic::parse("p100").unwrap().enough(), None);
        assert_eq!(Statistic::Average.enough(), None);
    }

    #[test]
    fn other_statistics_are_refused() {
        for text in ["tm90", "average", "p0", "p101", "p", "IQM", ""] {
            assert!(Statistic::parse(text).unwrap_err().contains("not evaluated here"), "{text}");
        }
    }
}
