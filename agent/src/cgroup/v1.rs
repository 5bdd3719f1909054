//! The files of version 1, and what stands in them.
//!
//! <https://docs.kernel.org/admin-guide/cgroup-v1/index.html>

use std::io;
use std::path::Path;

use super::{Bytes, Memory, Reader, nonsense};

/// Nanoseconds since the group was made.
pub(super) fn processor_ns(directory: &Path, reader: &mut Reader) -> io::Result<Option<u64>> {
    reader.number(directory, "cpuacct.usage")
}

pub(super) fn memory(directory: &Path, reader: &mut Reader) -> io::Result<Option<Memory>> {
    let Some(usage) = reader.number(directory, "memory.usage_in_bytes")? else { return Ok(None) };
    let limit = reader.number(directory, "memory.limit_in_bytes")?;
    let Some(stat) = reader.kept(directory, "memory.stat")? else { return Ok(None) };
    let cache = super::field(stat, "total_inactive_file").ok_or_else(|| nonsense("memory.stat"))?;
    // An unlimited group has a limit of 8 EiB, which is more than the host's memory.
    Ok(Some(Memory { used: super::without_cache(usage, cache), limit }))
}

/// With the groups below it; a kernel that does not sum them up has the group's own alone.
pub(super) fn blocks(directory: &Path, reader: &mut Reader) -> io::Result<Option<Bytes>> {
    for file in ["blkio.throttle.io_service_bytes_recursive", "blkio.throttle.io_service_bytes"] {
        if let Some(text) = reader.kept(directory, file)? {
            return sum(text).map(Some).ok_or_else(|| nonsense(file));
        }
    }
    Ok(None)
}

/// `259:0 Read 4096`, an operation of a disk a line; `Total 4096` at the end.
pub(super) fn sum(text: &str) -> Option<Bytes> {
    let mut sum = Bytes::default();
    for line in text.lines() {
        let mut fields = line.split_ascii_whitespace();
        let (Some(_disk), Some(operation), Some(bytes)) = (fields.next(), fields.next(), fields.next())
        else {
            continue;
        };
        let total = match operation {
            "Read" => &mut sum.inwards,
            "Write" => &mut sum.outwards,
            _ => continue,
        };
        *total = total.checked_add(bytes.parse().ok()?)?;
    }
    Some(sum)
}
