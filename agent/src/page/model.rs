//! A dashboard's body, read with patience: what cannot be read of it is a widget that says so.
//!
//! It does not judge: that is `provision::lint`. Nor does it know any data.
//!
//! <https://docs.aws.amazon.com/AmazonCloudWatch/latest/APIReference/CloudWatch-Dashboard-Body-Structure.html>

pub mod metric;

use std::fmt;

use serde_json::{Map, Value};

use metric::Metric;

/// A widget that says nothing of its size is so wide and so high, in units of the grid.
const SIZE: u32 = 6;
/// Columns of the grid.
pub const COLUMNS: u32 = 24;
/// A widget's most rows; those of CloudWatch end there, too.
const MOST_ROWS: u32 = 1000;
/// How deep below the top a body is looked for: a template holds it in its resources.
const DEEPEST: usize = 6;
/// More than `CloudWatch` takes (500) are counted and not drawn.
pub const MOST_WIDGETS: usize = 1000;

/// A dashboard.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Dashboard {
    /// In the order of the file.
    pub widgets: Vec<Widget>,
    /// How many more there are than are drawn.
    pub left_out: usize,
}

/// One box of it.
#[derive(Debug, Clone, PartialEq)]
pub struct Widget {
    /// Its place among the file's widgets, from 0.
    pub at: usize,
    /// Column and row of its left upper corner, where it says so.
    pub corner: Option<(u32, u32)>,
    /// Columns, from 1 to 24.
    pub width: u32,
    /// Rows, at least 1.
    pub height: u32,
    /// Empty where there is none.
    pub title: String,
    /// What is in it.
    pub kind: Kind,
}

/// What is in a widget.
#[derive(Debug, Clone, PartialEq)]
pub enum Kind {
    /// Graphs and numbers.
    Metric(Box<Metric>),
    /// Markdown.
    Text(String),
    /// A query over log lines.
    Log {
        /// As it is written.
        query: String,
        /// `table`, `bar`, `pie`, `timeSeries`.
        view: String,
    },
    /// Names of alarms, without the rest of their ARNs.
    Alarms(Vec<String>),
    /// What is not drawn, in words.
    Other(String),
}

/// Why there is no dashboard in a text.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Unread {
    /// From 1; 0 if it is about the whole.
    pub line: usize,
    /// From 1.
    pub column: usize,
    /// In words.
    pub why: String,
}

impl fmt::Display for Unread {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.line {
            0 => f.write_str(&self.why),
            line => write!(f, "line {line}, column {}: {}", self.column, self.why),
        }
    }
}

impl Dashboard {
    /// Reads a body, or whatever holds one: what `get-dashboard` prints, a template.
    pub fn read(text: &str) -> Result<Self, Unread> {
        let text = text.strip_prefix('\u{feff}').unwrap_or(text);
        let root: Value = serde_json::from_str(text).map_err(|error| {
            let why = error.to_string();
            let why = why.rsplit_once(" at line ").map_or(why.as_str(), |(why, _)| why).to_owned();
            Unread { line: error.line(), column: error.column(), why }
        })?;
        let Some(widgets) = widgets(&root, 0) else {
            let why = "there is no \"widgets\" array in it: it is no dashboard".to_owned();
            return Err(Unread { line: 0, column: 0, why });
        };
        let left_out = widgets.len().saturating_sub(MOST_WIDGETS);
        let widgets = widgets.iter().take(MOST_WIDGETS).enumerate();
        Ok(Self { widgets: widgets.map(|(at, widget)| Widget::read(at, widget)).collect(), left_out })
    }
}

/// The list of widgets in a value, or below it, or in a text of it.
fn widgets(value: &Value, depth: usize) -> Option<Vec<Value>> {
    if depth > DEEPEST {
        return None;
    }
    match value {
        Value::Object(members) => match members.get("widgets") {
            Some(Value::Array(widgets)) => Some(widgets.clone()),
            _ => members.values().find_map(|member| widgets(member, depth + 1)),
        },
        Value::Array(items) => items.iter().find_map(|item| widgets(item, depth + 1)),
        Value::String(text) if text.contains("\"widgets\"") => {
            widgets(&serde_json::from_str(text).ok()?, depth + 1)
        }
        _ => None,
    }
}

impl Widget {
    fn read(at: usize, value: &Value) -> Self {
        let number = |key: &str| value.get(key).and_then(whole);
        let size = |key: &str, most: u32| number(key).unwrap_or(SIZE).clamp(1, most);
        let (width, height) = (size("width", COLUMNS), size("height", MOST_ROWS));
        let corner = number("x").zip(number("y"));
        let corner = corner.map(|(x, y)| (x.min(COLUMNS - width), y));
        let nothing = Map::new();
        let properties = value.get("properties").and_then(Value::as_object).unwrap_or(&nothing);
        let title = properties.get("title").and_then(Value::as_str).map(plain).unwrap_or_default();
        let kind = value.get("type").and_then(Value::as_str).unwrap_or_default();
        let kind = match kind {
            // Without a type, what it holds tells.
            "text" => Kind::Text(text(properties, "markdown")),
            "log" => Kind::Log { query: text(properties, "query"), view: text(properties, "view") },
            "alarm" => Kind::Alarms(names(properties.get("alarms"))),
            "metric" => match alarm_of(properties) {
                Some(alarms) if !properties.contains_key("metrics") => Kind::Alarms(alarms),
                _ => Kind::Metric(Box::new(Metric::read(properties))),
            },
            "explorer" => {
                Kind::Other("An explorer widget: its metrics are chosen by AWS from tags.".to_owned())
            }
            "custom" => Kind::Other("A custom widget: its content comes from a Lambda function.".to_owned()),
            "" => Kind::Other("A widget without a type.".to_owned()),
            other => Kind::Other(format!("A widget of the type {:?}.", plain(other))),
        };
        Self { at, corner, width, height, title, kind }
    }
}

