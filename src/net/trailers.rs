//! Trailers of an answer, as far as hyper can send them. On HTTP/1.1 it sends those that `Trailer`
//! has announced, to clients that take any, and never ends a body whose trailers it does not send.

use bytes::Bytes;
use http::header::{self, HeaderMap, HeaderName, HeaderValue};
use http_body::Frame;

/// Which trailers are sent over HTTP/1.
#[derive(Debug)]
pub(super) enum Trailers {
    /// Those that these lines announce.
    Announced(Vec<HeaderValue>),
    /// None: the client does not take any.
    None,
}

impl Trailers {
    /// What a request's client takes (RFC 9110, 10.1.4).
    pub(super) fn of(request: &HeaderMap) -> Self {
        let mut lines = request.get_all(header::TE).iter();
        let taken = lines.any(|line| tokens(line).any(|token| token == "trailers"));
        if taken { Self::Announced(Vec::new()) } else { Self::None }
    }

    /// With what an answer announces.
    pub(super) fn announced(self, answer: &HeaderMap) -> Self {
        match self {
            Self::Announced(_) => {
                Self::Announced(answer.get_all(header::TRAILER).iter().cloned().collect())
            }
            Self::None => self,
        }
    }

    /// A frame as it is sent; nothing when it would be trailers of which none are sent.
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
