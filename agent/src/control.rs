//! The control socket: a Unix socket on which a running daemon is asked how it goes, and told the little that can be
//! told. JSON over HTTP/1; `client` is the other end.
//!
//! Whoever may write to the socket, its group, may ask, and with small bodies. What is answered is not known here.

pub mod client;
mod notes;
mod problems;
pub mod status;

use std::fs::{self, File, Permissions};
use std::future::Future;
use std::io;
use std::os::unix::fs::{DirBuilderExt, FileTypeExt, PermissionsExt};
use std::path::{Path, PathBuf};
use std::time::Duration;

use bytes::Bytes;
use http_body_util::{BodyExt, Full, Limited};
use hyper::body::Incoming;
use hyper::header::{ALLOW, CONTENT_TYPE, HeaderValue};
use hyper::{Method, Response, StatusCode};
use serde::{Deserialize, Serialize};
use tokio::net::{UnixListener, UnixSocket, UnixStream};
use tokio_util::sync::CancellationToken;

use crate::listen::{Limits, serve};

pub use problems::Problem;
pub use status::Status;

/// The kernel takes no longer path, in bytes: `sun_path` without its final zero.
pub const LONGEST_PATH: usize = 107;
/// Owner and group ask, others do not.
const MODE: u32 = 0o660;
/// Connections that wait besides.
const WAITING: u32 = 128;
/// Those who ask do so at once.
const LIMITS: Limits = Limits {
    connections: 32,
    header: Duration::from_secs(2),
    connection: Duration::from_secs(8),
    header_bytes: 8192,
};
/// A longer body is refused: what can be told is short.
const BODY_BYTES: usize = 16 << 10;

/// Why there is no socket.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The kernel does not take it.
    #[error("the path {} has {} bytes, and a Unix socket's has {LONGEST_PATH} at most", .0.display(), .0.as_os_str().len())]
    TooLong(PathBuf),
    /// Another agent, or something else, answers there.
    #[error("{} is in use by another program", .0.display())]
    InUse(PathBuf),
    /// What stands there is not ours to remove.
    #[error("{} is there, and is no socket", .0.display())]
    NoSocket(PathBuf),
    /// No directory, or no right.
    #[error("cannot make {}", .0.display())]
    Make(PathBuf, #[source] io::Error),
}

/// What is asked, or told.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Request {
    /// `GET /v1/status`
    Status,
    /// `POST /v1/reload`: read the configuration again.
    Reload,
    /// `GET /v1/silences`
    Silences,
    /// `PUT /v1/silences`
    Silence(Silencing),
    /// `DELETE /v1/silences?rule=…`
    EndSilence {
        /// In the words it began with, or `all`.
        rule: String,
    },
}

/// The body of `PUT /v1/silences`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Silencing {
    /// A rule's name, a pattern of such names, or `all`.
    pub rule: String,
    /// For so long from now.
    pub seconds: u64,
    /// Why.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reason: Option<String>,
    /// Who asks for it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub by: Option<String>,
}

/// What is answered to `POST /v1/reload`, where the configuration is good.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct Reloaded {
    /// It has taken effect.
    pub reloaded: bool,
    /// It takes effect when a loop that is busy comes to it.
    pub later: bool,
    /// What was changed and does not hold before a restart: keys, `metrics.sample, region`; empty if nothing.
    pub restart_for: String,
}

/// What is answered: a status of HTTP, and a document of JSON.
#[derive(Debug)]
pub struct Answer {
    status: StatusCode,
    body: Bytes,
}

/// The body of every answer that is no success.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Complaint {
    /// What is wrong, and what to do.
    pub error: String,
}

impl Answer {
    /// What was asked for.
    pub fn good(body: &impl Serialize) -> Self {
        match serde_json::to_vec(body) {
            Ok(body) => Self { status: StatusCode::OK, body: body.into() },
            Err(error) => Self::bad(StatusCode::INTERNAL_SERVER_ERROR, error.to_string()),
        }
    }

    /// The request cannot be done as it is.
    pub fn unprocessable(error: impl Into<String>) -> Self {
        Self::bad(StatusCode::UNPROCESSABLE_ENTITY, error)
    }

    /// There is nothing of that name.
    pub fn absent(error: impl Into<String>) -> Self {
        Self::bad(StatusCode::NOT_FOUND, error)
    }

    /// It is taken, and takes effect later.
    pub fn later(body: &impl Serialize) -> Self {
        Self { status: StatusCode::ACCEPTED, ..Self::good(body) }
    }

    /// It was understood, and failed here.
    pub fn failed(error: impl Into<String>) -> Self {
        Self::bad(StatusCode::INTERNAL_SERVER_ERROR, error)
    }

    fn bad(status: StatusCode, error: impl Into<String>) -> Self {
        let body = serde_json::to_vec(&Complaint { error: error.into() }).unwrap_or_default();
        Self { status, body: body.into() }
    }
}

/// The socket, until it is dropped: then its name goes, too.
#[derive(Debug)]
pub struct Socket {
    listener: UnixListener,
    path: PathBuf,
    /// Held as long as the socket is ours.
    _lock: File,
}

impl Drop for Socket {
    fn drop(&mut self) {
        drop(fs::remove_file(&self.path));
    }
}

/// Where the socket is of a daemon that works in this directory.
pub fn local_path(directory: &Path) -> PathBuf {
    directory.join(".agent.sock")
}

