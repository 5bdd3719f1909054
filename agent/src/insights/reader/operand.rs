//! Operands: numbers, texts, fields and calls.
//!
//! It does not know the signs between them.

use super::{Gather, Reader};
use crate::insights::Fault;
use crate::insights::aggregate::{self, Aggregate};
use crate::insights::expression::Expression;
use crate::insights::function::FUNCTIONS;
use crate::insights::row::Field;
use crate::insights::token::{Kind, Token};
use crate::insights::{pattern, period};

/// Functions of the service that need what is not here.
const ELSEWHERE: [(&str, &str); 7] = [
    ("now", "the page has a time range"),
    ("queryStartTime", "the page has a time range"),
    ("queryEndTime", "the page has a time range"),
    ("queryTimeRange", "the page has a time range"),
    ("unmask", "nothing here is masked so that it could be shown: leave it out"),
    ("formatDate", "show the time as it is"),
    ("parseDate", "compare the text"),
];

impl<'q> Reader<'q, '_> {
    pub(super) fn primary(&mut self) -> Result<Expression, Fault> {
        let mend = "write a field, a number, a \"text\" or a function";
        let Some(token) = self.peek() else { return Err(self.fault("the command ends too early", mend)) };
        match token.kind {
            Kind::Number => {
                let number = token.text.parse().ok().filter(|number: &f64| number.is_finite());
                let number = number.ok_or_else(|| {
                    self.fault(
                        "this is no number",
                        "a field whose name begins with a digit stands in backticks",
                    )
                })?;
                self.next += 1;
                Ok(Expression::Number(number))
            }
            Kind::Text => {
                self.next += 1;
                Ok(Expression::Text(pattern::unquoted(token.text)))
            }
            Kind::Word if self.tokens.get(self.next + 1).is_some_and(|next| next.is("(")) => self.call(token),
            Kind::Word => self.field(token),
            _ if token.is("(") => {
                self.next += 1;
                let inside = self.expression()?;
                self.expect(")")?;
                Ok(inside)
            }
            _ if token.is("!") => Err(self.fault("there is no operator `!`", "write not")),
            _ => Err(self.fault("an expression cannot begin with this", mend)),
        }
    }

    /// `a.b`, `a[0].b`; what has other letters stands in backticks, as a whole or a part of it.
    fn field(&mut self, token: &Token<'_>) -> Result<Expression, Fault> {
        for (word, truth) in [("true", true), ("false", false)] {
            if self.eat(word) {
                return Ok(Expression::Truth(truth));
            }
        }
        if token.is("null") {
            return Err(self
                .fault("nothing is compared with null", "write ispresent(field), or not ispresent(field)"));
        }
        let keyword = ["and", "or", "in", "like", "as", "by"].iter().any(|word| token.is(word));
        if keyword {
            return Err(self
                .fault("before this word something is missing", "a field of this name stands in backticks"));
        }
        let first = self.next;
        let mut name = self.name()?;
        let mut end = token.end();
        while let Some(next) = self.peek().filter(|next| next.at == end) {
            let inside = self.tokens.get(self.next + 1..self.next + 3);
            match (next.kind, inside) {
                (Kind::Word, _) => {
                    name.push_str(next.text.trim_matches('`'));
                    end = next.end();
                    self.next += 1;
                }
                (Kind::Sign, Some([index, close]))
                    if next.is("[") && index.kind == Kind::Number && close.is("]") =>
                {
                    name.push('.');
                    name.push_str(index.text);
                    end = close.end();
                    self.next += 3;
                }
                _ => break,
            }
        }
        self.in_aggregate(first)?;
        if let Some(field) = self.scope.field(&name) {
            return Ok(Expression::Field(field));
        }
        if !self.strict {
            return Ok(Expression::Field(Field::Absent));
        }
        // "Any fields that you reference after the first `stats` command must be defined in that first `stats`."
        // <https://docs.aws.amazon.com/AmazonCloudWatch/latest/logs/CWL_QuerySyntax-Stats.html>
        self.next = first;
        let message = format!("after stats there is no {name} any more: there is {}", self.scope.all());
        Err(self.fault(&message, "name it in the first stats"))
    }

    /// Whether a field may stand here: in stats, it is of many rows unless it stands in an aggregate.
    fn in_aggregate(&mut self, at: usize) -> Result<(), Fault> {
        if !matches!(self.gather, Gather::Yes(_)) {
            return Ok(());
        }
        self.next = at;
        Err(self.fault(
            "a field stands in stats behind by or in an aggregate",
            "write latest(field), or by field",
        ))
    }

    fn call(&mut self, token: &'q Token<'q>) -> Result<Expression, Fault> {
        let depth = token.depth;
        let rest = self.tokens.get(self.next..).unwrap_or_default();
        let close = rest.iter().position(|token| token.is(")") && token.depth == depth);
        let words = close.and_then(|close| rest.get(..=close)).unwrap_or(rest);
        let gathering = matches!(self.gather, Gather::Yes(_));
        if let Some(slot) = self.scope.by_text(words).filter(|_| !gathering) {
            self.next += words.len();
            return Ok(Expression::Field(Field::Slot(slot)));
        }
        if let Some(kind) = aggregate::find(token.text) {
            return self.deeper(|reader| reader.aggregate(kind));
        }
        if let Some(read) = ["bin", "datefloor", "dateceil"].into_iter().find(|name| token.is(name)) {
            return self.deeper(|reader| reader.round(read));
        }
        let Some((name, function, least, most)) =
            FUNCTIONS.iter().find(|(name, ..)| name.eq_ignore_ascii_case(token.text))
        else {
            let elsewhere = ELSEWHERE.iter().find(|(name, _)| name.eq_ignore_ascii_case(token.text));
            let names: Vec<&str> = FUNCTIONS.iter().map(|(name, ..)| *name).collect();
            let understood = format!("understood are bin, datefloor, dateceil, {}", names.join(", "));
            let mend = elsewhere.map_or(understood.as_str(), |(_, mend)| mend);
            return Err(self.fault("this function is not evaluated here", mend));
        };
        self.next += 2;
        let arguments = self.deeper(Self::arguments)?;
        if arguments.len() < *least || arguments.len() > *most {
            self.next = self.next.saturating_sub(1);
            let message = format!("{name}() has {} arguments", arguments.len());
            let mend = if least == most {
                format!("it takes {least}")
            } else {
                format!("it takes {least} and more")
            };
            return Err(self.fault(&message, &mend));
        }
        Ok(Expression::Call(*function, arguments))
    }

    /// What stands in the brackets of a call, the closing one included.
    fn arguments(&mut self) -> Result<Vec<Expression>, Fault> {
        let mut arguments = Vec::new();
        while !self.eat(")") {
            if !arguments.is_empty() {
                self.expect(",")?;
            }
            arguments.push(self.expression()?);
        }
        Ok(arguments)
    }

    /// `bin(5m)`, `datefloor(@timestamp, 1 hour)`.
    fn round(&mut self, name: &str) -> Result<Expression, Fault> {
        let start = self.next;
        self.in_aggregate(start)?;
        self.next += 2;
        let time = if name == "bin" {
            let Some(field) = self.scope.field("@timestamp") else {
                self.next = start;
                let mend = "write max(@timestamp) as @t in the first stats, and dateceil(@t, 5m) here";
                return Err(
                    self.fault("bin() is of @timestamp, and after stats there is none any more", mend)
                );
            };
            Expression::Field(field)
        } else {
            let time = self.expression()?;
            self.expect(",")?;
            time
        };
        let mend = "write a number and ms, s, m, h or d: 5m";
        let Some(period) = self.peek().filter(|token| token.kind == Kind::Number) else {
            return Err(self.fault("here a period is missing", mend));
        };
        let digits = period.text.trim_end_matches(char::is_alphabetic);
        let mut unit = period.text.get(digits.len()..).unwrap_or_default();
        let apart = self.tokens.get(self.next + 1).filter(|next| unit.is_empty() && next.kind == Kind::Word);
        unit = apart.map_or(unit, |apart| apart.text);
        let Some(period_ms) = period::milliseconds(digits, unit) else {
            return Err(self.fault("this is no period that is evaluated here", mend));
        };
        self.next += 1 + usize::from(apart.is_some());
        self.expect(")")?;
        Ok(Expression::Round { time: Box::new(time), period_ms, up: name == "dateceil" })
    }

    /// `count(*)`, `pct(field, 95)`.
    fn aggregate(&mut self, kind: aggregate::Kind) -> Result<Expression, Fault> {
        let Gather::Yes(all) = &mut self.gather else {
            let inside = matches!(self.gather, Gather::Inside(_));
            let message = if inside {
                "an aggregate cannot stand in another"
            } else {
                "aggregates stand in stats alone"
            };
            return Err(self.fault(message, "write stats … as name, and use the name"));
        };
        let before = std::mem::take(all);
        self.gather = Gather::Inside(before);
        let start = self.next;
        self.next += 2;
        if kind == aggregate::Kind::Count && self.peek().is_some_and(|token| token.is("*")) {
            self.next += 1;
        }
        let arguments = self.arguments()?;
        if matches!(kind, aggregate::Kind::Earliest | aggregate::Kind::Latest) && self.scope.grouped {
            self.next = start;
            return Err(self.fault("after stats rows have no time", "use it in the first stats"));
        }
        let aggregate = Aggregate::new(kind, arguments).map_err(|(message, mend)| {
            self.next = start;
            self.fault(message, mend)
        })?;
        let mut all = self.gathered();
        all.push(aggregate);
        let slot = all.len() - 1;
        self.gather = Gather::Yes(all);
        Ok(Expression::Field(Field::Slot(slot)))
    }
}
