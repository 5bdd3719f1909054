//! Periods of time, `5m`, and times as the service shows them.
//!
//! It knows no clock, and no calendar beyond days: weeks, months, quarters and years are refused.

/// The most that each unit takes: "it caps 60 as the maximum value for any request that uses `s`. […] The cap for
/// `ms` is 1000, the caps for `s` and `m` are 60, and the cap for `h` is 24."
/// <https://docs.aws.amazon.com/AmazonCloudWatch/latest/logs/CWL_QuerySyntax-operations-functions.html>
const UNITS: [(&[&str], i64, i64); 5] = [
    (&["ms", "msec", "millisecond"], 1, 1000),
    (&["s", "sec", "second"], 1000, 60),
    (&["m", "min", "minute"], 60_000, 60),
    (&["h", "hr", "hour"], 3_600_000, 24),
    (&["d", "day"], 86_400_000, 3650),
];

/// A number and its unit in milliseconds, cut to the unit's cap.
pub(super) fn milliseconds(number: &str, unit: &str) -> Option<i64> {
    let unit = unit.to_lowercase();
    // "For all units and abbreviations that include more than one character, adding s to pluralize is supported."
    let one = unit.strip_suffix('s').filter(|one| one.len() > 1).unwrap_or(&unit);
    let (_, length, cap) =
        UNITS.iter().find(|(names, ..)| names.contains(&unit.as_str()) || names.contains(&one))?;
    let number: i64 = number.parse().ok().filter(|number| *number > 0)?;
    Some(number.min(*cap) * length)
}

/// The beginning of the period in which a time lies, or its end.
pub(super) fn rounded(time_ms: i64, period_ms: i64, up: bool) -> i64 {
    let floor = time_ms.saturating_sub(time_ms.rem_euclid(period_ms));
    if up && floor != time_ms { floor.saturating_add(period_ms) } else { floor }
}

/// `2026-11-23 10:00:00.000`, UTC; a number if no calendar has it.
pub(super) fn shown(time_ms: i64) -> String {
    jiff::Timestamp::from_millisecond(time_ms)
        .map_or_else(|_| time_ms.to_string(), |time| time.strftime("%Y-%m-%d %H:%M:%S%.3f").to_string())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn periods_have_units_and_caps() {
        let read = |number, unit| milliseconds(number, unit);
        for (number, unit, ms) in [
            ("5", "m", 300_000),
            ("1", "min", 60_000),
            ("2", "Hours", 7_200_000),
            ("300", "s", 60_000),
            ("90", "minutes", 3_600_000),
            ("500", "ms", 500),
            ("7", "d", 604_800_000),
        ] {
            assert_eq!(read(number, unit), Some(ms), "{number}{unit}");
        }
        for (number, unit) in [("0", "m"), ("1", "mo"), ("1", "w"), ("1", ""), ("1", "ss"), ("-1", "m")] {
            assert_eq!(read(number, unit), None, "{number}{unit}");
        }
    }

    #[test]
    fn times_are_rounded_to_periods_and_shown_in_utc() {
        assert_eq!(rounded(299_999, 300_000, false), 0);
        assert_eq!(rounded(299_999, 300_000, true), 300_000);
        assert_eq!(rounded(300_000, 300_000, true), 300_000);
        assert_eq!(rounded(-1, 1000, false), -1000);
        assert_eq!(rounded(i64::MIN, 1000, false), i64::MIN);
        assert_eq!(rounded(i64::MAX, 1000, true), i64::MAX);
        assert_eq!(shown(1_795_428_000_000), "2026-11-23 10:00:00.000");
        assert_eq!(shown(i64::MAX), i64::MAX.to_string());
    }
}
