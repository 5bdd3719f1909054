//! A container that prints as fast as it can while its log rotates: who keeps up.

use std::time::Duration;

use crate::bench::meter::as_f64;
use crate::bench::reader::{Reader, Who};
use crate::bench::table::{Table, Unit, grouped};
use crate::bench::{Bench, go, until_still};
use crate::endpoint::Summary;

/// From a reader's start to the first line.
const WARM: Duration = Duration::from_secs(1);
/// Standing still for so long is the end.
const STILL: Duration = Duration::from_secs(4);

pub(super) fn run(bench: &Bench, table: &mut Table) {
    let mut everybody = vec![Who::Agent, Who::Client];
    everybody.extend(bench.rivals.iter().copied().map(Who::Rival));
    for size in ["10m", "1m"] {
        let arrived: Vec<(Who, Option<Summary>)> =
            everybody.iter().map(|&who| (who, measure(bench, who, size))).collect();
        let part = format!("**Burst** of {} lines, max-size={size} max-file=3", grouped(bench.plan.burst));
        let each = |of: fn(&Summary) -> u64| {
            arrived
                .iter()
                .map(move |(who, summary)| (*who, summary.as_ref().map(|summary| as_f64(of(summary)))))
        };
        table.row(
            format!("{part}: different lines arrived"),
            "all",
            Unit::Exact,
            each(|summary| summary.distinct),
        );
        table.row("repeated", "0", Unit::Exact, each(|summary| summary.repeated));
    }
}

fn measure(bench: &Bench, who: Who, size: &str) -> Option<Summary> {
    eprintln!("burst at {size}: {}", who.name());
    let (count, name) = (bench.plan.burst, who.container(&format!("burst-{size}")));
    let max_size = format!("max-size={size}");
    let printer = bench.printer(&name, (0, count), None, &[&max_size, "max-file=3"]);
    let reader = Reader::start(who, bench, &printer, &name);
    std::thread::sleep(WARM);
    go(&printer);
    until_still(STILL, count, || reader.summary(bench, &name).map_or(0, |summary| summary.distinct));
    let summary = reader.summary(bench, &name);
    printer.rm();
    reader.end();
    summary
}
