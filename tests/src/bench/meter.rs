//! Processor time over a window, of one process or of a whole dockerd.

use std::collections::BTreeMap;
use std::process::{Command, Stdio};

use crate::docker::Dockerd;
use crate::process;

/// What a dockerd, its containerd and its shims take from here on. A shim that ends meanwhile is not
/// counted, so containers outlive the windows they are measured in.
#[derive(Debug)]
pub(super) struct DaemonMeter<'d> {
    daemon: &'d Dockerd,
    before: BTreeMap<u32, f64>,
}

impl<'d> DaemonMeter<'d> {
    pub(super) fn start(daemon: &'d Dockerd) -> Self {
        Self { daemon, before: times(daemon) }
    }

    /// Processor seconds since the start.
    pub(super) fn seconds(&self) -> f64 {
        let now = times(self.daemon);
        now.iter().map(|(pid, seconds)| seconds - self.before.get(pid).unwrap_or(&0.0)).sum()
    }
}

fn times(daemon: &Dockerd) -> BTreeMap<u32, f64> {
    let processes = daemon.processes();
    processes.into_iter().filter_map(|pid| Some((pid, process::cpu_seconds(pid)?))).collect()
}

/// Keeps a process on one core; with a single one there is nothing to choose.
pub(super) fn pin(pid: u32, core: usize) {
    let cores = std::thread::available_parallelism().map_or(1, usize::from);
    let core = (core % cores).to_string();
    let mut command = Command::new("taskset");
    command.args(["--all-tasks", "--cpu-list", "--pid", &core, &pid.to_string()]);
    let status = command.stdout(Stdio::null()).status().expect("taskset of util-linux");
    assert!(status.success(), "cannot pin a process to core {core}");
}

/// Microseconds for each of so many lines.
pub(super) fn us_per_line(seconds: f64, lines: u64) -> f64 {
    seconds * 1e6 / as_f64(lines.max(1))
}

/// For ratios and rates: a count of lines or bytes has far fewer than 53 bits.
#[expect(clippy::cast_precision_loss, reason = "for people: three digits would do")]
pub(super) fn as_f64(count: u64) -> f64 {
    count as f64
}

/// Megabytes, as the bars are written, of the KiB that `/proc` tells.
pub(super) fn mb(kib: u64) -> f64 {
    as_f64(kib) * 1024.0 / 1e6
}
