//! What the endpoint holds: the groups and streams that exist, and, apart from them, everything that
//! ever arrived, metrics too, so that deleting a stream does not make its lines lost.

use std::collections::BTreeMap;
use std::ops::Range;
use std::time::Instant;

use serde::Serialize;

use crate::endpoint::Operation;
use crate::endpoint::account::{Account, Search};
use crate::endpoint::metrics::Metrics;
use crate::endpoint::put::{InputEvent, OVERHEAD};
use crate::endpoint::refusal::Refusal;

/// An event that arrived.
#[derive(Debug, Clone)]
pub struct Event {
    /// Its own time in milliseconds since 1970.
    pub timestamp: i64,
    /// Its text.
    pub message: String,
    /// When it came.
    pub arrived: Instant,
}

/// A call that broke the service's contract and was refused for it.
#[derive(Debug, Clone, Serialize)]
pub struct Breach {
    /// The operation as the client named it.
    pub operation: String,
    /// The error code.
    pub code: String,
    /// The error's text.
    pub message: String,
}

/// Breaches kept with their texts; further ones are only counted.
const MAX_BREACHES: usize = 1_000;

/// A log group that exists.
#[derive(Debug)]
pub(crate) struct Group {
    pub(crate) created_ms: i64,
    pub(crate) retention_days: Option<u32>,
    pub(crate) tags: BTreeMap<String, String>,
    pub(crate) streams: BTreeMap<String, Stream>,
}

/// A log stream that exists.
#[derive(Debug)]
pub(crate) struct Stream {
    pub(crate) created_ms: i64,
    /// The first of the arrived events that belongs to this life of the stream.
    pub(crate) since: usize,
}

/// Everything that arrived under one stream's name.
#[derive(Debug, Default)]
pub(crate) struct Arrived {
    pub(crate) events: Vec<Event>,
    pub(crate) account: Account,
}

/// Totals over all calls.
#[derive(Debug, Clone, Default, Serialize)]
pub struct Totals {
    /// Calls of each operation, refused ones included.
    pub calls: BTreeMap<String, u64>,
    /// Answers that were not 200, by error code, those of faults included.
    pub refusals: BTreeMap<String, u64>,
    /// `PutLogEvents` calls that were stored.
    pub batches: u64,
    /// Events that were stored.
    pub events: u64,
    /// Events rejected one by one: too old, too new, expired.
    pub rejected_events: u64,
    /// The stored events' bytes, 26 for each included.
    pub billed_bytes: u64,
    /// Bytes of the bodies of CloudWatch Logs' calls as they came over the wire.
    pub wire_bytes: u64,
    /// Bytes of the bodies of `PutMetricData` as they came over the wire.
    pub metric_wire_bytes: u64,
    /// `PutMetricData` calls that were stored.
    pub metric_calls: u64,
    /// Datums that were stored.
    pub datums: u64,
    /// Calls that broke the contract.
    pub breaches: u64,
    /// Calls that a fault struck.
    pub faults_struck: u64,
    /// Connections accepted.
    pub connections: u64,
    /// Session tokens of the metadata service that were handed out.
    pub imds_tokens: u64,
    /// Questions to the metadata service without a token.
    pub imds_v1_attempts: u64,
}

/// See the module.
#[derive(Debug)]
pub(crate) struct Store {
    pub(crate) groups: BTreeMap<String, Group>,
    pub(crate) arrived: BTreeMap<String, BTreeMap<String, Arrived>>,
    pub(crate) breaches: Vec<Breach>,
    pub(crate) totals: Totals,
    pub(crate) keeps_messages: bool,
    pub(crate) metrics: Metrics,
    /// The longest way of a line that was printed at or after the first of these, in nanoseconds.
    pub(crate) longest_since: (u64, u64),
    search: Search,
}

impl Store {
    pub(crate) fn new(keeps_messages: bool, search: Search) -> Self {
        Self {
            groups: BTreeMap::new(),
            arrived: BTreeMap::new(),
            breaches: Vec::new(),
            totals: Totals::default(),
            keeps_messages,
            metrics: Metrics::default(),
            longest_since: (0, 0),
            search,
        }
    }

