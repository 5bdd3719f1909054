//! Events become batches that keep `PutLogEvents`' limits, already in the request's own JSON: an
//! event is escaped once, and what the spool keeps is what is sent.
//!
//! Limits: <https://docs.aws.amazon.com/AmazonCloudWatchLogs/latest/APIReference/API_PutLogEvents.html>.
//! Knows nothing of where the events come from or how the request travels.

use std::ops::Range;

use memchr::memmem;
use serde::de::IgnoredAny;
use serde::{Deserialize, Serialize};

use super::Destination;

/// Events in a batch, at most.
pub const BATCH_EVENTS: usize = 10_000;
/// Bytes of a batch, at most: every message in UTF-8, and [`EVENT_OVERHEAD`] for each.
pub const BATCH_BYTES: usize = 1_048_576;
/// What the service adds to the bytes of each event.
pub const EVENT_OVERHEAD: usize = 26;
/// Bytes of a message, at most: 1 MiB with the overhead.
pub const EVENT_BYTES: usize = BATCH_BYTES - EVENT_OVERHEAD;
/// Between the first and the last event of a batch, at most: 24 hours, in milliseconds.
pub const BATCH_SPAN_MS: i64 = 24 * 60 * 60 * 1000;

/// How a body ends.
const TAIL: &[u8] = b"]}";

/// Events on their way to one stream.
#[derive(Debug)]
pub struct Batch {
    destination: Destination,
    body: Vec<u8>,
    /// Time and place in `body` of each event, in order of arrival.
    index: Vec<(i64, Range<u32>)>,
    bytes: usize,
    first_ms: i64,
    last_ms: i64,
    sorted: bool,
}

/// A batch that takes no more events.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Finished {
    /// Where it goes.
    pub destination: Destination,
    /// The JSON of the `PutLogEvents` request.
    pub body: Vec<u8>,
    /// How many events it holds.
    pub events: usize,
    /// The time of the oldest event, in milliseconds since the epoch.
    pub first_ms: i64,
    /// The time of the newest event, in milliseconds since the epoch.
    pub last_ms: i64,
}

impl Batch {
    /// An empty batch.
    pub fn new(destination: Destination) -> Self {
        let body = head(&destination);
        Self { destination, body, index: Vec::new(), bytes: 0, first_ms: 0, last_ms: 0, sorted: true }
    }

    /// Whether a message of `length` bytes, of that time, may still go into this batch.
    pub fn fits(&self, time_ms: i64, length: usize) -> bool {
        self.index.is_empty()
            || (self.index.len() < BATCH_EVENTS
                && self.bytes + length + EVENT_OVERHEAD <= BATCH_BYTES
                // The service refuses a batch that "spans more than 24 hours": stay below.
                && self.last_ms.max(time_ms) - self.first_ms.min(time_ms) < BATCH_SPAN_MS)
    }

    /// Adds an event; [`Batch::fits`] said that it may, and its message is not empty.
    pub fn push(&mut self, time_ms: i64, message: &str) {
        if self.index.is_empty() {
            (self.first_ms, self.last_ms) = (time_ms, time_ms);
        } else {
            self.body.push(b',');
            self.sorted &= time_ms >= self.last_ms;
            self.first_ms = self.first_ms.min(time_ms);
            self.last_ms = self.last_ms.max(time_ms);
        }
        let start = self.body.len();
        self.body.extend_from_slice(b"{\"timestamp\":");
        self.body.extend_from_slice(itoa::Buffer::new().format(time_ms).as_bytes());
        self.body.extend_from_slice(b",\"message\":");
        write_string(&mut self.body, message);
        self.body.push(b'}');
        self.index.push((time_ms, offset(start)..offset(self.body.len())));
        self.bytes += message.len() + EVENT_OVERHEAD;
    }

    /// Where it goes.
    pub fn destination(&self) -> &Destination {
        &self.destination
    }

    /// No event in it.
    pub fn is_empty(&self) -> bool {
        self.index.is_empty()
    }

    /// Memory it holds, in bytes.
    pub fn memory(&self) -> usize {
        if self.is_empty() {
            // There is one for each container, and none of them is worth closing.
            return 0;
        }
        self.body.capacity() + self.index.capacity() * size_of::<(i64, Range<u32>)>()
    }

