//! Alerts: what Docker tells of containers, and what is measured, become few messages for people and machines.
//!
//! ```text
//! Fact, Standing ─▶ rule ─Turn─▶ state ─Message─▶ message ─subject, mail, JSON─▶ the topic
//! Reading ─▶ threshold ─Turn─┘
//! ```
//!
//! Pure: no clock, no disk, no network, no tokio, no SDK. Whoever calls says what time it is, in nanoseconds
//! since the epoch.

pub mod boot;

pub mod lines;

pub mod message;

pub mod rule;

pub mod silence;

pub mod state;

pub mod threshold;

mod words;

use serde::{Deserialize, Serialize};

use crate::logs::{Container, Destination};
use threshold::{Crossed, Rule};

/// A second, in the unit of all times here.
pub const SECOND: i64 = 1_000_000_000;
/// A minute.
pub const MINUTE: i64 = 60 * SECOND;

/// A container's label by which its owner says, with `false`, that nobody wants to hear of it.
pub const OPT_OUT_LABEL: &str = "starttech.alerts";

/// One of Docker's events.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Fact {
    /// When it happened, by Docker's clock.
    pub at_ns: i64,
    /// What it happened to.
    pub container: Container,
    /// What happened.
    pub what: What,
}

/// What became of a container.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub enum What {
    /// It was made, and not started yet.
    Created,
    /// It was started, for the first time or again.
    Started,
    /// Its first process ended, for whatever reason.
    Died {
        /// How it ended.
        exit_code: i64,
    },
    /// Somebody had Docker send it a signal.
    Killed {
        /// Its number.
        signal: i64,
    },
    /// Somebody had Docker stop it, and it has ended.
    Stopped,
    /// The kernel ended one of its processes because its memory was used up.
    OutOfMemory,
    /// Its health check came to another opinion.
    Health {
        /// Which one.
        is_healthy: bool,
    },
    /// It has another name.
    Renamed {
        /// The old one.
        from: String,
    },
    /// It was removed, its log with it.
    Removed,
}

/// How a container stands when it is looked at.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Standing {
    /// Its first process runs.
    pub is_running: bool,
    /// When it was made.
    pub made_ns: Option<i64>,
    /// When its first process was started last, if ever.
    pub started_ns: Option<i64>,
    /// When its first process ended last, if ever.
    pub ended_ns: Option<i64>,
    /// How it ended.
    pub exit_code: i64,
    /// The kernel ended a process of its last run because its memory was used up.
    pub is_out_of_memory: bool,
    /// What its health check says, if it has one and that has come to an opinion.
    pub is_healthy: Option<bool>,
    /// What its health check ended with last, and what it printed; empty if that is not known.
    pub health_said: String,
    /// Docker starts it again whenever it ends, however it ended.
    pub is_always_up: bool,
    /// Why Docker could not start it; empty if it could.
    pub error: String,
}

/// Why people are told.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Cause {
    /// It ended by itself.
    Died {
        /// How.
        exit_code: i64,
        /// The kernel had ended one of its processes for memory shortly before.
        starved: bool,
    },
    /// The kernel ended its first process because memory was used up.
    OutOfMemory,
    /// The kernel ended another of its processes, and it lives on.
    ChildOutOfMemory,
    /// Docker could not start it.
    NotStarted {
        /// Docker's words.
        error: String,
    },
    /// It died so often.
    RestartLoop {
        /// So many times …
        deaths: u32,
        /// … in so many minutes.
        minutes: u32,
    },
    /// Its health check says so.
    Unhealthy,
    /// Something that is measured has crossed a rule's threshold.
    Threshold(Box<Crossed>),
}

/// What belongs together: while one of a family is open for a container, others of it are counted only.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Family {
    /// It does not run.
    Down,
    /// It runs, and does not, and runs.
    Loop,
    /// Its memory does not suffice.
    Memory,
    /// It runs, and is not well.
    Health,
    /// It is no container.
    Threshold,
}

impl Cause {
    /// Its family.
    pub fn family(&self) -> Family {
        match self {
            Self::Died { .. } | Self::OutOfMemory | Self::NotStarted { .. } => Family::Down,
            Self::RestartLoop { .. } => Family::Loop,
            Self::ChildOutOfMemory => Family::Memory,
            Self::Unhealthy => Family::Health,
            Self::Threshold(_) => Family::Threshold,
        }
    }

    /// The alarm's name for machines, without prefix and host: that of the rule, but one for all that keeps a container
    /// from running, for one of these takes the place of another.
    pub fn alarm(&self) -> &str {
        match self.family() {
            Family::Down | Family::Loop => "container-down",
            Family::Memory | Family::Health | Family::Threshold => self.rule(),
        }
    }

    /// The rule's name.
    pub fn rule(&self) -> &str {
        match self {
            Self::Died { .. } => "container-died",
            Self::OutOfMemory => "container-out-of-memory",
            Self::ChildOutOfMemory => "process-out-of-memory",
            Self::NotStarted { .. } => "container-not-started",
            Self::RestartLoop { .. } => "container-restart-loop",
            Self::Unhealthy => "container-unhealthy",
            Self::Threshold(crossed) => &crossed.rule,
        }
    }
}

/// One cause of each kind, and of each of these rules.
pub fn examples(rules: &[Rule]) -> Vec<Cause> {
    let mut all = vec![
        Cause::Died { exit_code: 1, starved: false },
        Cause::OutOfMemory,
        Cause::ChildOutOfMemory,
        Cause::NotStarted { error: "an example".to_owned() },
        Cause::RestartLoop { deaths: 3, minutes: 10 },
        Cause::Unhealthy,
    ];
    all.extend(rules.iter().map(|rule| Cause::Threshold(Box::new(rule.example()))));
    all
}

/// The names of all rules, which are what a message can be about, be silenced by, and be tried with.
pub fn names(rules: &[Rule]) -> Vec<String> {
    examples(rules).iter().map(|cause| cause.rule().to_owned()).collect()
}

/// The last lines of a container, or why there are none.
pub type Lines = Result<Vec<String>, String>;

/// Something that people are to be told.
#[derive(Debug, Clone, PartialEq)]
pub struct Incident {
    /// Of which container; of a threshold, one that has its key for a name.
    pub container: Container,
    /// When it happened.
    pub at_ns: i64,
    /// What.
    pub cause: Cause,
    /// What a container said last, if that may tell something.
    pub lines: Option<Lines>,
    /// Whose lines they are, if it is not about that container.
    pub lines_of: Option<String>,
    /// What else there is on the host, each in a line.
    pub around: Vec<String>,
    /// Where its lines go, if they do: whoever knows fills it in.
    pub stream: Option<Destination>,
}

impl Incident {
    /// Of a container, with nothing known besides.
    pub fn of(container: Container, at_ns: i64, cause: Cause, lines: Option<Lines>) -> Self {
        Self { container, at_ns, cause, lines, lines_of: None, around: Vec::new(), stream: None }
    }
}

/// What ends an alert, if it lasts.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Change {
    /// It was started again.
    Up,
    /// Its health check says that it is well.
    Healthy,
    /// Somebody stopped it.
    Stopped,
    /// It was removed.
    Removed,
    /// What is measured is within its threshold again.
    Over,
    /// It is not measured any more.
    Unmeasured,
    /// Nobody asks for it any more: the configuration has no such rule now.
    Unruled,
}
