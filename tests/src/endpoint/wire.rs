//! From HTTP to a body to read, and back: what the endpoint makes of bytes before it knows the
//! operation, and answers that break off.

use std::borrow::Cow;
use std::io::Read;
use std::pin::Pin;
use std::task::{Context, Poll};

use bytes::Bytes;
use flate2::read::GzDecoder;
use http_body_util::BodyExt;
use hyper::HeaderMap;
use hyper::body::{Body, Frame, Incoming, SizeHint};
use hyper::header::CONTENT_ENCODING;
use hyper::http::request::Parts;

use crate::endpoint::protocol::Protocol;
use crate::endpoint::refusal::Refusal;
use crate::endpoint::{Operation, sign};

/// A batch at its limit, every character written as `\\u00XX`, takes 6 MiB.
const LONGEST_BODY: usize = 16 * 1_048_576;

/// The end of a connection instead of an answer.
#[derive(Debug)]
pub(crate) struct Cut;

impl std::fmt::Display for Cut {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter.write_str("the connection ends here on purpose")
    }
}

impl std::error::Error for Cut {}

/// An answer's body, which may break off in the middle.
#[derive(Debug)]
pub(crate) struct Reply {
    rest: Bytes,
    breaks: bool,
    polls: u8,
}

impl Reply {
    /// A body that arrives whole.
    pub(crate) fn whole(body: Bytes) -> Self {
        Self { rest: body, breaks: false, polls: 0 }
    }

    /// A body of which half arrives.
    pub(crate) fn broken(body: &'static str) -> Self {
        Self { rest: Bytes::from_static(body.as_bytes()), breaks: true, polls: 0 }
    }
}

impl Body for Reply {
    type Data = Bytes;
    type Error = Cut;

    fn poll_frame(
        self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, Cut>>> {
        let reply = self.get_mut();
        reply.polls += 1;
        match (reply.breaks, reply.polls) {
            (false, _) if reply.rest.is_empty() => Poll::Ready(None),
            (false, _) => Poll::Ready(Some(Ok(Frame::data(std::mem::take(&mut reply.rest))))),
            (true, 1) => Poll::Ready(Some(Ok(Frame::data(reply.rest.split_to(reply.rest.len() / 2))))),
            // A pause, in which the first half is written out.
            (true, 2) => {
                context.waker().wake_by_ref();
                Poll::Pending
            }
            (true, _) => Poll::Ready(Some(Err(Cut))),
        }
    }

    fn is_end_stream(&self) -> bool {
        !self.breaks && self.rest.is_empty()
    }

    fn size_hint(&self) -> SizeHint {
        SizeHint::with_exact(self.rest.len() as u64)
    }
}

/// Reads a request's body; a client that goes away or never ends is cut.
pub(crate) async fn body(mut body: Incoming) -> Result<Vec<u8>, Cut> {
    let expected = body.size_hint().exact().unwrap_or(0);
    let mut bytes = Vec::with_capacity(usize::try_from(expected).map_err(|_| Cut)?.min(LONGEST_BODY));
    while let Some(frame) = body.frame().await {
        if let Ok(data) = frame.map_err(|_| Cut)?.into_data() {
            bytes.extend_from_slice(&data);
        }
        if bytes.len() > LONGEST_BODY {
            return Err(Cut);
        }
    }
    Ok(bytes)
}

/// What a request wants, before any of it is checked.
#[derive(Debug)]
pub(crate) struct Wanted {
    pub(crate) protocol: Protocol,
    /// The operation as the client names it.
    pub(crate) target: String,
    /// Of the query protocol.
    pub(crate) parameters: Vec<(String, String)>,
}

/// Where the request's protocol has it.
pub(crate) fn wanted(head: &Parts, body: &[u8]) -> Wanted {
    let protocol = Protocol::of(head);
    let mut parameters = Vec::new();
    let target = match protocol {
        Protocol::Json => {
            let header = head.headers.get("x-amz-target").and_then(|target| target.to_str().ok());
            header.unwrap_or_default().to_owned()
        }
        Protocol::Cbor => head.uri.path().to_owned(),
        Protocol::Query => {
            let query = head.uri.query().unwrap_or_default().as_bytes();
            let all = form_urlencoded::parse(query).chain(form_urlencoded::parse(body));
            parameters = all.map(|(name, value)| (name.into_owned(), value.into_owned())).collect();
            let action = parameters.iter().find(|(name, _)| name == "Action");
            action.map(|(_, action)| action.clone()).unwrap_or_default()
        }
    };
    Wanted { protocol, target, parameters }
}

/// The operation of a request that the service would look into.
pub(crate) fn operation(head: &Parts, wanted: &Wanted, now_ms: i64) -> Result<Operation, Refusal> {
    let target = &wanted.target;
    let operation = Operation::of(wanted.protocol, target)
        .ok_or_else(|| Refusal::client("UnknownOperationException", format!("no operation {target}")))?;
    wanted.protocol.check(head)?;
    sign::check(&head.headers, operation.service(), now_ms)?;
    Ok(operation)
}

/// The body in the clear.
pub(crate) fn inflated<'b>(headers: &HeaderMap, body: &'b [u8]) -> Result<Cow<'b, [u8]>, Refusal> {
    let mut plain = Vec::new();
    match headers.get(CONTENT_ENCODING).map(hyper::header::HeaderValue::as_bytes) {
        None => return Ok(Cow::Borrowed(body)),
        Some(b"gzip") => {}
        Some(_) => return Err(Refusal::client("SerializationException", "unknown Content-Encoding")),
    }
    let limit = LONGEST_BODY as u64;
    match GzDecoder::new(body).take(limit).read_to_end(&mut plain) {
        Ok(_) => Ok(Cow::Owned(plain)),
        Err(error) => Err(Refusal::client("SerializationException", error.to_string())),
    }
}
