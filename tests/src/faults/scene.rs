//! Where a row is played: an endpoint, the agent, containers that print. A row's function breaks
//! something, waits, mends it; the scene measures what that cost.

use std::path::{Path, PathBuf};
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use jiff::Timestamp;

use crate::agent::{Agent, Options};
use crate::bench::backlog;
use crate::docker::{self, Dockerd};
use crate::endpoint::{Account, Endpoint, Fault, Operation};
use crate::faults::count;
use crate::faults::load::{self, Load};
use crate::faults::plan::Plan;
use crate::faults::row::{Figures, Outcome, Row};
use crate::faults::sampler::Sampler;
use crate::stream::{GROUP, STOP};
use crate::wait;

/// No later than this are lines in quiet times: a second of waiting for others, and the way.
const QUIET: Duration = Duration::from_millis(1_500);
/// A loaded machine of two cores starts agent and container within this.
const START: Duration = Duration::from_secs(30);
/// How often it is looked whether all is well again.
const STEP: Duration = Duration::from_millis(50);
/// A call that was answered before a fault is counted within this.
const SETTLE: Duration = Duration::from_millis(500);
/// Containers that are started at the same time.
const AT_A_TIME: usize = 8;
/// What is not there after so long beyond the fault's own time does not come.
const PATIENCE: Duration = Duration::from_secs(40);

/// See the module.
#[derive(Debug)]
pub(super) struct Scene<'d> {
    pub(super) plan: &'d Plan,
    pub(super) endpoint: Endpoint,
    pub(super) agent: Agent,
    /// Where the agent's spool is.
    pub(super) spool: PathBuf,
    /// Lines that were damaged on purpose, in batches that the agent must set aside.
    pub(super) set_aside: u64,
    /// Lines that the endpoint refuses for good.
    pub(super) refused: u64,
    /// A refusal that the fault brings with it, which is no fault of the agent's.
    pub(super) forgiven: Option<&'static str>,
    name: &'static str,
    daemon: Daemon<'d>,
    loads: Vec<Load>,
    sampler: Option<Sampler>,
    may_not_read: bool,
    figures: Figures,
    complaints: Vec<String>,
}

#[derive(Debug)]
enum Daemon<'d> {
    Shared(&'d Dockerd),
    Own(Box<Dockerd>),
}

impl<'d> Scene<'d> {
    /// Everything is prepared; only the endpoint runs.
    pub(super) fn new(plan: &'d Plan, row: &Row, shared: &'d Dockerd) -> Self {
        let daemon = match &row.own_daemon {
            None => Daemon::Shared(shared),
            Some(options) => Daemon::Own(Box::new(own(options.clone()))),
        };
        let endpoint = Endpoint::start();
        // Of a daemon that others use too, only the row's own containers.
        let config = format!("[logs]\ninclude = [\"{}.*\"]\n", row.name);
        let options = Options::new(&endpoint).with_config(&config);
        let mut scene = Self {
            plan,
            endpoint,
            agent: Agent::prepared(options),
            spool: PathBuf::new(),
            set_aside: 0,
            refused: 0,
            forgiven: None,
            name: row.name,
            daemon,
            loads: Vec::new(),
            sampler: None,
            may_not_read: false,
            figures: Figures::default(),
            complaints: Vec::new(),
        };
        scene.spool = scene.agent.spool();
        scene.agent.options = scene.agent.options.clone().with_docker(scene.docker());
        scene
    }

    /// Changes how the agent is run.
    pub(super) fn options(&mut self, change: impl FnOnce(Options) -> Options) {
        self.agent.options = change(self.agent.options.clone());
    }

    /// The spool lies here, wherever it would be otherwise.
    pub(super) fn spool_in(&mut self, directory: PathBuf) {
        let text = directory.display().to_string();
        self.options(|options| options.with_variable("STARTTECH_SPOOL_DIRECTORY", &text));
        self.spool = directory;
    }

