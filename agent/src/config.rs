//! What the operator wants: checked once, then plain values that everything else believes.
//!
//! Three layers, a later one overriding an earlier one key by key: the defaults in `keys`, the files
//! (`agent.toml`, then `conf.d/*.toml` beside it), the `STARTTECH_…` variables. Every fault of every
//! layer is reported in one run. AWS's own variables are aws-config's affair.

mod effective;
pub mod fault;
mod file;
pub mod identity;
mod keys;
mod read;
mod sections;
mod values;

use std::ffi::OsString;
use std::fs;
use std::io;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::time::Duration;

use log::LevelFilter;
use regex::{Regex, RegexSet};

use self::effective::Written;
pub use self::effective::{Setting, effective, hidden};
pub use self::fault::{Fault, Faults, Place};
use self::file::{Entry, Kind, Value};
pub use self::identity::{Identity, Origin};
pub use self::sections::{Alerts, MetricSelection, SeriesWanted};
use self::values::Values;
use crate::logs::pattern::Pattern;
use crate::logs::route::{Globs, Selection};
use crate::probe::Url as HealthUrl;
use crate::provision::Settings;

/// Where the configuration is if nobody says otherwise.
pub const DEFAULT_PATH: &str = "/etc/starttech-agent/agent.toml";

/// Files beside the main one that override it, in the order of their names.
const DROP_IN_DIRECTORY: &str = "conf.d";

/// Everything that can be configured. Every value has passed its check; the defaults stand in `keys`.
#[derive(Debug, Clone)]
pub struct Config {
    /// The AWS region. `None`: from AWS's variables, then the metadata service, see [`identity`].
    pub region: Option<String>,
    /// The agent's own lines.
    pub log: Log,
    /// The host it runs on.
    pub host: Host,
    /// Where containers are found.
    pub docker: Docker,
    /// What happens to their lines.
    pub logs: Logs,
    /// What is measured.
    pub metrics: Metrics,
    /// What is asked whether the backend is well.
    pub health: Health,
    /// Where batches wait.
    pub spool: Spool,
    /// Where a running daemon is asked.
    pub control: Control,
    /// What people are told of at once.
    pub alerts: Alerts,
    /// What shall stand in the account.
    pub provision: Provision,
    /// What was written for each key, to tell what another reading has changed.
    written: Written,
}

/// `[log]`
#[derive(Debug, Clone)]
pub struct Log {
    /// What is said. The default says what an operator can act on, and a start takes ten lines.
    pub level: LevelFilter,
}

/// `[host]`
#[derive(Debug, Clone)]
pub struct Host {
    /// How streams name this host. `None`: asked from the metadata service, else the host's name.
    pub instance_id: Option<String>,
    /// The group it is in. `None`: asked from the instance's tags.
    pub auto_scaling_group: Option<String>,
}

/// `[docker]`
#[derive(Debug, Clone)]
pub struct Docker {
    /// Docker's Unix socket. The default is where every package of Docker puts it.
    pub socket: PathBuf,
}

/// `[logs]`
#[derive(Debug, Clone)]
pub struct Logs {
    /// Which containers, to which group and stream. By default all of them, to the platform's two
    /// groups, in streams that tell hosts, containers and their restarts from scratch apart.
    pub selection: Selection,
    /// Days that CloudWatch keeps events in groups the agent creates. Two weeks is the platform's
    /// promise, and as old as an event may be to be accepted at all.
    pub retention_days: i32,
    /// Whether access lines and the like become JSON. On: queries and metrics need fields.
    pub structure: bool,
    /// What is blacked out.
    pub redact: Redact,
    /// Whether a panic and its stack trace are one event. On: apart they say nothing.
    pub multiline: bool,
    /// Finished messages that are not shipped. None by default: nothing is lost on our own accord.
    pub drop: RegexSet,
    /// How long an event waits at most for others to share its call. A second is below what anybody
    /// notices and keeps an idle host at one call a second.
    pub flush: Duration,
}

