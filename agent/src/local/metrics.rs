//! The sink of datapoints in the local mode: JSON lines in a file, and a terse table on the terminal.

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::fs::File;
use std::io::{self, IsTerminal, Write};
use std::path::{Path, PathBuf};

use jiff::Timestamp;
use serde::Serialize;

use super::on_disk;
use crate::logs::{Outgoing, Receipt, Refusal, Sink};
use crate::metrics::batch::{Batch, Datum, Sent};

/// What a name begins with that the first column says already, and what that says.
const GROUPS: [(&str, &str); 7] = [
    ("container_", "container"),
    ("health_", "health"),
    ("agent_", "agent"),
    ("response", "requests"),
    ("request", "requests"),
    ("error_", "requests"),
    ("panic", "requests"),
];

/// A file that stands for an account's metrics.
#[derive(Debug)]
pub struct Metrics {
    path: PathBuf,
    show: bool,
}

/// A datapoint as a line of the file.
#[derive(Debug, Serialize)]
struct Line<'a> {
    time: String,
    name: &'a str,
    dimensions: BTreeMap<&'a str, &'a str>,
    unit: &'a str,
    #[serde(flatten)]
    values: Shown<'a>,
}

#[derive(Debug, Serialize)]
#[serde(untagged)]
enum Shown<'a> {
    Value { value: f64 },
    Set { min: f64, max: f64, sum: f64, count: f64 },
    Values { p50: f64, p95: f64, p99: f64, values: &'a [(f64, u64)] },
}

impl Metrics {
    /// Writes `ROOT/metrics.jsonl`; shows a table on a terminal too if `show`.
    pub fn new(root: &Path, show: bool) -> Self {
        Self { path: root.join("metrics.jsonl"), show: show && io::stdout().is_terminal() }
    }

    fn write(&self, batch: &Batch) -> io::Result<()> {
        let mut text = Vec::new();
        let host = batch.head.series.first().map(Vec::as_slice).unwrap_or_default();
        for datum in &batch.data {
            let dimensions = host.iter().chain(&datum.of).map(|d| (d.0.as_str(), d.1.as_str())).collect();
            let line = Line {
                time: time(datum.time),
                name: &datum.name,
                dimensions,
                unit: &datum.unit,
                values: shown(&datum.values),
            };
            serde_json::to_writer(&mut text, &line)?;
            text.push(b'\n');
        }
        File::options().append(true).create(true).open(&self.path)?.write_all(&text)?;
        if self.show {
            // It has arrived: a terminal that is gone must not have it written again.
            let mut out = io::stdout().lock();
            out.write_all(table(&batch.data).as_bytes()).and_then(|()| out.flush()).ok();
        }
        Ok(())
    }
}

impl Sink for Metrics {
    const SERVICE: &'static str = "the directory";
    const CONTENT: &'static str = "datapoints";

    async fn put(&self, outgoing: &Outgoing) -> Result<Receipt, Refusal> {
        let batch = serde_json::from_slice(&outgoing.body)
            .map_err(|error| Refusal::Refused(format!("it is no batch of datapoints: {error}")))?;
        self.write(&batch).map(|()| Receipt::default()).map_err(|error| on_disk("write", &self.path, &error))
    }
}

fn time(ms: i64) -> String {
    Timestamp::from_millisecond(ms).map_or_else(|_| ms.to_string(), |time| time.to_string())
}

fn shown(values: &Sent) -> Shown<'_> {
    match values {
        Sent::Value(value) => Shown::Value { value: *value },
        Sent::Set([min, max, sum, count]) => Shown::Set { min: *min, max: *max, sum: *sum, count: *count },
        Sent::Values(values) => Shown::Values {
            p50: quantile(values, 50),
            p95: quantile(values, 95),
            p99: quantile(values, 99),
            values,
        },
    }
}

/// The value that so many of a hundred do not exceed.
fn quantile(values: &[(f64, u64)], percent: u64) -> f64 {
    let wanted = (values.iter().map(|(_, count)| count).sum::<u64>() * percent).div_ceil(100);
    let mut seen = 0;
    let found = values.iter().find(|(_, count)| {
        seen += count;
        seen >= wanted
    });
    found.map_or(0.0, |(value, _)| *value)
}

/// One line for each thing that is measured, of the newest period.
fn table(data: &[Datum]) -> String {
    let Some(newest) = data.iter().map(|datum| datum.time).max() else { return String::new() };
    let mut rows: Vec<(String, Vec<String>)> = Vec::new();
    for datum in data.iter().filter(|datum| datum.time == newest) {
        let group = GROUPS.iter().find(|(prefix, _)| datum.name.starts_with(prefix));
        let (title, short) = match group {
            Some((prefix, title @ ("container" | "health" | "agent"))) => {
                (*title, datum.name.strip_prefix(prefix).unwrap_or(&datum.name))
            }
            Some((_, title)) => (*title, datum.name.as_str()),
            None => ("host", datum.name.as_str()),
        };
        let title = match &datum.of {
            Some(of) if title == "container" => format!("{title} {}", of.1),
            _ => title.to_owned(),
        };
        let of = match &datum.of {
            Some(of) if !title.starts_with("container") => format!(" {}", of.1),
            _ => String::new(),
        };
        let cell = format!("{}{of} {}", short.trim_end_matches("_percent"), cell(&datum.unit, &datum.values));
        match rows.iter_mut().find(|(row, _)| *row == title) {
            Some((_, cells)) => cells.push(cell),
            None => rows.push((title, vec![cell])),
        }
    }
    rows.sort();
    let width = rows.iter().map(|(title, _)| title.chars().count()).max().unwrap_or_default();
    let mut text = format!("── metrics of {}\n", time(newest));
    for (title, cells) in rows {
        writeln!(text, "   {title:width$}  {}", cells.join(" · ")).unwrap_or_default();
    }
    text
}

