//! The log loop: reads what containers print, as files or pieces, and puts closed batches into
//! the spool. Everything that decides is in `logs`; this file only waits, reads and writes.

mod settings;
mod shown;

use std::collections::{HashMap, HashSet};
use std::sync::Arc;
use std::time::{Duration, Instant as StdInstant};

use anyhow::Context;
use log::{debug, error, info, warn};
use tokio::sync::mpsc;
use tokio::task::{JoinHandle, JoinSet, spawn_blocking};
use tokio::time::{Instant, sleep_until};
use tokio_util::sync::CancellationToken;

use super::api::{self, Piece};
use super::counters::Counters;
use super::source::{self, Log, Source, Way};
use super::{Command, Seen};
use crate::docker::{Engine, Found};
use crate::logs::cursor::Cursor;
use crate::logs::flow::{Closed, Flow};
use crate::spool::{Appended, Spool};
use crate::tail::READ_BYTES;
use crate::tail::watch::Watcher;
pub use settings::Settings;

/// How often files are looked at for new lines: part of the delay, and cheap enough for 64 of them.
const POLL: Duration = Duration::from_millis(200);
/// So long may a look at the files take once a stop was asked for, which has two seconds for everything.
const LAST_LOOK: Duration = Duration::from_millis(300);
/// How often a log that could not be opened is tried again, in silence: it goes on rotating.
const OPEN_AGAIN: Duration = Duration::from_secs(1);
/// How long batches are open while nothing can be delivered: each takes a block of the disk.
const FLUSH_WHILE_FAILING: Duration = Duration::from_secs(10);
/// Memory of all open batches together, at most, in bytes: the biggest is closed above it.
const OPEN_BYTES: usize = 4 << 20;
/// Pieces of API logs on their way: 16 KiB each at most.
const PIECES: usize = 64;

/// The loop and what it holds.
#[derive(Debug)]
pub struct Logs {
    settings: Settings,
    spool: Arc<Spool>,
    counters: Arc<Counters>,
    /// Where to read on, of containers not seen yet in this run.
    cursors: HashMap<String, Cursor>,
    sources: HashMap<String, Source>,
    watcher: Option<Watcher>,
    readers: JoinSet<()>,
    pieces: (mpsc::Sender<Piece>, mpsc::Receiver<Piece>),
    buffer: Vec<u8>,
    /// The batch that is being written.
    appending: Option<JoinHandle<Appended>>,
    trouble: bool,
}

impl Logs {
    /// A loop that goes on at `cursors`.
    pub fn new(
        settings: Settings,
        spool: Arc<Spool>,
        counters: Arc<Counters>,
        cursors: HashMap<String, Cursor>,
    ) -> Self {
        let watcher = Watcher::new()
            .inspect_err(|error| {
                warn!("cannot watch log directories ({error}); rotations are found by polling, which very fast ones outrun");
            })
            .ok();
        Self {
            settings,
            spool,
            counters,
            cursors,
            sources: HashMap::new(),
            watcher,
            readers: JoinSet::new(),
            pieces: mpsc::channel(PIECES),
            buffer: vec![0; READ_BYTES],
            appending: None,
            trouble: false,
        }
    }

    /// Runs until `stop`; then everything that was read is in the spool.
    pub async fn run(
        mut self,
        mut commands: mpsc::Receiver<Command>,
        stop: CancellationToken,
    ) -> anyhow::Result<()> {
        let (mut poll, mut opened) = (Instant::now(), Instant::now());
        let mut busy = false;
        loop {
            let deadline = if busy { Instant::now() } else { self.deadline(poll + POLL) };
            tokio::select! {
                biased;
                () = stop.cancelled() => break,
                Some(command) = commands.recv() => self.obey(command),
                Some(piece) = self.pieces.1.recv() => self.piece(&piece),
                () = sleep_until(deadline) => {}
            }
            // Whatever woke us: a busy source of one kind must not keep the others waiting.
            if busy || poll + POLL <= Instant::now() {
                poll = Instant::now();
                busy = self.read(&stop).await?;
            }
            if opened + OPEN_AGAIN <= Instant::now() {
                opened = Instant::now();
                self.open_again();
            }
            self.tick();
            self.write(&stop).await?;
            // Let rotations, commands and deliveries through between two reads of a backlog.
            tokio::task::yield_now().await;
        }
        self.readers.shutdown().await;
        // When a host goes down, its containers have just said their last words.
        self.read(&stop).await?;
        let now = Instant::now().into_std();
        for source in self.sources.values_mut() {
            if let Some(flow) = &mut source.flow {
                flow.pause(&mut self.settings.finisher, now);
            }
        }
        self.write(&stop).await?;
        self.settle(&stop).await
    }

    fn deadline(&self, poll: Instant) -> Instant {
        let flush = |flow: &Flow| flush(self.settings.flush, flow, &self.spool);
        let flows = self.sources.values().filter_map(|source| source.flow.as_ref());
        let next: Option<StdInstant> = flows.filter_map(|flow| flow.deadline(flush(flow))).min();
        next.map_or(poll, |next| Instant::from_std(next).min(poll))
    }

