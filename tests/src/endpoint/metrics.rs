//! CloudWatch's `PutMetricData` over the store, and what a test may ask of the datums that arrived.

use std::collections::{BTreeMap, VecDeque};
use std::time::Instant;

use crate::endpoint::datum::{self, InputDatum, Number};
use crate::endpoint::fault::{Fault, UNACCEPTABLE};
use crate::endpoint::logs::When;
use crate::endpoint::refusal::Refusal;
use crate::endpoint::store::Store;
use crate::endpoint::{Endpoint, Operation};

/// Datums kept where only counts are wanted: the newest.
const KEPT_OF_COUNTED: usize = 10_000;

/// Series told apart; what comes after so many is counted in the totals alone.
const MAX_SERIES: usize = 10_000;

/// An empty map in CBOR: the answer to every call that was taken.
pub(crate) const NOTHING: &[u8] = &[0xa0];

/// A datum that arrived.
#[derive(Debug, Clone, PartialEq)]
pub struct Datum {
    /// Such as `StartTech/Backend`.
    pub namespace: String,
    /// The metric's.
    pub name: String,
    /// Names and values, by name.
    pub dimensions: BTreeMap<String, String>,
    /// `None` where none was said.
    pub unit: String,
    /// Its own time in milliseconds since 1970; where it had none, that of its arrival.
    pub timestamp_ms: i64,
    /// Seconds: 1 or 60.
    pub resolution: u32,
    /// What was measured.
    pub samples: Samples,
    /// When it came.
    pub arrived: Instant,
}

/// The two forms in which a datum carries what was measured.
#[derive(Debug, Clone, PartialEq)]
pub enum Samples {
    /// `StatisticValues`: no percentile can be had of these.
    Statistics {
        /// `SampleCount`
        count: f64,
        /// `Sum`
        sum: f64,
        /// `Minimum`
        min: f64,
        /// `Maximum`
        max: f64,
    },
    /// `Values` with their `Counts`, in the order of the wire; a single `Value` is one of them, once.
    Values(Vec<(f64, f64)>),
}

impl Datum {
    fn of(input: InputDatum, namespace: &str, now_ms: i64, arrived: Instant) -> Self {
        let timestamp_ms = input.timestamp_ms().unwrap_or(now_ms);
        let checked = |number: Option<Number>| number.expect("the call was checked").0;
        let samples = match (input.value, input.statistic_values) {
            (Some(Number(value)), _) => Samples::Values(vec![(value, 1.0)]),
            (None, Some(set)) => Samples::Statistics {
                count: checked(set.sample_count),
                sum: checked(set.sum),
                min: checked(set.minimum),
                max: checked(set.maximum),
            },
            (None, None) => {
                let counts = input.counts.iter().map(|count| count.0).chain(std::iter::repeat(1.0));
                Samples::Values(input.values.iter().map(|value| value.0).zip(counts).collect())
            }
        };
        let dimensions = input.dimensions.into_iter();
        Self {
            namespace: namespace.to_owned(),
            name: input.metric_name.unwrap_or_default(),
            dimensions: dimensions
                .map(|dimension| (dimension.name.unwrap_or_default(), dimension.value.unwrap_or_default()))
                .collect(),
            unit: input.unit.unwrap_or_else(|| String::from("None")),
            timestamp_ms,
            resolution: input.storage_resolution.unwrap_or(60),
            samples,
            arrived,
        }
    }

    /// How many samples it stands for.
    pub fn sample_count(&self) -> f64 {
        match &self.samples {
            Samples::Statistics { count, .. } => *count,
            Samples::Values(values) => values.iter().map(|(_, count)| count).sum(),
        }
    }

    /// The samples' sum.
    pub fn sum(&self) -> f64 {
        match &self.samples {
            Samples::Statistics { sum, .. } => *sum,
            Samples::Values(values) => values.iter().map(|(value, count)| value * count).sum(),
        }
    }

    /// The lowest sample.
    pub fn min(&self) -> f64 {
        match &self.samples {
            Samples::Statistics { min, .. } => *min,
            Samples::Values(values) => values.iter().map(|(value, _)| *value).fold(f64::INFINITY, f64::min),
        }
    }

    /// The highest sample.
    pub fn max(&self) -> f64 {
        match &self.samples {
            Samples::Statistics { max, .. } => *max,
            Samples::Values(values) => {
                values.iter().map(|(value, _)| *value).fold(f64::NEG_INFINITY, f64::max)
            }
        }
    }

    /// Whether these are its dimensions, all of them: only then it belongs to the series.
    pub fn has_dimensions(&self, dimensions: &[(&str, &str)]) -> bool {
        self.dimensions.len() == dimensions.len()
            && dimensions
                .iter()
                .all(|(name, value)| self.dimensions.get(*name).is_some_and(|own| own == value))
    }

