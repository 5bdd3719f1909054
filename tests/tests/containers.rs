//! Which containers are followed, under which names, and what becomes of their groups: with no
//! configuration but where Docker and the service are.

use std::thread;

use harness::agent::{Agent, Options};
use harness::client::Client;
use harness::docker::{Collector, Dockerd, IDLE, Options as DockerOptions, Run};
use harness::endpoint::Endpoint;
use harness::stream::{GROUP, LIMIT, STOP};
use serde_json::json;

const FRONTEND: &str = "/starttech/frontend";

/// Counts on where the container's earlier life left off.
const COUNTS_ON: &str = "i=$(cat /tmp/n 2>/dev/null || echo 0); \
     for k in 1 2 3 4 5; do i=$((i+1)); echo n=$i; done; echo $i >/tmp/n;";

fn host_name() -> String {
    std::fs::read_to_string("/proc/sys/kernel/hostname").unwrap().trim().to_owned()
}

#[test]
fn docker_may_come_late_and_come_back() {
    let endpoint = Endpoint::start();
    let mut docker = Dockerd::prepared(DockerOptions::default());
    let mut agent = Agent::start(Options::new(&endpoint).with_docker(&docker));
    let waiting = |agent: &Agent| agent.log().matches("waiting for Docker").count();
    let log = agent.directory().join("log");
    let said = || std::fs::read_to_string(&log).unwrap_or_default().contains("waiting for Docker");
    agent.wait_until(LIMIT, "word of the missing socket", said);

    docker.start_again();
    docker.import_busybox();
    let script = format!("{COUNTS_ON}{IDLE}");
    let id = docker.run_script("late", &script).short_id().to_owned();
    let late = endpoint.stream(GROUP, &id);
    late.await_distinct(&mut agent, 5);
    assert_eq!(waiting(&agent), 1, "said once, whatever the number of attempts: {}", agent.log());

    docker.kill9();
    docker.start_again();
    // While the daemon was away nobody told of this one.
    docker.expect(["start", &id]);
    docker.run_script("second", "echo n=1");
    endpoint.stream(GROUP, "/second/").await_distinct(&mut agent, 1);
    late.await_distinct(&mut agent, 10);
    agent.stop(STOP);
    late.assert_each_once(10);
    endpoint.assert_no_breach();
}

#[test]
fn every_container_is_followed_whenever_it_began() {
    let (endpoint, docker) = (Endpoint::start(), Dockerd::start());
    let script = format!("{COUNTS_ON}{IDLE}");
    let exited = docker.run_script("exited", "echo n=1; echo n=2");
    exited.wait_exit(LIMIT);
    let running = docker.run_script("running", &script);
    // Created before, started after.
    docker.expect(["create", "--network=none", "--name=created", "busybox", "echo", "n=1"]);
    let local =
        ["--log-driver=local", "--log-opt=max-size=1m", "--log-opt=max-file=5", "--name=created-local"];
    let counts = "i=0; while [ $i -lt 40000 ]; do i=$((i+1)); echo n=$i; done";
    docker.expect([&["create", "--network=none"], &local[..], &["busybox", "sh", "-c", counts]].concat());

    let mut agent = Agent::start(Options::new(&endpoint).with_docker(&docker));
    let of = |part: &str| endpoint.stream(GROUP, part);
    of("/exited/").await_distinct(&mut agent, 2);
    of(running.short_id()).await_distinct(&mut agent, 5);

    running.restart(0);
    of(running.short_id()).await_distinct(&mut agent, 10);
    let later = docker.run_script("later", "echo n=1; echo n=2; echo n=3");
    docker.expect(["start", "created"]);
    of("/created/").await_distinct(&mut agent, 1);
    docker.expect(["start", "created-local"]);
    of("/created-local/").await_distinct(&mut agent, 40_000);
    of("/later/").await_distinct(&mut agent, 3);
    later.start();
    of("/later/").await_lines(&mut agent, 6);
    agent.stop(STOP);

    of("/exited/").assert_each_once(2);
    of("/created-local/").assert_each_once(40_000);
    of(running.short_id()).assert_each_once(10);
    assert_eq!(of("/later/").messages(), ["n=1", "n=2", "n=3"].repeat(2));
    let name = format!("{}/running/{}", host_name(), running.short_id());
    assert_eq!(of(running.short_id()).name(), Some(name));
    assert_eq!(endpoint.retention_days(GROUP), Some(14));
    endpoint.assert_no_breach();
}

#[test]
fn a_renamed_container_goes_on_in_a_stream_of_its_new_name() {
    let (endpoint, collector) = (Endpoint::start(), Collector::start());
    let docker = Dockerd::start_with(collector.options());
    let mut agent = Agent::start(Options::new(&endpoint).with_docker(&docker));
    let prints = "i=0; while :; do i=$((i+1)); echo n=$i; sleep 0.005; done";
    for driver in ["json-file", "local", "syslog"] {
        let (old, new) = (format!("old-{driver}"), format!("new-{driver}"));
        let container =
            docker.run(&Run { name: &old, script: prints, log_driver: Some(driver), ..Run::default() });
        let before = endpoint.stream(GROUP, &format!("/{old}/"));
        let after = endpoint.stream(GROUP, &format!("/{new}/"));
        before.await_distinct(&mut agent, 100);
        container.rename(&new);
        after.await_distinct(&mut agent, 100);
        container.kill();
        let printed = container.logs();
        let last = printed.lines().count() as u64;
        let what = format!("{last} lines on both streams");
        agent.wait_until(LIMIT, &what, || before.lines() + after.lines() >= last);
        let arrived = [before.messages(), after.messages()].concat();
        assert!(arrived.iter().eq(printed.lines()), "{driver}: lost, repeated or out of order");
    }
    agent.stop(STOP);
    endpoint.assert_no_breach();
}

