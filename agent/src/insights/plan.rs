//! What a query does, command by command: the steps of its rows, its groups, and the table in the end.
//!
//! It knows the commands and their order, and no event.

mod make;

use super::Fault;
use super::aggregate::Aggregate;
use super::expression::Expression;
use super::pattern::{self, Taking};
use super::reader::Reader;
use super::row::Field;
use super::scope::Scope;
use super::token::{Kind, Token};

/// "If you omit `limit`, the query defaults to returning up to 10,000 log events. You can specify a `limit` value of
/// up to 100,000."
/// <https://docs.aws.amazon.com/AmazonCloudWatch/latest/logs/CWL_QuerySyntax-Limit.html>
const LIMIT: usize = 10_000;
const LARGEST_LIMIT: usize = 100_000;

const COMMANDS: &str = "SOURCE, fields, display, filter, parse, stats, sort, limit and dedup";

/// Something that happens to a row.
#[derive(Debug)]
pub(super) enum Step {
    Filter(Expression),
    Set(usize, Expression),
    Parse { from: Expression, taking: Taking, into: Vec<usize> },
}

/// Rows into groups. Of a group's row, the first slots are those of `by`, then come the columns.
#[derive(Debug)]
pub(super) struct Stats {
    pub(super) by: Vec<Expression>,
    pub(super) aggregates: Vec<Aggregate>,
    /// Of the aggregates' results, each in the slot of its number.
    pub(super) columns: Vec<Expression>,
}

/// What happens up to the next `stats`, or to the end.
#[derive(Debug, Default)]
pub(super) struct Stage {
    pub(super) steps: Vec<Step>,
    pub(super) slots: usize,
    pub(super) stats: Option<Stats>,
}

/// The table in the end.
#[derive(Debug, Default)]
pub(super) struct Output {
    pub(super) columns: Vec<(String, Field)>,
    /// Each with whether it is descending.
    pub(super) sort: Vec<(Expression, bool)>,
    pub(super) dedup: Vec<Expression>,
    pub(super) limit: usize,
    /// Whether its rows are groups.
    pub(super) grouped: bool,
}

/// All of it.
#[derive(Debug, Default)]
pub(super) struct Plan {
    pub(super) groups: Vec<String>,
    pub(super) stages: Vec<Stage>,
    pub(super) output: Output,
}

/// A column before the last names are known.
#[derive(Debug, Clone)]
enum Column {
    /// Of whatever has this name in the end.
    Named(String),
    /// Of a name in several words: `a[0].b`.
    At(String, Field),
    Slot(String, usize),
}

#[derive(Debug, Default)]
pub(super) struct Builder {
    plan: Plan,
    stage: Stage,
    scope: Scope,
    /// Of `fields` and `parse`.
    columns: Vec<Column>,
    /// Of the last `display`.
    display: Option<Vec<Column>>,
    /// Of stats.
    grouped: Vec<Column>,
    /// Whether `fields` was there since stats.
    fields: bool,
    limit: Option<usize>,
}

