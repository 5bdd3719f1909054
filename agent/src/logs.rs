//! The log flow: bytes of a container's log become lines, lines become events, events become
//! batches that keep `PutLogEvents`' limits.
//!
//! ```text
//! json_file, local_file, frame ─Record─▶ line ─Line─▶ event ─Event─▶ finish ─message─▶ batch ─Batch─▶ Sink
//!                                                                    └─facts─▶ metrics/tally
//! ```
//!
//! Pure: no clock, no disk, no network, no tokio, no SDK. Whoever calls says what time it is.

pub mod json_file;

pub mod local_file;

pub mod frame;

pub mod line;

pub mod event;

pub mod finish;

pub mod clean;

mod members;

pub mod structure;

pub mod redact;

pub mod facts;

pub mod pattern;

pub mod observer;

pub mod batch;

pub mod cursor;

pub mod flow;

pub mod pace;

pub mod route;

pub mod seek;

pub mod severity;

use std::collections::BTreeMap;
use std::future::{Future, ready};
use std::time::Duration;

use batch::Stored;
use bytes::Bytes;
use serde::{Deserialize, Serialize};

use crate::retry::{self, Waits};

/// One of the two pipes a container writes to.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
pub enum Pipe {
    /// Standard output; also everything of a container with a terminal (`docker run -t`).
    Stdout,
    /// Standard error.
    Stderr,
}

/// What of a container decides where its lines go.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Container {
    /// The full id, 64 hexadecimal digits.
    pub id: String,
    /// The name without Docker's leading slash.
    pub name: String,
    /// The image as it was asked for, with its tag: `starttech-backend:1.4`.
    pub image: String,
    /// The labels.
    pub labels: BTreeMap<String, String>,
}

/// Where a container's events go: a log group and a stream in it.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
pub struct Destination {
    /// The log group, `/starttech/backend`.
    pub group: String,
    /// The log stream, `i-0abc/starttech-backend/0123456789ab`.
    pub stream: String,
}

/// A batch as it goes out: the body is the request's, byte for byte.
#[derive(Debug, Clone)]
pub struct Outgoing {
    /// Where it goes.
    pub destination: Destination,
    /// The JSON of a `PutLogEvents` request.
    pub body: Bytes,
    /// How many events the body holds.
    pub events: usize,
}

/// What the service took of a batch.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Receipt {
    /// Events older than 14 days or than the group's retention, which the service refused.
    pub too_old: usize,
    /// Events more than two hours ahead of the service's clock, which it refused.
    pub too_new: usize,
    /// Events that it will never take, and that were set aside.
    pub set_aside: usize,
}

/// What ends a refusal.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Mend {
    /// Time does; what people can do meanwhile.
    Time(String),
    /// A right that this host's role lacks: what to allow.
    Right(String),
    /// Something else that somebody has to do.
    Act(String),
}

impl Mend {
    /// What to do.
    pub fn words(&self) -> &str {
        let (Self::Time(words) | Self::Right(words) | Self::Act(words)) = self;
        words
    }
}

/// Why a batch was not taken, and so what to do with it.
#[derive(Debug, thiserror::Error)]
pub enum Refusal {
    /// Try again, not before `after` if the service said so.
    #[error("{reason}")]
    Retry {
        /// What happened, and what the operator can do where it does not pass by itself.
        reason: String,
        /// The service's own word on when to come back.
        after: Option<Duration>,
        /// Nothing but an operator's act ends this: try again slowly.
        lasting: bool,
        /// Nobody answered: it concerns every stream, and ends for all of them at once.
        unreachable: bool,
        /// The batch may have been stored all the same: the answer is what got lost.
        doubtful: bool,
        /// What ends it, for whoever asks; the journal's words are `reason`.
        mend: Mend,
    },
    /// The group or the stream is not there (any more): [`Sink::create`], then again.
    #[error("the log group or stream does not exist")]
    Missing,
    /// The service will never take this batch as it is.
    #[error("{0}")]
    Refused(String),
}

/// Where batches go, of lines or of datapoints: `CloudWatch`, or a directory.
pub trait Sink: Send + Sync + 'static {
    /// How messages call it.
    const SERVICE: &'static str = "CloudWatch Logs";
    /// How messages call what a batch holds.
    const CONTENT: &'static str = "events";
    /// How long is waited between two attempts.
    const WAITS: Waits = retry::LINES;
    /// What to do where it refuses a batch for good.
    const REFUSED: &'static str =
        "starttech-agent check asks it; starttech-agent check --bundle has what a bug report needs";
    /// How often the same trouble is told again.
    const REMINDER: Duration = pace::REMINDER;

    /// Hands one batch over.
    fn put(&self, batch: &Outgoing) -> impl Future<Output = Result<Receipt, Refusal>> + Send;

    /// Whether a batch that was handed over without an answer has arrived, by one of its events.
    /// `false` also where that cannot be seen, as nearly everywhere.
    fn holds(
        &self,
        _destination: &Destination,
        _event: &Stored,
    ) -> impl Future<Output = Result<bool, Refusal>> + Send {
        ready(Ok(false))
    }

    /// Makes the group and the stream, with the group's retention; what exists already is left. Nothing has to be
    /// made where nobody answers [`Refusal::Missing`].
    fn create(&self, _destination: &Destination) -> impl Future<Output = Result<(), Refusal>> + Send {
        ready(Ok(()))
    }
}
