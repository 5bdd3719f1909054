//! What a Logs Insights query says, command by command.
//!
//! It does not know what the logs hold, but for this platform's own lines.

use super::field::Fields;
use super::placeholder::{self, Field};
use super::query::Query;
use super::rule;
use super::{Findings, function, nearest, parse};
use crate::insights::token::{Kind, Token, Wrong, tokens};

/// <https://docs.aws.amazon.com/AmazonCloudWatch/latest/logs/CWL_QuerySyntax.html>
const COMMANDS: [&str; 34] = [
    "fields",
    "filter",
    "stats",
    "sort",
    "limit",
    "parse",
    "display",
    "dedup",
    "pattern",
    "diff",
    "unmask",
    "filterIndex",
    "anomaly",
    "SOURCE",
    "unnest",
    "lookup",
    "join",
    "where",
    "addtotals",
    "autoregress",
    "logcompare",
    "filldown",
    "fillmissing",
    "cidrlookup",
    "outlier",
    "accum",
    "appendcols",
    "sessionize",
    "countFrequent",
    "relevantfields",
    "expand",
    "json",
    "head",
    "subqueries",
];

/// What other languages call them.
const MEANT: [(&str, &str); 14] = [
    ("regex", "parse @message /…(?<name>…)/"),
    ("grok", "parse @message /…(?<name>…)/"),
    ("extract", "parse @message /…(?<name>…)/"),
    ("rex", "parse @message /…(?<name>…)/"),
    ("eval", "fields … as name"),
    ("extend", "fields … as name"),
    ("rename", "fields … as name"),
    ("project", "fields"),
    ("select", "fields"),
    ("table", "display"),
    ("order", "sort"),
    ("summarize", "stats"),
    ("group", "stats … by"),
    ("top", "stats count(*) as n by …, then sort n desc and limit"),
];

/// Commands that may begin a line; with no `|` before them, it was forgotten.
const COMMON: [&str; 8] = ["fields", "filter", "stats", "sort", "limit", "parse", "display", "dedup"];

/// Commands in which a word before a bracket is a function.
const CALLING: [&str; 8] = ["fields", "filter", "where", "stats", "sort", "display", "dedup", "parse"];

pub(super) fn is_command(word: &str) -> bool {
    COMMANDS.iter().any(|command| command.eq_ignore_ascii_case(word))
}

