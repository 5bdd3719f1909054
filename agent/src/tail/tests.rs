//! Logs that rotate, are compressed, truncated or deleted, as dockerd does it.

use std::fs;
use std::io::Write;
use std::os::unix::fs::FileExt;
use std::path::PathBuf;

use flate2::Compression;
use flate2::write::GzEncoder;
use tempfile::TempDir;

use super::*;
use crate::logs::Pipe;
use crate::logs::local_file::tests::encoded;

/// A directory in which logs rotate as dockerd does it.
struct Log {
    directory: TempDir,
    format: Format,
    next: u64,
}

impl Log {
    fn new() -> Self {
        Self::of(Format::JsonFile)
    }

    fn of(format: Format) -> Self {
        Self { directory: TempDir::new().unwrap(), format, next: 0 }
    }

    fn path(&self, ending: &str) -> PathBuf {
        self.directory.path().join(format!("id-json.log{ending}"))
    }

    fn write(&mut self, count: u64) {
        let mut file = fs::OpenOptions::new().append(true).create(true).open(self.path("")).unwrap();
        for _ in 0..count {
            let (n, stream) = (self.next, if self.next.is_multiple_of(3) { "stderr" } else { "stdout" });
            let nanos = n % 1_000_000_000;
            let pipe = if stream == "stderr" { Pipe::Stderr } else { Pipe::Stdout };
            let record = match self.format {
                Format::JsonFile => {
                    let time = format!("2026-01-26T19:45:10.{nanos:09}Z");
                    let record = format!(r#"{{"log":"n={n}\n","stream":"{stream}","time":"{time}"}}"#);
                    [record.as_bytes(), b"\n"].concat()
                }
                Format::Local => {
                    let time_ns = 1_769_456_710_000_000_000 + nanos.cast_signed();
                    encoded(pipe, time_ns, format!("n={n}").as_bytes(), None)
                }
            };
            file.write_all(&record).unwrap();
            self.next += 1;
        }
    }

    fn rotate(&self, keep: u32) {
        for number in (1..keep).rev() {
            for ending in ["", ".gz"] {
                let from = if number == 1 { String::new() } else { format!(".{}{ending}", number - 1) };
                if number > 1 || ending.is_empty() {
                    fs::rename(self.path(&from), self.path(&format!(".{number}{ending}"))).ok();
                }
            }
        }
        fs::File::create(self.path("")).unwrap();
    }

    fn compress(&self, number: u32) {
        let plain = self.path(&format!(".{number}"));
        let mut encoder = GzEncoder::new(
            fs::File::create(self.path(&format!(".{number}.gz"))).unwrap(),
            Compression::fast(),
        );
        encoder.write_all(&fs::read(&plain).unwrap()).unwrap();
        encoder.finish().unwrap();
        fs::remove_file(plain).unwrap();
    }

    fn open(&self, cursor: &Cursor) -> (Tail, Found) {
        Tail::open(&self.path(""), self.format, cursor).unwrap()
    }
}

fn numbers(tail: &mut Tail) -> Vec<u64> {
    let mut buffer = vec![0; READ_BYTES];
    let mut found = Vec::new();
    loop {
        let progress = tail
            .read(&mut buffer, &mut |entry, _| match entry {
                Entry::Record(record) => found.push(record.text.trim_start_matches("n=").parse().unwrap()),
                Entry::Malformed(bytes) => panic!("{}", String::from_utf8_lossy(bytes)),
            })
            .unwrap();
        if progress == Progress::default() {
            return found;
        }
    }
}

fn cursor(tail: &Tail) -> Cursor {
    tail.end().unwrap_or_default()
}

#[test]
fn rotation_is_followed_and_rotated_files_are_read_to_their_end() {
    let mut log = Log::new();
    log.write(5);
    let (mut tail, found) = log.open(&Cursor::default());
    assert_eq!(found, Found::New);
    assert_eq!(numbers(&mut tail), [0, 1, 2, 3, 4]);
    log.write(2);
    for _ in 0..5 {
        log.rotate(3);
        tail.rescan().unwrap();
        log.write(2);
    }
    assert_eq!(numbers(&mut tail), (5..17).collect::<Vec<_>>());
    assert!(tail.done.len() <= 2, "files without a name are let go: {}", tail.done.len());
}

#[test]
fn polling_alone_finds_a_rotation() {
    let mut log = Log::new();
    log.write(1);
    let (mut tail, _) = log.open(&Cursor::default());
    assert_eq!(numbers(&mut tail), [0]);
    log.write(1);
    log.rotate(3);
    log.write(1);
    assert_eq!(numbers(&mut tail), [1, 2]);
}

#[test]
fn reading_goes_on_where_it_stopped_though_files_were_renamed_and_compressed() {
    let mut log = Log::new();
    log.write(10);
    let (mut tail, _) = log.open(&Cursor::default());
    numbers(&mut tail);
    let cursor = cursor(&tail);
    drop(tail);
    log.write(3);
    log.rotate(5);
    log.write(3);
    log.rotate(5);
    log.compress(2);
    log.compress(1);
    log.write(3);
    let (mut tail, found) = log.open(&cursor);
    assert_eq!(found, Found::Resumed);
    assert_eq!(numbers(&mut tail), (10..19).collect::<Vec<_>>());
    log.write(1);
    log.rotate(5);
    log.compress(1);
    assert_eq!(numbers(&mut tail), [19]);
}

#[test]
fn each_pipe_goes_on_at_its_own_place() {
    let mut log = Log::new();
    log.write(9);
    let mut places = Vec::new();
    let (mut tail, _) = log.open(&Cursor::default());
    tail.read(&mut vec![0; READ_BYTES], &mut |_, position| places.push(position)).unwrap();
    let cursor = Cursor { stdout: places[7].stdout, stderr: places[3].stderr };
    let (mut tail, found) = log.open(&cursor);
    assert_eq!(found, Found::Resumed);
    assert_eq!(numbers(&mut tail), [3, 6, 7, 8]);
}

#[test]
fn a_place_that_was_rotated_away_is_a_gap() {
    let mut log = Log::new();
    log.write(3);
    let (mut tail, _) = log.open(&Cursor::default());
    numbers(&mut tail);
    let cursor = cursor(&tail);
    drop(tail);
    for _ in 0..4 {
        log.rotate(3);
        log.write(1);
    }
    let (mut tail, found) = log.open(&cursor);
    assert_eq!(found, Found::Gap);
    assert_eq!(numbers(&mut tail), [4, 5, 6]);
}

#[test]
fn a_truncated_log_is_read_from_its_new_beginning() {
    let mut log = Log::new();
    log.write(5);
    let (mut tail, _) = log.open(&Cursor::default());
    assert_eq!(numbers(&mut tail).len(), 5);
    let file = fs::OpenOptions::new().write(true).open(log.path("")).unwrap();
    file.set_len(0).unwrap();
    log.write(2);
    assert_eq!(numbers(&mut tail), [5, 6]);
    // Cut off and grown beyond our place before we look again.
    file.set_len(0).unwrap();
    log.write(50);
    assert_eq!(numbers(&mut tail), (7..57).collect::<Vec<_>>());
    // A writer that does not append leaves a hole of zeros.
    let size = file.metadata().unwrap().len();
    file.set_len(0).unwrap();
    let record = br#"{"log":"n=99\n","stream":"stdout","time":"2026-01-26T19:45:10Z"}
"#;
    file.write_all_at(record, size).unwrap();
    assert_eq!(numbers(&mut tail), [99]);
}

#[test]
fn a_log_that_comes_later_is_awaited_and_a_deleted_one_is_read_to_its_end() {
    let mut log = Log::new();
    let (mut tail, _) = log.open(&Cursor::default());
    assert_eq!(numbers(&mut tail), [0; 0]);
    log.write(2);
    assert!(tail.rescan().unwrap());
    fs::remove_file(log.path("")).unwrap();
    assert_eq!(numbers(&mut tail), [0, 1]);
}

#[test]
fn records_across_the_borders_of_reads_are_whole() {
    let mut log = Log::new();
    log.write(8_000);
    log.rotate(3);
    log.write(8_000);
    let (mut tail, _) = log.open(&Cursor::default());
    assert_eq!(numbers(&mut tail), (0..16_000).collect::<Vec<_>>());
}

#[test]
fn what_is_no_record_is_handed_over_and_the_rest_goes_on() {
    let log = Log::new();
    let record = r#"{"log":"a\n","stream":"stderr","time":"2026-01-26T19:45:10Z"}"#;
    let torn = r#"{"log":"torn in the mid"#;
    let overlong = "z".repeat(READ_BYTES + 10);
    fs::write(log.path(".1"), format!("{overlong}\n{record}\ngarbage\n{record}\n{torn}")).unwrap();
    fs::write(log.path(""), format!("{record}\nincomplete")).unwrap();
    let (mut tail, _) = log.open(&Cursor::default());
    let mut buffer = vec![0; READ_BYTES];
    let mut seen = Vec::new();
    let mut take = |entry: Entry<'_>, _: Cursor| match entry {
        Entry::Record(record) => {
            assert_eq!(record.pipe, Pipe::Stderr);
            seen.push(record.text.into_owned());
        }
        Entry::Malformed(bytes) => seen.push(format!("malformed {}", bytes.len())),
    };
    while tail.read(&mut buffer, &mut take).unwrap().bytes > 0 {}
    let overlong = format!("malformed {READ_BYTES}");
    let expected = [&overlong, "malformed 10", "a", "malformed 7", "a", "malformed 23", "a"];
    assert_eq!(seen, expected);
}

