//! The measured minute: a host, five containers and a health check, as the emulator has them in the end,
//! beside what the kernel, Docker and the printing container say of the same time.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write as _;
use std::fs;
use std::time::{Duration, Instant};

use harness::agent::{Agent, Options};
use harness::backend::Backend;
use harness::client::{Client, Datapoint, Span, Total};
use harness::docker::{Container, Dockerd, IDLE, Run, Stats};
use harness::emulator::Emulator;
use harness::host::{Host, Watch, file_systems};
use harness::wait;
use jiff::Timestamp;

const LIMIT: Duration = Duration::from_mins(1);
const NAMESPACE: &str = "Minute";
const SERIES: [(&str, &str); 2] = [("InstanceId", "i-0123456789abcdef0"), ("AutoScalingGroupName", "minute")];
const PERIOD_S: i64 = 10;
const PERIODS: i64 = 2;
/// Before the end of a period the agent looks once more, if the machine lets it.
const LAST_LOOK_MS: i64 = 2_500;
const MIB: f64 = 1_048_576.0;
/// How long the health check takes at least.
const HEALTH: Duration = Duration::from_millis(20);
const CONFIG: &str = "[metrics]\nnamespace = \"Minute\"\nflush = \"10s\"\nsample = \"1s\"\non = [\"*\"]\n\
    [host]\ninstance_id = \"i-0123456789abcdef0\"\nauto_scaling_group = \"minute\"\n";
/// 32 MiB of its own, and a file that is more than what the limit leaves for page cache.
const HOG: &str = "awk 'BEGIN { s = \"x\"; for (i = 0; i < 24; i++) s = s s; t = s \"y\"; \
    system(\"head -c 100000000 /dev/zero >/tmp/big; cat /tmp/big >/dev/null; echo ready; sleep 100000\") }'";
/// Three lives of a second, from when the test says so, and a long one.
const FLAPPER: &str = "while [ ! -e /tmp/go ]; do sleep 0.1; done; echo x >>/tmp/lives; \
    set -- $(cat /tmp/lives); if [ $# -le 3 ]; then sleep 1; exit 1; fi; sleep 100000 & wait";
const NAMES: [&str; 5] = ["burner", "hog", "idle", "flapper", "printer"];

fn now_ms() -> i64 {
    Timestamp::now().as_millisecond()
}

/// Name, and the dimension besides that of the series.
type Key = (&'static str, Option<(&'static str, String)>);

/// What the printer prints, and what that is in numbers.
#[derive(Debug, Default)]
struct Lines {
    script: String,
    requests: f64,
    of_4xx: f64,
    of_5xx: f64,
    seconds: f64,
    health_checks: f64,
    errors: f64,
}

impl Lines {
    /// Bursts within the window, from when the test says so.
    fn new() -> Self {
        let mut lines =
            Self { script: "while [ ! -e /tmp/go ]; do sleep 0.1; done; ".into(), ..Self::default() };
        for number in 1..=60_u32 {
            let (status, of) = match number {
                n if n % 10 == 0 => (503, &mut lines.of_5xx),
                n if n % 7 == 0 => (404, &mut lines.of_4xx),
                _ => (200, &mut 0.0),
            };
            *of += 1.0;
            lines.requests += 1.0;
            let ms = f64::from(number) * 1.5;
            lines.seconds += ms / 1e3;
            let line = format!(
                r#"{{"level":"INFO","msg":"request","method":"GET","path":"/tasks","status":{status},"latency_ms":{ms}}}"#
            );
            let _ = write!(lines.script, "echo '{line}'; ");
            if number % 6 == 0 {
                lines.script.push_str("echo '[GIN] 2026/11/23 - 19:46:01 | 200 |    1.480381ms |      10.0.0.1 | GET      \"/health\"'; ");
                lines.script.push_str("echo '{\"level\":\"ERROR\",\"msg\":\"no such task\"}'; sleep 1; ");
                lines.health_checks += 1.0;
                lines.errors += 1.0;
            }
        }
        lines.script.push_str("sleep 100000");
        lines
    }
}

/// Of the host, the lines and the agent, everywhere and in each period.
const PLAIN: &str = "cpu_usage_active cpu_usage_steal cpu_usage_iowait system_load1 mem_used_percent health_up \
    health_time health_status_code requests responses_4xx responses_5xx health_checks error_lines \
    panics agent_up agent_events_shipped agent_events_dropped agent_delivery_lag agent_spool_bytes";
const OF_CONTAINERS: &str = "container_up container_restarts container_cpu_percent container_mem_used_percent \
    container_mem_used_bytes container_blkio_read_bytes container_blkio_write_bytes container_pids";

