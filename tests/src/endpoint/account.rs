//! What arrived on one stream, counted without keeping a line: how many, which numbers are missing,
//! which came twice, which came late, and how long they were under way.
//!
//! Pure: bytes and a time in, counts out.

use memchr::memmem::Finder;
use serde::{Deserialize, Serialize};

/// Numbers above this are taken for an accident: the set of seen numbers is a bit for each.
const HIGHEST_NUMBER: u64 = 1 << 28;

/// How a line says its number and when it was printed.
#[derive(Debug, Clone)]
pub struct Markers {
    /// Stands before the sequence number: `n=` finds 1234 in `n=0000001234`.
    pub number: String,
    /// Stands before the time of printing in nanoseconds since 1970.
    pub printed: String,
}

impl Default for Markers {
    fn default() -> Self {
        Self { number: String::from("n="), printed: String::from("t=") }
    }
}

/// The markers, ready to search with.
#[derive(Debug, Clone)]
pub(crate) struct Search {
    number: Finder<'static>,
    printed: Finder<'static>,
}

impl Search {
    pub(crate) fn new(markers: &Markers) -> Self {
        Self {
            number: Finder::new(markers.number.as_bytes()).into_owned(),
            printed: Finder::new(markers.printed.as_bytes()).into_owned(),
        }
    }
}

/// The counts of one stream.
#[derive(Debug, Default)]
pub struct Account {
    lines: u64,
    bytes: u64,
    distinct: u64,
    repeated: u64,
    disordered: u64,
    unnumbered: u64,
    lowest: Option<u64>,
    highest: u64,
    seen: Vec<u64>,
    latency: Latency,
    newest_print_ns: u64,
}

/// An [`Account`] at one moment, as the binary prints it.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Summary {
    /// Lines that arrived.
    pub lines: u64,
    /// Their bytes without the service's 26 for each.
    pub bytes: u64,
    /// Different numbers among them.
    pub distinct: u64,
    /// The lowest number.
    pub lowest: Option<u64>,
    /// The highest number.
    pub highest: u64,
    /// Numbers between the lowest and the highest that never came.
    pub lost: u64,
    /// Lines whose number had come before.
    pub repeated: u64,
    /// New numbers that came after a higher one.
    pub disordered: u64,
    /// Lines without a number.
    pub unnumbered: u64,
    /// From the print to the arrival, of lines that carry a stamp.
    pub latency: LatencySummary,
}

impl Account {
    /// Counts one line that arrived at `now_ns`; gives when it was printed, if it says so.
    pub(crate) fn add(&mut self, message: &[u8], search: &Search, now_ns: u64) -> Option<u64> {
        self.lines += 1;
        self.bytes += message.len() as u64;
        match number_after(message, &search.number).filter(|number| *number <= HIGHEST_NUMBER) {
            None => self.unnumbered += 1,
            Some(number) => self.number(number),
        }
        let printed_ns = number_after(message, &search.printed)?;
        self.latency.add(now_ns.saturating_sub(printed_ns));
        self.newest_print_ns = self.newest_print_ns.max(printed_ns);
        Some(printed_ns)
    }

    fn number(&mut self, number: u64) {
        let word = usize::try_from(number / 64).expect("the highest number fits");
        let bit = 1_u64 << (number % 64);
        if self.seen.len() <= word {
            self.seen.resize((word + 1).next_power_of_two(), 0);
        }
        if self.seen[word] & bit != 0 {
            self.repeated += 1;
            return;
        }
        self.seen[word] |= bit;
        self.distinct += 1;
        if self.lowest.is_some() && number < self.highest {
            self.disordered += 1;
        }
        self.lowest = Some(self.lowest.map_or(number, |lowest| lowest.min(number)));
        self.highest = self.highest.max(number);
    }

    /// Lines that arrived.
    pub fn lines(&self) -> u64 {
        self.lines
    }

    /// Different numbers that arrived.
    pub fn distinct(&self) -> u64 {
        self.distinct
    }

    /// When the newest line that arrived was printed, in nanoseconds since 1970; 0 before any.
    pub fn newest_print_ns(&self) -> u64 {
        self.newest_print_ns
    }

    /// Which of `first..=last` never came, the lowest first; at most `limit` of them.
    pub fn missing(&self, first: u64, last: u64, limit: usize) -> Vec<u64> {
        (first..=last).filter(|number| !self.has(*number)).take(limit).collect()
    }

    /// Every number that came, the lowest first.
    pub fn numbers(&self) -> impl Iterator<Item = u64> {
        let bits = |(index, word): (usize, &u64)| {
            let (first, word) = (index as u64 * 64, *word);
            (0..64).filter(move |bit| word & (1 << bit) != 0).map(move |bit| first + bit)
        };
        self.seen.iter().enumerate().filter(|(_, word)| **word != 0).flat_map(bits)
    }

    /// Whether this number came.
    pub fn has(&self, number: u64) -> bool {
        let word = usize::try_from(number / 64).unwrap_or(usize::MAX);
        self.seen.get(word).is_some_and(|bits| bits & (1 << (number % 64)) != 0)
    }

    /// The counts now.
    pub fn summary(&self) -> Summary {
        let span = self.lowest.map_or(0, |lowest| self.highest - lowest + 1);
        Summary {
            lines: self.lines,
            bytes: self.bytes,
            distinct: self.distinct,
            lowest: self.lowest,
            highest: self.highest,
            lost: span - self.distinct,
            repeated: self.repeated,
            disordered: self.disordered,
            unnumbered: self.unnumbered,
            latency: self.latency.summary(),
        }
    }
}

