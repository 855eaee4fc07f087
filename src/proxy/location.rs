//! Addresses of the portal itself in its answers. A portal that is not told its public address
//! redirects to the one it is reached at; clients get the public one instead.

use http::header::{self, HeaderMap, HeaderValue};

use crate::config::Settings;

/// The portal's own addresses and the public one.
#[derive(Debug)]
pub(super) struct Locations {
    /// `host:port` of each server.
    servers: Vec<String>,
    /// Scheme and authority, without a slash at the end.
    public: String,
}

impl Locations {
    pub(super) fn new(settings: &Settings) -> Self {
        let servers = settings.upstream.groups().flatten();
        Self {
            servers: servers.map(|server| server.address.clone()).collect(),
            public: settings.server.public_url.as_str().trim_end_matches('/').to_owned(),
        }
    }

    /// Replaces scheme and authority of `Location` and `Content-Location` where the authority is
    /// exactly that of a server of the portal.
    pub(super) fn publish(&self, headers: &mut HeaderMap) {
        for name in [header::LOCATION, header::CONTENT_LOCATION] {
            let header::Entry::Occupied(mut lines) = headers.entry(name) else { continue };
            for value in lines.iter_mut() {
                if let Some(public) = self.public(value.as_bytes()) {
                    *value = public;
                }
            }
        }
    }

    fn public(&self, value: &[u8]) -> Option<HeaderValue> {
        let (scheme, rest) = match value.iter().position(|byte| *byte == b'/')? {
            0 => (&b""[..], value),
            slash => value.split_at_checked(slash)?,
        };
        let known = [&b""[..], b"http:", b"https:"];
        if !known.iter().any(|known| scheme.eq_ignore_ascii_case(known)) {
            return None;
        }
        let rest = rest.strip_prefix(b"//")?;
        let end = rest.iter().position(|byte| matches!(byte, b'/' | b'?' | b'#'));
        let (authority, path) = rest.split_at_checked(end.unwrap_or(rest.len()))?;
        let is_https = scheme.eq_ignore_ascii_case(b"https:");
        let default_port: &[u8] = if is_https { b":443" } else { b":80" };
        let is_authority = |server: &String| {
            let server = server.as_bytes();
            let short = server.strip_suffix(default_port);
            authority.eq_ignore_ascii_case(server)
                || short.is_some_and(|short| authority.eq_ignore_ascii_case(short))
        };
        self.servers.iter().any(is_authority).then_some(())?;
        HeaderValue::from_bytes(&[self.public.as_bytes(), path].concat()).ok()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn published(value: &str) -> String {
        let servers = ["127.0.0.1:9000", "portal:80", "[::1]:9", "secure:443", "unix:/run/p.sock"];
        let servers = servers.map(str::to_owned).to_vec();
        let locations = Locations { servers, public: "https://portal.example.com".to_owned() };
        let mut headers = HeaderMap::new();
        headers.insert(header::CONTENT_LOCATION, value.parse().unwrap());
        headers.insert(header::LOCATION, value.parse().unwrap());
        locations.publish(&mut headers);
        assert_eq!(headers[header::LOCATION], headers[header::CONTENT_LOCATION]);
        headers[header::LOCATION].to_str().unwrap().to_owned()
    }

    #[test]
    fn the_portals_own_address_becomes_the_public_one() {
        for (value, expected) in [
            ("http://127.0.0.1:9000/a?b=c#d", "https://portal.example.com/a?b=c#d"),
            ("HTTP://127.0.0.1:9000", "https://portal.example.com"),
            ("https://127.0.0.1:9000?a", "https://portal.example.com?a"),
            ("//127.0.0.1:9000/a", "https://portal.example.com/a"),
            ("http://PORTAL/a", "https://portal.example.com/a"),
            ("http://portal:80/a", "https://portal.example.com/a"),
            ("http://[::1]:9/a", "https://portal.example.com/a"),
            ("https://secure/a", "https://portal.example.com/a"),
            ("https://secure:443/a", "https://portal.example.com/a"),
        ] {
            assert_eq!(published(value), expected);
        }
    }

    #[test]
    fn every_other_address_stays_as_it_is() {
        for value in [
            "/a",
            "a/b",
            "http://127.0.0.1:9001/a",
            "http://127.0.0.1/a",
            "http://127.0.0.1:9000.evil.test/a",
            "http://me@127.0.0.1:9000/a",
            "http://127.0.0.1:9000@evil.test/a",
            "http://evil.test/http://127.0.0.1:9000/",
            "https://portal/a",
            "http://secure/a",
            "http:///run/p.sock",
            "ftp://127.0.0.1:9000/a",
            "http:/127.0.0.1:9000/a",
            "",
        ] {
            assert_eq!(published(value), value);
        }
    }
}
