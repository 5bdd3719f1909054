//! The configuration as an operator meets it: what is written, and what comes back.

mod provision;

use super::*;
use crate::provision::Wanted;
use expect_test::{Expect, expect};

const EXAMPLE: &str = include_str!("../../agent.example.toml");

fn config(files: &[&str], variables: &[(&str, &str)]) -> Result<Config, Faults> {
    let owned = |&(name, value): &(&str, &str)| (name.to_owned(), value.to_owned());
    let files: Vec<_> =
        files.iter().enumerate().map(|(i, text)| (format!("{i}.toml"), (*text).to_owned())).collect();
    Config::from_layers(&files, &variables.iter().map(owned).collect::<Vec<_>>(), Vec::new())
}

fn check(file: &str, expected: &Expect) {
    expected.assert_eq(&config(&[file], &[]).unwrap_err().to_string());
}

/// The example as if every key in it were live: a `#` right before a key or a section is taken away.
fn uncommented() -> String {
    let lines = EXAMPLE.lines().map(|line| match line.strip_prefix('#') {
        Some(live) if live.starts_with(|c: char| c.is_ascii_lowercase() || c == '[') => live,
        _ => line,
    });
    lines.collect::<Vec<_>>().join("\n")
}

#[test]
#[expect(clippy::too_many_lines, reason = "every key")]
fn an_empty_file_is_the_default() {
    let mut defaults = config(&[], &[]).unwrap();
    assert_eq!(defaults.alerts.rules.len(), 9);
    defaults.alerts.rules.clear(); // dashboards/rules.toml
    expect![[r#"
        Config {
            region: None,
            log: Log {
                level: Info,
            },
            host: Host {
                instance_id: None,
                auto_scaling_group: None,
            },
            docker: Docker {
                socket: "/var/run/docker.sock",
            },
            logs: Logs {
                selection: Selection {
                    include: [],
                    exclude: [],
                    routes: [
                        Route {
                            containers: [
                                "*frontend*",
                            ],
                            group: "/starttech/frontend",
                        },
                    ],
                    group: "/starttech/backend",
                    stream: Template(
                        [
                            InstanceId,
                            Text(
                                "/",
                            ),
                            ContainerName,
                            Text(
                                "/",
                            ),
                            ContainerId,
                        ],
                    ),
                },
                retention_days: 14,
                structure: true,
                redact: Redact {
                    enabled: true,
                    patterns: [],
                },
                multiline: true,
                drop: RegexSet([]),
                flush: 1s,
            },
            metrics: Metrics {
                enabled: true,
                namespace: "StartTech/Backend",
                sample: 10s,
                flush: 60s,
                series: SeriesWanted {
                    instance: true,
                    group: true,
                },
                selection: MetricSelection {
                    on: GlobSet {
                        len: 0,
                        strats: [],
                    },
                    off: GlobSet {
                        len: 0,
                        strats: [],
                    },
                },
                include: [],
                exclude: [],
                prometheus: None,
                patterns: [],
            },
            health: Health {
                url: Some(
                    Url {
                        host: Address(
                            127.0.0.1,
                        ),
                        port: 8080,
                        target: /health,
                        authority: "127.0.0.1:8080",
                        text: "http://127.0.0.1:8080/health",
                    },
                ),
                timeout: 5s,
            },
            spool: Spool {
                directory: "/var/lib/starttech-agent/spool",
                max_bytes: 268435456,
            },
            control: Control {
                socket: Some(
                    "/run/starttech-agent/agent.sock",
                ),
            },
            alerts: Alerts {
                enabled: true,
                max_per_hour: 10,
                restart_loop: (
                    3,
                    600s,
                ),
                recovery: 60s,
                rules: [],
            },
            provision: Provision {
                at_start: true,
                at_start_written: false,
                at_start_within: 60s,
                settings: Settings {
                    prefix: "starttech",
                    dashboard: "StartTech",
                    topic: "starttech-alarms",
                    emails: [],
                    webhooks: [],
                    publishers: [],
                    runbook: None,
                    log_groups: [
                        "/starttech/backend",
                        "/starttech/frontend",
                    ],
                    retention_days: 14,
                    namespace: "StartTech/Backend",
                    container: "starttech-backend",
                    auto_scaling_group: Find,
                    load_balancer: Find,
                    target_group: Find,
                    distribution: Find,
                    off: [],
                    thresholds: Thresholds {
                        cpu_warning: 70.0,
                        cpu_critical: 90.0,
                        cpu_credits: 20.0,
                        memory: 90.0,
                        disk: 85.0,
                        response_time: 1.0,
                        error_rate: 5.0,
                        requests: 20.0,
                        load_balancer_5xx: 10.0,
                        error_lines: 10.0,
                        restarts: 3.0,
                        cache_hit_rate: 50.0,
                        cloudfront_error_rate: 5.0,
                        delivery_lag: 300.0,
                    },
                    rhythm: Rhythm {
                        sample_s: 10.0,
                        flush_s: 60,
                    },
                    unsent: {
                        "agent_metric_errors": "metrics.on",
                        "container_blkio_read_bytes": "metrics.on",
                        "container_blkio_write_bytes": "metrics.on",
                        "container_mem_used_bytes": "metrics.on",
                        "container_pids": "metrics.on",
                        "cpu_usage_iowait": "metrics.on",
                        "health_checks": "metrics.on",
                        "health_status_code": "metrics.on",
                        "system_load1": "metrics.on",
                    },
                    without_data: false,
                    tags: {},
                },
            },
            written: Written { .. },
        }
    "#]]
    .assert_debug_eq(&defaults);
    let defaults = config(&[], &[]).unwrap();
    assert_eq!(format!("{:?}", config(&["", EXAMPLE], &[]).unwrap()), format!("{defaults:?}"));
}

#[test]
fn the_example_holds_every_key_with_its_default() {
    let mut live = config(&[&uncommented()], &[]).unwrap();
    // Those without a default show a value that nobody should get unasked.
    assert_eq!(live.region.take().as_deref(), Some("eu-west-1"));
    assert_eq!(live.host.instance_id.take().as_deref(), Some("i-0123456789abcdef0"));
    assert_eq!(live.host.auto_scaling_group.take().as_deref(), Some("starttech-backend"));
    assert_eq!(live.metrics.prometheus.take(), Some("127.0.0.1:9464".parse().unwrap()));
    let settings = &mut live.provision.settings;
    assert_eq!(settings.runbook.take().as_deref(), Some("https://wiki.example.com/starttech"));
    for (part, name) in [
        (&mut settings.auto_scaling_group, "starttech-backend"),
        (&mut settings.load_balancer, "app/starttech-alb/0123456789abcdef"),
        (&mut settings.target_group, "targetgroup/starttech-tg/fedcba9876543210"),
        (&mut settings.distribution, "E1EXAMPLE2345"),
    ] {
        assert_eq!(std::mem::take(part), Wanted::Named(name.to_owned()));
    }
    assert!(std::mem::take(&mut live.provision.at_start_written));
    let [pattern] = &std::mem::take(&mut live.metrics.patterns)[..] else { panic!() };
    assert_eq!(pattern.metric().name, "checkout_time");
    assert_eq!(format!("{live:?}"), format!("{:?}", config(&[], &[]).unwrap()));

    let (entries, _) = file::entries("example", &uncommented());
    let written: Vec<&str> = entries.iter().map(|entry| entry.key.as_str()).collect();
    for key in &keys::ALL {
        assert!(written.contains(&key.name), "{} is not in agent.example.toml", key.name);
    }
    assert_eq!(written.len(), keys::ALL.len());
}

#[test]
fn an_example_in_a_message_is_a_value_that_is_accepted() {
    for key in &keys::ALL {
        config(&[&format!("{} = {}", key.name, key.example)], &[]).unwrap();
    }
}

#[test]
fn a_later_layer_overrides_key_by_key() {
    let files = ["logs.group = '/a'\nlogs.flush = '2s'", "[logs]\ngroup = '/b'\nretention_days = 30"];
    let found = config(&files, &[("STARTTECH_LOGS_RETENTION_DAYS", "7"), ("STARTTECH_REGION", "")]).unwrap();
    assert_eq!(found.logs.selection.group, "/b");
    assert_eq!(found.logs.flush, Duration::from_secs(2));
    assert_eq!(found.logs.retention_days, 7);
    assert_eq!(found.region, None);
}

#[test]
fn a_variable_has_the_type_of_its_key() {
    let found = config(
        &[],
        &[
            ("STARTTECH_LOGS_STRUCTURE", "false"),
            ("STARTTECH_LOGS_EXCLUDE", r#"["redis*", "a=b"]"#),
            ("STARTTECH_LOGS_ROUTES", "[{match = ['x'], group = '/x'}]"),
            ("STARTTECH_SPOOL_MAX_BYTES", "16777216"),
            ("STARTTECH_LOGS_REDACT_PATTERNS", r"['\d+-\d+']"),
        ],
    )
    .unwrap();
    assert!(!found.logs.structure);
    assert_eq!(format!("{:?}", found.logs.selection.exclude), r#"["redis*", "a=b"]"#);
    assert_eq!(found.logs.selection.groups(), ["/starttech/backend", "/x"]);
    assert_eq!(found.spool.max_bytes, 16 << 20);
    assert_eq!(found.logs.redact.patterns[0].as_str(), r"\d+-\d+");
}

#[test]
fn every_fault_is_reported_in_one_run() {
    check(
        r#"region = "eu-west-1a"
retention_days = 14

[log]
level = "loud"

[logs]
gruop = "/x"
group = "/my group"
retention_days = 15
stream = "{host}/{image}"
include = ["a", "[b", 7]
structure = "yes"
drop = ["(", '.*', "ok"]
flush = 5
redact = true

[[logs.routes]]
match = "web"
group = "/web"
name = "x"

[logs.multiline]
on = true

[spool]
directory = "spool"
max_bytes = "256MB"

[traces]
namespace = "X"
"#,
        &expect![[r#"
            0.toml:1:10: `region` is "eu-west-1a", an availability zone
              → write its region: region = "eu-west-1"
            0.toml:2:1: there is no key `retention_days`
              → write `retention_days` under `[logs]`
            0.toml:5:9: `log.level` is "loud", which is no level
              → write one of "error", "warn", "info", "debug", "trace": level = "info"
            0.toml:8:1: there is no key `logs.gruop`
              → write `group` under `[logs]`
            0.toml:9:9: `logs.group` is "/my group": CloudWatch allows no ' ' in the name of a log group
              → use letters, digits, `_`, `-`, `/`, `.`, `#`
            0.toml:10:18: `logs.retention_days` is 15, a time that CloudWatch does not keep logs for
              → write one of 1, 3, 5, 7, 14, 30, 60, 90, 120, 150, 180, 365, 400, 545, 731, 1096, 1827, 2192, 2557, 2922, 3288, 3653
            0.toml:11:10: `logs.stream` is "{host}/{image}": {host} is not a placeholder
              → write one of {instance_id}, {container_name}, {container_id}, {image}
            0.toml:12:17: `logs.include` holds the glob "[b": unclosed character class; missing ']'
              → `*` stands for any text, `?` for one character, `{a,b}` for either, `[ab]` for one of them; `\` takes their meaning away
            0.toml:12:23: `logs.include` holds an integer
              → write a list of globs: include = ["starttech-*", "tier=web"]
            0.toml:13:13: `logs.structure` is a string
              → write true or false: structure = true
            0.toml:14:9: `logs.drop` holds the pattern "(": unclosed group
              → see https://docs.rs/regex/latest/regex/#syntax
            0.toml:14:14: `logs.drop` holds the pattern ".*", which matches every line
              → write what sets the lines apart, or delete the pattern
            0.toml:15:9: `logs.flush` is 5 without a unit
              → write "5s" or "5ms"
            0.toml:16:1: `logs.redact` is a section, not a value
              → write logs.redact.enabled, logs.redact.patterns
            0.toml:19:9: `logs.routes.match` is a string
              → write a list of routes: routes = [{ match = ["*frontend*"], group = "/starttech/frontend" }]
            0.toml:21:1: a route has no key `name`
              → write `match` and `group`, nothing else
            0.toml:24:1: `logs.multiline` is a value, not a section
              → write true or false: multiline = true
            0.toml:27:13: `spool.directory` is "spool", which depends on where the agent was started
              → write the whole path of a directory: directory = "/var/lib/starttech-agent/spool"
            0.toml:28:13: `spool.max_bytes` is "256MB", which is no size
              → write a size of at least 8MiB: max_bytes = "256MiB"
            0.toml:31:1: there is no key `traces.namespace`
              → write `namespace` under `[metrics]`"#]],
    );
}

#[test]
fn a_line_that_is_no_toml_is_reported_once_and_the_others_too() {
    check(
        "host.instance_id = web-1\nlogs.structure = yes\nlogs.flush = 1h\nlogs.group = '/a b'\nlogs.drop = [\"\\d\"]\n",
        &expect![[r#"
            0.toml:1:20: a string without quotes
              → write "web-1"
            0.toml:2:18: `logs.structure` is a string
              → write true or false: structure = true
            0.toml:3:14: `logs.flush` is "1h", which is no duration
              → write a duration from 100ms to 1m: flush = "1s"
            0.toml:4:14: `logs.group` is "/a b": CloudWatch allows no ' ' in the name of a log group
              → use letters, digits, `_`, `-`, `/`, `.`, `#`
            0.toml:5:16: an unknown escape
              → between double quotes `\` begins an escape: put patterns between single quotes, as in '\d+'"#]],
    );
}

#[test]
fn a_variable_is_reported_by_its_name() {
    let faults = config(
        &[],
        &[
            ("STARTTECH_LOGS_GRUOP", "/x"),
            ("STARTTECH_LOGS_EXCLUDE", "redis,mongo"),
            ("STARTTECH_LOGS_FLUSH", "1h"),
            ("STARTTECH_LOGS_STRUCTURE", "yes"),
            ("STARTTECH_LOGS_RETENTION_DAYS", "two"),
            ("STARTTECH_TOKEN", "x"),
        ],
    );
    expect![[r#"
        STARTTECH_LOGS_EXCLUDE: `logs.exclude` is no list: it does not begin with `[`
          → write a list of globs: STARTTECH_LOGS_EXCLUDE='["redis:*", "tier=debug"]'
        STARTTECH_LOGS_FLUSH: `logs.flush` is "1h", which is no duration
          → write a duration from 100ms to 1m: STARTTECH_LOGS_FLUSH=1s
        STARTTECH_LOGS_GRUOP: no key has this variable
          → set STARTTECH_LOGS_GROUP instead
        STARTTECH_LOGS_RETENTION_DAYS: `logs.retention_days` is "two", no number
          → write a number of days: STARTTECH_LOGS_RETENTION_DAYS=14
        STARTTECH_LOGS_STRUCTURE: `logs.structure` is "yes"
          → write true or false: STARTTECH_LOGS_STRUCTURE=true
        STARTTECH_TOKEN: no key has this variable
          → unset it: every key of agent.example.toml has a variable, and nothing else has"#]]
    .assert_eq(&faults.unwrap_err().to_string());
}

#[test]
fn one_kind_of_value_is_not_taken_for_another() {
    for (key, value) in [
        ("region", "1"),
        ("region", "'Ireland'"),
        ("log.level", "'off'"),
        ("host.instance_id", "''"),
        ("host.instance_id", "'a:b'"),
        ("docker.socket", "'tcp://127.0.0.1:2375'"),
        ("docker.socket", "'/var/run/docker.sock'"),
        ("logs.group", "''"),
        ("logs.group", "'aws/x'"),
        ("logs.retention_days", "'14'"),
        ("logs.retention_days", "-1"),
        ("logs.retention_days", "99999999999999999999"),
        ("logs.retention_days", "14.0"),
        ("logs.stream", "''"),
        ("logs.include", "'*'"),
        ("logs.include", "['']"),
        ("logs.drop", "['']"),
        ("logs.drop", "[1979-05-27]"),
        ("logs.redact.enabled", "1"),
        ("logs.routes", "['x']"),
        ("logs.routes", "[{ match = ['x'] }]"),
        ("logs.routes", "[{}]"),
        ("logs.flush", "'99ms'"),
        ("logs.flush", "'61s'"),
        ("spool.max_bytes", "1024"),
        ("spool.max_bytes", "-1"),
        ("spool.max_bytes", "'7MiB'"),
        ("spool.directory", "''"),
        ("control.socket", "'agent.sock'"),
        ("control.socket", "1"),
    ] {
        let faults = config(&[&format!("{key} = {value}")], &[]).expect_err(&format!("{key} = {value}")).0;
        assert_eq!(faults.len(), 1, "{key} = {value}: {faults:?}");
        assert!(faults[0].what.starts_with(&format!("`{key}` ")), "{}", faults[0]);
    }
}

#[test]
fn only_the_value_that_counts_is_judged() {
    config(&["logs.flush = '1h'", "logs.flush = '2s'"], &[]).unwrap();
}

#[test]
fn files_are_read_in_order_and_a_missing_one_only_matters_if_it_was_named() {
    let directory = tempfile::tempdir().unwrap();
    let main = directory.path().join("agent.toml");
    let load = || Config::load(Some(&main), []);
    assert!(load().unwrap_err().to_string().contains("leave --config out"));

    fs::write(&main, "logs.group = '/main'").unwrap();
    assert_eq!(load().unwrap().logs.selection.group, "/main");

    let drop_ins = directory.path().join(DROP_IN_DIRECTORY);
    fs::create_dir(&drop_ins).unwrap();
    fs::write(drop_ins.join("20-b.toml"), "logs.group = '/b'").unwrap();
    fs::write(drop_ins.join("10-a.toml"), "logs.group = '/a'\nlogs.flush = '3s'").unwrap();
    fs::write(drop_ins.join("30-c.toml~"), "rubbish").unwrap();
    assert_eq!(load().unwrap().logs.selection.group, "/b");
    assert_eq!(load().unwrap().logs.flush, Duration::from_secs(3));

    fs::write(&main, b"logs.group = '/x'\n# caf\xe9\n").unwrap();
    assert_eq!(load().unwrap_err().0[0].place.position, Some((2, 6)));
    fs::remove_file(&main).unwrap();
    fs::create_dir(&main).unwrap();
    assert_eq!(load().unwrap_err().0.len(), 1);
}

#[test]
fn one_metric_of_two_kinds_is_none() {
    let patterns = |second: &str| {
        let first = r#"{ name = "x", regex = "a" }"#;
        config(&[&format!("metrics.patterns = [{first}, {second}]")], &[])
    };
    assert!(patterns(r#"{ name = "x", regex = "b" }"#).is_ok());
    let faults = patterns(r#"{ name = "x", field = "f", unit = "Seconds" }"#).unwrap_err();
    assert!(faults.to_string().contains("two patterns of the name"), "{faults}");
}

#[test]
fn faults_of_what_is_measured() {
    check(
        r#"[metrics]
namespace = "AWS/EC2"
sample = "0s"
flush = "45s"
series = ["Host"]
on = ["cpu_usage_iowat"]
off = ["nothing_like_it_at_all"]
prometheus = "0.0.0.0:9464"
[[metrics.patterns]]
name = "requests"
regex = "x"
[[metrics.patterns]]
name = "mine"
regex = "("
[[metrics.patterns]]
name = "mine"
field = "a"
unit = "Parsecs"
[[metrics.patterns]]
regex = "x"
[[metrics.patterns]]
name = "mine"
regex = "x"
value = 1
[health]
url = "https://user:secret@localhost/health"
timeout = 5
"#,
        &expect![[r#"
            0.toml:2:13: `metrics.namespace` begins with AWS/, which AWS keeps for itself
              → begin it otherwise
            0.toml:3:10: `metrics.sample` is "0s"
              → write a duration from 1s to 1m: sample = "10s"
            0.toml:4:9: `metrics.flush` is 45s, a period that CloudWatch does not know
              → write "1s", "5s", "10s", "20s", "30s", or whole minutes up to "5m": flush = "60s"
            0.toml:5:11: `metrics.series` holds "Host", which is no dimension of a host
              → write a list of "InstanceId" and "AutoScalingGroupName": series = ["InstanceId", "AutoScalingGroupName"]
            0.toml:6:7: `metrics.on` holds "cpu_usage_iowat", which fits no metric
              → write "cpu_usage_iowait"
            0.toml:7:8: `metrics.off` holds "nothing_like_it_at_all", which fits no metric
              → `starttech-agent check` lists the names; a metric of metrics.patterns ends with its entry
            0.toml:8:14: `metrics.prometheus` is "0.0.0.0:9464": everybody could read it there
              → write a loopback address and port: prometheus = "127.0.0.1:9464"
            0.toml:9:1: `metrics.patterns` holds the pattern "requests": `requests` is a metric of the agent's own: choose another name
              → write a list of patterns: patterns = [{ name = "logins", regex = '"path":"/auth/login".*"status":200' }]
            0.toml:12:1: `metrics.patterns` holds the pattern "(": unclosed group
              → see https://docs.rs/regex/latest/regex/#syntax
            0.toml:15:1: `metrics.patterns` holds the pattern "mine" with the unit "Parsecs"
              → write one of Seconds, Microseconds, Milliseconds, Bytes, Kilobytes, Megabytes, Gigabytes, Terabytes, Bits, Kilobits, Megabits, Gigabits, Terabits, Percent, Count, Bytes/Second, Kilobytes/Second, Megabytes/Second, Gigabytes/Second, Terabytes/Second, Bits/Second, Kilobits/Second, Megabits/Second, Gigabits/Second, Terabits/Second, Count/Second, None
            0.toml:19:1: `metrics.patterns` holds a pattern without a `name`
              → write a list of patterns: patterns = [{ name = "logins", regex = '"path":"/auth/login".*"status":200' }]
            0.toml:24:9: `metrics.patterns.value` is an integer
              → write a list of patterns: patterns = [{ name = "logins", regex = '"path":"/auth/login".*"status":200' }]
            0.toml:26:7: `health.url` is https, but the service is asked on this host, where its port speaks http
              → write http://127.0.0.1:8080/health
            0.toml:27:11: `health.timeout` is 5 without a unit
              → write "5s" or "5ms""#]],
    );
}
