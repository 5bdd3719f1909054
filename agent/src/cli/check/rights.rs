//! What the host's role may do, of what the daemon does.
//!
//! Asked by calls that change nothing; what cannot be asked so is said not to be known, with what would prove it.

use futures_util::future::join_all;
use serde_json::Value;

use super::Finding;
use crate::aws::ask::{Asker, Newest};
use crate::cli::status::words::{length, safe};
use crate::config::Config;
use crate::control::Status;
use crate::provision::plan::sentences;
use crate::provision::{Refusal, rights};
use crate::telemetry;

const WHAT: &str = "role";

/// What is known of one log group.
#[derive(Debug)]
pub(super) struct Group {
    pub(super) name: String,
    pub(super) exists: Result<bool, Refusal>,
    pub(super) newest: Result<Option<Newest>, Refusal>,
    /// When its newest event was printed, in milliseconds since the epoch.
    pub(super) newest_ms: Result<Option<i64>, Refusal>,
}

/// Looks at all groups that lines may go to, or that saved queries and dashboard read.
pub(super) async fn groups(asker: &Asker, config: &Config) -> Vec<Group> {
    let mut names: Vec<&str> = config.logs.selection.groups();
    for name in &config.provision.settings.log_groups {
        if !names.contains(&name.as_str()) {
            names.push(name);
        }
    }
    join_all(names.into_iter().map(|name| group(asker, name))).await
}

async fn group(asker: &Asker, name: &str) -> Group {
    let (exists, newest) = tokio::join!(asker.exists(name), asker.newest(name));
    let newest_ms = match &newest {
        Ok(Some(newest)) => match asker.newest_event(name, &newest.stream).await {
            Ok(Some(exact)) => Ok(Some(exact)),
            // What is told up to an hour late is better than nothing.
            _ => Ok(newest.told_ms),
        },
        Ok(None) => Ok(None),
        Err(refusal) => Err(refusal.clone()),
    };
    Group { name: name.to_owned(), exists, newest, newest_ms }
}

/// What came of asking for one right.
#[derive(Debug)]
struct Asked {
    act: &'static str,
    /// Without it no line of a new container leaves.
    is_vital: bool,
    answer: Result<(), Refusal>,
}

/// The role, on each of the groups that lines go to. `status`: what the daemon says of itself, if it runs, by whose
/// deliveries is known what cannot be asked for.
pub(super) async fn findings(
    asker: &Asker,
    config: &Config,
    groups: &[Group],
    status: Option<&Status>,
) -> Vec<Finding> {
    let shipped = config.logs.selection.groups();
    let groups = groups.iter().filter(|group| shipped.contains(&group.name.as_str()));
    let answers = join_all(groups.map(|group| ask(asker, config, group))).await;
    let mut unasked: Vec<&str> = Vec::new();
    for act in answers.iter().flat_map(|(_, unasked)| unasked) {
        if !unasked.contains(act) {
            unasked.push(act);
        }
    }
    if config.metrics.enabled {
        unasked.push(PUT_METRICS);
    }
    if config.alerts.enabled {
        unasked.push(PUBLISH);
    }
    let answers: Vec<Asked> = answers.into_iter().flat_map(|(answers, _)| answers).collect();
    judge(&answers, &unasked, status)
}

const PUT_METRICS: &str = "cloudwatch:PutMetricData";
const PUBLISH: &str = "sns:Publish";

/// What was delivered, and so may be: the act, the service, and what that carries. What makes groups and streams is
/// not proved by lines that arrive in others.
const PROOFS: [(&str, &str, &str); 2] =
    [(PUT_METRICS, "metrics", "metrics"), (PUBLISH, "alerts", "an alert to the topic")];

/// What the daemon proves by its last delivery; nothing while it fails, or ships to a directory.
fn proof(act: &str, status: &Status) -> Option<String> {
    let (_, kind, what) = PROOFS.iter().find(|(of, ..)| *of == act)?;
    let service = status.services.iter().find(|service| service.kind == *kind)?;
    let delivered_ms = service.last_delivery_ms.filter(|_| service.failing_since_ms.is_none())?;
    if status.host.local.is_some() {
        return None;
    }
    Some(format!(
        "may {act}: the daemon delivered {what} {} ago, to {}",
        length(status.now_ms - delivered_ms),
        safe(&service.endpoint)
    ))
}

async fn ask(asker: &Asker, config: &Config, group: &Group) -> (Vec<Asked>, Vec<&'static str>) {
    let name = group.name.as_str();
    let right = |act, is_vital, answer| Asked { act, is_vital, answer };
    let (mut all, mut unasked) = (Vec::new(), Vec::new());
    let put = asker.may_put(name, telemetry::now_ms());
    // Whether a group is there decides what can be asked without making anything.
    match group.exists {
        Ok(true) => {
            let stream =
                group.newest.as_ref().ok().and_then(Option::as_ref).map(|newest| newest.stream.as_str());
            let (put, made) = tokio::join!(put, asker.may_create_group(name));
            all.extend([right("logs:PutLogEvents", true, put), right("logs:CreateLogGroup", false, made)]);
            match stream {
                Some(stream) => {
                    let made = asker.may_create_stream(name, Some(stream)).await;
                    all.push(right("logs:CreateLogStream", true, made));
                }
                None => unasked.push("logs:CreateLogStream"),
            }
        }
        Ok(false) => {
            let (put, made, kept) = tokio::join!(
                put,
                asker.may_create_stream(name, None),
                asker.may_retain(name, config.logs.retention_days)
            );
            all.extend([
                right("logs:PutLogEvents", true, put),
                right("logs:CreateLogStream", true, made),
                right("logs:PutRetentionPolicy", false, kept),
            ]);
            unasked.push("logs:CreateLogGroup");
        }
        Err(_) => {
            all.push(right("logs:PutLogEvents", true, put.await));
            unasked.extend(["logs:CreateLogGroup", "logs:CreateLogStream"]);
        }
    }
    for refused in [group.exists.as_ref().err(), group.newest.as_ref().err()].into_iter().flatten() {
        all.push(right("", false, Err(refused.clone())));
    }
    (all, unasked)
}

