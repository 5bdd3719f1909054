//! The instance metadata service, version 2: a token first, then the questions.

use std::collections::BTreeMap;

use serde_json::json;

use crate::endpoint::sign;

/// What the metadata service says of the instance, and how it behaves.
#[derive(Debug, Clone)]
pub struct Instance {
    /// How the service behaves.
    pub behaviour: Behaviour,
    /// `i-…`
    pub id: String,
    /// `eu-west-1`
    pub region: String,
    /// The role whose credentials are handed out; none is an instance without a profile.
    pub role: Option<String>,
    /// The instance's tags, as `DescribeTags` tells them.
    pub tags: BTreeMap<String, String>,
    /// Whether the metadata service tells them too (`InstanceMetadataTags`), which AWS leaves off.
    pub tags_in_metadata: bool,
    /// How long the credentials last from each question.
    pub credentials_last_ms: i64,
    /// Whether it answers without a token, too (`HttpTokens=optional`).
    pub version_1: bool,
}

/// How the metadata service behaves.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Behaviour {
    /// As on an instance.
    Answers,
    /// As on an instance, but every answer takes this many milliseconds.
    Slow(u64),
    /// As where there is none: connections end without an answer.
    Absent,
    /// As from a container behind a hop limit of 1: what needs no token is answered, tokens never arrive.
    FarAway,
}

impl Default for Instance {
    fn default() -> Self {
        Self {
            behaviour: Behaviour::Answers,
            id: String::from("i-0123456789abcdef0"),
            region: String::from("eu-west-1"),
            role: Some(String::from("starttech-backend")),
            tags: BTreeMap::new(),
            tags_in_metadata: false,
            credentials_last_ms: 6 * 3_600_000,
            version_1: false,
        }
    }
}

/// The only token there is: nothing here depends on telling two apart.
const TOKEN: &str = "AQAEAHarnessTokenForTheInstanceMetadataService==";

/// A question to the service.
#[derive(Debug)]
pub(crate) struct Question<'a> {
    pub(crate) method: &'a str,
    pub(crate) path: &'a str,
    pub(crate) token: Option<&'a str>,
    pub(crate) ttl: Option<&'a str>,
    pub(crate) is_forwarded: bool,
}

/// An answer of the service.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Reply {
    /// A new token.
    Token(&'static str),
    /// What was asked for.
    Found(String),
    /// An error by its HTTP status.
    Refused(u16),
    /// A question without a token, as version 1 allowed.
    Version1,
}

/// Answers one question at `now_ms`.
pub(crate) fn answer(instance: &Instance, question: &Question<'_>, now_ms: i64) -> Reply {
    if question.is_forwarded {
        return Reply::Refused(403);
    }
    if question.path == "/latest/api/token" {
        let ttl = question.ttl.and_then(|ttl| ttl.parse::<u32>().ok());
        return match (question.method, ttl) {
            ("PUT", Some(1..=21_600)) => Reply::Token(TOKEN),
            ("PUT", _) => Reply::Refused(400),
            _ => Reply::Refused(405),
        };
    }
    match question.token {
        None if instance.version_1 => {
            look_up(instance, question.path, now_ms).map_or(Reply::Refused(404), Reply::Found)
        }
        None => Reply::Version1,
        Some(token) if token != TOKEN => Reply::Refused(401),
        Some(_) => look_up(instance, question.path, now_ms).map_or(Reply::Refused(404), Reply::Found),
    }
}

