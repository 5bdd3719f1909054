//! Views that show a value and no time: numbers, gauges, bars, shares, tables.

use maud::{Markup, html};

use super::colour::class;
use super::{Plane, line, said, scale, swatch};
use crate::page::model::metric::{Metric, View};
use crate::page::series::{Drawn, Range};

/// So many are shown of one widget.
const MOST: usize = 50;

/// Draws what a widget shows, in any view, with its legend.
pub fn view(title: &str, metric: &Metric, series: &[Drawn], range: Range) -> Markup {
    match metric.view {
        View::TimeSeries => html! {
            @if let Some(label) = &metric.left.label { p.axis { (label) } }
            @if let Some(label) = metric.right.label.as_ref().filter(|_| series.iter().any(|one| one.right)) {
                p.axis.right { (label) }
            }
            (line::graph(title, metric, series, range, Plane::Fluid))
            (legend(series))
        },
        View::SingleValue => numbers(title, metric, series, range),
        View::Gauge => html! {
            div.gauges { @for (place, one) in series.iter().take(MOST).enumerate() { (gauge(metric, one, place)) } }
        },
        View::Bar => bars(series),
        View::Pie => html! {
            div.shares { (pie(title, series)) (legend(series)) }
        },
        View::Table => table(series),
    }
}

/// What the colours mean, and the newest values.
fn legend(series: &[Drawn]) -> Markup {
    html! {
        ul.legend {
            @for (place, one) in series.iter().take(MOST).enumerate() {
                li { (swatch(one, place)) span { (one.label) } b { (newest(one)) } }
            }
            @if series.len() > MOST { li { "and " (series.len() - MOST) " more" } }
        }
    }
}

/// The newest value, as text.
pub fn newest(series: &Drawn) -> String {
    series.last().map_or_else(|| "–".to_owned(), scale::short)
}

fn numbers(title: &str, metric: &Metric, series: &[Drawn], range: Range) -> Markup {
    html! {
        div.numbers {
            @for one in series.iter().take(MOST) {
                div.number {
                    b { (newest(one)) }
                    span { (one.label) }
                    @if metric.sparkline {
                        (line::graph(title, metric, std::slice::from_ref(one), range, Plane::Fluid))
                    }
                }
            }
        }
    }
}

/// A half circle, as far as the value is between the ends of the axis.
fn gauge(metric: &Metric, series: &Drawn, place: usize) -> Markup {
    let (from, to) = (metric.left.min.unwrap_or(0.0), metric.left.max.unwrap_or(100.0));
    let part = series.last().map_or(0.0, |value| ((value - from) / (to - from)).clamp(0.0, 1.0));
    let part = if part.is_finite() { part } else { 0.0 };
    let own = series.colour.as_ref().map(super::Colour::code);
    let class = if own.is_some() { String::new() } else { class(place) };
    html! {
        svg.gauge viewBox="0 0 200 122" role="img" aria-label=(format!("{} {}", series.label, newest(series))) {
            path.track d=(arc(1.0)) {}
            @if part > 0.0 { path.dial.(class) d=(arc(part)) stroke=[own] {} }
            text.value.middle x="100" y="94" { (newest(series)) }
            text.tick.middle x="100" y="112" { (series.label) }
            text.tick.middle x="20" y="116" { (scale::short(from)) }
            text.tick.middle x="180" y="116" { (scale::short(to)) }
        }
    }
}

/// From the left over the top.
fn arc(part: f64) -> String {
    let angle = std::f64::consts::PI * (1.0 - part);
    let (x, y) = (100.0 + 80.0 * angle.cos(), 100.0 - 80.0 * angle.sin());
    format!("M20 100A80 80 0 0 1 {x:.1} {y:.1}")
}

fn bars(series: &[Drawn]) -> Markup {
    let most = series.iter().filter_map(Drawn::last).fold(0.0, f64::max);
    html! {
        ul.bars {
            @for (place, one) in series.iter().take(MOST).enumerate() {
                @let part = one.last().map_or(0.0, |value| if most > 0.0 { (value / most).max(0.0) } else { 0.0 });
                @let own = one.colour.as_ref().map(super::Colour::code);
                li {
                    span { (one.label) }
                    svg aria-hidden="true" {
                        rect.fill.(if own.is_some() { String::new() } else { class(place) }) fill=[own] height="100%"
                            width=(format!("{:.1}%", part * 100.0)) rx="2" {}
                    }
                    b { (newest(one)) }
                }
            }
        }
    }
}

fn pie(title: &str, series: &[Drawn]) -> Markup {
    let value = |one: &Drawn| one.last().unwrap_or_default().max(0.0);
    let total: f64 = series.iter().map(value).sum();
    let mut from = 0.0;
    let mut parts = Vec::new();
    for (place, one) in series.iter().enumerate().take(MOST) {
        let part = if total > 0.0 { value(one) / total } else { 0.0 };
        if part > 0.0 {
            parts.push((place, one, from, from + part));
        }
        from += part;
    }
    html! {
        svg.pie viewBox="0 0 100 100" role="img" aria-label=(said(title, series)) {
            @for (place, one, from, to) in parts {
                @let own = one.colour.as_ref().map(super::Colour::code);
                path.fill.(if own.is_some() { String::new() } else { class(place) }) fill=[own] d=(slice(from, to)) {}
            }
        }
    }
}

fn slice(from: f64, to: f64) -> String {
    // A whole circle has no arc from a point to itself.
    let to = if to - from > 0.9999 { from + 0.9999 } else { to };
    let point = |part: f64| {
        let angle = std::f64::consts::TAU * (part - 0.25);
        format!("{:.2} {:.2}", 50.0 + 48.0 * angle.cos(), 50.0 + 48.0 * angle.sin())
    };
    let large = u8::from(to - from > 0.5);
    format!("M50 50L{}A48 48 0 {large} 1 {}Z", point(from), point(to))
}

fn table(series: &[Drawn]) -> Markup {
    let over = |one: &Drawn, pick: fn(f64, f64) -> f64| {
        let value = one.points.iter().flatten().copied().reduce(pick);
        value.map_or_else(|| "–".to_owned(), scale::short)
    };
    html! {
        div.scroll {
            table {
                thead { tr { th { "Label" } th.n { "Last" } th.n { "Min" } th.n { "Max" } } }
                tbody {
                    @for (place, one) in series.iter().take(MOST).enumerate() {
                        tr {
                            td { (swatch(one, place)) " " (one.label) }
                            td.n { (newest(one)) }
                            td.n { (over(one, f64::min)) }
                            td.n { (over(one, f64::max)) }
                        }
                    }
                }
            }
        }
    }
}
