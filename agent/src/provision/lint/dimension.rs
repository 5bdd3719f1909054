//! The dimensions of a series: whether its service publishes the metric by them, and whether their values
//! can be right.
//!
//! It knows the forms of values, not which there are.

use super::known::{Group, Namespace};
use super::placeholder;
use super::rule;
use super::series::{Dimension, Series};
use super::{Findings, nearest};
use crate::metrics::name;

/// Of a metric of AWS's.
pub(super) fn of_service(series: &Series<'_>, group: &Group, out: &mut Findings) {
    for dimension in &series.dimensions {
        value(series, dimension, out);
    }
    if !series.whole {
        return;
    }
    if series.dimensions.is_empty() {
        none(series, group, out);
        return;
    }
    let mut names: Vec<&str> = series.dimensions.iter().map(|dimension| dimension.name).collect();
    names.sort_unstable();
    if !group.sets.is_empty() && !group.sets.contains(&names.as_slice()) {
        wrong(series, group, &names, out);
    }
}

fn none(series: &Series<'_>, group: &Group, out: &mut Findings) {
    let Series { namespace, metric, path, .. } = series;
    let at = series.at.1;
    let everything = group.sets.is_empty() || group.sets.iter().any(|set| set.is_empty());
    if *namespace == "AWS/EC2" && everything {
        out.add(
            &rule::ALL_INSTANCES,
            at,
            path,
            format!("without dimensions, {metric} is of all instances of the region that have detailed monitoring, and of none if none has"),
            "name the group: \"AutoScalingGroupName\", \"…\"",
        );
    } else if everything {
        let message = format!("without dimensions, {metric} is of everything in the region together");
        out.add(
            &rule::WHOLE_REGION,
            at,
            path,
            message,
            "name what it shall be of, if there is more than one",
        );
    } else {
        out.add(
            &rule::DIMENSIONS_MISSING,
            at,
            path,
            format!("{namespace} publishes no {metric} without dimensions: there will never be a datapoint"),
            format!("name {}", sets(group)),
        );
    }
}

fn wrong(series: &Series<'_>, group: &Group, names: &[&str], out: &mut Findings) {
    let known: Vec<&str> = group.sets.iter().flat_map(|set| set.iter().copied()).collect();
    let path = &series.path;
    let misspelt = series.dimensions.iter().find(|dimension| !known.contains(&dimension.name));
    let near = misspelt.and_then(|wrong| {
        let plain = super::json::plain(wrong.name);
        let same = known.iter().copied().find(|name| super::json::plain(name) == plain);
        Some((wrong, same.or_else(|| nearest(wrong.name, known.iter().copied()))?))
    });
    if let Some((wrong, right)) = near {
        let message = format!("{} has no dimension {:?}", series.metric, wrong.name);
        out.add(&rule::DIMENSIONS, wrong.at.0, path, message, format!("write {right:?}"));
        return;
    }
    if names == ["DistributionId"] && series.namespace == "AWS/CloudFront" {
        let message = "CloudFront's metrics have a second dimension: Region, which is always Global";
        out.add(&rule::CLOUDFRONT_GLOBAL, series.at.1, path, message, "add \"Region\", \"Global\"");
        return;
    }
    // Its page names dimensions, and does not say that these are all.
    if Namespace::of(series.namespace).is_some_and(|namespace| !namespace.complete) {
        let message =
            format!("{}'s page speaks of no {} by {}", series.namespace, series.metric, names.join(" and "));
        let mend = format!("it names {}", sets(group));
        out.add(&rule::DIMENSIONS_UNLISTED, series.at.1, path, message, mend);
        return;
    }
    let message = format!(
        "{} publishes no {} by {}: there will never be a datapoint",
        series.namespace,
        series.metric,
        names.join(" and ")
    );
    out.add(&rule::DIMENSIONS, series.at.1, path, message, format!("it is there by {}", sets(group)));
}

/// The sets of dimensions, in words.
fn sets(group: &Group) -> String {
    let sets: Vec<String> =
        group.sets.iter().filter(|set| !set.is_empty()).map(|set| set.join(" and ")).collect();
    sets.join("; or ")
}

