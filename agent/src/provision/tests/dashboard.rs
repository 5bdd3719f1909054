//! The dashboard that imports as it is, and the one of an account: both show the same, on the same lines
//! as the alarms, within the service's limits.

use std::collections::BTreeSet;

use serde_json::Value;

use super::alarms::{OTHERS, alarms};
use super::{all_parts, parts, settings};
use crate::metrics::name;
use crate::provision::dashboard::search::Search;
use crate::provision::dashboard::{IMPORTABLE, layout::COLUMNS, render};
use crate::provision::desired::desired;
use crate::provision::parts::Parts;
use crate::provision::{Content, Settings};

fn importable() -> Value {
    serde_json::from_str(IMPORTABLE).unwrap()
}

fn widgets(body: &Value) -> Vec<Value> {
    body["widgets"].as_array().unwrap().clone()
}

/// What a metric widget draws: namespace, name, dimensions, statistic, period of each series.
fn series(widget: &Value) -> Vec<(String, String, Vec<String>, String, u64)> {
    let metrics = widget["properties"]["metrics"].as_array().into_iter().flatten();
    let read = |metric: &Value| {
        let items = metric.as_array().unwrap();
        let options = items.last().unwrap();
        let text = |value: &Value| value.as_str().unwrap().to_owned();
        let Some(expression) = options["expression"].as_str() else {
            let names = items[2..items.len() - 1].iter().step_by(2).map(text).collect();
            return Some((
                text(&items[0]),
                text(&items[1]),
                names,
                text(&options["stat"]),
                options["period"].as_u64()?,
            ));
        };
        // What is searched for among ids is the same, but for the ids.
        let plain = match (expression.split_once("\" "), expression.split_once("', '")) {
            (Some((before, _)), Some((_, behind))) => format!("{before}\"', '{behind}"),
            _ => expression.to_owned(),
        };
        let search = Search::parse(&plain)?;
        let names = search.dimensions.iter().map(|name| (*name).to_owned()).collect();
        Some((search.namespace.into(), search.metric.into(), names, search.stat.into(), search.period.into()))
    };
    metrics.filter_map(read).collect()
}

fn titles(body: &Value) -> Vec<String> {
    let title = |widget: &Value| widget["properties"]["title"].as_str().map(str::to_owned);
    widgets(body).iter().filter(|widget| widget["type"] != "alarm").filter_map(title).collect()
}

#[test]
fn both_show_the_same() {
    let (plain, rendered) = (importable(), render(&settings(), &parts()));
    assert_eq!(titles(&plain), titles(&rendered));
    let drawn = |body: &Value| -> Vec<_> {
        widgets(body).iter().filter(|widget| widget["type"] == "metric").map(series).collect()
    };
    assert_eq!(drawn(&plain), drawn(&rendered));
    assert!(drawn(&plain).iter().all(|series| !series.is_empty()));
    // At the settings' defaults also at the same lines.
    let lines = |body: &Value| -> Vec<Value> {
        widgets(body)
            .iter()
            .map(|widget| widget["properties"]["annotations"].clone())
            .filter(|lines| !lines.is_null())
            .collect()
    };
    assert_eq!(
        serde_json::to_string(&lines(&plain)).unwrap().replace(".0", ""),
        serde_json::to_string(&lines(&rendered)).unwrap().replace(".0", "")
    );
    assert_eq!(lines(&plain).len(), 13);
    // Only searches name no account.
    for text in ["starttech-asg", "app/", "arn:", "123456789012", "Managed by"] {
        assert!(!IMPORTABLE.contains(text), "{text}");
    }
    let text = rendered.to_string();
    for id in ["starttech-asg", "app/starttech-alb/0123456789abcdef", "E1EXAMPLE2345"] {
        assert!(text.contains(id), "{id}");
    }
}

