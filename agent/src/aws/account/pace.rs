//! When the next call may go out: a step below the service's quota, for each operation and region by itself.
//!
//! It waits and does not call. What hosts do at the same time it cannot know; they are throttled, and wait.

use std::collections::HashMap;
use std::sync::Mutex;
use std::time::Duration;

use tokio::time::{Instant, sleep_until};

use super::answer::Call;
use super::locked;

/// A service that cannot be reached is not tried again for so long: each try takes seconds, and there may be
/// dozens of calls.
const DOWN: Duration = Duration::from_mins(1);

type Place = (&'static str, String);

/// The next moment of each operation.
#[derive(Debug, Default)]
pub(super) struct Pace {
    next: Mutex<HashMap<Place, Instant>>,
    down: Mutex<HashMap<Place, (Instant, String)>>,
}

impl Pace {
    /// Waits for the call's turn.
    pub(super) async fn turn(&self, call: Call, region: &str) {
        let at = {
            let mut next = locked(&self.next);
            let next = next.entry((call.act, region.to_owned())).or_insert_with(Instant::now);
            let at = (*next).max(Instant::now());
            *next = at + interval(call.per_second);
            at
        };
        sleep_until(at).await;
    }

    /// Why the service cannot be reached, if that was found out just now.
    pub(super) fn is_down(&self, call: Call, region: &str) -> Option<String> {
        let down = locked(&self.down);
        let (since, why) = down.get(&(call.service.name, region.to_owned()))?;
        (since.elapsed() < DOWN).then(|| why.clone())
    }

    /// For what must be tried all the same.
    pub(super) fn forget_down(&self, call: Call, region: &str) {
        locked(&self.down).remove(&(call.service.name, region.to_owned()));
    }

    /// The service could not be reached.
    pub(super) fn note_down(&self, call: Call, region: &str, why: &str) {
        let place = (call.service.name, region.to_owned());
        locked(&self.down).insert(place, (Instant::now(), why.to_owned()));
    }
}

/// A tenth below the quota: what is sent in even steps does not arrive in even steps.
fn interval(per_second: u32) -> Duration {
    Duration::from_millis(1_100) / per_second.max(1)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::aws::account::ALARMS;

    const PUT: Call = Call::new(ALARMS, "PutMetricAlarm", 3);

    #[tokio::test(start_paused = true)]
    async fn no_second_has_more_calls_than_the_quota() {
        let (pace, began) = (Pace::default(), Instant::now());
        let mut times = Vec::new();
        for call in 0..30 {
            if call == 10 {
                tokio::time::sleep(Duration::from_secs(5)).await;
            }
            pace.turn(PUT, "eu-west-1").await;
            times.push(began.elapsed());
        }
        for window in times.windows(4) {
            assert!(window[3].checked_sub(window[0]).unwrap() > Duration::from_secs(1), "{window:?}");
        }
        assert!(times[0].is_zero() && times[29] < Duration::from_secs(16), "{times:?}");
    }

    #[tokio::test(start_paused = true)]
    async fn operations_and_regions_do_not_wait_for_one_another() {
        let (pace, began) = (Pace::default(), Instant::now());
        pace.turn(PUT, "eu-west-1").await;
        pace.turn(PUT, "us-east-1").await;
        pace.turn(Call::new(ALARMS, "DescribeAlarms", 9), "eu-west-1").await;
        assert!(began.elapsed().is_zero());
    }

    #[tokio::test(start_paused = true)]
    async fn what_is_down_is_tried_again_after_a_while() {
        let pace = Pace::default();
        pace.note_down(PUT, "eu-west-1", "no route");
        assert_eq!(pace.is_down(PUT, "eu-west-1").as_deref(), Some("no route"));
        assert_eq!(pace.is_down(PUT, "us-east-1"), None);
        pace.forget_down(PUT, "eu-west-1");
        assert_eq!(pace.is_down(PUT, "eu-west-1"), None);
        pace.note_down(PUT, "eu-west-1", "no route");
        tokio::time::sleep(DOWN).await;
        assert_eq!(pace.is_down(PUT, "eu-west-1"), None);
    }
}
