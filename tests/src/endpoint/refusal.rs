//! The service's errors, in the service's words.
//!
//! The texts follow what CloudWatch Logs answers; clients match on the code, people on the text.

/// An answer other than 200: an error code, the HTTP status and the text.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Refusal {
    /// `InvalidParameterException`, as it stands in `__type`.
    pub(crate) code: &'static str,
    /// 400 for the client's faults, 5xx for the service's.
    pub(crate) status: u16,
    /// For people.
    pub(crate) message: String,
}

impl Refusal {
    /// A fault of the client's.
    pub(crate) fn client(code: &'static str, message: impl Into<String>) -> Self {
        Self { code, status: 400, message: message.into() }
    }

    /// A parameter out of its range.
    pub(crate) fn parameter(message: impl Into<String>) -> Self {
        Self::client("InvalidParameterException", message)
    }

    /// A parameter that breaks a rule of the service's model.
    pub(crate) fn constraint(value: &str, member: &str, rule: &str) -> Self {
        let shown: String = value.chars().take(64).collect();
        Self::parameter(format!(
            "1 validation error detected: Value '{shown}' at '{member}' failed to satisfy constraint: \
             Member must {rule}"
        ))
    }

    /// Something that is not there.
    pub(crate) fn missing(what: &str) -> Self {
        Self::client("ResourceNotFoundException", format!("The specified {what} does not exist."))
    }

    /// Something that is there already.
    pub(crate) fn exists(what: &str) -> Self {
        Self::client("ResourceAlreadyExistsException", format!("The specified {what} already exists"))
    }

    /// Whether a correct client may meet this: what is missing is created, what exists is fine, and
    /// credentials are sent until there are newer ones.
    pub(crate) fn is_expected(&self) -> bool {
        let expected =
            ["ResourceNotFoundException", "ResourceAlreadyExistsException", "ExpiredTokenException"];
        expected.contains(&self.code)
    }
}
