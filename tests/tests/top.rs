//! `top` and `status --watch` on a terminal: what somebody sees, and how the terminal is left.

use std::time::Duration;

use harness::agent::{Agent, Options};
use harness::docker::{Container, Dockerd, IDLE};
use harness::endpoint::Endpoint;
use harness::stream::{GROUP, LIMIT, STOP};
use rustix::process::Signal;

/// An end takes no longer.
const END: Duration = Duration::from_secs(5);

fn started<'d>(endpoint: &Endpoint, docker: &'d Dockerd) -> (Agent, Container<'d>) {
    let web = docker.run_script("web", &format!("echo n=1; {IDLE}"));
    let options = Options::new(endpoint).with_docker(docker).with_config("health.url = ''\n");
    let mut agent = Agent::start(options);
    endpoint.stream(GROUP, "/web/").await_distinct(&mut agent, 1);
    (agent, web)
}

#[test]
fn top_shows_what_is_going_on_and_leaves_the_terminal_as_it_was() {
    let (endpoint, docker) = (Endpoint::start(), Dockerd::start());
    let (mut agent, web) = started(&endpoint, &docker);
    let mut top = agent.on_terminal(&["top"], 24, 80);
    top.wait_until(LIMIT, "the container", |screen| {
        screen.contains("CONTAINER")
            && screen.lines().any(|line| line.starts_with("web "))
            && screen.contains("q quit")
    });
    assert!(!top.is_restored(), "it has the terminal to itself");
    let lines_of = |screen: &str| {
        let line = screen.lines().find(|line| line.starts_with("web "))?.to_owned();
        line.split_whitespace().nth(1).map(str::to_owned)
    };
    top.wait_until(LIMIT, "a rate", |screen| lines_of(screen).is_some_and(|rate| rate == "0/s"));
    for n in 2..=40 {
        web.say(&format!("n={n}"));
    }
    top.wait_until(LIMIT, "lines", |screen| {
        lines_of(screen).is_some_and(|rate| rate != "0/s" && rate != "-")
    });
    top.types("p");
    top.wait_until(LIMIT, "the pause", |screen| screen.contains("PAUSED"));
    top.types("ps");
    top.wait_until(LIMIT, "another order", |screen| {
        screen.contains("sort: cpu") && !screen.contains("PAUSED")
    });

    top.resize(10, 40);
    top.wait_until(LIMIT, "the small screen", |screen| screen.contains("web") && screen.contains("q quit"));
    for (rows, columns) in [(3, 10), (1, 1), (2, 200)] {
        top.resize(rows, columns);
    }
    top.resize(24, 80);
    top.wait_until(LIMIT, "the whole screen", |screen| screen.contains("CONTAINER"));

    agent.stop(STOP);
    top.wait_until(LIMIT, "word of the daemon", |screen| {
        screen.contains("no answer") && screen.contains("not running")
    });
    agent.start_again();
    top.wait_until(LIMIT, "the daemon", |screen| !screen.contains("no answer") && screen.contains("web"));
    top.types("q");
    assert!(top.wait_exit(END).success());
    top.wait_until(END, "the terminal as it was", |_| top.is_restored());
    agent.stop(STOP);
}

#[test]
fn top_ends_by_any_of_its_keys_and_by_a_signal() {
    let (endpoint, docker) = (Endpoint::start(), Dockerd::start());
    let (mut agent, _web) = started(&endpoint, &docker);
    for end in ["q", "\u{1b}", "\u{3}", "TERM"] {
        let mut top = agent.on_terminal(&["top"], 24, 80);
        top.wait_until(LIMIT, "the container", |screen| screen.contains("web"));
        if end == "TERM" {
            top.signal(Signal::TERM);
        } else {
            top.types(end);
        }
        assert!(top.wait_exit(END).success(), "{end:?}");
        top.wait_until(END, "the terminal as it was", |_| top.is_restored());
    }
    let (code, said) = agent.other(&["top"]);
    assert!(code == 1 && said.contains("this is none: use starttech-agent status"), "{said}");
    agent.stop(STOP);
    let mut top = agent.on_terminal(&["top"], 24, 80);
    assert_eq!(top.wait_exit(END).code(), Some(1));
    top.wait_until(END, "why", |screen| screen.contains("the daemon is not running"));
    assert!(top.is_restored());
}

#[test]
fn status_is_drawn_again_and_again_on_a_terminal() {
    let (endpoint, docker) = (Endpoint::start(), Dockerd::start());
    let (mut agent, web) = started(&endpoint, &docker);
    let mut watch = agent.on_terminal(&["status", "--watch=200ms"], 50, 100);
    watch
        .wait_until(LIMIT, "the page", |screen| screen.contains("all is well") && screen.contains("1 lines"));
    web.say("n=2");
    watch.wait_until(LIMIT, "the new line", |screen| screen.contains("2 lines"));
    assert_eq!(watch.text().matches("Containers (").count(), 1, "in place, not below: {}", watch.text());
    watch.types("\u{3}");
    assert!(watch.wait_exit(END).success());
    assert!(watch.is_restored());
    agent.stop(STOP);
}
