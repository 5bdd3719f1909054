//! What was drawn of what is known, kept until it is another; and since when each part is as it is, so that a browser is
//! told only what is new to it.

use std::collections::BTreeMap;

use maud::Markup;

use super::state::{Known, RANGES, hash};
use crate::page::document::{self, Frame, Live, Page, Theme};
use crate::page::layout::{self, Place};
use crate::page::model::{Dashboard, Kind};
use crate::page::series::Range;
use crate::page::{self, Input, Panel, log};
use crate::provision::lint::{Report, lint};

/// Letters that can be looked for.
const MOST_ASKED: usize = 2000;
/// Searches whose answers are kept: those of so many open pages.
const MOST_FOUND: usize = 8;

/// What somebody asks for.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Asked {
    /// `1h`; what the data covers if it is none of them.
    pub range: String,
    /// Looked for in the lines.
    pub text: String,
    /// What of it is seen already; `None`: nothing.
    pub seen: Option<Seen>,
}

/// What a browser shows.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Seen {
    /// The state of it.
    pub since: u64,
    /// The state of what was found for this text; 0: another text's.
    pub found: u64,
    /// The range that is shown, whatever was asked for; empty where that is not said.
    pub range: String,
}

impl Asked {
    /// From the query of an address.
    pub fn read(query: &str) -> Self {
        let (mut asked, mut seen, mut found) = (Self::default(), Seen::default(), None);
        for (name, value) in form_urlencoded::parse(query.as_bytes()) {
            match name.as_ref() {
                "range" => asked.range = value.into_owned(),
                "q" => asked.text = value.chars().take(MOST_ASKED).collect(),
                "since" => seen.since = value.parse().unwrap_or_default(),
                "found" => found = value.parse().ok(),
                "shown" => seen.range = value.into_owned(),
                _ => {}
            }
        }
        seen.found = found.unwrap_or(seen.since);
        Self { seen: Some(seen), ..asked }
    }

    /// All of it, whatever is seen.
    #[must_use]
    pub fn whole(self) -> Self {
        Self { seen: None, ..self }
    }
}

/// What is drawn, as it was when it all began.
#[derive(Debug)]
pub struct Subject {
    title: String,
    host: String,
    dashboard: Dashboard,
    report: Report,
    places: Vec<Place>,
}

impl Subject {
    /// A dashboard, its text for `lint`, and what stands above it.
    pub fn new(title: String, host: String, (dashboard, text): (Dashboard, &[u8])) -> Self {
        let places = layout::places(&dashboard);
        Self { title, host, report: lint("dashboard", text), places, dashboard }
    }
}

/// All that was drawn.
#[derive(Debug)]
pub struct Drawn {
    /// Of the newest part of all.
    number: u64,
    strip: Since,
    views: BTreeMap<&'static str, View>,
    /// Used last, last.
    found: Vec<Found>,
}

/// What a part is, and the state since which it is that.
#[derive(Debug, Clone, Copy, Default)]
struct Since {
    hash: u64,
    number: u64,
}

impl Since {
    fn note(&mut self, hash: u64, number: &mut u64) {
        if self.hash != hash || self.number == 0 {
            *number += 1;
            *self = Self { hash, number: *number };
        }
    }
}

/// The number of what a part was drawn of, and the end of the range: another one, another part.
type Of = Option<(u64, i64)>;

/// What was drawn for one range.
#[derive(Debug, Default)]
struct View {
    boxes: Vec<(Of, Since)>,
    panels: Vec<Panel>,
    /// Which boxes are folded away: where they are others, the page is another.
    aside: Vec<bool>,
    frame: Since,
}

#[derive(Debug)]
struct Found {
    range: &'static str,
    text: String,
    of: Of,
    since: Since,
    markup: Markup,
}

impl Found {
    fn nothing(range: &'static str, text: &str) -> Self {
        let (of, since, markup) = (None, Since::default(), Markup::default());
        Self { range, text: text.to_owned(), of, since, markup }
    }
}

impl Drawn {
    /// Nothing yet. `number`: more than any state that a browser may know of before.
    pub fn new(number: u64) -> Self {
        Self { number, strip: Since::default(), views: BTreeMap::new(), found: Vec::new() }
    }

    /// What is known is read from its beginning: numbers of states begin anew.
    pub fn begin_anew(&mut self) {
        self.found.clear();
        self.views.values_mut().flat_map(|view| &mut view.boxes).for_each(|(of, _)| *of = None);
    }

