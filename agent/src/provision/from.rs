//! Alarms of somebody's files, as things that shall be in the account.
//!
//! They carry a mark of their own, so that what `apply` makes by itself and what it makes from files leave
//! each other alone. What is wrong with a file, it refuses to know: that is `lint`.

use std::collections::{BTreeMap, BTreeSet};

use super::alarm::DESCRIPTION;
use super::desired::Desired;
use super::mark::{Mark, TAG};
use super::{Actual, Address, CLOUDFRONT_REGION, Content, Kind, Resource, Settings};
use crate::alarms::definition::{Alarm, Composite};

/// What follows [`Settings::prefix`] in the mark of an alarm from a file. No prefix can hold a `/`.
const FILES: &str = "/files";

/// The deployment that alarms of files belong to, beside the one of this prefix.
pub fn prefix(prefix: &str) -> String {
    format!("{prefix}{FILES}")
}

/// Whether a mark's prefix says that the thing came from a file.
pub(super) fn is_from_file(prefix: &str) -> bool {
    prefix.ends_with(FILES)
}

/// The alarms as things that shall be, in `home`, or where the metrics of `CloudFront` are. Fails with what
/// must be changed first.
pub fn from_files(
    alarms: Vec<Alarm>,
    composites: Vec<Composite>,
    settings: &Settings,
    home: &str,
) -> Result<Desired, Vec<String>> {
    // Each file means the same whatever else this program provisions: it has no revision.
    let mark = Mark { prefix: prefix(&settings.prefix), revision: 1 };
    let mut tags = settings.tags.clone();
    tags.insert(TAG.to_owned(), mark.tag());
    let mut faults = Vec::new();
    let mut marked = |name: &str, description: &mut String| {
        let sentence = mark.sentence();
        let end = if description.is_empty() { sentence } else { format!("\n\n{sentence}") };
        let room = DESCRIPTION.saturating_sub(end.chars().count());
        let length = description.chars().count();
        if length > room {
            faults.push(format!(
                "the description of {name} has {length} characters, and with the mark that makes the alarm known \
                 as ours there is room for {room}: shorten it"
            ));
        }
        description.push_str(&end);
    };
    let resource = |kind, region: &str, name: &str, content| Resource {
        address: Address { kind, region: region.to_owned(), name: name.to_owned() },
        content,
        tags: tags.clone(),
    };
    let mut resources = Vec::new();
    for mut alarm in alarms {
        let name = alarm.alarm_name.clone();
        marked(&name, &mut alarm.alarm_description);
        let region = if is_of_cloudfront(&alarm) { CLOUDFRONT_REGION } else { home };
        resources.push(resource(Kind::Alarm, region, &name, Content::Alarm(alarm.normal())));
    }
    for mut alarm in composites {
        let name = alarm.alarm_name.clone();
        marked(&name, &mut alarm.alarm_description);
        resources.push(resource(Kind::CompositeAlarm, home, &name, Content::CompositeAlarm(alarm)));
    }
    let mut names = BTreeSet::new();
    for Address { region, name, .. } in resources.iter().map(|resource| &resource.address) {
        if !names.insert((region, name)) {
            faults.push(format!("there are two alarms {name}: give one of them another name"));
        }
    }
    if !faults.is_empty() {
        return Err(faults);
    }
    Ok(Desired { resources, notes: Vec::new() })
}

fn is_of_cloudfront(alarm: &Alarm) -> bool {
    let stats = alarm.metrics.iter().filter_map(|query| query.metric_stat.as_ref());
    let mut spaces = stats.map(|stat| &stat.metric.namespace).chain(&alarm.namespace);
    spaces.any(|namespace| namespace == "AWS/CloudFront")
}

