//! A name, a separator and a value, in all the notations that lines have for them.
//!
//! `password: must be longer` has the form of both a field and prose; there the value decides, since
//! hiding the reason of an error helps nobody. Booleans, nulls and empty values stay. Which names are
//! secret is `key`'s business.

use std::ops::Range;

use super::Cut;
use super::form::credentials;
use super::span::{Line, own_backslashes};

/// Names longer than this are no names.
pub(super) const LONGEST_NAME: usize = 64;

/// A name, what separates it from its value, and where the value begins.
pub(super) struct Field {
    name: Range<usize>,
    /// The quote that closes the name, and the backslashes before it.
    quote: Option<(u8, usize)>,
    separator: u8,
    /// `: ` rather than `:`.
    spaced: bool,
    plural: bool,
    pub(super) value: usize,
    in_string: bool,
}

impl Field {
    pub(super) fn of(line: &mut Line<'_>, name: Range<usize>, plural: bool) -> Option<Self> {
        let in_string = line.in_string(name.end);
        let backslashes = line.backslashes(name.end);
        let quote = match line.at(name.end + backslashes) {
            // The backslashes before its own are the end of the name.
            Some(b'"') => Some((b'"', own_backslashes(backslashes))),
            Some(q @ (b'\'' | b'`')) if backslashes == 0 => Some((q, 0)),
            _ if backslashes > 0 => return None,
            _ => None,
        };
        let end = quote.map_or(name.end, |_| name.end + backslashes + 1);
        if quote.is_none() && is_encoded_equals(line.slice(end, end + 3)) {
            let value = end + 3;
            return Some(Self { name, quote, separator: b'%', spaced: false, plural, value, in_string });
        }
        let at = line.after_blanks(end);
        let path = line.before(name.start) == Some(b'/');
        let (separator, behind) = match (line.at(at)?, line.at(at + 1)) {
            (b'=', Some(b'=')) | (b':', Some(b':')) => return None,
            (b'=', Some(b'>')) | (b':', Some(b'=')) => (b'=', at + 2),
            (b'=', _) => (b'=', at + 1),
            // `/auth/token: 12` counts requests of a path.
            (b':', _) if !path => (b':', at + 1),
            (b',', _) if quote.is_some() => return Self::beside_name(line, name, quote?, at, in_string),
            _ if quote.is_none() && at > end => {
                return Self::without_separator(line, name, plural, at, in_string);
            }
            _ => return None,
        };
        let mut value = line.after_blanks(behind);
        if quote.is_some() {
            // Pretty-printed JSON.
            value = line.after_space(value);
        }
        Some(Self { name, quote, separator, spaced: value > behind, plural, value, in_string })
    }

    /// `"name":"password","value":"hunter2"`, `key` for `name`: how variables and headers are listed.
    /// Only a string counts: a number there is a measurement of that name.
    fn beside_name(
        line: &Line<'_>,
        name: Range<usize>,
        quote: (u8, usize),
        comma: usize,
        in_string: bool,
    ) -> Option<Self> {
        let mark = quote_mark(quote)?;
        let before = line.slice(name.start.saturating_sub(4 * LONGEST_NAME), name.start);
        let dotted = |b: &u8| b.is_ascii_alphanumeric() || b"._-/".contains(b);
        let begins = before.iter().rposition(|b| !dotted(b))?;
        let before =
            before.get(..=begins)?.strip_suffix(mark)?.trim_ascii_end().strip_suffix(b":")?.trim_ascii_end();
        let before = before.strip_suffix(mark)?;
        let key = before.rsplit(|b| *b == b'"').next().unwrap_or_default();
        if !(key.eq_ignore_ascii_case(b"name") || key.eq_ignore_ascii_case(b"key"))
            || key.len() == before.len()
        {
            return None;
        }
        let take = |at: usize, what: &[u8]| {
            let end = at + what.len();
            line.slice(at, end).eq_ignore_ascii_case(what).then_some(end)
        };
        let at = take(line.after_space(comma + 1), mark)?;
        let at = take(take(at, b"value")?, mark)?;
        let value = line.after_space(take(line.after_space(at), b":")?);
        take(value, mark)?;
        let quote = Some(quote);
        Some(Self { name, quote, separator: b':', spaced: false, plural: false, value, in_string })
    }

