//! The operations the endpoint knows.

use serde::{Deserialize, Serialize};

/// An operation of CloudWatch Logs.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[expect(missing_docs, reason = "the API reference describes each under its name")]
pub enum Operation {
    PutLogEvents,
    CreateLogGroup,
    CreateLogStream,
    DeleteLogGroup,
    DeleteLogStream,
    PutRetentionPolicy,
    DescribeLogGroups,
    DescribeLogStreams,
    GetLogEvents,
    TagResource,
    ListTagsForResource,
}

impl Operation {
    const ALL: [(&'static str, Self); 11] = [
        ("PutLogEvents", Self::PutLogEvents),
        ("CreateLogGroup", Self::CreateLogGroup),
        ("CreateLogStream", Self::CreateLogStream),
        ("DeleteLogGroup", Self::DeleteLogGroup),
        ("DeleteLogStream", Self::DeleteLogStream),
        ("PutRetentionPolicy", Self::PutRetentionPolicy),
        ("DescribeLogGroups", Self::DescribeLogGroups),
        ("DescribeLogStreams", Self::DescribeLogStreams),
        ("GetLogEvents", Self::GetLogEvents),
        ("TagResource", Self::TagResource),
        ("ListTagsForResource", Self::ListTagsForResource),
    ];

    /// The operation an `X-Amz-Target` header names.
    pub(crate) fn of_target(target: &str) -> Option<Self> {
        let name = target.strip_prefix("Logs_20140328.")?;
        Self::ALL.iter().find(|(known, _)| *known == name).map(|(_, operation)| *operation)
    }

    /// Its name in the API.
    pub fn name(self) -> &'static str {
        Self::ALL.iter().find(|(_, operation)| *operation == self).map_or("", |(name, _)| name)
    }
}
