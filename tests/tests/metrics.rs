//! The strict endpoint's CloudWatch and EC2 over the wire: what they keep, what they refuse, and the
//! faults, asked by hand and by the SDK that the agent has.

use std::io::Write;
use std::time::Duration;

use aws_sdk_cloudwatch::config::retry::RetryConfig;
use aws_sdk_cloudwatch::config::{BehaviorVersion, Credentials, Region};
use aws_sdk_cloudwatch::error::ProvideErrorMetadata;
use aws_sdk_cloudwatch::operation::put_metric_data::PutMetricDataError;
use aws_sdk_cloudwatch::primitives::DateTime;
use aws_sdk_cloudwatch::types::{Dimension, MetricDatum, StandardUnit, StatisticSet};
use flate2::Compression;
use flate2::write::GzEncoder;
use harness::client::Client;
use harness::endpoint::{Endpoint, Fault, Operation, Options, Samples};
use harness::http;
use jiff::Timestamp;
use serde_json::{Value, json};

const NAMESPACE: &str = "StartTech/Backend";
const GROUP_TAG: &str = "aws:autoscaling:groupName";

fn ready() -> (Endpoint, Client) {
    let endpoint = Endpoint::start();
    let client = Client::new(endpoint.address());
    (endpoint, client)
}

fn sdk(endpoint: &Endpoint) -> aws_sdk_cloudwatch::Client {
    let config = aws_sdk_cloudwatch::Config::builder()
        .behavior_version(BehaviorVersion::latest())
        .region(Region::new("eu-west-1"))
        .endpoint_url(endpoint.url())
        .credentials_provider(Credentials::new("AKIDEXAMPLE", "secret", None, None, "test"))
        .http_client(aws_smithy_http_client::Builder::new().build_http())
        .retry_config(RetryConfig::disabled())
        .build();
    aws_sdk_cloudwatch::Client::from_conf(config)
}

fn one(name: &str) -> Value {
    json!({ "Namespace": NAMESPACE, "MetricData": [{ "MetricName": name, "Value": 1.5 }] })
}

#[tokio::test]
async fn what_the_sdk_puts_is_kept() {
    let endpoint = Endpoint::start();
    let now_ms = Timestamp::now().as_millisecond();
    let dimension = |name: &str, value: &str| Dimension::builder().name(name).value(value).build();
    let set = StatisticSet::builder().sample_count(3.0).sum(6.0).minimum(1.0).maximum(3.0).build();
    let data = [
        MetricDatum::builder()
            .metric_name("cpu_usage_active")
            .dimensions(dimension("InstanceId", "i-0"))
            .timestamp(DateTime::from_millis(now_ms - 60_001))
            .unit(StandardUnit::Percent)
            .storage_resolution(1)
            .statistic_values(set)
            .build(),
        MetricDatum::builder()
            .metric_name("response_time")
            .dimensions(dimension("InstanceId", "i-0"))
            .dimensions(dimension("ContainerName", "web"))
            .set_values(Some(vec![0.25, 2.0]))
            .set_counts(Some(vec![4.0, 1.0]))
            .unit(StandardUnit::Seconds)
            .build(),
        MetricDatum::builder().metric_name("agent_up").value(1.0).build(),
    ];
    let call = sdk(&endpoint).put_metric_data().namespace(NAMESPACE).set_metric_data(Some(data.into()));
    call.send().await.unwrap();
    let got = endpoint.metrics();
    assert_eq!(got.len(), 3);
    assert_eq!(
        (got[0].timestamp_ms, got[0].unit.as_str(), got[0].resolution),
        (now_ms - 60_001, "Percent", 1)
    );
    assert_eq!(got[0].samples, Samples::Statistics { count: 3.0, sum: 6.0, min: 1.0, max: 3.0 });
    assert_eq!(got[1].samples, Samples::Values(vec![(0.25, 4.0), (2.0, 1.0)]));
    assert_eq!((got[2].unit.as_str(), got[2].resolution), ("None", 60));
    assert!((got[2].timestamp_ms - now_ms).abs() < 60_000, "the time of its arrival");
    let series = endpoint.series("response_time", &[("ContainerName", "web"), ("InstanceId", "i-0")]);
    assert_eq!(series, [got[1].clone()]);
    assert!(endpoint.series("response_time", &[("InstanceId", "i-0")]).is_empty(), "another metric");
    assert_eq!(endpoint.metric_requests(), 1);
    endpoint.assert_no_breach();
}

