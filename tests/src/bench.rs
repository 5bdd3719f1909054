//! What shipping logs costs: one run, one table, the agent beside other ways to the same endpoint.
//!
//! Nothing here passes or fails on time: figures stand beside the bars they are held against, and whoever
//! reads them sees the machine and its load.

pub mod alerts;
pub(crate) mod backlog;
mod burst;
mod far;
mod idle;
pub mod lines;
pub(crate) mod machine;
mod meter;
pub mod metrics;
mod plan;
mod reader;
mod rival;
mod steady;
mod table;

use std::fs;
use std::path::PathBuf;
use std::process::ExitCode;
use std::time::{Duration, Instant};

use crate::docker::{Container, Dockerd, Options, Run};
use crate::wait;
use far::FarEnd;
use plan::{Part, Plan};
use rival::Rival;
use table::Table;

/// The image with the printer in it.
const PRINTER: &str = "line-printer";

/// What all parts of a run share.
#[derive(Debug)]
struct Bench {
    plan: Plan,
    far: FarEnd,
    daemon: Dockerd,
    /// Other programs that are there.
    rivals: Vec<Rival>,
}

/// Runs what the arguments ask for and prints the table.
pub fn main(arguments: impl Iterator<Item = String>) -> ExitCode {
    let arguments: Vec<String> = arguments.collect();
    let plan = match Plan::read(&arguments) {
        Ok(plan) => plan,
        Err(fault) => {
            eprintln!("{fault}\n{}", plan::USAGE);
            return ExitCode::from(64);
        }
    };
    let head = machine::describe(&arguments, &plan);
    let bench = Bench::start(plan);
    let mut table = Table::default();
    for (part, run) in [
        (Part::Backlog, backlog::run as fn(&Bench, &mut Table)),
        (Part::Steady, steady::run),
        (Part::Burst, burst::run),
        (Part::Idle, idle::run),
    ] {
        if bench.plan.parts.contains(&part) {
            run(&bench, &mut table);
        }
    }
    println!("{head}\n{table}");
    let breaches = bench.far.breaches();
    if breaches > 0 {
        println!("The endpoint refused {breaches} calls for breaking the service's contract.");
    }
    ExitCode::SUCCESS
}

impl Bench {
    fn start(plan: Plan) -> Self {
        let far = FarEnd::start();
        // The awslogs driver takes its credentials from dockerd's environment.
        let pairs = [
            ("AWS_ACCESS_KEY_ID", "AKIDEXAMPLE"),
            ("AWS_SECRET_ACCESS_KEY", "example/secret/of/the/benchmark/00000000"),
            ("AWS_EC2_METADATA_DISABLED", "true"),
        ];
        let environment = pairs.map(|(name, value)| (name.to_owned(), value.to_owned())).to_vec();
        let daemon = Dockerd::start_with(Options { environment, ..Options::default() });
        import_printer(&daemon);
        Self { plan, far, daemon, rivals: Rival::ALL.into_iter().filter(|rival| rival.is_there()).collect() }
    }

    /// A container that prints these lines when [`go`] is called, and then stays.
    fn printer<'b>(
        &'b self,
        name: &str,
        (rate, count): (u64, u64),
        log_driver: Option<&str>,
        log_options: &[&str],
    ) -> Container<'b> {
        let script = format!("exec line-printer {rate} {count} {}", lines::SHORTEST);
        let image = PRINTER;
        self.daemon.run(&Run { name, script: &script, image, log_driver, log_options, ..Run::default() })
    }
}

/// Lets a printer begin.
fn go(printer: &Container<'_>) {
    printer.exec(": > /tmp/go");
}

/// A program that was built beside this one.
pub(crate) fn beside(name: &str) -> PathBuf {
    let own = std::env::current_exe().expect("a program runs from a file");
    let path = own.with_file_name(name);
    assert!(path.is_file(), "{name} is not built: the recipes in the justfile do so");
    path
}

fn import_printer(daemon: &Dockerd) {
    let build = daemon.root().join("printer");
    for directory in ["bin", "tmp"] {
        fs::create_dir_all(build.join(directory)).expect("a directory");
    }
    fs::copy("/bin/busybox", build.join("bin/sh")).expect("busybox-static is installed");
    fs::copy(beside(PRINTER), build.join("bin").join(PRINTER)).expect("the printer can be copied");
    daemon.import(&build, PRINTER);
    let _ = fs::remove_dir_all(build);
}

/// Waits until `count` tells this many or has stood still for so long; gives what it told last.
fn until_still(still: Duration, expected: u64, mut count: impl FnMut() -> u64) -> u64 {
    let (mut last, mut since) = (0, Instant::now());
    wait::until(Duration::from_mins(10), "the last lines", || {
        let now = count();
        if now != last {
            (last, since) = (now, Instant::now());
        }
        last >= expected || since.elapsed() >= still
    });
    last
}
