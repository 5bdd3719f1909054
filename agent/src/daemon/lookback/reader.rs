//! One container's log, read a piece at a time, and its messages in order of time.

use std::collections::VecDeque;
use std::fmt;
use std::io::ErrorKind;
use std::path::Path;
use std::pin::Pin;
use std::time::{Duration, Instant as StdInstant};

use anyhow::bail;
use futures_util::{Stream, StreamExt};
use tokio::time::{Instant, timeout};

use super::{Found, To};
use crate::daemon::api::Piece;
use crate::docker::{self, DockerError, Engine, Frame};
use crate::local::shipped::Shipped;
use crate::logs::batch::events;
use crate::logs::cursor::{Cursor, Position};
use crate::logs::finish::Finisher;
use crate::logs::flow::Flow;
use crate::logs::frame::{Dedup, parse, parse_console};
use crate::logs::json_file::Record;
use crate::logs::seek::{Begin, SLACK_NS};
use crate::logs::{Destination, Pipe};
use crate::tail::{Entry, Format, Tail};
use crate::telemetry::now_ns;

/// Frames of the API that are taken at once.
const FRAMES: usize = 512;
/// How often what is held back is looked at, in nanoseconds of the lines' time.
const TICK_NS: i64 = 100_000_000;
/// Batches are closed when they are taken.
const NEVER: Duration = Duration::from_hours(24 * 365);
/// For the next frame of what Docker has already.
const ANSWER: Duration = Duration::from_secs(20);
/// A line of the API, in bytes: to say how many lines so many bytes are.
const LINE: u64 = 200;

/// One container's log.
#[derive(Debug)]
pub(super) struct Reader {
    /// The container's; empty for what was shipped.
    pub(super) id: String,
    /// Its name.
    pub(super) container: String,
    to: Destination,
    way: Way,
    /// `None`: what is read was shipped already.
    flow: Option<Flow>,
    since_ns: i64,
    pace: Pace,
    ready: VecDeque<Found>,
    /// There is no more for now.
    ended: bool,
}

/// The clock of what is read: lines of an hour are read in a moment, and what is held back for a trace to go on is
/// let go by the time of the lines, or it would come an hour too late.
#[derive(Debug, Default)]
struct Pace {
    /// An instant, and the time of the first line, in nanoseconds since the epoch.
    began: Option<(StdInstant, i64)>,
    ticked_ns: i64,
}

impl Pace {
    /// Has the flow notice what time it is, and tells it.
    fn at(&mut self, time_ns: i64, flow: &mut Flow, finisher: &mut Finisher) -> StdInstant {
        let (instant, first_ns) = *self.began.get_or_insert_with(|| (Instant::now().into_std(), time_ns));
        let since = Duration::from_nanos(time_ns.saturating_sub(first_ns).max(0).unsigned_abs());
        let now = instant.checked_add(since).unwrap_or(instant);
        if time_ns.saturating_sub(self.ticked_ns) >= TICK_NS {
            self.ticked_ns = time_ns;
            flow.tick(NEVER, finisher, now);
        }
        now
    }
}

enum Way {
    File(Box<Tail>),
    Api {
        found: Box<docker::Found>,
        frames: Frames,
        seen: Box<[Dedup; 2]>,
        /// How many of the lines that were asked for have not come; `None`: all are asked for.
        left: Option<u64>,
    },
    Shipped(Box<Shipped>),
}

type Frames = Pin<Box<dyn Stream<Item = Result<Frame, DockerError>>>>;

impl fmt::Debug for Way {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::File(_) => "File",
            Self::Api { .. } => "Api",
            Self::Shipped(_) => "Shipped",
        })
    }
}

impl Reader {
    /// Opens the log: its files, or where those cannot be opened, Docker's API. Whether that is all there is.
    pub(super) fn open((to, found): To, engine: &Engine, begin: Begin, multiline: bool) -> (Self, bool) {
        let format = match found.driver.as_str() {
            "json-file" => Some(Format::JsonFile),
            "local" => Some(Format::Local),
            _ => None,
        };
        let file = format.zip(found.log_path.as_deref());
        let opened = file.and_then(|(format, path)| {
            // A missing file is awaited by a tail. Here it means that this process sees another directory.
            (path.exists()).then(|| Tail::open_from(path, format, begin).ok()).flatten()
        });
        let (id, container) = (found.container.id.clone(), found.container.name.clone());
        let (way, whole) = match opened {
            Some((tail, whole)) => (Way::File(Box::new(tail)), whole),
            None => by_api(found, engine, begin),
        };
        let flow = Some(Flow::new(to.clone(), multiline, Cursor::default()));
        (
            Self {
                id,
                container,
                to,
                way,
                flow,
                since_ns: since(begin),
                pace: Pace::default(),
                ready: VecDeque::new(),
                ended: false,
            },
            whole,
        )
    }

