//! The emulator starts, and the harness' client speaks to it as to the strict endpoint.

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
