//! Trees as the two versions, their hybrid and the two cgroup drivers make them.

use std::fs;
use std::time::Duration;

use proptest::prelude::*;
use tempfile::TempDir;

use super::*;

const ID: &str = "3f1d0c6a0e4b5d2c8f7a9b1e2d3c4f5a6b7c8d9e0f1a2b3c4d5e6f708192a3b4";
const GIB: u64 = 1 << 30;

/// A host of 1 GiB, its files written anew for each look.
struct Host {
    root: TempDir,
    reader: Reader,
    start: Instant,
}

impl Host {
    fn new(mountinfo: &str, member: &str) -> Self {
        let root = tempfile::tempdir().unwrap();
        let host = |path: &str, text: &str| write(root.path(), path, text);
        host("proc/meminfo", "MemTotal:        1048576 kB\nMemFree:          100000 kB\n");
        host("proc/self/mountinfo", mountinfo);
        host("proc/77/cgroup", &member.replace("ID", ID));
        host("proc/77/net/dev", "Inter-|\n face |\n    lo: 9 0 0 0 0 0 0 0 9 0 0 0 0 0 0 0\n");
        let reader = Reader::below(root.path()).unwrap();
        #[expect(clippy::disallowed_methods, reason = "a beginning to count from; nobody waits")]
        let start = Instant::now();
        Self { root, reader, start }
    }

    fn v2() -> Self {
        let mounts = "36 24 0:30 / /sys/fs/cgroup rw,nosuid shared:9 - cgroup2 cgroup2 rw,nsdelegate\n";
        let mut host = Self::new(mounts, "0::/system.slice/docker-ID.scope\n");
        host.v2_files(1_000_000, 100 << 20);
        host
    }

    const V2: &str = "sys/fs/cgroup/system.slice/docker-ID.scope";

    fn v2_files(&mut self, usec: u64, memory: u64) {
        self.write(Self::V2, "cpu.stat", &format!("usage_usec {usec}\nuser_usec 1\nsystem_usec 2\n"));
        self.write(Self::V2, "memory.current", &format!("{memory}\n"));
        self.write(Self::V2, "memory.max", "max\n");
        self.write(Self::V2, "memory.stat", "anon 5\nfile 9\ninactive_file 1048576\nactive_file 8\n");
        self.write(Self::V2, "pids.current", "7\n");
    }

    fn write(&self, directory: &str, file: &str, text: &str) {
        write(self.root.path(), &format!("{directory}/{file}").replace("ID", ID), text);
    }

    fn remove(&self, path: &str) {
        fs::remove_dir_all(self.root.path().join(path.replace("ID", ID))).unwrap();
    }

    fn find(&mut self) -> Group {
        Group::find(77, ID, Network::Own, &mut self.reader).unwrap()
    }

    fn look(&mut self, group: &mut Group, second: u64) -> (Presence, Readings) {
        let mut readings = Readings::default();
        let now = self.start + Duration::from_secs(second);
        (group.sample("web", now, &mut self.reader, &mut readings), readings)
    }

    fn values(&mut self, group: &mut Group, second: u64) -> Vec<(&'static str, f64)> {
        let (presence, readings) = self.look(group, second);
        assert_eq!((presence, &readings.faults[..]), (Presence::Here, &[][..]));
        assert!(readings.values.iter().all(|reading| reading.of.as_deref() == Some("web")));
        readings.values.iter().map(|reading| (reading.metric.name, reading.value)).collect()
    }
}

fn write(root: &Path, path: &str, text: &str) {
    let path = root.join(path);
    fs::create_dir_all(path.parent().unwrap()).unwrap();
    fs::write(path, text).unwrap();
}

#[expect(clippy::cast_precision_loss, reason = "small")]
fn mib(count: u64) -> f64 {
    (count << 20) as f64
}

