//! The words of a Logs Insights query.
//!
//! It knows quotes, regular expressions and brackets, and not what commands mean. The linter reads by it too.

/// What a word is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[expect(missing_docs, reason = "the others are their names")]
pub enum Kind {
    /// A field, a function, a keyword.
    Word,
    /// It begins with a digit: `5m`, `1000`.
    Number,
    Text,
    Regex,
    Sign,
}

/// A word of a query and where it stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Token<'a> {
    /// What it is.
    pub kind: Kind,
    /// As it is written, quotes included.
    pub text: &'a str,
    /// The place of its first byte.
    pub at: usize,
    /// In how many brackets it stands.
    pub depth: usize,
    /// Whether it is the first of its line.
    pub first: bool,
}

impl Token<'_> {
    /// Whether it is this keyword or sign, in letters of any case.
    pub fn is(&self, text: &str) -> bool {
        matches!(self.kind, Kind::Word | Kind::Sign) && self.text.eq_ignore_ascii_case(text)
    }

    /// The place behind its last byte.
    pub fn end(&self) -> usize {
        self.at + self.text.len()
    }
}

/// What cannot be read.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Wrong {
    /// A quote, a bracket or a regular expression without its other end.
    Unbalanced,
    /// Letters behind a regular expression.
    Flags,
}

/// Something that cannot be read: what, where, and what to write instead.
pub type Fault = (Wrong, usize, String, &'static str);

/// Commands in which a `/` divides, unless it stands behind `like` or `=~`.
const DIVIDING: [&str; 9] =
    ["fields", "filter", "where", "stats", "sort", "display", "limit", "dedup", "source"];

/// Takes a query apart. Comments are left out.
pub fn tokens(query: &str) -> (Vec<Token<'_>>, Vec<Fault>) {
    let mut lexer = Lexer {
        query,
        at: 0,
        tokens: Vec::new(),
        faults: Vec::new(),
        open: Vec::new(),
        command: "",
        first: true,
    };
    while let Some(c) = lexer.rest().chars().next() {
        lexer.token(c);
    }
    for (bracket, at) in lexer.open {
        lexer.faults.push((Wrong::Unbalanced, at, format!("`{bracket}` is not closed"), "close it"));
    }
    (lexer.tokens, lexer.faults)
}

struct Lexer<'a> {
    query: &'a str,
    at: usize,
    tokens: Vec<Token<'a>>,
    faults: Vec<Fault>,
    open: Vec<(char, usize)>,
    /// The first word since the last `|`.
    command: &'a str,
    first: bool,
}

