//! What was sent to `CloudWatch`: samples and statistic sets of each metric, by their time.
//!
//! It does not know what is made of them.

use std::collections::BTreeMap;
use std::fmt;

use crate::alarms::definition::{Dimension, Metric};

/// Values of one metric, of one moment.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Sample {
    /// A value, and how often it came.
    Value {
        /// Of each.
        value: f64,
        /// Not nought.
        count: f64,
    },
    /// A `StatisticSet`
    Set {
        /// `SampleCount`, not nought.
        count: f64,
        /// `Sum`
        sum: f64,
        /// `Minimum`
        min: f64,
        /// `Maximum`
        max: f64,
    },
}

impl Sample {
    /// A value that came once.
    pub fn of(value: f64) -> Self {
        Self::Value { value, count: 1.0 }
    }
}

/// A metric by its namespace, its name and its dimensions in order.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Name {
    namespace: String,
    metric: String,
    dimensions: Vec<Dimension>,
}

impl Name {
    /// Each unique combination of dimensions is a metric of its own, whatever their order.
    pub fn new(namespace: &str, metric_name: &str, dimensions: &[Dimension]) -> Self {
        let mut dimensions = dimensions.to_vec();
        dimensions.sort();
        Self { namespace: namespace.to_owned(), metric: metric_name.to_owned(), dimensions }
    }
}

impl Name {
    /// `AWS/ApplicationELB`
    pub fn namespace(&self) -> &str {
        &self.namespace
    }

    /// `RequestCount`
    pub fn metric(&self) -> &str {
        &self.metric
    }

    /// In order.
    pub fn dimensions(&self) -> &[Dimension] {
        &self.dimensions
    }
}

/// `AWS/EC2 CPUUtilization AutoScalingGroupName=starttech-asg`
impl fmt::Display for Name {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} {}", self.namespace, self.metric)?;
        self.dimensions.iter().try_for_each(|Dimension { name, value }| write!(f, " {name}={value}"))
    }
}

impl From<&Metric> for Name {
    fn from(metric: &Metric) -> Self {
        Self::new(&metric.namespace, &metric.metric_name, &metric.dimensions)
    }
}

/// All metrics with all that was sent of them.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Data {
    sent: BTreeMap<Name, BTreeMap<i64, Vec<Sample>>>,
}

impl Data {
    /// Takes samples of a time, in seconds since the epoch. More of the same time add up, as in the service.
    pub fn put(&mut self, metric: &Name, at_s: i64, samples: impl IntoIterator<Item = Sample>) {
        let times = match self.sent.get_mut(metric) {
            Some(times) => times,
            None => self.sent.entry(metric.clone()).or_default(),
        };
        let (here, samples) = (times.entry(at_s).or_default(), samples.into_iter());
        // Most moments have one, and there are many: no room for more.
        here.reserve_exact(samples.size_hint().0);
        here.extend(samples);
    }

    /// What was sent with a time from `from_s` on and before `to_s`.
    pub fn between(&self, metric: &Name, from_s: i64, to_s: i64) -> impl Iterator<Item = Sample> + '_ {
        // A range that ends before it begins is nothing, and no panic.
        let range = from_s..to_s.max(from_s);
        let times = self.sent.get(metric).into_iter();
        times
            .flat_map(move |times| times.range(range.clone()))
            .flat_map(|(_, samples)| samples.iter().copied())
    }

    /// All metrics of which anything is there, in order.
    pub fn names(&self) -> impl Iterator<Item = &Name> {
        self.sent.keys()
    }

    /// When the first and the last of all samples were sent, in seconds since the epoch.
    pub fn span_s(&self) -> Option<(i64, i64)> {
        let first = self.sent.values().filter_map(|times| times.keys().next()).min()?;
        let last = self.sent.values().filter_map(|times| times.keys().next_back()).max()?;
        Some((*first, *last))
    }

    /// Forgets what was sent before a time.
    pub fn forget(&mut self, before_s: i64) {
        for times in self.sent.values_mut() {
            *times = times.split_off(&before_s);
        }
        self.sent.retain(|_, times| !times.is_empty());
    }

    /// Forgets the oldest until so many samples are left, or fewer; gives before which time it did, if at all.
    pub fn keep(&mut self, most: usize) -> Option<i64> {
        let mut of_times = BTreeMap::<i64, usize>::new();
        for (time, samples) in self.sent.values().flatten() {
            *of_times.entry(*time).or_default() += samples.len();
        }
        let mut left: usize = of_times.values().sum();
        let mut before_s = None;
        for (time, count) in of_times {
            if left <= most {
                break;
            }
            left -= count;
            before_s = Some(time + 1);
        }
        self.forget(before_s?);
        before_s
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn name(dimensions: &[(&str, &str)]) -> Name {
        let all: Vec<Dimension> = dimensions
            .iter()
            .map(|(name, value)| Dimension { name: (*name).into(), value: (*value).into() })
            .collect();
        Name::new("N", "m", &all)
    }

    #[test]
    fn dimensions_make_the_metric_in_any_order() {
        let mut data = Data::default();
        data.put(&name(&[("a", "1"), ("b", "2")]), 60, [Sample::of(1.0)]);
        data.put(&name(&[("b", "2"), ("a", "1")]), 60, [Sample::of(2.0)]);
        assert_eq!(data.between(&name(&[("a", "1"), ("b", "2")]), 60, 61).count(), 2);
        for other in [&[("a", "1")][..], &[], &[("a", "1"), ("b", "3")]] {
            assert_eq!(data.between(&name(other), 0, 100).count(), 0);
        }
    }

    #[test]
    fn a_period_has_its_beginning_and_not_its_end() {
        let mut data = Data::default();
        for at_s in [0, 59, 60, 119, 120] {
            #[expect(clippy::cast_precision_loss, reason = "small")]
            data.put(&name(&[]), at_s, [Sample::of(at_s as f64)]);
        }
        let of = |data: &Data, from, to| data.between(&name(&[]), from, to).count();
        assert_eq!((of(&data, 0, 60), of(&data, 60, 120), of(&data, 120, 60)), (2, 2, 0));
        data.forget(60);
        assert_eq!((of(&data, 0, 60), of(&data, 60, 180)), (0, 3));
        assert_eq!((data.keep(3), data.keep(2)), (None, Some(61)));
        assert_eq!((of(&data, 0, 119), of(&data, 119, 180)), (0, 2));
        data.forget(121);
        assert_eq!(data, Data::default());
    }
}
