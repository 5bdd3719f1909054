//! A megabyte of one pattern over and over: no step of the flow takes more than in proportion. Run with
//! `-timeout=20`, a hundred times what it takes on a busy machine.

#![no_main]

use std::sync::LazyLock;

use libfuzzer_sys::arbitrary::{Result, Unstructured};
use libfuzzer_sys::fuzz_target;
use regex::RegexSet;
use starttech_agent::logs::Pipe;
use starttech_agent::logs::batch::EVENT_BYTES;
use starttech_agent::logs::clean::clean;
use starttech_agent::logs::cursor::Position;
use starttech_agent::logs::event::Event;
use starttech_agent::logs::event::trace::Trace;
use starttech_agent::logs::finish::{Finisher, Settings};
use starttech_agent::logs::redact::Redactor;

static REDACTOR: LazyLock<Redactor> = LazyLock::new(|| Redactor::new(&[]).expect("the built-in rules"));

/// What rules look at, so that the fuzzer need not find every word by itself.
const WORDS: [&str; 40] = [
    "password",
    "token",
    "tokens",
    "secrets",
    "pass",
    "pwd",
    "_key",
    "api-key",
    "authorization",
    "cookie",
    "Bearer ",
    "basic ",
    "://",
    ":\\/\\/",
    "eyJ",
    "AKIA",
    "-----BEGIN ",
    "PRIVATE KEY-----",
    "=",
    ":",
    ": ",
    " ",
    "\"",
    "\\\"",
    "\\",
    "'",
    "{",
    "}",
    "[",
    "]",
    "@",
    "/",
    ",",
    "\n",
    "\u{1b}[",
    "\u{1b}]",
    "a1",
    "%3D",
    "@tcp(",
    "\"value\":",
];

fuzz_target!(|data: &[u8]| {
    run(&mut Unstructured::new(data)).ok();
});

fn text(input: &mut Unstructured<'_>) -> Result<String> {
    let mut text = String::new();
    for _ in 0..input.int_in_range(0..=6)? {
        if input.ratio(3, 4)? {
            text.push_str(input.choose(&WORDS)?);
        } else {
            text.push(input.arbitrary()?);
        }
    }
    Ok(text)
}

fn run(input: &mut Unstructured<'_>) -> Result<()> {
    let (head, unit, tail) = (text(input)?, text(input)?, text(input)?);
    if unit.is_empty() {
        return Ok(());
    }
    // Few are long: the others find out what the code looks at.
    let length = if input.ratio(7, 8)? { 4096 } else { EVENT_BYTES };
    let line = format!("{head}{}{tail}", unit.repeat(length / unit.len()));

    let text = clean(&line);
    if let Some(mut trace) = Trace::opened_by(&text) {
        trace.goes_on_with(&text);
    }
    let mut finisher = Finisher::new(Settings {
        structure: true,
        redactor: Some(REDACTOR.clone()),
        drop: RegexSet::empty(),
        observer: None,
    });
    let start = Position::Api { time_ns: 0, done: 0, part: 0 };
    let event = Event { text: &text, pipe: Pipe::Stdout, time_ns: 0, start, part: None };
    finisher.finish(&event, &mut |message| assert!(message.len() <= EVENT_BYTES));
    Ok(())
}
