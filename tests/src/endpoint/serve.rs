//! The endpoint's only file that touches a socket: it listens, reads requests, and answers, late or
//! not at all where a fault says so.

use std::net::TcpListener as StdListener;
use std::sync::Arc;
use std::sync::mpsc::SyncSender;
use std::time::Duration;

use bytes::Bytes;
use hyper::body::Incoming;
use hyper::header::{CONTENT_TYPE, DATE, HeaderValue};
use hyper::http::request::Parts;
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper::{HeaderMap, Request, Response, StatusCode};
use hyper_util::rt::TokioIo;
use socket2::{SockRef, Socket};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::mpsc;
use tokio::task::JoinSet;

use crate::endpoint::control::{self, Wish};
use crate::endpoint::fault::Fault;
use crate::endpoint::imds::{self, Behaviour, Question};
use crate::endpoint::logs::{self, When};
use crate::endpoint::protocol::{Protocol, REQUEST_ID};
use crate::endpoint::refusal::Refusal;
use crate::endpoint::wire::{self, Cut, Reply};
use crate::endpoint::{Operation, Shared, clock, ec2, lock, metrics};
use crate::port::Port;

/// What the handle orders.
#[derive(Debug)]
pub(crate) enum Command {
    Refuse(SyncSender<()>),
    Accept(SyncSender<()>),
    RefuseFor(Duration),
    Stop,
}

/// Listens until told to stop.
pub(crate) fn run(
    port: &Port,
    listener: StdListener,
    shared: &Arc<Shared>,
    orders: mpsc::Receiver<Command>,
    commands: &mpsc::WeakSender<Command>,
) {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().expect("a runtime");
    runtime.block_on(accept(port, listener, shared, orders, commands));
}

async fn accept(
    port: &Port,
    listener: StdListener,
    shared: &Arc<Shared>,
    mut orders: mpsc::Receiver<Command>,
    commands: &mpsc::WeakSender<Command>,
) {
    let listen = |listener| TcpListener::from_std(listener).expect("a listener");
    let again = || listen(port.listen().expect("the port is ours"));
    let mut listener = Some(listen(listener));
    let mut connections = JoinSet::new();
    loop {
        let accepted = async {
            match &listener {
                Some(listener) => listener.accept().await,
                None => std::future::pending().await,
            }
        };
        tokio::select! {
            accepted = accepted => {
                if let Ok((stream, _)) = accepted {
                    lock(&shared.store).totals.connections += 1;
                    connections.spawn(converse(stream, Arc::clone(shared), commands.clone()));
                }
            }
            Some(_) = connections.join_next() => {}
            order = orders.recv() => match order {
                Some(Command::Refuse(done)) => {
                    listener = None;
                    connections.shutdown().await;
                    let _ = done.send(());
                }
                Some(Command::Accept(done)) => {
                    listener.get_or_insert_with(again);
                    let _ = done.send(());
                }
                Some(Command::RefuseFor(time)) => {
                    drop(listener.take());
                    connections.shutdown().await;
                    tokio::time::sleep(time).await;
                    listener = Some(again());
                }
                Some(Command::Stop) | None => return,
            },
        }
    }
}

async fn converse(stream: TcpStream, shared: Arc<Shared>, commands: mpsc::WeakSender<Command>) {
    let _ = stream.set_nodelay(true);
    // The second handle stays with us while hyper owns the first: a reset is asked for through it.
    let Ok(twin) = SockRef::from(&stream).try_clone() else { return };
    let talk = Talk { shared, commands, twin };
    let service = service_fn(|request| talk.answer(request));
    // Ends with an error when a fault cuts it or the client goes away; neither is news.
    let _ = http1::Builder::new().serve_connection(TokioIo::new(stream), service).await;
}

/// One connection's side of the conversation.
struct Talk {
    shared: Arc<Shared>,
    commands: mpsc::WeakSender<Command>,
    twin: Socket,
}

/// An answer before it becomes HTTP.
struct Answer {
    status: u16,
    kind: &'static str,
    body: Bytes,
    /// Further headers.
    more: Vec<(&'static str, String)>,
}

impl Talk {
    async fn answer(&self, request: Request<Incoming>) -> Result<Response<Reply>, Cut> {
        let (head, body) = request.into_parts();
        let body = wire::body(body).await?;
        let path = head.uri.path();
        if path.starts_with("/latest/") {
            return self.metadata(head.method.as_str(), path, &head.headers).await;
        }
        if path.starts_with("/_") {
            return Ok(self.control(path, &body));
        }
        self.service(&head, &body).await
    }

