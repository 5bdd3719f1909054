//! A container that prints at one rate, for everybody who could read it, one after the other.

use std::time::Duration;

use crate::bench::meter::{DaemonMeter, as_f64, mb, us_per_line};
use crate::bench::reader::{Reader, Who};
use crate::bench::table::{Table, Unit, grouped};
use crate::bench::{Bench, go, until_still};
use crate::endpoint::{LatencySummary, Summary};
use crate::process;

/// From a reader's start to the first line: what starting costs is not measured here.
const WARM: Duration = Duration::from_secs(1);
/// Standing still for so long is the end; the awslogs driver sends every five seconds.
const STILL: Duration = Duration::from_secs(8);

const NAME: &str = "steady";

struct Figures {
    own: Option<f64>,
    dockerd: f64,
    rss_kib: Option<u64>,
    peak_kib: Option<u64>,
    summary: Option<Summary>,
}

pub(super) fn run(bench: &Bench, table: &mut Table) {
    let (rate, count) = (bench.plan.rate, bench.plan.rate * bench.plan.seconds);
    let mut everybody =
        vec![Who::Agent, Who::Nobody, Who::Client, Who::AwslogsBlocking, Who::AwslogsNonBlocking];
    everybody.extend(bench.rivals.iter().copied().map(Who::Rival));
    let figures: Vec<(Who, Figures)> =
        everybody.into_iter().map(|who| (who, measure(bench, who, (rate, count)))).collect();

    let each = |figure: &dyn Fn(&Figures) -> Option<f64>| {
        figures.iter().map(|(who, figures)| (*who, figure(figures))).collect::<Vec<_>>()
    };
    let per_line = |seconds: f64| us_per_line(seconds, count);
    let part = format!("**Steady** {} lines/s for {} s", grouped(rate), bench.plan.seconds);
    let own = each(&|figures| figures.own.map(per_line));
    table.row(format!("{part}: own CPU, µs a line"), "≤ 8", Unit::Fine, own);
    let dockerd = each(&|figures| Some(per_line(figures.dockerd)));
    table.row("dockerd's CPU, µs a line", "", Unit::Fine, dockerd);
    // Not what the reader adds: between two runs dockerd's own time differs by more than the agent takes.
    let both = each(&|figures| Some(per_line(figures.own.unwrap_or_default() + figures.dockerd)));
    table.row("both together, µs a line", "", Unit::Fine, both);
    table.row("RSS at the end, MB", "", Unit::Rough, each(&|figures| figures.rss_kib.map(mb)));
    table.row("peak RSS, MB", "≤ 24", Unit::Rough, each(&|figures| figures.peak_kib.map(mb)));
    for (figure, bar, of) in [
        ("delay p50, ms", "", (|latency| latency.p50_ms) as fn(&LatencySummary) -> f64),
        ("delay p99, ms", "≤ 1,500", |latency| latency.p99_ms),
        ("delay at most, ms", "", |latency| latency.max_ms),
    ] {
        let delay = each(&|figures| figures.summary.as_ref().map(|summary| of(&summary.latency)));
        table.row(figure, bar, Unit::Many, delay);
    }
    let counted = |of: fn(&Summary, u64) -> u64| {
        each(&|figures| figures.summary.as_ref().map(|summary| as_f64(of(summary, count))))
    };
    table.row("lost", "0", Unit::Exact, counted(|summary, count| count - summary.distinct.min(count)));
    table.row("repeated", "0", Unit::Exact, counted(|summary, _| summary.repeated));
    table.row("out of order", "0", Unit::Exact, counted(|summary, _| summary.disordered));
}

fn measure(bench: &Bench, who: Who, (rate, count): (u64, u64)) -> Figures {
    eprintln!("steady: {}", who.name());
    let name = who.container(NAME);
    let (endpoint, stream) =
        (format!("awslogs-endpoint={}", bench.far.url()), format!("awslogs-stream={name}"));
    let mut options = Vec::new();
    if who.is_driver() {
        options = vec!["awslogs-region=eu-west-1", "awslogs-group=/bench", "awslogs-create-group=true"];
        options.extend([endpoint.as_str(), stream.as_str()]);
    }
    if who == Who::AwslogsNonBlocking {
        options.push("mode=non-blocking");
    }
    let driver = who.is_driver().then_some("awslogs");
    let printer = bench.printer(&name, (rate, count), driver, &options);
    let reader = Reader::start(who, bench, &printer, &name);
    std::thread::sleep(WARM);
    go(&printer);
    let (own, dockerd) = (reader.cpu_seconds(), DaemonMeter::start(&bench.daemon));
    std::thread::sleep(Duration::from_secs(bench.plan.seconds));
    if who != Who::Nobody {
        until_still(STILL, count, || reader.summary(bench, &name).map_or(0, |summary| summary.distinct));
    }
    let figures = Figures {
        own: own.and_then(|before| Some(reader.cpu_seconds()? - before)),
        dockerd: dockerd.seconds(),
        rss_kib: reader.pid().and_then(process::rss_kib),
        peak_kib: reader.pid().and_then(process::rss_peak_kib),
        summary: reader.summary(bench, &name),
    };
    printer.rm();
    reader.end();
    figures
}
