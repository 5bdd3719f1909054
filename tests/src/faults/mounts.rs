//! File systems that a row may fill or forbid to be written. Below a dockerd's root, so that what a
//! killed run leaves mounted goes with that root.

use std::fs::{self, File};
use std::io::Write;
use std::path::{Path, PathBuf};

use rustix::mount::{MountFlags, UnmountFlags, mount, mount_bind, mount_remount, unmount};

/// A small file system; it is unmounted with this value.
#[derive(Debug)]
pub(super) struct Disk(PathBuf);

impl Disk {
    /// Mounts one of so many MiB.
    pub(super) fn mount(at: PathBuf, mib: u32) -> Self {
        fs::create_dir_all(&at).expect("a directory");
        let size = std::ffi::CString::new(format!("size={mib}m")).expect("no NUL");
        mount("tmpfs", &at, "tmpfs", MountFlags::empty(), Some(size.as_c_str())).expect("a tmpfs");
        Self(at)
    }

    /// A directory on it.
    pub(super) fn directory(&self) -> PathBuf {
        self.0.join("spool")
    }

    /// Writes until nothing more goes in.
    pub(super) fn fill(&self) {
        let mut file = File::create(self.0.join("filler")).expect("a file");
        for piece in [1 << 16, 1 << 12] {
            while file.write(&vec![0; piece]).is_ok_and(|written| written > 0) {}
        }
    }

    /// Makes room again.
    pub(super) fn empty(&self) {
        fs::remove_file(self.0.join("filler")).expect("it was filled");
    }
}

impl Drop for Disk {
    fn drop(&mut self) {
        let _ = unmount(&self.0, UnmountFlags::DETACH);
    }
}

/// A directory that nobody can write, root neither; it can be again when this value is gone.
#[derive(Debug)]
pub(super) struct ReadOnly(PathBuf);

impl ReadOnly {
    /// Lays a read-only view over the directory. Files that are open stay open.
    pub(super) fn make(directory: &Path) -> Self {
        mount_bind(directory, directory).expect("a bind mount");
        let flags = MountFlags::BIND | MountFlags::RDONLY;
        mount_remount(directory, flags, "").expect("a read-only view");
        Self(directory.to_owned())
    }
}

impl Drop for ReadOnly {
    fn drop(&mut self) {
        let _ = unmount(&self.0, UnmountFlags::DETACH);
    }
}
