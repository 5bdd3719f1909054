//! Alerts as people get them: a real dockerd, the binary, a role, a topic of the emulator, and whom it calls.

use std::path::Path;
use std::time::{Duration, Instant};

use harness::agent::{Agent, Options};
use harness::docker::{Dockerd, IDLE, IMAGE, Link, Run};
use harness::emulator::Emulator;
use harness::role::Role;
use harness::subscriber::{Notification, Subscriber};
use harness::wait;
use serde_json::{Value, json};

const DEFAULT_ROLE: &str = include_str!("../policies/cloudwatch-agent-server-policy.json");
const WITH_ALERTS: &str = include_str!("../../packaging/iam/host-with-alerts.json");

const TOPIC: &str = "starttech-alarms";
const LIMIT: Duration = Duration::from_mins(1);
const STOP: Duration = Duration::from_secs(5);

/// A topic behind a role, and a subscriber.
struct Platform {
    role: Role,
    subscriber: Subscriber,
    _emulator: Emulator,
}

impl Platform {
    fn start() -> Self {
        let emulator = Emulator::start();
        let role = Role::start(emulator.address());
        let subscriber = Subscriber::of_topic(emulator.address(), "eu-west-1", TOPIC);
        Self { role, subscriber, _emulator: emulator }
    }

    fn options(&self, docker: &Dockerd, alerts: &str) -> Options {
        Options::at(&self.role.url())
            .with_docker(docker)
            .with_config(&format!(
                "health.url = ''\nmetrics.enabled = false\nhost.instance_id = 'i-0abc'\n[alerts]\n{alerts}"
            ))
            .with_variable("STARTTECH_ALERTS_ENABLED", "true")
    }

    fn next(&self, what: &str) -> Notification {
        self.subscriber.next(LIMIT, what)
    }
}

fn follows(agent: &mut Agent, docker: &Dockerd) {
    let wanted = format!("following Docker at {}", docker.socket_url().trim_start_matches("unix://"));
    let log = agent.directory().join("log");
    let log = || std::fs::read_to_string(&log).unwrap_or_default();
    agent.wait_until(LIMIT, "the agent to follow Docker", || log().contains(&wanted));
}

/// Ends with this code, and stays once it is started again. Both lines are of one pipe: the order of two is Docker's.
fn once(code: u8) -> String {
    format!(
        "if [ -e /tmp/again ]; then {IDLE}; fi; : > /tmp/again; echo listening >&2; echo 'login password=hunter2 failed' >&2; exit {code}"
    )
}

#[test]
fn a_crash_is_told_once_with_its_last_lines_and_its_end_and_what_people_do_is_not() {
    let (platform, docker) = (Platform::start(), Dockerd::start());
    let mut agent = Agent::start(platform.options(&docker, "recovery = '1s'"));
    follows(&mut agent, &docker);

    // What people do to containers: a message about it would come before the next.
    let [stopped, killed, removed, redeployed] = ["stopped", "killed", "removed", "redeployed"]
        .map(|name| docker.run_script(name, &format!("{IDLE}; exit 1")));
    stopped.stop(1);
    killed.kill();
    removed.rm();
    redeployed.restart(0);
    docker.run_script("job", "echo done");
    docker.run(&Run {
        name: "muted",
        script: "exit 9",
        labels: &["starttech.alerts=false"],
        ..Run::default()
    });

    let web = docker.run_script("web", &once(3));
    let told = platform.next("the crash");
    assert_eq!(told.subject(), "ALARM: \"web\" died (exit 3) on i-0abc", "{told:?}");
    let document = told.document();
    assert_eq!(
        [&document["AlarmName"], &document["NewStateValue"], &document["OldStateValue"], &document["Region"]],
        ["starttech-container-down-i-0abc", "ALARM", "OK", "EU (Ireland)"]
    );
    assert_eq!(document["AWSAccountId"], harness::role::ACCOUNT);
    let container = &document["StartTech"]["Containers"][0];
    assert_eq!(container["Id"], web.id());
    assert_eq!(container["Lines"], json!(["listening", "login password=*** failed"]));
    assert!(agent.log().contains("alert: \"web\" died (exit 3)"), "{}", agent.log());

    web.start();
    let told = platform.next("its end");
    assert!(told.subject().starts_with("OK: \"web\" is up again after "), "{told:?}");
    assert_eq!(told.document()["AlarmName"], "starttech-container-down-i-0abc");

    docker.run_script("db", "exit 4");
    assert!(platform.next("another crash").subject().contains("\"db\" died (exit 4)"));
    agent.stop(STOP);
    docker.run_script("unseen", "sleep 1; exit 5").wait_exit(LIMIT);
    agent.start_again();
    let told = platform.next("what happened while the agent was down");
    assert!(told.subject().contains("\"unseen\" died (exit 5)"), "{told:?}");
    // The one that is in flight at a kill may be sent twice.
    let spool = agent.spool().join("alerts");
    agent.wait_until(LIMIT, "the receipt", || batches(&spool) == 0);
    agent.kill9();
    agent.start_again();
    docker.run_script("last", "exit 6");
    let told = platform.next("the last one");
    assert!(told.subject().contains("\"last\" died (exit 6)"), "db is not told again: {told:?}");
    agent.stop(STOP);
    let more = platform.subscriber.try_next();
    assert!(more.is_none(), "{more:?}");
}

