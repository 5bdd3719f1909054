//! Which host this is, where the metadata service is slow, absent or merely slow to say no.

use std::time::Instant;

use harness::agent::{Agent, Options};
use harness::docker::{Dockerd, IDLE};
use harness::endpoint::{Behaviour, Endpoint};
use harness::stream::{GROUP, LIMIT, STOP};

/// With credentials of its own, and a metadata service that behaves like this.
fn options(endpoint: &Endpoint, docker: &Dockerd, behaviour: Behaviour) -> Options {
    endpoint.change_instance(|instance| instance.behaviour = behaviour);
    Options::new(endpoint)
        .with_docker(docker)
        .without_variable("AWS_EC2_METADATA_DISABLED")
        .with_variable("AWS_EC2_METADATA_SERVICE_ENDPOINT", &endpoint.url())
}

#[test]
fn without_metadata_the_host_has_its_name() {
    let docker = Dockerd::start();
    let script = format!("echo n=1; {IDLE}");
    docker.run_script("web", &script);
    let host = std::fs::read_to_string("/proc/sys/kernel/hostname").unwrap();
    for behaviour in [Behaviour::Absent, Behaviour::Slow(60_000)] {
        let endpoint = Endpoint::start();
        let mut agent = Agent::start(options(&endpoint, &docker, behaviour));
        let web = endpoint.stream(GROUP, "/web/");
        web.await_distinct(&mut agent, 1);
        let name = web.name().unwrap();
        assert!(name.starts_with(&format!("{}/web/", host.trim())), "{behaviour:?}: {name}");
        assert!(agent.log().contains("metadata service"), "{}", agent.log());
        agent.stop(STOP);
        assert_eq!(endpoint.totals().imds_v1_attempts, 0, "{behaviour:?}");
        endpoint.assert_no_breach();
    }
}

#[test]
fn a_slow_answer_is_still_an_answer() {
    let (endpoint, docker) = (Endpoint::start(), Dockerd::start());
    let mut agent = Agent::start(options(&endpoint, &docker, Behaviour::Slow(400)));
    docker.run_script("web", "echo n=1");
    let web = endpoint.stream(GROUP, "i-0123456789abcdef0/web/");
    web.await_distinct(&mut agent, 1);
    agent.stop(STOP);
    assert_eq!(endpoint.totals().imds_v1_attempts, 0);
}

/// A host that is stopped while it boots: nobody waits for the metadata service either.
#[test]
fn a_stop_does_not_wait_for_the_metadata_service() {
    let (endpoint, docker) = (Endpoint::start(), Dockerd::start());
    let mut agent = Agent::start(options(&endpoint, &docker, Behaviour::Slow(60_000)));
    agent.wait_until(LIMIT, "a question", || endpoint.totals().connections > 0);
    let asked = Instant::now();
    agent.stop(STOP);
    assert!(asked.elapsed() <= STOP, "{:?}", asked.elapsed());
    assert!(!agent.log().contains("this host is"), "it was waited for: {}", agent.log());
}
