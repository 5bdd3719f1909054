//! One JSON object written member by member, so that its keys keep the order they are written in.
//!
//! A log line is too hot and too flat for a tree of values. Whoever writes says which members are
//! text and which are literals; text is escaped here and nowhere else.

use jiff::Timestamp;
use jiff::fmt::temporal::DateTimePrinter;

/// Always nine digits: times of one length sort as text.
static PRINTER: DateTimePrinter = DateTimePrinter::new().precision(Some(9));

/// An object under way; `close` ends it.
pub(super) struct Object<'o> {
    out: &'o mut String,
}

impl<'o> Object<'o> {
    pub(super) fn open(out: &'o mut String) -> Self {
        out.clear();
        out.push('{');
        Self { out }
    }

    /// The member `time`, RFC 3339 in UTC.
    pub(super) fn time(&mut self, time_ns: i64) {
        self.key("time");
        self.out.push('"');
        let time = Timestamp::from_nanosecond(i128::from(time_ns)).unwrap_or_default();
        // Writing to a string cannot fail; were it to, the quotes still close.
        PRINTER.print_timestamp(&time, &mut *self.out).unwrap_or_default();
        self.out.push('"');
    }

    pub(super) fn text(&mut self, key: &str, value: &str) {
        self.texts(key, &[value]);
    }

    /// A member whose text comes in pieces.
    pub(super) fn texts(&mut self, key: &str, pieces: &[&str]) {
        self.key(key);
        self.out.push('"');
        for piece in pieces {
            escape(self.out, piece);
        }
        self.out.push('"');
    }

    /// A member whose value is JSON already: a number, `true`, `false`.
    pub(super) fn literal(&mut self, key: &str, value: &str) {
        self.key(key);
        self.out.push_str(value);
    }

    /// A duration in milliseconds, to the nanosecond, without exponent or trailing zeros.
    pub(super) fn milliseconds(&mut self, key: &str, nanoseconds: u64) {
        self.key(key);
        let mut buffer = itoa::Buffer::new();
        self.out.push_str(buffer.format(nanoseconds / 1_000_000));
        let fraction = nanoseconds % 1_000_000;
        if fraction != 0 {
            // The leading 1 keeps the zeros behind the point; the point takes its place.
            let digits = buffer.format(1_000_000 + fraction);
            self.out.push('.');
            self.out.push_str(digits.get(1..).unwrap_or_default().trim_end_matches('0'));
        }
    }

    pub(super) fn close(self) {
        self.out.push('}');
    }

    fn key(&mut self, key: &str) {
        if self.out.len() > 1 {
            self.out.push(',');
        }
        self.out.push('"');
        escape(self.out, key);
        self.out.push_str("\":");
    }
}

fn escape(out: &mut String, mut text: &str) {
    // Few texts need it, and a pass without a way out of it is turned into vector instructions.
    let special = |b: u8| u8::from(b < 0x20) | u8::from(b == b'"') | u8::from(b == b'\\');
    if text.bytes().fold(0, |any, b| any | special(b)) == 0 {
        out.push_str(text);
        return;
    }
    while let Some(at) = text.bytes().position(|b| b < 0x20 || b == b'"' || b == b'\\') {
        let Some((head, tail)) = text.split_at_checked(at) else { break };
        out.push_str(head);
        let mut rest = tail.chars();
        match rest.next() {
            Some('"') => out.push_str("\\\""),
            Some('\\') => out.push_str("\\\\"),
            Some('\n') => out.push_str("\\n"),
            Some('\r') => out.push_str("\\r"),
            Some('\t') => out.push_str("\\t"),
            other => {
                let code = other.map_or(0, u32::from);
                out.push_str("\\u00");
                out.extend(
                    [code >> 4, code & 15].into_iter().filter_map(|digit| char::from_digit(digit, 16)),
                );
            }
        }
        text = rest.as_str();
    }
    out.push_str(text);
}
