//! The rules of `PutMetricData`: which calls CloudWatch refuses, and in which words.
//!
//! Limits from the API reference of `PutMetricData`, `MetricDatum`, `Dimension` and `StatisticSet`;
//! the namespace's characters from the user guide's page on publishing metrics. Pure: a request and
//! a time in, a refusal out.
//! <https://docs.aws.amazon.com/AmazonCloudWatch/latest/APIReference/API_PutMetricData.html>

use std::fmt;

use ciborium::tag::Required;
use serde::de::{Error, Visitor};
use serde::{Deserialize, Deserializer};

use crate::endpoint::refusal::Refusal;

/// The longest body, after decompression.
pub(crate) const MAX_BODY: usize = 1_048_576;
/// The most datums of one call.
const MAX_DATUMS: usize = 1_000;
/// The most dimensions of one datum.
const MAX_DIMENSIONS: usize = 30;
/// The most values of one datum.
const MAX_VALUES: usize = 150;
/// Of namespaces, metrics and dimensions.
const LONGEST_NAME: usize = 255;
const LONGEST_DIMENSION_VALUE: usize = 1_024;
/// How far in the past a datum may lie.
const OLDEST_MS: i64 = 14 * 24 * 3_600_000;
/// How far in the future.
const NEWEST_MS: i64 = 2 * 3_600_000;
/// 2^360 by its exponent: neither side of zero may a value be farther away.
const LARGEST: f64 = f64::from_bits((1_023 + 360) << 52);
/// A sum of rounded numbers is itself rounded, at every step.
const ROUNDING: f64 = 1e-9;

const UNITS: [&str; 27] = [
    "Seconds",
    "Microseconds",
    "Milliseconds",
    "Bytes",
    "Kilobytes",
    "Megabytes",
    "Gigabytes",
    "Terabytes",
    "Bits",
    "Kilobits",
    "Megabits",
    "Gigabits",
    "Terabits",
    "Percent",
    "Count",
    "Bytes/Second",
    "Kilobytes/Second",
    "Megabytes/Second",
    "Gigabytes/Second",
    "Terabytes/Second",
    "Bits/Second",
    "Kilobits/Second",
    "Megabits/Second",
    "Gigabits/Second",
    "Terabits/Second",
    "Count/Second",
    "None",
];

/// A double of the wire, where an integer may stand for a whole one.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) struct Number(pub(crate) f64);

impl<'de> Deserialize<'de> for Number {
    fn deserialize<D: Deserializer<'de>>(from: D) -> Result<Self, D::Error> {
        struct Either;
        impl Visitor<'_> for Either {
            type Value = Number;

            fn expecting(&self, to: &mut fmt::Formatter<'_>) -> fmt::Result {
                to.write_str("a number")
            }

            fn visit_f64<E: Error>(self, value: f64) -> Result<Number, E> {
                Ok(Number(value))
            }

            #[expect(clippy::cast_precision_loss, reason = "a double is what the service keeps")]
            fn visit_i64<E: Error>(self, value: i64) -> Result<Number, E> {
                Ok(Number(value as f64))
            }

            #[expect(clippy::cast_precision_loss, reason = "a double is what the service keeps")]
            fn visit_u64<E: Error>(self, value: u64) -> Result<Number, E> {
                Ok(Number(value as f64))
            }
        }
        from.deserialize_any(Either)
    }
}

/// A call as it comes. What the agent has no use for, entities among it, is not understood.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(rename_all = "PascalCase", deny_unknown_fields, default)]
pub(crate) struct MetricRequest {
    pub(crate) namespace: Option<String>,
    pub(crate) metric_data: Vec<InputDatum>,
}

#[derive(Debug, Clone, Default, Deserialize)]
#[serde(rename_all = "PascalCase", deny_unknown_fields, default)]
pub(crate) struct InputDatum {
    pub(crate) metric_name: Option<String>,
    pub(crate) dimensions: Vec<InputDimension>,
    /// Seconds since 1970.
    pub(crate) timestamp: Option<Required<Number, 1>>,
    pub(crate) value: Option<Number>,
    pub(crate) statistic_values: Option<InputStatistics>,
    pub(crate) values: Vec<Number>,
    pub(crate) counts: Vec<Number>,
    pub(crate) unit: Option<String>,
    pub(crate) storage_resolution: Option<u32>,
}

#[derive(Debug, Clone, Default, Deserialize)]
#[serde(rename_all = "PascalCase", deny_unknown_fields, default)]
pub(crate) struct InputDimension {
    pub(crate) name: Option<String>,
    pub(crate) value: Option<String>,
}

