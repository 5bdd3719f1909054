//! Whether the backend has come up since the host was booted: until its health check has answered once, it is not
//! down, but has never come up.
//!
//! Knows neither rules nor who tells boots apart.

use serde::{Deserialize, Serialize};

use crate::metrics::name::HEALTH_UP;
use crate::metrics::{Kind, Metric, Reading};

/// Known to rules alone: how long the health check is asked in vain after a boot.
pub static NEVER_UP: Metric = Metric {
    name: "health_never_up",
    unit: "Seconds",
    kind: Kind::Gauge,
    dimension: None,
    by_default: false,
    help: "Since it was first asked after the boot, while the health check has not answered 200 once; 0 from then on",
};

/// What is known of the health check since the host was booted.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct Boot {
    /// In this boot it has answered.
    came_up: String,
    /// In this boot it is asked since then, in nanoseconds since the epoch, and has not answered.
    asked: Option<(String, i64)>,
}

impl Boot {
    /// Puts [`NEVER_UP`] beside the health check's reading, or in its place. `boot` tells boots apart; `is_open` says
    /// whether a rule on a metric is. Whether there is something new to know.
    pub fn judge(
        &mut self,
        readings: &mut Vec<Reading>,
        boot: &str,
        is_open: impl Fn(&Metric) -> bool,
        now_ns: i64,
    ) -> bool {
        let Some(health) = readings.iter_mut().find(|reading| reading.metric.name == HEALTH_UP.name) else {
            return false;
        };
        let before = self.clone();
        if health.value >= 1.0 {
            *self = Self { came_up: boot.to_owned(), asked: None };
        }
        // What was down before the host was booted is down.
        if self.came_up == boot || is_open(&HEALTH_UP) {
            readings.push(Reading { metric: &NEVER_UP, of: None, value: 0.0 });
        } else {
            let since = self.asked.take().filter(|(then, _)| then == boot || is_open(&NEVER_UP));
            let since_ns = since.map_or(now_ns, |(_, since_ns)| since_ns.min(now_ns));
            self.asked = Some((boot.to_owned(), since_ns));
            let nanoseconds = u64::try_from(now_ns - since_ns).unwrap_or_default();
            (health.metric, health.value) =
                (&NEVER_UP, std::time::Duration::from_nanos(nanoseconds).as_secs_f64());
        }
        *self != before
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::alerts::{MINUTE, SECOND};

    const T0: i64 = 1_800_000_000 * SECOND;

    /// What rules look at when the check says this.
    fn seen(
        boot: &mut Boot,
        up: bool,
        (id, open): (&str, Option<&Metric>),
        now_ns: i64,
    ) -> Vec<(&'static str, f64)> {
        let mut readings = vec![Reading { metric: &HEALTH_UP, of: None, value: f64::from(u8::from(up)) }];
        let is_open = |metric: &Metric| open.is_some_and(|open| open.name == metric.name);
        boot.judge(&mut readings, id, is_open, now_ns);
        readings.iter().map(|reading| (reading.metric.name, reading.value)).collect()
    }

    const UP: [(&str, f64); 2] = [("health_up", 1.0), ("health_never_up", 0.0)];
    const DOWN: [(&str, f64); 2] = [("health_up", 0.0), ("health_never_up", 0.0)];

    #[test]
    fn before_it_has_answered_once_it_is_not_down() {
        let mut boot = Boot::default();
        assert_eq!(seen(&mut boot, false, ("a", None), T0), [("health_never_up", 0.0)]);
        let mut boot: Boot = serde_json::from_slice(&serde_json::to_vec(&boot).unwrap()).unwrap();
        assert_eq!(seen(&mut boot, false, ("a", None), T0 + 2 * MINUTE), [("health_never_up", 120.0)]);
        assert_eq!(seen(&mut boot, true, ("a", None), T0 + 3 * MINUTE), UP);
        assert_eq!(seen(&mut boot, false, ("a", None), T0 + 4 * MINUTE), DOWN);
        assert!(!boot.judge(&mut Vec::new(), "a", |_| false, T0), "nobody was asked");
        // Another boot: it counts anew.
        assert_eq!(seen(&mut boot, false, ("b", None), T0 + 9 * MINUTE), [("health_never_up", 0.0)]);
    }

    #[test]
    fn a_reboot_ends_nothing_that_is_told() {
        let mut never = Boot::default();
        seen(&mut never, false, ("a", None), T0);
        let still = seen(&mut never, false, ("b", Some(&NEVER_UP)), T0 + 20 * MINUTE);
        assert_eq!(still, [("health_never_up", 1200.0)]);
        let mut down = Boot::default();
        seen(&mut down, true, ("a", None), T0);
        assert_eq!(seen(&mut down, false, ("b", Some(&HEALTH_UP)), T0 + MINUTE), DOWN);
        // An image that was baked with its state.
        let mut baked = Boot::default();
        seen(&mut baked, false, ("a", None), T0);
        assert_eq!(seen(&mut baked, false, ("b", None), T0 + 9999 * MINUTE), [("health_never_up", 0.0)]);
    }
}
