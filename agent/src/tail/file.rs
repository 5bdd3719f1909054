//! One file of a log, plain or compressed: read from, recognised, held open.

use std::fs::File;
use std::io::{self, Read};
use std::os::fd::{AsRawFd, RawFd};
use std::os::unix::fs::{FileExt, MetadataExt};
use std::path::Path;
use std::time::UNIX_EPOCH;

use flate2::read::MultiGzDecoder;

use super::{Entry, Format, READ_BYTES};
use crate::logs::Pipe;
use crate::logs::cursor::{Cursor, FileId, HEAD_LIMIT, Position};

#[derive(Debug)]
pub(super) struct LogFile {
    source: Source,
    inode: u64,
    born_ns: Option<i64>,
    /// CRC-32 and length of the first record's beginning, once there is one.
    head: Option<(u32, u32)>,
    /// Of the next entry, in bytes of the uncompressed text.
    offset: u64,
    /// For standard output and standard error: entries before this are done, and how many parts
    /// of the line that goes on there.
    skip: [(u64, u32); 2],
    /// When it was last written, in seconds and nanoseconds, as of the last look.
    written: (i64, i64),
}

#[derive(Debug)]
enum Source {
    Plain(File),
    /// The decoder, and what it gave that was not consumed yet.
    Compressed(Box<MultiGzDecoder<File>>, Vec<u8>),
}

impl LogFile {
    pub(super) fn open(path: &Path) -> io::Result<Self> {
        Self::new(File::open(path)?, path.extension().is_some_and(|ending| ending == "gz"))
    }

    pub(super) fn new(file: File, compressed: bool) -> io::Result<Self> {
        let metadata = file.metadata()?;
        let born = metadata.created().ok().and_then(|time| time.duration_since(UNIX_EPOCH).ok());
        let source = if compressed {
            Source::Compressed(Box::new(MultiGzDecoder::new(file)), Vec::new())
        } else {
            Source::Plain(file)
        };
        let (inode, born_ns) = (metadata.ino(), born.and_then(|born| i64::try_from(born.as_nanos()).ok()));
        Ok(Self { source, inode, born_ns, head: None, offset: 0, skip: [(0, 0); 2], written: (0, 0) })
    }

    /// Opens it unless its inode is known. Judged again after opening: the name may have gone to
    /// another file in between.
    pub(super) fn open_unless(path: &Path, known: impl Fn(u64) -> bool) -> io::Result<Option<Self>> {
        if known(path.symlink_metadata()?.ino()) {
            return Ok(None);
        }
        let file = Self::open(path)?;
        Ok(if known(file.inode) { None } else { Some(file) })
    }

    /// Bytes that are not read yet; `None` of a compressed file, which is small.
    pub(super) fn behind(&self) -> Option<u64> {
        match &self.source {
            Source::Plain(file) => Some(file.metadata().ok()?.size().saturating_sub(self.offset)),
            Source::Compressed(..) => None,
        }
    }

    pub(super) fn inode(&self) -> u64 {
        self.inode
    }

    /// Whether the file still has a name, in the directory or elsewhere.
    pub(super) fn has_name(&self) -> bool {
        self.file().metadata().is_ok_and(|metadata| metadata.nlink() > 0)
    }

    /// Where a pipe goes on; `None` if that is in a later file.
    pub(super) fn place(&self, pipe: usize) -> Option<Position> {
        place(self.id(), self.offset, self.skip.get(pipe).copied().unwrap_or_default())
    }

    pub(super) fn skip(&mut self, pipe: usize, before: u64, part: u32) {
        if let Some(skip) = self.skip.get_mut(pipe) {
            *skip = (before, part);
        }
    }

    pub(super) fn seek(&mut self, offset: u64) -> io::Result<()> {
        if let Source::Compressed(decoder, _) = &mut self.source {
            ended_early(io::copy(&mut decoder.take(offset), &mut io::sink()))?;
        }
        self.offset = offset;
        Ok(())
    }

    /// Whether its beginning is the one that `id` was made of. Remembers it if so.
    pub(super) fn begins_like(&mut self, id: &FileId) -> io::Result<bool> {
        if id.head_len == 0 {
            return Ok(true);
        }
        let matches = self.head_of(id.head_len)? == Some(id.head);
        if matches {
            self.head = Some((id.head, id.head_len));
        }
        Ok(matches)
    }

