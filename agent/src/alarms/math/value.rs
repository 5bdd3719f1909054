//! What metric math reckons with: a number, a series, several series; and what operators make of them.
//!
//! All series of an expression have the same period and the same range, so that a series is one place for
//! each period, the oldest first. It knows no function.
//!
//! "Missing values in a time series are treated as 0. If the value of a data point causes a function to
//! attempt to divide by zero, the data point is dropped." and of comparisons: "when only one of the time
//! series has a value for a particular time stamp, the function treats the missing value in the other time
//! series as 0". Where none has a value, there is none:
//! <https://docs.aws.amazon.com/AmazonCloudWatch/latest/monitoring/using-metric-math.html#metric-math-syntax-arithmetic>

use super::Operator;

/// A value for each period, the oldest first; none where it is missing.
pub type Series = Vec<Option<f64>>;

/// What a part of an expression gives.
#[derive(Debug, Clone, PartialEq)]
pub enum Value {
    /// S in the page's tables.
    Scalar(f64),
    /// TS
    Series(Series),
    /// TS[]
    Array(Vec<Series>),
}

impl Value {
    /// For "… is a number".
    pub fn kind(&self) -> &'static str {
        match self {
            Self::Scalar(_) => "a number",
            Self::Series(_) => "a time series",
            Self::Array(_) => "an array of time series",
        }
    }

    /// The same done to each datapoint. What comes out as no number is dropped.
    #[must_use]
    pub fn each(self, act: impl Fn(f64) -> f64 + Copy) -> Self {
        match self {
            Self::Scalar(number) => Self::Scalar(act(number)),
            Self::Series(series) => Self::Series(each(&series, act)),
            Self::Array(all) => Self::Array(all.iter().map(|series| each(series, act)).collect()),
        }
    }
}

fn each(series: &[Option<f64>], act: impl Fn(f64) -> f64) -> Series {
    series.iter().map(|value| value.map(&act).filter(|value| value.is_finite())).collect()
}

/// `left operator right`. In words what cannot be.
pub fn operate(left: Value, operator: Operator, right: Value) -> Result<Value, String> {
    let Some(act) = action(operator) else { return Err("the operator % is none of CloudWatch's".to_owned()) };
    Ok(match (left, right) {
        (Value::Scalar(left), Value::Scalar(right)) => Value::Scalar(act(left, right)),
        (left @ (Value::Series(_) | Value::Array(_)), Value::Scalar(right)) => {
            left.each(|left| act(left, right))
        }
        (Value::Scalar(left), right @ (Value::Series(_) | Value::Array(_))) => {
            right.each(|right| act(left, right))
        }
        (Value::Series(left), Value::Series(right)) => Value::Series(pairs(&left, &right, act)),
        (Value::Array(left), Value::Series(right)) => {
            Value::Array(left.iter().map(|left| pairs(left, &right, act)).collect())
        }
        (Value::Series(left), Value::Array(right)) => {
            Value::Array(right.iter().map(|right| pairs(&left, right, act)).collect())
        }
        (Value::Array(_), Value::Array(_)) => {
            return Err("two arrays of time series have no operator between them".to_owned());
        }
    })
}

fn pairs(left: &[Option<f64>], right: &[Option<f64>], act: impl Fn(f64, f64) -> f64) -> Series {
    let one = |(left, right): (&Option<f64>, &Option<f64>)| {
        let any = left.is_some() || right.is_some();
        let value = act(left.unwrap_or_default(), right.unwrap_or_default());
        Some(value).filter(|value| any && value.is_finite())
    };
    left.iter().zip(right).map(one).collect()
}

fn action(operator: Operator) -> Option<fn(f64, f64) -> f64> {
    Some(match operator {
        Operator::Plus => |left, right| left + right,
        Operator::Minus => |left, right| left - right,
        Operator::Times => |left, right| left * right,
        Operator::Over => |left, right| left / right,
        Operator::Power => f64::powf,
        Operator::Equal => |left, right| truth(same(left, right)),
        Operator::NotEqual => |left, right| truth(!same(left, right)),
        Operator::AtMost => |left, right| truth(left <= right),
        Operator::AtLeast => |left, right| truth(left >= right),
        Operator::Below => |left, right| truth(left < right),
        Operator::Above => |left, right| truth(left > right),
        Operator::And => |left, right| truth(is_true(left) && is_true(right)),
        Operator::Or => |left, right| truth(is_true(left) || is_true(right)),
        Operator::Modulo => return None,
    })
}

#[expect(clippy::float_cmp, reason = "as the expression asks")]
fn same(left: f64, right: f64) -> bool {
    left == right
}

