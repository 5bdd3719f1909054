//! What the emulator lacks: saved queries, tags of groups that were made without, subscriptions by mail that wait for a click, what the service
//! has to say about dashboards, and what `alarms` does to lists of alarms.

mod alarms;

use std::collections::BTreeMap;

use jiff::Timestamp;
use serde_json::{Value, json};

use crate::endpoint::protocol::{Protocol, escaped};
use crate::endpoint::refusal::Refusal;
use crate::role::request::Asked;

/// What is answered in the emulator's place.
#[derive(Debug)]
pub(crate) enum Answer {
    Done(Vec<u8>),
    Refused(Refusal),
}

/// The state of it.
#[derive(Debug, Default)]
pub(crate) struct StandIn {
    /// By region and id.
    queries: BTreeMap<(String, String), Value>,
    /// Tokens of queries that were made, and their ids.
    tokens: BTreeMap<(String, String), String>,
    /// Of log groups, by their ARNs.
    tags: BTreeMap<String, serde_json::Map<String, Value>>,
    mails: Vec<Mail>,
    next: u32,
    pub(crate) dashboard_messages: Vec<(String, String)>,
}

#[derive(Debug)]
struct Mail {
    topic: String,
    endpoint: String,
    /// Once it is confirmed.
    arn: Option<String>,
}

impl StandIn {
    /// The answer, if it is one that the emulator cannot give.
    pub(crate) fn answer(&mut self, asked: &Asked) -> Option<Answer> {
        let done = |value: Value| Some(Answer::Done(value.to_string().into_bytes()));
        match (asked.service.as_str(), asked.operation.as_str()) {
            ("logs", "PutQueryDefinition") => Some(match self.put_query(asked) {
                Ok(id) => Answer::Done(json!({ "queryDefinitionId": id }).to_string().into_bytes()),
                Err(refusal) => Answer::Refused(refusal),
            }),
            ("logs", "DescribeQueryDefinitions") => done(self.describe_queries(asked)),
            ("logs", "DeleteQueryDefinition") => {
                let key = (asked.region.clone(), asked.text("queryDefinitionId")?.to_owned());
                match self.queries.remove(&key) {
                    Some(_) => done(json!({ "success": true })),
                    None => Some(Answer::Refused(Refusal::missing("query definition"))),
                }
            }
            ("logs", "TagResource") => {
                let tags = asked.members["tags"].as_object()?.clone();
                self.tags.entry(asked.text("resourceArn")?.to_owned()).or_default().extend(tags);
                done(json!({}))
            }
            ("logs", "ListTagsForResource") => {
                let tags = self.tags.get(asked.text("resourceArn")?).cloned();
                done(json!({ "tags": tags.unwrap_or_default() }))
            }
            ("logs", "DeleteLogGroup") => {
                let end = format!(":log-group:{}", asked.text("logGroupName")?);
                self.tags.retain(|arn, _| !(arn.ends_with(&end) && arn.contains(&asked.region)));
                None
            }
            ("sns", "Subscribe") if asked.text("Protocol") == Some("email") => {
                let topic = asked.text("TopicArn")?.to_owned();
                let endpoint = asked.text("Endpoint")?.to_owned();
                let known = self.mails.iter().find(|mail| mail.topic == topic && mail.endpoint == endpoint);
                let arn = known.map(|mail| mail.arn.clone());
                if arn.is_none() {
                    self.mails.push(Mail { topic, endpoint, arn: None });
                }
                let arn = arn.flatten().unwrap_or_else(|| String::from("pending confirmation"));
                Some(Answer::Done(
                    format!(
                        "<SubscribeResponse xmlns=\"http://sns.amazonaws.com/doc/2010-03-31/\"><SubscribeResult>\
                         <SubscriptionArn>{arn}</SubscriptionArn></SubscribeResult></SubscribeResponse>"
                    )
                    .into_bytes(),
                ))
            }
            ("sns", "DeleteTopic") => {
                let topic = asked.text("TopicArn")?;
                self.mails.retain(|mail| mail.topic != topic);
                None
            }
            ("sns", "Unsubscribe") => {
                let arn = asked.text("SubscriptionArn")?;
                let at = self.mails.iter().position(|mail| mail.arn.as_deref() == Some(arn))?;
                self.mails.remove(at);
                Some(Answer::Done(b"<UnsubscribeResponse></UnsubscribeResponse>".to_vec()))
            }
            _ => None,
        }
    }

    /// What is changed in what the emulator is asked.
    pub(crate) fn rephrase(asked: &Asked, body: Vec<u8>) -> Vec<u8> {
        let puts = matches!(asked.operation.as_str(), "PutMetricAlarm" | "PutCompositeAlarm");
        if puts && asked.protocol == Protocol::Cbor { alarms::without_tags(&body) } else { body }
    }

