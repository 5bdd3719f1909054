//! A small file beside the alerts that wait, which an operator's command writes and the daemon reads: who is not to
//! be told what, until when.
//!
//! It outlasts both. Knows nothing of what stands in it.

use std::fs::{self, DirBuilder, File};
use std::io::{self, Read, Write};
use std::os::fd::{AsFd, OwnedFd};
use std::os::unix::fs::{DirBuilderExt, MetadataExt, fchown};
use std::path::{Path, PathBuf};

use rustix::fs::{AtFlags, CWD, Mode, OFlags, openat, renameat, unlinkat};

use super::{ALERTS, entry};

/// Its name.
pub(super) const NAME: &str = "silences.json";

/// It is held in memory: what can be said in a hundred silences, and a file that somebody else filled is not read.
const MOST_BYTES: u64 = 1 << 20;

/// Where it is, in the spool's directory.
pub fn path(spool: &Path) -> PathBuf {
    spool.join(ALERTS).join(NAME)
}

/// What tells one state of the file from another: when it was written, and which file it is. `None`: there is none.
pub type Stamp = Option<(i64, i64, u64)>;

/// Looks whether it is another than it was, without reading it. Blocks on the disk.
///
/// # Errors
/// The disk, or a right.
pub fn stamp(path: &Path) -> io::Result<Stamp> {
    match fs::metadata(path) {
        Ok(file) => Ok(Some((file.mtime(), file.mtime_nsec(), file.ino()))),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
        Err(error) => Err(error),
    }
}

/// Reads it; `None` if there is none. Blocks on the disk.
///
/// # Errors
/// The disk, or a right; or it is larger than any that was written here.
pub fn read(path: &Path) -> io::Result<Option<Vec<u8>>> {
    match File::open(path) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
        opened => read_all(opened?).map(Some),
    }
}

fn read_all(file: File) -> io::Result<Vec<u8>> {
    let mut text = Vec::new();
    file.take(MOST_BYTES + 1).read_to_end(&mut text)?;
    if text.len() as u64 > MOST_BYTES {
        let words = format!("it has more than {MOST_BYTES} bytes: remove it, and silence anew");
        return Err(io::Error::new(io::ErrorKind::FileTooLarge, words));
    }
    Ok(text)
}

/// Has it read and writes what comes of that: all of it, or nothing, and nobody else in between. It belongs to whom the
/// spool belongs, whoever writes: root must not be led elsewhere by a link that this user has laid. The spool's
/// directory must be there.
///
/// # Errors
/// The disk, or a right; or what `change` says.
pub fn change<T, E: From<io::Error>>(
    spool: &Path,
    change: impl FnOnce(Option<Vec<u8>>) -> Result<(Vec<u8>, T), E>,
) -> Result<T, E> {
    let owner = fs::metadata(spool)?;
    let path = spool.join(ALERTS);
    let made = match DirBuilder::new().mode(0o700).create(&path) {
        Ok(()) => true,
        Err(error) if error.kind() == io::ErrorKind::AlreadyExists => false,
        Err(error) => return Err(error.into()),
    };
    let directory = File::from(open(CWD, &path, OFlags::DIRECTORY)?);
    if made {
        give(&directory, &owner)?;
    }
    directory.lock()?;
    let before = match open(&directory, Path::new(NAME), OFlags::RDONLY) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => None,
        opened => Some(read_all(opened?.into())?),
    };
    let (text, result) = change(before)?;
    let unfinished = format!("{NAME}{}", entry::UNFINISHED);
    let remove = || unlinkat(&directory, unfinished.as_str(), AtFlags::empty());
    let write = || -> io::Result<()> {
        remove().ok(); // of a run that broke off
        let new = OFlags::WRONLY | OFlags::CREATE | OFlags::EXCL;
        let mut file = File::from(open(&directory, Path::new(&unfinished), new)?);
        give(&file, &owner)?;
        file.write_all(&text)?;
        file.sync_data()?;
        Ok(renameat(&directory, unfinished.as_str(), &directory, NAME)?)
    };
    if let Err(error) = write() {
        remove().ok();
        return Err(error.into());
    }
    // The name is what the next start looks for.
    directory.sync_all()?;
    Ok(result)
}

