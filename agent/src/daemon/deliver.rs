//! Takes batches from the spool to the sink, several streams at a time and one call for each, and
//! tries again until they are taken. Ends when nothing more can come and the spool is empty, or at
//! the deadline of a stop: the rest stays on disk.

mod apart;

use std::io;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use anyhow::Context;
use log::{error, info, warn};
use tokio::task::{JoinSet, spawn_blocking};
use tokio::time::{Instant, sleep_until, timeout_at};
use tokio_util::sync::CancellationToken;

use super::counters::Counters;
use crate::logs::pace::{Pace, Pending, REMINDER};
use crate::logs::{Mend, Outgoing, Receipt, Refusal, Sink};
use crate::spool::{Claim, Spool, Taken};
use crate::telemetry::chain;

/// Calls in flight, one of a stream: each takes up to two megabytes of memory.
const IN_FLIGHT: usize = 4;
/// After the last batch was written, a stop waits so long for the service to take it.
const LAST_CALL: Duration = Duration::from_millis(1200);

/// What all deliveries share.
struct Delivery<S> {
    spool: Arc<Spool>,
    sink: Arc<S>,
    counters: Arc<Counters>,
    /// When rejected events, a cursor that does not move, and refusals for good were told last: they come in numbers.
    told: [Mutex<Option<Instant>>; 3],
}

/// What the service took, and why it refused the rest for good, if it did.
struct Taking {
    receipt: Receipt,
    refused: Option<String>,
}

impl From<Receipt> for Taking {
    fn from(receipt: Receipt) -> Self {
        Self { receipt, refused: None }
    }
}

/// What became of one attempt.
enum Outcome {
    Delivered,
    /// The service refused it for good, or a part of it: that is in the quarantine.
    SetAside {
        reason: String,
        wholly: bool,
    },
    Nothing,
    /// Without batches: they could not be read.
    Failed(Refusal, Option<Box<Taken>>),
}

/// Delivers until `closed` (nothing more will be written) and then to the end, or to the deadline.
pub async fn run<S: Sink>(
    spool: Arc<Spool>,
    sink: Arc<S>,
    counters: Arc<Counters>,
    closed: CancellationToken,
) -> anyhow::Result<()> {
    let delivery = Arc::new(Delivery { spool: Arc::clone(&spool), sink, counters, told: Default::default() });
    let mut changes = spool.changes();
    let mut pace = Pace::new(S::WAITS).reminding(S::REMINDER);
    for destination in spool.in_doubt() {
        pace.doubt(&destination, Instant::now().into_std());
    }
    let mut calls: JoinSet<(Claim, Instant, anyhow::Result<Outcome>)> = JoinSet::new();
    let mut deadline: Option<Instant> = None;
    loop {
        let now = Instant::now();
        if deadline.is_some_and(|deadline| deadline <= now || spool.is_empty()) {
            break;
        }
        while calls.len() < IN_FLIGHT
            && let Some(claim) = spool.claim(|to, pending| pace.may(to, pending, now.into_std()))
        {
            let delivery = Arc::clone(&delivery);
            calls.spawn(async move {
                let outcome = delivery.attempt(&claim).await;
                (claim, now, outcome)
            });
        }
        let wake = pace.next(now.into_std()).map(Instant::from_std).into_iter().chain(deadline).min();
        tokio::select! {
            () = closed.cancelled(), if deadline.is_none() => deadline = Some(Instant::now() + LAST_CALL),
            _ = changes.changed() => {}
            Some(ended) = calls.join_next() => {
                let (claim, began, outcome) = ended.context("a delivery panicked")?;
                delivery.settle(&mut pace, &claim, began, outcome?);
            }
            () = async { if let Some(wake) = wake { sleep_until(wake).await } else { std::future::pending().await } } => {}
        }
    }
    // A call in flight may be the one that just gets through.
    if let Some(deadline) = deadline {
        while let Ok(Some(ended)) = timeout_at(deadline, calls.join_next()).await {
            let (claim, began, outcome) = ended.context("a delivery panicked")?;
            delivery.settle(&mut pace, &claim, began, outcome?);
        }
    }
    if !spool.is_empty() {
        info!("{} bytes stay in the spool for the next start", spool.bytes());
    }
    Ok(())
}

