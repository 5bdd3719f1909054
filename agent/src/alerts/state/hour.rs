//! No more messages an hour than people can bear: the others wait for a summary.

use serde::{Deserialize, Serialize};

use super::{Settings, State};
use crate::alerts::message::Group;
use crate::alerts::words;

/// Messages held back that are named in the summary.
const HELD: usize = 20;

/// What was sent in this hour, and what was not.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub(super) struct Hour {
    pub(super) began_ns: i64,
    pub(super) sent: u32,
    pub(super) held: Vec<String>,
    pub(super) held_in_all: u32,
}

impl State {
    /// Whether it may be sent; else it is kept for the summary.
    pub(super) fn may_send(&mut self, group: &Group, settings: &Settings) -> bool {
        if self.hour.sent < settings.max_per_hour {
            self.hour.sent += 1;
            return true;
        }
        self.hour.held_in_all += 1;
        if self.hour.held.len() < HELD {
            self.hour.held.push(format!("{}: {}", words::time(group.at_ns), group.title()));
        }
        false
    }
}
