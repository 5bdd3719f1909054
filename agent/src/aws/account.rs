//! The account: our [`Account`] over the SDKs of `CloudWatch`, its logs, SNS and STS.
//!
//! Reads what stands there, makes, changes and removes one thing at a time, each call within the service's
//! quota. What ought to be there, and whose a thing is, it refuses to know: a plan says.

mod alarms;
mod answer;
mod dashboards;
mod drill;
mod found;
mod log_groups;
mod pace;
mod published;
mod queries;
mod topics;

use std::collections::HashMap;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use aws_config::timeout::TimeoutConfig;
use aws_config::{Region, SdkConfig};

use self::answer::{Call, Failed};
use self::pace::Pace;
use super::partition;
use super::refusal::Service;
use crate::provision::{Account, Actual, Content, Found, Held, Kind, Refusal, Resource, Settings, Unread};

/// For the account's number alone: most private subnets have no endpoint of STS, and ARNs tell it too.
const IDENTITY_TIMEOUT: Duration = Duration::from_secs(5);

const ALARMS: Service = Service { name: "CloudWatch", actions: "cloudwatch", endpoint: "monitoring" };
const LOGS: Service = Service { name: "CloudWatch Logs", actions: "logs", endpoint: "logs" };
const TOPICS: Service = Service { name: "SNS", actions: "sns", endpoint: "sns" };
const IDENTITY: Service = Service { name: "STS", actions: "sts", endpoint: "sts" };

const GET_CALLER_IDENTITY: Call = Call::new(IDENTITY, "GetCallerIdentity", 100);

/// The account that the credentials are of.
#[derive(Debug)]
pub struct AwsAccount {
    sdk: SdkConfig,
    /// Where everything is but what watches `CloudFront`.
    home: String,
    /// What is looked for by its name, so that hundreds of others cost no calls.
    names: Names,
    clients: Mutex<HashMap<String, Clients>>,
    pace: Pace,
    /// The account's number, once somebody has said it.
    number: Mutex<Option<String>>,
}

/// What is looked for by its name.
#[derive(Debug, Clone)]
struct Names {
    /// Of saved queries, the beginning.
    prefix: String,
    dashboard: String,
    topic: String,
    log_groups: Vec<String>,
}

/// Of one region.
#[derive(Debug, Clone)]
struct Clients {
    alarms: aws_sdk_cloudwatch::Client,
    logs: aws_sdk_cloudwatchlogs::Client,
    topics: aws_sdk_sns::Client,
}

impl AwsAccount {
    /// What these settings are about. The region of `sdk` is where log groups, dashboard and saved queries are.
    pub fn new(sdk: &SdkConfig, settings: &Settings) -> Self {
        Self {
            sdk: sdk.clone(),
            home: sdk.region().map(ToString::to_string).unwrap_or_default(),
            names: Names {
                prefix: settings.prefix.clone(),
                dashboard: settings.dashboard.clone(),
                topic: settings.topic.clone(),
                log_groups: settings.log_groups.clone(),
            },
            clients: Mutex::default(),
            pace: Pace::default(),
            number: Mutex::default(),
        }
    }

    fn clients(&self, region: &str) -> Clients {
        let mut clients = locked(&self.clients);
        let known = clients.entry(region.to_owned()).or_insert_with(|| {
            let region = Region::new(region.to_owned());
            Clients {
                alarms: aws_sdk_cloudwatch::Client::from_conf(
                    super::metrics_config(&self.sdk).region(region.clone()).build(),
                ),
                logs: aws_sdk_cloudwatchlogs::Client::from_conf(
                    super::logs_config(&self.sdk).region(region.clone()).build(),
                ),
                topics: aws_sdk_sns::Client::from_conf(
                    super::topics_config(&self.sdk).region(region).build(),
                ),
            }
        });
        known.clone()
    }

    /// An ARN of this account. Where its number is not known, it has a `*` in its place.
    fn arn(&self, service: &str, region: &str, what: &str) -> String {
        let number = locked(&self.number).clone().unwrap_or_else(|| "*".to_owned());
        format!("arn:{}:{service}:{region}:{number}:{what}", partition(&self.home))
    }

    /// Takes the account's number from an ARN, or from a sentence with one.
    fn learn(&self, text: &str) {
        let Some((_, arn)) = text.split_once("arn:") else { return };
        let number = arn.split(':').nth(3).unwrap_or_default();
        if number.len() == 12 && number.bytes().all(|byte| byte.is_ascii_digit()) {
            locked(&self.number).get_or_insert_with(|| number.to_owned());
        }
    }

