//! From what is written for a key to the value the program works with, or to why not.

pub(super) mod alerts;
pub(super) mod metrics;
pub(super) mod provision;
pub(super) mod rules;

use std::path::PathBuf;
use std::time::Duration;

use log::LevelFilter;
use regex::{Regex, RegexBuilder, RegexSet, RegexSetBuilder};

use super::fault::Fault;
use super::file::Kind;
use super::values::{Written, Wrong};
use crate::control::LONGEST_PATH;
use crate::logs::route::{self, Globs, Route, STREAM_FORBIDDEN, Template, TemplateError};

/// Days that `PutRetentionPolicy` accepts.
/// <https://docs.aws.amazon.com/AmazonCloudWatchLogs/latest/APIReference/API_PutRetentionPolicy.html>
const RETENTION_DAYS: [i32; 22] =
    [1, 3, 5, 7, 14, 30, 60, 90, 120, 150, 180, 365, 400, 545, 731, 1096, 1827, 2192, 2557, 2922, 3288, 3653];

/// <https://docs.aws.amazon.com/AmazonCloudWatchLogs/latest/APIReference/API_CreateLogGroup.html>
const GROUP_LENGTH: usize = 512;

/// Below it, one call an event; above a minute nobody sees what goes on.
const FLUSH: std::ops::RangeInclusive<Duration> = Duration::from_millis(100)..=Duration::from_mins(1);

/// A few batches must fit, or an outage of seconds already drops.
const SPOOL_MINIMUM: u64 = 8 << 20;

/// A pattern that compiles to more would eat a good part of the memory the whole agent may have.
const PATTERN_BYTES: usize = 1 << 20;

pub(super) fn boolean(written: Written<'_>) -> Result<bool, Wrong> {
    written.boolean()
}

pub(super) fn region(written: Written<'_>) -> Result<String, Wrong> {
    let text = written.text()?;
    let known = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '-';
    if text.ends_with(|c: char| c.is_ascii_digit()) && text.contains('-') && text.chars().all(known) {
        return Ok(text.to_owned());
    }
    let region = text.trim_end_matches(|c: char| c.is_ascii_lowercase());
    if text.len() == region.len() + 1 && region.ends_with(|c: char| c.is_ascii_digit()) {
        return Err(written.wrong_because(
            format!("is {text:?}, an availability zone"),
            format!("write its region: region = \"{region}\""),
        ));
    }
    Err(written.wrong(format!("is {text:?}, which is no region")))
}

pub(super) fn level(written: Written<'_>) -> Result<Level, Wrong> {
    let text = written.text()?;
    match text.parse() {
        Ok(level) if level != LevelFilter::Off => Ok(Level(level)),
        _ => Err(written.wrong(format!("is {text:?}, which is no level"))),
    }
}

/// A level with a default of its own, which `log`'s lacks.
pub(super) struct Level(pub(super) LevelFilter);

impl Default for Level {
    fn default() -> Self {
        Self(LevelFilter::Info)
    }
}

pub(super) fn instance_id(written: Written<'_>) -> Result<String, Wrong> {
    let text = written.text()?;
    if text.is_empty() {
        return Err(written.wrong("is empty"));
    }
    if let Some(bad) =
        text.chars().find(|c| STREAM_FORBIDDEN.contains(c) || c.is_whitespace() || c.is_control())
    {
        return Err(written.wrong_because(
            format!("holds {bad:?}"),
            "it becomes a part of the streams' names: use letters, digits, `-`, `_`, `.`, `/`",
        ));
    }
    Ok(text.to_owned())
}

pub(super) fn socket(written: Written<'_>) -> Result<PathBuf, Wrong> {
    let text = written.text()?;
    match text.strip_prefix("unix://") {
        Some(path) if path.starts_with('/') => Ok(path.into()),
        _ if text.starts_with('/') => {
            Err(written
                .wrong_because(format!("is {text:?}, a bare path"), format!("write \"unix://{text}\"")))
        }
        _ => Err(written.wrong(format!(
            "is {text:?}: the agent reads the log files of its own host, so only unix:// is possible"
        ))),
    }
}

pub(super) fn group(written: Written<'_>) -> Result<String, Wrong> {
    let text = written.text()?;
    let allowed = |c: char| c.is_ascii_alphanumeric() || "_-/.#".contains(c);
    if let Some(bad) = text.chars().find(|&c| !allowed(c)) {
        return Err(written.wrong_because(
            format!("is {text:?}: CloudWatch allows no {bad:?} in the name of a log group"),
            "use letters, digits, `_`, `-`, `/`, `.`, `#`",
        ));
    }
    if text.is_empty() || text.len() > GROUP_LENGTH {
        return Err(written.wrong(format!("has {} characters, of 1 to {GROUP_LENGTH}", text.len())));
    }
    if text.starts_with("aws/") {
        return Err(
            written.wrong_because("begins with aws/, which AWS keeps for itself", "begin it with a `/`")
        );
    }
    Ok(text.to_owned())
}

