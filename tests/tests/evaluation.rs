//! The same alarms on the same data: the emulator's evaluation beside the agent's.
//!
//! The emulator evaluates an alarm as soon as it is made. So the data is there first, in periods of ten minutes that
//! lie in the past, each with its datapoint in the middle: it does not matter when exactly it looks.

use std::cell::RefCell;
use std::time::Duration;

use harness::client::Client;
use harness::emulator::Emulator;
use harness::wait;
use jiff::Timestamp;
use serde_json::{Value, json};
use starttech_agent::alarms::definition::Alarm;
use starttech_agent::alarms::evaluate::State;
use starttech_agent::alarms::evaluate::data::{Data, Name, Sample};
use starttech_agent::alarms::evaluate::metric::Evaluation;

const PERIOD_S: i64 = 600;
/// Five seconds; the emulator evaluates one alarm after the other.
const LIMIT: Duration = Duration::from_mins(3);
const TREATMENTS: [&str; 4] = ["missing", "ignore", "breaching", "notBreaching"];

/// AWS's tables of three and of two out of three: `0` within the threshold, `X` beyond it, `-` missing.
/// <https://docs.aws.amazon.com/AmazonCloudWatch/latest/monitoring/alarms-and-missing-data.html>
const ROWS: [(&str, u32); 10] = [
    ("0-X-X", 3),
    ("0----", 3),
    ("-----", 3),
    ("0XX-X", 3),
    ("--X--", 3),
    ("0-X-X", 2),
    ("00X0X", 2),
    ("0-X--", 2),
    ("----0", 2),
    ("---X-", 2),
];

/// The alarm, its row, and our state.
type Case = (String, &'static str, u32, &'static str, &'static str);

fn definition(name: &str, metric: &str, least: u32, treatment: &str) -> Value {
    json!({
        "AlarmName": name, "Namespace": "Evaluation", "MetricName": metric, "Statistic": "Sum", "Period": PERIOD_S,
        "EvaluationPeriods": 3, "DatapointsToAlarm": least, "Threshold": 5.0,
        "ComparisonOperator": "GreaterThanThreshold", "TreatMissingData": treatment,
    })
}

fn state(client: &Client, name: &str) -> String {
    let answer = client.cloudwatch("DescribeAlarms", &json!({"AlarmNames": [name]}));
    answer["MetricAlarms"][0]["StateValue"].as_str().unwrap_or_default().to_owned()
}

#[test]
fn the_emulator_comes_to_the_same_states() {
    let emulator = Emulator::start();
    let client = emulator.client();
    let now_s = Timestamp::now().as_second();
    let mut data = Data::default();
    for (row, (points, _)) in ROWS.iter().enumerate() {
        let metric = format!("row-{row}");
        for (ago, point) in (0..).zip(points.chars().rev()) {
            let value = match point {
                'X' => 9.0,
                '0' => 1.0,
                _ => continue,
            };
            let at_s = now_s - ago * PERIOD_S - PERIOD_S / 2;
            let datum = json!({"MetricName": metric, "Timestamp": at_s, "Value": value});
            client.cloudwatch("PutMetricData", &json!({"Namespace": "Evaluation", "MetricData": [datum]}));
            data.put(&Name::new("Evaluation", &metric, &[]), at_s, [Sample::of(value)]);
        }
    }
    let mut expected: Vec<Case> = Vec::new();
    for (row, (points, least)) in ROWS.iter().enumerate() {
        for treatment in TREATMENTS {
            let name = format!("{row}-{treatment}");
            let definition = definition(&name, &format!("row-{row}"), *least, treatment);
            client.cloudwatch("PutMetricAlarm", &definition);
            let alarm: Alarm = serde_json::from_value(definition).expect("an alarm");
            let evaluation = Evaluation::new(&alarm).expect("an alarm that can be evaluated");
            let state = evaluation.at(&data, now_s, State::InsufficientData).state;
            expected.push((name, points, *least, treatment, state.word()));
        }
    }
    // Where the state stays as it was made, one cannot see that it was evaluated; but none comes too late for all.
    let different = RefCell::new(Vec::new());
    let agrees = || {
        let here = |(name, points, least, treatment, ours): &Case| {
            let theirs = state(&client, name);
            (theirs != *ours)
                .then(|| format!("{points} {least} of 3 {treatment}: {ours}, and there {theirs}"))
        };
        *different.borrow_mut() = expected.iter().filter_map(here).collect();
        different.borrow().is_empty()
    };
    wait::until_or(LIMIT, "the same states", agrees, || different.borrow().join("\n"));
}
