//! Who this host is, asked from the instance metadata service.
//!
//! Version 2 only, with its token: version 1 is switched off on hardened hosts. Where there is no
//! answer it says why and leaves to the caller what to do about it.

use std::time::Duration;

use aws_config::imds::client::{Client, error::ImdsError};
use aws_config::provider_config::ProviderConfig;
use aws_smithy_runtime_api::client::http::SharedHttpClient;

/// The service is on the host's own link; a second without an answer means that it is not there.
const TIMEOUT: Duration = Duration::from_secs(1);

/// Whatever happens, so long and no longer: the daemon's start waits for it.
const OPERATION_TIMEOUT: Duration = Duration::from_secs(4);

const ATTEMPTS: u32 = 2;

/// A document that names instance, region and account, in one call.
/// <https://docs.aws.amazon.com/AWSEC2/latest/UserGuide/instance-identity-documents.html>
const DOCUMENT: &str = "/latest/dynamic/instance-identity/document";

/// The tag that Auto Scaling gives each of its instances; told where `InstanceMetadataTags` is enabled.
/// <https://docs.aws.amazon.com/AWSEC2/latest/UserGuide/work-with-tags-in-IMDS.html>
const GROUP: &str = "/latest/meta-data/tags/instance/aws:autoscaling:groupName";

/// Of a group's name, in characters.
/// <https://docs.aws.amazon.com/autoscaling/ec2/APIReference/API_CreateAutoScalingGroup.html>
const LONGEST_GROUP: usize = 255;

/// The variable by which every AWS program is told not to ask.
const DISABLED: &str = "AWS_EC2_METADATA_DISABLED";

/// The variable that points elsewhere; the SDK knows it, too.
const ENDPOINT: &str = "AWS_EC2_METADATA_SERVICE_ENDPOINT";

/// What the service says of this host.
#[derive(Debug, Clone, PartialEq, Eq, serde::Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Identity {
    /// Such as `i-0123456789abcdef0`.
    pub instance_id: String,
    /// Such as `eu-west-1`.
    pub region: String,
    /// Such as `123456789012`.
    #[serde(default)]
    pub account_id: Option<String>,
}

