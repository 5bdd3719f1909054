//! Where reading goes on: over stops, kills, a service that hangs, and rotation behind our back.

use std::collections::{BTreeMap, BTreeSet};
use std::time::{Duration, Instant};

use harness::agent::{Agent, Options};
use harness::docker::{Collector, Dockerd, Run};
use harness::endpoint::{Endpoint, Fault, Operation};
use harness::stream::{GROUP, LIMIT, STOP, Stream, numbers};
use harness::wait;

/// Prints without end, some hundred lines a second.
const STEADY: &str = "i=0; while :; do i=$((i+1)); echo n=$i; i=$((i+1)); echo n=$i; sleep 0.003; done";

/// Two that are read from files, and one over Docker's API.
const DRIVERS: [&str; 3] = ["json-file", "local", "syslog"];

/// Waits for lines beyond those that are there.
fn await_more(stream: &Stream<'_>, agent: &mut Agent) {
    let before = stream.distinct();
    stream.await_distinct(agent, before + 50);
}

#[test]
fn stops_and_starts_lose_and_repeat_nothing() {
    let (endpoint, collector) = (Endpoint::start(), Collector::start());
    let docker = Dockerd::start_with(collector.options());
    let mut agent = Agent::start(Options::new(&endpoint).with_docker(&docker));
    let containers = DRIVERS
        .map(|name| docker.run(&Run { name, script: STEADY, log_driver: Some(name), ..Run::default() }));
    let streams = DRIVERS.map(|name| endpoint.stream(GROUP, &format!("/{name}/")));
    for _ in 0..10 {
        for stream in &streams {
            await_more(stream, &mut agent);
        }
        agent.stop(STOP);
        agent.start_again();
    }
    for (container, stream) in containers.iter().zip(&streams) {
        container.kill();
        let last = container.logs().lines().count() as u64;
        stream.await_distinct(&mut agent, last);
        stream.assert_each_once(last);
    }
    agent.stop(STOP);
    for (container, stream) in containers.iter().zip(&streams) {
        stream.assert_each_once(container.logs().lines().count() as u64);
    }
    endpoint.assert_no_breach();
}

#[test]
fn a_stop_does_not_wait_for_a_service_that_hangs() {
    let (endpoint, docker) = (Endpoint::start(), Dockerd::start());
    let mut agent = Agent::start(Options::new(&endpoint).with_docker(&docker));
    let container = docker.run_script("steady", STEADY);
    let steady = endpoint.stream(GROUP, "/steady/");
    steady.await_distinct(&mut agent, 100);
    for operation in [Some(Operation::PutLogEvents), None] {
        let calls = endpoint.calls(Operation::PutLogEvents);
        endpoint.inject(operation, Fault::Hang, None);
        agent.wait_until(LIMIT, "a call that hangs", || endpoint.calls(Operation::PutLogEvents) > calls);
        let asked = Instant::now();
        agent.stop(STOP);
        assert!(asked.elapsed() <= STOP, "{:?}", asked.elapsed());
        let kept = std::fs::read_dir(agent.spool()).unwrap().flatten();
        assert!(kept.filter(|file| file.file_name() != "lock").count() > 2, "nothing waits in the spool");
        endpoint.clear_faults();
        agent.start_again();
        await_more(&steady, &mut agent);
    }
    container.kill();
    let last = container.logs().lines().count() as u64;
    steady.await_distinct(&mut agent, last);
    agent.stop(STOP);
    steady.assert_each_shown_once(last);
}

#[test]
fn a_kill_loses_nothing_and_repeats_nothing() {
    let (endpoint, collector) = (Endpoint::start(), Collector::start());
    let docker = Dockerd::start_with(collector.options());
    let mut agent = Agent::start(Options::new(&endpoint).with_docker(&docker));
    let containers = DRIVERS
        .map(|name| docker.run(&Run { name, script: STEADY, log_driver: Some(name), ..Run::default() }));
    let streams = DRIVERS.map(|name| endpoint.stream(GROUP, &format!("/{name}/")));
    kill_again_and_again(&endpoint, &mut agent, &streams);
    for (container, stream) in containers.iter().zip(&streams) {
        container.kill();
        let last = container.logs().lines().count() as u64;
        stream.await_distinct(&mut agent, last);
        stream.assert_each_shown_once(last);
    }
    agent.stop(STOP);
    assert!(endpoint.calls(Operation::GetLogEvents) > 0, "nothing was ever in doubt");
    endpoint.assert_no_breach();
}

#[test]
fn where_streams_may_not_be_read_a_kill_repeats_what_was_in_flight_at_most() {
    let (endpoint, docker) = (Endpoint::start(), Dockerd::start());
    endpoint.inject(Operation::GetLogEvents, Fault::AccessDenied, None);
    let mut agent = Agent::start(Options::new(&endpoint).with_docker(&docker));
    let container = docker.run_script("steady", STEADY);
    let steady = endpoint.stream(GROUP, "/steady/");
    let kills = kill_again_and_again(&endpoint, &mut agent, std::slice::from_ref(&steady));
    container.kill();
    let last = container.logs().lines().count() as u64;
    steady.await_distinct(&mut agent, last);
    agent.stop(STOP);
    let events = steady.events();
    let mut calls: BTreeMap<u64, BTreeSet<_>> = BTreeMap::new();
    for (event, number) in events.iter().zip(numbers(&steady.messages())) {
        calls.entry(number).or_default().insert(event.arrived);
    }
    assert_eq!(calls.len() as u64, last, "lost");
    let repeated: BTreeSet<_> = calls.values().filter(|calls| calls.len() > 1).collect();
    assert!(!repeated.is_empty(), "a kill during a call repeats it, or this test shows nothing");
    // Whatever came twice came with all the others of its call.
    assert!(repeated.len() <= kills, "{repeated:?}");
    assert!(agent.log().contains("may not read its streams back"), "{}", agent.log());
}

