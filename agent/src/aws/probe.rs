//! Whether AWS can be reached, and whether it knows us: what `check` asks before the daemon has to.
//!
//! Nothing is changed in the account, and no secret leaves these functions.

use std::time::{Duration, SystemTime};

use aws_config::SdkConfig;
use aws_sdk_cloudwatchlogs::Client;
use aws_sdk_cloudwatchlogs::config::ProvideCredentials;
use aws_sdk_cloudwatchlogs::config::timeout::TimeoutConfig;
use aws_sdk_cloudwatchlogs::error::ProvideErrorMetadata;
use aws_smithy_runtime_api::client::http::{HttpConnector, HttpConnectorSettings};
use aws_smithy_runtime_api::client::orchestrator::HttpRequest;
use aws_smithy_types::body::SdkBody;
use aws_smithy_types::date_time::{DateTime, Format};

/// For one answer. Whoever asks is a person at a terminal.
const TIMEOUT: Duration = Duration::from_secs(3);

/// The provider chain asks several places in turn, the metadata service last.
const CREDENTIALS_TIMEOUT: Duration = Duration::from_secs(8);

/// What an endpoint answered to a request without a signature.
#[derive(Debug)]
pub struct Answer {
    /// Of HTTP.
    pub status: u16,
    /// What time it is over there.
    pub date: Option<SystemTime>,
}

/// Why there is no answer.
#[derive(Debug, thiserror::Error)]
pub enum Unreachable {
    /// Packets go nowhere: no route, or a security group.
    #[error("no answer within {} s", TIMEOUT.as_secs())]
    Silent,
    /// Name, connection or certificate.
    #[error("cannot connect")]
    Refused(#[source] Box<dyn std::error::Error + Send + Sync>),
    /// The operator's own endpoint.
    #[error("{0:?} is not the URL of an endpoint")]
    Malformed(String),
}

/// Connects to an endpoint as the SDK would, and reads the head of its answer, whatever that is.
pub async fn reach(endpoint: &str) -> Result<Answer, Unreachable> {
    let mut request = HttpRequest::new(SdkBody::empty());
    if !endpoint.starts_with("http") || request.set_uri(endpoint).is_err() {
        return Err(Unreachable::Malformed(endpoint.to_owned()));
    }
    let settings = HttpConnectorSettings::builder().connect_timeout(TIMEOUT).read_timeout(TIMEOUT).build();
    match tokio::time::timeout(TIMEOUT, super::connector(settings).call(request)).await {
        Ok(Ok(response)) => Ok(Answer {
            status: response.status().as_u16(),
            date: response
                .headers()
                .get("date")
                .and_then(|date| DateTime::from_str(date, Format::HttpDate).ok())
                .and_then(|date| SystemTime::try_from(date).ok()),
        }),
        Ok(Err(error)) if !error.is_timeout() => Err(Unreachable::Refused(error.into_source())),
        _ => Err(Unreachable::Silent),
    }
}

/// Credentials, as much of them as may be shown.
#[derive(Debug)]
pub struct Found {
    /// Which of the SDK's providers had them.
    pub provider: String,
    /// The end of the access key's id, enough to tell one key from another.
    pub key_ends: String,
    /// When they cease to be valid, if they do.
    pub expires: Option<SystemTime>,
}

/// Why there are no credentials.
#[derive(Debug, thiserror::Error)]
pub enum NoCredentials {
    /// None of the providers has any.
    #[error("no provider has any")]
    Nowhere(#[source] Box<dyn std::error::Error + Send + Sync>),
    /// One of them is not done.
    #[error("no provider answers within {} s", CREDENTIALS_TIMEOUT.as_secs())]
    Silent,
}

/// Looks for credentials where the daemon will.
pub async fn credentials(sdk: &SdkConfig) -> Result<Found, NoCredentials> {
    let Some(provider) = sdk.credentials_provider() else {
        return Err(NoCredentials::Nowhere("there is no provider".into()));
    };
    match tokio::time::timeout(CREDENTIALS_TIMEOUT, provider.provide_credentials()).await {
        Err(_) => Err(NoCredentials::Silent),
        Ok(Err(error)) => Err(NoCredentials::Nowhere(error.into())),
        Ok(Ok(found)) => Ok(Found {
            // The name has no accessor, only this form, whose secrets are blacked out by the SDK.
            provider: between(&format!("{found:?}"), "provider_name: \"", "\"").to_owned(),
            key_ends: last_four(found.access_key_id()).to_owned(),
            expires: found.expiry(),
        }),
    }
}

fn between<'a>(text: &'a str, before: &str, after: &str) -> &'a str {
    text.split_once(before).and_then(|(_, rest)| rest.split_once(after)).map_or("unknown", |(name, _)| name)
}

