//! `SEARCH`: which of the metrics that are there it finds.
//!
//! Its terms are read as the page of the service has them: `{namespace, dimensions}`, `name=value`, `name="exactly"`,
//! `name=(a OR b)`, bare words, `NOT`, `AND`, `OR`. Brackets around several terms are not: they are read past.
//!
//! <https://docs.aws.amazon.com/AmazonCloudWatch/latest/monitoring/search-expression-syntax.html>

use crate::alarms::evaluate::data::Name;

/// A query has 1,024 characters at most, so no more terms than that.
const MOST_TERMS: usize = 512;

/// What a search looks for.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct Search {
    /// Namespace and the dimensions that a metric has, no more and no fewer.
    pub schema: Option<(String, Vec<String>)>,
    /// One of these groups, all terms of it.
    any: Vec<Vec<Term>>,
}

#[derive(Debug, Clone, PartialEq, Eq)]
struct Term {
    /// `MetricName`, `Namespace` or a dimension; empty: anything.
    of: String,
    /// One of these, and whether exactly.
    values: Vec<(String, bool)>,
    not: bool,
}

impl Search {
    /// Reads the first argument of `SEARCH`.
    pub(super) fn read(text: &str) -> Self {
        let mut rest = text.trim();
        let mut search = Self::default();
        if let Some((schema, behind)) = rest.strip_prefix('{').and_then(|rest| rest.split_once('}')) {
            let mut names = tokens(schema).into_iter().filter(|(word, _)| word != ",").map(|(word, _)| word);
            search.schema = names.next().map(|namespace| (namespace, names.collect()));
            rest = behind;
        }
        search.any = groups(&tokens(rest));
        search
    }

    /// Whether it finds this metric.
    pub(super) fn finds(&self, name: &Name) -> bool {
        let in_schema = self.schema.as_ref().is_none_or(|(namespace, dimensions)| {
            let has = |wanted: &String| name.dimensions().iter().any(|dimension| dimension.name == *wanted);
            name.namespace() == namespace
                && name.dimensions().len() == dimensions.len()
                && dimensions.iter().all(has)
        });
        in_schema
            && (self.any.is_empty() || self.any.iter().any(|all| all.iter().all(|term| term.finds(name))))
    }

    /// The values that it names for `MetricName` or a dimension, of the terms that are to hold.
    pub(super) fn named(&self, of: &str) -> Vec<&str> {
        let terms = self.any.iter().flatten().filter(|term| !term.not && term.of.eq_ignore_ascii_case(of));
        terms.flat_map(|term| term.values.iter().map(|(value, _)| value.as_str())).collect()
    }
}

impl Term {
    fn finds(&self, name: &Name) -> bool {
        let is = |text: &str| {
            self.values.iter().any(|(value, exactly)| match exactly {
                true => text == value,
                false => text.to_lowercase().contains(&value.to_lowercase()),
            })
        };
        let found = match self.of.as_str() {
            "" => {
                let more = name.dimensions().iter().flat_map(|dimension| [&dimension.name, &dimension.value]);
                is(name.namespace()) || is(name.metric()) || more.into_iter().any(|text| is(text))
            }
            of if of.eq_ignore_ascii_case("MetricName") => is(name.metric()),
            of if of.eq_ignore_ascii_case("Namespace") => is(name.namespace()),
            of => name.dimensions().iter().any(|dimension| dimension.name == of && is(&dimension.value)),
        };
        found != self.not
    }
}

/// Words, and whether they stood in quotation marks; `,`, `=`, `(` and `)` stand alone.
fn tokens(text: &str) -> Vec<(String, bool)> {
    let mut all = Vec::new();
    let mut rest = text.trim_start();
    while let Some(first) = rest.chars().next().filter(|_| all.len() < MOST_TERMS * 4) {
        let (token, quoted, behind) = match first {
            '"' => {
                let inner = rest.get(1..).unwrap_or_default();
                let (word, behind) = inner.split_once('"').unwrap_or((inner, ""));
                (word, true, behind)
            }
            '\\' => ("", false, rest.get(1..).unwrap_or_default()),
            ',' | '=' | '(' | ')' => {
                let (sign, behind) = rest.split_at_checked(1).unwrap_or((rest, ""));
                (sign, false, behind)
            }
            _ => {
                let end =
                    rest.find(|c: char| c.is_whitespace() || ",=()\"\\".contains(c)).unwrap_or(rest.len());
                let (word, behind) = rest.split_at_checked(end).unwrap_or((rest, ""));
                (word, false, behind)
            }
        };
        if !token.is_empty() {
            all.push((token.to_owned(), quoted));
        }
        rest = behind.trim_start();
    }
    all
}

