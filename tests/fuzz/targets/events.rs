//! Records to events: into which pieces Docker cuts a line makes no difference, and whenever reading is
//! interrupted, every line arrives once.

#![no_main]

use std::sync::LazyLock;
use std::time::{Duration, Instant};

use libfuzzer_sys::arbitrary::{Result, Unstructured};
use libfuzzer_sys::fuzz_target;
use regex::RegexSet;
use starttech_agent::logs::batch;
use starttech_agent::logs::clean::clean;
use starttech_agent::logs::cursor::{Cursor, FileId, Position};
use starttech_agent::logs::event::{Assembler, HOLD};
use starttech_agent::logs::finish::{Finisher, Settings};
use starttech_agent::logs::flow::{Closed, Flow};
use starttech_agent::logs::json_file::Record;
use starttech_agent::logs::line::{Joiner, LINE_BYTES};
use starttech_agent::logs::{Destination, Pipe};

static START: LazyLock<Instant> = LazyLock::new(Instant::now);

/// A line as a container printed it.
#[derive(Debug, Clone)]
struct Printed {
    text: String,
    pipe: Pipe,
    time_ns: i64,
}

/// How traces begin and go on, so that the fuzzer need not find it all by itself.
const LINES: [&str; 12] = [
    "panic: boom",
    "goroutine 1 [running]:",
    "main.main()",
    "\t/app/main.go:12 +0x1d",
    "exit status 2",
    "Traceback (most recent call last):",
    "java.lang.Error: x",
    "\tat a.b(C.java:1)",
    "thread 'main' panicked at src/main.rs:1:1:",
    "2026/01/26 19:45:10 [Recovery] 2026/01/26 - 19:45:10 panic recovered:",
    "",
    "{\"a\":1}",
];

fuzz_target!(|data: &[u8]| {
    run(&mut Unstructured::new(data)).ok();
});

fn run(input: &mut Unstructured<'_>) -> Result<()> {
    let multiline = input.arbitrary()?;
    let mut lines = Vec::new();
    let mut time_ns = 1_769_456_710_000_000_000;
    for _ in 0..input.int_in_range(1..=40)? {
        // Of one pipe, two lines of one nanosecond that are in pieces would be one.
        time_ns += *input.choose(&[1, 1_000_000, 1_000_000, 3_000_000_000])?;
        let pipe = if input.arbitrary()? { Pipe::Stdout } else { Pipe::Stderr };
        let text = match input.int_in_range(0..=3)? {
            0 => input.arbitrary::<&str>()?.replace('\n', " "),
            1 => input.choose(&LINES)?.repeat(input.int_in_range(1..=3000)?),
            _ => (*input.choose(&LINES)?).to_owned(),
        };
        lines.push(Printed { text, pipe, time_ns });
    }
    let whole = records(&lines, &mut |_| Ok(usize::MAX))?;
    let expected = events(&whole, multiline);
    let cut = records(&lines, &mut |length| input.int_in_range(1..=length))?;
    let in_pieces = events(&cut, multiline);
    if lines.iter().all(|line| line.text.len() <= LINE_BYTES) {
        assert_eq!(in_pieces, expected);
    }
    nothing_is_lost(&lines, &cut, multiline, input)
}

/// Records of the lines, each cut where `cut` says, given how long the rest is.
fn records(lines: &[Printed], cut: &mut impl FnMut(usize) -> Result<usize>) -> Result<Vec<Record<'static>>> {
    let mut records = Vec::new();
    for Printed { text, pipe, time_ns } in lines {
        let mut rest = text.as_str();
        let mut pieces = 1;
        while !rest.is_empty() && pieces < 8 {
            let at = rest.floor_char_boundary(cut(rest.len())?);
            let (piece, after) = rest.split_at(at);
            if piece.is_empty() || after.is_empty() {
                break;
            }
            let text = piece.to_owned().into();
            records.push(Record { text, pipe: *pipe, time_ns: *time_ns, ends: false });
            (rest, pieces) = (after, pieces + 1);
        }
        let text = rest.to_owned().into();
        records.push(Record { text, pipe: *pipe, time_ns: *time_ns, ends: true });
    }
    Ok(records)
}

