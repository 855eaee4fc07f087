//! How long a store takes to open, after it was closed and after a kill.
//!
//! `cargo bench -p portcullis-store --bench open -- 100000` makes that many users; the files are in
//! the page cache when the store is opened.

#![expect(clippy::print_stdout, reason = "it prints what it measures")]

use std::error::Error;
use std::fs;
use std::io;
use std::path::Path;
use std::time::Instant;

use bytes::Bytes;
use portcullis_store::sled::SledStore;
use portcullis_store::{Expect, Key, Kind, Store as _, StoreKey, Write};

const USER: Kind = Kind::new("user");
const KEY: StoreKey = StoreKey::new([7; 32]);
/// How often each kind of start is measured.
const ROUNDS: usize = 5;

fn main() -> Result<(), Box<dyn Error>> {
    // Cargo adds `--bench`.
    let users = std::env::args().skip(1).find_map(|arg| arg.parse().ok()).unwrap_or(10_000);
    let folder = tempfile::tempdir()?;
    let store = folder.path().join("store");
    fill(&store, users)?;
    for _ in 0..ROUNDS {
        let started = Instant::now();
        let open = SledStore::open(&store, &KEY)?;
        println!("closed: {} ms", started.elapsed().as_millis());
        // Makes the files differ from those of the last start.
        let runtime = tokio::runtime::Runtime::new()?;
        runtime.block_on(open.commit(vec![user(0)]))?;
        let killed = tempfile::tempdir()?;
        copy(folder.path(), killed.path())?;
        drop(open);
        let started = Instant::now();
        let open = SledStore::open(&killed.path().join("store"), &KEY)?;
        println!("killed: {} ms", started.elapsed().as_millis());
        drop(open);
    }
    println!("{} MiB", fs::metadata(store.join("db"))?.len() >> 20);
    Ok(())
}

fn user(number: usize) -> Write {
    // Ids are spread like those of the program.
    let id = format!("{:016x}", (number as u64 + 1).wrapping_mul(0x9E37_79B9_7F4A_7C15));
    Write::Put {
        kind: USER,
        doc: Bytes::from(format!("{{\"name\":\"{}\"}}", "x".repeat(300))),
        unique: vec![Key::new("login", format!("user-{number}"))],
        index: vec![
            Key::new("organization", format!("customer-{}", number / 100)),
            Key::new("group", "portal-user"),
            Key::new("email", format!("user-{number}@example.com")),
        ],
        ordered: vec![Key::new("text", format!("user-{number}"))],
        id,
        expect: Expect::Any,
    }
}

fn fill(folder: &Path, users: usize) -> Result<(), Box<dyn Error>> {
    let store = SledStore::create(folder, &KEY)?.finish()?;
    let runtime = tokio::runtime::Runtime::new()?;
    let numbers: Vec<usize> = (0..users).collect();
    for some in numbers.chunks(10) {
        runtime.block_on(store.commit(some.iter().map(|number| user(*number)).collect()))?;
    }
    Ok(())
}

/// Copies the files as a killed process leaves them.
fn copy(from: &Path, to: &Path) -> io::Result<()> {
    for entry in fs::read_dir(from)? {
        let entry = entry?;
        let target = to.join(entry.file_name());
        if entry.file_type()?.is_dir() {
            fs::create_dir(&target)?;
            fs::set_permissions(&target, entry.metadata()?.permissions())?;
            copy(&entry.path(), &target)?;
        } else {
            fs::copy(entry.path(), &target)?;
            // Or sled would wait for it when it opens the database.
            fs::File::open(&target)?.sync_all()?;
        }
    }
    Ok(())
}
