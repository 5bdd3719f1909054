//! A container's log as dockerd's json-file driver keeps it: a JSON object a line, what is printed
//! without a newline cut into pieces of 16 KiB, files rotated by size.
//!
//! Knows nothing of what is printed. What it does follows moby's daemon/logger/copier.go and
//! daemon/logger/loggerutils/logfile.go.

use std::ffi::OsString;
use std::fs::{self, File};
use std::io::{self, Write};
use std::path::{Path, PathBuf};

use jiff::Timestamp;
use serde_json::json;

use crate::logs::Pipe;
use crate::logs::json_file::PIECE;

/// When to rotate, and how much to keep.
#[derive(Debug, Clone, Copy)]
pub(super) struct Limits {
    /// A file of this many bytes takes no further record.
    pub(super) max_size: u64,
    /// Files, the one that is written to among them.
    pub(super) max_files: u32,
}

/// The log of one container.
#[derive(Debug)]
pub(super) struct ContainerLog {
    path: PathBuf,
    limits: Limits,
    file: File,
    size: u64,
}

impl ContainerLog {
    /// Opens the log and goes on behind what is in it.
    pub(super) fn open(path: &Path, limits: Limits) -> io::Result<Self> {
        let file = append_to(path)?;
        let size = file.metadata()?.len();
        Ok(Self { path: path.to_owned(), limits, file, size })
    }

    /// Prints a text and a newline behind it.
    pub(super) fn print(&mut self, pipe: Pipe, text: &str, now: Timestamp) -> io::Result<()> {
        let printed = format!("{text}\n");
        for line in printed.split_inclusive('\n') {
            // Docker cuts between bytes, wherever a character is.
            for piece in line.as_bytes().chunks(PIECE) {
                self.write(&record(pipe, piece, now))?;
            }
        }
        Ok(())
    }

    fn write(&mut self, record: &[u8]) -> io::Result<()> {
        if self.size >= self.limits.max_size {
            self.rotate()?;
        }
        self.file.write_all(record)?;
        self.size += record.len() as u64;
        Ok(())
    }

    fn rotate(&mut self) -> io::Result<()> {
        for number in (1..self.limits.max_files).rev() {
            let from = if number == 1 { self.path.clone() } else { self.rotated(number - 1) };
            match fs::rename(&from, self.rotated(number)) {
                Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error),
                // Not so many files yet.
                _ => {}
            }
        }
        self.file = append_to(&self.path)?;
        self.size = 0;
        Ok(())
    }

    fn rotated(&self, number: u32) -> PathBuf {
        let mut path = OsString::from(&self.path);
        path.push(format!(".{number}"));
        path.into()
    }
}

fn append_to(path: &Path) -> io::Result<File> {
    File::options().append(true).create(true).open(path)
}

fn record(pipe: Pipe, piece: &[u8], now: Timestamp) -> Vec<u8> {
    let stream = match pipe {
        Pipe::Stdout => "stdout",
        Pipe::Stderr => "stderr",
    };
    // Half a character becomes the replacement character, as in Docker's encoder.
    let log = json!(String::from_utf8_lossy(piece)).to_string();
    // Go's encoder takes care of whoever pastes JSON into HTML.
    let log = log.replace('<', "\\u003c").replace('>', "\\u003e").replace('&', "\\u0026");
    format!("{{\"log\":{log},\"stream\":\"{stream}\",\"time\":\"{now}\"}}\n").into_bytes()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::logs::json_file::parse;
    use tempfile::TempDir;

    const NOW: &str = "2026-03-04T05:06:07.008009010Z";

    fn print(directory: &TempDir, max_size: u64, texts: &[(Pipe, String)]) {
        let path = directory.path().join("id-json.log");
        let mut log = ContainerLog::open(&path, Limits { max_size, max_files: 3 }).unwrap();
        for (pipe, text) in texts {
            log.print(*pipe, text, NOW.parse().unwrap()).unwrap();
        }
    }

    /// Pipe, text and whether the line ends, of each record, oldest first.
    fn records(directory: &TempDir) -> Vec<(Pipe, String, bool)> {
        let texts = [".2", ".1", ""].map(|ending| {
            fs::read_to_string(directory.path().join(format!("id-json.log{ending}"))).unwrap_or_default()
        });
        let one = |line: &str| {
            let record = parse(line.as_bytes()).unwrap_or_else(|| panic!("not a record: {line}"));
            assert_eq!(record.time_ns, 1_772_600_767_008_009_010);
            (record.pipe, record.text.into_owned(), record.ends)
        };
        texts.concat().lines().map(one).collect()
    }

    #[test]
    fn what_is_written_is_what_the_agent_reads() {
        let directory = TempDir::new().unwrap();
        let odd = "<a href=\"b\">&\u{1b}[31m \\ µ 🦀\t\r\u{2028}";
        print(&directory, 1 << 20, &[(Pipe::Stdout, odd.to_owned()), (Pipe::Stderr, "a\n\nb".to_owned())]);
        let line = |pipe, text: &str| (pipe, text.to_owned(), true);
        let [a, gap, b] = ["a", "", "b"].map(|text| line(Pipe::Stderr, text));
        assert_eq!(records(&directory), [line(Pipe::Stdout, odd), a, gap, b]);
    }

    #[test]
    fn a_long_line_is_cut_into_pieces() {
        for (length, pieces) in [
            (PIECE - 1, vec![(PIECE - 1, true)]),
            (PIECE, vec![(PIECE, false), (0, true)]),
            (2 * PIECE + 5, vec![(PIECE, false), (PIECE, false), (5, true)]),
        ] {
            let directory = TempDir::new().unwrap();
            print(&directory, 1 << 20, &[(Pipe::Stdout, "x".repeat(length))]);
            let found: Vec<_> =
                records(&directory).into_iter().map(|(_, text, ends)| (text.len(), ends)).collect();
            assert_eq!(found, pieces, "{length}");
        }
    }

    #[test]
    fn files_rotate_and_the_oldest_goes() {
        let directory = TempDir::new().unwrap();
        let texts: Vec<_> = (0..100).map(|n| (Pipe::Stdout, format!("n={n:03}"))).collect();
        // A record has some 75 bytes: a file takes the one that reaches the limit, and no more.
        print(&directory, 700, &texts);
        let expected: Vec<_> =
            texts.iter().skip(70).map(|(pipe, text)| (*pipe, text.clone(), true)).collect();
        assert_eq!(records(&directory), expected);
        assert_eq!(directory.path().read_dir().unwrap().count(), 3);
    }

    #[test]
    fn a_second_writer_goes_on_behind_the_first() {
        let directory = TempDir::new().unwrap();
        for n in 0..5 {
            print(&directory, 150, &[(Pipe::Stdout, format!("n={n:03}"))]);
        }
        let texts: Vec<_> = records(&directory).into_iter().map(|(_, text, _)| text).collect();
        assert_eq!(texts, ["n=000", "n=001", "n=002", "n=003", "n=004"]);
        assert!(directory.path().join("id-json.log.1").exists());
    }
}