fn place(offset: usize) -> Position {
    let file = FileId { inode: 1, head: 0, head_len: 0, born_ns: None };
    Position::File { file, offset: offset as u64, part: 0 }
}

fn events(records: &[Record<'static>], multiline: bool) -> Vec<(String, Pipe, i64)> {
    let (mut joiner, mut assembler) = (Joiner::default(), Assembler::new(multiline));
    let mut events = Vec::new();
    for (offset, record) in records.iter().enumerate() {
        joiner.push(record, place(offset), &mut |line| {
            assembler.push(line, *START, &mut |e| events.push((e.text.to_owned(), e.pipe, e.time_ns)));
        });
    }
    assert!(joiner.open_since(Pipe::Stdout).is_none() && joiner.open_since(Pipe::Stderr).is_none());
    assembler.expire(*START + HOLD, &mut |e| events.push((e.text.to_owned(), e.pipe, e.time_ns)));
    assert_eq!(assembler.deadline(), None);
    events
}

/// Reads the log as the daemon does, and ends now and then: in order, or by a crash.
fn nothing_is_lost(
    lines: &[Printed],
    records: &[Record<'static>],
    multiline: bool,
    input: &mut Unstructured<'_>,
) -> Result<()> {
    let destination = Destination { group: "/g".to_owned(), stream: "s".to_owned() };
    let mut finisher =
        Finisher::new(Settings { structure: false, redactor: None, drop: RegexSet::empty(), observer: None });
    let mut stored: Vec<Closed> = Vec::new();
    let mut cursor = Cursor::default();
    for _ in 0..4 {
        let mut flow = Flow::new(destination.clone(), multiline, cursor);
        let from = |pipe| match cursor.get(pipe) {
            Some(Position::File { offset, part, .. }) => (usize::try_from(offset).expect("small"), part),
            _ => (0, 0),
        };
        // As the tail does: a pipe that resumes further on keeps its place until it is passed.
        let at = |offset: usize| {
            let place = |pipe| {
                let (first, part) = from(pipe);
                Some(place(first.max(offset)).with_part(if offset <= first { part } else { 0 }))
            };
            Cursor { stdout: place(Pipe::Stdout), stderr: place(Pipe::Stderr) }
        };
        let begin = from(Pipe::Stdout).0.min(from(Pipe::Stderr).0);
        let mut crashed = false;
        for (offset, record) in records.iter().enumerate().skip(begin) {
            let now = *START + Duration::from_millis(offset as u64 * 100);
            if offset >= from(record.pipe).0 {
                flow.record(record, at(offset), &mut finisher, now);
            }
            flow.read_to(at(offset + 1));
            match input.int_in_range(0..=9)? {
                0 => flow.tick(Duration::from_millis(500), &mut finisher, now),
                1 => flow.close(),
                2 => {
                    flow.redirect(Destination { group: "/g".to_owned(), stream: format!("s{offset}") });
                }
                3 if !input.is_empty() => {
                    flow.pause(&mut finisher, now);
                    crashed = true;
                }
                4 if !input.is_empty() => crashed = true,
                _ => {}
            }
            stored.append(&mut flow.take_closed());
            if crashed {
                break;
            }
        }
        if !crashed {
            flow.finish(&mut finisher, *START + Duration::from_secs(3600));
            stored.append(&mut flow.take_closed());
            return same(lines, &stored);
        }
        cursor = stored.last().map_or(Cursor::default(), |closed| closed.cursor);
    }
    Ok(())
}

fn same(lines: &[Printed], stored: &[Closed]) -> Result<()> {
    if lines.iter().any(|line| line.text.len() > LINE_BYTES) {
        return Ok(());
    }
    let bare = |text: &str| {
        let lines = text.lines().map(|line| line.trim_end().to_owned());
        lines.filter(|line| !line.is_empty()).collect::<Vec<_>>()
    };
    let mut expected: Vec<String> = lines.iter().flat_map(|line| bare(&clean(&line.text))).collect();
    let messages = stored.iter().flat_map(|closed| batch::events(&closed.batch.body));
    let mut found: Vec<String> = messages.flat_map(|event| bare(&event.message)).collect();
    expected.sort();
    found.sort();
    assert_eq!(found, expected);
    Ok(())
}
