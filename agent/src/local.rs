//! The sink of the local mode: a JSON-lines file for each stream, and the lines on the terminal.
//! Needs no credentials and no network.
//!
//! A pipe gets the lines as they were shipped, for the next program; a terminal gets them made easy
//! on the eye by `look`.

pub mod alerts;
pub mod look;
pub mod metrics;
pub mod shipped;

use std::fs::{self, File};
use std::io::{self, IsTerminal, Write};
use std::path::{Path, PathBuf};

use crate::logs::batch::events;
use crate::logs::{Destination, Mend, Outgoing, Receipt, Refusal, Sink};
use look::Look;

/// A directory that stands for an account.
#[derive(Debug)]
pub struct Directory {
    root: PathBuf,
    /// Whether lines are shown as they pass.
    show: bool,
    terminal: Option<Look>,
}

impl Directory {
    /// Writes below `root`; shows the lines on standard output too if `show`.
    pub fn new(root: &Path, show: bool) -> Self {
        let terminal = io::stdout().is_terminal().then(|| {
            let plain = std::env::var_os("NO_COLOR").is_some_and(|set| !set.is_empty());
            if plain { Look::Plain } else { Look::Coloured }
        });
        Self { root: root.to_owned(), show, terminal }
    }

    /// The file of a stream: `ROOT/starttech/backend/host/name/id.jsonl`.
    pub fn file(&self, destination: &Destination) -> PathBuf {
        let mut path = self.root.clone();
        let parts = destination.group.split('/').chain(destination.stream.split('/'));
        // A name must not lead out of the directory.
        path.extend(
            parts.filter(|part| !part.is_empty()).map(|part| if part.starts_with('.') { "_" } else { part }),
        );
        path.as_mut_os_string().push(".jsonl");
        path
    }

    fn write(&self, batch: &Outgoing) -> io::Result<()> {
        let path = self.file(&batch.destination);
        let mut text = Vec::new();
        for event in events(&batch.body) {
            serde_json::to_writer(&mut text, &event)?;
            text.push(b'\n');
        }
        File::options().append(true).create(true).open(&path)?.write_all(&text)?;
        if self.show {
            // The batch has arrived: a reader of the terminal who left (`| head`) must not have it
            // written again.
            self.show_lines(batch).ok();
        }
        Ok(())
    }

    fn show_lines(&self, batch: &Outgoing) -> io::Result<()> {
        let name = batch.destination.stream.rsplit('/').nth(1).unwrap_or(&batch.destination.stream);
        let mut out = io::stdout().lock();
        for event in events(&batch.body) {
            if let Some(look) = self.terminal {
                out.write_all(look.event(name, &event.message).as_bytes())?;
                continue;
            }
            for line in event.message.lines() {
                writeln!(out, "{name} {line}")?;
            }
        }
        out.flush()
    }
}

// Only a kill in the middle of a write leaves a doubt: then the lines come twice.
impl Sink for Directory {
    async fn put(&self, batch: &Outgoing) -> Result<Receipt, Refusal> {
        match self.write(batch) {
            Ok(()) => Ok(Receipt::default()),
            Err(error) if error.kind() == io::ErrorKind::NotFound => Err(Refusal::Missing),
            Err(error) => Err(on_disk("write", &self.file(&batch.destination), &error)),
        }
    }

    async fn create(&self, destination: &Destination) -> Result<(), Refusal> {
        let path = self.file(destination);
        let directory = path.parent().unwrap_or(&self.root);
        fs::create_dir_all(directory).map_err(|error| on_disk("make", directory, &error))
    }
}

/// What a disk refuses is tried again: it stays until somebody mends it.
fn on_disk(act: &str, path: &Path, error: &io::Error) -> Refusal {
    Refusal::Retry {
        reason: format!("cannot {act} {}: {error}", path.display()),
        after: None,
        lasting: true,
        unreachable: false,
        doubtful: false,
        mend: Mend::Act(format!(
            "is there room, and may it be written? df -h {0}; ls -ld {0}",
            path.display()
        )),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::logs::batch::Batch;
    use bytes::Bytes;

    #[tokio::test]
    async fn a_stream_is_a_file_and_no_name_leads_out() {
        let root = tempfile::TempDir::new().unwrap();
        let sink = Directory::new(root.path(), false);
        let destination = Destination { group: "/g".to_owned(), stream: "i/../../name/id".to_owned() };
        let mut batch = Batch::new(destination.clone());
        batch.push(7, "say \"hi\"");
        let batch = batch.finish();
        let outgoing = Outgoing { destination: batch.destination, body: Bytes::from(batch.body), events: 1 };
        assert!(matches!(sink.put(&outgoing).await, Err(Refusal::Missing)));
        sink.create(&destination).await.unwrap();
        sink.put(&outgoing).await.unwrap();
        sink.put(&outgoing).await.unwrap();
        let path = root.path().join("g/i/_/_/name/id.jsonl");
        assert_eq!(sink.file(&destination), path);
        let line = "{\"timestamp\":7,\"message\":\"say \\\"hi\\\"\"}\n";
        assert_eq!(fs::read_to_string(path).unwrap(), line.repeat(2));
    }
}
