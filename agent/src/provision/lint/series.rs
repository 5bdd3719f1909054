//! One series of a metric: whether there is such a thing, and whether it is looked at in a way that makes
//! sense.
//!
//! It does not know whether an alarm or a widget looks at it.

use super::Findings;
use super::dimension;
use super::known::{Group, Kind, Namespace};
use super::published::NAMESPACES;
use super::rule;
use crate::metrics::name;
use crate::provision::need::ADDITIONAL;

/// A metric by its dimensions, and where it is written.
#[derive(Debug, Clone)]
pub(super) struct Series<'a> {
    pub(super) namespace: &'a str,
    pub(super) metric: &'a str,
    pub(super) dimensions: Vec<Dimension<'a>>,
    /// Whether all dimensions are known: not if a template puts some in.
    pub(super) whole: bool,
    /// Whether it is searched for: what is not there is not drawn, and that is meant.
    pub(super) searched: bool,
    /// Where the namespace and the name of the metric stand in the file.
    pub(super) at: (usize, usize),
    pub(super) path: String,
}

/// A dimension.
#[derive(Debug, Clone)]
pub(super) struct Dimension<'a> {
    pub(super) name: &'a str,
    /// Not known if a template puts it in, or if everything is searched for.
    pub(super) value: Option<&'a str>,
    pub(super) at: (usize, usize),
}

/// What enables group metrics, in templates.
const ENABLING: [&str; 3] = ["enabled_metrics", "MetricsCollection", "enable-metrics-collection"];

/// Of the agent's own metrics.
pub(super) const OURS: &str = "StartTech/Backend";

/// Looks at the names. Answers with what is known of the metric.
pub(super) fn judge(series: &Series<'_>, out: &mut Findings) -> Option<&'static Group> {
    if series.namespace == OURS {
        dimension::of_agent(series, out);
        return None;
    }
    let Some(namespace) = Namespace::of(series.namespace) else {
        unknown_namespace(series, out);
        return None;
    };
    let Some(group) = namespace.group(series.metric) else {
        unknown_metric(series, namespace, out);
        return None;
    };
    dimension::of_service(series, group, out);
    if !series.searched {
        needs_enabling(series, out);
    }
    Some(group)
}

/// The unit that a metric comes in, where that is certain.
pub(super) fn unit(namespace: &str, metric: &str) -> Option<&'static str> {
    if namespace == OURS {
        return name::ALL.iter().find(|ours| ours.name == metric).map(|ours| ours.unit);
    }
    Namespace::of(namespace)?.group(metric)?.unit
}

fn unknown_namespace(series: &Series<'_>, out: &mut Findings) {
    let plain = super::json::plain(series.namespace);
    let also =
        [("awsalb", "AWS/ApplicationELB"), ("awselbv2", "AWS/ApplicationELB"), ("awsasg", "AWS/AutoScaling")];
    let same = NAMESPACES.iter().map(|known| known.name).find(|known| super::json::plain(known) == plain);
    let other = also.iter().find(|(wrong, _)| *wrong == plain).map(|(_, right)| *right);
    if let Some(right) = same.or(other) {
        let message = format!("there is no namespace {:?}", series.namespace);
        out.add(&rule::NAMESPACE, series.at.0, &series.path, message, format!("write {right:?}"));
    }
}

fn unknown_metric(series: &Series<'_>, namespace: &Namespace, out: &mut Findings) {
    let Series { metric, namespace: space, path, .. } = series;
    if out.is_full() {
        return out.leave_out();
    }
    let message = format!("{space} publishes no metric {metric:?}");
    if let Some(right) = namespace.same_letters(metric) {
        out.add(&rule::METRIC_NAME, series.at.1, path, message, format!("write {right:?}"));
    } else if namespace.complete {
        let mend = namespace.meant(metric).map_or_else(
            || format!("look for the name in the list of {space}'s metrics"),
            |meant| format!("perhaps {meant} is meant"),
        );
        out.add(&rule::UNKNOWN_METRIC, series.at.1, path, message, mend);
    }
}

fn needs_enabling(series: &Series<'_>, out: &mut Findings) {
    let (rule, message, mend) = match (series.namespace, series.metric) {
        // A template that enables them says so.
        ("AWS/AutoScaling", _) if ENABLING.iter().any(|word| out.text.contains(word)) => return,
        ("AWS/AutoScaling", metric) if !metric.starts_with("Predictive") => (
            &rule::GROUP_METRICS,
            "group metrics are there only if they were enabled, and nothing enables them by itself",
            "aws autoscaling enable-metrics-collection --granularity 1Minute --auto-scaling-group-name …",
        ),
        ("AWS/CloudFront", metric) if ADDITIONAL.contains(&metric) => (
            &rule::NEEDS_ENABLING,
            "this is one of CloudFront's additional metrics, which are there only if they were enabled",
            "aws cloudfront create-monitoring-subscription --distribution-id …",
        ),
        _ => return,
    };
    out.add(rule, series.at.1, &series.path, message, mend);
}

/// Looks at the statistic, for somebody who draws it, or compares it with something else than zero.
pub(super) fn judge_statistic(
    series: &Series<'_>,
    group: &Group,
    statistic: &str,
    at: usize,
    out: &mut Findings,
) {
    let metric = series.metric;
    let mut add = |rule, message: String, mend: &str| out.add(rule, at, &series.path, message, mend);
    let is = |names: &[&str]| names.contains(&statistic);
    if series.namespace == "AWS/CloudFront" {
        let right = match group.kind {
            Kind::Percent => "Average",
            Kind::Traffic => "Sum",
            _ => return,
        };
        if !is(&[right]) && is(&["Average", "Sum", "Minimum", "Maximum", "SampleCount"]) {
            add(
                &rule::CLOUDFRONT_STATISTIC,
                format!("of {metric}, CloudFront has {right} and nothing else, not {statistic}"),
                &format!("write \"stat\": \"{right}\""),
            );
        }
        return;
    }
    match group.kind {
        Kind::Errors | Kind::Traffic
            // Of the one that is per target, the average is what makes sense.
            if is(&["Average", "Minimum", "Maximum"])
                && series.namespace == "AWS/ApplicationELB"
                && metric != "RequestCountPerTarget" =>
        {
                let message = if metric.starts_with("HTTPCode_") {
                    format!("{statistic} of {metric} is always 1: each response is a datapoint of 1")
                } else {
                    format!(
                        "{statistic} of {metric} does not say how many there were: the one useful statistic is Sum"
                    )
                };
                add(&rule::COUNT_STATISTIC, message, "write Sum");
        }
        Kind::Seconds if is(&["Sum"]) => {
            let message = format!("Sum adds up {metric} of all requests, which grows with their number");
            add(&rule::LEVEL_STATISTIC, message, "write Average or p95");
        }
        Kind::Level if is(&["SampleCount"]) && series.namespace == "AWS/ApplicationELB" => {
            let message = format!("SampleCount is how often {metric} was measured, not how many there are");
            add(&rule::LEVEL_STATISTIC, message, "write Average, Minimum or Maximum");
        }
        Kind::Level | Kind::Percent if is(&["Sum"]) => {
            let message =
                format!("Sum adds up every sample of {metric} in the period, which is no number of anything");
            add(&rule::LEVEL_STATISTIC, message, "write Average, Minimum or Maximum");
        }
        _ => {}
    }
}
