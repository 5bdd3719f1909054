//! What has arrived in the file of the stream, read as anybody could read it: the demonstration's
//! counts are those of the file, not what the daemon says of itself.

use std::fs::{self, File};
use std::io::{self, BufRead, BufReader, Seek, SeekFrom};
use std::path::{Path, PathBuf};
use std::time::Duration;

use anyhow::Context;
use tokio::time::sleep;

use crate::logs::batch::Stored;

/// How often the file is looked at.
const EVERY: Duration = Duration::from_millis(50);

/// The file, from where this run began.
#[derive(Debug)]
pub(super) struct Shipped {
    path: PathBuf,
    offset: u64,
    events: u64,
    /// Stands in the last line of the run.
    mark: String,
    seen: bool,
}

impl Shipped {
    /// What comes behind what is there now. `run` stands in the last line.
    pub(super) fn after(path: &Path, run: &str) -> Self {
        let offset = fs::metadata(path).map_or(0, |metadata| metadata.len());
        let mark = format!("\"run\":\"{run}\"");
        Self { path: path.to_owned(), offset, events: 0, mark, seen: false }
    }

    /// Events so far.
    pub(super) fn events(&self) -> u64 {
        self.events
    }

    /// Reads until the last line has arrived.
    pub(super) async fn follow(&mut self) -> anyhow::Result<()> {
        while !self.seen {
            sleep(EVERY).await;
            self.read_on()?;
        }
        Ok(())
    }

    /// Reads what has come since.
    pub(super) fn read_on(&mut self) -> anyhow::Result<()> {
        self.read().with_context(|| format!("cannot read {}", self.path.display()))
    }

    fn read(&mut self) -> io::Result<()> {
        let mut file = match File::open(&self.path) {
            Ok(file) => file,
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(()),
            Err(error) => return Err(error),
        };
        file.seek(SeekFrom::Start(self.offset))?;
        let mut file = BufReader::new(file);
        let mut line = Vec::new();
        while file.read_until(b'\n', &mut line)? > 0 && line.ends_with(b"\n") {
            self.offset += line.len() as u64;
            self.events += 1;
            let event: Stored = serde_json::from_slice(&line)?;
            self.seen |= event.message.starts_with('{') && event.message.contains(&self.mark);
            line.clear();
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::io::Write;

    #[test]
    fn what_was_there_is_not_counted_and_half_a_line_waits() {
        let directory = tempfile::TempDir::new().unwrap();
        let path = directory.path().join("x.jsonl");
        let mut nothing = Shipped::after(&path, "7");
        nothing.read_on().unwrap();
        assert_eq!(nothing.events(), 0);
        let append = |text: &str| {
            File::options()
                .append(true)
                .create(true)
                .open(&path)
                .unwrap()
                .write_all(text.as_bytes())
                .unwrap();
        };
        let event = |message: &str| format!("{}\n", serde_json::json!({"message": message, "timestamp": 1}));
        append(&event(r#"{"run":"7"}"#));
        let mut shipped = Shipped::after(&path, "7");
        append(&event("a \"run\":\"7\""));
        append(r#"{"message":"b","#);
        shipped.read_on().unwrap();
        assert_eq!((shipped.events(), shipped.seen), (1, false));
        append("\"timestamp\":1}\n");
        append(&event(r#"{"run":"7"}"#));
        shipped.read_on().unwrap();
        assert_eq!((shipped.events(), shipped.seen), (3, true));
    }
}
