//! The files of Docker's `local` driver: entries one behind the other, each its size in four bytes,
//! big-endian, a protobuf `LogEntry` of that size, and the size again.
//!
//! Understands the bytes of one file and finds its way again behind damaged ones; knows nothing of
//! files, rotation or how records join to lines.

use memchr::memmem;

use super::Pipe;
use super::json_file::{PIECE, Record};

/// An entry with its sizes has no more bytes than this: a piece of 16 KiB and what tells of it.
const ENTRY_BYTES: usize = 64 * 1024;
/// How Docker begins every `LogEntry`: field 1 is the source, six bytes long. What a container
/// prints is cut at newlines, so no entry's text can hold these bytes.
const MARK: &[u8] = b"\n\x06std";

/// Hands over the entries of `bytes` with the place of each, `Err` for what is none, and tells how
/// many bytes they are. An entry that is not there to its end is left, unless no more can come.
pub fn entries<'a>(
    bytes: &'a [u8],
    complete: bool,
    mut take: impl FnMut(Result<Record<'a>, &'a [u8]>, usize),
) -> usize {
    let mut start = 0;
    while let Some(rest) = bytes.get(start..).filter(|rest| !rest.is_empty()) {
        if let Some((record, length)) = entry(rest) {
            take(Ok(record), start);
            start += length;
            continue;
        }
        // Either the entry is still being written, or it is damaged and a whole one follows.
        let damaged = match next_entry(rest) {
            Some(next) => next,
            None if complete => rest.len(),
            None if rest.len() > 2 * ENTRY_BYTES => rest.len() - ENTRY_BYTES,
            None => break,
        };
        let damage = rest.get(..damaged).unwrap_or(rest);
        // Where a log was truncated under a writer that does not append, zeros fill the hole.
        let holes = damage.iter().take_while(|byte| **byte == 0).count();
        if let Some(damage) = damage.get(holes..).filter(|damage| !damage.is_empty()) {
            take(Err(damage), start);
        }
        start += damaged;
    }
    start
}

/// How many bytes the entry has that `bytes` begins with, if it is there to its end.
pub fn first(bytes: &[u8]) -> Option<usize> {
    entry(bytes).map(|(_, length)| length)
}

/// Where the next entry is that is there to its end.
fn next_entry(bytes: &[u8]) -> Option<usize> {
    memmem::find_iter(bytes, MARK)
        .filter_map(|mark| mark.checked_sub(4))
        .find(|at| *at > 0 && bytes.get(*at..).is_some_and(|bytes| entry(bytes).is_some()))
}

fn entry(bytes: &[u8]) -> Option<(Record<'_>, usize)> {
    let (size, rest) = bytes.split_first_chunk::<4>()?;
    let length = u32::from_be_bytes(*size) as usize;
    if length > ENTRY_BYTES - 8 {
        return None;
    }
    let (message, rest) = rest.split_at_checked(length)?;
    if !rest.starts_with(size) {
        return None;
    }
    Some((record(message)?, length + 8))
}

/// Reads a `LogEntry`.
fn record(mut message: &[u8]) -> Option<Record<'_>> {
    let (mut pipe, mut time_ns, mut line, mut partial, mut last) = (None, None, &[][..], false, false);
    while !message.is_empty() {
        let (number, value, rest) = field(message)?;
        // source = 1, time_nano = 2, line = 3, partial = 4, partial_log_metadata = 5
        match (number, value) {
            (1, Value::Bytes(b"stdout")) => pipe = Some(Pipe::Stdout),
            (1, Value::Bytes(b"stderr")) => pipe = Some(Pipe::Stderr),
            (2, Value::Number(time)) => time_ns = Some(time.cast_signed()),
            (3, Value::Bytes(text)) => line = text,
            (4, Value::Number(number)) => partial = number != 0,
            (5, Value::Bytes(metadata)) => last = is_last(metadata)?,
            _ => {}
        }
        message = rest;
    }
    // Docker calls every piece of a long line partial and says which is the last, but not at the
    // end of output: a piece that goes on is never shorter than `PIECE`.
    let ends = !partial || last || line.len() < PIECE;
    Some(Record { text: String::from_utf8_lossy(line), pipe: pipe?, time_ns: time_ns?, ends })
}

