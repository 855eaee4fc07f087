//! An answer's head that is not valid as it stands, as old servers write them. What is harmless is
//! repaired: folded lines are joined (RFC 9112, 5.2), a space before a colon is removed (5.1), spaces in
//! the status line are made one, and a field whose name no client could read is left out. What would
//! leave open where the body ends is refused, with the name of the field.
//!
//! Only heads that the parser refuses come here, so that all others pay nothing.

use super::Failure;

/// Beginnings of names, folded to letters and digits, that say where a body ends or how long a
/// connection lasts: some reader may take a misspelled one for the right one.
const FRAMING: [&str; 3] = ["contentlength", "transferencoding", "connection"];
/// How much of a name is reported, in bytes.
const MOST_NAME: usize = 60;

/// The head in valid lines.
///
/// # Errors
/// When something of it cannot be repaired.
pub(super) fn repair(block: &[u8]) -> Result<Vec<u8>, Failure> {
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
            return Err(Failure::Malformed("its first field is folded"));
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

/// Version, status and the rest, with one space between them.
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

/// Name and value of a line; nothing when it is left out.
fn field(line: &[u8]) -> Result<Option<Field<'_>>, Failure> {
    let refuse = |name: &[u8], why| Err(Failure::Field { name: printable(name), why });
    let Some((name, value)) = line
        .iter()
        .position(|byte| *byte == b':')
        .and_then(|colon| Some((line.get(..colon)?, line.get(colon + 1..)?)))
    else {
        return refuse(line, "it has no colon");
    };
    if line.iter().any(|byte| byte.is_ascii_control() && *byte != b'\t') {
        return refuse(name, "it has a control character");
    }
    let bare = name.trim_ascii_end();
    let valid = !bare.is_empty() && bare.iter().all(|byte| is_token(*byte));
    if (!valid || bare.len() < name.len()) && is_framing(name) {
        return refuse(name, "it may say where the body ends, and its name is misspelled");
    }
    if !valid {
        tracing::info!(
            field = printable(name),
            "a field of the portal's answer was left out: its name is not valid"
        );
        return Ok(None);
    }
    Ok(Some((bare, value.trim_ascii())))
}

fn is_framing(name: &[u8]) -> bool {
    let folded: Vec<u8> = name
        .iter()
        .filter(|byte| byte.is_ascii_alphanumeric())
        .map(u8::to_ascii_lowercase)
        .collect();
    FRAMING.iter().any(|framing| folded.starts_with(framing.as_bytes()))
}

/// Bytes of a name (RFC 9110, 5.6.2).
fn is_token(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || b"!#$%&'*+-.^_`|~".contains(&byte)
}

fn printable(name: &[u8]) -> String {
    name.iter()
        .take(MOST_NAME)
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
        let repaired = repair(head.as_bytes()).map_err(|failure| failure.to_string())?;
        let text = String::from_utf8(repaired).unwrap();
        Ok(text
            .strip_prefix("HTTP/1.1 200 OK\r\n")
            .unwrap()
            .strip_suffix("\r\n")
            .unwrap()
            .to_owned())
    }

    #[test]
    fn harmless_oddities_are_repaired() {
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
    fn what_may_frame_the_body_is_refused_by_name() {
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
    fn spaces_in_the_status_line_are_made_one() {
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
