//! The sink of alerts in the local mode: JSON lines in a file, as machines would get them, and the mail on the
//! terminal.

use std::fs::File;
use std::io::{self, IsTerminal, Write};
use std::path::{Path, PathBuf};

use super::on_disk;
use crate::alerts::message::{Message, Place};
use crate::logs::{Outgoing, Receipt, Refusal, Sink};

/// A file that stands for a topic.
#[derive(Debug)]
pub struct Alerts {
    path: PathBuf,
    show: bool,
    place: Place,
    /// The time of day, in nanoseconds since the epoch.
    clock: fn() -> i64,
}

impl Alerts {
    /// Writes `ROOT/alerts.jsonl`; shows the mail on a terminal too if `show`.
    pub fn new(root: &Path, show: bool, place: Place, clock: fn() -> i64) -> Self {
        let show = show && io::stdout().is_terminal();
        Self { path: root.join("alerts.jsonl"), show, place, clock }
    }

    fn write(&self, message: &Message) -> io::Result<()> {
        let written = message.write(&self.place, (self.clock)());
        let line = written.machine + "\n";
        File::options().append(true).create(true).open(&self.path)?.write_all(line.as_bytes())?;
        if self.show {
            // It has arrived: a terminal that is gone must not have it written again.
            let mut out = io::stdout().lock();
            let mut text = format!("── {}\n", written.subject);
            for line in written.mail.lines() {
                text.extend(["   ", line, "\n"]);
            }
            out.write_all(text.as_bytes()).and_then(|()| out.flush()).ok();
        }
        Ok(())
    }
}

impl Sink for Alerts {
    const SERVICE: &'static str = "the directory";
    const CONTENT: &'static str = "alerts";

    async fn put(&self, outgoing: &Outgoing) -> Result<Receipt, Refusal> {
        let message = serde_json::from_slice(&outgoing.body)
            .map_err(|error| Refusal::Refused(format!("it is no alert: {error}")))?;
        self.write(&message)
            .map(|()| Receipt::default())
            .map_err(|error| on_disk("write", &self.path, &error))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::alerts::Cause;
    use crate::alerts::message::{Group, Step};
    use crate::logs::Destination;
    use bytes::Bytes;

    #[tokio::test]
    async fn an_alert_is_a_line_of_json() {
        let root = tempfile::TempDir::new().unwrap();
        let place = Place { instance_id: "laptop".to_owned(), ..Place::default() };
        let sink = Alerts::new(root.path(), false, place, || 0);
        let cause = Cause::OutOfMemory;
        let group = Group {
            step: Step::End,
            cause,
            at_ns: 0,
            count: 3,
            members: Vec::new(),
            continued: false,
            others: false,
        };
        let outgoing = Outgoing {
            destination: Destination { group: "t".to_owned(), stream: "alerts".to_owned() },
            body: Bytes::from(serde_json::to_vec(&Message::Group(Box::new(group))).unwrap()),
            events: 1,
        };
        sink.put(&outgoing).await.unwrap();
        sink.put(&outgoing).await.unwrap();
        let text = std::fs::read_to_string(root.path().join("alerts.jsonl")).unwrap();
        let lines: Vec<serde_json::Value> =
            text.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
        assert_eq!(lines.len(), 2);
        assert_eq!(lines[0]["NewStateReason"], "3 containers are over it on laptop. ");
    }
}
