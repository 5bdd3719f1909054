//! The spool on a real directory: order, restarts, damage, a full disk.

use std::fs;

use tempfile::TempDir;

use super::*;
use crate::logs::batch::{Batch, events};
use crate::logs::cursor::Position;
use crate::logs::pace::Pending;

const ROOM: u64 = 1 << 20;

fn destination(stream: &str) -> Destination {
    Destination { group: "/g".to_owned(), stream: stream.to_owned() }
}

fn batch(stream: &str, messages: &[&str]) -> Finished {
    let mut batch = Batch::new(destination(stream));
    for (time_ms, message) in (1_769_456_710_000..).zip(messages) {
        batch.push(time_ms, message);
    }
    batch.finish()
}

fn cursor(time_ns: i64) -> Cursor {
    Cursor { stdout: Some(Position::Api { time_ns, done: 1, part: 0 }), stderr: None }
}

fn take(spool: &Spool, stream: &str) -> Option<Taken> {
    let mut quarantined = Vec::new();
    let claimed = spool.claim(ours(stream))?;
    let taken = spool.take(&claimed, Vec::new(), &mut quarantined).unwrap();
    assert_eq!(quarantined, []);
    taken
}

/// Gives how many events were given up.
fn append(spool: &Spool, container: &str, cursor: &Cursor, batch: Finished) -> u64 {
    let appended = spool.append(container, cursor, batch);
    assert!(appended.unwritten.is_none());
    appended.dropped
}

fn messages(taken: &Taken) -> Vec<String> {
    events(&taken.outgoing.body).map(|event| event.message).collect()
}

fn ours(stream: &str) -> impl Fn(&Destination, Pending) -> bool {
    move |to, _| *to == destination(stream)
}

fn batch_at(stream: &str, from_ms: i64, events: usize, message: &str) -> Finished {
    let mut batch = Batch::new(destination(stream));
    for time_ms in (from_ms..).take(events) {
        batch.push(time_ms, message);
    }
    batch.finish()
}

#[test]
fn batches_of_a_stream_leave_together_in_order_and_survive_a_restart() {
    let directory = TempDir::new().unwrap();
    let (spool, _) = Spool::open(directory.path(), ROOM).unwrap();
    append(&spool, "c1", &cursor(1), batch("a", &["1"]));
    append(&spool, "c2", &cursor(2), batch("b", &["2"]));
    append(&spool, "c1", &cursor(3), batch("a", &["3"]));
    let first = take(&spool, "a").unwrap();
    assert_eq!((messages(&first), first.outgoing.events), (vec!["1".to_owned(), "3".to_owned()], 2));
    append(&spool, "c1", &cursor(4), batch("a", &["4"]));
    assert!(take(&spool, "a").is_none(), "one call at a time");
    let other = take(&spool, "b").unwrap();
    assert_eq!(messages(&other), ["2"]);
    spool.failed(&other, false);
    spool.failed(&first, false);
    let first = take(&spool, "a").unwrap();
    assert_eq!(messages(&first), ["1", "3", "4"]);
    drop(spool);

    let (spool, recovered) = Spool::open(directory.path(), ROOM).unwrap();
    assert_eq!(recovered.batches, 4);
    assert_eq!(recovered.cursors["c1"], cursor(4));
    assert_eq!(recovered.cursors["c2"], cursor(2));
    for (stream, expected) in [("b", vec!["2"]), ("a", vec!["1", "3", "4"])] {
        let taken = take(&spool, stream).unwrap();
        assert_eq!(messages(&taken), expected);
        spool.delivered(&taken).unwrap();
    }
    assert!(spool.is_empty() && spool.bytes() == 0);
    drop(spool);

    let (spool, recovered) = Spool::open(directory.path(), ROOM).unwrap();
    assert_eq!((recovered.batches, recovered.cursors["c1"]), (0, cursor(4)));
    spool.retire_all(|id| id == "c2").unwrap();
    drop(spool);
    let (_, recovered) = Spool::open(directory.path(), ROOM).unwrap();
    assert_eq!(recovered.cursors.keys().collect::<Vec<_>>(), ["c2"]);
}

