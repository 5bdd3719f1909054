//! The members of a JSON object in their order, as they stand in the text.
//!
//! The scan reads keys and skips values: what a value is and whether it is well formed is its reader's
//! business, as is a key that repeats. It stops at what can be no object. Nothing is copied.

use std::borrow::Cow;
use std::ops::{ControlFlow, Range};

/// One of them.
#[derive(Debug, Clone)]
pub(super) struct Member<'a> {
    text: &'a str,
    key: Range<usize>,
    value: Range<usize>,
    /// Where the comma before it stands; of the first, its key.
    pub(super) comma: usize,
}

impl<'a> Member<'a> {
    /// Without its quotes; escapes as they are written.
    #[inline]
    pub(super) fn key(&self) -> &'a str {
        self.text.get(self.key.clone()).unwrap_or_default()
    }

    /// As it is written, a string with its quotes.
    #[inline]
    pub(super) fn value(&self) -> &'a str {
        self.text.get(self.value.clone()).unwrap_or_default()
    }

    /// Where its value ends.
    pub(super) fn end(&self) -> usize {
        self.value.end
    }
}

/// Shows the members of the object at the start of the text to `each` until that breaks off. `None` unless
/// all were shown and the object ends behind the last.
#[inline]
pub(super) fn members<'a>(text: &'a str, mut each: impl FnMut(Member<'a>) -> ControlFlow<()>) -> Option<()> {
    // A loop and no iterator, which would cost half as much again: it runs on every line, twice.
    let bytes = text.as_bytes();
    let mut at = after_space(bytes, 0);
    if bytes.get(at) != Some(&b'{') {
        return None;
    }
    at = after_space(bytes, at + 1);
    if bytes.get(at) == Some(&b'}') {
        return Some(());
    }
    let mut comma = at;
    loop {
        if bytes.get(at) != Some(&b'"') {
            return None;
        }
        let end = after_string(bytes, at + 1)?;
        let key = at + 1..end - 1;
        at = after_space(bytes, end);
        if bytes.get(at) != Some(&b':') {
            return None;
        }
        at = after_space(bytes, at + 1);
        let end = after_value(bytes, at)?;
        if each(Member { text, key, value: at..end, comma }).is_break() {
            return None;
        }
        at = after_space(bytes, end);
        match bytes.get(at) {
            Some(b',') => comma = at,
            Some(b'}') => return Some(()),
            _ => return None,
        }
        at = after_space(bytes, at + 1);
    }
}

/// The first member that `pick` takes, as it makes it out.
pub(super) fn find<'a, T>(text: &'a str, mut pick: impl FnMut(Member<'a>) -> Option<T>) -> Option<T> {
    let mut found = None;
    members(text, |member| {
        found = pick(member);
        if found.is_some() { ControlFlow::Break(()) } else { ControlFlow::Continue(()) }
    });
    found
}

/// The text of a value that is a string.
pub(super) fn string(value: &str) -> Option<Cow<'_, str>> {
    let bare = raw_string(value)?;
    if !bare.contains('\\') {
        return Some(Cow::Borrowed(bare));
    }
    // Half of a surrogate pair, as JavaScript writes it, is no text: then as it is written.
    Some(serde_json::from_str(value).map_or(Cow::Borrowed(bare), Cow::Owned))
}

/// What stands between the quotes of a value that is a string.
pub(super) fn raw_string(value: &str) -> Option<&str> {
    value.strip_prefix('"')?.strip_suffix('"')
}

#[inline]
fn after_space(bytes: &[u8], mut at: usize) -> usize {
    while bytes.get(at).is_some_and(u8::is_ascii_whitespace) {
        at += 1;
    }
    at
}

/// The place behind the closing quote of the string whose content begins at `at`.
#[inline]
fn after_string(bytes: &[u8], mut at: usize) -> Option<usize> {
    loop {
        at += memchr::memchr2(b'"', b'\\', bytes.get(at..)?)?;
        if bytes.get(at) == Some(&b'"') {
            return Some(at + 1);
        }
        at += 2;
    }
}

#[inline]
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

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn all(text: &str) -> (Vec<(&str, &str)>, bool) {
        let mut all = Vec::new();
        let whole = members(text, |member| {
            all.push((member.key(), member.value()));
            ControlFlow::Continue(())
        });
        (all, whole.is_some())
    }

    #[test]
    fn members_in_their_order() {
        let text = r#" { "a" : {"b":[1,"}"]} , "a":"\"]" ,"é":null}"#;
        assert_eq!(all(text), (vec![("a", r#"{"b":[1,"}"]}"#), ("a", r#""\"]""#), ("é", "null")], true));
        assert_eq!(all("{}"), (vec![], true));
    }

    #[test]
    fn what_is_no_object_has_none() {
        for text in
            ["", "x", "[1]", "{", "{,}", r#"{"a"}"#, r#"{"a":}"#, r#"{"a":1"#, r#"{"a":"x\"#, "{\"a\":\"\\"]
        {
            assert_eq!(all(text), (vec![], false), "{text}");
        }
        assert_eq!(all(r#"{"a":1,"b"#), (vec![("a", "1")], false));
        assert_eq!(all(r#"{"a":1,}"#), (vec![("a", "1")], false));
    }

    #[test]
    fn the_first_that_is_taken() {
        let text = r#"{"a":1,"b":2,"b":3"#;
        assert_eq!(find(text, |member| (member.key() == "b").then_some(member.value())), Some("2"));
        assert_eq!(find(text, |member| (member.key() == "c").then_some(())), None);
    }

    #[test]
    fn text_of_strings() {
        assert_eq!(string(r#""\/a\u00e9""#).as_deref(), Some("/aé"));
        assert_eq!(string(r#""\ud800""#).as_deref(), Some("\\ud800"));
        assert_eq!(string("1"), None);
        assert_eq!(string("\""), None);
    }

    proptest! {
        #[test]
        fn members_are_those_that_serde_finds(object in object()) {
            let text = serde_json::to_string(&object).unwrap();
            let (members, whole) = all(&text);
            prop_assert!(whole);
            let found: Vec<_> = members.iter().map(|(key, value)| (format!("\"{key}\""), (*value).to_owned())).collect();
            let expected: Vec<_> = object.iter().map(|(key, value)| (serde_json::to_string(key).unwrap(), value.to_string())).collect();
            prop_assert_eq!(found, expected);
        }

        #[test]
        fn any_text_has_an_end(text in any::<String>()) {
            all(&text);
        }
    }

    fn object() -> impl Strategy<Value = serde_json::Map<String, serde_json::Value>> {
        let leaf = prop_oneof![
            Just(serde_json::Value::Null),
            any::<bool>().prop_map(Into::into),
            any::<i64>().prop_map(Into::into),
            any::<f64>().prop_map(Into::into),
            any::<String>().prop_map(Into::into),
        ];
        let value = leaf.prop_recursive(3, 24, 6, |inner| {
            prop_oneof![
                prop::collection::vec(inner.clone(), 0..6).prop_map(Into::into),
                prop::collection::hash_map(any::<String>(), inner, 0..6)
                    .prop_map(|map| serde_json::Value::Object(map.into_iter().collect())),
            ]
        });
        prop::collection::hash_map(any::<String>(), value, 0..8).prop_map(|map| map.into_iter().collect())
    }
}
