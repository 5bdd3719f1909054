//! The strict endpoint by itself, for benchmarks: `strict-endpoint [PORT] [--keep]`.
//!
//! It prints its address, then runs until it is ended. `GET /_counts` tells what arrived,
//! `POST /_faults` injects a fault (`{"operation":"PutLogEvents","fault":"slow","ms":50,"times":3}`;
//! `{"fault":"refuse","ms":2000}` closes the port for a while), `POST /_clear` ends them.
//! Without `--keep` messages are counted and let go. `NUMBER_MARKER` and `PRINTED_MARKER` in the
//! environment say how lines carry their number (`n=`) and the time they were printed (`t=`).

use std::process::ExitCode;

use harness::endpoint::{Endpoint, Markers, Options};

fn main() -> ExitCode {
    let mut options = Options { counts_only: true, ..Options::default() };
    let Markers { number, printed } = &mut options.markers;
    for (name, marker) in [("NUMBER_MARKER", number), ("PRINTED_MARKER", printed)] {
        if let Ok(value) = std::env::var(name) {
            *marker = value;
        }
    }
    let mut port = 0;
    for argument in std::env::args().skip(1) {
        match (argument.as_str(), argument.parse()) {
            ("--keep", _) => options.counts_only = false,
            (_, Ok(number)) => port = number,
            _ => {
                eprintln!("usage: strict-endpoint [PORT] [--keep]");
                return ExitCode::from(64);
            }
        }
    }
    let endpoint = Endpoint::start_at(port, options);
    println!("{}", endpoint.url());
    endpoint.run_forever();
    ExitCode::SUCCESS
}
