//! Reads expressions from the words of a query.
//!
//! It knows how they are written, and not what stands around them. Brackets and signs have a limit, so that no
//! query overflows the stack that reads or evaluates it.

mod operand;

use super::Fault;
use super::aggregate::Aggregate;
use super::expression::{Comparison, Expression};
use super::pattern::{self, Like};
use super::scope::Scope;
use super::token::{Kind, Token};

/// Brackets within brackets, and signs of arithmetic in a row.
const DEEPEST: usize = 50;

/// Whether aggregates may stand here, and those that were found.
#[derive(Debug)]
enum Gather {
    No,
    Yes(Vec<Aggregate>),
    /// In the brackets of one.
    Inside(Vec<Aggregate>),
}

/// Reads the words of one command.
#[derive(Debug)]
pub(super) struct Reader<'q, 's> {
    tokens: &'q [Token<'q>],
    next: usize,
    /// Where the command ends.
    end: usize,
    depth: usize,
    pub(super) scope: &'s Scope,
    gather: Gather,
    /// Whether a name that stats did not leave is a fault.
    strict: bool,
}

impl<'q, 's> Reader<'q, 's> {
    pub(super) fn new(tokens: &'q [Token<'q>], end: usize, scope: &'s Scope) -> Self {
        Self { tokens, next: 0, end, depth: 0, scope, gather: Gather::No, strict: false }
    }

    /// Of `stats`, where names must be known.
    pub(super) fn strict(self) -> Self {
        Self { strict: self.scope.grouped, ..self }
    }

    /// Of `stats`, where aggregates stand, behind those that were read before.
    pub(super) fn gathering(self, aggregates: Vec<Aggregate>) -> Self {
        Self { gather: Gather::Yes(aggregates), ..self.strict() }
    }

    /// The aggregates that were read; from here on there may be none.
    pub(super) fn gathered(&mut self) -> Vec<Aggregate> {
        match std::mem::replace(&mut self.gather, Gather::No) {
            Gather::Yes(all) | Gather::Inside(all) => all,
            Gather::No => Vec::new(),
        }
    }

    pub(super) fn peek(&self) -> Option<&'q Token<'q>> {
        self.tokens.get(self.next)
    }

    pub(super) fn take(&mut self) -> Option<&'q Token<'q>> {
        let token = self.tokens.get(self.next)?;
        self.next += 1;
        Some(token)
    }

    pub(super) fn eat(&mut self, word: &str) -> bool {
        let is = self.peek().is_some_and(|token| token.is(word));
        if is {
            self.next += 1;
        }
        is
    }

    pub(super) fn expect(&mut self, sign: &str) -> Result<(), Fault> {
        if self.eat(sign) {
            Ok(())
        } else {
            Err(self.fault(&format!("{sign:?} is missing"), &format!("write {sign}")))
        }
    }

    /// What is wrong with the next word.
    pub(super) fn fault(&self, message: &str, mend: &str) -> Fault {
        let (at, word) = self.peek().map_or((self.end, ""), |token| (token.at, token.text));
        Fault::new(at, word, message, mend)
    }

    /// The next words up to a comma or one of these keywords, and what they are known as if stats or fields had
    /// them; they are skipped then.
    pub(super) fn known(&mut self, until: &[&str]) -> Option<usize> {
        let words = self.item(until);
        let slot = self.scope.by_text(words)?;
        self.next += words.len();
        Some(slot)
    }

    /// The next words up to a comma or one of these keywords.
    pub(super) fn item(&self, until: &[&str]) -> &'q [Token<'q>] {
        let rest = self.tokens.get(self.next..).unwrap_or_default();
        let depth = rest.first().map_or(0, |first| first.depth);
        let ends = |token: &Token<'_>| {
            token.depth == depth && (token.is(",") || until.iter().any(|word| token.is(word)))
        };
        rest.get(..rest.iter().position(ends).unwrap_or(rest.len())).unwrap_or_default()
    }

    pub(super) fn done(&self) -> Result<(), Fault> {
        match self.peek() {
            None => Ok(()),
            Some(token) if token.is("!") => Err(self.fault("there is no operator `!`", "write not")),
            Some(_) => Err(self.fault("this word is not expected here", "write a comma, an operator or a |")),
        }
    }

    /// A name: a word, perhaps in backticks.
    pub(super) fn name(&mut self) -> Result<String, Fault> {
        match self.peek() {
            Some(token) if token.kind == Kind::Word => {
                self.next += 1;
                Ok(token.text.trim_matches('`').to_owned())
            }
            _ => Err(self.fault("here a name is missing", "write a name of letters, digits and _")),
        }
    }

    fn deeper<T>(&mut self, read: impl FnOnce(&mut Self) -> Result<T, Fault>) -> Result<T, Fault> {
        if self.depth >= DEEPEST {
            let message = format!("expressions are at most {DEEPEST} deep here");
            return Err(self.fault(&message, "write it in several fields"));
        }
        self.depth += 1;
        let result = read(self);
        self.depth -= 1;
        result
    }

    pub(super) fn expression(&mut self) -> Result<Expression, Fault> {
        self.deeper(|reader| {
            reader.joined(
                "or",
                |reader| reader.joined("and", Self::negation, Expression::All),
                Expression::Any,
            )
        })
    }

    fn joined(
        &mut self,
        word: &str,
        mut part: impl FnMut(&mut Self) -> Result<Expression, Fault>,
        join: fn(Vec<Expression>) -> Expression,
    ) -> Result<Expression, Fault> {
        let first = part(self)?;
        if !self.peek().is_some_and(|token| token.is(word)) {
            return Ok(first);
        }
        let mut all = vec![first];
        while self.eat(word) {
            all.push(part(self)?);
        }
        Ok(join(all))
    }

    fn negation(&mut self) -> Result<Expression, Fault> {
        if self.eat("not") {
            return self.deeper(|reader| Ok(Expression::Not(Box::new(reader.negation()?))));
        }
        self.comparison()
    }

    fn comparison(&mut self) -> Result<Expression, Fault> {
        let left = self.sum()?;
        let negated = self.eat("not");
        let found = if self.eat("in") {
            Expression::Among(Box::new(left), self.list()?)
        } else if self.eat("like") {
            Expression::Like(Box::new(left), self.like()?)
        } else if negated {
            return Err(self.fault("behind not stands in or like", "write not in […] or not like /…/"));
        } else if self.eat("=~") {
            Expression::Like(Box::new(left), self.like()?)
        } else if let Some(comparison) = self.peek().and_then(|token| Comparison::of(token.text)) {
            self.next += 1;
            Expression::Compare(comparison, Box::new(left), Box::new(self.sum()?))
        } else if self.eat("==") {
            self.next -= 1;
            return Err(self.fault("there is no operator `==`", "write ="));
        } else {
            left
        };
        Ok(if negated { Expression::Not(Box::new(found)) } else { found })
    }

    fn list(&mut self) -> Result<Vec<Expression>, Fault> {
        self.expect("[")?;
        let mut list = Vec::new();
        while !self.eat("]") {
            if !list.is_empty() {
                self.expect(",")?;
            }
            list.push(self.sum()?);
        }
        Ok(list)
    }

    fn like(&mut self) -> Result<Like, Fault> {
        let mend = "write like /…/ or like \"…\"";
        let Some(token) = self.peek() else { return Err(self.fault("like has no pattern", mend)) };
        let like = match token.kind {
            Kind::Text => Like::Part(pattern::unquoted(token.text)),
            Kind::Regex => Like::Regex(self.regex(token)?),
            _ => return Err(self.fault("behind like stands a pattern", mend)),
        };
        self.next += 1;
        Ok(like)
    }

    /// The regular expression of a word.
    pub(super) fn regex(&self, token: &Token<'_>) -> Result<regex::Regex, Fault> {
        let regex = pattern::regex(token.text);
        regex.map_err(|error| {
            self.fault(
                &format!("this regular expression is not understood here: {error}"),
                "write it without look-around and back-references",
            )
        })
    }

    fn sum(&mut self) -> Result<Expression, Fault> {
        self.row_of(&["+", "-"], |reader| reader.row_of(&["*", "/", "%"], Self::power))
    }

    fn row_of(
        &mut self,
        signs: &[&str],
        mut part: impl FnMut(&mut Self) -> Result<Expression, Fault>,
    ) -> Result<Expression, Fault> {
        let mut left = part(self)?;
        let mut length = 0;
        while let Some(sign) = self.peek().filter(|token| signs.iter().any(|sign| token.is(sign))) {
            length += 1;
            if length > DEEPEST {
                let message = format!("more than {DEEPEST} signs stand in a row");
                return Err(self.fault(&message, "write it in several fields"));
            }
            self.next += 1;
            let sign = sign.text.chars().next().unwrap_or('+');
            left = Expression::Arithmetic(sign, Box::new(left), Box::new(part(self)?));
        }
        Ok(left)
    }

    fn power(&mut self) -> Result<Expression, Fault> {
        if self.eat("-") {
            return self.deeper(|reader| Ok(Expression::Negative(Box::new(reader.power()?))));
        }
        let base = self.primary()?;
        if self.eat("^") {
            let exponent = self.deeper(Self::power)?;
            return Ok(Expression::Arithmetic('^', Box::new(base), Box::new(exponent)));
        }
        Ok(base)
    }
}
