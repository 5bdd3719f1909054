//! CloudWatch Logs' operations over the store: a request body in, an answer's body or a refusal out.

use std::borrow::Cow;
use std::collections::BTreeMap;

use serde::Deserialize;
use serde_json::{Value, json};

use crate::endpoint::fault::{Fault, UNACCEPTABLE};
use crate::endpoint::put::{self, PutRequest, Verdict};
use crate::endpoint::refusal::Refusal;
use crate::endpoint::store::{Event, Group, Store, Stream};
use crate::endpoint::{Operation, names};

/// The retention periods the service knows, in days.
const RETENTIONS: [u32; 22] =
    [1, 3, 5, 7, 14, 30, 60, 90, 120, 150, 180, 365, 400, 545, 731, 1096, 1827, 2192, 2557, 2922, 3288, 3653];

/// When a call is answered.
#[derive(Debug, Clone, Copy)]
pub(crate) struct When {
    /// By the endpoint's clock, which a test may move.
    pub(crate) now_ms: i64,
    /// By the machine's clock, which printed the stamps in the lines.
    pub(crate) machine_ns: u64,
}

/// Carries out one operation.
pub(crate) fn perform(
    store: &mut Store,
    operation: Operation,
    body: &[u8],
    when: When,
    fault: Option<&Fault>,
) -> Result<String, Refusal> {
    match operation {
        Operation::PutLogEvents => put_log_events(store, body, when, fault),
        Operation::CreateLogGroup => create_log_group(store, body, when),
        Operation::CreateLogStream => create_log_stream(store, body, when),
        Operation::DeleteLogGroup => {
            let name = read::<GroupName<'_>>(body)?.log_group_name;
            store.group(&name)?;
            store.groups.remove(name.as_ref());
            Ok(String::new())
        }
        Operation::DeleteLogStream => {
            let names = read::<StreamName<'_>>(body)?;
            let streams = &mut store.group(&names.log_group_name)?.streams;
            let removed = streams.remove(names.log_stream_name.as_ref());
            removed.map(|_| String::new()).ok_or_else(|| Refusal::missing("log stream"))
        }
        Operation::PutRetentionPolicy => put_retention_policy(store, body),
        Operation::DescribeLogGroups => describe_log_groups(store, body),
        Operation::DescribeLogStreams => describe_log_streams(store, body),
        Operation::GetLogEvents => get_log_events(store, body),
        Operation::TagResource => {
            let request = read::<TagRequest<'_>>(body)?;
            tagged(store, &request.resource_arn)?.tags.extend(request.tags);
            Ok(String::new())
        }
        Operation::ListTagsForResource => {
            let request = read::<TagRequest<'_>>(body)?;
            Ok(json!({ "tags": tagged(store, &request.resource_arn)?.tags }).to_string())
        }
        Operation::PutMetricData | Operation::DescribeTags => {
            Err(Refusal::client("UnknownOperationException", "an operation of another service"))
        }
    }
}

/// Reads a body; what is not JSON of this shape is the client's fault.
fn read<'a, T: Deserialize<'a>>(body: &'a [u8]) -> Result<T, Refusal> {
    serde_json::from_slice(body).map_err(|error| Refusal::client("SerializationException", error.to_string()))
}

fn put_log_events(
    store: &mut Store,
    body: &[u8],
    when: When,
    fault: Option<&Fault>,
) -> Result<String, Refusal> {
    let request: PutRequest<'_> = read(body)?;
    put::check(&request)?;
    let (group, stream) = (request.log_group_name.as_ref(), request.log_stream_name.as_ref());
    let found = store.group(group)?;
    if !found.streams.contains_key(stream) {
        return Err(Refusal::missing("log stream"));
    }
    let events = &request.log_events;
    let length = events.len();
    let Verdict { kept, rejected } = match fault {
        Some(Fault::RefuseContaining { word }) if events.iter().any(|event| event.message.contains(word)) => {
            return Err(Refusal::parameter(UNACCEPTABLE));
        }
        Some(Fault::RejectOldest { events }) => put::verdict(length, (*events).min(length), 0, length),
        Some(Fault::RejectExpired { events }) => put::verdict(length, 0, (*events).min(length), length),
        Some(Fault::RejectNewest { events }) => put::verdict(length, 0, 0, length.saturating_sub(*events)),
        _ => put::judge(events, when.now_ms, found.retention_days),
    };
    store.take(group, stream, events, kept, when.machine_ns);
    // Clients ignore the token today; old ones, the awslogs driver among them, want to see one.
    let token = format!("{:056}", store.totals.batches);
    Ok(match rejected {
        None => json!({ "nextSequenceToken": token }),
        Some(rejected) => json!({ "nextSequenceToken": token, "rejectedLogEventsInfo": rejected }),
    }
    .to_string())
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct GroupName<'a> {
    #[serde(borrow, default)]
    log_group_name: Cow<'a, str>,
    #[serde(default)]
    tags: Option<BTreeMap<String, String>>,
    #[serde(default)]
    retention_in_days: u32,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct StreamName<'a> {
    #[serde(borrow, default)]
    log_group_name: Cow<'a, str>,
    #[serde(borrow, default)]
    log_stream_name: Cow<'a, str>,
}

