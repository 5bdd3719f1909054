//! Alarms: what they watch is sent, what they say fits, and one cause makes one mail.

use std::collections::{BTreeMap, BTreeSet};

use super::{all_parts, parts, settings};
use crate::alarms::definition::{Alarm, Comparison, Composite, Metric};
use crate::metrics::name;
use crate::provision::alarm::{DEFINITIONS, names};
use crate::provision::desired::desired;
use crate::provision::parts::Parts;
use crate::provision::{CLOUDFRONT_REGION, Content, Rhythm, Settings, topic};

/// Metric alarms, by their short names.
pub(super) fn alarms(settings: &Settings, parts: &Parts) -> BTreeMap<String, (String, Alarm)> {
    let begin = format!("{}-", settings.prefix);
    let short = |name: &str| name.strip_prefix(&begin).unwrap().to_owned();
    let resources = desired(settings, parts).resources.into_iter();
    let all = resources.filter_map(|resource| match resource.content {
        Content::Alarm(alarm) => Some((short(&alarm.alarm_name), (resource.address.region, alarm))),
        _ => None,
    });
    all.collect()
}

fn composites(settings: &Settings, parts: &Parts) -> BTreeMap<String, Composite> {
    let resources = desired(settings, parts).resources.into_iter();
    let all = resources.filter_map(|resource| match resource.content {
        Content::CompositeAlarm(alarm) => Some((alarm.alarm_name.clone(), alarm)),
        _ => None,
    });
    all.collect()
}

pub(super) fn metrics(alarm: &Alarm) -> Vec<(Metric, u32, String)> {
    let stats = alarm.metrics.iter().filter_map(|query| query.metric_stat.as_ref());
    let mut all: Vec<_> = stats.map(|stat| (stat.metric.clone(), stat.period, stat.stat.clone())).collect();
    if let (Some(namespace), Some(metric_name)) = (&alarm.namespace, &alarm.metric_name) {
        let metric = Metric {
            namespace: namespace.clone(),
            metric_name: metric_name.clone(),
            dimensions: alarm.dimensions.clone(),
        };
        let stat = alarm.statistic.clone().or(alarm.extended_statistic.clone()).unwrap();
        all.push((metric, alarm.period.unwrap(), stat));
    }
    all
}

#[test]
fn every_definition_is_read_and_says_all_there_is_to_say() {
    for text in crate::provision::alarm::FILES {
        let read: Vec<crate::provision::alarm::Definition> = serde_json::from_str(text).unwrap();
        assert!(!read.is_empty());
    }
    for definition in DEFINITIONS.iter() {
        assert!(["warning", "critical"].contains(&definition.severity.as_str()), "{definition:?}");
        assert!(definition.why.len() > 30, "{definition:?}");
        let name = definition.alarm["AlarmName"].as_str().unwrap();
        assert_eq!(name, format!("${{prefix}}-{}", definition.id));
    }
    let names: Vec<_> = names().collect();
    assert_eq!(names.len(), 26);
    assert_eq!(names.iter().collect::<BTreeSet<_>>().len(), names.len());
}

#[test]
fn our_own_metrics_are_sent_by_default_with_these_dimensions() {
    for (id, (_, alarm)) in alarms(&settings(), &parts()) {
        for (metric, period, stat) in metrics(&alarm) {
            if metric.namespace != "StartTech/Backend" {
                continue;
            }
            let known = name::ALL.iter().find(|known| known.name == metric.metric_name);
            let known = known.unwrap_or_else(|| panic!("{id}: nobody sends {}", metric.metric_name));
            assert!(known.by_default, "{id}: {} is not sent by default", known.name);
            let mut dimensions: Vec<&str> =
                metric.dimensions.iter().map(|dimension| dimension.name.as_str()).collect();
            dimensions.retain(|name| *name != name::AUTO_SCALING_GROUP);
            assert_eq!(dimensions, known.dimension.into_iter().collect::<Vec<_>>(), "{id}");
            assert!(period >= 60, "{id}");
            // Sums are of counts, extremes of gauges.
            let is_count = known.kind == crate::metrics::Kind::Count;
            assert_eq!(stat == "Sum", is_count, "{id}: {stat} of {}", known.name);
            if known.unit == "Percent" {
                assert!(alarm.threshold.is_some_and(|limit| (1.0..=100.0).contains(&limit)), "{id}");
            }
        }
    }
}

