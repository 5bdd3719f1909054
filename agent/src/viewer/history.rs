//! The daemon's history: measures and alerts of the last hours, as they stand on the disk.
//!
//! What is no line of ours is left out. What is gone from the disk is gone from here, so that a page shows the same
//! whenever it was opened. Memory: `MOST_SAMPLES` values, which take 250 bytes each with their times and names.

use std::io;
use std::path::{Path, PathBuf};

use crate::alarms::definition::Dimension;
use crate::alarms::evaluate::data::{Data, Name, Sample};
use crate::metrics::batch::{Batch, Sent};
use crate::metrics::name::AUTO_SCALING_GROUP;

use super::THIS_HOST;
use super::growing::{New, Rotated};

/// Values that are kept, the newest: four hours of a host with fifty containers are 220,000.
const MOST_SAMPLES: usize = 300_000;
/// Messages that are kept, and their length in bytes: SNS takes no longer one.
const MOST_ALERTS: usize = 64;
const LONGEST_ALERT: usize = 256 << 10;

/// What the daemon measured and told.
#[derive(Debug)]
pub struct History {
    directory: PathBuf,
    metrics: Rotated,
    alerts: Rotated,
    /// What was measured.
    pub measured: Measured,
    /// Messages as JSON, the newest last.
    pub messages: Vec<String>,
    /// Counts what was read: another number, other data.
    pub state: u64,
}

/// What was measured, by its names.
#[derive(Debug)]
pub struct Measured {
    /// Datapoints.
    pub data: Data,
    /// The group under which they are, or what stands for one.
    pub group: String,
    /// Before this there was more than is kept, in seconds since the epoch.
    pub cut_s: Option<i64>,
}

impl Default for Measured {
    fn default() -> Self {
        Self { data: Data::default(), group: THIS_HOST.to_owned(), cut_s: None }
    }
}

impl History {
    /// Of a directory, which need not be there yet.
    pub fn new(directory: PathBuf) -> Self {
        let ends = ["3.jsonl", "2.jsonl", "1.jsonl", "jsonl"];
        let files = |name: &str| ends.map(|end| directory.join(name).with_extension(end));
        let (metrics, alerts) = (Rotated::new(files("metrics")), Rotated::new(files("alerts")));
        Self { directory, metrics, alerts, measured: Measured::default(), messages: Vec::new(), state: 0 }
    }

    /// Where it is.
    pub fn directory(&self) -> &Path {
        &self.directory
    }

    /// Reads what is new, and forgets what is older than a time.
    ///
    /// # Errors
    /// The disk, or the right to read. What was read before stays.
    pub fn refresh(&mut self, before_s: i64) -> io::Result<()> {
        self.refresh_to(before_s, MOST_SAMPLES)
    }

    fn refresh_to(&mut self, before_s: i64, most_samples: usize) -> io::Result<()> {
        let mut news = 0;
        let measured = &mut self.measured;
        let metrics = self.metrics.read(&mut |new| {
            news += 1;
            match new {
                New::Anew => *measured = Measured::default(),
                New::Line(line) => measured.put(line),
            }
        });
        measured.data.forget(before_s);
        if news > 0 {
            measured.cut_s = measured.data.keep(most_samples).max(measured.cut_s);
        }
        let messages = &mut self.messages;
        let alerts = self.alerts.read(&mut |new| {
            news += 1;
            match new {
                New::Anew => messages.clear(),
                New::Line(line) if line.len() <= LONGEST_ALERT => {
                    messages.push(String::from_utf8_lossy(line).into_owned());
                    let surplus = messages.len().saturating_sub(MOST_ALERTS);
                    messages.drain(..surplus);
                }
                New::Line(line) => log::debug!("a message of {} bytes is none of ours", line.len()),
            }
        });
        self.state += u64::from(news > 0);
        metrics.and(alerts)
    }
}

impl Measured {
    fn put(&mut self, line: &[u8]) {
        match serde_json::from_slice(line) {
            Ok(batch) => self.put_batch(&batch),
            Err(error) => log::debug!("a line of the history is none of ours: {error}"),
        }
    }

