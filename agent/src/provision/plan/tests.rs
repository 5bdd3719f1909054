//! Plans, carried out in an account in memory.

pub(crate) mod model;

use expect_test::expect_file;
use proptest::prelude::*;
use serde_json::json;

use self::model::{Model, names, now};
use super::*;
use crate::alarms::definition::Alarm;
use crate::provision::desired::desired;
use crate::provision::parts::{Parts, settle};
use crate::provision::tests::{parts, settings};
use crate::provision::{Account, Found, Refusal, Settings, Unread};

const PREFIX: &str = "starttech";

pub(crate) fn all() -> (Settings, Parts, Desired) {
    (settings(), parts(), desired(&settings(), &parts()))
}

/// As it stands there after it was made.
fn held(resource: &Resource) -> Held {
    let kind = resource.address.kind;
    let id = (kind == Kind::SavedQuery).then(|| "0".to_owned());
    Held { resource: resource.clone(), id, state: None }
}

fn carry_out(plan: &Plan, account: &Model) {
    for change in &plan.changes {
        match (&change.step, &change.wanted, &change.held) {
            (Step::Create | Step::Update, Some(wanted), held) => {
                now(account.put(wanted, held.as_ref())).unwrap();
            }
            (Step::Delete, None, Some(held)) => now(account.delete(held)).unwrap(),
            (Step::Keep | Step::Leave(_), ..) => {}
            _ => panic!("{change:?}"),
        }
    }
}

/// With another description than ours.
fn described(resource: &Resource, text: &str) -> Resource {
    let mut resource = resource.clone();
    match &mut resource.content {
        Content::Alarm(alarm) => alarm.alarm_description = text.to_owned(),
        Content::CompositeAlarm(alarm) => alarm.alarm_description = text.to_owned(),
        Content::Dashboard { dashboard_body } => {
            *dashboard_body = json!({"widgets": [{"type": "text", "properties": {"markdown": text}}]});
        }
        Content::SavedQuery { query_string, .. } => *query_string = format!("# {text}\nfields @message"),
        Content::LogGroup { retention_in_days } => *retention_in_days = Some(365),
        Content::Topic { policy } => *policy = json!({"Statement": []}),
        Content::Subscription { .. } => {}
    }
    if resource.address.kind.tags_are_read() {
        resource.tags.retain(|key, _| key != crate::provision::mark::TAG);
        if let Some(mark) = text.strip_prefix("tag ") {
            resource.tags.insert(crate::provision::mark::TAG.to_owned(), mark.to_owned());
        }
    }
    resource
}

/// In the words of a description and of a tag at once.
fn marked(resource: &Resource, prefix: &str, revision: u32) -> Resource {
    let mark = Mark { prefix: prefix.to_owned(), revision };
    let text =
        if resource.address.kind.tags_are_read() { format!("tag {}", mark.tag()) } else { mark.sentence() };
    described(resource, &text)
}

fn check(file: &str, plan: &Plan, refusals: &[Refusal]) {
    let view = View { home: "eu-west-1", refusals, coloured: false };
    expect_file![format!("../../../tests/golden/plan/{file}.txt")].assert_eq(&(text(plan, view) + "\n"));
}

fn steps(plan: &Plan) -> Vec<(&str, &Step)> {
    plan.changes.iter().map(|change| (change.address.name.as_str(), &change.step)).collect()
}

#[test]
fn an_empty_account_gets_everything() {
    let (.., desired) = all();
    let plan = plan(&desired, &Actual::default(), PREFIX, Knowledge::Whole);
    assert_eq!(plan.changes.len(), desired.resources.len());
    check("empty", &plan, &[]);
}

#[test]
fn an_account_as_it_shall_be_is_left_alone() {
    let (.., desired) = all();
    let actual = Actual { held: desired.resources.iter().map(held).collect(), unread: Vec::new() };
    let plan = plan(&desired, &actual, PREFIX, Knowledge::Whole);
    assert!(plan.changes_nothing() && plan.is_whole());
    check("unchanged", &plan, &[]);
}

