//! The functions of a query that are evaluated here, on values.
//!
//! What the service does with an argument that is absent it does not say: here the result is absent, but for
//! functions that ask for it. It knows no aggregates.
//!
//! <https://docs.aws.amazon.com/AmazonCloudWatch/latest/logs/CWL_QuerySyntax-operations-functions.html>

use serde_json::Value as Json;

use super::row::structure;
use super::value::{LONGEST_TEXT, Value, equal, number_of};

/// A function.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Function {
    Abs,
    Ceil,
    Floor,
    Greatest,
    Least,
    Log,
    Round,
    Sqrt,
    ToNumber,
    IsNumeric,
    IsPresent,
    IsEmpty,
    IsBlank,
    Coalesce,
    If,
    Case,
    Concat,
    Trim,
    LeftTrim,
    RightTrim,
    Length,
    MessageSize,
    ToUpper,
    ToLower,
    Substr,
    Replace,
    Contains,
    FromMillis,
    ToMillis,
    JsonParse,
    JsonStringify,
    JsonArraySize,
    JsonArrayContains,
}

/// Each with its name, and how many arguments it takes.
pub(super) const FUNCTIONS: [(&str, Function, usize, usize); 34] = [
    ("abs", Function::Abs, 1, 1),
    ("ceil", Function::Ceil, 1, 1),
    ("floor", Function::Floor, 1, 1),
    ("greatest", Function::Greatest, 1, MANY),
    ("least", Function::Least, 1, MANY),
    ("log", Function::Log, 1, 1),
    ("round", Function::Round, 1, 2),
    ("sqrt", Function::Sqrt, 1, 1),
    ("toNumber", Function::ToNumber, 1, 1),
    ("toDouble", Function::ToNumber, 1, 1),
    ("isNumeric", Function::IsNumeric, 1, 1),
    ("ispresent", Function::IsPresent, 1, 1),
    ("isempty", Function::IsEmpty, 1, 1),
    ("isblank", Function::IsBlank, 1, 1),
    ("coalesce", Function::Coalesce, 1, MANY),
    ("if", Function::If, 3, 3),
    // "Supports up to 10 branches."
    ("case", Function::Case, 2, 21),
    ("concat", Function::Concat, 1, MANY),
    ("trim", Function::Trim, 1, 2),
    ("ltrim", Function::LeftTrim, 1, 2),
    ("rtrim", Function::RightTrim, 1, 2),
    ("strlen", Function::Length, 1, 1),
    ("messageSize", Function::MessageSize, 1, 1),
    ("toupper", Function::ToUpper, 1, 1),
    ("tolower", Function::ToLower, 1, 1),
    ("substr", Function::Substr, 2, 3),
    ("replace", Function::Replace, 3, 3),
    ("strcontains", Function::Contains, 2, 2),
    ("fromMillis", Function::FromMillis, 1, 1),
    ("toMillis", Function::ToMillis, 1, 1),
    ("jsonParse", Function::JsonParse, 1, 1),
    ("jsonStringify", Function::JsonStringify, 1, 1),
    ("jsonArraySize", Function::JsonArraySize, 1, 1),
    ("jsonArrayContains", Function::JsonArrayContains, 2, 2),
];

/// As many arguments as a query has room for.
pub(super) const MANY: usize = 1000;

type Argument<'v> = Option<Value<'v>>;

/// The value of a call.
pub(super) fn call(function: Function, arguments: Vec<Argument<'_>>) -> Argument<'_> {
    match function {
        Function::Abs
        | Function::Ceil
        | Function::Floor
        | Function::Log
        | Function::Round
        | Function::Sqrt
        | Function::ToNumber
        | Function::Greatest
        | Function::Least => numeric(function, &arguments),
        Function::IsNumeric | Function::IsPresent | Function::IsEmpty | Function::IsBlank => {
            let value = arguments.into_iter().next().flatten();
            let blank = |trimmed: bool| match &value {
                None => true,
                Some(Value::Text(text)) if trimmed => text.trim().is_empty(),
                Some(Value::Text(text)) => text.is_empty(),
                Some(_) => false,
            };
            Some(Value::Truth(match function {
                Function::IsNumeric => value.is_some_and(|value| value.number().is_some()),
                Function::IsPresent => value.is_some(),
                Function::IsEmpty => blank(false),
                _ => blank(true),
            }))
        }
        Function::Coalesce => arguments.into_iter().flatten().next(),
        Function::If | Function::Case => choice(arguments),
        Function::FromMillis => match arguments.into_iter().next()?? {
            Value::Time(ms) => Some(Value::Time(ms)),
            #[expect(clippy::cast_possible_truncation, reason = "a calendar's bounds are narrower")]
            other => other.number().map(|ms| Value::Time(ms as i64)),
        },
        Function::ToMillis => match arguments.into_iter().next()?? {
            Value::Time(ms) => Value::Time(ms).number().map(Value::Number),
            _ => None,
        },
        Function::JsonParse
        | Function::JsonStringify
        | Function::JsonArraySize
        | Function::JsonArrayContains => json(function, arguments),
        _ => textual(function, arguments),
    }
}

fn numeric<'v>(function: Function, arguments: &[Argument<'v>]) -> Argument<'v> {
    let number = |index: usize| arguments.get(index)?.as_ref()?.number();
    let all = || arguments.iter().flatten().filter_map(Value::number);
    let result = match function {
        Function::Greatest => all().reduce(f64::max)?,
        Function::Least => all().reduce(f64::min)?,
        Function::Abs => number(0)?.abs(),
        Function::Ceil => number(0)?.ceil(),
        Function::Floor => number(0)?.floor(),
        Function::Log => number(0)?.ln(),
        Function::Sqrt => number(0)?.sqrt(),
        Function::Round => {
            let scale = 10_f64.powf(if arguments.len() > 1 { number(1)?.trunc() } else { 0.0 });
            (number(0)? * scale).round() / scale
        }
        _ => return number(0).map(Value::Number),
    };
    Value::computed(result)
}

