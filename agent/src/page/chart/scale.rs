//! Numbers and times on axes: where ticks stand, and how values are written.

use jiff::Timestamp;

/// From a value to its place on an axis, and the ticks.
#[derive(Debug, Clone, PartialEq)]
pub struct Scale {
    from: f64,
    to: f64,
    /// Where lines are drawn.
    pub ticks: Vec<f64>,
}

impl Scale {
    /// For these values, with about so many steps. What is said of the axis' ends is kept.
    pub fn of(values: impl Iterator<Item = f64>, min: Option<f64>, max: Option<f64>, steps: f64) -> Self {
        let (mut least, mut most) = (f64::INFINITY, f64::NEG_INFINITY);
        for value in values {
            least = least.min(value);
            most = most.max(value);
        }
        if !least.is_finite() || !most.is_finite() {
            (least, most) = (0.0, 1.0);
        }
        let mut from = min.unwrap_or(least);
        let mut to = max.unwrap_or(most);
        if to <= from {
            // One value only: in the middle, or above nought.
            let room = if from == 0.0 { 1.0 } else { from.abs() * 0.5 };
            if max.is_none() {
                to = from + room;
            }
            if min.is_none() || to <= from {
                from = to.min(from) - if least >= 0.0 && max.is_none() { room.min(from.abs()) } else { room };
            }
        }
        let step = step((to - from) / steps.max(1.0));
        if !step.is_finite() || step <= 0.0 {
            return Self { from: 0.0, to: 1.0, ticks: vec![0.0, 1.0] };
        }
        // Graphs of what is far from nought need not show nought.
        if min.is_none() {
            from = (from / step).floor() * step;
        }
        if max.is_none() {
            to = (to / step).ceil() * step;
        }
        let first = (from / step).ceil();
        let ticks = (0..40).map(f64::from).map(|place| (first + place) * step);
        let ticks = ticks
            .take_while(|tick| *tick <= to + step * 1e-6)
            .map(|tick| if tick == 0.0 { 0.0 } else { tick });
        Self { from, to, ticks: ticks.collect() }
    }

    /// From 0 at the bottom to 1 at the top; what is beyond stands at the edge.
    pub fn place(&self, value: f64) -> f64 {
        ((value - self.from) / (self.to - self.from)).clamp(0.0, 1.0)
    }

    /// Whether a value is within.
    pub fn holds(&self, value: f64) -> bool {
        (self.from..=self.to).contains(&value)
    }

    /// Whether a value is above all that is shown.
    pub fn is_above(&self, value: f64) -> bool {
        value > self.to
    }
}

/// The next of 1, 2, 2.5 and 5 times a power of ten.
fn step(rough: f64) -> f64 {
    let power = 10_f64.powf(rough.log10().floor());
    let times = [1.0, 2.0, 2.5, 5.0].into_iter().find(|times| *times * power >= rough * 0.999_999);
    times.unwrap_or(10.0) * power
}

/// Of three digits or a little more, with k, M, G, T.
pub fn short(value: f64) -> String {
    let size = value.abs();
    let (divisor, sign) = match size {
        _ if !value.is_finite() => return "–".to_owned(),
        1e15.. => return format!("{value:.2e}"),
        1e12.. => (1e12, "T"),
        1e9.. => (1e9, "G"),
        1e6.. => (1e6, "M"),
        1e4.. => (1e3, "k"),
        _ => (1.0, ""),
    };
    let number = value / divisor;
    let digits = match number.abs() {
        100.0.. => 0,
        10.0.. => 1,
        1.0.. => 2,
        0.1.. => 3,
        0.001.. => 4,
        0.0 => 0,
        ..0.001 => return format!("{number:.1e}"),
        _ => 2,
    };
    let mut text = format!("{number:.digits$}");
    if text.contains('.') {
        text.truncate(text.trim_end_matches('0').trim_end_matches('.').len());
    }
    if text == "-0" { "0".to_owned() } else { text + sign }
}

