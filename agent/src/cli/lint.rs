//! `lint`: what is wrong with dashboards, alarms and queries, of anybody.
//!
//! It knows how findings are shown. What a finding is, `provision/lint` knows.

use std::fmt::Write as _;
use std::io::Read as _;
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use clap::Args;

use super::{FAILED, FINDINGS, output};
use crate::provision::lint::rule::Severity;
use crate::provision::lint::{Finding, Report, lint as judge};

/// No file of a dashboard, of alarms or of queries comes near it.
const LARGEST: u64 = 64 << 20;

pub(super) const HELP: &str = "\
Examples:
  starttech-agent lint dashboard.json alarms/*.json queries.txt
  aws cloudwatch get-dashboard --dashboard-name Web | starttech-agent lint -
  starttech-agent lint --json alarms.json | jq -r '.[].findings[].message'

What a file is, is seen from what is in it: a dashboard with \"widgets\", alarms in any usual
shape, or Logs Insights queries as text. docs/lint.md has every rule and its source.

Exit codes:
  0   no errors and no warnings; hints may be
  1   a file that cannot be read; the others are looked at all the same
  2   errors or warnings
  64  bad usage";

/// What can be said to `lint`.
#[derive(Debug, Args)]
pub(super) struct Options {
    /// Files; `-` is standard input
    #[arg(required = true, value_name = "FILE")]
    files: Vec<PathBuf>,

    /// An array of {file, findings: [{line, column, path, rule, severity, message, mend, source}], `left_out`}
    #[arg(long)]
    json: bool,
}

/// Looks at all the files, and finds the exit code.
pub(super) fn lint(options: &Options) -> anyhow::Result<ExitCode> {
    let mut reports = Vec::new();
    let mut unread = false;
    for file in &options.files {
        match read(file) {
            Ok(bytes) => reports.push(judge(&name(file), &bytes)),
            Err(error) => {
                unread = true;
                output::complaint(&format!("{}: {error}", escaped(&name(file))));
            }
        }
    }
    if options.json {
        output::result(&serde_json::to_string_pretty(&reports)?);
    } else {
        let text = shown(&reports, output::coloured());
        output::result(text.trim_end());
    }
    Ok(if unread {
        ExitCode::from(FAILED)
    } else if reports.iter().any(Report::has_findings) {
        ExitCode::from(FINDINGS)
    } else {
        ExitCode::SUCCESS
    })
}

pub(super) fn name(file: &Path) -> String {
    if file == Path::new("-") { "<stdin>".to_owned() } else { file.display().to_string() }
}

pub(super) fn read(file: &Path) -> std::io::Result<Vec<u8>> {
    let mut bytes = Vec::new();
    let read = if file == Path::new("-") {
        std::io::stdin().lock().take(LARGEST + 1).read_to_end(&mut bytes)
    } else {
        std::fs::File::open(file)?.take(LARGEST + 1).read_to_end(&mut bytes)
    };
    if u64::try_from(read?).is_ok_and(|read| read > LARGEST) {
        return Err(std::io::Error::other("larger than 64 MiB, as no dashboard is"));
    }
    Ok(bytes)
}

/// All of it, for a person.
pub(super) fn shown(reports: &[Report], coloured: bool) -> String {
    let mut text = String::new();
    for report in reports {
        for finding in &report.findings {
            one(&mut text, &report.file, finding, coloured);
        }
        if report.left_out > 0 {
            writeln!(text, "{}: and {} more", escaped(&report.file), report.left_out).ok();
        }
    }
    let count = |severity| reports.iter().map(|report| report.count(severity)).sum();
    let left_out: usize = reports.iter().map(|report| report.left_out).sum();
    let counts = [
        counted(count(Severity::Error), "error"),
        counted(count(Severity::Warning), "warning"),
        counted(count(Severity::Hint), "hint"),
    ];
    let more = if left_out > 0 { format!(", {left_out} not shown") } else { String::new() };
    writeln!(text, "{}: {}{more}", counted(reports.len(), "file"), counts.join(", ")).ok();
    text
}

fn counted(count: usize, what: &str) -> String {
    let plural = if count == 1 { "" } else { "s" };
    format!("{count} {what}{plural}")
}

fn one(text: &mut String, file: &str, finding: &Finding, coloured: bool) {
    let Finding { line, column, path, rule, severity, message, mend, source } = finding;
    let (word, colour) = match severity {
        Severity::Error => ("error", 31),
        Severity::Warning => ("warning", 33),
        Severity::Hint => ("hint", 36),
    };
    let word =
        if coloured { format!("\u{1b}[{colour}m{word}[{rule}]\u{1b}[0m") } else { format!("{word}[{rule}]") };
    let file = escaped(file);
    writeln!(text, "{file}:{line}:{column}: {word}: {}", escaped(message)).ok();
    if !path.is_empty() {
        writeln!(text, "  at {}", escaped(path)).ok();
    }
    if !mend.is_empty() {
        writeln!(text, "  → {}", escaped(mend)).ok();
    }
    writeln!(text, "  {source}").ok();
}

/// Without anything that a terminal would obey, and in one line.
fn escaped(text: &str) -> String {
    text.chars()
        .flat_map(|c| {
            let bad = c.is_control()
                || matches!(c, '\u{200e}' | '\u{200f}' | '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}');
            let (plain, escape) = if bad { (None, Some(c.escape_unicode())) } else { (Some(c), None) };
            plain.into_iter().chain(escape.into_iter().flatten())
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn findings_are_shown_with_place_mend_and_source() {
        let report = judge("a\u{1b}.json", b"{\"widgets\":[]},");
        let text = shown(&[report], false);
        expect_test::expect![[r"
            a\u{1b}.json:1:15: error[json-syntax]: the JSON ends before this, and here is more text
              → one value per file: join the parts in one array, with commas, or delete what is left over
              https://www.rfc-editor.org/rfc/rfc8259
            1 file: 1 error, 0 warnings, 0 hints
        "]]
        .assert_eq(&text);
    }

    #[test]
    fn colours_are_for_terminals() {
        let report = judge("a.json", b"{");
        assert!(shown(std::slice::from_ref(&report), true).contains("\u{1b}[31merror[json-syntax]\u{1b}[0m"));
        assert!(!shown(&[report], false).contains('\u{1b}'));
    }
}
