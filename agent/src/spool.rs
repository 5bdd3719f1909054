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
//! spool/quarantine/…             what could not be read, with the reason in the journal
//! ```
//!
//! Knows nothing of why a batch was refused or when to try again.

mod entry;
mod recover;
mod room;

use std::collections::{BTreeMap, HashMap, VecDeque};
use std::fs::{self, File};
use std::io;
use std::path::{Path, PathBuf};
use std::sync::{Mutex, MutexGuard, PoisonError};

use bytes::Bytes;
use tokio::sync::watch;

use crate::logs::batch::Finished;
use crate::logs::cursor::Cursor;
use crate::logs::{Destination, Outgoing};
pub use entry::Header;

/// The directory, and what is in it.
#[derive(Debug)]
pub struct Spool {
    directory: PathBuf,
    max_bytes: u64,
    _lock: File,
    state: Mutex<State>,
    changed: watch::Sender<()>,
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

#[derive(Debug, Default)]
struct State {
    queues: BTreeMap<Destination, Queue>,
    bytes: u64,
    next: u64,
    /// Of each container, the newest batch that was delivered: an older one must not set the
    /// cursor back.
    delivered: HashMap<String, u64>,
}

#[derive(Debug, Default)]
struct Queue {
    entries: VecDeque<Queued>,
    in_flight: bool,
}

#[derive(Debug)]
struct Queued {
    number: u64,
    bytes: u64,
    /// Stands for batches that were given up: see [`room`].
    marker: bool,
    /// A batch that could not be written, and is kept in memory: the disk is full.
    unwritten: Option<(Header, Bytes)>,
}

/// A batch that was taken to be sent. Give it back by [`Spool::delivered`] or [`Spool::release`].
#[derive(Debug)]
pub struct Taken {
    /// Its container, its cursor and its size.
    pub header: Header,
    /// What to send.
    pub outgoing: Outgoing,
}

impl Spool {
    /// Opens the directory, makes it if need be, and finds what an earlier run left.
    pub fn open(directory: &Path, max_bytes: u64) -> Result<(Self, Recovered), SpoolError> {
        let failed = |source| SpoolError::Directory { path: directory.to_owned(), source };
        for part in ["", "cursors", "quarantine"] {
            fs::create_dir_all(directory.join(part)).map_err(failed)?;
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
            _lock: lock,
            state: Mutex::new(state),
            changed: watch::Sender::new(()),
        };
        Ok((spool, recovered))
    }

    /// Writes a batch of a container, and the cursor that follows it. Blocks on the disk. Gives
    /// the number of events that were given up to make room for it.
    ///
    /// # Errors
    /// The batch comes back with the error: it was not written, and nothing is lost yet.
    pub fn append(
        &self,
        container: &str,
        cursor: &Cursor,
        batch: Finished,
    ) -> Result<u64, (io::Error, Box<(Header, Bytes)>)> {
        let number = self.next_number();
        let header = Header {
            number,
            destination: batch.destination,
            container: container.to_owned(),
            cursor: *cursor,
            events: batch.events as u64,
            first_ms: batch.first_ms,
            last_ms: batch.last_ms,
            body_bytes: batch.body.len() as u64,
            body_crc: crc32fast::hash(&batch.body),
            gap: None,
        };
        let dropped = self.make_room(header.body_bytes);
        match entry::write(&self.path(number), &header, &batch.body) {
            Ok(bytes) => {
                self.enqueue(&header, Queued { number, bytes, marker: false, unwritten: None });
                Ok(dropped)
            }
            Err(error) => Err((error, Box::new((header, Bytes::from(batch.body))))),
        }
    }

    /// Keeps a batch in memory that could not be written; it is sent in its turn. The caller
    /// keeps their number small by not reading on before they are gone.
    pub fn keep(&self, header: &Header, body: Bytes) {
        let queued = Queued {
            number: header.number,
            bytes: 0,
            marker: false,
            unwritten: Some((header.clone(), body)),
        };
        self.enqueue(header, queued);
    }

    /// How many batches are kept in memory.
    pub fn unwritten(&self) -> usize {
        self.state()
            .queues
            .values()
            .flat_map(|queue| &queue.entries)
            .filter(|e| e.unwritten.is_some())
            .count()
    }

    /// Claims the stream with the oldest batch, of those that are `wanted` and have none in
    /// flight, for [`Spool::take`].
    pub fn claim(&self, wanted: impl Fn(&Destination) -> bool) -> Option<Destination> {
        let mut state = self.state();
        let waiting = state.queues.iter_mut().filter(|(to, queue)| !queue.in_flight && wanted(to));
        let oldest = waiting.filter_map(|(to, queue)| Some((queue.entries.front()?.number, to, queue)));
        let (_, destination, queue) = oldest.min_by_key(|(number, ..)| *number)?;
        queue.in_flight = true;
        Some(destination.clone())
    }

