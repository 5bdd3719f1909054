//! What a look at N containers costs, by the kernel's files, by Docker's API and by `docker stats`:
//! processor time of the asker and of the daemon together with its containerd and shims.
//!
//! `cargo run --example container_cost -p starttech-agent-tests`

use std::time::Instant;

use bollard::query_parameters::StatsOptionsBuilder;
use bollard::{API_DEFAULT_VERSION, Docker};
use futures_util::StreamExt;
use harness::docker::{Dockerd, IDLE};
use harness::process::cpu_seconds;
use starttech_agent::cgroup::{Group, Network, Presence, Reader};
use starttech_agent::host::Host;
use starttech_agent::metrics::Readings;

fn daemon(docker: &Dockerd) -> f64 {
    docker.processes().into_iter().filter_map(cpu_seconds).sum()
}

fn own() -> f64 {
    cpu_seconds(std::process::id()).expect("we run")
}

/// Seconds of children that were waited for: the docker client.
fn children() -> f64 {
    let stat = std::fs::read_to_string("/proc/self/stat").expect("we run");
    let (_, behind) = stat.rsplit_once(") ").expect("a name");
    let ticks = behind.split(' ').skip(13).take(2).filter_map(|tick| tick.parse::<u32>().ok());
    f64::from(ticks.sum::<u32>()) / 100.0
}

fn tell(what: &str, containers: usize, rounds: u32, asker: f64, daemon: f64, wall: f64) {
    let us = |seconds: f64| seconds * 1e6 / f64::from(rounds);
    println!(
        "{containers:>2} containers, {what:<24} {:>9.0} us asker + {:>9.0} us daemon a look = {:.4} % of a core at 10 s; {:>9.0} us wall",
        us(asker),
        us(daemon),
        us(asker + daemon) / 1e5,
        us(wall),
    );
}

fn main() {
    let docker = Dockerd::start();
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().expect("a runtime");
    let mut reader = Reader::new().expect("/proc");
    let mut ids = Vec::new();
    let rounds = 1_000;
    let mut host = Host::new();
    let (start, before) = (Instant::now(), own());
    runtime.block_on(async {
        for _ in 0..rounds {
            host.sample(&mut Readings::default()).await;
        }
    });
    tell("the host itself", 0, rounds, own() - before, 0.0, start.elapsed().as_secs_f64());
    for containers in [1, 10, 50] {
        while ids.len() < containers {
            ids.push(docker.run_script(&format!("c{}", ids.len()), IDLE).id().to_owned());
        }
        let mut groups: Vec<Group> = ids
            .iter()
            .map(|id| {
                let pid =
                    docker.expect(["inspect", "--format", "{{.State.Pid}}", id]).parse().expect("a pid");
                Group::find(pid, id, Network::Own, &mut reader).expect("it runs")
            })
            .collect();
        let (start, asker, served) = (Instant::now(), own(), daemon(&docker));
        for _ in 0..rounds {
            let mut readings = Readings::default();
            for group in &mut groups {
                let presence = group.sample("c", Instant::now(), &mut reader, &mut readings);
                assert_eq!(presence, Presence::Here);
            }
            assert!(readings.faults.is_empty());
        }
        let wall = start.elapsed().as_secs_f64();
        tell("kernel's files", containers, rounds, own() - asker, daemon(&docker) - served, wall);

        let socket = docker.socket_url();
        let client = Docker::connect_with_unix(&socket, 20, API_DEFAULT_VERSION).expect("a socket");
        let client = runtime.block_on(client.negotiate_version()).expect("an answer");
        let rounds = 10;
        let (start, asker, served) = (Instant::now(), own(), daemon(&docker));
        runtime.block_on(async {
            for _ in 0..rounds {
                // All at a time: dockerd answers each at its next second, not at once.
                let ask = |id| {
                    let once = StatsOptionsBuilder::new().stream(false).one_shot(true).build();
                    let mut answer = client.stats(id, Some(once));
                    async move { answer.next().await.expect("one").expect("an answer") }
                };
                futures_util::future::join_all(ids.iter().map(|id| ask(id))).await;
            }
        });
        let wall = start.elapsed().as_secs_f64();
        tell("one-shot by bollard", containers, rounds, own() - asker, daemon(&docker) - served, wall);

        let rounds = 3;
        let (start, asker, served) = (Instant::now(), children(), daemon(&docker));
        for _ in 0..rounds {
            docker.expect(["stats", "--no-stream"]);
        }
        let wall = start.elapsed().as_secs_f64();
        tell("docker stats", containers, rounds, children() - asker, daemon(&docker) - served, wall);
    }
}