pub(super) fn retention(written: Written<'_>) -> Result<i32, Wrong> {
    let Some(days) = written.integer() else {
        return Err(match &written.value.kind {
            Kind::Variable(text) => written.wrong(format!("is {text:?}, no number")),
            kind => written.mistyped(kind),
        });
    };
    let Some(&known) = RETENTION_DAYS.iter().find(|&&known| i64::from(known) == days) else {
        let list = RETENTION_DAYS.map(|days| days.to_string()).join(", ");
        let what = format!("is {days}, a time that CloudWatch does not keep logs for");
        return Err(written.wrong_because(what, format!("write one of {list}")));
    };
    Ok(known)
}

pub(super) fn stream(written: Written<'_>) -> Result<Template, Wrong> {
    let text = written.text()?;
    Template::parse(text).map_err(|error| {
        let mend = match error {
            TemplateError::Unknown(_) => format!("write one of {}", Template::placeholders()),
            TemplateError::Forbidden(_) => "use `/`, `-` or `_`".to_owned(),
            _ => return written.wrong(format!("is {text:?}: {error}")),
        };
        written.wrong_because(format!("is {text:?}: {error}"), mend)
    })
}

pub(super) fn globs(written: Written<'_>) -> Result<Globs, Wrong> {
    let globs = written.each(|item| {
        let pattern = item.text()?;
        if pattern.is_empty() {
            return Err(item.wrong("holds an empty glob, which matches nothing"));
        }
        route::glob(pattern).map_err(|error| {
            item.wrong_because(
                format!("holds the glob {pattern:?}: {}", error.kind()),
                "`*` stands for any text, `?` for one character, `{a,b}` for either, `[ab]` for one of them; \
                 `\\` takes their meaning away",
            )
        })
    })?;
    Globs::new(globs).map_err(|error| written.wrong(format!("is too large: {}", error.kind())))
}

pub(super) fn routes(written: Written<'_>) -> Result<Vec<Route>, Wrong> {
    written.each(|item| {
        let Kind::Table(entries) = &item.value.kind else { return Err(item.mistyped(&item.value.kind)) };
        let mut faults = Vec::new();
        let mut containers = None;
        let mut named = None;
        for entry in entries {
            let field = item.field(&entry.key, &entry.value);
            let read = match entry.key.as_str() {
                "match" => globs(field).map(|read| containers = Some(read)),
                "group" => group(field).map(|read| named = Some(read)),
                other => {
                    let what = format!("a route has no key `{other}`");
                    let mend = "write `match` and `group`, nothing else".to_owned();
                    Err(Wrong(vec![Fault { place: entry.place.clone(), what, mend }]))
                }
            };
            faults.extend(read.err().into_iter().flat_map(|Wrong(faults)| faults));
        }
        match (containers, named) {
            (Some(containers), Some(group)) if faults.is_empty() => Ok(Route { containers, group }),
            (None, _) | (_, None) if faults.is_empty() => {
                Err(item.wrong("holds a route without `match` and `group`"))
            }
            _ => Err(Wrong(faults)),
        }
    })
}

/// Patterns used one by one.
pub(super) fn patterns(written: Written<'_>) -> Result<Vec<Regex>, Wrong> {
    written.each(|item| regex(item, item.text()?))
}

/// A pattern of an item, which may be the item itself.
fn regex(item: Written<'_>, pattern: &str) -> Result<Regex, Wrong> {
    let regex = RegexBuilder::new(pattern).size_limit(PATTERN_BYTES).build();
    let regex = regex.map_err(|error| {
        let reason = error.to_string();
        // The library draws the pattern over several lines; the last one says what it is.
        let reason = reason.lines().last().unwrap_or_default().trim_start_matches("error: ");
        item.wrong_because(
            format!("holds the pattern {pattern:?}: {reason}"),
            "see https://docs.rs/regex/latest/regex/#syntax",
        )
    })?;
    if matches_everything(&regex) {
        return Err(item.wrong_because(
            format!("holds the pattern {pattern:?}, which matches every line"),
            "write what sets the lines apart, or delete the pattern",
        ));
    }
    Ok(regex)
}

