//! Silences: until when nobody is told of which rules, because somebody works on the host and said so.
//!
//! What stands in `silences.json`, and what it means. It knows no file, and not what is open.

use serde::{Deserialize, Serialize};

use super::words;
use crate::logs::route::glob;

/// Instead of a rule: each of them.
pub const ALL: &str = "all";

/// So long at most, in seconds: whoever silences something for longer has forgotten it before it ends.
pub const LONGEST_S: u64 = 7 * 24 * 3600;

/// So many at a time, and words of a rule so long, in bytes: each of them is held, and looked at for each alert.
const MOST: usize = 100;
const LONGEST_RULE: usize = 100;

/// One silence.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Silence {
    /// A rule's name, a pattern of such names, or [`ALL`].
    pub rule: String,
    /// From when on, in nanoseconds since the epoch.
    #[serde(with = "time", rename = "since")]
    pub since_ns: i64,
    /// Until when, likewise.
    #[serde(with = "time", rename = "until")]
    pub until_ns: i64,
    /// Why, in the words of whoever asked for it.
    #[serde(default)]
    pub reason: Option<String>,
    /// Who asked for it.
    #[serde(default)]
    pub by: Option<String>,
}

/// Why one is not added.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum Refused {
    /// Nobody has so much to hide.
    #[error(
        "{MOST} silences last already; end some of them, or write a pattern such as 'container-*', or all"
    )]
    Full,
    /// No rule is called so.
    #[error("a rule's name or pattern has {LONGEST_RULE} bytes at most")]
    Long,
}

/// All of them, as they stand in the file: a list, those included that are over.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Silences(Vec<Silence>);

impl Silence {
    /// Whether it is about this rule.
    pub fn covers(&self, rule: &str) -> bool {
        self.rule == ALL || covers(&self.rule, rule)
    }
}

/// Whether a rule's name is this one, or one of this pattern.
pub fn covers(pattern: &str, rule: &str) -> bool {
    pattern == rule || glob(pattern).is_ok_and(|glob| glob.compile_matcher().is_match(rule))
}

impl Silences {
    /// Reads what was written.
    ///
    /// # Errors
    /// It is no list of silences.
    pub fn read(text: &[u8]) -> serde_json::Result<Self> {
        serde_json::from_slice(text)
    }

    /// When the last of those ends that are about this rule; it may have ended already.
    pub fn until_ns(&self, rule: &str) -> Option<i64> {
        self.0.iter().filter(|silence| silence.covers(rule)).map(|silence| silence.until_ns).max()
    }

    /// Whether nobody is told of this rule now.
    pub fn is_silenced(&self, rule: &str, now_ns: i64) -> bool {
        self.until_ns(rule).is_some_and(|until_ns| now_ns < until_ns)
    }

    /// Those that last, the first to end first.
    pub fn current(&self, now_ns: i64) -> Vec<&Silence> {
        let mut current: Vec<_> = self.0.iter().filter(|silence| now_ns < silence.until_ns).collect();
        current.sort_by_key(|silence| silence.until_ns);
        current
    }

    /// Adds one, in place of the one in the same words. Those that are over go.
    ///
    /// # Errors
    /// There are too many, or it is too long; all is as it was then.
    pub fn add(&mut self, silence: Silence, now_ns: i64) -> Result<(), Refused> {
        if silence.rule.len() > LONGEST_RULE {
            return Err(Refused::Long);
        }
        let others = |known: &Silence| now_ns < known.until_ns && known.rule != silence.rule;
        if self.0.iter().filter(|known| others(known)).count() >= MOST {
            return Err(Refused::Full);
        }
        self.0.retain(others);
        self.0.push(silence);
        Ok(())
    }

    /// Ends those in these words, or each if that is [`ALL`]. Gives those that would have lasted.
    pub fn end(&mut self, rule: &str, now_ns: i64) -> Vec<Silence> {
        self.0.retain(|known| now_ns < known.until_ns);
        self.0.extract_if(.., |known| rule == ALL || known.rule == rule).collect()
    }
}

/// A time as people and programs read it: `2026-11-23T17:10:00Z`.
mod time {
    use jiff::Timestamp;
    use serde::de::Error;
    use serde::{Deserialize, Deserializer, Serializer};

    use super::words;

    #[expect(clippy::trivially_copy_pass_by_ref, reason = "serde's form")]
    pub(super) fn serialize<S: Serializer>(ns: &i64, to: S) -> Result<S::Ok, S::Error> {
        to.serialize_str(&words::written(*ns, "%Y-%m-%dT%H:%M:%S.%3fZ"))
    }

