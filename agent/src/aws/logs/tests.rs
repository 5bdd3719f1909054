//! The wire, over the SDK's own replaying client.

use super::*;
use crate::logs::batch::Batch;
use aws_config::{BehaviorVersion, Region};
use aws_sdk_cloudwatchlogs::config::{Credentials, SharedCredentialsProvider};
use aws_smithy_http_client::test_util::{ReplayEvent, StaticReplayClient};
use aws_smithy_runtime_api::client::orchestrator::HttpRequest;
use bytes::Bytes;

fn destination() -> Destination {
    Destination { group: "/g".to_owned(), stream: "s".to_owned() }
}

fn service(answers: &[(u16, &str)]) -> (CloudWatchLogs, StaticReplayClient) {
    let events = answers.iter().map(|(status, body)| {
        let request = http::Request::builder().uri("http://localhost").body(SdkBody::empty()).unwrap();
        let answer = http::Response::builder().status(*status).body(SdkBody::from(*body)).unwrap();
        ReplayEvent::new(request, answer)
    });
    let client = StaticReplayClient::new(events.collect());
    let config = SdkConfig::builder()
        .behavior_version(BehaviorVersion::latest())
        .region(Region::new("eu-west-1"))
        .retry_config(aws_config::retry::RetryConfig::disabled())
        .credentials_provider(SharedCredentialsProvider::new(Credentials::new("a", "b", None, None, "test")))
        .http_client(client.clone())
        .build();
    (CloudWatchLogs::new(&config, 14), client)
}

fn outgoing() -> Outgoing {
    let mut batch = Batch::new(destination());
    batch.push(1, "one");
    batch.push(2, "two");
    let batch = batch.finish();
    Outgoing { destination: batch.destination, body: Bytes::from(batch.body), events: batch.events }
}

#[tokio::test]
async fn a_batch_travels_as_it_was_written_and_signed() {
    let (service, client) = service(&[(200, r#"{"rejectedLogEventsInfo":{"tooOldLogEventEndIndex":1}}"#)]);
    let receipt = service.put(&outgoing()).await.unwrap();
    assert_eq!(receipt, Receipt { too_old: 1, ..Receipt::default() });
    let request = client.actual_requests().next().unwrap();
    let body = request.body().bytes().unwrap();
    assert_eq!(
        std::str::from_utf8(body).unwrap(),
        r#"{"logGroupName":"/g","logStreamName":"s","logEvents":[{"timestamp":1,"message":"one"},{"timestamp":2,"message":"two"}]}"#
    );
    assert_eq!(request.headers().get("content-length"), Some(body.len().to_string().as_str()));
    assert_eq!(request.headers().get("x-amz-target"), Some("Logs_20140328.PutLogEvents"));
    assert!(
        request.headers().get("authorization").unwrap().contains("content-length"),
        "the length is signed"
    );
}

#[tokio::test]
async fn a_missing_group_is_made_with_its_retention_and_then_the_stream() {
    let missing =
        r#"{"__type":"ResourceNotFoundException","message":"The specified log group does not exist."}"#;
    let (service, client) = service(&[(400, missing), (400, missing), (200, ""), (200, ""), (200, "")]);
    assert!(matches!(service.put(&outgoing()).await, Err(Refusal::Missing)));
    service.create(&destination()).await.unwrap();
    let calls =
        ["PutLogEvents", "CreateLogStream", "CreateLogGroup", "PutRetentionPolicy", "CreateLogStream"];
    assert_eq!(calls_of(&client), calls);
}

fn calls_of(client: &StaticReplayClient) -> Vec<String> {
    let target = |request: &HttpRequest| {
        request.headers().get("x-amz-target").unwrap_or_default().replace("Logs_20140328.", "")
    };
    client.actual_requests().map(target).collect()
}

#[tokio::test]
async fn a_retention_that_somebody_chose_is_left_alone() {
    let there = r#"{"__type":"ResourceAlreadyExistsException"}"#;
    let groups = r#"{"logGroups":[{"logGroupName":"/g","retentionInDays":30}]}"#;
    let (mut service, client) = service(&[(400, there), (200, groups), (200, "{}"), (200, "{}")]);
    service.look_within = Duration::ZERO;
    service.create(&destination()).await.unwrap();
    service.put(&outgoing()).await.unwrap();
    service.put(&outgoing()).await.unwrap();
    let calls = ["CreateLogStream", "DescribeLogGroups", "PutLogEvents", "PutLogEvents"];
    assert_eq!(calls_of(&client), calls);
}

#[tokio::test]
async fn an_event_is_looked_for_page_by_page() {
    let event = Stored { time_ms: 5, message: "two".to_owned() };
    let page = |events: &str, token: &str| {
        format!(r#"{{"events":[{events}],"nextForwardToken":"{token}","nextBackwardToken":"b"}}"#)
    };
    let [one, two] =
        ["one", "two"].map(|m| format!(r#"{{"timestamp":5,"message":"{m}","ingestionTime":6}}"#));
    let (there, client) = service(&[(200, &page(&one, "f1")), (200, &page(&two, "f2"))]);
    assert!(there.holds(&destination(), &event).await.unwrap());
    assert_eq!(calls_of(&client), ["GetLogEvents"; 2]);
    let (not_there, _) = service(&[(200, &page(&one, "f1")), (200, &page("", "f1"))]);
    assert!(!not_there.holds(&destination(), &event).await.unwrap());
}

#[tokio::test]
async fn without_the_right_to_read_nothing_is_found_and_nobody_asks_again() {
    let denied = r#"{"__type":"AccessDeniedException","message":"no"}"#;
    let (service, client) = service(&[(400, denied)]);
    let event = Stored { time_ms: 5, message: "two".to_owned() };
    for _ in 0..2 {
        assert!(!service.holds(&destination(), &event).await.unwrap());
    }
    assert_eq!(client.actual_requests().count(), 1);
}

#[test]
fn answers_are_classified_by_what_can_be_done() {
    let shape = |code: &str, status| match refusal::classify(SERVICE, "PutLogEvents", status, None, code, "m")
    {
        Refusal::Missing => "missing",
        Refusal::Refused(_) => "refused",
        Refusal::Retry { lasting: true, .. } => "retry slowly",
        Refusal::Retry { .. } => "retry",
    };
    for (code, status, expected) in [
        ("ResourceNotFoundException", 400, "missing"),
        ("InvalidParameterException", 400, "refused"),
        ("ThrottlingException", 400, "retry"),
        ("ServiceUnavailableException", 503, "retry"),
        ("", 502, "retry"),
        ("ExpiredTokenException", 400, "retry"),
        ("AccessDeniedException", 400, "retry slowly"),
        ("UnrecognizedClientException", 400, "retry slowly"),
        ("SomethingNew", 400, "retry slowly"),
    ] {
        assert_eq!(shape(code, status), expected, "{code} {status}");
    }
}
