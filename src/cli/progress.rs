//! Waiting for a job, with its progress: a bar on a terminal, otherwise a line now and then.

use std::io::{self, IsTerminal as _, Write as _};
use std::time::{Duration, Instant};

use anyhow::bail;
use serde_json::Value;

use super::console::{Console, field, text};
use super::impact::{counted, separated};
use super::terminal::escaped_line;

/// Time between two looks at the job.
const LOOK: Duration = Duration::from_millis(200);
/// The least time between two lines.
const LINE: Duration = Duration::from_secs(5);
/// The cells of the bar.
const CELLS: u64 = 30;

/// What is known of a job's progress.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Progress {
    done: u64,
    total: u64,
    /// How many were done since the first look, in how long.
    rate: Option<(u64, Duration)>,
}

/// Waits for the end of a job and prints how it ended.
///
/// # Errors
/// If it has failed or was cancelled.
pub(super) fn wait(console: &mut Console<'_>, id: &str) -> anyhow::Result<()> {
    let job = until_ended(console, id)?;
    ended(console, &job)
}

/// Waits for the end of a job and returns it.
///
/// # Errors
/// If the gateway cannot be reached.
pub(super) fn until_ended(console: &mut Console<'_>, id: &str) -> anyhow::Result<Value> {
    let has_bar = io::stderr().is_terminal() && !console.is_json();
    let began = Instant::now();
    let (mut first, mut shown, mut last_line) = (None, None, None::<Instant>);
    loop {
        let job = console.get(&["jobs", id])?;
        let state = text(&job, "state");
        let (done, total) = (number(&job, "done"), number(&job, "total"));
        let (start, since) = *first.get_or_insert((done, began.elapsed()));
        let rate = (done > start).then(|| (done - start, began.elapsed().saturating_sub(since)));
        let progress = Progress { done, total, rate };
        let has_ended = !matches!(&*state, "queued" | "running");
        if has_bar {
            bar(&state, progress, has_ended)?;
        } else if shown != Some((state.clone(), done))
            && (has_ended || last_line.is_none_or(|last| last.elapsed() >= LINE))
        {
            console.note(&format!("{state}: {}", progress.in_words()))?;
            (shown, last_line) = (Some((state.clone(), done)), Some(Instant::now()));
        }
        if has_ended {
            return Ok(job);
        }
        console.pause(LOOK);
    }
}

/// Prints how a job ended.
pub(super) fn ended(console: &mut Console<'_>, job: &Value) -> anyhow::Result<()> {
    let [id, state, reason] = ["id", "state", "reason"].map(|name| text(job, name));
    console.report(job, &format!("The job {id} is {state}: {}.", counts(job)))?;
    match &*state {
        "failed" => bail!("the job {id} has failed: {}", escaped_line(&reason)),
        "cancelled" => bail!("the job {id} was cancelled"),
        _ if number(field(job, "counts"), "skipped") > 0 => {
            console.note(&format!("See why with `portcullis jobs report {id} --result skipped`."))
        }
        _ => Ok(()),
    }
}

/// How many items ended in which way.
pub(super) fn counts(job: &Value) -> String {
    let counts = field(job, "counts");
    let of = |name| format!("{} {name}", separated(size(number(counts, name))));
    ["created", "updated", "unchanged", "skipped"].map(of).join(", ")
}

fn number(document: &Value, name: &str) -> u64 {
    field(document, name).as_u64().unwrap_or(0)
}

fn size(number: u64) -> usize {
    usize::try_from(number).unwrap_or(usize::MAX)
}

/// Draws the bar on the current line of the terminal.
fn bar(state: &str, progress: Progress, has_ended: bool) -> io::Result<()> {
    let end = if has_ended { "\n" } else { "" };
    let mut terminal = io::stderr().lock();
    write!(terminal, "\r\x1b[K{} {state} {}{end}", progress.cells(), progress.in_words())?;
    terminal.flush()
}

impl Progress {
    fn cells(self) -> String {
        let full = size(CELLS * self.done / self.total.max(1));
        let width = size(CELLS);
        format!("[{:<width$}]", "#".repeat(full.min(width)))
    }

    fn in_words(self) -> String {
        let Self { done, total, rate } = self;
        let of = format!("{} of {}", separated(size(done)), separated(size(total)));
        match rate.filter(|(some, time)| *some > 0 && done < total && !time.is_zero()) {
            None => of,
            Some((some, time)) => {
                let left = time.as_millis() * u128::from(total - done) / u128::from(some);
                let seconds = usize::try_from(left.div_ceil(1000)).unwrap_or(usize::MAX);
                format!("{of}, {} left", time_left(seconds))
            }
        }
    }
}

fn time_left(seconds: usize) -> String {
    match (seconds / 60, seconds % 60) {
        (0, seconds) => counted(seconds, "second"),
        (minutes @ 1..60, seconds) => format!("{minutes} min {seconds} s"),
        (minutes, _) => format!("{} h {} min", separated(minutes / 60), minutes % 60),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn progress_has_numbers_and_the_time_that_is_left() {
        let progress = |done, rate| Progress { done, total: 12_000, rate };
        for (progress, words) in [
            (progress(0, None), "0 of 12,000"),
            (
                progress(3_000, Some((1_000, Duration::from_secs(2)))),
                "3,000 of 12,000, 18 seconds left",
            ),
            (
                progress(1_000, Some((1_000, Duration::from_secs(9)))),
                "1,000 of 12,000, 1 min 39 s left",
            ),
            (progress(10, Some((10, Duration::from_secs(9)))), "10 of 12,000, 2 h 59 min left"),
            (progress(12_000, Some((1_000, Duration::from_secs(2)))), "12,000 of 12,000"),
        ] {
            assert_eq!(progress.in_words(), words);
        }
        let half = Progress { done: 1, total: 2, rate: None };
        assert_eq!(half.cells(), format!("[{}{}]", "#".repeat(15), " ".repeat(15)));
        let none = Progress { done: 0, total: 0, rate: None };
        assert_eq!(none.cells(), format!("[{}]", " ".repeat(30)));
    }
}
