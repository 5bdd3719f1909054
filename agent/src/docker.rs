//! Docker's daemon, over its socket: which containers there are, what becomes of them, and the
//! logs that are not files.
//!
//! Asks and reports; decides nothing about what is followed or how.

mod inventory;

use std::collections::{BTreeMap, HashMap};
use std::path::{Path, PathBuf};

use bollard::container::LogOutput;
use bollard::errors::Error;
use bollard::models::{ContainerState, EventMessage, HealthStatusEnum, HostConfig, RestartPolicyNameEnum};
use bollard::query_parameters::{
    EventsOptionsBuilder, InspectContainerOptions, ListContainersOptionsBuilder, LogsOptionsBuilder,
};
use bollard::{API_DEFAULT_VERSION, Docker};
use bytes::Bytes;
use futures_util::{Stream, StreamExt};
use jiff::Timestamp;

pub use self::inventory::{Inventory, Listed};
use crate::alerts::{Fact, Standing, What};
use crate::logs::{Container, Pipe};

/// Seconds to wait for the beginning of an answer.
pub const ANSWER_SECONDS: u64 = 20;

/// How the year begins in which Docker says a container was started that never was.
const NEVER: &str = "0001-";

/// What we want to be told of.
const EVENTS: [&str; 9] =
    ["create", "start", "die", "kill", "stop", "oom", "health_status", "rename", "destroy"];

/// What Docker sends where nothing else is said.
const TERM: i64 = 15;

/// A connection to Docker's daemon.
#[derive(Debug, Clone)]
pub struct Engine(Docker);

/// Docker did not do what it was asked for.
#[derive(Debug, thiserror::Error)]
#[error("cannot {act}")]
pub struct DockerError {
    act: String,
    source: Error,
}

impl DockerError {
    /// The container is not there any more.
    pub fn is_gone(&self) -> bool {
        matches!(self.source, Error::DockerResponseServerError { status_code: 404 | 409, .. })
    }

    /// This one question went wrong: Docker answered with an error or with what cannot be
    /// understood, or did not answer in time. Others may go well on the same connection.
    pub fn is_answer(&self) -> bool {
        matches!(
            self.source,
            Error::DockerResponseServerError { .. }
                | Error::RequestTimeoutError
                | Error::JsonDataError { .. }
                | Error::JsonSerdeError { .. }
                | Error::StrParseError { .. }
        )
    }

    /// Docker, or what listens in its place, takes the question and keeps silent.
    pub fn is_silent(&self) -> bool {
        matches!(self.source, Error::RequestTimeoutError)
    }

    /// The log driver cannot be read back.
    pub fn is_unreadable(&self) -> bool {
        matches!(&self.source, Error::DockerResponseServerError { status_code, message }
            if *status_code == 501 || message.contains("does not support reading"))
    }
}

/// A container and its log.
#[derive(Debug, Clone)]
pub struct Found {
    /// What it is.
    pub container: Container,
    /// How its log is kept.
    pub driver: String,
    /// The file. Docker names it for `json-file`, when the container first starts; it does not for
    /// `local`.
    pub log_path: Option<PathBuf>,
    /// The container was started at some time: before that it has no log.
    pub started: bool,
    /// How it stands, if that was asked for.
    pub standing: Option<Standing>,
}

/// How a container is doing.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct State {
    /// Its first process, while it runs.
    pub pid: Option<u32>,
    /// When it was last started, as Docker writes it.
    pub started_at: String,
    /// How often Docker started it again by itself; not counting a start that is still to come.
    pub restarts: u64,
    /// It has a network of its own: neither the host's nor another container's, nor none.
    pub has_network: bool,
    /// Docker starts it again when it ends.
    pub is_kept_up: bool,
    /// How its first process ended last.
    pub exit_code: i64,
}

impl State {
    /// It ended well, and nobody wants it to run for ever: a job that is done.
    pub fn is_done(&self) -> bool {
        self.pid.is_none() && self.exit_code == 0 && !self.is_kept_up
    }
}

/// A piece of a log, as Docker's API serves it.
#[derive(Debug, Clone)]
pub struct Frame {
    /// The pipe; `None` for a terminal.
    pub pipe: Option<Pipe>,
    /// The timestamp, a space, and what was printed.
    pub text: Bytes,
}

impl Engine {
    /// Connects and agrees on a version of the API.
    pub async fn connect(socket: &Path) -> Result<Self, DockerError> {
        let failed = |source| DockerError { act: format!("talk to Docker at {}", socket.display()), source };
        let docker =
            Docker::connect_with_unix(&socket.to_string_lossy(), ANSWER_SECONDS, API_DEFAULT_VERSION)
                .map_err(failed)?;
        let docker = Box::pin(docker.negotiate_version()).await.map_err(failed)?;
        Ok(Self(docker))
    }

    /// Where Docker keeps its data, `/var/lib/docker`, if it says so.
    pub async fn data_root(&self) -> Result<Option<PathBuf>, DockerError> {
        let info = self
            .0
            .info()
            .await
            .map_err(|source| DockerError { act: "ask Docker about itself".to_owned(), source })?;
        Ok(info.docker_root_dir.map(PathBuf::from))
    }