    /// Whether it is the file that `id` was made of, cut off since, for it begins otherwise. Remembers
    /// the beginning that it had.
    pub(super) fn was_cut_off(&mut self, id: &FileId) -> io::Result<bool> {
        // Without a time, only an empty file is known for it: what Docker begins is written to at once.
        let same = self.inode == id.inode
            && match (self.born_ns, id.born_ns) {
                (Some(born), Some(known)) => born == known,
                _ => self.file().metadata()?.size() == 0,
            };
        if same {
            self.head = Some((id.head, id.head_len));
        }
        Ok(same)
    }

    /// Whether the file was cut off under us. Reading goes on at its new beginning.
    pub(super) fn truncated(&mut self) -> io::Result<bool> {
        let Source::Plain(file) = &self.source else { return Ok(false) };
        if self.offset == 0 {
            return Ok(false);
        }
        let metadata = file.metadata()?;
        let (size, written) = (metadata.size(), (metadata.mtime(), metadata.mtime_nsec()));
        let unchanged = std::mem::replace(&mut self.written, written) == written;
        let regrown = match self.head {
            // Cut off and grown again since: the beginning is another one.
            Some((head, length)) if size > self.offset || (size == self.offset && !unchanged) => {
                self.head_of(length)? != Some(head)
            }
            _ => false,
        };
        if size >= self.offset && !regrown {
            return Ok(false);
        }
        self.offset = 0;
        self.head = None;
        self.skip = [(0, 0); 2];
        Ok(true)
    }

    /// Reads what comes next into `buffer`, without consuming it.
    pub(super) fn fill(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        match &mut self.source {
            Source::Plain(file) => file.read_at(buffer, self.offset),
            Source::Compressed(decoder, carry) => {
                let room = buffer.len().saturating_sub(carry.len()) as u64;
                ended_early(decoder.take(room).read_to_end(carry))?;
                if let Some(start) = buffer.get_mut(..carry.len()) {
                    start.copy_from_slice(carry);
                }
                Ok(carry.len())
            }
        }
    }

