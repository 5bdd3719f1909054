//! What is known of this host at a moment: measures, alerts, lines, and how the alarms stand.
//!
//! It is read again when somebody asks and it is older than two seconds. How it is drawn is not known here.

use std::hash::{DefaultHasher, Hash, Hasher};

use super::history::History;
use super::lines::Lines;
use super::{Settings, Source};
use crate::page::alarm::{self, Standing, Told};
use crate::page::log::Line;
use crate::page::series::Range;

/// Which times can be shown, in seconds.
pub const RANGES: [(&str, i64); 3] = [("15m", 900), ("1h", 3600), ("3h", LONGEST_S)];
const LONGEST_S: i64 = 10_800;
/// Kept besides what is shown: alarms look back from its beginning.
const MORE_S: i64 = 3600;
/// Nothing is read again sooner, whoever asks.
const AGE_MS: i64 = 2000;

/// Lines that somebody told, from a time on in milliseconds since the epoch; or why there are none.
pub type Telling = (i64, Result<Vec<Line>, String>);

/// Everything that a page is made from.
#[derive(Debug)]
pub struct Known {
    /// What was measured and told.
    pub history: History,
    /// Log lines.
    pub lines: Lines,
    /// When it was read; `None` before.
    pub read_ms: Option<i64>,
    /// How the alarms stand.
    pub watched: Watched,
    /// What could not be read, and why.
    troubles: Vec<String>,
}

/// How the alarms stand, and what was told.
#[derive(Debug, Default)]
pub struct Watched {
    of: Option<(u64, i64)>,
    /// The alarms.
    pub standings: Vec<Standing>,
    /// Messages of the daemon's own.
    pub told: Vec<Told>,
    /// Tells them from others.
    pub hash: u64,
    unfit: Vec<String>,
}

impl Known {
    /// Nothing yet.
    pub fn new(settings: &Settings) -> Self {
        Self {
            history: History::new(settings.history.clone()),
            lines: Lines::default(),
            read_ms: None,
            watched: Watched::default(),
            troubles: Vec::new(),
        }
    }

    /// Whether it is too old to be shown. A clock that was set back makes it so, too.
    pub fn is_due(&self, now_ms: i64) -> bool {
        self.read_ms.is_none_or(|read_ms| now_ms < read_ms || now_ms - read_ms >= AGE_MS)
    }

    /// From when on lines are to be told, in milliseconds since the epoch.
    pub fn ask_from(&self, now_ms: i64) -> i64 {
        self.lines.ask_from(now_ms, now_ms - LONGEST_S * 1000)
    }

    /// Reads what is new, and evaluates the alarms.
    pub fn read(&mut self, settings: &Settings, now_ms: i64, telling: Option<Telling>) {
        self.read_ms = Some(now_ms);
        let before_ms = now_ms - LONGEST_S * 1000;
        let mut troubles = Vec::new();
        if let Err(error) = self.history.refresh(before_ms.div_euclid(1000) - MORE_S) {
            troubles.push(format!("{} cannot be read: {error}", self.history.directory().display()));
        }
        match (&settings.lines, telling) {
            (Source::Directory(root), _) => self.lines.refresh(root, before_ms),
            (_, Some((since_ms, Ok(lines)))) => self.lines.tell(lines, since_ms, before_ms),
            (_, Some((_, Err(why)))) => troubles.push(format!("no new log lines: {why}")),
            _ => {}
        }
        if troubles != self.troubles {
            for trouble in &troubles {
                log::warn!("the page shows not all there is: {trouble}");
            }
            self.troubles = troubles;
        }
        self.watch(settings, now_ms.div_euclid(1000));
    }

    fn watch(&mut self, settings: &Settings, now_s: i64) {
        let of = (self.history.state, now_s.div_euclid(60));
        if self.watched.of == Some(of) {
            return;
        }
        let measured = &self.history.measured;
        let (alarms, composites) = (settings.alarms)(&measured.group);
        let (standings, unfit) = match alarm::standings(&alarms, &composites, &measured.data, now_s) {
            Ok(standings) => (standings, Vec::new()),
            Err(unfit) => {
                (Vec::new(), unfit.iter().map(|unfit| format!("{}: {}", unfit.alarm, unfit.why)).collect())
            }
        };
        let told = alarm::told(self.history.messages.iter().map(String::as_str));
        let hash = hash(&alarm::strip(&standings, &told).0);
        self.watched = Watched { of: Some(of), standings, told, hash, unfit };
    }

    /// The range that is meant, and its name; without one, the shortest that shows all there is.
    pub fn range(&self, asked: &str) -> (&'static str, Range) {
        let now_s = self.read_ms.unwrap_or_default().div_euclid(1000);
        let age_s = self.history.measured.data.span_s().map_or(0, |(first, _)| now_s - first);
        let named = RANGES.into_iter().find(|(name, _)| *name == asked);
        let fitting = || RANGES.into_iter().find(|(_, length_s)| age_s <= *length_s);
        let (name, length_s) = named.or_else(fitting).unwrap_or(("3h", LONGEST_S));
        // A minute is what moves: with every second all would be new.
        let to_s = now_s.div_euclid(60) * 60 + 60;
        (name, Range { from_s: to_s - length_s, to_s })
    }

    /// What is to be known of a page of this range.
    pub fn notice(&self, range: Range) -> Option<String> {
        let measured = &self.history.measured;
        let nothing = self.troubles.is_empty() && measured.data.span_s().is_none();
        let directory = self.history.directory().display();
        let more = |what: &str| format!("there are more {what} than are kept: the oldest are left out");
        let lines_cut = self.lines.cut_ms.is_some_and(|cut_ms| cut_ms >= range.from_s * 1000);
        let cut = measured.cut_s.is_some_and(|cut_s| cut_s > range.from_s);
        let notes = [
            nothing.then(|| format!("there are no measures of the last hours in {directory}")),
            lines_cut.then(|| more("log lines")),
            cut.then(|| more("measures")),
        ];
        let unfit = self.watched.unfit.iter().cloned();
        let all: Vec<String> =
            self.troubles.iter().cloned().chain(unfit).chain(notes.into_iter().flatten()).collect();
        (!all.is_empty()).then(|| all.join("; "))
    }
}

/// Tells a text from others.
pub fn hash(text: &str) -> u64 {
    let mut hasher = DefaultHasher::new();
    text.hash(&mut hasher);
    hasher.finish()
}
