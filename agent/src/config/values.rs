//! All layers on top of each other, from which the checked values are taken key by key.
//!
//! What nobody has taken at the end is a key that does not exist.

use std::borrow::Cow;
use std::collections::BTreeMap;

use super::fault::{Fault, Faults, Place};
use super::file::{self, Entry, Kind, UNQUOTED, Value};
use super::keys::{self, Key};

/// What is left to take, and what was wrong so far.
pub(super) struct Values {
    /// Of each key, everything that was written, the last layer last.
    entries: BTreeMap<String, Vec<Entry>>,
    syntax: Vec<Fault>,
    faults: Vec<Fault>,
}

impl Values {
    /// Of layers in their order. `syntax` is what could not be read at all.
    pub(super) fn new(layers: impl IntoIterator<Item = Entry>, syntax: Vec<Fault>) -> Self {
        let mut entries: BTreeMap<String, Vec<Entry>> = BTreeMap::new();
        for entry in layers {
            entries.entry(entry.key.clone()).or_default().push(entry);
        }
        Self { entries, syntax, faults: Vec::new() }
    }

    /// The value of a key that has a default. One that is refused is reported, and stands as `T`'s
    /// own default in a configuration that nobody will ever see.
    pub(super) fn take<T: Default>(
        &mut self,
        key: &Key,
        read: impl FnOnce(Written<'_>) -> Result<T, Wrong>,
    ) -> T {
        self.take_optional(key, read).unwrap_or_default()
    }

    /// The value of a key that may be absent.
    pub(super) fn take_optional<T>(
        &mut self,
        key: &Key,
        read: impl FnOnce(Written<'_>) -> Result<T, Wrong>,
    ) -> Option<T> {
        let entry = self.entries.remove(key.name)?.pop()?;
        match read(Written::new(key, &entry.value)) {
            Ok(value) => Some(value),
            Err(Wrong(faults)) => {
                for fault in faults {
                    self.report(fault);
                }
                None
            }
        }
    }

    /// Where the value that counts was written.
    pub(super) fn place(&self, key: &Key) -> Option<Place> {
        self.entries.get(key.name)?.last().map(|entry| entry.value.place.clone())
    }

    /// One fault a line: of a line that is no TOML the value is a guess and not to be judged, except
    /// that missing quotes are the lesser mistake if what should be between them is wrong as well.
    pub(super) fn report(&mut self, fault: Fault) {
        match self.syntax.iter().position(|syntax| syntax.place.shares_line(&fault.place)) {
            None => self.faults.push(fault),
            Some(i) if self.syntax.get(i).is_some_and(|syntax| syntax.what == UNQUOTED) => {
                self.syntax.remove(i);
                self.faults.push(fault);
            }
            Some(_) => {}
        }
    }

    /// Everything that is wrong, if anything is.
    pub(super) fn finish(self) -> Result<(), Faults> {
        let unknown = self.entries.values().flatten().map(unknown);
        let mut faults: Vec<Fault> = self.syntax.into_iter().chain(self.faults).chain(unknown).collect();
        faults.sort_by(|a, b| a.place.cmp(&b.place));
        if faults.is_empty() { Ok(()) } else { Err(Faults(faults)) }
    }
}

fn unknown(entry: &Entry) -> Fault {
    let written = entry.key.as_str();
    let within =
        |outer: &str, inner: &str| inner.strip_prefix(outer).is_some_and(|rest| rest.starts_with('.'));
    let fault = |what: String, mend: String| Fault { place: entry.place.clone(), what, mend };

    if entry.place.position.is_none() {
        let mend = match keys::nearest(written) {
            Some(name) => format!("set {} instead", keys::variable(name)),
            None => "unset it: every key of agent.example.toml has a variable, and nothing else has".into(),
        };
        return fault("no key has this variable".into(), mend);
    }
    if let Some(key) = keys::ALL.iter().find(|key| within(key.name, written)) {
        return fault(
            format!("`{}` is a value, not a section", key.name),
            format!("write {}: {} = {}", key.expects, key.last(), key.example),
        );
    }
    let section: Vec<&str> =
        keys::ALL.iter().map(|key| key.name).filter(|name| within(written, name)).collect();
    if !section.is_empty() {
        return fault(
            format!("`{written}` is a section, not a value"),
            format!("write {}", section.join(", ")),
        );
    }
    let mend = match keys::nearest(written) {
        Some(name) => format!("write `{}`", placed(name)),
        None => "delete it: agent.example.toml has every key there is".into(),
    };
    fault(format!("there is no key `{written}`"), mend)
}

/// A key as one finds it in the file: with its section in brackets.
fn placed(name: &str) -> String {
    match name.rsplit_once('.') {
        Some((section, key)) => format!("{key}` under `[{section}]"),
        None => format!("{name}` above the first section"),
    }
}

/// Why a value is refused.
#[derive(Debug)]
pub(super) struct Wrong(pub(super) Vec<Fault>);

/// A value as it was written for a key, not yet checked.
#[derive(Debug, Clone, Copy)]
pub(super) struct Written<'a> {
    pub(super) value: &'a Value,
    key: &'a Key,
    /// A field of a table inside of the value: `match`.
    field: Option<&'a str>,
    /// Whether it is but one item of a list.
    item: bool,
}

impl<'a> Written<'a> {
    fn new(key: &'a Key, value: &'a Value) -> Self {
        Self { value, key, field: None, item: false }
    }