#[test]
fn a_call_keeps_the_limits_whatever_waits() {
    const ALL: usize = 40;
    let directory = TempDir::new().unwrap();
    let (spool, _) = Spool::open(directory.path(), 64 << 20).unwrap();
    let long = "x".repeat(1 << 10);
    let day = 24 * 60 * 60 * 1000;
    for n in 0..ALL {
        let time_ms = 1_769_456_710_000 + i64::try_from(n).unwrap() * day / 20;
        let time_ms = if n == 30 { time_ms - day } else { time_ms }; // the clock was set back
        let (events, message) = if n < 15 { (150, long.as_str()) } else { (4_000, "short") };
        append(&spool, "c", &cursor(1), batch_at("a", time_ms, events, message));
    }
    let mut seen = Vec::new();
    while let Some(taken) = take(&spool, "a") {
        let stored: Vec<_> = events(&taken.outgoing.body).collect();
        assert_eq!(stored.len(), taken.outgoing.events);
        let bytes: usize = stored.iter().map(|event| event.message.len() + 26).sum();
        assert!(stored.len() <= 10_000 && bytes <= 1_048_576, "{} events, {bytes} bytes", stored.len());
        assert!(stored.windows(2).all(|pair| pair[0].time_ms <= pair[1].time_ms));
        assert!(stored[stored.len() - 1].time_ms - stored[0].time_ms < day);
        seen.extend(taken.headers.iter().map(|header| header.number));
        spool.delivered(&taken).unwrap();
    }
    assert_eq!(seen, (1..=ALL as u64).collect::<Vec<_>>());
}

#[test]
fn after_a_failure_lines_of_now_and_the_backlog_take_turns() {
    let directory = TempDir::new().unwrap();
    let (spool, _) = Spool::open(directory.path(), 64 << 20).unwrap();
    let big = || batch_at("a", 1_769_456_710_000, 1000, &"x".repeat(1000));
    for _ in 0..4 {
        append(&spool, "c", &cursor(1), big());
    }
    let taken = take(&spool, "a").unwrap();
    spool.failed(&taken, false);
    for time in 11..=12 {
        append(&spool, "c", &cursor(time), batch("a", &["now"]));
    }
    let mut order = Vec::new();
    for _ in 0..3 {
        let taken = take(&spool, "a").unwrap();
        order.push(taken.headers.iter().map(|header| header.number).collect::<Vec<_>>());
        spool.delivered(&taken).unwrap();
    }
    assert!(order.contains(&vec![5, 6]), "{order:?}");
    assert_eq!(order.concat().iter().filter(|number| **number < 5).count(), 2);
    drop(spool);
    let (_, recovered) = Spool::open(directory.path(), ROOM).unwrap();
    assert_eq!((recovered.batches, recovered.cursors["c"]), (2, cursor(12)), "no cursor is set back");
}

#[test]
fn every_stream_has_its_turn() {
    let directory = TempDir::new().unwrap();
    let (spool, _) = Spool::open(directory.path(), 64 << 20).unwrap();
    for _ in 0..3 {
        append(&spool, "c", &cursor(1), batch_at("a", 1_769_456_710_000, 1000, &"x".repeat(1000)));
    }
    append(&spool, "d", &cursor(1), batch("b", &["1"]));
    let mut order = Vec::new();
    while let Some(claim) = spool.claim(|_, _| true) {
        let taken = spool.take(&claim, Vec::new(), &mut Vec::new()).unwrap().unwrap();
        order.push(claim.destination.stream);
        spool.delivered(&taken).unwrap();
    }
    assert_eq!(order, ["a", "b", "a", "a"]);
}

