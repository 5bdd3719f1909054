//! The whole dashboard as one SVG, for a document or a chat: no script, no style of a browser's, sizes fixed.

use maud::{Markup, PreEscaped, html};

use super::chart::scale;
use super::chart::value::newest;
use super::chart::{Plane, colour, line};
use super::document::Theme;
use super::layout::{Place, places};
use super::log;
use super::model::metric::View;
use super::model::{Kind, Widget};
use super::{Input, markdown, measured, reason};

/// Of the picture, and of its parts, in pixels.
const WIDTH: f64 = 1440.0;
const MARGIN: f64 = 16.0;
const GAP: f64 = 8.0;
const ROW: f64 = 44.0;
const HEAD: f64 = 44.0;
const LINE: f64 = 16.0;

const STYLE: &str = ".back{fill:var(--back)}.box{fill:var(--box);stroke:var(--edge)}text{font-family:'Noto Sans','DejaVu Sans','Liberation Sans',Arial,sans-serif;font-size:12px;fill:var(--text)}\
.title{font-size:13px;font-weight:bold}.head{font-size:18px;font-weight:bold}.heading{font-size:15px;font-weight:bold}.soft{fill:var(--soft)}.finding{fill:var(--warn)}.big{font-size:28px;font-weight:bold}\
.badge{fill:var(--warn);font-size:11px}.tick,.note{font-size:11px;fill:var(--soft)}.note{fill:var(--limit)}.end{text-anchor:end}.middle{text-anchor:middle}\
.line{fill:none;stroke-width:1.7;stroke-linejoin:round;stroke-linecap:round}.area{opacity:.28}.grid{stroke:var(--grid)}.limit{stroke:var(--limit);stroke-dasharray:5 4}";

/// The colours of the style, for one theme.
const LIGHT: [(&str, &str); 9] = [
    ("back", "#f3f4f6"),
    ("box", "#ffffff"),
    ("edge", "#e2e5ea"),
    ("text", "#16191f"),
    ("soft", "#5c6470"),
    ("grid", "#e8eaee"),
    ("limit", "#c2410c"),
    ("warn", "#92600a"),
    ("bad", "#b91c1c"),
];
const DARK: [(&str, &str); 9] = [
    ("back", "#0f1319"),
    ("box", "#181e27"),
    ("edge", "#2a323e"),
    ("text", "#e6e9ee"),
    ("soft", "#98a2b0"),
    ("grid", "#262e39"),
    ("limit", "#fb923c"),
    ("warn", "#f2c14e"),
    ("bad", "#f87171"),
];
const LIGHT_SERIES: [&str; 10] = [
    "#2563eb", "#ea580c", "#15924a", "#9333ea", "#dc2626", "#0e8ba8", "#b7850b", "#db2777", "#57606d",
    "#5b9a13",
];
const DARK_SERIES: [&str; 10] = [
    "#60a5fa", "#fb923c", "#4ade80", "#c084fc", "#f87171", "#22d3ee", "#facc15", "#f472b6", "#a3adba",
    "#a3e635",
];

/// Readers of pictures know no variables.
fn style(theme: Theme) -> String {
    let dark = theme == Theme::Dark;
    let mut style = STYLE.to_owned();
    for (name, colour) in if dark { DARK } else { LIGHT } {
        style = style.replace(&format!("var(--{name})"), colour);
    }
    for (place, code) in if dark { DARK_SERIES } else { LIGHT_SERIES }.into_iter().enumerate() {
        let class = colour::class(place);
        style.extend([".", &class, "{stroke:", code, "}.fill.", &class, "{fill:", code, ";stroke:none}"]);
    }
    style
}

/// A box in pixels.
#[derive(Clone, Copy)]
struct Area {
    x: f64,
    y: f64,
    width: f64,
    height: f64,
}

/// Draws everything.
pub fn picture(title: &str, notice: Option<&str>, input: &Input<'_>, theme: Theme) -> String {
    let unit = (WIDTH - 2.0 * MARGIN + GAP) / 24.0;
    let top = MARGIN + HEAD;
    let area = |place: &Place| Area {
        x: MARGIN + f64::from(place.x) * unit,
        y: top + f64::from(place.y) * (ROW + GAP),
        width: f64::from(place.width) * unit - GAP,
        height: f64::from(place.height) * (ROW + GAP) - GAP,
    };
    let all: Vec<(Area, &Widget)> = places(input.dashboard)
        .iter()
        .filter_map(|place| Some((area(place), input.dashboard.widgets.get(place.at)?)))
        .collect();
    let height = all.iter().map(|(area, _)| area.y + area.height).fold(top, f64::max) + MARGIN;
    let markup = html! {
        svg xmlns="http://www.w3.org/2000/svg" width=(WIDTH) height=(height) viewBox=(format!("0 0 {WIDTH} {height}")) {
            style { (PreEscaped(style(theme))) }
            rect.back width="100%" height="100%" {}
            text.head x=(MARGIN) y="38" { (title) }
            @if let Some(notice) = notice { text.badge.end x=(WIDTH - MARGIN) y="38" { (notice) } }
            @for (area, widget) in &all { (widget_box(*area, widget, input)) }
        }
    };
    markup.into_string()
}

