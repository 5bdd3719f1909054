//! What an error of a call to AWS means, and so what to do: try again, when, or never.
//!
//! Knows no operation and no batch; each service says its name and how its rights are called.

use std::time::Duration;

use aws_credential_types::provider::error::CredentialsError;
use aws_sdk_cloudwatchlogs::error::{ProvideErrorMetadata, SdkError};
use aws_smithy_runtime_api::client::orchestrator::HttpResponse;

use crate::errors::chain;
use crate::logs::{Mend, Refusal};

/// Where the package lays policies of IAM.
pub(super) const POLICIES: &str = "/usr/share/starttech-agent/iam";

const CREDENTIALS: &str =
    "check the instance's role, or the AWS_ variables of the service, and the clock (timedatectl)";
const WAY_OUT: &str =
    "nothing is lost while the spool has room; the way out is tried by: starttech-agent check";
const QUOTA: &str = "it slows down by itself; raise the quota in Service Quotas if this lasts";
const CHECK: &str = "starttech-agent check asks the service, and says what to do";

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
        let words = chain(error);
        let doubtful = matches!(error, SdkError::ResponseError(_)) || !never_left(error);
        let (reason, words) = if chained(error, <dyn std::error::Error>::is::<CredentialsError>) {
            (
                format!("{} cannot be asked ({act}), for there are no credentials: {words}", service.name),
                CREDENTIALS,
            )
        } else {
            let reason = format!(
                "cannot reach {} ({act}): {words};{slow} if this host has no way to the internet, the VPC needs an \
                 interface endpoint for com.amazonaws.{region}.{}",
                service.name, service.endpoint
            );
            (reason, WAY_OUT)
        };
        let mend = Mend::Time(words.to_owned());
        return Refusal::Retry { reason, after: None, lasting: false, unreachable: true, doubtful, mend };
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
    let retry = |reason, lasting, mend| {
        let unreachable = status >= 500;
        Refusal::Retry { reason, after, lasting, unreachable, doubtful, mend }
    };
    let somebody = |words: &str| Mend::Act(words.to_owned());
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
        "AccessDeniedException" | "AccessDenied" => {
            let of_what =
                if service.actions == "cloudwatch" { " for the namespace of metrics.namespace" } else { "" };
            let allow = format!("allow {}:{act}{of_what} to this host's role", service.actions);
            let mend = format!(
                "{allow}: CloudWatchAgentServerPolicy is enough, {POLICIES}/host-minimal.json the least"
            );
            let reason = format!("{said}; {allow} (CloudWatchAgentServerPolicy is enough)");
            retry(reason, true, Mend::Right(mend))
        }
        "ExpiredTokenException" | "ExpiredToken" => {
            let mend = Mend::Time(CREDENTIALS.to_owned());
            retry(format!("{said}; waiting for new credentials"), false, mend)
        }
        "UnrecognizedClientException"
        | "InvalidClientTokenId"
        | "MissingAuthenticationToken"
        | "IncompleteSignature" => {
            retry(format!("{said}; check the credentials"), true, somebody(CREDENTIALS))
        }
        "InvalidSignatureException" | "SignatureDoesNotMatch" | "RequestTimeTooSkewed" => {
            retry(format!("{said}; check this host's clock and the credentials"), true, somebody(CREDENTIALS))
        }
        "LimitExceededException" => {
            let mend = "raise the quota in Service Quotas";
            retry(format!("{said}; {mend}"), true, somebody(mend))
        }
        _ if status == 429 || code.contains("Throttl") => {
            let mend = Mend::Time(QUOTA.to_owned());
            retry(format!("{said} (HTTP {status})"), false, mend)
        }
        _ if status >= 500 || code.contains("Unavailable") => {
            retry(format!("{said} (HTTP {status})"), false, Mend::Time(WAY_OUT.to_owned()))
        }
        _ => retry(format!("{said} (HTTP {status})"), true, somebody(CHECK)),
    }
}

