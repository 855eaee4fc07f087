//! A file that has its name only when it is whole and on disk.

use std::ffi::OsString;
use std::fs::{self, File, OpenOptions};
use std::io::{self, Write};
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::{Path, PathBuf};

/// Bytes between two syncs. A large file that is synced at once would keep the store's own syncs
/// waiting.
const SYNC_BYTES: usize = 4 * 1024 * 1024;

/// A private file that is being written, as `NAME.new`. Unless it is finished, it is removed.
#[derive(Debug)]
pub struct NewFile {
    path: PathBuf,
    draft: PathBuf,
    file: File,
    unsynced: usize,
    is_finished: bool,
}

impl NewFile {
    /// Begins the file at `path`, which must not exist.
    ///
    /// # Errors
    /// When it exists, or cannot be created.
    pub fn create(path: &Path) -> io::Result<Self> {
        if path.symlink_metadata().is_ok() {
            return Err(io::ErrorKind::AlreadyExists.into());
        }
        let mut draft = OsString::from(path);
        draft.push(".new");
        let draft = PathBuf::from(draft);
        let mut options = OpenOptions::new();
        let file = options.write(true).create(true).truncate(true).mode(0o600).open(&draft)?;
        Ok(Self { path: path.to_owned(), draft, file, unsynced: 0, is_finished: false })
    }

    /// Where the file is until it is finished.
    #[must_use]
    pub fn draft(&self) -> &Path {
        &self.draft
    }

    /// Waits until the content is on disk.
    ///
    /// # Errors
    /// When it cannot be written.
    pub fn sync(&mut self) -> io::Result<()> {
        self.unsynced = 0;
        self.file.sync_all()
    }

    /// Gives the file its name. On disk when this returns.
    ///
    /// # Errors
    /// When it cannot be written.
    pub fn finish(mut self) -> io::Result<()> {
        self.sync()?;
        fs::rename(&self.draft, &self.path)?;
        self.is_finished = true;
        let folder = self.path.parent().filter(|folder| !folder.as_os_str().is_empty());
        File::open(folder.unwrap_or(Path::new(".")))?.sync_all()
    }
}

impl Write for NewFile {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let written = self.file.write(bytes)?;
        self.unsynced += written;
        if self.unsynced >= SYNC_BYTES {
            self.unsynced = 0;
            self.file.sync_data()?;
        }
        Ok(written)
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

impl Drop for NewFile {
    fn drop(&mut self) {
        if !self.is_finished
            && let Err(error) = fs::remove_file(&self.draft)
        {
            tracing::warn!(%error, file = %self.draft.display(), "could not remove an unfinished file");
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn i13_a_file_has_its_name_only_when_it_is_whole() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("file");
        let names = || fs::read_dir(folder.path()).unwrap().count();
        let mut file = NewFile::create(&path).unwrap();
        file.write_all(&vec![7; SYNC_BYTES + 1]).unwrap();
        assert!(!path.exists() && file.draft().exists());
        drop(file);
        assert_eq!(names(), 0, "nothing is left of an unfinished file");
        let mut file = NewFile::create(&path).unwrap();
        file.write_all(b"whole").unwrap();
        file.finish().unwrap();
        assert_eq!(fs::read(&path).unwrap(), b"whole");
        assert_eq!(names(), 1);
        let error = NewFile::create(&path).unwrap_err();
        assert_eq!(error.kind(), io::ErrorKind::AlreadyExists);
        assert_eq!(names(), 1);
    }
}
