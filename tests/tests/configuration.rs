//! Configuration: taken, refused, changed while running; and what the agent cannot work with.

use std::fs;
use std::os::unix::net::UnixStream;
use std::process::Output;

use harness::agent::{Agent, Options};
use harness::docker::{Dockerd, IDLE, Run};
use harness::endpoint::{Endpoint, Fault, Operation};
use harness::stream::{GROUP, LIMIT, STOP};

/// Two faults of value, one of type, one unknown key.
const BAD: &str = "[logs]\nretention_days = 15\ngroup = 7\nflsuh = \"1s\"\n[spool]\nmax_bytes = \"1KiB\"\n";
const FAULTS: [&str; 4] = ["agent.toml:2:", "agent.toml:3:", "agent.toml:4:", "agent.toml:6:"];

fn text(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes).into_owned()
}

/// Waits until the agent has said this so often.
fn await_said(agent: &mut Agent, word: &str, times: usize) {
    let log = agent.directory().join("log");
    let said = || fs::read_to_string(&log).unwrap_or_default().matches(word).count() >= times;
    agent.wait_until(LIMIT, word, said);
}

#[test]
fn a_new_configuration_is_taken_and_a_bad_one_refused() {
    let (endpoint, docker) = (Endpoint::start(), Dockerd::start());
    let mut agent = Agent::start(Options::new(&endpoint).with_docker(&docker));
    let api = docker.run_script("api", &format!("echo n=1; {IDLE}"));
    let noise = docker.run_script("noise", &format!("echo n=1; {IDLE}"));
    let late = docker.run(&Run {
        name: "late",
        script: &format!("echo n=1; {IDLE}"),
        log_driver: Some("local"),
        ..Run::default()
    });
    for name in ["/api/", "/noise/", "/late/"] {
        endpoint.stream(GROUP, name).await_distinct(&mut agent, 1);
    }

    agent.options.config = "[logs]\ngroup = \"/other\"\nexclude = [\"noise\"]\n".to_owned();
    agent.sighup();
    await_said(&mut agent, "the configuration was read again", 1);
    noise.say("n=2");
    late.say("n=2");
    api.say("n=2");
    endpoint.stream("/other", "/api/").await_distinct(&mut agent, 1);
    endpoint.stream("/other", "/late/").await_distinct(&mut agent, 1);
    assert_eq!(endpoint.retention_days("/other"), Some(14));

    let taken = std::mem::replace(&mut agent.options.config, BAD.to_owned());
    agent.sighup();
    await_said(&mut agent, "the configuration was not changed", 1);
    for fault in FAULTS {
        assert!(agent.log().contains(fault), "{fault}: {}", agent.log());
    }
    api.say("n=3");
    endpoint.stream("/other", "/api/").await_distinct(&mut agent, 2);

    // What was left out may come back.
    agent.options.config = taken.replace("\"noise\"", "");
    agent.sighup();
    await_said(&mut agent, "the configuration was read again", 2);
    noise.say("n=3");
    endpoint.stream("/other", "/noise/").await_message(&mut agent, "n=3");
    agent.stop(STOP);

    assert_eq!(endpoint.stream(GROUP, "/api/").messages(), ["n=1"]);
    assert_eq!(endpoint.stream("/other", "/api/").messages(), ["n=2", "n=3"]);
    assert_eq!(endpoint.stream(GROUP, "/noise/").messages(), ["n=1"]);
    // Lines of while it was left out are not asked for: whether they come is nobody's promise.
    assert!(endpoint.stream("/other", "/noise/").messages().ends_with(&["n=3".to_owned()]));
    endpoint.assert_no_breach();
}

