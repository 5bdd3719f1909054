//! Two at once, and answers that are lost, late or faulty.

use std::time::Duration;

use harness::emulator::Emulator;
use harness::role::{ACCOUNT, Role};
use starttech_agent::provision::desired::Desired;
use starttech_agent::provision::mark::Mark;
use starttech_agent::provision::plan::{self, Knowledge, Step};
use starttech_agent::provision::{Account, Actual, Content, Held, Kind, Refusal, Resource};

use crate::fixture::*;

#[tokio::test]
async fn two_that_make_the_same_at_once_make_it_once() {
    let emulator = Emulator::start();
    let role = Role::start(emulator.address());
    let (one, other) = (account(&role.url()).await, account(&role.url()).await);
    assert_eq!(one.account_id().await, other.account_id().await);
    let wanted = everything();
    let nothing = Actual::default();
    tokio::join!(put_all(&one, &wanted, &nothing), put_all(&other, &wanted, &nothing));
    assert_eq!(role.calls("logs:PutQueryDefinition"), 2, "both tried");
    let actual = read(&one).await;
    assert_there(&actual, &wanted);
    let there: Vec<_> = actual.held.iter().map(|held| &held.resource.address).collect();
    assert_eq!(there.len(), wanted.len(), "nothing is there twice: {there:?}");
    tokio::join!(delete_all(&one, &wanted), delete_all(&other, &wanted));
    assert_eq!(read(&one).await.held, []);
}

/// Names of queries are not unique: what two made that did not know of one another is seen, and the same one
/// of them stays whoever looks.
#[tokio::test]
async fn of_queries_with_one_name_the_first_stays() {
    let emulator = Emulator::start();
    let role = Role::start(emulator.address());
    let account = account(&role.url()).await;
    let mut wanted = everything().pop().unwrap();
    let Content::SavedQuery { query_string, .. } = &mut wanted.content else { panic!("no query") };
    *query_string = format!("# {}\n{query_string}", Mark::current("starttech").sentence());
    let ours = query_string.clone();
    role.save_query(EU, "starttech/errors", "fields @message");
    for _ in 0..3 {
        role.save_query(EU, "starttech/errors", &ours);
    }
    role.save_query(EU, "starttech/other", "fields @message");
    role.save_query(EU, "other", "fields @message");
    let id = |held: &Held| held.id.clone().unwrap();
    let actual = read(&account).await;
    let all: Vec<_> = actual.held.iter().map(|held| held.resource.address.name.as_str()).collect();
    assert_eq!(all, [["starttech/errors"; 4].as_slice(), &["starttech/other"]].concat());

    let desired = Desired { resources: vec![wanted], notes: Vec::new() };
    let plan = |actual: &Actual| plan::plan(&desired, actual, "starttech", Knowledge::Whole);
    let first = plan(&actual);
    let (gone, kept): (Vec<_>, Vec<_>) = first.changes.iter().partition(|change| change.step == Step::Delete);
    let ids = |changes: &[&plan::Change]| {
        changes.iter().map(|change| id(change.held.as_ref().unwrap())).collect::<Vec<_>>()
    };
    // The first of all is somebody else's.
    let made: Vec<String> = actual.held.iter().take(4).map(id).collect();
    assert_eq!((ids(&kept), ids(&gone)), (made[1..2].to_vec(), made[2..].to_vec()));

    for change in gone {
        account.delete(change.held.as_ref().unwrap()).await.unwrap();
        // Another host does the same.
        account.delete(change.held.as_ref().unwrap()).await.unwrap();
    }
    let actual = read(&account).await;
    let left: Vec<_> = plan(&actual).changes.into_iter().map(|change| change.step).collect();
    assert_eq!(left, [Step::Update], "its groups were not given");
    put_all(&account, &desired.resources, &Actual { held: vec![actual.held[1].clone()], unread: Vec::new() })
        .await;
    let actual = read(&account).await;
    assert!(plan(&actual).changes_nothing(), "{:?}", plan(&actual));
    assert_eq!(actual.held.len(), 3, "somebody's of the same name, ours, and another of somebody's");
}

