//! The difference between what shall be in the account and what is there, as data.
//!
//! A plan is shown or carried out by others; whoever carries it out decides nothing.

mod destroy;
mod diff;
mod json;
mod refusals;
#[cfg(test)]
pub(crate) mod tests;
mod text;
mod words;

use std::cmp::Reverse;
use std::collections::BTreeSet;

use serde_json::Value;

pub use destroy::destroy;
pub use json::json;
pub use refusals::sentences;
pub use text::{View, missing as missing_words, text};
pub use words::{clean, name};

use super::desired::Desired;
use super::from::is_from_file;
use super::mark::{Mark, REVISION};
use super::parts::Missing;
use super::{Actual, Address, Content, Held, Kind, Resource, Unread};

/// What to do, and what to say.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Plan {
    /// In the order in which they are made; what is deleted comes last, in the opposite order.
    pub changes: Vec<Change>,
    /// See [`super::desired::Desired::notes`].
    pub notes: Vec<String>,
    /// What must be named first.
    pub missing: Vec<Missing>,
    /// What could not be looked at.
    pub unread: Vec<Unread>,
    /// It is not sure that every part of the platform was found.
    pub is_unsure: bool,
}

/// One thing, and what becomes of it.
#[derive(Debug, Clone, PartialEq)]
pub struct Change {
    /// What becomes of it.
    pub step: Step,
    /// Which.
    pub address: Address,
    /// What is different, each by its path: `Metrics[1].MetricStat.Period`.
    pub fields: Vec<Field>,
    /// As it shall be, unless it is deleted.
    pub wanted: Option<Resource>,
    /// As it is, if it is there.
    pub held: Option<Held>,
}

/// What becomes of a thing.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Step {
    /// It is made.
    Create,
    /// It is there and different.
    Update,
    /// It is ours and not wanted any more.
    Delete,
    /// It is there and as it shall be.
    Keep,
    /// It is different, but not ours to change; this is why, and what to do.
    Leave(String),
}

/// One member that is different.
#[derive(Debug, Clone, PartialEq)]
pub struct Field {
    /// Where, in the service's own words.
    pub path: String,
    /// As it is; `None` if it is not there.
    pub old: Option<Value>,
    /// As it shall be; `None` if it shall not be there.
    pub new: Option<Value>,
}

/// How sure it is what the platform consists of.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Knowledge {
    /// Every part is known, or known not to be there.
    Whole,
    /// Some may be there and were not found: what is about them must neither go nor shrink.
    Partial,
}

/// What to do so that the account has what is wanted.
///
/// Only what carries the mark of `prefix` is changed or deleted, and never what a newer revision made.
pub fn plan(desired: &Desired, actual: &Actual, prefix: &str, knowledge: Knowledge) -> Plan {
    let unknown = |address: &Address| {
        actual.unread.iter().any(|unread| unread.kind == address.kind && unread.region == address.region)
    };
    let mut resources: Vec<&Resource> = desired.resources.iter().collect();
    resources.sort_by_key(|resource| resource.address.kind);
    let unspoken = unspoken(desired, actual, prefix);
    let mut changes = Vec::new();
    let mut kept: BTreeSet<(&Address, Option<&str>)> = BTreeSet::new();
    for wanted in resources {
        if unknown(&wanted.address) {
            continue;
        }
        let mut speaking = wanted.clone();
        if let Content::Alarm(alarm) = &mut speaking.content
            && unspoken.contains(&wanted.address)
        {
            alarm.actions_enabled = true;
        }
        let held = standing(actual, &wanted.address, prefix);
        if let Some(held) = held {
            kept.insert((&wanted.address, held.id.as_deref()));
        }
        changes.push(match held {
            Some(held) => there(&speaking, held, prefix, knowledge),
            None => Change {
                step: namesake(actual, wanted, prefix).map_or(Step::Create, Step::Leave),
                address: wanted.address.clone(),
                fields: Vec::new(),
                wanted: Some(speaking),
                held: None,
            },
        });
    }
    if knowledge == Knowledge::Whole {
        let goes = |held: &&Held| {
            let Resource { address, .. } = &held.resource;
            // Logs are data, and others may have subscribed to a topic: what is no longer used is kept until
            // somebody destroys it.
            !matches!(address.kind, Kind::LogGroup | Kind::Topic)
                && !unknown(address)
                && !kept.contains(&(address, held.id.as_deref()))
                && Mark::of(&held.resource)
                    .is_some_and(|mark| mark.prefix == prefix && mark.revision <= REVISION)
        };
        let gone = deletions(actual, &changes, actual.held.iter().filter(goes));
        changes.extend(gone);
    }
    let wanted_there = |unread: &&Unread| {
        let of = |resource: &Resource| {
            resource.address.kind == unread.kind && resource.address.region == unread.region
        };
        desired.resources.iter().any(of)
    };
    Plan {
        changes,
        notes: desired.notes.clone(),
        missing: Vec::new(),
        unread: actual.unread.iter().filter(wanted_there).cloned().collect(),
        is_unsure: knowledge == Knowledge::Partial,
    }
}

