//! The strict endpoint over the wire: what it keeps, what it refuses, and its faults.

use std::io::Write;
use std::time::{Duration, Instant};

use flate2::Compression;
use flate2::write::GzEncoder;
use harness::client::Client;
use harness::endpoint::{Behaviour, Endpoint, Fault, Operation, Options};
use harness::http;
use jiff::Timestamp;
use serde_json::{Value, json};

const GROUP: &str = "/starttech/backend";
const STREAM: &str = "i-0/web/0123456789ab";

fn now() -> i64 {
    Timestamp::now().as_millisecond()
}

fn ready() -> (Endpoint, Client) {
    ready_with(Options::default())
}

fn ready_with(options: Options) -> (Endpoint, Client) {
    let endpoint = Endpoint::start_with(options);
    let client = Client::new(endpoint.address());
    for (operation, request) in [
        ("CreateLogGroup", json!({ "logGroupName": GROUP, "tags": { "team": "platform" } })),
        ("CreateLogStream", json!({ "logGroupName": GROUP, "logStreamName": STREAM })),
    ] {
        assert_eq!(client.call(operation, &request).unwrap().status, 200);
    }
    (endpoint, client)
}

fn put(events: &[(i64, &str)]) -> Value {
    let events: Vec<_> = events
        .iter()
        .map(|(timestamp, message)| json!({ "timestamp": timestamp, "message": message }))
        .collect();
    json!({ "logGroupName": GROUP, "logStreamName": STREAM, "logEvents": events })
}

fn code(client: &Client, operation: &str, request: &Value) -> String {
    let answer = client.call(operation, request).unwrap();
    answer.json()["__type"].as_str().unwrap_or("none").to_owned()
}

#[test]
fn what_is_put_is_kept_and_can_be_read_back() {
    let (endpoint, client) = ready();
    let now = now();
    let request = put(&[(now, "n=1 first"), (now, "n=2 \"quoted\" \u{1b}[0m ü"), (now + 1, "n=3")]);
    let answer = client.call("PutLogEvents", &request).unwrap();
    assert_eq!(answer.status, 200, "{}", answer.text());
    assert!(answer.header("date").is_some());
    assert_eq!(endpoint.messages(GROUP, STREAM), ["n=1 first", "n=2 \"quoted\" \u{1b}[0m ü", "n=3"]);
    assert_eq!(client.events(GROUP, STREAM).len(), 3);
    assert_eq!(client.streams(GROUP), [STREAM]);
    assert_eq!(endpoint.tags(GROUP)["team"], "platform");
    endpoint.assert_each_once(GROUP, STREAM, 1, 3);
    endpoint.assert_no_breach();
}

#[test]
fn a_body_may_be_compressed() {
    let (endpoint, client) = ready();
    let mut encoder = GzEncoder::new(Vec::new(), Compression::fast());
    encoder.write_all(put(&[(now(), "packed")]).to_string().as_bytes()).unwrap();
    let body = encoder.finish().unwrap();
    let answer = client.send("PutLogEvents", &body, &[("content-encoding", "gzip")]).unwrap();
    assert_eq!(answer.status, 200, "{}", answer.text());
    assert_eq!(endpoint.messages(GROUP, STREAM), ["packed"]);
}

#[test]
fn groups_and_streams_must_exist_and_only_once() {
    let endpoint = Endpoint::start();
    let client = Client::new(endpoint.address());
    let answer = client.call("PutLogEvents", &put(&[(now(), "x")])).unwrap();
    assert_eq!(answer.status, 400);
    assert_eq!(answer.json()["__type"], "ResourceNotFoundException");
    assert_eq!(answer.json()["message"], "The specified log group does not exist.");
    endpoint.create_group(GROUP);
    let answer = client.call("PutLogEvents", &put(&[(now(), "x")])).unwrap();
    assert_eq!(answer.json()["message"], "The specified log stream does not exist.");
    let again = json!({ "logGroupName": GROUP });
    assert_eq!(code(&client, "CreateLogGroup", &again), "ResourceAlreadyExistsException");
    endpoint.assert_no_breach();
}

