//! Builds the edges from the configuration, starts the loops, and stops them in order: sources
//! first, then what is on its way goes to the spool, then the last deliveries.

pub mod api;
pub mod counters;
pub mod deliver;
pub mod discover;
pub mod logs;
mod measure;
pub mod metrics;
mod source;
pub mod supervise;

use std::collections::HashSet;
use std::path::PathBuf;
use std::pin::pin;
use std::sync::Arc;
use std::time::Duration;

use anyhow::Context;
use log::{error, info, warn};
use tokio::signal::unix::{Signal, SignalKind, signal};
use tokio::sync::{Notify, mpsc};
use tokio::time::{Instant, MissedTickBehavior, interval, sleep, timeout};
use tokio_util::sync::CancellationToken;

use crate::config::identity::environment_region;
use crate::config::{Config, Faults, Identity};
use crate::docker::{Engine, Found};
use crate::local::{self, Directory};
use crate::logs::Sink;
use crate::logs::finish::{Finisher, Settings as FinisherSettings};
use crate::logs::observer::Observer;
use crate::logs::redact::Redactor;
use crate::spool::Spool;
use crate::{aws, imds, systemd, telemetry};
use counters::Counters;
use discover::Listeners;
use measure::Measure;
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
}

/// Where containers are found.
#[derive(Debug)]
pub enum Containers {
    /// Docker, at the socket of the configuration.
    Docker,
    /// These and no others: the demonstration has no Docker.
    Fixed(Vec<Found>),
}

/// How the daemon runs.
#[derive(Debug)]
pub struct Start<R> {
    /// What the operator wants.
    pub config: Config,
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
        let sinks = (Directory::new(&directory, true), local::metrics::Metrics::new(&directory, true));
        return Box::pin(run_into(sinks, directory.join(".spool"), start, identity, hangups, shutdown)).await;
    }
    info!(
        "this host is {} ({}), region {} ({})",
        identity.instance_id, identity.instance_id_from, identity.region, identity.region_from
    );
    let sdk = aws::sdk_config(&identity.region).await;
    let lines = aws::logs::CloudWatchLogs::new(&sdk, start.config.logs.retention_days);
    let sinks = (lines, aws::metrics::CloudWatch::new(&sdk, telemetry::now_ms));
    let directory = start.config.spool.directory.clone();
    Box::pin(run_into(sinks, directory, start, identity, hangups, shutdown)).await
}

/// How lines are counted; the same after a reload.
struct Counting {
    observer: Option<Observer>,
    /// Told when what was counted has to be taken.
    full: Arc<Notify>,
}

async fn run_into(
    (sink, metrics_sink): (impl Sink, impl Sink),
    spool_directory: PathBuf,
    start: Start<impl Fn() -> Result<Config, Faults>>,
    identity: Identity,
    hangups: Signal,
    shutdown: impl Future<Output = ()>,
) -> anyhow::Result<()> {
    let Start { config, reload, containers, local } = start;
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
    tasks.spawn("log", {
        let (stop, closed) = (stop.clone(), closed.clone());
        async move {
            let result = logs.run(received, stop).await;
            closed.cancel();
            result
        }
    });
    tasks.spawn(
        "delivery",
        deliver::run(Arc::clone(&spool), Arc::new(sink), Arc::clone(&counters), closed.clone()),
    );
    let place = measure::Place {
        config: &config,
        identity: &identity,
        local: local.is_some(),
        spool_directory: &spool_directory,
        lines: &spool,
        counters: &counters,
        read: &closed,
        stop: &stop,
    };
    let measured = measure.map(|measure| {
        let counters = Arc::clone(&measure.counters);
        measure.spawn(&mut tasks, metrics_sink, &place).map(|seen| (seen, counters))
    });
    let (seen, datapoints) = measured.transpose()?.unzip();
    match containers {
        Containers::Docker => {
            let told = Listeners { logs: commands.clone(), metrics: seen };
            tasks.spawn("discovery", discover::run(config.docker.socket.clone(), told, stop.clone()));
        }
        Containers::Fixed(found) => {
            for found in found {
                let seen = Command::Seen(Seen::Found(Box::new(found), None));
                commands.send(seen).await.context("the log task ended")?;
            }
        }
    }
    let summary = || match &datapoints {
        Some(datapoints) => format!("{}; {}", counters.summary(), datapoints.datapoints(&counters)),
        None => counters.summary(),
    };

    systemd::ready();
    let ended = tokio::select! {
        error = tasks.first_end() => Some(error),
        () = attend(&summary, &spool) => None,
        () = reload_on_hangup(hangups, &commands, &identity, &counting, reload) => None,
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

/// Reads the configuration again at SIGHUP; a bad one is refused and the old one stays.
async fn reload_on_hangup(
    mut hangups: Signal,
    commands: &mpsc::Sender<Command>,
    identity: &Identity,
    counting: &Counting,
    reload: impl Fn() -> Result<Config, Faults>,
) {
    while hangups.recv().await.is_some() {
        systemd::reloading();
        match reload()
            .map_err(anyhow::Error::from)
            .and_then(|config| Ok((settings(&config, identity, counting)?, config)))
        {
            Ok((settings, config)) => {
                telemetry::set_level(config.log.level);
                if commands.send(Command::Reload(Box::new(settings))).await.is_err() {
                    return;
                }
                info!(
                    "the configuration was read again; docker.*, health.*, host.*, metrics.*, region, spool.*, \
                     logs.multiline and logs.retention_days need a restart"
                );
            }
            Err(faults) => error!("the configuration was not changed: {faults:#}"),
        }
        systemd::ready();
    }
}

fn settings(config: &Config, identity: &Identity, counting: &Counting) -> anyhow::Result<logs::Settings> {
    let redact = &config.logs.redact;
    let patterns: Vec<String> = redact.patterns.iter().map(|pattern| pattern.as_str().to_owned()).collect();
    let redactor = if redact.enabled { Some(Redactor::new(&patterns)?) } else { None };
    let drop = config.logs.drop.clone();
    Ok(logs::Settings {
        selection: config.logs.selection.clone(),
        instance_id: identity.instance_id.clone(),
        multiline: config.logs.multiline,
        flush: config.logs.flush,
        measured: [config.metrics.include.clone(), config.metrics.exclude.clone()],
        full: Arc::clone(&counting.full),
        finisher: Finisher::new(FinisherSettings {
            structure: config.logs.structure,
            redactor,
            drop,
            observer: counting.observer.clone(),
        }),
    })
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