#[test]
fn what_was_on_its_way_at_a_crash_is_in_doubt_and_nothing_else() {
    let directory = TempDir::new().unwrap();
    let (spool, _) = Spool::open(directory.path(), ROOM).unwrap();
    for time in 1..=2 {
        append(&spool, "c", &cursor(time), batch_at("a/c", time * 10, 2, &time.to_string()));
    }
    let taken = take(&spool, "a/c").unwrap();
    assert_eq!(taken.pending, Pending::Fresh);
    append(&spool, "c", &cursor(3), batch_at("a/c", 30, 2, "3"));
    drop(spool);

    let (spool, _) = Spool::open(directory.path(), ROOM).unwrap();
    assert_eq!(spool.in_doubt(), [destination("a/c")]);
    let claim = spool.claim(|_, pending| pending == Pending::Fresh).unwrap();
    let fresh = spool.take(&claim, Vec::new(), &mut Vec::new()).unwrap().unwrap();
    assert_eq!(messages(&fresh), ["3", "3"], "it waits for nobody");
    spool.delivered(&fresh).unwrap();
    let doubtful = take(&spool, "a/c").unwrap();
    assert_eq!((doubtful.pending, messages(&doubtful).concat()), (Pending::Doubtful, "1122".to_owned()));
    assert_eq!(doubtful.evidence().unwrap().time_ms, 21);
    spool.failed(&doubtful, true);
    drop(spool);

    let (spool, recovered) = Spool::open(directory.path(), ROOM).unwrap();
    assert_eq!(recovered.cursors["c"], cursor(3));
    let doubtful = take(&spool, "a/c").unwrap();
    assert_eq!(doubtful.pending, Pending::Doubtful);
    spool.failed(&doubtful, false);
    assert_eq!(take(&spool, "a/c").unwrap().pending, Pending::Fresh, "it certainly did not arrive");
    drop(spool);
    let (spool, _) = Spool::open(directory.path(), ROOM).unwrap();
    let taken = take(&spool, "a/c").unwrap();
    spool.delivered(&taken).unwrap();
    assert!(spool.is_empty());
    drop(spool);
    assert_eq!(fs::read_dir(directory.path().join("flights")).unwrap().count(), 0);
}

#[test]
fn an_event_of_a_millisecond_that_a_later_batch_has_too_proves_nothing() {
    let directory = TempDir::new().unwrap();
    let (spool, _) = Spool::open(directory.path(), ROOM).unwrap();
    // Milliseconds 10 to 30, 30 to 50, and 52 on.
    for (from, events) in [(10, 21), (30, 21), (52, 9)] {
        append(&spool, "c", &cursor(from), batch_at("a/c", from, events, "tick"));
    }
    let evidence = |spool: &Spool| {
        let claim = spool.claim(|_, _| true).unwrap();
        let taken = spool.take(&claim, Vec::new(), &mut Vec::new()).unwrap().unwrap();
        let evidence = taken.evidence().map(|event| event.time_ms);
        (taken, evidence)
    };
    let (first, newest) = evidence(&spool);
    assert_eq!((first.headers.len(), newest), (3, Some(60)), "those inside a call prove each other");
    spool.failed(&first, false);
    append(&spool, "c", &cursor(4), batch_at("a/c", 58, 1, "tick"));
    let (mut sizes, mut newest) = (Vec::new(), Vec::new());
    for _ in 0..2 {
        let (taken, evidence) = evidence(&spool);
        sizes.push(taken.headers.len());
        newest.push(evidence);
        spool.delivered(&taken).unwrap();
    }
    assert_eq!((sizes, newest), (vec![1, 3], vec![None, Some(57)]));
}

#[test]
fn an_event_of_a_millisecond_that_an_earlier_batch_has_too_proves_nothing() {
    let directory = TempDir::new().unwrap();
    let (spool, _) = Spool::open(directory.path(), ROOM).unwrap();
    for time_ms in [5, 5, 4] {
        append(&spool, "c", &cursor(1), batch_at("a/c", time_ms, 1, "tick"));
        let taken = take(&spool, "a/c").unwrap();
        assert_eq!(taken.evidence().is_some(), taken.headers[0].number == 1);
        spool.delivered(&taken).unwrap();
    }
    drop(spool);
    let (spool, _) = Spool::open(directory.path(), ROOM).unwrap();
    for (time_ms, evident) in [(4, false), (6, true)] {
        append(&spool, "c", &cursor(1), batch_at("a/c", time_ms, 1, "tick"));
        let taken = take(&spool, "a/c").unwrap();
        assert_eq!(taken.evidence().is_some(), evident, "{time_ms}");
        spool.delivered(&taken).unwrap();
    }
}

