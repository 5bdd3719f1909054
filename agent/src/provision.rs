//! What the platform promised in its account, as data: what shall be there, what is there, and what to do
//! about the difference.
//!
//! ```text
//! Settings, Found ─▶ parts ─▶ desired ─┐
//!                                      ├─▶ plan ─▶ aws/account carries it out
//! aws/account: what is there ──────────┘
//! ```
//!
//! Pure: no clock, no disk, no network, no SDK. Nothing here calls AWS; [`Account`] is who does.

pub mod alarm;
pub mod dashboard;
pub mod desired;
pub mod export;
pub mod from;
pub mod lint;
pub mod mark;
mod need;
pub mod parts;
pub mod plan;
mod price;
pub mod query;
pub mod rights;
pub mod stand_in;
#[cfg(test)]
pub(crate) mod tests;
pub mod topic;

use std::collections::BTreeMap;
use std::fmt;

use serde::Serialize;
use serde_json::Value;

use crate::alarms::definition::{Alarm, Composite};

/// Where `CloudFront`'s metrics are, and so the alarms on them and their topic.
/// <https://docs.aws.amazon.com/AmazonCloudFront/latest/DeveloperGuide/programming-cloudwatch-metrics.html>
pub const CLOUDFRONT_REGION: &str = "us-east-1";

/// What the operator wants of the account. Every value has passed its check.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Settings {
    /// How the names of alarms and saved queries begin: `starttech`.
    pub prefix: String,
    /// Of the dashboard: `StartTech`.
    pub dashboard: String,
    /// Of the topic: `starttech-alarms`.
    pub topic: String,
    /// Who gets mails.
    pub emails: Vec<String>,
    /// `https://` or `http://` URLs that the topic calls.
    pub webhooks: Vec<String>,
    /// Names of roles that may publish to the topic by its policy, besides `CloudWatch`.
    pub publishers: Vec<String>,
    /// Told in every alarm: where it says what to do.
    pub runbook: Option<String>,
    /// `/starttech/backend` first, then those of the routes, each once.
    pub log_groups: Vec<String>,
    /// Days.
    pub retention_days: i32,
    /// Of the agent's own metrics: `StartTech/Backend`.
    pub namespace: String,
    /// The backend's container, for the alarms on it: `starttech-backend`.
    pub container: String,
    /// The host's group.
    pub auto_scaling_group: Wanted,
    /// `app/name/id`, as its metrics call it.
    pub load_balancer: Wanted,
    /// `targetgroup/name/id`
    pub target_group: Wanted,
    /// Of `CloudFront`: its id.
    pub distribution: Wanted,
    /// Alarms that are not wanted, by their short names: `cache-hit-rate`.
    pub off: Vec<String>,
    /// What the alarms compare with.
    pub thresholds: Thresholds,
    /// How often the agents look and send: `metrics.sample` and `metrics.flush`.
    pub rhythm: Rhythm,
    /// Metrics of ours that the agents do not send to their group's series, and the key by which they do not.
    pub unsent: BTreeMap<&'static str, &'static str>,
    /// Also what would have no data now, because the account does not collect it.
    pub without_data: bool,
    /// Put on everything that takes tags.
    pub tags: BTreeMap<String, String>,
}

/// How a part of the platform is known.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub enum Wanted {
    /// Looked for in the account.
    #[default]
    Find,
    /// There is none, and what watches it is left out.
    Nothing,
    /// This one.
    Named(String),
}

/// How often agents look at everything and send what came of it.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Rhythm {
    /// Seconds between two looks.
    pub sample_s: f64,
    /// Seconds that a datapoint is about.
    pub flush_s: u32,
}

impl Default for Rhythm {
    fn default() -> Self {
        Self { sample_s: 10.0, flush_s: 60 }
    }
}

impl Rhythm {
    /// Seconds that a period of an alarm has at least: a minute, but for agents that send less often.
    pub fn period_s(self) -> u32 {
        self.flush_s.max(60)
    }

    /// The looks of one agent in such a period. None is longer than what it belongs to.
    pub fn looks(self) -> f64 {
        f64::from(self.period_s()) / self.sample_s.clamp(0.1, f64::from(self.flush_s.max(1)))
    }
}

