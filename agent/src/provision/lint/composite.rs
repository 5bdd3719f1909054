//! The rule of a composite alarm: whether it can be read.
//!
//! It does not know whether the alarms that it names are there.

use super::draft::Draft;
use super::rule;
use super::text::Text;
use super::{Findings, nearest};

/// What a rule may say before a bracket.
const WORDS: [&str; 7] = ["ALARM", "OK", "INSUFFICIENT_DATA", "NOT", "AND", "OR", "AT_LEAST"];

pub(super) fn judge(draft: &Draft<'_>, out: &mut Findings) {
    let Some(node) = draft.node("AlarmRule").filter(|node| node.str().is_some()) else { return };
    let text = draft.entry.place.text.inside(node.span);
    let path = draft.path("AlarmRule");
    if draft.name().is_none() {
        let message = "the alarm has no AlarmName";
        out.add(&rule::ALARM_MEMBER, draft.at(""), &draft.entry.place.path, message, "write one");
    }
    if let Some((at, message, mend)) = fault(&text) {
        out.add(&rule::COMPOSITE_RULE, text.origin(at), path, message, mend);
    }
}

/// The names that a rule may hold: what stands in quotes or in brackets, the last part of an ARN too.
pub(super) fn names(rule: &str) -> impl Iterator<Item = &str> {
    let quoted = rule.split('"').skip(1).step_by(2);
    let bare = rule.split(['(', ')', ',']).map(|part| part.trim().trim_matches('"'));
    quoted
        .chain(bare)
        .flat_map(|name| [Some(name), name.split_once(":alarm:").map(|(_, last)| last)])
        .flatten()
}

fn fault(text: &Text) -> Option<(usize, String, String)> {
    let rule = text.text.as_str();
    let example = || "write it as in ALARM(\"a\") AND NOT ALARM(\"b\")".to_owned();
    if rule.trim().is_empty() {
        return Some((0, "the rule is empty".to_owned(), example()));
    }
    let (mut open, mut quoted, mut word) = (Vec::new(), None, 0);
    for (at, c) in rule.char_indices() {
        match c {
            '"' => quoted = if quoted.is_some() { None } else { Some(at) },
            _ if quoted.is_some() => {}
            '(' => {
                let before = rule.get(word..at).unwrap_or_default().trim();
                // Within ALARM(…) a name may hold anything.
                let named = open.last().is_some_and(|(_, is_name)| *is_name);
                if !before.is_empty() && !named && !WORDS.contains(&before) {
                    let mend = nearest(before, WORDS).map_or_else(example, |near| format!("write {near}"));
                    return Some((word, format!("a rule has no {before}(…)"), mend));
                }
                open.push((at, ["ALARM", "OK", "INSUFFICIENT_DATA"].contains(&before)));
                word = at + 1;
            }
            ')' => {
                if open.pop().is_none() {
                    return Some((at, "this bracket closes nothing".to_owned(), example()));
                }
                word = at + 1;
            }
            c if c.is_whitespace() || c == ',' => word = at + c.len_utf8(),
            _ => {}
        }
    }
    if let Some(at) = quoted {
        return Some((at, "this quote is not closed".to_owned(), example()));
    }
    open.pop().map(|(at, _)| (at, "this bracket is not closed".to_owned(), example()))
}
