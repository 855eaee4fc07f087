//! The names of query parameters, as they may be recorded. Values are not, and neither is what may
//! be one: a parameter without `=`, as in `/reset?eyJhbGciOi…`, and a name that looks random.
//!
//! Names are compared and recorded as they came, without being decoded.

use std::collections::BTreeSet;

/// Names in a line.
const MOST_NAMES: usize = 16;
/// Parameters that are looked at.
const MOST_PARAMETERS: usize = 64;
/// Bytes of a name.
const LONGEST: usize = 40;
/// A name that is longer and has this many digits looks random.
const LONG: usize = 15;
const MANY_DIGITS: usize = 3;
/// Bytes of the shortest text in base64 that is recognized by its padding.
const SHORTEST_PADDED: usize = 8;

/// Recorded in place of a name.
const OTHER: &str = "?";

/// A name and whether it goes on in brackets, which may contain a key.
#[derive(Clone, Copy, PartialEq, Eq)]
struct Name<'q> {
    text: &'q str,
    is_list: bool,
}

/// Appends the field with the names, each once.
pub(super) fn write(line: &mut Vec<u8>, query: &str) {
    let mut written = [None; MOST_NAMES];
    let mut before = &b",\"query\":["[..];
    let parameters = query.split(['&', ';']).filter(|parameter| !parameter.is_empty());
    for parameter in parameters.take(MOST_PARAMETERS) {
        let name = Name::of(parameter);
        // Up to the first free place; there may be none.
        let place = written.iter_mut().find(|known| known.is_none_or(|known| known == name));
        match place {
            Some(place @ None) => *place = Some(name),
            Some(Some(_)) => continue,
            None => break,
        }
        line.extend_from_slice(before);
        line.push(b'"');
        line.extend_from_slice(name.text.as_bytes());
        line.extend_from_slice(if name.is_list { b"[]\"" } else { b"\"" });
        before = b",";
    }
    if before == b"," {
        line.push(b']');
    }
}

/// The names, each once, for a record of many requests.
pub(in crate::authz) fn of(query: &str) -> BTreeSet<String> {
    let parameters = query.split(['&', ';']).filter(|parameter| !parameter.is_empty());
    let names = parameters.take(MOST_PARAMETERS).map(Name::of);
    let names = names.map(|name| format!("{}{}", name.text, if name.is_list { "[]" } else { "" }));
    names.collect::<BTreeSet<_>>().into_iter().take(MOST_NAMES).collect()
}

impl<'q> Name<'q> {
    /// The name of a parameter, or [`OTHER`].
    fn of(parameter: &'q str) -> Self {
        let other = Self { text: OTHER, is_list: false };
        let Some((name, value)) = parameter.split_once('=') else { return other };
        let bracket = name.bytes().enumerate().find(|(at, byte)| {
            let rest = name.as_bytes().get(*at..*at + 3);
            *byte == b'[' || rest.is_some_and(|rest| rest.eq_ignore_ascii_case(b"%5B"))
        });
        let text = bracket.map_or(Some(name), |(at, _)| name.get(..at)).unwrap_or_default();
        if !is_plain(text) || looks_random(text) || looks_padded(name, value) {
            return other;
        }
        Self { text, is_list: bracket.is_some() }
    }
}

/// Whether a name has only characters that names have and JSON needs no escapes for.
fn is_plain(name: &str) -> bool {
    let fits =
        |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'_' | b'-' | b'.' | b':' | b'$');
    (1..=LONGEST).contains(&name.len()) && name.bytes().all(fits)
}

fn looks_random(name: &str) -> bool {
    let digits = name.bytes().filter(u8::is_ascii_digit).count();
    digits > LONG || (name.len() > LONG && digits >= MANY_DIGITS)
}

/// Whether a parameter looks like base64, whose padding is not the end of a name.
fn looks_padded(name: &str, value: &str) -> bool {
    if value.is_empty() {
        return (name.len() + 1).is_multiple_of(4)
            && name.len() + 1 >= SHORTEST_PADDED
            && name.bytes().any(|byte| byte.is_ascii_uppercase() || byte.is_ascii_digit());
    }
    value.bytes().all(|byte| byte == b'=')
}

#[cfg(test)]
mod tests {
    use super::*;

    fn field(query: &str) -> String {
        let mut line = Vec::new();
        write(&mut line, query);
        String::from_utf8(line).unwrap()
    }

    #[test]
    fn names_are_recorded_once_and_without_values() {
        for (query, expected) in [
            ("", ""),
            ("&&", ""),
            ("page=2&sort=name", r#","query":["page","sort"]"#),
            ("page=secret;page=2&&q=", r#","query":["page","q"]"#),
            ("ids[7]=1&ids%5B8%5D=2&ids=3", r#","query":["ids[]","ids"]"#),
            ("utm_source=a&fromDate=&a.b:c=1", r#","query":["utm_source","fromDate","a.b:c"]"#),
        ] {
            assert_eq!(field(query), expected, "{query}");
        }
    }

    #[test]
    fn what_may_be_a_value_is_not_recorded() {
        let long = format!("{}=1", "a".repeat(41));
        for query in [
            "eyJhbGciOiJIUzI1NiJ9.e30.abc",
            "secret",
            "eyJhbGciOiJIUzI1NiJ9.e30.Zm9=",
            "dGVzdHM=",
            "abcd==",
            "0b67a8f2-0000-4000-8000-000000000001=1",
            "q7w8e9r0t1y2u3i4=1",
            "=secret",
            "%00=1",
            "a%20b=1",
            "\"=1",
            "\\=1",
            "[secret]=1",
            "%5Bsecret=1",
            &long,
        ] {
            assert_eq!(field(query), r#","query":["?"]"#, "{query}");
        }
    }

    #[test]
    fn number_of_names_is_bounded() {
        let query: String = (0..100).map(|number| format!("p{number}=1&")).collect();
        assert_eq!(field(&query).matches("\"p").count(), MOST_NAMES);
        let query = "a=1&".repeat(MOST_PARAMETERS) + "b=1";
        assert_eq!(field(&query), r#","query":["a"]"#);
    }
}
