//! The private dockerd: containers come and go, daemons do not meet, nothing stays behind.

use std::fs;
use std::time::Duration;

use harness::client::Client;
use harness::docker::{Dockerd, IDLE, Options, Run};
use harness::endpoint::Endpoint;
use harness::wait;

const LIMIT: Duration = Duration::from_secs(30);

#[test]
fn a_container_writes_its_log_where_it_is_said_to_be() {
    let docker = Dockerd::start();
    let container = docker.run_script("writer", "echo one; echo two >&2");
    assert_eq!(container.wait_exit(LIMIT), 0);
    assert_eq!(container.logs(), "one");
    let log = fs::read_to_string(container.log_path()).unwrap();
    assert_eq!(log.lines().count(), 2, "{log}");
    assert_eq!(container.inspect("{{.Name}}"), "/writer");
    container.rename("another");
    container.restart(0);
    assert_eq!(container.inspect("{{.Name}}"), "/another");
    let root = docker.root().to_owned();
    drop(docker);
    assert!(!root.exists(), "{} stays behind", root.display());
}

#[test]
fn logs_rotate_as_the_options_say() {
    let docker = Dockerd::start();
    let run = Run {
        name: "noisy",
        script: "awk 'BEGIN { for (i = 1; i <= 30000; i++) printf \"n=%010d %080d\\n\", i, 0 }'",
        log_options: &["max-size=1m", "max-file=3"],
        ..Run::default()
    };
    let container = docker.run(&run);
    container.wait_exit(LIMIT);
    assert!(container.log_path().with_extension("log.2").exists());
}

#[test]
fn a_daemon_can_be_killed_and_started_again() {
    let mut docker = Dockerd::start();
    let id = docker.run_script("lasting", IDLE).id().to_owned();
    docker.kill9();
    assert!(!docker.docker(["version"]).status.success());
    docker.start_again();
    assert!(docker.expect(["ps", "--all", "--quiet", "--no-trunc"]).contains(&id));
}

#[test]
fn two_daemons_do_not_meet() {
    let (one, two) = (Dockerd::start(), Dockerd::start());
    one.run_script("same-name", IDLE);
    assert_eq!(two.expect(["ps", "--all", "--quiet"]), "");
    two.run_script("same-name", IDLE);
}

/// Docker's own client of the service is an independent judge of the endpoint.
#[test]
fn dockers_awslogs_driver_ships_to_the_strict_endpoint() {
    let endpoint = Endpoint::start();
    let environment = [("AWS_ACCESS_KEY_ID", "AKIDEXAMPLE"), ("AWS_SECRET_ACCESS_KEY", "secret")];
    let environment = environment.map(|(name, value)| (name.to_owned(), value.to_owned())).to_vec();
    let docker = Dockerd::start_with(Options { environment, ..Options::default() });
    let at = format!("awslogs-endpoint={}", endpoint.url());
    let container = docker.run(&Run {
        name: "shipped",
        script: "for i in $(seq 1 50); do echo n=$i; done",
        log_driver: Some("awslogs"),
        log_options: &[&at, "awslogs-region=eu-west-1", "awslogs-group=/own", "awslogs-create-group=true"],
        ..Run::default()
    });
    let stream = container.id();
    wait::until_or(
        LIMIT,
        "50 lines",
        || endpoint.distinct("/own", stream) == 50,
        || format!("{:?}\n{}", endpoint.totals(), docker.log_tail()),
    );
    endpoint.assert_each_once("/own", stream, 1, 50);
    endpoint.assert_no_breach();
    assert_eq!(Client::new(endpoint.address()).groups("/own"), ["/own"]);
}