/// Docker deletes the log together with the container, a moment after the last line.
#[test]
fn containers_that_live_for_a_moment_are_heard() {
    const EACH: usize = 5;
    let (endpoint, docker) = (Endpoint::start(), Dockerd::start());
    let mut agent = Agent::start(Options::new(&endpoint).with_docker(&docker));
    docker.run_script("first", "echo n=1");
    endpoint.stream(GROUP, "/first/").await_distinct(&mut agent, 1);
    thread::scope(|scope| {
        for row in 0..4 {
            let docker = &docker;
            scope.spawn(move || {
                for column in 0..EACH {
                    let name = format!("brief-{row}-{column}");
                    let script = "echo n=1; sleep 0.1; echo n=2; sleep 0.1; echo n=3 >&2; printf n=4";
                    let log_driver = Some(if row % 2 == 0 { "json-file" } else { "local" });
                    docker.run(&Run {
                        name: &name,
                        script,
                        log_driver,
                        arguments: &["--rm"],
                        ..Run::default()
                    });
                }
            });
        }
    });
    for row in 0..4 {
        for column in 0..EACH {
            let stream = endpoint.stream(GROUP, &format!("/brief-{row}-{column}/"));
            stream.await_distinct(&mut agent, 4);
        }
    }
    agent.stop(STOP);
    for (group, stream) in endpoint.arrived() {
        let last = if stream.contains("/first/") { 1 } else { 4 };
        // The order of two pipes is Docker's: it reads each by itself.
        let (missing, summary) =
            (endpoint.missing(&group, &stream, 1, last), endpoint.summary(&group, &stream));
        assert!(missing.is_empty(), "lost on {stream}: {missing:?}");
        assert_eq!(summary.map(|summary| (summary.lines, summary.repeated)), Some((last, 0)), "on {stream}");
    }
    endpoint.assert_no_breach();
}

#[test]
fn labels_globs_and_routes_decide_where_lines_go() {
    let (endpoint, docker) = (Endpoint::start(), Dockerd::start());
    // Somebody chose a retention for this one.
    endpoint.create_group(FRONTEND);
    let request = json!({ "logGroupName": FRONTEND, "retentionInDays": 30 });
    Client::new(endpoint.address()).call("PutRetentionPolicy", &request).unwrap();
    let script = format!("echo n=1; {IDLE}");
    docker.run(&Run { name: "silent", script: &script, labels: &["starttech.logs=false"], ..Run::default() });
    let mut agent = Agent::start(Options::new(&endpoint).with_docker(&docker));
    docker.run(&Run { name: "my-frontend-1", script: &script, ..Run::default() });
    let labels = &["starttech.logs=false", "tier=web"];
    docker.run(&Run { name: "silent-too", script: &script, labels, ..Run::default() });
    let api = docker.run(&Run { name: "api", script: &script, ..Run::default() });
    endpoint.stream(FRONTEND, "/my-frontend-1/").await_distinct(&mut agent, 1);
    endpoint.stream(GROUP, "/api/").await_distinct(&mut agent, 1);

    // Whoever deletes a group gets it back, with its retention.
    endpoint.delete_group(GROUP);
    api.say("n=2");
    endpoint.stream(GROUP, "/api/").await_distinct(&mut agent, 2);
    assert_eq!(endpoint.retention_days(GROUP), Some(14));
    let name = endpoint.stream(GROUP, "/api/").name().unwrap();
    endpoint.delete_stream(GROUP, &name);
    api.say("n=3");
    endpoint.stream(GROUP, "/api/").await_distinct(&mut agent, 3);
    agent.stop(STOP);
    endpoint.stream(GROUP, "/api/").assert_each_once(3);
    assert_eq!(endpoint.retention_days(FRONTEND), Some(30));
    let arrived = endpoint.arrived();
    assert!(!arrived.iter().any(|(_, stream)| stream.contains("silent")), "{arrived:?}");

    let config = "[logs]\ninclude = [\"a*\", \"tier=web\"]\nexclude = [\"*debug*\"]\nstream = \"{container_name}\"\n\
                  [[logs.routes]]\nmatch = [\"tier=web\"]\ngroup = \"/web\"\n";
    agent.options.config = config.to_owned();
    docker.run(&Run { name: "a-debug", script: "echo n=1", ..Run::default() });
    docker.run(&Run { name: "bb", script: "echo n=1", ..Run::default() });
    docker.run(&Run { name: "cc", script: "echo n=1", labels: &["tier=web"], ..Run::default() });
    docker.run(&Run { name: "a-one", script: "echo n=1", ..Run::default() });
    agent.start_again();
    endpoint.stream("/web", "cc").await_distinct(&mut agent, 1);
    endpoint.stream(GROUP, "a-one").await_distinct(&mut agent, 1);
    agent.stop(STOP);
    let mut fresh: Vec<_> = endpoint.arrived().into_iter().filter(|(_, name)| !name.contains('/')).collect();
    fresh.sort();
    let pair = |group: &str, stream: &str| (group.to_owned(), stream.to_owned());
    assert_eq!(fresh, [pair(GROUP, "a-one"), pair("/web", "cc")]);
    endpoint.assert_no_breach();
}
