//! A graph over time: lines, or areas upon one another, with axes, lines across and moments.

use maud::{Markup, html};

use super::colour::class;
use super::scale::{self, Scale};
use super::{Plane, said};
use crate::page::model::metric::{Axis, Metric};
use crate::page::series::{Drawn, Range};

/// Steps of the value axis, about.
const STEPS: f64 = 4.0;
/// Ticks of the time axis, at most: what is readable on a phone.
const TIMES: i64 = 6;
/// A line across that is so many times above all values is told, not drawn: the values would be flat.
const FAR: f64 = 12.0;
/// Around the plane of a fixed graph: left, top, right and bottom. The style has the same for the page.
const MARGIN: (f64, f64, f64, f64) = (46.0, 10.0, 12.0, 22.0);
const SECOND_AXIS: f64 = 46.0;
/// From this share of the width on, half a time would stand out to the right of what `MARGIN` leaves.
const LATE: f64 = 0.95;

/// A graph, and where on it what stands.
struct Graph<'a> {
    metric: &'a Metric,
    series: &'a [Drawn],
    /// What is drawn of each: upon one another, those below added.
    tops: Vec<Vec<Option<f64>>>,
    range: Range,
    plane: Plane,
    left: Scale,
    right: Option<Scale>,
}

/// Draws the series of a widget.
pub fn graph(title: &str, metric: &Metric, series: &[Drawn], range: Range, plane: Plane) -> Markup {
    let tops = tops(series, metric.stacked);
    let right = series.iter().any(|series| series.right).then(|| axis(metric, series, &tops, true));
    let left = axis(metric, series, &tops, false);
    let (outer, inner) = match plane {
        Plane::Fluid => (None, plane),
        Plane::Fixed(width, height) => {
            let second = if right.is_some() { SECOND_AXIS } else { 0.0 };
            let inner_width = (width - MARGIN.0 - MARGIN.2 - second).max(10.0);
            let inner_height = (height - MARGIN.1 - MARGIN.3).max(10.0);
            (Some((MARGIN.0, MARGIN.1)), Plane::Fixed(inner_width, inner_height))
        }
    };
    let graph = Graph { metric, series, tops, range, plane: inner, left, right };
    if let Some((x, y)) = outer {
        return html! { g transform=(format!("translate({x} {y})")) { (graph.inside()) } };
    }
    html! {
        svg.chart role="img" aria-label=(said(title, series)) data-from=(range.from_s) data-to=(range.to_s) {
            svg.plot.two[graph.right.is_some()] { (graph.inside()) }
        }
    }
}

/// What is drawn of each series.
fn tops(series: &[Drawn], stacked: bool) -> Vec<Vec<Option<f64>>> {
    let mut tops: Vec<Vec<Option<f64>>> = Vec::new();
    for (place, one) in series.iter().enumerate() {
        let below = series.iter().zip(&tops).take(place).rev().find(|(other, _)| {
            stacked && (other.right, other.start_s, other.step_s) == (one.right, one.start_s, one.step_s)
        });
        let top = match below {
            Some((_, below)) => one
                .points
                .iter()
                .zip(below)
                .map(|(point, below)| match (point, below) {
                    (None, None) => None,
                    (point, below) => Some(point.unwrap_or_default() + below.unwrap_or_default()),
                })
                .collect(),
            None => one.points.clone(),
        };
        tops.push(top);
    }
    tops
}

fn axis(metric: &Metric, series: &[Drawn], tops: &[Vec<Option<f64>>], right: bool) -> Scale {
    let Axis { min, max, .. } = if right { &metric.right } else { &metric.left };
    let mine = series.iter().zip(tops).filter(|(series, _)| series.right == right);
    let values: Vec<f64> = mine.flat_map(|(_, points)| points.iter().flatten().copied()).collect();
    let most = values.iter().copied().fold(min.unwrap_or(0.0).max(0.0), f64::max);
    let across = metric.horizontal.iter().filter(|line| line.right == right).map(|line| line.value);
    let near = across.filter(|value| *value <= most.max(f64::MIN_POSITIVE) * FAR);
    // Areas begin at nought.
    let nought = metric.stacked.then_some(0.0);
    Scale::of(values.iter().copied().chain(near).chain(nought), *min, *max, STEPS)
}

