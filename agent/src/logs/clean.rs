//! What a terminal would obey is taken out of a line, or made visible.
//!
//! Colours and other escape sequences mean nothing in CloudWatch, where they would stand between a
//! query and the word it looks for, and they must not reach the terminal of whoever reads the line
//! back. They go. Every other control character is evidence (binary output, a torn write) and stays,
//! as its visible picture. Knows nothing of what the line means.

use std::borrow::Cow;

const ESC: char = '\u{1b}';
const BEL: char = '\u{07}';

/// Escape sequences gone, other control characters but line break and tab as their visible pictures,
/// carriage returns before a line break and at the end gone; borrowed when nothing changes.
pub fn clean(text: &str) -> Cow<'_, str> {
    if !suspicious(text.as_bytes()) {
        return Cow::Borrowed(text);
    }
    let Some(start) = text.find(drives_a_terminal) else {
        return Cow::Borrowed(text);
    };
    let Some((head, mut rest)) = text.split_at_checked(start) else {
        return Cow::Borrowed(text);
    };
    let mut out = String::with_capacity(text.len().saturating_add(16));
    out.push_str(head);
    // A carriage return is held back until it is known whether the line ends behind it.
    let mut returns = 0;
    while let Some(c) = rest.chars().next() {
        let after = rest.get(c.len_utf8()..).unwrap_or_default();
        if c == ESC
            && let Some(tail) = after_escape(after)
        {
            rest = tail;
            continue;
        }
        rest = after;
        if c == '\r' {
            returns += 1;
            continue;
        }
        if c != '\n' {
            out.extend(std::iter::repeat_n('␍', returns));
        }
        returns = 0;
        out.push(picture(c));
    }
    Cow::Owned(out)
}

/// Whether it turns the words around it, breaks a line, or is not to be seen: harmless in CloudWatch, and a lie on a
/// terminal or in a mail. <https://www.unicode.org/reports/tr9/>
pub fn misleads(c: char) -> bool {
    matches!(c, '\u{200b}'..='\u{200f}' | '\u{2028}'..='\u{202e}' | '\u{2060}'..='\u{2069}' | '\u{feff}')
}

/// One pass that the compiler turns into vector instructions; `0xC2` opens the C1 controls, and `µ` too.
fn suspicious(bytes: &[u8]) -> bool {
    let odd = |b: u8| {
        let control = u8::from(b < 0x20) & u8::from(b != b'\n') & u8::from(b != b'\t');
        control | u8::from(b == 0x7f) | u8::from(b == 0xc2)
    };
    bytes.chunks(64).any(|chunk| chunk.iter().fold(0, |any, &b| any | odd(b)) != 0)
}

fn drives_a_terminal(c: char) -> bool {
    c.is_control() && c != '\n' && c != '\t'
}

fn picture(c: char) -> char {
    match c {
        '\n' | '\t' => c,
        '\u{7f}' => '\u{2421}',
        '\0'..='\u{1f}' => char::from_u32(0x2400 + u32::from(c)).unwrap_or('\u{fffd}'),
        '\u{80}'..='\u{9f}' => '\u{fffd}',
        _ => c,
    }
}

/// What follows the escape sequence whose ESC stands just before `text`. None when it never ends:
/// text that a terminal would swallow is not ours to hide.
fn after_escape(text: &str) -> Option<&str> {
    let (first, rest) = split_char(text)?;
    match first {
        '[' => {
            let body =
                rest.trim_start_matches(|c| ('0'..='?').contains(&c)).trim_start_matches(is_intermediate);
            let (last, rest) = split_char(body)?;
            ('@'..='~').contains(&last).then_some(rest)
        }
        // Operating system, device, application commands and the like: text up to a terminator.
        ']' | 'P' | 'X' | '^' | '_' => {
            let end = rest.find([BEL, ESC, '\n', '\u{9c}'])?;
            let (terminator, rest) = split_char(rest.get(end..)?)?;
            match terminator {
                BEL | '\u{9c}' => Some(rest),
                ESC => rest.strip_prefix('\\'),
                _ => None,
            }
        }
        ' '..='/' => {
            let (last, rest) = split_char(rest.trim_start_matches(is_intermediate))?;
            ('0'..='~').contains(&last).then_some(rest)
        }
        '0'..='~' => Some(rest),
        _ => None,
    }
}

fn is_intermediate(c: char) -> bool {
    (' '..='/').contains(&c)
}

fn split_char(text: &str) -> Option<(char, &str)> {
    let mut chars = text.chars();
    chars.next().map(|first| (first, chars.as_str()))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn check(text: &str, expected: &str) {
        assert_eq!(clean(text), expected, "{text:?}");
    }

    #[test]
    fn ordinary_text_is_borrowed() {
        for text in ["", "GET /health", "a\tb\nc", "61.3µs", "naïve 漢字 ␛ 🦀"] {
            assert!(matches!(clean(text), Cow::Borrowed(same) if same == text), "{text:?}");
        }
    }

    #[test]
    fn escape_sequences_are_gone() {
        check("\u{1b}[31mred\u{1b}[0m", "red");
        check("|\u{1b}[97;42m 200 \u{1b}[0m|", "| 200 |");
        check("\u{1b}[38;2;1;2;3mx\u{1b}[m\u{1b}[K", "x");
        check("\u{1b}]0;title\u{7}x", "x");
        check("\u{1b}]8;;https://a.example\u{1b}\\link\u{1b}]8;;\u{1b}\\", "link");
        check("\u{1b}Pq#0\u{1b}\\x", "x");
        check("\u{1b}(Bx\u{1b}7y\u{1b}=z", "xyz");
        check("\u{1b}[?25lx", "x");
    }

    #[test]
    fn a_sequence_without_end_hides_no_text() {
        check("a\u{1b}]0;title", "a␛]0;title");
        check("a\u{1b}", "a␛");
        check("a\u{1b}[31", "a␛[31");
        check("a\u{1b}[3\u{1b}[0mb", "a␛[3b");
        check("a\u{1b}]x\ny", "a␛]x\ny");
        check("a\u{1b}é", "a␛é");
    }

    #[test]
    fn other_controls_are_shown() {
        check("a\0b", "a␀b");
        check("\u{1}\u{7}\u{8}\u{7f}", "␁␇␈␡");
        check("10%\r20%", "10%␍20%");
        check("a\u{85}b\u{9b}31m", "a\u{fffd}b\u{fffd}31m");
    }

    #[test]
    fn carriage_returns_at_a_lines_end_are_gone() {
        check("a\r", "a");
        check("a\r\r", "a");
        check("a\r\nb\r", "a\nb");
        check("\r", "");
        check("50%\r\u{1b}[K", "50%");
    }

    fn noisy() -> impl Strategy<Value = String> {
        let piece = prop_oneof![
            any::<String>(),
            "[\\x00-\\x1f\\x7f-\\x9f]{1,4}",
            prop::sample::select(vec![
                "\u{1b}", "\u{1b}[", "\u{1b}]", "\r", "\n", "\\", "m", "31;", "\u{7}", "µ"
            ])
            .prop_map(str::to_owned),
        ];
        prop::collection::vec(piece, 0..12).prop_map(|pieces| pieces.concat())
    }

    proptest! {
        #[test]
        fn nothing_is_left_that_drives_a_terminal(text in noisy()) {
            prop_assert!(!clean(&text).contains(drives_a_terminal));
        }

        #[test]
        fn cleaning_twice_changes_nothing(text in noisy()) {
            let once = clean(&text);
            prop_assert_eq!(clean(&once), once.as_ref());
        }
    }
}
