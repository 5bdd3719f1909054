//! Rows of widgets, and what comes of them over a little data.

use super::*;
use crate::alarms::definition::Dimension;
use crate::alarms::evaluate::data::Sample;
use crate::page::model::{Dashboard, Kind as Widget};

fn name(namespace: &str, metric: &str, dimensions: &[(&str, &str)]) -> Name {
    let all: Vec<Dimension> = dimensions
        .iter()
        .map(|(name, value)| Dimension { name: (*name).into(), value: (*value).into() })
        .collect();
    Name::new(namespace, metric, &all)
}

/// Requests of two hosts, errors of one, a value each minute.
fn data() -> Data {
    let mut data = Data::default();
    for minute in 0..10_i32 {
        let at_s = i64::from(minute) * 60;
        for (host, times) in [("a", 1.0), ("b", 2.0)] {
            let value = f64::from(minute + 1) * times;
            data.put(&name("N", "requests", &[("Host", host)]), at_s, [Sample::of(value)]);
        }
        if minute % 5 == 0 {
            data.put(&name("N", "errors", &[("Host", "a")]), at_s, [Sample::of(3.0)]);
        }
    }
    data
}

fn resolved(properties: &str) -> Resolved {
    let text = format!(r#"{{"widgets":[{{"type":"metric","properties":{properties}}}]}}"#);
    let dashboard = Dashboard::read(&text).unwrap();
    let Widget::Metric(metric) = &dashboard.widgets[0].kind else { panic!() };
    resolve(metric, &data(), Range { from_s: 0, to_s: 600 })
}

fn shown(properties: &str) -> Vec<String> {
    let resolved = resolved(properties);
    let faults = resolved.faults.into_iter().map(|fault| format!("! {fault}"));
    let show = |series: Drawn| {
        let points: Vec<String> = series
            .points
            .iter()
            .map(|point| point.map_or("-".to_owned(), |point| point.to_string()))
            .collect();
        format!("{}: {}", series.label, points.join(" "))
    };
    resolved.series.into_iter().map(show).chain(faults).collect()
}

#[test]
fn rows_have_their_own_statistic_and_period() {
    assert_eq!(
        shown(
            r#"{"period":300,"stat":"Sum","metrics":[["N","requests","Host","a"],["...",{"stat":"Maximum","label":"most"}],["...",{"period":600}],["N","nobody"]]}"#
        ),
        ["requests a: 15 40", "most: 5 10", "requests a: 55"]
    );
}

#[test]
fn searches_are_arrays_of_what_is_there() {
    // As it stands in JSON.
    let search = r#"SEARCH('{N,Host} MetricName=\"requests\"', 'Sum', 300)"#;
    assert_eq!(
        shown(&format!(r#"{{"metrics":[[{{"expression":"{search}","label":"R"}}]]}}"#)),
        ["R a: 15 40", "R b: 30 80"]
    );
    assert_eq!(
        shown(&format!(
            r#"{{"metrics":[[{{"expression":"{search}","id":"all","visible":false}}],
            [{{"expression":"SEARCH('{{N,Host}} MetricName=\"errors\"', 'Sum', 300)","id":"bad","visible":false}}],
            [{{"expression":"100 * SUM(FILL(bad, 0)) / SUM(all)","label":"rate ${{LAST}}"}}],[{{"expression":"SUM({search})"}}]]}}"#
        )),
        ["rate 2.5: 6.666666666666667 2.5", "Expression: 45 120"]
    );
}

#[test]
fn what_cannot_be_evaluated_is_told() {
    for (metrics, fault) in [
        (r#"[[{"expression":"a +"}]]"#, "! the expression, at character 3: the expression ends"),
        (r#"[[{"expression":"b","id":"a"}],[{"expression":"a","id":"b"}]]"#, "ask for themselves"),
        (r#"[["N","requests","Host","a",{"stat":"tm90"}]]"#, "tm90"),
        (r#"[[{"expression":"SEARCH(1)"}]]"#, "SEARCH takes"),
        (r#"[[{"expression":"missing * 2"}]]"#, "nothing has the id \"missing\""),
    ] {
        let all = shown(&format!(r#"{{"metrics":{metrics}}}"#));
        assert!(all.iter().any(|shown| shown.contains(fault)), "{metrics}: {all:?}");
    }
}

#[test]
fn expressions_that_double_one_another_take_no_longer() {
    let rows: Vec<String> =
        (1..20).map(|n| format!(r#"[{{"expression":"e{} + e{}","id":"e{n}"}}]"#, n - 1, n - 1)).collect();
    let metrics = format!(r#"[["N","requests","Host","a",{{"id":"e0","stat":"Sum"}}],{}]"#, rows.join(","));
    let all = shown(&format!(r#"{{"metrics":{metrics}}}"#));
    assert_eq!(all.last().unwrap(), "e19: 7864320 20971520");
}

#[test]
fn long_ranges_have_few_points() {
    let grid = Grid::of(Range { from_s: 10, to_s: 86_400 * 30 }, 60);
    assert!(grid.starts.len() <= 1002 && grid.period_s.is_multiple_of(60), "{}", grid.starts.len());
    assert_eq!(Grid::of(Range { from_s: 100, to_s: 50 }, 60).starts.len(), 0);
    assert_eq!(Grid::of(Range { from_s: 90, to_s: 181 }, 60).starts, [60, 120, 180]);
}

#[test]
fn what_one_row_found_the_others_need_not_look_for() {
    // Each asks for all metrics: looked up anew for each, this would take a minute.
    let metrics: Vec<String> =
        (0..300).map(|n| format!(r#"["N","requests","Host","{n}",{{"visible":false}}]"#)).collect();
    let sums: Vec<String> =
        (0..150).map(|n| format!(r#"[{{"expression":"SUM(METRICS()) + {n}"}}]"#)).collect();
    let all = shown(&format!(
        r#"{{"stat":"Sum","period":300,"metrics":[["N","requests","Host","a"],{},{}]}}"#,
        metrics.join(","),
        sums.join(",")
    ));
    assert_eq!(all.len(), 151);
    assert_eq!(all.last().unwrap(), "Expression: 164 189");
    // Too deep from one end of a chain is not too deep from the other.
    let chain: Vec<String> =
        (0..60).map(|n| format!(r#"[{{"expression":"c{} + 0","id":"c{n}"}}]"#, n + 1)).collect();
    let all = shown(&format!(
        r#"{{"stat":"Sum","period":300,"metrics":[{},["N","requests","Host","a",{{"id":"c60"}}]]}}"#,
        chain.join(",")
    ));
    assert_eq!(all[0], "c39: 15 40");
}
