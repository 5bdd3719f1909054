//! The alarms: definitions in `dashboards/alarms`, filled with thresholds and parts.
//!
//! A definition has the shape of `PutMetricAlarm`, besides a short name, a severity, what to do first and
//! why it treats missing data as it does. Decides which alarms there can be, and which of them mail.

pub(super) mod fill;

use std::collections::BTreeMap;
use std::sync::LazyLock;

use serde::Deserialize;
use serde_json::{Map, Value};

use super::mark::{Mark, TAG};
use super::need::Need;
use super::parts::Parts;
use super::{Address, CLOUDFRONT_REGION, Content, Kind, Resource, Settings, topic};
use crate::alarms::definition::{Alarm, Composite};

/// Characters of a description.
/// <https://docs.aws.amazon.com/AmazonCloudWatch/latest/APIReference/API_PutMetricAlarm.html>
pub(super) const DESCRIPTION: usize = 1024;

pub(super) const FILES: [&str; 6] = [
    include_str!("../../../dashboards/alarms/hosts.json"),
    include_str!("../../../dashboards/alarms/load-balancer.json"),
    include_str!("../../../dashboards/alarms/backend.json"),
    include_str!("../../../dashboards/alarms/agent.json"),
    include_str!("../../../dashboards/alarms/cloudfront.json"),
    include_str!("../../../dashboards/alarms/composite.json"),
];

/// An alarm as the files have it.
#[derive(Debug, Clone, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub(super) struct Definition {
    /// The short name. Of several with the same, the first that can be is the one.
    pub(super) id: String,
    /// `warning` or `critical`
    pub(super) severity: String,
    /// What to do first.
    first: String,
    /// Why it is as it is, missing data above all. For readers of the file.
    #[cfg_attr(not(test), expect(dead_code, reason = "a test wants it to be there"))]
    pub(super) why: String,
    /// Of a composite alarm: it is in `ALARM` if one of these is, and mails in their place.
    #[serde(default)]
    pub(super) any_of: Vec<String>,
    /// Of a composite alarm: the short name of the one that keeps it silent.
    #[serde(default)]
    pub(super) actions_suppressor: Option<String>,
    /// The rest, which is the service's own.
    #[serde(flatten)]
    pub(super) alarm: Map<String, Value>,
}

/// All of them, in order.
pub(super) static DEFINITIONS: LazyLock<Vec<Definition>> = LazyLock::new(|| {
    // A test reads every file: none is ever left out.
    let read = |text| serde_json::from_str::<Vec<Definition>>(text).unwrap_or_default();
    FILES.into_iter().flat_map(read).collect()
});

/// What came of a definition.
#[derive(Debug)]
#[expect(clippy::large_enum_variant, reason = "nearly all of a few dozen are of the large one")]
pub(super) enum Came {
    /// An alarm, with its short name.
    Made(&'static str, Resource),
    /// These are not there.
    Lacks(&'static str, Vec<Need>),
    /// A fault of ours, in words.
    Fault(String),
}

/// The short names of all alarms, by which they are left out.
pub fn names() -> impl Iterator<Item = &'static str> {
    let id = |(at, definition): (usize, &'static Definition)| {
        let id = definition.id.as_str();
        (!DEFINITIONS.iter().take(at).any(|earlier| earlier.id == id)).then_some(id)
    };
    DEFINITIONS.iter().enumerate().filter_map(id)
}

/// What comes of all definitions that are wanted.
pub(super) fn alarms(settings: &Settings, parts: &Parts) -> Vec<Came> {
    let values = fill::values(settings, parts);
    let mut all: Vec<Came> = Vec::new();
    let wanted = names().filter(|name| !settings.off.iter().any(|off| off == name));
    for name in wanted {
        let mut variants = DEFINITIONS.iter().filter(|definition| definition.id == name).peekable();
        if variants.peek().is_some_and(|definition| !definition.any_of.is_empty()) {
            continue;
        }
        let mut lacks = None;
        let fits = variants.find(|definition| {
            let missing = definition.missing(settings, parts);
            let fits = missing.is_empty();
            lacks.get_or_insert(missing);
            fits
        });
        all.push(match (fits, lacks) {
            (Some(definition), _) => match definition.metric_alarm(settings, parts, &values) {
                Ok(resource) => Came::Made(name, resource),
                Err(fault) => Came::Fault(format!("the alarm {name} is left out: {fault}")),
            },
            (None, lacks) => Came::Lacks(name, lacks.unwrap_or_default()),
        });
    }
    for name in names().filter(|name| !settings.off.iter().any(|off| off == name)) {
        let Some(definition) = DEFINITIONS.iter().find(|definition| definition.id == name) else { continue };
        if !definition.any_of.is_empty() {
            let composite = definition.composite(settings, parts, &values, &mut all);
            all.extend(composite);
        }
    }
    all
}

impl Definition {
    /// What of the platform it is about and is not there.
    fn missing(&self, settings: &Settings, parts: &Parts) -> Vec<Need> {
        let lacking = |metric: Named<'_>| {
            Need::lacking(metric.namespace, metric.name, metric.dimensions, settings, parts)
        };
        let mut needs: Vec<Need> = self.metrics().into_iter().flat_map(lacking).collect();
        needs.sort();
        needs.dedup();
        needs
    }

