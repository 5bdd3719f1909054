//! From a metric widget's rows and the data to what is drawn.
//!
//! Expressions are `alarms::math`'s; searches, which that does not know, become arrays of series first. Each row has
//! its own period; all that an expression names is looked at in the expression's.

use std::cell::RefCell;
use std::collections::{BTreeMap, BTreeSet};

use super::chart::colour::Colour;
use super::label::{self, About};
use super::model::metric::{Asks, Metric, Query};
use super::search::Search;
use crate::alarms::evaluate::data::{Data, Name};
use crate::alarms::evaluate::statistic::Statistic;
use crate::alarms::math::function::{Terms, give};
use crate::alarms::math::value::{Series, Value};
use crate::alarms::math::{Kind, Node, parse};

/// Points of a series, at most: more than a graph has columns.
const MOST_POINTS: i64 = 1000;
/// Series of one row.
const MOST_SERIES: usize = 100;
/// Expressions that ask for one another.
const DEEPEST: usize = 20;

/// A stretch of time.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Range {
    /// In seconds since the epoch.
    pub from_s: i64,
    /// Behind the last second of it.
    pub to_s: i64,
}

/// A series that is drawn.
#[derive(Debug, Clone, PartialEq)]
pub struct Drawn {
    /// What it is called.
    pub label: String,
    /// Its own colour.
    pub colour: Option<Colour>,
    /// On the right axis.
    pub right: bool,
    /// When the first period begins, in seconds since the epoch.
    pub start_s: i64,
    /// From a period to the next.
    pub step_s: i64,
    /// One for each period.
    pub points: Series,
}

/// What came of a widget's rows.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Resolved {
    /// What is to be drawn; none without a point.
    pub series: Vec<Drawn>,
    /// What could not be evaluated, in words.
    pub faults: Vec<String>,
    /// What was asked for: namespaces, and metrics of them.
    pub asked: BTreeSet<(String, String)>,
}

impl Drawn {
    /// The newest point.
    pub fn last(&self) -> Option<f64> {
        self.points.iter().rev().find_map(|point| *point)
    }
}

/// Looks at everything that a widget shows.
pub fn resolve(metric: &Metric, data: &Data, range: Range) -> Resolved {
    let mut resolved = Resolved::default();
    let rows: Vec<Row> = metric.queries.iter().map(|query| Row::read(query, &mut resolved)).collect();
    let mut known: BTreeMap<u32, RefCell<Known>> = BTreeMap::new();
    for (query, row) in metric.queries.iter().zip(&rows).filter(|(query, _)| query.visible) {
        let (stat, period_s) = row.asks_for(metric, query);
        let grid = Grid::of(range, period_s);
        let known = known.entry(grid.period_s).or_default();
        // What went too deep from one row may be near to another.
        known.borrow_mut().ids.retain(|_, value| value.is_ok());
        let asked = Asked { metric, rows: &rows, data, grid: &grid, stat: None, known };
        match asked.row(query, row, &stat, 0) {
            Ok(found) => resolved.series.extend(drawn(query, found, &grid, &stat)),
            Err(fault) => resolved.faults.push(fault),
        }
    }
    resolved.series.retain(|series| series.points.iter().any(Option::is_some));
    resolved
}

/// Periods of a range.
struct Grid {
    starts: Vec<i64>,
    period_s: u32,
}

impl Grid {
    fn of(range: Range, period_s: u32) -> Self {
        let length = (range.to_s - range.from_s).max(0);
        // Whole periods, as many together as make too many few.
        let times = (length / i64::from(period_s.max(1)) / MOST_POINTS) + 1;
        let step = i64::from(period_s.max(1)).saturating_mul(times);
        let first = range.from_s.div_euclid(step) * step;
        let count = (range.to_s - first + step - 1) / step;
        let starts = (0..count.clamp(0, MOST_POINTS + 2)).map(|place| first + place * step).collect();
        Self { starts, period_s: u32::try_from(step).unwrap_or(u32::MAX) }
    }
}

/// A row, ready to be evaluated.
enum Row {
    Metric(Name),
    /// The expression, and the searches that stand in it by names of their own.
    Expression(Node, BTreeMap<String, Searched>),
    Fault(String),
}

#[derive(Clone)]
struct Searched {
    search: Search,
    stat: String,
    period_s: Option<u32>,
}

