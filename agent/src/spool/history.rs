//! What was measured and told lately, for whoever draws it: a file of lines an hour each, of three hours and the present.
//!
//! ```text
//! spool/history/metrics.jsonl    a line a batch of datapoints, as it waits in the spool
//! spool/history/alerts.jsonl     a line a message, as machines get it
//! spool/history/….1.jsonl        of the hour before, and so on to ….3.jsonl
//! ```
//!
//! Nothing depends on it: lines are not synced, and one that a kill has cut is to be passed over by its reader.

use std::fs::{self, DirBuilder, File};
use std::io::{self, Write};
use std::os::unix::fs::{DirBuilderExt, OpenOptionsExt};
use std::path::{Path, PathBuf};
use std::time::{Duration, UNIX_EPOCH};

/// Where it stands in the spool.
pub(super) const DIRECTORY: &str = "history";
/// A file is moved aside when it is so old; the oldest goes.
const AGE: Duration = Duration::from_hours(1);
/// Or so big.
const BYTES: u64 = 8 << 20;
/// To what nothing was added for so long goes too: a message of last week is nobody's history.
const FORGOTTEN: Duration = Duration::from_hours(4);

/// One of the files.
#[derive(Debug, Clone)]
pub struct History {
    path: PathBuf,
}

/// The directory of these files.
pub fn directory(spool_directory: &Path) -> PathBuf {
    spool_directory.join(DIRECTORY)
}

impl History {
    /// Of batches of datapoints.
    pub fn of_metrics(spool_directory: &Path) -> Self {
        Self { path: directory(spool_directory).join("metrics.jsonl") }
    }

    /// Of messages.
    pub fn of_alerts(spool_directory: &Path) -> Self {
        Self { path: directory(spool_directory).join("alerts.jsonl") }
    }

    /// The files there may be, the older one first.
    pub fn files(&self) -> [PathBuf; 4] {
        let [three, two, one] = ["3.jsonl", "2.jsonl", "1.jsonl"].map(|end| self.path.with_extension(end));
        [three, two, one, self.path.clone()]
    }

    /// Adds a line, which has no line break in it. Blocks on the disk. `now_ms`: since the epoch.
    ///
    /// # Errors
    /// The disk.
    pub fn add(&self, line: &[u8], now_ms: i64) -> io::Result<()> {
        let mut file = self.open()?;
        let meta = file.metadata()?;
        // Where the file system has no times of birth, size alone decides. A clock that was set back makes no file old.
        let born = meta.created().ok().and_then(|born| born.duration_since(UNIX_EPOCH).ok());
        let now = Duration::from_millis(u64::try_from(now_ms).unwrap_or_default());
        let age = born.map(|born| now.saturating_sub(born)).unwrap_or_default();
        if meta.len() > 0 && (age > AGE || meta.len() + line.len() as u64 > BYTES) {
            self.turn()?;
            self.forget(now);
            file = self.open()?;
        }
        file.write_all(&[line, b"\n"].concat())
    }

    fn turn(&self) -> io::Result<()> {
        let files = self.files();
        for (older, newer) in files.iter().zip(files.iter().skip(1)) {
            match fs::rename(newer, older) {
                Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error),
                _ => {}
            }
        }
        Ok(())
    }

    /// Measures come each minute and messages seldom, so each of them looks after the other's files as well.
    fn forget(&self, now: Duration) {
        let of_directory = self.path.parent().and_then(|directory| fs::read_dir(directory).ok());
        for file in of_directory.into_iter().flatten().flatten() {
            let changed = file.metadata().and_then(|meta| meta.modified()).ok();
            let changed = changed.and_then(|changed| changed.duration_since(UNIX_EPOCH).ok());
            if changed.is_some_and(|changed| now.saturating_sub(changed) > FORGOTTEN) {
                drop(fs::remove_file(file.path()));
            }
        }
    }

    fn open(&self) -> io::Result<File> {
        if let Some(directory) = self.path.parent() {
            DirBuilder::new().recursive(true).mode(0o700).create(directory)?;
        }
        File::options().append(true).create(true).mode(0o600).open(&self.path)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::os::unix::fs::PermissionsExt;

    #[test]
    fn lines_are_kept_for_a_while_by_their_owner_alone() {
        let spool = tempfile::tempdir().unwrap();
        let history = History::of_metrics(spool.path());
        let read = || history.files().map(|path| fs::read_to_string(path).unwrap_or_default());
        let now = crate::telemetry::now_ms();
        history.add(b"one", now).unwrap();
        history.add(b"two", now).unwrap();
        assert_eq!(read(), ["", "", "", "one\ntwo\n"]);
        // The files of this test are all born now.
        let later = now + 61 * 60_000;
        for line in ["three", "four", "five"] {
            history.add(line.as_bytes(), later).unwrap();
        }
        assert_eq!(read(), ["one\ntwo\n", "three\n", "four\n", "five\n"]);
        history.add(b"six", later).unwrap();
        assert_eq!(read(), ["three\n", "four\n", "five\n", "six\n"], "the oldest goes");
        let mode = |path: &Path| fs::metadata(path).unwrap().permissions().mode() & 0o777;
        let [.., path] = history.files();
        assert_eq!((mode(&path), mode(path.parent().unwrap())), (0o600, 0o700));
        history.add(&b"x".repeat(8 << 20), now).unwrap();
        assert_eq!(read()[2], "six\n", "it is moved where it would become too big");
        let alerts = History::of_alerts(spool.path());
        alerts.add(b"told", now).unwrap();
        history.add(b"seven", now + 239 * 60_000).unwrap();
        assert!(alerts.files()[3].exists());
        history.add(b"eight", now + 241 * 60_000).unwrap();
        assert!(!alerts.files()[3].exists(), "nobody was told anything for four hours");
        assert_eq!(read(), ["", "", "", "eight\n"]);
        let (_, recovered) = crate::spool::Spool::open(spool.path(), 1 << 20).unwrap();
        assert!(recovered.quarantined.is_empty() && path.exists(), "it is no batch, and stays");
        assert!(History::of_alerts(&path).add(b"x", now).is_err(), "a file is in the way");
    }
}
