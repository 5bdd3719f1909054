//! What containers use, from the kernel's files of their control groups, version 1 and 2.
//!
//! Docker's own statistics come from these same files, at forty times the price, nearly all of it
//! dockerd's. What is told is computed as the docker client does. Files are opened anew at each look: to
//! hold them would take seven descriptors a container and save some thirty microseconds. Knows no Docker,
//! no list of containers and no clock: the caller says which process is the container's first, and when
//! it is.
//!
//! Every user may read all of these files, those of `/proc/PID` too unless it is mounted with
//! `hidepid`; no capability is needed.

mod find;
mod v1;
mod v2;

use std::fs::File;
use std::io::{self, ErrorKind, Read};
use std::os::fd::OwnedFd;
use std::path::{Path, PathBuf};
use std::time::Instant;

use rustix::fs::{AtFlags, Mode, OFlags};
use rustix::io::Errno;

use crate::metrics::counter::{Counter, WentBack, percent};
use crate::metrics::{Metric, Readings, name};
use find::{Place, Places, Version};

/// The largest of these files, a memory.stat, has 3 KiB; an io.stat 100 bytes a disk.
const FILE_BYTES: u64 = 1 << 20;

/// Reads files, all into one buffer, and knows how much memory the host has.
#[derive(Debug)]
pub struct Reader {
    /// `/`, but in tests.
    root: PathBuf,
    buffer: Vec<u8>,
    host_memory: u64,
}

/// Whose network a container uses.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Network {
    /// One of its own: what goes over it is the container's.
    Own,
    /// The host's, or another container's: what goes over it is counted there.
    Shared,
}

/// Whether there is still something to look at.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[must_use]
pub enum Presence {
    /// It runs.
    Here,
    /// Its first process ended, so these are another life's totals, or none. A container that was started
    /// again is looked for with [`Group::find`] again.
    Gone,
}

/// A running container's control group, and what its totals were at the last look.
#[derive(Debug)]
pub struct Group {
    places: Places,
    /// `/proc/PID`, held open: another process that gets this number is not behind it.
    process: OwnedFd,
    network: Network,
    last: Last,
}

#[derive(Debug, Default)]
struct Last {
    at: Option<Instant>,
    processor: Counter,
    received: Counter,
    sent: Counter,
    read: Counter,
    written: Counter,
}

/// In bytes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Memory {
    /// Without the page cache that can be given back at once.
    used: u64,
    /// `None` if unlimited.
    limit: Option<u64>,
}

/// Totals in bytes: received and sent, read and written.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
struct Bytes {
    inwards: u64,
    outwards: u64,
}

/// What one look read. `None` where the kernel does not keep it.
#[derive(Debug)]
struct Look {
    processor_ns: io::Result<Option<u64>>,
    memory: io::Result<Option<Memory>>,
    pids: io::Result<Option<u64>>,
    blocks: io::Result<Option<Bytes>>,
    network: io::Result<Option<Bytes>>,
}

impl Reader {
    /// One for all containers.
    pub fn new() -> io::Result<Self> {
        Self::below(Path::new("/"))
    }

    fn below(root: &Path) -> io::Result<Self> {
        let mut reader = Self { root: root.to_owned(), buffer: Vec::new(), host_memory: 0 };
        let told = reader.text(&root.join("proc/meminfo"))?;
        let total = told.lines().find_map(|line| line.strip_prefix("MemTotal:"));
        let kib = total.and_then(|total| total.split_ascii_whitespace().next()?.parse::<u64>().ok());
        reader.host_memory = kib.ok_or_else(|| nonsense("/proc/meminfo"))?.saturating_mul(1024);
        Ok(reader)
    }

    fn text(&mut self, path: &Path) -> io::Result<&str> {
        self.text_of(&File::open(path)?)
    }

    fn text_of(&mut self, file: &File) -> io::Result<&str> {
        self.buffer.clear();
        // `take` also spares the questions about the file's size, which the kernel does not know here.
        file.take(FILE_BYTES).read_to_end(&mut self.buffer)?;
        std::str::from_utf8(&self.buffer).map_err(io::Error::other)
    }

    /// A file of a group; `None` if there is none of this name.
    fn kept(&mut self, directory: &Path, file: &str) -> io::Result<Option<&str>> {
        match self.text(&directory.join(file)) {
            Ok(text) => Ok(Some(text)),
            Err(error) if is_gone(&error) => Ok(None),
            Err(error) => Err(error),
        }
    }

