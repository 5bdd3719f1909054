//! Topics and their subscriptions, from the account and into it.

use std::collections::BTreeMap;

use aws_sdk_sns::types::Tag;
use serde_json::Value;

use super::answer::{Call, Failed};
use super::{AwsAccount, TOPICS, list, text};
use crate::provision::{Address, Content, Held, Kind, Refusal, Resource};

// Quotas: <https://docs.aws.amazon.com/general/latest/gr/sns.html>; for those that share one, or have none
// there, a third of the least.
const LIST: Call = Call::new(TOPICS, "ListTopics", 30);
const GET: Call = Call::new(TOPICS, "GetTopicAttributes", 10);
const LIST_TAGS: Call = Call::new(TOPICS, "ListTagsForResource", 10);
const LIST_SUBSCRIPTIONS: Call = Call::new(TOPICS, "ListSubscriptionsByTopic", 30);
const CREATE: Call = Call::new(TOPICS, "CreateTopic", 10);
const SET: Call = Call::new(TOPICS, "SetTopicAttributes", 10);
const TAG: Call = Call::new(TOPICS, "TagResource", 10);
const DELETE: Call = Call::new(TOPICS, "DeleteTopic", 10);
const SUBSCRIBE: Call = Call::new(TOPICS, "Subscribe", 100);
const UNSUBSCRIBE: Call = Call::new(TOPICS, "Unsubscribe", 100);
const PUBLISH: Call = Call::new(TOPICS, "Publish", 10);

/// What stands in the place of a subscription's ARN until it is confirmed.
/// <https://docs.aws.amazon.com/sns/latest/api/API_Subscription.html>
const PENDING: &str = "PendingConfirmation";

impl AwsAccount {
    /// The ARN of the topic of our name, if it is there.
    pub(super) async fn find_topic(&self, region: &str) -> Result<Option<String>, Refusal> {
        let client = self.clients(region).topics;
        let every = self.arn("sns", region, "*");
        let mut token = None;
        loop {
            let ask = client.list_topics().set_next_token(token);
            let page = self.call(LIST, region, &every, || ask.clone().send()).await;
            let page = page.map_err(Failed::refusal)?;
            let arns = list(page.topics).into_iter().filter_map(|topic| topic.topic_arn);
            for arn in arns {
                self.learn(&arn);
                if name_of(&arn) == self.names.topic {
                    return Ok(Some(arn));
                }
            }
            token = text(page.next_token);
            if token.is_none() {
                return Ok(None);
            }
        }
    }

    pub(super) async fn read_topic(&self, region: &str, arn: &str) -> Result<Vec<Held>, Refusal> {
        let client = self.clients(region).topics;
        let ask = client.get_topic_attributes().topic_arn(arn);
        let attributes = match self.call(GET, region, arn, || ask.clone().send()).await {
            Ok(answer) => answer.attributes.unwrap_or_default(),
            // It went while we looked.
            Err(Failed::Missing(_)) => return Ok(Vec::new()),
            Err(failed) => return Err(failed.refusal()),
        };
        let ask = client.list_tags_for_resource().resource_arn(arn);
        let tags = match self.call(LIST_TAGS, region, arn, || ask.clone().send()).await {
            Ok(answer) => list(answer.tags).into_iter().map(|tag| (tag.key, tag.value)).collect(),
            Err(Failed::Refused(Refusal::Denied { .. }) | Failed::Missing(_)) => BTreeMap::new(),
            Err(failed) => return Err(failed.refusal()),
        };
        let policy = attributes.get("Policy").cloned().unwrap_or_default();
        let policy = serde_json::from_str(&policy).unwrap_or(Value::String(policy));
        let address = Address { kind: Kind::Topic, region: region.to_owned(), name: name_of(arn).to_owned() };
        let resource = Resource { address, content: Content::Topic { policy }, tags };
        Ok(vec![Held { resource, id: Some(arn.to_owned()), state: None }])
    }

    pub(super) async fn read_subscriptions(&self, region: &str, arn: &str) -> Result<Vec<Held>, Refusal> {
        let client = self.clients(region).topics;
        let mut held = Vec::new();
        let mut token = None;
        loop {
            let ask = client.list_subscriptions_by_topic().topic_arn(arn).set_next_token(token);
            let page = match self.call(LIST_SUBSCRIPTIONS, region, arn, || ask.clone().send()).await {
                Ok(page) => page,
                Err(Failed::Missing(_)) => return Ok(held),
                Err(failed) => return Err(failed.refusal()),
            };
            for found in list(page.subscriptions) {
                // Those whose end was asked for stay in the list for a while.
                if found.subscription_arn.as_deref() == Some("Deleted") {
                    continue;
                }
                let protocol = found.protocol.unwrap_or_default();
                let endpoint = found.endpoint.unwrap_or_default();
                let name = format!("{}/{protocol}/{endpoint}", name_of(arn));
                let resource = Resource {
                    address: Address { kind: Kind::Subscription, region: region.to_owned(), name },
                    content: Content::Subscription { topic_arn: arn.to_owned(), protocol, endpoint },
                    tags: BTreeMap::new(),
                };
                held.push(Held { resource, id: found.subscription_arn, state: None });
            }
            token = text(page.next_token);
            if token.is_none() {
                return Ok(held);
            }
        }
    }

