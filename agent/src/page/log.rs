//! Log lines: what log widgets ask, and what somebody looks for.
//!
//! Queries are `insights`' affair; here is what of its answers is shown.

use maud::{Markup, html};

use super::chart::scale;
use super::series::Range;
use crate::insights::{Event, Query, Table};
use crate::logs::severity::Severity;

/// Rows of a widget, and of what was looked for.
const MOST_ROWS: usize = 50;
const MOST_FOUND: usize = 200;
/// Characters of a cell: what is longer is in the file.
const MOST_CHARACTERS: usize = 600;
/// What asks there is no visitor; what it is told counts all the same.
const HEALTH_PATH: &str = "/health";
/// Of all cells together: a query may ask for a hundred columns.
const MOST_SHOWN: usize = 1 << 20;

/// A line as it was shipped.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Line {
    /// In milliseconds since the epoch.
    pub time_ms: i64,
    /// Its log group.
    pub group: std::sync::Arc<str>,
    /// Its stream.
    pub stream: std::sync::Arc<str>,
    /// The message.
    pub message: String,
}

/// What a query gives, or why it cannot be answered.
fn ask(query: &str, lines: &[Line]) -> Result<Table, String> {
    let query = Query::parse(query).map_err(|fault| fault.to_string())?;
    let of_groups =
        |line: &&Line| query.groups().is_empty() || query.groups().iter().any(|group| **group == *line.group);
    let events = lines.iter().filter(of_groups).map(|line| Event {
        time_ms: line.time_ms,
        ingested_ms: line.time_ms,
        group: &line.group,
        stream: &line.stream,
        message: &line.message,
    });
    Ok(query.run(events))
}

fn within(lines: &[Line], range: Range) -> &[Line] {
    let first = lines.partition_point(|line| line.time_ms < range.from_s * 1000);
    let last = lines.partition_point(|line| line.time_ms < range.to_s * 1000);
    lines.get(first..last.max(first)).unwrap_or_default()
}

/// A log widget's content. `view`: what `CloudWatch` draws of the rows; here they are a table.
pub fn widget(query: &str, view: &str, lines: &[Line], range: Range) -> Markup {
    let lines = within(lines, range);
    match ask(query, lines) {
        Err(why) => html! { div.empty { p { (why) } } },
        Ok(_) if lines.is_empty() => html! { div.empty { p { "No line of this host in this time." } } },
        Ok(table) if table.rows.is_empty() => html! {
            div.empty { p { "None of " (table.scanned) " lines in this time is meant." } }
        },
        Ok(table) => html! {
            (shown(&table, MOST_ROWS))
            @if let Some(view) = graph(view) { p.sum { "In CloudWatch this is " (view) "; here are its rows." } }
        },
    }
}

fn graph(view: &str) -> Option<&'static str> {
    Some(match view {
        "timeSeries" => "a graph over time",
        "bar" => "a bar chart",
        "pie" => "a pie chart",
        _ => return None,
    })
}

/// What somebody looked for: a query where it begins like one, else lines that hold the text. `limit exceeded` begins
/// like one and is meant as text.
pub fn found(asked: &str, lines: &[Line], range: Range) -> Markup {
    let lines = within(lines, range);
    let asked = asked.trim();
    html! {
        @if is_query(asked) {
            @match ask(asked, lines) {
                Err(why) if asked.contains(['|', '=', '"', '\'', '(', '<', '>', '@', '/']) => p.why { (why) },
                Err(why) => {
                    (lines_with(asked, lines))
                    p.sum { "Looked for as text: as a query it is not understood. " (why) }
                }
                Ok(table) => {
                    p.sum { (table.rows.len()) " rows from " (table.matched) " of " (table.scanned) " lines" }
                    (shown(&table, MOST_FOUND))
                }
            }
        } @else { (lines_with(asked, lines)) }
    }
}

/// The commands that a query begins with.
const COMMANDS: [&str; 12] = [
    "fields", "filter", "stats", "sort", "limit", "parse", "display", "dedup", "source", "pattern", "diff",
    "unmask",
];

fn is_query(asked: &str) -> bool {
    let first = asked.split_whitespace().next().unwrap_or_default().to_ascii_lowercase();
    COMMANDS.contains(&first.as_str()) && asked.contains(' ')
}

fn lines_with(asked: &str, lines: &[Line]) -> Markup {
    let wanted = asked.to_lowercase();
    let holds = |line: &&Line| {
        // Most lines are ASCII, where a copy in small letters can be spared for those that hold it as it is.
        wanted.is_empty() || line.message.contains(asked) || line.message.to_lowercase().contains(&wanted)
    };
    let mut count = 0_usize;
    let mut newest: Vec<&Line> = Vec::new();
    for line in lines.iter().rev().filter(holds) {
        count += 1;
        if newest.len() < MOST_FOUND {
            newest.push(line);
        }
    }
    html! {
        p.sum {
            (count) " of " (lines.len()) " lines"
            @if !asked.is_empty() { " hold “" (asked) "”" }
            @if count > newest.len() { ", the newest " (newest.len()) " of them" }
        }
        div.scroll.tall {
            table.lines {
                tbody {
                    @for line in newest {
                        tr {
                            td.time { (time(line.time_ms)) }
                            td.stream { (container(&line.stream)) }
                            td.message.(level(&line.message)) { (clipped(&line.message)) }
                        }
                    }
                }
            }
        }
    }
}

