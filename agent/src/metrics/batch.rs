//! Datapoints packed for one `PutMetricData` call each, within every limit of it.
//!
//! A batch is JSON with the host's dimensions written once. The same datapoint goes out once for each
//! of its series: the host's own, and the one it shares with its group. Knows nothing of the wire.

use serde::{Deserialize, Serialize};

use super::aggregate::{Datapoint, Values};

/// Datums of a call.
/// <https://docs.aws.amazon.com/AmazonCloudWatch/latest/APIReference/API_PutMetricData.html>
pub const BATCH_DATUMS: usize = 1000;
/// Bytes of a call, 1 MB before it is compressed; some are left for what is not counted.
pub const BATCH_BYTES: usize = 1_000_000;
/// Bytes of batches as they wait in the spool that may leave in one call. On the wire a value and its count
/// take 36 bytes in two series and may take 8 here; with names and times of 1,000 datums that is 1 MB.
pub const JOINED_BYTES: usize = 150_000;
/// Where the datapoints begin, and how a batch ends.
const LIST: &[u8] = b"\"data\":[";
const TAIL: &[u8] = b"]}";
/// Characters of a dimension's value.
/// <https://docs.aws.amazon.com/AmazonCloudWatch/latest/APIReference/API_Dimension.html>
const DIMENSION_LENGTH: usize = 1024;
/// What a datum takes besides names and values: keys, types, the time.
const DATUM_BYTES: usize = 200;
/// What a value and its count take: two numbers of eight bytes, each with a byte that says so.
const VALUE_BYTES: usize = 18;

/// One dimension of a series.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Dimension(
    /// Its name.
    pub String,
    /// Its value.
    pub String,
);

/// What all batches of a host have in common.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Head {
    /// The metrics' namespace.
    pub namespace: String,
    /// The dimensions of each series that every datapoint goes to.
    pub series: Vec<Vec<Dimension>>,
    /// A second for high resolution, else a minute.
    pub resolution_s: i32,
}

/// A batch as it waits in the spool.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Batch {
    /// Namespace, series, resolution.
    #[serde(flatten)]
    pub head: Head,
    /// The datapoints.
    pub data: Vec<Datum>,
}

/// A datapoint as it waits in the spool.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Datum {
    /// The metric.
    pub name: String,
    /// Its own dimension, besides the series'.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub of: Option<Dimension>,
    /// The unit.
    pub unit: String,
    /// When its period began, in milliseconds since the epoch.
    pub time: i64,
    /// What was measured.
    #[serde(flatten)]
    pub values: Sent,
}

/// What was measured, in one of the service's three forms.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Sent {
    /// A single value.
    Value(f64),
    /// Minimum, maximum, sum and count.
    Set([f64; 4]),
    /// Values, and how often each came.
    Values(Vec<(f64, u64)>),
}

/// A batch ready for the spool.
#[derive(Debug)]
pub struct Packed {
    /// [`Batch`] as JSON.
    pub body: Vec<u8>,
    /// Datums that will be sent: each datapoint counts once for each series.
    pub datums: usize,
    /// The time of the oldest datapoint, in milliseconds since the epoch.
    pub first_ms: i64,
    /// The time of the newest.
    pub last_ms: i64,
}

impl Datum {
    /// `None`: there is nothing to send.
    #[expect(clippy::cast_precision_loss, reason = "readings of a period")]
    fn new(point: Datapoint) -> Option<Self> {
        let Datapoint { metric, of, time_ms, values } = point;
        let of = match (metric.dimension, of) {
            (Some(name), Some(value)) => Some(Dimension(name.to_owned(), sendable(&value)?)),
            (None, None) => None,
            _ => return None,
        };
        let values = match values {
            Values::Set { min, max, sum, count } => {
                Sent::Set([min, max, sum, count as f64]).checked(count > 0 && sum.is_finite())?
            }
            Values::Sum(sum) => Sent::Value(sum).checked(sum.is_finite())?,
            Values::Distribution(values) => {
                Sent::Values(values.merged().values).checked(!values.is_empty())?
            }
        };
        Some(Self { name: metric.name.to_owned(), of, unit: metric.unit.to_owned(), time: time_ms, values })
    }

    fn bytes(&self, series: &[Dimension]) -> usize {
        let dimensions =
            series.iter().chain(&self.of).map(|dimension| dimension.0.len() + dimension.1.len() + 20);
        let values = match &self.values {
            Sent::Value(_) => 1,
            Sent::Set(_) => 4,
            Sent::Values(values) => values.len(),
        };
        DATUM_BYTES + self.name.len() + self.unit.len() + dimensions.sum::<usize>() + values * VALUE_BYTES
    }
}

impl Sent {
    fn checked(self, good: bool) -> Option<Self> {
        good.then_some(self)
    }
}

