//! What to do when the service refuses a batch for good: one bad event must not take the others with
//! it, so halves are tried, and halves of those, until the bad ones stand alone.

use log::info;
use tokio::time::sleep;

use super::{Delivery, Taking};
use crate::logs::{Outgoing, Receipt, Refusal, Sink};
use crate::retry;
use crate::spool::Taken;

/// With so many events refused one by one and none taken, it is not the events.
const NOT_THE_EVENTS: usize = 8;
/// So often a part is tried again after a passing failure: then the whole batch is, later.
const ATTEMPTS: u32 = 8;

impl<S: Sink> Delivery<S> {
    /// Hands over all events but those that are refused alone, which are set aside.
    pub(super) async fn put_apart(&self, taken: &Taken, reason: &str) -> Result<Taking, Refusal> {
        let mut total = Receipt::default();
        let mut refused: Vec<(Outgoing, String)> = Vec::new();
        let mut taken_any = false;
        let Some(halves) = self.parts(&taken.outgoing) else {
            return Err(Refusal::Refused(reason.to_owned()));
        };
        self.spool.part(taken);
        let mut waiting = Vec::from(halves);
        while let Some(part) = waiting.pop() {
            match self.put_patiently(&part).await {
                Ok(receipt) => {
                    taken_any = true;
                    total.too_old += receipt.too_old;
                    total.too_new += receipt.too_new;
                }
                Err(Refusal::Refused(reason)) => match self.parts(&part) {
                    Some(halves) => waiting.extend(halves),
                    None => refused.push((part, reason)),
                },
                // All of it is sent again, and is in no doubt: a half that was taken proves nothing.
                Err(Refusal::Retry { reason, after, lasting, unreachable, mend, .. }) => {
                    return Err(Refusal::Retry {
                        reason,
                        after,
                        lasting,
                        unreachable,
                        doubtful: false,
                        mend,
                    });
                }
                Err(refusal) => return Err(refusal),
            }
            if !taken_any && refused.len() == NOT_THE_EVENTS {
                return Err(Refusal::Refused(reason.to_owned()));
            }
        }
        total.set_aside = refused.iter().map(|(part, _)| part.events).sum();
        if refused.is_empty() {
            info!(
                "{} refused {} {} for {} together, and took them in parts: {reason}",
                S::SERVICE,
                taken.outgoing.events,
                S::CONTENT,
                taken.outgoing.destination.stream
            );
            return Ok(total.into());
        }
        let set_aside =
            |(part, reason): &(Outgoing, String)| self.spool.set_event_aside(taken, &part.body, reason);
        let places: Vec<_> = refused.iter().map(set_aside).collect();
        let outgoing = &taken.outgoing;
        self.tell_refused((total.set_aside, outgoing.events), &outgoing.destination.stream, &places);
        let refused = places.into_iter().next().map(|(_, reason)| reason);
        Ok(Taking { receipt: total, refused })
    }

    /// Both halves, the second first: the last of a stack comes next.
    fn parts(&self, outgoing: &Outgoing) -> Option<[Outgoing; 2]> {
        self.spool.halve(outgoing).map(|[first, second]| [second, first])
    }

    /// In the midst of a batch that is handed over in parts, a failure would repeat those before.
    async fn put_patiently(&self, part: &Outgoing) -> Result<Receipt, Refusal> {
        let mut attempt = 1;
        loop {
            match self.put(part).await {
                Err(Refusal::Retry { after, .. }) if attempt < ATTEMPTS => {
                    let wait = S::WAITS.wait(attempt, fastrand::f64());
                    sleep(wait.max(after.unwrap_or_default().min(retry::LASTING_CAP))).await;
                    attempt += 1;
                }
                result => return result,
            }
        }
    }
}
