//! Watches what the agent takes of memory, forty times a second, and what its spool takes of the disk, five times.

use std::fs;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU32, AtomicU64, Ordering};
use std::thread::JoinHandle;
use std::time::Duration;

use crate::process;

const EVERY: Duration = Duration::from_millis(25);
/// A directory takes longer to read, and changes more slowly.
const LOOKS_A_SPOOL: u32 = 8;

/// A thread that looks; it ends with this value.
#[derive(Debug)]
pub(super) struct Sampler {
    watched: Arc<Watched>,
    thread: Option<JoinHandle<()>>,
}

#[derive(Debug)]
struct Watched {
    spool: PathBuf,
    /// The agent's process; 0 while there is none.
    pid: AtomicU32,
    ends: AtomicBool,
    rss_peak_kib: AtomicU64,
    own_peak_kib: AtomicU64,
    spool_bytes: AtomicU64,
}

impl Sampler {
    /// Begins to look at this spool.
    pub(super) fn start(spool: PathBuf) -> Self {
        let watched = Arc::new(Watched {
            spool,
            pid: AtomicU32::new(0),
            ends: AtomicBool::new(false),
            rss_peak_kib: AtomicU64::new(0),
            own_peak_kib: AtomicU64::new(0),
            spool_bytes: AtomicU64::new(0),
        });
        let theirs = Arc::clone(&watched);
        let thread = std::thread::spawn(move || {
            while !theirs.ends.load(Ordering::Relaxed) {
                theirs.look();
                for _ in 1..LOOKS_A_SPOOL {
                    std::thread::sleep(EVERY);
                    theirs.look_at_memory();
                }
                std::thread::sleep(EVERY);
            }
        });
        Self { watched, thread: Some(thread) }
    }

    /// The agent has this process now; 0 is none.
    pub(super) fn follow(&self, pid: u32) {
        self.watched.look();
        self.watched.pid.store(pid, Ordering::Relaxed);
    }

    /// The most memory any of the processes ever held, in KiB.
    pub(super) fn rss_peak_kib(&self) -> u64 {
        self.watched.rss_peak_kib.load(Ordering::Relaxed)
    }

    /// The most memory that any of the processes was seen to hold of its own, in KiB.
    pub(super) fn own_peak_kib(&self) -> u64 {
        self.watched.own_peak_kib.load(Ordering::Relaxed)
    }

    /// The most that waited in the spool, in bytes of whole blocks.
    pub(super) fn spool_bytes(&self) -> u64 {
        self.watched.spool_bytes.load(Ordering::Relaxed)
    }
}

impl Drop for Sampler {
    fn drop(&mut self) {
        self.watched.ends.store(true, Ordering::Relaxed);
        if let Some(thread) = self.thread.take() {
            let _ = thread.join();
        }
    }
}

impl Watched {
    fn look(&self) {
        self.look_at_memory();
        self.spool_bytes.fetch_max(bytes_in(&self.spool), Ordering::Relaxed);
    }

    fn look_at_memory(&self) {
        let pid = self.pid.load(Ordering::Relaxed);
        if let Some(kib) = process::rss_peak_kib(pid) {
            self.rss_peak_kib.fetch_max(kib, Ordering::Relaxed);
        }
        if let Some(kib) = process::rss_own_kib(pid) {
            self.own_peak_kib.fetch_max(kib, Ordering::Relaxed);
        }
    }
}

/// What the batches in a spool take of the disk: whole blocks, as the agent counts.
pub(super) fn bytes_in(spool: &Path) -> u64 {
    batches(spool).iter().filter_map(|path| Some(path.metadata().ok()?.len().next_multiple_of(4096))).sum()
}

/// The batches in a spool, the oldest first.
pub(super) fn batches(spool: &Path) -> Vec<PathBuf> {
    let files = fs::read_dir(spool).into_iter().flatten().flatten();
    let is_batch = |name: &str| !name.is_empty() && name.bytes().all(|byte| byte.is_ascii_digit());
    let named = files.filter(|file| file.file_name().to_str().is_some_and(is_batch));
    let mut paths: Vec<PathBuf> = named.map(|file| file.path()).collect();
    paths.sort();
    paths
}
