//! CloudWatch Logs, CloudWatch's metrics, EC2's tags and the instance metadata service on one loopback
//! port, as strict as the real ones.
//!
//! A call that breaks a limit is refused with the service's own error and remembered as a breach, so
//! a test can end with [`Endpoint::assert_no_breach`]. Faults are injected per operation. What arrived
//! is kept in full, or, for millions of lines, only counted.
//!
//! It refuses to know what the agent is: any client of these services works against it.

mod account;
mod clock;
mod control;
mod datum;
mod ec2;
mod fault;
mod imds;
mod logs;
mod metrics;
mod names;
mod operation;
pub(crate) mod protocol;
mod put;
pub(crate) mod refusal;
mod serve;
mod sign;
mod store;
pub(crate) mod wire;

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::sync::mpsc::sync_channel;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::thread::JoinHandle;
use std::time::Duration;

use tokio::sync::{mpsc, watch};

pub use account::{Account, LatencySummary, Markers, Summary};
pub use control::Counts;
pub use fault::Fault;
pub use imds::{Behaviour, Instance};
pub use metrics::{Datum, Samples};
pub use operation::Operation;
pub use put::{MAX_BYTES, MAX_EVENTS, MAX_SPAN_MS, NEWEST_MS, OLDEST_MS, OVERHEAD};
pub use store::{Breach, Event, Totals};

pub(crate) use account::Search;
use clock::Clock;
use fault::{Faults, Rule};
use serve::Command;
use store::Store;

use crate::port::Port;

/// How an endpoint is to be.
#[derive(Debug, Clone, Default)]
pub struct Options {
    /// Messages are counted and let go: for millions of lines.
    pub counts_only: bool,
    /// How lines carry their number and time.
    pub markers: Markers,
    /// What the metadata service says.
    pub instance: Instance,
}

/// What the connections and the handle have in common.
#[derive(Debug)]
struct Shared {
    store: Mutex<Store>,
    faults: Mutex<Faults>,
    instance: Mutex<Instance>,
    clock: Clock,
    /// Changes whenever the faults are cleared: what hangs waits for it.
    cleared: watch::Sender<()>,
}

/// A running endpoint; it ends when this is dropped.
#[derive(Debug)]
pub struct Endpoint {
    shared: Arc<Shared>,
    address: SocketAddr,
    commands: mpsc::Sender<Command>,
    thread: Option<JoinHandle<()>>,
}

impl Endpoint {
    /// Starts one on a free loopback port that keeps every message.
    pub fn start() -> Self {
        Self::start_with(Options::default())
    }

    /// Starts one on a free loopback port.
    pub fn start_with(options: Options) -> Self {
        let port = Port::reserve(0).expect("a free loopback port");
        Self::start_on(port, options)
    }

    /// Starts one on this loopback port.
    pub fn start_at(port: u16, options: Options) -> Self {
        let port = Port::reserve(port).expect("the port is free");
        Self::start_on(port, options)
    }

    fn start_on(port: Port, options: Options) -> Self {
        let address = port.address();
        let listener = port.listen().expect("a reserved port can be listened on");
        let shared = Arc::new(Shared {
            store: Mutex::new(Store::new(!options.counts_only, Search::new(&options.markers))),
            faults: Mutex::default(),
            instance: Mutex::new(options.instance),
            clock: Clock::default(),
            cleared: watch::Sender::new(()),
        });
        let (commands, orders) = mpsc::channel(8);
        let (ours, theirs) = (Arc::clone(&shared), commands.downgrade());
        let thread = std::thread::Builder::new()
            .name(String::from("endpoint"))
            .spawn(move || serve::run(&port, listener, &ours, orders, &theirs))
            .expect("a thread");
        Self { shared, address, commands, thread: Some(thread) }
    }

    /// Where it listens.
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// The value for `AWS_ENDPOINT_URL` and for `AWS_EC2_METADATA_SERVICE_ENDPOINT`.
    pub fn url(&self) -> String {
        format!("http://{}", self.address)
    }

    /// Strikes the next `times` calls of one operation, or of any; `None` strikes until cleared.
    /// Faults strike in the order they were injected.
    pub fn inject(
        &self,
        operation: impl Into<Option<Operation>>,
        fault: Fault,
        times: impl Into<Option<u32>>,
    ) {
        let rule = Rule { operation: operation.into(), fault, times: times.into() };
        lock(&self.shared.faults).add(rule);
    }

