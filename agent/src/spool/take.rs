//! From the spool to the service: which batches go out in one call, and what becomes of them.
//!
//! Small batches of a stream that follow one another leave in one call, each with its own place in
//! its container's log: after an outage that is one call instead of one for every second of it.

use std::fs;
use std::io;
use std::path::PathBuf;

use bytes::Bytes;

use super::entry::Fault;
use super::state::Unwritten;
use super::{Content, Header, Spool, entry, flight, number_name, quarantine};
use crate::logs::batch::{self, BATCH_SPAN_MS, Stored, events};
use crate::logs::pace::Pending;
use crate::logs::{Destination, Outgoing};
use crate::metrics;

/// A stream whose turn it is; for [`Spool::take`].
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Claim {
    /// The stream.
    pub destination: Destination,
    /// What of it.
    pub pending: Pending,
    /// How large a buffer taking needs, in bytes.
    pub bytes: usize,
}

/// Batches that were taken to be sent in one call. Give them back by [`Spool::delivered`],
/// [`Spool::failed`] or [`Spool::set_aside`].
#[derive(Debug)]
pub struct Taken {
    /// What each of them is, the oldest first.
    pub headers: Vec<Header>,
    /// What to send.
    pub outgoing: Outgoing,
    /// They were sent before, and may have arrived.
    pub pending: Pending,
    /// Under which it is known that they are on their way.
    flight: u64,
    /// How many of the last milliseconds later batches hold events of, too.
    shared_ms: u32,
}

impl Taken {
    /// The newest event of a time that no other batch has events of: where it is, all the others are,
    /// for the service takes a batch as a whole.
    /// Where several containers share a stream, there is no such time.
    pub fn evidence(&self) -> Option<Stored> {
        let own = |header: &Header| {
            let id = header.container.get(..12).unwrap_or(&header.container);
            header.destination.stream.contains(id)
        };
        if !self.headers.iter().all(own) {
            return None;
        }
        let after_ms = self.headers.first().and_then(|header| header.after_ms).unwrap_or(i64::MIN);
        let until_ms = self.headers.last()?.last_ms - i64::from(self.shared_ms);
        let own = |event: &Stored| after_ms < event.time_ms && event.time_ms <= until_ms;
        events(&self.outgoing.body).filter(own).last()
    }
}

impl Spool {
    /// Claims the stream whose turn was longest ago, of those that have something `wanted` and
    /// nothing in flight.
    pub fn claim(&self, wanted: impl Fn(&Destination, Pending) -> bool) -> Option<Claim> {
        let mut state = self.state();
        let (destination, pending) = state.claim(wanted)?;
        let queue = state.queues.get_mut(&destination)?;
        let run = queue.run(pending, self.content.limits());
        let run = queue.entries.range_mut(run);
        let bytes = run.map(|entry| {
            entry.in_flight = true;
            entry.bytes as usize
        });
        Some(Claim { bytes: bytes.sum(), destination, pending })
    }

