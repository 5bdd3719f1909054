//! One call: in its turn, again if the service asks for that, and what its answer means.
//!
//! It knows no operation. Quotas stand with the operations that have them.

use std::time::Duration;

use aws_sdk_cloudwatch::error::{ProvideErrorMetadata, SdkError};
use aws_smithy_runtime_api::client::orchestrator::HttpResponse;
use log::debug;
use tokio::time::Instant;

use super::AwsAccount;
use crate::aws::refusal::{self, Service};
use crate::logs;
use crate::provision::Refusal;
use crate::retry::Waits;

/// Of what is throttled.
const WAITS: Waits = Waits { base: Duration::from_millis(500), cap: Duration::from_secs(20) };
/// Attempts at one call that the service has no time for.
const ATTEMPTS: u32 = 10;
/// And for so long: ten waits are less than that unless the answers are slow.
const PATIENCE: Duration = Duration::from_mins(2);
/// Attempts at one call that nobody answers.
const ATTEMPTS_UNANSWERED: u32 = 2;

/// An operation of a service.
#[derive(Debug, Clone, Copy)]
pub(super) struct Call {
    pub(super) service: Service,
    /// `PutMetricAlarm`
    pub(super) act: &'static str,
    /// The account's quota.
    pub(super) per_second: u32,
}

impl Call {
    pub(super) const fn new(service: Service, act: &'static str, per_second: u32) -> Self {
        Self { service, act, per_second }
    }
}

/// Why a call did nothing.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Failed {
    /// What it is about is not there: the service's words.
    Missing(String),
    /// It is there already: the service's words.
    Exists(String),
    /// Anything else.
    Refused(Refusal),
}

impl Failed {
    /// For those who expected to find it.
    pub(super) fn refusal(self) -> Refusal {
        match self {
            Self::Missing(said) | Self::Exists(said) => Refusal::Wrong(said),
            Self::Refused(refusal) => refusal,
        }
    }
}

/// What an answer asks for.
#[derive(Debug, PartialEq, Eq)]
enum Answer {
    Again(String),
    Failed(Failed),
}

impl AwsAccount {
    /// Sends until there is an answer, or no hope of one. `resource` is what a right for it would be for.
    pub(super) async fn call<T, E, F>(
        &self,
        call: Call,
        region: &str,
        resource: &str,
        send: impl Fn() -> F,
    ) -> Result<T, Failed>
    where
        F: Future<Output = Result<T, SdkError<E, HttpResponse>>>,
        E: ProvideErrorMetadata + std::error::Error + Send + Sync + 'static,
    {
        if let Some(why) = self.pace.is_down(call, region) {
            return Err(Failed::Refused(Refusal::Unreachable(why)));
        }
        let began = Instant::now();
        let mut attempt = 1;
        loop {
            self.pace.turn(call, region).await;
            let error = match send().await {
                Ok(answer) => return Ok(answer),
                Err(error) => error,
            };
            let (why, attempts) = match &error {
                SdkError::ServiceError(context) => {
                    let (code, message) = (error.code().unwrap_or_default(), error.message());
                    let message = message.unwrap_or_default();
                    self.learn(message);
                    let status = context.raw().status().as_u16();
                    match classify(call, status, code, message, resource) {
                        Answer::Failed(failed) => return Err(failed),
                        Answer::Again(why) => (why, ATTEMPTS),
                    }
                }
                error => match refusal::of(call.service, region, call.act, error) {
                    logs::Refusal::Retry { reason, .. } => (reason, ATTEMPTS_UNANSWERED),
                    other => (format!("{}: {other}", call.act), ATTEMPTS_UNANSWERED),
                },
            };
            let wait = WAITS.wait(attempt, fastrand::f64());
            if attempt >= attempts || began.elapsed() + wait > PATIENCE {
                if attempts == ATTEMPTS_UNANSWERED {
                    self.pace.note_down(call, region, &why);
                }
                return Err(Failed::Refused(Refusal::Unreachable(why)));
            }
            debug!("{why}; trying again in {} ms", wait.as_millis());
            tokio::time::sleep(wait).await;
            attempt += 1;
        }
    }
}

