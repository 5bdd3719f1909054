//! TOML as it was written: dotted keys with their values, each with its place.
//!
//! After a syntax error the rest of the file is still read, so that one run shows all that is wrong.
//! Which keys there are, and what they mean, is not known here.

use std::ops::Range;
use std::sync::Arc;

use toml::de::{DeArray, DeTable, DeValue, Error};

use super::fault::{Fault, Place};

/// The one syntax error after which the value is still what was meant.
pub(super) const UNQUOTED: &str = "a string without quotes";

/// A value and where it stands.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Value {
    pub(super) kind: Kind,
    pub(super) place: Place,
}

/// What kinds of values there are, as far as any key wants one of them.
#[derive(Debug, Clone, PartialEq)]
pub(super) enum Kind {
    Text(String),
    Integer(i64),
    Fraction(f64),
    Boolean(bool),
    List(Vec<Value>),
    Table(Vec<Entry>),
    /// An environment variable's text, which says nothing of its type.
    Variable(String),
    /// Dates, which no key takes, and integers beyond 64 bits.
    Other(&'static str),
}

impl Kind {
    /// For "expected …, not …".
    pub(super) fn name(&self) -> &'static str {
        match self {
            Self::Text(_) => "a string",
            Self::Integer(_) => "an integer",
            Self::Fraction(_) => "a fraction",
            Self::Boolean(_) => "a boolean",
            Self::List(_) => "a list",
            Self::Table(_) => "a table",
            Self::Variable(_) => "text",
            Self::Other(name) => name,
        }
    }
}

/// A dotted key with its value.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Entry {
    pub(super) key: String,
    /// Where the key stands; the value has a place of its own.
    pub(super) place: Place,
    pub(super) value: Value,
}

/// Reads a whole file.
pub(super) fn entries(name: &str, text: &str) -> (Vec<Entry>, Vec<Fault>) {
    let file = File { name: name.into(), text, whole: false };
    let (table, errors) = DeTable::parse_recoverable(text);
    let mut entries = Vec::new();
    file.flatten("", table.get_ref(), &mut entries);
    if !errors.is_empty() {
        // A broken `[section` leaves its keys under a section without a name: nothing to complain of.
        entries.retain(|entry| !entry.key.split('.').any(str::is_empty));
    }
    (entries, file.faults(&errors, &unclosed(table.get_ref(), &errors)))
}

/// Reads a list out of an environment variable, written as in the file.
pub(super) fn list(text: &str, place: &Place) -> Result<Vec<Value>, String> {
    let value = DeValue::parse(text).map(toml::Spanned::into_inner);
    match value {
        Ok(DeValue::Array(array)) => Ok(File { name: place.source.clone(), text, whole: true }.list(&array)),
        Err(error) if text.trim_start().starts_with('[') => Err(error.message().to_owned()),
        _ => Err("it does not begin with `[`".into()),
    }
}

struct File<'a> {
    name: Arc<str>,
    text: &'a str,
    /// Whether it is so short that a line and a column would only confuse.
    whole: bool,
}

impl File<'_> {
    fn place(&self, span: &Range<usize>) -> Place {
        if self.whole { Place::of(&self.name) } else { Place::at(&self.name, self.text, span.start) }
    }

    fn flatten(&self, prefix: &str, table: &DeTable<'_>, entries: &mut Vec<Entry>) {
        for (key, value) in table {
            let dotted = if prefix.is_empty() {
                key.get_ref().to_string()
            } else {
                format!("{prefix}.{}", key.get_ref())
            };
            match value.get_ref() {
                DeValue::Table(inner) if !inner.is_empty() => self.flatten(&dotted, inner, entries),
                // A section with nothing in it says nothing.
                DeValue::Table(_) => {}
                _ => entries.push(Entry {
                    key: dotted,
                    place: self.place(&key.span()),
                    value: self.value(value.get_ref(), &value.span()),
                }),
            }
        }
    }

    fn value(&self, value: &DeValue<'_>, span: &Range<usize>) -> Value {
        let kind = match value {
            DeValue::String(text) => Kind::Text(text.to_string()),
            DeValue::Integer(digits) => i64::from_str_radix(digits.as_str(), digits.radix())
                .map_or(Kind::Other("an integer too large"), Kind::Integer),
            DeValue::Boolean(yes) => Kind::Boolean(*yes),
            DeValue::Float(digits) => {
                digits.as_str().parse().map_or(Kind::Other("a fraction"), Kind::Fraction)
            }
            DeValue::Datetime(_) => Kind::Other("a date"),
            DeValue::Array(array) => Kind::List(self.list(array)),
            DeValue::Table(table) => {
                let mut entries = Vec::new();
                self.flatten("", table, &mut entries);
                Kind::Table(entries)
            }
        };
        Value { kind, place: self.place(span) }
    }

    fn list(&self, array: &DeArray<'_>) -> Vec<Value> {
        array.iter().map(|item| self.value(item.get_ref(), &item.span())).collect()
    }

    /// One fault a line: the second is mostly an echo of the first. What stands inside of a list that
    /// is never closed is not what it looks like, so the list alone is reported.
    fn faults(&self, errors: &[Error], unclosed: &[Range<usize>]) -> Vec<Fault> {
        let span = |error: &Error| error.span().unwrap_or_default();
        let inside = |at: usize| unclosed.iter().any(|list| list.contains(&at) || list.end == at);
        let lists = unclosed.iter().map(|list| Fault {
            place: self.place(list),
            what: "this list is never closed".into(),
            mend: "write `]` at its end".into(),
        });
        let others = errors.iter().filter(|error| !inside(span(error).start)).map(|error| {
            let (what, mend) = explain(error.message(), self.text.get(span(error)).unwrap_or_default());
            Fault { place: self.place(&span(error)), what, mend }
        });
        let mut faults: Vec<Fault> = lists.chain(others).collect();
        faults.sort_by(|a, b| a.place.cmp(&b.place));
        faults.dedup_by(|later, first| later.place.shares_line(&first.place));
        faults
    }
}

