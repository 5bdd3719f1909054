//! Clocks that differ, and events from other times.

use crate::faults::row::Row;
use crate::faults::scene::Scene;

const HOUR_MS: i64 = 3_600_000;
const HOUR: i64 = 3_600;
const DAY: i64 = 24 * HOUR;
/// Lines that are too old, and lines that are too new.
const OUTSIDE: u64 = 100;

pub(super) fn rows() -> Vec<Row> {
    vec![
        Row::new("clock-ahead", |scene| differing(scene, HOUR_MS)),
        Row::new("clock-behind", |scene| differing(scene, -HOUR_MS)),
        Row::new("old-and-new", other_times).may_tell(2 * OUTSIDE),
    ]
}

/// The endpoint's clock goes an hour before the host's, or after it, for a while: lines arrive all the same.
fn differing(scene: &mut Scene<'_>, offset_ms: i64) {
    scene.forgiven = Some("InvalidSignatureException");
    scene.steady();
    scene.endpoint.set_clock_offset_ms(offset_ms);
    scene.over();
    let before = scene.endpoint.totals().events;
    scene.window();
    let came = scene.endpoint.totals().events - before;
    scene.claim(came > 0, "nothing came while the clocks differed");
    scene.endpoint.set_clock_offset_ms(0);
    scene.over();
}

/// A log of lines that the service takes, between others that are too old or too new for it.
fn other_times(scene: &mut Scene<'_>) {
    let around = (1_000, HOUR, 60);
    scene.steady();
    let spans = [(OUTSIDE, 15 * DAY, 60), around, (OUTSIDE, -3 * HOUR, 60), around];
    scene.add_written("times", &spans);
    scene.window();
    scene.over();
    let rejected = scene.endpoint.totals().rejected_events;
    scene.claim(rejected == 2 * OUTSIDE, &format!("{rejected} events were rejected"));
    let said = scene.said("CloudWatch Logs rejected");
    scene.claim(said == 1, &format!("said {said} times that events were rejected"));
}
