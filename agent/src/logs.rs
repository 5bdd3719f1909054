//! The log flow: bytes of a container's log become lines, lines become events, events become
//! batches that keep `PutLogEvents`' limits.
//!
//! Pure: no clock, no disk, no network, no tokio, no SDK. Whoever calls says what time it is.

pub mod clean;
pub mod redact;
pub mod route;
pub mod structure;

/// One of the two pipes a container writes to.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Pipe {
    /// Standard output; also everything of a container with a terminal (`docker run -t`).
    Stdout,
    /// Standard error.
    Stderr,
}

/// What of a container decides where its lines go. Labels are Docker's, unordered there, sorted here.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Container {
    /// The full id, 64 hexadecimal digits.
    pub id: String,
    /// The name without Docker's leading slash.
    pub name: String,
    /// The image as it was asked for, with its tag: `starttech-backend:1.4`.
    pub image: String,
    /// The labels.
    pub labels: std::collections::BTreeMap<String, String>,
}
