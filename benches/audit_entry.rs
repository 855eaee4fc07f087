//! What an entry of the audit log costs a commit that changes a portal user, in processor time of the
//! process.
//!
//! `TMPDIR=/dev/shm cargo bench --features fuzzing --bench audit_entry`

#![expect(clippy::print_stdout, reason = "a benchmark prints its figures")]

use std::time::Duration;

use portcullis::fuzzing::{AuditEntryBench, Measured};
use rustix::time::{ClockId, clock_gettime};

/// The allocator of the program.
#[global_allocator]
static ALLOCATOR: tikv_jemallocator::Jemalloc = tikv_jemallocator::Jemalloc;

const ROUNDS: usize = 300;
const COMMITS: u32 = 100;

fn main() -> std::io::Result<()> {
    let folder = tempfile::tempdir()?;
    let bench = AuditEntryBench::new(folder.path());
    let kinds = [Measured::Whole, Measured::WithoutEntry, Measured::WriteAlone];
    let mut times = [const { Vec::new() }; 3];
    for _ in 0..ROUNDS {
        for (measured, times) in kinds.into_iter().zip(&mut times) {
            let began = processor_time();
            bench.commits(COMMITS, measured);
            times.push((processor_time() - began) / f64::from(COMMITS));
        }
    }
    let [whole, without, alone] = times.map(median);
    println!(
        "a commit {whole:.1} µs, without the entry {without:.1} µs, the write alone {alone:.1} µs: an \
         entry {:.1} µs, with checks and a line of the log {:.1} µs",
        whole - without,
        whole - alone,
    );
    Ok(())
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