#[test]
fn a_deleted_stream_takes_nothing_and_loses_nothing() {
    let (endpoint, client) = ready();
    client.call("PutLogEvents", &put(&[(now(), "n=1")])).unwrap();
    endpoint.delete_stream(GROUP, STREAM);
    let request = put(&[(now(), "n=2")]);
    assert_eq!(code(&client, "PutLogEvents", &request), "ResourceNotFoundException");
    client.call("CreateLogStream", &json!({ "logGroupName": GROUP, "logStreamName": STREAM })).unwrap();
    client.call("PutLogEvents", &request).unwrap();
    endpoint.assert_each_once(GROUP, STREAM, 1, 2);
    assert_eq!(client.events(GROUP, STREAM).len(), 1, "the service forgot the first life");
}

#[test]
fn retention_has_its_set_of_days() {
    let (endpoint, client) = ready();
    let request = |days: u32| json!({ "logGroupName": GROUP, "retentionInDays": days });
    assert_eq!(code(&client, "PutRetentionPolicy", &request(15)), "InvalidParameterException");
    assert_eq!(client.call("PutRetentionPolicy", &request(14)).unwrap().status, 200);
    assert_eq!(endpoint.retention_days(GROUP), Some(14));
    assert_eq!(client.retention_days(GROUP), Some(14));
}

#[test]
fn a_breach_is_remembered() {
    let (endpoint, client) = ready();
    assert_eq!(code(&client, "PutLogEvents", &put(&[(now(), "")])), "InvalidParameterException");
    assert_eq!(code(&client, "NoSuchThing", &json!({})), "UnknownOperationException");
    let answer = client.send("PutLogEvents", b"{\"logEvents\":", &[]).unwrap();
    assert_eq!(answer.json()["__type"], "SerializationException");
    let broken = br#"{"logEvents":[{"timestamp":1,"message":"\ud800"}]}"#;
    assert_eq!(client.send("PutLogEvents", broken, &[]).unwrap().status, 400);
    let codes: Vec<_> = endpoint.breaches().into_iter().map(|breach| breach.code).collect();
    assert_eq!(codes.len(), 4, "{codes:?}");
}

#[test]
fn the_clock_can_be_moved() {
    let (endpoint, client) = ready();
    endpoint.set_clock_offset_ms(301_000);
    assert_eq!(code(&client, "PutLogEvents", &put(&[(now(), "x")])), "InvalidSignatureException");
    endpoint.set_clock_offset_ms(-200_000);
    assert_eq!(client.call("PutLogEvents", &put(&[(now(), "x")])).unwrap().status, 200);
}

#[test]
fn rejected_events_are_told_by_their_indices() {
    let (endpoint, client) = ready();
    let old = now() - 14 * 24 * 3_600_000 - 60_000;
    let answer =
        client.call("PutLogEvents", &put(&[(old, "a"), (old + 1, "b"), (old + 120_000, "c")])).unwrap();
    assert_eq!(answer.json()["rejectedLogEventsInfo"], json!({ "tooOldLogEventEndIndex": 2 }));
    assert_eq!(endpoint.messages(GROUP, STREAM), ["c"]);
    endpoint.inject(Operation::PutLogEvents, Fault::RejectNewest { events: 1 }, 1);
    let answer = client.call("PutLogEvents", &put(&[(now(), "d"), (now(), "e")])).unwrap();
    assert_eq!(answer.json()["rejectedLogEventsInfo"], json!({ "tooNewLogEventStartIndex": 1 }));
    endpoint.inject(Operation::PutLogEvents, Fault::RejectExpired { events: 1 }, 1);
    let answer = client.call("PutLogEvents", &put(&[(now(), "f"), (now(), "g")])).unwrap();
    assert_eq!(answer.json()["rejectedLogEventsInfo"], json!({ "expiredLogEventEndIndex": 1 }));
    assert_eq!(endpoint.totals().rejected_events, 4);
    assert_eq!(endpoint.messages(GROUP, STREAM), ["c", "d", "g"]);
}