#[test]
fn a_compressed_file_that_a_crash_cut_short_does_not_hide_the_newer_ones() {
    let mut log = Log::new();
    log.write(2000);
    log.rotate(3);
    log.compress(1);
    let path = log.path(".1.gz");
    let bytes = fs::read(&path).unwrap();
    fs::write(&path, &bytes[..bytes.len() / 2]).unwrap();
    log.write(3);
    let (mut tail, _) = log.open(&Cursor::default());
    let mut seen = Vec::new();
    let mut take = |entry: Entry<'_>, _: Cursor| {
        if let Entry::Record(record) = entry {
            seen.push(record.text.trim_start_matches("n=").parse::<u64>().unwrap());
        }
    };
    let mut buffer = vec![0; READ_BYTES];
    while tail.read(&mut buffer, &mut take).unwrap().bytes > 0 {}
    assert!(seen.len() > 100, "what could be decoded: {}", seen.len());
    assert_eq!(seen[seen.len() - 3..], [2000, 2001, 2002]);
}

#[test]
fn the_pipe_whose_file_is_left_goes_on_at_its_place() {
    let mut log = Log::new();
    log.write(3);
    let (mut tail, _) = log.open(&Cursor::default());
    numbers(&mut tail);
    let stderr = tail.end().unwrap().stderr;
    log.rotate(2);
    log.write(6);
    numbers(&mut tail);
    let cursor = Cursor { stdout: tail.end().unwrap().stdout, stderr };
    drop(tail);
    fs::remove_file(log.path(".1")).unwrap();
    let (mut tail, found) = log.open(&cursor);
    assert_eq!(found, Found::Gap);
    assert_eq!(numbers(&mut tail), [3, 6], "standard error from the oldest that is left, nothing else again");
}

