//! A small file beside the batches, for whoever fills the spool: what must be known when filling goes on.
//!
//! Knows nothing of what stands in it.

use std::fs;
use std::io;
use std::os::unix::fs::OpenOptionsExt;

use super::{Spool, entry};

/// Its name.
pub(super) const NAME: &str = "note";

impl Spool {
    /// Reads it; `None` if there is none. Blocks on the disk.
    ///
    /// # Errors
    /// The disk.
    pub fn note(&self) -> io::Result<Option<Vec<u8>>> {
        match fs::read(self.directory.join(NAME)) {
            Ok(text) => Ok(Some(text)),
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
            Err(error) => Err(error),
        }
    }

    /// Writes it anew: all of it, or nothing. Blocks on the disk.
    ///
    /// # Errors
    /// The disk.
    pub fn write_note(&self, text: &[u8]) -> io::Result<()> {
        let path = self.directory.join(NAME);
        let unfinished = path.with_extension(entry::UNFINISHED.trim_start_matches('.'));
        let mut file =
            fs::File::options().write(true).create(true).truncate(true).mode(0o600).open(&unfinished)?;
        let written = io::Write::write_all(&mut file, text)
            .and_then(|()| file.sync_data())
            .and_then(|()| fs::rename(&unfinished, path));
        if written.is_err() {
            drop(fs::remove_file(&unfinished));
        }
        written
    }
}
