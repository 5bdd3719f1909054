//! Records become lines: Docker cuts what a container prints without a newline into pieces of
//! 16 KiB, which are joined again here, each pipe for itself.
//!
//! A line longer than an event may be leaves in parts. Knows nothing of what a line says.

use super::Pipe;
use super::batch::EVENT_BYTES;
use super::cursor::Position;
use super::json_file::Record;

/// A longer line leaves in parts. The room below the service's limit is for the mark of a part.
pub const LINE_BYTES: usize = EVENT_BYTES - 64;

/// A line as the container printed it, or one part of a line too long for one event.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Line<'a> {
    /// The text, without its newline.
    pub text: &'a str,
    /// On which pipe it came.
    pub pipe: Pipe,
    /// When it was printed, in nanoseconds since the epoch.
    pub time_ns: i64,
    /// Where its first record begins.
    pub start: Position,
    /// Which part of the line it is, if it is not the whole.
    pub part: Option<Part>,
}

/// Which part of a line.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Part {
    /// 1 for the first.
    pub number: u32,
    /// No more parts follow.
    pub last: bool,
}

/// Joins the records of one container.
#[derive(Debug, Default)]
pub struct Joiner {
    stdout: Option<Open>,
    stderr: Option<Open>,
}

#[derive(Debug)]
struct Open {
    text: String,
    time_ns: i64,
    start: Position,
    /// Parts of this line that have left.
    parts: u32,
}

impl Joiner {
    /// Takes one record that begins at `start`, and emits the lines it completes.
    pub fn push(&mut self, record: &Record<'_>, start: Position, emit: &mut impl FnMut(Line<'_>)) {
        let pipe = record.pipe;
        let slot = self.slot(pipe);
        // Docker stamps all pieces of a line with the time of the first: another time is another
        // line, and what is open was left without a newline by a process that ended.
        if slot.as_ref().is_some_and(|open| open.time_ns != record.time_ns)
            && let Some(open) = slot.take()
        {
            open.emit(pipe, true, emit);
        }
        if slot.is_none() && record.ends && start.part() == 0 {
            let (text, time_ns) = (record.text.as_ref(), record.time_ns);
            return emit(Line { text, pipe, time_ns, start, part: None });
        }
        let open = slot.get_or_insert_with(|| Open {
            text: String::new(),
            time_ns: record.time_ns,
            start,
            parts: start.part(),
        });
        if !open.text.is_empty() && open.text.len() + record.text.len() > LINE_BYTES {
            open.emit(pipe, false, emit);
            open.text.clear();
            open.parts += 1;
            open.start = start.with_part(open.parts);
        }
        open.text.push_str(&record.text);
        if record.ends
            && let Some(open) = slot.take()
        {
            open.emit(pipe, true, emit);
        }
    }

    /// Emits what is still open, as if its newline had come.
    pub fn flush(&mut self, emit: &mut impl FnMut(Line<'_>)) {
        for pipe in [Pipe::Stdout, Pipe::Stderr] {
            if let Some(open) = self.slot(pipe).take() {
                open.emit(pipe, true, emit);
            }
        }
    }

    /// Where the line begins that is still open on this pipe.
    pub fn open_since(&self, pipe: Pipe) -> Option<Position> {
        match pipe {
            Pipe::Stdout => self.stdout.as_ref(),
            Pipe::Stderr => self.stderr.as_ref(),
        }
        .map(|open| open.start)
    }

    fn slot(&mut self, pipe: Pipe) -> &mut Option<Open> {
        match pipe {
            Pipe::Stdout => &mut self.stdout,
            Pipe::Stderr => &mut self.stderr,
        }
    }
}

