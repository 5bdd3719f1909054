//! What somebody meant to replace and did not: `<ALB_ARN_SUFFIX>`, `YOUR_…`, `${…}`, `REPLACE_ME`.
//!
//! `CloudWatch` takes such words as they are. It does not know what should stand there.

use super::Findings;
use super::rule::{self, Rule};
use super::text::Text;

/// What kind of text is looked at.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Field {
    /// A name, an id, an ARN, a region.
    Value,
    /// Words for people: titles and descriptions. `<b>` and "your service" are fine.
    Prose,
}

/// What was found, and where in the text.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Placeholder {
    rule: &'static Rule,
    at: usize,
    message: String,
    mend: &'static str,
}

/// The longest of them, in bytes.
const LONGEST: usize = 200;

const RENDER: &str = "render the template first (Terraform: templatefile) and lint what comes out";
const REPLACE: &str = "write the account's own name or id";

/// What CloudWatch replaces in labels.
/// <https://docs.aws.amazon.com/AmazonCloudWatch/latest/monitoring/graph-dynamic-labels.html>
const DYNAMIC: [&str; 13] = [
    "AVG",
    "DATAPOINT_COUNT",
    "FIRST",
    "LABEL",
    "LAST",
    "MAX",
    "MIN",
    "PROP",
    "SUM",
    "FIRST_",
    "LAST_",
    "MAX_",
    "MIN_",
];

/// Ids that stand in AWS's documentation.
const EXAMPLES: [&str; 12] = [
    "1234567890abcdef0",
    "0123456789abcdef0",
    "0abcdef1234567890",
    "1234567890abcdef",
    "0123456789abcdef",
    "1234567890123456",
    "abcdef1234567890",
    "abcdef0123456789",
    "50dc6c495c0c9188",
    "73e2d6bc24d8a067",
    "EDFDVBD6EXAMPLE",
    "E1234567890ABC",
];

const EXAMPLE_ACCOUNTS: [&str; 4] = ["123456789012", "111122223333", "000000000000", "111111111111"];

/// Tells of the first one in a text, unless the dashboard has a variable of this name.
pub(super) fn judge(text: &Text, field: Field, path: &str, allowed: &[String], out: &mut Findings) -> bool {
    let Some(found) = find(&text.text, field) else { return false };
    let rest = text.text.get(found.at..).unwrap_or_default();
    if allowed.iter().any(|allowed| !allowed.is_empty() && rest.starts_with(allowed.as_str())) {
        return false;
    }
    out.add(found.rule, text.origin(found.at), path, found.message, found.mend);
    found.rule == &rule::PLACEHOLDER
}

/// Whether a value is one, or holds one.
pub(super) fn is_in(text: &str) -> bool {
    find(text, Field::Value).is_some_and(|found| found.rule == &rule::PLACEHOLDER)
}

pub(super) fn find(text: &str, field: Field) -> Option<Placeholder> {
    variable(text)
        .or_else(|| in_angles(text, field))
        .or_else(|| (field == Field::Value).then(|| in_arn(text)).flatten())
        .or_else(|| words(text).find_map(|(at, word)| in_word(text, at, word, field)))
        .or_else(|| (field == Field::Value).then(|| dots(text)).flatten())
}

fn found(at: usize, word: &str, mend: &'static str) -> Placeholder {
    let message = format!("`{word}` is a placeholder that nobody replaced");
    Placeholder { rule: &rule::PLACEHOLDER, at, message, mend }
}

/// An account that cannot be anybody's. Who shows a file to others masks it like this.
fn example_account(at: usize, account: &str) -> Placeholder {
    let message = format!("`{account}` is nobody's account: an example, or a masked one");
    let mend = "write the account's number, if this is to be imported";
    Placeholder { rule: &rule::EXAMPLE_ACCOUNT, at, message, mend }
}

fn example(at: usize, word: &str) -> Placeholder {
    let message = format!("`{word}` is an example of AWS's documentation");
    Placeholder { rule: &rule::EXAMPLE_VALUE, at, message, mend: REPLACE }
}

