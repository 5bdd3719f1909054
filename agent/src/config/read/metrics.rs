//! The values of `[metrics]` and `[health]`, and of the host as they name it.

use std::net::SocketAddr;
use std::time::Duration;

use globset::{GlobSet, GlobSetBuilder};

use super::duration_within;
use crate::config::SeriesWanted;
use crate::config::fault::Fault;
use crate::config::file::Kind;
use crate::config::keys;
use crate::config::values::{Written, Wrong};
use crate::logs::pattern::Pattern;
use crate::logs::route;
use crate::metrics::name::{self, AUTO_SCALING_GROUP, INSTANCE_ID};
use crate::probe;

/// <https://docs.aws.amazon.com/AmazonCloudWatch/latest/APIReference/API_PutMetricData.html>
const NAMESPACE_LENGTH: usize = 255;
/// <https://docs.aws.amazon.com/autoscaling/ec2/APIReference/API_CreateAutoScalingGroup.html>
const GROUP_LENGTH: usize = 255;
/// More often, looking costs more than it shows.
const SAMPLE: std::ops::RangeInclusive<Duration> = Duration::from_secs(1)..=Duration::from_mins(1);
/// The periods that `CloudWatch` knows below a minute.
/// <https://docs.aws.amazon.com/AmazonCloudWatch/latest/APIReference/API_MetricStat.html>
const HIGH_RESOLUTION: [u64; 5] = [1, 5, 10, 20, 30];
/// An alarm that hears of it later comes too late.
const LONGEST_FLUSH: Duration = Duration::from_mins(5);
/// As long as an answer may take; a load balancer allows two minutes.
const TIMEOUT: std::ops::RangeInclusive<Duration> = Duration::from_millis(100)..=Duration::from_mins(1);

pub(in crate::config) fn auto_scaling_group(written: Written<'_>) -> Result<String, Wrong> {
    let text = written.text()?;
    if text.trim().is_empty()
        || text.len() > GROUP_LENGTH
        || !text.bytes().all(|b| b == b' ' || b.is_ascii_graphic())
    {
        return Err(written.wrong(format!("is {text:?}, which no group is called")));
    }
    Ok(text.to_owned())
}

pub(in crate::config) fn namespace(written: Written<'_>) -> Result<String, Wrong> {
    let text = written.text()?;
    let allowed = |c: char| c.is_ascii_alphanumeric() || " _-/.#:".contains(c);
    if let Some(bad) = text.chars().find(|&c| !allowed(c)) {
        return Err(written.wrong_because(
            format!("is {text:?}: CloudWatch allows no {bad:?} in the name of a namespace"),
            "use letters, digits, `_`, `-`, `/`, `.`, `#`, `:`",
        ));
    }
    if text.trim().is_empty() || text.len() > NAMESPACE_LENGTH {
        return Err(written.wrong(format!("has {} characters, of 1 to {NAMESPACE_LENGTH}", text.len())));
    }
    if text.starts_with("AWS/") {
        return Err(
            written.wrong_because("begins with AWS/, which AWS keeps for itself", "begin it otherwise")
        );
    }
    Ok(text.to_owned())
}

pub(in crate::config) fn sample(written: Written<'_>) -> Result<Duration, Wrong> {
    duration_within(written, SAMPLE)
}

pub(in crate::config) fn flush(written: Written<'_>) -> Result<Duration, Wrong> {
    let flush = duration_within(written, Duration::from_secs(1)..=LONGEST_FLUSH)?;
    let whole = flush.subsec_nanos() == 0
        && (flush.as_secs() % 60 == 0 || HIGH_RESOLUTION.contains(&flush.as_secs()));
    if whole {
        Ok(flush)
    } else {
        Err(written.wrong(format!("is {flush:?}, a period that CloudWatch does not know")))
    }
}

pub(in crate::config) fn timeout(written: Written<'_>) -> Result<Duration, Wrong> {
    duration_within(written, TIMEOUT)
}

pub(in crate::config) fn series(written: Written<'_>) -> Result<SeriesWanted, Wrong> {
    let named = written.each(|item| match item.text()? {
        name @ (INSTANCE_ID | AUTO_SCALING_GROUP) => Ok(name.to_owned()),
        other => Err(item.wrong(format!("holds {other:?}, which is no dimension of a host"))),
    })?;
    if named.is_empty() {
        return Err(written.wrong_because("is empty", "to send no metrics at all: enabled = false"));
    }
    let has = |name: &str| named.iter().any(|named| named == name);
    Ok(SeriesWanted { instance: has(INSTANCE_ID), group: has(AUTO_SCALING_GROUP) })
}