/// <https://docs.aws.amazon.com/elasticloadbalancing/latest/application/load-balancer-cloudwatch-metrics.html>,
/// <https://docs.aws.amazon.com/AWSEC2/latest/UserGuide/viewing_metrics_with_cloudwatch.html>,
/// <https://docs.aws.amazon.com/autoscaling/ec2/userguide/ec2-auto-scaling-metrics.html>,
/// <https://docs.aws.amazon.com/AmazonCloudFront/latest/DeveloperGuide/programming-cloudwatch-metrics.html>
pub(super) const OTHERS: &[(&str, &str, &[&str], &[&str])] = &[
    ("AWS/ApplicationELB", "RequestCount", &["LoadBalancer", "TargetGroup"], &["Sum"]),
    ("AWS/ApplicationELB", "RequestCount", &["LoadBalancer"], &["Sum"]),
    (
        "AWS/ApplicationELB",
        "TargetResponseTime",
        &["LoadBalancer", "TargetGroup"],
        &["Average", "p50", "p95", "p99"],
    ),
    ("AWS/ApplicationELB", "HTTPCode_Target_2XX_Count", &["LoadBalancer", "TargetGroup"], &["Sum"]),
    ("AWS/ApplicationELB", "HTTPCode_Target_3XX_Count", &["LoadBalancer", "TargetGroup"], &["Sum"]),
    ("AWS/ApplicationELB", "HTTPCode_Target_4XX_Count", &["LoadBalancer", "TargetGroup"], &["Sum"]),
    ("AWS/ApplicationELB", "HTTPCode_Target_5XX_Count", &["LoadBalancer", "TargetGroup"], &["Sum"]),
    ("AWS/ApplicationELB", "HTTPCode_ELB_5XX_Count", &["LoadBalancer"], &["Sum"]),
    ("AWS/ApplicationELB", "RejectedConnectionCount", &["LoadBalancer"], &["Sum"]),
    ("AWS/ApplicationELB", "TargetConnectionErrorCount", &["LoadBalancer", "TargetGroup"], &["Sum"]),
    (
        "AWS/ApplicationELB",
        "HealthyHostCount",
        &["LoadBalancer", "TargetGroup"],
        &["Average", "Minimum", "Maximum"],
    ),
    (
        "AWS/ApplicationELB",
        "UnHealthyHostCount",
        &["LoadBalancer", "TargetGroup"],
        &["Average", "Minimum", "Maximum"],
    ),
    ("AWS/EC2", "CPUUtilization", &["AutoScalingGroupName"], &["Average", "Minimum", "Maximum"]),
    ("AWS/EC2", "CPUCreditBalance", &["AutoScalingGroupName"], &["Average", "Minimum", "Maximum"]),
    ("AWS/EC2", "StatusCheckFailed", &["AutoScalingGroupName"], &["Maximum", "Sum"]),
    ("AWS/EC2", "StatusCheckFailed_System", &["AutoScalingGroupName"], &["Maximum", "Sum"]),
    ("AWS/EC2", "NetworkIn", &["AutoScalingGroupName"], &["Sum", "Average"]),
    ("AWS/EC2", "NetworkOut", &["AutoScalingGroupName"], &["Sum", "Average"]),
    (
        "AWS/AutoScaling",
        "GroupDesiredCapacity",
        &["AutoScalingGroupName"],
        &["Average", "Minimum", "Maximum"],
    ),
    (
        "AWS/AutoScaling",
        "GroupInServiceInstances",
        &["AutoScalingGroupName"],
        &["Average", "Minimum", "Maximum"],
    ),
    ("AWS/CloudFront", "Requests", &["DistributionId", "Region"], &["Sum"]),
    ("AWS/CloudFront", "4xxErrorRate", &["DistributionId", "Region"], &["Average"]),
    ("AWS/CloudFront", "5xxErrorRate", &["DistributionId", "Region"], &["Average"]),
    ("AWS/CloudFront", "TotalErrorRate", &["DistributionId", "Region"], &["Average"]),
    ("AWS/CloudFront", "CacheHitRate", &["DistributionId", "Region"], &["Average"]),
];

#[test]
fn aws_sends_these_metrics_with_these_dimensions_and_statistics() {
    for (id, (region, alarm)) in alarms(&settings(), &parts()) {
        for (metric, period, stat) in metrics(&alarm) {
            if !metric.namespace.starts_with("AWS/") {
                continue;
            }
            let dimensions: Vec<&str> =
                metric.dimensions.iter().map(|dimension| dimension.name.as_str()).collect();
            let known = OTHERS.iter().find(|(namespace, name, of, _)| {
                (*namespace, *name, *of)
                    == (metric.namespace.as_str(), metric.metric_name.as_str(), &*dimensions)
            });
            let (namespace, _, _, stats) = known.unwrap_or_else(|| panic!("{id}: {metric:?}"));
            assert!(stats.contains(&stat.as_str()), "{id}: {stat} of {metric:?}");
            assert_eq!(region == CLOUDFRONT_REGION, *namespace == "AWS/CloudFront", "{id}");
            let basic = metric.namespace == "AWS/EC2" && !metric.metric_name.starts_with("StatusCheck");
            assert!(!basic || period >= 300, "{id}: without detailed monitoring it comes every five minutes");
        }
    }
}

