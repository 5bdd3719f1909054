//! Reads a log that is no file over Docker's API: of the `journald` driver and of
//! others that keep a copy. One task for each container, for as long as it exists.

use std::time::Duration;

use futures_util::StreamExt;
use log::{debug, warn};
use tokio::sync::{Notify, mpsc};
use tokio::time::{sleep, timeout};

use super::health::Standing;
use crate::docker::{ANSWER_SECONDS, Engine, Found, Frame};
use crate::logs::Pipe;
use crate::logs::cursor::{Cursor, Position};
use crate::logs::frame::{Dedup, is_ahead, parse, parse_console};
use crate::logs::json_file::Record;
use crate::telemetry::{chain, now_ns};

/// After an error, and when a container stopped without anybody saying that it started again.
const RETRY: Duration = Duration::from_secs(1);
const LOOK_AGAIN: Duration = Duration::from_secs(30);
/// A log that could not be read and is open for so long without a word is open: no answer takes longer.
const OPENED: Duration = Duration::from_secs(ANSWER_SECONDS + 1);

/// What to do where Docker answers and does not give the log.
const MEND: &str = "may the agent ask for it? Where a proxy stands before Docker's socket, it has to let \
                    GET /containers/…/logs through; else docker logs NAME says the same: try --log-driver json-file";

/// A record on its way to the flow of its container.
#[derive(Debug)]
pub struct Piece {
    /// The container's id.
    pub id: String,
    /// The record.
    pub record: Record<'static>,
    /// Its place.
    pub start: Position,
}

/// What the reader of a log and the log loop know of each other.
#[derive(Debug, Default)]
pub struct Reading {
    /// Wakes the reader: the container runs again.
    pub started: Notify,
    /// Whether it can be read.
    pub standing: Standing,
}

impl Reading {
    fn is_wrong(&self) -> bool {
        self.standing.get().is_some()
    }
}

/// Reads until the container is gone or its log turns out to be unreadable.
pub async fn run(
    engine: Engine,
    found: Found,
    cursor: Cursor,
    reading: std::sync::Arc<Reading>,
    pieces: mpsc::Sender<Piece>,
) {
    let id = &found.container.id;
    let now = now_ns();
    if is_ahead(cursor.stdout, now) || is_ahead(cursor.stderr, now) {
        warn!(
            "the clock was set back since the log of container {} was read last: its lines may be repeated",
            found.container.name
        );
    }
    let mut seen = [Dedup::new(cursor.stdout, now), Dedup::new(cursor.stderr, now)];
    let mut trouble = Trouble::default();
    loop {
        let now = now_ns();
        // A pipe that never said anything must not have the whole log read again for it.
        let since_ns = seen.iter().filter_map(|seen| seen.since_ns(now)).min().unwrap_or_default();
        seen.iter_mut().for_each(Dedup::reread);
        let mut log = Box::pin(engine.log(id, since_ns.div_euclid(1_000_000_000)));
        let mut again = LOOK_AGAIN;
        let newest = seen.each_ref().map(Dedup::end);
        loop {
            let next = timeout(OPENED, log.next());
            let frame = match if reading.is_wrong() { next.await } else { Ok(log.next().await) } {
                Ok(Some(frame)) => frame,
                Ok(None) => break,
                // What is refused is refused sooner: it has nothing to tell.
                Err(_) => {
                    trouble = Trouble::default();
                    reading.standing.well();
                    continue;
                }
            };
            match frame {
                Ok(frame) => {
                    trouble = Trouble::default();
                    reading.standing.well();
                    if !hand_over(id, &frame, &mut seen, &pieces).await {
                        return;
                    }
                }
                Err(error) if error.is_gone() => return debug!("container {} is gone", found.container.name),
                Err(error) if error.is_unreadable() => {
                    return warn!(
                        "the log driver {} of container {} cannot be read, its lines do not leave this host: {}; \
                         use json-file with max-size",
                        found.driver,
                        found.container.name,
                        chain(&error)
                    );
                }
                Err(error) => {
                    let error = chain(&error);
                    if trouble.lasts(&error) {
                        reading.standing.wrong(&error, Some(MEND));
                        warn!(
                            "cannot read the log of container {}: {error}; it is tried again and again",
                            found.container.name
                        );
                    } else {
                        debug!("reading the log of {} broke off: {error}", found.container.name);
                    }
                    again = RETRY;
                    break;
                }
            }
        }
        if again != RETRY {
            trouble = Trouble::default();
            reading.standing.well();
        }
        // The `local` driver may end its stream ahead of the last lines of a container that ended:
        // one that brought something is asked once more, soon.
        if again == RETRY || seen.each_ref().map(Dedup::end) != newest {
            sleep(RETRY).await;
        } else {
            drop(timeout(again, reading.started.notified()).await);
        }
    }
}

/// What went wrong last. Docker's restart breaks a log off once and is no news; what comes twice
/// running, such as the refusal of a socket proxy, stays.
#[derive(Debug, Default)]
struct Trouble {
    last: Option<String>,
    said: bool,
}

impl Trouble {
    /// Whether to say it: when `error` comes the second time running, and not again after that.
    fn lasts(&mut self, error: &str) -> bool {
        if self.last.as_deref() != Some(error) {
            *self = Self { last: Some(error.to_owned()), said: false };
            return false;
        }
        !std::mem::replace(&mut self.said, true)
    }
}

/// Whether anybody still listens.
async fn hand_over(id: &str, frame: &Frame, seen: &mut [Dedup; 2], pieces: &mpsc::Sender<Piece>) -> bool {
    let records = match frame.pipe {
        Some(pipe) => parse(&frame.text, pipe).into_iter().collect(),
        None => parse_console(&frame.text),
    };
    for record in records {
        let [stdout, stderr] = seen;
        let dedup = if record.pipe == Pipe::Stdout { stdout } else { stderr };
        let Some(start) = dedup.place(&record, now_ns()) else { continue };
        let record = Record { text: record.text.into_owned().into(), ..record };
        if pieces.send(Piece { id: id.to_owned(), record, start }).await.is_err() {
            return false;
        }
    }
    true
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_error_is_said_once_and_when_it_lasts() {
        let mut trouble = Trouble::default();
        let said = ["403", "403", "403", "500", "403", "403"].map(|error| trouble.lasts(error));
        assert_eq!(said, [false, true, false, false, false, true]);
    }
}
