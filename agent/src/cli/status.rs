//! `status`: what the running daemon says of itself, on one page, with what is wrong first and what to do about it.
//!
//! Asks over the control socket; `status/page.rs` makes the page. The exit code makes it a health check.

pub(super) mod page;
pub(super) mod words;

use std::fs;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::time::Duration;

use clap::Args;
use serde::Serialize;
use serde::de::DeserializeOwned;
use tokio::time::sleep;

use super::check::user::group_name;
use super::run::{asked_to_stop, block_on};
use super::{ConfigFile, FAILED, output};
use crate::config::Config;
use crate::config::fault::Fault;
use crate::control::client::{self, Error};
use crate::control::{self, Problem, Request, Status};
use page::{Style, page};

pub(super) const HELP: &str = "\
Examples:
  starttech-agent status                       as root, or as a member of the group starttech-agent
  starttech-agent status --watch               again every two seconds
  starttech-agent status --json | jq -r '.problems[] | .what'
  starttech-agent status >/dev/null || echo look at it

What counts as wrong:
  the daemon does not run or does not answer
  Docker cannot be followed, or the log of a container cannot be read
  calls to a service have failed for 10 s, or are refused until somebody acts
  a service refused things for good within 15 min, and has taken nothing since
  what waits is older than 5 min, or its spool is 80 % full
  the health check of the backend fails
  an alert is open, neither silenced nor about to end
  the configuration on disk has faults: the daemon runs on an older one

What was lost before, what is silenced and what could not be provisioned is shown, and is not wrong; nor is it that this
host's role may not publish alerts, which are in the journal then.

--json has what the daemon says, and ok, problems and notes, each of these a {what, mend}; where nobody answers, only these.

Exit codes:
  0   nothing is wrong
  1   something is, or nobody answers
  64  bad usage";

/// Where to ask, whatever else is wrong with the configuration.
pub(super) const SOCKET_VARIABLE: &str = "STARTTECH_CONTROL_SOCKET";

/// What can be said to `status`.
#[derive(Debug, Args)]
pub(super) struct Options {
    #[command(flatten)]
    asked: Asked,

    /// What the daemon says and what is wrong, as JSON; with --watch one document a line
    #[arg(long)]
    json: bool,

    /// Again and again; a terminal is drawn anew, anything else is added to [EVERY if left out: 2s]
    #[arg(long, value_name = "EVERY", num_args = 0..=1, require_equals = true, default_missing_value = "2s", value_parser = every)]
    watch: Option<Duration>,
}

/// Which daemon is asked.
#[derive(Debug, Args)]
pub(super) struct Asked {
    #[command(flatten)]
    file: ConfigFile,

    /// The daemon that was started with --local=DIR [DIR if left out: starttech-logs]
    #[arg(long, value_name = "DIR", num_args = 0..=1, require_equals = true, default_missing_value = "starttech-logs")]
    local: Option<PathBuf>,
}

fn every(text: &str) -> Result<Duration, String> {
    let every = text.parse::<jiff::SignedDuration>().ok().and_then(|every| Duration::try_from(every).ok());
    every
        .filter(|every| *every >= Duration::from_millis(200))
        .ok_or_else(|| "write a duration from 200ms, like 2s or 1m".to_owned())
}

/// Where to ask.
pub(super) struct Daemon {
    socket: PathBuf,
    local: Option<PathBuf>,
    /// What is wrong with the configuration that the next start would have.
    faults: Vec<Fault>,
}

/// What `--json` prints.
#[derive(Debug, Serialize)]
struct Verdict<'a> {
    ok: bool,
    problems: Vec<Problem>,
    notes: Vec<Problem>,
    #[serde(flatten)]
    status: Option<&'a Status>,
}

impl Daemon {
    /// Out of the configuration. One that is bad is a problem, and no reason not to ask.
    pub(super) fn of(asked: &Asked) -> anyhow::Result<Self> {
        if let Some(local) = &asked.local {
            let socket = control::local_path(local);
            return Ok(Self { socket, local: Some(local.clone()), faults: Vec::new() });
        }
        let (socket, faults) = match Config::load(asked.file.config.as_deref(), std::env::vars_os()) {
            Ok(config) => (config.control.socket, Vec::new()),
            // Named, and not there: nobody could say which daemon is meant.
            Err(faults) if asked.file.config.as_ref().is_some_and(|file| !file.exists()) => {
                return Err(faults.into());
            }
            Err(faults) => {
                let socket = match std::env::var_os(SOCKET_VARIABLE) {
                    Some(socket) if !socket.is_empty() => Some(socket.into()),
                    _ => Config::defaults()?.control.socket,
                };
                (socket, faults.0)
            }
        };
        let Some(socket) = socket else {
            anyhow::bail!("there is no control socket: control.socket is \"\" in the configuration");
        };
        Ok(Self { socket, local: None, faults })
    }

