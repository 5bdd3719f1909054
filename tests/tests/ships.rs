//! The whole way, at its plainest: a container prints, the agent ships, the service has it.

use std::time::Duration;

use harness::agent::{Agent, Options};
use harness::docker::{Dockerd, Run};
use harness::emulator::Emulator;
use harness::endpoint::Endpoint;

const GROUP: &str = "/starttech/backend";
const LIMIT: Duration = Duration::from_secs(30);
/// The unit's `TimeoutStopSec` is far away: a stop hands the last batches to the spool and ends.
const STOP: Duration = Duration::from_secs(5);

const NUMBERED: &str = "for i in $(seq 1 200); do echo n=$i; done";

#[test]
fn every_line_of_a_container_arrives_once_and_in_order() {
    let (endpoint, docker) = (Endpoint::start(), Dockerd::start());
    let mut agent = Agent::start(Options::new(&endpoint).with_docker(&docker));
    let container = docker.run(&Run { name: "web", script: NUMBERED, ..Run::default() });
    let stream = || endpoint.stream_of(GROUP, container.short_id());
    let all = || stream().is_some_and(|stream| endpoint.distinct(GROUP, &stream) == 200);
    agent.wait_until(LIMIT, "200 lines", all);
    assert!(agent.rss_peak_kib() > 0 && agent.cpu_seconds() >= 0.0);
    agent.stop(STOP);
    let stream = stream().expect("it was awaited");
    assert!(stream.contains("/web/"), "{stream}");
    endpoint.assert_each_once(GROUP, &stream, 1, 200);
    endpoint.assert_no_breach();
    assert_eq!(endpoint.totals().imds_v1_attempts, 0);
}

#[test]
fn the_emulator_has_every_line_too() {
    let (emulator, docker) = (Emulator::start(), Dockerd::start());
    let mut agent = Agent::start(Options::at(&emulator.url()).with_docker(&docker));
    docker.run(&Run { name: "web", script: NUMBERED, ..Run::default() });
    let client = emulator.client();
    let messages = || {
        let stream = client.streams(GROUP).into_iter().find(|stream| stream.contains("/web/"));
        let events = stream.map(|stream| client.events(GROUP, &stream)).unwrap_or_default();
        events.into_iter().map(|(_, message)| message).collect::<Vec<_>>()
    };
    agent.wait_until(LIMIT, "200 lines", || messages().len() >= 200);
    agent.stop(STOP);
    let expected: Vec<_> = (1..=200).map(|number| format!("n={number}")).collect();
    assert_eq!(messages(), expected);
    assert_eq!(client.retention_days(GROUP), Some(14));
}

#[test]
fn on_an_instance_identity_and_credentials_come_from_the_metadata_service() {
    let (endpoint, docker) = (Endpoint::start(), Dockerd::start());
    let options = Options::new(&endpoint).with_docker(&docker).with_metadata_of(&endpoint);
    let mut agent = Agent::start(options);
    docker.run(&Run { name: "web", script: "echo n=1", ..Run::default() });
    let arrived = || endpoint.stream_of(GROUP, "i-0123456789abcdef0/web/").is_some();
    agent.wait_until(LIMIT, "a line", arrived);
    agent.stop(STOP);
    let totals = endpoint.totals();
    assert!(totals.imds_tokens > 0 && totals.imds_v1_attempts == 0, "{totals:?}");
    endpoint.assert_no_breach();
}