    fn obey(&mut self, command: Command) {
        match command {
            Command::Seen(Seen::Found(found, engine)) => self.found(*found, engine),
            Command::Seen(Seen::Listed(known)) => self.listed(&known),
            Command::Seen(Seen::Died { .. }) => {}
            Command::Show(to) => drop(to.send(self.shown())), // whoever asked may have given up
            Command::Seen(Seen::Renamed { id, name }) => {
                if let Some(source) = self.sources.get_mut(&id) {
                    source.found.container.name = name;
                    self.reconsider();
                }
            }
            Command::Seen(Seen::Removed { id }) => {
                if let Some(source) = self.sources.get_mut(&id) {
                    source.removed = true;
                    source.started_again();
                }
            }
            Command::Reload(settings) => {
                self.settings = *settings;
                self.reconsider();
            }
        }
    }

    /// Lines go where settings and names now say: elsewhere, nowhere any more, or here again.
    fn reconsider(&mut self) {
        let now = Instant::now().into_std();
        for (id, source) in &mut self.sources {
            let to = self.settings.selection.choose(&source.found.container, &self.settings.instance_id);
            if let Some(to) = to {
                source.redirect(to, self.settings.measures(&source.found.container));
            } else {
                let cursor = source.leave_out(&mut self.settings.finisher, now);
                self.cursors.extend(cursor.map(|cursor| (id.clone(), cursor)));
            }
        }
        let settings = &self.settings;
        let wanted =
            |source: &Source| settings.selection.choose(&source.found.container, &settings.instance_id);
        let unread = |source: &Source| matches!(source.log, Log::None | Log::Unreadable) && !source.removed;
        let again = self.sources.extract_if(|_, source| unread(source) && wanted(source).is_some());
        for (_, source) in again.collect::<Vec<_>>() {
            self.found(source.found, source.engine);
        }
    }

    /// Tries those logs again that could not be opened.
    fn open_again(&mut self) {
        let again = self.sources.extract_if(|_, source| !source.removed && source.can_be_opened());
        for (_, source) in again.collect::<Vec<_>>() {
            self.found(source.found, source.engine);
        }
    }

    fn found(&mut self, found: Found, engine: Option<Engine>) {
        let id = found.container.id.clone();
        if let Some(source) = self.sources.get_mut(&id) {
            source.started_again();
            if source.found.container.name != found.container.name {
                source.found.container.name = found.container.name;
                self.reconsider();
            }
            return;
        }
        if !found.started {
            return debug!("container {} was never started: nothing to read yet", found.container.name);
        }
        let destination = self.settings.selection.choose(&found.container, &self.settings.instance_id);
        // What is left out may be wanted again: it goes on there then.
        let known = if destination.is_some() { self.cursors.remove(&id) } else { None };
        let cursor = known.unwrap_or_default();
        let log = match (Way::of(&found, &cursor, destination.is_some()), engine.clone()) {
            (Way::File(path, format), _) => {
                source::open(path, format, &found, &cursor, self.watcher.as_mut())
            }
            (Way::Api, Some(engine)) => {
                info!(
                    "following container {} over Docker's API ({} driver)",
                    found.container.name, found.driver
                );
                let reading = Arc::<api::Reading>::default();
                let pieces = self.pieces.0.clone();
                let reader = api::run(engine, found.clone(), cursor, Arc::clone(&reading), pieces);
                Log::Api { reading, reader: self.readers.spawn(reader) }
            }
            (Way::Api | Way::None, _) => Log::None,
        };
        if matches!(log, Log::Unreadable) {
            self.cursors.insert(id.clone(), cursor);
        }
        let flow = destination.map(|to| self.settings.flow(to, &found.container, cursor));
        self.sources.insert(id, Source::new(found, engine, flow, log));
    }

    fn listed(&mut self, known: &HashSet<String>) {
        self.sources.iter_mut().for_each(|(id, source)| source.removed |= !known.contains(id));
        let keep = |id: &str| known.contains(id) || self.sources.contains_key(id);
        if let Err(error) = self.spool.retire_all(keep) {
            warn!("cannot remove the cursors of containers that are gone: {error}");
        }
        self.cursors.retain(|id, _| known.contains(id));
    }

    fn piece(&mut self, piece: &Piece) {
        let now = Instant::now().into_std();
        self.counters.records.add(1);
        let read = self.sources.get_mut(&piece.id).filter(|source| matches!(source.log, Log::Api { .. }));
        if let Some(source) = read
            && let Some(flow) = &mut source.flow
        {
            source.seen.records += 1;
            source.seen.last_ns = source.seen.last_ns.max(Some(piece.record.time_ns));
            let mut at = Cursor::default();
            *at.get_mut(piece.record.pipe) = Some(piece.start);
            flow.record(&piece.record, at, &mut self.settings.finisher, now);
        }
    }

