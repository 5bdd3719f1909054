//! An event's text becomes the message that leaves the host: structured, redacted, dropped if so
//! configured, and split where it is longer than the service takes.

use regex::RegexSet;

use super::batch::EVENT_BYTES;
use super::event::Event;
use super::line::Part;
use super::observer::Observer;
use super::redact::Redactor;
use super::structure::{glued, structure};

/// Room for the mark of a piece.
const MARK_BYTES: usize = 64;

/// What is done to messages.
#[derive(Debug)]
pub struct Settings {
    /// Known shapes become JSON.
    pub structure: bool,
    /// Secrets are taken out, if set.
    pub redactor: Option<Redactor>,
    /// Finished messages that match one of these do not leave.
    pub drop: RegexSet,
    /// Counts what messages say, those that are dropped too.
    pub observer: Option<Observer>,
}

/// Finishes the messages of one container after the other.
#[derive(Debug)]
pub struct Finisher {
    settings: Settings,
    structured: String,
    /// The next message is counted.
    observed: bool,
}

impl Finisher {
    /// A finisher with these settings.
    pub fn new(settings: Settings) -> Self {
        Self { settings, structured: String::new(), observed: true }
    }

    /// Whether the next messages are counted by the observer.
    pub fn observe(&mut self, observed: bool) {
        self.observed = observed;
    }

    /// Whether what was counted is to be taken before more is.
    pub fn is_full(&self) -> bool {
        self.observer().is_some_and(Observer::is_full)
    }

    fn observer(&self) -> Option<&Observer> {
        self.settings.observer.as_ref().filter(|_| self.observed)
    }

    /// Emits the messages of one event: one, but for an access line glued to another line, or a
    /// message that is too long. Gives the number of messages that were dropped as configured.
    pub fn finish(&mut self, event: &Event<'_>, emit: &mut impl FnMut(&str)) -> u64 {
        let structure = self.settings.structure;
        if event.part.is_none()
            && (structure || self.observer().is_some())
            && let Some((before, access)) = glued(event.text).and_then(|at| event.text.split_at_checked(at))
        {
            if structure {
                return self.message(before, event, emit) + self.message(access, event, emit);
            }
            self.shape(before, event);
            self.shape(access, event);
            return self.ship(event.text, event, emit);
        }
        self.message(event.text, event, emit)
    }

    fn message(&mut self, text: &str, event: &Event<'_>, emit: &mut impl FnMut(&str)) -> u64 {
        if self.shape(text, event) && self.settings.structure {
            let structured = std::mem::take(&mut self.structured);
            let dropped = self.ship(&structured, event, emit);
            self.structured = structured;
            return dropped;
        }
        self.ship(text, event, emit)
    }

    /// Structures a message, if anybody wants that, and counts what it says. Whether there is a structured
    /// one now.
    fn shape(&mut self, text: &str, event: &Event<'_>) -> bool {
        let shaped = (self.settings.structure || self.observer().is_some())
            && event.part.is_none()
            && structure(text, event.time_ns, &mut self.structured);
        if let Some(observer) = self.observer()
            && is_first(event)
        {
            let facts = observer.facts(if shaped { &self.structured } else { text });
            observer.count(event.time_ns, &facts);
        }
        shaped
    }

    fn ship(&self, text: &str, event: &Event<'_>, emit: &mut impl FnMut(&str)) -> u64 {
        let redacted = self.settings.redactor.as_ref().map(|redactor| redactor.redact(text));
        let text = redacted.as_deref().unwrap_or(text);
        if text.is_empty() {
            return 0;
        }
        if let Some(observer) = self.observer()
            && is_first(event)
        {
            observer.shipped(event.time_ns, text);
        }
        if !self.settings.drop.is_empty() && self.settings.drop.is_match(text) {
            return 1;
        }
        match event.part {
            None if text.len() <= EVENT_BYTES => emit(text),
            None => split(text, "", emit),
            Some(Part { number, last }) => {
                let last = if last { ", last" } else { "" };
                let mark = format!("part {number}{last}");
                if text.len() + mark.len() + 3 <= EVENT_BYTES {
                    emit(&format!("[{mark}] {text}"));
                } else {
                    split(text, &format!("{mark}, "), emit);
                }
            }
        }
        0
    }
}