    fn put_batch(&mut self, batch: &Batch) {
        let dimensions = |series: &[crate::metrics::batch::Dimension]| -> Vec<Dimension> {
            series.iter().map(|d| Dimension { name: d.0.clone(), value: d.1.clone() }).collect()
        };
        let mut all: Vec<Vec<Dimension>> =
            batch.head.series.iter().map(|series| dimensions(series)).collect();
        let group = all.iter().flatten().find(|dimension| dimension.name == AUTO_SCALING_GROUP);
        match group {
            Some(group) => self.group.clone_from(&group.value),
            // Without one, searches for a group's metrics find this host's.
            None => {
                all.push(vec![Dimension { name: AUTO_SCALING_GROUP.to_owned(), value: self.group.clone() }]);
            }
        }
        for datum in &batch.data {
            let own = datum.of.as_ref().map(|of| Dimension { name: of.0.clone(), value: of.1.clone() });
            for series in &all {
                let dimensions: Vec<Dimension> = series.iter().cloned().chain(own.clone()).collect();
                let name = Name::new(&batch.head.namespace, &datum.name, &dimensions);
                self.data.put(&name, datum.time.div_euclid(1000), samples(&datum.values));
            }
        }
    }
}

fn samples(sent: &Sent) -> Vec<Sample> {
    #[expect(clippy::cast_precision_loss, reason = "readings of a period")]
    match sent {
        Sent::Value(value) => vec![Sample::of(*value)],
        Sent::Set([min, max, sum, count]) if *count > 0.0 => {
            vec![Sample::Set { count: *count, sum: *sum, min: *min, max: *max }]
        }
        Sent::Set(_) => Vec::new(),
        Sent::Values(values) => values
            .iter()
            .filter(|(_, count)| *count > 0)
            .map(|(value, count)| Sample::Value { value: *value, count: *count as f64 })
            .collect(),
    }
}

#[cfg(test)]
mod tests {
    use std::fs::{self, File};
    use std::io::Write;

    use super::*;

