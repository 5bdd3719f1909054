//! Graphs as SVG.
//!
//! Drawn here and not by a crate for plots: such a one writes colours and sizes into every element, where this page
//! needs classes for a dark and a light style, text that keeps its size while the graph takes the width of a phone,
//! and values beside the lines for whoever points at them. What is left after that are two scales and a path.
//!
//! A graph is drawn onto a [`Plane`]: fluid for the page, where text stands at a percentage, or of fixed size for a
//! picture, whose reader knows no percentages.

pub mod colour;
pub mod line;
pub mod scale;
pub mod value;

use std::fmt::Write as _;

use maud::{Markup, html};

use super::series::Drawn;
use colour::{Colour, class};

/// What is drawn onto, in units of a path.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Plane {
    /// As wide and as high as there is room.
    Fluid,
    /// So wide and so high.
    Fixed(f64, f64),
}

/// A fluid plane is stretched from this square.
const SQUARE: f64 = 1000.0;

impl Plane {
    fn size(self) -> (f64, f64) {
        match self {
            Self::Fluid => (SQUARE, SQUARE),
            Self::Fixed(width, height) => (width, height),
        }
    }

    /// Where text and straight lines stand: a fraction of the width.
    fn x(self, fraction: f64) -> String {
        match self {
            Self::Fluid => format!("{}%", rounded(fraction * 100.0)),
            Self::Fixed(width, _) => rounded(fraction * width),
        }
    }

    /// A fraction of the height, from above.
    fn y(self, fraction: f64) -> String {
        match self {
            Self::Fluid => format!("{}%", rounded(fraction * 100.0)),
            Self::Fixed(_, height) => rounded(fraction * height),
        }
    }

    /// A point of a path.
    fn point(self, out: &mut String, command: char, x: f64, y: f64) {
        let (width, height) = self.size();
        write!(out, "{command}{} {}", rounded(x * width), rounded(y * height)).unwrap_or_default();
    }
}

/// A tenth is less than anybody sees.
fn rounded(number: f64) -> String {
    let number = (number * 10.0).round() / 10.0;
    format!("{}", if number == 0.0 { 0.0 } else { number })
}

/// A square of a series' colour, for what is not the graph.
pub fn swatch(series: &Drawn, place: usize) -> Markup {
    html! {
        svg.swatch viewBox="0 0 10 10" aria-hidden="true" {
            @match &series.colour {
                Some(colour) => rect width="10" height="10" rx="2" fill=(colour.code()) {},
                None => rect.fill.(class(place)) width="10" height="10" rx="2" {},
            }
        }
    }
}

/// What a graph says to somebody who does not see it.
pub fn said(title: &str, series: &[Drawn]) -> String {
    const MOST: usize = 8;
    let value = |series: &Drawn| series.last().map_or_else(|| "no value".to_owned(), scale::short);
    let mut words: Vec<String> =
        series.iter().take(MOST).map(|series| format!("{} {}", series.label, value(series))).collect();
    if series.len() > MOST {
        words.push(format!("and {} more", series.len() - MOST));
    }
    format!("{}: {}", if title.is_empty() { "Graph" } else { title }, words.join(", "))
}
