//! The endpoint answers, and means no.

use std::time::Duration;

use crate::endpoint::{Behaviour, Fault, Operation};
use crate::faults::row::{LATE, Row};
use crate::faults::scene::Scene;
use crate::stream::GROUP;

/// What only an operator ends is tried again once a minute at the least.
const LASTING: Duration = Duration::from_mins(1);
/// Shorter than any window, and just longer than the SDK wants credentials to be good for.
const CREDENTIALS_LAST_MS: i64 = 14_000;
/// Calls that a rejection strikes, and events of each.
const STRUCK: (u32, usize) = (3, 5);
/// What the service cannot take.
const WORD: &str = "unacceptable";

pub(super) fn rows() -> Vec<Row> {
    let (calls, events) = STRUCK;
    let rejected = u64::from(calls) * events as u64;
    vec![
        Row::new("throttle", |scene| throttled(scene, None)),
        Row::new("retry-after", |scene| throttled(scene, Some(2))),
        Row::new("expired-token", expired_token),
        Row::new("rotated-token", rotated_token),
        Row::new("denied", denied).may_delay(LASTING + LATE),
        Row::new("group-gone", |scene| gone(scene, false)),
        Row::new("stream-gone", |scene| gone(scene, true)),
        Row::new("bad-event", bad_event).may_tell(1),
        Row::new("too-old", |scene| rejecting(scene, Fault::RejectOldest { events: STRUCK.1 }))
            .may_tell(rejected),
        Row::new("expired", |scene| rejecting(scene, Fault::RejectExpired { events: STRUCK.1 }))
            .may_tell(rejected),
        Row::new("too-new", |scene| rejecting(scene, Fault::RejectNewest { events: STRUCK.1 }))
            .may_tell(rejected),
        Row::new("answer-lost", answer_lost),
        Row::new("answer-lost-denied", |scene| {
            scene.forbid_reading();
            answer_lost(scene);
        })
        .may_repeat_what_was_in_flight(),
    ]
}

fn throttled(scene: &mut Scene<'_>, retry_after_s: Option<u32>) {
    scene.steady();
    scene.endpoint.inject(Operation::PutLogEvents, Fault::Throttle { retry_after_s }, None);
    let before = scene.endpoint.calls(Operation::PutLogEvents);
    scene.outage();
    let calls = scene.endpoint.calls(Operation::PutLogEvents) - before;
    if let Some(seconds) = retry_after_s {
        let most = scene.plan.window().as_secs() / u64::from(seconds) + 2;
        scene.claim(calls <= most, &format!("{calls} calls, {most} were allowed by retry-after"));
    }
    scene.mend();
    scene.over();
}

/// The metadata service is away until the credentials it gave are too old.
fn expired_token(scene: &mut Scene<'_>) {
    with_instance(scene);
    scene.steady();
    scene.endpoint.change_instance(|instance| instance.behaviour = Behaviour::Absent);
    let endpoint = &scene.endpoint;
    scene.wait_until("credentials that are too old", || {
        endpoint.totals().refusals.contains_key("ExpiredTokenException")
    });
    scene.outage();
    scene.endpoint.change_instance(|instance| instance.behaviour = Behaviour::Answers);
    scene.over();
}

/// Credentials are good for a short time, and the metadata service always has newer ones.
fn rotated_token(scene: &mut Scene<'_>) {
    with_instance(scene);
    scene.steady();
    let rest = Duration::from_millis(CREDENTIALS_LAST_MS.unsigned_abs());
    let before = scene.endpoint.totals().imds_tokens;
    std::thread::sleep(scene.plan.window().max(rest + rest / 2));
    let refused = scene.endpoint.totals().refusals.get("ExpiredTokenException").copied().unwrap_or(0);
    scene.claim(refused == 0, &format!("{refused} calls with credentials that were too old"));
    scene.claim(before > 0, "the credentials came from elsewhere");
    scene.over();
}

fn with_instance(scene: &mut Scene<'_>) {
    scene.endpoint.change_instance(|instance| instance.credentials_last_ms = CREDENTIALS_LAST_MS);
    let options = scene.agent.options.clone().with_metadata_of(&scene.endpoint);
    scene.agent.options = options;
}

/// The role lacks the right.
fn denied(scene: &mut Scene<'_>) {
    scene.steady();
    let before = scene.endpoint.calls(Operation::PutLogEvents);
    scene.endpoint.inject(Operation::PutLogEvents, Fault::AccessDenied, None);
    scene.outage();
    let calls = scene.endpoint.calls(Operation::PutLogEvents) - before;
    // Waits of up to 0.2, 0.4, 0.8 … seconds, half of that on average.
    let most = 12 + scene.plan.window().as_secs() / 5;
    scene.claim(calls <= most, &format!("{calls} calls without the right"));
    let said = scene.said("AccessDeniedException");
    scene.claim(said == 1, &format!("said {said} times that the right is missing"));
    let named = scene.said("logs:PutLogEvents") > 0;
    scene.claim(named, "the right that is missing was not named");
    scene.mend();
    scene.over();
}

/// Somebody deletes the group, or the stream, several times.
fn gone(scene: &mut Scene<'_>, only_stream: bool) {
    scene.steady();
    for _ in 0..3 {
        if only_stream {
            let stream = scene.endpoint.streams(GROUP).pop().expect("the container's stream");
            scene.endpoint.delete_stream(GROUP, &stream);
        } else {
            scene.endpoint.delete_group(GROUP);
        }
        let endpoint = &scene.endpoint;
        scene.wait_until("the stream, made again", || !endpoint.streams(GROUP).is_empty());
        std::thread::sleep(scene.plan.window() / 3);
    }
    scene.over();
}

/// The service refuses every call with one event in it: that one is set aside, and no other.
fn bad_event(scene: &mut Scene<'_>) {
    scene.steady();
    let fault = Fault::RefuseContaining { word: WORD.to_owned() };
    scene.endpoint.inject(Operation::PutLogEvents, fault, None);
    scene.say(0, &format!("{WORD} n=9999999"));
    scene.refused = 1;
    scene.window();
    scene.over();
    let asides = scene.said("for good");
    scene.claim(asides == 1, &format!("said {asides} times that something is refused for good"));
}

/// Some events of some calls are rejected, each for the same reason.
fn rejecting(scene: &mut Scene<'_>, fault: Fault) {
    let (calls, events) = STRUCK;
    scene.steady();
    scene.endpoint.inject(Operation::PutLogEvents, fault, calls);
    scene.window();
    scene.over();
    let rejected = scene.endpoint.totals().rejected_events;
    let expected = u64::from(calls) * events as u64;
    scene.claim(rejected == expected, &format!("{rejected} rejected, {expected} meant"));
    let said = scene.said("CloudWatch Logs rejected");
    scene.claim(said == 1, &format!("said {said} times that events were rejected"));
}

/// A batch is stored and the answer is lost, several times.
fn answer_lost(scene: &mut Scene<'_>) {
    scene.steady();
    for _ in 0..scene.plan.sized(3, 10) {
        let struck = scene.endpoint.totals().faults_struck;
        scene.endpoint.inject(Operation::PutLogEvents, Fault::StoreThenDrop, 1);
        let endpoint = &scene.endpoint;
        scene.wait_until("a call without an answer", || endpoint.totals().faults_struck > struck);
        let batches = endpoint.totals().batches;
        scene.wait_until("calls that go on", || endpoint.totals().batches > batches);
        scene.may_be_repeated(1);
    }
    scene.over();
}