#[test]
fn a_bad_configuration_is_refused_with_every_fault() {
    let endpoint = Endpoint::start();
    let said = |output: Output| (output.status.code(), text(&output.stdout) + &text(&output.stderr));
    for command in [&["run"][..], &["check"], &["check", "--offline", "--json"]] {
        let options = Options::new(&endpoint).with_config(BAD).with_arguments(command);
        let (code, said) = said(Agent::output(options));
        assert_eq!(code, Some(64), "{command:?}: {said}");
        for fault in FAULTS {
            assert!(said.contains(fault), "{command:?}, {fault}: {said}");
        }
    }
    let options = Options::new(&endpoint)
        .with_variable("STARTTECH_LOGS_GRUOP", "/x")
        .with_variable("STARTTECH_LOGS_FLUSH", "soon");
    let (code, said_of_variables) = said(Agent::output(options));
    assert_eq!(code, Some(64));
    for word in ["STARTTECH_LOGS_GRUOP", "STARTTECH_LOGS_GROUP", "STARTTECH_LOGS_FLUSH", "soon"] {
        assert!(said_of_variables.contains(word), "{word}: {said_of_variables}");
    }
    for arguments in [&["fly"][..], &["run", "--fast"]] {
        let (code, said) = said(Agent::output(Options::new(&endpoint).with_arguments(arguments)));
        assert_eq!(code, Some(64), "{arguments:?}: {said}");
    }
    assert_eq!(endpoint.totals().connections, 0, "nobody was asked anything");
}

#[test]
fn check_says_what_is_missing_by_its_exit_code() {
    let (endpoint, docker) = (Endpoint::start(), Dockerd::start());
    docker.run_script("web", IDLE);
    let check = |options: Options, more: &[&str]| {
        let arguments = [&["check"], more].concat();
        let output = Agent::output(options.with_arguments(&arguments));
        (output.status.code(), text(&output.stdout) + &text(&output.stderr))
    };
    // A daemon that is well.
    let mut agent = Agent::start(
        Options::new(&endpoint)
            .with_docker(&docker)
            .with_config("health.url = ''\nmetrics.enabled = false\n"),
    );
    let socket = agent.socket();
    agent.wait_until(LIMIT, "its socket", || UnixStream::connect(&socket).is_ok());
    let good = || {
        Options::new(&endpoint)
            .with_docker(&docker)
            .with_variable("STARTTECH_CONTROL_SOCKET", socket.to_str().unwrap())
    };
    let is_well = || Agent::output(good().with_arguments(&["status"])).status.success();
    agent.wait_until(LIMIT, "Docker's answer", is_well);
    let (code, said) = check(good(), &[]);
    assert_eq!(code, Some(0), "{said}");
    let (code, said) = check(good(), &["--json"]);
    assert_eq!(code, Some(0), "{said}");
    assert!(serde_json::from_str::<serde_json::Value>(&said).unwrap().is_array());
    let (code, said) = check(Options::new(&endpoint), &["--offline"]);
    assert_eq!(code, Some(0), "{said}");

    let absent = good().with_variable("STARTTECH_DOCKER_SOCKET", "unix:///nonexistent/docker.sock");
    let (code, said) = check(absent, &[]);
    assert!(code == Some(1) && said.contains("/nonexistent/docker.sock"), "{said}");
    let nowhere = good().with_variable("AWS_ENDPOINT_URL", "http://127.0.0.1:1");
    let (code, said) = check(nowhere, &[]);
    assert!(code == Some(1) && said.contains("127.0.0.1:1"), "{said}");
    endpoint.inject(Operation::DescribeLogGroups, Fault::ExpiredToken, None);
    let (code, said) = check(good(), &[]);
    assert!(code == Some(1) && said.contains("ExpiredToken"), "{said}");
    agent.stop(STOP);
    let (code, said) = check(good(), &[]);
    assert!(code == Some(1) && said.contains("✗ daemon: does not run"), "{said}");
}

