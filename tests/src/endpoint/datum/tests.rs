//! Each limit at its border: one that is taken and the next that is not.

use super::*;

const NOW: i64 = 1_800_000_000_000;

fn datum() -> InputDatum {
    InputDatum { metric_name: Some("requests".into()), value: Some(Number(1.0)), ..InputDatum::default() }
}

/// What the service says to one datum with a change.
fn changed(change: impl FnOnce(&mut InputDatum)) -> Option<String> {
    let mut datum = datum();
    change(&mut datum);
    refusal("StartTech/Backend", vec![datum])
}

fn refusal(namespace: &str, metric_data: Vec<InputDatum>) -> Option<String> {
    let request = MetricRequest { namespace: Some(namespace.to_owned()), metric_data };
    check(&request, NOW).err().map(|refusal| refusal.message)
}

fn dimension(name: &str, value: &str) -> InputDimension {
    InputDimension { name: Some(name.to_owned()), value: Some(value.to_owned()) }
}

fn set(sample_count: f64, sum: f64, minimum: f64, maximum: f64) -> InputStatistics {
    let some = |number| Some(Number(number));
    InputStatistics {
        sample_count: some(sample_count),
        sum: some(sum),
        minimum: some(minimum),
        maximum: some(maximum),
    }
}

fn with_set(set: InputStatistics) -> Option<String> {
    changed(|datum| (datum.value, datum.statistic_values) = (None, Some(set)))
}

fn with_values(values: &[f64], counts: &[f64]) -> Option<String> {
    let numbers = |numbers: &[f64]| numbers.iter().copied().map(Number).collect();
    changed(|datum| {
        (datum.value, datum.values, datum.counts) = (None, numbers(values), numbers(counts));
    })
}

#[test]
fn a_plain_datum_is_taken() {
    assert_eq!(changed(|_| {}), None);
}

#[test]
fn a_thousand_datums_are_the_most() {
    assert_eq!(refusal("A", vec![datum(); 1_000]), None);
    let got = refusal("A", vec![datum(); 1_001]).unwrap();
    assert_eq!(got, "The collection MetricData must not have a size greater than 1000.");
    assert_eq!(refusal("A", Vec::new()).unwrap(), "The parameter MetricData is required.");
}

#[test]
fn a_namespace_has_its_characters_and_is_not_amazons() {
    for good in ["a", "StartTech/Backend", "AWSome", "a.b-c_d/e#f:g h", &"n".repeat(255)] {
        assert_eq!(refusal(good, vec![datum()]), None, "{good}");
    }
    for bad in ["", " ", "AWS/EC2", ":a", "ü", "a*b", "a\nb", &"n".repeat(256)] {
        assert!(refusal(bad, vec![datum()]).is_some(), "{bad}");
    }
    let without = MetricRequest { namespace: None, metric_data: vec![datum()] };
    assert_eq!(check(&without, NOW).unwrap_err().code, "MissingRequiredParameterException");
}

#[test]
fn a_metric_has_a_name_of_printable_ascii() {
    let named = |name: &str| changed(|datum| datum.metric_name = Some(name.to_owned()));
    for good in ["x", "a b~", &"m".repeat(255)] {
        assert_eq!(named(good), None, "{good}");
    }
    for bad in ["", "  ", "tab\t", "é", "\u{7f}", &"m".repeat(256)] {
        assert!(named(bad).is_some(), "{bad}");
    }
    let got = changed(|datum| datum.metric_name = None).unwrap();
    assert_eq!(got, "The parameter MetricData.member.1.MetricName is required.");
}

#[test]
fn thirty_dimensions_are_the_most() {
    let many = |count| {
        let all = (0..count).map(|number| dimension(&format!("d{number}"), "v")).collect();
        changed(|datum| datum.dimensions = all)
    };
    assert_eq!(many(30), None);
    assert!(many(31).unwrap().contains("greater than 30"));
}

#[test]
fn a_dimension_has_a_name_and_a_value() {
    let one = |name: &str, value: &str| changed(|datum| datum.dimensions = vec![dimension(name, value)]);
    for (name, value) in [("a", "b"), ("a:b", ":"), (&"n".repeat(255), &"v".repeat(1_024))] {
        assert_eq!(one(name, value), None, "{name}={value}");
    }
    let (name, value) = ("n".repeat(256), "v".repeat(1_025));
    for (name, value) in [
        ("", "v"),
        ("n", ""),
        (" ", "v"),
        ("n", " "),
        (":n", "v"),
        ("ü", "v"),
        ("n", "ü"),
        (&name, "v"),
        ("n", &value),
        ("n", "a\nb"),
    ] {
        assert!(one(name, value).is_some(), "{name}={value}");
    }
    let half = InputDimension { name: Some("n".into()), value: None };
    assert!(changed(|datum| datum.dimensions = vec![half]).unwrap().contains("Value is required"));
    let twice = vec![dimension("n", "a"), dimension("n", "b")];
    assert!(changed(|datum| datum.dimensions = twice).unwrap().contains("repeats"));
}

#[test]
fn a_unit_is_one_of_27() {
    for unit in UNITS {
        assert_eq!(changed(|datum| datum.unit = Some(unit.to_owned())), None, "{unit}");
    }
    for unit in ["", "percent", "Minutes", "Count/Minute"] {
        assert!(changed(|datum| datum.unit = Some(unit.to_owned())).is_some(), "{unit}");
    }
}