    /// A page, or what is new on it.
    pub fn page(&mut self, subject: &Subject, known: &Known, asked: &Asked) -> Page {
        let (name, range) = known.range(&asked.range);
        self.strip.note(known.watched.hash, &mut self.number);
        self.draw(subject, known, name, range);
        self.find(known, (name, range), &asked.text);
        let part = |html: String| Page { html, policy: String::new() };
        let (Some(view), Some(found)) = (self.views.get(name), self.found.last()) else {
            return part(document::reload());
        };
        let new = |since: Since| asked.seen.as_ref().is_none_or(|seen| since.number > seen.since);
        let new_found = asked.seen.as_ref().is_none_or(|seen| found.since.number > seen.found);
        let names = RANGES.map(|(name, _)| name);
        let live = Live {
            since: self.number,
            ranges: (&names, name),
            asked: &asked.text,
            found: new_found.then_some(&found.markup),
        };
        let notice = known.notice(range);
        let frame = Frame {
            title: &subject.title,
            host: &subject.host,
            now_s: known.read_ms.unwrap_or_default().div_euclid(1000),
            range,
            theme: Theme::System,
            notice: notice.as_deref(),
            live: Some(&live),
        };
        let dashboard = &subject.dashboard;
        let standings = (known.watched.standings.as_slice(), known.watched.told.as_slice());
        if let Some(seen) = &asked.seen {
            // A state that never was is of a run whose clock was ahead.
            let other = !seen.range.is_empty() && seen.range != name;
            if new(view.frame) || other || seen.since > self.number {
                return part(document::reload());
            }
            let boxes = view.panels.iter().zip(&view.boxes).filter(|(_, (_, since))| new(*since));
            let boxes = boxes.filter_map(|(panel, _)| Some((dashboard.widgets.get(panel.at)?, panel)));
            return part(document::changes(&frame, boxes, new(self.strip).then_some(standings)));
        }
        let is_aside = |at: usize| view.aside.get(at).copied().unwrap_or_default();
        let shown = layout::without(dashboard, &subject.places, is_aside);
        let aside = layout::without(dashboard, &subject.places, |at| !is_aside(at));
        document::page(&frame, dashboard, &view.panels, (&shown, &aside), standings)
    }

    /// Draws boxes anew whose data is other data.
    fn draw(&mut self, subject: &Subject, known: &Known, name: &'static str, range: Range) {
        let view = self.views.entry(name).or_default();
        let input = Input {
            dashboard: &subject.dashboard,
            report: &subject.report,
            data: &known.history.measured.data,
            lines: &known.lines.all,
            alarms: &known.watched.standings,
            range,
            sample: None,
        };
        for (place, widget) in subject.dashboard.widgets.iter().enumerate() {
            let of = Some(match widget.kind {
                Kind::Metric(_) => (known.history.state, range.to_s),
                Kind::Log { .. } => (known.lines.state, range.to_s),
                Kind::Alarms(_) => (self.strip.number, 0),
                Kind::Text(_) | Kind::Other(_) => (0, 0),
            });
            if view.boxes.get(place).is_some_and(|(before, _)| *before == of) {
                continue;
            }
            let panel = page::panel(widget, &input);
            let mut since = view.boxes.get(place).map_or_else(Since::default, |(_, since)| *since);
            since.note(hash(&panel.content.0), &mut self.number);
            if let (Some(drawn), Some(before)) = (view.boxes.get_mut(place), view.panels.get_mut(place)) {
                (*drawn, *before) = ((of, since), panel);
            } else {
                view.boxes.push((of, since));
                view.panels.push(panel);
            }
        }
        let mut metrics = view.panels.iter().filter(|panel| panel.class == "metric");
        // Where nothing would be left, all stand as the file has them.
        let all = metrics.all(|panel| panel.elsewhere);
        view.aside = view.panels.iter().map(|panel| panel.elsewhere && !all).collect();
        view.frame.note(hash(&format!("{:?}", view.aside)), &mut self.number);
    }

    /// Searches anew if the lines are others; the answer is the last of `found` then.
    fn find(&mut self, known: &Known, (name, range): (&'static str, Range), text: &str) {
        let of = Some((known.lines.state, range.to_s));
        let place = self.found.iter().position(|found| found.range == name && found.text == text);
        let mut found = match place {
            Some(place) => self.found.remove(place),
            None => Found::nothing(name, text),
        };
        if found.of != of {
            found.of = of;
            found.markup = log::found(text, &known.lines.all, range);
            found.since.note(hash(&found.markup.0), &mut self.number);
        }
        if self.found.len() >= MOST_FOUND {
            self.found.remove(0);
        }
        self.found.push(found);
    }
}

#[cfg(test)]
mod tests {
    use super::super::sample::{NOW_MS, Sample};
    use super::super::{Settings, Source};
    use super::*;