/// Begins to listen. What a killed daemon left is replaced; what is alive never is.
///
/// # Errors
/// See [`Error`].
pub async fn bind(path: &Path) -> Result<Socket, Error> {
    if path.as_os_str().len() > LONGEST_PATH {
        return Err(Error::TooLong(path.to_owned()));
    }
    let failed = |error| Error::Make(path.to_owned(), error);
    // The unit makes it for the service; a daemon that somebody starts by hand has none yet.
    if let Some(directory) = path.parent().filter(|directory| !directory.exists()) {
        fs::DirBuilder::new().mode(0o750).create(directory).map_err(failed)?;
    }
    // Two that start at once must not take the name from each other.
    let mut beside = path.as_os_str().to_owned();
    beside.push(".lock");
    let lock = File::options().create(true).truncate(false).write(true).open(beside).map_err(failed)?;
    match lock.try_lock() {
        Ok(()) => {}
        Err(fs::TryLockError::WouldBlock) => return Err(Error::InUse(path.to_owned())),
        Err(fs::TryLockError::Error(error)) => return Err(failed(error)),
    }
    match fs::symlink_metadata(path) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => {}
        Err(error) => return Err(failed(error)),
        Ok(there) if !there.file_type().is_socket() => return Err(Error::NoSocket(path.to_owned())),
        Ok(_) => match UnixStream::connect(path).await {
            Err(error) if error.kind() == io::ErrorKind::ConnectionRefused => {
                fs::remove_file(path).map_err(failed)?;
            }
            // Whoever holds it may be too busy to answer.
            _ => return Err(Error::InUse(path.to_owned())),
        },
    }
    let socket = UnixSocket::new_stream().map_err(failed)?;
    socket.bind(path).map_err(failed)?;
    // Before it listens nobody gets in, whatever the umask is.
    fs::set_permissions(path, Permissions::from_mode(MODE)).map_err(failed)?;
    let listener = socket.listen(WAITING).map_err(failed)?;
    Ok(Socket { listener, path: path.to_owned(), _lock: lock })
}

/// Answers with what `answer` says, until `stop`. It is told who asks, by the number of that user. Connections that
/// are open at the end are closed.
pub async fn run<F>(
    socket: Socket,
    answer: impl Fn(Request, u32) -> F + Clone + Send + Sync + 'static,
    stop: CancellationToken,
) where
    F: Future<Output = Answer> + Send + 'static,
{
    let of = |stream: &UnixStream| {
        let uid = stream.peer_cred().map_or(u32::MAX, |who| who.uid());
        let answer = answer.clone();
        move |request| {
            let answer = answer.clone();
            async move {
                response(match read(request).await {
                    Ok(request) => answer(request, uid).await,
                    Err(refusal) => refusal,
                })
            }
        }
    };
    serve(&socket.listener, LIMITS, of, stop).await;
}

const METHODS: [(&str, &str); 3] =
    [("/v1/status", "GET"), ("/v1/reload", "POST"), ("/v1/silences", "GET, PUT, DELETE")];

/// What is meant, or what is wrong with it.
async fn read(request: hyper::Request<Incoming>) -> Result<Request, Answer> {
    let (head, body) = request.into_parts();
    match (head.uri.path(), &head.method) {
        ("/v1/status", &Method::GET) => Ok(Request::Status),
        ("/v1/reload", &Method::POST) => Ok(Request::Reload),
        ("/v1/silences", &Method::GET) => Ok(Request::Silences),
        ("/v1/silences", &Method::PUT) => {
            let Ok(body) = Limited::new(body, BODY_BYTES).collect().await else {
                let words = format!("the body has more than {BODY_BYTES} bytes, or broke off");
                return Err(Answer::bad(StatusCode::PAYLOAD_TOO_LARGE, words));
            };
            let silencing = serde_json::from_slice(&body.to_bytes()).map_err(|error| {
                let words = format!("the body is no {{\"rule\":…,\"seconds\":…}}: {error}");
                Answer::bad(StatusCode::BAD_REQUEST, words)
            })?;
            Ok(Request::Silence(silencing))
        }
        ("/v1/silences", &Method::DELETE) => {
            let query = head.uri.query().unwrap_or_default();
            let mut pairs = form_urlencoded::parse(query.as_bytes());
            match pairs.find(|(name, _)| name == "rule") {
                Some((_, rule)) => Ok(Request::EndSilence { rule: rule.into_owned() }),
                None => Err(Answer::bad(StatusCode::BAD_REQUEST, "write DELETE /v1/silences?rule=RULE")),
            }
        }
        (path, _) => match METHODS.iter().find(|(known, _)| *known == path) {
            Some((path, methods)) => {
                Err(Answer::bad(StatusCode::METHOD_NOT_ALLOWED, format!("{path} takes {methods}")))
            }
            None => Err(Answer::absent("there are GET /v1/status, POST /v1/reload and /v1/silences")),
        },
    }
}

fn response(answer: Answer) -> Response<Full<Bytes>> {
    let refused = answer.status == StatusCode::METHOD_NOT_ALLOWED;
    let mut response = Response::new(Full::from(answer.body));
    *response.status_mut() = answer.status;
    response.headers_mut().insert(CONTENT_TYPE, HeaderValue::from_static("application/json"));
    if refused {
        response.headers_mut().insert(ALLOW, HeaderValue::from_static("GET, POST, PUT, DELETE"));
    }
    response
}

#[cfg(test)]
pub(crate) mod tests;
