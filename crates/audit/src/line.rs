//! The lines of an exported log: one JSON object each.
//!
//! | line | holds |
//! |---|---|
//! | `{"number":7,…}` | an entry: its number, then its fields |
//! | `{"from":0,"leaves":"…"}` | the hashes of the entries from this number on, in base64 without separators |
//! | `{"checkpoint":"…"}` | the checkpoint that the entries so far were signed with |
//!
//! An entry's hash is that of its bytes without the number, which the place in the tree states:
//! `{"number":7,"kind":"sign-in"}` has the hash of `{"kind":"sign-in"}`.
//!
//! Of an entry's fields, only those of the kind [`EXPIRED`] are read: `{"kind":"audit.expired",
//! "after":{"from":0,"to":6}}` says that the contents of these entries were removed.

use data_encoding::BASE64;
use serde::{Deserialize, Serialize};

use crate::Hash;

/// The kind of the entries about entries that were removed at the end of their retention.
pub const EXPIRED: &str = "audit.expired";

const NUMBER: &str = r#"{"number":"#;

/// A line of an exported log.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Line<'a> {
    /// `expired` is the number of the last entry that was removed, if this entry is about that.
    Entry {
        number: u64,
        leaf: Hash,
        expired: Option<u64>,
    },
    Leaves {
        from: u64,
        hashes: Vec<Hash>,
    },
    Checkpoint(std::borrow::Cow<'a, str>),
}

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Leaves<'a> {
    from: u64,
    leaves: std::borrow::Cow<'a, str>,
}

/// The fields of an entry about removed entries.
#[derive(Deserialize)]
struct Expired {
    kind: String,
    after: Removed,
}

#[derive(Deserialize)]
struct Removed {
    to: u64,
}

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Signed<'a> {
    checkpoint: std::borrow::Cow<'a, str>,
}

/// The line of an entry, a JSON object with at least one field.
#[must_use]
pub fn of_entry(number: u64, entry: &str) -> String {
    let fields = entry.strip_prefix('{').unwrap_or(entry);
    format!("{NUMBER}{number},{fields}")
}

/// The line with the hashes of entries, the first of which has this number.
#[must_use]
pub fn of_leaves(from: u64, hashes: &[Hash]) -> String {
    let bytes: Vec<u8> = hashes.iter().flat_map(|hash| *hash.bytes()).collect();
    to_json(&Leaves { from, leaves: BASE64.encode(&bytes).into() })
}

/// The line with a signed checkpoint.
#[must_use]
pub fn of_checkpoint(note: &str) -> String {
    to_json(&Signed { checkpoint: note.into() })
}

/// Strings and numbers always have a JSON form.
fn to_json(value: &impl Serialize) -> String {
    serde_json::to_string(value).unwrap_or_default()
}

impl<'a> Line<'a> {
    /// Reads a line. `None` if it has another form.
    pub(crate) fn parse(line: &'a str) -> Option<Self> {
        if let Some(rest) = line.strip_prefix(NUMBER) {
            return Self::entry(line, rest);
        }
        if let Ok(Leaves { from, leaves }) = serde_json::from_str(line) {
            let bytes = BASE64.decode(leaves.as_bytes()).ok()?;
            let (hashes, rest) = bytes.as_chunks::<{ Hash::BYTES }>();
            let hashes = hashes.iter().copied().map(Hash::new).collect();
            return rest.is_empty().then_some(Self::Leaves { from, hashes });
        }
        serde_json::from_str(line).ok().map(|Signed { checkpoint }| Self::Checkpoint(checkpoint))
    }

    fn entry(line: &str, rest: &str) -> Option<Self> {
        // The whole line, so that nothing but JSON has a hash.
        serde_json::from_str::<&serde_json::value::RawValue>(line).ok()?;
        let (number, fields) = rest.split_once(',')?;
        let value: u64 = number.parse().ok()?;
        // One spelling for each number: `+7` and `07` would be other bytes with the same hash.
        (value.to_string() == number).then_some(())?;
        let leaf = Hash::leaf(format!("{{{fields}").as_bytes());
        Some(Self::Entry { number: value, leaf, expired: expired(line) })
    }
}

/// The last entry that was removed, of an entry about that. Few lines have the text of the kind in
/// them, so few are parsed.
fn expired(line: &str) -> Option<u64> {
    line.contains(EXPIRED).then_some(())?;
    let Expired { kind, after } = serde_json::from_str(line).ok()?;
    (kind == EXPIRED).then_some(after.to)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_are_read_as_they_are_written() {
        let entry = r#"{"kind":"sign-in","actor":{"name":"ann, \"the\" first"}}"#;
        let leaf = Hash::leaf(entry.as_bytes());
        let line = of_entry(7, entry);
        let parsed = Line::Entry { number: 7, leaf, expired: None };
        assert_eq!(Line::parse(&line), Some(parsed));
        let hashes = vec![leaf, Hash::leaf(b"")];
        let line = of_leaves(3, &hashes);
        assert_eq!(Line::parse(&line), Some(Line::Leaves { from: 3, hashes }));
        let line = of_checkpoint("a\nb\n\n— x y\n");
        assert_eq!(Line::parse(&line), Some(Line::Checkpoint("a\nb\n\n— x y\n".into())));
    }

    #[test]
    fn only_an_entry_of_its_kind_is_about_removed_entries() {
        let expired = |entry: &str| match Line::parse(&of_entry(7, entry)) {
            Some(Line::Entry { expired, .. }) => expired,
            _ => None,
        };
        assert_eq!(expired(r#"{"kind":"audit.expired","after":{"from":0,"to":4}}"#), Some(4));
        for other in [
            r#"{"kind":"sign-in","after":{"kind":"audit.expired","to":4}}"#,
            r#"{"kind":"sign-in","subject":"audit.expired","after":{"to":4}}"#,
            r#"{"kind":"audit.expired","before":{"to":4}}"#,
        ] {
            assert_eq!(expired(other), None, "{other}");
        }
    }

    #[test]
    fn other_lines_are_refused() {
        for line in [
            "",
            "{}",
            r#"{"number":7}"#,
            r#"{"number":07,"a":1}"#,
            r#"{"number":-1,"a":1}"#,
            r#"{"number":7,"a":1"#,
            r#"{"from":0,"leaves":"AAAA"}"#,
            r#"{"from":0,"leaves":"","x":1}"#,
            r#"{"checkpoint":7}"#,
        ] {
            assert_eq!(Line::parse(line), None, "{line}");
        }
    }
}
