//! The role's only file that touches a socket: it listens, reads, judges, hands on.

use std::net::{SocketAddr, TcpListener as StdListener};
use std::sync::{Arc, Mutex};
use std::time::Instant;

use bytes::Bytes;
use http_body_util::{BodyExt, Full};
use hyper::body::Incoming;
use hyper::header::{CONTENT_TYPE, HeaderValue};
use hyper::http::request::Parts;
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper::{Request, Response, StatusCode, Uri};
use hyper_util::client::legacy::Client;
use hyper_util::client::legacy::connect::HttpConnector;
use hyper_util::rt::{TokioExecutor, TokioIo};
use tokio::net::TcpListener;
use tokio::sync::{Mutex as Turn, oneshot};
use tokio::task::JoinSet;

use crate::endpoint::protocol::{Protocol, escaped};
use crate::endpoint::refusal::Refusal;
use crate::endpoint::wire::{self, Cut};
use crate::role::request::Asked;
use crate::role::stand_in::{Answer, StandIn};
use crate::role::{ACCOUNT, State, Trouble, locked};

/// Answers until told to stop.
pub(crate) fn run(
    listener: StdListener,
    behind: SocketAddr,
    state: &Arc<Mutex<State>>,
    mut stopped: oneshot::Receiver<()>,
) {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().expect("a runtime");
    runtime.block_on(async {
        let listener = TcpListener::from_std(listener).expect("a listener");
        let client = Client::builder(TokioExecutor::new()).build_http();
        let turn = Arc::new(Turn::new(()));
        let mut connections = JoinSet::new();
        loop {
            tokio::select! {
                accepted = listener.accept() => if let Ok((stream, _)) = accepted {
                    let _ = stream.set_nodelay(true);
                    let (state, turn) = (Arc::clone(state), Arc::clone(&turn));
                    let gate = Gate { state, client: client.clone(), behind, turn };
                    connections.spawn(async move {
                        let service = service_fn(|request| gate.answer(request));
                        // Ends with an error where the client goes away; that is no news.
                        let _ = http1::Builder::new().serve_connection(TokioIo::new(stream), service).await;
                    });
                },
                Some(_) = connections.join_next() => {}
                _ = &mut stopped => return,
            }
        }
    });
}

struct Gate {
    state: Arc<Mutex<State>>,
    client: Client<HttpConnector, Full<Bytes>>,
    behind: SocketAddr,
    /// One call at a time is handed on. The emulator looks whether a thing is there and then makes it, without
    /// a lock: of two that subscribe the same address at once it may make two, which SNS never does.
    turn: Arc<Turn<()>>,
}

type Reply = Response<Full<Bytes>>;

impl Gate {
    async fn answer(&self, request: Request<Incoming>) -> Result<Reply, Cut> {
        let (head, body) = request.into_parts();
        let body = wire::body(body).await?;
        let Some(asked) = Asked::read(&head, &body) else { return self.hand_on(head, body).await };
        let action = asked.action();
        if let Some(refusal) = self.judge(&asked, &action) {
            return Ok(refused(&asked, &refusal));
        }
        let trouble = self.trouble(&action);
        let lost = matches!(trouble, Some(Trouble::Lost));
        match trouble {
            Some(Trouble::Cut) => return Err(Cut),
            Some(Trouble::Slow(delay)) => tokio::time::sleep(delay).await,
            Some(Trouble::Error(status, code)) => {
                return Ok(refused(&asked, &Refusal { code, status, message: String::from("on demand") }));
            }
            Some(Trouble::Lost) | None => {}
        }
        let answer = self.carry_out(&asked, head, body).await;
        if lost { Err(Cut) } else { answer }
    }

    async fn carry_out(&self, asked: &Asked, head: Parts, body: Vec<u8>) -> Result<Reply, Cut> {
        let instead = locked(&self.state).stand_in.answer(asked);
        match instead {
            Some(Answer::Refused(refusal)) => Ok(refused(asked, &refusal)),
            Some(Answer::Done(body)) => Ok(reply(200, asked.protocol, body.into())),
            None => {
                let answer = self.hand_on(head, StandIn::rephrase(asked, body)).await?;
                let (mut head, body) = answer.into_parts();
                if head.status.is_success() {
                    let body = body.collect().await.map_err(|_| Cut)?.to_bytes().to_vec();
                    let body = locked(&self.state).stand_in.amend(asked, body);
                    head.headers.remove("content-length");
                    return Ok(Response::from_parts(head, Full::new(body.into())));
                }
                if let Some(refusal) = StandIn::correct(asked, head.status.as_u16()) {
                    return Ok(refused(asked, &refusal));
                }
                Ok(Response::from_parts(head, body))
            }
        }
    }

