//! Reads the configuration again when somebody says so: by SIGHUP, or over the control socket.

use std::pin::pin;
use std::sync::Arc;
use std::time::Duration;

use log::{error, info, warn};
use tokio::signal::unix::Signal;
use tokio::sync::{Notify, mpsc, oneshot};
use tokio::time::timeout;

use super::alerts::Told;
use super::{Command, logs, notify};
use crate::config::{Config, Faults, Identity};
use crate::logs::finish::{Finisher, Settings as FinisherSettings};
use crate::logs::observer::Observer;
use crate::logs::redact::Redactor;
use crate::{systemd, telemetry};

/// Keys, and beginnings of keys, that are not changed by it.
const NEEDS_A_RESTART: [&str; 17] = [
    "alarms.",
    "alerts.emails",
    "alerts.enabled",
    "alerts.publishers",
    "alerts.runbook",
    "alerts.topic",
    "alerts.webhooks",
    "control.",
    "docker.",
    "health.",
    "host.",
    "logs.multiline",
    "logs.retention_days",
    "metrics.",
    "provision.",
    "region",
    "spool.",
];

/// Who asks over the socket, and hears what is wrong with it.
pub(super) type Asker = oneshot::Sender<Result<Taken, String>>;

/// A configuration is good.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Taken {
    /// The loops have it, but for what was changed of these keys: that takes a restart.
    Now(String),
    /// A loop that is busy gets it as soon as it asks for something to do.
    Later,
}

/// So long the loops may take to take it, before whoever asks is told that it takes effect later.
const SOON: Duration = Duration::from_secs(1);

/// How lines are counted; the same after a reload.
pub(super) struct Counting {
    pub(super) observer: Option<Observer>,
    /// Told when what was counted has to be taken.
    pub(super) full: Arc<Notify>,
}

/// What was changed since the start, and is not changed by reading it again; and the rest of it, as it holds.
fn split(mut config: Config, started: &Config) -> (Config, String) {
    let needs = |key: &&str| NEEDS_A_RESTART.iter().any(|name| key.starts_with(name));
    let restart_for: Vec<&str> = config.changed_since(started).into_iter().filter(needs).collect();
    let restart_for = restart_for.join(", ");
    // Who reads lines and who alerts must see what the metrics loop does.
    (config.metrics, config.health) = (started.metrics.clone(), started.health.clone());
    (config, restart_for)
}

/// Reads the configuration again whenever that is asked for; a bad one is refused and the one of before stays.
pub(super) async fn reload_when_asked(
    (mut hangups, mut asked): (Signal, mpsc::Receiver<Asker>),
    (commands, alerts): (&mpsc::Sender<Command>, Option<&mpsc::Sender<Told>>),
    (started, identity): (&Config, &Identity),
    counting: &Counting,
    reload: impl Fn() -> Result<Config, Faults>,
) {
    loop {
        let mut answer_to = tokio::select! {
            hangup = hangups.recv() => match hangup {
                Some(()) => None,
                None => return,
            },
            Some(whom) = asked.recv() => Some(whom),
        };
        // Whoever gave up was told that nothing was done.
        if answer_to.as_ref().is_some_and(oneshot::Sender::is_closed) {
            continue;
        }
        systemd::reloading();
        let loaded = reload()
            .map_err(anyhow::Error::from)
            .map(|config| split(config, started))
            .and_then(|(config, rest)| Ok((settings(&config, identity, counting)?, config, rest)));
        let tell = |answer_to: &mut Option<Asker>, answer| {
            if let Some(whom) = answer_to.take() {
                whom.send(answer).ok(); // it may have given up
            }
        };
        match loaded {
            Ok((settings, config, restart_for)) => {
                telemetry::set_level(config.log.level);
                let mut hand_over = pin!(hand_over(settings, &config, commands, alerts, identity));
                let taken = if let Ok(taken) = timeout(SOON, &mut hand_over).await {
                    taken
                } else {
                    tell(&mut answer_to, Ok(Taken::Later));
                    hand_over.await
                };
                if taken.is_none() {
                    return;
                }
                if restart_for.is_empty() {
                    info!("the configuration was read again");
                } else {
                    warn!(
                        "the configuration was read again; what was changed of {restart_for} needs a restart"
                    );
                }
                tell(&mut answer_to, Ok(Taken::Now(restart_for)));
            }
            Err(faults) => {
                error!("the configuration was not changed: {faults:#}");
                tell(&mut answer_to, Err(format!("{faults:#}")));
            }
        }
        systemd::ready();
    }
}