    /// The metrics it looks at, before they are filled in.
    pub(super) fn metrics(&self) -> Vec<Named<'_>> {
        let queries = self.alarm.get("Metrics").and_then(Value::as_array);
        let stats = queries.into_iter().flatten().filter_map(|query| query.pointer("/MetricStat/Metric"));
        let metrics: Vec<Named<'_>> = stats.filter_map(|metric| Named::of(metric.as_object()?)).collect();
        if metrics.is_empty() { Named::of(&self.alarm).into_iter().collect() } else { metrics }
    }

    fn metric_alarm(
        &self,
        settings: &Settings,
        parts: &Parts,
        values: &Map<String, Value>,
    ) -> Result<Resource, String> {
        let mut alarm = self.filled(values)?;
        let cloudfront = self.metrics().iter().any(|metric| metric.namespace == "AWS/CloudFront");
        let region = if cloudfront { CLOUDFRONT_REGION } else { &parts.region };
        let mut alarm: Alarm = serde_json::from_value(alarm.take()).map_err(|error| error.to_string())?;
        alarm.alarm_description = self.description(&alarm.alarm_description, settings, values)?;
        alarm.alarm_actions = vec![topic::arn(settings, parts, region)];
        alarm.ok_actions.clone_from(&alarm.alarm_actions);
        if self.metrics().iter().any(|metric| metric.namespace == "${namespace}") {
            slow_down(&mut alarm, settings.rhythm.period_s());
        }
        Ok(Resource {
            address: Address { kind: Kind::Alarm, region: region.to_owned(), name: alarm.alarm_name.clone() },
            content: Content::Alarm(alarm.normal()),
            tags: self.tags(settings),
        })
    }

    /// `None`: without its members it says no more than what is left of them.
    fn composite(
        &self,
        settings: &Settings,
        parts: &Parts,
        values: &Map<String, Value>,
        made: &mut [Came],
    ) -> Option<Came> {
        let mut name_of = |id: &String| {
            made.iter().find_map(|came| match came {
                Came::Made(name, resource) if name == id => Some(resource.address.name.clone()),
                _ => None,
            })
        };
        let members: Vec<String> = self.any_of.iter().filter_map(&mut name_of).collect();
        let suppressor = self.actions_suppressor.as_ref().and_then(&mut name_of);
        if members.is_empty() || (members.len() == 1 && suppressor.is_none()) {
            return None;
        }
        let built = || {
            let mut alarm = self.filled(values)?;
            if let Some(object) = alarm.as_object_mut() {
                let rule: Vec<String> = members.iter().map(|name| format!("ALARM(\"{name}\")")).collect();
                object.insert("AlarmRule".to_owned(), rule.join(" OR ").into());
                if suppressor.is_none() {
                    object.retain(|key, _| !key.starts_with("ActionsSuppressor"));
                }
            }
            let mut alarm: Composite = serde_json::from_value(alarm).map_err(|error| error.to_string())?;
            alarm.alarm_description = self.description(&alarm.alarm_description, settings, values)?;
            alarm.actions_suppressor = suppressor;
            alarm.alarm_actions = vec![topic::arn(settings, parts, &parts.region)];
            alarm.ok_actions.clone_from(&alarm.alarm_actions);
            Ok::<_, String>(alarm)
        };
        let alarm = match built() {
            Ok(alarm) => alarm,
            Err(fault) => return Some(Came::Fault(format!("the alarm {} is left out: {fault}", self.id))),
        };
        for came in made.iter_mut() {
            if let Came::Made(id, resource) = came
                && self.any_of.iter().any(|member| member == id)
                && let Content::Alarm(member) = &mut resource.content
            {
                member.actions_enabled = false;
            }
        }
        let name = alarm.alarm_name.clone();
        let resource = Resource {
            address: Address { kind: Kind::CompositeAlarm, region: parts.region.clone(), name },
            content: Content::CompositeAlarm(alarm),
            tags: self.tags(settings),
        };
        let id = names().find(|name| *name == self.id)?;
        Some(Came::Made(id, resource))
    }

    fn filled(&self, values: &Map<String, Value>) -> Result<Value, String> {
        let mut alarm = Value::Object(self.alarm.clone());
        fill::fill(&mut alarm, values)?;
        Ok(alarm)
    }

    /// The text of the mail: what it means, what to do first, where to read on, whose it is.
    fn description(
        &self,
        says: &str,
        settings: &Settings,
        values: &Map<String, Value>,
    ) -> Result<String, String> {
        let mut first = Value::from(self.first.as_str());
        fill::fill(&mut first, values)?;
        let first = first.as_str().unwrap_or_default();
        let runbook = settings.runbook.as_ref().map(|url| format!("\n\nRunbook: {url}"));
        let end =
            format!("{}\n\n{}", runbook.unwrap_or_default(), Mark::current(&settings.prefix).sentence());
        let room = DESCRIPTION.saturating_sub(end.chars().count());
        let mut text: String = format!("{says}\n\nFirst: {first}").chars().take(room).collect();
        text.push_str(&end);
        Ok(text)
    }

    fn tags(&self, settings: &Settings) -> BTreeMap<String, String> {
        let mut tags = settings.tags.clone();
        tags.entry("severity".to_owned()).or_insert_with(|| self.severity.clone());
        tags.insert(TAG.to_owned(), Mark::current(&settings.prefix).tag());
        tags
    }
}