impl Builder {
    /// Adds a command: its first word and the rest, which ends at a place of the text.
    pub(super) fn command(
        &mut self,
        text: &str,
        first: &Token<'_>,
        rest: &[Token<'_>],
        end: usize,
    ) -> Result<(), Fault> {
        let name = first.text.to_lowercase();
        let here = |message: &str, mend: &str| Err(Fault::new(first.at, first.text, message, mend));
        if first.kind != Kind::Word {
            return here("here a command is missing", &format!("understood are {COMMANDS}"));
        }
        // "The only query command that you can use in a query after the `dedup` command is `limit`."
        // <https://docs.aws.amazon.com/AmazonCloudWatch/latest/logs/CWL_QuerySyntax-Dedup.html>
        if !self.plan.output.dedup.is_empty() && !["limit", "head"].contains(&name.as_str()) {
            return here("behind dedup stands limit, and nothing else", "write it before dedup");
        }
        // What the service would do is not said.
        if self.limit.is_some() && ["filter", "where", "stats", "sort", "dedup"].contains(&name.as_str()) {
            return here("behind limit this is not evaluated here", "write it before limit");
        }
        match name.as_str() {
            "source" => self.source(first, rest, end),
            "fields" => self.fields(text, rest, end),
            "display" => self.show(text, rest, end),
            "filter" | "where" => self.filter(rest, end),
            "parse" => self.parse(rest, end),
            "stats" => self.stats(text, first, rest, end),
            "sort" => self.sort(rest, end),
            "limit" | "head" => self.take(first, rest),
            "dedup" => {
                self.plan.output.dedup = self.expressions(rest, end)?;
                Ok(())
            }
            "unmask" => here("nothing here is masked so that it could be shown", "leave it out"),
            _ => here("this command is not evaluated here", &format!("understood are {COMMANDS}")),
        }
    }

    /// `SOURCE '/group', "/other"`.
    /// <https://docs.aws.amazon.com/AmazonCloudWatch/latest/logs/CWL_QuerySyntax-Source.html>
    fn source(&mut self, first: &Token<'_>, rest: &[Token<'_>], end: usize) -> Result<(), Fault> {
        if !self.stage.steps.is_empty() || self.scope.grouped || !self.columns.is_empty() {
            return Err(Fault::new(
                first.at,
                first.text,
                "SOURCE stands first",
                "write it before the other commands",
            ));
        }
        for item in items(rest, end)? {
            match item {
                [group] if group.kind == Kind::Text => self.plan.groups.push(pattern::unquoted(group.text)),
                [other, ..] => {
                    let mend = "write the groups: SOURCE '/starttech/backend', '/starttech/frontend'";
                    return Err(Fault::new(
                        other.at,
                        other.text,
                        "only names of log groups are understood here",
                        mend,
                    ));
                }
                [] => {}
            }
        }
        Ok(())
    }

