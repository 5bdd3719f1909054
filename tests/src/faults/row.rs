//! A row: a fault, what it may cost, and the judgement over what it did cost.
//!
//! Pure: figures in, complaints out.

use std::time::Duration;

use crate::docker;
use crate::faults::scene::Scene;

/// In KiB: 22 MB.
///
/// The promise is 32 MB with the pages of the program, of which a release has 10 MB in memory at most (its own test holds
/// that). What runs here may be hardly optimised and have three times as many, so they are not counted.
const OWN_LIMIT_KIB: u64 = 22_000_000 / 1024;
/// Live lines are at most five seconds late once the endpoint answers again; the sixth is the machine's.
pub(super) const LATE: Duration = Duration::from_secs(6);

/// A fault.
#[derive(Debug)]
pub(super) struct Row {
    /// Letters, digits and `-`: containers are called after it.
    pub(super) name: &'static str,
    /// What it does to whom.
    pub(super) act: fn(&mut Scene<'_>),
    /// What it may cost.
    pub(super) allowed: Allowed,
    /// Harms its dockerd, and so has one for itself.
    pub(super) own_daemon: Option<docker::Options>,
}

impl Row {
    /// A fault that may cost nothing.
    pub(super) fn new(name: &'static str, act: fn(&mut Scene<'_>)) -> Self {
        let allowed = Allowed { told: 0, late: LATE, spool_bytes: 256 << 20, in_flight: false };
        Self { name, act, allowed, own_daemon: None }
    }

    /// So many lines may be missing if the agent says so, line by line.
    pub(super) fn may_tell(mut self, lines: u64) -> Self {
        self.allowed.told = lines;
        self
    }

    /// Live lines may be so late after it.
    pub(super) fn may_delay(mut self, late: Duration) -> Self {
        self.allowed.late = late;
        self
    }

    /// What was in flight may come twice: nobody lets the agent read the stream.
    pub(super) fn may_repeat_what_was_in_flight(mut self) -> Self {
        self.allowed.in_flight = true;
        self
    }

    /// The spool may take no more than this.
    pub(super) fn with_spool_of(mut self, bytes: u64) -> Self {
        self.allowed.spool_bytes = bytes;
        self
    }

    /// On a dockerd of its own.
    pub(super) fn with_own_daemon(mut self, arguments: &[&str]) -> Self {
        let arguments = arguments.iter().map(|&argument| argument.to_owned()).collect();
        self.own_daemon = Some(docker::Options { arguments, ..docker::Options::default() });
        self
    }
}

/// What a fault may cost.
#[derive(Debug, Clone)]
pub(super) struct Allowed {
    /// Lines that may be missing where the agent says so.
    pub(super) told: u64,
    /// How late a line may be that was printed after the fault.
    pub(super) late: Duration,
    /// What the spool may take.
    pub(super) spool_bytes: u64,
    /// Whether calls in flight at the fault may come twice.
    pub(super) in_flight: bool,
}

/// What a fault did cost.
#[derive(Debug, Clone, Default)]
pub(super) struct Figures {
    /// Lines that were printed; none before they are counted.
    pub(super) printed: Option<u64>,
    /// Lines that never arrived.
    pub(super) missing: u64,
    /// Lines of which the agent says that they are missing.
    pub(super) told: u64,
    /// Lines that came again.
    pub(super) repeated: u64,
    /// Calls of which lines came again.
    pub(super) repeated_calls: u64,
    /// Calls that were or may have been in flight when the agent was killed or an answer was lost.
    pub(super) in_flight: u64,
    /// From the fault's end until lines were no later than in quiet times.
    pub(super) catch_up: Option<Duration>,
    /// The latest of the lines printed after the fault.
    pub(super) late: Duration,
    /// The most memory of any run of the agent.
    pub(super) rss_peak_kib: u64,
    /// The same without the pages of the program and its libraries.
    pub(super) own_peak_kib: u64,
    /// The most that the spool took.
    pub(super) spool_bytes: u64,
}

impl Figures {
    /// Lines that are missing and nobody says so.
    pub(super) fn lost(&self) -> u64 {
        self.missing.saturating_sub(self.told)
    }

