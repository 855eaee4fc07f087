//! A response, read leniently: what is probed may be anything that browsers accept.

use std::io::{self, Read};

use memchr::memmem;
use serde_json::Value;

use super::tls::TlsSeen;
use crate::web::problem::TYPE_PREFIX;

/// The most bytes of a head, and of a body; the rest of a body is not read.
const MAX_HEAD: usize = 64 * 1024;
const MAX_BODY: usize = 256 * 1024;
/// Bytes that are read at a time.
const PART: usize = 8 * 1024;

/// A response.
#[derive(Debug, Clone)]
pub(in crate::doctor) struct Answer {
    pub(in crate::doctor) status: u16,
    fields: Vec<(String, String)>,
    pub(in crate::doctor) body: Vec<u8>,
    /// Over TLS, what the server has presented.
    pub(in crate::doctor) tls: Option<TlsSeen>,
}

impl Answer {
    /// Reads a response to a request other than HEAD, after interim ones.
    pub(super) fn read(stream: &mut dyn Read) -> io::Result<Self> {
        let mut bytes = Vec::new();
        loop {
            let end = loop {
                match memmem::find(&bytes, b"\r\n\r\n") {
                    Some(end) => break end,
                    None if bytes.len() > MAX_HEAD => return Err(malformed()),
                    None if read_part(stream, &mut bytes)? => {}
                    None if bytes.is_empty() => {
                        return Err(io::Error::other(
                            "it closes the connection without a response",
                        ));
                    }
                    None => return Err(malformed()),
                }
            };
            let head = String::from_utf8_lossy(bytes.get(..end).unwrap_or_default()).into_owned();
            bytes.drain(..end + 4);
            let mut answer = Self::of_head(&head).ok_or_else(malformed)?;
            if (100..200).contains(&answer.status) && answer.status != 101 {
                continue;
            }
            answer.read_body(stream, bytes)?;
            return Ok(answer);
        }
    }

    fn of_head(head: &str) -> Option<Self> {
        let mut lines = head.split("\r\n");
        let mut words = lines.next()?.split(' ');
        if !words.next()?.starts_with("HTTP/1.") {
            return None;
        }
        let status = words.next()?.parse().ok()?;
        let field = |line: &str| {
            let (name, value) = line.split_once(':')?;
            Some((name.trim().to_ascii_lowercase(), value.trim().to_owned()))
        };
        let fields = lines.filter_map(field).collect();
        Some(Self { status, fields, body: Vec::new(), tls: None })
    }

    fn read_body(&mut self, stream: &mut dyn Read, mut bytes: Vec<u8>) -> io::Result<()> {
        if matches!(self.status, 101 | 204 | 304) {
            return Ok(());
        }
        let is_chunked = self
            .field("transfer-encoding")
            .is_some_and(|coding| coding.to_ascii_lowercase().ends_with("chunked"));
        let length = match is_chunked {
            true => None,
            false => self.field("content-length").and_then(|length| length.parse().ok()),
        };
        loop {
            let is_complete = match length {
                Some(length) => bytes.len() >= length,
                None if is_chunked => decoded(&bytes).1,
                None => false,
            };
            if is_complete || bytes.len() > MAX_BODY || !read_part(stream, &mut bytes)? {
                break;
            }
        }
        self.body = if is_chunked { decoded(&bytes).0 } else { bytes };
        self.body.truncate(length.unwrap_or(MAX_BODY).min(MAX_BODY));
        Ok(())
    }

    /// The value of a field, the first if there are several.
    pub(in crate::doctor) fn field(&self, name: &str) -> Option<&str> {
        self.fields(name).next()
    }

    /// The values of all fields with a name.
    pub(in crate::doctor) fn fields(&self, name: &str) -> impl Iterator<Item = &str> {
        let named = move |(field, _): &&(String, String)| field == name;
        self.fields.iter().filter(named).map(|(_, value)| value.as_str())
    }

    /// The media type without parameters, in lower case.
    pub(in crate::doctor) fn media_type(&self) -> String {
        let value = self.field("content-type").unwrap_or_default();
        value.split(';').next().unwrap_or_default().trim().to_ascii_lowercase()
    }

    /// The name and the request id of a problem document of the gateway.
    pub(in crate::doctor) fn problem(&self) -> Option<(String, String)> {
        let document: Value = serde_json::from_slice(&self.body).ok()?;
        let name = document.get("type")?.as_str()?.strip_prefix(TYPE_PREFIX)?.to_owned();
        let id = document.get("request_id").and_then(Value::as_str).unwrap_or_default();
        Some((name, id.to_owned()))
    }

