//! Builds the edges from the configuration, starts the loops, and stops them in order: sources
//! first, then what is on its way goes to the spool, then the last deliveries.

pub mod api;
pub mod counters;
pub mod deliver;
pub mod discover;
pub mod logs;
pub mod supervise;

use std::collections::HashSet;

use crate::docker::{Engine, Found};

/// What the log loop is told.
#[derive(Debug)]
pub enum Command {
    /// There is a container, new or started again.
    Found(Box<Found>, Engine),
    /// These are all the containers that exist, by id.
    Listed(HashSet<String>),
    /// A container has another name.
    Renamed {
        /// Its id.
        id: String,
        /// The new name.
        name: String,
    },
    /// A container was removed.
    Removed {
        /// Its id.
        id: String,
    },
    /// The configuration was read again.
    Reload(Box<logs::Settings>),
}