    /// The agent may not read what it has sent: a role without `logs:GetLogEvents`.
    pub(super) fn forbid_reading(&mut self) {
        self.may_not_read = true;
        self.endpoint.inject(Operation::GetLogEvents, Fault::AccessDenied, None);
    }

    /// The daemon.
    pub(super) fn docker(&self) -> &Dockerd {
        match &self.daemon {
            Daemon::Shared(daemon) => daemon,
            Daemon::Own(daemon) => daemon,
        }
    }

    /// The daemon, to do it harm.
    pub(super) fn own_docker(&mut self) -> &mut Dockerd {
        match &mut self.daemon {
            Daemon::Shared(_) => panic!("the row shares its dockerd"),
            Daemon::Own(daemon) => daemon,
        }
    }

    /// Starts the agent, again or for the first time.
    pub(super) fn start_agent(&mut self) {
        self.agent.start_again();
        let spool = self.spool.clone();
        let sampler = self.sampler.get_or_insert_with(|| Sampler::start(spool));
        sampler.follow(self.agent.pid());
    }

    /// Stops the agent as systemd does.
    pub(super) fn stop_agent(&mut self) {
        self.leave_agent();
        self.agent.stop(STOP);
    }

    /// Kills the agent: a call of each stream may be in flight.
    pub(super) fn kill_agent(&mut self) {
        self.may_be_repeated(self.loads.len() as u64);
        self.leave_agent();
        self.agent.kill9();
    }

    /// So many calls more may have arrived without the agent's knowing it.
    pub(super) fn may_be_repeated(&mut self, calls: u64) {
        self.figures.in_flight += calls;
    }

    fn leave_agent(&self) {
        if let Some(sampler) = &self.sampler {
            sampler.follow(0);
        }
    }

    /// Agent and one container at the plan's rate, until its lines arrive and the time before the fault is over.
    pub(super) fn steady(&mut self) {
        self.start_agent();
        self.add_steady("main", self.plan.rate);
        self.await_lines();
        std::thread::sleep(self.plan.before());
    }

    /// Waits until something of every container has arrived.
    pub(super) fn await_lines(&mut self) {
        let Self { agent, endpoint, loads, .. } = self;
        let all = || loads.iter().all(|load| newest_print_ns(endpoint, load) > 0);
        agent.wait_until(START, "the first lines", all);
    }

    /// Adds a container that prints without end. Gives its place.
    pub(super) fn add_steady(&mut self, part: &str, rate: u64) -> usize {
        let load = Load::steady(self.docker(), &self.called(part), rate);
        self.add(load)
    }

    /// Adds containers with these names, several at a time.
    pub(super) fn add_all(&mut self, parts: &[String], begin: impl Fn(&Dockerd, &str) -> Load + Sync) {
        let names: Vec<String> = parts.iter().map(|part| self.called(part)).collect();
        let loads: Vec<Load> = std::thread::scope(|threads| {
            let (daemon, begin) = (self.docker(), &begin);
            let some = |names: &[String]| names.iter().map(|name| begin(daemon, name)).collect::<Vec<_>>();
            let threads: Vec<_> = names
                .chunks(names.len().div_ceil(AT_A_TIME))
                .map(|names| threads.spawn(move || some(names)))
                .collect();
            threads.into_iter().flat_map(|thread| thread.join().expect("containers")).collect()
        });
        self.loads.extend(loads);
    }

    /// Adds a container to those that are judged. Gives its place.
    pub(super) fn add(&mut self, load: Load) -> usize {
        self.loads.push(load);
        self.loads.len() - 1
    }

    /// What the row's containers are called: the agent follows no others.
    pub(super) fn called(&self, part: &str) -> String {
        format!("{}.{part}", self.name)
    }

