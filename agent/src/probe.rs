//! The health check: one GET to the service on this host, as the load balancer asks it.
//!
//! Each look has a connection of its own, as the load balancer's has, and ends within its time whatever
//! the other side does. Redirects are not followed and long bodies not read. What an answer means is
//! decided in `metrics/health`; when to look is not known here.

mod url;

use std::collections::BTreeSet;
use std::fmt;
use std::io;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::time::Duration;

use bytes::Bytes;
use http_body_util::{BodyExt, Empty};
use hyper::Request;
use hyper::client::conn::http1;
use hyper::header::{ACCEPT, CONNECTION, HOST, USER_AGENT};
use hyper_util::rt::TokioIo;
use tokio::net::{TcpStream, lookup_host};
use tokio::time::{Instant, timeout};

use crate::metrics::{Readings, health, name};
pub use url::{BadUrl, Url, parse_url};

/// By this the probe's access lines are told from those of users.
pub const AGENT: &str = concat!("starttech-agent/", env!("CARGO_PKG_VERSION"));

/// A longer status line and header are refused; hyper allows for six times as much.
const HEADER_BYTES: usize = 64 * 1024;

/// A health check that is made again and again.
#[derive(Debug)]
pub struct Probe {
    url: Url,
    timeout: Duration,
    last: Option<Outcome>,
    /// The dependencies that were measured.
    names: BTreeSet<String>,
}

/// What one look gave.
#[derive(Debug)]
pub enum Outcome {
    /// There was an answer.
    Answered {
        /// Its HTTP status.
        status: u16,
        /// Until all of it was there; none if its body was too long to be read.
        time: Option<Duration>,
    },
    /// There was none.
    Nothing(NoAnswer),
}

