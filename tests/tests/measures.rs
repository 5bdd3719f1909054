//! What the host, the agent and the lines are measured to be, as it arrives at the other side; and the
//! same figures where they go besides: a directory, and Prometheus.

use std::collections::{BTreeMap, BTreeSet};
use std::net::{SocketAddr, TcpListener};
use std::process::Output;

use harness::agent::{Agent, Options};
use harness::docker::{Dockerd, IDLE};
use harness::endpoint::{Endpoint, Samples};
use harness::http;
use harness::port::Port;
use harness::series::{INSTANCE, SCALING_GROUP, Series, assert_once_a_period, now_ms};
use harness::stream::{GROUP, LIMIT, STOP};
use serde_json::Value;

/// What every Linux host has, and the agent itself. Disks and cards a container may be without.
const ALWAYS: [&str; 8] = [
    "cpu_usage_active",
    "cpu_usage_steal",
    "mem_used_percent",
    "agent_up",
    "agent_events_shipped",
    "agent_events_dropped",
    "agent_delivery_lag",
    "agent_spool_bytes",
];

/// What is measured and not sent.
const EXTRA: [&str; 5] =
    ["cpu_usage_iowait", "system_load1", "container_pids", "health_checks", "agent_metric_errors"];

fn text(output: &Output) -> String {
    let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
    text(&output.stdout) + &text(&output.stderr)
}

#[test]
fn the_host_and_the_agent_are_two_series_once_a_period() {
    let endpoint = Endpoint::start();
    let mut agent = Agent::start(Options::measuring(&endpoint));
    endpoint.of_host("cpu_usage_active").await_periods(&mut agent, 4);
    agent.stop(STOP);

    let datums = endpoint.metrics();
    assert_once_a_period(&datums);
    for datum in &datums {
        let mut dimensions: Vec<_> = datum.dimensions.iter().map(|(k, v)| (k.as_str(), v.as_str())).collect();
        dimensions.retain(|(name, _)| *name != "path");
        let series = [("InstanceId", INSTANCE), ("AutoScalingGroupName", SCALING_GROUP)];
        assert!(dimensions.len() == 1 && series.contains(&dimensions[0]), "{datum:?}");
        assert_eq!((datum.namespace.as_str(), datum.resolution), ("StartTech/Backend", 1), "{datum:?}");
        assert_eq!(datum.timestamp_ms % 1_000, 0, "{datum:?}");
    }
    for name in ALWAYS {
        let (host, group) = (endpoint.of_host(name), endpoint.of_group(name));
        host.assert_no_gap(1_000);
        let figures = |series: &Series<'_>| -> Vec<(i64, Samples)> {
            series.datums().into_iter().map(|datum| (datum.timestamp_ms, datum.samples)).collect()
        };
        assert_eq!(figures(&host), figures(&group), "{name}");
    }
    for name in ["cpu_usage_active", "mem_used_percent"] {
        let series = endpoint.of_host(name);
        assert!(series.min() >= 0.0 && series.max() <= 100.0 && series.sum() > 0.0, "{name}");
        assert!(series.datums().iter().all(|datum| datum.unit == "Percent"), "{name}");
    }
    let up = endpoint.of_host("agent_up");
    assert_eq!((up.min(), up.max()), (1.0, 1.0));
    let names = endpoint.names_of_host();
    assert!(EXTRA.iter().all(|extra| !names.iter().any(|name| name == extra)), "{names:?}");
    assert!(names.iter().all(|name| !name.starts_with("health_")), "nobody is asked: {names:?}");
    endpoint.assert_no_breach();
}

#[test]
fn what_is_sent_is_the_operators_choice() {
    let endpoint = Endpoint::start();
    let config = "[metrics]\non = [\"cpu_usage_iowait\", \"system_load1\"]\noff = [\"net_*\", \"mem_used_percent\"]\n\
                  series = [\"AutoScalingGroupName\"]\nnamespace = \"Elsewhere\"\n";
    let mut agent = Agent::start(Options::measuring(&endpoint).with_more_config(config));
    for name in ["cpu_usage_iowait", "system_load1"] {
        endpoint.of_group(name).await_periods(&mut agent, 1);
    }
    agent.stop(STOP);
    for datum in endpoint.metrics() {
        assert!(!datum.name.starts_with("net_") && datum.name != "mem_used_percent", "{datum:?}");
        assert!(!datum.dimensions.contains_key("InstanceId"), "{datum:?}");
        assert_eq!(datum.namespace, "Elsewhere");
    }
    endpoint.assert_no_breach();
}

