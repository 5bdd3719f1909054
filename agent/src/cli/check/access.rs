//! As whom is judged what may be opened: as whoever asks, or, where root asks, as the service's user.
//!
//! For another user it goes by what the kernel goes by: mode, owner and group of the file and of each directory above
//! it, and the one capability that the unit has. Access control lists and the unit's sandbox are not looked at.

use std::fs;
use std::io::{self, ErrorKind};
use std::os::unix::fs::MetadataExt;
use std::path::Path;

use rustix::fs::access;

use super::user::{Account, group_name, user};

pub(super) use rustix::fs::Access;

/// Who is to open it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(in crate::cli) enum As {
    /// This process.
    Caller,
    /// The user that the service runs as.
    Service {
        account: Account,
        /// `CAP_DAC_READ_SEARCH`: every file can be read, every directory searched, nothing else.
        reads_all: bool,
    },
}

impl As {
    /// Its name, and those of its groups.
    pub(super) fn names(&self) -> (String, Vec<String>) {
        match self {
            Self::Caller => {
                let user = user();
                (user.name, user.groups)
            }
            Self::Service { account, .. } => {
                (account.name.clone(), account.gids.iter().copied().map(group_name).collect())
            }
        }
    }

    /// Whether it may.
    pub(super) fn may(&self, path: &Path, wanted: Access) -> io::Result<()> {
        // Of a file system that nobody may write to, everybody hears so.
        access(path, wanted)?;
        let Self::Service { account, reads_all } = self else { return Ok(()) };
        let denied = || io::Error::from(ErrorKind::PermissionDenied);
        // Where links lead, for that is what is opened.
        let path = path.canonicalize()?;
        for directory in path.ancestors().skip(1) {
            if !reads_all && !allows(account, &fs::metadata(directory)?, Access::EXEC_OK) {
                return Err(denied());
            }
        }
        let metadata = fs::metadata(&path)?;
        let by_capability =
            if metadata.is_dir() { Access::READ_OK | Access::EXEC_OK } else { Access::READ_OK };
        let wanted = if *reads_all { wanted - by_capability } else { wanted };
        if allows(account, &metadata, wanted) { Ok(()) } else { Err(denied()) }
    }
}

fn allows(account: &Account, metadata: &fs::Metadata, wanted: Access) -> bool {
    by_mode(account, (metadata.mode(), metadata.uid(), metadata.gid()), wanted)
}

/// The first of owner, group and others that fits decides, whatever the others may.
fn by_mode(account: &Account, (mode, uid, gid): (u32, u32, u32), wanted: Access) -> bool {
    let granted = match () {
        () if account.uid == uid => mode >> 6,
        () if account.gids.contains(&gid) => mode >> 3,
        () => mode,
    };
    granted & wanted.bits() == wanted.bits()
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::os::unix::fs::PermissionsExt;

    fn account(gids: &[u32]) -> Account {
        Account { name: "starttech-agent".to_owned(), uid: 998, gids: gids.to_vec(), home: String::new() }
    }

    #[test]
    fn owner_group_or_others_decide_and_no_two_of_them() {
        let socket = Access::READ_OK | Access::WRITE_OK;
        for (mode, uid, gid, wanted, may) in [
            (0o140_660, 0, 105, socket, true),
            (0o140_660, 0, 0, socket, false),
            (0o140_640, 0, 105, socket, false),
            (0o140_666, 0, 0, socket, true),
            (0o100_077, 998, 105, Access::READ_OK, false),
            (0o100_706, 0, 105, Access::READ_OK, false),
            (0o40_711, 0, 0, Access::EXEC_OK, true),
        ] {
            assert_eq!(by_mode(&account(&[997, 105]), (mode, uid, gid), wanted), may, "{mode:o} {uid} {gid}");
        }
    }

    #[test]
    fn every_directory_counts_unless_there_is_the_capability_which_writes_nothing() {
        let directory = tempfile::tempdir().unwrap();
        let closed = directory.path().join("closed");
        fs::create_dir(&closed).unwrap();
        let file = closed.join("x-json.log");
        fs::write(&file, "").unwrap();
        fs::set_permissions(&file, fs::Permissions::from_mode(0o666)).unwrap();
        fs::set_permissions(&closed, fs::Permissions::from_mode(0o700)).unwrap();
        let stranger = |reads_all| As::Service {
            account: Account { name: "x".to_owned(), uid: 61_234, gids: vec![61_234], home: String::new() },
            reads_all,
        };
        let denied = |result: io::Result<()>| result.unwrap_err().kind() == ErrorKind::PermissionDenied;
        assert!(denied(stranger(false).may(&file, Access::READ_OK)));
        assert!(stranger(true).may(&file, Access::READ_OK | Access::WRITE_OK).is_ok());
        assert!(stranger(true).may(&closed, Access::READ_OK | Access::EXEC_OK).is_ok());
        assert!(denied(stranger(true).may(&closed, Access::WRITE_OK)));
        let missing = stranger(true).may(&closed.join("none"), Access::READ_OK).unwrap_err();
        assert_eq!(missing.kind(), ErrorKind::NotFound);
        assert!(As::Caller.may(&file, Access::READ_OK).is_ok());
    }
}
