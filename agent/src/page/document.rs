//! The page itself: head, alarms, boxes, lines; and the parts of it that change.
//!
//! It takes nothing from elsewhere. Style and script stand in it and are allowed by their hashes alone: whatever got
//! into the markup by mistake would still not run.

use std::fmt::Write as _;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use maud::{DOCTYPE, Markup, PreEscaped, html};
use sha2::{Digest, Sha256};

use super::alarm::{Standing, Told, strip};
use super::chart::scale;
use super::layout::Place;
use super::model::{Dashboard, Kind, Widget};
use super::series::Range;
use super::{Panel, reason};
use crate::provision::lint::Finding;

const STYLE: &str = include_str!("document/style.css");
const SCRIPT: &str = include_str!("document/script.js");
/// Otherwise a browser asks for one.
const ICON: &str = "data:image/svg+xml,%3Csvg xmlns='http://www.w3.org/2000/svg' viewBox='0 0 16 16'%3E%3Crect width='16' \
                    height='16' rx='4' fill='%232563eb'/%3E%3Cpath d='M3 11l3-4 3 2 4-5' fill='none' stroke='%23fff' \
                    stroke-width='2'/%3E%3C/svg%3E";
/// Seconds after which a browser without scripts asks again.
const AGAIN_S: u32 = 30;

/// Light, dark, or as the system is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Theme {
    /// What the system says.
    #[default]
    System,
    /// Always.
    Light,
    /// Always.
    Dark,
}

/// What stands around the boxes.
#[derive(Debug, Clone, Copy)]
pub struct Frame<'a> {
    /// The page's title.
    pub title: &'a str,
    /// Whose data it is.
    pub host: &'a str,
    /// When it was drawn.
    pub now_s: i64,
    /// Which time it shows.
    pub range: Range,
    /// Light or dark.
    pub theme: Theme,
    /// What is to be known of the whole.
    pub notice: Option<&'a str>,
    /// Of a page that is served.
    pub live: Option<&'a Live<'a>>,
}

/// What a served page has more.
#[derive(Debug, Clone, Copy)]
pub struct Live<'a> {
    /// The state that it shows.
    pub since: u64,
    /// Which times can be shown: `1h`; and which is.
    pub ranges: (&'a [&'a str], &'a str),
    /// What is looked for in the lines.
    pub asked: &'a str,
    /// What was found; `None` where that is known.
    pub found: Option<&'a Markup>,
}

/// A page, and the policy that lets it and nothing else run.
#[derive(Debug, Clone)]
pub struct Page {
    /// The whole document.
    pub html: String,
    /// Of `Content-Security-Policy`.
    pub policy: String,
}

/// What is in a widget's box.
pub(super) fn panel(widget: &Widget, body: &Markup, said: &[&Finding], sampled: bool) -> Markup {
    html! {
        @if !widget.title.is_empty() || sampled {
            h2 {
                bdi { (widget.title) }
                @if sampled { span.badge { "sample data" } }
            }
        }
        div.body { (body) }
        (reason::findings(said))
    }
}

/// A box.
pub fn section(widget: &Widget, panel: &Panel) -> Markup {
    // A heading between boxes is no box.
    let bare = widget.height == 1 && matches!(widget.kind, Kind::Text(_));
    html! {
        section.w.(panel.class).bare[bare] id=(format!("w{}", panel.at)) { (panel.content) }
    }
}

/// The whole page. `standings` is nothing where nobody watches.
pub fn page(
    frame: &Frame<'_>,
    dashboard: &Dashboard,
    panels: &[Panel],
    (shown, aside): (&[Place], &[Place]),
    standings: (&[Standing], &[Told]),
) -> Page {
    let mut style = STYLE.to_owned();
    let mut rows = |places: &[Place]| {
        for Place { at, x, y, width, height } in places {
            write!(style, "#w{at}{{grid-area:{}/{}/span {height}/span {width}}}", y + 1, x + 1)
                .unwrap_or_default();
        }
    };
    rows(shown);
    rows(aside);
    let policy = policy(&style);
    let boxes = |places: &[Place]| {
        html! {
            main {
                @for place in places {
                    @if let (Some(widget), Some(panel)) = (dashboard.widgets.get(place.at), panels.get(place.at)) {
                        (section(widget, panel))
                    }
                }
            }
        }
    };
    let theme = match frame.theme {
        Theme::System => None,
        Theme::Light => Some("light"),
        Theme::Dark => Some("dark"),
    };
    let html = html! {
        (DOCTYPE)
        html lang="en" data-theme=[theme] {
            head {
                meta charset="utf-8";
                meta http-equiv="Content-Security-Policy" content=(policy.replace("; frame-ancestors 'none'", ""));
                meta name="viewport" content="width=device-width, initial-scale=1";
                meta name="referrer" content="no-referrer";
                @if frame.live.is_some() { noscript { meta http-equiv="refresh" content=(AGAIN_S); } }
                title { (frame.title) " · " (frame.host) }
                link rel="icon" href=(ICON);
                style { (PreEscaped(&style)) }
            }
            body data-live=[frame.live.map(|live| live.since)] {
                (header(frame))
                (notice(frame))
                @if frame.live.is_some() || !standings.0.is_empty() { (strip(standings.0, standings.1)) }
                (boxes(shown))
                @if !aside.is_empty() {
                    details.more #aside {
                        summary { (aside.len()) " widgets are about what only AWS measures" }
                        (boxes(aside))
                    }
                }
                @if let Some(live) = frame.live { (search(live)) }
                footer { "Drawn by starttech-agent from " @if frame.live.is_some() { "this host's data" } @else { "a dashboard's JSON" } ". Times are UTC." }
                script { (PreEscaped(SCRIPT)) }
            }
        }
    };
    Page { html: html.into_string(), policy }
}

