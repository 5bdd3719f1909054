//! All alarms of an account, from one evaluation to the next: their states, and what is notified.
//!
//! Composite alarms are evaluated right after the others, those first that others ask for. The clock is the
//! caller's.

use std::collections::BTreeMap;

use super::State;
use super::data::{Data, Name};
use super::metric::Evaluation;
use super::reason::long_time;
use super::statistic::Point;
use super::suppress::{Hold, Suppression};
use crate::alarms::definition::{Alarm, Composite};
use crate::alarms::rule::{Rule, name_of};

/// An alarm that cannot be evaluated, and why.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Unfit {
    /// Its name.
    pub alarm: String,
    /// In words.
    pub why: String,
}

/// Alarms with their states.
#[derive(Debug, Clone)]
pub struct Watch {
    alarms: Vec<Watched>,
    states: BTreeMap<String, State>,
}

#[derive(Debug, Clone)]
struct Watched {
    name: String,
    actions: Actions,
    kind: Kind,
}

#[derive(Debug, Clone)]
enum Kind {
    Metric(Evaluation),
    Composite { rule: Rule, suppressor: Option<(String, Suppression)>, evaluated: bool },
}

/// Whether something is done about each state.
#[derive(Debug, Clone, Copy)]
struct Actions {
    alarm: bool,
    ok: bool,
    insufficient_data: bool,
}

/// What an evaluation of one alarm came to.
#[derive(Debug, Clone, PartialEq)]
pub struct Step {
    /// The alarm's name.
    pub alarm: String,
    /// Its state before and from now on.
    pub states: (State, State),
    /// Why, in the service's words.
    pub reason: String,
    /// Of a metric alarm: when each period of its evaluation range begins, and the datapoint; the oldest first.
    pub range: Vec<(i64, Option<Point>)>,
    /// The state whose actions are taken now. There is one only if the state has changed since the last time,
    /// and if something is to be done about it.
    pub notified: Option<State>,
    /// What keeps a composite alarm's actions back.
    pub held: Option<Hold>,
}

impl Watch {
    /// Makes all alarms ready, in the state in which they are made. All that cannot be evaluated is told.
    pub fn new(alarms: &[Alarm], composites: &[Composite]) -> Result<Self, Vec<Unfit>> {
        let mut unfit = Vec::new();
        let mut all = Vec::new();
        for alarm in alarms {
            match Evaluation::new(alarm) {
                Ok(evaluation) => all.push(Watched {
                    name: alarm.alarm_name.clone(),
                    actions: Actions {
                        alarm: alarm.actions_enabled && !alarm.alarm_actions.is_empty(),
                        ok: alarm.actions_enabled && !alarm.ok_actions.is_empty(),
                        insufficient_data: alarm.actions_enabled
                            && !alarm.insufficient_data_actions.is_empty(),
                    },
                    kind: Kind::Metric(evaluation),
                }),
                Err(why) => unfit.push(Unfit { alarm: alarm.alarm_name.clone(), why: why.join("; ") }),
            }
        }
        let mut waiting = Vec::new();
        for composite in composites {
            match watched(composite) {
                Ok(watched) => waiting.push(watched),
                Err(why) => unfit.push(Unfit { alarm: composite.alarm_name.clone(), why }),
            }
        }
        let named = |name: &str| {
            alarms.iter().any(|alarm| alarm.alarm_name == name)
                || composites.iter().any(|composite| composite.alarm_name == name)
        };
        for watched in &waiting {
            if let Some(name) = watched.asks().into_iter().find(|name| !named(name)) {
                unfit.push(Unfit { alarm: watched.name.clone(), why: format!("there is no alarm {name:?}") });
            }
        }
        // Those first that ask for nobody who still waits.
        while unfit.is_empty() && !waiting.is_empty() {
            let free = |one: &Watched| {
                !one.asks().iter().any(|name| waiting.iter().any(|other| other.name == *name))
            };
            match waiting.iter().position(free) {
                Some(at) => all.push(waiting.remove(at)),
                // "your composite alarms stop being evaluated"
                None => unfit.extend(waiting.drain(..).map(|watched| Unfit {
                    alarm: watched.name,
                    why: "it asks for itself, if only by way of others".to_owned(),
                })),
            }
        }
        if !unfit.is_empty() {
            return Err(unfit);
        }
        let states = all.iter().map(|watched| (watched.name.clone(), State::default())).collect();
        Ok(Self { alarms: all, states })
    }

    /// As if all had been in this state for long.
    pub fn begin(&mut self, state: State) {
        self.states.values_mut().for_each(|now| *now = state);
        for watched in &mut self.alarms {
            if let Kind::Composite { evaluated, suppressor, .. } = &mut watched.kind {
                *evaluated = state != State::InsufficientData;
                if let Some((_, suppression)) = suppressor {
                    // Nothing is owed for what was so all along.
                    suppression.at(i64::MIN / 2, false, state == State::Alarm);
                }
            }
        }
    }

    /// Seconds between two evaluations of the alarm that is evaluated most often.
    pub fn step_s(&self) -> u32 {
        let steps = self.alarms.iter().filter_map(|watched| match &watched.kind {
            Kind::Metric(evaluation) => Some(evaluation.step_s()),
            Kind::Composite { .. } => None,
        });
        steps.min().unwrap_or(60)
    }

