//! The plan that takes away what is ours, and nothing else.

use super::{Change, Plan, Step, deletions, words};
use crate::provision::from;
use crate::provision::mark::Mark;
use crate::provision::{Actual, Address, Content, Held, Kind};

/// What to do so that nothing of `prefix` is left, also what came from files, whatever the revision. Groups of
/// logs only if asked for.
pub fn destroy(actual: &Actual, prefix: &str, log_groups: bool) -> Plan {
    let ours = |held: &&Held| {
        let mark = Mark::of(&held.resource);
        let of = |mark: Mark| mark.prefix == prefix || mark.prefix == from::prefix(prefix);
        mark.is_some_and(of)
    };
    let kind = |held: &&Held| held.resource.address.kind;
    let goes = |held: &&Held| ours(held) && (log_groups || kind(held) != Kind::LogGroup);
    let stays = |held: &&Held| ours(held) && !log_groups && kind(held) == Kind::LogGroup;
    let mut changes: Vec<Change> = actual.held.iter().filter(stays).map(left).collect();
    changes.extend(deletions(actual, &[], actual.held.iter().filter(goes)));
    let notes = changes
        .iter()
        .filter(|change| change.is_done())
        .filter_map(|change| subscribers(actual, change))
        .collect();
    Plan { changes, notes, unread: actual.unread.clone(), ..Plan::default() }
}

fn left(held: &Held) -> Change {
    Change {
        step: Step::Leave("it holds logs: --log-groups deletes it, too".to_owned()),
        address: held.resource.address.clone(),
        fields: Vec::new(),
        wanted: None,
        held: Some(held.clone()),
    }
}

/// Who is no longer told when this topic goes.
fn subscribers(actual: &Actual, change: &Change) -> Option<String> {
    let Address { kind: Kind::Topic, region, name } = &change.address else { return None };
    let endpoints: Vec<String> = actual
        .held
        .iter()
        .filter(|held| held.resource.address.region == *region)
        .filter_map(|held| match &held.resource.content {
            Content::Subscription { topic_arn, endpoint, .. }
                if topic_arn.rsplit(':').next() == Some(name.as_str()) =>
            {
                Some(words::endpoint(endpoint))
            }
            _ => None,
        })
        .collect();
    (!endpoints.is_empty())
        .then(|| format!("with the topic {name} in {region} go its subscriptions: {}", endpoints.join(", ")))
}
