//! What an earlier run left in the spool: cursors, batches, and files that are neither.

use std::fs;
use std::io;
use std::path::Path;

use super::state::State;
use super::{PARTS, Recovered, entry, flight, number_name, quarantine};

/// Looks through the directory. What cannot be read is set aside; the rest goes on.
pub(super) fn recover(directory: &Path, recovered: &mut Recovered) -> io::Result<State> {
    let mut state = State::default();
    for file in fs::read_dir(directory.join("cursors"))? {
        let file = file?;
        let header = if file.file_type()?.is_file() {
            entry::read_header(&file.path())
        } else {
            Err("it is no file".to_owned()) // opening a pipe would wait for ever
        };
        match header {
            Ok(header) => {
                state.newest = state.newest.max(header.number);
                let standing = state.standing(&header.container);
                (standing.delivered, standing.last_ms) = (Some(header.number), Some(header.last_ms));
                recovered.cursors.insert(header.container, header.cursor);
            }
            Err(reason) => {
                recovered.quarantined.push(quarantine(directory, &file.path(), &reason));
            }
        }
    }
    let mut files = Vec::new();
    for file in fs::read_dir(directory)? {
        let file = file?;
        let (name, kind) = (file.file_name(), file.file_type()?);
        let ours =
            name == "lock" || (kind.is_dir() && name.to_str().is_some_and(|name| PARTS.contains(&name)));
        if !ours {
            files.push((name, kind.is_file(), file.metadata()?.len()));
        }
    }
    files.sort();
    for (name, is_file, bytes) in files {
        let path = directory.join(&name);
        let name = name.to_string_lossy();
        let number = name.parse::<u64>().ok().filter(|number| number_name(*number) == name);
        if is_file && name.ends_with(entry::UNFINISHED) {
            // Never renamed into place: its lines are still in the container's log.
            fs::remove_file(path)?;
            continue;
        }
        let header = match number {
            Some(_) if is_file => entry::read_header(&path),
            _ => Err("it is not a batch of this agent".to_owned()),
        };
        match header {
            Ok(header) if Some(header.number) != number => {
                let reason = format!("it is batch {} under another name", header.number);
                recovered.quarantined.push(quarantine(directory, &path, &reason));
            }
            Ok(header) => {
                state.newest = state.newest.max(header.number);
                if state.delivered(&header.container).is_none_or(|newest| newest < header.number) {
                    recovered.cursors.insert(header.container.clone(), header.cursor);
                }
                recovered.batches += 1;
                state.enqueue(&header, bytes, None);
            }
            Err(reason) => recovered.quarantined.push(quarantine(directory, &path, &reason)),
        }
    }
    for (number, batches) in flight::left(directory)? {
        let waiting = state.queues.values_mut().flat_map(|queue| &mut queue.entries);
        let mut some = false;
        for entry in waiting.filter(|entry| batches.contains(&entry.number)) {
            entry.doubt = number;
            some = true;
        }
        if !some {
            flight::end(directory, number);
        }
    }
    let newest = state.newest;
    state.queues.values_mut().for_each(|queue| queue.live_after = newest);
    Ok(state)
}
