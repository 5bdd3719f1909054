//! `CloudWatch` metrics: our [`Sink`] over the SDK, for batches of datapoints.
//!
//! A batch goes out as one call, each datapoint once for each of its series. It decides nothing about
//! what is measured or when.

use std::time::Duration;

use aws_config::SdkConfig;
use aws_sdk_cloudwatch::Client;
use aws_sdk_cloudwatch::types::{Dimension, MetricDatum, StandardUnit, StatisticSet};
use aws_smithy_types::DateTime;

use super::refusal::{self, Service};
use crate::logs::{Outgoing, Receipt, Refusal, Sink};
use crate::metrics::batch::{self, Batch, Datum, Sent};
use crate::retry::Waits;

/// A call with one older datapoint is refused as a whole: two weeks, less what a call may take.
/// <https://docs.aws.amazon.com/AmazonCloudWatch/latest/APIReference/API_MetricDatum.html>
const OLDEST_MS: i64 = (14 * 24 * 60 - 5) * 60_000;

/// The same for those too far in the future, by two hours less what clocks may differ by.
const NEWEST_MS: i64 = (2 * 60 - 5) * 60_000;

/// The account may call 500 times a second in all: a fleet of a thousand that waits for the end of an outage
/// must stay below that, at its beginning too, and no datapoint is so urgent.
pub const WAITS: Waits = Waits { base: Duration::from_secs(4), cap: Duration::from_secs(15) };

const SERVICE: Service = Service { name: "CloudWatch", actions: "cloudwatch", endpoint: "monitoring" };

/// The service behind one endpoint.
#[derive(Debug)]
pub struct CloudWatch {
    client: Client,
    region: String,
    /// The time of day, in milliseconds since the epoch.
    clock: fn() -> i64,
}

impl CloudWatch {
    /// A client of the region's service.
    pub fn new(config: &SdkConfig, clock: fn() -> i64) -> Self {
        Self {
            // With the patience of `sdk_config`: what was given up may have arrived, and the service adds up
            // what is sent twice. Nothing but later datapoints waits behind it.
            client: Client::from_conf(super::metrics_config(config).build()),
            region: config.region().map(ToString::to_string).unwrap_or_default(),
            clock,
        }
    }
}

impl Sink for CloudWatch {
    const SERVICE: &'static str = "CloudWatch";
    const CONTENT: &'static str = "datapoints";
    const REFUSED: &'static str = "does CloudWatch take metrics.namespace, and every name in [[metrics.patterns]]? \
                                   starttech-agent check --bundle has what a bug report needs";
    const WAITS: Waits = WAITS;

    async fn put(&self, outgoing: &Outgoing) -> Result<Receipt, Refusal> {
        let Batch { head, mut data } = serde_json::from_slice(&outgoing.body)
            .map_err(|error| Refusal::Refused(format!("it is no batch of datapoints: {error}")))?;
        let (now_ms, all) = ((self.clock)(), data.len());
        data.retain(|datum| datum.time >= now_ms - OLDEST_MS);
        let recent = data.len();
        data.retain(|datum| datum.time <= now_ms + NEWEST_MS);
        let receipt = Receipt {
            too_old: (all - recent) * head.series.len(),
            too_new: (recent - data.len()) * head.series.len(),
            ..Receipt::default()
        };
        if data.is_empty() {
            return Ok(receipt);
        }
        let mut datums = Vec::with_capacity(data.len() * head.series.len());
        for series in &head.series {
            datums.extend(data.iter().map(|datum| self::datum(datum, series, head.resolution_s)));
        }
        let call = self.client.put_metric_data().namespace(&head.namespace).set_metric_data(Some(datums));
        match call.send().await {
            Ok(_) => Ok(receipt),
            Err(error) => Err(refusal::of(SERVICE, &self.region, "PutMetricData", &error)),
        }
    }
}