    /// Ids and names of all containers, stopped ones included: what they printed may not be read yet.
    pub async fn list(&self) -> Result<Vec<(String, String)>, DockerError> {
        let options = ListContainersOptionsBuilder::new().all(true).build();
        let listed = self.0.list_containers(Some(options)).await;
        let containers =
            listed.map_err(|source| DockerError { act: "list the containers".to_owned(), source })?;
        let listed = containers.into_iter().filter_map(|container| {
            let name = container.names.unwrap_or_default().into_iter().next().unwrap_or_default();
            Some((container.id?, name.trim_start_matches('/').to_owned()))
        });
        Ok(listed.collect())
    }

    /// Looks at one container.
    pub async fn inspect(&self, id: &str) -> Result<Found, DockerError> {
        let answer = self
            .0
            .inspect_container(id, None::<InspectContainerOptions>)
            .await
            .map_err(|source| DockerError { act: format!("inspect container {id}"), source })?;
        let config = answer.config.unwrap_or_default();
        let mut standing = standing(answer.state.as_ref(), answer.host_config.as_ref());
        standing.made_ns = nanoseconds(answer.created.as_deref());
        let log = answer.host_config.and_then(|host| host.log_config);
        let name = answer.name.unwrap_or_default();
        let started = answer.state.and_then(|state| state.started_at);
        Ok(Found {
            container: Container {
                id: answer.id.unwrap_or_else(|| id.to_owned()),
                name: name.trim_start_matches('/').to_owned(),
                image: config.image.unwrap_or_default(),
                labels: config.labels.unwrap_or_default().into_iter().collect(),
            },
            driver: log.and_then(|log| log.typ).unwrap_or_default(),
            log_path: answer.log_path.filter(|path| !path.is_empty()).map(PathBuf::from),
            started: started.is_none_or(|at| !at.starts_with(NEVER)),
            standing: Some(standing),
        })
    }

    /// How a container is doing; `None` if it is gone.
    pub async fn state(&self, id: &str) -> Result<Option<State>, DockerError> {
        let answer = match self.0.inspect_container(id, None::<InspectContainerOptions>).await {
            Ok(answer) => answer,
            Err(source) => {
                let error = DockerError { act: format!("inspect container {id}"), source };
                return if error.is_gone() { Ok(None) } else { Err(error) };
            }
        };
        let host = answer.host_config.unwrap_or_default();
        let mode = host.network_mode.unwrap_or_default();
        let policy = host.restart_policy.and_then(|policy| policy.name);
        let state = answer.state.unwrap_or_default();
        let pid = state.pid.and_then(|pid| u32::try_from(pid).ok()).filter(|pid| *pid > 0);
        let restarts = answer.restart_count.and_then(|count| u64::try_from(count).ok()).unwrap_or_default();
        Ok(Some(State {
            pid: pid.filter(|_| state.running == Some(true)),
            started_at: state.started_at.unwrap_or_default(),
            // Docker counts when it decides to, and waits before it does.
            restarts: restarts.saturating_sub(u64::from(state.restarting == Some(true))),
            has_network: !matches!(mode.as_str(), "host" | "none") && !mode.starts_with("container:"),
            is_kept_up: policy.is_some_and(|policy| {
                !matches!(policy, RestartPolicyNameEnum::EMPTY | RestartPolicyNameEnum::NO)
            }),
            exit_code: state.exit_code.unwrap_or_default(),
        }))
    }

    /// What becomes of containers, from `since` (seconds since the epoch) on, as it happens.
    pub fn facts(&self, since: i64) -> impl Stream<Item = Result<Fact, DockerError>> + use<> {
        let wanted = HashMap::from([("type", vec!["container"]), ("event", EVENTS.to_vec())]);
        let options = EventsOptionsBuilder::new().since(&since.to_string()).filters(&wanted).build();
        self.0.events(Some(options)).filter_map(|event| async {
            match event {
                Ok(event) => fact(event).map(Ok),
                Err(source) => Some(Err(DockerError { act: "follow Docker's events".to_owned(), source })),
            }
        })
    }

    /// The last of what a container printed, both pipes as they came.
    pub async fn last_output(
        &self,
        id: &str,
        lines: usize,
        most_bytes: usize,
    ) -> Result<Vec<u8>, DockerError> {
        let options = LogsOptionsBuilder::new().stdout(true).stderr(true).tail(&lines.to_string()).build();
        let mut frames = self.0.logs(id, Some(options));
        let mut output = Vec::new();
        while let Some(frame) = frames.next().await {
            let frame = frame
                .map_err(|source| DockerError { act: format!("read the log of container {id}"), source })?;
            output.extend_from_slice(&frame.into_bytes());
            if output.len() > most_bytes {
                output.drain(..output.len() - most_bytes);
            }
        }
        Ok(output)
    }

    /// How a container stands; `None` if it is gone.
    pub async fn standing(&self, id: &str) -> Result<Option<Standing>, DockerError> {
        match self.inspect(id).await {
            Ok(found) => Ok(found.standing),
            Err(error) if error.is_gone() => Ok(None),
            Err(error) => Err(error),
        }
    }

