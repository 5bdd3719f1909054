//! `CloudWatch` Logs: our [`Sink`] over the SDK. Sends bodies as they are, makes groups and streams
//! that are missing, and classifies what the service answers.

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use aws_config::SdkConfig;
use aws_sdk_cloudwatchlogs::Client;
use aws_sdk_cloudwatchlogs::error::{ProvideErrorMetadata, SdkError};
use aws_sdk_cloudwatchlogs::operation::put_log_events::PutLogEventsOutput;
use aws_sdk_cloudwatchlogs::types::{LogGroup, OutputLogEvent};
use aws_smithy_runtime_api::client::orchestrator::HttpResponse;
use aws_smithy_types::body::SdkBody;
use log::{info, warn};
use tokio::time::Instant;

use super::patience::{self, Patience};
use super::refusal::{self, Service, is_denied};
use crate::errors::chain;
use crate::logs::batch::Stored;
use crate::logs::{Destination, Mend, Outgoing, Receipt, Refusal, Sink};

/// A group that was there already is asked for its retention some time within this, once in a run: the
/// account may ask 10 times a second in all, and a fleet may start at once.
pub const LOOK_WITHIN: Duration = Duration::from_mins(10);
/// What is read back, at most, to find one event of one millisecond: pages of 1 MB.
const PAGES: usize = 10;

const SERVICE: Service = Service { name: "CloudWatch Logs", actions: "logs", endpoint: "logs" };

/// The service behind one endpoint.
#[derive(Debug)]
pub struct CloudWatchLogs {
    client: Client,
    region: String,
    retention_days: i32,
    /// Groups whose retention was looked at in this run, or will be, and when.
    looks: Mutex<Vec<(String, Option<Instant>)>>,
    look_within: Duration,
    /// This host's role may not read what it wrote.
    blind: AtomicBool,
    patience: Patience,
}

impl CloudWatchLogs {
    /// Groups that are made, or have no retention, keep events for `retention_days`.
    pub fn new(config: &SdkConfig, retention_days: i32) -> Self {
        Self {
            client: Client::from_conf(super::logs_config(config).timeout_config(patience::short()).build()),
            region: config.region().map(ToString::to_string).unwrap_or_default(),
            retention_days,
            looks: Mutex::default(),
            look_within: LOOK_WITHIN,
            blind: AtomicBool::new(false),
            patience: Patience::default(),
        }
    }

    /// Makes a group that keeps events for as long as is configured.
    async fn make_group(&self, group: &str) -> Result<(), Refusal> {
        match self.client.create_log_group().log_group_name(group).send().await {
            Ok(_) => {
                info!("made log group {group}");
                self.set_retention(group).await;
                Ok(())
            }
            Err(error) if exists(&error) => Ok(()),
            Err(error) if is_denied(&error) => Err(Refusal::Retry {
                reason: format!(
                    "the log group {group} does not exist, and this host's role may not make it: allow logs:CreateLogGroup, or make the group"
                ),
                after: None,
                lasting: true,
                unreachable: false,
                doubtful: false,
                mend: Mend::Right(format!(
                    "allow logs:CreateLogGroup to this host's role, or make the group: aws logs create-log-group \
                     --log-group-name {group}"
                )),
            }),
            Err(error) => Err(self.classify("CreateLogGroup", &error)),
        }
    }

    /// Has the retention of a group looked at, in a while: see [`LOOK_WITHIN`].
    fn look_later(&self, group: &str) {
        let mut looks = self.looks.lock().unwrap_or_else(PoisonError::into_inner);
        if !looks.iter().any(|(known, _)| known == group) {
            looks.push((group.to_owned(), Some(Instant::now() + self.look_within.mul_f64(fastrand::f64()))));
        }
    }

    /// The group whose retention is to be looked at now.
    fn look_now(&self) -> Option<String> {
        let mut looks = self.looks.lock().unwrap_or_else(PoisonError::into_inner);
        let (group, due) = looks.iter_mut().find(|(_, due)| due.is_some_and(|due| due <= Instant::now()))?;
        *due = None;
        Some(group.clone())
    }

    /// Sets the retention of a group that never expires. One that somebody chose is left alone.
    async fn limit_retention(&self, group: &str) {
        let answer = self.client.describe_log_groups().log_group_name_prefix(group).limit(50).send().await;
        let found = match &answer {
            Ok(answer) => answer.log_groups().iter().find(|found| found.log_group_name() == Some(group)),
            Err(error) => {
                return warn!("cannot see the retention of {group}: {}", chain(error));
            }
        };
        match found.map(LogGroup::retention_in_days) {
            Some(None) => self.set_retention(group).await,
            Some(Some(days)) if days != self.retention_days => {
                info!("{group} keeps events for {days} days, not {}: left as it is", self.retention_days);
            }
            _ => {}
        }
    }

    async fn set_retention(&self, group: &str) {
        let put =
            self.client.put_retention_policy().log_group_name(group).retention_in_days(self.retention_days);
        match put.send().await {
            Ok(_) => info!("{group} keeps events for {} days", self.retention_days),
            Err(error) => warn!(
                "cannot set the retention of {group} to {} days, it keeps events for ever: {}",
                self.retention_days,
                chain(&error)
            ),
        }
    }

