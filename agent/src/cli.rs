//! The command line: what can be asked of the program, and what comes back as text and exit code.
//!
//! Each command is one file below. Results go to standard output, complaints to standard error, and
//! both are written by `cli/output.rs` alone.

mod account;
mod alarms;
mod apply;
mod check;
mod dashboard;
mod demo;
mod destroy;
mod from;
mod lint;
mod logs;
mod output;
mod plan;
mod reload;
mod run;
mod silence;
mod status;
mod top;

use std::path::PathBuf;
use std::process::ExitCode;

use clap::error::ErrorKind;
use clap::{Args, Parser, Subcommand};

use crate::config::fault::Faults;

/// Something failed at run time.
const FAILED: u8 = 1;

/// There is something to do or to find, where that was asked for.
const FINDINGS: u8 = 2;

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
  starttech-agent status             is it well? What the running daemon says
  starttech-agent check              why are there no logs? Asks Docker, AWS and the disk
  starttech-agent logs -f            what the containers say, as it is shipped
  starttech-agent demo               see it work, with neither AWS nor Docker
  starttech-agent plan               what would `apply` change in the account?
  starttech-agent alarms list        how do the alarms stand?
  starttech-agent run --local        ship to files under ./starttech-logs instead of AWS
  systemctl status starttech-agent   is the daemon up, and what is it doing?
  journalctl -u starttech-agent -e   what has it said?

Exit codes:
  0   as asked
  1   failed at run time; for `check`: a prerequisite is not met; for `status`: something is wrong
  2   `plan --detailed-exitcode`: there is something to do; `lint`: there are findings
  64  bad usage or configuration";

#[derive(Debug, Subcommand)]
enum Command {
    /// Run the daemon in the foreground; SIGTERM stops it, SIGHUP reloads the configuration
    #[command(after_help = RUN_HELP)]
    Run(run::Options),

    /// Is the daemon well, what does it do, and what is to be done? Asks the one that runs
    #[command(after_help = status::HELP)]
    Status(status::Options),

    /// Have the running daemon read its configuration again, and hear what is wrong with it
    #[command(after_help = reload::HELP)]
    Reload(reload::Options),

    /// Watch the daemon at work, on a terminal: containers, requests, delivery, alerts
    #[command(after_help = top::HELP)]
    Top(top::Options),

    /// See it at work with a sample backend, with neither Docker nor AWS
    #[command(after_help = DEMO_HELP)]
    Demo(demo::Options),

    /// Check the configuration, then everything the daemon needs, and say what to mend
    #[command(after_help = CHECK_HELP)]
    Check(check::Options),

    /// What the containers print, as it is shipped: from what this host still has, without AWS
    #[command(after_help = logs::HELP)]
    Logs(logs::Options),

    /// Show what `apply` would change in the account: log groups, topic, alarms, dashboard, saved queries
    #[command(after_help = PLAN_HELP)]
    Plan(plan::Options),

    /// Make the account what the configuration says
    #[command(after_help = APPLY_HELP)]
    Apply(apply::Options),

    /// Delete what `apply` made, and nothing else
    #[command(after_help = DESTROY_HELP)]
    Destroy(destroy::Options),

    /// The alarms: what is defined, how it stands, and whether it fires when it should
    #[command(subcommand, after_help = ALARMS_HELP)]
    Alarms(alarms::Command),

    /// Have this host's daemon tell nobody of some of its own alerts for a while: a deploy, maintenance
    #[command(after_help = silence::HELP)]
    Silence(silence::Options),

    /// The dashboard: with this account's names, or drawn on a page of this host, or into a file
    #[command(subcommand, after_help = DASHBOARD_HELP)]
    Dashboard(dashboard::Command),

