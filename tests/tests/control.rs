//! The control socket, `status` and `silence` over it: a real dockerd, the binary, and an endpoint that can be away.

use std::fs;
use std::io::{Read, Write};
use std::os::unix::fs::{MetadataExt, PermissionsExt};
use std::os::unix::net::{UnixListener, UnixStream};
use std::path::Path;
use std::thread;
use std::time::{Duration, Instant};

use harness::agent::{Agent, Options};
use harness::docker::{Collector, Dockerd, IDLE, Link, Run};
use harness::endpoint::{Endpoint, Fault, Operation};
use harness::role::Role;
use harness::stream::{GROUP, LIMIT, STOP};
use harness::wait;
use serde_json::{Value, json};

/// No backend is there that could be well.
const CONFIG: &str = "health.url = ''\n";
const NO_DOCKER: &str = "unix:///nonexistent/docker.sock";
const DEFAULT_ROLE: &str = include_str!("../policies/cloudwatch-agent-server-policy.json");

fn options(endpoint: &Endpoint) -> Options {
    Options::new(endpoint).with_config(CONFIG)
}

/// Without Docker that is wrong, but runs.
fn alone(endpoint: &Endpoint) -> Agent {
    let mut agent = Agent::start(options(endpoint).with_variable("STARTTECH_DOCKER_SOCKET", NO_DOCKER));
    let socket = agent.socket();
    agent.wait_until(LIMIT, "its socket", || UnixStream::connect(&socket).is_ok());
    agent
}

/// What the daemon says, typed as anybody's program would.
fn asked(agent: &Agent) -> (i32, Value) {
    let (code, said) = agent.other(&["status", "--json"]);
    (code, serde_json::from_str(&said).unwrap_or(Value::Null))
}

/// What is wrong, or to know, by the program's verdict: each with its mend.
fn said(answer: &Value, list: &str) -> Vec<[String; 2]> {
    let text = |of: &Value| of.as_str().unwrap().to_owned();
    let all = answer[list].as_array().unwrap_or_else(|| panic!("no {list}: {answer}"));
    all.iter().map(|one| [text(&one["what"]), text(&one["mend"])]).collect()
}

/// One request without a library.
fn http(socket: &Path, method: &str, path: &str, body: &str) -> (u16, Value) {
    let mut stream = UnixStream::connect(socket).unwrap();
    let head = format!("{method} {path} HTTP/1.1\r\nHost: x\r\nContent-Length: {}\r\n\r\n", body.len());
    stream.write_all(head.as_bytes()).unwrap();
    stream.write_all(body.as_bytes()).unwrap();
    let mut answer = String::new();
    stream.read_to_string(&mut answer).unwrap();
    let status = answer.split(' ').nth(1).unwrap().parse().unwrap();
    let body = answer.split("\r\n\r\n").nth(1).unwrap();
    (status, serde_json::from_str(body).unwrap())
}

#[test]
fn a_host_is_well_then_the_way_out_is_gone_and_comes_back() {
    let (endpoint, docker) = (Endpoint::start(), Dockerd::start());
    let web = docker.run_script("web", &format!("echo n=1; echo n=2; {IDLE}"));
    docker.run(&Run { name: "left-out", script: IDLE, labels: &["starttech.logs=false"], ..Run::default() });
    let mut agent = Agent::start(options(&endpoint).with_docker(&docker));
    endpoint.stream(GROUP, "/web/").await_distinct(&mut agent, 2);
    wait::until(LIMIT, "a status without fault", || asked(&agent).0 == 0);

    let (code, page) = agent.other(&["status"]);
    let stream = endpoint.stream(GROUP, "/web/").name().unwrap();
    assert_eq!(code, 0, "{page}");
    for part in [
        "✓ all is well: starttech-agent ",
        "json-file, read from its file; 2 lines, the last ",
        "left out, as configured",
        "2 events, last ",
        "nothing waits",
        &endpoint.url(),
    ] {
        assert!(page.contains(part), "{part}: {page}");
    }
    let unwrapped: String = page.split_whitespace().collect();
    assert!(unwrapped.contains(&format!("→{GROUP}{stream}")), "{page}");
    assert!(page.lines().all(|line| line.chars().count() <= 80), "{page}");
    assert!(!page.contains('\u{1b}'), "no colours where there is no terminal");
    let (_, status) = asked(&agent);
    let containers = status["containers"].as_array().unwrap();
    let names: Vec<_> = containers.iter().map(|container| container["name"].as_str().unwrap()).collect();
    assert_eq!(names, ["left-out", "web"]);
    assert_eq!((&containers[1]["lines"], &containers[1]["behind_bytes"]), (&json!(2), &json!(0)));
    assert_eq!(containers[1]["stream"], json!(stream));
    assert_eq!(status["pid"], json!(agent.pid()));
    assert!(status["services"][0]["last_delivery_ms"].is_i64(), "{status}");
    assert_eq!(status["lines"]["shipped"], json!(2));

    endpoint.refuse();
    web.say("n=3");
    let mut page = (0, String::new());
    wait::until(LIMIT, "word of the endpoint", || {
        page = agent.other(&["status"]);
        page.0 == 1 && page.1.contains("log lines are not delivered")
    });
    for part in ["cannot reach CloudWatch Logs", "→ nothing is lost", "FAILING for", "batches wait"] {
        assert!(page.1.contains(part), "{part}: {}", page.1);
    }
    endpoint.accept();
    endpoint.stream(GROUP, "/web/").await_distinct(&mut agent, 3);
    wait::until(LIMIT, "a status without fault", || asked(&agent).0 == 0);
    let page = agent.other(&["status"]).1;
    assert!(page.contains("last error ") && page.contains("cannot reach"), "it stays known: {page}");
    agent.stop(STOP);
    assert!(!agent.socket().exists());
}

