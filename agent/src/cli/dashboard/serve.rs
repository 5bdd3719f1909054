//! `dashboard serve`: the dashboard on a page of this host. The local mode and the demonstration show the same.
//!
//! Puts together where measures, alerts and lines are; what is made of them is `viewer`'s and `page`'s.

use std::collections::HashSet;
use std::io::ErrorKind;
use std::net::{Ipv4Addr, SocketAddr};
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::sync::Arc;

use anyhow::Context;
use clap::Args;
use log::warn;
use serde_json::Value;
use tokio_util::sync::CancellationToken;

use crate::cli::logs::identity;
use crate::cli::run::{asked_to_stop, block_on};
use crate::cli::{ConfigFile, output};
use crate::config::Config;
use crate::daemon::lookback::{Found, lookback};
use crate::page::log::Line;
use crate::page::model::Dashboard;
use crate::provision::dashboard::IMPORTABLE;
use crate::provision::{self, Wanted, stand_in};
use crate::spool::history;
use crate::telemetry;
use crate::viewer::desk;
use crate::viewer::drawn::Asked;
use crate::viewer::http::{self, Error};
use crate::viewer::{Settings, Source, Told, lines};

pub(super) const HELP: &str = "\
Examples:
  sudo starttech-agent dashboard serve            what the daemon of this host measured in the last hours
  starttech-agent dashboard serve --dir starttech-logs
                                                  what `run --local` wrote there
  aws ssm start-session --target i-… --document-name AWS-StartPortForwardingSession \\
    --parameters portNumber=8866,localPortNumber=8866
                                                  then http://127.0.0.1:8866/ on your own machine

It runs until Ctrl-C, writes nothing and asks nothing of AWS. While it runs, every user of this host can read the lines
on it, and containers with --network host can: where they may not, give it a token, which the browser asks for as a
password. Elsewhere than on loopback it wants one.

Exit codes:
  0   it was ended
  1   the address is taken or not allowed, or the files cannot be read
  64  bad usage or configuration";

/// Where the page is if nobody says otherwise.
const USUAL: SocketAddr = SocketAddr::new(std::net::IpAddr::V4(Ipv4Addr::LOCALHOST), 8866);
/// What the dashboard that ships calls these.
const NAMESPACE: &str = "StartTech/Backend";
const GROUP: &str = "/starttech/backend";
/// Lines of this host that are read, and their bytes: the newest, and more than the page keeps, for it to say so.
const LINES: (usize, usize) = (lines::MOST_LINES + 1, lines::MOST_BYTES + (1 << 20));

/// What can be said to it.
#[derive(Debug, Args)]
pub(in crate::cli) struct Options {
    #[command(flatten)]
    file: ConfigFile,

    /// Address and port; elsewhere than on loopback a token is wanted
    #[arg(long, value_name = "ADDRESS:PORT", default_value_t = USUAL)]
    listen: SocketAddr,

    /// Show what `run --local=DIR` wrote, not what the daemon measured
    #[arg(long, value_name = "DIR")]
    dir: Option<PathBuf>,

    /// Another dashboard: its JSON, as CloudWatch imports it
    #[arg(long, value_name = "FILE")]
    dashboard: Option<PathBuf>,

    /// The file of a token of 16 characters or more that whoever looks must know
    #[arg(long, value_name = "FILE")]
    token_file: Option<PathBuf>,
}