    /// Counts the call, and says why it may not be.
    fn judge(&self, asked: &Asked, action: &str) -> Option<Refusal> {
        let mut state = locked(&self.state);
        let within = state.calls.note(action, Instant::now());
        if state.quotas && !within {
            state.calls.note_throttled(action);
            return Some(Refusal::client("ThrottlingException", "Rate exceeded"));
        }
        let (needs, context) = (asked.needs(), asked.context());
        state.asked.extend(needs.iter().cloned());
        let policy = state.policy.clone()?;
        let lacking = |(action, resource): &&(String, String)| !policy.allows(action, resource, &context);
        let (action, resource) = needs.iter().find(lacking)?;
        state.denied.insert((action.clone(), resource.clone()));
        // SNS writes itself in capitals; what has no resource is refused without one.
        let action = action.replace("sns:", "SNS:");
        let on = if resource == "*" { String::new() } else { format!(" on resource: {resource}") };
        Some(Refusal::client(
            "AccessDeniedException",
            format!(
                "User: arn:aws:sts::{ACCOUNT}:assumed-role/starttech-host/i-0123456789abcdef0 is not authorized to \
                 perform: {action}{on} because no identity-based policy allows the {action} action"
            ),
        ))
    }

    fn trouble(&self, action: &str) -> Option<Trouble> {
        let mut state = locked(&self.state);
        let (trouble, times) = state.troubles.get_mut(action)?;
        let trouble = trouble.clone();
        *times -= 1;
        if *times == 0 {
            state.troubles.remove(action);
        }
        Some(trouble)
    }

    async fn hand_on(&self, mut head: Parts, body: Vec<u8>) -> Result<Reply, Cut> {
        head.headers.remove("content-length");
        let path = head.uri.path_and_query().map_or("/", |path| path.as_str());
        head.uri = format!("http://{}{path}", self.behind).parse::<Uri>().map_err(|_| Cut)?;
        let _turn = self.turn.lock().await;
        let request = Request::from_parts(head, Full::new(Bytes::from(body)));
        let answer = self.client.request(request).await.map_err(|_| Cut)?;
        let (mut head, body) = answer.into_parts();
        let body = body.collect().await.map_err(|_| Cut)?.to_bytes();
        for hop in ["connection", "transfer-encoding", "content-length"] {
            head.headers.remove(hop);
        }
        Ok(Response::from_parts(head, Full::new(body)))
    }
}

fn reply(status: u16, protocol: Protocol, body: Bytes) -> Reply {
    let mut reply = Response::new(Full::new(body));
    *reply.status_mut() = StatusCode::from_u16(status).expect("a status");
    reply.headers_mut().insert(CONTENT_TYPE, HeaderValue::from_static(protocol.kind()));
    if protocol == Protocol::Cbor {
        reply.headers_mut().insert("smithy-protocol", HeaderValue::from_static("rpc-v2-cbor"));
    }
    reply
}

/// A refusal, in the words of the service that was asked.
fn refused(asked: &Asked, refusal: &Refusal) -> Reply {
    if asked.protocol == Protocol::Query {
        let (code, status) = query_code(refusal);
        let body = format!(
            "<ErrorResponse xmlns=\"http://sns.amazonaws.com/doc/2010-03-31/\"><Error><Type>Sender</Type>\
             <Code>{code}</Code><Message>{}</Message></Error></ErrorResponse>",
            escaped(&refusal.message)
        );
        return reply(status, asked.protocol, body.into());
    }
    let told = asked.protocol.tell(refusal);
    let mut reply = reply(told.status, asked.protocol, told.body);
    if let Some(code) = told.query_error {
        reply.headers_mut().insert("x-amzn-query-error", code.parse().expect("a header's value"));
    }
    reply
}

/// The names of SNS's errors.
/// <https://docs.aws.amazon.com/sns/latest/api/CommonErrors.html>
fn query_code(refusal: &Refusal) -> (&'static str, u16) {
    match refusal.code {
        "AccessDeniedException" => ("AuthorizationError", 403),
        "ThrottlingException" => ("Throttling", 400),
        code => (code, refusal.status),
    }
}
