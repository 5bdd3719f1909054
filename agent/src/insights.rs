//! Logs Insights over events in memory: reads a query of the classic language and makes its table.
//!
//! ```text
//! text ─▶ token ─▶ plan (reader, scope) ─▶ run (row, expression, aggregate) ─▶ Table
//! ```
//!
//! Rules that AWS documents are followed, and each stands with its page where it is applied; what is not evaluated
//! here is a `Fault`, never another table. What the documentation leaves open is in docs/insights.md. Queries have a
//! length and a depth, regular expressions a size, values a length, and what is kept a number of bytes. It knows no
//! clock, no file and no account, and takes the events as they are given: `groups` says which are meant.

mod aggregate;
mod expression;
mod function;
mod pattern;
mod period;
mod plan;
mod reader;
mod row;
mod run;
mod scope;
#[cfg(test)]
mod tests;
pub mod token;
mod value;

use std::fmt;

use plan::{Builder, Plan};
use token::{Token, tokens};

/// A query's longest text.
/// <https://docs.aws.amazon.com/AmazonCloudWatchLogs/latest/APIReference/API_StartQuery.html>
const LONGEST: usize = 10_000;

/// A line of a log group.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Event<'a> {
    /// `@timestamp`, in milliseconds since 1970.
    pub time_ms: i64,
    /// `@ingestionTime`, in milliseconds since 1970.
    pub ingested_ms: i64,
    /// `@log`: the group's name. The service writes the account's number and a colon before it.
    pub group: &'a str,
    /// `@logStream`.
    pub stream: &'a str,
    /// `@message`.
    pub message: &'a str,
}

/// A query that can be run.
#[derive(Debug)]
pub struct Query {
    plan: Plan,
}

/// What a query found.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Table {
    /// Their titles, in order.
    pub columns: Vec<String>,
    /// Of each row as many values as there are columns; `None` where a field is absent.
    pub rows: Vec<Vec<Option<String>>>,
    /// How many events passed the filters before stats.
    pub matched: u64,
    /// How many events were looked at.
    pub scanned: u64,
    /// Why the rows are of a part of the events only, in words; else none.
    pub cut: Option<String>,
}

/// Why a query is not evaluated.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Fault {
    /// The byte of the query's text at which it stands.
    pub at: usize,
    /// The word there; empty at an end.
    pub word: String,
    /// What is wrong, in a sentence without its full stop.
    pub message: String,
    /// What to write instead, or what is understood.
    pub mend: String,
}

impl Fault {
    fn new(at: usize, word: &str, message: &str, mend: &str) -> Self {
        Self {
            at,
            word: word.chars().take(60).collect(),
            message: message.chars().take(500).collect(),
            mend: mend.to_owned(),
        }
    }

    /// The line and the column of its place, both from 1.
    pub fn place(&self, text: &str) -> (usize, usize) {
        let before = text.get(..self.at).unwrap_or(text);
        let line = before.matches('\n').count() + 1;
        let column = before.rsplit('\n').next().unwrap_or_default().chars().count() + 1;
        (line, column)
    }
}

impl fmt::Display for Fault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.word.is_empty() {
            write!(f, "{}: {}", self.message, self.mend)
        } else {
            write!(f, "at {:?}: {}: {}", self.word, self.message, self.mend)
        }
    }
}

impl std::error::Error for Fault {}

impl Query {
    /// Reads a query.
    pub fn parse(text: &str) -> Result<Self, Fault> {
        if text.len() > LONGEST && text.chars().nth(LONGEST).is_some() {
            let message = format!("a query has at most {LONGEST} characters");
            return Err(Fault::new(0, "", &message, "write a shorter one"));
        }
        let (all, faults) = tokens(text);
        if let Some((_, at, message, mend)) = faults.into_iter().min_by_key(|(_, at, ..)| *at) {
            let word = text.get(at..).unwrap_or_default().split_whitespace().next().unwrap_or_default();
            return Err(Fault::new(at, word, &message, mend));
        }
        let mut builder = Builder::default();
        let mut commands = 0;
        let ends = all.iter().filter(|token| is_pipe(token)).map(|token| token.at).chain([text.len()]);
        for (command, end) in all.split(is_pipe).zip(ends) {
            // Nothing needs to stand before the first `|`, nor between two.
            if let Some((first, rest)) = command.split_first() {
                builder.command(text, first, rest, end)?;
                commands += 1;
            }
        }
        if commands == 0 {
            return Err(Fault::new(0, "", "the query is empty", "write fields @timestamp, @message"));
        }
        Ok(Self { plan: builder.finish() })
    }

    /// The log groups of `SOURCE`; none if it names none, and then whoever runs it chooses.
    pub fn groups(&self) -> &[String] {
        &self.plan.groups
    }

    /// Runs it over events, whatever their order and their group.
    pub fn run<'a>(&self, events: impl Iterator<Item = Event<'a>>) -> Table {
        #[expect(clippy::map_identity, reason = "it shortens the events' lifetime to the query's")]
        let events = events.map(|event| event);
        run::run(&self.plan, events)
    }
}

fn is_pipe(token: &Token<'_>) -> bool {
    token.is("|") && token.depth == 0
}