#[test]
fn drift_by_hand_is_shown_and_mended() {
    let (.., desired) = all();
    let mut actual = Actual { held: desired.resources.iter().map(held).collect(), unread: Vec::new() };
    for held in &mut actual.held {
        let name = held.resource.address.name.clone();
        match &mut held.resource.content {
            Content::Alarm(alarm) if name == "starttech-memory" => {
                alarm.threshold = Some(80.0);
                alarm.alarm_actions.clear();
                let first = alarm.alarm_description.lines().next().unwrap().to_owned();
                alarm.alarm_description = alarm.alarm_description.replacen(&first, "Ask Ann.", 1);
            }
            Content::Alarm(alarm) if name == "starttech-error-rate" => {
                alarm.metrics.reverse();
                if let Some(stat) = alarm.metrics.iter_mut().find_map(|query| query.metric_stat.as_mut()) {
                    stat.period = 60;
                }
            }
            Content::Dashboard { dashboard_body } => {
                let widgets = dashboard_body["widgets"].as_array_mut().unwrap();
                widgets.swap(1, 2);
                widgets[3]["properties"]["period"] = json!(3600);
                widgets.pop();
            }
            Content::SavedQuery { query_string, .. } if name == "starttech/errors" => {
                *query_string = query_string.replace("limit ", "limit 1");
            }
            Content::Topic { .. } => {
                held.resource.tags.remove("team");
            }
            _ => {}
        }
    }
    let gone = |held: &Held| held.resource.address.name != "starttech-disk";
    actual.held.retain(gone);
    let surplus = held(&marked(
        &desired.resources.iter().find(|r| r.address.kind == Kind::Alarm).unwrap().clone(),
        PREFIX,
        1,
    ));
    let mut surplus = surplus;
    surplus.resource.address.name = "starttech-of-yesterday".into();
    if let Content::Alarm(alarm) = &mut surplus.resource.content {
        alarm.alarm_name = "starttech-of-yesterday".into();
    }
    actual.held.push(surplus);
    let plan = plan(&desired, &actual, PREFIX, Knowledge::Whole);
    check("drift", &plan, &[]);
}

#[test]
fn what_is_not_ours_is_left_as_it_is() {
    let (.., desired) = all();
    let theirs = |resource: &Resource| held(&described(resource, "Made by hand."));
    let actual = Actual { held: desired.resources.iter().map(theirs).collect(), unread: Vec::new() };
    let plan = plan(&desired, &actual, PREFIX, Knowledge::Whole);
    assert!(plan.changes_nothing());
    check("not-ours", &plan, &[]);
    assert!(destroy(&actual, PREFIX, true).changes.is_empty());

    let others = |resource: &Resource| held(&marked(resource, "staging", 1));
    let actual = Actual { held: desired.resources.iter().map(others).collect(), unread: Vec::new() };
    let plan = super::plan(&desired, &actual, PREFIX, Knowledge::Whole);
    assert!(plan.changes_nothing());
    check("of-another-deployment", &plan, &[]);
}

#[test]
fn a_newer_agents_things_are_left_as_they_are() {
    let (.., desired) = all();
    let newer = |resource: &Resource| held(&marked(resource, PREFIX, REVISION + 1));
    let mut actual = Actual { held: desired.resources.iter().map(newer).collect(), unread: Vec::new() };
    // One that this agent has never heard of.
    let mut unknown =
        actual.held.iter().find(|held| held.resource.address.kind == Kind::Alarm).unwrap().clone();
    unknown.resource.address.name = "starttech-of-tomorrow".into();
    actual.held.push(unknown);
    let plan = plan(&desired, &actual, PREFIX, Knowledge::Whole);
    assert!(plan.changes_nothing());
    check("older-agent", &plan, &[]);
}

