//! The commands that make new rows or fields: `parse` and `stats`.
//!
//! It does not know the others.

use super::{Builder, Column, Stats, Step, alias, items, title};
use crate::insights::Fault;
use crate::insights::expression::Expression;
use crate::insights::pattern::{self, Taking};
use crate::insights::reader::Reader;
use crate::insights::row::Field;
use crate::insights::scope::Scope;
use crate::insights::token::{Kind, Token};

impl Builder {
    /// `parse @message "user=*, method:*" as user, method`, `parse path /^(?<route>[^?]*)/`.
    /// <https://docs.aws.amazon.com/AmazonCloudWatch/latest/logs/CWL_QuerySyntax-Parse.html>
    pub(super) fn parse(&mut self, rest: &[Token<'_>], end: usize) -> Result<(), Fault> {
        let mut reader = Reader::new(rest, end, &self.scope);
        let is_pattern = |token: &Token<'_>| matches!(token.kind, Kind::Text | Kind::Regex);
        let from = if reader.peek().is_some_and(is_pattern) {
            Expression::Field(self.scope.field("@message").unwrap_or(Field::Absent))
        } else {
            reader.expression()?
        };
        let mend = "write parse @message \"…*…\" as name, or parse @message /…(?<name>…)/";
        let Some(token) = reader.peek().filter(|token| is_pattern(token)) else {
            return Err(reader.fault("parse has no pattern", mend));
        };
        let regex = if token.kind == Kind::Regex { Some(reader.regex(token)?) } else { None };
        reader.take();
        let mut names = Vec::new();
        if reader.eat("as") {
            names.push(reader.name()?);
            while reader.eat(",") {
                names.push(reader.name()?);
            }
        }
        reader.done()?;
        let fault = |message: &str, mend: &str| Err(Fault::new(token.at, token.text, message, mend));
        let taking = if let Some(regex) = regex {
            let groups: Vec<(usize, String)> = regex
                .capture_names()
                .enumerate()
                .filter_map(|(group, name)| Some((group, name?.to_owned())))
                .collect();
            if names.is_empty() && groups.is_empty() {
                return fault("the regular expression names nothing that it takes", mend);
            } else if names.is_empty() {
                names = groups.iter().map(|(_, name)| name.clone()).collect();
                Taking::Regex(regex, groups.into_iter().map(|(group, _)| group).collect())
            } else if regex.captures_len() == names.len() + 1 {
                Taking::Regex(regex, (1..=names.len()).collect())
            } else {
                return fault("the regular expression has not as many groups as there are names", mend);
            }
        } else {
            let pattern = pattern::unquoted(token.text);
            let around: Vec<String> = pattern.split('*').map(str::to_owned).collect();
            if around.len() != names.len() + 1 || names.is_empty() {
                let message = format!("the pattern has {} `*`, and {} names", around.len() - 1, names.len());
                return fault(&message, "write as many names as there are *");
            }
            Taking::Glob(around)
        };
        let into: Vec<usize> = names.iter().map(|name| self.scope.name(name)).collect();
        self.columns.extend(names.into_iter().zip(&into).map(|(name, slot)| Column::Slot(name, *slot)));
        self.stage.steps.push(Step::Parse { from, taking, into });
        Ok(())
    }

    /// "A query can have a maximum of two `stats` commands. […] If you use a `sort` or `limit` command, it must appear
    /// after the second `stats` command."
    /// <https://docs.aws.amazon.com/AmazonCloudWatch/latest/logs/CWL_QuerySyntax-Stats.html>
    pub(super) fn stats(
        &mut self,
        text: &str,
        first: &Token<'_>,
        rest: &[Token<'_>],
        end: usize,
    ) -> Result<(), Fault> {
        let here = |message: &str, mend: &str| Err(Fault::new(first.at, first.text, message, mend));
        if self.plan.stages.len() >= 2 {
            return here("a query has at most two stats", "leave one out");
        }
        let sort = std::mem::take(&mut self.plan.output.sort);
        if self.scope.grouped && !sort.is_empty() {
            return here("sort stands behind the second stats", "move sort to the end");
        }
        let by_at = rest.iter().position(|token| token.is("by") && token.depth == 0);
        let (of, by) = rest.split_at(by_at.unwrap_or(rest.len()));
        let (mut aggregates, mut columns, mut named) = (Vec::new(), Vec::new(), Vec::new());
        let of_end = by.first().map_or(end, |by| by.at);
        for item in items(of, of_end)? {
            let mut reader = Reader::new(item, of_end, &self.scope).gathering(aggregates);
            let words = reader.item(&["as"]);
            columns.push(reader.expression()?);
            let alias = alias(&mut reader)?;
            reader.done()?;
            aggregates = reader.gathered();
            named.push((words, alias));
        }
        let mut scope = Scope::behind_stats();
        let (mut keys, mut titles) = (Vec::new(), Vec::new());
        for item in if by.is_empty() { Vec::new() } else { items(by.get(1..).unwrap_or_default(), end)? } {
            let mut reader = Reader::new(item, end, &self.scope).strict();
            let words = reader.item(&["as"]);
            let expression = reader.expression()?;
            let alias = alias(&mut reader)?;
            reader.done()?;
            let plain = matches!(expression, Expression::Field(_)) && !words.iter().any(|word| word.is("("));
            let called = alias.or_else(|| plain.then(|| title(text, words)));
            titles.push(column(text, words, called, &mut scope));
            keys.push(expression);
        }
        titles.extend(named.into_iter().map(|(words, alias)| column(text, words, alias, &mut scope)));
        let mut stage = std::mem::take(&mut self.stage);
        stage.slots = self.scope.slots();
        stage.stats = Some(Stats { by: keys, aggregates, columns });
        self.plan.stages.push(stage);
        (self.scope, self.grouped) = (scope, titles);
        (self.fields, self.display) = (false, None);
        self.columns.clear();
        Ok(())
    }
}

/// A place for a column of stats, with its title.
fn column(text: &str, words: &[Token<'_>], called: Option<String>, scope: &mut Scope) -> Column {
    match called {
        Some(name) => {
            let slot = scope.name(&name);
            Column::Slot(name, slot)
        }
        None => Column::Slot(title(text, words), scope.unnamed(words)),
    }
}
