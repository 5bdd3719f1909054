//! The sample backend's HTTP: reads a request, has it answered by `routes`, and reports what was
//! served to whoever prints. Decides nothing.

use std::convert::Infallible;
use std::net::IpAddr;
use std::time::Duration;

use bytes::Bytes;
use http_body_util::{BodyExt, Collected, Full, Limited};
use hyper::body::Incoming;
use hyper::header::{CONTENT_TYPE, HeaderValue};
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper::{Request, Response, StatusCode};
use hyper_util::rt::TokioIo;
use jiff::Timestamp;
use tokio::net::TcpStream;
use tokio::sync::mpsc;
use tokio::time::Instant;

use super::content::Entry;
use super::gin::{self, Access, Columns};
use super::routes::{Said, answer};

/// Longer bodies are not read: this backend has nothing to do with them.
const BODY_BYTES: usize = 64 * 1024;

/// A request that was answered.
#[derive(Debug)]
pub(super) struct Served {
    method: String,
    path: String,
    status: u16,
    latency: Duration,
    peer: IpAddr,
    said: Said,
}

impl Served {
    /// What is printed about it.
    pub(super) fn entries(&self, now: Timestamp) -> impl Iterator<Item = Entry> {
        let (method, path) = (self.method.as_str(), self.path.as_str());
        let latency_ns = u64::try_from(self.latency.as_nanos()).unwrap_or(u64::MAX);
        let ip = self.peer.to_string();
        let access = Access { method, path, status: self.status, latency_ns, ip: &ip };
        let access = gin::access(&access, Columns::Narrow, now);
        self.said.entry(method, path, now).into_iter().chain([access])
    }
}

/// Answers the requests of one connection, until it is closed.
pub(super) async fn connection(stream: TcpStream, peer: IpAddr, answered: mpsc::Sender<Served>) {
    let service = service_fn(|request| serve(request, peer, &answered));
    // A client that goes away in the middle is its own affair.
    http1::Builder::new().serve_connection(TokioIo::new(stream), service).await.ok();
}

async fn serve(
    request: Request<Incoming>,
    peer: IpAddr,
    answered: &mpsc::Sender<Served>,
) -> Result<Response<Full<Bytes>>, Infallible> {
    let begun = Instant::now();
    let (head, body) = request.into_parts();
    let body = Limited::new(body, BODY_BYTES).collect().await.map(Collected::to_bytes).unwrap_or_default();
    let answer = answer(head.method.as_str(), head.uri.path(), &String::from_utf8_lossy(&body));
    let served = Served {
        method: head.method.to_string(),
        path: head.uri.path_and_query().map_or_else(|| "/".to_owned(), ToString::to_string),
        status: answer.status,
        latency: begun.elapsed(),
        peer,
        said: answer.said,
    };
    // A backend that is stopping prints no more.
    answered.send(served).await.ok();
    let mut response = Response::new(Full::from(format!("{}\n", answer.body)));
    *response.status_mut() = StatusCode::from_u16(answer.status).unwrap_or_default();
    response.headers_mut().insert(CONTENT_TYPE, HeaderValue::from_static("application/json; charset=utf-8"));
    Ok(response)
}
