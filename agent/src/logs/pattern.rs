//! The operator's own metrics from lines: what matches an expression, or has a field.
//!
//! Sees messages as they are shipped, without secrets, for the value of a dimension leaves the host in
//! clear. Knows neither the configuration's keys nor when lines were printed.

use std::borrow::Cow;

use regex::{Captures, Regex};

use super::members::{find, string};
use crate::metrics::name::{ALL, AUTO_SCALING_GROUP, INSTANCE_ID, custom};
use crate::metrics::{Kind, Metric};

/// The group of an expression that stands for the value.
const VALUE: &str = "value";
/// Of a metric's name and of a dimension's.
/// <https://docs.aws.amazon.com/AmazonCloudWatch/latest/APIReference/API_MetricDatum.html>
const LONGEST_NAME: usize = 255;
/// Longer values of a dimension are cut off.
const LONGEST_OF: usize = 64;
/// What stands for a character, or a whole value, that a dimension cannot have.
const NONE: &str = "_";

/// One metric of the operator's own, and which messages it is of.
#[derive(Debug, Clone)]
pub struct Pattern {
    metric: &'static Metric,
    regex: Option<Regex>,
    value: Value,
    dimension: Option<Dimension>,
}

/// Where its value comes from.
#[derive(Debug, Clone)]
enum Value {
    /// Each message is 1.
    One,
    /// The expression's group of that name.
    Group,
    /// A member of the JSON object that the message is.
    Field(String),
}

/// Where the value of its dimension comes from.
#[derive(Debug, Clone)]
enum Dimension {
    Group(String),
    Field(String),
}

/// What a message gave for a pattern.
#[derive(Debug, PartialEq)]
pub struct Found<'m> {
    /// In the metric's unit; `None` if there is something where the value belongs that is no number.
    pub value: Option<f64>,
    /// The value of the metric's dimension: printable, 1 to 64 characters. `None` if it has none.
    pub of: Option<Cow<'m, str>>,
}

impl Pattern {
    /// A metric of this name. With a `regex` alone each match counts 1, or the number in its group
    /// `value`; with a `field` alone each JSON message counts that has it, `a.b` being the member `a.b` or
    /// `b` in `a`; with both, each that has it and matches. The `dimension` is a group of the expression,
    /// or else a field. The unit is one of `CloudWatch`'s. What is wrong comes back in words.
    pub fn new(
        name: &str,
        regex: Option<Regex>,
        field: Option<&str>,
        unit: &'static str,
        dimension: Option<&str>,
    ) -> Result<Self, String> {
        checked_name(name, "the name of a metric")?;
        if ALL.iter().any(|own| own.name == name) {
            return Err(format!("`{name}` is a metric of the agent's own: choose another name"));
        }
        let groups: Vec<&str> = regex.iter().flat_map(Regex::capture_names).flatten().collect();
        let value = match (field, groups.contains(&VALUE)) {
            (Some(_), true) => {
                return Err("a field and a group `value` are two values: leave one of them out".to_owned());
            }
            (Some(field), false) => Value::Field(checked_field(field)?),
            (None, true) => Value::Group,
            (None, false) if regex.is_some() => Value::One,
            (None, false) => return Err(format!("`{name}` needs a regular expression, a field, or both")),
        };
        let kind = match (&value, unit) {
            (Value::One, "Count" | "None") | (_, "Count" | "Bytes") => Kind::Count,
            (Value::One, _) => {
                return Err(format!(
                    "matches are counted, which are no {unit}: leave the unit out, or name a field or a group `value`"
                ));
            }
            _ => Kind::Distribution,
        };
        let source = dimension.map(|dimension| source(dimension, &groups, field.is_some())).transpose()?;
        Ok(Self { metric: custom(name, unit, kind, dimension), regex, value, dimension: source })
    }

    /// The metric that it is of.
    pub fn metric(&self) -> &'static Metric {
        self.metric
    }

    /// What the message gives, if it is one of those that count.
    pub fn find<'m>(&self, message: &'m str) -> Option<Found<'m>> {
        // Most messages do not match, and to see that costs less than to find the groups.
        if self.regex.as_ref().is_some_and(|regex| !regex.is_match(message)) {
            return None;
        }
        let captures = match (&self.value, &self.dimension) {
            (Value::Group, _) | (_, Some(Dimension::Group(_))) => self.regex.as_ref()?.captures(message),
            _ => None,
        };
        let group = |name: &str| group(captures.as_ref(), name);
        let value = match &self.value {
            Value::One => Some(1.0),
            Value::Group => number(group(VALUE)?),
            Value::Field(path) => match field(message, path)? {
                "null" => return None,
                value => number(value),
            },
        };
        let of = self.dimension.as_ref().map(|dimension| match dimension {
            Dimension::Group(name) => {
                group(name).map_or(Cow::Borrowed(NONE), |text| printable(Cow::Borrowed(text)))
            }
            Dimension::Field(path) => field(message, path).map_or(Cow::Borrowed(NONE), of_value),
        });
        Some(Found { value, of })
    }
}