impl Graph<'_> {
    fn inside(&self) -> Markup {
        html! {
            (self.axes())
            (self.moments())
            (self.lines())
            (self.across())
        }
    }

    fn time(&self, time_s: i64) -> f64 {
        #[expect(clippy::cast_precision_loss, reason = "seconds of a graph")]
        let place = (time_s - self.range.from_s) as f64 / (self.range.to_s - self.range.from_s).max(1) as f64;
        place
    }

    fn axes(&self) -> Markup {
        let plane = self.plane;
        html! {
            @for tick in &self.left.ticks {
                @let y = plane.y(1.0 - self.left.place(*tick));
                line.grid x1="0" x2=(plane.x(1.0)) y1=(y) y2=(y) {}
                text.tick.end x="-6" y=(y) dy=".32em" { (scale::short(*tick)) }
            }
            @if let Some(right) = &self.right {
                @for tick in &right.ticks {
                    text.tick x=(plane.x(1.0)) dx="6" y=(plane.y(1.0 - right.place(*tick))) dy=".32em" {
                        (scale::short(*tick))
                    }
                }
            }
            @for (time, text) in scale::times(self.range.from_s, self.range.to_s, TIMES) {
                @let share = self.time(time);
                @let x = plane.x(share);
                line.grid.faint x1=(x) x2=(x) y1="0" y2=(plane.y(1.0)) {}
                // Never both: the later rule of the style would win.
                text.tick.middle[share <= LATE].end[share > LATE] x=(x) y=(plane.y(1.0)) dy="15" { (text) }
            }
        }
    }

    fn lines(&self) -> Markup {
        // Those behind last in a stack would hide those before.
        let mut order: Vec<usize> = (0..self.series.len()).collect();
        if self.metric.stacked {
            order.reverse();
        }
        let paths = html! {
            @for place in order {
                @if let (Some(series), Some(top)) = (self.series.get(place), self.tops.get(place)) {
                    @if self.metric.stacked { (self.path(series, top, place, true)) }
                    (self.path(series, top, place, false))
                }
            }
        };
        match self.plane {
            Plane::Fluid => {
                html! { svg.lines viewBox="0 0 1000 1000" preserveAspectRatio="none" { (paths) } }
            }
            Plane::Fixed(..) => paths,
        }
    }

    /// A line or, below it, its area.
    fn path(&self, series: &Drawn, top: &[Option<f64>], place: usize, area: bool) -> Markup {
        let scale = self.right.as_ref().filter(|_| series.right).unwrap_or(&self.left);
        let ground = 1.0 - scale.place(0.0);
        let mut path = String::new();
        // Where the stretch without a gap began and ended.
        let mut stretch: Option<(f64, f64, f64, usize)> = None;
        let close = |path: &mut String, stretch: &mut Option<(f64, f64, f64, usize)>| {
            if let Some((first, last, y, count)) = stretch.take() {
                if area {
                    self.plane.point(path, 'L', last, ground);
                    self.plane.point(path, 'L', first, ground);
                    path.push('Z');
                } else if count == 1 {
                    // A dot: a line of no length has round ends.
                    self.plane.point(path, 'L', last, y);
                }
            }
        };
        let mut time_s = series.start_s;
        for value in top {
            let x = self.time(time_s);
            time_s += series.step_s;
            match value.filter(|_| (0.0..=1.0).contains(&x)) {
                Some(value) => {
                    let y = 1.0 - scale.place(value);
                    let (first, count) = stretch.map_or((x, 0), |(first, _, _, count)| (first, count));
                    self.plane.point(&mut path, if count == 0 { 'M' } else { 'L' }, x, y);
                    stretch = Some((first, x, y, count + 1));
                }
                None => close(&mut path, &mut stretch),
            }
        }
        close(&mut path, &mut stretch);
        let own = series.colour.as_ref().map(super::Colour::code);
        if area {
            let class = if own.is_some() { String::new() } else { class(place) };
            return html! { path.area.fill.(class) d=(path) fill=[own] {} };
        }
        let fluid = self.plane == Plane::Fluid;
        let class = if own.is_some() { String::new() } else { class(place) };
        html! {
            path.line.(class) d=(path) stroke=[own] vector-effect=[fluid.then_some("non-scaling-stroke")]
                data-label=[fluid.then_some(&series.label)] data-start=[fluid.then_some(series.start_s)]
                data-step=[fluid.then_some(series.step_s)] data-values=[fluid.then(|| values(&series.points))] {}
        }
    }

    fn across(&self) -> Markup {
        let plane = self.plane;
        html! {
            @for line in &self.metric.horizontal {
                @let scale = self.right.as_ref().filter(|_| line.right).unwrap_or(&self.left);
                @let own = line.colour.as_ref().map(super::Colour::code);
                @let name = if line.label.is_empty() { scale::short(line.value) } else {
                    format!("{} {}", line.label, scale::short(line.value))
                };
                @if scale.holds(line.value) {
                    @let share = 1.0 - scale.place(line.value);
                    @let y = plane.y(share);
                    line.limit x1="0" x2=(plane.x(1.0)) y1=(y) y2=(y) stroke=[own] {}
                    text.note.end x=(plane.x(1.0)) dx="-3" y=(y) dy=(if share < 0.12 { "12" } else { "-4" }) { (name) }
                } @else if scale.is_above(line.value) {
                    text.note.end x=(plane.x(1.0)) dx="-3" y="0" dy="10" { "↑ " (name) }
                }
            }
        }
    }

    fn moments(&self) -> Markup {
        let plane = self.plane;
        html! {
            @for moment in &self.metric.vertical {
                @let share = self.time(moment.at_s);
                @if (0.0..=1.0).contains(&share) {
                    @let x = plane.x(share);
                    line.limit x1=(x) x2=(x) y1="0" y2=(plane.y(1.0)) stroke=[moment.colour.as_ref().map(super::Colour::code)] {}
                    text.note.end[share > 0.6] x=(x) y="0" dx=(if share > 0.6 { "-4" } else { "4" }) dy="10" { (moment.label) }
                }
            }
        }
    }
}