/// Reads a `PartialLogEntryMetadata`: last = 1.
fn is_last(mut metadata: &[u8]) -> Option<bool> {
    let mut last = false;
    while !metadata.is_empty() {
        let (number, value, rest) = field(metadata)?;
        if let (1, Value::Number(number)) = (number, value) {
            last = number != 0;
        }
        metadata = rest;
    }
    Some(last)
}

enum Value<'a> {
    Number(u64),
    Bytes(&'a [u8]),
    /// Of a fixed size: no field that we know.
    Fixed,
}

/// The field that `message` begins with, and what follows it.
fn field(message: &[u8]) -> Option<(u64, Value<'_>, &[u8])> {
    let (key, rest) = varint(message)?;
    let (value, rest) = match key & 7 {
        0 => varint(rest).map(|(number, rest)| (Value::Number(number), rest))?,
        1 => (Value::Fixed, rest.get(8..)?),
        2 => {
            let (length, rest) = varint(rest)?;
            let (bytes, rest) = rest.split_at_checked(usize::try_from(length).ok()?)?;
            (Value::Bytes(bytes), rest)
        }
        5 => (Value::Fixed, rest.get(4..)?),
        _ => return None,
    };
    Some((key >> 3, value, rest))
}

fn varint(bytes: &[u8]) -> Option<(u64, &[u8])> {
    let mut value = 0;
    for (index, byte) in bytes.iter().enumerate().take(10) {
        value |= u64::from(byte & 0x7f) << (7 * index);
        if byte & 0x80 == 0 {
            return Some((value, bytes.get(index + 1..)?));
        }
    }
    None
}

#[cfg(test)]
pub(crate) mod tests {
    use super::*;
    use proptest::prelude::*;

    /// An entry as Docker writes it; `piece`: the last of a long line, or not.
    pub(crate) fn encoded(pipe: Pipe, time_ns: i64, line: &[u8], piece: Option<bool>) -> Vec<u8> {
        let mut message = Vec::new();
        let source: &[u8] = if pipe == Pipe::Stdout { b"stdout" } else { b"stderr" };
        put_bytes(&mut message, 1, source);
        put_number(&mut message, 2, time_ns.cast_unsigned());
        if !line.is_empty() {
            put_bytes(&mut message, 3, line);
        }
        if let Some(last) = piece {
            put_number(&mut message, 4, 1);
            let mut metadata = Vec::new();
            if last {
                put_number(&mut metadata, 1, 1);
            }
            put_bytes(&mut metadata, 2, &[b'a'; 64]);
            put_number(&mut metadata, 3, 2);
            put_bytes(&mut message, 5, &metadata);
        }
        let size = u32::try_from(message.len()).unwrap().to_be_bytes();
        [&size, message.as_slice(), &size].concat()
    }

    fn put_varint(message: &mut Vec<u8>, mut value: u64) {
        while value > 0x7f {
            message.push(value.to_le_bytes()[0] | 0x80);
            value >>= 7;
        }
        message.push(value.to_le_bytes()[0]);
    }

    fn put_number(message: &mut Vec<u8>, field: u64, value: u64) {
        put_varint(message, field << 3);
        put_varint(message, value);
    }

    fn put_bytes(message: &mut Vec<u8>, field: u64, bytes: &[u8]) {
        put_varint(message, field << 3 | 2);
        put_varint(message, bytes.len() as u64);
        message.extend_from_slice(bytes);
    }

