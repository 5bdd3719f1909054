//! The agent itself is killed, or stopped in the middle of an outage.

use std::hash::{BuildHasher, RandomState};
use std::time::{Duration, Instant};

use crate::endpoint::{Fault, Operation};
use crate::faults::row::Row;
use crate::faults::scene::Scene;
use crate::stream::STOP;

pub(super) fn rows() -> Vec<Row> {
    vec![
        Row::new("kill-9", killed),
        Row::new("kill-9-denied", |scene| {
            scene.forbid_reading();
            killed(scene);
        })
        .may_repeat_what_was_in_flight(),
        Row::new("stop-in-outage", stopped_in_outage),
    ]
}

/// Killed and started again at random moments.
fn killed(scene: &mut Scene<'_>) {
    scene.steady();
    let random = RandomState::new();
    for round in 0..scene.plan.sized(8, 50) {
        let before = scene.endpoint.totals().batches;
        let endpoint = &scene.endpoint;
        scene.wait_until("lines after the start", || endpoint.totals().batches > before);
        let mut within_ms = 1_200;
        if round % 2 == 0 {
            // It is to die while it waits for word of a batch that has arrived, most of the time.
            within_ms = 400;
            let struck = endpoint.totals().faults_struck;
            endpoint.inject(Operation::PutLogEvents, Fault::SlowAnswer { ms: 300 }, 1);
            scene.wait_until("a slow call", || endpoint.totals().faults_struck > struck);
        }
        // Anywhere in the second in which batches are collected, written and sent.
        std::thread::sleep(Duration::from_millis(random.hash_one(round) % within_ms));
        scene.kill_agent();
        scene.start_agent();
    }
    scene.over();
}

/// Stopped while nobody listens: in time, and everything is on disk.
fn stopped_in_outage(scene: &mut Scene<'_>) {
    scene.steady();
    scene.endpoint.refuse();
    scene.outage();
    let asked = Instant::now();
    scene.stop_agent();
    let took = asked.elapsed();
    scene.claim(took <= STOP, &format!("the stop took {:.1} s", took.as_secs_f64()));
    scene.start_agent();
    scene.endpoint.accept();
    scene.over();
}
