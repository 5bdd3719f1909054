//! `run`: the daemon in the foreground.

use std::path::PathBuf;

use clap::Args;

use super::ConfigFile;
use crate::config::Config;
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
    let config = Config::load(options.file.config.as_deref(), std::env::vars_os())?;
    telemetry::install(config.log.level);
    anyhow::bail!("there is no daemon in this build; local: {:?}", options.local)
}
