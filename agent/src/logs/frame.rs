//! What Docker's API serves of a log, with `timestamps=1`: `2026-01-26T19:45:10.101234567Z text\n`.
//!
//! Understands the text of one frame, and drops what comes twice: the API repeats lines when the
//! log of the `local` driver rotates, and gives the newest second again after a reconnect. Knows
//! nothing of sockets.

use std::collections::VecDeque;
use std::hash::{BuildHasher, RandomState};

use memchr::memchr;
use memchr::memmem;

use super::Pipe;
use super::cursor::Position;
use super::json_file::{PIECE, Record, parse_time};

/// How far back repetitions are told by content; what is older than this is a repetition.
const WINDOW_NS: i64 = 1_000_000_000;
/// Entries of that window, at most: 16 bytes each.
const WINDOW_LINES: usize = 8192;
/// A newest line this far ahead of the clock means that the clock was set back.
const CLOCK_NS: i64 = 2_000_000_000;
/// How far back to ask after the clock was set back: a reader looks again within half this time.
const SET_BACK_NS: i64 = 60_000_000_000;

/// Reads one frame of a container without a terminal. Text without a timestamp is a malformed
/// frame, `None`.
pub fn parse(frame: &[u8], pipe: Pipe) -> Option<Record<'_>> {
    let (time_ns, text) = stamped(frame)?;
    Some(Record::new(String::from_utf8_lossy(text), pipe, time_ns))
}

/// Reads the text of a container with a terminal, whose pieces come without borders: Docker
/// stamps each piece of [`PIECE`] bytes, in the middle of the line, and forgets the newline
/// behind the last.
pub fn parse_console(mut text: &[u8]) -> Vec<Record<'_>> {
    let mut records = Vec::new();
    while let Some((time_ns, rest)) = stamped(text) {
        let end = match rest.get(PIECE..) {
            Some(next) if stamped(next).is_some() => PIECE,
            _ if records.is_empty() => rest.len(),
            // The last piece of a long line: another line may be glued to it.
            _ => glued_stamp(rest).unwrap_or(rest.len()),
        };
        let (piece, next) = rest.split_at_checked(end).unwrap_or((rest, &[]));
        records.push(Record::new(String::from_utf8_lossy(piece), Pipe::Stdout, time_ns));
        text = next;
    }
    records
}

fn stamped(text: &[u8]) -> Option<(i64, &[u8])> {
    let end = memchr(b' ', text.get(..36.min(text.len()))?)?;
    let (stamp, rest) = text.split_at_checked(end)?;
    Some((parse_time(stamp)?, rest.get(1..)?))
}

fn glued_stamp(text: &[u8]) -> Option<usize> {
    memmem::find_iter(text, b"-")
        .filter_map(|dash| dash.checked_sub(4))
        .find(|at| text.get(*at..).is_some_and(|rest| stamped(rest).is_some()))
}

/// The position is later than the clock `now_ns` can be wrong by: the clock was set back.
pub fn is_ahead(position: Option<Position>, now_ns: i64) -> bool {
    matches!(position, Some(Position::Api { time_ns, .. }) if time_ns > now_ns.saturating_add(CLOCK_NS))
}

/// Of one pipe: which lines were had already.
#[derive(Debug)]
pub struct Dedup {
    newest_ns: i64,
    /// Lines of exactly `newest_ns`.
    at_newest: u32,
    /// Where to go on after a restart; below it, everything is a repetition.
    resume: Option<(i64, u32)>,
    /// (time, hash of the text) of the newest second, in order of time.
    window: VecDeque<(i64, u64)>,
    /// Time and hash of the pieces so far of a line that goes on. All pieces of a line have one
    /// time, and may have the same text: only what comes before it tells one from another.
    open: Option<(i64, u64)>,
    hasher: RandomState,
}