    /// Adds a container that has ended, with a log written by hand: so many lines, spread over so many
    /// seconds from `age` seconds ago.
    pub(super) fn add_written(&mut self, part: &str, spans: &[(u64, i64, u64)]) {
        let mut load = Load::run(self.docker(), &self.called(part), "true", &[]);
        self.docker().expect(["wait", &load.id]);
        let path = self.docker().containers().join(&load.id).join(format!("{}-json.log", load.id));
        let mut next = 1;
        for &(lines, age, seconds) in spans {
            let from = Timestamp::now().as_second() - age;
            backlog::write_log(&path, next..=next + lines - 1, from, seconds);
            next += lines;
        }
        load.prints = false;
        self.loads.push(load);
    }

    /// A container, for what is done to it.
    pub(super) fn load(&mut self, place: usize) -> &mut Load {
        &mut self.loads[place]
    }

    /// Prints a line from a container as its own program would.
    pub(super) fn say(&self, place: usize, line: &str) {
        let id = &self.loads[place].id;
        self.docker().expect(["exec", id, "sh", "-c", &format!("echo '{line}' >/proc/1/fd/1")]);
    }

    /// The fault lasts.
    pub(super) fn window(&self) {
        std::thread::sleep(self.plan.window());
    }

    /// The fault lasts, and nothing arrives while it does.
    pub(super) fn outage(&mut self) {
        std::thread::sleep(SETTLE);
        let before = self.endpoint.totals().events;
        std::thread::sleep(self.plan.window().saturating_sub(SETTLE));
        let came = self.endpoint.totals().events - before;
        self.claim(came == 0, &format!("{came} events came through the outage"));
    }

    /// Ends every fault of the endpoint's.
    pub(super) fn mend(&mut self) {
        self.endpoint.clear_faults();
        if self.may_not_read {
            self.forbid_reading();
        }
    }

    /// The fault is over: measures how long it takes until all is well again.
    pub(super) fn over(&mut self) {
        self.endpoint.time_delays_from_now();
        let (start, limit) = (Instant::now(), self.plan.window() + PATIENCE);
        let due: Vec<Account> = self.loads.iter().map(Load::printed_by_now).collect();
        while !self.is_caught_up(&due) {
            assert!(self.agent.is_running(), "the agent ended by itself");
            if start.elapsed() > limit {
                return;
            }
            std::thread::sleep(STEP);
        }
        self.figures.catch_up = Some(start.elapsed());
    }

    /// Whether everything that was due is there, and what is printed now is no later than in quiet times.
    fn is_caught_up(&self, due: &[Account]) -> bool {
        let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
        let newest = |load: &Load| Duration::from_nanos(newest_print_ns(&self.endpoint, load));
        let is_quiet = |load: &Load| !load.prints || now.saturating_sub(newest(load)) <= QUIET;
        self.loads.iter().all(is_quiet)
            && self.loads.iter().zip(due).map(|(load, due)| self.absent(load, due)).sum::<u64>()
                <= self.excused()
    }

    /// How many lines are known by now to be missing for good.
    fn excused(&self) -> u64 {
        let gaps = if self.said("were dropped") > 0 { self.marked() } else { 0 };
        self.set_aside + self.refused + self.endpoint.totals().rejected_events + gaps
    }

    /// How many lines are missing as the markers in the streams say.
    pub(super) fn marked(&self) -> u64 {
        let streams = self.loads.iter().filter_map(|load| self.endpoint.stream_of(GROUP, load.short_id()));
        streams.map(|stream| self.endpoint.sum_over(GROUP, &stream, count::marked)).sum()
    }

    /// How many lines are missing as the agent says.
    pub(super) fn told(&self) -> u64 {
        count::told(&self.agent.log()) + self.set_aside
    }

    /// How many of a container's lines have not arrived.
    fn missing(&self, load: &Load) -> u64 {
        self.absent(load, load.printed())
    }

    fn absent(&self, load: &Load, printed: &Account) -> u64 {
        let stream = self.endpoint.stream_of(GROUP, load.short_id()).unwrap_or_default();
        self.endpoint.absent(GROUP, &stream, printed.numbers())
    }

