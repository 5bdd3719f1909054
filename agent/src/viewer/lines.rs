//! Log lines: of the local mode's directory, `DIR/<group>/<instance>/<container>/<id>.jsonl`, or told by somebody.
//!
//! What is gone from the disk is gone from here. Memory: the newest `MOST_LINES`, whose messages together have at most
//! `MOST_BYTES`, and while they are read twice as much.

use std::cmp::Reverse;
use std::collections::{BTreeMap, HashSet};
use std::fs;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use serde::Deserialize;

use super::growing::{Growing, New};
use crate::page::log::Line;

/// Files that are read, those that were written last; files that are looked at, and how deep they may be.
const MOST_FILES: usize = 2000;
const MOST_FOUND: usize = 10 * MOST_FILES;
const DEEPEST: usize = 16;
/// What is kept, the newest of it: a page shows hours, not days.
pub const MOST_LINES: usize = 200_000;
/// In bytes, of messages.
pub const MOST_BYTES: usize = 32 << 20;
/// So much of what was told is told again: a line may be written late, and a trace was not whole.
const AGAIN_MS: i64 = 2000;
/// Host, container and id are the last parts of a path.
const OF_STREAM: usize = 3;

/// The lines that were read so far.
#[derive(Debug, Default)]
pub struct Lines {
    files: BTreeMap<PathBuf, (Growing, Stream)>,
    /// The oldest first.
    pub all: Vec<Line>,
    bytes: usize,
    /// Up to this there was more than is kept, in milliseconds since the epoch.
    pub cut_ms: Option<i64>,
    /// Counts what was read: another number, other lines.
    pub state: u64,
}

/// Group and stream.
type Stream = (Arc<str>, Arc<str>);

#[derive(Deserialize)]
struct Event {
    timestamp: i64,
    message: String,
}

impl Lines {
    /// Reads what is new below a directory, and forgets what is older than a time.
    pub fn refresh(&mut self, root: &Path, before_ms: i64) {
        let found = files(root);
        let mut files = std::mem::take(&mut self.files);
        let mut gone = HashSet::new();
        files.retain(|path, (_, stream)| {
            let stays = found.contains_key(path);
            if !stays {
                gone.insert(stream.clone());
            }
            stays
        });
        self.forget(&gone);
        let before = UNIX_EPOCH + Duration::from_millis(before_ms.max(0).unsigned_abs());
        let (mut new, mut bytes) = (Vec::new(), 0);
        for (path, _) in found.iter().filter(|(_, written)| **written >= before) {
            let Some(stream) = stream(root, path) else { continue };
            let (growing, stream) = files.entry(path.clone()).or_insert((Growing::default(), stream));
            let read = growing.read(path, &mut |what| match what {
                New::Anew => {
                    new.retain(|line| !is_of(line, stream));
                    self.forget(&HashSet::from([stream.clone()]));
                }
                New::Line(line) => {
                    let event = serde_json::from_slice::<Event>(line).ok();
                    let Some(event) = event.filter(|event| event.timestamp >= before_ms) else { return };
                    let (group, stream) = stream.clone();
                    bytes += event.message.len();
                    new.push(Line { time_ms: event.timestamp, group, stream, message: event.message });
                    if new.len() > MOST_LINES || bytes > MOST_BYTES {
                        self.add(std::mem::take(&mut new), before_ms);
                        bytes = 0;
                    }
                }
            });
            if let Err(error) = read {
                log::debug!("cannot read {}: {error}", path.display());
            }
        }
        self.files = files;
        self.add(new, before_ms);
    }

    /// From when on lines are to be told at this moment.
    pub fn ask_from(&self, now_ms: i64, oldest_ms: i64) -> i64 {
        // Where the clock was set back, the newest is of a time to come.
        let newest = self.all.last().map(|newest| newest.time_ms.min(now_ms) - AGAIN_MS);
        newest.map_or(oldest_ms, |again| again.max(oldest_ms))
    }

    /// Takes all lines from `since_ms` on of the streams that they are of. What was known of these from then on goes.
    pub fn tell(&mut self, told: Vec<Line>, since_ms: i64, before_ms: i64) {
        let place = self.all.partition_point(|line| line.time_ms < since_ms);
        let before = self.all.split_off(place);
        let streams: HashSet<(&str, &str)> = told.iter().map(|line| (&*line.group, &*line.stream)).collect();
        let kept = before.iter().filter(|line| !streams.contains(&(&*line.group, &*line.stream)));
        let mut now: Vec<Line> = kept.cloned().collect();
        now.extend(told.into_iter().filter(|line| line.time_ms >= since_ms));
        now.sort_by(|a, b| (a.time_ms, &a.stream).cmp(&(b.time_ms, &b.stream)));
        self.state += u64::from(now != before);
        self.all.append(&mut now);
        self.bytes = bytes(&self.all);
        self.cut(before_ms);
    }

