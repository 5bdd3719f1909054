//! The configuration as it holds, for others to read: each key, its value without what may be a secret, and who
//! said so.
//!
//! Whether values are good is not known here.

use std::collections::{BTreeMap, BTreeSet};
use std::ffi::OsString;
use std::fmt;
use std::hash::{DefaultHasher, Hash, Hasher};
use std::path::Path;

use super::file::{Entry, Kind, Value};
use super::{file, keys, layers, variable};

/// One key.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Setting {
    /// Dotted: `logs.group`.
    pub key: String,
    /// As one would write it; regular expressions by their length alone, of URLs the host, of addresses the domain.
    pub value: String,
    /// A file with line and column, a variable, or the default.
    pub place: String,
}

/// What was written for each key, and in no form that can be read back.
#[derive(Clone, Default, PartialEq, Eq)]
pub(super) struct Written(BTreeMap<String, u64>);

impl fmt::Debug for Written {
    fn fmt(&self, to: &mut fmt::Formatter<'_>) -> fmt::Result {
        to.debug_struct("Written").finish_non_exhaustive()
    }
}

impl Written {
    /// Of all layers, the last of which holds.
    pub(super) fn of(entries: &[Entry]) -> Self {
        let hashed = |entry: &Entry| {
            let mut hasher = DefaultHasher::new();
            written(&entry.value.kind, &|text| format!("{text:?}")).hash(&mut hasher);
            (entry.key.clone(), hasher.finish())
        };
        Self(entries.iter().map(hashed).collect())
    }

    pub(super) fn changed_since<'a>(&'a self, earlier: &'a Self) -> Vec<&'a str> {
        let all: BTreeSet<&String> = self.0.keys().chain(earlier.0.keys()).collect();
        let is_other = |key: &&String| self.0.get(*key) != earlier.0.get(*key);
        all.into_iter().filter(is_other).map(String::as_str).collect()
    }
}

/// Keys whose values are patterns over secrets, or may be: of those nothing is shown.
const HIDDEN: [&str; 4] = ["logs.redact.patterns", "logs.drop", "metrics.patterns", "alerts.rules"];

/// Every key that has a value, in the order of names.
pub fn effective(
    path: Option<&Path>,
    environment: impl IntoIterator<Item = (OsString, OsString)>,
) -> Vec<Setting> {
    let (texts, variables, _) = layers(path, environment);
    of_layers(&texts, &variables)
}

/// What is shown of no key: the texts that stand in those of patterns and webhooks, whatever else is wrong. Whoever shows
/// faults takes them out.
pub fn hidden(
    path: Option<&Path>,
    environment: impl IntoIterator<Item = (OsString, OsString)>,
) -> Vec<String> {
    let (texts, variables, _) = layers(path, environment);
    let files = texts.iter().flat_map(|(name, text)| file::entries(name, text).0);
    let all = files.chain(variables.iter().map(variable));
    let mut found = Vec::new();
    for entry in all.filter(|entry| is_hidden(&entry.key) || entry.key.starts_with("alerts.webhooks")) {
        texts_in(&entry.value.kind, &mut found);
    }
    found
}

fn texts_in(kind: &Kind, found: &mut Vec<String>) {
    match kind {
        Kind::Text(text) => found.push(text.clone()),
        // As it stands, and what would stand in a list.
        Kind::Variable(text) => {
            let parts = text.split(['\'', '"']).map(str::to_owned);
            found.extend(parts.chain([text.clone()]));
        }
        Kind::List(values) => values.iter().for_each(|value| texts_in(&value.kind, found)),
        Kind::Table(entries) => entries.iter().for_each(|entry| texts_in(&entry.value.kind, found)),
        Kind::Integer(_) | Kind::Fraction(_) | Kind::Boolean(_) | Kind::Other(_) => {}
    }
}

fn of_layers(texts: &[(String, String)], variables: &[(String, String)]) -> Vec<Setting> {
    let (mut entries, _) = file::entries(keys::DEFAULT, &keys::defaults());
    for (name, text) in texts {
        entries.extend(file::entries(name, text).0);
    }
    entries.extend(variables.iter().filter(|(_, value)| !value.is_empty()).map(variable));
    let last: BTreeMap<String, Entry> = entries.into_iter().map(|entry| (entry.key.clone(), entry)).collect();
    let setting = |(key, entry): (String, Entry)| Setting {
        value: shown(&key, &entry.value),
        place: if &*entry.place.source == keys::DEFAULT {
            keys::DEFAULT.to_owned()
        } else {
            entry.place.to_string()
        },
        key,
    };
    last.into_iter().map(setting).collect()
}

