//! The words for times relative to now.

use jiff::Timestamp;
use serde::Deserialize;

use super::phrase::{Counted, Filled, Text};
use super::relative_time::RelativeTime;

/// The words for times.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct TimeWords {
    ahead: Ahead,
    just_now: Text,
    ago: Ago,
}

/// How long until then.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
struct Ahead {
    seconds: Counted,
    minutes: Counted,
    hours: Counted,
    /// Without it, days are given in hours.
    #[serde(default)]
    days: Option<Counted>,
}

/// How long since then.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
struct Ago {
    minutes: Counted,
    hours: Counted,
    days: Counted,
}

impl TimeWords {
    /// A time to come. Rounded up, so that coming back at that time is not too early.
    pub(crate) fn ahead(&self, then: Timestamp, now: Timestamp) -> RelativeTime {
        let milliseconds = u64::try_from(then.duration_since(now).as_millis()).unwrap_or(0);
        let seconds = milliseconds.div_ceil(1000).max(1);
        RelativeTime::ahead(then, seconds, ahead(seconds, &self.ahead).plain())
    }

    /// A time in the past; one to come is "just now".
    pub(crate) fn past(&self, then: Timestamp, now: Timestamp) -> RelativeTime {
        let seconds = u64::try_from(now.duration_since(then).as_secs()).unwrap_or(0);
        let words = match seconds {
            0..60 => self.just_now.with(),
            _ => ago(seconds, &self.ago),
        };
        RelativeTime::past(then, seconds, words.plain())
    }
}

fn ahead(seconds: u64, words: &Ahead) -> Filled<'_> {
    match seconds {
        0..=90 => words.seconds.of(seconds),
        3600 => words.hours.of(1),
        91..=5400 => words.minutes.of(seconds.div_ceil(60)),
        seconds => match &words.days {
            Some(days) if seconds > 172_800 => days.of(seconds.div_ceil(86_400)),
            _ => words.hours.of(seconds.div_ceil(3600)),
        },
    }
}

fn ago(seconds: u64, words: &Ago) -> Filled<'_> {
    match seconds / 60 {
        minutes @ 0..60 => words.minutes.of(minutes),
        minutes @ 60..2880 => words.hours.of(minutes / 60),
        minutes => words.days.of(minutes / 1440),
    }
}

#[cfg(test)]
mod tests {
    use jiff::{SignedDuration, Timestamp};

    use super::{TimeWords, ahead};

    fn words() -> TimeWords {
        toml::from_str(
            r#"
            just_now = "just now"
            [ahead]
            seconds = { one = "in {count} second", other = "in {count} seconds" }
            minutes = { one = "in {count} minute", other = "in {count} minutes" }
            hours = { one = "in {count} hour", other = "in {count} hours" }
            [ago]
            minutes = { one = "{count} minute ago", other = "{count} minutes ago" }
            hours = { one = "{count} hour ago", other = "{count} hours ago" }
            days = { one = "{count} day ago", other = "{count} days ago" }
            "#,
        )
        .unwrap()
    }

    #[test]
    fn a_wait_is_rounded_up_to_a_fitting_unit() {
        let words = words();
        for (seconds, expected) in [
            (1, "in 1 second"),
            (30, "in 30 seconds"),
            (90, "in 90 seconds"),
            (91, "in 2 minutes"),
            (120, "in 2 minutes"),
            (3540, "in 59 minutes"),
            (3600, "in 1 hour"),
            (3601, "in 61 minutes"),
            (5401, "in 2 hours"),
            (7200, "in 2 hours"),
        ] {
            assert_eq!(ahead(seconds, &words.ahead).plain(), expected);
        }
    }

    #[test]
    fn a_long_wait_is_in_days_where_there_is_a_word_for_them() {
        let mut words = words();
        assert_eq!(ahead(172_801, &words.ahead).plain(), "in 49 hours");
        words.ahead.days =
            Some(toml::from_str("one = \"in {count} day\"\nother = \"in {count} days\"").unwrap());
        assert_eq!(ahead(172_800, &words.ahead).plain(), "in 48 hours");
        assert_eq!(ahead(172_801, &words.ahead).plain(), "in 3 days");
    }

    #[test]
    fn a_past_time_is_given_in_a_fitting_unit_and_exactly() {
        let words = words();
        let now: Timestamp = "2026-11-22T08:00:00Z".parse().unwrap();
        for (seconds, expected) in [
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
            assert_eq!(words.past(then, now).words, expected);
        }
        let then = now.checked_sub(SignedDuration::from_secs(90)).unwrap();
        assert_eq!(words.past(then, now).title, "2026-11-22 07:58 UTC");
    }
}
