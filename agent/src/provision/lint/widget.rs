//! A widget of a dashboard.
//!
//! The lines of its `metrics` are `metric_line.rs`'s.

use super::json::{Node, Value};
use super::placeholder::{self, Field};
use super::query::Query;
use super::rule;
use super::shape::{Place, below};
use super::{Findings, metric_line, nearest, statistic};

/// <https://docs.aws.amazon.com/AmazonCloudWatch/latest/APIReference/CloudWatch-Dashboard-Body-Structure.html>
const TYPES: [&str; 7] = ["metric", "text", "log", "alarm", "explorer", "custom", "chart"];
const METRIC_VIEWS: [&str; 6] = ["timeSeries", "singleValue", "gauge", "bar", "pie", "table"];
const LOG_VIEWS: [&str; 6] = ["table", "timeSeries", "bar", "pie", "stackedArea", "singleValue"];

/// Looks at one widget; `allowed` is what the dashboard's variables replace.
pub(super) fn judge(place: &Place, allowed: &[String], out: &mut Findings) {
    let node = &place.node;
    let at = |node: &Node| place.text.origin(node.at());
    if !node.is_object() {
        if !matches!(node.value, Value::Unknown) {
            let message = format!("a widget is an object, not {}", node.kind());
            out.add(
                &rule::WIDGET,
                at(node),
                &place.path,
                message,
                "write {\"type\": …, \"properties\": {…}}",
            );
        }
        return;
    }
    sizes(place, out);
    let kind = kind(place, out);
    let properties = match node.get("properties") {
        Some(properties) if properties.is_object() => properties,
        Some(Node { value: Value::Unknown, .. }) => return,
        _ => {
            let message = "the widget has no \"properties\"";
            out.add(&rule::WIDGET, at(node), &place.path, message, "write \"properties\": {…}");
            return;
        }
    };
    let path = below(&place.path, "properties");
    placeholders(place, properties, &path, Field::Value, allowed, out);
    let inner =
        Place { node: properties.clone(), path, text: place.text.clone(), filled_in: place.filled_in };
    match kind {
        Some("metric") => metric(&inner, out),
        Some("log") => log(&inner, out),
        Some("text") => needs(&inner, "markdown", "a text widget has no \"markdown\"", out),
        Some("alarm") => needs(&inner, "alarms", "an alarm widget has no \"alarms\"", out),
        _ => {}
    }
}

fn needs(inner: &Place, key: &str, message: &str, out: &mut Findings) {
    if inner.node.get(key).is_none() {
        let at = inner.text.origin(inner.node.at());
        out.add(&rule::WIDGET, at, &inner.path, message, format!("write \"{key}\": …"));
    }
}

fn kind<'a>(place: &'a Place, out: &mut Findings) -> Option<&'a str> {
    let Some(node) = place.node.get("type") else {
        let at = place.text.origin(place.node.at());
        out.add(
            &rule::WIDGET_TYPE,
            at,
            &place.path,
            "the widget has no \"type\"",
            "write \"type\": \"metric\"",
        );
        return None;
    };
    let kind = node.str()?;
    if !TYPES.contains(&kind) && !placeholder::is_in(kind) {
        let also = [
            ("logs", "log"),
            ("metrics", "metric"),
            ("markdown", "text"),
            ("alarms", "alarm"),
            ("line", "metric"),
            ("graph", "metric"),
        ];
        let other = also.iter().find(|(wrong, _)| *wrong == kind).map(|(_, right)| *right);
        let mend = other
            .or_else(|| nearest(kind, TYPES))
            .map_or_else(|| format!("write one of {}", TYPES.join(", ")), |right| format!("write {right:?}"));
        let at = place.text.origin(node.at());
        out.add(&rule::WIDGET_TYPE, at, &place.path, format!("there is no type of widget {kind:?}"), mend);
    }
    Some(kind)
}

