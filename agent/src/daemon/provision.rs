//! Sees to it once, soon after the start, that the account is as it shall be: runs this program again as
//! `apply --at-start`, and waits for its end.
//!
//! In a process of its own, for what it takes of memory is given back with it. What becomes of it changes
//! nothing here: it says in the journal itself how it went, and lines are shipped meanwhile.

use std::os::unix::process::ExitStatusExt;
use std::path::PathBuf;
use std::process::Stdio;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use log::warn;
use tokio::process::Command;
use tokio::time::{sleep, timeout};
use tokio_util::sync::CancellationToken;

use super::health::Standing;
use crate::control::status;

/// This program, also after a newer package has taken its place on the disk.
const PROGRAM: &str = "/proc/self/exe";
/// How long it may take. Paced below the quotas, all of it takes half a minute; an endpoint that takes calls
/// and never answers must not keep it for ever.
const LIMIT: Duration = Duration::from_mins(10);
/// So much later than the child the daemon may hear of the signal that both got.
const SHARED: Duration = Duration::from_millis(200);
/// What the service manager says to the daemon alone: a word of the child would be taken for its own.
const OF_THE_SERVICE: [&str; 3] = ["NOTIFY_SOCKET", "WATCHDOG_USEC", "WATCHDOG_PID"];

/// When, and by which configuration.
#[derive(Debug)]
pub(super) struct Provision {
    /// At some time up to this: hosts that boot together must not all ask at once.
    pub(super) within: Duration,
    /// As the daemon was given it.
    pub(super) config_file: Option<PathBuf>,
    /// Where lines go, and nowhere else: it is not to be found out twice.
    pub(super) region: String,
    /// What became of it, for those who ask.
    pub(super) outcome: Arc<Outcome>,
}

/// What became of it.
#[derive(Debug, Default)]
pub(super) struct Outcome {
    done: AtomicBool,
    last: Standing,
}

impl Outcome {
    /// As it goes over the control socket.
    pub(super) fn status(&self) -> status::Provision {
        status::Provision { done: self.done.load(Ordering::Relaxed), last: self.last.get() }
    }
}

impl Provision {
    /// Runs until it is told to stop, as every task does; the work is done long before. A child that still
    /// runs then ends with it: every step of it is whole, and the next start does the rest.
    pub(super) async fn run(self, stop: CancellationToken) -> anyhow::Result<()> {
        let wait = self.within.mul_f64(fastrand::f64());
        let work = async {
            sleep(wait).await;
            self.apply(&stop).await;
            std::future::pending::<()>().await;
        };
        tokio::select! {
            () = work => {}
            () = stop.cancelled() => {}
        }
        Ok(())
    }

    async fn apply(&self, stop: &CancellationToken) {
        let mut command = Command::new(PROGRAM);
        command.arg0("starttech-agent").args(["apply", "--at-start"]);
        if let Some(file) = &self.config_file {
            command.arg("--config").arg(file);
        }
        for name in OF_THE_SERVICE {
            command.env_remove(name);
        }
        command.env("STARTTECH_REGION", &self.region);
        command.stdin(Stdio::null()).kill_on_drop(true);
        match timeout(LIMIT, async { command.spawn()?.wait().await }).await {
            // What failed was said by whom it failed for.
            Ok(Ok(status)) => {
                if status.success() {
                    self.outcome.done.store(true, Ordering::Relaxed);
                } else {
                    self.outcome.last.wrong("not all that is wanted could be made in the account", None);
                }
                // A signal to all of us is a stop, which is told here a moment later.
                sleep(SHARED).await;
                if let Some(signal) = status.signal()
                    && !stop.is_cancelled()
                {
                    warn!(
                        "the account was not provisioned: `apply --at-start` was ended by signal {signal}; run \
                         `starttech-agent apply` by hand"
                    );
                }
            }
            Ok(Err(error)) => {
                self.outcome.last.wrong(&format!("`apply --at-start` cannot be run: {error}"), None);
                warn!(
                    "the account was not provisioned: cannot run `apply --at-start`: {error}; run \
                     `starttech-agent apply` by hand"
                );
            }
            Err(_) => {
                self.outcome.last.wrong("`apply --at-start` took too long and was ended", None);
                warn!(
                    "the account is not wholly provisioned: `apply --at-start` took longer than {} minutes and was \
                 ended; `starttech-agent plan` says what is left",
                    LIMIT.as_secs() / 60
                );
            }
        }
    }
}