    fn batch(minute: i64, series: &str) -> String {
        format!(
            r#"{{"namespace":"N","series":[[["{series}","x"]]],"resolution_s":60,"data":[
            {{"name":"m","unit":"Count","time":{},"value":1.5}},
            {{"name":"c","of":["ContainerName","web"],"unit":"Percent","time":{},"set":[1.0,3.0,6.0,3.0]}}]}}"#,
            minute * 60_000,
            minute * 60_000
        )
        .replace('\n', "")
            + "\n"
    }

    fn names(history: &History) -> Vec<String> {
        history.measured.data.names().map(ToString::to_string).collect()
    }

    #[test]
    fn a_file_is_read_as_far_as_it_grew_and_on_where_it_was_moved() {
        let root = tempfile::TempDir::new().unwrap();
        let path = root.path().join("metrics.jsonl");
        let append = |text: &str| {
            File::options()
                .create(true)
                .append(true)
                .open(&path)
                .unwrap()
                .write_all(text.as_bytes())
                .unwrap();
        };
        let mut history = History::new(root.path().to_owned());
        let count = |history: &mut History| {
            history.refresh(0).unwrap();
            let name = Name::new("N", "m", &[Dimension { name: "InstanceId".into(), value: "x".into() }]);
            history.measured.data.between(&name, 0, 1_000_000).count()
        };
        assert_eq!(count(&mut history), 0, "nothing is there yet");
        append(&batch(1, "InstanceId"));
        let second = batch(2, "InstanceId");
        let (half, rest) = second.split_at(20);
        append(half);
        assert_eq!(count(&mut history), 1, "half a line is none");
        append(rest);
        append("no JSON\n");
        assert_eq!(count(&mut history), 2);
        append(&batch(3, "InstanceId"));
        fs::rename(&path, root.path().join("metrics.1.jsonl")).unwrap();
        append(&batch(4, "InstanceId"));
        assert_eq!(count(&mut history), 4, "the end of the moved one, too");
        let mut later = History::new(root.path().to_owned());
        assert_eq!(count(&mut later), 4, "whoever comes later reads both");
        later.refresh(200).unwrap();
        assert_eq!(count(&mut later), 1);
    }

    #[test]
    fn a_host_without_a_group_is_one() {
        let root = tempfile::TempDir::new().unwrap();
        fs::write(root.path().join("metrics.jsonl"), batch(1, "InstanceId")).unwrap();
        fs::write(root.path().join("alerts.jsonl"), "{\"AlarmName\":\"a\"}\n").unwrap();
        let mut history = History::new(root.path().to_owned());
        history.refresh(0).unwrap();
        assert_eq!(
            names(&history),
            [
                "N c AutoScalingGroupName=this host ContainerName=web",
                "N c ContainerName=web InstanceId=x",
                "N m AutoScalingGroupName=this host",
                "N m InstanceId=x",
            ]
        );
        assert_eq!(history.messages, ["{\"AlarmName\":\"a\"}"]);
        let root = tempfile::TempDir::new().unwrap();
        fs::write(root.path().join("metrics.jsonl"), batch(1, AUTO_SCALING_GROUP)).unwrap();
        let mut history = History::new(root.path().to_owned());
        history.refresh(0).unwrap();
        assert_eq!((history.measured.group.as_str(), names(&history).len()), ("x", 2));
    }

    #[test]
    fn what_is_gone_from_the_disk_is_gone() {
        let root = tempfile::TempDir::new().unwrap();
        let directory = root.path().join("history");
        let write = || {
            fs::create_dir_all(&directory).unwrap();
            fs::write(directory.join("metrics.jsonl"), batch(1, "InstanceId") + "\u{fffd} no batch\n")
                .unwrap();
            fs::write(directory.join("alerts.1.jsonl"), "{\"AlarmName\":\"a\"}\n").unwrap();
            fs::write(directory.join("alerts.jsonl"), b"\xff\n").unwrap();
        };
        write();
        let mut history = History::new(directory.clone());
        let mut known = || {
            history.refresh(0).unwrap();
            (names(&history).len(), history.messages.len(), history.state)
        };
        assert_eq!(known(), (4, 2, 1));
        assert_eq!(known(), (4, 2, 1), "nothing is new");
        fs::remove_dir_all(&directory).unwrap();
        assert_eq!(known(), (0, 0, 2));
        write();
        assert_eq!(known(), (4, 2, 3));
    }

    #[test]
    fn memory_has_an_end_however_much_is_measured() {
        let root = tempfile::TempDir::new().unwrap();
        let path = root.path().join("metrics.jsonl");
        let all: String = (0..10).map(|minute| batch(minute, AUTO_SCALING_GROUP)).collect();
        fs::write(&path, all).unwrap();
        let mut history = History::new(root.path().to_owned());
        // Each minute has two.
        history.refresh_to(0, 6).unwrap();
        assert_eq!(history.measured.data.span_s(), Some((7 * 60, 9 * 60)));
        assert_eq!(history.measured.cut_s, Some(6 * 60 + 1), "and it is known where");
        let long = "x".repeat(LONGEST_ALERT + 1);
        let short: String = (0..MOST_ALERTS + 5).fold(String::new(), |all, n| all + &n.to_string() + "\n");
        fs::write(root.path().join("alerts.jsonl"), format!("{short}{long}\n")).unwrap();
        history.refresh(0).unwrap();
        assert_eq!((history.messages.len(), history.messages[0].as_str()), (MOST_ALERTS, "5"));
    }

    #[test]
    fn what_cannot_be_read_is_said_and_the_rest_is_read() {
        let root = tempfile::TempDir::new().unwrap();
        fs::write(root.path().join("alerts.jsonl"), "{}\n").unwrap();
        // A name that leads to itself.
        std::os::unix::fs::symlink("metrics.jsonl", root.path().join("metrics.jsonl")).unwrap();
        let mut history = History::new(root.path().to_owned());
        assert!(history.refresh(0).is_err());
        assert_eq!(history.messages, ["{}"]);
    }
}
