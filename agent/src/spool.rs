//! A directory of batches on their way out: each is one file, complete or not there at all.
//!
//! Everything goes through it, always: a batch is written, synced and renamed into place together
//! with the position in the container's log that follows it; the oldest of each stream is sent
//! first; the receipt turns the file into the container's cursor by one rename. So batch and
//! cursor move together, and a crash at any moment leaves one or the other, never half of both.
//!
//! ```text
//! spool/lock                     held by the one agent that uses the directory
//! spool/00000000000000000042     a batch: header line, then the body of the request
//! spool/cursors/<container id>   the last delivered batch of a container, cut to its header
//! spool/flights/…                which batches are on their way at this moment: see `flight.rs`
//! spool/quarantine/…             what could not be read, with the reason in the journal
//! spool/metrics/…                the same again, for batches of datapoints
//! spool/alerts/…                 and for alerts, with what is known of them in `note`,
//!                                and the operator's `silences.json`
//! spool/history/…                what was measured and told lately: see `history.rs`
//! ```
//!
//! Knows nothing of why a batch was refused or when to try again.

mod entry;
mod flight;
pub mod history;
mod note;
mod quarantine;
mod recover;
mod room;
pub mod silences;
mod state;
mod take;

use std::collections::HashMap;
use std::fs::{self, File, Permissions};
use std::io;
use std::os::unix::fs::{DirBuilderExt, PermissionsExt};
use std::path::{Path, PathBuf};
use std::sync::{Mutex, MutexGuard, PoisonError};

use bytes::Bytes;
use tokio::sync::watch;

use crate::logs::Destination;
use crate::logs::batch::Finished;
use crate::logs::cursor::Cursor;
pub use entry::Header;
use quarantine::quarantine;
use state::State;
pub use take::{Claim, Taken};

/// The directories in the spool's.
const PARTS: [&str; 3] = ["cursors", "quarantine", flight::DIRECTORY];
/// Below the lines' spool, the one of datapoints has its place.
pub const METRICS: &str = "metrics";
/// And the one of alerts.
pub const ALERTS: &str = "alerts";

/// The directory, and what is in it.
#[derive(Debug)]
pub struct Spool {
    directory: PathBuf,
    max_bytes: u64,
    content: Content,
    _lock: File,
    state: Mutex<State>,
    changed: watch::Sender<()>,
}

/// What the batches hold, and so what one call may take of them.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Content {
    /// What is given up is told in the stream itself.
    Lines,
    /// What is given up leaves a gap, which says enough.
    Datapoints,
    /// Each goes by itself.
    Alerts,
}

/// What came of writing a batch: how many events were given up to make room for it, and, if it could
/// not be written, why, and the batch itself.
#[derive(Debug)]
pub struct Appended {
    /// Events that were given up.
    pub dropped: u64,
    /// The batch was not written, and nothing of it is lost yet.
    pub unwritten: Option<(io::Error, Box<(Header, Bytes)>)>,
}

/// What was found when the spool was opened.
#[derive(Debug, Default)]
pub struct Recovered {
    /// Where to read on in each container's log, by container id.
    pub cursors: HashMap<String, Cursor>,
    /// Files that were set aside, each with the reason.
    pub quarantined: Vec<(PathBuf, String)>,
    /// Batches that wait to be sent.
    pub batches: usize,
}

/// Why the spool cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum SpoolError {
    /// The directory cannot be made or read.
    #[error("cannot use the spool directory {}", path.display())]
    Directory {
        /// Where.
        path: PathBuf,
        /// Why.
        source: io::Error,
    },
    /// Another agent is at work there.
    #[error("the spool directory {} is in use by another starttech-agent; stop that one, or set spool.directory", path.display())]
    Locked {
        /// Where.
        path: PathBuf,
    },
}

impl Spool {
    /// Opens the directory, makes it if need be, and finds what an earlier run left.
    pub fn open(directory: &Path, max_bytes: u64) -> Result<(Self, Recovered), SpoolError> {
        let failed = |source| SpoolError::Directory { path: directory.to_owned(), source };
        make_private(directory).map_err(failed)?;
        for part in PARTS {
            make_private(&directory.join(part)).map_err(failed)?;
        }
        let lock = File::create(directory.join("lock")).map_err(failed)?;
        match lock.try_lock() {
            Ok(()) => {}
            Err(fs::TryLockError::WouldBlock) => {
                return Err(SpoolError::Locked { path: directory.to_owned() });
            }
            Err(fs::TryLockError::Error(source)) => return Err(failed(source)),
        }
        let mut recovered = Recovered::default();
        let state = recover::recover(directory, &mut recovered).map_err(failed)?;
        let spool = Self {
            directory: directory.to_owned(),
            max_bytes,
            content: Content::Lines,
            _lock: lock,
            state: Mutex::new(state),
            changed: watch::Sender::new(()),
        };
        Ok((spool, recovered))
    }

    /// It is one of batches of datapoints.
    #[must_use]
    pub fn of_datapoints(mut self) -> Self {
        self.content = Content::Datapoints;
        self
    }

    /// It is one of alerts.
    #[must_use]
    pub fn of_alerts(mut self) -> Self {
        self.content = Content::Alerts;
        self
    }