/// The number behind the first marker that stands alone: `n=` is not found in `token=12`.
fn number_after(message: &[u8], marker: &Finder<'_>) -> Option<u64> {
    let length = marker.needle().len();
    marker.find_iter(message).find_map(|at| {
        let alone = at == 0 || !(message[at - 1].is_ascii_alphanumeric() || message[at - 1] == b'_');
        let digits = message[at + length..].iter().take_while(|byte| byte.is_ascii_digit());
        let mut value = None;
        for digit in digits {
            value = Some(value.unwrap_or(0_u64).checked_mul(10)?.checked_add(u64::from(digit - b'0'))?);
        }
        value.filter(|_| alone)
    })
}

/// Sixteen buckets for each power of two: 6 % exact from a nanosecond to centuries.
const BUCKETS: usize = 64 * 16;

/// A histogram of nanoseconds.
#[derive(Debug, Default)]
struct Latency {
    buckets: Vec<u64>,
    count: u64,
    highest_ns: u64,
}

/// A histogram's summary in milliseconds.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub struct LatencySummary {
    /// Lines that carried a stamp.
    pub count: u64,
    /// Half of them arrived within this.
    pub p50_ms: f64,
    /// 99 of 100 arrived within this.
    pub p99_ms: f64,
    /// The slowest, exactly.
    pub max_ms: f64,
}

impl Latency {
    fn add(&mut self, ns: u64) {
        if self.buckets.is_empty() {
            self.buckets = vec![0; BUCKETS];
        }
        self.buckets[bucket(ns)] += 1;
        self.count += 1;
        self.highest_ns = self.highest_ns.max(ns);
    }

    fn summary(&self) -> LatencySummary {
        LatencySummary {
            count: self.count,
            p50_ms: ms(self.quantile(50)),
            p99_ms: ms(self.quantile(99)),
            max_ms: ms(self.highest_ns),
        }
    }

    /// The upper edge of the bucket in which the given hundredth lies.
    fn quantile(&self, hundredth: u64) -> u64 {
        let rank = (self.count * hundredth).div_ceil(100);
        let mut below = 0;
        let found = self.buckets.iter().position(|count| {
            below += count;
            below >= rank
        });
        found.map_or(0, |index| edge(index + 1).min(self.highest_ns))
    }
}

fn bucket(ns: u64) -> usize {
    let power = ns.max(16).ilog2();
    let index = u64::from(power - 4) * 16 + (ns >> (power - 4));
    usize::try_from(index).unwrap_or(BUCKETS).min(BUCKETS - 1)
}

/// The lowest value of a bucket: what [`bucket`] maps to it first.
fn edge(index: usize) -> u64 {
    if index < 32 {
        return index as u64;
    }
    let (power, sixteenth) = (index / 16 - 1, index % 16);
    ((16 + sixteenth as u64) << power).max(1)
}

#[expect(clippy::cast_precision_loss, reason = "for people: three digits would do")]
fn ms(ns: u64) -> f64 {
    (ns as f64 / 1_000.0).round() / 1_000.0
}

#[cfg(test)]
mod tests {
    use super::*;

    fn account(lines: &[&str]) -> Summary {
        let (mut account, search) = (Account::default(), Search::new(&Markers::default()));
        for line in lines {
            account.add(line.as_bytes(), &search, 5_000_000);
        }
        account.summary()
    }

    #[test]
    fn holes_repeats_and_disorder_are_told_apart() {
        let got = account(&["n=1", "n=2", "n=5", "n=4", "n=4", "n=7 x", "no number"]);
        assert_eq!((got.lines, got.distinct, got.lost), (7, 5, 2), "3 and 6 are missing");
        assert_eq!((got.repeated, got.disordered, got.unnumbered), (1, 1, 1));
        assert_eq!((got.lowest, got.highest), (Some(1), 7));
    }

    #[test]
    fn a_marker_inside_a_word_is_none() {
        assert_eq!(account(&["token=7"]).unnumbered, 1);
        assert_eq!(account(&["token=7 n=0000000003"]).highest, 3);
        assert_eq!(account(&[r#"{"msg":"n=3"}"#]).highest, 3);
        assert_eq!(account(&["n=x n=99999999999999999999999"]).unnumbered, 1);
    }

    #[test]
    fn missing_numbers_are_named() {
        let (mut account, search) = (Account::default(), Search::new(&Markers::default()));
        for line in ["n=2", "n=3", "n=70"] {
            account.add(line.as_bytes(), &search, 0);
        }
        assert_eq!(account.missing(1, 5, 10), [1, 4, 5]);
        assert_eq!(account.missing(1, 1_000, 2), [1, 4]);
        assert!(account.has(70) && !account.has(1 << 40));
    }

    #[test]
    fn latency_is_arrival_less_stamp() {
        let got = account(&["n=1 t=1000000", "n=2 t=4000000"]).latency;
        assert_eq!(got.count, 2);
        assert!((got.max_ms - 4.0).abs() < 1e-9, "{got:?}");
        assert!((0.95..=1.07).contains(&got.p50_ms), "{got:?}");
    }

    #[test]
    fn every_bucket_begins_where_the_one_before_ends() {
        for ns in (0..4096).chain([1 << 20, (1 << 20) + 12345, u64::MAX / 3]) {
            let index = bucket(ns);
            assert!(edge(index) <= ns && ns < edge(index + 1), "{ns} in {index}");
        }
    }
}