fn sizes(place: &Place, out: &mut Findings) {
    let mut fault = |node: &Node, message: String, mend: &str| {
        out.add(&rule::WIDGET_SIZE, place.text.origin(node.at()), &place.path, message, mend);
    };
    let mut numbers = [None; 4];
    let limits = [("x", 0.0, 23.0), ("width", 1.0, 24.0), ("y", 0.0, f64::MAX), ("height", 1.0, 1000.0)];
    for ((key, least, most), found) in limits.into_iter().zip(&mut numbers) {
        let Some(node) = place.node.get(key).filter(|node| !matches!(node.value, Value::Unknown)) else {
            continue;
        };
        match node.number() {
            Some(number) if number.fract() == 0.0 && (least..=most).contains(&number) => {
                *found = Some(number);
            }
            Some(number) => {
                let most = if most > 1000.0 { String::new() } else { format!(" to {most}") };
                fault(
                    node,
                    format!("{key} cannot be {number}"),
                    &format!("write a whole number from {least}{most}"),
                );
            }
            None => fault(
                node,
                format!("{key} is a number, not {}", node.kind()),
                "write a number without quotes",
            ),
        }
    }
    if let (Some(x), Some(width)) = (numbers.first().copied().flatten(), numbers.get(1).copied().flatten())
        && x + width > 24.0
    {
        let end = x + width;
        fault(
            &place.node,
            format!("the widget ends at column {end}, and the grid has 24"),
            "make it narrower, or move it to the left",
        );
    }
    let one = |key: &str| place.node.get(key).is_some();
    if one("x") != one("y") {
        let message = "the widget has one of x and y, and needs both or neither".to_owned();
        fault(&place.node, message, "write both, or none to let CloudWatch place it");
    }
}

/// Every text of a widget, but for what is drawn as it is.
fn placeholders(
    place: &Place,
    node: &Node,
    path: &str,
    field: Field,
    allowed: &[String],
    out: &mut Findings,
) {
    match &node.value {
        Value::String(_) => {
            placeholder::judge(&place.text.inside(node.span), field, path, allowed, out);
        }
        Value::Array(items) => {
            for (index, item) in items.iter().enumerate() {
                // `"..."` repeats what stands above it.
                if item.str() != Some("...") {
                    placeholders(place, item, &format!("{path}[{index}]"), field, allowed, out);
                }
            }
        }
        Value::Object(members) => {
            for member in members {
                let field = match member.key.as_str() {
                    // Queries have `<` and `…` of their own; they are looked at as queries.
                    "markdown" | "query" => continue,
                    "title" | "label" | "html" | "expression" => Field::Prose,
                    _ => field,
                };
                placeholders(place, &member.value, &below(path, &member.key), field, allowed, out);
            }
        }
        _ => {}
    }
}

fn region(inner: &Place, what: &str, out: &mut Findings) {
    if inner.node.get("region").is_none() {
        let at = inner.text.origin(inner.node.at());
        let message = format!("the {what} widget has no \"region\"");
        out.add(&rule::WIDGET_REGION, at, &inner.path, message, "write \"region\": \"eu-west-1\"");
    }
}

fn view(inner: &Place, known: &[&str], out: &mut Findings) {
    let Some(node) = inner.node.get("view") else { return };
    let Some(view) = node.str().filter(|view| !known.contains(view)) else { return };
    if !placeholder::is_in(view) {
        let mend = nearest(view, known.iter().copied())
            .map_or_else(|| format!("write one of {}", known.join(", ")), |near| format!("write {near:?}"));
        let at = inner.text.origin(node.at());
        out.add(&rule::WIDGET_VIEW, at, &inner.path, format!("there is no view {view:?}"), mend);
    }
}

