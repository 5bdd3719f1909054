//! What a role may not do is told, and what is told is enough to allow it.

use std::collections::{BTreeMap, BTreeSet};

use harness::agent::{Agent, Options};
use harness::docker::{Dockerd, Run};
use harness::emulator::Emulator;
use harness::role::{self, ACCOUNT, Role};
use serde_json::Value;
use starttech_agent::provision::{Account, Content, Kind, Refusal, Resource, rights};

use crate::fixture::*;

#[tokio::test]
async fn the_default_role_makes_log_groups_and_is_told_what_the_rest_takes() {
    let emulator = Emulator::start();
    let role = Role::start(emulator.address());
    role.attach(&document(DEFAULT_ROLE));
    let account = account(&role.url()).await;
    let (wanted, mut refused) = (everything(), Vec::new());
    for wanted in &wanted {
        match account.put(wanted, None).await {
            Ok(words) => {
                assert_eq!(wanted.address.kind, Kind::LogGroup, "{}", wanted.address);
                let name = &wanted.address.name;
                let resource = format!("arn:aws:logs:{EU}:{ACCOUNT}:log-group:{name}");
                let tags =
                    format!("its tags stay as they are: the role may not logs:TagResource on {resource}");
                assert!(words == [tags.clone()] || words == [tags.replace(ACCOUNT, "*")], "{words:?}");
            }
            Err(refusal) => refused.push(refusal),
        }
    }
    let denied = |action: &str, resource: String| Refusal::Denied { action: action.to_owned(), resource };
    let alarm = |region: &str, name: &str| format!("arn:aws:cloudwatch:{region}:{ACCOUNT}:alarm:{name}");
    let expected = [
        denied("sns:CreateTopic", topic_arn(EU)),
        denied("sns:CreateTopic", topic_arn(US)),
        denied("sns:Subscribe", topic_arn(EU)),
        denied("sns:Subscribe", topic_arn(EU)),
        denied("cloudwatch:PutMetricAlarm", alarm(EU, "starttech-cpu")),
        denied("cloudwatch:PutMetricAlarm", alarm(EU, "starttech-error-rate")),
        denied("cloudwatch:PutMetricAlarm", alarm(EU, "starttech-response-time")),
        denied("cloudwatch:PutMetricAlarm", alarm(US, "starttech-cpu")),
        denied("cloudwatch:PutCompositeAlarm", alarm(EU, "*")),
        denied("cloudwatch:PutDashboard", format!("arn:aws:cloudwatch::{ACCOUNT}:dashboard/StartTech")),
        denied("logs:PutQueryDefinition", "*".to_owned()),
    ];
    assert_eq!(refused, expected);

    let actual = read(&account).await;
    let held: Vec<_> = actual.held.iter().map(|held| &held.resource).collect();
    assert_eq!(held.len(), 2, "{held:?}");
    for (held, wanted) in held.iter().zip(&wanted) {
        assert_eq!((&held.content, &held.tags), (&wanted.content, &BTreeMap::new()), "no tags are known");
    }
    let unread = |region: &str| {
        let of = actual.unread.iter().filter(move |unread| unread.region == region);
        of.map(|unread| (unread.kind, unread.refusal.clone())).collect::<Vec<_>>()
    };
    let topics = |region: &str| denied("sns:ListTopics", format!("arn:aws:sns:{region}:{ACCOUNT}:*"));
    let alarms = |region: &str| denied("cloudwatch:DescribeAlarms", alarm(region, "*"));
    let in_both = |region: &str| {
        vec![
            (Kind::Topic, topics(region)),
            (Kind::Subscription, topics(region)),
            (Kind::Alarm, alarms(region)),
            (Kind::CompositeAlarm, alarms(region)),
        ]
    };
    assert_eq!(unread(US), in_both(US));
    let dashboard = format!("arn:aws:cloudwatch::{ACCOUNT}:dashboard/StartTech");
    let mut at_home = in_both(EU);
    at_home.push((Kind::Dashboard, denied("cloudwatch:GetDashboard", dashboard)));
    at_home.push((Kind::SavedQuery, denied("logs:DescribeQueryDefinitions", "*".to_owned())));
    assert_eq!(unread(EU), at_home);

    let found = account.find().await;
    assert_eq!(found.refusals, [denied("cloudwatch:ListMetrics", "*".to_owned())]);
    assert_eq!(account.account_id().await.as_deref(), Ok(ACCOUNT));

    // What is printed for the operator to add is enough, and no more than what was refused.
    let mut all = refused;
    all.extend(actual.unread.into_iter().map(|unread| unread.refusal));
    all.extend(found.refusals);
    let more = rights::statement(&all);
    for refusal in &all {
        let Refusal::Denied { action, resource } = refusal else { panic!("{refusal}") };
        assert!(role::allows(&more, action, resource), "{refusal}");
        assert!(!role::allows(&document(DEFAULT_ROLE), action, resource), "{refusal}");
    }
}

