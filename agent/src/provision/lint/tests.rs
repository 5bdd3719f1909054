//! Every rule with a text that breaks it, and one that comes near and does not.

use std::collections::BTreeSet;

use proptest::prelude::*;

use super::rule::{ALL, Severity};
use super::{Report, alarms, lint};
use crate::alarms::definition::{Comparison, Missing};

const LB: &str = "app/web/d787e72ae6c9579a";
const TG: &str = "targetgroup/web/70856c3c7728d95d";
const TOPIC: &str = "arn:aws:sns:eu-west-1:210987654321:starttech-alarms";

/// A dashboard with one metric widget.
fn widget(properties: &str) -> String {
    format!(r#"{{"widgets":[{{"type":"metric","properties":{{"region":"eu-west-1",{properties}}}}}]}}"#)
}

/// A dashboard with these lines of metrics.
fn metrics(lines: &str) -> String {
    widget(&format!(r#""metrics":[{lines}]"#))
}

/// A dashboard with a log widget.
fn log(query: &str) -> String {
    let query = serde_json::to_string(query).unwrap();
    format!(r#"{{"widgets":[{{"type":"log","properties":{{"region":"eu-west-1","query":{query}}}}}]}}"#)
}

/// An alarm without fault, but for what replaces some of it.
fn alarm(replaced: &[(&str, &str)]) -> String {
    let text = format!(
        r#"{{"AlarmName":"cpu","AlarmDescription":"CPU is high","Namespace":"AWS/EC2","MetricName":"CPUUtilization","Dimensions":[{{"Name":"AutoScalingGroupName","Value":"web"}}],"Statistic":"Average","Period":300,"EvaluationPeriods":2,"Threshold":70,"ComparisonOperator":"GreaterThanThreshold","TreatMissingData":"missing","AlarmActions":["{TOPIC}"]}}"#
    );
    replaced.iter().fold(text, |text, (from, to)| {
        assert!(text.contains(from), "{from}");
        text.replace(from, to)
    })
}

/// An alarm on a metric of the load balancer.
fn of_balancer(metric: &str, more: &[(&str, &str)]) -> String {
    let dimension = format!(r#"{{"Name":"LoadBalancer","Value":"{LB}"}}"#);
    let base = alarm(&[
        ("AWS/EC2", "AWS/ApplicationELB"),
        ("CPUUtilization", metric),
        (r#"{"Name":"AutoScalingGroupName","Value":"web"}"#, &dimension),
        (r#""Average""#, r#""Sum""#),
        (r#""missing""#, r#""notBreaching""#),
    ]);
    more.iter().fold(base, |text, (from, to)| text.replace(from, to))
}

/// An alarm on too few healthy targets.
fn of_hosts(missing: &str) -> String {
    let both = format!(r#"{{"Name":"TargetGroup","Value":"{TG}"}},{{"Name":"LoadBalancer"#);
    of_balancer(
        "HealthyHostCount",
        &[
            ("GreaterThan", "LessThan"),
            ("\"Sum\"", "\"Minimum\""),
            ("70", "1"),
            ("notBreaching", missing),
            (r#"{"Name":"LoadBalancer"#, &both),
        ],
    )
}

fn composite(rule: &str) -> String {
    let rule = serde_json::to_string(rule).unwrap();
    format!(r#"{{"AlarmName":"down","AlarmRule":{rule},"AlarmActions":["{TOPIC}"]}}"#)
}

fn query(text: &str) -> String {
    format!("# A query\n{text}\n")
}

/// Rule, what breaks it, and what does not.
#[expect(clippy::too_many_lines, reason = "a table")]
fn cases() -> Vec<(&'static str, String, String)> {
    let many = |count: usize| {
        format!(
            r#"{{"widgets":[{}]}}"#,
            vec![r#"{"type":"text","properties":{"markdown":"a"}}"#; count].join(",")
        )
    };
    let math = |expression: &str| {
        metrics(&format!(
            r#"["A","b","C","d",{{"id":"m1"}}],[{{"expression":{}}}]"#,
            serde_json::to_string(expression).unwrap()
        ))
    };
    let on_alb = |line: &str| metrics(&format!(r#"["AWS/ApplicationELB",{line}]"#));
    let response = |more: &str| {
        widget(&format!(
            r#""metrics":[["AWS/ApplicationELB","TargetResponseTime","LoadBalancer","{LB}"]],{more}"#
        ))
    };
    vec![
        ("json-syntax", r#"{"widgets":[] "start":"-PT6H"}"#.into(), r#"{"widgets":[],"start":"-PT6H"}"#.into()),
        ("json-syntax", r#"{"widgets":[{]}"#.into(), r#"{"widgets":[]}"#.into()),
        ("json-syntax", r#"{"widgets":[{"type":"text","properties":{"markdown":"a}}]}"#.into(), r#"{"widgets":[{"type":"text","properties":{"markdown":"a\nb"}}]}"#.into()),
        ("json-comment", "{\"widgets\":[] // none\n}".into(), r#"{"widgets":[{"type":"text","properties":{"markdown":"http://a # b"}}]}"#.into()),
        ("json-comment", "// a dashboard\n{\"widgets\":[]}".into(), "# {\"widgets\":1}\nlimit 5".into()),
        ("json-trailing-comma", r#"{"widgets":[],}"#.into(), r#"{"widgets":[]}"#.into()),
        ("json-duplicate-key", r#"{"widgets":[],"widgets":[]}"#.into(), r#"{"widgets":[],"start":"-PT6H"}"#.into()),
        ("encoding", "\u{feff}{\"widgets\":[]}".into(), "\u{feff}# Errors\nfilter @message like /x/\n| limit 5".into()),
        ("template", r#"{"widgets":[{"type":"metric","properties":{"region":"eu-west-1","period":${period},"metrics":[["A","b"]]}}]}"#.into(), metrics(r#"["A","b",{"label":"${LABEL}"}]"#)),
        ("empty", " \n".into(), r#"{"widgets":[]}"#.into()),
        ("unknown-shape", r#"{"name":"web","version":1}"#.into(), r#"{"Dashboard":{"widgets":[]}}"#.into()),
        ("unknown-shape", "Dear all,\nplease look.\n".into(), "Errors\n\nfilter @message like /x/ | limit 5\n".into()),
        ("placeholder", on_alb(r#""RequestCount","LoadBalancer","<ALB_ARN_SUFFIX>",{"stat":"Sum"}"#), metrics(r#"["A","b","C","d",{"label":"${PROP('MetricName')} < 5 > 3"}]"#)),
        ("placeholder", alarm(&[("210987654321", "ACCOUNT_ID")]), alarm(&[])),
        ("placeholder", query("filter trace = \"YOUR_TRACE_ID_HERE\""), query("parse @message /(?<your_id>x)/")),
        ("placeholder", "# Replace REQUEST_ID with yours\nfilter @message like \"REQUEST_ID\"".into(), "# Lines with REQUEST_ID\nfilter @message like \"REQUEST_ID\"".into()),
        ("placeholder", log("SOURCE '/app/${environment}' | limit 5"), log("SOURCE '/starttech/backend' | limit 5")),
        ("example-value", metrics(r#"["AWS/EC2","CPUUtilization","InstanceId","i-1234567890abcdef0"]"#), alarm(&[("210987654321", "123456789012")])),
        ("example-account", alarm(&[("210987654321", "123456789012")]), alarm(&[])),
        ("namespace", metrics(r#"["AWS/EC2 ","CPUUtilization","InstanceId","i-0a1b2c3d4e5f60718"]"#).replace("EC2 ", "Ec2"), metrics(r#"["AWS/Ec2Things","CPUUtilization","InstanceId","x"]"#)),
        ("metric-name", on_alb(&format!(r#""UnhealthyHostCount","LoadBalancer","{LB}","TargetGroup","{TG}""#)), on_alb(&format!(r#""UnHealthyHostCount","LoadBalancer","{LB}","TargetGroup","{TG}""#))),
        ("unknown-metric", metrics(r#"["AWS/EC2","MemoryUtilization","AutoScalingGroupName","web"]"#), metrics(r#"["CWAgent","MemoryUtilization","AutoScalingGroupName","web"]"#)),
        ("dimensions-missing", on_alb(r#""RequestCount",{"stat":"Sum"}"#), metrics(r#"["AWS/Lambda","Errors",{"stat":"Sum"}]"#)),
        ("dimensions", on_alb(&format!(r#""UnHealthyHostCount","LoadBalancer","{LB}""#)), on_alb(&format!(r#""UnHealthyHostCount","TargetGroup","{TG}","LoadBalancer","{LB}""#))),
        ("dimensions", metrics(r#"["AWS/EC2","CPUUtilization","AutoscalingGroupName","web"]"#), metrics(r#"["AWS/EC2","CPUUtilization","AutoScalingGroupName","web"]"#)),
        ("dimensions-unlisted", metrics(r#"["AWS/ElastiCache","CurrConnections","ReplicationGroupId","r"]"#), metrics(r#"["AWS/ElastiCache","EngineCPUUtilization","ReplicationGroupId","r","Role","PRIMARY"]"#)),
        ("dimension-value", metrics(r#"["A","b","C"]"#), metrics(r#"["A","b","C","d"],[".",".",".","e"]"#)),
        ("dimension-value", alarm(&[(r#"[{"Name":"AutoScalingGroupName","Value":"web"}]"#, r#"["AutoScalingGroupName"]"#)]), alarm(&[(r#"[{"Name":"AutoScalingGroupName","Value":"web"}]"#, r#"{"AutoScalingGroupName":"web"}"#)])),
        ("all-instances", metrics(r#"["AWS/EC2","CPUUtilization"]"#), metrics(r#"["AWS/EC2","CPUUtilization","InstanceId","i-0a1b2c3d4e5f60718"]"#)),
        ("whole-region", metrics(r#"["AWS/Lambda","Duration"]"#), metrics(r#"["AWS/Lambda","Duration","FunctionName","f"]"#)),
        ("load-balancer", on_alb(r#""RequestCount","LoadBalancer","starttech-alb",{"stat":"Sum"}"#), on_alb(&format!(r#""RequestCount","LoadBalancer","{LB}",{{"stat":"Sum"}}"#))),
        ("load-balancer", on_alb(&format!(r#""RequestCount","LoadBalancer","arn:aws:elasticloadbalancing:eu-west-1:210987654321:loadbalancer/{LB}",{{"stat":"Sum"}}"#)), metrics(r#"["AWS/NetworkELB","ActiveFlowCount","LoadBalancer","net/web/d787e72ae6c9579a"]"#)),
        ("target-group", on_alb(&format!(r#""HealthyHostCount","TargetGroup","web-tg","LoadBalancer","{LB}""#)), on_alb(&format!(r#""HealthyHostCount","TargetGroup","{TG}","LoadBalancer","{LB}""#))),
        ("cloudfront-global", metrics(r#"["AWS/CloudFront","Requests","DistributionId","E71MU4DPTTHR9",{"region":"us-east-1","stat":"Sum"}]"#), metrics(r#"["AWS/CloudFront","Requests","DistributionId","E71MU4DPTTHR9","Region","Global",{"region":"us-east-1","stat":"Sum"}]"#)),
        ("cloudfront-region", metrics(r#"["AWS/CloudFront","Requests","DistributionId","E71MU4DPTTHR9","Region","Global",{"stat":"Sum"}]"#), metrics(r#"["AWS/CloudFront","Requests","DistributionId","E71MU4DPTTHR9","Region","Global",{"stat":"Sum","region":"us-east-1"}]"#)),
        ("cloudfront-region", alarm(&[("AWS/EC2", "AWS/CloudFront"), ("CPUUtilization", "5xxErrorRate"), ("AutoScalingGroupName", "DistributionId")]), alarm(&[("AWS/EC2", "AWS/CloudFront"), ("CPUUtilization", "5xxErrorRate"), (r#"{"Name":"AutoScalingGroupName","Value":"web"}"#, r#"{"Name":"DistributionId","Value":"E71MU4DPTTHR9"},{"Name":"Region","Value":"Global"}"#), ("eu-west-1", "us-east-1")])),
        ("agent-series", metrics(r#"["StartTech/Backend","mem_used_percent"]"#), metrics(r#"["StartTech/Backend","disk_used_percent","path","/","AutoScalingGroupName","web"]"#)),
        ("needs-enabling", metrics(r#"["AWS/CloudFront","CacheHitRate","DistributionId","E71MU4DPTTHR9","Region","Global",{"region":"us-east-1"}]"#), metrics(r#"["AWS/CloudFront","TotalErrorRate","DistributionId","E71MU4DPTTHR9","Region","Global",{"region":"us-east-1"}]"#)),
        ("group-metrics", metrics(r#"["AWS/AutoScaling","GroupTotalInstances","AutoScalingGroupName","web"]"#), metrics(r#"["AWS/EC2","CPUUtilization","AutoScalingGroupName","web"]"#)),
        ("invalid-statistic", metrics(r#"["A","b",{"stat":"avg"}]"#), metrics(r#"["A","b",{"stat":"p99.9"}]"#)),
        ("invalid-period", metrics(r#"["A","b",{"period":90}]"#), metrics(r#"["A","b",{"period":30}]"#)),
        ("sub-minute", metrics(r#"["AWS/EC2","NetworkIn","InstanceId","i-0a1b2c3d4e5f60718",{"period":10}]"#), metrics(r#"["CWAgent","mem","InstanceId","i-0a1b2c3d4e5f60718",{"period":10}]"#)),
        ("count-statistic", on_alb(&format!(r#""HTTPCode_ELB_5XX_Count","LoadBalancer","{LB}""#)), on_alb(&format!(r#""HTTPCode_ELB_5XX_Count","LoadBalancer","{LB}",{{"stat":"Sum"}}"#))),
        ("level-statistic", on_alb(&format!(r#""TargetResponseTime","LoadBalancer","{LB}",{{"stat":"Sum"}}"#)), on_alb(&format!(r#""ActiveConnectionCount","LoadBalancer","{LB}",{{"stat":"Sum"}}"#))),
        ("level-statistic", metrics(r#"["AWS/EC2","CPUUtilization","AutoScalingGroupName","web",{"stat":"Sum"}]"#), metrics(r#"["AWS/EC2","NetworkIn","AutoScalingGroupName","web",{"stat":"Sum"}]"#)),
        ("cloudfront-statistic", metrics(r#"["AWS/CloudFront","Requests","DistributionId","E71MU4DPTTHR9","Region","Global",{"region":"us-east-1"}]"#), metrics(r#"["AWS/CloudFront","5xxErrorRate","DistributionId","E71MU4DPTTHR9","Region","Global",{"region":"us-east-1"}]"#)),
        ("unit", of_balancer("TargetResponseTime", &[("\"Period\"", "\"Unit\":\"Milliseconds\",\"Period\"")]), of_balancer("TargetResponseTime", &[("\"Period\"", "\"Unit\":\"Seconds\",\"Period\""), ("70", "2")])),
        ("seconds", response(r#""title":"Response time (ms)""#), response(r#""title":"Response time of items""#)),
        ("seconds", of_balancer("TargetResponseTime", &[("70", "1000")]), of_balancer("TargetResponseTime", &[("70", "2.5")])),
        ("seconds", response(r#""annotations":{"horizontal":[{"value":500}]}"#), widget(&format!(r#""title":"ms","metrics":[["AWS/ApplicationELB","TargetResponseTime","LoadBalancer","{LB}",{{"id":"m1","visible":false}}],[{{"expression":"m1*1000"}}]]"#))),
        ("widget", r#"{"widgets":[{"type":"text"}]}"#.into(), r#"{"widgets":[{"type":"text","properties":{"markdown":"a"}}]}"#.into()),
        ("widget-type", r#"{"widgets":[{"type":"metrics","properties":{}}]}"#.into(), r#"{"widgets":[{"type":"explorer","properties":{}}]}"#.into()),
        ("widget-size", r#"{"widgets":[{"type":"text","x":18,"y":0,"width":12,"properties":{"markdown":"a"}}]}"#.into(), r#"{"widgets":[{"type":"text","x":12,"y":0,"width":12,"properties":{"markdown":"a"}}]}"#.into()),
        ("widget-overlap", r#"{"widgets":[{"type":"text","x":0,"y":0,"width":12,"properties":{"markdown":"a"}},{"type":"text","x":6,"y":5,"properties":{"markdown":"a"}}]}"#.into(), r#"{"widgets":[{"type":"text","x":0,"y":0,"width":12,"properties":{"markdown":"a"}},{"type":"text","x":6,"y":6,"properties":{"markdown":"a"}}]}"#.into()),
        ("widget-region", metrics(r#"["A","b"]"#).replace(r#""region":"eu-west-1","#, ""), metrics(r#"["A","b"]"#)),
        ("widget-view", widget(r#""view":"timeseries","metrics":[["A","b"]]"#), widget(r#""view":"gauge","yAxis":{"left":{"min":0,"max":100}},"metrics":[["A","b"]]"#)),
        ("widget-metrics", metrics(r#""A","b""#), metrics(r#"["A","b"]"#)),
        ("widget-metrics", metrics(r#"[".","b"]"#), metrics(r#"["A","b"],[".","c"],["...",{"stat":"Sum"}]"#)),
        ("annotation", widget(r#""metrics":[["A","b"]],"annotations":{"horizontal":[{"value":"70"}]}"#), widget(r#""metrics":[["A","b"]],"annotations":{"horizontal":[[{"value":70},{"value":90}]],"vertical":[{"value":"2026-01-31T12:00:00Z"}]}"#)),
        ("log-source", log("fields @message | limit 5"), log("SOURCE logGroups(namePrefix: ['/starttech']) | fields @message | limit 5")),
        ("dashboard-limit", many(501), many(500)),
        ("math-syntax", math("(m1 + 1"), math("-(m1 + 1e-3) / IF(m1 > 0, m1, 1) * 100")),
        ("math-id", math("m2 * 100"), math("m1 * 100")),
        ("math-id", metrics(r#"["A","b",{"id":"M1"}]"#), metrics(r#"["A","b",{"id":"m1"}]"#)),
        ("math-function", math("AVERAGE(m1)"), math("FILL(METRICS(), REPEAT)")),
        ("search-syntax", math("SEARCH('{AWS/EC2,InstanceId} CPUUtilization')"), math("SUM(SEARCH('{AWS/EC2,InstanceId} MetricName=\"CPUUtilization\"', 'Average', 300))")),
        ("alarm-member", alarm(&[(r#""Period":300,"#, "")]), alarm(&[])),
        ("alarm-type", alarm(&[(r#""EvaluationPeriods":2"#, r#""EvaluationPeriods":"2""#)]), alarm(&[])),
        ("alarm-word", alarm(&[("\"GreaterThanThreshold\"", "\">\"")]), alarm(&[("\"GreaterThanThreshold\"", "\"LessThanOrEqualToThreshold\"")])),
        ("alarm-unknown-key", alarm(&[("\"AlarmDescription\"", "\"Description\"")]), alarm(&[("\"Period\"", "\"StateValue\":\"OK\",\"Period\"")])),
        ("alarm-shape", r#"{"alarm_name":"a","alarm_rule":"x"}"#.replace("alarm_rule", "metric_name").replace(r#""x""#, r#""x","comparison_operator":">""#), alarm(&[])),
        ("alarm-statistic", alarm(&[("\"Average\"", "\"p95\"")]), alarm(&[("\"Statistic\":\"Average\"", "\"ExtendedStatistic\":\"p95\"")])),
        ("alarm-m-of-n", alarm(&[("\"Period\"", "\"DatapointsToAlarm\":3,\"Period\"")]), alarm(&[("\"Period\"", "\"DatapointsToAlarm\":2,\"Period\"")])),
        ("alarm-range", alarm(&[("\"EvaluationPeriods\":2", "\"EvaluationPeriods\":289")]), alarm(&[("\"EvaluationPeriods\":2", "\"EvaluationPeriods\":168"), ("300", "3600")])),
        ("alarm-name", format!("[{0},{0}]", alarm(&[])), format!("[{},{}]", alarm(&[]), alarm(&[("\"cpu\"", "\"cpu-2\"")]))),
        ("alarm-no-action", alarm(&[(&format!(",\"AlarmActions\":[\"{TOPIC}\"]"), "")]), alarm(&[(&format!("[\"{TOPIC}\"]"), "[]"), ("\"Period\"", "\"ActionsEnabled\":false,\"Period\"")])),
        ("action-arn", alarm(&[(TOPIC, "send SNS email alert")]), alarm(&[(TOPIC, "arn:aws:automate:eu-west-1:ec2:recover")])),
        ("action-region", alarm(&[("\"Period\"", "\"AlarmArn\":\"arn:aws:cloudwatch:us-east-1:210987654321:alarm:cpu\",\"Period\"")]), alarm(&[("\"Period\"", "\"AlarmArn\":\"arn:aws:cloudwatch:eu-west-1:210987654321:alarm:cpu\",\"Period\"")])),
        ("missing-breaching", of_balancer("HTTPCode_Target_5XX_Count", &[("notBreaching", "breaching")]), of_balancer("RequestCount", &[("notBreaching", "breaching"), ("GreaterThan", "LessThan")])),
        ("missing-events", of_balancer("HTTPCode_ELB_5XX_Count", &[("notBreaching", "missing")]), of_balancer("TargetResponseTime", &[("notBreaching", "missing")])),
        ("threshold-text", r#"[{"name":"a","metric":"b","namespace":"C","threshold":"> 0"}]"#.into(), alarm(&[])),
        ("threshold-never", alarm(&[("70", "150")]), alarm(&[("70", "99.5")])),
        ("threshold-never", of_balancer("RequestCount", &[("GreaterThan", "LessThan"), ("70", "0")]), of_balancer("RequestCount", &[("GreaterThan", "LessThan"), ("70", "0"), ("notBreaching", "breaching")])),
        ("threshold-always", of_balancer("RejectedConnectionCount", &[("GreaterThanThreshold", "GreaterThanOrEqualToThreshold"), ("70", "0")]), of_balancer("RejectedConnectionCount", &[("70", "0")])),
        ("missing-hidden", of_hosts("notBreaching"), of_hosts("breaching")),
        ("threshold-fraction", alarm(&[("70", "0.7")]), alarm(&[("70", "1")])),
        ("description", of_balancer("HTTPCode_Target_5XX_Count", &[("CPU is high", "more than 5% errors")]), of_balancer("HTTPCode_Target_5XX_Count", &[("CPU is high", "more than 70 errors")])),
        ("ec2-period", alarm(&[("300", "60")]), alarm(&[("CPUUtilization", "StatusCheckFailed"), ("300", "60")])),
        ("composite-rule", composite("ALARM(\"a\") AND (OK(\"b\")"), composite("ALARM(\"a (b\") AND NOT (OK(b) OR INSUFFICIENT_DATA(\"c\"))")),
        ("query-command", query("fields @message\n| regex @message /(?<a>x)/"), query("fields @message\n| parse @message /(?<a>x)/")),
        ("query-command", query("fields @message\nfilter @message like /x/\n| limit 5"), query("fields @message,\n  @timestamp\n| stats count(*) as n\n    by bin(5m)")),
        ("query-empty-command", query("fields @message\n| | limit 5"), query("filter @message like /a||b/ | limit 5")),
        ("query-unbalanced", query("filter @message like /(a/"), query("filter @message like /[(]a\\//")),
        ("query-unbalanced", query("filter (status = 500"), query("filter (status = 500) and method = \"a)\"")),
        ("query-comma", query("fields @timestamp @message"), query("fields @timestamp, status / 100 as class")),
        ("query-function", query("stats average(latency_ms)"), query("stats AVG(latency_ms)")),
        ("query-arguments", query("stats avg(), max(latency_ms) by bin(5m)"), query("stats count(), avg(latency_ms) by bin(5m)")),
        ("query-arguments", query("stats pct(95, latency_ms)"), query("stats pct(latency_ms * 2, 95) as p95, max(latency_ms)")),
        ("query-not", query("stats sum(!hit) as misses"), query("filter status != 200")),
        ("query-bin", query("stats count(*) by bin(5minuts)"), query("stats count(*) by bin(1min), bin(2 hours), bin(30s)")),
        ("query-bin-cap", query("stats count(*) by bin(300s)"), query("stats count(*) by bin(60s), bin(24 hours), bin(5m), bin(7d)")),
        ("query-gone", query("stats count(*) as n by bin(1h)\n| sort @timestamp desc"), query("stats count(*) as n, latest(@timestamp) as last by path\n| sort n desc, last\n| filter n > 5 and status = 200\n| fields n * 2 as twice\n| sort twice")),
        ("query-gone", query("stats count(*) as n by path | stats avg(n) by bin(5m)"), query("stats count(*) as n, max(@timestamp) as @t by path | stats avg(n) by dateceil(@t, 5m)")),
        ("query-regex-flags", query("filter @message like /error/i"), query("filter @message like /(?i)error/")),
        ("query-parse", query("parse @message \"* * *\" as method, path"), query("parse @message \"* * *\" as method, path, status")),
        ("query-parse", query("parse @message /level=(\\w+)/"), query("parse @message /level=(?<level>\\w+)/")),
        ("query-parse-json", query("parse @message '\"status\":*,' as code"), query("parse @message 'status: *,' as code")),
        ("query-limit", query("limit 0"), query("limit 100000")),
        ("query-system-field", query("fields @logstream"), query("parse @message \"user=*\" as @user | filter @user = \"a\"")),
        ("query-lambda-field", query("stats avg(@duration)"), "# Lambda: how long\nstats avg(@duration)".into()),
        ("query-platform-field", query("filter duration_ms > 5"), query("parse @message \"duration_ms=*\" as duration_ms | filter duration_ms > 5")),
        ("query-unknown-field", query("filter tenant = \"a\""), query("fields @timestamp, msg, error.code as code | filter code > 5 | stats count(*) by bin(5 minutes), ip")),
        ("query-definition", format!(r#"[{{"name":"{}","query":"limit 5"}}]"#, "n".repeat(256)), r#"[{"name":"n","query":"limit 5"}]"#.into()),
    ]
}

fn rules(report: &Report) -> Vec<&'static str> {
    report.findings.iter().map(|finding| finding.rule).collect()
}

#[test]
fn each_rule_finds_what_breaks_it_and_not_what_comes_near() {
    let mut faults = Vec::new();
    for (rule, wrong, right) in cases() {
        let found = lint("t", wrong.as_bytes());
        if !rules(&found).contains(&rule) {
            faults.push(format!("{rule} does not find\n{wrong}\nbut {:?}", rules(&found)));
        }
        let left = lint("t", right.as_bytes());
        if rules(&left).contains(&rule) {
            faults.push(format!("{rule} finds\n{right}\n{:?}", left.findings));
        }
    }
    assert!(faults.is_empty(), "{}", faults.join("\n\n"));
}

#[test]
fn what_comes_near_has_no_other_error() {
    let mut faults = Vec::new();
    for (rule, _, right) in cases() {
        let report = lint("t", right.as_bytes());
        if report.count(Severity::Error) > 0 && rule != "dashboard-limit" {
            faults.push(format!("{rule}: {right}\n{:#?}", report.findings));
        }
    }
    assert!(faults.is_empty(), "{}", faults.join("\n\n"));
}

#[test]
fn every_rule_has_a_case() {
    let tried: BTreeSet<&str> = cases().iter().map(|(rule, ..)| *rule).collect();
    let all: BTreeSet<&str> = ALL.iter().map(|rule| rule.id).collect();
    assert_eq!(tried, all);
}

/// Of each kind what is seldom written, and right.
fn unusual() -> Vec<String> {
    let math = |expression: &str| {
        let expression = serde_json::to_string(expression).unwrap();
        metrics(&format!(
            r#"["A","b","C","d",{{"id":"m1"}}],[{{"expression":{expression},"id":"e1","period":300}}]"#
        ))
    };
    let widgets = [
        r#"{"type":"alarm","properties":{"title":"All","alarms":["arn:aws:cloudwatch:eu-west-1:210987654321:alarm:cpu"],"sortBy":"default","states":["ALARM"]}}"#,
        r#"{"type":"explorer","properties":{"metrics":[{"metricName":"CPUUtilization","resourceType":"AWS::EC2::Instance","stat":"Average"}],"labels":[{"key":"Name"}],"splitBy":"Name","period":300}}"#,
        r#"{"type":"custom","properties":{"endpoint":"arn:aws:lambda:eu-west-1:210987654321:function:w","updateOn":{"refresh":true},"params":{"a":[1]}}}"#,
        r##"{"type":"text","properties":{"markdown":"# <b>Web</b> ${x} {{y}} YOUR_NAME <ALB>...","background":"transparent"}}"##,
        r#"{"type":"metric","properties":{"annotations":{"alarms":["arn:aws:cloudwatch:eu-west-1:210987654321:alarm:cpu"]}}}"#,
        r#"{"type":"metric","properties":{"region":"eu-west-1","accountId":"310987654321","liveData":true,"sparkline":true,"view":"singleValue","metrics":[["CWAgent","mem_used_percent","InstanceId","i-0a1b2c3d4e5f60718",{"accountId":"310987654321","region":"us-east-1"}],["...","i-0a1b2c3d4e5f60719"]]}}"#,
        r#"{"type":"log","properties":{"region":"eu-west-1","queryLanguage":"SQL","query":"SELECT `@message` FROM `/starttech/backend`"}}"#,
        r#"{"type":"log","properties":{"region":"eu-west-1","query":"SOURCE logGroups(namePrefix: ['/starttech'], class: 'STANDARD') | pattern @message | sort @sampleCount desc"}}"#,
        r#"{"type":"log","properties":{"region":"eu-west-1","query":"SOURCE 'a' | SOURCE 'b' |filter Fault > 0\n| stats count(*) by Canary.Name, Fault.Message"}}"#,
    ];
    let expressions = [
        "SEARCH('{AWS/ApplicationELB,LoadBalancer} MetricName=\"RequestCount\"', 'Sum', 300)",
        "SEARCH(' {AWS/AutoScaling,AutoScalingGroupName} GroupInServiceInstances ', 'Average')",
        "SELECT AVG(CPUUtilization) FROM SCHEMA(\"AWS/EC2\", InstanceId) GROUP BY InstanceId ORDER BY AVG() DESC LIMIT 10",
        "ANOMALY_DETECTION_BAND(m1, 2)",
        "IF(HOUR(m1) > 8 AND DAY(m1) < 6, m1)",
        "SORT(REMOVE_EMPTY(METRICS()), AVG, DESC, 10)",
        "-m1 ^ 2 % 3 / PERIOD(m1)",
    ];
    let template = r#""Period":300,"EvaluationPeriods":2,"Threshold":70,"#;
    let alarms = [
        alarm(&[
            ("300", "10"),
            ("AWS/EC2", "My/App"),
            (r#"[{"Name":"AutoScalingGroupName","Value":"web"}]"#, "[]"),
        ]),
        alarm(&[("70", "100"), ("\"missing\"", "\"breaching\"")]),
        alarm(&[(
            TOPIC,
            "arn:aws:autoscaling:eu-west-1:210987654321:scalingPolicy:8a8d5b4e-1b8b-4a7b-9f7b-6f4f5e1d2c3b:autoScalingGroupName/web:policyName/in",
        )]),
        alarm(&[(
            template,
            r#""Period":21600,"EvaluationPeriods":4,"DatapointsToAlarm":4,"Threshold":70,"Tags":[{"Key":"a","Value":"b"}],"#,
        )]),
        format!(
            r#"{{"AlarmName":"band","Metrics":[{{"Id":"m1","MetricStat":{{"Metric":{{"Namespace":"A","MetricName":"b"}},"Period":300,"Stat":"p90"}},"ReturnData":true}},{{"Id":"ad1","Expression":"ANOMALY_DETECTION_BAND(m1, 2)","ReturnData":true}}],"ThresholdMetricId":"ad1","EvaluationPeriods":2,"ComparisonOperator":"LessThanLowerOrGreaterThanUpperThreshold","AlarmActions":["{TOPIC}"]}}"#
        ),
        composite("AT_LEAST(2, ALARM, (cpu, \"a (b\")) AND NOT FALSE"),
        format!(
            r#"{{"enabled_metrics":["GroupInServiceInstances"],"alarm":{}}}"#,
            alarm(&[("AWS/EC2", "AWS/AutoScaling"), ("CPUUtilization", "GroupInServiceInstances")])
        ),
    ];
    let queries = [
        "filter level = \"ERROR\"\n| pattern @message\n| diff previousDay",
        "fields @timestamp, unmask(msg)\n| dedup path, status",
        "filterIndex requestId = \"abc\"\n| fields @timestamp",
        "SOURCE '/starttech/backend'\n| join type=inner left=l right=r where l.request_id = r.request_id (\n SOURCE '/starttech/frontend' | fields request_id\n)",
        "filter @type = \"REPORT\"\n| fields @requestId, @billedDuration\n| sort by @billedDuration desc",
        "stats avg(f1) as n\n| filter Type = \"Cluster\"\n| sort n desc",
        "fields path, latency_ms\n| sort by latency_ms desc\n| limit 100",
        "stats percentile(latency_ms, 99) as p99, max(latency_ms) as most, most - p99 as above by bin (1min)",
        "fields jsonParse(@message) as js\n| unnest js.items into item\n| display item.name",
        "STATS count(*) AS n BY path, bin(5m) AS t\n| STATS max(n) AS peak BY path\n| SORT peak DESC",
        "parse @message \"Error for [*] due to: *\" canary, cause\n| stats count(*) by canary, cause",
        "fields case(status >= 500, \"5xx\", \"ok\") as class, formatDate(@timestamp, \"%H\") as clock\n| stats count(*) as n by class, clock",
        "filter `user-agent` =~ /curl/ and isIpv4InSubnet(ip, \"10.0.0.0/8\") and status in [401, 403]",
        "fields @timestamp, error.`code.x`\n| stats sum(latency_ms) / count(*) as mean by bin(30s)\n| sort bin(30s) desc",
    ];
    let widgets = widgets.iter().map(|widget| format!(r#"{{"widgets":[{widget}]}}"#));
    let sql = "SELECT `@message` FROM `/starttech/backend` WHERE status >= 500\n".to_owned();
    widgets
        .chain(expressions.iter().map(|expression| math(expression)))
        .chain(alarms)
        .chain(queries.iter().map(|text| query(text)))
        .chain([sql])
        .collect()
}

/// Dashboards, alarms and queries in each shape, without a fault.
fn clean() -> Vec<String> {
    let body = format!(
        r#"{{"start":"-PT6H","periodOverride":"inherit","variables":[{{"type":"pattern","pattern":"${{env}}","inputType":"input","id":"env"}}],"widgets":[
        {{"type":"text","x":0,"y":0,"width":24,"height":2,"properties":{{"markdown":"Web\nManaged."}}}},
        {{"type":"metric","x":0,"y":2,"width":12,"height":6,"properties":{{"region":"eu-west-1","title":"Requests ${{env}}","metrics":[["AWS/ApplicationELB","RequestCount","LoadBalancer","{LB}",{{"stat":"Sum","id":"m1"}}],[".","HTTPCode_Target_5XX_Count",".",".",{{"stat":"Sum","id":"m2","label":"${{LABEL}} ${{LAST}}"}}],[{{"expression":"100 * FILL(m2, 0) / m1","label":"error rate"}}]]}}}},
        {{"type":"log","x":12,"y":2,"width":12,"height":6,"properties":{{"region":"eu-west-1","query":"SOURCE '/starttech/backend' | fields @timestamp, status, latency_ms\n| filter status >= 500\n| sort @timestamp desc\n| limit 20","view":"table"}}}}]}}"#
    );
    let text = serde_json::to_string(&body).unwrap();
    let snake = format!(
        r#"{{"alarm_name":"a","namespace":"StartTech/Backend","metric_name":"health_up","dimensions":{{"AutoScalingGroupName":"web"}},"statistic":"Minimum","period":60,"evaluation_periods":3,"threshold":1,"comparison_operator":"LessThanThreshold","treat_missing_data":"breaching","alarm_actions":["{TOPIC}"]}}"#
    );
    let camel = format!(
        r#"{{"alarmName":"b","namespace":"AWS/EC2","metricName":"StatusCheckFailed","dimensions":[{{"name":"AutoScalingGroupName","value":"web"}}],"stat":"Maximum","period":60,"evaluationPeriods":2,"threshold":0,"comparisonOperator":"GreaterThanThreshold","alarmActions":["{TOPIC}"]}}"#
    );
    let made_up = format!(
        r#"{{"name":"c","metric":"CPUUtilization","namespace":"AWS/EC2","dimensions":{{"AutoScalingGroupName":"web"}},"statistic":"p90","threshold":70,"comparison":">","period_seconds":300,"evaluation_periods":2,"action":"{TOPIC}"}}"#
    );
    let math = format!(
        r#"{{"AlarmName":"rate","Metrics":[{{"Id":"e1","Expression":"IF(m2 > 20, 100 * FILL(m1, 0) / m2, 0)","ReturnData":true}},{{"Id":"m1","ReturnData":false,"MetricStat":{{"Metric":{{"Namespace":"AWS/ApplicationELB","MetricName":"HTTPCode_Target_5XX_Count","Dimensions":[{{"Name":"LoadBalancer","Value":"{LB}"}}]}},"Period":300,"Stat":"Sum"}}}},{{"Id":"m2","ReturnData":false,"MetricStat":{{"Metric":{{"Namespace":"AWS/ApplicationELB","MetricName":"RequestCount","Dimensions":[{{"Name":"LoadBalancer","Value":"{LB}"}}]}},"Period":300,"Stat":"Sum"}}}}],"EvaluationPeriods":1,"Threshold":5,"ComparisonOperator":"GreaterThanThreshold","AlarmActions":["{TOPIC}"]}}"#
    );
    let native = alarm(&[]);
    let formation = format!(
        r#"{{"Resources":{{"Cpu":{{"Type":"AWS::CloudWatch::Alarm","Properties":{}}},"Board":{{"Type":"AWS::CloudWatch::Dashboard","Properties":{{"DashboardBody":{{"Fn::Sub":{text}}}}}}}}}}}"#,
        alarm(&[
            (&format!("\"{TOPIC}\""), r#"{"Ref":"Topic"}"#),
            ("\"web\"", r#"{"Fn::GetAtt":["Group","Name"]}"#)
        ])
    );
    let terraform = format!(
        r#"{{"resource":{{"aws_cloudwatch_metric_alarm":{{"a":{}}}}}}}"#,
        snake
            .replace(TOPIC, "${aws_sns_topic.alarms.arn}")
            .replace("\"web\"", "\"${aws_autoscaling_group.web.name}\"")
    );
    let queries = "# Queries\n# Log group: /starttech/backend\n\n## 1. Errors\n# of an hour\nfields @timestamp, msg\n| filter level = \"ERROR\" # all of them\n\n| sort @timestamp desc\n| limit 20\n\n# --- 2. Slow ones ---\nfilter latency_ms > 1000\n| stats pct(latency_ms, 95) as p95,\n        count(*) as n\n  by path, bin(5m) as time\n| sort time\n";
    let markdown = "# Queries\n\n## Errors\n\nText about it.\n\n```\nfilter status >= 500\n| stats count(*) as n by path\n| sort n desc\n```\n\n### More\n```sql\nfields @message | limit 5\n```\n";
    vec![
        body,
        format!(r#"{{"DashboardArn":"a","DashboardName":"Web","DashboardBody":{text}}}"#),
        format!(r#"{{"alarms":[{native}]}}"#),
        format!(r#"{{"Alarms":[{math}]}}"#),
        format!(r#"{{"AlarmDefinitions":[{snake},{camel}]}}"#),
        format!(r#"{{"MetricAlarms":[{native}],"CompositeAlarms":[{}]}}"#, composite("ALARM(\"cpu\")")),
        format!("[{made_up}]"),
        format!(r#"{{"alarms":{{"first":{}}}}}"#, made_up.replace(r#""name":"c","#, "")),
        native,
        formation,
        terraform,
        queries.to_owned(),
        queries.replace('\n', "\r\n"),
        markdown.to_owned(),
        format!(r#"{{"cpu-high":{}}}"#, made_up.replace(r#""name":"c","#, "").replace(r#"{"AutoScalingGroupName":"web"}"#, r#"["AutoScalingGroupName=web"]"#)),
        r#"{"queries":[{"name":"Errors","query":"filter status >= 500 | limit 5"}]}"#.to_owned(),
        r#"{"queries":{"Errors":"filter status >= 500 | limit 5"}}"#.to_owned(),
        r#"{"name":"Errors","logGroupNames":["/starttech/backend"],"queryString":"filter status >= 500 | limit 5"}"#.to_owned(),
    ]
}

#[test]
fn good_files_of_each_shape_have_no_findings() {
    for text in clean() {
        let report = lint("t.json", text.as_bytes());
        assert!(!report.has_findings(), "{text}\n{:#?}", report.findings);
    }
}

#[test]
fn places_are_those_of_the_file() {
    let body = "{\"widgets\":[{\"type\":\"log\",\"properties\":{\n \"region\":\"eu-west-1\",\"query\":\"SOURCE '/a/b' | filter é = 1\\n| limit x5\"}}]}";
    let report = lint("t", body.as_bytes());
    let found = report.findings.iter().find(|finding| finding.severity == Severity::Error).unwrap();
    assert_eq!((found.rule, found.line), ("query-limit", 2));
    assert_eq!(body.lines().nth(1).unwrap().chars().skip(found.column - 1).take(2).collect::<String>(), "x5");
    assert_eq!(found.path, "widgets[0].properties.query");
    let wrapped = format!("{{\"DashboardBody\":{}}}", serde_json::to_string(body).unwrap());
    let report = lint("t", wrapped.as_bytes());
    let found = report.findings.iter().find(|finding| finding.severity == Severity::Error).unwrap();
    assert_eq!(wrapped.chars().skip(found.column - 1).take(2).collect::<String>(), "x5");
}

/// Titles as people write them, a wrong query below each: all are found, and each is one.
#[test]
fn queries_are_told_from_their_titles() {
    let text = "Saved queries, to paste\n\n1. Error count\nfilter msg like /x/i\n| stats count() as errors by bin(5m)\n\n\
        2) Latency p95\nfilter msg like /x/i\n\n-- 401s\nfilter msg like /x/i |\nstats count(*) by ip\n\n=== Panics ===\n\
        filter msg like /x/i | display @message\n\nTop endpoints:\nSOURCE '/a/b'\n| filter msg like /x/i\n\n\
        // In context\nfields @timestamp, @message\n  # a note\n\n  | filter msg like /x/i\n  | limit 50\n\nFilter errors\nfilter msg like /x/i\n";
    let report = lint("t.txt", text.as_bytes());
    let paths: Vec<&str> = report.findings.iter().map(|finding| finding.path.as_str()).collect();
    assert_eq!(rules(&report), ["query-regex-flags"; 7], "{:#?}", report.findings);
    assert_eq!(
        paths,
        ["Error count", "Latency p95", "401s", "Panics", "Top endpoints:", "In context", "Filter errors"]
    );
}

#[test]
fn texts_in_utf_16_are_read_and_told() {
    let wide: Vec<u8> = "\u{feff}{\"widgets\":[]}".encode_utf16().flat_map(u16::to_le_bytes).collect();
    assert_eq!(rules(&lint("t", &wide)), ["encoding"]);
    assert_eq!(
        rules(&lint("t", b"{\"widgets\":[{\"type\":\"text\",\"properties\":{\"markdown\":\"\xff\"}}]}")),
        ["encoding"]
    );
}

#[test]
fn a_list_that_lost_its_brackets_is_read_on() {
    let text = format!(
        "[{}]\n  \"AlarmName\": \"b\"}}, {}",
        alarm(&[]),
        alarm(&[("\"cpu\"", "\"c\""), (TOPIC, "mail me")])
    );
    assert_eq!(rules(&lint("t.json", text.as_bytes())), ["json-syntax", "action-arn"]);
}

#[test]
fn many_widgets_and_much_nesting_take_no_time() {
    let deep = "[".repeat(10_000) + &"]".repeat(10_000);
    assert!(lint("t", deep.as_bytes()).has_findings());
    let members = r#"{"a":"#.repeat(10_000);
    assert!(lint("t", members.as_bytes()).has_findings());
    let brackets = format!(
        "{{\"widgets\":[{{\"type\":\"metric\",\"properties\":{{\"region\":\"eu-west-1\",\"metrics\":[[{{\"expression\":\"{}\"}}]]}}}}]}}",
        "(".repeat(10_000)
    );
    assert_eq!(rules(&lint("t", brackets.as_bytes())), ["math-syntax"]);
    let items = format!("[{}]", vec!["[]"; 2_000_000].join(","));
    assert!(lint("t", items.as_bytes()).has_findings());
}

/// Each of a megabyte, and of a shape that made something count the same thing again and again.
#[test]
fn a_megabyte_of_anything_takes_no_time() {
    let fill = |one: &dyn Fn(usize) -> String, between: &str| {
        let mut text = String::new();
        for index in 0.. {
            text.push_str(&one(index));
            if text.len() > 1 << 20 {
                return text;
            }
            text.push_str(between);
        }
        text
    };
    let line = |index: usize| format!(r#"["AWS/EC2","CPUUtilisatio","X","b",{{"id":"m{index}"}}]"#);
    let expression =
        |index: usize| format!(r#"[{{"expression":"m{index} + zz * AVERAGE(q)","id":"e{index}"}}]"#);
    let both = |index: usize| format!("[{},{}]", composite(&format!("ALARM(x{index})")), alarm(&[]));
    let query = |index: usize| {
        format!("# Number {index}\nfields @timestamp\n| filtr x\n| stats average(x) by bin(5x)\n")
    };
    let wide = format!("[{}],{}", vec![r#""a""#; 100_000].join(","), vec![r#"["..."]"#; 50_000].join(","));
    for text in [
        metrics(&fill(&line, ",")),
        metrics(&fill(&expression, ",")),
        metrics(&wide),
        format!("[{}]", fill(&both, ",")),
        format!(
            r#"{{"AlarmName":"a","ComparisonOperator":"x",{}}}"#,
            fill(&|index| format!(r#""key{index}":1"#), ",")
        ),
        fill(&query, "\n"),
        format!(
            "fields @message\n{}",
            fill(&|_| "| filter @message like 'x' # replace 'x' by y".to_owned(), "\n")
        ),
        fill(&|_| "# replace x by y".to_owned(), "\n")
            + "\nfields @message\n"
            + &"| filter @message like 'x'\n".repeat(400),
        format!("stats {}", "sum(".repeat(4_000)),
        "filter ".to_owned() + &"!".repeat(19_000),
        "a".repeat(1 << 20) + " | limit 5",
        metrics(&format!(r#"["AWS/EC2","{}","InstanceId","{}"]"#, "x".repeat(1 << 19), "${".repeat(1 << 18))),
        widget(&format!(r#""metrics":[["A","b"]],"title":"{} <ALB_ID>""#, "<{{".repeat(1 << 18))),
        "{\"".repeat(1 << 19),
        "|".repeat(1 << 20),
        "\0".repeat(1 << 20),
    ] {
        let report = lint("t.json", text.as_bytes());
        assert!(report.has_findings(), "{text:.200}");
        assert!(report.findings.iter().all(|finding| finding.message.len() + finding.mend.len() < 1000));
        alarms("t.json", text.as_bytes()).ok();
    }
}

#[test]
fn what_only_a_template_knows_becomes_no_alarm() {
    let template = |value: &str, with: &str| {
        format!(
            r#"{{"Resources":{{"Cpu":{{"Type":"AWS::CloudWatch::Alarm","Properties":{}}}}}}}"#,
            alarm(&[(value, with)])
        )
    };
    for (value, with) in [
        (format!("\"{TOPIC}\""), r#"{"Ref":"Topic"}"#),
        ("\"web\"".to_owned(), r#"{"Ref":"Group"}"#),
        ("\"AWS/EC2\"".to_owned(), r#"{"Ref":"Space"}"#),
        (":300".to_owned(), r#":{"Ref":"Period"}"#),
    ] {
        let text = template(&value, with);
        assert!(!lint("t", text.as_bytes()).has_findings(), "{text}");
        assert_eq!(rules(&alarms("t", text.as_bytes()).unwrap_err()), ["alarm-member"], "{text}");
    }
    assert_eq!(alarms("t", template("web", "api").as_bytes()).unwrap().0.len(), 1);
}

#[test]
fn metric_math_in_terraforms_words_becomes_that_of_put_metric_alarm() {
    let text = format!(
        r#"{{"resource":{{"aws_cloudwatch_metric_alarm":{{"rate":{{"alarm_name":"rate","evaluation_periods":2,"threshold":5,"comparison_operator":"GreaterThanThreshold","alarm_actions":["{TOPIC}"],"metric_query":[{{"id":"e1","expression":"m1 / 60","return_data":true}},{{"id":"m1","return_data":false,"metric":{{"metric_name":"RequestCount","namespace":"AWS/ApplicationELB","period":60,"stat":"Sum","dimensions":{{"LoadBalancer":"{LB}"}}}}}}]}}}}}}}}"#
    );
    let (metric, _) = alarms("t", text.as_bytes()).unwrap();
    let stat = metric[0].metrics[1].metric_stat.as_ref().unwrap();
    assert_eq!((stat.period, stat.stat.as_str(), stat.metric.dimensions[0].value.as_str()), (60, "Sum", LB));
}

/// What is valid and seldom: none of it may be taken for a fault.
#[test]
fn unusual_files_have_no_findings() {
    let mut faults = Vec::new();
    for text in unusual() {
        let report = lint("t.json", text.as_bytes());
        if report.has_findings() {
            faults.push(format!("{text}\n{:#?}", report.findings));
        }
    }
    assert!(faults.is_empty(), "{}", faults.join("\n"));
}

#[test]
fn alarms_in_any_words_become_put_metric_alarms() {
    let text = format!(
        r#"{{"alarms":[{{"name":"a","description":"d","metric":"CPUUtilization","namespace":"AWS/EC2","dimensions":{{"AutoScalingGroupName":"web"}},"statistic":"p90","threshold":"> 70","period_seconds":300,"evaluation_periods":2,"datapoints_to_alarm":2,"action":"{TOPIC}","treat_missing_data":"notBreaching"}}]}}"#
    );
    let (metric, composite) = alarms("t", text.as_bytes()).unwrap();
    let [alarm] = metric.as_slice() else { panic!("{metric:?}") };
    assert!(composite.is_empty());
    assert_eq!(alarm.comparison_operator, Comparison::GreaterThanThreshold);
    assert_eq!((alarm.threshold, alarm.period, alarm.evaluation_periods), (Some(70.0), Some(300), 2));
    assert_eq!((&alarm.statistic, alarm.extended_statistic.as_deref()), (&None, Some("p90")));
    assert_eq!((alarm.treat_missing_data, alarm.datapoints_to_alarm), (Missing::NotBreaching, None));
    assert_eq!(alarm.alarm_actions, [TOPIC]);
    assert_eq!(
        (alarm.dimensions[0].name.as_str(), alarm.dimensions[0].value.as_str()),
        ("AutoScalingGroupName", "web")
    );
}

#[test]
fn what_lint_refuses_becomes_no_alarm() {
    let refused = |text: &str| rules(&alarms("t", text.as_bytes()).unwrap_err());
    assert_eq!(refused(&alarm(&[(TOPIC, "mail me")])), ["action-arn"]);
    assert_eq!(refused(r#"{"widgets":[]}"#), ["unknown-shape"]);
    assert_eq!(alarms("t", alarm(&[]).as_bytes()).unwrap().0.len(), 1);
    let (metric, composites) = alarms("t", composite("ALARM(\"a\")").as_bytes()).unwrap();
    assert!(metric.is_empty());
    assert_eq!(composites[0].alarm_rule, "ALARM(\"a\")");
    for text in clean().iter().filter(|text| text.contains("Metrics\":[{\"Id")) {
        let (metric, _) = alarms("t", text.as_bytes()).unwrap();
        assert_eq!(metric[0].metrics.len(), 3);
    }
}

proptest! {
    /// Nothing that can be written makes it panic, and every place is in the file.
    #[test]
    fn no_text_is_too_bad(
        which in 0..200_usize,
        cuts in proptest::collection::vec((any::<prop::sample::Index>(), 0..40_usize, "[\\[\\]{}\"',:|/()$<>#\\\\a-z0-9 \n*.é]{0,6}"), 0..8),
    ) {
        let all: Vec<String> = cases().into_iter().map(|(_, wrong, _)| wrong).chain(clean()).collect();
        let mut text: Vec<char> = all[which % all.len()].chars().collect();
        for (at, length, with) in cuts {
            let from = at.index(text.len() + 1);
            let until = (from + length).min(text.len());
            text.splice(from..until, with.chars());
        }
        let text: String = text.into_iter().collect();
        let report = lint("t.json", text.as_bytes());
        let lines = text.matches('\n').count() + 1;
        for finding in &report.findings {
            prop_assert!((1..=lines).contains(&finding.line), "{finding:?}");
        }
        alarms("t", text.as_bytes()).ok();
        lint("t", text.as_bytes());
    }
}
