//! The outcome of a test as a person reads it: one line if all is well, else what differs, and why.
//!
//! It decides nothing.

use std::fmt::Write as _;

use super::notation::letter;
use super::{Line, Outcome};
use crate::alarms::evaluate::State;

/// Minutes in one row.
const ROW: usize = 60;

/// Differences that are explained, each alarm.
const EXPLAINED: usize = 3;

/// A reason is cut after so many characters: of many datapoints it names each with its time.
const REASON: usize = 280;

/// Where a byte of the file stands: `memory.toml:12`.
pub type Place<'a> = &'a dyn Fn(usize) -> String;

/// All of a test.
pub fn outcome(outcome: &Outcome, place: Place<'_>, coloured: bool) -> String {
    let word = |text: &str, colour: u8| {
        if coloured { format!("\u{1b}[{colour}m{text}\u{1b}[0m") } else { text.to_owned() }
    };
    if outcome.passes() {
        return format!("{}    {}\n", word("ok", 32), outcome.test);
    }
    let mut text = format!("{}  {}  ({})\n", word("FAIL", 31), outcome.test, place(outcome.at));
    for line in outcome.lines.iter().filter(|line| !line.passes()) {
        writeln!(text, "      {}  ({})", line.alarm, place(line.at)).ok();
        self::line(&mut text, line);
    }
    text
}

fn line(text: &mut String, line: &Line) {
    let wrong: Vec<usize> = line.wrong().collect();
    for row in 0..line.steps.len().div_ceil(ROW) {
        let minutes = row * ROW..(row + 1) * ROW;
        if wrong.iter().any(|minute| minutes.contains(&(minute - 1))) {
            self::row(text, line, row * ROW, &wrong);
        }
    }
    for minute in wrong.iter().take(EXPLAINED) {
        explain(text, line, *minute);
    }
    if wrong.len() > EXPLAINED {
        writeln!(text, "        … and {} more", wrong.len() - EXPLAINED).ok();
    }
    if !line.messages_fit() {
        let wanted = line.wanted.as_deref().unwrap_or_default();
        writeln!(text, "        messages expected  {}", messages(wanted)).ok();
        writeln!(text, "        messages sent      {}", messages(&line.sent)).ok();
    }
}

fn messages(all: &[(usize, State)]) -> String {
    let one = |(minute, state): &(usize, State)| format!("{minute} {}", state.word());
    if all.is_empty() { "none".to_owned() } else { all.iter().map(one).collect::<Vec<_>>().join(", ") }
}

/// The time line, a character a minute.
fn row(text: &mut String, line: &Line, from: usize, wrong: &[usize]) {
    let to = line.steps.len().min(from + ROW);
    let mut ruler = String::new();
    for minute in (from + 1..=to).step_by(10) {
        write!(ruler, "{minute:<10}").ok();
    }
    let expected: String =
        (from..to).map(|place| line.expected.get(place).copied().flatten().map_or('?', letter)).collect();
    let actual: String = line.steps.iter().skip(from).take(ROW).map(|step| letter(step.states.1)).collect();
    let marks: String =
        (from + 1..=to).map(|minute| if wrong.contains(&minute) { '^' } else { ' ' }).collect();
    for (what, row) in [("minute", &ruler), ("expected", &expected), ("actual", &actual), ("", &marks)] {
        writeln!(text, "{}", format!("        {what:<8}  {row}").trim_end()).ok();
    }
}

/// Why the state is as it is in a minute.
fn explain(text: &mut String, line: &Line, minute: usize) {
    let place = minute - 1;
    let (Some(step), Some(Some(expected))) = (line.steps.get(place), line.expected.get(place)) else {
        return;
    };
    let state = step.states.1.word();
    writeln!(text, "        minute {minute}: {} is expected, and it is {state}", expected.word()).ok();
    if !step.range.is_empty() {
        let points: Vec<String> = step
            .range
            .iter()
            .map(|(_, point)| point.map_or("-".to_owned(), |point| short(point.value)))
            .collect();
        let threshold = line.threshold.map(|threshold| format!(", threshold {}", short(threshold)));
        let threshold = threshold.unwrap_or_default();
        writeln!(text, "          datapoints {} (the newest last{threshold})", points.join(" ")).ok();
    }
    if !step.reason.is_empty() {
        let cut = step.reason.char_indices().nth(REASON).and_then(|(end, _)| step.reason.get(..end));
        let more = if cut.is_some() { "…" } else { "" };
        writeln!(text, "          {}{more}", cut.unwrap_or(&step.reason)).ok();
    }
    if let Some(hold) = step.held {
        writeln!(text, "          actions are kept back: {}", hold.word()).ok();
    }
}

/// With no more digits than tell something.
fn short(value: f64) -> String {
    let rounded = (value * 1e4).round() / 1e4;
    rounded.to_string()
}
