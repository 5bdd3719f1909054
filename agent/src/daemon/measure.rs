//! Builds what the metrics loop needs, and starts it beside its own spool and delivery.
//!
//! Datapoints have a spool of their own below that of lines: neither kind pushes the other out, and an
//! endpoint that is missing for one of them does not hold up the other.

use std::path::Path;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use log::{error, info};
use tokio::net::TcpListener;
use tokio::sync::{Notify, mpsc, watch};
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;

use super::alerts::Told;
use super::counters::Counters;
use super::metrics::{self, Metrics, Shared};
use super::supervise::Supervisor;
use super::{Seen, deliver};
use crate::aws::tags;
use crate::config::{Config, Identity};
use crate::logs::Sink;
use crate::logs::observer::Observer;
use crate::logs::pattern::Pattern;
use crate::metrics::exposition::Latest;
use crate::metrics::name;
use crate::metrics::tally::Tally;
use crate::probe::Probe;
use crate::spool::history::History;
use crate::spool::{METRICS, Spool};
use crate::{aws, exporter, imds, telemetry};

/// Containers on their way to the metrics loop.
const SEEN: usize = 64;
/// How often the host's group is asked for until there is an answer.
const GROUP_AGAIN: Duration = Duration::from_mins(5);

/// What is to be measured, before anything is.
#[derive(Debug)]
pub(super) struct Measure {
    tally: Arc<Mutex<Tally>>,
    /// Told when the tally is full.
    pub(super) full: Arc<Notify>,
    group: watch::Sender<Option<String>>,
    exporter: Option<TcpListener>,
    /// What became of datapoints.
    pub(super) counters: Arc<Counters>,
    latest: Arc<Mutex<Latest>>,
}

/// What was measured, for those who ask.
#[derive(Debug, Clone)]
pub(super) struct Measured {
    /// The last of every series.
    pub(super) latest: Arc<Mutex<Latest>>,
    /// What lines said.
    pub(super) tally: Arc<Mutex<Tally>>,
    /// Where datapoints wait.
    pub(super) spool: Arc<Spool>,
    /// What became of them.
    pub(super) counters: Arc<Counters>,
    /// The Auto Scaling group, once it is known.
    pub(super) group: watch::Receiver<Option<String>>,
    /// How long a period is.
    pub(super) period: Duration,
}

/// Where the loop stands among the others.
pub(super) struct Place<'a> {
    pub(super) config: &'a Config,
    pub(super) identity: &'a Identity,
    pub(super) local: bool,
    pub(super) spool_directory: &'a Path,
    pub(super) lines: &'a Arc<Spool>,
    pub(super) counters: &'a Arc<Counters>,
    /// Cancelled when the last line is read.
    pub(super) read: &'a CancellationToken,
    pub(super) stop: &'a CancellationToken,
    /// Where rules look at what is measured.
    pub(super) alerts: &'a Option<mpsc::Sender<Told>>,
}

impl Measure {
    /// `None`: nothing is to be measured.
    pub(super) async fn prepare(config: &Config) -> Option<Self> {
        if !config.metrics.enabled {
            return None;
        }
        let exporter = match config.metrics.prometheus {
            Some(address) => match exporter::bind(address).await {
                Ok(listener) => Some(listener),
                Err(problem) => {
                    // What somebody else does with a port must not keep the lines on this host.
                    error!(
                        "metrics are not served to Prometheus: {}; everything else goes on: set metrics.prometheus to \
                         a free port and restart",
                        telemetry::chain(&problem)
                    );
                    None
                }
            },
            None => None,
        };
        let own: Vec<_> = config.metrics.patterns.iter().map(Pattern::metric).collect();
        let period_ms = i64::try_from(config.metrics.flush.as_millis()).unwrap_or(i64::MAX);
        Some(Self {
            full: Arc::default(),
            tally: Arc::new(Mutex::new(Tally::new(period_ms, &own))),
            group: watch::Sender::new(config.host.auto_scaling_group.clone()),
            exporter,
            counters: Arc::default(),
            latest: Arc::default(),
        })
    }

    /// Which Auto Scaling group this is, once it is known.
    pub(super) fn group(&self) -> watch::Receiver<Option<String>> {
        self.group.subscribe()
    }