    /// The metric that is paid for: `namespace/name{dimension=value,…}`.
    pub fn series(&self) -> String {
        let dimensions: Vec<String> =
            self.dimensions.iter().map(|(name, value)| format!("{name}={value}")).collect();
        format!("{}/{}{{{}}}", self.namespace, self.name, dimensions.join(","))
    }
}

/// The datums that arrived.
#[derive(Debug, Default)]
pub(crate) struct Metrics {
    kept: VecDeque<Datum>,
    /// Datums of each series.
    pub(crate) series: BTreeMap<String, u64>,
}

impl Metrics {
    fn add(&mut self, datum: Datum, keep_all: bool) {
        let series = datum.series();
        if self.series.len() < MAX_SERIES || self.series.contains_key(&series) {
            *self.series.entry(series).or_default() += 1;
        }
        if !keep_all && self.kept.len() == KEPT_OF_COUNTED {
            self.kept.pop_front();
        }
        self.kept.push_back(datum);
    }
}

/// Carries out `PutMetricData`: the whole call is taken, or nothing of it.
pub(crate) fn put(store: &mut Store, body: &[u8], when: When, fault: Option<&Fault>) -> Result<(), Refusal> {
    let request = datum::read(body)?;
    datum::check(&request, when.now_ms)?;
    if let Some(Fault::RefuseContaining { word }) = fault {
        let named = |datum: &InputDatum| datum.metric_name.as_ref().is_some_and(|name| name.contains(word));
        if request.metric_data.iter().any(named) {
            return Err(Refusal::client("InvalidParameterValueException", UNACCEPTABLE));
        }
    }
    store.totals.metric_calls += 1;
    store.totals.datums += request.metric_data.len() as u64;
    let (namespace, arrived) = (request.namespace.unwrap_or_default(), Instant::now());
    for input in request.metric_data {
        let datum = Datum::of(input, &namespace, when.now_ms, arrived);
        store.metrics.add(datum, store.keeps_messages);
    }
    Ok(())
}

impl Endpoint {
    /// Every datum that arrived, in the order of arrival; the newest ten thousand when messages are
    /// only counted.
    pub fn metrics(&self) -> Vec<Datum> {
        self.store().metrics.kept.iter().cloned().collect()
    }

    /// The datums of one metric with exactly these dimensions, in the order of arrival.
    pub fn series(&self, name: &str, dimensions: &[(&str, &str)]) -> Vec<Datum> {
        let store = self.store();
        let fits = |datum: &&Datum| datum.name == name && datum.has_dimensions(dimensions);
        store.metrics.kept.iter().filter(fits).cloned().collect()
    }

    /// Every series that ever arrived as [`Datum::series`] writes it, each a metric to pay for, with
    /// how many datums came.
    pub fn metric_series(&self) -> BTreeMap<String, u64> {
        self.store().metrics.series.clone()
    }

    /// How often `PutMetricData` was called, refused calls included.
    pub fn metric_requests(&self) -> u64 {
        self.calls(Operation::PutMetricData)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn datum(samples: Samples) -> Datum {
        Datum {
            namespace: "N".into(),
            name: "m".into(),
            dimensions: BTreeMap::from([("b".into(), "2".into()), ("a".into(), "1".into())]),
            unit: "Count".into(),
            timestamp_ms: 0,
            resolution: 60,
            samples,
            arrived: Instant::now(),
        }
    }

    fn figures(samples: Samples) -> String {
        let datum = datum(samples);
        format!("{} {} {} {}", datum.sample_count(), datum.sum(), datum.min(), datum.max())
    }

    #[test]
    fn both_forms_have_the_same_figures() {
        let set = Samples::Statistics { count: 3.0, sum: 8.0, min: 2.0, max: 4.0 };
        assert_eq!(figures(set), figures(Samples::Values(vec![(2.0, 2.0), (4.0, 1.0)])));
        assert_eq!(figures(Samples::Values(vec![(5.0, 1.0)])), "1 5 5 5");
    }

    #[test]
    fn a_series_is_all_of_its_dimensions() {
        let datum = datum(Samples::Values(vec![(1.0, 1.0)]));
        assert!(datum.has_dimensions(&[("a", "1"), ("b", "2")]));
        for others in [&[("a", "1")][..], &[], &[("a", "1"), ("b", "3")]] {
            assert!(!datum.has_dimensions(others), "{others:?}");
        }
        assert_eq!(datum.series(), "N/m{a=1,b=2}");
    }

    #[test]
    fn what_is_only_counted_is_bounded() {
        let mut metrics = Metrics::default();
        for number in 0..=KEPT_OF_COUNTED {
            let name = format!("m{number}");
            metrics.add(Datum { name, ..datum(Samples::Values(vec![(1.0, 1.0)])) }, false);
        }
        assert_eq!((metrics.kept.len(), metrics.series.len()), (KEPT_OF_COUNTED, MAX_SERIES));
        assert_eq!(metrics.kept[0].name, "m1");
    }
}
