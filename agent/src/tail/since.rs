//! Opens a log of which only the end is wanted: whole files are passed over by the time of their last write, and
//! in the first that is left the place is searched.
//!
//! What was compressed, or is of the `local` driver, is read from the file's beginning: both are small.

use std::io;
use std::path::Path;

use super::{Format, Tail};
use crate::logs::cursor::Cursor;
use crate::logs::json_file::parse;
use crate::logs::seek::{Begin, SLACK_NS, first_since, last_bytes};

impl Tail {
    /// Opens the log at `path`, rotated files beside it included, and begins where `begin` says; whether that is at
    /// its very beginning.
    pub fn open_from(path: &Path, format: Format, begin: Begin) -> io::Result<(Self, bool)> {
        let (mut tail, _) = Self::open(path, format, &Cursor::default())?;
        let whole = match begin {
            Begin::Start => true,
            Begin::Time(time_ns) => tail.pass_over(time_ns.saturating_sub(SLACK_NS))?,
            Begin::End(bytes) => tail.keep(bytes)?,
        };
        Ok((tail, whole))
    }

    /// Passes over what is older.
    fn pass_over(&mut self, time_ns: i64) -> io::Result<bool> {
        let mut whole = true;
        while self.files.len() > 1
            && let Some(oldest) = self.files.front()
            && oldest.written_ns()? < time_ns
        {
            self.done.extend(self.files.pop_front());
            whole = false;
        }
        if self.format == Format::JsonFile
            && let Some(file) = self.files.front_mut()
            && let Some(size) = file.plain_size()?
        {
            let time_of = |line: &[u8]| parse(line).map(|record| record.time_ns);
            let at = first_since(|buffer, offset| file.read_at(buffer, offset), size, time_ns, time_of)?;
            file.seek(at)?;
            whole &= at == 0;
        }
        Ok(whole)
    }

    /// Keeps about so many of its last bytes.
    fn keep(&mut self, bytes: u64) -> io::Result<bool> {
        let (mut left, mut kept) = (bytes, 0);
        for file in self.files.iter().rev() {
            if left == 0 && kept > 0 {
                break;
            }
            kept += 1;
            left = left.saturating_sub(file.size()?);
        }
        let passed = self.files.len() - kept;
        self.done.extend(self.files.drain(..passed));
        let mut whole = passed == 0;
        let newer: u64 = self.files.iter().skip(1).map(|file| file.size().unwrap_or(0)).sum();
        if self.format == Format::JsonFile
            && let Some(file) = self.files.front_mut()
            && let Some(size) = file.plain_size()?
        {
            let wanted = bytes.saturating_sub(newer);
            let at = last_bytes(|buffer, offset| file.read_at(buffer, offset), size, wanted)?;
            file.seek(at)?;
            whole &= at == 0;
        }
        Ok(whole)
    }
}
