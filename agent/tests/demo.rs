//! The demonstration as its user has it: the binary, a directory, requests by HTTP, Ctrl-C.

#![expect(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    clippy::string_slice,
    clippy::disallowed_methods,
    reason = "a test: what is not as expected ends it, and its helpers are no different"
)]

use std::collections::HashMap;
use std::fs;
use std::io::{BufRead, BufReader, Read, Write};
use std::net::TcpStream;
use std::path::Path;
use std::process::{Child, ChildStdout, Command, Stdio};
use std::time::{Duration, Instant};

use rustix::process::{Pid, Signal, kill_process};
use serde_json::Value;
use tempfile::TempDir;

/// A demonstration that is running.
struct Demo {
    child: Child,
    out: BufReader<ChildStdout>,
    address: String,
}

impl Demo {
    /// Starts it and waits until it says where it listens.
    fn start(temporary: &Path, arguments: &[&str]) -> Self {
        let mut command = Command::new(env!("CARGO_BIN_EXE_starttech-agent"));
        // A host's own configuration must not matter.
        command.env("STARTTECH_LOGS_RETENTION_DAYS", "nonsense").env("TMPDIR", temporary);
        command.arg("demo").args(arguments).stdout(Stdio::piped()).stderr(Stdio::piped());
        let mut child = command.spawn().unwrap();
        let mut out = BufReader::new(child.stdout.take().unwrap());
        let mut line = String::new();
        let address = loop {
            line.clear();
            assert!(out.read_line(&mut line).unwrap() > 0, "it ended: {}", errors(&mut child));
            if let Some(rest) = line.split_once("curl http://").map(|(_, rest)| rest) {
                break rest.split('/').next().unwrap().to_owned();
            }
        };
        Self { child, out, address }
    }

    fn request(&self, head: &str, body: &str) -> String {
        let mut stream = TcpStream::connect(&self.address).unwrap();
        let length = body.len();
        write!(
            stream,
            "{head} HTTP/1.1\r\nHost: x\r\nConnection: close\r\nContent-Length: {length}\r\n\r\n{body}"
        )
        .unwrap();
        let mut answer = String::new();
        stream.read_to_string(&mut answer).unwrap();
        answer
    }

    fn interrupt(&self, signal: Signal) {
        kill_process(Pid::from_child(&self.child), signal).unwrap();
    }

    /// Waits for its end: exit code 0, nothing but alerts on standard error. What it printed.
    fn end(mut self) -> String {
        let mut rest = String::new();
        self.out.read_to_string(&mut rest).unwrap();
        let status = self.child.wait().unwrap();
        let errors = errors(&mut self.child);
        let others: Vec<_> = errors.lines().filter(|line| !line.contains("] alert: ")).collect();
        assert_eq!((status.code(), others), (Some(0), vec![]), "{rest}");
        rest
    }
}

fn errors(child: &mut Child) -> String {
    let mut text = String::new();
    child.stderr.take().unwrap().read_to_string(&mut text).unwrap();
    text
}

/// The messages of all streams below a directory.
fn shipped(directory: &Path) -> Vec<String> {
    let mut messages = Vec::new();
    for entry in fs::read_dir(directory).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() && !path.ends_with(".spool") {
            messages.extend(shipped(&path));
        } else if path.extension().is_some_and(|ending| ending == "jsonl")
            && !path.ends_with("metrics.jsonl")
            && !path.ends_with("alerts.jsonl")
        {
            let text = fs::read_to_string(path).unwrap();
            messages.extend(text.lines().map(|line| {
                let event: Value = serde_json::from_str(line).unwrap();
                event["message"].as_str().unwrap().to_owned()
            }));
        }
    }
    messages
}

/// How often each number of the backend's own entries came.
fn numbers(messages: &[String]) -> HashMap<u32, u32> {
    let mut numbers = HashMap::new();
    for message in messages {
        if let Some((_, rest)) = message.split_once("r-0") {
            *numbers.entry(rest[..5].parse().unwrap()).or_default() += 1;
        }
    }
    numbers
}

