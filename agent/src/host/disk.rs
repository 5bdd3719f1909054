//! How full the file systems are: which there are, from `/proc/self/mountinfo`, and `statvfs` of each.
//!
//! A mount whose server is gone answers nobody, for hours. So each is asked on a thread of its own,
//! all at a time and with a limit; one that does not answer keeps that thread, is not asked again until
//! it has answered, and hides no other.

use std::collections::HashMap;
use std::ffi::OsString;
use std::io;
use std::os::unix::ffi::OsStringExt;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use tokio::task::{JoinHandle, spawn_blocking};
use tokio::time::{Instant, timeout_at};

use crate::metrics::counter::percent;
use crate::metrics::{Readings, name};

/// How long a look waits for all file systems together.
pub(super) const PATIENCE: Duration = Duration::from_secs(1);
/// So many file systems are measured, each metric of each has its price, and so many threads may hang.
const MOST: usize = 16;

/// File systems that lie on a disk or on a server.
const REAL: [&str; 23] = [
    "ext2", "ext3", "ext4", "xfs", "btrfs", "f2fs", "zfs", "jfs", "reiserfs", "bcachefs", "nilfs2", "ocfs2",
    "vfat", "exfat", "ntfs", "ntfs3", "fuseblk", "nfs", "nfs4", "cifs", "smb3", "ceph", "lustre",
];

/// A mounted file system.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub(super) struct Mount {
    /// Major and minor number, the same for all mounts of a file system.
    device: String,
    point: PathBuf,
}

/// What `statvfs` says, in blocks and inodes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(super) struct Space {
    pub blocks: u64,
    pub free: u64,
    /// Free to others than root.
    pub available: u64,
    /// Zero where inodes have no limit.
    pub inodes: u64,
    pub inodes_free: u64,
}

type Ask = dyn Fn(&Path) -> io::Result<Space> + Send + Sync;

/// Asks the kernel.
pub(super) fn statvfs(point: &Path) -> io::Result<Space> {
    let of = rustix::fs::statvfs(point)?;
    Ok(Space {
        blocks: of.f_blocks,
        free: of.f_bfree,
        available: of.f_bavail,
        inodes: of.f_files,
        inodes_free: of.f_ffree,
    })
}

/// The way to ask, and who has not answered yet.
pub(super) struct Disks {
    ask: Arc<Ask>,
    patience: Duration,
    hanging: HashMap<Mount, JoinHandle<io::Result<Space>>>,
}

impl std::fmt::Debug for Disks {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Disks").field("hanging", &self.hanging).finish_non_exhaustive()
    }
}

impl Disks {
    pub(super) fn new(ask: impl Fn(&Path) -> io::Result<Space> + Send + Sync + 'static) -> Self {
        Self { ask: Arc::new(ask), patience: PATIENCE, hanging: HashMap::new() }
    }

    /// Asks these mounts and waits for them no longer than [`PATIENCE`] in all.
    pub(super) async fn sample(&mut self, mut mounts: Vec<Mount>, readings: &mut Readings) {
        if mounts.len() > MOST {
            readings.fault(format!("there are more than {MOST} file systems: the others are not measured"));
            mounts.truncate(MOST);
        }
        // What an overdue answer says is old by now.
        self.hanging.retain(|_, answer| !answer.is_finished());
        let mut asked = Vec::with_capacity(mounts.len());
        for mount in mounts {
            if self.hanging.contains_key(&mount) {
                readings.fault(hangs(&mount));
            } else if self.hanging.len() + asked.len() >= MOST {
                readings.fault(format!("{MOST} file systems hang: no others are asked"));
            } else {
                let (ask, point) = (Arc::clone(&self.ask), mount.point.clone());
                asked.push((mount, spawn_blocking(move || ask(&point))));
            }
        }
        let limit = Instant::now() + self.patience;
        for (mount, mut answer) in asked {
            match timeout_at(limit, &mut answer).await {
                Ok(Ok(Ok(space))) => put(&mount.point.to_string_lossy(), space, readings),
                Ok(Ok(Err(error))) => {
                    readings.fault(format!("cannot ask how full {} is: {error}", mount.point.display()));
                }
                Ok(Err(_)) => readings.fault(format!("asking how full {} is failed", mount.point.display())),
                Err(_) => {
                    readings.fault(hangs(&mount));
                    self.hanging.insert(mount, answer);
                }
            }
        }
    }
}