impl Dedup {
    /// Goes on after `position`, unless that [`is_ahead`] of the clock `now_ns`: what comes would
    /// all be older than that, and none of it a repetition.
    pub fn new(position: Option<Position>, now_ns: i64) -> Self {
        let resume = match position {
            Some(Position::Api { time_ns, done, .. }) if !is_ahead(position, now_ns) => Some((time_ns, done)),
            _ => None,
        };
        Self {
            newest_ns: i64::MIN,
            at_newest: 0,
            resume,
            window: VecDeque::new(),
            open: None,
            hasher: RandomState::new(),
        }
    }

    /// The log is read again, from a time that this one was asked for.
    pub fn reread(&mut self) {
        self.open = None;
        if let Some((_, left)) = &mut self.resume {
            // What was passed over already comes once more, and is to be passed over once more.
            *left += self.at_newest;
            self.newest_ns = i64::MIN;
            self.at_newest = 0;
            self.window.clear();
        }
    }

    /// The time to ask Docker from, in nanoseconds: the newest line had, but never later than
    /// `now_ns`, the clock, or lines would be passed over that are printed until then.
    pub fn since_ns(&self, now_ns: i64) -> Option<i64> {
        let newest_ns = self.newest()?;
        let set_back = newest_ns > now_ns.saturating_add(CLOCK_NS);
        Some(newest_ns.min(if set_back { now_ns.saturating_sub(SET_BACK_NS) } else { now_ns }))
    }

    /// The line's place if it is new, `None` if it was had already. `now_ns`: the clock.
    pub fn place(&mut self, record: &Record<'_>, now_ns: i64) -> Option<Position> {
        let time_ns = record.time_ns;
        if self.newest_ns > now_ns.saturating_add(CLOCK_NS) && time_ns <= now_ns.saturating_add(CLOCK_NS) {
            // The clock was set back: what comes now is older than what we had, and new.
            self.newest_ns = i64::MIN;
            self.resume = None;
            self.window.clear();
        }
        let hash = self.chained(record);
        if let Some((resume_ns, left)) = self.resume {
            if time_ns < resume_ns {
                return None;
            }
            if time_ns == resume_ns && left > 0 {
                // A repetition was not counted the first time either.
                if !self.seen(time_ns, hash) {
                    self.resume = Some((time_ns, left - 1));
                    self.remember(time_ns, hash);
                }
                return None;
            }
            self.resume = None;
        }
        if time_ns <= self.newest_ns {
            if time_ns < self.newest_ns.saturating_sub(WINDOW_NS) || self.seen(time_ns, hash) {
                return None;
            }
            if self.window.len() == WINDOW_LINES
                && self.window.front().is_some_and(|(oldest_ns, _)| time_ns < *oldest_ns)
            {
                return None;
            }
        }
        self.remember(time_ns, hash);
        Some(Position::Api { time_ns, done: self.at_newest.saturating_sub(1), part: 0 })
    }

    /// The place behind everything had so far.
    pub fn end(&self) -> Option<Position> {
        let left = self.resume.map_or(0, |(_, left)| left);
        self.newest().map(|time_ns| Position::Api { time_ns, done: self.at_newest + left, part: 0 })
    }

    fn newest(&self) -> Option<i64> {
        if self.newest_ns == i64::MIN {
            self.resume.map(|(time_ns, _)| time_ns)
        } else {
            Some(self.newest_ns)
        }
    }

    /// A hash of the record and of the pieces of the same line ahead of it.
    fn chained(&mut self, record: &Record<'_>) -> u64 {
        let ahead = self.open.filter(|(time_ns, _)| *time_ns == record.time_ns).map(|(_, hash)| hash);
        let hash = self.hasher.hash_one((ahead, record.text.as_ref()));
        self.open = (!record.ends).then_some((record.time_ns, hash));
        hash
    }

