//! What befalls a log file besides rotation: truncation, removal, other places, no descriptor left.

use std::fs::{self, File};
use std::os::unix::fs::symlink;

use harness::agent::{Agent, Options};
use harness::docker::{Container, Dockerd, IDLE, Options as DockerOptions, Run};
use harness::endpoint::Endpoint;
use harness::process;
use harness::stream::{GROUP, LIMIT, STOP, numbers};
use rustix::process::{Pid, Resource, Rlimit, Signal, getrlimit, prlimit};

/// Prints numbered lines without end, some hundred a second.
const STEADY: &str = "i=0; while :; do i=$((i+1)); echo n=$i; sleep 0.003; done";

fn cut_off(container: &Container<'_>) {
    File::options().write(true).open(container.log_path()).unwrap().set_len(0).unwrap();
}

#[test]
fn what_is_printed_after_a_truncation_arrives_once() {
    let (endpoint, docker) = (Endpoint::start(), Dockerd::start());
    let mut agent = Agent::start(Options::new(&endpoint).with_docker(&docker));
    let busy = docker.run_script("busy", STEADY);
    let steady = endpoint.stream(GROUP, "/busy/");
    let mut before = Vec::new();
    for _ in 0..5 {
        let arrived = steady.distinct();
        steady.await_distinct(&mut agent, arrived + 100);
        // As a copying rotation leaves it: a copy beside, the log itself cut off.
        let copy = busy.log_path().with_extension("log.copy");
        fs::copy(busy.log_path(), copy).unwrap();
        before = numbers(&steady.messages());
        cut_off(&busy);
    }
    let arrived = steady.distinct();
    steady.await_distinct(&mut agent, arrived + 100);
    busy.kill();
    let since: Vec<u64> = numbers(&busy.logs().lines().map(str::to_owned).collect::<Vec<_>>());
    let (first, last) = (since[0], since[since.len() - 1]);
    let complete = || numbers(&steady.messages()).last() == Some(&last);
    agent.wait_until(LIMIT, "the last line", complete);
    let arrived = numbers(&steady.messages());
    assert!(arrived.is_sorted_by(|one, next| one < next), "repeated or out of order");
    assert!(arrived.ends_with(&since), "lost after the last truncation, at {first}");
    assert!(arrived.starts_with(&before), "what had arrived");
    agent.stop(STOP);
    let said = agent.log();
    assert_eq!(said.matches("the log of container busy was truncated").count(), 1, "{said}");
    endpoint.assert_no_breach();
}

#[test]
fn a_silent_log_may_be_cut_off_too_and_brings_nothing_back() {
    let (endpoint, docker) = (Endpoint::start(), Dockerd::start());
    let mut agent = Agent::start(Options::new(&endpoint).with_docker(&docker));
    let script =
        format!("awk 'BEGIN {{ for (i = 1; i <= 500; i++) printf \"n=%d %080d\\n\", i, 0 }}'; {IDLE}");
    let log_options = &["max-size=30k", "max-file=9"];
    let silent = docker.run(&Run { name: "silent", script: &script, log_options, ..Run::default() });
    let stream = endpoint.stream(GROUP, "/silent/");
    stream.await_distinct(&mut agent, 500);
    assert!(silent.log_path().with_extension("log.1").exists(), "it was rotated");

    cut_off(&silent);
    let log = agent.directory().join("log");
    let said = || fs::read_to_string(&log).unwrap_or_default().contains("container silent was truncated");
    agent.wait_until(LIMIT, "word of it", said);
    // Nothing was printed since, and the files that were rotated before are still there.
    agent.stop(STOP);
    agent.start_again();
    silent.say("n=501");
    stream.await_distinct(&mut agent, 501);
    // Now while nobody looks.
    agent.stop(STOP);
    cut_off(&silent);
    agent.start_again();
    silent.say("n=502");
    stream.await_distinct(&mut agent, 502);
    // Each line as long as the one before: the size alone tells nothing.
    for n in 503..510 {
        cut_off(&silent);
        silent.say(&format!("n={n}"));
        stream.await_distinct(&mut agent, n);
    }
    agent.stop(STOP);
    stream.assert_each_once(509);
    endpoint.assert_no_breach();
}

#[test]
fn a_data_root_behind_a_link_and_with_spaces_is_read() {
    let endpoint = Endpoint::start();
    let data = Some("a link/docker's data");
    let mut docker = Dockerd::prepared(DockerOptions { data, ..DockerOptions::default() });
    // As it is where somebody moved it: dockerd follows the link once, at its start.
    fs::create_dir_all(docker.root().join("another disk/docker's data")).unwrap();
    symlink("another disk", docker.root().join("a link")).unwrap();
    docker.start_again();
    docker.import_busybox();
    let count = |from: u32, to: u32| {
        format!("awk 'BEGIN {{ for (i = {from}; i <= {to}; i++) printf \"n=%d %080d\\n\", i, 0 }}';")
    };
    let wait = "while [ ! -e /tmp/go ]; do sleep 0.05; done;";
    let script = [&count(1, 5_000), wait, &count(5_001, 20_000)].concat();
    let log_options = &["max-size=1m", "max-file=4"];
    let before = docker.run(&Run { name: "before", script: &script, log_options, ..Run::default() });
    let mut agent = Agent::start(Options::new(&endpoint).with_docker(&docker));
    endpoint.stream(GROUP, "/before/").await_distinct(&mut agent, 5_000);
    let after = docker.run(&Run { name: "after", script: &script, log_options, ..Run::default() });
    for container in [&before, &after] {
        container.exec("echo >/tmp/go");
        endpoint.stream(GROUP, container.short_id()).await_distinct(&mut agent, 20_000);
    }
    agent.stop(STOP);
    for container in [&before, &after] {
        endpoint.stream(GROUP, container.short_id()).assert_each_once(20_000);
    }
    endpoint.assert_no_breach();
}

