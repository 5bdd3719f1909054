//! What the agent reads of real containers from the kernel, beside what Docker tells of them.

use std::time::{Duration, Instant};

use harness::docker::{Container, Dockerd, IDLE, Run, Stats};
use harness::wait;
use starttech_agent::cgroup::{Group, Network, Presence, Reader};
use starttech_agent::metrics::Readings;

const LIMIT: Duration = Duration::from_mins(1);
/// Long enough for quotas of a tenth of a second and ticks of a hundredth to be small beside it.
const WINDOW: Duration = Duration::from_secs(5);
const MIB: f64 = 1_048_576.0;

/// A container that is looked at in both ways.
struct Watched<'d> {
    docker: &'d Dockerd,
    container: Container<'d>,
    group: Group,
}

impl<'d> Watched<'d> {
    fn run(docker: &'d Dockerd, reader: &mut Reader, name: &str, script: &str, arguments: &[&str]) -> Self {
        let container = docker.run(&Run { name, script, arguments, ..Run::default() });
        let group = find(&container, reader);
        Self { docker, container, group }
    }

    fn look(&mut self, reader: &mut Reader) -> Readings {
        let mut readings = Readings::default();
        let presence = self.group.sample("x", Instant::now(), reader, &mut readings);
        assert_eq!((presence, readings.faults.len()), (Presence::Here, 0), "{readings:?}");
        readings
    }

    fn stats(&self) -> Stats {
        self.docker.stats(self.container.id())
    }
}

fn find(container: &Container<'_>, reader: &mut Reader) -> Group {
    let pid = container.inspect("{{.State.Pid}}").parse().unwrap();
    Group::find(pid, container.id(), Network::Own, reader).unwrap()
}

fn value(readings: &Readings, metric: &str) -> Option<f64> {
    readings.values.iter().find(|reading| reading.metric.name == metric).map(|reading| reading.value)
}

#[test]
fn containers_use_what_docker_says() {
    let docker = Dockerd::start();
    let reader = &mut Reader::new().unwrap();
    // 16 MiB of its own, and a file that is many times what the limit leaves for page cache.
    let hog = "awk 'BEGIN { s = \"x\"; for (i = 0; i < 24; i++) s = s s; \
         system(\"head -c 200000000 /dev/zero >/tmp/big; cat /tmp/big >/dev/null; echo ready; sleep 100000\") }'";
    let mut burner = Watched::run(&docker, reader, "burner", "while :; do :; done", &["--cpus=0.3"]);
    let mut hog = Watched::run(&docker, reader, "hog", hog, &["--memory=64m"]);
    let mut idle = Watched::run(&docker, reader, "idle", IDLE, &[]);
    wait::until(LIMIT, "the hog to hold its memory", || hog.container.logs().contains("ready"));

    let mut all = [&mut burner, &mut hog, &mut idle];
    // Docker's looks are around ours: what one sees between them the other one sees, but for milliseconds.
    let before = all.each_mut().map(|one| one.stats());
    for one in &mut all {
        let first = one.look(reader);
        assert_eq!(value(&first, "container_cpu_percent"), None);
        assert_eq!(value(&first, "container_blkio_write_bytes"), None);
    }
    let start = Instant::now();
    wait::until(LIMIT, "a window to measure", || start.elapsed() > WINDOW);
    let ours = all.each_mut().map(|one| one.look(reader));
    let after = all.each_mut().map(|one| one.stats());

    for (index, name) in ["burner", "hog", "idle"].into_iter().enumerate() {
        let (ours, after) = (&ours[index], &after[index]);
        let of = |metric: &str| value(ours, metric).unwrap_or_else(|| panic!("{name}: no {metric}"));
        let (cpu, theirs) = (of("container_cpu_percent"), after.cpu_percent(&before[index]));
        eprintln!("{name}: CPU {cpu:.2} % and {theirs:.2} % by Docker");
        assert!((cpu - theirs).abs() <= 5.0, "{name}: {cpu} and {theirs}");

        let (memory, theirs) = (of("container_mem_used_bytes"), after.memory_used());
        let cache = after.number("/memory_stats/usage") - theirs;
        eprintln!("{name}: memory {memory} and {theirs} by Docker, beside {cache} of page cache");
        assert!((memory - theirs).abs() <= (2.0 * MIB).max(theirs * 0.05), "{name}: {memory} and {theirs}");
        let (share, theirs) = (
            of("container_mem_used_percent"),
            after.memory_used() * 100.0 / after.number("/memory_stats/limit"),
        );
        assert!((share - theirs).abs() <= 5.0, "{name}: {share} and {theirs}");
        assert!((of("container_pids") - after.number("/pids_stats/current")).abs() < 0.5, "{name}");
    }
    let of = |index: usize, metric: &str| value(&ours[index], metric).unwrap();
    let burnt = of(0, "container_cpu_percent");
    assert!(burnt > 1.0 && burnt < 40.0, "a quota of 30 %, on a machine that others may use: {burnt}");
    assert!(of(2, "container_cpu_percent") < 5.0, "the idle one");
    let usage = after[1].number("/memory_stats/usage");
    let held = of(1, "container_mem_used_bytes");
    assert!(held >= 16.0 * MIB && usage - held > 4.0 * MIB, "page cache is left out: {held} of {usage}");
    let percent = of(1, "container_mem_used_percent");
    assert!((percent - held * 100.0 / (64.0 * MIB)).abs() < 0.1, "of its limit: {percent}");
}

#[test]
fn what_a_container_writes_and_its_end_are_seen() {
    let docker = Dockerd::start();
    let reader = &mut Reader::new().unwrap();
    let mut one = Watched::run(&docker, reader, "one", IDLE, &[]);
    one.look(reader);
    let before = one.stats();
    one.container.exec("head -c 8388608 /dev/zero >/tmp/file; busybox sync /tmp/file");
    let readings = one.look(reader);
    let after = one.stats();
    let (ours, theirs) =
        (value(&readings, "container_blkio_write_bytes").unwrap(), after.written() - before.written());
    eprintln!("written {ours} and {theirs} by Docker");
    assert!((ours - theirs).abs() <= MIB, "{ours} and {theirs}");

    one.container.restart(0);
    let mut readings = Readings::default();
    let presence = one.group.sample("x", Instant::now(), reader, &mut readings);
    assert_eq!((presence, readings), (Presence::Gone, Readings::default()), "another life");
    one.group = find(&one.container, reader);
    assert_eq!(value(&one.look(reader), "container_cpu_percent"), None, "new totals");
    let pid = one.container.inspect("{{.State.Pid}}").parse().unwrap();
    let other = Group::find(pid, &"0".repeat(64), Network::Own, reader).unwrap_err();
    assert_eq!(other.kind(), std::io::ErrorKind::NotFound);
}
