//! What is wrong with a file that somebody wrote by hand: a dashboard, alarms or Logs Insights queries, in
//! any of the shapes that people write them in.
//!
//! ```text
//! text ─▶ read (JSON with places) ─▶ shape (what is it?) ─┬▶ dashboard ─┬▶ series, math, query
//!                                                         ├▶ alarm ─────┘
//!                                                         └▶ query
//! ```
//!
//! It knows the documentation, and nothing of any account. What the documentation does not make certain is
//! no finding. Each rule is in `rule.rs`, with its source.

mod action;
mod alarm;
mod alarm_file;
mod alarm_math;
mod composite;
mod dashboard;
mod dimension;
mod draft;
mod field;
mod function;
mod insights;
mod json;
mod known;
mod math;
mod metric_line;
mod normal;
mod pairs;
mod parse;
mod placeholder;
mod published;
mod query;
mod read;
pub mod rule;
mod search;
mod series;
mod shape;
mod statistic;
mod text;
mod threshold;
mod widget;

use std::collections::BTreeSet;

use serde::Serialize;

use crate::alarms::definition::{Alarm, Composite};
use rule::{Rule, Severity};
use text::{Lines, Text};

/// So many findings are shown of one file; the others are counted.
const MOST: usize = 500;

/// What there is to say of a file.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Report {
    /// As it was given.
    pub file: String,
    /// In the order of their places.
    pub findings: Vec<Finding>,
    /// How many more there are.
    pub left_out: usize,
}

/// One thing that is wrong.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Finding {
    /// From 1.
    pub line: usize,
    /// In characters, from 1.
    pub column: usize,
    /// Where in the file's structure: `widgets[3].properties.metrics[0]`, or the title of a query.
    pub path: String,
    /// Which rule.
    pub rule: &'static str,
    /// How bad it is.
    pub severity: Severity,
    /// What is wrong.
    pub message: String,
    /// What to write instead.
    pub mend: String,
    /// Who says so: a page, or a fact of the platform.
    pub source: &'static str,
}

impl Report {
    /// How many there are of a severity, among those that are shown.
    pub fn count(&self, severity: Severity) -> usize {
        self.findings.iter().filter(|finding| finding.severity == severity).count()
    }

    /// Whether there is anything but hints.
    pub fn has_findings(&self) -> bool {
        self.left_out > 0 || self.findings.iter().any(|finding| finding.severity != Severity::Hint)
    }
}

/// Looks at a file.
pub fn lint(name: &str, bytes: &[u8]) -> Report {
    judged(name, bytes, shape::Shape::judge).0
}

/// The alarms of a file in any of the shapes, in `PutMetricAlarm`'s and `PutCompositeAlarm`'s words and in the
/// order of the file: what `apply --from` makes.
///
/// `name` is what the file is called in findings; whether it is JSON may be told by its ending. Values stay as
/// they are written, but for thresholds and comparisons in words (`"> 0"`, `gte`), and a statistic such as `p95`
/// that stands in the wrong member. Tags, states and unknown members are left out.
///
/// # Errors
///
/// All findings, if an error is among them: what [`lint`] says, and what cannot be made an alarm although `lint`
/// has nothing against it, such as a value that only a template knows. Warnings alone are no hindrance.
pub fn alarms(name: &str, bytes: &[u8]) -> Result<(Vec<Alarm>, Vec<Composite>), Report> {
    let (report, alarms) = judged(name, bytes, |shape, out| {
        shape.judge(out);
        normal::alarms(shape, out)
    });
    if report.count(Severity::Error) > 0 || report.left_out > 0 { Err(report) } else { Ok(alarms) }
}

fn judged<T>(name: &str, bytes: &[u8], judge: impl FnOnce(&shape::Shape, &mut Findings) -> T) -> (Report, T) {
    let (text, fault) = decoded(bytes);
    // What no editor shows is no text, and all that could be said of it is noise.
    let (text, fault) = if is_binary(&text) {
        let mend = "name a dashboard, alarms or queries; `file` tells what this is";
        (String::new(), Some(("the file is no text", mend, true)))
    } else {
        (text, fault)
    };
    let mut out = Findings::new(&text);
    let text = Text::whole(&text);
    let whole = fault.is_none() || !text.text.is_empty();
    let shape = if whole { shape::shape(name, &text, &mut out) } else { shape::Shape::nothing() };
    if let Some((message, mend)) = fault.filter(|fault| fault.2 || shape.is_json()).map(|f| (f.0, f.1)) {
        out.add(&rule::ENCODING, 0, String::new(), message, mend);
    }
    let judgement = judge(&shape, &mut out);
    (out.report(name), judgement)
}

/// Whether there are more control characters, and bytes that are no UTF-8, than a slip of the pen.
fn is_binary(text: &str) -> bool {
    let odd = |c: &char| (c.is_control() && !c.is_whitespace()) || *c == char::REPLACEMENT_CHARACTER;
    let odd = text.chars().take(4096).filter(odd).count();
    odd > 20 && odd * 10 > text.chars().take(4096).count()
}