/// Docker deletes the log with the container; what was not read is read from the open file.
#[test]
fn a_container_removed_while_we_are_far_behind_is_read_to_its_end() {
    const LINES: u64 = 300_000;
    let endpoint = Endpoint::start_with(harness::endpoint::Options {
        counts_only: true,
        ..harness::endpoint::Options::default()
    });
    let docker = Dockerd::start();
    let mut agent = Agent::start(Options::new(&endpoint).with_docker(&docker));
    let script = format!(
        "echo n=1; while [ ! -e /tmp/go ]; do sleep 0.05; done; \
         awk 'BEGIN {{ for (i = 2; i <= {LINES}; i++) printf \"n=%d %090d\\n\", i, 0 }}'; {IDLE}"
    );
    let container = docker.run_script("behind", &script);
    let stream = endpoint.stream(GROUP, container.short_id());
    stream.await_distinct(&mut agent, 1);
    agent.signal(Signal::STOP);
    container.exec("echo >/tmp/go");
    let size = || fs::metadata(container.log_path()).map_or(0, |metadata| metadata.len());
    harness::wait::until(LIMIT, "50 MB", || size() > 50_000_000);
    container.rm();
    assert!(!container.log_path().exists());
    agent.signal(Signal::CONT);
    stream.await_distinct(&mut agent, stream.distinct() + 1);
    let (mut lines, mut since) = (0, std::time::Instant::now());
    agent.wait_until(LIMIT, "the end", || {
        let now = stream.lines();
        if now != lines {
            (lines, since) = (now, std::time::Instant::now());
        }
        now == LINES || since.elapsed().as_secs() > 5
    });
    agent.stop(STOP);
    assert!(lines > 250_000, "50 MB are more than {lines} lines");
    stream.assert_each_once(lines);
    endpoint.assert_no_breach();
}

/// Leaves the agent so many file descriptors, at most.
fn limit_descriptors(agent: &Agent, count: u64) {
    let pid = Pid::from_raw(agent.pid().cast_signed());
    let limit = Rlimit { current: Some(count), maximum: getrlimit(Resource::Nofile).maximum };
    prlimit(pid, Resource::Nofile, limit).unwrap();
}

const ENOUGH: u64 = 1_000;

#[test]
fn without_file_descriptors_rotation_is_waited_out() {
    let (endpoint, docker) = (Endpoint::start(), Dockerd::start());
    let mut agent = Agent::start(Options::new(&endpoint).with_docker(&docker));
    // Some twelve rotations a turn, of which Docker keeps enough.
    let turn = |from: u32| {
        format!("awk 'BEGIN {{ for (i = {from}; i < {from} + 2000; i++) printf \"n=%d %080d\\n\", i, 0 }}';")
    };
    let wait = |turn: u32| format!("while [ ! -e /tmp/{turn} ]; do sleep 0.05; done;");
    let script = [turn(1), wait(1), turn(2_001), wait(2), turn(4_001), IDLE.to_owned()].concat();
    let log_options = &["max-size=25k", "max-file=60"];
    let container = docker.run(&Run { name: "rotated", script: &script, log_options, ..Run::default() });
    let stream = endpoint.stream(GROUP, "/rotated/");
    stream.await_distinct(&mut agent, 2_000);
    let log = agent.directory().join("log");
    let said = |words: &str| fs::read_to_string(&log).unwrap_or_default().matches(words).count();
    let short = "no file descriptor is left for a rotated log of container rotated";
    let again = "there are file descriptors again for the rotated logs of container rotated";

    // A quarter of them is the spool's and the network's: that many more and not all of the files.
    let taken = process::descriptors(agent.pid()).unwrap();
    limit_descriptors(&agent, taken + taken / 3 + 2);
    container.exec("echo >/tmp/1");
    agent.wait_until(LIMIT, short, || said(short) == 1);
    limit_descriptors(&agent, ENOUGH);
    stream.await_distinct(&mut agent, 4_000);
    agent.wait_until(LIMIT, again, || said(again) == 1);

    // None at all: nothing can be opened, written or connected to, a container's log neither.
    limit_descriptors(&agent, 3);
    container.exec("echo >/tmp/2");
    let late = docker.run_script("late", &format!("echo n=1; {IDLE}"));
    let unopened = "cannot read the log of container late";
    agent.wait_until(LIMIT, unopened, || said(unopened) == 1);
    let last = || container.logs().lines().count() == 6_000;
    harness::wait::until(LIMIT, "the last turn", last);
    limit_descriptors(&agent, ENOUGH);
    stream.await_distinct(&mut agent, 6_000);
    endpoint.stream(GROUP, late.short_id()).await_distinct(&mut agent, 1);
    agent.stop(STOP);
    stream.assert_each_once(6_000);
    assert!(agent.log().contains("LimitNOFILE"), "{}", agent.log());
    assert_eq!(said(unopened), 1, "{}", agent.log());
    endpoint.assert_no_breach();
}