#[test]
fn one_word_makes_a_call_unacceptable() {
    let (endpoint, client) = ready();
    let fault = Fault::RefuseContaining { word: String::from("bad") };
    endpoint.inject(Operation::PutLogEvents, fault, None);
    let refused = put(&[(now(), "n=1"), (now(), "a bad n=2")]);
    assert_eq!(code(&client, "PutLogEvents", &refused), "InvalidParameterException");
    assert_eq!(client.call("PutLogEvents", &put(&[(now(), "n=3")])).unwrap().status, 200);
    assert_eq!(endpoint.messages(GROUP, STREAM), ["n=3"]);
    endpoint.assert_no_breach();
    assert_eq!(code(&client, "PutLogEvents", &put(&[])), "InvalidParameterException");
    assert_eq!(endpoint.breaches().len(), 1, "what the fault did not do is the client's");
}

#[test]
fn an_answer_that_is_swallowed_never_comes() {
    let (endpoint, client) = ready();
    endpoint.inject(Operation::PutLogEvents, Fault::Swallow, None);
    let waiting = std::thread::spawn(move || client.call("PutLogEvents", &put(&[(now(), "x")])));
    harness::wait::until(Duration::from_secs(5), "the call to hang", || endpoint.totals().faults_struck == 1);
    endpoint.clear_faults();
    assert_eq!(client.call("PutLogEvents", &put(&[(now(), "y")])).unwrap().status, 200);
    assert!(!waiting.is_finished());
    endpoint.refuse();
    waiting.join().unwrap().unwrap_err();
    assert_eq!(endpoint.messages(GROUP, STREAM), ["y"]);
}

#[test]
fn faults_strike_and_pass() {
    let (endpoint, client) = ready();
    let request = put(&[(now(), "x")]);
    for (fault, status, expected) in [
        (Fault::Unavailable, 503, "ServiceUnavailableException"),
        (Fault::Internal, 500, "InternalFailure"),
        (Fault::Throttle { retry_after_s: Some(2) }, 400, "ThrottlingException"),
        (Fault::AccessDenied, 400, "AccessDeniedException"),
        (Fault::ExpiredToken, 400, "ExpiredTokenException"),
        (Fault::InvalidParameter, 400, "InvalidParameterException"),
        (Fault::NotFound, 400, "ResourceNotFoundException"),
    ] {
        endpoint.inject(Operation::PutLogEvents, fault.clone(), 1);
        let answer = client.call("PutLogEvents", &request).unwrap();
        assert_eq!((answer.status, answer.json()["__type"].as_str()), (status, Some(expected)), "{fault:?}");
        assert_eq!(
            answer.header("retry-after").is_some(),
            fault == Fault::Throttle { retry_after_s: Some(2) }
        );
        assert_eq!(client.call("PutLogEvents", &request).unwrap().status, 200, "once only");
    }
    assert_eq!(endpoint.totals().faults_struck, 7);
    endpoint.assert_no_breach();
}

#[test]
fn an_answer_can_be_lost_with_or_without_the_events() {
    let (endpoint, client) = ready();
    endpoint.inject(Operation::PutLogEvents, Fault::StoreThenDrop, 1);
    client.call("PutLogEvents", &put(&[(now(), "n=1")])).unwrap_err();
    assert_eq!(endpoint.messages(GROUP, STREAM), ["n=1"]);
    endpoint.inject(Operation::PutLogEvents, Fault::Reset, 1);
    let error = client.call("PutLogEvents", &put(&[(now(), "n=2")])).unwrap_err();
    assert_eq!(error.kind(), std::io::ErrorKind::ConnectionReset, "{error}");
    assert_eq!(endpoint.messages(GROUP, STREAM), ["n=1"]);
}

#[test]
fn an_answer_can_be_slow_or_never_come() {
    let (endpoint, client) = ready();
    endpoint.inject(Operation::PutLogEvents, Fault::Slow { ms: 150 }, 1);
    let start = Instant::now();
    assert_eq!(client.call("PutLogEvents", &put(&[(now(), "x")])).unwrap().status, 200);
    assert!(start.elapsed() >= Duration::from_millis(150));
    endpoint.inject(Operation::PutLogEvents, Fault::SlowAnswer { ms: 60_000 }, 1);
    let waiting = std::thread::spawn(move || client.call("PutLogEvents", &put(&[(now(), "y")])));
    harness::wait::until(Duration::from_secs(5), "the event", || {
        endpoint.messages(GROUP, STREAM) == ["x", "y"]
    });
    assert!(!waiting.is_finished());
    endpoint.inject(None, Fault::Hang, None);
    let waiting = std::thread::spawn(move || client.call("PutLogEvents", &put(&[(now(), "x")])));
    harness::wait::until(Duration::from_secs(5), "the call to hang", || endpoint.totals().faults_struck == 3);
    assert!(!waiting.is_finished());
    endpoint.clear_faults();
    waiting.join().unwrap().unwrap_err();
}

