//! Go's ways of writing values: quoted strings, durations, fixed-width dates.
//!
//! Readers of pieces of text. They know no kind of line; what they cannot read is `None`.

use std::borrow::Cow;

/// What follows `shape` at the start of `text`, where a `0` in the shape stands for any digit.
pub(in crate::logs) fn after_shape<'a>(text: &'a str, shape: &str) -> Option<&'a str> {
    let (head, rest) = text.split_at_checked(shape.len())?;
    let fits =
        head.bytes().zip(shape.bytes()).all(|(b, s)| if s == b'0' { b.is_ascii_digit() } else { b == s });
    fits.then_some(rest)
}

/// The string that Go quoted at the start of `text`, and what follows it.
pub(super) fn unquote(text: &str) -> Option<(Cow<'_, str>, &str)> {
    let body = text.strip_prefix('"')?;
    let end = memchr::memchr2(b'"', b'\\', body.as_bytes())?;
    let (plain, mut rest) = body.split_at_checked(end)?;
    if let Some(rest) = rest.strip_prefix('"') {
        return Some((Cow::Borrowed(plain), rest));
    }
    let mut out = String::with_capacity(plain.len().saturating_add(32));
    out.push_str(plain);
    loop {
        let end = memchr::memchr2(b'"', b'\\', rest.as_bytes())?;
        let (plain, tail) = rest.split_at_checked(end)?;
        out.push_str(plain);
        if let Some(rest) = tail.strip_prefix('"') {
            return Some((Cow::Owned(out), rest));
        }
        let (c, tail) = unescape(tail.strip_prefix('\\')?)?;
        out.push(c);
        rest = tail;
    }
}

fn unescape(text: &str) -> Option<(char, &str)> {
    let mut chars = text.chars();
    let c = match chars.next()? {
        'a' => '\u{7}',
        'b' => '\u{8}',
        'f' => '\u{c}',
        'n' => '\n',
        'r' => '\r',
        't' => '\t',
        'v' => '\u{b}',
        c @ ('"' | '\\' | '\'') => c,
        'x' => return digits(chars.as_str(), 2, 16).map(|(code, rest)| (byte(code), rest)),
        'u' => return digits(chars.as_str(), 4, 16).map(|(code, rest)| (scalar(code), rest)),
        'U' => return digits(chars.as_str(), 8, 16).map(|(code, rest)| (scalar(code), rest)),
        '0'..='7' => return digits(text, 3, 8).map(|(code, rest)| (byte(code), rest)),
        _ => return None,
    };
    Some((c, chars.as_str()))
}

fn digits(text: &str, count: usize, radix: u32) -> Option<(u32, &str)> {
    let (digits, rest) = text.split_at_checked(count)?;
    // `from_str_radix` would take a sign.
    let all = digits.chars().all(|c| c.is_digit(radix));
    Some((all.then(|| u32::from_str_radix(digits, radix).ok())??, rest))
}

/// Go escapes a byte of its own only where the string was not UTF-8.
fn byte(code: u32) -> char {
    if code < 0x80 { scalar(code) } else { char::REPLACEMENT_CHARACTER }
}

fn scalar(code: u32) -> char {
    char::from_u32(code).unwrap_or(char::REPLACEMENT_CHARACTER)
}

/// A duration such as `1m2.5s`, `412.07µs` or `0s`, in nanoseconds; what is finer is cut off.
pub(in crate::logs) fn duration(text: &str) -> Option<u64> {
    let mut rest = text;
    let mut total = 0_u64;
    loop {
        let (whole, tail) = leading_digits(rest);
        let (fraction, tail) = tail.strip_prefix('.').map_or(("", tail), leading_digits);
        if whole.is_empty() && fraction.is_empty() {
            return None;
        }
        let (unit, tail) = unit(tail)?;
        let whole: u64 = if whole.is_empty() { 0 } else { whole.parse().ok()? };
        total = total.checked_add(whole.checked_mul(unit)?)?;
        let mut worth = unit;
        for digit in fraction.bytes() {
            worth /= 10;
            total = total.checked_add(worth.checked_mul(u64::from(digit.saturating_sub(b'0')))?)?;
        }
        if tail.is_empty() {
            return Some(total);
        }
        rest = tail;
    }
}

fn leading_digits(text: &str) -> (&str, &str) {
    let end = text.bytes().position(|b| !b.is_ascii_digit()).unwrap_or(text.len());
    text.split_at_checked(end).unwrap_or(("", text))
}

/// The worth of the unit at the start of `text`, in nanoseconds; longer names before their beginnings.
fn unit(text: &str) -> Option<(u64, &str)> {
    const UNITS: [(&str, u64); 8] = [
        ("ms", 1_000_000),
        ("µs", 1_000), // the micro sign, which Go prints
        ("μs", 1_000), // the Greek letter, which others do
        ("us", 1_000),
        ("ns", 1),
        ("s", 1_000_000_000),
        ("m", 60_000_000_000),
        ("h", 3_600_000_000_000),
    ];
    UNITS.iter().find_map(|&(name, worth)| text.strip_prefix(name).map(|rest| (worth, rest)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn durations() {
        for (text, expected) in [
            ("0s", Some(0)),
            ("731ns", Some(731)),
            ("412.07µs", Some(412_070)),
            ("412.07μs", Some(412_070)),
            ("3.25ms", Some(3_250_000)),
            ("2.718281828s", Some(2_718_281_828)),
            ("1h1m1.5s", Some(3_661_500_000_000)),
            (".5s", Some(500_000_000)),
            ("1.9ns", Some(1)),
            ("", None),
            ("s", None),
            ("5", None),
            ("-5ms", None),
            ("5 ms", None),
            ("99999999999999h", None),
        ] {
            assert_eq!(duration(text), expected, "{text}");
        }
    }

    #[test]
    fn quoted_strings() {
        for (text, expected) in [
            (r#""plain" rest"#, Some(("plain", " rest"))),
            (r#""""#, Some(("", ""))),
            (r#""a\"b\\c\n\t""#, Some(("a\"b\\c\n\t", ""))),
            (r#""\x1b\xff\u00e9\U0001f980\101""#, Some(("\u{1b}\u{fffd}é🦀A", ""))),
            (r#""\ud800""#, Some(("\u{fffd}", ""))),
            (r#""\x+1""#, None),
            (r#""\q""#, None),
            (r#""open"#, None),
            (r#""open\"#, None),
            ("bare", None),
        ] {
            let got = unquote(text);
            assert_eq!(got.as_ref().map(|(value, rest)| (value.as_ref(), *rest)), expected, "{text}");
        }
    }
}