/// What stands from here to its closing sign, if that is near: a placeholder is short.
fn until(text: &str, close: char) -> Option<&str> {
    let near = text.get(..text.floor_char_boundary(LONGEST))?;
    near.get(..near.find(close)?)
}

fn variable(text: &str) -> Option<Placeholder> {
    for (at, _) in text.match_indices("${") {
        let inside = text.get(at + 2..).unwrap_or_default();
        let Some(name) = until(inside, '}') else { continue };
        let capitals = name.bytes().take_while(|b| b.is_ascii_uppercase() || *b == b'_').count();
        let head = name.get(..capitals).unwrap_or_default();
        let dynamic =
            DYNAMIC.iter().any(|known| head == *known || (known.ends_with('_') && head.starts_with(known)));
        if !dynamic && !name.is_empty() {
            let message = format!("`${{{name}}}` is a template's variable, which CloudWatch takes literally");
            return Some(Placeholder { rule: &rule::PLACEHOLDER, at, message, mend: RENDER });
        }
    }
    text.match_indices("{{").find_map(|(at, _)| {
        let name = until(text.get(at + 2..)?, '}')?;
        Some(found(at, &format!("{{{{{name}}}}}"), RENDER))
    })
}

fn in_angles(text: &str, field: Field) -> Option<Placeholder> {
    text.match_indices('<').find_map(|(at, _)| {
        // `(?<name>…)` is a group of a regular expression.
        let before = text.get(..at)?;
        if before.ends_with("(?") || before.ends_with("(?P") {
            return None;
        }
        let inside = text.get(at + 1..)?;
        let name = until(inside, '>')?;
        let letters = name.chars().all(|c| c.is_ascii_alphanumeric() || " _-./".contains(c));
        let begins = name.starts_with(|c: char| c.is_ascii_alphabetic()) && name.len() <= 60;
        let loud = name.len() > 2 && !name.contains(|c: char| c.is_ascii_lowercase());
        (letters && begins && (loud || field == Field::Value))
            .then(|| found(at, &format!("<{name}>"), REPLACE))
    })
}

fn words(text: &str) -> impl Iterator<Item = (usize, &str)> {
    let is_part = |c: char| c.is_ascii_alphanumeric() || c == '_' || c == '-';
    let mut at = 0;
    text.split_inclusive(move |c| !is_part(c)).map(move |piece| {
        let from = at;
        at += piece.len();
        (from, piece.trim_end_matches(move |c| !is_part(c)))
    })
}

fn in_word(text: &str, at: usize, word: &str, field: Field) -> Option<Placeholder> {
    let upper = word.to_ascii_uppercase().replace('-', "_");
    let loud = word.len() > 2 && !word.contains(|c: char| c.is_ascii_lowercase());
    let whole = word.len() == text.len();
    let value = field == Field::Value;
    let meant = upper.starts_with("YOUR_")
        || upper.starts_with("REPLACE_ME")
        || upper.starts_with("REPLACE_WITH")
        || ["CHANGE_ME", "CHANGEME", "REPLACEME"].contains(&upper.as_str());
    if meant && (loud || value) {
        return Some(found(at, word, REPLACE));
    }
    if !value {
        return None;
    }
    let crossed = upper.split('_').any(|part| part.len() >= 4 && part.bytes().all(|b| b == b'X'));
    let noted = ["PLACEHOLDER", "TODO", "FIXME", "TBD"].contains(&upper.as_str());
    let ending = ["_ID", "_ARN", "_SUFFIX", "_HERE", "_NAME"].iter().any(|end| upper.ends_with(end));
    // A name all in capitals may be somebody's; as part of an ARN, or with such an ending, it is not.
    let shouted = loud && word.contains('_') && ending;
    if crossed || upper.ends_with("XXXXX") || (noted && (loud || whole)) || shouted {
        return Some(found(at, word, REPLACE));
    }
    let id = word.strip_prefix("i-").unwrap_or(word);
    let is_example = EXAMPLES.contains(&id) || word.ends_with("EXAMPLE");
    is_example.then(|| example(at, word))
}

