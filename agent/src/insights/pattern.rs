//! What a query looks for in texts, and what `parse` takes out of them.
//!
//! It knows regular expressions and globs, and not whose text it is.

use std::borrow::Cow;

use regex::{Regex, RegexBuilder};

/// What a regular expression may take when it is ready: a tenth of this is much.
const PATTERN_BYTES: usize = 1 << 20;

/// What `like` looks for.
#[derive(Debug)]
pub(super) enum Like {
    Part(String),
    Regex(Regex),
}

impl Like {
    pub(super) fn is_in(&self, text: &str) -> bool {
        match self {
            Self::Part(part) => text.contains(part.as_str()),
            Self::Regex(regex) => regex.is_match(text),
        }
    }
}

/// What `parse` takes, in the order of its names.
#[derive(Debug)]
pub(super) enum Taking {
    /// The groups' numbers.
    Regex(Regex, Vec<usize>),
    /// The texts around each `*`.
    Glob(Vec<String>),
}

/// A regular expression between its slashes; in words why it is none.
pub(super) fn regex(token: &str) -> Result<Regex, String> {
    let inside = token.strip_prefix('/').unwrap_or(token);
    let inside = inside.strip_suffix('/').unwrap_or(inside);
    RegexBuilder::new(inside).size_limit(PATTERN_BYTES).dfa_size_limit(PATTERN_BYTES).build().map_err(
        |error| {
            // The library draws the pattern over several lines; the last one says what it is.
            let error = error.to_string();
            error.lines().last().unwrap_or_default().trim_start_matches("error: ").to_owned()
        },
    )
}

/// A text without its quotes. A backslash stands before a quote or a backslash; before anything else it is one.
pub(super) fn unquoted(token: &str) -> String {
    let mut letters = token.chars();
    let quote = letters.next();
    let inside = letters.as_str();
    let inside = quote.and_then(|quote| inside.strip_suffix(quote)).unwrap_or(inside);
    let mut text = String::with_capacity(inside.len());
    let mut letters = inside.chars().peekable();
    while let Some(c) = letters.next() {
        let escaped = letters.next_if(|next| c == '\\' && ['"', '\'', '\\'].contains(next));
        text.push(escaped.unwrap_or(c));
    }
    text
}

impl Taking {
    /// The parts, each with its place in the text; none if the text is another.
    /// <https://docs.aws.amazon.com/AmazonCloudWatch/latest/logs/CWL_QuerySyntax-Parse.html>
    pub(super) fn of(&self, text: &str) -> Option<Vec<Option<(usize, usize)>>> {
        match self {
            Self::Regex(regex, groups) => {
                let found = regex.captures(text)?;
                let place = |group: &usize| found.get(*group).map(|part| (part.start(), part.end()));
                Some(groups.iter().map(place).collect())
            }
            Self::Glob(around) => glob(around, text),
        }
    }
}

/// Each `*` ends where the text behind it begins first; at the end of the pattern it takes the rest.
fn glob(around: &[String], text: &str) -> Option<Vec<Option<(usize, usize)>>> {
    let (first, behind) = around.split_first()?;
    let mut from = text.find(first.as_str())? + first.len();
    let mut parts = Vec::with_capacity(behind.len());
    for (index, next) in behind.iter().enumerate() {
        let last = index + 1 == behind.len();
        let rest = text.get(from..)?;
        let length = if last && next.is_empty() { rest.len() } else { rest.find(next.as_str())? };
        parts.push(Some((from, from + length)));
        from += length + next.len();
    }
    Some(parts)
}

/// A part of a text; of a borrowed one it is borrowed too.
pub(super) fn part<'v>(text: &Cow<'v, str>, from: usize, to: usize) -> Option<Cow<'v, str>> {
    match text {
        Cow::Borrowed(text) => text.get(from..to).map(Cow::Borrowed),
        Cow::Owned(text) => text.get(from..to).map(|part| Cow::Owned(part.to_owned())),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn takes(glob: &str, text: &str) -> Option<Vec<String>> {
        let taking = Taking::Glob(glob.split('*').map(str::to_owned).collect());
        let parts = taking.of(text)?;
        Some(parts.into_iter().flatten().map(|(from, to)| text.get(from..to).unwrap().to_owned()).collect())
    }

    #[test]
    fn a_glob_takes_what_stands_between_its_texts() {
        // The line and the pattern of the documentation.
        let line = "25 May 2019 10:24:39,474 [ERROR] {foo=2, bar=data} The error was: DataIntegrityException";
        let expected = ["ERROR", "{foo=2, bar=data}", "DataIntegrityException"];
        assert_eq!(takes("[*] * The error was: *", line).unwrap(), expected);
        assert_eq!(
            takes("user=*, method:*, latency := *", "x user=a, method:b, latency := 3").unwrap(),
            ["a", "b", "3"]
        );
        assert_eq!(takes("\"latency\":*,", r#"{"latency":12,"a":1}"#).unwrap(), ["12"]);
        assert_eq!(takes("\"latency\":*,", r#"{"latency":12}"#), None);
        assert_eq!(takes("*=*", "ä=ö").unwrap(), ["ä", "ö"]);
        assert_eq!(takes("**", "ab").unwrap(), ["", "ab"]);
    }

    #[test]
    fn texts_lose_their_quotes() {
        for (token, text) in [
            (r#""a\"b""#, "a\"b"),
            (r"'it\'s'", "it's"),
            (r#""C:\new""#, r"C:\new"),
            (r#""\\""#, r"\"),
            ("''", ""),
        ] {
            assert_eq!(unquoted(token), text, "{token}");
        }
    }

    #[test]
    fn a_regular_expression_has_a_size() {
        assert!(regex("/^a\\/b/").unwrap().is_match("a/b"));
        for (pattern, reason) in
            [("/(?=a)/", "look-around"), ("/a{999}{999}/", "size limit"), ("/(/", "unclosed")]
        {
            let error = regex(pattern).unwrap_err();
            assert!(error.contains(reason), "{pattern}: {error}");
        }
    }
}