/// `[logs.redact]`
#[derive(Debug, Clone)]
pub struct Redact {
    /// Whether secrets of known shapes leave the host blacked out. On: afterwards is too late.
    pub enabled: bool,
    /// More of them, by the operator.
    pub patterns: Vec<Regex>,
}

/// `[metrics]`
#[derive(Debug, Clone)]
pub struct Metrics {
    /// Whether anything is measured at all.
    pub enabled: bool,
    /// The namespace. Its default is the platform's own.
    pub namespace: String,
    /// How often things are looked at. Ten seconds see a burst within a minute, and cost little.
    pub sample: Duration,
    /// How long a datapoint is. A minute is what alarms look at; less costs more calls.
    pub flush: Duration,
    /// Under which dimensions each metric is sent.
    pub series: SeriesWanted,
    /// Which metrics are sent. By default those that the platform's alarms and dashboard need.
    pub selection: MetricSelection,
    /// Only these containers; all if there is none.
    pub include: Globs,
    /// But not these.
    pub exclude: Globs,
    /// Where they are served in Prometheus' format.
    pub prometheus: Option<SocketAddr>,
    /// The operator's own, from lines.
    pub patterns: Vec<Pattern>,
}

/// `[health]`
#[derive(Debug, Clone)]
pub struct Health {
    /// Who is asked; nobody if there is none. The default is what the load balancer asks.
    pub url: Option<HealthUrl>,
    /// How long an answer is waited for. The load balancer's default.
    pub timeout: Duration,
}

/// `[spool]`
#[derive(Debug, Clone)]
pub struct Spool {
    /// Where batches wait until they are sent. The default is systemd's `StateDirectory`.
    pub directory: PathBuf,
    /// Most bytes they may take; the oldest go first. The default is hours of a busy backend and a
    /// thirtieth of the smallest disk the platform has.
    pub max_bytes: u64,
}

/// `[control]`
#[derive(Debug, Clone)]
pub struct Control {
    /// The Unix socket; `None`: there is none. The default is in systemd's `RuntimeDirectory`.
    pub socket: Option<PathBuf>,
}

/// `[provision]`, `[alerts]` and `[alarms]`
#[derive(Debug, Clone)]
pub struct Provision {
    /// Whether the daemon sees to it. On: what the role allows is there without anybody thinking of it.
    pub at_start: bool,
    /// Whether somebody said so: else it is for instances alone.
    pub at_start_written: bool,
    /// By when it has begun to. Hosts that boot together must not all ask at once.
    pub at_start_within: Duration,
    /// What, with what the other sections say of it.
    pub settings: Settings,
}

impl Spool {
    /// Most bytes that datapoints may take besides: at the default two weeks of busy minutes, which take two
    /// blocks of the disk each.
    pub fn datapoint_bytes(&self) -> u64 {
        self.max_bytes / 3 * 2
    }
}

impl Config {
    /// Reads the files and the environment. Without a path it is [`DEFAULT_PATH`], which may be
    /// absent; a file that was asked for by name may not.
    pub fn load(
        path: Option<&Path>,
        environment: impl IntoIterator<Item = (OsString, OsString)>,
    ) -> Result<Self, Faults> {
        let (texts, variables, faults) = layers(path, environment);
        Self::from_layers(&texts, &variables, faults)
    }

    /// The keys that hold something else than in an earlier reading, in the order of their names.
    pub fn changed_since<'a>(&'a self, earlier: &'a Self) -> Vec<&'a str> {
        self.written.changed_since(&earlier.written)
    }

    /// What holds where nobody says anything, whatever this host's files and variables say.
    pub fn defaults() -> Result<Self, Faults> {
        Self::from_layers(&[], &[], Vec::new())
    }

