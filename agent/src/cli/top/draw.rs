//! Draws what `top` shows, on whatever there is of a terminal: what does not fit is left out, the most important last.

use ratatui::Frame;
use ratatui::layout::{Constraint, Layout, Rect};
use ratatui::style::{Color, Modifier, Style};
use ratatui::text::{Line, Span};
use ratatui::widgets::{Cell, Paragraph, Row, Table};

use super::rates::{Row as Shown, View};
use crate::cli::status::words::{bytes, count, cut, length, percent, rate, safe, seconds};
use crate::control::Status;
use crate::control::status::{Read, Service};

const HEAD: Style = Style::new().add_modifier(Modifier::BOLD);
const BAD: Style = Style::new().fg(Color::Red).add_modifier(Modifier::BOLD);
const GOOD: Style = Style::new().fg(Color::Green);
const DIM: Style = Style::new().fg(Color::DarkGray);
/// Below so many columns a container has its name and its lines only.
const NARROW: u16 = 60;
/// What is said of problems and alerts takes no more rows.
const MOST_BAD: usize = 6;

/// Everything.
pub(super) fn draw(frame: &mut Frame<'_>, view: &View) {
    let area = frame.area();
    let Some(status) = &view.status else { return };
    let width = usize::from(area.width);
    let head = head(view, status, width);
    let bad = bad(view, status, width);
    // A container or two are to be seen on any terminal.
    let room = usize::from(area.height).saturating_sub(4);
    let head_rows = rows(head.len().min(room.max(1)));
    let bad_rows = rows(bad.len().min(room.saturating_sub(usize::from(head_rows))));
    let [at_head, at_bad, at_containers, at_keys] = Layout::vertical([
        Constraint::Length(head_rows),
        Constraint::Length(bad_rows),
        Constraint::Min(0),
        Constraint::Length(1),
    ])
    .areas(area);
    frame.render_widget(Paragraph::new(head), at_head);
    frame.render_widget(Paragraph::new(bad), at_bad);
    containers(frame, view, status, at_containers);
    let paused = if view.is_paused { "PAUSED  " } else { "" };
    let keys = format!("{paused}q quit  p pause  s sort: {}", view.sort.name());
    frame.render_widget(Paragraph::new(Line::styled(cut(&keys, width), DIM)), at_keys);
}

fn rows(count: usize) -> u16 {
    u16::try_from(count).unwrap_or(u16::MAX)
}

fn head(view: &View, status: &Status, width: usize) -> Vec<Line<'static>> {
    let up = length(status.now_ms - status.started_ms);
    let state = match (&view.trouble, view.problems.len()) {
        (Some(_), _) => Span::styled("no answer", BAD),
        (None, 0) => Span::styled("all is well", GOOD),
        (None, wrong) => Span::styled(format!("{wrong} wrong"), BAD),
    };
    let memory = status.memory_bytes.map(|memory| format!("  {}", bytes(memory))).unwrap_or_default();
    let host = safe(&status.host.instance_id);
    let mut lines = vec![Line::from(vec![
        Span::styled(cut(&host, width / 2), HEAD),
        Span::raw("  "),
        state,
        Span::raw(format!("  up {up}{memory}")),
    ])];
    if let Some(metrics) = &status.metrics {
        let get = |name: &str| metrics.get(name, None);
        let shown = |name: &str| get(name).map_or_else(|| "-".to_owned(), percent);
        let disk = metrics
            .all("disk_used_percent")
            .map(|disk| disk.value)
            .fold(None, |most: Option<f64>, value| Some(most.map_or(value, |most| most.max(value))));
        let disk = disk.map_or_else(|| "-".to_owned(), percent);
        let health = match get("health_up") {
            None => "-",
            Some(up) if up >= 1.0 => "up",
            Some(_) => "DOWN",
        };
        lines.push(Line::raw(cut(
            &format!(
                "host      cpu {}  mem {}  disk {disk}  health {health}",
                shown("cpu_usage_active"),
                shown("mem_used_percent")
            ),
            width,
        )));
        let or = |value: Option<f64>, form: fn(f64) -> String| value.map_or_else(|| "-".to_owned(), form);
        let mut words = format!(
            "requests  {}  5xx {}  errors {}",
            or(view.rates.requests, rate),
            or(view.rates.bad_percent, percent),
            or(view.rates.errors, rate)
        );
        if let Some([p50, p95, p99]) = metrics.find("response_time", None).and_then(|time| time.quantiles) {
            let times = format!("  p50 {} p95 {} p99 {}", seconds(p50), seconds(p95), seconds(p99));
            words.push_str(&times);
        }
        lines.push(Line::raw(cut(&words, width)));
    }
    for service in &status.services {
        lines.push(delivery(service, status.now_ms, view, width));
    }
    lines
}