/// Gives it to the loops. `None`: they are gone.
async fn hand_over(
    settings: logs::Settings,
    config: &Config,
    commands: &mpsc::Sender<Command>,
    alerts: Option<&mpsc::Sender<Told>>,
    identity: &Identity,
) -> Option<()> {
    commands.send(Command::Reload(Box::new(settings))).await.ok()?;
    if let Some(alerts) = alerts {
        let settings = notify::settings(config, identity);
        alerts.send(Told::Reload(Box::new(settings))).await.ok()?;
    }
    Some(())
}

/// What the log loop does by this configuration.
pub(super) fn settings(
    config: &Config,
    identity: &Identity,
    counting: &Counting,
) -> anyhow::Result<logs::Settings> {
    Ok(logs::Settings {
        selection: config.logs.selection.clone(),
        instance_id: identity.instance_id.clone(),
        multiline: config.logs.multiline,
        flush: config.logs.flush,
        measured: [config.metrics.include.clone(), config.metrics.exclude.clone()],
        full: Arc::clone(&counting.full),
        finisher: finisher(config, counting.observer.clone())?,
    })
}

/// What becomes of messages, as configured.
pub(super) fn finisher(config: &Config, observer: Option<Observer>) -> anyhow::Result<Finisher> {
    let redact = &config.logs.redact;
    let patterns: Vec<String> = redact.patterns.iter().map(|pattern| pattern.as_str().to_owned()).collect();
    let redactor = if redact.enabled { Some(Redactor::new(&patterns)?) } else { None };
    let (structure, drop) = (config.logs.structure, config.logs.drop.clone());
    Ok(Finisher::new(FinisherSettings { structure, redactor, drop, observer }))
}

#[cfg(test)]
mod tests {
    use std::collections::HashSet;
    use std::path::Path;
    use std::sync::atomic::{AtomicUsize, Ordering};

    use tokio::signal::unix::{SignalKind, signal};

    use super::*;
    use crate::daemon::Seen;

    #[tokio::test(start_paused = true)]
    async fn a_loop_that_is_busy_has_it_later_and_who_gave_up_changes_nothing() {
        let (commands, mut taken) = mpsc::channel(1);
        commands.try_send(Command::Seen(Seen::Listed(HashSet::new()))).unwrap();
        let (queue, asked) = mpsc::channel(1);
        let config = Config::defaults().unwrap();
        let identity = Identity::resolve(&config, None, None, "host".to_owned());
        let counting = Counting { observer: None, full: Arc::default() };
        let read = AtomicUsize::new(0);
        let reload = || {
            read.fetch_add(1, Ordering::Relaxed);
            Config::defaults()
        };
        let hangups = signal(SignalKind::hangup()).unwrap();
        let running =
            reload_when_asked((hangups, asked), (&commands, None), (&config, &identity), &counting, reload);
        let ask = || {
            let (to, answer) = oneshot::channel();
            queue.try_send(to).unwrap();
            answer
        };
        let asking = async {
            assert_eq!(ask().await.unwrap(), Ok(Taken::Later), "it is told so, and need not wait");
            drop(ask());
            assert!(matches!(taken.recv().await, Some(Command::Seen(_))));
            assert!(matches!(taken.recv().await, Some(Command::Reload(_))), "it comes all the same");
            assert_eq!(ask().await.unwrap(), Ok(Taken::Now(String::new())));
            assert_eq!(read.load(Ordering::Relaxed), 2, "nobody waited for the second");
        };
        tokio::select! {
            () = running => panic!("it ended"),
            () = asking => {}
        }
    }

    #[test]
    fn what_takes_a_restart_is_named_if_it_was_changed() {
        let started = Config::defaults().unwrap();
        let again = |name: &str, value: &str| {
            let config = Config::load(Some(Path::new("/dev/null")), [(name.into(), value.into())]).unwrap();
            split(config, &started)
        };
        let (config, restart_for) = again("STARTTECH_METRICS_SAMPLE", "30s");
        assert_eq!(restart_for, "metrics.sample");
        assert_eq!(config.metrics.sample, started.metrics.sample, "the metrics loop goes on as before");
        assert_eq!(again("STARTTECH_LOGS_FLUSH", "3s").1, "");
        assert_eq!(again("STARTTECH_LOGS_GROUP", "/mine").0.logs.selection.group, "/mine");
    }

    #[test]
    fn what_takes_a_restart_is_told_where_people_configure() {
        let install = include_str!("../../../INSTALL.md");
        let example = include_str!("../../agent.example.toml");
        for name in NEEDS_A_RESTART {
            let key = if name.ends_with('.') { format!("{name}*") } else { name.to_owned() };
            assert!(install.contains(&format!("`{key}`")), "{key} in INSTALL.md");
            assert!(example.contains(&format!(" {key}")), "{key} in agent.example.toml");
        }
    }
}