    async fn read_region(&self, region: &str, actual: &mut Actual) {
        let mut add = |kinds: &[Kind], read: Result<Vec<Held>, Refusal>| match read {
            Ok(held) => actual.held.extend(held),
            Err(refusal) => actual.unread.extend(kinds.iter().map(|kind| Unread {
                kind: *kind,
                region: region.to_owned(),
                refusal: refusal.clone(),
            })),
        };
        let at_home = region == self.home;
        if at_home {
            add(&[Kind::LogGroup], self.read_log_groups(region).await);
        }
        match self.find_topic(region).await {
            Err(refusal) => add(&[Kind::Topic, Kind::Subscription], Err(refusal)),
            Ok(None) => {}
            Ok(Some(arn)) => {
                add(&[Kind::Topic], self.read_topic(region, &arn).await);
                add(&[Kind::Subscription], self.read_subscriptions(region, &arn).await);
            }
        }
        add(&[Kind::Alarm, Kind::CompositeAlarm], self.read_alarms(region).await);
        // Dashboards are of all regions at once, and the queries are on the groups.
        if at_home {
            add(&[Kind::Dashboard], self.read_dashboard(region).await);
            add(&[Kind::SavedQuery], self.read_queries(region).await);
        }
    }
}

impl Account for AwsAccount {
    async fn read(&self, regions: &[String]) -> Actual {
        let mut actual = Actual::default();
        for region in regions {
            self.read_region(region, &mut actual).await;
        }
        actual.held.sort_by(|one, other| one.resource.address.cmp(&other.resource.address));
        actual
    }

    async fn find(&self) -> Found {
        self.find_parts().await
    }

    async fn account_id(&self) -> Result<String, Refusal> {
        if let Some(number) = locked(&self.number).clone() {
            return Ok(number);
        }
        let timeouts = TimeoutConfig::builder().operation_timeout(IDENTITY_TIMEOUT).build();
        let config = super::identity_config(&self.sdk).timeout_config(timeouts).build();
        let client = aws_sdk_sts::Client::from_conf(config);
        let asked = self.call(GET_CALLER_IDENTITY, &self.home, "*", || client.get_caller_identity().send());
        match asked.await {
            Ok(answer) => {
                let Some(number) = answer.account else {
                    return Err(Refusal::Wrong("STS does not say whose account it is".to_owned()));
                };
                Ok(locked(&self.number).insert(number).clone())
            }
            // Its answer may have said so in refusing.
            Err(failed) => locked(&self.number).clone().ok_or_else(|| failed.refusal()),
        }
    }

    async fn put(&self, wanted: &Resource, held: Option<&Held>) -> Result<Vec<String>, Refusal> {
        let (region, name) = (&wanted.address.region, &wanted.address.name);
        match &wanted.content {
            Content::LogGroup { retention_in_days } => {
                self.put_log_group(wanted, held, *retention_in_days).await
            }
            Content::Topic { policy } => self.put_topic(wanted, held, policy).await,
            Content::Subscription { topic_arn, protocol, endpoint } => {
                self.subscribe(region, topic_arn, protocol, endpoint).await
            }
            Content::Alarm(alarm) => self.put_alarm(wanted, held, alarm).await,
            Content::CompositeAlarm(alarm) => self.put_composite(wanted, held, alarm).await,
            Content::Dashboard { dashboard_body } => {
                self.put_dashboard(wanted, held.is_some(), dashboard_body).await
            }
            Content::SavedQuery { log_group_names, query_string } => {
                let id = held.and_then(|held| held.id.as_deref());
                self.put_query(region, name, id, log_group_names, query_string).await
            }
        }
        .map_err(Failed::refusal)
    }

    async fn delete(&self, held: &Held) -> Result<(), Refusal> {
        let (region, name) = (&held.resource.address.region, &held.resource.address.name);
        let deleted = match held.resource.address.kind {
            Kind::LogGroup => self.delete_log_group(region, name).await,
            Kind::Topic => self.delete_topic(region, held).await,
            Kind::Subscription => self.unsubscribe(region, held).await,
            Kind::Alarm | Kind::CompositeAlarm => self.delete_alarm(region, name).await,
            Kind::Dashboard => self.delete_dashboard(region, name).await,
            Kind::SavedQuery => self.delete_query(region, held).await,
        };
        match deleted {
            // Somebody else was faster.
            Ok(()) | Err(Failed::Missing(_)) => Ok(()),
            Err(failed) => Err(failed.refusal()),
        }
    }

    async fn publish(&self, topic_arn: &str, subject: &str, message: &str) -> Result<(), Refusal> {
        Self::publish(self, topic_arn, subject, message).await
    }
}

fn locked<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

/// A list of the service's, or none at all.
fn list<T>(items: Option<Vec<T>>) -> Vec<T> {
    items.unwrap_or_default()
}

/// What the service leaves empty instead of leaving it out.
fn text(text: Option<String>) -> Option<String> {
    text.filter(|text| !text.is_empty())
}

#[cfg(test)]
mod tests;
