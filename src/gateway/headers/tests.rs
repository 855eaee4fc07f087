use http::header;

use super::*;
use crate::config::Settings;

fn names(custom: &[(&str, &str)]) -> IdentityNames {
    let mut set = std::collections::HashMap::from([
        ("PORTCULLIS__SERVER__PUBLIC_URL".to_owned(), "http://localhost".to_owned()),
        ("PORTCULLIS__UPSTREAM__SERVERS".to_owned(), "http://127.0.0.1:1".to_owned()),
    ]);
    for (key, value) in custom {
        set.insert(format!("PORTCULLIS__IDENTITY__{key}"), (*value).to_owned());
    }
    Settings::parse("", std::path::Path::new("test"), &set).unwrap().identity
}

fn headers(lines: &[(&str, &str)]) -> HeaderMap {
    let mut headers = HeaderMap::new();
    for (name, value) in lines {
        headers.append(
            HeaderName::from_bytes(name.as_bytes()).unwrap(),
            HeaderValue::from_str(value).unwrap(),
        );
    }
    headers
}

#[test]
fn i5_no_spelling_of_an_identity_header_passes() {
    let filter = InboundFilter::new(&names(&[]), &[], &[]);
    for name in [
        "portcullis-user",
        "Portcullis-User",
        "PORTCULLIS_USER",
        "portcullis.user",
        "portcullisuser",
        "_portcullis-user",
        "port-cullis-user",
        "portcullis-user-2",
        "portcullis-anything-else",
        "portcullis--granted",
    ] {
        let mut fields = headers(&[(name, "admin"), (name, "again"), ("accept", "*/*")]);
        filter.strip_head(&mut fields);
        assert_eq!(fields, headers(&[("accept", "*/*")]), "{name}");
    }
}

#[test]
fn i5_names_that_only_resemble_ours_pass() {
    let filter = InboundFilter::new(&names(&[]), &[], &[]);
    for name in
        ["port", "x-portcullis-user", "portcull", "user", "accept", "x-request-id", "pragma"]
    {
        assert!(!filter.is_reserved(&name.parse().unwrap()), "{name}");
    }
}

#[test]
fn i5_a_configured_name_is_guarded_in_every_spelling() {
    let filter = InboundFilter::new(&names(&[("USER", "Remote-User")]), &[], &[]);
    for name in ["remote-user", "Remote_User", "remote.user", "REMOTEUSER", "remote-user-id"] {
        assert!(filter.is_reserved(&name.parse().unwrap()), "{name}");
    }
    assert!(!filter.is_reserved(&"remote-addr".parse().unwrap()));
    assert!(filter.is_reserved(&"portcullis-user".parse().unwrap()), "the default name as well");
}

#[test]
fn what_the_portal_must_not_see_is_removed_in_every_spelling() {
    let filter = InboundFilter::new(&names(&[]), &["X-DokuWiki-Do".parse().unwrap()], &[]);
    for name in ["x-dokuwiki-do", "X_DokuWiki_Do", "x.dokuwiki.do"] {
        assert!(filter.is_reserved(&name.parse().unwrap()), "{name}");
    }
    assert!(!filter.is_reserved(&"x-dokuwiki".parse().unwrap()));
}

#[test]
fn a_command_that_the_portal_may_see_passes_and_no_other() {
    let filter = InboundFilter::new(&names(&[]), &[], &["X-HTTP-Method".parse().unwrap()]);
    for name in ["x-http-method", "X_HTTP_Method"] {
        assert!(!filter.is_reserved(&name.parse().unwrap()), "{name}");
    }
    for name in ["x-http-method-override", "x-original-url", "portcullis-user"] {
        assert!(filter.is_reserved(&name.parse().unwrap()), "{name}");
    }
}

#[test]
fn what_another_proxy_would_say_is_not_believed() {
    let filter = InboundFilter::new(&names(&[]), &[], &[]);
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
    ] {
        assert!(filter.is_reserved(&name.parse().unwrap()), "{name}");
    }
}

