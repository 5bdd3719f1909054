//! Search expressions: the arguments of `SEARCH`.
//!
//! It does not know which series there are.

use super::Findings;
use super::rule;
use super::series::{self, Dimension, Series};
use super::statistic;
use super::text::Text;

/// Looks at the arguments of `SEARCH('{AWS/EC2,InstanceId} MetricName="CPUUtilization"', 'Average', 300)`.
pub(super) fn judge(arguments: &[Text], at: usize, path: &str, out: &mut Findings) {
    let mut fault = |at, message: String, mend: &str| out.add(&rule::SEARCH_SYNTAX, at, path, message, mend);
    let [expression, stat, period @ ..] = arguments else {
        let mend = "write SEARCH('{Namespace,Dimension} MetricName=\"…\"', 'Average', 300)";
        fault(at, "SEARCH takes an expression and a statistic".to_owned(), mend);
        return;
    };
    let text = &expression.text;
    let quotes = text.matches('"').count();
    if quotes % 2 == 1 {
        fault(expression.origin(0), "a quote of the search is not closed".to_owned(), "close it");
        return;
    }
    if text.matches('(').count() != text.matches(')').count() {
        fault(expression.origin(0), "the brackets of the search do not match".to_owned(), "close each");
        return;
    }
    let open = text.find('{');
    let close = text.find('}');
    match (open, close) {
        (Some(open), Some(close)) if open < close => schema(expression, (open, close), stat, path, out),
        (None, None) => {}
        _ => fault(
            expression.origin(0),
            "the braces of the search do not match".to_owned(),
            "write {Namespace,Dimension}",
        ),
    }
    statistic::judge_text(&stat.text, stat.origin(0), path, out);
    if let [period] = period
        && let Ok(seconds) = period.text.trim().parse()
    {
        statistic::judge_seconds(seconds, period.origin(0), None, path, out);
    }
}

/// `{AWS/EC2,InstanceId} MetricName="CPUUtilization"`
fn schema(expression: &Text, (open, close): (usize, usize), stat: &Text, path: &str, out: &mut Findings) {
    let inside = expression.text.get(open + 1..close).unwrap_or_default();
    let mut from = open + 1;
    let mut parts = inside.split(',').map(|part| {
        let blank = part.len() - part.trim_start().len();
        let place = expression.origin(from + blank);
        from += part.len() + 1;
        (part.trim().trim_matches('"'), place)
    });
    let Some((namespace, at)) = parts.next() else { return };
    let dimensions = parts
        .map(|(name, at)| Dimension { name, value: None, at: (at, at) })
        .filter(|d| !d.name.is_empty())
        .collect();
    // One metric by its whole name; of several words, or of parts of a name, nobody can tell.
    let Some((_, rest)) = expression.text.split_once("MetricName=") else { return };
    let behind = expression.text.len() - rest.len();
    let Some(metric) = rest.strip_prefix('"').and_then(|rest| rest.split('"').next()) else { return };
    let series = Series {
        namespace,
        metric,
        dimensions,
        whole: true,
        searched: true,
        at: (at, expression.origin(behind + 1)),
        path: path.to_owned(),
    };
    if let Some(group) = series::judge(&series, out) {
        series::judge_statistic(&series, group, &stat.text, stat.origin(0), out);
    }
}
