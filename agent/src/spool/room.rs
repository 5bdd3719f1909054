//! What happens when the spool is full: the oldest batches are given up, and a marker that says so
//! takes their place in the stream. This is the one place where lines are dropped on purpose.

use std::fs;

use jiff::Timestamp;

use super::state::Queue;
use super::{Content, Spool, entry, on_disk};
use crate::logs::Destination;
use crate::logs::batch::Batch;
use entry::Header;

impl Spool {
    /// Gives up the oldest batches until `bytes` more have room, and tells how many events those
    /// were.
    pub(super) fn make_room(&self, bytes: u64) -> u64 {
        let mut dropped = 0;
        while self.bytes() + bytes > self.max_bytes {
            let Some((number, events, destination)) = self.oldest() else { break };
            let header = entry::read_header(&self.path(number));
            let passing = matches!(header, Err(entry::Fault::Passing(_)));
            if !passing {
                dropped += events;
                let replaced = self.content == Content::Lines
                    && header.is_ok_and(|header| self.replace_by_marker(&destination, &header, number));
                if !replaced {
                    self.remove(&destination, number);
                }
            }
            if let Some(queue) = self.state().queues.get_mut(&destination) {
                queue.replacing = false;
            }
            self.state().remove_if_empty(&destination);
            self.changed.send_replace(());
            if passing {
                break; // it is over the limit for as long as the disk gives no answer
            }
        }
        dropped
    }

    /// The oldest batch of all that is neither in flight nor a marker already. Its stream gives
    /// out no batch until it is replaced.
    fn oldest(&self) -> Option<(u64, u64, Destination)> {
        let mut state = self.state();
        let oldest = |(destination, queue): (&Destination, &Queue)| {
            let entry = queue
                .entries
                .iter()
                .find(|entry| !entry.in_flight && !entry.marker && entry.unwritten.is_none())?;
            Some((entry.number, u64::from(entry.events), destination.clone()))
        };
        let (number, events, destination) = state.queues.iter().filter_map(oldest).min()?;
        state.queues.get_mut(&destination)?.replacing = true;
        Some((number, events, destination))
    }

    fn replace_by_marker(&self, destination: &Destination, gap: &Header, number: u64) -> bool {
        let mut marker = gap.clone();
        let mut events = gap.events;
        // One marker for a row of batches.
        let before = self.marker_before(destination, number);
        if let Some(header) = before.and_then(|before| entry::read_header(&self.path(before)).ok()) {
            events += header.gap.unwrap_or_default();
            marker.first_ms = header.first_ms;
        }
        let mut batch = Batch::new(destination.clone());
        batch.push(marker.first_ms, &words(events, marker.first_ms, marker.last_ms));
        let body = batch.finish().body;
        marker.gap = Some(events);
        marker.events = 1;
        marker.body_bytes = body.len() as u64;
        marker.body_crc = crc32fast::hash(&body);
        let Ok(bytes) = entry::write(&self.path(number), &marker, &body) else { return false };
        let bytes = u32::try_from(bytes).unwrap_or(u32::MAX);
        let mut state = self.state();
        let queue = state.queues.get_mut(destination);
        let entry = queue.and_then(|queue| queue.entries.iter_mut().find(|entry| entry.number == number));
        if let Some(entry) = entry {
            let before = std::mem::replace(&mut entry.bytes, bytes);
            (entry.events, entry.marker, entry.doubt) = (1, true, 0);
            state.bytes =
                (state.bytes + on_disk(u64::from(bytes))).saturating_sub(on_disk(u64::from(before)));
        }
        drop(state);
        if let Some(before) = before {
            self.remove(destination, before);
        }
        true
    }

    fn marker_before(&self, destination: &Destination, number: u64) -> Option<u64> {
        let state = self.state();
        let queue = state.queues.get(destination)?;
        let before = queue.entries.iter().take_while(|entry| entry.number < number).last()?;
        (before.marker && !before.in_flight).then_some(before.number)
    }

    fn remove(&self, destination: &Destination, number: u64) {
        self.forget(destination, number);
        // It is given up either way; a file that cannot be removed is found at the next start.
        drop(fs::remove_file(self.path(number)));
    }
}

/// What the stream says where events are missing.
fn words(events: u64, first_ms: i64, last_ms: i64) -> String {
    let time = |ms| Timestamp::from_millisecond(ms).map_or_else(|_| ms.to_string(), |time| time.to_string());
    format!(
        "[starttech-agent] {events} events dropped from {} to {}: the spool was full (spool.max_bytes)",
        time(first_ms),
        time(last_ms)
    )
}
