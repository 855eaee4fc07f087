//! Repairs invalid heads of responses, as old servers write them. Folded lines are joined (RFC 9112,
//! section 5.2), a space before a colon is removed (section 5.1), several spaces in the status line
//! become one, and fields with invalid names are left out. A head that leaves open where the body
//! ends is refused, with the name of the field.
//!
//! Only heads that the parser refuses are repaired, so that all others cost nothing.

use super::Error;
use super::fields::folded;

/// Fields that decide where the body ends or whether the connection is kept, folded to letters and
/// digits. A client may accept a misspelled name that begins like one of them.
const FRAMING: [&str; 3] = ["contentlength", "transferencoding", "connection"];
/// Most bytes of a name in an error.
const MAX_REPORTED: usize = 60;

/// The head with valid lines.
///
/// # Errors
/// When a line cannot be repaired.
pub(super) fn repair(block: &[u8]) -> Result<Vec<u8>, Error> {
    let mut lines = block
        .split(|byte| *byte == b'\n')
        .map(|line| line.strip_suffix(b"\r").unwrap_or(line))
        .take_while(|line| !line.is_empty());
    let mut repaired = Vec::with_capacity(block.len());
    status_line(lines.next().unwrap_or_default(), &mut repaired);
    let mut fields: Vec<Vec<u8>> = Vec::new();
    for line in lines {
        if !line.starts_with(b" ") && !line.starts_with(b"\t") {
            fields.push(line.to_vec());
        } else if let Some(field) = fields.last_mut() {
            field.push(b' ');
            field.extend_from_slice(line.trim_ascii());
        } else {
            return Err(Error::Malformed("its first header line is folded"));
        }
    }
    for line in &fields {
        if let Some((name, value)) = field(line)? {
            repaired.extend_from_slice(name);
            repaired.extend_from_slice(b": ");
            repaired.extend_from_slice(value);
            repaired.extend_from_slice(b"\r\n");
        }
    }
    repaired.extend_from_slice(b"\r\n");
    Ok(repaired)
}

/// Writes version, status and reason with one space between them.
fn status_line(line: &[u8], repaired: &mut Vec<u8>) {
    let mut rest = line;
    for _ in 0..2 {
        let end = rest.iter().position(|byte| *byte == b' ').unwrap_or(rest.len());
        let (word, after) = rest.split_at_checked(end).unwrap_or((rest, b""));
        repaired.extend_from_slice(word);
        repaired.push(b' ');
        rest = after.trim_ascii_start();
    }
    repaired.extend_from_slice(rest.trim_ascii_end());
    repaired.extend_from_slice(b"\r\n");
}

/// A name and a value.
type Field<'a> = (&'a [u8], &'a [u8]);

/// Name and value of a line; `None` when the field is left out.
fn field(line: &[u8]) -> Result<Option<Field<'_>>, Error> {
    let refuse = |name: &[u8], why| Err(Error::Field { name: printable(name), why });
    let Some((name, value)) = line
        .iter()
        .position(|byte| *byte == b':')
        .and_then(|colon| Some((line.get(..colon)?, line.get(colon + 1..)?)))
    else {
        return refuse(line, "the line has no colon");
    };
    if line.iter().any(|byte| byte.is_ascii_control() && *byte != b'\t') {
        return refuse(name, "a control character");
    }
    let bare = name.trim_ascii_end();
    let valid = !bare.is_empty() && bare.iter().all(|byte| is_token(*byte));
    if (!valid || bare.len() < name.len()) && is_framing(name) {
        return refuse(name, "a misspelled name that may decide where the body ends");
    }
    if !valid {
        tracing::info!(
            field = printable(name),
            "header with an invalid name removed from the portal's response"
        );
        return Ok(None);
    }
    Ok(Some((bare, value.trim_ascii())))
}

fn is_framing(name: &[u8]) -> bool {
    let folded: Vec<u8> = folded(name).collect();
    FRAMING.iter().any(|framing| folded.starts_with(framing.as_bytes()))
}

/// Whether a byte may be in a name (RFC 9110, section 5.6.2).
fn is_token(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || b"!#$%&'*+-.^_`|~".contains(&byte)
}

fn printable(name: &[u8]) -> String {
    name.iter()
        .take(MAX_REPORTED)
        .copied()
        .flat_map(std::ascii::escape_default)
        .map(char::from)
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn repaired(fields: &str) -> Result<String, String> {
        let head = format!("HTTP/1.1 200 OK\r\n{fields}\r\n\r\n");
        let repaired = repair(head.as_bytes()).map_err(|error| error.to_string())?;
        let text = String::from_utf8(repaired).unwrap();
        Ok(text
            .strip_prefix("HTTP/1.1 200 OK\r\n")
            .unwrap()
            .strip_suffix("\r\n")
            .unwrap()
            .to_owned())
    }

    #[test]
    fn harmless_errors_are_repaired() {
        for (odd, expected) in [
            ("x: a\r\n b\r\n\tc", "x: a b c\r\n"),
            ("x: a\n b", "x: a b\r\n"),
            ("x : a", "x: a\r\n"),
            ("x[0]: a\r\ny: b", "y: b\r\n"),
            ("(x): a\r\ny: b", "y: b\r\n"),
            (": a\r\ny: b", "y: b\r\n"),
            ("content-length:\r\n 5", "content-length: 5\r\n"),
        ] {
            assert_eq!(repaired(odd).as_deref(), Ok(expected), "{odd:?}");
        }
    }

    #[test]
    fn misspelled_framing_is_refused_by_name() {
        for odd in [
            "Content-Length : 5",
            "Content-Length[0]: 5",
            "Transfer-Encoding : chunked",
            "Transfer Encoding: chunked",
            "(transfer-encoding): chunked",
            "Connection\t: close",
        ] {
            let name = odd.split(':').next().unwrap().replace('\t', "\\t");
            let error = repaired(odd).unwrap_err();
            assert!(error.contains(&format!("`{name}`")), "{error}");
        }
        assert!(repaired("no colon").unwrap_err().contains("`no colon`"));
        assert!(repaired("x: a\rContent-Length: 5").unwrap_err().contains("`x`"));
        assert!(repaired(" x: a").unwrap_err().contains("folded"));
    }

    #[test]
    fn spaces_in_the_status_line_become_one() {
        for (odd, expected) in [
            ("HTTP/1.1  200  OK", "HTTP/1.1 200 OK"),
            ("HTTP/1.1  404 Not  Found", "HTTP/1.1 404 Not  Found"),
            ("HTTP/1.0 200", "HTTP/1.0 200 "),
        ] {
            let repaired = repair(format!("{odd}\r\n\r\n").as_bytes()).unwrap();
            assert_eq!(String::from_utf8(repaired).unwrap(), format!("{expected}\r\n\r\n"));
        }
    }
}
