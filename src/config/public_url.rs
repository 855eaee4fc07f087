//! `server.public_url`: the URL by which browsers reach the gateway.

use std::str::FromStr;

use portcullis_policy::Host;

/// An `http` or `https` URL without path or query.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PublicUrl {
    https: bool,
    host: Host,
    text: String,
}

impl PublicUrl {
    /// Whether browsers use TLS. It may end here or at a load balancer.
    #[must_use]
    pub fn is_https(&self) -> bool {
        self.https
    }

    /// The host, with the port if the URL has one.
    #[must_use]
    pub fn host(&self) -> &Host {
        &self.host
    }

    /// The host as browsers send it: without a port of its own it is on the port of this URL, and
    /// the default port of the scheme is omitted.
    #[must_use]
    pub fn named(&self, host: &Host) -> Host {
        self.with_port(host, self.host.port())
    }

    /// The host of an origin (RFC 6454) with the scheme of this URL, comparable with the results of
    /// [`named`](Self::named). `None` for other schemes and for what is not an origin.
    #[must_use]
    pub fn host_of(&self, origin: &str) -> Option<Host> {
        let scheme = if self.https { "https://" } else { "http://" };
        let host = Host::parse(origin.strip_prefix(scheme)?).ok()?;
        Some(self.with_port(&host, None))
    }

    fn with_port(&self, host: &Host, port: Option<u16>) -> Host {
        let default = if self.https { 443 } else { 80 };
        host.on(host.port().or(port).filter(|port| *port != default))
    }

    /// `scheme://host[:port]` without a trailing slash, which is also the origin (RFC 6454).
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.text
    }
}

impl FromStr for PublicUrl {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let (https, rest) = match text.split_once("://") {
            Some(("https", rest)) => (true, rest),
            Some(("http", rest)) => (false, rest),
            Some(_) => return Err("must begin with `https://` or `http://`".to_owned()),
            None => {
                return Err(format!(
                    "must begin with `https://` or `http://`; write `https://{text}`"
                ));
            }
        };
        let authority = rest.strip_suffix('/').unwrap_or(rest);
        if authority.contains(['/', '?', '#']) {
            let scheme = if https { "https" } else { "http" };
            let host = authority.split(['/', '?', '#']).next().unwrap_or_default();
            return Err(format!(
                "must not have a path or query: the gateway serves the whole host; write \
                 `{scheme}://{host}`"
            ));
        }
        let host: Host = authority.parse().map_err(|error| {
            format!("is not a URL (e.g. `https://portal.example.com`): {error}")
        })?;
        let scheme = if https { "https" } else { "http" };
        let text = format!("{scheme}://{host}");
        Ok(Self { https, host, text })
    }
}
