//! Expressions of a query: what they are made of, and their value in a row.
//!
//! It does not know how they are written.

use std::cmp::Ordering;

use super::function::{Function, call};
use super::pattern::Like;
use super::period;
use super::row::{Field, Row};
use super::value::{Value, equal, less};

/// An expression whose names are resolved.
#[derive(Debug)]
pub(super) enum Expression {
    Number(f64),
    Truth(bool),
    Text(String),
    Field(Field),
    Call(Function, Vec<Self>),
    /// `bin`, `datefloor` and, upwards, `dateceil`.
    Round {
        time: Box<Self>,
        period_ms: i64,
        up: bool,
    },
    Not(Box<Self>),
    All(Vec<Self>),
    Any(Vec<Self>),
    Compare(Comparison, Box<Self>, Box<Self>),
    Among(Box<Self>, Vec<Self>),
    Like(Box<Self>, Like),
    Arithmetic(char, Box<Self>, Box<Self>),
    Negative(Box<Self>),
}

/// How two values are compared.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Comparison {
    Equal,
    NotEqual,
    Less,
    LessOrEqual,
    Greater,
    GreaterOrEqual,
}

impl Comparison {
    pub(super) fn of(sign: &str) -> Option<Self> {
        Some(match sign {
            "=" => Self::Equal,
            "!=" => Self::NotEqual,
            "<" => Self::Less,
            "<=" => Self::LessOrEqual,
            ">" => Self::Greater,
            ">=" => Self::GreaterOrEqual,
            _ => return None,
        })
    }

    /// What is absent equals nothing, is less or greater than nothing, and is therefore unequal to everything.
    fn holds(self, a: Option<&Value<'_>>, b: Option<&Value<'_>>) -> bool {
        let (Some(a), Some(b)) = (a, b) else { return self == Self::NotEqual };
        let is = |accepted: &[Ordering]| less(a, b).is_some_and(|ordering| accepted.contains(&ordering));
        match self {
            Self::Equal => equal(a, b),
            // "Comparing map and list to any other fields result in `false`."
            Self::NotEqual => {
                !equal(a, b) && !matches!((a, b), (Value::Structure(_), _) | (_, Value::Structure(_)))
            }
            Self::Less => is(&[Ordering::Less]),
            Self::LessOrEqual => is(&[Ordering::Less, Ordering::Equal]),
            Self::Greater => is(&[Ordering::Greater]),
            Self::GreaterOrEqual => is(&[Ordering::Greater, Ordering::Equal]),
        }
    }
}

impl Expression {
    /// Its value; none if what it needs is absent.
    pub(super) fn value<'v>(&'v self, row: &Row<'v>) -> Option<Value<'v>> {
        match self {
            Self::Number(number) => Some(Value::Number(*number)),
            Self::Text(text) => Some(Value::Text(text.as_str().into())),
            Self::Field(field) => row.get(field),
            Self::Call(function, arguments) => {
                call(*function, arguments.iter().map(|argument| argument.value(row)).collect())
            }
            Self::Round { time, period_ms, up } => match time.value(row)? {
                Value::Time(ms) => Some(Value::Time(period::rounded(ms, *period_ms, *up))),
                _ => None,
            },
            Self::Negative(of) => Value::computed(-of.value(row)?.number()?),
            Self::Arithmetic(sign, a, b) => {
                let (a, b) = (a.value(row)?.number()?, b.value(row)?.number()?);
                Value::computed(match sign {
                    '+' => a + b,
                    '-' => a - b,
                    '*' => a * b,
                    '/' => a / b,
                    '%' => a % b,
                    _ => a.powf(b),
                })
            }
            Self::Truth(_)
            | Self::Not(_)
            | Self::All(_)
            | Self::Any(_)
            | Self::Compare(..)
            | Self::Among(..)
            | Self::Like(..) => Some(Value::Truth(self.holds(row))),
        }
    }

    /// Whether a filter of it lets a row pass.
    pub(super) fn holds<'v>(&'v self, row: &Row<'v>) -> bool {
        match self {
            Self::Truth(truth) => *truth,
            Self::Not(of) => !of.holds(row),
            Self::All(of) => of.iter().all(|one| one.holds(row)),
            Self::Any(of) => of.iter().any(|one| one.holds(row)),
            Self::Compare(comparison, a, b) => comparison.holds(a.value(row).as_ref(), b.value(row).as_ref()),
            Self::Among(of, list) => of.value(row).is_some_and(|value| {
                list.iter().any(|one| one.value(row).is_some_and(|one| equal(&value, &one)))
            }),
            Self::Like(of, like) => {
                of.value(row).is_some_and(|value| value.as_text().is_some_and(|text| like.is_in(&text)))
            }
            _ => self.value(row).is_some_and(|value| value.holds()),
        }
    }
}
