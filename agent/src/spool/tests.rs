//! The spool on a real directory: order, restarts, damage, a full disk.

use std::fs;

use tempfile::TempDir;

use super::*;
use crate::logs::batch::{Batch, events};
use crate::logs::cursor::Position;

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
    let claimed = spool.claim(|to| *to == destination(stream))?;
    let taken = spool.take(&claimed, Vec::new(), &mut quarantined);
    assert_eq!(quarantined, []);
    taken
}

fn messages(taken: &Taken) -> Vec<String> {
    events(&taken.outgoing.body).map(|event| event.message).collect()
}

#[test]
fn batches_of_a_stream_leave_one_by_one_in_order_and_survive_a_restart() {
    let directory = TempDir::new().unwrap();
    let (spool, _) = Spool::open(directory.path(), ROOM).unwrap();
    spool.append("c1", &cursor(1), batch("a", &["1"])).unwrap();
    spool.append("c2", &cursor(2), batch("b", &["2"])).unwrap();
    spool.append("c1", &cursor(3), batch("a", &["3"])).unwrap();
    let first = take(&spool, "a").unwrap();
    assert_eq!(messages(&first), ["1"]);
    assert!(take(&spool, "a").is_none(), "one in flight");
    assert_eq!(spool.claim(|_| true), Some(destination("b")));
    spool.release(&destination("b"));
    spool.release(&destination("a"));
    let first = take(&spool, "a").unwrap();
    assert_eq!(messages(&first), ["1"], "what was released is still the oldest");
    spool.delivered(&first).unwrap();
    assert_eq!(messages(&take(&spool, "a").unwrap()), ["3"]);
    drop(spool);

    let (spool, recovered) = Spool::open(directory.path(), ROOM).unwrap();
    assert_eq!(recovered.batches, 2);
    assert_eq!(recovered.cursors["c1"], cursor(3));
    assert_eq!(recovered.cursors["c2"], cursor(2));
    for (stream, message) in [("b", "2"), ("a", "3")] {
        let taken = take(&spool, stream).unwrap();
        assert_eq!(messages(&taken), [message]);
        spool.delivered(&taken).unwrap();
    }
    assert!(spool.is_empty() && spool.bytes() == 0);
    drop(spool);

    let (spool, recovered) = Spool::open(directory.path(), ROOM).unwrap();
    assert_eq!((recovered.batches, recovered.cursors["c1"]), (0, cursor(3)));
    spool.retire_all(|id| id == "c2").unwrap();
    drop(spool);
    let (_, recovered) = Spool::open(directory.path(), ROOM).unwrap();
    assert_eq!(recovered.cursors.keys().collect::<Vec<_>>(), ["c2"]);
}

#[test]
fn a_late_receipt_does_not_set_a_cursor_back() {
    let directory = TempDir::new().unwrap();
    let (spool, _) = Spool::open(directory.path(), ROOM).unwrap();
    spool.append("c", &cursor(1), batch("old name", &["1"])).unwrap();
    spool.append("c", &cursor(2), batch("new name", &["2"])).unwrap();
    let (old, new) = (take(&spool, "old name").unwrap(), take(&spool, "new name").unwrap());
    spool.delivered(&new).unwrap();
    drop(spool);
    let (spool, recovered) = Spool::open(directory.path(), ROOM).unwrap();
    assert_eq!((recovered.batches, recovered.cursors["c"]), (1, cursor(2)));
    let again = take(&spool, "old name").unwrap();
    assert_eq!(again.header, old.header);
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
        spool.append("c", &cursor(time), batch("a", &["message"])).unwrap();
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
    assert_eq!(spool.claim(|_| true), Some(destination("a")));
    let taken = spool.take(&destination("a"), Vec::new(), &mut quarantined).unwrap();
    assert_eq!(taken.header.number, 4);
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
        dropped += spool.append("c", &cursor(time), batch("a", &[&long, "short"])).unwrap();
    }
    assert_eq!(dropped, 2 * 6);
    assert!(spool.bytes() <= 40_960, "{}", spool.bytes());
    drop(spool);
    let (spool, recovered) = Spool::open(directory.path(), 40_960).unwrap();
    assert_eq!((recovered.batches, recovered.quarantined.len()), (5, 0));
    let marker = take(&spool, "a").unwrap();
    assert_eq!(
        messages(&marker),
        ["[starttech-agent] 12 events dropped from 2026-01-26T19:45:10Z to 2026-01-26T19:45:10.001Z: \
          the spool was full (spool.max_bytes)"]
    );
    spool.delivered(&marker).unwrap();
    for _ in 0..4 {
        let taken = take(&spool, "a").unwrap();
        assert_eq!(messages(&taken)[1], "short");
        spool.delivered(&taken).unwrap();
    }
    assert_eq!(spool.bytes(), 0);
}

#[test]
fn a_batch_that_cannot_be_written_is_sent_from_memory() {
    let directory = TempDir::new().unwrap();
    let (spool, _) = Spool::open(directory.path(), ROOM).unwrap();
    // A directory in the way of the next file stands for a full disk.
    fs::create_dir(directory.path().join("00000000000000000001.unfinished")).unwrap();
    let (_, held) = spool.append("c", &cursor(7), batch("a", &["1"])).unwrap_err();
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
    let (_, held) = spool.append("c", &cursor(1), batch("a", &["big"])).unwrap_err();
    spool.keep(&held.0, held.1.clone());
    fs::remove_dir(in_the_way).unwrap();
    assert!(spool.append("c", &cursor(2), batch("a", &["small"])).is_err(), "it would be lost in a crash");
    spool.append("other", &cursor(3), batch("b", &["other"])).unwrap();
    spool.delivered(&take(&spool, "a").unwrap()).unwrap();
    spool.append("c", &cursor(2), batch("a", &["small"])).unwrap();
}

#[test]
fn what_is_set_aside_moves_the_cursor_on_and_never_back() {
    let directory = TempDir::new().unwrap();
    let (spool, _) = Spool::open(directory.path(), ROOM).unwrap();
    spool.append("c", &cursor(1), batch("old name", &["1"])).unwrap();
    spool.append("c", &cursor(2), batch("new name", &["2"])).unwrap();
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
    spool.append("c", &cursor(1), batch("a", &["1"])).unwrap();
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
    spool.append("c", &cursor(1), batch("a", &["1"])).unwrap();
    assert_eq!(spool.bytes(), 4096);
    assert!(size_of::<state::Queued>() <= 48, "an hour of outage is thousands of them");
}