fn groups(tokens: &[(String, bool)]) -> Vec<Vec<Term>> {
    let sign = |at: usize, sign: &str| tokens.get(at).is_some_and(|(word, quoted)| !quoted && word == sign);
    let (mut groups, mut terms, mut not, mut at) = (Vec::new(), Vec::new(), false, 0);
    while let Some((word, quoted)) = tokens.get(at) {
        at += 1;
        match word.as_str() {
            "AND" | "(" | ")" | "," | "=" if !quoted => continue,
            "NOT" if !quoted => {
                not = true;
                continue;
            }
            "OR" if !quoted => {
                groups.push(std::mem::take(&mut terms));
                continue;
            }
            _ => {}
        }
        let (of, values) = if sign(at, "=") && sign(at + 1, "(") {
            let list = tokens.iter().skip(at + 2).take_while(|(word, quoted)| *quoted || word != ")");
            let list: Vec<&(String, bool)> = list.collect();
            at += 3 + list.len();
            let words = list.into_iter().filter(|(word, quoted)| *quoted || (word != "OR" && word != ","));
            (word.clone(), words.cloned().collect())
        } else if sign(at, "=") {
            at += 2;
            (word.clone(), tokens.get(at - 1).cloned().into_iter().collect())
        } else {
            (String::new(), vec![(word.clone(), *quoted)])
        };
        terms.push(Term { of, values, not });
        not = false;
    }
    groups.push(terms);
    groups.retain(|terms| !terms.is_empty());
    groups
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::alarms::definition::Dimension;

    fn name(namespace: &str, metric: &str, dimensions: &[(&str, &str)]) -> Name {
        let all: Vec<Dimension> = dimensions
            .iter()
            .map(|(name, value)| Dimension { name: (*name).into(), value: (*value).into() })
            .collect();
        Name::new(namespace, metric, &all)
    }

    #[test]
    fn a_search_finds_what_the_service_would() {
        let cpu = name("AWS/EC2", "CPUUtilization", &[("InstanceId", "i-1")]);
        let both = name("AWS/EC2", "CPUUtilization", &[("InstanceId", "i-1"), ("Zone", "a")]);
        let memory = name("My space", "mem_used", &[("Group", "web")]);
        for (text, found) in [
            ("{AWS/EC2,InstanceId} MetricName=\"CPUUtilization\"", [true, false, false]),
            ("{AWS/EC2,InstanceId} MetricName=\"CPU\"", [false, false, false]),
            ("{AWS/EC2,InstanceId} MetricName=cpu", [true, false, false]),
            ("{AWS/EC2,Zone,InstanceId}", [false, true, false]),
            ("{\"My space\",Group} MetricName=\"mem_used\" Group=(\"api\" OR \"web\")", [false, false, true]),
            ("Namespace=\"AWS/EC2\" NOT Zone=a", [true, false, false]),
            ("mem OR zone", [false, true, true]),
            ("i-1 AND cpu", [true, true, false]),
            ("", [true, true, true]),
            ("{} \"\" = ( OR", [true, true, true]),
        ] {
            let search = Search::read(text);
            assert_eq!([&cpu, &both, &memory].map(|name| search.finds(name)), found, "{text}: {search:?}");
        }
    }

    #[test]
    fn names_are_told() {
        let search = Search::read("{N,A,B} MetricName=\"x\" A=(\"1\" OR 2) NOT B=3");
        assert_eq!(
            (search.named("MetricName"), search.named("A"), search.named("B").len()),
            (vec!["x"], vec!["1", "2"], 0)
        );
        assert_eq!(search.schema, Some(("N".to_owned(), vec!["A".to_owned(), "B".to_owned()])));
    }
}
