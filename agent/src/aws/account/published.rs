//! Whether anybody publishes a metric.

use aws_sdk_cloudwatch::types::{DimensionFilter, RecentlyActive};

use super::found::LIST;
use super::{AwsAccount, list, text};
use crate::alarms::definition::Metric;
use crate::provision::Refusal;

/// Of 500 metrics each: those that have more dimensions than are asked for.
const PAGES: usize = 4;

impl AwsAccount {
    /// Whether the metric had data in the last three hours, with these dimensions and no others.
    pub async fn is_published(&self, region: &str, metric: &Metric) -> Result<bool, Refusal> {
        let client = self.clients(region).alarms;
        let filter =
            |(name, value): &(&str, &str)| DimensionFilter::builder().name(*name).value(*value).build();
        let mut wanted: Vec<(&str, &str)> =
            metric.dimensions.iter().map(|one| (one.name.as_str(), one.value.as_str())).collect();
        wanted.sort_unstable();
        // An empty list would be refused.
        let filters = (!wanted.is_empty()).then(|| wanted.iter().map(filter).collect::<Vec<_>>());
        let mut token = None;
        for _ in 0..PAGES {
            let ask = client
                .list_metrics()
                .namespace(&metric.namespace)
                .metric_name(&metric.metric_name)
                .set_dimensions(filters.clone())
                .recently_active(RecentlyActive::Pt3H)
                .set_next_token(token);
            let page = self.call(LIST, region, "*", || ask.clone().send()).await;
            let page = page.map_err(super::Failed::refusal)?;
            let is_it = |found: &aws_sdk_cloudwatch::types::Metric| {
                let mut dimensions: Vec<(&str, &str)> = found
                    .dimensions()
                    .iter()
                    .map(|one| (one.name().unwrap_or_default(), one.value().unwrap_or_default()))
                    .collect();
                dimensions.sort_unstable();
                found.metric_name() == Some(&metric.metric_name) && dimensions == wanted
            };
            if list(page.metrics).iter().any(is_it) {
                return Ok(true);
            }
            token = text(page.next_token);
            if token.is_none() {
                break;
            }
        }
        Ok(false)
    }
}
