//! `demo`: the whole way of a line, on a laptop.

use clap::Args;

/// What can be said to `demo`.
#[derive(Debug, Args)]
pub(super) struct Options {
    /// Lines that the sample backend prints each second
    #[arg(long, value_name = "N", default_value_t = 2, value_parser = clap::value_parser!(u32).range(1..=100_000))]
    lines_per_second: u32,
}

/// Runs the sample backend and the agent until Ctrl-C.
pub(super) fn demo(options: &Options) -> anyhow::Result<()> {
    anyhow::bail!("there is no sample backend in this build; lines a second: {}", options.lines_per_second)
}
