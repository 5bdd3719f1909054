//! The metrics loop: looks at everything now and then, and sends what came of each period into the spool.
//!
//! What is measured is in the edges, what becomes of it in `metrics`; this file only waits, asks and hands
//! on. Nothing that hangs may stop the tick: the health check runs beside it.

mod containers;
mod group;
mod write;

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use anyhow::Context;
use log::warn;
use tokio::sync::mpsc::error::TrySendError;
use tokio::sync::{Notify, mpsc, watch};
use tokio::task::{JoinError, JoinSet};
use tokio::time::{Instant, MissedTickBehavior, interval_at, sleep};
use tokio_util::sync::CancellationToken;

use super::Seen;
use super::alerts::Told;
use super::counters::Counters;
use crate::config::{MetricSelection, SeriesWanted};
use crate::host::Host;
use crate::logs::Destination;
use crate::logs::batch::Finished;
use crate::logs::route::Globs;
use crate::metrics::aggregate::{Aggregate, Datapoint, Values, first_look};
use crate::metrics::batch::{Head, pack};
use crate::metrics::counter::Counter;
use crate::metrics::exposition::{Latest, QUANTILES};
use crate::metrics::tally::Tally;
use crate::metrics::{Metric, Readings, name};
use crate::probe::Probe;
use crate::spool::Spool;
use crate::spool::history::History;
use crate::telemetry;
use containers::Containers;
pub use group::find_group;

/// After a period has ended, its last lines are waited for: they are read five times a second.
const GRACE: Duration = Duration::from_secs(2);
/// Hosts send at a moment of their own within this: a thousand of them must not call in one second.
const SPREAD: Duration = Duration::from_secs(10);
/// How often the same fault is told again.
const REMINDER: Duration = Duration::from_mins(10);
/// Faults that are remembered as told.
const MOST_TOLD: usize = 200;
/// Under this name the spool keeps what is measured.
const OWNER: &str = "metrics";

/// What is measured, how often, and where it goes.
#[derive(Debug)]
pub struct Settings {
    /// The namespace of all metrics.
    pub namespace: String,
    /// Between two looks.
    pub sample: Duration,
    /// How long a period is.
    pub flush: Duration,
    /// Under which dimensions metrics are sent.
    pub series: SeriesWanted,
    /// Which metrics are sent.
    pub selection: MetricSelection,
    /// Only these containers, and not those.
    pub containers: [Globs; 2],
    /// This host's dimension.
    pub instance_id: String,
    /// Nothing of it costs money: all that is measured is shown.
    pub local: bool,
}

/// What the loop shares with others.
#[derive(Debug)]
pub struct Shared {
    /// Where datapoints wait.
    pub spool: Arc<Spool>,
    /// Where lines wait.
    pub lines: Arc<Spool>,
    /// What became of lines.
    pub counters: Arc<Counters>,
    /// What became of datapoints.
    pub datapoints: Arc<Counters>,
    /// What lines said.
    pub tally: Arc<Mutex<Tally>>,
    /// Told when it is full: a backlog of lines waits until it is emptied.
    pub full: Arc<Notify>,
    /// The Auto Scaling group, once it is known.
    pub group: watch::Receiver<Option<String>>,
    /// For those who ask.
    pub latest: Arc<Mutex<Latest>>,
    /// What was measured lately, for whoever draws it.
    pub history: History,
    /// Where rules look at it, if there are any.
    pub alerts: Option<mpsc::Sender<Told>>,
}

/// The loop and what it holds.
#[derive(Debug)]
pub struct Metrics {
    settings: Settings,
    shared: Shared,
    host: Host,
    containers: Containers,
    /// At home, or out asking.
    probe: Option<Probe>,
    probing: JoinSet<(Probe, Readings)>,
    aggregate: Aggregate,
    shipped: Counter,
    dropped: Counter,
    told: HashMap<String, Instant>,
}

impl Metrics {
    /// A loop that has not looked at anything yet.
    pub fn new(settings: Settings, shared: Shared, probe: Option<Probe>) -> Self {
        let period_ms = i64::try_from(settings.flush.as_millis()).unwrap_or(i64::MAX);
        Self {
            containers: Containers::new(settings.containers.clone()),
            settings,
            shared,
            host: Host::new(),
            probe,
            probing: JoinSet::new(),
            aggregate: Aggregate::new(period_ms),
            shipped: Counter::from(0),
            dropped: Counter::from(0),
            told: HashMap::new(),
        }
    }