#[test]
fn a_file_that_was_taken_hold_of_is_read_though_its_name_is_gone() {
    let mut log = Log::new();
    log.write(1);
    let (mut tail, _) = log.open(&Cursor::default());
    for _ in 0..4 {
        log.rotate(2);
        tail.names.look().unwrap();
        log.write(1);
    }
    assert_eq!(numbers(&mut tail), [0, 1, 2, 3, 4]);
    log.rotate(2);
    tail.names.look().unwrap();
    assert!(tail.done.len() <= 2, "files without a name are let go: {}", tail.done.len());
}

#[test]
fn a_log_of_the_local_driver_rotates_and_is_compressed_behind_our_back() {
    let mut log = Log::of(Format::Local);
    log.write(8_000);
    let (mut tail, found) = log.open(&Cursor::default());
    assert_eq!(found, Found::New);
    assert_eq!(numbers(&mut tail), (0..8_000).collect::<Vec<_>>());
    log.rotate(8);
    log.write(10);
    tail.names.look().unwrap();
    assert_eq!(numbers(&mut tail), (8_000..8_010).collect::<Vec<_>>());
    let cursor = cursor(&tail);
    drop(tail);
    for number in [1, 2] {
        log.write(10);
        log.rotate(8);
        log.compress(number);
        log.rotate(8);
    }
    log.write(10);
    let (mut tail, found) = log.open(&cursor);
    assert_eq!(found, Found::Resumed);
    assert_eq!(numbers(&mut tail), (8_010..8_040).collect::<Vec<_>>());
}

