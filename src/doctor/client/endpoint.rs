//! Where a request goes.

use rustls::pki_types::ServerName;

use crate::config::{PublicUrl, Transport, UpstreamServer};

/// A server, and the host that requests to it name.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(in crate::doctor) struct Endpoint {
    https: bool,
    /// The name that a certificate must have, and that the server is asked for (SNI).
    name: String,
    /// `host:port` to connect to.
    address: String,
    /// The value of `Host`.
    host: String,
}

impl Endpoint {
    /// A URL; the connection goes to `connect_to` (`host:port`) if it is given.
    pub(in crate::doctor) fn at(url: &PublicUrl, connect_to: Option<&str>) -> Self {
        let port = url.host().port().unwrap_or(if url.is_https() { 443 } else { 80 });
        let name = url.host().name();
        Self {
            https: url.is_https(),
            name: name.trim_matches(['[', ']']).to_owned(),
            address: connect_to.map_or_else(|| format!("{name}:{port}"), str::to_owned),
            host: url.host().to_string(),
        }
    }

    /// One of the portal's servers, asked for a host as the gateway asks it. `None` for a Unix
    /// socket, which no other machine reaches.
    pub(in crate::doctor) fn portal(server: &UpstreamServer, host: &str) -> Option<Self> {
        if matches!(server.transport, Transport::Unix(_)) {
            return None;
        }
        let address = &server.address;
        let name = address.rsplit_once(':').map_or(address.as_str(), |(name, _)| name);
        Some(Self {
            https: server.is_https(),
            name: name.trim_matches(['[', ']']).to_owned(),
            address: address.clone(),
            host: host.to_owned(),
        })
    }

    /// The same, whose certificate must have this name if one is given.
    pub(in crate::doctor) fn with_name(self, name: Option<&ServerName<'_>>) -> Self {
        Self { name: name.map_or(self.name, |name| name.to_str().into_owned()), ..self }
    }

    pub(in crate::doctor) fn is_https(&self) -> bool {
        self.https
    }

    pub(in crate::doctor) fn name(&self) -> &str {
        &self.name
    }

    pub(in crate::doctor) fn address(&self) -> &str {
        &self.address
    }

    pub(in crate::doctor) fn host(&self) -> &str {
        &self.host
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn url_has_the_port_of_its_scheme() {
        for (url, expected) in [
            ("https://portal.test", ("portal.test:443", "portal.test", "portal.test")),
            ("http://portal.test", ("portal.test:80", "portal.test", "portal.test")),
            ("https://[::1]:8443", ("[::1]:8443", "::1", "[::1]:8443")),
        ] {
            let endpoint = Endpoint::at(&url.parse().unwrap(), None);
            assert_eq!((endpoint.address(), endpoint.name(), endpoint.host()), expected);
        }
        let elsewhere = Endpoint::at(&"https://portal.test".parse().unwrap(), Some("10.0.0.7:9"));
        assert_eq!((elsewhere.address(), elsewhere.host()), ("10.0.0.7:9", "portal.test"));
    }

    #[test]
    fn name_of_the_settings_replaces_that_of_the_url() {
        let server = "https://10.0.0.7:9443".parse().unwrap();
        let endpoint = || Endpoint::portal(&server, "portal.test").unwrap();
        assert_eq!(endpoint().with_name(None).name(), "10.0.0.7");
        let name = ServerName::try_from("portal.internal").unwrap();
        let named = endpoint().with_name(Some(&name));
        assert_eq!((named.name(), named.address()), ("portal.internal", "10.0.0.7:9443"));
    }
}
