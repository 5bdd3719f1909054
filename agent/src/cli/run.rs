//! `run`: the daemon in the foreground.

use std::path::PathBuf;

use clap::Args;
use tokio::signal::unix::{SignalKind, signal};

use super::ConfigFile;
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
}

/// Reads the configuration and runs until it is told to stop.
pub(super) fn run(options: &Options) -> anyhow::Result<()> {
    let path = options.file.config.clone();
    let reload = move || Config::load(path.as_deref(), std::env::vars_os());
    let config = reload()?;
    telemetry::install(config.log.level);
    let start = Start { config, reload, local: options.local.clone(), containers: Containers::Docker };
    block_on(async { daemon::run(start, asked_to_stop()?).await })
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
pub(super) fn block_on(work: impl Future<Output = anyhow::Result<()>>) -> anyhow::Result<()> {
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
