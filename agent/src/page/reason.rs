//! Why a widget is empty, and what `lint` says of it.

use maud::{Markup, html};

use super::series::Resolved;
use crate::provision::lint::rule::Severity;
use crate::provision::lint::{Finding, Report};

/// Findings of one widget that are shown.
const MOST: usize = 5;
/// Metrics that are named.
const NAMED: usize = 4;

/// Why nothing is drawn.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Empty {
    /// Sentences.
    pub(super) words: Vec<String>,
    /// Whether only AWS could fill it.
    pub(super) elsewhere: bool,
}

/// What `lint` found at a widget, the worst first; no hints.
pub(super) fn of(widget: usize, report: &Report) -> Vec<&Finding> {
    let mine = |finding: &&Finding| {
        let at = finding.path.split_once("widgets[").and_then(|(_, rest)| rest.split_once(']'));
        finding.severity != Severity::Hint && at.is_some_and(|(number, _)| number.parse() == Ok(widget))
    };
    let mut all: Vec<&Finding> = report.findings.iter().filter(mine).collect();
    all.sort_by_key(|finding| finding.severity != Severity::Error);
    all.truncate(MOST);
    all
}

/// Why a metric widget is empty.
pub(super) fn empty(resolved: &Resolved, said: &[&Finding]) -> Empty {
    let mut words: Vec<String> = resolved.faults.iter().take(MOST).cloned().collect();
    let of_aws = |namespace: &str| namespace.starts_with("AWS/");
    let mut namespaces: Vec<&str> = resolved.asked.iter().map(|(namespace, _)| namespace.as_str()).collect();
    namespaces.dedup();
    let (aws, ours): (Vec<&str>, Vec<&str>) = namespaces.into_iter().partition(|name| of_aws(name));
    let elsewhere = !aws.is_empty() && ours.is_empty();
    if !aws.is_empty() {
        words.push(format!("Only AWS measures {}: nothing of it is on this host.", listed(&aws)));
    }
    if !ours.is_empty() {
        let metrics = resolved.asked.iter().filter(|(namespace, _)| !of_aws(namespace));
        let names: Vec<&str> =
            metrics.map(|(_, metric)| metric.as_str()).filter(|name| !name.is_empty()).collect();
        words.push(format!("No datapoint of {} in this time.", listed(&names)));
    }
    if resolved.asked.is_empty() && words.is_empty() && said.is_empty() {
        words.push("It asks for no metric.".to_owned());
    }
    Empty { words, elsewhere }
}

fn listed(names: &[&str]) -> String {
    let more = names.len().saturating_sub(NAMED);
    let shown = names.iter().take(NAMED).copied().collect::<Vec<_>>().join(", ");
    if more > 0 { format!("{shown} and {more} more") } else { shown }
}

impl Empty {
    /// In the widget's box.
    pub(super) fn shown(&self) -> Markup {
        html! { div.empty { @for sentence in &self.words { p { (sentence) } } } }
    }
}

/// Findings, below a widget's content.
pub(super) fn findings(said: &[&Finding]) -> Markup {
    html! {
        @if !said.is_empty() {
            ul.findings {
                @for finding in said {
                    li.error[finding.severity == Severity::Error] {
                        (finding.message)
                        @if !finding.mend.is_empty() { " → " (finding.mend) }
                    }
                }
            }
        }
    }
}
