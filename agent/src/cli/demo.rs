//! `demo`: the whole way of a line, on a laptop. A sample backend prints into a log of Docker's kind,
//! and the daemon itself ships it to files.
//!
//! This file starts both, waits for the end, and lets what was printed last arrive. It takes no
//! configuration from this host: a broken one cannot break it.

mod shipped;
mod words;

use std::fs::{self, File, TryLockError};
use std::num::NonZeroU32;
use std::path::{Path, PathBuf};
use std::time::Duration;

use anyhow::{Context, bail};
use clap::Args;
use jiff::SignedDuration;
use log::LevelFilter;
use tempfile::TempDir;
use tokio::signal::unix::{SignalKind, signal};
use tokio::sync::{mpsc, oneshot};
use tokio::time::{sleep, timeout};

use super::dashboard::serve;
use super::output;
use super::run::{asked_to_stop, block_on};
use crate::alerts::{Fact, What};
use crate::config::Config;
use crate::daemon::{self, Containers, Start};
use crate::docker::Found;
use crate::local::Directory;
use crate::logs::Container;
use crate::probe::parse_url;
use crate::sample::{Backend, Happened, Settings, Tally};
use crate::telemetry;
use shipped::Shipped;

/// A batch waits so long for others, not the usual second: lines are to be seen as they are printed.
const FLUSH: Duration = Duration::from_millis(200);
/// From the last line that is printed to the end of the daemon, at most. With the daemon's own stop,
/// Ctrl-C is done in three seconds.
const DRAIN: Duration = Duration::from_secs(1);
/// Metrics come a few times in a demonstration, not once a minute.
const MEASURED: [Duration; 2] = [Duration::from_secs(2), Duration::from_secs(10)];
/// No cap that a reader of the terminal would meet.
const MESSAGES: u32 = 1000;
/// A container that was started again is up after so long.
const RECOVERY: Duration = Duration::from_secs(5);
/// How the host is called in the stream's name.
const HOST: &str = "demo-host";
/// How the container is called.
const CONTAINER: &str = "sample-backend";

/// What can be said to `demo`.
#[derive(Debug, Args)]
pub(super) struct Options {
    /// What the sample backend prints each second by itself; a stack trace counts as one line
    #[arg(long, value_name = "N", default_value_t = NonZeroU32::MIN.saturating_add(3), value_parser = rate)]
    lines_per_second: NonZeroU32,

    /// End after so long (10s, 2m) instead of at Ctrl-C
    #[arg(long = "for", value_name = "DURATION", value_parser = duration)]
    length: Option<Duration>,

    /// Work in DIR and keep what was written; a next run goes on there [default: a temporary directory]
    #[arg(long, value_name = "DIR")]
    dir: Option<PathBuf>,

    /// Port of the sample backend on 127.0.0.1; 0 takes any that is free
    #[arg(long, default_value_t = 0)]
    port: u16,
}

fn rate(text: &str) -> Result<NonZeroU32, String> {
    let rate = text.parse().ok().filter(|rate: &NonZeroU32| rate.get() <= 10_000);
    rate.ok_or_else(|| "write a number from 1 to 10000".to_owned())
}

fn duration(text: &str) -> Result<Duration, String> {
    let duration = text.parse::<SignedDuration>().ok().and_then(|duration| Duration::try_from(duration).ok());
    duration
        .filter(|duration| !duration.is_zero())
        .ok_or_else(|| "write a duration like 10s or 2m".to_owned())
}

/// Where everything is.
#[derive(Debug)]
struct Places {
    /// Docker's file.
    log: PathBuf,
    /// What the daemon writes to instead of AWS.
    local: PathBuf,
    /// The file of the stream in it.
    shipped: PathBuf,
    /// What was measured.
    metrics: PathBuf,
}

