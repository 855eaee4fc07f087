use super::*;
use crate::config::Settings;

fn settings(public_url: &str) -> Settings {
    let text = format!(
        "server.public_url = \"{public_url}\"\n\
         server.hosts = [\"other.example\", \"third.example:8443\", \"*.portal.example\"]\n\
         upstream.servers = [\"http://127.0.0.1:1\"]\n"
    );
    Settings::parse(&text, std::path::Path::new("test"), &<_>::default()).unwrap()
}

fn passes(public_url: &str, method: &Method, lines: &[(&'static str, &str)]) -> bool {
    let server = settings(public_url).server;
    let mut headers = HeaderMap::new();
    for (name, value) in lines {
        headers.append(*name, value.parse().unwrap());
    }
    let hosts = ServedHosts::new(&server);
    let own = hosts.find(b"acme.portal.example").unwrap();
    may_change(method, &headers, (&hosts, hosts.get(&own)))
}

const SITE: &str = "sec-fetch-site";

#[test]
fn changes_from_served_origins_pass() {
    for lines in [
        &[][..],
        &[(SITE, "same-origin")],
        &[(SITE, "same-origin"), ("origin", "null")],
        &[(SITE, "none"), ("origin", "null")],
        &[(SITE, "same-site"), ("origin", "https://other.example")],
        &[(SITE, "same-site"), ("origin", "https://third.example:8443")],
        &[("origin", "https://portal.example")],
        &[("origin", "HTTPS://Portal.example")],
        &[("origin", "https://portal.example:443")],
        &[(SITE, "same-site"), ("origin", "https://acme.portal.example")],
        &[("origin", "https://acme.portal.example")],
        &[("origin", "https://other.example")],
    ] {
        assert!(passes("https://portal.example", &Method::POST, lines), "{lines:?}");
    }
    let lines = &[("origin", "http://portal.example:8080")];
    assert!(passes("http://portal.example:8080", &Method::DELETE, lines));
}

#[test]
fn changes_from_other_sites_do_not_pass() {
    for lines in [
        &[(SITE, "cross-site")][..],
        &[(SITE, "cross-site"), ("origin", "https://portal.example")],
        &[(SITE, "same-site")],
        &[(SITE, "same-site"), ("origin", "https://sibling.portal.example")],
        &[(SITE, "same-site"), ("origin", "null")],
        &[(SITE, "Same-Origin")],
        &[(SITE, "")],
        &[(SITE, "same-origin"), (SITE, "cross-site")],
        &[("origin", "null")],
        &[("origin", "")],
        &[("origin", "https://evil.example")],
        &[("origin", "http://portal.example")],
        &[("origin", "https://portal.example.evil.example")],
        &[("origin", "https://portal.exampl")],
        &[("origin", "https://portal.example:8443")],
        &[(SITE, "same-site"), ("origin", "https://globex.portal.example")],
        &[("origin", "https://globex.portal.example")],
        &[("origin", "https://third.example")],
        &[("origin", "https://portal.example"), ("origin", "https://portal.example")],
    ] {
        for method in [Method::POST, Method::PUT, Method::PATCH, Method::DELETE] {
            assert!(!passes("https://portal.example", &method, lines), "{method} {lines:?}");
        }
    }
    assert!(!passes(
        "http://portal.example",
        &Method::POST,
        &[("origin", "https://portal.example")]
    ));
}

#[test]
fn safe_methods_pass_from_any_site() {
    let lines = &[(SITE, "cross-site"), ("origin", "https://evil.example")];
    for method in [Method::GET, Method::HEAD, Method::OPTIONS] {
        assert!(passes("https://portal.example", &method, lines), "{method}");
    }
}