/// How many batches wait in a spool.
fn batches(spool: &Path) -> usize {
    let files = std::fs::read_dir(spool).unwrap().flatten();
    files.filter(|file| file.file_name().to_string_lossy().parse::<u64>().is_ok()).count()
}

#[test]
fn each_kind_of_trouble_has_its_message_and_a_loop_has_one() {
    let (platform, docker) = (Platform::start(), Dockerd::start());
    let mut agent = Agent::start(platform.options(&docker, "restart_loop = '3 in 10m'"));
    follows(&mut agent, &docker);
    let oom = "x=0123456789abcdef; while :; do x=$x$x; done";
    docker.run(&Run { name: "hungry", script: oom, arguments: &["--memory=8m"], ..Run::default() });
    let health = ["--health-cmd=false", "--health-interval=1s", "--health-retries=1"];
    docker.run(&Run { name: "sick", script: IDLE, arguments: &health, ..Run::default() });
    let failed =
        docker.docker(["run", "--detach", "--network=none", "--name=absent", "busybox", "no-such-command"]);
    assert!(!failed.status.success());
    docker.run(&Run {
        name: "loop",
        script: "echo again; exit 1",
        arguments: &["--restart=always"],
        ..Run::default()
    });
    let wanted = [
        "container-died \"loop\" died (exit 1)",
        "container-not-started \"absent\" could not be started",
        "container-out-of-memory \"hungry\" was killed: out of memory",
        "container-restart-loop \"loop\" died 3 times in 10 min",
        "container-unhealthy \"sick\" is unhealthy",
    ];
    let mut told: Vec<String> = Vec::new();
    while told.len() < wanted.len() {
        let next = platform.next(&format!("more than {told:#?}"));
        let subject = next.subject().trim_start_matches("ALARM: ").trim_end_matches(" on i-0abc");
        told.push(format!("{} {subject}", next.document()["StartTech"]["Rule"].as_str().unwrap()));
    }
    told.sort();
    assert_eq!(told, wanted);
    let restarts =
        || docker.expect(["inspect", "--format", "{{.RestartCount}}", "loop"]).parse::<u32>().unwrap();
    agent.wait_until(LIMIT, "three more deaths", || restarts() >= 6);
    agent.stop(STOP);
    let more = platform.subscriber.try_next();
    assert!(more.is_none(), "{more:?}");
}