pub(super) fn judge(query: &Query, path: &str, out: &mut Findings) {
    let text = &query.text.text;
    let (all, faults) = tokens(text);
    if other_language(&all) {
        return;
    }
    for (wrong, at, message, mend) in faults {
        let rule = match wrong {
            Wrong::Unbalanced => &rule::QUERY_UNBALANCED,
            Wrong::Flags => &rule::QUERY_REGEX_FLAGS,
        };
        out.add(rule, query.text.origin(at), path, message, mend);
    }
    placeholders(query, path, &all, out);
    let commands: Vec<&[Token<'_>]> = all.split(|token| token.is("|") && token.depth == 0).collect();
    let mut fields = Fields::of(query, &all);
    let pipes: Vec<usize> =
        all.iter().filter(|token| token.is("|") && token.depth == 0).map(|token| token.at).collect();
    for (index, command) in commands.iter().enumerate() {
        if command.is_empty() {
            // Before the first `|` nothing needs to stand: the query may be the rest of a longer one.
            if let Some(at) = index.checked_sub(1).and_then(|index| pipes.get(index)) {
                out.add(
                    &rule::QUERY_EMPTY_COMMAND,
                    query.text.origin(*at),
                    path,
                    "after this `|` stands no command",
                    "delete it",
                );
            }
            continue;
        }
        judge_command(query, path, command, &mut fields, out);
    }
    fields.judge_names(query, path, &all, out);
}

/// SQL, and `OpenSearch`'s own.
fn other_language(all: &[Token<'_>]) -> bool {
    let is = |index: usize, word: &str| all.get(index).is_some_and(|token| token.is(word));
    is(0, "select") && all.iter().any(|token| token.is("from"))
        || (is(0, "source") && is(1, "="))
        || is(0, "search")
}

fn placeholders(query: &Query, path: &str, all: &[Token<'_>], out: &mut Findings) {
    let about = query.about.to_lowercase();
    let comments = query.text.text.lines().filter(|line| line.trim_start().starts_with('#'));
    let about = format!("{about}\n{}", comments.collect::<Vec<_>>().join("\n").to_lowercase());
    // "Replace REQUEST_ID with the real one", says the query's own comment.
    let quotes = ['`', '"', '\''];
    let asked: Vec<&str> =
        about.split("replace ").skip(1).take(20).map(|rest| rest.trim_start_matches(quotes)).collect();
    for (index, token) in all.iter().enumerate().filter(|(_, token)| token.kind == Kind::Text) {
        let inside = token.text.trim_matches(['\'', '"']);
        let source =
            index.checked_sub(1).and_then(|before| all.get(before)).is_some_and(|before| before.is("source"));
        let field = if source { Field::Value } else { Field::Prose };
        let text = query.text.part(token.at + 1, token.at + 1 + inside.len());
        if placeholder::judge(&text, field, path, &[], out) {
            continue;
        }
        let lower = inside.to_lowercase();
        if inside.len() > 2 && asked.iter().any(|rest| rest.starts_with(&lower)) {
            let message = format!("`{inside}` is a placeholder, as the comment says");
            out.add(
                &rule::PLACEHOLDER,
                text.origin(0),
                path,
                message,
                "replace it before the query is saved",
            );
        }
    }
}

fn judge_command(query: &Query, path: &str, command: &[Token<'_>], fields: &mut Fields, out: &mut Findings) {
    let Some((first, rest)) = command.split_first() else { return };
    let origin = |at: usize| query.text.origin(at);
    let name = first.text.to_lowercase();
    if first.kind != Kind::Word || !is_command(&name) {
        let other = MEANT.iter().find(|(wrong, _)| *wrong == name).map(|(_, right)| *right);
        let mend = other.or_else(|| nearest(&name, COMMANDS)).map_or_else(
            || "a command is fields, filter, stats, sort, limit, parse, display, dedup …".to_owned(),
            |near| format!("write {near}"),
        );
        let message = format!("Logs Insights has no command {:?}", first.text);
        out.add(&rule::QUERY_COMMAND, origin(first.at), path, message, mend);
        fields.unknown();
        return;
    }
    for (before, token) in rest
        .iter()
        .enumerate()
        .filter(|(_, token)| token.first && token.depth == 0 && token.kind == Kind::Word)
    {
        let after = before.checked_sub(1).and_then(|before| rest.get(before)).unwrap_or(first);
        let open =
            after.is(",") || (after.kind == Kind::Sign && !after.is(")") && !after.is("]") && !after.is("*"));
        if !open && COMMON.contains(&token.text) {
            let message = format!("there is no `|` before {}", token.text);
            out.add(&rule::QUERY_COMMAND, origin(token.at), path, message, format!("write | {}", token.text));
            return;
        }
    }
    if CALLING.contains(&name.as_str()) {
        function::judge(query, path, rest, out);
    }
    not(query, path, rest, out);
    match name.as_str() {
        "fields" | "display" | "dedup" => commas(query, path, rest, out),
        "sort" => sort(query, path, first, rest, out),
        "limit" | "head" => limit(query, path, first, rest, out),
        "parse" => parse::judge(query, path, rest, out),
        _ => {}
    }
    fields.judge_use(query, path, &name, rest, out);
    fields.after(&name, rest);
}

fn not(query: &Query, path: &str, rest: &[Token<'_>], out: &mut Findings) {
    for (index, token) in rest.iter().enumerate().filter(|(_, token)| token.is("!")) {
        let next = rest.get(index + 1).filter(|next| next.at == token.end());
        let mend = match next {
            Some(next) if next.kind == Kind::Word => {
                format!("write not {0}; to count what is not {0}: count(*) - sum({0})", next.text)
            }
            _ => "write not".to_owned(),
        };
        out.add(&rule::QUERY_NOT, query.text.origin(token.at), path, "there is no operator `!`", mend);
    }
}

fn commas(query: &Query, path: &str, rest: &[Token<'_>], out: &mut Findings) {
    let keyword = |token: &Token<'_>| {
        ["as", "in", "like", "and", "or", "not", "by", "asc", "desc", "where"]
            .iter()
            .any(|word| token.is(word))
    };
    for pair in rest.windows(2) {
        let [left, right] = pair else { continue };
        // `error.`code.x`` is one name.
        let apart = left.end() < right.at && left.depth == right.depth;
        let words = apart && left.kind == Kind::Word && right.kind == Kind::Word;
        if words && !keyword(left) && !keyword(right) {
            let message = format!("there is no comma between {} and {}", left.text, right.text);
            out.add(
                &rule::QUERY_COMMA,
                query.text.origin(right.at),
                path,
                message,
                "write a comma between fields",
            );
        }
    }
    if let Some(last) = rest.last().filter(|last| last.is(",")) {
        out.add(
            &rule::QUERY_COMMA,
            query.text.origin(last.at),
            path,
            "no field follows the last comma",
            "delete it",
        );
    }
}

fn sort(query: &Query, path: &str, first: &Token<'_>, rest: &[Token<'_>], out: &mut Findings) {
    if rest.is_empty() {
        out.add(
            &rule::QUERY_ARGUMENTS,
            query.text.origin(first.at),
            path,
            "sort names no field",
            "write sort @timestamp desc",
        );
    }
}

fn limit(query: &Query, path: &str, first: &Token<'_>, rest: &[Token<'_>], out: &mut Findings) {
    let number = rest.iter().find(|token| !token.is("any"));
    let good = number
        .is_some_and(|token| token.text.parse().is_ok_and(|number: u32| (1..=100_000).contains(&number)));
    if !good {
        let at = number.map_or(first.at, |token| token.at);
        let what = number.map_or("nothing".to_owned(), |token| format!("{:?}", token.text));
        out.add(
            &rule::QUERY_LIMIT,
            query.text.origin(at),
            path,
            format!("limit cannot be {what}"),
            "write limit 100",
        );
    }
}
