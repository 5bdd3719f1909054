//! The queries of an alarm on metric math: which series they ask for, and what the expressions make of them.
//!
//! Everything that could go wrong is tried when they are read, on no data: it does not depend on the data.

use crate::alarms::definition::Query;
use crate::alarms::evaluate::data::{Data, Name};
use crate::alarms::evaluate::statistic::Statistic;
use crate::alarms::math::function::{Terms, give};
use crate::alarms::math::value::{Series, Value};
use crate::alarms::math::{Node, parse};

/// Expressions that ask for one another: more than an alarm may have.
const DEEPEST: usize = 20;

/// The queries of one alarm.
#[derive(Debug, Clone)]
pub(super) struct Queries {
    all: Vec<(String, Asks)>,
    /// The one that the alarm watches.
    watched: String,
}

#[derive(Debug, Clone)]
enum Asks {
    Metric(Name, Statistic),
    Expression(Node),
}

impl Queries {
    /// Reads them, and finds the period of all.
    pub(super) fn new(queries: &[Query]) -> Result<(Self, u32), Vec<String>> {
        let mut faults = Vec::new();
        let mut all: Vec<(String, Asks)> = Vec::new();
        let mut said_s: Vec<u32> = Vec::new();
        for query in queries {
            let asks = match (&query.metric_stat, &query.expression) {
                (Some(stat), None) => {
                    said_s.push(stat.period);
                    Statistic::parse(&stat.stat).map(|of| Asks::Metric((&stat.metric).into(), of))
                }
                (None, Some(text)) => {
                    said_s.extend(query.period);
                    parse(text).map(Asks::Expression).map_err(|(at, why)| format!("at character {at}: {why}"))
                }
                _ => Err("either a MetricStat or an Expression is wanted".to_owned()),
            };
            if all.iter().any(|(id, _)| *id == query.id) {
                faults.push(format!("the id {:?} stands twice", query.id));
            }
            match asks {
                Ok(asks) => all.push((query.id.clone(), asks)),
                Err(fault) => faults.push(format!("the query {:?}: {fault}", query.id)),
            }
        }
        said_s.sort_unstable();
        said_s.dedup();
        // "Each metric must be using the same period."
        let period_s = match said_s.as_slice() {
            [one] if *one > 0 => *one,
            [] => {
                faults.push("no query has a period".to_owned());
                60
            }
            other => {
                faults.push(format!(
                    "all metrics of an alarm have one period, and these have {other:?} seconds"
                ));
                60
            }
        };
        let watched: Vec<&Query> = queries.iter().filter(|query| query.return_data).collect();
        let watched = match watched.as_slice() {
            [one] => one.id.clone(),
            other => {
                faults.push(format!(
                    "one query returns the data that is watched, and these are {}",
                    other.len()
                ));
                String::new()
            }
        };
        let queries = Self { all, watched };
        if faults.is_empty()
            && let Err(fault) = queries.tried(period_s)
        {
            faults.push(fault);
        }
        if faults.is_empty() { Ok((queries, period_s)) } else { Err(faults) }
    }

    fn tried(&self, period_s: u32) -> Result<(), String> {
        let data = Data::default();
        let starts = [0, i64::from(period_s)];
        // The others, too: they would be evaluated once somebody asks for them.
        for (id, _) in &self.all {
            let asked = Asked { queries: self, data: &data, starts: &starts, period_s, depth: 0 };
            let value = asked.ask(id).map_err(|fault| format!("the query {id:?}: {fault}"))?;
            if *id == self.watched && !matches!(value, Value::Series(_)) {
                return Err(format!(
                    "the query {id:?} gives {}, and an alarm watches one time series",
                    value.kind()
                ));
            }
        }
        Ok(())
    }

    pub(super) fn metrics(&self) -> Vec<&Name> {
        let all = self.all.iter();
        all.filter_map(|(_, asks)| match asks {
            Asks::Metric(name, _) => Some(name),
            Asks::Expression(_) => None,
        })
        .collect()
    }

    /// What the alarm watches, for periods that begin at these times.
    pub(super) fn series(&self, data: &Data, starts: &[i64], period_s: u32) -> Series {
        match (Asked { queries: self, data, starts, period_s, depth: 0 }).ask(&self.watched) {
            Ok(Value::Series(series)) => series,
            // It was tried: neither an error nor another kind of value comes of data.
            _ => vec![None; starts.len()],
        }
    }
}

struct Asked<'a> {
    queries: &'a Queries,
    data: &'a Data,
    starts: &'a [i64],
    period_s: u32,
    depth: usize,
}

impl Asked<'_> {
    fn ask(&self, id: &str) -> Result<Value, String> {
        self.value(id).unwrap_or_else(|| Err(format!("nothing has the id {id:?}")))
    }

    fn metric(&self, name: &Name, statistic: Statistic) -> Series {
        let to = i64::from(self.period_s);
        let point = |start: &i64| statistic.of(self.data.between(name, *start, start + to));
        self.starts.iter().map(|start| point(start).map(|point| point.value)).collect()
    }
}

impl Terms for Asked<'_> {
    fn value(&self, id: &str) -> Option<Result<Value, String>> {
        let (_, asks) = self.queries.all.iter().find(|(known, _)| known == id)?;
        Some(match asks {
            Asks::Metric(name, statistic) => Ok(Value::Series(self.metric(name, *statistic))),
            Asks::Expression(_) if self.depth >= DEEPEST => {
                Err(format!("{id:?} asks for itself, or by too many others"))
            }
            Asks::Expression(node) => give(node, &Asked { depth: self.depth + 1, ..*self }),
        })
    }

    fn metrics(&self) -> Vec<(&str, Series)> {
        let all = self.queries.all.iter();
        all.filter_map(|(id, asks)| match asks {
            Asks::Metric(name, statistic) => Some((id.as_str(), self.metric(name, *statistic))),
            Asks::Expression(_) => None,
        })
        .collect()
    }

    fn length(&self) -> usize {
        self.starts.len()
    }

    fn start_s(&self) -> i64 {
        self.starts.first().copied().unwrap_or_default()
    }

    fn period_s(&self) -> u32 {
        self.period_s
    }
}
