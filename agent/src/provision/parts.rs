//! Which group, load balancer and distribution the alarms and the dashboard are about: what the operator
//! says, else what the account has, else a question in words.
//!
//! It asks nobody: [`Found`] is the answer, however it was got.

use super::{Found, Settings, Wanted};

/// What the definitions are filled with.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Parts {
    /// Where the platform is.
    pub region: String,
    /// For ARNs.
    pub account_id: String,
    /// Of the hosts.
    pub auto_scaling_group: Option<String>,
    /// `app/name/id`
    pub load_balancer: Option<String>,
    /// `targetgroup/name/id`
    pub target_group: Option<String>,
    /// Of `CloudFront`.
    pub distribution: Option<String>,
    /// Whether the group's own metrics are there: `GroupInServiceInstances`.
    pub group_metrics: bool,
    /// Whether the distribution's additional metrics are there: `CacheHitRate`.
    pub additional_metrics: bool,
}

/// A part that nobody can tell: neither named, nor the only one of its kind.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Missing {
    /// The key that says it: `provision.load_balancer`.
    pub key: &'static str,
    /// What it is, for a sentence: "load balancer".
    pub what: &'static str,
    /// Which there are; none, or more than one.
    pub candidates: Vec<String>,
}

/// Which parts there are, and which must be asked for.
pub fn settle(settings: &Settings, found: &Found, region: &str, account_id: &str) -> (Parts, Vec<Missing>) {
    let mut missing = Vec::new();
    let mut pick = |wanted: &Wanted, key, what, candidates: &[String]| match (wanted, candidates) {
        (Wanted::Named(name), _) => Some(name.clone()),
        (Wanted::Nothing, _) => None,
        (Wanted::Find, [one]) => Some(one.clone()),
        (Wanted::Find, candidates) => {
            missing.push(Missing { key, what, candidates: candidates.to_vec() });
            None
        }
    };
    let distinct = |names: Vec<&String>| {
        let mut names: Vec<String> = names.into_iter().cloned().collect();
        names.sort();
        names.dedup();
        names
    };
    let auto_scaling_group = pick(
        &settings.auto_scaling_group,
        "host.auto_scaling_group",
        "Auto Scaling group",
        &distinct(found.auto_scaling_groups.iter().collect()),
    );
    let load_balancer = pick(
        &settings.load_balancer,
        "provision.load_balancer",
        "load balancer",
        &distinct(found.targets.iter().map(|(balancer, _)| balancer).collect()),
    );
    let behind = found.targets.iter().filter(|(balancer, _)| Some(balancer) == load_balancer.as_ref());
    let behind = distinct(behind.map(|(_, group)| group).collect());
    let target_group = match load_balancer {
        None => None,
        Some(_) => pick(&settings.target_group, "provision.target_group", "target group", &behind),
    };
    let distribution = pick(
        &settings.distribution,
        "provision.distribution",
        "CloudFront distribution",
        &distinct(found.distributions.iter().collect()),
    );
    let among =
        |names: &[String], name: &Option<String>| name.as_ref().is_some_and(|name| names.contains(name));
    let parts = Parts {
        region: region.to_owned(),
        account_id: account_id.to_owned(),
        group_metrics: among(&found.groups_with_metrics, &auto_scaling_group),
        additional_metrics: among(&found.distributions_with_more, &distribution),
        auto_scaling_group,
        load_balancer,
        target_group,
        distribution,
    };
    (parts, missing)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_named_counts_then_the_only_one_there_is() {
        let text = |text: &str| text.to_owned();
        let found = Found {
            auto_scaling_groups: vec![text("b"), text("a")],
            targets: vec![
                (text("app/x/1"), text("targetgroup/y/2")),
                (text("app/x/1"), text("targetgroup/y/2")),
            ],
            distributions: vec![],
            groups_with_metrics: vec![text("a")],
            ..Found::default()
        };
        let (parts, missing) = settle(&Settings::default(), &found, "eu-west-1", "1");
        assert_eq!(parts.load_balancer.as_deref(), Some("app/x/1"));
        assert_eq!(parts.target_group.as_deref(), Some("targetgroup/y/2"));
        let keys: Vec<_> = missing.iter().map(|missing| (missing.key, missing.candidates.len())).collect();
        assert_eq!(keys, [("host.auto_scaling_group", 2), ("provision.distribution", 0)]);

        let settings = Settings {
            auto_scaling_group: Wanted::Named(text("a")),
            load_balancer: Wanted::Nothing,
            distribution: Wanted::Nothing,
            ..Settings::default()
        };
        let (parts, missing) = settle(&settings, &found, "eu-west-1", "1");
        assert!(missing.is_empty(), "{missing:?}");
        assert!(parts.group_metrics && parts.load_balancer.is_none() && parts.target_group.is_none());
    }
}
