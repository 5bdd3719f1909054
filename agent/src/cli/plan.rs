//! `plan`: what `apply` would do, as text, as JSON, or as a template for those who keep infrastructure code.

use std::path::PathBuf;
use std::process::ExitCode;

use anyhow::bail;
use clap::{Args, ValueEnum};

use super::account::{Looked, Opened, by_hand, show};
use super::from::Files;
use super::run::block_on;
use super::{ConfigFile, FAILED, FINDINGS, output};
use crate::config::Config;
use crate::provision::export::{cloudformation, regions, terraform};
use crate::provision::plan::json;

/// What can be said to `plan`.
#[derive(Debug, Args)]
pub(super) struct Options {
    #[command(flatten)]
    file: ConfigFile,

    /// For programs: the same as --format json
    #[arg(long, conflicts_with = "format")]
    json: bool,

    /// Alarms of these files, and nothing else
    #[arg(long, value_name = "FILE", num_args = 1..)]
    from: Vec<PathBuf>,

    /// Exit with 2 if there is anything to do
    #[arg(long)]
    detailed_exitcode: bool,

    /// How it is written. The last two hold the definitions, not the differences
    #[arg(long, value_enum, default_value_t = Format::Text)]
    format: Format,

    /// Of which region, with --format cloudformation [default: the platform's]
    #[arg(long, value_name = "REGION")]
    region: Option<String>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
enum Format {
    Text,
    Json,
    Cloudformation,
    TerraformJson,
}

/// Looks at the account and prints what is to do.
pub(super) fn plan(options: &Options) -> anyhow::Result<ExitCode> {
    let config = Config::load(options.file.config.as_deref(), std::env::vars_os())?;
    let format = if options.json { Format::Json } else { options.format };
    let files = match Files::of(&options.from) {
        Ok(files) => files,
        Err(code) => return Ok(code),
    };
    block_on(async {
        let (opened, looked) = by_hand(&config, files).await?;
        match format {
            Format::Cloudformation | Format::TerraformJson => export(format, options, &opened, &looked),
            Format::Text | Format::Json => differences(format, options, &opened, &looked),
        }
    })
}

fn differences(
    format: Format,
    options: &Options,
    opened: &Opened,
    looked: &Looked,
) -> anyhow::Result<ExitCode> {
    let plan = looked.plan();
    if format == Format::Json {
        let value = json(&plan, &looked.account_id, &opened.region, &looked.refusals);
        output::result(&serde_json::to_string_pretty(&value)?);
    } else {
        show(opened, looked, &plan);
    }
    Ok(match (plan.is_whole(), plan.changes_nothing()) {
        (false, _) => ExitCode::from(FAILED),
        (true, false) if options.detailed_exitcode => ExitCode::from(FINDINGS),
        (true, _) => ExitCode::SUCCESS,
    })
}

/// A template with parts left out would delete what is about them when it is deployed.
fn export(format: Format, options: &Options, opened: &Opened, looked: &Looked) -> anyhow::Result<ExitCode> {
    if let Some(complaint) = super::apply::asked_for(&looked.missing) {
        bail!("{complaint}");
    }
    let value = if format == Format::TerraformJson {
        terraform(&looked.desired)
    } else {
        let all = regions(&looked.desired);
        let region = options.region.as_ref().unwrap_or(&opened.region);
        if !all.contains(region) {
            bail!("there is nothing in {region}: write --region {}", all.join(" or --region "));
        }
        for other in all.iter().filter(|other| *other != region && options.region.is_none()) {
            output::complaint(&format!("there is a second template: --region {other} prints it"));
        }
        cloudformation(&looked.desired, region)
    };
    output::result(&serde_json::to_string_pretty(&value)?);
    Ok(ExitCode::SUCCESS)
}