#[test]
fn what_could_not_be_looked_at_is_not_touched() {
    let (.., desired) = all();
    let denied =
        |action: &str, resource: &str| Refusal::Denied { action: action.into(), resource: resource.into() };
    let unread = |kind, action: &str| {
        ["eu-west-1", "us-east-1"].map(|region| Unread {
            kind,
            region: region.into(),
            refusal: denied(action, "*"),
        })
    };
    let actual = Actual {
        held: Vec::new(),
        unread: [
            unread(Kind::LogGroup, "logs:DescribeLogGroups"),
            unread(Kind::Topic, "sns:ListTopics"),
            unread(Kind::Subscription, "sns:ListTopics"),
            unread(Kind::Alarm, "cloudwatch:DescribeAlarms"),
            unread(Kind::CompositeAlarm, "cloudwatch:DescribeAlarms"),
            unread(Kind::Dashboard, "cloudwatch:GetDashboard"),
            unread(Kind::SavedQuery, "logs:DescribeQueryDefinitions"),
        ]
        .concat(),
    };
    let plan = plan(&desired, &actual, PREFIX, Knowledge::Partial);
    assert!(plan.changes.is_empty() && !plan.is_whole());
    // In us-east-1 there are but a topic, its subscriptions and alarms to be.
    assert_eq!(plan.unread.len(), 7 + 3);
    check("refused", &plan, &[denied("cloudwatch:ListMetrics", "*")]);
}

#[test]
fn parts_that_are_missing_are_asked_for_and_nothing_shrinks() {
    let (settings, parts, whole) = all();
    let found = Found {
        targets: vec![
            ("app/a/1".into(), "targetgroup/a/1".into()),
            ("app/b/2".into(), "targetgroup/b/2".into()),
        ],
        ..Found::default()
    };
    let (parts, missing) = settle(&settings, &found, &parts.region, &parts.account_id);
    let desired = desired(&settings, &parts);
    let empty = plan(&desired, &Actual::default(), PREFIX, Knowledge::Partial);
    check("missing", &Plan { missing, ..empty }, &[]);

    let actual = Actual { held: whole.resources.iter().map(held).collect(), unread: Vec::new() };
    let plan = plan(&desired, &actual, PREFIX, Knowledge::Partial);
    assert!(plan.changes_nothing(), "{:?}", steps(&plan));
    assert!(!super::plan(&desired, &actual, PREFIX, Knowledge::Whole).changes_nothing());
}

#[test]
fn what_is_ours_can_be_taken_away() {
    let (.., desired) = all();
    let mut held: Vec<Held> = desired.resources.iter().map(held).collect();
    let mut theirs = held.iter().find(|held| held.resource.address.kind == Kind::Alarm).unwrap().clone();
    theirs.resource = described(&theirs.resource, "Made by hand.");
    theirs.resource.address.name = "theirs".into();
    held.push(theirs);
    let actual = Actual { held, unread: Vec::new() };
    check("destroy", &destroy(&actual, PREFIX, false), &[]);

    let account = Model::holding(actual.held.clone());
    carry_out(&destroy(&actual, PREFIX, true), &account);
    assert_eq!(names(&account.held.borrow()), names(&actual.held[actual.held.len() - 1..]));
}

#[test]
fn a_name_that_the_other_kind_of_alarm_has_is_left() {
    let (.., desired) = all();
    let composite = desired.resources.iter().find(|r| r.address.kind == Kind::CompositeAlarm).unwrap();
    let mut alarm = held(desired.resources.iter().find(|r| r.address.kind == Kind::Alarm).unwrap());
    alarm.resource.address.name.clone_from(&composite.address.name);
    alarm.resource = described(&alarm.resource, "Made by hand.");
    let actual = Actual { held: vec![alarm], unread: Vec::new() };
    let plan = plan(&desired, &actual, PREFIX, Knowledge::Whole);
    let change = plan.changes.iter().find(|change| change.address == composite.address).unwrap();
    assert!(matches!(&change.step, Step::Leave(why) if why.contains("a metric alarm has its name")));
}

