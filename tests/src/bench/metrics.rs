//! What measuring containers costs, the agent beside other ways to the same figures: processor time of
//! the asker and of dockerd together, for idle containers that are looked at every ten seconds.

mod plan;
mod table;

use std::collections::BTreeMap;
use std::fs;
use std::process::ExitCode;
use std::thread;
use std::time::{Duration, Instant};

use crate::agent::{self, Agent};
use crate::bench::far::FarEnd;
use crate::docker::{Container, Dockerd, IDLE};
use crate::process;
use plan::Plan;

/// Between two looks: the agent's default.
const SAMPLE: Duration = Duration::from_secs(10);
/// From a start to the measurement: what starting costs is not measured here.
const WARM: Duration = Duration::from_secs(8);
/// How often threads are looked at, so that little of one that ends is missed.
const STEP: Duration = Duration::from_secs(1);

/// Who looks at the containers. The order is that of the table's columns.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Way {
    /// starttech-agent as by default.
    Agent,
    /// starttech-agent that ships lines and measures nothing.
    Off,
    /// Nobody: what dockerd takes for itself.
    Nobody,
    /// `docker stats --no-stream`.
    Client,
    /// `GET /containers/ID/stats?one-shot=true`, by as small a client as can be.
    OneShot,
}

/// What one way took.
#[derive(Debug, Clone, Copy)]
struct Figures {
    containers: usize,
    way: Way,
    /// Processor milliseconds a minute of the asker.
    own: f64,
    /// Of dockerd, its containerd and its shims.
    daemon: f64,
    /// Of the agent, in KiB.
    rss_kib: Option<u64>,
    /// A look took longer than from one to the next: it looked too rarely to be compared.
    is_late: bool,
}

impl Way {
    const ALL: [Self; 5] = [Self::Agent, Self::Off, Self::Nobody, Self::Client, Self::OneShot];

    fn name(self) -> &'static str {
        match self {
            Self::Agent => "starttech-agent",
            Self::Off => "metrics.enabled = false",
            Self::Nobody => "nobody",
            Self::Client => "docker stats --no-stream",
            Self::OneShot => "one-shot API",
        }
    }
}

impl Figures {
    fn together(&self) -> f64 {
        self.own + self.daemon
    }
}

/// Runs what the arguments ask for and prints the table.
pub fn main(arguments: impl Iterator<Item = String>) -> ExitCode {
    let arguments: Vec<String> = arguments.collect();
    let plan = match Plan::read(&arguments) {
        Ok(plan) => plan,
        Err(fault) => {
            eprintln!("{fault}\n{}", plan::USAGE);
            return ExitCode::from(64);
        }
    };
    let head = table::head(&arguments);
    let (far, docker) = (FarEnd::start(), Dockerd::start());
    let (mut containers, mut figures) = (Vec::new(), Vec::new());
    for count in plan.containers {
        while containers.len() < count {
            containers.push(docker.run_script(&format!("idle-{}", containers.len()), IDLE));
        }
        for way in Way::ALL {
            eprintln!("{count} containers: {}", way.name());
            figures.push(measure(way, &far, &docker, &containers, plan.window));
        }
    }
    if plan.json {
        println!("{}", table::json(&figures));
    } else {
        println!("{head}\n{}", table::markdown(&figures, plan.window));
    }
    ExitCode::SUCCESS
}

