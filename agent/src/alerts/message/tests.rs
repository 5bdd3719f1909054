//! Messages as people and machines get them.

use expect_test::expect;

use super::*;
use crate::alerts::state::NAMED;
use crate::alerts::threshold::Crossed;

const T0: i64 = 1_800_000_184 * SECOND;

fn place() -> Place {
    Place {
        instance_id: "i-0123456789abcdef0".to_owned(),
        group: Some("starttech-asg".to_owned()),
        region: "eu-west-1".to_owned(),
        account_id: Some("123456789012".to_owned()),
        prefix: "starttech".to_owned(),
        runbook: Some("https://wiki.example.com/starttech".to_owned()),
    }
}

fn incident(name: &str, cause: Cause) -> Incident {
    let container = Container {
        name: name.to_owned(),
        id: "0123456789abcdef0123456789abcdef".to_owned(),
        image: "starttech-backend:1.4".to_owned(),
        ..Container::default()
    };
    let lines = Ok(vec!["listening on :8080".to_owned(), "panic: out of luck".to_owned()]);
    let stream = Some(Destination {
        group: "/starttech/backend".to_owned(),
        stream: "i-0123456789abcdef0/starttech-backend/0123456789ab".to_owned(),
    });
    Incident { stream, ..Incident::of(container, T0, cause, Some(lines)) }
}

fn group(members: Vec<Member>, cause: Cause) -> Message {
    let count = u32::try_from(members.len()).unwrap();
    Message::Group(Box::new(Group {
        step: Step::Begin,
        cause,
        at_ns: T0,
        count,
        members,
        continued: false,
        others: false,
    }))
}

fn one(cause: &Cause) -> Message {
    group(vec![Member::new(incident("starttech-backend", cause.clone()), cause)], cause.clone())
}

