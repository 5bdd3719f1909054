//! A backend for the agent to be shown at work on: it answers HTTP on loopback, and prints what the
//! platform's backend prints, as Docker would keep it: in a json-file log that rotates.
//!
//! What it prints by itself is decided in `content`, what a request gets in `routes`; `container_log`
//! writes records and knows nothing of either. It knows nothing of the agent that reads the log, nor
//! of the time of day, which it is told.

mod content;
mod day;
mod routes;

mod gin;

mod container_log;
mod serve;

use std::io;
use std::net::{Ipv4Addr, SocketAddr};
use std::num::NonZeroU32;
use std::path::PathBuf;
use std::time::Duration;

use jiff::Timestamp;
use tokio::net::TcpListener;
use tokio::sync::mpsc;
use tokio::task::JoinSet;
use tokio::time::{Instant, MissedTickBehavior, interval};

use container_log::{ContainerLog, Limits};
use content::Entry;
use day::Mood;

/// So many files are kept, `max-file` of the json-file driver.
pub const MAX_FILES: u32 = 3;

/// A log file is rotated at this size or later: soon enough to be seen.
const LEAST_MAX_SIZE: u64 = 64 * 1024;
/// A file has room for so many bytes of each entry of a second. That is half a second of them: however
/// many are asked for, a reader on a slow disk is not outrun.
const ENTRY_BYTES: u64 = 256;
/// The clock of the traffic ticks no faster; from there on, several entries share a tick.
const MOST_TICKS: u32 = 100;
/// Connections at a time; more wait.
const CONNECTIONS: usize = 64;
/// Entries of answered requests on their way to the log.
const ANSWERED: usize = 64;

/// Bytes at which a log file is rotated, `max-size` of the json-file driver.
pub fn max_size(entries_per_second: NonZeroU32) -> u64 {
    LEAST_MAX_SIZE.max(u64::from(entries_per_second.get()) * ENTRY_BYTES)
}

/// How the backend behaves.
#[derive(Debug, Clone)]
pub struct Settings {
    /// The log: the path that Docker would report as `LogPath`.
    pub log_path: PathBuf,
    /// The port on 127.0.0.1; 0 lets the system choose.
    pub port: u16,
    /// Entries of the built-in traffic in a second.
    pub entries_per_second: NonZeroU32,
    /// Stands in the last line that is printed, so that its arrival can be told.
    pub run: String,
    /// The time of day, in nanoseconds since the epoch.
    pub clock: fn() -> i64,
    /// Told what Docker would tell of the container.
    pub happened: mpsc::Sender<Happened>,
}

/// What becomes of the container.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Happened {
    /// The kernel ended its process because its memory was used up.
    OutOfMemory,
    /// It ended with that.
    Died,
    /// It was started again.
    Started,
}

/// The backend, listening.
#[derive(Debug)]
pub struct Backend {
    settings: Settings,
    listener: TcpListener,
    log: ContainerLog,
    tally: Tally,
}

/// What was printed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Tally {
    /// Lines.
    pub lines: u64,
    /// What was printed at one go: a line, or a stack trace of many. An agent makes one event of each.
    pub entries: u64,
    /// Requests that were answered.
    pub requests: u64,
}

impl Backend {
    /// Opens the log and begins to listen.
    pub async fn start(settings: Settings) -> io::Result<Self> {
        let address = SocketAddr::from((Ipv4Addr::LOCALHOST, settings.port));
        let listener =
            TcpListener::bind(address).await.map_err(|error| named(&error, &address.to_string()))?;
        let limits = Limits { max_size: max_size(settings.entries_per_second), max_files: MAX_FILES };
        let log = ContainerLog::open(&settings.log_path, limits)
            .map_err(|error| named(&error, &settings.log_path.display().to_string()))?;
        Ok(Self { settings, listener, log, tally: Tally::default() })
    }

    /// Where it listens.
    pub fn address(&self) -> io::Result<SocketAddr> {
        self.listener.local_addr()
    }