    /// Reads what was claimed into `bodies`. What is damaged is set aside and told in
    /// `quarantined`; with nothing left, the claim ends. Blocks on the disk.
    ///
    /// # Errors
    /// The disk, or a lack of descriptors; everything is as it was, and [`Spool::release`] ends the claim.
    pub fn take(
        &self,
        claim: &Claim,
        mut bodies: Vec<u8>,
        quarantined: &mut Vec<(PathBuf, String)>,
    ) -> io::Result<Option<Taken>> {
        bodies.clear();
        let mut headers: Vec<Header> = Vec::new();
        let mut passing = None;
        for (number, unwritten) in self.claimed(&claim.destination) {
            if let Some((header, body)) = unwritten.map(|held| *held) {
                headers.push(header);
                bodies.extend_from_slice(&body);
                break; // those in memory leave alone
            }
            let at = bodies.len();
            match entry::read(&self.path(number), &mut bodies) {
                Ok(header) if headers.is_empty() || follows(&headers, &header) => {
                    if at > 0 && !self.content.join(&mut bodies, at, &claim.destination) {
                        bodies.truncate(at);
                        break;
                    }
                    headers.push(header);
                }
                Ok(_) => {
                    bodies.truncate(at);
                    break;
                }
                Err(Fault::Passing(error)) => {
                    passing = Some(error);
                    break;
                }
                Err(Fault::Damaged(reason)) => {
                    self.forget(&claim.destination, number);
                    quarantined.push(quarantine(&self.directory, &self.path(number), &reason));
                }
            }
        }
        self.unclaim_behind(&claim.destination, headers.last().map(|header| header.number));
        if headers.is_empty() {
            if let Some(error) = passing {
                return Err(error);
            }
            self.release(&claim.destination);
            return Ok(None);
        }
        let flight = match claim.pending {
            Pending::Fresh => self.take_off(headers.iter().map(|header| header.number)),
            Pending::Doubtful => self.doubt_of(&claim.destination),
        };
        let shared_ms = self.shared_by(&claim.destination);
        let events = headers.iter().map(|header| usize::try_from(header.events).unwrap_or_default()).sum();
        let outgoing = Outgoing { destination: claim.destination.clone(), body: Bytes::from(bodies), events };
        Ok(Some(Taken { headers, outgoing, pending: claim.pending, flight, shared_ms }))
    }

    /// The batches have arrived: the last of each container becomes its cursor.
    ///
    /// # Errors
    /// A cursor could not be moved: after a crash now, its batch would be sent again.
    pub fn delivered(&self, taken: &Taken) -> io::Result<()> {
        let mut result = Ok(());
        for (nth, header) in taken.headers.iter().enumerate() {
            let later = taken.headers.iter().skip(nth + 1);
            let last = !later.into_iter().any(|later| later.container == header.container);
            let path = self.path(header.number);
            let moved = if last && self.state().moves_on(header) {
                entry::into_cursor(&path, &self.cursor(&header.container), header)
            } else {
                // What was in memory only has no file.
                fs::remove_file(path).or_else(|error| match error.kind() {
                    io::ErrorKind::NotFound => Ok(()),
                    _ => Err(error),
                })
            };
            result = result.and(moved);
            self.forget(&header.destination, header.number);
        }
        flight::end(&self.directory, taken.flight);
        self.land(taken, |queue| queue.failing = false);
        result
    }

    /// The call failed. Are the batches in doubt, they may have arrived all the same.
    pub fn failed(&self, taken: &Taken, doubtful: bool) {
        let doubt = if doubtful { taken.flight } else { 0 };
        if !doubtful {
            flight::end(&self.directory, taken.flight);
        }
        let newest = self.state().newest;
        self.land(taken, |queue| {
            (queue.failing, queue.live_after) = (true, newest);
            for entry in queue.entries.iter_mut().filter(|entry| entry.in_flight) {
                entry.doubt = doubt;
            }
        });
    }

    /// Sets batches aside that the service will never take; their containers' cursors move on.
    pub fn set_aside(&self, taken: &Taken, reason: &str) -> Vec<(PathBuf, String)> {
        let mut places = Vec::new();
        for header in &taken.headers {
            if self.state().moves_on(header) {
                let header = Header { body_bytes: 0, body_crc: 0, ..header.clone() };
                // Without a cursor, the next start reads these lines again, and sets them aside again.
                drop(entry::write(&self.cursor(&header.container), &header, &[]));
            }
            self.forget(&header.destination, header.number);
            places.push(quarantine(&self.directory, &self.path(header.number), reason));
        }
        flight::end(&self.directory, taken.flight);
        self.land(taken, |_| {});
        places
    }

    /// Sets one event aside that the service refused, of batches that it took otherwise.
    pub fn set_event_aside(&self, taken: &Taken, body: &[u8], reason: &str) -> (PathBuf, String) {
        let number = taken.headers.first().map_or(0, |header| header.number);
        super::quarantine::put(&self.directory, &format!("{}-event", number_name(number)), body, reason)
    }

    fn take_off(&self, numbers: impl Iterator<Item = u64>) -> u64 {
        let flight = {
            let mut state = self.state();
            state.flights += 1;
            state.flights
        };
        flight::begin(&self.directory, flight, numbers);
        flight
    }

