//! What is published arrives.

use harness::emulator::Emulator;
use harness::role::Role;
use harness::subscriber::Subscriber;
use serde_json::{Value, json};
use starttech_agent::provision::Actual;

use crate::fixture::*;

#[tokio::test]
async fn a_confirmed_subscriber_gets_what_is_published_and_what_alarms_say() {
    let emulator = Emulator::start();
    let role = Role::start(emulator.address());
    let account = account(&role.url()).await;
    let subscriber = Subscriber::start(emulator.address());
    let alarm = |message: &Value| {
        serde_json::from_str::<Value>(message["Message"].as_str().unwrap_or_default()).unwrap_or_default()
    };
    let wanted = [topic(EU), subscription(EU, "http", &subscriber.url()), everything().remove(6)];
    let words = put_all(&account, &wanted[..2], &Actual::default()).await;
    assert_eq!(
        words,
        ["it must confirm the message that SNS has sent to it"],
        "without the URL, which may be a key"
    );
    // It confirms by itself: a message comes once it has.
    let mut id = None;
    for _ in 0..200 {
        let actual = read(&account).await;
        id = of(&actual, &wanted[1]).unwrap().id.clone().filter(|id| id.starts_with("arn:aws:sns:"));
        if id.is_some() {
            break;
        }
        tokio::time::sleep(std::time::Duration::from_millis(50)).await;
    }
    assert!(id.is_some(), "the subscription has an ARN once it is confirmed");

    put_all(&account, &wanted[2..], &Actual::default()).await;
    // It looks at an alarm when it was made: what is set by hand after that stays.
    subscriber.until(LIMIT, "the first look", |message| alarm(message)["NewStateValue"] == "OK");

    account.publish(&topic_arn(EU), "A test", "It arrives.").await.unwrap();
    let test = subscriber.until(LIMIT, "the test", |message| message["Subject"] == "A test");
    assert_eq!(test.body["Message"], "It arrives.");

    let state = json!({ "AlarmName": "starttech-cpu", "StateValue": "ALARM", "StateReason": "a drill" });
    emulator.client().cloudwatch("SetAlarmState", &state);
    let rings = subscriber.until(LIMIT, "the alarm", |message| alarm(message)["NewStateValue"] == "ALARM");
    let rings = alarm(&rings.body);
    assert_eq!((&rings["AlarmName"], &rings["NewStateReason"]), (&json!("starttech-cpu"), &json!("a drill")));
    let actual = read(&account).await;
    let state = of(&actual, &wanted[2]).unwrap().state.clone().unwrap();
    assert_eq!((state.value.as_str(), state.reason.as_str()), ("ALARM", "a drill"));
    assert!(state.since_ms > 1_700_000_000_000, "{state:?}");
}