impl Row {
    fn read(query: &Query, resolved: &mut Resolved) -> Self {
        match &query.asks {
            Asks::Metric(name) => {
                resolved.asked.insert((name.namespace().to_owned(), name.metric().to_owned()));
                Self::Metric(name.clone())
            }
            Asks::Unread(why) => Self::Fault(why.clone()),
            Asks::Expression(text) => match parse(text) {
                Err((at, why)) => Self::Fault(format!("the expression, at character {at}: {why}")),
                Ok(mut node) => {
                    let mut searches = BTreeMap::new();
                    if let Err(why) = take_searches(&mut node, &mut searches) {
                        return Self::Fault(why);
                    }
                    for Searched { search, .. } in searches.values() {
                        let namespace = search.schema.as_ref().map(|(namespace, _)| namespace.clone());
                        let namespace = namespace
                            .or_else(|| search.named("Namespace").first().map(|name| (*name).to_owned()));
                        let metrics = search.named("MetricName").join(", ");
                        resolved.asked.insert((namespace.unwrap_or_default(), metrics));
                    }
                    Self::Expression(node, searches)
                }
            },
        }
    }

    /// A search that is nothing but that.
    fn search(&self) -> Option<&Searched> {
        match self {
            Self::Expression(Node { kind: Kind::Name(name), .. }, searches) => searches.get(name),
            _ => None,
        }
    }

    /// Statistic and period of a row.
    fn asks_for(&self, metric: &Metric, query: &Query) -> (String, u32) {
        let searched = self.search();
        let stat = query.stat.clone().or_else(|| Some(searched?.stat.clone()));
        let period_s = query.period_s.or_else(|| searched?.period_s);
        (stat.unwrap_or_else(|| metric.stat.clone()), period_s.unwrap_or(metric.period_s))
    }
}

/// Puts names in place of searches, which are taken.
fn take_searches(node: &mut Node, searches: &mut BTreeMap<String, Searched>) -> Result<(), String> {
    match &mut node.kind {
        Kind::Call(function, arguments) if function.eq_ignore_ascii_case("SEARCH") => {
            let (text, stat, period) = match arguments.as_slice() {
                [text, stat] => (text, stat, None),
                [text, stat, period] => (text, stat, Some(period)),
                _ => return Err("SEARCH takes a text, a statistic and a period".to_owned()),
            };
            let (Kind::Text(text), Kind::Text(stat)) = (&text.kind, &stat.kind) else {
                return Err("SEARCH takes two texts in quotation marks first".to_owned());
            };
            let period_s = period.and_then(|period| match period.kind {
                #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "checked")]
                Kind::Number(number) if (1.0..1e7).contains(&number) => Some(number as u32),
                _ => None,
            });
            // No id holds a blank.
            let name = format!("search {}", searches.len());
            searches
                .insert(name.clone(), Searched { search: Search::read(text), stat: stat.clone(), period_s });
            node.kind = Kind::Name(name);
            Ok(())
        }
        Kind::Call(_, nodes) | Kind::List(nodes) => {
            nodes.iter_mut().try_for_each(|node| take_searches(node, searches))
        }
        Kind::Negative(of) | Kind::Not(of) => take_searches(of, searches),
        Kind::Operation(left, _, right) => {
            take_searches(left, searches)?;
            take_searches(right, searches)
        }
        Kind::Number(_) | Kind::Text(_) | Kind::Name(_) => Ok(()),
    }
}

/// What was found of a row: whose it is, where it is a metric's, and the points.
type Found = Vec<(Option<Name>, Series)>;

struct Asked<'a> {
    metric: &'a Metric,
    rows: &'a [Row],
    data: &'a Data,
    grid: &'a Grid,
    /// The row whose expression is evaluated, and how deep it is.
    stat: Option<(&'a BTreeMap<String, Searched>, usize)>,
    /// What was found on this grid, so that nothing is evaluated twice.
    known: &'a RefCell<Known>,
}

#[derive(Default)]
struct Known {
    /// What ids gave.
    ids: BTreeMap<String, Result<Value, String>>,
    /// What `METRICS()` is.
    metrics: Option<Vec<(usize, Series)>>,
}