    pub(super) fn deserialize<'de, D: Deserializer<'de>>(from: D) -> Result<i64, D::Error> {
        let time: Timestamp = String::deserialize(from)?.parse().map_err(D::Error::custom)?;
        i64::try_from(time.as_nanosecond()).map_err(D::Error::custom)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::alerts::SECOND;

    const T0: i64 = 1_800_000_000 * SECOND;

    fn silence(rule: &str, seconds: i64) -> Silence {
        let (reason, by) = (Some("deploy".to_owned()), None);
        Silence { rule: rule.to_owned(), since_ns: T0, until_ns: T0 + seconds * SECOND, reason, by }
    }

    fn silences(all: &[(&str, i64)]) -> Silences {
        Silences(all.iter().map(|(rule, seconds)| silence(rule, *seconds)).collect())
    }

    #[test]
    fn a_rule_is_silenced_by_its_name_a_pattern_or_all_until_the_last_of_them_ends() {
        let silences = silences(&[("container-died", 60), ("container-*", 90)]);
        for (rule, seconds, expected) in [
            ("container-died", 0, true),
            ("container-died", 89, true),
            ("container-died", 90, false),
            ("container-unhealthy", 70, true),
            ("process-out-of-memory", 0, false),
            ("container", 0, false),
        ] {
            assert_eq!(silences.is_silenced(rule, T0 + seconds * SECOND), expected, "{rule} {seconds}");
        }
        assert!(super::Silences(vec![silence(ALL, 1)]).is_silenced("alerts-held-back", T0));
        assert!(!super::Silences(vec![silence("[", 1)]).is_silenced("container-died", T0), "no pattern");
    }

    #[test]
    fn the_same_words_replace_and_what_is_over_goes() {
        let mut all = silences(&[("container-died", 60), ("container-*", 30)]);
        all.add(silence("container-died", 10), T0).unwrap();
        assert_eq!(all.until_ns("container-died"), Some(T0 + 30 * SECOND), "it may be made shorter");
        all.add(silence("container-unhealthy", 100), T0 + 20 * SECOND).unwrap();
        let rules =
            |silences: &[&Silence]| silences.iter().map(|silence| silence.rule.clone()).collect::<Vec<_>>();
        assert_eq!(rules(&all.current(T0 + 20 * SECOND)), ["container-*", "container-unhealthy"]);
        assert_eq!(all.end("container-died", T0 + 20 * SECOND), [], "it was over");
        assert_eq!(all.end(ALL, T0 + 20 * SECOND).len(), 2);
        assert_eq!(all, Silences::default());
    }

    #[test]
    fn there_are_no_more_than_can_be_looked_at() {
        let mut all = Silences::default();
        assert_eq!(all.add(silence(&"x".repeat(101), 60), T0), Err(Refused::Long));
        for n in 0..100 {
            all.add(silence(&format!("rule-{n}"), 60), T0).unwrap();
        }
        let full = all.clone();
        assert_eq!(all.add(silence("one-more", 60), T0), Err(Refused::Full));
        assert_eq!(all, full);
        all.add(silence("rule-7", 90), T0).unwrap();
        assert_eq!(all.until_ns("rule-7"), Some(T0 + 90 * SECOND), "a known one may be made longer");
        all.add(silence("one-more", 60), T0 + 60 * SECOND).unwrap();
        assert_eq!(all.0.len(), 2, "those that were over make room");
    }

    #[test]
    fn what_is_written_is_read_and_people_can_read_it() {
        let written = serde_json::to_string(&silences(&[("container-*", 60)])).unwrap();
        assert_eq!(
            written,
            r#"[{"rule":"container-*","since":"2027-01-15T08:00:00.000Z","until":"2027-01-15T08:01:00.000Z","reason":"deploy","by":null}]"#
        );
        assert_eq!(Silences::read(written.as_bytes()).unwrap(), silences(&[("container-*", 60)]));
        let by_hand =
            br#"[{"rule":"all","since":"2027-01-15T08:00:00Z","until":"2027-01-15T09:01:00+01:00"}]"#;
        assert_eq!(Silences::read(by_hand).unwrap().until_ns("x"), Some(T0 + 60 * SECOND));
        for damaged in ["", "{}", r#"[{"rule":"all"}]"#, r#"[{"rule":"all","since":"now","until":"then"}]"#] {
            assert!(Silences::read(damaged.as_bytes()).is_err(), "{damaged}");
        }
    }
}
