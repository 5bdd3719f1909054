//! FILL: what stands where a datapoint is missing.

use super::{Terms, give};
use crate::alarms::math::value::{Series, Value};
use crate::alarms::math::{Kind, Node};

/// `FILL(m1, 0)`, `FILL(METRICS(), REPEAT)`, `FILL(m1, LINEAR)`, `FILL(m1, m2)`
///
/// A metric without any datapoint in the range is filled, too, by a number or another series: it has its
/// period and its range all the same. The page does not say so of a metric that was never sent; many an alarm
/// on error counts is built on it.
pub(super) fn fill(arguments: &[Node], terms: &dyn Terms) -> Result<Value, String> {
    const FORM: &str = "takes time series and what to fill with: a number, a time series, REPEAT or LINEAR";
    let [of, with] = arguments else { return Err(FORM.to_owned()) };
    let act: Box<dyn Fn(&Series) -> Series> = match &with.kind {
        Kind::Name(word) if word == "REPEAT" => Box::new(repeated),
        Kind::Name(word) if word == "LINEAR" => Box::new(linear),
        _ => match give(with, terms)? {
            Value::Scalar(number) => {
                Box::new(move |series: &Series| series.iter().map(|value| value.or(Some(number))).collect())
            }
            Value::Series(other) => Box::new(move |series: &Series| {
                series.iter().zip(&other).map(|(value, other)| value.or(*other)).collect()
            }),
            Value::Array(_) => return Err(FORM.to_owned()),
        },
    };
    match give(of, terms)? {
        Value::Series(series) => Ok(Value::Series(act(&series))),
        Value::Array(all) => Ok(Value::Array(all.iter().map(act).collect())),
        Value::Scalar(_) => Err(FORM.to_owned()),
    }
}

/// The value before the gap.
fn repeated(series: &Series) -> Series {
    let mut last = None;
    let one = |value: &Option<f64>| {
        last = value.or(last);
        last
    };
    series.iter().map(one).collect()
}

/// On a straight line between the values at both ends of the gap.
fn linear(series: &Series) -> Series {
    let mut out = series.clone();
    let known: Vec<(u32, f64)> =
        (0_u32..).zip(series).filter_map(|(place, value)| Some((place, (*value)?))).collect();
    for (place, value) in (0_u32..).zip(&mut out) {
        let after = known.partition_point(|(at, _)| *at < place);
        if let (None, Some((from, first)), Some((to, last))) =
            (&value, after.checked_sub(1).and_then(|before| known.get(before)), known.get(after))
        {
            *value = Some(first + (last - first) * f64::from(place - from) / f64::from(to - from));
        }
    }
    out
}
