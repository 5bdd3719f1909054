//! What an earlier run left in the spool: cursors, batches, and files that are neither.

use std::collections::{HashMap, HashSet};
use std::fs;
use std::io;
use std::path::Path;

use super::entry::Fault;
use super::state::State;
use super::{
    ALERTS, METRICS, PARTS, Recovered, entry, flight, history, note, number_name, quarantine, silences,
};

/// Looks through the directory. What cannot be read is set aside; the rest goes on.
pub(super) fn recover(directory: &Path, recovered: &mut Recovered) -> io::Result<State> {
    let mut state = State::default();
    for file in fs::read_dir(directory.join("cursors"))? {
        let file = file?;
        let header = if file.file_type()?.is_file() {
            entry::read_header(&file.path())
        } else {
            Err(Fault::Damaged("it is no file".to_owned())) // opening a pipe would wait for ever
        };
        match header {
            Ok(header) => {
                state.newest = state.newest.max(header.number);
                let standing = state.standing(&header.container);
                standing.delivered = Some(header.number);
                standing.shared_ms = header.shared_ms;
                standing.last_ms = Some(header.last_ms).max(header.after_ms);
                recovered.cursors.insert(header.container, header.cursor);
            }
            Err(reason) => {
                recovered.quarantined.push(quarantine(directory, &file.path(), &reason.to_string()));
            }
        }
    }
    let mut files = Vec::new();
    for file in fs::read_dir(directory)? {
        let file = file?;
        let (name, kind) = (file.file_name(), file.file_type()?);
        let is_part =
            |name: &str| PARTS.contains(&name) || [METRICS, ALERTS, history::DIRECTORY].contains(&name);
        let ours = name == "lock"
            || name == note::NAME
            || name == silences::NAME
            || (kind.is_dir() && name.to_str().is_some_and(is_part));
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
            _ => Err(Fault::Damaged("it is not a batch of this agent".to_owned())),
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
            Err(reason) => recovered.quarantined.push(quarantine(directory, &path, &reason.to_string())),
        }
    }
    let mut flights = HashMap::new();
    for (flight, batches) in flight::left(directory)? {
        state.flights = state.flights.max(flight);
        // A number that stands there must not go to another batch.
        state.newest = batches.iter().copied().fold(state.newest, u64::max);
        flights.extend(batches.into_iter().map(|batch| (batch, flight)));
    }
    let mut doubtful = HashSet::new();
    for entry in state.queues.values_mut().flat_map(|queue| &mut queue.entries) {
        entry.doubt = flights.get(&entry.number).copied().unwrap_or_default();
        doubtful.insert(entry.doubt);
    }
    for flight in flights.into_values().filter(|flight| !doubtful.contains(flight)) {
        flight::end(directory, flight);
    }
    let newest = state.newest;
    state.queues.values_mut().for_each(|queue| queue.live_after = newest);
    Ok(state)
}
