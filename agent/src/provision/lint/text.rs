//! Where things stand in a file: also what stands in a string inside of it, which has escapes of its own.
//!
//! It does not know what the text says.

/// A text, and where each part of it stands in the file.
#[derive(Debug, Clone)]
pub(super) struct Text {
    pub(super) text: String,
    /// Where a run of characters begins here and in the file, in order; within a run they go side by side.
    runs: Vec<(usize, usize)>,
}

impl Text {
    /// The file itself.
    pub(super) fn whole(text: &str) -> Self {
        Self { text: text.to_owned(), runs: vec![(0, 0)] }
    }

    /// Where a byte of this text stands in the file.
    pub(super) fn origin(&self, at: usize) -> usize {
        let run = self.runs.partition_point(|(here, _)| *here <= at).saturating_sub(1);
        self.runs.get(run).map_or(at, |(here, there)| there + (at - here.min(&at)))
    }

    /// What a string literal of JSON says; the span has its quotes.
    pub(super) fn inside(&self, span: (usize, usize)) -> Self {
        let literal = self.text.get(span.0..span.1).unwrap_or_default();
        let mut runs = Vec::new();
        let text = unescaped(literal, |here, there| runs.push((here, self.origin(span.0 + there))));
        if runs.is_empty() {
            runs.push((0, self.origin(span.0)));
        }
        Self { text, runs }
    }

    /// A part of this text.
    pub(super) fn part(&self, from: usize, to: usize) -> Self {
        let text = self.text.get(from..to).unwrap_or_default().to_owned();
        let begin = self.runs.partition_point(|(here, _)| *here <= from);
        let within = self.runs.get(begin..).unwrap_or_default().iter().take_while(|(here, _)| *here < to);
        let runs = std::iter::once((0, self.origin(from)))
            .chain(within.map(|(here, there)| (here - from, *there)))
            .collect();
        Self { text, runs }
    }
}

/// What a literal with its quotes says, as far as it can be read. `run` hears of each place from which on
/// the result and the literal go side by side.
pub(super) fn unescaped(literal: &str, mut run: impl FnMut(usize, usize)) -> String {
    let quote = literal.chars().next().filter(|quote| ['"', '\''].contains(quote));
    let Some(quote) = quote else {
        run(0, 0);
        return literal.to_owned();
    };
    let body = literal.strip_prefix(quote).unwrap_or(literal);
    let body = body.strip_suffix(quote).unwrap_or(body);
    let mut text = String::with_capacity(body.len());
    run(0, 1);
    let mut rest = body;
    while let Some(backslash) = rest.find('\\') {
        let (plain, escape) = rest.split_at(backslash);
        text.push_str(plain);
        let length = push_escape(&mut text, escape);
        rest = escape.get(length..).unwrap_or_default();
        run(text.len(), 1 + body.len() - rest.len());
    }
    text.push_str(rest);
    text
}

/// Adds what an escape means, and answers how long it is.
fn push_escape(text: &mut String, escape: &str) -> usize {
    let Some(letter) = escape.chars().nth(1) else { return 1 };
    let plain = match letter {
        'n' => '\n',
        't' => '\t',
        'r' => '\r',
        'b' => '\u{8}',
        'f' => '\u{c}',
        'u' => return push_unicode(text, escape),
        other => other,
    };
    text.push(plain);
    1 + letter.len_utf8()
}

fn push_unicode(text: &mut String, escape: &str) -> usize {
    let hex = |from: usize| {
        let digits = escape.get(from..from + 4)?;
        u32::from_str_radix(digits, 16).ok().filter(|_| digits.bytes().all(|b| b.is_ascii_hexdigit()))
    };
    let Some(first) = hex(2) else {
        text.push('u');
        return 2;
    };
    let second = escape.get(6..8).filter(|next| *next == "\\u").and_then(|_| hex(8));
    if let (0xd800..=0xdbff, Some(second @ 0xdc00..=0xdfff)) = (first, second) {
        let code = 0x1_0000 + ((first - 0xd800) << 10) + (second - 0xdc00);
        text.push(char::from_u32(code).unwrap_or(char::REPLACEMENT_CHARACTER));
        return 12;
    }
    text.push(char::from_u32(first).unwrap_or(char::REPLACEMENT_CHARACTER));
    6
}

/// Where the lines of a file begin.
#[derive(Debug, Clone)]
pub(super) struct Lines {
    starts: Vec<usize>,
}

impl Lines {
    pub(super) fn of(text: &str) -> Self {
        let after = text.match_indices('\n').map(|(at, _)| at + 1);
        Self { starts: std::iter::once(0).chain(after).collect() }
    }

    /// The line of a byte, from 1, and where it begins.
    pub(super) fn line(&self, at: usize) -> (usize, usize) {
        let line = self.starts.partition_point(|start| *start <= at).max(1);
        (line, self.starts.get(line - 1).copied().unwrap_or_default())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_place_inside_a_string_is_a_place_of_the_file() {
        let file = r#"["a\n\"bé\u00e9\ud83d\ude00z"]"#;
        let inside = Text::whole(file).inside((1, file.len() - 1));
        assert_eq!(inside.text, "a\n\"bé\u{e9}\u{1f600}z");
        for (what, escaped) in [("a", "a"), ("\n", "\\n"), ("b", "b"), ("é", "é"), ("z", "z")] {
            assert_eq!(inside.origin(inside.text.find(what).unwrap()), file.find(escaped).unwrap(), "{what}");
        }
        let twice = Text::whole(r#""\"x\\ny\"""#).inside((0, 11));
        assert_eq!(twice.text, r#""x\ny""#);
        let inner = twice.inside((0, twice.text.len()));
        assert_eq!((inner.text.as_str(), inner.origin(0), inner.origin(2)), ("x\ny", 3, 7));
    }

    #[test]
    fn a_part_keeps_its_places() {
        let inside = Text::whole(r#""ab\ncd\nef""#).inside((0, 12));
        let part = inside.part(3, 8);
        assert_eq!(part.text, "cd\nef");
        assert_eq!((part.origin(0), part.origin(1), part.origin(3)), (5, 6, 9));
    }

    #[test]
    fn broken_escapes_are_read_as_they_come() {
        for (literal, text) in
            [(r#""a\"#, "a"), (r#""\u12"#, "u12"), (r#""\ud800x""#, "\u{fffd}x"), ("'it'", "it"), ("x", "x")]
        {
            assert_eq!(unescaped(literal, |_, _| ()), text, "{literal}");
        }
    }

    #[test]
    fn lines_count_from_one() {
        let lines = Lines::of("a\r\nb\n");
        for (at, line) in [(0, (1, 0)), (2, (1, 0)), (3, (2, 3)), (99, (3, 5))] {
            assert_eq!(lines.line(at), line);
        }
    }
}