#[test]
fn a_log_of_the_local_driver_that_is_truncated_or_torn_goes_on() {
    let mut log = Log::of(Format::Local);
    log.write(5);
    let (mut tail, _) = log.open(&Cursor::default());
    assert_eq!(numbers(&mut tail).len(), 5);
    let file = fs::OpenOptions::new().append(true).open(log.path("")).unwrap();
    file.set_len(0).unwrap();
    log.write(50);
    assert_eq!(numbers(&mut tail), (5..55).collect::<Vec<_>>());

    // A crash in the middle of an entry: awaited first, then known for what it is.
    let entry = encoded(Pipe::Stdout, 1_769_456_710_000_000_000, b"torn", None);
    (&file).write_all(&entry[..entry.len() - 6]).unwrap();
    assert_eq!(numbers(&mut tail), [0; 0]);
    log.write(1);
    let mut seen = Vec::new();
    let mut take = |entry: Entry<'_>, _: Cursor| match entry {
        Entry::Record(record) => seen.push(record.text.into_owned()),
        Entry::Malformed(bytes) => seen.push(format!("malformed {}", bytes.len())),
    };
    let mut buffer = vec![0; READ_BYTES];
    while tail.read(&mut buffer, &mut take).unwrap().bytes > 0 {}
    assert_eq!(seen, [format!("malformed {}", entry.len() - 6 - 3), "n=55".to_owned()]);
}

#[test]
fn a_look_that_comes_late_finds_what_was_rotated_meanwhile() {
    let mut log = Log::new();
    log.write(1);
    let (mut tail, _) = log.open(&Cursor::default());
    for _ in 0..5 {
        for _ in 0..3 {
            log.rotate(4);
            log.write(1);
        }
        tail.names.look().unwrap();
    }
    assert_eq!(numbers(&mut tail), (0..16).collect::<Vec<_>>());
}

/// The reader looks too; what the watching thread holds and Docker has deleted since comes before.
#[test]
fn files_come_in_the_order_in_which_they_were_begun_whoever_found_them() {
    let mut log = Log::new();
    log.write(1);
    let (mut tail, _) = log.open(&Cursor::default());
    log.rotate(2);
    log.write(1);
    tail.names.look().unwrap();
    for _ in 0..2 {
        log.rotate(2);
        log.write(1);
    }
    assert_eq!(numbers(&mut tail), [0, 1, 2, 3]);
    log.write(1);
    assert_eq!(numbers(&mut tail), [4]);
}

#[test]
fn an_inode_number_that_goes_to_a_newer_file_is_not_taken_for_the_old_one() {
    let mut log = Log::new();
    log.write(1);
    let (mut tail, _) = log.open(&Cursor::default());
    // Each file is deleted as soon as it was read, so that its number is free.
    for n in 0..50 {
        assert_eq!(numbers(&mut tail), [n]);
        log.rotate(2);
        log.write(1);
    }
}

