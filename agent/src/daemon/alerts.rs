//! The alerts loop: takes what Docker tells, has containers looked at, and puts messages into their spool.
//!
//! What happened is judged in `alerts/rule` and `alerts/threshold`, what is told in `alerts/state`; this file only
//! waits, asks and hands on. It is always quick: what takes time runs beside it.

mod look;
mod measured;
mod shown;
mod write;

use std::collections::{HashMap, HashSet};
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use anyhow::Context;
use log::{error, info, warn};
use tokio::sync::{mpsc, oneshot};
use tokio::task::{JoinHandle, JoinSet};
use tokio::time::{Instant, sleep_until};
use tokio_util::sync::CancellationToken;

use super::counters::Counters;
use super::silences::Watched;
use crate::alerts::message::{Message, Place, Step};
use crate::alerts::rule::{Looked, Rules, Turn};
use crate::alerts::state::{Noted, Settings as Telling, State};
use crate::alerts::threshold::{Crossed, Rule, Thresholds};
use crate::alerts::{Cause, Fact, Incident, MINUTE, SECOND, Standing, What};
use crate::docker::Engine;
use crate::logs::Container;
use crate::logs::redact::Redactor;
use crate::logs::route::Selection;
use crate::metrics::Reading;
use crate::metrics::aggregate::Datapoint;
use crate::spool::Spool;
use crate::spool::history::History;
use crate::telemetry::{self, chain};
use crate::{control, host};
use write::Written;

/// A clock that is off by more has been set.
const CLOCK_STEP: i64 = 5 * SECOND;
/// Without anything known from an earlier run: what ended longer ago is no news.
const FIRST_NEWS: i64 = 60 * MINUTE;
/// What happened longer ago is no news in any case.
const NEWS: i64 = 24 * 60 * MINUTE;

/// What the loop is told.
#[derive(Debug)]
pub enum Told {
    /// Whom to ask.
    Engine(Engine),
    /// There is nobody to ask: this container's json-file log is there.
    Log(String, PathBuf),
    /// A container that was there already stands so.
    Stands(Box<(Container, Standing)>),
    /// These are the names of all containers.
    Listed(HashSet<String>),
    /// Something happened.
    Fact(Box<Fact>),
    /// This was measured just now.
    Measured(Vec<Reading>),
    /// This is what lines said that were read just now.
    Lines {
        /// Each of a period.
        points: Vec<Datapoint>,
        /// How long a period is.
        period_s: i64,
    },
    /// The configuration was read again.
    Reload(Box<Settings>),
    /// Somebody asks what is open.
    Show(oneshot::Sender<control::status::Alerts>),
}

/// What decides how alerts are told.
#[derive(Debug)]
pub struct Settings {
    /// How much.
    pub telling: Telling,
    /// Where the lines of containers go.
    pub selection: Selection,
    /// This host.
    pub instance_id: String,
    /// The operator's patterns of secrets; `None`: nothing is blacked out.
    pub redact: Option<Vec<String>>,
    /// The topic, for messages.
    pub topic: String,
    /// The namespace of metrics.
    pub namespace: String,
    /// Rules on what is measured.
    pub rules: Vec<Rule>,
    /// This host, as messages name it.
    pub place: Place,
}

/// The loop and what it holds.
#[derive(Debug)]
pub struct Alerts {
    settings: Settings,
    rules: Rules,
    thresholds: Thresholds,
    state: State,
    silences: Watched,
    history: History,
    spool: Arc<Spool>,
    counters: Arc<Counters>,
    engine: Option<Engine>,
    files: HashMap<String, PathBuf>,
    looks: JoinSet<(String, Looked)>,
    /// What is around of thresholds that were crossed.
    arounds: JoinSet<Incident>,
    /// Made when there are lines to black out: it takes memory.
    redactor: Option<Arc<Redactor>>,
    /// How many processes the kernel had ended for memory when that was looked at last.
    oom_kills: u64,
    outbox: Vec<Message>,
    writing: Option<JoinHandle<Written>>,
    /// What is known has changed since it was written down.
    is_dirty: bool,
    /// This boot of the host.
    boot: String,
    /// A moment by both clocks: what waits here must not wait for ever when the clock is set.
    origin: (Instant, i64),
}

