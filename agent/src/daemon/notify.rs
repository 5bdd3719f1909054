//! Builds what the alerts loop needs, and starts it beside its own spool and delivery.

use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use log::info;
use tokio::sync::{mpsc, watch};
use tokio_util::sync::CancellationToken;

use super::alerts::{Alerts, Settings, Told};
use super::control::Waiting;
use super::counters::Counters;
use super::deliver;
use super::supervise::Supervisor;
use crate::alerts::message::Place;
use crate::alerts::state;
use crate::alerts::threshold::Rule;
use crate::aws::sns::{AskAccount, Topic};
use crate::config::{Config, Identity};
use crate::logs::Sink;
use crate::spool::history::History;
use crate::spool::{ALERTS, Spool, silences};
use crate::{aws, imds, telemetry};

/// Things on their way to the alerts loop: it is quick.
pub(super) const TOLD: usize = 256;
/// Alerts that wait may take so much, in bytes: some hundred.
const SPOOL_BYTES: u64 = 4 << 20;

/// Where alerts come from.
pub fn place(config: &Config, identity: &Identity, local: bool) -> Place {
    let settings = &config.provision.settings;
    Place {
        instance_id: identity.instance_id.clone(),
        group: config.host.auto_scaling_group.clone(),
        region: if local { String::new() } else { identity.region.clone() },
        account_id: None,
        prefix: settings.prefix.clone(),
        runbook: settings.runbook.clone(),
    }
}

/// The topic of this name.
pub fn topic(
    sdk: aws_config::SdkConfig,
    name: String,
    place: Place,
    group: watch::Receiver<Option<String>>,
) -> Topic {
    let on_instance = place.instance_id.starts_with("i-") || imds::on_instance();
    let account: AskAccount = Box::new(move || {
        Box::pin(async move {
            if !on_instance {
                return None;
            }
            imds::identity(aws::http_client()).await.ok()?.account_id
        })
    });
    let place = Box::new(move || Place { group: group.borrow().clone(), ..place.clone() });
    Topic::new(sdk, name, account, place, telemetry::now_ns)
}

/// What decides how alerts are told, as the configuration says.
pub(super) fn settings(config: &Config, identity: &Identity) -> Settings {
    let redact = &config.logs.redact;
    let patterns = redact.patterns.iter().map(|pattern| pattern.as_str().to_owned()).collect();
    let nanoseconds = |duration: Duration| i64::try_from(duration.as_nanos()).unwrap_or(i64::MAX);
    let (loop_deaths, loop_within) = config.alerts.restart_loop;
    // A period in which nothing was looked at would be a gap.
    let shortest_s = match config.metrics.sample.as_secs_f64() {
        ..=10.0 => 10,
        ..=30.0 => 30,
        _ => 60,
    };
    let health = config.health.url.as_ref().map(ToString::to_string).unwrap_or_default();
    let rules = config.alerts.rules.iter().map(|rule| Rule {
        period_s: rule.period_s.max(shortest_s),
        run: rule.run.iter().map(|command| command.replace("HEALTH_URL", &health)).collect(),
        ..rule.clone()
    });
    Settings {
        telling: state::Settings {
            max_per_hour: config.alerts.max_per_hour,
            loop_deaths,
            loop_ns: nanoseconds(loop_within),
            recovery_ns: nanoseconds(config.alerts.recovery),
        },
        selection: config.logs.selection.clone(),
        instance_id: identity.instance_id.clone(),
        redact: redact.enabled.then_some(patterns),
        topic: config.provision.settings.topic.clone(),
        namespace: config.metrics.namespace.clone(),
        rules: rules.collect(),
        place: place(config, identity, false),
    }
}

/// Starts everything. Gives since when it wants to be told, and what waits to be delivered.
pub(super) fn spawn(
    tasks: &mut Supervisor,
    sink: impl Sink,
    settings: Settings,
    received: mpsc::Receiver<Told>,
    spool_directory: &Path,
    stop: &CancellationToken,
) -> anyhow::Result<(i64, Waiting)> {
    let (spool, recovered) = Spool::open(&spool_directory.join(ALERTS), SPOOL_BYTES)?;
    let spool = Arc::new(spool.of_alerts());
    if recovered.batches > 0 {
        info!("{} alerts wait in the spool from an earlier run", recovered.batches);
    }
    deliver::tell_quarantined(recovered.quarantined);
    let counters = Arc::new(Counters::default());
    let beside = (silences::path(spool_directory), History::of_alerts(spool_directory));
    let alerts = Alerts::new(settings, beside, Arc::clone(&spool), Arc::clone(&counters));
    let since = alerts.since();
    let waiting = (Arc::clone(&spool), Arc::clone(&counters));
    let closed = CancellationToken::new();
    tasks.spawn("alerts", {
        let (stop, closed) = (stop.clone(), closed.clone());
        async move {
            let result = alerts.run(received, stop).await;
            closed.cancel();
            result
        }
    });
    tasks.spawn("alerts delivery", deliver::run(spool, Arc::new(sink), counters, closed));
    Ok((since, waiting))
}
