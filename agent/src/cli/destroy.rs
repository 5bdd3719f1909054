//! `destroy`: takes away what `apply` made, and nothing else.

use std::process::ExitCode;

use clap::Args;

use super::account::{by_hand, show};
use super::apply::{summary, with_leave};
use super::run::block_on;
use super::{ConfigFile, output};
use crate::config::Config;
use crate::provision::plan::destroy as plan;

/// What can be said to `destroy`.
#[derive(Debug, Args)]
pub(super) struct Options {
    #[command(flatten)]
    file: ConfigFile,

    /// Without asking
    #[arg(long)]
    yes: bool,

    /// The log groups, too, with everything that is in them
    #[arg(long)]
    log_groups: bool,
}

/// Shows what is ours, asks, and deletes it.
pub(super) fn destroy(options: &Options) -> anyhow::Result<ExitCode> {
    let config = Config::load(options.file.config.as_deref(), std::env::vars_os())?;
    block_on(async {
        let (opened, looked) = by_hand(&config, None).await?;
        let plan = plan(&looked.actual, &opened.settings.prefix, options.log_groups);
        show(&opened, &looked, &plan);
        let leave = with_leave(&opened.account, &plan, &opened.region, options.yes, "Delete");
        let done = match Box::pin(leave).await? {
            Ok(done) => done,
            Err(code) => return Ok(code),
        };
        if !plan.changes_nothing() {
            output::result(&format!("\n{}", summary(&plan, &done)));
        }
        Ok(done.code(&plan))
    })
}
