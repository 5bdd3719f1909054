//! Every log driver, and every shape of bytes that a container can print into one.

use harness::agent::{Agent, Options};
use harness::docker::{Collector, Dockerd, Run};
use harness::endpoint::Endpoint;
use harness::stream::{GROUP, LIMIT, STOP, numbers};

/// Long enough for several rotations at a megabyte.
const LINES: u64 = 30_000;

fn counting(lines: u64) -> String {
    format!("awk 'BEGIN {{ for (i = 1; i <= {lines}; i++) printf \"n=%d %080d\\n\", i, 0 }}'")
}

#[test]
fn whatever_the_driver_each_line_arrives_once_and_in_order() {
    let (endpoint, collector) = (Endpoint::start(), Collector::start());
    let docker = Dockerd::start_with(collector.options());
    let mut agent = Agent::start(Options::new(&endpoint).with_docker(&docker));
    let script = &counting(LINES);
    let cases: [(&str, &str, &[&str], bool); 8] = [
        ("plain", "json-file", &[], false),
        ("rotated", "json-file", &["max-size=1m", "max-file=3"], false),
        ("compressed", "json-file", &["max-size=1m", "max-file=3", "compress=true"], false),
        ("json-tty", "json-file", &["max-size=1m", "max-file=3"], true),
        ("local", "local", &["max-size=1m", "max-file=5", "compress=false"], false),
        ("local-tty", "local", &["max-size=1m", "max-file=5"], true),
        // Over Docker's API, from the copy that Docker keeps.
        ("remote", "syslog", &[], false),
        ("remote-tty", "syslog", &[], true),
    ];
    for (name, driver, log_options, tty) in cases {
        docker.run(&Run { name, script, log_driver: Some(driver), log_options, tty, ..Run::default() });
        endpoint.stream(GROUP, &format!("/{name}/")).await_lines(&mut agent, LINES);
    }
    agent.stop(STOP);
    for (name, ..) in cases {
        endpoint.stream(GROUP, &format!("/{name}/")).assert_each_once(LINES);
    }
    endpoint.assert_no_breach();
}

/// What never gets to this host's disk is nobody's to read; it is said, and holds up nothing.
#[test]
fn drivers_that_keep_nothing_are_named() {
    let (endpoint, elsewhere) = (Endpoint::start(), Endpoint::start());
    let environment = [("AWS_ACCESS_KEY_ID", "AKIDEXAMPLE"), ("AWS_SECRET_ACCESS_KEY", "secret")];
    let environment = environment.map(|(name, value)| (name.to_owned(), value.to_owned())).to_vec();
    let docker =
        Dockerd::start_with(harness::docker::Options { environment, ..harness::docker::Options::default() });
    let mut agent = Agent::start(Options::new(&endpoint).with_docker(&docker));
    docker.run(&Run { name: "nowhere", script: "echo n=1", log_driver: Some("none"), ..Run::default() });
    let at = format!("awslogs-endpoint={}", elsewhere.url());
    let log_options =
        &[at.as_str(), "awslogs-region=eu-west-1", "awslogs-group=/own", "awslogs-create-group=true"];
    let own =
        Run { name: "own", script: "echo n=1", log_driver: Some("awslogs"), log_options, ..Run::default() };
    docker.run(&own);
    docker.run_script("plain", "echo n=1");
    endpoint.stream(GROUP, "/plain/").await_distinct(&mut agent, 1);
    let said = agent.log();
    for word in [
        "container own logs by the awslogs driver, which sends its lines itself: skipped",
        "container nowhere logs nowhere (driver none)",
    ] {
        assert_eq!(said.matches(word).count(), 1, "{word}: {said}");
    }
    agent.stop(STOP);
    let arrived = endpoint.arrived();
    assert!(arrived.iter().all(|(_, stream)| stream.contains("/plain/")), "{arrived:?}");
}

#[test]
fn pipes_terminals_and_unfinished_lines() {
    let (endpoint, collector) = (Endpoint::start(), Collector::start());
    let docker = Dockerd::start_with(collector.options());
    let mut agent = Agent::start(Options::new(&endpoint).with_docker(&docker));
    let both = "for i in $(seq 1 500); do echo \"out n=$i\"; echo \"err n=$i\" >&2; done; printf 'the end'";
    for (driver, tty) in
        ["json-file", "local", "syslog"].into_iter().flat_map(|name| [(name, false), (name, true)])
    {
        let name = format!("{driver}-{tty}");
        docker.run(&Run { name: &name, script: both, log_driver: Some(driver), tty, ..Run::default() });
        let stream = endpoint.stream(GROUP, &format!("/{name}/"));
        stream.await_lines(&mut agent, 1_001);
        stream.await_message(&mut agent, "the end");
        let messages = stream.messages();
        assert_eq!(messages.len(), 1_001, "{name}");
        let expected: Vec<u64> = (1..=500).collect();
        for pipe in ["out ", "err "] {
            let of_pipe: Vec<_> =
                messages.iter().filter(|message| message.starts_with(pipe)).cloned().collect();
            assert_eq!(numbers(&of_pipe), expected, "{pipe} of {name}");
        }
    }
    agent.stop(STOP);
    endpoint.assert_no_breach();
}

