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

/// The variable by which every AWS program is told not to ask.
const DISABLED: &str = "AWS_EC2_METADATA_DISABLED";

/// What the service says of this host.
#[derive(Debug, Clone, PartialEq, Eq, serde::Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Identity {
    /// Such as `i-0123456789abcdef0`.
    pub instance_id: String,
    /// Such as `eu-west-1`.
    pub region: String,
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
    /// It answers, but not with the document.
    #[error("the instance metadata service refuses the identity document with status {0}")]
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

/// Asks the service. Honours `AWS_EC2_METADATA_SERVICE_ENDPOINT` and `AWS_EC2_METADATA_DISABLED`.
pub async fn identity(http: SharedHttpClient) -> Result<Identity, Error> {
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
    match client.get(DOCUMENT).await {
        Ok(document) => parse(document.as_ref()),
        Err(ImdsError::ErrorResponse(refusal)) => Err(Error::Refused(refusal.response().status().as_u16())),
        Err(silent) => Err(Error::Silent(Box::new(silent))),
    }
}

fn parse(document: &str) -> Result<Identity, Error> {
    serde_json::from_str(document).map_err(Error::Malformed)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_document_holds_more_than_is_needed() {
        let document = r#"{"accountId": "123456789012", "instanceId": "i-0abc", "region": "eu-west-1",
                           "devpayProductCodes": null, "version": "2017-09-30"}"#;
        let expected = Identity { instance_id: "i-0abc".into(), region: "eu-west-1".into() };
        assert_eq!(parse(document).unwrap(), expected);
    }

    #[test]
    fn a_page_that_is_no_document_is_refused() {
        for page in ["", "<html>", "{}", r#"{"instanceId": "i-0abc"}"#] {
            assert!(matches!(parse(page), Err(Error::Malformed(_))), "{page}");
        }
    }
}
