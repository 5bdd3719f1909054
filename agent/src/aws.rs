//! What all calls to AWS have in common: one HTTP client, credentials, region, time-outs.
//!
//! The SDK's retries are off: whoever calls has a back-off of its own that never gives up, and two of
//! them would multiply. It does not know what is sent.

use std::time::Duration;

use aws_config::retry::RetryConfig;
use aws_config::timeout::TimeoutConfig;
use aws_config::{BehaviorVersion, Region, SdkConfig};
use aws_smithy_http_client::tls::Provider;
use aws_smithy_http_client::tls::rustls_provider::CryptoMode;
use aws_smithy_http_client::{Builder, Connector};
use aws_smithy_runtime_api::client::http::{HttpConnectorSettings, SharedHttpClient};

pub mod account;
pub mod ask;
pub mod logs;
pub mod metrics;
mod patience;
pub mod probe;
mod refusal;
pub mod sns;
pub mod tags;

/// A host in the same region answers in milliseconds; what takes longer is a route that is missing.
const CONNECT_TIMEOUT: Duration = Duration::from_secs(3);

/// For one whole call: a full batch over a thin line, and then give up. The SDK has no limit itself.
const OPERATION_TIMEOUT: Duration = Duration::from_secs(30);

/// The variables that point the logs client elsewhere, the first one first. The SDK knows the last two;
/// the first is how people guess that the second is called.
const LOGS_VARIABLES: [&str; 3] =
    ["AWS_ENDPOINT_URL_LOGS", "AWS_ENDPOINT_URL_CLOUDWATCH_LOGS", "AWS_ENDPOINT_URL"];

/// The same for the metrics client.
const METRICS_VARIABLES: [&str; 3] =
    ["AWS_ENDPOINT_URL_MONITORING", "AWS_ENDPOINT_URL_CLOUDWATCH", "AWS_ENDPOINT_URL"];

/// The same for the client of topics.
const TOPICS_VARIABLES: [&str; 2] = ["AWS_ENDPOINT_URL_SNS", "AWS_ENDPOINT_URL"];

/// The same for the client that says whose account it is.
const IDENTITY_VARIABLES: [&str; 2] = ["AWS_ENDPOINT_URL_STS", "AWS_ENDPOINT_URL"];

/// The client every connection to AWS goes through. A clone shares its pool.
pub fn http_client() -> SharedHttpClient {
    Builder::new().tls_provider(tls()).build_https()
}

/// A connection outside the SDK's machinery, trusting the same certificates.
fn connector(settings: HttpConnectorSettings) -> Connector {
    Connector::builder().connector_settings(settings).tls_provider(tls()).build()
}

fn tls() -> Provider {
    Provider::Rustls(CryptoMode::Ring)
}

/// What the service clients are made from. Credentials come from where the SDK looks for them:
/// variables, profile, web identity, container, and on the host itself the instance's role.
pub async fn sdk_config(region: &str) -> SdkConfig {
    let timeouts = TimeoutConfig::builder()
        .connect_timeout(CONNECT_TIMEOUT)
        .operation_timeout(OPERATION_TIMEOUT)
        .build();
    aws_config::defaults(BehaviorVersion::latest())
        .http_client(http_client())
        .region(Region::new(region.to_owned()))
        .retry_config(RetryConfig::disabled())
        .timeout_config(timeouts)
        .load()
        .await
}

/// What the logs client is made from.
fn logs_config(sdk: &SdkConfig) -> aws_sdk_cloudwatchlogs::config::Builder {
    let builder = aws_sdk_cloudwatchlogs::config::Builder::from(sdk);
    match configured_endpoint(LOGS_VARIABLES) {
        Some(endpoint) => builder.endpoint_url(endpoint),
        None => builder,
    }
}

/// What the metrics client is made from.
fn metrics_config(sdk: &SdkConfig) -> aws_sdk_cloudwatch::config::Builder {
    let builder = aws_sdk_cloudwatch::config::Builder::from(sdk);
    match configured_endpoint(METRICS_VARIABLES) {
        Some(endpoint) => builder.endpoint_url(endpoint),
        None => builder,
    }
}

/// What the client of topics is made from.
fn topics_config(sdk: &SdkConfig) -> aws_sdk_sns::config::Builder {
    let builder = aws_sdk_sns::config::Builder::from(sdk);
    match configured_endpoint(TOPICS_VARIABLES) {
        Some(endpoint) => builder.endpoint_url(endpoint),
        None => builder,
    }
}

/// What the client that says whose account it is is made from.
fn identity_config(sdk: &SdkConfig) -> aws_sdk_sts::config::Builder {
    let builder = aws_sdk_sts::config::Builder::from(sdk);
    match configured_endpoint(IDENTITY_VARIABLES) {
        Some(endpoint) => builder.endpoint_url(endpoint),
        None => builder,
    }
}

/// Where the logs service of a region answers.
pub fn logs_endpoint(region: &str) -> String {
    configured_endpoint(LOGS_VARIABLES).unwrap_or_else(|| endpoint("logs", region))
}

/// Where the metrics service of a region answers.
pub fn metrics_endpoint(region: &str) -> String {
    configured_endpoint(METRICS_VARIABLES).unwrap_or_else(|| endpoint("monitoring", region))
}

/// Where the service of topics of a region answers.
pub fn topics_endpoint(region: &str) -> String {
    configured_endpoint(TOPICS_VARIABLES).unwrap_or_else(|| endpoint("sns", region))
}

fn endpoint(service: &str, region: &str) -> String {
    let suffix = if region.starts_with("cn-") { ".cn" } else { "" };
    format!("https://{service}.{region}.amazonaws.com{suffix}")
}

/// As ARNs begin in the region.
fn partition(region: &str) -> &'static str {
    match region {
        region if region.starts_with("cn-") => "aws-cn",
        region if region.starts_with("us-gov-") => "aws-us-gov",
        _ => "aws",
    }
}

fn configured_endpoint<const N: usize>(variables: [&str; N]) -> Option<String> {
    let variable = |name| std::env::var(name).ok().filter(|value| !value.is_empty());
    variables.into_iter().find_map(variable)
}
