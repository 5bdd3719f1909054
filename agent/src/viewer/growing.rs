//! A file that only grows, and now and then becomes another: what is new of it, line by line.
//!
//! A line is held in memory at a time, and none that is not whole yet. What stands in it is not known here.

use std::fs::{self, File, Metadata};
use std::io::{self, BufRead, BufReader, Read, Seek, SeekFrom};
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};
use std::time::SystemTime;

/// Read of a file at a time, at most, in bytes: the newest of it.
const MOST_BYTES: u64 = 64 << 20;
/// A longer line is passed over: an event has 1 MiB, which JSON makes longer.
const LONGEST: u64 = 4 << 20;

/// What comes of a file.
#[derive(Debug, PartialEq, Eq)]
pub enum New<'a> {
    /// It is another: what came of it before does not stand in it any more.
    Anew,
    /// A line, without its end.
    Line(&'a [u8]),
}

/// A file, and how far it was read.
#[derive(Debug, Default)]
pub struct Growing {
    id: Option<Id>,
    /// To the end of a line.
    read: u64,
    /// What follows is the rest of a line that was too long, or that began before.
    within: bool,
}

/// Tells a file from another of the same name: an inode number alone is given away again.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Id(u64, u64, Option<SystemTime>);

/// An open file as it is now.
struct Opened {
    file: File,
    id: Id,
    length: u64,
}