fn look_up(instance: &Instance, path: &str, now_ms: i64) -> Option<String> {
    let zone = format!("{}a", instance.region);
    let path = path.strip_prefix("/latest/")?;
    if let Some(name) = path.strip_prefix("meta-data/iam/security-credentials/") {
        let role = instance.role.as_deref()?;
        return match name {
            "" => Some(role.to_owned()),
            name if name == role => Some(credentials(instance, now_ms)),
            _ => None,
        };
    }
    if let Some(key) = path.strip_prefix("meta-data/tags/instance/") {
        return instance.tags.get(key).filter(|_| instance.tags_in_metadata).cloned();
    }
    match path {
        "meta-data/instance-id" => Some(instance.id.clone()),
        "meta-data/placement/region" => Some(instance.region.clone()),
        "meta-data/placement/availability-zone" => Some(zone),
        "meta-data/instance-type" => Some(String::from("t2.micro")),
        "meta-data/tags/instance" if instance.tags_in_metadata && !instance.tags.is_empty() => {
            Some(instance.tags.keys().map(String::as_str).collect::<Vec<_>>().join("\n"))
        }
        "dynamic/instance-identity/document" => Some(
            json!({
                "accountId": "123456789012", "architecture": "x86_64", "availabilityZone": zone,
                "imageId": "ami-0123456789abcdef0", "instanceId": instance.id, "instanceType": "t2.micro",
                "pendingTime": sign::iso(now_ms - 3_600_000), "privateIp": "10.0.1.10",
                "region": instance.region, "version": "2017-09-30",
            })
            .to_string(),
        ),
        _ => None,
    }
}

fn credentials(instance: &Instance, now_ms: i64) -> String {
    json!({
        "Code": "Success", "Type": "AWS-HMAC", "LastUpdated": sign::iso(now_ms),
        "AccessKeyId": sign::key_until(now_ms + instance.credentials_last_ms), "SecretAccessKey": "example/secret/of/the/test/harness/000000",
        "Token": "example-session-token", "Expiration": sign::iso(now_ms + instance.credentials_last_ms),
    })
    .to_string()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn ask(method: &str, path: &str, token: Option<&str>, ttl: Option<&str>) -> Reply {
        let question = Question { method, path, token, ttl, is_forwarded: false };
        answer(&Instance::default(), &question, 1_800_000_000_000)
    }

    #[test]
    fn a_token_wants_a_put_with_its_time_to_live() {
        let path = "/latest/api/token";
        assert_eq!(ask("PUT", path, None, Some("21600")), Reply::Token(TOKEN));
        assert_eq!(ask("PUT", path, None, Some("21601")), Reply::Refused(400));
        assert_eq!(ask("PUT", path, None, Some("0")), Reply::Refused(400));
        assert_eq!(ask("PUT", path, None, None), Reply::Refused(400));
        assert_eq!(ask("GET", path, None, Some("60")), Reply::Refused(405));
    }

    #[test]
    fn nothing_is_told_without_a_token() {
        let path = "/latest/meta-data/instance-id";
        assert_eq!(ask("GET", path, None, None), Reply::Version1);
        assert_eq!(ask("GET", path, Some("wrong"), None), Reply::Refused(401));
        assert_eq!(ask("GET", path, Some(TOKEN), None), Reply::Found("i-0123456789abcdef0".into()));
    }

    #[test]
    fn tags_are_told_where_that_is_switched_on() {
        let mut instance = Instance::default();
        instance.tags.insert("aws:autoscaling:groupName".into(), "web".into());
        let ask = |instance: &Instance, path: &str| {
            let question =
                Question { method: "GET", path, token: Some(TOKEN), ttl: None, is_forwarded: false };
            answer(instance, &question, 0)
        };
        let (all, one) =
            ("/latest/meta-data/tags/instance", "/latest/meta-data/tags/instance/aws:autoscaling:groupName");
        assert_eq!((ask(&instance, all), ask(&instance, one)), (Reply::Refused(404), Reply::Refused(404)));
        instance.tags_in_metadata = true;
        assert_eq!(ask(&instance, all), Reply::Found("aws:autoscaling:groupName".into()));
        assert_eq!(ask(&instance, one), Reply::Found("web".into()));
    }

    #[test]
    fn credentials_are_found_through_the_role() {
        let at = |name: &str| {
            ask("GET", &format!("/latest/meta-data/iam/security-credentials/{name}"), Some(TOKEN), None)
        };
        assert_eq!(at(""), Reply::Found("starttech-backend".into()));
        let Reply::Found(document) = at("starttech-backend") else { panic!("no credentials") };
        assert!(document.contains(r#""Expiration":"2027-01-15T14:00:00Z""#), "{document}");
        assert_eq!(at("another"), Reply::Refused(404));
    }
}
