//! A moment ahead, as people say it.

use jiff::Timestamp;

use super::text::{Filled, Moments, Spans};

/// A moment, in words and exactly.
#[derive(Debug, Clone)]
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
    pub(super) fn new(then: Timestamp, now: Timestamp, texts: &Moments) -> Self {
        // Rounded up: who comes back at the time named is not too early.
        let milliseconds = u64::try_from(then.duration_since(now).as_millis()).unwrap_or(0);
        let seconds = milliseconds.div_ceil(1000).max(1);
        Self {
            words: words(seconds, &texts.ahead).plain(),
            exact: then.to_string(),
            title: then.strftime("%Y-%m-%d %H:%M:%S UTC").to_string(),
            seconds,
        }
    }
}

fn words(seconds: u64, texts: &Spans) -> Filled<'_> {
    match seconds {
        0..=90 => texts.seconds.of(seconds),
        91..=5400 => texts.minutes.of(seconds.div_ceil(60)),
        _ => texts.hours.of(seconds.div_ceil(3600)),
    }
}

#[cfg(test)]
mod tests {
    use http::header::HeaderValue;

    use super::words;
    use crate::pages::text::Texts;

    #[test]
    fn a_wait_is_told_in_the_unit_that_fits_and_never_too_short() {
        let texts = Texts::load(None).unwrap();
        let german = texts.accepted(Some(&HeaderValue::from_static("de")));
        for (seconds, told, auf_deutsch) in [
            (1, "in 1 second", "in 1 Sekunde"),
            (30, "in 30 seconds", "in 30 Sekunden"),
            (90, "in 90 seconds", "in 90 Sekunden"),
            (91, "in 2 minutes", "in 2 Minuten"),
            (120, "in 2 minutes", "in 2 Minuten"),
            (3600, "in 60 minutes", "in 60 Minuten"),
            (5401, "in 2 hours", "in 2 Stunden"),
        ] {
            assert_eq!(words(seconds, &texts.accepted(None).when.ahead).plain(), told);
            assert_eq!(words(seconds, &german.when.ahead).plain(), auf_deutsch);
        }
    }
}
