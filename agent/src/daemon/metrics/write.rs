//! Writes down what is to be sent, and beside it what was measured lately.
//!
//! Knows nothing of what is measured.

use std::sync::Arc;

use anyhow::Context;
use log::warn;
use tokio::task::spawn_blocking;

use super::{Metrics, OWNER};
use crate::logs::batch::Finished;
use crate::logs::cursor::Cursor;
use crate::telemetry;

/// Batches that the disk does not take are kept in memory, so many: an hour of them, as a rule.
const MOST_UNWRITTEN: usize = 60;

impl Metrics {
    pub(super) async fn append(&mut self, batch: Finished) -> anyhow::Result<()> {
        let datums = batch.events as u64;
        let (spool, history) = (Arc::clone(&self.shared.spool), self.shared.history.clone());
        let (appended, noted) = spawn_blocking(move || {
            let noted = history.add(&batch.body, telemetry::now_ms());
            (spool.append(OWNER, &Cursor::default(), batch), noted)
        })
        .await
        .context("writing datapoints to the spool panicked")?;
        if let Err(error) = noted {
            let words = format!("cannot write down what was measured for `dashboard serve`: {error}");
            if self.is_news(&words) {
                warn!("{words}");
            }
        }
        if appended.dropped > 0 {
            self.shared.datapoints.dropped_spool_full.add(appended.dropped);
            self.fault("the oldest datapoints were given up: their spool is full (spool.max_bytes)", 1);
        }
        if let Some((error, unwritten)) = appended.unwritten {
            let (header, body) = *unwritten;
            if self.shared.spool.unwritten() < MOST_UNWRITTEN {
                self.shared.spool.keep(&header, body);
            } else {
                self.shared.datapoints.dropped_spool_full.add(datums);
                self.fault(
                    &format!("datapoints were given up: they cannot be written to the spool ({error})"),
                    1,
                );
            }
        }
        Ok(())
    }
}
