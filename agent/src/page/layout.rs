//! Where widgets stand: as the file says, without overlaps and without rows that nothing stands in.

use super::model::{COLUMNS, Dashboard, Kind, Widget};

/// A widget's box on the grid, from 0.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Place {
    /// The widget's place in the file.
    pub at: usize,
    /// Column.
    pub x: u32,
    /// Row.
    pub y: u32,
    /// Columns.
    pub width: u32,
    /// Rows.
    pub height: u32,
}

impl Place {
    fn covers(&self, other: &Self) -> bool {
        self.x < other.x + other.width
            && other.x < self.x + self.width
            && self.y < other.y + other.height
            && other.y < self.y + self.height
    }
}

/// Places for all.
pub fn places(dashboard: &Dashboard) -> Vec<Place> {
    let mut places: Vec<Place> = Vec::new();
    // What says nothing of its place stands beside what was before, or below.
    let (mut x, mut y, mut row) = (0, 0, 0);
    for Widget { at, corner, width, height, .. } in &dashboard.widgets {
        let (at, width, height) = (*at, *width, *height);
        let mut place = if let Some((x, y)) = *corner {
            Place { at, x, y, width, height }
        } else {
            if x + width > COLUMNS {
                (x, y, row) = (0, y + row, 0);
            }
            let place = Place { at, x, y, width, height };
            x += width;
            row = row.max(height);
            place
        };
        // Below whatever it lies on. Each step is below one widget more, so that it ends.
        while let Some(other) = places.iter().find(|other| other.covers(&place)) {
            place.y = other.y + other.height;
        }
        places.push(place);
    }
    close_up(&mut places);
    places
}

/// Takes rows out that nothing stands in.
fn close_up(places: &mut [Place]) {
    places.sort_by_key(|place| (place.y, place.x));
    // Where everything before ends, in the file's rows, and how many rows were empty.
    let (mut end, mut gap) = (0, 0);
    for place in places {
        gap += place.y.saturating_sub(end);
        end = end.max(place.y + place.height);
        place.y -= gap;
    }
}

/// Without some widgets: rows that lost one share its width, and a heading of nothing goes.
pub fn without(dashboard: &Dashboard, places: &[Place], gone: impl Fn(usize) -> bool) -> Vec<Place> {
    let mut rows: Vec<Vec<Place>> = Vec::new();
    for place in places.iter().filter(|place| !gone(place.at)) {
        match rows.last_mut() {
            Some(row) if row.first().is_some_and(|first| first.y == place.y) => row.push(*place),
            _ => rows.push(vec![*place]),
        }
    }
    let is_heading = |row: &Vec<Place>| {
        row.iter().all(|place| {
            place.height == 1
                && dashboard.widgets.get(place.at).is_some_and(|widget| matches!(widget.kind, Kind::Text(_)))
        })
    };
    let headings: Vec<bool> = rows.iter().map(is_heading).collect();
    let mut kept = Vec::new();
    let mut y = 0;
    for (index, mut row) in rows.into_iter().enumerate() {
        let heading = headings.get(index).copied().unwrap_or_default();
        if heading && headings.get(index + 1).copied().unwrap_or(true) {
            continue;
        }
        let was: u32 = places
            .iter()
            .filter(|place| row.iter().any(|kept| kept.y == place.y))
            .map(|place| place.width)
            .sum();
        let is: u32 = row.iter().map(|place| place.width).sum();
        let count = u32::try_from(row.len()).unwrap_or(1).max(1);
        let (mut x, mut height) = (0, 0);
        for (index, place) in (0..).zip(&mut row) {
            if is < was && was <= COLUMNS {
                // The row's own width is what is shared.
                place.width = was / count + u32::from(index < was % count);
                place.x = x;
            }
            place.y = y;
            x = place.x + place.width;
            height = height.max(place.height);
        }
        y += height;
        kept.extend(row);
    }
    kept
}

#[cfg(test)]
mod tests {
    use super::*;

    fn dashboard(widgets: &str) -> Dashboard {
        Dashboard::read(&format!(r#"{{"widgets":[{widgets}]}}"#)).unwrap()
    }

    fn shown(places: &[Place]) -> Vec<(usize, u32, u32, u32, u32)> {
        places.iter().map(|place| (place.at, place.x, place.y, place.width, place.height)).collect()
    }

    #[test]
    fn widgets_stand_where_the_file_says_and_never_upon_one_another() {
        let all = dashboard(
            r#"{"type":"text","x":0,"y":0,"width":12,"height":2},{"type":"text","x":6,"y":1,"width":12,"height":3},
            {"type":"text","x":0,"y":100,"width":3,"height":1},{"type":"text","x":0,"y":200,"width":3,"height":1}"#,
        );
        assert_eq!(
            shown(&places(&all)),
            [(0, 0, 0, 12, 2), (1, 6, 2, 12, 3), (2, 0, 5, 3, 1), (3, 0, 6, 3, 1)]
        );
    }

    #[test]
    fn what_says_no_place_stands_beside_the_one_before() {
        let one = r#"{"type":"text","width":9,"height":4}"#;
        let all = dashboard(&[one; 4].join(","));
        assert_eq!(
            shown(&places(&all)),
            [(0, 0, 0, 9, 4), (1, 9, 0, 9, 4), (2, 0, 4, 9, 4), (3, 9, 4, 9, 4)]
        );
    }

    #[test]
    fn what_is_left_of_a_row_takes_its_width() {
        let all = dashboard(
            r#"{"type":"text","x":0,"y":0,"width":24,"height":1},{"type":"metric","x":0,"y":1,"width":12},
            {"type":"text","x":0,"y":7,"width":24,"height":1},{"type":"metric","x":0,"y":8,"width":8},
            {"type":"metric","x":8,"y":8,"width":8},{"type":"metric","x":16,"y":8,"width":8}"#,
        );
        let kept = without(&all, &places(&all), |at| at == 1 || at == 4);
        assert_eq!(shown(&kept), [(2, 0, 0, 24, 1), (3, 0, 1, 12, 6), (5, 12, 1, 12, 6)]);
    }
}
