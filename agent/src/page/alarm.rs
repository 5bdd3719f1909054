//! How the alarms stand: those of `dashboards/alarms`, evaluated on what was measured here, and what the daemon itself
//! has told.

use std::collections::BTreeSet;

use maud::{Markup, html};
use serde_json::Value;

use super::chart::scale;
use super::model::plain;
use crate::alarms::definition::{Alarm, Composite};
use crate::alarms::evaluate::State;
use crate::alarms::evaluate::data::Data;
use crate::alarms::evaluate::watch::{Unfit, Watch};
use crate::alarms::rule::{Rule, name_of};

/// Messages of the daemon that are shown.
const MOST_TOLD: usize = 8;
/// Evaluations in a row, at most: a day of minutes.
const MOST_STEPS: i64 = 1440;

/// How an alarm stands.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Standing {
    /// `starttech-memory`
    pub name: String,
    /// Its state; `None` where only `CloudWatch` can tell.
    pub state: Option<State>,
    /// Why, in the service's words.
    pub reason: String,
    /// Since when it is so, in seconds since the epoch, if it became so while it was watched.
    pub since_s: Option<i64>,
}

/// What the daemon told, of its own.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Told {
    /// `starttech-container-down-i-0123`
    pub name: String,
    /// `ALARM` or `OK`.
    pub state: String,
    /// Why.
    pub reason: String,
    /// When, as it is written.
    pub time: String,
}

/// Evaluates alarms, minute by minute, from the first datapoint to now.
pub fn standings(
    alarms: &[Alarm],
    composites: &[Composite],
    data: &Data,
    now_s: i64,
) -> Result<Vec<Standing>, Vec<Unfit>> {
    let elsewhere = elsewhere(alarms, composites)?;
    let here = |name: &String| !elsewhere.contains(name);
    let mine: Vec<Alarm> = alarms.iter().filter(|alarm| here(&alarm.alarm_name)).cloned().collect();
    let composed: Vec<Composite> =
        composites.iter().filter(|composite| here(&composite.alarm_name)).cloned().collect();
    // One that is asked for and only CloudWatch has stays asked for: it is watched, and never in ALARM.
    let asked = |alarm: &&Alarm| {
        let name = &alarm.alarm_name;
        elsewhere.contains(name)
            && composed.iter().any(|composite| {
                let suppressor =
                    composite.actions_suppressor.as_deref().is_some_and(|of| name_of(of) == name);
                suppressor || composite.alarm_rule.contains(name.as_str())
            })
    };
    let asked: Vec<Alarm> = alarms.iter().filter(asked).cloned().collect();
    let mut watch = Watch::new(&[mine, asked].concat(), &composed)?;
    let end = now_s.div_euclid(60) * 60;
    let first = data.span_s().map_or(end, |(first, _)| first.div_euclid(60) * 60 + 60);
    let mut all: Vec<Standing> = watch
        .names()
        .filter(|name| !elsewhere.contains(*name))
        .map(|name| Standing { name: name.to_owned(), state: None, reason: String::new(), since_s: None })
        .collect();
    let mut minute = first.max(end - MOST_STEPS * 60);
    while minute <= end {
        for step in watch.step(data, minute) {
            let Some(standing) = all.iter_mut().find(|standing| standing.name == step.alarm) else {
                continue;
            };
            if standing.state.is_some_and(|state| state != step.states.1) {
                standing.since_s = Some(minute);
            }
            standing.state = Some(step.states.1);
            if !step.reason.is_empty() {
                standing.reason = step.reason;
            }
        }
        minute += 60;
    }
    for standing in &mut all {
        standing.state.get_or_insert_default();
    }
    let missing = elsewhere.into_iter();
    all.extend(missing.map(|name| Standing { name, state: None, reason: String::new(), since_s: None }));
    all.sort_by(|a, b| (place(a.state), &a.name).cmp(&(place(b.state), &b.name)));
    Ok(all)
}

/// What is wrong comes first.
fn place(state: Option<State>) -> u8 {
    match state {
        Some(State::Alarm) => 0,
        Some(State::Ok) => 1,
        Some(State::InsufficientData) => 2,
        None => 3,
    }
}

