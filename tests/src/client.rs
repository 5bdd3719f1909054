//! A client of CloudWatch Logs, CloudWatch and EC2 for tests: it speaks their protocols and signs like
//! the SDKs, except that
//! the signature is zeros, which neither the strict endpoint nor the emulator verifies.

use std::collections::BTreeMap;
use std::net::SocketAddr;

use jiff::Timestamp;
use serde_json::{Value, json};

use crate::http::{self, Answer};

/// A client of one endpoint.
#[derive(Debug, Clone, Copy)]
pub struct Client {
    address: SocketAddr,
}

impl Client {
    /// A client of the CloudWatch Logs at this address.
    pub fn new(address: SocketAddr) -> Self {
        Self { address }
    }

    /// Calls an operation and hands over whatever is answered.
    pub fn call(&self, operation: &str, request: &Value) -> std::io::Result<Answer> {
        self.send(operation, request.to_string().as_bytes(), &[])
    }

    /// Calls an operation with a body as it is and further headers.
    pub fn send(&self, operation: &str, body: &[u8], more: &[(&str, &str)]) -> std::io::Result<Answer> {
        let target = format!("Logs_20140328.{operation}");
        let own = [("content-type", "application/x-amz-json-1.1"), ("x-amz-target", target.as_str())];
        self.signed("logs", "/", &[&own, more].concat(), body)
    }

    /// Calls `PutMetricData` in CBOR, as the SDKs do; `request` without times, which JSON has not.
    pub fn put_metrics(&self, request: &Value, more: &[(&str, &str)]) -> std::io::Result<Answer> {
        let mut body = Vec::new();
        ciborium::into_writer(request, &mut body).expect("a vector takes everything");
        self.send_metrics(&body, more)
    }

    /// Calls `PutMetricData` with a body as it is and further headers.
    pub fn send_metrics(&self, body: &[u8], more: &[(&str, &str)]) -> std::io::Result<Answer> {
        let own = [
            ("content-type", "application/cbor"),
            ("smithy-protocol", "rpc-v2-cbor"),
            ("x-amzn-query-mode", "true"),
        ];
        let path = "/service/GraniteServiceVersion20100801/operation/PutMetricData";
        self.signed("monitoring", path, &[&own, more].concat(), body)
    }

    /// Calls an operation of a service that speaks the query protocol, such as `ec2`.
    pub fn query(&self, service: &str, parameters: &[(&str, &str)]) -> std::io::Result<Answer> {
        let body = form_urlencoded::Serializer::new(String::new()).extend_pairs(parameters).finish();
        self.signed(service, "/", &[("content-type", "application/x-www-form-urlencoded")], body.as_bytes())
    }

    /// Sends a request signed, so to speak, for a service.
    pub fn signed(
        &self,
        service: &str,
        path: &str,
        headers: &[(&str, &str)],
        body: &[u8],
    ) -> std::io::Result<Answer> {
        let date = Timestamp::now().strftime("%Y%m%dT%H%M%SZ").to_string();
        let authorization = authorization(service, &date);
        let own = [("x-amz-date", date.as_str()), ("authorization", authorization.as_str())];
        http::send(self.address, "POST", path, &[headers, &own].concat(), body)
    }

    /// The names of the log groups with this prefix.
    pub fn groups(&self, prefix: &str) -> Vec<String> {
        let answer = self.expect("DescribeLogGroups", &json!({ "logGroupNamePrefix": prefix }));
        names(&answer, "logGroups", "logGroupName")
    }

    /// A group's retention in days.
    pub fn retention_days(&self, group: &str) -> Option<u64> {
        let answer = self.expect("DescribeLogGroups", &json!({ "logGroupNamePrefix": group }));
        let groups = answer["logGroups"].as_array()?;
        groups.iter().find(|item| item["logGroupName"] == group)?["retentionInDays"].as_u64()
    }

    /// The names of a group's streams; none where the group does not exist.
    pub fn streams(&self, group: &str) -> Vec<String> {
        let request = json!({ "logGroupName": group });
        let answer = self.call("DescribeLogStreams", &request).expect("an answer");
        if answer.status != 200 {
            return Vec::new();
        }
        names(&answer.json(), "logStreams", "logStreamName")
    }

    /// Timestamps and messages of a stream, the oldest first, page by page.
    pub fn events(&self, group: &str, stream: &str) -> Vec<(i64, String)> {
        let mut events = Vec::new();
        let mut token = Value::Null;
        loop {
            let mut request =
                json!({ "logGroupName": group, "logStreamName": stream, "startFromHead": true });
            if !token.is_null() {
                request["nextToken"] = token.clone();
            }
            let answer = self.expect("GetLogEvents", &request);
            let page = answer["events"].as_array().cloned().unwrap_or_default();
            events.extend(page.iter().map(|event| {
                let message = event["message"].as_str().unwrap_or_default().to_owned();
                (event["timestamp"].as_i64().unwrap_or_default(), message)
            }));
            let next = answer["nextForwardToken"].clone();
            if next == token || page.is_empty() {
                return events;
            }
            token = next;
        }
    }

    /// Calls an operation of CloudWatch in JSON, which the emulator speaks too, but no SDK any more.
    pub fn cloudwatch(&self, operation: &str, request: &Value) -> Value {
        let target = format!("GraniteServiceVersion20100801.{operation}");
        let headers = [("content-type", "application/x-amz-json-1.0"), ("x-amz-target", target.as_str())];
        let answer = self.signed("monitoring", "/", &headers, request.to_string().as_bytes());
        let answer = answer.expect("an answer");
        assert_eq!(answer.status, 200, "{operation} {request}: {}", answer.text());
        answer.json()
    }