    /// Ends every fault; calls that hang lose their connection.
    pub fn clear_faults(&self) {
        self.shared.clear_faults();
    }

    /// Stops listening and closes every connection: from now on connecting is refused.
    pub fn refuse(&self) {
        self.order(Command::Refuse);
    }

    /// Listens again, on the same port.
    pub fn accept(&self) {
        self.order(Command::Accept);
    }

    fn order(&self, command: impl FnOnce(std::sync::mpsc::SyncSender<()>) -> Command) {
        let (done, wait) = sync_channel(1);
        self.commands.try_send(command(done)).expect("the endpoint runs");
        wait.recv().expect("the endpoint runs");
    }

    /// Moves the endpoint's clock: `Date` headers, signatures and the age of events follow it.
    pub fn set_clock_offset_ms(&self, offset: i64) {
        self.shared.clock.set_offset_ms(offset);
    }

    /// Changes what the metadata service says and how it behaves.
    pub fn change_instance(&self, change: impl FnOnce(&mut Instance)) {
        change(&mut lock(&self.shared.instance));
    }

    /// Creates a log group as an administrator would.
    pub fn create_group(&self, name: &str) {
        let now_ms = self.shared.clock.now_ms();
        self.store().create_group(name, BTreeMap::new(), now_ms).expect("a new group");
    }

    /// Deletes a log group with its streams; what arrived stays in the account.
    pub fn delete_group(&self, name: &str) {
        self.store().groups.remove(name).expect("the group exists");
    }

    /// Deletes a log stream; what arrived stays in the account.
    pub fn delete_stream(&self, group: &str, name: &str) {
        let mut store = self.store();
        let streams = &mut store.group(group).expect("the group exists").streams;
        streams.remove(name).expect("the stream exists");
    }

    /// The log groups that exist.
    pub fn groups(&self) -> Vec<String> {
        self.store().groups.keys().cloned().collect()
    }

    /// The streams of a group that exist.
    pub fn streams(&self, group: &str) -> Vec<String> {
        let store = self.store();
        store.groups.get(group).map_or_else(Vec::new, |group| group.streams.keys().cloned().collect())
    }

    /// A group's retention in days.
    pub fn retention_days(&self, group: &str) -> Option<u32> {
        self.store().groups.get(group)?.retention_days
    }

    /// A group's tags.
    pub fn tags(&self, group: &str) -> BTreeMap<String, String> {
        self.store().groups.get(group).map(|group| group.tags.clone()).unwrap_or_default()
    }

    /// Group and stream of everything that ever arrived.
    pub fn arrived(&self) -> Vec<(String, String)> {
        let store = self.store();
        let pairs = |(group, streams): (&String, &BTreeMap<String, _>)| {
            streams.keys().map(|stream| (group.clone(), stream.clone())).collect::<Vec<_>>()
        };
        store.arrived.iter().flat_map(pairs).collect()
    }

    /// The one stream of a group under which anything arrived whose name contains this.
    pub fn stream_of(&self, group: &str, part: &str) -> Option<String> {
        let arrived = self.arrived();
        let mut found = arrived.into_iter().filter(|(of, stream)| of == group && stream.contains(part));
        let (_, stream) = found.next()?;
        assert_eq!(found.next(), None, "several streams of {group} contain {part}");
        Some(stream)
    }

    /// What arrived on a stream, in the order of arrival. Empty when messages are only counted.
    pub fn events(&self, group: &str, stream: &str) -> Vec<Event> {
        let store = self.store();
        store.arrived(group, stream).map(|arrived| arrived.events.clone()).unwrap_or_default()
    }

    /// The messages of [`Endpoint::events`].
    pub fn messages(&self, group: &str, stream: &str) -> Vec<String> {
        self.events(group, stream).into_iter().map(|event| event.message).collect()
    }

    /// The counts of a stream, if anything arrived on it.
    pub fn summary(&self, group: &str, stream: &str) -> Option<Summary> {
        self.store().arrived(group, stream).map(|arrived| arrived.account.summary())
    }

