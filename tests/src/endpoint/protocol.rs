//! The three ways AWS services speak: JSON 1.1 (Logs), rpc-v2-cbor (CloudWatch) and query (EC2).
//!
//! They differ in where the operation stands and in how an error is told; what an error means is not
//! known here.

use bytes::Bytes;
use hyper::header::CONTENT_TYPE;
use hyper::http::request::Parts;

use crate::endpoint::refusal::Refusal;

/// How a service speaks.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Protocol {
    Json,
    Cbor,
    Query,
}

/// A refusal as it goes over the wire.
#[derive(Debug)]
pub(crate) struct Told {
    pub(crate) status: u16,
    pub(crate) body: Bytes,
    /// The value of `x-amzn-query-error`, which clients that ask for it believe before the body.
    pub(crate) query_error: Option<String>,
}

impl Protocol {
    /// The one in which a request is made.
    pub(crate) fn of(head: &Parts) -> Self {
        let kind = head.headers.get(CONTENT_TYPE).and_then(|kind| kind.to_str().ok()).unwrap_or_default();
        match head.uri.path() {
            path if path.starts_with("/service/") => Self::Cbor,
            _ if kind.starts_with("application/x-www-form-urlencoded") => Self::Query,
            _ if head.uri.query().is_some() => Self::Query,
            _ => Self::Json,
        }
    }

    /// The `Content-Type` of its answers.
    pub(crate) fn kind(self) -> &'static str {
        match self {
            Self::Json => "application/x-amz-json-1.1",
            Self::Cbor => "application/cbor",
            Self::Query => "text/xml;charset=UTF-8",
        }
    }

    /// Refuses a request whose headers are not those of the protocol.
    pub(crate) fn check(self, head: &Parts) -> Result<(), Refusal> {
        let is = |name: &str, value: &str| head.headers.get(name).is_some_and(|given| given == value);
        match self {
            Self::Json if !is("content-type", self.kind()) => {
                Err(Refusal::client("SerializationException", "Content-Type is not JSON 1.1"))
            }
            Self::Cbor if !is("content-type", self.kind()) || !is("smithy-protocol", "rpc-v2-cbor") => {
                Err(Refusal::client("SerializationException", "the request is not rpc-v2-cbor"))
            }
            _ => Ok(()),
        }
    }

    /// A refusal in this protocol's form, status and names.
    pub(crate) fn tell(self, refusal: &Refusal) -> Told {
        let message = refusal.message.as_str();
        match self {
            Self::Json => {
                let body = serde_json::json!({ "__type": refusal.code, "message": message });
                Told { status: refusal.status, body: body.to_string().into(), query_error: None }
            }
            Self::Cbor => {
                let (code, status) = cloudwatch_query_code(refusal);
                let shape = format!("com.amazonaws.cloudwatch#{}", refusal.code);
                let mut body = Vec::new();
                let members = serde_json::json!({ "__type": shape, "message": message });
                ciborium::into_writer(&members, &mut body).expect("a vector takes everything");
                let whose = if status < 500 { "Sender" } else { "Receiver" };
                Told { status, body: body.into(), query_error: Some(format!("{code};{whose}")) }
            }
            Self::Query => {
                let (code, status) = ec2_code(refusal);
                let body = format!(
                    "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n<Response><Errors><Error><Code>{code}</Code>\
                     <Message>{}</Message></Error></Errors><RequestID>{REQUEST_ID}</RequestID></Response>",
                    escaped(message)
                );
                Told { status, body: body.into(), query_error: None }
            }
        }
    }
}

/// The same for every request: nobody tells two apart.
pub(crate) const REQUEST_ID: &str = "00000000-0000-4000-8000-000000000000";

/// The names that CloudWatch's errors had in the query protocol, of which the SDKs still speak, and
/// their statuses there.
/// <https://docs.aws.amazon.com/AmazonCloudWatch/latest/APIReference/CommonErrors.html>
fn cloudwatch_query_code(refusal: &Refusal) -> (&'static str, u16) {
    match refusal.code {
        "InvalidParameterValueException" => ("InvalidParameterValue", 400),
        "InvalidParameterCombinationException" => ("InvalidParameterCombination", 400),
        "MissingRequiredParameterException" => ("MissingParameter", 400),
        "InternalServiceFault" => ("InternalServiceError", 500),
        "LimitExceededException" => ("LimitExceeded", 400),
        "ThrottlingException" => ("Throttling", 400),
        "AccessDeniedException" => ("AccessDenied", 403),
        "DashboardNotFoundError" => ("ResourceNotFound", 404),
        "ExpiredTokenException" => ("ExpiredToken", 403),
        "InvalidSignatureException" => ("SignatureDoesNotMatch", 403),
        "MissingAuthenticationTokenException" => ("MissingAuthenticationToken", 403),
        "IncompleteSignatureException" => ("IncompleteSignature", 400),
        "ServiceUnavailableException" => ("ServiceUnavailable", 503),
        code => (code, refusal.status),
    }
}

/// The names of EC2's errors and their statuses.
/// <https://docs.aws.amazon.com/AWSEC2/latest/APIReference/errors-overview.html>
fn ec2_code(refusal: &Refusal) -> (&'static str, u16) {
    match refusal.code {
        "AccessDeniedException" => ("UnauthorizedOperation", 403),
        "ThrottlingException" => ("RequestLimitExceeded", 503),
        "ExpiredTokenException" => ("RequestExpired", 400),
        "InvalidSignatureException"
        | "IncompleteSignatureException"
        | "MissingAuthenticationTokenException" => ("AuthFailure", 401),
        "ServiceUnavailableException" => ("Unavailable", 503),
        "InternalFailure" => ("InternalError", 500),
        "UnknownOperationException" => ("InvalidAction", 400),
        code => (code, refusal.status),
    }
}

/// A text inside an XML element.
pub(crate) fn escaped(text: &str) -> String {
    text.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;")
}

#[cfg(test)]
mod tests {
    use super::*;
    use ciborium::Value;

    #[test]
    fn a_refusal_is_told_to_each_in_its_own_words() {
        let refusal = Refusal::client("AccessDeniedException", "not <you>");
        let json = Protocol::Json.tell(&refusal);
        assert_eq!(json.body, r#"{"__type":"AccessDeniedException","message":"not <you>"}"#);
        let cbor = Protocol::Cbor.tell(&refusal);
        let body: Value = ciborium::from_reader(&cbor.body[..]).unwrap();
        let shape = Value::Text("com.amazonaws.cloudwatch#AccessDeniedException".into());
        assert!(body.into_map().unwrap().contains(&("__type".into(), shape)));
        assert_eq!((cbor.status, cbor.query_error.as_deref()), (403, Some("AccessDenied;Sender")));
        let xml = Protocol::Query.tell(&refusal);
        let body = String::from_utf8(xml.body.to_vec()).unwrap();
        assert_eq!(xml.status, 403);
        assert!(
            body.contains("<Code>UnauthorizedOperation</Code><Message>not &lt;you&gt;</Message>"),
            "{body}"
        );
    }
}