/// Of an overlong line the first part says what there is to count.
fn is_first(event: &Event<'_>) -> bool {
    event.part.is_none_or(|part| part.number == 1)
}

/// Emits a message that is too long in pieces, each marked, cut between characters.
fn split(text: &str, mark: &str, emit: &mut impl FnMut(&str)) {
    let room = EVENT_BYTES - MARK_BYTES;
    let mut pieces = Vec::new();
    let mut rest = text;
    while let Some((piece, after)) = rest.split_at_checked(rest.floor_char_boundary(room)) {
        if piece.is_empty() {
            break;
        }
        pieces.push(piece);
        rest = after;
    }
    for (nth, piece) in pieces.iter().enumerate() {
        emit(&format!("[{mark}piece {} of {}] {piece}", nth + 1, pieces.len()));
    }
}

#[cfg(test)]
mod tests {
    use std::sync::{Arc, Mutex};

    use regex::Regex;

    use super::*;
    use crate::logs::Pipe;
    use crate::logs::cursor::{FileId, Position};
    use crate::logs::pattern::Pattern;
    use crate::metrics::aggregate::{Aggregate, Values};
    use crate::metrics::tally::Tally;

    const TIME_NS: i64 = 1_772_600_767_000_090_807;

    fn with(mut finisher: Finisher, text: &str, part: Option<Part>) -> (Vec<String>, u64) {
        let start = Position::File {
            file: FileId { inode: 1, head: 0, head_len: 0, born_ns: None },
            offset: 0,
            part: 0,
        };
        let event = Event { text, pipe: Pipe::Stdout, time_ns: TIME_NS, start, part };
        let mut messages = Vec::new();
        let dropped = finisher.finish(&event, &mut |message| messages.push(message.to_owned()));
        (messages, dropped)
    }

    fn settings() -> Settings {
        Settings {
            structure: true,
            redactor: Some(Redactor::new(&[]).unwrap()),
            drop: RegexSet::new(["^drop me$"]).unwrap(),
            observer: None,
        }
    }

    fn finish(text: &str, part: Option<Part>) -> Vec<String> {
        with(Finisher::new(settings()), text, part).0
    }

    /// What is shipped of an event, how many messages are dropped, and what is counted, but for zeros,
    /// each as `name[dimension]=value`.
    fn observe(
        settings: Settings,
        patterns: Vec<Pattern>,
        text: &str,
        part: Option<Part>,
    ) -> (Vec<String>, u64, String) {
        let tally = Arc::new(Mutex::new(Tally::new(60_000, &[])));
        let observer = Observer::new("/health".to_owned(), patterns, Arc::clone(&tally));
        let finisher = Finisher::new(Settings { observer: Some(observer), ..settings });
        let (messages, dropped) = with(finisher, text, part);
        let mut aggregate = Aggregate::new(60_000);
        tally.lock().unwrap().take(&mut aggregate);
        let counted = aggregate.close(0, true).into_iter().filter_map(|point| {
            assert_eq!(point.time_ms, 1_772_600_760_000, "its own time");
            let of = point.of.map(|of| format!("[{of}]")).unwrap_or_default();
            let value = match point.values {
                Values::Sum(sum) => sum,
                Values::Distribution(values) => values.sum(),
                Values::Set { .. } => unreachable!("no gauge comes of lines"),
            };
            (value > 0.0).then(|| format!("{}{of}={value}", point.metric.name))
        });
        (messages, dropped, counted.collect::<Vec<_>>().join(" "))
    }

    const GIN: &str = "[GIN] 2026/01/26 - 19:45:10 | 503 | 250ms | 10.0.0.1 | GET      \"/orders\"";

    #[test]
    fn a_message_is_counted_whether_it_is_shipped_structured_raw_or_not_at_all() {
        let counted = "requests=1 response_time=0.25 responses_5xx=1".to_owned();
        let (messages, dropped, found) = observe(settings(), vec![], GIN, None);
        assert_eq!((messages.len(), dropped, found), (1, 0, counted.clone()));
        assert!(messages[0].starts_with('{'));
        let raw = Settings { structure: false, ..settings() };
        assert_eq!(observe(raw, vec![], GIN, None), (vec![GIN.to_owned()], 0, counted.clone()));
        let dropping = Settings { drop: RegexSet::new(["\"path\":\"/orders\""]).unwrap(), ..settings() };
        assert_eq!(observe(dropping, vec![], GIN, None), (vec![], 1, counted));
    }