#[test]
fn version_2_with_the_systemd_driver() {
    let mut host = Host::v2();
    let mut group = host.find();
    let used = 99.0 * 100.0 / 1024.0;
    let steady = [
        ("container_mem_used_bytes", mib(99)),
        ("container_mem_used_percent", used),
        ("container_pids", 7.0),
    ];
    assert_eq!(host.values(&mut group, 0), steady, "the first look; no network but the loopback, no io.stat");

    host.v2_files(4_000_000, 40 << 20);
    host.write(Host::V2, "memory.max", "67108864\n");
    host.write(Host::V2, "io.stat", "259:0 rbytes=10 wbytes=4 rios=1 wios=1 dbytes=0 dios=0\n7:0 \n");
    host.write("proc/77", "net/dev", "h\n lo: 5 0 0 0 0 0 0 0 5 0\n eth0:100 0 0 0 0 0 0 0 200 0\n");
    assert_eq!(
        host.values(&mut group, 10),
        [
            ("container_cpu_percent", 30.0),
            ("container_mem_used_bytes", mib(39)),
            ("container_mem_used_percent", 39.0 * 100.0 / 64.0),
            ("container_pids", 7.0),
        ]
    );
    host.write(Host::V2, "io.stat", "259:0 rbytes=110 wbytes=5\n259:1 rbytes=1 wbytes=2\n");
    host.write("proc/77", "net/dev", "h\n eth0: 101 0 0 0 0 0 0 0 202 0\n eth1: 10 0 0 0 0 0 0 0 20 0\n");
    let last = host.values(&mut group, 20);
    assert_eq!(
        last[4..],
        [
            ("container_blkio_read_bytes", 101.0),
            ("container_blkio_write_bytes", 3.0),
            ("container_net_bytes_recv", 11.0),
            ("container_net_bytes_sent", 22.0),
        ]
    );
    assert_eq!(last[0], ("container_cpu_percent", 0.0));
}

const V1_MOUNTS: &str = "31 23 0:28 / /sys/fs/cgroup rw - tmpfs tmpfs rw,mode=755\n\
    32 31 0:29 / /sys/fs/cgroup/cpu,cpuacct rw - cgroup cgroup rw,cpu,cpuacct\n\
    35 31 0:32 / /sys/fs/cgroup/memory rw - cgroup cgroup rw,memory\n\
    38 31 0:35 / /sys/fs/cgroup/blkio rw - cgroup cgroup rw,blkio\n\
    39 31 0:36 / /sys/fs/cgroup/pids rw - cgroup cgroup rw,pids\n\
    41 31 0:38 / /sys/fs/cgroup/unified rw - cgroup2 cgroup2 rw\n";
const V1_MEMBER: &str = "9:name=systemd:/docker/ID\n8:pids:/docker/ID\n7:blkio:/docker/ID\n\
    4:memory:/docker/ID\n2:cpu,cpuacct:/docker/ID\n0::/\n";

fn v1() -> Host {
    let host = Host::new(V1_MOUNTS, V1_MEMBER);
    host.write("sys/fs/cgroup/cpu,cpuacct/docker/ID", "cpuacct.usage", "5000000000\n");
    let memory = "sys/fs/cgroup/memory/docker/ID";
    host.write(memory, "memory.usage_in_bytes", &format!("{}\n", 64 << 20));
    host.write(memory, "memory.limit_in_bytes", "9223372036854771712\n");
    host.write(memory, "memory.stat", "inactive_file 1\ntotal_cache 2\ntotal_inactive_file 33554432\n");
    host.write("sys/fs/cgroup/pids/docker/ID", "pids.current", "2\n");
    let blocks =
        "8:0 Read 100\n8:0 Write 20\n8:0 Sync 7\n8:0 Async 113\n8:0 Discard 0\n8:0 Total 120\nTotal 120\n";
    host.write("sys/fs/cgroup/blkio/docker/ID", "blkio.throttle.io_service_bytes_recursive", blocks);
    host
}

#[test]
fn version_1_beside_an_empty_version_2() {
    let mut host = v1();
    let mut group = host.find();
    let percent = 32.0 * 100.0 / 1024.0;
    let steady = [
        ("container_mem_used_bytes", mib(32)),
        ("container_mem_used_percent", percent),
        ("container_pids", 2.0),
    ];
    assert_eq!(host.values(&mut group, 0), steady);
    host.write("sys/fs/cgroup/cpu,cpuacct/docker/ID", "cpuacct.usage", "9000000000\n");
    let blocks = "sys/fs/cgroup/blkio/docker/ID";
    host.write(
        blocks,
        "blkio.throttle.io_service_bytes_recursive",
        "8:0 Read 105\n8:0 Write 20\n8:16 Read 1\nTotal 126\n",
    );
    let second = host.values(&mut group, 2);
    assert_eq!(second[0], ("container_cpu_percent", 200.0));
    assert_eq!(second[4..], [("container_blkio_read_bytes", 6.0), ("container_blkio_write_bytes", 0.0)]);
}

