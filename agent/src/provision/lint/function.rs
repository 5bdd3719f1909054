//! Functions of Logs Insights: which there are, and what they take.
//!
//! It does not know in which command they stand.

use super::nearest;
use super::query::Query;
use super::rule;
use super::{Findings, rule::Rule};
use crate::insights::token::{Kind, Token};

/// <https://docs.aws.amazon.com/AmazonCloudWatch/latest/logs/CWL_QuerySyntax-operations-functions.html> and
/// <https://docs.aws.amazon.com/AmazonCloudWatch/latest/logs/CWL_QuerySyntax-Stats.html>
const FUNCTIONS: [&str; 95] = [
    "abs",
    "ceil",
    "floor",
    "greatest",
    "least",
    "log",
    "sqrt",
    "round",
    "haversine",
    "tonumber",
    "toint",
    "tolong",
    "todouble",
    "tostring",
    "bin",
    "datefloor",
    "dateceil",
    "frommillis",
    "tomillis",
    "now",
    "parsedate",
    "formatdate",
    "strftime",
    "isnumeric",
    "messagesize",
    "querystarttime",
    "queryendtime",
    "querytimerange",
    "jsonarraysize",
    "jsonarraycontains",
    "hextoascii",
    "hextodec",
    "dectohex",
    "regexreplace",
    "variance",
    "percentile",
    "ispresent",
    "coalesce",
    "case",
    "if",
    "jsonparse",
    "jsonstringify",
    "isvalidip",
    "isvalidipv4",
    "isvalidipv6",
    "isipinsubnet",
    "isipv4insubnet",
    "isipv6insubnet",
    "ipv4tonumber",
    "isprivateip",
    "ispublicip",
    "isreservedip",
    "isempty",
    "isblank",
    "concat",
    "ltrim",
    "rtrim",
    "trim",
    "strlen",
    "toupper",
    "tolower",
    "substr",
    "replace",
    "regex_replace",
    "strcontains",
    "startswith",
    "endswith",
    "urlencode",
    "urldecode",
    "base64encode",
    "base64decode",
    "split",
    "md5",
    "sha256",
    "sha1",
    "count",
    "count_distinct",
    "sum",
    "avg",
    "min",
    "max",
    "pct",
    "stddev",
    "median",
    "values",
    "earliest",
    "latest",
    "sortsfirst",
    "sortslast",
    "rate",
    "count_over_time",
    "sum_over_time",
    "histogram",
    "loggroups",
    "datasource",
];

/// Words before a bracket that are no functions.
const KEYWORDS: [&str; 16] = [
    "in", "and", "or", "not", "by", "as", "like", "where", "on", "from", "any", "between", "left", "inner",
    "offset", "multi",
];

/// What others call them.
const MEANT: [(&str, &str); 19] = [
    ("average", "avg"),
    ("mean", "avg"),
    ("perc", "pct, as in pct(latency_ms, 95)"),
    ("p50", "pct(…, 50)"),
    ("p90", "pct(…, 90)"),
    ("p95", "pct(…, 95)"),
    ("p99", "pct(…, 99)"),
    ("dc", "count_distinct"),
    ("distinct_count", "count_distinct"),
    ("distinct", "count_distinct"),
    ("countif", "sum(if(…, 1, 0)), or a filter before stats"),
    ("count_if", "sum(if(…, 1, 0)), or a filter before stats"),
    ("length", "strlen"),
    ("len", "strlen"),
    ("lower", "tolower"),
    ("upper", "toupper"),
    ("contains", "strcontains"),
    ("isnull", "not ispresent"),
    ("isnotnull", "ispresent"),
];

/// Units of `bin`, each also in the plural if it has more than one letter.
const UNITS: [&str; 23] = [
    "millisecond",
    "ms",
    "msec",
    "second",
    "s",
    "sec",
    "minute",
    "m",
    "min",
    "hour",
    "h",
    "hr",
    "day",
    "d",
    "week",
    "w",
    "month",
    "mo",
    "mon",
    "quarter",
    "q",
    "qtr",
    "year",
];

/// Calls within calls that are looked at; each looks for its end.
const DEEPEST: usize = 50;