impl Growing {
    /// Hands over what is new. No file is an empty one.
    ///
    /// # Errors
    /// The disk, or the right to read.
    pub fn read(&mut self, path: &Path, take: &mut dyn FnMut(New<'_>)) -> io::Result<()> {
        let Some(opened) = open(path)? else { return Ok(()) };
        if !self.knows(&opened) {
            if self.read > 0 {
                take(New::Anew);
            }
            *self = Self::of(&opened);
        }
        self.go_on(opened, take)
    }

    fn of(opened: &Opened) -> Self {
        Self { id: Some(opened.id), ..Self::default() }
    }

    /// Whether this is what was read before: one that is shorter now was written anew.
    fn knows(&self, opened: &Opened) -> bool {
        self.id == Some(opened.id) && self.read <= opened.length
    }

    fn go_on(&mut self, opened: Opened, take: &mut dyn FnMut(New<'_>)) -> io::Result<()> {
        let Opened { mut file, length, .. } = opened;
        let skipped = length.saturating_sub(self.read).saturating_sub(MOST_BYTES);
        if skipped > 0 {
            self.read += skipped;
            self.within = true;
        }
        file.seek(SeekFrom::Start(self.read))?;
        // Whoever writes faster than this reads must not keep it here.
        let mut reader = BufReader::new(file.take(length - self.read));
        let mut line = Vec::new();
        loop {
            line.clear();
            let count = reader.by_ref().take(LONGEST).read_until(b'\n', &mut line)?;
            let whole = line.pop_if(|last| *last == b'\n').is_some();
            let count = u64::try_from(count).unwrap_or_default();
            if !whole && count < LONGEST {
                return Ok(());
            }
            self.read += count;
            if whole && !self.within {
                take(New::Line(&line));
            }
            self.within = !whole;
        }
    }
}

/// A growing file that is moved aside to a name of its own and begins anew; the oldest of those goes.
#[derive(Debug)]
pub struct Rotated {
    /// The oldest file's first.
    names: Vec<PathBuf>,
    growing: Growing,
}

impl Rotated {
    /// Of its names, the oldest file's first.
    pub fn new(names: impl Into<Vec<PathBuf>>) -> Self {
        Self { names: names.into(), growing: Growing::default() }
    }

    /// Hands over what is new in all of them. If the one that was read last is gone, all begins anew.
    ///
    /// # Errors
    /// The disk, or the right to read.
    pub fn read(&mut self, take: &mut dyn FnMut(New<'_>)) -> io::Result<()> {
        // The newest first: a file that is moved in between is met twice, which can be seen, and not missed.
        let mut opened: Vec<Opened> = Vec::new();
        for name in self.names.iter().rev() {
            opened.extend(open(name)?.filter(|found| opened.iter().all(|known| known.id != found.id)));
        }
        opened.reverse();
        let known = opened.iter().rposition(|found| self.growing.knows(found));
        if known.is_none() && self.growing.id.is_some() {
            take(New::Anew);
            self.growing = Growing::default();
        }
        for found in opened.into_iter().skip(known.unwrap_or_default()) {
            if !self.growing.knows(&found) {
                self.growing = Growing::of(&found);
            }
            self.growing.go_on(found, take)?;
        }
        Ok(())
    }
}

/// `None` where there is none, or no file: a pipe would never open.
fn open(path: &Path) -> io::Result<Option<Opened>> {
    let missing = |error: &io::Error| error.kind() == io::ErrorKind::NotFound;
    match fs::metadata(path) {
        Ok(metadata) if !metadata.is_file() => return Ok(None),
        Err(error) if missing(&error) => return Ok(None),
        metadata => metadata?,
    };
    let file = match File::open(path) {
        Err(error) if missing(&error) => return Ok(None),
        file => file?,
    };
    let metadata = file.metadata()?;
    Ok(Some(Opened { id: id(&metadata), length: metadata.len(), file }))
}

fn id(metadata: &Metadata) -> Id {
    Id(metadata.dev(), metadata.ino(), metadata.created().ok())
}

#[cfg(test)]
mod tests {
    use std::io::Write;

    use super::*;

    fn append(path: &Path, text: &[u8]) {
        File::options().create(true).append(true).open(path).unwrap().write_all(text).unwrap();
    }

    /// What is handed over: lines behind one another, and `!` where all begins anew.
    fn said(read: impl FnOnce(&mut dyn FnMut(New<'_>)) -> io::Result<()>) -> String {
        let mut said = String::new();
        read(&mut |new| match new {
            New::Anew => said.push('!'),
            New::Line(line) => {
                said += &String::from_utf8_lossy(line);
                said.push(' ');
            }
        })
        .unwrap();
        said
    }

    #[test]
    fn a_line_comes_once_and_whole() {
        let root = tempfile::TempDir::new().unwrap();
        let path = root.path().join("a");
        let mut growing = Growing::default();
        let mut new = || said(|take| growing.read(&path, take));
        assert_eq!(new(), "", "there is none yet");
        append(&path, b"one\ntw");
        assert_eq!(new(), "one ");
        assert_eq!(new(), "", "half a line is none");
        append(&path, b"o\n\n\xff\xfe\nlast");
        assert_eq!(new(), "two  \u{fffd}\u{fffd} ");
        fs::write(&path, "x\n").unwrap();
        assert_eq!(new(), "!x ", "a shorter one was written anew");
        fs::remove_file(&path).unwrap();
        assert_eq!(new(), "");
        // It may get the same inode, and be as long as the one before.
        append(&path, b"y\n");
        assert_eq!(new(), "!y ");
        fs::remove_file(&path).unwrap();
        fs::create_dir(&path).unwrap();
        assert_eq!(new(), "", "what is no file has no lines");
    }

    #[test]
    fn a_line_without_an_end_fills_no_memory_and_the_next_is_read() {
        let root = tempfile::TempDir::new().unwrap();
        let path = root.path().join("a");
        let mut growing = Growing::default();
        let endless = vec![b'x'; usize::try_from(LONGEST).unwrap() + 5];
        append(&path, b"first\n");
        append(&path, &endless);
        assert_eq!(said(|take| growing.read(&path, take)), "first ");
        append(&path, &endless);
        append(&path, b"\nsecond\n");
        assert_eq!(said(|take| growing.read(&path, take)), "second ");
    }

    #[test]
    fn of_a_long_file_the_newest_is_read() {
        let root = tempfile::TempDir::new().unwrap();
        let path = root.path().join("a");
        // A hole takes no room on the disk.
        let file = File::create(&path).unwrap();
        file.set_len(MOST_BYTES).unwrap();
        append(&path, b"cut\nlast\n");
        let mut growing = Growing::default();
        let mut lines = Vec::new();
        growing
            .read(&path, &mut |new| {
                lines.push(match new {
                    New::Line(line) => String::from_utf8_lossy(line).into_owned(),
                    New::Anew => "!".to_owned(),
                });
            })
            .unwrap();
        assert_eq!(lines, ["last"]);
    }

    #[test]
    fn a_moved_file_is_read_to_its_end_and_one_that_is_gone_begins_anew() {
        let root = tempfile::TempDir::new().unwrap();
        let [earlier, now] = ["a.1", "a"].map(|name| root.path().join(name));
        let mut rotated = Rotated::new([earlier.clone(), now.clone()]);
        let mut new = || said(|take| rotated.read(take));
        assert_eq!(new(), "");
        append(&earlier, b"1\n");
        append(&now, b"2\n");
        assert_eq!(new(), "1 2 ", "both, at first");
        append(&now, b"3\n");
        fs::rename(&now, &earlier).unwrap();
        assert_eq!(new(), "3 ", "nothing was written since it was moved");
        assert_eq!(new(), "");
        append(&now, b"4\n");
        assert_eq!(new(), "4 ");
        for line in [b"5\n", b"6\n"] {
            fs::rename(&now, &earlier).unwrap();
            append(&now, line);
        }
        assert_eq!(new(), "!5 6 ", "moved twice: nothing of what was read is there any more");
        fs::remove_file(&now).unwrap();
        fs::remove_file(&earlier).unwrap();
        assert_eq!((new(), new()), ("!".to_owned(), String::new()));
        append(&now, b"7\n");
        assert_eq!(new(), "7 ");
        fs::write(&now, "").unwrap();
        append(&earlier, b"8\n");
        assert_eq!(new(), "!8 ", "what was emptied is another");
    }

    #[test]
    fn where_more_are_kept_it_may_be_moved_more_often() {
        let root = tempfile::TempDir::new().unwrap();
        let names = ["a.3", "a.2", "a.1", "a"].map(|name| root.path().join(name));
        let mut rotated = Rotated::new(names.clone());
        let mut new = || said(|take| rotated.read(take));
        for (name, line) in names.iter().zip([b"1\n", b"2\n", b"3\n", b"4\n"]) {
            append(name, line);
        }
        assert_eq!(new(), "1 2 3 4 ");
        let turn = || names.windows(2).for_each(|pair| drop(fs::rename(&pair[1], &pair[0])));
        append(&names[3], b"5\n");
        turn();
        append(&names[3], b"6\n");
        turn();
        append(&names[3], b"7\n");
        assert_eq!(new(), "5 6 7 ", "twice");
        turn();
        assert_eq!((new(), new()), (String::new(), String::new()), "there is no present one yet");
        append(&names[3], b"8\n");
        assert_eq!(new(), "8 ");
        for line in [b"9\n", b"a\n", b"b\n", b"c\n"] {
            turn();
            append(&names[3], line);
        }
        assert_eq!(new(), "!9 a b c ", "what was read is gone");
    }
}