    fn fields(&mut self, text: &str, rest: &[Token<'_>], end: usize) -> Result<(), Fault> {
        let columns = self.shown(text, rest, end)?;
        self.columns.extend(columns);
        self.fields = true;
        Ok(())
    }

    /// "If your query contains multiple `display` commands, the query results show only the field or fields that you
    /// specified in the final `display` command."
    /// <https://docs.aws.amazon.com/AmazonCloudWatch/latest/logs/CWL_QuerySyntax-Display.html>
    fn show(&mut self, text: &str, rest: &[Token<'_>], end: usize) -> Result<(), Fault> {
        self.display = Some(self.shown(text, rest, end)?);
        Ok(())
    }

    /// Fields, and expressions with or without a name.
    fn shown(&mut self, text: &str, rest: &[Token<'_>], end: usize) -> Result<Vec<Column>, Fault> {
        let mut columns = Vec::new();
        for item in items(rest, end)? {
            let mut reader = Reader::new(item, end, &self.scope);
            let known = reader.known(&["as"]);
            let words = reader.item(&["as"]);
            let expression = match known {
                Some(slot) => Expression::Field(Field::Slot(slot)),
                None => reader.expression()?,
            };
            let alias = alias(&mut reader)?;
            reader.done()?;
            columns.push(match (alias, known) {
                (Some(alias), _) => {
                    let slot = self.scope.name(&alias);
                    self.stage.steps.push(Step::Set(slot, expression));
                    Column::Slot(alias, slot)
                }
                (None, Some(slot)) => Column::Slot(title(text, item), slot),
                (None, None) if matches!(expression, Expression::Field(_)) => match (words, expression) {
                    ([_], _) => Column::Named(title(text, words)),
                    (_, Expression::Field(field)) => Column::At(title(text, words), field),
                    _ => continue,
                },
                (None, None) => {
                    let slot = self.scope.unnamed(words);
                    self.stage.steps.push(Step::Set(slot, expression));
                    Column::Slot(title(text, words), slot)
                }
            });
        }
        Ok(columns)
    }

    fn filter(&mut self, rest: &[Token<'_>], end: usize) -> Result<(), Fault> {
        let mut reader = Reader::new(rest, end, &self.scope);
        let expression = reader.expression()?;
        reader.done()?;
        self.stage.steps.push(Step::Filter(expression));
        Ok(())
    }

    fn sort(&mut self, rest: &[Token<'_>], end: usize) -> Result<(), Fault> {
        let rest = rest
            .strip_prefix(rest.first().filter(|by| by.is("by")).map(std::slice::from_ref).unwrap_or_default())
            .unwrap_or(rest);
        let mut sort = Vec::new();
        for item in items(rest, end)? {
            let mut reader = Reader::new(item, end, &self.scope);
            let key = match reader.known(&["asc", "desc"]) {
                Some(slot) => Expression::Field(Field::Slot(slot)),
                None => reader.expression()?,
            };
            let descending = reader.eat("desc");
            if !descending {
                reader.eat("asc");
            }
            reader.done()?;
            sort.push((key, descending));
        }
        self.plan.output.sort = sort;
        Ok(())
    }

    fn take(&mut self, first: &Token<'_>, rest: &[Token<'_>]) -> Result<(), Fault> {
        // "The returned events may come from any portion of the time range": then the newest may, too.
        let rest = match rest {
            [any, rest @ ..] if any.is("any") => rest,
            rest => rest,
        };
        let number = match rest {
            [number] => number.text.parse().ok().filter(|number| (1..=LARGEST_LIMIT).contains(number)),
            _ => None,
        };
        let at = rest.first().unwrap_or(first);
        let mend = "write a number from 1 to 100000: limit 100";
        self.limit = Some(number.ok_or_else(|| Fault::new(at.at, at.text, "this is no limit", mend))?);
        Ok(())
    }

    fn expressions(&self, rest: &[Token<'_>], end: usize) -> Result<Vec<Expression>, Fault> {
        let read = |item: &[Token<'_>]| {
            let mut reader = Reader::new(item, end, &self.scope);
            let expression = reader.expression()?;
            reader.done()?;
            Ok(expression)
        };
        items(rest, end)?.into_iter().map(read).collect()
    }

    /// All of it. Without fields, display or stats: "the results show the `@timestamp` and all log data in the
    /// `@message` field" (the page on `filter`).
    pub(super) fn finish(mut self) -> Plan {
        let mut columns = match self.display.take() {
            Some(columns) => columns,
            None if self.fields => self.columns,
            None if self.scope.grouped => self.grouped.into_iter().chain(self.columns).collect(),
            None => {
                let two = ["@timestamp", "@message"].map(|name| Column::Named(name.to_owned()));
                two.into_iter().chain(self.columns).collect()
            }
        };
        let mut seen = std::collections::HashSet::new();
        columns.retain(|column| match column {
            Column::Named(name) | Column::At(name, _) | Column::Slot(name, _) => seen.insert(name.clone()),
        });
        let resolved = |column| match column {
            Column::Named(name) => {
                let field = self.scope.field(&name).unwrap_or(Field::Absent);
                (name, field)
            }
            Column::At(name, field) => (name, field),
            Column::Slot(name, slot) => {
                // A later command may have given the name to another value.
                let field = self.scope.field(&name).filter(|field| matches!(field, Field::Slot(_)));
                (name, field.unwrap_or(Field::Slot(slot)))
            }
        };
        self.plan.output.columns = columns.into_iter().map(resolved).collect();
        self.plan.output.limit = self.limit.unwrap_or(LIMIT);
        self.plan.output.grouped = self.scope.grouped;
        self.stage.slots = self.scope.slots();
        self.plan.stages.push(self.stage);
        self.plan
    }
}

/// The name behind `as`.
fn alias(reader: &mut Reader<'_, '_>) -> Result<Option<String>, Fault> {
    if reader.eat("as") { reader.name().map(Some) } else { Ok(None) }
}

/// What stands between commas; each must be something.
fn items<'q, 't>(tokens: &'q [Token<'t>], end: usize) -> Result<Vec<&'q [Token<'t>]>, Fault> {
    let items: Vec<&[Token<'_>]> = tokens.split(|token| token.is(",") && token.depth == 0).collect();
    if items.iter().any(|item| item.is_empty()) {
        let at = tokens.last().map_or(end, Token::end);
        return Err(Fault::new(at, "", "something is missing here", "write a field, or leave the comma out"));
    }
    Ok(items)
}

/// Words as they are written, without backticks around one, and with one space where there are several.
fn title(text: &str, words: &[Token<'_>]) -> String {
    match words {
        [] => String::new(),
        [only] => only.text.trim_matches('`').to_owned(),
        [first, .., last] => {
            let written = text.get(first.at..last.end()).unwrap_or_default();
            written.split_whitespace().collect::<Vec<_>>().join(" ")
        }
    }
}