#[test]
fn connections_can_be_refused_and_taken_again() {
    let (endpoint, client) = ready();
    endpoint.refuse();
    let error = client.call("PutLogEvents", &put(&[(now(), "x")])).unwrap_err();
    assert_eq!(error.kind(), std::io::ErrorKind::ConnectionRefused);
    endpoint.accept();
    assert_eq!(client.call("PutLogEvents", &put(&[(now(), "x")])).unwrap().status, 200);
}

#[test]
fn lines_can_be_counted_without_being_kept() {
    let (endpoint, client) = ready_with(Options { counts_only: true, ..Options::default() });
    let stamp = Timestamp::now().as_nanosecond();
    let lines = [format!("n=1 t={stamp}"), "n=2".into(), "n=2".into(), "n=5".into()];
    let events: Vec<_> = lines.iter().map(|line| (now(), line.as_str())).collect();
    client.call("PutLogEvents", &put(&events)).unwrap();
    assert!(endpoint.events(GROUP, STREAM).is_empty());
    let summary = endpoint.summary(GROUP, STREAM).unwrap();
    assert_eq!((summary.lines, summary.distinct, summary.repeated, summary.lost), (4, 3, 1, 2));
    assert!(summary.latency.count == 1 && summary.latency.max_ms < 60_000.0, "{summary:?}");
    let counts = http::send(endpoint.address(), "GET", "/_counts", &[], &[]).unwrap().json();
    assert_eq!(counts["streams"][GROUP][STREAM]["lost"], 2);
    assert_eq!(counts["totals"]["events"], 4);
    assert_eq!(code(&client, "GetLogEvents", &json!({})), "AccessDeniedException");
}

#[test]
fn faults_can_be_ordered_over_the_wire() {
    let (endpoint, client) = ready();
    let order = |body: &str| {
        let answer = http::send(endpoint.address(), "POST", "/_faults", &[], body.as_bytes()).unwrap();
        answer.status
    };
    assert_eq!(order(r#"{"operation":"PutLogEvents","fault":"unavailable","times":1}"#), 200);
    assert_eq!(client.call("PutLogEvents", &put(&[(now(), "x")])).unwrap().status, 503);
    assert_eq!(order(r#"{"fault":"nonsense"}"#), 400);
    assert_eq!(order(r#"{"fault":"refuse","ms":100}"#), 200);
    harness::wait::until(Duration::from_secs(5), "the port to come back", || {
        client.call("PutLogEvents", &put(&[(now(), "x")])).is_ok_and(|answer| answer.status == 200)
    });
}

#[test]
fn the_metadata_service_wants_its_token() {
    let endpoint = Endpoint::start();
    let ask = |method: &str, path: &str, headers: &[(&str, &str)]| {
        http::send(endpoint.address(), method, path, headers, &[])
    };
    let path = "/latest/meta-data/instance-id";
    assert_eq!(ask("GET", path, &[]).unwrap().status, 401);
    assert_eq!(endpoint.totals().imds_v1_attempts, 1);
    let ttl = ("x-aws-ec2-metadata-token-ttl-seconds", "21600");
    let token = ask("PUT", "/latest/api/token", &[ttl]).unwrap();
    assert_eq!(token.header(ttl.0), Some(ttl.1));
    let token = token.text();
    let header = [("x-aws-ec2-metadata-token", token.as_str())];
    assert_eq!(ask("GET", path, &header).unwrap().text(), "i-0123456789abcdef0");
    endpoint.change_instance(|instance| instance.role = None);
    let roles = "/latest/meta-data/iam/security-credentials/";
    assert_eq!(ask("GET", roles, &header).unwrap().status, 404);
    endpoint.change_instance(|instance| instance.behaviour = Behaviour::Absent);
    ask("GET", path, &header).unwrap_err();
}
