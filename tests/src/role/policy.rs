//! A policy document, as far as the project's own and the default role's need: what it allows.
//!
//! It refuses what it does not understand, so that no test passes by a statement that was skipped.

use std::collections::BTreeMap;

use serde_json::Value;

/// What a role may do.
#[derive(Debug, Clone)]
pub(crate) struct Policy {
    statements: Vec<Statement>,
}

#[derive(Debug, Clone)]
struct Statement {
    actions: Vec<String>,
    resources: Vec<String>,
    /// `StringEquals`: key, and the values of which it must have one.
    equals: BTreeMap<String, Vec<String>>,
    /// `ForAllValues:StringLike`: key, and the patterns of which each of its values must match one.
    all_like: BTreeMap<String, Vec<String>>,
}

/// What conditions look at: keys, and all of their values.
pub(crate) type Context = BTreeMap<String, Vec<String>>;

impl Policy {
    /// Reads `{"Version", "Statement": [...]}`; panics where it says something else.
    pub(crate) fn read(document: &Value) -> Self {
        assert_eq!(document["Version"], "2012-10-17", "the version of the policy language");
        let statements = document["Statement"].as_array().expect("a list of statements");
        Self { statements: statements.iter().map(Statement::read).collect() }
    }

    /// Whether it allows an action on a resource in a context such as `cloudwatch:namespace`.
    pub(crate) fn allows(&self, action: &str, resource: &str, context: &Context) -> bool {
        let applies = |statement: &&Statement| {
            // <https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_policies_elements_action.html>:
            // case matters for resources alone.
            let action = action.to_ascii_lowercase();
            statement.actions.iter().any(|allowed| matches(&allowed.to_ascii_lowercase(), &action))
                && statement.resources.iter().any(|allowed| matches(allowed, resource))
                && statement.equals.iter().all(|(key, values)| {
                    context.get(key).is_some_and(|given| given.iter().any(|given| values.contains(given)))
                })
                // Holds where there is no value, too.
                // <https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_policies_condition-single-vs-multi-valued-context-keys.html>
                && statement.all_like.iter().all(|(key, patterns)| {
                    let is_like = |given: &String| patterns.iter().any(|pattern| matches(pattern, given));
                    context.get(key).is_none_or(|given| given.iter().all(is_like))
                })
        };
        self.statements.iter().any(|statement| applies(&statement))
    }
}

impl Statement {
    fn read(statement: &Value) -> Self {
        let known = ["Sid", "Effect", "Action", "Resource", "Condition"];
        for member in statement.as_object().expect("a statement").keys() {
            assert!(known.contains(&member.as_str()), "a statement with {member}");
        }
        assert_eq!(statement["Effect"], "Allow", "{statement}");
        let (mut equals, mut all_like) = (BTreeMap::new(), BTreeMap::new());
        for (operator, keys) in statement["Condition"].as_object().into_iter().flatten() {
            let conditions = match operator.as_str() {
                "StringEquals" => &mut equals,
                "ForAllValues:StringLike" => &mut all_like,
                other => panic!("the condition {other}: {statement}"),
            };
            for (key, values) in keys.as_object().expect("keys") {
                conditions.insert(key.clone(), texts(values));
            }
        }
        let (actions, resources) = (texts(&statement["Action"]), texts(&statement["Resource"]));
        Self { actions, resources, equals, all_like }
    }
}

/// One text, or a list of them.
fn texts(value: &Value) -> Vec<String> {
    match value {
        Value::String(text) => vec![text.clone()],
        Value::Array(texts) => texts.iter().map(|text| text.as_str().expect("a text").to_owned()).collect(),
        other => panic!("neither a text nor a list: {other}"),
    }
}

/// `*` stands for any number of characters, `?` for one.
fn matches(pattern: &str, text: &str) -> bool {
    let (pattern, text) = (pattern.as_bytes(), text.as_bytes());
    let (mut at, mut of) = (0, 0);
    // Where the last star was, and how much it has taken so far.
    let mut star = None;
    while of < text.len() {
        match pattern.get(at) {
            Some(b'*') => {
                star = Some((at, of));
                at += 1;
            }
            Some(byte) if *byte == b'?' || *byte == text[of] => (at, of) = (at + 1, of + 1),
            _ => match star {
                None => return false,
                Some((begin, taken)) => {
                    star = Some((begin, taken + 1));
                    (at, of) = (begin + 1, taken + 1);
                }
            },
        }
    }
    pattern[at..].iter().all(|byte| *byte == b'*')
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn a_star_is_any_number_of_characters() {
        for (pattern, text, expected) in [
            ("*", "", true),
            ("a*", "abc", true),
            ("*c", "abc", true),
            ("a*c*e", "abcde", true),
            ("a*ab", "aaab", true),
            ("a?c", "abc", true),
            ("a?c", "ac", false),
            ("a*c", "abd", false),
            ("abc", "abcd", false),
            ("arn:*:log-group:/starttech/*", "arn:aws:logs:r:1:log-group:/starttech/x", true),
        ] {
            assert_eq!(matches(pattern, text), expected, "{pattern} {text}");
        }
    }

    #[test]
    fn what_no_statement_allows_is_not_allowed() {
        let policy = Policy::read(&json!({
            "Version": "2012-10-17",
            "Statement": [
                { "Effect": "Allow", "Action": ["sns:*Topic", "sns:Publish"], "Resource": "arn:aws:sns:*:*:starttech*" },
                {
                    "Effect": "Allow", "Action": "cloudwatch:PutMetricData", "Resource": "*",
                    "Condition": { "StringEquals": { "cloudwatch:namespace": "StartTech/Backend" } },
                },
                {
                    "Effect": "Allow", "Action": "cloudwatch:PutMetricAlarm", "Resource": "*",
                    "Condition": { "ForAllValues:StringLike": { "cloudwatch:AlarmActions": ["arn:aws:sns:*"] } },
                },
            ],
        }));
        let context = |key: &str, values: &[&str]| {
            BTreeMap::from([(key.to_owned(), values.iter().map(|value| (*value).to_owned()).collect())])
        };
        let namespace = |name: &str| context("cloudwatch:namespace", &[name]);
        let actions = |actions: &[&str]| context("cloudwatch:AlarmActions", actions);
        let topic = "arn:aws:sns:eu-west-1:1:starttech-alarms";
        for (action, resource, context, expected) in [
            ("SNS:CreateTopic", topic, BTreeMap::new(), true),
            ("sns:CreateTopic", "arn:aws:sns:eu-west-1:1:others", BTreeMap::new(), false),
            ("sns:Subscribe", topic, BTreeMap::new(), false),
            ("cloudwatch:PutMetricData", "*", namespace("StartTech/Backend"), true),
            ("cloudwatch:PutMetricData", "*", namespace("Other"), false),
            ("cloudwatch:PutMetricData", "*", BTreeMap::new(), false),
            ("cloudwatch:PutMetricAlarm", "*", actions(&[topic]), true),
            ("cloudwatch:PutMetricAlarm", "*", actions(&[topic, "arn:aws:ssm:x"]), false),
            ("cloudwatch:PutMetricAlarm", "*", actions(&[]), true),
        ] {
            assert_eq!(policy.allows(action, resource, &context), expected, "{action} {resource}");
        }
    }

    #[test]
    #[should_panic(expected = "a statement with NotAction")]
    fn what_is_not_understood_is_not_passed_over() {
        Policy::read(&json!({ "Version": "2012-10-17", "Statement": [{ "NotAction": "*" }] }));
    }
}
