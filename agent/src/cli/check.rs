//! `check`: the configuration, then everything the daemon needs, each with what to do about it.
//!
//! The checks return findings and print nothing; this file alone turns them into text or JSON. All that may take
//! seconds is asked at the same time, and each section is printed as soon as it is known.

pub(super) mod access;
mod account;
mod bundle;
mod containers;
mod daemon;
mod declared;
pub(super) mod docker;
mod endpoints;
mod log_groups;
mod metadata;
mod metrics;
mod rights;
mod sections;
mod service;
mod spool;
mod systemd;
pub(super) mod user;
mod variables;

use std::fmt;
use std::path::PathBuf;
use std::process::ExitCode;
use std::time::Duration;

use anyhow::bail;
use clap::Args;
use serde::Serialize;
use tokio::sync::{OnceCell, oneshot};
use tokio::time::timeout;

use self::bundle::{Bundle, Contents};
use self::sections::{Section, Sections};
use self::service::Known;
use super::run::{asked_to_stop, block_on};
use super::{BAD_USAGE, ConfigFile, FAILED, output};
use crate::config::fault::Faults;
use crate::config::{Config, DEFAULT_PATH};

/// All that is asked takes no longer.
const LIMIT: Duration = Duration::from_secs(14);

/// What can be said to `check`.
#[derive(Debug, Args)]
pub(super) struct Options {
    #[command(flatten)]
    file: ConfigFile,

    /// Only what this host can answer by itself: configuration and spool, neither the daemon nor Docker nor AWS
    #[arg(long)]
    offline: bool,

    /// Pack all that a bug report needs into FILE, without secrets and without containers' lines [FILE if left out, or
    /// a directory: starttech-agent-bundle-HOST-TIME.tar.gz in it]
    #[arg(long, value_name = "FILE", num_args = 0..=1, default_missing_value = ".")]
    bundle: Option<PathBuf>,

    /// An array of {what, verdict, detail, mend}; verdict is good, bad, unsure or note
    #[arg(long)]
    json: bool,
}

/// What came of looking at one thing.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub(super) struct Finding {
    what: String,
    verdict: Verdict,
    detail: String,
    /// What to do; empty if there is nothing to do.
    mend: String,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub(super) enum Verdict {
    Good,
    /// The agent cannot do its work.
    Bad,
    /// It can, but something may be lost, or nobody can tell.
    Unsure,
    /// Told, and nothing that has to be mended.
    Note,
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

    fn note(what: impl Into<String>, detail: impl Into<String>, mend: impl Into<String>) -> Self {
        Self { what: what.into(), verdict: Verdict::Note, detail: detail.into(), mend: mend.into() }
    }

    fn line(&self, coloured: bool) -> String {
        let (mark, colour) = match self.verdict {
            Verdict::Good => ("✓", 32),
            Verdict::Bad => ("✗", 31),
            Verdict::Unsure => ("?", 33),
            Verdict::Note => ("·", 2),
        };
        let mark = if coloured { format!("\u{1b}[{colour}m{mark}\u{1b}[0m") } else { mark.to_owned() };
        let mend =
            if self.mend.is_empty() { String::new() } else { format!("\n  → {}", indented(&self.mend)) };
        format!("{mark} {}: {}{mend}", self.what, indented(&self.detail))
    }
}

impl fmt::Display for Finding {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.detail)?;
        if self.mend.is_empty() { Ok(()) } else { write!(f, "\n  → {}", indented(&self.mend)) }
    }
}

fn indented(text: &str) -> String {
    text.lines().map(str::trim).collect::<Vec<_>>().join("\n    ")
}

/// Checks, prints, and finds the exit code.
pub(super) fn check(options: &Options) -> anyhow::Result<ExitCode> {
    // Whoever names a configuration means what this call has.
    if !options.offline && options.file.config.is_none() {
        block_on(async {
            variables::take().await;
            Ok(())
        })?;
    }
    let mut bundle = options.bundle.as_deref().map(Bundle::open).transpose()?;
    block_on(async {
        let stop = asked_to_stop()?;
        tokio::select! {
            done = Box::pin(checked(options, bundle.as_mut())) => done,
            () = stop => bail!("stopped before all was checked"),
        }
    })
}

