//! What a file is: a dashboard, alarms, queries, or several of them, and where in it they stand.
//!
//! People write them in many shapes; `docs/lint.md` has the list. It does not judge what it finds.

use std::rc::Rc;

use super::json::{Member, Node, Value, plain};
use super::query::{self, Query};
use super::read::read;
use super::rule;
use super::text::Text;
use super::{Findings, alarm, dashboard};

/// How deep below the top dashboards and alarms are looked for.
const DEEPEST: usize = 4;

/// A file, taken apart.
pub(super) struct Shape {
    json: bool,
    pub(super) parts: Vec<Part>,
}

/// One thing in a file.
pub(super) enum Part {
    Dashboard(Place),
    Alarms(Vec<Entry>),
    Queries(Vec<Query>),
}

/// A value, and where it stands.
#[derive(Clone)]
pub(super) struct Place {
    pub(super) text: Rc<Text>,
    pub(super) node: Node,
    pub(super) path: String,
    /// Whether something fills in `${…}` later: `CloudFormation`, or Terraform.
    pub(super) filled_in: bool,
}

/// An alarm, and the name that its key gives it.
#[derive(Clone)]
pub(super) struct Entry {
    pub(super) place: Place,
    pub(super) key: Option<String>,
}

impl Shape {
    /// Of what is no text.
    pub(super) fn nothing() -> Self {
        Self { json: false, parts: Vec::new() }
    }

    pub(super) fn is_json(&self) -> bool {
        self.json
    }

    pub(super) fn judge(&self, out: &mut Findings) {
        let entries: Vec<&Entry> = self.alarms().collect();
        alarm::judge(&entries, out);
        for part in &self.parts {
            match part {
                Part::Dashboard(place) => dashboard::judge(place, out),
                Part::Queries(queries) => queries.iter().for_each(|query| query.judge(out)),
                Part::Alarms(_) => {}
            }
        }
    }

    pub(super) fn alarms(&self) -> impl Iterator<Item = &Entry> {
        self.parts
            .iter()
            .filter_map(|part| if let Part::Alarms(alarms) = part { Some(alarms) } else { None })
            .flatten()
    }
}

/// Finds out what a text is.
pub(super) fn shape(name: &str, text: &Text, out: &mut Findings) -> Shape {
    if text.text.trim().is_empty() {
        out.add(&rule::EMPTY, 0, "", "the file is empty", "write a dashboard, alarms or queries into it");
        return Shape { json: false, parts: Vec::new() };
    }
    let named_json = name.to_ascii_lowercase().ends_with(".json");
    let head = text.text.trim_start().trim_start_matches('\u{feff}');
    let queries = query::split(text);
    let behind = behind_comments(head);
    let list = behind.strip_prefix('[').map(str::trim_start);
    let json =
        behind.starts_with('{') || list.is_some_and(|list| list.starts_with(['{', '[', '"', ']', '$']));
    let json = json || (named_json && queries.is_empty());
    let mut parts = Vec::new();
    if json {
        let roots = read(text, out);
        let shared = Rc::new(text.clone());
        let root = joined(roots);
        let place = Place { text: shared, node: root, path: String::new(), filled_in: false };
        look(&place, None, 0, &mut parts, out);
    } else if !queries.is_empty() {
        parts.push(Part::Queries(queries));
    }
    if parts.is_empty() {
        unknown(head, json, out);
    }
    Shape { json, parts }
}

/// What stands behind the comments that some put before JSON.
fn behind_comments(mut text: &str) -> &str {
    loop {
        text = text.trim_start();
        let length = match text.get(..2) {
            Some("/*") => text.find("*/").map_or(text.len(), |end| end + 2),
            Some(head) if head == "//" || head.starts_with('#') => text.find('\n').unwrap_or(text.len()),
            _ => return text,
        };
        text = text.get(length..).unwrap_or_default();
    }
}

/// What stands in a row is a list that lost its brackets.
fn joined(roots: Vec<Node>) -> Node {
    let mut roots = roots.into_iter();
    let first = roots.next().unwrap_or(Node { span: (0, 0), value: Value::Null });
    let rest: Vec<Node> = roots.collect();
    if rest.is_empty() {
        return first;
    }
    let span = first.span;
    let mut items = match first {
        Node { value: Value::Array(items), .. } => items,
        node => vec![node],
    };
    items.extend(rest);
    Node { span, value: Value::Array(items) }
}