    /// Answers and prints until `stop`, then prints its last line.
    pub async fn run(mut self, stop: impl Future<Output = ()>) -> io::Result<Tally> {
        let mut pace = Pace::new(self.settings.entries_per_second);
        let (began, mut mood) = (Instant::now(), Mood::Well);
        let mut ticks = interval(pace.period);
        ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
        let (answered, mut to_print) = mpsc::channel(ANSWERED);
        let mut connections = JoinSet::new();
        let mut next = 0;
        tokio::pin!(stop);
        loop {
            tokio::select! {
                () = &mut stop => break,
                _ = ticks.tick() => {
                    let after = began.elapsed();
                    self.turn(mood, day::mood(after)).await;
                    mood = day::mood(after);
                    for _ in 0..pace.entries(day::traffic(after)) {
                        let failed = match mood {
                            Mood::Well => false,
                            Mood::Failing => next % 2 == 0,
                            Mood::Down => continue,
                        };
                        let entry = if failed { content::failed(next, self.now()) } else { content::entry(next, self.now()) };
                        self.print(&entry)?;
                        next += 1;
                    }
                }
                Some(served) = to_print.recv() => self.served(&served)?,
                Ok((stream, peer)) = self.listener.accept(), if mood != Mood::Down && connections.len() < CONNECTIONS => {
                    connections.spawn(serve::connection(stream, peer.ip(), answered.clone()));
                }
                Some(_) = connections.join_next() => {}
            }
        }
        connections.shutdown().await;
        while let Ok(served) = to_print.try_recv() {
            self.served(&served)?;
        }
        let last = content::last(&self.settings.run, self.now());
        self.print(&last)?;
        Ok(self.tally)
    }

    /// Says what Docker would say when the backend goes down or comes up. Whoever has gone does not listen any more.
    async fn turn(&self, from: Mood, to: Mood) {
        let all: &[Happened] = match (from == Mood::Down, to == Mood::Down) {
            (false, true) => &[Happened::OutOfMemory, Happened::Died],
            (true, false) => &[Happened::Started],
            _ => &[],
        };
        for happened in all {
            self.settings.happened.send(*happened).await.ok();
        }
    }

    fn served(&mut self, served: &serve::Served) -> io::Result<()> {
        self.tally.requests += 1;
        for entry in served.entries(self.now()) {
            self.print(&entry)?;
        }
        Ok(())
    }

    fn print(&mut self, entry: &Entry) -> io::Result<()> {
        self.tally.lines += entry.text.lines().count() as u64;
        self.tally.entries += 1;
        // A write into the page cache: too short to be worth another thread.
        self.log
            .print(entry.pipe, &entry.text, self.now())
            .map_err(|error| named(&error, &self.settings.log_path.display().to_string()))
    }

    fn now(&self) -> Timestamp {
        Timestamp::from_nanosecond(i128::from((self.settings.clock)())).unwrap_or_default()
    }
}

/// The error with its subject.
fn named(error: &io::Error, subject: &str) -> io::Error {
    io::Error::new(error.kind(), format!("{subject}: {error}"))
}

/// How entries are spread over time.
#[derive(Debug, Clone, Copy)]
struct Pace {
    period: Duration,
    /// Entries of a tick of mean traffic.
    share: f64,
    /// Less than one entry: it comes with the next.
    owed: f64,
}

impl Pace {
    fn new(entries_per_second: NonZeroU32) -> Self {
        let ticks_per_second = entries_per_second.get().min(MOST_TICKS);
        let share = f64::from(entries_per_second.get()) / f64::from(ticks_per_second);
        Self { period: Duration::from_secs(1) / ticks_per_second, share, owed: 0.0 }
    }

    /// How many at this tick, of so many times the mean. Counted by ticks, not by time: after a stall there is no burst.
    fn entries(&mut self, traffic: f64) -> u32 {
        self.owed += self.share * traffic;
        let whole = self.owed.floor();
        self.owed -= whole;
        #[expect(
            clippy::cast_possible_truncation,
            clippy::cast_sign_loss,
            reason = "some hundred, and positive"
        )]
        let count = whole as u32;
        count
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_day_has_as_many_entries_as_were_asked_for() {
        for asked in [1, 4, 99, 100, 101, 250, 999, 10_000] {
            let mut pace = Pace::new(NonZeroU32::new(asked).unwrap());
            let (mut came, mut after, mut most) = (0, Duration::ZERO, 0);
            while after < day::DAY {
                let count = pace.entries(day::traffic(after));
                (came, most) = (came + count, most.max(count));
                after += pace.period;
            }
            assert!(came.abs_diff(asked * 120) <= asked / 50 + 1, "{came} instead of {}", asked * 120);
            assert!(
                f64::from(most) <= f64::from(asked).max(100.0) / 100.0 * 1.8 + 1.0,
                "{most} at once of {asked}"
            );
        }
    }

    #[tokio::test]
    async fn a_taken_port_is_named() {
        let directory = tempfile::TempDir::new().unwrap();
        let settings = |port| Settings {
            log_path: directory.path().join("id-json.log"),
            port,
            entries_per_second: NonZeroU32::MIN,
            run: "x".to_owned(),
            clock: || 0,
            happened: mpsc::channel(1).0,
        };
        let first = Backend::start(settings(0)).await.unwrap();
        let port = first.address().unwrap().port();
        let error = Backend::start(settings(port)).await.unwrap_err();
        assert!(error.to_string().contains(&format!("127.0.0.1:{port}: ")), "{error}");
    }
}
