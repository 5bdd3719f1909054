//! What goes over the wire, and what is made of answers.

use std::collections::BTreeMap;

use aws_config::BehaviorVersion;
use aws_config::retry::RetryConfig;
use aws_sdk_cloudwatch::config::{Credentials, SharedCredentialsProvider};
use aws_smithy_http_client::test_util::{ReplayEvent, StaticReplayClient};
use aws_smithy_types::body::SdkBody;
use serde_json::json;

use super::*;
use crate::provision::Address;

const DENIED: &str = r#"{"__type":"AccessDeniedException","message":"User: arn:aws:sts::123456789012:assumed-role/r/i is not authorized to perform: logs:TagResource on resource: arn:aws:logs:eu-west-1:123456789012:log-group:/g because no identity-based policy allows it"}"#;

fn account(answers: &[(u16, &str)]) -> (AwsAccount, StaticReplayClient) {
    let event = |(status, body): &(u16, &str)| {
        let request = http::Request::builder().uri("http://localhost").body(SdkBody::empty()).unwrap();
        let answer = http::Response::builder().status(*status).body(SdkBody::from(*body)).unwrap();
        ReplayEvent::new(request, answer)
    };
    let client = StaticReplayClient::new(answers.iter().map(event).collect());
    let keys = Credentials::new("a", "b", None, None, "test");
    let sdk = SdkConfig::builder()
        .behavior_version(BehaviorVersion::latest())
        .region(Region::new("eu-west-1"))
        .retry_config(RetryConfig::disabled())
        .credentials_provider(SharedCredentialsProvider::new(keys))
        .http_client(client.clone())
        .build();
    let settings = Settings { log_groups: vec!["/g".to_owned()], ..Settings::default() };
    (AwsAccount::new(&sdk, &settings), client)
}

fn group(days: i32, tags: &[(&str, &str)]) -> Resource {
    let tags = tags.iter().map(|(key, value)| ((*key).to_owned(), (*value).to_owned()));
    Resource {
        address: Address { kind: Kind::LogGroup, region: "eu-west-1".to_owned(), name: "/g".to_owned() },
        content: Content::LogGroup { retention_in_days: Some(days) },
        tags: tags.collect::<BTreeMap<_, _>>(),
    }
}

fn calls(client: &StaticReplayClient) -> Vec<String> {
    let requests = client.actual_requests();
    let target = requests.map(|request| request.headers().get("x-amz-target").unwrap_or_default());
    target.map(|target| target.replace("Logs_20140328.", "")).collect()
}

#[tokio::test(start_paused = true)]
async fn a_group_is_made_without_tags_and_a_refusal_of_tags_is_a_word() {
    let (account, client) = account(&[(200, ""), (200, ""), (400, DENIED)]);
    let words = account.put(&group(14, &[("k", "v")]), None).await.unwrap();
    assert_eq!(calls(&client), ["CreateLogGroup", "PutRetentionPolicy", "TagResource"]);
    let create = client.actual_requests().next().unwrap();
    assert_eq!(create.body().bytes().unwrap(), br#"{"logGroupName":"/g"}"#);
    assert!(words.len() == 1 && words[0].contains("the role may not logs:TagResource on arn:"), "{words:?}");
    // Who was refused is said in the refusal, and so is the account.
    assert_eq!(account.account_id().await.unwrap(), "123456789012");
}

#[tokio::test(start_paused = true)]
async fn only_what_is_different_is_set() {
    let (account, client) = account(&[(200, "")]);
    let held = Held { resource: group(14, &[("k", "old"), ("other", "x")]), id: None, state: None };
    account.put(&group(14, &[("k", "new"), ("other", "x")]), Some(&held)).await.unwrap();
    assert_eq!(calls(&client), ["TagResource"]);
    let body = client.actual_requests().next().unwrap().body().bytes().unwrap().to_vec();
    let arn = "arn:aws:logs:eu-west-1:*:log-group:/g";
    let expected = json!({ "resourceArn": arn, "tags": { "k": "new" } });
    assert_eq!(serde_json::from_slice::<serde_json::Value>(&body).unwrap(), expected);
    account.put(&held.resource, Some(&held)).await.unwrap();
    assert_eq!(client.actual_requests().count(), 1);
}

#[tokio::test(start_paused = true)]
async fn what_is_throttled_is_sent_again_and_not_for_ever() {
    let throttled = (400, r#"{"__type":"ThrottlingException","message":"Rate exceeded"}"#);
    let (account, client) = self::account(&[throttled, throttled, (200, "")]);
    account.delete(&Held { resource: group(14, &[]), id: None, state: None }).await.unwrap();
    assert_eq!(client.actual_requests().count(), 3);

    let (account, client) = self::account(&[throttled; 12]);
    let refused = account.delete(&Held { resource: group(14, &[]), id: None, state: None }).await;
    let Err(Refusal::Unreachable(why)) = refused else { panic!("{refused:?}") };
    assert_eq!(why, "DeleteLogGroup: Rate exceeded");
    assert!((5..=10).contains(&client.actual_requests().count()));
}

#[tokio::test(start_paused = true)]
async fn what_is_gone_is_deleted_and_what_is_wrong_is_said() {
    let gone = (400, r#"{"__type":"ResourceNotFoundException","message":"not there"}"#);
    let wrong = (400, r#"{"__type":"InvalidParameterException","message":"no such days"}"#);
    let (account, _) = account(&[gone, wrong]);
    let held = Held { resource: group(14, &[]), id: None, state: None };
    account.delete(&held).await.unwrap();
    let refused = account.put(&group(15, &[]), Some(&held)).await;
    assert_eq!(refused, Err(Refusal::Wrong("PutRetentionPolicy: no such days".to_owned())));
}

#[test]
fn arns_begin_as_the_region_wants() {
    for (region, expected) in
        [("eu-west-1", "aws"), ("cn-north-1", "aws-cn"), ("us-gov-west-1", "aws-us-gov")]
    {
        assert_eq!(partition(region), expected);
    }
}
