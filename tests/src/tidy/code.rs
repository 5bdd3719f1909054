//! What of a Rust file is the product's code: comments and the insides of strings blanked out, items
//! under `#[cfg(test)]` taken away. Lines keep their places.

/// The file with comments, and everything between quotes, as blanks.
pub(crate) fn blanked(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    let mut rest = text;
    let mut before = ' ';
    while let Some(first) = rest.chars().next() {
        let (length, is_code) = token(rest, before);
        let (taken, left) = rest.split_at(length);
        if is_code {
            out.push_str(taken);
        } else {
            out.extend(taken.chars().map(|c| if c == '\n' { '\n' } else { ' ' }));
        }
        before = taken.chars().next_back().unwrap_or(first);
        rest = left;
    }
    out
}

/// The length of what stands at the beginning, and whether it is code.
fn token(rest: &str, before: char) -> (usize, bool) {
    let first = rest.chars().next().map_or(1, char::len_utf8);
    let starts_word = !(before.is_alphanumeric() || before == '_');
    if rest.starts_with("//") {
        return (rest.find('\n').unwrap_or(rest.len()), false);
    }
    if rest.starts_with("/*") {
        return (block_comment(rest), false);
    }
    if rest.starts_with('"') {
        return (string(rest), false);
    }
    if starts_word && let Some(length) = raw_string(rest) {
        return (length, false);
    }
    if rest.starts_with('\'') {
        return character(rest).map_or((first, true), |length| (length, false));
    }
    (first, true)
}

fn block_comment(rest: &str) -> usize {
    let mut depth = 0_u32;
    let mut at = 0;
    while at < rest.len() {
        match &rest.as_bytes()[at..] {
            [b'/', b'*', ..] => (depth, at) = (depth + 1, at + 2),
            [b'*', b'/', ..] => (depth, at) = (depth - 1, at + 2),
            _ => at += 1,
        }
        if depth == 0 {
            return at;
        }
    }
    rest.len()
}

fn string(rest: &str) -> usize {
    let mut bytes = rest.bytes().enumerate().skip(1);
    while let Some((at, byte)) = bytes.next() {
        match byte {
            b'\\' => drop(bytes.next()),
            b'"' => return at + 1,
            _ => {}
        }
    }
    rest.len()
}

/// `r"…"`, `br#"…"#` and so on.
fn raw_string(rest: &str) -> Option<usize> {
    let behind = rest.strip_prefix("br").or_else(|| rest.strip_prefix('r'))?;
    let hashes = behind.len() - behind.trim_start_matches('#').len();
    let inside = behind[hashes..].strip_prefix('"')?;
    let end = format!("\"{}", "#".repeat(hashes));
    let opened = rest.len() - inside.len();
    Some(inside.find(&end).map_or(rest.len(), |at| opened + at + end.len()))
}

/// A character's literal; a lifetime is none.
fn character(rest: &str) -> Option<usize> {
    let mut chars = rest.char_indices().skip(1);
    let (_, inside) = chars.next()?;
    if inside == '\\' {
        return chars.skip(1).find(|(_, c)| *c == '\'').map(|(at, _)| at + 1);
    }
    chars.next().filter(|(_, c)| *c == '\'').map(|(at, _)| at + 1)
}

/// Blanked code without the items under `#[cfg(test)]`; their lines are gone.
pub(crate) fn without_tests(blanked: &str) -> String {
    const MARK: &str = "#[cfg(test)]";
    let mut out = String::new();
    let mut rest = blanked;
    while let Some(at) = rest.find(MARK) {
        out.push_str(&rest[..at]);
        rest = &rest[at + MARK.len()..];
        rest = &rest[item(rest)..];
    }
    out.push_str(rest);
    out
}

/// The length of the item that begins here: to its closing brace, or to its semicolon.
fn item(rest: &str) -> usize {
    let mut depth = 0_u32;
    for (at, byte) in rest.bytes().enumerate() {
        match byte {
            b'{' | b'(' | b'[' => depth += 1,
            b')' | b']' => depth = depth.saturating_sub(1),
            b'}' if depth <= 1 => return at + 1,
            b'}' => depth -= 1,
            b';' if depth == 0 => return at + 1,
            _ => {}
        }
    }
    rest.len()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn comments_and_strings_are_no_code() {
        let text = "a // tokio\nb /* x /* y */ tokio */ c \"tokio \\\" tokio\" d r#\"tokio \" \"# e 'x' f";
        let blank = blanked(text);
        assert!(!blank.contains("tokio"), "{blank}");
        assert_eq!(blank.split_whitespace().collect::<String>(), "abcdef");
        assert_eq!(blank.lines().count(), text.lines().count());
    }

    #[test]
    fn a_lifetime_does_not_open_a_character() {
        let text = "fn f<'a>(x: &'a str) { tokio } '\"' '\\'' y";
        assert!(blanked(text).contains("tokio"));
        assert!(blanked(text).ends_with('y'));
    }

    #[test]
    fn items_of_tests_are_taken_away_and_nothing_else() {
        let text = "one\n#[cfg(test)]\nfn f() { g({ 1 }) }\ntwo\n#[cfg(test)]\nmod tests;\nthree";
        let left = without_tests(text);
        assert_eq!(left.split_whitespace().collect::<Vec<_>>(), ["one", "two", "three"]);
    }
}
