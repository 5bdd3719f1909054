//! The rows as a table, as lines of progress and as JSON.

use std::fmt::Write;

use jiff::Timestamp;
use serde_json::{Value, json};

use crate::bench::machine;
use crate::faults::plan::Plan;
use crate::faults::row::{Figures, Outcome};

const NOTES: &str = "\
- Lost: printed by a container, never arrived, and the agent does not say so. What it says is in parentheses.
- Caught up: from the fault's end until lines are no later than in quiet times, 1.5 s.
- Latest: of the lines printed after the fault's end, the one that took longest.
- Peak RSS: the highest of all runs of the agent. Own: of that, without the pages of the program. Spool: the most bytes that waited, in whole blocks.
";

/// What stands above the table.
pub(super) fn head(arguments: &[String], plan: &Plan) -> String {
    let command = [&[String::from("just faults")], arguments].concat().join(" ");
    let date = Timestamp::now().strftime("%Y-%m-%d %H:%M UTC");
    let Plan { seconds, rate, jobs, .. } = plan;
    format!(
        "# Faults\n\nPrinted by `{command}` on {date}: a container prints {rate} lines a second for {seconds} \
         s, the fault lasts {:.0} s of these, {jobs} rows run at a time.\n\n{}",
        plan.window().as_secs_f64(),
        machine::here()
    )
}

/// The table.
pub(super) fn markdown(outcomes: &[Outcome]) -> String {
    let mut out = String::from(
        "| Fault | Printed | Lost | Repeated | Caught up, s | Latest, s | Peak RSS, MB | Own, MB | Spool at most, MB | Verdict |\n\
         |---|--:|--:|--:|--:|--:|--:|--:|--:|---|\n",
    );
    for outcome in outcomes {
        let _ = writeln!(out, "| {} | {} |", outcome.name, cells(outcome).join(" | "));
    }
    format!("{out}\n{NOTES}")
}

/// One row as a line of progress.
pub(super) fn line(outcome: &Outcome) -> String {
    let [printed, lost, repeated, catch_up, late, rss, own, spool, verdict] = cells(outcome);
    format!(
        "{:18} {printed} printed, {lost} lost, {repeated} repeated, {catch_up} s, {late} s, {rss} MB, {own} MB own, {spool} MB: {verdict}",
        outcome.name
    )
}

/// The table for programs.
pub(super) fn json(outcomes: &[Outcome]) -> Value {
    let row = |outcome: &Outcome| {
        let Outcome { name, figures, complaints } = outcome;
        json!({
            "name": name, "printed": figures.printed, "lost": figures.lost(), "told": figures.told,
            "repeated": figures.repeated, "catch_up_s": figures.catch_up.map(|time| time.as_secs_f64()),
            "latest_s": figures.late.as_secs_f64(), "rss_peak_kib": figures.rss_peak_kib,
            "own_peak_kib": figures.own_peak_kib,
            "spool_bytes": figures.spool_bytes, "complaints": complaints,
        })
    };
    outcomes.iter().map(row).collect()
}

fn cells(outcome: &Outcome) -> [String; 9] {
    let Figures { printed, told, repeated, catch_up, late, rss_peak_kib, own_peak_kib, spool_bytes, .. } =
        outcome.figures;
    let lost = outcome.figures.lost();
    [
        printed.map_or_else(|| String::from("–"), |printed| printed.to_string()),
        if told > 0 { format!("{lost} ({told} told)") } else { lost.to_string() },
        repeated.to_string(),
        catch_up.map_or_else(|| String::from("–"), |time| format!("{:.1}", time.as_secs_f64())),
        format!("{:.1}", late.as_secs_f64()),
        tenths(rss_peak_kib * 1024),
        tenths(own_peak_kib * 1024),
        tenths(spool_bytes),
        if outcome.complaints.is_empty() {
            String::from("holds")
        } else {
            format!("**fails**: {}", outcome.complaints.join("; "))
        },
    ]
}

/// Megabytes with one digit behind the point.
pub(super) fn tenths(bytes: u64) -> String {
    let tenths = (bytes + 50_000) / 100_000;
    format!("{}.{}", tenths / 10, tenths % 10)
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    #[test]
    fn a_row_says_its_figures_and_what_is_wrong() {
        let figures = Figures {
            printed: Some(20_000),
            missing: 7,
            told: 5,
            catch_up: Some(Duration::from_millis(1_240)),
            rss_peak_kib: 20_000,
            own_peak_kib: 8_000,
            spool_bytes: 5_242_880,
            ..Figures::default()
        };
        let outcome = Outcome { name: "x", figures, complaints: vec![String::from("2 lost")] };
        let text = markdown(&[outcome]);
        let row = "| x | 20000 | 2 (5 told) | 0 | 1.2 | 0.0 | 20.5 | 8.2 | 5.2 | **fails**: 2 lost |";
        assert!(text.contains(row), "{text}");
    }
}