fn metric(inner: &Place, out: &mut Findings) {
    let node = &inner.node;
    let annotations = node.get("annotations");
    // An alarm says by its ARN where it is.
    let alarm = annotations.is_some_and(|annotations| annotations.get("alarms").is_some());
    if !alarm || node.get("metrics").is_some() {
        region(inner, "metric", out);
    }
    view(inner, &METRIC_VIEWS, out);
    let at = |node: &Node| inner.text.origin(node.at());
    if node.text("view") == Some("gauge") {
        let left = node.get("yAxis").and_then(|axis| axis.get("left"));
        if left.is_none_or(|left| left.get("min").is_none() || left.get("max").is_none()) {
            let mend = "write \"yAxis\": {\"left\": {\"min\": 0, \"max\": 100}}";
            out.add(&rule::WIDGET_VIEW, at(node), &inner.path, "a gauge needs the ends of its scale", mend);
        }
    }
    if let Some(stat) = node.get("stat") {
        statistic::judge(stat, &inner.text, &below(&inner.path, "stat"), out);
    }
    if let Some(period) = node.get("period") {
        statistic::judge_period(period, &inner.text, None, &below(&inner.path, "period"), out);
    }
    if let Some(annotations) = annotations {
        self::annotations(inner, annotations, out);
    }
    match node.get("metrics") {
        Some(metrics) if metrics.is_array() => metric_line::judge(inner, metrics, out),
        Some(Node { value: Value::Unknown, .. }) => {}
        Some(metrics) => {
            let message = format!("\"metrics\" is an array of arrays, not {}", metrics.kind());
            out.add(
                &rule::WIDGET_METRICS,
                at(metrics),
                &inner.path,
                message,
                "write [[\"Namespace\", \"Metric\", …]]",
            );
        }
        None if alarm => {}
        None => {
            let message = "the metric widget has neither \"metrics\" nor an alarm";
            out.add(
                &rule::WIDGET_METRICS,
                at(node),
                &inner.path,
                message,
                "write [[\"Namespace\", \"Metric\", …]]",
            );
        }
    }
}

fn annotations(inner: &Place, annotations: &Node, out: &mut Findings) {
    let path = below(&inner.path, "annotations");
    let mut fault = |node: &Node, message: String, mend: &str| {
        out.add(&rule::ANNOTATION, inner.text.origin(node.at()), &path, message, mend);
    };
    for (key, is_time) in [("horizontal", false), ("vertical", true)] {
        let Some(list) = annotations.get(key) else { continue };
        if !list.is_array() {
            if !matches!(list.value, Value::Unknown) {
                fault(
                    list,
                    format!("\"{key}\" is an array of annotations, not {}", list.kind()),
                    "write […] around it",
                );
            }
            continue;
        }
        // A band is an array of two.
        let single = list
            .items()
            .iter()
            .flat_map(|item| if item.is_array() { item.items() } else { std::slice::from_ref(item) });
        for annotation in single.filter(|item| item.is_object()) {
            match annotation.get("value") {
                None => {
                    fault(annotation, "the annotation has no \"value\"".to_owned(), "write \"value\": 70");
                }
                Some(Node { value: Value::Unknown, .. }) => {}
                Some(value) if is_time && value.str().is_none() => {
                    fault(
                        value,
                        format!("the value of a vertical annotation is a time, not {}", value.kind()),
                        "write \"2026-01-31T12:00:00Z\"",
                    );
                }
                Some(value) if !is_time && value.number().is_none() => {
                    fault(
                        value,
                        format!("the value of a horizontal annotation is a number, not {}", value.kind()),
                        "write it without quotes",
                    );
                }
                Some(_) => {}
            }
        }
    }
    if let Some(alarms) = annotations.get("alarms")
        && (alarms.items().iter().any(|alarm| {
            alarm.str().is_none_or(|alarm| !alarm.starts_with("arn:") && !placeholder::is_in(alarm))
        }))
    {
        fault(
            alarms,
            "an alarm is named by its ARN".to_owned(),
            "write [\"arn:aws:cloudwatch:…:alarm:name\"]",
        );
    }
}

fn log(inner: &Place, out: &mut Findings) {
    region(inner, "log", out);
    view(inner, &LOG_VIEWS, out);
    let Some(node) = inner.node.get("query") else {
        needs(inner, "query", "a log widget has no \"query\"", out);
        return;
    };
    let Some(query) = node.str() else { return };
    if inner.node.text("queryLanguage").is_some_and(|language| language != "CWLI") {
        return;
    }
    let path = below(&inner.path, "query");
    let groups = ["logGroupNames", "logGroups", "logGroupIdentifiers", "queryBy"]
        .iter()
        .any(|key| inner.node.get(key).is_some());
    let begins = query.trim_start().get(..6).is_some_and(|head| head.eq_ignore_ascii_case("SOURCE"));
    if !begins && !groups && !query.trim_start().to_uppercase().starts_with("SELECT") {
        let at = inner.text.origin(node.at());
        let message = "the query has no SOURCE: the widget does not know which log group to look in";
        out.add(&rule::LOG_SOURCE, at, &path, message, "begin it with SOURCE '/starttech/backend' | …");
    }
    Query::inside(inner.text.inside(node.span), path).judge(out);
}
