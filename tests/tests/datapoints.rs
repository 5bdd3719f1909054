//! The delivery of datapoints: whatever becomes of CloudWatch or of the agent, each period arrives with its
//! own time, once; and lines and datapoints do not wait for one another.

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};

use harness::agent::{Agent, Options};
use harness::docker::{Dockerd, IDLE};
use harness::endpoint::{Endpoint, Fault, Operation};
use harness::series::assert_once_a_period;
use harness::stream::{GROUP, LIMIT, STOP};

/// Every file below a directory.
fn files(directory: &Path) -> Vec<PathBuf> {
    let mut found = Vec::new();
    for entry in fs::read_dir(directory).into_iter().flatten().flatten() {
        let path = entry.path();
        if path.is_dir() { found.extend(files(&path)) } else { found.push(path) }
    }
    found
}

/// The periods of `agent_up` that wait in the spool, by when they began.
fn spooled(directory: &Path) -> BTreeSet<i64> {
    let mut times = BTreeSet::new();
    for file in files(&directory.join("spool/metrics")) {
        // One that is still being written is not there yet: a kill may come before its rename.
        if file.extension().is_some_and(|extension| extension == "unfinished") {
            continue;
        }
        // One that has just been delivered is gone.
        let content = fs::read(&file).unwrap_or_default();
        let text = String::from_utf8_lossy(&content);
        for datum in text.split("\"name\":\"agent_up\"").skip(1) {
            let time = datum.split("\"time\":").nth(1).unwrap_or_default();
            let digits: String = time.chars().take_while(char::is_ascii_digit).collect();
            times.insert(digits.parse().unwrap_or_else(|_| panic!("no time in {datum:.200}")));
        }
    }
    times
}

fn await_spooled(agent: &mut Agent, count: usize) {
    let directory = agent.directory().to_owned();
    let what = format!("{count} periods in the spool");
    agent.wait_until(LIMIT, &what, || spooled(&directory).len() >= count);
}

/// Waits until a period arrived that ended after all of these.
fn await_after(endpoint: &Endpoint, agent: &mut Agent, times: &BTreeSet<i64>) {
    let last = times.last().copied().unwrap();
    let all = || times.iter().all(|time| endpoint.of_group("agent_up").times().contains(time));
    agent.wait_until(LIMIT, "the periods of the outage", all);
    endpoint.of_host("agent_up").await_any(agent, "what follows", |datum| datum.timestamp_ms > last);
}

fn assert_whole(endpoint: &Endpoint) {
    for name in ["agent_up", "mem_used_percent"] {
        endpoint.of_host(name).assert_no_gap(1_000);
        endpoint.of_group(name).assert_no_gap(1_000);
    }
    assert_once_a_period(&endpoint.metrics());
    endpoint.assert_no_breach();
}

#[test]
fn an_outage_leaves_no_gap() {
    let endpoint = Endpoint::start();
    let mut agent = Agent::start(Options::measuring(&endpoint));
    endpoint.of_host("agent_up").await_periods(&mut agent, 2);
    endpoint.refuse();
    await_spooled(&mut agent, 4);
    let waiting = spooled(agent.directory());
    assert!(waiting.is_disjoint(&endpoint.of_host("agent_up").times().into_iter().collect()));
    endpoint.accept();
    await_after(&endpoint, &mut agent, &waiting);
    agent.stop(STOP);
    assert_whole(&endpoint);
}

#[test]
fn throttling_and_errors_of_the_service_leave_no_gap() {
    let endpoint = Endpoint::start();
    for fault in [Fault::Throttle { retry_after_s: None }, Fault::Internal, Fault::Unavailable] {
        endpoint.inject(Operation::PutMetricData, fault, 2);
    }
    let mut agent = Agent::start(Options::measuring(&endpoint));
    agent.wait_until(LIMIT, "all faults", || endpoint.totals().faults_struck == 6);
    endpoint.of_host("agent_up").await_periods(&mut agent, 5);
    agent.stop(STOP);
    assert_whole(&endpoint);
    assert!(agent.log().contains("nothing is lost"), "{}", agent.log_tail());
}

