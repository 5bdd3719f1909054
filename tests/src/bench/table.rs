//! The table: a row for each figure, a column for each way, ratios to the agent behind the figures.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::{self, Display, Formatter};

use crate::bench::reader::Who;

/// What a reader of the table must know.
const NOTES: &str = "\
In parentheses: how many times the agent's figure. –: does not apply.

- Everything is on one machine: lines go to a strict endpoint on loopback, in a process of its own. A
  backlog is read with the agent pinned to one core and the endpoint to another; nothing else is pinned.
- CPU is user and system time out of `/proc`, in steps of 10 ms; dockerd's is that of dockerd, its
  containerd and its shims together. Every way has a container of its own, one after the other.
- A delay is from the container's print to the arrival: at the endpoint, or, for `docker logs -f`, in a
  pipe on the same machine, which ships nothing anywhere.";

/// All figures of a run.
#[derive(Debug, Default)]
pub(super) struct Table {
    rows: Vec<Row>,
}

/// One figure of everybody.
#[derive(Debug)]
struct Row {
    figure: String,
    bar: &'static str,
    unit: Unit,
    values: BTreeMap<Who, f64>,
}

/// How a figure is written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Unit {
    /// A whole number, compared.
    Many,
    /// Two digits behind the point, compared.
    Fine,
    /// One digit behind the point, compared.
    Rough,
    /// Two digits behind the point, where the agent's figure is next to nothing: no ratio.
    Alone,
    /// A number of lines, which is right or wrong: no ratio.
    Exact,
}

impl Table {
    /// Adds a row with the figures that are known.
    pub(super) fn row(
        &mut self,
        figure: impl Into<String>,
        bar: &'static str,
        unit: Unit,
        values: impl IntoIterator<Item = (Who, Option<f64>)>,
    ) {
        let known = values.into_iter().filter_map(|(who, value)| Some((who, value?)));
        self.rows.push(Row { figure: figure.into(), bar, unit, values: known.collect() });
    }

    fn columns(&self) -> BTreeSet<Who> {
        self.rows.iter().flat_map(|row| row.values.keys().copied()).collect()
    }
}

impl Row {
    fn cell(&self, who: Who) -> String {
        let Some(&value) = self.values.get(&who) else { return String::from("–") };
        let text = match self.unit {
            Unit::Many | Unit::Exact => grouped(whole(value)),
            Unit::Fine | Unit::Alone => format!("{value:.2}"),
            Unit::Rough => format!("{value:.1}"),
        };
        let compared = who != Who::Agent && !matches!(self.unit, Unit::Exact | Unit::Alone);
        match self.values.get(&Who::Agent) {
            Some(&agent) if compared && agent > 0.0 => {
                format!("{text} (×{:.2})", value / agent)
            }
            _ => text,
        }
    }
}

impl Display for Table {
    fn fmt(&self, out: &mut Formatter<'_>) -> fmt::Result {
        let columns = self.columns();
        write!(out, "| Figure | Bar |")?;
        for who in &columns {
            write!(out, " {} |", who.name())?;
        }
        write!(out, "\n|---|---|{}", "--:|".repeat(columns.len()))?;
        for row in &self.rows {
            write!(out, "\n| {} | {} |", row.figure, row.bar)?;
            for who in &columns {
                write!(out, " {} |", row.cell(*who))?;
            }
        }
        writeln!(out, "\n\n{NOTES}")
    }
}

/// A whole number with commas between the thousands.
pub(super) fn grouped(value: u64) -> String {
    let digits = value.to_string();
    let mut out = String::new();
    for (index, digit) in digits.chars().enumerate() {
        if index > 0 && (digits.len() - index).is_multiple_of(3) {
            out.push(',');
        }
        out.push(digit);
    }
    out
}

#[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "counts and rates")]
fn whole(value: f64) -> u64 {
    value.round() as u64
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn figures_stand_beside_the_bar_and_the_ratio_to_the_agent() {
        let mut table = Table::default();
        table.row("µs", "≤ 8", Unit::Fine, [(Who::Client, Some(3.0)), (Who::Agent, Some(1.5))]);
        table.row("lost", "0", Unit::Exact, [(Who::Agent, Some(1_234_567.0)), (Who::Client, None)]);
        let text = table.to_string();
        assert!(text.contains("| µs | ≤ 8 | 1.50 | 3.00 (×2.00) |"), "{text}");
        assert!(text.contains("| lost | 0 | 1,234,567 | – |"), "{text}");
    }
}
