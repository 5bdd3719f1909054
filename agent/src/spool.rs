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
mod state;

use std::collections::HashMap;
use std::fs::{self, File, Permissions};
use std::io;
use std::os::unix::fs::{DirBuilderExt, PermissionsExt};
use std::path::{Path, PathBuf};
use std::sync::{Mutex, MutexGuard, PoisonError};

use bytes::Bytes;
use tokio::sync::watch;

use crate::logs::batch::Finished;
use crate::logs::cursor::Cursor;
use crate::logs::{Destination, Outgoing};
pub use entry::Header;
use state::State;

/// The directory, and what is in it.
#[derive(Debug)]
pub struct Spool {
    directory: PathBuf,
    max_bytes: u64,
    _lock: File,
    state: Mutex<State>,
    changed: watch::Sender<()>,
}

/// What came of writing a batch: how many events were given up to make room for it, or the batch
/// itself, with the reason why it could not be written.
pub type Appended = Result<u64, (io::Error, Box<(Header, Bytes)>)>;

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
    pub fn append(&self, container: &str, cursor: &Cursor, batch: Finished) -> Appended {
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
        if self.state().containers.get(container).is_some_and(|standing| standing.unwritten > 0) {
            // Its cursor would pass a batch that a crash takes away.
            let error = io::Error::other("an earlier batch of this container waits in memory");
            return Err((error, Box::new((header, Bytes::from(batch.body)))));
        }
        let dropped = self.make_room(on_disk(header.body_bytes + entry::HEADER_BYTES));
        match entry::write(&self.path(number), &header, &batch.body) {
            Ok(bytes) => {
                self.state().enqueue(&header, on_disk(bytes), None);
                self.changed.send_replace(());
                Ok(dropped)
            }
            Err(error) => Err((error, Box::new((header, Bytes::from(batch.body))))),
        }
    }

    /// Keeps a batch in memory that could not be written; it is sent in its turn. The caller
    /// keeps their number small by not reading on before they are gone.
    pub fn keep(&self, header: &Header, body: Bytes) {
        self.state().enqueue(header, 0, Some(Box::new((header.clone(), body))));
        self.changed.send_replace(());
    }

    /// How many batches are kept in memory.
    pub fn unwritten(&self) -> usize {
        self.state().containers.values().map(|standing| standing.unwritten).sum()
    }

    /// Claims the stream with the oldest batch, of those that are `wanted` and have none in
    /// flight, for [`Spool::take`].
    pub fn claim(&self, wanted: impl Fn(&Destination) -> bool) -> Option<Destination> {
        let mut state = self.state();
        let waiting =
            state.queues.iter_mut().filter(|(to, queue)| !queue.in_flight && !queue.replacing && wanted(to));
        let oldest = waiting.filter_map(|(to, queue)| Some((queue.entries.front()?.number, to, queue)));
        let (_, destination, queue) = oldest.min_by_key(|(number, ..)| *number)?;
        queue.in_flight = true;
        Some(destination.clone())
    }

    /// How large a buffer [`Spool::take`] needs for the oldest batch of a stream, in bytes.
    pub fn size_of_oldest(&self, destination: &Destination) -> usize {
        let state = self.state();
        let oldest = state.queues.get(destination).and_then(|queue| queue.entries.front());
        oldest.map_or(0, |entry| usize::try_from(entry.bytes).unwrap_or_default())
    }

    /// Reads the oldest batch of a claimed stream into `buffer`. One that cannot be read is set
    /// aside and told in `quarantined`; with nothing left, the claim ends. Blocks on the disk.
    pub fn take(
        &self,
        destination: &Destination,
        mut buffer: Vec<u8>,
        quarantined: &mut Vec<(PathBuf, String)>,
    ) -> Option<Taken> {
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
                Some(held) => Ok(*held),
                None => entry::read(&self.path(number), std::mem::take(&mut buffer)),
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
        let (header, path) = (&taken.header, self.path(taken.header.number));
        let moved = if self.state().moves_on(header) {
            entry::into_cursor(&path, &self.cursor(&header.container), header)
        } else {
            fs::remove_file(path)
        };
        self.forget(&header.destination, header.number);
        self.release(&header.destination);
        moved
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

    fn release_if_empty(&self, destination: &Destination) {
        let mut state = self.state();
        if state.queues.get(destination).is_some_and(|queue| queue.entries.is_empty() && !queue.in_flight) {
            state.queues.remove(destination);
        }
        drop(state);
        self.changed.send_replace(());
    }

    /// Sets a batch aside that the service will never take; its container's cursor moves on.
    pub fn set_aside(&self, taken: &Taken, reason: &str) -> (PathBuf, String) {
        let header = &taken.header;
        if self.state().moves_on(header) {
            let header = Header { body_bytes: 0, body_crc: 0, ..header.clone() };
            // Without a cursor, the next start reads these lines again, and sets them aside again.
            drop(entry::write(&self.cursor(&header.container), &header, &[]));
        }
        self.forget(&header.destination, header.number);
        self.release(&header.destination);
        quarantine(&self.directory, &number_name(header.number), reason)
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

    fn next_number(&self) -> u64 {
        let mut state = self.state();
        state.next += 1;
        state.next
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
