//! What shall be in the account: everything the platform promised, for these settings and these parts.

use std::collections::BTreeMap;

use super::mark::{Mark, TAG};
use super::parts::Parts;
use super::{Address, Content, Kind, Resource, Settings};

/// What shall be in the account.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Desired {
    /// In the order in which it is made.
    pub resources: Vec<Resource>,
    /// What was left out, or will have no data, and what to do about it: one sentence or two each.
    pub notes: Vec<String>,
}

/// Everything that these settings want.
pub fn desired(settings: &Settings, parts: &Parts) -> Desired {
    let mut tags = settings.tags.clone();
    tags.insert(TAG.to_owned(), Mark::current(&settings.prefix).tag());
    Desired { resources: log_groups(settings, parts, &tags), notes: Vec::new() }
}

fn log_groups(settings: &Settings, parts: &Parts, tags: &BTreeMap<String, String>) -> Vec<Resource> {
    let group = |name: &String| Resource {
        address: Address { kind: Kind::LogGroup, region: parts.region.clone(), name: name.clone() },
        content: Content::LogGroup { retention_in_days: Some(settings.retention_days) },
        tags: tags.clone(),
    };
    settings.log_groups.iter().map(group).collect()
}