    /// A file of a group with one number.
    fn number(&mut self, directory: &Path, file: &str) -> io::Result<Option<u64>> {
        let Some(text) = self.kept(directory, file)? else { return Ok(None) };
        text.trim_end().parse().map(Some).map_err(|_| nonsense(file))
    }
}

impl Group {
    /// The group of the container with this id, whose first process is this one. An error of the kind
    /// `NotFound` says that the process has ended or is another container's by now.
    pub fn find(pid: u32, id: &str, network: Network, reader: &mut Reader) -> io::Result<Self> {
        let directory = reader.root.join("proc").join(pid.to_string());
        let flags = OFlags::PATH | OFlags::DIRECTORY | OFlags::CLOEXEC;
        let process = rustix::fs::open(&directory, flags, Mode::empty())?;
        let of_process = open_below(&process, "cgroup").map_err(gone_is_not_found)?;
        let member = reader.text_of(&of_process).map_err(gone_is_not_found)?.to_owned();
        let mounts = reader.root.join("proc/self/mountinfo");
        let root = reader.root.clone();
        let places = find::places(&member, id, reader.text(&mounts)?, &root).ok_or_else(|| {
            io::Error::new(ErrorKind::NotFound, format!("process {pid} is not in a group of {id}"))
        })?;
        Ok(Self { places, process, network, last: Last::default() })
    }

    /// Looks at the container of this name. What is counted between two looks comes from the second on.
    pub fn sample(
        &mut self,
        name: &str,
        now: Instant,
        reader: &mut Reader,
        readings: &mut Readings,
    ) -> Presence {
        let look = self.look(reader);
        // Afterwards: whatever was read while the first process lived was its container's.
        if rustix::fs::statat(&self.process, "cgroup", AtFlags::empty()).is_err() {
            return Presence::Gone;
        }
        let mut tell = Teller { name, readings };
        let seconds = self.last.at.replace(now).map(|at| now.saturating_duration_since(at).as_secs_f64());
        let last = &mut self.last;
        if let Some(total) = tell.read("processor time", look.processor_ns) {
            let added = tell.more(&name::CONTAINER_CPU_PERCENT, last.processor.added(total));
            if let Some((added, seconds)) = added.zip(seconds.filter(|seconds| *seconds > 0.0)) {
                tell.put(&name::CONTAINER_CPU_PERCENT, as_f64(added) / 1e7 / seconds);
            }
        }
        if let Some(memory) = tell.read("memory", look.memory) {
            let limit = memory.limit.map_or(reader.host_memory, |limit| limit.min(reader.host_memory));
            tell.put(&name::CONTAINER_MEM_USED_BYTES, as_f64(memory.used));
            if let Some(used) = percent(memory.used, limit) {
                tell.put(&name::CONTAINER_MEM_USED_PERCENT, used);
            }
        }
        if let Some(pids) = tell.read("processes", look.pids) {
            tell.put(&name::CONTAINER_PIDS, as_f64(pids));
        }
        if let Some(total) = tell.read("block I/O", look.blocks) {
            tell.added(&name::CONTAINER_BLKIO_READ_BYTES, last.read.added(total.inwards));
            tell.added(&name::CONTAINER_BLKIO_WRITE_BYTES, last.written.added(total.outwards));
        }
        if let Some(total) = tell.read("network", look.network) {
            tell.added(&name::CONTAINER_NET_BYTES_RECV, last.received.added(total.inwards));
            tell.added(&name::CONTAINER_NET_BYTES_SENT, last.sent.added(total.outwards));
        }
        Presence::Here
    }

    fn look(&self, reader: &mut Reader) -> Look {
        let Places { processor, memory, pids, blocks } = &self.places;
        Look {
            processor_ns: processor.as_ref().map_or(Ok(None), |place| place.processor_ns(reader)),
            memory: memory.as_ref().map_or(Ok(None), |place| place.memory(reader)),
            pids: pids.as_ref().map_or(Ok(None), |place| reader.number(&place.directory, "pids.current")),
            blocks: blocks.as_ref().map_or(Ok(None), |place| place.blocks(reader)),
            network: match self.network {
                Network::Own => self.bytes_of_network(reader),
                Network::Shared => Ok(None),
            },
        }
    }

