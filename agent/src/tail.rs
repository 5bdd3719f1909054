//! Reads a container's log from Docker's files themselves, across rotation.
//!
//! A file is known by its inode. What Docker renames or deletes stays open here until it is read
//! to its end, and for as long as its name exists, so that its inode number cannot go to a newer
//! file unseen. Knows records and positions; knows nothing of containers or of what lines say.

mod file;
mod names;
mod since;
pub mod watch;

use std::cmp::Ordering;
use std::collections::VecDeque;
use std::io;
use std::os::unix::fs::MetadataExt;
use std::path::Path;
use std::sync::Arc;

use log::warn;

use crate::logs::cursor::{Cursor, FileId, Position};
use crate::logs::json_file::{Record, parse};
use crate::logs::local_file;
use file::LogFile;
use names::Names;

pub use names::is_short;

/// What one call reads, at most. A record is at most a piece of 16 KiB with every byte escaped.
pub const READ_BYTES: usize = 256 * 1024;

/// How the files of a log are written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Format {
    /// By the `json-file` driver.
    JsonFile,
    /// By the `local` driver.
    Local,
}

/// The log of one container: its files, oldest first.
#[derive(Debug)]
pub struct Tail {
    names: Arc<Names>,
    format: Format,
    /// Those not read to their end; the last is the one that Docker writes to.
    files: VecDeque<LogFile>,
    /// Those read to their end, until their names are gone.
    done: Vec<LogFile>,
    end: Option<Cursor>,
}

/// How a log was found, compared with where reading had stopped.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Found {
    /// Never read before.
    New,
    /// Where reading had stopped is there.
    Resumed,
    /// The file in which reading had stopped is gone: everything that is left is newer, and
    /// what was between may be lost.
    Gap,
}

/// What one call of [`Tail::read`] did.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Progress {
    /// Bytes read: 0 when there was nothing new.
    pub bytes: usize,
    /// The log had been cut off: what was in it and not read by then is lost.
    pub truncated: bool,
    /// Docker has begun a file that no descriptor is left for. It is tried again until it is gone.
    pub short: bool,
}