    /// Closes the batch, its events in order of time; those of the same millisecond in order of
    /// arrival.
    pub fn finish(mut self) -> Finished {
        if !self.sorted {
            let from = self.index.first().map_or(0, |(_, place)| place.start as usize);
            let mut body = Vec::with_capacity(self.body.len() + 2);
            body.extend_from_slice(self.body.get(..from).unwrap_or_default());
            self.index.sort_by_key(|(time_ms, _)| *time_ms);
            for (nth, (_, place)) in self.index.iter().enumerate() {
                if nth > 0 {
                    body.push(b',');
                }
                let event = self.body.get(place.start as usize..place.end as usize);
                body.extend_from_slice(event.unwrap_or_default());
            }
            self.body = body;
        }
        self.body.extend_from_slice(TAIL);
        Finished {
            destination: self.destination,
            events: self.index.len(),
            first_ms: self.first_ms,
            last_ms: self.last_ms,
            body: self.body,
        }
    }
}

/// One event of a finished batch.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Stored {
    /// Milliseconds since the epoch.
    #[serde(rename = "timestamp")]
    pub time_ms: i64,
    /// The message.
    pub message: String,
}

/// The events of a finished batch's body, one after the other: what the local mode writes.
/// Ends at the first that is not of this file's making.
pub fn events(body: &[u8]) -> impl Iterator<Item = Stored> {
    // A quote inside a message is escaped, so this can only stand where a list begins.
    const LIST: &[u8] = b"\"logEvents\":[";
    let list = memmem::find(body, LIST).and_then(|at| body.get(at + LIST.len()..)).unwrap_or_default();
    let mut rest = list;
    std::iter::from_fn(move || {
        let mut stream = serde_json::Deserializer::from_slice(rest).into_iter::<Stored>();
        let event = stream.next()?.ok()?;
        let next = stream.byte_offset();
        rest = rest.get(next..).and_then(|rest| rest.strip_prefix(b",")).unwrap_or_default();
        Some(event)
    })
}

/// The body up to its first event.
fn head(destination: &Destination) -> Vec<u8> {
    let mut head = Vec::new();
    head.extend_from_slice(b"{\"logGroupName\":");
    write_string(&mut head, &destination.group);
    head.extend_from_slice(b",\"logStreamName\":");
    write_string(&mut head, &destination.stream);
    head.extend_from_slice(b",\"logEvents\":[");
    head
}

/// Makes one body of two of the same stream that stand in `bodies` one behind the other, the second
/// from `at` on. Whether they are such bodies; if not, nothing is changed.
pub fn join(bodies: &mut Vec<u8>, at: usize, destination: &Destination) -> bool {
    let head = head(destination);
    let (Some(first), Some(second)) = (bodies.get(..at), bodies.get(at..)) else { return false };
    let joinable = first.ends_with(TAIL) && first.starts_with(&head) && second.starts_with(&head);
    if joinable {
        bodies.splice(at - TAIL.len()..at + head.len(), *b",");
    }
    joinable
}

/// Two bodies with one half of the events each; `None` if there is but one event.
pub fn halve(body: &[u8], destination: &Destination) -> Option<[Vec<u8>; 2]> {
    let head = head(destination);
    let list = body.strip_prefix(head.as_slice())?.strip_suffix(TAIL)?;
    let mut borders = Vec::new();
    let mut at = 0;
    while at < list.len() {
        borders.push(at);
        let mut event = serde_json::Deserializer::from_slice(list.get(at..)?).into_iter::<IgnoredAny>();
        event.next()?.ok()?;
        at += event.byte_offset() + 1; // the comma
    }
    let middle = *borders.get(borders.len() / 2).filter(|middle| **middle > 0)?;
    let halves = [list.get(..middle - 1)?, list.get(middle..)?];
    Some(halves.map(|events| [head.as_slice(), events, TAIL].concat()))
}

/// Bodies hold a megabyte of messages, six with every character escaped: far below 4 GiB.
fn offset(length: usize) -> u32 {
    u32::try_from(length).unwrap_or(u32::MAX)
}

