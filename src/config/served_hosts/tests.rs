use super::*;

fn hosts() -> ServedHosts {
    ServedHosts::parsed("https://portal.example", &["other.example", "third.example:8443"])
}

#[test]
fn host_field_is_found_in_any_case_and_on_any_port() {
    let hosts = hosts();
    for (field, served) in [
        ("portal.example", "portal.example"),
        ("PORTAL.Example:8080", "portal.example"),
        ("other.example", "other.example"),
        ("other.example:443", "other.example"),
        ("third.example", "third.example:8443"),
        ("third.example:8443", "third.example:8443"),
    ] {
        let index = hosts.find(field.as_bytes()).unwrap();
        assert_eq!(hosts.get(&index).value(), served, "{field}");
    }
}

#[test]
fn host_field_that_is_not_served_is_refused() {
    let hosts = hosts();
    for (field, refusal) in [
        (&b"example"[..], BadRequest::UnknownHost),
        (b"portal.example.evil.example", BadRequest::UnknownHost),
        (b"xportal.example", BadRequest::UnknownHost),
        (b"127.0.0.1", BadRequest::UnknownHost),
        (b"", BadRequest::BadHost),
        (b"portal.example.", BadRequest::BadHost),
        (b"portal.example/", BadRequest::BadHost),
        (b"portal.example:port", BadRequest::BadHost),
        (b"portal.example, other.example", BadRequest::BadHost),
        (b"\xffportal.example", BadRequest::BadHost),
    ] {
        let found = hosts.find(field).map(|index| hosts.get(&index).name().to_owned());
        assert_eq!(found, Err(refusal), "{}", field.escape_ascii());
    }
}

#[test]
fn host_without_a_port_has_that_of_the_public_url() {
    let hosts =
        ServedHosts::parsed("http://portal.example:8080", &["other.example", "a.example:80"]);
    for (field, value) in [
        ("portal.example", "portal.example:8080"),
        ("other.example", "other.example:8080"),
        ("a.example", "a.example"),
    ] {
        let index = hosts.find(field.as_bytes()).unwrap();
        assert_eq!(hosts.get(&index).value(), value, "{field}");
    }
}

#[test]
fn origin_is_served_with_scheme_and_port_only() {
    let hosts = hosts();
    for origin in [
        "https://portal.example",
        "HTTPS://PORTAL.EXAMPLE",
        "https://portal.example:443",
        "https://other.example",
        "https://third.example:8443",
    ] {
        assert!(hosts.is_origin(origin), "{origin}");
    }
    for origin in [
        "http://portal.example",
        "https://portal.example:8443",
        "https://third.example",
        "https://example",
        "https://portal.example/",
        "portal.example",
        "null",
        "",
    ] {
        assert!(!hosts.is_origin(origin), "{origin}");
    }
}

#[test]
fn gateway_is_reached_at_served_names_and_named_ports() {
    let hosts = hosts();
    let is_reached_at = |host: &str| hosts.is_reached_at(&host.parse().unwrap());
    for host in ["portal.example", "other.example:443", "Portal.example:80", "other.example:8443"] {
        assert!(is_reached_at(host), "{host}");
    }
    for host in ["status.portal.example", "example", "portal.example:9000"] {
        assert!(!is_reached_at(host), "{host}");
    }
}

#[test]
fn hosts_below_a_parent_are_served() {
    let hosts =
        ServedHosts::parsed("https://portal.example", &["*.portal.example", "*.b.example:8443"]);
    for (field, value) in [
        ("acme.portal.example", "acme.portal.example"),
        ("ACME.portal.example:443", "acme.portal.example"),
        ("acme.b.example", "acme.b.example:8443"),
        ("portal.example", "portal.example"),
    ] {
        let found = hosts.find(field.as_bytes()).unwrap();
        assert_eq!(hosts.get(&found).value(), value, "{field}");
    }
    for field in ["a.b.portal.example", "b.example", "xportal.example", "127.0.0.1"] {
        assert_eq!(hosts.find(field.as_bytes()).err(), Some(BadRequest::UnknownHost), "{field}");
    }
    for field in [".portal.example", "-.portal.example", "a b.portal.example"] {
        assert_eq!(hosts.find(field.as_bytes()).err(), Some(BadRequest::BadHost), "{field}");
    }
    assert!(hosts.is_reached_at(&"acme.portal.example".parse().unwrap()));
    assert!(!hosts.is_reached_at(&"a.b.portal.example".parse().unwrap()));
    let own = hosts.find(b"acme.portal.example").unwrap();
    for (origin, allowed) in [
        ("https://acme.portal.example", true),
        ("https://portal.example", true),
        ("https://globex.portal.example", false),
        ("http://acme.portal.example", false),
        ("https://acme.portal.example:8443", false),
    ] {
        assert_eq!(hosts.is_origin_for(origin, hosts.get(&own)), allowed, "{origin}");
    }
    for (origin, served) in [
        ("https://globex.portal.example", true),
        ("https://acme.b.example:8443", true),
        ("https://acme.b.example", false),
        ("https://a.b.portal.example", false),
        ("http://globex.portal.example", false),
    ] {
        assert_eq!(hosts.serves_origin(origin), served, "{origin}");
    }
}