    /// Asks once.
    pub(super) async fn status(&self) -> Result<Status, Error> {
        self.ask(&Request::Status).await
    }

    /// Asks, or tells, anything.
    pub(super) async fn ask<T: DeserializeOwned>(&self, request: &Request) -> Result<T, Error> {
        client::ask(&self.socket, request).await
    }

    /// All that is wrong.
    pub(super) fn problems(&self, status: &Status) -> Vec<Problem> {
        let fault = self.faults.first().map(|fault| {
            Problem::new(
                format!(
                    "the configuration on disk is bad, and the daemon would not start with it: {}: {}",
                    fault.place, fault.what
                ),
                "starttech-agent check --offline has all faults; then sudo starttech-agent reload",
            )
        });
        fault.into_iter().chain(status.problems()).collect()
    }

    /// What to tell a person who got no answer.
    pub(super) fn mended(&self, error: &Error) -> String {
        let told =
            self.unanswered(error).into_iter().map(|Problem { what, mend }| format!("{what}\n  → {mend}"));
        told.collect::<Vec<_>>().join("\n")
    }

    /// Why there is no answer, and what to do. A daemon that found its configuration bad has ended, and its unit does
    /// not start it again: the faults are what there is to mend.
    fn unanswered(&self, error: &Error) -> Vec<Problem> {
        let none = match (error, &self.local) {
            (Error::NotRunning(path), None) => {
                let what = format!("the daemon is not running: nobody answers at {}", path.display());
                let mend = if self.faults.is_empty() {
                    "systemctl status starttech-agent says why, and journalctl -u starttech-agent -e; then sudo systemctl \
                     restart starttech-agent. One that was started by hand: --config, or --local=DIR"
                } else {
                    "mend the configuration, as said below and by starttech-agent check --offline: with faults it ends \
                     with 64, and is not started again; then sudo systemctl restart starttech-agent"
                };
                Problem::new(what, mend)
            }
            (Error::NotRunning(path), Some(local)) => Problem::new(
                format!("no daemon works in {}: nobody answers at {}", local.display(), path.display()),
                format!("starttech-agent run --local={}", local.display()),
            ),
            (Error::Forbidden(path), _) => {
                let group = group_of(path).unwrap_or_else(|| "starttech-agent".to_owned());
                Problem::new(
                    format!("{} is for root and the group {group}", path.display()),
                    format!("run this with sudo, or once: sudo usermod -aG {group} $USER, and log in anew"),
                )
            }
            (error, None) => Problem::new(error.to_string(), "journalctl -u starttech-agent -e"),
            (error, Some(_)) => Problem::new(error.to_string(), "its own terminal has what it said last"),
        };
        let faults = self.faults.iter().map(|fault| {
            Problem::new(
                format!("the configuration on disk is bad: {}: {}", fault.place, fault.what),
                &*fault.mend,
            )
        });
        std::iter::once(none).chain(faults).collect()
    }
}

/// Whoever may not look into the directory sees whose that is.
fn group_of(socket: &Path) -> Option<String> {
    let there = fs::metadata(socket).or_else(|_| fs::metadata(socket.parent().unwrap_or(socket)));
    there.ok().map(|there| group_name(there.gid()))
}

/// Asks, prints, and finds the exit code.
pub(super) fn status(options: &Options) -> anyhow::Result<ExitCode> {
    let daemon = Daemon::of(&options.asked)?;
    block_on(async {
        let Some(every) = options.watch else {
            return Ok(code(show(&daemon, options, None).await));
        };
        let stop = asked_to_stop()?;
        tokio::pin!(stop);
        let redrawn = output::is_terminal() && !options.json;
        // Nobody has said so yet.
        let mut well = false;
        loop {
            tokio::select! {
                () = &mut stop => return Ok(code(well)),
                shown = show(&daemon, options, Some(redrawn)) => well = shown,
            }
            tokio::select! {
                () = &mut stop => return Ok(code(well)),
                () = output::reader_left() => return Ok(code(well)),
                () = sleep(every) => {}
            }
        }
    })
}