    /// The same from texts. `faults` is what was wrong before there were any.
    fn from_layers(
        files: &[(String, String)],
        variables: &[(String, String)],
        mut faults: Vec<Fault>,
    ) -> Result<Self, Faults> {
        let (mut entries, _) = file::entries(keys::DEFAULT, &keys::defaults());
        for (name, text) in files {
            let (found, wrong) = file::entries(name, text);
            entries.extend(found);
            faults.extend(wrong);
        }
        // Unit files set a variable to nothing where they mean to leave it out.
        entries.extend(variables.iter().filter(|(_, value)| !value.is_empty()).map(variable));

        let written = Written::of(&entries);
        let mut values = Values::new(entries, faults);
        let patterns = values.take(&keys::METRICS_PATTERNS, read::metrics::patterns);
        let mut config = Self {
            region: values.take_optional(&keys::REGION, read::region),
            log: Log { level: values.take(&keys::LOG_LEVEL, read::level).0 },
            host: Host {
                instance_id: values.take_optional(&keys::HOST_INSTANCE_ID, read::instance_id),
                auto_scaling_group: values
                    .take_optional(&keys::HOST_AUTO_SCALING_GROUP, read::metrics::auto_scaling_group),
            },
            docker: Docker { socket: values.take(&keys::DOCKER_SOCKET, read::socket) },
            logs: Logs {
                selection: Selection {
                    include: values.take(&keys::LOGS_INCLUDE, read::globs),
                    exclude: values.take(&keys::LOGS_EXCLUDE, read::globs),
                    routes: values.take(&keys::LOGS_ROUTES, read::routes),
                    group: values.take(&keys::LOGS_GROUP, read::group),
                    stream: values.take(&keys::LOGS_STREAM, read::stream),
                },
                retention_days: values.take(&keys::LOGS_RETENTION_DAYS, read::retention),
                structure: values.take(&keys::LOGS_STRUCTURE, read::boolean),
                redact: Redact {
                    enabled: values.take(&keys::LOGS_REDACT_ENABLED, read::boolean),
                    patterns: values.take(&keys::LOGS_REDACT_PATTERNS, read::patterns),
                },
                multiline: values.take(&keys::LOGS_MULTILINE, read::boolean),
                drop: values.take(&keys::LOGS_DROP, read::pattern_set),
                flush: values.take(&keys::LOGS_FLUSH, read::flush),
            },
            alerts: read::alerts::alerts(&mut values, &patterns),
            metrics: Metrics {
                enabled: values.take(&keys::METRICS_ENABLED, read::boolean),
                namespace: values.take(&keys::METRICS_NAMESPACE, read::metrics::namespace),
                sample: values.take(&keys::METRICS_SAMPLE, read::metrics::sample),
                flush: values.take(&keys::METRICS_FLUSH, read::metrics::flush),
                series: values.take(&keys::METRICS_SERIES, read::metrics::series),
                selection: MetricSelection {
                    on: values.take(&keys::METRICS_ON, read::metrics::names),
                    off: values.take(&keys::METRICS_OFF, read::metrics::names),
                },
                include: values.take(&keys::METRICS_INCLUDE, read::globs),
                exclude: values.take(&keys::METRICS_EXCLUDE, read::globs),
                prometheus: values.take_optional(&keys::METRICS_PROMETHEUS, read::metrics::loopback),
                patterns,
            },
            health: Health {
                url: values.take(&keys::HEALTH_URL, read::metrics::health_url),
                timeout: values.take(&keys::HEALTH_TIMEOUT, read::metrics::timeout),
            },
            spool: Spool {
                directory: values.take(&keys::SPOOL_DIRECTORY, read::directory),
                max_bytes: values.take(&keys::SPOOL_MAX_BYTES, read::max_bytes),
            },
            control: Control { socket: values.take(&keys::CONTROL_SOCKET, read::control_socket) },
            provision: read::provision::sections(&mut values),
            written,
        };
        read::provision::what_is_used(&mut config);
        values.finish().map(|()| config)
    }
}

