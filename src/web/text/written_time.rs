//! Times as people write them, for texts that are read later, such as mails.

use jiff::Timestamp;
use jiff::tz::TimeZone;

const GERMAN_MONTHS: [&str; 12] = [
    "Januar",
    "Februar",
    "März",
    "April",
    "Mai",
    "Juni",
    "Juli",
    "August",
    "September",
    "Oktober",
    "November",
    "Dezember",
];

/// A time in UTC to the minute, as it is written in the language with this tag: in English
/// `27 November 2026, 08:00 UTC`, in German `27. November 2026, 08:00 UTC`, in any other language
/// `2026-11-27, 08:00 UTC`.
pub(crate) fn written_time(time: Timestamp, language: &str) -> String {
    let primary = language.split('-').next().unwrap_or(language);
    if primary.eq_ignore_ascii_case("en") {
        return time.strftime("%-d %B %Y, %H:%M UTC").to_string();
    }
    let month = usize::try_from(time.to_zoned(TimeZone::UTC).month() - 1);
    match month.ok().and_then(|month| GERMAN_MONTHS.get(month)) {
        Some(month) if primary.eq_ignore_ascii_case("de") => {
            format!("{} {month} {}", time.strftime("%-d."), time.strftime("%Y, %H:%M UTC"))
        }
        _ => time.strftime("%Y-%m-%d, %H:%M UTC").to_string(),
    }
}

#[cfg(test)]
mod tests {
    use super::written_time;

    #[test]
    fn a_time_is_written_as_in_its_language() {
        for (time, language, written) in [
            ("2026-11-27T08:00:59Z", "en", "27 November 2026, 08:00 UTC"),
            ("2026-03-01T23:59:00Z", "en-GB", "1 March 2026, 23:59 UTC"),
            ("2026-11-27T08:00:00Z", "de", "27. November 2026, 08:00 UTC"),
            ("2027-03-01T00:05:00Z", "de-AT", "1. März 2027, 00:05 UTC"),
            ("2026-12-31T08:00:00Z", "DE", "31. Dezember 2026, 08:00 UTC"),
            ("2026-01-02T08:00:00Z", "fr", "2026-01-02, 08:00 UTC"),
        ] {
            assert_eq!(written_time(time.parse().unwrap(), language), written);
        }
    }
}