/// Every metric that there must be, and nothing else. Of the second part there is one in each period.
fn expected(with_network: bool) -> BTreeMap<Key, bool> {
    let mut keys = BTreeMap::new();
    let mut plain: Vec<_> = PLAIN.split_whitespace().collect();
    if with_network {
        plain.extend(["net_bytes_sent", "net_bytes_recv"]);
    }
    if fs::read_to_string("/proc/swaps").unwrap().lines().count() > 1 {
        plain.push("swap_used_percent");
    }
    keys.extend(plain.into_iter().map(|name| ((name, None), true)));
    keys.insert(("response_time", None), false);
    keys.insert(("health_dependency_up", Some(("Dependency", "database".into()))), true);
    for point in file_systems() {
        for name in ["disk_used_percent", "disk_inodes_used_percent"] {
            keys.insert((name, Some(("path", point.clone()))), true);
        }
    }
    for container in NAMES {
        for name in OF_CONTAINERS.split_whitespace() {
            // One that has just begun has no rate yet, and one that is down has nothing.
            let always = container != "flapper" || ["container_up", "container_restarts"].contains(&name);
            keys.insert((name, Some(("ContainerName", container.into()))), always);
        }
    }
    keys
}

/// Both sides of everything, and where they differ.
#[derive(Debug, Default)]
struct Comparison {
    text: String,
    wrong: usize,
}

impl Comparison {
    fn within(&mut self, what: &str, told: f64, low: f64, high: f64) {
        let good = (low..=high).contains(&told);
        self.wrong += usize::from(!good);
        let mark = if good { ' ' } else { '!' };
        let _ = writeln!(self.text, "{mark} {what:60} {told:16.4}  expected {low:16.4} to {high:16.4}");
    }

    fn near(&mut self, what: &str, told: f64, other: f64, tolerance: f64) {
        self.within(what, told, other - tolerance, other + tolerance);
    }
}

/// What the emulator has of these metrics in the window.
struct Store<'a> {
    client: &'a Client,
    start_s: i64,
}

impl Store<'_> {
    fn points(&self, series: (&str, &str), (name, of): &Key) -> Vec<Datapoint> {
        let mut dimensions = vec![series];
        dimensions.extend(of.as_ref().map(|(name, value)| (*name, value.as_str())));
        let span = Span {
            namespace: NAMESPACE,
            name,
            dimensions: &dimensions,
            start_s: self.start_s,
            end_s: self.start_s + PERIODS * PERIOD_S,
            period_s: PERIOD_S.try_into().unwrap(),
        };
        self.client.metric_statistics(&span, &["SampleCount", "Sum", "Minimum", "Maximum"])
    }

    /// Waits for a point of each period where there must be one, and reads everything.
    fn read(&self, agent: &mut Agent, keys: &BTreeMap<Key, bool>) -> [BTreeMap<Key, Total>; 2] {
        let periods = usize::try_from(PERIODS).unwrap();
        let [_, group] = SERIES;
        // The emulator is slow: it is not asked for more before the last call has arrived.
        agent.wait_until(LIMIT, "the last period", || {
            std::thread::sleep(Duration::from_millis(500));
            self.points(group, &("system_load1", None)).len() == periods
        });
        SERIES.map(|series| {
            let (mut told, start) = (BTreeMap::new(), Instant::now());
            while told.len() < keys.len() {
                let missing = keys.iter().filter(|(key, _)| !told.contains_key(*key));
                let missing: Vec<_> = missing.map(|(key, always)| (key, *always)).collect();
                assert!(start.elapsed() < LIMIT, "{series:?} has not all periods of {missing:?}");
                for (key, always) in missing {
                    let points = self.points(series, key);
                    if points.len() == periods || (!always && !points.is_empty()) {
                        told.insert(key.clone(), Total::of(&points));
                    }
                }
            }
            told
        })
    }
}

/// Docker's looks at one container.
struct Watched<'d> {
    docker: &'d Dockerd,
    name: &'static str,
    container: Container<'d>,
    looks: Vec<Stats>,
}

impl<'d> Watched<'d> {
    fn run(docker: &'d Dockerd, name: &'static str, script: &str, arguments: &[&str]) -> Self {
        let container = docker.run(&Run { name, script, arguments, ..Run::default() });
        Self { docker, name, container, looks: Vec::new() }
    }

    fn look(&mut self) {
        self.looks.push(self.docker.stats(self.container.id()));
    }

    fn average(&self, of: impl Fn(&Stats) -> f64) -> f64 {
        let count = f64::from(u32::try_from(self.looks.len()).unwrap());
        self.looks.iter().map(of).sum::<f64>() / count
    }
}

