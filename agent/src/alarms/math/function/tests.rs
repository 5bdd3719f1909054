//! What the page says of functions, held against them.

use super::*;
use crate::alarms::math::parse;

/// Two days after a Thursday midnight: 2026-01-03 was a Saturday.
const SATURDAY_S: i64 = 1_767_398_400;

struct Given(Vec<(&'static str, Series)>);

impl Terms for Given {
    fn value(&self, id: &str) -> Option<Result<Value, String>> {
        self.0.iter().find(|(name, _)| *name == id).map(|(_, series)| Ok(Value::Series(series.clone())))
    }

    fn metrics(&self) -> Vec<(&str, Series)> {
        self.0.iter().map(|(id, series)| (*id, series.clone())).collect()
    }

    fn length(&self) -> usize {
        self.0.first().map_or(5, |(_, series)| series.len())
    }

    fn start_s(&self) -> i64 {
        SATURDAY_S + 3600
    }

    fn period_s(&self) -> u32 {
        60
    }
}

/// `1 - 3` is 1, a gap, 3.
fn series(text: &str) -> Series {
    text.split_whitespace().map(|word| word.parse().ok()).collect()
}

fn given(terms: &[(&'static str, &str)], expression: &str) -> Result<Value, String> {
    let terms = Given(terms.iter().map(|(id, values)| (*id, series(values))).collect());
    give(&parse(expression).unwrap(), &terms)
}

fn holds(terms: &[(&'static str, &str)], expression: &str, expected: &str) {
    assert_eq!(given(terms, expression), Ok(Value::Series(series(expected))), "{expression}");
}

/// The three tables of "Using IF expressions".
#[test]
fn the_published_tables_of_if() {
    let terms = [("metric1", "1 1 0 0 -"), ("metric2", "30 - 0 0 30"), ("metric3", "0 0 20 - 20")];
    holds(&terms, "IF(metric1, metric2, metric3)", "30 0 20 - -");
    holds(&terms, "IF(metric1, 5, metric3)", "5 5 20 - -");
    holds(&terms, "IF(metric1, metric2, 5)", "30 0 5 5 -");
    holds(&terms, "IF(metric1, metric2)", "30 0 - - -");
    holds(&terms, "IF(1, metric2, metric3)", "30 - 0 0 30");
    holds(&terms, "IF(0, metric2, metric3)", "0 0 20 - 20");
    holds(&terms, "IF(0, metric2)", "- - - - -");
    holds(&[("m", "-1 0 2")], "IF(m, 1, 0)", "1 0 1");
}

#[test]
fn gaps_are_filled() {
    let terms = [("m", "- 1 - - 4 -"), ("n", "9 - 8 - - 7")];
    holds(&terms, "FILL(m, 0)", "0 1 0 0 4 0");
    holds(&terms, "FILL(m, REPEAT)", "- 1 1 1 4 4");
    holds(&terms, "FILL(m, LINEAR)", "- 1 2 3 4 -");
    holds(&terms, "FILL(m, n)", "9 1 8 - 4 7");
    holds(&terms, "FILL(m, MIN(m))", "1 1 1 1 4 1");
    holds(&[("m", "- - -")], "FILL(m, 0)", "0 0 0");
    holds(&terms, "SUM(FILL(METRICS(), 1))", "10 2 9 2 5 8");
}

#[test]
fn one_series_gives_a_number_and_an_array_gives_a_series() {
    let terms = [("m", "1 - 3 8"), ("n", "5 - - 2")];
    for (name, number, places) in [
        ("SUM", 12.0, "6 - 3 10"),
        ("AVG", 4.0, "3 - 1.5 5"),
        ("MIN", 1.0, "1 - 3 2"),
        ("MAX", 8.0, "5 - 3 8"),
        ("DATAPOINT_COUNT", 3.0, "2 0 1 2"),
    ] {
        assert_eq!(given(&terms, &format!("{name}(m)")), Ok(Value::Scalar(number)), "{name}");
        holds(&terms, &format!("{name}([m, n])"), places);
    }
    let Ok(Value::Scalar(deviation)) = given(&[("m", "2 4 4 4 5 5 7 9")], "STDDEV(m)") else { panic!() };
    assert!((deviation - 2.0).abs() < 1e-12, "{deviation}");
    assert_eq!(given(&terms, "METRIC_COUNT(METRICS())"), Ok(Value::Scalar(2.0)));
}

#[test]
fn a_datapoint_is_compared_with_the_one_before_it() {
    let terms = [("m", "60 - 180 120")];
    holds(&terms, "DIFF(m)", "- - 120 -60");
    holds(&terms, "DIFF_TIME(m)", "- - 120 60");
    holds(&terms, "RATE(m)", "- - 1 -1");
    holds(&terms, "RUNNING_SUM(m)", "60 - 240 360");
}

#[test]
fn datapoints_are_changed_one_by_one() {
    let terms = [("m", "-1.5 - 100 0")];
    holds(&terms, "ABS(m)", "1.5 - 100 0");
    holds(&terms, "CEIL(m)", "-1 - 100 0");
    holds(&terms, "FLOOR(m)", "-2 - 100 0");
    // No number: dropped.
    holds(&terms, "LOG10(m)", "- - 2 -");
    holds(&[("m", "1")], "LOG(m)", "0");
    holds(&terms, "-m", "1.5 - -100 0");
    holds(&terms, "NOT m", "0 - 0 1");
    holds(&terms, "m / PERIOD(m)", "-0.025 - 1.6666666666666667 0");
    holds(&terms, "TIME_SERIES(MAX(m))", "100 100 100 100");
}

#[test]
fn arrays_are_sorted_cut_and_chosen_from() {
    let terms = [("a4xx", "1 1"), ("b5xx", "9 9"), ("c5xx", "5 -"), ("d", "- -")];
    holds(&terms, "FIRST(SORT(METRICS(), MAX, DESC))", "9 9");
    holds(&terms, "LAST(SORT(METRICS(), SUM, DESC, 2))", "5 -");
    holds(&terms, "LAST(SLICE(METRICS(), 0, 2))", "9 9");
    holds(&terms, "FIRST(SLICE(METRICS(), 2))", "5 -");
    holds(&terms, "LAST(REMOVE_EMPTY(METRICS()))", "5 -");
    holds(&terms, "SUM(METRICS('5xx'))", "14 9");
    holds(&terms, "SUM([METRICS('4xx'), c5xx])", "6 1");
}

#[test]
fn a_period_knows_its_time() {
    let terms = [("m", "- -")];
    holds(&terms, "HOUR(m)", "1 1");
    holds(&terms, "MINUTE(m)", "0 1");
    holds(&terms, "DAY(m)", "6 6");
    holds(&terms, "DATE(m)", "3 3");
    holds(&terms, "MONTH(m)", "1 1");
    holds(&terms, "YEAR(m)", "2026 2026");
    holds(&terms, "EPOCH(m)", "1767402000 1767402060");
}

#[test]
fn what_is_not_evaluated_is_an_error() {
    for (expression, why) in [
        ("SEARCH('x', 'Sum')", "SEARCH(): is not evaluated here"),
        ("ANOMALY_DETECTION_BAND(m)", "not evaluated here"),
        ("NOSUCH(m)", "NOSUCH(): there is no such function"),
        ("other + 1", "nothing has the id \"other\""),
        ("SUM(1)", "no number"),
        ("ABS(m, m)", "takes one argument, not 2"),
        ("FILL(m)", "FILL(): takes"),
        ("IF(m)", "IF(): takes"),
        ("IF(METRICS(), 1, 0)", "no arrays"),
        ("IF(0, 1)", "gives nothing"),
        ("SORT(METRICS(), P90, ASC)", "SORT(): takes"),
        ("FIRST(m)", "takes an array"),
        ("[1, m]", "no numbers"),
        ("'text'", "no value"),
        ("m % 2", "none of CloudWatch's"),
        ("TIME_SERIES(m)", "takes a number"),
    ] {
        let error = given(&[("m", "1 2")], expression).unwrap_err();
        assert!(error.contains(why), "{expression}: {error}");
    }
}