    /// Reads as a file is read that grows by a chunk at a time: texts, and `Err` for damage.
    fn read(chunks: &[&[u8]], complete: bool) -> Vec<Result<Record<'static>, usize>> {
        let (mut file, mut found) = (Vec::new(), Vec::new());
        let mut offset = 0;
        for (number, chunk) in (1..).zip(chunks) {
            file.extend_from_slice(chunk);
            let complete = complete && number == chunks.len();
            offset += entries(&file[offset..], complete, |entry, _| {
                found.push(
                    entry
                        .map_err(<[u8]>::len)
                        .map(|record| Record { text: record.text.into_owned().into(), ..record }),
                );
            });
        }
        found
    }

    fn texts(found: &[Result<Record<'_>, usize>]) -> Vec<String> {
        let text = |found: &Result<Record<'_>, usize>| match found {
            Ok(record) => record.text.to_string(),
            Err(length) => format!("damage {length}"),
        };
        found.iter().map(text).collect()
    }

    /// What dockerd 20.10 wrote of `echo hello; echo err >&2; echo; printf end`.
    const WRITTEN: &[u8] =
        b"\0\0\0\x19\x0a\x06stdout\x10\xa2\x9f\xb7\xc6\x83\xcf\xa3\xf5\x18\x1a\x05hello\0\0\0\x19\
        \0\0\0\x17\x0a\x06stderr\x10\x97\xb8\xa4\xe0\x83\xcf\xa3\xf5\x18\x1a\x03err\0\0\0\x17\
        \0\0\0\x12\x0a\x06stdout\x10\xe0\x8d\xde\xf8\x83\xcf\xa3\xf5\x18\0\0\0\x12\
        \0\0\0\x5f\x0a\x06stdout\x10\xd7\xa8\xcb\x84\x84\xcf\xa3\xf5\x18\x1a\x03end\x20\x01\x2a\x44\
        \x12\x40ab1792add1004ce6008007f956c88c8eb6b6c38154731b3e269a56be2326f474\x18\x01\0\0\0\x5f";

    #[test]
    fn what_docker_writes_is_read() {
        let found: Vec<_> = read(&[WRITTEN], false).into_iter().map(Result::unwrap).collect();
        let shape = |record: &Record<'static>| (record.text.to_string(), record.pipe, record.ends);
        let expected = [
            ("hello", Pipe::Stdout, true),
            ("err", Pipe::Stderr, true),
            ("", Pipe::Stdout, true),
            ("end", Pipe::Stdout, true),
        ];
        let expected = expected.map(|(text, pipe, ends)| (text.to_owned(), pipe, ends));
        assert_eq!(found.iter().map(shape).collect::<Vec<_>>(), expected);
        assert_eq!(found[0].time_ns, 1_795_404_048_460_795_810);
        assert_eq!(first(WRITTEN), Some(33));
        assert_eq!(encoded(Pipe::Stdout, found[0].time_ns, b"hello", None), WRITTEN[..33]);
    }

    #[test]
    fn a_long_line_goes_on_until_its_last_piece() {
        let piece = [b'x'; PIECE];
        for (line, mark, ends) in [
            (&piece[..], Some(false), false),
            (&piece, Some(true), true),
            (&piece, None, true),
            (b"the end of output", Some(false), true),
            (b"", Some(true), true),
        ] {
            let bytes = encoded(Pipe::Stdout, 1, line, mark);
            assert_eq!(record(&bytes[4..bytes.len() - 4]).unwrap().ends, ends, "{} {mark:?}", line.len());
        }
    }

    #[test]
    fn fields_of_a_later_docker_are_passed_over() {
        let mut message = encoded(Pipe::Stderr, -5, b"text", None);
        message.truncate(message.len() - 4);
        let mut message = message.split_off(4);
        put_number(&mut message, 9, u64::MAX);
        put_bytes(&mut message, 1000, b"more");
        message.extend(*b"\x51eight by\x5dfour");
        let found = record(&message).unwrap();
        assert_eq!((found.text.as_ref(), found.pipe, found.time_ns), ("text", Pipe::Stderr, -5));
        message.extend(*b"\x53");
        assert_eq!(record(&message), None, "a group, which nobody writes any more");
    }

    #[test]
    fn damage_is_told_once_and_passed_over() {
        let one = |line: &[u8]| encoded(Pipe::Stdout, 1_795_404_048_460_795_810, line, None);
        let (a, b, half) = (one(b"a"), one(b"b"), one(b"half")[..20].to_vec());
        let long = vec![b'z'; 3 * ENTRY_BYTES];
        let hole = vec![0; 1000];
        // Of the half entry, the zeros of its size count as a hole.
        for (parts, complete, expected) in [
            (vec![&a, &half], false, vec!["a"]),
            (vec![&a, &half], true, vec!["a", "damage 17"]),
            (vec![&a, &half, &b], false, vec!["a", "damage 17", "b"]),
            (vec![&hole, &a, &hole, &b, &hole], true, vec!["a", "b"]),
            (vec![&long, &b], false, vec!["damage 196608", "b"]),
            (vec![&long], false, vec!["damage 131072"]),
        ] {
            let bytes = parts.into_iter().flatten().copied().collect::<Vec<_>>();
            assert_eq!(texts(&read(&[&bytes], complete)), expected, "{complete}");
        }
    }

    fn a_record() -> impl Strategy<Value = (bool, i64, Vec<u8>, Option<bool>)> {
        let line = any::<Vec<u8>>().prop_map(|line| line.into_iter().filter(|byte| *byte != b'\n').collect());
        (any::<bool>(), 0..i64::MAX, line, any::<Option<bool>>())
    }

    fn pipe(stderr: bool) -> Pipe {
        if stderr { Pipe::Stderr } else { Pipe::Stdout }
    }

    proptest! {
        #[test]
        fn any_chunks_give_the_same_records(
            records in prop::collection::vec(a_record(), 0..20),
            cuts in prop::collection::vec(any::<prop::sample::Index>(), 0..20),
        ) {
            let encode = |(stderr, time_ns, line, piece): &(_, _, Vec<u8>, _)| {
                encoded(pipe(*stderr), *time_ns, line, *piece)
            };
            let file: Vec<u8> = records.iter().flat_map(encode).collect();
            let mut cuts: Vec<_> = cuts.iter().map(|cut| cut.index(file.len() + 1)).collect();
            cuts.sort_unstable();
            let mut chunks = Vec::new();
            let mut from = 0;
            for to in cuts.into_iter().chain([file.len()]) {
                chunks.push(&file[from..to]);
                from = to;
            }
            let expected: Vec<_> = records
                .iter()
                .map(|(stderr, time_ns, line, _)| {
                    let text = String::from_utf8_lossy(line);
                    Ok(Record { text, pipe: pipe(*stderr), time_ns: *time_ns, ends: true })
                })
                .collect();
            prop_assert_eq!(read(&chunks, false), expected);
        }

        #[test]
        fn what_stands_behind_damage_is_read(
            before in prop::collection::vec(a_record(), 1..5),
            behind in prop::collection::vec(a_record(), 1..5),
            damage in any::<Vec<u8>>(),
            at in any::<prop::sample::Index>(),
            length in 0..20_usize,
            cut in any::<prop::sample::Index>(),
        ) {
            let encode = |(stderr, time_ns, line, piece): &(_, _, Vec<u8>, _)| {
                encoded(pipe(*stderr), *time_ns, line, *piece)
            };
            let mut file: Vec<u8> = before.iter().flat_map(encode).collect();
            let at = at.index(file.len());
            let end = (at + length).min(file.len());
            file.splice(at..end, damage);
            file.extend(behind.iter().flat_map(encode));
            let (first, second) = file.split_at(cut.index(file.len() + 1));
            let found = read(&[first, second], true);
            let expected: Vec<_> = behind.iter().map(|record| String::from_utf8_lossy(&record.2)).collect();
            let found = texts(&found);
            prop_assert!(found.len() >= expected.len());
            prop_assert_eq!(&found[found.len() - expected.len()..], &expected[..]);
        }

        #[test]
        fn no_bytes_make_it_panic(bytes in any::<Vec<u8>>(), message in any::<Vec<u8>>()) {
            prop_assert_eq!(entries(&bytes, true, |_, _| {}), bytes.len());
            record(&message);
            let size = u32::try_from(message.len()).unwrap().to_be_bytes();
            entries(&[&size, message.as_slice(), &size].concat(), true, |_, _| {});
        }
    }
}
