//! What is written is read back by a parser that forgives nothing.

use std::collections::BTreeSet;

use proptest::prelude::*;

use super::*;
use crate::metrics::name::{self, custom};

/// One line: name, labels, value.
type Sample = (String, Vec<(String, String)>, f64);

fn is_name(text: &str, colon: bool) -> bool {
    let begins = |c: char| c.is_ascii_alphabetic() || c == '_' || (colon && c == ':');
    text.starts_with(begins) && text.chars().all(|c| begins(c) || c.is_ascii_digit())
}

/// Reads `a="b",c="d"}` and returns what is behind it.
fn labels(mut rest: &str) -> (Vec<(String, String)>, &str) {
    let mut labels = Vec::new();
    loop {
        let (name, behind) = rest.split_once("=\"").expect("a label has a value");
        assert!(is_name(name, false), "{name:?}");
        let mut value = String::new();
        let mut chars = behind.chars();
        loop {
            match chars.next().expect("a value ends") {
                '"' => break,
                '\\' => value.push(match chars.next() {
                    Some('n') => '\n',
                    Some(c @ ('\\' | '"')) => c,
                    other => panic!("no such escape: {other:?}"),
                }),
                c => value.push(c),
            }
        }
        labels.push((name.to_owned(), value));
        match chars.next() {
            Some(',') => rest = chars.as_str(),
            Some('}') => return (labels, chars.as_str()),
            other => panic!("behind a label: {other:?}"),
        }
    }
}

/// Reads the text format 0.0.4, strictly: each family once, with help and type before its samples, no
/// series twice, no sample that its type does not have, values that are numbers.
fn parse(text: &str) -> Vec<Sample> {
    let (mut families, mut seen, mut samples) = (BTreeSet::new(), BTreeSet::new(), Vec::new());
    let (mut helped, mut family, mut kind) = (String::new(), String::new(), String::new());
    assert!(text.is_empty() || text.ends_with('\n'));
    for line in text.split_terminator('\n') {
        if let Some(help) = line.strip_prefix("# HELP ") {
            helped = help.split(' ').next().unwrap().to_owned();
            assert!(is_name(&helped, true) && families.insert(helped.clone()), "{line}");
            continue;
        }
        if let Some(of) = line.strip_prefix("# TYPE ") {
            let (name, of) = of.split_once(' ').unwrap();
            assert!(name == helped && ["gauge", "counter", "summary"].contains(&of), "{line}");
            (family, kind) = (name.to_owned(), of.to_owned());
            continue;
        }
        let at = line.find(['{', ' ']).unwrap_or_else(|| panic!("no sample: {line:?}"));
        let (name, rest) = line.split_at(at);
        let (labels, value) = rest.strip_prefix('{').map_or((Vec::new(), rest), labels);
        let value: f64 = value.strip_prefix(' ').unwrap().parse().expect(line);
        let names: BTreeSet<_> = labels.iter().map(|(name, _)| name.clone()).collect();
        assert!(names.len() == labels.len() && value.is_finite(), "{line}");
        assert!(seen.insert((name.to_owned(), labels.clone())), "twice: {line}");
        let behind = name.strip_prefix(family.as_str()).expect(line);
        match (kind.as_str(), behind) {
            ("gauge" | "counter", "") => assert!(kind != "counter" || value >= 0.0),
            ("summary", "") => assert!(names.contains("quantile"), "{line}"),
            ("summary", "_sum" | "_count") => assert!(!names.contains("quantile"), "{line}"),
            _ => panic!("not of a {kind}: {line}"),
        }
        samples.push((name.to_owned(), labels, value));
    }
    samples
}

