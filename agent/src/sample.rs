//! A backend for the agent to be shown at work on: it answers HTTP on loopback, and prints what the
//! platform's backend prints, as Docker would keep it: in a json-file log that rotates.
//!
//! What it prints by itself is decided in `content`, what a request gets in `routes`; `container_log`
//! writes records and knows nothing of either. It knows nothing of the agent that reads the log, nor
//! of the time of day, which it is told.

mod content;
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
use tokio::time::{MissedTickBehavior, interval};

use container_log::{ContainerLog, Limits};
use content::Entry;

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
        let pace = Pace::new(self.settings.entries_per_second);
        let mut ticks = interval(pace.period);
        ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
        let (answered, mut to_print) = mpsc::channel(ANSWERED);
        let mut connections = JoinSet::new();
        let (mut tick, mut next) = (0, 0);
        tokio::pin!(stop);
        loop {
            tokio::select! {
                () = &mut stop => break,
                _ = ticks.tick() => {
                    for _ in 0..pace.entries(tick) {
                        let entry = content::entry(next, self.now());
                        self.print(&entry)?;
                        next += 1;
                    }
                    tick += 1;
                }
                Some(served) = to_print.recv() => self.served(&served)?,
                Ok((stream, peer)) = self.listener.accept(), if connections.len() < CONNECTIONS => {
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
    entries_per_second: u32,
    ticks_per_second: u32,
}

impl Pace {
    fn new(entries_per_second: NonZeroU32) -> Self {
        let entries_per_second = entries_per_second.get();
        let ticks_per_second = entries_per_second.min(MOST_TICKS);
        Self { period: Duration::from_secs(1) / ticks_per_second, entries_per_second, ticks_per_second }
    }

    /// How many at this tick. Counted by ticks, not by time: after a stall there is no burst.
    fn entries(self, tick: u64) -> u64 {
        let (entries, ticks) = (u64::from(self.entries_per_second), u64::from(self.ticks_per_second));
        (tick + 1) * entries / ticks - tick * entries / ticks
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_second_has_as_many_entries_as_were_asked_for() {
        for asked in [1, 4, 99, 100, 101, 250, 999, 10_000] {
            let pace = Pace::new(NonZeroU32::new(asked).unwrap());
            let ticks = u64::from(pace.ticks_per_second);
            let second = |from: u64| (from..from + ticks).map(|tick| pace.entries(tick)).sum::<u64>();
            assert_eq!([second(0), second(7)], [u64::from(asked); 2], "{asked}");
            assert!(
                (pace.period * pace.ticks_per_second).abs_diff(Duration::from_secs(1))
                    < Duration::from_micros(1)
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
        };
        let first = Backend::start(settings(0)).await.unwrap();
        let port = first.address().unwrap().port();
        let error = Backend::start(settings(port)).await.unwrap_err();
        assert!(error.to_string().contains(&format!("127.0.0.1:{port}: ")), "{error}");
    }
}
