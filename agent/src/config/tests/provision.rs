//! `[alerts]`, `[alarms]` and `[provision]`.

use super::*;
use crate::provision::desired::desired;
use crate::provision::parts::Parts;
use crate::provision::{Rhythm, Thresholds, Wanted};

#[test]
fn thresholds_have_one_default() {
    assert_eq!(config(&[], &[]).unwrap().provision.settings.thresholds, Thresholds::default());
}

#[test]
fn what_other_sections_say_is_provisioned_too() {
    let file = "logs.group = '/a'\nlogs.retention_days = 30\nmetrics.namespace = 'N'\nmetrics.flush = '2m'\n\
                logs.routes = [{ match = ['x'], group = '/b' }, { match = ['y'], group = '/a' }]";
    let settings = config(&[file], &[]).unwrap().provision.settings;
    assert_eq!(settings.log_groups, ["/a", "/b"]);
    assert_eq!((settings.retention_days, settings.namespace.as_str()), (30, "N"));
    assert_eq!(settings.rhythm, Rhythm { sample_s: 10.0, flush_s: 120 });
}

/// What the agents do not send, no alarm waits for.
#[test]
fn alarms_on_what_is_not_sent_are_left_out() {
    let left_out = |file: &str| {
        let settings = config(&[file], &[]).unwrap().provision.settings;
        let parts = Parts {
            region: "eu-west-1".into(),
            account_id: "123456789012".into(),
            auto_scaling_group: Some("web".into()),
            load_balancer: Some("app/a/1".into()),
            target_group: Some("targetgroup/a/1".into()),
            distribution: Some("E1".into()),
            group_metrics: true,
            additional_metrics: true,
        };
        let notes = desired(&settings, &parts).notes;
        notes.into_iter().filter(|note| note.starts_with("left out")).collect::<Vec<_>>().join("\n")
    };
    assert_eq!(left_out(""), "");
    expect![[r#"left out: the alarm memory, the widget "Memory (%)"; as `metrics.off` stands, the agents send no data for it to the group"#]].assert_eq(&left_out("metrics.off = ['mem_*']"));
    expect!["left out: the alarms memory disk container-down container-restarts health-down error-rate-backend error-lines panics agent-silent agent-falling-behind events-dropped, 15 widgets; as `metrics.series` stands, the agents send no data for it to the group"].assert_eq(&left_out("metrics.series = ['InstanceId']"));
    expect![[r#"left out: the alarm health-down, the widget "Health check (0 or 1, the worst host)"; as `health.url` stands, the agents send no data for it to the group"#]].assert_eq(&left_out("health.url = ''"));
    assert!(left_out("metrics.enabled = false").contains("as `metrics.enabled` stands"));
    assert_eq!(left_out("metrics.off = ['*']\nprovision.without_data = true"), "");
}

#[test]
fn a_part_is_named_or_is_not_there_or_is_looked_for() {
    let wanted = |key: &str, value: &str| {
        let Config { host, provision, .. } = config(&[&format!("{key} = '{value}'")], &[]).unwrap();
        let settings = provision.settings;
        let parts = [
            settings.auto_scaling_group,
            settings.load_balancer,
            settings.target_group,
            settings.distribution,
        ];
        (host.auto_scaling_group, parts.into_iter().find(|part| *part != Wanted::Find))
    };
    let named = |name: &str| Some(Wanted::Named(name.to_owned()));
    assert_eq!(wanted("provision.load_balancer", "app/a-b/0f"), (None, named("app/a-b/0f")));
    assert_eq!(wanted("provision.target_group", "targetgroup/a/0f"), (None, named("targetgroup/a/0f")));
    assert_eq!(wanted("provision.distribution", "none"), (None, Some(Wanted::Nothing)));
    assert_eq!(wanted("host.auto_scaling_group", "web"), (Some("web".into()), named("web")));
    assert_eq!(wanted("host.auto_scaling_group", "none"), (None, Some(Wanted::Nothing)));
    assert_eq!(wanted("provision.prefix", "x"), (None, None));
}

#[test]
fn variables_hold_lists_and_fractions() {
    let found = config(
        &["alarms.response_time = 2"],
        &[
            ("STARTTECH_ALERTS_EMAILS", r#"["a@example.com", "b@example.com"]"#),
            ("STARTTECH_PROVISION_TAGS", r#"["team=platform", "url = https://a/?b=c"]"#),
            ("STARTTECH_ALARMS_CPU_WARNING", "62.5"),
        ],
    );
    // `?` is none of the characters of a tag.
    assert_eq!(found.unwrap_err().0.len(), 1);
    let found = config(&["provision.tags = ['a = b=c', 'd=']\nalarms.memory = 92.5"], &[]).unwrap();
    let tags: Vec<_> = found.provision.settings.tags.into_iter().collect();
    assert_eq!(tags, [("a".to_owned(), "b=c".to_owned()), ("d".to_owned(), String::new())]);
    assert!((found.provision.settings.thresholds.memory - 92.5).abs() < f64::EPSILON);
}

#[test]
fn a_warning_comes_before_what_is_critical() {
    for (file, variables, place) in [
        ("alarms.cpu_warning = 95", &[][..], "0.toml:1:22"),
        ("alarms.cpu_critical = 70", &[], "0.toml:1:23"),
        (
            "alarms.cpu_critical = 60",
            &[("STARTTECH_ALARMS_CPU_WARNING", "60")],
            "STARTTECH_ALARMS_CPU_WARNING",
        ),
    ] {
        let faults = config(&[file], variables).unwrap_err().0;
        assert_eq!(faults.len(), 1, "{faults:?}");
        assert_eq!(faults[0].place.to_string(), place);
        assert!(faults[0].what.contains("is not below `alarms.cpu_critical`"), "{}", faults[0]);
    }
    config(&["alarms.cpu_warning = 80\nalarms.cpu_critical = 80.5"], &[]).unwrap();
    let refused = config(&["alarms.cpu_critical = 'x'"], &[]).unwrap_err();
    assert_eq!(refused.0.len(), 1, "the one that is wrong, not what follows from it: {refused}");
}

#[test]
fn good_addresses_pass() {
    for email in
        ["a@b.de", "first.last+tag@mail.example-1.com", "o'neil@example.com", "a_b@xn--bcher-kva.example"]
    {
        config(&[&format!("alerts.emails = [\"{email}\"]")], &[]).unwrap();
    }
    for url in ["https://events.example.com/integration/key/enqueue?x=1", "http://10.0.0.1:8080/sns"] {
        config(&[&format!("alerts.webhooks = ['{url}']\nalerts.runbook = '{url}'")], &[]).unwrap();
    }
}

#[test]
#[expect(clippy::too_many_lines, reason = "one table")]
fn faults_of_what_is_provisioned() {
    check(
        r#"[alerts]
topic = "arn:aws:sns:eu-west-1:123456789012:alarms"
emails = ["on-call", "On Call <a@example.com>", "mailto:a@example.com", "a@localhost", "ä@example.com", "a@@example.com"]
webhooks = ["ftp://example.com", "https:///x", "https://example.com/a b"]
publishers = ["arn:aws:iam::123456789012:role/web", "web role"]
runbook = "wiki"
[provision]
at_start = "yes"
at_start_within = "1h"
prefix = "star tech"
dashboard = ""
load_balancer = "arn:aws:elasticloadbalancing:eu-west-1:123456789012:loadbalancer/app/starttech-alb/0123456789abcdef"
target_group = "starttech-tg"
distribution = "d111111abcdef8.cloudfront.net"
tags = ["team", "aws:x=y", "starttech-agent=x", "a=b;c"]
[alarms]
off = ["cache-hit-ratio", "everything"]
container = "a/b"
cpu_warning = 100
cpu_critical = "90"
response_time = 0
memory = nan
requests = 99999999999
"#,
        &expect![[r#"
            0.toml:2:9: `alerts.topic` is a whole ARN
              → write its name alone: "alarms"
            0.toml:3:11: `alerts.emails` holds "on-call", which is no mail address: it needs one @
              → write "name@example.com"
            0.toml:3:22: `alerts.emails` holds "On Call <a@example.com>", which is no mail address: it holds more than the address
              → write the address alone: "a@example.com"
            0.toml:3:49: `alerts.emails` holds "mailto:a@example.com", which is no mail address: it holds more than the address
              → write the address alone: "a@example.com"
            0.toml:3:73: `alerts.emails` holds "a@localhost", which is no mail address: what follows the @ is no domain
              → write "name@example.com"
            0.toml:3:88: `alerts.emails` holds "ä@example.com", which is no mail address: no mailbox is called so
              → write "name@example.com", in ASCII
            0.toml:3:105: `alerts.emails` holds "a@@example.com", which is no mail address: it needs one @
              → write "name@example.com"
            0.toml:4:13: `alerts.webhooks` is no URL that begins with https:// or http://
              → write a list of https:// URLs: webhooks = ["https://hooks.example.com/starttech"]
            0.toml:4:34: `alerts.webhooks` is a URL without a host, or with characters that no URL has
              → write a list of https:// URLs: webhooks = ["https://hooks.example.com/starttech"]
            0.toml:4:48: `alerts.webhooks` is a URL without a host, or with characters that no URL has
              → write a list of https:// URLs: webhooks = ["https://hooks.example.com/starttech"]
            0.toml:5:15: `alerts.publishers` is a whole ARN
              → write its name alone: "web"
            0.toml:5:53: `alerts.publishers` is "web role": ' ' is not allowed there
              → use letters, digits, `+`, `=`, `,`, `.`, `@`, `_`, `-`
            0.toml:6:11: `alerts.runbook` is no URL that begins with https:// or http://
              → write an https:// URL: runbook = "https://wiki.example.com/starttech"
            0.toml:8:12: `provision.at_start` is a string
              → write true or false: at_start = true
            0.toml:9:19: `provision.at_start_within` is "1h", which is no duration
              → write a duration from 0s to 10m: at_start_within = "60s"
            0.toml:10:10: `provision.prefix` is "star tech": ' ' is not allowed there
              → use letters, digits, `-`, `_`
            0.toml:11:13: `provision.dashboard` has 0 characters, of 1 to 255
              → write the name of a dashboard: dashboard = "StartTech"
            0.toml:12:17: `provision.load_balancer` is a whole ARN
              → write "app/starttech-alb/0123456789abcdef"
            0.toml:13:16: `provision.target_group` is "starttech-tg", not what its metrics call it
              → write the end of its ARN, targetgroup/name/id, as this shows it: aws elbv2 describe-target-groups --query 'TargetGroups[].TargetGroupArn'
            0.toml:14:16: `provision.distribution` is "d111111abcdef8.cloudfront.net", not what its metrics call it
              → write its id, which begins with E, as this shows it: aws cloudfront list-distributions --query 'DistributionList.Items[].[Id,DomainName]'
            0.toml:15:9: `provision.tags` holds "team", which has no =
              → write a list of tags: tags = ["team=platform", "cost-centre=42"]
            0.toml:15:17: `provision.tags` holds the key "aws:x", which is taken
              → choose another; the agent knows its own by its tag, and aws: is AWS's
            0.toml:15:28: `provision.tags` holds the key "starttech-agent", which is taken
              → choose another; the agent knows its own by its tag, and aws: is AWS's
            0.toml:15:49: `provision.tags` holds "a=b;c": AWS allows no ';' in a tag
              → use letters, digits, spaces and _ . : / = + - @
            0.toml:17:8: `alarms.off` holds "cache-hit-ratio", which no alarm is called
              → write "cache-hit-rate"
            0.toml:17:27: `alarms.off` holds "everything", which no alarm is called
              → write some of cpu-warning, cpu-critical, cpu-credits, memory, disk, instance-check, asg-below-desired, unhealthy-targets, no-healthy-target, response-time, error-rate, load-balancer-5xx, container-down, container-restarts, health-down, error-rate-backend, error-lines, panics, agent-silent, agent-falling-behind, events-dropped, cloudfront-error-rate, cache-hit-rate, cpu, backend-down, errors
            0.toml:18:13: `alarms.container` is "a/b": '/' is not allowed there
              → use letters, digits, `_`, `.`, `-`
            0.toml:19:15: `alarms.cpu_warning` is 100
              → write a percentage between 0 and 100: cpu_warning = 70
            0.toml:20:16: `alarms.cpu_critical` is a string
              → write a percentage between 0 and 100: cpu_critical = 90
            0.toml:21:17: `alarms.response_time` is 0, which is not above 0
              → write a number of seconds: response_time = 1.0
            0.toml:22:10: `alarms.memory` is NaN
              → write a percentage between 0 and 100: memory = 90
            0.toml:23:12: `alarms.requests` is 99999999999
              → write a number of requests: requests = 20"#]],
    );
    check(
        "alerts.emails = ['a@example.com', 'b@example.com', 'A@example.com']",
        &expect![[r"
            0.toml:1:17: `alerts.emails` holds the one in place 3 twice
              → delete one of them"]],
    );
    check(
        "provision.tags = ['a=1', 'a=2']",
        &expect![[r"
        0.toml:1:18: `provision.tags` holds a key twice
          → delete one of them"]],
    );
    check(
        "alerts.topic = 'alarms.fifo'",
        &expect![[r"
        0.toml:1:16: `alerts.topic` is a FIFO topic, which sends no mail
          → write the name of a standard topic, without .fifo"]],
    );
    check(
        "provision.load_balancer = 'starttech-alb'",
        &expect![[r#"
        0.toml:1:27: `provision.load_balancer` is "starttech-alb", not what its metrics call it
          → write the end of its ARN, app/name/id, as this shows it: aws elbv2 describe-load-balancers --query 'LoadBalancers[].LoadBalancerArn'"#]],
    );
    check(
        "provision.load_balancer = 'net/starttech-nlb/0123456789abcdef'",
        &expect![[r#"
        0.toml:1:27: `provision.load_balancer` is "net/starttech-nlb/0123456789abcdef", not what its metrics call it
          → write the end of its ARN, app/name/id, as this shows it: aws elbv2 describe-load-balancers --query 'LoadBalancers[].LoadBalancerArn'"#]],
    );
    check(
        "provision.target_group = 'arn:aws:elasticloadbalancing:eu-west-1:1:targetgroup/tg/0f'\n\
         provision.distribution = 'arn:aws:cloudfront::123456789012:distribution/E1EXAMPLE'",
        &expect![[r#"
            0.toml:1:26: `provision.target_group` is a whole ARN
              → write "targetgroup/tg/0f"
            0.toml:2:26: `provision.distribution` is a whole ARN
              → write "E1EXAMPLE""#]],
    );
}

#[test]
fn what_is_told_has_limits_that_make_sense() {
    let file = "[alerts]\nenabled = 'yes'\nmax_per_hour = 0\nrestart_loop = '1 in 10m'\nrecovery = '2h'\n";
    let faults = config(&[file], &[]).unwrap_err();
    assert_eq!(faults.0.len(), 4, "{faults}");
    let alerts = config(&["alerts.restart_loop = '5 in 2m'\nalerts.max_per_hour = 3"], &[]).unwrap().alerts;
    assert_eq!((alerts.restart_loop, alerts.max_per_hour), ((5, Duration::from_mins(2)), 3));
}

#[test]
fn a_rule_that_ships_is_changed_by_its_name_and_others_are_added() {
    let file = r#"
        [[alerts.rules]]
        name = "disk-full"
        when = "> 80.5"
        [[alerts.rules]]
        name = "panic"
        enabled = false
        [[alerts.rules]]
        name = "checkout-slow"
        metric = "checkout_time"
        statistic = "p99"
        period = "5m"
        when = ">= 2000"
        datapoints = "3 of 5"
        [[metrics.patterns]]
        name = "checkout_time"
        field = "checkout.duration_ms"
        unit = "Milliseconds""#;
    let rules = config(&[file], &[]).unwrap().alerts.rules;
    let rule = |name: &str| rules.iter().find(|rule| rule.name == name);
    assert_eq!(rule("disk-full").map(|rule| (rule.threshold, rule.datapoints)), Some((80.5, (2, 2))));
    assert_eq!(rule("panic"), None);
    let own = rule("checkout-slow").unwrap();
    assert_eq!((own.period_s, own.datapoints, own.metric.unit), (300, (3, 5), "Milliseconds"));
    assert_eq!(own.says, "checkout_time is {value}");
    assert_eq!(rules.len(), 9);
}

#[test]
fn a_rule_that_cannot_be_is_refused_with_all_its_faults() {
    check(
        r#"[[alerts.rules]]
name = "Disk full"
[[alerts.rules]]
metric = "disk_used_percent"
[[alerts.rules]]
name = "disk-ful"
when = ">= 90"
[[alerts.rules]]
name = "disk-full"
metric = "disk_used_precent"
statistic = "max"
period = "45s"
when = "95"
datapoints = "3 of 2"
missing = "no"
says = "a\nb"
treshold = 1
while_down = "no"
[[alerts.rules]]
name = "memory-full"
when = ">= NaN"
[[alerts.rules]]
name = "twice"
metric = "panics"
when = "> 0"
period = "60m"
datapoints = "60 of 60"
[[alerts.rules]]
name = "container-died"
enabled = false
[[alerts.rules]]
name = "misspelt"
metric = "panics"
when = "> 0"
says = "{value} of {valu}"
"#,
        &expect![[r#"
            0.toml:2:8: `alerts.rules.name` is "Disk full", which is no name of a rule
              → use small letters, digits and `-`: "disk-full"
            0.toml:3:1: `alerts.rules` holds a rule without a `name`
              → write name = "disk-full"
            0.toml:5:1: `alerts.rules` holds the rule "disk-ful" without a `metric` or a `when`
              → add both, or write "disk-full", which ships, and change it
            0.toml:10:10: `alerts.rules.metric` is "disk_used_precent", a metric that nobody measures
              → write "disk_used_percent"
            0.toml:11:13: `alerts.rules.statistic` cannot be: the statistic "max" is not evaluated here: Average, Sum, Minimum, Maximum, SampleCount and percentiles are
              → write "Maximum", or a percentile: "p95"
            0.toml:12:10: `alerts.rules.period` is "45s", a period that alarms do not have
              → write "10s", "30s", or minutes up to an hour: "5m"
            0.toml:13:8: `alerts.rules.when` is "95", which compares with no number
              → write ">= 95", with one of >=, >, <, <=
            0.toml:14:14: `alerts.rules.datapoints` is "3 of 2", which are no datapoints out of at most 60
              → write "3 of 5": so many of the last so many periods
            0.toml:15:11: `alerts.rules.missing` is "no"
              → write "missing", "ignore", "breaching" or "notBreaching", as CloudWatch calls them
            0.toml:16:8: `alerts.rules.says` is no line of 1 to 200 characters
              → write one line, {value} and {of} stand for what was measured
            0.toml:17:1: a rule has no key `treshold`
              → there are `name`, `metric`, `statistic`, `period`, `when`, `datapoints`, `missing`, `says`, `over`, `run`, `while_down`, `enabled`
            0.toml:18:14: `alerts.rules.while_down` is a string
              → write a list of rules: rules = [{ name = "disk-full", metric = "disk_used_percent", when = ">= 95" }]
            0.toml:21:8: `alerts.rules.when` is ">= NaN", which compares with no number
              → write ">= 95", with one of >=, >, <, <=
            0.toml:22:1: `alerts.rules` holds the rule "twice", which looks back for 3600 minutes
              → an hour is the most of `period` times `datapoints`; an alarm in CloudWatch looks back for a week
            0.toml:28:1: `alerts.rules` holds the rule "container-died", which is on what happens to containers, and not to be changed
              → give yours another name; starttech-agent silence container-died keeps it from telling for a time, the label starttech.alerts=false one container
            0.toml:35:8: `alerts.rules.says` has {valu} in it, for which there is no value
              → there are {value}, {of} and {period}"#]],
    );
    let twice = "[[alerts.rules]]\nname = 'panic'\nwhen = '> 1'\n".repeat(2);
    check(
        &twice,
        &expect![[r#"
        0.toml:1:1: `alerts.rules` holds two rules of the name "panic"
          → write all of it into one of them, or give one another name"#]],
    );
}
