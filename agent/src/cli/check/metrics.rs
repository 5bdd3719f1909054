//! What is measured on this host, how many custom metrics that makes, and what they cost.
//!
//! It looks as the daemon does: what this host does not have, such as swap, costs nothing.

use std::collections::BTreeMap;
use std::time::Duration;

use tokio::time::error::Elapsed;
use tokio::time::timeout;

use super::Finding;
use crate::config::Config;
use crate::docker::{DockerError, Engine};
use crate::host::Host;
use crate::logs::pattern::Pattern;
use crate::logs::route::{METRICS_OPT_OUT_LABEL, is_wanted};
use crate::metrics::name::{self, ALL};
use crate::metrics::{Metric, Readings};
use crate::probe::Probe;
use crate::telemetry::chain;

const WHAT: &str = "metrics";

/// For all of Docker's answers.
const DOCKER: Duration = Duration::from_secs(10);

/// Dollars a custom metric and month, of the first 10,000 of an account, in eu-west-1 and most regions.
/// <https://aws.amazon.com/cloudwatch/pricing/>
const PRICE: f64 = 0.30;

/// Dollars a call of `PutMetricData`, from the same page.
const CALL_PRICE: f64 = 0.01 / 1_000.0;

/// Seconds a month, as that page counts: 730 hours.
const MONTH: f64 = 730.0 * 3_600.0;

/// Datums in one call.
/// <https://docs.aws.amazon.com/AmazonCloudWatch/latest/APIReference/API_PutMetricData.html>
const DATUMS: usize = 1_000;

/// Names of containers, and how many of these have a network of their own.
type Containers = (Vec<String>, usize);

/// What there is to measure here.
struct Things {
    /// The values of each dimension: mount points, containers, dependencies. Containers are missing where
    /// nobody can tell which there are.
    of: BTreeMap<&'static str, Vec<String>>,
    /// Containers with a network of their own.
    networks: usize,
    has_swap: bool,
    has_inodes: bool,
    has_health: bool,
}

/// What is measured, and what that costs. `in_group`: whether this host is in an Auto Scaling group.
pub(super) async fn findings(config: &Config, in_group: impl Future<Output = bool>) -> Vec<Finding> {
    if !config.metrics.enabled {
        return vec![Finding::good(WHAT, "off, as configured (metrics.enabled)")];
    }
    let mut readings = Readings::default();
    Host::new().sample(&mut readings).await;
    let mut found = Vec::new();
    if let Some(url) = &config.health.url {
        found.push(
            health(url.to_string(), Probe::new(url.clone(), config.health.timeout), &mut readings).await,
        );
    }
    found.extend(readings.faults.iter().map(|fault| {
        Finding::unsure(
            WHAT,
            format!("cannot be read: {fault}"),
            "that is a gap in the metrics, nothing else",
        )
    }));
    let mut things = things(config, &readings);
    match named(timeout(DOCKER, containers(config)).await) {
        Ok((names, networks)) => {
            things.of.insert(name::CONTAINER, names);
            things.networks = networks;
        }
        Err(not_counted) => found.push(not_counted),
    }
    found.extend(count(config, &things, in_group.await));
    found
}

/// The containers' names, or that nobody knows them.
fn named(asked: Result<Result<Containers, DockerError>, Elapsed>) -> Result<Containers, Finding> {
    let why = match asked {
        Ok(Ok(containers)) => return Ok(containers),
        Ok(Err(error)) => chain(&error),
        Err(_) => format!("Docker does not answer within {} s", DOCKER.as_secs()),
    };
    let mend = "each adds its metrics to the number below: check again when Docker runs";
    Err(Finding::unsure(WHAT, format!("containers are not counted: {why}"), mend))
}

async fn health(url: String, mut probe: Probe, readings: &mut Readings) -> Finding {
    probe.sample(readings).await;
    let up = readings
        .values
        .iter()
        .any(|reading| reading.metric.name == name::HEALTH_UP.name && reading.value > 0.0);
    let said = probe.last().map(ToString::to_string).unwrap_or_default();
    if up {
        Finding::good("health check", format!("{url} answers {said}"))
    } else {
        Finding::unsure(
            "health check",
            format!("{url}: {said}"),
            "is the backend running, and is its port published to this host? docker ps\n\
             where there is none to ask: health.url = \"\" in agent.toml",
        )
    }
}

fn things(config: &Config, readings: &Readings) -> Things {
    let of = |metric: &Metric| -> Vec<String> {
        let readings = readings.values.iter().filter(|reading| reading.metric.name == metric.name);
        readings.filter_map(|reading| reading.of.clone()).collect()
    };
    let has = |metric: &Metric| readings.values.iter().any(|reading| reading.metric.name == metric.name);
    Things {
        of: BTreeMap::from([
            (name::PATH, of(&name::DISK_USED_PERCENT)),
            (name::DEPENDENCY, of(&name::HEALTH_DEPENDENCY_UP)),
        ]),
        networks: 0,
        has_swap: has(&name::SWAP_USED_PERCENT),
        has_inodes: has(&name::DISK_INODES_USED_PERCENT),
        has_health: config.health.url.is_some(),
    }
}