    /// A field of this value.
    pub(super) fn field(&self, name: &'a str, value: &'a Value) -> Self {
        Self { value, key: self.key, field: Some(name), item: false }
    }

    /// A string.
    pub(super) fn text(&self) -> Result<&str, Wrong> {
        match &self.value.kind {
            Kind::Text(text) | Kind::Variable(text) => Ok(text),
            other => Err(self.mistyped(other)),
        }
    }

    /// `true` or `false`.
    pub(super) fn boolean(&self) -> Result<bool, Wrong> {
        match &self.value.kind {
            Kind::Boolean(yes) => Ok(*yes),
            Kind::Variable(text) => text.parse().map_err(|_| self.wrong(format!("is {text:?}"))),
            other => Err(self.mistyped(other)),
        }
    }

    /// A whole number, if that is what it looks like.
    pub(super) fn integer(&self) -> Option<i64> {
        match &self.value.kind {
            Kind::Integer(number) => Some(*number),
            Kind::Variable(text) => text.parse().ok(),
            _ => None,
        }
    }

    /// A number, whole or not.
    pub(super) fn number(&self) -> Result<f64, Wrong> {
        match &self.value.kind {
            Kind::Integer(number) => {
                i32::try_from(*number).map(f64::from).map_err(|_| self.wrong(format!("is {number}")))
            }
            Kind::Fraction(number) => Ok(*number),
            Kind::Variable(text) => text.parse().map_err(|_| self.wrong(format!("is {text:?}, no number"))),
            other => Err(self.mistyped(other)),
        }
    }

    /// The items of a list. A variable holds it in the file's own notation.
    pub(super) fn list(&self) -> Result<Cow<'_, [Value]>, Wrong> {
        match &self.value.kind {
            Kind::List(items) => Ok(Cow::Borrowed(items)),
            Kind::Variable(text) => match file::list(text, &self.value.place) {
                Ok(items) => Ok(Cow::Owned(items)),
                Err(reason) => Err(self.wrong(format!("is no list: {reason}"))),
            },
            other => Err(self.mistyped(other)),
        }
    }

    /// Each item of a list read by itself, so that all the bad ones are reported.
    pub(super) fn each<T>(&self, read: impl Fn(Written<'_>) -> Result<T, Wrong>) -> Result<Vec<T>, Wrong> {
        let mut good = Vec::new();
        let mut bad = Vec::new();
        for value in self.list()?.iter() {
            match read(Written { value, key: self.key, field: self.field, item: true }) {
                Ok(item) => good.push(item),
                Err(Wrong(faults)) => bad.extend(faults),
            }
        }
        if bad.is_empty() { Ok(good) } else { Err(Wrong(bad)) }
    }

    /// Refuses the value; what to write instead is the key's example.
    pub(super) fn wrong(&self, what: impl AsRef<str>) -> Wrong {
        let example = match self.value.place.position {
            Some(_) => format!("{} = {}", self.key.last(), self.key.example),
            None => format!("{}={}", self.value.place.source, in_shell(self.key.example)),
        };
        self.wrong_because(what, format!("write {}: {example}", self.key.expects))
    }

    /// Refuses the value with a mend of its own.
    pub(super) fn wrong_because(&self, what: impl AsRef<str>, mend: impl Into<String>) -> Wrong {
        let field = self.field.map(|field| format!(".{field}")).unwrap_or_default();
        let what = format!("`{}{field}` {}", self.key.name, what.as_ref());
        Wrong(vec![Fault { place: self.value.place.clone(), what, mend: mend.into() }])
    }

    /// Refuses a value of another kind.
    pub(super) fn mistyped(&self, kind: &Kind) -> Wrong {
        self.wrong(format!("{} {}", if self.item { "holds" } else { "is" }, kind.name()))
    }
}

/// An example as one writes it after `VARIABLE=`.
fn in_shell(example: &str) -> String {
    match example.strip_prefix('"').and_then(|text| text.strip_suffix('"')) {
        Some(text) if !text.contains(['{', '"']) => text.to_owned(),
        Some(text) => format!("'{text}'"),
        None if example.starts_with('[') => format!("'{}'", example.replace('\'', "\"")),
        None => example.to_owned(),
    }
}