/// Also: what Prometheus is told, which says here that there is something to be sent.
#[test]
fn a_stop_sends_the_minute_that_is_not_over() {
    let (endpoint, port) = (Endpoint::start(), Port::reserve(0).unwrap());
    let options = Options::measuring(&endpoint)
        .with_variable("STARTTECH_METRICS_FLUSH", "60s")
        .with_variable("STARTTECH_METRICS_PROMETHEUS", &port.address().to_string());
    let mut agent = Agent::start(options);
    let known = || exposed(port.address()).contains_key("cpu_usage_active");
    agent.wait_until(LIMIT, "a second look", known);
    let stopped = now_ms();
    agent.stop(STOP);
    let minute = stopped / 60_000 * 60_000;
    for series in [endpoint.of_host("agent_up"), endpoint.of_group("agent_up")] {
        let datums = series.datums();
        let last = datums.last().unwrap_or_else(|| panic!("nothing was sent: {}", agent.log_tail()));
        // A minute may have passed on the way.
        assert!(last.timestamp_ms == minute || last.timestamp_ms == minute + 60_000, "{last:?}");
        assert!(datums.iter().all(|datum| datum.resolution == 60 && datum.timestamp_ms % 60_000 == 0));
        assert!(matches!(last.samples, Samples::Statistics { .. }) || last.sample_count() >= 1.0);
    }
    assert!(endpoint.of_host("agent_up").sample_count() >= 3.0, "two looks, and the last of all");
    assert!(endpoint.of_host("cpu_usage_active").sample_count() >= 1.0);
    assert_once_a_period(&endpoint.metrics());
    endpoint.assert_no_breach();
}

/// Each line is one kind of what backends print. The panic is the last, for then the process is gone.
const LINES: &str = r#"cat <<'END'
[GIN] 2024/05/01 - 12:00:00 | 200 |      12.5ms |        10.0.0.1 | GET      "/api/orders"
[GIN] 2024/05/01 - 12:00:01 | 200 |       1.25s |        10.0.0.1 | POST     "/api/orders"
[GIN] 2024/05/01 - 12:00:02 | 404 |       250µs |        10.0.0.1 | GET      "/nowhere"
[GIN] 2024/05/01 - 12:00:03 | 500 |          2s |        10.0.0.1 | GET      "/api/orders/1"
[GIN] 2024/05/01 - 12:00:04 | 200 |        50µs |        10.0.0.2 | GET      "/health"
[GIN] 2024/05/01 - 12:00:05 | 503 |        60µs |        10.0.0.2 | GET      "/health"
{"time":"2024-05-01T12:00:06Z","level":"INFO","msg":"request","method":"POST","path":"/api/orders","status":201,"latency_ms":75}
{"time":"2024-05-01T12:00:06Z","level":"ERROR","msg":"request","method":"GET","path":"/api/carts","status":502}
{"time":"2024-05-01T12:00:06Z","level":"INFO","msg":"request","method":"GET","path":"/","status":200,"user_agent":"ELB-HealthChecker/2.0"}
{"time":"2024-05-01T12:00:07Z","level":"ERROR","msg":"redis does not answer"}
{"time":"2024-05-01T12:00:07Z","level":"WARN","msg":"error: nobody minds"}
{"time":"2024-05-01T12:00:07Z","level":"INFO","msg":"fatal: the database is gone"}
{"time":"2024-05-01T12:00:07Z","level":"ERROR","msg":"panic recovered: a map that is nil"}
{"time":"2024-05-01T12:00:08Z","level":"INFO","msg":"paid","method":"card","checkout":{"duration_ms":120}}
{"time":"2024-05-01T12:00:08Z","level":"INFO","msg":"paid","method":"card","checkout":{"duration_ms":80.5}}
{"time":"2024-05-01T12:00:08Z","level":"INFO","msg":"paid","method":"cash","checkout":{"duration_ms":40}}
time=2024-05-01T12:00:09.000Z level=ERROR msg="cannot send the mail" retry=3
time=2024-05-01T12:00:09.000Z level=INFO msg="sent the mail" retry=4
2024/05/01 12:00:10 ERROR the disk is full
2024/05/01 12:00:10 all is well again
panic: runtime error: invalid memory address or nil pointer dereference

