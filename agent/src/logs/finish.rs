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
}

impl Finisher {
    /// A finisher with these settings.
    pub fn new(settings: Settings) -> Self {
        Self { settings, structured: String::new() }
    }

    /// Emits the messages of one event: one, but for an access line glued to another line, or a
    /// message that is too long. Gives the number of messages that were dropped as configured.
    pub fn finish(&mut self, event: &Event<'_>, emit: &mut impl FnMut(&str)) -> u64 {
        let Settings { structure, observer, .. } = &self.settings;
        if event.part.is_none()
            && (*structure || observer.is_some())
            && let Some((before, access)) = glued(event.text).and_then(|at| event.text.split_at_checked(at))
        {
            if *structure {
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
        let Settings { structure: wanted, observer, .. } = &self.settings;
        let shaped = (*wanted || observer.is_some())
            && event.part.is_none()
            && structure(text, event.time_ns, &mut self.structured);
        if let Some(observer) = observer
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
        if let Some(observer) = &self.settings.observer
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
    use super::*;
    use crate::logs::Pipe;
    use crate::logs::cursor::{FileId, Position};

    fn finish(text: &str, part: Option<Part>) -> Vec<String> {
        let mut finisher = Finisher::new(Settings {
            structure: true,
            redactor: Some(Redactor::new(&[]).unwrap()),
            drop: RegexSet::new(["^drop me$"]).unwrap(),
            observer: None,
        });
        let start = Position::File {
            file: FileId { inode: 1, head: 0, head_len: 0, born_ns: None },
            offset: 0,
            part: 0,
        };
        let event = Event { text, pipe: Pipe::Stdout, time_ns: 0, start, part };
        let mut messages = Vec::new();
        finisher.finish(&event, &mut |message| messages.push(message.to_owned()));
        messages
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
