//! How deliveries, Docker and provisioning go, for whoever asks: the last success and the last failure of each, and no
//! history.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Mutex, MutexGuard, PoisonError};

use crate::control::status::{Service, Trouble};
use crate::logs::{Destination, Mend, Refusal};
use crate::telemetry::{chain, now_ms};

/// A longer error is cut here: the journal has all of it.
const WORDS: usize = 600;
/// Streams that are remembered as failing, at most.
const MOST: usize = 1_000;

/// How one delivery goes.
#[derive(Debug, Default)]
pub struct Deliveries(Mutex<State>);

#[derive(Debug, Default)]
struct State {
    last_delivery_ms: Option<i64>,
    last_error: Option<Trouble>,
    failing: BTreeMap<Destination, Failing>,
    /// Their last call was refused for good.
    refused: BTreeSet<Destination>,
    last_refused: Option<Trouble>,
}

/// One stream of which calls fail.
#[derive(Debug)]
struct Failing {
    since_ms: i64,
    /// It does not pass by itself.
    lasting: bool,
    /// For want of a right.
    denied: bool,
}

impl Deliveries {
    /// A call to this stream did what it should.
    pub fn delivered(&self, to: &Destination) {
        let mut state = self.state();
        state.last_delivery_ms = Some(now_ms());
        state.failing.remove(to);
        state.refused.remove(to);
    }

    /// A call to this stream was refused for good, `wholly` or in a part while the others were taken.
    pub fn refused(&self, to: &Destination, (reason, mend): (&str, &str), wholly: bool) {
        let trouble = Trouble { at_ms: now_ms(), words: short(reason), mend: Some(mend.to_owned()) };
        let mut state = self.state();
        state.failing.remove(to);
        state.last_error = Some(trouble.clone());
        if wholly {
            state.last_refused = Some(trouble);
            if state.refused.len() < MOST {
                state.refused.insert(to.clone());
            }
        }
    }

    /// There is nothing more to deliver to this stream.
    pub fn nothing(&self, to: &Destination) {
        self.state().failing.remove(to);
    }

    /// A call failed.
    pub fn failed(&self, to: &Destination, refusal: &Refusal) {
        let words = short(&chain(refusal));
        let at_ms = now_ms();
        let (lasting, mend) = match refusal {
            Refusal::Retry { lasting, mend, .. } => (*lasting, Some(mend)),
            Refusal::Missing | Refusal::Refused(_) => (false, None),
        };
        let denied = matches!(mend, Some(Mend::Right(_)));
        let mend = mend.map(|mend| mend.words().to_owned());
        let mut state = self.state();
        state.last_error = Some(Trouble { at_ms, words, mend });
        if let Some(failing) = state.failing.get_mut(to) {
            (failing.lasting, failing.denied) = (lasting, denied);
        } else if state.failing.len() < MOST {
            state.failing.insert(to.clone(), Failing { since_ms: at_ms, lasting, denied });
        }
    }

