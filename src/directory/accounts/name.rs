//! Validation of names, addresses and ids, and new ids.

use crate::directory::error::DirectoryError;
use crate::directory::records::{GroupId, OrganizationId};
use crate::email;
use crate::random;
use crate::telemetry::escape::is_deceptive;
use data_encoding::BASE32_DNSSEC;
use jiff::Timestamp;
use portcullis_policy::{self, MAX_NAME, breaks_line};

/// The longest organization id, in bytes. It is part of URLs.
const MAX_ID: usize = 64;
/// The longest reason, in characters.
const MAX_REASON: usize = 500;

/// A valid name, without surrounding space.
pub(in crate::directory) fn name(
    field: &'static str,
    given: &str,
) -> Result<String, DirectoryError> {
    let name = portcullis_policy::name(given)
        .map_err(|why| DirectoryError::invalid(field, why.to_string()))?;
    Ok(name.to_owned())
}

/// A reason that is given for something: one line of text, without surrounding space.
pub(in crate::directory) fn reason(
    field: &'static str,
    given: &str,
) -> Result<String, DirectoryError> {
    let reason = given.trim();
    let wrong = |message| Err(DirectoryError::invalid(field, message));
    if !reason.chars().any(|c| !c.is_whitespace() && !is_deceptive(c)) {
        return wrong("must not be empty; say why".to_owned());
    }
    if reason.chars().count() > MAX_REASON {
        return wrong(format!("must have at most {MAX_REASON} characters"));
    }
    if reason.chars().any(breaks_line) {
        return wrong("must not have control characters or line ends".to_owned());
    }
    Ok(reason.to_owned())
}

/// A name with a prefix and a suffix, truncated so that the result is not too long.
pub(in crate::directory) fn shortened(before: &str, name: &str, after: &str) -> String {
    let room = MAX_NAME.saturating_sub(before.chars().count() + after.chars().count());
    let kept: String = name.chars().take(room).collect();
    format!("{before}{}{after}", kept.trim_end())
}

/// A valid email address ([`email::address`]), spelled as given.
pub(in crate::directory) fn email(given: &str) -> Result<String, DirectoryError> {
    address("email", given)
}

/// The same for another field.
pub(in crate::directory) fn address(
    field: &'static str,
    given: &str,
) -> Result<String, DirectoryError> {
    let given = given.trim();
    email::address(given).map_err(|why| {
        DirectoryError::invalid(field, format!("`{given}` is not an email address: {why}"))
    })?;
    Ok(given.to_owned())
}

/// A valid organization id.
pub(in crate::directory) fn organization_id(
    given: OrganizationId,
) -> Result<OrganizationId, DirectoryError> {
    let id = given.as_str();
    let well_formed = id.len() <= MAX_ID
        && id.starts_with(|c: char| c.is_ascii_lowercase() || c.is_ascii_digit())
        && id.bytes().all(|b| b.is_ascii_lowercase() || b.is_ascii_digit() || b"._-".contains(&b));
    if !well_formed {
        return Err(DirectoryError::invalid(
            "id",
            format!(
                "`{given}` must have 1 to {MAX_ID} characters from a-z, 0-9, `.`, `_` and `-`, and \
                 begin with a letter or digit"
            ),
        ));
    }
    Ok(given)
}

/// A valid group id, by the rules of `groups.toml`.
pub(in crate::directory) fn group_id(given: GroupId) -> Result<GroupId, DirectoryError> {
    match portcullis_policy::group_id(given.as_str()) {
        Ok(()) => Ok(given),
        Err(why) => Err(DirectoryError::invalid("id", format!("`{given}` {why}"))),
    }
}

/// A new id: 12 characters, 60 random bits.
pub(in crate::directory) fn random_id() -> String {
    let mut id = BASE32_DNSSEC.encode(&random::bytes::<8>());
    id.truncate(12);
    id
}