/// `if(condition, then, else)`; `case(condition, value, …, default)`.
fn choice(arguments: Vec<Argument<'_>>) -> Argument<'_> {
    let mut arguments = arguments.into_iter();
    loop {
        let first = arguments.next()?;
        let Some(value) = arguments.next() else { return first };
        if first.is_some_and(|condition| condition.holds()) {
            return value;
        }
    }
}

fn textual(function: Function, arguments: Vec<Argument<'_>>) -> Argument<'_> {
    if function == Function::Concat {
        let mut all = String::new();
        for argument in arguments.into_iter().flatten() {
            all.push_str(&argument.as_text()?);
            if all.len() > LONGEST_TEXT {
                return None;
            }
        }
        return Value::text(all);
    }
    let mut arguments = arguments.into_iter();
    let text = arguments.next()??.into_text()?;
    let second = arguments.next();
    match function {
        Function::Length => Some(count(text.chars().count())),
        Function::MessageSize => Some(count(text.len())),
        Function::ToUpper => Value::text(text.to_uppercase()),
        Function::ToLower => Value::text(text.to_lowercase()),
        Function::Trim | Function::LeftTrim | Function::RightTrim => {
            let letters = match second {
                None => None,
                Some(letters) => Some(letters?.into_text()?.into_owned()),
            };
            let goes = |c: char| letters.as_ref().map_or(c.is_whitespace(), |letters| letters.contains(c));
            let left = if function == Function::RightTrim { &text } else { text.trim_start_matches(goes) };
            let rest = if function == Function::LeftTrim { left } else { left.trim_end_matches(goes) };
            Value::text(rest.to_owned())
        }
        Function::Substr => {
            let length = match arguments.next() {
                None => f64::INFINITY,
                Some(length) => length?.number()?,
            };
            let from = second??.number()?;
            #[expect(
                clippy::cast_possible_truncation,
                clippy::cast_sign_loss,
                reason = "casts of floats end at the bounds"
            )]
            let part: String = text.chars().skip(from as usize).take(length as usize).collect();
            Value::text(part)
        }
        Function::Contains => {
            let found = text.contains(&*second??.into_text()?);
            Some(Value::Truth(found))
        }
        Function::Replace => {
            let (old, new) = (second??.into_text()?, arguments.next()??.into_text()?);
            let times = text.matches(&*old).count();
            let length = times.saturating_mul(new.len()).saturating_add(text.len());
            (length <= 2 * LONGEST_TEXT).then(|| Value::text(text.replace(&*old, &new)))?
        }
        _ => None,
    }
}

fn count(number: usize) -> Value<'static> {
    #[expect(clippy::cast_precision_loss, reason = "no text is that long")]
    Value::Number(number as f64)
}

fn json(function: Function, arguments: Vec<Argument<'_>>) -> Argument<'_> {
    let mut arguments = arguments.into_iter();
    let first = arguments.next()?;
    if function == Function::JsonStringify {
        let Some(Value::Structure(json)) = first else { return None };
        return Value::text(json.to_string());
    }
    let parsed = match first {
        Some(Value::Structure(json)) => Some(Value::Structure(json)),
        Some(Value::Text(text)) => structure(&text),
        _ => None,
    };
    match (function, parsed) {
        (Function::JsonParse, parsed) => parsed,
        (Function::JsonArraySize, Some(Value::Structure(json))) => Some(count(json.as_array()?.len())),
        (Function::JsonArrayContains, Some(Value::Structure(json))) => {
            let wanted = arguments.next()??;
            let is = |item: &Json| Value::of_json(item).is_some_and(|item| same(&item, &wanted));
            Some(Value::Truth(json.as_array().is_some_and(|items| items.iter().any(is))))
        }
        // "Returns `false` (0) for invalid JSON, non-array, or empty array."
        (Function::JsonArrayContains, _) => Some(Value::Truth(false)),
        _ => None,
    }
}

fn same(item: &Value<'_>, wanted: &Value<'_>) -> bool {
    equal(item, wanted)
        || matches!(wanted, Value::Text(text) if number_of(text).is_some() && item.number() == number_of(text))
}
