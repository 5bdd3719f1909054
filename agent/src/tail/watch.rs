//! Tells at once when Docker begins a new log file, so that it can be taken hold of before fast
//! rotation deletes it again. Where no watch can be had, polling still finds rotations, later.

use std::collections::HashMap;
use std::io;
use std::path::{Path, PathBuf};

use futures_util::StreamExt;
use inotify::{EventMask, EventStream, Inotify, WatchDescriptor, WatchMask, Watches};

/// Watches the directories of logs.
#[derive(Debug)]
pub struct Watcher {
    stream: EventStream<Vec<u8>>,
    watches: Watches,
    directories: HashMap<WatchDescriptor, PathBuf>,
}

/// What a watcher saw.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Seen {
    /// A log file was begun in this directory.
    Rotated(PathBuf),
    /// Something went by unseen: look at every directory.
    Overflow,
}

impl Watcher {
    /// A watcher of nothing.
    pub fn new() -> io::Result<Self> {
        let inotify = Inotify::init()?;
        let watches = inotify.watches();
        let stream = inotify.into_event_stream(vec![0; 16 * 1024])?;
        Ok(Self { stream, watches, directories: HashMap::new() })
    }

    /// Begins to watch a directory. It is left by itself when the directory is deleted.
    pub fn add(&mut self, directory: &Path) -> io::Result<()> {
        let mask = WatchMask::CREATE | WatchMask::MOVED_TO | WatchMask::ONLYDIR;
        let descriptor = self.watches.add(directory, mask)?;
        self.directories.insert(descriptor, directory.to_owned());
        Ok(())
    }

    /// Waits for the next new log file.
    pub async fn next(&mut self) -> io::Result<Seen> {
        loop {
            let Some(event) = self.stream.next().await else {
                return Err(io::Error::other("the inotify stream ended"));
            };
            let event = event?;
            if event.mask.contains(EventMask::Q_OVERFLOW) {
                return Ok(Seen::Overflow);
            }
            if event.mask.contains(EventMask::IGNORED) {
                self.directories.remove(&event.wd);
                continue;
            }
            // Docker's own files change beside the log; only a new log matters, not the renames.
            if event.name.is_some_and(|name| name.to_string_lossy().ends_with(".log"))
                && let Some(directory) = self.directories.get(&event.wd)
            {
                return Ok(Seen::Rotated(directory.clone()));
            }
        }
    }
}
