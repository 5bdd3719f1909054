//! A test file: from its TOML to a suite, with every fault at once.
//!
//! Whether the alarms and metrics that it names are there, `bind` knows.

use std::ops::Range;

use toml::Spanned;
use toml::de::{DeTable, DeValue};

use super::notation::{self, LONGEST, moment, states, values};
use super::{Expect, Fault, Series, Suite, Test};
use crate::alarms::evaluate::State;

/// `metric = "0x5"`, or with an interval of its own.
const SERIES_KEYS: &[&str] = &["values", "interval"];
const EXPECT_KEYS: &[&str] = &["states", "at", "messages"];
const TEST_KEYS: &[&str] = &["name", "start", "interval", "series", "expect"];
const SUITE_KEYS: &[&str] = &["alarms", "rules", "without", "test"];

/// Reads a test file. What could be read is there even if there are faults, so that the rest can be checked.
pub fn read(text: &str) -> (Suite, Vec<Fault>) {
    let (table, errors) = DeTable::parse_recoverable(text);
    let mut file = File { text, faults: Vec::new() };
    for error in &errors {
        let at = error.span().unwrap_or_default().start;
        file.fault(at, error.message(), "correct the TOML of this line");
    }
    let mut suite = Suite::default();
    for (key, value) in sorted(table.get_ref()) {
        match key.get_ref().as_ref() {
            "alarms" => suite.alarms = file.texts(value, "write a list of files: alarms = [\"alarms.json\"]"),
            "without" => {
                suite.without = file.texts(value, "write a list of parts: without = [\"target_group\"]");
            }
            "rules" => match value.get_ref() {
                DeValue::Boolean(yes) => suite.rules = yes.then(|| value.span().start),
                _ => file.fault(value.span().start, "true or false is wanted here", "write rules = true"),
            },
            "test" => suite.tests = file.tests(value),
            _ => file.unknown(key, "a test file", SUITE_KEYS),
        }
    }
    if suite.tests.is_empty() && file.faults.is_empty() {
        file.fault(0, "there is no test in this file", "begin one with [[test]]");
    }
    let mut faults = file.faults;
    faults.sort_by_key(|fault| fault.at);
    (suite, faults)
}

type Key<'a> = Spanned<std::borrow::Cow<'a, str>>;
type Value<'a> = Spanned<DeValue<'a>>;

struct File<'a> {
    text: &'a str,
    faults: Vec<Fault>,
}

/// In the order in which it is written.
fn sorted<'t, 'a>(table: &'t DeTable<'a>) -> Vec<(&'t Key<'a>, &'t Value<'a>)> {
    let mut all: Vec<_> = table.iter().collect();
    all.sort_by_key(|(key, _)| key.span().start);
    all
}

