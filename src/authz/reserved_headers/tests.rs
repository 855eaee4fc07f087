use super::*;
use crate::config::Settings;

/// Settings with these names of identity headers and no others.
fn settings(identity: &[(&str, &str)]) -> Settings {
    let mut set = std::collections::HashMap::from([
        ("PORTCULLIS__SERVER__PUBLIC_URL".to_owned(), "http://localhost".to_owned()),
        ("PORTCULLIS__UPSTREAM__SERVERS".to_owned(), "http://127.0.0.1:1".to_owned()),
    ]);
    for (key, value) in identity {
        set.insert(format!("PORTCULLIS__IDENTITY__{key}"), (*value).to_owned());
    }
    Settings::parse("", std::path::Path::new("test"), &set).unwrap()
}

fn reserved(remove: &[&str], pass: &[&str]) -> ReservedHeaders {
    let names = |names: &[&str]| names.iter().map(|name| name.parse().unwrap()).collect();
    let mut settings = settings(&[]);
    settings.upstream.remove_headers = names(remove);
    settings.upstream.pass_headers = names(pass);
    ReservedHeaders::new(&settings)
}

fn is_reserved(headers: &ReservedHeaders, name: &str) -> bool {
    headers.family(&name.parse().unwrap()).is_some()
}

#[test]
fn example_for_nginx_overwrites_what_proxies_report() {
    let example = include_str!("../../../config/examples/nginx/portal.conf").to_ascii_lowercase();
    for name in REPORTED {
        assert!(example.contains(&format!("proxy_set_header {name} ")), "{name}");
        assert!(is_reserved(&reserved(&[], &[]), name), "{name}");
    }
}

#[test]
fn i5_similar_names_are_not_reserved() {
    let headers = reserved(&[], &[]);
    for name in
        ["port", "x-portcullis-user", "portcull", "user", "accept", "x-request-id", "pragma"]
    {
        assert!(!is_reserved(&headers, name), "{name}");
    }
}

#[test]
fn i5_configured_names_are_reserved_in_every_spelling() {
    let headers = ReservedHeaders::new(&settings(&[("USER", "Remote-User")]));
    for name in ["remote-user", "Remote_User", "remote.user", "REMOTEUSER", "remote-user-id"] {
        assert!(is_reserved(&headers, name), "{name}");
    }
    assert!(!is_reserved(&headers, "remote-control"));
    assert!(is_reserved(&headers, "portcullis-user"), "the default name as well");
}

#[test]
fn removed_headers_are_reserved_in_every_spelling() {
    let headers = reserved(&["X-DokuWiki-Do"], &[]);
    for name in ["x-dokuwiki-do", "X_DokuWiki_Do", "x.dokuwiki.do"] {
        assert!(is_reserved(&headers, name), "{name}");
    }
    assert!(!is_reserved(&headers, "x-dokuwiki"));
}

#[test]
fn only_passed_headers_are_let_through() {
    let headers = reserved(&[], &["X-HTTP-Method"]);
    for name in ["x-http-method", "X_HTTP_Method"] {
        assert!(!is_reserved(&headers, name), "{name}");
    }
    for name in ["x-http-method-override", "x-original-url", "portcullis-user"] {
        assert!(is_reserved(&headers, name), "{name}");
    }
}

#[test]
fn names_with_other_characters_are_reserved() {
    let headers = reserved(&[], &[]);
    for name in ["script_name", "x.custom", "$wsru", "a_b", "!~passenger-client", "x~y", "a'b", "_"]
    {
        assert!(is_reserved(&headers, name), "{name}");
    }
    let headers = reserved(&[], &["X_Custom"]);
    assert!(!is_reserved(&headers, "x_custom"));
    assert!(is_reserved(&headers, "y_custom"));
}

#[test]
fn listed_names_are_reserved_unless_passed() {
    let headers = reserved(&[], &[]);
    for (family, listed) in listed() {
        let name: HeaderName = listed.replace('*', "1").parse().unwrap();
        let found = headers.family(&name);
        assert!(found.is_some(), "{listed}");
        let passing = reserved(&[], &[name.as_str()]);
        assert_eq!(passing.family(&name).is_none(), found != Some(Family::Own), "{listed}");
        // A name is in one family, the first that lists it.
        assert!(found == Some(family) || family != Family::Method, "{listed}");
    }
}

#[test]
fn documentation_lists_the_reserved_names() {
    let text = include_str!("../../../docs/configuration.md");
    let section = text.split("## Headers that never reach the portal").nth(1).unwrap();
    let table: Vec<&str> = section.lines().filter(|line| line.starts_with("| **")).collect();
    let [proxy, method, command, identity] = table[..] else { panic!("{table:?}") };
    let documented = |row: &str| -> Vec<String> {
        row.split('`').skip(1).step_by(2).map(str::to_owned).collect()
    };
    assert_eq!(documented(proxy), names::PROXY);
    assert_eq!(documented(method), names::METHOD);
    assert_eq!(documented(command), names::COMMAND);
    assert_eq!(documented(identity), names::IDENTITY);
}

#[test]
fn headers_of_other_proxies_are_reserved() {
    let headers = reserved(&[], &[]);
    for name in [
        "forwarded",
        "x-forwarded-for",
        "x_forwarded_for",
        "x-forwarded-host",
        "x-forwarded-uri",
        "x-real-ip",
        "x-original-url",
        "x-rewrite-url",
        "x-http-method-override",
        "x-http-method",
        "x-method-override",
        "proxy",
        "proxy-authorization",
        "true-client-ip",
        "http2-settings",
        "content_length",
        "Transfer_Encoding",
    ] {
        assert!(is_reserved(&headers, name), "{name}");
    }
}

#[test]
fn method_overrides_are_found_in_every_spelling() {
    let overrides = |headers: &ReservedHeaders, name: &str, value: &str, method: &Method| {
        let name: HeaderName = name.parse().unwrap();
        let line = HeaderMap::from_iter([(name, value.parse().unwrap())]);
        headers.override_method(&line, method, None)
    };
    let headers = reserved(&[], &[]);
    let spellings =
        ["x-http-method-override", "X_HTTP_Method", "_x-method.override", "-xhttpmethod"];
    for name in names::METHOD.into_iter().chain(spellings) {
        assert!(overrides(&headers, name, "DELETE", &Method::POST), "{name}");
        assert!(!overrides(&headers, name, " post", &Method::POST), "{name}");
        let passing = reserved(&[], &[name]);
        assert!(!overrides(&passing, name, "DELETE", &Method::POST), "{name}");
    }
    for name in ["x-http-method-2", "http-method", "x-http", "accept", "x-original-url"] {
        assert!(!overrides(&headers, name, "DELETE", &Method::POST), "{name}");
    }
    assert!(names::METHOD.iter().all(|name| name.starts_with("X-")), "see `override_method`");
}
