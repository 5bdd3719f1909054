//! `apply --at-start`: the daemon's child. Asks nobody, goes on without what is not found, and says in a few
//! lines of the journal what became of it.

use std::collections::BTreeMap;
use std::process::ExitCode;

use log::{info, warn};

use super::carry::{Done, carry_out};
use crate::cli::FAILED;
use crate::cli::account::{Asked, Looked, look, open};
use crate::cli::run::block_on;
use crate::config::Config;
use crate::provision::plan::{Plan, Step, missing_words, sentences};
use crate::provision::{Account, Kind, Refusal, Settings, rights};
use crate::telemetry;

/// Where the policy stands that allows all of it.
const POLICY: &str = "/usr/share/starttech-agent/iam/provisioner.json";

/// Does what this host's role allows.
pub(super) fn apply(config: &Config) -> anyhow::Result<ExitCode> {
    telemetry::install(config.log.level);
    block_on(async {
        let applied = async {
            let opened = Box::pin(open(config, Asked::AtStart)).await?;
            Box::pin(in_account(&opened.account, &opened.settings, &opened.region)).await
        };
        match applied.await {
            Ok(lines) => {
                for line in lines {
                    info!("{line}");
                }
                Ok(ExitCode::SUCCESS)
            }
            Err(error) => {
                warn!("the account was not provisioned: {error:#}");
                Ok(ExitCode::from(FAILED))
            }
        }
    })
}

/// The same in any account. Gives what to say.
pub(super) async fn in_account(
    account: &impl Account,
    settings: &Settings,
    region: &str,
) -> anyhow::Result<Vec<String>> {
    let looked = look(account, settings, region, Asked::AtStart).await?;
    let mut plan = looked.plan();
    // Nobody is asked here, and a mark goes along when somebody copies an alarm: what is to go waits for
    // `apply` by hand.
    plan.changes.retain(|change| change.step != Step::Delete);
    let mut done = carry_out(account, &plan, &mut |_| {}).await;
    done.settle(account, &looked).await;
    Ok(words(&looked, &plan, &done))
}

/// What became of it, in few lines: nothing of what is as ever but one.
fn words(looked: &Looked, plan: &Plan, done: &Done) -> Vec<String> {
    let mut lines = Vec::new();
    let kept = plan.changes.iter().filter(|change| change.step == Step::Keep).count();
    let mut kinds: BTreeMap<Kind, usize> = BTreeMap::new();
    for kind in &done.kinds {
        *kinds.entry(*kind).or_default() += 1;
    }
    let mut parts: Vec<String> = Vec::new();
    if done.created > 0 {
        let kinds: Vec<String> =
            kinds.iter().map(|(kind, count)| format!("{} {count}", kind.word())).collect();
        parts.push(format!("{} created ({})", done.created, kinds.join(", ")));
    }
    for (count, word) in [(done.changed, "changed"), (done.deleted, "deleted"), (kept, "as they shall be")] {
        if count > 0 {
            parts.push(format!("{count} {word}"));
        }
    }
    lines.push(format!(
        "provisioned: {}",
        if parts.is_empty() { "nothing".to_owned() } else { parts.join(", ") }
    ));
    let left = plan.changes.iter().filter(|change| matches!(change.step, Step::Leave(_))).count();
    if left > 0 {
        lines.push(format!("{left} left as they are: `starttech-agent plan` says why"));
    }
    if !done.pending.is_empty() {
        lines.push(format!("not confirmed yet: {}", done.pending.join(", ")));
    }
    let refused: Vec<Refusal> =
        looked.refused(plan).into_iter().chain(done.refused.iter().map(|(_, why)| why.clone())).collect();
    if !refused.is_empty() {
        lines.push(format!(
            "not provisioned from here, which is normal under the default role: {}; to let hosts do it, {POLICY}; \
             else `starttech-agent apply` with a wider role",
            sentences(&refused).join("; ")
        ));
        if refused.iter().any(|refusal| matches!(refusal, Refusal::Denied { .. })) {
            lines.push(format!("what the role lacks: {}", rights::statement(&refused)));
        }
    }
    if !plan.missing.is_empty() {
        let missing: Vec<String> =
            plan.missing.iter().map(|part| missing_words(part).replace('\n', ", ")).collect();
        lines.push(format!("without what was not found: {}", missing.join("; ")));
    }
    lines
}
