//! HTTP/1 for the few who ask this process: the connections of a socket, one request each.
//!
//! A few connections at a time, none for long, so that whoever connects can neither fill the memory nor keep others
//! out for ever. What is asked and answered is not known here.

use std::convert::Infallible;
use std::io;
use std::time::Duration;

use bytes::Bytes;
use http_body_util::Full;
use hyper::body::Incoming;
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper::{Request, Response};
use hyper_util::rt::{TokioIo, TokioTimer};
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::{TcpListener, TcpStream, UnixListener, UnixStream};
use tokio::task::JoinSet;
use tokio::time::{sleep, timeout};
use tokio_util::sync::CancellationToken;

/// Nothing can be accepted, for want of file descriptors: trying again at once would keep a processor busy.
const PAUSE: Duration = Duration::from_secs(1);

/// What one who connects may take.
#[derive(Debug, Clone, Copy)]
pub struct Limits {
    /// Connections at a time; more wait.
    pub connections: usize,
    /// Until a request's header is there.
    pub header: Duration,
    /// Until the answer is taken, all in all.
    pub connection: Duration,
    /// A longer header is refused. Hyper takes 8192 at least.
    pub header_bytes: usize,
}

/// Where connections come from.
pub trait Listener {
    /// A connection.
    type Stream: AsyncRead + AsyncWrite + Unpin + Send + 'static;

    /// The next one.
    fn next(&self) -> impl Future<Output = io::Result<Self::Stream>> + Send;
}

impl Listener for TcpListener {
    type Stream = TcpStream;

    async fn next(&self) -> io::Result<TcpStream> {
        Ok(self.accept().await?.0)
    }
}

impl Listener for UnixListener {
    type Stream = UnixStream;

    async fn next(&self) -> io::Result<UnixStream> {
        Ok(self.accept().await?.0)
    }
}

/// Has each connection answered by what `of` gives for it, until `stop`. Connections that are open then are closed.
pub async fn serve<L: Listener, A, F>(
    listener: &L,
    limits: Limits,
    of: impl Fn(&L::Stream) -> A,
    stop: CancellationToken,
) where
    A: Fn(Request<Incoming>) -> F + Send + 'static,
    F: Future<Output = Response<Full<Bytes>>> + Send + 'static,
{
    let mut connections = JoinSet::new();
    loop {
        tokio::select! {
            () = stop.cancelled() => return,
            Some(_) = connections.join_next() => {}
            next = listener.next(), if connections.len() < limits.connections => match next {
                Ok(stream) => {
                    let answer = of(&stream);
                    connections.spawn(connection(stream, limits, answer));
                }
                Err(error) => {
                    log::debug!("no connection is accepted: {error}");
                    tokio::select! {
                        () = stop.cancelled() => return,
                        () = sleep(PAUSE) => {}
                    }
                }
            },
        }
    }
}

/// One request and its answer. What becomes of it is the affair of who asked.
async fn connection<S, A, F>(stream: S, limits: Limits, answer: A)
where
    S: AsyncRead + AsyncWrite + Unpin + Send,
    A: Fn(Request<Incoming>) -> F,
    F: Future<Output = Response<Full<Bytes>>>,
{
    let service = service_fn(move |request| {
        let answered = answer(request);
        async { Ok::<_, Infallible>(answered.await) }
    });
    let mut server = http1::Builder::new();
    server.timer(TokioTimer::new()).header_read_timeout(limits.header);
    server.keep_alive(false).max_buf_size(limits.header_bytes);
    timeout(limits.connection, server.serve_connection(TokioIo::new(stream), service)).await.ok();
}