#[test]
fn a_host_with_the_default_role_is_well_though_its_alerts_are_not_published() {
    let (endpoint, docker) = (Endpoint::start(), Dockerd::start());
    let role = Role::start(endpoint.address());
    role.attach(&serde_json::from_str(DEFAULT_ROLE).unwrap());
    let config =
        "health.url = ''\nmetrics.enabled = false\nhost.instance_id = 'i-0abc'\n[alerts]\nrecovery = '1s'\n";
    let options = Options::at(&role.url()).with_docker(&docker).with_config(config);
    let options = options.with_metadata_of(&endpoint).with_variable("STARTTECH_ALERTS_ENABLED", "true");
    let mut agent = Agent::start(options);
    wait::until(LIMIT, "a status without fault", || asked(&agent).0 == 0);

    let web = docker.run_script("web", "exit 3");
    let mut answer = Value::Null;
    wait::until(LIMIT, "the alert", || {
        answer = asked(&agent).1;
        said(&answer, "problems").iter().any(|[what, mend]| {
            what.contains("alert container-died: web died (exit 3)")
                && mend.contains("docker logs --tail 100 web")
        })
    });
    web.rm();
    wait::until(LIMIT, "its end, and word of the refusal", || {
        answer = asked(&agent).1;
        answer["alerts"]["open"] == json!([])
            && answer["services"].as_array().unwrap().iter().any(|s| s["denied"] == true)
    });
    let (code, answer) = asked(&agent);
    assert_eq!((code, &answer["ok"], said(&answer, "problems")), (0, &json!(true), Vec::new()), "{answer}");
    let [what, mend] = said(&answer, "notes").remove(0);
    assert!(what.contains("alerts are in the journal only"), "{what}");
    assert!(
        mend.contains("allow sns:Publish on arn:aws:sns:eu-west-1:") && mend.contains(":starttech-alarms"),
        "{mend}"
    );
    assert!(mend.contains("/usr/share/starttech-agent/iam/host-with-alerts.json"), "{mend}");
    let (code, page) = agent.other(&["status"]);
    assert!(
        code == 0 && page.contains("✓ all is well") && page.contains("! alerts are in the journal only"),
        "{page}"
    );
    agent.stop(STOP);
}