    /// Of what the local mode has shipped.
    pub(super) fn of_directory(shipped: Shipped, begin: Begin) -> Self {
        Self {
            id: String::new(),
            container: shipped.container().to_owned(),
            to: shipped.to.clone(),
            way: Way::Shipped(Box::new(shipped)),
            flow: None,
            since_ns: since(begin),
            pace: Pace::default(),
            ready: VecDeque::new(),
            ended: false,
        }
    }

    /// Whether it reads this file of what was shipped.
    pub(super) fn is_of(&self, path: &Path) -> bool {
        matches!(&self.way, Way::Shipped(shipped) if shipped.path() == path)
    }

    /// Its files, if it reads any of Docker's.
    pub(super) fn tail(&self) -> Option<&Tail> {
        if let Way::File(tail) = &self.way { Some(tail) } else { None }
    }

    /// From where on a task is to read its log, if Docker's API serves it.
    pub(super) fn go_on_by_api(&self) -> Option<(docker::Found, Cursor)> {
        let Way::Api { found, seen, .. } = &self.way else { return None };
        let [stdout, stderr] = seen.each_ref().map(Dedup::end);
        // A pipe that said nothing yet goes on at the other's place, and both where was begun.
        let begun = (self.since_ns > 0).then_some(Position::Api { time_ns: self.since_ns, done: 0, part: 0 });
        let place = |one: Option<Position>, other: Option<Position>| {
            let others = other.map(|position| match position {
                Position::Api { time_ns, .. } => Position::Api { time_ns, done: 0, part: 0 },
                file @ Position::File { .. } => file,
            });
            one.or(others).or(begun)
        };
        Some(((**found).clone(), Cursor { stdout: place(stdout, stderr), stderr: place(stderr, stdout) }))
    }

    /// Whether it is to be asked before it is known what comes next.
    pub(super) fn wants_more(&self) -> bool {
        self.ready.is_empty() && !self.ended
    }

    /// The time of what comes next.
    pub(super) fn next_ms(&self) -> Option<i64> {
        self.ready.front().map(|found| found.time_ms)
    }

    /// What comes next.
    pub(super) fn take(&mut self) -> Option<Found> {
        self.ready.pop_front()
    }

    /// Reads the next piece of what there is.
    pub(super) async fn more(&mut self, finisher: &mut Finisher, buffer: &mut [u8]) -> anyhow::Result<()> {
        let read = match &mut self.way {
            Way::Api { frames, seen, left, .. } => {
                let Some(flow) = &mut self.flow else { return Ok(()) };
                let read =
                    by_frames((frames, left), seen, (flow, &mut self.pace), finisher, self.since_ns).await;
                match read {
                    Err(error)
                        if error.downcast_ref::<DockerError>().is_some_and(DockerError::is_unreadable) =>
                    {
                        bail!("its logging driver keeps nothing on this host that could be read")
                    }
                    read => read?,
                }
            }
            Way::File(_) | Way::Shipped(_) => self.read_file(finisher, buffer)?,
        };
        self.collect();
        // What is held at the log's end belongs among its last lines, not behind them.
        if read == 0 || (self.tail().is_some() && self.read_file(finisher, buffer)? == 0) {
            self.end(finisher);
        }
        self.collect();
        self.ready.make_contiguous().sort_by_key(|found| found.time_ms);
        Ok(())
    }

    /// Whether Docker had fewer lines than were asked for: then these are all.
    pub(super) fn was_whole(&self) -> bool {
        !matches!(self.way, Way::Api { left: Some(0), .. })
    }

    /// There is no more for now: what is held is let go.
    pub(super) fn end(&mut self, finisher: &mut Finisher) {
        if let Some(flow) = &mut self.flow {
            flow.pause(finisher, Instant::now().into_std());
        }
        self.collect();
        self.ended = true;
    }

    /// Reads all that has come since.
    pub(super) async fn look(&mut self, finisher: &mut Finisher, buffer: &mut [u8]) {
        self.ended = true;
        // What cannot be read now may be later, as at every look of the daemon.
        while self.read_file(finisher, buffer).is_ok_and(|read| read > 0) {
            self.collect();
            tokio::task::yield_now().await;
        }
        if let Some(flow) = &mut self.flow {
            flow.tick(Duration::ZERO, finisher, Instant::now().into_std());
        }
        self.collect();
    }

    /// Takes a piece that a task has read.
    pub(super) fn piece(&mut self, piece: &Piece, finisher: &mut Finisher) {
        if let Some(flow) = &mut self.flow {
            let mut at = Cursor::default();
            *at.get_mut(piece.record.pipe) = Some(piece.start);
            flow.record(&piece.record, at, finisher, Instant::now().into_std());
        }
    }

