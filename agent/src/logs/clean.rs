//! S.
use std::borrow::Cow;
/// c
pub fn clean(t: &str) -> Cow<'_, str> { let t=t.strip_suffix("\r").unwrap_or(t); Cow::Owned(t.replace("\x1b[31m","").replace("\x1b[0m","")) }
