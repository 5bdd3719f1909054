//! Which batches are on their way: one small file for each call, from before it is made until its
//! outcome is known. What a killed agent left here may have arrived.
//!
//! ```text
//! spool/flights/00000000000000000042     the numbers of the batches, one a line
//! ```
//! The files are not synced: they outlive the agent, and need not outlive the machine.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use super::number_name;

/// The directory's name in the spool.
pub(super) const DIRECTORY: &str = "flights";

fn path(spool: &Path, flight: u64) -> PathBuf {
    spool.join(DIRECTORY).join(number_name(flight))
}

/// Writes down that these batches leave together, as this flight. Where it cannot be written (a full
/// disk), a kill during the call has them sent again.
pub(super) fn begin(spool: &Path, flight: u64, numbers: impl Iterator<Item = u64>) {
    let numbers: Vec<String> = numbers.map(|number| number.to_string()).collect();
    drop(fs::write(path(spool, flight), numbers.join("\n")));
}

/// The outcome is known.
pub(super) fn end(spool: &Path, flight: u64) {
    drop(fs::remove_file(path(spool, flight)));
}

/// The flights that an earlier run left, each with its batches.
pub(super) fn left(spool: &Path) -> io::Result<Vec<(u64, Vec<u64>)>> {
    let mut left = Vec::new();
    for file in fs::read_dir(spool.join(DIRECTORY))? {
        let file = file?;
        let flight = file.file_name().to_str().and_then(|name| name.parse().ok());
        match flight.zip(fs::read_to_string(file.path()).ok()) {
            Some((flight, text)) => {
                left.push((flight, text.lines().filter_map(|line| line.parse().ok()).collect()));
            }
            None => drop(fs::remove_file(file.path())),
        }
    }
    Ok(left)
}