    /// Status and problem, as findings show it.
    pub(in crate::doctor) fn described(&self) -> String {
        match self.problem() {
            Some((problem, _)) => format!("{} {problem}", self.status),
            None => self.status.to_string(),
        }
    }
}

fn malformed() -> io::Error {
    io::Error::other("what it sends is not HTTP/1.1")
}

/// Reads more. `false` at the end, which TLS peers do not always announce.
fn read_part(stream: &mut dyn Read, bytes: &mut Vec<u8>) -> io::Result<bool> {
    let mut part = [0; PART];
    match stream.read(&mut part) {
        Ok(0) => Ok(false),
        Ok(count) => {
            bytes.extend_from_slice(part.get(..count).unwrap_or_default());
            Ok(true)
        }
        Err(error) if error.kind() == io::ErrorKind::UnexpectedEof => Ok(false),
        Err(error) if error.kind() == io::ErrorKind::ConnectionReset && !bytes.is_empty() => {
            Ok(false)
        }
        Err(error) => Err(error),
    }
}

/// The content of chunks (RFC 9112, section 7.1), and whether the last one is there.
fn decoded(bytes: &[u8]) -> (Vec<u8>, bool) {
    let mut content = Vec::new();
    let mut rest = bytes;
    while let Some(end) = memmem::find(rest, b"\r\n") {
        let line = String::from_utf8_lossy(rest.get(..end).unwrap_or_default());
        let digits = line.split(';').next().unwrap_or_default().trim();
        let Ok(length) = usize::from_str_radix(digits, 16) else { return (content, true) };
        if length == 0 {
            return (content, true);
        }
        let Some(after) = rest.get(end + 2..) else { break };
        content.extend_from_slice(after.get(..length.min(after.len())).unwrap_or_default());
        let Some(next) = length.checked_add(2).and_then(|next| after.get(next..)) else { break };
        rest = next;
    }
    (content, false)
}

#[cfg(test)]
impl Answer {
    /// A response without anything else.
    pub(in crate::doctor) fn of_status(status: u16) -> Self {
        Self { status, fields: Vec::new(), body: Vec::new(), tls: None }
    }

    /// A response with one field.
    pub(in crate::doctor) fn with_field(name: &str, value: &str) -> Self {
        let fields = vec![(name.to_owned(), value.to_owned())];
        Self { fields, ..Self::of_status(200) }
    }

    /// A page of this type and text.
    pub(in crate::doctor) fn of_text(status: u16, media_type: &str, text: &str) -> Self {
        let body = text.as_bytes().to_vec();
        Self { status, body, ..Self::with_field("content-type", media_type) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(text: &str) -> io::Result<Answer> {
        Answer::read(&mut text.as_bytes())
    }

    #[test]
    fn body_is_read_in_each_framing() {
        for text in [
            "HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhello and more",
            "HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 200 OK\r\n\r\nhello",
            "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n2;x=y\r\nhe\r\n3\r\nllo\r\n0\r\n\r\n",
        ] {
            let answer = read(text).unwrap();
            assert_eq!((answer.status, &*answer.body), (200, &b"hello"[..]), "{text}");
        }
    }

    #[test]
    fn chunks_that_break_off_are_kept() {
        for (text, expected) in [("5\r\n123", "123"), ("5\r\n12345", "12345"), ("zz\r\nx", "")] {
            assert_eq!(decoded(text.as_bytes()).0, expected.as_bytes(), "{text}");
        }
    }

    #[test]
    fn what_is_not_a_response_is_an_error() {
        for text in ["", "SSH-2.0-OpenSSH_9.2\r\n\r\n", "HTTP/1.1 200 OK\r\n", "HTTP/1.1 x\r\n\r\n"]
        {
            assert!(read(text).is_err(), "{text}");
        }
    }

    #[test]
    fn problem_of_the_gateway_is_told_from_others() {
        let of = |document: &str| {
            read(&format!("HTTP/1.1 401 x\r\nContent-Type: Text/HTML; a\r\n\r\n{document}"))
                .unwrap()
        };
        let ours = of(r#"{"type":"urn:portcullis:problem:no-route","request_id":"1a"}"#);
        assert_eq!(ours.problem(), Some(("no-route".to_owned(), "1a".to_owned())));
        assert_eq!(
            (ours.described(), ours.media_type()),
            ("401 no-route".into(), "text/html".into())
        );
        for other in ["", "{}", r#"{"type":"about:blank"}"#, "<html>"] {
            assert_eq!(of(other).problem(), None, "{other}");
        }
    }
}
