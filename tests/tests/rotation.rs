//! Logs that rotate as fast as Docker can, and what else befalls a log file.

use std::hint::spin_loop;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;
use std::time::{Duration, Instant};

use harness::agent::{Agent, Options};
use harness::docker::{Dockerd, Run};
use harness::endpoint::{Endpoint, Options as EndpointOptions, Summary};
use harness::stream::{GROUP, LIMIT, STOP};

/// Some sixty rotations at a megabyte, each of them within milliseconds.
const LINES: u64 = 300_000;

/// How many bursts in a row: 3, or what `STARTTECH_ROTATION_RUNS` says.
fn runs() -> u32 {
    std::env::var("STARTTECH_ROTATION_RUNS").ok().and_then(|runs| runs.parse().ok()).unwrap_or(3)
}

/// Runs bursts one after the other and gives how each arrived.
fn bursts(log_options: &[&str]) -> Vec<Summary> {
    let endpoint = Endpoint::start_with(EndpointOptions { counts_only: true, ..EndpointOptions::default() });
    let docker = Dockerd::start();
    let mut agent = Agent::start(Options::new(&endpoint).with_docker(&docker));
    let script = format!(
        "while [ ! -e /tmp/go ]; do sleep 0.05; done; echo n=1; \
         awk 'BEGIN {{ for (i = 2; i <= {LINES}; i++) printf \"n=%d %090d\\n\", i, 0 }}'"
    );
    let mut arrived = Vec::new();
    for run in 1..=runs() {
        let name = format!("burst-{run}");
        let container = docker.run(&Run { name: &name, script: &script, log_options, ..Run::default() });
        let stream = endpoint.stream(GROUP, container.short_id());
        let followed = format!("following container {name}");
        let log = agent.directory().join("log");
        let said = || std::fs::read_to_string(&log).unwrap_or_default().contains(&followed);
        agent.wait_until(LIMIT, &followed, said);
        let begin = Instant::now();
        container.exec("echo >/tmp/go");
        container.wait_exit(LIMIT);
        let printed = begin.elapsed();
        // Whatever was not read yet is read from what the agent holds open.
        container.rm();
        // It stands still when everything has arrived, or when the rest is lost.
        let (mut distinct, mut since) = (0, Instant::now());
        agent.wait_until(LIMIT, "the burst", || {
            let now = stream.distinct();
            if now != distinct {
                (distinct, since) = (now, Instant::now());
            }
            now == LINES || since.elapsed() > Duration::from_secs(5)
        });
        let name = stream.name().expect("the burst arrives");
        let summary = endpoint.summary(GROUP, &name).expect("the burst arrived");
        eprintln!(
            "run {run}: printed in {printed:.1?}, {summary:?} {:?}",
            endpoint.missing(GROUP, &name, 1, LINES)
        );
        arrived.push(summary);
    }
    agent.stop(STOP);
    endpoint.assert_no_breach();
    arrived
}

fn assert_whole(arrived: &[Summary]) {
    let broken: Vec<_> = arrived
        .iter()
        .enumerate()
        .filter(|(_, run)| (run.distinct, run.repeated, run.disordered) != (LINES, 0, 0))
        .collect();
    assert!(broken.is_empty(), "{} of {} runs: {broken:#?}", broken.len(), arrived.len());
}

#[test]
fn the_fastest_rotation_loses_and_repeats_nothing() {
    assert_whole(&bursts(&["max-size=1m", "max-file=3"]));
}

#[test]
fn neither_does_it_while_every_core_is_busy() {
    let stop = AtomicBool::new(false);
    let begin = Instant::now();
    let most = Duration::from_mins(1) * runs();
    let arrived = thread::scope(|scope| {
        for _ in 0..2 {
            scope.spawn(|| {
                while !stop.load(Ordering::Relaxed) && begin.elapsed() < most {
                    spin_loop();
                }
            });
        }
        let arrived = thread::scope(|inner| inner.spawn(|| bursts(&["max-size=1m", "max-file=3"])).join());
        stop.store(true, Ordering::Relaxed);
        arrived
    });
    assert_whole(&arrived.unwrap_or_else(|panic| std::panic::resume_unwind(panic)));
}