    /// What is changed in the emulator's own answer.
    pub(crate) fn amend(&self, asked: &Asked, body: Vec<u8>) -> Vec<u8> {
        match (asked.service.as_str(), asked.operation.as_str()) {
            ("cloudwatch", "PutDashboard") if asked.protocol == Protocol::Cbor => {
                if self.dashboard_messages.is_empty() {
                    return body;
                }
                let message = |(path, text): &(String, String)| json!({ "DataPath": path, "Message": text });
                let messages: Vec<Value> = self.dashboard_messages.iter().map(message).collect();
                let mut body = Vec::new();
                ciborium::into_writer(&json!({ "DashboardValidationMessages": messages }), &mut body)
                    .expect("a vector takes everything");
                body
            }
            ("cloudwatch", "DescribeAlarms") => alarms::page(asked, &body),
            ("sns", "ListSubscriptionsByTopic") => {
                let text = String::from_utf8(body).expect("XML is text");
                let topic = asked.text("TopicArn").unwrap_or_default();
                let members: String =
                    self.mails.iter().filter(|mail| mail.topic == topic).map(Mail::member).collect();
                let text = text.replace("<Subscriptions/>", "<Subscriptions></Subscriptions>");
                let text = text.replace("<Subscriptions />", "<Subscriptions></Subscriptions>");
                text.replace("</Subscriptions>", &format!("{members}</Subscriptions>")).into_bytes()
            }
            _ => body,
        }
    }

    /// What the service says instead, where the emulator has other words for a refusal.
    pub(crate) fn correct(asked: &Asked, status: u16) -> Option<Refusal> {
        let is_dashboard = asked.service == "cloudwatch" && asked.operation == "GetDashboard";
        // <https://docs.aws.amazon.com/AmazonCloudWatch/latest/APIReference/API_GetDashboard.html>
        (is_dashboard && status < 500).then(|| {
            let name = asked.text("DashboardName").unwrap_or_default();
            let message = format!("Dashboard {name} does not exist");
            Refusal { code: "DashboardNotFoundError", status: 404, message }
        })
    }

    pub(crate) fn confirm(&mut self, endpoint: &str) {
        let waiting = self.mails.iter_mut().find(|mail| mail.endpoint == endpoint && mail.arn.is_none());
        let mail = waiting.unwrap_or_else(|| panic!("no mail waits at {endpoint}"));
        self.next += 1;
        mail.arn = Some(format!("{}:00000000-0000-4000-8000-{:012}", mail.topic, self.next));
    }

    pub(crate) fn save_query(&mut self, region: &str, name: &str, query: &str) {
        let id = self.id();
        let query = json!({ "queryDefinitionId": id, "name": name, "queryString": query, "logGroupNames": [],
            "lastModified": Timestamp::now().as_millisecond() });
        self.queries.insert((region.to_owned(), id), query);
    }

    fn id(&mut self) -> String {
        self.next += 1;
        format!("10000000-0000-4000-8000-{:012}", self.next)
    }

    fn put_query(&mut self, asked: &Asked) -> Result<String, Refusal> {
        let (region, name) = (&asked.region, asked.text("name").unwrap_or_default());
        let query = asked.text("queryString").unwrap_or_default();
        // <https://docs.aws.amazon.com/AmazonCloudWatchLogs/latest/APIReference/API_PutQueryDefinition.html>
        if name.is_empty() || name.len() > 255 {
            return Err(Refusal::constraint(name, "name", "have length between 1 and 255"));
        }
        if query.is_empty() || query.len() > 10_000 {
            return Err(Refusal::constraint(query, "queryString", "have length between 1 and 10000"));
        }
        let token = asked.text("clientToken").map(|token| (region.clone(), token.to_owned()));
        if let Some((_, token)) = &token
            && !(36..=128).contains(&token.len())
        {
            return Err(Refusal::constraint(token, "clientToken", "have length between 36 and 128"));
        }
        let id = match asked.text("queryDefinitionId") {
            Some(id) if self.queries.contains_key(&(region.clone(), id.to_owned())) => id.to_owned(),
            Some(_) => return Err(Refusal::missing("query definition")),
            None => match token.as_ref().and_then(|token| self.tokens.get(token)) {
                Some(made) => return Ok(made.clone()),
                None => self.id(),
            },
        };
        if let Some(token) = token {
            self.tokens.insert(token, id.clone());
        }
        let groups = asked.members["logGroupNames"].clone();
        let query = json!({ "queryDefinitionId": id, "name": name, "queryString": query,
            "logGroupNames": if groups.is_null() { json!([]) } else { groups },
            "lastModified": Timestamp::now().as_millisecond() });
        self.queries.insert((region.clone(), id.clone()), query);
        Ok(id)
    }

    /// Two a page, so that pages are read.
    fn describe_queries(&self, asked: &Asked) -> Value {
        const PAGE: usize = 2;
        let prefix = asked.text("queryDefinitionNamePrefix").unwrap_or_default();
        let of = |((region, _), query): &(&(String, String), &Value)| {
            *region == asked.region && query["name"].as_str().is_some_and(|name| name.starts_with(prefix))
        };
        let all: Vec<&Value> = self.queries.iter().filter(of).map(|(_, query)| query).collect();
        let from = asked.text("nextToken").and_then(|token| token.parse().ok()).unwrap_or(0_usize);
        let page: Vec<_> = all.iter().skip(from).take(PAGE).collect();
        let mut answer = json!({ "queryDefinitions": page });
        if from + PAGE < all.len() {
            answer["nextToken"] = json!((from + PAGE).to_string());
        }
        answer
    }
}

impl Mail {
    fn member(&self) -> String {
        format!(
            "<member><TopicArn>{}</TopicArn><Protocol>email</Protocol><SubscriptionArn>{}</SubscriptionArn>\
             <Owner>{}</Owner><Endpoint>{}</Endpoint></member>",
            self.topic,
            self.arn.as_deref().unwrap_or("PendingConfirmation"),
            crate::role::ACCOUNT,
            escaped(&self.endpoint)
        )
    }
}
