//! What a metric widget asks for and how it wants to look.
//!
//! <https://docs.aws.amazon.com/AmazonCloudWatch/latest/APIReference/CloudWatch-Dashboard-Body-Structure.html#CloudWatch-Dashboard-Properties-Metric-Widget-Object>

use serde_json::{Map, Value};

use super::{number, plain, whole};
use crate::alarms::definition::Dimension;
use crate::alarms::evaluate::data::Name;
use crate::page::chart::colour::Colour;

/// Seconds, where nothing says otherwise.
const PERIOD_S: u32 = 300;
/// More than `CloudWatch` draws in one widget are not drawn.
const MOST_LINES: usize = 500;
const MOST_ANNOTATIONS: usize = 50;

/// A metric widget.
#[derive(Debug, Clone, PartialEq)]
pub struct Metric {
    /// How it looks.
    pub view: View,
    /// Of graphs: areas upon one another.
    pub stacked: bool,
    /// Of all that say nothing else, in seconds.
    pub period_s: u32,
    /// Whether that is written.
    pub period_written: bool,
    /// Likewise.
    pub stat: String,
    /// In order.
    pub queries: Vec<Query>,
    /// The left axis.
    pub left: Axis,
    /// The right axis.
    pub right: Axis,
    /// Lines across.
    pub horizontal: Vec<Horizontal>,
    /// Moments.
    pub vertical: Vec<Vertical>,
    /// Of single values: with a small graph below.
    pub sparkline: bool,
}

/// How a metric widget looks.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[expect(missing_docs, reason = "the service's own names")]
pub enum View {
    TimeSeries,
    SingleValue,
    Gauge,
    Bar,
    Pie,
    Table,
}

/// One row of `metrics`.
#[derive(Debug, Clone, PartialEq)]
pub struct Query {
    /// By which expressions name it.
    pub id: Option<String>,
    /// What it is called.
    pub label: Option<String>,
    /// Its own colour.
    pub colour: Option<Colour>,
    /// Or only there for others.
    pub visible: bool,
    /// On the right axis.
    pub right: bool,
    /// In seconds.
    pub period_s: Option<u32>,
    /// Its own statistic.
    pub stat: Option<String>,
    /// What it asks.
    pub asks: Asks,
}

/// What a row asks.
#[derive(Debug, Clone, PartialEq)]
pub enum Asks {
    /// One metric.
    Metric(Name),
    /// An expression or a search.
    Expression(String),
    /// Neither, and why.
    Unread(String),
}

/// An axis.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Axis {
    /// Where it begins.
    pub min: Option<f64>,
    /// Where it ends.
    pub max: Option<f64>,
    /// What it is called.
    pub label: Option<String>,
}

/// A line across.
#[derive(Debug, Clone, PartialEq)]
pub struct Horizontal {
    /// Where.
    pub value: f64,
    /// What it is called.
    pub label: String,
    /// Its own colour.
    pub colour: Option<Colour>,
    /// On the right axis.
    pub right: bool,
}

/// A moment.
#[derive(Debug, Clone, PartialEq)]
pub struct Vertical {
    /// In seconds since the epoch.
    pub at_s: i64,
    /// What it is called.
    pub label: String,
    /// Its own colour.
    pub colour: Option<Colour>,
}

impl Metric {
    /// Reads a widget's properties.
    pub(super) fn read(properties: &Map<String, Value>) -> Self {
        let text = |key: &str| properties.get(key).and_then(Value::as_str);
        let on = |key: &str| properties.get(key).and_then(Value::as_bool).unwrap_or_default();
        let axis = |side: &str| Axis::read(properties.get("yAxis").and_then(|axes| axes.get(side)));
        let annotations = |kind: &str| {
            let all = properties.get("annotations").and_then(|all| all.get(kind)).and_then(Value::as_array);
            all.into_iter().flatten().take(MOST_ANNOTATIONS)
        };
        let period_s = properties.get("period").and_then(whole).filter(|period| *period > 0);
        Self {
            view: View::read(text("view").unwrap_or_default()),
            stacked: on("stacked"),
            period_s: period_s.unwrap_or(PERIOD_S),
            period_written: period_s.is_some(),
            stat: plain(text("stat").unwrap_or("Average")),
            queries: queries(properties.get("metrics")),
            left: axis("left"),
            right: axis("right"),
            horizontal: annotations("horizontal").flat_map(Horizontal::read).collect(),
            vertical: annotations("vertical").flat_map(Vertical::read).collect(),
            sparkline: on("sparkline"),
        }
    }

