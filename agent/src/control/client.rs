//! The asking end of the control socket: one request, one answer, and in plain words why there is none.

use std::fmt;
use std::io;
use std::path::{Path, PathBuf};
use std::time::Duration;

use bytes::Bytes;
use http_body_util::{BodyExt, Full, Limited};
use hyper::client::conn::http1;
use hyper::{Method, Request as HttpRequest, StatusCode};
use hyper_util::rt::TokioIo;
use serde::de::DeserializeOwned;
use tokio::net::UnixStream;
use tokio::time::timeout;

use super::{Complaint, Request};

/// Until the whole answer is there: the daemon gives up on its own parts before.
const PATIENCE: Duration = Duration::from_secs(20);
/// A status of a thousand containers is a megabyte.
const ANSWER_BYTES: usize = 32 << 20;

/// Why there is no answer.
#[derive(Debug)]
pub enum Error {
    /// Nobody listens: no such socket, or one that a killed daemon left.
    NotRunning(PathBuf),
    /// This user may not ask.
    Forbidden(PathBuf),
    /// The daemon was asked and says that it cannot be done, in its own words.
    Refused(String),
    /// The same, because what it is told to do is wrong in itself.
    Unfit(String),
    /// Whatever else went wrong.
    Broken(PathBuf, String),
}

impl std::error::Error for Error {}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::NotRunning(path) => write!(f, "nobody answers at {}", path.display()),
            Self::Forbidden(path) => write!(f, "{} may not be used by this user", path.display()),
            Self::Refused(words) | Self::Unfit(words) => f.write_str(words),
            Self::Broken(path, words) => write!(f, "asking at {} failed: {words}", path.display()),
        }
    }
}

/// Asks, and understands the answer.
///
/// # Errors
/// See [`Error`].
pub async fn ask<T: DeserializeOwned>(socket: &Path, request: &Request) -> Result<T, Error> {
    let bytes = ask_raw(socket, request).await?;
    let broken = |error| Error::Broken(socket.to_owned(), format!("the answer is not understood: {error}"));
    serde_json::from_slice(&bytes).map_err(broken)
}

/// Asks, and gives the answer as it came.
///
/// # Errors
/// See [`Error`].
pub async fn ask_raw(socket: &Path, request: &Request) -> Result<Bytes, Error> {
    let late = format!("no answer within {} seconds", PATIENCE.as_secs());
    let answer = timeout(PATIENCE, talk(socket, request)).await;
    answer.unwrap_or_else(|_| Err(Error::Broken(socket.to_owned(), late)))
}

async fn talk(socket: &Path, request: &Request) -> Result<Bytes, Error> {
    let broken = |error: &dyn fmt::Display| Error::Broken(socket.to_owned(), error.to_string());
    let stream = UnixStream::connect(socket).await.map_err(|error| match error.kind() {
        io::ErrorKind::NotFound | io::ErrorKind::ConnectionRefused => Error::NotRunning(socket.to_owned()),
        io::ErrorKind::PermissionDenied => Error::Forbidden(socket.to_owned()),
        _ => broken(&error),
    })?;
    let (mut sender, connection) =
        http1::handshake(TokioIo::new(stream)).await.map_err(|error| broken(&error))?;
    let request = written(request).map_err(|error| broken(&error))?;
    let exchange = async {
        let response = sender.send_request(request).await?;
        let status = response.status();
        Ok::<_, hyper::Error>((status, response.into_body()))
    };
    let both = async {
        let (status, body) = exchange.await.map_err(|error| broken(&error))?;
        let body = Limited::new(body, ANSWER_BYTES).collect().await.map_err(|error| broken(&error))?;
        Ok((status, body.to_bytes()))
    };
    // The connection is driven beside it, and ends with it.
    let connection = async {
        connection.await.ok();
        std::future::pending::<()>().await;
    };
    let (status, body) = tokio::select! {
        answered = both => answered?,
        () = connection => return Err(broken(&"the connection broke off")),
    };
    if status.is_success() {
        return Ok(body);
    }
    match serde_json::from_slice::<Complaint>(&body) {
        Ok(complaint) if status == StatusCode::UNPROCESSABLE_ENTITY => Err(Error::Unfit(complaint.error)),
        Ok(complaint) => Err(Error::Refused(complaint.error)),
        Err(_) => Err(broken(&format!("HTTP {status}"))),
    }
}

fn written(request: &Request) -> Result<HttpRequest<Full<Bytes>>, hyper::http::Error> {
    let mut body = Bytes::new();
    let (method, path) = match request {
        Request::Status => (Method::GET, "/v1/status".to_owned()),
        Request::Reload => (Method::POST, "/v1/reload".to_owned()),
        Request::Silences => (Method::GET, "/v1/silences".to_owned()),
        Request::Silence(silencing) => {
            body = serde_json::to_vec(silencing).unwrap_or_default().into();
            (Method::PUT, "/v1/silences".to_owned())
        }
        Request::EndSilence { rule } => {
            let query = form_urlencoded::Serializer::new(String::new()).append_pair("rule", rule).finish();
            (Method::DELETE, format!("/v1/silences?{query}"))
        }
    };
    HttpRequest::builder()
        .method(method)
        .uri(path)
        .header("host", "starttech-agent")
        .header("content-type", "application/json")
        .body(Full::new(body))
}
