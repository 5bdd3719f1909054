//! One container as the log loop sees it: how its log is read, and the flow its lines go through.

use std::fs::File;
use std::path::Path;
use std::sync::Arc;
use std::time::Instant;

use log::{error, info, warn};
use tokio::task::AbortHandle;

use super::api::Reading;
use super::counters::Counters;
use super::health::Standing;
use crate::docker::{Engine, Found};
use crate::logs::cursor::{Cursor, Position};
use crate::logs::finish::Finisher;
use crate::logs::flow::Flow;
use crate::logs::json_file::Record;
use crate::logs::{Destination, Pipe};
use crate::tail::watch::Watcher;
use crate::tail::{Entry, Format, Found as FoundLog, Tail, is_short};
use crate::telemetry::now_ns;

/// What helps where no file descriptor is left.
const RAISE: &str = "raise LimitNOFILE in the agent's unit";

/// One container.
#[derive(Debug)]
pub(super) struct Source {
    pub(super) found: Found,
    /// Where to ask for its log, if that is no file.
    pub(super) engine: Option<Engine>,
    /// `None`: its lines are not wanted.
    pub(super) flow: Option<Flow>,
    pub(super) log: Log,
    /// Docker has removed the container: what is left is read, then it is forgotten.
    pub(super) removed: bool,
    /// What went wrong last: the same is not said again five times a second.
    said: Option<String>,
    /// There was no file descriptor for a rotated file.
    short: bool,
    /// For those who ask.
    pub(super) seen: Seen,
    /// Whether its file can be read.
    pub(super) standing: Standing,
}

/// What came of its log in this run.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Seen {
    pub(super) records: u64,
    /// When the newest of them was written.
    pub(super) last_ns: Option<i64>,
    pub(super) events: u64,
    pub(super) dropped_by_rule: u64,
    /// How often its file was emptied while it was read.
    pub(super) truncated: u64,
}

/// How its log is being read.
#[derive(Debug)]
pub(super) enum Log {
    File(Box<Tail>),
    /// By a task of its own.
    Api {
        /// Wakes it, and tells how it fares.
        reading: Arc<Reading>,
        /// Tells whether it is still at work.
        reader: AbortHandle,
    },
    /// Its file cannot be opened; that is tried again now and then.
    Unreadable,
    None,
}

/// How its log can be read.
pub(super) enum Way<'a> {
    File(&'a Path, Format),
    Api,
    None,
}

impl<'a> Way<'a> {
    /// Files first, the API second; says why where it is neither.
    pub(super) fn of(found: &'a Found, cursor: &Cursor, wanted: bool) -> Self {
        let name = &found.container.name;
        match (found.driver.as_str(), &found.log_path) {
            _ if !wanted => {
                info!("container {name} is left out, as configured");
                Self::None
            }
            ("json-file", Some(path)) => Self::File(path, Format::JsonFile),
            ("local", Some(path)) => Self::of_local(path, name, cursor),
            ("awslogs", _) => {
                warn!("container {name} logs by the awslogs driver, which sends its lines itself: skipped");
                Self::None
            }
            ("none", _) => {
                warn!("container {name} logs nowhere (driver none): nothing to read");
                Self::None
            }
            _ => Self::Api,
        }
    }

    /// The files, unless that would repeat what was read over the API, or they are out of reach.
    fn of_local(path: &'a Path, name: &str, cursor: &Cursor) -> Self {
        match cursor.stdout.or(cursor.stderr) {
            Some(Position::Api { .. }) => Self::Api,
            Some(Position::File { .. }) => Self::File(path, Format::Local),
            None => match File::open(path) {
                Ok(_) => Self::File(path, Format::Local),
                // That passes, and opening is tried again.
                Err(error) if is_short(&error) => Self::File(path, Format::Local),
                Err(error) => {
                    warn!(
                        "cannot open the log of container {name} at {}: {error}; Docker's API serves it instead, \
                         but passes lines over when it rotates fast; run the agent as root or with CAP_DAC_READ_SEARCH, \
                         where it sees Docker's data directory",
                        path.display()
                    );
                    Self::Api
                }
            },
        }
    }
}

/// Opens a log and has its directory watched.
pub(super) fn open(
    path: &Path,
    format: Format,
    found: &Found,
    cursor: &Cursor,
    watcher: Option<&mut Watcher>,
) -> Log {
    let name = &found.container.name;
    let tail = match Tail::open(path, format, cursor) {
        Ok((tail, FoundLog::New)) => {
            info!("following container {name}, its log from the beginning");
            tail
        }
        Ok((tail, FoundLog::Resumed)) => {
            info!("following container {name} where it was left");
            tail
        }
        Ok((tail, FoundLog::Gap)) => {
            warn!(
                "the log of container {name} was rotated away while the agent was not running: \
                 lines between may be lost; what is left is read"
            );
            tail
        }
        Err(error) => {
            error!(
                "cannot read the log of container {name} at {}: {error}; its lines do not leave this host; \
                 {}. It is tried again every second",
                path.display(),
                if is_short(&error) { RAISE } else { "run the agent as root or with CAP_DAC_READ_SEARCH" }
            );
            return Log::Unreadable;
        }
    };
    if let Some(Err(error)) = watcher.map(|watcher| watcher.add(&tail)) {
        warn!("cannot watch {} ({error}): its rotations are found by polling", tail.directory().display());
    }
    Log::File(Box::new(tail))
}

impl Source {
    /// A container that is there.
    pub(super) fn new(found: Found, engine: Option<Engine>, flow: Option<Flow>, log: Log) -> Self {
        let (seen, standing) = (Seen::default(), Standing::default());
        Self { found, engine, flow, log, removed: false, said: None, short: false, seen, standing }
    }

