//! The files of version 2, and what stands in them.
//!
//! <https://docs.kernel.org/admin-guide/cgroup-v2.html>

use std::io;
use std::path::Path;

use super::{Bytes, Memory, Reader, nonsense};

/// Nanoseconds since the group was made; the kernel tells microseconds.
pub(super) fn processor_ns(directory: &Path, reader: &mut Reader) -> io::Result<Option<u64>> {
    let Some(stat) = reader.kept(directory, "cpu.stat")? else { return Ok(None) };
    let ns = super::field(stat, "usage_usec").and_then(|us| us.checked_mul(1_000));
    ns.map(Some).ok_or_else(|| nonsense("cpu.stat"))
}

pub(super) fn memory(directory: &Path, reader: &mut Reader) -> io::Result<Option<Memory>> {
    let Some(usage) = reader.number(directory, "memory.current")? else { return Ok(None) };
    let limit = match reader.kept(directory, "memory.max")?.map(str::trim_end) {
        None | Some("max") => None,
        Some(limit) => Some(limit.parse().map_err(|_| nonsense("memory.max"))?),
    };
    let Some(stat) = reader.kept(directory, "memory.stat")? else { return Ok(None) };
    let cache = super::field(stat, "inactive_file").ok_or_else(|| nonsense("memory.stat"))?;
    Ok(Some(Memory { used: super::without_cache(usage, cache), limit }))
}

pub(super) fn blocks(directory: &Path, reader: &mut Reader) -> io::Result<Option<Bytes>> {
    let Some(text) = reader.kept(directory, "io.stat")? else { return Ok(None) };
    sum(text).map(Some).ok_or_else(|| nonsense("io.stat"))
}

/// `259:0 rbytes=4096 wbytes=0 rios=1 wios=0 dbytes=0 dios=0`, a disk a line.
pub(super) fn sum(text: &str) -> Option<Bytes> {
    let mut sum = Bytes::default();
    for (key, bytes) in text.split_ascii_whitespace().filter_map(|field| field.split_once('=')) {
        let total = match key {
            "rbytes" => &mut sum.inwards,
            "wbytes" => &mut sum.outwards,
            _ => continue,
        };
        *total = total.checked_add(bytes.parse().ok()?)?;
    }
    Some(sum)
}
