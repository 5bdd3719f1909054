//! The fields of a query: which there are at each command, and whether their names are right.
//!
//! Of a log group's own fields it knows those of Logs Insights, and of this platform's lines.

use std::collections::BTreeSet;

use super::query::Query;
use super::rule;
use super::{Findings, nearest, some_of};
use crate::insights::token::{Kind, Token};

/// Fields that Logs Insights makes itself.
/// <https://docs.aws.amazon.com/AmazonCloudWatch/latest/logs/CWL_AnalyzeLogData-discoverable-fields.html>
const SYSTEM: [&str; 15] = [
    "@timestamp",
    "@message",
    "@logStream",
    "@log",
    "@ingestionTime",
    "@entity",
    "@requestId",
    "@duration",
    "@billedDuration",
    "@type",
    "@maxMemoryUsed",
    "@memorySize",
    "@initDuration",
    "@xrayTraceId",
    "@xraySegmentId",
];
/// Of Lambda's reports.
const LAMBDA: [&str; 5] = ["@duration", "@billedDuration", "@maxMemoryUsed", "@memorySize", "@initDuration"];

/// What others call the fields of this platform's lines: `time, level, msg, method, path, status, latency_ms,
/// ip`.
const OURS: [(&str, &str); 25] = [
    ("duration_ms", "latency_ms"),
    ("duration", "latency_ms"),
    ("latency", "latency_ms"),
    ("response_time", "latency_ms"),
    ("response_time_ms", "latency_ms"),
    ("responsetime", "latency_ms"),
    ("elapsed_ms", "latency_ms"),
    ("status_code", "status"),
    ("statuscode", "status"),
    ("http_status", "status"),
    ("request_path", "path"),
    ("requestpath", "path"),
    ("endpoint", "path"),
    ("uri", "path"),
    ("http_method", "method"),
    ("request_method", "method"),
    ("client_ip", "ip"),
    ("clientip", "ip"),
    ("remote_ip", "ip"),
    ("remote_addr", "ip"),
    ("source_ip", "ip"),
    ("sourceip", "ip"),
    ("severity", "level"),
    ("log_level", "level"),
    ("message", "msg"),
];

/// What this platform's backend logs, and what the agent makes of it.
const LINES: [&str; 16] = [
    "time",
    "level",
    "msg",
    "method",
    "path",
    "status",
    "latency_ms",
    "ip",
    "stack",
    "error",
    "request_id",
    "user_agent",
    "port",
    "format",
    "dbName",
    "mongoURI",
];

/// Commands that name fields and little else.
const NAMING: [&str; 6] = ["fields", "display", "filter", "where", "stats", "dedup"];

/// What a query's title says if it is about other lines than this platform's backend's.
const OTHERS: [&str; 16] = [
    "lambda",
    "vpc",
    "load balancer",
    "alb",
    "elb",
    "cloudtrail",
    "redis",
    "cloudfront",
    "waf",
    "rds",
    "nginx",
    "api gateway",
    "route53",
    "route 53",
    "/aws/",
    "frontend",
];

/// Fields of other logs: the load balancer's, of networks, of `CloudTrail`.
const FOREIGN: [&str; 9] = [
    "target_status_code",
    "elb_status_code",
    "target_processing_time",
    "request_processing_time",
    "srcAddr",
    "dstAddr",
    "eventSource",
    "eventName",
    "kubernetes.pod_name",
];

/// Words that are no fields.
const KEYWORDS: [&str; 18] = [
    "as", "by", "in", "like", "and", "or", "not", "asc", "desc", "true", "false", "null", "on", "any",
    "offset", "where", "dc", "multi",
];

/// The fields of a query.
pub(super) struct Fields {
    /// What the query makes, in whatever command.
    made: BTreeSet<String>,
    /// After stats: all there is. Before it, and where nobody can tell: nothing.
    left: Option<BTreeSet<String>>,
    /// Functions whose results have no name.
    unnamed: BTreeSet<String>,
    foreign: bool,
}