/// `i-0abc/web/4f2a…` is `web`.
fn container(stream: &str) -> &str {
    stream.rsplit('/').nth(1).unwrap_or(stream)
}

fn level(message: &str) -> &'static str {
    match Severity::of(message, HEALTH_PATH) {
        Severity::Error | Severity::Fatal => "bad",
        Severity::Warn => "warning",
        _ => "",
    }
}

/// How many rows have no more than `MOST_SHOWN` characters in their cells, at most so many.
fn fitting(table: &Table, most: usize) -> usize {
    let mut characters = 0;
    let fits = |row: &&Vec<Option<String>>| {
        characters += row.iter().flatten().map(|cell| cell.len().min(MOST_CHARACTERS)).sum::<usize>();
        characters <= MOST_SHOWN
    };
    table.rows.iter().take(most).take_while(fits).count()
}

fn shown(table: &Table, most: usize) -> Markup {
    let most = fitting(table, most);
    let numbers: Vec<bool> = (0..table.columns.len())
        .map(|at| {
            let mut cells = table.rows.iter().filter_map(|row| row.get(at)?.as_deref());
            let any = table.rows.iter().any(|row| row.get(at).is_some_and(Option::is_some));
            any && cells.all(|cell| cell.parse::<f64>().is_ok())
        })
        .collect();
    let number = |at: usize| numbers.get(at).copied().unwrap_or_default();
    html! {
        div.scroll {
            table {
                thead { tr { @for (at, column) in table.columns.iter().enumerate() { th.n[number(at)] { (column) } } } }
                tbody {
                    @for row in table.rows.iter().take(most) {
                        tr {
                            @for (at, cell) in row.iter().enumerate() {
                                td.n[number(at)] { (cell.as_deref().map(clipped).unwrap_or_default()) }
                            }
                        }
                    }
                }
            }
            @if let Some(cut) = &table.cut { p.why { (cut) } }
            @if table.rows.len() > most { p.sum { "and " (table.rows.len() - most) " more rows" } }
        }
    }
}

fn time(ms: i64) -> String {
    format!("{}.{:03}", scale::at(ms.div_euclid(1000), "%H:%M:%S"), ms.rem_euclid(1000))
}

fn clipped(text: &str) -> String {
    match text.char_indices().nth(MOST_CHARACTERS) {
        Some((at, _)) => text.get(..at).unwrap_or_default().to_owned() + " …",
        None => text.to_owned(),
    }
}

/// A widget's rows as lines of text, for a picture.
pub(super) fn rows(query: &str, lines: &[Line], range: Range) -> Result<Vec<String>, String> {
    let table = ask(query, within(lines, range))?;
    let row = |row: &Vec<Option<String>>| {
        let cells: Vec<&str> = row.iter().map(|cell| cell.as_deref().unwrap_or("–")).collect();
        cells.join("   ")
    };
    let head = table.columns.join("   ");
    Ok(std::iter::once(head).chain(table.rows.iter().take(MOST_ROWS).map(row)).collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn line(second: i64, message: &str) -> Line {
        Line { time_ms: second * 1000, group: "g".into(), stream: "i/web/0".into(), message: message.into() }
    }

    fn found_in(asked: &str, lines: &[Line]) -> String {
        found(asked, lines, Range { from_s: 0, to_s: 3600 }).into_string()
    }

    #[test]
    fn words_that_begin_like_a_query_are_looked_for_too() {
        let lines = [line(1, "limit exceeded: a1"), line(2, "parse error: b2"), line(3, "c3")];
        for (asked, hit, miss) in [("limit exceeded", "a1", "b2"), ("parse error", "b2", "a1")] {
            let page = found_in(asked, &lines);
            assert!(page.contains(hit) && !page.contains(miss), "{page}");
            assert!(page.contains("1 of 3 lines") && page.contains("Looked for as text"), "{page}");
        }
        let fault = found_in("filter level =", &lines);
        assert!(fault.contains("class=\"why\"") && !fault.contains("lines"), "meant as a query: {fault}");
        assert!(found_in("stats count(*)", &lines).contains("3 of 3 lines"));
    }

    #[test]
    fn the_page_judges_a_line_as_the_command_does() {
        for (message, class) in [
            (r#"{"level":"ERROR","msg":"a"}"#, "message bad"),
            (r#"{"level": 50, "msg": "pino"}"#, "message bad"),
            ("panic: runtime error: b", "message bad"),
            (r#"{"severity":"WARNING","msg":"c"}"#, "message warning"),
            (r#"{"level":"INFO","msg":"\"level\":\"ERROR\""}"#, "message "),
        ] {
            let page = found_in("", &[line(1, message)]);
            assert!(page.contains(&format!("class=\"{class}\"")), "{message}: {page}");
        }
    }

    #[test]
    fn what_is_a_graph_in_cloudwatch_and_what_was_cut_is_said() {
        let range = Range { from_s: 0, to_s: 3600 };
        let drawn = |view| widget("stats count(*) by bin(5m)", view, &[line(1, "a")], range).into_string();
        assert!(drawn("timeSeries").contains("In CloudWatch this is a graph over time"));
        assert!(!drawn("table").contains("CloudWatch") && !drawn("").contains("CloudWatch"));
        let cut = Table { cut: Some("of the first 7 events".to_owned()), ..Table::default() };
        assert!(shown(&cut, MOST_ROWS).into_string().contains("of the first 7 events"));
    }
}
