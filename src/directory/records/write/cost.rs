//! What an entry of the audit log costs a commit, in processor time of the process.
//!
//!     TMPDIR=/dev/shm cargo test --release -p portcullis --lib audit_entry_cost -- --ignored --nocapture

use std::fs;

use super::*;
use crate::directory::fixture::{Fixture, by_operator};
use crate::directory::records::Stored;

const ROUNDS: usize = 9;
const COMMITS: usize = 2000;
/// The unit of times in `/proc/self/stat`, in microseconds.
const TICK: f64 = 10_000.0;

/// The processor time that the process has used, in microseconds (proc(5), fields 14 and 15).
fn processor_time() -> f64 {
    let stat = fs::read_to_string("/proc/self/stat").unwrap();
    let fields: Vec<&str> = stat.rsplit_once(')').unwrap().1.split_whitespace().collect();
    fields[11..13].iter().map(|ticks| ticks.parse::<f64>().unwrap() * TICK).sum()
}

/// Processor time of a commit that changes a user, in microseconds.
async fn commits(fixture: &Fixture, user: &str, with_entries: bool) -> f64 {
    let records = fixture.directory.records();
    let began = processor_time();
    for _ in 0..COMMITS {
        let ann: Stored<User> = records.read().get(&user.into()).await.unwrap().unwrap();
        let doc = User { require_mfa: !ann.doc.require_mfa, ..ann.doc.clone() };
        let writes = vec![ann.replace(doc).0];
        match with_entries {
            true => records.commit(&by_operator(), writes).await.unwrap(),
            false => records.apply(writes).await.unwrap(),
        };
    }
    (processor_time() - began) / f64::from(u32::try_from(COMMITS).unwrap())
}

fn median(mut values: Vec<f64>) -> f64 {
    values.sort_by(f64::total_cmp);
    values[values.len() / 2]
}

#[tokio::test]
#[ignore = "a measurement"]
async fn audit_entry_cost() {
    let fixture = Fixture::new().await;
    fixture.organization("acme").await;
    let user = fixture.user("acme", "ann", "limited").await.id;
    let (mut with, mut without) = (Vec::new(), Vec::new());
    for _ in 0..ROUNDS {
        with.push(commits(&fixture, user.as_str(), true).await);
        without.push(commits(&fixture, user.as_str(), false).await);
    }
    let (with, without) = (median(with), median(without));
    let (cost, ratio) = (with - without, with / without);
    println!(
        "a commit with an entry {with:.1} µs, without {without:.1} µs: an entry {cost:.1} µs, ratio \
         {ratio:.2}"
    );
}
