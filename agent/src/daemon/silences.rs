//! The operator's silences, as the alerts loop sees them: looked at when something is about to be told, read when they
//! are others than before.
//!
//! While a message is held back they are looked at every few seconds as well, for a silence may be ended before its
//! time. What they mean is `alerts/silence`'s business.

use std::path::{Path, PathBuf};
use std::time::Duration;

use log::{info, warn};
use tokio::task::{JoinHandle, spawn_blocking};
use tokio::time::{Instant, timeout};

use crate::alerts::silence::Silences;
use crate::alerts::state::State;
use crate::spool::silences::{Stamp, read, stamp};

/// No alert waits longer for a disk that does not answer.
const PATIENCE: Duration = Duration::from_millis(200);
/// Between two looks while something is held back.
const AGAIN: Duration = Duration::from_secs(5);

/// The file, and when it was looked at.
#[derive(Debug)]
pub(super) struct Watched {
    path: PathBuf,
    stamp: Stamp,
    looked: Instant,
    /// A look that the disk has not answered yet: a second would wait in a thread of its own.
    looking: Option<JoinHandle<Option<(Stamp, Silences)>>>,
}

impl Watched {
    /// Reads it for the first time. Blocks on the disk.
    pub(super) fn new(path: PathBuf) -> (Self, Silences) {
        let (stamp, silences) = newer(&path, None).unwrap_or_default();
        (Self { path, stamp, looked: Instant::now(), looking: None }, silences)
    }

    /// When to look again although nothing is to be told.
    pub(super) fn again(&self, state: &State) -> Option<Instant> {
        state.is_holding_back().then(|| self.looked + AGAIN)
    }

    /// Gives the state what stands there, where that matters now: what is about to be told may be silenced by now, and
    /// what is held back may be no more.
    pub(super) async fn look(&mut self, state: &mut State, now_ns: i64) {
        let is_due = state.next().is_some_and(|due| due <= now_ns);
        let is_time = self.again(state).is_some_and(|again| again <= Instant::now());
        if !is_due && !is_time {
            return;
        }
        self.looked = Instant::now();
        let (path, before) = (self.path.clone(), self.stamp);
        let looking = self.looking.get_or_insert_with(|| spawn_blocking(move || newer(&path, before)));
        // A disk that does not answer silences nothing more, and nothing less.
        let Ok(read) = timeout(PATIENCE, looking).await else { return };
        self.looking = None;
        if let Ok(Some((stamp, silences))) = read {
            self.stamp = stamp;
            state.silences = silences;
        }
    }
}

/// Where it cannot be read or understood, nothing is silenced: better one message too many.
fn newer(path: &Path, before: Stamp) -> Option<(Stamp, Silences)> {
    let found = stamp(path).unwrap_or_default();
    if found == before {
        return None;
    }
    let text = match read(path) {
        Ok(text) => text.unwrap_or_else(|| b"[]".to_vec()),
        Err(error) => {
            warn!("cannot read {}: {error}; no alert is silenced", path.display());
            // It may be read the next time, and be the same file.
            return Some((None, Silences::default()));
        }
    };
    match Silences::read(&text) {
        Ok(silences) => {
            info!("the silences of alerts are others than before: see starttech-agent silence --list");
            Some((found, silences))
        }
        Err(error) => {
            warn!("{} has no silences in it ({error}); no alert is silenced", path.display());
            Some((found, Silences::default()))
        }
    }
}
