//! Takes hold of new log files at once: with fast rotation Docker deletes a file within
//! milliseconds of beginning it, and an open file outlives its name.
//!
//! A thread of its own does nothing else, so that no read, write or delivery keeps it from it.
//! Where no watch can be had, polling still finds rotations, later.

use std::collections::HashMap;
use std::io::{self, ErrorKind};
use std::sync::{Arc, Mutex, PoisonError, Weak};
use std::thread;
use std::time::Duration;

use inotify::{EventMask, Events, Inotify, WatchDescriptor, WatchMask, Watches};
use log::warn;

use super::Tail;
use super::names::Names;

/// How soon a file is tried again that no descriptor was left for.
const AGAIN: Duration = Duration::from_millis(20);

type Watched = Mutex<HashMap<WatchDescriptor, Weak<Names>>>;

/// Watches the directories of logs.
#[derive(Debug)]
pub struct Watcher {
    watches: Watches,
    logs: Arc<Watched>,
}

impl Watcher {
    /// A watcher of nothing. Its thread ends with the process, or with the first thing it sees
    /// after this was dropped.
    pub fn new() -> io::Result<Self> {
        let inotify = Inotify::init()?;
        let watches = inotify.watches();
        let logs = Arc::<Watched>::default();
        let weak = Arc::downgrade(&logs);
        thread::Builder::new().name("log-watch".to_owned()).spawn(move || {
            if let Err(error) = watch(inotify, &weak) {
                warn!("cannot watch log directories any more ({error}); rotations are found by polling");
            }
        })?;
        Ok(Self { watches, logs })
    }

    /// Begins to watch the directory of a log, for as long as it is read. The watch ends by itself
    /// when the directory is deleted.
    pub fn add(&mut self, tail: &Tail) -> io::Result<()> {
        let mask = WatchMask::CREATE | WatchMask::MOVED_TO | WatchMask::ONLYDIR;
        let names = tail.names();
        {
            let mut logs = self.logs.lock().unwrap_or_else(PoisonError::into_inner);
            let descriptor = self.watches.add(names.directory(), mask)?;
            logs.insert(descriptor, Arc::downgrade(names));
        }
        // What came after the log was opened and before it was watched. The reader meets the same
        // error, if there is one, and says it.
        names.look().ok();
        Ok(())
    }
}

fn watch(mut inotify: Inotify, watched: &Weak<Watched>) -> io::Result<()> {
    let mut buffer = [0; 4096];
    let mut short = Vec::new();
    loop {
        let events = if short.is_empty() {
            inotify.read_events_blocking(&mut buffer)
        } else {
            thread::sleep(AGAIN);
            look(&mut short);
            inotify.read_events(&mut buffer)
        };
        let events = match events {
            Ok(events) => events,
            Err(error) if matches!(error.kind(), ErrorKind::Interrupted | ErrorKind::WouldBlock) => continue,
            Err(error) => return Err(error),
        };
        let Some(watched) = watched.upgrade() else { return Ok(()) };
        let mut begun = begun(events, &watched);
        look(&mut begun);
        short.extend(begun);
    }
}

/// The logs in whose directories a log file was begun.
fn begun(events: Events<'_>, watched: &Watched) -> Vec<Arc<Names>> {
    let mut watched = watched.lock().unwrap_or_else(PoisonError::into_inner);
    let mut begun = Vec::new();
    for event in events {
        if event.mask.contains(EventMask::Q_OVERFLOW) {
            begun.extend(watched.values().filter_map(Weak::upgrade));
        } else if event.mask.contains(EventMask::IGNORED) {
            watched.remove(&event.wd);
        } else if let Some(names) = watched.get(&event.wd).and_then(Weak::upgrade)
            // Docker's own files change beside the log; only a new log matters, not the renames.
            && event.name == Some(names.name())
        {
            begun.push(names);
        }
    }
    begun
}

/// Takes hold of what is there; leaves those for which no descriptor was left. What else goes
/// wrong, the reader meets too, and says.
fn look(logs: &mut Vec<Arc<Names>>) {
    logs.retain(|names| {
        names.look().ok();
        names.is_short()
    });
}