#[test]
fn a_log_that_cannot_be_read_is_named_and_holds_nobody_up() {
    let (endpoint, docker) = (Endpoint::start(), Dockerd::start());
    let broken = docker.run_script("broken", "echo n=1");
    broken.wait_exit(LIMIT);
    // Root may read anything but a directory.
    let log = broken.log_path();
    let aside = log.with_extension("aside");
    fs::rename(&log, &aside).unwrap();
    fs::create_dir(&log).unwrap();
    let mut agent = Agent::start(Options::new(&endpoint).with_docker(&docker));
    let web = docker.run_script("web", &format!("echo n=1; {IDLE}"));
    endpoint.stream(GROUP, "/web/").await_distinct(&mut agent, 1);
    for number in 2..=10 {
        web.say(&format!("n={number}"));
        endpoint.stream(GROUP, "/web/").await_distinct(&mut agent, number);
    }
    let said = agent.log();
    let errors: Vec<_> =
        said.lines().filter(|line| line.contains("cannot read the log of container broken")).collect();
    assert_eq!(errors.len(), 1, "once, not at every look: {said}");
    assert!(errors[0].contains(&*log.to_string_lossy()), "{errors:?}");

    fs::remove_dir(&log).unwrap();
    fs::rename(&aside, &log).unwrap();
    agent.stop(STOP);
    agent.start_again();
    endpoint.stream(GROUP, "/broken/").await_distinct(&mut agent, 1);
    agent.stop(STOP);
    endpoint.stream(GROUP, "/broken/").assert_each_once(1);
    endpoint.stream(GROUP, "/web/").assert_each_once(10);
}

#[test]
fn two_agents_do_not_share_a_spool() {
    let endpoint = Endpoint::start();
    let socket = ("STARTTECH_DOCKER_SOCKET", "unix:///nonexistent/docker.sock");
    let mut first = Agent::start(Options::new(&endpoint).with_variable(socket.0, socket.1));
    await_said(&mut first, "waiting for Docker", 1);
    let spool = first.spool().to_string_lossy().into_owned();
    let second = Options::new(&endpoint).with_variable("STARTTECH_SPOOL_DIRECTORY", &spool);
    let output = Agent::output(second);
    let said = text(&output.stderr);
    assert_eq!(output.status.code(), Some(1), "{said}");
    assert!(said.contains(&spool) && said.contains("in use by another starttech-agent"), "{said}");
    assert!(first.is_running());
    first.stop(STOP);
}

#[test]
fn the_local_mode_needs_no_account() {
    let docker = Dockerd::start();
    let target = tempfile::tempdir().unwrap();
    let local = format!("--local={}", target.path().display());
    let mut options = Options::at("").with_docker(&docker).with_arguments(&["run", &local]);
    options.environment.retain(|(name, _)| !name.starts_with("AWS_"));
    let mut agent = Agent::start(options.with_variable("STARTTECH_HOST_INSTANCE_ID", "here"));
    let web = docker.run_script("web", "echo n=1; echo 'a \"b\" é'; echo n=2 >&2");
    docker.run_script("frontend", "echo n=1");
    let file = |group: &str, name: &str, id: &str| {
        let path = target.path().join(format!("starttech/{group}/here/{name}/{id}.jsonl"));
        fs::read_to_string(path).unwrap_or_default()
    };
    let id = web.short_id();
    agent.wait_until(LIMIT, "three lines", || file("backend", "web", id).lines().count() == 3);
    let frontend = docker.expect(["inspect", "--format={{.Id}}", "frontend"]);
    agent.wait_until(LIMIT, "a line", || file("frontend", "frontend", &frontend[..12]).contains("n=1"));
    agent.stop(STOP);
    let mut messages: Vec<_> = file("backend", "web", id)
        .lines()
        .map(|line| serde_json::from_str::<serde_json::Value>(line).unwrap())
        .inspect(|event| assert!(event["timestamp"].as_i64().is_some_and(|time| time > 1_600_000_000_000)))
        .map(|event| event["message"].as_str().unwrap().to_owned())
        .collect();
    messages.sort();
    assert_eq!(messages, ["a \"b\" é", "n=1", "n=2"]);
    assert!(agent.log().contains("a \"b\" é"), "lines are shown as they pass");
}