#[test]
fn what_a_service_refuses_for_good_is_wrong_until_it_takes_something() {
    const TOLD: &str = "CloudWatch refuses ";
    let endpoint = Endpoint::start();
    endpoint.inject(Operation::PutMetricData, Fault::InvalidParameter, None);
    let mut agent = Agent::start(Options::measuring(&endpoint));
    let socket = agent.socket();
    agent.wait_until(LIMIT, "its socket", || UnixStream::connect(&socket).is_ok());
    let metrics = |answer: &Value| answer["services"][1].clone();
    let mut answer = Value::Null;
    // It comes every second, and is not said every second.
    wait::until(LIMIT, "several refusals", || {
        answer = asked(&agent).1;
        let totals = endpoint.totals();
        metrics(&answer)["set_aside"].as_u64().unwrap_or_default() > 100 && totals.faults_struck > 20
    });
    assert_eq!(metrics(&answer)["last_delivery_ms"], json!(null), "{answer}");
    assert!(
        metrics(&answer)["last_error"]["words"].as_str().unwrap().contains("InvalidParameterValue"),
        "{answer}"
    );
    let wrong = said(&answer, "problems");
    let [_, mend] = wrong.iter().find(|[what, _]| what.contains("metrics are refused for good")).unwrap();
    let quarantine = agent.spool().join("metrics/quarantine");
    assert!(mend.contains("metrics.namespace") && mend.contains(quarantine.to_str().unwrap()), "{mend}");
    let notes = said(&answer, "notes");
    assert!(notes.iter().any(|[what, _]| what.ends_with(" datapoints were refused for good")), "{notes:?}");
    let log = agent.log();
    assert_eq!(log.matches(TOLD).count(), 1, "{}", agent.log_tail());
    assert!(log.contains("does CloudWatch take metrics.namespace"), "its next step: {}", agent.log_tail());

    endpoint.clear_faults();
    wait::until(LIMIT, "an end of it", || {
        answer = asked(&agent).1;
        !said(&answer, "problems").iter().any(|[what, _]| what.contains("refused for good"))
    });
    assert!(metrics(&answer)["last_delivery_ms"].is_i64(), "{answer}");
    let notes = said(&answer, "notes");
    assert!(
        notes.iter().any(|[what, _]| what.ends_with(" datapoints were refused for good")),
        "it is lost: {notes:?}"
    );
    agent.stop(STOP);
}

#[test]
fn a_log_that_docker_does_not_give_is_wrong_until_it_does() {
    let (endpoint, collector) = (Endpoint::start(), Collector::start());
    let docker = Dockerd::start_with(collector.options());
    let link = Link::to(&docker);
    link.keep_logs(true);
    let web = docker.run(&Run {
        name: "web",
        script: &format!("echo n=1; {IDLE}"),
        log_driver: Some("syslog"),
        ..Run::default()
    });
    let mut agent =
        Agent::start(options(&endpoint).with_variable("STARTTECH_DOCKER_SOCKET", &link.socket_url()));
    let socket = agent.socket();
    agent.wait_until(LIMIT, "its socket", || UnixStream::connect(&socket).is_ok());
    let mut answer = (0, Value::Null);
    wait::until(LIMIT, "word of the log", || {
        answer = asked(&agent);
        answer.1["containers"][0]["trouble"]["words"].is_string()
    });
    assert_eq!((answer.0, &answer.1["containers"][0]["read"]), (1, &json!("api")));
    let [what, mend] = said(&answer.1, "problems").remove(0);
    assert!(what.contains("the log of web cannot be read") && what.contains("not for you"), "{what}");
    assert!(mend.contains("/logs"), "{mend}");
    let (_, page) = agent.other(&["status"]);
    assert!(page.contains("CANNOT BE READ"), "{page}");
    link.keep_logs(false);
    endpoint.stream(GROUP, "/web/").await_distinct(&mut agent, 1);
    wait::until(LIMIT, "a status without fault", || asked(&agent).0 == 0);
    drop(web);
    agent.stop(STOP);
}

#[test]
fn a_docker_that_hangs_is_never_called_followed_nor_normal() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("docker.sock");
    let listener = UnixListener::bind(&path).unwrap();
    thread::spawn(move || {
        let held: Vec<_> = listener.incoming().take(100).collect();
        drop(held);
    });
    let endpoint = Endpoint::start();
    let url = format!("unix://{}", path.display());
    let mut agent = Agent::start(options(&endpoint).with_variable("STARTTECH_DOCKER_SOCKET", &url));
    let socket = agent.socket();
    agent.wait_until(LIMIT, "its socket", || UnixStream::connect(&socket).is_ok());
    let (code, answer) = asked(&agent);
    assert_eq!(code, 1, "nobody knows yet: {answer}");
    let [what, _] = said(&answer, "problems").remove(0);
    assert!(what.starts_with("Docker is not followed: ") && what.contains(" yet"), "{what}");
    let mut wrong = [String::new(), String::new()];
    wait::until(LIMIT, "the time-out", || {
        let (code, answer) = asked(&agent);
        assert_eq!(code, 1, "{answer}");
        wrong = said(&answer, "problems").remove(0);
        wrong[0].contains("gives no answer within 20 s")
    });
    assert!(wrong[1].contains("docker ps"), "{wrong:?}");
    assert!(agent.log().contains("gives no answer within 20 s"), "{}", agent.log_tail());
    assert!(!agent.log().contains("this is normal"), "{}", agent.log_tail());
    agent.stop(STOP);
}