    /// Runs until all lines are read (`read`); then everything that was measured is in the spool.
    pub async fn run(
        mut self,
        mut seen: mpsc::Receiver<Seen>,
        read: CancellationToken,
    ) -> anyhow::Result<()> {
        let every = self.settings.sample.min(self.settings.flush);
        let mut ticks =
            interval_at(Instant::now() + first_look(every, telemetry::now_ms(), fastrand::f64()), every);
        // Those after one that was late are when they would have been.
        ticks.set_missed_tick_behavior(MissedTickBehavior::Skip);
        self.sample().await;
        let spread = spread(self.settings.flush, fastrand::f64());
        let mut due_ms = self.due(spread);
        let full = Arc::clone(&self.shared.full);
        loop {
            let wait = u64::try_from(due_ms - telemetry::now_ms()).unwrap_or_default();
            if Duration::from_millis(wait) > self.settings.flush + spread {
                due_ms = self.due(spread); // the clock was set back
                continue;
            }
            tokio::select! {
                biased;
                () = read.cancelled() => break,
                Some(seen) = seen.recv() => self.containers.seen(seen, telemetry::now_ms(), &mut self.aggregate),
                Some(looked) = self.containers.next() => {
                    let mut readings = Readings::default();
                    self.containers.settle(looked, &mut readings);
                    self.took(&readings);
                }
                Some(probed) = self.probing.join_next() => self.probed(probed)?,
                () = full.notified() => self.flush(false).await?,
                () = sleep(Duration::from_millis(wait)) => {
                    self.flush(false).await?;
                    due_ms = self.due(spread);
                }
                _ = ticks.tick() => self.sample().await,
            }
        }
        self.probing.shutdown().await;
        let mut readings = Readings::default();
        self.own(&mut readings);
        self.took(&readings);
        self.flush(true).await
    }

    /// When to send next, in milliseconds since the epoch.
    fn due(&self, spread: Duration) -> i64 {
        let spread = i64::try_from(spread.as_millis()).unwrap_or_default();
        // Shortly after a period's end, that period is still to be sent.
        self.aggregate.end_of_period(telemetry::now_ms() - spread) + spread
    }

    /// Looks at everything once.
    async fn sample(&mut self) {
        let mut readings = Readings::default();
        self.host.sample(&mut readings).await;
        self.containers.sample(&mut readings);
        self.own(&mut readings);
        self.took(&readings);
        if self.shared.alerts.is_some() {
            self.take_lines();
        }
        if let Some(mut probe) = self.probe.take() {
            self.probing.spawn(async move {
                let mut readings = Readings::default();
                probe.sample(&mut readings).await;
                (probe, readings)
            });
        }
    }

    fn probed(&mut self, probed: Result<(Probe, Readings), JoinError>) -> anyhow::Result<()> {
        let (probe, readings) = probed.context("the health check panicked")?;
        self.took(&readings);
        self.probe = Some(probe);
        Ok(())
    }

    /// Of the agent itself.
    fn own(&mut self, readings: &mut Readings) {
        let counters = &self.shared.counters;
        readings.put(&name::AGENT_UP, None, 1.0);
        if let Ok(Some(shipped)) = self.shipped.added(counters.shipped.get()) {
            readings.put(&name::AGENT_EVENTS_SHIPPED, None, as_f64(shipped));
        }
        if let Ok(Some(dropped)) = self.dropped.added(counters.lost()) {
            readings.put(&name::AGENT_EVENTS_DROPPED, None, as_f64(dropped));
        }
        let lines = &self.shared.lines;
        match lines.oldest_ms() {
            Ok(oldest_ms) => {
                let lag_ms = oldest_ms.map_or(0, |oldest_ms| telemetry::now_ms() - oldest_ms);
                let lag_ms = as_f64(u64::try_from(lag_ms).unwrap_or_default());
                readings.put(&name::AGENT_DELIVERY_LAG, None, lag_ms / 1e3);
            }
            Err(error) => readings.fault(format!("how late lines are: cannot read the spool: {error}")),
        }
        readings.put(&name::AGENT_SPOOL_BYTES, None, as_f64(lines.bytes() + self.shared.spool.bytes()));
    }

    /// Takes what a look gave, and tells what it did not.
    fn took(&mut self, readings: &Readings) {
        let now_ms = telemetry::now_ms();
        self.aggregate.take(now_ms, readings);
        if !readings.values.is_empty() {
            self.tell(|| Told::Measured(readings.values.clone()));
        }
        lock(&self.shared.latest).take(readings, Instant::now().into_std());
        for fault in &readings.faults {
            self.fault(fault, 1);
        }
    }

    /// Counts readings that failed, and tells of them if that was not done lately.
    fn fault(&mut self, words: &str, times: u64) {
        self.shared.counters.metric_errors.add(times);
        let mut readings = Readings::default();
        readings.put(&name::AGENT_METRIC_ERRORS, None, as_f64(times));
        self.took(&readings);
        if self.is_news(words) {
            warn!("a gap in the metrics: {words}");
        }
    }

