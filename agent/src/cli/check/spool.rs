//! Whether batches can wait on the disk, and for how long.

use std::io::{self, ErrorKind};
use std::path::Path;

use rustix::fs::statvfs;

use super::Finding;
use super::access::{Access, As};
use super::user::user;
use crate::config::Spool;

const WHAT: &str = "spool";

/// systemd makes it for the unit (`StateDirectory=`), and gives it to the unit's user.
const STATE: &str = "/var/lib/starttech-agent";

/// The directory, and the room on its file system.
pub(super) fn findings(spool: &Spool, measures: bool, judged: &As) -> Vec<Finding> {
    let directory = &spool.directory;
    // The daemon makes what is missing, if it may write in the nearest one there is.
    let Some(existing) = directory.ancestors().find(|ancestor| ancestor.exists()) else { return Vec::new() };
    if !existing.is_dir() {
        let detail = format!("{} is not a directory", existing.display());
        return vec![Finding::bad(WHAT, detail, "remove it, or set spool.directory")];
    }
    let is_made =
        matches!(judged, As::Service { .. }) && directory.starts_with(STATE) && !existing.starts_with(STATE);
    let judged = if is_made { &As::Caller } else { judged };
    if let Err(error) = judged.may(existing, Access::WRITE_OK | Access::EXEC_OK) {
        return vec![not_writable(directory, existing, &error, judged)];
    }
    let state = if existing == directory.as_path() { "is writable" } else { "can be created" };
    let most = spool.max_bytes + if measures { spool.datapoint_bytes() } else { 0 };
    vec![Finding::good(WHAT, format!("{} {state}", directory.display())), room(existing, most)]
}

fn not_writable(directory: &Path, existing: &Path, error: &io::Error, judged: &As) -> Finding {
    let (name, _) = judged.names();
    let detail = format!("user {name} cannot write to {}: {error}", existing.display());
    let install = format!("sudo install -d -o {name} -m 0700 {}", directory.display());
    let mend = match (error.kind(), judged) {
        (ErrorKind::ReadOnlyFilesystem, _) => {
            "mount it writable, or set spool.directory to a place that is".to_owned()
        }
        (_, As::Service { .. }) => install,
        _ if user().root => "set spool.directory to a place that can be written to".to_owned(),
        _ => format!("run this check with sudo, which judges for the service's user, or: {install}"),
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
    use crate::cli::check::user::Account;

    fn verdicts(directory: &Path) -> Vec<Verdict> {
        let spool = Spool { directory: directory.to_owned(), max_bytes: 0 };
        findings(&spool, true, &As::Caller).into_iter().map(|finding| finding.verdict).collect()
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
    fn it_is_judged_for_the_services_user() {
        let directory = tempfile::tempdir().unwrap();
        let account = Account { name: "x".to_owned(), uid: 61_234, gids: vec![61_234], home: String::new() };
        let judged = As::Service { account, reads_all: true };
        let of = |directory: &Path| {
            let spool = Spool { directory: directory.to_owned(), max_bytes: 0 };
            findings(&spool, false, &judged).remove(0)
        };
        let refused = of(&directory.path().join("spool"));
        assert!(
            refused.verdict == Verdict::Bad && refused.detail.starts_with("user x cannot"),
            "{refused:?}"
        );
        assert!(refused.mend.starts_with("sudo install -d -o x"), "{refused:?}");
    }

    #[test]
    fn the_spool_may_take_half_of_what_is_free() {
        assert_eq!(judge_room(512 << 20, 256 << 20).verdict, Verdict::Good);
        assert_eq!(judge_room(500 << 20, 256 << 20).verdict, Verdict::Unsure);
        assert_eq!(judge_room(0, 8 << 20).verdict, Verdict::Unsure);
    }
}