fn unknown(head: &str, json: bool, out: &mut Findings) {
    let (message, mend) = if json {
        (
            "this JSON is neither a dashboard nor alarms nor queries",
            "a dashboard has \"widgets\"; alarms are {\"alarms\": […]}, an array, or one object with AlarmName; queries are [{\"name\": …, \"query\": …}]",
        )
    } else if head.contains("resource \"") || head.contains("data \"") {
        ("this is Terraform's own language", "lint what `terraform show -json` or templatefile() makes of it")
    } else if head.contains("Resources:")
        || head.contains("AWSTemplateFormatVersion")
        || head.starts_with("---")
    {
        ("this is YAML", "write it as JSON: `cfn-flip`, `yq -o json`")
    } else {
        (
            "no query was found: none begins with a command such as fields, filter, stats or parse",
            "dashboards and alarms are JSON; queries are text, each with a `#` line as its title",
        )
    };
    out.add(&rule::UNKNOWN_SHAPE, 0, "", message, mend);
}

/// Where a member stands.
pub(super) fn below(path: &str, key: &str) -> String {
    if path.is_empty() { key.to_owned() } else { format!("{path}.{key}") }
}

impl Place {
    fn member(&self, member: &Member) -> Self {
        let path = below(&self.path, &member.key);
        Self { node: member.value.clone(), path, text: Rc::clone(&self.text), filled_in: self.filled_in }
    }

    fn item(&self, index: usize, item: &Node) -> Self {
        let path = format!("{}[{index}]", self.path);
        Self { node: item.clone(), path, text: Rc::clone(&self.text), filled_in: self.filled_in }
    }
}

fn look(place: &Place, key: Option<&str>, depth: usize, parts: &mut Vec<Part>, out: &mut Findings) {
    let node = &place.node;
    if depth > DEEPEST {
        return;
    }
    if node.is_array() {
        look_at_list(place, key, depth, parts, out);
        return;
    }
    if node.get("widgets").is_some() {
        parts.push(Part::Dashboard(place.clone()));
        for member in node.members().iter().filter(|member| is_alarm_list(member)) {
            look(&place.member(member), Some(&member.key), depth + 1, parts, out);
        }
    } else if is_alarm(node) {
        // {"cpu-high": {…}}: the key is its name.
        let plainly =
            |key: &&str| !["alarm", "metricalarm", "compositealarm", "input"].contains(&plain(key).as_str());
        let key = key.filter(plainly).map(str::to_owned);
        parts.push(Part::Alarms(vec![Entry { place: place.clone(), key }]));
    } else if let Some(query) = query::of_json(place, key) {
        parts.push(Part::Queries(vec![query]));
    } else {
        for member in node.members() {
            look_at_member(&place.member(member), &member.key, depth, parts, out);
        }
    }
}

fn look_at_member(place: &Place, key: &str, depth: usize, parts: &mut Vec<Part>, out: &mut Findings) {
    let words = plain(key);
    match &place.node.value {
        Value::String(_) if words == "dashboardbody" || words == "dashboard" || words == "body" => {
            look_into(place, parts, out);
        }
        Value::String(_) if words.contains("quer") => {
            parts.extend(query::of_text(place, key).map(|query| Part::Queries(vec![query])));
        }
        Value::Object(members)
            if words.contains("quer") && members.iter().any(|member| query::is_text(&member.value)) =>
        {
            for member in members {
                parts.extend(
                    query::of_text(&place.member(member), &member.key)
                        .map(|query| Part::Queries(vec![query])),
                );
            }
        }
        Value::Object(_) if words == "resources" => resources(place, parts, out),
        Value::Object(resources) if words == "resource" => {
            for resource in resources {
                terraform(&place.member(resource), &resource.key, parts, out);
            }
        }
        Value::Object(_) if words == "dashboardbody" && place.filled_in => {}
        Value::Object(members)
            if words.contains("alarm")
                && members.iter().all(|m| m.value.is_object())
                && !is_alarm(&place.node) =>
        {
            let entry =
                |member: &Member| Entry { place: place.member(member), key: Some(member.key.clone()) };
            parts.push(Part::Alarms(members.iter().map(entry).collect()));
        }
        Value::Object(_) | Value::Array(_) => look(place, Some(key), depth + 1, parts, out),
        _ => {}
    }
}

/// A dashboard that is a string in another file.
fn look_into(place: &Place, parts: &mut Vec<Part>, out: &mut Findings) {
    let inside = place.text.inside(place.node.span);
    if !inside.text.trim_start().starts_with('{') {
        return;
    }
    let node = joined(read(&inside, out));
    let inner = Place { text: Rc::new(inside), node, path: place.path.clone(), filled_in: place.filled_in };
    parts.push(Part::Dashboard(inner));
}