#[tokio::test]
async fn what_is_lost_or_late_or_faulty_once_does_no_harm() {
    let emulator = Emulator::start();
    let role = Role::start(emulator.address());
    let account = account(&role.url()).await;
    assert_eq!(account.account_id().await.as_deref(), Ok(ACCOUNT));
    let (wanted, others) = (everything(), everything().iter().map(changed).collect::<Vec<Resource>>());
    // The service does as it is told, and nobody hears of it: it is told again.
    let makes = [
        "logs:CreateLogGroup",
        "logs:PutRetentionPolicy",
        "sns:CreateTopic",
        "sns:SetTopicAttributes",
        "sns:Subscribe",
        "cloudwatch:PutMetricAlarm",
        "cloudwatch:PutCompositeAlarm",
        "cloudwatch:PutDashboard",
        "logs:PutQueryDefinition",
    ];
    for action in makes {
        role.lose(action, 1);
    }
    put_all(&account, &wanted, &Actual::default()).await;
    let actual = read(&account).await;
    assert_there(&actual, &wanted);
    assert_eq!(actual.held.len(), wanted.len(), "nothing is there twice");
    assert_eq!(role.calls("logs:PutQueryDefinition"), 2);

    role.cut("cloudwatch:PutMetricAlarm", 1);
    role.fail("sns:SetTopicAttributes", 500, "InternalError", 2);
    role.fail("cloudwatch:PutCompositeAlarm", 500, "InternalServiceFault", 1);
    role.fail("logs:PutQueryDefinition", 503, "ServiceUnavailableException", 1);
    role.slow("cloudwatch:PutDashboard", Duration::from_millis(500), 1);
    role.fail("logs:PutRetentionPolicy", 400, "OperationAbortedException", 1);
    put_all(&account, &others, &actual).await;
    assert_there(&read(&account).await, &others);

    let removes = [
        "logs:DeleteLogGroup",
        "sns:DeleteTopic",
        "cloudwatch:DeleteAlarms",
        "cloudwatch:DeleteDashboards",
        "logs:DeleteQueryDefinition",
    ];
    for action in removes {
        role.lose(action, 1);
    }
    delete_all(&account, &others).await;
    assert_eq!(read(&account).await.held, []);
}

#[tokio::test]
async fn a_service_that_never_answers_is_given_up_and_the_others_go_on() {
    let emulator = Emulator::start();
    let role = Role::start(emulator.address());
    let account = account(&role.url()).await;
    let wanted = everything();
    put_all(&account, &wanted, &Actual::default()).await;
    role.forget();
    role.cut("sns:ListTopics", 1_000);
    let actual = read(&account).await;
    let unread: Vec<_> = actual.unread.iter().map(|unread| (unread.kind, unread.region.as_str())).collect();
    let expected = [(Kind::Topic, EU), (Kind::Subscription, EU), (Kind::Topic, US), (Kind::Subscription, US)];
    assert_eq!(unread, expected);
    let Refusal::Unreachable(why) = &actual.unread[0].refusal else { panic!("{:?}", actual.unread) };
    assert!(why.contains("com.amazonaws.eu-west-1.sns"), "{why}");
    for kind in [Kind::LogGroup, Kind::Alarm, Kind::CompositeAlarm, Kind::Dashboard, Kind::SavedQuery] {
        let of = |held: &&Held| held.resource.address.kind == kind;
        assert_eq!(actual.held.iter().filter(of).count(), wanted.iter().filter(is_kind(kind)).count());
    }
    let calls = role.calls("sns:ListTopics");
    let refusal = account.put(&wanted[2], None).await.unwrap_err();
    assert_eq!(refusal, actual.unread[0].refusal);
    assert_eq!((calls, role.calls("sns:ListTopics"), role.calls("sns:CreateTopic")), (4, 4, 0));
}