impl Alerts {
    /// A loop that goes on where an earlier run ended, as the spool's note says. Blocks on the disk.
    pub fn new(
        settings: Settings,
        (silences, history): (PathBuf, History),
        spool: Arc<Spool>,
        counters: Arc<Counters>,
    ) -> Self {
        let now_ns = telemetry::now_ns();
        let mut state = match spool.note().map(|note| note.map(|note| serde_json::from_slice::<State>(&note)))
        {
            Ok(Some(Ok(state))) => state,
            Ok(None) => State::since(now_ns - FIRST_NEWS),
            Ok(Some(Err(error))) => unknown(&error, now_ns),
            Err(error) => unknown(&error, now_ns),
        };
        state.judged_ns = state.judged_ns.clamp(now_ns - NEWS, now_ns);
        let (silences, known) = Watched::new(silences);
        state.silences = known;
        Self {
            rules: Rules::new(state.judged_ns, host::booted_ns()),
            thresholds: Thresholds::new(
                &settings.namespace,
                settings.rules.clone(),
                state.thresholds().map(Crossed::key).collect(),
                now_ns,
            ),
            settings,
            state,
            silences,
            history,
            spool,
            counters,
            engine: None,
            files: HashMap::new(),
            looks: JoinSet::new(),
            arounds: JoinSet::new(),
            redactor: None,
            oom_kills: host::oom_kills(),
            outbox: Vec::new(),
            writing: None,
            is_dirty: false,
            boot: host::boot(),
            origin: (Instant::now(), now_ns),
        }
    }

    /// Since when it wants to know what happened, in seconds since the epoch.
    pub fn since(&self) -> i64 {
        self.state.judged_ns / SECOND
    }

    /// Runs until `stop`. What is not told by then is judged again after the next start: a host that shuts down ends
    /// its containers, too.
    pub async fn run(
        mut self,
        mut told: mpsc::Receiver<Told>,
        stop: CancellationToken,
    ) -> anyhow::Result<()> {
        loop {
            let due =
                [self.rules.next(), self.thresholds.next(), self.state.next()].into_iter().flatten().min();
            let due =
                due.map(|due| self.moment(due)).into_iter().chain(self.silences.again(&self.state)).min();
            tokio::select! {
                biased;
                () = stop.cancelled() => break,
                Some(told) = told.recv() => self.take(told)?,
                Some(looked) = self.looks.join_next() => {
                    // One that panicked is given up after its time.
                    if let Ok((id, looked)) = looked {
                        let turns = self.rules.looked(&id, looked, self.now_ns());
                        self.turn(turns)?;
                    }
                }
                Some(incident) = self.arounds.join_next() => {
                    let now_ns = self.now_ns();
                    match incident {
                        // Else it was over, or nobody asked for it any more, before that was known.
                        Ok(incident) if self.thresholds.is_crossed(&incident.container.name) => {
                            self.begin(incident, now_ns);
                        }
                        Ok(_) => {}
                        Err(error) => error!("an alert was lost, since looking around for it failed: {error}"),
                    }
                }
                written = async { if let Some(writing) = &mut self.writing { writing.await } else { std::future::pending().await } } => {
                    self.writing = None;
                    self.settle(written.context("writing alerts to the spool panicked")?);
                }
                () = async { if let Some(due) = due { sleep_until(due).await } else { std::future::pending().await } } => {}
            }
            let now_ns = self.now_ns();
            let ahead_ns = now_ns.saturating_sub(telemetry::now_ns());
            self.state.ahead_ns = if ahead_ns > CLOCK_STEP { ahead_ns } else { 0 };
            self.silences.look(&mut self.state, now_ns).await;
            self.tell()?;
            self.write();
        }
        self.looks.shutdown().await;
        self.arounds.shutdown().await;
        if let Some(writing) = self.writing.take() {
            let written = writing.await.context("writing alerts to the spool panicked")?;
            self.settle(written);
        }
        self.is_dirty = true;
        self.write();
        let Some(writing) = self.writing.take() else { return Ok(()) };
        let written = writing.await.context("writing alerts to the spool panicked")?;
        self.settle(written);
        Ok(())
    }

    /// The time of day, as it goes on from the start of this run.
    fn now_ns(&self) -> i64 {
        let (began, at_ns) = self.origin;
        at_ns.saturating_add(i64::try_from(began.elapsed().as_nanos()).unwrap_or(i64::MAX))
    }

    fn moment(&self, at_ns: i64) -> Instant {
        let (began, origin_ns) = self.origin;
        // A note may have any time in it.
        let after = u64::try_from(at_ns.saturating_sub(origin_ns)).unwrap_or_default();
        began + Duration::from_nanos(after).min(Duration::from_hours(48))
    }