#[test]
fn periods_that_were_written_outlive_a_kill() {
    let endpoint = Endpoint::start();
    let mut agent = Agent::start(Options::measuring(&endpoint));
    endpoint.of_host("agent_up").await_periods(&mut agent, 2);
    endpoint.refuse();
    await_spooled(&mut agent, 3);
    agent.kill9();
    let before = spooled(agent.directory());
    assert!(before.len() >= 3);
    agent.start_again();
    await_spooled(&mut agent, before.len() + 2);
    let waiting = spooled(agent.directory());
    assert!(before.is_subset(&waiting), "{before:?} {waiting:?}");
    endpoint.accept();
    await_after(&endpoint, &mut agent, &waiting);
    agent.stop(STOP);
    // Between the kill and the new start nobody looked.
    assert_once_a_period(&endpoint.metrics());
    let hosts: BTreeSet<i64> = endpoint.of_host("agent_up").times().into_iter().collect();
    assert!(waiting.is_subset(&hosts), "{waiting:?} {hosts:?}");
    let (last_before, first) = (before.last().unwrap(), hosts.first().unwrap());
    let expected: BTreeSet<i64> =
        (0..=(last_before - first) / 1_000).map(|nth| first + nth * 1_000).collect();
    assert!(expected.is_subset(&hosts), "{expected:?} {hosts:?}");
    endpoint.assert_no_breach();
}

#[test]
fn a_datapoint_that_is_refused_for_good_is_set_aside_and_no_other() {
    let endpoint = Endpoint::start();
    let mut agent = Agent::start(Options::measuring(&endpoint));
    endpoint.of_host("cpu_usage_steal").await_periods(&mut agent, 1);
    let word = String::from("cpu_usage_steal");
    endpoint.inject(Operation::PutMetricData, Fault::RefuseContaining { word }, None);
    let directory = agent.directory().to_owned();
    let aside = || files(&directory.join("spool/metrics/quarantine")).len();
    agent.wait_until(LIMIT, "a datapoint set aside", || aside() > 0);
    endpoint.clear_faults();
    let so_far = endpoint.of_host("agent_up").datums().len();
    endpoint.of_host("agent_up").await_periods(&mut agent, so_far + 2);
    agent.stop(STOP);

    assert!(agent.log().contains("CloudWatch refuses 2 of"), "{}", agent.log_tail());
    let log = agent.log();
    let stopped = log.lines().find(|line| line.contains("stopped: ")).unwrap_or_else(|| panic!("{log}"));
    let status = stopped.split("; ").nth(1).unwrap_or_else(|| panic!("{stopped}"));
    let dropped = status.strip_suffix(" dropped").and_then(|status| status.rsplit(' ').next());
    let dropped: u64 = dropped.and_then(|count| count.parse().ok()).unwrap_or_else(|| panic!("{stopped}"));
    let shipped: u64 = status.split(' ').next().unwrap().parse().unwrap();
    assert!((2..10).contains(&dropped) && shipped == endpoint.totals().datums, "{stopped}");
    let has_gap = |name: &str| {
        let times = endpoint.of_host(name).times();
        times.windows(2).any(|pair| pair[1] - pair[0] > 1_000)
    };
    assert!(has_gap("cpu_usage_steal"), "what was set aside was sent after all");
    assert!(!has_gap("agent_up"), "it took another with it");
    assert_once_a_period(&endpoint.metrics());
    endpoint.assert_no_breach();
}

#[test]
fn neither_service_waits_for_the_other() {
    let (endpoint, docker) = (Endpoint::start(), Dockerd::start());
    let web = docker.run_script("web", &format!("echo n=1; {IDLE}"));
    endpoint.inject(Operation::PutMetricData, Fault::Unavailable, None);
    let mut agent = Agent::start(Options::measuring(&endpoint).with_docker(&docker));
    let stream = endpoint.stream(GROUP, "/web/");
    await_spooled(&mut agent, 2);
    stream.await_distinct(&mut agent, 1);
    web.say("n=2");
    stream.await_distinct(&mut agent, 2);
    assert!(endpoint.metrics().is_empty());

    endpoint.clear_faults();
    endpoint.of_host("agent_up").await_periods(&mut agent, 2);
    endpoint.inject(Operation::PutLogEvents, Fault::Unavailable, None);
    web.say("n=3");
    // The oldest line that waits is old, and that arrives.
    endpoint.of_host("agent_delivery_lag").await_any(&mut agent, "a second", |datum| datum.max() >= 1.0);
    assert_eq!(stream.distinct(), 2);
    endpoint.clear_faults();
    stream.await_distinct(&mut agent, 3);
    agent.stop(STOP);
    stream.assert_each_once(3);
    assert_whole(&endpoint);
}