#[test]
fn a_late_receipt_does_not_set_a_cursor_back() {
    let directory = TempDir::new().unwrap();
    let (spool, _) = Spool::open(directory.path(), ROOM).unwrap();
    append(&spool, "c", &cursor(1), batch("old name", &["1"]));
    append(&spool, "c", &cursor(2), batch("new name", &["2"]));
    let (old, new) = (take(&spool, "old name").unwrap(), take(&spool, "new name").unwrap());
    spool.delivered(&new).unwrap();
    drop(spool);
    let (spool, recovered) = Spool::open(directory.path(), ROOM).unwrap();
    assert_eq!((recovered.batches, recovered.cursors["c"]), (1, cursor(2)));
    let again = take(&spool, "old name").unwrap();
    assert_eq!(again.headers, old.headers);
    spool.delivered(&again).unwrap();
    drop(spool);
    let (_, recovered) = Spool::open(directory.path(), ROOM).unwrap();
    assert_eq!((recovered.batches, recovered.cursors["c"]), (0, cursor(2)));
}

#[test]
fn damaged_and_foreign_files_are_set_aside_and_the_rest_goes_on() {
    let directory = TempDir::new().unwrap();
    let path = |number: u64| directory.path().join(number_name(number));
    let (spool, _) = Spool::open(directory.path(), ROOM).unwrap();
    for time in 1..=4 {
        append(&spool, "c", &cursor(time), batch("a", &["message"]));
    }
    drop(spool);
    let flip = |number, at: usize| {
        let mut bytes = fs::read(path(number)).unwrap();
        let at = if at == 0 { bytes.len() - 5 } else { at };
        bytes[at] ^= 1;
        fs::write(path(number), bytes).unwrap();
    };
    flip(1, 20);
    flip(2, 0);
    fs::write(path(3), &fs::read(path(3)).unwrap()[..40]).unwrap();
    fs::write(directory.path().join("notes.txt"), "hello").unwrap();
    fs::write(directory.path().join("00000000000000000009.unfinished"), "half").unwrap();

    let (spool, recovered) = Spool::open(directory.path(), ROOM).unwrap();
    let mut reasons: Vec<_> = recovered.quarantined.into_iter().map(|(_, reason)| reason).collect();
    assert_eq!(recovered.batches, 2, "the damage to a body shows when it is read");
    let mut quarantined = Vec::new();
    let claim = spool.claim(ours("a")).unwrap();
    let taken = spool.take(&claim, Vec::new(), &mut quarantined).unwrap().unwrap();
    assert_eq!(taken.headers[0].number, 4);
    reasons.extend(quarantined.into_iter().map(|(_, reason)| reason));
    assert_eq!(
        reasons,
        [
            "its header is damaged: the checksum does not match",
            "its header is cut off",
            "it is not a batch of this agent",
            "its body is damaged: the checksum does not match",
        ]
    );
    assert_eq!(fs::read_dir(directory.path().join("quarantine")).unwrap().count(), 4);
    spool.delivered(&taken).unwrap();
    assert_eq!(spool.bytes(), 0);
}

