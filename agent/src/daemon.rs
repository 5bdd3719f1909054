//! Builds the edges from the configuration, starts the loops, and stops them in order: sources
//! first, then what is on its way goes to the spool, then the last deliveries.

pub mod alerts;
pub mod api;
mod control;
pub mod counters;
pub mod deliver;
pub mod discover;
pub mod health;
pub mod logs;
pub mod lookback;
mod measure;
pub mod metrics;
pub mod notify;
mod provision;
mod reload;
mod silences;
mod source;
pub mod supervise;

use std::collections::HashSet;
use std::path::{Path, PathBuf};
use std::pin::pin;
use std::sync::Arc;
use std::time::Duration;

use anyhow::Context;
use log::{info, warn};
use tokio::signal::unix::{Signal, SignalKind, signal};
use tokio::sync::{mpsc, oneshot, watch};
use tokio::time::{Instant, MissedTickBehavior, interval, sleep, timeout};
use tokio_util::sync::CancellationToken;

use crate::alerts::Fact;
use crate::config::identity::environment_region;
use crate::config::{Config, Faults, Identity};
use crate::control::status::Container;
use crate::docker::{Engine, Found};
use crate::local::{self, Directory};
use crate::logs::Sink;
use crate::spool::Spool;
use crate::{aws, imds, systemd, telemetry};
use alerts::Told;
use counters::Counters;
use discover::Listeners;
use health::Standing;
use measure::Measure;
use provision::{Outcome, Provision};
use reload::{Counting, reload_when_asked, settings};
use supervise::Supervisor;

/// Commands on their way to the log loop.
const COMMANDS: usize = 64;
/// How often the service manager is told what is going on.
const STATUS: Duration = Duration::from_secs(10);
/// So long an instance's metadata service is waited for: below systemd's limit for a start.
const METADATA: Duration = Duration::from_secs(45);
/// A stop takes no longer: what is not delivered by then is in the spool.
const STOP: Duration = Duration::from_millis(1900);

/// What is told of containers, to every loop that is about them.
#[derive(Debug, Clone)]
pub enum Seen {
    /// There is a container, new or started again. Without an engine, its log must be a file.
    Found(Box<Found>, Option<Engine>),
    /// These are all the containers that exist, by id.
    Listed(HashSet<String>),
    /// A container's first process ended.
    Died {
        /// Its id.
        id: String,
        /// How it ended.
        exit_code: i64,
    },
    /// A container has another name.
    Renamed {
        /// Its id.
        id: String,
        /// The new name.
        name: String,
    },
    /// A container was removed.
    Removed {
        /// Its id.
        id: String,
    },
}

/// What the log loop is told.
#[derive(Debug)]
pub enum Command {
    /// Something became of containers.
    Seen(Seen),
    /// The configuration was read again.
    Reload(Box<logs::Settings>),
    /// Somebody asks how the logs stand.
    Show(oneshot::Sender<Vec<Container>>),
}

/// Where containers are found.
#[derive(Debug)]
pub enum Containers {
    /// Docker, at the socket of the configuration.
    Docker,
    /// These and no others, and what becomes of them: the demonstration has no Docker.
    Fixed(Vec<Found>, mpsc::Receiver<Fact>),
}

/// How the daemon runs.
#[derive(Debug)]
pub struct Start<R> {
    /// What the operator wants.
    pub config: Config,
    /// The file it is from, if that was said.
    pub config_file: Option<PathBuf>,
    /// Reads the configuration again, at SIGHUP.
    pub reload: R,
    /// Into this directory, instead of AWS.
    pub local: Option<PathBuf>,
    /// Where containers are found.
    pub containers: Containers,
}

/// Runs until `shutdown`, or until a task fails.
pub async fn run(
    start: Start<impl Fn() -> Result<Config, Faults>>,
    shutdown: impl Future<Output = ()>,
) -> anyhow::Result<()> {
    let mut shutdown = pin!(shutdown);
    // Before anything takes time: without a listener, SIGHUP ends the process.
    let hangups = signal(SignalKind::hangup()).context("cannot listen for SIGHUP")?;
    let identity = tokio::select! {
        identity = identity(&start.config, start.local.is_some()) => identity,
        // A metadata service that keeps silent takes longer than a stop may.
        () = &mut shutdown => return Ok(()),
    };
    if let Some(directory) = start.local.clone() {
        let place = notify::place(&start.config, &identity, true);
        let alerts = |_| local::alerts::Alerts::new(&directory, true, place, telemetry::now_ns);
        let sinks =
            (Directory::new(&directory, true), local::metrics::Metrics::new(&directory, true), alerts);
        return Box::pin(run_into(sinks, directory.join(".spool"), start, identity, hangups, shutdown)).await;
    }
    info!(
        "this host is {} ({}), region {} ({})",
        identity.instance_id, identity.instance_id_from, identity.region, identity.region_from
    );
    let sdk = aws::sdk_config(&identity.region).await;
    let lines = aws::logs::CloudWatchLogs::new(&sdk, start.config.logs.retention_days);
    let place = notify::place(&start.config, &identity, false);
    let name = start.config.provision.settings.topic.clone();
    let metrics = aws::metrics::CloudWatch::new(&sdk, telemetry::now_ms);
    let sinks = (lines, metrics, move |group| notify::topic(sdk, name, place, group));
    let directory = start.config.spool.directory.clone();
    Box::pin(run_into(sinks, directory, start, identity, hangups, shutdown)).await
}