    /// Stops reading, as the configuration now says; what was read still leaves. Gives the place
    /// where to go on when it is wanted again; none if it was not read anyway.
    pub(super) fn leave_out(&mut self, finisher: &mut Finisher, now: Instant) -> Option<Cursor> {
        match std::mem::replace(&mut self.log, Log::None) {
            Log::None | Log::Unreadable => return None,
            Log::Api { reader, .. } => reader.abort(),
            Log::File(_) => {}
        }
        info!("container {} is left out from now on, as configured", self.found.container.name);
        let flow = self.flow.as_mut()?;
        flow.pause(finisher, now);
        Some(flow.place())
    }

    /// Sends its lines elsewhere from now on, if that is elsewhere, and has them counted or not.
    pub(super) fn redirect(&mut self, to: Destination, measured: bool) {
        let Some(flow) = &mut self.flow else { return };
        flow.observe(measured);
        if *flow.destination() != to {
            flow.redirect(to);
        }
    }

    /// Reads once, and gives how many bytes that were.
    pub(super) fn read(
        &mut self,
        buffer: &mut [u8],
        finisher: &mut Finisher,
        now: Instant,
        counters: &Counters,
    ) -> usize {
        let (Log::File(tail), Some(flow)) = (&mut self.log, &mut self.flow) else { return 0 };
        let name = &self.found.container.name;
        let (mut records, mut malformed, mut last_ns) = (0, 0, self.seen.last_ns);
        let progress = tail.read(buffer, &mut |entry, at| {
            records += 1;
            let record = match entry {
                Entry::Record(record) => record,
                Entry::Malformed(bytes) => {
                    malformed += 1;
                    let text = String::from_utf8_lossy(bytes);
                    Record { text, pipe: Pipe::Stdout, time_ns: now_ns(), ends: true }
                }
            };
            last_ns = last_ns.max(Some(record.time_ns));
            flow.record(&record, at, finisher, now);
        });
        (self.seen.records, self.seen.last_ns) = (self.seen.records + records, last_ns);
        if malformed > 0 && counters.malformed.get() == 0 {
            warn!("the log of container {name} holds what Docker did not write: shipped as it is");
        }
        counters.records.add(records);
        counters.malformed.add(malformed);
        match progress {
            Ok(progress) => {
                self.standing.well();
                if let Some(end) = tail.end() {
                    flow.read_to(end);
                }
                counters.bytes_read.add(progress.bytes as u64);
                if progress.truncated {
                    self.seen.truncated += 1;
                    let words = format!(
                        "the log of container {name} was truncated: what was not read by then is lost; \
                         set max-file to 2 or more with max-size"
                    );
                    say_once(&mut self.said, words);
                }
                if progress.short && !self.short {
                    error!(
                        "no file descriptor is left for a rotated log of container {name}: it is tried again \
                         until Docker deletes it; {RAISE}"
                    );
                } else if self.short && !progress.short {
                    info!("there are file descriptors again for the rotated logs of container {name}");
                }
                self.short = progress.short;
                progress.bytes
            }
            Err(error) => {
                let path = self.found.log_path.as_deref().unwrap_or(Path::new("")).display();
                self.standing
                    .wrong(&format!("{path}: {error}"), Some("is the disk well? dmesg | tail; df -h"));
                let words = format!(
                    "cannot read the log of container {name} at {path}: {error}; its lines do not leave this host"
                );
                say_once(&mut self.said, words);
                0
            }
        }
    }

    /// Its file could not be opened, but can be by now.
    pub(super) fn can_be_opened(&self) -> bool {
        let path = self.found.log_path.as_deref().filter(|_| matches!(self.log, Log::Unreadable));
        path.is_some_and(|path| Tail::open(path, Format::JsonFile, &Cursor::default()).is_ok())
    }

    /// The container runs again, or is gone: whoever reads its log looks once more.
    pub(super) fn started_again(&self) {
        if let Log::Api { reading, .. } = &self.log {
            reading.started.notify_one();
        }
    }

    /// A task still reads its log, and finds by itself when there is no more.
    pub(super) fn is_being_read(&self) -> bool {
        matches!(&self.log, Log::Api { reader, .. } if !reader.is_finished())
    }
}

fn say_once(said: &mut Option<String>, words: String) {
    if said.as_ref() != Some(&words) {
        error!("{words}");
        *said = Some(words);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::logs::Container;
    use crate::logs::cursor::FileId;

    #[test]
    fn the_local_driver_is_read_from_files_unless_they_are_out_of_reach_or_the_api_was_read() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("container.log");
        let found = |log_path: Option<&Path>| Found {
            container: Container::default(),
            driver: "local".to_owned(),
            log_path: log_path.map(Path::to_owned),
            started: true,
            standing: None,
        };
        let stderr = |position| Cursor { stdout: None, stderr: Some(position) };
        let file = FileId { inode: 1, head: 0, head_len: 0, born_ns: None };
        let by_file = stderr(Position::File { file, offset: 1, part: 0 });
        let by_api = stderr(Position::Api { time_ns: 1, done: 1, part: 0 });
        let is_file = |log_path: Option<&Path>, cursor: &Cursor| match Way::of(&found(log_path), cursor, true)
        {
            Way::File(_, format) => format == Format::Local,
            Way::Api => false,
            Way::None => panic!("not read at all"),
        };
        assert!(!is_file(Some(&path), &Cursor::default()), "it is not there");
        assert!(is_file(Some(&path), &by_file), "it is tried again, and nothing is repeated");
        std::fs::write(&path, "").unwrap();
        assert!(is_file(Some(&path), &Cursor::default()));
        assert!(is_file(Some(&path), &by_file));
        assert!(!is_file(Some(&path), &by_api));
        assert!(!is_file(None, &Cursor::default()), "Docker does not say where its data is");
    }
}
