//! What is missing and what came twice, as the agent's words and the arrived events show.
//!
//! Pure: texts and events in, counts out.

use std::collections::hash_map::Entry;
use std::collections::{HashMap, HashSet};
use std::time::Instant;

use crate::endpoint::Event;
use crate::stream::numbers;

/// The lines that the agent says it gave up, over all its runs that were stopped.
pub(super) fn told(log: &str) -> u64 {
    let stops = log.lines().filter(|line| line.contains("stopped: "));
    let parts = stops.flat_map(|line| line.split(", "));
    let dropped = parts.filter_map(|part| part.split_once(" dropped (")?.0.parse::<u64>().ok());
    dropped.sum()
}

/// How many lines are missing as this message says: the agent puts it where they would stand.
pub(super) fn marked(message: &str) -> u64 {
    let events =
        message.strip_prefix("[starttech-agent] ").and_then(|rest| rest.split_once(" events dropped"));
    events.and_then(|(events, _)| events.parse().ok()).unwrap_or(0)
}

/// How many calls there are of which lines came again in later ones.
pub(super) fn repeated_calls(events: &[Event]) -> u64 {
    let mut first: HashMap<u64, Instant> = HashMap::new();
    let mut repeated = HashSet::new();
    for event in events {
        let Some(&number) = numbers(std::slice::from_ref(&event.message)).first() else { continue };
        match first.entry(number) {
            Entry::Vacant(entry) => {
                entry.insert(event.arrived);
            }
            Entry::Occupied(entry) => {
                repeated.insert(*entry.get());
            }
        }
    }
    repeated.len() as u64
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    #[test]
    fn what_the_agent_gave_up_is_in_its_last_words() {
        let log = "INFO stopped: 90 events shipped of 100, 7 dropped (too old), 3 dropped (too new)\n\
                   WARN 12 dropped (by nobody)\n\
                   INFO stopped: 5 events shipped of 5\nINFO stopped: 5 events shipped of 6, 1 dropped (refused)";
        assert_eq!(told(log), 11);
    }

    #[test]
    fn a_marker_says_how_much_is_missing() {
        assert_eq!(marked("[starttech-agent] 41 events dropped from 1 to 2: the spool was full"), 41);
        assert_eq!(marked("41 events dropped"), 0);
    }

    #[test]
    fn calls_that_come_again_are_counted_however_they_do() {
        let start = Instant::now();
        let calls = |calls: &[&[u64]]| {
            let event = |at: usize, number: &u64| Event {
                timestamp: 0,
                message: format!("n={number}"),
                arrived: start + Duration::from_secs(at as u64),
            };
            let events = calls.iter().enumerate();
            let events = events.flat_map(|(at, call)| call.iter().map(move |number| event(at, number)));
            repeated_calls(&events.collect::<Vec<_>>())
        };
        assert_eq!(calls(&[&[1], &[2]]), 0);
        assert_eq!(calls(&[&[1, 2], &[3, 4], &[5], &[3], &[4, 6]]), 1);
        assert_eq!(calls(&[&[1, 2], &[3, 4], &[1, 2, 3]]), 2);
    }
}