goroutine 1 [running]:
main.main()
	/app/main.go:10 +0x1d
exit status 2
END
"#;

const PATTERNS: &str = "[metrics]\non = [\"health_checks\"]\n\
    [[metrics.patterns]]\nname = \"checkout_time\"\nfield = \"checkout.duration_ms\"\nunit = \"Milliseconds\"\n\
    dimension = \"method\"\n\
    [[metrics.patterns]]\nname = \"retries\"\nregex = 'retry[=\":]+(?P<value>\\d+)'\n";

#[test]
fn lines_are_counted_exactly_whatever_becomes_of_them() {
    let docker = Dockerd::start();
    docker.run_script("api", LINES).wait_exit(LIMIT);
    let configs = [
        PATTERNS.to_owned(),
        format!("{PATTERNS}[logs]\ndrop = ['/health']\n"),
        format!("{PATTERNS}[logs]\nstructure = false\n"),
    ];
    let runs: Vec<_> = configs
        .iter()
        .map(|config| {
            let endpoint = Endpoint::start();
            let options = Options::measuring(&endpoint).with_docker(&docker).with_more_config(config);
            let agent = Agent::start(options);
            (endpoint, agent)
        })
        .collect();
    for ((endpoint, mut agent), config) in runs.into_iter().zip(configs) {
        let of = |name: &str| endpoint.of_host(name);
        // The panic is read last of all.
        of("panics").await_sum(&mut agent, 2.0);
        agent.stop(STOP);
        for (name, sum) in [
            ("requests", 6.0),
            ("responses_4xx", 1.0),
            ("responses_5xx", 2.0),
            ("health_checks", 3.0),
            ("error_lines", 6.0),
            ("panics", 2.0),
            ("retries", 7.0),
        ] {
            let came = (of(name).sum(), endpoint.of_group(name).sum());
            assert_eq!(came, (sum, sum), "{name} with {config}");
        }
        let times = of("response_time");
        assert!((times.sum() - 3.337_75).abs() < 1e-9, "{} with {config}", times.sum());
        let came = (times.sample_count(), times.min(), times.max());
        assert_eq!(came, (5.0, 0.000_25, 2.0), "{config}");
        assert!(times.datums().iter().all(|datum| matches!(datum.samples, Samples::Values(_))));
        assert!(times.datums().iter().all(|datum| datum.unit == "Seconds"));
        for (method, count, sum) in [("card", 2.0, 200.5), ("cash", 1.0, 40.0)] {
            let own = of("checkout_time").of("method", method);
            assert_eq!((own.sample_count(), own.sum()), (count, sum), "{method} with {config}");
            assert!(own.datums().iter().all(|datum| datum.unit == "Milliseconds"));
        }
        assert!(
            !endpoint
                .metric_series()
                .keys()
                .any(|series| series.contains("Container") && series.contains("requests"))
        );
        let health =
            endpoint.stream(GROUP, "/api/").messages().iter().filter(|m| m.contains("/health")).count();
        assert_eq!(health, if config.contains("drop") { 0 } else { 2 }, "{config}");
        endpoint.assert_no_breach();
    }
}

/// `GET /metrics`: the sample lines, from their names and labels to their values.
fn exposed(address: SocketAddr) -> BTreeMap<String, String> {
    let Ok(answer) = http::send(address, "GET", "/metrics", &[], &[]) else { return BTreeMap::new() };
    assert_eq!(answer.status, 200, "{}", answer.text());
    let text = answer.text();
    let samples = text.lines().filter(|line| !line.starts_with('#'));
    let pairs = samples.filter_map(|line| line.rsplit_once(' '));
    let named = |name: &str| name.split('{').next().unwrap_or_default().to_owned();
    pairs.map(|(name, value)| (named(name), value.to_owned())).collect()
}

