//! Logs Insights queries in a file: where each begins and ends.
//!
//! Text files have titles between them, as comments, headings or prose. What a query says is `insights.rs`'s.

use super::Findings;
use super::insights;
use super::json::{Member, Node, plain};
use super::rule;
use super::shape::Place;
use super::text::Text;

/// A query.
pub(super) struct Query {
    /// What it is called; a path in a dashboard.
    name: String,
    /// The words around it that say what it is about.
    pub(super) about: String,
    pub(super) text: Text,
    /// Whether it is saved under its name.
    saved: bool,
}

/// <https://docs.aws.amazon.com/AmazonCloudWatchLogs/latest/APIReference/API_PutQueryDefinition.html>
const LONGEST_NAME: usize = 255;
const LONGEST_TEXT: usize = 10_000;

impl Query {
    /// The query of a widget.
    pub(super) fn inside(text: Text, path: String) -> Self {
        Self { name: path, about: String::new(), text, saved: false }
    }

    pub(super) fn judge(&self, out: &mut Findings) {
        let length = self.text.text.chars().count();
        if length > LONGEST_TEXT {
            let message = format!("the query has {length} characters, and may have {LONGEST_TEXT}");
            out.add(&rule::QUERY_DEFINITION, self.text.origin(0), &self.name, message, "write fewer");
        }
        let named = self.name.chars().count();
        if self.saved && named > LONGEST_NAME {
            let message = format!("the query's name has {named} characters, and may have {LONGEST_NAME}");
            out.add(&rule::QUERY_DEFINITION, self.text.origin(0), "", message, "write fewer");
        }
        // Of what is much longer than any query, no more can be said.
        if length <= 2 * LONGEST_TEXT {
            insights::judge(self, &self.name, out);
        }
    }
}

/// A query of a JSON file: `{"name": …, "query": …}`, or `PutQueryDefinition`'s input.
pub(super) fn of_json(place: &Place, key: Option<&str>) -> Option<Query> {
    let member = |wanted: &[&str]| {
        let is = |member: &&Member| wanted.contains(&plain(&member.key).as_str());
        place.node.members().iter().find(is)
    };
    let text = member(&["querystring", "query", "querydefinition", "queryexpression"])?;
    text.value.str()?;
    let named =
        member(&["name", "queryname", "title", "querydefinitionname"]).and_then(|member| member.value.str());
    let language = member(&["querylanguage"]).and_then(|member| member.value.str());
    if language.is_some_and(|language| language != "CWLI") {
        return Some(Query { text: Text::whole(""), ..query(key.unwrap_or_default()) });
    }
    let groups = member(&["loggroupnames", "loggroups", "loggroup", "loggroupname"]);
    let groups = groups.map(|member| format!("{:?}", member.value.value)).unwrap_or_default();
    let name = named.or(key).unwrap_or(&place.path);
    let described = member(&["description"]).and_then(|member| member.value.str()).unwrap_or_default();
    let about = format!("{name}\n{described}\n{groups}");
    Some(Query { text: place.text.inside(text.value.span), about, saved: true, ..query(name) })
}

/// A query that is a string of its own.
pub(super) fn of_text(place: &Place, key: &str) -> Option<Query> {
    is_text(&place.node).then(|| {
        let name = if key.is_empty() { &place.path } else { key };
        Query { text: place.text.inside(place.node.span), about: name.to_owned(), ..query(name) }
    })
}

/// Whether a value is a text that begins like a query.
pub(super) fn is_text(node: &Node) -> bool {
    node.str().is_some_and(looks_like_one)
}

fn query(name: &str) -> Query {
    Query { name: name.to_owned(), about: String::new(), text: Text::whole(""), saved: false }
}

/// Whether a text begins like a query.
pub(super) fn looks_like_one(text: &str) -> bool {
    let mut lines = text.lines().map(str::trim).filter(|line| !line.is_empty() && !is_comment(line));
    lines.next().is_some_and(|line| begins_with_command(line) || line.starts_with("```"))
}

fn is_comment(line: &str) -> bool {
    ["#", "//", "--", "/*", "*", "==", "──"].iter().any(|mark| line.starts_with(mark))
}

fn first_word(line: &str) -> &str {
    line.split(|c: char| !(c.is_alphanumeric() || c == '_')).next().unwrap_or_default()
}

fn begins_with_command(line: &str) -> bool {
    let word = first_word(line);
    // SQL; in small letters it may be prose.
    if word == "SELECT" {
        return true;
    }
    // A word and nothing, or a word and a colon, is a title.
    let rest = line.get(word.len()..).unwrap_or_default();
    insights::is_command(word)
        && (rest.starts_with([' ', '\t']) || word.eq_ignore_ascii_case("unmask"))
        && !rest.trim_end().ends_with(':')
}

/// A line of a file, and where it begins.
struct Line<'a> {
    at: usize,
    text: &'a str,
}

/// The queries of a text.
pub(super) fn split(text: &Text) -> Vec<Query> {
    let mut at = 0;
    let lines: Vec<Line<'_>> = text
        .text
        .split_inclusive('\n')
        .map(|line| {
            let from = at;
            at += line.len();
            Line { at: from, text: line.trim_end() }
        })
        .collect();
    if lines.iter().any(|line| line.text.trim_start().starts_with("```")) {
        return fenced(text, &lines);
    }
    plainly(text, &lines)
}

