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

fn is_reserved(filter: &InboundFilter, name: &HeaderName) -> bool {
    filter.reserved(name).is_some()
}

fn passes(filter: &InboundFilter, name: &HeaderName, nominated: &Nominated) -> bool {
    filter.fate(name, nominated) == Fate::Passes
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
        let name = name.parse().unwrap();
        assert!(is_reserved(&filter, &name), "{name}");
        assert!(!passes(&filter, &name, &Nominated::default()), "{name}");

        let mut trailers =
            headers(&[(name.as_str(), "admin"), (name.as_str(), "2"), ("x-sum", "1")]);
        filter.strip_trailers(&mut trailers);
        assert_eq!(trailers, headers(&[("x-sum", "1")]), "{name}");
    }
}

#[test]
fn i5_names_that_only_resemble_ours_pass() {
    let filter = InboundFilter::new(&names(&[]), &[], &[]);
    for name in
        ["port", "x-portcullis-user", "portcull", "user", "accept", "x-request-id", "pragma"]
    {
        assert!(!is_reserved(&filter, &name.parse().unwrap()), "{name}");
    }
}

#[test]
fn i5_a_configured_name_is_guarded_in_every_spelling() {
    let filter = InboundFilter::new(&names(&[("USER", "Remote-User")]), &[], &[]);
    for name in ["remote-user", "Remote_User", "remote.user", "REMOTEUSER", "remote-user-id"] {
        assert!(is_reserved(&filter, &name.parse().unwrap()), "{name}");
    }
    assert!(!is_reserved(&filter, &"remote-control".parse().unwrap()));
    assert!(is_reserved(&filter, &"portcullis-user".parse().unwrap()), "the default name as well");
}

#[test]
fn what_the_portal_must_not_see_is_removed_in_every_spelling() {
    let filter = InboundFilter::new(&names(&[]), &["X-DokuWiki-Do".parse().unwrap()], &[]);
    for name in ["x-dokuwiki-do", "X_DokuWiki_Do", "x.dokuwiki.do"] {
        assert!(is_reserved(&filter, &name.parse().unwrap()), "{name}");
    }
    assert!(!is_reserved(&filter, &"x-dokuwiki".parse().unwrap()));
}

#[test]
fn a_command_that_the_portal_may_see_passes_and_no_other() {
    let filter = InboundFilter::new(&names(&[]), &[], &["X-HTTP-Method".parse().unwrap()]);
    for name in ["x-http-method", "X_HTTP_Method"] {
        assert!(!is_reserved(&filter, &name.parse().unwrap()), "{name}");
    }
    for name in ["x-http-method-override", "x-original-url", "portcullis-user"] {
        assert!(is_reserved(&filter, &name.parse().unwrap()), "{name}");
    }
}

#[test]
fn no_name_but_of_letters_digits_and_hyphens_passes() {
    let filter = InboundFilter::new(&names(&[]), &[], &[]);
    for name in ["script_name", "x.custom", "$wsru", "a_b", "!~passenger-client", "x~y", "a'b", "_"]
    {
        assert!(is_reserved(&filter, &name.parse().unwrap()), "{name}");
    }
    let filter = InboundFilter::new(&names(&[]), &[], &["X_Custom".parse().unwrap()]);
    assert!(!is_reserved(&filter, &"x_custom".parse().unwrap()));
    assert!(is_reserved(&filter, &"y_custom".parse().unwrap()));
}

#[test]
fn every_listed_name_is_dropped_and_can_be_let_through() {
    let filter = InboundFilter::new(&names(&[]), &[], &[]);
    for (family, listed) in reserved::listed() {
        let name: HeaderName = listed.replace('*', "1").parse().unwrap();
        let found = filter.reserved(&name);
        assert!(found.is_some(), "{listed}");
        let passing = InboundFilter::new(&names(&[]), &[], std::slice::from_ref(&name));
        assert_eq!(passing.reserved(&name).is_none(), found != Some(Family::Own), "{listed}");
        // A name is in one family: the first that has it tells.
        assert!(found == Some(family) || family != Family::Method, "{listed}");
    }
}