fn write_string(body: &mut Vec<u8>, text: &str) {
    // Writing a string into memory cannot fail.
    if serde_json::to_writer(&mut *body, text).is_err() {
        body.extend_from_slice(b"\"\"");
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn destination() -> Destination {
        Destination { group: "/g".to_owned(), stream: "i/\"name\"/id".to_owned() }
    }

    fn fill(events: &[(i64, String)]) -> Vec<Finished> {
        let mut finished = Vec::new();
        let mut batch = Batch::new(destination());
        for (time_ms, message) in events {
            if !batch.fits(*time_ms, message.len()) {
                finished.push(std::mem::replace(&mut batch, Batch::new(destination())).finish());
            }
            batch.push(*time_ms, message);
        }
        finished.push(batch.finish());
        finished
    }

    #[derive(Deserialize)]
    struct Request {
        #[serde(rename = "logGroupName")]
        group: String,
        #[serde(rename = "logStreamName")]
        stream: String,
        #[serde(rename = "logEvents")]
        events: Vec<Stored>,
    }

    fn hold_the_limits(batch: &Finished) -> Vec<Stored> {
        let request: Request = serde_json::from_slice(&batch.body).unwrap();
        assert_eq!((request.group, request.stream), (destination().group, destination().stream));
        let events = request.events;
        assert_eq!(events.len(), batch.events);
        assert_eq!(events, super::events(&batch.body).collect::<Vec<_>>());
        assert!(events.len() <= BATCH_EVENTS);
        assert!(events.iter().map(|e| e.message.len() + EVENT_OVERHEAD).sum::<usize>() <= BATCH_BYTES);
        assert!(events.windows(2).all(|pair| pair[0].time_ms <= pair[1].time_ms));
        let (first, last) = (events[0].time_ms, events[events.len() - 1].time_ms);
        assert_eq!((first, last), (batch.first_ms, batch.last_ms));
        assert!(last - first < BATCH_SPAN_MS);
        events
    }

    #[test]
    fn a_batch_is_full_at_each_limit_and_not_before() {
        let line = |count: usize, length: usize| vec![(0, "x".repeat(length)); count];
        assert_eq!(fill(&line(BATCH_EVENTS, 1)).len(), 1);
        assert_eq!(fill(&line(BATCH_EVENTS + 1, 1)).len(), 2);
        assert_eq!(fill(&line(1024, 1024 - EVENT_OVERHEAD)).len(), 1);
        assert_eq!(fill(&line(1025, 1024 - EVENT_OVERHEAD)).len(), 2);
        assert_eq!(fill(&line(1, EVENT_BYTES)).len(), 1);
        assert_eq!(fill(&[(0, "a".into()), (BATCH_SPAN_MS - 1, "b".into())]).len(), 1);
        assert_eq!(fill(&[(0, "a".into()), (BATCH_SPAN_MS, "b".into())]).len(), 2);
        assert_eq!(fill(&[(BATCH_SPAN_MS, "a".into()), (0, "b".into())]).len(), 2);
    }

    #[test]
    fn events_of_one_millisecond_keep_their_order() {
        let events = [(5, "a"), (3, "b"), (5, "c"), (3, "d")].map(|(t, m)| (t, m.to_owned()));
        let batch = &fill(&events)[0];
        let messages: Vec<_> = hold_the_limits(batch).into_iter().map(|e| e.message).collect();
        assert_eq!(messages, ["b", "d", "a", "c"]);
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(32))]
        #[test]
        fn nothing_is_lost_and_every_limit_holds(
            events in prop::collection::vec((0..3 * BATCH_SPAN_MS, ".{1,40}", 1_usize..4000), 1..150)
        ) {
            let events: Vec<_> = events.into_iter().map(|(t, m, n)| (t, m.repeat(n))).collect();
            let batches = fill(&events);
            let mut stored: Vec<_> = batches.iter().flat_map(hold_the_limits).map(|e| (e.time_ms, e.message)).collect();
            let mut expected = events;
            stored.sort();
            expected.sort();
            prop_assert_eq!(stored, expected);
        }

        #[test]
        fn bodies_are_joined_and_halved_at_the_borders_of_events(
            counts in prop::collection::vec(1_usize..9, 1..5), message in ".{1,40}"
        ) {
            let body = |count: usize| {
                let mut batch = Batch::new(destination());
                (0..count).for_each(|nth| batch.push(7, &format!("{nth} {message}")));
                batch.finish().body
            };
            let mut joined = Vec::new();
            let mut expected = Vec::new();
            for count in counts {
                let at = joined.len();
                expected.extend(events(&body(count)));
                joined.extend(body(count));
                prop_assert!(at == 0 || join(&mut joined, at, &destination()));
            }
            prop_assert_eq!(events(&joined).collect::<Vec<_>>(), expected.clone());

            let halves = halve(&joined, &destination());
            prop_assert_eq!(halves.is_some(), expected.len() > 1);
            if let Some(halves) = halves {
                let halves = halves.map(|half| events(&half).collect::<Vec<_>>());
                prop_assert!(halves.iter().all(|half| !half.is_empty()));
                prop_assert_eq!(halves.concat(), expected);
            }
        }
    }

    #[test]
    fn what_is_no_body_of_the_stream_is_not_joined() {
        let body = fill(&[(0, "a".into())]).remove(0).body;
        let elsewhere = Destination { group: "/g".into(), stream: "other".into() };
        let mut bodies = [body.as_slice(), body.as_slice()].concat();
        for at in [0, 1, body.len() + 1, bodies.len() + 1] {
            assert!(!join(&mut bodies, at, &destination()), "{at}");
        }
        assert!(!join(&mut bodies, body.len(), &elsewhere));
        assert_eq!(bodies, [body.as_slice(), body.as_slice()].concat());
    }
}
