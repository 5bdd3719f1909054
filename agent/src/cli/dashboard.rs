//! `dashboard render`: the dashboard of this configuration, as the console and `PutDashboard` take it; and
//! `dashboard lint`, which is `lint`. How it looks is in the files below.

pub(super) mod preview;
pub(super) mod serve;

use std::path::PathBuf;
use std::process::ExitCode;

use anyhow::{Context, bail};
use clap::{Args, Subcommand};

use super::account::by_hand;
use super::apply::asked_for;
use super::run::block_on;
use super::{ConfigFile, lint, output};
use crate::config::Config;
use crate::provision::dashboard::render;

/// What can be done with dashboards.
#[derive(Debug, Subcommand)]
pub(super) enum Command {
    /// Print the dashboard's JSON with the names of this account
    Render(Options),

    /// Show the dashboard on a page of this host, with what was measured here in the last hours
    #[command(after_help = serve::HELP)]
    Serve(serve::Options),

    /// Draw anybody's dashboard into a file: how it will look, with sample data where there is none
    #[command(after_help = preview::HELP)]
    Preview(preview::Options),

    /// Say what is wrong with dashboards that somebody wrote: the same as `lint`
    #[command(after_help = lint::HELP)]
    Lint(lint::Options),
}

/// What can be said to `dashboard render`.
#[derive(Debug, Args)]
pub(super) struct Options {
    #[command(flatten)]
    file: ConfigFile,

    /// Into this file instead of standard output
    #[arg(long, value_name = "FILE")]
    out: Option<PathBuf>,
}

/// Does it.
pub(super) fn dashboard(command: &Command) -> anyhow::Result<ExitCode> {
    let options = match command {
        Command::Render(options) => options,
        Command::Serve(options) => return serve::serve(options),
        Command::Preview(options) => return preview::preview(options),
        Command::Lint(options) => return lint::lint(options),
    };
    let config = Config::load(options.file.config.as_deref(), std::env::vars_os())?;
    block_on(async {
        let (opened, looked) = by_hand(&config, None).await?;
        if let Some(complaint) = asked_for(&looked.missing) {
            bail!("{complaint}");
        }
        let text = serde_json::to_string_pretty(&render(&opened.settings, &looked.parts))?;
        match &options.out {
            None => output::result(&text),
            Some(file) => {
                std::fs::write(file, text + "\n")
                    .with_context(|| format!("cannot write {}", file.display()))?;
            }
        }
        Ok(ExitCode::SUCCESS)
    })
}
