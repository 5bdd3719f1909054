//! Secrets between texts of any kind: none leaves, JSON stays JSON, and what left is not changed by a
//! second redaction.

#![no_main]

use std::sync::LazyLock;

use libfuzzer_sys::arbitrary::{Result, Unstructured};
use libfuzzer_sys::fuzz_target;
use regex::RegexSet;
use serde::de::IgnoredAny;
use starttech_agent::logs::Pipe;
use starttech_agent::logs::clean::clean;
use starttech_agent::logs::cursor::Position;
use starttech_agent::logs::event::Event;
use starttech_agent::logs::finish::{Finisher, Settings};
use starttech_agent::logs::redact::Redactor;

/// In every planted secret, and nowhere else.
const SECRET: &str = "Zq9XwHunter27";
const KEY_ID: &str = "AKIAZQ9XWHUNTER27QQQ";

static REDACTOR: LazyLock<Redactor> = LazyLock::new(|| Redactor::new(&[]).expect("the built-in rules"));

fuzz_target!(|data: &[u8]| {
    holds(&String::from_utf8_lossy(data));
    planted(&mut Unstructured::new(data)).ok();
});

fn is_json(text: &str) -> bool {
    serde_json::from_str::<IgnoredAny>(text).is_ok()
}

fn holds(text: &str) -> String {
    let once = REDACTOR.redact(text).into_owned();
    assert_eq!(REDACTOR.redact(&once), once, "a second time: {text:?}");
    if text.starts_with(['{', '[', '"']) && is_json(text) {
        assert!(is_json(&once), "{text} became {once}");
    }
    once
}

/// The forms that are promised: the brackets of a form stand for the secret.
const FORMS: [&str; 22] = [
    "eyJhbGciOiJub25lIn0.eyJzdWIiOiI0MiJ9.<>",
    "mongodb://root:<>@db.example:27017/x",
    "postgres://app:<>@db/x?sslmode=off",
    "password=<>",
    "DB_PASSWORD=<>",
    "JWT_SECRET_KEY='<>'",
    "apiKey=<>",
    "user=a&token=<>&b=2",
    "--password <>",
    "\nAuthorization: Bearer <>",
    "\nAuthorization: Basic <>",
    "\nCookie: sid=<>",
    "Bearer <>",
    "{Name:a Password:<> Mail:b}",
    "map[Authorization:[Bearer <>]]",
    "-----BEGIN PRIVATE KEY-----\n<>\n-----END PRIVATE KEY-----",
    "{'password': '<>'}",
    "PRIVATE_KEY=-----BEGIN RSA PRIVATE KEY-----\n<>\n-----END RSA PRIVATE KEY-----",
    "private_key: '-----BEGIN PRIVATE KEY-----\n<>\n-----END PRIVATE KEY-----'",
    "app:<>@tcp(db:3306)/x",
    "{\"name\":\"DB_PASSWORD\",\"value\":\"<>\"}",
    "/login?next=%2Fa%3Fpassword%3D<>%26b%3D1",
];

fn planted(input: &mut Unstructured<'_>) -> Result<()> {
    let form = *input.choose(&FORMS)?;
    let nested = input.arbitrary::<u8>()?;
    // Cleaned each for itself: half an escape sequence would take in the beginning of the secret's name.
    // Without brackets and quotes: behind a secret's name an opened one is a value up to where one closes,
    // and of what stands behind that, the name is gone.
    let before = clean(input.arbitrary()?).replace(['{', '[', '"', '\'', '`'], "");
    let after = clean(input.arbitrary()?).into_owned();
    if [&before, &after].iter().any(|text| text.contains("Zq9") || text.contains("ZQ9")) {
        return Ok(());
    }
    let form = form.replace("<>", SECRET);
    for form in [form.as_str(), KEY_ID] {
        // On a line of its own: behind `password= ` or `Bearer ` the first word of a form is the value.
        let line = format!("{before} x\n{form} {after}");
        leaves_without(&line);
        // One string deep only: in two, a line break cannot be told from a backslash and a letter, and a
        // value without quotes does not end there.
        leaves_without(&serde_json::json!({ "msg": line, "n": 1 }).to_string());
    }
    let mut line =
        serde_json::json!({ "a": before, "password": format!("{after}{SECRET}{after}") }).to_string();
    for _ in 0..nested % 3 {
        line = serde_json::json!({ before.as_str(): line }).to_string();
    }
    leaves_without(&line);
    Ok(())
}

fn leaves_without(line: &str) {
    let mut without = |text: &str| {
        assert!(!text.contains(SECRET) && !text.contains(KEY_ID), "{line:?}\nleft as {text:?}");
    };
    without(&holds(line));
    let mut finisher = Finisher::new(Settings {
        structure: true,
        redactor: Some(REDACTOR.clone()),
        drop: RegexSet::empty(),
        observer: None,
    });
    let text = clean(line);
    let start = Position::Api { time_ns: 0, done: 0, part: 0 };
    let event = Event { text: &text, pipe: Pipe::Stdout, time_ns: 0, start, part: None };
    finisher.finish(&event, &mut without);
}
