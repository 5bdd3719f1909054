//! A dashboard: its widgets together. Each of them is `widget.rs`'s.
//!
//! It does not know what a dashboard should show.

use super::Findings;
use super::json::{Node, Value};
use super::rule;
use super::shape::Place;
use super::widget;

/// <https://docs.aws.amazon.com/AmazonCloudWatch/latest/APIReference/CloudWatch-Dashboard-Body-Structure.html>
const MOST_WIDGETS: usize = 500;
const MOST_VARIABLES: usize = 25;

pub(super) fn judge(place: &Place, out: &mut Findings) {
    let path = |rest: &str| super::shape::below(&place.path, rest);
    let Some(widgets) = place.node.get("widgets") else { return };
    if !widgets.is_array() {
        if !matches!(widgets.value, Value::Unknown) {
            let message = format!("\"widgets\" is an array, not {}", widgets.kind());
            out.add(
                &rule::WIDGET,
                place.text.origin(widgets.at()),
                path("widgets"),
                message,
                "write \"widgets\": […]",
            );
        }
        return;
    }
    let items = widgets.items();
    if items.len() > MOST_WIDGETS {
        let message = format!("{} widgets are more than {MOST_WIDGETS}", items.len());
        out.add(
            &rule::DASHBOARD_LIMIT,
            place.text.origin(widgets.at()),
            path("widgets"),
            message,
            "make two dashboards",
        );
    }
    let allowed = variables(&place.node, place.filled_in);
    for (index, item) in items.iter().enumerate() {
        let path = path(&format!("widgets[{index}]"));
        widget::judge(
            &Place { node: item.clone(), path, text: place.text.clone(), filled_in: place.filled_in },
            &allowed,
            out,
        );
    }
    if items.len() <= MOST_WIDGETS {
        overlaps(place, items, out);
    }
}

/// What a dashboard's variables replace in its text: it may look like anything.
fn variables(dashboard: &Node, filled_in: bool) -> Vec<String> {
    let variables = dashboard.get("variables").map(Node::items).unwrap_or_default();
    let pattern = |variable: &Node| variable.text("pattern").map(str::to_owned);
    variables
        .iter()
        .take(MOST_VARIABLES)
        .filter_map(pattern)
        .chain(filled_in.then(|| "${".to_owned()))
        .collect()
}

/// Left, top, right and bottom, if a widget says where it is.
fn area(widget: &Node) -> Option<(f64, f64, f64, f64)> {
    let number = |key: &str| widget.get(key).and_then(Node::number);
    let (x, y) = (number("x")?, number("y")?);
    Some((x, y, x + number("width").unwrap_or(6.0), y + number("height").unwrap_or(6.0)))
}

fn overlaps(place: &Place, widgets: &[Node], out: &mut Findings) {
    let areas: Vec<_> = widgets.iter().map(area).collect();
    for (index, area) in areas.iter().enumerate() {
        let Some(here) = area else { continue };
        let before = areas.iter().take(index).position(|other| {
            other.is_some_and(|there| {
                here.0 < there.2 && there.0 < here.2 && here.1 < there.3 && there.1 < here.3
            })
        });
        if let (Some(before), Some(widget)) = (before, widgets.get(index)) {
            let path = super::shape::below(&place.path, &format!("widgets[{index}]"));
            let message = format!("the widget lies on widgets[{before}], and CloudWatch moves one of them");
            out.add(
                &rule::WIDGET_OVERLAP,
                place.text.origin(widget.at()),
                path,
                message,
                "give it a place of its own",
            );
        }
    }
}