#[tokio::test]
async fn what_the_sdk_compresses_is_read() {
    let endpoint = Endpoint::start();
    let data =
        (0..1_000).map(|n| MetricDatum::builder().metric_name(format!("metric_{n}")).value(1.0).build());
    let call = sdk(&endpoint).put_metric_data().namespace(NAMESPACE).set_metric_data(Some(data.collect()));
    call.send().await.unwrap();
    let totals = endpoint.totals();
    assert_eq!((totals.datums, totals.metric_calls, endpoint.metric_series().len()), (1_000, 1, 1_000));
    assert!(totals.metric_wire_bytes < 10_240, "{} bytes are not compressed", totals.metric_wire_bytes);
    assert_eq!(totals.wire_bytes, 0, "nothing of it is a log");
    endpoint.assert_no_breach();
}

#[tokio::test]
async fn the_sdk_understands_every_refusal() {
    let endpoint = Endpoint::start();
    let client = sdk(&endpoint);
    let put = |datum: MetricDatum| client.put_metric_data().namespace(NAMESPACE).metric_data(datum).send();
    let fine = || MetricDatum::builder().metric_name("m");
    for (datum, code) in [
        (fine().value(f64::NAN).build(), "InvalidParameterValue"),
        (fine().build(), "InvalidParameterCombination"),
        (MetricDatum::builder().value(1.0).build(), "MissingParameter"),
    ] {
        let error = put(datum).await.unwrap_err();
        assert_eq!(error.code(), Some(code));
        assert!(error.message().is_some_and(|message| message.contains("MetricData.member.1")), "{error:?}");
        let told = error.into_service_error();
        let known = told.is_invalid_parameter_value_exception()
            || told.is_invalid_parameter_combination_exception()
            || told.is_missing_required_parameter_exception();
        assert!(known, "{told:?}");
    }
    assert_eq!(endpoint.breaches().len(), 3);
    for (fault, status, code) in [
        (Fault::Throttle { retry_after_s: Some(1) }, 400, "Throttling"),
        (Fault::Unavailable, 503, "ServiceUnavailable"),
        (Fault::Internal, 500, "InternalServiceError"),
        (Fault::AccessDenied, 403, "AccessDenied"),
        (Fault::ExpiredToken, 403, "ExpiredToken"),
        (Fault::InvalidParameter, 400, "InvalidParameterValue"),
    ] {
        endpoint.inject(Operation::PutMetricData, fault.clone(), 1);
        let error = put(fine().value(1.0).build()).await.unwrap_err();
        assert_eq!(error.code(), Some(code), "{fault:?}");
        let answer = error.raw_response().expect("an answer");
        assert_eq!(answer.status().as_u16(), status, "{fault:?}");
        assert_eq!(
            answer.headers().get("retry-after"),
            fault.eq(&Fault::Throttle { retry_after_s: Some(1) }).then_some("1")
        );
        if fault == Fault::Internal {
            let told = error.into_service_error();
            assert!(matches!(told, PutMetricDataError::InternalServiceFault(_)), "{told:?}");
        }
    }
    assert_eq!(endpoint.breaches().len(), 3, "faults are none of the client's");
    put(fine().value(1.0).build()).await.unwrap();
    assert_eq!(endpoint.metrics().len(), 1);
}

#[test]
fn one_bad_datum_refuses_the_call() {
    let (endpoint, client) = ready();
    let mut request = one("good");
    request["MetricData"]
        .as_array_mut()
        .unwrap()
        .push(json!({ "MetricName": "bad", "Value": 1, "Unit": "Mile" }));
    let answer = client.put_metrics(&request, &[]).unwrap();
    assert_eq!(
        (answer.status, answer.header("x-amzn-query-error")),
        (400, Some("InvalidParameterValue;Sender"))
    );
    assert!(endpoint.metrics().is_empty());
    let breach = &endpoint.breaches()[0];
    assert_eq!(breach.operation, "/service/GraniteServiceVersion20100801/operation/PutMetricData");
    assert_eq!(breach.message, "The value Mile for parameter MetricData.member.2.Unit is invalid.");
}

