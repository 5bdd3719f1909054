//! What a daemon says of itself, as it goes over the socket: `GET /v1/status`.
//!
//! All times are in milliseconds since the epoch, all sizes in bytes. Fields are only ever added, and whoever reads takes
//! what is missing for nothing and what is new for unknown: a program and the daemon it asks may be of two versions.
//! Strings of others, such as names of containers and errors, are as they came: whoever shows them cleans them
//! (`logs/clean.rs`).

use serde::{Deserialize, Serialize};

use crate::alerts::silence::Silence;

/// All of it, at one moment.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct Status {
    /// Of the program.
    pub version: String,
    /// Its process.
    pub pid: u32,
    /// This moment, by the daemon's clock.
    pub now_ms: i64,
    /// When it was started.
    pub started_ms: i64,
    /// Resident memory.
    pub memory_bytes: Option<u64>,
    /// Where it runs.
    pub host: Host,
    /// How Docker is doing. `None`: it does without.
    pub docker: Option<Docker>,
    /// Those that there are. `None`: the log loop does not answer.
    pub containers: Option<Vec<Container>>,
    /// What became of lines since the start.
    pub lines: Lines,
    /// Where things go: CloudWatch Logs first.
    pub services: Vec<Service>,
    /// What was measured last. `None`: nothing is measured.
    pub metrics: Option<Metrics>,
    /// What is open. `None`: alerts are off.
    pub alerts: Option<Alerts>,
    /// What is silenced now, the first to end first.
    pub silences: Vec<Silence>,
    /// What became of provisioning at the start. `None`: it is not this daemon's affair.
    pub provision: Option<Provision>,
    /// Loops that did not answer in time.
    pub unanswered: Vec<String>,
}

/// Which host it is, each with where that is from.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct Host {
    /// Names it in streams and metrics.
    pub instance_id: String,
    /// Who said so.
    pub instance_id_from: String,
    /// The AWS region.
    pub region: String,
    /// Who said so.
    pub region_from: String,
    /// The Auto Scaling group, once known.
    pub group: Option<String>,
    /// Into this directory instead of AWS.
    pub local: Option<String>,
    /// The configuration file that was named; else the usual one.
    pub config_file: Option<String>,
}

/// Docker.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct Docker {
    /// Its socket.
    pub socket: String,
    /// Why it is not being followed now.
    pub trouble: Option<Trouble>,
}

/// Something went wrong.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct Trouble {
    /// When.
    pub at_ms: i64,
    /// In words.
    pub words: String,
    /// What to do about it, where that is known.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub mend: Option<String>,
}

/// One container and its log.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct Container {
    /// 64 hexadecimal digits.
    pub id: String,
    /// As Docker calls it now.
    pub name: String,
    /// With its tag.
    pub image: String,
    /// How its log is kept.
    pub driver: String,
    /// How it is read.
    pub read: Read,
    /// The log group and stream its lines go to.
    pub group: Option<String>,
    /// See `group`.
    pub stream: Option<String>,
    /// Records read in this run of the daemon.
    pub lines: u64,
    /// Events made of them.
    pub events: u64,
    /// Events dropped because `logs.drop` says so.
    pub dropped_by_rule: u64,
    /// When its newest record was written.
    pub last_line_ms: Option<i64>,
    /// Bytes of its log that are not read yet; known of files only.
    pub behind_bytes: Option<u64>,
    /// Docker has removed it.
    pub removed: bool,
    /// Why it cannot be read now, though it is tried.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub trouble: Option<Trouble>,
    /// How often its file was emptied while it was read: what was not read by then is lost.
    pub truncated: u64,
}

/// How a log is read.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Read {
    /// From Docker's files.
    File,
    /// Over Docker's API.
    Api,
    /// Its file cannot be opened: its lines do not leave this host.
    Unreadable,
    /// Its driver cannot be read back: its lines do not leave this host.
    NotReadable,
    /// As configured.
    LeftOut,
    /// The `awslogs` driver sends them itself.
    Itself,
    /// The `none` driver keeps none.
    Nowhere,
    /// In a way that a later version of the daemon knows.
    #[default]
    #[serde(other)]
    Unknown,
}

/// What became of lines.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct Lines {
    /// Bytes read from files.
    pub bytes_read: u64,
    /// Records read.
    pub records: u64,
    /// Events made of them.
    pub events: u64,
    /// Events that arrived.
    pub shipped: u64,
    /// Dropped because `logs.drop` says so.
    pub dropped_by_rule: u64,
    /// Lost: older than the service takes.
    pub dropped_too_old: u64,
    /// Lost: too far in the future.
    pub dropped_too_new: u64,
    /// Lost: the spool was full.
    pub dropped_spool_full: u64,
    /// Refused for good, and in the spool's quarantine.
    pub set_aside: u64,
    /// Readings that failed: each is a gap in a metric.
    pub metric_errors: u64,
}

