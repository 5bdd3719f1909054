//! What somebody wrote into a dashboard is text on the page, whatever it is.

use proptest::prelude::*;
use serde_json::json;

use super::document::{Frame, Theme, page};
use super::layout::places;
use super::log::{Line, found};
use super::model::Dashboard;
use super::picture::picture;
use super::sample::Sample;
use super::series::Range;
use super::{Input, panels};
use crate::alarms::evaluate::data::Data;
use crate::provision::lint::lint;

/// The page and the picture of a dashboard with this text wherever one may stand.
fn drawn(text: &str) -> [String; 2] {
    let metric = json!({ "title": text, "region": "eu-west-1", "metrics": [["N", text, "D", text, { "label": text, "color": text }]],
        "yAxis": { "left": { "label": text } }, "annotations": { "horizontal": [{ "label": text, "value": 1, "color": text }] } });
    let body = json!({ "widgets": [
        { "type": "metric", "properties": metric },
        { "type": "text", "properties": { "markdown": text } },
        { "type": "log", "properties": { "title": text, "region": "eu-west-1", "query": format!("fields @message as `{text}`") } },
        { "type": "alarm", "properties": { "title": text, "alarms": [text] } },
        { "type": text, "properties": { "title": text } },
    ] })
    .to_string();
    let dashboard = Dashboard::read(&body).unwrap();
    let report = lint(text, body.as_bytes());
    let range = Range { from_s: 0, to_s: 3600 };
    let sample = Sample::of(&dashboard, range);
    let line = Line {
        time_ms: 1_000,
        group: text.into(),
        stream: text.into(),
        message: json!({ "a": text }).to_string(),
    };
    let lines = [line];
    let input = Input {
        dashboard: &dashboard,
        report: &report,
        data: &Data::default(),
        lines: &lines,
        alarms: &[],
        range,
        sample: Some(&sample),
    };
    let frame = Frame {
        title: text,
        host: text,
        now_s: 0,
        range,
        theme: Theme::Dark,
        notice: Some(text),
        live: None,
    };
    let all = places(&dashboard);
    [
        page(&frame, &dashboard, &panels(&input), (&all, &[]), (&[], &[])).html,
        picture(text, None, &input, Theme::Light),
    ]
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]
    #[test]
    fn no_text_of_a_dashboard_becomes_markup(before in any::<String>(), after in "[ -~]{0,40}") {
        for text in [format!("{before}<evil x=1>{after}"), format!("\"'></svg></style></title>{after}<evil>{before}")] {
            for markup in drawn(&text) {
                prop_assert!(!markup.contains("<evil"), "{text:?}");
            }
        }
    }
}

#[test]
fn a_query_fills_no_browser_however_many_columns_it_asks_for() {
    let message = "x".repeat(1200);
    let line = |time_ms| Line { time_ms, group: "/g".into(), stream: "s".into(), message: message.clone() };
    let lines: Vec<Line> = (0..200).map(line).collect();
    let range = Range { from_s: 0, to_s: 60 };
    let columns: Vec<String> = (0..100).map(|n| format!("@message as a{n}")).collect();
    let all = found(&format!("fields {}", columns.join(", ")), &lines, range).0;
    // A cell has 600 characters, and all together at most 1 MiB.
    assert!(
        all.contains("200 rows from 200 of 200 lines") && all.contains("and 183 more rows"),
        "{}",
        all.len()
    );
    assert!(all.len() < 2 << 20, "{}", all.len());
    assert!(!found("fields @message", &lines, range).0.contains("more rows"));
}
