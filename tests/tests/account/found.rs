//! The platform's parts are found by their metrics.

use std::collections::BTreeMap;
use std::net::SocketAddr;

use harness::emulator::Emulator;
use harness::http;
use harness::role::Role;
use serde_json::{Value, json};
use starttech_agent::provision::Account;

use crate::fixture::*;

#[tokio::test]
async fn the_parts_of_the_platform_are_found_by_their_metrics() {
    let emulator = Emulator::start();
    let raw = emulator.client();
    let put = |namespace: &str, name: &str, dimensions: &[(&str, &str)]| {
        let dimension = |(name, value): &(&str, &str)| json!({ "Name": name, "Value": value });
        let dimensions: Vec<Value> = dimensions.iter().map(dimension).collect();
        let datum = json!({ "MetricName": name, "Dimensions": dimensions, "Value": 1.0 });
        let answer = raw.put_metrics(&json!({ "Namespace": namespace, "MetricData": [datum] }), &[]).unwrap();
        assert_eq!(answer.status, 200, "{}", answer.text());
    };
    let (balancer, target) = (("LoadBalancer", "app/web/1"), ("TargetGroup", "targetgroup/web/2"));
    put("AWS/EC2", "CPUUtilization", &[("AutoScalingGroupName", "web")]);
    put("AWS/EC2", "CPUUtilization", &[("AutoScalingGroupName", "jobs")]);
    put("AWS/EC2", "CPUUtilization", &[("InstanceId", "i-0")]);
    put("AWS/EC2", "CPUUtilizationOther", &[("AutoScalingGroupName", "none")]);
    put("AWS/AutoScaling", "GroupInServiceInstances", &[("AutoScalingGroupName", "web")]);
    put("AWS/ApplicationELB", "HealthyHostCount", &[target, balancer]);
    put("AWS/ApplicationELB", "HealthyHostCount", &[target, balancer, ("AvailabilityZone", "eu-west-1a")]);
    put("AWS/ApplicationELB", "HealthyHostCount", &[balancer]);
    // Not where CloudFront has its metrics.
    put("AWS/CloudFront", "Requests", &[("DistributionId", "E0"), ("Region", "Global")]);
    let found = account(&emulator.url()).await.find().await;
    assert_eq!(found.refusals, []);
    assert_eq!(found.auto_scaling_groups, ["jobs", "web"]);
    assert_eq!(found.groups_with_metrics, ["web"]);
    assert_eq!(found.targets, [("app/web/1".to_owned(), "targetgroup/web/2".to_owned())]);
    assert_eq!(found.distributions, [""; 0]);

    for name in ["Requests", "CacheHitRate"] {
        let dimensions =
            json!([{ "Name": "DistributionId", "Value": "E1" }, { "Name": "Region", "Value": "Global" }]);
        let datum = json!({ "MetricName": name, "Dimensions": dimensions, "Value": 1.0 });
        let request = json!({ "Namespace": "AWS/CloudFront", "MetricData": [datum] });
        put_in(US, emulator.address(), &request);
    }
    let found = account(&emulator.url()).await.find().await;
    assert_eq!(
        (found.distributions, found.distributions_with_more),
        (vec!["E1".to_owned()], vec!["E1".to_owned()])
    );
}

/// Puts datapoints of another region than the harness' client does.
fn put_in(region: &str, address: SocketAddr, request: &Value) {
    let date = jiff::Timestamp::now().strftime("%Y%m%dT%H%M%SZ").to_string();
    let authorization = harness::client::authorization("monitoring", &date).replace(EU, region);
    let headers = [
        ("content-type", "application/cbor"),
        ("smithy-protocol", "rpc-v2-cbor"),
        ("x-amz-date", date.as_str()),
        ("authorization", authorization.as_str()),
    ];
    let mut body = Vec::new();
    ciborium::into_writer(request, &mut body).unwrap();
    let path = "/service/GraniteServiceVersion20100801/operation/PutMetricData";
    let answer = http::send(address, "POST", path, &headers, &body).unwrap();
    assert_eq!(answer.status, 200, "{}", answer.text());
}

/// One answer has 500 metrics at most.
#[tokio::test]
async fn more_than_a_thousand_groups_are_all_found() {
    let emulator = Emulator::start();
    let role = Role::start(emulator.address());
    role.hold_quotas(true);
    let names: Vec<String> = (0..1_200).map(|number| format!("group-{number:04}")).collect();
    for names in names.chunks(600) {
        let datum = |name: &String| {
            json!({ "MetricName": "CPUUtilization", "Value": 1.0,
                "Dimensions": [{ "Name": "AutoScalingGroupName", "Value": name }] })
        };
        let data: Vec<Value> = names.iter().map(datum).collect();
        let request = json!({ "Namespace": "AWS/EC2", "MetricData": data });
        let answer = emulator.client().put_metrics(&request, &[]).unwrap();
        assert_eq!(answer.status, 200, "{}", answer.text());
    }
    let found = account(&role.url()).await.find().await;
    assert_eq!(found.auto_scaling_groups, names);
    assert_eq!((found.refusals, role.all_throttled()), (Vec::new(), BTreeMap::new()));
}