/// The service takes printable ASCII only, and nothing blank.
fn sendable(value: &str) -> Option<String> {
    let plain = |c: char| if c.is_ascii_graphic() || c == ' ' { c } else { '_' };
    let value: String = value.chars().map(plain).take(DIMENSION_LENGTH).collect();
    (!value.trim().is_empty()).then_some(value)
}

impl Head {
    /// With dimension values that the service takes.
    pub fn new(namespace: String, series: &[&[(&str, &str)]], resolution_s: i32) -> Self {
        let series = series.iter().map(|dimensions| {
            let dimension =
                |(name, value): &(&str, &str)| Some(Dimension((*name).to_owned(), sendable(value)?));
            dimensions.iter().filter_map(dimension).collect()
        });
        Self { namespace, series: series.collect(), resolution_s }
    }
}

/// Packs datapoints into as few batches as the limits allow, the oldest first.
pub fn pack(head: &Head, datapoints: Vec<Datapoint>) -> Vec<Packed> {
    let mut data: Vec<Datum> = datapoints.into_iter().filter_map(Datum::new).collect();
    data.sort_by_key(|datum| datum.time);
    let mut packed = Vec::new();
    let (mut batch, mut bytes) = (Vec::new(), 0);
    for datum in data {
        let more: usize = head.series.iter().map(|series| datum.bytes(series)).sum();
        let datums = (batch.len() + 1) * head.series.len();
        if !batch.is_empty() && (datums > BATCH_DATUMS || bytes + more > BATCH_BYTES) {
            packed.extend(finish(head, std::mem::take(&mut batch)));
            bytes = 0;
        }
        bytes += more;
        batch.push(datum);
    }
    packed.extend(finish(head, batch));
    packed
}

/// Makes one batch of two with the same head that stand in `bodies` one behind the other, the second from
/// `at` on. Whether they are such batches; if not, nothing is changed.
pub fn join(bodies: &mut Vec<u8>, at: usize) -> bool {
    let (Some(first), Some(second)) = (bodies.get(..at), bodies.get(at..)) else { return false };
    // A quote inside a name is escaped, so this can only stand where the list begins.
    let Some(list) = memchr::memmem::find(first, LIST) else { return false };
    let head = first.get(..list + LIST.len()).unwrap_or_default();
    let joinable = first.ends_with(TAIL) && second.starts_with(head) && second.ends_with(TAIL);
    if joinable {
        let from = at + head.len();
        bodies.splice(at - TAIL.len()..from, *b",");
    }
    joinable
}

/// Two batches with one half of the datapoints each, and how many datums each will be; `None` if there is but
/// one datapoint, or the body is no batch.
pub fn halve(body: &[u8]) -> Option<[(Vec<u8>, usize); 2]> {
    let Batch { head, mut data } = serde_json::from_slice(body).ok()?;
    let second = data.split_off(data.len() / 2);
    let part = |data: Vec<Datum>| finish(&head, data).map(|packed| (packed.body, packed.datums));
    Some([part(data)?, part(second)?])
}

fn finish(head: &Head, data: Vec<Datum>) -> Option<Packed> {
    let (first_ms, last_ms) = (data.first()?.time, data.last()?.time);
    let datums = data.len() * head.series.len();
    // Nothing of it can fail to be JSON: numbers are finite, keys are text.
    let body = serde_json::to_vec(&Batch { head: head.clone(), data }).ok()?;
    Some(Packed { body, datums, first_ms, last_ms })
}

#[cfg(test)]
mod tests {
    use super::super::aggregate::Aggregate;
    use super::super::distribution::MOST_VALUES;
    use super::super::name::{self, CONTAINER_UP, CPU_USAGE_ACTIVE, REQUESTS, RESPONSE_TIME};
    use super::*;
    use proptest::prelude::*;

    fn head() -> Head {
        let series: [&[(&str, &str)]; 2] =
            [&[(name::INSTANCE_ID, "i-0abc")], &[(name::AUTO_SCALING_GROUP, "starttech")]];
        Head::new("StartTech/Backend".to_owned(), &series, 60)
    }

    fn unpack(packed: &[Packed]) -> Vec<Batch> {
        packed.iter().map(|packed| serde_json::from_slice(&packed.body).unwrap()).collect()
    }