    /// Whether these words were not said lately. They are now.
    fn is_news(&mut self, words: &str) -> bool {
        let now = Instant::now();
        if self.told.get(words).is_some_and(|told| *told + REMINDER > now) {
            return false;
        }
        self.told.retain(|_, told| *told + REMINDER > now);
        let known = self.told.len() < MOST_TOLD;
        if known {
            self.told.insert(words.to_owned(), now);
        }
        known
    }

    /// Sends the periods that ended, or all of them.
    async fn flush(&mut self, all: bool) -> anyhow::Result<()> {
        self.take_lines();
        let now_ms = telemetry::now_ms();
        let closed = self.aggregate.close(now_ms, all);
        self.show(&closed);
        let selection = &self.settings.selection;
        let wanted = |metric: &Metric| {
            if self.settings.local { selection.shows(metric) } else { selection.sends(metric) }
        };
        let datapoints: Vec<Datapoint> = closed.into_iter().filter(|point| wanted(point.metric)).collect();
        let head = self.head();
        for packed in pack(&head, datapoints) {
            let batch = Finished {
                destination: Destination { group: head.namespace.clone(), stream: OWNER.to_owned() },
                body: packed.body,
                events: packed.datums,
                first_ms: packed.first_ms,
                last_ms: packed.last_ms,
            };
            self.append(batch).await?;
        }
        Ok(())
    }

    /// Takes what lines said since this was done last.
    fn take_lines(&mut self) {
        let now_ms = telemetry::now_ms();
        let period_ms = i64::try_from(self.settings.flush.as_millis()).unwrap_or(i64::MAX);
        let mut taken = Aggregate::new(period_ms);
        let faults = {
            let mut tally = lock(&self.shared.tally);
            tally.touch(now_ms);
            tally.take(&mut taken);
            tally.take_faults()
        };
        let points = taken.close(now_ms, true);
        self.tell(|| Told::Lines { points: points.clone(), period_s: period_ms / 1000 });
        for point in points {
            self.aggregate.merge(point);
        }
        for (words, times) in faults {
            self.fault(&words, times);
        }
    }

    fn tell(&self, told: impl FnOnce() -> Told) {
        if let Some(alerts) = &self.shared.alerts
            && let Err(TrySendError::Full(_)) = alerts.try_send(told())
        {
            warn!("a gap in what the rules of alerts see: they are busy");
        }
    }

    /// Under which dimensions everything is sent. Before the group is known, only under the host's own.
    fn head(&self) -> Head {
        let Settings { namespace, series, instance_id, flush, local, .. } = &self.settings;
        let group = self.shared.group.borrow().clone();
        let instance = [(name::INSTANCE_ID, instance_id.as_str())];
        let shared = group.as_deref().map(|group| [(name::AUTO_SCALING_GROUP, group)]);
        let mut wanted: Vec<&[(&str, &str)]> = Vec::new();
        if series.instance || *local {
            wanted.push(&instance);
        }
        if let Some(shared) = &shared
            && series.group
            && !local
        {
            wanted.push(shared);
        }
        if wanted.is_empty() {
            wanted.push(&instance); // until the group is known, or where there is none
        }
        Head::new(namespace.clone(), &wanted, if *flush < Duration::from_mins(1) { 1 } else { 60 })
    }

    /// For those who ask: what lines said, which no reading did.
    fn show(&self, closed: &[Datapoint]) {
        let now = Instant::now().into_std();
        let mut latest = lock(&self.shared.latest);
        let mut counts = Readings::default();
        for point in closed.iter().filter(|point| name::is_from_lines(point.metric)) {
            match &point.values {
                Values::Distribution(values) => {
                    let quantiles = QUANTILES.map(|rank| values.quantile(rank).unwrap_or_default());
                    let came = (quantiles, values.sum(), as_f64(values.count()));
                    latest.distribution(point.metric, point.of.as_deref(), came, now);
                }
                Values::Sum(sum) => counts.put(point.metric, point.of.as_deref(), *sum),
                Values::Set { .. } => {}
            }
        }
        latest.take(&counts, now);
    }
}

/// How long after a period's end this host sends it. `random` is in 0..1, and the host's own.
pub fn spread(flush: Duration, random: f64) -> Duration {
    GRACE + SPREAD.min(flush / 6).mul_f64(random)
}

pub(super) fn lock<T>(mutex: &Mutex<T>) -> std::sync::MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

#[expect(clippy::cast_precision_loss, reason = "counts and bytes of one host")]
fn as_f64(count: u64) -> f64 {
    count as f64
}