#[derive(Debug, Clone, Default, Deserialize)]
#[serde(rename_all = "PascalCase", deny_unknown_fields, default)]
pub(crate) struct InputStatistics {
    pub(crate) sample_count: Option<Number>,
    pub(crate) sum: Option<Number>,
    pub(crate) minimum: Option<Number>,
    pub(crate) maximum: Option<Number>,
}

impl InputDatum {
    /// Its own time in milliseconds since 1970, if it has one.
    #[expect(clippy::cast_possible_truncation, reason = "what is beyond is beyond every limit too")]
    pub(crate) fn timestamp_ms(&self) -> Option<i64> {
        self.timestamp.map(|Required(Number(seconds))| (seconds * 1_000.0).round() as i64)
    }
}

/// Reads a body; what is not CBOR of this shape, or too long, is the client's fault.
pub(crate) fn read(body: &[u8]) -> Result<MetricRequest, Refusal> {
    if body.len() > MAX_BODY {
        let message = format!("Request size of {} bytes exceeds the limit of {MAX_BODY}", body.len());
        return Err(Refusal { code: "RequestEntityTooLargeException", status: 413, message });
    }
    let mut rest = body;
    let request = ciborium::from_reader(&mut rest)
        .map_err(|error| Refusal::client("SerializationException", error.to_string()))?;
    if !rest.is_empty() {
        return Err(Refusal::client("SerializationException", "bytes after the end of the request"));
    }
    Ok(request)
}

/// Refuses a call that breaks a limit at `now_ms`.
pub(crate) fn check(request: &MetricRequest, now_ms: i64) -> Result<(), Refusal> {
    check_namespace(request.namespace.as_deref())?;
    let data = &request.metric_data;
    if data.is_empty() {
        return Err(missing("MetricData"));
    }
    if data.len() > MAX_DATUMS {
        return Err(too_many("MetricData", MAX_DATUMS));
    }
    data.iter()
        .zip(1..)
        .try_for_each(|(datum, number)| check_datum(datum, &format!("MetricData.member.{number}"), now_ms))
}

fn check_namespace(namespace: Option<&str>) -> Result<(), Refusal> {
    let namespace = text(namespace, "Namespace", LONGEST_NAME)?;
    let known = |byte: u8| byte.is_ascii_alphanumeric() || b".-_/#: ".contains(&byte);
    if namespace.starts_with("AWS/") || namespace.starts_with(':') || !namespace.bytes().all(known) {
        return Err(invalid(namespace, "Namespace"));
    }
    Ok(())
}

fn check_datum(datum: &InputDatum, at: &str, now_ms: i64) -> Result<(), Refusal> {
    text(datum.metric_name.as_deref(), &format!("{at}.MetricName"), LONGEST_NAME)?;
    check_dimensions(&datum.dimensions, &format!("{at}.Dimensions"))?;
    if let Some(unit) = datum.unit.as_deref().filter(|unit| !UNITS.contains(unit)) {
        return Err(invalid(unit, &format!("{at}.Unit")));
    }
    if let Some(seconds) = datum.storage_resolution.filter(|seconds| ![1, 60].contains(seconds)) {
        return Err(invalid(&seconds.to_string(), &format!("{at}.StorageResolution")));
    }
    if let Some(time_ms) = datum.timestamp_ms() {
        let age_ms = now_ms.saturating_sub(time_ms);
        if age_ms > OLDEST_MS {
            let rule = "must specify a time within the past two weeks";
            return Err(value(format!("The parameter {at}.Timestamp {rule}.")));
        }
        if age_ms < -NEWEST_MS {
            let rule = "must specify a time no more than two hours in the future";
            return Err(value(format!("The parameter {at}.Timestamp {rule}.")));
        }
    }
    check_samples(datum, at)
}

fn check_dimensions(dimensions: &[InputDimension], at: &str) -> Result<(), Refusal> {
    if dimensions.len() > MAX_DIMENSIONS {
        return Err(too_many(at, MAX_DIMENSIONS));
    }
    let mut names = Vec::with_capacity(dimensions.len());
    for (dimension, number) in dimensions.iter().zip(1..) {
        let at = format!("{at}.member.{number}");
        let name = text(dimension.name.as_deref(), &format!("{at}.Name"), LONGEST_NAME)?;
        text(dimension.value.as_deref(), &format!("{at}.Value"), LONGEST_DIMENSION_VALUE)?;
        if name.starts_with(':') {
            return Err(invalid(name, &format!("{at}.Name")));
        }
        if names.contains(&name) {
            return Err(value(format!("The parameter {at}.Name repeats the dimension {name}.")));
        }
        names.push(name);
    }
    Ok(())
}