fn delivery(service: &Service, now_ms: i64, view: &View, width: usize) -> Line<'static> {
    let shipped = match (service.kind.as_str(), view.rates.shipped) {
        ("logs", Some(shipped)) => format!("  {}", rate(shipped)),
        _ => String::new(),
    };
    let last = service.last_delivery_ms.map_or_else(|| "none".to_owned(), |at| length(now_ms - at));
    let words = format!(
        "{:<9} {}{shipped}  last {last}  lag {}  spool {}",
        service.kind,
        count(service.delivered),
        length(service.lag_ms(now_ms)),
        bytes(service.spool_bytes)
    );
    let missing = if service.lost > 0 { format!("  {} lost", count(service.lost)) } else { String::new() };
    let style = if service.failing_since_ms.is_some() { BAD } else { Style::new() };
    Line::styled(cut(&format!("{words}{missing}"), width), style)
}

fn bad(view: &View, status: &Status, width: usize) -> Vec<Line<'static>> {
    let mut lines = Vec::new();
    let trouble = view.trouble.iter().flat_map(|words| words.lines().take(1));
    let wrong = trouble.map(safe).chain(view.problems.iter().map(|problem| safe(&problem.what)));
    for words in wrong.take(MOST_BAD) {
        lines.push(Line::styled(cut(&format!("✗ {words}"), width), BAD));
    }
    let quiet =
        status.alerts.iter().flat_map(|alerts| &alerts.open).filter(|open| open.silenced || open.ending);
    for open in quiet.take(2) {
        let why = if open.ending { "about to end" } else { "silenced" };
        lines.push(Line::raw(cut(&format!("• {} ({why}): {}", open.rule, safe(&open.words)), width)));
    }
    // What went wrong and is over.
    let over = status.services.iter().filter(|service| service.failing_since_ms.is_none());
    for service in over {
        if let Some(error) = &service.last_error {
            let words = format!(
                "{}: last error {} ago: {}",
                service.kind,
                length(status.now_ms - error.at_ms),
                safe(&error.words)
            );
            lines.push(Line::styled(cut(&words, width), DIM));
        }
    }
    lines
}

fn containers(frame: &mut Frame<'_>, view: &View, status: &Status, area: Rect) {
    let all = view.containers();
    let scroll = view.scroll.min(view.last());
    let narrow = area.width < NARROW;
    let titles = ["CONTAINER", "LINES/S", "CPU", "MEMORY", "LINES", "LAST", "BEHIND"];
    let shown = if narrow { 2 } else { titles.len() };
    let cells = |row: &Shown<'_>| {
        let container = row.container;
        let lines = match (container.read, row.lines) {
            (Read::Unreadable | Read::NotReadable, _) => "UNREAD".to_owned(),
            (Read::LeftOut | Read::Itself | Read::Nowhere, _) => "skipped".to_owned(),
            (_, lines) => lines.map_or_else(|| "-".to_owned(), rate),
        };
        let or = |value: Option<f64>| value.map_or_else(|| "-".to_owned(), percent);
        let last = container.last_line_ms.map_or_else(|| "-".to_owned(), |at| length(status.now_ms - at));
        [
            safe(&container.name),
            lines,
            or(row.cpu),
            or(row.memory),
            count(container.lines),
            last,
            container.behind_bytes.map_or_else(|| "-".to_owned(), bytes),
        ]
    };
    let rows = all.iter().skip(scroll).map(|row| {
        let style = match row.container.read {
            Read::Unreadable | Read::NotReadable => BAD,
            _ if row.container.removed => DIM,
            _ => Style::new(),
        };
        Row::new(cells(row).into_iter().take(shown).map(Cell::new)).style(style)
    });
    let wide = [
        Constraint::Min(14),
        Constraint::Length(9),
        Constraint::Length(7),
        Constraint::Length(7),
        Constraint::Length(11),
        Constraint::Length(9),
        Constraint::Length(9),
    ];
    let widths: Vec<Constraint> = wide.into_iter().take(shown).collect();
    let header = Row::new(titles.into_iter().take(shown)).style(HEAD);
    frame.render_widget(Table::new(rows, widths).header(header), area);
}

#[cfg(test)]
mod tests;
