//! Whether a request that changes something comes from a page of ours.
//!
//! 1. `Sec-Fetch-Site`, which no page can forge, says `same-origin`, or `none` when a person acted
//!    without any page: yes. Anything else it says: no.
//! 2. Without it (older browsers, and all of them when the portal is plain http), an `Origin` that
//!    is exactly one of ours: yes.
//! 3. Neither, or one of them twice: no.
//!
//! The second is why pages with a form have the referrer policy `strict-origin`: under
//! `no-referrer`, browsers send `Origin: null` along with the form.

use http::header::{self, HeaderMap, HeaderName};

use crate::config::Server;
use crate::policy::Host;

const SEC_FETCH_SITE: HeaderName = HeaderName::from_static("sec-fetch-site");

/// The origins our pages are served from.
#[derive(Debug)]
pub(super) struct Origins {
    https: bool,
    hosts: Vec<Host>,
}

impl Origins {
    pub(super) fn new(server: &Server) -> Self {
        let hosts = std::iter::once(server.public_url.host()).chain(&server.hosts);
        Self { https: server.public_url.is_https(), hosts: hosts.cloned().collect() }
    }

    /// Whether the sender is a page of ours, or the person alone.
    pub(super) fn sent(&self, headers: &HeaderMap) -> bool {
        match only(headers, &SEC_FETCH_SITE) {
            Ok(Some(site)) => matches!(site, "same-origin" | "none"),
            Ok(None) => match only(headers, &header::ORIGIN) {
                Ok(Some(origin)) => self.contain(origin),
                Ok(None) | Err(Unclear) => false,
            },
            Err(Unclear) => false,
        }
    }

    fn contain(&self, origin: &str) -> bool {
        let scheme = if self.https { "https://" } else { "http://" };
        let port = if self.https { 443 } else { 80 };
        let Some(authority) = origin.strip_prefix(scheme) else { return false };
        let Ok(origin) = Host::parse(authority) else { return false };
        let place = |host: &Host| (host.name().to_owned(), host.port().unwrap_or(port));
        self.hosts.iter().any(|ours| place(ours) == place(&origin))
    }
}

/// A header that is there twice, or is no text.
struct Unclear;

fn only<'a>(headers: &'a HeaderMap, name: &HeaderName) -> Result<Option<&'a str>, Unclear> {
    let mut lines = headers.get_all(name).iter();
    let Some(line) = lines.next() else { return Ok(None) };
    match (line.to_str(), lines.next()) {
        (Ok(text), None) => Ok(Some(text)),
        (_, _) => Err(Unclear),
    }
}

#[cfg(test)]
mod tests {
    use http::HeaderMap;

    use super::Origins;
    use crate::policy::Host;

    fn sent(https: bool, lines: &[(&'static str, &str)]) -> bool {
        let hosts = ["portal.example", "other.example:8443", "[::1]:8080"];
        let hosts = hosts.iter().map(|host| Host::parse(host).unwrap()).collect();
        let mut headers = HeaderMap::new();
        for (name, value) in lines {
            headers.append(*name, value.parse().unwrap());
        }
        Origins { https, hosts }.sent(&headers)
    }

    #[test]
    fn a_form_of_ours_is_believed() {
        for lines in [
            &[("sec-fetch-site", "same-origin")][..],
            &[("sec-fetch-site", "none")],
            &[("origin", "https://portal.example")],
            &[("origin", "https://portal.example:443")],
            &[("origin", "https://other.example:8443")],
            &[("origin", "https://[::1]:8080")],
            // Fetch Metadata comes first: it is not rewritten on the way.
            &[("sec-fetch-site", "same-origin"), ("origin", "null")],
        ] {
            assert!(sent(true, lines), "{lines:?}");
        }
        assert!(sent(false, &[("origin", "http://portal.example")]));
    }

    #[test]
    fn a_form_of_anybody_else_is_not() {
        for lines in [
            &[][..],
            &[("sec-fetch-site", "cross-site")],
            &[("sec-fetch-site", "same-site")],
            &[("sec-fetch-site", "")],
            &[("sec-fetch-site", "Same-Origin")],
            &[("sec-fetch-site", "cross-site"), ("origin", "https://portal.example")],
            &[("sec-fetch-site", "same-origin"), ("sec-fetch-site", "same-origin")],
            &[("origin", "null")],
            &[("origin", "http://portal.example")],
            &[("origin", "https://portal.example.evil.example")],
            &[("origin", "https://portal.example/")],
            &[("origin", "https://portal.example:444")],
            &[("origin", "https://evil@portal.example")],
            &[("origin", "https://sub.portal.example")],
            &[("origin", "https://portal.example, https://portal.example")],
            &[("origin", "https://portal.example"), ("origin", "https://portal.example")],
            &[("referer", "https://portal.example/")],
        ] {
            assert!(!sent(true, lines), "{lines:?}");
        }
        assert!(!sent(false, &[("origin", "https://portal.example")]));
    }
}
