//! What is asked of EC2, over a socket, and what is made of its answers, hostile ones among them.

use std::time::SystemTime;

use aws_config::{BehaviorVersion, Region};
use aws_sdk_cloudwatchlogs::config::Credentials;
use aws_smithy_types::body::SdkBody;
use proptest::prelude::*;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpListener;

use super::*;

const INSTANCE: &str = "i-0123456789abcdef0";

async fn sdk() -> SdkConfig {
    let keys = Credentials::new("AKIDEXAMPLE", "secret", Some("a session".into()), None, "test");
    aws_config::defaults(BehaviorVersion::latest())
        .region(Region::new("eu-west-1"))
        .http_client(crate::aws::http_client())
        .credentials_provider(keys)
        .load()
        .await
}

fn answer(items: &str) -> String {
    format!(
        "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n\
         <DescribeTagsResponse xmlns=\"http://ec2.amazonaws.com/doc/2016-11-15/\">\n\
         <requestId>7a62c49f</requestId>\n<tagSet>{items}</tagSet>\n</DescribeTagsResponse>\n"
    )
}

fn item(id: &str, key: &str, value: &str) -> String {
    format!(
        "<item><resourceId>{id}</resourceId><resourceType>instance</resourceType><key>{key}</key>\
         <value>{value}</value></item>"
    )
}

/// What is made of an answer, and the request that it was given to.
async fn asked(status: &str, body: &str) -> (Result<Option<String>, TagsError>, String) {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let endpoint = format!("http://{}", listener.local_addr().unwrap());
    let answer = async {
        let (mut client, _) = listener.accept().await.unwrap();
        let mut request = Vec::new();
        while !request.ends_with(b"groupName") {
            assert_ne!(client.read_buf(&mut request).await.unwrap(), 0, "{request:?}");
        }
        let head = format!("HTTP/1.1 {status}\r\nContent-Length: {}\r\n\r\n", body.len());
        client.write_all(head.as_bytes()).await.unwrap();
        // A client that has read enough goes away.
        client.write_all(body.as_bytes()).await.ok();
        String::from_utf8(request).unwrap()
    };
    let sdk = sdk().await;
    tokio::join!(ask(&sdk, "eu-west-1", &endpoint, INSTANCE), answer)
}

#[tokio::test]
async fn the_tag_is_asked_for_and_found() {
    let body = answer(&item(INSTANCE, GROUP_TAG, "web &amp; &lt;api&gt;"));
    let (got, request) = asked("200 OK", &body).await;
    assert_eq!(got.unwrap().as_deref(), Some("web & <api>"));
    let (head, body) = request.split_once("\r\n\r\n").unwrap();
    assert!(head.starts_with("POST / HTTP/1.1"), "{head}");
    assert!(head.contains("/eu-west-1/ec2/aws4_request"), "{head}");
    assert!(head.contains("x-amz-security-token: a session"), "{head}");
    assert_eq!(
        body,
        "Action=DescribeTags&Version=2016-11-15&Filter.1.Name=resource-id&\
         Filter.1.Value.1=i-0123456789abcdef0&Filter.2.Name=key&Filter.2.Value.1=aws%3Aautoscaling%3AgroupName"
    );
}

#[tokio::test]
async fn refusals_say_what_to_mend() {
    let error = |code: &str| {
        format!(
            "<Response><Errors><Error><Code>{code}</Code><Message>No.</Message></Error></Errors>\
             <RequestID>1</RequestID></Response>"
        )
    };
    let said = async |status: &str, body: &str| asked(status, body).await.0.unwrap_err().to_string();
    let denied = said("403 Forbidden", &error("UnauthorizedOperation")).await;
    assert!(denied.contains("allow ec2:DescribeTags"), "{denied}");
    let expired = said("400 Bad Request", &error("RequestExpired")).await;
    assert!(expired.ends_with("status 400: RequestExpired"), "{expired}");
    let other = said("502 Bad Gateway", "<html>").await;
    assert!(other.contains("status 502"), "{other}");
    let page = said("200 OK", "<html></html>").await;
    assert!(page.contains("not understood"), "{page}");
}

#[tokio::test]
async fn an_answer_without_end_is_not_read() {
    let body = answer(&item(INSTANCE, GROUP_TAG, &"x".repeat(10_000_000)));
    let (got, _) = asked("200 OK", &body).await;
    let Err(TagsError::Malformed(source)) = got else { panic!("{got:?}") };
    assert!(source.to_string().contains("longer than 65536"), "{source}");
}

/// The paused clock jumps to the time-out, as nothing else will ever happen.
#[tokio::test(start_paused = true)]
async fn silence_names_the_endpoint_that_is_missing() {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let endpoint = format!("http://{}", listener.local_addr().unwrap());
    let error = ask(&sdk().await, "eu-west-1", &endpoint, INSTANCE).await.unwrap_err();
    assert!(error.to_string().ends_with("VPC endpoint for com.amazonaws.eu-west-1.ec2"), "{error}");
}

