//! The command `parse`: whether each part that it takes has a name.
//!
//! It does not know what lines look like.

use super::Findings;
use super::query::Query;
use super::rule;
use crate::insights::token::{Kind, Token};

/// Ways of `parse` that name fields by themselves.
const FORMATS: [&str; 5] = ["logfmt", "csv", "xml", "json", "multi"];

pub(super) fn judge(query: &Query, path: &str, rest: &[Token<'_>], out: &mut Findings) {
    if rest.iter().any(|token| FORMATS.iter().any(|format| token.is(format))) {
        return;
    }
    let Some(index) = rest.iter().position(|token| matches!(token.kind, Kind::Text | Kind::Regex)) else {
        let at = rest.first().map_or(0, |token| token.at);
        let message = "parse has no pattern";
        out.add(
            &rule::QUERY_PARSE,
            query.text.origin(at),
            path,
            message,
            "write parse @message \"level=* \" as level",
        );
        return;
    };
    let Some(pattern) = rest.get(index) else { return };
    if pattern.kind == Kind::Text && pattern.text.contains("\":") && pattern.text.contains('*') {
        let message = "the members of JSON lines are fields already, by their names";
        let mend = "leave parse out, and write fields status, path, latency_ms";
        out.add(&rule::QUERY_PARSE_JSON, query.text.origin(pattern.at), path, message, mend);
    }
    let behind = rest.get(index + 1..).unwrap_or_default();
    let names = behind.iter().filter(|token| token.kind == Kind::Word && !token.is("as")).count();
    let mut add = |message: String, mend: &str| {
        out.add(&rule::QUERY_PARSE, query.text.origin(pattern.at), path, message, mend);
    };
    if pattern.kind == Kind::Regex {
        let has_groups = pattern.text.contains("(?<") || pattern.text.contains("(?P<");
        if !has_groups && names == 0 {
            add(
                "the regular expression names nothing that it takes".to_owned(),
                "write (?<name>…) around what is wanted",
            );
        }
        return;
    }
    let parts = pattern.text.matches('*').count();
    if parts == 0 {
        add(
            "the pattern has no `*`: nothing is taken from the line".to_owned(),
            "write * where the value stands",
        );
    } else if names == 0 {
        add("parse names no field for what it takes".to_owned(), "write as and a name for each *");
    } else if parts != names {
        let message = format!("the pattern has {parts} `*`, and {names} names");
        add(message, "write as many names as there are *");
    }
}