#[test]
fn a_group_that_never_forgets_gets_our_retention_and_stays_somebody_elses() {
    let (.., desired) = all();
    let wanted = desired.resources.iter().find(|r| r.address.kind == Kind::LogGroup).unwrap();
    let with = |days, ours: bool| {
        let mut held = held(wanted);
        held.resource.content = Content::LogGroup { retention_in_days: days };
        if !ours {
            held.resource.tags.clear();
        }
        let actual = Actual { held: vec![held], unread: Vec::new() };
        let plan = plan(&desired, &actual, PREFIX, Knowledge::Whole);
        plan.changes.into_iter().find(|change| change.address == wanted.address).unwrap()
    };
    let never = with(None, false);
    assert_eq!((never.step, never.wanted.unwrap().tags.len()), (Step::Update, 0));
    assert!(matches!(with(Some(30), false).step, Step::Leave(_)));
    assert_eq!(with(Some(14), false).step, Step::Keep);
    assert_eq!(with(Some(30), true).step, Step::Update);
    assert_eq!(with(None, true).step, Step::Update);
}

#[test]
fn the_plan_of_a_program_holds_all_of_it() {
    let (.., desired) = all();
    let theirs = |(at, resource): (usize, &Resource)| match at % 4 {
        0 => Some(held(resource)),
        1 => Some(held(&marked(resource, PREFIX, REVISION))),
        2 => Some(held(&described(resource, "Made by hand."))),
        _ => None,
    };
    let held = desired.resources.iter().enumerate().filter_map(theirs).collect();
    let plan = plan(&desired, &Actual { held, unread: Vec::new() }, PREFIX, Knowledge::Whole);
    let value = json(&plan, "123456789012", "eu-west-1", &[]);
    assert_eq!(value["changes"].as_array().unwrap().len(), plan.changes.len());
    for (change, shown) in plan.changes.iter().zip(value["changes"].as_array().unwrap()) {
        let name = change.address.name.replace("hooks.example.com/alarms", "hooks.example.com/…");
        assert_eq!(shown["name"], json!(name));
        assert_eq!(shown.get("fields").is_some(), !change.fields.is_empty());
        assert_eq!(shown.get("content").is_some(), change.step == Step::Create);
    }
}

/// What may stand where something is wanted.
#[derive(Debug, Clone, Copy)]
enum Before {
    Nothing,
    Same,
    Drifted,
    Theirs,
    OfAnotherDeployment,
    Newer,
    Twice,
}

