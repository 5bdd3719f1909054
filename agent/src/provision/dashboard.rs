//! The dashboard: `dashboards/starttech.json`, which imports as it is, and the same for one account, with ids
//! in place of its searches, thresholds as they are configured, and the states of the alarms.
//!
//! The file is the only definition of what is drawn. Here is decided what of it can be drawn.

pub(super) mod layout;
pub(super) mod search;

use std::collections::BTreeMap;

use serde_json::{Map, Value, json};

use super::alarm::{self, Came, alarms};
use super::mark::Mark;
use super::need::{self, Need};
use super::parts::Parts;
use super::{CLOUDFRONT_REGION, Content, Resource, Settings};
use search::Search;

/// The dashboard that imports as it is: in the console, by `aws cloudwatch put-dashboard`, by Terraform.
pub const IMPORTABLE: &str = include_str!("../../../dashboards/starttech.json");

/// The log group and the namespace that the file names.
const GROUP: &str = "'/starttech/backend'";
const NAMESPACE: &str = "StartTech/Backend";

/// What came of the file.
#[derive(Debug)]
pub(super) struct Drawn {
    /// A dashboard's body.
    pub(super) body: Value,
    /// The titles of widgets that were left out, by what they lack.
    pub(super) lacking: BTreeMap<Need, Vec<String>>,
}

/// The dashboard of an account.
pub fn render(settings: &Settings, parts: &Parts) -> Value {
    let made = alarms(settings, parts).into_iter().filter_map(|came| match came {
        Came::Made(name, resource) => Some((name, resource)),
        Came::Lacks(..) | Came::Fault(_) => None,
    });
    draw(settings, parts, &made.collect::<Vec<_>>()).body
}