/// The words of others: a container's label, image and lines cannot drive the terminal of whoever looks.
#[test]
fn a_driver_that_cannot_be_read_is_wrong_and_others_are_skipped() {
    let (endpoint, docker) = (Endpoint::start(), Dockerd::start());
    let say = format!("printf 'n=1 \\033]0;owned\\007\\033[2J\\n'; {IDLE}");
    docker.run(&Run { name: "hostile", script: &say, ..Run::default() });
    docker.run(&Run { name: "silent", script: IDLE, log_driver: Some("none"), ..Run::default() });
    let mut agent = Agent::start(options(&endpoint).with_docker(&docker));
    endpoint.stream(GROUP, "/hostile/").await_lines(&mut agent, 1);
    wait::until(LIMIT, "both containers", || {
        asked(&agent).1["containers"].as_array().is_some_and(|all| all.len() == 2)
    });
    let (_, page) = agent.other(&["status"]);
    assert!(page.contains("none, skipped: it logs nowhere"), "{page}");
    assert!(!page.chars().any(|c| c.is_control() && c != '\n'), "{page:?}");
    agent.stop(STOP);
}

#[test]
fn a_reload_is_answered_with_what_is_wrong() {
    let endpoint = Endpoint::start();
    let mut agent = alone(&endpoint);
    let socket = agent.socket();
    let (status, answer) = http(&socket, "POST", "/v1/reload", "");
    assert_eq!((status, &answer["reloaded"]), (200, &json!(true)), "{answer}");

    fs::write(agent.config_path(), "health.url = ''\n[logs]\nflush = \"soon\"\nretenton_days = 3\n").unwrap();
    let (status, answer) = http(&socket, "POST", "/v1/reload", "");
    let words = answer["error"].as_str().unwrap();
    assert_eq!(status, 422, "{answer}");
    assert!(words.contains("agent.toml:3") && words.contains("`logs.flush`"), "{words}");
    assert!(words.contains("retention_days"), "all of them at once: {words}");
    assert!(agent.is_running());
    assert!(agent.log().contains("the configuration was not changed"), "{}", agent.log());

    // The command writes the configuration of `options` before it asks.
    let (code, said) = agent.other(&["reload"]);
    assert!(code == 0 && said.contains("has read its configuration again"), "{said}");
    agent.options.config = "health.url = ''\nlogs.flush = 'soon'\n".to_owned();
    let (code, said) = agent.other(&["reload"]);
    assert_eq!(code, 64, "{said}");
    assert!(said.contains("was not changed") && said.contains("`logs.flush`"), "{said}");
    agent.stop(STOP);
    agent.options.config = CONFIG.to_owned();
    let (code, said) = agent.other(&["reload"]);
    assert!(code == 1 && said.contains("the daemon is not running"), "{said}");
}

#[test]
fn a_bad_configuration_on_disk_is_wrong_while_the_daemon_runs_on() {
    let endpoint = Endpoint::start();
    let mut agent = alone(&endpoint);
    // The daemon's answer is good; the file is what the next start would read.
    agent.options.config = "health.url = ''\nlogs.flush = 'soon'\n".to_owned();
    let (code, said) = agent.other(&["status"]);
    assert_eq!(code, 1, "{said}");
    assert!(said.contains("✗ the configuration on disk is bad") && said.contains("`logs.flush`"), "{said}");
    assert!(said.contains(&format!("(pid {}, up ", agent.pid())), "it was asked all the same: {said}");
    agent.stop(STOP);
}