    /// A container's log from `since` (seconds since the epoch) on, and on while it runs.
    pub fn log(&self, id: &str, since: i64) -> impl Stream<Item = Result<Frame, DockerError>> + use<> {
        self.frames(id, whole_log(since).follow(true))
    }

    /// A container's log from `since` on up to now, at most so many of its last lines.
    pub fn log_until_now(
        &self,
        id: &str,
        since: i64,
        lines: Option<u64>,
    ) -> impl Stream<Item = Result<Frame, DockerError>> + use<> {
        let lines = lines.map_or_else(|| "all".to_owned(), |lines| lines.to_string());
        self.frames(id, whole_log(since).tail(&lines))
    }

    fn frames(
        &self,
        id: &str,
        options: LogsOptionsBuilder,
    ) -> impl Stream<Item = Result<Frame, DockerError>> + use<> {
        let id = id.to_owned();
        self.0.logs(&id, Some(options.build())).map(move |frame| match frame {
            Ok(LogOutput::StdErr { message }) => Ok(Frame { pipe: Some(Pipe::Stderr), text: message }),
            Ok(LogOutput::StdOut { message }) => Ok(Frame { pipe: Some(Pipe::Stdout), text: message }),
            Ok(LogOutput::Console { message } | LogOutput::StdIn { message }) => {
                Ok(Frame { pipe: None, text: message })
            }
            Err(source) => Err(DockerError { act: format!("read the log of container {id}"), source }),
        })
    }
}

fn whole_log(since: i64) -> LogsOptionsBuilder {
    let since = i32::try_from(since).unwrap_or(i32::MAX);
    LogsOptionsBuilder::new().stdout(true).stderr(true).timestamps(true).since(since)
}

fn fact(event: EventMessage) -> Option<Fact> {
    let actor = event.actor?;
    let (id, mut attributes) = (actor.id?, actor.attributes.unwrap_or_default());
    let old_name = attributes.remove("oldName").unwrap_or_default();
    let mut number = |name: &str| attributes.remove(name).and_then(|number| number.parse::<i64>().ok());
    let action = event.action?;
    let what = match action.as_str() {
        "create" => What::Created,
        "start" => What::Started,
        "die" => What::Died { exit_code: number("exitCode").unwrap_or(-1) },
        "kill" => What::Killed { signal: number("signal").unwrap_or(TERM) },
        "stop" => What::Stopped,
        "oom" => What::OutOfMemory,
        "rename" => What::Renamed { from: old_name.trim_start_matches('/').to_owned() },
        "destroy" => What::Removed,
        // Newer ones say `health_status: healthy`, older ones with another space.
        health if health.starts_with("health_status") => match health.rsplit(':').next().map(str::trim) {
            Some("healthy") => What::Health { is_healthy: true },
            Some("unhealthy") => What::Health { is_healthy: false },
            _ => return None,
        },
        _ => return None,
    };
    let container = Container {
        id,
        name: attributes.remove("name").unwrap_or_default(),
        image: attributes.remove("image").unwrap_or_default(),
        // Docker mixes the labels with attributes of its own.
        labels: attributes.into_iter().collect::<BTreeMap<_, _>>(),
    };
    Some(Fact { at_ns: event.time_nano.unwrap_or_default(), container, what })
}

/// Since the epoch; `None` if it never was.
fn nanoseconds(at: Option<&str>) -> Option<i64> {
    let at: Timestamp = at.filter(|at| !at.starts_with(NEVER))?.parse().ok()?;
    i64::try_from(at.as_nanosecond()).ok()
}

/// `exit code 1: curl: (7) Failed to connect`
fn health_said(state: &ContainerState) -> Option<String> {
    let last = state.health.as_ref()?.log.as_ref()?.last()?;
    let output = last.output.as_deref().unwrap_or_default().trim();
    Some(format!("exit code {}: {}", last.exit_code?, if output.is_empty() { "no output" } else { output }))
}

fn standing(state: Option<&ContainerState>, host: Option<&HostConfig>) -> Standing {
    let Some(state) = state else { return Standing::default() };
    let policy = host.and_then(|host| host.restart_policy.as_ref()?.name);
    Standing {
        is_running: state.running == Some(true) && state.restarting != Some(true),
        made_ns: None,
        started_ns: nanoseconds(state.started_at.as_deref()),
        ended_ns: nanoseconds(state.finished_at.as_deref()),
        exit_code: state.exit_code.unwrap_or_default(),
        is_out_of_memory: state.oom_killed == Some(true),
        is_healthy: match state.health.as_ref().and_then(|health| health.status) {
            Some(HealthStatusEnum::HEALTHY) => Some(true),
            Some(HealthStatusEnum::UNHEALTHY) => Some(false),
            _ => None,
        },
        health_said: health_said(state).unwrap_or_default(),
        is_always_up: matches!(
            policy,
            Some(RestartPolicyNameEnum::ALWAYS | RestartPolicyNameEnum::UNLESS_STOPPED)
        ),
        error: state.error.clone().unwrap_or_default(),
    }
}