    fn take(&mut self, told: Told) -> anyhow::Result<()> {
        let wall_ns = telemetry::now_ns();
        self.rules.clock(wall_ns);
        if wall_ns > self.now_ns().saturating_add(CLOCK_STEP) {
            self.origin = (Instant::now(), wall_ns); // it was set forward, or this host has slept
        }
        let now_ns = self.now_ns();
        let turns = match told {
            Told::Engine(engine) => {
                self.engine = Some(engine);
                return Ok(());
            }
            Told::Log(id, path) => {
                self.files.insert(id, path);
                return Ok(());
            }
            Told::Listed(names) => {
                self.state.retain(|name| names.contains(name), now_ns, &self.settings.telling);
                return Ok(());
            }
            Told::Stands(stands) => {
                let (container, mut standing) = *stands;
                if !standing.error.is_empty() {
                    let redactor = self.redactor()?;
                    look::redact(&mut standing, redactor.as_deref());
                }
                if !look::is_watched(&container) {
                    return Ok(());
                }
                self.rules.stands(container, &standing, now_ns)
            }
            Told::Fact(fact) => {
                if !look::is_watched(&fact.container) {
                    return Ok(());
                }
                if !matches!(fact.what, What::Died { .. }) {
                    self.oom_kills = host::oom_kills();
                }
                self.rules.take(*fact, now_ns)
            }
            Told::Measured(readings) => {
                self.measured(readings, now_ns);
                return Ok(());
            }
            Told::Lines { points, period_s } => {
                self.thresholds.take_lines(&points, period_s, (now_ns, wall_ns));
                return Ok(());
            }
            Told::Show(to) => {
                drop(to.send(self.shown())); // whoever asked may have given up
                return Ok(());
            }
            Told::Reload(settings) => {
                self.reload(*settings, now_ns);
                return Ok(());
            }
        };
        self.turn(turns)
    }

    fn turn(&mut self, turns: Vec<Turn>) -> anyhow::Result<()> {
        let now_ns = self.now_ns();
        for turn in turns {
            match turn {
                Turn::Look(container) => self.look(container)?,
                Turn::Begin(incident) => self.begin(*incident, now_ns),
                Turn::Rename { from, to } => {
                    self.state.rename(&from, &to);
                    self.is_dirty = true;
                }
                Turn::Change { name, at_ns, change } => {
                    self.is_dirty |= self.state.change(&name, at_ns, change, &self.settings.telling);
                }
            }
        }
        Ok(())
    }

    fn begin(&mut self, mut incident: Incident, now_ns: i64) {
        if !matches!(incident.cause, Cause::Threshold(_)) {
            incident.stream = self.settings.selection.choose(&incident.container, &self.settings.instance_id);
        }
        let words = match &incident.cause {
            Cause::Threshold(crossed) => crossed.key(),
            cause => format!("{} of {}", cause.rule(), incident.container.name),
        };
        self.is_dirty = true;
        match self.state.begin(incident, &self.settings.telling, now_ns) {
            // Whatever becomes of the message, the journal has it.
            Noted::New(words) => error!("alert: {words}"),
            Noted::Counted => info!("alert: {words} again; it is open, and counted"),
            Noted::Held => info!("alert: {words}; a container is down: it is told if it outlasts that"),
        }
    }

    /// What is known by now, and what is to be told of it.
    fn tell(&mut self) -> anyhow::Result<()> {
        let now_ns = self.now_ns();
        if self.rules.next().is_some_and(|due| due <= now_ns) {
            let turns = self.rules.due(now_ns);
            self.turn(turns)?;
        }
        if self.thresholds.next().is_some_and(|due| due <= now_ns) {
            self.crossed(now_ns)?;
        }
        if self.state.next().is_some_and(|due| due <= now_ns) {
            for message in self.state.due(&self.settings.telling, now_ns) {
                match message.step() {
                    Some(Step::Begin) => {}
                    Some(Step::End) => info!("alert ended: {}", message.title()),
                    None => warn!("{}: see alerts.max_per_hour", message.title()),
                }
                self.outbox.push(message);
            }
            self.state.take_unsaid().iter().for_each(|words| info!("{words}"));
            self.is_dirty = true;
        }
        Ok(())
    }
}

fn unknown(error: &dyn std::error::Error, now_ns: i64) -> State {
    warn!("cannot read which alerts are open: {}; some may be told again", chain(error));
    State::since(now_ns - FIRST_NEWS)
}