/// Opens what stands there itself, not where a link leads.
fn open(directory: impl AsFd, path: &Path, how: OFlags) -> io::Result<OwnedFd> {
    Ok(openat(directory, path, how | OFlags::NOFOLLOW | OFlags::CLOEXEC, Mode::RUSR | Mode::WUSR)?)
}

fn give(file: &File, owner: &fs::Metadata) -> io::Result<()> {
    let now = file.metadata()?;
    if (now.uid(), now.gid()) == (owner.uid(), owner.gid()) {
        return Ok(());
    }
    fchown(file, Some(owner.uid()), Some(owner.gid()))
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::symlink;

    use super::*;
    use crate::spool::Spool;

    fn put(spool: &Path, text: &str) -> io::Result<()> {
        change(spool, |_| Ok((text.as_bytes().to_owned(), ())))
    }

    #[test]
    fn it_is_whole_private_and_another_each_time() {
        let spool = tempfile::tempdir().unwrap();
        let path = path(spool.path());
        assert_eq!((stamp(&path).unwrap(), read(&path).unwrap()), (None, None));
        put(spool.path(), "one").unwrap();
        let first = stamp(&path).unwrap();
        assert!(first.is_some());
        assert_eq!(stamp(&path).unwrap(), first, "looking changes nothing");
        let seen = change(spool.path(), |text| Ok::<_, io::Error>((b"two".to_vec(), text.unwrap())));
        assert_eq!(seen.unwrap(), b"one");
        assert_ne!(stamp(&path).unwrap(), first);
        assert_eq!(read(&path).unwrap().unwrap(), b"two");
        let mode = |path: &Path| fs::metadata(path).unwrap().mode() & 0o777;
        assert_eq!((mode(&path), mode(path.parent().unwrap())), (0o600, 0o700));
        fs::write(&path, "x".repeat(1 << 20)).unwrap();
        assert_eq!(read(&path).unwrap().unwrap().len(), 1 << 20);
        fs::write(&path, "x".repeat((1 << 20) + 1)).unwrap();
        assert!(read(&path).unwrap_err().to_string().contains("remove it"), "somebody filled it");
        fs::write(&path, "two").unwrap();
        let failed = change(spool.path(), |_| Err::<(Vec<u8>, ()), _>(io::Error::other("no")));
        assert_eq!(
            (failed.unwrap_err().to_string(), read(&path).unwrap().unwrap()),
            ("no".into(), b"two".into())
        );
    }

    #[test]
    fn a_link_in_its_place_leads_nowhere() {
        let (spool, elsewhere) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
        let other = elsewhere.path().join("other");
        fs::write(&other, "theirs").unwrap();
        put(spool.path(), "[]").unwrap();
        let unfinished = spool.path().join(ALERTS).join(format!("{NAME}{}", entry::UNFINISHED));
        symlink(&other, unfinished).unwrap();
        put(spool.path(), "[1]").unwrap();
        assert_eq!(read(&path(spool.path())).unwrap().unwrap(), b"[1]");
        fs::remove_file(path(spool.path())).unwrap();
        symlink(&other, path(spool.path())).unwrap();
        assert!(put(spool.path(), "[2]").is_err());
        fs::remove_dir_all(spool.path().join(ALERTS)).unwrap();
        symlink(elsewhere.path(), spool.path().join(ALERTS)).unwrap();
        assert!(put(spool.path(), "[3]").is_err());
        assert_eq!(fs::read(&other).unwrap(), b"theirs");
        assert_eq!(fs::read_dir(elsewhere.path()).unwrap().count(), 1);
    }

    #[test]
    fn a_spool_keeps_it_and_one_that_is_not_there_is_not_made() {
        let spool = tempfile::tempdir().unwrap();
        put(spool.path(), "[]").unwrap();
        let (_, recovered) = Spool::open(&spool.path().join(ALERTS), 1 << 20).unwrap();
        assert_eq!(recovered.quarantined, []);
        assert_eq!(read(&path(spool.path())).unwrap().unwrap(), b"[]");
        put(spool.path(), "[1]").unwrap();
        let absent = spool.path().join("absent");
        assert_eq!(put(&absent, "[]").unwrap_err().kind(), io::ErrorKind::NotFound);
        assert!(!absent.exists());
    }
}