fn widget_box(area: Area, widget: &Widget, input: &Input<'_>) -> Markup {
    let said = reason::of(widget.at, input.report);
    let bare = widget.height == 1 && matches!(widget.kind, Kind::Text(_));
    let notes: Vec<String> = said.iter().map(|finding| format!("⚠ {}", finding.message)).collect();
    let notes = wrapped(notes.iter().map(String::as_str), area.width - 20.0);
    let most_notes = if area.height > 150.0 { 3 } else { 1 };
    let notes: Vec<&String> = notes.iter().take(most_notes).collect();
    #[expect(clippy::cast_precision_loss, reason = "a few lines")]
    let below = notes.len() as f64 * LINE;
    let head = if widget.title.is_empty() { 6.0 } else { 28.0 };
    let inner = Area {
        x: area.x + 10.0,
        y: area.y + head,
        width: area.width - 20.0,
        height: (area.height - head - 8.0 - below).max(0.0),
    };
    let (body, sampled) = inside(inner, widget, input, &said);
    html! {
        @if !bare { rect.box x=(area.x) y=(area.y) width=(area.width) height=(area.height) rx="9" {} }
        @if !widget.title.is_empty() {
            text.title x=(area.x + 10.0) y=(area.y + 20.0) { (cut(&widget.title, area.width - if sampled { 110.0 } else { 20.0 }, 7.4)) }
        }
        @if sampled { text.badge.end x=(area.x + area.width - 10.0) y=(area.y + 20.0) { "sample data" } }
        (body)
        @for (place, note) in (0_u32..).zip(&notes) {
            text.finding x=(area.x + 10.0) y=(area.y + area.height - 8.0 - below + f64::from(place + 1) * LINE) { (note) }
        }
    }
}

fn inside(
    area: Area,
    widget: &Widget,
    input: &Input<'_>,
    said: &[&crate::provision::lint::Finding],
) -> (Markup, bool) {
    match &widget.kind {
        Kind::Text(text) => (headed(area, &markdown::lines(text)), false),
        Kind::Metric(metric) => {
            let (resolved, sampled) = measured(metric, input);
            let series = &resolved.series;
            if series.is_empty() {
                return (sentences(area, &reason::empty(&resolved, said).words), false);
            }
            let rows = area.height / LINE;
            let body = if metric.view == View::TimeSeries && rows >= 4.0 {
                let legend = legend(area, series);
                let graph = (area.height - legend.1 - 4.0).max(40.0);
                html! {
                    g transform=(format!("translate({} {})", area.x, area.y)) {
                        (line::graph(&widget.title, metric, series, input.range, Plane::Fixed(area.width, graph)))
                    }
                    (legend.0)
                }
            } else {
                numbers(area, series)
            };
            (body, sampled)
        }
        Kind::Log { query, .. } => {
            let sampled = input.sample.filter(|_| input.lines.is_empty());
            let lines = sampled.map_or(input.lines, |sample| sample.lines.as_slice());
            match log::rows(query, lines, input.range) {
                Ok(rows) => (listed(area, &rows), sampled.is_some()),
                Err(why) => (sentences(area, &[why]), false),
            }
        }
        Kind::Alarms(names) => (listed(area, names), false),
        Kind::Other(what) => (sentences(area, &[what.clone(), "It is not drawn here.".to_owned()]), false),
    }
}