/// Under the default role, and then with the right to publish; with the service down, and up again.
#[test]
fn what_cannot_be_sent_is_in_the_journal_at_once_and_arrives_late_and_marked() {
    let (platform, docker) = (Platform::start(), Dockerd::start());
    platform.role.attach(&policy(DEFAULT_ROLE));
    let mut agent = Agent::start(platform.options(&docker, ""));
    follows(&mut agent, &docker);
    docker.run_script("refused", "exit 7");
    let log = agent.directory().join("log");
    let log = || std::fs::read_to_string(&log).unwrap_or_default();
    agent.wait_until(LIMIT, "the right that is missing", || {
        log().contains("may not publish") && log().contains(r#""Action":"sns:Publish""#)
    });
    assert!(log().contains("alert: \"refused\" died (exit 7)"), "{}", log());
    platform.role.attach(&policy(WITH_ALERTS));
    // Slowly, since only an operator ends it.
    let told = platform.subscriber.next(Duration::from_secs(100), "what had been refused");
    assert!(told.subject().contains("\"refused\" died (exit 7)"), "{told:?}");
    assert_eq!(log().matches("may not publish").count(), 1, "{}", log());

    platform.role.fail("sns:Publish", 503, "ServiceUnavailable", u32::MAX);
    let died = Instant::now();
    docker.run_script("offline", "exit 8");
    agent.wait_until(LIMIT, "the journal", || log().contains("alert: \"offline\" died (exit 8)"));
    // A restart does not lose it.
    let calls = platform.role.calls("sns:Publish");
    agent.wait_until(LIMIT, "an attempt", || platform.role.calls("sns:Publish") > calls);
    agent.kill9();
    agent.start_again();
    wait::until(LIMIT, "it to be late", || died.elapsed() > Duration::from_secs(17));
    platform.role.fail("sns:Publish", 503, "ServiceUnavailable", 1);
    let told = platform.next("what is late");
    let subject = told.subject();
    assert!(
        subject.starts_with("ALARM: \"offline\" died (exit 8) on i-0abc [late, happened at ")
            && subject.ends_with("Z]"),
        "{subject}"
    );
    assert_eq!(told.document()["StartTech"]["Late"], true);
    agent.stop(STOP);
    let more = platform.subscriber.try_next();
    assert!(more.is_none(), "{more:?}");
}

/// The event stream breaks off and resumes.
#[test]
fn what_happens_while_docker_is_out_of_reach_is_told_once() {
    let (platform, docker) = (Platform::start(), Dockerd::start());
    let link = Link::to(&docker);
    let options = platform.options(&docker, "").with_variable("STARTTECH_DOCKER_SOCKET", &link.socket_url());
    let mut agent = Agent::start(options);
    let log = agent.directory().join("log");
    let log = || std::fs::read_to_string(&log).unwrap_or_default();
    let mut follows = |times: usize| {
        agent.wait_until(LIMIT, "the agent to follow Docker", || {
            log().matches("following Docker").count() >= times
        });
    };
    follows(1);
    docker.run_script("before", "exit 4");
    assert!(platform.next("what happened before").subject().contains("\"before\" died (exit 4)"));

    link.cut();
    docker.run_script("meanwhile", "exit 5").wait_exit(LIMIT);
    docker.expect([
        "run",
        "--rm",
        "--detach",
        "--network=none",
        "--name=removed",
        IMAGE,
        "sh",
        "-c",
        "exit 6",
    ]);
    let listed = || docker.expect(["ps", "--all", "--format", "{{.Names}}"]);
    wait::until(LIMIT, "it to be gone", || !listed().contains("removed"));
    link.mend();
    let mut told = Vec::new();
    while told.len() < 2 {
        let document = platform.next(&format!("more than {told:?}")).document();
        let members = document["StartTech"]["Containers"].as_array().unwrap().clone();
        told.extend(members.iter().map(|member| format!("{} {}", member["Name"], member["What"])));
    }
    told.sort();
    assert_eq!(told, [r#""meanwhile" "died (exit 5)""#, r#""removed" "died (exit 6)""#]);

    // All of it is read again, and nothing is told.
    link.cut();
    link.mend();
    follows(3);
    docker.run_script("after", "exit 7");
    assert!(platform.next("what happened after").subject().contains("\"after\" died (exit 7)"));
    agent.stop(STOP);
    let more = platform.subscriber.try_next();
    assert!(more.is_none(), "{more:?}");
}

/// In the local mode there is no topic.
#[test]
fn in_the_local_mode_alerts_are_lines_of_a_file() {
    let docker = Dockerd::start();
    let options = Options::at("http://127.0.0.1:9")
        .with_docker(&docker)
        .with_arguments(&["run", "--local=out"])
        .with_config("health.url = ''\nmetrics.enabled = false")
        .with_variable("STARTTECH_ALERTS_ENABLED", "true");
    let mut agent = Agent::start(options);
    follows(&mut agent, &docker);
    docker.run_script("web", "echo bye; exit 3");
    let path = agent.directory().join("out/alerts.jsonl");
    let read = || std::fs::read_to_string(&path).unwrap_or_default();
    agent.wait_until(LIMIT, "a line", || read().ends_with('\n'));
    let document: Value = serde_json::from_str(read().trim_end()).unwrap();
    assert_eq!(document["StartTech"]["Rule"], "container-died");
    assert_eq!(document["StartTech"]["Containers"][0]["Lines"], json!(["bye"]));
    agent.stop(STOP);
    let kept = std::fs::read_to_string(agent.directory().join("out/.spool/history/alerts.jsonl")).unwrap();
    let kept: Value = serde_json::from_str(kept.trim_end()).unwrap();
    assert_eq!(kept["NewStateReason"], document["NewStateReason"], "it stays for who draws it");
}

fn policy(text: &str) -> Value {
    serde_json::from_str(text).unwrap()
}

/// Without a daemon, while one runs, over its restart and beyond the silence's end.
#[test]
fn a_silenced_rule_tells_nobody_until_the_silence_ends() {
    let (platform, docker) = (Platform::start(), Dockerd::start());
    let mut agent = Agent::prepared(platform.options(&docker, "recovery = '1s'"));
    let silence = |agent: &Agent, code: i32, arguments: &[&str]| {
        let arguments = [&["silence"], arguments].concat();
        let (ended, said) = agent.other(&arguments);
        assert_eq!(ended, code, "{arguments:?} said:\n{said}");
        said
    };
    let said = silence(&agent, 1, &["container-died", "--for", "1h"]);
    assert!(
        said.contains("cannot use the spool directory") && said.contains("does it run on this host"),
        "{said}"
    );
    std::fs::create_dir(agent.spool()).unwrap();
    let said = silence(&agent, 0, &["container-died", "--for", "1h", "--reason", "a deploy"]);
    assert!(
        said.contains("container-died is silenced on this host until ") && said.contains(": a deploy"),
        "{said}"
    );
    for wrong in [&["container-dead", "--for", "1h"][..], &["all", "--for", "8d"], &["all"], &["--end", "x"]]
    {
        silence(&agent, 64, wrong);
    }

    agent.start_again();
    follows(&mut agent, &docker);
    let web = docker.run_script("web", "exit 3");
    let log = agent.directory().join("log");
    let log = || std::fs::read_to_string(&log).unwrap_or_default();
    let unsaid = "so it is not sent: ALARM: \"web\" died (exit 3)";
    agent.wait_until(LIMIT, "the journal", || log().contains(unsaid));
    assert!(log().contains("alert: \"web\" died (exit 3)"), "the journal has the alert itself: {}", log());
    // One that is over before the silence is told by nobody.
    let gone = docker.run_script("gone", &once(4));
    gone.wait_exit(LIMIT);
    gone.start();
    agent.wait_until(LIMIT, "its end", || log().contains("silenced alert ended: \"gone\" is up again"));
    agent.stop(STOP);
    agent.start_again();
    // What is not silenced is told, and nothing before it.
    let health = ["--health-cmd=false", "--health-interval=1s", "--health-retries=1"];
    docker.run(&Run { name: "sick", script: IDLE, arguments: &health, ..Run::default() });
    assert_eq!(platform.next("another rule").subject(), "ALARM: \"sick\" is unhealthy on i-0abc");

    let listed: Value = serde_json::from_str(&silence(&agent, 0, &["--list", "--json"])).unwrap();
    assert_eq!((&listed[0]["rule"], &listed[0]["reason"]), (&json!("container-died"), &json!("a deploy")));
    silence(&agent, 0, &["--end", "container-died"]);
    assert!(silence(&agent, 0, &["--list"]).contains("nothing is silenced"));
    let told = platform.next("what is still open");
    assert!(told.subject().starts_with("ALARM: \"web\" died (exit 3) on i-0abc"), "{told:?}");
    let container = &told.document()["StartTech"]["Containers"][0];
    assert_eq!(container["Id"], web.id());

    // A silence that ends by itself.
    silence(&agent, 0, &["container-*", "--for", "20s"]);
    docker.run_script("db", "exit 5");
    agent.wait_until(LIMIT, "the journal", || {
        log().contains("so it is not sent: ALARM: \"db\" died (exit 5)")
    });
    let told = platform.next("what outlasted it");
    assert!(told.subject().starts_with("ALARM: \"db\" died (exit 5) on i-0abc"), "{told:?}");
    docker.run_script("last", "exit 6");
    assert!(platform.next("one after it").subject().contains("\"last\" died (exit 6)"));
    agent.stop(STOP);
    let more = platform.subscriber.try_next();
    assert!(more.is_none(), "{more:?}");
}
