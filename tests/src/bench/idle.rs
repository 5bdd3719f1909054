//! A container that prints nothing: what it costs to be ready.

use std::time::{Duration, Instant};

use crate::bench::Bench;
use crate::bench::meter::mb;
use crate::bench::reader::{Reader, Who};
use crate::bench::table::{Table, Unit};
use crate::docker::{IDLE, Run};
use crate::process;

/// From a reader's start to the measurement: what starting costs is not measured here.
const WARM: Duration = Duration::from_secs(3);

pub(super) fn run(bench: &Bench, table: &mut Table) {
    let mut everybody = vec![Who::Agent];
    everybody.extend(bench.rivals.iter().copied().map(Who::Rival));
    let figures: Vec<_> = everybody.into_iter().map(|who| (who, measure(bench, who))).collect();
    let part = format!("**Idle** for {} s", bench.plan.idle.as_secs());
    let share = figures.iter().map(|(who, (share, _))| (*who, *share));
    table.row(format!("{part}: % of a core"), "≤ 0.2", Unit::Fine, share);
    let rss = figures.iter().map(|(who, (_, rss))| (*who, rss.map(mb)));
    table.row("RSS, MB", "≤ 10", Unit::Rough, rss);
}

fn measure(bench: &Bench, who: Who) -> (Option<f64>, Option<u64>) {
    eprintln!("idle: {}", who.name());
    let name = who.container("idle");
    let container = bench.daemon.run(&Run { name: &name, script: IDLE, ..Run::default() });
    let reader = Reader::start(who, bench, &container, &name);
    std::thread::sleep(WARM);
    let (start, before) = (Instant::now(), reader.cpu_seconds());
    std::thread::sleep(bench.plan.idle);
    let cpu = before.and_then(|before| Some(reader.cpu_seconds()? - before));
    let share = cpu.map(|cpu| cpu * 100.0 / start.elapsed().as_secs_f64());
    let rss = reader.pid().and_then(process::rss_kib);
    container.rm();
    reader.end();
    (share, rss)
}