fn header(frame: &Frame<'_>) -> Markup {
    html! {
        header {
            h1 { bdi { (frame.title) } }
            span.host { (frame.host) }
            (clock(frame))
            nav aria-label="Time shown" {
                @if let Some(live) = frame.live {
                    @for range in live.ranges.0 {
                        @let current = (*range == live.ranges.1).then_some("page");
                        a href=(link(range, live.asked)) aria-current=[current] { (range) }
                    }
                }
                button #theme type="button" hidden title="Light or dark" { "◐" }
            }
        }
    }
}

/// Where a page is served it has a place, for what is to be known later.
fn notice(frame: &Frame<'_>) -> Markup {
    html! {
        @if frame.live.is_some() || frame.notice.is_some() {
            p.notice #notice hidden[frame.notice.is_none()] { (frame.notice.unwrap_or_default()) }
        }
    }
}

fn link(range: &str, asked: &str) -> String {
    let mut query = form_urlencoded::Serializer::new(String::new());
    query.append_pair("range", range);
    if !asked.is_empty() {
        query.append_pair("q", asked);
    }
    format!("?{}", query.finish())
}

/// When it was drawn, and what time is shown.
fn clock(frame: &Frame<'_>) -> Markup {
    let format = "%H:%M";
    html! {
        span #clock {
            (scale::at(frame.range.from_s, format)) "–" (scale::at(frame.range.to_s, format))
            " · " (scale::at(frame.now_s, "%Y-%m-%d %H:%M:%S UTC"))
        }
    }
}

fn search(live: &Live<'_>) -> Markup {
    html! {
        section #search aria-label="Lines" {
            form method="get" action="" role="search" {
                input type="search" name="q" value=(live.asked) maxlength="2000" autocomplete="off" spellcheck="false"
                    aria-label="Look for lines" placeholder="Look for lines: plain text, or a query such as  filter level = \"ERROR\" | stats count(*) by path";
                input type="hidden" name="range" value=(live.ranges.1);
                button { "Search" }
            }
            (found(live))
        }
    }
}

/// Apart from the field, which stays as it is typed in.
fn found(live: &Live<'_>) -> Markup {
    html! { @if let Some(found) = live.found { div #found.found { (found) } } }
}

/// The parts that are new since another state: boxes, alarms and what was found if they are; the clock always is.
pub fn changes<'a>(
    frame: &Frame<'_>,
    boxes: impl Iterator<Item = (&'a Widget, &'a Panel)>,
    standings: Option<(&[Standing], &[Told])>,
) -> String {
    let markup = html! {
        div #changes data-since=[frame.live.map(|live| live.since)] {
            (clock(frame))
            (notice(frame))
            @if let Some((standings, told)) = standings { (strip(standings, told)) }
            @for (widget, panel) in boxes { (section(widget, panel)) }
            @if let Some(live) = frame.live { (found(live)) }
        }
    };
    markup.into_string()
}

/// What tells a page that more than its parts is another now.
pub fn reload() -> String {
    html! { div #changes data-reload="1" {} }.into_string()
}

fn policy(style: &str) -> String {
    let hash = |text: &str| STANDARD.encode(Sha256::digest(text.as_bytes()));
    format!(
        "default-src 'none'; style-src 'sha256-{}'; script-src 'sha256-{}'; connect-src 'self'; img-src data:; \
         form-action 'self'; base-uri 'none'; frame-ancestors 'none'",
        hash(style),
        hash(SCRIPT)
    )
}
