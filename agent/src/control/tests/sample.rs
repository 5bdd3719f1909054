//! Two daemons: one that is well, and one of which much is wrong.

use crate::alerts::silence::Silence;
use crate::control::status::{
    Alerts, Container, Docker, Host, Lines, Metrics, Open, Provision, Read, Service, Status, Trouble, Value,
};

/// 2027-01-15T08:00:00Z
pub(crate) const NOW: i64 = 1_800_000_000_000;

fn container(name: &str, read: Read, driver: &str) -> Container {
    Container {
        id: format!("{:0<64}", name.bytes().fold(String::new(), |id, byte| format!("{id}{byte:02x}"))),
        name: name.to_owned(),
        image: format!("{name}:1.4"),
        driver: driver.to_owned(),
        read,
        group: Some("/starttech/backend".to_owned()),
        stream: Some(format!("i-0123456789abcdef0/{name}/0123456789ab")),
        lines: 12_345,
        events: 12_300,
        dropped_by_rule: 0,
        last_line_ms: Some(NOW - 2_000),
        behind_bytes: Some(0),
        removed: false,
        ..Container::default()
    }
}

fn value(name: &str, of: Option<&str>, value: f64) -> Value {
    Value { name: name.to_owned(), of: of.map(str::to_owned), value, quantiles: None }
}

fn service(kind: &str, host: &str, delivered: u64) -> Service {
    Service {
        kind: kind.to_owned(),
        endpoint: format!("https://{host}.eu-west-1.amazonaws.com"),
        delivered,
        last_delivery_ms: (delivered > 0).then_some(NOW - 3_000),
        spool_max_bytes: 256 << 20,
        ..Service::default()
    }
}

/// All is well.
pub(crate) fn well() -> Status {
    let times = Value { quantiles: Some([0.0031, 0.042, 1.3]), ..value("response_time", None, 61.0) };
    Status {
        version: "0.1.0".to_owned(),
        pid: 812,
        now_ms: NOW,
        started_ms: NOW - 11_500_000,
        memory_bytes: Some(9_100_000),
        host: Host {
            instance_id: "i-0123456789abcdef0".to_owned(),
            instance_id_from: "from the instance metadata service".to_owned(),
            region: "eu-west-1".to_owned(),
            region_from: "from AWS_REGION".to_owned(),
            group: Some("starttech-backend".to_owned()),
            local: None,
            config_file: None,
        },
        docker: Some(Docker { socket: "/var/run/docker.sock".to_owned(), trouble: None }),
        containers: Some(vec![
            container("backend", Read::File, "json-file"),
            Container {
                group: None,
                stream: None,
                lines: 0,
                ..container("redis", Read::LeftOut, "json-file")
            },
        ]),
        lines: Lines { records: 12_345, events: 12_300, shipped: 12_298, ..Lines::default() },
        services: vec![
            service("logs", "logs", 12_298),
            service("metrics", "monitoring", 8_000),
            service("alerts", "sns", 0),
        ],
        metrics: Some(Metrics {
            period_s: 60.0,
            values: vec![
                value("cpu_usage_active", None, 12.4),
                value("mem_used_percent", None, 45.0),
                value("system_load1", None, 0.31),
                value("disk_used_percent", Some("/"), 61.0),
                value("health_up", None, 1.0),
                value("health_time", None, 0.0031),
                value("health_dependency_up", Some("database"), 1.0),
                value("requests", None, 1234.0),
                value("responses_5xx", None, 6.0),
                times,
                value("error_lines", None, 3.0),
                value("container_cpu_percent", Some("backend"), 23.0),
                value("container_mem_used_percent", Some("backend"), 31.0),
            ],
            requests: 100_000,
            responses_5xx: 50,
            error_lines: 7,
        }),
        alerts: Some(Alerts { open: Vec::new(), rules: vec!["container-died".to_owned()] }),
        silences: Vec::new(),
        provision: Some(Provision { done: true, last: None }),
        unanswered: Vec::new(),
    }
}

/// Nearly everything is wrong, and its names are hostile.
pub(crate) fn ill() -> Status {
    let trouble = |at_ms, words: &str| Some(Trouble { at_ms, words: words.to_owned(), mend: None });
    let mut status = well();
    status.docker = Some(Docker {
        socket: "/var/run/docker.sock".to_owned(),
        trouble: trouble(
            NOW - 9_000,
            "cannot connect to /var/run/docker.sock: Connection refused (os error 111)",
        ),
    });
    let hostile = "evil\u{1b}[2J\u{1b}]0;owned\u{7}\nname\u{202e}";
    status.containers = Some(vec![
        container("backend", Read::Unreadable, "json-file"),
        Container {
            behind_bytes: Some(5_300_000),
            dropped_by_rule: 4,
            ..container(hostile, Read::File, "local")
        },
        Container { behind_bytes: None, ..container("old", Read::NotReadable, "syslog") },
    ]);
    status.services[0] = Service {
        failing_since_ms: Some(NOW - 754_000),
        failing_streams: 2,
        last_error: trouble(
            NOW - 4_000,
            "cannot reach CloudWatch Logs (PutLogEvents): dispatch failure: io error: client error (Connect): tcp \
             connect error: Connection refused (os error 111); if this host has no way to the internet, the VPC needs \
             an interface endpoint for com.amazonaws.eu-west-1.logs",
        ),
        last_delivery_ms: Some(NOW - 760_000),
        spool_bytes: 3_400_000,
        spool_batches: 760,
        oldest_ms: Some(NOW - 755_000),
        lost: 17,
        ..service("logs", "logs", 12_298)
    };
    let mend = |service: &mut Service, words: &str| {
        service.last_error.as_mut().unwrap().mend = Some(words.to_owned());
    };
    mend(&mut status.services[0], "the way out is tried by: starttech-agent check");
    status.services[1].failing_since_ms = Some(NOW - 1_000);
    status.services[1].failing_streams = 1;
    status.services[1].lasting = true;
    status.services[1].last_error =
        trouble(NOW - 1_000, "PutMetricData: AccessDeniedException no identity-based policy");
    mend(&mut status.services[1], "allow cloudwatch:PutMetricData to this host's role");
    status.lines.dropped_spool_full = 17;
    for value in &mut status.metrics.as_mut().unwrap().values {
        if value.name.starts_with("health_") {
            value.value = 0.0;
        }
    }
    let open = |rule: &str, words: &str, silenced, ending| Open {
        rule: rule.to_owned(),
        of: "backend".to_owned(),
        words: words.to_owned(),
        run: ["docker logs --tail 100 backend", "journalctl -u docker --since -15min"]
            .map(str::to_owned)
            .to_vec(),
        since_ms: NOW - 600_000,
        again: 2,
        silenced,
        ending,
    };
    status.alerts.as_mut().unwrap().open = vec![
        open("container-died", "backend died (exit 1)", false, false),
        open("disk-full", "the disk at / is 96 % full", true, false),
        open("container-unhealthy", "old is unhealthy", false, true),
    ];
    status.silences = vec![Silence {
        rule: "disk-*".to_owned(),
        since_ns: (NOW - 1000) * 1_000_000,
        until_ns: (NOW + 1_800_000) * 1_000_000,
        reason: Some("resizing".to_owned()),
        by: Some("ada".to_owned()),
    }];
    status.provision = Some(Provision {
        done: false,
        last: trouble(NOW, "not all that is wanted could be made in the account"),
    });
    status.unanswered = vec!["alerts".to_owned()];
    status
}
