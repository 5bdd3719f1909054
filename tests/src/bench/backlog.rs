//! A long log that is there when its reader starts: what the agent can do at most, on one core.

use std::fs::File;
use std::io::{BufWriter, Write};
use std::ops::RangeInclusive;
use std::path::Path;
use std::time::{Duration, Instant};

use jiff::Timestamp;

use crate::bench::meter::{DaemonMeter, as_f64, mb, pin, us_per_line};
use crate::bench::reader::{Follower, Reader, Who};
use crate::bench::table::{Table, Unit, grouped};
use crate::bench::{Bench, lines, until_still};
use crate::docker::Run;
use crate::endpoint::Summary;
use crate::process;

/// Standing still for so long is the end.
const STILL: Duration = Duration::from_secs(10);
/// The lines' times are spread over this much of the past.
const SPAN_SECONDS: u64 = 300;

const NAME: &str = "backlog";

struct Figures {
    seconds: f64,
    cpu: f64,
    dockerd: f64,
    peak_kib: Option<u64>,
    summary: Summary,
}

pub(super) fn run(bench: &Bench, table: &mut Table) {
    let count = bench.plan.lines;
    eprintln!("backlog of {count} lines");
    let container = bench.daemon.run(&Run { name: NAME, ..Run::default() });
    container.wait_exit(Duration::from_secs(30));
    let span = SPAN_SECONDS.cast_signed();
    write_log(&container.log_path(), 1..=count, Timestamp::now().as_second() - span - 60, SPAN_SECONDS);

    let far = bench.far.cpu_seconds();
    let agent = {
        let (start, dockerd) = (Instant::now(), DaemonMeter::start(&bench.daemon));
        let reader = Reader::start(Who::Agent, bench, &container, NAME);
        let pid = reader.pid().expect("the agent is a process");
        pin(pid, 0);
        until_still(STILL, count, || bench.far.summary(NAME).map_or(0, |summary| summary.distinct));
        let (seconds, cpu) = (start.elapsed().as_secs_f64(), reader.cpu_seconds().expect("it runs"));
        let (dockerd, peak_kib) = (dockerd.seconds(), process::rss_peak_kib(pid));
        // What it sends after this would be repeated.
        reader.end();
        let summary = bench.far.summary(NAME).expect("something arrived");
        Figures { seconds, cpu, dockerd, peak_kib, summary }
    };
    let far = bench.far.cpu_seconds() - far;
    let client = {
        let (start, dockerd) = (Instant::now(), DaemonMeter::start(&bench.daemon));
        let follower = Follower::start(&bench.daemon, &["logs", "--follow", container.id()]);
        // A client that has told everything of a stopped container ends: its time is asked for before.
        let mut last = (0.0, None);
        until_still(STILL, count, || {
            last = process::cpu_seconds(follower.pid()).map_or(last, |cpu| {
                if cpu >= last.0 { (cpu, process::rss_peak_kib(follower.pid()).or(last.1)) } else { last }
            });
            follower.summary().distinct
        });
        let (seconds, (cpu, peak_kib)) = (start.elapsed().as_secs_f64(), last);
        Figures { seconds, cpu, dockerd: dockerd.seconds(), peak_kib, summary: follower.summary() }
    };
    container.rm();

    let part = format!("**Backlog** of {} lines", grouped(count));
    let both = [(Who::Agent, &agent), (Who::Client, &client)];
    let each = |figure: fn(&Figures) -> f64| both.map(|(who, figures)| (who, Some(figure(figures))));
    let rate = each(|figures| as_f64(figures.summary.distinct) / figures.seconds);
    table.row(format!("{part}: lines/s"), "≥ 280,000", Unit::Many, rate);
    let own = each(|figures| us_per_line(figures.cpu, figures.summary.lines));
    table.row("own CPU, µs a line", "≤ 3.5", Unit::Fine, own);
    let dockerd = each(|figures| us_per_line(figures.dockerd, figures.summary.lines));
    table.row("dockerd's CPU, µs a line", "", Unit::Alone, dockerd);
    let endpoint = us_per_line(far, agent.summary.lines);
    table.row("the endpoint's CPU, µs a line", "", Unit::Fine, [(Who::Agent, Some(endpoint))]);
    let peak = both.map(|(who, figures)| (who, figures.peak_kib.map(mb)));
    table.row("peak RSS, MB", "≤ 24", Unit::Rough, peak);
    let lost = both.map(|(who, figures)| (who, Some(as_f64(count - figures.summary.distinct.min(count)))));
    table.row("lost", "0", Unit::Exact, lost);
    table.row("repeated", "0", Unit::Exact, each(|figures| as_f64(figures.summary.repeated)));
    table.row("out of order", "0", Unit::Exact, each(|figures| as_f64(figures.summary.disordered)));
}

/// Adds lines with these numbers to a json-file log as dockerd would have, spread over a span of so many
/// seconds from `first_second` on, in seconds since 1970.
pub(crate) fn write_log(path: &Path, numbers: RangeInclusive<u64>, first_second: i64, span_seconds: u64) {
    let file = File::options().append(true).open(path).expect("docker made its log");
    let mut file = BufWriter::with_capacity(1 << 20, file);
    let (mut line, mut record, mut second) = (String::new(), String::new(), (0, String::new()));
    let (first, count) = (*numbers.start(), numbers.end() - numbers.start() + 1);
    for number in numbers {
        let ns = u128::from(span_seconds) * 1_000_000_000 * u128::from(number - first) / u128::from(count);
        let at = first_second + i64::try_from(ns / 1_000_000_000).expect("within the span");
        if second.0 != at {
            second = (at, lines::second(at));
        }
        line.clear();
        lines::line(&mut line, number, None, lines::SHORTEST);
        record.clear();
        let ns = u32::try_from(ns % 1_000_000_000).expect("below a second");
        lines::json_file_record(&mut record, &line, &second.1, ns);
        file.write_all(record.as_bytes()).expect("room for the log");
    }
    let file = file.into_inner().expect("room for the log");
    // Writing it back would disturb the measurement.
    file.sync_all().expect("the log reaches the disk");
}
