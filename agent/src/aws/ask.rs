//! What `check` asks CloudWatch Logs, with the daemon's credentials, in ways that change nothing: which rights there
//! are, and whether anything arrives.
//!
//! A right is asked for by a call that cannot succeed: what is to be made exists already, or what is to be written to
//! does not exist. AWS looks at rights before it looks at either. What such a call cannot be made of, is not asked.

use std::time::Duration;

use aws_config::SdkConfig;
use aws_config::timeout::TimeoutConfig;
use aws_sdk_cloudwatchlogs::Client;
use aws_sdk_cloudwatchlogs::error::{ProvideErrorMetadata, SdkError};
use aws_sdk_cloudwatchlogs::types::{InputLogEvent, OrderBy, OutputLogEvent};
use aws_smithy_runtime_api::client::orchestrator::HttpResponse;

use super::refusal::{self, Service};
use crate::provision::Refusal;

/// For one answer: whoever asks is a person at a terminal.
const TIMEOUT: Duration = Duration::from_secs(4);

/// A stream that nobody makes. With it, the right to write is asked for on the very resource of the group.
const NO_STREAM: &str = "starttech-agent-check/is-never-made";

const SERVICE: Service = Service { name: "CloudWatch Logs", actions: "logs", endpoint: "logs" };

/// Who asks.
#[derive(Debug, Clone)]
pub struct Asker {
    client: Client,
    region: String,
}

/// The newest of a group's streams.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Newest {
    /// Its name.
    pub stream: String,
    /// When its newest event was printed, in milliseconds since the epoch, as CloudWatch tells: up to an hour late.
    pub told_ms: Option<i64>,
}

type Sent<T, E> = Result<T, SdkError<E, HttpResponse>>;

impl Asker {
    /// With these credentials.
    pub fn new(sdk: &SdkConfig) -> Self {
        let timeouts = TimeoutConfig::builder().operation_timeout(TIMEOUT).build();
        let client = Client::from_conf(super::logs_config(sdk).timeout_config(timeouts).build());
        Self { client, region: sdk.region().map(ToString::to_string).unwrap_or_default() }
    }

    /// Whether a group is there.
    pub async fn exists(&self, group: &str) -> Result<bool, Refusal> {
        let answer = self.client.describe_log_groups().log_group_name_prefix(group).send().await;
        let answer = answer.map_err(|error| self.refusal("DescribeLogGroups", "*", &error))?;
        Ok(answer.log_groups().iter().any(|found| found.log_group_name() == Some(group)))
    }

    /// The stream of a group that was written to last; `None` if it has none, or is not there.
    pub async fn newest(&self, group: &str) -> Result<Option<Newest>, Refusal> {
        let ask = self.client.describe_log_streams().log_group_name(group);
        let answer = match ask.order_by(OrderBy::LastEventTime).descending(true).limit(1).send().await {
            Ok(answer) => answer,
            Err(error) if is(&error, "ResourceNotFound") => return Ok(None),
            Err(error) => return Err(self.refusal("DescribeLogStreams", &self.arn(group, "*"), &error)),
        };
        let stream = answer.log_streams().first();
        Ok(stream.map(|stream| Newest {
            stream: stream.log_stream_name().unwrap_or_default().to_owned(),
            told_ms: stream.last_event_timestamp().max(stream.last_ingestion_time()),
        }))
    }

    /// When the newest event of a stream was printed, in milliseconds since the epoch; exactly, and `None` if it has
    /// none.
    pub async fn newest_event(&self, group: &str, stream: &str) -> Result<Option<i64>, Refusal> {
        let ask = self.client.get_log_events().log_group_name(group).log_stream_name(stream);
        match ask.start_from_head(false).limit(1).send().await {
            Ok(answer) => Ok(answer.events().iter().filter_map(OutputLogEvent::timestamp).max()),
            Err(error) if is(&error, "ResourceNotFound") => Ok(None),
            Err(error) => Err(self.refusal("GetLogEvents", &self.arn(group, stream), &error)),
        }
    }

    /// Whether lines may be written to a group: into a stream that is not there. `now_ms` is a time that the service
    /// takes.
    pub async fn may_put(&self, group: &str, now_ms: i64) -> Result<(), Refusal> {
        let event = InputLogEvent::builder().timestamp(now_ms).message("never stored").build();
        let event = event.map_err(|error| Refusal::Wrong(error.to_string()))?;
        let put = self.client.put_log_events().log_group_name(group).log_stream_name(NO_STREAM);
        self.expect(
            "PutLogEvents",
            &self.arn(group, "*"),
            "ResourceNotFound",
            put.log_events(event).send().await,
        )
    }

    /// Whether streams may be made: one that `exists` already, or in a group that is not there.
    pub async fn may_create_stream(&self, group: &str, exists: Option<&str>) -> Result<(), Refusal> {
        let stream = exists.unwrap_or(NO_STREAM);
        let created =
            self.client.create_log_stream().log_group_name(group).log_stream_name(stream).send().await;
        let expected = if exists.is_some() { "ResourceAlreadyExists" } else { "ResourceNotFound" };
        self.expect("CreateLogStream", &self.arn(group, "*"), expected, created)
    }

    /// Whether groups may be made: this one, which exists.
    pub async fn may_create_group(&self, group: &str) -> Result<(), Refusal> {
        let created = self.client.create_log_group().log_group_name(group).send().await;
        self.expect("CreateLogGroup", &self.group_arn(group), "ResourceAlreadyExists", created)
    }

