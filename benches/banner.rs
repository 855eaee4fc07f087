//! What the banner costs in a page that staff view: processor time, median of many.

#![expect(clippy::print_stdout, reason = "a benchmark prints its figures")]

use std::hint::black_box;

use rustix::time::{ClockId, clock_gettime};

const ROUNDS: usize = 2000;

fn main() {
    let head = "<link rel=stylesheet href=/static/c.css><script src=/x.js></script>\n".repeat(15);
    let row = "<div class=\"row\"><a href=\"/tickets/7\">Ticket 7</a><span>open</span></div>\n";
    let page = format!("<html><head>{head}</head><body>{}</body></html>", row.repeat(1400));
    let text = format!("<title>Text</title>{}", "text without an element ".repeat(4200));
    for (name, page) in [("page", page), ("text", text)] {
        for chunk in [4096, 16_384, 65_536] {
            let mut times: Vec<u64> =
                (0..ROUNDS).map(|_| measure(page.as_bytes(), chunk)).collect();
            times.sort_unstable();
            let median = times.get(ROUNDS / 2).copied().unwrap_or_default();
            println!("{name} of {} bytes in chunks of {chunk}: {median} ns", page.len());
        }
    }
}

fn measure(page: &[u8], chunk: usize) -> u64 {
    let before = processor_time();
    black_box(portcullis::fuzzing::page_with_banner(black_box(page), chunk));
    processor_time() - before
}

/// Processor time of this thread, in nanoseconds.
fn processor_time() -> u64 {
    let time = clock_gettime(ClockId::ThreadCPUTime);
    let nanoseconds = time.tv_sec * 1_000_000_000 + time.tv_nsec;
    u64::try_from(nanoseconds).unwrap_or_default()
}
