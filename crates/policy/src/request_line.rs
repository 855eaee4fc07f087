//! The host and the target of a request, or why the request is invalid. The gateway, `explain` and
//! the expectations all use this.

use http::{Method, StatusCode};

use super::request_path::{BadTarget, RequestTarget};

/// The parts of a request that name its host and its target, as received.
#[derive(Debug, Clone, Copy)]
pub struct RequestLine<'a> {
    /// The method.
    pub method: &'a Method,
    /// The scheme, if the target is an absolute URL.
    pub scheme: Option<&'a str>,
    /// The authority of the target: of an absolute URL, and of every request over HTTP/2.
    pub authority: Option<&'a str>,
    /// The path and the query.
    pub target: Option<&'a str>,
    /// The `Host` header.
    pub host: Option<&'a [u8]>,
}

impl<'a> RequestLine<'a> {
    /// Splits a target in origin-form or absolute-form (RFC 9112, sections 3.2.1 and 3.2.2).
    #[must_use]
    pub fn from_text(method: &'a Method, text: &'a str, host: &'a str) -> Self {
        let host = Some(host.as_bytes());
        let (scheme, authority, target) = match text.split_once("://") {
            Some((scheme, rest)) if !text.starts_with('/') => {
                let end = rest.find(['/', '?', '#']).unwrap_or(rest.len());
                let (authority, target) = rest.split_at(end);
                (Some(scheme), Some(authority), if target.is_empty() { "/" } else { target })
            }
            Some(_) | None => (None, None, text),
        };
        Self { method, scheme, authority, target: Some(target), host }
    }

    /// Reads host and target. `served` looks up the host.
    ///
    /// # Errors
    /// The first problem.
    pub fn read<H>(
        self,
        served: impl FnOnce(&'a [u8]) -> Result<H, BadRequest>,
    ) -> Result<(H, RequestTarget), BadRequest> {
        let line = self.host.ok_or(BadRequest::NoHost)?;
        let named = self.authority.map(str::as_bytes);
        if named.is_some_and(|named| !named.eq_ignore_ascii_case(line)) {
            return Err(BadRequest::HostMismatch);
        }
        let host = served(line)?;
        if *self.method == Method::CONNECT {
            return Err(BadRequest::Connect);
        }
        // `Form`, not a host problem: the host of `ftp://` may be one that is served.
        let is_http =
            |scheme: &str| ["http", "https"].iter().any(|ours| scheme.eq_ignore_ascii_case(ours));
        if self.scheme.is_some_and(|scheme| !is_http(scheme)) {
            return Err(BadRequest::Target(BadTarget::Form));
        }
        let target = RequestTarget::parse(self.target.ok_or(BadRequest::NoPath)?)?;
        Ok((host, target))
    }
}

/// Why a request is invalid.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum BadRequest {
    /// It has no `Host`.
    NoHost,
    /// It has more than one.
    TwoHosts,
    /// The authority of the target differs from `Host`.
    HostMismatch,
    /// The host is invalid.
    BadHost,
    /// The host is not served.
    UnknownHost,
    /// The method is CONNECT.
    Connect,
    /// The target has no path.
    NoPath,
    /// The target is invalid.
    Target(BadTarget),
    /// `Connection` is invalid, or names an end-to-end header or too many headers.
    Connection,
    /// The transfer coding is not `chunked`.
    TransferCoding,
    /// `Expect` is not `100-continue`.
    Expectation,
    /// A GET or HEAD has a body, and the route does not allow one.
    BodyNotAllowed,
    /// The body is cut off or invalid.
    Body,
    /// The body takes too long.
    SlowBody,
    /// The body is longer than the route allows.
    BodyTooLarge,
}

impl BadRequest {
    /// All of them, except those of [`BadTarget::ALL`].
    pub const ALL: [Self; 14] = [
        Self::NoHost,
        Self::TwoHosts,
        Self::HostMismatch,
        Self::BadHost,
        Self::UnknownHost,
        Self::Connect,
        Self::NoPath,
        Self::Connection,
        Self::TransferCoding,
        Self::Expectation,
        Self::BodyNotAllowed,
        Self::Body,
        Self::SlowBody,
        Self::BodyTooLarge,
    ];

    /// The stable name, in decision records, problem documents, `explain` and expectations.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::NoHost => "no-host",
            Self::TwoHosts => "two-hosts",
            Self::HostMismatch => "host-mismatch",
            Self::BadHost => "bad-host",
            Self::UnknownHost => "unknown-host",
            Self::Connect => "connect",
            Self::NoPath => "no-path",
            Self::Target(target) => target.as_str(),
            Self::Connection => "bad-connection-header",
            Self::TransferCoding => "transfer-coding",
            Self::Expectation => "expectation-failed",
            Self::BodyNotAllowed => "body-not-allowed",
            Self::Body => "bad-body",
            Self::SlowBody => "slow-body",
            Self::BodyTooLarge => "body-too-large",
        }
    }

    /// All names, including those of targets.
    pub fn names() -> impl Iterator<Item = &'static str> {
        Self::ALL
            .into_iter()
            .map(Self::as_str)
            .chain(BadTarget::ALL.into_iter().map(BadTarget::as_str))
    }

    /// The status of the response.
    #[must_use]
    pub const fn status(self) -> StatusCode {
        match self {
            Self::UnknownHost => StatusCode::MISDIRECTED_REQUEST,
            Self::SlowBody => StatusCode::REQUEST_TIMEOUT,
            Self::BodyTooLarge => StatusCode::PAYLOAD_TOO_LARGE,
            Self::Expectation => StatusCode::EXPECTATION_FAILED,
            Self::NoHost
            | Self::TwoHosts
            | Self::HostMismatch
            | Self::BadHost
            | Self::Connect
            | Self::NoPath
            | Self::Target(_)
            | Self::Connection
            | Self::TransferCoding
            | Self::BodyNotAllowed
            | Self::Body => StatusCode::BAD_REQUEST,
        }
    }
}

impl From<BadTarget> for BadRequest {
    fn from(target: BadTarget) -> Self {
        Self::Target(target)
    }
}

#[cfg(test)]
mod tests;
