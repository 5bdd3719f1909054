//! Clears away what a daemon leaves: mounts, processes, files. Each root's name carries the id of the
//! test process that made it, so what belongs to a dead one may go.

use std::fs;
use std::os::unix::ffi::OsStrExt;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use memchr::memmem;
use rustix::mount::{UnmountFlags, unmount};
use rustix::process::{Pid, Signal, kill_process};

/// What every daemon's root under `/tmp` begins with.
pub(crate) const PREFIX: &str = "sta-";

/// Clears away every root whose test process is gone.
pub(crate) fn clear() {
    let entries = fs::read_dir("/tmp").into_iter().flatten().flatten();
    for entry in entries {
        let name = entry.file_name();
        let owner = name.to_str().and_then(|name| name.strip_prefix(PREFIX)?.split('-').next());
        let owner: Option<u32> = owner.and_then(|owner| owner.parse().ok());
        if owner.is_some_and(|owner| !Path::new("/proc").join(owner.to_string()).exists()) {
            clear_one(&entry.path());
        }
    }
}

/// Ends the processes that work for the daemon with this root, unmounts what is below it, removes it.
pub(crate) fn clear_one(root: &Path) {
    kill(root, &[b"setpriv", b"dockerd", b"containerd", b"containerd-shim-runc-v2"]);
    for _ in 0..50 {
        for mount in mounts_below(root) {
            let _ = unmount(&mount, UnmountFlags::DETACH);
        }
        if fs::remove_dir_all(root).is_ok() || !root.exists() {
            return;
        }
        std::thread::sleep(Duration::from_millis(20));
    }
    eprintln!("cannot remove {}", root.display());
}

/// Kills these programs where their arguments name the root, and waits until they are gone.
pub(crate) fn kill(root: &Path, programs: &[&[u8]]) {
    let start = Instant::now();
    loop {
        let processes = processes_of(root, programs);
        if processes.is_empty() || start.elapsed() > Duration::from_secs(10) {
            return;
        }
        for process in processes {
            let _ = kill_process(process, Signal::KILL);
        }
        std::thread::sleep(Duration::from_millis(10));
    }
}

/// These programs where their arguments name the root.
///
/// A dead process that nobody has asked after yet has no arguments left, so it is not among these.
pub(crate) fn processes_of(root: &Path, programs: &[&[u8]]) -> Vec<Pid> {
    // The root's own name: it is in every path below it, and the name of the namespace in containerd.
    let Some(needle) = root.file_name().map(OsStrExt::as_bytes) else { return Vec::new() };
    let entries = fs::read_dir("/proc").into_iter().flatten().flatten();
    entries
        .filter_map(|entry| {
            let id = Pid::from_raw(entry.file_name().to_str()?.parse().ok()?)?;
            let arguments = fs::read(entry.path().join("cmdline")).ok()?;
            let program = arguments.split(|byte| *byte == 0).next()?.rsplit(|byte| *byte == b'/').next()?;
            (programs.contains(&program) && memmem::find(&arguments, needle).is_some()).then_some(id)
        })
        .collect()
}

/// The mount points below the root, the deepest first.
fn mounts_below(root: &Path) -> Vec<PathBuf> {
    let table = fs::read_to_string("/proc/self/mountinfo").unwrap_or_default();
    // A space in a path stands there as its octal number.
    let points = table.lines().filter_map(|line| line.split(' ').nth(4));
    let points = points.map(|point| PathBuf::from(point.replace("\\040", " ")));
    let mut below: Vec<_> = points.filter(|point| point.starts_with(root)).collect();
    below.sort_by_key(|point| std::cmp::Reverse(point.components().count()));
    below
}
