//! The daemon's side of the control socket: asks the loops how they stand when somebody asks, and hands on what is told.
//!
//! Holds nothing for it in between. A loop that does not answer in time is named in the answer.

mod disk;
mod silenced;

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use futures_util::future::join_all;
use log::{debug, info, warn};
use tokio::sync::{mpsc, oneshot};
use tokio::time::{Instant, timeout};
use tokio_util::sync::CancellationToken;

use self::disk::Disk;
use super::Command;
use super::alerts::Told;
use super::counters::{Counter, Counters};
use super::health::Standing;
use super::measure::Measured;
use super::metrics::lock;
use super::provision::Outcome;
use super::reload::{Asker, Taken};
use super::supervise::Supervisor;
use crate::alerts::names;
use crate::aws;
use crate::config::{Config, Identity};
use crate::control::status::{Docker, Host, Lines, Metrics, Service, Status, Value};
use crate::control::{self, Answer, Reloaded, Request};
use crate::spool::Spool;
use crate::telemetry::{self, chain};

/// So long a loop may take to answer: it reads 256 KiB at most in between, unless the disk refuses to write.
const PATIENCE: Duration = Duration::from_secs(2);
/// Whom to ask, and what is known from the start.
pub(super) struct Sources {
    started_ms: i64,
    host: Host,
    /// Docker's socket.
    socket: String,
    /// The names of all rules, as of the start.
    rules: Vec<String>,
    services: Vec<Service>,
    disk: Disk,
    parts: Parts,
}

/// Whom to ask.
pub(super) struct Parts {
    /// Whether Docker answers; `None` without Docker.
    pub(super) docker: Option<Arc<Standing>>,
    pub(super) commands: mpsc::Sender<Command>,
    pub(super) alerts: Option<mpsc::Sender<Told>>,
    pub(super) measured: Option<Measured>,
    pub(super) lines: Waiting,
    /// Of alerts.
    pub(super) waiting: Option<Waiting>,
    pub(super) outcome: Option<Arc<Outcome>>,
    pub(super) spool_directory: PathBuf,
    pub(super) reload: mpsc::Sender<Asker>,
}

/// What waits for a service, and what became of the rest.
pub(super) type Waiting = (Arc<Spool>, Arc<Counters>);

/// Where the socket is; `None`: there shall be none.
pub(super) fn path(config: &Config, local: Option<&Path>) -> Option<PathBuf> {
    match local {
        Some(directory) => Some(control::local_path(directory)),
        None => config.control.socket.clone(),
    }
}

/// Starts to listen, and says what to do where that fails: everything else goes on.
pub(super) async fn spawn(
    tasks: &mut Supervisor,
    path: Option<&Path>,
    sources: Sources,
    stop: CancellationToken,
) {
    let Some(path) = path else { return };
    let socket = match control::bind(path).await {
        Ok(socket) => socket,
        Err(problem) => {
            warn!(
                "there is no control socket, everything else goes on: {}; starttech-agent status and top cannot ask \
                 this daemon: {}",
                chain(&problem),
                if sources.host.local.is_some() {
                    "run it with another --local=DIR"
                } else {
                    "see control.socket"
                }
            );
            return;
        }
    };
    let sources = Arc::new(sources);
    tasks.spawn("control", async move {
        let answer = move |request, uid| {
            let sources = Arc::clone(&sources);
            async move { sources.answer(request, uid).await }
        };
        control::run(socket, answer, stop.clone()).await;
        stop.cancelled().await;
        Ok(())
    });
}

impl Sources {
    /// As the daemon was started.
    pub(super) fn new(
        (config, identity, local, file): (&Config, &Identity, Option<&Path>, Option<&Path>),
        parts: Parts,
    ) -> Self {
        let written = |path: &Path| path.display().to_string();
        let region = &identity.region;
        let service = |kind: &str, endpoint: String| {
            let endpoint = local.map_or(endpoint, written);
            Service { kind: kind.to_owned(), endpoint, ..Service::default() }
        };
        Self {
            started_ms: telemetry::now_ms(),
            host: Host {
                instance_id: identity.instance_id.clone(),
                instance_id_from: identity.instance_id_from.to_string(),
                region: region.clone(),
                region_from: identity.region_from.to_string(),
                group: config.host.auto_scaling_group.clone(),
                local: local.map(written),
                config_file: file.map(written),
            },
            socket: written(&config.docker.socket),
            rules: names(&config.alerts.rules),
            services: vec![
                service("logs", aws::logs_endpoint(region)),
                service("metrics", aws::metrics_endpoint(region)),
                service("alerts", aws::topics_endpoint(region)),
            ],
            disk: Disk::default(),
            parts,
        }
    }

    async fn answer(&self, request: Request, uid: u32) -> Answer {
        match request {
            Request::Status => Answer::good(&self.status().await),
            Request::Reload => self.reload(uid).await,
            Request::Silences => match self.silences().await {
                Ok(silences) => Answer::good(&silences),
                Err(words) => Answer::failed(words),
            },
            Request::Silence(silencing) => self.silence(silencing, uid).await,
            Request::EndSilence { rule } => self.end_silence(rule, uid).await,
        }
    }

