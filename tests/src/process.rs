//! What a running process takes, as `/proc` tells it.

use std::fs;

/// The processor time a process took so far, user and system together, in seconds; none once it is gone.
pub fn cpu_seconds(pid: u32) -> Option<f64> {
    let stat = fs::read_to_string(format!("/proc/{pid}/stat")).ok()?;
    // The name in parentheses may hold anything; user and system time are 12 and 13 behind it.
    let (_, behind) = stat.rsplit_once(") ")?;
    let ticks: u32 = behind.split(' ').skip(11).take(2).filter_map(|tick| tick.parse::<u32>().ok()).sum();
    Some(f64::from(ticks) / f64::from(ticks_per_second()))
}

/// The kernel's unit of processor time in `/proc/PID/stat`.
pub fn ticks_per_second() -> u32 {
    u32::try_from(rustix::param::clock_ticks_per_second()).unwrap_or(100)
}

/// The memory a process holds, in KiB; none once it is gone.
pub fn rss_kib(pid: u32) -> Option<u64> {
    status_kib(pid, "VmRSS:")
}

/// The memory a process holds of its own, without the pages of programs and libraries, in KiB; none once it is gone.
pub fn rss_own_kib(pid: u32) -> Option<u64> {
    status_kib(pid, "RssAnon:")
}

/// The most memory a process ever held, in KiB; none once it is gone.
pub fn rss_peak_kib(pid: u32) -> Option<u64> {
    status_kib(pid, "VmHWM:")
}

fn status_kib(pid: u32, field: &str) -> Option<u64> {
    let status = fs::read_to_string(format!("/proc/{pid}/status")).ok()?;
    let line = status.lines().find_map(|line| line.strip_prefix(field))?;
    line.split_whitespace().next()?.parse().ok()
}

/// How many descriptors a process holds open; none once it is gone.
pub fn descriptors(pid: u32) -> Option<u64> {
    Some(fs::read_dir(format!("/proc/{pid}/fd")).ok()?.count() as u64)
}

/// The processes that a process has started and that have not ended.
pub fn children(pid: u32) -> Vec<u32> {
    let listed = fs::read_to_string(format!("/proc/{pid}/task/{pid}/children")).unwrap_or_default();
    listed.split_whitespace().filter_map(|pid| pid.parse().ok()).collect()
}
