//! Whether the account is as declared, as far as this role may look: what `plan` would do, in a few lines; who has
//! not confirmed a subscription; and which metrics alarms wait for in vain.

use std::collections::{BTreeMap, BTreeSet};

use futures_util::StreamExt;

use super::Finding;
use super::rights::allow;
use crate::alarms::definition::{Alarm, Metric, Missing};
use crate::aws::account::AwsAccount;
use crate::cli::account::{Asked, Looked, look};
use crate::provision::plan::{Plan, Step, name, sentences};
use crate::provision::{Address, Content, Kind, Refusal, Settings};

const WHAT: &str = "account";
const PLAN: &str = "starttech-agent plan shows each; starttech-agent apply does it";

/// What stands in the place of a subscription's ARN until it is confirmed.
/// <https://docs.aws.amazon.com/sns/latest/api/API_Subscription.html>
const PENDING: &str = "PendingConfirmation";

/// Questions for metrics at the same time.
const AT_ONCE: usize = 8;
/// Names in one line.
const NAMES: usize = 12;

/// Looks at the account. `settings` name the host's own group, if that is known. `wanted`: this host is to provision,
/// as somebody said; else it needs no right to look, and what cannot be looked at is nothing to mend here.
pub(super) async fn findings(
    account: &AwsAccount,
    settings: &Settings,
    region: &str,
    wanted: bool,
) -> Vec<Finding> {
    let looked = match look(account, settings, region, Asked::AtStart).await {
        Ok(looked) => looked,
        Err(error) => {
            return vec![unseen(
                wanted,
                WHAT,
                format!("cannot be looked at: {error:#}"),
                "from a laptop with more rights: starttech-agent plan".to_owned(),
            )];
        }
    };
    let plan = looked.plan();
    let refusals = looked.refused(&plan);
    let mut found = vec![differences(&plan, region, !wanted && !refusals.is_empty())];
    found.extend(refused(&refusals, wanted));
    found.extend(subscriptions(&looked, settings, region));
    found.extend(unpublished(account, &looked, wanted).await);
    found
}

/// Of what the role does not let us see: something to mend where the host is to see it, else a remark.
fn unseen(wanted: bool, what: &str, detail: String, mend: String) -> Finding {
    if wanted { Finding::unsure(what, detail, mend) } else { Finding::note(what, detail, mend) }
}

/// What `plan` would do, in a line. `blind`: what was not found may be there, for not all may be looked at.
fn differences(plan: &Plan, region: &str, blind: bool) -> Finding {
    let of = |step: fn(&Step) -> bool| plan.changes.iter().filter(move |change| step(&change.step));
    let mut missing: Vec<_> = of(|step| *step == Step::Create).map(|change| &change.address).collect();
    // Alarms first: without the others something is less comfortable, without them nobody is told.
    missing.sort_by_key(|address| !matches!(address.kind, Kind::Alarm | Kind::CompositeAlarm));
    let words =
        |address: &&Address| format!("{} {}", address.kind.word().replace('_', " "), name(address, region));
    let missing: Vec<String> = missing.iter().map(words).collect();
    let updates = of(|step| *step == Step::Update).count();
    let deletions = of(|step| *step == Step::Delete).count();
    let kept = of(|step| matches!(step, Step::Keep | Step::Leave(_))).count();
    let unnamed: Vec<&str> = plan.missing.iter().map(|missing| missing.key).collect();
    let mut words = Vec::new();
    if !missing.is_empty() {
        words.push(format!("{} missing: {}", missing.len(), few(&missing)));
    }
    if updates > 0 {
        words.push(format!("{updates} different"));
    }
    if deletions > 0 {
        words.push(format!("{deletions} no longer wanted"));
    }
    let is_different = !words.is_empty();
    if !unnamed.is_empty() {
        words.push(format!("not found, so to be named: {}", unnamed.join(", ")));
    }
    let kept = format!("{kept} things are there as declared");
    if words.is_empty() {
        return Finding::good(WHAT, kept);
    }
    let detail = format!("{}; {kept}", words.join("; "));
    unseen(is_different || !blind, WHAT, detail, PLAN.to_owned())
}

fn few(names: &[String]) -> String {
    let mut text = names.iter().take(NAMES).map(String::as_str).collect::<Vec<_>>().join(", ");
    if let Some(more) = names.len().checked_sub(NAMES).filter(|more| *more > 0) {
        text.extend([" and ", &more.to_string(), " more"]);
    }
    text
}

