//! HTTP for the page: `GET /`, and `GET /changes` for what is new on it.
//!
//! Nothing is taken but the address and headers.

use std::io;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use http_body_util::Full;
use hyper::body::Incoming;
use hyper::header::{self, HeaderName, HeaderValue};
use hyper::{Method, Request, Response, StatusCode};
use tokio::net::TcpListener;
use tokio_util::sync::CancellationToken;

use super::desk::Asker;
use super::drawn::Asked;
use super::guard::{Guard, Headers, Judgement, Refused};
use crate::listen::{Limits, serve};

/// A browser opens six connections. An address has a search in it.
const LIMITS: Limits = Limits {
    connections: 32,
    header: Duration::from_secs(5),
    connection: Duration::from_secs(30),
    header_bytes: 16_384,
};

/// Why there is no page.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// It would be open to others.
    #[error(transparent)]
    Refused(#[from] Refused),
    /// Another agent shows its page there, or whoever.
    #[error("{0} is in use by another program: choose another port (--listen 127.0.0.1:PORT)")]
    InUse(SocketAddr),
    /// Whatever else.
    #[error("cannot listen on {0}")]
    Bind(SocketAddr, #[source] io::Error),
}

/// Begins to listen where that is safe.
pub async fn bind(address: SocketAddr, token: Option<&str>) -> Result<(TcpListener, Guard), Error> {
    let guard = Guard::new(address, token)?;
    let listener = TcpListener::bind(address).await.map_err(|error| match error.kind() {
        io::ErrorKind::AddrInUse => Error::InUse(address),
        _ => Error::Bind(address, error),
    })?;
    Ok((listener, guard))
}

/// Serves the page until `stop`. Connections that are open then are closed.
pub async fn run(listener: TcpListener, guard: Guard, asker: Asker, stop: CancellationToken) {
    let guard = Arc::new(guard);
    let of = |_: &_| {
        let (guard, asker) = (Arc::clone(&guard), asker.clone());
        move |request| {
            let (guard, asker) = (Arc::clone(&guard), asker.clone());
            async move { answer(&request, &guard, &asker).await }
        }
    };
    serve(&listener, LIMITS, of, stop).await;
}

async fn answer(request: &Request<Incoming>, guard: &Guard, asker: &Asker) -> Response<Full<Bytes>> {
    let text = |name: HeaderName| request.headers().get(name).and_then(|value| value.to_str().ok());
    let headers = Headers {
        host: text(header::HOST),
        authorization: text(header::AUTHORIZATION),
        site: text(HeaderName::from_static("sec-fetch-site")),
        mode: text(HeaderName::from_static("sec-fetch-mode")),
    };
    match guard.judge(&headers) {
        Judgement::Fine => {}
        Judgement::Stranger => {
            return plain(
                StatusCode::FORBIDDEN,
                "ask for 127.0.0.1 or localhost: this page is for its own host\n",
            );
        }
        Judgement::Locked => {
            let mut locked =
                plain(StatusCode::UNAUTHORIZED, "a token is wanted: as a password, or as Bearer\n");
            let ask = HeaderValue::from_static("Basic realm=\"starttech-agent\", charset=\"UTF-8\"");
            locked.headers_mut().insert(header::WWW_AUTHENTICATE, ask);
            return locked;
        }
    }
    let wanted = Asked::read(request.uri().query().unwrap_or_default());
    let wanted = match (request.uri().path(), request.method()) {
        ("/", &Method::GET) => wanted.whole(),
        ("/changes", &Method::GET) => wanted,
        ("/" | "/changes", _) => {
            let mut refused = plain(StatusCode::METHOD_NOT_ALLOWED, "GET only\n");
            refused.headers_mut().insert(header::ALLOW, HeaderValue::from_static("GET"));
            return refused;
        }
        _ => return plain(StatusCode::NOT_FOUND, "there is /\n"),
    };
    let Some(page) = asker.ask(wanted).await else {
        let text = "the page could not be drawn: the journal says why\n";
        return plain(StatusCode::INTERNAL_SERVER_ERROR, text);
    };
    let mut response = respond(StatusCode::OK, "text/html; charset=utf-8", page.html);
    if let Ok(policy) = HeaderValue::from_str(&page.policy)
        && !page.policy.is_empty()
    {
        response.headers_mut().insert(header::CONTENT_SECURITY_POLICY, policy);
    }
    response
}

fn plain(status: StatusCode, text: &'static str) -> Response<Full<Bytes>> {
    respond(status, "text/plain; charset=utf-8", Bytes::from_static(text.as_bytes()))
}

fn respond(status: StatusCode, kind: &'static str, body: Bytes) -> Response<Full<Bytes>> {
    let mut response = Response::new(Full::new(body));
    *response.status_mut() = status;
    for (name, value) in [
        (header::CONTENT_TYPE, kind),
        (header::CACHE_CONTROL, "no-store"),
        // Of what has a policy of its own, that one stands in its place.
        (header::CONTENT_SECURITY_POLICY, "default-src 'none'; frame-ancestors 'none'"),
        (header::X_CONTENT_TYPE_OPTIONS, "nosniff"),
        (header::X_FRAME_OPTIONS, "DENY"),
        (header::REFERRER_POLICY, "no-referrer"),
        (HeaderName::from_static("cross-origin-resource-policy"), "same-origin"),
        (HeaderName::from_static("cross-origin-opener-policy"), "same-origin"),
    ] {
        response.headers_mut().insert(name, HeaderValue::from_static(value));
    }
    response
}

#[cfg(test)]
mod tests {
    use tokio::io::{AsyncReadExt, AsyncWriteExt};
    use tokio::net::TcpStream;
    use tokio::time::Instant;

    use super::super::desk;
    use super::super::sample::Sample;
    use super::*;

    const TOKEN: &str = "0123456789abcdef";

    /// Serves a page beside `ask`, which may also end who draws it.
    async fn beside<F: Future<Output = ()>>(
        token: Option<&str>,
        ask: impl FnOnce(SocketAddr, CancellationToken) -> F,
    ) {
        let sample = Sample::new();
        let (listener, guard) = bind(SocketAddr::from(([127, 0, 0, 1], 0)), token).await.unwrap();
        let address = listener.local_addr().unwrap();
        let (asker, desk) = desk::open(sample.of_directory());
        let (stop, no_desk) = (CancellationToken::new(), CancellationToken::new());
        tokio::join!(run(listener, guard, asker, stop.clone()), no_desk.run_until_cancelled(desk), async {
            ask(address, no_desk.clone()).await;
            stop.cancel();
        });
    }

    async fn talk(address: SocketAddr, request: &str) -> String {
        let mut stream = TcpStream::connect(address).await.unwrap();
        stream.write_all(request.as_bytes()).await.unwrap();
        let mut answer = Vec::new();
        stream.read_to_end(&mut answer).await.ok();
        String::from_utf8(answer).unwrap()
    }

    #[tokio::test]
    async fn the_page_is_told_to_its_host_and_nothing_else_to_anybody() {
        beside(None, async |address, no_desk| {
            let host = "Host: localhost\r\n";
            for (line, headers, status, body) in [
                ("GET / HTTP/1.1", host, "200", "<!DOCTYPE html>"),
                ("GET /?range=1h&q=%ff%00 HTTP/1.1", host, "200", "<!DOCTYPE html>"),
                ("GET / HTTP/1.0", host, "200", "<!DOCTYPE html>"),
                ("GET /changes HTTP/1.1", host, "200", "data-reload"),
                (
                    "GET /changes?since=x&found=-1&since=99999999999999999999 HTTP/1.1",
                    host,
                    "200",
                    "data-reload",
                ),
                ("GET / HTTP/1.1", "", "403", "ask for 127.0.0.1"),
                ("GET / HTTP/1.0", "", "403", "ask for 127.0.0.1"),
                ("GET / HTTP/1.1", "Host: evil.example\r\n", "403", "ask for 127.0.0.1"),
                ("GET http://localhost/ HTTP/1.1", "Host: evil.example\r\n", "403", "ask for 127.0.0.1"),
                ("GET / HTTP/1.1", "Host: \u{e9}\r\n", "403", "ask for 127.0.0.1"),
                (
                    "GET / HTTP/1.1",
                    "Host: localhost\r\nSec-Fetch-Site: cross-site\r\nSec-Fetch-Mode: no-cors\r\n",
                    "403",
                    "",
                ),
                ("HEAD / HTTP/1.1", host, "405", "allow: GET"),
                (
                    "POST /changes HTTP/1.1",
                    "Host: localhost\r\nContent-Length: 9999999\r\n",
                    "405",
                    "allow: GET",
                ),
                ("OPTIONS * HTTP/1.1", host, "404", "there is /"),
                ("GET /../etc/passwd HTTP/1.1", host, "404", "there is /"),
                ("GET //changes HTTP/1.1", host, "404", "there is /"),
                ("nonsense", host, "400", ""),
            ] {
                let answer = talk(address, &format!("{line}\r\n{headers}\r\n")).await;
                let is_fine = answer.split(' ').nth(1) == Some(status) && answer.contains(body);
                assert!(is_fine, "{line} {headers}: {answer}");
                if status != "400" {
                    for wanted in
                        ["cache-control: no-store", "content-security-policy: default-src 'none'", "nosniff"]
                    {
                        assert!(answer.contains(wanted), "{line}: no {wanted} in {answer}");
                    }
                }
            }
            let endless = format!("GET /?q={} HTTP/1.1\r\n{host}\r\n", "x".repeat(LIMITS.header_bytes));
            assert!(talk(address, &endless).await.starts_with("HTTP/1.1 4"));
            // Nobody draws any more.
            no_desk.cancel();
            let answer = talk(address, &format!("GET / HTTP/1.1\r\n{host}\r\n")).await;
            assert!(
                answer.starts_with("HTTP/1.1 500 ") && answer.contains("the journal says why"),
                "{answer}"
            );
        })
        .await;
    }

    #[tokio::test]
    async fn without_the_token_nothing_is_told() {
        beside(Some(TOKEN), async |address, _| {
            for (headers, status) in [
                (String::new(), "401"),
                ("Authorization: Bearer 0123456789abcdeF\r\n".to_owned(), "401"),
                (format!("Authorization: Bearer {TOKEN}\r\n"), "200"),
            ] {
                for path in ["/", "/changes"] {
                    let answer =
                        talk(address, &format!("GET {path} HTTP/1.1\r\nHost: localhost\r\n{headers}\r\n"))
                            .await;
                    assert!(answer.starts_with(&format!("HTTP/1.1 {status} ")), "{headers}: {answer}");
                    assert_eq!(answer.contains("www-authenticate: Basic"), status == "401", "{answer}");
                }
            }
        })
        .await;
    }

    #[tokio::test(start_paused = true)]
    async fn who_says_nothing_keeps_others_waiting_and_not_out() {
        beside(None, async |address, _| {
            let mut silent = Vec::new();
            for _ in 0..2 * LIMITS.connections {
                silent.push(TcpStream::connect(address).await.unwrap());
            }
            let begun = Instant::now();
            let answer = talk(address, "GET / HTTP/1.1\r\nHost: localhost\r\n\r\n").await;
            assert!(answer.starts_with("HTTP/1.1 200 OK\r\n"), "{answer}");
            assert_eq!(begun.elapsed().as_secs(), 2 * LIMITS.header.as_secs());
        })
        .await;
    }
}