    pub(super) async fn put_topic(
        &self,
        wanted: &Resource,
        held: Option<&Held>,
        policy: &Value,
    ) -> Result<Vec<String>, Failed> {
        let Address { region, name, .. } = &wanted.address;
        let client = self.clients(region).topics;
        let tags = |lacking: Vec<(&String, &String)>| {
            let tag = |(key, value): (&String, &String)| Tag::builder().key(key).value(value).build().ok();
            let tags: Vec<Tag> = lacking.into_iter().filter_map(tag).collect();
            (!tags.is_empty()).then_some(tags)
        };
        let mut words = Vec::new();
        let arn = if let Some(held) = held {
            let arn = held.id.clone().unwrap_or_else(|| self.arn("sns", region, name));
            let lacks = |(key, value): &(&String, &String)| held.resource.tags.get(*key) != Some(*value);
            if let Some(tags) = tags(wanted.tags.iter().filter(lacks).collect()) {
                let tag = client.tag_resource().resource_arn(&arn).set_tags(Some(tags));
                if let Err(failed) = self.call(TAG, region, &arn, || tag.clone().send()).await {
                    words.push(format!("its tags stay as they are: {}", failed.refusal()));
                }
            }
            arn
        } else {
            let create = client.create_topic().name(name).set_tags(tags(wanted.tags.iter().collect()));
            let expected = self.arn("sns", region, name);
            let answer = self.call(CREATE, region, &expected, || create.clone().send()).await?;
            answer.topic_arn.unwrap_or(expected)
        };
        let is_set = held.is_some_and(|held| held.resource.content == wanted.content);
        if !is_set {
            let set = client
                .set_topic_attributes()
                .topic_arn(&arn)
                .attribute_name("Policy")
                .attribute_value(policy.to_string());
            self.call(SET, region, &arn, || set.clone().send()).await?;
        }
        Ok(words)
    }

    pub(super) async fn delete_topic(&self, region: &str, held: &Held) -> Result<(), Failed> {
        let arn = held.id.clone().unwrap_or_else(|| self.arn("sns", region, &held.resource.address.name));
        let delete = self.clients(region).topics.delete_topic().topic_arn(&arn);
        self.call(DELETE, region, &arn, || delete.clone().send()).await.map(|_| ())
    }

    /// Asks for a subscription. Without `ReturnSubscriptionArn`, for then the answer says whether it waits for
    /// a confirmation.
    pub(super) async fn subscribe(
        &self,
        region: &str,
        topic: &str,
        protocol: &str,
        endpoint: &str,
    ) -> Result<Vec<String>, Failed> {
        let ask =
            self.clients(region).topics.subscribe().topic_arn(topic).protocol(protocol).endpoint(endpoint);
        let answer = self.call(SUBSCRIBE, region, topic, || ask.clone().send()).await?;
        if answer.subscription_arn.is_some_and(|arn| arn.starts_with("arn:")) {
            return Ok(Vec::new());
        }
        Ok(vec![match protocol {
            "email" => "whoever reads it must confirm the mail that SNS has sent".to_owned(),
            _ => "it must confirm the message that SNS has sent to it".to_owned(),
        }])
    }

    pub(super) async fn unsubscribe(&self, region: &str, held: &Held) -> Result<(), Failed> {
        let arn = held.id.clone().unwrap_or_default();
        if arn == PENDING {
            // <https://docs.aws.amazon.com/sns/latest/dg/sns-delete-subscription-topic.html>
            let why = "a subscription that nobody has confirmed cannot be ended; SNS drops it after 48 hours";
            return Err(Failed::Refused(Refusal::Wrong(why.to_owned())));
        }
        let end = self.clients(region).topics.unsubscribe().subscription_arn(&arn);
        self.call(UNSUBSCRIBE, region, &arn, || end.clone().send()).await.map(|_| ())
    }

    /// Sends a message to those who have subscribed to our topic.
    pub async fn publish(&self, topic_arn: &str, subject: &str, message: &str) -> Result<(), Refusal> {
        let region = topic_arn.split(':').nth(3).unwrap_or(&self.home);
        let publish =
            self.clients(region).topics.publish().topic_arn(topic_arn).subject(subject).message(message);
        let told = self.call(PUBLISH, region, topic_arn, || publish.clone().send()).await;
        told.map(|_| ()).map_err(Failed::refusal)
    }
}

/// The last part of a topic's ARN.
fn name_of(arn: &str) -> &str {
    arn.rsplit_once(':').map_or(arn, |(_, name)| name)
}
