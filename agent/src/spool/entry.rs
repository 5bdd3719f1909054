//! One file of the spool: a line that says what it is, then the body of the request.
//!
//! ```text
//! 1a2b3c4d {"destination":…,"container":…,"cursor":…,"body_bytes":…,"body_crc":…}\n
//! {"logGroupName":…,"logStreamName":…,"logEvents":[…]}
//! ```
//! The first word is the CRC-32 of the header's JSON.

use std::fs::{self, File};
use std::io::{self, BufRead, BufReader, Read, Write};
use std::path::Path;

use serde::{Deserialize, Serialize};

use crate::logs::Destination;
use crate::logs::cursor::Cursor;

/// How the name of a file ends that is still being written.
pub(super) const UNFINISHED: &str = ".unfinished";
/// About what a header takes.
pub(super) const HEADER_BYTES: u64 = 1024;
/// Longer than any header: group and stream are at most 512 characters each.
const HEADER_LIMIT: u64 = 16 * 1024;

/// What a batch in the spool is.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Header {
    /// Counts on over all batches of this spool, and over restarts: its file's name.
    pub number: u64,
    /// Where it goes.
    pub destination: Destination,
    /// Whose lines it holds: the container's id.
    pub container: String,
    /// Where that container's log goes on behind it.
    pub cursor: Cursor,
    /// How many events it holds.
    pub events: u64,
    /// The time of the oldest event, in milliseconds since the epoch.
    pub first_ms: i64,
    /// The time of the newest event, in milliseconds since the epoch.
    pub last_ms: i64,
    /// The time of the container's newest event in an earlier batch, if there was one: an event after
    /// it is in no other batch.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub after_ms: Option<i64>,
    /// Of so many of their last milliseconds, batches before it that still waited had events that are
    /// also in it or in others after them.
    #[serde(default)]
    pub shared_ms: u32,
    /// The body's length.
    pub body_bytes: u64,
    /// The body's CRC-32.
    pub body_crc: u32,
    /// It stands in the place of batches that were given up, of so many events.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub gap: Option<u64>,
}

/// Writes a file that is either complete or not there. Gives its size.
pub(super) fn write(path: &Path, header: &Header, body: &[u8]) -> io::Result<u64> {
    let json = serde_json::to_vec(header)?;
    let mut line = format!("{:08x} ", crc32fast::hash(&json)).into_bytes();
    line.extend_from_slice(&json);
    line.push(b'\n');
    let unfinished = path.with_extension(UNFINISHED.trim_start_matches('.'));
    let written = File::create(&unfinished).and_then(|mut file| {
        file.write_all(&line)?;
        file.write_all(body)?;
        file.sync_data()?;
        fs::rename(&unfinished, path)
    });
    if let Err(error) = written {
        // The disk may be full: leave nothing behind. The batch itself is still in memory.
        drop(fs::remove_file(&unfinished));
        return Err(error);
    }
    Ok((line.len() + body.len()) as u64)
}

/// Why a file gave no batch.
#[derive(Debug)]
pub(super) enum Fault {
    /// It is damaged, or none of ours; in words.
    Damaged(String),
    /// It could not be read this time.
    Passing(io::Error),
}

impl From<io::Error> for Fault {
    fn from(error: io::Error) -> Self {
        match error.kind() {
            io::ErrorKind::NotFound => Self::Damaged("it is gone".to_owned()),
            _ => Self::Passing(error),
        }
    }
}

impl std::fmt::Display for Fault {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Damaged(words) => f.write_str(words),
            Self::Passing(error) => write!(f, "it cannot be read: {error}"),
        }
    }
}

/// Reads a batch, and adds its body to `bodies`.
pub(super) fn read(path: &Path, bodies: &mut Vec<u8>) -> Result<Header, Fault> {
    let (header, mut rest) = open(path)?;
    let before = bodies.len();
    let there = rest.get_ref().metadata()?.len();
    bodies.reserve(usize::try_from(header.body_bytes.min(there)).unwrap_or_default());
    let read = rest.read_to_end(bodies);
    let body = bodies.get(before..).unwrap_or_default();
    let fault = match read {
        Err(error) => Some(Fault::Passing(error)),
        Ok(_) if body.len() as u64 != header.body_bytes => {
            Some(Fault::Damaged(format!("its body is {} bytes, not {}", body.len(), header.body_bytes)))
        }
        Ok(_) if crc32fast::hash(body) != header.body_crc => {
            Some(Fault::Damaged("its body is damaged: the checksum does not match".to_owned()))
        }
        Ok(_) => None,
    };
    match fault {
        None => Ok(header),
        Some(fault) => {
            bodies.truncate(before);
            Err(fault)
        }
    }
}

/// Reads what a batch, or a cursor, is.
pub(super) fn read_header(path: &Path) -> Result<Header, Fault> {
    open(path).map(|(header, _)| header)
}

/// A delivered batch becomes its container's cursor by one rename; then its body goes.
pub(super) fn into_cursor(batch: &Path, cursor: &Path, header: &Header) -> io::Result<()> {
    match fs::rename(batch, cursor) {
        Ok(()) => {
            let mut file = File::options().read(true).write(true).open(cursor)?;
            let mut line = Vec::new();
            BufReader::new((&mut file).take(HEADER_LIMIT)).read_until(b'\n', &mut line)?;
            file.set_len(line.len() as u64)
        }
        // It was never on disk: write the cursor for itself.
        Err(error) if error.kind() == io::ErrorKind::NotFound => {
            write(cursor, &Header { body_bytes: 0, body_crc: 0, ..header.clone() }, &[]).map(|_| ())
        }
        Err(error) => Err(error),
    }
}

fn open(path: &Path) -> Result<(Header, BufReader<File>), Fault> {
    let damaged = |words: &str| Fault::Damaged(words.to_owned());
    let mut reader = BufReader::new(File::open(path)?);
    let mut line = Vec::new();
    (&mut reader).take(HEADER_LIMIT).read_until(b'\n', &mut line)?;
    let (crc, json) = line
        .strip_suffix(b"\n")
        .and_then(|line| line.split_at_checked(9))
        .ok_or_else(|| damaged("its header is cut off"))?;
    let crc = std::str::from_utf8(crc).ok().and_then(|crc| u32::from_str_radix(crc.trim_end(), 16).ok());
    if crc != Some(crc32fast::hash(json)) {
        return Err(damaged("its header is damaged: the checksum does not match"));
    }
    let header: Header = serde_json::from_slice(json)
        .map_err(|error| Fault::Damaged(format!("its header is of another version: {error}")))?;
    // The container's id names a file, and the next batch has the next number.
    let named = !header.container.is_empty() && header.container.bytes().all(|b| b.is_ascii_alphanumeric());
    if !named || i64::try_from(header.number).is_err() {
        return Err(damaged("its header holds what no agent writes"));
    }
    Ok((header, reader))
}
