//! How soon a death is told: `bench-alerts [--deaths N] [--at-once N]`.
//!
//! `just bench-alerts` builds and runs it. The table is on standard output, progress on standard error.

use std::process::ExitCode;

fn main() -> ExitCode {
    harness::bench::alerts::main(std::env::args().skip(1))
}