    /// Counts what lines say.
    pub(super) fn observer(&self, config: &Config) -> Observer {
        let health_path = config.health.url.as_ref().map_or("/health", |url| url.path()).to_owned();
        Observer::new(health_path, config.metrics.patterns.clone(), Arc::clone(&self.tally))
    }

    /// Starts everything. Gives where containers are to be told of, and what is measured.
    pub(super) fn spawn(
        self,
        tasks: &mut Supervisor,
        sink: impl Sink,
        place: &Place<'_>,
    ) -> anyhow::Result<(mpsc::Sender<Seen>, Measured)> {
        let Place { config, identity, local, spool_directory, lines, counters, read, stop, alerts } = *place;
        let (spool, recovered) = Spool::open(&spool_directory.join(METRICS), config.spool.datapoint_bytes())?;
        let spool = Arc::new(spool.of_datapoints());
        if recovered.batches > 0 {
            info!("{} batches of datapoints wait in the spool from an earlier run", recovered.batches);
        }
        deliver::tell_quarantined(recovered.quarantined);

        let shared = Shared {
            spool: Arc::clone(&spool),
            lines: Arc::clone(lines),
            counters: Arc::clone(counters),
            datapoints: Arc::clone(&self.counters),
            tally: Arc::clone(&self.tally),
            full: self.full,
            group: self.group.subscribe(),
            latest: Arc::clone(&self.latest),
            history: History::of_metrics(spool_directory),
            alerts: alerts.clone(),
        };
        let measured = Measured {
            latest: Arc::clone(&self.latest),
            tally: self.tally,
            spool: Arc::clone(&spool),
            counters: Arc::clone(&self.counters),
            group: self.group.subscribe(),
            period: config.metrics.flush,
        };
        let settings = metrics::Settings {
            namespace: config.metrics.namespace.clone(),
            sample: config.metrics.sample,
            flush: config.metrics.flush,
            series: config.metrics.series,
            selection: config.metrics.selection.clone(),
            containers: [config.metrics.include.clone(), config.metrics.exclude.clone()],
            instance_id: identity.instance_id.clone(),
            local,
        };
        let probe = config.health.url.clone().map(|url| Probe::new(url, config.health.timeout));
        let (seen, received) = mpsc::channel(SEEN);
        let closed = CancellationToken::new();
        tasks.spawn("metrics", {
            let (read, closed) = (read.clone(), closed.clone());
            let metrics = Metrics::new(settings, shared, probe);
            async move {
                let result = metrics.run(received, read).await;
                closed.cancel();
                result
            }
        });
        tasks.spawn("metrics delivery", deliver::run(spool, Arc::new(sink), self.counters, closed));
        if let Some(listener) = self.exporter {
            let latest = self.latest;
            let (instance, group) = (identity.instance_id.clone(), self.group.subscribe());
            let text = move || {
                let group = group.borrow().clone();
                let mut host = vec![(name::INSTANCE_ID, instance.as_str())];
                host.extend(group.as_deref().map(|group| (name::AUTO_SCALING_GROUP, group)));
                metrics::lock(&latest).text(&host, Instant::now().into_std())
            };
            let stop = stop.clone();
            tasks.spawn("exporter", async move {
                exporter::run(listener, text, stop).await;
                Ok(())
            });
        }
        if self.group.borrow().is_none()
            && !local
            && config.metrics.series.group
            && (identity.is_instance() || imds::on_instance())
        {
            let (region, id) = (identity.region.clone(), identity.instance_id.clone());
            let ask = async move || group_of(&region, &id).await;
            tasks.spawn("group", metrics::find_group(ask, GROUP_AGAIN, self.group, stop.clone()));
        }
        Ok((seen, measured))
    }
}

/// The instance's own tags first: they need no right and no way to EC2.
async fn group_of(region: &str, instance_id: &str) -> Result<Option<String>, String> {
    if let Ok(Some(group)) = imds::auto_scaling_group(aws::http_client()).await {
        return Ok(Some(group));
    }
    let sdk = aws::sdk_config(region).await;
    // The operator may call this host otherwise.
    let told =
        if instance_id.starts_with("i-") { None } else { imds::identity(aws::http_client()).await.ok() };
    let instance_id = told.as_ref().map_or(instance_id, |told| &told.instance_id);
    tags::auto_scaling_group(&sdk, instance_id).await.map_err(|error| telemetry::chain(&error))
}