    fn add(&mut self, mut new: Vec<Line>, before_ms: i64) {
        if !new.is_empty() {
            self.state += 1;
            self.bytes += bytes(&new);
            self.all.append(&mut new);
            // Nearly in order, which this kind of sorting likes.
            self.all.sort_by_key(|line| line.time_ms);
        }
        self.cut(before_ms);
    }

    /// Forgets what is too old, or too much.
    fn cut(&mut self, before_ms: i64) {
        let old = self.all.partition_point(|line| line.time_ms < before_ms);
        let mut gone = old.max(self.all.len().saturating_sub(MOST_LINES));
        let mut bytes = self.bytes;
        for (place, line) in self.all.iter().enumerate() {
            if place >= gone && bytes <= MOST_BYTES {
                break;
            }
            bytes -= line.message.len();
            gone = gone.max(place + 1);
        }
        self.bytes = bytes;
        if gone > old {
            self.cut_ms = self.all.get(gone - 1).map(|line| line.time_ms).max(self.cut_ms);
        }
        self.all.drain(..gone);
    }

    fn forget(&mut self, streams: &HashSet<Stream>) {
        if !streams.is_empty() {
            self.all.retain(|line| !streams.contains(&(Arc::clone(&line.group), Arc::clone(&line.stream))));
            self.bytes = bytes(&self.all);
            self.state += 1;
        }
    }
}

fn is_of(line: &Line, (group, stream): &Stream) -> bool {
    line.group == *group && line.stream == *stream
}

fn bytes(lines: &[Line]) -> usize {
    lines.iter().map(|line| line.message.len()).sum()
}

/// Those that were written last, and when.
fn files(root: &Path) -> BTreeMap<PathBuf, SystemTime> {
    let mut found = Vec::new();
    walk(root, &mut found, 0);
    if found.len() > MOST_FILES {
        log::debug!("the newest {MOST_FILES} files of {} below {} are read", found.len(), root.display());
        found.sort_by_key(|(_, written)| Reverse(*written));
        found.truncate(MOST_FILES);
    }
    found.into_iter().collect()
}

fn walk(directory: &Path, found: &mut Vec<(PathBuf, SystemTime)>, depth: usize) {
    let Ok(entries) = fs::read_dir(directory) else { return };
    for entry in entries.flatten() {
        let hidden = entry.file_name().as_encoded_bytes().starts_with(b".");
        let Ok(kind) = entry.file_type() else { continue };
        if hidden || found.len() >= MOST_FOUND {
            continue;
        }
        let path = entry.path();
        if kind.is_dir() && depth < DEEPEST {
            walk(&path, found, depth + 1);
        } else if kind.is_file()
            && depth >= OF_STREAM
            && path.extension().is_some_and(|end| end == "jsonl")
            && let Ok(written) = entry.metadata().and_then(|metadata| metadata.modified())
        {
            found.push((path, written));
        }
    }
}

