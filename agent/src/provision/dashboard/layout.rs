//! The grid: rows close up where widgets were left out, and what is left of a row takes all of its width.
//!
//! Knows nothing of what a widget shows, but that a text of one line is the heading of what follows it.

use serde_json::{Map, Value};

/// Columns of the grid.
/// <https://docs.aws.amazon.com/AmazonCloudWatch/latest/APIReference/CloudWatch-Dashboard-Body-Structure.html>
pub(in crate::provision) const COLUMNS: u64 = 24;

/// Puts the widgets into rows, in the order in which they stand; those with the same `y` are one row.
pub(super) fn arrange(widgets: Vec<Map<String, Value>>) -> Vec<Value> {
    let mut rows: Vec<(u64, Vec<Map<String, Value>>)> = Vec::new();
    for widget in widgets {
        let y = number(&widget, "y");
        match rows.last_mut() {
            Some((of, row)) if *of == y => row.push(widget),
            _ => rows.push((y, vec![widget])),
        }
    }
    let headings: Vec<bool> = rows.iter().map(|(_, row)| row.iter().all(is_heading)).collect();
    let mut arranged = Vec::new();
    let mut y = 0;
    for (at, (_, mut row)) in rows.into_iter().enumerate() {
        let heads_nothing = headings.get(at + 1).copied().unwrap_or(true);
        if headings.get(at).copied().unwrap_or(false) && heads_nothing {
            continue;
        }
        let widths: u64 = row.iter().map(|widget| number(widget, "width")).sum();
        let count = u64::try_from(row.len()).unwrap_or(1).max(1);
        let (mut x, mut height) = (0, 0);
        for (index, widget) in row.iter_mut().enumerate() {
            let mut width = number(widget, "width");
            if widths != COLUMNS {
                let rest = u64::from(u64::try_from(index).unwrap_or_default() < COLUMNS % count);
                width = COLUMNS / count + rest;
            }
            for (key, value) in [("x", x), ("y", y), ("width", width)] {
                widget.insert(key.to_owned(), value.into());
            }
            x += width;
            height = height.max(number(widget, "height"));
        }
        y += height;
        arranged.extend(row.into_iter().map(Value::Object));
    }
    arranged
}

fn is_heading(widget: &Map<String, Value>) -> bool {
    widget.get("type").and_then(Value::as_str) == Some("text") && number(widget, "height") == 1
}

fn number(widget: &Map<String, Value>, key: &str) -> u64 {
    widget.get(key).and_then(Value::as_u64).unwrap_or_default()
}
