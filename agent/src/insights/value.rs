//! A value of a query: what it is as a number and as a text, what it equals, and what it is sorted behind.
//!
//! What is absent is `None`, never a value. It does not know where a value comes from.

use std::borrow::Cow;
use std::cmp::Ordering;
use std::rc::Rc;

use serde_json::Value as Json;

/// The longest text that a function makes; what would be longer is absent.
pub(super) const LONGEST_TEXT: usize = 1 << 20;

/// A value.
#[derive(Debug, Clone)]
pub(super) enum Value<'v> {
    /// As a line has it.
    Number(f64),
    /// What came of a computation: shown with at most four places.
    Computed(f64),
    /// Shown as 1 and 0: "`CloudWatch` Insights queries return the bool value as a 1/0".
    /// <https://github.com/aws-powertools/powertools-lambda-dotnet/issues/667>
    Truth(bool),
    /// Milliseconds since 1970.
    Time(i64),
    Text(Cow<'v, str>),
    /// A map or a list.
    Structure(Rc<Json>),
}

/// "Number values are values that include only numbers, not a mix of numbers and other characters."
/// <https://docs.aws.amazon.com/AmazonCloudWatch/latest/logs/CWL_QuerySyntax-Sort.html>
pub(super) fn number_of(text: &str) -> Option<f64> {
    let text = text.trim();
    let digits = text.strip_prefix(['-', '+']).unwrap_or(text);
    let numeric = digits.starts_with(|c: char| c.is_ascii_digit() || c == '.')
        && digits.len() <= 40
        && digits.bytes().all(|byte| byte.is_ascii_digit() || b".eE+-".contains(&byte));
    if numeric { text.parse().ok().filter(|number: &f64| number.is_finite()) } else { None }
}

impl<'v> Value<'v> {
    /// A computed number, if it is one.
    pub(super) fn computed(number: f64) -> Option<Self> {
        number.is_finite().then_some(Self::Computed(number))
    }

    /// A text, unless it is too long.
    pub(super) fn text(text: impl Into<Cow<'v, str>>) -> Option<Self> {
        let text = text.into();
        (text.len() <= LONGEST_TEXT).then_some(Self::Text(text))
    }

    /// Of a member of a message. Integers that a float cannot hold stay what is written.
    pub(super) fn of_json(json: &Json) -> Option<Self> {
        const EXACT: f64 = 9_007_199_254_740_992.0;
        match json {
            Json::Null => None,
            Json::Bool(truth) => Some(Self::Truth(*truth)),
            Json::Number(number) => match number.as_f64() {
                Some(float) if !number.is_f64() && float.abs() > EXACT => Self::text(number.to_string()),
                Some(float) => Some(Self::Number(float)),
                None => Self::text(number.to_string()),
            },
            Json::String(text) => Some(Self::Text(Cow::Owned(text.clone()))),
            Json::Array(_) | Json::Object(_) => Some(Self::Structure(Rc::new(json.clone()))),
        }
    }

    /// As a number; texts that are numbers count as such.
    pub(super) fn number(&self) -> Option<f64> {
        match self {
            Self::Number(number) | Self::Computed(number) => Some(*number),
            Self::Truth(truth) => Some(f64::from(u8::from(*truth))),
            #[expect(clippy::cast_precision_loss, reason = "exact for 285,000 years")]
            Self::Time(ms) => Some(*ms as f64),
            Self::Text(text) => number_of(text),
            Self::Structure(_) => None,
        }
    }

    /// As a text. "Maps and lists are treated as null for string, number, and datetime functions."
    /// <https://docs.aws.amazon.com/AmazonCloudWatch/latest/logs/CWL_QuerySyntax-operations-functions.html>
    pub(super) fn as_text(&self) -> Option<Cow<'_, str>> {
        match self {
            Self::Text(text) => Some(Cow::Borrowed(text)),
            Self::Structure(_) => None,
            other => Some(Cow::Owned(other.shown())),
        }
    }

    /// The same, and what was borrowed from an event stays so.
    pub(super) fn into_text(self) -> Option<Cow<'v, str>> {
        match self {
            Self::Text(text) => Some(text),
            Self::Structure(_) => None,
            other => Some(Cow::Owned(other.shown())),
        }
    }

    /// Whether a filter lets it pass.
    pub(super) fn holds(&self) -> bool {
        match self {
            Self::Truth(truth) => *truth,
            Self::Number(number) | Self::Computed(number) => *number != 0.0,
            _ => false,
        }
    }

    /// As it stands in a table.
    pub(super) fn shown(&self) -> String {
        match self {
            Self::Number(number) => number.to_string(),
            Self::Computed(number) => rounded(*number),
            Self::Truth(truth) => u8::from(*truth).to_string(),
            Self::Time(ms) => super::period::shown(*ms),
            Self::Text(text) => text.clone().into_owned(),
            Self::Structure(json) => json.to_string(),
        }
    }

    /// Roughly how many bytes it keeps of its own.
    pub(super) fn bytes(&self) -> usize {
        let own = match self {
            Self::Text(Cow::Owned(text)) => text.len(),
            Self::Structure(json) => weight(json),
            _ => 0,
        };
        size_of::<Self>() + own
    }
}

fn weight(json: &Json) -> usize {
    let inside = match json {
        Json::String(text) => text.len(),
        Json::Array(items) => items.iter().map(weight).sum(),
        Json::Object(members) => members.iter().map(|(key, value)| key.len() + 32 + weight(value)).sum(),
        _ => 0,
    };
    size_of::<Json>() + inside
}