    fn bytes_of_network(&self, reader: &mut Reader) -> io::Result<Option<Bytes>> {
        match open_below(&self.process, "net/dev") {
            Ok(file) => network(reader.text_of(&file)?),
            Err(error) if is_gone(&error) => Ok(None),
            Err(error) => Err(error),
        }
    }
}

impl Place {
    fn processor_ns(&self, reader: &mut Reader) -> io::Result<Option<u64>> {
        match self.version {
            Version::V1 => v1::processor_ns(&self.directory, reader),
            Version::V2 => v2::processor_ns(&self.directory, reader),
        }
    }

    fn memory(&self, reader: &mut Reader) -> io::Result<Option<Memory>> {
        match self.version {
            Version::V1 => v1::memory(&self.directory, reader),
            Version::V2 => v2::memory(&self.directory, reader),
        }
    }

    fn blocks(&self, reader: &mut Reader) -> io::Result<Option<Bytes>> {
        match self.version {
            Version::V1 => v1::blocks(&self.directory, reader),
            Version::V2 => v2::blocks(&self.directory, reader),
        }
    }
}

/// The number behind a key in a file of `key number` lines.
fn field(text: &str, key: &str) -> Option<u64> {
    let value = |line: &str| line.strip_prefix(key)?.strip_prefix(' ')?.trim_end().parse().ok();
    text.lines().find_map(value)
}

/// As the docker client: all of it if the two numbers, read one after the other, do not fit together.
fn without_cache(usage: u64, inactive_file: u64) -> u64 {
    if inactive_file < usage { usage - inactive_file } else { usage }
}

/// All interfaces but the loopback; `None` if there is none.
fn network(text: &str) -> io::Result<Option<Bytes>> {
    let mut sum = None;
    // The two lines of headings have no colon.
    for (interface, totals) in text.lines().filter_map(|line| line.split_once(':')) {
        if interface.trim() == "lo" {
            continue;
        }
        let mut totals = totals.split_ascii_whitespace();
        let mut total = |skip: usize| totals.nth(skip)?.parse::<u64>().ok();
        let bytes = total(0).and_then(|received| Some((received, total(7)?)));
        let (received, sent) = bytes.ok_or_else(|| nonsense("net/dev"))?;
        let Bytes { inwards, outwards } = sum.unwrap_or_default();
        sum = Some(Bytes {
            inwards: inwards.saturating_add(received),
            outwards: outwards.saturating_add(sent),
        });
    }
    Ok(sum)
}

/// Readings of one container.
struct Teller<'a> {
    name: &'a str,
    readings: &'a mut Readings,
}

impl Teller<'_> {
    fn put(&mut self, metric: &'static Metric, value: f64) {
        self.readings.put(metric, Some(self.name), value);
    }

    fn added(&mut self, metric: &'static Metric, added: Result<Option<u64>, WentBack>) {
        if let Some(added) = self.more(metric, added) {
            self.put(metric, as_f64(added));
        }
    }

    /// What was added to the total that a metric is made of.
    fn more(&mut self, metric: &Metric, added: Result<Option<u64>, WentBack>) -> Option<u64> {
        added.unwrap_or_else(|error| {
            self.readings.fault(format!("{} of container {}: {error}", metric.name, self.name));
            None
        })
    }

    fn read<T>(&mut self, what: &str, read: io::Result<Option<T>>) -> Option<T> {
        read.unwrap_or_else(|error| {
            self.readings.fault(format!("cannot read the {what} of container {}: {error}", self.name));
            None
        })
    }
}

fn open_below(directory: &OwnedFd, path: &str) -> io::Result<File> {
    let flags = OFlags::RDONLY | OFlags::CLOEXEC;
    Ok(File::from(rustix::fs::openat(directory, path, flags, Mode::empty())?))
}

/// How the kernel says that a process or a group has ended: `ENODEV` for a group whose file is open.
fn is_gone(error: &io::Error) -> bool {
    matches!(Errno::from_io_error(error), Some(Errno::NOENT | Errno::SRCH | Errno::NODEV))
}

fn gone_is_not_found(error: io::Error) -> io::Error {
    if is_gone(&error) { io::Error::new(ErrorKind::NotFound, error) } else { error }
}

fn nonsense(file: &str) -> io::Error {
    io::Error::new(ErrorKind::InvalidData, format!("{file} makes no sense"))
}

#[expect(clippy::cast_precision_loss, reason = "of these totals the first 53 bits will do")]
fn as_f64(total: u64) -> f64 {
    total as f64
}

#[cfg(test)]
mod tests;