async fn run_into<A: Sink>(
    (sink, metrics_sink, alerts_sink): (
        impl Sink,
        impl Sink,
        impl FnOnce(watch::Receiver<Option<String>>) -> A,
    ),
    spool_directory: PathBuf,
    start: Start<impl Fn() -> Result<Config, Faults>>,
    identity: Identity,
    hangups: Signal,
    shutdown: impl Future<Output = ()>,
) -> anyhow::Result<()> {
    let Start { config, config_file, reload, containers, local } = start;
    let measure = Measure::prepare(&config).await;
    let (spool, recovered) = Spool::open(&spool_directory, config.spool.max_bytes)?;
    let spool = Arc::new(spool);
    if recovered.batches > 0 {
        info!("{} batches wait in the spool from an earlier run", recovered.batches);
    }
    deliver::tell_quarantined(recovered.quarantined);

    let counters = Arc::new(Counters::default());
    let (stop, closed) = (CancellationToken::new(), CancellationToken::new());
    let (commands, received) = mpsc::channel(COMMANDS);
    let counting = Counting {
        observer: measure.as_ref().map(|measure| measure.observer(&config)),
        full: measure.as_ref().map(|measure| Arc::clone(&measure.full)).unwrap_or_default(),
    };
    let settings = settings(&config, &identity, &counting)?;
    let logs = logs::Logs::new(settings, Arc::clone(&spool), Arc::clone(&counters), recovered.cursors);

    let mut tasks = Supervisor::default();
    let deliver = deliver::run(Arc::clone(&spool), Arc::new(sink), Arc::clone(&counters), closed.clone());
    ship(&mut tasks, logs.run(received, stop.clone()), deliver, &closed);
    let (alerts, told) = config.alerts.enabled.then(|| mpsc::channel(notify::TOLD)).unzip();
    let place = measure::Place {
        config: &config,
        identity: &identity,
        local: local.is_some(),
        spool_directory: &spool_directory,
        lines: &spool,
        counters: &counters,
        read: &closed,
        stop: &stop,
        alerts: &alerts,
    };
    let group = measure.as_ref().map(Measure::group);
    let measured = measure.map(|measure| measure.spawn(&mut tasks, metrics_sink, &place)).transpose()?;
    let (seen, measured) = measured.unzip();
    let docker = Arc::new(Standing::unasked());
    let with_docker = matches!(containers, Containers::Docker);
    let told = told.map(|told| {
        let group = group.unwrap_or_else(|| watch::channel(config.host.auto_scaling_group.clone()).1);
        let settings = notify::settings(&config, &identity);
        notify::spawn(&mut tasks, alerts_sink(group), settings, told, &spool_directory, &stop)
    });
    let (since, waiting) = told.transpose()?.unzip();
    let told = Listeners {
        docker: Arc::clone(&docker),
        logs: commands.clone(),
        metrics: seen,
        alerts: alerts.clone().zip(since),
    };
    find(containers, &config.docker.socket, told, &mut tasks, &stop).await?;
    // By hand on somebody's laptop, nothing of an account shall change because nobody said otherwise.
    let asked_for = config.provision.at_start_written || identity.is_instance();
    let provisions = config.provision.at_start && asked_for && local.is_none();
    let outcome = provisions.then(Arc::<Outcome>::default);
    let (reload_asked, asked) = mpsc::channel(1);
    let sources = control::Sources::new(
        (&config, &identity, local.as_deref(), config_file.as_deref()),
        control::Parts {
            docker: with_docker.then_some(docker),
            commands: commands.clone(),
            alerts: alerts.clone(),
            measured: measured.clone(),
            lines: (Arc::clone(&spool), Arc::clone(&counters)),
            waiting,
            outcome: outcome.clone(),
            spool_directory: spool_directory.clone(),
            reload: reload_asked,
        },
    );
    let path = control::path(&config, local.as_deref());
    control::spawn(&mut tasks, path.as_deref(), sources, stop.clone()).await;
    if let Some(outcome) = outcome {
        let (within, region) = (config.provision.at_start_within, identity.region.clone());
        let provision = Provision { within, config_file, region, outcome };
        tasks.spawn("provisioning", provision.run(stop.clone()));
    }
    let summary = || match &measured {
        Some(measured) => format!("{}; {}", counters.summary(), measured.counters.datapoints(&counters)),
        None => counters.summary(),
    };

    systemd::ready();
    let ended = tokio::select! {
        error = tasks.first_end() => Some(error),
        () = attend(&summary, &spool) => None,
        () = reload_when_asked((hangups, asked), (&commands, alerts.as_ref()), (&config, &identity), &counting, reload) => None,
        () = shutdown => None,
    };
    systemd::stopping();
    stop.cancel();
    let joined = timeout(STOP, tasks.join()).await;
    info!("stopped: {}", summary());
    match (ended, joined) {
        (Some(error), _) => Err(error),
        (None, Ok(result)) => result,
        (None, Err(_)) => {
            warn!("a call was still under way when the time to stop was over; its batch is sent again");
            Ok(())
        }
    }
}

