//! One stream as seen from the other side: what of a container has arrived.

use std::time::Duration;

use crate::agent::Agent;
use crate::endpoint::{Endpoint, Event};

/// Where containers go that nobody routed elsewhere.
pub const GROUP: &str = "/starttech/backend";

/// No single thing that a test waits for takes longer, on two loaded cores.
pub const LIMIT: Duration = Duration::from_mins(1);

/// What a stop promises is two seconds; the third is the machine's.
pub const STOP: Duration = Duration::from_secs(3);

/// The stream whose name contains a container's name or id; it need not be there yet.
#[derive(Debug, Clone)]
pub struct Stream<'e> {
    endpoint: &'e Endpoint,
    group: String,
    part: String,
}

impl Endpoint {
    /// The stream of this group whose name contains `part`: `/NAME/` or a short id.
    pub fn stream(&self, group: &str, part: &str) -> Stream<'_> {
        Stream { endpoint: self, group: group.to_owned(), part: part.to_owned() }
    }
}

impl Stream<'_> {
    /// Its whole name, if anything arrived.
    pub fn name(&self) -> Option<String> {
        self.endpoint.stream_of(&self.group, &self.part)
    }

    /// What arrived, in the order of arrival.
    pub fn events(&self) -> Vec<Event> {
        self.name().map(|name| self.endpoint.events(&self.group, &name)).unwrap_or_default()
    }

    /// The messages that arrived, in the order of arrival.
    pub fn messages(&self) -> Vec<String> {
        self.events().into_iter().map(|event| event.message).collect()
    }

    /// How many different numbers arrived.
    pub fn distinct(&self) -> u64 {
        self.name().map_or(0, |name| self.endpoint.distinct(&self.group, &name))
    }

    /// How many lines arrived.
    pub fn lines(&self) -> u64 {
        self.name().and_then(|name| self.endpoint.summary(&self.group, &name)).map_or(0, |all| all.lines)
    }

    /// Waits until so many different numbers have arrived.
    pub fn await_distinct(&self, agent: &mut Agent, count: u64) {
        let what = format!("{count} lines on {}", self.part);
        agent.wait_until(LIMIT, &what, || self.distinct() >= count);
    }

    /// Waits until so many lines have arrived.
    pub fn await_lines(&self, agent: &mut Agent, count: u64) {
        let what = format!("{count} lines on {}", self.part);
        agent.wait_until(LIMIT, &what, || self.lines() >= count);
    }

    /// Waits until this message has arrived.
    pub fn await_message(&self, agent: &mut Agent, message: &str) {
        let what = format!("{message:?} on {}", self.part);
        agent.wait_until(LIMIT, &what, || self.events().iter().any(|event| event.message == message));
    }

    /// Asserts that the numbers from 1 to `last` are shown each once and in order of time, however
    /// they arrived: after a failure, lines of now overtake those that waited, also those of the same
    /// millisecond, which the service cannot tell apart.
    pub fn assert_each_shown_once(&self, last: u64) {
        let numbered = |event: Event| Some((event.timestamp, *numbers(&[event.message]).first()?));
        let mut shown: Vec<_> = self.events().into_iter().filter_map(numbered).collect();
        shown.sort_unstable();
        let wrong = shown.iter().zip(1..=last).find(|((_, shown), expected)| shown != expected);
        assert!(wrong.is_none() && shown.len() as u64 == last, "{} of {last} lines, {wrong:?}", shown.len());
    }

    /// Asserts that the numbers from 1 to `last` arrived, each once and in order.
    pub fn assert_each_once(&self, last: u64) {
        let name = self.name().unwrap_or_else(|| panic!("nothing arrived on {}", self.part));
        self.endpoint.assert_each_once(&self.group, &name, 1, last);
    }
}

/// The numbers behind `n=` of these messages.
pub fn numbers(messages: &[String]) -> Vec<u64> {
    let number = |message: &String| {
        let (_, rest) = message.split_once("n=")?;
        rest.split(|c: char| !c.is_ascii_digit()).next()?.parse().ok()
    };
    messages.iter().filter_map(number).collect()
}