/// The default role, and what it was told to add.
fn default_and(refused: &[Refusal]) -> Value {
    let mut policy = document(DEFAULT_ROLE);
    let more = rights::statement(refused)["Statement"].as_array().unwrap().clone();
    policy["Statement"].as_array_mut().unwrap().extend(more);
    policy
}

#[tokio::test]
async fn what_was_refused_is_done_once_what_was_said_is_added() {
    let emulator = Emulator::start();
    let role = Role::start(emulator.address());
    let account = account(&role.url()).await;
    let (wanted, mut refused) = (everything(), Vec::new());
    // One right shows the need of the next: a topic is made, then its policy set.
    for round in 1.. {
        role.attach(&default_and(&refused));
        let (known, actual) = (refused.len(), read(&account).await);
        refused.extend(actual.unread.iter().map(|unread| unread.refusal.clone()));
        for wanted in &wanted {
            refused.extend(account.put(wanted, of(&actual, wanted)).await.err());
        }
        if refused.len() == known {
            println!("{round} rounds");
            break;
        }
        assert!(round < 8, "{:?}", &refused[known..]);
    }
    let actual = read(&account).await;
    for wanted in &wanted {
        assert_eq!(of(&actual, wanted).unwrap().resource.content, wanted.content, "{}", wanted.address);
    }
    let things: Vec<_> = wanted.iter().rev().filter(|wanted| !is_kind(Kind::Subscription)(wanted)).collect();
    let mut denied = Vec::new();
    for thing in &things {
        denied.push(account.delete(of(&actual, thing).unwrap()).await.unwrap_err());
    }
    let alarm = |region: &str, name: &str| format!("arn:aws:cloudwatch:{region}:{ACCOUNT}:alarm:{name}");
    let group = |name: &str| format!("arn:aws:logs:{EU}:{ACCOUNT}:log-group:{name}");
    let expected = [
        ("logs:DeleteQueryDefinition", "*".to_owned()),
        ("cloudwatch:DeleteDashboards", format!("arn:aws:cloudwatch::{ACCOUNT}:dashboard/StartTech")),
        ("cloudwatch:DeleteAlarms", alarm(EU, "starttech-down")),
        ("cloudwatch:DeleteAlarms", alarm(US, "starttech-cpu")),
        ("cloudwatch:DeleteAlarms", alarm(EU, "starttech-response-time")),
        ("cloudwatch:DeleteAlarms", alarm(EU, "starttech-error-rate")),
        ("cloudwatch:DeleteAlarms", alarm(EU, "starttech-cpu")),
        ("sns:DeleteTopic", topic_arn(US)),
        ("sns:DeleteTopic", topic_arn(EU)),
        ("logs:DeleteLogGroup", group("/starttech/frontend")),
        ("logs:DeleteLogGroup", group(GROUP)),
    ];
    assert_eq!(
        denied,
        expected.map(|(action, resource)| Refusal::Denied { action: action.into(), resource })
    );
    let publish = account.publish(&topic_arn(EU), "A test", "It arrives.").await.unwrap_err();
    assert_eq!(publish, Refusal::Denied { action: "sns:Publish".into(), resource: topic_arn(EU) });

    refused.extend(denied);
    refused.push(publish);
    role.attach(&default_and(&refused));
    account.publish(&topic_arn(EU), "A test", "It arrives.").await.unwrap();
    for thing in &things {
        account.delete(of(&actual, thing).unwrap()).await.unwrap();
    }
    assert_eq!(read(&account).await.held, []);
}