    /// How far back any evaluation looks, in seconds: older data may be forgotten.
    pub fn reach_s(&self) -> i64 {
        let reach = |evaluation: &Evaluation| evaluation.reach_s();
        self.evaluations().map(|(_, evaluation)| reach(evaluation)).max().unwrap_or_default()
    }

    /// The metric alarms, with their names.
    pub fn evaluations(&self) -> impl Iterator<Item = (&str, &Evaluation)> {
        self.alarms.iter().filter_map(|watched| match &watched.kind {
            Kind::Metric(evaluation) => Some((watched.name.as_str(), evaluation)),
            Kind::Composite { .. } => None,
        })
    }

    /// The metrics that any alarm looks at, each once.
    pub fn metrics(&self) -> Vec<&Name> {
        let mut all: Vec<&Name> =
            self.evaluations().flat_map(|(_, evaluation)| evaluation.metrics()).collect();
        all.sort();
        all.dedup();
        all
    }

    /// The names of all, composite alarms last.
    pub fn names(&self) -> impl Iterator<Item = &str> {
        self.alarms.iter().map(|watched| watched.name.as_str())
    }

    /// The state that an alarm is in.
    pub fn state(&self, alarm: &str) -> Option<State> {
        self.states.get(alarm).copied()
    }

    /// Evaluates every alarm whose turn it is at a time, which is a multiple of [`step_s`](Self::step_s).
    pub fn step(&mut self, data: &Data, now_s: i64) -> Vec<Step> {
        let mut steps: Vec<Step> = Vec::new();
        for watched in &mut self.alarms {
            let before = self.states.get(&watched.name).copied().unwrap_or_default();
            let step = match &mut watched.kind {
                Kind::Metric(evaluation) => {
                    if now_s.rem_euclid(i64::from(evaluation.step_s())) != 0 {
                        continue;
                    }
                    let verdict = evaluation.at(data, now_s, before);
                    Step {
                        alarm: watched.name.clone(),
                        states: (before, verdict.state),
                        reason: verdict.reason,
                        range: verdict.range,
                        notified: Some(verdict.state).filter(|state| *state != before),
                        held: None,
                    }
                }
                Kind::Composite { rule, suppressor, evaluated } => {
                    let holds = rule.holds(&|name| self.states.get(name).copied());
                    let state = if holds { State::Alarm } else { State::Ok };
                    let word = state.word();
                    let changed = steps.iter().rfind(|step| {
                        step.states.0 != step.states.1 && rule.names().contains(&step.alarm.as_str())
                    });
                    let reason = match changed {
                        Some(step) if *evaluated => {
                            format!(
                                "{} transitioned to {} at {}",
                                step.alarm,
                                step.states.1.word(),
                                long_time(now_s)
                            )
                        }
                        _ if *evaluated => format!("its alarm rule evaluates to {word}"),
                        _ => format!("{} was created and its alarm rule evaluates to {word}", watched.name),
                    };
                    *evaluated = true;
                    let (taken, held) = match suppressor {
                        None => (state != before, None),
                        Some((name, suppression)) => {
                            let in_alarm = self.states.get(name) == Some(&State::Alarm);
                            (suppression.at(now_s, state != before, in_alarm), suppression.held())
                        }
                    };
                    Step {
                        alarm: watched.name.clone(),
                        states: (before, state),
                        reason,
                        range: Vec::new(),
                        notified: Some(state).filter(|_| taken),
                        held,
                    }
                }
            };
            self.states.insert(watched.name.clone(), step.states.1);
            steps.push(Step { notified: step.notified.filter(|state| watched.actions.on(*state)), ..step });
        }
        steps
    }
}

impl Watched {
    /// The alarms whose states it wants to know.
    fn asks(&self) -> Vec<&str> {
        match &self.kind {
            Kind::Metric(_) => Vec::new(),
            Kind::Composite { rule, suppressor, .. } => {
                let suppressor = suppressor.iter().map(|(name, _)| name.as_str());
                rule.names().into_iter().chain(suppressor).collect()
            }
        }
    }
}

impl Actions {
    fn on(self, state: State) -> bool {
        match state {
            State::Alarm => self.alarm,
            State::Ok => self.ok,
            State::InsufficientData => self.insufficient_data,
        }
    }
}

fn watched(composite: &Composite) -> Result<Watched, String> {
    let rule = Rule::parse(&composite.alarm_rule).map_err(|why| format!("its AlarmRule: {why}"))?;
    let suppressor = match &composite.actions_suppressor {
        None => None,
        Some(name) => {
            let (Some(wait_s), Some(extension_s)) =
                (composite.actions_suppressor_wait_period, composite.actions_suppressor_extension_period)
            else {
                return Err("with an ActionsSuppressor both of its periods are wanted".to_owned());
            };
            Some((name_of(name).to_owned(), Suppression::new(wait_s, extension_s)))
        }
    };
    let enabled = composite.actions_enabled;
    Ok(Watched {
        name: composite.alarm_name.clone(),
        actions: Actions {
            alarm: enabled && !composite.alarm_actions.is_empty(),
            ok: enabled && !composite.ok_actions.is_empty(),
            insufficient_data: enabled && !composite.insufficient_data_actions.is_empty(),
        },
        kind: Kind::Composite { rule, suppressor, evaluated: false },
    })
}

#[cfg(test)]
mod tests;