#[test]
fn a_full_spool_gives_up_the_oldest_and_says_so_in_the_stream() {
    let directory = TempDir::new().unwrap();
    let (spool, _) = Spool::open(directory.path(), 40_960).unwrap();
    let long = "x".repeat(4000);
    let mut dropped = 0;
    for time in 0..10 {
        dropped += append(&spool, "c", &cursor(time), batch("a", &[&long, "short"]));
    }
    assert_eq!(dropped, 2 * 6);
    assert!(spool.bytes() <= 40_960, "{}", spool.bytes());
    drop(spool);
    let (spool, recovered) = Spool::open(directory.path(), 40_960).unwrap();
    assert_eq!((recovered.batches, recovered.quarantined.len()), (5, 0));
    let mut arrived = Vec::new();
    while let Some(taken) = take(&spool, "a") {
        arrived.extend(messages(&taken));
        spool.delivered(&taken).unwrap();
    }
    assert_eq!(
        arrived.remove(0),
        "[starttech-agent] 12 events dropped from 2026-01-26T19:45:10Z to 2026-01-26T19:45:10.001Z: \
          the spool was full (spool.max_bytes)"
    );
    assert_eq!(arrived, [long.as_str(), "short"].repeat(4));
    assert_eq!(spool.bytes(), 0);
}

#[test]
fn a_batch_that_cannot_be_written_is_sent_from_memory() {
    let directory = TempDir::new().unwrap();
    let (spool, _) = Spool::open(directory.path(), ROOM).unwrap();
    // A directory in the way of the next file stands for a full disk.
    fs::create_dir(directory.path().join("00000000000000000001.unfinished")).unwrap();
    let (_, held) = spool.append("c", &cursor(7), batch("a", &["1"])).unwritten.unwrap();
    let (header, body) = *held;
    spool.keep(&header, body);
    assert_eq!(spool.unwritten(), 1);
    let taken = take(&spool, "a").unwrap();
    assert_eq!(messages(&taken), ["1"]);
    spool.delivered(&taken).unwrap();
    assert_eq!(spool.unwritten(), 0);
    drop(spool);
    fs::remove_dir(directory.path().join("00000000000000000001.unfinished")).unwrap();
    let (_, recovered) = Spool::open(directory.path(), ROOM).unwrap();
    assert_eq!(recovered.cursors["c"], cursor(7));
}

#[test]
fn two_agents_do_not_share_a_spool() {
    let directory = TempDir::new().unwrap();
    let (_first, _) = Spool::open(directory.path(), ROOM).unwrap();
    assert!(matches!(Spool::open(directory.path(), ROOM), Err(SpoolError::Locked { .. })));
}

#[test]
fn a_cursor_never_passes_a_batch_that_is_in_memory_only() {
    let directory = TempDir::new().unwrap();
    let (spool, _) = Spool::open(directory.path(), ROOM).unwrap();
    let in_the_way = directory.path().join("00000000000000000001.unfinished");
    fs::create_dir(&in_the_way).unwrap();
    let (_, held) = spool.append("c", &cursor(1), batch("a", &["big"])).unwritten.unwrap();
    spool.keep(&held.0, held.1.clone());
    fs::remove_dir(in_the_way).unwrap();
    assert!(
        spool.append("c", &cursor(2), batch("a", &["small"])).unwritten.is_some(),
        "it would be lost in a crash"
    );
    append(&spool, "other", &cursor(3), batch("b", &["other"]));
    spool.delivered(&take(&spool, "a").unwrap()).unwrap();
    append(&spool, "c", &cursor(2), batch("a", &["small"]));
}

#[test]
fn what_is_set_aside_moves_the_cursor_on_and_never_back() {
    let directory = TempDir::new().unwrap();
    let (spool, _) = Spool::open(directory.path(), ROOM).unwrap();
    append(&spool, "c", &cursor(1), batch("old name", &["1"]));
    append(&spool, "c", &cursor(2), batch("new name", &["2"]));
    let (old, new) = (take(&spool, "old name").unwrap(), take(&spool, "new name").unwrap());
    spool.delivered(&new).unwrap();
    spool.set_aside(&old, "no");
    drop(spool);
    let (_, recovered) = Spool::open(directory.path(), ROOM).unwrap();
    assert_eq!((recovered.batches, recovered.cursors["c"]), (0, cursor(2)));
}

