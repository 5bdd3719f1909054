//! What an expression gives, and what its functions do.
//!
//! A function that is not evaluated here is an error that says so, never a silent number. It does not know
//! where datapoints come from.
//!
//! <https://docs.aws.amazon.com/AmazonCloudWatch/latest/monitoring/using-metric-math.html#metric-math-syntax-functions-list>

mod aggregate;
mod fill;
mod time;

use super::value::{Series, Value, is_true, operate};
use super::{Kind, Node};

/// Functions that there are, and that need more than datapoints.
const ELSEWHERE: [&str; 6] = [
    "ANOMALY_DETECTION_BAND",
    "DB_PERF_INSIGHTS",
    "INSIGHT_RULE_METRIC",
    "LAMBDA",
    "SEARCH",
    "SERVICE_QUOTA",
];

/// What an expression is about.
pub trait Terms {
    /// What an id stands for; none if there is no such id.
    fn value(&self, id: &str) -> Option<Result<Value, String>>;
    /// All metrics that are not expressions, with their ids, in their order.
    fn metrics(&self) -> Vec<(&str, Series)>;
    /// Places of each series.
    fn length(&self) -> usize;
    /// When the first period begins, in seconds.
    fn start_s(&self) -> i64;
    /// The period in seconds, of all of them.
    fn period_s(&self) -> u32;
}

/// What the expression gives. The error says in words what cannot be; it depends on the expression and never
/// on the datapoints.
pub fn give(node: &Node, terms: &dyn Terms) -> Result<Value, String> {
    match &node.kind {
        Kind::Number(number) => Ok(Value::Scalar(*number)),
        Kind::Text(text) => Err(format!("the text {text:?} is no value")),
        Kind::Name(name) => terms.value(name).unwrap_or_else(|| Err(format!("nothing has the id {name:?}"))),
        Kind::List(items) => {
            let mut all = Vec::new();
            for item in items {
                match give(item, terms)? {
                    Value::Series(series) => all.push(series),
                    Value::Array(more) => all.extend(more),
                    Value::Scalar(_) => return Err("an array holds time series, no numbers".to_owned()),
                }
            }
            Ok(Value::Array(all))
        }
        Kind::Negative(of) => Ok(give(of, terms)?.each(|value| -value)),
        Kind::Not(of) => Ok(give(of, terms)?.each(|value| if is_true(value) { 0.0 } else { 1.0 })),
        Kind::Operation(left, operator, right) => operate(give(left, terms)?, *operator, give(right, terms)?),
        Kind::Call(name, arguments) => {
            call(name, arguments, terms).map_err(|fault| format!("{name}(): {fault}"))
        }
    }
}