fn readings(values: &[(&'static Metric, Option<&str>, f64)]) -> Readings {
    let mut readings = Readings::default();
    for (metric, of, value) in values {
        readings.put(metric, *of, *value);
    }
    readings
}

const HOST: &[(&str, &str)] = &[("InstanceId", "i-0abc"), ("AutoScalingGroupName", "web")];

#[test]
fn every_kind_is_written_as_prometheus_has_it() {
    let now = tokio::time::Instant::now().into_std();
    let mut latest = Latest::default();
    for (cpu, requests) in [(40.0, 3.0), (12.5, 4.0)] {
        latest.take(
            &readings(&[
                (&name::CPU_USAGE_ACTIVE, None, cpu),
                (&name::REQUESTS, None, requests),
                (&name::CONTAINER_UP, Some("api"), 1.0),
                (&name::RESPONSE_TIME, None, 0.1),
            ]),
            now,
        );
        latest.distribution(&name::RESPONSE_TIME, None, ([0.1, 0.5, cpu], 2.5, requests), now);
    }
    let expected = expect_test::expect![[r#"
        # HELP container_up 1 while it runs, 0 while it exists and does not; none for a job that is done: ended with 0, no restart policy
        # TYPE container_up gauge
        container_up{ContainerName="api",InstanceId="i-0abc",AutoScalingGroupName="web"} 1
        # HELP cpu_usage_active All time that the processors were not idle, waiting for disks and stolen time included (Percent)
        # TYPE cpu_usage_active gauge
        cpu_usage_active{InstanceId="i-0abc",AutoScalingGroupName="web"} 12.5
        # HELP requests Access lines, but for those of health checks
        # TYPE requests counter
        requests{InstanceId="i-0abc",AutoScalingGroupName="web"} 7
        # HELP response_time Of these, how long each took, as its line says (Seconds)
        # TYPE response_time summary
        response_time{InstanceId="i-0abc",AutoScalingGroupName="web",quantile="0.5"} 0.1
        response_time{InstanceId="i-0abc",AutoScalingGroupName="web",quantile="0.95"} 0.5
        response_time{InstanceId="i-0abc",AutoScalingGroupName="web",quantile="0.99"} 12.5
        response_time_sum{InstanceId="i-0abc",AutoScalingGroupName="web"} 5
        response_time_count{InstanceId="i-0abc",AutoScalingGroupName="web"} 7
    "#]];
    expected.assert_eq(&latest.text(HOST, now));
    assert_eq!(parse(&latest.text(HOST, now)).len(), 8);
    assert_eq!(parse(&latest.text(&[], now)).len(), 8);
    assert_eq!(latest.series, 4);
    assert_eq!(Latest::default().text(HOST, now), "");
}

#[test]
fn all_our_own_metrics_can_be_written() {
    let now = tokio::time::Instant::now().into_std();
    let mut latest = Latest::default();
    for metric in name::ALL {
        let of = metric.dimension.map(|_| "x");
        latest.take(&readings(&[(metric, of, 1.0)]), now);
        latest.distribution(metric, of, ([1.0; 3], 1.0, 1.0), now);
    }
    assert_eq!(latest.series, name::ALL.len());
    let samples = parse(&latest.text(HOST, now));
    for metric in name::ALL {
        assert!(samples.iter().any(|(name, ..)| name.starts_with(metric.name)), "{}", metric.name);
    }
}

#[test]
fn a_gauge_that_is_not_read_any_more_disappears_and_counts_stay() {
    let (begin, nearly) = (tokio::time::Instant::now().into_std(), STALE.mul_f64(0.9));
    let mut latest = Latest::default();
    let both = [(&name::CONTAINER_UP, Some("a"), 1.0), (&name::CONTAINER_RESTARTS, Some("a"), 1.0)];
    latest.take(&readings(&both), begin);
    latest.distribution(&name::RESPONSE_TIME, None, ([0.1; 3], 1.0, 1.0), begin);
    let names = |latest: &Latest, now| {
        parse(&latest.text(&[], now)).into_iter().map(|(name, ..)| name).collect::<BTreeSet<_>>()
    };
    assert_eq!(parse(&latest.text(&[], begin + nearly)).len(), 7);
    let left = ["container_restarts", "response_time_count", "response_time_sum"].map(str::to_owned).into();
    assert_eq!(names(&latest, begin + STALE), left, "though nothing was taken in between");
    latest.take(&Readings::default(), begin + STALE);
    assert_eq!((names(&latest, begin + STALE), latest.series), (left, 2));
    latest.take(&readings(&both), begin + STALE);
    let text = latest.text(&[], begin + STALE);
    assert!(text.contains("container_restarts{ContainerName=\"a\"} 2\n"), "{text}");
}

#[test]
fn there_are_never_more_series_than_fit() {
    let now = tokio::time::Instant::now().into_std();
    let mut latest = Latest::default();
    for n in 0..3 * MOST_SERIES {
        latest.take(&readings(&[(&name::CONTAINER_RESTARTS, Some(&format!("c{n}")), 1.0)]), now);
    }
    assert_eq!(latest.series, MOST_SERIES);
    assert_eq!(parse(&latest.text(HOST, now)).len(), MOST_SERIES);
    // What is known goes on, what is new has room when something old goes.
    latest.take(&readings(&[(&name::CONTAINER_RESTARTS, Some("c0"), 1.0)]), now + STALE);
    latest.take(&readings(&[(&name::CONTAINER_RESTARTS, Some("new"), 1.0)]), now + STALE);
    let text = latest.text(&[], now + STALE);
    assert!(text.contains("\"c0\"} 2\n") && text.contains("\"new\"} 1\n"), "{text}");
    assert_eq!(latest.series, 2);
}

#[test]
fn names_that_look_alike_are_not_mixed() {
    let now = tokio::time::Instant::now().into_std();
    let mut latest = Latest::default();
    let (one, other) = (custom("a.b", "Count", Kind::Count, None), custom("a-b", "Count", Kind::Gauge, None));
    latest.take(&readings(&[(one, None, 1.0), (other, None, 5.0), (one, None, 1.0)]), now);
    assert_eq!(parse(&latest.text(&[], now)), [("a_b".to_owned(), Vec::new(), 2.0)]);
}

#[test]
fn what_is_no_number_or_falls_is_left_out() {
    let now = tokio::time::Instant::now().into_std();
    let mut latest = Latest::default();
    latest.take(&readings(&[(&name::REQUESTS, None, 2.0), (&name::REQUESTS, None, -1.0)]), now);
    latest.distribution(&name::RESPONSE_TIME, None, ([f64::NAN, 1.0, 1.0], 1.0, 1.0), now);
    latest.distribution(&name::RESPONSE_TIME, None, ([1.0; 3], f64::INFINITY, 1.0), now);
    assert_eq!(parse(&latest.text(&[], now)), [("requests".to_owned(), Vec::new(), 2.0)]);
    let huge = custom("huge", "Count", Kind::Count, None);
    latest.take(&readings(&[(huge, None, f64::MAX), (huge, None, f64::MAX)]), now);
    assert_eq!(parse(&latest.text(&[], now)).len(), 2);
}

#[test]
fn labels_of_one_name_are_one() {
    let now = tokio::time::Instant::now().into_std();
    let mut latest = Latest::default();
    for dimension in ["InstanceId", "quantile", "2 ö"] {
        let metric = custom(&format!("{dimension}s"), "Seconds", Kind::Distribution, Some(dimension));
        latest.distribution(metric, Some("\"\\\n"), ([1.0; 3], 1.0, 1.0), now);
    }
    let samples = parse(&latest.text(HOST, now));
    assert_eq!(samples.len(), 15);
    let of = |name: &str, label: &str| {
        samples
            .iter()
            .filter(|(of, ..)| of.starts_with(name))
            .all(|(_, labels, _)| labels.contains(&(label.to_owned(), "\"\\\n".to_owned())))
    };
    assert!(of("InstanceIds", "InstanceId") && of("quantiles", "quantile_") && of("_2__s", "_2__"));
}

proptest! {
    #[test]
    fn whatever_is_taken_can_be_read_back(
        values in prop::collection::vec((0..6_usize, prop::option::of(".{0,12}"), any::<f64>()), 0..40),
        host in ".{0,12}",
    ) {
        let now = tokio::time::Instant::now().into_std();
        let mut latest = Latest::default();
        let metrics = [
            custom("p gauge", "None", Kind::Gauge, None),
            custom("p-gauge", "None", Kind::Gauge, Some("ö")),
            custom("3count", "Bytes", Kind::Count, Some("InstanceId")),
            custom("dist", "Seconds", Kind::Distribution, Some("quantile")),
            &name::REQUESTS,
            &name::CONTAINER_UP,
        ];
        for (which, of, value) in &values {
            latest.take(&readings(&[(metrics[*which], of.as_deref(), *value)]), now);
            latest.distribution(metrics[*which], of.as_deref(), ([*value; 3], *value, 1.0), now);
        }
        parse(&latest.text(&[("InstanceId", &host), ("b:c", "d")], now));
    }
}