/// The same, with the alarms at hand and what was left out.
pub(super) fn draw(settings: &Settings, parts: &Parts, alarms: &[(&'static str, Resource)]) -> Drawn {
    // A test reads it.
    let mut body: Value = serde_json::from_str(IMPORTABLE).unwrap_or_default();
    let widgets = body.get_mut("widgets").and_then(Value::as_array_mut).map(std::mem::take);
    let mut lacking: BTreeMap<Need, Vec<String>> = BTreeMap::new();
    let mut drawn: Vec<Map<String, Value>> = Vec::new();
    for (at, widget) in widgets.unwrap_or_default().into_iter().enumerate() {
        let Value::Object(mut widget) = widget else { continue };
        let kind = widget.get("type").and_then(Value::as_str).unwrap_or_default().to_owned();
        let Some(properties) = widget.get_mut("properties").and_then(Value::as_object_mut) else { continue };
        match kind.as_str() {
            "text" if at == 0 => {
                properties.insert("markdown".to_owned(), opening(settings, parts).into());
                drawn.push(widget);
                drawn.extend(states(parts, alarms));
            }
            "log" => {
                if let Some(group) = settings.log_groups.first() {
                    set_region(properties, parts);
                    set_group(properties, group);
                    drawn.push(widget);
                }
            }
            "metric" => match draw_metrics(properties, settings, parts, alarms) {
                Ok(()) => drawn.push(widget),
                Err(need) => {
                    let title = properties.get("title").and_then(Value::as_str).unwrap_or_default();
                    lacking.entry(need).or_default().push(title.to_owned());
                }
            },
            _ => drawn.push(widget),
        }
    }
    if let Some(body) = body.as_object_mut() {
        body.insert("widgets".to_owned(), layout::arrange(drawn).into());
    }
    Drawn { body, lacking }
}

fn opening(settings: &Settings, parts: &Parts) -> String {
    let names = [
        ("Auto Scaling group", &parts.auto_scaling_group),
        ("load balancer", &parts.load_balancer),
        ("distribution", &parts.distribution),
    ];
    let called = |(what, name): (&str, &Option<String>)| Some(format!("{what} `{}`", name.as_ref()?));
    let names: Vec<String> = names.into_iter().filter_map(called).collect();
    let sentences = [
        (!names.is_empty()).then(|| format!("{}.", names.join(", "))),
        Some("Lines across the graphs are the thresholds of the alarms they name.".to_owned()),
        Some(format!("Saved queries in Logs Insights: `{}/`.", settings.prefix)),
        settings.runbook.as_ref().map(|runbook| format!("[Runbook]({runbook}).")),
        Some(Mark::current(&settings.prefix).sentence()),
    ];
    let sentences: Vec<String> = sentences.into_iter().flatten().collect();
    format!("# {}\n\n{}", settings.dashboard, sentences.join(" "))
}

/// The alarms' states, a widget for each region.
fn states(parts: &Parts, alarms: &[(&'static str, Resource)]) -> Vec<Map<String, Value>> {
    let mut regions: BTreeMap<&str, Vec<String>> = BTreeMap::new();
    for (_, resource) in alarms {
        regions.entry(&resource.address.region).or_default().push(alarm::arn(resource, parts));
    }
    let widget = |(region, arns): (&str, Vec<String>)| {
        // Four in a row of an eighth of the widget's height, in the console.
        let title = if region == parts.region { "Alarms".to_owned() } else { format!("Alarms in {region}") };
        let widget = json!({
            "type": "alarm", "x": 0, "y": 2, "width": 24, "height": 2 + arns.len() / 6,
            "properties": {"title": title, "alarms": arns},
        });
        widget.as_object().cloned().unwrap_or_default()
    };
    // Rows of their own: not beside one another.
    let mut widgets: Vec<Map<String, Value>> = regions.into_iter().map(widget).collect();
    for (y, widget) in (1_000_u32..).zip(&mut widgets) {
        widget.insert("y".to_owned(), y.into());
    }
    widgets
}

fn set_region(properties: &mut Map<String, Value>, parts: &Parts) {
    if properties.get("region").and_then(Value::as_str) != Some(CLOUDFRONT_REGION) {
        properties.insert("region".to_owned(), parts.region.as_str().into());
    }
}

fn set_group(properties: &mut Map<String, Value>, group: &str) {
    if let Some(query) = properties.get("query").and_then(Value::as_str) {
        let query = query.replace(GROUP, &format!("'{group}'"));
        properties.insert("query".to_owned(), query.into());
    }
}

/// Puts ids in, or says what is lacking.
fn draw_metrics(
    properties: &mut Map<String, Value>,
    settings: &Settings,
    parts: &Parts,
    alarms: &[(&'static str, Resource)],
) -> Result<(), Need> {
    set_region(properties, parts);
    for metric in properties.get_mut("metrics").and_then(Value::as_array_mut).into_iter().flatten() {
        let Some(options) = metric.as_array_mut().and_then(|parts| parts.last_mut()) else { continue };
        let Some(options) = options.as_object_mut() else { continue };
        let Some(expression) = options.get("expression").and_then(Value::as_str).map(str::to_owned) else {
            continue;
        };
        let Some(search) = Search::parse(&expression) else {
            // What was many series is one now: SUM of one would be a single number.
            options.insert("expression".to_owned(), without_sums(&expression).into());
            continue;
        };
        let dimensions = search.dimensions.iter().copied();
        let lacking = Need::lacking(search.namespace, search.metric, dimensions, settings, parts);
        if let Some(lack) = lacking.into_iter().next() {
            return Err(lack);
        }
        let namespace =
            if search.namespace == NAMESPACE { settings.namespace.as_str() } else { search.namespace };
        let known: Vec<(&str, String)> = search
            .dimensions
            .iter()
            .filter_map(|name| Some((*name, need::dimension(name, parts)?)))
            .collect();
        if known.len() < search.dimensions.len() {
            // Which containers and mounts there are is still to be searched for.
            options.insert("expression".to_owned(), search.among(namespace, &known).into());
            continue;
        }
        let mut options = options.clone();
        options.remove("expression");
        options.insert("stat".to_owned(), search.stat.into());
        options.insert("period".to_owned(), search.period.into());
        let mut series: Vec<Value> = vec![namespace.into(), search.metric.into()];
        series.extend(known.into_iter().flat_map(|(name, value)| [name.into(), value.into()]));
        series.push(options.into());
        *metric = series.into();
    }
    let lines = properties.get_mut("annotations").and_then(|lines| lines.get_mut("horizontal"));
    if let Some(lines) = lines.and_then(Value::as_array_mut) {
        lines.retain_mut(|line| {
            let label = line.get("label").and_then(Value::as_str);
            let of = alarms.iter().find(|(name, _)| Some(*name) == label);
            let threshold = of.and_then(|(_, resource)| match &resource.content {
                Content::Alarm(alarm) => alarm.threshold,
                _ => None,
            });
            if let (Some(threshold), Some(line)) = (threshold, line.as_object_mut()) {
                line.insert("value".to_owned(), threshold.into());
            }
            threshold.is_some()
        });
    }
    Ok(())
}

/// `100 * SUM(FILL(errors, 0)) / SUM(requests)` over single series.
fn without_sums(expression: &str) -> String {
    let mut out = String::new();
    let mut rest = expression;
    while let Some((before, behind)) = rest.split_once("SUM(") {
        out.push_str(before);
        let mut depth = 1_u32;
        let end = behind.char_indices().find(|(_, c)| {
            depth = match c {
                '(' => depth + 1,
                ')' => depth - 1,
                _ => depth,
            };
            depth == 0
        });
        let at = end.map_or(behind.len(), |(at, _)| at);
        let (inner, after) = behind.split_at_checked(at).unwrap_or((behind, ""));
        out.push_str(inner);
        rest = after.strip_prefix(')').unwrap_or(after);
    }
    out.push_str(rest);
    out
}