/// Those that are measured, not the jobs that are done, and not what goes away meanwhile; and how many of
/// them have a network of their own.
async fn containers(config: &Config) -> Result<Containers, DockerError> {
    let engine = Engine::connect(&config.docker.socket).await?;
    let (mut names, mut networks) = (Vec::new(), 0);
    for (id, _) in engine.list().await? {
        let container = match engine.inspect(&id).await {
            Ok(found) => found.container,
            Err(error) if error.is_gone() => continue,
            Err(error) => return Err(error),
        };
        let [include, exclude] = [&config.metrics.include, &config.metrics.exclude];
        if is_wanted(&container, include, exclude, METRICS_OPT_OUT_LABEL)
            && let Some(state) = engine.state(&id).await?
            && !state.is_done()
        {
            names.push(container.name);
            networks += usize::from(state.has_network);
        }
    }
    names.sort();
    Ok((names, networks))
}

/// How many metrics these things make, and which.
fn count(config: &Config, things: &Things, in_group: bool) -> Vec<Finding> {
    let selection = &config.metrics.selection;
    let (sent, not_sent): (Vec<&Metric>, Vec<&Metric>) = ALL
        .iter()
        .copied()
        .filter(|metric| things.have(metric))
        .chain(own(&config.metrics.patterns))
        .partition(|metric| selection.sends(metric));
    let metrics: usize = sent.iter().map(|metric| things.times(metric)).sum();
    let series = &config.metrics.series;
    // Without a group there would be nothing: the agent sends the host's own instead.
    let falls_back = series.group && !series.instance && !in_group;
    let mine = usize::from(series.instance || falls_back) * metrics;
    let shared = usize::from(series.group && in_group) * metrics;
    let group = match (series.group, in_group) {
        (true, true) => format!(
            ", and {shared} that it shares with its Auto Scaling group (${:.2} for all its hosts together)",
            dollars(shared)
        ),
        (true, false) => "; it is in no Auto Scaling group, or cannot tell".to_owned(),
        (false, _) => String::new(),
    };
    let detail = format!(
        "{mine} custom metrics of this host's own (${:.2} a month at list price){group}; \
         metrics.off and metrics.series make them fewer",
        dollars(mine)
    );
    let named = |metrics: &[&Metric]| -> String {
        let names = metrics.iter().map(|metric| match things.times(metric) {
            _ if is_own(metric) => format!("{} (metrics.patterns)", metric.name),
            1 if metric.dimension.is_none() => metric.name.to_owned(),
            times => format!("{} × {times}", metric.name),
        });
        names.collect::<Vec<_>>().join(", ")
    };
    let mut found = vec![Finding::good(WHAT, detail)];
    if falls_back {
        found.push(Finding::unsure(
            WHAT,
            "metrics.series holds AutoScalingGroupName alone, but this host is in no Auto Scaling group, or cannot \
             tell: until it is in one, its metrics are sent under InstanceId, and counted so here",
            "set host.auto_scaling_group, or metrics.series = [\"InstanceId\"]",
        ));
    }
    found.extend(calls(config.metrics.flush, mine + shared));
    found.push(Finding::good("metrics sent", named(&sent)));
    if !not_sent.is_empty() {
        let detail = format!("{}; metrics.on sends them if metrics.off does not hold them", named(&not_sent));
        found.push(Finding::good("metrics not sent", detail));
    }
    found
}

/// What the calls cost where they are many: at one a minute they cost less than two metrics.
fn calls(flush: Duration, datums: usize) -> Option<Finding> {
    (flush < Duration::from_mins(1)).then(|| {
        #[expect(clippy::cast_precision_loss, reason = "few")]
        let calls = MONTH / flush.as_secs_f64() * datums.div_ceil(DATUMS) as f64;
        Finding::good(
            "metrics calls",
            format!(
                "{calls:.0} calls of PutMetricData a month (${:.2} at list price, $0.01 per 1,000), \
                 for metrics.flush is {flush:?}",
                calls * CALL_PRICE
            ),
        )
    })
}

/// The metrics of the operator's patterns, of which several may have one.
fn own(patterns: &[Pattern]) -> Vec<&'static Metric> {
    let mut metrics: Vec<&Metric> = Vec::new();
    for metric in patterns.iter().map(Pattern::metric) {
        // The unit is none of what tells metrics apart.
        let is_same = |known: &&Metric| (known.name, known.dimension) == (metric.name, metric.dimension);
        if !metrics.iter().any(is_same) {
            metrics.push(metric);
        }
    }
    metrics
}