    /// From now on the batches go out otherwise than in one call, and one event proves nothing of the
    /// others: after a kill, all of them are sent again.
    pub fn part(&self, taken: &Taken) {
        flight::end(&self.directory, taken.flight);
    }

    fn claimed(&self, destination: &Destination) -> Vec<(u64, Unwritten)> {
        let state = self.state();
        let entries = state.queues.get(destination).into_iter().flat_map(|queue| &queue.entries);
        let claimed = entries.filter(|entry| entry.in_flight);
        claimed.map(|entry| (entry.number, entry.unwritten.clone())).collect()
    }

    fn unclaim_behind(&self, destination: &Destination, last: Option<u64>) {
        let mut state = self.state();
        let entries = state.queues.get_mut(destination).into_iter().flat_map(|queue| &mut queue.entries);
        for entry in entries.filter(|entry| last.is_none_or(|last| entry.number > last)) {
            entry.in_flight = false;
        }
    }

    fn doubt_of(&self, destination: &Destination) -> u64 {
        let state = self.state();
        let mut entries = state.queues.get(destination).into_iter().flat_map(|queue| &queue.entries);
        entries.find(|entry| entry.in_flight).map_or(0, |entry| entry.doubt)
    }

    fn shared_by(&self, destination: &Destination) -> u32 {
        let state = self.state();
        let mut entries = state.queues.get(destination).into_iter().flat_map(|queue| &queue.entries);
        entries.rfind(|entry| entry.in_flight).map_or(0, |entry| entry.shared_ms)
    }

    /// The call is over.
    fn land(&self, taken: &Taken, outcome: impl FnOnce(&mut super::state::Queue)) {
        if let Some(queue) = self.state().queues.get_mut(&taken.outgoing.destination) {
            outcome(queue);
            queue.entries.iter_mut().for_each(|entry| entry.in_flight = false);
        }
        self.release(&taken.outgoing.destination);
    }

    /// Ends a claim of which nothing was taken.
    pub fn release(&self, destination: &Destination) {
        let mut state = self.state();
        if let Some(queue) = state.queues.get_mut(destination) {
            queue.in_flight = false;
            state.remove_if_empty(destination);
        }
        drop(state);
        self.changed.send_replace(());
    }
}

impl Content {
    /// Bytes of batches in the spool, and events, that may leave in one call.
    fn limits(self) -> (usize, usize) {
        match self {
            Self::Lines => (batch::BATCH_BYTES, batch::BATCH_EVENTS),
            Self::Datapoints => (metrics::batch::JOINED_BYTES, metrics::batch::BATCH_DATUMS),
            Self::Alerts => (0, 0),
        }
    }

    /// Makes one body of two that stand in `bodies` one behind the other, if they can be one.
    fn join(self, bodies: &mut Vec<u8>, at: usize, destination: &Destination) -> bool {
        match self {
            Self::Lines => batch::join(bodies, at, destination),
            Self::Datapoints => metrics::batch::join(bodies, at),
            Self::Alerts => false,
        }
    }
}

impl Spool {
    /// Two halves of what was refused, the first one first; `None` if it cannot be halved.
    pub fn halve(&self, outgoing: &Outgoing) -> Option<[Outgoing; 2]> {
        let part = |(body, events)| Outgoing {
            destination: outgoing.destination.clone(),
            body: Bytes::from(body),
            events,
        };
        match self.content {
            Content::Lines => {
                let [first, second] = batch::halve(&outgoing.body, &outgoing.destination)?;
                let middle = outgoing.events / 2;
                Some([(first, middle), (second, outgoing.events - middle)].map(part))
            }
            Content::Datapoints => Some(metrics::batch::halve(&outgoing.body)?.map(part)),
            Content::Alerts => None,
        }
    }
}

/// Whether a batch may leave in the same call: the service wants events in order of time, within a day.
fn follows(headers: &[Header], next: &Header) -> bool {
    let (Some(first), Some(last)) = (headers.first(), headers.last()) else { return true };
    last.last_ms <= next.first_ms && next.last_ms - first.first_ms < BATCH_SPAN_MS
}
