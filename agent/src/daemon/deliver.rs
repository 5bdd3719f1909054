//! Takes batches from the spool to the sink, the oldest of each stream first, several streams at
//! a time, and tries again until they are taken. Ends when nothing more can come and the spool is
//! empty, or at the deadline of a stop: the rest stays on disk.

use std::collections::HashMap;
use std::path::PathBuf;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use anyhow::Context;
use log::{error, info, warn};
use tokio::task::{JoinSet, spawn_blocking};
use tokio::time::{Instant, sleep_until, timeout_at};
use tokio_util::sync::CancellationToken;

use super::counters::Counters;
use crate::logs::{Destination, Receipt, Refusal, Sink};
use crate::retry;
use crate::spool::{Spool, Taken};
use crate::telemetry::chain;

/// Batches in flight, one of a stream: each takes up to two megabytes of memory.
const IN_FLIGHT: usize = 4;
/// After the last batch was written, a stop waits so long for the service to take it.
const LAST_CALL: Duration = Duration::from_millis(1200);
/// How often the same trouble is told again.
const REMINDER: Duration = Duration::from_mins(5);

/// What all deliveries share.
struct Delivery<S> {
    spool: Arc<Spool>,
    sink: Arc<S>,
    counters: Arc<Counters>,
    /// When rejected events were told last: a log from long ago brings many.
    told: Mutex<Option<Instant>>,
}

/// How a stream is doing.
#[derive(Default)]
struct Trouble {
    attempts: u32,
    until: Option<Instant>,
    said: Option<Instant>,
}

/// What became of one attempt.
enum Outcome {
    Delivered,
    Nothing,
    Failed(Refusal),
}

/// Delivers until `closed` (nothing more will be written) and then to the end, or to the deadline.
pub async fn run<S: Sink>(
    spool: Arc<Spool>,
    sink: Arc<S>,
    counters: Arc<Counters>,
    closed: CancellationToken,
) -> anyhow::Result<()> {
    let delivery = Arc::new(Delivery { spool: Arc::clone(&spool), sink, counters, told: Mutex::default() });
    let mut changes = spool.changes();
    let mut troubles: HashMap<Destination, Trouble> = HashMap::new();
    let mut calls: JoinSet<(Destination, anyhow::Result<Outcome>)> = JoinSet::new();
    let mut deadline: Option<Instant> = None;
    loop {
        let now = Instant::now();
        if deadline.is_some_and(|deadline| deadline <= now || spool.is_empty()) {
            break;
        }
        let due = |to: &Destination| troubles.get(to).and_then(|t| t.until).is_none_or(|until| until <= now);
        while calls.len() < IN_FLIGHT
            && let Some(destination) = spool.claim(due)
        {
            let delivery = Arc::clone(&delivery);
            calls.spawn(async move {
                let outcome = delivery.attempt(&destination).await;
                (destination, outcome)
            });
        }
        let next = troubles.values().filter_map(|trouble| trouble.until).filter(|until| *until > now).min();
        let wake = next.into_iter().chain(deadline).min();
        tokio::select! {
            () = closed.cancelled(), if deadline.is_none() => deadline = Some(Instant::now() + LAST_CALL),
            _ = changes.changed() => {}
            Some(ended) = calls.join_next() => {
                let (destination, outcome) = ended.context("a delivery panicked")?;
                settle(&delivery, &mut troubles, &destination, outcome?);
            }
            () = async { if let Some(wake) = wake { sleep_until(wake).await } else { std::future::pending().await } } => {}
        }
    }
    // A call in flight may be the one that just gets through.
    if let Some(deadline) = deadline {
        while let Ok(Some(ended)) = timeout_at(deadline, calls.join_next()).await {
            let (destination, outcome) = ended.context("a delivery panicked")?;
            settle(&delivery, &mut troubles, &destination, outcome?);
        }
    }
    if !spool.is_empty() {
        info!("{} bytes stay in the spool for the next start", spool.bytes());
    }
    Ok(())
}