#[test]
fn every_line_arrives_once_structured_and_redacted() {
    let (work, temporary) = (TempDir::new().unwrap(), TempDir::new().unwrap());
    let dir = work.path().to_str().unwrap();
    let demo = Demo::start(temporary.path(), &["--for", "3s", "--lines-per-second", "200", "--dir", dir]);
    let health = demo.request("GET /health", "");
    assert!(health.starts_with("HTTP/1.1 200 ") && health.contains(r#""status":"ok""#), "{health}");
    assert!(demo.request("GET /nothing?x=1&y=2", "").starts_with("HTTP/1.1 404 "));
    assert!(demo.request("GET /panic", "").starts_with("HTTP/1.1 500 "));
    demo.request("POST /auth/login", r#"{"username":"ada","password":"hunter2"}"#);
    let said = demo.end();
    assert!(said.contains("all of them, each once"), "{said}");

    let metrics = fs::read_to_string(work.path().join("shipped/metrics.jsonl")).unwrap();
    let metrics: Vec<Value> = metrics.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    let of = |name: &str| metrics.iter().filter(|point| point["name"] == name).collect::<Vec<_>>();
    assert!(of("requests").iter().any(|point| point["value"].as_f64() > Some(0.0)), "{metrics:?}");
    assert!(of("health_up").iter().any(|point| point["max"] == 1.0), "{metrics:?}");

    let messages = shipped(work.path());
    let numbers = numbers(&messages);
    let count = u32::try_from(numbers.len()).unwrap();
    assert!((300..=700).contains(&count), "{count} in three seconds");
    for n in 0..count {
        assert_eq!(numbers.get(&n), Some(&1), "of {n}");
    }
    let rotated = fs::read_dir(work.path().join("container")).unwrap().count();
    assert_eq!(rotated, 3, "the log was rotated");

    let all = messages.join("\n");
    for secret in ["hunter2", "correct-horse", "battery-staple", "eyJ"] {
        assert!(!all.contains(secret), "{secret} is shipped");
    }
    assert!(all.contains(r#"\"password\":\"***\""#));
    for message in &messages {
        let json: Value =
            serde_json::from_str(message).unwrap_or_else(|_| panic!("not structured: {message}"));
        assert!(
            json["time"].is_string() && json["level"].is_string() && json["msg"].is_string(),
            "{message}"
        );
    }
    let access = |path: &str| {
        messages.iter().filter(|message| message.contains(&format!(r#""path":"{path}""#))).count()
    };
    assert_eq!([access("/nothing?x=1&y=2"), access("/auth/login"), access("/panic")], [1, 1, 2]);
    assert!(access("/health") > 1, "the agent's own checks are there, too");
    let stacks =
        messages.iter().filter(|message| message.contains("[Recovery]") && message.contains("NOP")).count();
    assert!(stacks >= 2, "{stacks} recovered panics in one event each");
}

/// A day has two minutes, and each trouble of it has a beginning and an end.
#[test]
fn what_goes_wrong_is_told_and_its_end_too() {
    let (work, temporary) = (TempDir::new().unwrap(), TempDir::new().unwrap());
    let dir = work.path().to_str().unwrap();
    let said = Demo::start(temporary.path(), &["--for", "110s", "--dir", dir]).end();
    assert!(said.contains("all of them, each once"), "{said}");
    let alerts = fs::read_to_string(work.path().join("shipped/alerts.jsonl")).unwrap();
    let alerts: Vec<Value> = alerts.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    for rule in ["panic", "failures", "container-out-of-memory"] {
        let of_rule = alerts.iter().filter(|alert| alert["StartTech"]["Rule"] == rule);
        let states: Vec<_> = of_rule.map(|alert| alert["NewStateValue"].as_str().unwrap()).collect();
        assert_eq!(states[..2], ["ALARM", "OK"], "of {rule}: {alerts:#?}");
        let died = alerts.iter().find(|alert| alert["StartTech"]["Rule"] == "container-out-of-memory");
        let lines = died.unwrap()["StartTech"]["Containers"][0]["Lines"].as_array().expect("its last lines");
        assert_eq!(lines.len(), 20, "{lines:#?}");
    }
}

#[test]
fn a_signal_ends_it_in_time_and_nothing_is_left_behind() {
    for signal in [Signal::INT, Signal::TERM, Signal::HUP] {
        let temporary = TempDir::new().unwrap();
        let mut demo = Demo::start(temporary.path(), &["--lines-per-second", "50"]);
        // The first lines are on their way, so that there is something to let arrive.
        let mut line = String::new();
        while !line.starts_with("sample-backend ") {
            line.clear();
            demo.out.read_line(&mut line).unwrap();
        }
        assert_eq!(fs::read_dir(temporary.path()).unwrap().count(), 1);
        let asked = Instant::now();
        demo.interrupt(signal);
        let said = demo.end();
        assert!(asked.elapsed() < Duration::from_secs(3), "{signal:?}: {:?}", asked.elapsed());
        assert!(said.contains("all of them, each once"), "{said}");
        assert_eq!(fs::read_dir(temporary.path()).unwrap().count(), 0, "{signal:?}");
    }
}

#[test]
fn it_ends_when_nobody_reads() {
    let temporary = TempDir::new().unwrap();
    let Demo { mut child, out, .. } = Demo::start(temporary.path(), &[]);
    drop(out);
    assert_eq!((child.wait().unwrap().code(), errors(&mut child)), (Some(0), String::new()));
    assert_eq!(fs::read_dir(temporary.path()).unwrap().count(), 0);
}

#[test]
fn a_second_run_goes_on_in_the_same_directory() {
    let (work, temporary) = (TempDir::new().unwrap(), TempDir::new().unwrap());
    let arguments = ["--dir", work.path().to_str().unwrap(), "--for", "500ms", "--lines-per-second", "100"];
    let mut before = 0;
    for _ in 0..2 {
        let said = Demo::start(temporary.path(), &arguments).end();
        assert!(said.contains("all of them, each once"), "{said}");
        let messages = shipped(work.path());
        assert!(messages.len() > before);
        before = messages.len();
    }
    assert!(numbers(&shipped(work.path())).values().all(|times| *times <= 2));
}

#[test]
fn a_directory_that_cannot_be_used_is_named() {
    let output = |arguments: &[&str], temporary: &str| {
        let mut command = Command::new(env!("CARGO_BIN_EXE_starttech-agent"));
        let output = command.arg("demo").args(arguments).env("TMPDIR", temporary).output().unwrap();
        assert_eq!(output.status.code(), Some(1));
        String::from_utf8(output.stderr).unwrap()
    };
    let said = output(&[], "/nonexistent/tmp");
    assert!(said.contains("/nonexistent/tmp") && said.contains("--dir"), "{said}");
    let said = output(&["--dir", "/proc/demo"], "/tmp");
    assert!(said.contains("cannot make /proc/demo"), "{said}");
    let work = TempDir::new().unwrap();
    let dir = work.path().to_str().unwrap();
    let first = Demo::start(work.path(), &["--dir", dir]);
    let said = output(&["--dir", dir], "/tmp");
    assert!(said.contains("another demo works in"), "{said}");
    first.interrupt(Signal::INT);
    first.end();
}