fn create_log_group(store: &mut Store, body: &[u8], when: When) -> Result<String, Refusal> {
    let request = read::<GroupName<'_>>(body)?;
    names::check_group(&request.log_group_name)?;
    store.create_group(&request.log_group_name, request.tags.unwrap_or_default(), when.now_ms)?;
    Ok(String::new())
}

fn create_log_stream(store: &mut Store, body: &[u8], when: When) -> Result<String, Refusal> {
    let request = read::<StreamName<'_>>(body)?;
    names::check_group(&request.log_group_name)?;
    names::check_stream(&request.log_stream_name)?;
    store.create_stream(&request.log_group_name, &request.log_stream_name, when.now_ms)?;
    Ok(String::new())
}

fn put_retention_policy(store: &mut Store, body: &[u8]) -> Result<String, Refusal> {
    let request = read::<GroupName<'_>>(body)?;
    let group = store.group(&request.log_group_name)?;
    let days = request.retention_in_days;
    if !RETENTIONS.contains(&days) {
        return Err(Refusal::constraint(
            &days.to_string(),
            "retentionInDays",
            "satisfy enum value set: [1, 3, 5, 7, 14, 30, …]",
        ));
    }
    group.retention_days = Some(days);
    Ok(String::new())
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct DescribeRequest<'a> {
    #[serde(borrow, default)]
    log_group_name: Cow<'a, str>,
    #[serde(borrow, default)]
    log_group_name_prefix: Option<Cow<'a, str>>,
    #[serde(borrow, default)]
    log_stream_name_prefix: Option<Cow<'a, str>>,
    #[serde(default)]
    limit: Option<usize>,
    #[serde(default)]
    next_token: Option<String>,
}

/// A listing's body: the page behind the token, which is the last name of the page before.
fn listing<T>(
    member: &str,
    all: &BTreeMap<String, T>,
    prefix: Option<&str>,
    request: &DescribeRequest<'_>,
    describe: impl Fn(&String, &T) -> Value,
) -> Result<String, Refusal> {
    let limit = request.limit.unwrap_or(50);
    if !(1..=50).contains(&limit) {
        return Err(Refusal::constraint(&limit.to_string(), "limit", "have value between 1 and 50"));
    }
    let matching = |(name, _): &(&String, &T)| {
        name.starts_with(prefix.unwrap_or_default())
            && request.next_token.as_ref().is_none_or(|token| *name > token)
    };
    let mut page: Vec<_> = all.iter().filter(matching).take(limit + 1).collect();
    let more = page.len() > limit;
    page.truncate(limit);
    let mut body =
        json!({ member: page.iter().map(|(name, item)| describe(name, item)).collect::<Vec<_>>() });
    if let Some((last, _)) = page.last().filter(|_| more) {
        body["nextToken"] = json!(last);
    }
    Ok(body.to_string())
}

fn describe_log_groups(store: &Store, body: &[u8]) -> Result<String, Refusal> {
    let request: DescribeRequest<'_> = read(body)?;
    let describe = |name: &String, group: &Group| {
        let arn = format!("arn:aws:logs:eu-west-1:123456789012:log-group:{name}");
        let mut item = json!({
            "logGroupName": name, "creationTime": group.created_ms, "metricFilterCount": 0,
            "arn": format!("{arn}:*"), "logGroupArn": arn, "storedBytes": 0,
            "logGroupClass": "STANDARD",
        });
        if let Some(days) = group.retention_days {
            item["retentionInDays"] = json!(days);
        }
        item
    };
    listing("logGroups", &store.groups, request.log_group_name_prefix.as_deref(), &request, describe)
}

