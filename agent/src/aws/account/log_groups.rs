//! Log groups, from the account and into it.

use std::collections::{BTreeMap, HashMap};

use super::answer::{Call, Failed};
use super::{AwsAccount, LOGS, list, text};
use crate::provision::{Address, Content, Held, Kind, Refusal, Resource};

// Quotas: <https://docs.aws.amazon.com/AmazonCloudWatch/latest/logs/cloudwatch_limits_cwl.html>; those that
// have none there are taken at half of the least.
const DESCRIBE: Call = Call::new(LOGS, "DescribeLogGroups", 10);
const CREATE: Call = Call::new(LOGS, "CreateLogGroup", 10);
const RETAIN: Call = Call::new(LOGS, "PutRetentionPolicy", 10);
const DELETE: Call = Call::new(LOGS, "DeleteLogGroup", 10);
const TAG: Call = Call::new(LOGS, "TagResource", 5);
const LIST_TAGS: Call = Call::new(LOGS, "ListTagsForResource", 5);

impl AwsAccount {
    pub(super) async fn read_log_groups(&self, region: &str) -> Result<Vec<Held>, Refusal> {
        let mut held = Vec::new();
        for name in &self.names.log_groups {
            held.extend(self.read_log_group(region, name).await.map_err(Failed::refusal)?);
        }
        Ok(held)
    }

    async fn read_log_group(&self, region: &str, name: &str) -> Result<Option<Held>, Failed> {
        let client = self.clients(region).logs;
        // Its right is one for all groups, whatever is asked for.
        let every = self.arn("logs", region, "log-group:*");
        let mut token = None;
        let found = loop {
            let ask = client.describe_log_groups().log_group_name_prefix(name).set_next_token(token);
            let page = self.call(DESCRIBE, region, &every, || ask.clone().send()).await?;
            let found = list(page.log_groups).into_iter().find(|group| group.log_group_name() == Some(name));
            token = text(page.next_token);
            if found.is_some() || token.is_none() {
                break found;
            }
        };
        let Some(group) = found else { return Ok(None) };
        if let Some(arn) = &group.arn {
            self.learn(arn);
        }
        let arn = self.group_arn(region, name);
        let ask = client.list_tags_for_resource().resource_arn(&arn);
        // The default role may not read them: then the group is one without tags.
        let tags = match self.call(LIST_TAGS, region, &arn, || ask.clone().send()).await {
            Ok(answer) => answer.tags.unwrap_or_default().into_iter().collect(),
            Err(Failed::Refused(Refusal::Denied { .. }) | Failed::Missing(_)) => BTreeMap::new(),
            Err(failed) => return Err(failed),
        };
        let resource = Resource {
            address: Address { kind: Kind::LogGroup, region: region.to_owned(), name: name.to_owned() },
            content: Content::LogGroup { retention_in_days: group.retention_in_days },
            tags,
        };
        Ok(Some(Held { resource, id: None, state: None }))
    }

    pub(super) async fn put_log_group(
        &self,
        wanted: &Resource,
        held: Option<&Held>,
        retention: Option<i32>,
    ) -> Result<Vec<String>, Failed> {
        let Address { region, name, .. } = &wanted.address;
        let (client, arn) = (self.clients(region).logs, self.group_arn(region, name));
        if held.is_none() {
            // Tags come after it: with them, the call would need a right that the default role lacks.
            let create = client.create_log_group().log_group_name(name);
            match self.call(CREATE, region, &arn, || create.clone().send()).await {
                Ok(_) => {}
                // Somebody was faster, or our own first try: who chose how long it keeps logs is not us.
                Err(Failed::Exists(_)) => {
                    let there = self.read_log_group(region, name).await?;
                    let keeps = there.map(|held| held.resource.content);
                    if let Some(Content::LogGroup { retention_in_days: Some(_) }) = keeps {
                        return Ok(Vec::new());
                    }
                }
                Err(failed) => return Err(failed),
            }
        }
        let keeps = held.and_then(|held| match held.resource.content {
            Content::LogGroup { retention_in_days } => retention_in_days,
            _ => None,
        });
        if let Some(days) = retention.filter(|days| keeps != Some(*days)) {
            let put = client.put_retention_policy().log_group_name(name).retention_in_days(days);
            self.call(RETAIN, region, &arn, || put.clone().send()).await?;
        }
        let lacks = |(key, value): &(&String, &String)| {
            held.is_none_or(|held| held.resource.tags.get(*key) != Some(*value))
        };
        let lacking = wanted.tags.iter().filter(lacks);
        let tags: HashMap<String, String> =
            lacking.map(|(key, value)| (key.clone(), value.clone())).collect();
        if tags.is_empty() {
            return Ok(Vec::new());
        }
        let tag = client.tag_resource().resource_arn(&arn).set_tags(Some(tags));
        match self.call(TAG, region, &arn, || tag.clone().send()).await {
            Ok(_) => Ok(Vec::new()),
            Err(failed) => Ok(vec![format!("its tags stay as they are: {}", failed.refusal())]),
        }
    }

    pub(super) async fn delete_log_group(&self, region: &str, name: &str) -> Result<(), Failed> {
        let delete = self.clients(region).logs.delete_log_group().log_group_name(name);
        let arn = self.group_arn(region, name);
        self.call(DELETE, region, &arn, || delete.clone().send()).await.map(|_| ())
    }

    fn group_arn(&self, region: &str, name: &str) -> String {
        self.arn("logs", region, &format!("log-group:{name}"))
    }
}
