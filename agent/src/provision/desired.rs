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
    let mut lacking: BTreeMap<Need, LeftOut> = BTreeMap::new();
    let mut made = Vec::new();
    for came in alarms(settings, parts) {
        match came {
            Came::Made(name, resource) => made.push((name, resource)),
            // The first is the part itself, without which there is nothing to enable.
            Came::Lacks(name, needs) => {
                if let Some(need) = needs.into_iter().next() {
                    lacking.entry(need).or_default().alarms.push(name);
                }
            }
            Came::Fault(fault) => notes.push(fault),
        }
    }
    let drawn = dashboard::draw(settings, parts, &made);
    for (need, titles) in drawn.lacking {
        lacking.entry(need).or_default().widgets = titles;
    }
    let told = lacking.into_iter().filter(|(need, _)| !need.is_unwanted(settings));
    notes.extend(told.map(|(need, left_out)| format!("{}; {}", left_out.words(), need.advice(parts))));
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

/// What there cannot be for want of one thing.
#[derive(Debug, Default)]
struct LeftOut {
    /// Short names.
    alarms: Vec<&'static str>,
    /// Titles.
    widgets: Vec<String>,
}

impl LeftOut {
    /// `left out: the alarm cache-hit-rate, 2 widgets`
    fn words(&self) -> String {
        let alarms = match self.alarms.as_slice() {
            [] => None,
            [one] => Some(format!("the alarm {one}")),
            many => Some(format!("the alarms {}", many.join(" "))),
        };
        let widgets = match self.widgets.as_slice() {
            [] => None,
            [one] => Some(format!("the widget {one:?}")),
            many => Some(format!("{} widgets", many.len())),
        };
        format!("left out: {}", alarms.into_iter().chain(widgets).collect::<Vec<_>>().join(", "))
    }
}

fn log_groups(settings: &Settings, parts: &Parts, tags: &BTreeMap<String, String>) -> Vec<Resource> {
    let group = |name: &String| Resource {
        address: Address { kind: Kind::LogGroup, region: parts.region.clone(), name: name.clone() },
        content: Content::LogGroup { retention_in_days: Some(settings.retention_days) },
        tags: tags.clone(),
    };
    settings.log_groups.iter().map(group).collect()
}
