//! Reads JSON as people write it: tells each fault with its place, and reads on.
//!
//! `serde_json` and jsonc-parser end at the first fault; half of a broken file is still worth judging.
//! It does not know what the values mean.

use std::collections::BTreeSet;

use super::Findings;
use super::json::{Member, Node, Value};
use super::rule::{self, Rule};
use super::text::{Text, unescaped};

/// Deeper than any dashboard; what is deeper is passed over.
const DEEPEST: usize = 100;

/// More values than any dashboard has: 500 widgets with 500 metrics of a dozen words would be too many for
/// the service, too.
const MOST_VALUES: usize = 1_000_000;

/// After so many faults it is no JSON, and nothing is gained by more of them.
const MOST_FAULTS: usize = 20;

/// Everything that stands in a text: one value, if all is well.
pub(super) fn read(text: &Text, out: &mut Findings) -> Vec<Node> {
    let mut reader = Reader { text, at: 0, open: Vec::new(), values: 0, faults: 0, over: false, out };
    let mut roots = Vec::new();
    while reader.next_root(roots.is_empty()) {
        roots.push(reader.value());
    }
    roots
}

struct Reader<'a> {
    text: &'a Text,
    at: usize,
    /// The brackets that are open.
    open: Vec<u8>,
    values: usize,
    faults: usize,
    /// Whether there was more than one value.
    over: bool,
    out: &'a mut Findings,
}