    /// Reads once from each file. Whether there is more.
    async fn read(&mut self, stop: &CancellationToken) -> anyhow::Result<bool> {
        if self.settings.must_wait() {
            return Ok(false);
        }
        let last = Instant::now() + LAST_LOOK;
        let mut busy = false;
        let mut ended = Vec::new();
        for id in self.sources.keys().cloned().collect::<Vec<_>>() {
            let Some(source) = self.sources.get_mut(&id) else { continue };
            let now = Instant::now().into_std();
            let read = source.read(&mut self.buffer, &mut self.settings.finisher, now, &self.counters);
            busy |= read > READ_BYTES / 2;
            if source.removed && read == 0 && !source.is_being_read() && self.pieces.1.is_empty() {
                ended.push(id);
            }
            // Before the next of many fills memory, too.
            if read > READ_BYTES / 8 {
                self.write(stop).await?;
            }
            if stop.is_cancelled() && last <= Instant::now() {
                return Ok(false);
            }
        }
        for id in ended {
            self.forget(&id);
        }
        while let Some(ended) = self.readers.try_join_next() {
            if ended.is_err_and(|error| error.is_panic()) {
                error!("the reader of an API log panicked: its container is not followed until a restart");
            }
        }
        Ok(busy)
    }

    /// Forgets a container that is gone, when its last batches are taken.
    fn forget(&mut self, id: &str) {
        if let Some(source) = self.sources.get_mut(id)
            && let Some(flow) = &mut source.flow
        {
            flow.finish(&mut self.settings.finisher, Instant::now().into_std());
            if flow.has_closed() {
                source.log = Log::None;
                return;
            }
        }
        debug!("container {id} is gone");
        self.spool.retire(id);
        self.sources.remove(id);
    }

    fn tick(&mut self) {
        let now = Instant::now().into_std();
        for source in self.sources.values_mut() {
            if let Some(flow) = &mut source.flow {
                let flush = flush(self.settings.flush, flow, &self.spool);
                flow.tick(flush, &mut self.settings.finisher, now);
            }
        }
    }

    /// Writes what is closed into the spool.
    async fn write(&mut self, stop: &CancellationToken) -> anyhow::Result<()> {
        let flows =
            |logs: &Self| logs.sources.values().filter_map(|s| s.flow.as_ref()).map(Flow::memory).sum();
        while OPEN_BYTES < flows(self) {
            let flows = self.sources.values_mut().filter_map(|source| source.flow.as_mut());
            flows.max_by_key(|flow| flow.memory()).into_iter().for_each(Flow::close);
        }
        let mut closed = Vec::new();
        for (id, source) in &mut self.sources {
            let Some(flow) = &mut source.flow else { continue };
            let counts = flow.take_counts();
            source.seen.events += counts.events;
            source.seen.dropped_by_rule += counts.dropped_by_rule;
            self.counters.events.add(counts.events);
            self.counters.dropped_by_rule.add(counts.dropped_by_rule);
            closed.extend(flow.take_closed().into_iter().map(|batch| (id.clone(), batch)));
        }
        for (id, batch) in closed {
            self.append(id, batch, stop).await?;
        }
        if self.appending.as_ref().is_some_and(JoinHandle::is_finished) {
            self.settle(stop).await?;
        }
        Ok(())
    }

    /// Begins to write a batch, while reading goes on: one at a time, so that they stay in order.
    async fn append(&mut self, id: String, closed: Closed, stop: &CancellationToken) -> anyhow::Result<()> {
        self.settle(stop).await?;
        let spool = Arc::clone(&self.spool);
        self.appending = Some(spawn_blocking(move || spool.append(&id, &closed.cursor, closed.batch)));
        Ok(())
    }

    /// Waits for the batch that is being written.
    async fn settle(&mut self, stop: &CancellationToken) -> anyhow::Result<()> {
        let Some(appending) = self.appending.take() else { return Ok(()) };
        let written = appending.await.context("writing to the spool panicked")?;
        if written.dropped > 0 {
            self.counters.dropped_spool_full.add(written.dropped);
            warn!(
                "the spool is full: {} of the oldest events were dropped; see spool.max_bytes",
                written.dropped
            );
        }
        match written.unwritten {
            None => {
                if self.trouble {
                    self.trouble = false;
                    info!("the spool can be written again");
                }
            }
            Some((error, held)) => {
                if !self.trouble {
                    self.trouble = true;
                    error!(
                        "cannot write to the spool: {error}; batches are sent from memory, and reading waits for each"
                    );
                }
                let (header, body) = *held;
                let mut changes = self.spool.changes();
                self.spool.keep(&header, body);
                while self.spool.unwritten() > 0 {
                    tokio::select! {
                        alive = changes.changed() => alive.context("the spool is closed")?,
                        () = stop.cancelled() => break,
                    }
                }
            }
        }
        Ok(())
    }
}

/// How long a batch is open at most. While the service takes nothing, small ones would only fill the
/// spool; when it takes lines again, those that are open for longer than `usual` are closed at once.
fn flush(usual: Duration, flow: &Flow, spool: &Spool) -> Duration {
    if spool.is_failing(flow.destination()) { usual.max(FLUSH_WHILE_FAILING) } else { usual }
}