fn compare_host(
    told: &BTreeMap<Key, Total>,
    watch: &Watch,
    (from_ms, to_ms): (i64, i64),
    out: &mut Comparison,
) {
    let of = |name: &'static str| told[&(name, None)];
    let ([_, first], [_, last]) = (watch.around(from_ms), watch.around(to_ms));
    out.near("cpu_usage_active", of("cpu_usage_active").average(), last.active_percent(&first), 5.0);
    for part in ["cpu_usage_steal", "cpu_usage_iowait"] {
        out.within(part, of(part).max, 0.0, 100.0);
    }
    let memory = watch.average(from_ms, to_ms, |look| look.memory_percent);
    out.near("mem_used_percent", of("mem_used_percent").average(), memory, 2.0);
    if let Some(told) = told.get(&("disk_used_percent", Some(("path", "/".into())))) {
        out.near(
            "disk_used_percent",
            told.average(),
            watch.average(from_ms, to_ms, |look| look.disk_percent),
            1.0,
        );
    }
    if let Some(told) = told.get(&("disk_inodes_used_percent", Some(("path", "/".into())))) {
        let inodes = watch.average(from_ms, to_ms, |look| look.inodes_percent);
        out.near("disk_inodes_used_percent", told.average(), inodes, 1.0);
    }
    // The last look of a period was at some time before its end: between these two.
    let [[from, _], [_, from_end]] = [watch.around(from_ms - LAST_LOOK_MS), watch.around(from_ms)];
    let [[to, _], [_, to_end]] = [watch.around(to_ms - LAST_LOOK_MS), watch.around(to_ms)];
    let bytes = |from: &Host, to: &Host, of: fn((u64, u64)) -> u64| {
        let (from, to) = (of(from.network.unwrap()), of(to.network.unwrap()));
        Duration::from_micros(to.saturating_sub(from)).as_secs_f64() * 1e6
    };
    if from.network.is_some() {
        for (name, one) in
            [("net_bytes_recv", (|both| both.0) as fn((u64, u64)) -> u64), ("net_bytes_sent", |both| both.1)]
        {
            out.within(name, of(name).sum, bytes(&from_end, &to, one), bytes(&from, &to_end, one));
        }
    }
}

fn compare_container(told: &BTreeMap<Key, Total>, watched: &Watched<'_>, out: &mut Comparison) {
    let name = watched.name;
    let of = |metric: &'static str| told[&(metric, Some(("ContainerName", name.into())))];
    let (first, last) = (watched.looks.first().unwrap(), watched.looks.last().unwrap());
    let cpu = last.cpu_percent(first);
    out.near(&format!("{name}: container_cpu_percent"), of("container_cpu_percent").average(), cpu, 5.0);
    let memory = watched.average(Stats::memory_used);
    let (told, tolerance) = (of("container_mem_used_bytes"), (2.0 * MIB).max(memory * 0.05));
    out.near(&format!("{name}: container_mem_used_bytes"), told.average(), memory, tolerance);
    let limit = last.number("/memory_stats/limit");
    let percent = of("container_mem_used_percent").average();
    out.near(
        &format!("{name}: container_mem_used_percent"),
        percent,
        memory * 100.0 / limit,
        tolerance * 100.0 / limit,
    );
    let pids = watched.average(|look| look.number("/pids_stats/current"));
    out.near(&format!("{name}: container_pids"), of("container_pids").average(), pids, 0.5);
    let written = last.written() - first.written();
    out.near(
        &format!("{name}: container_blkio_write_bytes"),
        of("container_blkio_write_bytes").sum,
        written,
        MIB,
    );
}

fn compare_lines(told: &BTreeMap<Key, Total>, lines: &Lines, out: &mut Comparison) {
    let of = |name: &'static str| told[&(name, None)];
    for (name, printed) in [
        ("requests", lines.requests),
        ("responses_4xx", lines.of_4xx),
        ("responses_5xx", lines.of_5xx),
        ("health_checks", lines.health_checks),
        ("error_lines", lines.errors),
        ("panics", 0.0),
        ("agent_events_dropped", 0.0),
    ] {
        out.near(name, of(name).sum, printed, 0.0);
    }
    let time = of("response_time");
    out.near("response_time: count", time.count, lines.requests, 0.0);
    out.near("response_time: sum", time.sum, lines.seconds, 1e-9);
    out.near("response_time: minimum", time.min, 0.0015, 1e-9);
    out.near("response_time: maximum", time.max, 0.09, 1e-9);
    out.within("agent_events_shipped", of("agent_events_shipped").sum, 1.0, f64::INFINITY);
    out.near("agent_up: minimum", of("agent_up").min, 1.0, 0.0);
}

