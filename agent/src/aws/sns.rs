//! The topic that alerts are published to: our [`Sink`] over the SDK, one message a batch.
//!
//! Its client is made for the first message, and the account asked for then: most hosts never send one. It decides
//! nothing about what is told or when; it writes a message out as it sends it, since only then is known how late it
//! is.

use std::fmt;
use std::pin::Pin;
use std::time::Duration;

use aws_config::SdkConfig;
use aws_config::timeout::TimeoutConfig;
use aws_sdk_sns::Client;
use aws_sdk_sns::error::ProvideErrorMetadata;
use tokio::sync::{Mutex, OnceCell};
use tokio::time::{Instant, sleep_until};

use super::patience;
use super::refusal::{self, POLICIES, Service};
use crate::alerts::message::{Message, Place, Written};
use crate::logs::{Mend, Outgoing, Receipt, Refusal, Sink};
use crate::retry::Waits;

const SERVICE: Service = Service { name: "SNS", actions: "sns", endpoint: "sns" };
const IDENTITY: Service = Service { name: "STS", actions: "sts", endpoint: "sts" };

/// An alert is small, and others wait behind it.
const OPERATION_TIMEOUT: Duration = Duration::from_secs(10);

/// Between two late ones. A mail address that gets more than ten a second is suspended, and what waited for a right
/// or for the network comes all at once.
/// <https://docs.aws.amazon.com/general/latest/gr/sns.html>
const LATE_PAUSE: Duration = Duration::from_secs(1);

/// Whoever can tell the account without asking AWS: the instance's metadata.
pub type AskAccount = Box<dyn Fn() -> Pin<Box<dyn Future<Output = Option<String>> + Send>> + Send + Sync>;
/// Tells where alerts come from, as far as it is known by now.
pub type AskPlace = Box<dyn Fn() -> Place + Send + Sync>;

/// A topic of the account.
pub struct Topic {
    sdk: SdkConfig,
    name: String,
    account: AskAccount,
    place: AskPlace,
    /// The time of day, in nanoseconds since the epoch.
    clock: fn() -> i64,
    client: OnceCell<Client>,
    account_id: OnceCell<String>,
    late: Mutex<Option<Instant>>,
}

impl fmt::Debug for Topic {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Topic").field("name", &self.name).finish_non_exhaustive()
    }
}

impl Topic {
    /// The topic of this name in the configuration's region.
    pub fn new(
        sdk: SdkConfig,
        name: String,
        account: AskAccount,
        place: AskPlace,
        clock: fn() -> i64,
    ) -> Self {
        let (client, account_id) = (OnceCell::new(), OnceCell::new());
        Self { sdk, name, account, place, clock, client, account_id, late: Mutex::new(None) }
    }

    fn region(&self) -> String {
        self.sdk.region().map(ToString::to_string).unwrap_or_default()
    }

    async fn client(&self) -> &Client {
        let make = async || {
            let timeouts = TimeoutConfig::builder().operation_timeout(OPERATION_TIMEOUT).build();
            Client::from_conf(super::topics_config(&self.sdk).timeout_config(timeouts).build())
        };
        self.client.get_or_init(make).await
    }

    async fn account_id(&self) -> Result<&String, Refusal> {
        let ask = async || {
            if let Some(account_id) = (self.account)().await {
                return Ok(account_id);
            }
            let config = super::identity_config(&self.sdk).timeout_config(patience::short()).build();
            let client = aws_sdk_sts::Client::from_conf(config);
            let answer = client.get_caller_identity().send().await;
            let answer =
                answer.map_err(|error| refusal::of(IDENTITY, &self.region(), "GetCallerIdentity", &error))?;
            answer.account.ok_or_else(|| {
                lasting(
                    "STS does not say whose account this is".to_owned(),
                    Mend::Act("starttech-agent check asks it, too".to_owned()),
                )
            })
        };
        self.account_id.get_or_try_init(ask).await
    }

    fn arn(&self, account_id: &str) -> String {
        let region = self.region();
        let partition = super::partition(&region);
        format!("arn:{partition}:sns:{region}:{account_id}:{}", self.name)
    }