fn judge(asked: &[Asked], unasked: &[&str], status: Option<&Status>) -> Vec<Finding> {
    let mut found = Vec::new();
    let mut may: Vec<&str> = Vec::new();
    for one in asked {
        let refused = asked.iter().any(|other| other.act == one.act && other.answer.is_err());
        if !refused && !may.contains(&one.act) {
            may.push(one.act);
        }
    }
    if !may.is_empty() {
        found.push(Finding::good(WHAT, format!("may {}", may.join(", "))));
    }
    for is_vital in [true, false] {
        let refusals: Vec<Refusal> = (asked.iter().filter(|one| one.is_vital == is_vital))
            .filter_map(|one| one.answer.clone().err())
            .collect();
        let (denied, others): (Vec<Refusal>, Vec<Refusal>) =
            refusals.into_iter().partition(|refusal| matches!(refusal, Refusal::Denied { .. }));
        if !denied.is_empty() {
            let said = sentences(&denied).join("; ");
            let mend = allow(&denied);
            found.push(if is_vital {
                Finding::bad(WHAT, format!("{said}: no line of a new container leaves this host"), mend)
            } else {
                Finding::unsure(WHAT, said, mend)
            });
        }
        if !others.is_empty() {
            let said = sentences(&others).join("; ");
            found.push(Finding::unsure(WHAT, said, "try again; the daemon itself never gives up"));
        }
    }
    let mut unproved = Vec::new();
    for &act in unasked {
        match status.and_then(|status| proof(act, status)) {
            Some(proof) => found.push(Finding::good(WHAT, proof)),
            None => unproved.push(act),
        }
    }
    if !unproved.is_empty() {
        let mut how =
            "the daemon's journal says what is refused: journalctl -u starttech-agent -p warning".to_owned();
        if unproved.contains(&PUBLISH) {
            how.push_str(
                "\nsns:Publish is proved by a message that says that it is a drill: starttech-agent alarms drill \
                 --local container-died",
            );
        }
        let detail = format!("{} cannot be asked for without doing it", unproved.join(", "));
        found.push(Finding::note(WHAT, detail, how));
    }
    found
}

/// The policy to add, in one line.
pub(super) fn allow(refused: &[Refusal]) -> String {
    let policy = rights::statement(refused);
    let any = policy.get("Statement").and_then(Value::as_array).is_some_and(|all| !all.is_empty());
    if any { format!("add to the role: {policy}") } else { String::new() }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::cli::check::Verdict;
    use crate::control::tests::sample::well;

    fn denied(action: &str) -> Result<(), Refusal> {
        Err(Refusal::Denied { action: action.to_owned(), resource: "arn:g".to_owned() })
    }

    #[test]
    fn what_is_refused_has_its_policy_and_what_is_vital_is_bad() {
        let asked = [
            Asked { act: "logs:PutLogEvents", is_vital: true, answer: denied("logs:PutLogEvents") },
            Asked { act: "logs:PutLogEvents", is_vital: true, answer: Ok(()) },
            Asked { act: "logs:CreateLogStream", is_vital: true, answer: Ok(()) },
            Asked { act: "logs:CreateLogGroup", is_vital: false, answer: denied("logs:CreateLogGroup") },
            Asked { act: "", is_vital: false, answer: Err(Refusal::Unreachable("no answer".to_owned())) },
        ];
        let found = judge(&asked, &["sns:Publish"], None);
        let verdicts: Vec<Verdict> = found.iter().map(|finding| finding.verdict).collect();
        let unsure = Verdict::Unsure;
        assert_eq!(verdicts, [Verdict::Good, Verdict::Bad, unsure, unsure, Verdict::Note], "{found:#?}");
        assert_eq!(found[0].detail, "may logs:CreateLogStream");
        assert!(found[1].mend.contains(r#""Action":["logs:PutLogEvents"]"#), "{}", found[1].mend);
        assert!(found[4].detail.starts_with("sns:Publish cannot be asked"), "{}", found[4].detail);
    }

    #[test]
    fn what_the_daemon_delivers_it_may() {
        let of = |status: &Status| {
            let found = judge(&[], &[PUT_METRICS, PUBLISH], Some(status));
            found.into_iter().map(|one| (one.verdict, one.detail)).collect::<Vec<_>>()
        };
        let mut status = well();
        let found = of(&status);
        assert_eq!(found[0].0, Verdict::Good);
        assert!(
            found[0].1.starts_with("may cloudwatch:PutMetricData: the daemon delivered metrics 3 s ago"),
            "{found:?}"
        );
        assert_eq!((found[1].0, found[1].1.split(' ').next()), (Verdict::Note, Some(PUBLISH)), "{found:?}");
        status.services[2].last_delivery_ms = Some(status.now_ms - 7_200_000);
        assert!(of(&status)[1].1.contains("an alert to the topic 2 h 0 min ago"), "{found:?}");
        status.services[1].failing_since_ms = Some(status.now_ms - 60_000);
        assert_eq!(of(&status)[1].0, Verdict::Note, "what fails now proves nothing");
        status.host.local = Some("/tmp/x".to_owned());
        assert_eq!(of(&status).len(), 1);
    }
}
