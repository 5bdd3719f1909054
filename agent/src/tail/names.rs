//! The names of one log, and the files that Docker puts behind them: they are taken hold of here,
//! in the order in which they were written, by whoever looks first.
//!
//! Shared by a log's reader and the thread that watches. Both look under one lock, and a file counts
//! as known while anybody holds it open: so none comes twice, none in another's place, and an inode
//! number that goes to a newer file is told apart. Knows nothing of what stands in a file.

use std::ffi::OsString;
use std::io::{self, ErrorKind};
use std::os::fd::AsRawFd;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Mutex, MutexGuard, PoisonError};

use rustix::io::Errno;
use rustix::process::{Resource, getrlimit};

use super::file::LogFile;

/// So many names in a row that do not exist end a log. While Docker renames, one at a time is
/// missing; more only where we are interrupted between two looks.
const MISSING: u32 = 3;

/// Descriptors that rotated files leave to the spool and the network, at most a quarter of all.
const RESERVED: u64 = 64;

/// The directory and name of one log, and what was taken hold of there.
#[derive(Debug)]
pub(super) struct Names {
    directory: PathBuf,
    name: OsString,
    held: Mutex<Held>,
    /// The last look found a file that no descriptor was left for.
    short: AtomicBool,
}

#[derive(Debug, Default)]
struct Held {
    /// The inodes of all that is open, here or at the reader.
    known: Vec<u64>,
    /// What the reader has not taken yet, oldest first.
    new: Vec<LogFile>,
}

impl Names {
    /// The names of the log at `path`.
    pub(super) fn of(path: &Path) -> Self {
        Self {
            directory: path.parent().unwrap_or(Path::new("/")).to_owned(),
            name: path.file_name().unwrap_or_default().to_owned(),
            held: Mutex::default(),
            short: AtomicBool::new(false),
        }
    }

    pub(super) fn directory(&self) -> &Path {
        &self.directory
    }

    /// The name of the file that Docker writes to.
    pub(super) fn name(&self) -> &OsString {
        &self.name
    }

    pub(super) fn is_short(&self) -> bool {
        self.short.load(Ordering::Relaxed)
    }

    /// Takes hold of what is there and not known yet.
    pub(super) fn look(&self) -> io::Result<()> {
        self.look_into(&mut self.held(), false)
    }

    /// Everything that is there, compressed files too: for a reader that begins.
    pub(super) fn take_all(&self) -> io::Result<Vec<LogFile>> {
        let mut held = self.held();
        self.look_into(&mut held, true)?;
        Ok(std::mem::take(&mut held.new))
    }

    /// What was taken hold of since; looks for itself if that is nothing.
    pub(super) fn take(&self) -> io::Result<Vec<LogFile>> {
        let mut held = self.held();
        if held.new.is_empty() {
            let looked = self.look_into(&mut held, false);
            looked.or_else(|error| if is_short(&error) { Ok(()) } else { Err(error) })?;
        }
        Ok(std::mem::take(&mut held.new))
    }

    /// Lets those go whose names are gone.
    pub(super) fn let_go(&self, files: &mut Vec<LogFile>) {
        let mut held = self.held();
        files.retain(|file| {
            let stays = file.has_name();
            if !stays {
                held.known.retain(|inode| *inode != file.inode());
            }
            stays
        });
    }

    /// The path of the file that was rotated `number` times.
    pub(super) fn path(&self, number: u32, ending: &str) -> PathBuf {
        let mut name = self.name.clone();
        if number > 0 {
            name.push(format!(".{number}{ending}"));
        }
        self.directory.join(name)
    }

    fn held(&self) -> MutexGuard<'_, Held> {
        self.held.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn look_into(&self, held: &mut Held, compressed: bool) -> io::Result<()> {
        let (mut new, mut missing, mut short) = (Vec::<LogFile>::new(), 0, None);
        // From the newest to the oldest, name by name: what Docker renames meanwhile moves ahead of
        // us, so it may be seen twice, but is never passed over.
        for number in 0.. {
            let known = |inode| held.known.contains(&inode) || new.iter().any(|file| file.inode() == inode);
            match self.open(number, compressed, known) {
                Ok(file) => {
                    missing = 0;
                    new.extend(file);
                }
                Err(error) if error.kind() == ErrorKind::NotFound => missing += 1,
                // The oldest will be deleted first: what is newer waits, so that none is passed over.
                Err(error) if is_short(&error) => {
                    new.clear();
                    short = Some(error);
                }
                Err(error) => return Err(error),
            }
            if missing == MISSING {
                break;
            }
        }
        held.known.extend(new.iter().map(LogFile::inode));
        held.new.extend(new.into_iter().rev());
        self.short.store(short.is_some(), Ordering::Relaxed);
        short.map_or(Ok(()), Err)
    }

    /// A compressed file beside its uncompressed self is not finished yet.
    fn open(
        &self,
        number: u32,
        compressed: bool,
        known: impl Fn(u64) -> bool,
    ) -> io::Result<Option<LogFile>> {
        let file = match LogFile::open_unless(&self.path(number, ""), &known) {
            Err(error) if error.kind() == ErrorKind::NotFound && compressed && number > 0 => {
                LogFile::open_unless(&self.path(number, ".gz"), known)
            }
            opened => opened,
        }?;
        // Descriptors are given out from the lowest number.
        let limit = getrlimit(Resource::Nofile).current.unwrap_or(u64::MAX);
        let highest = limit - RESERVED.min(limit / 4);
        match file {
            Some(file) if u64::try_from(file.as_raw_fd()).is_ok_and(|number| number >= highest) => {
                Err(Errno::MFILE.into())
            }
            file => Ok(file),
        }
    }
}

/// No descriptor was left, to this process or to all.
pub fn is_short(error: &io::Error) -> bool {
    [Errno::MFILE, Errno::NFILE].iter().any(|errno| error.raw_os_error() == Some(errno.raw_os_error()))
}