/// Looks at every call in a row of words.
pub(super) fn judge(query: &Query, path: &str, tokens: &[Token<'_>], out: &mut Findings) {
    for (index, token) in tokens.iter().enumerate() {
        let opens = tokens.get(index + 1).is_some_and(|next| next.is("("));
        let name = token.text.to_lowercase();
        if token.kind != Kind::Word
            || !opens
            || token.depth > DEEPEST
            || KEYWORDS.contains(&name.as_str())
            || super::insights::is_command(&name)
        {
            continue;
        }
        let mut add = |rule: &'static Rule, message: String, mend: &str| {
            out.add(rule, query.text.origin(token.at), path, message, mend);
        };
        if !FUNCTIONS.contains(&name.as_str()) {
            let other = MEANT.iter().find(|(wrong, _)| *wrong == name).map(|(_, right)| *right);
            let mend = other
                .or_else(|| nearest(&name, FUNCTIONS))
                .map_or_else(|| "see the list of functions".to_owned(), |near| format!("write {near}"));
            add(&rule::QUERY_FUNCTION, format!("there is no function {}()", token.text), &mend);
            continue;
        }
        let arguments = arguments(tokens.get(index + 2..).unwrap_or_default(), token.depth + 1);
        match name.as_str() {
            "sum" | "avg" | "min" | "max" | "stddev" | "count_distinct" | "median"
                if arguments.is_empty() =>
            {
                add(
                    &rule::QUERY_ARGUMENTS,
                    format!("{name}() needs a field"),
                    &format!("write {name}(latency_ms)"),
                );
            }
            "pct" | "percentile" => percentile(&arguments, &mut add),
            "bin" => bin(&arguments, &mut add),
            _ => {}
        }
    }
}

/// The arguments of a call, from behind its bracket.
fn arguments<'a, 'b>(tokens: &'b [Token<'a>], depth: usize) -> Vec<&'b [Token<'a>]> {
    let end =
        tokens.iter().position(|token| token.is(")") && token.depth + 1 == depth).unwrap_or(tokens.len());
    let inside = tokens.get(..end).unwrap_or_default();
    if inside.is_empty() {
        return Vec::new();
    }
    inside.split(|token| token.is(",") && token.depth == depth).collect()
}

fn percentile(arguments: &[&[Token<'_>]], add: &mut impl FnMut(&'static Rule, String, &str)) {
    let mend = "write pct(latency_ms, 95)";
    let number = |argument: &[Token<'_>]| match argument {
        [only] if only.kind == Kind::Number => only.text.parse::<f64>().ok(),
        _ => None,
    };
    match arguments {
        [_, percent] => match number(percent) {
            Some(percent) if !(0.0..=100.0).contains(&percent) => {
                add(&rule::QUERY_ARGUMENTS, format!("there is no {percent}th percentile"), mend);
            }
            None if arguments.first().copied().and_then(number).is_some() => {
                add(
                    &rule::QUERY_ARGUMENTS,
                    "the field stands first in pct(), then the percentage".to_owned(),
                    mend,
                );
            }
            _ => {}
        },
        _ => add(&rule::QUERY_ARGUMENTS, "percentiles take a field and a percentage".to_owned(), mend),
    }
}

fn bin(arguments: &[&[Token<'_>]], add: &mut impl FnMut(&'static Rule, String, &str)) {
    let [[period, rest @ ..]] = arguments else { return };
    if period.kind != Kind::Number {
        return;
    }
    let digits = period.text.trim_end_matches(char::is_alphabetic);
    let joined = period.text.get(digits.len()..).unwrap_or_default();
    let unit = rest.first().map_or(joined, |unit| unit.text).to_lowercase();
    let known = UNITS.contains(&unit.as_str())
        || unit == "y"
        || unit == "yr"
        || (unit.len() > 2
            && unit
                .strip_suffix('s')
                .is_some_and(|one| one == "yr" || (UNITS.contains(&one) && one.len() > 1)));
    let cap = match unit.strip_suffix('s').filter(|one| one.len() > 1).unwrap_or(&unit) {
        "m" | "min" | "minute" | "s" | "sec" | "second" => 60.0,
        "h" | "hr" | "hour" => 24.0,
        "ms" | "msec" | "millisecond" => 1000.0,
        _ => f64::INFINITY,
    };
    if digits.parse().is_ok_and(|number: f64| number > cap) && rest.len() <= 1 {
        let message = format!("bin({digits}{unit}) is cut to {cap}{unit}");
        add(&rule::QUERY_BIN_CAP, message, "write it in a larger unit: bin(5m) instead of bin(300s)");
    }
    if !known && rest.len() <= 1 {
        let message = format!(
            "bin({}{}) has no unit of time that Logs Insights knows",
            period.text,
            rest.first().map_or("", |unit| unit.text)
        );
        add(&rule::QUERY_BIN, message, "write bin(5m): ms, s, m, h, d, w, mo, q or y");
    }
}
