//! The hosts that are served: `server.public_url` and `server.hosts`. Whatever compares a request,
//! an origin or a URL with them asks here.

use http::header::HeaderValue;

use super::{PublicUrl, Server};
use portcullis_policy::{BadRequest, Host};

/// The served hosts.
#[derive(Debug, Clone)]
pub struct ServedHosts {
    public_url: PublicUrl,
    /// The host of the public URL.
    first: ServedHost,
    others: Vec<ServedHost>,
}

/// One of the served hosts.
#[derive(Debug, Clone)]
pub struct ServedHost {
    host: Host,
    /// [`ServedHost::value`].
    value: HeaderValue,
}

/// Identifies one of the served hosts. Only [`ServedHosts::find`] makes one.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct HostIndex(usize);

impl ServedHost {
    fn new(host: &Host, public_url: &PublicUrl) -> Self {
        let host = public_url.named(host);
        // The name of a host is always a valid header value.
        let value = HeaderValue::try_from(host.to_string())
            .unwrap_or_else(|_| HeaderValue::from_static(""));
        Self { host, value }
    }

    /// The name, without the port.
    #[must_use]
    pub fn name(&self) -> &str {
        self.host.name()
    }

    /// The `Host` field that the portal gets, and that most requests have: in lower case, and with
    /// the port of the public URL when the settings name none.
    #[must_use]
    pub fn value(&self) -> &HeaderValue {
        &self.value
    }
}

impl ServedHosts {
    /// The hosts that these settings name.
    #[must_use]
    pub fn new(server: &Server) -> Self {
        let public_url = &server.public_url;
        let served = |host: &Host| ServedHost::new(host, public_url);
        Self {
            first: served(public_url.host()),
            others: server.hosts.iter().map(served).collect(),
            public_url: public_url.clone(),
        }
    }

    /// The URL of the first host.
    #[must_use]
    pub fn public_url(&self) -> &PublicUrl {
        &self.public_url
    }

    /// The host with this index.
    #[must_use]
    pub fn get(&self, index: HostIndex) -> &ServedHost {
        // Only `find` makes an index, so there is always a host for it.
        let other = index.0.checked_sub(1).and_then(|other| self.others.get(other));
        other.unwrap_or(&self.first)
    }

    /// The host that a `Host` field names, on any port.
    ///
    /// # Errors
    /// When the bytes are not a host, or not one that is served.
    pub fn find(&self, field: &[u8]) -> Result<HostIndex, BadRequest> {
        if let Some(index) = self.all().position(|served| served.value.as_bytes() == field) {
            return Ok(HostIndex(index));
        }
        let text = std::str::from_utf8(field).map_err(|_| BadRequest::BadHost)?;
        let host = Host::parse(text).map_err(|_| BadRequest::BadHost)?;
        let index = self.all().position(|served| served.name() == host.name());
        index.map(HostIndex).ok_or(BadRequest::UnknownHost)
    }

    /// Whether an origin (RFC 6454) is that of a served host: the scheme of the public URL, and the
    /// host with its port.
    #[must_use]
    pub fn is_origin(&self, origin: &str) -> bool {
        origin.eq_ignore_ascii_case(self.public_url.as_str())
            || self
                .public_url
                .host_of(origin)
                .is_some_and(|host| self.all().any(|served| served.host == host))
    }

    fn all(&self) -> impl Iterator<Item = &ServedHost> {
        std::iter::once(&self.first).chain(&self.others)
    }
}