    /// Different line numbers that arrived on a stream: cheap enough to poll.
    pub fn distinct(&self, group: &str, stream: &str) -> u64 {
        self.store().arrived(group, stream).map_or(0, |arrived| arrived.account.distinct())
    }

    /// When the newest line that arrived on a stream was printed, in nanoseconds since 1970; 0 before any.
    pub fn newest_print_ns(&self, group: &str, stream: &str) -> u64 {
        self.store().arrived(group, stream).map_or(0, |arrived| arrived.account.newest_print_ns())
    }

    /// How many of these numbers never arrived on a stream.
    pub fn absent(&self, group: &str, stream: &str, numbers: impl IntoIterator<Item = u64>) -> u64 {
        let store = self.store();
        let arrived = store.arrived(group, stream);
        let has = |number: &u64| arrived.is_some_and(|arrived| arrived.account.has(*number));
        numbers.into_iter().filter(|number| !has(number)).count() as u64
    }

    /// From now on, [`Endpoint::longest_delay`] is that of lines printed from now on.
    pub fn time_delays_from_now(&self) {
        self.store().longest_since = (clock::machine_ns(), 0);
    }

    /// The longest way of a line from the print to here, on any stream.
    pub fn longest_delay(&self) -> Duration {
        Duration::from_nanos(self.store().longest_since.1)
    }

    /// What a function makes of each message on a stream, all together.
    pub fn sum_over(&self, group: &str, stream: &str, of: impl Fn(&str) -> u64) -> u64 {
        let store = self.store();
        let arrived = store.arrived(group, stream);
        arrived.map_or(0, |arrived| arrived.events.iter().map(|event| of(&event.message)).sum())
    }

    /// The first twenty of `first..=last` that never arrived on a stream.
    pub fn missing(&self, group: &str, stream: &str, first: u64, last: u64) -> Vec<u64> {
        match self.store().arrived(group, stream) {
            None => (first..=last).take(20).collect(),
            Some(arrived) => arrived.account.missing(first, last, 20),
        }
    }

    /// Asserts that `first..=last` arrived on a stream, each once and in order.
    pub fn assert_each_once(&self, group: &str, stream: &str, first: u64, last: u64) {
        let missing = self.missing(group, stream, first, last);
        let summary = self.summary(group, stream);
        assert!(missing.is_empty(), "lost on {stream}: {missing:?}… {summary:?}");
        let summary = summary.expect("nothing is missing");
        assert_eq!((summary.repeated, summary.disordered), (0, 0), "on {stream}: {summary:?}");
    }

    /// How often an operation was called.
    pub fn calls(&self, operation: Operation) -> u64 {
        self.store().totals.calls.get(operation.name()).copied().unwrap_or(0)
    }

    /// Totals over all calls.
    pub fn totals(&self) -> Totals {
        self.shared.totals()
    }

    /// Everything countable, as `GET /_counts` answers it.
    pub fn counts(&self) -> Counts {
        self.shared.counts()
    }

    /// Calls that broke the service's contract.
    pub fn breaches(&self) -> Vec<Breach> {
        self.store().breaches.clone()
    }

    /// Asserts that no call broke the service's contract.
    pub fn assert_no_breach(&self) {
        let breaches = self.breaches();
        assert!(breaches.is_empty(), "the service refused {} calls: {breaches:#?}", breaches.len());
    }

    /// Waits for the end, which never comes by itself: the binary's last call.
    pub fn run_forever(mut self) {
        let thread = self.thread.take().expect("it runs until it is dropped");
        let _ = thread.join();
    }

    fn store(&self) -> MutexGuard<'_, Store> {
        lock(&self.shared.store)
    }
}

impl Drop for Endpoint {
    fn drop(&mut self) {
        // The thread ends when the last sender of orders is gone; a full queue can only hold others.
        let _ = self.commands.try_send(Command::Stop);
        if let Some(thread) = self.thread.take() {
            let _ = thread.join();
        }
    }
}

impl Shared {
    fn clear_faults(&self) {
        lock(&self.faults).clear();
        self.cleared.send_replace(());
    }

    fn totals(&self) -> Totals {
        let struck = lock(&self.faults).struck();
        Totals { faults_struck: struck, ..lock(&self.store).totals.clone() }
    }
}

/// A panic under the lock has failed its test already; the others may go on.
fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
