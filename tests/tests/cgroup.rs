//! What the agent reads of real containers from the kernel, beside what Docker tells of them.

use std::process::Command;
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
    // 16 MiB of its own, and page cache of a file that is many times what the limit leaves. It is read once
    // and was not in the cache before: what is used twice the kernel takes for used.
    let hog = "export WRITE='busybox dd if=/dev/zero of=/tmp/big bs=1M count=200 oflag=direct' \
                      READ='busybox dd if=/tmp/big of=/dev/null bs=1M'; \
         awk 'BEGIN { s = \"x\"; for (i = 0; i < 24; i++) s = s s; \
         system(\"$WRITE; $READ; echo ready; sleep 100000\") }'";
    let mut burner = Watched::run(&docker, reader, "burner", "while :; do :; done", &["--cpus=0.3"]);
    let mut hog = Watched::run(&docker, reader, "hog", hog, &["--memory=64m"]);
    let mut idle = Watched::run(&docker, reader, "idle", IDLE, &[]);
    wait::until(LIMIT, "the hog to hold its memory", || hog.container.logs().contains("ready"));

    let mut all = [&mut burner, &mut hog, &mut idle];
    // Docker's looks are around ours, and come up to a second late each: what they measure is steady.
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
    assert!(held >= 16.0 * MIB && usage - held > 16.0 * MIB, "page cache is left out: {held} of {usage}");
    let percent = of(1, "container_mem_used_percent");
    assert!((percent - held * 100.0 / (64.0 * MIB)).abs() < 0.1, "of its limit: {percent}");
}

#[test]
fn what_a_container_writes_and_its_end_are_seen() {
    let docker = Dockerd::start();
    let reader = &mut Reader::new().unwrap();
    // A kernel of these days counts for version 1 only what may be throttled.
    let disk = Command::new("findmnt").args(["-no", "SOURCE", "-T"]).arg(docker.root()).output().unwrap();
    let limit = format!("--device-write-bps={}:1gb", String::from_utf8(disk.stdout).unwrap().trim());
    let mut one = Watched::run(&docker, reader, "one", IDLE, &[&limit]);
    one.look(reader);
    let before = one.stats();
    // Past the page cache: of what the kernel writes out later nobody may be the author.
    one.container.exec("busybox dd if=/dev/zero of=/tmp/file bs=1M count=8 oflag=direct conv=fsync");
    let readings = one.look(reader);
    let after = one.stats();
    let (ours, theirs) =
        (value(&readings, "container_blkio_write_bytes").unwrap(), after.written() - before.written());
    eprintln!("written {ours} and {theirs} by Docker");
    assert!(ours >= 8.0 * MIB && (ours - theirs).abs() <= MIB, "{ours} and {theirs}");

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

/// The agent need not be root to read what it reads here.
#[test]
fn every_user_may_read_the_files() {
    let docker = Dockerd::start();
    let one = docker.run_script("one", IDLE);
    let pid = one.inspect("{{.State.Pid}}");
    // The same files whichever version keeps them; the group's path is the same in all hierarchies.
    let script = format!(
        "set -e; cat /proc/{pid}/cgroup /proc/{pid}/net/dev >/dev/null; n=0
         for file in cpuacct.usage cpu.stat memory.usage_in_bytes memory.limit_in_bytes memory.current \
             memory.max memory.stat pids.current io.stat blkio.throttle.io_service_bytes_recursive; do
             for found in $(find /sys/fs/cgroup -path '*{id}*' -name $file); do cat $found >/dev/null; n=$((n+1)); done
         done; echo $n",
        id = one.id()
    );
    let nobody =
        ["--reuid=65534", "--regid=65534", "--clear-groups", "--bounding-set=-all", "sh", "-c", &script];
    let output = Command::new("setpriv").args(nobody).output().unwrap();
    let said = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{said}");
    let files: u32 = String::from_utf8(output.stdout).unwrap().trim().parse().unwrap();
    assert!(files >= 6, "{files} files, {said}");
}