impl Open {
    fn emit(&self, pipe: Pipe, last: bool, emit: &mut impl FnMut(Line<'_>)) {
        let part = (self.parts > 0 || !last).then_some(Part { number: self.parts + 1, last });
        emit(Line { text: &self.text, pipe, time_ns: self.time_ns, start: self.start, part });
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::logs::cursor::FileId;
    use crate::logs::json_file::PIECE;
    use proptest::prelude::*;
    use std::borrow::Cow;

    fn at(offset: u64) -> Position {
        Position::File { file: FileId { inode: 1, head: 0, head_len: 0, born_ns: None }, offset, part: 0 }
    }

    fn join(records: &[(&str, Pipe, i64)]) -> Vec<(String, Pipe, i64, Option<Part>)> {
        let mut joiner = Joiner::default();
        let mut lines = Vec::new();
        let mut emit = |line: Line<'_>| {
            lines.push((line.text.to_owned(), line.pipe, line.time_ns, line.part));
        };
        for (index, (text, pipe, time_ns)) in records.iter().enumerate() {
            let record = Record::new(Cow::Borrowed(text), *pipe, *time_ns);
            joiner.push(&record, at(index as u64), &mut emit);
        }
        joiner.flush(&mut emit);
        lines
    }

    #[test]
    fn pieces_of_each_pipe_join_for_themselves() {
        let piece = "a".repeat(PIECE);
        let lines = join(&[
            (&piece, Pipe::Stdout, 1),
            ("between\n", Pipe::Stderr, 2),
            ("end\n", Pipe::Stdout, 1),
            ("next\n", Pipe::Stdout, 3),
        ]);
        let shape: Vec<_> = lines.iter().map(|l| (l.0.len(), l.1, l.2, l.3)).collect();
        assert_eq!(
            shape,
            [(7, Pipe::Stderr, 2, None), (PIECE + 3, Pipe::Stdout, 1, None), (4, Pipe::Stdout, 3, None)]
        );
    }

    #[test]
    fn a_line_that_was_never_ended_does_not_swallow_the_next() {
        let piece = "a".repeat(PIECE);
        let lines =
            join(&[("short", Pipe::Stdout, 1), (&piece, Pipe::Stdout, 2), ("next\n", Pipe::Stdout, 3)]);
        let lengths: Vec<_> = lines.iter().map(|l| l.0.len()).collect();
        assert_eq!(lengths, [5, PIECE, 4]);
    }

    #[test]
    fn ten_megabytes_without_a_newline_leave_in_numbered_parts() {
        let piece = "a".repeat(PIECE);
        let mut records = vec![(piece.as_str(), Pipe::Stdout, 1); 640];
        records.push(("end\n", Pipe::Stdout, 1));
        let lines = join(&records);
        assert_eq!(lines.iter().map(|l| l.0.len()).sum::<usize>(), 640 * PIECE + 3);
        assert!(lines.iter().all(|l| l.0.len() <= LINE_BYTES));
        let numbers: Vec<_> = lines.iter().map(|l| l.3.unwrap().number).collect();
        assert_eq!(numbers, (1..=11).collect::<Vec<_>>());
        assert!(lines.iter().rev().skip(1).all(|l| !l.3.unwrap().last) && lines[10].3.unwrap().last);
    }

    #[test]
    fn a_line_resumed_at_its_third_part_goes_on_counting() {
        let mut joiner = Joiner::default();
        let mut parts = Vec::new();
        let record = Record::new(Cow::Borrowed("rest\n"), Pipe::Stdout, 1);
        joiner.push(&record, at(9).with_part(2), &mut |line| parts.push(line.part));
        assert_eq!(parts, [Some(Part { number: 3, last: true })]);
    }

    proptest! {
        #[test]
        fn nothing_is_lost_whatever_the_pieces(sizes in prop::collection::vec((1..3 * PIECE, any::<bool>()), 1..20)) {
            let mut text = String::new();
            let mut records = Vec::new();
            for (index, (size, pipe)) in sizes.iter().enumerate() {
                let letters = "abcdefghijklmnopqrstuvwxyz".repeat(size / 26 + 2);
                let line = letters.get(index..index + size).unwrap();
                let pipe = if *pipe { Pipe::Stdout } else { Pipe::Stderr };
                let (mut rest, time_ns) = (line, i64::try_from(index).unwrap());
                while let Some((piece, after)) = rest.split_at_checked(PIECE) && !after.is_empty() {
                    records.push((piece.to_owned(), pipe, time_ns));
                    rest = after;
                }
                records.push((format!("{rest}\n"), pipe, time_ns));
                text.push_str(line);
                text.push('\n');
            }
            let records: Vec<_> = records.iter().map(|(t, p, n)| (t.as_str(), *p, *n)).collect();
            let joined: String = join(&records).into_iter().map(|line| line.0 + "\n").collect();
            prop_assert_eq!(joined, text);
        }
    }
}
