//! A page that draws a `CloudWatch` dashboard, the same JSON that the service imports, with data of this host.
//!
//! ```text
//! text ─▶ model ─┬▶ series (Data) ─▶ chart ─┐
//!                ├▶ log (events) ───────────┼▶ Panel ─▶ layout ─▶ document (HTML) or picture (SVG)
//!                └▶ markdown, alarm ────────┘
//! ```
//!
//! Pure: data, lines and the time are arguments. All text of a dashboard or of a log is put into markup by `maud`,
//! which escapes it. Who serves the page, and where data comes from, it does not know.

pub mod alarm;
pub mod chart;
pub mod document;
mod label;
pub mod layout;
pub mod log;
mod markdown;
pub mod model;
pub mod picture;
mod reason;
pub mod sample;
mod search;
pub mod series;

use maud::Markup;

use crate::alarms::evaluate::data::Data;
use crate::provision::lint::Report;
use alarm::Standing;
use log::Line;
use model::{Dashboard, Kind, Widget};
use series::Range;

/// All that a dashboard is drawn from.
#[derive(Debug, Clone, Copy)]
pub struct Input<'a> {
    /// What is drawn.
    pub dashboard: &'a Dashboard,
    /// What is wrong with it.
    pub report: &'a Report,
    /// Datapoints.
    pub data: &'a Data,
    /// Log lines, the oldest first.
    pub lines: &'a [Line],
    /// How the alarms stand.
    pub alarms: &'a [Standing],
    /// What time is shown.
    pub range: Range,
    /// Made up, for what has no data.
    pub sample: Option<&'a sample::Sample>,
}

/// A widget as it is shown.
#[derive(Debug, Clone)]
pub struct Panel {
    /// Its place in the file.
    pub at: usize,
    /// What is in its box.
    pub content: Markup,
    /// `metric`, `text`, `log`, `alarm`, `other`
    pub class: &'static str,
    /// Whether only AWS could fill it.
    pub elsewhere: bool,
}

/// Draws all widgets.
pub fn panels(input: &Input<'_>) -> Vec<Panel> {
    input.dashboard.widgets.iter().map(|widget| panel(widget, input)).collect()
}

/// Draws a widget.
pub fn panel(widget: &Widget, input: &Input<'_>) -> Panel {
    let said = reason::of(widget.at, input.report);
    let mut elsewhere = false;
    let (class, body, sampled) = match &widget.kind {
        Kind::Text(text) => ("text", markdown::render(text), false),
        Kind::Metric(metric) => {
            let (resolved, sampled) = measured(metric, input);
            let body = if resolved.series.is_empty() {
                let why = reason::empty(&resolved, &said);
                elsewhere = why.elsewhere;
                why.shown()
            } else {
                chart::value::view(&widget.title, metric, &resolved.series, input.range)
            };
            ("metric", body, sampled)
        }
        Kind::Log { query, view } => {
            let sampled = input.sample.filter(|_| input.lines.is_empty());
            let lines = sampled.map_or(input.lines, |sample| sample.lines.as_slice());
            ("log", log::widget(query, view, lines, input.range), sampled.is_some())
        }
        Kind::Alarms(names) => ("alarm", alarm::widget(names, input.alarms), false),
        Kind::Other(what) => {
            let what = maud::html! { div.empty { p { (what) } p { "It is not drawn here." } } };
            ("other", what, false)
        }
    };
    // What only AWS has is no fault of the widget's, and that nobody could look is none.
    Panel { at: widget.at, content: document::panel(widget, &body, &said, sampled), class, elsewhere }
}

/// A widget's series, of the sample where there is no other data, and whether it is that.
pub(crate) fn measured(metric: &model::metric::Metric, input: &Input<'_>) -> (series::Resolved, bool) {
    let resolved = series::resolve(metric, input.data, input.range);
    match input.sample {
        Some(sample) if resolved.series.is_empty() => {
            let sampled = series::resolve(metric, &sample.data, input.range);
            let any = !sampled.series.is_empty();
            (if any { sampled } else { resolved }, any)
        }
        _ => (resolved, false),
    }
}

#[cfg(test)]
mod tests;
