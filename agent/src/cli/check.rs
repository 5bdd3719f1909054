//! `check`: the configuration, then everything the daemon needs, each with what to do about it.
//!
//! The checks return findings and print nothing; this file alone turns them into text or JSON. As they
//! may take seconds, each group is printed as soon as it is known.

mod account;
mod containers;
mod docker;
mod metrics;
mod spool;
mod user;

use std::process::ExitCode;

use clap::Args;
use serde::Serialize;

use super::{BAD_USAGE, ConfigFile, FAILED, output};
use crate::config::fault::Faults;
use crate::config::{Config, DEFAULT_PATH};

/// What can be said to `check`.
#[derive(Debug, Args)]
pub(super) struct Options {
    #[command(flatten)]
    file: ConfigFile,

    /// Only what this host can answer by itself: configuration and spool, neither Docker nor AWS
    #[arg(long)]
    offline: bool,

    /// An array of {what, verdict, detail, mend}; verdict is good, bad or unsure
    #[arg(long)]
    json: bool,
}

/// What came of looking at one thing.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
struct Finding {
    what: String,
    verdict: Verdict,
    detail: String,
    /// What to do; empty if there is nothing to do.
    mend: String,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
enum Verdict {
    Good,
    /// The agent cannot do its work.
    Bad,
    /// It can, but something may be lost, or nobody can tell.
    Unsure,
}

impl Finding {
    fn good(what: impl Into<String>, detail: impl Into<String>) -> Self {
        Self { what: what.into(), verdict: Verdict::Good, detail: detail.into(), mend: String::new() }
    }

    fn bad(what: impl Into<String>, detail: impl Into<String>, mend: impl Into<String>) -> Self {
        Self { what: what.into(), verdict: Verdict::Bad, detail: detail.into(), mend: mend.into() }
    }

    fn unsure(what: impl Into<String>, detail: impl Into<String>, mend: impl Into<String>) -> Self {
        Self { what: what.into(), verdict: Verdict::Unsure, detail: detail.into(), mend: mend.into() }
    }

    fn line(&self, coloured: bool) -> String {
        let (mark, colour) = match self.verdict {
            Verdict::Good => ("✓", 32),
            Verdict::Bad => ("✗", 31),
            Verdict::Unsure => ("?", 33),
        };
        let mark = if coloured { format!("\u{1b}[{colour}m{mark}\u{1b}[0m") } else { mark.to_owned() };
        let mend =
            if self.mend.is_empty() { String::new() } else { format!("\n  → {}", indented(&self.mend)) };
        format!("{mark} {}: {}{mend}", self.what, indented(&self.detail))
    }
}

fn indented(text: &str) -> String {
    text.lines().map(str::trim).collect::<Vec<_>>().join("\n    ")
}

/// Checks, prints, and finds the exit code.
pub(super) fn check(options: &Options) -> anyhow::Result<ExitCode> {
    let config = match Config::load(options.file.config.as_deref(), std::env::vars_os()) {
        Ok(config) => config,
        Err(faults) if options.json => {
            output::result(&serde_json::to_string_pretty(&configuration_faults(&faults))?);
            return Ok(ExitCode::from(BAD_USAGE));
        }
        Err(faults) => return Err(faults.into()),
    };
    let mut report = Report { live: (!options.json).then(output::coloured), findings: Vec::new() };
    report.add(vec![configuration(options)]);
    report.add(spool::findings(&config.spool, config.metrics.enabled));
    if !options.offline {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
        runtime.block_on(async {
            report.add(docker::findings(&config).await);
            let in_group = account::findings(&config, &mut |found| report.add(found)).await;
            report.add(metrics::findings(&config, in_group).await);
        });
        // A name that is still being looked up in a thread must not hold up the answer.
        runtime.shutdown_background();
    }
    report.finish()
}

/// The findings so far.
struct Report {
    /// Whether to print as they come, and then whether in colour.
    live: Option<bool>,
    findings: Vec<Finding>,
}

impl Report {
    fn add(&mut self, found: Vec<Finding>) {
        if let Some(coloured) = self.live {
            for finding in &found {
                output::result(&finding.line(coloured));
            }
        }
        self.findings.extend(found);
    }

    fn finish(self) -> anyhow::Result<ExitCode> {
        let count = |verdict| self.findings.iter().filter(|finding| finding.verdict == verdict).count();
        let (bad, unsure) = (count(Verdict::Bad), count(Verdict::Unsure));
        if self.live.is_none() {
            output::result(&serde_json::to_string_pretty(&self.findings)?);
        } else {
            output::result(&match (bad, unsure) {
                (0, 0) => "\nall is well".to_owned(),
                (0, unsure) => format!("\nthe agent can work; {unsure} to look at"),
                (bad, 0) => format!("\n{bad} to mend"),
                (bad, unsure) => format!("\n{bad} to mend, {unsure} to look at"),
            });
        }
        Ok(if bad == 0 { ExitCode::SUCCESS } else { ExitCode::from(FAILED) })
    }
}

fn configuration(options: &Options) -> Finding {
    let detail = match &options.file.config {
        Some(file) => file.display().to_string(),
        None if std::path::Path::new(DEFAULT_PATH).exists() => DEFAULT_PATH.to_owned(),
        None => format!("no {DEFAULT_PATH}, so the defaults"),
    };
    Finding::good("configuration", detail)
}

fn configuration_faults(faults: &Faults) -> Vec<Finding> {
    let finding = |fault: &crate::config::fault::Fault| {
        Finding::bad("configuration", format!("{}: {}", fault.place, fault.what), fault.mend.clone())
    };
    faults.0.iter().map(finding).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_finding_is_one_line_and_its_mend_below() {
        let bad = Finding::bad("docker", "no socket", "install it\nor wait");
        assert_eq!(bad.line(false), "✗ docker: no socket\n  → install it\n    or wait");
        assert_eq!(bad.line(true).lines().next(), Some("\u{1b}[31m✗\u{1b}[0m docker: no socket"));
        assert_eq!(Finding::good("a", "b").line(false), "✓ a: b");
    }

    #[test]
    fn only_what_is_bad_fails() {
        for (verdicts, code) in [
            (&[Verdict::Good][..], ExitCode::SUCCESS),
            (&[Verdict::Good, Verdict::Unsure], ExitCode::SUCCESS),
            (&[Verdict::Unsure, Verdict::Bad], ExitCode::from(FAILED)),
        ] {
            let finding = |&verdict| Finding { verdict, ..Finding::good("a", "b") };
            let report = Report { live: Some(false), findings: verdicts.iter().map(finding).collect() };
            assert_eq!(report.finish().unwrap(), code);
        }
    }
}
