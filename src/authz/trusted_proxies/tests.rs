use super::*;
use crate::web::peer::{UNKNOWN_ADDRESS, known};

const PEER: Peer = Peer::Address(IpAddr::V4(std::net::Ipv4Addr::new(10, 0, 0, 1)));

fn proxies(header: &str) -> TrustedProxies {
    trusting(r#"["10.0.0.0/8", "2001:db8:ffff::/48"]"#, header)
}

fn trusting(peers: &str, header: &str) -> TrustedProxies {
    let text = format!(
        "server.public_url = \"https://portal.example\"\n\
         server.trusted_proxies = {peers}\n\
         server.forwarded_header = \"{header}\"\nupstream.servers = [\"http://127.0.0.1:1\"]\n"
    );
    let read = crate::config::Settings::parse(
        &text,
        std::path::Path::new("test"),
        &std::collections::HashMap::new(),
    );
    TrustedProxies::new(&read.unwrap().server)
}

fn headers(name: &'static str, lines: &[&[u8]]) -> HeaderMap {
    let name = HeaderName::from_static(name);
    lines.iter().map(|line| (name.clone(), HeaderValue::from_bytes(line).unwrap())).collect()
}

fn client(lines: &[&[u8]]) -> IpAddr {
    proxies("x-forwarded").client(&headers("x-forwarded-for", lines), PEER)
}

fn client_of_forwarded(lines: &[&[u8]]) -> IpAddr {
    proxies("forwarded").client(&headers("forwarded", lines), PEER)
}

fn ip(text: &str) -> IpAddr {
    text.parse().unwrap()
}

#[test]
fn addresses_are_read_in_every_form() {
    for (line, read) in [
        ("192.0.2.7", "192.0.2.7"),
        ("192.0.2.7:51234", "192.0.2.7"),
        (" \"192.0.2.7\" ", "192.0.2.7"),
        ("\"192.0.2.7:51234\"", "192.0.2.7"),
        ("2001:db8::7", "2001:db8::7"),
        ("[2001:db8::7]", "2001:db8::7"),
        ("[2001:db8::7]:51234", "2001:db8::7"),
        ("\"[2001:db8::7]:51234\"", "2001:db8::7"),
        ("fe80::7%eth0", "fe80::7"),
        ("[fe80::7%25eth0]:1", "fe80::7"),
        ("::ffff:192.0.2.7", "192.0.2.7"),
        ("[::ffff:192.0.2.7]:80", "192.0.2.7"),
        ("203.0.113.9, 192.0.2.7:1", "192.0.2.7"),
        ("192.0.2.7:1, 10.1.2.3:2", "192.0.2.7"),
        ("192.0.2.7, , 10.1.2.3,", "192.0.2.7"),
        ("", "10.0.0.1"),
        (" , ", "10.0.0.1"),
    ] {
        assert_eq!(client(&[line.as_bytes()]), ip(read), "{line}");
    }
    assert_eq!(client(&[b"192.0.2.7", b"10.1.2.3"]), ip("192.0.2.7"));
    assert_eq!(client(&[b"192.0.2.7", b"198.51.100.1"]), ip("198.51.100.1"));
}

#[test]
fn i6_unreadable_address_gets_a_stand_in_of_its_own() {
    let lines: [&[u8]; 9] = [
        b"unknown",
        b"unknown:1",
        b"caf\xe9",
        b"192.0.2.300",
        b"192.0.2.7:",
        b"192.0.2.7:80:80",
        b"[2001:db8::7",
        b"[192.0.2.7]:80",
        b"_hidden",
    ];
    let stand_ins = lines.map(|line| client(&[line]));
    for (number, stand_in) in stand_ins.iter().enumerate() {
        assert_ne!(*stand_in, PEER.address());
        let IpAddr::V6(v6) = stand_in else { panic!("{stand_in}") };
        // Not an address that a client has, and all of it is in what the lockout counts by.
        assert_eq!((v6.segments()[0] & 0xffc0, v6.segments()[4]), (0xfec0, 0), "{v6}");
        assert_eq!(client(&[lines[number]]), *stand_in, "the same each time");
        assert!(!stand_ins[..number].contains(stand_in), "{:?}", lines[number]);
    }
    // Behind a proxy that is known, and whatever the client has written before it.
    assert_eq!(client(&[b"192.0.2.7, unknown, 10.9.9.9"]), client(&[b"unknown"]));
    assert_eq!(client(&[b"unknown, 192.0.2.7"]), ip("192.0.2.7"));
}

#[test]
fn forwarded_fields_of_other_peers_are_ignored() {
    let fields = headers("x-forwarded-for", &[b"192.0.2.7"]);
    let stranger = Peer::Address(ip("198.51.100.1"));
    assert_eq!(proxies("x-forwarded").client(&fields, stranger), stranger.address());
    let unread = proxies("forwarded").client(&fields, PEER);
    assert_eq!(unread, PEER.address(), "another field is configured");
    let fields = headers("forwarded", &[b"for=192.0.2.7;proto=https;host=a.example"]);
    assert_eq!(proxies("forwarded").client(&fields, stranger), stranger.address());
    assert_eq!(proxies("forwarded").host(&fields, stranger), Ok(None));
    let believed = proxies("x-forwarded");
    assert_eq!(believed.client(&fields, PEER), PEER.address());
    assert_eq!((believed.https(&fields, PEER), believed.host(&fields, PEER)), (None, Ok(None)));
}

#[test]
fn forwarded_is_read_where_it_is_configured() {
    for (line, read) in [
        ("for=192.0.2.7", "192.0.2.7"),
        ("For=\"192.0.2.7:4711\"", "192.0.2.7"),
        ("for=\"[2001:db8:cafe::17]:4711\"", "2001:db8:cafe::17"),
        ("for=\"[2001:db8:cafe::17]:_port\";proto=http", "2001:db8:cafe::17"),
        ("proto=https; for=192.0.2.7; by=203.0.113.43", "192.0.2.7"),
        ("for=203.0.113.9, for=192.0.2.7, for=10.1.2.3", "192.0.2.7"),
        ("for=192.0.2.7;host=\"a,b;for=1\", for=10.1.2.3", "192.0.2.7"),
        ("proto=https", "10.0.0.1"),
    ] {
        assert_eq!(client_of_forwarded(&[line.as_bytes()]), ip(read), "{line}");
    }
    for unreadable in
        ["for=unknown", "for=_gazonk", "for=\"192.0.2.7", "for=192.0.2.7;for=192.0.2.8"]
    {
        let IpAddr::V6(v6) = client_of_forwarded(&[unreadable.as_bytes()]) else {
            panic!("{unreadable}");
        };
        assert_eq!(v6.segments()[0] & 0xffc0, 0xfec0, "{unreadable}");
    }
}

#[test]
fn i6_open_quote_hides_nothing_that_the_proxy_appends() {
    for appended in
        ["for=198.51.100.4", "for=\"198.51.100.4:55\"", "for=\"198.51.100.4\";proto=http"]
    {
        for forged in [
            "for=203.0.113.9;a=\"",
            "for=203.0.113.9;proto=https;host=evil.example;a=\"",
            "for=\"",
            "for=203.0.113.9;a=\"\\",
            "for=203.0.113.9;a=\"\\\"",
            "for=203.0.113.9;a=\"b\";c=\"",
            "for=203.0.113.9;a=\"b, for=203.0.113.8",
            "\"",
        ] {
            let line = format!("{forged}, {appended}");
            assert_eq!(client_of_forwarded(&[line.as_bytes()]), ip("198.51.100.4"), "{line}");
            let (proxies, fields) =
                (proxies("forwarded"), headers("forwarded", &[line.as_bytes()]));
            assert_eq!(proxies.host(&fields, PEER), Ok(None), "{line}");
            assert_ne!(proxies.https(&fields, PEER), Some(true), "{line}");
        }
    }
}

#[test]
fn i6_hops_before_an_element_without_for_are_ignored() {
    for silent in
        ["proto=https", "for=\"\"", "by=10.0.0.1;host=a.example", "for=10.1.2.3, proto=http"]
    {
        let line = format!("for=203.0.113.9, {silent}");
        assert_eq!(client_of_forwarded(&[line.as_bytes()]), PEER.address(), "{line}");
    }
    let line = b"for=203.0.113.9, proto=http, for=10.1.2.3";
    assert_eq!(client_of_forwarded(&[line]), ip("10.1.2.3"));
}

#[test]
fn outermost_proxy_names_scheme_and_host() {
    let reported = |line: &str| {
        let (proxies, fields) = (proxies("forwarded"), headers("forwarded", &[line.as_bytes()]));
        let host = proxies.host(&fields, PEER).map(|host| host.map(<[u8]>::to_vec));
        (proxies.https(&fields, PEER), host)
    };
    let host = |host: &str| Ok(Some(host.as_bytes().to_vec()));
    assert_eq!(
        reported("for=192.0.2.7;proto=https;host=a.example"),
        (Some(true), host("a.example"))
    );
    assert_eq!(
        reported("for=192.0.2.7;proto=wss;host=\"a.example:8443\"").1,
        host("a.example:8443")
    );
    // The client's own words before it, and a second proxy of ours behind it.
    let line = "for=1.1.1.1;host=evil.example;proto=https, for=192.0.2.7;proto=http;host=a.example, \
                for=10.1.2.3;proto=https;host=inner.example";
    assert_eq!(reported(line), (Some(false), host("a.example")));
    assert_eq!(reported("for=192.0.2.7"), (None, Ok(None)));
    assert_eq!(reported("for=192.0.2.7;host=a;host=b").1, Err(BadRequest::TwoHosts));
}

#[test]
fn websocket_scheme_counts_as_http_scheme() {
    let https = |scheme: &str| {
        proxies("x-forwarded").https(&headers("x-forwarded-proto", &[scheme.as_bytes()]), PEER)
    };
    for (scheme, https_expected) in [
        ("https", true),
        ("wss", true),
        ("WSS", true),
        ("http", false),
        ("ws", false),
        ("wss, http", true),
    ] {
        assert_eq!(https(scheme), Some(https_expected), "{scheme}");
    }
}

#[test]
fn chain_for_the_portal_is_of_addresses() {
    let fields =
        headers("forwarded", &[b"for=203.0.113.9;proto=https", b"for=\"[2001:db8::7]:1\""]);
    let chain = proxies("forwarded").chain(&fields, PEER).unwrap();
    assert_eq!(chain, b"203.0.113.9, [2001:db8::7]:1");
    assert_eq!(proxies("x-forwarded").chain(&fields, PEER), None);
}

#[test]
fn i5_unix_peers_are_trusted_only_by_name() {
    let fields = headers("x-forwarded-for", &[b"198.51.100.1, 192.0.2.7"]);
    let trusted = trusting(r#"["unix:", "10.0.0.0/8"]"#, "x-forwarded");
    assert_eq!(trusted.client(&fields, Peer::Unix), ip("192.0.2.7"));
    assert_eq!(trusted.chain(&fields, Peer::Unix).unwrap(), b"198.51.100.1, 192.0.2.7");
    assert_eq!(trusted.client(&HeaderMap::new(), Peer::Unix), UNKNOWN_ADDRESS);
    // A client that names the address of unknown ones is not a trusted proxy.
    let spoofed = headers("x-forwarded-for", &[b"198.51.100.1, fec0::"]);
    assert_eq!(known(trusted.client(&spoofed, Peer::Unix)), None);
    for peers in ["[]", r#"["0.0.0.0/0", "::/0", "127.0.0.1"]"#] {
        let proxies = trusting(peers, "x-forwarded");
        assert!(!proxies.trust(Peer::Unix), "{peers}");
        assert_eq!(proxies.client(&fields, Peer::Unix), UNKNOWN_ADDRESS, "{peers}");
        assert_eq!(proxies.chain(&fields, Peer::Unix), None, "{peers}");
        assert_eq!(proxies.https(&fields, Peer::Unix), None, "{peers}");
    }
}
