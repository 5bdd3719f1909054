//! What the processors did between two looks at `/proc/stat`.
//!
//! sysinfo knows neither stolen time nor waiting for disks, so the file is read here. Knows no clock:
//! the kernel's own ticks are the whole.

use crate::metrics::counter::percent;
use crate::metrics::{Readings, name};

/// Ticks since boot over all processors: user, nice, system, idle, iowait, irq, softirq, steal. What
/// follows in the file, guest and `guest_nice`, is in user and nice already.
/// <https://man7.org/linux/man-pages/man5/proc_stat.5.html>
pub(super) type Times = [u64; 8];

/// In percent of all ticks of the interval.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct Usage {
    /// All but idle; waiting for disks and stolen time included, as in the `CloudWatch` agent.
    pub active: f64,
    /// Waiting for disks.
    pub iowait: f64,
    /// Given to others by the hypervisor.
    pub steal: f64,
}

/// The totals at the last look.
#[derive(Debug, Default)]
pub(super) struct Processors(Option<Times>);

impl Processors {
    /// Takes the text of `/proc/stat`. A total that went back gives a gap, and is a fault unless it is idle
    /// or iowait: of these a kernel takes back a tick now and then, and more with a processor.
    pub(super) fn sample(&mut self, text: &str, readings: &mut Readings) {
        let Some(now) = parse(text) else {
            self.0 = None;
            return readings.fault("/proc/stat has no line of all processors");
        };
        let Some(before) = self.0.replace(now) else { return };
        if went_back(&before, &now) {
            return readings.fault("a total of the processors in /proc/stat went back");
        }
        let Some(usage) = usage(&before, &now) else { return };
        readings.put(&name::CPU_USAGE_ACTIVE, None, usage.active);
        readings.put(&name::CPU_USAGE_IOWAIT, None, usage.iowait);
        readings.put(&name::CPU_USAGE_STEAL, None, usage.steal);
    }
}

/// The line of all processors, the first one. Linux writes all eight since 2.6.11.
pub(super) fn parse(text: &str) -> Option<Times> {
    let line = text.lines().find_map(|line| line.strip_prefix("cpu "))?;
    let mut fields = line.split_ascii_whitespace();
    let mut times = Times::default();
    for time in &mut times {
        *time = fields.next()?.parse().ok()?;
    }
    Some(times)
}

/// Whether a total did that never does while the host runs.
fn went_back(before: &Times, now: &Times) -> bool {
    let but_idle = |times: &Times| {
        let [user, nice, system, _, _, irq, softirq, steal] = *times;
        [user, nice, system, irq, softirq, steal]
    };
    but_idle(before).iter().zip(but_idle(now)).any(|(before, now)| now < *before)
}

