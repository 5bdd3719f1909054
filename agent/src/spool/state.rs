//! What is in the spool, in memory: a queue for each stream, and how each container stands.
//!
//! Knows the files' numbers and sizes, and touches none of them.

use std::collections::{BTreeMap, HashMap, VecDeque};
use std::sync::Arc;

use bytes::Bytes;

use super::entry::Header;
use crate::logs::Destination;

/// All that waits.
#[derive(Debug, Default)]
pub(super) struct State {
    pub(super) queues: BTreeMap<Destination, Queue>,
    pub(super) bytes: u64,
    pub(super) next: u64,
    pub(super) containers: HashMap<Arc<str>, Standing>,
}

/// How a container stands in the spool.
#[derive(Debug, Default)]
pub(super) struct Standing {
    pub(super) waiting: usize,
    /// Of those, how many are in memory only.
    pub(super) unwritten: usize,
    /// The newest batch that was delivered: an older one must not set the cursor back.
    pub(super) delivered: Option<u64>,
    /// Docker has removed the container: its cursor goes with its last batch.
    pub(super) gone: bool,
}

#[derive(Debug, Default)]
pub(super) struct Queue {
    pub(super) entries: VecDeque<Queued>,
    /// The oldest batch was taken.
    pub(super) in_flight: bool,
    /// A batch is being replaced by a marker: none may be taken meanwhile.
    pub(super) replacing: bool,
}

#[derive(Debug)]
pub(super) struct Queued {
    pub(super) number: u64,
    /// What the disk gives it.
    pub(super) bytes: u64,
    pub(super) container: Arc<str>,
    /// Stands for batches that were given up: see `room.rs`.
    pub(super) marker: bool,
    /// A batch that could not be written, and is kept in memory: the disk is full.
    pub(super) unwritten: Option<Box<(Header, Bytes)>>,
}

impl State {
    pub(super) fn key(&self, container: &str) -> Arc<str> {
        self.containers
            .get_key_value(container)
            .map_or_else(|| Arc::from(container), |(key, _)| Arc::clone(key))
    }

    pub(super) fn delivered(&self, container: &str) -> Option<u64> {
        self.containers.get(container)?.delivered
    }

    pub(super) fn enqueue(&mut self, header: &Header, bytes: u64, unwritten: Option<Box<(Header, Bytes)>>) {
        let container = self.key(&header.container);
        let standing = self.containers.entry(Arc::clone(&container)).or_default();
        standing.waiting += 1;
        standing.unwritten += usize::from(unwritten.is_some());
        standing.gone = false;
        self.bytes += bytes;
        let queued =
            Queued { number: header.number, bytes, container, marker: header.gap.is_some(), unwritten };
        self.queues.entry(header.destination.clone()).or_default().entries.push_back(queued);
    }

    /// Takes a batch out, and gives its container if it is gone and this was its last.
    pub(super) fn dequeue(&mut self, destination: &Destination, number: u64) -> Option<Arc<str>> {
        let queue = self.queues.get_mut(destination)?;
        // Nearly always the first.
        let at = queue.entries.iter().position(|entry| entry.number == number)?;
        let entry = queue.entries.remove(at)?;
        if queue.entries.is_empty() && !queue.in_flight && !queue.replacing {
            self.queues.remove(destination);
        }
        self.bytes = self.bytes.saturating_sub(entry.bytes);
        let standing = self.containers.get_mut(&entry.container)?;
        standing.waiting = standing.waiting.saturating_sub(1);
        standing.unwritten -= usize::from(entry.unwritten.is_some());
        if standing.waiting > 0 || !standing.gone {
            return None;
        }
        self.containers.remove(&entry.container);
        Some(entry.container)
    }

    /// Whether a batch moves its container's cursor on; from now on, no older one does.
    pub(super) fn moves_on(&mut self, header: &Header) -> bool {
        let key = self.key(&header.container);
        let delivered = &mut self.containers.entry(key).or_default().delivered;
        let newer = delivered.is_none_or(|newest| newest < header.number);
        if newer {
            *delivered = Some(header.number);
        }
        newer
    }
}