#[test]
fn a_kernel_that_does_not_sum_up_has_the_group_alone() {
    let mut host = v1();
    host.remove("sys/fs/cgroup/blkio/docker/ID");
    host.write(
        "sys/fs/cgroup/blkio/docker/ID",
        "blkio.throttle.io_service_bytes",
        "8:0 Read 3\n8:0 Write 4\nTotal 7\n",
    );
    let place = host.find().places.blocks.unwrap();
    assert_eq!(place.blocks(&mut host.reader).unwrap(), Some(Bytes { inwards: 3, outwards: 4 }));
}

#[test]
fn a_hybrid_host_keeps_a_controller_in_one_hierarchy() {
    let mounts = "32 31 0:29 / /sys/fs/cgroup/memory rw - cgroup cgroup rw,memory\n\
        41 31 0:38 / /sys/fs/cgroup/unified rw - cgroup2 cgroup2 rw\n";
    let mut host = Host::new(mounts, "4:memory:/docker/ID\n0::/docker/ID\n");
    let Places { processor, memory, .. } = host.find().places;
    assert_eq!((processor.unwrap().version, memory.unwrap().version), (Version::V2, Version::V1));
}

#[test]
fn groups_that_the_container_made_for_itself_are_part_of_it() {
    let mounts = "36 24 0:30 / /sys/fs/cgroup rw - cgroup2 cgroup2 rw\n";
    let mut host = Host::new(mounts, "0::/docker/ID/init.scope\n");
    let directory = host.find().places.memory.unwrap().directory;
    assert_eq!(directory, host.root.path().join("sys/fs/cgroup/docker").join(ID));
}

#[test]
fn a_process_that_is_somebody_elses_by_now_is_not_found() {
    let mounts = "36 24 0:30 / /sys/fs/cgroup rw - cgroup2 cgroup2 rw\n";
    for member in ["0::/system.slice/ssh.service\n", "0::/../../x\n", "", "0:", "nonsense\n0::/docker/I D\n"]
    {
        let mut host = Host::new(mounts, member);
        let error = Group::find(77, ID, Network::Own, &mut host.reader).unwrap_err();
        assert_eq!(error.kind(), ErrorKind::NotFound, "{member}");
    }
    let mut host = Host::v2();
    assert_eq!(Group::find(78, ID, Network::Own, &mut host.reader).unwrap_err().kind(), ErrorKind::NotFound);
}

#[test]
fn a_path_that_leads_out_of_what_is_mounted_is_not_followed() {
    let inside = "36 24 0:30 /docker/other /sys/fs/cgroup rw - cgroup2 cgroup2 rw\n";
    for (mounts, member) in [(inside, "0::/docker/ID\n"), (V1_MOUNTS, "4:memory:/../../ID\n")] {
        let mut host = Host::new(mounts, member);
        let error = Group::find(77, ID, Network::Own, &mut host.reader).unwrap_err();
        assert_eq!(error.kind(), ErrorKind::NotFound);
    }
    let part = "36 24 0:30 /docker /mnt/docker rw - cgroup2 cgroup2 rw\n";
    let directory = Host::new(part, "0::/docker/ID\n").find().places.memory.unwrap().directory;
    assert!(directory.ends_with(Path::new("mnt/docker").join(ID)), "{directory:?}");
}

#[test]
fn a_container_that_ended_is_no_fault() {
    let mut host = Host::v2();
    let mut group = host.find();
    host.values(&mut group, 0);
    host.remove("proc/77");
    assert_eq!(host.look(&mut group, 10), (Presence::Gone, Readings::default()), "its process first");

    let mut host = Host::v2();
    let mut group = host.find();
    host.remove(Host::V2);
    host.remove("proc/77");
    assert_eq!(host.look(&mut group, 10), (Presence::Gone, Readings::default()), "all of it");
}

#[test]
fn another_process_of_the_same_number_is_not_taken_for_it() {
    let mut host = Host::v2();
    let mut group = host.find();
    host.values(&mut group, 0);
    host.remove("proc/77");
    host.write("proc/77", "cgroup", &format!("0::/system.slice/docker-{ID}.scope\n"));
    host.v2_files(900_000_000, 1);
    assert_eq!(host.look(&mut group, 10), (Presence::Gone, Readings::default()));
    let mut again = host.find();
    assert!(host.values(&mut again, 10).iter().all(|(name, _)| *name != "container_cpu_percent"));
}

