//! What measuring containers costs, beside what other ways cost: `bench-metrics [--seconds N] …`.
//!
//! `just bench-metrics` builds and runs it. The table is on standard output, progress on standard error.

use std::process::ExitCode;

fn main() -> ExitCode {
    harness::bench::metrics::main(std::env::args().skip(1))
}
