//! `reload`: the running daemon reads its configuration again, and whoever asks hears what became of that.
//!
//! Asks over the control socket, as `status` does. What is wrong with a configuration the daemon says.

use std::process::ExitCode;

use clap::Args;

use super::run::block_on;
use super::status::{Asked, Daemon};
use super::{BAD_USAGE, FAILED, output};
use crate::control::client::Error;
use crate::control::{Reloaded, Request};

pub(super) const HELP: &str = "\
Examples:
  sudo starttech-agent reload                  after a change of /etc/starttech-agent/agent.toml
  starttech-agent reload --local=/tmp/logs     the daemon that was started with it

systemctl reload starttech-agent and SIGHUP do the same, but what is wrong with the configuration is in the journal only.
A bad one is refused, and the daemon goes on with what it has.

Exit codes:
  0   the daemon has it
  1   nobody answers, or the daemon does not come to it now
  64  the configuration has faults, and nothing was changed";

/// What can be said to `reload`.
#[derive(Debug, Args)]
pub(super) struct Options {
    #[command(flatten)]
    asked: Asked,
}

/// Asks, and says what became of it.
pub(super) fn reload(options: &Options) -> anyhow::Result<ExitCode> {
    let daemon = Daemon::of(&options.asked)?;
    let answer = block_on(async { Ok(daemon.ask(&Request::Reload).await) })?;
    Ok(told(&daemon, answer))
}

fn told(daemon: &Daemon, answer: Result<Reloaded, Error>) -> ExitCode {
    match answer {
        Ok(Reloaded { reloaded: true, restart_for, .. }) => {
            output::result("the daemon has read its configuration again");
            if !restart_for.is_empty() {
                output::complaint(&format!(
                    "what was changed of {restart_for} holds from the next start\n  → sudo systemctl restart \
                     starttech-agent"
                ));
            }
            ExitCode::SUCCESS
        }
        Ok(_) => {
            output::complaint(
                "the configuration is good, and takes effect when the daemon's log loop comes to it, which it does not \
                 now\n  → is the disk of the spool full or slow? df -h; starttech-agent status",
            );
            ExitCode::from(FAILED)
        }
        Err(Error::Unfit(words)) => {
            output::complaint(&words);
            ExitCode::from(BAD_USAGE)
        }
        Err(error) => {
            output::complaint(&daemon.mended(&error));
            ExitCode::from(FAILED)
        }
    }
}
