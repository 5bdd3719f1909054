//! The platform's parts, as their metrics tell: no service but `CloudWatch` is asked.

use aws_sdk_cloudwatch::types::{DimensionFilter, RecentlyActive};

use super::answer::{Call, Failed};
use super::{ALARMS, AwsAccount, list, text};
use crate::provision::{CLOUDFRONT_REGION, Found, Refusal};

// Quota: <https://docs.aws.amazon.com/AmazonCloudWatch/latest/monitoring/cloudwatch_limits.html>
pub(super) const LIST: Call = Call::new(ALARMS, "ListMetrics", 25);

/// Of 500 metrics each: more groups, targets or distributions than anybody could choose from.
const PAGES: usize = 10;

/// A metric that only a part of one kind has, with these dimensions and no others.
struct Trace<const N: usize> {
    namespace: &'static str,
    metric: &'static str,
    dimensions: [&'static str; N],
}

const GROUP: Trace<1> =
    Trace { namespace: "AWS/EC2", metric: "CPUUtilization", dimensions: ["AutoScalingGroupName"] };
const GROUP_WITH_METRICS: Trace<1> = Trace {
    namespace: "AWS/AutoScaling",
    metric: "GroupInServiceInstances",
    dimensions: ["AutoScalingGroupName"],
};
const TARGET: Trace<2> = Trace {
    namespace: "AWS/ApplicationELB",
    metric: "HealthyHostCount",
    dimensions: ["LoadBalancer", "TargetGroup"],
};
const DISTRIBUTION: Trace<2> =
    Trace { namespace: "AWS/CloudFront", metric: "Requests", dimensions: ["DistributionId", "Region"] };
const DISTRIBUTION_WITH_MORE: Trace<2> =
    Trace { namespace: "AWS/CloudFront", metric: "CacheHitRate", dimensions: ["DistributionId", "Region"] };

impl AwsAccount {
    pub(super) async fn find_parts(&self) -> Found {
        let mut refusals = Vec::new();
        let groups = first(self.trace(&self.home, &GROUP, &mut refusals).await);
        let groups_with_metrics = first(self.trace(&self.home, &GROUP_WITH_METRICS, &mut refusals).await);
        let targets = self.trace(&self.home, &TARGET, &mut refusals).await;
        let distributions = first(self.trace(CLOUDFRONT_REGION, &DISTRIBUTION, &mut refusals).await);
        let with_more = first(self.trace(CLOUDFRONT_REGION, &DISTRIBUTION_WITH_MORE, &mut refusals).await);
        refusals.sort_by_key(ToString::to_string);
        refusals.dedup();
        Found {
            auto_scaling_groups: groups,
            targets: targets.into_iter().map(|[balancer, group]| (balancer, group)).collect(),
            distributions,
            groups_with_metrics,
            distributions_with_more: with_more,
            refusals,
        }
    }

    /// The values of the dimensions, in their order. First of what had data in the last three hours, for an
    /// account keeps the names of what is long gone; where nothing had, of the last two weeks.
    async fn trace<const N: usize>(
        &self,
        region: &str,
        trace: &Trace<N>,
        refusals: &mut Vec<Refusal>,
    ) -> Vec<[String; N]> {
        for recent in [Some(RecentlyActive::Pt3H), None] {
            match self.list_metrics(region, trace, recent).await {
                Ok((found, cut)) => {
                    if cut {
                        refusals.push(Refusal::Wrong(format!(
                            "{} of {} is there more than {} times in {region}: not all were looked at",
                            trace.metric,
                            trace.namespace,
                            PAGES * 500
                        )));
                    }
                    if !found.is_empty() {
                        return found;
                    }
                }
                Err(failed) => {
                    refusals.push(failed.refusal());
                    return Vec::new();
                }
            }
        }
        Vec::new()
    }

    async fn list_metrics<const N: usize>(
        &self,
        region: &str,
        trace: &Trace<N>,
        recent: Option<RecentlyActive>,
    ) -> Result<(Vec<[String; N]>, bool), Failed> {
        let client = self.clients(region).alarms;
        // An empty list would be refused.
        let filters = trace.dimensions.iter().map(|name| DimensionFilter::builder().name(*name).build());
        let mut found = Vec::new();
        let mut token = None;
        for _ in 0..PAGES {
            let ask = client
                .list_metrics()
                .namespace(trace.namespace)
                .metric_name(trace.metric)
                .set_dimensions(Some(filters.clone().collect()))
                .set_recently_active(recent.clone())
                .set_next_token(token);
            let page = self.call(LIST, region, "*", || ask.clone().send()).await?;
            for metric in list(page.metrics) {
                let mut dimensions: Vec<(String, String)> = list(metric.dimensions)
                    .into_iter()
                    .map(|found| (found.name.unwrap_or_default(), found.value.unwrap_or_default()))
                    .collect();
                dimensions.sort();
                let names = dimensions.iter().map(|(name, _)| name.as_str());
                // The same metric has others beside: per zone, per instance.
                if names.eq(trace.dimensions) && metric.metric_name.as_deref() == Some(trace.metric) {
                    let mut values = dimensions.into_iter().map(|(_, value)| value);
                    found.push(std::array::from_fn(|_| values.next().unwrap_or_default()));
                }
            }
            token = text(page.next_token);
            if token.is_none() {
                found.sort();
                found.dedup();
                return Ok((found, false));
            }
        }
        found.sort();
        found.dedup();
        Ok((found, true))
    }
}

fn first<const N: usize>(found: Vec<[String; N]>) -> Vec<String> {
    found.into_iter().filter_map(|values| values.into_iter().next()).collect()
}