fn code(well: bool) -> ExitCode {
    if well { ExitCode::SUCCESS } else { ExitCode::from(FAILED) }
}

/// Asks once and shows what came. `watched`: again and again, and whether in place of what was there. Whether all is
/// well.
async fn show(daemon: &Daemon, options: &Options, watched: Option<bool>) -> bool {
    let answer = daemon.status().await;
    let problems = match &answer {
        Ok(status) => daemon.problems(status),
        Err(error) => daemon.unanswered(error),
    };
    let ok = problems.is_empty();
    if options.json {
        let status = answer.as_ref().ok();
        let verdict = Verdict { ok, problems, notes: status.map(Status::notes).unwrap_or_default(), status };
        let written = match watched {
            Some(_) => serde_json::to_string(&verdict),
            None => serde_json::to_string_pretty(&verdict),
        };
        output::result(&written.unwrap_or_default());
        return ok;
    }
    let text = match &answer {
        Ok(status) => page(status, &problems, Style::here()),
        Err(error) => daemon.mended(error),
    };
    match (watched, &answer) {
        (Some(true), _) => output::redraw(&text),
        (_, Err(_)) => output::complaint(&text),
        (Some(false), Ok(_)) => output::result(&format!("{text}\n")),
        _ => output::result(&text),
    }
    ok
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::control::tests::sample;

    fn daemon(local: Option<&str>, faults: Vec<Fault>) -> Daemon {
        Daemon { socket: "/run/a.sock".into(), local: local.map(PathBuf::from), faults }
    }

    fn not_running() -> Error {
        Error::NotRunning("/run/a.sock".into())
    }

    /// Its unit does not start it again, and what is dead cannot be reloaded.
    #[test]
    fn a_daemon_that_ended_with_64_is_to_be_mended_and_started_again() {
        let dead = daemon(None, Vec::new()).mended(&not_running());
        assert!(
            dead.contains("sudo systemctl restart starttech-agent") && !dead.contains("reload"),
            "{dead}"
        );
        let variables = [("STARTTECH_LOGS_FLUSH", "soon"), ("STARTTECH_REGION", "-")];
        let config = tempfile::NamedTempFile::new().unwrap();
        let faults =
            Config::load(Some(config.path()), variables.map(|(a, b)| (a.into(), b.into()))).unwrap_err();
        assert_eq!(faults.0.len(), 2, "{faults}");
        let daemon = daemon(None, faults.0);
        let dead = daemon.mended(&not_running());
        for part in ["check --offline", "ends with 64", "STARTTECH_LOGS_FLUSH", "STARTTECH_REGION"] {
            assert!(dead.contains(part), "{part}: {dead}");
        }
        assert!(
            dead.contains("sudo systemctl restart starttech-agent") && !dead.contains("reload"),
            "{dead}"
        );
        let running = daemon.problems(&sample::well());
        assert_eq!(running.len(), 1);
        assert!(running[0].mend.ends_with("sudo starttech-agent reload"), "{running:?}");
    }

    #[test]
    fn of_a_daemon_that_is_no_unit_no_unit_is_spoken() {
        let broken = Error::Broken("/tmp/x/.agent.sock".into(), "no answer".to_owned());
        for error in [not_running(), broken] {
            let said = daemon(Some("/tmp/x"), Vec::new()).mended(&error);
            assert!(!said.contains("journalctl") && !said.contains("systemctl"), "{said}");
        }
    }

    #[test]
    fn the_verdict_stands_beside_what_the_daemon_says() {
        let status = sample::well();
        let verdict =
            Verdict { ok: true, problems: Vec::new(), notes: status.notes(), status: Some(&status) };
        let written = serde_json::to_value(&verdict).unwrap();
        assert_eq!((&written["ok"], &written["pid"]), (&true.into(), &812.into()));
        assert!(written["services"].is_array() && written["problems"].is_array());
        let again: Status = serde_json::from_value(written).unwrap();
        assert_eq!(again, status);
    }
}