/// Of what is there, what these files are about: everything else stays as it is.
pub fn concerned(actual: Actual, desired: &Desired) -> Actual {
    let names: BTreeMap<&str, &str> = desired
        .resources
        .iter()
        .map(|resource| (resource.address.name.as_str(), resource.address.region.as_str()))
        .collect();
    let mut held = actual.held;
    held.retain(|held| {
        let Address { kind, region, name } = &held.resource.address;
        matches!(kind, Kind::Alarm | Kind::CompositeAlarm)
            && names.get(name.as_str()) == Some(&region.as_str())
    });
    Actual { held, unread: actual.unread }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::provision::Held;
    use crate::provision::plan::{Knowledge, Step, destroy, plan};
    use serde_json::{Value, json};

    fn settings() -> Settings {
        Settings { prefix: "starttech".into(), ..Settings::default() }
    }

    fn alarm(name: &str, namespace: &str) -> Alarm {
        serde_json::from_value(json!({ "AlarmName": name, "Namespace": namespace, "MetricName": "m",
            "Statistic": "Sum", "Period": 60, "EvaluationPeriods": 1, "Threshold": 1,
            "ComparisonOperator": "GreaterThanThreshold", "AlarmActions": ["arn:aws:sns:eu-west-1:1:t"] }))
        .unwrap()
    }

    fn composite(value: Value) -> Composite {
        serde_json::from_value(value).unwrap()
    }

    fn held(desired: &Desired) -> Vec<Held> {
        let held = |resource: &Resource| Held { resource: resource.clone(), id: None, state: None };
        desired.resources.iter().map(held).collect()
    }

    #[test]
    fn each_goes_where_its_metrics_are_and_a_second_time_nothing_is_to_do() {
        let both = composite(json!({ "AlarmName": "both", "AlarmRule": "ALARM(one)" }));
        let alarms = vec![alarm("one", "AWS/EC2"), alarm("edge", "AWS/CloudFront")];
        let desired = from_files(alarms, vec![both], &settings(), "eu-west-1").unwrap();
        let places: Vec<(&str, &str)> = desired
            .resources
            .iter()
            .map(|resource| (resource.address.name.as_str(), resource.address.region.as_str()))
            .collect();
        assert_eq!(places, [("one", "eu-west-1"), ("edge", "us-east-1"), ("both", "eu-west-1")]);
        assert!(desired.resources.iter().all(|resource| {
            Mark::of(resource) == Some(Mark { prefix: "starttech/files".into(), revision: 1 })
        }));

        let files = prefix("starttech");
        let actual = Actual { held: held(&desired), unread: Vec::new() };
        assert!(plan(&desired, &actual, &files, Knowledge::Whole).changes_nothing());
        // What apply makes by itself is another deployment; a destroy takes both.
        assert!(plan(&Desired::default(), &actual, "starttech", Knowledge::Whole).changes_nothing());
        assert_eq!(destroy(&actual, "starttech", false).changes.len(), 3);
        assert_eq!(destroy(&actual, "startte", false).changes.len(), 0);
    }

    #[test]
    fn one_file_leaves_those_of_another_and_of_others_alone() {
        let first = from_files(vec![alarm("one", "AWS/EC2")], vec![], &settings(), "eu-west-1").unwrap();
        let second = from_files(vec![alarm("two", "AWS/EC2")], vec![], &settings(), "eu-west-1").unwrap();
        let mut theirs = held(&second).remove(0);
        if let Content::Alarm(alarm) = &mut theirs.resource.content {
            (alarm.alarm_description, alarm.threshold) = ("By hand.".into(), Some(2.0));
        }
        let all = Actual { held: [held(&first), vec![theirs]].concat(), unread: Vec::new() };
        let plan = plan(&second, &concerned(all, &second), &prefix("starttech"), Knowledge::Whole);
        let [only] = plan.changes.as_slice() else { panic!("{:?}", plan.changes) };
        let Step::Leave(why) = &only.step else { panic!("{only:?}") };
        assert_eq!(
            why,
            "not ours: give this one a name of its own (in its file), or delete it and apply again: aws cloudwatch \
             delete-alarms --alarm-names NAME --region eu-west-1"
        );
    }

    #[test]
    fn names_that_are_there_twice_and_descriptions_without_room_are_refused() {
        let mut long = alarm("long", "AWS/EC2");
        long.alarm_description = "é".repeat(1000);
        let alarms = vec![alarm("one", "AWS/EC2"), alarm("one", "AWS/ELB"), long];
        let faults = from_files(alarms, vec![], &settings(), "eu-west-1").unwrap_err();
        assert_eq!(faults.len(), 2);
        assert!(faults[0].starts_with("the description of long has 1000 characters"), "{faults:?}");
        assert_eq!(faults[1], "there are two alarms one: give one of them another name");
    }
}
