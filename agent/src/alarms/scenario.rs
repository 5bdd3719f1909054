//! Unit tests for alarms: series with values, and the states and messages that are expected of them.
//!
//! ```text
//! text ─▶ file (notation) ─▶ Suite ─┐
//! definitions ─▶ Subjects ──────────┴─▶ bind: what is wrong with it ─▶ run ─▶ Outcome ─▶ show
//! ```
//!
//! A minute is counted from 1, and an alarm is evaluated at its end, when all that was sent in it is there. It
//! reads no file and prints nothing.

mod file;
pub mod notation;
mod run;
pub mod show;

use super::definition::{Alarm, Composite};
use super::evaluate::State;
use super::evaluate::data::{Name, Sample};
use super::evaluate::watch::{Unfit, Watch};

pub use file::read;
pub use run::{Line, Outcome, run};

/// Something that is wrong with a test file.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Fault {
    /// The byte of the file.
    pub at: usize,
    /// What is wrong.
    pub what: String,
    /// What to write instead.
    pub mend: String,
}

impl Fault {
    fn new(at: usize, what: impl Into<String>, mend: impl Into<String>) -> Self {
        Self { at, what: what.into(), mend: mend.into() }
    }
}

/// A test file.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Suite {
    /// Files with the definitions that are tested, and where they are named; none for the agent's own alarms.
    pub alarms: Vec<(String, usize)>,
    /// The daemon's own rules are tested, not alarms; and where that is said.
    pub rules: Option<usize>,
    /// Parts of the platform that are not there, if it is the agent's own alarms, and where they are named.
    pub without: Vec<(String, usize)>,
    /// In their order.
    pub tests: Vec<Test>,
}

/// One test.
#[derive(Debug, Clone, PartialEq)]
pub struct Test {
    /// What it is about.
    pub name: String,
    /// Where it stands.
    pub at: usize,
    /// The state that all alarms begin in.
    pub start: State,
    /// What was sent.
    pub series: Vec<Series>,
    /// What is expected of it.
    pub expect: Vec<Expect>,
}

/// What was sent of a metric.
#[derive(Debug, Clone, PartialEq)]
pub struct Series {
    /// Its name, or all of it: `AWS/EC2 CPUUtilization AutoScalingGroupName=asg`.
    pub metric: String,
    /// Where it stands.
    pub at: usize,
    /// Seconds between two values.
    pub interval_s: u32,
    /// What was sent in each interval; nothing in a gap.
    pub values: Vec<Vec<Sample>>,
}

/// What is expected of an alarm.
#[derive(Debug, Clone, PartialEq)]
pub struct Expect {
    /// Its name, with the prefix or without it.
    pub alarm: String,
    /// Where it stands.
    pub at: usize,
    /// Its state in each minute, as far as one is expected.
    pub states: Vec<Option<State>>,
    /// All messages that are sent, by the minute.
    pub messages: Option<Vec<(usize, State)>>,
}

/// What is tested: alarms in the state in which they are made.
#[derive(Debug, Clone)]
pub struct Subjects {
    watch: Watch,
    /// `starttech-`, which need not be written.
    prefix: String,
    /// They are told by a daemon, which says that something is over only if it has said that it began.
    by_daemon: bool,
}

impl Subjects {
    /// Makes the alarms ready. All that cannot be evaluated is told.
    pub fn new(alarms: &[Alarm], composites: &[Composite], prefix: &str) -> Result<Self, Vec<Unfit>> {
        Ok(Self { watch: Watch::new(alarms, composites)?, prefix: prefix.to_owned(), by_daemon: false })
    }

    /// Makes the daemon's own rules ready, which are alarms that it evaluates by itself.
    pub fn of_rules(rules: &[Alarm]) -> Result<Self, Vec<Unfit>> {
        Ok(Self { by_daemon: true, ..Self::new(rules, &[], "")? })
    }

    /// An alarm by its name, with the prefix or without.
    pub fn alarm(&self, key: &str) -> Option<&str> {
        let fits = |name: &&str| *name == key || name.strip_prefix(self.prefix.as_str()) == Some(key);
        self.watch.names().find(fits)
    }

    /// All alarms, as they may be called in a test.
    pub fn alarms(&self) -> impl Iterator<Item = &str> {
        self.watch.names().map(|name| name.strip_prefix(self.prefix.as_str()).unwrap_or(name))
    }

    /// The metrics that a key may mean.
    fn metrics(&self, key: &str) -> Vec<&Name> {
        let all = self.watch.metrics();
        all.into_iter().filter(|name| name.metric() == key || name.to_string() == key).collect()
    }
}

/// What a suite names that is not there.
pub fn bind(suite: &Suite, subjects: &Subjects) -> Vec<Fault> {
    let mut faults = Vec::new();
    for test in &suite.tests {
        for series in &test.series {
            let what = match subjects.metrics(&series.metric).as_slice() {
                [_] => continue,
                [] => {
                    let names: Vec<&str> = subjects.watch.metrics().into_iter().map(Name::metric).collect();
                    let mend =
                        near(&series.metric, &names, "write the name of a metric that an alarm looks at");
                    (format!("no alarm looks at the metric {:?}", series.metric), mend)
                }
                many => {
                    let all: Vec<String> =
                        many.iter().map(|name| format!("{:?}", name.to_string())).collect();
                    let what = format!("{:?} may be any of {} metrics", series.metric, many.len());
                    (what, format!("write one of {}", all.join(", ")))
                }
            };
            faults.push(Fault::new(series.at, what.0, what.1));
        }
        for expect in &test.expect {
            if subjects.alarm(&expect.alarm).is_none() {
                let mend =
                    near(&expect.alarm, &subjects.alarms().collect::<Vec<_>>(), "write the name of an alarm");
                faults.push(Fault::new(expect.at, format!("there is no alarm {:?}", expect.alarm), mend));
            }
        }
    }
    faults
}

/// The word that somebody meant, or all there are if these are few.
fn near(word: &str, known: &[&str], otherwise: &str) -> String {
    let nearest = known.iter().map(|known| (strsim::damerau_levenshtein(word, known), known)).min();
    match nearest {
        Some((distance, known)) if distance * 3 <= word.len() => format!("write {known}"),
        _ if (1..=12).contains(&known.len()) => format!("{otherwise}: {}", known.join(", ")),
        _ => otherwise.to_owned(),
    }
}

#[cfg(test)]
mod tests;