/// Parts say which they are; without that, they are the line.
fn without_marks(messages: &[String]) -> String {
    let body = |message: &String| {
        let marked = message.starts_with("[part ") || message.starts_with("[piece ");
        let rest = marked.then(|| message.split_once("] ")).flatten();
        rest.map_or(message.as_str(), |(_, rest)| rest).to_owned()
    };
    messages.iter().map(body).collect()
}

#[test]
fn long_empty_and_binary_lines() {
    let (endpoint, collector) = (Endpoint::start(), Collector::start());
    let docker = Dockerd::start_with(collector.options());
    let mut agent = Agent::start(Options::new(&endpoint).with_docker(&docker));
    // Ten bytes a block; the line ends without a newline before the container goes on to the next.
    let blocks = |blocks: u64| {
        format!(
            "awk 'BEGIN {{ for (i = 1; i <= {blocks}; i++) printf \"%09d,\", i; print \"\" }}'; echo after"
        )
    };
    let line = |blocks: u64| (1..=blocks).map(|block| format!("{block:09},")).collect::<Vec<_>>().concat();
    for (driver, tty) in
        ["json-file", "local", "syslog"].into_iter().flat_map(|name| [(name, false), (name, true)])
    {
        let label = if tty { format!("{driver}-tty") } else { driver.to_owned() };
        let run = |name: &str, script: &str| {
            let run = Run { name, script, log_driver: Some(driver), tty, ..Run::default() };
            docker.run(&run).short_id().to_owned()
        };
        let id = run(&format!("forty-{label}"), &blocks(4_000));
        let forty = endpoint.stream(GROUP, &id);
        forty.await_message(&mut agent, "after");
        assert_eq!(forty.messages(), [line(4_000), "after".to_owned()], "{label}");

        let odd = "echo first; echo; echo ' '; printf 'a\\000b \\377\\376 c\\n'; \
                   head -c 300000 /dev/urandom; echo; echo last";
        let id = run(&format!("odd-{label}"), odd);
        let odd = endpoint.stream(GROUP, &id);
        odd.await_message(&mut agent, "last");
        let messages = odd.messages();
        assert_eq!(messages[..2], ["first", "a\u{2400}b \u{fffd}\u{fffd} c"], "{label}");
        assert!(messages.iter().all(|message| !message.is_empty()), "{label}");

        // The way of a file is the same with a terminal.
        if tty && driver != "syslog" {
            continue;
        }
        let id = run(&format!("large-{label}"), &blocks(1_000_000));
        let large = endpoint.stream(GROUP, &id);
        large.await_message(&mut agent, "after");
        let mut messages = large.messages();
        assert_eq!(messages.pop().as_deref(), Some("after"), "{label}");
        assert!(messages.len() > 1, "{label}");
        for (number, message) in (1..).zip(&messages) {
            let last = if number == messages.len() { ", last" } else { "" };
            assert!(message.starts_with(&format!("[part {number}{last}] ")), "{label}: {message:.60}");
        }
        let (whole, expected) = (without_marks(&messages), line(1_000_000));
        assert!(whole == expected, "{label}: {} of {} bytes", whole.len(), expected.len());
    }
    agent.stop(STOP);
    endpoint.assert_no_breach();
}

/// As fast as a container can print, with the rotation that Docker's own documentation advises.
#[test]
fn three_hundred_thousand_lines_at_once() {
    const MANY: u64 = 300_000;
    let (endpoint, docker) = (Endpoint::start(), Dockerd::start());
    let mut agent = Agent::start(Options::new(&endpoint).with_docker(&docker));
    let script = counting(MANY);
    let log_options = &["max-size=10m", "max-file=3"];
    let container = docker.run(&Run { name: "many", script: &script, log_options, ..Run::default() });
    let many = endpoint.stream(GROUP, "/many/");
    many.await_distinct(&mut agent, MANY);
    container.wait_exit(LIMIT);
    agent.stop(STOP);
    many.assert_each_once(MANY);
    endpoint.assert_no_breach();

    // Docker's own stamps, cut to milliseconds, on what it still has.
    let stamped = docker.expect(["logs", "--timestamps", "--tail=2000", container.id()]);
    let expected: Vec<(i64, &str)> = stamped.lines().map(stamp).collect();
    let events = many.events();
    let newest = &events[events.len() - expected.len()..];
    let arrived: Vec<_> = newest.iter().map(|event| (event.timestamp, event.message.as_str())).collect();
    assert!(arrived == expected, "{:?} is not {:?}", arrived.first(), expected.first());
}

fn stamp(line: &str) -> (i64, &str) {
    let (time, text) = line.split_once(' ').unwrap();
    (time.parse::<jiff::Timestamp>().unwrap().as_millisecond(), text)
}