fn look_at_list(place: &Place, key: Option<&str>, depth: usize, parts: &mut Vec<Part>, out: &mut Findings) {
    let items = place.node.items();
    let words = key.map(plain).unwrap_or_default();
    let objects = !items.is_empty() && items.iter().all(Node::is_object);
    let named = words.contains("alarm") && !words.contains("action");
    if objects && (items.iter().any(is_alarm) || named) {
        let entry = |(index, item): (usize, &Node)| Entry { place: place.item(index, item), key: None };
        parts.push(Part::Alarms(items.iter().enumerate().map(entry).collect()));
    } else if objects
        && items.iter().all(|item| item.get("type").is_some() && item.get("properties").is_some())
    {
        let message = "these are a dashboard's widgets, without the object around them";
        out.add(
            &rule::WIDGET,
            place.text.origin(place.node.at()),
            &place.path,
            message,
            "write {\"widgets\": […]}",
        );
        let widgets = Member { key: "widgets".to_owned(), at: place.node.at(), value: place.node.clone() };
        let node = Node { span: place.node.span, value: Value::Object(vec![widgets]) };
        parts.push(Part::Dashboard(Place { node, ..place.clone() }));
    } else {
        for (index, item) in items.iter().enumerate() {
            let item = place.item(index, item);
            if words.contains("quer") && item.node.str().is_some() {
                parts.extend(query::of_text(&item, "").map(|query| Part::Queries(vec![query])));
            } else {
                look(&item, None, depth + 1, parts, out);
            }
        }
    }
}

/// A template of `CloudFormation`.
fn resources(place: &Place, parts: &mut Vec<Part>, out: &mut Findings) {
    for member in place.node.members() {
        let Some(properties) = member.value.get("Properties") else { continue };
        let path = format!("{}.{}.Properties", place.path, member.key);
        let node = without_functions(properties);
        let inner = Place { node, path, text: Rc::clone(&place.text), filled_in: true };
        let kind = member.value.text("Type").unwrap_or_default();
        resource(&inner, kind, &member.key, parts, out);
    }
}

fn terraform(place: &Place, kind: &str, parts: &mut Vec<Part>, out: &mut Findings) {
    for member in place.node.members() {
        let mut inner = place.member(member);
        // A block may be written as a list of one.
        if let [only] = inner.node.items() {
            inner.node = only.clone();
        }
        inner.node = without_functions(&inner.node);
        inner.filled_in = true;
        resource(&inner, kind, &member.key, parts, out);
    }
}

fn resource(place: &Place, kind: &str, name: &str, parts: &mut Vec<Part>, out: &mut Findings) {
    match kind {
        "AWS::CloudWatch::Alarm"
        | "AWS::CloudWatch::CompositeAlarm"
        | "aws_cloudwatch_metric_alarm"
        | "aws_cloudwatch_composite_alarm" => {
            parts.push(Part::Alarms(vec![Entry { place: place.clone(), key: Some(name.to_owned()) }]));
        }
        "AWS::CloudWatch::Dashboard" | "aws_cloudwatch_dashboard" => {
            for member in place.node.members().iter().filter(|member| plain(&member.key) == "dashboardbody") {
                look_at_member(&place.member(member), &member.key, 0, parts, out);
            }
            // Whatever is in it, it was a dashboard.
            parts.push(Part::Queries(Vec::new()));
        }
        "AWS::Logs::QueryDefinition" | "aws_cloudwatch_query_definition" => {
            parts.extend(query::of_json(place, Some(name)).map(|query| Part::Queries(vec![query])));
        }
        _ => {}
    }
}

/// What a function or a variable gives is not known before.
fn without_functions(node: &Node) -> Node {
    let value = match &node.value {
        Value::Object(members) => match members.as_slice() {
            [only] if only.key == "Ref" || only.key.starts_with("Fn::") => {
                match (only.key.as_str(), &only.value.value) {
                    // The text of a dashboard, with variables in it.
                    ("Fn::Sub", Value::String(text)) if text.contains("widgets") => {
                        return only.value.clone();
                    }
                    _ => Value::Unknown,
                }
            }
            members => Value::Object(
                members
                    .iter()
                    .map(|member| Member { value: without_functions(&member.value), ..member.clone() })
                    .collect(),
            ),
        },
        Value::Array(items) => Value::Array(items.iter().map(without_functions).collect()),
        Value::String(text) if text.contains("${") && !text.contains("widgets") => Value::Unknown,
        value => value.clone(),
    };
    Node { span: node.span, value }
}

fn is_alarm_list(member: &Member) -> bool {
    plain(&member.key).contains("alarm") && member.value.items().iter().any(Node::is_object)
}

/// Whether an object looks like an alarm in anybody's words.
fn is_alarm(node: &Node) -> bool {
    let has =
        |words: &[&str]| node.members().iter().any(|member| words.contains(&plain(&member.key).as_str()));
    let compared = has(&["threshold", "comparison", "comparisonoperator"]);
    has(&["alarmname", "comparisonoperator", "alarmrule"]) && !has(&["widgets"])
        || has(&["metric", "metricname", "metrics"]) && compared
}