impl<S: Sink> Delivery<S> {
    async fn attempt(&self, claim: &Claim) -> anyhow::Result<Outcome> {
        let taken = match self.take(claim).await? {
            Ok(Some(taken)) => taken,
            Ok(None) => return Ok(Outcome::Nothing),
            Err(error) => return Ok(Outcome::Failed(unreadable(&error, claim.pending), None)),
        };
        if taken.pending == Pending::Doubtful
            && let Some(event) = taken.evidence()
        {
            match self.sink.holds(&claim.destination, &event).await {
                Ok(true) => {
                    self.finish(taken, Receipt::default()).await?;
                    return Ok(Outcome::Delivered);
                }
                Ok(false) => {}
                Err(refusal) => return Ok(Outcome::Failed(still_in_doubt(refusal), Some(Box::new(taken)))),
            }
        }
        let mut result = self.put(&taken.outgoing).await.map(Taking::from);
        if let Err(Refusal::Refused(reason)) = &result {
            result = self.put_apart(&taken, reason).await;
        }
        match result {
            Ok(Taking { receipt, refused }) => {
                self.finish(taken, receipt).await?;
                Ok(refused.map_or(Outcome::Delivered, |reason| Outcome::SetAside { reason, wholly: false }))
            }
            Err(Refusal::Refused(reason)) => {
                let events = taken.outgoing.events;
                self.counters.set_aside.add(events as u64);
                let places = self.spool.set_aside(&taken, &reason);
                self.tell_refused((events, events), &taken.outgoing.destination.stream, &places);
                Ok(Outcome::SetAside { reason, wholly: true })
            }
            Err(refusal) => Ok(Outcome::Failed(refusal, Some(Box::new(taken)))),
        }
    }

    /// Says that so many of so many were refused for good, where they are, and what to do: now and then, for whoever
    /// refuses one refuses the next, and the counts are in `status`.
    fn tell_refused(&self, (refused, of): (usize, usize), stream: &str, places: &[(PathBuf, String)]) {
        let [_, _, refusals] = &self.told;
        if !is_to_be_told(refusals) {
            return;
        }
        let (path, reason) = places.first().map_or((Path::new("-"), ""), |(path, why)| (path, why));
        error!(
            "{} refuses {refused} of {of} {} for {stream} for good: {reason}; set aside in {}; {}; starttech-agent \
             status counts them, the journal has it again in {} min at the soonest",
            S::SERVICE,
            S::CONTENT,
            path.display(),
            S::REFUSED,
            REMINDER.as_secs() / 60
        );
    }

    async fn put(&self, outgoing: &Outgoing) -> Result<Receipt, Refusal> {
        let result = self.sink.put(outgoing).await;
        if !matches!(result, Err(Refusal::Missing)) {
            return result;
        }
        self.sink.create(&outgoing.destination).await?;
        self.sink.put(outgoing).await
    }

    async fn take(&self, claim: &Claim) -> anyhow::Result<io::Result<Option<Taken>>> {
        let (spool, claim) = (Arc::clone(&self.spool), claim.clone());
        // Made here: what a helper thread allocates stays with it, a megabyte for each thread.
        let buffer = Vec::with_capacity(claim.bytes);
        let (taken, quarantined) = spawn_blocking(move || {
            let mut quarantined = Vec::new();
            (spool.take(&claim, buffer, &mut quarantined), quarantined)
        })
        .await
        .context("reading the spool panicked")?;
        tell_quarantined(quarantined);
        Ok(taken)
    }

