//! Plans carried out in an account in memory.

use std::cell::RefCell;

use expect_test::{Expect, expect};

use super::carry::{Done, carry_out};
use super::{asked_for, start, summary};
use crate::cli::account::{Asked, Looked, look};
use crate::provision::plan::Plan;
use crate::provision::plan::tests::all;
use crate::provision::plan::tests::model::{Model, now};
use crate::provision::{
    Account, Actual, Content, Found, Held, Kind, Refusal, Resource, Settings, State, Unread,
};

const HOME: &str = "eu-west-1";

/// An account as the platform leaves it.
pub(in crate::cli) fn platform() -> Model {
    let text = |text: &str| text.to_owned();
    let found = Found {
        auto_scaling_groups: vec![text("starttech-asg")],
        targets: vec![(
            text("app/starttech-alb/0123456789abcdef"),
            text("targetgroup/starttech-tg/fedcba9876543210"),
        )],
        distributions: vec![text("E1EXAMPLE2345")],
        groups_with_metrics: vec![text("starttech-asg")],
        distributions_with_more: vec![text("E1EXAMPLE2345")],
        refusals: Vec::new(),
    };
    Model { found, ..Model::default() }
}

pub(in crate::cli) fn settings() -> Settings {
    all().0
}

pub(in crate::cli) fn looked(account: &Model) -> Looked {
    now(look(account, &settings(), HOME, Asked::ByHand)).unwrap()
}

fn plan(account: &Model) -> Plan {
    looked(account).plan()
}

/// What was done, and the lines about it.
fn apply(account: &Model) -> (Done, Vec<String>) {
    let looked = looked(account);
    let plan = looked.plan();
    let mut lines = Vec::new();
    let mut done = now(carry_out(account, &plan, &mut |told| lines.push(told.line(HOME, false))));
    now(done.settle(account, &looked));
    lines.push(summary(&plan, &done));
    (done, lines)
}

fn check(lines: &[String], expected: &Expect) {
    expected.assert_eq(&lines.join("\n"));
}