/// Whether one of the causes is such.
fn chained<E>(error: &E, is: impl Fn(&(dyn std::error::Error + 'static)) -> bool) -> bool
where
    E: std::error::Error + Send + Sync + 'static,
{
    let mut next = error.source();
    while let Some(error) = next {
        if is(error) {
            return true;
        }
        next = error.source();
    }
    false
}

/// Whether nothing of the request can have reached the service: no connection came about.
fn never_left<E: std::error::Error + Send + Sync + 'static>(error: &SdkError<E, HttpResponse>) -> bool {
    use hyper_util::client::legacy::Error as ClientError;
    matches!(error, SdkError::ConstructionFailure(_))
        || chained(error, |error| error.downcast_ref::<ClientError>().is_some_and(ClientError::is_connect))
}

/// This one right is missing.
pub(super) fn is_denied<E: ProvideErrorMetadata>(error: &SdkError<E, HttpResponse>) -> bool {
    matches!(error.code(), Some("AccessDeniedException" | "AccessDenied"))
}

#[cfg(test)]
mod tests {
    use super::*;
    use aws_sdk_cloudwatchlogs::operation::put_log_events::PutLogEventsError;
    use aws_smithy_runtime_api::client::result::ConnectorError;

    const LOGS: Service = Service { name: "CloudWatch Logs", actions: "logs", endpoint: "logs" };

    fn mend(refusal: Refusal) -> Mend {
        let Refusal::Retry { mend, .. } = refusal else { panic!("{refusal:?}") };
        mend
    }

    #[test]
    fn a_refusal_has_its_own_mend() {
        // The words are the service's, and prove nothing: an account's number may hold any digits.
        let said =
            "arn:aws:logs:eu-west-1:342912345678:log-group credentials Throttl LimitExceeded (HTTP 503)";
        let of = |code: &str, status| mend(classify(LOGS, "PutLogEvents", status, None, code, said));
        let Mend::Right(words) = of("AccessDeniedException", 400) else { panic!() };
        assert!(words.starts_with("allow logs:PutLogEvents to this host's role"), "{words}");
        assert_eq!(of("ThrottlingException", 400), Mend::Time(QUOTA.to_owned()));
        assert_eq!(of("", 429), Mend::Time(QUOTA.to_owned()));
        assert_eq!(of("ServiceUnavailableException", 503), Mend::Time(WAY_OUT.to_owned()));
        assert_eq!(of("ExpiredTokenException", 400), Mend::Time(CREDENTIALS.to_owned()));
        assert_eq!(of("SignatureDoesNotMatch", 403), Mend::Act(CREDENTIALS.to_owned()));
        assert_eq!(of("SomethingNew", 400), Mend::Act(CHECK.to_owned()));
    }

    #[test]
    fn a_host_without_credentials_is_not_sent_to_its_network() {
        type Failed = SdkError<PutLogEventsError, HttpResponse>;
        let failed = |error: Failed| mend(of(LOGS, "eu-west-1", "PutLogEvents", &error));
        let none = CredentialsError::not_loaded("no providers in chain provided credentials");
        let none = Failed::dispatch_failure(ConnectorError::other(none.into(), None));
        assert_eq!(failed(none), Mend::Time(CREDENTIALS.to_owned()));
        let away = Failed::dispatch_failure(ConnectorError::io("connection refused".into()));
        assert_eq!(failed(away), Mend::Time(WAY_OUT.to_owned()));
    }

    /// What a message names has to be there for whoever reads it: the package lays these files there.
    #[test]
    fn the_policies_that_are_named_are_packed() {
        let packaging = concat!(env!("CARGO_MANIFEST_DIR"), "/../packaging");
        for name in ["host-minimal", "host-with-alerts", "provisioner"] {
            assert!(std::fs::exists(format!("{packaging}/iam/{name}.json")).unwrap(), "{name}");
        }
        let packed = std::fs::read_to_string(format!("{packaging}/deb/build.sh")).unwrap();
        assert_eq!(POLICIES, "/usr/share/starttech-agent/iam");
        assert!(
            packed.contains("packaging/{iam/*.json,")
                && packed.contains("\"usr/share/starttech-agent/${file#packaging/}\""),
            "{packed}"
        );
    }
}
