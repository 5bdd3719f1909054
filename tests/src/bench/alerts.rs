//! How soon a container's death is with whom a topic calls: many one by one, and then many at once.
//!
//! The way is the real one but for the service: dockerd, the agent, the emulator's topic, an HTTP subscriber.

use std::process::ExitCode;
use std::time::{Duration, Instant, SystemTime};

use jiff::Timestamp;
use rustix::process::{Pid, Signal, kill_process};

use super::machine;
use crate::agent::{Agent, Options};
use crate::docker::{Dockerd, Run};
use crate::emulator::Emulator;
use crate::subscriber::{Notification, Subscriber};

const USAGE: &str = "usage: bench-alerts [--deaths N] [--at-once N]";
const LIMIT: Duration = Duration::from_mins(1);
/// After that nothing more comes of a burst: what follows its first message comes within some seconds.
const CALM: Duration = Duration::from_secs(10);
/// The promise.
const BAR: Duration = Duration::from_secs(1);
/// Ends by itself when it is told to, and not by Docker.
const SCRIPT: &str = "trap 'echo going; exit 3' USR1; echo ready; while :; do sleep 1000 & wait; done";

/// Runs what the arguments ask for and prints the table.
pub fn main(arguments: impl Iterator<Item = String>) -> ExitCode {
    let arguments: Vec<String> = arguments.collect();
    let Some((deaths, at_once)) = read(&arguments) else {
        eprintln!("{USAGE}");
        return ExitCode::from(64);
    };
    let here = machine::here();
    let emulator = Emulator::start();
    let subscriber = Subscriber::of_topic(emulator.address(), "eu-west-1", "starttech-alarms");
    let docker = Dockerd::start();
    let config = "health.url = ''\nhost.instance_id = 'i-0abc'\n[alerts]\nmax_per_hour = 100000\n";
    let options = Options::at(&emulator.url())
        .with_docker(&docker)
        .with_config(config)
        .with_variable("STARTTECH_ALERTS_ENABLED", "true");
    let agent = Agent::start(options);

    let pids = start(&docker, "one", deaths);
    let (mut from_kill, mut from_event) = (Vec::new(), Vec::new());
    for (nth, pid) in pids.into_iter().enumerate() {
        let died = Instant::now();
        end(pid);
        let told = subscriber.next(LIMIT, "a death");
        assert!(told.subject().contains(&format!("\"one-{nth}\" died (exit 3)")), "{}", told.subject());
        from_kill.push(told.at - died);
        from_event.push(since_event(&told));
    }
    eprintln!("{deaths} deaths one by one are told");

    let pids = start(&docker, "all", at_once);
    let began = Instant::now();
    pids.into_iter().for_each(end);
    let mut told: Vec<(Duration, u64, String)> = Vec::new();
    let mut last = Instant::now();
    while told.is_empty() || last.elapsed() < CALM {
        if let Some(next) = subscriber.try_next() {
            let count = next.document()["StartTech"]["Count"].as_u64().unwrap_or_default();
            told.push((next.at - began, count, next.subject().to_owned()));
            last = Instant::now();
        }
        std::thread::sleep(Duration::from_millis(20));
    }
    let rss_kb = agent.rss_kib() * 1024 / 1000;

    println!("# How soon a death is told\n");
    println!(
        "Printed by `just bench-alerts {}` on {}.\n",
        arguments.join(" "),
        Timestamp::now().strftime("%Y-%m-%d %H:%M UTC")
    );
    println!("{here}- Agent: {}, alerts.max_per_hour = 100000, all else as by default\n", machine::version());
    println!(
        "From a container's death to the message at an HTTP subscriber of the topic, {deaths} deaths one by one:\n"
    );
    println!("| Milliseconds | p50 | p90 | p99 | most | bar |\n|---|--:|--:|--:|--:|--:|");
    for (name, figures) in
        [("since Docker's event", &mut from_event), ("since the signal that ends it", &mut from_kill)]
    {
        let [p50, p90, p99, most] = [50, 90, 99, 100].map(|percent| quantile(figures, percent).as_millis());
        println!("| {name} | {p50} | {p90} | {p99} | {most} | {} at p99 |", BAR.as_millis());
    }
    println!("\n{at_once} containers that end at once, in messages:\n");
    println!("| ms since the first signal | containers | subject |\n|--:|--:|---|");
    for (after, count, subject) in &told {
        println!("| {} | {count} | {subject} |", after.as_millis());
    }
    println!("\nThe agent's memory after all that: {}.{} MB.", rss_kb / 1000, rss_kb % 1000 / 100);
    ExitCode::SUCCESS
}

fn read(arguments: &[String]) -> Option<(usize, usize)> {
    let (mut deaths, mut at_once) = (100, 200);
    for pair in arguments.chunks(2) {
        let [name, value] = pair else { return None };
        let value = value.parse().ok().filter(|value| (1..=500).contains(value))?;
        match name.as_str() {
            "--deaths" => deaths = value,
            "--at-once" => at_once = value,
            _ => return None,
        }
    }
    Some((deaths, at_once))
}

/// Starts so many containers that wait for their end. Their first processes.
fn start(docker: &Dockerd, name: &str, count: usize) -> Vec<Pid> {
    let mut pids = Vec::new();
    for nth in 0..count {
        let name = format!("{name}-{nth}");
        let container = docker.run(&Run { name: &name, script: SCRIPT, ..Run::default() });
        crate::wait::until(LIMIT, "the container to be ready", || container.logs().contains("ready"));
        let pid = container.inspect("{{.State.Pid}}").trim().parse().expect("a running process");
        pids.push(Pid::from_raw(pid).expect("not zero"));
    }
    eprintln!("{count} containers wait");
    pids
}

fn end(pid: Pid) {
    kill_process(pid, Signal::USR1).expect("it runs");
}

/// From what Docker says the death's time was to the message's arrival, by the same clock.
fn since_event(told: &Notification) -> Duration {
    let document = told.document();
    let since = document["StartTech"]["Containers"][0]["Since"].as_str().expect("a time");
    let event: SystemTime = since.parse::<Timestamp>().expect("a time").into();
    let now = SystemTime::now().duration_since(event).expect("it is over");
    now.saturating_sub(told.at.elapsed())
}

fn quantile(figures: &mut [Duration], percent: usize) -> Duration {
    figures.sort();
    figures[(figures.len() * percent).div_ceil(100).max(1) - 1]
}
