//! What the service does to a list of alarms and the emulator does not: it gives them a page at a time, and
//! an alarm that was named as a suppressor by its ARN; and it can show alarms that were made with tags.

use ciborium::Value as Cbor;

use crate::role::ACCOUNT;
use crate::role::request::Asked;

/// What an answer has where nobody asks for fewer, and at most.
/// <https://docs.aws.amazon.com/AmazonCloudWatch/latest/APIReference/API_DescribeAlarms.html>
const PAGE: usize = 100;

/// An alarm as the emulator can take it: with the tags in it, it could not be listed any more.
pub(super) fn without_tags(body: &[u8]) -> Vec<u8> {
    let Ok(Cbor::Map(mut members)) = ciborium::from_reader(body) else { panic!("no map of CBOR") };
    members.retain(|(name, _)| name.as_text() != Some("Tags"));
    let mut without = Vec::new();
    write(&Cbor::Map(members), &mut without);
    without
}

/// The page of the whole list that is asked for.
pub(super) fn page(asked: &Asked, body: &[u8]) -> Vec<u8> {
    let Ok(Cbor::Map(mut members)) = ciborium::from_reader(body) else { panic!("no map of CBOR") };
    let from = asked.text("NextToken").and_then(|token| token.parse().ok()).unwrap_or(0_usize);
    let most = asked.members["MaxRecords"].as_u64().and_then(|most| usize::try_from(most).ok());
    let to = from + most.unwrap_or(PAGE).min(PAGE);
    let mut before = 0;
    for (name, list) in &mut members {
        let Cbor::Array(list) = list else { continue };
        if name.as_text() == Some("CompositeAlarms") {
            for alarm in list.iter_mut() {
                name_suppressor(alarm, &asked.region);
            }
        }
        let all = list.len();
        let mut at = before..before + all;
        list.retain(|_| at.next().is_some_and(|at| (from..to).contains(&at)));
        before += all;
    }
    members.retain(|(name, _)| name.as_text() != Some("NextToken"));
    if before > to {
        members.push((Cbor::Text("NextToken".to_owned()), Cbor::Text(to.to_string())));
    }
    let mut page = Vec::new();
    write(&Cbor::Map(members), &mut page);
    page
}

/// As the service writes it: every number that is no whole one in eight bytes. A library would save some of
/// them, and the SDK does not read halves.
fn write(value: &Cbor, to: &mut Vec<u8>) {
    match value {
        Cbor::Float(number) => {
            to.push(0xfb);
            to.extend(number.to_be_bytes());
        }
        Cbor::Tag(tag, value) => {
            to.push(0xc0 | u8::try_from(*tag).ok().filter(|tag| *tag < 24).expect("the tag of a time"));
            write(value, to);
        }
        Cbor::Array(items) => {
            to.push(0x9f);
            for item in items {
                write(item, to);
            }
            to.push(0xff);
        }
        Cbor::Map(members) => {
            to.push(0xbf);
            for (name, value) in members {
                write(name, to);
                write(value, to);
            }
            to.push(0xff);
        }
        other => ciborium::into_writer(other, to).expect("a vector takes everything"),
    }
}

fn name_suppressor(alarm: &mut Cbor, region: &str) {
    let Cbor::Map(members) = alarm else { panic!("an alarm is a map") };
    for (name, value) in members {
        if name.as_text() == Some("ActionsSuppressor")
            && let Cbor::Text(suppressor) = value
            && !suppressor.starts_with("arn:")
        {
            *suppressor = format!("arn:aws:cloudwatch:{region}:{ACCOUNT}:alarm:{suppressor}");
        }
    }
}
