//! `logs`: what containers print, as it is shipped, from what the host still has.

use std::fs;
use std::process::Output;
use std::time::Duration;

use harness::agent::{Agent, Options};
use harness::docker::{Collector, Dockerd, IDLE, Options as DockerOptions, Run};
use harness::endpoint::Endpoint;
use harness::stream::LIMIT;
use rustix::process::Signal;
use serde_json::Value;

/// Runs `logs` to its end: its exit code, what it printed, and what it complained of.
fn logs(docker: &Dockerd, arguments: &[&str]) -> (i32, String, String) {
    let options = Options::at("http://127.0.0.1:1").with_docker(docker);
    let arguments = [&["logs"], arguments].concat();
    let Output { status, stdout, stderr } = Agent::output(options.with_arguments(&arguments));
    let text = |bytes| String::from_utf8(bytes).unwrap();
    (status.code().unwrap(), text(stdout), text(stderr))
}

fn shown(docker: &Dockerd, arguments: &[&str]) -> String {
    let (code, said, complained) = logs(docker, arguments);
    assert_eq!(code, 0, "{arguments:?}: {said}\n{complained}");
    said
}

/// Without time and name.
fn messages(text: &str) -> Vec<&str> {
    text.lines().map(|line| line.splitn(3, ' ').nth(2).unwrap()).collect()
}

#[test]
fn the_last_lines_come_structured_redacted_and_merged_by_time() {
    let docker = Dockerd::start();
    let api = docker.run_script(
        "api",
        "echo '{\"level\":\"INFO\",\"msg\":\"Failed to connect to the database\"}'; \
         echo '{\"level\":\"WARN\",\"msg\":\"slow\"}'; echo 'password=hunter2 given'; \
         printf '\\033]0;title\\007\\033[31mred\\033[0m\\n'; \
         printf 'panic: boom\\n\\ngoroutine 1 [running]:\\nmain.main()\\n\\t/app/main.go:1\\n' >&2; \
         sleep 1; echo later",
    );
    api.wait_exit(LIMIT);
    let web = docker.run_script(
        "web",
        "echo '[GIN] 2026/01/26 - 19:45:10 | 502 |  1.5ms | 10.0.0.1 | GET \"/tasks\"'; echo last",
    );
    web.wait_exit(LIMIT);
    docker.run(&Run {
        name: "hidden",
        script: "echo secret",
        labels: &["starttech.logs=false"],
        ..Run::default()
    });

    let all = shown(&docker, &[]);
    assert!(all.contains(" api red\n") && !all.contains('\u{1b}') && !all.contains('\u{7}'), "{all}");
    assert!(!all.contains("hunter2") && !all.contains("hidden"), "{all}");
    let (at_api, at_web) = (all.find(" api ").unwrap(), all.find(" web ").unwrap());
    assert!(all.find("boom") < all.find("later"), "a trace stands where it was printed: {all}");
    assert!(at_api < at_web && all.ends_with(" web last\n"), "{all}");
    let times: Vec<&str> = all.lines().map(|line| line.split(' ').next().unwrap()).collect();
    assert!(times.is_sorted(), "{all}");

    let errors = shown(&docker, &["--level", "error", "--json"]);
    let errors: Vec<Value> = errors.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    let said: Vec<&str> = errors.iter().map(|line| line["message"].as_str().unwrap()).collect();
    assert_eq!(said.len(), 3, "{said:?}");
    assert!(
        said.iter().any(|line| line.contains("Failed to connect")),
        "a fatal that is labelled INFO: {said:?}"
    );
    assert!(
        said.iter().any(|line| line.contains("boom") && line.contains("goroutine 1")),
        "one event: {said:?}"
    );
    assert!(said.iter().any(|line| line.contains("\"status\":502")), "{said:?}");
    assert!(errors.iter().all(|line| line["group"] == "/starttech/backend"), "{errors:?}");

    assert_eq!(messages(&shown(&docker, &["web", "--tail", "1"])), ["last"]);
    assert_eq!(messages(&shown(&docker, &["--grep", "^re[d]$"])), ["red"]);
    let id = &api.id()[..12];
    assert_eq!(shown(&docker, &[id]), shown(&docker, &["api"]));

    let (code, _, said) = logs(&docker, &["ap"]);
    assert!(code == 1 && said.contains("did you mean api?"), "{said}");
    let (code, _, said) = logs(&docker, &["hidden"]);
    assert!(code == 1 && said.contains("left out, as configured"), "{said}");
    assert_eq!(logs(&docker, &["--level", "loud"]).0, 64);
}

