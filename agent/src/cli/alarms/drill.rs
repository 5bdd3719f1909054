//! `alarms drill`: an alarm of the account goes to ALARM for a moment although nothing is wrong, so that somebody sees
//! its message arrive; then it is set back, whatever happens meanwhile. The daemon's own rules: `drill/local.rs`.

mod local;
mod scene;

use std::io::IsTerminal;
use std::process::ExitCode;
use std::time::Duration;

use clap::Args;
use tokio::signal::unix::{SignalKind, signal};
use tokio::time::sleep;

use self::scene::{Refused, Scene};
use crate::aws::account::AwsAccount;
use crate::cli::account::{Asked, Opened, confirmed, open, policy};
use crate::cli::check::user::asker;
use crate::cli::run::{asked_to_stop, block_on};
use crate::cli::{BAD_USAGE, ConfigFile, FAILED, output};
use crate::config::Config;
use crate::provision::plan::{clean, sentences};
use crate::provision::{Address, CLOUDFRONT_REGION, Held, Kind, Refusal};

/// An alarm must not stay as a drill has set it: so often it is tried to set it back, with a pause between.
const ATTEMPTS: u32 = 5;
const PAUSE: Duration = Duration::from_secs(2);

pub(super) const HELP: &str = "\
Examples:
  starttech-agent alarms drill no-healthy-target           shows who will get it, and asks
  starttech-agent alarms drill starttech-errors --yes      a composite alarm; takes as long as it waits for another
  sudo starttech-agent alarms drill --local container-died a message of this host's daemon: its role, its topic

An alarm of the account is set to ALARM with the reason `DRILL, nothing is wrong: …`, and back to what it was before,
also after Ctrl-C or a failure. CloudWatch sends its messages as it does when it is serious, so people are woken: tell
them first. An alarm that rings already is not touched; neither is one that does more than send messages.

It needs cloudwatch:DescribeAlarms, cloudwatch:SetAlarmState and sns:ListSubscriptionsByTopic; --local sns:Publish.

Exit codes:
  0   the messages are on their way, and the alarm is as it was before
  1   a drill would prove nothing, was refused, or was interrupted; or the answer was not yes
  64  no such alarm or rule; or no --yes where nobody can be asked";

/// What can be said to `alarms drill`.
#[derive(Debug, Args)]
pub(in crate::cli) struct Options {
    #[command(flatten)]
    file: ConfigFile,

    /// The alarm, with or without the prefix; with --local a rule, such as container-died
    #[arg(value_name = "NAME")]
    name: String,

    /// Without asking
    #[arg(long)]
    yes: bool,

    /// A rule of this host's daemon instead: one ALARM and one OK message, marked as a drill, by its own way and role
    #[arg(long)]
    local: bool,
}

/// Looks, asks, and does it.
pub(super) fn drill(options: &Options) -> anyhow::Result<ExitCode> {
    let config = Config::load(options.file.config.as_deref(), std::env::vars_os())?;
    if options.local {
        return local::drill(&config, &options.name, options.yes);
    }
    block_on(async {
        let opened = Box::pin(open(&config, Asked::ByHand)).await?;
        let (alarms, refused) = alarms(&opened).await;
        let scene = match Scene::of(&options.name, &opened.settings.prefix, &alarms) {
            Ok(scene) => scene,
            Err(Refused { complaint, is_usage }) => {
                // Of what may not be looked at nothing is known.
                if !alarms.is_empty() || refused.is_empty() {
                    output::complaint(&complaint);
                }
                complain(&refused);
                return Ok(ExitCode::from(if is_usage && refused.is_empty() { BAD_USAGE } else { FAILED }));
            }
        };
        output::result(&scene.shown());
        if !Box::pin(has_audience(&opened.account, &scene)).await {
            return Ok(ExitCode::from(FAILED));
        }
        if let Some(code) = no_leave(options.yes)? {
            return Ok(code);
        }
        Box::pin(ring(&opened.account, &scene)).await
    })
}

/// All there are where the platform's are, and what may not be looked at.
async fn alarms(opened: &Opened) -> (Vec<Held>, Vec<Refusal>) {
    let (mut alarms, mut refused) = (Vec::new(), Vec::new());
    let elsewhere = (opened.region != CLOUDFRONT_REGION).then(|| CLOUDFRONT_REGION.to_owned());
    for region in std::iter::once(opened.region.clone()).chain(elsewhere) {
        match opened.account.alarms(&region).await {
            Ok(held) => alarms.extend(held),
            Err(refusal) => refused.push(refusal),
        }
    }
    (alarms, refused)
}

fn complain(refused: &[Refusal]) {
    for words in sentences(refused).iter().chain(&policy(refused)) {
        output::complaint(words);
    }
}