fn is_own(metric: &Metric) -> bool {
    ALL.iter().all(|known| known.name != metric.name)
}

#[expect(clippy::cast_precision_loss, reason = "hundreds")]
fn dollars(metrics: usize) -> f64 {
    metrics as f64 * PRICE
}

impl Things {
    fn have(&self, metric: &Metric) -> bool {
        match metric.name {
            name if name == name::SWAP_USED_PERCENT.name => self.has_swap,
            name if name == name::DISK_INODES_USED_PERCENT.name => self.has_inodes,
            name if name.starts_with("health_") && name != name::HEALTH_CHECKS.name => self.has_health,
            _ => metric.dimension.is_none_or(|dimension| self.of.contains_key(dimension)),
        }
    }

    /// Of how many things it is. A pattern's dimension has as many values as lines say: one at least.
    fn times(&self, metric: &Metric) -> usize {
        if [name::CONTAINER_NET_BYTES_SENT.name, name::CONTAINER_NET_BYTES_RECV.name].contains(&metric.name) {
            return self.networks;
        }
        match metric.dimension {
            Some(dimension) if !is_own(metric) => self.of.get(dimension).map_or(0, Vec::len),
            _ => 1,
        }
    }
}

#[cfg(test)]
mod tests {
    use globset::{Glob, GlobSet, GlobSetBuilder};
    use regex::Regex;
    use tokio::io::{AsyncReadExt, AsyncWriteExt};
    use tokio::net::UnixListener;

    use super::super::Verdict;
    use super::*;

    fn things() -> Things {
        let of =
            [(name::PATH, &["/"][..]), (name::CONTAINER, &["api", "proxy"]), (name::DEPENDENCY, &["db"])];
        Things {
            of: of.map(|(name, of)| (name, of.iter().map(|&of| of.to_owned()).collect())).into(),
            networks: 1,
            has_swap: false,
            has_inodes: true,
            has_health: true,
        }
    }

    #[test]
    fn what_is_counted_is_what_is_sent() {
        let config = Config::defaults().unwrap();
        let found = count(&config, &things(), true);
        // Of the host, health, lines and the agent; 2 of its disk, 4 of each container, 2 of the one with a network,
        // 1 of what the health check depends on.
        let once = ALL.iter().filter(|m| m.by_default && m.dimension.is_none()).count() - 1;
        let metrics = once + 2 + 4 * 2 + 2 + 1;
        assert!(found[0].detail.starts_with(&format!("{metrics} custom metrics")), "{}", found[0].detail);
        assert!(
            found[0].detail.contains(&format!("(${:.2} a month", dollars(metrics))),
            "{}",
            found[0].detail
        );
        assert!(found[0].detail.contains(&format!("and {metrics} that it shares")), "{}", found[0].detail);
        assert!(found[1].detail.contains("container_up × 2"), "{}", found[1].detail);
        assert!(!found[1].detail.contains("swap"), "{}", found[1].detail);
        assert!(found[2].detail.contains("cpu_usage_iowait"), "{}", found[2].detail);
        let alone = count(&config, &things(), false);
        assert!(alone[0].detail.contains("no Auto Scaling group"), "{}", alone[0].detail);
        assert!(alone.iter().all(|finding| finding.verdict == Verdict::Good), "{alone:?}");
    }

    fn first_number(found: &[Finding]) -> usize {
        found[0].detail.split(' ').next().unwrap().parse().unwrap()
    }

    fn set(globs: &[&str]) -> GlobSet {
        let mut set = GlobSetBuilder::new();
        for glob in globs {
            set.add(Glob::new(glob).unwrap());
        }
        set.build().unwrap()
    }

    #[test]
    fn metrics_of_patterns_count_once_and_only_if_they_are_sent() {
        let mut config = Config::defaults().unwrap();
        let before = first_number(&count(&config, &things(), true));
        let pattern = |name: &str, regex: &str, dimension| {
            Pattern::new(name, Some(Regex::new(regex).unwrap()), None, "Count", dimension).unwrap()
        };
        config.metrics.patterns = vec![
            pattern("check_orders", "order", None),
            pattern("check_orders", "ordre", None),
            pattern("check_users", "user (?<who>.)", Some("who")),
            pattern("check_secret", "x", None),
        ];
        config.metrics.selection.off = set(&["check_s*"]);
        let found = count(&config, &things(), true);
        assert_eq!(first_number(&found), before + 2);
        assert_eq!(found[1].detail.matches("check_orders (metrics.patterns)").count(), 1, "{found:?}");
        assert!(!found[1].detail.contains("check_secret"), "{found:?}");
        assert!(found[2].detail.contains("check_secret"), "{found:?}");
    }

