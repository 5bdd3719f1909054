//! Where the spool puts what it can neither read nor deliver, for somebody to look at: kept small, the
//! oldest goes first.

use std::ffi::OsStr;
use std::fs;
use std::io;
use std::path::{Path, PathBuf};
use std::time::SystemTime;

/// Bytes of all files together, at most: it stands beside the spool's own limit.
const LIMIT: u64 = 16 << 20;

/// Sets a file of the spool aside. Gives where it is now, and why.
pub(super) fn quarantine(spool: &Path, from: &Path, reason: &str) -> (PathBuf, String) {
    let to = place(spool, from.file_name().unwrap_or_default());
    match fs::rename(from, &to) {
        Ok(()) => {
            limit(spool);
            (to, reason.to_owned())
        }
        Err(error) => (from.to_owned(), format!("{reason}; and it cannot be moved to quarantine: {error}")),
    }
}

/// Puts one refused event there, as the request in which it was refused.
pub(super) fn put(spool: &Path, name: &str, body: &[u8], reason: &str) -> (PathBuf, String) {
    let to = place(spool, OsStr::new(name));
    match fs::write(&to, body) {
        Ok(()) => {
            limit(spool);
            (to, reason.to_owned())
        }
        Err(error) => (to, format!("{reason}; and it cannot be written to quarantine: {error}")),
    }
}

/// A name that is free: what was set aside before stays.
fn place(spool: &Path, name: &OsStr) -> PathBuf {
    let directory = spool.join("quarantine");
    let mut place = directory.join(name);
    for nth in 2..1000 {
        if place.symlink_metadata().is_err() {
            break;
        }
        // Of a name as long as names may be there is no longer one.
        let short: String = name.to_string_lossy().chars().take(40).collect();
        place = directory.join(format!("{short}-{nth}"));
    }
    place
}

/// What cannot be removed is tried again the next time.
fn limit(spool: &Path) {
    let Ok(mut files) = files(&spool.join("quarantine")) else { return };
    files.sort();
    let mut bytes: u64 = files.iter().map(|(_, bytes, _)| bytes).sum();
    for (_, size, path) in files {
        if bytes <= LIMIT {
            break;
        }
        drop(fs::remove_file(path));
        bytes -= size;
    }
}

fn files(directory: &Path) -> io::Result<Vec<(SystemTime, u64, PathBuf)>> {
    let of = |file: io::Result<fs::DirEntry>| {
        let file = file?;
        let metadata = file.metadata()?;
        Ok((metadata.modified()?, metadata.len(), file.path()))
    };
    fs::read_dir(directory)?.map(of).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn it_stays_small_and_overwrites_nothing() {
        let spool = tempfile::TempDir::new().unwrap();
        let directory = spool.path().join("quarantine");
        fs::create_dir(&directory).unwrap();
        for content in ["a", "b"] {
            put(spool.path(), "1", content.as_bytes(), "no");
        }
        assert_eq!(fs::read(directory.join("1")).unwrap(), b"a");
        assert_eq!(fs::read(directory.join("1-2")).unwrap(), b"b");
        let megabyte = vec![0; 1 << 20];
        for number in 0..20 {
            put(spool.path(), &format!("large-{number}"), &megabyte, "no");
        }
        let bytes: u64 = files(&directory).unwrap().iter().map(|(_, bytes, _)| bytes).sum();
        assert!(bytes <= LIMIT && bytes > LIMIT - (2 << 20), "{bytes}");
        assert!(directory.join("large-19").exists() && !directory.join("1").exists());
    }
}