#[test]
fn prometheus_is_told_under_the_same_names() {
    let (endpoint, docker, port) = (Endpoint::start(), Dockerd::start(), Port::reserve(0).unwrap());
    let options = Options::measuring(&endpoint)
        .with_docker(&docker)
        .with_variable("STARTTECH_METRICS_PROMETHEUS", &port.address().to_string());
    let mut agent = Agent::start(options);
    let line = "[GIN] 2024/05/01 - 12:00:00 | 200 | 10ms | 10.0.0.1 | GET \"/api\"";
    let api = docker.run_script("api", &format!("echo '{line}'; {IDLE}"));
    let requests = || exposed(port.address()).get("requests").and_then(|count| count.parse::<f64>().ok());
    agent.wait_until(LIMIT, "the first request", || requests() == Some(1.0));
    api.say(line);
    api.say(line);
    agent.wait_until(LIMIT, "three requests", || requests() == Some(3.0));
    endpoint.of_host("requests").await_sum(&mut agent, 3.0);
    let names: BTreeSet<String> = exposed(port.address()).into_keys().collect();
    for name in endpoint.names_of_host() {
        let told = if name == "response_time" { "response_time_sum" } else { &name };
        assert!(names.contains(told), "{name} is not among {names:?}");
    }
    assert!(names.contains("cpu_usage_iowait"), "not sent, and told all the same: {names:?}");
    assert_eq!(http::send(port.address(), "GET", "/", &[], &[]).unwrap().status, 200);
    assert_eq!(http::send(port.address(), "GET", "/else", &[], &[]).unwrap().status, 404);
    agent.stop(STOP);
    endpoint.assert_no_breach();
}

#[test]
fn an_address_that_prometheus_cannot_have_holds_nothing_else_up() {
    let endpoint = Endpoint::start();
    let taken = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = taken.local_addr().unwrap().to_string();
    let options = Options::measuring(&endpoint).with_variable("STARTTECH_METRICS_PROMETHEUS", &address);
    let mut agent = Agent::start(options);
    agent.wait_until(LIMIT, "datapoints", || !endpoint.metrics().is_empty());
    let said = agent.log();
    assert!(said.contains("is in use by another program") && said.contains(&address), "{said}");
    agent.stop(STOP);
    endpoint.assert_no_breach();
}

#[test]
fn an_address_that_everybody_can_read_is_refused() {
    let endpoint = Endpoint::start();
    let options = Options::measuring(&endpoint).with_variable("STARTTECH_METRICS_PROMETHEUS", "0.0.0.0:9464");
    let output = Agent::output(options);
    let said = text(&output);
    assert_eq!(output.status.code(), Some(64), "{said}");
    assert!(said.contains("everybody could read it") && said.contains("0.0.0.0:9464"), "{said}");
    assert!(endpoint.metrics().is_empty());
}

#[test]
fn the_local_mode_writes_datapoints_into_its_directory() {
    let (endpoint, docker) = (Endpoint::start(), Dockerd::start());
    let directory = tempfile::tempdir().unwrap();
    let local = format!("--local={}", directory.path().display());
    let options = Options::measuring(&endpoint).with_docker(&docker).with_arguments(&["run", &local]);
    let mut agent = Agent::start(options);
    let line = "[GIN] 2024/05/01 - 12:00:00 | 200 | 10ms | 10.0.0.1 | GET \"/api\"";
    docker.run_script("api", &format!("echo '{line}'; {IDLE}"));
    let file = directory.path().join("metrics.jsonl");
    let lines = || -> Vec<Value> {
        let text = std::fs::read_to_string(&file).unwrap_or_default();
        let whole = text.lines().take(text.matches('\n').count());
        whole
            .map(|line| serde_json::from_str(line).unwrap_or_else(|error| panic!("{error} in {line}")))
            .collect()
    };
    let has =
        |name: &str, field: &str| lines().iter().any(|line| line["name"] == name && line[field].is_number());
    for (name, field) in [("cpu_usage_active", "max"), ("response_time", "p95"), ("requests", "value")] {
        agent.wait_until(LIMIT, name, || has(name, field));
    }
    agent.wait_until(LIMIT, "the container", || has("container_up", "min"));
    agent.stop(STOP);

    for line in lines() {
        let time: jiff::Timestamp = line["time"].as_str().unwrap().parse().unwrap();
        assert_eq!(time.as_millisecond() % 1_000, 0, "{line}");
        assert!(line["unit"].is_string() && line["name"].is_string(), "{line}");
        assert_eq!(line["dimensions"]["InstanceId"], INSTANCE, "{line}");
        assert!(line["dimensions"]["AutoScalingGroupName"].is_null(), "once, not for each series: {line}");
        let forms = [&["value"][..], &["min", "max", "sum", "count"], &["p50", "p95", "p99"]];
        let fits = |form: &&&[&str]| form.iter().all(|field| line[*field].is_number());
        assert_eq!(forms.iter().filter(fits).count(), 1, "{line}");
    }
    assert!(has("cpu_usage_iowait", "max"), "locally it costs nothing");
    let kept = std::fs::read_to_string(directory.path().join(".spool/history/metrics.jsonl")).unwrap();
    let kept = kept.lines().map(|batch| serde_json::from_str::<Value>(batch).unwrap());
    let kept: usize = kept.map(|batch| batch["data"].as_array().unwrap().len()).sum();
    assert_eq!(kept, lines().len(), "what was measured stays for who draws it");
    let stream = std::fs::read_dir(directory.path()).unwrap().flatten().any(|entry| entry.path().is_dir());
    assert!(stream, "lines are written as ever");
    assert!(endpoint.metrics().is_empty() && endpoint.arrived().is_empty());
    endpoint.assert_no_breach();
}