    /// Every promise that these figures break.
    pub(super) fn complaints(&self, allowed: &Allowed) -> Vec<String> {
        let Self { missing, told, repeated, repeated_calls, in_flight, .. } = self;
        let mut found = Vec::new();
        let mut check = |broken: bool, words: String| {
            if broken {
                found.push(words);
            }
        };
        check(self.printed.is_none(), String::from("the lines were not counted"));
        check(self.lost() > 0, format!("{} lost", self.lost()));
        check(told > missing, format!("{told} told as missing, {missing} are"));
        check(*told > allowed.told, format!("{told} told as missing, {} may be", allowed.told));
        check(*repeated > 0 && !allowed.in_flight, format!("{repeated} repeated"));
        check(repeated_calls > in_flight, format!("{repeated_calls} calls repeated, {in_flight} in flight"));
        check(self.catch_up.is_none(), String::from("never caught up"));
        let late = self.late;
        check(late > allowed.late, format!("live lines {:.1} s late", late.as_secs_f64()));
        let own = self.own_peak_kib;
        check(own > OWN_LIMIT_KIB, format!("{own} KiB of memory of its own"));
        check(self.spool_bytes > allowed.spool_bytes, format!("{} bytes in the spool", self.spool_bytes));
        found
    }
}

/// A row that was played.
#[derive(Debug)]
pub(super) struct Outcome {
    /// The row's.
    pub(super) name: &'static str,
    /// What it cost.
    pub(super) figures: Figures,
    /// Every broken promise; none is a row that holds.
    pub(super) complaints: Vec<String>,
}

#[cfg(test)]
mod tests {
    use super::*;

    fn good() -> Figures {
        Figures { printed: Some(100), catch_up: Some(Duration::ZERO), ..Figures::default() }
    }

    fn said(figures: &Figures, row: &Row) -> String {
        figures.complaints(&row.allowed).join("; ")
    }

    fn row() -> Row {
        Row::new("x", |_| ())
    }

    #[test]
    fn what_is_missing_must_be_told_and_allowed() {
        assert_eq!(said(&good(), &row()), "");
        assert_eq!(said(&Figures { missing: 3, told: 1, ..good() }, &row().may_tell(3)), "2 lost");
        assert_eq!(said(&Figures { missing: 3, told: 3, ..good() }, &row().may_tell(3)), "");
        assert_eq!(said(&Figures { missing: 3, told: 3, ..good() }, &row()), "3 told as missing, 0 may be");
        let told = said(&Figures { missing: 1, told: 2, ..good() }, &row().may_tell(9));
        assert_eq!(told, "2 told as missing, 1 are");
    }

    #[test]
    fn what_comes_twice_was_in_flight_at_most() {
        let twice = Figures { repeated: 5, ..good() };
        assert_eq!(said(&twice, &row()), "5 repeated");
        assert_eq!(said(&twice, &row().may_repeat_what_was_in_flight()), "");
        let calls = Figures { repeated_calls: 2, in_flight: 2, ..twice.clone() };
        assert_eq!(said(&calls, &row().may_repeat_what_was_in_flight()), "");
        let calls = Figures { repeated_calls: 2, in_flight: 1, ..twice };
        let calls = said(&calls, &row().may_repeat_what_was_in_flight());
        assert_eq!(calls, "2 calls repeated, 1 in flight");
    }

    #[test]
    fn time_memory_and_disk_have_their_limits() {
        let late = Figures { late: Duration::from_secs(7), ..good() };
        assert_eq!(said(&late, &row()), "live lines 7.0 s late");
        assert_eq!(said(&late, &row().may_delay(Duration::from_secs(8))), "");
        assert_eq!(said(&Figures { catch_up: None, ..good() }, &row()), "never caught up");
        assert!(said(&Figures { own_peak_kib: 21_485, ..good() }, &row()).contains("memory"));
        assert!(said(&Figures { spool_bytes: 9, ..good() }, &row().with_spool_of(8)).contains("spool"));
        assert!(said(&Figures { printed: None, ..good() }, &row()).contains("counted"));
    }
}