#[test]
fn rotated_files_are_read_and_since_begins_in_the_middle() {
    let docker = Dockerd::start();
    for (name, driver) in [("json", "json-file"), ("local", "local")] {
        let options = ["max-size=20k", "max-file=5", "compress=false"];
        let run = Run {
            name,
            script: "i=0; while [ $i -lt 400 ]; do echo n=$i; i=$((i+1)); done; sleep 7; echo late=1; echo late=2",
            log_driver: Some(driver),
            log_options: &options,
            ..Run::default()
        };
        docker.run(&run);
    }
    for name in ["json", "local"] {
        harness::wait::until(LIMIT, "the last line", || {
            docker.docker(["logs", "--tail=1", name]).stdout.ends_with(b"late=2\n")
        });
        let all = shown(&docker, &[name, "--tail", "all"]);
        let lines = messages(&all);
        assert_eq!(lines.len(), 402, "{name}");
        assert_eq!((lines[0], lines[399], lines[401]), ("n=0", "n=399", "late=2"));
        assert_eq!(messages(&shown(&docker, &[name, "--tail", "3"])), ["n=399", "late=1", "late=2"]);
        let since = all.lines().nth(400).unwrap().split(' ').next().unwrap().to_owned();
        assert_eq!(messages(&shown(&docker, &[name, "--since", &since])), ["late=1", "late=2"], "{name}");
        assert_eq!(messages(&shown(&docker, &[name, "--since", "10m", "--tail", "1"])), ["late=2"]);
    }
}

#[test]
fn following_goes_on_over_rotation_restarts_and_new_containers_until_ctrl_c() {
    let docker = Dockerd::start();
    let script = format!("echo up; {IDLE}");
    let options = ["max-size=4k", "max-file=2"];
    let api = docker.run(&Run { name: "api", script: &script, log_options: &options, ..Run::default() });
    let agent_options =
        Options::at("http://127.0.0.1:1").with_docker(&docker).with_arguments(&["logs", "--follow"]);
    let mut follow = Agent::start(agent_options);
    let log = follow.directory().join("log");
    let count = |word: &str| fs::read_to_string(&log).unwrap_or_default().matches(word).count();
    follow.wait_until(LIMIT, "the first line", || count("up\n") == 1);
    for number in 0..100 {
        api.say(&format!("n={number:03} {}", "x".repeat(100)));
    }
    follow.wait_until(LIMIT, "lines over rotations", || count(" api n=") == 100);
    api.restart(1);
    follow.wait_until(LIMIT, "the line of the restart", || count(" api up\n") == 2);
    docker.run_script("late", "echo 'I am new'");
    follow.wait_until(LIMIT, "a new container", || count(" late I am new\n") == 1);
    follow.signal(Signal::INT);
    let status = follow.wait_exit(Duration::from_secs(5));
    assert_eq!(status.code(), Some(0), "{}", follow.log_tail());
    assert_eq!((count(" api n="), count(" api up\n")), (100, 2), "none twice");
}

