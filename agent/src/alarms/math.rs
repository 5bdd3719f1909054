//! Metric math: from the text of an expression to a tree, in which each part knows where it stands.
//!
//! It does not know which ids and functions there are; what a tree gives, `math/value.rs` and
//! `math/function.rs` know.
//!
//! <https://docs.aws.amazon.com/AmazonCloudWatch/latest/monitoring/using-metric-math.html>

pub mod function;
pub mod value;

/// Brackets within one another.
const DEEPEST: usize = 60;

/// An expression has 2,048 characters at most, and an operator takes one with its operand.
/// <https://docs.aws.amazon.com/AmazonCloudWatch/latest/APIReference/API_MetricDataQuery.html>
const MOST_OPERATORS: usize = 1024;

/// A part of an expression.
#[derive(Debug, Clone, PartialEq)]
pub struct Node {
    /// What it is.
    pub kind: Kind,
    /// Its first byte; of a quoted text the first within the quotes.
    pub from: usize,
    /// The byte behind its last one, likewise.
    pub to: usize,
}

/// What a part of an expression is.
#[derive(Debug, Clone, PartialEq)]
#[expect(missing_docs, reason = "the names say it")]
pub enum Kind {
    Number(f64),
    Text(String),
    /// An id, or a word that stands for itself: `REPEAT`, `DESC`.
    Name(String),
    List(Vec<Node>),
    Negative(Box<Node>),
    Not(Box<Node>),
    Operation(Box<Node>, Operator, Box<Node>),
    /// A function, as it is written, with its arguments.
    Call(String, Vec<Node>),
}

/// What stands between two values.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[expect(missing_docs, reason = "the names say it")]
pub enum Operator {
    Or,
    And,
    Equal,
    NotEqual,
    AtMost,
    AtLeast,
    Below,
    Above,
    Plus,
    Minus,
    Times,
    Over,
    /// Nothing of `CloudWatch`'s, but it is written.
    Modulo,
    Power,
}

/// Longer signs first, for `<` begins `<=`.
const SIGNS: [(&str, Operator); 14] = [
    ("==", Operator::Equal),
    ("!=", Operator::NotEqual),
    ("<=", Operator::AtMost),
    (">=", Operator::AtLeast),
    ("&&", Operator::And),
    ("||", Operator::Or),
    ("<", Operator::Below),
    (">", Operator::Above),
    ("+", Operator::Plus),
    ("-", Operator::Minus),
    ("*", Operator::Times),
    ("/", Operator::Over),
    ("^", Operator::Power),
    ("%", Operator::Modulo),
];

/// How tight an operator binds. The page does not say: as everywhere.
fn binding(operator: Operator) -> u8 {
    match operator {
        Operator::Or => 1,
        Operator::And => 2,
        Operator::Equal
        | Operator::NotEqual
        | Operator::AtMost
        | Operator::AtLeast
        | Operator::Below
        | Operator::Above => 3,
        Operator::Plus | Operator::Minus => 4,
        Operator::Times | Operator::Over | Operator::Modulo => 5,
        Operator::Power => 6,
    }
}

/// Why an expression cannot be read: the byte, and words.
pub type Unread = (usize, String);

/// Reads an expression.
pub fn parse(text: &str) -> Result<Node, Unread> {
    let mut parser = Parser { text, at: 0, operators: 0 };
    let read = parser.expression(0, 0).and_then(|node| match parser.next() {
        None => Ok(node),
        Some(found) => Err(format!("{found:?} does not belong here")),
    });
    read.map_err(|message| (parser.at.min(text.len()), message))
}

struct Parser<'a> {
    text: &'a str,
    at: usize,
    operators: usize,
}

type Read<T> = Result<T, String>;