/// Those between the fences of a Markdown file.
fn fenced(text: &Text, lines: &[Line<'_>]) -> Vec<Query> {
    let (mut queries, mut titles, mut section) = (Vec::new(), Vec::new(), "");
    let mut inside: Option<usize> = None;
    for line in lines {
        let trimmed = line.text.trim();
        if trimmed.starts_with("```") {
            match inside.take() {
                Some(from) => {
                    let body = text.part(from, line.at);
                    if looks_like_one(&body.text) || body.text.contains("\n|") {
                        queries.push(made(body, &titles, section));
                    }
                    titles.clear();
                }
                None => inside = Some(line.at + line.text.len() + 1),
            }
        } else if inside.is_none() {
            if trimmed.starts_with("## ") {
                section = trimmed;
            }
            titles.push(trimmed);
        }
    }
    queries
}

fn plainly(text: &Text, lines: &[Line<'_>]) -> Vec<Query> {
    let mut out = Split { text, queries: Vec::new(), titles: Vec::new(), section: "" };
    let mut running: Option<(usize, usize)> = None;
    let (mut apart, mut asks_for_more) = (true, false);
    for (index, line) in lines.iter().enumerate() {
        let trimmed = line.text.trim();
        if trimmed.is_empty() || is_comment(trimmed) {
            apart = true;
            out.titles.push((line.at, trimmed));
            continue;
        }
        let joins = ["by", "as", "and", "or"].contains(&first_word(trimmed));
        let goes_on = trimmed.starts_with('|') || asks_for_more || joins || !apart;
        let end = line.at + line.text.len();
        if let Some((_, until)) = running.as_mut().filter(|_| goes_on) {
            *until = end;
        } else {
            out.finish(running.take());
            if is_start(trimmed, lines.get(index + 1..).unwrap_or_default()) {
                running = Some((line.at, end));
            } else {
                out.titles.push((line.at, trimmed));
            }
        }
        asks_for_more = running.is_some() && trimmed.ends_with(['|', ',']);
        apart = false;
    }
    out.finish(running);
    out.queries
}

struct Split<'a> {
    text: &'a Text,
    queries: Vec<Query>,
    /// Comments and prose, with their places.
    titles: Vec<(usize, &'a str)>,
    section: &'a str,
}

impl Split<'_> {
    /// Ends a query. What stands before it is its title; what stands behind it is the next one's.
    fn finish(&mut self, running: Option<(usize, usize)>) {
        let Some((from, until)) = running else { return };
        let own: Vec<&str> =
            self.titles.iter().filter(|(at, _)| *at < from).map(|(_, title)| *title).collect();
        let loud = |title: &&&str| {
            let mut letters = title.chars().filter(|c| c.is_alphabetic()).peekable();
            letters.peek().is_some() && letters.all(char::is_uppercase)
        };
        self.section = own.iter().rev().find(loud).copied().unwrap_or(self.section);
        self.queries.push(made(self.text.part(from, until), &own, self.section));
        self.titles.retain(|(at, _)| *at >= until);
    }
}

/// Whether a line that stands apart is the first of a query.
fn is_start(line: &str, following: &[Line<'_>]) -> bool {
    let next =
        following.iter().map(|line| line.text.trim()).find(|line| !line.is_empty() && !is_comment(line));
    let piped = next.is_some_and(|next| next.starts_with('|'));
    if begins_with_command(line) {
        // "Filter errors" over a query is its title.
        let directly = following.first().map(|line| line.text.trim()).unwrap_or_default();
        let title = line.starts_with(|c: char| c.is_uppercase())
            && !line.contains('|')
            && begins_with_command(directly);
        return !title || first_word(line).eq_ignore_ascii_case("source");
    }
    let word = first_word(line);
    let like_a_command = !word.is_empty() && word.chars().all(|c| c.is_lowercase() || c == '_');
    let piped_in = line.strip_prefix('|').is_some_and(|rest| begins_with_command(rest.trim_start()));
    piped_in || (like_a_command && piped) || (like_a_command && line.contains(" | "))
}

fn made(text: Text, titles: &[&str], section: &str) -> Query {
    let strip = |title: &str| {
        let title = title.trim_matches(|c: char| "#=-─*/ \t".contains(c));
        let words = title.trim_start_matches(|c: char| c.is_ascii_digit() || c == '.');
        let number = title.get(..title.len() - words.len()).unwrap_or_default();
        let numbered = number.ends_with('.') || words.starts_with([' ', ')']);
        if numbered { words.trim_start_matches([' ', ')']) } else { title }.to_owned()
    };
    // The first line of the last block of comments that says something.
    let blocks = titles.split(|title| title.is_empty());
    let name = blocks.rev().find_map(|block| {
        block.iter().map(|title| strip(title)).find(|title| title.chars().any(char::is_alphabetic))
    });
    let about = format!("{section}\n{}", titles.join("\n"));
    Query { name: name.unwrap_or_default(), about, text, saved: false }
}
