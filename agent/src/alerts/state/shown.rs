//! What is open, for people who look.

use super::{Family, State, Step};
use crate::alerts::words::{commands, happened};

/// One thing that is open.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Shown {
    /// The rule.
    pub rule: String,
    /// The container, or the key of a threshold.
    pub of: String,
    /// What happened: a sentence.
    pub words: String,
    /// What to run on the host.
    pub run: Vec<String>,
    /// Since when.
    pub since_ns: i64,
    /// How often again.
    pub again: u32,
    /// It is over, if it stays so for a while.
    pub ending: bool,
}

impl State {
    /// All that is open, or about to be told.
    pub fn shown(&self) -> impl Iterator<Item = Shown> {
        let forming = self.forming.iter().filter(|forming| forming.group.step == Step::Begin);
        let all = self.open.iter().chain(forming.flat_map(|forming| &forming.all));
        all.map(|open| {
            let happened = happened(&open.cause);
            let family = open.cause.family();
            let words =
                if family == Family::Threshold { happened } else { format!("{} {happened}", open.name) };
            Shown {
                rule: open.cause.rule().to_owned(),
                of: open.name.clone(),
                words,
                run: commands(&open.cause, &open.name),
                since_ns: open.since_ns,
                again: open.again,
                // Lack of memory ends by itself after a while, and is still to be looked at.
                ending: open.ends.is_some() && family != Family::Memory,
            }
        })
    }
}
