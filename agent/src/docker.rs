//! Docker's daemon, over its socket: which containers there are, what becomes of them, and the
//! logs that are not files.
//!
//! Asks and reports; decides nothing about what is followed or how.

use std::collections::{BTreeMap, HashMap};
use std::path::{Path, PathBuf};

use bollard::container::LogOutput;
use bollard::errors::Error;
use bollard::models::{EventMessage, RestartPolicyNameEnum};
use bollard::query_parameters::{
    EventsOptionsBuilder, InspectContainerOptions, ListContainersOptionsBuilder, LogsOptionsBuilder,
};
use bollard::{API_DEFAULT_VERSION, Docker};
use bytes::Bytes;
use futures_util::{Stream, StreamExt};

use crate::logs::{Container, Pipe};

/// Seconds to wait for the beginning of an answer.
const ANSWER_SECONDS: u64 = 20;

/// How the year begins in which Docker says a container was started that never was.
const NEVER: &str = "0001-";

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

    /// The log driver cannot be read back.
    pub fn is_unreadable(&self) -> bool {
        match &self.source {
            Error::DockerResponseServerError { status_code, message } => {
                *status_code == 501 || message.contains("does not support reading")
            }
            _ => false,
        }
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

/// What became of a container.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Happening {
    /// It was started, for the first time or again.
    Started(Container),
    /// Its first process ended, for whatever reason.
    Died {
        /// Its id.
        id: String,
        /// How it ended.
        exit_code: i64,
    },
    /// It has another name.
    Renamed {
        /// Its id.
        id: String,
        /// The new name.
        name: String,
    },
    /// It was removed, its log with it.
    Removed {
        /// Its id.
        id: String,
    },
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

    /// The ids of all containers, stopped ones included: what they printed may not be read yet.
    pub async fn list(&self) -> Result<Vec<String>, DockerError> {
        let options = ListContainersOptionsBuilder::new().all(true).build();
        let containers = self
            .0
            .list_containers(Some(options))
            .await
            .map_err(|source| DockerError { act: "list the containers".to_owned(), source })?;
        Ok(containers.into_iter().filter_map(|container| container.id).collect())
    }

    /// Looks at one container.
    pub async fn inspect(&self, id: &str) -> Result<Found, DockerError> {
        let answer = self
            .0
            .inspect_container(id, None::<InspectContainerOptions>)
            .await
            .map_err(|source| DockerError { act: format!("inspect container {id}"), source })?;
        let config = answer.config.unwrap_or_default();
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
    pub fn happenings(&self, since: i64) -> impl Stream<Item = Result<Happening, DockerError>> + use<> {
        let wanted = HashMap::from([
            ("type", vec!["container"]),
            ("event", vec!["start", "die", "rename", "destroy"]),
        ]);
        let options = EventsOptionsBuilder::new().since(&since.to_string()).filters(&wanted).build();
        self.0.events(Some(options)).filter_map(|event| async {
            match event {
                Ok(event) => happening(event).map(Ok),
                Err(source) => Some(Err(DockerError { act: "follow Docker's events".to_owned(), source })),
            }
        })
    }

    /// A container's log from `since` (seconds since the epoch) on, and on while it runs.
    pub fn log(&self, id: &str, since: i64) -> impl Stream<Item = Result<Frame, DockerError>> + use<> {
        let options = LogsOptionsBuilder::new()
            .follow(true)
            .stdout(true)
            .stderr(true)
            .timestamps(true)
            .since(i32::try_from(since).unwrap_or(i32::MAX))
            .build();
        let id = id.to_owned();
        self.0.logs(&id, Some(options)).map(move |frame| match frame {
            Ok(LogOutput::StdErr { message }) => Ok(Frame { pipe: Some(Pipe::Stderr), text: message }),
            Ok(LogOutput::StdOut { message }) => Ok(Frame { pipe: Some(Pipe::Stdout), text: message }),
            Ok(LogOutput::Console { message } | LogOutput::StdIn { message }) => {
                Ok(Frame { pipe: None, text: message })
            }
            Err(source) => Err(DockerError { act: format!("read the log of container {id}"), source }),
        })
    }
}

fn happening(event: EventMessage) -> Option<Happening> {
    let actor = event.actor?;
    let (id, mut attributes) = (actor.id?, actor.attributes.unwrap_or_default());
    let name = attributes.remove("name").unwrap_or_default();
    Some(match event.action?.as_str() {
        "start" => Happening::Started(Container {
            id,
            name,
            image: attributes.remove("image").unwrap_or_default(),
            // Docker mixes the labels with attributes of its own.
            labels: attributes.into_iter().collect::<BTreeMap<_, _>>(),
        }),
        "die" => {
            let exit_code = attributes.remove("exitCode").and_then(|code| code.parse().ok());
            Happening::Died { id, exit_code: exit_code.unwrap_or(-1) }
        }
        "rename" => Happening::Renamed { id, name },
        "destroy" => Happening::Removed { id },
        _ => return None,
    })
}
