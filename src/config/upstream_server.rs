//! One of the portal's servers, as a setting names it.

use std::fmt;
use std::path::PathBuf;
use std::str::FromStr;

use rustls::pki_types::ServerName;

use super::unix_path::{self, UNIX};

/// What comes before the weight.
const WEIGHT: &str = " weight=";
/// The largest weight. The rotation has an entry for each unit of a weight.
const MOST_WEIGHT: u16 = 100;

/// One of the portal's servers.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct UpstreamServer {
    /// `host:port` to connect to, or `unix:` and the path of a socket. Names the server in messages
    /// and in the API.
    pub address: String,
    /// What the connection goes over.
    pub transport: Transport,
    /// Its part of the requests, in proportion to the weights of the others: 1 to 100, by default 1.
    pub weight: u16,
}

/// What a connection to a server goes over.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Transport {
    /// TCP.
    Http,
    /// TLS over TCP. The certificate must have this name if `upstream.tls.name` does not say another.
    Https(ServerName<'static>),
    /// The Unix socket at this path.
    Unix(PathBuf),
}

impl UpstreamServer {
    /// Whether connections to it use TLS.
    #[must_use]
    pub fn is_https(&self) -> bool {
        matches!(self.transport, Transport::Https(_))
    }

    /// As in the settings: [`Display`](fmt::Display), and the weight if it is not 1.
    #[must_use]
    pub fn setting(&self) -> String {
        match self.weight {
            1 => self.to_string(),
            weight => format!("{self}{WEIGHT}{weight}"),
        }
    }
}

/// As in the settings, without the weight.
impl fmt::Display for UpstreamServer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let scheme = match self.transport {
            Transport::Http => "http://",
            Transport::Https(_) => "https://",
            Transport::Unix(_) => "",
        };
        write!(f, "{scheme}{}", self.address)
    }
}

impl FromStr for UpstreamServer {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let (text, weight) = match text.split_once(WEIGHT) {
            Some((text, weight)) => (text, weight_of(weight)?),
            None => (text, 1),
        };
        if let Some(path) = text.strip_prefix(UNIX) {
            let transport = Transport::Unix(unix_path::parse(path)?);
            return Ok(Self { address: format!("{UNIX}{path}"), transport, weight });
        }
        let (is_https, rest) = match text.split_once("://") {
            Some(("http", rest)) => (false, rest),
            Some(("https", rest)) => (true, rest),
            Some(_) => return Err("must begin with `http://`, `https://` or `unix:`".to_owned()),
            None => {
                return Err(format!(
                    "must begin with `http://`, `https://` or `unix:`; write `http://{text}`"
                ));
            }
        };
        let scheme = if is_https { "https" } else { "http" };
        let wrong = || format!("is not a server (e.g. `{scheme}://127.0.0.1:9000`)");
        let authority = rest.strip_suffix('/').unwrap_or(rest);
        if let Some(end) = authority.find(['/', '?', '#']) {
            let server = authority.get(..end).unwrap_or_default();
            return Err(format!(
                "must not have a path or query, because requests keep their own; write \
                 `{scheme}://{server}`"
            ));
        }
        let uri: http::uri::Authority = authority.parse().map_err(|_| wrong())?;
        if authority.contains('@') {
            return Err("must not have a user name; for HTTP Basic authentication, set \
                        `identity.basic`"
                .to_owned());
        }
        let host = uri.host();
        if host.is_empty() {
            return Err(wrong());
        }
        let port = portcullis_policy::port_of(&uri)
            .map_err(|_| "must have a port from 1 to 65535")?
            .unwrap_or(if is_https { 443 } else { 80 });
        let transport = if is_https {
            let name = host.trim_matches(['[', ']']).to_owned();
            Transport::Https(ServerName::try_from(name).map_err(|_| wrong())?)
        } else {
            Transport::Http
        };
        Ok(Self { address: format!("{host}:{port}"), transport, weight })
    }
}

fn weight_of(text: &str) -> Result<u16, String> {
    let weight = text.parse().ok().filter(|weight| (1..=MOST_WEIGHT).contains(weight));
    weight.ok_or_else(|| {
        format!(
            "must have a weight from 1 to {MOST_WEIGHT} (e.g. `http://127.0.0.1:9000 weight=2`)"
        )
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::unix_path::LONGEST_PATH;

    fn parsed(text: &str) -> Result<UpstreamServer, String> {
        text.parse()
    }

    #[test]
    fn an_upstream_server_is_a_host_and_a_port() {
        for (text, address, shown) in [
            ("http://portal", "portal:80", "http://portal:80"),
            ("http://[::1]:9000/", "[::1]:9000", "http://[::1]:9000"),
            ("http://h:65535", "h:65535", "http://h:65535"),
            ("http://[::1]", "[::1]:80", "http://[::1]:80"),
            ("https://portal", "portal:443", "https://portal:443"),
            ("https://[::1]", "[::1]:443", "https://[::1]:443"),
        ] {
            let server = parsed(text).unwrap();
            assert_eq!((&*server.address, &*server.to_string()), (address, shown));
        }
        for text in [
            "http://",
            "https://",
            "http://u@portal",
            "http://portal/path",
            "portal:80",
            "http://:80",
            "ftp://portal",
            "https://po rtal",
        ] {
            assert!(parsed(text).is_err(), "{text}");
        }
        for port in ["99999", "65536", "", "0", "+80", "080"] {
            for host in ["http://127.0.0.1", "http://[::1]", "https://portal"] {
                let wrong = parsed(&format!("{host}:{port}")).unwrap_err();
                assert_eq!(wrong, "must have a port from 1 to 65535", "{host}:{port}");
            }
        }
    }

    #[test]
    fn tls_verifies_the_name_or_the_address_of_the_url() {
        for (text, expected) in [
            ("https://portal.example:9443", "portal.example"),
            ("https://10.0.0.7", "10.0.0.7"),
            ("https://[::1]:9443", "::1"),
        ] {
            let expected = ServerName::try_from(expected).unwrap();
            assert_eq!(parsed(text).unwrap().transport, Transport::Https(expected), "{text}");
        }
        assert!(!parsed("http://portal.example").unwrap().is_https());
    }

    #[test]
    fn weight_follows_the_server() {
        for (text, address, weight) in [
            ("http://portal", "portal:80", 1),
            ("http://portal weight=1", "portal:80", 1),
            ("https://[::1]:9000 weight=100", "[::1]:9000", 100),
            ("unix:/run/portal.sock weight=3", "unix:/run/portal.sock", 3),
        ] {
            let server = parsed(text).unwrap();
            assert_eq!((&*server.address, server.weight), (address, weight), "{text}");
            assert_eq!(parsed(&server.setting()).unwrap(), server, "{text}");
        }
        for weight in ["0", "101", "-1", "+1x", "", "2 weight=3", "1.5"] {
            let wrong = parsed(&format!("http://portal weight={weight}")).unwrap_err();
            assert!(wrong.starts_with("must have a weight from 1 to 100 "), "{weight}: {wrong}");
        }
        assert!(parsed("http://portal Weight=2").is_err());
    }

    #[test]
    fn a_unix_server_is_a_whole_path() {
        let server = parsed("unix:/run/portal.sock").unwrap();
        assert_eq!(server.transport, Transport::Unix("/run/portal.sock".into()));
        assert_eq!(server.to_string(), "unix:/run/portal.sock");
        let long = format!("unix:/{}", "a".repeat(LONGEST_PATH));
        for text in ["unix:", "unix:run/portal.sock", "unix:/run/", "unix:///run/a", &long] {
            assert!(parsed(text).is_err(), "{text}");
        }
    }
}
