//! What is lost, what comes twice and how long it takes, fault by fault: `fault-table [--seconds N] …`.
//!
//! `just faults` builds and runs it. The table is on standard output, progress on standard error; it
//! ends with 1 when a row breaks a promise.

use std::process::ExitCode;

fn main() -> ExitCode {
    harness::faults::main(std::env::args().skip(1))
}