    /// Hands over the entries of `bytes`, which [`LogFile::fill`] read, and tells how many bytes
    /// they are.
    pub(super) fn entries(
        &mut self,
        format: Format,
        bytes: &[u8],
        complete: bool,
        later: [Option<Position>; 2],
        take: &mut impl FnMut(Entry<'_>, Cursor),
    ) -> usize {
        if self.head.is_none() && self.offset == 0 {
            self.head = head(format, bytes);
        }
        let (id, base, skip) = (self.id(), self.offset, self.skip);
        // No more can come behind the end of a file that Docker has left.
        let complete =
            (complete || matches!(self.source, Source::Compressed(..))) && bytes.len() < READ_BYTES;
        format.entries(bytes, complete, |entry, at| {
            let offset = base + at as u64;
            let pipe = match &entry {
                Entry::Record(record) => usize::from(record.pipe == Pipe::Stderr),
                Entry::Malformed(_) => 0,
            };
            let (before, _) = skip.get(pipe).copied().unwrap_or_default();
            if offset >= before {
                let [stdout, stderr] = skip.map(|skip| place(id, offset, skip));
                let [later_stdout, later_stderr] = later;
                take(entry, Cursor { stdout: stdout.or(later_stdout), stderr: stderr.or(later_stderr) });
            }
        })
    }

    /// Moves on behind the first `consumed` of `bytes`.
    pub(super) fn consume(&mut self, bytes: &[u8], consumed: usize) {
        self.offset += consumed as u64;
        if let Source::Compressed(_, carry) = &mut self.source {
            carry.clear();
            carry.extend_from_slice(bytes.get(consumed..).unwrap_or_default());
        }
    }

    /// When it was last written, in nanoseconds since the epoch: no earlier than its last record.
    pub(super) fn written_ns(&self) -> io::Result<i64> {
        let metadata = self.file().metadata()?;
        Ok(metadata.mtime().saturating_mul(1_000_000_000).saturating_add(metadata.mtime_nsec()))
    }

    /// How many bytes it takes on the disk.
    pub(super) fn size(&self) -> io::Result<u64> {
        Ok(self.file().metadata()?.size())
    }

    /// How many bytes there are to read, if any of them can be read first.
    pub(super) fn plain_size(&self) -> io::Result<Option<u64>> {
        match self.source {
            Source::Plain(_) => self.size().map(Some),
            Source::Compressed(..) => Ok(None),
        }
    }

    /// Reads at an offset, without moving anything.
    pub(super) fn read_at(&self, buffer: &mut [u8], offset: u64) -> io::Result<usize> {
        self.file().read_at(buffer, offset)
    }

    fn id(&self) -> FileId {
        let (head, head_len) = self.head.unwrap_or_default();
        FileId { inode: self.inode, head, head_len, born_ns: self.born_ns }
    }

    fn file(&self) -> &File {
        match &self.source {
            Source::Plain(file) => file,
            Source::Compressed(decoder, _) => decoder.get_ref(),
        }
    }

    /// CRC-32 of the first `length` bytes, if there are so many. Does not move anything.
    fn head_of(&self, length: u32) -> io::Result<Option<u32>> {
        let length = (length as usize).min(HEAD_LIMIT);
        let bytes = self.beginning(length)?;
        Ok((bytes.len() == length).then(|| crc32fast::hash(&bytes)))
    }

    /// The first `length` bytes, or as many as there are. Does not move anything.
    fn beginning(&self, length: usize) -> io::Result<Vec<u8>> {
        let mut bytes = vec![0; length];
        let mut filled = 0;
        match &self.source {
            Source::Plain(file) => filled = file.read_at(&mut bytes, 0)?,
            Source::Compressed(decoder, _) => {
                // A second decoder, at a place of its own: cloned handles share theirs.
                let mut compressed = vec![0; HEAD_LIMIT];
                let read = decoder.get_ref().read_at(&mut compressed, 0)?;
                let mut beginning = MultiGzDecoder::new(compressed.get(..read).unwrap_or_default());
                while let Some(rest) = bytes.get_mut(filled..).filter(|rest| !rest.is_empty()) {
                    match beginning.read(rest) {
                        Ok(0) | Err(_) => break,
                        Ok(read) => filled += read,
                    }
                }
            }
        }
        bytes.truncate(filled);
        Ok(bytes)
    }
}

impl AsRawFd for LogFile {
    fn as_raw_fd(&self) -> RawFd {
        self.file().as_raw_fd()
    }
}

/// Takes those compressed files out of which the uncompressed self is there too: Docker may finish
/// compressing between our looks at the one name and at the other.
pub(super) fn take_copies(files: &mut Vec<LogFile>) -> io::Result<Vec<LogFile>> {
    let (mut plain, mut copies) = (Vec::new(), Vec::new());
    for file in files.iter() {
        let of = if matches!(file.source, Source::Plain(_)) { &mut plain } else { &mut copies };
        of.push((file.inode, file.beginning(HEAD_LIMIT)?));
    }
    copies.retain(|(_, copy)| plain.iter().any(|(_, original)| begin_alike(original, copy)));
    Ok(files.extract_if(.., |file| copies.iter().any(|(inode, _)| *inode == file.inode)).collect())
}

/// Whether one text begins with what is known of the other, a whole record at least: no two have
/// the same timestamp.
fn begin_alike(one: &[u8], other: &[u8]) -> bool {
    let common = one.iter().zip(other).take_while(|(one, other)| one == other).count();
    common == one.len().min(other.len()) && one.get(..common).is_some_and(|both| both.contains(&b'\n'))
}

/// Where a pipe goes on in a file that is read up to `offset`: there, or where it had come to before.
fn place(file: FileId, offset: u64, (before, part): (u64, u32)) -> Option<Position> {
    match before {
        u64::MAX => None,
        before if offset <= before => Some(Position::File { file, offset: before, part }),
        _ => Some(Position::File { file, offset, part: 0 }),
    }
}

/// A compressed file that a crash cut short or damaged ends where it can no longer be decoded.
fn ended_early<T: Default>(read: io::Result<T>) -> io::Result<T> {
    use io::ErrorKind::{InvalidData, InvalidInput, UnexpectedEof};
    match read {
        Err(error) if matches!(error.kind(), InvalidData | InvalidInput | UnexpectedEof) => Ok(T::default()),
        read => read,
    }
}

/// What a file is recognised by: its first record, or as much of it as is needed.
fn head(format: Format, bytes: &[u8]) -> Option<(u32, u32)> {
    let end = format.first(bytes)?.min(HEAD_LIMIT);
    let length = u32::try_from(end).ok()?;
    Some((crc32fast::hash(bytes.get(..end)?), length))
}
