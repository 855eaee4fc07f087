//! The syntax of `Forwarded` (RFC 7239): elements separated by commas, parameters by semicolons,
//! and quoted strings that may contain either.

use portcullis_policy::BadRequest;

/// What one proxy reports about its client.
#[derive(Debug, Clone, Copy)]
pub(super) struct Element<'a>(&'a [u8]);

/// A parameter of an element.
enum Parameter<'a> {
    Absent,
    Is(&'a [u8]),
    /// It occurs twice, or its quotes do not match.
    Unclear,
}

/// The elements of a line, from the farthest proxy to the nearest.
pub(super) fn elements(line: &[u8]) -> Vec<Element<'_>> {
    split(line, b',').into_iter().filter(|text| !text.is_empty()).map(Element).collect()
}

impl<'a> Element<'a> {
    /// The client (`for`); the whole element when the parameter is unclear.
    pub(super) fn node(self) -> Option<&'a [u8]> {
        match self.parameter(b"for") {
            Parameter::Absent => None,
            Parameter::Is(node) => Some(node),
            Parameter::Unclear => Some(self.0),
        }
    }

    /// The scheme that the client used (`proto`).
    pub(super) fn proto(self) -> Option<&'a [u8]> {
        match self.parameter(b"proto") {
            Parameter::Is(proto) => Some(proto),
            Parameter::Absent | Parameter::Unclear => None,
        }
    }

    /// The host that the client requested (`host`).
    pub(super) fn host(self) -> Result<Option<&'a [u8]>, BadRequest> {
        match self.parameter(b"host") {
            Parameter::Absent => Ok(None),
            Parameter::Is(host) => Ok(Some(host)),
            Parameter::Unclear => Err(BadRequest::TwoHosts),
        }
    }

    fn parameter(self, wanted: &[u8]) -> Parameter<'a> {
        let mut found = Parameter::Absent;
        for pair in split(self.0, b';') {
            let Some(equals) = pair.iter().position(|byte| *byte == b'=') else { continue };
            let (name, value) = pair.split_at(equals);
            if !name.trim_ascii().eq_ignore_ascii_case(wanted) {
                continue;
            }
            let value = value.get(1..).and_then(|value| unquoted(value.trim_ascii()));
            found = match (found, value) {
                (Parameter::Absent, Some(value)) => Parameter::Is(value),
                (_, _) => Parameter::Unclear,
            };
        }
        found
    }
}

/// The value without its quotes. No value that is read here contains an escape.
fn unquoted(value: &[u8]) -> Option<&[u8]> {
    let inside = match value.strip_prefix(b"\"") {
        Some(rest) => rest.strip_suffix(b"\"")?,
        None => value,
    };
    (!inside.contains(&b'"') && !inside.contains(&b'\\')).then_some(inside)
}

/// The parts between separators outside of quotes, trimmed. When a quote is left open, separators
/// inside of quotes count too: otherwise a client could open a quote that swallows what a proxy
/// appends to the line.
fn split(text: &[u8], at: u8) -> Vec<&[u8]> {
    let (mut parts, quoted) = split_unless(text, |byte, quoted| byte == at && !quoted);
    if quoted {
        (parts, _) = split_unless(text, |byte, _| byte == at);
    }
    parts
}

/// The parts between the bytes that `ends` accepts, and whether a quote is left open.
fn split_unless(text: &[u8], ends: impl Fn(u8, bool) -> bool) -> (Vec<&[u8]>, bool) {
    let (mut quoted, mut escaped) = (false, false);
    let parts = text.split(|byte| {
        let ends = ends(*byte, quoted);
        match byte {
            _ if escaped => escaped = false,
            b'\\' if quoted => escaped = true,
            b'"' => quoted = !quoted,
            _ => {}
        }
        ends
    });
    let parts = parts.map(<[u8]>::trim_ascii).collect();
    (parts, quoted)
}