    /// Whether it may be said how long a group keeps events: this one, which is not there.
    pub async fn may_retain(&self, group: &str, days: i32) -> Result<(), Refusal> {
        let put =
            self.client.put_retention_policy().log_group_name(group).retention_in_days(days).send().await;
        self.expect("PutRetentionPolicy", &self.group_arn(group), "ResourceNotFound", put)
    }

    /// The error that says that only the thing was missing, or was there.
    fn expect<T, E>(
        &self,
        act: &'static str,
        resource: &str,
        expected: &str,
        sent: Sent<T, E>,
    ) -> Result<(), Refusal>
    where
        E: ProvideErrorMetadata + std::error::Error + Send + Sync + 'static,
    {
        match sent {
            Ok(_) => Ok(()),
            Err(error) if is(&error, expected) => Ok(()),
            Err(error) => Err(self.refusal(act, resource, &error)),
        }
    }

    fn refusal<E>(&self, act: &'static str, resource: &str, error: &SdkError<E, HttpResponse>) -> Refusal
    where
        E: ProvideErrorMetadata + std::error::Error + Send + Sync + 'static,
    {
        if refusal::is_denied(error) {
            return Refusal::Denied { action: format!("logs:{act}"), resource: resource.to_owned() };
        }
        match error {
            SdkError::ServiceError(context) => Refusal::Wrong(format!(
                "{act}: {} {}",
                context.err().code().unwrap_or_default(),
                context.err().message().unwrap_or_default()
            )),
            _ => Refusal::Unreachable(refusal::of(SERVICE, &self.region, act, error).to_string()),
        }
    }

    /// Without the account's number, which rights need not name.
    fn group_arn(&self, group: &str) -> String {
        format!("arn:{}:logs:{}:*:log-group:{group}", super::partition(&self.region), self.region)
    }

    fn arn(&self, group: &str, stream: &str) -> String {
        format!("{}:log-stream:{stream}", self.group_arn(group))
    }
}

fn is<E: ProvideErrorMetadata>(error: &SdkError<E, HttpResponse>, name: &str) -> bool {
    error.code().is_some_and(|code| code.trim_end_matches("Exception") == name)
}

#[cfg(test)]
mod tests {
    use super::*;
    use aws_sdk_cloudwatchlogs::config::{BehaviorVersion, Credentials, Region};
    use aws_smithy_http_client::test_util::{ReplayEvent, StaticReplayClient};
    use aws_smithy_types::body::SdkBody;

    /// An asker whom these answers are given, and what it sends.
    fn asker(answers: &[(u16, &str)]) -> (Asker, StaticReplayClient) {
        let event = |(status, body): &(u16, &str)| {
            let request = http::Request::builder().uri("http://localhost").body(SdkBody::empty()).unwrap();
            let answer = http::Response::builder().status(*status).body(SdkBody::from(*body)).unwrap();
            ReplayEvent::new(request, answer)
        };
        let replay = StaticReplayClient::new(answers.iter().map(event).collect());
        let config = aws_sdk_cloudwatchlogs::Config::builder()
            .behavior_version(BehaviorVersion::latest())
            .region(Region::new("eu-west-1"))
            .credentials_provider(Credentials::for_tests())
            .http_client(replay.clone())
            .build();
        (Asker { client: Client::from_conf(config), region: "eu-west-1".to_owned() }, replay)
    }

    const MISSING: (u16, &str) = (400, r#"{"__type":"ResourceNotFoundException","message":"no stream"}"#);
    const THERE: (u16, &str) = (400, r#"{"__type":"ResourceAlreadyExistsException","message":"is there"}"#);
    const DENIED: (u16, &str) = (400, r#"{"__type":"AccessDeniedException","Message":"not authorized"}"#);

    #[tokio::test]
    async fn a_right_is_asked_for_by_what_cannot_be_done() {
        let (asker, replay) = asker(&[MISSING, THERE, MISSING, THERE, MISSING]);
        asker.may_put("/g", 7).await.unwrap();
        asker.may_create_stream("/g", Some("s")).await.unwrap();
        asker.may_create_stream("/g", None).await.unwrap();
        asker.may_create_group("/g").await.unwrap();
        asker.may_retain("/g", 14).await.unwrap();
        let bodies: Vec<String> = replay
            .actual_requests()
            .map(|request| String::from_utf8_lossy(request.body().bytes().unwrap()).into_owned())
            .collect();
        assert!(bodies[0].contains(NO_STREAM) && bodies[2].contains(NO_STREAM), "{bodies:?}");
        assert!(!bodies[1].contains(NO_STREAM), "{bodies:?}");
    }

    #[tokio::test]
    async fn a_refusal_names_the_right_and_another_error_is_no_refusal() {
        let (asker, _) = asker(&[DENIED, THERE]);
        let Err(Refusal::Denied { action, resource }) = asker.may_put("/g", 7).await else { panic!() };
        assert_eq!(action, "logs:PutLogEvents");
        assert_eq!(resource, "arn:aws:logs:eu-west-1:*:log-group:/g:log-stream:*");
        assert!(
            matches!(asker.may_put("/g", 7).await, Err(Refusal::Wrong(_))),
            "another error than expected"
        );
    }

    #[tokio::test]
    async fn the_newest_stream_is_told() {
        let streams =
            r#"{"logStreams":[{"logStreamName":"s","lastEventTimestamp":5,"lastIngestionTime":9}]}"#;
        let (asker, _) = asker(&[(200, streams), (200, r#"{"logStreams":[]}"#), MISSING]);
        let newest = Newest { stream: "s".to_owned(), told_ms: Some(9) };
        assert_eq!(asker.newest("/g").await, Ok(Some(newest)));
        assert_eq!(asker.newest("/g").await, Ok(None));
        assert_eq!(asker.newest("/g").await, Ok(None));
    }
}