#[test]
fn headers_of_browsers_and_programs_pass() {
    let filter = InboundFilter::new(&names(&[]), &[], &[]);
    for name in [
        "accept",
        "accept-language",
        "authorization",
        "content-type",
        "dnt",
        "if-none-match",
        "origin",
        "priority",
        "range",
        "referer",
        "sec-fetch-site",
        "sec-ch-ua",
        "user-agent",
        "x-requested-with",
        "x-csrf-token",
        "x-xsrf-token",
        "x-api-key",
        "x-auth-token",
        "x-access-token",
        "x-user-agent",
        "x-request-id",
        "x-correlation-id",
        "x-inertia",
        "x-livewire",
        "x-pjax",
        "x-wp-nonce",
        "x-upload-content-type",
        "x-file-name",
        "x-tenant",
        "x-goog-api-key",
        "x-amz-date",
        "x-client-version",
        "x-grpc-web",
        "x-socket-id",
        "x-nextjs-data",
        "hx-request",
        "turbo-frame",
        "tus-resumable",
        "upload-offset",
        "destination",
        "depth",
        "overwrite",
        "translate",
        "soapaction",
        "traceparent",
        "via",
        "last-event-id",
        "cdn-loop",
        "x-forward",
        "x-servername",
        "remote",
        "smart-client",
        "x-schema-version",
        "x-case-id",
        "x-voucher-code",
        "x-webauthn-token",
        "x-array",
        "x-invoked-by",
        "x-credentials",
    ] {
        assert!(passes(&filter, &name.parse().unwrap(), &Nominated::default()), "{name}");
    }
}

#[test]
fn the_list_in_the_documents_is_the_list_in_the_code() {
    let text = include_str!("../../../docs/configuration.md");
    let section = text.split("## Headers that never reach the portal").nth(1).unwrap();
    let table: Vec<&str> = section.lines().filter(|line| line.starts_with("| **")).collect();
    let [proxy, method, command, identity] = table[..] else { panic!("{table:?}") };
    let documented = |row: &str| -> Vec<String> {
        row.split('`').skip(1).step_by(2).map(str::to_owned).collect()
    };
    assert_eq!(documented(proxy), reserved::PROXY);
    assert_eq!(documented(method), reserved::METHOD);
    assert_eq!(documented(command), reserved::COMMAND);
    assert_eq!(documented(identity), reserved::IDENTITY);
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
        "content_length",
        "Transfer_Encoding",
    ] {
        assert!(is_reserved(&filter, &name.parse().unwrap()), "{name}");
    }
}

#[test]
fn fields_of_one_connection_stay_with_it() {
    let filter = InboundFilter::new(&names(&[]), &[], &[]);
    let fields = headers(&[("connection", "keep-alive, X-Secret"), ("connection", "x-other")]);
    let nominated = Nominated::by(&fields).unwrap();
    for name in [
        "connection",
        "x-secret",
        "x-other",
        "te",
        "transfer-encoding",
        "upgrade",
        "keep-alive",
        "proxy-connection",
        "proxy-authorization",
    ] {
        assert!(!passes(&filter, &name.parse().unwrap(), &nominated), "{name}");
    }
    for name in ["accept", "x-secret-2", "authorization", "content-type", "range"] {
        assert!(passes(&filter, &name.parse().unwrap(), &nominated), "{name}");
    }
    assert!(passes(&filter, &"x-secret".parse().unwrap(), &Nominated::default()));
}

