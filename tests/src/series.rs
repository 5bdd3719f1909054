//! One series of a metric as seen from the other side: what of it has arrived, and of which periods.

use std::collections::BTreeMap;

use jiff::Timestamp;

use crate::agent::{Agent, Options};
use crate::endpoint::{Datum, Endpoint};
use crate::stream::LIMIT;

/// What the measuring host is called.
pub const INSTANCE: &str = "i-0fedcba9876543210";

/// The group that the measuring host is in.
pub const SCALING_GROUP: &str = "starttech-web";

impl Options {
    /// `run` on an instance in a group, measuring every second in periods of a second. Until something
    /// else is said, there are no containers and nobody is asked whether it is well.
    pub fn measuring(endpoint: &Endpoint) -> Self {
        Self::new(endpoint)
            // By a file, for a variable that is empty is none.
            .with_config("[health]\nurl = \"\"\n")
            .with_variable("STARTTECH_HOST_INSTANCE_ID", INSTANCE)
            .with_variable("STARTTECH_HOST_AUTO_SCALING_GROUP", SCALING_GROUP)
            .with_variable("STARTTECH_METRICS_SAMPLE", "1s")
            .with_variable("STARTTECH_METRICS_FLUSH", "1s")
            .with_variable("STARTTECH_DOCKER_SOCKET", "unix:///nonexistent/docker.sock")
    }

    /// With this below what the configuration file says already.
    #[must_use]
    pub fn with_more_config(mut self, config: &str) -> Self {
        self.config.push_str(config);
        self
    }
}

/// A metric under one set of dimensions; nothing of it need be there yet.
#[derive(Debug, Clone)]
pub struct Series<'e> {
    endpoint: &'e Endpoint,
    name: String,
    dimensions: Vec<(String, String)>,
}

impl Endpoint {
    /// The host's own series of a metric.
    pub fn of_host(&self, name: &str) -> Series<'_> {
        self.measured(name).of("InstanceId", INSTANCE)
    }

    /// The series of the host's group.
    pub fn of_group(&self, name: &str) -> Series<'_> {
        self.measured(name).of("AutoScalingGroupName", SCALING_GROUP)
    }

    /// The series of a metric without any dimension.
    pub fn measured(&self, name: &str) -> Series<'_> {
        Series { endpoint: self, name: name.to_owned(), dimensions: Vec::new() }
    }

    /// The names of all metrics that arrived in the host's own series.
    pub fn names_of_host(&self) -> Vec<String> {
        let of_host = |datum: &Datum| datum.dimensions.get("InstanceId").is_some_and(|id| id == INSTANCE);
        let mut names: Vec<_> = self.metrics().into_iter().filter(of_host).map(|datum| datum.name).collect();
        names.sort();
        names.dedup();
        names
    }
}

impl Series<'_> {
    /// With one dimension more.
    #[must_use]
    pub fn of(mut self, dimension: &str, value: &str) -> Self {
        self.dimensions.push((dimension.to_owned(), value.to_owned()));
        self
    }

    /// What arrived, in the order of arrival.
    pub fn datums(&self) -> Vec<Datum> {
        let dimensions: Vec<_> =
            self.dimensions.iter().map(|(name, value)| (name.as_str(), value.as_str())).collect();
        self.endpoint.series(&self.name, &dimensions)
    }

    /// The samples of all periods together.
    pub fn sum(&self) -> f64 {
        self.datums().iter().map(Datum::sum).sum()
    }

    /// How many samples there are in all periods together.
    pub fn sample_count(&self) -> f64 {
        self.datums().iter().map(Datum::sample_count).sum()
    }

    /// The lowest sample of all periods.
    pub fn min(&self) -> f64 {
        self.datums().iter().map(Datum::min).fold(f64::INFINITY, f64::min)
    }

    /// The highest sample of all periods.
    pub fn max(&self) -> f64 {
        self.datums().iter().map(Datum::max).fold(f64::NEG_INFINITY, f64::max)
    }

    /// When the periods began that arrived, the oldest first, in milliseconds since 1970.
    pub fn times(&self) -> Vec<i64> {
        let mut times: Vec<_> = self.datums().iter().map(|datum| datum.timestamp_ms).collect();
        times.sort_unstable();
        times
    }

    /// Waits until so many periods have arrived.
    pub fn await_periods(&self, agent: &mut Agent, count: usize) {
        let what = format!("{count} periods of {}", self.name);
        agent.wait_until(LIMIT, &what, || self.datums().len() >= count);
    }

    /// Waits until a period has arrived that this holds of.
    pub fn await_any(&self, agent: &mut Agent, what: &str, condition: impl Fn(&Datum) -> bool) {
        let what = format!("{}: {what}", self.name);
        agent.wait_until(LIMIT, &what, || self.datums().iter().any(&condition));
    }

    /// Waits until the periods together are so many samples' sum.
    pub fn await_sum(&self, agent: &mut Agent, sum: f64) {
        let what = format!("{} of {sum}", self.name);
        agent.wait_until(LIMIT, &what, || self.sum() >= sum);
    }

    /// Asserts that there are periods, none twice and none missing between the first and the last.
    pub fn assert_no_gap(&self, period_ms: i64) {
        let times = self.times();
        let (Some(first), Some(last)) = (times.first(), times.last()) else {
            panic!("nothing of {} arrived", self.name);
        };
        let expected: Vec<i64> =
            (0..=(last - first) / period_ms).map(|nth| first + nth * period_ms).collect();
        assert_eq!(times, expected, "of {} {:?}", self.name, self.dimensions);
    }
}

/// Asserts that no period of any series arrived twice, but for those of lines, which may be read late.
pub fn assert_once_a_period(datums: &[Datum]) {
    const OF_LINES: [&str; 7] = [
        "requests",
        "responses_4xx",
        "responses_5xx",
        "response_time",
        "health_checks",
        "error_lines",
        "panics",
    ];
    let mut seen = BTreeMap::new();
    for datum in datums.iter().filter(|datum| !OF_LINES.contains(&datum.name.as_str())) {
        let before = seen.insert((datum.series(), datum.timestamp_ms), datum);
        assert!(before.is_none(), "twice: {before:?} and {datum:?}");
    }
}

/// The time of day, in milliseconds since 1970.
pub fn now_ms() -> i64 {
    Timestamp::now().as_millisecond()
}