    /// `--password hunter2`, and `{password hunter2}` as Go prints a document of the database.
    fn without_separator(
        line: &Line<'_>,
        name: Range<usize>,
        plural: bool,
        value: usize,
        in_string: bool,
    ) -> Option<Self> {
        let flag = line.slice(name.start, name.end).starts_with(b"--") && line.at(value) != Some(b'-');
        let element = line.before(name.start) == Some(b'{')
            && line.at(line.bare_end(value, in_string, |b, _| matches!(b, b' ' | b'\t' | b'}')))
                == Some(b'}');
        (flag || element).then_some(Self {
            name,
            quote: None,
            separator: b' ',
            spaced: false,
            plural,
            value,
            in_string,
        })
    }

    pub(super) fn value_cut(&self, line: &Line<'_>) -> Option<Cut> {
        if let Some(content) = self.quoted(line) {
            return Some(Cut::plain(content));
        }
        if matches!(line.at(self.value), Some(b'[' | b'{')) {
            return self.composite(line);
        }
        // First what is known without looking for the end, which may be far: the next word looks again.
        if self.plural || line.slice(self.value, self.value + 2) == b"//" {
            return None;
        }
        let end = self.bare_end(line, self.value);
        let value = line.slice(self.value, end);
        // `>` may have ended the value, and Go prints `<nil>`.
        let literal = matches!(value, b"true" | b"false" | b"null" | b"nil" | b"<nil" | b"<nil>" | b"None");
        if literal || self.is_prose(line, end) {
            return None;
        }
        // `token=Bearer …`: two words are the value.
        let scheme = value.eq_ignore_ascii_case(b"bearer") || value.eq_ignore_ascii_case(b"basic");
        let end = if scheme { credentials(line, end).map_or(end, |found| found.end) } else { end };
        Some(Cut { range: self.value..end, quotes: self.json_quotes() })
    }

    /// The content of the value's quotes; empty where the quote there closes a string around.
    fn quoted(&self, line: &Line<'_>) -> Option<Range<usize>> {
        let run = line.backslashes(self.value);
        let backslashes = own_backslashes(run);
        let start = self.value + run + 1;
        match line.at(self.value + run)? {
            b'"' => {
                let closing = match self.quote {
                    Some((b'"', own)) => backslashes < own,
                    _ => backslashes == 0 && self.in_string && line.json,
                };
                Some(start..if closing { start } else { line.string_end(start, backslashes) })
            }
            q @ (b'\'' | b'`') if run == 0 => {
                Some(start..line.bare_end(start, self.in_string, |b, _| b == q))
            }
            _ => None,
        }
    }

    fn composite(&self, line: &Line<'_>) -> Option<Cut> {
        let run = line.backslashes(self.value + 1);
        let backslashes = own_backslashes(run);
        let strings = line.at(self.value + 1 + run) == Some(b'"');
        if self.plural && !strings {
            return None;
        }
        if let Some(quotes) = self.json_quotes() {
            let (end, _) = line.composite_end(self.value, quotes);
            return Some(Cut { range: self.value..end, quotes: Some(quotes) });
        }
        if strings && !(backslashes == 0 && self.in_string && line.json) {
            let (end, whole) = line.composite_end(self.value, backslashes);
            return Some(Cut::plain(self.value + 1..end - usize::from(whole)));
        }
        Some(Cut::plain(self.value + 1..self.bracket_end(line)))
    }

    /// The closing bracket of a list or struct as Go prints it, without quotes.
    fn bracket_end(&self, line: &Line<'_>) -> usize {
        let mut depth = 0_usize;
        line.bare_end(self.value + 1, self.in_string, |b, _| match b {
            b'[' | b'{' => {
                depth += 1;
                false
            }
            b']' | b'}' if depth == 0 => true,
            b']' | b'}' => {
                depth -= 1;
                false
            }
            _ => false,
        })
    }

    /// A name in JSON's quotes makes a bare value JSON, which the mask must be too.
    fn json_quotes(&self) -> Option<usize> {
        self.quote.filter(|(quote, _)| *quote == b'"').map(|(_, backslashes)| backslashes)
    }

    /// The end of a value without quotes that begins at `start`.
    fn bare_end(&self, line: &Line<'_>, start: usize) -> usize {
        if self.quote.is_some() {
            let ends = |b: u8, _| b.is_ascii_whitespace() || matches!(b, b',' | b']' | b'}');
            return line.bare_end(start, self.in_string, ends);
        }
        let encoded = self.separator == b'%';
        line.bare_end(start, self.in_string, |b, at| {
            ends_value(line, b, at) || (encoded && b == b'%' && line.slice(at + 1, at + 3) == b"26")
        })
    }