    /// Say what is wrong with dashboards, alarm definitions and queries that somebody wrote
    #[command(after_help = lint::HELP)]
    Lint(lint::Options),
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
  sudo starttech-agent check                   as root it judges for the service, see below
  starttech-agent check --offline              in a build: configuration and spool only
  sudo starttech-agent check --bundle          what a bug report needs, in one file
  starttech-agent check --json | jq -r '.[] | select(.verdict == \"bad\") | .mend'

Each line begins with
  ✓  good
  ✗  the agent cannot do its work until this is mended
  ?  it can, but lines may be lost, or nobody can tell
  ·  told, and nothing that has to be mended

All is asked at the same time, and nothing in the account is changed. It takes 15 seconds at most.

Asked by root, Docker's socket, log files and spool are judged for the service's user, by modes, owners and groups,
and what the unit sets (Environment=) is taken into this call unless --config is given. A difference that is left is
told. What is not seen: access control lists, and what the unit's sandbox hides.

Exit codes:
  0   nothing is ✗
  1   something is ✗
  64  bad configuration; nothing else was checked";

const PLAN_HELP: &str = "\
Examples:
  starttech-agent plan                             from a laptop, with AWS_PROFILE set
  starttech-agent plan --detailed-exitcode         in a pipeline: 2 if the account is not as it shall be
  starttech-agent plan --json | jq -r '.changes[] | select(.step != \"keep\") | .name'
  starttech-agent plan --format terraform-json > starttech.tf.json
  starttech-agent plan --from alarms/*.json        alarms that somebody wrote, instead of the agent's

Nothing is changed. Only what carries the agent's mark would ever be changed or deleted.

Exit codes:
  0   shown
  1   not all could be looked at, or a part of the platform is to be named first
  2   with --detailed-exitcode: there is something to do
  64  bad usage or configuration";

const APPLY_HELP: &str = "\
Examples:
  starttech-agent apply                            shows the plan and asks
  starttech-agent apply --yes                      in a pipeline
  starttech-agent apply --yes --test-notification  does the mail arrive?
  starttech-agent apply --from alarms/*.json       alarms that somebody wrote, as `lint` understands them

What is refused is said once, with the policy that would allow it, and everything else goes on. A second run has
nothing to do.

Exit codes:
  0   all is as it shall be, but for what is not ours and was left as it is
  1   something was refused, could not be looked at, or must be named first; or the answer was not yes
  64  bad usage or configuration; a file with errors, as `lint` finds them; or no --yes where nobody can be asked";

const DESTROY_HELP: &str = "\
Examples:
  starttech-agent destroy                          shows what is ours and asks
  starttech-agent destroy --yes --log-groups       the logs, too

Only what carries the mark of this `provision.prefix` goes.

Exit codes:
  0   nothing of ours is left, but for log groups without --log-groups
  1   something was refused or could not be looked at; or the answer was not yes
  64  bad usage or configuration; or no --yes where nobody can be asked";

const ALARMS_HELP: &str = "\
Examples:
  starttech-agent alarms list                      ours, what is in ALARM first
  starttech-agent alarms list --all                everybody's
  starttech-agent alarms list --json | jq -r '.[] | select(.state == \"ALARM\") | .name'
  starttech-agent alarms test dashboards/alarms/tests/*.toml
  starttech-agent alarms drill no-healthy-target   does its mail arrive? Asks first";

const DASHBOARD_HELP: &str = "\
Examples:
  starttech-agent dashboard render --out starttech.json
  aws cloudwatch put-dashboard --dashboard-name mine --dashboard-body file://starttech.json";

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
            Command::Status(options) => status::status(&options),
            Command::Reload(options) => reload::reload(&options),
            Command::Top(options) => top::top(&options),
            Command::Demo(options) => demo::demo(&options).map(|()| ExitCode::SUCCESS),
            Command::Check(options) => check::check(&options),
            Command::Logs(options) => logs::logs(&options),
            Command::Plan(options) => plan::plan(&options),
            Command::Apply(options) => apply::apply(&options),
            Command::Destroy(options) => destroy::destroy(&options),
            Command::Alarms(command) => alarms::alarms(&command),
            Command::Silence(options) => silence::silence(&options),
            Command::Dashboard(command) => dashboard::dashboard(&command),
            Command::Lint(options) => lint::lint(&options),
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