/// Starts the loop that reads lines and the one that delivers them: when nothing is read any more, `closed` says so.
fn ship(
    tasks: &mut Supervisor,
    read: impl Future<Output = anyhow::Result<()>> + Send + 'static,
    deliver: impl Future<Output = anyhow::Result<()>> + Send + 'static,
    closed: &CancellationToken,
) {
    let closed = closed.clone();
    tasks.spawn("log", async move {
        let result = read.await;
        closed.cancel();
        result
    });
    tasks.spawn("delivery", deliver);
}

/// Has containers found by Docker, or tells of those that there are.
async fn find(
    containers: Containers,
    socket: &Path,
    told: Listeners,
    tasks: &mut Supervisor,
    stop: &CancellationToken,
) -> anyhow::Result<()> {
    let (found, facts) = match containers {
        Containers::Docker => {
            tasks.spawn("discovery", discover::run(socket.to_owned(), told, stop.clone()));
            return Ok(());
        }
        Containers::Fixed(found, facts) => (found, facts),
    };
    let alerts = told.alerts.map(|(alerts, _)| alerts);
    for found in found {
        if let (Some(alerts), Some(path)) = (&alerts, &found.log_path) {
            let log = Told::Log(found.container.id.clone(), path.clone());
            alerts.send(log).await.context("the alerts task ended")?;
        }
        let seen = Command::Seen(Seen::Found(Box::new(found), None));
        told.logs.send(seen).await.context("the log task ended")?;
    }
    tasks.spawn("events", events(facts, alerts, stop.clone()));
    Ok(())
}

/// Passes on what becomes of containers that are not Docker's.
async fn events(
    mut facts: mpsc::Receiver<Fact>,
    alerts: Option<mpsc::Sender<Told>>,
    stop: CancellationToken,
) -> anyhow::Result<()> {
    while let Some(Some(fact)) = stop.run_until_cancelled(facts.recv()).await {
        if let Some(alerts) = &alerts {
            alerts.send(Told::Fact(Box::new(fact))).await.context("the alerts task ended")?;
        }
    }
    stop.cancelled().await;
    Ok(())
}

/// Tells the service manager that the daemon lives, and what it does.
async fn attend(summary: &impl Fn() -> String, spool: &Spool) {
    let every = systemd::watchdog().map_or(STATUS, |watchdog| watchdog.min(STATUS));
    let mut ticks = interval(every);
    ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
    loop {
        ticks.tick().await;
        systemd::alive();
        systemd::status(&format!("{}; {} bytes in the spool", summary(), spool.bytes()));
    }
}

/// On an instance the agent may start before the network: a wrong name and region would stay for
/// the whole run, so the service is asked for a while.
async fn ask_metadata() -> Option<imds::Identity> {
    let deadline = Instant::now() + METADATA;
    loop {
        match imds::identity(aws::http_client()).await {
            Ok(identity) => return Some(identity),
            Err(error) if imds::on_instance() && error.may_pass() => {
                if Instant::now() > deadline {
                    warn!(
                        "this is an EC2 instance, but its metadata service does not answer: {}; the host's name and \
                         the default region are used until a restart",
                        telemetry::chain(&error)
                    );
                    return None;
                }
                sleep(Duration::from_secs(1)).await;
            }
            Err(error) => {
                info!("not on EC2, or without its metadata service: {}", telemetry::chain(&error));
                return None;
            }
        }
    }
}

/// Which host this is. The metadata service is asked only if it can add something, and never in
/// the local mode, which needs no network.
async fn identity(config: &Config, local: bool) -> Identity {
    let region = environment_region(|name| std::env::var(name).ok());
    let metadata = if !local && Identity::needs_metadata(config, region.as_deref()) {
        ask_metadata().await
    } else {
        None
    };
    let host_name = gethostname::gethostname().to_string_lossy().into_owned();
    Identity::resolve(config, region, metadata, host_name)
}