impl File<'_> {
    fn fault(&mut self, at: usize, what: impl Into<String>, mend: impl Into<String>) {
        self.faults.push(Fault::new(at, what, mend));
    }

    fn unknown(&mut self, key: &Key<'_>, of: &str, known: &[&str]) {
        let word = key.get_ref().as_ref();
        let nearest = known.iter().map(|known| (strsim::damerau_levenshtein(word, known), known)).min();
        let mend = match nearest {
            Some((distance, known)) if distance <= 2 => format!("write `{known}`"),
            _ => format!("there are `{}`", known.join("`, `")),
        };
        self.fault(key.span().start, format!("{of} has no key `{word}`"), mend);
    }

    /// Where the content of a string begins, if it is written as it is.
    fn inside(&self, span: &Range<usize>, content: &str) -> (usize, bool) {
        let raw = self.text.get(span.clone()).unwrap_or_default();
        let quotes = if raw.starts_with("\"\"\"") || raw.starts_with("'''") { 3 } else { 1 };
        let body = raw.get(quotes..).unwrap_or_default();
        let newline = usize::from(body.starts_with('\n') && quotes == 3);
        let plain = body.get(newline..).is_some_and(|body| body.starts_with(content));
        (span.start + quotes + newline, plain)
    }

    /// Takes faults of a notation, whose places are those of the string's content.
    fn notation<T>(&mut self, value: &Value<'_>, content: &str, read: Result<T, Vec<Fault>>) -> Option<T> {
        let (from, plain) = self.inside(&value.span(), content);
        match read {
            Ok(read) => Some(read),
            Err(faults) => {
                let place = |at: usize| if plain { from + at } else { value.span().start };
                self.faults.extend(faults.into_iter().map(|fault| Fault { at: place(fault.at), ..fault }));
                None
            }
        }
    }

    fn string<'v>(&mut self, value: &'v Value<'_>, mend: &str) -> Option<&'v str> {
        if let DeValue::String(text) = value.get_ref() {
            return Some(text.as_ref());
        }
        self.fault(value.span().start, "a string is wanted here", mend);
        None
    }

    fn texts(&mut self, value: &Value<'_>, mend: &str) -> Vec<(String, usize)> {
        let DeValue::Array(items) = value.get_ref() else {
            self.fault(value.span().start, "a list is wanted here", mend);
            return Vec::new();
        };
        let items = items.iter();
        items.filter_map(|item| Some((self.string(item, mend)?.to_owned(), item.span().start))).collect()
    }

    fn tests(&mut self, value: &Value<'_>) -> Vec<Test> {
        let DeValue::Array(items) = value.get_ref() else {
            self.fault(value.span().start, "a test is one of many", "write [[test]] with two brackets");
            return Vec::new();
        };
        let mut tests: Vec<Test> = Vec::new();
        for item in items {
            let Some(test) = self.test(item) else { continue };
            if tests.iter().any(|other| other.name == test.name) {
                self.fault(
                    test.at,
                    format!("the test {:?} is there already", test.name),
                    "give each a name of its own",
                );
            }
            tests.push(test);
        }
        tests
    }

    fn test(&mut self, item: &Value<'_>) -> Option<Test> {
        let at = item.span().start;
        let DeValue::Table(table) = item.get_ref() else {
            self.fault(at, "a test is a table", "write [[test]]");
            return None;
        };
        let (mut name, mut start, mut interval_s) = (None, State::default(), 60);
        let (mut series, mut expect) = (None, None);
        for (key, value) in sorted(table) {
            match key.get_ref().as_ref() {
                "name" => name = self.name(value),
                "start" => start = self.start(value).unwrap_or_default(),
                "interval" => interval_s = self.interval(value).unwrap_or(60),
                "series" => series = Some(value),
                "expect" => expect = Some(value),
                _ => self.unknown(key, "a test", TEST_KEYS),
            }
        }
        if !table.contains_key("name") {
            self.fault(at, "a test without a name", "write name = \"what is tested\"");
        }
        let series = series.map(|series| self.all_series(series, interval_s)).unwrap_or_default();
        if expect.is_none() {
            self.fault(
                at,
                "nothing is expected of this test",
                "add [test.expect.NAME] with the name of an alarm",
            );
        }
        let expect = expect.map(|expect| self.expectations(expect)).unwrap_or_default();
        Some(Test { name: name.unwrap_or_default(), at, start, series, expect })
    }

    fn name(&mut self, value: &Value<'_>) -> Option<String> {
        const MEND: &str = "write one line of text, in quotes";
        let name = self.string(value, MEND)?;
        if name.trim().is_empty() || name.chars().any(char::is_control) {
            self.fault(value.span().start, format!("{name:?} is no name"), MEND);
            return None;
        }
        Some(name.to_owned())
    }

    fn start(&mut self, value: &Value<'_>) -> Option<State> {
        const MEND: &str = "write \"OK\", \"ALARM\" or \"INSUFFICIENT_DATA\"";
        let word = self.string(value, MEND)?;
        let state = notation::state(word);
        if state.is_none() {
            self.fault(value.span().start, format!("{word:?} is no state"), MEND);
        }
        state
    }

    /// `10s`, `1m`, `1h`
    fn interval(&mut self, value: &Value<'_>) -> Option<u32> {
        const MEND: &str =
            "write \"1m\", \"5m\", \"1h\", or \"10s\" or \"30s\" for metrics of high resolution";
        let text = self.string(value, MEND)?;
        let seconds = |ending: &str, each: u32| -> Option<u32> {
            let number: u32 = text.strip_suffix(ending)?.parse().ok()?;
            number.checked_mul(each)
        };
        let seconds = seconds("s", 1).or_else(|| seconds("m", 60)).or_else(|| seconds("h", 3600));
        let fits = |seconds: &u32| {
            [10, 20, 30].contains(seconds) || (seconds.is_multiple_of(60) && (60..=86_400).contains(seconds))
        };
        let seconds = seconds.filter(fits);
        if seconds.is_none() {
            self.fault(value.span().start, format!("{text:?} is no interval"), MEND);
        }
        seconds
    }

    fn all_series(&mut self, value: &Value<'_>, interval_s: u32) -> Vec<Series> {
        let DeValue::Table(table) = value.get_ref() else {
            let mend = "write [test.series] and below it metric = \"values\"";
            self.fault(value.span().start, "series are a table", mend);
            return Vec::new();
        };
        sorted(table).into_iter().map(|(key, value)| self.one_series(key, value, interval_s)).collect()
    }

    fn one_series(&mut self, key: &Key<'_>, value: &Value<'_>, interval_s: u32) -> Series {
        const MEND: &str = "write metric = \"0x5\", or metric = { values = \"0x5\", interval = \"5m\" }";
        let (mut written, mut interval_s) = (Some(value), interval_s);
        if let DeValue::Table(table) = value.get_ref() {
            written = table.get("values");
            for (key, value) in sorted(table) {
                match key.get_ref().as_ref() {
                    "values" => {}
                    "interval" => interval_s = self.interval(value).unwrap_or(interval_s),
                    _ => self.unknown(key, "a series", SERIES_KEYS),
                }
            }
            if written.is_none() {
                self.fault(value.span().start, "a series without values", MEND);
            }
        }
        let mut all = Vec::new();
        if let Some(written) = written
            && let Some(text) = self.string(written, MEND)
        {
            let read = values(text);
            all = self.notation(written, text, read).unwrap_or_default();
            let minutes = all.len().saturating_mul(usize::try_from(interval_s).unwrap_or(60)) / 60;
            if minutes > LONGEST {
                let what = format!("the series is {minutes} minutes long, and a week has {LONGEST}");
                self.fault(written.span().start, what, "repeat less often");
            }
        }
        Series { metric: key.get_ref().to_string(), at: key.span().start, interval_s, values: all }
    }

    fn expectations(&mut self, value: &Value<'_>) -> Vec<Expect> {
        const MEND: &str = "write [test.expect.NAME] and below it states = \"ox5 Ax3\"";
        let DeValue::Table(table) = value.get_ref() else {
            self.fault(value.span().start, "expectations are a table", MEND);
            return Vec::new();
        };
        let mut all = Vec::new();
        for (key, value) in sorted(table) {
            let mut expect = Expect {
                alarm: key.get_ref().to_string(),
                at: key.span().start,
                states: Vec::new(),
                messages: None,
            };
            match value.get_ref() {
                DeValue::String(text) => expect.states = self.states(value, text),
                DeValue::Table(table) => self.members(table, &mut expect),
                _ => self.fault(value.span().start, "an expectation is a time line or a table", MEND),
            }
            all.push(expect);
        }
        if all.is_empty() {
            self.fault(value.span().start, "nothing is expected of this test", MEND);
        }
        all
    }

    fn members(&mut self, table: &DeTable<'_>, expect: &mut Expect) {
        let mut moments = Vec::new();
        for (key, value) in sorted(table) {
            match (key.get_ref().as_ref(), value.get_ref()) {
                ("states", DeValue::String(text)) => expect.states = self.states(value, text),
                ("states", _) => {
                    self.string(value, "write states = \"ox5 Ax3\"");
                }
                ("at", _) => moments = self.moments(value),
                ("messages", _) => {
                    let mut messages = self.moments(value);
                    messages.sort_by_key(|(minute, _)| *minute);
                    expect.messages = Some(messages);
                }
                _ => self.unknown(key, "an expectation", EXPECT_KEYS),
            }
        }
        if table.is_empty() {
            let what = format!("nothing is expected of {:?}", expect.alarm);
            self.fault(expect.at, what, "write `states`, `at` or `messages` below it");
        }
        for (minute, state) in moments {
            if expect.states.len() < minute {
                expect.states.resize(minute, None);
            }
            if let Some(place) = expect.states.get_mut(minute - 1) {
                *place = Some(state);
            }
        }
    }

    fn states(&mut self, value: &Value<'_>, text: &str) -> Vec<Option<State>> {
        self.notation(value, text, states(text)).unwrap_or_default()
    }

    fn moments(&mut self, value: &Value<'_>) -> Vec<(usize, State)> {
        const MEND: &str = "write a list of minutes with states: [\"10 ALARM\", \"15 OK\"]";
        let DeValue::Array(items) = value.get_ref() else {
            self.fault(value.span().start, "a list is wanted here", MEND);
            return Vec::new();
        };
        let mut all = Vec::new();
        for item in items {
            let Some(text) = self.string(item, MEND) else { continue };
            let read = moment(text).map_err(|fault| vec![fault]);
            all.extend(self.notation(item, text, read));
        }
        all
    }
}
