//! Faults on demand: what the endpoint does instead of, or besides, answering.

use serde::{Deserialize, Serialize};

use crate::endpoint::Operation;
use crate::endpoint::refusal::Refusal;

/// What goes wrong with a call.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "fault", rename_all = "snake_case")]
pub enum Fault {
    /// 503, nothing is stored.
    Unavailable,
    /// 500, nothing is stored.
    Internal,
    /// `ThrottlingException`, with a `Retry-After` header or without.
    Throttle {
        /// The header's seconds.
        retry_after_s: Option<u32>,
    },
    /// `AccessDeniedException`, naming the action and the resource.
    AccessDenied,
    /// `ExpiredTokenException`.
    ExpiredToken,
    /// `InvalidParameterException`; for metrics `InvalidParameterValueException`.
    InvalidParameter,
    /// `ResourceNotFoundException`, whether it exists or not.
    NotFound,
    /// No answer until the faults are cleared; then the connection is closed.
    Hang,
    /// The right answer, later; nothing is stored before, or when the client does not wait for it.
    Slow {
        /// How much later.
        ms: u64,
    },
    /// Everything is stored at once; the right answer comes later.
    SlowAnswer {
        /// How much later.
        ms: u64,
    },
    /// Nothing is stored; the connection is reset in the middle of the answer.
    Reset,
    /// Everything is stored; the connection is closed without an answer.
    StoreThenDrop,
    /// The first events of the call are rejected as too old.
    RejectOldest {
        /// How many.
        events: usize,
    },
    /// The first events of the call are rejected as beyond the group's retention.
    RejectExpired {
        /// How many.
        events: usize,
    },
    /// The last events of the call are rejected as too new.
    RejectNewest {
        /// How many.
        events: usize,
    },
    /// `InvalidParameterException` for a call with this word in one of its messages, or in a metric's
    /// name, as for one event that the service cannot take; other calls are answered as ever.
    RefuseContaining {
        /// The word.
        word: String,
    },
    /// No answer, ever: clearing the faults helps later calls alone.
    Swallow,
}

/// What a refusal for a word says.
pub(crate) const UNACCEPTABLE: &str = "One of the log events cannot be accepted.";

/// A fault, where and how often.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(crate) struct Rule {
    /// The operation it strikes; every one if none is said.
    pub(crate) operation: Option<Operation>,
    /// What happens.
    #[serde(flatten)]
    pub(crate) fault: Fault,
    /// How many calls it strikes; all, until cleared, if none is said.
    pub(crate) times: Option<u32>,
}

/// The faults that wait, the oldest first.
#[derive(Debug, Default)]
pub(crate) struct Faults {
    rules: Vec<Rule>,
    struck: u64,
}

impl Faults {
    pub(crate) fn add(&mut self, rule: Rule) {
        self.rules.push(rule);
    }

    pub(crate) fn clear(&mut self) {
        self.rules.clear();
    }

    /// The fault for this call, one time less from now on.
    pub(crate) fn take(&mut self, operation: Operation) -> Option<Fault> {
        let strikes = |rule: &Rule| rule.operation.is_none_or(|only| only == operation);
        let index = self.rules.iter().position(strikes)?;
        let rule = &mut self.rules[index];
        let fault = rule.fault.clone();
        if let Some(times) = &mut rule.times {
            *times = times.saturating_sub(1);
            if *times == 0 {
                self.rules.remove(index);
            }
        }
        self.struck += 1;
        Some(fault)
    }

    /// How many calls were struck so far.
    pub(crate) fn struck(&self) -> u64 {
        self.struck
    }
}

