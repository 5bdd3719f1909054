//! What a request asks for, in the words of policies: the action, its resources, its context.

use ciborium::Value as Cbor;
use hyper::http::request::Parts;
use serde_json::{Map, Value, json};

use crate::endpoint::protocol::Protocol;
use crate::endpoint::wire;
use crate::role::ACCOUNT;
use crate::role::policy::Context;

/// A request, understood.
#[derive(Debug)]
pub(crate) struct Asked {
    pub(crate) protocol: Protocol,
    /// As policies call it: `cloudwatch`, `logs`, `sns`, `sts`.
    pub(crate) service: String,
    /// Of the signature.
    pub(crate) region: String,
    pub(crate) operation: String,
    /// Members of the request; of the query protocol, texts by their flat names.
    pub(crate) members: Value,
}

impl Asked {
    /// Reads a request; `None` where it is none of AWS.
    pub(crate) fn read(head: &Parts, body: &[u8]) -> Option<Self> {
        let authorization = head.headers.get("authorization")?.to_str().ok()?;
        let scope = authorization.split_once("Credential=")?.1.split(',').next()?;
        let [_, _, region, service, _] = scope.split('/').collect::<Vec<_>>()[..] else { return None };
        let body = wire::inflated(&head.headers, body).ok()?;
        let wanted = wire::wanted(head, &body);
        let operation = wanted.target.rsplit(['.', '/']).next().unwrap_or_default().to_owned();
        let members = match wanted.protocol {
            Protocol::Json => serde_json::from_slice(&body).unwrap_or(Value::Null),
            Protocol::Cbor => ciborium::from_reader(&body[..]).map_or(Value::Null, plain),
            Protocol::Query => {
                let member = |(name, value): (String, String)| (name, Value::String(value));
                Value::Object(wanted.parameters.into_iter().map(member).collect())
            }
        };
        let service = if service == "monitoring" { "cloudwatch" } else { service };
        Some(Self {
            protocol: wanted.protocol,
            service: service.to_owned(),
            region: region.to_owned(),
            operation,
            members,
        })
    }

    /// `cloudwatch:PutMetricAlarm`
    pub(crate) fn action(&self) -> String {
        format!("{}:{}", self.service, self.operation)
    }

    /// What conditions look at.
    pub(crate) fn context(&self) -> Context {
        let texts = |members: &[&str]| {
            let lists = members.iter().filter_map(|member| self.members[*member].as_array());
            lists.flatten().filter_map(|text| text.as_str().map(str::to_owned)).collect()
        };
        let (key, values) = match self.operation.as_str() {
            "PutMetricData" => {
                let namespace = self.text("Namespace").map(str::to_owned);
                ("cloudwatch:namespace", namespace.into_iter().collect())
            }
            "PutMetricAlarm" | "PutCompositeAlarm" => {
                let actions = texts(&["AlarmActions", "OKActions", "InsufficientDataActions"]);
                ("cloudwatch:AlarmActions", actions)
            }
            _ => return Context::new(),
        };
        Context::from([(key.to_owned(), values)])
    }

    pub(crate) fn text(&self, member: &str) -> Option<&str> {
        self.members[member].as_str()
    }

    /// The rights that it needs: actions and resources.
    /// <https://docs.aws.amazon.com/service-authorization/latest/reference/list_amazoncloudwatch.html>,
    /// `…/list_amazoncloudwatchlogs.html`, `…/list_amazonsns.html`
    pub(crate) fn needs(&self) -> Vec<(String, String)> {
        let resources = self.resources();
        let mut needs: Vec<_> = resources.iter().map(|resource| (self.action(), resource.clone())).collect();
        // Tags given when something is made need the right to tag it.
        let has_tags = match self.protocol {
            Protocol::Query => self.text("Tags.member.1.Key").is_some(),
            Protocol::Json => self.members["tags"].as_object().is_some_and(|tags| !tags.is_empty()),
            Protocol::Cbor => self.members["Tags"].as_array().is_some_and(|tags| !tags.is_empty()),
        };
        if has_tags && self.operation != "TagResource" {
            let tag = format!("{}:TagResource", self.service);
            let made = self.text("AlarmName").map(|name| vec![self.alarm(name)]).unwrap_or(resources);
            needs.extend(made.into_iter().map(|resource| (tag.clone(), resource)));
        }
        needs
    }