    fn remember(&mut self, time_ns: i64, hash: u64) {
        if time_ns > self.newest_ns {
            self.newest_ns = time_ns;
            self.at_newest = 0;
        }
        if time_ns == self.newest_ns {
            self.at_newest += 1;
        }
        let at = self.window.partition_point(|(had_ns, _)| *had_ns <= time_ns);
        self.window.insert(at, (time_ns, hash));
        while self.window.len() > WINDOW_LINES
            || self
                .window
                .front()
                .is_some_and(|(had_ns, _)| *had_ns < self.newest_ns.saturating_sub(WINDOW_NS))
        {
            self.window.pop_front();
        }
    }

    fn seen(&self, time_ns: i64, hash: u64) -> bool {
        let from = self.window.partition_point(|(had_ns, _)| *had_ns < time_ns);
        self.window.range(from..).take_while(|(had_ns, _)| *had_ns == time_ns).any(|(_, had)| *had == hash)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::borrow::Cow;

    const T0: i64 = 1_769_456_710_000_000_000;

    fn record(time_ns: i64, text: &str) -> Record<'_> {
        Record::new(Cow::Borrowed(text), Pipe::Stdout, time_ns)
    }

    fn new_lines(dedup: &mut Dedup, lines: &[(i64, &str)], now_ns: i64) -> Vec<String> {
        lines
            .iter()
            .filter(|(time_ns, text)| dedup.place(&record(*time_ns, text), now_ns).is_some())
            .map(|(_, text)| (*text).to_owned())
            .collect()
    }

    #[test]
    fn the_ends_of_time_are_times() {
        for (first, second) in [(i64::MIN, i64::MIN), (i64::MIN + 1, i64::MIN + 2), (i64::MIN, i64::MAX)] {
            let mut dedup = Dedup::new(None, i64::MAX);
            assert_eq!(new_lines(&mut dedup, &[(first, "a"), (second, "b")], i64::MAX), ["a", "b"]);
        }
    }

    #[test]
    fn a_frame_is_a_time_and_a_text() {
        let frame = parse(b"2026-01-26T19:45:10.5Z hello world\n", Pipe::Stderr).unwrap();
        assert_eq!((frame.text.as_ref(), frame.time_ns, frame.ends), ("hello world", T0 + 500_000_000, true));
        assert_eq!(parse(b"no time at all, only text\n", Pipe::Stdout), None);
        assert_eq!(
            parse(b"2026-01-26T19:45:10.5Z \xff\xfe\n", Pipe::Stdout).unwrap().text,
            "\u{fffd}\u{fffd}"
        );
    }

    #[test]
    fn a_terminal_line_is_put_together_from_its_stamped_pieces() {
        let piece = "a".repeat(PIECE);
        let text = format!(
            "2026-01-26T19:45:10Z {piece}2026-01-26T19:45:10Z {piece}2026-01-26T19:45:10Z tail2026-01-26T19:45:11Z next\r\n"
        );
        let records = parse_console(text.as_bytes());
        let shape: Vec<_> = records.iter().map(|r| (r.text.len(), r.ends)).collect();
        assert_eq!(shape, [(PIECE, false), (PIECE, false), (4, true), (5, true)]);
        assert_eq!(parse_console(b"2026-01-26T19:45:10Z 2026-01-26T19:45:10Z quoted\n").len(), 1);
    }

    #[test]
    fn a_replay_brings_nothing_twice() {
        let mut dedup = Dedup::new(None, T0);
        let lines = [(T0, "a"), (T0 + 5, "b"), (T0 + 5, "c"), (T0 + 9, "d")];
        assert_eq!(new_lines(&mut dedup, &lines, T0), ["a", "b", "c", "d"]);
        assert_eq!(new_lines(&mut dedup, &lines, T0), [""; 0]);
        assert_eq!(new_lines(&mut dedup, &[(T0 + 5, "e"), (T0 + 20, "f")], T0), ["e", "f"]);
        assert_eq!(new_lines(&mut dedup, &[(T0 - 2 * WINDOW_NS, "old")], T0), [""; 0]);
    }