#[expect(clippy::cast_precision_loss, reason = "counts of one period")]
fn datum(datum: &Datum, series: &[batch::Dimension], resolution_s: i32) -> MetricDatum {
    let dimension =
        |dimension: &batch::Dimension| Dimension::builder().name(&dimension.0).value(&dimension.1).build();
    let builder = MetricDatum::builder()
        .metric_name(&datum.name)
        .unit(StandardUnit::from(datum.unit.as_str()))
        .timestamp(DateTime::from_millis(datum.time))
        .storage_resolution(resolution_s)
        .set_dimensions(Some(series.iter().chain(&datum.of).map(dimension).collect()));
    match &datum.values {
        Sent::Value(value) => builder.value(*value),
        Sent::Set([min, max, sum, count]) => builder.statistic_values(
            StatisticSet::builder().minimum(*min).maximum(*max).sum(*sum).sample_count(*count).build(),
        ),
        Sent::Values(values) => {
            let (values, counts) = values.iter().map(|(value, count)| (*value, *count as f64)).unzip();
            builder.set_values(Some(values)).set_counts(Some(counts))
        }
    }
    .build()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::logs::Destination;
    use aws_config::{BehaviorVersion, Region};
    use aws_sdk_cloudwatch::config::{Credentials, SharedCredentialsProvider};
    use aws_smithy_http_client::test_util::{ReplayEvent, StaticReplayClient};
    use aws_smithy_types::body::SdkBody;
    use bytes::Bytes;

    const NOW_MS: i64 = 1_800_000_000_000;

    fn service(status: u16, body: &'static [u8]) -> (CloudWatch, StaticReplayClient) {
        let request = http::Request::builder().uri("http://localhost").body(SdkBody::empty()).unwrap();
        let answer = http::Response::builder()
            .status(status)
            .header("smithy-protocol", "rpc-v2-cbor")
            .body(SdkBody::from(body))
            .unwrap();
        let client = StaticReplayClient::new(vec![ReplayEvent::new(request, answer)]);
        let config = SdkConfig::builder()
            .behavior_version(BehaviorVersion::latest())
            .region(Region::new("eu-west-1"))
            .retry_config(aws_config::retry::RetryConfig::disabled())
            .credentials_provider(SharedCredentialsProvider::new(Credentials::new(
                "a", "b", None, None, "test",
            )))
            .http_client(client.clone())
            .build();
        (CloudWatch::new(&config, || NOW_MS), client)
    }

    fn outgoing(times: &[i64]) -> Outgoing {
        let data: Vec<String> = times
            .iter()
            .map(|time| format!(r#"{{"name":"requests","unit":"Count","time":{time},"value":4.0}}"#))
            .collect();
        let body = format!(
            r#"{{"namespace":"N","series":[[["InstanceId","i-1"]],[["AutoScalingGroupName","g"]]],"resolution_s":60,"data":[{}]}}"#,
            data.join(",")
        );
        let destination = Destination { group: "N".to_owned(), stream: "metrics".to_owned() };
        Outgoing { destination, body: Bytes::from(body), events: times.len() * 2 }
    }

    fn holds(body: &[u8], text: &str) -> usize {
        body.windows(text.len()).filter(|window| *window == text.as_bytes()).count()
    }

    #[tokio::test]
    async fn each_datapoint_goes_to_each_series_and_what_is_too_old_is_counted() {
        let (service, client) = service(200, &[0xA0]);
        let receipt = service
            .put(&outgoing(&[NOW_MS - 15 * 24 * 3_600_000, NOW_MS, NOW_MS + 3 * 3_600_000]))
            .await
            .unwrap();
        assert_eq!(receipt, Receipt { too_old: 2, too_new: 2, ..Receipt::default() });
        let request = client.actual_requests().next().unwrap();
        assert!(request.uri().contains("/operation/PutMetricData"), "{}", request.uri());
        let body = request.body().bytes().unwrap();
        assert_eq!(
            (holds(body, "requests"), holds(body, "i-1"), holds(body, "StorageResolution")),
            (2, 1, 2)
        );
    }

    #[tokio::test]
    async fn with_nothing_left_to_send_nothing_is_sent() {
        let (service, client) = service(500, b"");
        let receipt = service.put(&outgoing(&[0])).await.unwrap();
        assert_eq!(receipt.too_old, 2);
        assert_eq!(client.actual_requests().count(), 0);
    }

    #[tokio::test]
    async fn a_refusal_is_for_good_and_an_error_of_the_service_is_not() {
        // {"__type": "InvalidParameterValueException"}
        let refused = b"\xA1\x66__type\x78\x1EInvalidParameterValueException";
        let (client, _) = service(400, refused);
        assert!(matches!(client.put(&outgoing(&[NOW_MS])).await, Err(Refusal::Refused(_))));
        let (client, _) = service(503, b"");
        assert!(matches!(
            client.put(&outgoing(&[NOW_MS])).await,
            Err(Refusal::Retry { doubtful: false, .. })
        ));
        let no_batch = Outgoing { body: Bytes::from_static(b"{}"), ..outgoing(&[]) };
        assert!(matches!(client.put(&no_batch).await, Err(Refusal::Refused(_))));
    }
}