#[test]
fn a_measured_minute_is_what_the_kernel_and_docker_say() {
    let docker = Dockerd::start();
    let mut burner = Watched::run(&docker, "burner", "while :; do :; done", &["--cpus=0.3"]);
    let mut hog = Watched::run(&docker, "hog", HOG, &["--memory=64m"]);
    let mut idle = Watched::run(&docker, "idle", IDLE, &[]);
    let lines = Lines::new();
    let flapper = docker.run(&Run {
        name: "flapper",
        script: FLAPPER,
        arguments: &["--restart=on-failure"],
        ..Run::default()
    });
    let printer = docker.run(&Run { name: "printer", script: &lines.script, ..Run::default() });
    let emulator = Emulator::start();
    wait::until(LIMIT, "the hog to hold its memory", || hog.container.logs().contains("ready"));
    let backend = Backend::start(HEALTH);
    let config = format!("{CONFIG}[health]\nurl = \"{}\"\n", backend.url());
    let options = Options::at(&emulator.url()).with_docker(&docker).with_config(&config);
    let mut agent = Agent::start(options);
    let watch = Watch::start();
    agent.wait_until(LIMIT, "some looks", || backend.asked_ms().len() >= 5);

    let start_s = (now_ms() / 1_000 / PERIOD_S + 1) * PERIOD_S;
    let (from_ms, to_ms) = (start_s * 1_000, (start_s + PERIODS * PERIOD_S) * 1_000);
    let at = |ms: i64| move || now_ms() >= ms;
    agent.wait_until(LIMIT, "the window", at(from_ms));
    for container in [&printer, &flapper] {
        container.exec(": >/tmp/go");
    }
    let mut next_ms = from_ms;
    while next_ms <= to_ms {
        agent.wait_until(LIMIT, "the next look", at(next_ms));
        [&mut burner, &mut hog, &mut idle].into_iter().for_each(Watched::look);
        next_ms += 2_000;
    }
    let restarts: f64 = flapper.inspect("{{.RestartCount}}").parse().unwrap();

    let client = emulator.client();
    let keys = expected(Host::look().network.is_some());
    let both = Store { client: &client, start_s }.read(&mut agent, &keys);
    let mut out = Comparison::default();
    for (series, told) in SERIES.iter().zip(&both) {
        let _ = writeln!(out.text, "{}:", series.0);
        compare_host(told, &watch, (from_ms, to_ms), &mut out);
        for watched in [&burner, &hog, &idle] {
            compare_container(told, watched, &mut out);
        }
        compare_lines(told, &lines, &mut out);
        let of =
            |name: &'static str, container: &str| told[&(name, Some(("ContainerName", container.into())))];
        for name in NAMES {
            let (up, down) = (of("container_up", name), if name == "flapper" { 0.0 } else { 1.0 });
            out.near(&format!("{name}: container_up: maximum"), up.max, 1.0, 0.0);
            out.near(&format!("{name}: container_up: minimum"), up.min, down, 0.0);
            let restarts = if name == "flapper" { restarts } else { 0.0 };
            out.near(
                &format!("{name}: container_restarts"),
                of("container_restarts", name).sum,
                restarts,
                0.0,
            );
        }
        let of = |name: &'static str| told[&(name, None)];
        let asked = backend.asked_ms().into_iter().filter(|ms| (from_ms..to_ms).contains(ms)).count();
        out.near("health_up: count", of("health_up").count, f64::from(u32::try_from(asked).unwrap()), 2.0);
        out.near("health_up: minimum", of("health_up").min, 1.0, 0.0);
        out.near("health_status_code", of("health_status_code").average(), 200.0, 0.0);
        out.within("health_time", of("health_time").min, HEALTH.as_secs_f64(), 1.0);
        out.within("health_time", of("health_time").average(), HEALTH.as_secs_f64(), 1.0);
        let database = told[&("health_dependency_up", Some(("Dependency", "database".into())))];
        out.near("health_dependency_up: database", database.min, 1.0, 0.0);
    }
    eprintln!("{}", out.text);
    assert_eq!(out.wrong, 0, "{}", out.text);
    assert!((restarts - 3.0).abs() < 0.5, "it ended {restarts} times");

    let all = |key: &Key| {
        SERIES.map(|series| {
            let mut dimensions = BTreeMap::from([(series.0.to_owned(), series.1.to_owned())]);
            dimensions.extend(key.1.clone().map(|(name, value)| (name.to_owned(), value)));
            (key.0.to_owned(), dimensions)
        })
    };
    let expected: BTreeSet<_> = keys.keys().flat_map(all).collect();
    let listed: BTreeSet<_> = client.list_metrics(NAMESPACE).into_iter().collect();
    let unexpected: Vec<_> = listed.difference(&expected).collect();
    let missing: Vec<_> = expected.difference(&listed).collect();
    assert!(
        unexpected.is_empty() && missing.is_empty(),
        "not expected: {unexpected:?}; missing: {missing:?}"
    );
    agent.stop(LIMIT);
}