/// What may not be done with a policy: whatever is not of the platform, and alarms that do more than mail.
#[tokio::test]
async fn the_provisioner_keeps_to_what_is_its_own() {
    let emulator = Emulator::start();
    let role = Role::start(emulator.address());
    role.attach(&document(PROVISIONER));
    let account = account(&role.url()).await;
    let everything = everything();
    let named = |resource: &Resource, name: &str| {
        let mut other = resource.clone();
        name.clone_into(&mut other.address.name);
        match &mut other.content {
            Content::Alarm(alarm) => name.clone_into(&mut alarm.alarm_name),
            Content::CompositeAlarm(alarm) => name.clone_into(&mut alarm.alarm_name),
            _ => {}
        }
        other
    };
    let mut others: Vec<Resource> = ["/payments/api", "payments-alarms", "payments-cpu", "Payments"]
        .into_iter()
        .zip([0, 2, 6, 11])
        .map(|(name, of)| named(&everything[of], name))
        .collect();
    // An alarm that ends instances, in either form.
    for of in [6, 10] {
        let mut ends = everything[of].clone();
        let actions = match &mut ends.content {
            Content::Alarm(alarm) => &mut alarm.ok_actions,
            Content::CompositeAlarm(alarm) => &mut alarm.ok_actions,
            _ => panic!("{}", ends.address),
        };
        *actions = vec![format!("arn:aws:automate:{EU}:ec2:terminate")];
        others.push(ends);
    }
    for other in &others {
        let refusal = account.put(other, None).await.unwrap_err();
        assert!(matches!(refusal, Refusal::Denied { .. }), "{}: {refusal}", other.address);
    }
    assert_eq!(read(&account).await.held, []);
}

#[tokio::test]
async fn the_hosts_policies_build_on_one_another_and_provision_log_groups_alone() {
    let emulator = Emulator::start();
    let role = Role::start(emulator.address());
    let account = account(&role.url()).await;
    put_all(&account, &[topic(EU)], &read(&account).await).await;
    let statements = |text: &str| document(text)["Statement"].as_array().unwrap().clone();
    let (minimal, with_alerts) = (statements(HOST_MINIMAL), statements(HOST_WITH_ALERTS));
    assert_eq!(with_alerts[..minimal.len()], minimal[..]);
    for (text, alerts) in [(HOST_MINIMAL, false), (HOST_WITH_ALERTS, true)] {
        role.attach(&document(text));
        let actual = read(&account).await;
        for wanted in everything() {
            let put = account.put(&wanted, of(&actual, &wanted)).await;
            match (wanted.address.kind, put) {
                (Kind::LogGroup, Ok(_)) | (_, Err(Refusal::Denied { .. })) => {}
                (_, other) => panic!("{}: {other:?}", wanted.address),
            }
        }
        let alarms: Vec<_> = actual.unread.iter().filter(|unread| unread.kind == Kind::Alarm).collect();
        assert_eq!(alarms.is_empty(), alerts, "{alarms:?}");
        let published = account.publish(&topic_arn(EU), "A test", "It arrives.").await;
        assert_eq!(published.is_ok(), alerts, "{published:?}");
        let elsewhere = topic_arn(EU).replace(TOPIC, "others");
        let published = account.publish(&elsewhere, "A test", "It arrives.").await;
        assert!(matches!(published, Err(Refusal::Denied { .. })), "{published:?}");
    }
}

/// The daemon has what it takes, and no call of it is refused.
#[test]
fn the_least_of_the_hosts_policies_is_enough_to_ship() {
    let (emulator, docker) = (Emulator::start(), Dockerd::start());
    let role = Role::start(emulator.address());
    role.attach(&document(HOST_MINIMAL));
    // A batch whose answer is lost is looked for.
    role.lose("logs:PutLogEvents", 1);
    let options = Options::at(&role.url())
        .with_docker(&docker)
        .with_config("[provision]\nat_start = false\n[metrics]\nflush = \"10s\"\n");
    let mut agent = Agent::start(options);
    docker.run(&Run { name: "web", script: "for i in $(seq 1 9); do echo n=$i; done", ..Run::default() });
    let actions = || role.asked().into_iter().map(|(action, _)| action).collect::<BTreeSet<_>>();
    // Retention is looked at (logs:DescribeLogGroups) where somebody else made the group, within ten minutes.
    let expected = [
        "cloudwatch:PutMetricData",
        "logs:CreateLogGroup",
        "logs:CreateLogStream",
        "logs:GetLogEvents",
        "logs:PutLogEvents",
        "logs:PutRetentionPolicy",
    ];
    agent.wait_until(LIMIT * 3, "all that it does", || actions().len() >= expected.len());
    agent.stop(LIMIT);
    assert_eq!(actions(), expected.map(str::to_owned).into());
    assert_eq!(role.denied(), BTreeSet::new());
    let client = emulator.client();
    let stream = client.streams(GROUP).into_iter().find(|stream| stream.contains("/web/")).unwrap();
    assert_eq!(client.events(GROUP, &stream).len(), 9, "each once");
}
