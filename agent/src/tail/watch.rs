//! Takes hold of new log files at once: with fast rotation Docker deletes a file within
//! milliseconds of beginning it, and an open file outlives its name.
//!
//! A thread of its own does nothing else, so that no read, write or delivery keeps it from it.
//! Where no watch can be had, polling still finds rotations, later.

use std::collections::HashMap;
use std::fs::File;
use std::io::{self, ErrorKind};
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread;

use inotify::{EventMask, Inotify, WatchDescriptor, WatchMask, Watches};
use log::warn;
use tokio::sync::mpsc;

/// Files taken hold of and not yet read, at most: far more than a second of the fastest rotation.
const HELD: usize = 256;

type Directories = Arc<Mutex<HashMap<WatchDescriptor, PathBuf>>>;

/// Watches the directories of logs.
#[derive(Debug)]
pub struct Watcher {
    seen: mpsc::Receiver<Seen>,
    watches: Watches,
    directories: Directories,
}

/// What a watcher saw.
#[derive(Debug)]
pub enum Seen {
    /// A log file was begun in this directory, and is open here; unless it was gone already, or
    /// could not be opened.
    Begun(PathBuf, Option<File>),
    /// Something went by unseen: look at every directory.
    Overflow,
}

impl Watcher {
    /// A watcher of nothing. Its thread ends with the process, or with the first thing it sees
    /// when nobody listens any more.
    pub fn new() -> io::Result<Self> {
        let inotify = Inotify::init()?;
        let watches = inotify.watches();
        let directories = Directories::default();
        let (send, seen) = mpsc::channel(HELD);
        let known = Arc::clone(&directories);
        thread::Builder::new().name("log-watch".to_owned()).spawn(move || watch(inotify, &known, &send))?;
        Ok(Self { seen, watches, directories })
    }

    /// Begins to watch a directory. It is left by itself when the directory is deleted.
    pub fn add(&mut self, directory: &Path) -> io::Result<()> {
        let mask = WatchMask::CREATE | WatchMask::MOVED_TO | WatchMask::ONLYDIR;
        let mut directories = self.directories.lock().unwrap_or_else(PoisonError::into_inner);
        let descriptor = self.watches.add(directory, mask)?;
        directories.insert(descriptor, directory.to_owned());
        Ok(())
    }

    /// The next new log file, if there is one already.
    pub fn next_now(&mut self) -> Option<Seen> {
        self.seen.try_recv().ok()
    }
}

/// Waits for the next new log file; for ever without a watcher. One that fails is let go.
pub async fn next(watcher: &mut Option<Watcher>) -> Seen {
    let Some(watching) = watcher else { return std::future::pending().await };
    if let Some(seen) = watching.seen.recv().await {
        return seen;
    }
    warn!("watching log directories failed; rotations are found by polling from now on");
    *watcher = None;
    Seen::Overflow
}

fn watch(mut inotify: Inotify, directories: &Directories, send: &mpsc::Sender<Seen>) {
    let mut buffer = [0; 4096];
    loop {
        let events = match inotify.read_events_blocking(&mut buffer) {
            Ok(events) => events,
            Err(error) if error.kind() == ErrorKind::Interrupted => continue,
            Err(_) => return,
        };
        for event in events {
            let seen = if event.mask.contains(EventMask::Q_OVERFLOW) {
                Seen::Overflow
            } else {
                let mut directories = directories.lock().unwrap_or_else(PoisonError::into_inner);
                if event.mask.contains(EventMask::IGNORED) {
                    directories.remove(&event.wd);
                    continue;
                }
                // Docker's own files change beside the log; only a new log matters, not the renames.
                let Some(name) = event.name.filter(|name| name.to_string_lossy().ends_with(".log")) else {
                    continue;
                };
                let Some(directory) = directories.get(&event.wd) else { continue };
                Seen::Begun(directory.clone(), File::open(directory.join(name)).ok())
            };
            if send.blocking_send(seen).is_err() {
                return;
            }
        }
    }
}
