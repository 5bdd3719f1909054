//! Secrets known by the name they go by: `password`, `JWT_SECRET_KEY`, `Authorization`.
//!
//! Decides from the characters around a word whether it is part of a secret's name, and leaves it to
//! `field` to find the value. Counts go by plurals (`tokens`), which hide text only; `PWD=/app` is a
//! directory.

use std::ops::Range;

use super::Cut;
use super::field::{Field, LONGEST_NAME};
use super::span::Line;

/// What may follow the word in a name of a secret, without `_` and `-`.
const TAILS: [&str; 27] = [
    "",
    "s",
    "hash",
    "digest",
    "confirm",
    "confirmation",
    "repeat",
    "again",
    "key",
    "keys",
    "value",
    "plain",
    "plaintext",
    "text",
    "raw",
    "string",
    "str",
    "b64",
    "base64",
    "encoded",
    "encrypted",
    "accesskey",
    "data",
    "bytes",
    "input",
    "new",
    "old",
];

pub(super) fn secret(line: &mut Line<'_>, word: Range<usize>, done: usize) -> Option<Cut> {
    let name = name(line, &word, done);
    let tail = normal(line.slice(word.end, name.end));
    if !TAILS.contains(&tail.as_str()) && !tail.bytes().all(|b| b.is_ascii_digit()) {
        return None;
    }
    let whole = line.slice(name.start, name.end);
    let directory = whole.eq_ignore_ascii_case(b"pwd") || whole.eq_ignore_ascii_case(b"oldpwd");
    let field = Field::of(line, name, tail == "s" || tail == "keys")?;
    if directory && line.at(field.value) == Some(b'/') {
        return None;
    }
    field.value_cut(line)
}

/// `pass` is a name of its own only as a whole word: `DB_PASS`, `redisPass`, not `bypass`.
pub(super) fn pass(line: &mut Line<'_>, word: Range<usize>, done: usize) -> Option<Cut> {
    let begins = match line.before(word.start) {
        Some(b) if b.is_ascii_lowercase() => {
            line.at(word.start) == Some(b'P') || line.follows_escape(word.start)
        }
        // `%26pass%3D`: the last digit of an escape is none of the name's.
        Some(b) => !b.is_ascii_alphabetic() || word.start >= 3 && line.before(word.start - 2) == Some(b'%'),
        None => true,
    };
    if begins { secret(line, word, done) } else { None }
}

pub(super) fn authorization(line: &mut Line<'_>, word: Range<usize>, done: usize) -> Option<Cut> {
    let name = name(line, &word, done);
    if name.end != word.end {
        return None;
    }
    Field::of(line, name, false)?.header_cut(line)
}

pub(super) fn cookie(line: &mut Line<'_>, word: Range<usize>, done: usize) -> Option<Cut> {
    let name = name(line, &word, done);
    let whole = normal(line.slice(name.start, name.end));
    if !matches!(whole.as_str(), "cookie" | "cookies" | "setcookie") {
        return None;
    }
    Field::of(line, name, false)?.header_cut(line)
}

fn normal(name: &[u8]) -> String {
    name.iter().filter(|b| !matches!(b, b'_' | b'-')).map(|b| char::from(b.to_ascii_lowercase())).collect()
}

/// The name around the word.
fn name(line: &Line<'_>, word: &Range<usize>, done: usize) -> Range<usize> {
    let within = |b: &&u8| b.is_ascii_alphanumeric() || matches!(b, b'_' | b'-');
    let floor = done.max(word.start.saturating_sub(LONGEST_NAME));
    let mut start = word.start - line.slice(floor, word.start).iter().rev().take_while(within).count();
    // The letter of an escaped line break is none of the name's.
    if line.before(start) == Some(b'\\') && start < word.start {
        start += 1;
    }
    let ahead = line.slice(word.end, line.bytes.len().min(word.end + LONGEST_NAME));
    start..word.end + ahead.iter().take_while(within).count()
}