    #[test]
    fn of_glued_lines_both_are_counted() {
        let text = format!("ERROR: no luck{GIN}");
        let counted = "error_lines=1 requests=1 response_time=0.25 responses_5xx=1".to_owned();
        let (messages, _, found) = observe(settings(), vec![], &text, None);
        assert_eq!((messages.len(), found), (2, counted.clone()));
        let raw = Settings { structure: false, ..settings() };
        assert_eq!(observe(raw, vec![], &text, None), (vec![text], 0, counted));
    }

    #[test]
    fn of_an_overlong_line_the_first_part_is_counted() {
        let own = || {
            vec![
                Pattern::new("finish_parts", Some(Regex::new("ERROR").unwrap()), None, "Count", None)
                    .unwrap(),
            ]
        };
        let part = |number, last| Some(Part { number, last });
        let counted = |text, part| observe(settings(), own(), text, part).2;
        assert_eq!(counted("ERROR: a", part(1, false)), "error_lines=1 finish_parts=1");
        assert_eq!(counted("ERROR: a", part(2, false)), "");
        assert_eq!(counted("ERROR: a", part(3, true)), "");
        // In several pieces only because the service takes no more at once.
        assert_eq!(
            counted(&format!("ERROR: {}", "a".repeat(EVENT_BYTES)), None),
            "error_lines=1 finish_parts=1"
        );
    }

    #[test]
    fn the_operators_patterns_see_no_secret() {
        let pattern = || {
            let expression = Regex::new("login (?<value>[0-9]+) password=(?<password>.*)").unwrap();
            vec![Pattern::new("finish_logins", Some(expression), None, "Count", Some("password")).unwrap()]
        };
        let text = "login 3 password=hunter2hunter2";
        let (messages, _, found) = observe(settings(), pattern(), text, None);
        assert!(!messages[0].contains("hunter2") && !found.contains("hunter2"), "{messages:?} {found}");
        assert!(found.starts_with("finish_logins[") && found.ends_with("=3"), "{found}");
        let open = Settings { redactor: None, ..settings() };
        assert_eq!(observe(open, pattern(), text, None).2, "finish_logins[hunter2hunter2]=3");
    }

    #[test]
    fn the_operators_patterns_see_what_is_shipped_or_would_be() {
        let field =
            || vec![Pattern::new("finish_latency", None, Some("latency_ms"), "Bytes", Some("path")).unwrap()];
        let counted = |settings| observe(settings, field(), GIN, None).2;
        let own = "finish_latency[/orders]=250 requests=1 response_time=0.25 responses_5xx=1";
        assert_eq!(counted(settings()), own);
        assert_eq!(counted(Settings { drop: RegexSet::new(["."]).unwrap(), ..settings() }), own);
        assert_eq!(
            counted(Settings { structure: false, ..settings() }),
            "requests=1 response_time=0.25 responses_5xx=1"
        );
    }

    #[test]
    fn a_glued_access_line_is_an_event_of_its_own() {
        let text = "[APP] listening[GIN] 2026/01/26 - 19:45:10 | 200 |      13.7µs |      10.0.0.1 | GET      \"/health\"";
        let messages = finish(text, None);
        assert_eq!(messages.len(), 2, "{messages:?}");
        assert_eq!(messages[0], "[APP] listening");
        assert!(messages[1].contains("\"path\":\"/health\""));
    }

    #[test]
    fn nothing_of_a_long_message_is_cut_off() {
        let text = "é".repeat(EVENT_BYTES);
        let messages = finish(&text, None);
        assert!(messages.iter().all(|message| message.len() <= EVENT_BYTES));
        let joined: String = messages.iter().map(|m| m.split_once("] ").unwrap().1).collect();
        assert_eq!(joined, text);
        assert!(messages[0].starts_with("[piece 1 of 3] "));
        assert!(finish("x", Some(Part { number: 2, last: true }))[0].starts_with("[part 2, last] x"));
    }

    #[test]
    fn a_dropped_message_is_counted() {
        assert_eq!(finish("drop me", None), [""; 0]);
        assert_eq!(finish("do not drop me", None), ["do not drop me"]);
    }
}
