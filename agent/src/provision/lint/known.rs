//! What is known of AWS's metrics: namespaces, dimensions, units and kinds. The lists are in `published.rs`.
//!
//! It does not know who looks at them.

use super::published::NAMESPACES;

/// A namespace.
#[derive(Debug)]
pub(super) struct Namespace {
    pub(super) name: &'static str,
    /// Whether a metric that is not listed is none. Some services add metrics often.
    pub(super) complete: bool,
    pub(super) groups: &'static [Group],
}

/// Metrics that are alike.
#[derive(Debug)]
pub(super) struct Group {
    pub(super) names: &'static str,
    /// Sets of dimensions that go together, each in the order of names. Empty: nobody says.
    pub(super) sets: &'static [&'static [&'static str]],
    pub(super) kind: Kind,
    /// What they are published in, where that is documented.
    pub(super) unit: Option<&'static str>,
}

/// What a metric's datapoints are.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Kind {
    /// Ones, each for something bad: there is nothing while nothing happens.
    Errors,
    /// Ones, each for something that is asked: there is nothing while nobody asks.
    Traffic,
    /// How many or how much there is.
    Level,
    /// A level from 0 to 100.
    Percent,
    /// A time in seconds, while somebody asks.
    Seconds,
    /// Something else.
    Other,
}

/// Metrics that people look for where they are not, and what they mean.
const MEANT: [(&str, &str, &str); 9] = [
    ("AWS/AutoScaling", "GroupHealthyInstances", "GroupInServiceInstances"),
    ("AWS/AutoScaling", "GroupUnhealthyInstances", "UnHealthyHostCount in AWS/ApplicationELB"),
    ("AWS/ApplicationELB", "TargetCount", "HealthyHostCount or UnHealthyHostCount"),
    ("AWS/ApplicationELB", "Latency", "TargetResponseTime"),
    ("AWS/ApplicationELB", "TargetLatency", "TargetResponseTime"),
    ("AWS/ApplicationELB", "HTTPCode_Backend_5XX", "HTTPCode_Target_5XX_Count"),
    ("AWS/CloudFront", "ErrorRate", "TotalErrorRate"),
    (
        "AWS/EC2",
        "MemoryUtilization",
        "mem_used_percent, which an agent on the host sends (EC2 sees no memory)",
    ),
    (
        "AWS/EC2",
        "DiskSpaceUtilization",
        "disk_used_percent, which an agent on the host sends (EC2 sees no files)",
    ),
];

impl Namespace {
    pub(super) fn of(name: &str) -> Option<&'static Self> {
        NAMESPACES.iter().find(|namespace| namespace.name == name)
    }

    pub(super) fn group(&self, metric: &str) -> Option<&'static Group> {
        self.groups.iter().find(|group| group.names().any(|name| name == metric))
    }

    /// The metric that is spelt like this but for letter case and signs between the letters.
    pub(super) fn same_letters(&self, metric: &str) -> Option<&'static str> {
        let wanted = super::json::plain(metric);
        self.names().find(|name| super::json::plain(name) == wanted)
    }

    /// What somebody who wrote this metric may mean.
    pub(super) fn meant(&self, metric: &str) -> Option<&'static str> {
        let special = MEANT.iter().find(|(space, wrong, _)| (*space, *wrong) == (self.name, metric));
        special.map(|(_, _, right)| *right).or_else(|| super::nearest(metric, self.names()))
    }

    fn names(&self) -> impl Iterator<Item = &'static str> {
        self.groups.iter().flat_map(Group::names)
    }
}

impl Group {
    fn names(&self) -> impl Iterator<Item = &'static str> + use<> {
        self.names.split_whitespace()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::provision::need::ADDITIONAL;

    #[test]
    fn every_metric_stands_once_and_its_sets_are_in_order() {
        for namespace in NAMESPACES {
            let mut names: Vec<_> = namespace.names().collect();
            let count = names.len();
            names.sort_unstable();
            names.dedup();
            assert_eq!(names.len(), count, "{}", namespace.name);
            assert!(
                namespace.groups.iter().flat_map(|group| group.sets).all(|set| set.is_sorted()),
                "{}",
                namespace.name
            );
            let lists = ADDITIONAL.iter().all(|name| namespace.group(name).is_some());
            assert_eq!(lists, namespace.name == "AWS/CloudFront");
        }
    }
}
