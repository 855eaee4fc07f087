//! Whether a file was changed or replaced.

use std::os::unix::fs::MetadataExt;
use std::path::Path;

/// A file's device and inode, the time of the last change to its content or metadata (`ctime`, which
/// cannot be set), and its size. It differs whenever a file at the path was changed or replaced.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct FileStamp {
    device: u64,
    inode: u64,
    changed: (i64, i64),
    size: u64,
}

impl FileStamp {
    /// The stamp of the file at a path, to which links are followed. `None` if there is no such file.
    pub(super) fn of(path: &Path) -> Option<Self> {
        let file = path.metadata().ok()?;
        Some(Self {
            device: file.dev(),
            inode: file.ino(),
            changed: (file.ctime(), file.ctime_nsec()),
            size: file.size(),
        })
    }
}