/// The alarms that a composite alarm would speak for, as they are without it: each with actions of its own.
pub fn members<'a>(plan: &'a Plan, composite: &Change) -> Vec<(&'a Change, Resource)> {
    let Some(rule) = composite.wanted.as_ref().and_then(rule) else { return Vec::new() };
    let enabled = |change: &'a Change| {
        let mut resource = change.wanted.clone().filter(|_| is_about(&rule, &composite.address, change))?;
        let Content::Alarm(alarm) = &mut resource.content else { return None };
        let muted = !std::mem::replace(&mut alarm.actions_enabled, true);
        muted.then_some((change, resource))
    };
    plan.changes.iter().filter_map(enabled).collect()
}

fn is_about(rule: &str, by: &Address, change: &Change) -> bool {
    by.region == change.address.region && rule.contains(&format!("\"{}\"", change.address.name))
}

/// The alarms that nobody would speak for, since somebody else's alarm has the name of their composite one.
fn unspoken<'a>(desired: &'a Desired, actual: &Actual, prefix: &str) -> BTreeSet<&'a Address> {
    let is_taken = |resource: &&Resource| {
        let ours = |held: &Held| Mark::of(&held.resource).is_some_and(|mark| mark.prefix == prefix);
        resource.address.kind == Kind::CompositeAlarm
            && match standing(actual, &resource.address, prefix) {
                Some(held) => !ours(held) && held.resource.content != resource.content,
                None => namesake(actual, resource, prefix).is_some(),
            }
    };
    let taken: Vec<(&Address, String)> = (desired.resources.iter().filter(is_taken))
        .filter_map(|resource| Some((&resource.address, rule(resource)?)))
        .collect();
    let addresses = desired.resources.iter().map(|resource| &resource.address);
    let about = |address: &&Address| {
        taken
            .iter()
            .any(|(by, rule)| by.region == address.region && rule.contains(&format!("\"{}\"", address.name)))
    };
    addresses.filter(about).collect()
}

/// The thing of this name. Saved queries may share one: ours before others', then the one that was first in
/// the order of ids, on which two agents agree.
fn standing<'a>(actual: &'a Actual, address: &Address, prefix: &str) -> Option<&'a Held> {
    let of_name = actual.held.iter().filter(|held| held.resource.address == *address);
    of_name.min_by_key(|held| {
        let ours = Mark::of(&held.resource).is_some_and(|mark| mark.prefix == prefix);
        (Reverse(ours), held.id.clone())
    })
}

/// Alarms of both kinds share their names.
fn namesake(actual: &Actual, wanted: &Resource, prefix: &str) -> Option<String> {
    let Address { kind, region, name } = &wanted.address;
    let other = match kind {
        Kind::Alarm => Kind::CompositeAlarm,
        Kind::CompositeAlarm => Kind::Alarm,
        _ => return None,
    };
    let same = |held: &&Held| {
        let address = &held.resource.address;
        address.kind == other && address.region == *region && address.name == *name
    };
    let article = if other == Kind::Alarm { "a metric alarm" } else { "a composite alarm" };
    actual.held.iter().find(same).map(|_| {
        format!(
            "{article} has its name: delete that one (aws cloudwatch delete-alarms --alarm-names {name} --region \
             {region}), or give this one a name of its own ({})",
            key_of(*kind, prefix)
        )
    })
}

/// What becomes of a thing that is there.
fn there(wanted: &Resource, held: &Held, prefix: &str, knowledge: Knowledge) -> Change {
    let mut wanted = wanted.clone();
    let mark = Mark::of(&held.resource).filter(|mark| mark.prefix == prefix);
    if mark.is_none() && wanted.address.kind.tags_are_read() {
        // With our mark it would be ours to delete.
        wanted.tags.clone_from(&held.resource.tags);
    }
    let fields = diff::fields(&held.resource, &wanted);
    let step = if fields.is_empty() {
        Step::Keep
    } else {
        match &mark {
            Some(mark) if mark.revision > REVISION => Step::Leave(format!(
                "made by a newer agent (revision {}, this one has {REVISION}): update this agent",
                mark.revision
            )),
            Some(_) if knowledge == Knowledge::Partial && depends(wanted.address.kind) => Step::Leave(
                "it may be about parts that were not found this time: name them, or write \"none\""
                    .to_owned(),
            ),
            Some(_) => Step::Update,
            None => others(&wanted, &held.resource, prefix),
        }
    };
    Change { step, address: wanted.address.clone(), fields, wanted: Some(wanted), held: Some(held.clone()) }
}

/// Kinds whose content follows from which parts there are: whether an alarm mails itself, too.
fn depends(kind: Kind) -> bool {
    matches!(kind, Kind::Alarm | Kind::CompositeAlarm | Kind::Dashboard)
}