impl Parser<'_> {
    fn rest(&self) -> &str {
        self.text.get(self.at..).unwrap_or_default()
    }

    /// The next character that is no blank, which is not taken.
    fn next(&mut self) -> Option<char> {
        let rest = self.rest();
        let blank = rest.len() - rest.trim_start().len();
        self.at += blank;
        self.rest().chars().next()
    }

    fn take(&mut self, what: &str) -> bool {
        self.next();
        let taken = self.rest().starts_with(what);
        self.at += if taken { what.len() } else { 0 };
        taken
    }

    fn word(&mut self) -> String {
        let is_part = |c: char| c.is_ascii_alphanumeric() || c == '_' || c == '.';
        let word: String = self.rest().chars().take_while(|c| is_part(*c)).collect();
        self.at += word.len();
        word
    }

    /// Operands and the operators between them that bind as tight as `least`, at least.
    fn expression(&mut self, depth: usize, least: u8) -> Read<Node> {
        let mut left = self.operand(depth)?;
        loop {
            let before = self.at;
            let Some(operator) = self.operator() else { return Ok(left) };
            let tight = binding(operator);
            if tight < least {
                self.at = before;
                return Ok(left);
            }
            self.operators += 1;
            if self.operators > MOST_OPERATORS {
                return Err("longer than any that CloudWatch takes".to_owned());
            }
            // Powers belong together from the right.
            let right =
                self.expression(depth, if operator == Operator::Power { tight } else { tight + 1 })?;
            let (from, to) = (left.from, right.to);
            left = Node { kind: Kind::Operation(Box::new(left), operator, Box::new(right)), from, to };
        }
    }

    fn operator(&mut self) -> Option<Operator> {
        if let Some((_, operator)) = SIGNS.iter().find(|(sign, _)| self.take(sign)) {
            return Some(*operator);
        }
        let is_word = |rest: &str, word: &str| {
            rest.get(..word.len()).is_some_and(|head| head.eq_ignore_ascii_case(word))
                && !rest
                    .get(word.len()..)
                    .unwrap_or_default()
                    .starts_with(|c: char| c.is_alphanumeric() || c == '_')
        };
        let words = [("AND", Operator::And), ("OR", Operator::Or)];
        let (word, operator) = words.into_iter().find(|(word, _)| is_word(self.rest(), word))?;
        self.at += word.len();
        Some(operator)
    }

    fn operand(&mut self, depth: usize) -> Read<Node> {
        if depth > DEEPEST {
            return Err("nested too deeply to be read".to_owned());
        }
        self.next();
        let from = self.at;
        if self.take("+") {
            return self.operand(depth + 1);
        }
        if self.take("-") {
            let of = self.expression(depth + 1, binding(Operator::Power))?;
            let to = of.to;
            return Ok(Node { kind: Kind::Negative(Box::new(of)), from, to });
        }
        if self.take("!") {
            return self.not(from, depth);
        }
        match self.next() {
            None => Err("the expression ends where a value should stand".to_owned()),
            Some('(') => self.list(')', depth, true),
            Some('[') => self.list(']', depth, false),
            Some('\'' | '"') => self.string(),
            Some(c) if c.is_ascii_digit() || c == '.' => self.number(),
            Some(c) if c.is_ascii_alphabetic() || c == '_' => self.name(depth),
            Some(c) => Err(format!("{c:?} does not belong here")),
        }
    }

    fn not(&mut self, from: usize, depth: usize) -> Read<Node> {
        let of = self.operand(depth + 1)?;
        let to = of.to;
        Ok(Node { kind: Kind::Not(Box::new(of)), from, to })
    }

    fn number(&mut self) -> Read<Node> {
        let from = self.at;
        let mut word = self.word();
        // 1e-3
        if word.ends_with(['e', 'E']) && (self.rest().starts_with('-') || self.rest().starts_with('+')) {
            self.at += 1;
            self.word();
            self.text.get(from..self.at).unwrap_or_default().clone_into(&mut word);
        }
        if let Ok(number) = word.parse() {
            return Ok(Node { kind: Kind::Number(number), from, to: self.at });
        }
        self.at = from;
        Err(format!("{word:?} is neither a number nor an id"))
    }

    fn string(&mut self) -> Read<Node> {
        let open = self.at;
        let quote = self.next().unwrap_or('"');
        self.at += 1;
        let mut escaped = false;
        let end = self.rest().char_indices().find(|(_, c)| {
            let is_end = *c == quote && !escaped;
            escaped = *c == '\\' && !escaped;
            is_end
        });
        let Some((length, _)) = end else {
            self.at = open;
            return Err("this text is not closed by a quote".to_owned());
        };
        let (from, to) = (self.at, self.at + length);
        let text = self.text.get(from..to).unwrap_or_default().to_owned();
        self.at = to + 1;
        Ok(Node { kind: Kind::Text(text), from, to })
    }

    /// What stands between brackets.
    fn list(&mut self, close: char, depth: usize, one: bool) -> Read<Node> {
        let from = self.at;
        self.at += 1;
        let close = close.to_string();
        let mut items = Vec::new();
        loop {
            items.push(self.expression(depth + 1, 0)?);
            if self.take(&close) {
                let kind = match items.pop() {
                    Some(only) if one => only.kind,
                    last => Kind::List(items.into_iter().chain(last).collect()),
                };
                return Ok(Node { kind, from, to: self.at });
            }
            if one || !self.take(",") {
                if self.next().is_none() {
                    self.at = from;
                    return Err(format!("this bracket is not closed by {close:?}"));
                }
                return Err(format!("{close:?} should stand here"));
            }
        }
    }

    fn name(&mut self, depth: usize) -> Read<Node> {
        let from = self.at;
        let word = self.word();
        let to = self.at;
        if self.next() == Some('(') {
            return self.call(word, from, depth);
        }
        if word.eq_ignore_ascii_case("not") {
            return self.not(from, depth);
        }
        Ok(Node { kind: Kind::Name(word), from, to })
    }

    fn call(&mut self, word: String, from: usize, depth: usize) -> Read<Node> {
        let open = self.at;
        self.at += 1;
        let mut arguments = Vec::new();
        while !self.take(")") {
            if !arguments.is_empty() && !self.take(",") {
                if self.next().is_none() {
                    self.at = open;
                    return Err("this bracket is not closed by \")\"".to_owned());
                }
                return Err("\",\" or \")\" should stand here".to_owned());
            }
            self.next();
            arguments.push(self.expression(depth + 1, 0)?);
        }
        Ok(Node { kind: Kind::Call(word, arguments), from, to: self.at })
    }
}