/// Runs the sample backend and the agent until the end that was asked for.
pub(super) fn demo(options: &Options) -> anyhow::Result<()> {
    telemetry::install(LevelFilter::Warn);
    let Some(dir) = &options.dir else {
        let parent = std::env::temp_dir();
        let temporary =
            tempfile::Builder::new().prefix("starttech-demo-").tempdir_in(&parent).with_context(|| {
                format!(
                    "cannot make a directory in {}: name one that can be written with --dir",
                    parent.display()
                )
            })?;
        return in_temporary(options, temporary);
    };
    let dir = std::path::absolute(dir).with_context(|| format!("cannot use {}", dir.display()))?;
    fs::create_dir_all(&dir).with_context(|| format!("cannot make {}", dir.display()))?;
    let lock = dir.join(".lock");
    let lock = File::create(&lock).with_context(|| format!("cannot write {}", lock.display()))?;
    match lock.try_lock() {
        Ok(()) => {}
        Err(TryLockError::WouldBlock) => bail!("another demo works in {}: name another --dir", dir.display()),
        Err(TryLockError::Error(error)) => {
            return Err(error).context(format!("cannot lock {}", dir.display()));
        }
    }
    block_on(async { Box::pin(show(options, &dir)).await })
}

fn in_temporary(options: &Options, temporary: TempDir) -> anyhow::Result<()> {
    let shown = block_on(async { Box::pin(show(options, temporary.path())).await });
    let path = temporary.path().to_owned();
    let removed = temporary.close().with_context(|| format!("cannot remove {}", path.display()));
    shown.and(removed)
}

async fn show(options: &Options, dir: &Path) -> anyhow::Result<()> {
    let end = end(options.length)?;
    let mut config = Config::defaults()?;
    config.log.level = LevelFilter::Warn;
    config.host.instance_id = Some(HOST.to_owned());
    config.logs.flush = FLUSH;
    [config.metrics.sample, config.metrics.flush] = MEASURED;
    hasten(&mut config);
    let container = container();
    let places = places(dir, &config, &container)?;

    let run = format!("{:08x}", fastrand::u32(..));
    let (happened, happenings) = mpsc::channel(8);
    let backend = Backend::start(Settings {
        log_path: places.log.clone(),
        port: options.port,
        entries_per_second: options.lines_per_second,
        run: run.clone(),
        clock: telemetry::now_ns,
        happened,
    });
    let backend = backend.await.context("cannot start the sample backend")?;
    config.health.url = Some(parse_url(&format!("http://{}/health", backend.address()?))?);
    let mut shipped = Shipped::after(&places.shipped, &run);
    let (page, shown) = serve::beside(&config, &places.local, None).await?;
    output::result(&words::beginning(options, &places, backend.address()?, page));

    let (driver, log_path) = ("json-file".to_owned(), Some(places.log.clone()));
    let (facts, told) = mpsc::channel(8);
    let found = Found { container: container.clone(), driver, log_path, started: true, standing: None };
    let reload = {
        let config = config.clone();
        move || Ok(config.clone())
    };
    let start = Start {
        config,
        config_file: None,
        reload,
        local: Some(places.local.clone()),
        containers: Containers::Fixed(vec![found], told),
    };
    let (stop, stopped) = oneshot::channel();
    // The daemon ends ahead of the backend only if it failed, and then so does all of this.
    let daemon = Box::pin(daemon::run(start, async { stopped.await.unwrap_or_default() }));
    let followed = async {
        let done = print_and_follow(backend, end, &mut shipped).await;
        // The daemon is there to be told, or has told why not.
        stop.send(()).ok();
        done
    };
    let work = async { tokio::try_join!(daemon, tell(container, happenings, facts), followed) };
    let ((), (), (tally, arrived)) = tokio::select! {
        worked = Box::pin(work) => worked?,
        () = shown => bail!("the page ended"),
    };
    // What was held as part of a stack trace came at the daemon's end.
    shipped.read_on()?;
    output::result(&words::end(options, &places, tally, shipped.events(), arrived));
    Ok(())
}