    async fn status(&self) -> Status {
        let parts = &self.parts;
        let (containers, alerts, silences, services) = tokio::join!(
            ask(&parts.commands, Command::Show),
            async {
                match &parts.alerts {
                    Some(told) => Some(ask(told, Told::Show).await),
                    None => None,
                }
            },
            self.silences(),
            self.services(),
        );
        let mut unanswered = Vec::new();
        let mut missed = |name: &str, is_missing: bool| {
            if is_missing {
                unanswered.push(name.to_owned());
            }
        };
        missed("log", containers.is_none());
        missed("alerts", alerts.as_ref().is_some_and(Option::is_none));
        let silences = silences.unwrap_or_else(|words| {
            debug!("{words}"); // the loop has warned of it
            Vec::new()
        });
        let now_ns = telemetry::now_ns();
        // The loop looks at them only when it has something to say.
        let mut alerts = alerts.map(Option::unwrap_or_default);
        for open in alerts.iter_mut().flat_map(|alerts| &mut alerts.open) {
            open.silenced = silences.iter().any(|silence| silence.covers(&open.rule));
        }
        let group = parts.measured.as_ref().and_then(|measured| measured.group.borrow().clone());
        Status {
            version: env!("CARGO_PKG_VERSION").to_owned(),
            pid: std::process::id(),
            now_ms: now_ns.div_euclid(1_000_000),
            started_ms: self.started_ms,
            memory_bytes: memory_bytes(),
            host: Host { group: group.or_else(|| self.host.group.clone()), ..self.host.clone() },
            docker: parts
                .docker
                .as_ref()
                .map(|standing| Docker { socket: self.socket.clone(), trouble: standing.get() }),
            containers,
            lines: lines(&parts.lines.1),
            services,
            metrics: parts.measured.as_ref().map(metrics),
            alerts,
            silences,
            provision: parts.outcome.as_ref().map(|outcome| outcome.status()),
            unanswered,
        }
    }

    async fn services(&self) -> Vec<Service> {
        let metrics = self.parts.measured.as_ref().map(|measured| (&measured.spool, &measured.counters));
        let (lines, alerts) = (&self.parts.lines, self.parts.waiting.as_ref());
        let waiting =
            [Some((&lines.0, &lines.1)), metrics, alerts.map(|(spool, counters)| (spool, counters))];
        let waiting = self.services.iter().zip(waiting).filter_map(|(of, waiting)| Some((of, waiting?)));
        let services = waiting.map(async |(service, (spool, counters))| {
            let mut service = Service {
                delivered: counters.shipped.get(),
                lost: counters.lost(),
                set_aside: counters.set_aside.get(),
                too_old: counters.dropped_too_old.get(),
                too_new: counters.dropped_too_new.get(),
                spool_full: counters.dropped_spool_full.get(),
                quarantine: spool.quarantine().display().to_string(),
                spool_bytes: spool.bytes(),
                spool_max_bytes: spool.max_bytes(),
                spool_batches: spool.batches(),
                ..service.clone()
            };
            counters.deliveries.fill(&mut service);
            let spool = Arc::clone(spool);
            if let Some(Ok(oldest_ms)) = self.disk.ask(move || spool.oldest_ms()).await {
                service.oldest_ms = oldest_ms;
            }
            service
        });
        join_all(services).await
    }

    async fn reload(&self, uid: u32) -> Answer {
        info!("the configuration is read again, as uid {uid} asked over the control socket");
        match ask(&self.parts.reload, |asker| asker).await {
            Some(Ok(Taken::Now(restart_for))) => {
                Answer::good(&Reloaded { reloaded: true, restart_for, ..Reloaded::default() })
            }
            Some(Ok(Taken::Later)) => Answer::later(&Reloaded { later: true, ..Reloaded::default() }),
            Some(Err(faults)) => {
                Answer::unprocessable(format!("the configuration was not changed: {faults}"))
            }
            // It is gone from the queue with whoever asked.
            None => Answer::failed(
                "nothing was changed: the daemon is about to stop, or still at an earlier reload that its log loop \
                 does not take: is the disk of the spool full or slow?",
            ),
        }
    }
}

/// Asks a loop by a message that carries where to answer to.
async fn ask<T, M>(whom: &mpsc::Sender<M>, message: impl FnOnce(oneshot::Sender<T>) -> M) -> Option<T> {
    let (to, answer) = oneshot::channel();
    let both = async {
        whom.send(message(to)).await.ok()?;
        answer.await.ok()
    };
    timeout(PATIENCE, both).await.ok().flatten()
}

fn lines(counters: &Counters) -> Lines {
    let get = Counter::get;
    Lines {
        bytes_read: get(&counters.bytes_read),
        records: get(&counters.records),
        events: get(&counters.events),
        shipped: get(&counters.shipped),
        dropped_by_rule: get(&counters.dropped_by_rule),
        dropped_too_old: get(&counters.dropped_too_old),
        dropped_too_new: get(&counters.dropped_too_new),
        dropped_spool_full: get(&counters.dropped_spool_full),
        set_aside: get(&counters.set_aside),
        metric_errors: get(&counters.metric_errors),
    }
}

fn metrics(measured: &Measured) -> Metrics {
    let mut values = Vec::new();
    lock(&measured.latest).each(Instant::now().into_std(), |metric, of, value, quantiles| {
        let of = (!of.is_empty()).then(|| of.to_owned());
        values.push(Value { name: metric.name.to_owned(), of, value, quantiles });
    });
    let totals = lock(&measured.tally).totals();
    Metrics {
        period_s: measured.period.as_secs_f64(),
        values,
        requests: totals.requests,
        responses_5xx: totals.responses_5xx,
        error_lines: totals.error_lines,
    }
}

/// Of this process.
fn memory_bytes() -> Option<u64> {
    let text = std::fs::read_to_string("/proc/self/status").ok()?;
    let line = text.lines().find_map(|line| line.strip_prefix("VmRSS:"))?;
    Some(line.trim().strip_suffix("kB")?.trim().parse::<u64>().ok()? * 1024)
}