/// Group and stream of a file.
fn stream(root: &Path, path: &Path) -> Option<Stream> {
    let below = path.strip_prefix(root).ok()?.with_extension("");
    let parts: Vec<_> = below.iter().map(|part| part.to_string_lossy()).collect();
    let (group, stream) = parts.split_at_checked(parts.len().checked_sub(OF_STREAM)?)?;
    Some((format!("/{}", group.join("/")).into(), stream.join("/").into()))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn line(time_ms: i64, message: &str) -> Line {
        Line { time_ms, group: "/g".into(), stream: "i/c/1".into(), message: message.to_owned() }
    }

    #[test]
    fn streams_are_files() {
        let root = tempfile::TempDir::new().unwrap();
        let file = root.path().join("starttech/backend/host/web/0123.jsonl");
        fs::create_dir_all(file.parent().unwrap()).unwrap();
        fs::write(
            &file,
            "{\"timestamp\":5,\"message\":\"b\"}\n{\"timestamp\":2,\"message\":\"a\"}\nx\n{\"tim",
        )
        .unwrap();
        fs::create_dir_all(root.path().join(".spool/a/b/c")).unwrap();
        fs::write(root.path().join(".spool/a/b/c/d.jsonl"), "{\"timestamp\":1,\"message\":\"no\"}\n")
            .unwrap();
        fs::write(root.path().join("metrics.jsonl"), "{\"timestamp\":1,\"message\":\"no\"}\n").unwrap();
        let mut lines = Lines::default();
        lines.refresh(root.path(), 0);
        let shown: Vec<(&str, &str, &str)> =
            lines.all.iter().map(|line| (&*line.group, &*line.stream, line.message.as_str())).collect();
        assert_eq!(
            shown,
            [("/starttech/backend", "host/web/0123", "a"), ("/starttech/backend", "host/web/0123", "b")]
        );
        let state = lines.state;
        lines.refresh(root.path(), 3);
        assert_eq!((lines.all.len(), lines.state), (1, state));
    }

    fn messages(lines: &Lines) -> String {
        lines.all.iter().map(|line| line.message.as_str()).collect()
    }

    #[test]
    fn what_is_told_again_is_there_once() {
        let mut lines = Lines::default();
        assert_eq!(lines.ask_from(9000, 0), 0);
        lines.tell(vec![line(1000, "a"), line(4000, "b"), line(4000, "b"), line(4001, "x")], 0, 0);
        assert_eq!(
            (messages(&lines), lines.state),
            ("abbx".to_owned(), 1),
            "what was printed twice is there twice"
        );
        let since = lines.ask_from(9000, 0);
        assert_eq!((since, lines.ask_from(9000, 5000), lines.ask_from(3500, 0)), (2001, 5000, 1500));
        lines.tell(vec![line(4000, "b"), line(4000, "b"), line(4001, "x")], since, 0);
        assert_eq!((messages(&lines), lines.state), ("abbx".to_owned(), 1), "nothing is new");
        // The trace that began goes on, another container wrote late, and a third is not there any more.
        let other = |time_ms, message| Line { stream: "i/other/2".into(), ..line(time_ms, message) };
        lines.tell(vec![other(3000, "o")], 3000, 0);
        lines.tell(vec![line(3500, "c"), line(4000, "b"), line(4000, "b"), line(4001, "xyz")], 2001, 0);
        assert_eq!((messages(&lines), lines.state, lines.bytes), ("aocbbxyz".to_owned(), 3, 8));
    }

    #[test]
    fn files_that_go_are_cut_or_cannot_be_read() {
        let root = tempfile::TempDir::new().unwrap();
        let path = root.path().join("g/i/c/1.jsonl");
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        let event =
            |time_ms: i64, message: &str| format!("{{\"timestamp\":{time_ms},\"message\":\"{message}\"}}\n");
        let other = path.with_file_name("2.jsonl");
        fs::write(&other, event(3, "o")).unwrap();
        fs::write(&path, [event(1, "a").as_bytes(), b"\xff\n", event(2, "b").as_bytes()].concat()).unwrap();
        let mut lines = Lines::default();
        let mut shown = || {
            lines.refresh(root.path(), 0);
            (messages(&lines), lines.bytes, lines.state)
        };
        assert_eq!(shown(), ("abo".to_owned(), 3, 1));
        fs::write(&path, event(4, "c")).unwrap();
        assert_eq!(shown(), ("oc".to_owned(), 2, 3), "one that was written anew");
        fs::remove_file(&other).unwrap();
        assert_eq!(shown(), ("c".to_owned(), 1, 4));
        fs::rename(root.path().join("g"), root.path().join(".away")).unwrap();
        assert_eq!(shown(), (String::new(), 0, 5));
        fs::rename(root.path().join(".away"), root.path().join("g")).unwrap();
        assert_eq!(shown(), ("c".to_owned(), 1, 6), "and it is back");
        // Of what was not written since, nothing is read.
        let mut lines = Lines::default();
        lines.refresh(root.path(), i64::MAX / 2);
        assert!(lines.files.is_empty());
    }

    #[test]
    fn the_newest_are_kept() {
        let mut lines = Lines::default();
        let long = "x".repeat(MOST_BYTES / 4);
        lines.add((0..6).map(|at| line(at, &long)).collect(), 0);
        assert_eq!((lines.all.len(), lines.all[0].time_ms, lines.cut_ms), (4, 2, Some(1)));
        lines.add((6..300_000).map(|at| line(at, "")).collect(), 0);
        assert_eq!((lines.all.len(), lines.bytes, lines.cut_ms), (MOST_LINES, 0, Some(99_999)));
        lines.cut(300_000);
        assert_eq!((lines.all.len(), lines.cut_ms), (0, Some(99_999)), "what is too old is not missed");
    }

    #[test]
    fn more_than_is_kept_is_not_read_at_once_and_the_newest_of_all_files_stay() {
        let root = tempfile::TempDir::new().unwrap();
        let directory = root.path().join("g/i/c");
        fs::create_dir_all(&directory).unwrap();
        let long = "x".repeat(1 << 20);
        for file in 0..4_i64 {
            let events =
                (0..15).map(|at| format!("{{\"timestamp\":{},\"message\":\"{long}\"}}\n", at * 4 + file));
            fs::write(directory.join(format!("{file}.jsonl")), events.collect::<String>()).unwrap();
        }
        let mut lines = Lines::default();
        lines.refresh(root.path(), 0);
        let times: Vec<i64> = lines.all.iter().map(|line| line.time_ms).collect();
        assert_eq!((times, lines.cut_ms), ((28..60).collect(), Some(27)));
    }
}