impl Node {
    /// Shows each part of the tree, from the left.
    pub fn walk<'a>(&'a self, see: &mut impl FnMut(&'a Self)) {
        see(self);
        match &self.kind {
            Kind::Number(_) | Kind::Text(_) | Kind::Name(_) => {}
            Kind::Negative(of) | Kind::Not(of) => of.walk(see),
            Kind::Operation(left, _, right) => {
                left.walk(see);
                right.walk(see);
            }
            Kind::List(items) | Kind::Call(_, items) => items.iter().for_each(|item| item.walk(see)),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// With all brackets.
    fn shown(node: &Node) -> String {
        let all = |nodes: &[Node]| nodes.iter().map(shown).collect::<Vec<_>>().join(" ");
        match &node.kind {
            Kind::Number(number) => number.to_string(),
            Kind::Text(text) => format!("{text:?}"),
            Kind::Name(name) => name.clone(),
            Kind::List(items) => format!("[{}]", all(items)),
            Kind::Negative(of) => format!("(neg {})", shown(of)),
            Kind::Not(of) => format!("(not {})", shown(of)),
            Kind::Operation(left, operator, right) => {
                format!("({operator:?} {} {})", shown(left), shown(right))
            }
            Kind::Call(name, arguments) => format!("{name}({})", all(arguments)),
        }
    }

    #[test]
    fn operators_bind_as_everywhere() {
        for (text, tree) in [
            ("a + b * c", "(Plus a (Times b c))"),
            ("a - b - c", "(Minus (Minus a b) c)"),
            ("a ^ b ^ c", "(Power a (Power b c))"),
            ("-a ^ 2 * b", "(Times (neg (Power a 2)) b)"),
            ("a / b % c", "(Modulo (Over a b) c)"),
            ("a < 1 AND b >= 2 or c", "(Or (And (Below a 1) (AtLeast b 2)) c)"),
            ("a || b && c", "(Or a (And b c))"),
            ("NOT a == 1", "(Equal (not a) 1)"),
            ("(a + b) * c", "(Times (Plus a b) c)"),
            ("SUM([m1, m2]) / FILL(m3, REPEAT)", "(Over SUM([m1 m2]) FILL(m3 REPEAT))"),
            ("METRICS() * 1e-3", "(Times METRICS() 0.001)"),
            ("METRICS('a')", "METRICS(\"a\")"),
            ("order - andes", "(Minus order andes)"),
        ] {
            assert_eq!(parse(text).map(|node| shown(&node)), Ok(tree.to_owned()), "{text}");
        }
    }

    #[test]
    fn what_cannot_be_read_is_said_with_its_place() {
        for (text, at, why) in [
            ("", 0, "ends where a value"),
            ("m1 +", 4, "ends where a value"),
            ("m1 m2", 3, "'m' does not belong"),
            ("(m1", 0, "not closed by \")\""),
            ("[m1, m2", 0, "not closed by \"]\""),
            ("(m1, m2)", 3, "\")\" should stand"),
            ("SUM(m1", 3, "not closed"),
            ("SUM(m1 m2)", 7, "should stand here"),
            ("SUM(m1,)", 7, "')' does not belong"),
            ("'abc", 0, "not closed by a quote"),
            ("1.2.3", 0, "neither a number"),
            ("m1 = 1", 3, "'=' does not belong"),
        ] {
            let (found, message) = parse(text).unwrap_err();
            assert_eq!(found, at, "{text}: {message}");
            assert!(message.contains(why), "{text}: {message}");
        }
    }

    #[test]
    fn what_is_made_to_break_it_is_refused() {
        for text in
            ["(".repeat(100_000), "-".repeat(100_000), "[".repeat(100_000), "1+".repeat(100_000) + "1"]
        {
            assert!(parse(&text).is_err());
        }
        let deep = format!("{}1{}", "(1+".repeat(50), ")".repeat(50));
        assert!(parse(&deep).is_ok());
        assert!(parse(&vec!["1"; MOST_OPERATORS].join("+")).is_ok());
    }

    #[test]
    fn each_part_knows_where_it_stands() {
        let text = "SUM(METRICS('4xx')) / (a + bc)";
        let mut seen = Vec::new();
        parse(text).unwrap().walk(&mut |node| seen.push(text.get(node.from..node.to).unwrap().to_owned()));
        assert_eq!(seen, [text, "SUM(METRICS('4xx'))", "METRICS('4xx')", "4xx", "(a + bc)", "a", "bc"]);
    }
}
