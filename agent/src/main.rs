//! The binary: reads its arguments, does what they ask, and ends with an exit code.

use std::process::ExitCode;

use clap::Parser;
use starttech_agent::cli;

fn main() -> ExitCode {
    match cli::Arguments::try_parse() {
        Ok(arguments) => arguments.execute(),
        Err(refusal) => cli::refuse(&refusal),
    }
}
