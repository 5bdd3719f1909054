//! What shall be in the account: everything the platform promised, for these settings and these parts.

use std::collections::BTreeMap;

use super::alarm::{Came, alarms};
use super::mark::{Mark, TAG};
use super::need::Need;
use super::parts::Parts;
use super::{Address, Content, Kind, Resource, Settings, dashboard, price, query, topic};

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
    let mut resources = log_groups(settings, parts, &tags);
    resources.extend(topic::topics(settings, parts, &tags));

    let mut notes = Vec::new();
    let mut lacking: BTreeMap<Need, Vec<String>> = BTreeMap::new();
    let mut made = Vec::new();
    for came in alarms(settings, parts) {
        match came {
            Came::Made(name, resource) => made.push((name, resource)),
            Came::Lacks(name, needs) => {
                // The first is the part itself, without which there is nothing to enable.
                for need in needs.into_iter().take(1) {
                    lacking.entry(need).or_default().push(format!("the alarm {name}"));
                }
            }
            Came::Fault(fault) => notes.push(fault),
        }
    }
    let drawn = dashboard::draw(settings, parts, &made);
    for (need, widgets) in drawn.lacking {
        let all = lacking.entry(need).or_default();
        all.extend(widgets.into_iter().map(|title| format!("the widget {title:?}")));
    }
    for (need, left_out) in lacking {
        notes.push(format!("left out: {}. {}", left_out.join(", "), sentence(&need.advice(parts))));
    }
    resources.extend(made.into_iter().map(|(_, resource)| resource));
    resources.push(Resource {
        address: Address {
            kind: Kind::Dashboard,
            region: parts.region.clone(),
            name: settings.dashboard.clone(),
        },
        content: Content::Dashboard { dashboard_body: drawn.body },
        tags: BTreeMap::new(),
    });
    resources.extend(query::queries(settings, parts));
    // Things are made kind by kind.
    resources.sort_by_key(|resource| resource.address.kind);
    notes.extend(price::sentence(&resources));
    Desired { resources, notes }
}

fn sentence(words: &str) -> String {
    let mut letters = words.chars();
    letters.next().map_or_else(String::new, |first| first.to_uppercase().chain(letters).collect())
}

fn log_groups(settings: &Settings, parts: &Parts, tags: &BTreeMap<String, String>) -> Vec<Resource> {
    let group = |name: &String| Resource {
        address: Address { kind: Kind::LogGroup, region: parts.region.clone(), name: name.clone() },
        content: Content::LogGroup { retention_in_days: Some(settings.retention_days) },
        tags: tags.clone(),
    };
    settings.log_groups.iter().map(group).collect()
}
