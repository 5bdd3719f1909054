//! Functions of a datapoint and the one before it, and of its time.

use jiff::Timestamp;
use jiff::tz::TimeZone;

use super::Terms;
use crate::alarms::math::value::{Series, Value};

/// RATE, DIFF, `DIFF_TIME` and `RUNNING_SUM`. The first datapoint has none before it, and gives nothing.
pub(super) fn changes(name: &str, of: Value, period_s: u32) -> Result<Value, String> {
    let act = |series: &Series| match name.to_uppercase().as_str() {
        "RUNNING_SUM" => {
            let mut sum = 0.0;
            let one = |value: &Option<f64>| {
                sum += (*value)?;
                Some(sum)
            };
            series.iter().map(one).collect()
        }
        "DIFF" => between(series, period_s, |rise, _| rise),
        "DIFF_TIME" => between(series, period_s, |_, seconds| seconds),
        _ => between(series, period_s, |rise, seconds| rise / seconds),
    };
    match of {
        Value::Series(series) => Ok(Value::Series(act(&series))),
        Value::Array(all) => Ok(Value::Array(all.iter().map(act).collect())),
        Value::Scalar(_) => Err("takes time series, no number".to_owned()),
    }
}

fn between(series: &Series, period_s: u32, act: impl Fn(f64, f64) -> f64) -> Series {
    let mut last: Option<(u32, f64)> = None;
    let one = |(place, value): (u32, &Option<f64>)| {
        let value = (*value)?;
        let before = last.replace((place, value));
        before.map(|(at, then)| act(value - then, f64::from((place - at) * period_s)))
    };
    (0_u32..).zip(series).map(one).collect()
}

/// MINUTE, HOUR, DAY (Monday is 1), DATE, MONTH, YEAR, EPOCH: of when each period begins, in UTC, also where
/// there is no datapoint.
pub(super) fn clock(name: &str, terms: &dyn Terms) -> Value {
    let name = name.to_uppercase();
    let at = |place: usize| {
        let place = i64::try_from(place).ok()?;
        let seconds = terms.start_s() + place * i64::from(terms.period_s());
        let time = Timestamp::from_second(seconds).ok()?.to_zoned(TimeZone::UTC);
        Some(match name.as_str() {
            "MINUTE" => f64::from(time.minute()),
            "HOUR" => f64::from(time.hour()),
            "DAY" => f64::from(time.weekday().to_monday_one_offset()),
            "DATE" => f64::from(time.day()),
            "MONTH" => f64::from(time.month()),
            "YEAR" => f64::from(time.year()),
            #[expect(clippy::cast_precision_loss, reason = "seconds of our days are below 2^52")]
            _ => seconds as f64,
        })
    };
    Value::Series((0..terms.length()).map(at).collect())
}
