//! Records of Docker's json-file: the reader of the usual layout never says anything else than a JSON
//! parser, and what Docker's encoder writes comes back as it was printed.

#![no_main]

use libfuzzer_sys::fuzz_target;
use serde::Deserialize;
use starttech_agent::logs::Pipe;
use starttech_agent::logs::json_file::{PIECE, Record, parse, parse_time};

#[derive(Deserialize)]
struct Written<'a> {
    #[serde(default)]
    log: String,
    stream: &'a str,
    time: &'a str,
}

fuzz_target!(|data: &[u8]| {
    let found = parse(data);
    if let Some(record) = &found {
        assert!(record.text.len() <= data.len(), "longer than what was read");
        assert!(record.ends || record.text.len() >= PIECE, "goes on, and is short");
    }
    match by_the_parser(data) {
        Some(expected) => assert_eq!(found.as_ref(), Some(&expected)),
        // Bare control characters are no JSON, and no reason to lose a line.
        None => assert!(found.is_none() || data.iter().any(|b| *b < 0x20), "no JSON, and yet a record"),
    }

    let text = String::from_utf8_lossy(data);
    let log = serde_json::to_string(&text).expect("a string is JSON");
    for log in [log.clone(), log.replace('<', "\\u003c").replace('/', "\\/")] {
        let record = format!(r#"{{"log":{log},"stream":"stderr","time":"2026-01-26T19:45:10.101234567Z"}}"#);
        let found = parse(record.as_bytes()).expect("what Docker writes");
        let (line, newline) = text.strip_suffix('\n').map_or((&*text, false), |line| (line, true));
        assert_eq!((found.text.as_ref(), found.pipe), (line, Pipe::Stderr));
        assert_eq!(found.ends, newline || line.len() < PIECE);
    }
});

fn by_the_parser(data: &[u8]) -> Option<Record<'_>> {
    let written: Written<'_> = serde_json::from_slice(data).ok()?;
    let pipe = match written.stream {
        "stdout" => Pipe::Stdout,
        "stderr" => Pipe::Stderr,
        _ => return None,
    };
    Some(Record::new(written.log.into(), pipe, parse_time(written.time.as_bytes())?))
}