#[test]
fn the_size_that_counts_is_that_before_compression() {
    let (endpoint, client) = ready();
    let body = |count: usize| {
        let values = vec![0.1; 120];
        let datum = json!({ "MetricName": "m", "Values": values });
        let mut body = Vec::new();
        let request = json!({ "Namespace": NAMESPACE, "MetricData": vec![datum; count] });
        ciborium::into_writer(&request, &mut body).unwrap();
        body
    };
    let packed = |body: &[u8]| {
        let mut encoder = GzEncoder::new(Vec::new(), Compression::fast());
        encoder.write_all(body).unwrap();
        client.send_metrics(&encoder.finish().unwrap(), &[("content-encoding", "gzip")]).unwrap()
    };
    let (below, above) = (body(940), body(980));
    assert!(below.len() < 1_048_576 && above.len() > 1_048_576, "{} and {}", below.len(), above.len());
    assert_eq!(packed(&below).status, 200);
    assert_eq!(packed(&above).status, 413);
    assert_eq!(endpoint.totals().datums, 940);
}

#[test]
fn a_request_must_be_of_the_protocol_and_signed_for_the_service() {
    let (endpoint, client) = ready();
    let path = "/service/GraniteServiceVersion20100801/operation/PutMetricData";
    let cbor = [("content-type", "application/cbor"), ("smithy-protocol", "rpc-v2-cbor")];
    assert_eq!(client.signed("logs", path, &cbor, &[0xa0]).unwrap().status, 403, "another service's scope");
    assert_eq!(client.signed("monitoring", path, &cbor[..1], &[0xa0]).unwrap().status, 400);
    let json = [("content-type", "application/json"), cbor[1]];
    assert_eq!(client.signed("monitoring", path, &json, b"{}").unwrap().status, 400);
    assert_eq!(http::send(endpoint.address(), "POST", path, &cbor, &[0xa0]).unwrap().status, 403, "unsigned");
    let other = "/service/GraniteServiceVersion20100801/operation/PutLogEvents";
    assert_eq!(client.signed("monitoring", other, &cbor, &[0xa0]).unwrap().status, 400);
    assert_eq!(client.send_metrics(b"\xff", &[]).unwrap().status, 400);
    assert_eq!(client.send("PutMetricData", b"{}", &[]).unwrap().status, 400);
    assert_eq!(endpoint.breaches().len(), 7);
    let answer = client.put_metrics(&one("m"), &[]).unwrap();
    assert_eq!((answer.status, answer.body.as_slice()), (200, &[0xa0][..]));
    assert_eq!(answer.header("smithy-protocol"), Some("rpc-v2-cbor"));
}

#[test]
fn an_answer_can_be_lost_late_or_cut_with_or_without_the_datums() {
    let (endpoint, client) = ready();
    let names = || endpoint.metrics().into_iter().map(|datum| datum.name).collect::<Vec<_>>();
    endpoint.inject(Operation::PutMetricData, Fault::StoreThenDrop, 1);
    client.put_metrics(&one("dropped"), &[]).unwrap_err();
    assert_eq!(names(), ["dropped"]);
    endpoint.inject(Operation::PutMetricData, Fault::Reset, 1);
    client.put_metrics(&one("reset"), &[]).unwrap_err();
    assert_eq!(names(), ["dropped"]);
    endpoint.inject(Operation::PutMetricData, Fault::RefuseContaining { word: "bad".into() }, None);
    assert_eq!(client.put_metrics(&one("a_bad_one"), &[]).unwrap().status, 400);
    assert_eq!(client.put_metrics(&one("good"), &[]).unwrap().status, 200);
    endpoint.assert_no_breach();
    endpoint.clear_faults();
    endpoint.inject(Operation::PutMetricData, Fault::Hang, None);
    let waiting = std::thread::spawn(move || client.put_metrics(&one("hung"), &[]));
    harness::wait::until(Duration::from_secs(5), "the call to hang", || endpoint.totals().faults_struck == 5);
    let events = client.call("DescribeLogGroups", &json!({})).unwrap();
    assert_eq!(events.status, 200, "logs go on");
    endpoint.clear_faults();
    waiting.join().unwrap().unwrap_err();
    assert_eq!(names(), ["dropped", "good"]);
}

