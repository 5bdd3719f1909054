//! Every metric there is, written once: collectors, alarms, the dashboard and the documents take
//! names, units and dimensions from here.
//!
//! Where the `CloudWatch` agent has the same metric, name and meaning are its own, so that existing
//! widgets keep working:
//! <https://docs.aws.amazon.com/AmazonCloudWatch/latest/monitoring/metrics-collected-by-CloudWatch-agent.html>.

use std::sync::{Mutex, PoisonError};

use super::Kind::{Count, Distribution, Gauge};
use super::{Kind, Metric};

/// The units that `CloudWatch` knows.
/// <https://docs.aws.amazon.com/AmazonCloudWatch/latest/APIReference/API_MetricDatum.html>
pub const UNITS: [&str; 27] = [
    "Seconds",
    "Microseconds",
    "Milliseconds",
    "Bytes",
    "Kilobytes",
    "Megabytes",
    "Gigabytes",
    "Terabytes",
    "Bits",
    "Kilobits",
    "Megabits",
    "Gigabits",
    "Terabits",
    "Percent",
    "Count",
    "Bytes/Second",
    "Kilobytes/Second",
    "Megabytes/Second",
    "Gigabytes/Second",
    "Terabytes/Second",
    "Bits/Second",
    "Kilobits/Second",
    "Megabits/Second",
    "Gigabits/Second",
    "Terabits/Second",
    "Count/Second",
    "None",
];

/// The dimension of a host's own series.
pub const INSTANCE_ID: &str = "InstanceId";
/// The dimension of the series that a host shares with its group.
pub const AUTO_SCALING_GROUP: &str = "AutoScalingGroupName";
/// The dimension of a container's metrics: its name, never its id, for each new id would be a new
/// metric to pay for.
pub const CONTAINER: &str = "ContainerName";
/// The dimension of a file system: where it is mounted.
pub const PATH: &str = "path";
/// The dimension of what a health check depends on.
pub const DEPENDENCY: &str = "Dependency";

/// One that is sent unless the operator says otherwise.
const fn metric(
    name: &'static str,
    unit: &'static str,
    kind: Kind,
    dimension: Option<&'static str>,
    help: &'static str,
) -> Metric {
    Metric { name, unit, kind, dimension, by_default: true, help }
}

/// One that nothing of the platform needs: measured, shown locally, sent only if asked for.
const fn extra(
    name: &'static str,
    unit: &'static str,
    kind: Kind,
    dimension: Option<&'static str>,
    help: &'static str,
) -> Metric {
    Metric { name, unit, kind, dimension, by_default: false, help }
}

