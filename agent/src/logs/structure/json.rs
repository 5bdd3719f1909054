//! JSON lines stay as they were written, byte for byte, but for top-level keys that repeat.
//!
//! slog writes `level` again when a caller logs an attribute of that name, and CloudWatch's field
//! discovery takes either. The first is the logger's own and counts. The whole text is
//! checked only once there is something to drop.

use std::ops::Range;

use serde::de::IgnoredAny;

use crate::logs::members::{Member, Members};

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
    let mut count = 0_usize;
    let mut members = Members::of(text);
    for Member { key, comma, end, .. } in members.by_ref() {
        if count == MOST_KEYS {
            return None;
        }
        if few.iter().take(count).chain(&many).any(|earlier| *earlier == key) {
            cuts.push(comma..end);
            continue;
        }
        match few.get_mut(count) {
            Some(place) => *place = key,
            None => many.push(key),
        }
        count += 1;
    }
    members.is_whole().then_some(cuts)
}