    /// Publishes what is written once it is known where it is told from and when. Gives the id that SNS has for it.
    ///
    /// # Errors
    /// What the answer means, with its mend.
    pub async fn publish(&self, write: impl FnOnce(&Place, i64) -> Written) -> Result<String, Refusal> {
        let account_id = self.account_id().await?.clone();
        let arn = self.arn(&account_id);
        let place = Place { account_id: Some(account_id), ..(self.place)() };
        let written = write(&place, (self.clock)());
        let call = self
            .client()
            .await
            .publish()
            .topic_arn(&arn)
            .subject(&written.subject)
            .message_structure("json")
            .message(written.structure());
        match call.send().await {
            Ok(answer) => Ok(answer.message_id.unwrap_or_default()),
            Err(error) => {
                let code = error.code().unwrap_or_default();
                let said = error.message().unwrap_or_default();
                Err(known(code, said, &arn)
                    .unwrap_or_else(|| refusal::of(SERVICE, &self.region(), "Publish", &error)))
            }
        }
    }
}

impl Sink for Topic {
    const SERVICE: &'static str = "SNS";
    const CONTENT: &'static str = "alerts";
    const REFUSED: &'static str = "the journal has them; is alerts.topic a standard topic? starttech-agent alarms drill --local tries one";
    const WAITS: Waits = Waits { base: Duration::from_secs(1), cap: Duration::from_secs(15) };
    // Under the default role it lasts for ever, and the alerts themselves are in the journal.
    const REMINDER: Duration = Duration::from_hours(24);

    async fn put(&self, outgoing: &Outgoing) -> Result<Receipt, Refusal> {
        let message: Message = serde_json::from_slice(&outgoing.body)
            .map_err(|error| Refusal::Refused(format!("it is no alert: {error}")))?;
        let mut late = self.late.lock().await;
        if message.is_late((self.clock)()) {
            if let Some(before) = *late {
                sleep_until(before + LATE_PAUSE).await;
            }
            *late = Some(Instant::now());
        }
        drop(late);
        self.publish(|place, now_ns| message.write(place, now_ns)).await.map(|_| Receipt::default())
    }
}

/// What SNS's own errors mean.
/// <https://docs.aws.amazon.com/sns/latest/api/API_Publish.html>
fn known(code: &str, said: &str, arn: &str) -> Option<Refusal> {
    Some(match code.trim_end_matches("Exception") {
        "AuthorizationError" | "AccessDenied" => {
            let statement =
                serde_json::json!({ "Effect": "Allow", "Action": "sns:Publish", "Resource": arn });
            let file = format!("{POLICIES}/host-with-alerts.json");
            lasting(
                format!(
                    "this host's role may not publish to the topic; allow it: {statement} ({file}), or set \
                     alerts.enabled = false; until then alerts are in the journal only"
                ),
                Mend::Right(format!(
                    "allow sns:Publish on {arn} to this host's role: {file}; or set alerts.enabled = false"
                )),
            )
        }
        "NotFound" => {
            let mend = "starttech-agent apply makes it, or name another one in alerts.topic";
            lasting(format!("there is no topic {arn}; {mend}"), Mend::Act(mend.to_owned()))
        }
        "InvalidParameter" | "InvalidParameterValue" | "ParameterValueInvalid" => {
            Refusal::Refused(format!("Publish: {said}"))
        }
        _ => return None,
    })
}

