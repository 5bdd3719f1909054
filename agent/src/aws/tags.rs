//! The Auto Scaling group of an instance, asked from EC2 by the instance's own tag.
//!
//! One call of one operation, written by hand: EC2's SDK is larger than all the rest of the agent.
//! What it is asked for, and whether that matters, others know.

use std::time::Duration;

use aws_config::SdkConfig;
use aws_sdk_cloudwatchlogs::config::ProvideCredentials;
use aws_sigv4::http_request::{SignableBody, SignableRequest, SigningSettings, sign};
use aws_sigv4::sign::v4;
use aws_smithy_runtime_api::client::http::{HttpConnector, HttpConnectorSettings};
use aws_smithy_runtime_api::client::identity::Identity;
use aws_smithy_runtime_api::client::orchestrator::HttpRequest;
use aws_smithy_types::body::SdkBody;
use aws_smithy_types::byte_stream::ByteStream;
use aws_smithy_xml::decode::{Document, ScopedDecoder, try_data};

/// For credentials, connection and answer together: the daemon's start waits for it.
const TIMEOUT: Duration = Duration::from_secs(5);

/// One tag takes half a kilobyte; what is longer is not an answer to this question, in bytes.
const LONGEST_ANSWER: usize = 64 * 1024;

/// The tag that Auto Scaling gives each of its instances.
/// <https://docs.aws.amazon.com/autoscaling/ec2/userguide/ec2-auto-scaling-tagging.html>
pub const GROUP_TAG: &str = "aws:autoscaling:groupName";

/// Of a group's name, in characters.
/// <https://docs.aws.amazon.com/autoscaling/ec2/APIReference/API_CreateAutoScalingGroup.html>
const LONGEST_NAME: usize = 255;

/// <https://docs.aws.amazon.com/AWSEC2/latest/APIReference/API_DescribeTags.html>
const API_VERSION: &str = "2016-11-15";

/// The variables that point at another EC2, the first one first.
const ENDPOINT_VARIABLES: [&str; 2] = ["AWS_ENDPOINT_URL_EC2", "AWS_ENDPOINT_URL"];

type Source = Box<dyn std::error::Error + Send + Sync>;