    /// Lets the load run to its end, waits for its last lines, stops the agent and counts. A row whose
    /// fault needs something that goes with its function calls it itself.
    pub(super) fn conclude(&mut self) {
        if self.figures.printed.is_some() {
            return;
        }
        std::thread::sleep(self.plan.after());
        for place in 0..self.loads.len() {
            if self.loads[place].prints {
                self.docker().expect(["kill", &self.loads[place].id]);
                self.loads[place].prints = false;
            }
        }
        let (mut before, mut still) = (u64::MAX, Instant::now());
        let limit = self.plan.window() + PATIENCE;
        loop {
            let missing: u64 = self.loads.iter().map(|load| self.missing(load)).sum();
            if missing < before {
                (before, still) = (missing, Instant::now());
            }
            if missing <= self.excused() || still.elapsed() > limit || !self.agent.is_running() {
                break;
            }
            std::thread::sleep(STEP * 4);
        }
        if self.agent.is_running() {
            self.stop_agent();
        }
        self.figures.missing = self.loads.iter().map(|load| self.missing(load)).sum();
        self.figures.told = self.told();
        self.figures.late = self.endpoint.longest_delay();
        self.count();
        let mut breaches = self.endpoint.breaches();
        breaches.retain(|breach| Some(breach.code.as_str()) != self.forgiven);
        self.claim(breaches.is_empty(), &format!("calls broke the service's contract: {breaches:?}"));
    }

    fn count(&mut self) {
        let mut printed = 0;
        for load in &self.loads {
            printed += load.printed().distinct();
            let Some(stream) = self.endpoint.stream_of(GROUP, load.short_id()) else { continue };
            let summary = self.endpoint.summary(GROUP, &stream).expect("something arrived");
            self.figures.repeated += summary.repeated;
            if summary.repeated > 0 {
                self.figures.repeated_calls += count::repeated_calls(&self.endpoint.events(GROUP, &stream));
            }
        }
        self.figures.printed = Some(printed);
    }

    /// Complains unless this is so.
    pub(super) fn claim(&mut self, holds: bool, otherwise: &str) {
        if !holds {
            self.complain(otherwise.to_owned());
        }
    }

    /// The row fails, for this reason.
    pub(super) fn complain(&mut self, words: String) {
        self.complaints.push(words);
    }

    /// How often the agent has said this.
    pub(super) fn said(&self, words: &str) -> usize {
        self.agent.log().matches(words).count()
    }

    /// Waits for a condition that has to do with the agent.
    pub(super) fn wait_until(&self, what: &str, condition: impl FnMut() -> bool) {
        wait::until(self.plan.window() + PATIENCE, what, condition);
    }

    /// The figures and the judgement.
    pub(super) fn outcome(&mut self, row: &Row) -> Outcome {
        if let Some(sampler) = &self.sampler {
            self.figures.rss_peak_kib = sampler.rss_peak_kib();
            self.figures.own_peak_kib = sampler.own_peak_kib();
            self.figures.spool_bytes = sampler.spool_bytes();
        }
        let mut complaints = self.complaints.clone();
        complaints.extend(self.figures.complaints(&row.allowed));
        Outcome { name: row.name, figures: self.figures.clone(), complaints }
    }
}

impl Drop for Scene<'_> {
    fn drop(&mut self) {
        let ids: Vec<&str> = self.loads.iter().map(|load| load.id.as_str()).collect();
        if !ids.is_empty() {
            self.docker().docker(["rm", "--force", "--volumes"].into_iter().chain(ids));
        }
    }
}

fn own(options: docker::Options) -> Dockerd {
    let daemon = Dockerd::start_with(options);
    load::import(&daemon);
    daemon
}

fn newest_print_ns(endpoint: &Endpoint, load: &Load) -> u64 {
    let stream = endpoint.stream_of(GROUP, load.short_id());
    stream.map_or(0, |stream| endpoint.newest_print_ns(GROUP, &stream))
}

/// Whether a directory holds at least so many batches.
pub(super) fn holds(spool: &Path, batches: usize) -> bool {
    crate::faults::sampler::batches(spool).len() >= batches
}
