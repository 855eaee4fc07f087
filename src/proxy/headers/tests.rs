use http::header;

use super::*;
use crate::config::Settings;

fn filter() -> InboundFilter {
    let text = "server.public_url = \"http://localhost\"\n\
                upstream.servers = [\"http://127.0.0.1:1\"]\n";
    let settings = Settings::parse(text, std::path::Path::new("test"), &<_>::default()).unwrap();
    InboundFilter::new(Arc::new(ReservedHeaders::new(&settings)))
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

fn passes(filter: &InboundFilter, name: &HeaderName, nominated: &Nominated) -> bool {
    filter.fate(name, nominated) == Fate::Passes
}

#[test]
fn i5_no_spelling_of_an_identity_header_passes() {
    let filter = filter();
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
        assert!(!passes(&filter, &name, &Nominated::default()), "{name}");

        let mut trailers =
            headers(&[(name.as_str(), "admin"), (name.as_str(), "2"), ("x-sum", "1")]);
        filter.strip_trailers(&mut trailers);
        assert_eq!(trailers, headers(&[("x-sum", "1")]), "{name}");
    }
}

#[test]
fn headers_of_browsers_and_programs_pass() {
    let filter = filter();
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
fn headers_of_one_connection_do_not_pass() {
    let filter = filter();
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
fn rewritten_headers_do_not_pass() {
    let filter = filter();
    for name in ["host", "cookie", "content-length", "expect"] {
        assert!(!passes(&filter, &name.parse().unwrap(), &Nominated::default()), "{name}");
    }
    for name in ["content-type", "content-encoding", "set-cookie", "origin"] {
        assert!(passes(&filter, &name.parse().unwrap(), &Nominated::default()), "{name}");
    }
}

#[test]
fn connection_cannot_nominate_end_to_end_headers() {
    let by = |value: &str| Nominated::by(&headers(&[("connection", value)])).map(|by| by.0.len());
    for nominated in ["host", "Cookie", "close, authorization", "content-length", "origin", "x y"] {
        assert_eq!(by(nominated), Err(BadConnection), "{nominated}");
    }
    let names = |count| (0..count).map(|n| format!("x-{n}")).collect::<Vec<_>>().join(",");
    assert_eq!(by(&names(10)), Err(BadConnection));
    assert_eq!(by(&names(9)), Ok(9));
}

#[test]
fn i4_only_our_cookies_are_removed() {
    let left = |lines: &[&str]| {
        let lines: Vec<_> = lines.iter().map(|line| ("cookie", *line)).collect();
        cookies(&headers(&lines), None, None).map(|left| String::from_utf8(left).unwrap())
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
    strip_set_cookies(&mut fields, None);
    let left: Vec<_> = fields.get_all(header::SET_COOKIE).iter().collect();
    assert_eq!(left, ["PHPSESSID=1", "portcullis2=1", "=nameless"]);
}

/// The setting of a cookie `PORTAL_USER`.
fn identity_cookie() -> IdentityCookie {
    let text = "server.public_url = \"http://localhost\"\n\
                upstream.servers = [\"http://127.0.0.1:1\"]\n\
                identity.cookie = { name = \"PORTAL_USER\", value = \"{login}\" }\n";
    let settings = Settings::parse(text, std::path::Path::new("test"), &<_>::default()).unwrap();
    settings.identity.cookie.unwrap()
}

#[test]
fn i5_identity_cookie_replaces_the_clients() {
    let setting = identity_cookie();
    for (lines, identity, expected) in [
        (
            &["a=1; PORTAL_USER=root; b=2"][..],
            Some("PORTAL_USER=ann"),
            Some("PORTAL_USER=ann; a=1; b=2"),
        ),
        (&["portal.user=root", "c=3"], Some("PORTAL_USER=ann"), Some("PORTAL_USER=ann; c=3")),
        (&["a=\"open", "portcullis=x"], Some("PORTAL_USER=ann"), Some("PORTAL_USER=ann; a=\"open")),
        (&["a=1,PORTAL_USER=root; b=2"], None, Some("b=2")),
        (&["PORTAL_USER[]=root"], None, None),
        (&[], Some("PORTAL_USER=ann"), Some("PORTAL_USER=ann")),
        (&["a=1;  b=2"], None, Some("a=1;  b=2")),
    ] {
        let fields: Vec<_> = lines.iter().map(|line| ("cookie", *line)).collect();
        let sent = cookies(&headers(&fields), Some(&setting), identity.map(str::to_owned));
        let sent = sent.map(|sent| String::from_utf8(sent).unwrap());
        assert_eq!(sent.as_deref(), expected, "{lines:?}");
    }
}

#[test]
fn i5_the_portal_cannot_set_the_identity_cookie() {
    let lines = [
        ("set-cookie", "PORTAL_USER=root; Path=/"),
        ("set-cookie", "portal.user=root"),
        ("set-cookie", "=PORTAL_USER=root"),
        ("set-cookie", "other=1; Path=/PORTAL_USER"),
        ("set-cookie", "portcullis=planted"),
    ];
    let mut fields = headers(&lines);
    strip_set_cookies(&mut fields, Some(&identity_cookie()));
    let left: Vec<_> = fields.get_all(header::SET_COOKIE).iter().collect();
    assert_eq!(left, ["other=1; Path=/PORTAL_USER"]);
    let mut fields = headers(&lines);
    strip_set_cookies(&mut fields, None);
    assert_eq!(fields.get_all(header::SET_COOKIE).iter().count(), 4);
}

#[test]
fn x_forwarded_fields_are_written() {
    let host = HeaderValue::from_static("portal.example.com");
    let (client, proxy) =
        (HeaderValue::from_static("192.0.2.7"), HeaderValue::from_static("10.0.0.1"));
    let written = |peer, chain, https| {
        let mut head = RequestHead::new(&http::Method::GET, "/");
        write_forwarded(&mut head, peer, chain, https, &host);
        String::from_utf8(head.as_bytes().to_vec()).unwrap()
    };
    assert_eq!(
        written(Some(&client), None, true),
        "GET / HTTP/1.1\r\nx-forwarded-for: 192.0.2.7\r\nx-forwarded-proto: https\r\n\
         x-forwarded-host: portal.example.com\r\n"
    );
    assert_eq!(
        written(Some(&proxy), Some(b"192.0.2.7"), false),
        "GET / HTTP/1.1\r\nx-forwarded-for: 192.0.2.7, 10.0.0.1\r\nx-forwarded-proto: http\r\n\
         x-forwarded-host: portal.example.com\r\n"
    );
    // Over a Unix socket.
    assert!(written(None, Some(b"192.0.2.7"), false).contains("x-forwarded-for: 192.0.2.7\r\n"));
    assert!(!written(None, None, false).contains("x-forwarded-for"));
}
