//! Plays one test: sends its series, evaluates the alarms minute by minute, and compares.
//!
//! It does not know how the outcome is shown.

use std::collections::BTreeMap;

use super::{Expect, Series, Subjects, Test};
use crate::alarms::evaluate::State;
use crate::alarms::evaluate::data::Data;
use crate::alarms::evaluate::watch::{Step, Watch};

/// Minute 1 begins on Monday, the fifth of January 2026, at midnight UTC.
const BEGIN_S: i64 = 1_767_571_200;

/// What came of a test.
#[derive(Debug, Clone, PartialEq)]
pub struct Outcome {
    /// What it is about.
    pub test: String,
    /// Where it stands in its file.
    pub at: usize,
    /// One for each alarm of which something is expected.
    pub lines: Vec<Line>,
}

/// What an alarm did, and what was expected of it.
#[derive(Debug, Clone, PartialEq)]
pub struct Line {
    /// The alarm's name.
    pub alarm: String,
    /// Where it is expected.
    pub at: usize,
    /// The state that is expected in each minute.
    pub expected: Vec<Option<State>>,
    /// The messages that are expected, by the minute.
    pub wanted: Option<Vec<(usize, State)>>,
    /// The last evaluation of each minute.
    pub steps: Vec<Step>,
    /// The messages that were sent, by the minute.
    pub sent: Vec<(usize, State)>,
    /// Of a metric alarm: what its datapoints are compared with.
    pub threshold: Option<f64>,
}

impl Line {
    /// The minutes, from 1, in which the state is another than the one that is expected.
    pub fn wrong(&self) -> impl Iterator<Item = usize> + '_ {
        let both = self.expected.iter().zip(&self.steps).zip(1..);
        both.filter(|((wanted, step), _)| wanted.is_some_and(|wanted| wanted != step.states.1))
            .map(|(_, minute)| minute)
    }

    /// Whether the messages are those that are expected.
    pub fn messages_fit(&self) -> bool {
        self.wanted.as_ref().is_none_or(|wanted| *wanted == self.sent)
    }

    /// Whether all is as expected.
    pub fn passes(&self) -> bool {
        self.messages_fit() && self.wrong().next().is_none()
    }
}

impl Outcome {
    /// Whether all is as expected.
    pub fn passes(&self) -> bool {
        self.lines.iter().all(Line::passes)
    }
}

/// Plays a test. What it names that is not there, which `bind` tells, is left out.
pub fn run(test: &Test, subjects: &Subjects) -> Outcome {
    let mut watch = subjects.watch.clone();
    if test.start != State::default() {
        watch.begin(test.start);
    }
    let data = sent(&test.series, subjects);
    let played = play(&mut watch, &data, minutes(test));
    let threshold = |alarm: &str| {
        watch.evaluations().find(|(name, _)| *name == alarm).map(|(_, evaluation)| evaluation.threshold())
    };
    let line = |expect: &Expect| {
        let alarm = subjects.alarm(&expect.alarm)?;
        let (steps, mut sent) = played.get(alarm).cloned()?;
        if subjects.by_daemon {
            let mut told = State::Ok;
            sent.retain(|(_, state)| std::mem::replace(&mut told, *state) != *state);
        }
        Some(Line {
            alarm: alarm.to_owned(),
            at: expect.at,
            expected: expect.states.clone(),
            wanted: expect.messages.clone(),
            steps,
            sent,
            threshold: threshold(alarm),
        })
    };
    Outcome { test: test.name.clone(), at: test.at, lines: test.expect.iter().filter_map(line).collect() }
}

/// What each alarm did: the last evaluation of each minute, and all messages.
type Played = BTreeMap<String, (Vec<Step>, Vec<(usize, State)>)>;

fn play(watch: &mut Watch, data: &Data, length: usize) -> Played {
    let mut all: Played = BTreeMap::new();
    let step_s = i64::from(watch.step_s());
    let mut now_s = BEGIN_S;
    for minute in 1..=length {
        let to_s = now_s + 60;
        while now_s < to_s {
            now_s += step_s;
            for done in watch.step(data, now_s) {
                let (evaluations, sent) = all.entry(done.alarm.clone()).or_default();
                sent.extend(done.notified.map(|state| (minute, state)));
                evaluations.truncate(minute - 1);
                evaluations.push(done);
            }
        }
    }
    all
}

fn sent(all: &[Series], subjects: &Subjects) -> Data {
    let mut data = Data::default();
    for series in all {
        let [metric] = subjects.metrics(&series.metric)[..] else { continue };
        let interval_s = i64::from(series.interval_s);
        for (place, samples) in (0..).zip(&series.values) {
            // What an interval of minutes came to is known when it is over: it is sent in its last minute.
            let at_s = BEGIN_S + place * interval_s + (interval_s - 60).max(0);
            if !samples.is_empty() {
                data.put(metric, at_s, samples.iter().copied());
            }
        }
    }
    data
}

/// As long as anything is sent or expected.
fn minutes(test: &Test) -> usize {
    let seconds = |series: &Series| series.values.len() * usize::try_from(series.interval_s).unwrap_or(60);
    let sent = test.series.iter().map(|series| seconds(series).div_ceil(60));
    let expected = test.expect.iter().flat_map(|expect| {
        let messages = expect.messages.iter().flatten().map(|(minute, _)| *minute);
        messages.chain([expect.states.len()])
    });
    sent.chain(expected).max().unwrap_or_default()
}
