//! The values of `[alerts]` that are about the daemon's own messages; where they go, `provision.rs` reads.

use std::time::Duration;

use super::rules::rules;
use super::{boolean, duration, duration_within};
use crate::config::Alerts;
use crate::config::keys::provision as key;
use crate::config::values::{Values, Written, Wrong};
use crate::logs::pattern::Pattern;

/// What lasts for less is told twice; who waits for longer has forgotten.
const RECOVERY: std::ops::RangeInclusive<Duration> = Duration::from_secs(1)..=Duration::from_hours(1);

/// What the daemon itself does with `[alerts]`.
pub(in crate::config) fn alerts(values: &mut Values, patterns: &[Pattern]) -> Alerts {
    Alerts {
        enabled: values.take(&key::ALERTS_ENABLED, boolean),
        max_per_hour: values.take(&key::ALERTS_MAX_PER_HOUR, max_per_hour),
        restart_loop: values.take(&key::ALERTS_RESTART_LOOP, restart_loop),
        recovery: values.take(&key::ALERTS_RECOVERY, |recovery| duration_within(recovery, RECOVERY)),
        rules: rules(values, patterns),
    }
}

fn max_per_hour(written: Written<'_>) -> Result<u32, Wrong> {
    let number = written.integer().and_then(|number| u32::try_from(number).ok());
    number.filter(|number| (1..=100_000).contains(number)).ok_or_else(|| written.wrong("is no such number"))
}

/// `3 in 10m`
fn restart_loop(written: Written<'_>) -> Result<(u32, Duration), Wrong> {
    let text = written.text()?;
    let parts = text
        .split_once(" in ")
        .and_then(|(deaths, within)| Some((deaths.trim().parse().ok()?, duration(within.trim())?)));
    let fits = |(deaths, within): &(u32, Duration)| {
        (2..=20).contains(deaths) && (Duration::from_mins(1)..=Duration::from_hours(1)).contains(within)
    };
    parts.filter(fits).ok_or_else(|| {
        let why = format!("is {text:?}, which is not 2 to 20 deaths in 1m to 60m");
        written.wrong_because(why, "write \"3 in 10m\"")
    })
}
