//! The records of one container in, closed batches out, each with the cursor that follows it.
//!
//! Joins the steps of the flow and keeps their one invariant: a cursor never passes a line that
//! is not in a closed batch, and never falls behind one that is.

use std::time::{Duration, Instant};

use super::batch::{Batch, Finished};
use super::cursor::{Cursor, Position};
use super::event::{Assembler, Event};
use super::finish::Finisher;
use super::json_file::Record;
use super::line::Joiner;
use super::{Destination, Pipe};

/// One container on its way from records to batches.
#[derive(Debug)]
pub struct Flow {
    joiner: Joiner,
    assembler: Assembler,
    out: Out,
}

/// A batch that is ready for the spool.
#[derive(Debug)]
pub struct Closed {
    /// The batch.
    pub batch: Finished,
    /// Where the container's log goes on behind it.
    pub cursor: Cursor,
}

/// What a call needs to know of the world.
#[derive(Debug, Clone, Copy)]
pub struct Now {
    /// For waiting.
    pub instant: Instant,
    /// Events before this are too old for the service, in milliseconds since the epoch.
    pub oldest_ms: i64,
}

/// What became of lines other than events.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Counts {
    /// Events put into batches.
    pub events: u64,
    /// Messages dropped because `logs.drop` says so.
    pub dropped_by_rule: u64,
    /// Events older than the service takes.
    pub too_old: u64,
}

#[derive(Debug)]
struct Out {
    batch: Batch,
    opened: Option<Instant>,
    /// Behind everything that was read.
    end: Cursor,
    closed: Vec<Closed>,
    counts: Counts,
}

impl Flow {
    /// A flow of a container whose log was read up to `cursor`.
    pub fn new(destination: Destination, multiline: bool, cursor: Cursor) -> Self {
        let out = Out {
            batch: Batch::new(destination),
            opened: None,
            end: cursor,
            closed: Vec::new(),
            counts: Counts::default(),
        };
        Self { joiner: Joiner::default(), assembler: Assembler::new(multiline), out }
    }

    /// Takes one record that begins at `start`.
    pub fn record(&mut self, record: &Record<'_>, start: Position, finisher: &mut Finisher, now: Now) {
        let Self { joiner, assembler, out } = self;
        // Only events of this record's pipe can come of it: the other pipe stays where it is.
        let other = match record.pipe {
            Pipe::Stdout => Pipe::Stderr,
            Pipe::Stderr => Pipe::Stdout,
        };
        let mut place = Cursor::default();
        *place.get_mut(other) = joiner.open_since(other).or(assembler.open_since(other)).or(match start {
            Position::File { .. } => Some(start),
            Position::Api { .. } => out.end.get(other),
        });
        joiner.push(record, start, &mut |line| {
            assembler.push(line, now.instant, &mut |event| out.event(&event, place, finisher, now));
        });
        if let Position::Api { time_ns, done, .. } = start {
            *out.end.get_mut(record.pipe) = Some(Position::Api { time_ns, done: done + 1, part: 0 });
        }
    }

    /// Everything before `end` was given to [`Flow::record`].
    pub fn read_to(&mut self, end: Position) {
        self.out.end = Cursor { stdout: Some(end), stderr: Some(end) };
    }

    /// Emits what was held long enough, and closes the batch if it was open for `flush`.
    pub fn tick(&mut self, flush: Duration, finisher: &mut Finisher, now: Now) {
        self.release(finisher, now, |assembler, emit| assembler.expire(now.instant, emit));
        if self.out.opened.is_some_and(|opened| opened + flush <= now.instant) {
            self.close();
        }
    }

    /// When to call [`Flow::tick`] next.
    pub fn deadline(&self, flush: Duration) -> Option<Instant> {
        let flush = self.out.opened.map(|opened| opened + flush);
        [flush, self.assembler.deadline()].into_iter().flatten().min()
    }

    /// Emits everything, complete or not, and closes the batch: reading ends here.
    pub fn finish(&mut self, finisher: &mut Finisher, now: Now) {
        let mut place = self.place();
        let Self { joiner, assembler, out } = self;
        joiner.flush(&mut |line| {
            assembler.push(line, now.instant, &mut |event| {
                out.event(&event, place, finisher, now);
                *place.get_mut(event.pipe) = out.end.get(event.pipe);
            });
        });
        self.release(finisher, now, Assembler::flush);
        self.close();
    }

    /// Emits what is held and closes the batch, for reading goes on later, in this run or the next:
    /// a line that is not complete yet is read again then, and arrives in one.
    pub fn pause(&mut self, finisher: &mut Finisher, now: Now) {
        self.release(finisher, now, Assembler::flush);
        self.close();
    }

    /// Closes the batch, if there is anything in it.
    pub fn close(&mut self) {
        let place = self.place();
        self.out.close(place);
    }

    /// Goes on to another stream.
    pub fn redirect(&mut self, destination: Destination) {
        self.close();
        self.out.batch = Batch::new(destination);
    }

    /// Where its events go.
    pub fn destination(&self) -> &Destination {
        self.out.batch.destination()
    }

    /// Batches wait for [`Flow::take_closed`].
    pub fn has_closed(&self) -> bool {
        !self.out.closed.is_empty()
    }

    /// Takes the batches that are ready for the spool, in order.
    pub fn take_closed(&mut self) -> Vec<Closed> {
        std::mem::take(&mut self.out.closed)
    }

    /// What became of the lines since the last call.
    pub fn take_counts(&mut self) -> Counts {
        std::mem::take(&mut self.out.counts)
    }

    /// Memory of the open batch, in bytes.
    pub fn memory(&self) -> usize {
        self.out.batch.memory()
    }

    fn release(
        &mut self,
        finisher: &mut Finisher,
        now: Now,
        release: impl FnOnce(&mut Assembler, &mut dyn FnMut(Event<'_>)),
    ) {
        let mut place = self.place();
        let Self { joiner, assembler, out } = self;
        release(assembler, &mut |event| {
            out.event(&event, place, finisher, now);
            let next = joiner.open_since(event.pipe).or(out.end.get(event.pipe));
            *place.get_mut(event.pipe) = next;
        });
    }

    /// Where to read on if everything that left so far, and nothing else, is done.
    pub fn place(&self) -> Cursor {
        let place = |pipe| {
            // What is held is older than what is still being joined.
            self.assembler.open_since(pipe).or(self.joiner.open_since(pipe)).or(self.out.end.get(pipe))
        };
        Cursor { stdout: place(Pipe::Stdout), stderr: place(Pipe::Stderr) }
    }
}

impl Out {
    fn event(&mut self, event: &Event<'_>, mut place: Cursor, finisher: &mut Finisher, now: Now) {
        let time_ms = event.time_ns.div_euclid(1_000_000);
        if time_ms < now.oldest_ms {
            self.counts.too_old += 1;
            return;
        }
        *place.get_mut(event.pipe) = Some(event.start);
        let dropped = finisher.finish(event, &mut |message| {
            if !self.batch.fits(time_ms, message.len()) {
                self.close(place);
            }
            self.opened.get_or_insert(now.instant);
            self.batch.push(time_ms, message);
            self.counts.events += 1;
        });
        self.counts.dropped_by_rule += dropped;
    }

    fn close(&mut self, cursor: Cursor) {
        self.opened = None;
        if !self.batch.is_empty() {
            let next = Batch::new(self.batch.destination().clone());
            let batch = std::mem::replace(&mut self.batch, next).finish();
            self.closed.push(Closed { batch, cursor });
        }
    }
}
