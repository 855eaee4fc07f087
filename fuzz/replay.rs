//! Runs a fuzz target over its corpus, for the tests of the crates that hold the targets.

use std::path::Path;

/// Calls the target with every file of `fuzz/corpus/NAME`, below `root`, in order of name.
pub(super) fn replay(root: &str, name: &str, mut target: impl FnMut(&[u8])) {
    let folder = Path::new(root).join("fuzz/corpus").join(name);
    let files = std::fs::read_dir(&folder).unwrap().map(|entry| entry.unwrap().path());
    let mut files: Vec<_> = files.collect();
    files.sort();
    assert!(files.len() >= 20, "{} has {} files", folder.display(), files.len());
    for file in files {
        println!("{}", file.display());
        target(&std::fs::read(&file).unwrap());
    }
}