    /// What is known, filled in.
    pub fn fill(&self, service: &mut Service) {
        let state = self.state();
        service.last_delivery_ms = state.last_delivery_ms;
        service.last_error.clone_from(&state.last_error);
        service.failing_since_ms = state.failing.values().map(|failing| failing.since_ms).min();
        service.failing_streams = state.failing.len() as u64;
        service.lasting = state.failing.values().any(|failing| failing.lasting);
        service.denied = !state.failing.is_empty() && state.failing.values().all(|failing| failing.denied);
        service.refused = state.last_refused.clone().filter(|_| !state.refused.is_empty());
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Something that is wrong at present, or not.
#[derive(Debug, Default)]
pub struct Standing(Mutex<Option<Trouble>>);

impl Standing {
    /// Nobody knows yet.
    pub fn unasked() -> Self {
        let standing = Self::default();
        standing.wrong("not asked yet", Some("the agent has just started: ask again in a moment"));
        standing
    }

    /// It is wrong, in these words, and what to do if that is known; the first moment stays while the words do.
    pub fn wrong(&self, words: &str, mend: Option<&str>) {
        let words = short(words);
        let mut known = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if known.as_ref().is_none_or(|known| known.words != words) {
            *known = Some(Trouble { at_ms: now_ms(), words, mend: mend.map(str::to_owned) });
        }
    }

    /// It is well.
    pub fn well(&self) {
        *self.0.lock().unwrap_or_else(PoisonError::into_inner) = None;
    }

    /// What is wrong, if anything is.
    pub fn get(&self) -> Option<Trouble> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }
}

fn short(words: &str) -> String {
    match words.char_indices().nth(WORDS) {
        Some((at, _)) => format!("{}…", words.get(..at).unwrap_or_default()),
        None => words.to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn to(stream: &str) -> Destination {
        Destination { group: "/g".to_owned(), stream: stream.to_owned() }
    }

    fn refusal(reason: &str, lasting: bool) -> Refusal {
        Refusal::Retry {
            reason: reason.to_owned(),
            after: None,
            lasting,
            unreachable: false,
            doubtful: false,
            mend: if lasting { Mend::Right("allow it".to_owned()) } else { Mend::Time(String::new()) },
        }
    }

    #[test]
    fn a_delivery_fails_until_each_of_its_streams_was_taken_or_is_empty() {
        let deliveries = Deliveries::default();
        let filled = || {
            let mut service = Service::default();
            deliveries.fill(&mut service);
            service
        };
        assert_eq!(filled(), Service::default());
        deliveries.failed(&to("a"), &refusal("no way", false));
        deliveries.failed(&to("b"), &refusal("denied", true));
        let failing = filled();
        assert_eq!((failing.failing_streams, failing.lasting, failing.last_delivery_ms), (2, true, None));
        assert!(failing.failing_since_ms.is_some() && !failing.denied, "one of them is not about rights");
        let last = failing.last_error.unwrap();
        assert_eq!((last.words.as_str(), last.mend.as_deref()), ("denied", Some("allow it")));
        deliveries.nothing(&to("a"));
        assert!(filled().denied, "nothing else is wrong");
        deliveries.failed(&to("a"), &refusal("no way", false));
        deliveries.delivered(&to("b"));
        assert_eq!((filled().failing_streams, filled().lasting), (1, false));
        assert!(filled().last_delivery_ms.is_some());
        deliveries.nothing(&to("a"));
        assert_eq!(filled().failing_since_ms, None);
        assert!(filled().last_error.is_some(), "what went wrong last stays known");
    }

    #[test]
    fn what_is_refused_for_good_is_no_delivery_and_stands_until_something_is_taken() {
        let deliveries = Deliveries::default();
        let filled = || {
            let mut service = Service::default();
            deliveries.fill(&mut service);
            service
        };
        deliveries.failed(&to("a"), &refusal("no way", false));
        deliveries.refused(&to("a"), ("a parameter is not valid", "look"), true);
        let refused = filled();
        assert_eq!((refused.last_delivery_ms, refused.failing_since_ms), (None, None));
        assert_eq!(refused.refused.unwrap().words, "a parameter is not valid");
        assert_eq!(refused.last_error.unwrap().words, "a parameter is not valid");
        deliveries.delivered(&to("b"));
        assert!(filled().refused.is_some(), "another stream proves nothing");
        deliveries.delivered(&to("a"));
        assert_eq!(filled().refused, None);
        deliveries.refused(&to("a"), ("one of them", "look"), false);
        assert_eq!((filled().refused, filled().last_error.unwrap().words.as_str()), (None, "one of them"));
    }

    #[test]
    fn what_nobody_asked_for_yet_is_not_well() {
        let standing = Standing::unasked();
        assert_eq!(standing.get().unwrap().words, "not asked yet");
        standing.well();
        assert_eq!(standing.get(), None);
    }

    #[test]
    fn a_long_error_is_cut_between_characters() {
        let standing = Standing::default();
        standing.wrong(&"ü".repeat(WORDS + 5), None);
        assert_eq!(standing.get().unwrap().words.chars().count(), WORDS + 1);
        standing.well();
        assert_eq!(standing.get(), None);
    }
}