fn group<'m>(captures: Option<&Captures<'m>>, name: &str) -> Option<&'m str> {
    Some(captures?.name(name)?.as_str())
}

/// The value of a member of the object that the message is, as it is written.
fn field<'m>(message: &'m str, path: &str) -> Option<&'m str> {
    let message = message.trim_ascii_start();
    if !message.starts_with('{') {
        return None;
    }
    find(message, |member| {
        let rest = path.strip_prefix(member.key())?;
        if rest.is_empty() { Some(member.value()) } else { field(member.value(), rest.strip_prefix('.')?) }
    })
}

fn number(text: &str) -> Option<f64> {
    // Rust reads `inf` and `nan` too.
    let number = text.trim_ascii();
    let begins = number.starts_with(|c: char| c.is_ascii_digit() || matches!(c, '-' | '+' | '.'));
    number.parse().ok().filter(|number: &f64| begins && number.is_finite())
}

/// A JSON value as the value of a dimension.
fn of_value(value: &str) -> Cow<'_, str> {
    match value.as_bytes().first() {
        Some(b'"') => string(value).map_or(Cow::Borrowed(NONE), printable),
        Some(b'{' | b'[' | b'n') | None => Cow::Borrowed(NONE),
        _ => printable(Cow::Borrowed(value)),
    }
}

/// As `CloudWatch` takes it: ASCII, not empty, not all blank, no colon in front.
fn printable(text: Cow<'_, str>) -> Cow<'_, str> {
    let fits = |text: &str| {
        (1..=LONGEST_OF).contains(&text.len())
            && text.bytes().all(|b| (b' '..=b'~').contains(&b))
            && !text.starts_with([':', ' '])
            && !text.ends_with(' ')
    };
    if fits(&text) {
        return text;
    }
    let printed = |c: char| if (' '..='~').contains(&c) { c } else { '_' };
    let cut: String = text.trim().chars().take(LONGEST_OF).map(printed).collect();
    let cut = cut.trim_end();
    match cut.strip_prefix(':') {
        Some(rest) => format!("{NONE}{rest}").into(),
        None if cut.is_empty() => NONE.into(),
        None => cut.to_owned().into(),
    }
}

fn checked_name(name: &str, what: &str) -> Result<(), String> {
    let allowed = |b: u8| b.is_ascii_alphanumeric() || matches!(b, b'_' | b'.' | b'-' | b'/');
    if (1..=LONGEST_NAME).contains(&name.len()) && name.bytes().all(allowed) {
        return Ok(());
    }
    Err(format!("`{name}` is not {what}: 1 to {LONGEST_NAME} of the characters A-Z a-z 0-9 _ . - /"))
}

fn checked_field(field: &str) -> Result<String, String> {
    if field.split('.').all(|part| !part.is_empty()) {
        return Ok(field.to_owned());
    }
    Err(format!("`{field}` is no field: write its key, or keys with dots between them"))
}

fn source(dimension: &str, groups: &[&str], has_field: bool) -> Result<Dimension, String> {
    checked_name(dimension, "the name of a dimension")?;
    if [INSTANCE_ID, AUTO_SCALING_GROUP].contains(&dimension) {
        return Err(format!("every metric has the dimension {dimension} already: choose another"));
    }
    if dimension == VALUE && groups.contains(&VALUE) {
        return Err("the group `value` is the metric's value and cannot be its dimension".to_owned());
    }
    if groups.contains(&dimension) {
        return Ok(Dimension::Group(dimension.to_owned()));
    }
    // An expression that names other groups is not one for JSON messages: this one is misspelt.
    let others: Vec<&str> = groups.iter().copied().filter(|group| *group != VALUE).collect();
    if !has_field && !others.is_empty() {
        return Err(format!(
            "the expression has no group `{dimension}` for the dimension: it has {}",
            others.join(", ")
        ));
    }
    Ok(Dimension::Field(checked_field(dimension)?))
}

#[cfg(test)]
mod tests;