    fn alarm(&self, name: &str) -> String {
        format!("arn:aws:cloudwatch:{}:{ACCOUNT}:alarm:{name}", self.region)
    }

    fn resources(&self) -> Vec<String> {
        let region = &self.region;
        let arn = |rest: String| format!("arn:aws:{}:{region}:{ACCOUNT}:{rest}", self.service);
        let alarm = |name: &str| self.alarm(name);
        let dashboard = |name: &str| format!("arn:aws:cloudwatch::{ACCOUNT}:dashboard/{name}");
        let group = |name: &str| arn(format!("log-group:{name}"));
        let names = |member: &str| {
            let names = self.members[member].as_array().cloned().unwrap_or_default();
            names.iter().filter_map(|name| name.as_str().map(str::to_owned)).collect::<Vec<_>>()
        };
        let one = |member: &str, make: &dyn Fn(&str) -> String| {
            self.text(member).map(make).into_iter().collect::<Vec<_>>()
        };
        let given = |member: &str| one(member, &str::to_owned);
        match (self.service.as_str(), self.operation.as_str()) {
            // Nothing less than all will do.
            // <https://docs.aws.amazon.com/AmazonCloudWatch/latest/APIReference/API_PutCompositeAlarm.html>
            ("cloudwatch", "DescribeAlarms" | "PutCompositeAlarm") => vec![alarm("*")],
            ("cloudwatch", "PutMetricAlarm" | "SetAlarmState") => one("AlarmName", &alarm),
            ("cloudwatch", "DeleteAlarms") => names("AlarmNames").iter().map(|name| alarm(name)).collect(),
            ("cloudwatch", "GetDashboard" | "PutDashboard") => one("DashboardName", &dashboard),
            ("cloudwatch", "DeleteDashboards") => {
                names("DashboardNames").iter().map(|name| dashboard(name)).collect()
            }
            ("cloudwatch", "TagResource" | "ListTagsForResource") => given("ResourceARN"),
            ("logs", "TagResource" | "ListTagsForResource") => given("resourceArn"),
            ("logs", "DescribeLogGroups") => vec![group(":log-stream:")],
            ("logs", _) if self.text("logStreamName").is_some() => {
                let stream = self.text("logStreamName").unwrap_or_default();
                one("logGroupName", &|name| group(&format!("{name}:log-stream:{stream}")))
            }
            ("logs", _) if self.text("logGroupName").is_some() => one("logGroupName", &group),
            ("sns", "ListTopics") => vec![arn(String::from("*"))],
            ("sns", "CreateTopic") => one("Name", &|name| arn(name.to_owned())),
            ("sns", "TagResource" | "ListTagsForResource") => given("ResourceArn"),
            ("sns", _) if self.text("TopicArn").is_some() => given("TopicArn"),
            // Nobody needs a right for it.
            ("sts", "GetCallerIdentity") => Vec::new(),
            _ => vec![String::from("*")],
        }
    }
}

/// Numbers, texts, lists and maps; of a time, its seconds.
pub(crate) fn plain(value: Cbor) -> Value {
    match value {
        Cbor::Integer(number) => json!(i64::try_from(i128::from(number)).expect("no such numbers are sent")),
        Cbor::Float(number) => json!(number),
        Cbor::Text(text) => Value::String(text),
        Cbor::Bool(value) => Value::Bool(value),
        Cbor::Array(items) => items.into_iter().map(plain).collect(),
        Cbor::Map(members) => {
            let member = |(key, value): (Cbor, Cbor)| Some((key.into_text().ok()?, plain(value)));
            Value::Object(members.into_iter().filter_map(member).collect::<Map<_, _>>())
        }
        Cbor::Tag(_, value) => plain(*value),
        _ => Value::Null,
    }
}
