//! The functions of `stats`: what each gathers of a group's rows, and what it says in the end.
//!
//! It does not know which rows make a group.
//!
//! <https://docs.aws.amazon.com/AmazonCloudWatch/latest/logs/CWL_QuerySyntax-Stats.html>

use std::cmp::Ordering;
use std::collections::HashSet;

use super::expression::Expression;
use super::row::Row;
use super::value::{Value, order};

/// A function of `stats`.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) enum Kind {
    Count,
    Distinct,
    Sum,
    Average,
    Minimum,
    Maximum,
    Percentile,
    Median,
    Deviation,
    Earliest,
    Latest,
    First,
    Last,
}

const KINDS: [(&str, Kind); 13] = [
    ("count", Kind::Count),
    ("count_distinct", Kind::Distinct),
    ("sum", Kind::Sum),
    ("avg", Kind::Average),
    ("min", Kind::Minimum),
    ("max", Kind::Maximum),
    ("pct", Kind::Percentile),
    ("median", Kind::Median),
    ("stddev", Kind::Deviation),
    ("earliest", Kind::Earliest),
    ("latest", Kind::Latest),
    ("sortsFirst", Kind::First),
    ("sortsLast", Kind::Last),
];

pub(super) fn find(name: &str) -> Option<Kind> {
    KINDS.iter().find(|(known, _)| known.eq_ignore_ascii_case(name)).map(|(_, kind)| *kind)
}

/// A call of such a function.
#[derive(Debug)]
pub(super) struct Aggregate {
    kind: Kind,
    of: Option<Expression>,
    /// Of percentiles.
    percent: f64,
}

impl Aggregate {
    /// In words what is wrong with its arguments, and what to write.
    pub(super) fn new(kind: Kind, arguments: Vec<Expression>) -> Result<Self, (&'static str, &'static str)> {
        let mut arguments = arguments.into_iter();
        let of = arguments.next();
        let percent = match (kind, arguments.next()) {
            (Kind::Percentile, Some(Expression::Number(percent))) if (0.0..=100.0).contains(&percent) => {
                percent
            }
            (Kind::Percentile, _) => {
                return Err(("percentiles take a field and a number up to 100", "write pct(latency_ms, 95)"));
            }
            (Kind::Median, None) => 50.0,
            (_, None) => 0.0,
            (_, Some(_)) => return Err(("this function takes one field", "write one")),
        };
        if arguments.next().is_some() {
            return Err(("this function has too many arguments", "write pct(latency_ms, 95)"));
        }
        if of.is_none() && kind != Kind::Count {
            return Err((
                "this function needs a field",
                "write the field into its brackets: sum(latency_ms)",
            ));
        }
        Ok(Self { kind, of, percent })
    }

    pub(super) fn empty<'v>(&self) -> State<'v> {
        match self.kind {
            Kind::Count => State::Count(0),
            Kind::Distinct => State::Distinct(HashSet::new()),
            Kind::Sum => State::Sum(0, 0.0),
            Kind::Average | Kind::Deviation => State::Moments { count: 0.0, mean: 0.0, squares: 0.0 },
            Kind::Percentile | Kind::Median => State::Values(Vec::new()),
            _ => State::Kept(0, None),
        }
    }

