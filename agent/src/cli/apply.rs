//! `apply`: makes the account what the configuration says, step by step as planned.

mod carry;
mod start;
#[cfg(test)]
pub(super) mod tests;

use std::io::IsTerminal;
use std::path::PathBuf;
use std::process::ExitCode;

use anyhow::bail;
use clap::Args;

use self::carry::{Done, Told, carry_out};
use super::account::{Looked, Opened, by_hand, confirmed, policy, show};
use super::from::Files;
use super::run::block_on;
use super::{BAD_USAGE, ConfigFile, FAILED, output};
use crate::config::Config;
use crate::provision::parts::Missing;
use crate::provision::plan::{Plan, Step, missing_words, sentences};
use crate::provision::{Account, Refusal, topic};

/// What can be said to `apply`.
#[derive(Debug, Args)]
pub(super) struct Options {
    #[command(flatten)]
    file: ConfigFile,

    /// Without asking
    #[arg(long)]
    yes: bool,

    /// Alarms of these files, and nothing else
    #[arg(long, value_name = "FILE", num_args = 1..)]
    from: Vec<PathBuf>,

    /// Then send a test message to everybody who subscribed to the topic
    #[arg(long, conflicts_with = "from")]
    test_notification: bool,

    /// As the daemon does it: no question, few words, and without the parts that are not found
    #[arg(long, hide = true, conflicts_with_all = ["yes", "from", "test_notification"])]
    at_start: bool,
}

/// Plans, asks, and carries it out.
pub(super) fn apply(options: &Options) -> anyhow::Result<ExitCode> {
    let config = Config::load(options.file.config.as_deref(), std::env::vars_os())?;
    if options.at_start {
        return start::apply(&config);
    }
    let files = match Files::of(&options.from) {
        Ok(files) => files,
        Err(code) => return Ok(code),
    };
    block_on(async {
        let (opened, looked) = by_hand(&config, files).await?;
        let plan = looked.plan();
        show(&opened, &looked, &plan);
        if let Some(complaint) = asked_for(&plan.missing) {
            bail!("{complaint}");
        }
        let leave = with_leave(&opened.account, &plan, &opened.region, options.yes, "Apply");
        let mut done = match Box::pin(leave).await? {
            Ok(done) => done,
            Err(code) => return Ok(code),
        };
        if !plan.changes_nothing() {
            Box::pin(settled(&opened, &looked, &mut done)).await;
            output::result(&format!("\n{}", summary(&plan, &done)));
        }
        if options.test_notification {
            Box::pin(test_notification(&opened, &looked)).await?;
        }
        Ok(done.code(&plan))
    })
}

/// Why nothing can be done before somebody says which parts are meant.
pub(super) fn asked_for(missing: &[Missing]) -> Option<String> {
    let parts: Vec<String> = missing.iter().map(|part| missing_words(part).replace('\n', "; ")).collect();
    (!parts.is_empty()).then(|| {
        format!("it is not known what to provision for, so nothing was changed:\n  {}", parts.join("\n  "))
    })
}

/// Carries the plan out if that is what is wanted. `Err`: it is not; that was said, and is the exit code.
pub(super) async fn with_leave(
    account: &impl Account,
    plan: &Plan,
    home: &str,
    yes: bool,
    verb: &str,
) -> anyhow::Result<Result<Done, ExitCode>> {
    if plan.changes_nothing() {
        return Ok(Ok(Done::default()));
    }
    if !yes {
        if !std::io::stdin().is_terminal() {
            output::complaint(
                "there is no terminal to ask at, so nothing was changed: write --yes to do this",
            );
            return Ok(Err(ExitCode::from(BAD_USAGE)));
        }
        if !confirmed(&format!("\n{verb} this? Only `yes` does it: "))? {
            output::complaint("nothing was changed");
            return Ok(Err(ExitCode::from(FAILED)));
        }
    }
    output::result("");
    let mut tell = |told: Told<'_>| output::result(&told.line(home, output::coloured()));
    Ok(Ok(carry_out(account, plan, &mut tell).await))
}

/// Looks again where others may have acted at the same time, and at who has confirmed.
async fn settled(opened: &Opened, looked: &Looked, done: &mut Done) {
    done.settle(&opened.account, looked).await;
}

/// How it went, with what is left to do.
pub(super) fn summary(plan: &Plan, done: &Done) -> String {
    let kept = plan.changes.iter().filter(|change| change.step == Step::Keep).count();
    let counts = [
        (done.created, "created"),
        (done.changed, "changed"),
        (done.deleted, "deleted"),
        (kept, "unchanged"),
        (done.refused.len(), "refused"),
    ];
    let counts = counts.iter().filter(|(count, _)| *count > 0).map(|(count, word)| format!("{count} {word}"));
    let mut lines = vec![counts.collect::<Vec<_>>().join(", ")];
    if lines.iter().all(String::is_empty) {
        lines = vec!["nothing was there to do".to_owned()];
    }
    for (what, text) in &done.said {
        lines.push(format!("  · {what}: {text}"));
    }
    if !done.pending.is_empty() {
        lines.push(format!(
            "  · not confirmed yet: {}; who is asked for it finds a link in the message, for two days",
            done.pending.join(", ")
        ));
    }
    let refused: Vec<Refusal> = done.refused.iter().map(|(_, refusal)| refusal.clone()).collect();
    lines.extend(sentences(&refused).into_iter().map(|sentence| format!("  · {sentence}")));
    if let Some(policy) = policy(&refused) {
        lines.push(format!("\n{policy}"));
    }
    lines.join("\n")
}

/// One message that nobody can take for an alarm.
async fn test_notification(opened: &Opened, looked: &Looked) -> anyhow::Result<()> {
    const SUBJECT: &str = "Test of starttech-agent: nothing is wrong";
    let arn = topic::arn(&opened.settings, &looked.parts, &opened.region);
    let message = format!(
        "This is a test: nothing is wrong, and there is nothing to do.\n\nSomebody ran `starttech-agent apply \
         --test-notification`. You get it because you subscribed to the topic {} in {}; alarms of the platform come \
         the same way.",
        opened.settings.topic, opened.region
    );
    match opened.account.publish(&arn, SUBJECT, &message).await {
        Ok(()) => output::result(&format!(
            "\na test message went to {arn}: those who have confirmed their subscription get it"
        )),
        Err(refusal) => bail!("the test message was not sent to {arn}: {refusal}"),
    }
    Ok(())
}