/// Why there is no answer.
#[derive(Debug, thiserror::Error)]
pub enum NoAnswer {
    /// Not all of it was there in time.
    #[error("no whole answer within {} s", .0.as_secs_f64())]
    Late(Duration),
    /// Nobody listens there, or nothing leads there.
    #[error("cannot connect")]
    Refused(#[source] io::Error),
    /// It listens, takes the request and goes away.
    #[error("the connection ended before the answer did")]
    Broken(#[source] hyper::Error),
    /// It talks, but not HTTP.
    #[error("what it answers is no HTTP")]
    Garbage(#[source] hyper::Error),
    /// A header without an end, or nearly.
    #[error("the header of its answer is longer than {} KiB", HEADER_BYTES / 1024)]
    HeaderTooLong(#[source] hyper::Error),
    /// Whether it is up is not known: its address is not.
    #[error("the address of its host cannot be found")]
    NoHost(#[source] io::Error),
    /// Whether it is up is not known: this host, or we, could not even ask.
    #[error("cannot open a connection")]
    CannotAsk(#[source] io::Error),
}

impl NoAnswer {
    /// Whether it says that the service is down. The others say nothing of it: a gap.
    fn is_down(&self) -> bool {
        !matches!(self, Self::NoHost(_) | Self::CannotAsk(_))
    }

    /// Whether something other than a service that is down is to be looked into.
    fn is_fault(&self) -> bool {
        !matches!(self, Self::Late(_) | Self::Refused(_) | Self::Broken(_))
    }
}

impl fmt::Display for Outcome {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Answered { status, time: Some(time) } => {
                write!(f, "{status} in {:.1} ms", time.as_secs_f64() * 1e3)
            }
            Self::Answered { status, time: None } => write!(f, "{status} with a body that is too long"),
            Self::Nothing(why) => {
                write!(f, "{why}")?;
                std::error::Error::source(why).map_or(Ok(()), |cause| write!(f, ": {cause}"))
            }
        }
    }
}

/// What came over the wire.
struct Answer {
    status: u16,
    /// Up to the first piece that makes it too long.
    body: Vec<u8>,
}

impl Probe {
    /// Asks `url`, and waits no longer than `timeout` for the whole answer.
    pub fn new(url: Url, timeout: Duration) -> Self {
        Self { url, timeout, last: None, names: BTreeSet::new() }
    }

    /// What the last look gave.
    pub fn last(&self) -> Option<&Outcome> {
        self.last.as_ref()
    }

    /// Looks once: whether it is up, with what status and how fast, and what it depends on.
    pub async fn sample(&mut self, readings: &mut Readings) {
        let begun = Instant::now();
        let asked = timeout(self.timeout, ask(&self.url)).await.unwrap_or(Err(NoAnswer::Late(self.timeout)));
        let outcome = match asked {
            Ok(answer) => self.understand(&answer, begun.elapsed(), readings),
            Err(why) => {
                if why.is_down() {
                    readings.put(&name::HEALTH_UP, None, 0.0);
                }
                if why.is_fault() {
                    readings.fault(format!("health check {}: {why}", self.url));
                }
                Outcome::Nothing(why)
            }
        };
        self.last = Some(outcome);
    }

    fn understand(&mut self, answer: &Answer, elapsed: Duration, readings: &mut Readings) -> Outcome {
        let Answer { status, body } = answer;
        let time = (body.len() <= health::BODY_BYTES).then_some(elapsed);
        health::read(&self.url.to_string(), *status, body, &mut self.names, readings);
        if let Some(time) = time {
            readings.put(&name::HEALTH_TIME, None, time.as_secs_f64());
        }
        if [301, 302, 303, 307, 308].contains(status) {
            readings.fault(format!(
                "health check {}: it answers with a redirect, which load balancers do not follow: \
                 ask for the page that it leads to",
                self.url
            ));
        }
        Outcome::Answered { status: *status, time }
    }
}

async fn ask(url: &Url) -> Result<Answer, NoAnswer> {
    let stream = connect(url).await?;
    let mut client = http1::Builder::new();
    client.max_buf_size(HEADER_BYTES);
    let (mut sender, connection) = client.handshake(TokioIo::new(stream)).await.map_err(broken)?;
    let exchange = async {
        let response = sender.send_request(request(url)).await.map_err(broken)?;
        let status = response.status().as_u16();
        let mut incoming = response.into_body();
        let mut body = Vec::new();
        while body.len() <= health::BODY_BYTES
            && let Some(frame) = incoming.frame().await
        {
            body.extend_from_slice(frame.map_err(broken)?.data_ref().unwrap_or(&Bytes::new()));
        }
        Ok(Answer { status, body })
    };
    // The connection has to be driven while it is talked over, and how it ends is told there.
    let driven = async {
        connection.await.ok();
        std::future::pending().await
    };
    tokio::select! {
        answer = exchange => answer,
        answer = driven => answer,
    }
}

async fn connect(url: &Url) -> Result<TcpStream, NoAnswer> {
    let addresses: Vec<SocketAddr> = match url.host() {
        // Where these are is no question for a resolver, which would cost a thread at every look.
        url::Host::Address(ip) => vec![SocketAddr::new(*ip, url.port())],
        url::Host::Name(name) if name.eq_ignore_ascii_case("localhost") => {
            [IpAddr::from(Ipv4Addr::LOCALHOST), Ipv6Addr::LOCALHOST.into()]
                .map(|ip| SocketAddr::new(ip, url.port()))
                .to_vec()
        }
        url::Host::Name(name) => {
            lookup_host((name.as_str(), url.port())).await.map_err(NoAnswer::NoHost)?.collect()
        }
    };
    TcpStream::connect(addresses.as_slice()).await.map_err(refused)
}

/// What says that nobody serves there, told from what says that we could not even ask.
fn refused(error: io::Error) -> NoAnswer {
    match error.kind() {
        io::ErrorKind::ConnectionRefused
        | io::ErrorKind::ConnectionReset
        | io::ErrorKind::ConnectionAborted
        | io::ErrorKind::TimedOut
        | io::ErrorKind::HostUnreachable
        | io::ErrorKind::NetworkUnreachable => NoAnswer::Refused(error),
        _ => NoAnswer::CannotAsk(error),
    }
}

fn request(url: &Url) -> Request<Empty<Bytes>> {
    let mut request = Request::new(Empty::new());
    *request.uri_mut() = url.target().clone();
    let headers = request.headers_mut();
    headers.insert(HOST, url.authority().clone());
    headers.insert(USER_AGENT, hyper::header::HeaderValue::from_static(AGENT));
    headers.insert(ACCEPT, hyper::header::HeaderValue::from_static("*/*"));
    headers.insert(CONNECTION, hyper::header::HeaderValue::from_static("close"));
    request
}

/// A connection that broke, or one that never spoke HTTP.
fn broken(error: hyper::Error) -> NoAnswer {
    let nonsense = |kind| matches!(kind, io::ErrorKind::InvalidInput | io::ErrorKind::InvalidData);
    let cause = std::error::Error::source(&error).and_then(|cause| cause.downcast_ref::<io::Error>());
    if error.is_parse_too_large() {
        NoAnswer::HeaderTooLong(error)
    } else if error.is_parse() || cause.is_some_and(|cause| nonsense(cause.kind())) {
        NoAnswer::Garbage(error)
    } else {
        NoAnswer::Broken(error)
    }
}

#[cfg(test)]
mod tests;