    /// Statistics (`Sum`, `SampleCount`, …) of one metric by `GetMetricStatistics`, the oldest first.
    pub fn metric_statistics(&self, span: &Span<'_>, statistics: &[&str]) -> Vec<Datapoint> {
        let answer = self.cloudwatch(
            "GetMetricStatistics",
            &json!({
                "Namespace": span.namespace, "MetricName": span.name, "Dimensions": members(span.dimensions),
                "StartTime": span.start_s, "EndTime": span.end_s, "Period": span.period_s,
                "Statistics": statistics,
            }),
        );
        let points = answer["Datapoints"].as_array().into_iter().flatten();
        let mut points: Vec<Datapoint> = points.map(|point| Datapoint::of(point, statistics)).collect();
        points.sort_by_key(|point| point.timestamp_s);
        points
    }

    /// Names and dimensions of a namespace's metrics by `ListMetrics`, sorted.
    pub fn list_metrics(&self, namespace: &str) -> Vec<(String, BTreeMap<String, String>)> {
        let (mut metrics, mut token) = (Vec::new(), Value::Null);
        loop {
            let mut request = json!({ "Namespace": namespace });
            if !token.is_null() {
                request["NextToken"] = token.clone();
            }
            let answer = self.cloudwatch("ListMetrics", &request);
            for metric in answer["Metrics"].as_array().into_iter().flatten() {
                let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
                let dimensions = metric["Dimensions"].as_array().into_iter().flatten();
                let dimensions = dimensions.map(|one| (text(&one["Name"]), text(&one["Value"])));
                metrics.push((text(&metric["MetricName"]), dimensions.collect()));
            }
            token = answer["NextToken"].clone();
            if token.is_null() {
                metrics.sort();
                return metrics;
            }
        }
    }

    fn expect(&self, operation: &str, request: &Value) -> Value {
        let answer = self.call(operation, request).expect("an answer");
        assert_eq!(answer.status, 200, "{operation} {request}: {}", answer.text());
        answer.json()
    }
}

/// One metric over a span of time.
#[derive(Debug, Clone, Copy)]
pub struct Span<'a> {
    /// The metric's namespace.
    pub namespace: &'a str,
    /// The metric's name.
    pub name: &'a str,
    /// All of its dimensions.
    pub dimensions: &'a [(&'a str, &'a str)],
    /// In seconds since 1970; a datum of just then is inside.
    pub start_s: i64,
    /// In seconds since 1970; a datum of just then is outside.
    pub end_s: i64,
    /// Seconds for which one point stands.
    pub period_s: u32,
}

/// A metric's statistics over one period.
#[derive(Debug, Clone, PartialEq)]
pub struct Datapoint {
    /// In seconds since 1970.
    pub timestamp_s: i64,
    /// As CloudWatch names it.
    pub unit: String,
    /// Those asked for, by their names.
    pub statistics: BTreeMap<String, f64>,
}

impl Datapoint {
    #[expect(clippy::cast_possible_truncation, reason = "seconds since 1970")]
    fn of(point: &Value, statistics: &[&str]) -> Self {
        let number = |name: &str| point[name].as_f64().unwrap_or_else(|| panic!("no {name} in {point}"));
        Self {
            timestamp_s: number("Timestamp") as i64,
            unit: point["Unit"].as_str().unwrap_or_default().to_owned(),
            statistics: statistics.iter().map(|name| ((*name).to_owned(), number(name))).collect(),
        }
    }
}

/// A metric over several periods, as if they were one.
#[derive(Debug, Clone, Copy)]
pub struct Total {
    /// How many samples there were.
    pub count: f64,
    /// All of them together.
    pub sum: f64,
    /// The smallest.
    pub min: f64,
    /// The largest.
    pub max: f64,
}

impl Total {
    /// Of points with `SampleCount`, `Sum`, `Minimum` and `Maximum`.
    pub fn of(points: &[Datapoint]) -> Self {
        let all = |name: &str| points.iter().map(|point| point.statistics[name]).collect::<Vec<_>>();
        Self {
            count: all("SampleCount").iter().sum(),
            sum: all("Sum").iter().sum(),
            min: all("Minimum").into_iter().fold(f64::INFINITY, f64::min),
            max: all("Maximum").into_iter().fold(f64::NEG_INFINITY, f64::max),
        }
    }

    /// The mean of all samples.
    pub fn average(&self) -> f64 {
        self.sum / self.count
    }
}

/// Dimensions in the form of the API.
fn members(dimensions: &[(&str, &str)]) -> Value {
    dimensions.iter().map(|(name, value)| json!({ "Name": name, "Value": value })).collect()
}

/// An `Authorization` header for this service and `x-amz-date`, with zeros for a signature.
pub fn authorization(service: &str, date: &str) -> String {
    let (day, zeros) = (&date[..8], "0".repeat(64));
    format!(
        "AWS4-HMAC-SHA256 Credential=AKIDEXAMPLE/{day}/eu-west-1/{service}/aws4_request, \
         SignedHeaders=content-type;host;x-amz-date;x-amz-target, Signature={zeros}"
    )
}

fn names(answer: &Value, list: &str, name: &str) -> Vec<String> {
    let items = answer[list].as_array().into_iter().flatten();
    items.filter_map(|item| item[name].as_str().map(str::to_owned)).collect()
}