/// Does it, until it is told to stop.
pub(super) fn serve(options: &Options) -> anyhow::Result<ExitCode> {
    let config = Config::load(options.file.config.as_deref(), std::env::vars_os())?;
    telemetry::install(config.log.level);
    let dashboard = match &options.dashboard {
        Some(file) => read(file)?,
        None => shipped(&config.provision.settings)?,
    };
    let token = options.token_file.as_ref().map(|file| {
        std::fs::read_to_string(file).with_context(|| format!("cannot read the token of {}", file.display()))
    });
    let token = token.transpose()?;
    block_on(async {
        let stop = asked_to_stop()?;
        let (listener, guard) = http::bind(options.listen, token.as_deref()).await?;
        let settings = match &options.dir {
            Some(dir) => {
                let history = history::directory(&dir.join(".spool"));
                if !history.exists() {
                    warn!(
                        "there is no {} yet: graphs are empty until something is measured",
                        history.display()
                    );
                }
                of_directory(&config, dir, dashboard)?
            }
            None => of_host(config, dashboard).await?,
        };
        let (asker, desk) = desk::open(settings);
        // Hours of measures and lines are read before somebody asks for them.
        let ahead = asker.clone();
        let ahead = async {
            ahead.ask(Asked::default()).await;
            std::future::pending::<()>().await;
        };
        output::result(&format!("http://{}/  until Ctrl-C", listener.local_addr()?));
        tokio::select! {
            () = http::run(listener, guard, asker, CancellationToken::new()) => {}
            () = desk => {}
            () = ahead => {}
            () = stop => {}
        }
        Ok(ExitCode::SUCCESS)
    })
}

/// Begins to show a directory of the local mode, beside whoever fills it: at this address, or the usual one, or any.
/// Gives where, and what is to be run.
pub(in crate::cli) async fn beside(
    config: &Config,
    dir: &Path,
    listen: Option<SocketAddr>,
) -> anyhow::Result<(SocketAddr, impl Future<Output = ()> + use<>)> {
    let settings = of_directory(config, dir, shipped(&config.provision.settings)?)?;
    let bound = match (http::bind(listen.unwrap_or(USUAL), None).await, listen) {
        (Err(Error::InUse(_)), None) => http::bind(SocketAddr::new(USUAL.ip(), 0), None).await,
        (bound, _) => bound,
    };
    let (listener, guard) = bound?;
    let address = listener.local_addr()?;
    let (asker, desk) = desk::open(settings);
    let page = async move {
        tokio::select! {
            () = http::run(listener, guard, asker, CancellationToken::new()) => {}
            () = desk => {}
        }
    };
    Ok((address, page))
}

/// The shipped dashboard with the names and thresholds of the configuration.
fn shipped(wanted: &provision::Settings) -> anyhow::Result<String> {
    let mut text = IMPORTABLE.to_owned();
    if wanted.namespace != NAMESPACE {
        text = text.replace(&format!("{{{NAMESPACE},"), &format!("{{\\\"{}\\\",", wanted.namespace));
    }
    if let Some(group) = wanted.log_groups.first() {
        text = text.replace(&format!("'{GROUP}'"), &format!("'{group}'"));
    }
    let mut body: Value = serde_json::from_str(&text)?;
    let (alarms, _) = stand_in::alarms(wanted, &[]);
    let thresholds = alarms.iter().filter_map(|alarm| Some((alarm.alarm_name.as_str(), alarm.threshold?)));
    let thresholds: Vec<(&str, f64)> = thresholds.collect();
    for widget in body.get_mut("widgets").and_then(Value::as_array_mut).into_iter().flatten() {
        let lines = widget.pointer_mut("/properties/annotations/horizontal").and_then(Value::as_array_mut);
        for line in lines.into_iter().flatten() {
            let name = format!(
                "{}-{}",
                wanted.prefix,
                line.get("label").and_then(Value::as_str).unwrap_or_default()
            );
            if let Some((_, threshold)) = thresholds.iter().find(|(alarm, _)| *alarm == name) {
                line["value"] = (*threshold).into();
            }
        }
    }
    // What the file says there is about importing it.
    if let Some(opening) = body.pointer_mut("/widgets/0/properties/markdown") {
        *opening = "Lines across the graphs are the thresholds of the alarms they name.".into();
    }
    Ok(serde_json::to_string(&body)?)
}

/// A file's text.
pub(super) fn read(file: &Path) -> anyhow::Result<String> {
    let bytes = std::fs::read(file).with_context(|| format!("cannot read {}", file.display()))?;
    Ok(String::from_utf8_lossy(&bytes).into_owned())
}