/// What the alarms compare with, in the units of their metrics.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Thresholds {
    /// Percent: the platform's warning.
    pub cpu_warning: f64,
    /// Percent: the platform's second one.
    pub cpu_critical: f64,
    /// Credits of a burstable instance. A t2.micro earns six an hour, and one is a minute at full speed.
    pub cpu_credits: f64,
    /// Percent.
    pub memory: f64,
    /// Percent.
    pub disk: f64,
    /// Seconds, of the 95th percentile.
    pub response_time: f64,
    /// Percent of requests.
    pub error_rate: f64,
    /// Requests in five minutes below which there is no rate of errors.
    pub requests: f64,
    /// In five minutes.
    pub load_balancer_5xx: f64,
    /// In five minutes.
    pub error_lines: f64,
    /// Restarts of a container in ten minutes.
    pub restarts: f64,
    /// Percent.
    pub cache_hit_rate: f64,
    /// Percent of requests.
    pub cloudfront_error_rate: f64,
    /// Seconds that the oldest event has waited.
    pub delivery_lag: f64,
}

impl Default for Thresholds {
    fn default() -> Self {
        Self {
            cpu_warning: 70.0,
            cpu_critical: 90.0,
            cpu_credits: 20.0,
            memory: 90.0,
            disk: 85.0,
            response_time: 1.0,
            error_rate: 5.0,
            requests: 20.0,
            load_balancer_5xx: 10.0,
            error_lines: 10.0,
            restarts: 3.0,
            cache_hit_rate: 50.0,
            cloudfront_error_rate: 5.0,
            delivery_lag: 300.0,
        }
    }
}

/// Something that stands in the account, or shall.
#[derive(Debug, Clone, PartialEq)]
pub struct Resource {
    /// Which.
    pub address: Address,
    /// What it is.
    pub content: Content,
    /// Only of kinds where [`Kind::tags_are_read`]; of others what they get when they are made.
    pub tags: BTreeMap<String, String>,
}

/// What names a thing in an account.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize)]
pub struct Address {
    /// In the order in which things are made: what others point at comes first.
    pub kind: Kind,
    /// Where it is.
    pub region: String,
    /// Of a subscription: `topic/protocol/endpoint`.
    pub name: String,
}

/// The kinds of things, in the order in which they are made.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "snake_case")]
#[expect(missing_docs, reason = "the names say it")]
pub enum Kind {
    LogGroup,
    Topic,
    Subscription,
    Alarm,
    CompositeAlarm,
    Dashboard,
    SavedQuery,
}

impl Kind {
    /// All of them.
    pub const ALL: [Self; 7] = [
        Self::LogGroup,
        Self::Topic,
        Self::Subscription,
        Self::Alarm,
        Self::CompositeAlarm,
        Self::Dashboard,
        Self::SavedQuery,
    ];

    /// As a plan writes it.
    pub fn word(self) -> &'static str {
        match self {
            Self::LogGroup => "log_group",
            Self::Topic => "topic",
            Self::Subscription => "subscription",
            Self::Alarm => "alarm",
            Self::CompositeAlarm => "composite_alarm",
            Self::Dashboard => "dashboard",
            Self::SavedQuery => "saved_query",
        }
    }

    /// Whether its tags are looked at. Those of alarms would take a call each, and carry nothing that their
    /// description does not.
    pub fn tags_are_read(self) -> bool {
        matches!(self, Self::LogGroup | Self::Topic)
    }
}

impl fmt::Display for Address {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}.{:?} in {}", self.kind.word(), self.name, self.region)
    }
}

