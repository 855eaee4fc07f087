//! What a request asks for, and of which host: one reading of both, or the reason why there is
//! none. The gateway, `explain` and the expectations read by this alone.

use http::{Method, StatusCode};

use super::request_path::{BadTarget, RequestTarget};

/// The parts of a request that name its host and its target, as they came.
#[derive(Debug, Clone, Copy)]
pub struct RequestLine<'a> {
    /// The method.
    pub method: &'a Method,
    /// The scheme, of a target that is a whole URL.
    pub scheme: Option<&'a str>,
    /// The host that the target itself names: a whole URL, and every target of HTTP/2.
    pub authority: Option<&'a str>,
    /// The path and the query.
    pub target: Option<&'a str>,
    /// The `Host` header.
    pub host: Option<&'a [u8]>,
}

impl<'a> RequestLine<'a> {
    /// The parts of a target as an HTTP/1.1 client writes it: a path (RFC 9112, 3.2.1), or a whole
    /// URL as for a proxy (3.2.2).
    #[must_use]
    pub fn written(method: &'a Method, text: &'a str, host: &'a str) -> Self {
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

    /// The host, as `served` knows it by its bytes, and the target.
    ///
    /// # Errors
    /// The first reason for which there is no single reading.
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
        // An absolute URL of another scheme is not ours, whatever host it names.
        let is_http =
            |scheme: &str| ["http", "https"].iter().any(|ours| scheme.eq_ignore_ascii_case(ours));
        if self.scheme.is_some_and(|scheme| !is_http(scheme)) {
            return Err(BadRequest::Target(BadTarget::Form));
        }
        let target = RequestTarget::parse(self.target.ok_or(BadRequest::NoPath)?)?;
        Ok((host, target))
    }
}

/// Why a request has no single reading, or none at all.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum BadRequest {
    /// It names no host.
    NoHost,
    /// It names more than one.
    TwoHosts,
    /// The target names another host than the `Host` header.
    HostMismatch,
    /// What it names is no host.
    BadHost,
    /// It names a host that is not served.
    UnknownHost,
    /// It asks for a tunnel to somewhere else.
    Connect,
    /// It has no path.
    NoPath,
    /// Its target has no single reading.
    Target(BadTarget),
    /// `Connection` nominates what it must not, or too much, or cannot be read.
    Connection,
    /// The body is coded otherwise than in plain chunks.
    TransferCoding,
    /// It expects something other than `100-continue`.
    Expectation,
    /// A GET or HEAD carries a body, and the route does not allow one.
    BodyNotAllowed,
    /// The body is cut off or cannot be read.
    Body,
    /// The body does not come.
    SlowBody,
}

impl BadRequest {
    /// Every one that is not about the target ([`BadTarget::ALL`]).
    pub const ALL: [Self; 13] = [
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
        }
    }

    /// The names of all, those of targets included.
    pub fn names() -> impl Iterator<Item = &'static str> {
        Self::ALL
            .into_iter()
            .map(Self::as_str)
            .chain(BadTarget::ALL.into_iter().map(BadTarget::as_str))
    }

    /// The status that it is answered with.
    #[must_use]
    pub const fn status(self) -> StatusCode {
        match self {
            Self::UnknownHost => StatusCode::MISDIRECTED_REQUEST,
            Self::SlowBody => StatusCode::REQUEST_TIMEOUT,
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