/// What becomes of a thing that is there, different, and not ours.
fn others(wanted: &Resource, held: &Resource, prefix: &str) -> Step {
    let Address { kind, region, name } = &wanted.address;
    if let Some(mark) = Mark::of(held) {
        return Step::Leave(format!(
            "it belongs to the deployment `{}`: give this one a name of its own ({})",
            mark.prefix,
            key_of(*kind, prefix)
        ));
    }
    let delete = match kind {
        Kind::LogGroup => {
            return match &held.content {
                // Whoever made it chose nothing.
                Content::LogGroup { retention_in_days: None } => Step::Update,
                _ => Step::Leave("somebody chose how long it keeps logs, and that stays".to_owned()),
            };
        }
        Kind::Topic => {
            return Step::Leave(
                "not ours: it is used as it is, so see to it that its policy lets cloudwatch.amazonaws.com publish"
                    .to_owned(),
            );
        }
        Kind::Subscription => return Step::Keep,
        Kind::Alarm | Kind::CompositeAlarm => {
            format!("aws cloudwatch delete-alarms --alarm-names NAME --region {region}")
        }
        Kind::Dashboard => {
            format!("aws cloudwatch delete-dashboards --dashboard-names {name}")
        }
        Kind::SavedQuery => format!("in the console of {region}, Logs Insights, Queries"),
    };
    Step::Leave(format!(
        "not ours: give this one a name of its own ({}), or delete it and apply again: {delete}",
        key_of(*kind, prefix)
    ))
}

/// Where things of this kind get their names.
fn key_of(kind: Kind, prefix: &str) -> &'static str {
    match kind {
        Kind::Alarm | Kind::CompositeAlarm if is_from_file(prefix) => "in its file",
        Kind::LogGroup => "logs.group",
        Kind::Topic | Kind::Subscription => "alerts.topic",
        Kind::Alarm | Kind::CompositeAlarm | Kind::SavedQuery => "provision.prefix",
        Kind::Dashboard => "provision.dashboard",
    }
}

/// In the opposite order of making: first what points at others. Of composite alarms, those that no other
/// one of them is about. An alarm that somebody's composite alarm is about cannot go.
fn deletions<'a>(actual: &Actual, changes: &[Change], held: impl Iterator<Item = &'a Held>) -> Vec<Change> {
    let mut held: Vec<&Held> = held.collect();
    let is_changed = |address: &Address| {
        held.iter().any(|held| held.resource.address == *address)
            || changes.iter().any(|change| change.step == Step::Update && change.address == *address)
    };
    let rules =
        || actual.held.iter().filter_map(|held| Some((&held.resource.address, rule(&held.resource)?)));
    let staying: Vec<(&Address, String)> = rules().filter(|(address, _)| !is_changed(address)).collect();
    let going: Vec<(&Address, String)> = rules().filter(|(address, _)| is_changed(address)).collect();
    let is_about = |(by, rule): &(&Address, String), address: &Address| {
        by.region == address.region && rule.contains(&format!("\"{}\"", address.name))
    };
    held.sort_by_key(|held| {
        let address = &held.resource.address;
        let about =
            going.iter().filter(|rule| address.kind == Kind::CompositeAlarm && is_about(rule, address));
        (Reverse(address.kind), about.count(), &address.region, Reverse(&address.name), &held.id)
    });
    let delete = |held: &Held| {
        let address = &held.resource.address;
        let alarm = matches!(address.kind, Kind::Alarm | Kind::CompositeAlarm);
        let needed = staying.iter().find(|rule| alarm && is_about(rule, address));
        let step = needed.map_or(Step::Delete, |(by, _)| {
            Step::Leave(format!(
                "no longer wanted, but the composite alarm {} is about it: change that one first",
                by.name
            ))
        });
        Change { step, address: address.clone(), fields: Vec::new(), wanted: None, held: Some(held.clone()) }
    };
    held.into_iter().map(delete).collect()
}

/// What a composite alarm is about, each name between quotes.
fn rule(resource: &Resource) -> Option<String> {
    let Content::CompositeAlarm(alarm) = &resource.content else { return None };
    let suppressor = alarm.actions_suppressor.as_ref();
    let suppressor = suppressor.map(|arn| format!(" \"{}\"", arn.rsplit(':').next().unwrap_or(arn)));
    Some(format!("{}{}", alarm.alarm_rule, suppressor.unwrap_or_default()))
}

impl Plan {
    /// Whether there is anything to do.
    pub fn changes_nothing(&self) -> bool {
        !self.changes.iter().any(Change::is_done)
    }

    /// Whether it is all that is wanted: nothing is missing, and everything could be looked at.
    pub fn is_whole(&self) -> bool {
        self.missing.is_empty() && self.unread.is_empty() && !self.is_unsure
    }
}

impl Change {
    /// Whether the account is changed by it.
    pub fn is_done(&self) -> bool {
        matches!(self.step, Step::Create | Step::Update | Step::Delete)
    }
}
