//! The dashboard, from the account and into it. What is in it, others know.

use std::collections::BTreeMap;

use serde_json::Value;

use super::alarms::tags;
use super::answer::{Call, Failed};
use super::{ALARMS, AwsAccount, list};
use crate::provision::{Address, Content, Held, Kind, Refusal, Resource};

// Quotas: <https://docs.aws.amazon.com/AmazonCloudWatch/latest/monitoring/cloudwatch_limits.html>
const GET: Call = Call::new(ALARMS, "GetDashboard", 10);
const PUT: Call = Call::new(ALARMS, "PutDashboard", 10);
const DELETE: Call = Call::new(ALARMS, "DeleteDashboards", 10);

impl AwsAccount {
    /// The one dashboard, by its name.
    pub(super) async fn read_dashboard(&self, region: &str) -> Result<Vec<Held>, Refusal> {
        let name = &self.names.dashboard;
        let get = self.clients(region).alarms.get_dashboard().dashboard_name(name);
        let arn = self.dashboard_arn(name);
        let found = match self.call(GET, region, &arn, || get.clone().send()).await {
            Ok(found) => found,
            Err(Failed::Missing(_)) => return Ok(Vec::new()),
            Err(failed) => return Err(failed.refusal()),
        };
        let body = found.dashboard_body.unwrap_or_default();
        // What is no JSON is there all the same, and different from any that is.
        let dashboard_body = serde_json::from_str(&body).unwrap_or(Value::String(body));
        let resource = Resource {
            address: Address { kind: Kind::Dashboard, region: region.to_owned(), name: name.clone() },
            content: Content::Dashboard { dashboard_body },
            tags: BTreeMap::new(),
        };
        Ok(vec![Held { resource, id: found.dashboard_arn, state: None }])
    }

    /// Gives the service's warnings, which come with success.
    pub(super) async fn put_dashboard(
        &self,
        wanted: &Resource,
        is_there: bool,
        body: &Value,
    ) -> Result<Vec<String>, Failed> {
        let Address { region, name, .. } = &wanted.address;
        let arn = self.dashboard_arn(name);
        let put = self
            .clients(region)
            .alarms
            .put_dashboard()
            .dashboard_name(name)
            .dashboard_body(body.to_string())
            .set_tags(tags(&wanted.tags).filter(|_| !is_there));
        let answer = self.call(PUT, region, &arn, || put.clone().send()).await?;
        let words = list(answer.dashboard_validation_messages).into_iter().map(|said| {
            let message = said.message.unwrap_or_default();
            said.data_path.map_or_else(|| message.clone(), |path| format!("{path}: {message}"))
        });
        let mut words: Vec<String> = words.collect();
        if is_there {
            words.extend(self.tag_in_cloudwatch(wanted, &arn).await?);
        }
        Ok(words)
    }

    pub(super) async fn delete_dashboard(&self, region: &str, name: &str) -> Result<(), Failed> {
        let delete = self.clients(region).alarms.delete_dashboards().dashboard_names(name);
        let arn = self.dashboard_arn(name);
        self.call(DELETE, region, &arn, || delete.clone().send()).await.map(|_| ())
    }

    /// A dashboard is in no region.
    fn dashboard_arn(&self, name: &str) -> String {
        self.arn("cloudwatch", "", &format!("dashboard/{name}"))
    }
}
