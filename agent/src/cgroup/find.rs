//! Where the kernel keeps a container's control group.
//!
//! A process is in one group of each hierarchy. Version 1 has a hierarchy for each controller or for
//! several; version 2 has one for all; a hybrid host has both, and a controller belongs to one of them.
//! Understands texts; opens nothing.

use std::path::{Component, Path, PathBuf};

/// Whose files are in a directory.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Version {
    V1,
    V2,
}

/// A directory of a group.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Place {
    pub version: Version,
    pub directory: PathBuf,
}

/// Where each thing is kept; `None` if the host has no such controller.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Places {
    pub processor: Option<Place>,
    pub memory: Option<Place>,
    pub pids: Option<Place>,
    pub blocks: Option<Place>,
}

/// From a process's `cgroup` and the table of mounts. `None` if the process is in no group of this
/// container.
pub(super) fn places(member: &str, id: &str, mounts: &str, root: &Path) -> Option<Places> {
    let of = |controller: &str| {
        let v1 = place(member, id, mounts, root, Some(controller));
        v1.or_else(|| place(member, id, mounts, root, None))
    };
    let places =
        Places { processor: of("cpuacct"), memory: of("memory"), pids: of("pids"), blocks: of("blkio") };
    (places.processor.is_some() || places.memory.is_some()).then_some(places)
}

/// The directory in a controller's own hierarchy, or in that of version 2.
fn place(member: &str, id: &str, mounts: &str, root: &Path, controller: Option<&str>) -> Option<Place> {
    let path = group(member, id, controller)?;
    let directory = mounts.lines().find_map(|line| directory(line, controller, &path))?;
    let version = if controller.is_some() { Version::V1 } else { Version::V2 };
    // Below the root of a test's own tree; joining an absolute path would leave it.
    let directory = root.join(directory.strip_prefix("/").unwrap_or(&directory));
    Some(Place { version, directory })
}

/// `4:cpu,cpuacct:/docker/ID`, `0::/system.slice/docker-ID.scope`. What the container's first process
/// made for itself below its group is cut off: the group's totals hold it.
fn group(member: &str, id: &str, controller: Option<&str>) -> Option<PathBuf> {
    let mut lines = member.lines().filter_map(|line| {
        let (number, rest) = line.split_once(':')?;
        let (controllers, path) = rest.split_once(':')?;
        Some((number, controllers, path))
    });
    let (_, _, path) = lines.find(|(number, controllers, _)| match controller {
        Some(controller) => controllers.split(',').any(|one| one == controller),
        None => *number == "0" && controllers.is_empty(),
    })?;
    let mut of_container = PathBuf::new();
    for part in Path::new(path).components() {
        of_container.push(part);
        if !id.is_empty() && part.as_os_str().to_string_lossy().contains(id) {
            return Some(of_container);
        }
    }
    None
}

/// `33 31 0:30 / /sys/fs/cgroup/cpuacct rw - cgroup cgroup rw,cpuacct`: where the group is, if this is
/// its hierarchy's mount.
fn directory(mount: &str, controller: Option<&str>, group: &Path) -> Option<PathBuf> {
    let (first, second) = mount.split_once(" - ")?;
    let mut fields = first.split(' ').skip(3);
    let (top, point) = (fields.next()?, fields.next()?);
    let mut fields = second.split(' ');
    let (kind, options) = (fields.next()?, fields.nth(1)?);
    let is_it = match controller {
        Some(controller) => kind == "cgroup" && options.split(',').any(|option| option == controller),
        None => kind == "cgroup2",
    };
    // Inside a container a part of the hierarchy is mounted, and paths may lead out of it.
    let below = group.strip_prefix(top).ok()?;
    let inside = below.components().all(|part| matches!(part, Component::Normal(_)));
    (is_it && inside).then(|| Path::new(point).join(below))
}