    pub(crate) fn group(&mut self, name: &str) -> Result<&mut Group, Refusal> {
        self.groups.get_mut(name).ok_or_else(|| Refusal::missing("log group"))
    }

    /// Creates a group.
    pub(crate) fn create_group(
        &mut self,
        name: &str,
        tags: BTreeMap<String, String>,
        created_ms: i64,
    ) -> Result<(), Refusal> {
        if self.groups.contains_key(name) {
            return Err(Refusal::exists("log group"));
        }
        let group = Group { created_ms, retention_days: None, tags, streams: BTreeMap::new() };
        self.groups.insert(name.to_owned(), group);
        Ok(())
    }

    /// Creates a stream.
    pub(crate) fn create_stream(&mut self, group: &str, name: &str, created_ms: i64) -> Result<(), Refusal> {
        let since = self.arrived(group, name).map_or(0, |arrived| arrived.events.len());
        let streams = &mut self.group(group)?.streams;
        if streams.contains_key(name) {
            return Err(Refusal::exists("log stream"));
        }
        streams.insert(name.to_owned(), Stream { created_ms, since });
        Ok(())
    }

    /// What arrived under this name, whether the stream still exists or not.
    pub(crate) fn arrived(&self, group: &str, stream: &str) -> Option<&Arrived> {
        self.arrived.get(group)?.get(stream)
    }

    /// Takes the kept part of a checked call.
    pub(crate) fn take(
        &mut self,
        group: &str,
        stream: &str,
        events: &[InputEvent<'_>],
        kept: Range<usize>,
        now_ns: u64,
    ) {
        self.totals.batches += 1;
        self.totals.rejected_events += (events.len() - kept.len()) as u64;
        let kept = &events[kept];
        self.totals.events += kept.len() as u64;
        if !self.arrived.get(group).is_some_and(|streams| streams.contains_key(stream)) {
            let streams = self.arrived.entry(group.to_owned()).or_default();
            streams.insert(stream.to_owned(), Arrived::default());
        }
        let arrived = self.arrived.get_mut(group).and_then(|streams| streams.get_mut(stream));
        let arrived = arrived.expect("made above");
        let now = Instant::now();
        for event in kept {
            let printed_ns = arrived.account.add(event.message.as_bytes(), &self.search, now_ns);
            let (since_ns, longest_ns) = &mut self.longest_since;
            if let Some(printed_ns) = printed_ns.filter(|printed_ns| printed_ns >= since_ns) {
                *longest_ns = now_ns.saturating_sub(printed_ns).max(*longest_ns);
            }
            self.totals.billed_bytes += (event.message.len() + OVERHEAD) as u64;
            if self.keeps_messages {
                let (timestamp, message) = (event.timestamp, event.message.clone().into_owned());
                arrived.events.push(Event { timestamp, message, arrived: now });
            }
        }
    }

    /// Notes a refusal; one that a correct client never meets is a breach.
    pub(crate) fn note_refusal(&mut self, operation: &str, refusal: &Refusal, is_fault: bool) {
        *self.totals.refusals.entry(refusal.code.to_owned()).or_default() += 1;
        if is_fault || refusal.is_expected() {
            return;
        }
        self.totals.breaches += 1;
        if self.breaches.len() < MAX_BREACHES {
            self.breaches.push(Breach {
                operation: operation.to_owned(),
                code: refusal.code.to_owned(),
                message: refusal.message.clone(),
            });
        }
    }

    /// Counts a call of an operation with a body of so many bytes.
    pub(crate) fn count_call(&mut self, operation: Operation, bytes: usize) {
        match operation.service() {
            "logs" => self.totals.wire_bytes += bytes as u64,
            "monitoring" => self.totals.metric_wire_bytes += bytes as u64,
            _ => {}
        }
        let name = operation.name();
        if let Some(calls) = self.totals.calls.get_mut(name) {
            *calls += 1;
        } else {
            self.totals.calls.insert(name.to_owned(), 1);
        }
    }
}
