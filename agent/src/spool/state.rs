//! What is in the spool, in memory: a queue for each stream, and how each container stands.
//!
//! Knows the files' numbers and sizes, and touches none of them.

use std::collections::{BTreeMap, HashMap, VecDeque};
use std::ops::Range;
use std::sync::Arc;

use bytes::Bytes;

use super::entry::Header;
use super::on_disk;
use crate::logs::Destination;
use crate::logs::pace::Pending;

/// Batches that go out in one call, at most: what is known of each takes memory meanwhile.
const RUN: usize = 500;
/// Calls of one stream in doubt, before new ones wait until some of these are cleared up.
const FLIGHTS: usize = 4;

/// A batch that could not be written, and is kept in memory: the disk is full.
pub(super) type Unwritten = Option<Box<(Header, Bytes)>>;

/// All that waits.
#[derive(Debug, Default)]
pub(super) struct State {
    pub(super) queues: BTreeMap<Destination, Queue>,
    /// Of the disk, in bytes.
    pub(super) bytes: u64,
    /// The number of the newest batch.
    pub(super) newest: u64,
    pub(super) containers: HashMap<Arc<str>, Standing>,
    /// Counts the claims: whose turn was longest ago comes next.
    claims: u64,
    /// The number of the newest flight.
    pub(super) flights: u64,
}

/// How a container stands in the spool.
#[derive(Debug, Default)]
pub(super) struct Standing {
    pub(super) waiting: usize,
    /// Of those, how many are in memory only.
    pub(super) unwritten: usize,
    /// The newest batch that was delivered: an older one must not set the cursor back.
    pub(super) delivered: Option<u64>,
    /// The time of its newest event so far.
    pub(super) last_ms: Option<i64>,
    /// See [`Header::shared_ms`].
    pub(super) shared_ms: u32,
    /// Docker has removed the container: its cursor goes with its last batch.
    pub(super) gone: bool,
}

#[derive(Debug, Default)]
#[expect(clippy::struct_excessive_bools, reason = "each holds or not whatever the others do")]
pub(super) struct Queue {
    pub(super) entries: VecDeque<Queued>,
    /// Some of it were taken.
    pub(super) in_flight: bool,
    /// A batch is being replaced by a marker: none may be taken meanwhile.
    pub(super) replacing: bool,
    /// The last call failed.
    pub(super) failing: bool,
    /// What is newer came while nothing was in the way: it shares the pace with the backlog before.
    pub(super) live_after: u64,
    /// The time of the newest event of all that waited in it.
    last_ms: Option<i64>,
    live_is_next: bool,
    doubtful_was_last: bool,
    claimed: u64,
}

#[derive(Debug)]
pub(super) struct Queued {
    pub(super) number: u64,
    pub(super) container: Arc<str>,
    pub(super) unwritten: Unwritten,
    /// The flight it left with and whose outcome is not known; 0 for none.
    pub(super) doubt: u64,
    /// Later batches of the container hold events of so many of its last milliseconds, too.
    pub(super) shared_ms: u32,
    /// The file's length.
    pub(super) bytes: u32,
    /// 10,000 at most.
    pub(super) events: u16,
    pub(super) in_flight: bool,
    /// Stands for batches that were given up: see `room.rs`.
    pub(super) marker: bool,
}

impl State {
    pub(super) fn key(&self, container: &str) -> Arc<str> {
        self.containers
            .get_key_value(container)
            .map_or_else(|| Arc::from(container), |(key, _)| Arc::clone(key))
    }

    pub(super) fn standing(&mut self, container: &str) -> &mut Standing {
        let key = self.key(container);
        self.containers.entry(key).or_default()
    }

    /// The number of a batch that begins at `first_ms`, the newest time before it, and what it and others
    /// share with those that wait.
    pub(super) fn next(&mut self, container: &str, first_ms: i64) -> (u64, Option<i64>, u32) {
        self.newest += 1;
        let number = self.newest;
        let standing = self.standing(container);
        let own = standing.last_ms.map_or(0, |last_ms| (last_ms - first_ms + 1).max(0));
        let own = u32::try_from(own).unwrap_or(u32::MAX);
        // Before it, nothing waits: of what has arrived, nothing need be proved.
        standing.shared_ms = if standing.waiting == 0 { 0 } else { standing.shared_ms.max(own) };
        (number, standing.last_ms, standing.shared_ms)
    }

    pub(super) fn delivered(&self, container: &str) -> Option<u64> {
        self.containers.get(container)?.delivered
    }

    /// Adds a batch behind the others of its stream. `bytes` is its file's length, 0 if it has none.
    pub(super) fn enqueue(&mut self, header: &Header, bytes: u64, unwritten: Unwritten) {
        let container = self.key(&header.container);
        let standing = self.containers.entry(Arc::clone(&container)).or_default();
        standing.waiting += 1;
        standing.unwritten += usize::from(unwritten.is_some());
        standing.gone = false;
        standing.last_ms = standing.last_ms.max(Some(header.last_ms)).max(header.after_ms);
        standing.shared_ms = standing.shared_ms.max(header.shared_ms);
        // What has overtaken it is not here to be asked; the cursor knows.
        let standing_shared = standing.shared_ms;
        let overtaken = standing.delivered.is_some_and(|newest| newest > header.number);
        self.bytes += on_disk(bytes);
        let claimed = self.claims; // it is not its turn before all others
        let new = || Queue { claimed, ..Queue::default() };
        let queue = self.queues.entry(header.destination.clone()).or_insert_with(new);
        let shared = queue.last_ms.map_or(0, |last_ms| last_ms - header.first_ms + 1);
        queue.last_ms = queue.last_ms.max(Some(header.last_ms));
        if let Ok(shared @ 1..) = u32::try_from(shared.min(i64::from(u32::MAX))) {
            for entry in queue.entries.iter_mut().filter(|entry| Arc::ptr_eq(&entry.container, &container)) {
                entry.shared_ms = entry.shared_ms.max(shared);
            }
        }
        let queued = Queued {
            number: header.number,
            container,
            unwritten,
            doubt: 0,
            shared_ms: if overtaken { standing_shared } else { 0 },
            bytes: u32::try_from(bytes).unwrap_or(u32::MAX),
            events: u16::try_from(header.events).unwrap_or(u16::MAX),
            in_flight: false,
            marker: header.gap.is_some(),
        };
        queue.entries.push_back(queued);
    }

