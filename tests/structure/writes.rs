//! Records are written by one function, which takes a `Change`: who, when, to which version.
//!
//! The store and its feed can commit without one, so only these files may name their types.

use crate::source::{read, rust_files};

/// How a file names a type that can commit.
const CAN_COMMIT: [&str; 4] = ["dyn Store", "SledStore", "feed::Feed", "feed::{Feed"];

/// The files that may, and why.
const KNOWN: [(&str, &str); 18] = [
    ("src/app.rs", "opens the store"),
    ("src/app/measured.rs", "reads how many commits there were"),
    ("src/app/records.rs", "opens the store"),
    ("src/app/state.rs", "starts the feed, and passes it to the directory"),
    ("src/backup.rs", "takes snapshots"),
    ("src/check/settings.rs", "looks for a store without opening it"),
    ("src/cli/backup.rs", "creates the store of a gateway that does not run"),
    ("src/cli/store.rs", "checks the store of a gateway that does not run"),
    ("src/directory.rs", "passes the feed to the records"),
    ("src/doctor/files.rs", "looks for a store without opening it"),
    ("src/directory/records/belonging.rs", "reads the owner of a record"),
    ("src/directory/records/current_actor.rs", "reads the actor of a commit"),
    ("src/directory/records/permitted.rs", "reads what a commit replaces"),
    ("src/directory/records/predecessor.rs", "reads when an organization was deleted"),
    ("src/directory/records/read.rs", "reads"),
    ("src/directory/records/scoped_store.rs", "reads what a scope shows, and refuses to commit"),
    ("src/directory/records/write.rs", "commits, with a change"),
    ("src/directory/state/memory.rs", "passes the store to a reader"),
];

#[test]
fn every_write_takes_a_change() {
    let (mut unknown, mut commits) = (Vec::new(), Vec::new());
    for file in rust_files() {
        let for_tests = ["/tests", "fixture", "src/fuzzing"];
        if !file.starts_with("src/") || for_tests.iter().any(|part| file.contains(part)) {
            continue;
        }
        let text = read(&file);
        let code = || text.lines().filter(|line| !line.trim_start().starts_with("//"));
        let names = code().any(|line| CAN_COMMIT.iter().any(|name| line.contains(name)));
        if names && !KNOWN.iter().any(|(known, _)| *known == file) {
            unknown.push(file.clone());
        }
        let bare = |line: &str| line.contains("feed.commit(") || line.contains("store.commit(");
        commits.extend(code().filter(|line| bare(line)).map(|_| file.clone()));
    }
    assert!(unknown.is_empty(), "write with `Records::commit` instead: {unknown:?}");
    assert_eq!(commits, ["src/directory/records/write.rs"]);
}
