//! What an earlier run left in the spool: cursors, batches, and files that are neither.

use std::fs;
use std::io;
use std::path::Path;

use super::state::State;
use super::{Recovered, entry, flight, number_name, quarantine};

/// Looks through the directory. What cannot be read is set aside; the rest goes on.
pub(super) fn recover(directory: &Path, recovered: &mut Recovered) -> io::Result<State> {
    let mut state = State::default();
    for file in fs::read_dir(directory.join("cursors"))? {
        let file = file?;
        match entry::read_header(&file.path()) {
            Ok(header) => {
                state.newest = state.newest.max(header.number);
                let standing = state.standing(&header.container);
                (standing.delivered, standing.last_ms) = (Some(header.number), Some(header.last_ms));
                recovered.cursors.insert(header.container, header.cursor);
            }
            Err(reason) => {
                let name = format!("cursors/{}", file.file_name().to_string_lossy());
                recovered.quarantined.push(quarantine(directory, &name, &reason));
            }
        }
    }
    let mut files = Vec::new();
    for file in fs::read_dir(directory)? {
        let file = file?;
        if file.file_type()?.is_file() && file.file_name() != "lock" {
            files.push((file.file_name().to_string_lossy().into_owned(), file.metadata()?.len()));
        }
    }
    files.sort();
    for (name, bytes) in files {
        let number = name.parse::<u64>().ok().filter(|number| number_name(*number) == name);
        let Some(number) = number else {
            if name.ends_with(entry::UNFINISHED) {
                // Never renamed into place: its lines are still in the container's log.
                fs::remove_file(directory.join(name))?;
            } else {
                recovered.quarantined.push(quarantine(directory, &name, "it is not a batch of this agent"));
            }
            continue;
        };
        state.newest = state.newest.max(number);
        match entry::read_header(&directory.join(&name)) {
            Ok(header) => {
                if state.delivered(&header.container).is_none_or(|newest| newest < number) {
                    recovered.cursors.insert(header.container.clone(), header.cursor);
                }
                recovered.batches += 1;
                state.enqueue(&header, bytes, None);
            }
            Err(reason) => recovered.quarantined.push(quarantine(directory, &name, &reason)),
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