    /// Writes a batch of a container, and the cursor that follows it. Blocks on the disk.
    pub fn append(&self, container: &str, cursor: &Cursor, batch: Finished) -> Appended {
        let (number, after_ms, shared_ms) = self.state().next(container, batch.first_ms);
        let header = Header {
            number,
            destination: batch.destination,
            container: container.to_owned(),
            cursor: *cursor,
            events: batch.events as u64,
            first_ms: batch.first_ms,
            last_ms: batch.last_ms,
            after_ms,
            shared_ms,
            body_bytes: batch.body.len() as u64,
            body_crc: crc32fast::hash(&batch.body),
            gap: None,
        };
        if self.state().containers.get(container).is_some_and(|standing| standing.unwritten > 0) {
            // Its cursor would pass a batch that a crash takes away.
            let error = io::Error::other("an earlier batch of this container waits in memory");
            let unwritten = Some((error, Box::new((header, Bytes::from(batch.body)))));
            return Appended { dropped: 0, unwritten };
        }
        let dropped = self.make_room(on_disk(header.body_bytes + entry::HEADER_BYTES));
        let unwritten = match entry::write(&self.path(number), &header, &batch.body) {
            Ok(bytes) => {
                self.state().enqueue(&header, bytes, None);
                self.changed.send_replace(());
                None
            }
            Err(error) => Some((error, Box::new((header, Bytes::from(batch.body))))),
        };
        Appended { dropped, unwritten }
    }

    /// Keeps a batch in memory that could not be written; it is sent in its turn. The caller
    /// keeps their number small by not reading on before they are gone.
    pub fn keep(&self, header: &Header, body: Bytes) {
        self.state().enqueue(header, 0, Some(Box::new((header.clone(), body))));
        self.changed.send_replace(());
    }

    /// The last call to this stream failed, and its batches wait: there is no hurry with more.
    pub fn is_failing(&self, destination: &Destination) -> bool {
        self.state().queues.get(destination).is_some_and(|queue| queue.failing)
    }

    /// Streams with batches that an earlier run sent, and of which it is not known whether they arrived.
    pub fn in_doubt(&self) -> Vec<Destination> {
        let state = self.state();
        let doubtful =
            state.queues.iter().filter(|(_, queue)| queue.entries.iter().any(|entry| entry.doubt > 0));
        doubtful.map(|(destination, _)| destination.clone()).collect()
    }

    /// How many batches are kept in memory.
    pub fn unwritten(&self) -> usize {
        self.state().containers.values().map(|standing| standing.unwritten).sum()
    }

    /// A container is gone: its cursor goes when nothing of it waits any more.
    pub fn retire(&self, container: &str) {
        let mut state = self.state();
        let key = state.key(container);
        let standing = state.containers.entry(key).or_default();
        standing.gone = true;
        if standing.waiting == 0 {
            state.containers.remove(container);
            drop(state);
            self.remove_cursor(container);
        }
    }

    /// Retires all containers with a cursor that do not exist any more.
    pub fn retire_all(&self, exists: impl Fn(&str) -> bool) -> io::Result<()> {
        for file in fs::read_dir(self.directory.join("cursors"))? {
            let name = file?.file_name();
            let container = name.to_string_lossy();
            if !exists(&container) {
                self.retire(&container);
            }
        }
        Ok(())
    }

    /// Tells whenever something was added, given back or removed.
    pub fn changes(&self) -> watch::Receiver<()> {
        self.changed.subscribe()
    }

    /// Nothing waits and nothing is in flight.
    pub fn is_empty(&self) -> bool {
        self.state().queues.is_empty()
    }

    /// Bytes on disk that wait to be sent.
    pub fn bytes(&self) -> u64 {
        self.state().bytes
    }

    /// The most that may wait, in bytes.
    pub fn max_bytes(&self) -> u64 {
        self.max_bytes
    }

    /// How many batches wait.
    pub fn batches(&self) -> u64 {
        self.state().queues.values().map(|queue| queue.entries.len() as u64).sum()
    }

    /// The time of the oldest event of the oldest batch that waits, in milliseconds since the epoch, if any
    /// does. Reads one header.
    ///
    /// # Errors
    /// The disk, or a lack of descriptors.
    pub fn oldest_ms(&self) -> io::Result<Option<i64>> {
        let oldest = {
            let state = self.state();
            let entries = state.queues.values().filter_map(|queue| queue.entries.front());
            let Some(oldest) = entries.min_by_key(|entry| entry.number) else { return Ok(None) };
            match &oldest.unwritten {
                Some(unwritten) => return Ok(Some(unwritten.0.first_ms)),
                None => oldest.number,
            }
        };
        match entry::read_header(&self.path(oldest)) {
            Ok(header) => Ok(Some(header.first_ms)),
            Err(entry::Fault::Passing(error)) => Err(error),
            // It was delivered meanwhile, or is about to be found damaged.
            Err(entry::Fault::Damaged(_)) => Ok(None),
        }
    }

    fn forget(&self, destination: &Destination, number: u64) {
        let retired = self.state().dequeue(destination, number);
        if let Some(container) = retired {
            self.remove_cursor(&container);
        }
        self.changed.send_replace(());
    }

    fn cursor(&self, container: &str) -> PathBuf {
        self.directory.join("cursors").join(container)
    }

    /// A cursor too many is harmless, and found again at the next start.
    fn remove_cursor(&self, container: &str) {
        drop(fs::remove_file(self.cursor(container)));
    }

    /// Where it puts what it can neither read nor deliver.
    pub fn quarantine(&self) -> PathBuf {
        self.directory.join("quarantine")
    }

    fn path(&self, number: u64) -> PathBuf {
        self.directory.join(number_name(number))
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// What a file of `bytes` takes of the disk: whole blocks.
fn on_disk(bytes: u64) -> u64 {
    bytes.next_multiple_of(4096)
}

/// Twenty digits sort as text as they do as numbers.
fn number_name(number: u64) -> String {
    format!("{number:020}")
}

/// The spool holds what containers print: Docker keeps that from other users, and so do we.
fn make_private(directory: &Path) -> io::Result<()> {
    fs::DirBuilder::new().recursive(true).mode(0o700).create(directory)?;
    fs::set_permissions(directory, Permissions::from_mode(0o700))
}

#[cfg(test)]
mod tests;
