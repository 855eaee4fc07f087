//! Whether a form was sent by a page of ours.
//!
//! 1. `Sec-Fetch-Site: same-origin`, which no page can forge: yes. Any other value but `none`,
//!    which stands for a person's act outside of pages: no.
//! 2. With `none`, or without the field (older browsers, and all browsers over plain http), an
//!    `Origin` that is exactly one of ours: yes.
//! 3. Neither field, or one of them twice: no.
//!
//! Rule 2 is the reason for the referrer policy `strict-origin` on pages with a form: under
//! `no-referrer`, browsers send `Origin: null` with the form.

use http::header::{self, HeaderMap};

use crate::config::{ServedHosts, Server};
use crate::web::fetch_metadata::{SEC_FETCH_SITE, Unclear, only};

/// The origins our pages are served from.
#[derive(Debug)]
pub(crate) struct Origins(ServedHosts);

impl Origins {
    pub(crate) fn new(server: &Server) -> Self {
        Self(ServedHosts::new(server))
    }

    /// Whether a page of ours sent the request.
    pub(crate) fn sent(&self, headers: &HeaderMap) -> bool {
        match only(headers, &SEC_FETCH_SITE) {
            Ok(Some("same-origin")) => true,
            Ok(Some("none") | None) => match only(headers, &header::ORIGIN) {
                Ok(Some(origin)) => self.0.serves_origin(origin),
                Ok(None) | Err(Unclear) => false,
            },
            Ok(Some(_)) | Err(Unclear) => false,
        }
    }
}

#[cfg(test)]
mod tests {
    use std::collections::HashMap;
    use std::path::Path;

    use http::HeaderMap;

    use super::Origins;
    use crate::config::Settings;

    fn sent(https: bool, lines: &[(&'static str, &str)]) -> bool {
        let scheme = if https { "https" } else { "http" };
        sent_to(&format!("{scheme}://portal.example"), lines)
    }

    fn sent_to(public_url: &str, lines: &[(&'static str, &str)]) -> bool {
        let text = format!(
            "[server]\npublic_url = \"{public_url}\"\n\
             [upstream]\nservers = [\"http://127.0.0.1:9000\"]\n"
        );
        let settings = Settings::parse(&text, Path::new("test.toml"), &HashMap::new()).unwrap();
        let mut server = settings.server;
        server.hosts =
            ["other.example:8443", "[::1]:8080", "127.0.0.1"].map(|h| h.parse().unwrap()).into();
        let mut headers = HeaderMap::new();
        for (name, value) in lines {
            headers.append(*name, value.parse().unwrap());
        }
        Origins::new(&server).sent(&headers)
    }

    #[test]
    fn a_form_of_ours_is_believed() {
        for lines in [
            &[("sec-fetch-site", "same-origin")][..],
            &[("sec-fetch-site", "none"), ("origin", "https://portal.example")],
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
            &[("sec-fetch-site", "none")],
            &[("sec-fetch-site", "none"), ("origin", "https://other.example")],
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

    #[test]
    fn a_host_without_a_port_is_on_the_port_of_the_public_url() {
        let from = |origin| sent_to("http://localhost:9090", &[("origin", origin)]);
        for ours in ["http://localhost:9090", "http://127.0.0.1:9090", "http://[::1]:8080"] {
            assert!(from(ours), "{ours}");
        }
        for other in ["http://localhost", "http://127.0.0.1", "http://[::1]:9090"] {
            assert!(!from(other), "{other}");
        }
    }
}