fn truth(true_or_false: bool) -> f64 {
    f64::from(u8::from(true_or_false))
}

/// "FALSE if the value of the condition data point is 0, and TRUE if the value of the condition is any other
/// value, whether that value is positive or negative."
pub(super) fn is_true(value: f64) -> bool {
    !same(value, 0.0)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn series(values: &[i32]) -> Value {
        Value::Series(values.iter().map(|value| Some(f64::from(*value)).filter(|_| *value >= 0)).collect())
    }

    /// −1 is a gap.
    fn shown(value: &Value) -> Vec<i32> {
        let Value::Series(series) = value else { panic!("{value:?}") };
        #[expect(clippy::cast_possible_truncation, reason = "small numbers")]
        series.iter().map(|value| value.map_or(-1, |value| value as i32)).collect()
    }

    #[test]
    fn what_one_series_lacks_is_nought_and_what_both_lack_is_missing() {
        for (left, operator, right, expected) in [
            (&[1, 2, -1, -1][..], Operator::Plus, &[10, -1, 30, -1][..], &[11, 2, 30, -1][..]),
            (&[9, 2, -1, -1], Operator::Minus, &[4, -1, 0, -1], &[5, 2, 0, -1]),
            (&[9, 2, -1, -1], Operator::Times, &[4, -1, 3, -1], &[36, 0, 0, -1]),
            // By nought: dropped.
            (&[8, 2, -1, -1], Operator::Over, &[4, -1, 3, 0], &[2, -1, 0, -1]),
            (&[3, 2, -1, -1], Operator::Power, &[2, -1, 3, -1], &[9, 1, 0, -1]),
        ] {
            assert_eq!(
                shown(&operate(series(left), operator, series(right)).unwrap()),
                expected,
                "{operator:?}"
            );
        }
    }

    /// The table of "Comparison and logical operators".
    #[test]
    fn the_published_table_of_comparisons() {
        let metric1 = series(&[30, 20, 0, 0]);
        let metric2 = series(&[20, -1, 20, -1]);
        let with = |value: &Value, operator, number| {
            operate(value.clone(), operator, Value::Scalar(number)).unwrap()
        };
        let below = operate(metric1.clone(), Operator::Below, metric2.clone()).unwrap();
        assert_eq!(shown(&below), [0, 0, 1, 0]);
        assert_eq!(shown(&with(&metric1, Operator::AtLeast, 30.0)), [1, 0, 0, 0]);
        let both = operate(
            with(&metric1, Operator::Above, 15.0),
            Operator::And,
            with(&metric2, Operator::Above, 15.0),
        );
        assert_eq!(shown(&both.unwrap()), [1, 0, 0, 0]);
    }

    #[test]
    fn every_comparison_tells_below_equal_and_above_apart() {
        for (operator, expected) in [
            (Operator::Below, [1, 0, 0]),
            (Operator::AtMost, [1, 1, 0]),
            (Operator::Equal, [0, 1, 0]),
            (Operator::NotEqual, [1, 0, 1]),
            (Operator::AtLeast, [0, 1, 1]),
            (Operator::Above, [0, 0, 1]),
        ] {
            let made = operate(series(&[1, 2, 3]), operator, Value::Scalar(2.0)).unwrap();
            assert_eq!(shown(&made), expected, "{operator:?}");
        }
        let or = operate(series(&[0, 0, 5, -1]), Operator::Or, series(&[0, 7, -1, -1])).unwrap();
        assert_eq!(shown(&or), [0, 1, 1, -1]);
    }

    #[test]
    fn numbers_go_with_series_and_arrays() {
        let two = Value::Scalar(2.0);
        let made = operate(two.clone(), Operator::Minus, series(&[1, -1])).unwrap();
        assert_eq!(shown(&made), [1, -1]);
        let array = Value::Array(vec![vec![Some(4.0)], vec![None]]);
        let made = operate(array.clone(), Operator::Over, two.clone()).unwrap();
        assert_eq!(made, Value::Array(vec![vec![Some(2.0)], vec![None]]));
        let made = operate(array.clone(), Operator::Plus, series(&[1])).unwrap();
        assert_eq!(made, Value::Array(vec![vec![Some(5.0)], vec![Some(1.0)]]));
        let made = operate(series(&[1]), Operator::Minus, array.clone()).unwrap();
        assert_eq!(made, Value::Array(vec![vec![Some(-3.0)], vec![Some(1.0)]]));
        assert!(operate(array.clone(), Operator::Plus, array).is_err());
        assert!(operate(two.clone(), Operator::Modulo, two).is_err());
    }
}