    /// Takes a batch out, and gives its container if it is gone and this was its last.
    pub(super) fn dequeue(&mut self, destination: &Destination, number: u64) -> Option<Arc<str>> {
        let queue = self.queues.get_mut(destination)?;
        // Nearly always the first.
        let at = queue.entries.iter().position(|entry| entry.number == number)?;
        let entry = queue.entries.remove(at)?;
        self.remove_if_empty(destination);
        self.bytes = self.bytes.saturating_sub(on_disk(u64::from(entry.bytes)));
        let standing = self.containers.get_mut(&entry.container)?;
        standing.waiting = standing.waiting.saturating_sub(1);
        standing.unwritten -= usize::from(entry.unwritten.is_some());
        if standing.waiting > 0 || !standing.gone {
            return None;
        }
        self.containers.remove(&entry.container);
        Some(entry.container)
    }

    pub(super) fn remove_if_empty(&mut self, destination: &Destination) {
        let done = |queue: &Queue| queue.entries.is_empty() && !queue.in_flight && !queue.replacing;
        if self.queues.get(destination).is_some_and(done) {
            self.queues.remove(destination);
        }
    }

    /// Whether a batch moves its container's cursor on; from now on, no older one does.
    pub(super) fn moves_on(&mut self, header: &Header) -> bool {
        let delivered = &mut self.standing(&header.container).delivered;
        let newer = delivered.is_none_or(|newest| newest < header.number);
        if newer {
            *delivered = Some(header.number);
        }
        newer
    }

    /// Claims the stream whose turn was longest ago, of those that have something wanted to send
    /// and nothing in flight.
    pub(super) fn claim(
        &mut self,
        wanted: impl Fn(&Destination, Pending) -> bool,
    ) -> Option<(Destination, Pending)> {
        let mut best: Option<(u64, u64, &Destination, Pending)> = None;
        for (to, queue) in &self.queues {
            if queue.in_flight || queue.replacing {
                continue;
            }
            let pending = queue.order().iter().find_map(|&pending| {
                Some((queue.first(pending)?.number, pending)).filter(|_| wanted(to, pending))
            });
            if let Some((number, pending)) = pending
                && best.is_none_or(|(claimed, first, ..)| (queue.claimed, number) < (claimed, first))
            {
                best = Some((queue.claimed, number, to, pending));
            }
        }
        let (_, _, destination, pending) = best?;
        let destination = destination.clone();
        self.claims += 1;
        let queue = self.queues.get_mut(&destination)?;
        (queue.in_flight, queue.claimed) = (true, self.claims);
        queue.doubtful_was_last = pending == Pending::Doubtful;
        Some((destination, pending))
    }
}

impl Queue {
    /// What of it may go out, the first choice first: what is in doubt and the rest take turns. With
    /// much in doubt while calls fail, nothing more is to get there.
    fn order(&self) -> &'static [Pending] {
        if self.failing && self.flights_in_doubt() >= FLIGHTS {
            &[Pending::Doubtful]
        } else if self.doubtful_was_last {
            &[Pending::Fresh, Pending::Doubtful]
        } else {
            &[Pending::Doubtful, Pending::Fresh]
        }
    }

    fn flights_in_doubt(&self) -> usize {
        let mut last = 0;
        let starts = self.entries.iter().filter(|entry| {
            let begins = entry.doubt > 0 && entry.doubt != last;
            last = entry.doubt;
            begins
        });
        starts.take(FLIGHTS).count()
    }

    fn first(&self, pending: Pending) -> Option<&Queued> {
        self.entries.iter().find(|entry| entry.is(pending))
    }

    /// What goes out next: batches that follow one another and together keep the limits of a call.
    /// The backlog and what came since take turns, so that lines of now are not late for long.
    pub(super) fn run(
        &mut self,
        pending: Pending,
        (most_bytes, most_events): (usize, usize),
    ) -> Range<usize> {
        let oldest = self.entries.iter().position(|entry| entry.is(pending));
        let live = |entry: &Queued| entry.number > self.live_after && entry.is(pending);
        let live = if self.live_is_next { self.entries.iter().position(live) } else { None };
        let Some(start) = live.or(oldest) else { return 0..0 };
        self.live_is_next = live.is_none();
        let (mut bytes, mut events, mut end) = (0, 0, start);
        let first_doubt = self.entries.get(start).map(|entry| entry.doubt);
        for entry in self.entries.iter().skip(start).take(RUN) {
            bytes += entry.bytes as usize;
            events += usize::from(entry.events);
            let alone = end == start;
            let another = Some(entry.doubt) != first_doubt || entry.unwritten.is_some();
            // What is in doubt is looked for as it was sent.
            let over = entry.doubt == 0 && (bytes > most_bytes || events > most_events);
            if !alone && (another || over) {
                break;
            }
            end += 1;
            if entry.unwritten.is_some() {
                break;
            }
        }
        start..end
    }
}

impl Queued {
    fn is(&self, pending: Pending) -> bool {
        (self.doubt > 0) == (pending == Pending::Doubtful)
    }
}
