use super::*;

#[test]
fn a_valid_host_has_one_spelling() {
    for (text, name, port) in [
        ("portal.example.com", "portal.example.com", None),
        ("Portal.EXAMPLE.com:8443", "portal.example.com", Some(8443)),
        ("localhost", "localhost", None),
        ("my_portal", "my_portal", None),
        ("127.0.0.1:8080", "127.0.0.1", Some(8080)),
        ("[::1]", "[::1]", None),
        ("[0:0:0:0:0:0:0:1]:443", "[::1]", Some(443)),
        ("[2001:DB8::A]", "[2001:db8::a]", None),
        ("h:65535", "h", Some(65535)),
        ("1.example", "1.example", None),
    ] {
        let host = Host::parse(text).unwrap_or_else(|cause| panic!("{text}: {cause}"));
        assert_eq!((host.name(), host.port()), (name, port), "{text}");
        assert_eq!(Host::parse(&host.to_string()).as_ref(), Ok(&host), "{text}");
    }
}

#[test]
fn an_invalid_host_is_refused_by_name() {
    let long_label = "a".repeat(64);
    let long_name = ["abcdefgh"; 32].join(".");
    let table = [
        ("", BadHost::Empty),
        (":80", BadHost::Empty),
        ("user@portal", BadHost::UserInfo),
        ("user:secret@portal", BadHost::UserInfo),
        ("portal.example.com@evil", BadHost::UserInfo),
        ("portal.", BadHost::TrailingDot),
        ("portal.:80", BadHost::TrailingDot),
        ("a..b", BadHost::Name),
        (".a", BadHost::Name),
        ("-a", BadHost::Name),
        ("a-", BadHost::Name),
        (" portal", BadHost::Name),
        ("portal ", BadHost::Name),
        ("a, b", BadHost::Name),
        ("a,b", BadHost::Name),
        ("a/b", BadHost::Name),
        ("a\\b", BadHost::Name),
        ("a?b", BadHost::Name),
        ("a#b", BadHost::Name),
        ("a%2eb", BadHost::Name),
        ("a\tb", BadHost::Name),
        ("a\0b", BadHost::Name),
        ("pörtal", BadHost::Name),
        ("*", BadHost::Name),
        (long_label.as_str(), BadHost::Name),
        (long_name.as_str(), BadHost::Name),
        ("[::1", BadHost::Address),
        ("[::1]x", BadHost::Address),
        ("[fe80::1%25eth0]", BadHost::Address),
        ("[127.0.0.1]", BadHost::Address),
        ("127.1", BadHost::Address),
        ("2130706433", BadHost::Address),
        ("0x7f.0.0.0x1", BadHost::Address),
        ("256.1.1.1", BadHost::Address),
        ("portal:", BadHost::Port),
        ("portal:0", BadHost::Port),
        ("portal:080", BadHost::Port),
        ("portal:65536", BadHost::Port),
        ("portal:+80", BadHost::Port),
        ("portal:80:80", BadHost::Port),
        ("::1", BadHost::Port),
        ("[::1]:", BadHost::Port),
    ];
    for (text, cause) in &table {
        assert_eq!(Host::parse(text), Err(*cause), "{text:?}");
    }
    for cause in BadHost::ALL {
        assert!(table.iter().any(|row| row.1 == cause), "{cause:?} is never shown");
    }
}