impl<'a> Lexer<'a> {
    fn rest(&self) -> &'a str {
        self.query.get(self.at..).unwrap_or_default()
    }

    fn push(&mut self, kind: Kind, length: usize) {
        let text = self.rest().get(..length).unwrap_or_default();
        let depth = self.open.len();
        self.tokens.push(Token { kind, text, at: self.at, depth, first: self.first });
        self.first = false;
        self.at += length.max(1);
    }

    fn token(&mut self, c: char) {
        let rest = self.rest();
        match c {
            '\n' => {
                self.first = true;
                self.at += 1;
            }
            c if c.is_whitespace() => self.at += c.len_utf8(),
            '#' => self.at += rest.find('\n').unwrap_or(rest.len()),
            '"' | '\'' | '`' => self.quoted(c),
            '/' if self.regex_may_begin() => self.regex(),
            '(' | '[' => {
                self.push(Kind::Sign, 1);
                self.open.push((c, self.at - 1));
            }
            ')' | ']' => self.close(c),
            '|' => {
                self.push(Kind::Sign, 1);
                self.command = "";
            }
            c if is_part(c) => {
                let length = rest.find(|c| !is_part(c)).unwrap_or(rest.len());
                let kind = if c.is_ascii_digit() { Kind::Number } else { Kind::Word };
                if self.command.is_empty() {
                    self.command = rest.get(..length).unwrap_or_default();
                }
                self.push(kind, length);
            }
            _ => {
                let two = rest.get(..2).is_some_and(|two| ["!=", "<=", ">=", "=~", "=="].contains(&two));
                self.push(Kind::Sign, if two { 2 } else { c.len_utf8() });
            }
        }
    }

    fn quoted(&mut self, quote: char) {
        let mut escaped = false;
        let end = self.rest().char_indices().skip(1).find(|(_, c)| {
            let ends = (*c == quote && !escaped) || *c == '\n';
            escaped = *c == '\\' && !escaped;
            ends
        });
        let kind = if quote == '`' { Kind::Word } else { Kind::Text };
        match end {
            Some((length, c)) if c == quote => self.push(kind, length + 1),
            other => {
                let message = format!("the text that begins with {quote} does not end on its line");
                self.faults.push((Wrong::Unbalanced, self.at, message, "close the quote"));
                let length = other.map_or(self.rest().len(), |(length, _)| length);
                self.push(kind, length);
            }
        }
    }

    fn regex_may_begin(&self) -> bool {
        let Some(before) = self.tokens.last() else { return true };
        let behind = before.is("like") || before.is("=~") || before.is("regex");
        let dividing = DIVIDING.iter().any(|command| self.command.eq_ignore_ascii_case(command));
        behind || (!dividing && matches!(before.kind, Kind::Word | Kind::Sign) && !before.is(")"))
    }

    fn regex(&mut self) {
        let rest = self.rest();
        let mut escaped = false;
        let end = rest.char_indices().skip(1).find(|(_, c)| {
            let ends = (*c == '/' && !escaped) || *c == '\n';
            escaped = *c == '\\' && !escaped;
            ends
        });
        let Some((length, '/')) = end else {
            let message = "the regular expression has no `/` at its end".to_owned();
            let mend = "close it; a `/` inside of it is written \\/";
            self.faults.push((Wrong::Unbalanced, self.at, message, mend));
            self.push(Kind::Regex, end.map_or(rest.len(), |(length, _)| length));
            return;
        };
        if let Some((at, message)) = unbalanced(rest.get(1..length).unwrap_or_default()) {
            self.faults.push((
                Wrong::Unbalanced,
                self.at + 1 + at,
                message,
                "close it, or write a backslash before it",
            ));
        }
        self.push(Kind::Regex, length + 1);
        let flags: String = self.rest().chars().take_while(char::is_ascii_alphabetic).collect();
        if !flags.is_empty() {
            let message = format!("a regular expression has no flags behind it: `{flags}` is not understood");
            let mend = "for letter case, begin it with (?i): /(?i)error/";
            self.faults.push((Wrong::Flags, self.at, message, mend));
            self.at += flags.len();
        }
    }

    fn close(&mut self, c: char) {
        let wanted = if c == ')' { '(' } else { '[' };
        if self.open.last().is_some_and(|(open, _)| *open == wanted) {
            self.open.pop();
        } else {
            self.faults.push((Wrong::Unbalanced, self.at, format!("`{c}` closes nothing"), "delete it"));
        }
        self.push(Kind::Sign, 1);
    }
}

fn is_part(c: char) -> bool {
    c.is_alphanumeric() || ['_', '@', '.', '$'].contains(&c)
}

/// A bracket of a regular expression that has no other half.
fn unbalanced(regex: &str) -> Option<(usize, String)> {
    let (mut groups, mut class, mut escaped) = (Vec::new(), None::<usize>, false);
    for (at, c) in regex.char_indices() {
        match c {
            _ if escaped => escaped = false,
            '\\' => escaped = true,
            // A `]` right at the beginning of a class stands for itself.
            ']' if class
                .is_some_and(|from| !["[", "[^"].contains(&regex.get(from..at).unwrap_or_default())) =>
            {
                class = None;
            }
            _ if class.is_some() => {}
            '[' => class = Some(at),
            '(' => groups.push(at),
            ')' if groups.pop().is_none() => {
                return Some((at, "a `)` of the regular expression closes nothing".to_owned()));
            }
            _ => {}
        }
    }
    let open = class.or(groups.pop())?;
    Some((open, "a bracket of the regular expression is not closed".to_owned()))
}
