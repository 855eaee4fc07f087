//! Just enough HTTP/1 to read what was really sent. Reads strictly, so that what another program
//! could read differently is found and not repaired.

use std::io;

use tokio::io::{AsyncBufRead, AsyncBufReadExt as _, AsyncReadExt as _};

/// The first line and the fields of a message, as they came.
#[derive(Debug, Clone)]
pub(crate) struct Head {
    pub(crate) raw: Vec<u8>,
    pub(crate) first: String,
    pub(crate) fields: Vec<(String, String)>,
}

/// A body and what followed it.
#[derive(Debug, Clone, Default)]
pub(crate) struct Body {
    pub(crate) bytes: Vec<u8>,
    pub(crate) trailers: Vec<(String, String)>,
}

impl Head {
    /// The values of a field, a line each.
    pub(crate) fn all(&self, name: &str) -> Vec<&str> {
        let named = |(field, _): &&(String, String)| field.eq_ignore_ascii_case(name);
        self.fields.iter().filter(named).map(|(_, value)| value.as_str()).collect()
    }

    /// The value of a field that may be there once.
    pub(crate) fn one(&self, name: &str) -> Option<&str> {
        let all = self.all(name);
        assert!(all.len() < 2, "{name} came {} times: {all:?}", all.len());
        all.first().copied()
    }

    /// What could be read in two ways, or must not be there at all.
    pub(crate) fn ambiguities(&self) -> Vec<String> {
        let mut found = Vec::new();
        for line in self.raw.split(|b| *b == b'\n') {
            let Some(line) = line.strip_suffix(b"\r").or(line.is_empty().then_some(line)) else {
                found.push("a line ends in a bare LF".to_owned());
                continue;
            };
            if line.contains(&b'\r') || line.contains(&0) {
                found.push("a line holds CR or NUL".to_owned());
            }
            if line.first().is_some_and(|b| matches!(b, b' ' | b'\t')) {
                found.push("a line is folded".to_owned());
            }
        }
        let lengths = self.all("content-length");
        let codings = self.all("transfer-encoding");
        if lengths.len() + codings.len() > 1 {
            found.push(format!("framed by {lengths:?} and {codings:?}"));
        }
        if lengths.iter().any(|length| !length.bytes().all(|b| b.is_ascii_digit())) {
            found.push(format!("a length of {lengths:?}"));
        }
        if codings.iter().any(|coding| *coding != "chunked") {
            found.push(format!("a transfer coding of {codings:?}"));
        }
        found
    }
}

/// Reads a head; `None` when the other side closed, or reset, before its first byte.
pub(crate) async fn head<R: AsyncBufRead + Unpin>(from: &mut R) -> io::Result<Option<Head>> {
    let mut raw = Vec::new();
    loop {
        let start = raw.len();
        match from.read_until(b'\n', &mut raw).await {
            Ok(1..) => {}
            Ok(0) | Err(_) if raw.is_empty() => return Ok(None),
            Ok(0) => return Err(io::ErrorKind::UnexpectedEof.into()),
            Err(error) => return Err(error),
        }
        if matches!(&raw[start..], b"\r\n" | b"\n") {
            break;
        }
    }
    let text = String::from_utf8_lossy(&raw);
    let mut lines = text.lines();
    let first = lines.next().unwrap_or_default().to_owned();
    let fields = lines
        .filter_map(|line| line.split_once(':'))
        .map(|(name, value)| (name.to_owned(), value.trim_matches([' ', '\t']).to_owned()))
        .collect();
    drop(text);
    Ok(Some(Head { raw, first, fields }))
}

/// Reads the body that `head` announces; for an answer, one without framing ends with the
/// connection.
pub(crate) async fn body<R: AsyncBufRead + Unpin>(
    from: &mut R,
    head: &Head,
    until_close: bool,
) -> io::Result<Body> {
    let mut body = Body::default();
    if head.one("transfer-encoding").is_some_and(|coding| coding.eq_ignore_ascii_case("chunked")) {
        loop {
            let size = line(from).await?;
            let size = size.split(';').next().unwrap_or_default();
            let size = usize::from_str_radix(size, 16).map_err(io::Error::other)?;
            if size == 0 {
                break;
            }
            let start = body.bytes.len();
            body.bytes.resize(start + size, 0);
            from.read_exact(&mut body.bytes[start..]).await?;
            if !line(from).await?.is_empty() {
                return Err(io::Error::other("a chunk is longer than it says"));
            }
        }
        loop {
            let trailer = line(from).await?;
            let Some((name, value)) = trailer.split_once(':') else { return Ok(body) };
            body.trailers.push((name.to_ascii_lowercase(), value.trim().to_owned()));
        }
    }
    if let Some(length) = head.one("content-length") {
        body.bytes.resize(length.parse().map_err(io::Error::other)?, 0);
        from.read_exact(&mut body.bytes).await?;
    } else if until_close {
        from.read_to_end(&mut body.bytes).await?;
    }
    Ok(body)
}

async fn line<R: AsyncBufRead + Unpin>(from: &mut R) -> io::Result<String> {
    let mut line = String::new();
    from.read_line(&mut line).await?;
    line.strip_suffix("\r\n").map(str::to_owned).ok_or(io::ErrorKind::UnexpectedEof.into())
}
