//! How a shipped event looks on a terminal: whose it is, how bad it is and what was blacked out stand
//! out; a stack trace stands on lines of its own; a dump is cut short.
//!
//! For eyes only: programs read the files, or a pipe, where every event is as it was shipped.

use std::borrow::Cow;

use crate::logs::clean::clean;

/// Longer messages fill the screen: what follows is in the file.
const MOST_CHARACTERS: usize = 600;
/// The top of a stack says where it happened.
const MOST_STACK_LINES: usize = 12;

const NAME: &str = "36";
const BAD: &str = "1;31";
const WARNING: &str = "33";
const FAINT: &str = "2";
const SECRET: &str = "1;35";

/// What the terminal may be sent.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Look {
    /// Text alone.
    Plain,
    /// Colours too.
    Coloured,
}

impl Look {
    /// The event as lines of the terminal.
    pub fn event(self, name: &str, message: &str) -> String {
        let (message, stack) = match without_stack(message) {
            Some((rest, stack)) => (Cow::Owned(rest), stack),
            None => match message.split_once('\n') {
                Some((first, rest)) => (Cow::Borrowed(first), rest.to_owned()),
                None => (Cow::Borrowed(message), String::new()),
            },
        };
        let mut text = format!("{} {}\n", self.paint(NAME, name), self.line(&message));
        // What the JSON held escaped could drive the terminal once it is no longer.
        let stack = clean(&stack);
        let mut lines = stack.lines().map(str::trim_end).filter(|line| !line.is_empty());
        for line in lines.by_ref().take(MOST_STACK_LINES) {
            text.push_str(&self.paint(FAINT, "  │ "));
            text.push_str(&self.line(&line.replace('\t', "    ")));
            text.push('\n');
        }
        let left = lines.count();
        if left > 0 {
            text.push_str(&self.paint(FAINT, &format!("  │ … {left} more lines")));
            text.push('\n');
        }
        text
    }

    fn line(self, line: &str) -> String {
        let cut = line.char_indices().nth(MOST_CHARACTERS).map_or(line.len(), |(at, _)| at);
        let mut text = line.get(..cut).unwrap_or(line).to_owned();
        if self == Self::Coloured {
            for (level, colour) in [("FATAL", BAD), ("ERROR", BAD), ("WARN", WARNING)] {
                let said = format!("\"level\":\"{level}\"");
                text = text.replacen(&said, &format!("\"level\":\"{}\"", self.paint(colour, level)), 1);
            }
            text = text.replace("***", &self.paint(SECRET, "***"));
        }
        if cut < line.len() {
            text.push_str(&self.paint(FAINT, &format!(" … {} characters in all", line.chars().count())));
        }
        text
    }

    /// What matters less, such as a time.
    pub fn faint(self, text: &str) -> String {
        self.paint(FAINT, text)
    }

    fn paint(self, colour: &str, text: &str) -> String {
        match self {
            Self::Plain => text.to_owned(),
            Self::Coloured => format!("\u{1b}[{colour}m{text}\u{1b}[0m"),
        }
    }
}

/// A JSON message without its stack trace, and the stack trace.
fn without_stack(message: &str) -> Option<(String, String)> {
    const KEY: &str = ",\"stack\":";
    if !message.starts_with('{') {
        return None;
    }
    let (before, from) = message.split_once(KEY)?;
    let mut values = serde_json::Deserializer::from_str(from).into_iter::<String>();
    let stack = values.next()?.ok()?;
    let after = from.get(values.byte_offset()..)?;
    Some((format!("{before}{after}"), stack))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(message: &str, plain: &str) {
        assert_eq!(Look::Plain.event("api", message), plain);
        let coloured = Look::Coloured.event("api", message);
        assert_eq!(clean(&coloured), plain, "colours change no text");
    }

    #[test]
    fn an_ordinary_event_is_a_line() {
        check(
            r#"{"level":"ERROR","msg":"a","password":"***"}"#,
            "api {\"level\":\"ERROR\",\"msg\":\"a\",\"password\":\"***\"}\n",
        );
        let coloured = Look::Coloured.event("api", r#"{"level":"ERROR","uri":"x://u:***@h"}"#);
        assert_eq!(
            coloured,
            "\u{1b}[36mapi\u{1b}[0m {\"level\":\"\u{1b}[1;31mERROR\u{1b}[0m\",\"uri\":\"x://u:\u{1b}[1;35m***\u{1b}[0m@h\"}\n"
        );
    }

    #[test]
    fn a_stack_trace_stands_below() {
        check(
            r#"{"msg":"a","stack":"a\n\n\tb \"c\"\n","x":1}"#,
            "api {\"msg\":\"a\",\"x\":1}\n  │ a\n  │     b \"c\"\n",
        );
        check("Traceback:\n  File", "api Traceback:\n  │   File\n");
        check(r#"{"msg":",\"stack\":\"a"}"#, "api {\"msg\":\",\\\"stack\\\":\\\"a\"}\n");
        let long = (0..20).map(|n| n.to_string()).collect::<Vec<_>>().join("\n");
        assert!(Look::Plain.event("api", &long).ends_with("  │ 12\n  │ … 7 more lines\n"));
    }

    #[test]
    fn a_dump_is_cut_between_characters() {
        check(&"é".repeat(700), &format!("api {} … 700 characters in all\n", "é".repeat(MOST_CHARACTERS)));
    }

    #[test]
    fn escaped_controls_do_not_reach_the_terminal() {
        check(r#"{"msg":"a","stack":"\u001b]0;title\u0007b\r\nc"}"#, "api {\"msg\":\"a\"}\n  │ b\n  │ c\n");
    }
}