/// Globs over names of metrics. One that fits none is a slip.
pub(in crate::config) fn names(written: Written<'_>) -> Result<GlobSet, Wrong> {
    let globs = written.each(|item| {
        let pattern = item.text()?;
        let glob = route::glob(pattern)
            .map_err(|error| item.wrong(format!("holds the glob {pattern:?}: {}", error.kind())))?;
        let matcher = glob.compile_matcher();
        if name::ALL.iter().any(|metric| matcher.is_match(metric.name)) {
            return Ok(glob);
        }
        let near = keys::nearest_of(pattern, name::ALL.iter().map(|metric| metric.name));
        let mend = match near {
            Some(name) => format!("write \"{name}\""),
            None => {
                "`starttech-agent check` lists the names; a metric of metrics.patterns ends with its entry"
                    .into()
            }
        };
        Err(item.wrong_because(format!("holds {pattern:?}, which fits no metric"), mend))
    })?;
    let mut set = GlobSetBuilder::new();
    for glob in globs {
        set.add(glob);
    }
    set.build().map_err(|error| written.wrong(format!("is too large: {}", error.kind())))
}

pub(in crate::config) fn loopback(written: Written<'_>) -> Result<SocketAddr, Wrong> {
    let text = written.text()?;
    let address: SocketAddr =
        text.parse().map_err(|_| written.wrong(format!("is {text:?}, which is no address with a port")))?;
    if !address.ip().is_loopback() {
        return Err(written.wrong(format!("is {text:?}: everybody could read it there")));
    }
    Ok(address)
}

pub(in crate::config) fn health_url(written: Written<'_>) -> Result<Option<probe::Url>, Wrong> {
    let text = written.text()?;
    if text.is_empty() {
        return Ok(None);
    }
    // The text itself is not told: it may hold a password.
    probe::parse_url(text)
        .map(Some)
        .map_err(|bad| written.wrong_because(bad.what, format!("write {}", bad.mend)))
}

pub(in crate::config) fn patterns(written: Written<'_>) -> Result<Vec<Pattern>, Wrong> {
    let patterns = written.each(|item| {
        let Kind::Table(entries) = &item.value.kind else { return Err(item.mistyped(&item.value.kind)) };
        let mut faults = Vec::new();
        let (mut metric, mut regex, mut field, mut dimension) = (None, None, None, None);
        let mut unit = "Count".to_owned();
        for entry in entries {
            let value = item.field(&entry.key, &entry.value);
            let text = match value.text() {
                Ok(text) => text.to_owned(),
                Err(Wrong(wrong)) => {
                    faults.extend(wrong);
                    continue;
                }
            };
            match entry.key.as_str() {
                "name" => metric = Some(text),
                "regex" => regex = Some(text),
                "field" => field = Some(text),
                "unit" => unit = text,
                "dimension" => dimension = Some(text),
                other => faults.push(Fault {
                    place: entry.place.clone(),
                    what: format!("a pattern has no key `{other}`"),
                    mend: "write `name`, `regex` or `field`, `unit`, `dimension`".to_owned(),
                }),
            }
        }
        if !faults.is_empty() {
            return Err(Wrong(faults));
        }
        let Some(metric) = metric else { return Err(item.wrong("holds a pattern without a `name`")) };
        let Some(unit) = name::UNITS.iter().find(|known| **known == unit) else {
            return Err(item.wrong_because(
                format!("holds the pattern {metric:?} with the unit {unit:?}"),
                format!("write one of {}", name::UNITS.join(", ")),
            ));
        };
        let regex = regex.map(|text| super::regex(item, &text)).transpose()?;
        Pattern::new(&metric, regex, field.as_deref(), unit, dimension.as_deref())
            .map_err(|reason| item.wrong(format!("holds the pattern {metric:?}: {reason}")))
    })?;
    // One name in two units, or with two dimensions, would be one metric of neither.
    for (nth, pattern) in patterns.iter().enumerate() {
        let metric = pattern.metric();
        let earlier = patterns.iter().take(nth).map(Pattern::metric);
        if earlier.into_iter().any(|other| other.name == metric.name && other != metric) {
            return Err(written.wrong_because(
                format!(
                    "holds two patterns of the name {:?} with another unit, dimension or kind of value",
                    metric.name
                ),
                "give one of them another name, or make them alike",
            ));
        }
    }
    Ok(patterns)
}