/// The name of a metric in a definition.
#[derive(Debug)]
pub(super) struct Named<'a> {
    pub(super) namespace: &'a str,
    pub(super) name: &'a str,
    pub(super) dimensions: Vec<&'a str>,
}

impl<'a> Named<'a> {
    fn of(object: &'a Map<String, Value>) -> Option<Self> {
        let text = |key| object.get(key).and_then(Value::as_str);
        let dimensions = object.get("Dimensions").and_then(Value::as_array).into_iter().flatten();
        Some(Self {
            namespace: text("Namespace")?,
            name: text("MetricName")?,
            dimensions: dimensions.filter_map(|dimension| dimension.get("Name")?.as_str()).collect(),
        })
    }
}

/// An alarm on what agents send less often than its period: over as long a time, in fewer and longer periods.
fn slow_down(alarm: &mut Alarm, least_s: u32) {
    let stats = alarm.metrics.iter_mut().filter_map(|query| query.metric_stat.as_mut());
    let all: Vec<&mut u32> = alarm.period.iter_mut().chain(stats.map(|stat| &mut stat.period)).collect();
    let longest_s = all.iter().map(|period| **period).max().unwrap_or(least_s);
    if longest_s >= least_s {
        return;
    }
    for period in all {
        *period = least_s;
    }
    let fewer = |count: &mut u32| *count = (*count * longest_s).div_ceil(least_s).max(1);
    std::iter::once(&mut alarm.evaluation_periods).chain(&mut alarm.datapoints_to_alarm).for_each(fewer);
}

/// The ARN of an alarm.
pub(super) fn arn(resource: &Resource, parts: &Parts) -> String {
    let Address { region, name, .. } = &resource.address;
    format!("arn:{}:cloudwatch:{region}:{}:alarm:{name}", topic::partition(region), parts.account_id)
}