/// Alerts begin and end within a day, which has two minutes here.
fn hasten(config: &mut Config) {
    config.alerts.max_per_hour = MESSAGES;
    config.alerts.recovery = RECOVERY;
    for rule in &mut config.alerts.rules {
        rule.period_s = 10;
        let (of, periods) = &mut rule.datapoints;
        (*of, *periods) = ((*of).min(2), (*periods).min(2));
    }
}

/// Says what Docker would say.
async fn tell(
    container: Container,
    mut happened: mpsc::Receiver<Happened>,
    facts: mpsc::Sender<Fact>,
) -> anyhow::Result<()> {
    while let Some(happened) = happened.recv().await {
        let what = match happened {
            Happened::OutOfMemory => What::OutOfMemory,
            // 128 + KILL.
            Happened::Died => What::Died { exit_code: 137 },
            Happened::Started => What::Started,
        };
        let fact = Fact { at_ns: telemetry::now_ns(), container: container.clone(), what };
        // The daemon may be at its end.
        facts.send(fact).await.ok();
    }
    Ok(())
}

/// Runs the backend to its end and waits for its last line to arrive. Whether it did.
async fn print_and_follow(
    backend: Backend,
    end: impl Future<Output = ()>,
    shipped: &mut Shipped,
) -> anyhow::Result<(Tally, bool)> {
    let follow = shipped.follow();
    tokio::pin!(follow);
    let tally = tokio::select! {
        tally = backend.run(end) => tally.context("the sample backend cannot go on")?,
        followed = &mut follow => {
            followed?;
            bail!("the last line arrived before it was printed");
        }
    };
    match timeout(DRAIN, follow).await {
        Ok(followed) => followed.map(|()| (tally, true)),
        Err(_) => Ok((tally, false)),
    }
}

/// Whatever comes first: the time is over, somebody says so, or nobody looks any more.
fn end(length: Option<Duration>) -> std::io::Result<impl Future<Output = ()>> {
    let asked = asked_to_stop()?;
    // To the daemon a hangup means to read its configuration again. Here the terminal was closed.
    let mut hangup = signal(SignalKind::hangup())?;
    Ok(async move {
        let over = async {
            match length {
                Some(length) => sleep(length).await,
                None => std::future::pending().await,
            }
        };
        tokio::select! {
            () = asked => {}
            _ = hangup.recv() => {}
            () = over => {}
            () = output::reader_left() => {}
        }
    })
}

fn container() -> Container {
    Container {
        // A container's id has 64 hexadecimal digits; the same in each run, so that --dir goes on.
        id: "5a".repeat(32),
        name: CONTAINER.to_owned(),
        image: "starttech-backend:sample".to_owned(),
        ..Container::default()
    }
}

fn places(dir: &Path, config: &Config, container: &Container) -> anyhow::Result<Places> {
    let logs = dir.join("container");
    fs::create_dir_all(&logs).with_context(|| format!("cannot make {}", logs.display()))?;
    let local = dir.join("shipped");
    let destination =
        config.logs.selection.choose(container, HOST).context("the sample container is left out")?;
    let shipped = Directory::new(&local, false).file(&destination);
    let metrics = local.join("metrics.jsonl");
    Ok(Places { log: logs.join(format!("{}-json.log", container.id)), local, shipped, metrics })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn durations_and_rates_are_checked() {
        assert_eq!(
            ["10s", "2m", "500ms", "1h30m"].map(|text| duration(text).unwrap().as_millis()),
            [10_000, 120_000, 500, 5_400_000]
        );
        for text in ["", "0s", "-1s", "10", "soon"] {
            assert!(duration(text).is_err(), "{text}");
        }
        assert_eq!(rate("200").unwrap().get(), 200);
        for text in ["0", "10001", "-1", "x"] {
            assert!(rate(text).is_err(), "{text}");
        }
    }
}