/// For whoever points at a line: of four digits, nothing where there is none.
fn values(points: &[Option<f64>]) -> String {
    let mut out = String::new();
    for (share, point) in points.iter().enumerate() {
        if share > 0 {
            out.push(',');
        }
        if let Some(value) = point {
            out.push_str(&scale::short(*value));
        }
        if out.len() > 60_000 {
            break;
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use serde_json::json;

    use super::*;
    use crate::page::model::{Dashboard, Kind};

    #[test]
    fn times_stand_within_the_graph_at_every_minute() {
        let widget = json!({ "widgets": [{ "type": "metric", "properties": { "metrics": [["N", "M"]] } }] });
        let dashboard = Dashboard::read(&widget.to_string()).unwrap();
        let Kind::Metric(metric) = &dashboard.widgets[0].kind else { panic!("{dashboard:?}") };
        let label = regex::Regex::new(r#"<text class="([a-z ]+)" x="([0-9.]+)" y="[0-9.]+" dy="15">([^<]+)"#)
            .unwrap();
        let (width, right) = (240.0, MARGIN.2);
        let mut seen = BTreeMap::new();
        for to_s in (1_790_000_000..1_790_000_000 + 1800).step_by(60) {
            let range = Range { from_s: to_s - 10_800, to_s };
            let plane = Plane::Fixed(width + MARGIN.0 + right, 190.0);
            let drawn = graph("", metric, &[], range, plane).into_string();
            for (_, [class, x, text]) in label.captures_iter(&drawn).map(|found| found.extract()) {
                // A browser draws five characters of this size 31.7 wide.
                let long = 31.7 / 5.0 * f64::from(u8::try_from(text.len()).unwrap());
                let x: f64 = x.parse().unwrap();
                let end = match class {
                    "tick middle" => x + long / 2.0,
                    "tick end" => x,
                    _ => panic!("{class}"),
                };
                assert!(end <= width + right, "{text} ends {end} in {drawn}");
                *seen.entry(class.to_owned()).or_insert(0) += 1;
            }
        }
        assert!(seen.values().all(|count| *count > 3) && seen.len() == 2, "{seen:?}");
    }
}