/// A driver that keeps no file of its own, and files that are out of sight, as in a container without Docker's directory.
#[test]
fn what_keeps_no_file_that_can_be_read_comes_over_dockers_api() {
    let (collector, nothing) = (Collector::start(), tempfile::tempdir().unwrap());
    let docker = Dockerd::start_with(collector.options());
    let script = "i=0; while [ $i -lt 300 ]; do echo n=$i; i=$((i+1)); done; echo 'password=hunter2 given' >&2; \
                  printf 'panic: boom\\n\\ngoroutine 1 [running]:\\nmain.main()\\n\\t/app/main.go:1\\n' >&2; \
                  sleep 2; echo late=1; echo late=2; trap 'exit 0' TERM; sleep 100000 & wait";
    let drivers = [("remote", "syslog"), ("local", "local"), ("json", "json-file")];
    for (name, driver) in drivers {
        docker.run(&Run { name, script, log_driver: Some(driver), ..Run::default() });
    }
    let containers = docker.containers();
    let options = Options::at("http://127.0.0.1:1").with_docker(&docker);
    let options = options.with_mounts(&[(&containers, nothing.path())]);
    let seen = |arguments: &[&str]| {
        let arguments = [&["logs"], arguments].concat();
        let output = Agent::output(options.clone().with_arguments(&arguments));
        assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
        assert_eq!(String::from_utf8_lossy(&output.stderr), "", "all was looked through: {arguments:?}");
        String::from_utf8(output.stdout).unwrap()
    };
    for (name, driver) in drivers {
        harness::wait::until(LIMIT, "the last line", || {
            docker.docker(["logs", "--tail=1", name]).stdout.ends_with(b"late=2\n")
        });
        let all = seen(&[name, "--tail", "all"]);
        let out: Vec<&str> = messages(&all).into_iter().filter(|line| line.contains('=')).collect();
        let numbers: Vec<String> = (0..300).map(|number| format!("n={number}")).collect();
        let of_out: Vec<&str> = out.iter().copied().filter(|line| !line.starts_with("password")).collect();
        assert_eq!(of_out[..300], numbers[..], "{driver}");
        assert_eq!(of_out[300..], ["late=1", "late=2"], "{driver}");
        assert!(out.contains(&"password=*** given") && !all.contains("hunter2"), "{driver}: {all}");
        let trace = seen(&[name, "--grep", "goroutine 1", "--json"]);
        let trace: Value =
            serde_json::from_str(&trace).unwrap_or_else(|error| panic!("{driver}: {error}: {trace}"));
        assert!(trace["message"].as_str().unwrap().contains("boom"), "one event: {driver}: {trace}");
        assert_eq!(messages(&seen(&[name, "--tail", "2"])), ["late=1", "late=2"], "{driver}");
        assert_eq!(seen(&[name, "--tail", "1000"]), all, "{driver}");
        let since = all.lines().find(|line| line.ends_with("late=1")).unwrap().split(' ').next().unwrap();
        assert_eq!(messages(&seen(&[name, "--since", since])), ["late=1", "late=2"], "{driver}");
    }

    let mut follow = Agent::start(options.with_arguments(&["logs", "--follow", "--tail", "1"]));
    let log = follow.directory().join("log");
    let count = |word: &str| fs::read_to_string(&log).unwrap_or_default().matches(word).count();
    follow.wait_until(LIMIT, "the last line", || count("late=2\n") == 1);
    for (name, _) in drivers {
        docker.expect(["exec", name, "sh", "-c", &format!("echo 'new of {name}' >/proc/1/fd/1")]);
        follow.wait_until(LIMIT, name, || count(&format!(" {name} new of {name}\n")) == 1);
    }
    follow.signal(Signal::INT);
    let status = follow.wait_exit(Duration::from_secs(5));
    assert_eq!(status.code(), Some(0), "{}", follow.log_tail());
    assert_eq!((count("late=2\n"), count("new of")), (1, 3), "none twice");
}

#[test]
fn what_is_missing_is_said_in_words() {
    let docker = Dockerd::start_with(DockerOptions::default());
    let (code, _, said) = logs(&docker, &[]);
    assert!(code == 1 && said.contains("there are no containers on this host"), "{said}");
    docker.run(&Run { name: "silent", script: "echo x", log_driver: Some("none"), ..Run::default() });
    let (code, _, said) = logs(&docker, &["silent"]);
    assert!(code == 1 && said.contains("driver none, which keeps nothing"), "{said}");
    let endpoint = Endpoint::start();
    let nowhere =
        Options::new(&endpoint).with_variable("STARTTECH_DOCKER_SOCKET", "unix:///nonexistent/s.sock");
    let output = Agent::output(nowhere.with_arguments(&["logs"]));
    let said = String::from_utf8(output.stderr).unwrap();
    let words = "Docker is not here (there is no /nonexistent/s.sock)";
    assert!(
        output.status.code() == Some(1) && said.contains(words) && said.contains("logs --dir DIR"),
        "{said}"
    );
    assert!(!said.contains("waits"), "of this command, not of the daemon: {said}");
    assert_eq!(endpoint.totals().connections, 0, "AWS is not asked");
}

#[test]
fn what_the_local_mode_shipped_is_shown_without_docker() {
    let directory = tempfile::tempdir().unwrap();
    let file = directory.path().join("starttech/backend/host/api/0123.jsonl");
    fs::create_dir_all(file.parent().unwrap()).unwrap();
    fs::write(
        &file,
        "{\"timestamp\":1000,\"message\":\"a\\u001b[2Jb\"}\n{\"timestamp\":2000,\"message\":\"c\"}\n",
    )
    .unwrap();
    let run = |more: &[&str]| {
        let arguments = [&["logs", "--dir", directory.path().to_str().unwrap()], more].concat();
        let output = Agent::output(Options::at("").with_arguments(&arguments));
        String::from_utf8([output.stdout, output.stderr].concat()).unwrap()
    };
    assert_eq!(run(&[]), "1970-01-01T00:00:01.000Z api ab\n1970-01-01T00:00:02.000Z api c\n");
    assert_eq!(run(&["api", "--since", "1970-01-01T00:00:01.500Z"]), "1970-01-01T00:00:02.000Z api c\n");
    assert!(run(&["apo"]).contains("did you mean api?"));
}