fn of_directory(config: &Config, dir: &Path, dashboard: String) -> anyhow::Result<Settings> {
    let history = history::directory(&dir.join(".spool"));
    let source = Source::Directory(dir.to_owned());
    let host = config.host.instance_id.clone().unwrap_or_else(|| "this host".to_owned());
    shown(&config.provision.settings, host, history, source, dashboard)
}

/// What the daemon leaves, and the lines of this host's containers as it would ship them.
async fn of_host(config: Config, dashboard: String) -> anyhow::Result<Settings> {
    let (spool, history) = (&config.spool.directory, history::directory(&config.spool.directory));
    let (looked, mend) = match std::fs::read_dir(&history).map_err(|error| (error.kind(), error)) {
        Err((ErrorKind::NotFound, _)) if spool.exists() => {
            warn!(
                "nothing was measured yet: graphs come within a minute of the daemon's start, and never with \
                 metrics.enabled = false"
            );
            (Ok(()), "")
        }
        // Without the right to look, it would seem empty for ever.
        Err((ErrorKind::PermissionDenied, error)) => (Err(error), "it is root's and the service's: use sudo"),
        Err((_, error)) => (
            Err(error),
            "no daemon was here: see systemctl status starttech-agent. What `run --local` wrote is shown with --dir",
        ),
        Ok(_) => (Ok(()), ""),
    };
    looked.with_context(|| format!("cannot read {}: {mend}", history.display()))?;
    // As the daemon names its streams, so that the same queries find the same lines.
    let identity = identity(&config).await;
    let host = identity.instance_id.clone();
    let (settings, config) = (config.provision.settings.clone(), Arc::new(config));
    let identity = Arc::new(identity);
    let ask = move |since_ms: i64| {
        let (config, identity) = (Arc::clone(&config), Arc::clone(&identity));
        // It waits for files in part: in a thread of its own the page goes on.
        let work = tokio::task::spawn_blocking(move || {
            let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
            let runtime = runtime.map_err(|error| error.to_string())?;
            let found = runtime.block_on(lookback(&config, &identity, since_ms, LINES));
            found.map(lines_of).map_err(|error| format!("{error:#}"))
        });
        let lines = async move { work.await.map_err(|error| error.to_string())? };
        Box::pin(lines) as Told
    };
    shown(&settings, host, history, Source::Lookback(Box::new(ask)), dashboard)
}

/// Many lines have few names, which are kept once.
fn lines_of(found: Vec<Found>) -> Vec<Line> {
    let mut names = HashSet::<Arc<str>>::new();
    let mut name = |text: String| {
        if let Some(known) = names.get(text.as_str()) {
            return Arc::clone(known);
        }
        let new: Arc<str> = text.into();
        names.insert(Arc::clone(&new));
        new
    };
    let line = |Found { group, stream, time_ms, message, .. }| Line {
        time_ms,
        group: name(group),
        stream: name(stream),
        message,
    };
    found.into_iter().map(line).collect()
}

fn shown(
    settings: &provision::Settings,
    host: String,
    history: PathBuf,
    lines: Source,
    dashboard: String,
) -> anyhow::Result<Settings> {
    let read = Dashboard::read(&dashboard)
        .map_err(|unread| anyhow::anyhow!("the dashboard cannot be read: {unread}"))?;
    let wanted = settings.clone();
    let alarms = move |group: &str| {
        let settings =
            provision::Settings { auto_scaling_group: Wanted::Named(group.to_owned()), ..wanted.clone() };
        stand_in::alarms(&settings, &[])
    };
    Ok(Settings {
        title: settings.dashboard.clone(),
        host,
        dashboard: (read, dashboard.into_bytes()),
        alarms: Box::new(alarms),
        history,
        lines,
        now_ms: Box::new(telemetry::now_ms),
    })
}