/// What the service's answer means. Each of the four names its errors in its own way.
fn classify(call: Call, status: u16, code: &str, message: &str, resource: &str) -> Answer {
    let Call { service, act, .. } = call;
    let said = || match message {
        "" => format!("{act}: {code} (HTTP {status})"),
        message => format!("{act}: {message}"),
    };
    let plain = code.trim_end_matches("Exception");
    match plain {
        "AccessDenied" | "AuthorizationError" | "UnauthorizedOperation" => {
            let action = between(message, "perform: ", " ");
            let resource = between(message, "on resource: ", " ").unwrap_or(resource);
            Answer::Failed(Failed::Refused(Refusal::Denied {
                // SNS calls itself so in capitals, which policies do not mind, and people do.
                action: action.map_or_else(|| format!("{}:{act}", service.actions), lower_prefix),
                resource: resource.to_owned(),
            }))
        }
        "ResourceNotFound" | "NotFound" | "DashboardNotFoundError" => Answer::Failed(Failed::Missing(said())),
        "ResourceAlreadyExists" => Answer::Failed(Failed::Exists(said())),
        // Two that change the same thing at the same time.
        "ConcurrentModification"
        | "ConcurrentAccess"
        | "OperationAborted"
        | "RequestLimitExceeded"
        | "TooManyRequests" => Answer::Again(said()),
        _ if plain.contains("Throttl") || plain.contains("Unavailable") => Answer::Again(said()),
        _ if status == 429 || (status >= 500 && status != 501) => Answer::Again(said()),
        _ => Answer::Failed(Failed::Refused(Refusal::Wrong(said()))),
    }
}

fn lower_prefix(action: &str) -> String {
    match action.split_once(':') {
        Some((service, act)) => format!("{}:{act}", service.to_ascii_lowercase()),
        None => action.to_owned(),
    }
}

/// What stands behind some words, up to the next ones or to the end.
fn between<'a>(text: &'a str, before: &str, after: &str) -> Option<&'a str> {
    let (_, rest) = text.split_once(before)?;
    let found = rest.split_once(after).map_or(rest, |(found, _)| found);
    Some(found.trim_end_matches('.')).filter(|found| !found.is_empty())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::aws::account::{ALARMS, TOPICS};

    const PUT: Call = Call::new(ALARMS, "PutMetricAlarm", 3);

    fn denied(call: Call, code: &str, message: &str) -> (String, String) {
        match classify(call, 403, code, message, "arn:of:call") {
            Answer::Failed(Failed::Refused(Refusal::Denied { action, resource })) => (action, resource),
            other => panic!("{other:?}"),
        }
    }

    #[test]
    fn a_right_that_is_missing_is_named_as_the_service_names_it() {
        let message = "User: arn:aws:sts::123456789012:assumed-role/r/i-0 is not authorized to perform: \
                       cloudwatch:TagResource on resource: arn:aws:cloudwatch:eu-west-1:123456789012:alarm:a \
                       because no identity-based policy allows the cloudwatch:TagResource action";
        let resource = "arn:aws:cloudwatch:eu-west-1:123456789012:alarm:a";
        assert_eq!(
            denied(PUT, "AccessDenied", message),
            ("cloudwatch:TagResource".to_owned(), resource.to_owned()),
        );
        let topics =
            "User: arn:aws:iam::1:user/u is not authorized to perform: SNS:ListTopics on resource: arn:x.";
        let list = Call::new(TOPICS, "ListTopics", 30);
        assert_eq!(
            denied(list, "AuthorizationError", topics),
            ("sns:ListTopics".to_owned(), "arn:x".to_owned()),
        );
        assert_eq!(
            denied(PUT, "AccessDeniedException", ""),
            ("cloudwatch:PutMetricAlarm".to_owned(), "arn:of:call".to_owned()),
        );
    }

    #[test]
    fn what_passes_is_tried_again_and_what_is_wrong_is_not() {
        let again = |code: &str, status| match classify(PUT, status, code, "m", "*") {
            Answer::Again(_) => true,
            Answer::Failed(_) => false,
        };
        for (code, status) in [
            ("Throttling", 400),
            ("ThrottlingException", 400),
            ("Throttled", 429),
            ("ThrottledException", 429),
            ("ConcurrentModificationException", 429),
            ("ConcurrentAccess", 400),
            ("OperationAbortedException", 400),
            ("ServiceUnavailable", 503),
            ("InternalServiceFault", 500),
        ] {
            assert!(again(code, status), "{code}");
        }
        for (code, status) in [
            ("InvalidParameterValue", 400),
            ("LimitExceeded", 400),
            ("InvalidClientTokenId", 403),
            ("InternalFailure", 501),
            ("AccessDenied", 403),
        ] {
            assert!(!again(code, status), "{code}");
        }
    }
}
