//! Which part of the platform a metric belongs to, and so what has to be there for an alarm or a widget on it.
//!
//! Knows the metrics that somebody has to enable first. It finds no part: that is `parts`.

use super::parts::Parts;
use super::{Settings, Wanted};

/// What an alarm or a widget cannot do without.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Need {
    AutoScalingGroup,
    LoadBalancer,
    TargetGroup,
    Distribution,
    /// That the Auto Scaling group sends metrics of its own, which it does not by itself.
    /// <https://docs.aws.amazon.com/autoscaling/ec2/userguide/ec2-auto-scaling-metrics.html>
    GroupMetrics,
    /// That the distribution sends its additional metrics, which cost money.
    /// <https://docs.aws.amazon.com/AmazonCloudFront/latest/DeveloperGuide/viewing-cloudfront-metrics.html>
    AdditionalMetrics,
    /// That the agents send it: the key of the configuration by which they do not.
    Unsent(&'static str),
}

/// Metrics of `CloudFront` that are there only after somebody switched them on, per distribution.
/// <https://docs.aws.amazon.com/AmazonCloudFront/latest/DeveloperGuide/viewing-cloudfront-metrics.html>
pub(super) const ADDITIONAL: [&str; 8] = [
    "CacheHitRate",
    "OriginLatency",
    "401ErrorRate",
    "403ErrorRate",
    "404ErrorRate",
    "502ErrorRate",
    "503ErrorRate",
    "504ErrorRate",
];

impl Need {
    /// What a metric with these dimensions needs and is not there.
    pub(super) fn lacking<'a>(
        namespace: &str,
        metric: &str,
        dimensions: impl IntoIterator<Item = &'a str>,
        settings: &Settings,
        parts: &Parts,
    ) -> Vec<Self> {
        let of_dimension = |name| match name {
            "AutoScalingGroupName" => Some(Self::AutoScalingGroup),
            "LoadBalancer" => Some(Self::LoadBalancer),
            "TargetGroup" => Some(Self::TargetGroup),
            "DistributionId" => Some(Self::Distribution),
            _ => None,
        };
        let mut needs: Vec<Self> = dimensions.into_iter().filter_map(of_dimension).collect();
        match namespace {
            "AWS/AutoScaling" => needs.push(Self::GroupMetrics),
            "AWS/CloudFront" if ADDITIONAL.contains(&metric) => needs.push(Self::AdditionalMetrics),
            namespace if !namespace.starts_with("AWS/") => {
                needs.extend(settings.unsent.get(metric).map(|key| Self::Unsent(key)));
            }
            _ => {}
        }
        needs.retain(|need| !need.is_met(settings, parts));
        needs
    }

    /// Whether it is there, or wanted all the same.
    fn is_met(self, settings: &Settings, parts: &Parts) -> bool {
        match self {
            Self::AutoScalingGroup => parts.auto_scaling_group.is_some(),
            Self::LoadBalancer => parts.load_balancer.is_some(),
            Self::TargetGroup => parts.target_group.is_some(),
            Self::Distribution => parts.distribution.is_some(),
            Self::GroupMetrics => parts.group_metrics || settings.without_data,
            Self::AdditionalMetrics => parts.additional_metrics || settings.without_data,
            Self::Unsent(_) => settings.without_data,
        }
    }

    /// Whether the operator said that there is none: nothing to tell then.
    pub(super) fn is_unwanted(self, settings: &Settings) -> bool {
        let wanted = match self {
            Self::AutoScalingGroup => &settings.auto_scaling_group,
            Self::LoadBalancer => &settings.load_balancer,
            Self::TargetGroup => &settings.target_group,
            Self::Distribution => &settings.distribution,
            Self::GroupMetrics | Self::AdditionalMetrics | Self::Unsent(_) => return false,
        };
        *wanted == Wanted::Nothing
    }

    /// What is missing, and what to do about it.
    pub(super) fn advice(self, parts: &Parts) -> String {
        let named = |what: &str, key: &str| format!("there is no {what}: if there is, name it ({key})");
        match self {
            Self::AutoScalingGroup => named("Auto Scaling group", "host.auto_scaling_group"),
            Self::LoadBalancer => named("load balancer", "provision.load_balancer"),
            Self::TargetGroup => named("target group", "provision.target_group"),
            Self::Distribution => named("CloudFront distribution", "provision.distribution"),
            Self::GroupMetrics => format!(
                "the Auto Scaling group sends no metrics of its own: aws autoscaling enable-metrics-collection \
                 --auto-scaling-group-name {} --granularity 1Minute --region {}",
                parts.auto_scaling_group.as_deref().unwrap_or_default(),
                parts.region
            ),
            Self::AdditionalMetrics => format!(
                "the distribution sends no additional metrics: aws cloudfront create-monitoring-subscription \
                 --distribution-id {} --monitoring-subscription \
                 RealtimeMetricsSubscriptionConfig={{RealtimeMetricsSubscriptionStatus=Enabled}}",
                parts.distribution.as_deref().unwrap_or_default()
            ),
            Self::Unsent(key) => format!("as `{key}` stands, the agents send no data for it to the group"),
        }
    }
}

/// The value of a dimension that stands for a part.
pub(super) fn dimension(name: &str, parts: &Parts) -> Option<String> {
    match name {
        "AutoScalingGroupName" => parts.auto_scaling_group.clone(),
        "LoadBalancer" => parts.load_balancer.clone(),
        "TargetGroup" => parts.target_group.clone(),
        "DistributionId" => parts.distribution.clone(),
        // Only CloudFront's metrics have it.
        "Region" => Some("Global".to_owned()),
        _ => None,
    }
}