#[test]
fn fields_of_one_connection_stay_with_it() {
    let mut fields = headers(&[
        ("connection", "keep-alive, X-Secret"),
        ("x-secret", "1"),
        ("te", "trailers"),
        ("transfer-encoding", "chunked"),
        ("upgrade", "h2c"),
        ("keep-alive", "5"),
        ("accept", "*/*"),
    ]);
    strip_hop_by_hop(&mut fields).unwrap();
    assert_eq!(fields, headers(&[("accept", "*/*")]));
}

#[test]
fn what_the_portal_relies_on_cannot_be_nominated_away() {
    for nominated in ["host", "Cookie", "close, authorization", "content-length", "origin"] {
        let mut fields = headers(&[("connection", nominated)]);
        assert_eq!(strip_hop_by_hop(&mut fields), Err(BadConnection), "{nominated}");
    }
    let many = (0..10).map(|n| format!("x-{n}")).collect::<Vec<_>>().join(",");
    assert_eq!(strip_hop_by_hop(&mut headers(&[("connection", &many)])), Err(BadConnection));
    let few = (0..9).map(|n| format!("x-{n}")).collect::<Vec<_>>().join(",");
    assert_eq!(strip_hop_by_hop(&mut headers(&[("connection", &few)])), Ok(()));
}

#[test]
fn i4_our_cookie_goes_and_the_others_stay_as_they_were() {
    let mut fields = headers(&[("cookie", "a=1; portcullis=secret;b=\"x y\""), ("cookie", "c=3")]);
    strip_cookies(&mut fields);
    assert_eq!(fields[header::COOKIE], "a=1; b=\"x y\"; c=3");

    let mut fields = headers(&[("cookie", "portcullis=secret")]);
    strip_cookies(&mut fields);
    assert!(fields.is_empty());

    let mut fields = headers(&[(
        "cookie",
        "__Host-portcullis=1; portcullis-form=2; a=1; __Host-portcullis-browser=3; portcullis =4",
    )]);
    strip_cookies(&mut fields);
    assert_eq!(fields[header::COOKIE], "a=1");

    let untouched = headers(&[("cookie", "portcullis2=x;  odd;;spacing=1 ")]);
    let mut fields = untouched.clone();
    strip_cookies(&mut fields);
    assert_eq!(fields, untouched);
}

#[test]
fn i4_the_portal_cannot_set_our_cookie() {
    let mut fields = headers(&[
        ("set-cookie", "portcullis=planted; Path=/"),
        ("set-cookie", "PHPSESSID=1"),
        ("set-cookie", "__Host-portcullis-browser=planted; Path=/; Secure"),
        ("set-cookie", "portcullis2=1"),
    ]);
    strip_set_cookies(&mut fields);
    let left: Vec<_> = fields.get_all(header::SET_COOKIE).iter().collect();
    assert_eq!(left, ["PHPSESSID=1", "portcullis2=1"]);
}

#[test]
fn forwarded_fields_say_what_we_saw() {
    let mut fields = HeaderMap::new();
    let host = HeaderValue::from_static("portal.example.com");
    let (client, proxy) =
        (HeaderValue::from_static("192.0.2.7"), HeaderValue::from_static("10.0.0.1"));
    set_forwarded(&mut fields, &client, None, true, host.clone());
    assert_eq!(fields[X_FORWARDED_FOR], "192.0.2.7");
    assert_eq!(fields[X_FORWARDED_PROTO], "https");
    assert_eq!(fields[X_FORWARDED_HOST], "portal.example.com");
    set_forwarded(&mut fields, &proxy, Some(b"192.0.2.7"), false, host);
    assert_eq!(fields[X_FORWARDED_FOR], "192.0.2.7, 10.0.0.1");
    assert_eq!(fields[X_FORWARDED_PROTO], "http");
}