/// The findings of `check` about metrics, each its own `what`.
fn checked(options: &Options) -> BTreeMap<String, String> {
    // It also asks the service how it is reached, which is none of its operations.
    let asked = Endpoint::start();
    let options = options.clone().with_variable("AWS_ENDPOINT_URL", &asked.url());
    let output = Agent::output(options.with_arguments(&["check", "--json"]));
    let findings: Vec<BTreeMap<String, String>> =
        serde_json::from_slice(&output.stdout).unwrap_or_else(|error| panic!("{error}: {}", text(&output)));
    let pair = |mut finding: BTreeMap<String, String>| {
        (finding.remove("what").unwrap(), finding.remove("detail").unwrap())
    };
    findings.into_iter().map(pair).filter(|(what, _)| what.starts_with("metrics")).collect()
}

#[test]
fn check_counts_what_is_sent() {
    let (endpoint, docker) = (Endpoint::start(), Dockerd::start());
    let line = "[GIN] 2024/05/01 - 12:00:00 | 200 | 10ms | 10.0.0.1 | GET \"/api\"";
    let script = format!("while :; do echo '{line}'; sleep 0.5; done & {IDLE}");
    docker.run_script("api", &script);
    docker.run_script("worker", &script);
    let options = Options::measuring(&endpoint).with_docker(&docker);
    let found = checked(&options);
    let detail = &found["metrics"];
    let count: usize = detail.split(' ').next().unwrap().parse().unwrap_or_else(|_| panic!("{detail}"));
    let cents = count * 30;
    assert!(detail.contains(&format!("(${}.{:02} a month", cents / 100, cents % 100)), "{detail}");
    assert!(detail.contains(&format!("and {count} that it shares")), "{detail}");
    assert!(found["metrics sent"].contains("container_up × 2"), "{found:?}");
    assert!(found["metrics not sent"].contains("cpu_usage_iowait"), "{found:?}");

    let mut agent = Agent::start(options);
    let sent = || endpoint.metric_series().keys().filter(|series| series.contains("InstanceId=")).count();
    agent.wait_until(LIMIT, &format!("{count} metrics, as check counts: {found:#?}"), || sent() >= count);
    agent.stop(STOP);
    assert_eq!(sent(), count, "{:#?}", endpoint.metric_series().keys());
    assert_eq!(endpoint.metric_series().len(), 2 * count);

    let elsewhere = Endpoint::start();
    let off = Options::measuring(&elsewhere)
        .with_docker(&docker)
        .with_variable("STARTTECH_METRICS_ENABLED", "false");
    let found = checked(&off);
    assert!(found["metrics"].starts_with("off"), "{found:?}");
    assert_eq!(found.len(), 1, "{found:?}");
    let mut agent = Agent::start(off);
    elsewhere.stream(GROUP, "/api/").await_lines(&mut agent, 3);
    agent.stop(STOP);
    assert_eq!(elsewhere.metric_requests(), 0);
    assert!(!agent.log().contains("datapoints"), "{}", agent.log_tail());
    for endpoint in [endpoint, elsewhere] {
        endpoint.assert_no_breach();
    }
}
