//! The filters of Logs Insights that our queries use, over shipped lines: enough to tell which rows come.
//!
//! <https://docs.aws.amazon.com/AmazonCloudWatch/latest/logs/CWL_QuerySyntax-Filter.html>

use regex::Regex;
use serde_json::{Map, Value};

/// A word, a number, a sign, a text or a pattern.
#[derive(Debug, Clone, PartialEq)]
enum Token {
    Word(String),
    Text(String),
    Pattern(String),
}

fn tokens(text: &str) -> Vec<Token> {
    let mut all = Vec::new();
    let mut rest = text.trim_start();
    while let Some(first) = rest.chars().next() {
        let quoted = ['"', '/'].contains(&first);
        let length = if quoted {
            let mut escaped = false;
            let end = rest.char_indices().skip(1).find(|(_, c)| {
                let closes = *c == first && !escaped;
                escaped = *c == '\\' && !escaped;
                closes
            });
            end.unwrap_or_else(|| panic!("no end of {rest}")).0 + 1
        } else {
            let of_word = |c: char| c.is_alphanumeric() || "_@.".contains(c);
            let of_sign = |c: char| "<>=!".contains(c);
            let same: &dyn Fn(char) -> bool = if of_word(first) { &of_word } else { &of_sign };
            rest.find(|c| !same(c)).unwrap_or(rest.len()).max(1)
        };
        let (token, behind) = rest.split_at(length);
        let inside = token.trim_matches(first).to_owned();
        all.push(match first {
            '"' => Token::Text(inside),
            '/' => Token::Pattern(inside),
            _ => Token::Word(token.to_owned()),
        });
        rest = behind.trim_start();
    }
    all
}

struct Reader<'a> {
    tokens: &'a [Token],
    line: &'a Map<String, Value>,
}

impl Reader<'_> {
    fn next(&mut self) -> &Token {
        let (first, rest) = self.tokens.split_first().expect("the filter ends too early");
        self.tokens = rest;
        first
    }

    fn eat(&mut self, word: &str) -> bool {
        let is = self.tokens.first() == Some(&Token::Word(word.to_owned()));
        if is {
            self.next();
        }
        is
    }

    fn expect(&mut self, word: &str) {
        assert!(self.eat(word), "no {word:?} before {:?}", self.tokens);
    }

    fn word(&mut self) -> String {
        match self.next() {
            Token::Word(word) => word.clone(),
            other => panic!("{other:?} is no word"),
        }
    }

    fn any(&mut self) -> bool {
        let mut holds = self.all();
        while self.eat("or") {
            holds |= self.all();
        }
        holds
    }

    fn all(&mut self) -> bool {
        let mut holds = self.one();
        while self.eat("and") {
            holds &= self.one();
        }
        holds
    }

    fn one(&mut self) -> bool {
        if self.eat("not") {
            return !self.one();
        }
        if self.eat("(") {
            let holds = self.any();
            self.expect(")");
            return holds;
        }
        if self.eat("ispresent") {
            self.expect("(");
            let field = self.word();
            self.expect(")");
            return self.line.contains_key(&field);
        }
        let field = self.word();
        // What is not there compares as nothing does, and is not like anything.
        let value = self.line.get(&field).cloned().unwrap_or_default();
        let text = value.as_str().map_or_else(|| value.to_string(), str::to_owned);
        if self.eat("in") {
            self.expect("[");
            let mut among = false;
            while !self.eat("]") {
                let Token::Text(one) = self.next().clone() else { panic!("not a text") };
                among |= one == text;
                self.eat(",");
            }
            return among;
        }
        if self.eat("not") {
            self.expect("like");
            return !self.like(&text);
        }
        if self.eat("like") {
            return !value.is_null() && self.like(&text);
        }
        let operator = self.word();
        match self.next() {
            Token::Text(other) => operator == "=" && *other == text,
            Token::Word(number) => {
                let (Some(value), other) = (value.as_f64(), number.parse::<f64>().expect("a number")) else {
                    return false;
                };
                match operator.as_str() {
                    "=" => (value - other).abs() < f64::EPSILON,
                    ">=" => value >= other,
                    other => panic!("{other}"),
                }
            }
            Token::Pattern(pattern) => panic!("{pattern} behind {operator}"),
        }
    }

    fn like(&mut self, text: &str) -> bool {
        let Token::Pattern(pattern) = self.next() else { panic!("no pattern behind like") };
        Regex::new(pattern).expect("a pattern").is_match(text)
    }
}

/// Which of these lines pass all filters of a query, each given as its message.
pub(super) fn passing<'a>(query: &str, messages: &'a [String]) -> Vec<&'a str> {
    let commands: Vec<&str> = query
        .lines()
        .filter(|line| !line.starts_with('#'))
        .map(|line| line.strip_prefix("| ").unwrap_or(line))
        .collect();
    let passes = |message: &&'a String| {
        let mut line = match serde_json::from_str(message.as_str()) {
            Ok(Value::Object(members)) => members,
            _ => Map::new(),
        };
        line.insert("@message".to_owned(), message.as_str().into());
        commands.iter().filter_map(|command| command.strip_prefix("filter ")).all(|filter| {
            let tokens = tokens(filter);
            let mut reader = Reader { tokens: &tokens, line: &line };
            let holds = reader.any();
            assert!(reader.tokens.is_empty(), "left over: {:?}", reader.tokens);
            holds
        })
    };
    messages.iter().filter(passes).map(String::as_str).collect()
}