/// Why there is no identity.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// Somebody asked us not to.
    #[error("{DISABLED} is set")]
    Disabled,
    /// Nobody there: not an EC2 host, or the hop limit of 1 keeps a container out.
    #[error("cannot ask the instance metadata service")]
    Silent(#[source] Box<ImdsError>),
    /// It answers, but not with what it was asked for.
    #[error("the instance metadata service refuses to answer with status {0}")]
    Refused(u16),
    /// Something else answers under its address.
    #[error("the instance metadata service's identity document is not understood")]
    Malformed(#[source] serde_json::Error),
}

impl Error {
    /// It may be the network that is not up yet.
    pub fn may_pass(&self) -> bool {
        matches!(self, Self::Silent(_))
    }
}

/// Whether the hardware says that this is an EC2 instance: Nitro by its vendor, Xen (t2) by its
/// BIOS. <https://docs.aws.amazon.com/AWSEC2/latest/UserGuide/identify_ec2_instances.html>
pub fn on_instance() -> bool {
    let says =
        |path, word| std::fs::read_to_string(path).is_ok_and(|text| text.to_lowercase().contains(word));
    says("/sys/class/dmi/id/sys_vendor", "amazon ec2") || says("/sys/class/dmi/id/bios_version", "amazon")
}

/// Something of it that is told without a token where version 1 is allowed, and refused where it is not: `None` if
/// nobody is to ask. Honours the same variables as [`identity`].
pub fn url_of_version_1() -> Option<String> {
    if std::env::var(DISABLED).is_ok_and(|value| value.eq_ignore_ascii_case("true")) {
        return None;
    }
    let endpoint = std::env::var(ENDPOINT).ok().filter(|value| !value.is_empty());
    let endpoint = endpoint.unwrap_or_else(|| "http://169.254.169.254".to_owned());
    Some(format!("{}/latest/meta-data/instance-id", endpoint.trim_end_matches('/')))
}

/// Asks the service. Honours `AWS_EC2_METADATA_SERVICE_ENDPOINT` and `AWS_EC2_METADATA_DISABLED`.
pub async fn identity(http: SharedHttpClient) -> Result<Identity, Error> {
    let Some(document) = get(http, DOCUMENT).await? else { return Err(Error::Refused(404)) };
    parse(&document)
}

/// Asks the service for the instance's Auto Scaling group. `None` where there is no such tag, and
/// where the service is not to tell tags: only `ec2:DescribeTags` knows which of the two it is.
pub async fn auto_scaling_group(http: SharedHttpClient) -> Result<Option<String>, Error> {
    Ok(get(http, GROUP).await?.filter(|name| is_group(name)))
}

/// What the service says under a path; `None` where there is nothing.
async fn get(http: SharedHttpClient, path: &'static str) -> Result<Option<String>, Error> {
    if std::env::var(DISABLED).is_ok_and(|value| value.eq_ignore_ascii_case("true")) {
        return Err(Error::Disabled);
    }
    let client = Client::builder()
        .configure(&ProviderConfig::without_region().with_http_client(http))
        .connect_timeout(TIMEOUT)
        .read_timeout(TIMEOUT)
        .operation_attempt_timeout(2 * TIMEOUT)
        .operation_timeout(OPERATION_TIMEOUT)
        .max_attempts(ATTEMPTS)
        .build();
    match client.get(path).await {
        Ok(answer) => Ok(Some(answer.into())),
        Err(ImdsError::ErrorResponse(refusal)) => match refusal.response().status().as_u16() {
            404 => Ok(None),
            status => Err(Error::Refused(status)),
        },
        Err(silent) => Err(Error::Silent(Box::new(silent))),
    }
}

/// A proxy that answers everything with a page is not believed.
fn is_group(name: &str) -> bool {
    (1..=LONGEST_GROUP).contains(&name.chars().count()) && !name.contains(char::is_control)
}

fn parse(document: &str) -> Result<Identity, Error> {
    serde_json::from_str(document).map_err(Error::Malformed)
}

#[cfg(test)]
mod tests {
    use super::*;
    use aws_smithy_http_client::test_util::{ReplayEvent, StaticReplayClient};
    use aws_smithy_types::body::SdkBody;

    /// What is made of an answer, after the token.
    async fn group(status: u16, body: &str) -> (Result<Option<String>, Error>, String) {
        let event = |status: u16, body: &str| {
            let request = http::Request::builder().uri("http://localhost").body(SdkBody::empty()).unwrap();
            let answer = http::Response::builder()
                .status(status)
                .header("x-aws-ec2-metadata-token-ttl-seconds", "21600")
                .body(SdkBody::from(body))
                .unwrap();
            ReplayEvent::new(request, answer)
        };
        let client = StaticReplayClient::new(vec![event(200, "token"), event(status, body)]);
        let got = auto_scaling_group(SharedHttpClient::new(client.clone())).await;
        let asked = client.actual_requests().last().map(|request| request.uri().to_owned());
        (got, asked.unwrap_or_default())
    }

    #[tokio::test]
    async fn a_group_is_told_or_not() {
        let (got, asked) = group(200, "starttech-web").await;
        assert_eq!(got.unwrap().as_deref(), Some("starttech-web"));
        assert!(asked.ends_with("/latest/meta-data/tags/instance/aws:autoscaling:groupName"), "{asked}");
        assert_eq!(group(404, "<html>").await.0.unwrap(), None, "not in a group, or tags are not told");
        assert_eq!(group(200, "<html>\n</html>").await.0.unwrap(), None);
        assert!(matches!(group(403, "").await.0, Err(Error::Refused(403))));
    }

    #[test]
    fn the_document_holds_more_than_is_needed() {
        let document = r#"{"accountId": "123456789012", "instanceId": "i-0abc", "region": "eu-west-1",
                           "devpayProductCodes": null, "version": "2017-09-30"}"#;
        let expected = Identity {
            instance_id: "i-0abc".into(),
            region: "eu-west-1".into(),
            account_id: Some("123456789012".into()),
        };
        assert_eq!(parse(document).unwrap(), expected);
    }

    #[test]
    fn a_group_has_a_name_of_one_line() {
        for (name, good) in [
            ("web", true),
            ("Web & API ü", true),
            (&*"n".repeat(255), true),
            (&*"n".repeat(256), false),
            ("", false),
            ("<html>\n</html>", false),
        ] {
            assert_eq!(is_group(name), good, "{name}");
        }
    }

    #[test]
    fn a_page_that_is_no_document_is_refused() {
        for page in ["", "<html>", "{}", r#"{"instanceId": "i-0abc"}"#] {
            assert!(matches!(parse(page), Err(Error::Malformed(_))), "{page}");
        }
    }
}
