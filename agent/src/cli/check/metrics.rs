//! What is measured on this host, how many custom metrics that makes, and what they cost.
//!
//! It looks as the daemon does: what this host does not have, such as swap, costs nothing.

use std::collections::BTreeMap;
use std::time::Duration;

use super::Finding;
use crate::config::Config;
use crate::docker::{DockerError, Engine};
use crate::host::Host;
use crate::logs::pattern::Pattern;
use crate::logs::route::{METRICS_OPT_OUT_LABEL, is_wanted};
use crate::metrics::name::{self, ALL};
use crate::metrics::{Metric, Readings};
use crate::probe::Probe;

const WHAT: &str = "metrics";

/// For all of Docker's answers.
const DOCKER: Duration = Duration::from_secs(10);

/// Dollars a custom metric and month, of the first 10,000 of an account, in eu-west-1 and most regions.
/// <https://aws.amazon.com/cloudwatch/pricing/>
const PRICE: f64 = 0.30;

/// What there is to measure here.
struct Things {
    /// The values of each dimension: mount points, containers, dependencies.
    of: BTreeMap<&'static str, Vec<String>>,
    /// Containers with a network of their own.
    networks: usize,
    has_swap: bool,
    has_inodes: bool,
    has_health: bool,
}

/// What is measured, and what that costs. `in_group`: whether this host is in an Auto Scaling group.
pub(super) async fn findings(config: &Config, in_group: bool) -> Vec<Finding> {
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
    let asked = tokio::time::timeout(DOCKER, containers(config)).await;
    if let Ok(Ok((names, networks))) = asked {
        things.of.insert(name::CONTAINER, names);
        things.networks = networks;
    }
    found.extend(count(config, &things, in_group));
    found
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

/// The names of those that are measured, and how many of them have a network of their own.
async fn containers(config: &Config) -> Result<(Vec<String>, usize), DockerError> {
    let engine = Engine::connect(&config.docker.socket).await?;
    let (mut names, mut networks) = (Vec::new(), 0);
    for id in engine.list().await? {
        let container = engine.inspect(&id).await?.container;
        if !is_wanted(&container, &config.metrics.include, &config.metrics.exclude, METRICS_OPT_OUT_LABEL) {
            continue;
        }
        if let Some(state) = engine.state(&id).await?
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
    let (sent, not_sent): (Vec<&Metric>, Vec<&Metric>) =
        ALL.iter().copied().filter(|metric| things.have(metric)).partition(|metric| selection.sends(metric));
    let own = config.metrics.patterns.iter().map(Pattern::metric);
    let mut metrics: usize = sent.iter().map(|metric| things.times(metric)).sum();
    // A pattern's dimension has as many values as lines say: one at least.
    metrics += own.clone().count();
    let series = &config.metrics.series;
    let (mine, shared) =
        (usize::from(series.instance) * metrics, usize::from(series.group && in_group) * metrics);
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
            1 if metric.dimension.is_none() => metric.name.to_owned(),
            times => format!("{} × {times}", metric.name),
        });
        names.collect::<Vec<_>>().join(", ")
    };
    let mut listed = named(&sent);
    for metric in own {
        listed = listed + ", " + metric.name + " (metrics.patterns)";
    }
    let mut found = vec![Finding::good(WHAT, detail), Finding::good("metrics sent", listed)];
    if !not_sent.is_empty() {
        found.push(Finding::good("metrics not sent", format!("{}; metrics.on sends them", named(&not_sent))));
    }
    found
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
            _ => true,
        }
    }

    /// Of how many things it is.
    fn times(&self, metric: &Metric) -> usize {
        if metric.name == name::CONTAINER_NET_BYTES_SENT.name
            || metric.name == name::CONTAINER_NET_BYTES_RECV.name
        {
            return self.networks;
        }
        metric.dimension.map_or(1, |dimension| self.of.get(dimension).map_or(0, Vec::len))
    }
}

#[cfg(test)]
mod tests {
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
    }
}