/// Says who gets it. `false`: nobody does, so that nothing would be proved.
async fn has_audience(account: &AwsAccount, scene: &Scene<'_>) -> bool {
    output::result("Who gets it:");
    let mut heard = false;
    for topic in scene.actions() {
        output::result(&format!("  {topic}"));
        match account.subscriptions(topic).await {
            Ok(subscriptions) => {
                for held in &subscriptions {
                    let confirmed = held.id.as_deref().is_some_and(|id| id.starts_with("arn:"));
                    let who = held.resource.address.name.split_once('/').map_or("", |(_, who)| who);
                    let pending = if confirmed { "" } else { "  has not confirmed, and gets nothing" };
                    output::result(&format!("    {}{pending}", clean(&who.replacen('/', " ", 1))));
                    heard |= confirmed;
                }
                if subscriptions.is_empty() {
                    output::result("    nobody has subscribed to it");
                }
            }
            Err(refusal) => {
                // Somebody may be there.
                heard = true;
                output::result(&format!("    who has subscribed is not known: {refusal}"));
            }
        }
    }
    if !heard {
        output::complaint(
            "nobody would get it, so a drill proves nothing: set alerts.emails, `starttech-agent apply`, and confirm the mail",
        );
    }
    heard
}

/// The exit code if it is not to be done.
pub(super) fn no_leave(yes: bool) -> std::io::Result<Option<ExitCode>> {
    if yes {
        return Ok(None);
    }
    if !std::io::stdin().is_terminal() {
        output::complaint("there is no terminal to ask at, so nothing was done: write --yes to do this");
        return Ok(Some(ExitCode::from(BAD_USAGE)));
    }
    if !confirmed("\nDo this? Only `yes` does it: ")? {
        output::complaint("nothing was done");
        return Ok(Some(ExitCode::from(FAILED)));
    }
    Ok(None)
}

/// To ALARM and back. From the first call on nothing ends the process before the alarm is set back.
async fn ring(account: &AwsAccount, scene: &Scene<'_>) -> anyhow::Result<ExitCode> {
    let (stop, mut hangup) = (asked_to_stop()?, signal(SignalKind::hangup())?);
    let host = gethostname::gethostname().to_string_lossy().into_owned();
    let asked = format!("by `starttech-agent alarms drill`, asked for by {} on {host}", asker());
    let alarm = scene.address();
    let reason = format!("{DRILL}: set for {} s {asked}", scene.hold().as_secs());
    let mut went_well = true;
    match account.set_state(alarm, "ALARM", &reason).await {
        Ok(()) => {
            let hold = scene.hold();
            output::result(&format!("\n{} is in ALARM, for {} s", alarm.name, hold.as_secs()));
            tokio::select! {
                () = sleep(hold) => {}
                () = stop => went_well = false,
                _ = hangup.recv() => went_well = false,
            }
            if !went_well {
                output::complaint("interrupted: setting it back");
            }
        }
        // It may have been done, and the answer lost.
        Err(refusal @ Refusal::Unreachable(_)) => {
            output::complaint(&format!("it is not known whether it is in ALARM: {refusal}"));
            went_well = false;
        }
        Err(refusal) => {
            output::complaint("it was not set to ALARM, and is as it was before");
            complain(&[refusal]);
            return Ok(ExitCode::from(FAILED));
        }
    }
    let is_back = set_back(account, scene, &format!("{OVER}: back to {} {asked}", scene.before())).await;
    if went_well && is_back {
        output::result(&scene.expected());
        return Ok(ExitCode::SUCCESS);
    }
    Ok(ExitCode::from(FAILED))
}

/// How the reasons of a drill begin.
const DRILL: &str = "DRILL, nothing is wrong";
const OVER: &str = "DRILL is over, nothing was wrong";

/// Sets it back, unless it is in another state by now, which nobody but CloudWatch itself has set.
async fn set_back(account: &AwsAccount, scene: &Scene<'_>, reason: &str) -> bool {
    let (alarm, before) = (scene.address(), scene.before());
    let mut last = None;
    for attempt in 0..ATTEMPTS {
        if attempt > 0 {
            sleep(PAUSE).await;
        }
        if let Ok(Some(now)) = account.state_of(alarm).await {
            if now.value != "ALARM" {
                let by = if attempt == 0 { ", which CloudWatch has seen to itself" } else { "" };
                output::result(&format!("{} is {} again{by}", alarm.name, now.value));
                return true;
            }
            if !now.reason.starts_with(DRILL) {
                output::complaint(&format!(
                    "{} is in ALARM for a reason of its own now, and is left so: {}",
                    alarm.name,
                    clean(&now.reason)
                ));
                return false;
            }
        }
        match account.set_state(alarm, before, reason).await {
            Ok(()) => {
                output::result(&format!("{} is back to {before}", alarm.name));
                return true;
            }
            Err(refusal) => last = Some(refusal),
        }
    }
    complain(&last.into_iter().collect::<Vec<_>>());
    let Address { region, name, kind } = alarm;
    let itself = match kind {
        Kind::CompositeAlarm => "it stays so until one of the alarms that it asks for changes",
        _ => "CloudWatch sets it right at its next look, within minutes",
    };
    output::complaint(&format!(
        "{name} COULD NOT BE SET BACK and may be in ALARM although nothing is wrong; {itself}. Set it back by hand:\n  \
         aws cloudwatch set-alarm-state --region {region} --alarm-name {name} --state-value {before} --state-reason 'the drill is over'"
    ));
    false
}