fn cell(unit: &str, values: &Sent) -> String {
    match values {
        Sent::Value(value) => quantity(unit, *value),
        Sent::Set([min, max, sum, count]) => {
            let (low, mean, high) = (quantity(unit, *min), quantity(unit, sum / count), quantity(unit, *max));
            if low == high { mean } else { format!("{mean} (max {high})") }
        }
        Sent::Values(values) => [50, 95, 99]
            .map(|percent| format!("p{percent} {}", quantity(unit, quantile(values, percent))))
            .join(" "),
    }
}

/// A number as one says it.
fn quantity(unit: &str, value: f64) -> String {
    let scaled = |value: f64, unit: &str| {
        let digits = usize::from(value.abs() < 9.95 && value.fract().abs() > 1e-9);
        format!("{value:.digits$}{unit}")
    };
    match unit {
        "Percent" => scaled(value, "%"),
        "Seconds" if value == 0.0 || value >= 1.0 => scaled(value, " s"),
        "Seconds" if value >= 0.001 => scaled(value * 1e3, " ms"),
        "Seconds" => scaled(value * 1e6, " µs"),
        "Bytes" if value >= 1_048_576.0 => scaled(value / 1_048_576.0, " MiB"),
        "Bytes" if value >= 1024.0 => scaled(value / 1024.0, " KiB"),
        "Bytes" => scaled(value, " B"),
        _ => scaled(value, ""),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::logs::Destination;
    use crate::metrics::batch::{Dimension, Head};
    use bytes::Bytes;
    use expect_test::expect;

    fn datum(name: &str, of: Option<(&str, &str)>, unit: &str, time: i64, values: Sent) -> Datum {
        let of = of.map(|(name, value)| Dimension(name.to_owned(), value.to_owned()));
        Datum { name: name.to_owned(), of, unit: unit.to_owned(), time, values }
    }

    fn data() -> Vec<Datum> {
        vec![
            datum("cpu_usage_active", None, "Percent", 60_000, Sent::Set([1.0, 12.25, 39.75, 6.0])),
            datum("cpu_usage_active", None, "Percent", 0, Sent::Set([99.0, 99.0, 99.0, 1.0])),
            datum(
                "disk_used_percent",
                Some(("path", "/")),
                "Percent",
                60_000,
                Sent::Set([35.0, 35.0, 35.0, 1.0]),
            ),
            datum(
                "container_up",
                Some(("ContainerName", "api")),
                "None",
                60_000,
                Sent::Set([1.0, 1.0, 6.0, 6.0]),
            ),
            datum(
                "container_net_bytes_sent",
                Some(("ContainerName", "api")),
                "Bytes",
                60_000,
                Sent::Value(2048.0),
            ),
            datum("requests", None, "Count", 60_000, Sent::Value(4.0)),
            datum(
                "response_time",
                None,
                "Seconds",
                60_000,
                Sent::Values(vec![(0.000_25, 1), (0.0123, 2), (2.5, 1)]),
            ),
            datum("agent_delivery_lag", None, "Seconds", 60_000, Sent::Set([0.0, 0.0, 0.0, 6.0])),
        ]
    }

    #[test]
    fn a_table_has_a_line_for_each_thing() {
        expect![[r"
            ── metrics of 1970-01-01T00:01:00Z
               agent          delivery_lag 0 s
               container api  up 1 · net_bytes_sent 2 KiB
               host           cpu_usage_active 6.6% (max 12%) · disk_used / 35%
               requests       requests 4 · response_time p50 12 ms p95 2.5 s p99 2.5 s
        "]]
        .assert_eq(&table(&data()));
        assert_eq!(table(&[]), "");
    }

    #[tokio::test]
    async fn datapoints_are_lines_of_json() {
        let root = tempfile::TempDir::new().unwrap();
        let sink = Metrics::new(root.path(), false);
        let series: [&[(&str, &str)]; 1] = [&[("InstanceId", "laptop")]];
        let batch = Batch { head: Head::new("N".to_owned(), &series, 60), data: data() };
        let outgoing = Outgoing {
            destination: Destination { group: "N".to_owned(), stream: "metrics".to_owned() },
            body: Bytes::from(serde_json::to_vec(&batch).unwrap()),
            events: 8,
        };
        sink.put(&outgoing).await.unwrap();
        let text = std::fs::read_to_string(root.path().join("metrics.jsonl")).unwrap();
        assert_eq!(text.lines().count(), 8);
        expect![[r#"{"time":"1970-01-01T00:01:00Z","name":"container_net_bytes_sent","dimensions":{"ContainerName":"api","InstanceId":"laptop"},"unit":"Bytes","value":2048.0}"#]]
            .assert_eq(text.lines().nth(4).unwrap());
        expect![[r#"{"time":"1970-01-01T00:01:00Z","name":"response_time","dimensions":{"InstanceId":"laptop"},"unit":"Seconds","p50":0.0123,"p95":2.5,"p99":2.5,"values":[[0.00025,1],[0.0123,2],[2.5,1]]}"#]]
            .assert_eq(text.lines().nth(6).unwrap());
    }
}