fn last_four(key: &str) -> &str {
    // Of a key that is no key, such as a test's, nothing is shown.
    if key.len() < 16 { "…" } else { key.get(key.len() - 4..).unwrap_or("…") }
}

/// What AWS says to a signed call that changes nothing.
#[derive(Debug)]
pub enum Welcome {
    /// Signature and permission are fine.
    Allowed,
    /// The signature is fine; this one action is not in the role. The agent can do without it.
    Denied(String),
    /// These credentials are worth nothing: code and message.
    Refused(String, String),
    /// No answer that says anything about us.
    Unclear(String),
}

/// Asks for one log group, with the daemon's credentials.
pub async fn signed(sdk: &SdkConfig, group: &str) -> Welcome {
    let timeouts = TimeoutConfig::builder().operation_timeout(2 * TIMEOUT).build();
    let config = super::logs_config(sdk).timeout_config(timeouts).build();
    let call = Client::from_conf(config).describe_log_groups().log_group_name_prefix(group).limit(1);
    let Err(error) = call.send().await else { return Welcome::Allowed };
    let message = error.message().unwrap_or_default().to_owned();
    match error.code() {
        Some("AccessDeniedException" | "AccessDenied") => Welcome::Denied(message),
        Some(
            code @ ("UnrecognizedClientException"
            | "InvalidClientTokenId"
            | "InvalidSignatureException"
            | "SignatureDoesNotMatch"
            | "ExpiredTokenException"
            | "ExpiredToken"
            | "RequestExpired"
            | "IncompleteSignature"
            | "MissingAuthenticationTokenException"),
        ) => Welcome::Refused(code.to_owned(), message),
        Some(code) => Welcome::Unclear(format!("{code}: {message}")),
        None => Welcome::Unclear(error.to_string()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use tokio::io::{AsyncReadExt, AsyncWriteExt};
    use tokio::net::TcpListener;

    #[test]
    fn a_key_is_shown_by_its_end_and_nothing_else() {
        assert_eq!(last_four("AKIAIOSFODNN7EXAMPLE"), "MPLE");
        assert_eq!(last_four("test"), "…");
        assert_eq!(last_four(""), "…");
    }

    #[test]
    fn the_providers_name_is_found_in_what_the_sdk_shows() {
        let keys = aws_sdk_cloudwatchlogs::config::Credentials::new(
            "AKIAIOSFODNN7EXAMPLE",
            "secret",
            None,
            None,
            "Some",
        );
        assert_eq!(between(&format!("{keys:?}"), "provider_name: \"", "\""), "Some");
        assert_eq!(between("", "provider_name: \"", "\""), "unknown");
    }

    #[tokio::test]
    async fn an_endpoint_that_is_no_url_is_said_to_be_none() {
        for endpoint in ["", "localhost:4566", "http://a b"] {
            assert!(matches!(reach(endpoint).await, Err(Unreachable::Malformed(_))), "{endpoint}");
        }
    }

    #[tokio::test]
    async fn an_answer_of_any_status_tells_the_time() {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let endpoint = format!("http://{}", listener.local_addr().unwrap());
        let answer = async {
            let (mut client, _) = listener.accept().await.unwrap();
            client.read_u8().await.unwrap();
            let head =
                "HTTP/1.1 404 Not Found\r\nDate: Thu, 01 Jan 1970 00:01:00 GMT\r\nContent-Length: 0\r\n\r\n";
            client.write_all(head.as_bytes()).await.unwrap();
            client
        };
        let (answer, _client) = tokio::join!(reach(&endpoint), answer);
        assert_eq!(answer.unwrap().date, Some(SystemTime::UNIX_EPOCH + Duration::from_mins(1)));
    }

    /// The paused clock jumps to the time-out, as nothing else will ever happen.
    #[tokio::test(start_paused = true)]
    async fn silence_is_told_from_refusal() {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let endpoint = format!("http://{}", listener.local_addr().unwrap());
        assert!(matches!(reach(&endpoint).await, Err(Unreachable::Silent)));
    }

    #[tokio::test]
    async fn a_closed_port_refuses() {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let endpoint = format!("http://{}", listener.local_addr().unwrap());
        drop(listener);
        assert!(matches!(reach(&endpoint).await, Err(Unreachable::Refused(_))));
    }
}