#[test]
fn what_is_made_anew_for_the_portal_does_not_pass() {
    let filter = InboundFilter::new(&names(&[]), &[], &[]);
    for name in ["host", "cookie", "content-length", "expect"] {
        assert!(!passes(&filter, &name.parse().unwrap(), &Nominated::default()), "{name}");
    }
    for name in ["content-type", "content-encoding", "set-cookie", "origin"] {
        assert!(passes(&filter, &name.parse().unwrap(), &Nominated::default()), "{name}");
    }
}

#[test]
fn what_the_portal_relies_on_cannot_be_nominated_away() {
    let by = |value: &str| Nominated::by(&headers(&[("connection", value)])).map(|by| by.0.len());
    for nominated in ["host", "Cookie", "close, authorization", "content-length", "origin", "x y"] {
        assert_eq!(by(nominated), Err(BadConnection), "{nominated}");
    }
    let names = |count| (0..count).map(|n| format!("x-{n}")).collect::<Vec<_>>().join(",");
    assert_eq!(by(&names(10)), Err(BadConnection));
    assert_eq!(by(&names(9)), Ok(9));
}

#[test]
fn i4_our_cookie_goes_and_the_others_stay_as_they_were() {
    let left = |lines: &[&str]| {
        let lines: Vec<_> = lines.iter().map(|line| ("cookie", *line)).collect();
        cookies(&headers(&lines)).map(|left| String::from_utf8(left).unwrap())
    };
    let as_it_was = "portcullis2=x;  odd;;spacing=1 ";
    for (lines, expected) in [
        (&["a=1; portcullis=secret;b=\"x y\"", "c=3"][..], Some("a=1; b=\"x y\"; c=3")),
        (&["portcullis=secret"], None),
        (&["portcullis=secret", "__Host-portcullis=secret"], None),
        (
            &["__Host-portcullis=1; portcullis-form=2; a=1; __Host-portcullis-x=3; portcullis =4"],
            Some("a=1"),
        ),
        (&[as_it_was], Some(as_it_was)),
        (&["portcullis=1", as_it_was], Some(as_it_was)),
        (&[], None),
    ] {
        assert_eq!(left(lines).as_deref(), expected, "{lines:?}");
    }
}

#[test]
fn i4_the_portal_cannot_set_our_cookie() {
    let mut fields = headers(&[
        ("set-cookie", "portcullis=planted; Path=/"),
        ("set-cookie", "PHPSESSID=1"),
        ("set-cookie", "__Host-portcullis-browser=planted; Path=/; Secure"),
        ("set-cookie", "portcullis2=1"),
        ("set-cookie", "=portcullis=planted"),
        ("set-cookie", "= \t=__Host-portcullis=planted"),
        ("set-cookie", "=nameless"),
        ("set-cookie", "portcullis"),
    ]);
    strip_set_cookies(&mut fields);
    let left: Vec<_> = fields.get_all(header::SET_COOKIE).iter().collect();
    assert_eq!(left, ["PHPSESSID=1", "portcullis2=1", "=nameless"]);
}

#[test]
fn forwarded_fields_say_what_we_saw() {
    let host = HeaderValue::from_static("portal.example.com");
    let (client, proxy) =
        (HeaderValue::from_static("192.0.2.7"), HeaderValue::from_static("10.0.0.1"));
    let written = |peer, chain, https| {
        let mut head = RequestHead::new(&http::Method::GET, "/");
        write_forwarded(&mut head, peer, chain, https, &host);
        String::from_utf8(head.as_bytes().to_vec()).unwrap()
    };
    assert_eq!(
        written(&client, None, true),
        "GET / HTTP/1.1\r\nx-forwarded-for: 192.0.2.7\r\nx-forwarded-proto: https\r\n\
         x-forwarded-host: portal.example.com\r\n"
    );
    assert_eq!(
        written(&proxy, Some(b"192.0.2.7"), false),
        "GET / HTTP/1.1\r\nx-forwarded-for: 192.0.2.7, 10.0.0.1\r\nx-forwarded-proto: http\r\n\
         x-forwarded-host: portal.example.com\r\n"
    );
}