/// Alarms on metrics that only AWS has, and composite alarms that ask for such only.
fn elsewhere(alarms: &[Alarm], composites: &[Composite]) -> Result<BTreeSet<String>, Vec<Unfit>> {
    let watch = Watch::new(alarms, &[])?;
    let only_aws = watch.evaluations().filter(|(_, evaluation)| {
        evaluation.metrics().iter().any(|metric| metric.namespace().starts_with("AWS/"))
    });
    let mut names: BTreeSet<String> = only_aws.map(|(name, _)| name.to_owned()).collect();
    loop {
        let more = composites.iter().find(|composite| {
            let rule = Rule::parse(&composite.alarm_rule);
            let all = rule.is_ok_and(|rule| rule.names().iter().all(|name| names.contains(*name)));
            all && !names.contains(&composite.alarm_name)
        });
        let Some(more) = more else { return Ok(names) };
        names.insert(more.alarm_name.clone());
    }
}

/// What the daemon told: lines of JSON as machines get them, the newest first.
pub fn told<'a>(lines: impl DoubleEndedIterator<Item = &'a str>) -> Vec<Told> {
    let read = |line: &str| {
        let document: Value = serde_json::from_str(line).ok()?;
        let text = |key: &str| document.get(key).and_then(Value::as_str).map(plain);
        Some(Told {
            name: text("AlarmName")?,
            state: text("NewStateValue")?,
            reason: text("NewStateReason").unwrap_or_default(),
            time: text("StateChangeTime").unwrap_or_default(),
        })
    };
    lines.rev().filter_map(read).take(MOST_TOLD).collect()
}

fn class(state: Option<State>) -> &'static str {
    match state {
        Some(State::Alarm) => "alarm",
        Some(State::Ok) => "ok",
        Some(State::InsufficientData) => "unknown",
        None => "elsewhere",
    }
}

fn chip(standing: &Standing) -> Markup {
    let word = standing.state.map_or("only CloudWatch can tell", State::word);
    html! {
        li.chip.(class(standing.state)) title=(standing.reason) {
            b { (standing.name) }
            span.state { (word) }
            @if let Some(since) = standing.since_s { small { "since " (scale::at(since, "%H:%M")) } }
        }
    }
}

/// The strip on top: alarms, and what was told.
pub fn strip(standings: &[Standing], told: &[Told]) -> Markup {
    let (here, elsewhere): (Vec<&Standing>, Vec<&Standing>) =
        standings.iter().partition(|standing| standing.state.is_some());
    let count = |state| here.iter().filter(|standing| standing.state == Some(state)).count();
    let (bad, fine, unknown) = (count(State::Alarm), count(State::Ok), count(State::InsufficientData));
    html! {
        section #strip aria-label="Alarms" {
            @if !here.is_empty() {
                p.sum {
                    strong.alarm[bad > 0].ok[bad == 0] { (bad) " in ALARM" }
                    " · " (fine) " OK"
                    @if unknown > 0 { " · " (unknown) " without enough data" }
                }
                ul.chips { @for standing in &here { (chip(standing)) } }
                @for standing in here.iter().filter(|standing| standing.state == Some(State::Alarm)) {
                    p.why { b { (standing.name) } ": " (standing.reason) }
                }
            }
            @if !elsewhere.is_empty() {
                details #elsewhere {
                    summary { "Only CloudWatch can tell: " (elsewhere.len()) " alarms on metrics that AWS measures" }
                    ul.chips { @for standing in elsewhere { (chip(standing)) } }
                }
            }
            @if !told.is_empty() {
                details #told {
                    summary { "Told by the agent itself: " @if told.len() == 1 { "one message" } @else { (told.len()) " messages" } }
                    ul.told {
                        @for one in told {
                            li { time { (one.time) } " " b.state.(if one.state == "ALARM" { "alarm" } else { "ok" }) { (one.state) } " " (one.name) ": " (one.reason) }
                        }
                    }
                }
            }
        }
    }
}

/// An alarm widget: its names with the states that are known.
pub fn widget(names: &[String], standings: &[Standing]) -> Markup {
    let of = |name: &String| {
        let known = standings.iter().find(|standing| standing.name == *name);
        known.cloned().unwrap_or_else(|| Standing {
            name: name.clone(),
            state: None,
            reason: String::new(),
            since_s: None,
        })
    };
    html! {
        @if names.is_empty() { div.empty { p { "It names no alarm." } } }
        ul.chips { @for name in names { (chip(&of(name))) } }
    }
}