#[test]
fn the_second_time_there_is_nothing_to_do() {
    let account = platform();
    let (done, lines) = apply(&account);
    assert_eq!(done.created, account.held.borrow().len());
    assert_eq!(lines.len(), done.created + 1);
    check(
        &[lines[0].clone(), lines[8].clone(), lines[lines.len() - 1].clone()],
        &expect![[r"
            [ 1/48] log_group /starttech/backend … created
            [ 9/48] alarm starttech-cpu-warning … created
            48 created
              · dashboard StartTech: widget 3: the metric is not there
              · not confirmed yet: email on-call@example.com, https https://hooks.example.com/…, email on-call@example.com in us-east-1, https https://hooks.example.com/… in us-east-1; who is asked for it finds a link in the message, for two days"]],
    );
    let calls = account.done.borrow().len();
    assert!(plan(&account).changes_nothing());
    assert_eq!(apply(&account).0.created, 0);
    assert_eq!(account.done.borrow().len(), calls);
}

#[test]
fn a_refusal_holds_nothing_else_up() {
    let account = Model { fixed: vec![Kind::Topic, Kind::Alarm], ..platform() };
    let (done, lines) = apply(&account);
    let kinds = [Kind::LogGroup, Kind::Dashboard, Kind::SavedQuery];
    assert!(account.held.borrow().iter().all(|held| kinds.contains(&held.resource.address.kind)));
    assert_eq!(done.created, account.held.borrow().len());
    let few = |line: &&String| {
        ["topic ", "subscription ", "starttech-disk", "cpu …"].iter().any(|few| line.contains(few))
    };
    let told: Vec<String> = lines.iter().filter(few).cloned().collect();
    check(
        &told[..8],
        &expect![[r"
        [ 3/48] topic starttech-alarms … refused
        [ 4/48] topic starttech-alarms in us-east-1 … refused
        [ 5/48] subscription email on-call@example.com … refused: there is no topic to subscribe to
        [ 6/48] subscription https https://hooks.example.com/… … refused: there is no topic to subscribe to
        [ 7/48] subscription email on-call@example.com in us-east-1 … refused: there is no topic to subscribe to
        [ 8/48] subscription https https://hooks.example.com/… in us-east-1 … refused: there is no topic to subscribe to
        [13/48] alarm starttech-disk … refused
        [32/48] composite_alarm starttech-cpu … refused: there is no alarm starttech-cpu-warning"]],
    );
    let last = &lines[lines.len() - 1];
    expect!["16 created, 32 refused"].assert_eq(last.lines().next().unwrap());
    assert_eq!(last.matches("the role may not test:PutAlarm on").count(), 1);
    assert_eq!(last.matches(r#""Action""#).count(), 2, "{last}");
    assert_eq!(done.pending, [""; 0]);
}

/// An alarm that a composite one speaks for has no actions of its own.
#[test]
fn alarms_that_nobody_speaks_for_speak_themselves() {
    let muted = |account: &Model| {
        let held = account.held.borrow();
        let quiet = held.iter().filter(|held| match &held.resource.content {
            Content::Alarm(alarm) => !alarm.actions_enabled,
            _ => false,
        });
        quiet.count()
    };
    let account = platform();
    apply(&account);
    assert_eq!(muted(&account), 7);

    let account = Model { fixed: vec![Kind::CompositeAlarm], ..platform() };
    let (_, lines) = apply(&account);
    assert_eq!(muted(&account), 0);
    let last = &lines[lines.len() - 1];
    assert!(
        last.contains(
            "composite_alarm starttech-cpu: without it these mail by themselves: starttech-cpu-warning"
        ),
        "{last}"
    );

    let account = platform();
    let wanted = looked(&account).desired;
    let taken = wanted.resources.iter().find(|resource| resource.address.name == "starttech-cpu").unwrap();
    let mut theirs = taken.clone();
    if let Content::CompositeAlarm(alarm) = &mut theirs.content {
        alarm.alarm_description = "By hand.".into();
    }
    account.held.borrow_mut().push(Held { resource: theirs, id: None, state: None });
    apply(&account);
    assert_eq!(muted(&account), 6, "cpu-warning mails by itself");
    assert!(plan(&account).changes_nothing());
}

#[test]
fn a_host_deletes_nothing_by_itself() {
    let account = platform();
    apply(&account);
    let mut copy =
        account.held.borrow().iter().find(|held| held.resource.address.kind == Kind::Alarm).unwrap().clone();
    copy.resource.address.name = "starttech-copy".into();
    account.held.borrow_mut().push(copy);
    now(start::in_account(&account, &settings(), HOME)).unwrap();
    let there = |account: &Model| {
        account.held.borrow().iter().any(|held| held.resource.address.name == "starttech-copy")
    };
    assert!(there(&account));
    apply(&account);
    assert!(!there(&account), "by hand it was shown, and asked for");
}

#[test]
fn parts_that_are_not_known_are_asked_for() {
    let account = platform();
    let found = Found { distributions: Vec::new(), ..account.found.clone() };
    let targets = [found.targets.clone(), vec![("app/b/2".into(), "targetgroup/b/2".into())]].concat();
    let account = Model { found: Found { targets, ..found }, ..platform() };
    let plan = plan(&account);
    expect![[r#"
        it is not known what to provision for, so nothing was changed:
          load balancer: there are 2, app/b/2, app/starttech-alb/0123456789abcdef; set provision.load_balancer to one of them, or to "none"
          CloudFront distribution: no metric tells of one; set provision.distribution = "its id", or "none""#]].assert_eq(&asked_for(&plan.missing).unwrap());
    assert!(!plan.is_whole());
    assert_eq!(asked_for(&[]), None);
}

/// Who only may ship logs: the policy that AWS has for agents.
fn default_role() -> Model {
    let all_but_groups: Vec<Kind> = Kind::ALL.into_iter().filter(|kind| *kind != Kind::LogGroup).collect();
    let denied = |action: &str| Refusal::Denied { action: action.to_owned(), resource: "*".to_owned() };
    Model {
        hidden: all_but_groups.clone(),
        fixed: all_but_groups,
        found: Found { refusals: vec![denied("cloudwatch:ListMetrics")], ..Found::default() },
        ..Model::default()
    }
}

#[test]
fn a_host_of_the_default_role_makes_its_log_groups_and_says_the_rest_once() {
    let account = default_role();
    let lines = now(start::in_account(&account, &settings(), HOME)).unwrap();
    assert_eq!(account.held.borrow().len(), 2);
    check(
        &lines,
        &expect![[r#"
            provisioned: 2 created (log_group 2)
            not provisioned from here, which is normal under the default role: the role may not test:DescribeTopic on *; the role may not test:DescribeSubscription on *; the role may not test:DescribeDashboard on *; the role may not test:DescribeSavedQuery on *; the role may not cloudwatch:ListMetrics on *; to let hosts do it, /usr/share/starttech-agent/iam/provisioner.json; else `starttech-agent apply` with a wider role
            what the role lacks: {"Version":"2012-10-17","Statement":[{"Effect":"Allow","Action":["cloudwatch:ListMetrics","test:DescribeDashboard","test:DescribeSavedQuery","test:DescribeSubscription","test:DescribeTopic"],"Resource":["*"]}]}
            without what was not found: Auto Scaling group: no metric tells of one, set host.auto_scaling_group = "the group's name", or "none"; load balancer: no metric tells of one, set provision.load_balancer = "app/name/id", or "none"; CloudFront distribution: no metric tells of one, set provision.distribution = "its id", or "none""#]],
    );
    assert_eq!(account.done.borrow().len(), 2);
    let again = now(start::in_account(&account, &settings(), HOME)).unwrap();
    expect!["provisioned: 2 as they shall be"].assert_eq(&again[0]);
}

#[test]
fn a_host_with_more_rights_goes_on_without_what_is_not_found() {
    let account = platform();
    let account = Model { found: Found { distributions: Vec::new(), ..account.found.clone() }, ..platform() };
    let lines = now(start::in_account(&account, &settings(), HOME)).unwrap();
    check(
        &lines,
        &expect![[r#"
        provisioned: 43 created (log_group 2, topic 1, subscription 2, alarm 21, composite_alarm 3, dashboard 1, saved_query 13)
        not confirmed yet: email on-call@example.com, https https://hooks.example.com/…
        without what was not found: CloudFront distribution: no metric tells of one, set provision.distribution = "its id", or "none""#]],
    );
    let lines = now(start::in_account(&account, &settings(), HOME)).unwrap();
    check(
        &lines,
        &expect![[r#"
        provisioned: 43 as they shall be
        without what was not found: CloudFront distribution: no metric tells of one, set provision.distribution = "its id", or "none""#]],
    );

    // Complete by hand, and nothing is taken away for want of it.
    let whole = platform();
    apply(&whole);
    let count = whole.held.borrow().len();
    let partial = Model {
        held: RefCell::new(whole.held.take()),
        found: Found { distributions: Vec::new(), targets: Vec::new(), ..whole.found.clone() },
        ..Model::default()
    };
    now(start::in_account(&partial, &settings(), HOME)).unwrap();
    assert_eq!(partial.held.borrow().len(), count);
    assert_eq!(*partial.done.borrow(), [""; 0]);
}

/// An account in which another host made everything between our look and our deeds.
struct Raced(Model);

impl Account for Raced {
    async fn read(&self, regions: &[String]) -> Actual {
        self.0.read(regions).await
    }
    async fn find(&self) -> Found {
        self.0.find().await
    }
    async fn account_id(&self) -> Result<String, Refusal> {
        self.0.account_id().await
    }
    async fn put(&self, wanted: &Resource, held: Option<&Held>) -> Result<Vec<String>, Refusal> {
        self.0.put(wanted, held).await?;
        self.0.put(wanted, held).await
    }
    async fn delete(&self, held: &Held) -> Result<(), Refusal> {
        self.0.delete(held).await
    }
    async fn publish(&self, topic_arn: &str, subject: &str, message: &str) -> Result<(), Refusal> {
        self.0.publish(topic_arn, subject, message).await
    }
}

#[test]
fn two_hosts_at_once_leave_one_of_each() {
    let account = Raced(platform());
    now(start::in_account(&account, &settings(), HOME)).unwrap();
    let of_kind =
        |kind| account.0.held.borrow().iter().filter(|held| held.resource.address.kind == kind).count();
    let wanted =
        all().2.resources.iter().filter(|resource| resource.address.kind == Kind::SavedQuery).count();
    assert_eq!(of_kind(Kind::SavedQuery), wanted);
    assert!(plan(&account.0).changes_nothing());
}

/// Nobody answers.
struct Gone;
impl Account for Gone {
    async fn read(&self, regions: &[String]) -> Actual {
        let refusal = Refusal::Unreachable("cannot reach SNS (ListTopics): no answer".into());
        let unread = |kind| Unread { kind, region: regions[0].clone(), refusal: refusal.clone() };
        Actual { held: Vec::new(), unread: Kind::ALL.map(unread).to_vec() }
    }
    async fn find(&self) -> Found {
        Found::default()
    }
    async fn account_id(&self) -> Result<String, Refusal> {
        panic!("nobody is there")
    }
    async fn put(&self, _: &Resource, _: Option<&Held>) -> Result<Vec<String>, Refusal> {
        panic!("nobody is there")
    }
    async fn delete(&self, _: &Held) -> Result<(), Refusal> {
        panic!("nobody is there")
    }
    async fn publish(&self, _: &str, _: &str, _: &str) -> Result<(), Refusal> {
        Err(Refusal::Wrong(String::new()))
    }
}

#[test]
fn who_cannot_be_reached_or_does_not_say_its_number_is_told_at_once() {
    let account = Model { nameless: true, ..platform() };
    let error = now(look(&account, &settings(), HOME, Asked::ByHand)).unwrap_err();
    expect!["the account's number, which is in every ARN, is not known: no answer from sts.eu-west-1.amazonaws.com within 5 s; STS says it to anybody with credentials, in a private subnet by the VPC interface endpoint com.amazonaws.eu-west-1.sts"].assert_eq(&error.to_string());

    let error = now(look(&Gone, &settings(), HOME, Asked::ByHand)).unwrap_err();
    assert_eq!(error.to_string(), "cannot reach SNS (ListTopics): no answer");
}

/// In the words of the service.
pub(in crate::cli) fn in_state(account: &Model, name: &str, value: &str, reason: &str) {
    for held in account.held.borrow_mut().iter_mut() {
        let alarm = matches!(held.resource.content, Content::Alarm(_) | Content::CompositeAlarm(_));
        if alarm && held.resource.address.name == name {
            held.state = Some(State {
                value: value.to_owned(),
                reason: reason.to_owned(),
                since_ms: 1_763_890_000_123,
            });
        }
    }
}