impl Asked<'_> {
    fn row(&self, query: &Query, row: &Row, stat: &str, depth: usize) -> Result<Found, String> {
        match row {
            Row::Fault(why) => Err(why.clone()),
            Row::Metric(name) => Ok(vec![(Some(name.clone()), self.points(name, stat)?)]),
            Row::Expression(node, searches) => {
                if let Some(searched) = row.search() {
                    return self.found(searched, query.stat.as_deref().unwrap_or(&searched.stat));
                }
                if depth > DEEPEST {
                    return Err("expressions ask for themselves, or by too many others".to_owned());
                }
                Ok(match give(node, &Asked { stat: Some((searches, depth)), ..*self })? {
                    Value::Scalar(number) => vec![(None, vec![Some(number); self.grid.starts.len()])],
                    Value::Series(series) => vec![(None, series)],
                    Value::Array(all) => {
                        all.into_iter().take(MOST_SERIES).map(|series| (None, series)).collect()
                    }
                })
            }
        }
    }

    fn points(&self, name: &Name, stat: &str) -> Result<Series, String> {
        let statistic = Statistic::parse(stat)?;
        let to = i64::from(self.grid.period_s);
        let point = |start: &i64| statistic.of(self.data.between(name, *start, start + to));
        Ok(self.grid.starts.iter().map(|start| point(start).map(|point| point.value)).collect())
    }

    fn found(&self, searched: &Searched, stat: &str) -> Result<Found, String> {
        let names = self.data.names().filter(|name| searched.search.finds(name)).take(MOST_SERIES);
        let all: Result<Found, String> =
            names.map(|name| Ok((Some(name.clone()), self.points(name, stat)?))).collect();
        all.map(|mut all| {
            all.retain(|(_, points)| points.iter().any(Option::is_some));
            all
        })
    }
}

impl Terms for Asked<'_> {
    fn value(&self, id: &str) -> Option<Result<Value, String>> {
        let (searches, depth) = self.stat?;
        if let Some(searched) = searches.get(id) {
            let found = self.found(searched, &searched.stat);
            return Some(found.map(|all| Value::Array(all.into_iter().map(|(_, points)| points).collect())));
        }
        let at = self.metric.queries.iter().position(|query| query.id.as_deref() == Some(id))?;
        if let Some(known) = self.known.borrow().ids.get(id) {
            return Some(known.clone());
        }
        let (query, row) = (self.metric.queries.get(at)?, self.rows.get(at)?);
        let (stat, _) = row.asks_for(self.metric, query);
        let found = self.row(query, row, &stat, depth + 1);
        let array = row.search().is_some();
        let value = found.map(|mut all| match all.len() {
            1 if !array => Value::Series(all.pop().map(|(_, points)| points).unwrap_or_default()),
            _ => Value::Array(all.into_iter().map(|(_, points)| points).collect()),
        });
        self.known.borrow_mut().ids.insert(id.to_owned(), value.clone());
        Some(value)
    }

    fn metrics(&self) -> Vec<(&str, Series)> {
        let queries = &self.metric.queries;
        let found = self.known.borrow().metrics.clone().unwrap_or_else(|| {
            let rows = queries.iter().zip(self.rows).enumerate();
            let found = rows.filter_map(|(at, (query, row))| {
                let Row::Metric(name) = row else { return None };
                let stat = query.stat.as_deref().unwrap_or(&self.metric.stat);
                Some((at, self.points(name, stat).ok()?))
            });
            found.collect()
        });
        self.known.borrow_mut().metrics.get_or_insert_with(|| found.clone());
        let named = found.into_iter().filter_map(|(at, points)| Some((queries.get(at)?, points)));
        named.map(|(query, points)| (query.id.as_deref().unwrap_or_default(), points)).collect()
    }

    fn length(&self) -> usize {
        self.grid.starts.len()
    }

    fn start_s(&self) -> i64 {
        self.grid.starts.first().copied().unwrap_or_default()
    }

    fn period_s(&self) -> u32 {
        self.grid.period_s
    }
}

/// What is drawn of a row, with its labels.
fn drawn(query: &Query, found: Found, grid: &Grid, stat: &str) -> Vec<Drawn> {
    let several = found.len() > 1;
    let names: Vec<&Name> = found.iter().filter_map(|(name, _)| name.as_ref()).collect();
    let labels: Vec<String> = found
        .iter()
        .enumerate()
        .map(|(place, (name, points))| {
            let about = About { name: name.as_ref(), stat, period_s: grid.period_s, points };
            label::label(query, &about, several.then_some((place, names.as_slice())))
        })
        .collect();
    found
        .into_iter()
        .zip(labels)
        .map(|((_, points), label)| Drawn {
            label,
            // One colour for many would tell them apart no more.
            colour: query.colour.clone().filter(|_| !several),
            right: query.right,
            start_s: grid.starts.first().copied().unwrap_or_default(),
            step_s: i64::from(grid.period_s),
            points,
        })
        .collect()
}

#[cfg(test)]
mod tests;