    #[test]
    fn a_restart_goes_on_behind_the_last_line() {
        let mut dedup = Dedup::new(None, T0);
        new_lines(&mut dedup, &[(T0, "a"), (T0 + 5, "b"), (T0 + 5, "c")], T0);
        let mut next = Dedup::new(dedup.end(), T0);
        assert_eq!(next.since_ns(T0 + 6), Some(T0 + 5));
        assert_eq!(next.end(), dedup.end());
        let lines = [(T0, "a"), (T0 + 5, "b"), (T0 + 5, "c"), (T0 + 5, "d"), (T0 + 6, "e")];
        assert_eq!(new_lines(&mut next, &lines, T0), ["d", "e"]);
    }

    #[test]
    fn a_clock_set_back_hides_no_line() {
        let mut dedup = Dedup::new(None, T0);
        new_lines(&mut dedup, &[(T0, "a")], T0);
        let hour = 3_600_000_000_000;
        assert_eq!(new_lines(&mut dedup, &[(T0 - hour, "b"), (T0 - hour + 1, "c")], T0 - hour), ["b", "c"]);
    }

    #[test]
    fn equal_pieces_of_a_line_all_count() {
        let piece = "a".repeat(PIECE);
        let long = [(T0, piece.as_str()), (T0, &piece), (T0, &piece), (T0, "tail")];
        let mut dedup = Dedup::new(None, T0);
        assert_eq!(new_lines(&mut dedup, &long, T0), [&piece, &piece, &piece, "tail"]);
        assert_eq!(dedup.end(), Some(Position::Api { time_ns: T0, done: 4, part: 0 }));
        assert_eq!(new_lines(&mut dedup, &long, T0), [""; 0]);

        let mut next = Dedup::new(dedup.end(), T0);
        let more = [long.as_slice(), &[(T0, "next")]].concat();
        assert_eq!(new_lines(&mut next, &more, T0), ["next"]);
        assert_eq!(next.end(), Some(Position::Api { time_ns: T0, done: 5, part: 0 }));
    }

    #[test]
    fn a_line_that_broke_off_goes_on_where_it_did() {
        let piece = "a".repeat(PIECE);
        let long = [(T0, piece.as_str()), (T0, &piece), (T0, "tail")];
        let mut dedup = Dedup::new(None, T0);
        assert_eq!(new_lines(&mut dedup, &long[..1], T0).len(), 1);
        let position = dedup.end();
        dedup.reread();
        assert_eq!(new_lines(&mut dedup, &long, T0), [piece.as_str(), "tail"]);

        let mut next = Dedup::new(position, T0);
        assert_eq!(new_lines(&mut next, &long[..1], T0), [""; 0]);
        assert_eq!(next.end(), position);
        next.reread();
        assert_eq!(next.end(), position);
        assert_eq!(new_lines(&mut next, &long, T0), [piece.as_str(), "tail"]);
    }

    #[test]
    fn a_clock_set_back_while_away_hides_no_line() {
        let hour = 3_600_000_000_000;
        let position = Some(Position::Api { time_ns: T0, done: 1, part: 0 });
        assert!(is_ahead(position, T0 - hour) && !is_ahead(position, T0 - CLOCK_NS));
        let mut dedup = Dedup::new(position, T0 - hour);
        assert_eq!((dedup.since_ns(T0 - hour), dedup.end()), (None, None));
        assert_eq!(new_lines(&mut dedup, &[(T0 - hour, "b")], T0 - hour), ["b"]);
    }

    #[test]
    fn docker_is_never_asked_for_the_future() {
        let mut dedup = Dedup::new(None, T0);
        new_lines(&mut dedup, &[(T0, "a")], T0);
        assert_eq!(dedup.since_ns(T0 + 5), Some(T0));
        assert_eq!(dedup.since_ns(T0 - 5), Some(T0 - 5));
        let hour = 3_600_000_000_000;
        assert_eq!(dedup.since_ns(T0 - hour), Some(T0 - hour - SET_BACK_NS));
    }
}
