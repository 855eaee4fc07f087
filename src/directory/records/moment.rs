//! Points in time as they are given in filters: an RFC 3339 time, or a date for one of its ends in UTC.

use jiff::civil::Date;
use jiff::tz::TimeZone;
use jiff::{SignedDuration, Timestamp};
use schemars::{Schema, SchemaGenerator, json_schema};
use serde::de::Error as _;
use serde::{Deserialize, Deserializer};

/// The text is neither a date nor a time.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("is not a date (e.g. `2027-01-31`) or a time (e.g. `2027-01-31T12:00:00Z`)")]
pub struct InvalidMoment;

/// A time, or the beginning of a date.
///
/// # Errors
/// [`InvalidMoment`].
pub fn start(text: &str) -> Result<Timestamp, InvalidMoment> {
    if let Ok(time) = text.parse() {
        return Ok(time);
    }
    let at_midnight = |date: Date| date.to_zoned(TimeZone::UTC).map(|zoned| zoned.timestamp());
    Date::strptime("%Y-%m-%d", text).and_then(at_midnight).map_err(|_| InvalidMoment)
}

/// A time, or the end of a date: the first moment of the next one.
///
/// # Errors
/// [`InvalidMoment`].
pub fn end(text: &str) -> Result<Timestamp, InvalidMoment> {
    let time = start(text)?;
    match text.parse::<Timestamp>() {
        Ok(_) => Ok(time),
        Err(_) => time.checked_add(SignedDuration::from_hours(24)).map_err(|_| InvalidMoment),
    }
}

/// Reads a field with a time or the beginning of a date.
pub(crate) fn read_start<'de, D: Deserializer<'de>>(
    deserializer: D,
) -> Result<Option<Timestamp>, D::Error> {
    start(&String::deserialize(deserializer)?).map(Some).map_err(D::Error::custom)
}

/// Reads a field with a time or the end of a date.
pub(crate) fn read_end<'de, D: Deserializer<'de>>(
    deserializer: D,
) -> Result<Option<Timestamp>, D::Error> {
    end(&String::deserialize(deserializer)?).map(Some).map_err(D::Error::custom)
}

/// The schema of such a field.
pub(crate) fn schema(_: &mut SchemaGenerator) -> Schema {
    json_schema!({
        "type": "string",
        "anyOf": [{ "format": "date-time" }, { "format": "date" }],
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_date_stands_for_its_beginning_or_its_end() {
        let time = |text: &str| text.parse::<Timestamp>().unwrap();
        assert_eq!(start("2027-01-31"), Ok(time("2027-01-31T00:00:00Z")));
        assert_eq!(end("2027-01-31"), Ok(time("2027-02-01T00:00:00Z")));
        for exact in [start, end] {
            assert_eq!(exact("2027-01-31T12:00:00+01:00"), Ok(time("2027-01-31T11:00:00Z")));
            for wrong in ["", "yesterday", "2027-02-30", "2027-01-31T12:00", "31.1.2027"] {
                assert_eq!(exact(wrong), Err(InvalidMoment), "{wrong}");
            }
        }
    }
}
