//! Why an alarm is in its state, in the words of the service.
//!
//! The wording is that of the events in the guide
//! (<https://docs.aws.amazon.com/AmazonCloudWatch/latest/monitoring/cloudwatch-and-eventbridge.html>) and, where
//! data is missing, of mails that people have published. It does not decide anything.

use jiff::Timestamp;
use jiff::tz::TimeZone;

use super::{State, Wanted};
use crate::alarms::definition::{Comparison, Missing};

/// A datapoint that was evaluated: when its period began, its value, whether it breaches.
pub(super) type Seen = (i64, f64, bool);

/// How an alarm evaluates.
#[derive(Debug, Clone, Copy)]
pub(super) struct How {
    pub(super) wanted: Wanted,
    pub(super) comparison: Comparison,
    pub(super) threshold: f64,
    pub(super) missing: Missing,
}

/// Whether a comparison is with a threshold, and not with a band.
pub(super) fn is_plain(comparison: Comparison) -> bool {
    words(comparison).is_some()
}

fn words(comparison: Comparison) -> Option<&'static str> {
    match comparison {
        Comparison::GreaterThanOrEqualToThreshold => Some("greater than or equal to"),
        Comparison::GreaterThanThreshold => Some("greater than"),
        Comparison::LessThanThreshold => Some("less than"),
        Comparison::LessThanOrEqualToThreshold => Some("less than or equal to"),
        Comparison::LessThanLowerOrGreaterThanUpperThreshold
        | Comparison::LessThanLowerThreshold
        | Comparison::GreaterThanUpperThreshold => None,
    }
}

/// Whether a datapoint breaches: it stands on the left, the threshold on the right.
pub(super) fn breaches(value: f64, comparison: Comparison, threshold: f64) -> bool {
    match comparison {
        Comparison::GreaterThanOrEqualToThreshold => value >= threshold,
        Comparison::GreaterThanThreshold => value > threshold,
        Comparison::LessThanThreshold => value < threshold,
        Comparison::LessThanOrEqualToThreshold => value <= threshold,
        // An alarm with one of these cannot be made ready.
        Comparison::LessThanLowerOrGreaterThanUpperThreshold
        | Comparison::LessThanLowerThreshold
        | Comparison::GreaterThanUpperThreshold => false,
    }
}

impl How {
    /// `seen` has the newest first.
    pub(super) fn reason(&self, seen: &[Seen], state: State) -> String {
        let Wanted { periods, breaching } = self.wanted;
        let filled = periods.saturating_sub(seen.len());
        let treated = match self.missing {
            Missing::Breaching => Some("Breaching"),
            Missing::NotBreaching => Some("NonBreaching"),
            Missing::Missing | Missing::Ignore => None,
        };
        let filled_in = treated.filter(|_| filled > 0).map(|treated| {
            let (plural, were) = number(filled);
            format!(" and {filled} missing datapoint{plural} {were} treated as [{treated}]")
        });
        if state == State::InsufficientData || (seen.is_empty() && filled_in.is_none()) {
            let (plural, were) = number(filled);
            return format!("Insufficient Data: {filled} datapoint{plural} {were} unknown.");
        }
        if seen.is_empty() {
            let (plural, _) = number(periods);
            let filled_in = filled_in.unwrap_or_default();
            return format!(
                "Threshold Crossed: no datapoints were received for {periods} period{plural}{filled_in}."
            );
        }
        // Those that speak for the state, or all if none does.
        let is_alarm = state == State::Alarm;
        let mut told: Vec<&Seen> = seen.iter().filter(|(.., breaches)| *breaches == is_alarm).collect();
        let speaks = !told.is_empty();
        if !speaks {
            told = seen.iter().collect();
        }
        let list: Vec<String> =
            told.iter().map(|(at_s, value, _)| format!("{} ({})", java(*value), time(*at_s))).collect();
        let list = list.join(", ");
        let (plural, was) = number(told.len());
        let not = if is_alarm == speaks { "" } else { "not " };
        let than = words(self.comparison).unwrap_or_default();
        let threshold = java(self.threshold);
        let count = told.len();
        if let Some(filled_in) = filled_in {
            return format!(
                "Threshold Crossed: {count} datapoint{plural} [{list}] {was} {not}{than} the threshold \
                 ({threshold}){filled_in}."
            );
        }
        let (least, change) = if is_alarm {
            (breaching, "OK -> ALARM")
        } else {
            (periods + 1 - breaching.min(periods), "ALARM -> OK")
        };
        let (least_plural, _) = number(least);
        format!(
            "Threshold Crossed: {count} out of the last {} datapoints [{list}] {was} {not}{than} the threshold \
             ({threshold}) (minimum {least} datapoint{least_plural} for {change} transition).",
            seen.len()
        )
    }
}

fn number(count: usize) -> (&'static str, &'static str) {
    if count == 1 { ("", "was") } else { ("s", "were") }
}

/// `02/10/19 16:59:00`
fn time(at_s: i64) -> String {
    let time = Timestamp::from_second(at_s).map(|time| time.to_zoned(TimeZone::UTC));
    time.map(|time| time.strftime("%d/%m/%y %H:%M:%S").to_string()).unwrap_or_default()
}

/// `Friday 22 July, 2022 15:57:45 UTC`
pub(super) fn long_time(at_s: i64) -> String {
    let time = Timestamp::from_second(at_s).map(|time| time.to_zoned(TimeZone::UTC));
    time.map(|time| time.strftime("%A %d %B, %Y %H:%M:%S UTC").to_string()).unwrap_or_default()
}

