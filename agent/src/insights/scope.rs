//! The names that a query has made at a command, and what a name means there.
//!
//! It does not know values.

use std::collections::HashMap;

use super::row::Field;
use super::token::Token;

/// The names at a command.
#[derive(Debug, Default)]
pub(super) struct Scope {
    names: HashMap<String, usize>,
    /// Expressions without a name, as they are written: `bin(5m)`.
    texts: HashMap<String, usize>,
    /// Aggregates without a name by their function; none if there are several.
    calls: HashMap<String, Option<usize>>,
    slots: usize,
    /// Behind stats there is what stats names, and nothing of the events.
    pub(super) grouped: bool,
}

impl Scope {
    /// Behind stats, before its columns have names.
    pub(super) fn behind_stats() -> Self {
        Self { grouped: true, ..Self::default() }
    }

    pub(super) fn slots(&self) -> usize {
        self.slots
    }

    /// A place for a value that has a name. A second one of the same name hides the first.
    pub(super) fn name(&mut self, name: &str) -> usize {
        self.names.insert(name.to_owned(), self.slots);
        self.slots += 1;
        self.slots - 1
    }

    /// A place for a value that is known by how it is written.
    pub(super) fn unnamed(&mut self, tokens: &[Token<'_>]) -> usize {
        self.texts.insert(written(tokens), self.slots);
        if let [function, open, ..] = tokens
            && open.is("(")
        {
            let slot = self.slots;
            self.calls
                .entry(function.text.to_lowercase())
                .and_modify(|several| *several = None)
                .or_insert(Some(slot));
        }
        self.slots += 1;
        self.slots - 1
    }

    /// What is known by how it is written.
    pub(super) fn by_text(&self, tokens: &[Token<'_>]) -> Option<usize> {
        self.texts.get(&written(tokens)).copied()
    }

    /// What a name means: what the query made, a member of that, or a field of the event. None behind stats, if
    /// stats left nothing of that name.
    pub(super) fn field(&self, name: &str) -> Option<Field> {
        if let Some(slot) = self.names.get(name) {
            return Some(Field::Slot(*slot));
        }
        let part = name.match_indices('.').find_map(|(at, _)| {
            let (head, rest) = name.split_at(at);
            let slot = self.names.get(head)?;
            Some(Field::Inside(*slot, rest.trim_start_matches('.').to_owned()))
        });
        if part.is_some() {
            return part;
        }
        if !self.grouped {
            return Some(Field::discovered(name));
        }
        // `sort count desc` behind `stats count() by x`.
        self.calls.get(&name.to_lowercase()).copied().flatten().map(Field::Slot)
    }

    /// What there is, for who looks for something else.
    pub(super) fn all(&self) -> String {
        let mut all: Vec<&str> = self.names.keys().chain(self.texts.keys()).map(String::as_str).collect();
        all.sort_unstable();
        all.truncate(8);
        all.join(", ")
    }
}

/// An expression without its spaces; `count(*)` is `count()`.
fn written(tokens: &[Token<'_>]) -> String {
    let joined: String = tokens.iter().map(|token| token.text.trim_matches('`')).collect();
    joined.replace("(*)", "()")
}
