//! The daemon that runs, and the service as systemd has it: asked once, for everything that is judged by it.

use std::fs;
use std::os::unix::fs::MetadataExt;
use std::path::PathBuf;
use std::time::Duration;

use tokio::time::timeout;

use super::access::As;
use super::systemd::{self, Systemd, Unit};
use super::user::{account, user};
use super::variables::{Origin, Variables};
use crate::config::Config;
use crate::control::client::{self, Error};
use crate::control::{Request, Status};

/// Its user, unless the unit or the process says otherwise.
const USER: &str = "starttech-agent";
/// What a process of it is called: as much as the kernel keeps of a name.
const COMM: &str = "starttech-agent";
/// The bit of `CAP_DAC_READ_SEARCH`.
const READS_ALL: u64 = 1 << 2;
/// The daemon gives up on parts of itself after two seconds.
const ANSWER: Duration = Duration::from_secs(5);

/// What is known of it.
pub(super) struct Known {
    pub(super) socket: Option<PathBuf>,
    /// Whether that is where the unit's daemon is asked.
    pub(super) usual: bool,
    /// `None`: there is no socket to ask at.
    pub(super) answer: Option<Result<Status, Error>>,
    /// Of the usual daemon alone: another is none of systemd's.
    pub(super) systemd: Systemd,
    /// With what it runs, or would.
    pub(super) variables: Option<Variables>,
    /// As whom access is judged.
    pub(super) judged: As,
}

/// A process, by `/proc`.
struct Process {
    pid: u32,
    uid: u32,
    reads_all: bool,
}

/// Asks the daemon and systemd.
pub(super) async fn look(config: &Config) -> Known {
    let socket = config.control.socket.clone();
    let usual = is_usual(config);
    let answer = async {
        let socket = socket.as_deref()?;
        let answer = timeout(ANSWER, client::ask::<Status>(socket, &Request::Status)).await;
        let late = format!("no answer within {} seconds", ANSWER.as_secs());
        Some(answer.unwrap_or_else(|_| Err(Error::Broken(socket.to_owned(), late))))
    };
    let systemd = async { if usual { systemd::ask().await } else { Systemd::Absent } };
    let (answer, systemd) = tokio::join!(answer, systemd);
    let process = match &answer {
        Some(Ok(status)) => process(status.pid),
        _ => None,
    };
    let unit = match &systemd {
        Systemd::Has(unit) => Some(unit),
        _ => None,
    };
    let variables = process.as_ref().and_then(of_process).or_else(|| unit.map(of_unit));
    let judged = judged(usual, process.as_ref(), unit);
    Known { socket, usual, answer, systemd, variables, judged }
}

impl Known {
    /// What the daemon says of itself, if it answers.
    pub(super) fn status(&self) -> Option<&Status> {
        self.answer.as_ref()?.as_ref().ok()
    }
}

/// Where nobody says otherwise, and where there is none: what runs then is the unit's.
fn is_usual(config: &Config) -> bool {
    let usual = Config::defaults().ok().and_then(|defaults| defaults.control.socket);
    config.control.socket.is_none() || config.control.socket == usual
}

/// As whom access is judged where nobody may be asked.
pub(super) fn judged_offline(config: &Config) -> As {
    judged(is_usual(config), None, None)
}

/// Root may everything, which says nothing of the service. Anybody else is told of themselves.
fn judged(usual: bool, process: Option<&Process>, unit: Option<&Unit>) -> As {
    let (name, reads_all) = match (process, unit) {
        _ if !user().root => return As::Caller,
        (Some(process), _) => (process.uid.to_string(), process.reads_all),
        (None, Some(unit)) if unit.user.is_empty() => return As::Caller,
        (None, Some(unit)) => (unit.user.clone(), unit.reads_all),
        // The package's unit has the capability.
        (None, None) if usual => (USER.to_owned(), true),
        (None, None) => return As::Caller,
    };
    match account(&name) {
        Some(account) if account.uid != 0 => As::Service { account, reads_all },
        _ => As::Caller,
    }
}

/// The daemon's process, unless it is in a world of its own and the number means another here.
fn process(pid: u32) -> Option<Process> {
    let directory = PathBuf::from(format!("/proc/{pid}"));
    let is_ours = fs::read_to_string(directory.join("comm")).ok()?.trim_end() == COMM;
    let status = fs::read_to_string(directory.join("status")).ok().filter(|_| is_ours)?;
    let capabilities = status.lines().find_map(|line| line.strip_prefix("CapEff:"))?;
    let capabilities = u64::from_str_radix(capabilities.trim(), 16).ok()?;
    let uid = fs::metadata(&directory).ok()?.uid();
    Some(Process { pid, uid, reads_all: capabilities & READS_ALL != 0 })
}

/// What it was started with; `None` where this user may not see that.
fn of_process(process: &Process) -> Option<Variables> {
    let bytes = fs::read(format!("/proc/{}/environ", process.pid)).ok()?;
    let pair = |entry: &[u8]| {
        let text = String::from_utf8_lossy(entry);
        text.split_once('=').map(|(name, value)| (name.to_owned(), value.to_owned()))
    };
    let all = bytes.split(|byte| *byte == 0).filter_map(pair).collect();
    Some(Variables { origin: Origin::Process(process.pid), all, files: Vec::new() })
}

fn of_unit(unit: &Unit) -> Variables {
    Variables { origin: Origin::Unit, all: unit.variables.clone(), files: unit.files.clone() }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn another_socket_is_another_daemon_and_none_of_the_units() {
        let mut config = Config::defaults().unwrap();
        assert!(is_usual(&config));
        config.control.socket = None;
        assert!(is_usual(&config));
        config.control.socket = Some("/tmp/mine/agent.sock".into());
        assert!(!is_usual(&config));
        assert_eq!(judged(false, None, None), As::Caller);
        let of_root = Unit { user: String::new(), ..Unit::default() };
        assert_eq!(judged(true, None, Some(&of_root)), As::Caller);
    }

    #[test]
    fn a_process_that_is_none_of_ours_is_not_taken_for_the_daemon() {
        assert!(process(std::process::id()).is_none());
        assert!(process(u32::MAX).is_none());
    }
}
