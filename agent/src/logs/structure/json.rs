//! JSON lines stay as they were written, byte for byte, but for top-level keys that repeat.
//!
//! slog writes `level` again when a caller logs an attribute of that name, and CloudWatch's field
//! discovery takes either. The first is the logger's own and counts. The whole text is
//! checked only once there is something to drop.

use std::ops::{ControlFlow, Range};

use serde::de::IgnoredAny;

use crate::logs::members::members;

/// Objects with more keys than this stay: comparing all keys would cost too much.
const MOST_KEYS: usize = 256;
/// Keys of an ordinary line, kept without an allocation.
const KEYS: usize = 24;

pub(super) fn drop_repeated(text: &str, out: &mut String) -> bool {
    let Some(cuts) = repeated(text) else { return false };
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
fn repeated(text: &str) -> Option<Vec<Range<usize>>> {
    let mut cuts = Vec::new();
    let mut few: [&str; KEYS] = [""; KEYS];
    let mut many: Vec<&str> = Vec::new();
    let (mut count, mut marks) = (0_usize, 0_u64);
    members(text, |member| {
        let key = member.key();
        if count == MOST_KEYS {
            return ControlFlow::Break(());
        }
        // Of keys that share neither length nor ends, none is another's repetition.
        let mark = mark(key);
        if marks & mark != 0 && few.iter().take(count).chain(&many).any(|earlier| *earlier == key) {
            cuts.push(member.comma..member.end());
            return ControlFlow::Continue(());
        }
        marks |= mark;
        match few.get_mut(count) {
            Some(place) => *place = key,
            None => many.push(key),
        }
        count += 1;
        ControlFlow::Continue(())
    })?;
    Some(cuts)
}

/// One of 64 bits, the same for the same key.
fn mark(key: &str) -> u64 {
    let bytes = key.as_bytes();
    let ends = bytes.first().zip(bytes.last()).map_or(0, |(first, last)| first.wrapping_mul(7) ^ last);
    1 << ((usize::from(ends) + bytes.len() * 11) % 64)
}