impl<'a> Reader<'a> {
    fn rest(&self) -> &'a str {
        self.text.text.get(self.at..).unwrap_or_default()
    }

    fn peek(&self) -> Option<u8> {
        self.text.text.as_bytes().get(self.at).copied()
    }

    fn fault(&mut self, at: usize, rule: &'static Rule, message: String, mend: &str) {
        self.faults += 1;
        if self.faults <= MOST_FAULTS {
            self.out.add(rule, self.text.origin(at), String::new(), message, mend);
        }
    }

    fn syntax(&mut self, message: impl Into<String>, mend: &str) {
        self.fault(self.at, &rule::JSON_SYNTAX, message.into(), mend);
    }

    /// Goes to where a value may begin at the top level.
    fn next_root(&mut self, first: bool) -> bool {
        self.skip_space();
        if self.peek().is_none() || self.values >= MOST_VALUES {
            return false;
        }
        if first {
            return true;
        }
        if !self.over {
            self.over = true;
            self.syntax(
                "the JSON ends before this, and here is more text",
                "one value per file: join the parts in one array, with commas, or delete what is left over",
            );
        }
        // What is left of a list that lost its brackets is a row of objects.
        let next = self.rest().find('{').map(|next| self.at + next);
        self.at = next.unwrap_or(self.text.text.len());
        next.is_some()
    }

    /// Blanks and comments.
    fn skip_space(&mut self) {
        loop {
            let trimmed = self.rest().trim_start_matches([' ', '\t', '\r', '\n', '\u{feff}']);
            self.at = self.text.text.len() - trimmed.len();
            let length = if trimmed.starts_with("//") || trimmed.starts_with('#') {
                trimmed.find('\n').unwrap_or(trimmed.len())
            } else if trimmed.starts_with("/*") {
                trimmed.find("*/").map_or(trimmed.len(), |end| end + 2)
            } else {
                return;
            };
            self.fault(
                self.at,
                &rule::JSON_COMMENT,
                "JSON has no comments: AWS refuses the file".to_owned(),
                "delete it",
            );
            self.at += length;
        }
    }

    fn node(&self, from: usize, value: Value) -> Node {
        Node { span: (from, self.at), value }
    }

    fn value(&mut self) -> Node {
        self.skip_space();
        let from = self.at;
        self.values += 1;
        if self.values >= MOST_VALUES {
            self.syntax("more values than can be looked at", "a dashboard has at most 500 widgets");
            self.at = self.text.text.len();
            return self.node(from, Value::Unknown);
        }
        match self.peek() {
            Some(b'{' | b'[') if self.open.len() >= DEEPEST => self.pass_over(),
            Some(b'{') => self.object(),
            Some(b'[') => self.array(),
            Some(b'"' | b'\'') => {
                let text = self.string();
                self.node(from, Value::String(text))
            }
            Some(b'$' | b'%') if self.rest().get(1..2) == Some("{") => self.variable(),
            Some(_) => self.word(),
            None => self.node(from, Value::Unknown),
        }
    }

    /// What is nested too deeply.
    fn pass_over(&mut self) -> Node {
        let from = self.at;
        self.syntax("nested more than 100 levels deep", "no file of CloudWatch's is");
        let mut depth = 0_usize;
        while let Some(byte) = self.peek() {
            match byte {
                b'"' => {
                    self.string();
                    continue;
                }
                b'{' | b'[' => depth += 1,
                b'}' | b']' => depth -= 1,
                _ => {}
            }
            self.at += 1;
            if depth == 0 {
                break;
            }
        }
        self.node(from, Value::Unknown)
    }

    fn string(&mut self) -> String {
        let from = self.at;
        let bytes = self.text.text.as_bytes();
        let quote = bytes.get(from).copied().unwrap_or(b'"');
        if quote == b'\'' {
            self.syntax("JSON's strings stand in double quotes", "write \"…\" instead of '…'");
        }
        self.at += 1;
        loop {
            match self.peek() {
                Some(byte) if byte == quote => break,
                Some(b'\\') => self.at += 2,
                Some(b'\n') | None => {
                    let end = self.at.min(bytes.len());
                    self.at = from;
                    let mend = "close the quotes; a line break inside of a string is written \\n";
                    self.syntax("this string does not end on its line", mend);
                    self.at = end;
                    return self.literal(from);
                }
                Some(_) => self.at += 1,
            }
        }
        self.at += 1;
        self.literal(from)
    }

    fn literal(&mut self, from: usize) -> String {
        self.at = self.text.text.ceil_char_boundary(self.at);
        unescaped(self.text.text.get(from..self.at).unwrap_or_default(), |_, _| ())
    }

    /// `${…}` outside of quotes: a Terraform template that is no JSON before it is rendered.
    fn variable(&mut self) -> Node {
        let from = self.at;
        let mut depth = 0_usize;
        while let Some(byte) = self.peek() {
            match byte {
                b'{' => depth += 1,
                b'}' if depth > 0 => depth -= 1,
                b'\n' => break,
                b',' | b']' | b'}' if depth == 0 => break,
                _ => {}
            }
            self.at += 1;
        }
        let text = self.text.text.get(from..self.at).unwrap_or_default().trim_end().to_owned();
        self.fault(
            from,
            &rule::TEMPLATE,
            format!("`{text}` is a template's variable, not JSON"),
            "render the template first (Terraform: templatefile, then `terraform show -json` or an output) and lint the result",
        );
        self.node(from, Value::Unknown)
    }

    /// A number, `true`, `false`, `null`, or what is none of them.
    fn word(&mut self) -> Node {
        let from = self.at;
        let rest = self.rest();
        let length =
            rest.find([',', ']', '}', ':', '\n', '\r', ' ', '\t', '"', '[', '{']).unwrap_or(rest.len());
        let word = rest.get(..length).unwrap_or_default().to_owned();
        self.at += length;
        let value = match word.as_str() {
            "true" => Value::Bool(true),
            "false" => Value::Bool(false),
            "null" => Value::Null,
            _ => match serde_json::from_str::<f64>(&word) {
                Ok(number) => Value::Number(number),
                Err(_) => return self.no_word(from, &word),
            },
        };
        self.node(from, value)
    }

    fn no_word(&mut self, from: usize, word: &str) -> Node {
        let at = self.at;
        self.at = from;
        if word.is_empty() {
            let found = self.rest().chars().next().unwrap_or(' ');
            self.syntax(format!("a value should stand here, not {found:?}"), "write the value");
        } else {
            let mend = match word {
                "True" | "False" | "None" => "write true, false or null: this is Python's word",
                _ => "a text stands in double quotes; a number has no unit and no leading zero",
            };
            self.syntax(format!("`{word}` is no JSON value"), mend);
        }
        self.at = at;
        self.node(from, Value::Unknown)
    }

    fn array(&mut self) -> Node {
        let from = self.enter();
        let mut items = Vec::new();
        let mut comma = None;
        loop {
            self.skip_space();
            match self.peek() {
                Some(b']') => break self.leave(comma),
                Some(b'}') if self.open.iter().rev().skip(1).any(|open| *open == b'{') => {
                    break self.mismatch(from, ']');
                }
                None => break self.unclosed(from, ']'),
                Some(b',') => self.comma(&mut comma, items.is_empty()),
                Some(b'}' | b':') => self.stray(),
                Some(_) => {
                    self.between(&mut comma, items.is_empty());
                    items.push(self.value());
                }
            }
        }
        self.node(from, Value::Array(items))
    }

    fn object(&mut self) -> Node {
        let from = self.enter();
        let mut members: Vec<Member> = Vec::new();
        let mut comma = None;
        loop {
            self.skip_space();
            match self.peek() {
                Some(b'}') => break self.leave(comma),
                Some(b']') if self.open.contains(&b'[') => break self.mismatch(from, '}'),
                None => break self.unclosed(from, '}'),
                Some(b',') => self.comma(&mut comma, members.is_empty()),
                Some(b']' | b':' | b'{' | b'[') => self.stray(),
                Some(_) => {
                    self.between(&mut comma, members.is_empty());
                    members.extend(self.member());
                }
            }
        }
        self.repeated(&members);
        self.node(from, Value::Object(members))
    }

    fn member(&mut self) -> Option<Member> {
        let at = self.at;
        let key = match self.value() {
            Node { value: Value::String(key), .. } => key,
            Node { value: Value::Unknown, .. } => String::new(),
            node => {
                self.at = at;
                self.syntax("a key stands in double quotes", "write \"key\": value");
                self.at = node.span.1;
                self.text.text.get(node.span.0..node.span.1).unwrap_or_default().to_owned()
            }
        };
        self.skip_space();
        if self.peek() == Some(b':') {
            self.at += 1;
            self.skip_space();
        } else if !key.is_empty() {
            self.syntax(format!("there is no `:` after the key \"{key}\""), "write \"key\": value");
        }
        if matches!(self.peek(), Some(b',' | b'}' | b']') | None) {
            if !key.is_empty() {
                self.syntax(format!("\"{key}\" has no value"), "write \"key\": value");
            }
            return None;
        }
        Some(Member { key, at, value: self.value() })
    }

    fn repeated(&mut self, members: &[Member]) {
        let mut seen = BTreeSet::new();
        for member in members.iter().filter(|member| !member.key.is_empty() && !seen.insert(&member.key)) {
            let message = format!("\"{}\" stands twice in one object: only the last counts", member.key);
            self.fault(member.at, &rule::JSON_DUPLICATE_KEY, message, "delete one of them");
        }
    }

    fn enter(&mut self) -> usize {
        self.open.extend(self.peek());
        self.at += 1;
        self.at - 1
    }

    fn leave(&mut self, comma: Option<usize>) {
        if let Some(at) = comma {
            let message = "a comma before the closing bracket: AWS refuses the file".to_owned();
            self.fault(at, &rule::JSON_TRAILING_COMMA, message, "delete the comma");
        }
        self.at += 1;
        self.open.pop();
    }

    fn unclosed(&mut self, from: usize, bracket: char) {
        let end = self.at;
        self.at = from;
        self.syntax(
            format!("what opens here is not closed by `{bracket}`"),
            "close it; the file may be cut off",
        );
        self.at = end;
        self.open.pop();
    }

    /// The bracket belongs to something around it, which will take it.
    fn mismatch(&mut self, from: usize, bracket: char) {
        let line = self.out.line(self.text.origin(from));
        self.syntax(
            format!("here should stand the `{bracket}` for what opens in line {line}"),
            "close the brackets in the order in which they were opened",
        );
        self.open.pop();
    }

    fn comma(&mut self, comma: &mut Option<usize>, first: bool) {
        if comma.is_some() || first {
            self.syntax("a comma with no value before it", "delete the comma");
        }
        *comma = Some(self.at);
        self.at += 1;
    }

    fn between(&mut self, comma: &mut Option<usize>, first: bool) {
        if comma.take().is_none() && !first {
            self.syntax("there is no comma between this and what stands before it", "write a comma");
        }
    }

    fn stray(&mut self) {
        let found = char::from(self.peek().unwrap_or(b' '));
        self.syntax(
            format!("`{found}` does not belong here"),
            "delete it, or write what is missing before it",
        );
        self.at += 1;
    }
}