/// The spans of lists that the parser had to close itself.
fn unclosed(table: &DeTable<'_>, errors: &[Error]) -> Vec<Range<usize>> {
    let ends: Vec<usize> = errors
        .iter()
        .filter(|error| error.message().starts_with("unclosed array"))
        .filter_map(|error| error.span().map(|span| span.start))
        .collect();
    let mut spans = Vec::new();
    let mut tables = vec![table];
    while let Some(table) = tables.pop() {
        for value in table.values() {
            match value.get_ref() {
                DeValue::Table(inner) => tables.push(inner),
                DeValue::Array(_) if ends.contains(&value.span().end) => spans.push(value.span()),
                _ => {}
            }
        }
    }
    spans
}

/// The parser's words, or clearer ones, and what to do about it, for the mistakes that people make.
fn explain(message: &str, written: &str) -> (String, String) {
    let (what, mend) = match message {
        _ if message.starts_with("string values must be quoted") && written.is_empty() => {
            ("the value is missing", "write one after the `=`, or delete the line")
        }
        _ if message.starts_with("string values must be quoted") => {
            return (UNQUOTED.into(), format!("write \"{written}\""));
        }
        _ if message.contains("escape") => (
            "an unknown escape",
            r"between double quotes `\` begins an escape: put patterns between single quotes, as in '\d+'",
        ),
        _ if message.starts_with("invalid boolean") => (message, "write `true` or `false`, in small letters"),
        _ if message.starts_with("duplicate key") => {
            ("it is set above already", "delete one of the two, or join the two sections")
        }
        _ if message.starts_with("key with no value") => {
            ("a key without a value", "write `key = value`, or make the line a comment with `#`")
        }
        _ if message.starts_with("unclosed table") => {
            ("the section's name is never closed", "write `]` at its end")
        }
        _ => (message, "correct the TOML of this line"),
    };
    (what.to_owned(), mend.to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn faults(text: &str) -> Vec<String> {
        let (_, faults) = entries("f", text);
        faults.iter().map(|fault| format!("{} {}", fault.place, fault.what)).collect()
    }

    fn keys(text: &str) -> Vec<String> {
        entries("f", text).0.into_iter().map(|entry| entry.key).collect()
    }

    #[test]
    fn sections_and_dots_are_the_same() {
        for text in [
            "a.b.c = 1",
            "[a]\nb.c = 1",
            "[a.b]\nc = 1",
            "a = { b = { c = 1 } }",
            "[a]\nb = {}\n[a.b]\nc = 1",
        ] {
            assert_eq!(keys(text), ["a.b.c"], "{text}");
        }
    }

    #[test]
    fn a_value_knows_its_place() {
        let (entries, faults) = entries("f", "[logs]\n  group = '/x'\n");
        assert_eq!(faults, []);
        assert_eq!(entries[0].place.to_string(), "f:2:3");
        assert_eq!(entries[0].value.place.to_string(), "f:2:11");
    }

    #[test]
    fn reading_goes_on_after_an_error() {
        for (text, found, keys_left) in [
            ("a = \nb = 1\n", &["f:1:5 the value is missing"][..], &["a", "b"][..]),
            ("a = eu-west-1\nb = 1", &["f:1:5 a string without quotes"], &["a", "b"]),
            ("a = 1\na = 2\nb = 3", &["f:2:1 it is set above already"], &["a", "b"]),
            (
                "[logs\ng = 1\n[spool]\nd = x",
                &["f:1:6 the section's name is never closed", "f:4:5 a string without quotes"],
                &["spool.d"],
            ),
            ("a = ['x',\n[logs]\ng = 1\n", &["f:1:5 this list is never closed"], &["a"]),
        ] {
            assert_eq!(faults(text), found, "{text}");
            assert_eq!(keys(text), keys_left, "{text}");
        }
    }

    #[test]
    fn every_error_has_a_mend() {
        for (text, mend) in [
            ("a = True", "write `true` or `false`"),
            ("a = \"\\d\"", "single quotes"),
            ("a = 1s", "write \"1s\""),
            ("a 1", "write `key = value`"),
        ] {
            let (_, faults) = entries("f", text);
            assert!(faults[0].mend.contains(mend), "{text}: {faults:?}");
        }
    }

    #[test]
    fn a_list_is_read_from_a_variable() {
        let read = |text: &str| list(text, &Place::of("V")).map(|items| items.len()).ok();
        for (text, items) in
            [("['a', 'b']", Some(2)), ("[]", Some(0)), ("a,b", None), ("1", None), ("", None)]
        {
            assert_eq!(read(text), items, "{text}");
        }
    }
}