impl Fields {
    pub(super) fn of(query: &Query, all: &[Token<'_>]) -> Self {
        let about = query.about.to_lowercase();
        let groups: Vec<&str> = all
            .windows(2)
            .filter_map(|pair| match pair {
                [source, group] if source.is("source") && group.kind == Kind::Text => Some(group.text),
                _ => None,
            })
            .collect();
        let words = |text: &str| {
            let text = format!(" {} ", text.replace(|c: char| !(c.is_alphanumeric() || c == '/'), " "));
            OTHERS.iter().any(|other| {
                text.contains(&format!(" {other} ")) || (other.contains('/') && text.contains(other))
            })
        };
        let fields = all.iter().any(|token| {
            FOREIGN.contains(&token.text) || token.text == "@type" || token.text.contains("REPORT")
        });
        let foreign = fields
            || words(&about)
            || groups.iter().any(|group| group.contains("/aws/") || group.contains("frontend"));
        Self { made: made(all), left: None, unnamed: BTreeSet::new(), foreign }
    }

    /// Anything may be there from here on.
    pub(super) fn unknown(&mut self) {
        self.left = None;
    }

    /// What there is after a command.
    pub(super) fn after(&mut self, command: &str, rest: &[Token<'_>]) {
        match command {
            "stats" => self.after_stats(rest),
            "fields" | "parse" => {
                if let Some(left) = &mut self.left {
                    left.extend(made(rest));
                }
            }
            "filter" | "where" | "sort" | "limit" | "display" | "dedup" | "unmask" | "head" => {}
            _ => self.left = None,
        }
    }

    fn after_stats(&mut self, rest: &[Token<'_>]) {
        let by = rest.iter().position(|token| token.is("by") && token.depth == 0);
        let (aggregates, groups) = rest.split_at(by.unwrap_or(rest.len()));
        let mut left = BTreeSet::new();
        self.unnamed.clear();
        for item in aggregates.split(|token| token.is(",") && token.depth == 0) {
            if let Some(name) = alias(item) {
                left.insert(name);
            } else {
                self.unnamed.extend(
                    item.iter()
                        .filter(|token| token.kind == Kind::Word)
                        .map(|token| token.text.to_lowercase()),
                );
                left.insert(texts_of(item));
            }
        }
        let groups = groups.get(1..).unwrap_or_default().split(|token| token.is(",") && token.depth == 0);
        for item in groups.filter(|item| !item.is_empty()) {
            let item = item
                .iter()
                .position(|token| token.is("offset"))
                .and_then(|end| item.get(..end))
                .unwrap_or(item);
            left.insert(alias(item).unwrap_or_else(|| texts_of(item)));
        }
        self.left = Some(left);
    }

    /// Fields that a command uses and that stats did not leave.
    pub(super) fn judge_use(
        &self,
        query: &Query,
        path: &str,
        command: &str,
        rest: &[Token<'_>],
        out: &mut Findings,
    ) {
        let Some(left) = &self.left else { return };
        // A filter behind stats may be of what was there before it: AWS's own examples do so.
        if !["sort", "fields", "display", "stats", "dedup"].contains(&command) {
            return;
        }
        let own = made(rest);
        for (index, token) in rest.iter().enumerate() {
            let next = rest.get(index + 1);
            let named = index
                .checked_sub(1)
                .and_then(|before| rest.get(before))
                .is_some_and(|before| before.is("as"));
            let is_field =
                token.kind == Kind::Word && !KEYWORDS.contains(&token.text.to_lowercase().as_str());
            // `bin(5m)` is a column of this name.
            let inside = token.depth > 0 && command == "sort";
            if command == "stats" && token.is("bin") && !left.contains("@timestamp") {
                let message = "bin() is of @timestamp, and after stats there is none any more";
                let mend = "write max(@timestamp) as @t in the first stats, and by dateceil(@t, 5m) here";
                out.add(&rule::QUERY_GONE, query.text.origin(token.at), path, message, mend);
                return;
            }
            if !is_field || named || inside || next.is_some_and(|next| next.is("(")) {
                continue;
            }
            let name = token.text.trim_matches('`').to_owned();
            let lower = name.to_lowercase();
            let there = left.contains(&name)
                || left.contains(&lower)
                || own.contains(&name)
                || self.unnamed.contains(&lower);
            // A part of something that is there: `Canary.Name`.
            let part = name.split('.').next().is_some_and(|head| left.contains(head));
            if !there && !part {
                let bin = left.iter().find(|field| name == "@timestamp" && field.starts_with("bin("));
                let mend = match bin {
                    Some(bin) => format!("write {command} {bin}, or name it: by {bin} as time"),
                    None => format!("after stats there is {}", some_of(left.iter().map(String::as_str))),
                };
                let message = format!("after stats there is no {name} any more");
                out.add(&rule::QUERY_GONE, query.text.origin(token.at), path, message, mend);
                return;
            }
        }
    }

    /// Names of fields, each once.
    pub(super) fn judge_names(&self, query: &Query, path: &str, all: &[Token<'_>], out: &mut Findings) {
        let mut seen = BTreeSet::new();
        let mut command = "";
        for (index, token) in all.iter().enumerate().filter(|(_, token)| token.kind == Kind::Word) {
            let before = index.checked_sub(1).and_then(|before| all.get(before));
            if before.is_none_or(|before| before.is("|") && before.depth == 0) {
                command = token.text;
                continue;
            }
            let call = all.get(index + 1).is_some_and(|next| next.is("("));
            if call || !seen.insert(token.text) || self.made.contains(token.text) {
                continue;
            }
            let at = query.text.origin(token.at);
            if token.text.starts_with('@') {
                self.judge_system(token.text, at, path, out);
            } else if !self.foreign
                && let Some((_, right)) =
                    OURS.iter().find(|(wrong, _)| token.text.eq_ignore_ascii_case(wrong))
            {
                let message = format!("the backend's lines have no field {}", token.text);
                out.add(
                    &rule::QUERY_PLATFORM_FIELD,
                    at,
                    path,
                    message,
                    format!("on this platform the field is {right}"),
                );
            } else if !self.foreign
                && NAMING.iter().any(|naming| command.eq_ignore_ascii_case(naming))
                && before.is_none_or(|before| before.kind != Kind::Number)
                && !token
                    .text
                    .split('.')
                    .next()
                    .is_some_and(|head| LINES.contains(&head) || self.made.contains(head))
                && !KEYWORDS.contains(&token.text.to_lowercase().as_str())
            {
                let message = format!("this platform's backend logs no field {}", token.text);
                let mend = "if nothing else logs it, the query finds nothing: see the lines first";
                out.add(&rule::QUERY_UNKNOWN_FIELD, at, path, message, mend);
            }
        }
    }

    fn judge_system(&self, name: &str, at: usize, path: &str, out: &mut Findings) {
        if SYSTEM.contains(&name) {
            if LAMBDA.contains(&name) && !self.foreign {
                let right = if name.ends_with("uration") {
                    "on this platform a request's time is latency_ms"
                } else {
                    "this platform's lines have nothing like it"
                };
                let message = format!("{name} is in Lambda's logs only");
                out.add(&rule::QUERY_LAMBDA_FIELD, at, path, message, right);
            }
            return;
        }
        if let Some(right) = nearest(name, SYSTEM) {
            let message = format!("Logs Insights makes no field {name}");
            out.add(&rule::QUERY_SYSTEM_FIELD, at, path, message, format!("write {right}"));
        }
    }
}

/// Names that stand behind `as`, and those that parse gives.
fn made(tokens: &[Token<'_>]) -> BTreeSet<String> {
    let mut names = BTreeSet::new();
    let (mut naming, mut parsing) = (false, false);
    for token in tokens {
        let word = token.kind == Kind::Word;
        if token.is("as") || token.is("into") {
            naming = true;
        } else if token.is("parse") {
            parsing = true;
        } else if naming && word {
            names.insert(token.text.trim_matches('`').to_owned());
            naming = false;
        } else if token.is(",") && parsing && token.depth == 0 {
            // parse … as method, path, status
            naming = true;
        } else if token.is("|") {
            (naming, parsing) = (false, false);
        } else {
            naming = false;
        }
        if token.kind == Kind::Regex {
            for (at, _) in token.text.match_indices("(?") {
                let rest = token.text.get(at + 2..).unwrap_or_default().trim_start_matches('P');
                let name = rest.strip_prefix('<').and_then(|rest| rest.split_once('>')).map(|(name, _)| name);
                names.extend(name.filter(|name| !name.starts_with(['=', '!'])).map(str::to_owned));
            }
        }
    }
    names
}

/// The name that an expression gets.
fn alias(item: &[Token<'_>]) -> Option<String> {
    let position = item
        .iter()
        .position(|token| token.is("as") && token.depth == item.first().map_or(0, |first| first.depth))?;
    item.get(position + 1).map(|token| token.text.trim_matches('`').to_owned())
}

/// An expression as a column is called by it.
pub(super) fn texts_of(item: &[Token<'_>]) -> String {
    item.iter().map(|token| token.text.trim_matches('`')).collect()
}
