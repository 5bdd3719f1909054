//! The same definitions for those who keep infrastructure code: a template of `CloudFormation` for each
//! region, and Terraform's JSON.
//!
//! What is exported carries no mark: whoever deploys it owns it, and the agent leaves it alone. Nothing is
//! written to disk here.

mod cloudformation;
mod terraform;

use std::collections::BTreeSet;

use serde_json::{Map, Value};

pub use cloudformation::cloudformation;
pub use terraform::terraform;

use super::desired::Desired;
use super::mark::{Mark, TAG};
use super::{Kind, Resource};

/// The regions that something is in, the platform's first.
pub fn regions(desired: &Desired) -> Vec<String> {
    let mut regions: Vec<String> = Vec::new();
    for resource in &desired.resources {
        if !regions.contains(&resource.address.region) {
            regions.push(resource.address.region.clone());
        }
    }
    regions
}

/// A thing on its way out of our hands.
struct Exported<'a> {
    resource: &'a Resource,
    /// In the template, unique there.
    id: String,
    /// The members that the service's calls have for it, without the mark.
    content: Map<String, Value>,
    /// Without the mark.
    tags: Vec<(&'a str, &'a str)>,
}

/// All of a region, or all there are, with names made by `id` of a kind's word and its own name.
fn exported<'a>(
    desired: &'a Desired,
    region: Option<&str>,
    id: impl Fn(&Resource) -> String,
) -> Vec<Exported<'a>> {
    let mut taken = BTreeSet::new();
    let of_region = |resource: &&Resource| region.is_none_or(|region| resource.address.region == region);
    let mut all = Vec::new();
    for resource in desired.resources.iter().filter(of_region) {
        let base = id(resource);
        let mut id = base.clone();
        for number in 2.. {
            if taken.insert((kind_of_name(resource.address.kind), id.clone())) {
                break;
            }
            id = format!("{base}{number}");
        }
        let mut content = serde_json::to_value(&resource.content).unwrap_or_default();
        if let Some(mark) = Mark::of(resource) {
            let plain = format!("Exported from starttech-agent, revision {}.", mark.revision);
            replace(&mut content, &mark.sentence(), &plain);
        }
        let Value::Object(content) = content else { continue };
        let tags = resource.tags.iter().filter(|(key, _)| *key != TAG);
        let tags = tags.map(|(key, value)| (key.as_str(), value.as_str())).collect();
        all.push(Exported { resource, id, content, tags });
    }
    all
}

/// Alarms of both kinds share their names, here and in the account.
fn kind_of_name(kind: Kind) -> Kind {
    if kind == Kind::CompositeAlarm { Kind::Alarm } else { kind }
}

/// In every text.
fn replace(value: &mut Value, old: &str, new: &str) {
    match value {
        Value::String(text) if text.contains(old) => *text = text.replace(old, new),
        Value::Array(items) => items.iter_mut().for_each(|item| replace(item, old, new)),
        Value::Object(members) => members.values_mut().for_each(|member| replace(member, old, new)),
        _ => {}
    }
}

/// The topic with this ARN, if it is among these.
fn topic<'a>(all: &'a [Exported<'_>], arn: &str) -> Option<&'a Exported<'a>> {
    let (rest, name) = arn.rsplit_once(':')?;
    let region = rest.split(':').nth(3)?;
    all.iter().find(|one| {
        let address = &one.resource.address;
        address.kind == Kind::Topic && address.name == name && address.region == region
    })
}

/// The alarms that a composite alarm names.
fn members<'a>(all: &'a [Exported<'_>], composite: &Exported<'_>) -> Vec<&'a Exported<'a>> {
    let text = |key| composite.content.get(key).and_then(Value::as_str).unwrap_or_default();
    let named: Vec<&str> =
        text("AlarmRule").split('"').skip(1).step_by(2).chain([text("ActionsSuppressor")]).collect();
    let is_named = |one: &&Exported<'_>| {
        let address = &one.resource.address;
        kind_of_name(address.kind) == Kind::Alarm
            && address.region == composite.resource.address.region
            && named.contains(&address.name.as_str())
    };
    all.iter().filter(is_named).collect()
}

#[cfg(test)]
mod tests;
