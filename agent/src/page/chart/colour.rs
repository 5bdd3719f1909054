//! Colours: a palette that is one of the page's, and what a dashboard says itself.
//!
//! A colour of somebody's is only ever one of a few forms, for it ends up in markup.

/// Colours of the palette, `s0` to `s9` in the style.
const PALETTE: usize = 10;

/// A colour that a dashboard asks for: `#1f77b4`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Colour(String);

impl Colour {
    /// `#rgb` and `#rrggbb`, as the service takes it. All else is none.
    pub fn read(text: &str) -> Option<Self> {
        let digits = text.strip_prefix('#')?;
        let fine = matches!(digits.len(), 3 | 6) && digits.bytes().all(|byte| byte.is_ascii_hexdigit());
        fine.then(|| Self(text.to_ascii_lowercase()))
    }

    /// As it is written in an attribute.
    pub fn code(&self) -> &str {
        &self.0
    }
}

/// The class of the palette's colour for the series at a place.
pub fn class(place: usize) -> String {
    format!("s{}", place % PALETTE)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_colours_are_colours() {
        for (text, read) in [
            ("#1F77b4", Some("#1f77b4")),
            ("#abc", Some("#abc")),
            ("red", None),
            ("#12345", None),
            ("#fff\" onload=\"x", None),
            ("url(#x)", None),
        ] {
            assert_eq!(Colour::read(text).as_ref().map(Colour::code), read, "{text}");
        }
        assert_eq!((class(0), class(13)), ("s0".to_owned(), "s3".to_owned()));
    }
}
