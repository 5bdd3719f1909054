//! Messages that are not told yet, since others may belong to them.

use serde::{Deserialize, Serialize, Serializer};

use super::Open;
use crate::alerts::message::{Group, Step};

/// A message that may get more members.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(super) struct Forming {
    pub(super) group: Group,
    pub(super) since_ns: i64,
    pub(super) last_ns: i64,
    /// What will be open, those included that are only counted in the message.
    pub(super) all: Vec<Open>,
    pub(super) quiet: i64,
    pub(super) longest: i64,
}

impl Forming {
    pub(super) fn due_ns(&self) -> i64 {
        (self.last_ns + self.quiet).min(self.since_ns + self.longest)
    }
}

/// Of what is written down: what is over is not open any more, and would be forgotten. What begins is found anew.
pub(super) fn ends<S: Serializer>(forming: &[Forming], to: S) -> Result<S::Ok, S::Error> {
    to.collect_seq(forming.iter().filter(|forming| forming.group.step == Step::End))
}