#[tokio::test]
async fn a_closed_port_and_no_url_are_no_silence() {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let closed = format!("http://{}", listener.local_addr().unwrap());
    drop(listener);
    let error = ask(&sdk().await, "eu-west-1", &closed, INSTANCE).await.unwrap_err();
    assert!(matches!(error, TagsError::Unreachable { .. }), "{error:?}");
    for endpoint in ["", "http://a b"] {
        let error = ask(&sdk().await, "eu-west-1", endpoint, INSTANCE).await.unwrap_err();
        assert!(matches!(error, TagsError::Unsigned(_)), "{endpoint}: {error:?}");
    }
}

#[tokio::test]
async fn nobody_is_asked_without_credentials() {
    let sdk = SdkConfig::builder().behavior_version(BehaviorVersion::latest()).build();
    let error = ask(&sdk, "eu-west-1", "http://127.0.0.1:9", INSTANCE).await.unwrap_err();
    assert!(matches!(error, TagsError::NoCredentials(_)), "{error:?}");
}

#[test]
fn the_operators_endpoint_is_believed_first() {
    let found = |set: &[(&str, &str)]| {
        endpoint("eu-west-1", |name| {
            set.iter().find(|(known, _)| *known == name).map(|(_, value)| (*value).to_owned())
        })
    };
    let (own, all) = (("AWS_ENDPOINT_URL_EC2", "http://own"), ("AWS_ENDPOINT_URL", "http://all"));
    assert_eq!(found(&[own, all]), "http://own");
    assert_eq!(found(&[all]), "http://all");
    assert_eq!(found(&[(own.0, ""), all]), "http://all");
    assert_eq!(found(&[]), "https://ec2.eu-west-1.amazonaws.com");
    assert_eq!(endpoint("cn-north-1", |_| None), "https://ec2.cn-north-1.amazonaws.com.cn");
}

/// Computed apart from this code, with botocore's signer.
#[test]
fn the_signature_is_that_of_others() {
    let keys = Credentials::new("AKIDEXAMPLE", "secret", Some("a session".into()), None, "test");
    let time = SystemTime::UNIX_EPOCH + Duration::from_hours(500_000);
    let endpoint = "https://ec2.eu-west-1.amazonaws.com";
    let request = sealed(&keys.into(), "eu-west-1", endpoint, question(INSTANCE), time).unwrap();
    let authorization = request.headers().get("authorization").unwrap();
    let (scope, signature) = authorization.split_once(", Signature=").unwrap();
    assert_eq!(
        scope,
        "AWS4-HMAC-SHA256 Credential=AKIDEXAMPLE/20270115/eu-west-1/ec2/aws4_request, \
         SignedHeaders=content-type;host;x-amz-date;x-amz-security-token"
    );
    assert_eq!(signature, "c43763193ac911d641b544e57638cf2d8e9966b32b9cd83b1baa55279970c9b5");
}

#[test]
fn only_the_tag_of_this_instance_counts() {
    let found = |items: &str| group_in(&answer(items), INSTANCE).unwrap();
    assert_eq!(found(""), None);
    assert_eq!(found(&item("i-1", GROUP_TAG, "web")), None);
    assert_eq!(found(&item(INSTANCE, "Name", "web")), None);
    let all = [item(INSTANCE, "Name", "x"), item(INSTANCE, GROUP_TAG, "web"), item("i-1", GROUP_TAG, "y")];
    assert_eq!(found(&all.concat()).as_deref(), Some("web"));
    assert_eq!(found(&item(INSTANCE, GROUP_TAG, &"n".repeat(255))).map(|name| name.len()), Some(255));
    assert_eq!(found(&item(INSTANCE, GROUP_TAG, "&#xfc;")).as_deref(), Some("ü"));
}

#[test]
fn an_answer_that_is_none_is_not_taken_for_no_group() {
    let whole = answer(&item(INSTANCE, GROUP_TAG, "web"));
    let empty = answer("");
    for text in [whole.trim_end(), empty.trim_end()] {
        for cut in (0..text.len()).filter_map(|end| text.get(..end)) {
            assert!(group_in(cut, INSTANCE).is_err(), "{cut}");
        }
        assert!(group_in(text, INSTANCE).is_ok(), "{text}");
    }
    for name in ["", "a&#10;b", "\u{7f}", &"n".repeat(256)] {
        assert!(group_in(&answer(&item(INSTANCE, GROUP_TAG, name)), INSTANCE).is_err(), "{name}");
    }
    let deep = answer(&"<item>".repeat(5_000));
    assert_eq!(group_in(&deep, INSTANCE).ok().flatten(), None);
}

#[tokio::test]
async fn bytes_that_are_no_text_are_refused() {
    let got = read(SdkBody::from(&b"\xff\xfe"[..])).await;
    assert!(matches!(got, Err(TagsError::Malformed(_))), "{got:?}");
}

proptest! {
    #[test]
    fn nothing_that_answers_does_harm(text in r#"(<[/?!]?[a-zA-Z]{0,5}[ >=/"]|&[a-z#0-9]{0,4};?|<item>|<key>|.){0,40}"#) {
        for answer in [answer(&text), format!("<Response><Errors><Error><Code>{text}"), text] {
            let found = group_in(&answer, INSTANCE).ok().flatten();
            prop_assert!(found.is_none_or(|name| !name.is_empty() && name.len() <= 4 * LONGEST_NAME));
            prop_assert!(error_code(&answer).is_none_or(|code| code.len() <= 100));
        }
    }
}
