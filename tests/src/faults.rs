//! Every fault, injected for real while a container prints: what is lost, what comes twice, how long it
//! takes until all is well again, what memory and disk it takes. A row that breaks a promise fails the run.
//!
//! A new fault is a function over a `Scene` and a `Row` in one of the lists in
//! `faults/rows`.

mod count;
mod load;
mod mounts;
mod plan;
mod row;
mod rows;
mod sampler;
mod scene;
mod soak;
mod table;
mod tls;

use std::collections::VecDeque;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::process::ExitCode;
use std::sync::{Mutex, PoisonError};
use std::time::Instant;

use crate::docker::Dockerd;
use plan::Plan;
use row::{Outcome, Row};
use scene::Scene;

/// Runs the rows that the arguments ask for and prints the table.
pub fn main(arguments: impl Iterator<Item = String>) -> ExitCode {
    let arguments: Vec<String> = arguments.collect();
    let plan = match Plan::read(&arguments) {
        Ok(plan) => plan,
        Err(fault) => {
            eprintln!("{fault}\n{}", plan::USAGE);
            return ExitCode::from(64);
        }
    };
    if let Some(minutes) = plan.soak {
        return soak::run(&plan, minutes);
    }
    let rows: Vec<Row> = rows::all().into_iter().filter(|row| plan.wants(row.name)).collect();
    if rows.is_empty() {
        eprintln!("no row is called like that\n{}", plan::USAGE);
        return ExitCode::from(64);
    }
    let (start, head) = (Instant::now(), table::head(&arguments, &plan));
    let outcomes = run(&plan, rows);
    if plan.json {
        println!("{}", table::json(&outcomes));
    } else {
        let took = start.elapsed().as_secs();
        println!("{head}\n{}\n{} rows in {took} s.", table::markdown(&outcomes), outcomes.len());
    }
    if outcomes.iter().all(|outcome| outcome.complaints.is_empty()) {
        ExitCode::SUCCESS
    } else {
        ExitCode::FAILURE
    }
}

/// Some rows at a time: they mostly wait. Those that harm no dockerd share one.
fn run(plan: &Plan, rows: Vec<Row>) -> Vec<Outcome> {
    let shared = Dockerd::start();
    load::import(&shared);
    let queue: Mutex<VecDeque<(usize, Row)>> = Mutex::new(rows.into_iter().enumerate().collect());
    let done = Mutex::new(Vec::new());
    let next = || queue.lock().unwrap_or_else(PoisonError::into_inner).pop_front();
    std::thread::scope(|threads| {
        for _ in 0..plan.jobs {
            threads.spawn(|| {
                while let Some((index, row)) = next() {
                    let outcome = play(plan, &row, &shared);
                    eprintln!("{}", table::line(&outcome));
                    done.lock().unwrap_or_else(PoisonError::into_inner).push((index, outcome));
                }
            });
        }
    });
    let mut done = done.into_inner().unwrap_or_else(PoisonError::into_inner);
    done.sort_by_key(|(index, _)| *index);
    done.into_iter().map(|(_, outcome)| outcome).collect()
}

/// One row from its beginning to its figures. What goes wrong in it is its own complaint.
fn play(plan: &Plan, row: &Row, shared: &Dockerd) -> Outcome {
    let mut scene = Scene::new(plan, row, shared);
    let steps: [fn(&mut Scene<'_>); 2] = [row.act, |scene| scene.conclude()];
    for step in steps {
        if let Err(panic) = catch_unwind(AssertUnwindSafe(|| step(&mut scene))) {
            scene.complain(words(panic.as_ref()));
        }
    }
    let outcome = scene.outcome(row);
    if !outcome.complaints.is_empty() {
        eprintln!("{} failed; the agent said last:\n{}", row.name, scene.agent.log_tail());
    }
    outcome
}

/// The first line of what a panic says.
fn words(panic: &(dyn std::any::Any + Send)) -> String {
    let text = panic.downcast_ref::<String>().map(String::as_str);
    let text = text.or_else(|| panic.downcast_ref::<&str>().copied()).unwrap_or("it panicked");
    text.lines().next().unwrap_or_default().to_owned()
}