    fn read_file(&mut self, finisher: &mut Finisher, buffer: &mut [u8]) -> anyhow::Result<usize> {
        let since_ns = self.since_ns.saturating_sub(SLACK_NS);
        match (&mut self.way, &mut self.flow) {
            (Way::File(tail), Some(flow)) => {
                let (pace, live) = (&mut self.pace, self.ended.then(|| Instant::now().into_std()));
                let progress = tail.read(buffer, &mut |entry, at| {
                    let record = match entry {
                        Entry::Record(record) => record,
                        Entry::Malformed(bytes) => {
                            let text = String::from_utf8_lossy(bytes);
                            Record { text, pipe: Pipe::Stdout, time_ns: now_ns(), ends: true }
                        }
                    };
                    if record.time_ns >= since_ns {
                        let now = live.unwrap_or_else(|| pace.at(record.time_ns, flow, finisher));
                        flow.record(&record, at, finisher, now);
                    }
                })?;
                if let Some(end) = tail.end() {
                    flow.read_to(end);
                }
                Ok(progress.bytes)
            }
            (Way::Shipped(shipped), _) => {
                let first_ms = self.since_ns.div_euclid(1_000_000);
                let mut read = Vec::new();
                let bytes = shipped.read(&mut |event| read.push(event));
                match bytes {
                    Err(error) if error.kind() == ErrorKind::NotFound => Ok(0),
                    bytes => {
                        read.sort_by_key(|event| event.time_ms);
                        for event in read.into_iter().filter(|event| event.time_ms >= first_ms) {
                            self.ready.push_back(found(
                                &self.to,
                                &self.container,
                                event.time_ms,
                                event.message,
                            ));
                        }
                        Ok(bytes?)
                    }
                }
            }
            _ => Ok(0),
        }
    }

    /// Takes the messages over that came of what was read.
    fn collect(&mut self) {
        let Some(flow) = &mut self.flow else { return };
        flow.close();
        let since_ms = self.since_ns.div_euclid(1_000_000);
        for closed in flow.take_closed() {
            for event in events(&closed.batch.body).filter(|event| event.time_ms >= since_ms) {
                self.ready.push_back(found(&self.to, &self.container, event.time_ms, event.message));
            }
        }
    }
}

fn found(to: &Destination, container: &str, time_ms: i64, message: String) -> Found {
    let Destination { group, stream } = to.clone();
    Found { group, stream, container: container.to_owned(), time_ms, message }
}

fn since(begin: Begin) -> i64 {
    if let Begin::Time(time_ns) = begin { time_ns } else { 0 }
}

fn by_api(found: docker::Found, engine: &Engine, begin: Begin) -> (Way, bool) {
    let lines = if let Begin::End(bytes) = begin { Some(bytes.div_euclid(LINE).max(1)) } else { None };
    let frames = engine.log_until_now(&found.container.id, since(begin).div_euclid(1_000_000_000), lines);
    let now = now_ns();
    let seen = Box::new([Dedup::new(None, now), Dedup::new(None, now)]);
    (
        Way::Api { found: Box::new(found), frames: Box::pin(frames), seen, left: lines },
        !matches!(begin, Begin::Time(_)),
    )
}

/// Takes the next frames over; how many those were.
async fn by_frames(
    (frames, left): (&mut Frames, &mut Option<u64>),
    seen: &mut [Dedup; 2],
    (flow, pace): (&mut Flow, &mut Pace),
    finisher: &mut Finisher,
    since_ns: i64,
) -> anyhow::Result<usize> {
    for taken in 0..FRAMES {
        let Ok(next) = timeout(ANSWER, frames.next()).await else {
            bail!("Docker does not go on with it within {} s", ANSWER.as_secs());
        };
        let Some(frame) = next else { return Ok(taken) };
        let frame = frame?;
        let records = match frame.pipe {
            Some(pipe) => parse(&frame.text, pipe).into_iter().collect(),
            None => parse_console(&frame.text),
        };
        *left = left.map(|left| left.saturating_sub(records.len() as u64));
        for record in records {
            let [stdout, stderr] = &mut *seen;
            let dedup = if record.pipe == Pipe::Stdout { stdout } else { stderr };
            let Some(start) = dedup.place(&record, now_ns()) else { continue };
            if record.time_ns >= since_ns.saturating_sub(SLACK_NS) {
                let mut at = Cursor::default();
                *at.get_mut(record.pipe) = Some(start);
                let now = pace.at(record.time_ns, flow, finisher);
                flow.record(&record, at, finisher, now);
            }
        }
    }
    Ok(FRAMES)
}