    /// The period of a row, in seconds.
    pub fn period_of(&self, query: &Query) -> u32 {
        query.period_s.unwrap_or(self.period_s)
    }
}

impl View {
    fn read(word: &str) -> Self {
        match word {
            "singleValue" => Self::SingleValue,
            "gauge" => Self::Gauge,
            "bar" => Self::Bar,
            "pie" => Self::Pie,
            "table" => Self::Table,
            _ => Self::TimeSeries,
        }
    }
}

impl Axis {
    fn read(value: Option<&Value>) -> Self {
        let number = |key: &str| value.and_then(|axis| axis.get(key)).and_then(number);
        let label = value.and_then(|axis| axis.get("label")).and_then(Value::as_str).map(plain);
        Self { min: number("min"), max: number("max"), label: label.filter(|label| !label.is_empty()) }
    }
}

fn label(value: &Value) -> String {
    value.get("label").and_then(Value::as_str).map(plain).unwrap_or_default()
}

fn colour(value: &Value) -> Option<Colour> {
    Colour::read(value.get("color").and_then(Value::as_str)?)
}

/// An annotation, or the two of a band.
fn ends(value: &Value) -> Vec<&Value> {
    value.as_array().map_or_else(|| vec![value], |ends| ends.iter().take(2).collect())
}

impl Horizontal {
    fn read(value: &Value) -> Vec<Self> {
        let one = |value: &Value| {
            Some(Self {
                value: number(value.get("value")?)?,
                label: label(value),
                colour: colour(value),
                right: value.get("yAxis").and_then(Value::as_str) == Some("right"),
            })
        };
        ends(value).into_iter().filter_map(one).collect()
    }
}

impl Vertical {
    fn read(value: &Value) -> Vec<Self> {
        let one = |value: &Value| {
            let time: jiff::Timestamp = value.get("value")?.as_str()?.parse().ok()?;
            Some(Self { at_s: time.as_second(), label: label(value), colour: colour(value) })
        };
        ends(value).into_iter().filter_map(one).collect()
    }
}

/// All rows, with what `.` and `...` stand for.
fn queries(metrics: Option<&Value>) -> Vec<Query> {
    let mut before: Vec<String> = Vec::new();
    let rows = metrics.and_then(Value::as_array).into_iter().flatten().take(MOST_LINES);
    let mut queries = Vec::new();
    for row in rows {
        let Some(row) = row.as_array() else { continue };
        let options = row.iter().find_map(Value::as_object);
        let words: Vec<&str> = row.iter().map_while(Value::as_str).collect();
        queries.push(Query::read(&words, options, &mut before));
    }
    queries
}

impl Query {
    fn read(words: &[&str], options: Option<&Map<String, Value>>, before: &mut Vec<String>) -> Self {
        let option = |key: &str| options.and_then(|options| options.get(key));
        let text = |key: &str| option(key).and_then(Value::as_str);
        let asks = match text("expression") {
            Some(expression) => Asks::Expression(expression.to_owned()),
            None => asked(words, before),
        };
        Self {
            id: text("id").map(plain),
            label: text("label").map(plain).filter(|label| !label.trim().is_empty()),
            colour: text("color").and_then(Colour::read),
            visible: option("visible").and_then(Value::as_bool).unwrap_or(true),
            right: text("yAxis") == Some("right"),
            period_s: option("period").and_then(whole).filter(|period| *period > 0),
            stat: text("stat").map(plain),
            asks,
        }
    }
}

