//! The lines of a widget's `metrics`: `["AWS/EC2", "CPUUtilization", "InstanceId", "i-…", {…}]`, with `.` for
//! what stands above.
//!
//! What the lines name is `series.rs`'s.

use std::collections::BTreeSet;

use super::json::{Node, Value};
use super::placeholder;
use super::rule;
use super::series::{self, Dimension, Series};
use super::shape::{Place, below};
use super::{Findings, math, statistic};

const MOST: usize = 500;
/// Words of a line, without its options.
const LONGEST: usize = 62;
const FORM: &str = "write [\"Namespace\", \"Metric\", \"Dimension\", \"value\", {\"stat\": \"Sum\"}]";

/// A word of a line, and where it stands. None of a template's.
type Word<'a> = (Option<&'a str>, usize);

/// A line with what `.` stands for filled in.
struct Line<'a> {
    words: Vec<Word<'a>>,
    options: Option<&'a Node>,
    path: String,
}

/// Looks at the lines of a metric widget's properties.
pub(super) fn judge(inner: &Place, metrics: &Node, out: &mut Findings) {
    let path = below(&inner.path, "metrics");
    let items = metrics.items();
    if items.len() > MOST {
        let message = format!("{} metrics are more than {MOST}", items.len());
        out.add(&rule::DASHBOARD_LIMIT, inner.text.origin(metrics.at()), &path, message, "make two widgets");
    }
    let mut before: Vec<Word<'_>> = Vec::new();
    let mut lines = Vec::new();
    for (index, item) in items.iter().enumerate() {
        let path = format!("{path}[{index}]");
        if !item.is_array() {
            if !matches!(item.value, Value::Unknown) {
                let message = format!("a line of \"metrics\" is an array, not {}", item.kind());
                out.add(&rule::WIDGET_METRICS, inner.text.origin(item.at()), path, message, FORM);
            }
            continue;
        }
        let line = line(inner, item, &before, path, out);
        if !line.words.is_empty() {
            before.clone_from(&line.words);
        }
        lines.push(line);
    }
    let ids: Vec<(&str, usize)> = lines
        .iter()
        .filter_map(|line| {
            Some((line.options?.text("id")?, inner.text.origin(line.options?.get("id")?.at())))
        })
        .collect();
    math::judge_ids(&ids, &path, out);
    let ids: BTreeSet<&str> = ids.iter().map(|(id, _)| *id).collect();
    for line in &lines {
        judge_line(inner, line, &ids, out);
    }
    milliseconds(inner, &lines, out);
}

fn line<'a>(
    inner: &Place,
    item: &'a Node,
    before: &[Word<'a>],
    path: String,
    out: &mut Findings,
) -> Line<'a> {
    let mut items = item.items();
    let options = items.last().filter(|last| last.is_object());
    if options.is_some() {
        items = items.get(..items.len() - 1).unwrap_or_default();
    }
    // Two names, and thirty dimensions of two words.
    if items.len() > LONGEST {
        let message = format!("a line of {} words is no metric: it has at most 30 dimensions", items.len());
        out.add(&rule::WIDGET_METRICS, inner.text.origin(item.at()), &path, message, FORM);
    }
    let mut words: Vec<Word<'a>> = Vec::new();
    for node in items.iter().take(LONGEST) {
        let at = inner.text.origin(node.at());
        match &node.value {
            Value::String(text) if text == "..." => {
                // As many as are missing, if what follows shall fill the line.
                let following = items.len() - words.len() - 1;
                let from = words.len();
                let until = before.len().saturating_sub(following);
                words.extend(before.get(from..until).unwrap_or_default());
            }
            Value::String(text) if text == "." => {
                let above = before.get(words.len());
                if above.is_none() {
                    let message = "`.` stands for what is above it, and there is nothing at this place";
                    out.add(&rule::WIDGET_METRICS, at, &path, message, "write the word itself");
                }
                words.push((above.and_then(|(word, _)| *word), at));
            }
            Value::String(text) => words.push((Some(text), at)),
            Value::Unknown => words.push((None, at)),
            _ => {
                let message = format!("a line of \"metrics\" is made of strings, not {}", node.kind());
                out.add(&rule::WIDGET_METRICS, at, &path, message, FORM);
                words.push((None, at));
            }
        }
    }
    Line { words, options, path }
}