#[test]
fn a_death_as_people_read_it() {
    let written = one(&Cause::Died { exit_code: 2, starved: false }).write(&place(), T0 + SECOND);
    expect![[r#"ALARM: "starttech-backend" died (exit 2) on i-0123456789abcdef0"#]]
        .assert_eq(&written.subject);
    expect![[r#"
        "starttech-backend" died (exit 2).

        Where:  i-0123456789abcdef0, Auto Scaling group starttech-asg, eu-west-1
        When:   2027-01-15 08:03:04 UTC
        What:   container 0123456789ab of image starttech-backend:1.4

        Docker was not asked to stop it: exit code 2, which is also how a Go program ends after a panic.

        The last 2 lines:

          | listening on :8080
          | panic: out of luck

        On the host:
          docker logs --tail 100 starttech-backend
          docker inspect --format '{{json .State}}' starttech-backend
          journalctl -u docker --since -15min

        More:
          its lines at that minute: https://eu-west-1.console.aws.amazon.com/cloudwatch/home?region=eu-west-1#logsV2:log-groups/log-group/$252Fstarttech$252Fbackend/log-events/i-0123456789abcdef0$252Fstarttech-backend$252F0123456789ab$3Fstart$3D1799999884000$26end$3D1800000244000
          all alarms: https://eu-west-1.console.aws.amazon.com/cloudwatch/home?region=eu-west-1#alarmsV2:

        Runbook: https://wiki.example.com/starttech

        Sent by starttech-agent on i-0123456789abcdef0.
    "#]].assert_eq(&written.mail);
}

#[test]
fn a_death_as_machines_read_it() {
    let written = one(&Cause::OutOfMemory).write(&place(), T0 + SECOND);
    let document: serde_json::Value = serde_json::from_str(&written.machine).unwrap();
    expect![[r#"
        {
          "AlarmName": "starttech-container-down-i-0123456789abcdef0",
          "AlarmDescription": "Told by starttech-agent on the host itself, from Docker's events.",
          "AWSAccountId": "123456789012",
          "NewStateValue": "ALARM",
          "NewStateReason": "\"starttech-backend\" was killed: out of memory on i-0123456789abcdef0. The kernel killed it because the memory it may use, or the host's, was used up.",
          "StateChangeTime": "2027-01-15T08:03:04.000+0000",
          "Region": "EU (Ireland)",
          "AlarmArn": "arn:aws:cloudwatch:eu-west-1:123456789012:alarm:starttech-container-down-i-0123456789abcdef0",
          "OldStateValue": "OK",
          "OKActions": [],
          "AlarmActions": [],
          "InsufficientDataActions": [],
          "Trigger": {
            "MetricName": "container-out-of-memory",
            "Namespace": "StartTech/Events",
            "StatisticType": "Statistic",
            "Statistic": "SUM",
            "Unit": null,
            "Dimensions": [
              {
                "value": "i-0123456789abcdef0",
                "name": "InstanceId"
              },
              {
                "value": "starttech-backend",
                "name": "ContainerName"
              }
            ],
            "Period": 60,
            "EvaluationPeriods": 1,
            "DatapointsToAlarm": 1,
            "ComparisonOperator": "GreaterThanOrEqualToThreshold",
            "Threshold": 1.0,
            "TreatMissingData": "notBreaching",
            "EvaluateLowSampleCountPercentile": ""
          },
          "StartTech": {
            "Rule": "container-out-of-memory",
            "Cause": "out-of-memory",
            "Count": 1,
            "Containers": [
              {
                "Name": "starttech-backend",
                "Id": "0123456789abcdef0123456789abcdef",
                "Image": "starttech-backend:1.4",
                "Since": "2027-01-15T08:03:04.000Z",
                "What": "was killed: out of memory",
                "Lines": [
                  "listening on :8080",
                  "panic: out of luck"
                ],
                "Around": []
              }
            ],
            "InstanceId": "i-0123456789abcdef0",
            "AutoScalingGroupName": "starttech-asg",
            "Late": false,
            "Runbook": "https://wiki.example.com/starttech"
          }
        }"#]].assert_eq(&serde_json::to_string_pretty(&document).unwrap());
}

#[test]
fn many_are_named_up_to_a_number() {
    let cause = Cause::Died { exit_code: 1, starved: false };
    let member = |n: usize| Member::new(incident(&format!("c{n}"), cause.clone()), &cause).without_lines();
    let mut message = group((0..NAMED).map(member).collect(), cause.clone());
    let Message::Group(group) = &mut message else { panic!() };
    group.count = 200;
    let written = message.write(&place(), T0);
    assert_eq!(written.subject, "ALARM: 200 containers died on i-0123456789abcdef0");
    assert!(written.mail.contains("  … and 180 others; 20 are named\n"), "{}", written.mail);
    assert!(written.mail.contains("  c19 died (exit 1) at 2027-01-15 08:03:04 UTC\n"), "{}", written.mail);
}

#[test]
fn late_is_said_in_every_form() {
    let written = one(&Cause::Unhealthy).write(&place(), T0 + MINUTES_20);
    assert_eq!(
        written.subject,
        "ALARM: \"starttech-backend\" is unhealthy on i-0123456789abcdef0 [late, happened at 08:03:04Z]"
    );
    assert!(
        written.mail.starts_with("LATE: this happened at 2027-01-15 08:03:04 UTC, and is sent only now, at ")
    );
    assert!(written.machine.contains("\"Late\":true"), "{}", written.machine);
}

const MINUTES_20: i64 = 20 * 60 * SECOND;

#[test]
fn an_end_and_a_summary_are_short() {
    let cause = Cause::Died { exit_code: 1, starved: false };
    let member = Member::ended("web", T0, &cause, 2, Change::Up, T0 + 3 * 60 * SECOND);
    let ended = Group {
        step: Step::End,
        cause,
        at_ns: T0,
        count: 1,
        members: vec![member],
        continued: false,
        others: false,
    };
    let written = Message::Group(Box::new(ended)).write(&place(), T0);
    assert_eq!(written.subject, "OK: \"web\" is up again after 3 min on i-0123456789abcdef0");
    assert!(written.mail.contains("died (exit 1). Meanwhile it died 2 more times."), "{}", written.mail);
    let document: serde_json::Value = serde_json::from_str(&written.machine).unwrap();
    assert_eq!((&document["NewStateValue"], &document["OldStateValue"]), (&"OK".into(), &"ALARM".into()));

    let held = vec!["2027-01-15 08:03:04 UTC: \"web\" died (exit 1)".to_owned()];
    let summary = Message::Summary { since_ns: T0, at_ns: T0, held, held_in_all: 7 }.write(&place(), T0);
    assert_eq!(summary.subject, "7 more alerts were held back within an hour on i-0123456789abcdef0");
    assert!(summary.mail.contains("\"web\" died (exit 1)"), "{}", summary.mail);
}

#[test]
fn nothing_that_a_container_says_breaks_a_message() {
    let hostile = "\u{202e}a\r\nb\u{0}<b>\"\\".repeat(50);
    let cause = Cause::NotStarted { error: hostile.clone() };
    let mut incident = incident(&hostile, cause.clone());
    incident.lines = Some(Ok(vec!["\"<script>ü\u{2028}".repeat(80); 20]));
    for now in [T0, T0 + MINUTES_20] {
        let member = Member::new(incident.clone(), &cause);
        let written = group(vec![member], cause.clone()).write(&place(), now);
        let subject = &written.subject;
        assert!(subject.len() < 100 && subject.starts_with("ALARM"), "{subject}");
        assert!(subject.bytes().all(|byte| (b' '..=b'~').contains(&byte)), "{subject}");
        assert!(written.mail.len() < 31 << 10);
        let structure = written.structure();
        assert!(structure.len() < 256 << 10, "{}", structure.len());
        let structure: serde_json::Value = serde_json::from_str(&structure).unwrap();
        serde_json::from_str::<serde_json::Value>(structure["default"].as_str().unwrap()).unwrap();
    }
}

#[test]
fn a_mail_keeps_what_to_run_and_where_there_is_more() {
    let cause = Cause::Died { exit_code: 1, starved: false };
    let mut incident = incident("web", cause.clone());
    incident.lines = Some(Ok((0..20).map(|n| "\\".repeat(500) + &n.to_string()).collect()));
    let members = vec![Member::new(incident, &cause); 5];
    let written = group(members, cause).write(&place(), T0);
    assert!(written.structure().len() <= PUBLISH, "{}", written.structure().len());
    for wanted in
        ["\nThe last 10 lines of web:", "\\19\n", "docker logs --tail 100 web", "its lines at that minute"]
    {
        assert!(written.mail.contains(wanted), "no {wanted} in {}", written.mail);
    }
    assert!(!written.mail.contains("does not fit"), "{}", written.mail);
}

#[test]
fn nothing_turns_the_words_of_a_mail_around() {
    let cause = Cause::Unhealthy;
    let mut incident = incident("web", cause.clone());
    incident.lines = Some(Ok(vec!["\u{202e}exe.\u{2028}x".to_owned()]));
    let written = group(vec![Member::new(incident, &cause)], cause).write(&place(), T0);
    assert!(written.mail.contains("| \u{fffd}exe.\u{fffd}x\n"), "{}", written.mail);
}

#[test]
fn it_survives_the_spool() {
    let message = one(&Cause::RestartLoop { deaths: 3, minutes: 10 });
    let text = serde_json::to_string(&message).unwrap();
    assert_eq!(serde_json::from_str::<Message>(&text).unwrap(), message);
}

fn disk_full() -> Cause {
    let alarm = r#"{"AlarmName":"disk-full","Namespace":"StartTech/Backend","MetricName":"disk_used_percent",
        "Dimensions":[{"Name":"path","Value":"/data"}],"Statistic":"Maximum","Period":60,"EvaluationPeriods":2,
        "Threshold":95.0,"ComparisonOperator":"GreaterThanOrEqualToThreshold"}"#;
    Cause::Threshold(Box::new(Crossed {
        rule: "disk-full".to_owned(),
        of: Some("/data".to_owned()),
        says: "disk /data is 97.2 % full".to_owned(),
        over: "disk /data has room again".to_owned(),
        reason: "Threshold Crossed: 2 datapoints were greater than or equal to the threshold (95.0)."
            .to_owned(),
        run: vec!["df -h /data".to_owned(), "docker system df".to_owned()],
        alarm: serde_json::from_str(alarm).unwrap(),
        while_down: true,
        counts: false,
        of_backend: false,
    }))
}

/// A threshold, with what was found around it.
fn threshold(around: &[&str], lines: Option<&str>) -> Message {
    let container = Container { name: "disk-full /data".to_owned(), ..Container::default() };
    let cause = disk_full();
    let mut incident = Incident::of(container, T0, cause.clone(), None);
    incident.around = around.iter().map(|line| (*line).to_owned()).collect();
    incident.lines = lines.map(|line| Ok(vec![line.to_owned()]));
    incident.lines_of = lines.map(|_| "starttech-backend".to_owned());
    group(vec![Member::new(incident, &cause)], cause)
}

#[test]
fn a_threshold_as_people_read_it() {
    let around = ["starttech-backend: Exited (1) 3 minutes ago, of starttech-backend:1.4"];
    let written = threshold(&around, Some("out of luck")).write(&place(), T0 + SECOND);
    expect!["ALARM: disk /data is 97.2 % full on i-0123456789abcdef0"].assert_eq(&written.subject);
    expect![[r"
        Disk /data is 97.2 % full.

        Where:  i-0123456789abcdef0, Auto Scaling group starttech-asg, eu-west-1
        When:   2027-01-15 08:03:04 UTC

        Threshold Crossed: 2 datapoints were greater than or equal to the threshold (95.0).

        What Docker has there:
          starttech-backend: Exited (1) 3 minutes ago, of starttech-backend:1.4

        The last 1 line of starttech-backend:

          | out of luck

        On the host:
          df -h /data
          docker system df

        More:
          all alarms: https://eu-west-1.console.aws.amazon.com/cloudwatch/home?region=eu-west-1#alarmsV2:

        Runbook: https://wiki.example.com/starttech

        Sent by starttech-agent on i-0123456789abcdef0.
    "]]
    .assert_eq(&written.mail);
    let member = Member::ended("disk-full /data", T0, &disk_full(), 2, Change::Over, T0 + 90 * SECOND);
    let Message::Group(mut ended) = group(vec![member], disk_full()) else { panic!() };
    ended.step = Step::End;
    let written = Message::Group(ended).write(&place(), T0 + 90 * SECOND);
    expect![[r"
        LATE: this happened at 2027-01-15 08:03:04 UTC, and is sent only now, at 2027-01-15 08:04:34 UTC.

        Disk /data has room again, after 1 min.

        Where:  i-0123456789abcdef0, Auto Scaling group starttech-asg, eu-west-1
        When:   2027-01-15 08:03:04 UTC

        At 2027-01-15 08:03:04 UTC: disk /data is 97.2 % full. Meanwhile it was over and began again 2 times.

        Runbook: https://wiki.example.com/starttech

        Sent by starttech-agent on i-0123456789abcdef0.
    "]]
    .assert_eq(&written.mail);
}

#[test]
fn a_threshold_as_machines_read_it() {
    let written = threshold(&[], None).write(&place(), T0 + SECOND);
    let document: serde_json::Value = serde_json::from_str(&written.machine).unwrap();
    assert_eq!(document["AlarmName"], "starttech-disk-full-i-0123456789abcdef0");
    expect![[r#"
        {
          "MetricName": "disk_used_percent",
          "Namespace": "StartTech/Backend",
          "Unit": null,
          "Dimensions": [
            {
              "value": "i-0123456789abcdef0",
              "name": "InstanceId"
            },
            {
              "value": "/data",
              "name": "path"
            }
          ],
          "Period": 60,
          "EvaluationPeriods": 2,
          "DatapointsToAlarm": 2,
          "ComparisonOperator": "GreaterThanOrEqualToThreshold",
          "Threshold": 95.0,
          "TreatMissingData": "missing",
          "EvaluateLowSampleCountPercentile": "",
          "StatisticType": "Statistic",
          "Statistic": "MAXIMUM"
        }"#]]
    .assert_eq(&serde_json::to_string_pretty(&document["Trigger"]).unwrap());
}

#[test]
fn thresholds_of_one_rule_are_grouped() {
    let (one, cause) = (incident("disk-full /a", disk_full()), disk_full());
    let members = vec![Member::new(one.clone(), &cause), Member::new(one, &cause)];
    let written = group(members, cause).write(&place(), T0);
    assert_eq!(written.subject, "ALARM: 2 of disk-full on i-0123456789abcdef0");
    assert!(written.mail.contains("\n  disk /data is 97.2 % full at "), "{}", written.mail);
}
