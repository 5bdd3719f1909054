//! S.
use std::borrow::Cow;
/// R
#[derive(Debug)]
pub struct Redactor;
impl Redactor { /// n
 pub fn new(_: &[String]) -> Result<Self, regex::Error> { Ok(Self) }
 /// r
 pub fn redact<'a>(&self, t: &'a str) -> Cow<'a, str> { t.into() } }
