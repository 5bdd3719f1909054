//! Secrets known by their form, whatever they are called: web tokens, cloud keys, credentials in URLs,
//! `Bearer` values, private keys.

use std::ops::Range;

use memchr::memmem;

use super::Cut;
use super::span::{Line, is_base64url};

/// Unencoded credentials in a URL are shorter than this. The rule may look at them and then leave them,
/// and at the next `://` again: without a bound, a line made for it would take minutes.
const LONGEST: usize = 1024;

/// Three parts in base64url, of which the first two are JSON objects.
pub(super) fn jwt(line: &mut Line<'_>, word: Range<usize>, _done: usize) -> Option<Cut> {
    if line.slice(word.start, word.end) != b"eyJ" {
        return None;
    }
    let head = line.base64url_end(word.start);
    let second = line.slice(head + 1, head + 5);
    if head - word.start < 10
        || line.at(head) != Some(b'.')
        || second.len() < 4
        || !second.iter().all(|b| is_base64url(*b))
    {
        return None;
    }
    let text = line.slice(word.start, line.bytes.len());
    let length = text.iter().take_while(|b| is_base64url(**b) || **b == b'.').count();
    let full_stops =
        line.slice(word.start, word.start + length).iter().rev().take_while(|b| **b == b'.').count();
    Some(Cut::plain(word.start..word.start + length - full_stops))
}

/// `AKIA` or `ASIA` and sixteen capitals or digits.
pub(super) fn aws_key_id(line: &mut Line<'_>, word: Range<usize>, _done: usize) -> Option<Cut> {
    let end = word.start + 20;
    let id = line.slice(word.start, end);
    let whole = id.len() == 20
        && id.iter().all(|b| b.is_ascii_uppercase() || b.is_ascii_digit())
        && (line.follows_escape(word.start)
            || !line.before(word.start).is_some_and(|b| b.is_ascii_alphanumeric()))
        && !line.at(end).is_some_and(|b| b.is_ascii_uppercase() || b.is_ascii_digit());
    whole.then(|| Cut::plain(word.start..end))
}

/// `Bearer` and `Basic` with a value that no sentence has (`basic authentication failed`).
pub(super) fn bearer(line: &mut Line<'_>, word: Range<usize>, _done: usize) -> Option<Cut> {
    credentials(line, word.end).map(Cut::plain)
}

/// What stands behind the name of a scheme, if it is opaque.
pub(super) fn credentials(line: &Line<'_>, scheme_end: usize) -> Option<Range<usize>> {
    let start = line.after_blanks(scheme_end);
    let rest = line.slice(start, line.bytes.len());
    let length = rest.iter().take_while(|b| is_base64url(**b) || b"+/~.=".contains(b)).count();
    let token = line.slice(start, start + length);
    // `Bearer error="invalid_token"` is a challenge.
    let name = token.strip_suffix(b"=").unwrap_or_default();
    let challenge = !name.is_empty() && name.iter().all(|b| b.is_ascii_lowercase() || *b == b'_');
    let opaque = token.iter().any(u8::is_ascii_digit)
        || token.ends_with(b"=")
        || token.iter().skip(1).any(u8::is_ascii_uppercase);
    (length >= 8 && opaque && !challenge).then_some(start..start + length)
}

/// The password between `user:` and `@host`; a user without password only where it looks like a key.
pub(super) fn url(line: &mut Line<'_>, word: Range<usize>, _done: usize) -> Option<Cut> {
    let start = word.end;
    if !line.before(word.start).is_some_and(|b| b.is_ascii_alphanumeric()) || line.at(start) == Some(b'[') {
        return None;
    }
    let escapes = line.in_string(start);
    let outside = |b: u8| b.is_ascii_whitespace() || matches!(b, b'<' | b'>');
    let end = line.bare_end(start, escapes, |b, _| outside(b) || b"/?#'`".contains(&b));
    let authority = line.slice(start, end);
    let at = if let Some(at) = memchr::memrchr(b'@', authority) {
        start + at
    } else {
        // A password that should have been percent-encoded; a port is none.
        let colon = memchr::memchr(b':', authority)?;
        let behind = authority.get(colon + 1..)?;
        let digits = behind.iter().take_while(|b| b.is_ascii_digit()).count();
        if digits > 0 && !behind.get(digits).is_some_and(u8::is_ascii_alphabetic) {
            return None;
        }
        let end = line.bare_end(start, escapes, |b, at| outside(b) || at - start > LONGEST);
        start + memchr::memrchr(b'@', line.slice(start, end))?
    };
    let user = line.slice(start, at);
    match memchr::memchr(b':', user) {
        Some(colon) => Some(Cut::plain(start + colon + 1..at)),
        None => (user.len() >= 20 && user.iter().any(u8::is_ascii_digit)).then(|| Cut::plain(start..at)),
    }
}

/// The password of a `MySQL` driver's `user:password@tcp(host)/database`, which may hold anything.
pub(super) fn dsn(line: &mut Line<'_>, word: Range<usize>, done: usize) -> Option<Cut> {
    // Where there was none before the last of these words there still is none.
    let floor = done.max(std::mem::replace(&mut line.dsn_end, word.end));
    let ahead = line.slice(floor, word.start);
    let outside = |b: &u8| b.is_ascii_whitespace() || matches!(b, b'"' | b'\'' | b'`');
    let start = ahead.iter().rposition(outside).map_or(floor, |at| floor + at + 1);
    // The colon of a scheme separates no password.
    let user = line.slice(start, word.start);
    let scheme =
        |at: &usize| user.get(at + 1..).is_some_and(|r| r.starts_with(b"//") || r.starts_with(br"\/\/"));
    let colon = memchr::memchr_iter(b':', user).find(|at| !scheme(at))?;
    Some(Cut::plain(start + colon + 1..word.start))
}

/// A PEM block with a private key, to its end or to where it was cut off.
pub(super) fn private_key(line: &mut Line<'_>, word: Range<usize>, _done: usize) -> Option<Cut> {
    let all = line.slice(word.end, line.bytes.len());
    let label = all.get(..memmem::find(all.get(..all.len().min(64))?, b"-----")?)?;
    memmem::find(label, b"PRIVATE KEY")?;
    // The block has no quotes of its own: the first ends the string around it.
    let block = line.slice(word.end, line.string_end(word.end, usize::MAX));
    let end = memmem::find(block, b"-----END ").and_then(|end| {
        let behind = end + 9;
        Some(behind + memmem::find(block.get(behind..)?, b"-----")? + 5)
    });
    Some(Cut::plain(word.start..word.end + end.unwrap_or(block.len())))
}
