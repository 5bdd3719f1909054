//! Data that is made up, for a dashboard whose own data is elsewhere: the same for the same dashboard, and of values
//! such as its metrics usually have.

use std::sync::Arc;

use serde_json::json;

use super::log::Line;
use super::model::metric::{Asks, Metric};
use super::model::{Dashboard, Kind};
use super::search::Search;
use super::series::Range;
use crate::alarms::definition::Dimension;
use crate::alarms::evaluate::data::{Data, Name, Sample as Value};
use crate::alarms::math::{Kind as Part, parse};

/// Series that are made up for one dashboard, at most.
const MOST_SERIES: usize = 1000;
/// Lines that are made up.
const LINES: u32 = 400;

/// What is made up.
#[derive(Debug, Clone, Default)]
pub struct Sample {
    /// Datapoints.
    pub data: Data,
    /// Log lines, the oldest first.
    pub lines: Vec<Line>,
}

impl Sample {
    /// For everything that a dashboard asks for.
    pub fn of(dashboard: &Dashboard, range: Range) -> Self {
        let mut names: Vec<Name> = Vec::new();
        for widget in &dashboard.widgets {
            if let Kind::Metric(metric) = &widget.kind {
                asked(metric, &mut names);
            }
        }
        names.sort();
        names.dedup();
        let mut data = Data::default();
        for name in names.iter().take(MOST_SERIES) {
            fill(name, range, &mut data);
        }
        Self { data, lines: lines(range) }
    }
}

fn asked(metric: &Metric, names: &mut Vec<Name>) {
    for query in &metric.queries {
        match &query.asks {
            Asks::Metric(name) => names.push(name.clone()),
            Asks::Expression(text) => {
                let Ok(node) = parse(text) else { continue };
                node.walk(&mut |part| {
                    if let Part::Call(name, arguments) = &part.kind
                        && name.eq_ignore_ascii_case("SEARCH")
                        && let Some(Part::Text(search)) = arguments.first().map(|first| &first.kind)
                    {
                        names.extend(searched(&Search::read(search)));
                    }
                });
            }
            Asks::Unread(_) => {}
        }
    }
}

/// A metric that a search finds; two where a dimension tells things on a host apart.
fn searched(search: &Search) -> Vec<Name> {
    let Some((namespace, dimensions)) = &search.schema else { return Vec::new() };
    let metric = search.named("MetricName").first().map_or("Metric", |name| *name);
    let twice =
        dimensions.iter().any(|name| ["path", "ContainerName", "Dependency"].contains(&name.as_str()));
    let name = |place: usize| {
        let value = |of: &String| {
            let named = search.named(of);
            let value = named.get(place % named.len().max(1)).map(|value| (*value).to_owned());
            let own = match (of.as_str(), place) {
                ("path", 0) => "/",
                ("path", _) => "/var/lib/docker",
                ("ContainerName", 0) => "starttech-backend",
                ("Dependency", 0) => "mongo",
                ("ContainerName" | "Dependency", _) => "redis",
                ("InstanceId", _) => "i-0123456789abcdef0",
                _ => "sample",
            };
            Dimension { name: of.clone(), value: value.unwrap_or_else(|| own.to_owned()) }
        };
        Name::new(namespace, metric, &dimensions.iter().map(value).collect::<Vec<_>>())
    };
    (0..=usize::from(twice)).map(name).collect()
}

/// How a metric's values usually are: between these, and how many samples a minute has.
fn shape(metric: &str) -> (f64, f64, u32) {
    let lower = metric.to_lowercase();
    let has = |words: &[&str]| words.iter().any(|word| lower.contains(word));
    if lower == "up" || has(&["_up", "healthy", "inservice", "desired"]) && !has(&["unhealthy"]) {
        (1.0, 1.0, 1)
    } else if has(&[
        "fail",
        "error",
        "5xx",
        "unhealthy",
        "panic",
        "restart",
        "dropped",
        "evict",
        "reject",
        "steal",
    ]) {
        (0.0, 2.0, 1)
    } else if has(&["percent", "utiliz", "hitrate", "usage_active"]) {
        (18.0, 72.0, 6)
    } else if has(&["latency", "time", "duration", "lag"]) {
        (0.02, 0.4, 20)
    } else if has(&["byte", "network", "memory", "storage"]) {
        (4e6, 6e7, 1)
    } else if has(&["4xx"]) {
        (0.0, 9.0, 1)
    } else if has(&["credit"]) {
        (80.0, 140.0, 1)
    } else {
        (40.0, 260.0, 1)
    }
}

