//! What shipping logs costs, beside what other ways cost: `bench-logs [--quick] [--seconds N] …`.
//!
//! `just bench-logs` builds and runs it. The table is on standard output, progress on standard error.

use std::process::ExitCode;

fn main() -> ExitCode {
    harness::bench::main(std::env::args().skip(1))
}