#[test]
fn compressing_that_ends_between_two_looks_brings_no_line_twice() {
    let mut log = Log::new();
    for _ in 0..2 {
        log.write(2000);
        log.rotate(4);
    }
    log.write(5);
    // The same file under both names, as if seen before and after.
    let plain = fs::read(log.path(".1")).unwrap();
    log.rotate(4);
    log.compress(2);
    fs::write(log.path(".1"), plain).unwrap();
    let (mut tail, _) = log.open(&Cursor::default());
    assert_eq!(numbers(&mut tail).len(), 4000);
}

#[test]
fn a_compressed_file_is_known_by_its_whole_first_record() {
    let log = Log::new();
    let record = |n: u32| {
        let text = "the same in every file ".repeat(100);
        format!(r#"{{"log":"{text}\n","stream":"stdout","time":"2026-01-26T19:45:10.{n:09}Z"}}{}"#, "\n")
    };
    fs::write(log.path(""), record(0)).unwrap();
    let (mut tail, _) = log.open(&Cursor::default());
    let mut times = Vec::new();
    let mut buffer = vec![0; READ_BYTES];
    tail.read(&mut buffer, &mut |_, _| {}).unwrap();
    let cursor = cursor(&tail);
    drop(tail);
    for n in 1..3 {
        log.rotate(4);
        fs::write(log.path(""), record(n)).unwrap();
    }
    log.compress(2);
    let (mut tail, found) = log.open(&cursor);
    assert_eq!(found, Found::Resumed);
    let mut take = |entry: Entry<'_>, _: Cursor| {
        let Entry::Record(record) = entry else { panic!("no record") };
        times.push(record.time_ns % 1_000_000_000);
    };
    while tail.read(&mut buffer, &mut take).unwrap().bytes > 0 {}
    assert_eq!(times, [1, 2]);
}

#[test]
fn a_log_cut_off_and_grown_to_the_very_same_size_is_noticed() {
    let mut log = Log::new();
    log.write(5);
    // The clock of file times has steps of some milliseconds.
    let file = fs::OpenOptions::new().write(true).open(log.path("")).unwrap();
    file.set_modified(std::time::UNIX_EPOCH).unwrap();
    let (mut tail, _) = log.open(&Cursor::default());
    assert_eq!(numbers(&mut tail).len(), 5);
    file.set_len(0).unwrap();
    log.write(5);
    assert_eq!(numbers(&mut tail), [5, 6, 7, 8, 9]);
}

#[test]
fn a_log_that_was_emptied_brings_nothing_back_from_rotated_files() {
    let mut log = Log::new();
    log.write(5);
    log.rotate(3);
    log.write(5);
    let (mut tail, _) = log.open(&Cursor::default());
    assert_eq!(numbers(&mut tail).len(), 10);
    let cursor = cursor(&tail);
    drop(tail);
    fs::File::create(log.path("")).unwrap();
    let (mut tail, found) = log.open(&cursor);
    assert_eq!(found, Found::Resumed);
    log.write(50);
    let mut seen = Vec::new();
    let progress = tail
        .read(&mut vec![0; READ_BYTES], &mut |entry, _| {
            if let Entry::Record(record) = entry {
                seen.push(record.text.trim_start_matches("n=").parse::<u64>().unwrap());
            }
        })
        .unwrap();
    assert!(progress.truncated);
    assert_eq!(seen, (10..60).collect::<Vec<_>>());
}

#[test]
fn a_log_cut_off_and_written_again_while_nobody_looked_brings_nothing_back() {
    let mut log = Log::new();
    for _ in 0..2 {
        log.write(5);
        log.rotate(3);
    }
    log.write(5);
    let (mut tail, _) = log.open(&Cursor::default());
    assert_eq!(numbers(&mut tail).len(), 15);
    let cursor = cursor(&tail);
    drop(tail);
    fs::OpenOptions::new().write(true).open(log.path("")).unwrap().set_len(0).unwrap();
    log.write(9);
    let (mut tail, found) = log.open(&cursor);
    assert_eq!(found, Found::Resumed);
    assert_eq!(numbers(&mut tail), (15..24).collect::<Vec<_>>());
}