/// The legend in lines at the bottom of an area, and how high it is.
fn legend(area: Area, series: &[super::series::Drawn]) -> (Markup, f64) {
    let entries: Vec<String> = series
        .iter()
        .take(12)
        .map(|one| format!("{}  {}", cut(&one.label, area.width - 90.0, 6.6), newest(one)))
        .collect();
    let (mut spots, mut x, mut row) = (Vec::new(), 0.0, 0_u32);
    for entry in &entries {
        let width = wide(entry, 6.6) + 28.0;
        if x > 0.0 && x + width > area.width {
            (x, row) = (0.0, row + 1);
        }
        spots.push((x, row));
        x += width;
    }
    let kept = row.min(2);
    let height = f64::from(kept + 1) * LINE;
    let top = area.y + area.height - height;
    let markup = html! {
        @for (place, ((x, row), entry)) in spots.iter().zip(&entries).enumerate() {
            @if *row <= kept {
                @let y = top + f64::from(*row) * LINE;
                @let own = series.get(place).and_then(|one| one.colour.as_ref()).map(colour::Colour::code);
                rect.fill.(if own.is_some() { String::new() } else { colour::class(place) }) fill=[own] x=(area.x + x) y=(y + 4.0) width="10" height="10" rx="2" {}
                text x=(area.x + x + 15.0) y=(y + 13.0) { (entry) }
            }
        }
    };
    (markup, height)
}

fn numbers(area: Area, series: &[super::series::Drawn]) -> Markup {
    let columns = u32::try_from(series.len().clamp(1, 4)).unwrap_or(1);
    let step = area.width / f64::from(columns);
    let most = columns * 3;
    html! {
        @for (place, one) in (0..most).zip(series) {
            @let x = area.x + f64::from(place % columns) * step;
            @let y = area.y + 26.0 + f64::from(place / columns) * 54.0;
            @if y + 18.0 < area.y + area.height + 10.0 {
                text.big x=(x) y=(y) { (newest(one)) }
                text.soft x=(x) y=(y + 16.0) { (cut(&one.label, step - 8.0, 6.6)) }
            }
        }
    }
}

fn headed(area: Area, lines: &[(String, bool)]) -> Markup {
    let mut spots = Vec::new();
    let mut y = area.y + 10.0;
    for (line, heading) in lines {
        for part in wrapped(std::iter::once(line.as_str()), area.width) {
            y += if *heading { 20.0 } else { LINE };
            if y < area.y + area.height + 8.0 {
                spots.push((y, part, *heading));
            }
        }
    }
    html! { @for (y, text, heading) in &spots { text.heading[*heading] x=(area.x) y=(y) { (text) } } }
}

fn sentences(area: Area, words: &[String]) -> Markup {
    let lines = wrapped(words.iter().map(String::as_str), area.width);
    let fit = lines.iter().take(6);
    html! {
        @for (place, line) in (0_u32..).zip(fit) {
            @let y = area.y + area.height / 2.0 + f64::from(place) * LINE;
            @if y < area.y + area.height + 8.0 { text.soft.middle x=(area.x + area.width / 2.0) y=(y) { (line) } }
        }
    }
}

fn listed(area: Area, rows: &[String]) -> Markup {
    html! {
        @for (place, row) in (0_u32..200).zip(rows) {
            @let y = area.y + 12.0 + f64::from(place) * LINE;
            @if y < area.y + area.height + 2.0 { text x=(area.x) y=(y) { (cut(row, area.width, 6.6)) } }
        }
    }
}

/// About: nobody measures text here.
fn wide(text: &str, of_one: f64) -> f64 {
    #[expect(clippy::cast_precision_loss, reason = "letters of a line")]
    let letters = text.chars().count() as f64;
    letters * of_one
}

fn cut(text: &str, width: f64, of_one: f64) -> String {
    if wide(text, of_one) <= width {
        return text.to_owned();
    }
    #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "letters of a line")]
    let letters = (width / of_one).max(1.0) as usize;
    text.chars().take(letters.saturating_sub(1)).chain(['…']).collect()
}

fn wrapped<'a>(texts: impl Iterator<Item = &'a str>, width: f64) -> Vec<String> {
    let mut lines = Vec::new();
    for text in texts {
        let mut line = String::new();
        for word in text.split_whitespace() {
            if !line.is_empty() && wide(&line, 6.6) + wide(word, 6.6) + 6.6 > width {
                lines.push(std::mem::take(&mut line));
            }
            if !line.is_empty() {
                line.push(' ');
            }
            line.push_str(&cut(word, width, 6.6));
        }
        lines.push(line);
        if lines.len() > 200 {
            break;
        }
    }
    lines.retain(|line| !line.is_empty());
    lines
}

/// What a picture of a made-up or real time says of itself.
pub fn stamp(range: super::series::Range) -> String {
    format!("{}–{} UTC", scale::at(range.from_s, "%Y-%m-%d %H:%M"), scale::at(range.to_s, "%H:%M"))
}