impl Fault {
    /// The refusal this fault answers with, if it is one that answers with a refusal.
    pub(crate) fn refusal(&self, operation: Operation) -> Option<Refusal> {
        let client = |code, text: &str| Some(Refusal::client(code, text));
        let server = |code, status, text: &str| Some(Refusal { code, status, message: text.to_owned() });
        match self {
            Self::Unavailable => {
                server("ServiceUnavailableException", 503, "The service cannot complete the request.")
            }
            Self::Internal if operation == Operation::PutMetricData => {
                server("InternalServiceFault", 500, "The service has failed.")
            }
            Self::Internal => server("InternalFailure", 500, "The request processing has failed."),
            Self::Throttle { .. } => client("ThrottlingException", "Rate exceeded"),
            Self::AccessDenied => {
                let (action, resource) = operation.action();
                Some(Refusal::client(
                    "AccessDeniedException",
                    format!(
                        "User: arn:aws:sts::123456789012:assumed-role/starttech-backend/i-0123456789abcdef0 \
                         is not authorized to perform: {action} on resource: {resource} because no \
                         identity-based policy allows the {action} action"
                    ),
                ))
            }
            Self::ExpiredToken => {
                client("ExpiredTokenException", "The security token included in the request is expired")
            }
            Self::InvalidParameter if operation == Operation::PutMetricData => {
                client("InvalidParameterValueException", "A parameter is not valid.")
            }
            Self::InvalidParameter => client("InvalidParameterException", "A parameter is not valid."),
            Self::NotFound => Some(Refusal::missing(match operation {
                Operation::PutLogEvents | Operation::GetLogEvents => "log stream",
                _ => "log group",
            })),
            Self::Hang
            | Self::Swallow
            | Self::Slow { .. }
            | Self::SlowAnswer { .. }
            | Self::Reset
            | Self::StoreThenDrop
            | Self::RejectOldest { .. }
            | Self::RejectExpired { .. }
            | Self::RejectNewest { .. }
            | Self::RefuseContaining { .. } => None,
        }
    }

    /// Whether the call was refused because of this fault, and not for what the client did wrong.
    pub(crate) fn made(&self, refusal: &Refusal) -> bool {
        matches!(self, Self::RefuseContaining { .. }) && refusal.message == UNACCEPTABLE
    }

    /// The value of the `Retry-After` header.
    pub(crate) fn retry_after(&self) -> Option<u32> {
        match self {
            Self::Throttle { retry_after_s } => *retry_after_s,
            _ => None,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_rule_strikes_its_operation_its_times() {
        let mut faults = Faults::default();
        let operation = Some(Operation::PutLogEvents);
        faults.add(Rule { operation, fault: Fault::Unavailable, times: Some(2) });
        assert_eq!(faults.take(Operation::CreateLogGroup), None);
        assert_eq!(faults.take(Operation::PutLogEvents), Some(Fault::Unavailable));
        assert_eq!(faults.take(Operation::PutLogEvents), Some(Fault::Unavailable));
        assert_eq!(faults.take(Operation::PutLogEvents), None);
        assert_eq!(faults.struck(), 2);
    }

    #[test]
    fn a_rule_without_a_number_stays_until_cleared() {
        let mut faults = Faults::default();
        faults.add(Rule { operation: None, fault: Fault::Hang, times: None });
        for _ in 0..3 {
            assert_eq!(faults.take(Operation::GetLogEvents), Some(Fault::Hang));
        }
        faults.clear();
        assert_eq!(faults.take(Operation::GetLogEvents), None);
    }

    #[test]
    fn rules_are_read_from_json() {
        let rule: Rule =
            serde_json::from_str(r#"{"operation":"PutLogEvents","fault":"slow","ms":5,"times":1}"#).unwrap();
        assert_eq!(rule.fault, Fault::Slow { ms: 5 });
        let rule: Rule = serde_json::from_str(r#"{"fault":"throttle","retry_after_s":3}"#).unwrap();
        assert_eq!((rule.fault.retry_after(), rule.times), (Some(3), None));
        assert!(serde_json::from_str::<Rule>(r#"{"fault":"nonsense"}"#).is_err());
    }
}
