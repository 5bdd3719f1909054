//! The emulator starts, and the harness' client speaks to it as to the strict endpoint.

use std::collections::BTreeMap;

use harness::client::Span;
use harness::emulator::Emulator;
use jiff::Timestamp;
use serde_json::json;

#[test]
fn the_emulator_keeps_what_is_put() {
    let emulator = Emulator::start();
    let client = emulator.client();
    let (group, stream) = ("/harness/group", "a/stream");
    let now = Timestamp::now().as_millisecond();
    let events = json!([{ "timestamp": now, "message": "one" }, { "timestamp": now + 1, "message": "two" }]);
    for (operation, request) in [
        ("CreateLogGroup", json!({ "logGroupName": group })),
        ("PutRetentionPolicy", json!({ "logGroupName": group, "retentionInDays": 14 })),
        ("CreateLogStream", json!({ "logGroupName": group, "logStreamName": stream })),
        ("PutLogEvents", json!({ "logGroupName": group, "logStreamName": stream, "logEvents": events })),
    ] {
        let answer = client.call(operation, &request).unwrap();
        assert_eq!(answer.status, 200, "{operation}: {}", answer.text());
    }
    assert_eq!(client.streams(group), [stream]);
    assert_eq!(client.retention_days(group), Some(14));
    assert_eq!(client.events(group, stream), [(now, "one".to_owned()), (now + 1, "two".to_owned())]);
}

#[test]
fn the_emulator_keeps_metrics() {
    let emulator = Emulator::start();
    let client = emulator.client();
    let dimensions = json!([{ "Name": "InstanceId", "Value": "i-0" }]);
    let datum = json!({ "MetricName": "response_time", "Dimensions": dimensions, "Values": [0.5, 4.0],
        "Counts": [3.0, 1.0], "Unit": "Seconds" });
    let answer = client.put_metrics(&json!({ "Namespace": "Harness", "MetricData": [datum] }), &[]).unwrap();
    assert_eq!(answer.status, 200, "{}", answer.text());
    let own = BTreeMap::from([("InstanceId".to_owned(), "i-0".to_owned())]);
    assert_eq!(client.list_metrics("Harness"), [("response_time".to_owned(), own)]);
    let now_s = Timestamp::now().as_second();
    let mut span = Span {
        namespace: "Harness",
        name: "response_time",
        dimensions: &[("InstanceId", "i-0")],
        start_s: now_s - 300,
        end_s: now_s + 300,
        period_s: 600,
    };
    let points = client.metric_statistics(&span, &["SampleCount", "Sum", "Minimum", "Maximum"]);
    let expected = [("SampleCount", 4.0), ("Sum", 5.5), ("Minimum", 0.5), ("Maximum", 4.0)];
    assert_eq!(points.len(), 1, "{points:?}");
    assert_eq!(points[0].statistics, expected.map(|(name, value)| (name.to_owned(), value)).into());
    assert_eq!(points[0].unit, "Seconds");
    span.dimensions = &[];
    assert_eq!(client.metric_statistics(&span, &["Sum"]), [], "another metric");
}