fn is_hidden(key: &str) -> bool {
    HIDDEN
        .iter()
        .any(|hidden| key == *hidden || key.strip_prefix(hidden).is_some_and(|rest| rest.starts_with('.')))
}

fn shown(key: &str, value: &Value) -> String {
    let of_text = |text: &str| match (is_hidden(key), &value.kind) {
        (true, _) => format!("({} characters)", text.chars().count()),
        (false, Kind::Variable(_)) => masked(text),
        (false, _) => format!("{:?}", masked(text)),
    };
    written(&value.kind, &of_text)
}

/// Of texts what `of_text` makes of them.
fn written(kind: &Kind, of_text: &dyn Fn(&str) -> String) -> String {
    let of = |value: &Value| written(&value.kind, of_text);
    match kind {
        Kind::Text(text) | Kind::Variable(text) => of_text(text),
        Kind::Integer(number) => number.to_string(),
        Kind::Fraction(number) => number.to_string(),
        Kind::Boolean(value) => value.to_string(),
        Kind::List(values) => format!("[{}]", values.iter().map(of).collect::<Vec<_>>().join(", ")),
        Kind::Table(entries) => {
            let member = |entry: &Entry| format!("{} = {}", entry.key, of(&entry.value));
            format!("{{ {} }}", entries.iter().map(member).collect::<Vec<_>>().join(", "))
        }
        Kind::Other(name) => (*name).to_owned(),
    }
}

/// Of a URL the host, of an address the domain.
fn masked(text: &str) -> String {
    if let Some((scheme, rest)) = text.split_once("://")
        && scheme != "unix"
    {
        let host = rest.split(['/', '?', '#']).next().unwrap_or_default();
        return format!("{scheme}://{}/…", host.rsplit('@').next().unwrap_or(host));
    }
    match text.rsplit_once('@') {
        Some((_, domain)) => format!("…@{domain}"),
        None => text.to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_hidden_is_known_of_a_bad_file_too() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("agent.toml");
        let text = "logs.flush = 'soon'\n[logs.redact]\npatterns = ['customer-(']\n[alerts]\nwebhooks = ['ftp://h/T0']\n\
                    emails = ['a@example.com']\n";
        std::fs::write(&path, text).unwrap();
        let variables = [(OsString::from("STARTTECH_LOGS_DROP"), OsString::from("['order-x']"))];
        let mut found = hidden(Some(&path), variables);
        found.retain(|text| text.len() > 3);
        found.sort();
        assert_eq!(found, ["['order-x']", "customer-(", "ftp://h/T0", "order-x"]);
    }

    #[test]
    fn the_last_layer_holds_and_secrets_do_not_show() {
        let file = "logs.group = '/mine'\nlogs.retention_days = 30\n[logs.redact]\npatterns = ['hunter2-\\d+']\n\
            [alerts]\nwebhooks = ['https://user:pass@hooks.example.com/services/T0/B0/sEcReT?x=1']\n\
            emails = ['on-call@example.com']\n[[metrics.patterns]]\nname = 'orders'\nregex = 'token=hunter2'\n";
        let texts = [("agent.toml".to_owned(), file.to_owned())];
        let variables = [
            ("STARTTECH_LOGS_GROUP".to_owned(), "/theirs".to_owned()),
            ("STARTTECH_LOGS_DROP".to_owned(), "['hunter2']".to_owned()),
        ];
        let all = of_layers(&texts, &variables);
        let of = |key: &str| all.iter().find(|setting| setting.key == key).unwrap();
        assert_eq!(
            (of("logs.group").value.as_str(), of("logs.group").place.as_str()),
            ("/theirs", "STARTTECH_LOGS_GROUP")
        );
        assert_eq!(of("logs.retention_days").place, "agent.toml:2:6");
        assert_eq!(of("logs.flush").place, keys::DEFAULT);
        assert_eq!(of("alerts.webhooks").value, r#"["https://hooks.example.com/…"]"#);
        assert_eq!(of("alerts.emails").value, r#"["…@example.com"]"#);
        assert_eq!(of("logs.redact.patterns").value, "[(11 characters)]");
        assert_eq!(of("docker.socket").value, r#""unix:///var/run/docker.sock""#);
        let text = format!("{all:?}");
        for secret in ["hunter2", "sEcReT", "user:pass", "on-call"] {
            assert!(!text.contains(secret), "{secret} in {text}");
        }
    }
}