#[test]
fn thresholds_are_the_settings_own() {
    let mut settings = settings();
    let limit = &mut settings.thresholds;
    limit.cpu_warning = 61.5;
    limit.cpu_critical = 83.0;
    limit.cpu_credits = 12.0;
    limit.memory = 71.0;
    limit.disk = 72.0;
    limit.response_time = 2.5;
    limit.error_rate = 7.0;
    limit.load_balancer_5xx = 13.0;
    limit.error_lines = 14.0;
    limit.restarts = 4.0;
    limit.cache_hit_rate = 33.0;
    limit.cloudfront_error_rate = 8.0;
    limit.delivery_lag = 99.0;
    limit.requests = 17.0;
    let alarms = alarms(&settings, &parts());
    for (id, expected, above) in [
        ("cpu-warning", 61.5, true),
        ("cpu-critical", 83.0, true),
        ("cpu-credits", 12.0, false),
        ("memory", 71.0, true),
        ("disk", 72.0, true),
        ("response-time", 2.5, true),
        ("error-rate", 7.0, true),
        ("error-rate-backend", 7.0, true),
        ("load-balancer-5xx", 13.0, true),
        ("error-lines", 14.0, true),
        ("container-restarts", 4.0, true),
        ("cache-hit-rate", 33.0, false),
        ("cloudfront-error-rate", 8.0, true),
        ("agent-falling-behind", 99.0, true),
    ] {
        let (_, alarm) = &alarms[id];
        assert_eq!(alarm.threshold, Some(expected), "{id}");
        let is_above = matches!(
            alarm.comparison_operator,
            Comparison::GreaterThanThreshold | Comparison::GreaterThanOrEqualToThreshold
        );
        assert_eq!(is_above, above, "{id}");
        assert!(alarm.alarm_description.contains(&expected.to_string()), "{id} says its threshold");
    }
    for id in ["error-rate", "error-rate-backend", "cloudfront-error-rate", "cache-hit-rate"] {
        let watched = alarms[id].1.metrics.iter().find_map(|query| query.expression.as_deref());
        assert!(watched.unwrap().contains("requests, 0) >= 17,"), "{id}: {watched:?}");
    }
}

#[test]
fn what_the_service_takes() {
    let long =
        Settings { runbook: Some(format!("https://wiki.example.com/{}", "x".repeat(200))), ..settings() };
    for settings in [settings(), long] {
        for parts in all_parts() {
            for (id, (region, alarm)) in alarms(&settings, &parts) {
                // <https://docs.aws.amazon.com/AmazonCloudWatch/latest/APIReference/API_PutMetricAlarm.html>
                assert!(alarm.alarm_name.len() <= 255);
                assert!(alarm.alarm_description.chars().count() <= 1024, "{id}");
                assert!(alarm.alarm_description.contains("\n\nFirst: "), "{id}");
                let m = alarm.datapoints_to_alarm.unwrap_or(1);
                assert!((1..alarm.evaluation_periods.max(2)).contains(&m), "{id}");
                let metrics = metrics(&alarm);
                assert!((1..=10).contains(&metrics.len()), "{id}");
                for (_, period, _) in &metrics {
                    assert!(period.is_multiple_of(60) && *period <= 86_400, "{id}");
                    assert!(period * alarm.evaluation_periods <= 86_400, "{id}");
                }
                let returned = alarm.metrics.iter().filter(|query| query.return_data).count();
                assert_eq!(returned, usize::from(!alarm.metrics.is_empty()), "{id}");
                for query in &alarm.metrics {
                    assert!(query.id.starts_with(|c: char| c.is_ascii_lowercase()), "{id}");
                    assert!(!query.expression.as_deref().unwrap_or_default().contains("SEARCH"), "{id}");
                }
                // An alarm's topic is in its own region.
                assert_eq!(alarm.alarm_actions, [topic::arn(&settings, &parts, &region)], "{id}");
                assert_eq!(alarm.ok_actions, alarm.alarm_actions, "{id}");
            }
            for alarm in composites(&settings, &parts).values() {
                // <https://docs.aws.amazon.com/AmazonCloudWatch/latest/APIReference/API_PutCompositeAlarm.html>
                assert!(alarm.alarm_description.chars().count() <= 1024);
                assert!(alarm.alarm_rule.len() <= 10_240);
                let suppressed = alarm.actions_suppressor.is_some();
                assert_eq!(alarm.actions_suppressor_wait_period.is_some(), suppressed);
                assert_eq!(alarm.actions_suppressor_extension_period.is_some(), suppressed);
            }
        }
    }
    // What does not fit is cut off, but never the mark.
    let endless = Settings { runbook: Some("x".repeat(700)), ..settings() };
    let (_, alarm) = &alarms(&endless, &parts())["agent-silent"];
    assert_eq!(alarm.alarm_description.chars().count(), 1024);
    assert!(alarm.alarm_description.ends_with(").") && alarm.alarm_description.contains(&"x".repeat(700)));
}