#[test]
fn a_container_that_is_gone_leaves_nothing_behind() {
    let directory = TempDir::new().unwrap();
    let (spool, _) = Spool::open(directory.path(), ROOM).unwrap();
    append(&spool, "c", &cursor(1), batch("a", &["1"]));
    let taken = take(&spool, "a").unwrap();
    spool.retire("c");
    spool.delivered(&taken).unwrap();
    assert_eq!(fs::read_dir(directory.path().join("cursors")).unwrap().count(), 0);
    assert!(spool.state().containers.is_empty());
}

#[test]
fn other_users_cannot_look_inside() {
    let directory = TempDir::new().unwrap();
    let path = directory.path().join("spool");
    let (_spool, _) = Spool::open(&path, ROOM).unwrap();
    assert_eq!(fs::metadata(&path).unwrap().permissions().mode() & 0o777, 0o700);
}

#[test]
fn a_small_batch_takes_a_whole_block() {
    let directory = TempDir::new().unwrap();
    let (spool, _) = Spool::open(directory.path(), ROOM).unwrap();
    append(&spool, "c", &cursor(1), batch("a", &["1"]));
    assert_eq!(spool.bytes(), 4096);
    assert!(size_of::<state::Queued>() <= 56, "an hour of outage is thousands of them");
}

#[test]
fn whatever_lies_in_the_directory_the_spool_opens() {
    use std::os::unix::ffi::OsStrExt;
    let directory = TempDir::new().unwrap();
    let path = |name: &str| directory.path().join(name);
    let (spool, _) = Spool::open(directory.path(), ROOM).unwrap();
    append(&spool, "c", &cursor(1), batch("a", &["1"]));
    drop(spool);
    let good = path(&number_name(1));
    fs::copy(&good, path(&number_name(8))).unwrap();
    fs::copy(&good, path(&number_name(u64::MAX))).unwrap();
    for name in [b"\xff.unfinished".as_slice(), b"\xff", &[b'n'; 255]] {
        fs::write(directory.path().join(std::ffi::OsStr::from_bytes(name)), "x").unwrap();
    }
    fs::write(path("cursors").join("n".repeat(255)), "x").unwrap();
    fs::create_dir(path(&number_name(2))).unwrap();
    fs::create_dir(path("cursors/c2")).unwrap();
    let outside = Header { container: "../x".to_owned(), number: 9, ..entry::read_header(&good).unwrap() };
    entry::write(&path(&number_name(9)), &outside, b"").unwrap();
    let endless = Header { body_bytes: u64::MAX, number: 3, ..entry::read_header(&good).unwrap() };
    entry::write(&path(&number_name(3)), &endless, b"").unwrap();

    let (spool, recovered) = Spool::open(directory.path(), ROOM).unwrap();
    assert_eq!((recovered.batches, recovered.quarantined.len()), (2, 8), "{:?}", recovered.quarantined);
    assert!(recovered.quarantined.iter().all(|(at, _)| at.starts_with(path("quarantine"))));
    append(&spool, "c", &cursor(2), batch("a", &["2"]));
    let mut arrived = Vec::new();
    while let Some(claim) = spool.claim(ours("a")) {
        let Some(taken) = spool.take(&claim, Vec::new(), &mut Vec::new()).unwrap() else { break };
        arrived.extend(messages(&taken));
        spool.delivered(&taken).unwrap();
    }
    assert_eq!(arrived, ["1", "2"]);
}

#[test]
fn what_is_in_doubt_and_the_rest_take_turns_and_doubts_do_not_pile_up() {
    let directory = TempDir::new().unwrap();
    let (spool, _) = Spool::open(directory.path(), ROOM).unwrap();
    // The service answers none of ten calls.
    for n in 1..=10 {
        append(&spool, "c", &cursor(n), batch_at("a/c", n * 10, 1, "1"));
        let taken = take(&spool, "a/c").unwrap();
        spool.failed(&taken, true);
    }
    let doubts = fs::read_dir(directory.path().join("flights")).unwrap().count();
    assert!(doubts <= 4, "{doubts} calls in doubt");
    let mut order = Vec::new();
    while let Some(taken) = take(&spool, "a/c") {
        order.push(taken.pending);
        spool.delivered(&taken).unwrap();
        append(&spool, "c", &cursor(20), batch_at("a/c", 200, 1, "now"));
        if order.len() == 6 {
            break;
        }
    }
    assert!(order.windows(3).all(|turns| turns.contains(&Pending::Fresh)), "{order:?}");
}