    struct Page {
        sample: Sample,
        settings: Settings,
        subject: Subject,
        known: Known,
        drawn: Drawn,
    }

    impl Page {
        fn new() -> Self {
            let sample = Sample::new();
            let settings = sample.settings(Source::Nothing);
            let (dashboard, text) = &settings.dashboard;
            let subject = Subject::new("title".into(), "host".into(), (dashboard.clone(), text));
            let known = Known::new(&settings);
            Self { sample, settings, subject, known, drawn: Drawn::new(100) }
        }

        fn read(&mut self) {
            self.known.read(&self.settings, NOW_MS, None);
        }

        fn printed(&mut self, message: &str) {
            let line = log::Line {
                time_ms: NOW_MS - 1000,
                group: "/g".into(),
                stream: "i/c/1".into(),
                message: message.into(),
            };
            let all = [self.known.lines.all.clone(), vec![line]].concat();
            self.known.read(&self.settings, NOW_MS, Some((NOW_MS - 1000, Ok(all))));
        }

        fn ask(&mut self, asked: &Asked) -> String {
            self.drawn.page(&self.subject, &self.known, asked).html
        }

        /// Which parts are new to a browser that knows this state and looks for this, and the state it knows then.
        fn new_since(&mut self, (since, found): (u64, u64), text: &str) -> (Vec<&'static str>, u64) {
            let html =
                self.ask(&Asked::read(&format!("range=1h&q={text}&since={since}&found={found}&shown=1h")));
            let parts = [
                ("data-reload", "reload"),
                ("id=\"w0\"", "ours"),
                ("id=\"w1\"", "theirs"),
                ("id=\"w2\"", "lines"),
                ("id=\"w3\"", "text"),
                ("id=\"strip\"", "strip"),
                ("id=\"found\"", "found"),
            ];
            let parts =
                parts.into_iter().filter(|(mark, _)| html.contains(mark)).map(|(_, name)| name).collect();
            assert!(
                html.contains("data-reload")
                    || html.contains("id=\"clock\"") && html.contains("id=\"notice\""),
                "{html}"
            );
            (parts, self.drawn.number)
        }

        fn opened(&mut self) -> u64 {
            let html = self.ask(&Asked::read("range=1h").whole());
            assert!(html.contains(&format!("data-live=\"{}\"", self.drawn.number)), "{html}");
            self.drawn.number
        }
    }

    #[test]
    fn a_browser_is_told_what_is_new_to_it_and_nothing_else() {
        let mut page = Page::new();
        page.sample.measured("N", 5);
        page.read();
        let first = page.opened();
        assert_eq!(page.new_since((first, first), ""), (vec![], first), "nothing is");
        page.printed("a line");
        let (parts, second) = page.new_since((first, first), "");
        assert_eq!(parts, ["lines", "found"]);
        page.sample.measured("N", 12);
        page.read();
        let (parts, third) = page.new_since((second, second), "");
        assert_eq!(parts, ["ours"]);
        assert_eq!(page.new_since((third, third), "").0, [""; 0]);
        assert_eq!(
            page.new_since((first, first), "").0,
            ["ours", "lines", "found"],
            "another was away for longer"
        );
        // A line that no widget means and nobody looks for.
        page.printed("other");
        let (parts, fourth) = page.new_since((third, 0), "a+line");
        assert_eq!(parts, ["found"], "another text is looked for");
        page.printed("third");
        let (parts, fifth) = page.new_since((fourth, fourth), "a+line");
        assert_eq!(parts, ["found"], "it says of how many lines");
        assert_eq!(page.new_since((fifth, fifth), "a+line").0, [""; 0]);
    }