    fn settle(&self, pace: &mut Pace, claim: &Claim, began: Instant, outcome: Outcome) {
        let (destination, now) = (&claim.destination, Instant::now().into_std());
        let (refusal, taken) = match outcome {
            Outcome::Nothing => return self.counters.deliveries.nothing(destination),
            Outcome::Delivered => {
                self.counters.deliveries.delivered(destination);
                if pace.answered(destination, claim.pending) {
                    info!("{} {} takes {} again", destination.group, destination.stream, S::CONTENT);
                }
                return;
            }
            Outcome::SetAside { reason, wholly } => {
                // It was answered, if not as it should be: what comes next need not wait.
                if !wholly {
                    self.counters.deliveries.delivered(destination);
                }
                self.counters.deliveries.refused(destination, (&reason, S::REFUSED), wholly);
                pace.answered(destination, claim.pending);
                return;
            }
            Outcome::Failed(refusal, taken) => (refusal, taken),
        };
        self.counters.deliveries.failed(destination, &refusal);
        let times = (began.into_std(), now);
        let doubtful = matches!(refusal, Refusal::Retry { doubtful: true, .. });
        if !doubtful && claim.pending == Pending::Doubtful {
            pace.cleared_up(destination);
        }
        let pending = if doubtful { claim.pending } else { Pending::Fresh };
        let tell = pace.failed(destination, pending, &refusal, times, fastrand::f64());
        if doubtful {
            pace.doubt(destination, now);
        }
        // Only now: who sees it given back must see the wait too.
        match taken {
            Some(taken) => self.spool.failed(&taken, doubtful),
            None => self.spool.release(destination),
        }
        if tell {
            warn!(
                "cannot deliver to {} {}: {}; nothing is lost, {} bytes wait in the spool",
                destination.group,
                destination.stream,
                chain(&refusal),
                self.spool.bytes()
            );
        }
    }

    async fn finish(&self, taken: Taken, receipt: Receipt) -> anyhow::Result<()> {
        let events = taken.outgoing.events as u64;
        let rejected = (receipt.too_old + receipt.too_new) as u64;
        let set_aside = receipt.set_aside as u64;
        self.counters.shipped.add(events.saturating_sub(rejected + set_aside));
        self.counters.dropped_too_old.add(receipt.too_old as u64);
        self.counters.dropped_too_new.add(receipt.too_new as u64);
        self.counters.set_aside.add(set_aside);
        let [rejections, cursors, _] = &self.told;
        if rejected > 0 && is_to_be_told(rejections) {
            warn!(
                "{} rejected {} {} as too old and {} as too new, of {events} for {}; \
                 check this host's clock{}",
                S::SERVICE,
                receipt.too_old,
                S::CONTENT,
                receipt.too_new,
                taken.outgoing.destination.stream,
                if S::CONTENT == "events" { " and the group's retention" } else { "" }
            );
        }
        let spool = Arc::clone(&self.spool);
        let moved = spawn_blocking(move || spool.delivered(&taken)).await.context("the spool panicked")?;
        if let Err(error) = moved
            && is_to_be_told(cursors)
        {
            warn!(
                "cannot take delivered {} out of the spool: {error}; after a restart they are sent again",
                S::CONTENT
            );
        }
        Ok(())
    }
}

fn is_to_be_told(told: &Mutex<Option<Instant>>) -> bool {
    let now = Instant::now();
    let mut told = told.lock().unwrap_or_else(PoisonError::into_inner);
    let due = told.is_none_or(|told| told + REMINDER <= now);
    if due {
        *told = Some(now);
    }
    due
}

fn unreadable(error: &io::Error, pending: Pending) -> Refusal {
    Refusal::Retry {
        reason: format!("cannot read the spool: {error}"),
        after: None,
        lasting: false,
        unreachable: false,
        doubtful: pending == Pending::Doubtful,
        mend: Mend::Act("is the disk of the spool well? df -h; dmesg | tail".to_owned()),
    }
}

/// Nothing was sent this time: what was in doubt still is.
fn still_in_doubt(refusal: Refusal) -> Refusal {
    match refusal {
        Refusal::Retry { reason, after, lasting, unreachable, mend, .. } => {
            Refusal::Retry { reason, after, lasting, unreachable, doubtful: true, mend }
        }
        other => other,
    }
}

/// Says what was set aside.
pub fn tell_quarantined(quarantined: Vec<(PathBuf, String)>) {
    for (path, reason) in quarantined {
        error!("set aside {}: {reason}", path.display());
    }
}
