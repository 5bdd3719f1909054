//! Where to begin in a text of timestamped lines of which only the end is wanted.
//!
//! Looks at a few places of it instead of reading all. Knows neither files nor how a line says its time.

use std::io;

use memchr::{memchr, memrchr};

/// Of which only the end is wanted.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Begin {
    /// All of it.
    Start,
    /// What was printed from this time on, in nanoseconds since the epoch; and a little before it.
    Time(i64),
    /// About so many of its last bytes.
    End(u64),
}

/// One look, in bytes: a line that is longer cannot be judged and ends the search there.
const LOOK: usize = 64 * 1024;

/// Lines of both pipes are not quite in order, and a line may be long in the making: in nanoseconds.
pub const SLACK_NS: i64 = 5_000_000_000;

/// The offset of a line such that everything before it is older than `time_ns`. `read` fills a buffer from an
/// offset on; `time_of` is a line's time, `None` if it says none.
pub fn first_since(
    mut read: impl FnMut(&mut [u8], u64) -> io::Result<usize>,
    size: u64,
    time_ns: i64,
    time_of: impl Fn(&[u8]) -> Option<i64>,
) -> io::Result<u64> {
    let (mut low, mut high) = (0, size);
    let mut buffer = vec![0; LOOK];
    while high - low > LOOK as u64 {
        let middle = low + (high - low) / 2;
        let filled = read(&mut buffer, middle)?;
        let bytes = buffer.get(..filled).unwrap_or_default();
        match first_timed(bytes, &time_of) {
            Some((at, time)) if time < time_ns => low = middle + at as u64,
            // Later, or nobody can tell: begin earlier.
            _ => high = middle,
        }
    }
    Ok(low)
}

/// The offset of the first line that begins within the last `bytes` of the text.
pub fn last_bytes(
    mut read: impl FnMut(&mut [u8], u64) -> io::Result<usize>,
    size: u64,
    bytes: u64,
) -> io::Result<u64> {
    let Some(from) = size.checked_sub(bytes).filter(|from| *from > 0) else { return Ok(0) };
    let mut buffer = vec![0; LOOK];
    let filled = read(&mut buffer, from - 1)?;
    let newline = memchr(b'\n', buffer.get(..filled).unwrap_or_default());
    Ok(newline.map_or(from, |newline| from + newline as u64))
}

/// The first whole line that says its time, and where it begins. What precedes the first newline is a piece.
fn first_timed(bytes: &[u8], time_of: impl Fn(&[u8]) -> Option<i64>) -> Option<(usize, i64)> {
    let mut start = memchr(b'\n', bytes)? + 1;
    let end = memrchr(b'\n', bytes)?;
    while start <= end {
        let rest = bytes.get(start..)?;
        let length = memchr(b'\n', rest)?;
        if let Some(time) = time_of(rest.get(..length)?) {
            return Some((start, time));
        }
        start += length + 1;
    }
    None
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn time_of(line: &[u8]) -> Option<i64> {
        std::str::from_utf8(line).ok()?.split(' ').next()?.parse().ok()
    }

    fn reader(text: &[u8]) -> impl FnMut(&mut [u8], u64) -> io::Result<usize> {
        move |buffer, offset| {
            let rest = &text[usize::try_from(offset).unwrap()..];
            let length = rest.len().min(buffer.len());
            buffer[..length].copy_from_slice(&rest[..length]);
            Ok(length)
        }
    }

    proptest! {
        #[test]
        fn nothing_that_is_wanted_is_passed_over(
            lengths in prop::collection::vec(0_usize..3_000, 0..400), wanted in 0_i64..450, odd in any::<bool>()
        ) {
            let mut text = Vec::new();
            for (time, length) in lengths.iter().enumerate() {
                if odd && time % 3 == 0 {
                    text.extend_from_slice(b"a line that says no time\n");
                }
                text.extend_from_slice(format!("{time} {}\n", "x".repeat(*length)).as_bytes());
            }
            let at = first_since(reader(&text), text.len() as u64, wanted, time_of).unwrap();
            let at = usize::try_from(at).unwrap();
            prop_assert!(at == 0 || text[at - 1] == b'\n');
            let passed = text[..at].split(|b| *b == b'\n').filter_map(time_of);
            prop_assert!(passed.into_iter().all(|time| time < wanted));
        }
    }

    #[test]
    fn few_places_of_much_are_looked_at() {
        let text: Vec<u8> =
            (0..400_000).flat_map(|n| format!("{n:06} some text of a line\n").into_bytes()).collect();
        let mut looks = 0;
        let mut read = reader(&text);
        let counted = |buffer: &mut [u8], offset| {
            looks += 1;
            read(buffer, offset)
        };
        let at = first_since(counted, text.len() as u64, 399_000, time_of).unwrap();
        let left = text.len() - usize::try_from(at).unwrap();
        assert!(looks < 12 && left < 3 * LOOK, "{looks} looks, {left} bytes left to read");
    }

    #[test]
    fn the_last_bytes_begin_with_a_line() {
        let text = b"one\ntwo\nthree\n";
        for (bytes, at) in [(100, 0), (14, 0), (10, 4), (9, 8), (6, 8), (0, 14)] {
            assert_eq!(last_bytes(reader(text), 14, bytes).unwrap(), at, "{bytes}");
        }
    }
}