/// `arn:aws:sns:region:account:topic`
fn in_arn(text: &str) -> Option<Placeholder> {
    let mut parts = text.strip_prefix("arn:")?.splitn(5, ':');
    let (partition, service) = (parts.next()?, parts.next()?);
    let (region, account) = (parts.next()?, parts.next()?);
    let at_region = "arn:".len() + partition.len() + service.len() + 2;
    let at_account = at_region + region.len() + 1;
    let is_region = region.is_empty() || (region.contains('-') && region.bytes().any(|b| b.is_ascii_digit()));
    if !is_region {
        return Some(found(at_region, region, "write the region, such as eu-west-1"));
    }
    let masked = !account.is_empty() && account.bytes().all(|b| b == b'*');
    if masked || EXAMPLE_ACCOUNTS.contains(&account) {
        return Some(example_account(at_account, account));
    }
    // Of `arn:aws:automate:region:ec2:stop`, and of AWS's own things, it is no number.
    let own = account.is_empty() || ["ec2", "aws"].contains(&account);
    let number = account.len() == 12 && account.bytes().all(|b| b.is_ascii_digit());
    (!own && !number).then(|| found(at_account, account, "write the account's number of 12 digits"))
}

fn dots(text: &str) -> Option<Placeholder> {
    let at = text.find("...").or_else(|| text.find('…'))?;
    Some(found(at, text, REPLACE))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn placeholders_are_found() {
        for text in [
            "<ALB_ARN_SUFFIX>",
            "app/production-alb/<id>",
            "YOUR_ALB_ARN_SUFFIX",
            "your-alb-name",
            "${project_name}-asg",
            "{{ asg }}",
            "app/x/REPLACE_ME",
            "app/x/...",
            "targetgroup/x/…",
            "i-xxxxxxxx",
            "app/x/XXXXXXXX",
            "ALB_ARN_SUFFIX",
            "arn:aws:sns:region:account:topic",
            "arn:aws:sns:us-east-1:ACCOUNT_ID:topic",
            "arn:aws:sns:us-east-1:<account>:topic",
            "arn:aws:sns:us-east-1:12345:topic",
            "TODO",
        ] {
            assert!(is_in(text), "{text}");
        }
        assert_eq!(find("app/x/<id>", Field::Value).unwrap().at, 6);
        assert!(find("Replace <ALB_ID> by yours", Field::Prose).is_some());
        assert!(find("${env} CPU", Field::Prose).is_some());
    }

    #[test]
    fn what_means_something_is_left_alone() {
        for text in [
            "${LABEL} (${LAST})",
            "${PROP('Dim.InstanceId')} ${AVG} ${MAX_TIME_RELATIVE}",
            "app/starttech-alb/d787e72ae6c9579a",
            "arn:aws:sns:eu-west-1:210987654321:starttech-alarms",
            "arn:aws:automate:eu-west-1:ec2:recover",
            "arn:aws:s3:::bucket",
            "SUCCESS_RATE",
            "/starttech/backend",
            r"/(?<status>\d+)/",
            "maxxxx",
        ] {
            assert_eq!(find(text, Field::Value), None, "{text}");
        }
        for text in ["CPU <b>high</b>", "tell your team", "< 5 and > 3", "waits...", "ORDER_ID is missing"] {
            assert_eq!(find(text, Field::Prose), None, "{text}");
        }
    }

    #[test]
    fn examples_of_the_documentation_are_told_apart() {
        for text in ["i-1234567890abcdef0", "app/my-lb/50dc6c495c0c9188"] {
            assert_eq!(find(text, Field::Value).unwrap().rule, &rule::EXAMPLE_VALUE, "{text}");
        }
        for text in ["arn:aws:sns:eu-west-1:123456789012:t", "arn:aws:sns:eu-west-1:************:t"] {
            assert_eq!(find(text, Field::Value).unwrap().rule, &rule::EXAMPLE_ACCOUNT, "{text}");
        }
    }
}
