//! JSON lines stay as they were written, byte for byte, but for top-level keys that repeat.
//!
//! slog writes `level` again when a caller logs an attribute of that name, and CloudWatch's field
//! discovery takes either. The first is the logger's own and counts. The scan reads keys and skips
//! values; the whole text is checked only once there is something to drop.

use std::ops::Range;

use serde::de::IgnoredAny;

/// Objects with more keys than this stay: comparing all keys would cost too much.
const MOST_KEYS: usize = 256;
/// Keys of an ordinary line, kept without an allocation.
const KEYS: usize = 24;

pub(super) fn drop_repeated(text: &str, out: &mut String) -> bool {
    let Some(cuts) = repeated(text.as_bytes()) else { return false };
    if cuts.is_empty() || serde_json::from_str::<IgnoredAny>(text).is_err() {
        return false;
    }
    let mut at = 0;
    for cut in cuts {
        out.push_str(text.get(at..cut.start).unwrap_or_default());
        at = cut.end;
    }
    out.push_str(text.get(at..).unwrap_or_default());
    true
}

/// Where the members stand whose key came before, each with the comma in front of it.
fn repeated(bytes: &[u8]) -> Option<Vec<Range<usize>>> {
    let mut cuts = Vec::new();
    let mut few: [&[u8]; KEYS] = [b""; KEYS];
    let mut many: Vec<&[u8]> = Vec::new();
    let mut count = 0_usize;

    let mut at = after_space(bytes, 1);
    if bytes.get(at) == Some(&b'}') {
        return None;
    }
    let mut comma = at;
    loop {
        if bytes.get(at) != Some(&b'"') {
            return None;
        }
        let end = after_string(bytes, at + 1)?;
        let key = bytes.get(at + 1..end - 1)?;
        at = after_space(bytes, end);
        if bytes.get(at) != Some(&b':') {
            return None;
        }
        at = after_value(bytes, after_space(bytes, at + 1))?;
        if few.iter().take(count).chain(&many).any(|earlier| *earlier == key) {
            cuts.push(comma..at);
        } else {
            match few.get_mut(count) {
                Some(place) => *place = key,
                None => many.push(key),
            }
            count += 1;
        }
        at = after_space(bytes, at);
        match bytes.get(at) {
            Some(b',') if count < MOST_KEYS => comma = at,
            Some(b'}') => return Some(cuts),
            _ => return None,
        }
        at = after_space(bytes, at + 1);
    }
}

fn after_space(bytes: &[u8], mut at: usize) -> usize {
    while bytes.get(at).is_some_and(u8::is_ascii_whitespace) {
        at += 1;
    }
    at
}

/// The place behind the closing quote of the string whose content begins at `at`.
fn after_string(bytes: &[u8], mut at: usize) -> Option<usize> {
    loop {
        at += memchr::memchr2(b'"', b'\\', bytes.get(at..)?)?;
        if bytes.get(at) == Some(&b'"') {
            return Some(at + 1);
        }
        at += 2;
    }
}

fn after_value(bytes: &[u8], mut at: usize) -> Option<usize> {
    let mut depth = 0_usize;
    loop {
        match bytes.get(at)? {
            b'"' => at = after_string(bytes, at + 1)?,
            b'{' | b'[' => {
                depth += 1;
                at += 1;
                continue;
            }
            b'}' | b']' => {
                depth = depth.checked_sub(1)?;
                at += 1;
            }
            b',' | b':' | b' ' | b'\t' | b'\r' | b'\n' if depth > 0 => {
                at += 1;
                continue;
            }
            _ => {
                let rest = bytes.get(at..)?;
                let end = rest
                    .iter()
                    .position(|b| matches!(b, b',' | b'}' | b']' | b' ' | b'\t' | b'\r' | b'\n'))?;
                if end == 0 {
                    return None;
                }
                at += end;
            }
        }
        if depth == 0 {
            return Some(at);
        }
    }
}
