//! The hosts that are served: `server.public_url` and `server.hosts`. Requests, origins and URLs are
//! compared with them here and nowhere else.

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
    /// Hosts with one label before one of these are served too.
    parents: Vec<Host>,
    /// The ports in the settings, without those that URLs omit. `None` for a host without one.
    ports: Vec<Option<u16>>,
}

/// One of the served hosts.
#[derive(Debug, Clone)]
pub struct ServedHost {
    host: Host,
    /// [`ServedHost::value`].
    value: HeaderValue,
}

/// One of the served hosts. Only [`ServedHosts::find`] makes one.
#[derive(Debug, Clone)]
pub struct FoundHost(Found);

#[derive(Debug, Clone)]
enum Found {
    /// The place in [`ServedHosts::all`].
    Listed(usize),
    /// A host below one of [`ServedHosts::parents`].
    Below(Box<ServedHost>),
}

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
        Self::of(&server.public_url, &server.hosts, &server.hosts_below)
    }

    fn of(public_url: &PublicUrl, hosts: &[Host], parents: &[Host]) -> Self {
        let served = |host: &Host| ServedHost::new(host, public_url);
        let named = std::iter::once(public_url.host()).chain(hosts).chain(parents);
        Self {
            first: served(public_url.host()),
            others: hosts.iter().map(served).collect(),
            parents: parents.to_vec(),
            ports: named.map(visible_port).collect(),
            public_url: public_url.clone(),
        }
    }

    /// The hosts with these texts.
    #[cfg(test)]
    pub(crate) fn parsed(public_url: &str, hosts: &[&str]) -> Self {
        let (below, hosts): (Vec<_>, Vec<_>) =
            hosts.iter().partition(|host| host.starts_with("*."));
        let parsed = |hosts: &[&str]| -> Vec<Host> {
            hosts.iter().map(|host| host.trim_start_matches("*.").parse().unwrap()).collect()
        };
        Self::of(&public_url.parse().unwrap(), &parsed(&hosts), &parsed(&below))
    }

    /// One host, for tests that are not about hosts.
    #[cfg(test)]
    pub(crate) fn for_test() -> Self {
        Self::parsed("https://portal.test", &[])
    }

    /// The URL of the first host.
    #[must_use]
    pub fn public_url(&self) -> &PublicUrl {
        &self.public_url
    }

    /// The host of the public URL.
    #[must_use]
    pub fn first(&self) -> &ServedHost {
        &self.first
    }

    /// The host that was found.
    #[must_use]
    pub fn get<'h>(&'h self, found: &'h FoundHost) -> &'h ServedHost {
        match &found.0 {
            // Only `find` makes an index, so there is always a host for it.
            Found::Listed(0) => &self.first,
            Found::Listed(index) => self.others.get(index - 1).unwrap_or(&self.first),
            Found::Below(host) => host,
        }
    }

    /// The host that a `Host` field names, on any port.
    ///
    /// # Errors
    /// When the bytes are not a host, or not one that is served.
    pub fn find(&self, field: &[u8]) -> Result<FoundHost, BadRequest> {
        if let Some(index) = self.all().position(|served| served.value.as_bytes() == field) {
            return Ok(FoundHost(Found::Listed(index)));
        }
        let text = std::str::from_utf8(field).map_err(|_| BadRequest::BadHost)?;
        let host = Host::parse(text).map_err(|_| BadRequest::BadHost)?;
        if let Some(index) = self.all().position(|served| served.name() == host.name()) {
            return Ok(FoundHost(Found::Listed(index)));
        }
        let parent = self.parent_of(&host).ok_or(BadRequest::UnknownHost)?;
        let served = ServedHost::new(&host.on(parent.port()), &self.public_url);
        Ok(FoundHost(Found::Below(Box::new(served))))
    }

    /// The entry `*.parent` of the settings that a host is below.
    fn parent_of(&self, host: &Host) -> Option<&Host> {
        let (_, parent) = host.name().split_once('.')?;
        self.parents.iter().find(|known| known.name() == parent)
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

    /// Whether an origin is that of a listed host, or of one below a parent.
    #[must_use]
    pub fn serves_origin(&self, origin: &str) -> bool {
        let is_below = |host: Host| {
            self.parent_of(&host)
                .is_some_and(|parent| self.public_url.named(&host.on(parent.port())) == host)
        };
        self.is_origin(origin) || self.public_url.host_of(origin).is_some_and(is_below)
    }

    /// Whether an origin is one of the listed hosts, or the host of the request itself. Hosts below
    /// the same parent may belong to different organizations, so they do not trust each other.
    #[must_use]
    pub fn is_origin_for(&self, origin: &str, own: &ServedHost) -> bool {
        self.is_origin(origin)
            || self.public_url.host_of(origin).is_some_and(|host| host == own.host)
    }

    /// Whether a URL with this host leads to the gateway, whatever its scheme: the name is served,
    /// and the settings name the port, for this host or another.
    #[must_use]
    pub fn is_reached_at(&self, host: &Host) -> bool {
        self.ports.contains(&visible_port(host))
            && (self.all().any(|served| served.name() == host.name())
                || self.parent_of(host).is_some())
    }

    fn all(&self) -> impl Iterator<Item = &ServedHost> {
        std::iter::once(&self.first).chain(&self.others)
    }
}

/// The port, unless it is one that URLs omit.
fn visible_port(host: &Host) -> Option<u16> {
    host.port().filter(|port| ![80, 443].contains(port))
}

#[cfg(test)]
mod tests;
