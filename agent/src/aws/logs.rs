//! `CloudWatch` Logs: our [`Sink`] over the SDK. Sends bodies as they are, makes groups and streams
//! that are missing, and classifies what the service answers.

use std::sync::Mutex;
use std::time::Duration;

use aws_config::SdkConfig;
use aws_sdk_cloudwatchlogs::Client;
use aws_sdk_cloudwatchlogs::error::{DisplayErrorContext, ProvideErrorMetadata, SdkError};
use aws_sdk_cloudwatchlogs::operation::put_log_events::PutLogEventsOutput;
use aws_smithy_runtime_api::client::orchestrator::HttpResponse;
use aws_smithy_types::body::SdkBody;
use log::{info, warn};

use crate::logs::{Destination, Outgoing, Receipt, Refusal, Sink};

/// The service behind one endpoint.
#[derive(Debug)]
pub struct CloudWatchLogs {
    client: Client,
    region: String,
    retention_days: i32,
    /// Groups whose retention was looked at in this run.
    looked_at: Mutex<Vec<String>>,
}

impl CloudWatchLogs {
    /// Groups that are made, or have no retention, keep events for `retention_days`.
    pub fn new(config: &SdkConfig, retention_days: i32) -> Self {
        Self {
            client: Client::new(config),
            region: config.region().map(ToString::to_string).unwrap_or_default(),
            retention_days,
            looked_at: Mutex::default(),
        }
    }

    /// Sets the retention of a group that never expires. One that somebody chose is left alone.
    async fn limit_retention(&self, group: &str, made: bool) {
        {
            let mut looked_at = self.looked_at.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
            let known = looked_at.iter().any(|known| known == group);
            // One that was deleted meanwhile, and that we have just made again, is a new one.
            if known && !made {
                return;
            }
            if !known {
                looked_at.push(group.to_owned());
            }
        }
        if !made {
            let answer =
                self.client.describe_log_groups().log_group_name_prefix(group).limit(50).send().await;
            let found = match &answer {
                Ok(answer) => answer.log_groups().iter().find(|found| found.log_group_name() == Some(group)),
                Err(error) => {
                    return warn!("cannot see the retention of {group}: {}", DisplayErrorContext(error));
                }
            };
            match found.map(aws_sdk_cloudwatchlogs::types::LogGroup::retention_in_days) {
                Some(None) => {}
                Some(Some(days)) if days != self.retention_days => {
                    return info!(
                        "{group} keeps events for {days} days, not {}: left as it is",
                        self.retention_days
                    );
                }
                _ => return,
            }
        }
        let put =
            self.client.put_retention_policy().log_group_name(group).retention_in_days(self.retention_days);
        match put.send().await {
            Ok(_) => info!("{group} keeps events for {} days", self.retention_days),
            Err(error) => warn!(
                "cannot set the retention of {group} to {} days, it keeps events for ever: {}",
                self.retention_days,
                DisplayErrorContext(&error)
            ),
        }
    }

    fn classify<E>(&self, act: &str, error: &SdkError<E, HttpResponse>) -> Refusal
    where
        E: ProvideErrorMetadata + std::error::Error + Send + Sync + 'static,
    {
        let SdkError::ServiceError(context) = error else {
            let reason = format!(
                "cannot reach CloudWatch Logs ({act}): {}; if this host has no way to the internet, the VPC needs \
                 an interface endpoint for com.amazonaws.{}.logs",
                DisplayErrorContext(error),
                self.region
            );
            return Refusal::Retry { reason, after: None, lasting: false };
        };
        let status = context.raw().status().as_u16();
        let after = context.raw().headers().get("retry-after").and_then(|after| after.parse().ok());
        let code = context.err().code().unwrap_or_default();
        let message = context.err().message().unwrap_or_default();
        classify(act, status, after.map(Duration::from_secs), code, message)
    }
}

/// What an answer of the service means.
fn classify(act: &str, status: u16, after: Option<Duration>, code: &str, message: &str) -> Refusal {
    let said = format!("{act}: {code} {message}").trim_end().to_owned();
    let retry = |reason, lasting| Refusal::Retry { reason, after, lasting };
    match code {
        "ResourceNotFoundException" => Refusal::Missing,
        "InvalidParameterException" | "SerializationException" | "ValidationException" => {
            Refusal::Refused(said)
        }
        "AccessDeniedException" | "AccessDenied" => retry(
            format!("{said}; allow logs:{act} to this host's role (CloudWatchAgentServerPolicy is enough)"),
            true,
        ),
        "ExpiredTokenException" | "ExpiredToken" => {
            retry(format!("{said}; waiting for new credentials"), false)
        }
        "UnrecognizedClientException"
        | "InvalidClientTokenId"
        | "MissingAuthenticationToken"
        | "IncompleteSignature" => retry(format!("{said}; check the credentials"), true),
        "InvalidSignatureException" | "SignatureDoesNotMatch" | "RequestTimeTooSkewed" => {
            retry(format!("{said}; check this host's clock and the credentials"), true)
        }
        "LimitExceededException" => retry(format!("{said}; raise the quota in Service Quotas"), true),
        _ if status >= 500 || status == 429 || code.contains("Throttl") || code.contains("Unavailable") => {
            retry(format!("{said} (HTTP {status})"), false)
        }
        _ => retry(format!("{said} (HTTP {status})"), true),
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
    }
}

/// What is there already is as good as made.
fn exists<E: ProvideErrorMetadata>(error: &SdkError<E, HttpResponse>) -> bool {
    error.code() == Some("ResourceAlreadyExistsException")
}

impl Sink for CloudWatchLogs {
    async fn put(&self, batch: &Outgoing) -> Result<Receipt, Refusal> {
        let body = batch.body.clone();
        let sent = self
            .client
            .put_log_events()
            .log_group_name(&batch.destination.group)
            .log_stream_name(&batch.destination.stream)
            .set_log_events(Some(Vec::new()))
            .customize()
            // The batch was written as the request's JSON once and for all: sparing the SDK's own
            // encoding saves half of what an event costs. Signing comes after this.
            .mutate_request(move |request| {
                request.headers_mut().insert("content-length", body.len().to_string());
                *request.body_mut() = SdkBody::from(body.clone());
            })
            .send()
            .await;
        match sent {
            Ok(answer) => Ok(receipt(&answer, batch.events)),
            Err(error) if error.code() == Some("DataAlreadyAcceptedException") => Ok(Receipt::default()),
            Err(error) => Err(self.classify("PutLogEvents", &error)),
        }
    }

    async fn create(&self, destination: &Destination) -> Result<(), Refusal> {
        let Destination { group, stream } = destination;
        let made = match self.client.create_log_group().log_group_name(group).send().await {
            Ok(_) => {
                info!("made log group {group}");
                true
            }
            Err(error) if exists(&error) => false,
            // Without the right to make groups, one that is there may still take a stream.
            Err(error) if error.code() == Some("AccessDeniedException") => false,
            Err(error) => return Err(self.classify("CreateLogGroup", &error)),
        };
        self.limit_retention(group, made).await;
        match self.client.create_log_stream().log_group_name(group).log_stream_name(stream).send().await {
            Ok(_) => Ok(()),
            Err(error) if exists(&error) => Ok(()),
            Err(error) if error.code() == Some("ResourceNotFoundException") => Err(Refusal::Retry {
                reason: format!(
                    "the log group {group} does not exist, and this host's role may not make it: allow logs:CreateLogGroup, or make the group"
                ),
                after: None,
                lasting: true,
            }),
            Err(error) => Err(self.classify("CreateLogStream", &error)),
        }
    }
}

#[cfg(test)]
mod tests;
