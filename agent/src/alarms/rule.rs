//! The rule of a composite alarm: from its text to a tree, and whether it holds.
//!
//! It does not know which alarms there are.
//!
//! <https://docs.aws.amazon.com/AmazonCloudWatch/latest/APIReference/API_PutCompositeAlarm.html>

use super::evaluate::State;

/// A rule has 10,240 characters at most; brackets nest in a tenth of that nowhere.
const DEEPEST: usize = 100;

/// A rule, or a part of it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Rule {
    /// `TRUE`, `FALSE`
    Always(bool),
    /// `ALARM("name")` and the like: the alarm, by its name, is in this state.
    Is(State, String),
    /// `NOT`
    Not(Box<Self>),
    /// `AND`; none is never.
    All(Vec<Self>),
    /// `OR`; none is never.
    Any(Vec<Self>),
}

impl Rule {
    /// Reads a rule. The error says what is wrong, in words.
    pub fn parse(text: &str) -> Result<Self, String> {
        let mut parser = Parser { rest: text };
        let rule = parser.any(0)?;
        match parser.rest.trim_start() {
            "" => Ok(rule),
            rest => Err(format!("{} does not belong here", short(rest))),
        }
    }

    /// Whether it holds. An alarm that nobody knows is in no state.
    pub fn holds(&self, state: &dyn Fn(&str) -> Option<State>) -> bool {
        match self {
            Self::Always(holds) => *holds,
            Self::Is(wanted, name) => state(name) == Some(*wanted),
            Self::Not(rule) => !rule.holds(state),
            Self::All(rules) => rules.iter().all(|rule| rule.holds(state)),
            Self::Any(rules) => rules.iter().any(|rule| rule.holds(state)),
        }
    }

    /// The alarms that it names, as often as it does.
    pub fn names(&self) -> Vec<&str> {
        match self {
            Self::Always(_) => Vec::new(),
            Self::Is(_, name) => vec![name],
            Self::Not(rule) => rule.names(),
            Self::All(rules) | Self::Any(rules) => rules.iter().flat_map(Self::names).collect(),
        }
    }
}

/// The name in an alarm's ARN, `arn:aws:cloudwatch:eu-west-1:123456789012:alarm:name`; any other text is a
/// name already.
pub fn name_of(alarm: &str) -> &str {
    let name = alarm.strip_prefix("arn:").and_then(|rest| rest.split_once(":alarm:"));
    name.map_or(alarm, |(_, name)| name)
}

fn short(text: &str) -> String {
    format!("{:?}", text.chars().take(20).collect::<String>())
}

struct Parser<'a> {
    rest: &'a str,
}

impl<'a> Parser<'a> {
    fn take(&mut self, what: &str) -> bool {
        let rest = self.rest.trim_start();
        let Some(behind) = rest.strip_prefix(what) else { return false };
        let word = what.starts_with(|c: char| c.is_ascii_alphabetic());
        if word && behind.starts_with(|c: char| c.is_alphanumeric() || c == '_') {
            return false;
        }
        self.rest = behind;
        true
    }

    fn any(&mut self, depth: usize) -> Result<Rule, String> {
        let mut rules = vec![self.all(depth)?];
        while self.take("OR") {
            rules.push(self.all(depth)?);
        }
        Ok(one_or(rules, Rule::Any))
    }

    fn all(&mut self, depth: usize) -> Result<Rule, String> {
        let mut rules = vec![self.one(depth)?];
        while self.take("AND") {
            rules.push(self.one(depth)?);
        }
        Ok(one_or(rules, Rule::All))
    }

    fn one(&mut self, depth: usize) -> Result<Rule, String> {
        if depth > DEEPEST {
            return Err("nested too deeply to be read".to_owned());
        }
        if self.take("NOT") {
            return Ok(Rule::Not(Box::new(self.one(depth + 1)?)));
        }
        if self.take("TRUE") {
            return Ok(Rule::Always(true));
        }
        if self.take("FALSE") {
            return Ok(Rule::Always(false));
        }
        if self.take("(") {
            let rule = self.any(depth + 1)?;
            return if self.take(")") { Ok(rule) } else { Err("a bracket is not closed".to_owned()) };
        }
        for state in [State::Alarm, State::Ok, State::InsufficientData] {
            if self.take(state.word()) {
                return Ok(Rule::Is(state, name_of(self.name()?).to_owned()));
            }
        }
        match self.rest.trim_start() {
            "" => Err("the rule ends where a condition should stand".to_owned()),
            rest => Err(format!("{} is no condition", short(rest))),
        }
    }