#[test]
fn lines_are_the_alarms_thresholds() {
    let mut settings = settings();
    settings.thresholds.cpu_warning = 55.0;
    settings.thresholds.response_time = 0.25;
    for settings in [settings, Settings { off: vec!["memory".into()], ..super::settings() }] {
        let alarms = alarms(&settings, &parts());
        let mut drawn = BTreeSet::new();
        for widget in widgets(&render(&settings, &parts())) {
            let shown = series(&widget);
            for line in widget["properties"]["annotations"]["horizontal"].as_array().into_iter().flatten() {
                let id = line["label"].as_str().unwrap();
                let (_, alarm) = &alarms[id];
                assert_eq!(line["value"].as_f64(), alarm.threshold, "{id}");
                // On the graph of what the alarm looks at, over the same time where it adds up.
                for (metric, period, stat) in super::alarms::metrics(alarm) {
                    let same = shown.iter().any(|(namespace, name, _, of, over)| {
                        let adds_up = stat == "Sum";
                        (namespace, name, of) == (&metric.namespace, &metric.metric_name, &stat)
                            && (!adds_up || *over == u64::from(period))
                    });
                    let floor = ["AWS/CloudFront Requests"];
                    let named = format!("{} {}", metric.namespace, metric.metric_name);
                    assert!(
                        same || floor.contains(&named.as_str()),
                        "{id}: {stat} of {named} is not on its graph"
                    );
                }
                drawn.insert(id.to_owned());
            }
        }
        let expected = alarms.keys().filter(|id| {
            ![
                "asg-below-desired",
                "instance-check",
                "container-down",
                "health-down",
                "agent-silent",
                "panics",
                "events-dropped",
                "unhealthy-targets",
                "no-healthy-target",
            ]
            .contains(&id.as_str())
        });
        assert_eq!(drawn.iter().collect::<Vec<_>>(), expected.collect::<Vec<_>>());
    }
}

#[test]
fn what_every_alarm_watches_is_drawn() {
    let drawn: Vec<_> = widgets(&render(&settings(), &parts())).iter().flat_map(series).collect();
    for (id, (_, alarm)) in alarms(&settings(), &parts()) {
        for (metric, ..) in super::alarms::metrics(&alarm) {
            let is = |one: &&(String, String, Vec<String>, String, u64)| {
                (&one.0, &one.1) == (&metric.namespace, &metric.metric_name)
            };
            assert!(drawn.iter().any(|one| is(&one)), "{id}: {} is on no graph", metric.metric_name);
        }
    }
}

#[test]
fn every_alarm_is_among_the_states() {
    for parts in all_parts() {
        let mut expected = BTreeSet::new();
        for resource in desired(&settings(), &parts).resources {
            if matches!(resource.content, Content::Alarm(_) | Content::CompositeAlarm(_)) {
                let (region, name) = (&resource.address.region, &resource.address.name);
                expected.insert(format!("arn:aws:cloudwatch:{region}:123456789012:alarm:{name}"));
            }
        }
        let mut shown = BTreeSet::new();
        for widget in widgets(&render(&settings(), &parts)).iter().filter(|widget| widget["type"] == "alarm")
        {
            let arns = widget["properties"]["alarms"].as_array().unwrap();
            // <https://docs.aws.amazon.com/AmazonCloudWatch/latest/APIReference/CloudWatch-Dashboard-Body-Structure.html>
            assert!((1..=100).contains(&arns.len()));
            shown.extend(arns.iter().map(|arn| arn.as_str().unwrap().to_owned()));
        }
        assert_eq!(shown, expected);
    }
}