    fn classify<E>(&self, act: &str, error: &SdkError<E, HttpResponse>) -> Refusal
    where
        E: ProvideErrorMetadata + std::error::Error + Send + Sync + 'static,
    {
        refusal::of(SERVICE, &self.region, act, error)
    }
}

fn receipt(answer: &PutLogEventsOutput, events: usize) -> Receipt {
    let Some(rejected) = answer.rejected_log_events_info() else { return Receipt::default() };
    let index = |index: Option<i32>| index.and_then(|index| usize::try_from(index).ok());
    // Both count from the beginning: what expired is also too old, or the other way round.
    let too_old =
        index(rejected.too_old_log_event_end_index()).max(index(rejected.expired_log_event_end_index()));
    let too_new = index(rejected.too_new_log_event_start_index());
    Receipt {
        too_old: too_old.unwrap_or_default().min(events),
        too_new: too_new.map_or(0, |from| events.saturating_sub(from)),
        set_aside: 0,
    }
}

/// What is there already is as good as made.
fn exists<E: ProvideErrorMetadata>(error: &SdkError<E, HttpResponse>) -> bool {
    error.code() == Some("ResourceAlreadyExistsException")
}

impl Sink for CloudWatchLogs {
    async fn put(&self, batch: &Outgoing) -> Result<Receipt, Refusal> {
        // Before and not after: an answer is not to wait for another call.
        if let Some(group) = self.look_now() {
            self.limit_retention(&group).await;
        }
        let (body, bytes) = (batch.body.clone(), batch.body.len() as u64);
        let began = Instant::now();
        let sent = self
            .client
            .put_log_events()
            .log_group_name(&batch.destination.group)
            .log_stream_name(&batch.destination.stream)
            .set_log_events(Some(Vec::new()))
            .customize()
            .config_override(self.patience.limit(bytes))
            // The batch was written as the request's JSON once and for all: sparing the SDK's own
            // encoding saves half of what an event costs. Signing comes after this.
            .mutate_request(move |request| {
                request.headers_mut().insert("content-length", body.len().to_string());
                *request.body_mut() = SdkBody::from(body.clone());
            })
            .send()
            .await;
        match &sent {
            Ok(_) | Err(SdkError::ServiceError(_)) => self.patience.answered(bytes, began.elapsed()),
            Err(SdkError::TimeoutError(_)) => self.patience.unanswered(bytes),
            Err(_) => {}
        }
        match sent {
            Ok(answer) => Ok(receipt(&answer, batch.events)),
            Err(error) if error.code() == Some("DataAlreadyAcceptedException") => Ok(Receipt::default()),
            Err(error) => Err(self.classify("PutLogEvents", &error)),
        }
    }

    async fn holds(&self, destination: &Destination, event: &Stored) -> Result<bool, Refusal> {
        if self.blind.load(Ordering::Relaxed) {
            return Ok(false);
        }
        let mut token = None;
        for _ in 0..PAGES {
            let page = self
                .client
                .get_log_events()
                .log_group_name(&destination.group)
                .log_stream_name(&destination.stream)
                .start_time(event.time_ms)
                .end_time(event.time_ms + 1)
                .start_from_head(true)
                .set_next_token(token.clone());
            let page = match page.send().await {
                Ok(page) => page,
                Err(error) if is_denied(&error) => {
                    self.blind.store(true, Ordering::Relaxed);
                    info!(
                        "this host's role may not read its streams back: a batch whose answer was lost is sent twice; \
                         allow logs:GetLogEvents and restart the agent to have it looked for first"
                    );
                    return Ok(false);
                }
                Err(error) if error.code() == Some("ResourceNotFoundException") => return Ok(false),
                Err(error) => return Err(self.classify("GetLogEvents", &error)),
            };
            let is_it = |found: &OutputLogEvent| {
                found.timestamp() == Some(event.time_ms) && found.message() == Some(&event.message)
            };
            if page.events().iter().any(is_it) {
                return Ok(true);
            }
            let next = page.next_forward_token;
            // At its end, a stream gives the token that it was given.
            if next.is_none() || next == token {
                return Ok(false);
            }
            token = next;
        }
        Ok(false)
    }

    async fn create(&self, destination: &Destination) -> Result<(), Refusal> {
        let Destination { group, stream } = destination;
        let create = self.client.create_log_stream().log_group_name(group).log_stream_name(stream);
        // The group is nearly always there: asking for it first would be one call too many.
        let made = match create.clone().send().await {
            Err(error) if error.code() == Some("ResourceNotFoundException") => {
                self.make_group(group).await?;
                create.send().await
            }
            made => {
                self.look_later(group);
                made
            }
        };
        match made {
            Ok(_) => Ok(()),
            Err(error) if exists(&error) => Ok(()),
            Err(error) => Err(self.classify("CreateLogStream", &error)),
        }
    }
}

#[cfg(test)]
mod tests;