async fn checked(options: &Options, bundle: Option<&mut Bundle>) -> anyhow::Result<ExitCode> {
    let config = match Config::load(options.file.config.as_deref(), std::env::vars_os()) {
        Ok(config) => config,
        Err(faults) => return refused(options, faults, bundle).await,
    };
    let mut report = Report {
        live: (!options.json).then(output::coloured),
        offline: options.offline,
        findings: Vec::new(),
    };
    report.add(vec![configuration(options)]);
    let mut known = None;
    if options.offline {
        let judged = service::judged_offline(&config);
        report.add(spool::findings(&config.spool, config.metrics.enabled, &judged));
    } else {
        known = Box::pin(online(&config, &mut report)).await;
    }
    let packed = match bundle {
        Some(bundle) => {
            let service = known.as_ref().and_then(|known| known.variables.as_ref());
            let findings = &report.findings;
            Some(Box::pin(bundle.write(&Contents { options, config: &config, findings, service })).await)
        }
        None => None,
    };
    let code = report.finish()?;
    if let Some(words) = packed.transpose()? {
        output::complaint(&words);
    }
    Ok(code)
}

/// Of a bad configuration: all its faults, and what a bug report needs besides.
async fn refused(options: &Options, faults: Faults, bundle: Option<&mut Bundle>) -> anyhow::Result<ExitCode> {
    let findings = configuration_faults(&faults);
    if options.json {
        output::result(&serde_json::to_string_pretty(&findings)?);
    } else {
        output::complaint(&output::faults(&faults));
    }
    if let Some(bundle) = bundle {
        let config = bundle::partial(options)?;
        let known = if options.offline { None } else { Some(service::look(&config).await) };
        let service = known.as_ref().and_then(|known| known.variables.as_ref());
        let contents = Contents { options, config: &config, findings: &findings, service };
        output::complaint(&Box::pin(bundle.write(&contents)).await?);
    }
    Ok(ExitCode::from(BAD_USAGE))
}

/// Asks everybody at the same time, and nobody for longer than a check may take. What is known of the service.
async fn online(config: &Config, report: &mut Report) -> Option<Known> {
    let sections = Sections::new(report);
    let (in_group, heard) = oneshot::channel();
    let (feeds, fed) = oneshot::channel();
    let service = OnceCell::new();
    let known = || service.get_or_init(|| service::look(config));
    let all = async {
        tokio::join!(
            async {
                let known = known().await;
                let mut found = daemon::findings(known);
                let own = variables::own();
                found.extend(known.variables.iter().flat_map(|theirs| variables::findings(theirs, &own)));
                sections.tell(Section::Daemon, found);
                let spool = spool::findings(&config.spool, config.metrics.enabled, &known.judged);
                sections.tell(Section::Spool, spool);
            },
            async {
                let (found, known) = docker::findings(config, &known().await.judged).await;
                sections.tell(Section::Docker, found);
                // Whoever waits for it has nothing to ask AWS.
                feeds.send(known).ok();
            },
            account::look(
                config,
                &sections,
                async { fed.await.ok().flatten() },
                async { known().await.status() },
                in_group
            ),
            async {
                let found = metrics::findings(config, async { heard.await.unwrap_or_default() }).await;
                sections.tell(Section::Metrics, found);
            },
        )
    };
    // What is not known by then is told so below.
    Box::pin(timeout(LIMIT, all)).await.ok();
    sections.end(LIMIT.as_secs());
    service.into_inner()
}

/// The findings so far.
struct Report {
    /// Whether to print as they come, and then whether in colour.
    live: Option<bool>,
    offline: bool,
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
            output::result(&format!("\n{}", verdict(bad, unsure, self.offline)));
        }
        Ok(if bad == 0 { ExitCode::SUCCESS } else { ExitCode::from(FAILED) })
    }
}

/// All of it in a line.
fn verdict(bad: usize, unsure: usize, offline: bool) -> String {
    let words = match (bad, unsure) {
        (0, 0) if offline => "nothing wrong in configuration and spool".to_owned(),
        (0, 0) => "all is well".to_owned(),
        (0, unsure) => format!("the agent can work; {unsure} to look at"),
        (bad, 0) => format!("{bad} to mend"),
        (bad, unsure) => format!("{bad} to mend, {unsure} to look at"),
    };
    if offline { format!("{words}; nothing else was looked at") } else { words }
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
            (&[Verdict::Good, Verdict::Unsure, Verdict::Note], ExitCode::SUCCESS),
            (&[Verdict::Unsure, Verdict::Bad], ExitCode::from(FAILED)),
        ] {
            let finding = |&verdict| Finding { verdict, ..Finding::good("a", "b") };
            let findings = verdicts.iter().map(finding).collect();
            let report = Report { live: Some(false), offline: false, findings };
            assert_eq!(report.finish().unwrap(), code);
        }
    }

    #[test]
    fn what_was_not_looked_at_is_not_said_to_be_well() {
        assert_eq!(verdict(0, 0, false), "all is well");
        assert_eq!(
            verdict(0, 0, true),
            "nothing wrong in configuration and spool; nothing else was looked at"
        );
        assert_eq!(verdict(1, 2, false), "1 to mend, 2 to look at");
        assert_eq!(verdict(0, 1, true), "the agent can work; 1 to look at; nothing else was looked at");
    }
}