#[test]
fn a_second_daemon_does_not_take_the_socket_and_a_killed_one_leaves_it() {
    let endpoint = Endpoint::start();
    let mut first = alone(&endpoint);
    let socket = first.socket();
    assert_eq!(fs::metadata(&socket).unwrap().mode() & 0o777, 0o660);
    // With a spool of its own: one of the same is refused at the spool's lock.
    let other = options(&endpoint)
        .with_variable("STARTTECH_DOCKER_SOCKET", NO_DOCKER)
        .with_variable("STARTTECH_CONTROL_SOCKET", socket.to_str().unwrap());
    let mut second = Agent::start(other);
    let log = second.directory().join("log");
    let said = || fs::read_to_string(&log).unwrap_or_default();
    second.wait_until(LIMIT, "word of the socket", || said().contains("waiting for Docker"));
    let complaint =
        format!("there is no control socket, everything else goes on: {} is in use", socket.display());
    assert!(said().contains(&complaint), "{}", said());
    assert_eq!(asked(&first).1["pid"], json!(first.pid()));
    second.stop(STOP);
    assert_eq!(asked(&first).1["pid"], json!(first.pid()), "it did not take the name away, either");

    first.kill9();
    assert!(socket.exists());
    let (code, said) = first.other(&["status"]);
    assert_eq!(code, 1);
    assert!(
        said.contains("the daemon is not running") && said.contains("systemctl status starttech-agent"),
        "{said}"
    );
    first.start_again();
    first.wait_until(LIMIT, "its socket", || UnixStream::connect(&socket).is_ok());
    assert_eq!(asked(&first).1["pid"], json!(first.pid()));
    first.stop(STOP);
    let (code, answer) = asked(&first);
    assert_eq!((code, &answer["ok"], &answer["notes"]), (1, &json!(false), &json!([])), "{answer}");
    assert!(answer["problems"][0]["what"].as_str().unwrap().contains("not running"), "{answer}");
    assert!(answer["problems"][0]["mend"].as_str().unwrap().contains("systemctl restart"), "{answer}");
}

#[test]
fn without_a_place_for_the_socket_everything_else_goes_on() {
    let (endpoint, docker) = (Endpoint::start(), Dockerd::start());
    docker.run_script("web", "echo n=1");
    let absent = options(&endpoint).with_docker(&docker);
    let mut agent =
        Agent::start(absent.with_variable("STARTTECH_CONTROL_SOCKET", "/nonexistent/or/more/agent.sock"));
    endpoint.stream(GROUP, "/web/").await_distinct(&mut agent, 1);
    assert_eq!(agent.log().matches("there is no control socket").count(), 1, "{}", agent.log());
    agent.stop(STOP);

    let long = format!("/run/{}/agent.sock", "x".repeat(100));
    let refused = Agent::output(options(&endpoint).with_variable("STARTTECH_CONTROL_SOCKET", &long));
    let said = String::from_utf8_lossy(&refused.stderr);
    assert_eq!(refused.status.code(), Some(64), "{said}");
    assert!(said.contains("has 116 bytes") && said.contains("name a shorter directory"), "{said}");
}

