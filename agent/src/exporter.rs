//! The metrics for a Prometheus on this host: `GET /metrics` on loopback.
//!
//! What is written there is not known here: whoever starts it says.

use std::future::ready;
use std::io;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use http_body_util::Full;
use hyper::body::Incoming;
use hyper::header::{ALLOW, CONTENT_TYPE, HeaderValue};
use hyper::{Method, Request, Response, StatusCode};
use tokio::net::TcpListener;
use tokio_util::sync::CancellationToken;

use crate::listen::{Limits, serve};
use crate::metrics::exposition;

/// There is one Prometheus, seldom two.
const LIMITS: Limits = Limits {
    connections: 8,
    header: Duration::from_secs(5),
    connection: Duration::from_secs(10),
    header_bytes: 8192,
};

const PAGE: &str = "<!doctype html><title>starttech-agent</title>\
                    <p>starttech-agent: <a href=\"/metrics\">metrics</a>\n";

/// Why there is no endpoint.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// Metrics tell a lot about a host.
    #[error("{0} is no loopback address: metrics are told to this host only")]
    NotLoopback(SocketAddr),
    /// Two agents, or another exporter.
    #[error("{0} is in use by another program: choose another port")]
    InUse(SocketAddr),
    /// Whatever else.
    #[error("cannot listen on {0}")]
    Bind(SocketAddr, #[source] io::Error),
}

/// Begins to listen.
pub async fn bind(address: SocketAddr) -> Result<TcpListener, Error> {
    if !address.ip().to_canonical().is_loopback() {
        return Err(Error::NotLoopback(address));
    }
    TcpListener::bind(address).await.map_err(|error| match error.kind() {
        io::ErrorKind::AddrInUse => Error::InUse(address),
        _ => Error::Bind(address, error),
    })
}

/// Answers with what `text` says at that moment, until `stop`. Connections that are open then are closed.
pub async fn run(
    listener: TcpListener,
    text: impl Fn() -> String + Send + Sync + 'static,
    stop: CancellationToken,
) {
    let text = Arc::new(text);
    let of = |_: &_| {
        let text = Arc::clone(&text);
        move |request| ready(answer(&request, &*text))
    };
    serve(&listener, LIMITS, of, stop).await;
}