/// Steps of a time axis, in seconds.
const STEPS: [i64; 18] = [
    10, 30, 60, 120, 300, 600, 900, 1800, 3600, 7200, 10_800, 21_600, 43_200, 86_400, 172_800, 604_800,
    1_209_600, 2_592_000,
];

/// Times for an axis, at most so many, and what is written there, in UTC.
pub fn times(from_s: i64, to_s: i64, most: i64) -> Vec<(i64, String)> {
    let length = (to_s - from_s).max(1);
    let step = STEPS.into_iter().find(|step| length / step <= most).unwrap_or(length / most.max(1) + 1);
    let first = (from_s + step - 1).div_euclid(step);
    let format = match (step, length) {
        (86_400.., _) => "%d %b",
        (_, 86_401..) => "%d %H:%M",
        (..60, _) => "%H:%M:%S",
        _ => "%H:%M",
    };
    (0..=most)
        .map(|place| (first + place) * step)
        .take_while(|time| *time <= to_s)
        .map(|time| (time, at(time, format)))
        .collect()
}

/// A time in UTC.
pub fn at(time_s: i64, format: &str) -> String {
    Timestamp::from_second(time_s).map_or_else(|_| "?".to_owned(), |time| time.strftime(format).to_string())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ticks_are_round() {
        for (values, min, max, ticks) in [
            (&[3.0, 97.0][..], Some(0.0), Some(100.0), &[0.0, 25.0, 50.0, 75.0, 100.0][..]),
            (&[0.12, 0.83], Some(0.0), None, &[0.0, 0.25, 0.5, 0.75, 1.0]),
            (&[1014.0, 1017.0], None, None, &[1014.0, 1015.0, 1016.0, 1017.0]),
            (&[5.0], None, None, &[2.0, 4.0, 6.0, 8.0]),
            (&[0.0], Some(0.0), None, &[0.0, 0.25, 0.5, 0.75, 1.0]),
            (&[], None, None, &[0.0, 0.25, 0.5, 0.75, 1.0]),
            (&[-4.0, 4.0], None, None, &[-4.0, -2.0, 0.0, 2.0, 4.0]),
        ] {
            assert_eq!(Scale::of(values.iter().copied(), min, max, 4.0).ticks, ticks, "{values:?}");
        }
    }

    #[test]
    fn no_axis_breaks_a_graph() {
        for (values, min, max) in [
            (&[1e308, -1e308][..], None, None),
            (&[1.0], Some(5.0), Some(5.0)),
            (&[1.0], Some(7.0), Some(-7.0)),
            (&[f64::MIN_POSITIVE], None, None),
        ] {
            let scale = Scale::of(values.iter().copied(), min, max, 4.0);
            assert!(scale.ticks.len() <= 40, "{scale:?}");
            assert!(scale.place(1.0).is_finite() || scale.place(1.0).is_nan(), "{scale:?}");
        }
    }

    #[test]
    fn numbers_are_short() {
        for (value, text) in [
            (0.0, "0"),
            (7.0, "7"),
            (41.234, "41.2"),
            (0.123_456, "0.123"),
            (0.000_12, "1.2e-4"),
            (-3.5, "-3.5"),
            (1234.0, "1234"),
            (12_345.0, "12.3k"),
            (1_500_000.0, "1.5M"),
            (2.5e9, "2.5G"),
            (1e13, "10T"),
            (0.0015, "0.0015"),
            (99.96, "100"),
            (f64::NAN, "–"),
            (1e20, "1.00e20"),
        ] {
            assert_eq!(short(value), text);
        }
    }

    #[test]
    fn times_are_round() {
        let shown = |from, to| times(from, to, 6).into_iter().map(|(_, text)| text).collect::<Vec<_>>();
        assert_eq!(shown(36_000, 46_800), ["10:00", "10:30", "11:00", "11:30", "12:00", "12:30", "13:00"]);
        assert_eq!(shown(36_030, 36_930), ["10:05", "10:10", "10:15"]);
        assert_eq!(
            shown(0, 86_400 * 3),
            ["01 00:00", "01 12:00", "02 00:00", "02 12:00", "03 00:00", "03 12:00", "04 00:00"]
        );
    }
}