fn judge_line(inner: &Place, line: &Line<'_>, ids: &BTreeSet<&str>, out: &mut Findings) {
    let Line { words, options, path } = line;
    let expression =
        options.and_then(|options| options.get("expression")).filter(|node| node.str().is_some());
    if let Some(expression) = expression {
        math::judge(&inner.text.inside(expression.span), ids, &below(path, "expression"), out);
    }
    if let Some(stat) = options.and_then(|options| options.get("stat")) {
        statistic::judge(stat, &inner.text, path, out);
    }
    let Some((namespace, namespace_at)) = words.first().copied() else {
        if expression.is_none() && !options.is_some_and(|options| options.get("expression").is_some()) {
            let at =
                options.map_or(inner.text.origin(inner.node.at()), |options| inner.text.origin(options.at()));
            out.add(&rule::WIDGET_METRICS, at, path, "the line names no metric", FORM);
        }
        return;
    };
    if let Some(period) = options.and_then(|options| options.get("period")) {
        statistic::judge_period(period, &inner.text, namespace, path, out);
    }
    let Some((metric, metric_at)) = words.get(1).copied() else {
        out.add(&rule::WIDGET_METRICS, namespace_at, path, "the line has a namespace and no metric", FORM);
        return;
    };
    let pairs = words.get(2..).unwrap_or_default();
    if pairs.len() % 2 == 1 {
        let last = pairs.last().map_or(metric_at, |(_, at)| *at);
        let name = pairs.last().and_then(|(word, _)| *word).unwrap_or("…");
        let message = format!("the dimension {name:?} has no value");
        out.add(&rule::DIMENSION_VALUE, last, path, message, "dimensions are pairs: \"Name\", \"value\"");
        return;
    }
    let (Some(namespace), Some(metric)) = (namespace, metric) else { return };
    let mut whole = true;
    let mut dimensions = Vec::new();
    for pair in pairs.chunks_exact(2) {
        let [(name, name_at), (value, value_at)] = *pair else { continue };
        match name {
            Some(name) if !placeholder::is_in(name) => {
                dimensions.push(Dimension { name, value, at: (name_at, value_at) });
            }
            _ => whole = false,
        }
    }
    let series = Series {
        namespace,
        metric,
        dimensions,
        whole,
        searched: false,
        at: (namespace_at, metric_at),
        path: path.clone(),
    };
    let group = series::judge(&series, out);
    region(inner, line, namespace, metric_at, out);
    if let Some(group) = group {
        let own = options.and_then(|options| options.get("stat")).or_else(|| inner.node.get("stat"));
        // Nothing written is Average.
        let statistic = own.map_or(Some("Average"), Node::str).unwrap_or_default();
        let at = own.map_or(metric_at, |own| inner.text.origin(own.at()));
        let at = if options.is_some_and(|options| options.get("stat").is_some()) { at } else { metric_at };
        series::judge_statistic(&series, group, statistic, at, out);
    }
}

fn region(inner: &Place, line: &Line<'_>, namespace: &str, at: usize, out: &mut Findings) {
    let own = line.options.and_then(|options| options.get("region"));
    let Some(region) = own.or_else(|| inner.node.get("region")).and_then(Node::str) else { return };
    if namespace == "AWS/CloudFront" && region != "us-east-1" && !placeholder::is_in(region) {
        let message = format!("CloudFront's metrics are in us-east-1, and the widget looks in {region}");
        out.add(&rule::CLOUDFRONT_REGION, at, &line.path, message, "write \"region\": \"us-east-1\"");
    }
}

/// Whether a text says that it is about milliseconds.
fn says_milliseconds(text: &str) -> bool {
    let lower = text.to_lowercase();
    let mut words = lower.split(|c: char| !c.is_alphanumeric());
    words.any(|word| ["ms", "msec", "millis", "millisecond", "milliseconds"].contains(&word))
}

fn milliseconds(inner: &Place, lines: &[Line<'_>], out: &mut Findings) {
    let is_seconds = |line: &&Line<'_>| {
        let word = |index: usize| line.words.get(index).and_then(|(word, _)| *word);
        let drawn =
            line.options.and_then(|options| options.get("visible")).and_then(Node::bool) != Some(false);
        let (Some(namespace), Some(metric)) = (word(0), word(1)) else { return false };
        drawn && series::unit(namespace, metric) == Some("Seconds")
    };
    let seconds: Vec<&Line<'_>> = lines.iter().filter(is_seconds).collect();
    let Some(first) = seconds.first() else { return };
    let metric = first.words.get(1).and_then(|(word, _)| *word).unwrap_or_default();
    let mend = "write \"(s)\", or draw an expression m1 * 1000 and hide the metric";
    for line in &seconds {
        if let Some(label) = line.options.and_then(|options| options.get("label"))
            && label.str().is_some_and(says_milliseconds)
        {
            let message = format!("the label speaks of milliseconds, and {metric} is in seconds");
            out.add(&rule::SECONDS, inner.text.origin(label.at()), &line.path, message, mend);
        }
    }
    // With others on the same widget, the title may be about those.
    if seconds.len() < lines.len() {
        return;
    }
    let left = inner.node.get("yAxis").and_then(|axis| axis.get("left")).and_then(|left| left.get("label"));
    for (node, what) in [(inner.node.get("title"), "title"), (left, "label of the axis")] {
        if let Some(node) = node.filter(|node| node.str().is_some_and(says_milliseconds)) {
            let message = format!("the {what} speaks of milliseconds, and {metric} is in seconds");
            out.add(&rule::SECONDS, inner.text.origin(node.at()), &inner.path, message, mend);
        }
    }
    let lines_drawn = inner
        .node
        .get("annotations")
        .and_then(|all| all.get("horizontal"))
        .map(Node::items)
        .unwrap_or_default();
    for value in lines_drawn.iter().filter_map(|annotation| annotation.get("value")) {
        if let Some(number) = value.number().filter(|number| *number >= 100.0) {
            let message = format!("{metric} is in seconds: a line at {number} is far above anything");
            let mend = format!("if milliseconds are meant, write {}", number / 1000.0);
            out.add(&rule::SECONDS, inner.text.origin(value.at()), &inner.path, message, mend);
        }
    }
}
