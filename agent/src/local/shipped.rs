//! What the local mode has shipped, read back from its files.
//!
//! Understands lines as [`super::Directory`] writes them, and passes over what is none; knows nothing of containers
//! but the names in the paths.

use std::fs::{self, File};
use std::io;
use std::os::unix::fs::{FileExt, MetadataExt};
use std::path::{Path, PathBuf};

use memchr::memchr_iter;

use crate::logs::Destination;
use crate::logs::batch::Stored;
use crate::logs::seek::{Begin, SLACK_NS, first_since, last_bytes};

/// Names below a directory are followed so deep; templates of streams may have more parts than the usual.
const DEEPEST: usize = 16;

/// One read, in bytes. A line is longer where an event of a mebibyte has many escapes.
const READ: usize = 256 * 1024;
/// A longer line is none that was shipped.
const LONGEST: usize = 8 << 20;

/// One stream's file.
#[derive(Debug)]
pub struct Shipped {
    file: File,
    path: PathBuf,
    /// Where its events would have gone.
    pub to: Destination,
    offset: u64,
    /// What of a line was read already.
    carry: Vec<u8>,
}

/// The files of all streams below a directory, by path.
pub fn files(root: &Path) -> io::Result<Vec<PathBuf>> {
    let mut files = Vec::new();
    let mut open = vec![(root.to_owned(), 0)];
    while let Some((directory, depth)) = open.pop() {
        for entry in fs::read_dir(&directory)? {
            let entry = entry?;
            let (path, kind) = (entry.path(), entry.file_type()?);
            let hidden = entry.file_name().as_encoded_bytes().starts_with(b".");
            if kind.is_dir() && !hidden && depth < DEEPEST {
                open.push((path, depth + 1));
            } else if kind.is_file() && depth > 0 && path.extension().is_some_and(|ending| ending == "jsonl")
            {
                files.push(path);
            }
        }
    }
    files.sort();
    Ok(files)
}

/// The container of a file below `root`.
pub fn container(root: &Path, path: &Path) -> String {
    name(&destination(path.strip_prefix(root).unwrap_or(path)).stream).to_owned()
}

/// As the usual template of streams has it.
fn name(stream: &str) -> &str {
    stream.rsplit('/').nth(1).unwrap_or(stream)
}

impl Shipped {
    /// Opens a file below `root`, and begins where `begin` says; whether that is at its very beginning.
    pub fn open(root: &Path, path: &Path, begin: Begin) -> io::Result<(Self, bool)> {
        let file = File::open(path)?;
        let size = file.metadata()?.size();
        let read = |buffer: &mut [u8], offset| file.read_at(buffer, offset);
        let offset = match begin {
            Begin::Start => 0,
            Begin::Time(time_ns) => {
                let time_of = |line: &[u8]| event(line).map(|event| event.time_ms.saturating_mul(1_000_000));
                first_since(read, size, time_ns.saturating_sub(SLACK_NS), time_of)?
            }
            Begin::End(bytes) => last_bytes(read, size, bytes)?,
        };
        let to = destination(path.strip_prefix(root).unwrap_or(path));
        Ok((Self { file, path: path.to_owned(), to, offset, carry: Vec::new() }, offset == 0))
    }

    /// The file.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// The container's name.
    pub fn container(&self) -> &str {
        name(&self.to.stream)
    }

    /// Hands over the events that come next; how many bytes were read: 0 when there was nothing new.
    pub fn read(&mut self, take: &mut impl FnMut(Stored)) -> io::Result<usize> {
        let known = self.carry.len();
        if known > LONGEST || self.file.metadata()?.size() < self.offset {
            self.carry.clear();
            self.offset = self.offset.min(self.file.metadata()?.size());
            return self.read_on(0, take);
        }
        self.read_on(known, take)
    }

    fn read_on(&mut self, known: usize, take: &mut impl FnMut(Stored)) -> io::Result<usize> {
        self.carry.resize(known + READ, 0);
        let read = self.file.read_at(self.carry.get_mut(known..).unwrap_or_default(), self.offset);
        let bytes = *read.as_ref().unwrap_or(&0);
        self.carry.truncate(known + bytes);
        read?;
        self.offset += bytes as u64;
        let mut start = 0;
        for end in memchr_iter(b'\n', &self.carry) {
            if let Some(event) = self.carry.get(start..end).and_then(event) {
                take(event);
            }
            start = end + 1;
        }
        self.carry.drain(..start);
        Ok(bytes)
    }
}

fn event(line: &[u8]) -> Option<Stored> {
    serde_json::from_slice(line).ok()
}

/// `starttech/backend/host/name/id.jsonl`: a stream has three parts, unless somebody chose another template.
fn destination(path: &Path) -> Destination {
    let path = path.with_extension("");
    let parts: Vec<_> = path.iter().map(|part| part.to_string_lossy().into_owned()).collect();
    let (group, stream) = parts.split_at(parts.len().saturating_sub(3));
    Destination { group: format!("/{}", group.join("/")), stream: stream.join("/") }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::io::Write;

    #[test]
    fn what_was_shipped_comes_back_and_goes_on() {
        let root = tempfile::tempdir().unwrap();
        let path = root.path().join("starttech/backend/host/api/id.jsonl");
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::create_dir_all(root.path().join(".spool")).unwrap();
        for none in ["metrics.jsonl", ".spool/x.jsonl", "starttech/readme"] {
            fs::write(root.path().join(none), "").unwrap();
        }
        let mut file = File::create(&path).unwrap();
        for n in 0..20_000 {
            writeln!(file, "{{\"timestamp\":{n},\"message\":\"n={n}\"}}").unwrap();
        }
        write!(file, "no event\n{{\"timestamp\":20000,").unwrap();
        assert_eq!(files(root.path()).unwrap(), std::slice::from_ref(&path));
        let (mut all, whole) = Shipped::open(root.path(), &path, Begin::Start).unwrap();
        assert_eq!((all.container(), all.to.group.as_str(), whole), ("api", "/starttech/backend", true));
        let mut seen = Vec::new();
        while all.read(&mut |event| seen.push(event.time_ms)).unwrap() > 0 {}
        assert_eq!(seen, (0..20_000).collect::<Vec<_>>());
        writeln!(file, "\"message\":\"late\"}}").unwrap();
        all.read(&mut |event| seen.push(event.time_ms)).unwrap();
        assert_eq!(seen.last(), Some(&20_000));

        let since = 19_000 * 1_000_000 + SLACK_NS;
        for begin in [Begin::Time(since), Begin::End(1_000)] {
            let (mut end, whole) = Shipped::open(root.path(), &path, begin).unwrap();
            let mut seen = Vec::new();
            while end.read(&mut |event| seen.push(event.time_ms)).unwrap() > 0 {}
            assert!(
                !whole && seen.len() < 5_000 && seen.last() == Some(&20_000),
                "{begin:?}: {}",
                seen.len()
            );
        }
    }
}