macro_rules! metrics {
    ($($name:ident = $metric:expr;)*) => {
        $(#[expect(missing_docs, reason = "its help says it")] pub static $name: Metric = $metric;)*
        /// All of them, in the order they are shown.
        pub static ALL: &[&Metric] = &[$(&$name),*];
    };
}

metrics! {
    CPU_USAGE_ACTIVE = metric("cpu_usage_active", "Percent", Gauge, None,
        "All time that the processors were not idle, waiting for disks and stolen time included");
    CPU_USAGE_STEAL = metric("cpu_usage_steal", "Percent", Gauge, None,
        "Time that the hypervisor gave to others: a t2 without CPU credits shows it");
    CPU_USAGE_IOWAIT = extra("cpu_usage_iowait", "Percent", Gauge, None,
        "Time that the processors had nothing to do but wait for disks");
    SYSTEM_LOAD1 = extra("system_load1", "None", Gauge, None,
        "Processes that ran or waited, over the last minute");
    MEM_USED_PERCENT = metric("mem_used_percent", "Percent", Gauge, None,
        "Memory that the kernel could not hand out: all but MemAvailable");
    SWAP_USED_PERCENT = metric("swap_used_percent", "Percent", Gauge, None,
        "Swap in use; none where the host has no swap");
    DISK_USED_PERCENT = metric("disk_used_percent", "Percent", Gauge, Some(PATH),
        "Of the space that programs other than root's may use, as df shows it");
    DISK_INODES_USED_PERCENT = metric("disk_inodes_used_percent", "Percent", Gauge, Some(PATH),
        "Inodes in use; none where the file system has no limit of them");
    NET_BYTES_SENT = metric("net_bytes_sent", "Bytes", Count, None,
        "Sent on all network cards; bridges, veth pairs and loopback are not cards");
    NET_BYTES_RECV = metric("net_bytes_recv", "Bytes", Count, None,
        "Received on all network cards");

    CONTAINER_UP = metric("container_up", "None", Gauge, Some(CONTAINER),
        "1 while it runs, 0 while it exists and does not; none for a job that is done: ended with 0, no restart policy");
    CONTAINER_RESTARTS = metric("container_restarts", "Count", Count, Some(CONTAINER),
        "How often it was started again");
    CONTAINER_CPU_PERCENT = metric("container_cpu_percent", "Percent", Gauge, Some(CONTAINER),
        "Of one processor, as docker stats shows it: two busy ones are 200");
    CONTAINER_MEM_USED_PERCENT = metric("container_mem_used_percent", "Percent", Gauge, Some(CONTAINER),
        "Of its limit, or of the host's memory, without page cache, as docker stats shows it");
    CONTAINER_MEM_USED_BYTES = extra("container_mem_used_bytes", "Bytes", Gauge, Some(CONTAINER),
        "Without page cache, as docker stats shows it");
    CONTAINER_NET_BYTES_SENT = metric("container_net_bytes_sent", "Bytes", Count, Some(CONTAINER),
        "Sent on the container's own network; none on the host's");
    CONTAINER_NET_BYTES_RECV = metric("container_net_bytes_recv", "Bytes", Count, Some(CONTAINER),
        "Received on the container's own network");
    CONTAINER_BLKIO_READ_BYTES = extra("container_blkio_read_bytes", "Bytes", Count, Some(CONTAINER),
        "Read from block devices");
    CONTAINER_BLKIO_WRITE_BYTES = extra("container_blkio_write_bytes", "Bytes", Count, Some(CONTAINER),
        "Written to block devices");
    CONTAINER_PIDS = extra("container_pids", "Count", Gauge, Some(CONTAINER),
        "Its processes and threads");

    HEALTH_UP = metric("health_up", "None", Gauge, None,
        "1 if the health check answers 200 in time, as the load balancer wants it, else 0");
    HEALTH_TIME = metric("health_time", "Seconds", Gauge, None,
        "Until the health check's whole answer was there");
    HEALTH_STATUS_CODE = extra("health_status_code", "None", Gauge, None,
        "The HTTP status of the health check");
    HEALTH_DEPENDENCY_UP = metric("health_dependency_up", "None", Gauge, Some(DEPENDENCY),
        "1 or 0 as the health check's body says; none for what is disabled");

    REQUESTS = metric("requests", "Count", Count, None,
        "Access lines, but for those of health checks");
    RESPONSES_4XX = metric("responses_4xx", "Count", Count, None,
        "Of these, answered with a status from 400 to 499");
    RESPONSES_5XX = metric("responses_5xx", "Count", Count, None,
        "Of these, answered with a status from 500 to 599");
    RESPONSE_TIME = metric("response_time", "Seconds", Distribution, None,
        "Of these, how long each took, as its line says");
    HEALTH_CHECKS = extra("health_checks", "Count", Count, None,
        "Access lines of health checks: the load balancer's and the agent's own");
    ERROR_LINES = metric("error_lines", "Count", Count, None,
        "Events that tell of an error by their level or, where that says INFO, by their words; not access lines");
    PANICS = metric("panics", "Count", Count, None,
        "Panics and fatal errors of the runtime, recovered or not");

    AGENT_UP = metric("agent_up", "None", Gauge, None,
        "1 while the agent runs: its absence is the alarm");
    AGENT_EVENTS_SHIPPED = metric("agent_events_shipped", "Count", Count, None,
        "Events that CloudWatch Logs took");
    AGENT_EVENTS_DROPPED = metric("agent_events_dropped", "Count", Count, None,
        "Events lost: too old, too new, refused, or given up because the spool was full");
    AGENT_DELIVERY_LAG = metric("agent_delivery_lag", "Seconds", Gauge, None,
        "The age of the oldest event that waits to be delivered; 0 if none waits");
    AGENT_SPOOL_BYTES = metric("agent_spool_bytes", "Bytes", Gauge, None,
        "What waits on disk");
    AGENT_METRIC_ERRORS = extra("agent_metric_errors", "Count", Count, None,
        "Readings that failed or made no sense, each a gap in a metric");
}

/// Whether it is counted from lines, by the agent or as the operator wants it.
pub fn is_from_lines(metric: &Metric) -> bool {
    let ours =
        [&REQUESTS, &RESPONSES_4XX, &RESPONSES_5XX, &RESPONSE_TIME, &HEALTH_CHECKS, &ERROR_LINES, &PANICS];
    let is = |known: &&Metric| known.name == metric.name;
    ours.iter().any(is) || !ALL.iter().any(is)
}

/// A metric that the operator defined. The same words give the same metric: reading a configuration
/// again takes no more memory.
pub fn custom(name: &str, unit: &'static str, kind: Kind, dimension: Option<&str>) -> &'static Metric {
    static CUSTOM: Mutex<Vec<&'static Metric>> = Mutex::new(Vec::new());
    let mut known = CUSTOM.lock().unwrap_or_else(PoisonError::into_inner);
    let same = |metric: &&&Metric| {
        (metric.name, metric.unit, metric.kind, metric.dimension) == (name, unit, kind, dimension)
    };
    if let Some(metric) = known.iter().find(same) {
        return metric;
    }
    let text = |text: &str| -> &'static str { Box::leak(text.into()) };
    let metric: &'static Metric = Box::leak(Box::new(Metric {
        name: text(name),
        unit,
        kind,
        dimension: dimension.map(text),
        by_default: true,
        help: "From the configuration",
    }));
    known.push(metric);
    metric
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_metric_has_a_name_and_a_unit_that_cloudwatch_knows() {
        let mut names: Vec<_> = ALL.iter().map(|metric| metric.name).collect();
        names.sort_unstable();
        names.dedup();
        assert_eq!(names.len(), ALL.len());
        for metric in ALL {
            assert!(UNITS.contains(&metric.unit), "{metric:?}");
            assert!(metric.name.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'_'), "{metric:?}");
        }
    }

    #[test]
    fn the_documents_list_them_all() {
        let document = include_str!("../../../docs/metrics.md");
        let row = |metric: &&Metric| {
            let sent_as = match metric.kind {
                Gauge => "min, max, sum, count",
                Count => "sum",
                Distribution => "values and counts",
            };
            let (of, sent) =
                (metric.dimension.unwrap_or_default(), if metric.by_default { "yes" } else { "" });
            format!("| `{}` | {} | {sent_as} | {of} | {sent} | {} |", metric.name, metric.unit, metric.help)
        };
        let rows: Vec<String> = ALL.iter().map(row).collect();
        let written: Vec<&str> = document.lines().filter(|line| line.starts_with("| `")).collect();
        assert_eq!(written, rows);
    }

    #[test]
    fn the_same_words_give_the_same_metric() {
        let one = || custom("x", "Count", Count, Some("path"));
        assert!(std::ptr::eq(one(), one()));
        assert!(!std::ptr::eq(one(), custom("x", "Count", Count, None)));
    }
}
