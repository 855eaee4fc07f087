//! A moment ahead, as people say it.

use jiff::Timestamp;

/// A moment, in words and exactly.
#[derive(Debug)]
pub(super) struct When {
    /// "in 5 minutes".
    pub(super) words: String,
    /// For machines.
    pub(super) exact: String,
    /// For who looks closely: "2026-11-22 10:30 UTC".
    pub(super) title: String,
    /// Whole seconds until then, at least one.
    pub(super) seconds: u64,
}

impl When {
    pub(super) fn new(then: Timestamp, now: Timestamp) -> Self {
        // Rounded up: who comes back at the time named is not too early.
        let milliseconds = u64::try_from(then.duration_since(now).as_millis()).unwrap_or(0);
        let seconds = milliseconds.div_ceil(1000).max(1);
        Self {
            words: words(seconds),
            exact: then.to_string(),
            title: then.strftime("%Y-%m-%d %H:%M:%S UTC").to_string(),
            seconds,
        }
    }
}

fn words(seconds: u64) -> String {
    let (count, unit) = match seconds {
        0..=90 => (seconds, "second"),
        91..=5400 => (seconds.div_ceil(60), "minute"),
        _ => (seconds.div_ceil(3600), "hour"),
    };
    let plural = if count == 1 { "" } else { "s" };
    format!("in {count} {unit}{plural}")
}

#[cfg(test)]
mod tests {
    use super::words;

    #[test]
    fn a_wait_is_told_in_the_unit_that_fits_and_never_too_short() {
        for (seconds, told) in [
            (1, "in 1 second"),
            (30, "in 30 seconds"),
            (90, "in 90 seconds"),
            (91, "in 2 minutes"),
            (120, "in 2 minutes"),
            (3600, "in 60 minutes"),
            (5401, "in 2 hours"),
        ] {
            assert_eq!(words(seconds), told);
        }
    }
}
