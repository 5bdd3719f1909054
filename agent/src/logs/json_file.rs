//! Docker's json-file records: one JSON object a line, `{"log":"…\n","stream":"stdout","time":"…"}`.
//!
//! Understands one record; knows nothing of files, rotation or how records join to lines.
//! The layout that Docker's own encoder writes is read without a general JSON parser, which is
//! several times faster; any other layout goes through `serde_json`.

use std::borrow::Cow;

use jiff::Timestamp;
use jiff::fmt::temporal::DateTimeParser;
use memchr::{memchr2, memchr2_iter};
use serde::Deserialize;

use super::Pipe;

static TIME: DateTimeParser = DateTimeParser::new();

/// Docker cuts what a container prints without a newline into pieces of this many bytes
/// (`defaultBufSize` in moby's daemon/logger/copier.go).
pub const PIECE: usize = 16 * 1024;

/// One piece of output: a line, or a part of one.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Record<'a> {
    /// What was printed, without the newline.
    pub text: Cow<'a, str>,
    /// On which pipe.
    pub pipe: Pipe,
    /// When, in nanoseconds since the epoch, by Docker's clock.
    pub time_ns: i64,
    /// The line ends here. Docker marks a piece that goes on by leaving out the newline, but also
    /// leaves it out at the end of the output: a piece that goes on is never shorter than [`PIECE`].
    pub ends: bool,
}

impl<'a> Record<'a> {
    /// A record of `text` as Docker has it, with the newline where there was one.
    pub fn new(mut text: Cow<'a, str>, pipe: Pipe, time_ns: i64) -> Self {
        let newline = text.ends_with('\n');
        if newline {
            match &mut text {
                Cow::Borrowed(text) => *text = text.strip_suffix('\n').unwrap_or(text),
                Cow::Owned(text) => text.truncate(text.len() - 1),
            }
        }
        let ends = newline || text.len() < PIECE;
        Self { text, pipe, time_ns, ends }
    }
}

/// Reads one line of a json-file log, without its newline. `None`: it is not such a record.
pub fn parse(record: &[u8]) -> Option<Record<'_>> {
    fast(record).or_else(|| slow(record))
}

/// The time of an RFC 3339 timestamp as Docker writes it, in nanoseconds since the epoch.
pub fn parse_time(text: &[u8]) -> Option<i64> {
    let time: Timestamp = TIME.parse_timestamp(text).ok()?;
    i64::try_from(time.as_nanosecond()).ok()
}