#[test]
fn a_member_of_the_group_silences_without_root_and_a_stranger_does_not() {
    const GROUP_ID: &str = "54321";
    let as_user = |groups: &[&str]| -> Vec<String> {
        ["setpriv", "--reuid=54322", "--regid=54322"]
            .iter()
            .chain(groups)
            .map(|word| (*word).to_owned())
            .collect()
    };
    let endpoint = Endpoint::start();
    let mut prepared = options(&endpoint).with_variable("STARTTECH_DOCKER_SOCKET", NO_DOCKER);
    prepared.through =
        ["setpriv", &format!("--regid={GROUP_ID}"), "--clear-groups"].map(str::to_owned).to_vec();
    let mut agent = Agent::start(prepared.with_variable("STARTTECH_ALERTS_ENABLED", "true"));
    let (socket, spool) = (agent.socket(), agent.spool());
    agent.wait_until(LIMIT, "its socket", || UnixStream::connect(&socket).is_ok());
    fs::set_permissions(agent.directory(), fs::Permissions::from_mode(0o755)).unwrap();
    assert_eq!(fs::metadata(&socket).unwrap().gid().to_string(), GROUP_ID);

    agent.options.through = as_user(&["--groups", GROUP_ID]);
    let silence = ["silence", "container-*", "--for", "1h", "--reason", "a deploy"];
    let (code, said) = agent.other(&silence);
    assert_eq!(code, 0, "{said}");
    assert!(said.contains("container-* is silenced on this host until "), "{said}");
    let (code, listed) = agent.other(&["silence", "--list", "--json"]);
    let listed: Value = serde_json::from_str(&listed).unwrap();
    assert_eq!((code, &listed[0]["rule"], &listed[0]["by"]), (0, &json!("container-*"), &json!("54322")));
    let (_, page) = agent.other(&["status"]);
    assert!(page.contains("container-* is silenced by 54322 for 59 min more: a deploy"), "{page}");
    assert!(fs::read_to_string(spool.join("alerts/silences.json")).unwrap().contains("container-*"));
    let (status, answer) = http(&socket, "PUT", "/v1/silences", r#"{"rule":"container-dead","seconds":60}"#);
    assert!(status == 422 && answer["error"].as_str().unwrap().contains("there is no rule"), "{answer}");
    let (status, answer) = http(&socket, "PUT", "/v1/silences", r#"{"rule":"all","seconds":99999999}"#);
    assert!(status == 422 && answer["error"].as_str().unwrap().contains("from 1 to 604800"), "{answer}");
    assert_eq!(agent.other(&["silence", "--end", "container-*"]).0, 0);
    assert_eq!(agent.other(&["silence", "--end", "container-*"]).0, 1, "there is none any more");

    agent.options.through = as_user(&["--clear-groups"]);
    let (code, said) = agent.other(&["status"]);
    assert_eq!(code, 1);
    assert!(said.contains(&format!("is for root and the group {GROUP_ID}")), "{said}");
    let (code, said) = agent.other(&silence);
    assert!(code == 1 && said.contains("run this with sudo"), "{said}");
    agent.options.through.clear();
    assert_eq!(asked(&agent).1["silences"], json!([]));
    agent.stop(STOP);
}

#[test]
fn those_who_only_connect_do_not_hold_the_daemon() {
    let (endpoint, docker) = (Endpoint::start(), Dockerd::start());
    let web = docker.run_script("web", &format!("echo n=1; {IDLE}"));
    let mut agent = Agent::start(options(&endpoint).with_docker(&docker));
    endpoint.stream(GROUP, "/web/").await_distinct(&mut agent, 1);
    let socket = agent.socket();
    let slow: Vec<UnixStream> = (0..100)
        .map(|n| {
            let mut stream = UnixStream::connect(&socket).unwrap();
            // Some say nothing, others begin to.
            stream.write_all(&b"GET /v1/status HT"[..n % 17]).unwrap();
            stream
        })
        .collect();
    web.say("n=2");
    endpoint.stream(GROUP, "/web/").await_distinct(&mut agent, 2);
    let begun = Instant::now();
    assert_eq!(asked(&agent).0, 0);
    assert!(begun.elapsed() < Duration::from_secs(20), "a status took {:?}", begun.elapsed());
    drop(slow);
    agent.stop(STOP);
}

#[test]
fn asking_a_thousand_times_takes_no_memory() {
    const KIB: u64 = 4096;
    let (endpoint, docker) = (Endpoint::start(), Dockerd::start());
    docker.run_script("web", &format!("echo n=1; {IDLE}"));
    let mut agent = Agent::start(options(&endpoint).with_docker(&docker));
    endpoint.stream(GROUP, "/web/").await_distinct(&mut agent, 1);
    let socket = agent.socket();
    let ask = |times: u32| (0..times).for_each(|_| assert_eq!(http(&socket, "GET", "/v1/status", "").0, 200));
    let untouched = agent.rss_kib();
    ask(50);
    let before = agent.rss_kib();
    let begun = Instant::now();
    ask(1000);
    let after = agent.rss_kib();
    println!("{untouched} KiB, {before} after 50, {after} after 1050; {:?} each", begun.elapsed() / 1000);
    assert!(after < before + KIB, "{before} KiB became {after}");
    agent.stop(STOP);
}

#[test]
fn the_local_mode_has_its_socket_beside_its_files() {
    let docker = Dockerd::start();
    docker.run_script("web", &format!("echo n=1; {IDLE}"));
    let target = tempfile::tempdir().unwrap();
    let local = format!("--local={}", target.path().display());
    let mut options =
        Options::at("").with_docker(&docker).with_arguments(&["run", &local]).with_config(CONFIG);
    options.environment.retain(|(name, _)| !name.starts_with("AWS_"));
    let mut agent = Agent::start(options);
    let page = || agent_page(&target.path().display().to_string());
    let arguments = page();
    let mut said = (0, String::new());
    wait::until(LIMIT, "a delivered line", || {
        said = agent.other(&[&arguments[0], &arguments[1]]);
        said.1.contains("1 events, last")
    });
    assert_eq!(said.0, 0, "{}", said.1);
    assert!(said.1.contains("nothing goes to AWS"), "{}", said.1);
    agent.stop(STOP);
    let (code, said) = agent.other(&[&arguments[0], &arguments[1]]);
    assert!(code == 1 && said.contains("starttech-agent run --local="), "{said}");
}

fn agent_page(directory: &str) -> [String; 2] {
    ["status".to_owned(), format!("--local={directory}")]
}
