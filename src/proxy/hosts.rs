//! The hosts that are served, and which of them a request names.

use http::header::HeaderValue;

use crate::config::{self, PublicUrl};
use portcullis_policy::{BadRequest, Host};

/// All of them.
#[derive(Debug)]
pub(super) struct Hosts(Vec<Served>);

/// One of them.
#[derive(Debug)]
pub(super) struct Served {
    host: Host,
    /// What the portal is told, and what most requests name it by: in lower case, and on the port
    /// of the public URL when the settings name none. A portal makes links of it.
    told: HeaderValue,
}

/// Which one a request names; kept for as long as its answer lasts.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Number(usize);

impl Served {
    fn new(host: &Host, public: &PublicUrl) -> Self {
        let host = public.named(host);
        // The name of a host is always a header value.
        let told = HeaderValue::try_from(host.to_string())
            .unwrap_or_else(|_| HeaderValue::from_static(""));
        Self { host, told }
    }

    pub(super) fn host(&self) -> &Host {
        &self.host
    }

    pub(super) fn told(&self) -> &HeaderValue {
        &self.told
    }
}

impl Hosts {
    pub(super) fn new(server: &config::Server) -> Self {
        let hosts = [server.public_url.host()].into_iter().chain(&server.hosts);
        Self(hosts.map(|host| Served::new(host, &server.public_url)).collect())
    }

    /// The host of this number; there is one for each that [`Hosts::named`] has answered.
    pub(super) fn get(&self, number: Number) -> Option<&Served> {
        self.0.get(number.0)
    }

    /// Whether it is one of them, port and all.
    pub(super) fn have(&self, host: &Host) -> bool {
        self.0.iter().any(|ours| ours.host == *host)
    }

    /// The host of these bytes, if it is one that we serve, on whatever port.
    pub(super) fn named(&self, bytes: &[u8]) -> Result<(Number, &Served), BadRequest> {
        let numbered = || self.0.iter().enumerate().map(|(number, host)| (Number(number), host));
        if let Some(known) = numbered().find(|(_, known)| known.told.as_bytes() == bytes) {
            return Ok(known);
        }
        let text = std::str::from_utf8(bytes).map_err(|_| BadRequest::BadHost)?;
        let host = Host::parse(text).map_err(|_| BadRequest::BadHost)?;
        numbered().find(|(_, ours)| ours.host.name() == host.name()).ok_or(BadRequest::UnknownHost)
    }
}
