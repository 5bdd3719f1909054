//! The page of `page`, served from this host with what the daemon left on its disk: measures and alerts of the last
//! hours from its history, lines from the directory of the local mode or from whoever can tell them.
//!
//! ```text
//! growing ─▶ history, lines ─▶ state ─▶ drawn (what is new) ─▶ desk (one at a time) ─▶ http (guard) ─▶ browser
//! ```
//!
//! Files are read as far as they grew. It writes nothing and asks no network. Memory has an end: `history` and `lines`
//! say theirs, `drawn` keeps a page of each range and a few searches, and all of it is let go when nobody looks.

pub mod desk;
pub mod drawn;
pub mod growing;
pub mod guard;
pub mod history;
pub mod http;
pub mod lines;
pub mod state;

use std::fmt;
use std::path::PathBuf;
use std::pin::Pin;

use crate::alarms::definition::{Alarm, Composite};
use crate::page::log::Line;
use crate::page::model::Dashboard;

/// What shows where no group is known, for searches that ask for one.
pub const THIS_HOST: &str = "this host";

/// Lines, the oldest first; in words why there are none.
pub type Told = Pin<Box<dyn Future<Output = Result<Vec<Line>, String>> + Send>>;

/// Asks for lines from a time on, in milliseconds since the epoch. It must not wait for anything before it is polled.
pub type Lookback = Box<dyn Fn(i64) -> Told + Send + Sync>;

/// The alarms for a group of hosts.
pub type Alarms = Box<dyn Fn(&str) -> (Vec<Alarm>, Vec<Composite>) + Send + Sync>;

/// Where lines are.
pub enum Source {
    /// Nowhere.
    Nothing,
    /// Below a directory of the local mode.
    Directory(PathBuf),
    /// Somebody tells them.
    Lookback(Lookback),
}

impl fmt::Debug for Source {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Nothing => f.write_str("Nothing"),
            Self::Directory(directory) => write!(f, "Directory({})", directory.display()),
            Self::Lookback(_) => f.write_str("Lookback"),
        }
    }
}

/// What is shown, and from where.
pub struct Settings {
    /// The page's title.
    pub title: String,
    /// Whose data it is.
    pub host: String,
    /// What is drawn, and its text for `lint`.
    pub dashboard: (Dashboard, Vec<u8>),
    /// What is watched.
    pub alarms: Alarms,
    /// The directory of `metrics.jsonl` and `alerts.jsonl`.
    pub history: PathBuf,
    /// Log lines.
    pub lines: Source,
    /// Milliseconds since the epoch.
    pub now_ms: Box<dyn Fn() -> i64 + Send + Sync>,
}

impl fmt::Debug for Settings {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { title, host, history, lines, .. } = self;
        write!(f, "Settings {{ {title:?}, {host:?}, {history:?}, {lines:?} }}")
    }
}

#[cfg(test)]
mod sample;
