//! A moment ahead or past, as people say it.

use jiff::Timestamp;

use super::text::{Filled, Moments, Past, Spans};

/// A moment, in words and exactly.
#[derive(Debug, Clone)]
pub(super) struct When {
    /// "in 5 minutes".
    pub(super) words: String,
    /// For machines.
    pub(super) exact: String,
    /// For who looks closely: "2026-11-22 10:30 UTC".
    pub(super) title: String,
    /// Whole seconds until or since then; until then, at least one.
    pub(super) seconds: u64,
}

impl When {
    pub(super) fn new(then: Timestamp, now: Timestamp, texts: &Moments) -> Self {
        // Rounded up: who comes back at the time named is not too early.
        let milliseconds = u64::try_from(then.duration_since(now).as_millis()).unwrap_or(0);
        let seconds = milliseconds.div_ceil(1000).max(1);
        Self::told(then, seconds, &ahead(seconds, &texts.ahead))
    }

    /// A moment that is over.
    pub(super) fn past(then: Timestamp, now: Timestamp, texts: &Moments) -> Self {
        let seconds = u64::try_from(now.duration_since(then).as_secs()).unwrap_or(0);
        let words = match seconds {
            0..60 => texts.just_now.with(),
            _ => ago(seconds, &texts.ago),
        };
        Self::told(then, seconds, &words)
    }

    fn told(then: Timestamp, seconds: u64, words: &Filled<'_>) -> Self {
        Self {
            words: words.plain(),
            exact: then.to_string(),
            title: then.strftime("%Y-%m-%d %H:%M:%S UTC").to_string(),
            seconds,
        }
    }
}

fn ahead(seconds: u64, texts: &Spans) -> Filled<'_> {
    match seconds {
        0..=90 => texts.seconds.of(seconds),
        91..=5400 => texts.minutes.of(seconds.div_ceil(60)),
        _ => texts.hours.of(seconds.div_ceil(3600)),
    }
}

fn ago(seconds: u64, texts: &Past) -> Filled<'_> {
    match seconds / 60 {
        minutes @ 0..60 => texts.minutes.of(minutes),
        minutes @ 60..2880 => texts.hours.of(minutes / 60),
        minutes => texts.days.of(minutes / 1440),
    }
}

#[cfg(test)]
mod tests {
    use http::header::HeaderValue;

    use jiff::{SignedDuration, Timestamp};

    use super::{When, ahead};
    use crate::portal_pages::text::Texts;

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
            assert_eq!(ahead(seconds, &texts.accepted(None).when.ahead).plain(), told);
            assert_eq!(ahead(seconds, &german.when.ahead).plain(), auf_deutsch);
        }
    }

    #[test]
    fn what_is_over_is_told_in_the_unit_that_fits_and_exactly() {
        let texts = Texts::load(None).unwrap();
        let texts = &texts.accepted(None).when;
        let now: Timestamp = "2026-11-22T08:00:00Z".parse().unwrap();
        for (seconds, told) in [
            (-5, "just now"),
            (0, "just now"),
            (59, "just now"),
            (60, "1 minute ago"),
            (3599, "59 minutes ago"),
            (3600, "1 hour ago"),
            (47 * 3600, "47 hours ago"),
            (48 * 3600, "2 days ago"),
        ] {
            let then = now.checked_sub(SignedDuration::from_secs(seconds)).unwrap();
            assert_eq!(When::past(then, now, texts).words, told);
        }
        let then = now.checked_sub(SignedDuration::from_secs(90)).unwrap();
        assert_eq!(When::past(then, now, texts).title, "2026-11-22 07:58:30 UTC");
    }
}