/// Gives how often.
fn kill_again_and_again(endpoint: &Endpoint, agent: &mut Agent, streams: &[Stream<'_>]) -> usize {
    const KILLS: usize = 6;
    for round in 0..KILLS {
        for stream in streams {
            await_more(stream, agent);
        }
        if round % 2 == 0 {
            // The agent dies while it waits for word of a batch that has arrived.
            let events = endpoint.totals().events;
            endpoint.inject(Operation::PutLogEvents, Fault::SlowAnswer { ms: 400 }, 1);
            agent.wait_until(LIMIT, "a call that is answered late", || endpoint.totals().events > events);
        }
        agent.kill9();
        agent.start_again();
    }
    KILLS
}

/// Docker hands a long line on in pieces; a stop between two of them must not make two lines of it.
#[test]
fn a_line_that_is_under_way_at_a_stop_arrives_in_one() {
    let (endpoint, collector) = (Endpoint::start(), Collector::start());
    let docker = Dockerd::start_with(collector.options());
    let mut agent = Agent::start(Options::new(&endpoint).with_docker(&docker));
    let script = "awk 'BEGIN { while (i++ < 20000) printf \"x\" }'; \
                  while [ ! -e /tmp/go ]; do sleep 0.05; done; echo rest; echo n=2";
    let containers =
        DRIVERS.map(|name| docker.run(&Run { name, script, log_driver: Some(name), ..Run::default() }));
    for container in &containers {
        wait::until(LIMIT, "the first piece in Docker's log", || container.logs().len() >= 16_384);
        container.exec("echo n=1 >/proc/1/fd/2");
        endpoint.stream(GROUP, container.short_id()).await_distinct(&mut agent, 1);
    }
    agent.stop(STOP);
    agent.start_again();
    let line = format!("{}rest", "x".repeat(20_000));
    for container in &containers {
        container.exec("echo >/tmp/go");
        let stream = endpoint.stream(GROUP, container.short_id());
        stream.await_distinct(&mut agent, 2);
        let lengths: Vec<_> = stream.messages().iter().map(String::len).collect();
        assert!(stream.messages() == ["n=1", line.as_str(), "n=2"], "{lengths:?}");
    }
    agent.stop(STOP);
}

#[test]
fn rotation_while_nobody_looks_loses_nothing() {
    let (endpoint, docker) = (Endpoint::start(), Dockerd::start());
    let mut agent = Agent::start(Options::new(&endpoint).with_docker(&docker));
    let count = |from: u64, to: u64| {
        format!("awk 'BEGIN {{ for (i = {from}; i <= {to}; i++) printf \"n=%d %080d\\n\", i, 0 }}';")
    };
    let wait = "while [ ! -e /tmp/go ]; do sleep 0.05; done;";
    let script = [&count(1, 9_000), wait, &count(9_001, 30_000)].concat();
    let cases: [(&str, &str, &[&str]); 3] = [
        ("plain", "json-file", &["max-size=1m", "max-file=8"]),
        ("compressed", "json-file", &["max-size=1m", "max-file=8", "compress=true"]),
        ("local", "local", &["max-size=1m", "max-file=8"]),
    ];
    let containers = cases.map(|(name, driver, log_options)| {
        docker.run(&Run { name, script: &script, log_driver: Some(driver), log_options, ..Run::default() })
    });
    for container in &containers {
        endpoint.stream(GROUP, container.short_id()).await_distinct(&mut agent, 9_000);
    }
    agent.stop(STOP);
    for container in &containers {
        container.exec("echo >/tmp/go");
        container.wait_exit(LIMIT);
    }
    // Every rotated file but the newest is compressed by now, the one where reading stopped too.
    let local = docker.containers().join(containers[2].id()).join("local-logs/container.log");
    for (log, number) in [(containers[1].log_path(), 3), (local, 2)] {
        let (gz, plain) = (format!("log.{number}.gz"), format!("log.{number}"));
        let packed = || log.with_extension(&gz).exists() && !log.with_extension(&plain).exists();
        wait::until(LIMIT, "compressed files", packed);
    }
    agent.start_again();
    for container in &containers {
        endpoint.stream(GROUP, container.short_id()).await_distinct(&mut agent, 30_000);
    }
    agent.stop(Duration::from_secs(3));
    for container in &containers {
        endpoint.stream(GROUP, container.short_id()).assert_each_once(30_000);
    }
    assert!(!agent.log().contains("rotated away"), "{}", agent.log());
    endpoint.assert_no_breach();
}
