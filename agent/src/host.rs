//! The host's own measures: processors, memory, network cards, file systems.
//!
//! Each part reads and understands in two functions. What cannot be read is a gap and a fault in
//! words. Knows nothing of containers, of periods, or of where the readings go. Every file it reads is
//! open to every user.

mod cpu;
mod disk;
mod memory;
mod network;

use std::fs::File;
use std::io::{self, Read};
use std::path::{Path, PathBuf};

use crate::metrics::Readings;

/// What a file of the kernel's may have at most: the largest, of 10,000 mounts, has about 2 MiB.
const FILE_BYTES: u64 = 8 << 20;

/// The host, and what its totals were at the last look.
#[derive(Debug)]
pub struct Host {
    proc: PathBuf,
    cpu: cpu::Processors,
    memory: memory::Memory,
    network: network::Cards,
    disks: disk::Disks,
    buffer: Vec<u8>,
}

impl Host {
    /// The host that this process runs on.
    pub fn new() -> Self {
        Self {
            proc: PathBuf::from("/proc"),
            cpu: cpu::Processors::default(),
            memory: memory::Memory::default(),
            network: network::Cards::new(PathBuf::from("/sys/class/net")),
            disks: disk::Disks::new(disk::statvfs),
            buffer: Vec::new(),
        }
    }

    /// Looks at everything. What is counted between two looks comes from the second one on. Takes no
    /// longer than a second, whatever hangs.
    pub async fn sample(&mut self, readings: &mut Readings) {
        let Self { proc, cpu, memory, network, disks, buffer } = self;
        match read(&proc.join("stat"), buffer) {
            Ok(text) => cpu.sample(text, readings),
            Err(error) => readings.fault(cannot_read("/proc/stat", &error)),
        }
        memory.sample(readings);
        match read(&proc.join("net/dev"), buffer) {
            Ok(text) => network.sample(text, readings),
            Err(error) => readings.fault(cannot_read("/proc/net/dev", &error)),
        }
        match read_bytes(&proc.join("self/mountinfo"), buffer) {
            Ok(table) => disks.sample(disk::parse(table), readings).await,
            Err(error) => readings.fault(cannot_read("/proc/self/mountinfo", &error)),
        }
        // A host with thousands of mounts for a moment is no reason to keep room for them.
        buffer.shrink_to(64 << 10);
    }
}

impl Default for Host {
    fn default() -> Self {
        Self::new()
    }
}

fn cannot_read(file: &str, error: &io::Error) -> String {
    format!("cannot read {file}: {error}")
}

fn read_bytes<'b>(path: &Path, buffer: &'b mut Vec<u8>) -> io::Result<&'b [u8]> {
    buffer.clear();
    File::open(path)?.take(FILE_BYTES).read_to_end(buffer)?;
    Ok(buffer)
}

fn read<'b>(path: &Path, buffer: &'b mut Vec<u8>) -> io::Result<&'b str> {
    std::str::from_utf8(read_bytes(path, buffer)?).map_err(io::Error::other)
}

/// How many processes the kernel has ended since it started because memory was used up, the host's or that of a
/// group; 0 where it does not say.
pub fn oom_kills() -> u64 {
    let text = std::fs::read_to_string("/proc/vmstat").unwrap_or_default();
    let count = text.lines().find_map(|line| line.strip_prefix("oom_kill ")?.trim().parse().ok());
    count.unwrap_or_default()
}

/// When this host was booted, in nanoseconds since the epoch; 0 if the kernel does not say.
/// <https://docs.kernel.org/filesystems/proc.html#miscellaneous-kernel-statistics-in-proc-stat>
pub fn booted_ns() -> i64 {
    let all = std::fs::read_to_string("/proc/stat").unwrap_or_default();
    let seconds = all.lines().find_map(|line| line.strip_prefix("btime ")?.trim().parse::<i64>().ok());
    seconds.unwrap_or_default().saturating_mul(1_000_000_000)
}

/// What tells this boot of the host from others; empty if the kernel does not.
pub fn boot() -> String {
    let id = std::fs::read_to_string("/proc/sys/kernel/random/boot_id").unwrap_or_default();
    id.trim().to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::metrics::name;

    fn values(readings: &Readings) -> Vec<(&str, Option<&str>, f64)> {
        readings.values.iter().map(|r| (r.metric.name, r.of.as_deref(), r.value)).collect()
    }

    #[tokio::test]
    async fn this_machine_tells_everything_at_the_second_look() {
        let mut host = Host::new();
        let mut first = Readings::default();
        host.sample(&mut first).await;
        assert_eq!(first.faults, [""; 0]);
        let of = |readings: &Readings, metric: &str| {
            values(readings).into_iter().filter(|(name, ..)| *name == metric).map(|v| v.2).next()
        };
        assert_eq!(of(&first, name::CPU_USAGE_ACTIVE.name), None, "nothing to compare with yet");
        assert_eq!(of(&first, name::NET_BYTES_RECV.name), None);

        let mut second = Readings::default();
        // Until the kernel's ticks of 10 ms have moved on.
        while of(&second, name::CPU_USAGE_ACTIVE.name).is_none() {
            second = Readings::default();
            host.sample(&mut second).await;
        }
        assert_eq!(second.faults, [""; 0]);
        for metric in [&name::CPU_USAGE_ACTIVE, &name::CPU_USAGE_STEAL, &name::CPU_USAGE_IOWAIT] {
            assert!((0.0..=100.0).contains(&of(&second, metric.name).unwrap()), "{:?}", values(&second));
        }
        let memory = of(&second, name::MEM_USED_PERCENT.name).unwrap();
        assert!(memory > 0.0 && memory < 100.0, "{memory}");
        assert!(of(&second, name::SYSTEM_LOAD1.name).unwrap() >= 0.0);
        let swap = std::fs::read_to_string("/proc/swaps").unwrap().lines().count() > 1;
        assert_eq!(of(&second, name::SWAP_USED_PERCENT.name).is_some(), swap);
    }

    #[tokio::test]
    async fn files_that_are_not_there_are_faults_and_nothing_else() {
        let nothing = tempfile::tempdir().unwrap();
        let mut host = Host { proc: nothing.path().to_owned(), ..Host::new() };
        let mut readings = Readings::default();
        host.sample(&mut readings).await;
        let named = |file: &str| readings.faults.iter().any(|fault| fault.contains(file));
        assert!(
            ["/proc/stat", "/proc/net/dev", "/proc/self/mountinfo"].into_iter().all(named),
            "{readings:?}"
        );
        let mut again = Readings::default();
        host.sample(&mut again).await;
        assert_eq!(again.faults, readings.faults, "the same words each time");
    }
}