    #[test]
    fn a_page_that_is_another_is_loaded_again_once() {
        let mut page = Page::new();
        page.sample.measured("N", 5);
        page.read();
        let html = page.ask(&Asked::read("range=1h").whole());
        assert!(html.contains("1 widgets are about what only AWS measures"), "{html}");
        let first = page.opened();
        page.sample.measured("AWS/X", 5);
        page.read();
        assert_eq!(page.new_since((first, first), "").0, ["reload"], "what was folded away has data");
        assert!(!page.ask(&Asked::read("range=1h").whole()).contains("id=\"aside\""));
        let second = page.opened();
        assert_eq!(page.new_since((second, second), "").0, [""; 0]);
        for (unknown, why) in
            [(0, "no page"), (50, "an earlier run"), (second + 1000, "a run whose clock was ahead")]
        {
            assert_eq!(page.new_since((unknown, unknown), "").0, ["reload"], "{why}");
        }
        let other = page.ask(&Asked::read(&format!("since={second}&shown=15m&range=1h")));
        assert!(other.contains("data-reload"), "another range is meant than is shown");
        // Without a name, the range grows with the data.
        assert_eq!(page.known.range("").0, "15m");
        page.sample.measured("N", 40);
        page.read();
        assert_eq!((page.known.range("").0, page.known.range("15m").0), ("1h", "15m"));
    }

    #[test]
    fn what_did_not_change_is_not_searched_and_drawn_again() {
        let mut page = Page::new();
        page.printed("a line");
        page.opened();
        assert!(page.ask(&Asked::read("range=1h&q=line").whole()).contains("1 of 1 lines hold"));
        // Nobody says that the lines are others now: who looked would see it.
        page.known.lines.all.clear();
        let html = page.ask(&Asked::read("range=1h&q=line").whole());
        assert!(html.contains("1 of 1 lines hold") && html.contains("a line"), "{html}");
        assert!(page.ask(&Asked::read("range=1h&q=lin").whole()).contains("0 of 0 lines hold"));
        for n in 0..3 * MOST_FOUND {
            page.ask(&Asked::read(&format!("range=1h&q={n}")).whole());
        }
        assert_eq!(page.drawn.found.len(), MOST_FOUND, "memory has an end");
    }

    #[test]
    fn a_clock_that_was_set_back_and_data_that_is_read_anew() {
        let mut page = Page::new();
        page.sample.measured("N", 5);
        page.read();
        let first = page.opened();
        assert!(!page.known.is_due(NOW_MS + 1999) && page.known.is_due(NOW_MS + 2000));
        assert!(page.known.is_due(NOW_MS - 1), "what was read is of a time to come");
        page.known.read(&page.settings, NOW_MS - 3_600_000, None);
        assert_eq!(page.known.range("").0, "15m", "measures of a time to come have no age");
        assert!(page.known.notice(page.known.range("1h").1).is_none());
        page.read();
        let second = page.new_since((first, first), "").1;
        // All is let go and read again: it is the same.
        page.known = Known::new(&page.settings);
        page.drawn.begin_anew();
        page.read();
        assert_eq!(page.new_since((second, second), "").0, ["found"], "what was found is not kept");
    }

    #[test]
    fn what_cannot_be_read_is_said_on_the_page() {
        let mut page = Page::new();
        page.read();
        assert!(page.ask(&Asked::read("").whole()).contains("there are no measures of the last hours in "));
        page.sample.measured("N", 5);
        page.known.read(&page.settings, NOW_MS, Some((0, Err("no <Docker>".to_owned()))));
        let html = page.ask(&Asked::read("").whole());
        assert!(html.contains("id=\"notice\">no new log lines: no &lt;Docker&gt;</p>"), "{html}");
        page.read();
        page.known.lines.cut_ms = Some(NOW_MS - 1_800_000);
        assert!(page.ask(&Asked::read("range=1h").whole()).contains("more log lines than are kept"));
        assert!(page.ask(&Asked::read("range=15m").whole()).contains("id=\"notice\" hidden></p>"));
    }

    #[test]
    fn whatever_is_looked_for_is_answered() {
        let mut page = Page::new();
        page.printed("a line");
        let long = "x".repeat(3 * MOST_ASKED);
        assert_eq!(Asked::read(&format!("q={long}")).text.len(), MOST_ASKED);
        for text in [
            "%ff%00%1b".to_owned(),
            format!("filter%20{}", "(".repeat(MOST_ASKED)),
            format!("filter%20@message%20like%20/{}/", "(a{9}){9}".repeat(100)),
            (0..400).fold("fields%20".to_owned(), |all, n| all + "@message as a" + &n.to_string() + ","),
            "%F0%9F%92%A9".repeat(MOST_ASKED),
        ] {
            let html = page.ask(&Asked::read(&format!("range=1h&q={text}")).whole());
            assert!(html.contains("id=\"found\""), "{text}");
        }
    }
}