/// The text of a file; what is wrong with its bytes, and whether that is wrong for queries, too.
fn decoded(bytes: &[u8]) -> (String, Option<(&'static str, &'static str, bool)>) {
    let wide = |from_bytes: fn([u8; 2]) -> u16| {
        let units = bytes.chunks_exact(2).skip(1).map(|pair| from_bytes([first(pair), last(pair)]));
        let text = char::decode_utf16(units).map(|c| c.unwrap_or(char::REPLACEMENT_CHARACTER)).collect();
        let mend = "save it as UTF-8 (PowerShell: Set-Content -Encoding utf8NoBOM)";
        (text, Some(("the file is UTF-16, which AWS does not read", mend, true)))
    };
    match bytes {
        [0xff, 0xfe, ..] => return wide(u16::from_le_bytes),
        [0xfe, 0xff, ..] => return wide(u16::from_be_bytes),
        _ => {}
    }
    let Ok(text) = std::str::from_utf8(bytes) else {
        let text = String::from_utf8_lossy(bytes).into_owned();
        return (text, Some(("the file is not UTF-8", "save it as UTF-8", true)));
    };
    let Some(text) = text.strip_prefix('\u{feff}') else { return (text.to_owned(), None) };
    let message = "the file begins with a byte-order mark, at which JSON readers stop";
    (text.to_owned(), Some((message, "save it as UTF-8 without BOM", false)))
}

fn first(pair: &[u8]) -> u8 {
    pair.first().copied().unwrap_or_default()
}

fn last(pair: &[u8]) -> u8 {
    pair.last().copied().unwrap_or_default()
}

/// Where findings are put.
#[derive(Debug)]
struct Findings {
    text: String,
    lines: Lines,
    found: Vec<(usize, Finding)>,
    /// What was said already: a rule at a place is broken once.
    said: BTreeSet<(&'static str, usize, String)>,
    left_out: usize,
}

impl Findings {
    fn new(text: &str) -> Self {
        Self {
            text: text.to_owned(),
            lines: Lines::of(text),
            found: Vec::new(),
            said: BTreeSet::new(),
            left_out: 0,
        }
    }

    /// Adds what is wrong at a byte of the file.
    fn add(
        &mut self,
        rule: &'static Rule,
        at: usize,
        path: impl Into<String>,
        message: impl Into<String>,
        mend: impl Into<String>,
    ) {
        // One of a kind is enough of what is worth knowing only, and of what is true of the whole file.
        let hinted = |(_, found): &(usize, Finding)| found.rule == rule.id;
        if rule.once() && self.found.iter().any(hinted) {
            return;
        }
        if self.is_full() {
            return self.leave_out();
        }
        let (path, message, mend) = (clipped(path.into()), clipped(message.into()), clipped(mend.into()));
        if !self.said.insert((rule.id, at, message.clone())) {
            return;
        }
        let Rule { id, severity, source, .. } = *rule;
        let (line, column) = (0, 0);
        self.found.push((at, Finding { line, column, path, rule: id, severity, message, mend, source }));
    }

    /// Whether nothing more is shown: what costs time to say need not be thought of.
    fn is_full(&self) -> bool {
        self.found.len() >= MOST
    }

    fn leave_out(&mut self) {
        self.left_out += 1;
    }

    /// The line of a byte, from 1.
    fn line(&self, at: usize) -> usize {
        self.lines.line(at).0
    }

    fn report(mut self, name: &str) -> Report {
        self.found.sort_by_key(|(at, finding)| (*at, finding.severity));
        // A file may be one line of megabytes: its characters are counted once.
        let (mut line_before, mut at_before, mut column_before) = (0, 0, 1);
        let mut findings = Vec::with_capacity(self.found.len());
        for (at, mut finding) in self.found {
            let (line, start) = self.lines.line(at);
            let (from, column) = if line == line_before { (at_before, column_before) } else { (start, 1) };
            let at = self.text.floor_char_boundary(at);
            let column = column + self.text.get(from..at).map_or(0, |between| between.chars().count());
            (finding.line, finding.column) = (line, column);
            (line_before, at_before, column_before) = (line, at, column);
            findings.push(finding);
        }
        Report { file: name.to_owned(), findings, left_out: self.left_out }
    }
}

/// At most so many characters of what a file says are said again.
const LONGEST: usize = 400;

fn clipped(mut text: String) -> String {
    if text.len() > LONGEST {
        text.truncate(text.floor_char_boundary(LONGEST));
        text.push('…');
    }
    text
}

/// A few of many names, for a sentence.
fn some_of<'a>(names: impl IntoIterator<Item = &'a str>) -> String {
    let mut names = names.into_iter();
    let mut some: Vec<&str> = names.by_ref().take(12).collect();
    some.extend(names.next().map(|_| "…"));
    some.join(", ")
}

/// The nearest of these words, if it is near enough to be meant.
pub fn nearest<'a>(word: &str, known: impl IntoIterator<Item = &'a str>) -> Option<&'a str> {
    let most = word.chars().take(12).count().div_ceil(4);
    let lower = if word.len() <= 100 { word.to_lowercase() } else { return None };
    // Words that differ more in length differ more.
    let near = known.into_iter().filter(|known| known.len().abs_diff(lower.len()) <= most);
    let all = near.map(|known| (strsim::osa_distance(&lower, &known.to_lowercase()), known));
    let (distance, near) = all.min_by_key(|(distance, _)| *distance)?;
    (distance <= most).then_some(near)
}

#[cfg(test)]
mod tests;
