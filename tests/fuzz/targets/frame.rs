//! Frames of Docker's API: no bytes upset the reader, and of a log that is read again, from its start
//! or after a restart, every line counts once.

#![no_main]

use std::fmt::Write as _;

use libfuzzer_sys::arbitrary::{Result, Unstructured};
use libfuzzer_sys::fuzz_target;
use starttech_agent::logs::Pipe;
use starttech_agent::logs::cursor::Position;
use starttech_agent::logs::frame::{Dedup, parse, parse_console};
use starttech_agent::logs::json_file::{PIECE, Record};

/// 2026-01-26T19:45:10Z.
const START_NS: i64 = 1_769_456_710_000_000_000;

fuzz_target!(|data: &[u8]| {
    raw(data);
    again(data).ok();
});

fn raw(data: &[u8]) {
    let pieces = parse_console(data);
    let text: usize = pieces.iter().map(|piece| piece.text.chars().count()).sum();
    assert!(text <= data.len(), "more text than bytes");
    if let Some(record) = parse(data, Pipe::Stdout) {
        assert!(!pieces.is_empty());
        // Any time at all, and any clock.
        for now_ns in [record.time_ns, 0, i64::MAX, i64::MIN] {
            let mut dedup = Dedup::new(None, now_ns);
            dedup.place(&record, now_ns);
            for piece in &pieces {
                dedup.place(piece, now_ns);
            }
            dedup.since_ns(now_ns);
            dedup.reread();
            let mut next = Dedup::new(dedup.end(), now_ns);
            next.place(&record, now_ns);
        }
    }
}

/// A log as Docker has it: in order of time but for what is printed at once, with lines in pieces.
fn log(input: &mut Unstructured<'_>) -> Result<Vec<Record<'static>>> {
    let mut time_ns = START_NS;
    let mut records = Vec::new();
    while !input.is_empty() && records.len() < 200 {
        time_ns += match input.int_in_range(0..=7)? {
            0..=3 => 0,
            4 => 1,
            5 => 500_000_000,
            6 => 1_000_000_001,
            _ => 5_000_000_000,
        };
        let letter = char::from(b'a' + input.int_in_range(0..=3)?);
        if input.ratio(1, 16)? {
            for _ in 0..input.int_in_range(1..=3)? {
                records.push(Record::new(letter.to_string().repeat(PIECE).into(), Pipe::Stdout, time_ns));
            }
        }
        let mut text = String::new();
        write!(text, "{letter}\n").expect("a string takes it");
        records.push(Record::new(text.into(), Pipe::Stdout, time_ns));
    }
    Ok(records)
}

fn again(data: &[u8]) -> Result<()> {
    let mut input = Unstructured::new(data);
    let stop = usize::from(input.arbitrary::<u8>()?);
    let records = log(&mut input)?;
    let Some(newest) = records.last().map(|record| record.time_ns) else { return Ok(()) };
    let new = |dedup: &mut Dedup, records: &[Record<'static>]| -> Vec<(Record<'static>, Position)> {
        let placed = records.iter().filter_map(|r| Some((r.clone(), dedup.place(r, newest)?)));
        placed.collect()
    };

    let mut dedup = Dedup::new(None, newest);
    let once = new(&mut dedup, &records);
    dedup.reread();
    assert_eq!(new(&mut dedup, &records), [], "a second reading brought something new");

    for pair in once.windows(2) {
        assert_ne!(pair[0].1, pair[1].1, "two lines at one place");
    }

    // The agent ends in the middle, and goes on from where it was.
    let stop = stop.min(records.len());
    let mut before = Dedup::new(None, newest);
    let mut both = new(&mut before, &records[..stop]);
    let mut after = Dedup::new(before.end(), newest);
    let since_ns = after.since_ns(newest).unwrap_or(i64::MIN);
    let served: Vec<_> = records.iter().filter(|r| r.time_ns >= since_ns).cloned().collect();
    both.extend(new(&mut after, &served));
    assert_eq!(both, once, "stopped after {stop}");
    Ok(())
}