/// What a metric widget shows if it is about alarms only.
fn alarm_of(properties: &Map<String, Value>) -> Option<Vec<String>> {
    let alarms = names(properties.get("annotations")?.get("alarms"));
    (!alarms.is_empty()).then_some(alarms)
}

/// `arn:aws:cloudwatch:eu-west-1:123456789012:alarm:memory` is `memory`.
fn names(value: Option<&Value>) -> Vec<String> {
    let all = value.and_then(Value::as_array).into_iter().flatten().filter_map(Value::as_str);
    all.map(|arn| plain(arn.split_once(":alarm:").map_or(arn, |(_, name)| name))).collect()
}

fn text(properties: &Map<String, Value>, key: &str) -> String {
    match properties.get(key) {
        Some(Value::String(text)) => clean(text, true),
        // A query in lines, as some write it.
        Some(Value::Array(lines)) => {
            let lines: Vec<&str> = lines.iter().filter_map(Value::as_str).collect();
            clean(&lines.join("\n"), true)
        }
        _ => String::new(),
    }
}

/// A whole number from nought on, however it is written.
fn whole(value: &Value) -> Option<u32> {
    let number = number(value)?;
    #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "checked")]
    (0.0..=1e6).contains(&number).then_some(number as u32)
}

/// A finite number; one in quotation marks, too.
pub fn number(value: &Value) -> Option<f64> {
    let number = match value {
        Value::Number(number) => number.as_f64(),
        Value::String(text) => text.trim().parse().ok(),
        _ => None,
    };
    number.filter(|number: &f64| number.is_finite())
}

/// One line of text, without what XML cannot hold and what turns the direction of others' text.
pub fn plain(text: &str) -> String {
    clean(text, false)
}

fn clean(text: &str, lines: bool) -> String {
    let kept = |c: char| match c {
        '\n' | '\t' if lines => c,
        '\n' | '\r' | '\t' => ' ',
        c if c.is_control() => '\u{fffd}',
        '\u{200e}'
        | '\u{200f}'
        | '\u{202a}'..='\u{202e}'
        | '\u{2066}'..='\u{2069}'
        | '\u{fffe}'
        | '\u{ffff}' => '\u{fffd}',
        c => c,
    };
    text.chars().map(kept).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_body_is_found_wherever_it_stands() {
        let body = r#"{"widgets":[{"type":"text","properties":{"markdown":"a\u0007b\nc"}}]}"#;
        let printed = serde_json::json!({"DashboardName": "x", "DashboardBody": body}).to_string();
        for text in [body, &format!("\u{feff}{body}"), &printed] {
            let dashboard = Dashboard::read(text).unwrap();
            assert_eq!(dashboard.widgets[0].kind, Kind::Text("a\u{fffd}b\nc".to_owned()), "{text}");
            assert_eq!((dashboard.widgets[0].width, dashboard.widgets[0].corner), (6, None));
        }
    }

    #[test]
    fn what_is_no_dashboard_says_where() {
        let said = |text: &str| Dashboard::read(text).unwrap_err().to_string();
        assert_eq!(said("{\"widgets\": [\n  {,\n]}"), "line 2, column 4: key must be a string");
        assert_eq!(said("[]"), "there is no \"widgets\" array in it: it is no dashboard");
    }

    #[test]
    fn nothing_that_a_widget_says_is_taken_on_trust() {
        let text = r#"{"widgets":[{"type":"metric","x":-1,"y":0,"width":99,"height":0},{"type":"x\ny"},7,
            {"type":"alarm","x":30,"y":"2","properties":{"title":"T\u202eA","alarms":["arn:aws:cloudwatch:r:1:alarm:a:b",3]}}]}"#;
        let all = Dashboard::read(text).unwrap().widgets;
        assert_eq!((all[0].corner, all[0].width, all[0].height), (None, 24, 1));
        assert_eq!(all[1].kind, Kind::Other("A widget of the type \"x y\".".to_owned()));
        assert_eq!(all[2].kind, Kind::Other("A widget without a type.".to_owned()));
        assert_eq!(all[3].kind, Kind::Alarms(vec!["a:b".to_owned()]));
        assert_eq!((all[3].corner, all[3].title.as_str()), (Some((18, 2)), "T\u{fffd}A"));
    }
}