fn describe_log_streams(store: &mut Store, body: &[u8]) -> Result<String, Refusal> {
    let request: DescribeRequest<'_> = read(body)?;
    let name = request.log_group_name.as_ref();
    store.group(name)?;
    let streams = &store.groups[name].streams;
    let describe = |stream: &String, state: &Stream| {
        let mut item = json!({
            "logStreamName": stream, "creationTime": state.created_ms, "storedBytes": 0,
            "arn": format!("arn:aws:logs:eu-west-1:123456789012:log-group:{name}:log-stream:{stream}"),
        });
        let events = store.arrived(name, stream).map(|arrived| &arrived.events[state.since..]);
        let times = || events.into_iter().flatten().map(|event| event.timestamp);
        if let (Some(first), Some(last)) = (times().min(), times().max()) {
            item["firstEventTimestamp"] = json!(first);
            item["lastEventTimestamp"] = json!(last);
        }
        item
    };
    listing("logStreams", streams, request.log_stream_name_prefix.as_deref(), &request, describe)
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct GetRequest<'a> {
    #[serde(borrow, default)]
    log_group_name: Cow<'a, str>,
    #[serde(borrow, default)]
    log_stream_name: Cow<'a, str>,
    #[serde(default)]
    start_time: Option<i64>,
    #[serde(default)]
    end_time: Option<i64>,
    #[serde(default)]
    start_from_head: bool,
    #[serde(default)]
    limit: Option<usize>,
    #[serde(default)]
    next_token: Option<String>,
}

fn get_log_events(store: &mut Store, body: &[u8]) -> Result<String, Refusal> {
    let request: GetRequest<'_> = read(body)?;
    let (group, stream) = (request.log_group_name.as_ref(), request.log_stream_name.as_ref());
    if !store.keeps_messages {
        // An empty page would be a lie; a role without the right is what the agent must cope with anyway.
        let fault = Fault::AccessDenied.refusal(Operation::GetLogEvents);
        return Err(fault.expect("a refusal by its nature"));
    }
    let found = store.group(group)?;
    let since = found.streams.get(stream).ok_or_else(|| Refusal::missing("log stream"))?.since;
    let limit = request.limit.unwrap_or(10_000);
    if !(1..=10_000).contains(&limit) {
        return Err(Refusal::constraint(&limit.to_string(), "limit", "have value between 1 and 10000"));
    }
    let wanted = |event: &&Event| {
        request.start_time.is_none_or(|start| event.timestamp >= start)
            && request.end_time.is_none_or(|end| event.timestamp < end)
    };
    let arrived = store.arrived(group, stream).map_or(&[][..], |arrived| &arrived.events[since..]);
    let mut events: Vec<&Event> = arrived.iter().filter(wanted).collect();
    events.sort_by_key(|event| event.timestamp);
    let position = |token: &str| token.get(2..)?.parse::<usize>().ok();
    let (from, to) = match &request.next_token {
        None if request.start_from_head => (0, limit.min(events.len())),
        None => (events.len().saturating_sub(limit), events.len()),
        Some(token) => {
            let invalid = || Refusal::parameter("The specified nextToken is invalid.");
            let at = position(token).ok_or_else(invalid)?.min(events.len());
            match token.as_bytes() {
                [b'f', ..] => (at, (at + limit).min(events.len())),
                [b'b', ..] => (at.saturating_sub(limit), at),
                _ => return Err(invalid()),
            }
        }
    };
    let items: Vec<Value> = events[from..to]
        .iter()
        .map(|event| {
            json!({ "timestamp": event.timestamp, "ingestionTime": event.timestamp, "message": event.message })
        })
        .collect();
    let (forward, backward) = (format!("f/{to}"), format!("b/{from}"));
    Ok(json!({ "events": items, "nextForwardToken": forward, "nextBackwardToken": backward }).to_string())
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct TagRequest<'a> {
    #[serde(borrow, default)]
    resource_arn: Cow<'a, str>,
    #[serde(default)]
    tags: BTreeMap<String, String>,
}

/// The group an ARN names, which stands behind its sixth colon.
fn tagged<'s>(store: &'s mut Store, arn: &str) -> Result<&'s mut Group, Refusal> {
    match arn.splitn(7, ':').collect::<Vec<_>>()[..] {
        ["arn", _, "logs", _, _, "log-group", name] => store.group(name),
        _ => {
            Err(Refusal::constraint(arn, "resourceArn", "satisfy regular expression pattern: [\\w+=/:,.@-]*"))
        }
    }
}