fn fast(record: &[u8]) -> Option<Record<'_>> {
    let rest = record.strip_prefix(br#"{"log":""#)?;
    let (text, rest) = string(rest)?;
    let (pipe, rest) = if let Some(rest) = rest.strip_prefix(br#","stream":"stdout","time":""#) {
        (Pipe::Stdout, rest)
    } else if let Some(rest) = rest.strip_prefix(br#","stream":"stderr","time":""#) {
        (Pipe::Stderr, rest)
    } else {
        return None;
    };
    let time_ns = parse_time(rest.strip_suffix(br#""}"#)?)?;
    Some(Record::new(text, pipe, time_ns))
}

/// The JSON string that `bytes` begins with, its opening quote already taken, and what follows
/// its closing quote.
fn string(bytes: &[u8]) -> Option<(Cow<'_, str>, &[u8])> {
    let first = memchr2(b'"', b'\\', bytes)?;
    let (plain, rest) = bytes.split_at_checked(first)?;
    if let Some(rest) = rest.strip_prefix(b"\"") {
        return Some((Cow::Borrowed(std::str::from_utf8(plain).ok()?), rest));
    }
    // The commonest escape of all is the newline at the end.
    if let Some(rest) = rest.strip_prefix(b"\\n\"") {
        let mut text = String::with_capacity(plain.len() + 1);
        text.push_str(std::str::from_utf8(plain).ok()?);
        text.push('\n');
        return Some((Cow::Owned(text), rest));
    }
    unescape(bytes, first)
}

fn unescape(bytes: &[u8], first: usize) -> Option<(Cow<'_, str>, &[u8])> {
    let mut text = Vec::with_capacity(bytes.len());
    let mut taken = 0;
    for at in memchr2_iter(b'"', b'\\', bytes.get(first..)?).map(|at| at + first) {
        if at < taken {
            continue; // the second character of an escape
        }
        text.extend_from_slice(bytes.get(taken..at)?);
        if bytes.get(at) == Some(&b'"') {
            let text = String::from_utf8(text).ok()?;
            return Some((Cow::Owned(text), bytes.get(at + 1..)?));
        }
        let plain = match bytes.get(at + 1)? {
            b'n' => b'\n',
            b't' => b'\t',
            b'r' => b'\r',
            b'b' => 0x08,
            b'f' => 0x0c,
            plain @ (b'"' | b'\\' | b'/') => *plain,
            b'u' => {
                let code = hex(bytes.get(at + 2..at + 6)?)?;
                // Docker's encoder writes characters beyond the basic plane as they are: a
                // surrogate means someone else's, which `serde_json` reads.
                let character = char::from_u32(code)?;
                text.extend_from_slice(character.encode_utf8(&mut [0; 4]).as_bytes());
                taken = at + 6;
                continue;
            }
            _ => return None,
        };
        text.push(plain);
        taken = at + 2;
    }
    None
}

fn hex(digits: &[u8]) -> Option<u32> {
    digits.iter().try_fold(0, |code, digit| Some(code * 16 + char::from(*digit).to_digit(16)?))
}

#[derive(Deserialize)]
struct Written<'a> {
    #[serde(default)]
    log: String,
    stream: &'a str,
    time: &'a str,
}

fn slow(record: &[u8]) -> Option<Record<'_>> {
    let written: Written<'_> = serde_json::from_slice(record).ok()?;
    let pipe = match written.stream {
        "stdout" => Pipe::Stdout,
        "stderr" => Pipe::Stderr,
        _ => return None,
    };
    Some(Record::new(Cow::Owned(written.log), pipe, parse_time(written.time.as_bytes())?))
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    const TIME: &str = "2026-01-26T19:45:10.101234567Z";

    fn check(record: &str, text: &str, pipe: Pipe, ends: bool) {
        let found = parse(record.as_bytes()).unwrap_or_else(|| panic!("not a record: {record}"));
        assert_eq!((found.text.as_ref(), found.pipe, found.ends), (text, pipe, ends), "{record}");
        assert_eq!(found.time_ns, 1_769_456_710_101_234_567, "{record}");
    }

    #[test]
    fn what_docker_writes_is_read() {
        let out = |log: &str| format!(r#"{{"log":"{log}","stream":"stdout","time":"{TIME}"}}"#);
        check(&out(r"hello\n"), "hello", Pipe::Stdout, true);
        check(&out("no newline"), "no newline", Pipe::Stdout, true);
        check(&out(r#"{\"a\":\"b\\\\c\"}\n"#), r#"{"a":"b\\c"}"#, Pipe::Stdout, true);
        check(&out(r"\u003cb\u003e \u0026 \u0000\ttab\r\n"), "<b> & \0\ttab\r", Pipe::Stdout, true);
        check(&out("grüße 日本 🦀\\n"), "grüße 日本 🦀", Pipe::Stdout, true);
        check(&out(r"\ud83e\udd80\n"), "🦀", Pipe::Stdout, true);
        check(&out(&"x".repeat(PIECE)), &"x".repeat(PIECE), Pipe::Stdout, false);
        check(&out(&format!("{}\\n", "x".repeat(PIECE))), &"x".repeat(PIECE), Pipe::Stdout, true);
    }

    #[test]
    fn other_layouts_are_read_too() {
        check(
            &format!(r#"{{"log":"a\n","stream":"stderr","attrs":{{"tag":"x"}},"time":"{TIME}"}}"#),
            "a",
            Pipe::Stderr,
            true,
        );
        check(
            &format!(r#"{{ "time": "{TIME}", "stream": "stdout", "log": "a\n" }}"#),
            "a",
            Pipe::Stdout,
            true,
        );
        check(
            r#"{"log":"a\n","stream":"stdout","time":"2026-01-26T20:45:10.101234567+01:00"}"#,
            "a",
            Pipe::Stdout,
            true,
        );
    }

    #[test]
    fn anything_else_is_no_record() {
        for bytes in [
            &b""[..],
            b"{",
            b"plain text",
            br#"{"log":"a\n","stream":"stdin","time":"2026-01-26T19:45:10Z"}"#,
            br#"{"log":"a\n","stream":"stdout","time":"yesterday"}"#,
            br#"{"log":"a\"#,
            br#"{"log":"a\u00"#,
            br#"{"log":"cut off in the midd"#,
            b"{\"log\":\"\xff\",\"stream\":\"stdout\",\"time\":\"2026-01-26T19:45:10Z\"}",
        ] {
            assert_eq!(parse(bytes), None, "{}", String::from_utf8_lossy(bytes));
        }
    }

    proptest! {
        #[test]
        fn agrees_with_a_json_encoder(text in any::<String>(), newline in any::<bool>()) {
            let text = text.trim_end_matches('\n');
            let log = format!("{text}{}", if newline { "\n" } else { "" });
            let log = serde_json::to_string(&log).unwrap();
            let record = format!(r#"{{"log":{log},"stream":"stderr","time":"{TIME}"}}"#);
            let found = parse(record.as_bytes()).unwrap();
            prop_assert_eq!(found.text.as_ref(), text);
        }

        #[test]
        fn no_bytes_make_it_panic(bytes in any::<Vec<u8>>(), prefix in any::<bool>()) {
            let mut record = if prefix { br#"{"log":""#.to_vec() } else { Vec::new() };
            record.extend(bytes);
            parse(&record);
        }
    }
}