#[test]
fn totals_that_shrank_are_a_gap_and_told() {
    let mut host = Host::v2();
    let mut group = host.find();
    let mut cpu = |usec: u64, second: u64| {
        host.v2_files(usec, GIB);
        let (_, readings) = host.look(&mut group, second);
        let cpu = readings.values.iter().find(|reading| reading.metric == &name::CONTAINER_CPU_PERCENT);
        (cpu.map(|cpu| cpu.value), readings.faults.join(", "))
    };
    let looks =
        [cpu(5_000_000, 0), cpu(1_000_000, 10), cpu(2_000_000, 20), cpu(3_000_000, 20), cpu(3_000_000, 21)];
    let back = "container_cpu_percent of container web: the total went back";
    let expected = [(None, ""), (None, back), (Some(10.0), ""), (None, ""), (Some(0.0), "")];
    assert_eq!(looks.each_ref().map(|(cpu, fault)| (*cpu, &**fault)), expected, "no time at the fourth");
}

#[test]
fn each_total_that_shrank_is_told_by_itself() {
    let mut host = Host::v2();
    let mut group = host.find();
    host.write(Host::V2, "io.stat", "259:0 rbytes=10 wbytes=4\n");
    host.write("proc/77", "net/dev", "h\n eth0: 100 0 0 0 0 0 0 0 200 0\n");
    host.values(&mut group, 0);
    host.write(Host::V2, "io.stat", "259:0 rbytes=9 wbytes=5\n");
    host.write("proc/77", "net/dev", "h\n eth0: 101 0 0 0 0 0 0 0 199 0\n");
    let (_, readings) = host.look(&mut group, 10);
    assert_eq!(
        readings.faults,
        [
            "container_blkio_read_bytes of container web: the total went back",
            "container_net_bytes_sent of container web: the total went back"
        ]
    );
    let names: Vec<_> = readings.values[4..].iter().map(|reading| reading.metric.name).collect();
    assert_eq!(names, ["container_blkio_write_bytes", "container_net_bytes_recv"]);
}

#[test]
fn what_makes_no_sense_is_a_fault_in_the_same_words() {
    for (file, text) in [
        ("cpu.stat", ""),
        ("cpu.stat", "usage_usec -1\n"),
        ("cpu.stat", "usage_usec 18446744073709551615\n"),
        ("memory.current", "99999999999999999999\n"),
        ("memory.current", ""),
        ("memory.max", "none\n"),
        ("memory.stat", "anon 5\n"),
        ("pids.current", "max\n"),
        ("io.stat", "8:0 rbytes=x\n"),
        ("io.stat", "8:0 wbytes=18446744073709551615\n8:1 wbytes=1\n"),
    ] {
        let mut host = Host::v2();
        let mut group = host.find();
        host.write(Host::V2, file, text);
        let (presence, readings) = host.look(&mut group, 0);
        assert_eq!((presence, readings.faults.len()), (Presence::Here, 1), "{file} {text}: {readings:?}");
        assert!(
            readings.faults[0].ends_with(&format!("of container web: {file} makes no sense")),
            "{readings:?}"
        );
        assert_eq!(host.look(&mut group, 10).1.faults, readings.faults);
    }
    let mut host = Host::v2();
    let mut group = host.find();
    host.write("proc/77", "net/dev", "eth0: 1 2 3\n");
    assert_eq!(host.look(&mut group, 0).1.faults.len(), 1);
}

#[test]
fn a_shared_network_is_not_read() {
    let mut host = Host::v2();
    let mut group = Group::find(77, ID, Network::Shared, &mut host.reader).unwrap();
    host.write("proc/77", "net/dev", "eth0: nonsense\n");
    host.values(&mut group, 0);
}

#[test]
fn page_cache_is_left_out_if_it_fits() {
    assert_eq!([without_cache(10, 4), without_cache(10, 10), without_cache(10, 11)], [6, 10, 10]);
    let limited = Memory { used: 1, limit: Some(2 * GIB) };
    assert_eq!(limited.limit.map(|limit| limit.min(GIB)), Some(GIB), "no more than the host has");
}

#[test]
fn this_process_has_groups_or_none_but_no_container() {
    let mut reader = Reader::new().unwrap();
    assert!(reader.host_memory > 0);
    let error = Group::find(std::process::id(), ID, Network::Own, &mut reader).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::NotFound);
}

proptest! {
    #[test]
    fn no_text_panics(text in "([0-9:/a-z=, -]{0,30}\n?){0,5}", id in "[0-9a-f]{0,4}") {
        drop((network(&text), field(&text, "a"), v1::sum(&text), v2::sum(&text)));
        find::places(&text, &id, &text, Path::new("/"));
    }
}