/// Numbers that look like chance and are not.
struct Chance(u64);

impl Chance {
    /// From 0 to 1.
    fn next(&mut self) -> f64 {
        self.0 = self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        f64::from(u32::try_from(self.0 >> 33).unwrap_or_default()) / f64::from(1_u32 << 31)
    }
}

fn seed(text: &str) -> u64 {
    text.bytes()
        .fold(0xcbf2_9ce4_8422_2325, |hash, byte| (hash ^ u64::from(byte)).wrapping_mul(0x100_0000_01b3))
}

fn fill(name: &Name, range: Range, data: &mut Data) {
    let (least, most, count) = shape(name.metric());
    let mut chance = Chance(seed(&name.to_string()));
    let phase = chance.next() * std::f64::consts::TAU;
    let (mut level, whole) = (chance.next(), most <= 2.0 || count == 1 && most < 1e4);
    let mut minute = range.from_s.div_euclid(60) * 60;
    while minute < range.to_s {
        #[expect(clippy::cast_precision_loss, reason = "minutes")]
        let wave = ((minute / 60) as f64 / 34.0 + phase).sin() * 0.25 + 0.5;
        level += (chance.next() - 0.5) * 0.16 + (wave - level) * 0.12;
        let samples = (0..count).map(|_| {
            let spread = (chance.next() - 0.5) * 0.12 + if chance.next() > 0.97 { 0.4 } else { 0.0 };
            let mut part = (level + spread).clamp(0.0, 1.0);
            if most <= 2.0 && least == 0.0 {
                // What is wrong is seldom.
                part = if chance.next() > 0.94 { part } else { 0.0 };
            }
            let value = least + (most - least) * part;
            Value::of(if whole { value.round() } else { value })
        });
        let samples: Vec<Value> = samples.collect();
        data.put(name, minute, samples);
        minute += 60;
    }
}

fn lines(range: Range) -> Vec<Line> {
    const PATHS: [&str; 6] = ["/tasks", "/tasks/42", "/auth/login", "/users/me", "/health", "/tasks?page=2"];
    let mut chance = Chance(seed("lines"));
    let (group, stream): (Arc<str>, Arc<str>) =
        (Arc::from("/starttech/backend"), Arc::from("i-0123456789abcdef0/starttech-backend/0123456789ab"));
    let length_ms = (range.to_s - range.from_s).max(1) * 1000;
    let line = |n: u32| {
        let time_ms = range.from_s * 1000 + length_ms * i64::from(n) / i64::from(LINES);
        #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "a small number")]
        let pick = (chance.next() * 6.0) as usize;
        let path = PATHS.get(pick).copied().unwrap_or("/tasks");
        let status = match chance.next() {
            0.97.. => 500,
            0.9.. => 404,
            _ => 200,
        };
        let latency = (chance.next() * chance.next() * 4000.0).round() / 10.0;
        let level = if status == 500 { "ERROR" } else { "INFO" };
        let msg = if status == 500 { "database timeout" } else { "request" };
        let message = json!({
            "level": level, "msg": msg, "method": if pick == 2 { "POST" } else { "GET" }, "path": path,
            "status": status, "latency_ms": latency, "ip": format!("203.0.113.{}", pick + 7),
        });
        Line { time_ms, group: Arc::clone(&group), stream: Arc::clone(&stream), message: message.to_string() }
    };
    (0..LINES).map(line).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_sample_is_the_same_each_time_and_there_for_all_that_is_asked() {
        let dashboard = Dashboard::read(crate::provision::dashboard::IMPORTABLE).unwrap();
        let range = Range { from_s: 36_000, to_s: 46_800 };
        let sample = Sample::of(&dashboard, range);
        assert_eq!(sample.data, Sample::of(&dashboard, range).data);
        assert_eq!(sample.lines, Sample::of(&dashboard, range).lines);
        for widget in &dashboard.widgets {
            if let Kind::Metric(metric) = &widget.kind {
                let resolved = crate::page::series::resolve(metric, &sample.data, range);
                assert!(
                    !resolved.series.is_empty() && resolved.faults.is_empty(),
                    "{}: {resolved:?}",
                    widget.title
                );
            }
        }
    }
}