fn lasting(reason: String, mend: Mend) -> Refusal {
    Refusal::Retry { reason, after: None, lasting: true, unreachable: false, doubtful: false, mend }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::alerts::Cause;
    use crate::alerts::message::{Group, Step};
    use crate::logs::Destination;
    use aws_config::{BehaviorVersion, Region};
    use aws_sdk_sns::config::{Credentials, SharedCredentialsProvider};
    use aws_smithy_http_client::test_util::{ReplayEvent, StaticReplayClient};
    use aws_smithy_types::body::SdkBody;
    use bytes::Bytes;

    const NOW_NS: i64 = 1_800_000_000_000_000_000;

    fn topic(account: Option<&'static str>, answers: &[(u16, &str)]) -> (Topic, StaticReplayClient) {
        let event = |(status, body): &(u16, &str)| {
            let request = http::Request::builder().uri("http://localhost").body(SdkBody::empty()).unwrap();
            let answer = http::Response::builder().status(*status).body(SdkBody::from(*body)).unwrap();
            ReplayEvent::new(request, answer)
        };
        let client = StaticReplayClient::new(answers.iter().map(event).collect());
        let credentials = Credentials::new("a", "b", None, None, "test");
        let sdk = SdkConfig::builder()
            .behavior_version(BehaviorVersion::latest())
            .region(Region::new("eu-west-1"))
            .retry_config(aws_config::retry::RetryConfig::disabled())
            .credentials_provider(SharedCredentialsProvider::new(credentials))
            .http_client(client.clone())
            .build();
        let account: AskAccount = Box::new(move || Box::pin(async move { account.map(str::to_owned) }));
        let place: AskPlace = Box::new(|| Place { instance_id: "i-1".to_owned(), ..Place::default() });
        (Topic::new(sdk, "starttech-alarms".to_owned(), account, place, || NOW_NS), client)
    }

    fn outgoing(at_ns: i64) -> Outgoing {
        let group = Group {
            step: Step::Begin,
            cause: Cause::Unhealthy,
            at_ns,
            count: 2,
            members: Vec::new(),
            continued: false,
            others: false,
        };
        let body = serde_json::to_vec(&Message::Group(Box::new(group))).unwrap();
        let destination = Destination { group: "starttech-alarms".to_owned(), stream: "alerts".to_owned() };
        Outgoing { destination, body: Bytes::from(body), events: 1 }
    }

    fn error(code: &str) -> String {
        format!(
            "<ErrorResponse><Error><Type>Sender</Type><Code>{code}</Code><Message>no</Message></Error></ErrorResponse>"
        )
    }

    const PUBLISHED: &str =
        "<PublishResponse><PublishResult><MessageId>1</MessageId></PublishResult></PublishResponse>";

    #[tokio::test]
    async fn a_message_goes_to_the_topic_of_whose_account_it_is() {
        let (topic, client) = topic(Some("123456789012"), &[(200, PUBLISHED)]);
        topic.put(&outgoing(NOW_NS)).await.unwrap();
        let body = client.actual_requests().next().unwrap().body().bytes().unwrap();
        let form: Vec<(String, String)> = form_urlencoded::parse(body).into_owned().collect();
        let value = |name: &str| form.iter().find(|(key, _)| key == name).unwrap().1.clone();
        assert_eq!(value("TopicArn"), "arn:aws:sns:eu-west-1:123456789012:starttech-alarms");
        assert_eq!(value("Subject"), "ALARM: 2 containers are unhealthy on i-1");
        assert_eq!(value("MessageStructure"), "json");
        assert!(value("Message").contains("123456789012"), "{}", value("Message"));
    }

    #[tokio::test]
    async fn without_metadata_sts_says_whose_account_it_is() {
        let identity = "<GetCallerIdentityResponse><GetCallerIdentityResult><Account>42</Account>\
                        </GetCallerIdentityResult></GetCallerIdentityResponse>";
        let (topic, client) = topic(None, &[(200, identity), (200, PUBLISHED), (200, PUBLISHED)]);
        topic.put(&outgoing(NOW_NS)).await.unwrap();
        topic.put(&outgoing(NOW_NS)).await.unwrap();
        assert_eq!(client.actual_requests().count(), 3, "it is asked once");
    }

    #[tokio::test]
    async fn each_refusal_has_its_mend() {
        for (status, code, words) in [
            (403, "AuthorizationError", r#""Action":"sns:Publish""#),
            (404, "NotFound", "starttech-agent apply makes it"),
            (500, "InternalError", "HTTP 500"),
        ] {
            let (topic, _) = topic(Some("1"), &[(status, &error(code))]);
            let refusal = topic.put(&outgoing(NOW_NS)).await.unwrap_err();
            let Refusal::Retry { reason, lasting, mend, .. } = refusal else { panic!("{refusal:?}") };
            assert!(reason.contains(words), "{reason}");
            let right = "allow sns:Publish on arn:aws:sns:eu-west-1:1:starttech-alarms to this host's role: \
                         /usr/share/starttech-agent/iam/host-with-alerts.json; ";
            assert_eq!(
                matches!(&mend, Mend::Right(words) if words.starts_with(right)),
                status == 403,
                "{mend:?}"
            );
            assert_eq!(lasting, status < 500);
        }
        let (topic, _) = topic(Some("1"), &[(400, &error("InvalidParameter"))]);
        assert!(matches!(topic.put(&outgoing(NOW_NS)).await, Err(Refusal::Refused(_))));
    }

    #[tokio::test(start_paused = true)]
    async fn late_ones_come_one_a_second() {
        let (topic, _) = topic(Some("1"), &[(200, PUBLISHED), (200, PUBLISHED), (200, PUBLISHED)]);
        let began = Instant::now();
        for _ in 0..3 {
            topic.put(&outgoing(NOW_NS - 3_600_000_000_000)).await.unwrap();
        }
        assert!(began.elapsed() >= 2 * LATE_PAUSE);
    }
}
