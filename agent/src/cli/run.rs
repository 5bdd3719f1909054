//! `run`: the daemon in the foreground.

use std::net::SocketAddr;
use std::path::PathBuf;

use clap::Args;
use log::info;
use tokio::signal::unix::{SignalKind, signal};

use super::ConfigFile;
use super::dashboard::serve;
use crate::config::Config;
use crate::daemon::{self, Containers, Start};
use crate::telemetry;

/// What can be said to `run`.
#[derive(Debug, Args)]
pub(super) struct Options {
    #[command(flatten)]
    file: ConfigFile,

    /// Ship to files under DIR instead of AWS; needs no credentials [DIR if left out: starttech-logs]
    #[arg(long, value_name = "DIR", num_args = 0..=1, require_equals = true, default_missing_value = "starttech-logs")]
    pub(super) local: Option<PathBuf>,

    /// Where the local mode shows its dashboard, or `off` [default: 127.0.0.1:8866, or any free port]
    #[arg(long, value_name = "ADDRESS:PORT", requires = "local", value_parser = listen)]
    listen: Option<Listen>,
}

/// Where the dashboard of the local mode is.
#[derive(Debug, Clone, Copy)]
enum Listen {
    Off,
    At(SocketAddr),
}

fn listen(text: &str) -> Result<Listen, String> {
    if text == "off" {
        return Ok(Listen::Off);
    }
    text.parse().map(Listen::At).map_err(|_| "write an address like 127.0.0.1:8866, or off".to_owned())
}

/// Reads the configuration and runs until it is told to stop.
pub(super) fn run(options: &Options) -> anyhow::Result<()> {
    let config_file = options.file.config.clone();
    let path = config_file.clone();
    let reload = move || Config::load(path.as_deref(), std::env::vars_os());
    let config = reload()?;
    telemetry::install(config.log.level);
    let (local, shown) = (options.local.clone(), config.clone());
    let start = Start { config, config_file, reload, local, containers: Containers::Docker };
    block_on(async {
        let stop = asked_to_stop()?;
        let daemon = Box::pin(daemon::run(start, stop));
        let listen = match options.listen {
            Some(Listen::Off) => return daemon.await,
            Some(Listen::At(address)) => Some(address),
            None => None,
        };
        let Some(dir) = &options.local else { return daemon.await };
        let (address, page) = serve::beside(&shown, dir, listen).await?;
        info!("the dashboard is at http://{address}/");
        tokio::select! {
            ended = daemon => ended,
            () = page => Ok(()),
        }
    })
}

/// Ends at SIGTERM, or at Ctrl-C.
pub(super) fn asked_to_stop() -> std::io::Result<impl Future<Output = ()>> {
    let (mut terminate, mut interrupt) = (signal(SignalKind::terminate())?, signal(SignalKind::interrupt())?);
    Ok(async move {
        tokio::select! {
            _ = terminate.recv() => {}
            _ = interrupt.recv() => {}
        }
    })
}

/// One thread runs everything: the smallest host has one processor, and 8 MB less is used so.
pub(super) fn block_on<T>(work: impl Future<Output = anyhow::Result<T>>) -> anyhow::Result<T> {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        // getaddrinfo cannot be cancelled: the spool must find a thread while a dead name server holds some.
        .max_blocking_threads(64)
        .build()?;
    let result = runtime.block_on(work);
    // A read from a dead disk must not hold up a stop.
    runtime.shutdown_background();
    result
}