/// Four places, and four digits of what is below one.
fn rounded(number: f64) -> String {
    if number.fract() == 0.0 {
        return number.to_string();
    }
    #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "from 1 to 308")]
    let places = if number.abs() < 1.0 { 3 + (-number.abs().log10()).ceil() as usize } else { 4 };
    let text = format!("{number:.places$}");
    text.trim_end_matches('0').trim_end_matches('.').to_owned()
}

/// Whether two are the same. As numbers if one of them is a number and the other can be read as one; "comparing
/// map and list to any other fields result in `false`".
/// <https://docs.aws.amazon.com/AmazonCloudWatch/latest/logs/CWL_QuerySyntax-operations-functions.html>
pub(super) fn equal(a: &Value<'_>, b: &Value<'_>) -> bool {
    match (a, b) {
        (Value::Structure(_), _) | (_, Value::Structure(_)) => false,
        (Value::Text(a), Value::Text(b)) => a == b,
        (Value::Truth(truth), Value::Text(text)) | (Value::Text(text), Value::Truth(truth)) => {
            text == if *truth { "true" } else { "false" } || text == if *truth { "1" } else { "0" }
        }
        #[expect(clippy::float_cmp, reason = "one value is one value")]
        _ => matches!((a.number(), b.number()), (Some(a), Some(b)) if a == b),
    }
}

/// Which is less: as numbers if both can be read as such, else as texts.
pub(super) fn less(a: &Value<'_>, b: &Value<'_>) -> Option<Ordering> {
    match (a.number(), b.number()) {
        (Some(a), Some(b)) => a.partial_cmp(&b),
        _ => match (a, b) {
            (Value::Text(a), Value::Text(b)) => Some(a.cmp(b)),
            _ => None,
        },
    }
}

/// The order of `sort`, ascending: what is absent, then what is no number, then numbers.
/// <https://docs.aws.amazon.com/AmazonCloudWatch/latest/logs/CWL_QuerySyntax-Sort.html>
pub(super) fn order(a: Option<&Value<'_>>, b: Option<&Value<'_>>) -> Ordering {
    let (Some(a), Some(b)) = (a, b) else { return a.is_some().cmp(&b.is_some()) };
    match (a.number(), b.number()) {
        (Some(a), Some(b)) => a.total_cmp(&b),
        (Some(_), None) => Ordering::Greater,
        (None, Some(_)) => Ordering::Less,
        (None, None) => natural(&a.as_text().unwrap_or_default(), &b.as_text().unwrap_or_default()),
    }
}

/// "It orders non-numeric portions by their Unicode values, and it orders numeric portions by their length first
/// and then by their numerical value."
fn natural(mut a: &str, mut b: &str) -> Ordering {
    loop {
        let (Some(first), Some(second)) = (a.chars().next(), b.chars().next()) else {
            return a.len().cmp(&b.len());
        };
        let ordering = if first.is_ascii_digit() && second.is_ascii_digit() {
            let (x, after) = digits(a);
            let (y, behind) = digits(b);
            (a, b) = (after, behind);
            x.len().cmp(&y.len()).then_with(|| x.cmp(y))
        } else {
            a = a.get(first.len_utf8()..).unwrap_or_default();
            b = b.get(second.len_utf8()..).unwrap_or_default();
            first.cmp(&second)
        };
        if ordering.is_ne() {
            return ordering;
        }
    }
}

fn digits(text: &str) -> (&str, &str) {
    text.split_at(text.find(|c: char| !c.is_ascii_digit()).unwrap_or(text.len()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn values_sort_as_the_documentation_shows() {
        // The list of the page on sort, with two numbers more.
        let sorted = [
            "!",
            "#",
            "*%04",
            "0#",
            "5A",
            "111A",
            "2345_",
            "@",
            "@_",
            "A",
            "A9876fghj",
            "a12345hfh",
            "0",
            "01",
            "9",
            "10",
        ];
        let mut values: Vec<Option<Value<'_>>> = sorted.iter().rev().map(|text| Value::text(*text)).collect();
        values.push(None);
        values.sort_by(|a, b| order(a.as_ref(), b.as_ref()));
        let shown: Vec<String> =
            values.iter().map(|value| value.as_ref().map_or("-".to_owned(), Value::shown)).collect();
        assert_eq!(shown[0], "-", "what is absent stands first");
        assert_eq!(shown[1..], sorted);
    }

    #[test]
    fn computed_numbers_are_shown_short_and_given_ones_as_they_are() {
        for (number, shown) in [
            (100.0 / 3.0, "33.3333"),
            (2.0, "2"),
            (-0.5, "-0.5"),
            (1.0 / 3000.0, "0.0003333"),
            (1e-9, "0.000000001"),
        ] {
            assert_eq!(Value::Computed(number).shown(), shown);
        }
        assert_eq!(Value::Number(1.250_375).shown(), "1.250375");
    }

    #[test]
    fn what_is_a_number() {
        for text in ["0", "-1.5", "1e3", " 7 ", ".5"] {
            assert!(number_of(text).is_some(), "{text}");
        }
        for text in ["", "-", "inf", "NaN", "1a", "0x1", "1,000", "5m", "1e999"] {
            assert!(number_of(text).is_none(), "{text}");
        }
    }
}