#[test]
fn where_containers_share_a_stream_nothing_proves_anything() {
    let directory = TempDir::new().unwrap();
    let (spool, _) = Spool::open(directory.path(), ROOM).unwrap();
    append(&spool, "0123456789abcdef", &cursor(1), batch_at("host/web/0123456789ab", 1, 2, "1"));
    append(&spool, "0123456789abcdef", &cursor(2), batch_at("host/web", 10, 2, "1"));
    assert!(take(&spool, "host/web/0123456789ab").unwrap().evidence().is_some());
    assert_eq!(take(&spool, "host/web").unwrap().evidence(), None);
}

#[test]
fn a_batch_that_cannot_be_read_this_time_stays() {
    let directory = TempDir::new().unwrap();
    let path = directory.path().join(number_name(1));
    let (spool, _) = Spool::open(directory.path(), ROOM).unwrap();
    append(&spool, "c", &cursor(1), batch("a", &["1"]));
    let aside = directory.path().join("aside");
    fs::rename(&path, &aside).unwrap();
    // Opening a directory works, reading it does not: as on a disk that fails.
    fs::create_dir(&path).unwrap();
    let claim = spool.claim(ours("a")).unwrap();
    assert!(spool.take(&claim, Vec::new(), &mut Vec::new()).is_err());
    spool.release(&claim.destination);
    fs::remove_dir(&path).unwrap();
    fs::rename(&aside, &path).unwrap();
    let taken = take(&spool, "a").unwrap();
    assert_eq!(messages(&taken), ["1"]);
    spool.delivered(&taken).unwrap();
    assert!(spool.is_empty());
}

#[test]
fn the_newest_time_of_a_container_is_known_after_a_restart_though_the_clock_went_back() {
    let directory = TempDir::new().unwrap();
    let (spool, _) = Spool::open(directory.path(), ROOM).unwrap();
    for time_ms in [5000, 3000] {
        append(&spool, "c", &cursor(1), batch_at("a/c", time_ms, 1, "tick"));
        let taken = take(&spool, "a/c").unwrap();
        spool.delivered(&taken).unwrap();
    }
    drop(spool);
    let (spool, _) = Spool::open(directory.path(), ROOM).unwrap();
    append(&spool, "c", &cursor(1), batch_at("a/c", 5000, 1, "tick"));
    assert_eq!(take(&spool, "a/c").unwrap().evidence(), None);
}

#[test]
fn what_live_lines_have_overtaken_can_still_be_looked_for_after_two_crashes() {
    let directory = TempDir::new().unwrap();
    let (mut spool, _) = Spool::open(directory.path(), ROOM).unwrap();
    for second in 1..=3 {
        append(&spool, "c", &cursor(second), batch_at("a/c", second * 10_000, 9_000, "line"));
        let claim = spool.claim(|_, pending| pending == Pending::Fresh).unwrap();
        let taken = spool.take(&claim, Vec::new(), &mut Vec::new()).unwrap().unwrap();
        assert_eq!((taken.pending, taken.headers.len()), (Pending::Fresh, 1));
        if second == 3 {
            spool.delivered(&taken).unwrap();
        }
        drop(spool);
        spool = Spool::open(directory.path(), ROOM).unwrap().0;
    }
    for second in [1, 2] {
        let taken = take(&spool, "a/c").unwrap();
        assert_eq!((taken.pending, taken.headers[0].number), (Pending::Doubtful, second));
        assert!(taken.evidence().is_some(), "{second}");
        spool.delivered(&taken).unwrap();
    }
}