/// A number as Java writes it, which the service is made with: `90.0`, `1.0E7`.
pub(super) fn java(number: f64) -> String {
    if number == 0.0 || (1e-3..1e7).contains(&number.abs()) {
        return format!("{number:?}");
    }
    let text = format!("{number:E}");
    match text.split_once('E') {
        Some((digits, exponent)) if !digits.contains('.') => format!("{digits}.0E{exponent}"),
        _ => text,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn how(periods: usize, breaching: usize, missing: Missing) -> How {
        let wanted = Wanted { periods, breaching };
        How { wanted, comparison: Comparison::GreaterThanThreshold, threshold: 50.0, missing }
    }

    /// 2019-10-02 16:59:00
    const AT_S: i64 = 1_570_035_540;

    /// Those of the guide's events, word by word.
    #[test]
    fn the_published_reasons() {
        let reason = how(1, 1, Missing::Missing).reason(&[(AT_S, 99.501_602_296_934_34, true)], State::Alarm);
        assert_eq!(
            reason,
            "Threshold Crossed: 1 out of the last 1 datapoints [99.50160229693434 (02/10/19 16:59:00)] was greater \
             than the threshold (50.0) (minimum 1 datapoint for OK -> ALARM transition)."
        );
        let reason = how(1, 1, Missing::Missing).reason(&[(AT_S, 0.066_685_190_330_647_2, false)], State::Ok);
        assert_eq!(
            reason,
            "Threshold Crossed: 1 out of the last 1 datapoints [0.0666851903306472 (02/10/19 16:59:00)] was not \
             greater than the threshold (50.0) (minimum 1 datapoint for ALARM -> OK transition)."
        );
        assert_eq!(long_time(1_658_505_465), "Friday 22 July, 2022 15:57:45 UTC");
    }

    #[test]
    fn missing_data_is_told() {
        let three = how(3, 2, Missing::Breaching);
        assert_eq!(
            three.reason(&[], State::Alarm),
            "Threshold Crossed: no datapoints were received for 3 periods and 3 missing datapoints were treated as [Breaching]."
        );
        assert_eq!(
            how(1, 1, Missing::NotBreaching).reason(&[], State::Ok),
            "Threshold Crossed: no datapoints were received for 1 period and 1 missing datapoint was treated as [NonBreaching]."
        );
        assert_eq!(
            three.reason(&[(AT_S, 60.0, true), (AT_S - 60, 70.0, true)], State::Alarm),
            "Threshold Crossed: 2 datapoints [60.0 (02/10/19 16:59:00), 70.0 (02/10/19 16:58:00)] were greater than the \
             threshold (50.0) and 1 missing datapoint was treated as [Breaching]."
        );
        assert_eq!(
            how(2, 2, Missing::Breaching).reason(&[(AT_S, 1.0, false)], State::Ok),
            "Threshold Crossed: 1 datapoint [1.0 (02/10/19 16:59:00)] was not greater than the threshold (50.0) and 1 \
             missing datapoint was treated as [Breaching]."
        );
        assert_eq!(
            how(3, 3, Missing::Missing).reason(&[], State::InsufficientData),
            "Insufficient Data: 3 datapoints were unknown."
        );
        assert_eq!(
            how(1, 1, Missing::Missing).reason(&[], State::InsufficientData),
            "Insufficient Data: 1 datapoint was unknown."
        );
    }

    #[test]
    fn the_datapoints_that_speak_for_the_state_are_told() {
        let seen = [(AT_S, 60.0, true), (AT_S - 60, 10.0, false), (AT_S - 120, 70.0, true)];
        let reason = how(3, 2, Missing::Missing).reason(&seen, State::Alarm);
        assert!(reason.contains("2 out of the last 3 datapoints [60.0 (02/10/19 16:59:00), 70.0 (02/10/19 16:57:00)] were greater"), "{reason}");
        assert!(reason.contains("minimum 2 datapoints for OK -> ALARM"), "{reason}");
        let reason = how(3, 3, Missing::Missing).reason(&seen, State::Ok);
        assert!(
            reason.contains("1 out of the last 3 datapoints [10.0 (02/10/19 16:58:00)] was not greater"),
            "{reason}"
        );
        assert!(reason.contains("minimum 1 datapoint for ALARM -> OK"), "{reason}");
        // Not enough to be one, and none that speaks against it.
        let reason = how(3, 2, Missing::NotBreaching).reason(&seen[..1], State::Ok);
        assert!(reason.contains("1 datapoint [60.0 (02/10/19 16:59:00)] was greater than"), "{reason}");
    }

    #[test]
    fn each_comparison_has_its_edge_and_its_words() {
        for (comparison, below, equal, above, said) in [
            (Comparison::GreaterThanThreshold, false, false, true, "greater than"),
            (Comparison::GreaterThanOrEqualToThreshold, false, true, true, "greater than or equal to"),
            (Comparison::LessThanThreshold, true, false, false, "less than"),
            (Comparison::LessThanOrEqualToThreshold, true, true, false, "less than or equal to"),
        ] {
            let of = |value| breaches(value, comparison, 1.0);
            assert_eq!((of(0.9), of(1.0), of(1.1)), (below, equal, above), "{comparison:?}");
            assert_eq!(words(comparison), Some(said));
        }
        assert!(!is_plain(Comparison::GreaterThanUpperThreshold));
    }

    #[test]
    fn numbers_are_written_as_java_does() {
        for (number, text) in [
            (90.0, "90.0"),
            (0.5, "0.5"),
            (0.0, "0.0"),
            (-3.0, "-3.0"),
            (9_999_999.0, "9999999.0"),
            (1e7, "1.0E7"),
            (12_345_678.9, "1.23456789E7"),
            (0.0005, "5.0E-4"),
        ] {
            assert_eq!(java(number), text);
        }
    }
}
