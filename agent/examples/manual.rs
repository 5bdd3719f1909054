//! Writes the man pages and the shell completions of the command line into a directory, for the package.
//!
//! An example and not a command: whoever runs the daemon has no use for it, and the daemon stays smaller.
//! It knows what clap knows of the arguments, and nothing of packages.

use std::fs;
use std::path::PathBuf;

use anyhow::Context;
use clap::CommandFactory;
use clap_complete::Shell;

fn main() -> anyhow::Result<()> {
    let directory = PathBuf::from(std::env::args_os().nth(1).context("say the directory to write to")?);
    let mut command = starttech_agent::cli::Arguments::command();

    let pages = directory.join("man");
    fs::create_dir_all(&pages)?;
    // Without `help`: its page would say the same for each command again.
    clap_mangen::generate_to(command.clone().disable_help_subcommand(true), &pages)?;

    let completions = directory.join("completions");
    fs::create_dir_all(&completions)?;
    for shell in [Shell::Bash, Shell::Fish, Shell::Zsh] {
        clap_complete::generate_to(shell, &mut command, "starttech-agent", &completions)?;
    }
    Ok(())
}