/// <https://docs.aws.amazon.com/AmazonCloudWatch/latest/APIReference/CloudWatch-Dashboard-Body-Structure.html>,
/// <https://docs.aws.amazon.com/AmazonCloudWatch/latest/monitoring/cloudwatch_limits.html>,
/// <https://docs.aws.amazon.com/AmazonCloudWatch/latest/monitoring/search-expression-syntax.html>
#[test]
fn what_the_service_takes() {
    let without_data = Settings { without_data: true, ..settings() };
    let other_region = Parts { region: "eu-central-1".into(), ..parts() };
    let mut bodies = vec![importable(), render(&settings(), &other_region)];
    for parts in all_parts() {
        bodies.push(render(&settings(), &parts));
        bodies.push(render(&without_data, &parts));
    }
    for body in bodies {
        assert!(body.to_string().len() <= 1_000_000);
        let widgets = widgets(&body);
        assert!((1..=500).contains(&widgets.len()));
        let mut taken = BTreeSet::new();
        let mut metrics = 0;
        for widget in &widgets {
            let side = |key: &str| widget[key].as_u64().unwrap();
            let (x, y, width, height) = (side("x"), side("y"), side("width"), side("height"));
            assert!(x + width <= COLUMNS && width > 0 && (1..=1000).contains(&height), "{widget}");
            for cell in (x..x + width).flat_map(|x| (y..y + height).map(move |y| (x, y))) {
                assert!(taken.insert(cell), "{widget} overlaps");
            }
            let properties = &widget["properties"];
            match widget["type"].as_str().unwrap() {
                "metric" => {
                    assert!(properties["yAxis"]["left"]["min"] == 0, "{widget}");
                    assert!(properties["title"].as_str().unwrap().contains('('), "a unit in {widget}");
                    let shown = properties["metrics"].as_array().unwrap();
                    assert!((1..=500).contains(&shown.len()), "{widget}");
                    metrics += shown.len();
                    let mut ids = BTreeSet::new();
                    for metric in shown {
                        let options = metric.as_array().unwrap().last().unwrap();
                        assert!(ids.insert(options["id"].as_str().unwrap()), "{widget}: an id comes twice");
                        let expression = options["expression"].as_str().unwrap_or_default();
                        assert!(expression.len() <= 1024, "{expression}");
                    }
                    let us = series(widget).iter().all(|(namespace, ..)| namespace == "AWS/CloudFront");
                    assert_eq!(properties["region"] == "us-east-1", us, "{widget}");
                }
                "log" => assert!(properties["query"].as_str().unwrap().starts_with("SOURCE '/"), "{widget}"),
                "text" => assert!(!properties["markdown"].as_str().unwrap().is_empty()),
                kind => assert_eq!(kind, "alarm"),
            }
        }
        assert!(metrics <= 2500);
        // No gap: every row that is begun is full.
        let rows: BTreeSet<u64> = taken.iter().map(|(_, y)| *y).collect();
        let last = rows.iter().max().unwrap();
        assert_eq!(rows.len() as u64, last + 1);
    }
}

#[test]
fn somebody_sends_every_metric() {
    for widget in widgets(&importable()) {
        for (namespace, metric, dimensions, stat, _) in series(&widget) {
            if namespace == "StartTech/Backend" {
                let known =
                    name::ALL.iter().find(|known| known.name == metric).unwrap_or_else(|| panic!("{metric}"));
                assert!(known.by_default, "{metric}");
                let own = dimensions
                    .iter()
                    .map(String::as_str)
                    .filter(|name| ![name::AUTO_SCALING_GROUP, name::INSTANCE_ID].contains(name));
                assert_eq!(
                    own.collect::<Vec<_>>(),
                    known.dimension.into_iter().collect::<Vec<_>>(),
                    "{metric}"
                );
                assert_eq!(stat == "Sum", known.kind == crate::metrics::Kind::Count, "{metric}");
            } else {
                let dimensions: Vec<&str> = dimensions.iter().map(String::as_str).collect();
                let known = OTHERS.iter().find(|(other, name, of, _)| {
                    (*other, *name, *of) == (namespace.as_str(), metric.as_str(), &*dimensions)
                });
                let (.., stats) = known.unwrap_or_else(|| panic!("{namespace} {metric} {dimensions:?}"));
                assert!(stats.contains(&stat.as_str()), "{stat} of {metric}");
            }
        }
    }
}

#[test]
fn a_widget_without_data_is_left_out_unless_asked_for() {
    let bare = Parts { group_metrics: false, additional_metrics: false, ..parts() };
    let left_out = |settings: &Settings, parts: &Parts| -> Vec<String> {
        let shown = titles(&render(settings, parts));
        titles(&importable()).into_iter().filter(|title| !shown.contains(title)).collect()
    };
    assert_eq!(
        left_out(&settings(), &bare),
        [
            "Auto Scaling group: desired against in service (hosts)",
            "CloudFront: cache hit rate (% of requests)"
        ]
    );
    assert!(left_out(&Settings { without_data: true, ..settings() }, &bare).is_empty());
    let without = Parts { distribution: None, ..parts() };
    let rendered = render(&Settings { without_data: true, ..settings() }, &without).to_string();
    assert!(!rendered.contains("CloudFront"), "its heading neither");
    let named = Settings { namespace: "Our Backend".into(), log_groups: vec!["/ours".into()], ..settings() };
    let rendered = render(&named, &parts()).to_string();
    assert!(!rendered.contains("StartTech/Backend") && !rendered.contains("/starttech/backend"));
    assert!(
        rendered.contains(r#"{\"Our Backend\",AutoScalingGroupName,ContainerName}"#)
            || rendered.contains("Our Backend")
    );
}
