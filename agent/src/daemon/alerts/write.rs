//! Writes down what is to be told, and what is known, for the alerts loop: a kill in between tells it twice
//! rather than never.
//!
//! Knows no rules.

use std::sync::Arc;

use log::warn;
use tokio::task::spawn_blocking;

use super::Alerts;
use crate::alerts::message::Message;
use crate::logs::Destination;
use crate::logs::batch::Finished;
use crate::logs::cursor::Cursor;
use crate::spool::Appended;
use crate::telemetry;

/// Alerts that the disk does not take are kept in memory, so many.
const MOST_UNWRITTEN: usize = 20;
/// Under this name the spool keeps them.
const OWNER: &str = "alerts";

/// What came of writing.
#[derive(Debug)]
pub(super) struct Written {
    appended: Vec<Appended>,
    note: std::io::Result<()>,
    history: std::io::Result<()>,
}

impl Alerts {
    /// Begins to write what is to be told, and then what is known, so that a kill in between tells it twice rather
    /// than never.
    pub(super) fn write(&mut self) {
        if self.writing.is_some() || !self.is_dirty {
            return;
        }
        self.is_dirty = false;
        let untold_ns = self.state.untold_ns().map(|at_ns| at_ns - 1);
        self.state.judged_ns = untold_ns.into_iter().fold(self.rules.judged_ns(), i64::min);
        let note = serde_json::to_vec(&self.state);
        let (spool, topic) = (Arc::clone(&self.spool), self.settings.topic.clone());
        let messages = std::mem::take(&mut self.outbox);
        let (history, place) = (self.history.clone(), self.settings.place.clone());
        self.writing = Some(spawn_blocking(move || {
            let append = |message: &Message| {
                let at_ms = message.at_ns() / 1_000_000;
                let batch = Finished {
                    destination: Destination { group: topic.clone(), stream: OWNER.to_owned() },
                    body: serde_json::to_vec(message).unwrap_or_default(),
                    events: 1,
                    first_ms: at_ms,
                    last_ms: at_ms,
                };
                spool.append(OWNER, &Cursor::default(), batch)
            };
            let appended = messages.iter().map(append).collect();
            let note = note.map_err(Into::into).and_then(|note| spool.write_note(&note));
            let now_ns = telemetry::now_ns();
            let mut documents = messages.iter().map(|message| message.write(&place, now_ns).machine);
            let history =
                documents.try_for_each(|document| history.add(document.as_bytes(), now_ns / 1_000_000));
            Written { appended, note, history }
        }));
    }

    pub(super) fn settle(&mut self, written: Written) {
        if let Err(error) = written.note {
            warn!("cannot write down which alerts are open: {error}; after a restart they may be told again");
        }
        if let Err(error) = written.history {
            warn!("cannot write down what was told for `dashboard serve`: {error}");
        }
        for appended in written.appended {
            if appended.dropped > 0 {
                self.counters.dropped_spool_full.add(appended.dropped);
                warn!("the oldest {} alerts were given up: their spool is full", appended.dropped);
            }
            let Some((error, held)) = appended.unwritten else { continue };
            let (header, body) = *held;
            if self.spool.unwritten() < MOST_UNWRITTEN {
                self.spool.keep(&header, body);
            } else {
                self.counters.dropped_spool_full.add(1);
                warn!("an alert was given up: it cannot be written to the spool ({error})");
            }
        }
    }
}