fn hangs(mount: &Mount) -> String {
    format!("{} hangs: it does not say how full it is", mount.point.display())
}

/// As df does it: what is kept for root is neither used nor available.
fn put(point: &str, space: Space, readings: &mut Readings) {
    let Space { blocks, free, available, inodes, inodes_free } = space;
    let used = |whole: u64, free: u64| whole.checked_sub(free);
    let (Some(full), Some(taken)) = (used(blocks, free), used(inodes, inodes_free)) else {
        return readings.fault(format!("{point} says that more is free than there is"));
    };
    if let Some(full) = percent(full, full.saturating_add(available)) {
        readings.put(&name::DISK_USED_PERCENT, Some(point), full);
    }
    if let Some(taken) = percent(taken, inodes) {
        readings.put(&name::DISK_INODES_USED_PERCENT, Some(point), taken);
    }
}

/// The mounts of `/proc/self/mountinfo` that are worth measuring: real file systems, each once, in the
/// order of their paths. <https://man7.org/linux/man-pages/man5/proc_pid_mountinfo.5.html>
pub(super) fn parse(table: &[u8]) -> Vec<Mount> {
    let mut on_top = HashMap::new();
    for line in table.split(|byte| *byte == b'\n').filter_map(Line::parse) {
        // What is mounted over another hides it.
        on_top.insert(line.point.clone(), line);
    }
    let mut of_device: HashMap<&[u8], &Line<'_>> = HashMap::new();
    for line in on_top.values().filter(|line| line.is_measured()) {
        let best = of_device.entry(line.device).or_insert(line);
        if line.rank() < best.rank() {
            *best = line;
        }
    }
    let mount = |line: &Line<'_>| Mount {
        device: String::from_utf8_lossy(line.device).into_owned(),
        point: line.point.clone(),
    };
    let mut mounts: Vec<_> = of_device.into_values().map(mount).collect();
    mounts.sort_by(|a, b| a.point.cmp(&b.point));
    mounts
}

/// A line of the table, as far as it matters.
#[derive(Debug)]
struct Line<'t> {
    device: &'t [u8],
    /// Which part of the file system is mounted here.
    root: &'t [u8],
    point: PathBuf,
    kind: &'t [u8],
}

impl<'t> Line<'t> {
    /// `36 35 98:0 /root /point rw,noatime master:1 - ext3 /dev/root rw`
    fn parse(line: &'t [u8]) -> Option<Self> {
        let mut fields = line.split(|byte| *byte == b' ').skip(2);
        let (device, root, point) = (fields.next()?, fields.next()?, fields.next()?);
        fields.by_ref().find(|field| *field == b"-")?;
        let point = PathBuf::from(OsString::from_vec(unescaped(point)));
        let line = Self { device, root, point, kind: fields.next()? };
        line.point.is_absolute().then_some(line)
    }

    fn is_measured(&self) -> bool {
        let below = |directory: &str| self.point.starts_with(directory) && self.point != Path::new(directory);
        let real = REAL.iter().any(|kind| kind.as_bytes() == self.kind);
        // What /boot holds grows with a kernel's upgrade only; the others are Docker's, snapd's and systemd's.
        real && !self.point.starts_with("/boot")
            && !["/var/lib/docker", "/snap", "/run"].into_iter().any(below)
    }

    /// The mount of the whole comes before one of a part, a short path before a long one.
    fn rank(&self) -> (bool, usize, &Path) {
        (self.root != b"/", self.point.as_os_str().len(), &self.point)
    }
}

/// Blanks, tabs, newlines and backslashes stand there as `\040`, `\011`, `\012`, `\134`.
fn unescaped(field: &[u8]) -> Vec<u8> {
    let mut bytes = Vec::with_capacity(field.len());
    let mut rest = field;
    while let Some((first, tail)) = rest.split_first() {
        let octal = tail.first_chunk::<3>().filter(|_| *first == b'\\').and_then(|digits| {
            u8::from_str_radix(std::str::from_utf8(digits).ok()?, 8).ok().zip(tail.get(3..))
        });
        let (byte, tail) = octal.unwrap_or((*first, tail));
        bytes.push(byte);
        rest = tail;
    }
    bytes
}

#[cfg(test)]
mod tests;
