//! What of each container has been taken over: the place from which to read on.
//!
//! Standard output and standard error have a position each, because a stack trace may still be
//! held open on one while lines of the other, later in the same file, are already on their way.

use serde::{Deserialize, Serialize};

use super::Pipe;

/// Bytes of a log's first record that identify it, at most: all of it, since its timestamp, which
/// has nanoseconds, stands at the end. A piece of 16 KiB with every byte escaped is 96 KiB.
pub const HEAD_LIMIT: usize = 128 * 1024;

/// How a log file is recognised after a restart of the agent, also when Docker has renamed or
/// compressed it meanwhile, or when its inode number went to a newer file.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct FileId {
    /// The inode number at the time of reading.
    pub inode: u64,
    /// CRC-32 of the first `head_len` bytes.
    pub head: u32,
    /// How many bytes `head` covers; 0 while the file had no complete record.
    pub head_len: u32,
    /// When the file was begun, in nanoseconds since the epoch, where the file system knows that: an
    /// inode number goes to newer files, this does not.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub born_ns: Option<i64>,
}

/// A place in a container's log.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Position {
    /// In a log file.
    File {
        /// The file.
        file: FileId,
        /// Bytes from its start (of the uncompressed text).
        offset: u64,
        /// How many parts of the line that goes on here were shipped already.
        part: u32,
    },
    /// In a log that Docker's API serves: everything before `time_ns` is done, and `done` lines
    /// of exactly that nanosecond.
    Api {
        /// Nanoseconds since the epoch.
        time_ns: i64,
        /// Lines of that very nanosecond that are done.
        done: u32,
        /// How many parts of the line that goes on here were shipped already.
        part: u32,
    },
}

impl Position {
    /// The same place, with `part` parts of the line there already shipped.
    #[must_use]
    pub fn with_part(self, part: u32) -> Self {
        match self {
            Self::File { file, offset, .. } => Self::File { file, offset, part },
            Self::Api { time_ns, done, .. } => Self::Api { time_ns, done, part },
        }
    }

    /// How many parts of the line there were already shipped.
    pub fn part(self) -> u32 {
        match self {
            Self::File { part, .. } | Self::Api { part, .. } => part,
        }
    }
}

/// Where to read on, for each pipe. `None`: nothing of it was seen, read from the start.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct Cursor {
    /// Of standard output.
    pub stdout: Option<Position>,
    /// Of standard error.
    pub stderr: Option<Position>,
}

impl Cursor {
    /// The position of one pipe.
    pub fn get(&self, pipe: Pipe) -> Option<Position> {
        match pipe {
            Pipe::Stdout => self.stdout,
            Pipe::Stderr => self.stderr,
        }
    }

    /// The position of one pipe, to be moved.
    pub fn get_mut(&mut self, pipe: Pipe) -> &mut Option<Position> {
        match pipe {
            Pipe::Stdout => &mut self.stdout,
            Pipe::Stderr => &mut self.stderr,
        }
    }
}