fn measure(
    way: Way,
    far: &FarEnd,
    docker: &Dockerd,
    containers: &[Container<'_>],
    window: Duration,
) -> Figures {
    let mut agent = matches!(way, Way::Agent | Way::Off).then(|| {
        let options = agent::Options::at(&far.url()).with_docker(docker);
        let enabled = if way == Way::Agent { "true" } else { "false" };
        Agent::start(options.with_variable("STARTTECH_METRICS_ENABLED", enabled))
    });
    thread::sleep(WARM);
    let mut daemon = Meter::default();
    daemon.look(docker.processes());
    let mut of_agent = Meter::default();
    let (start, mut asker, mut next, mut is_late) = (Instant::now(), 0.0, Duration::ZERO, false);
    while start.elapsed() < window {
        of_agent.look(agent.as_ref().map(Agent::pid));
        if start.elapsed() >= next {
            next += SAMPLE;
            let began = Instant::now();
            asker += match way {
                Way::Client => client(docker),
                Way::OneShot => one_shot(docker, containers),
                Way::Agent | Way::Off | Way::Nobody => 0.0,
            };
            is_late |= began.elapsed() > SAMPLE;
        }
        thread::sleep(STEP.min(window.saturating_sub(start.elapsed())));
    }
    of_agent.look(agent.as_ref().map(Agent::pid));
    daemon.look(docker.processes());
    let a_minute = |seconds: f64| seconds * 1e3 * 60.0 / start.elapsed().as_secs_f64();
    let figures = Figures {
        containers: containers.len(),
        way,
        own: a_minute(of_agent.seconds() + asker),
        daemon: a_minute(daemon.seconds()),
        rss_kib: agent.as_ref().map(Agent::rss_kib),
        is_late,
    };
    if let Some(agent) = &mut agent {
        agent.stop(Duration::from_secs(10));
    }
    figures
}

/// The processor time of one `docker stats --no-stream`, in seconds.
fn client(docker: &Dockerd) -> f64 {
    let before = of_children();
    docker.expect(["stats", "--no-stream"]);
    of_children() - before
}

/// The processor time of one look at all containers over the API, in seconds. They are asked for at the
/// same time: dockerd answers at its next look at them, which is once a second.
fn one_shot(docker: &Dockerd, containers: &[Container<'_>]) -> f64 {
    let ask = |container: &Container<'_>| {
        assert!(docker.stats(container.id()).memory_used() > 0.0, "it runs");
        nanoseconds("/proc/thread-self/schedstat").unwrap_or_default()
    };
    thread::scope(|threads| {
        let asking: Vec<_> =
            containers.iter().map(|container| threads.spawn(move || ask(container))).collect();
        asking.into_iter().map(|asking| asking.join().expect("dockerd answers").as_secs_f64()).sum()
    })
}

/// Seconds of the children that ended.
fn of_children() -> f64 {
    let stat = fs::read_to_string("/proc/self/stat").expect("we run");
    let (_, behind) = stat.rsplit_once(") ").expect("a name in parentheses");
    let ticks = behind.split(' ').skip(13).take(2).filter_map(|tick| tick.parse::<u32>().ok());
    f64::from(ticks.sum::<u32>()) / f64::from(process::ticks_per_second())
}

/// Processor time of processes from the first look on, thread by thread: `/proc/PID/stat` counts in steps
/// of 10 ms, which is more than a look takes.
#[derive(Debug, Default)]
struct Meter {
    /// At first and at last.
    threads: BTreeMap<(u32, String), [Duration; 2]>,
    looked: bool,
}

impl Meter {
    fn look(&mut self, processes: impl IntoIterator<Item = u32>) {
        for pid in processes {
            let tasks = fs::read_dir(format!("/proc/{pid}/task")).into_iter().flatten().flatten();
            for task in tasks {
                let path = task.path().join("schedstat");
                let Some(now) = nanoseconds(&path.to_string_lossy()) else { continue };
                let first = if self.looked { Duration::ZERO } else { now };
                let id = (pid, task.file_name().to_string_lossy().into_owned());
                self.threads.entry(id).or_insert([first, now])[1] = now;
            }
        }
        self.looked = true;
    }

    fn seconds(&self) -> f64 {
        self.threads.values().map(|[first, last]| last.saturating_sub(*first).as_secs_f64()).sum()
    }
}

/// What a thread ran so far: the first field of its `schedstat`.
fn nanoseconds(path: &str) -> Option<Duration> {
    let text = fs::read_to_string(path).ok()?;
    Some(Duration::from_nanos(text.split(' ').next()?.parse().ok()?))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_this_process_runs_is_metered_from_the_first_look_on() {
        let own = std::process::id();
        let mut meter = Meter::default();
        meter.look([own]);
        let start = Instant::now();
        while start.elapsed() < Duration::from_millis(50) {
            std::hint::black_box(start.elapsed());
        }
        meter.look([own]);
        assert!(meter.seconds() > 0.0 && meter.seconds() < 60.0, "{}", meter.seconds());
    }
}