/// Patterns asked all at once.
pub(super) fn pattern_set(written: Written<'_>) -> Result<RegexSet, Wrong> {
    let patterns = patterns(written)?;
    RegexSetBuilder::new(patterns.iter().map(Regex::as_str))
        .size_limit(PATTERN_BYTES * patterns.len().max(1))
        .build()
        .map_err(|error| written.wrong(format!("is too large: {error}")))
}

/// `.*` and the like, as opposed to `^$`, which only the empty line matches.
fn matches_everything(regex: &Regex) -> bool {
    regex.is_match("") && regex.is_match("\u{1} any \u{fffd}")
}

pub(super) fn flush(written: Written<'_>) -> Result<Duration, Wrong> {
    duration_within(written, FLUSH)
}

fn duration_within(
    written: Written<'_>,
    range: std::ops::RangeInclusive<Duration>,
) -> Result<Duration, Wrong> {
    let text = match &written.value.kind {
        Kind::Integer(number) => {
            let what = format!("is {number} without a unit");
            return Err(written.wrong_because(what, format!("write \"{number}s\" or \"{number}ms\"")));
        }
        _ => written.text()?,
    };
    match duration(text) {
        Some(duration) if range.contains(&duration) => Ok(duration),
        Some(_) => Err(written.wrong(format!("is {text:?}"))),
        None => Err(written.wrong(format!("is {text:?}, which is no duration"))),
    }
}

fn duration(text: &str) -> Option<Duration> {
    let (number, unit) = number_and_unit(text)?;
    match unit {
        "ms" => Some(Duration::from_millis(number)),
        "s" => Some(Duration::from_secs(number)),
        "m" => number.checked_mul(60).map(Duration::from_secs),
        _ => None,
    }
}

pub(super) fn max_bytes(written: Written<'_>) -> Result<u64, Wrong> {
    let bytes = match (written.integer(), &written.value.kind) {
        (Some(number), _) => u64::try_from(number).ok(),
        (None, Kind::Text(text) | Kind::Variable(text)) => match size(text) {
            None => return Err(written.wrong(format!("is {text:?}, which is no size"))),
            bytes => bytes,
        },
        (None, kind) => return Err(written.mistyped(kind)),
    };
    bytes.filter(|&bytes| bytes >= SPOOL_MINIMUM).ok_or_else(|| written.wrong("is too small"))
}

fn size(text: &str) -> Option<u64> {
    let (number, unit) = number_and_unit(text)?;
    let shift = match unit {
        "B" => 0,
        "KiB" => 10,
        "MiB" => 20,
        "GiB" => 30,
        _ => return None,
    };
    number.checked_mul(1 << shift)
}

fn number_and_unit(text: &str) -> Option<(u64, &str)> {
    let (number, unit) = text.split_at_checked(text.find(|c: char| !c.is_ascii_digit())?)?;
    Some((number.parse().ok()?, unit.trim_start()))
}

pub(super) fn control_socket(written: Written<'_>) -> Result<Option<PathBuf>, Wrong> {
    let text = written.text()?;
    if text.is_empty() {
        return Ok(None);
    }
    if !text.starts_with('/') {
        return Err(written.wrong(format!("is {text:?}, which depends on where the agent was started")));
    }
    if text.len() > LONGEST_PATH {
        let what =
            format!("has {} bytes, and the path of a Unix socket has {LONGEST_PATH} at most", text.len());
        return Err(written.wrong_because(what, "name a shorter directory, such as /run/starttech-agent"));
    }
    Ok(Some(text.into()))
}

pub(super) fn directory(written: Written<'_>) -> Result<PathBuf, Wrong> {
    let text = written.text()?;
    if text.starts_with('/') {
        Ok(text.into())
    } else {
        Err(written.wrong(format!("is {text:?}, which depends on where the agent was started")))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn durations_and_sizes() {
        for (text, millis) in [
            ("500ms", Some(500)),
            ("1s", Some(1000)),
            ("2m", Some(120_000)),
            ("1 s", Some(1000)),
            ("1", None),
            ("s", None),
            ("1h", None),
            ("-1s", None),
            ("1.5s", None),
            ("99999999999999999999s", None),
        ] {
            assert_eq!(duration(text), millis.map(Duration::from_millis), "{text}");
        }
        for (text, bytes) in [
            ("1B", Some(1)),
            ("2KiB", Some(2048)),
            ("256MiB", Some(256 << 20)),
            ("1 GiB", Some(1 << 30)),
            ("1GB", None),
            ("GiB", None),
            ("18446744073709551615GiB", None),
        ] {
            assert_eq!(size(text), bytes, "{text}");
        }
    }
}