    /// Reads the oldest batch of a claimed stream. One that cannot be read is set aside and told
    /// in `quarantined`; with nothing left, the claim ends. Blocks on the disk.
    pub fn take(&self, destination: &Destination, quarantined: &mut Vec<(PathBuf, String)>) -> Option<Taken> {
        loop {
            let front =
                self.state().queues.get(destination).and_then(|queue| {
                    queue.entries.front().map(|entry| (entry.number, entry.unwritten.clone()))
                });
            let Some((number, unwritten)) = front else {
                self.release(destination);
                return None;
            };
            let read = match unwritten {
                Some(held) => Ok(held),
                None => entry::read(&self.path(number)),
            };
            match read {
                Ok((header, body)) => {
                    let destination = header.destination.clone();
                    let events = usize::try_from(header.events).unwrap_or(usize::MAX);
                    return Some(Taken { header, outgoing: Outgoing { destination, body, events } });
                }
                Err(reason) => {
                    self.forget(destination, number);
                    quarantined.push(quarantine(&self.directory, &number_name(number), &reason));
                }
            }
        }
    }

    /// The batch has arrived: it becomes its container's cursor.
    ///
    /// # Errors
    /// The cursor could not be moved: after a crash now, the batch would be sent again.
    pub fn delivered(&self, taken: &Taken) -> io::Result<()> {
        let container = &taken.header.container;
        let newest = self.state().delivered.get(container).is_none_or(|newest| *newest < taken.header.number);
        let cursor = self.directory.join("cursors").join(container);
        let result = if newest {
            entry::into_cursor(&self.path(taken.header.number), &cursor, &taken.header)
        } else {
            fs::remove_file(self.path(taken.header.number))
        };
        if newest {
            self.state().delivered.insert(container.clone(), taken.header.number);
        }
        self.forget(&taken.header.destination, taken.header.number);
        self.release(&taken.header.destination);
        result
    }

    /// Ends a claim. A batch that has not arrived stays the oldest of its stream.
    pub fn release(&self, destination: &Destination) {
        let mut state = self.state();
        if let Some(queue) = state.queues.get_mut(destination) {
            queue.in_flight = false;
            if queue.entries.is_empty() {
                state.queues.remove(destination);
            }
        }
        drop(state);
        self.changed.send_replace(());
    }

    /// Sets a batch aside that the service will never take; its container's cursor moves on.
    pub fn set_aside(&self, taken: &Taken, reason: &str) -> (PathBuf, String) {
        let cursor = self.directory.join("cursors").join(&taken.header.container);
        let header = Header { body_bytes: 0, body_crc: 0, ..taken.header.clone() };
        // Without a cursor, the next start reads these lines again, and sets them aside again.
        drop(entry::write(&cursor, &header, &[]));
        self.forget(&taken.header.destination, taken.header.number);
        self.release(&taken.header.destination);
        quarantine(&self.directory, &number_name(taken.header.number), reason)
    }

    /// Forgets the cursors of containers that are gone, unless something of theirs still waits.
    pub fn forget_containers(&self, exists: impl Fn(&str) -> bool) -> io::Result<()> {
        if !self.is_empty() {
            return Ok(());
        }
        for file in fs::read_dir(self.directory.join("cursors"))? {
            let file = file?;
            if !exists(&file.file_name().to_string_lossy()) {
                fs::remove_file(file.path())?;
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

    fn next_number(&self) -> u64 {
        let mut state = self.state();
        state.next += 1;
        state.next
    }

    fn enqueue(&self, header: &Header, queued: Queued) {
        let mut state = self.state();
        state.bytes += queued.bytes;
        state.queues.entry(header.destination.clone()).or_default().entries.push_back(queued);
        drop(state);
        self.changed.send_replace(());
    }

    fn forget(&self, destination: &Destination, number: u64) {
        let mut state = self.state();
        let mut freed = 0;
        if let Some(queue) = state.queues.get_mut(destination) {
            queue.entries.retain(|entry| {
                freed += if entry.number == number { entry.bytes } else { 0 };
                entry.number != number
            });
            if queue.entries.is_empty() && !queue.in_flight {
                state.queues.remove(destination);
            }
        }
        state.bytes = state.bytes.saturating_sub(freed);
        drop(state);
        self.changed.send_replace(());
    }

    fn path(&self, number: u64) -> PathBuf {
        self.directory.join(number_name(number))
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Twenty digits sort as text as they do as numbers.
fn number_name(number: u64) -> String {
    format!("{number:020}")
}

fn quarantine(directory: &Path, name: &str, reason: &str) -> (PathBuf, String) {
    let from = directory.join(name);
    let to = directory.join("quarantine").join(name.replace('/', "-"));
    match fs::rename(&from, &to) {
        Ok(()) => (to, reason.to_owned()),
        Err(error) => (from, format!("{reason}; and it cannot be moved to quarantine: {error}")),
    }
}

#[cfg(test)]
mod tests;