fn settle<S>(
    delivery: &Delivery<S>,
    troubles: &mut HashMap<Destination, Trouble>,
    destination: &Destination,
    outcome: Outcome,
) {
    let refusal = match outcome {
        Outcome::Nothing => return,
        Outcome::Delivered => {
            if let Some(trouble) = troubles.remove(destination) {
                if trouble.said.is_some() {
                    info!("{} {} takes lines again", destination.group, destination.stream);
                }
                // The service answers: nobody needs to wait for it any longer.
                for trouble in troubles.values_mut() {
                    trouble.until = None;
                }
            }
            return;
        }
        Outcome::Failed(refusal) => refusal,
    };
    let trouble = troubles.entry(destination.clone()).or_default();
    trouble.attempts += 1;
    let (after, lasting) = match &refusal {
        Refusal::Retry { after, lasting, .. } => (*after, *lasting),
        Refusal::Missing | Refusal::Refused(_) => (None, true),
    };
    let cap = if lasting { retry::LASTING_CAP } else { retry::CAP };
    let wait = retry::wait(trouble.attempts, cap, fastrand::f64()).max(after.unwrap_or_default());
    let now = Instant::now();
    trouble.until = Some(now + wait);
    // Only now: who sees it released must see the wait too.
    delivery.spool.release(destination);
    if (trouble.attempts > 1 || lasting) && trouble.said.is_none_or(|said| said + REMINDER <= now) {
        trouble.said = Some(now);
        warn!(
            "cannot deliver to {} {}: {}; nothing is lost, {} bytes wait in the spool",
            destination.group,
            destination.stream,
            chain(&refusal),
            delivery.spool.bytes()
        );
    }
}

impl<S: Sink> Delivery<S> {
    async fn attempt(&self, destination: &Destination) -> anyhow::Result<Outcome> {
        let Some(taken) = self.take(destination).await? else { return Ok(Outcome::Nothing) };
        let mut result = self.sink.put(&taken.outgoing).await;
        if let Err(Refusal::Missing) = result {
            result = match self.sink.create(destination).await {
                Ok(()) => self.sink.put(&taken.outgoing).await,
                Err(refusal) => Err(refusal),
            };
        }
        match result {
            Ok(receipt) => {
                self.count(&taken, receipt);
                self.finish(taken).await?;
                Ok(Outcome::Delivered)
            }
            Err(Refusal::Refused(reason)) => {
                self.counters.set_aside.add(taken.header.events);
                error!(
                    "CloudWatch Logs refuses a batch of {} events for good: {reason}",
                    taken.header.events
                );
                tell_quarantined(vec![self.spool.set_aside(&taken, &reason)]);
                Ok(Outcome::Delivered)
            }
            Err(refusal) => Ok(Outcome::Failed(refusal)),
        }
    }

    async fn take(&self, destination: &Destination) -> anyhow::Result<Option<Taken>> {
        let (spool, destination) = (Arc::clone(&self.spool), destination.clone());
        // Made here: what a helper thread allocates stays with it, a megabyte for each thread.
        let buffer = Vec::with_capacity(spool.size_of_oldest(&destination));
        let (taken, quarantined) = spawn_blocking(move || {
            let mut quarantined = Vec::new();
            (spool.take(&destination, buffer, &mut quarantined), quarantined)
        })
        .await
        .context("reading the spool panicked")?;
        tell_quarantined(quarantined);
        Ok(taken)
    }

    fn count(&self, taken: &Taken, receipt: Receipt) {
        let rejected = (receipt.too_old + receipt.too_new) as u64;
        self.counters.shipped.add(taken.header.events.saturating_sub(rejected));
        self.counters.dropped_too_old.add(receipt.too_old as u64);
        self.counters.dropped_too_new.add(receipt.too_new as u64);
        let now = Instant::now();
        let mut told = self.told.lock().unwrap_or_else(PoisonError::into_inner);
        if rejected > 0 && told.is_none_or(|told| told + REMINDER <= now) {
            *told = Some(now);
            warn!(
                "CloudWatch Logs rejected {} events as too old and {} as too new, of {} for {}; \
                 check this host's clock and the group's retention",
                receipt.too_old, receipt.too_new, taken.header.events, taken.header.destination.stream
            );
        }
    }

    async fn finish(&self, taken: Taken) -> anyhow::Result<()> {
        let spool = Arc::clone(&self.spool);
        let moved = spawn_blocking(move || spool.delivered(&taken)).await.context("the spool panicked")?;
        if let Err(error) = moved {
            warn!("cannot move the cursor on: {error}; after a restart, what was sent since is sent again");
        }
        Ok(())
    }
}

/// Says what was set aside.
pub fn tell_quarantined(quarantined: Vec<(PathBuf, String)>) {
    for (path, reason) in quarantined {
        error!("set aside {}: {reason}", path.display());
    }
}