/// Files and variables as they were written, and what was wrong in reading them.
type Layers = (Vec<(String, String)>, Vec<(String, String)>, Vec<Fault>);

fn layers(path: Option<&Path>, environment: impl IntoIterator<Item = (OsString, OsString)>) -> Layers {
    let mut faults = Vec::new();
    let mut layers = Vec::new();
    let main = path.unwrap_or(Path::new(DEFAULT_PATH));
    match fs::read(main) {
        Ok(bytes) => layers.push((main.to_owned(), bytes)),
        Err(error) if error.kind() == io::ErrorKind::NotFound && path.is_none() => {}
        Err(error) => faults.push(unreadable(main, &error)),
    }
    let drop_ins = main.parent().unwrap_or(Path::new("")).join(DROP_IN_DIRECTORY);
    match drop_in_files(&drop_ins) {
        Ok(files) => {
            for file in files {
                match fs::read(&file) {
                    Ok(bytes) => layers.push((file, bytes)),
                    Err(error) => faults.push(unreadable(&file, &error)),
                }
            }
        }
        Err(error) if matches!(error.kind(), io::ErrorKind::NotFound | io::ErrorKind::NotADirectory) => {}
        Err(error) => faults.push(unreadable(&drop_ins, &error)),
    }
    let mut texts = Vec::new();
    for (file, bytes) in layers {
        let name = file.display().to_string();
        match String::from_utf8(bytes) {
            Ok(text) => texts.push((name, text)),
            Err(error) => faults.push(not_utf8(&name, &error)),
        }
    }
    let mut variables = Vec::new();
    for (name, value) in environment {
        let Some(name) = name.to_str().filter(|name| name.starts_with(keys::VARIABLE_PREFIX)) else {
            continue;
        };
        match value.into_string() {
            Ok(value) => variables.push((name.to_owned(), value)),
            Err(_) => faults.push(Fault {
                place: Place::of(name),
                what: "the value is not UTF-8".into(),
                mend: "set it to plain text, or unset it".into(),
            }),
        }
    }
    (texts, variables, faults)
}

fn drop_in_files(directory: &Path) -> io::Result<Vec<PathBuf>> {
    let mut files = Vec::new();
    for entry in fs::read_dir(directory)? {
        let path = entry?.path();
        if path.extension().is_some_and(|extension| extension == "toml") {
            files.push(path);
        }
    }
    files.sort();
    Ok(files)
}

/// A variable whose key is not known keeps its own name as the key, and is found to be unknown later.
fn variable((name, value): &(String, String)) -> Entry {
    let key = keys::ALL.iter().find(|key| key.variable() == *name).map(|key| key.name.to_owned());
    let key = key.unwrap_or_else(|| keys::dotted(name));
    let place = Place::of(name);
    Entry { key, place: place.clone(), value: Value { kind: Kind::Variable(value.clone()), place } }
}

fn unreadable(path: &Path, error: &io::Error) -> Fault {
    let mend = match error.kind() {
        io::ErrorKind::NotFound => "name a file that exists, or leave --config out".to_owned(),
        io::ErrorKind::PermissionDenied => {
            format!("let the agent's user read it, for instance: chmod o+r {}", path.display())
        }
        _ => "make it a readable file".to_owned(),
    };
    Fault { place: Place::of(&path.display().to_string()), what: format!("cannot be read: {error}"), mend }
}

fn not_utf8(name: &str, error: &std::string::FromUtf8Error) -> Fault {
    let good = error.utf8_error().valid_up_to();
    let text = String::from_utf8_lossy(error.as_bytes());
    Fault {
        place: Place::at(&name.into(), &text, good),
        what: "this character is not UTF-8".into(),
        mend: "save the file as UTF-8".into(),
    }
}

#[cfg(test)]
mod tests;
