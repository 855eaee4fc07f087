//! How long the verification of an exported log takes.
//!
//!     cargo bench -p portcullis-audit --bench verify

#![expect(
    clippy::unwrap_used,
    clippy::print_stdout,
    reason = "a benchmark reports, and stops at faults"
)]

use std::time::Instant;

use jiff::Timestamp;
use portcullis_audit::{Checkpoint, Hash, SigningKey, Tree, Verification, line};

/// Entries in the log.
const ENTRIES: u64 = 1_000_000;
/// Entries that one checkpoint adds.
const BLOCK: u64 = 4096;

/// An entry as the gateway writes it, about 480 bytes long.
fn entry(number: u64) -> String {
    format!(
        r#"{{"time":"2026-01-01T00:00:00.250289613Z","actor":{{"kind":"token","id":"9f86d081884c7d659a2feaa0c55ad015","name":"ci"}},"via":"api","kind":"user.changed","subject":{{"kind":"user","id":"{number:012}","name":"person{number}@customer.example"}},"organization":"customer-{}","user":"{number:012}","before":{{"group":"limited"}},"after":{{"group":"admin"}},"salt":"{number:032x}"}}"#,
        number % 10_000
    )
}

fn main() {
    let key = SigningKey::new("portal.example/audit", &[7; 32]).unwrap();
    let (mut tree, mut lines, mut last) = (Tree::default(), Vec::new(), String::new());
    for from in (0..ENTRIES).step_by(usize::try_from(BLOCK).unwrap()) {
        let block: Vec<_> = (from..ENTRIES.min(from + BLOCK)).map(entry).collect();
        let hashes: Vec<_> = block.iter().map(|entry| Hash::leaf(entry.as_bytes())).collect();
        hashes.iter().for_each(|hash| tree.push(*hash));
        lines.push(line::of_leaves(from, &hashes));
        lines.extend((from..).zip(&block).map(|(number, entry)| line::of_entry(number, entry)));
        let time = Timestamp::UNIX_EPOCH;
        last = key.sign(&Checkpoint { size: tree.size(), root: tree.root(), time });
        lines.push(line::of_checkpoint(&last));
    }
    for _ in 0..3 {
        let started = Instant::now();
        let mut verification = Verification::new(&key.public(), [last.as_str()]).unwrap();
        lines.iter().for_each(|line| verification.line(line).unwrap());
        let verified = verification.finish().unwrap();
        println!("{} entries verified in {:.2} s", verified.size, started.elapsed().as_secs_f64());
    }
}
