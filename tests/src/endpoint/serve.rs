//! The endpoint's only file that touches a socket: it listens, reads requests, and answers, late or
//! not at all where a fault says so.

use std::net::TcpListener as StdListener;
use std::sync::Arc;
use std::sync::mpsc::SyncSender;
use std::time::Duration;

use hyper::body::Incoming;
use hyper::header::{CONTENT_TYPE, DATE, HeaderValue, RETRY_AFTER};
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
use crate::endpoint::refusal::Refusal;
use crate::endpoint::wire::{self, Cut, Reply};
use crate::endpoint::{Shared, clock, lock};
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
    body: String,
    retry_after: Option<u32>,
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
        self.logs(&head.headers, &body).await
    }

    async fn logs(&self, headers: &HeaderMap, body: &[u8]) -> Result<Response<Reply>, Cut> {
        let shared = &self.shared;
        let target = headers.get("x-amz-target").and_then(|target| target.to_str().ok()).unwrap_or_default();
        let refused = |refusal: Refusal, retry_after, is_fault| {
            lock(&shared.store).note_refusal(target, &refusal, is_fault);
            let body = serde_json::json!({ "__type": refusal.code, "message": refusal.message });
            let kind = "application/x-amz-json-1.1";
            Answer { status: refusal.status, kind, body: body.to_string(), retry_after }
        };
        lock(&shared.store).totals.wire_bytes += body.len() as u64;
        let operation = match wire::operation(headers, target, shared.clock.now_ms()) {
            Ok(operation) => operation,
            Err(refusal) => return Ok(self.respond(refused(refusal, None, false))),
        };
        lock(&shared.store).count_call(operation);
        // Before the fault is known, so that no clearing falls between the two.
        let mut cleared = shared.cleared.subscribe();
        let fault = lock(&shared.faults).take(operation);
        if let Some(fault) = &fault {
            if let Some(refusal) = fault.refusal(operation) {
                return Ok(self.respond(refused(refusal, fault.retry_after(), true)));
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
        let result = match wire::inflated(headers, body) {
            Ok(None) => logs::perform(&mut lock(&shared.store), operation, body, when, fault.as_ref()),
            Ok(Some(body)) => logs::perform(&mut lock(&shared.store), operation, &body, when, fault.as_ref()),
            Err(refusal) => Err(refusal),
        };
        match &fault {
            Some(Fault::StoreThenDrop) => return Err(Cut),
            Some(Fault::SlowAnswer { ms }) => tokio::time::sleep(Duration::from_millis(*ms)).await,
            _ => {}
        }
        Ok(self.respond(match result {
            Ok(body) => Answer { status: 200, kind: "application/x-amz-json-1.1", body, retry_after: None },
            Err(refusal) => {
                let is_fault = fault.is_some_and(|fault| fault.made(&refusal));
                refused(refusal, None, is_fault)
            }
        }))
    }

    async fn metadata(&self, method: &str, path: &str, headers: &HeaderMap) -> Result<Response<Reply>, Cut> {
        let shared = &self.shared;
        let behaviour = lock(&shared.instance).behaviour;
        match behaviour {
            Behaviour::Answers => {}
            Behaviour::Slow(ms) => tokio::time::sleep(Duration::from_millis(ms)).await,
            Behaviour::Absent => return Err(Cut),
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
        let mut response = self.respond(Answer { status, kind: "text/plain", body, retry_after: None });
        if let Some(ttl) = headers.get("x-aws-ec2-metadata-token-ttl-seconds") {
            response.headers_mut().insert("x-aws-ec2-metadata-token-ttl-seconds", ttl.clone());
        }
        Ok(response)
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
        self.respond(Answer { status, kind: "application/json", body, retry_after: None })
    }

    fn respond(&self, answer: Answer) -> Response<Reply> {
        let mut response = Response::new(Reply::whole(answer.body));
        *response.status_mut() = StatusCode::from_u16(answer.status).expect("a status");
        let headers = response.headers_mut();
        headers.insert(CONTENT_TYPE, HeaderValue::from_static(answer.kind));
        headers.insert("x-amzn-requestid", HeaderValue::from_static("00000000-0000-4000-8000-000000000000"));
        headers.insert(DATE, self.shared.clock.date().parse().expect("a date is ASCII"));
        if let Some(seconds) = answer.retry_after {
            headers.insert(RETRY_AFTER, seconds.into());
        }
        response
    }
}