#[test]
fn a_resolution_is_a_second_or_a_minute() {
    for (seconds, taken) in [(1, true), (60, true), (0, false), (2, false), (59, false), (61, false)] {
        let got = changed(|datum| datum.storage_resolution = Some(seconds));
        assert_eq!(got.is_none(), taken, "{seconds}: {got:?}");
    }
}

#[test]
fn a_datum_is_of_the_last_two_weeks_or_the_next_two_hours() {
    #[expect(clippy::cast_precision_loss, reason = "milliseconds of this century are exact")]
    let at = |ms: i64| changed(|datum| datum.timestamp = Some(Required(Number(ms as f64 / 1_000.0))));
    assert_eq!(at(NOW - OLDEST_MS), None);
    assert!(at(NOW - OLDEST_MS - 1).unwrap().contains("past two weeks"));
    assert_eq!(at(NOW + NEWEST_MS), None);
    assert!(at(NOW + NEWEST_MS + 1).unwrap().contains("in the future"));
    for odd in [f64::INFINITY, f64::NEG_INFINITY, f64::NAN] {
        assert!(changed(|datum| datum.timestamp = Some(Required(Number(odd)))).is_some(), "{odd}");
    }
}

#[test]
fn samples_come_in_exactly_one_form() {
    assert!(changed(|datum| datum.value = None).unwrap().starts_with("At least one"));
    let both = changed(|datum| datum.values = vec![Number(1.0)]).unwrap();
    assert!(both.contains("mutually exclusive"), "{both}");
    assert!(changed(|datum| datum.statistic_values = Some(set(1.0, 1.0, 1.0, 1.0))).is_some());
    assert!(changed(|datum| datum.counts = vec![Number(1.0)]).is_some(), "counts of nothing");
}

#[test]
fn a_hundred_and_fifty_values_are_the_most() {
    assert_eq!(with_values(&[1.0; 150], &[2.0; 150]), None);
    assert!(with_values(&[1.0; 151], &[2.0; 151]).unwrap().contains("greater than 150"));
}

#[test]
fn each_value_has_its_count() {
    assert_eq!(with_values(&[1.0, 2.0], &[]), None, "each once");
    assert_eq!(with_values(&[1.0, 2.0], &[0.5, 3.0]), None);
    assert!(with_values(&[1.0, 2.0], &[1.0]).unwrap().contains("same number"));
    assert!(with_values(&[1.0], &[1.0, 1.0]).is_some());
    assert!(with_values(&[1.0], &[0.0]).unwrap().contains("greater than 0"));
    assert!(with_values(&[1.0], &[-1.0]).is_some());
    assert!(with_values(&[1.0], &[f64::NAN]).is_some());
}

#[test]
fn numbers_have_an_end() {
    let edge = 2.0_f64.powi(360);
    let beyond = f64::from_bits(edge.to_bits() + 1);
    for (number, taken) in [
        (0.0, true),
        (-0.0, true),
        (f64::MIN_POSITIVE, true),
        (edge, true),
        (-edge, true),
        (beyond, false),
        (-beyond, false),
        (f64::NAN, false),
        (f64::INFINITY, false),
        (f64::NEG_INFINITY, false),
    ] {
        assert_eq!(changed(|datum| datum.value = Some(Number(number))).is_none(), taken, "{number}");
        assert_eq!(with_values(&[number], &[]).is_none(), taken, "{number} among values");
        assert_eq!(with_set(set(1.0, number, number, number)).is_none(), taken, "{number} in a set");
    }
}

#[test]
fn a_set_is_complete_and_true() {
    assert_eq!(with_set(set(3.0, 6.0, 1.0, 3.0)), None);
    assert_eq!(with_set(set(3.0, 3.0, 1.0, 1.0)), None);
    assert_eq!(with_set(set(3.0, 0.1 + 0.1 + 0.1, 0.1, 0.1)), None, "as rounded as sums are");
    assert_eq!(with_set(set(0.5, 1.0, 2.0, 2.0)), None, "half a sample");
    assert!(with_set(set(0.0, 0.0, 0.0, 0.0)).unwrap().contains("greater than 0"));
    assert!(with_set(set(2.0, 4.0, 3.0, 1.0)).unwrap().contains("Maximum"));
    assert!(with_set(set(2.0, 1.9, 1.0, 3.0)).unwrap().contains("Sum"));
    assert!(with_set(set(2.0, 6.1, 1.0, 3.0)).unwrap().contains("Sum"));
    for member in ["SampleCount", "Sum", "Minimum", "Maximum"] {
        let mut set = set(1.0, 1.0, 1.0, 1.0);
        match member {
            "SampleCount" => set.sample_count = None,
            "Sum" => set.sum = None,
            "Minimum" => set.minimum = None,
            _ => set.maximum = None,
        }
        let expected = format!("The parameter MetricData.member.1.StatisticValues.{member} is required.");
        assert_eq!(with_set(set), Some(expected));
    }
}

#[test]
fn the_body_ends_at_a_mebibyte_and_with_the_request() {
    let mut body = vec![0xa0];
    assert!(read(&body).unwrap().metric_data.is_empty());
    body.push(0);
    assert_eq!(read(&body).unwrap_err().code, "SerializationException");
    // A text of so many bytes: the border is the size alone, whatever is in it.
    for (length, status) in [(MAX_BODY, 400), (MAX_BODY + 1, 413)] {
        assert_eq!(read(&vec![0x60; length]).unwrap_err().status, status);
    }
}