fn value(series: &Series<'_>, dimension: &Dimension<'_>, out: &mut Findings) {
    let Some(value) = dimension.value.filter(|value| !placeholder::is_in(value) && *value != "*") else {
        return;
    };
    let path = &series.path;
    let at = dimension.at.1;
    match (series.namespace, dimension.name) {
        ("AWS/ApplicationELB", "LoadBalancer") if !is_form(value, "app/") => {
            let rule = &rule::LOAD_BALANCER;
            out.add(
                rule,
                at,
                path,
                format!("{value:?} is {}", what_instead(value)),
                mend(value, "app/name/id"),
            );
        }
        ("AWS/ApplicationELB", "TargetGroup") if !is_form(value, "targetgroup/") => {
            let message = format!("{value:?} is {}", what_instead(value));
            out.add(&rule::TARGET_GROUP, at, path, message, mend(value, "targetgroup/name/id"));
        }
        ("AWS/CloudFront", "Region") if value != "Global" => {
            let message = format!("the dimension Region of CloudFront's metrics is Global, not {value:?}");
            out.add(&rule::CLOUDFRONT_GLOBAL, at, path, message, "write \"Region\", \"Global\"");
        }
        _ => {}
    }
}

fn is_form(value: &str, head: &str) -> bool {
    value
        .strip_prefix(head)
        .is_some_and(|rest| rest.split('/').count() == 2 && rest.split('/').all(|part| !part.is_empty()))
}

fn what_instead(value: &str) -> &'static str {
    if value.starts_with("arn:") {
        "a whole ARN; its metrics have only the last part of it"
    } else if value.contains(".elb.") {
        "a DNS name; its metrics do not know it"
    } else if value.starts_with("net/") || value.starts_with("gwy/") {
        "of another kind of load balancer, whose metrics are in another namespace"
    } else if value.contains('/') {
        "not the form that its metrics have"
    } else {
        "a name; its metrics have the last part of the ARN"
    }
}

fn mend(value: &str, form: &str) -> String {
    let cut = ["loadbalancer/", "targetgroup/"].iter().find_map(|marker| {
        let (_, rest) = value.split_once(marker)?;
        let rest = if *marker == "targetgroup/" { format!("targetgroup/{rest}") } else { rest.to_owned() };
        (is_form(&rest, "app/") || is_form(&rest, "targetgroup/")).then_some(rest)
    });
    match cut {
        Some(right) => format!("write {right:?}"),
        None => format!("write it as {form}: arn_suffix in Terraform, or the ARN's end"),
    }
}

/// Of a metric of ours.
pub(super) fn of_agent(series: &Series<'_>, out: &mut Findings) {
    let Some(metric) = name::ALL.iter().find(|metric| metric.name == series.metric) else {
        let names = name::ALL.iter().map(|metric| metric.name);
        if let Some(right) = nearest(series.metric, names) {
            let message = format!("the agent has no metric {:?}", series.metric);
            out.add(
                &rule::AGENT_SERIES,
                series.at.1,
                &series.path,
                message,
                format!("perhaps {right} is meant"),
            );
        }
        return;
    };
    let mut names: Vec<&str> = series.dimensions.iter().map(|dimension| dimension.name).collect();
    names.sort_unstable();
    let hosts = [name::INSTANCE_ID, name::AUTO_SCALING_GROUP];
    let right = |host: &&str| {
        let mut wanted: Vec<&str> = metric.dimension.into_iter().chain([*host]).collect();
        wanted.sort_unstable();
        wanted == names
    };
    if series.whole && !hosts.iter().any(right) {
        let own = metric.dimension.map(|own| format!(" and {own}")).unwrap_or_default();
        let by = if names.is_empty() {
            "without dimensions".to_owned()
        } else {
            format!("by {}", names.join(" and "))
        };
        let message = format!("the agent does not send {} {by}", metric.name);
        let mend = format!("it is there by AutoScalingGroupName{own}, and by InstanceId{own}");
        out.add(&rule::AGENT_SERIES, series.at.1, &series.path, message, mend);
    }
}
