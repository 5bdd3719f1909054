//! Functions over many datapoints or many series: sums, means, order.

use super::{Terms, give};
use crate::alarms::math::value::{Series, Value};
use crate::alarms::math::{Kind, Node};

/// A count as a number.
pub(super) fn count(count: usize) -> Result<f64, String> {
    u32::try_from(count).map(f64::from).map_err(|_| "too many".to_owned())
}

/// Of one series a number, of several one series.
///
/// A number is over the evaluation range, which has more periods than the alarm evaluates: the page advises
/// against these in alarms for that reason.
pub(super) fn aggregate(name: &str, of: Value) -> Result<Value, String> {
    match of {
        Value::Series(series) => {
            let present: Vec<f64> = series.into_iter().flatten().collect();
            let places = present.len();
            Ok(Value::Scalar(over(name, &present, places)?.unwrap_or_default()))
        }
        Value::Array(all) => {
            let length = all.iter().map(Vec::len).max().unwrap_or_default();
            let mut out = Series::new();
            for place in 0..length {
                let present: Vec<f64> =
                    all.iter().filter_map(|series| series.get(place).copied().flatten()).collect();
                out.push(over(name, &present, all.len())?);
            }
            Ok(Value::Series(out))
        }
        Value::Scalar(_) => Err("takes time series, no number".to_owned()),
    }
}

/// `places` is how many values there could be: "Missing values are treated as 0" by AVG. None of nothing.
fn over(name: &str, present: &[f64], places: usize) -> Result<Option<f64>, String> {
    let name = name.to_uppercase();
    if name == "DATAPOINT_COUNT" {
        return count(present.len()).map(Some);
    }
    if present.is_empty() {
        return Ok(None);
    }
    let sum: f64 = present.iter().sum();
    Ok(Some(match name.as_str() {
        "SUM" => sum,
        "AVG" => sum / count(places)?,
        "MIN" => present.iter().copied().fold(f64::INFINITY, f64::min),
        "MAX" => present.iter().copied().fold(f64::NEG_INFINITY, f64::max),
        _ => {
            let mean = sum / count(present.len())?;
            let squares: f64 = present.iter().map(|value| (value - mean).powi(2)).sum();
            (squares / count(present.len())?).sqrt()
        }
    }))
}

/// One of an array.
pub(super) fn nth(of: Value, pick: impl Fn(Vec<Series>) -> Option<Series>) -> Result<Value, String> {
    let Value::Array(all) = of else {
        return Err(format!("takes an array of time series, and this is {}", of.kind()));
    };
    let length = all.iter().map(Vec::len).max().unwrap_or_default();
    Ok(Value::Series(pick(all).unwrap_or_else(|| vec![None; length])))
}

/// From the first number on, up to the second and without it.
pub(super) fn slice(arguments: &[Value]) -> Result<Value, String> {
    let (all, from, to) = match arguments {
        [Value::Array(all), Value::Scalar(from)] => (all, *from, f64::INFINITY),
        [Value::Array(all), Value::Scalar(from), Value::Scalar(to)] => (all, *from, *to),
        _ => return Err("takes an array of time series and one or two numbers".to_owned()),
    };
    let places = all.iter().zip(0_u32..);
    let within = places.filter(|(_, place)| f64::from(*place) >= from && f64::from(*place) < to);
    Ok(Value::Array(within.map(|(series, _)| series.clone()).collect()))
}

/// `SORT(METRICS(), AVG, DESC, 10)`
pub(super) fn sort(arguments: &[Node], terms: &dyn Terms) -> Result<Value, String> {
    const FORM: &str = "takes an array, one of AVG MIN MAX SUM, ASC or DESC, and a number if need be";
    let (of, by, order, limit) = match arguments {
        [of, by, order] => (of, by, order, None),
        [of, by, order, limit] => (of, by, order, Some(give(limit, terms)?)),
        _ => return Err(FORM.to_owned()),
    };
    let (Value::Array(mut all), Kind::Name(by), Kind::Name(order)) =
        (give(of, terms)?, &by.kind, &order.kind)
    else {
        return Err(FORM.to_owned());
    };
    let descending = match (by.as_str(), order.as_str()) {
        ("AVG" | "MIN" | "MAX" | "SUM", "ASC") => false,
        ("AVG" | "MIN" | "MAX" | "SUM", "DESC") => true,
        _ => return Err(FORM.to_owned()),
    };
    let key = |series: &Series| match aggregate(by, Value::Series(series.clone())) {
        Ok(Value::Scalar(number)) => number,
        _ => 0.0,
    };
    all.sort_by(|a, b| {
        let order = key(a).total_cmp(&key(b));
        if descending { order.reverse() } else { order }
    });
    match limit {
        None => Ok(Value::Array(all)),
        Some(Value::Scalar(limit)) => slice(&[Value::Array(all), Value::Scalar(0.0), Value::Scalar(limit)]),
        Some(_) => Err(FORM.to_owned()),
    }
}