/// What stands in the log at one place.
#[derive(Debug)]
pub enum Entry<'a> {
    /// A record.
    Record(Record<'a>),
    /// Something else, without its newline.
    Malformed(&'a [u8]),
}

impl Tail {
    /// Opens the log at `path`, rotated files beside it included, and goes on at `cursor`.
    /// A log that does not exist yet is awaited.
    pub fn open(path: &Path, format: Format, cursor: &Cursor) -> io::Result<(Self, Found)> {
        let names = Arc::new(Names::of(path));
        let mut files = names.take_all()?;
        let done = file::take_copies(&mut files)?;
        let mut tail = Self { names, format, files: files.into(), done, end: None };
        let found = tail.resume(cursor)?;
        Ok((tail, found))
    }

    /// Hands over up to [`READ_BYTES`] of entries, each with the cursor to read on from if it is not
    /// taken: of its own pipe that is where it begins.
    /// `buffer` is scratch space of that size, shared between tails.
    pub fn read(
        &mut self,
        buffer: &mut [u8],
        take: &mut impl FnMut(Entry<'_>, Cursor),
    ) -> io::Result<Progress> {
        let (bytes, truncated) = self.read_once(buffer, take)?;
        Ok(Progress { bytes, truncated, short: self.names.is_short() })
    }

    /// How many bytes were read, and whether the log had been truncated.
    fn read_once(
        &mut self,
        buffer: &mut [u8],
        take: &mut impl FnMut(Entry<'_>, Cursor),
    ) -> io::Result<(usize, bool)> {
        let mut truncated = false;
        loop {
            let newest = self.files.len() <= 1;
            let later = [0, 1].map(|pipe| self.files.iter().skip(1).find_map(|file| file.place(pipe)));
            let Some(file) = self.files.front_mut() else {
                if self.rescan()? {
                    continue;
                }
                return Ok((0, truncated));
            };
            truncated |= file.truncated()?;
            let bytes = match file.fill(buffer) {
                // A file that Docker has left and that cannot be read must not hide the newer ones.
                Err(error) if !newest => {
                    warn!(
                        "cannot read on in a rotated log in {}: {error}; the next goes on",
                        self.directory().display()
                    );
                    self.done.extend(self.files.pop_front());
                    continue;
                }
                filled => filled?,
            };
            let filled = buffer.get(..bytes).unwrap_or_default();
            let consumed = file.entries(self.format, filled, !newest, later, take);
            file.consume(filled, consumed);
            if consumed > 0 {
                self.end = Some(self.place());
                return Ok((consumed, truncated));
            }
            if newest {
                if !self.is_behind() {
                    return Ok((0, truncated));
                }
                // Docker may have written to this file and rotated since: after a rotation was
                // seen, the loop reads the file once more before it is left.
                if !self.rescan()? {
                    return Ok((0, truncated));
                }
            } else {
                self.done.extend(self.files.pop_front());
                self.names.let_go(&mut self.done);
            }
        }
    }

    /// Takes over the files that Docker has begun since. Whether there are any.
    fn rescan(&mut self) -> io::Result<bool> {
        self.names.let_go(&mut self.done);
        let new = self.names.take()?;
        let any = !new.is_empty();
        self.files.extend(new);
        Ok(any)
    }

    /// Where reading stands: behind the last entry handed over.
    pub fn end(&self) -> Option<Cursor> {
        self.end
    }

    /// As [`Tail::end`], from what is known of the files. A pipe that was taken over further on than
    /// where reading began keeps that place until it is passed.
    fn place(&self) -> Cursor {
        let place = |pipe| self.files.iter().find_map(|file| file.place(pipe));
        Cursor { stdout: place(0), stderr: place(1) }
    }

    /// Bytes that are not read yet, of the files that are known.
    pub fn behind(&self) -> u64 {
        self.files.iter().filter_map(LogFile::behind).sum()
    }

    /// The directory that the files are in.
    pub fn directory(&self) -> &Path {
        self.names.directory()
    }

    fn names(&self) -> &Arc<Names> {
        &self.names
    }

    /// Docker has begun another file than the newest we have.
    fn is_behind(&self) -> bool {
        let now = self.names.path(0, "").symlink_metadata().map(|metadata| metadata.ino());
        match (self.files.back(), now) {
            (Some(newest), Ok(inode)) => newest.inode() != inode,
            _ => true,
        }
    }

    fn resume(&mut self, cursor: &Cursor) -> io::Result<Found> {
        let places = [cursor.stdout, cursor.stderr];
        let (mut from, mut gap) = (None, false);
        for (pipe, place) in places.into_iter().enumerate() {
            let Some(Position::File { file: id, offset, part }) = place else { continue };
            let Some(at) = self.find(&id)? else {
                // All that is left of this pipe is newer; the other keeps its place.
                gap = true;
                from = Some((0, 0));
                continue;
            };
            for (index, file) in self.files.iter_mut().enumerate() {
                let before = match index.cmp(&at) {
                    Ordering::Less => u64::MAX,
                    Ordering::Equal => offset,
                    Ordering::Greater => 0,
                };
                file.skip(pipe, before, part);
            }
            if from.is_none_or(|best| (at, offset) < best) {
                from = Some((at, offset));
            }
        }
        let Some((at, offset)) = from else { return Ok(Found::New) };
        let rest = self.files.split_off(at);
        self.done.extend(std::mem::replace(&mut self.files, rest));
        if let Some(file) = self.files.front_mut() {
            file.seek(offset)?;
            self.end = Some(self.place());
        }
        Ok(if gap { Found::Gap } else { Found::Resumed })
    }

    /// The file that `id` was made of: by inode and head, or by head alone if it was compressed.
    fn find(&mut self, id: &FileId) -> io::Result<Option<usize>> {
        let mut by_head = None;
        for (index, file) in self.files.iter_mut().enumerate() {
            if !file.begins_like(id)? {
                continue;
            }
            if file.inode() == id.inode {
                return Ok(Some(index));
            }
            if id.head_len > 0 {
                by_head = Some(index);
            }
        }
        for (index, file) in self.files.iter_mut().enumerate() {
            if by_head.is_none() && file.was_cut_off(id)? {
                by_head = Some(index);
            }
        }
        Ok(by_head)
    }
}

impl Format {
    /// Hands over the entries of `bytes` and tells how many bytes they are. An entry that is not
    /// there to its end is left, unless no more can come.
    fn entries(self, bytes: &[u8], complete: bool, mut take: impl FnMut(Entry<'_>, usize)) -> usize {
        match self {
            Self::JsonFile => entries(bytes, complete, take),
            Self::Local => local_file::entries(bytes, complete, |entry, at| {
                take(entry.map_or_else(Entry::Malformed, Entry::Record), at);
            }),
        }
    }

    /// How many bytes the first record has, once it is there to its end.
    fn first(self, bytes: &[u8]) -> Option<usize> {
        match self {
            Self::JsonFile => memchr::memchr(b'\n', bytes),
            Self::Local => local_file::first(bytes),
        }
    }
}

/// Hands over the entries of `bytes` and tells how many bytes they are. What follows the last
/// newline is left, unless no more can come.
fn entries(bytes: &[u8], complete: bool, mut take: impl FnMut(Entry<'_>, usize)) -> usize {
    let mut start = 0;
    let mut one = |start: usize, end: usize| {
        let line = bytes.get(start..end).unwrap_or_default();
        // Where a log was truncated under a writer that does not append, zeros fill the hole.
        let holes = line.iter().take_while(|byte| **byte == 0).count();
        let line = line.get(holes..).unwrap_or_default();
        if line.is_empty() {
            return;
        }
        match parse(line) {
            Some(record) => take(Entry::Record(record), start),
            None => take(Entry::Malformed(line), start),
        }
    };
    for end in memchr::memchr_iter(b'\n', bytes) {
        one(start, end);
        start = end + 1;
    }
    let overlong = start == 0 && bytes.len() == READ_BYTES;
    if start < bytes.len() && (complete || overlong) {
        one(start, bytes.len());
        start = bytes.len();
    }
    start
}

#[cfg(test)]
mod tests;