    /// Counts a row. Gives how many bytes more are kept.
    pub(super) fn add<'v>(&'v self, state: &mut State<'v>, row: &Row<'v>) -> usize {
        let value = match &self.of {
            None => Some(Value::Truth(true)),
            Some(of) => of.value(row),
        };
        // "count(fieldName) counts all records that include the specified field name."
        let Some(value) = value else { return 0 };
        match state {
            State::Count(count) => *count += 1,
            State::Distinct(seen) => {
                let shown = value.shown();
                if !seen.contains(&shown) {
                    let bytes = shown.len() + 64;
                    seen.insert(shown);
                    return bytes;
                }
            }
            State::Sum(count, sum) => {
                if let Some(number) = value.number() {
                    *count += 1;
                    *sum += number;
                }
            }
            State::Moments { count, mean, squares } => {
                if let Some(number) = value.number() {
                    *count += 1.0;
                    let off = number - *mean;
                    *mean += off / *count;
                    *squares += off * (number - *mean);
                }
            }
            State::Values(values) => {
                if let Some(number) = value.number() {
                    values.push(number);
                    return size_of::<f64>() * 2;
                }
            }
            State::Kept(time_ms, kept) => return self.keep(time_ms, kept, value, row.time_ms()),
        }
        0
    }

    fn keep<'v>(
        &self,
        at_ms: &mut i64,
        kept: &mut Option<Value<'v>>,
        value: Value<'v>,
        time_ms: i64,
    ) -> usize {
        let better = match (self.kind, kept.as_ref()) {
            (_, None) => true,
            (Kind::Earliest, Some(_)) => time_ms < *at_ms,
            (Kind::Latest, Some(_)) => time_ms >= *at_ms,
            (Kind::Minimum | Kind::First, Some(kept)) => order(Some(&value), Some(kept)) == Ordering::Less,
            (_, Some(kept)) => order(Some(&value), Some(kept)) == Ordering::Greater,
        };
        if !better {
            return 0;
        }
        let before = kept.as_ref().map_or(0, Value::bytes);
        let bytes = value.bytes().saturating_sub(before);
        (*at_ms, *kept) = (time_ms, Some(value));
        bytes
    }

    /// What came of a group.
    pub(super) fn result<'v>(&self, state: State<'v>) -> Option<Value<'v>> {
        #[expect(clippy::cast_precision_loss, reason = "fewer than 2^53 rows")]
        match state {
            State::Count(count) => Some(Value::Number(count as f64)),
            State::Distinct(seen) => Some(Value::Number(seen.len() as f64)),
            State::Sum(count, sum) => {
                if count > 0 {
                    Value::computed(sum)
                } else {
                    None
                }
            }
            State::Moments { count, mean, squares } if count > 0.0 => {
                // AWS does not say of which kind it is; Metric Math's is that of the population.
                Value::computed(if self.kind == Kind::Average { mean } else { (squares / count).sqrt() })
            }
            State::Moments { .. } => None,
            State::Values(values) => percentile(values, self.percent).map(Value::Number),
            State::Kept(_, kept) => kept,
        }
    }
}

/// What is gathered of a group.
#[derive(Debug)]
pub(super) enum State<'v> {
    Count(u64),
    Distinct(HashSet<String>),
    Sum(u64, f64),
    /// Welford's, which does not lose small deviations of large numbers.
    Moments {
        count: f64,
        mean: f64,
        squares: f64,
    },
    Values(Vec<f64>),
    /// With the time of its row.
    Kept(i64, Option<Value<'v>>),
}

/// The smallest value that so many per cent are not above, as alarms have it (`alarms/evaluate/statistic.rs`).
/// "`pct(@duration, 95)` returns the `@duration` value at which 95 percent of the values of `@duration` are lower
/// than this value"; the service may interpolate or estimate, and does not say.
fn percentile(mut values: Vec<f64>, percent: f64) -> Option<f64> {
    if values.is_empty() {
        return None;
    }
    #[expect(clippy::cast_precision_loss, reason = "fewer than 2^53 values")]
    // 0.95 × 200 is a little more than 190.
    let rank = (percent / 100.0 * values.len() as f64 * (1.0 - 1e-9)).ceil();
    #[expect(
        clippy::cast_possible_truncation,
        clippy::cast_sign_loss,
        reason = "from 0 to the number of values"
    )]
    let index = (rank as usize).clamp(1, values.len()) - 1;
    Some(*values.select_nth_unstable_by(index, f64::total_cmp).1)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_percentile_is_the_largest_of_the_rest() {
        let hundred: Vec<f64> = (1..=100).rev().map(f64::from).collect();
        for (percent, value) in
            [(99.0, 99.0), (95.0, 95.0), (50.0, 50.0), (0.0, 1.0), (100.0, 100.0), (99.5, 100.0)]
        {
            assert_eq!(percentile(hundred.clone(), percent), Some(value), "{percent}");
        }
        assert_eq!(percentile(vec![3.0], 95.0), Some(3.0));
        assert_eq!(percentile(vec![2.0, 1.0], 50.0), Some(1.0));
        assert_eq!(percentile(Vec::new(), 50.0), None);
        let many: Vec<f64> = (1..=200).map(f64::from).collect();
        assert_eq!(percentile(many, 95.0), Some(190.0));
    }
}