/// The metric of a row. Words that stand for those of the row before are put in.
fn asked(words: &[&str], before: &mut Vec<String>) -> Asks {
    let mut full: Vec<String> = Vec::new();
    for word in words {
        match *word {
            "..." => {
                // All of the row before but what this one has behind it.
                let behind = words.iter().rev().take_while(|word| **word != "...").count();
                let until = before.len().saturating_sub(behind);
                full.extend(before.iter().take(until).skip(full.len()).cloned().collect::<Vec<_>>());
            }
            "." => full.push(before.get(full.len()).cloned().unwrap_or_else(|| ".".to_owned())),
            word => full.push(plain(word)),
        }
    }
    before.clone_from(&full);
    let (Some(namespace), Some(metric)) = (full.first(), full.get(1)) else {
        return Asks::Unread("a row of \"metrics\" begins with a namespace and a metric's name".to_owned());
    };
    let pairs = full.get(2..).unwrap_or_default();
    let pairs = pairs.chunks(2).filter_map(|pair| match pair {
        [name, value] => Some(Dimension { name: name.clone(), value: value.clone() }),
        _ => None,
    });
    Asks::Metric(Name::new(namespace, metric, &pairs.collect::<Vec<_>>()))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn shown(metrics: &str) -> Vec<String> {
        let metrics: Value = serde_json::from_str(metrics).unwrap();
        let show = |query: &Query| match &query.asks {
            Asks::Metric(name) => name.to_string(),
            Asks::Expression(text) => format!("= {text}"),
            Asks::Unread(why) => format!("! {why}"),
        };
        queries(Some(&metrics)).iter().map(show).collect()
    }

    #[test]
    fn short_forms_stand_for_the_row_before() {
        let all = shown(
            r#"[["AWS/EC2","CPUUtilization","Group","a","Zone","x",{"stat":"Sum"}],["...","y"],[".","NetworkIn",".","."],
            ["...","b",{"id":"m1"}],["...",{"stat":"p99"}],[{"expression":"m1 * 2"}],["."],["N","m","Odd"],7]"#,
        );
        assert_eq!(
            all,
            [
                "AWS/EC2 CPUUtilization Group=a Zone=x",
                "AWS/EC2 CPUUtilization Group=a Zone=y",
                "AWS/EC2 NetworkIn Group=a",
                "AWS/EC2 NetworkIn Group=b",
                "AWS/EC2 NetworkIn Group=b",
                "= m1 * 2",
                "! a row of \"metrics\" begins with a namespace and a metric's name",
                "N m",
            ]
        );
    }

    #[test]
    fn properties_are_read_with_patience() {
        let properties: Value = serde_json::from_str(
            r##"{"view":"gauge","period":"60","yAxis":{"left":{"min":0,"max":"100","label":""}},"metrics":"none",
            "annotations":{"horizontal":[{"value":80,"color":"#f00","label":"l"},[{"value":1},{"value":2,"yAxis":"right"}],{"value":"x"}],
            "vertical":[{"value":"2026-01-02T03:04:05Z","label":"v"},{"value":"soon"}]}}"##,
        )
        .unwrap();
        let metric = Metric::read(properties.as_object().unwrap());
        assert_eq!((metric.view, metric.period_s, metric.stat.as_str()), (View::Gauge, 60, "Average"));
        assert_eq!(metric.left, Axis { min: Some(0.0), max: Some(100.0), label: None });
        let values: Vec<f64> = metric.horizontal.iter().map(|line| line.value).collect();
        assert_eq!((values, metric.horizontal[2].right), (vec![80.0, 1.0, 2.0], true));
        assert_eq!(metric.vertical[0].at_s, 1_767_323_045);
        assert_eq!((metric.vertical.len(), metric.queries.len()), (1, 0));
    }
}
