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

/// What became of lines other than events.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Counts {
    /// Events put into batches.
    pub events: u64,
    /// Messages dropped because `logs.drop` says so.
    pub dropped_by_rule: u64,
}

#[derive(Debug)]
struct Out {
    batch: Batch,
    opened: Option<Instant>,
    /// Behind everything that was read.
    end: Cursor,
    closed: Vec<Closed>,
    counts: Counts,
    /// What its lines say is counted in metrics.
    observed: bool,
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
            observed: true,
        };
        Self { joiner: Joiner::default(), assembler: Assembler::new(multiline), out }
    }

    /// Takes one record, with the cursor to read on from if it were not taken: of its own pipe that
    /// is where it begins; of the other, nothing if that is not known.
    pub fn record(&mut self, record: &Record<'_>, at: Cursor, finisher: &mut Finisher, now: Instant) {
        let Some(start) = at.get(record.pipe) else { return };
        let Self { joiner, assembler, out } = self;
        // Only events of this record's pipe can come of it: the other pipe stays where it is.
        let other = match record.pipe {
            Pipe::Stdout => Pipe::Stderr,
            Pipe::Stderr => Pipe::Stdout,
        };
        let mut place = Cursor::default();
        let held = joiner.open_since(other).or(assembler.open_since(other));
        *place.get_mut(other) = held.or(at.get(other)).or(out.end.get(other));
        joiner.push(record, start, &mut |line| {
            assembler.push(line, now, &mut |event| out.event(&event, place, finisher, now));
        });
        if let Position::Api { time_ns, done, .. } = start {
            *out.end.get_mut(record.pipe) = Some(Position::Api { time_ns, done: done + 1, part: 0 });
        }
    }

    /// Everything before `end` was given to [`Flow::record`].
    pub fn read_to(&mut self, end: Cursor) {
        self.out.end = end;
    }

    /// Emits what was held long enough, and closes the batch if it was open for `flush`.
    pub fn tick(&mut self, flush: Duration, finisher: &mut Finisher, now: Instant) {
        self.release(finisher, now, |assembler, emit| assembler.expire(now, emit));
        if self.out.opened.is_some_and(|opened| opened + flush <= now) {
            self.close();
        }
    }

    /// When to call [`Flow::tick`] next.
    pub fn deadline(&self, flush: Duration) -> Option<Instant> {
        let flush = self.out.opened.map(|opened| opened + flush);
        [flush, self.assembler.deadline()].into_iter().flatten().min()
    }

    /// Emits everything, complete or not, and closes the batch: reading ends here.
    pub fn finish(&mut self, finisher: &mut Finisher, now: Instant) {
        let mut place = self.place();
        let Self { joiner, assembler, out } = self;
        joiner.flush(&mut |line| {
            assembler.push(line, now, &mut |event| {
                out.event(&event, place, finisher, now);
                *place.get_mut(event.pipe) = out.end.get(event.pipe);
            });
        });
        self.release(finisher, now, Assembler::flush);
        self.close();
    }

    /// Emits what is held and closes the batch, for reading goes on later, in this run or the next:
    /// a line that is not complete yet is read again then, and arrives in one.
    pub fn pause(&mut self, finisher: &mut Finisher, now: Instant) {
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

    /// Whether what its lines say is counted in metrics, from now on.
    pub fn observe(&mut self, observed: bool) {
        self.out.observed = observed;
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
        now: Instant,
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
    fn event(&mut self, event: &Event<'_>, mut place: Cursor, finisher: &mut Finisher, now: Instant) {
        let time_ms = event.time_ns.div_euclid(1_000_000);
        *place.get_mut(event.pipe) = Some(event.start);
        finisher.observe(self.observed);
        let dropped = finisher.finish(event, &mut |message| {
            if !self.batch.fits(time_ms, message.len()) {
                self.close(place);
            }
            self.opened.get_or_insert(now);
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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::logs::batch::events;
    use crate::logs::cursor::FileId;
    use crate::logs::finish::Settings;
    use crate::logs::json_file::PIECE;
    use proptest::prelude::*;
    use regex::RegexSet;

    const FILE: FileId = FileId { inode: 1, head: 0, head_len: 0, born_ns: None };

    fn finisher() -> Finisher {
        Finisher::new(Settings { structure: false, redactor: None, drop: RegexSet::empty(), observer: None })
    }

    fn destination() -> Destination {
        Destination { group: "/g".to_owned(), stream: "s".to_owned() }
    }

    fn now(milliseconds: u64) -> Instant {
        #[expect(clippy::disallowed_methods, reason = "a beginning to count from")]
        static START: std::sync::LazyLock<Instant> = std::sync::LazyLock::new(Instant::now);
        *START + Duration::from_millis(milliseconds)
    }

    fn messages(closed: &[Closed]) -> Vec<String> {
        closed.iter().flat_map(|closed| events(&closed.batch.body)).map(|event| event.message).collect()
    }

    fn place(offset: u64) -> Position {
        Position::File { file: FILE, offset, part: 0 }
    }

    fn both(offset: u64) -> Cursor {
        Cursor { stdout: Some(place(offset)), stderr: Some(place(offset)) }
    }

    /// Feeds the records from `cursor` on, as the tail does, and gives what was closed.
    fn feed(log: &[Record<'static>], cursor: Cursor, upto: usize, end: bool) -> Vec<Closed> {
        let mut flow = Flow::new(destination(), true, cursor);
        let mut finisher = finisher();
        let from = |pipe| match cursor.get(pipe) {
            Some(Position::File { offset, part, .. }) => (offset, part),
            _ => (0, 0),
        };
        // As the tail does: a pipe that resumes further on keeps its place until it is passed.
        let at = |offset| {
            let place = |pipe| {
                let (first, part) = from(pipe);
                Some(place(first.max(offset)).with_part(if offset <= first { part } else { 0 }))
            };
            Cursor { stdout: place(Pipe::Stdout), stderr: place(Pipe::Stderr) }
        };
        for (offset, record) in (0..).zip(log).take(upto) {
            if offset < from(Pipe::Stdout).0.min(from(Pipe::Stderr).0) {
                continue;
            }
            if offset >= from(record.pipe).0 {
                flow.record(record, at(offset), &mut finisher, now(offset));
            }
            flow.read_to(at(offset + 1));
            if offset % 7 == 6 {
                // Now and then nothing comes for so long that a trace is let go.
                let late = if offset % 2 == 1 { 600_000 } else { 0 };
                flow.tick(Duration::from_millis(5), &mut finisher, now(offset + late));
            }
        }
        if end {
            flow.finish(&mut finisher, now(u64::MAX >> 32));
        }
        flow.take_closed()
    }

    /// A log in which traces, long lines and short ones of both pipes are mixed.
    fn log(kinds: &[u8]) -> Vec<Record<'static>> {
        let mut records = Vec::new();
        for (n, kind) in kinds.iter().enumerate() {
            let pipe = if kind % 2 == 0 { Pipe::Stdout } else { Pipe::Stderr };
            let time_ns = i64::try_from(n).unwrap() * 1_000_000;
            let texts = match kind % 10 / 2 {
                0 => vec![format!("panic: number {n}\n")],
                1 => vec![format!("goroutine {n} [running]:\n")],
                2 => vec![format!("{n} {}", "a".repeat(PIECE)), format!("end of {n}\n")],
                _ => vec![format!("{{\"n\":{n}}}\n")],
            };
            for text in texts {
                records.push(Record::new(text.into(), pipe, time_ns));
            }
        }
        records
    }

    proptest! {
        #[test]
        fn a_crash_at_any_moment_neither_loses_nor_repeats_a_line(
            kinds in prop::collection::vec(any::<u8>(), 1..60), crash in 0_usize..120
        ) {
            let log = log(&kinds);
            let mut whole = String::new();
            for record in &log {
                whole.push_str(&record.text);
                whole.push_str(if record.ends { "\n" } else { "" });
            }
            // What was closed before the crash is in the spool; the rest is read again.
            let before = feed(&log, Cursor::default(), crash, false);
            let cursor = before.last().map_or(Cursor::default(), |closed| closed.cursor);
            let after = feed(&log, cursor, log.len(), true);
            let mut lines: Vec<String> = messages(&before).into_iter().chain(messages(&after))
                .flat_map(|message| message.lines().map(str::to_owned).collect::<Vec<_>>()).collect();
            let mut expected: Vec<String> = whole.lines().map(str::to_owned).collect();
            lines.sort();
            expected.sort();
            prop_assert_eq!(lines, expected);
        }
    }

    proptest! {
        #[test]
        fn a_second_crash_while_the_first_is_caught_up_with_repeats_nothing(
            kinds in prop::collection::vec(any::<u8>(), 1..60),
            first in 0_usize..120, second in 0_usize..120
        ) {
            let log = log(&kinds);
            let mut whole = String::new();
            for record in &log {
                whole.push_str(&record.text);
                whole.push_str(if record.ends { "\n" } else { "" });
            }
            let (mut cursor, mut lines) = (Cursor::default(), Vec::<String>::new());
            for (upto, end) in [(first, false), (second, false), (log.len(), true)] {
                let closed = feed(&log, cursor, upto, end);
                cursor = closed.last().map_or(cursor, |closed| closed.cursor);
                lines.extend(messages(&closed).iter().flat_map(|message| message.lines().map(str::to_owned)));
            }
            let mut expected: Vec<String> = whole.lines().map(str::to_owned).collect();
            lines.sort();
            expected.sort();
            prop_assert_eq!(lines, expected);
        }
    }

    /// After a crash, standard output goes on at a trace that was held, standard error further on.
    #[test]
    fn a_pipe_that_resumes_further_on_does_not_fall_back() {
        let log = log(&[0, 2, 7, 7, 7]);
        let at = |offset| Cursor { stdout: Some(place(offset)), stderr: Some(place(5)) };
        let mut flow = Flow::new(destination(), true, at(0));
        let mut finisher = finisher();
        // One read ends in the middle, and nothing more comes for so long that the trace is let go.
        flow.record(&log[0], at(0), &mut finisher, now(0));
        flow.record(&log[1], at(1), &mut finisher, now(1));
        flow.read_to(at(3));
        flow.tick(Duration::from_millis(5), &mut finisher, now(600_000));
        flow.close();
        assert_eq!(flow.take_closed()[0].cursor, at(3));
    }

    #[test]
    fn a_held_trace_keeps_its_pipe_back_and_not_the_other() {
        let log = log(&[1, 6, 6, 6, 6, 6, 6]);
        let closed = feed(&log, Cursor::default(), 7, false);
        assert_eq!(messages(&closed).len(), 6);
        let cursor = closed[0].cursor;
        assert_eq!(cursor.get(Pipe::Stderr), Some(place(0)));
        assert_eq!(cursor.get(Pipe::Stdout), Some(place(7)));
    }

    #[test]
    fn a_new_stream_begins_a_new_batch() {
        let mut flow = Flow::new(destination(), true, Cursor::default());
        let log = log(&[6, 6]);
        flow.record(&log[0], both(0), &mut finisher(), now(0));
        assert_eq!(flow.take_counts(), Counts { events: 1, dropped_by_rule: 0 });
        flow.redirect(Destination { group: "/g".to_owned(), stream: "renamed".to_owned() });
        flow.record(&log[1], both(2), &mut finisher(), now(0));
        flow.close();
        let streams: Vec<_> =
            flow.take_closed().into_iter().map(|closed| closed.batch.destination.stream).collect();
        assert_eq!(streams, ["s", "renamed"]);
    }
}