    #[test]
    fn without_a_group_its_series_falls_back_and_that_is_said() {
        let mut config = Config::defaults().unwrap();
        let both = first_number(&count(&config, &things(), true));
        config.metrics.series.instance = false;
        assert_eq!(first_number(&count(&config, &things(), true)), 0);
        let alone = count(&config, &things(), false);
        assert_eq!(first_number(&alone), both);
        assert_eq!(alone[1].verdict, Verdict::Unsure);
        assert!(alone[1].detail.contains("are sent under InstanceId"), "{alone:?}");
    }

    #[test]
    fn many_calls_have_a_price() {
        let mut config = Config::defaults().unwrap();
        let call_price = |config: &Config| {
            let found = count(config, &things(), true);
            found.into_iter().find(|finding| finding.what == "metrics calls").map(|finding| finding.detail)
        };
        assert_eq!(call_price(&config), None);
        config.metrics.flush = Duration::from_secs(1);
        let said = call_price(&config).unwrap();
        assert!(said.starts_with("2628000 calls of PutMetricData a month ($26.28 at"), "{said}");
        let many = calls(Duration::from_secs(30), DATUMS + 1).unwrap().detail;
        assert!(many.starts_with("175200 calls of PutMetricData a month ($1.75 at"), "{many}");
    }

    #[tokio::test]
    async fn containers_that_nobody_can_list_are_said_not_to_be_counted() {
        let nothing = tempfile::tempdir().unwrap();
        let mut config = Config::defaults().unwrap();
        config.docker.socket = nothing.path().join("docker.sock");
        config.health.url = None;
        let found = findings(&config, std::future::ready(true)).await;
        let said = found.iter().find(|finding| finding.detail.starts_with("containers are not counted: "));
        assert_eq!(said.map(|finding| finding.verdict), Some(Verdict::Unsure), "{found:?}");
        assert!(!found.iter().any(|finding| finding.detail.contains("container_up")), "{found:?}");
        let late = timeout(Duration::ZERO, std::future::pending()).await;
        let late = named(late).unwrap_err().detail;
        assert_eq!(late, "containers are not counted: Docker does not answer within 10 s");
    }

    /// Docker's answer to a question for this path.
    fn docker(path: &str) -> (u16, String) {
        // Bollard puts the version of the API before it.
        let path = path.find("/containers/").and_then(|at| path.get(at..)).unwrap_or(path);
        let id = path.strip_prefix("/containers/").and_then(|rest| rest.strip_suffix("/json"));
        let (state, policy) = match id {
            None if path.starts_with("/containers/json") => {
                let ids = ["api", "job", "crashed", "kept", "gone"].map(|id| format!(r#"{{"Id":"{id}"}}"#));
                return (200, format!("[{}]", ids.join(",")));
            }
            None => return (200, r#"{"ApiVersion":"1.47","Version":"27.0.0"}"#.to_owned()),
            Some("gone") => return (404, r#"{"message":"No such container: gone"}"#.to_owned()),
            Some("api") => (r#""Running":true,"Pid":7,"ExitCode":0"#, "no"),
            Some("crashed") => (r#""Running":false,"Pid":0,"ExitCode":1"#, "no"),
            Some("kept") => (r#""Running":false,"Pid":0,"ExitCode":0"#, "always"),
            Some(_) => (r#""Running":false,"Pid":0,"ExitCode":0"#, "no"),
        };
        let name = id.unwrap_or_default();
        let policy = format!(r#"{{"RestartPolicy":{{"Name":"{policy}"}}}}"#);
        (200, format!(r#"{{"Id":"{name}","Name":"/{name}","State":{{{state}}},"HostConfig":{policy}}}"#))
    }

    #[tokio::test]
    async fn jobs_that_are_done_are_not_counted() {
        let directory = tempfile::tempdir().unwrap();
        let mut config = Config::defaults().unwrap();
        config.docker.socket = directory.path().join("docker.sock");
        let listener = UnixListener::bind(&config.docker.socket).unwrap();
        let serve = async {
            loop {
                let (mut stream, _) = listener.accept().await.unwrap();
                let mut request = Vec::new();
                while !request.ends_with(b"\r\n\r\n") {
                    request.push(stream.read_u8().await.unwrap());
                }
                let request = String::from_utf8(request).unwrap();
                let (status, body) = docker(request.split(' ').nth(1).unwrap());
                let answer = format!(
                    "HTTP/1.1 {status} Any\r\nConnection: close\r\nContent-Type: application/json\r\n\
                     Content-Length: {}\r\n\r\n{body}",
                    body.len()
                );
                stream.write_all(answer.as_bytes()).await.unwrap();
            }
        };
        let names = tokio::select! {
            () = serve => unreachable!(),
            names = containers(&config) => names.unwrap(),
        };
        assert_eq!(names.0, ["api", "crashed", "kept"]);
    }
}