/// A new id that sorts by time to the millisecond: 16 characters, of which the last 32 bits are
/// random.
pub(crate) fn id_in_order(now: Timestamp) -> String {
    let millis = now.as_millisecond().max(0).to_be_bytes();
    let random = random::bytes::<4>();
    // The alphabet keeps the order of the bytes. Two of the eight are zero until the year 10889.
    BASE32_DNSSEC.encode(&[&millis[2..], &random[..]].concat())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ids_in_order_sort_by_time() {
        let at = |millis| id_in_order(Timestamp::from_millisecond(millis).unwrap());
        let ids = [0, 1, 999, 1_000, 1_800_000_000_000, 1_800_000_000_001].map(at);
        assert!(ids.is_sorted(), "{ids:?}");
        assert_ne!(at(5), at(5));
        assert!(ids.iter().all(|id| id.len() == 16));
    }

    #[test]
    fn a_name_is_trimmed_and_must_be_visible_on_one_line() {
        assert_eq!(name("name", "  Acme  ").unwrap(), "Acme");
        for bad in [
            "",
            "   ",
            "\u{3000}",
            "a\nb",
            "a\0b",
            "a\u{2028}b",
            "a\u{2029}b",
            "a\u{85}b",
            &"x".repeat(MAX_NAME + 1),
        ] {
            assert_eq!(name("name", bad).unwrap_err().code(), "invalid", "{bad:?}");
        }
    }

    #[test]
    fn r17_a_reason_is_one_visible_line_of_bounded_length() {
        assert_eq!(reason("reason", "  Ticket 7: can't pay  ").unwrap(), "Ticket 7: can't pay");
        assert_eq!(reason("reason", &"é".repeat(MAX_REASON)).unwrap().chars().count(), MAX_REASON);
        let long = "x".repeat(MAX_REASON + 1);
        for bad in ["", "  ", "\u{200b}", "a\nb", "a\0b", "a\u{1b}[2Jb", "a\u{2028}b", &long] {
            assert_eq!(reason("reason", bad).unwrap_err().code(), "invalid", "{bad:?}");
        }
    }

    #[test]
    fn r15_invisible_characters_are_refused_in_names() {
        for bad in [
            "bob\u{200b}",
            "b\u{ad}ob",
            "\u{202e}bob",
            "\u{feff}bob",
            "\u{2060}bob",
            "bo\u{200d}b",
            "bo\u{2067}b\u{2069}",
            "\u{61c}bob",
            "bob\u{fe0f}",
            "bob\u{e0061}",
            "bob\u{3164}",
        ] {
            let error = name("login", bad).unwrap_err();
            assert_eq!(error.code(), "invalid", "{bad:?}");
            assert!(error.to_string().contains("U+"), "{error}");
            assert_eq!(email(&format!("{bad}@b")).unwrap_err().code(), "invalid", "{bad:?}");
        }
        for good in ["bob", "Zoë", "بوب", "बॉब", "Bob 🎉", "Bo-b", "夏子"] {
            assert_eq!(name("login", good).unwrap(), good);
        }
    }

    #[test]
    fn an_address_is_kept_as_given_or_refused() {
        for good in ["a@b", " ann.smith+x@example.com ", "info@müller.example"] {
            assert_eq!(email(good).unwrap(), good.trim());
        }
        let refused = email("a..b@example.com").unwrap_err();
        assert_eq!(refused.code(), "invalid");
        assert!(refused.to_string().contains("single dots"), "{refused}");
    }

    #[test]
    fn an_organization_id_is_safe_in_a_url() {
        let longest = "x".repeat(MAX_ID);
        for good in ["acme", "0", "a.b_c-d", &longest] {
            assert_eq!(organization_id(good.into()).unwrap(), good);
        }
        let long = "x".repeat(MAX_ID + 1);
        for bad in ["", "Acme", ".", "..", "-a", "a/b", "a b", "ä", &long] {
            assert_eq!(organization_id(bad.into()).unwrap_err().code(), "invalid", "{bad:?}");
        }
    }

    #[test]
    fn random_ids_are_organization_ids_and_differ() {
        let (one, other) = (random_id(), random_id());
        assert_eq!(organization_id(one.as_str().into()).unwrap().as_str().len(), 12);
        assert_ne!(one, other);
    }
}