fn check_samples(datum: &InputDatum, at: &str) -> Result<(), Refusal> {
    let forms = [datum.value.is_some(), datum.statistic_values.is_some(), !datum.values.is_empty()];
    match forms.iter().filter(|form| **form).count() {
        1 => {}
        0 => {
            return Err(combination(format!(
                "At least one of the parameters {at}.Value, {at}.Values and {at}.StatisticValues must be \
                 specified."
            )));
        }
        _ => {
            return Err(combination(format!(
                "The parameters {at}.Value, {at}.Values and {at}.StatisticValues are mutually exclusive and \
                 you have specified more than one."
            )));
        }
    }
    if datum.values.len() > MAX_VALUES {
        return Err(too_many(&format!("{at}.Values"), MAX_VALUES));
    }
    if !datum.counts.is_empty() && datum.counts.len() != datum.values.len() {
        return Err(combination(format!(
            "The parameters {at}.Values and {at}.Counts must have the same number of elements."
        )));
    }
    if let Some(sample) = datum.value {
        check_number(sample, &format!("{at}.Value"))?;
    }
    for (sample, number) in datum.values.iter().zip(1..) {
        check_number(*sample, &format!("{at}.Values.member.{number}"))?;
    }
    for (count, number) in datum.counts.iter().zip(1..) {
        check_count(*count, &format!("{at}.Counts.member.{number}"))?;
    }
    datum.statistic_values.as_ref().map_or(Ok(()), |set| check_set(set, &format!("{at}.StatisticValues")))
}

fn check_set(set: &InputStatistics, at: &str) -> Result<(), Refusal> {
    let given = |number: Option<Number>, name: &str| {
        let number = number.ok_or_else(|| missing(&format!("{at}.{name}")))?;
        check_number(number, &format!("{at}.{name}"))
    };
    let Number(minimum) = given(set.minimum, "Minimum")?;
    let Number(maximum) = given(set.maximum, "Maximum")?;
    let Number(sum) = given(set.sum, "Sum")?;
    let Number(count) = check_count(given(set.sample_count, "SampleCount")?, &format!("{at}.SampleCount"))?;
    if minimum > maximum {
        return Err(value(format!("The parameter {at}.Maximum must be greater than {at}.Minimum.")));
    }
    let slack = ROUNDING * count * minimum.abs().max(maximum.abs());
    if sum < count * minimum - slack || sum > count * maximum + slack {
        return Err(value(format!(
            "The parameter {at}.Sum must lie between SampleCount times Minimum and SampleCount times Maximum."
        )));
    }
    Ok(())
}

fn check_number(number: Number, at: &str) -> Result<Number, Refusal> {
    // Not a number compares with nothing, and is refused by that.
    if number.0.abs() <= LARGEST { Ok(number) } else { Err(invalid(&number.0.to_string(), at)) }
}

fn check_count(number: Number, at: &str) -> Result<Number, Refusal> {
    let number = check_number(number, at)?;
    if number.0 > 0.0 {
        Ok(number)
    } else {
        Err(value(format!("The parameter {at} must be greater than 0.")))
    }
}

/// A name or value: some printable ASCII, not only blanks.
fn text<'a>(given: Option<&'a str>, at: &str, longest: usize) -> Result<&'a str, Refusal> {
    let given = given.ok_or_else(|| missing(at))?;
    if given.len() > longest {
        return Err(value(format!("The parameter {at} must be shorter than {} characters.", longest + 1)));
    }
    let printable = given.bytes().all(|byte| (b' '..=b'~').contains(&byte));
    if given.trim().is_empty() || !printable { Err(invalid(given, at)) } else { Ok(given) }
}

fn missing(at: &str) -> Refusal {
    Refusal::client("MissingRequiredParameterException", format!("The parameter {at} is required."))
}

fn too_many(at: &str, most: usize) -> Refusal {
    value(format!("The collection {at} must not have a size greater than {most}."))
}

fn invalid(given: &str, at: &str) -> Refusal {
    let shown: String = given.chars().take(64).collect();
    value(format!("The value {shown} for parameter {at} is invalid."))
}

fn value(message: String) -> Refusal {
    Refusal::client("InvalidParameterValueException", message)
}

fn combination(message: String) -> Refusal {
    Refusal::client("InvalidParameterCombinationException", message)
}

#[cfg(test)]
mod tests;