/// Where one kind of things goes, and what waits for it.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct Service {
    /// `logs`, `metrics`, `alerts`
    pub kind: String,
    /// The address, a directory in local mode.
    pub endpoint: String,
    /// What was delivered since the start: events, datapoints, messages.
    pub delivered: u64,
    /// What was lost.
    pub lost: u64,
    /// When the last call succeeded.
    pub last_delivery_ms: Option<i64>,
    /// Since when calls fail, if they do now.
    pub failing_since_ms: Option<i64>,
    /// How many streams of it that concerns.
    pub failing_streams: u64,
    /// Nothing but somebody's act ends that.
    pub lasting: bool,
    /// All of them fail because this host's role lacks a right.
    pub denied: bool,
    /// What the service refused for good last, of a stream that has taken nothing since.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub refused: Option<Trouble>,
    /// Of what was lost: refused for good, and in the quarantine.
    pub set_aside: u64,
    /// Of what was lost: older than the service takes.
    pub too_old: u64,
    /// Of what was lost: too far in the future.
    pub too_new: u64,
    /// Of what was lost: given up because the spool was full.
    pub spool_full: u64,
    /// The directory of what was set aside.
    pub quarantine: String,
    /// What went wrong last, now or at some time.
    pub last_error: Option<Trouble>,
    /// What waits on disk.
    pub spool_bytes: u64,
    /// The most that may.
    pub spool_max_bytes: u64,
    /// In so many batches.
    pub spool_batches: u64,
    /// The oldest event that waits.
    pub oldest_ms: Option<i64>,
}

/// What was measured.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct Metrics {
    /// How long a period is: what is counted from lines is of the last one that ended.
    pub period_s: f64,
    /// The last of every series.
    pub values: Vec<Value>,
    /// Access lines since the start, up to this moment.
    pub requests: u64,
    /// Of these, answered with 500 to 599.
    pub responses_5xx: u64,
    /// Events that tell of an error, likewise.
    pub error_lines: u64,
}

/// One series.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct Value {
    /// As CloudWatch has it.
    pub name: String,
    /// The value of its dimension.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub of: Option<String>,
    /// The reading, or what was counted last; of a distribution its sum since the start.
    pub value: f64,
    /// Of a distribution: its 50th, 95th and 99th percentile in the last period.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub quantiles: Option<[f64; 3]>,
}

/// What people are told of.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct Alerts {
    /// What is open.
    pub open: Vec<Open>,
    /// The names of all rules.
    pub rules: Vec<String>,
}

/// One thing that is open.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct Open {
    /// The rule.
    pub rule: String,
    /// The container, or the key of a threshold.
    pub of: String,
    /// What happened, in words.
    pub words: String,
    /// What to run on the host to see more.
    pub run: Vec<String>,
    /// Since when.
    pub since_ms: i64,
    /// How often again.
    pub again: u32,
    /// Nobody is told of it: its rule is silenced.
    pub silenced: bool,
    /// It is over, if it stays so for a while.
    pub ending: bool,
}

/// Provisioning at the start.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct Provision {
    /// It ended well.
    pub done: bool,
    /// What became of it.
    pub last: Option<Trouble>,
}

impl Metrics {
    /// The last value of a series.
    pub fn get(&self, name: &str, of: Option<&str>) -> Option<f64> {
        self.find(name, of).map(|value| value.value)
    }

    /// The series.
    pub fn find(&self, name: &str, of: Option<&str>) -> Option<&Value> {
        self.values.iter().find(|value| value.name == name && value.of.as_deref() == of)
    }

    /// All series of a metric.
    pub fn all<'a>(&'a self, name: &'a str) -> impl Iterator<Item = &'a Value> {
        self.values.iter().filter(move |value| value.name == name)
    }
}

impl Service {
    /// How what goes there is called: `log lines`, `metrics`, `alerts`.
    pub fn content(&self) -> &'static str {
        match self.kind.as_str() {
            "logs" => "log lines",
            "metrics" => "metrics",
            _ => "alerts",
        }
    }

    /// How it is counted: `events`, `datapoints`, `alerts`.
    pub fn things(&self) -> &'static str {
        match self.kind.as_str() {
            "logs" => "events",
            "metrics" => "datapoints",
            _ => "alerts",
        }
    }

    /// How old what waits is, in milliseconds.
    pub fn lag_ms(&self, now_ms: i64) -> i64 {
        self.oldest_ms.map_or(0, |oldest_ms| (now_ms - oldest_ms).max(0))
    }
}
