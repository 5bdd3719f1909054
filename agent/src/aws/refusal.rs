//! What an error of a call to AWS means, and so what to do: try again, when, or never.
//!
//! Knows no operation and no batch; each service says its name and how its rights are called.

use std::time::Duration;

use aws_sdk_cloudwatchlogs::error::{DisplayErrorContext, ProvideErrorMetadata, SdkError};
use aws_smithy_runtime_api::client::orchestrator::HttpResponse;

use crate::logs::Refusal;

/// A service, for messages.
#[derive(Debug, Clone, Copy)]
pub(super) struct Service {
    /// As AWS calls it.
    pub(super) name: &'static str,
    /// How the names of its rights begin.
    pub(super) actions: &'static str,
    /// How the VPC endpoint's name ends.
    pub(super) endpoint: &'static str,
}

/// What an error of this call means.
pub(super) fn of<E>(service: Service, region: &str, act: &str, error: &SdkError<E, HttpResponse>) -> Refusal
where
    E: ProvideErrorMetadata + std::error::Error + Send + Sync + 'static,
{
    let SdkError::ServiceError(context) = error else {
        let slow = if matches!(error, SdkError::TimeoutError(_)) {
            " or the instance's metadata service gives no credentials in time,"
        } else {
            ""
        };
        let reason = format!(
            "cannot reach {} ({act}): {};{slow} if this host has no way to the internet, the VPC \
             needs an interface endpoint for com.amazonaws.{region}.{}",
            service.name,
            DisplayErrorContext(error),
            service.endpoint
        );
        let doubtful = matches!(error, SdkError::ResponseError(_)) || !never_left(error);
        return Refusal::Retry { reason, after: None, lasting: false, unreachable: true, doubtful };
    };
    let status = context.raw().status().as_u16();
    let after = context.raw().headers().get("retry-after").and_then(|after| after.parse().ok());
    let code = context.err().code().unwrap_or_default();
    let message = context.err().message().unwrap_or_default();
    classify(service, act, status, after.map(Duration::from_secs), code, message)
}

/// What an answer of the service means.
pub(super) fn classify(
    service: Service,
    act: &str,
    status: u16,
    after: Option<Duration>,
    code: &str,
    message: &str,
) -> Refusal {
    let said = format!("{act}: {code} {message}").trim_end().to_owned();
    // An error inside the service says nothing of what was stored before.
    let doubtful = status >= 500 && status != 503;
    let retry =
        |reason, lasting| Refusal::Retry { reason, after, lasting, unreachable: status >= 500, doubtful };
    match code {
        "ResourceNotFoundException" => Refusal::Missing,
        "InvalidParameterException"
        | "InvalidParameterValue"
        | "InvalidParameterValueException"
        | "InvalidParameterCombination"
        | "InvalidParameterCombinationException"
        | "MissingParameter"
        | "MissingRequiredParameterException"
        | "RequestEntityTooLarge"
        | "RequestEntityTooLargeException"
        | "SerializationException"
        | "ValidationError"
        | "ValidationException" => Refusal::Refused(said),
        "AccessDeniedException" | "AccessDenied" => retry(
            format!(
                "{said}; allow {}:{act}{} to this host's role (CloudWatchAgentServerPolicy is enough)",
                service.actions,
                if service.actions == "cloudwatch" { " for the namespace of metrics.namespace" } else { "" }
            ),
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

/// Whether nothing of the request can have reached the service: no connection came about.
fn never_left<E: std::error::Error + Send + Sync + 'static>(error: &SdkError<E, HttpResponse>) -> bool {
    use hyper_util::client::legacy::Error as ClientError;
    if matches!(error, SdkError::ConstructionFailure(_)) {
        return true;
    }
    let mut next = std::error::Error::source(error);
    while let Some(error) = next {
        if error.downcast_ref::<ClientError>().is_some_and(ClientError::is_connect) {
            return true;
        }
        next = error.source();
    }
    false
}

/// This one right is missing.
pub(super) fn is_denied<E: ProvideErrorMetadata>(error: &SdkError<E, HttpResponse>) -> bool {
    matches!(error.code(), Some("AccessDeniedException" | "AccessDenied"))
}