    #[test]
    fn a_batch_comes_back_from_the_spool_as_it_was() {
        let mut aggregate = Aggregate::new(60_000);
        for value in [1.0, 0.1 + 0.2] {
            aggregate.add(60_000, &CPU_USAGE_ACTIVE, None, value);
            aggregate.add(60_000, &REQUESTS, None, value);
            aggregate.add(60_000, &RESPONSE_TIME, None, value);
        }
        aggregate.add(0, &CONTAINER_UP, Some("caf\u{e9}\n"), 1.0);
        aggregate.add(0, &CONTAINER_UP, Some(" "), 1.0);
        let packed = pack(&head(), aggregate.close(0, true));
        assert_eq!(
            (packed.len(), packed[0].datums, packed[0].first_ms, packed[0].last_ms),
            (1, 8, 0, 60_000)
        );
        let [batch] = &unpack(&packed)[..] else { panic!() };
        assert_eq!(batch.head, head());
        let found = |name: &str| batch.data.iter().find(|datum| datum.name == name).unwrap().values.clone();
        assert_eq!(found("cpu_usage_active"), Sent::Set([0.1 + 0.2, 1.0, 1.0 + 0.1 + 0.2, 2.0]));
        assert_eq!(found("requests"), Sent::Value(1.0 + 0.1 + 0.2));
        assert_eq!(found("response_time"), Sent::Values(vec![(0.1 + 0.2, 1), (1.0, 1)]));
        assert_eq!(batch.data[0].of, Some(Dimension("ContainerName".to_owned(), "caf__".to_owned())));
    }

    #[test]
    fn batches_with_the_same_head_become_one_and_others_do_not() {
        let packed = |head: &Head, time_ms| {
            let mut aggregate = Aggregate::new(60_000);
            aggregate.add(time_ms, &CONTAINER_UP, Some("\"data\":["), 1.0);
            pack(head, aggregate.close(0, true)).remove(0).body
        };
        let (first, second) = (packed(&head(), 0), packed(&head(), 60_000));
        let mut both = [first.clone(), second.clone()].concat();
        assert!(join(&mut both, first.len()));
        let joined: Batch = serde_json::from_slice(&both).unwrap();
        assert_eq!(joined.data.iter().map(|datum| datum.time).collect::<Vec<_>>(), [0, 60_000]);
        let other = packed(&Head { resolution_s: 1, ..head() }, 60_000);
        for second in [other, b"{}".to_vec(), Vec::new()] {
            let mut both = [first.clone(), second.clone()].concat();
            assert!(!join(&mut both, first.len()));
            assert_eq!(both, [first.clone(), second].concat());
        }
    }

    #[test]
    fn a_batch_is_halved_until_one_datapoint_is_left() {
        let mut aggregate = Aggregate::new(60_000);
        for container in ["a", "b", "c"] {
            aggregate.add(0, &CONTAINER_UP, Some(container), 1.0);
        }
        let packed = pack(&head(), aggregate.close(0, true)).remove(0);
        let [(first, one), (second, two)] = halve(&packed.body).unwrap();
        assert_eq!((one, two), (2, 4));
        assert!(halve(&first).is_none());
        let [(_, one), (_, other)] = halve(&second).unwrap();
        assert_eq!((one, other), (2, 2));
        assert!(halve(b"{}").is_none());
    }

    #[test]
    fn nothing_gives_no_batch() {
        assert!(pack(&head(), Vec::new()).is_empty());
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(40))]

        #[test]
        fn every_limit_holds_and_nothing_is_lost(periods in 1..40i64, things in 0..60usize, times in 0..400u32) {
            let mut aggregate = Aggregate::new(60_000);
            for period in 0..periods {
                for nth in 0..things {
                    aggregate.add(period * 60_000, &CONTAINER_UP, Some(&format!("{}{nth}", "x".repeat(nth * 15))), 1.0);
                }
                for nth in 0..times {
                    aggregate.add(period * 60_000, &RESPONSE_TIME, None, 1.01f64.powf(f64::from(nth) * 1.5 - 200.0));
                }
            }
            let datapoints = aggregate.close(0, true);
            let count = datapoints.len();
            let packed = pack(&head(), datapoints);
            for (packed, batch) in packed.iter().zip(unpack(&packed)) {
                prop_assert!(packed.datums <= BATCH_DATUMS);
                prop_assert_eq!(packed.datums, batch.data.len() * 2);
                let bytes: usize = batch.data.iter().map(|datum| batch.head.series.iter().map(|s| datum.bytes(s)).sum::<usize>()).sum();
                prop_assert!(bytes <= BATCH_BYTES);
                let most = |datum: &Datum| if let Sent::Values(values) = &datum.values { values.len() } else { 0 };
                prop_assert!(batch.data.iter().all(|datum| most(datum) <= MOST_VALUES));
                prop_assert!(batch.data.iter().all(|datum| (packed.first_ms..=packed.last_ms).contains(&datum.time)));
            }
            prop_assert_eq!(packed.iter().map(|packed| packed.datums / 2).sum::<usize>(), count);
            prop_assert!(packed.windows(2).all(|pair| pair[0].last_ms <= pair[1].first_ms));
        }
    }
}