fn before() -> impl Strategy<Value = Before> {
    use Before::*;
    prop_oneof![
        Just(Nothing),
        Just(Same),
        Just(Drifted),
        Just(Theirs),
        Just(OfAnotherDeployment),
        Just(Newer),
        Just(Twice)
    ]
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    #[test]
    fn a_plan_that_was_carried_out_leaves_nothing_to_do(
        states in prop::collection::vec(before(), 80),
        wanted in prop::collection::vec(prop::bool::weighted(0.8), 80),
    ) {
        let (.., everything) = all();
        let account = Model::default();
        for (resource, state) in everything.resources.iter().zip(states.iter().cycle()) {
            let add = |resource: Resource, id: &str| {
                let mut held = held(&resource);
                held.id = held.id.map(|_| id.to_owned());
                account.held.borrow_mut().push(held);
            };
            match state {
                Before::Nothing => {}
                Before::Drifted => add(marked(resource, PREFIX, REVISION), "a"),
                Before::Theirs => add(described(resource, "Made by hand."), "a"),
                Before::OfAnotherDeployment => add(marked(resource, "staging", 1), "a"),
                Before::Newer => add(marked(resource, PREFIX, REVISION + 1), "a"),
                Before::Twice if resource.address.kind == Kind::SavedQuery => {
                    add(described(resource, "Made by hand."), "0");
                    add(marked(resource, PREFIX, REVISION), "z");
                    add(resource.clone(), "b");
                }
                Before::Same | Before::Twice => add(resource.clone(), "a"),
            }
        }
        // Alarms without those that composite ones are made of would be refused, rightly.
        let of_alarm = |resource: &Resource| matches!(resource.address.kind, Kind::Alarm);
        let desired = Desired {
            resources: everything.resources.iter().zip(&wanted)
                .filter(|(resource, wanted)| **wanted || of_alarm(resource)
                    || matches!(resource.address.kind, Kind::Topic | Kind::CompositeAlarm))
                .map(|(resource, _)| resource.clone())
                .collect(),
            notes: Vec::new(),
        };
        let foreign = |account: &Model| -> Vec<Held> {
            account.held.borrow().iter()
                .filter(|held| Mark::of(&held.resource).is_none_or(|mark| mark.prefix != PREFIX || mark.revision > REVISION))
                .filter(|held| held.resource.address.kind != Kind::Subscription)
                .cloned().collect()
        };
        let theirs = foreign(&account);
        carry_out(&plan(&desired, &account.actual(), PREFIX, Knowledge::Whole), &account);
        let again = plan(&desired, &account.actual(), PREFIX, Knowledge::Whole);
        prop_assert!(again.changes_nothing(), "{:?}", again.changes.iter().filter(|c| c.is_done()).collect::<Vec<_>>());
        prop_assert_eq!(&theirs, &foreign(&account));
        for resource in &desired.resources {
            prop_assert!(account.held.borrow().iter().any(|held| held.resource.address == resource.address));
        }
        carry_out(&destroy(&account.actual(), PREFIX, true), &account);
        for held in account.held.borrow().iter() {
            let ours = Mark::of(&held.resource).is_some_and(|mark| mark.prefix == PREFIX);
            let name = format!("\"{}\"", held.resource.address.name);
            // What others' composite alarms are about cannot go.
            let needed = theirs.iter().filter_map(|held| rule(&held.resource)).any(|rule| rule.contains(&name));
            prop_assert!(!ours || needed, "{} is left", held.resource.address);
        }
        let others = |held: &&Held| Mark::of(&held.resource).is_none_or(|mark| mark.prefix != PREFIX);
        let theirs: Vec<Held> = theirs.iter().filter(others).cloned().collect();
        let left: Vec<Held> = foreign(&account).iter().filter(others).cloned().collect();
        prop_assert_eq!(theirs, left);
    }

    #[test]
    fn nothing_but_a_difference_is_different(drop in 0..7_u8, at in 0..60_usize) {
        // An alarm that one member was taken from is not what it was, and put back it is.
        let (.., desired) = all();
        let alarms: Vec<&Resource> = desired.resources.iter().filter(|r| r.address.kind == Kind::Alarm).collect();
        let resource = alarms[at % alarms.len()];
        let Content::Alarm(alarm) = &resource.content else { panic!() };
        let mut changed: Alarm = alarm.clone();
        match drop {
            0 => changed.threshold = changed.threshold.map(|threshold| threshold + 1.0),
            1 => changed.evaluation_periods += 1,
            2 => changed.actions_enabled = !changed.actions_enabled,
            3 => changed.alarm_description.push('.'),
            4 => changed.unit = Some("Count".into()),
            5 => changed.insufficient_data_actions.push("arn".into()),
            _ => changed.comparison_operator = crate::alarms::definition::Comparison::GreaterThanUpperThreshold,
        }
        let other = Resource { content: Content::Alarm(changed), ..resource.clone() };
        prop_assert!(!diff::fields(&other, resource).is_empty());
        prop_assert!(diff::fields(resource, resource).is_empty());
    }
}