    /// What stands in the brackets, with quotes or without.
    fn name(&mut self) -> Result<&'a str, String> {
        if !self.take("(") {
            return Err("a bracket with the name of an alarm is missing".to_owned());
        }
        let rest = self.rest.trim_start();
        let (name, behind) = match rest.strip_prefix('"') {
            Some(quoted) => {
                let (name, behind) = quoted.split_once('"').ok_or("a quote is not closed")?;
                let behind = behind.trim_start().strip_prefix(')');
                (name, behind.ok_or("a bracket is not closed")?)
            }
            None => rest.split_once(')').ok_or("a bracket is not closed")?,
        };
        self.rest = behind;
        let name = name.trim();
        if name.is_empty() { Err("the name of an alarm is missing".to_owned()) } else { Ok(name) }
    }
}

fn one_or(mut rules: Vec<Rule>, many: impl Fn(Vec<Rule>) -> Rule) -> Rule {
    match rules.pop() {
        Some(only) if rules.is_empty() => only,
        last => many(rules.into_iter().chain(last).collect()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Of the alarms `a` (ALARM), `o` (OK) and `i` (`INSUFFICIENT_DATA`).
    fn holds(text: &str) -> bool {
        let state = |name: &str| match name {
            "a" => Some(State::Alarm),
            "o" => Some(State::Ok),
            "i" => Some(State::InsufficientData),
            _ => None,
        };
        Rule::parse(text).unwrap_or_else(|why| panic!("{text}: {why}")).holds(&state)
    }

    #[test]
    fn a_rule_is_about_the_states_of_others() {
        for (text, expected) in [
            ("ALARM(a)", true),
            ("ALARM(\"a\")", true),
            ("ALARM(\"arn:aws:cloudwatch:eu-west-1:123456789012:alarm:a\")", true),
            ("ALARM(arn:aws:cloudwatch:eu-west-1:123456789012:alarm:o)", false),
            ("OK(o)", true),
            ("OK(a)", false),
            ("INSUFFICIENT_DATA(i)", true),
            ("INSUFFICIENT_DATA(o)", false),
            ("ALARM(nobody)", false),
            ("NOT ALARM(nobody)", true),
            ("TRUE", true),
            ("FALSE", false),
            ("ALARM(a) AND OK(o)", true),
            ("ALARM(a) AND OK(a)", false),
            ("ALARM(o) OR OK(o)", true),
            // AND binds tighter than OR.
            ("TRUE OR FALSE AND FALSE", true),
            ("(TRUE OR FALSE) AND FALSE", false),
            ("NOT FALSE AND FALSE", false),
            ("NOT (FALSE AND FALSE)", true),
            ("NOT NOT TRUE", true),
            // The page's own examples.
            ("ALARM(a) AND NOT ALARM(o)", true),
            ("(ALARM(o) OR ALARM(a)) AND OK(o)", true),
        ] {
            assert_eq!(holds(text), expected, "{text}");
        }
    }

    #[test]
    fn names_are_told() {
        let rule = Rule::parse("ALARM(\"a b\") OR NOT (OK(c) AND TRUE)").unwrap();
        assert_eq!(rule.names(), ["a b", "c"]);
    }

    #[test]
    fn what_is_no_rule_is_refused() {
        for (text, why) in [
            ("", "ends where"),
            ("ALARM(a", "not closed"),
            ("ALARM(\"a)", "quote is not closed"),
            ("ALARM(\"a\" b)", "bracket is not closed"),
            ("ALARM()", "name of an alarm is missing"),
            ("ALARM a", "bracket with the name"),
            ("ALARMS(a)", "no condition"),
            ("ALARM(a) ALARM(o)", "does not belong"),
            ("ALARM(a) AND", "ends where"),
            ("(TRUE", "bracket is not closed"),
            ("XOR", "no condition"),
        ] {
            let error = Rule::parse(text).unwrap_err();
            assert!(error.contains(why), "{text}: {error}");
        }
        assert!(Rule::parse(&"(".repeat(100_000)).is_err());
        assert!(Rule::parse(&"NOT ".repeat(100_000)).is_err());
    }
}
