//! Trailers of an HTTP/1.1 response, limited to those that hyper sends.
//!
//! hyper sends trailers that the `Trailer` header has announced, to clients that accept any, and
//! never ends a body with trailers that it does not send. So those are removed.

use bytes::Bytes;
use http::header::{self, HeaderMap, HeaderName, HeaderValue};
use http_body::Frame;

/// Which trailers of a response are sent.
#[derive(Debug)]
pub(super) enum Trailers {
    /// Those named in these `Trailer` lines.
    Announced(Vec<HeaderValue>),
    /// None, because the client does not accept any.
    None,
}

impl Trailers {
    /// What the client accepts, from its `TE` header (RFC 9110, section 10.1.4).
    pub(super) fn accepted(request: &HeaderMap) -> Self {
        let mut lines = request.get_all(header::TE).iter();
        let accepts = lines.any(|line| tokens(line).any(|token| token == "trailers"));
        if accepts { Self::Announced(Vec::new()) } else { Self::None }
    }

    /// Adds what a response announces.
    pub(super) fn announced(self, response: &HeaderMap) -> Self {
        match self {
            Self::Announced(_) => {
                Self::Announced(response.get_all(header::TRAILER).iter().cloned().collect())
            }
            Self::None => self,
        }
    }

    /// The frame with only the trailers that are sent, or `None` if no trailers remain.
    pub(super) fn pass(&self, frame: Frame<Bytes>) -> Option<Frame<Bytes>> {
        let trailers = match frame.into_trailers() {
            Ok(trailers) => trailers,
            Err(frame) => return Some(frame),
        };
        let Self::Announced(lines) = self else { return None };
        let is_announced =
            |name: &HeaderName| lines.iter().flat_map(tokens).any(|token| token == name.as_str());
        let mut sent = HeaderMap::new();
        for (name, value) in trailers.iter().filter(|(name, _)| is_announced(name)) {
            sent.append(name, value.clone());
        }
        (!sent.is_empty()).then(|| Frame::trailers(sent))
    }
}

fn tokens(line: &HeaderValue) -> impl Iterator<Item = String> {
    let line = line.to_str().unwrap_or_default();
    line.split(',').map(|token| token.trim().to_ascii_lowercase()).collect::<Vec<_>>().into_iter()
}
