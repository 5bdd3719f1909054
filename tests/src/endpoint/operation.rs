//! The operations the endpoint knows.

use crate::endpoint::protocol::Protocol;
use serde::{Deserialize, Serialize};

/// An operation of CloudWatch Logs, CloudWatch or EC2.
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
    PutMetricData,
    DescribeTags,
}

impl Operation {
    const ALL: [(&'static str, Self); 13] = [
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
        ("PutMetricData", Self::PutMetricData),
        ("DescribeTags", Self::DescribeTags),
    ];

    /// The operation that an `X-Amz-Target` header, a path or an `Action` names.
    pub(crate) fn of(protocol: Protocol, target: &str) -> Option<Self> {
        let name = match protocol {
            Protocol::Json => target.strip_prefix("Logs_20140328.")?,
            Protocol::Cbor => target.strip_prefix("/service/GraniteServiceVersion20100801/operation/")?,
            Protocol::Query => target,
        };
        let known = Self::ALL.iter().find(|(known, _)| *known == name).map(|(_, operation)| *operation);
        known.filter(|operation| operation.protocol() == protocol)
    }

    fn protocol(self) -> Protocol {
        match self {
            Self::PutMetricData => Protocol::Cbor,
            Self::DescribeTags => Protocol::Query,
            _ => Protocol::Json,
        }
    }

    /// The service's name in the scope of signatures.
    pub(crate) fn service(self) -> &'static str {
        match self {
            Self::PutMetricData => "monitoring",
            Self::DescribeTags => "ec2",
            _ => "logs",
        }
    }

    /// Its name in policies, and what it is done to.
    pub(crate) fn action(self) -> (String, &'static str) {
        let (prefix, resource) = match self {
            Self::PutMetricData => ("cloudwatch", "*"),
            Self::DescribeTags => ("ec2", "*"),
            _ => ("logs", "arn:aws:logs:eu-west-1:123456789012:log-group:*"),
        };
        (format!("{prefix}:{}", self.name()), resource)
    }

    /// Its name in the API.
    pub fn name(self) -> &'static str {
        Self::ALL.iter().find(|(_, operation)| *operation == self).map_or("", |(name, _)| name)
    }
}