/// Why the group is not known.
#[derive(Debug, thiserror::Error)]
pub enum TagsError {
    /// None of the SDK's providers has credentials.
    #[error("no credentials to ask EC2 with: give the instance a role, or set host.auto_scaling_group")]
    NoCredentials(#[source] Source),
    /// The role lacks the action.
    #[error("the role may not read the instance's tags: allow ec2:DescribeTags")]
    Denied,
    /// Packets go nowhere, as in a private subnet.
    #[error(
        "no answer from EC2 at {endpoint} within {} s: in a private subnet, add a VPC endpoint for \
         com.amazonaws.{region}.ec2",
        TIMEOUT.as_secs()
    )]
    Silent {
        /// Who was asked.
        endpoint: String,
        /// Where the endpoint would have to be.
        region: String,
    },
    /// Name, connection or certificate.
    #[error("cannot connect to EC2 at {endpoint}")]
    Unreachable {
        /// Who was asked.
        endpoint: String,
        /// What happened.
        source: Source,
    },
    /// EC2 does not want this request.
    #[error("EC2 refuses to tell the instance's tags with status {status}: {code}")]
    Refused {
        /// Of HTTP.
        status: u16,
        /// EC2's error code; empty where it is not EC2 that answers.
        code: String,
    },
    /// Something else answers in EC2's place.
    #[error("EC2's answer about the instance's tags is not understood")]
    Malformed(#[source] Source),
    /// No region, or an endpoint or a key that is none.
    #[error("the question for the instance's tags cannot be signed or sent")]
    Unsigned(#[source] Source),
}

/// The name of the Auto Scaling group that an instance belongs to; `None` where it belongs to none.
///
/// # Errors
///
/// If EC2 cannot be asked or does not tell, in words that say what to mend.
pub async fn auto_scaling_group(sdk: &SdkConfig, instance_id: &str) -> Result<Option<String>, TagsError> {
    let region = sdk.region().map(ToString::to_string).unwrap_or_default();
    let endpoint = endpoint(&region, |name| std::env::var(name).ok());
    ask(sdk, &region, &endpoint, instance_id).await
}

/// Where the EC2 of a region answers. `variable` looks one up.
fn endpoint(region: &str, variable: impl Fn(&str) -> Option<String>) -> String {
    let configured = ENDPOINT_VARIABLES.into_iter().filter_map(variable).find(|value| !value.is_empty());
    configured.unwrap_or_else(|| {
        let suffix = if region.starts_with("cn-") { ".cn" } else { "" };
        format!("https://ec2.{region}.amazonaws.com{suffix}")
    })
}

async fn ask(
    sdk: &SdkConfig,
    region: &str,
    endpoint: &str,
    instance_id: &str,
) -> Result<Option<String>, TagsError> {
    let exchange = async {
        let request = signed(sdk, region, endpoint, question(instance_id)).await?;
        let settings =
            HttpConnectorSettings::builder().connect_timeout(TIMEOUT).read_timeout(TIMEOUT).build();
        let response = super::connector(settings).call(request).await.map_err(|error| {
            let endpoint = endpoint.to_owned();
            if error.is_timeout() {
                return TagsError::Silent { endpoint, region: region.to_owned() };
            }
            TagsError::Unreachable { endpoint, source: error.into_source() }
        })?;
        let status = response.status().as_u16();
        let body = read(response.into_body()).await?;
        if status == 200 { group_in(&body, instance_id) } else { Err(refusal(status, &body)) }
    };
    let silent = |_| TagsError::Silent { endpoint: endpoint.to_owned(), region: region.to_owned() };
    tokio::time::timeout(TIMEOUT, exchange).await.map_err(silent)?
}

fn question(instance_id: &str) -> String {
    form_urlencoded::Serializer::new(String::new())
        .append_pair("Action", "DescribeTags")
        .append_pair("Version", API_VERSION)
        .append_pair("Filter.1.Name", "resource-id")
        .append_pair("Filter.1.Value.1", instance_id)
        .append_pair("Filter.2.Name", "key")
        .append_pair("Filter.2.Value.1", GROUP_TAG)
        .finish()
}

async fn signed(
    sdk: &SdkConfig,
    region: &str,
    endpoint: &str,
    body: String,
) -> Result<HttpRequest, TagsError> {
    let provider =
        sdk.credentials_provider().ok_or_else(|| TagsError::NoCredentials("there is no provider".into()))?;
    let credentials =
        provider.provide_credentials().await.map_err(|error| TagsError::NoCredentials(error.into()))?;
    let time = sdk.time_source().ok_or_else(|| TagsError::Unsigned("there is no clock".into()))?.now();
    sealed(&credentials.into(), region, endpoint, body, time).map_err(TagsError::Unsigned)
}

fn sealed(
    identity: &Identity,
    region: &str,
    endpoint: &str,
    body: String,
    time: std::time::SystemTime,
) -> Result<HttpRequest, Source> {
    let kind = ("content-type", "application/x-www-form-urlencoded; charset=utf-8");
    let parameters = v4::SigningParams::builder()
        .identity(identity)
        .region(region)
        .name("ec2")
        .time(time)
        .settings(SigningSettings::default())
        .build()?
        .into();
    let signable = SignableBody::Bytes(body.as_bytes());
    let signable = SignableRequest::new("POST", endpoint, std::iter::once(kind), signable)?;
    let (signature, _) = sign(signable, &parameters)?.into_parts();
    let mut request = HttpRequest::new(SdkBody::from(body));
    request.set_method("POST")?;
    request.set_uri(endpoint)?;
    let headers = request.headers_mut();
    headers.insert(kind.0, kind.1);
    for (name, value) in signature.headers() {
        headers.insert(name.to_owned(), value.to_owned());
    }
    Ok(request)
}

async fn read(body: SdkBody) -> Result<String, TagsError> {
    let (mut stream, mut bytes) = (ByteStream::new(body), Vec::new());
    while let Some(chunk) = stream.next().await {
        let chunk = chunk.map_err(|error| TagsError::Malformed(error.into()))?;
        if bytes.len() + chunk.len() > LONGEST_ANSWER {
            let text = format!("it is longer than {LONGEST_ANSWER} bytes");
            return Err(TagsError::Malformed(text.into()));
        }
        bytes.extend_from_slice(&chunk);
    }
    String::from_utf8(bytes).map_err(|error| TagsError::Malformed(error.into()))
}

/// The tag's value in a `DescribeTagsResponse`.
fn group_in(answer: &str, instance_id: &str) -> Result<Option<String>, TagsError> {
    let malformed = |text: &str| TagsError::Malformed(text.into());
    // Broken off in the middle, it would say half a name, or that the instance is in no group.
    if !answer.trim_end().ends_with("</DescribeTagsResponse>") {
        return Err(malformed("it has no end"));
    }
    let mut document = Document::new(answer);
    let mut root = document.root_element().map_err(|error| TagsError::Malformed(error.into()))?;
    if !root.start_el().matches("DescribeTagsResponse") {
        return Err(malformed("it is not a DescribeTagsResponse"));
    }
    while let Some(mut tag) = root.next_tag() {
        if !tag.start_el().matches("tagSet") {
            continue;
        }
        while let Some(mut item) = tag.next_tag() {
            let [of, key, value] = members(&mut item, ["resourceId", "key", "value"])?;
            if of != instance_id || key != GROUP_TAG {
                continue;
            }
            let is_name = (1..=LONGEST_NAME).contains(&value.chars().count());
            if !is_name || value.contains(char::is_control) {
                return Err(malformed("the tag is not the name of a group"));
            }
            return Ok(Some(value));
        }
    }
    Ok(None)
}

/// The texts of these members of an element, empty where there is none.
fn members<const N: usize>(
    element: &mut ScopedDecoder<'_, '_>,
    names: [&str; N],
) -> Result<[String; N], TagsError> {
    let mut found = [const { String::new() }; N];
    while let Some(mut member) = element.next_tag() {
        for (name, text) in names.iter().zip(&mut found) {
            if member.start_el().matches(name) {
                let data = try_data(&mut member).map_err(|error| TagsError::Malformed(error.into()))?;
                *text = data.into_owned();
                break;
            }
        }
    }
    Ok(found)
}

fn refusal(status: u16, answer: &str) -> TagsError {
    let code = error_code(answer).unwrap_or_default();
    match code.as_str() {
        "UnauthorizedOperation" | "AccessDenied" => TagsError::Denied,
        _ => TagsError::Refused { status, code },
    }
}

/// `Response/Errors/Error/Code`, if that is what it looks like.
fn error_code(answer: &str) -> Option<String> {
    let mut document = Document::new(answer);
    let mut root = document.root_element().ok()?;
    while let Some(mut errors) = root.next_tag() {
        if errors.start_el().matches("Errors") {
            let mut error = errors.next_tag()?;
            let [code] = members(&mut error, ["Code"]).ok()?;
            let is_code = code.len() <= 100 && code.bytes().all(|byte| byte.is_ascii_graphic());
            return Some(code).filter(|_| is_code);
        }
    }
    None
}

#[cfg(test)]
mod tests;
