//! Whether a composite alarm may take its actions now, or is kept from it by its suppressor.
//!
//! It does not know states, only that one changed and whether the suppressor is in `ALARM`.
//!
//! <https://docs.aws.amazon.com/AmazonCloudWatch/latest/monitoring/Create_Composite_Alarm_Suppression.html>,
//! whose six examples are the tests.

/// What keeps actions back, in the service's words (`ActionsSuppressedBy`).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Hold {
    /// The suppressor is in `ALARM`.
    Alarm,
    /// It is waited for the suppressor, which may be slower.
    WaitPeriod,
    /// The suppressor is no longer in `ALARM`, and the composite alarm may be slower.
    ExtensionPeriod,
}

impl Hold {
    /// As the service writes it.
    pub fn word(self) -> &'static str {
        match self {
            Self::Alarm => "Alarm",
            Self::WaitPeriod => "WaitPeriod",
            Self::ExtensionPeriod => "ExtensionPeriod",
        }
    }
}

/// The suppressor of one composite alarm.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Suppression {
    wait_s: i64,
    extension_s: i64,
    in_alarm: bool,
    until: Option<(Hold, i64)>,
    /// A state was reached whose actions were not taken.
    owed: bool,
}

impl Suppression {
    /// `ActionsSuppressorWaitPeriod` and `ActionsSuppressorExtensionPeriod`, in seconds.
    pub fn new(wait_s: u32, extension_s: u32) -> Self {
        let (wait_s, extension_s) = (i64::from(wait_s), i64::from(extension_s));
        Self { wait_s, extension_s, in_alarm: false, until: None, owed: false }
    }

    /// What is so at a time: whether the composite alarm changed its state just now, and whether its suppressor
    /// is in `ALARM`. `true` if the composite alarm takes the actions of the state it is in.
    pub fn at(&mut self, now_s: i64, changed: bool, in_alarm: bool) -> bool {
        if self.in_alarm && !in_alarm {
            // In the place of a WaitPeriod that began before it was in ALARM, which "is discarded".
            self.until = Some((Hold::ExtensionPeriod, now_s + self.extension_s));
        }
        self.in_alarm = in_alarm;
        if changed {
            self.owed = true;
            if !in_alarm {
                // "the ExtensionPeriod is discarded, and a new WaitPeriod starts": example 6.
                self.until = Some((Hold::WaitPeriod, now_s + self.wait_s));
            }
        }
        if in_alarm {
            return false;
        }
        if self.until.is_some_and(|(_, end_s)| now_s < end_s) {
            return false;
        }
        self.until = None;
        std::mem::take(&mut self.owed)
    }

    /// What keeps actions back that would be taken otherwise.
    pub fn held(&self) -> Option<Hold> {
        let hold = if self.in_alarm { Some(Hold::Alarm) } else { self.until.map(|(hold, _)| hold) };
        hold.filter(|_| self.owed)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    /// One character a time unit: the composite alarm and its suppressor, `A` in ALARM, `o` not; and when actions
    /// are taken, `!`. `WaitPeriod` is two units and `ExtensionPeriod` three, as in the page's examples.
    fn taken(composite: &str, suppressor: &str) -> String {
        let mut suppression = Suppression::new(2, 3);
        let mut before = 'o';
        let mut line = String::new();
        for (now_s, (state, of_suppressor)) in (0..).zip(composite.chars().zip(suppressor.chars())) {
            let taken = suppression.at(now_s, state != before, of_suppressor == 'A');
            line.push(if taken { '!' } else { '.' });
            before = state;
        }
        line
    }

    #[test]
    fn the_published_examples() {
        for (example, composite, suppressor, expected) in [
            //     t0 t1 t2 …
            (1, "ooAAAAAA", "oooooooo", "....!..."),
            (2, "ooAAAAAA", "oooAAAAA", "........"),
            (3, "ooAooooo", "oooooooo", ".....!.."),
            (4, "ooAAAAAA", "oAAAAAAA", "........"),
            (5, "ooAAAAAAAAA", "oooAAAooooo", ".........!."),
            (6, "ooAAAAAoooo", "oooAAAooooo", ".........!."),
        ] {
            assert_eq!(taken(composite, suppressor), expected, "example {example}");
        }
    }

    #[test]
    fn a_suppressor_that_comes_after_the_wait_is_too_late() {
        assert_eq!(taken("oAAAAAA", "ooooAAA"), "...!...");
    }

    #[test]
    fn what_keeps_actions_back_is_told() {
        let mut suppression = Suppression::new(2, 3);
        let mut held = |now_s, changed, in_alarm| {
            suppression.at(now_s, changed, in_alarm);
            suppression.held()
        };
        assert_eq!(held(0, false, true), None, "nothing to take");
        assert_eq!(held(1, false, false), None);
        assert_eq!(held(5, true, false), Some(Hold::WaitPeriod));
        assert_eq!(held(6, false, true), Some(Hold::Alarm));
        assert_eq!(held(7, false, false), Some(Hold::ExtensionPeriod));
        assert_eq!(held(10, false, false), None);
    }

    proptest! {
        /// Never twice without a change between, and never while the suppressor is in ALARM.
        #[test]
        fn actions_follow_changes(times in proptest::collection::vec((any::<bool>(), any::<bool>()), 0..60),
                                  wait_s in 0_u32..5, extension_s in 0_u32..5) {
            let mut suppression = Suppression::new(wait_s, extension_s);
            let mut changes = 0;
            for (now_s, (changed, in_alarm)) in (0..).zip(times) {
                changes += u32::from(changed);
                if suppression.at(now_s, changed, in_alarm) {
                    prop_assert!(!in_alarm);
                    prop_assert!(changes > 0);
                    changes = 0;
                }
            }
        }
    }
}