    async fn service(&self, head: &Parts, body: &[u8]) -> Result<Response<Reply>, Cut> {
        let shared = &self.shared;
        let wanted = wire::wanted(head, body);
        let protocol = wanted.protocol;
        let refused = |refusal: Refusal, retry_after: Option<u32>, is_fault| {
            lock(&shared.store).note_refusal(&wanted.target, &refusal, is_fault);
            let told = protocol.tell(&refusal);
            let mut more = headers_of(protocol);
            if let Some(code) = told.query_error.filter(|_| head.headers.contains_key("x-amzn-query-mode")) {
                more.push(("x-amzn-query-error", code));
            }
            more.extend(retry_after.map(|seconds| ("retry-after", seconds.to_string())));
            self.respond(Answer { status: told.status, kind: protocol.kind(), body: told.body, more })
        };
        let operation = match wire::operation(head, &wanted, shared.clock.now_ms()) {
            Ok(operation) => operation,
            Err(refusal) => return Ok(refused(refusal, None, false)),
        };
        lock(&shared.store).count_call(operation, body.len());
        // Before the fault is known, so that no clearing falls between the two.
        let mut cleared = shared.cleared.subscribe();
        let fault = lock(&shared.faults).take(operation);
        if let Some(fault) = &fault {
            if let Some(refusal) = fault.refusal(operation) {
                return Ok(refused(refusal, fault.retry_after(), true));
            }
            match fault {
                Fault::Hang => {
                    let _ = cleared.changed().await;
                    return Err(Cut);
                }
                Fault::Swallow => std::future::pending().await,
                Fault::Slow { ms } => tokio::time::sleep(Duration::from_millis(*ms)).await,
                Fault::Reset => {
                    let _ = self.twin.set_linger(Some(Duration::ZERO));
                    return Ok(Response::new(Reply::broken(r#"{"nextSequenceToken":"1"}"#)));
                }
                _ => {}
            }
        }
        let when = When { now_ms: shared.clock.now_ms(), machine_ns: clock::machine_ns() };
        let result = wire::inflated(&head.headers, body).and_then(|body| {
            let fault = fault.as_ref();
            match operation {
                Operation::PutMetricData => metrics::put(&mut lock(&shared.store), &body, when, fault)
                    .map(|()| Bytes::from_static(metrics::NOTHING)),
                Operation::DescribeTags => {
                    ec2::describe_tags(&lock(&shared.instance), &wanted.parameters).map(Bytes::from)
                }
                _ => logs::perform(&mut lock(&shared.store), operation, &body, when, fault).map(Bytes::from),
            }
        });
        match &fault {
            Some(Fault::StoreThenDrop) => return Err(Cut),
            Some(Fault::SlowAnswer { ms }) => tokio::time::sleep(Duration::from_millis(*ms)).await,
            _ => {}
        }
        Ok(match result {
            Ok(body) => {
                let (kind, more) = (protocol.kind(), headers_of(protocol));
                self.respond(Answer { status: 200, kind, body, more })
            }
            Err(refusal) => {
                let is_fault = fault.is_some_and(|fault| fault.made(&refusal));
                refused(refusal, None, is_fault)
            }
        })
    }

    async fn metadata(&self, method: &str, path: &str, headers: &HeaderMap) -> Result<Response<Reply>, Cut> {
        let shared = &self.shared;
        let behaviour = lock(&shared.instance).behaviour;
        match behaviour {
            Behaviour::Slow(ms) => tokio::time::sleep(Duration::from_millis(ms)).await,
            Behaviour::Absent => return Err(Cut),
            Behaviour::FarAway if method == "PUT" => std::future::pending().await,
            Behaviour::Answers | Behaviour::FarAway => {}
        }
        let text = |name: &str| headers.get(name).and_then(|value| value.to_str().ok());
        let question = Question {
            method,
            path,
            token: text("x-aws-ec2-metadata-token"),
            ttl: text("x-aws-ec2-metadata-token-ttl-seconds"),
            is_forwarded: headers.contains_key("x-forwarded-for"),
        };
        let told = imds::answer(&lock(&shared.instance), &question, shared.clock.now_ms());
        let (status, body) = match told {
            imds::Reply::Token(token) => {
                lock(&shared.store).totals.imds_tokens += 1;
                (200, token.to_owned())
            }
            imds::Reply::Found(body) => (200, body),
            imds::Reply::Refused(status) => (status, String::new()),
            imds::Reply::Version1 => {
                lock(&shared.store).totals.imds_v1_attempts += 1;
                (401, String::new())
            }
        };
        let ttl = "x-aws-ec2-metadata-token-ttl-seconds";
        let more = text(ttl).map(|seconds| (ttl, seconds.to_owned())).into_iter().collect();
        Ok(self.respond(Answer { status, kind: "text/plain", body: body.into(), more }))
    }

    fn control(&self, path: &str, body: &[u8]) -> Response<Reply> {
        let (status, body) = match control::answer(&self.shared, path, body) {
            Err(mistake) => (400, mistake),
            Ok((body, Wish::Nothing)) => (200, body),
            Ok((body, Wish::RefuseFor(time))) => {
                let sent = self.commands.upgrade().map(|to| to.try_send(Command::RefuseFor(time)));
                (if matches!(sent, Some(Ok(()))) { 200 } else { 503 }, body)
            }
        };
        self.respond(Answer { status, kind: "application/json", body: body.into(), more: Vec::new() })
    }

    fn respond(&self, answer: Answer) -> Response<Reply> {
        let mut response = Response::new(Reply::whole(answer.body));
        *response.status_mut() = StatusCode::from_u16(answer.status).expect("a status");
        let headers = response.headers_mut();
        headers.insert(CONTENT_TYPE, HeaderValue::from_static(answer.kind));
        headers.insert("x-amzn-requestid", HeaderValue::from_static(REQUEST_ID));
        headers.insert(DATE, self.shared.clock.date().parse().expect("a date is ASCII"));
        for (name, value) in answer.more {
            headers.insert(name, value.parse().expect("a header's value"));
        }
        response
    }
}

/// What every answer of a protocol carries.
fn headers_of(protocol: Protocol) -> Vec<(&'static str, String)> {
    match protocol {
        Protocol::Cbor => vec![("smithy-protocol", String::from("rpc-v2-cbor"))],
        _ => Vec::new(),
    }
}