fn answer(request: &Request<Incoming>, text: impl Fn() -> String) -> Response<Full<Bytes>> {
    let (status, kind, body) = match (request.uri().path(), request.method()) {
        ("/metrics", &Method::GET) => (StatusCode::OK, exposition::CONTENT_TYPE, text()),
        ("/", &Method::GET) => (StatusCode::OK, "text/html; charset=utf-8", PAGE.to_owned()),
        ("/metrics" | "/", _) => {
            (StatusCode::METHOD_NOT_ALLOWED, "text/plain; charset=utf-8", "GET only\n".to_owned())
        }
        _ => (StatusCode::NOT_FOUND, "text/plain; charset=utf-8", "there is /metrics\n".to_owned()),
    };
    let mut response = Response::new(Full::from(body));
    *response.status_mut() = status;
    response.headers_mut().insert(CONTENT_TYPE, HeaderValue::from_static(kind));
    if status == StatusCode::METHOD_NOT_ALLOWED {
        response.headers_mut().insert(ALLOW, HeaderValue::from_static("GET"));
    }
    response
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicUsize, Ordering};

    use tokio::io::{AsyncReadExt, AsyncWriteExt};
    use tokio::net::TcpStream;
    use tokio::time::{Instant, sleep};

    use super::*;

    /// Runs the endpoint beside `ask`, and ends it by its token.
    async fn beside<F: Future<Output = ()>>(
        text: impl Fn() -> String + Send + Sync + 'static,
        ask: impl FnOnce(SocketAddr) -> F,
    ) {
        let listener = bind(SocketAddr::from(([127, 0, 0, 1], 0))).await.unwrap();
        let address = listener.local_addr().unwrap();
        let stop = CancellationToken::new();
        tokio::join!(run(listener, text, stop.clone()), async {
            ask(address).await;
            stop.cancel();
        });
    }

    /// Sends these bytes and reads to the end.
    async fn talk(address: SocketAddr, request: &str) -> String {
        let mut stream = TcpStream::connect(address).await.unwrap();
        stream.write_all(request.as_bytes()).await.unwrap();
        let mut answer = Vec::new();
        stream.read_to_end(&mut answer).await.ok();
        String::from_utf8(answer).unwrap()
    }

    fn head(method: &str, path: &str) -> String {
        format!("{method} {path} HTTP/1.1\r\nHost: x\r\n\r\n")
    }

    #[tokio::test]
    async fn metrics_are_told_as_they_are_at_that_moment() {
        let asked = AtomicUsize::new(0);
        let text = move || format!("asked {}\n", asked.fetch_add(1, Ordering::Relaxed));
        beside(text, async |address| {
            for n in 0..3 {
                let answer = talk(address, &head("GET", "/metrics?x=1")).await;
                assert!(answer.starts_with("HTTP/1.1 200 OK\r\n"), "{answer}");
                assert!(
                    answer.contains("\r\ncontent-type: text/plain; version=0.0.4; charset=utf-8\r\n"),
                    "{answer}"
                );
                assert!(answer.ends_with(&format!("\r\n\r\nasked {n}\n")), "{answer}");
            }
        })
        .await;
    }

    #[tokio::test]
    async fn everything_else_is_refused() {
        beside(String::new, async |address| {
            for (method, path, status) in [
                ("GET", "/", "200 OK"),
                ("GET", "/metrics/", "404 Not Found"),
                ("GET", "/../etc/passwd", "404 Not Found"),
                ("POST", "/x", "404 Not Found"),
                ("POST", "/metrics", "405 Method Not Allowed"),
                ("HEAD", "/metrics", "405 Method Not Allowed"),
                ("DELETE", "/", "405 Method Not Allowed"),
            ] {
                let answer = talk(address, &head(method, path)).await;
                assert!(answer.starts_with(&format!("HTTP/1.1 {status}\r\n")), "{method} {path}: {answer}");
                assert_eq!(answer.contains("\r\nallow: GET\r\n"), status.starts_with("405"), "{answer}");
            }
            let endless = format!("GET / HTTP/1.1\r\nX: {}", "x".repeat(LIMITS.header_bytes));
            assert!(talk(address, &endless).await.starts_with("HTTP/1.1 431 "));
            assert!(talk(address, "\u{0}\r\n\r\n").await.starts_with("HTTP/1.1 400 "));
        })
        .await;
    }

    #[tokio::test(start_paused = true)]
    async fn who_says_nothing_keeps_others_waiting_and_not_out() {
        beside(String::new, async |address| {
            let mut silent = Vec::new();
            for _ in 0..3 * LIMITS.connections {
                silent.push(TcpStream::connect(address).await.unwrap());
            }
            let begun = Instant::now();
            let answer = talk(address, &head("GET", "/metrics")).await;
            assert!(answer.starts_with("HTTP/1.1 200 OK\r\n"), "{answer}");
            // They are served in turns, and each turn of silence lasts as long as a header may.
            assert_eq!(begun.elapsed().as_secs(), 3 * LIMITS.header.as_secs());
        })
        .await;
    }

    #[tokio::test(start_paused = true)]
    async fn who_takes_no_answer_is_left() {
        let text = || "x".repeat(64 << 20);
        beside(text, async |address| {
            let mut stream = TcpStream::connect(address).await.unwrap();
            stream.write_all(head("GET", "/metrics").as_bytes()).await.unwrap();
            stream.readable().await.unwrap();
            sleep(2 * LIMITS.connection).await;
            let mut taken = Vec::new();
            let end = stream.read_to_end(&mut taken).await;
            assert!(end.is_err() || taken.len() < 64 << 20, "{} bytes: {end:?}", taken.len());
        })
        .await;
    }

    #[tokio::test]
    async fn a_stop_closes_what_is_open() {
        let mut open = None;
        beside(String::new, async |address| {
            let mut stream = TcpStream::connect(address).await.unwrap();
            stream.write_all(b"GET ").await.unwrap();
            assert!(talk(address, &head("GET", "/")).await.starts_with("HTTP/1.1 200"));
            open = Some(stream);
        })
        .await;
        // Whether by an end or by a reset: nobody is there any more.
        let read = open.unwrap().read(&mut [0; 16]).await;
        assert!(!matches!(read, Ok(1..)), "{read:?}");
    }

    #[tokio::test]
    async fn only_a_free_loopback_address_will_do() {
        let taken = bind(SocketAddr::from(([127, 0, 0, 1], 0))).await.unwrap();
        let address = taken.local_addr().unwrap();
        let why = bind(address).await.unwrap_err().to_string();
        assert_eq!(why, format!("{address} is in use by another program: choose another port"));
        for far in ["0.0.0.0:0", "[::]:0", "10.0.0.1:0", "[::ffff:10.0.0.1]:0"] {
            let why = bind(far.parse().unwrap()).await.unwrap_err().to_string();
            assert_eq!(why, format!("{far} is no loopback address: metrics are told to this host only"));
        }
        assert!(bind("127.0.0.2:0".parse().unwrap()).await.is_ok());
    }
}