    /// The value of `Authorization` and `Cookie`: up to the end of the line, but for schemes of one word.
    pub(super) fn header_cut(&self, line: &Line<'_>) -> Option<Cut> {
        if let Some(content) = self.quoted(line) {
            return Some(Cut::plain(scheme(line, content.start, content.end).0..content.end));
        }
        if line.at(self.value) == Some(b'[') && self.quote.is_none() {
            let end = self.bracket_end(line);
            return Some(Cut::plain(scheme(line, self.value + 1, end).0..end));
        }
        let (start, one_word) = scheme(line, self.value, line.bytes.len());
        if self.quote.is_some() && start == self.value {
            return self.value_cut(line);
        }
        if one_word || (start == self.value && self.separator != b':') {
            return Some(Cut::plain(start..self.bare_end(line, start)));
        }
        // At the start of a line or a field these names are headers, whatever follows.
        if start == self.value
            && self.follows_word(line)
            && self.is_prose(line, self.bare_end(line, self.value))
        {
            return None;
        }
        Some(Cut::plain(start..line.bare_end(self.value, self.in_string, |_, _| false)))
    }

    /// Whether `word: value` is a sentence: only a plain word can open one, and a secret has digits.
    fn is_prose(&self, line: &Line<'_>, end: usize) -> bool {
        let name = line.slice(self.name.start, self.name.end);
        let plain =
            name.iter().all(u8::is_ascii_alphabetic) && !name.iter().skip(1).any(u8::is_ascii_uppercase);
        if self.separator != b':' || !self.spaced || self.quote.is_some() || !plain {
            return false;
        }
        let value = line.slice(self.value, end);
        let opaque = value.iter().any(|b| b.is_ascii_digit() || b"!@#$%^&*+=/~".contains(b));
        if self.follows_word(line) {
            return !opaque || value.len() < 5;
        }
        !opaque && line.at(end) == Some(b' ') && line.at(end + 1).is_some_and(|b| b.is_ascii_alphabetic())
    }

    fn follows_word(&self, line: &Line<'_>) -> bool {
        line.before(self.name.start) == Some(b' ')
            && line.slice(0, self.name.start - 1).last().is_some_and(u8::is_ascii_alphanumeric)
    }
}

/// Where the credentials begin behind a known scheme, and whether they are one word.
fn scheme(line: &Line<'_>, start: usize, end: usize) -> (usize, bool) {
    let one = [&b"bearer"[..], b"basic", b"token", b"apikey", b"negotiate"];
    let more = [&b"digest"[..], b"aws4-hmac-sha256"];
    // No scheme is longer.
    let value = line.slice(start, end.min(start + 20));
    let Some(word) = value.iter().position(|b| *b == b' ').and_then(|space| value.get(..space)) else {
        return (start, false);
    };
    let known = |list: &[&[u8]]| list.iter().any(|name| name.eq_ignore_ascii_case(word));
    let one_word = known(&one);
    if !(one_word || known(&more)) {
        return (start, false);
    }
    (line.after_blanks(start + word.len()), one_word)
}

/// `=` in the query of an address inside of another.
fn is_encoded_equals(bytes: &[u8]) -> bool {
    bytes.eq_ignore_ascii_case(b"%3d")
}

/// The quote with the backslashes before it.
fn quote_mark((quote, backslashes): (u8, usize)) -> Option<&'static [u8]> {
    const FIVE_STRINGS_DEEP: &[u8] = br#"\\\\\\\\\\\\\\\\\\\\\\\\\\\\\\\""#;
    let start = FIVE_STRINGS_DEEP.len().checked_sub(backslashes + 1)?;
    FIVE_STRINGS_DEEP.get(start..).filter(|_| quote == b'"')
}

/// Whether a value without quotes ends here. Separators and brackets may be part of a password, so they
/// end it only where what follows has the form of a next field or of an end.
fn ends_value(line: &Line<'_>, byte: u8, at: usize) -> bool {
    let next = line.at(at + 1);
    let over = next.is_none_or(|b| b.is_ascii_whitespace() || b",;)]}>\"'`\\".contains(&b));
    match byte {
        b' ' | b'\t' => true,
        b')' | b']' | b'}' | b'>' | b'\'' | b'`' => over,
        b',' | b';' | b'&' | b'|' => {
            over || {
                let ahead = line.slice(at + 1, line.bytes.len().min(at + 1 + LONGEST_NAME));
                let name = ahead
                    .iter()
                    .take_while(|b| b.is_ascii_alphanumeric() || matches!(b, b'_' | b'-' | b'.'))
                    .count();
                name > 0 && matches!(ahead.get(name), Some(b'=' | b':'))
            }
        }
        _ => false,
    }
}
