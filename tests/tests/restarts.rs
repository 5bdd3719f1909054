//! Containers as metrics: those that die and come back, are removed, are deployed anew, or are nobody's
//! business.

use harness::agent::{Agent, Options};
use harness::docker::{Dockerd, IDLE, Run};
use harness::endpoint::{Datum, Endpoint};
use harness::series::{Series, assert_once_a_period, now_ms};
use harness::stream::STOP;

fn of<'e>(endpoint: &'e Endpoint, metric: &str, container: &str) -> Series<'e> {
    endpoint.of_host(metric).of("ContainerName", container)
}

/// Waits until a whole period has arrived in which it was up, and that began then or later.
fn await_up(series: &Series<'_>, agent: &mut Agent, since: i64) {
    let is_up = |datum: &Datum| datum.timestamp_ms >= since && datum.min() >= 1.0;
    series.await_any(agent, "up", is_up);
}

#[test]
fn deaths_and_restarts_are_told_of_those_that_are_measured() {
    let (endpoint, docker) = (Endpoint::start(), Dockerd::start());
    let config = "[metrics]\nexclude = [\"noise\"]\non = [\"container_pids\"]\n";
    let mut agent = Agent::start(Options::measuring(&endpoint).with_docker(&docker).with_more_config(config));
    // Its first life ends when it is told to, its second at once; the third is left alone.
    let lives = format!(
        "n=$(cat /tmp/n 2>/dev/null || echo 0); echo $((n+1)) >/tmp/n; \
         if [ $n = 0 ]; then while [ ! -e /tmp/fail ]; do sleep 0.2; done; sleep 1; exit 1; fi; \
         if [ $n = 1 ]; then exit 1; fi; {IDLE}"
    );
    let arguments = &["--restart=on-failure:9"];
    let api = docker.run(&Run { name: "api", script: &lives, arguments, ..Run::default() });
    let labels = &["starttech.metrics=false"];
    let silent = docker.run(&Run { name: "silent", script: IDLE, labels, arguments, ..Run::default() });
    let noise = docker.run(&Run { name: "noise", script: IDLE, arguments, ..Run::default() });
    let web = docker.run(&Run { name: "web", script: IDLE, arguments, ..Run::default() });

    let (up, restarts) = (of(&endpoint, "container_up", "api"), of(&endpoint, "container_restarts", "api"));
    let web_up = of(&endpoint, "container_up", "web");
    await_up(&up, &mut agent, 0);
    await_up(&web_up, &mut agent, 0);
    api.exec(": >/tmp/fail");
    for container in [&silent, &noise] {
        container.kill();
    }
    restarts.await_sum(&mut agent, 2.0);
    let by_policy = now_ms();
    await_up(&up, &mut agent, by_policy);
    api.restart(5);
    restarts.await_sum(&mut agent, 3.0);
    await_up(&up, &mut agent, now_ms());
    of(&endpoint, "container_pids", "api").await_periods(&mut agent, 1);
    of(&endpoint, "container_mem_used_percent", "api").await_periods(&mut agent, 1);
    of(&endpoint, "container_cpu_percent", "api").await_periods(&mut agent, 1);

    // Deployed anew: another container of the same name.
    web.rm();
    let redeployed = docker.run(&Run { name: "web", script: IDLE, arguments, ..Run::default() });
    await_up(&web_up, &mut agent, now_ms());

    api.rm();
    let removed = now_ms();
    let alive = |datum: &Datum| datum.timestamp_ms >= removed + 2_000;
    endpoint.of_host("agent_up").await_any(&mut agent, "seconds later", alive);
    agent.stop(STOP);

    assert_eq!((restarts.sum(), up.min(), up.max()), (3.0, 0.0, 1.0));
    let downs = up.datums().into_iter().filter(|datum| datum.min() < 1.0);
    let (policy, hand): (Vec<_>, Vec<_>) = downs.partition(|datum| datum.timestamp_ms <= by_policy);
    assert!(!policy.is_empty() && !hand.is_empty(), "down by itself {policy:?}, by hand {hand:?}");
    let last = up.times().last().copied().unwrap();
    assert!(last <= removed + 1_000, "the last of it is {} ms after its end", last - removed);
    let again = of(&endpoint, "container_restarts", "web");
    assert_eq!((again.min(), again.max()), (0.0, 0.0), "a deployment is no restart");

    let series = endpoint.metric_series();
    assert_eq!(series.keys().filter(|series| series.contains("/container_up{")).count(), 4, "{series:?}");
    for unwanted in ["silent", "noise", api.short_id(), web.short_id(), redeployed.short_id()] {
        assert!(!series.keys().any(|series| series.contains(unwanted)), "{unwanted}: {series:?}");
    }
    let of_group = endpoint.of_group("container_restarts").of("ContainerName", "api");
    assert_eq!((of_group.sum(), of_group.max()), (restarts.sum(), restarts.max()));
    assert_once_a_period(&endpoint.metrics());
    endpoint.assert_no_breach();
}

/// Docker may tell that it runs when it does no more.
#[test]
fn what_dies_at_once_is_not_up() {
    const CONTAINERS: usize = 5;
    let (endpoint, docker) = (Endpoint::start(), Dockerd::start());
    let mut agent = Agent::start(Options::measuring(&endpoint).with_docker(&docker));
    let names: Vec<String> = (0..CONTAINERS).map(|number| format!("brief-{number}")).collect();
    for name in &names {
        docker.run_script(name, "exit 1");
    }
    let last = now_ms();
    endpoint.of_host("agent_up").await_any(&mut agent, "later", |datum| datum.timestamp_ms >= last + 2_000);
    agent.stop(STOP);
    for name in &names {
        let up = of(&endpoint, "container_up", name).datums();
        let late: Vec<_> = up.iter().filter(|datum| datum.timestamp_ms >= last + 1_000).collect();
        assert!(!late.is_empty() && late.iter().all(|datum| datum.max() == 0.0), "{name}: {up:#?}");
    }
    endpoint.assert_no_breach();
}
