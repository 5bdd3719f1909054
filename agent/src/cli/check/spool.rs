//! Whether batches can wait on the disk, and for how long.

use std::path::Path;

use rustix::fs::{Access, access, statvfs};

use super::Finding;
use super::user::user;
use crate::config::Spool;

const WHAT: &str = "spool";

/// The directory, and the room on its file system.
pub(super) fn findings(spool: &Spool, measures: bool) -> Vec<Finding> {
    let directory = &spool.directory;
    // The daemon makes what is missing, if it may write in the nearest one there is.
    let Some(existing) = directory.ancestors().find(|ancestor| ancestor.exists()) else { return Vec::new() };
    if !existing.is_dir() {
        let detail = format!("{} is not a directory", existing.display());
        return vec![Finding::bad(WHAT, detail, "remove it, or set spool.directory")];
    }
    if let Err(error) = access(existing, Access::WRITE_OK | Access::EXEC_OK) {
        return vec![not_writable(directory, existing, error)];
    }
    let state = if existing == directory.as_path() { "is writable" } else { "can be created" };
    let most = spool.max_bytes + if measures { spool.datapoint_bytes() } else { 0 };
    vec![Finding::good(WHAT, format!("{} {state}", directory.display())), room(existing, most)]
}

fn not_writable(directory: &Path, existing: &Path, error: rustix::io::Errno) -> Finding {
    let who = user();
    let detail = format!("user {} cannot write to {}: {error}", who.name, existing.display());
    let mend = match error {
        rustix::io::Errno::ROFS => "mount it writable, or set spool.directory to a place that is".to_owned(),
        _ if who.root => "set spool.directory to a place that can be written to".to_owned(),
        _ => format!(
            "run this check as the service does (sudo), or: sudo install -d -o {} {}",
            who.name,
            directory.display()
        ),
    };
    Finding::bad(WHAT, detail, mend)
}

fn room(existing: &Path, max_bytes: u64) -> Finding {
    match statvfs(existing) {
        Ok(system) => judge_room(system.f_bavail.saturating_mul(system.f_frsize), max_bytes),
        Err(error) => {
            Finding::unsure("spool room", format!("cannot ask {}: {error}", existing.display()), "")
        }
    }
}

fn judge_room(free: u64, max_bytes: u64) -> Finding {
    let detail = format!("{} free, and all that waits may take {}", mebibytes(free), mebibytes(max_bytes));
    // Half of what is free is left to the containers, which fill disks too.
    if free / 2 >= max_bytes {
        Finding::good("spool room", detail)
    } else {
        let mend = "free some room, or lower spool.max_bytes: on a full disk containers stop, too";
        Finding::unsure("spool room", detail, mend)
    }
}

fn mebibytes(bytes: u64) -> String {
    format!("{} MiB", bytes >> 20)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::cli::check::Verdict;

    fn verdicts(directory: &Path) -> Vec<Verdict> {
        let spool = Spool { directory: directory.to_owned(), max_bytes: 0 };
        findings(&spool, true).into_iter().map(|finding| finding.verdict).collect()
    }

    #[test]
    fn a_directory_may_be_missing_but_not_be_a_file() {
        let directory = tempfile::tempdir().unwrap();
        assert_eq!(verdicts(directory.path()), [Verdict::Good, Verdict::Good]);
        assert_eq!(verdicts(&directory.path().join("a/b")), [Verdict::Good, Verdict::Good]);
        let file = directory.path().join("file");
        std::fs::write(&file, "").unwrap();
        assert_eq!(verdicts(&file), [Verdict::Bad]);
        assert_eq!(verdicts(&file.join("below")), [Verdict::Bad]);
    }

    #[test]
    fn the_spool_may_take_half_of_what_is_free() {
        assert_eq!(judge_room(512 << 20, 256 << 20).verdict, Verdict::Good);
        assert_eq!(judge_room(500 << 20, 256 << 20).verdict, Verdict::Unsure);
        assert_eq!(judge_room(0, 8 << 20).verdict, Verdict::Unsure);
    }
}