#[test]
fn datums_are_counted_over_the_wire() {
    let endpoint = Endpoint::start_with(Options { counts_only: true, ..Options::default() });
    let client = Client::new(endpoint.address());
    let mut request = one("requests");
    request["MetricData"][0]["Dimensions"] = json!([{ "Name": "InstanceId", "Value": "i-0" }]);
    for _ in 0..2 {
        client.put_metrics(&request, &[]).unwrap();
    }
    let counts = http::send(endpoint.address(), "GET", "/_counts", &[], &[]).unwrap().json();
    assert_eq!(counts["metrics"], json!({ "StartTech/Backend/requests{InstanceId=i-0}": 2 }));
    assert_eq!(counts["totals"]["datums"], 2);
}

#[test]
fn the_clock_moves_the_two_weeks() {
    let (endpoint, client) = ready();
    let body = |ms: i64| {
        use ciborium::Value as Cbor;
        let text = |text: &str| Cbor::Text(text.into());
        let time = Cbor::Tag(1, Box::new(Cbor::Integer((ms / 1_000).into())));
        let datum = Cbor::Map(vec![
            (text("MetricName"), text("m")),
            (text("Value"), Cbor::Integer(1.into())),
            (text("Timestamp"), time),
        ]);
        let all = [(text("Namespace"), text("N")), (text("MetricData"), Cbor::Array(vec![datum]))];
        let mut body = Vec::new();
        ciborium::into_writer(&Cbor::Map(all.into()), &mut body).unwrap();
        body
    };
    let late = Timestamp::now().as_millisecond() - 14 * 24 * 3_600_000 + 60_000;
    assert_eq!(client.send_metrics(&body(late), &[]).unwrap().status, 200);
    endpoint.set_clock_offset_ms(120_000);
    assert_eq!(client.send_metrics(&body(late), &[]).unwrap().status, 400);
    assert_eq!(endpoint.metrics()[0].timestamp_ms, late / 1_000 * 1_000);
}

#[test]
fn an_instances_tags_are_described() {
    let (endpoint, client) = ready();
    endpoint.change_instance(|instance| {
        instance.tags.insert(GROUP_TAG.to_owned(), String::from("starttech-web"));
    });
    let parameters = [
        ("Action", "DescribeTags"),
        ("Version", "2016-11-15"),
        ("Filter.1.Name", "resource-id"),
        ("Filter.1.Value.1", "i-0123456789abcdef0"),
        ("Filter.2.Name", "key"),
        ("Filter.2.Value.1", GROUP_TAG),
    ];
    let answer = client.query("ec2", &parameters).unwrap();
    assert_eq!(answer.status, 200);
    assert!(answer.text().contains("<value>starttech-web</value>"), "{}", answer.text());
    let get: String = form(&parameters);
    let date = Timestamp::now().strftime("%Y%m%dT%H%M%SZ").to_string();
    let authorization = harness::client::authorization("ec2", &date);
    let headers = [("x-amz-date", date.as_str()), ("authorization", authorization.as_str())];
    let asked = http::send(endpoint.address(), "GET", &format!("/?{get}"), &headers, &[]).unwrap();
    assert_eq!(asked.text(), answer.text());
    endpoint.assert_no_breach();
    endpoint.inject(Operation::DescribeTags, Fault::AccessDenied, 1);
    let answer = client.query("ec2", &parameters).unwrap();
    assert_eq!(answer.status, 403);
    assert!(answer.text().contains("<Code>UnauthorizedOperation</Code>"), "{}", answer.text());
    endpoint.assert_no_breach();
    assert_eq!(client.query("monitoring", &parameters).unwrap().status, 401, "another service's scope");
    assert_eq!(client.query("ec2", &[("Action", "TerminateInstances")]).unwrap().status, 400);
    assert_eq!(endpoint.calls(Operation::DescribeTags), 3);
}

fn form(parameters: &[(&str, &str)]) -> String {
    form_urlencoded::Serializer::new(String::new()).extend_pairs(parameters).finish()
}
