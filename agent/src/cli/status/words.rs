//! Numbers, times and the words of others, as people read them on a terminal.

use crate::logs::clean::{clean, misleads};

/// `3 s`, `12 min`, `5 h 3 min`, `2 d 4 h`
pub(in crate::cli) fn length(ms: i64) -> String {
    let s = ms.max(0) / 1000;
    match s {
        0..60 => format!("{s} s"),
        60..3600 => format!("{} min", s / 60),
        3600..86_400 => format!("{} h {} min", s / 3600, s % 3600 / 60),
        _ => format!("{} d {} h", s / 86_400, s % 86_400 / 3600),
    }
}

/// `3 s ago`
pub(in crate::cli) fn ago(now_ms: i64, at_ms: i64) -> String {
    format!("{} ago", length(now_ms - at_ms))
}

/// `0 B`, `512 B`, `1.2 KB`, `3.4 MB`: as df and docker, in thousands.
#[expect(clippy::cast_precision_loss, reason = "three digits are shown")]
pub(in crate::cli) fn bytes(bytes: u64) -> String {
    const UNITS: [&str; 5] = ["KB", "MB", "GB", "TB", "PB"];
    if bytes < 1000 {
        return format!("{bytes} B");
    }
    let mut size = bytes as f64 / 1000.0;
    let mut units = UNITS.into_iter();
    let mut unit = units.next().unwrap_or_default();
    for next in units {
        if size < 999.95 {
            break;
        }
        (size, unit) = (size / 1000.0, next);
    }
    format!("{size:.1} {unit}")
}

/// `1,234,567`
pub(in crate::cli) fn count(number: u64) -> String {
    let digits = number.to_string();
    let mut text = String::new();
    for (at, digit) in digits.chars().enumerate() {
        if at > 0 && (digits.len() - at).is_multiple_of(3) {
            text.push(',');
        }
        text.push(digit);
    }
    text
}

/// `0.4 %`, `12 %`
pub(in crate::cli) fn percent(value: f64) -> String {
    if value > 0.0 && value < 9.95 { format!("{value:.1} %") } else { format!("{value:.0} %") }
}

/// `3 ms`, `1.2 s`
pub(in crate::cli) fn seconds(value: f64) -> String {
    let ms = value * 1e3;
    if ms < 9.95 {
        format!("{ms:.1} ms")
    } else if ms < 999.5 {
        format!("{ms:.0} ms")
    } else {
        format!("{value:.1} s")
    }
}

/// `0.5/s`, `120/s`
pub(in crate::cli) fn rate(per_second: f64) -> String {
    if per_second > 0.0 && per_second < 9.95 {
        format!("{per_second:.1}/s")
    } else {
        format!("{per_second:.0}/s")
    }
}

/// In one line, and nothing in it that a terminal obeys or that turns its words around.
pub(in crate::cli) fn safe(text: &str) -> String {
    let plain = |c: char| match c {
        '\n' | '\t' => ' ',
        c if misleads(c) => '\u{fffd}',
        c => c,
    };
    clean(text).chars().map(plain).collect()
}

/// The text, or its beginning.
pub(in crate::cli) fn cut(text: &str, width: usize) -> String {
    if text.chars().count() <= width {
        return text.to_owned();
    }
    text.chars().take(width.saturating_sub(1)).chain(['…']).collect()
}

/// Lines of at most `width` characters; words that are longer are broken.
pub(in crate::cli) fn wrap(text: &str, width: usize) -> Vec<String> {
    let width = width.max(10);
    let (mut lines, mut line, mut used) = (Vec::new(), String::new(), 0);
    for word in text.split(' ') {
        let mut letters: Vec<char> = word.chars().collect();
        if used > 0 && used + 1 + letters.len() > width {
            lines.push(std::mem::take(&mut line));
            used = 0;
        }
        if used > 0 {
            line.push(' ');
            used += 1;
        }
        while letters.len() > width - used {
            let rest = letters.split_off(width - used);
            line.extend(letters);
            lines.push(std::mem::take(&mut line));
            (letters, used) = (rest, 0);
        }
        used += letters.len();
        line.extend(letters);
    }
    lines.push(line);
    lines
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_are_short() {
        assert_eq!(
            [0, 59_999, 60_000, 11_000_000, 200_000_000, -5].map(length),
            ["0 s", "59 s", "1 min", "3 h 3 min", "2 d 7 h", "0 s"]
        );
        assert_eq!(
            [0, 999, 1000, 999_949, 999_950, 5_340_000_000].map(bytes),
            ["0 B", "999 B", "1.0 KB", "999.9 KB", "1.0 MB", "5.3 GB"]
        );
        assert_eq!([0, 999, 1000, 1_234_567].map(count), ["0", "999", "1,000", "1,234,567"]);
        assert_eq!([0.0, 0.44, 9.94, 12.3].map(percent), ["0 %", "0.4 %", "9.9 %", "12 %"]);
        assert_eq!([0.0004, 0.012, 0.9994, 2.34].map(seconds), ["0.4 ms", "12 ms", "999 ms", "2.3 s"]);
        assert_eq!([0.0, 0.25, 120.4].map(rate), ["0/s", "0.2/s", "120/s"]);
    }

    #[test]
    fn what_a_terminal_would_obey_does_not_get_through() {
        let hostile = "a\u{1b}[31mred\u{1b}]0;title\u{7}\nb\tc\u{202e}d\u{0}\u{9b}2J";
        let safe = safe(hostile);
        assert!(!safe.chars().any(|c| c.is_control() || c == '\u{202e}'), "{safe:?}");
        assert!(safe.starts_with("ared b c"), "{safe:?}");
    }

    #[test]
    fn text_is_wrapped_at_words_and_long_words_are_broken() {
        assert_eq!(wrap("one two three", 10), ["one two", "three"]);
        assert_eq!(wrap("abcdefghijklmnop xyz", 10), ["abcdefghij", "klmnop xyz"]);
        assert_eq!(wrap("a bcdefghijklmnopqrstuvwxyz", 10), ["a", "bcdefghijk", "lmnopqrstu", "vwxyz"]);
        assert_eq!(wrap("", 10), [""]);
        assert_eq!((cut("abcdef", 4), cut("abcd", 4)), ("abc…".to_owned(), "abcd".to_owned()));
    }
}
