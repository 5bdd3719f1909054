//! One agent for a long time, one container that prints without pause into logs that rotate, and a fault
//! every minute, each kind in its turn: what is lost or comes twice in the end, and how memory grows.

use std::fmt::Write;
use std::process::ExitCode;
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use crate::agent::{Agent, Options};
use crate::bench::{lines, machine};
use crate::docker::{Dockerd, Run};
use crate::endpoint::{Endpoint, Fault, Operation};
use crate::faults::load;
use crate::faults::plan::Plan;
use crate::faults::sampler::Sampler;
use crate::faults::table::tenths;
use crate::process;
use crate::stream::{GROUP, STOP};

/// From one fault to the next, and how long a fault lasts.
const EVERY: Duration = Duration::from_mins(1);
const LASTS: Duration = Duration::from_secs(20);
/// No later than this are lines in quiet times.
const QUIET: Duration = Duration::from_millis(1_500);
const STEP: Duration = Duration::from_millis(50);

type Act = fn(&mut Soak);

/// What goes wrong, in this order and again.
const FAULTS: [(&str, Act); 12] = [
    ("503", |soak| soak.injected(Fault::Unavailable)),
    ("kill -9", |soak| soak.restarted(Agent::kill9)),
    ("throttled", |soak| soak.injected(Fault::Throttle { retry_after_s: None })),
    ("refused", |soak| {
        soak.endpoint.refuse();
        std::thread::sleep(LASTS);
        soak.endpoint.accept();
    }),
    ("answers lost", |soak| soak.put(Fault::StoreThenDrop)),
    ("restarted", |soak| soak.restarted(|agent| agent.stop(STOP))),
    ("hanging", |soak| soak.injected(Fault::Hang)),
    ("500", |soak| soak.injected(Fault::Internal)),
    ("kill -9 in a call", |soak| {
        soak.endpoint.inject(Operation::PutLogEvents, Fault::SlowAnswer { ms: 3_000 }, 1);
        std::thread::sleep(Duration::from_secs(2));
        soak.restarted(Agent::kill9);
    }),
    ("expired token", |soak| soak.injected(Fault::ExpiredToken)),
    ("swallowed", |soak| soak.injected(Fault::Swallow)),
    ("reset", |soak| soak.put(Fault::Reset)),
];

struct Soak {
    endpoint: Endpoint,
    agent: Agent,
    sampler: Sampler,
}

impl Soak {
    fn injected(&mut self, fault: Fault) {
        self.endpoint.inject(None, fault, None);
        std::thread::sleep(LASTS);
        self.endpoint.clear_faults();
    }

    fn put(&mut self, fault: Fault) {
        self.endpoint.inject(Operation::PutLogEvents, fault, None);
        std::thread::sleep(LASTS);
        self.endpoint.clear_faults();
    }

    fn restarted(&mut self, end: fn(&mut Agent)) {
        self.sampler.follow(0);
        end(&mut self.agent);
        std::thread::sleep(Duration::from_secs(1));
        self.agent.start_again();
        self.sampler.follow(self.agent.pid());
    }

    fn lateness(&self, stream: &str) -> Duration {
        let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
        now.saturating_sub(Duration::from_nanos(self.endpoint.newest_print_ns(GROUP, stream)))
    }
}

/// So many minutes, and the table of them.
pub(super) fn run(plan: &Plan, minutes: u64) -> ExitCode {
    let docker = Dockerd::start();
    load::import(&docker);
    // It keeps every line: the agent looks for what may have arrived.
    let endpoint = Endpoint::start();
    let agent = Agent::start(Options::new(&endpoint).with_docker(&docker));
    let sampler = Sampler::start(agent.spool());
    sampler.follow(agent.pid());
    let mut soak = Soak { endpoint, agent, sampler };
    let count = plan.rate * minutes * 60;
    let script = format!("exec line-printer {} {count} {}", plan.rate, lines::SHORTEST);
    let log_options = &["max-size=20m", "max-file=3"];
    let run = Run { name: "soak", script: &script, image: load::IMAGE, log_options, ..Run::default() };
    let container = docker.run(&run);
    let start = Instant::now();
    let mut stream = String::new();
    soak.agent.wait_until(Duration::from_mins(1), "the first lines", || {
        stream = soak.endpoint.stream_of(GROUP, container.short_id()).unwrap_or_default();
        !stream.is_empty()
    });

    println!("{}", machine::here());
    println!(
        "| Minute | Fault | Arrived | Repeated | Caught up, s | RSS, MB | Peak RSS, MB | Spool at most, MB |"
    );
    println!("|--:|---|--:|--:|--:|--:|--:|--:|");
    let mut late = 0;
    for minute in 0..minutes {
        let (name, act) = FAULTS[usize::try_from(minute).expect("small") % FAULTS.len()];
        act(&mut soak);
        let over = Instant::now();
        while soak.lateness(&stream) > QUIET && over.elapsed() < EVERY {
            std::thread::sleep(STEP);
        }
        let caught_up = over.elapsed();
        late += u64::from(caught_up > Duration::from_secs(6));
        let next = start + EVERY * u32::try_from(minute + 1).expect("small");
        std::thread::sleep(next.saturating_duration_since(Instant::now()));
        let summary = soak.endpoint.summary(GROUP, &stream).expect("it exists");
        let mut row = String::new();
        let rss = process::rss_kib(soak.agent.pid()).unwrap_or_default();
        let _ = write!(
            row,
            "| {} | {name} | {} | {} | {:.1} | {} | {} | {} |",
            minute + 1,
            summary.distinct,
            summary.repeated,
            caught_up.as_secs_f64(),
            tenths(rss * 1024),
            tenths(soak.sampler.rss_peak_kib() * 1024),
            tenths(soak.sampler.spool_bytes()),
        );
        println!("{row}");
    }
    let patience = Instant::now();
    while soak.endpoint.distinct(GROUP, &stream) < count && patience.elapsed() < EVERY {
        std::thread::sleep(STEP);
    }
    let cpu = soak.agent.cpu_seconds();
    soak.sampler.follow(0);
    soak.agent.stop(STOP);
    let summary = soak.endpoint.summary(GROUP, &stream).expect("it exists");
    let (lost, repeated) = (count - summary.distinct.min(count), summary.repeated);
    println!(
        "\n{count} lines printed in {minutes} minutes with {minutes} faults: {lost} lost, {repeated} repeated; \
         {late} times later than 6 s after a fault; the last run of the agent took {cpu:.1} s of CPU."
    );
    soak.endpoint.assert_no_breach();
    if lost + repeated + late == 0 { ExitCode::SUCCESS } else { ExitCode::FAILURE }
}
