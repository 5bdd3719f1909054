//! The command line: what can be asked of the program, and what comes back as text and exit code.
//!
//! Each command is one file below. Results go to standard output, complaints to standard error, and
//! both are written by `cli/output.rs` alone.

mod check;
mod demo;
mod output;
mod run;

use std::path::PathBuf;
use std::process::ExitCode;

use clap::error::ErrorKind;
use clap::{Args, Parser, Subcommand};

use crate::config::fault::Faults;

/// Something failed at run time.
const FAILED: u8 = 1;

/// Bad usage or configuration: `EX_USAGE` of sysexits.h. The unit does not restart on it.
const BAD_USAGE: u8 = 64;

/// Ships every line that this host's containers print to CloudWatch Logs.
#[derive(Debug, Parser)]
#[command(name = "starttech-agent", version, after_help = HELP, arg_required_else_help = true)]
pub struct Arguments {
    /// What to do.
    #[command(subcommand)]
    command: Command,
}

const HELP: &str = "\
Examples:
  starttech-agent check              why are there no logs? Asks Docker, AWS and the disk
  starttech-agent demo               see it work, with neither AWS nor Docker
  starttech-agent run --local        ship to files under ./starttech-logs instead of AWS
  systemctl status starttech-agent   is the daemon up, and what is it doing?
  journalctl -u starttech-agent -e   what has it said?

Exit codes:
  0   as asked
  1   failed at run time; for `check`: a prerequisite is not met
  64  bad usage or configuration";

#[derive(Debug, Subcommand)]
enum Command {
    /// Run the daemon in the foreground; SIGTERM stops it, SIGHUP reloads the configuration
    #[command(after_help = RUN_HELP)]
    Run(run::Options),

    /// See it at work with a sample backend, with neither Docker nor AWS
    #[command(after_help = DEMO_HELP)]
    Demo(demo::Options),

    /// Check the configuration, then everything the daemon needs, and say what to mend
    #[command(after_help = CHECK_HELP)]
    Check(check::Options),
}

const RUN_HELP: &str = "\
Examples:
  starttech-agent run                          what the unit starts
  starttech-agent run --local=/tmp/logs        no AWS: one file a stream, /tmp/logs/<group>/<stream>
  STARTTECH_LOG_LEVEL=debug starttech-agent run
                                               every key of agent.toml is also a variable";

const DEMO_HELP: &str = "\
Examples:
  starttech-agent demo                         until Ctrl-C; leaves nothing behind
  starttech-agent demo --for 10s --dir out     keeps the container's log and what was shipped
  starttech-agent demo | grep ERROR            through a pipe, lines come as they are shipped

This host's configuration is not read.";

const CHECK_HELP: &str = "\
Examples:
  sudo starttech-agent check                   as root it sees what the service sees
  starttech-agent check --offline              in a build: configuration and spool only
  starttech-agent check --json | jq -r '.[] | select(.verdict == \"bad\") | .mend'

Each line begins with
  ✓  good
  ✗  the agent cannot do its work until this is mended
  ?  it can, but lines may be lost, or nobody can tell

Exit codes:
  0   nothing is ✗
  1   something is ✗
  64  bad configuration; nothing else was checked";

/// Where the configuration is.
#[derive(Debug, Args)]
struct ConfigFile {
    /// Configuration file; conf.d/*.toml beside it is read too [default: /etc/starttech-agent/agent.toml, if it exists]
    #[arg(long, value_name = "FILE")]
    config: Option<PathBuf>,
}

impl Arguments {
    /// Does what was asked, and says how it went.
    pub fn execute(self) -> ExitCode {
        let done = match self.command {
            Command::Run(options) => run::run(&options).map(|()| ExitCode::SUCCESS),
            Command::Demo(options) => demo::demo(&options).map(|()| ExitCode::SUCCESS),
            Command::Check(options) => check::check(&options),
        };
        done.unwrap_or_else(|error| fail(&error))
    }
}

/// Says why, with all the causes, and finds the exit code.
fn fail(error: &anyhow::Error) -> ExitCode {
    if let Some(faults) = error.downcast_ref::<Faults>() {
        output::complaint(&output::faults(faults));
        return ExitCode::from(BAD_USAGE);
    }
    output::complaint(&format!("starttech-agent: {error:#}"));
    ExitCode::from(FAILED)
}

/// Answers arguments that are no command: `--help` and `--version` with what they ask for.
pub fn refuse(error: &clap::Error) -> ExitCode {
    // The reader may be gone (`| head`): nobody is left to tell.
    error.print().ok();
    match error.kind() {
        ErrorKind::DisplayHelp | ErrorKind::DisplayVersion => ExitCode::SUCCESS,
        _ => ExitCode::from(BAD_USAGE),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use clap::CommandFactory;

    #[test]
    fn the_definition_is_consistent() {
        Arguments::command().debug_assert();
    }

    #[test]
    fn local_takes_its_directory_only_after_an_equals_sign() {
        for (arguments, local) in [
            (&["a", "run"][..], None),
            (&["a", "run", "--local"], Some("starttech-logs")),
            (&["a", "run", "--local=/tmp/x"], Some("/tmp/x")),
            (&["a", "run", "--local", "--config", "f"], Some("starttech-logs")),
        ] {
            let Command::Run(options) = Arguments::try_parse_from(arguments).unwrap().command else {
                panic!()
            };
            assert_eq!(options.local, local.map(PathBuf::from), "{arguments:?}");
        }
        assert!(Arguments::try_parse_from(["a", "run", "--local", "/tmp/x"]).is_err());
    }
}