/// `None` if a total shrank or no tick went by.
pub(super) fn usage(before: &Times, now: &Times) -> Option<Usage> {
    let mut added = Times::default();
    for (added, (before, now)) in added.iter_mut().zip(before.iter().zip(now)) {
        *added = now.checked_sub(*before)?;
    }
    let [_, _, _, idle, iowait, _, _, steal] = added;
    let all = added.iter().try_fold(0_u64, |sum, added| sum.checked_add(*added))?;
    Some(Usage {
        active: percent(all - idle, all)?,
        iowait: percent(iowait, all)?,
        steal: percent(steal, all)?,
    })
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    /// A t2.micro with Ubuntu 22.04.
    const T2_MICRO: &str = "cpu  51234 812 20317 8812345 4410 0 951 18233 0 0\n\
        cpu0 51234 812 20317 8812345 4410 0 951 18233 0 0\n\
        intr 31840211 9 10 0 0 544 0 0 0 0 0 0 0 2 0 0 0 0\nctxt 60011232\nbtime 1763870400\n\
        processes 40114\nprocs_running 1\nprocs_blocked 0\nsoftirq 9910123 0 3111222 4 100 0 0 1 2 0 3\n";

    fn close(a: f64, b: f64) -> bool {
        (a - b).abs() < 1e-9
    }

    #[test]
    fn an_ec2_host_is_read() {
        assert_eq!(parse(T2_MICRO), Some([51234, 812, 20317, 8_812_345, 4410, 0, 951, 18233]));
    }

    #[test]
    fn all_but_idle_is_active_and_guests_are_not_counted_twice() {
        let guests = "cpu 100 20 30 400 50 6 7 80 90 10\n";
        let later = "cpu 200 20 30 800 150 6 7 280 190 10\n";
        let usage = usage(&parse(guests).unwrap(), &parse(later).unwrap()).unwrap();
        assert!(
            close(usage.active, 50.0) && close(usage.iowait, 12.5) && close(usage.steal, 25.0),
            "{usage:?}"
        );
    }

    #[test]
    fn the_first_look_gives_nothing_and_a_total_that_went_back_a_gap() {
        let mut processors = Processors::default();
        let mut look = |text: &str| {
            let mut readings = Readings::default();
            processors.sample(text, &mut readings);
            assert_eq!(readings.faults, [""; 0]);
            readings.values.first().map(|reading| reading.value)
        };
        assert_eq!(look("cpu 10 0 0 100 50 0 0 0\n"), None);
        assert_eq!(look("cpu 20 0 0 190 50 0 0 0\n"), Some(10.0));
        assert_eq!(look("cpu 30 0 0 200 49 0 0 0\n"), None, "iowait by one tick");
        assert_eq!(look("cpu 40 0 0 199 49 0 0 0\n"), None, "idle by one tick");
        assert_eq!(look("cpu 40 0 0 199 49 0 0 0\n"), None, "no tick went by");
        assert_eq!(look("cpu 45 0 0 204 49 0 0 0\n"), Some(50.0), "and on it goes");
    }

    #[test]
    fn a_total_that_never_goes_back_is_told_when_it_does() {
        for nth in 0..8 {
            let (mut before, mut now) = ([100; 8], [200; 8]);
            (before[nth], now[nth]) = (100, 99);
            let text = |times: Times| format!("cpu {}\n", times.map(|time| time.to_string()).join(" "));
            let mut processors = Processors(Some(before));
            let mut readings = Readings::default();
            processors.sample(&text(now), &mut readings);
            assert_eq!(readings.values.len(), 0, "{nth}");
            let silent = [3, 4].contains(&nth);
            let told: &[&str] = &["a total of the processors in /proc/stat went back"];
            assert_eq!(readings.faults, if silent { &[] } else { told }, "{nth}");
            processors.sample(&text([300; 8]), &mut readings);
            assert_eq!(readings.values.len(), 3, "and on it goes");
        }
    }

    #[test]
    fn what_makes_no_sense_is_a_fault_and_forgets_what_was() {
        let huge = format!("cpu {0} {0} 0 0 0 0 0 0\n", u64::MAX);
        let hostile = [
            "",
            "cpu",
            "cpu ",
            "cpu 1 2 3 4 5 6 7",
            "cpu -1 2 3 4 5 6 7 8",
            "cpu0 1 2 3 4 5 6 7 8",
            "cpu 99999999999999999999 2 3 4 5 6 7 8",
            "intr 1\n",
        ];
        for text in hostile {
            let mut processors = Processors(Some([0; 8]));
            let mut readings = Readings::default();
            processors.sample(text, &mut readings);
            assert_eq!((readings.values.len(), readings.faults.len()), (0, 1), "{text}");
            assert_eq!(processors.0, None);
        }
        assert_eq!(usage(&[0; 8], &parse(&huge).unwrap()), None, "more ticks than fit");
    }

    proptest! {
        #[test]
        fn no_text_panics_and_no_share_leaves_the_whole(text in "(cpu )?[ 0-9a-z\n-]{0,80}", a: Times, b: Times) {
            let _ = parse(&text);
            if let Some(Usage { active, iowait, steal }) = usage(&a, &b) {
                for share in [active, iowait, steal] {
                    prop_assert!((0.0..=100.000_001).contains(&share));
                }
            }
        }
    }
}
