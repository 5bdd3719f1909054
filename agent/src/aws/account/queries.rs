//! Saved queries of Logs Insights, from the account and into it.
//!
//! Their names are not unique: two of one name are both told, and which of them goes is a plan's to say.

use std::collections::BTreeMap;

use super::answer::{Call, Failed};
use super::{AwsAccount, LOGS, list, text};
use crate::provision::{Address, Content, Held, Kind, Refusal, Resource};

// The service names no quota for these: what it does for the other rare operations.
// <https://docs.aws.amazon.com/AmazonCloudWatch/latest/logs/cloudwatch_limits_cwl.html>
const DESCRIBE: Call = Call::new(LOGS, "DescribeQueryDefinitions", 5);
const PUT: Call = Call::new(LOGS, "PutQueryDefinition", 5);
const DELETE: Call = Call::new(LOGS, "DeleteQueryDefinition", 5);

/// The most that one answer has.
/// <https://docs.aws.amazon.com/AmazonCloudWatchLogs/latest/APIReference/API_DescribeQueryDefinitions.html>
const PAGE: i32 = 1000;

/// These three actions know no resources.
/// <https://docs.aws.amazon.com/service-authorization/latest/reference/list_amazoncloudwatchlogs.html>
const EVERYTHING: &str = "*";

impl AwsAccount {
    /// Those whose names begin as ours do.
    pub(super) async fn read_queries(&self, region: &str) -> Result<Vec<Held>, Refusal> {
        let client = self.clients(region).logs;
        let mut held = Vec::new();
        let mut token = None;
        loop {
            let ask = client
                .describe_query_definitions()
                .query_definition_name_prefix(&self.names.prefix)
                .max_results(PAGE)
                .set_next_token(token);
            let page = self.call(DESCRIBE, region, EVERYTHING, || ask.clone().send()).await;
            let page = page.map_err(Failed::refusal)?;
            for query in list(page.query_definitions) {
                let name = query.name.unwrap_or_default();
                let resource = Resource {
                    address: Address { kind: Kind::SavedQuery, region: region.to_owned(), name },
                    content: Content::SavedQuery {
                        log_group_names: list(query.log_group_names),
                        query_string: query.query_string.unwrap_or_default(),
                    },
                    tags: BTreeMap::new(),
                };
                held.push(Held { resource, id: query.query_definition_id, state: None });
            }
            token = text(page.next_token);
            if token.is_none() {
                return Ok(held);
            }
        }
    }

    /// Changes the one of this id; without one, makes it.
    pub(super) async fn put_query(
        &self,
        region: &str,
        name: &str,
        id: Option<&str>,
        groups: &[String],
        query: &str,
    ) -> Result<Vec<String>, Failed> {
        let put = self
            .clients(region)
            .logs
            .put_query_definition()
            .name(name)
            .set_query_definition_id(id.map(ToOwned::to_owned))
            .set_log_group_names((!groups.is_empty()).then(|| groups.to_vec()))
            .query_string(query);
        // Two hosts that make the same at the same time give the same token, and one of them makes it.
        let token_of = || {
            token(&[&[region, name, query], &*groups.iter().map(String::as_str).collect::<Vec<_>>()].concat())
        };
        let put = if id.is_none() { put.client_token(token_of()) } else { put };
        self.call(PUT, region, EVERYTHING, || put.clone().send()).await.map(|_| Vec::new())
    }

    pub(super) async fn delete_query(&self, region: &str, held: &Held) -> Result<(), Failed> {
        let id = held.id.clone().unwrap_or_default();
        let delete = self.clients(region).logs.delete_query_definition().query_definition_id(id);
        self.call(DELETE, region, EVERYTHING, || delete.clone().send()).await.map(|_| ())
    }
}

/// Of 36 characters, the fewest that are taken: FNV-1a, which is the same in every program that asks.
/// <http://www.isthe.com/chongo/tech/comp/fnv/>
fn token(parts: &[&str]) -> String {
    const BASIS: u128 = 0x6c62_272e_07bb_0142_62b8_2175_6295_c58d;
    const PRIME: u128 = 0x0000_0000_0100_0000_0000_0000_0000_013b;
    let bytes = parts.iter().flat_map(|part| part.bytes().chain([0]));
    let hash = bytes.fold(BASIS, |hash, byte| (hash ^ u128::from(byte)).wrapping_mul(PRIME));
    format!("{hash:036x}")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_token_is_of_its_query_alone() {
        let one = token(&["eu-west-1", "starttech-errors", "fields @message"]);
        assert_eq!(one, token(&["eu-west-1", "starttech-errors", "fields @message"]));
        for other in [
            ["us-east-1", "starttech-errors", "fields @message"],
            ["eu-west-1", "starttech-error", "sfields @message"],
        ] {
            assert_ne!(one, token(&other));
        }
        assert!(one.len() == 36 && one.bytes().all(|byte| byte.is_ascii_hexdigit()), "{one}");
    }
}