fn call(name: &str, arguments: &[Node], terms: &dyn Terms) -> Result<Value, String> {
    let only = || match arguments {
        [one] => give(one, terms),
        other => Err(format!("takes one argument, not {}", other.len())),
    };
    match name.to_uppercase().as_str() {
        "ABS" => Ok(only()?.each(f64::abs)),
        "CEIL" => Ok(only()?.each(f64::ceil)),
        "FLOOR" => Ok(only()?.each(f64::floor)),
        "LOG" => Ok(only()?.each(f64::ln)),
        "LOG10" => Ok(only()?.each(f64::log10)),
        "SUM" | "AVG" | "MIN" | "MAX" | "STDDEV" | "DATAPOINT_COUNT" => aggregate::aggregate(name, only()?),
        "METRIC_COUNT" => match only()? {
            Value::Array(all) => aggregate::count(all.len()).map(Value::Scalar),
            other => Err(format!("takes an array of time series, and this is {}", other.kind())),
        },
        "FIRST" => aggregate::nth(only()?, |all| all.into_iter().next()),
        "LAST" => aggregate::nth(only()?, |all| all.into_iter().next_back()),
        "SLICE" => aggregate::slice(&given(arguments, terms)?),
        "SORT" => aggregate::sort(arguments, terms),
        "REMOVE_EMPTY" => match only()? {
            Value::Array(all) => Ok(Value::Array(
                all.into_iter().filter(|series| series.iter().any(Option::is_some)).collect(),
            )),
            other => Err(format!("takes an array of time series, and this is {}", other.kind())),
        },
        "METRICS" => metrics(arguments, terms),
        "IF" => condition(given(arguments, terms)?),
        "FILL" => fill::fill(arguments, terms),
        "RATE" | "DIFF" | "DIFF_TIME" | "RUNNING_SUM" => time::changes(name, only()?, terms.period_s()),
        "PERIOD" => match only()? {
            Value::Series(_) => Ok(Value::Scalar(f64::from(terms.period_s()))),
            other => Err(format!("takes a metric, and this is {}", other.kind())),
        },
        "TIME_SERIES" => match only()? {
            Value::Scalar(number) => Ok(Value::Series(vec![Some(number); terms.length()])),
            other => Err(format!("takes a number, and this is {}", other.kind())),
        },
        "MINUTE" | "HOUR" | "DAY" | "DATE" | "MONTH" | "YEAR" | "EPOCH" => {
            only()?;
            Ok(time::clock(name, terms))
        }
        known if ELSEWHERE.contains(&known) => {
            Err("is not evaluated here: it needs more than datapoints".to_owned())
        }
        _ => Err("there is no such function".to_owned()),
    }
}

fn given(arguments: &[Node], terms: &dyn Terms) -> Result<Vec<Value>, String> {
    arguments.iter().map(|argument| give(argument, terms)).collect()
}

/// "You can use the `METRICS()` function with a string to return only the graphed metrics that contain that
/// string in their Id field."
fn metrics(arguments: &[Node], terms: &dyn Terms) -> Result<Value, String> {
    let wanted = match arguments {
        [] => "",
        [Node { kind: Kind::Text(text), .. }] => text.as_str(),
        _ => return Err("takes nothing or one text".to_owned()),
    };
    let all = terms.metrics().into_iter().filter(|(id, _)| id.contains(wanted));
    Ok(Value::Array(all.map(|(_, series)| series).collect()))
}

/// <https://docs.aws.amazon.com/AmazonCloudWatch/latest/monitoring/using-metric-math.html#using-IF-expressions>
fn condition(arguments: Vec<Value>) -> Result<Value, String> {
    let mut arguments = arguments.into_iter();
    let (Some(test), Some(then), otherwise, None) =
        (arguments.next(), arguments.next(), arguments.next(), arguments.next())
    else {
        return Err("takes a condition, a value and, if need be, another value".to_owned());
    };
    let array = [Some(&test), Some(&then), otherwise.as_ref()].into_iter().flatten();
    if array.into_iter().any(|value| matches!(value, Value::Array(_))) {
        return Err("takes time series and numbers, no arrays".to_owned());
    }
    let at = |value: &Value, place: usize| match value {
        Value::Scalar(number) => Some(*number),
        Value::Series(series) => series.get(place).copied().flatten(),
        Value::Array(_) => None,
    };
    match test {
        Value::Series(test) => {
            let one = |(place, test): (usize, &Option<f64>)| match test {
                // "has the value of 0, if the condition is TRUE and the datapoint does not exist"
                Some(test) if is_true(*test) => Some(at(&then, place).unwrap_or_default()),
                Some(_) => otherwise.as_ref().and_then(|otherwise| at(otherwise, place)),
                None => None,
            };
            Ok(Value::Series(test.iter().enumerate().map(one).collect()))
        }
        Value::Scalar(test) if is_true(test) => Ok(then),
        _ => match (otherwise, then) {
            (Some(otherwise), _) => Ok(otherwise),
            (None, Value::Series(then)) => Ok(Value::Series(vec![None; then.len()])),
            (None, _) => Err("gives nothing where the condition is not met".to_owned()),
        },
    }
}

#[cfg(test)]
mod tests;
