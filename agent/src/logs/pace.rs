//! When each stream may be called again: waits after failures, with jitter, so that hosts that
//! failed together do not come back together.
//!
//! Knows neither what is sent nor how; whoever calls says what time it is and throws the dice.

use std::collections::HashMap;
use std::time::{Duration, Instant};

use super::{Destination, Refusal};
use crate::retry::{self, Waits};

/// How often the same trouble is told again.
pub const REMINDER: Duration = Duration::from_mins(5);
/// What was stored can be read back only after a moment: so long is waited before it is looked for.
pub const SETTLE: Duration = Duration::from_secs(2);

/// What of a stream is to be sent.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Pending {
    /// What has certainly not arrived.
    Fresh,
    /// What was sent without an answer: it may have arrived, and is looked for first.
    Doubtful,
}

/// How all streams are doing.
#[derive(Debug)]
pub struct Pace {
    troubles: HashMap<(Destination, Pending), Trouble>,
    waits: Waits,
    reminder: Duration,
}

impl Default for Pace {
    fn default() -> Self {
        Self::new(retry::LINES)
    }
}

#[derive(Debug, Default)]
struct Trouble {
    attempts: u32,
    until: Option<Instant>,
    /// Nobody was there: when anybody answers, this need not wait any longer.
    unreachable: bool,
    said: Option<Instant>,
}

impl Pace {
    /// With these waits after failures that pass by themselves.
    pub fn new(waits: Waits) -> Self {
        Self { troubles: HashMap::new(), waits, reminder: REMINDER }
    }

    /// The same trouble is told again only after so long.
    #[must_use]
    pub fn reminding(self, reminder: Duration) -> Self {
        Self { reminder, ..self }
    }

    /// Whether a call may be made now.
    pub fn may(&self, to: &Destination, pending: Pending, now: Instant) -> bool {
        // Looked up for every stream at every turn, and nearly always empty.
        self.troubles.is_empty()
            || self
                .troubles
                .get(&(to.clone(), pending))
                .and_then(|trouble| trouble.until)
                .is_none_or(|until| until <= now)
    }

    /// When the next wait ends.
    pub fn next(&self, now: Instant) -> Option<Instant> {
        self.troubles.values().filter_map(|trouble| trouble.until).filter(|until| *until > now).min()
    }

    /// A call was answered as it should be. Whether its trouble had been told.
    pub fn answered(&mut self, to: &Destination, pending: Pending) -> bool {
        let ended = self.troubles.remove(&(to.clone(), pending));
        if ended.is_some() {
            for trouble in self.troubles.values_mut().filter(|trouble| trouble.unreachable) {
                trouble.until = None;
            }
        }
        ended.is_some_and(|ended| ended.said.is_some())
    }

    /// A call that began at `began` failed: the next one waits, counted from then, for a call that
    /// was not answered has waited already. Whether that is worth telling, which is not so of what
    /// passes by itself, nor of what was told lately. `random` is in 0..1.
    pub fn failed(
        &mut self,
        to: &Destination,
        pending: Pending,
        refusal: &Refusal,
        (began, now): (Instant, Instant),
        random: f64,
    ) -> bool {
        let trouble = self.troubles.entry((to.clone(), pending)).or_default();
        trouble.attempts += 1;
        let (after, lasting, unreachable) = match refusal {
            Refusal::Retry { after, lasting, unreachable, .. } => (*after, *lasting, *unreachable),
            Refusal::Missing | Refusal::Refused(_) => (None, true, false),
        };
        let waits = if lasting { self.waits.up_to(retry::LASTING_CAP) } else { self.waits };
        let next = began + waits.wait(trouble.attempts, random);
        let after = after.unwrap_or_default().min(retry::LASTING_CAP);
        trouble.until = Some(next.max(now + after));
        trouble.unreachable = unreachable;
        let tell =
            (trouble.attempts > 1 || lasting) && trouble.said.is_none_or(|said| said + self.reminder <= now);
        if tell {
            trouble.said = Some(now);
        }
        tell
    }

    /// A batch was sent without an answer: it is looked for no sooner than it can be seen.
    pub fn doubt(&mut self, to: &Destination, now: Instant) {
        let trouble = self.troubles.entry((to.clone(), Pending::Doubtful)).or_default();
        trouble.until = trouble.until.max(Some(now + SETTLE));
        trouble.unreachable = false; // it is to wait, whoever answers
    }

    /// Nothing of a stream is in doubt any more.
    pub fn cleared_up(&mut self, to: &Destination) {
        self.troubles.remove(&(to.clone(), Pending::Doubtful));
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::logs::Mend;

    fn stream(name: &str) -> Destination {
        Destination { group: "/g".to_owned(), stream: name.to_owned() }
    }

    fn refusal(after: Option<Duration>, unreachable: bool) -> Refusal {
        let mend = Mend::Time(String::new());
        Refusal::Retry { reason: "no".to_owned(), after, lasting: false, unreachable, doubtful: false, mend }
    }

    fn start() -> Instant {
        #[expect(clippy::disallowed_methods, reason = "a beginning to count from")]
        Instant::now()
    }

    #[test]
    fn the_first_answer_frees_those_who_found_nobody_and_no_others() {
        let (mut pace, now) = (Pace::default(), start());
        let (a, b, c) = (stream("a"), stream("b"), stream("c"));
        pace.failed(&a, Pending::Fresh, &refusal(None, true), (now, now), 1.0);
        pace.failed(&b, Pending::Fresh, &refusal(None, true), (now, now), 1.0);
        pace.failed(&c, Pending::Fresh, &refusal(Some(Duration::from_secs(9)), false), (now, now), 1.0);
        pace.doubt(&a, now);
        assert!([&a, &b, &c].iter().all(|to| !pace.may(to, Pending::Fresh, now)));
        pace.answered(&a, Pending::Fresh);
        assert!(pace.may(&a, Pending::Fresh, now) && pace.may(&b, Pending::Fresh, now));
        assert!(!pace.may(&c, Pending::Fresh, now), "it was told when to come back");
        assert!(!pace.may(&a, Pending::Doubtful, now), "it cannot be seen yet");
        assert_eq!(pace.next(now), Some(now + SETTLE));
    }

    #[test]
    fn a_call_that_was_not_answered_has_waited_already() {
        let (mut pace, began, to) = (Pace::default(), start(), stream("a"));
        let now = began + Duration::from_secs(4);
        for _ in 0..20 {
            pace.failed(&to, Pending::Fresh, &refusal(None, true), (began, now), 1.0);
        }
        assert!(pace.may(&to, Pending::Fresh, now));
    }

    #[test]
    fn trouble_is_told_when_it_lasts_and_its_end_if_it_was() {
        let (mut pace, now, to) = (Pace::default(), start(), stream("a"));
        let fail = |pace: &mut Pace, seconds| {
            let now = now + Duration::from_secs(seconds);
            pace.failed(&to, Pending::Fresh, &refusal(None, true), (now, now), 1.0)
        };
        let told: Vec<_> = [0, 1, 2, 290, 302].map(|seconds| fail(&mut pace, seconds)).into();
        assert_eq!(told, [false, true, false, false, true]);
        assert!(pace.answered(&to, Pending::Fresh));
        assert!(!pace.answered(&to, Pending::Fresh));
    }
}