#[test]
fn one_cause_makes_one_mail_whatever_is_off() {
    let all: Vec<&str> = names().collect();
    let mut offs: Vec<Vec<&str>> = all.iter().map(|off| vec![*off]).collect();
    offs.extend(all.iter().flat_map(|one| all.iter().map(|other| vec![*one, *other])));
    offs.push(Vec::new());
    for off in offs {
        for parts in [parts(), Parts { load_balancer: None, target_group: None, ..parts() }] {
            let settings = Settings { off: off.iter().map(|off| (*off).to_owned()).collect(), ..settings() };
            let (metric, composite) = (alarms(&settings, &parts), composites(&settings, &parts));
            for name in off.iter().map(|off| format!("starttech-{off}")) {
                assert!(!composite.contains_key(&name));
                assert!(metric.values().all(|(_, alarm)| alarm.alarm_name != name));
            }
            for alarm in composite.values() {
                let named =
                    alarm.alarm_rule.split('"').skip(1).step_by(2).chain(alarm.actions_suppressor.as_deref());
                for name in named {
                    let exists = metric.values().any(|(_, alarm)| alarm.alarm_name == name);
                    assert!(exists, "{} names {name}, which is not there", alarm.alarm_name);
                }
            }
            // Each alarm mails by itself or through exactly one other.
            for (_, alarm) in metric.values() {
                let quoted = format!("\"{}\"", alarm.alarm_name);
                let speaking = composite.values().filter(|other| other.alarm_rule.contains(&quoted)).count();
                assert_eq!(speaking, usize::from(!alarm.actions_enabled), "{}: {off:?}", alarm.alarm_name);
            }
        }
    }
}

#[test]
fn cpu_warning_is_silent_while_critical_speaks() {
    let (metric, composite) = (alarms(&settings(), &parts()), composites(&settings(), &parts()));
    let cpu = &composite["starttech-cpu"];
    assert_eq!(cpu.alarm_rule, r#"ALARM("starttech-cpu-warning")"#);
    assert_eq!(cpu.actions_suppressor.as_deref(), Some("starttech-cpu-critical"));
    assert!(!metric["cpu-warning"].1.actions_enabled && metric["cpu-critical"].1.actions_enabled);
    // Critical is never later than the warning, or both would mail.
    let needed = |id: &str| {
        let alarm = &metric[id].1;
        alarm.datapoints_to_alarm.unwrap_or(alarm.evaluation_periods) * alarm.period.unwrap()
    };
    assert!(needed("cpu-critical") <= needed("cpu-warning"));
    assert!(metric["no-healthy-target"].1.actions_enabled, "from one host down to all down is told");
}

#[test]
fn hosts_are_counted_by_how_often_their_agents_look() {
    for (rhythm, period, looks, periods) in [
        (Rhythm::default(), 60, "6", 5),
        (Rhythm { sample_s: 15.0, flush_s: 60 }, 60, "4", 5),
        (Rhythm { sample_s: 10.0, flush_s: 1 }, 60, "60", 5),
        (Rhythm { sample_s: 10.0, flush_s: 300 }, 300, "30", 1),
        (Rhythm { sample_s: 10.0, flush_s: 180 }, 180, "18", 2),
    ] {
        let alarms = alarms(&Settings { rhythm, ..settings() }, &parts());
        let (_, silent) = &alarms["agent-silent"];
        let expression = silent.metrics.iter().find_map(|query| query.expression.as_deref()).unwrap();
        assert_eq!(
            expression,
            format!("FILL(healthy, 0) + FILL(unhealthy, 0) - FILL(looks, 0) / {looks}"),
            "{rhythm:?}"
        );
        assert!(metrics(silent).iter().all(|(_, of, _)| *of == period), "{rhythm:?}");
        assert_eq!(silent.evaluation_periods, periods, "{rhythm:?}");
        // What agents do not send is as it was.
        assert_eq!(alarms["unhealthy-targets"].1.period, Some(60));
    }
    let alone = Parts { load_balancer: None, target_group: None, ..parts() };
    let (_, silent) = &alarms(&settings(), &alone)["agent-silent"];
    assert_eq!(silent.metric_name.as_deref(), Some("agent_up"));
    assert_eq!(silent.treat_missing_data, crate::alarms::definition::Missing::Breaching);
}
