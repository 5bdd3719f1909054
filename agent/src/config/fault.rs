//! What is wrong with a configuration, where, and what to write instead.

use std::fmt;
use std::sync::Arc;

/// Where something was written.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Place {
    /// The file, or the environment variable.
    pub source: Arc<str>,
    /// Line and column, from 1, columns in characters; none for a variable or a whole file.
    pub position: Option<(usize, usize)>,
}

impl Place {
    /// Of a file as a whole, or of a variable.
    pub(super) fn of(source: &str) -> Self {
        Self { source: source.into(), position: None }
    }

    /// A byte of a file's text.
    pub(super) fn at(source: &Arc<str>, text: &str, byte: usize) -> Self {
        let before = text.get(..text.floor_char_boundary(byte)).unwrap_or_default();
        let line_start = before.rfind('\n').map_or(0, |newline| newline + 1);
        let column =
            before.get(line_start..).unwrap_or_default().trim_start_matches('\u{feff}').chars().count();
        let line = before.matches('\n').count();
        Self { source: Arc::clone(source), position: Some((line + 1, column + 1)) }
    }

    /// Whether both are on one line.
    pub(super) fn shares_line(&self, other: &Self) -> bool {
        let line = |place: &Self| place.position.map(|(line, _)| line);
        self.source == other.source && line(self) == line(other)
    }
}

impl fmt::Display for Place {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.position {
            Some((line, column)) => write!(f, "{}:{line}:{column}", self.source),
            None => f.write_str(&self.source),
        }
    }
}

/// One thing that is wrong.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Fault {
    /// Where it was written.
    pub place: Place,
    /// What is wrong.
    pub what: String,
    /// What to write instead.
    pub mend: String,
}

impl fmt::Display for Fault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}\n  → {}", self.place, self.what, self.mend)
    }
}

/// Everything that is wrong, in the order in which it was written.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Faults(pub Vec<Fault>);

impl fmt::Display for Faults {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (i, fault) in self.0.iter().enumerate() {
            let separator = if i == 0 { "" } else { "\n" };
            write!(f, "{separator}{fault}")?;
        }
        Ok(())
    }
}

impl std::error::Error for Faults {}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_place_counts_characters_from_one() {
        for (text, byte, position) in [
            ("", 0, (1, 1)),
            ("a=1", 2, (1, 3)),
            ("a=1\nb=2", 4, (2, 1)),
            ("a=1\r\nb=2", 5, (2, 1)),
            ("é = x", 5, (1, 5)),
            ("\u{feff}a", 3, (1, 1)),
            ("a\n", 99, (2, 1)),
        ] {
            assert_eq!(Place::at(&"f".into(), text, byte).position, Some(position), "{text:?} {byte}");
        }
    }
}