fn refused(refused: &[Refusal], wanted: bool) -> Option<Finding> {
    if refused.is_empty() {
        return None;
    }
    let denied = refused.iter().any(|refusal| matches!(refusal, Refusal::Denied { .. }));
    let mend = if denied {
        format!(
            "a host needs none of these rights, and the default role has none of them: from a laptop, starttech-agent \
             plan. To look from here, {}",
            allow(refused)
        )
    } else {
        "try again".to_owned()
    };
    let detail = format!("not all can be looked at from here: {}", sentences(refused).join("; "));
    Some(unseen(wanted || !denied, WHAT, detail, mend))
}

/// Who is told, and who has not confirmed that.
fn subscriptions(looked: &Looked, settings: &Settings, region: &str) -> Vec<Finding> {
    const WHAT: &str = "subscriptions";
    if looked.actual.unread.iter().any(|unread| unread.kind == Kind::Subscription) {
        return Vec::new();
    }
    let there: Vec<_> =
        looked.actual.held.iter().filter(|held| held.resource.address.kind == Kind::Subscription).collect();
    if there.is_empty() {
        let mend = "set alerts.emails or alerts.webhooks in agent.toml, then: starttech-agent apply";
        let nobody = settings.emails.is_empty() && settings.webhooks.is_empty();
        let mend = if nobody { mend } else { "starttech-agent apply" };
        return vec![Finding::unsure(WHAT, format!("nobody hears of the topic {}", settings.topic), mend)];
    }
    let pending = there.iter().filter(|held| held.id.as_deref() == Some(PENDING));
    let pending: Vec<Finding> = pending
        .map(|held| {
            Finding::unsure(
                format!("subscription {}", name(&held.resource.address, region)),
                "is not confirmed: nothing is sent to it",
                "click the link in the mail from AWS Notifications, which is good for three days; \
                 starttech-agent apply sends another",
            )
        })
        .collect();
    if pending.is_empty() {
        return vec![Finding::good(WHAT, format!("all {} are confirmed", there.len()))];
    }
    pending
}

/// Series that alarms need and that had no data for three hours. What is not a breach without data is left out: most
/// of that counts what did not happen.
async fn unpublished(account: &AwsAccount, looked: &Looked, wanted: bool) -> Option<Finding> {
    const WHAT: &str = "alarms' metrics";
    let mut series: BTreeMap<(String, String), (Metric, BTreeSet<String>)> = BTreeMap::new();
    for resource in &looked.desired.resources {
        let Content::Alarm(alarm) = &resource.content else { continue };
        if alarm.treat_missing_data == Missing::NotBreaching {
            continue;
        }
        for metric in metrics(alarm) {
            let key = (resource.address.region.clone(), words(&metric));
            series.entry(key).or_insert_with(|| (metric, BTreeSet::new())).1.insert(alarm.alarm_name.clone());
        }
    }
    let total = series.len();
    let asked = futures_util::stream::iter(series)
        .map(async |((region, words), (metric, alarms))| {
            (account.is_published(&region, &metric).await, words, alarms)
        })
        .buffered(AT_ONCE)
        .collect::<Vec<_>>()
        .await;
    let mut silent = Vec::new();
    for (answer, words, alarms) in asked {
        match answer {
            Ok(true) => {}
            Ok(false) => {
                silent.push(format!("{words} of {}", alarms.into_iter().collect::<Vec<_>>().join(", ")));
            }
            Err(refusal) => {
                let detail = format!("whether anybody publishes them is not known: {refusal}");
                let denied = matches!(refusal, Refusal::Denied { .. });
                return Some(unseen(wanted || !denied, WHAT, detail, allow(&[refusal])));
            }
        }
    }
    match (total, silent.is_empty()) {
        (0, _) => None,
        (_, true) => Some(Finding::good(
            WHAT,
            format!("all {total} that have to be there had data in the last three hours"),
        )),
        (_, false) => Some(Finding::unsure(
            WHAT,
            format!("{} of {total} had no data in the last three hours: {}", silent.len(), few(&silent)),
            "does the daemon run on the hosts of the group, and may it cloudwatch:PutMetricData? journalctl -u \
             starttech-agent -e; of AWS's own: starttech-agent plan says which parts they are about",
        )),
    }
}

fn metrics(alarm: &Alarm) -> Vec<Metric> {
    let single = alarm.namespace.clone().zip(alarm.metric_name.clone()).map(|(namespace, metric_name)| {
        Metric { namespace, metric_name, dimensions: alarm.dimensions.clone() }
    });
    let of_math = alarm.metrics.iter().filter_map(|query| Some(query.metric_stat.as_ref()?.metric.clone()));
    single.into_iter().chain(of_math).collect()
}

/// `StartTech/Backend memory_used_percent (AutoScalingGroupName=web)`
fn words(metric: &Metric) -> String {
    let dimensions: Vec<String> =
        metric.dimensions.iter().map(|dimension| format!("{}={}", dimension.name, dimension.value)).collect();
    format!("{} {} ({})", metric.namespace, metric.metric_name, dimensions.join(", "))
}
