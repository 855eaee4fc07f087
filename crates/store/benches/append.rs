//! What an appended record costs a commit that changes another one, in processor time of the process.
//!
//! `TMPDIR=/dev/shm cargo bench -p portcullis-store --bench append`

#![expect(clippy::print_stdout, reason = "it prints what it measures")]

use std::error::Error;
use std::time::Duration;

use bytes::Bytes;
use portcullis_store::sled::SledStore;
use portcullis_store::{Expect, Key, Kind, Store as _, StoreKey, Write};
use rustix::time::{ClockId, clock_gettime};
use tokio::runtime::Builder;

/// The allocator of the program.
#[global_allocator]
static ALLOCATOR: tikv_jemallocator::Jemalloc = tikv_jemallocator::Jemalloc;

const USER: Kind = Kind::new("user");
const ENTRY: Kind = Kind::appended("audit");
const KEY: StoreKey = StoreKey::new([7; 32]);
const ROUNDS: usize = 9;
const COMMITS: usize = 2000;

fn main() -> Result<(), Box<dyn Error>> {
    let folder = tempfile::tempdir()?;
    let store = SledStore::create(&folder.path().join("store"), &KEY)?.finish()?;
    let runtime = Builder::new_current_thread().enable_all().build()?;
    let mut times = [const { Vec::new() }; 4];
    for _ in 0..ROUNDS {
        let kinds = [None, Some((0, 1)), Some((4, 1)), Some((4, 1000))];
        for (kind, times) in kinds.into_iter().zip(&mut times) {
            let began = processor_time();
            for number in 0..COMMITS {
                let mut commit = vec![user(number)];
                commit.extend(kind.map(|(keys, users)| entry(number, keys, number % users)));
                runtime.block_on(store.commit(commit))?;
            }
            times.push((processor_time() - began) / f64::from(u32::try_from(COMMITS)?));
        }
    }
    let [without, plain, indexed, varied] = times.map(median);
    println!(
        "a commit {without:.1} µs; more with a record of 700 bytes {:.1} µs, with four index keys {:.1} \
         µs, with two of them that change {:.1} µs",
        plain - without,
        indexed - without,
        varied - without,
    );
    Ok(())
}

fn user(number: usize) -> Write {
    let keys = ["organization", "group", "status"];
    Write::Put {
        kind: USER,
        id: "0190d2c4-7a31-7cc0".to_owned(),
        expect: Expect::Any,
        doc: Bytes::from(format!("{{\"number\":{number},\"name\":\"{}\"}}", "x".repeat(300))),
        unique: vec![Key::new("login", "ann@example.com")],
        index: keys.map(|key| Key::new(key, "acme")).to_vec(),
        ordered: vec![Key::new("text", "ann@example.com"), Key::new("text", "ann")],
    }
}

fn entry(number: usize, keys: usize, user: usize) -> Write {
    let keys = [
        ("actor", "administrator/0190d2c4".to_owned()),
        ("kind", "user.changed".to_owned()),
        ("organization", format!("acme-{}", user / 2)),
        ("user", format!("0190d2c4-7a31-7cc0-{user}")),
    ]
    .into_iter()
    .take(keys);
    Write::Append {
        kind: ENTRY,
        doc: Bytes::from(format!("{{\"number\":{number},\"before\":\"{}\"}}", "x".repeat(680))),
        index: keys.map(|(name, value)| Key::new(name, value)).collect(),
    }
}

/// The processor time that the process has used, in microseconds.
fn processor_time() -> f64 {
    Duration::try_from(clock_gettime(ClockId::ProcessCPUTime)).unwrap_or_default().as_secs_f64()
        * 1e6
}

fn median(mut values: Vec<f64>) -> f64 {
    values.sort_by(f64::total_cmp);
    values.get(values.len() / 2).copied().unwrap_or_default()
}
