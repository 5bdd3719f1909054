//! Takes out of a text what its reader must not know: by the rules for lines, by form, and literally what this
//! process knows to be secret.
//!
//! Rather too much than too little: what is lost is asked for again.

use anyhow::Context;
use regex::{Captures, Regex};

use crate::config::Config;
use crate::logs::redact::Redactor;

const MASK: &str = "***";

/// Words in names of variables whose values are secret, or may hold a secret.
const SECRET_NAMES: [&str; 9] =
    ["SECRET", "TOKEN", "PASSWORD", "PASSWD", "KEY", "CREDENTIAL", "AUTH", "WEBHOOK", "PATTERN"];

/// A shorter value would black out words.
const SHORTEST: usize = 6;

/// Takes secrets out.
pub(super) struct Scrub {
    redactor: Redactor,
    literal: Vec<String>,
    url: Regex,
    address: Regex,
}

impl Scrub {
    /// For what this configuration and these variables hold, and these texts.
    pub(super) fn new(
        config: &Config,
        environment: impl Iterator<Item = (String, String)>,
        hidden: Vec<String>,
    ) -> anyhow::Result<Self> {
        let patterns: Vec<String> =
            config.logs.redact.patterns.iter().map(|pattern| pattern.as_str().to_owned()).collect();
        let mut literal: Vec<String> =
            environment.filter(|(name, _)| is_secret(name)).map(|(_, value)| value).collect();
        literal.extend(hidden);
        // Patterns may hold the very secret that they are for.
        literal.extend(patterns.clone());
        literal.extend(config.provision.settings.webhooks.iter().filter_map(|url| {
            let (_, rest) = url.split_once("://")?;
            rest.split_once('/').map(|(_, path)| path.to_owned())
        }));
        literal.retain(|value| value.len() >= SHORTEST);
        // The longest first: one may be part of another.
        literal.sort_by_key(|value| std::cmp::Reverse(value.len()));
        Ok(Self {
            redactor: Redactor::new(&patterns)?,
            literal,
            url: Regex::new(
                r#"(?i)\b(https?|amqps?|mongodb(?:\+srv)?|rediss?|postgres(?:ql)?)://([^\s"'<>\\]+)"#,
            )
            .context("the rule for URLs")?,
            address: Regex::new(r"[A-Za-z0-9._%+-]+@([A-Za-z0-9-]+\.[A-Za-z0-9.-]+)")
                .context("the rule for addresses")?,
        })
    }

    /// The text without secrets.
    pub(super) fn clean(&self, text: &str) -> String {
        let mut text = text.to_owned();
        for secret in &self.literal {
            text = text.replace(secret, MASK);
        }
        let text = text.split_inclusive('\n').map(|line| self.redactor.redact(line)).collect::<String>();
        let text = self.url.replace_all(&text, |found: &Captures<'_>| host(found));
        self.address.replace_all(&text, "…@$1").into_owned()
    }
}

/// Whether the name of a variable says that its value is secret.
pub(super) fn is_secret(name: &str) -> bool {
    let name = name.to_ascii_uppercase();
    SECRET_NAMES.iter().any(|word| name.contains(word))
}

/// Of a URL the host; a path only on this host, where nobody hides anything in it.
fn host(found: &Captures<'_>) -> String {
    let part = |number| found.get(number).map_or("", |part| part.as_str());
    let (scheme, rest) = (part(1), part(2));
    let end = rest.find(['/', '?', '#']).unwrap_or(rest.len());
    let (authority, path) = rest.split_at_checked(end).unwrap_or((rest, ""));
    let host = authority.rsplit('@').next().unwrap_or(authority);
    let path = path.split(['?', '#']).next().unwrap_or_default();
    let here = ["127.0.0.1", "localhost"].contains(&host.split(':').next().unwrap_or_default());
    match path {
        "" | "/" => format!("{scheme}://{host}{path}"),
        path if here && !path.contains('*') => format!("{scheme}://{host}{path}"),
        _ => format!("{scheme}://{host}/…"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nothing_secret_is_left_whatever_it_stands_in() {
        let mut config = Config::defaults().unwrap();
        config.logs.redact.patterns = vec![Regex::new("customer-[0-9]{4}").unwrap()];
        config.provision.settings.webhooks =
            vec!["https://hooks.example.com/services/T0/pAtHsEcReT".to_owned()];
        let environment = [
            ("AWS_SECRET_ACCESS_KEY", "wJalrXUtnFEMIexample"),
            ("MY_TOKEN", "tok"),
            ("HOME", "/home/somebody"),
        ];
        let environment = environment.map(|(name, value)| (name.to_owned(), value.to_owned()));
        let scrub = Scrub::new(&config, environment.into_iter(), vec!["of-a-bad-key".to_owned()]).unwrap();
        for (text, clean) in [
            ("key wJalrXUtnFEMIexample.", "key ***."),
            ("`x` is of-a-bad-key", "`x` is ***"),
            ("of customer-1234\nnext", "of ***\nnext"),
            ("as customer-[0-9]{4}", "as ***"),
            ("services/T0/pAtHsEcReT", "***"),
            ("https://u:p@hooks.example.org/T0/x?y=1 is down", "https://hooks.example.org/… is down"),
            ("\"https://logs.eu-west-1.amazonaws.com\"", "\"https://logs.eu-west-1.amazonaws.com\""),
            ("http://127.0.0.1:8080/health?k=v refused", "http://127.0.0.1:8080/health refused"),
            ("mongodb+srv://u:p@db.example.com/x", "mongodb+srv://db.example.com/…"),
            ("mail to on-call@example.com", "mail to …@example.com"),
            ("token for tok, below /home/somebody", "token for tok, below /home/somebody"),
        ] {
            assert_eq!(scrub.clean(text), clean);
        }
        assert!(!scrub.clean("password=hunter2 and more").contains("hunter2"));
    }
}
