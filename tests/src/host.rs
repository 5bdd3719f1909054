//! The host as the kernel tells of it to anybody, beside what the agent tells: `/proc`, `statvfs`, `df`.

use std::collections::BTreeSet;
use std::fs;
use std::path::Path;
use std::process::Command;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use jiff::Timestamp;

/// Between two looks of a [`Watch`].
const STEP: Duration = Duration::from_millis(200);

/// What the kernel says of the host at one moment.
#[derive(Debug, Clone)]
pub struct Host {
    /// When, in milliseconds since the epoch.
    pub at_ms: i64,
    /// Of all processors since boot, in the order of `/proc/stat`; the fourth is idle.
    pub ticks: [u64; 8],
    /// All but what is available.
    pub memory_percent: f64,
    /// Received and sent on network cards since boot, in bytes; none where there is no card.
    pub network: Option<(u64, u64)>,
    /// Of what others than root may use of `/`.
    pub disk_percent: f64,
    /// Of the inodes of `/`.
    pub inodes_percent: f64,
}

fn share(part: u64, whole: u64) -> f64 {
    Duration::from_micros(part).as_secs_f64() * 100.0 / Duration::from_micros(whole).as_secs_f64()
}

impl Host {
    /// Looks once.
    pub fn look() -> Self {
        let read = |path: &str| fs::read_to_string(path).expect("it is there on Linux");
        let (stat, memory) = (read("/proc/stat"), read("/proc/meminfo"));
        let line =
            stat.lines().next().expect("as Linux writes it").trim_start_matches("cpu").split_whitespace();
        let ticks: Vec<u64> = line.take(8).map(|field| field.parse().expect("as Linux writes it")).collect();
        let kib = |key: &str| -> u64 {
            let line = memory.lines().find(|line| line.starts_with(key)).expect("as Linux writes it");
            line.split_whitespace().nth(1).expect("as Linux writes it").parse().expect("as Linux writes it")
        };
        let total = kib("MemTotal:");
        let root = rustix::fs::statvfs("/").expect("as Linux writes it");
        let used = root.f_blocks - root.f_bfree;
        Self {
            at_ms: Timestamp::now().as_millisecond(),
            ticks: ticks.try_into().expect("as Linux writes it"),
            memory_percent: share(total - kib("MemAvailable:"), total),
            network: network(&read("/proc/net/dev")),
            disk_percent: share(used, used + root.f_bavail),
            inodes_percent: share(root.f_files - root.f_ffree, root.f_files),
        }
    }

    /// What the processors were not idle since an earlier look.
    pub fn active_percent(&self, before: &Self) -> f64 {
        let added: Vec<u64> = self.ticks.iter().zip(before.ticks).map(|(now, then)| now - then).collect();
        let all = added.iter().sum();
        share(all - added[3], all)
    }
}

/// The sum over what has hardware behind it; where nothing has, as inside a container, over `eth…`.
fn network(table: &str) -> Option<(u64, u64)> {
    let lines: Vec<_> = table.lines().filter_map(|line| line.trim().split_once(':')).collect();
    let hardware = |name: &str| Path::new("/sys/class/net").join(name).join("device").exists();
    let any = lines.iter().any(|(name, _)| hardware(name));
    let cards = lines.iter().filter(|(name, _)| if any { hardware(name) } else { name.starts_with("eth") });
    let totals = cards.map(|(_, fields)| {
        let fields: Vec<u64> =
            fields.split_whitespace().map(|field| field.parse().expect("as Linux writes it")).collect();
        (fields[0], fields[8])
    });
    totals.reduce(|(a, b), (c, d)| (a + c, b + d))
}

/// Looks at the host all the time, until it is dropped.
#[derive(Debug)]
pub struct Watch {
    looks: Arc<Mutex<Vec<Host>>>,
}

impl Watch {
    /// Looks from here on.
    pub fn start() -> Self {
        let looks: Arc<Mutex<Vec<Host>>> = Arc::default();
        let theirs = Arc::downgrade(&looks);
        std::thread::spawn(move || {
            while let Some(looks) = theirs.upgrade() {
                lock(&looks).push(Host::look());
                drop(looks);
                std::thread::sleep(STEP);
            }
        });
        Self { looks }
    }

    /// The last look that was not after this time, and the first that was not before it.
    pub fn around(&self, ms: i64) -> [Host; 2] {
        let looks = lock(&self.looks);
        let before = looks.iter().rev().find(|look| look.at_ms <= ms).expect("it looked by then");
        let after = looks.iter().find(|look| look.at_ms >= ms).expect("it looked since then");
        [before.clone(), after.clone()]
    }

    /// The mean of all looks from one time on and before another.
    pub fn average(&self, from_ms: i64, to_ms: i64, of: impl Fn(&Host) -> f64) -> f64 {
        let looks = lock(&self.looks);
        let inside = looks.iter().filter(|look| (from_ms..to_ms).contains(&look.at_ms)).map(of);
        let (sum, count) = inside.fold((0.0, 0.0), |(sum, count), value| (sum + value, count + 1.0));
        sum / count
    }
}

/// Where file systems on disks are mounted, as df knows them; without those below `/boot`.
pub fn file_systems() -> BTreeSet<String> {
    let output =
        Command::new("df").args(["--local", "--output=fstype,target"]).output().expect("as Linux writes it");
    let table = String::from_utf8(output.stdout).expect("as Linux writes it");
    let rows = table.lines().skip(1).filter_map(|row| row.trim().split_once(' '));
    let real = rows.filter(|(kind, point)| {
        ["ext", "xfs", "btrfs", "vfat"].iter().any(|real| kind.starts_with(real))
            && !point.trim().starts_with("/boot")
    });
    real.map(|(_, point)| point.trim().to_owned()).collect()
}

fn lock(looks: &Mutex<Vec<Host>>) -> std::sync::MutexGuard<'_, Vec<Host>> {
    looks.lock().unwrap_or_else(PoisonError::into_inner)
}