/// What a thing is: the members that the service's calls have for it.
#[derive(Debug, Clone, PartialEq, Serialize)]
#[serde(untagged)]
#[expect(missing_docs, reason = "the service's own words, or those of the definition")]
pub enum Content {
    #[serde(rename_all = "PascalCase")]
    LogGroup {
        /// Days; for ever if there is none.
        retention_in_days: Option<i32>,
    },
    #[serde(rename_all = "PascalCase")]
    Topic {
        /// The access policy, parsed.
        policy: Value,
    },
    #[serde(rename_all = "PascalCase")]
    Subscription {
        topic_arn: String,
        /// `email`, `https` or `http`.
        protocol: String,
        endpoint: String,
    },
    Alarm(Alarm),
    CompositeAlarm(Composite),
    #[serde(rename_all = "PascalCase")]
    Dashboard {
        /// The body, parsed.
        dashboard_body: Value,
    },
    #[serde(rename_all = "PascalCase")]
    SavedQuery {
        log_group_names: Vec<String>,
        query_string: String,
    },
}

/// Something that stands in the account.
#[derive(Debug, Clone, PartialEq)]
pub struct Held {
    /// What it is.
    pub resource: Resource,
    /// How the service knows it where a name does not do: the id of a saved query, a subscription's ARN, or
    /// `PendingConfirmation` for one that nobody has confirmed.
    pub id: Option<String>,
    /// Of an alarm: `OK`, `ALARM` or `INSUFFICIENT_DATA`.
    pub state: Option<State>,
}

/// The state of an alarm.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct State {
    /// `OK`, `ALARM` or `INSUFFICIENT_DATA`
    pub value: String,
    /// In words.
    pub reason: String,
    /// Since when, in milliseconds since the epoch.
    pub since_ms: i64,
}

/// What stands in the account, as far as it may be looked at.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Actual {
    /// Of the kinds of things that we make. Others' are among them where their names are ours.
    pub held: Vec<Held>,
    /// What could not be read. Nothing is known of these kinds, and nothing is done with them.
    pub unread: Vec<Unread>,
}

/// What could not be read.
#[derive(Debug, Clone, PartialEq)]
pub struct Unread {
    /// Of what.
    pub kind: Kind,
    /// Where.
    pub region: String,
    /// Why.
    pub refusal: Refusal,
}

/// What of the platform stands in the account, as its metrics tell.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Found {
    /// Of groups with instances.
    pub auto_scaling_groups: Vec<String>,
    /// Load balancer and target group, as their metrics call them.
    pub targets: Vec<(String, String)>,
    /// The ids of distributions with requests.
    pub distributions: Vec<String>,
    /// Groups that have group metrics enabled.
    pub groups_with_metrics: Vec<String>,
    /// Distributions that have additional metrics enabled.
    pub distributions_with_more: Vec<String>,
    /// What could not be asked.
    pub refusals: Vec<Refusal>,
}

/// Why the service did not do what it was asked.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Refusal {
    /// The role lacks a right.
    #[error("the role may not {action} on {resource}")]
    Denied {
        /// `cloudwatch:PutMetricAlarm`
        action: String,
        /// An ARN, or `*`.
        resource: String,
    },
    /// What was sent is wrong, or against a limit.
    #[error("{0}")]
    Wrong(String),
    /// Nothing came back, or not in time, or too often too many at once.
    #[error("{0}")]
    Unreachable(String),
}

/// Who reads the account and changes it.
pub trait Account {
    /// Looks at everything of our kinds in these regions, past whatever may not be looked at.
    fn read(&self, regions: &[String]) -> impl Future<Output = Actual>;

    /// Looks for the platform's parts.
    fn find(&self) -> impl Future<Output = Found>;

    /// The account's number, which ARNs hold.
    fn account_id(&self) -> impl Future<Output = Result<String, Refusal>>;

    /// Makes the thing, or makes it what it shall be. `held` is what stands there now. Answers with what the
    /// service had to say about it, such as warnings of a dashboard.
    fn put(
        &self,
        wanted: &Resource,
        held: Option<&Held>,
    ) -> impl Future<Output = Result<Vec<String>, Refusal>>;

    /// Removes the thing.
    fn delete(&self, held: &Held) -> impl Future<Output = Result<(), Refusal>>;

    /// Sends a message to everybody who subscribed to the topic. The subject is ASCII, below 100 characters.
    fn publish(
        &self,
        topic_arn: &str,
        subject: &str,
        message: &str,
    ) -> impl Future<Output = Result<(), Refusal>>;
}
