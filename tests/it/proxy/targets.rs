//! The request target: one spelling for a path or a 400, and what was matched is what arrives.

use crate::support::gate::TestGate;
use crate::support::wire::WireReply;

async fn get(gate: &TestGate, target: &[u8]) -> WireReply {
    request(gate, b"GET", target).await
}

async fn request(gate: &TestGate, method: &[u8], target: &[u8]) -> WireReply {
    let end = b" HTTP/1.1\r\nhost: portal.test\r\n\r\n";
    gate.raw([method, b" ", target, end].concat()).await
}

/// Each of these targets is a 400, and the portal hears nothing.
async fn refuses(targets: &[&[u8]]) {
    let gate = TestGate::start().await;
    for target in targets {
        let text = String::from_utf8_lossy(target);
        let reply = get(&gate, target).await;
        assert_eq!(reply.status, 400, "{text}: {}", reply.text());
        gate.nothing_arrived(&text).await;
    }
}

#[tokio::test]
async fn dot_segments_are_refused_in_any_spelling() {
    refuses(&[
        b"/open/../closed/a",
        b"/open/./a",
        b"/open/..",
        b"/open/.",
        b"/..",
        b"/../../etc/passwd",
        b"/open/%2e%2e/closed/a",
        b"/open/%2E%2e/closed/a",
        b"/open/.%2e/closed/a",
        b"/open/%2e./closed/a",
        b"/open/%2e/a",
        b"/closed/../open/a",
    ])
    .await;
}

#[tokio::test]
async fn encoded_slashes_and_backslashes_are_refused() {
    refuses(&[
        b"/open/a%2fb",
        b"/open/a%2Fb",
        b"/.portcullis/link/a%2fb",
        b"/open%2fa",
        b"/open/..%2fclosed/a",
        b"/open/..%2Fclosed/a",
        b"/open/a\\b",
        b"/open/..\\closed\\a",
        b"/open/a%5cb",
        b"/open/a%5Cb",
        b"/open/..%5cclosed/a",
        b"\\open\\a",
    ])
    .await;
}

#[tokio::test]
async fn empty_segments_are_refused() {
    refuses(&[b"//open/a", b"/open//a", b"/open/a//", b"///", b"/open/a//../b"]).await;
}

#[tokio::test]
async fn parameters_that_hide_dots_are_refused() {
    refuses(&[
        b"/open/..;/closed/a",
        b"/open/..;x",
        b"/open/..%3b/closed/a",
        b"/open;x/../closed/a",
        b"/open/;",
        b"/open/;x/a",
        b"/.portcullis/sign-in;x",
    ])
    .await;
}

#[tokio::test]
async fn double_encoded_forbidden_bytes_are_refused() {
    refuses(&[
        b"/open/%252e%252e/closed/a",
        b"/open/%25252e%25252e/closed/a",
        b"/open/..%252fclosed/a",
        b"/open/..%255cclosed/a",
        b"/open/a%2500",
        b"/open/a%250d%250a",
        b"/open/%25%32%65",
        b"/open/%25u002e",
        b"/.portcullis/sign-in%2520",
    ])
    .await;
}

#[tokio::test]
async fn wide_dots_and_slashes_are_refused() {
    refuses(&[
        "/open/\u{ff0e}\u{ff0e}/closed/a".as_bytes(),
        "/open/\u{2025}/closed/a".as_bytes(),
        "/open/..\u{ff0f}closed/a".as_bytes(),
        "/open/..\u{ff3c}closed/a".as_bytes(),
        "/open/.\u{200b}./closed/a".as_bytes(),
        "/open/a\u{ff0f}\u{ff0f}b".as_bytes(),
    ])
    .await;
}

#[tokio::test]
async fn bad_escapes_and_invalid_utf8_are_refused() {
    refuses(&[
        b"/open/%",
        b"/open/%4",
        b"/open/%zz",
        b"/open/%u002e%u002e/closed",
        b"/open/%-1",
        b"/open/%ff",
        b"/open/%c0%ae%c0%ae/closed/a",
        b"/open/%e0%80%ae",
        b"/open/%ed%a0%80",
        b"/open/%c0%af",
        b"/open/\xff",
        b"/open/\xc0\xae\xc0\xae/closed/a",
    ])
    .await;
}

#[tokio::test]
async fn control_characters_and_bare_spaces_are_refused() {
    refuses(&[
        b"/open/%00",
        b"/closed/a%00/open",
        b"/open/a%0a",
        b"/open/a%0d%0aX-Injected:%20yes",
        b"/open/a%09",
        b"/open/a%7f",
        b"/open/a%1f",
        b"/open/%c2%85",
        b"/open/%20",
        b"/open/..%20/closed/a",
        b"/open/a\x00",
        b"/open/a\x01b",
        b"/open/a\x7fb",
        b"/open/a\tb",
        b"/open/a b",
        b"/open/a?b c",
        b"/open/a?b\x01",
        b"/open/a?b\xff",
    ])
    .await;
}

#[tokio::test]
async fn targets_that_are_not_paths_are_refused() {
    refuses(&[
        b"*",
        b"open/a",
        b"?open",
        b"portal.test:80",
        b"http://other.test/open/a",
        b"https://other.test/open/a",
        b"http://portal.test@other.test/open/a",
        b"http://user@portal.test/open/a",
        b"http://user:password@portal.test/open/a",
        b"http://portal.test:81:82/open/a",
        b"http://portal.test./open/a",
        b"http:///open/a",
        b"http:/open/a",
        b"ftp://portal.test/open/a",
        b"http://portal.test/open/../closed/a",
        b"http://portal.test//open/a",
    ])
    .await;
}

#[tokio::test]
async fn connect_and_asterisk_targets_are_refused() {
    let gate = TestGate::start().await;
    for (method, target) in [
        ("CONNECT", "portal.test:443"),
        ("CONNECT", "other.test:443"),
        ("CONNECT", "/open/a"),
        ("CONNECT", "http://portal.test/open/a"),
        ("OPTIONS", "*"),
    ] {
        let reply = request(&gate, method.as_bytes(), target.as_bytes()).await;
        assert!(matches!(reply.status, 400 | 405), "{method} {target}: {}", reply.status);
        gate.nothing_arrived(&format!("{method} {target}")).await;
    }
}

#[tokio::test]
async fn fragment_is_never_part_of_a_request() {
    let gate = TestGate::start().await;
    for target in ["/open/a#b", "/open/a#/../../closed/a", "/open/a?b#c", "/open/a#?b"] {
        let reply = get(&gate, target.as_bytes()).await;
        if reply.status == 400 {
            gate.nothing_arrived(target).await;
        } else {
            // Dropped before the decision and before forwarding alike.
            assert_eq!(reply.status, 200, "{target}");
            assert_eq!(gate.arrived().target, target.split('#').next().unwrap(), "{target}");
        }
    }
    for target in ["/closed/a#/open/a", "/open/denied#a", "#/open/a"] {
        let reply = get(&gate, target.as_bytes()).await;
        assert!((300..500).contains(&reply.status), "{target}: {}", reply.status);
        gate.nothing_arrived(target).await;
    }
}

#[tokio::test]
async fn overlong_target_is_refused() {
    let gate = TestGate::start().await;
    for length in [8 * 1024 + 1, 20_000, 70_000, 200_000] {
        let target = format!("/open/{}", "a".repeat(length));
        let mut wire = gate.wire().await;
        // The gateway need not read it to its end.
        let _ = wire.try_send(format!("GET {target} HTTP/1.1\r\nhost: portal.test\r\n\r\n")).await;
        let reply = wire.reply().await;
        assert!(matches!(reply.status, 400 | 414 | 431), "{length}: {}", reply.status);
        gate.nothing_arrived(&format!("a target of {length} bytes")).await;
    }
    let longest = format!("/open/{}", "a".repeat(8 * 1024 - 6));
    assert_eq!(get(&gate, longest.as_bytes()).await.status, 200);
    assert_eq!(gate.arrived().target, longest);
}

#[tokio::test]
async fn matched_path_is_forwarded_byte_for_byte() {
    let gate = TestGate::start().await;
    for target in [
        "/open/a",
        "/open/a/",
        "/open/a%20b",
        "/open/caf%C3%A9",
        "/open/100%25",
        "/open/what%3F",
        "/open/Ticket%20%237.txt",
        "/open/a+b",
        "/open/a:b@c,d=e&f'(g)*!$~-._",
        "/open/a;b.txt",
        "/open/a%3Bb.txt;v=1",
        "/open/100%25.txt",
        "/open/100%25ab",
        "/open/a%252Fb",
        "/open/trail%20",
        "/open/%20lead",
        "/open/Report.PDF",
        "/open/.hidden",
        "/open/a..b",
        "/open/a?",
        "/open/a??",
        "/open/a?b=c&d=%2e%2e%2f&e=%zz&f=%",
        "/open/a?next=//evil.test/..;/\\|^`{}[]",
        "/open/a?%00%0d%0a",
    ] {
        let reply = get(&gate, target.as_bytes()).await;
        assert_eq!(reply.status, 200, "{target}: {}", reply.text());
        assert_eq!(gate.arrived().target, target);
    }
}

#[tokio::test]
async fn equivalent_paths_are_forwarded_canonically() {
    let gate = TestGate::start().await;
    for (target, canonical) in [
        ("/open/caf%c3%a9", "/open/caf%C3%A9"),
        ("/open/café", "/open/caf%C3%A9"),
        ("/%6fpen/%61", "/open/a"),
        ("/open/%7e%2d%5f", "/open/~-_"),
        ("http://portal.test/open/a?b", "/open/a?b"),
        ("HTTP://PORTAL.test/open/a", "/open/a"),
    ] {
        let reply = get(&gate, target.as_bytes()).await;
        assert_eq!(reply.status, 200, "{target}: {}", reply.text());
        assert_eq!(gate.arrived().target, canonical, "{target}");
    }
}

#[tokio::test]
async fn every_spelling_of_a_denied_path_is_denied() {
    let gate = TestGate::start().await;
    for target in [
        "/open/denied",
        "/open/denied?",
        "/open/%64enied",
        "/open/%64%65%6E%69%65%64",
        "/%6f%70%65%6e/denied",
        "/open/denied%3F",
        "/open/denied%3Fa=b",
        "/open/denied%23",
        "/open/Denied",
        "/open/DENIED/",
        "/open/denied/",
        "/open/denied.",
        "/open/denied%20",
        "/open/denied.json",
        "/open/denied;x",
        "/open/denied%3Bx",
        "/open/denied::$DATA",
        "/open/(S(x))/denied",
        "/open/deni%2565d",
        "/open/den%C4%B1ed",
        "/open/denied%E2%80%8B",
        "/open/%EF%BD%84enied",
        "/open%EF%BC%8Fdenied",
        "/closed/a",
        "/CLOSED/a",
        "/OPEN/a",
        "/Open/a",
        "/read-only/",
        "/read-only.",
        "/read-only%20",
        "/",
        "/nowhere",
    ] {
        let reply = get(&gate, target.as_bytes()).await;
        assert!((300..500).contains(&reply.status), "{target}: {}", reply.status);
        gate.nothing_arrived(target).await;
    }
}

#[tokio::test]
async fn unlisted_method_is_denied() {
    let gate = TestGate::start().await;
    for method in
        ["POST", "PUT", "DELETE", "OPTIONS", "PATCH", "TRACE", "PROPFIND", "get", "Get", "GETX"]
    {
        let reply = request(&gate, method.as_bytes(), b"/read-only").await;
        assert!((400..500).contains(&reply.status), "{method}: {}", reply.status);
        gate.nothing_arrived(method).await;
    }
    for method in ["TRACE", "TRACK", "PROPFIND", "post", "FOO"] {
        let reply = request(&gate, method.as_bytes(), b"/open/a").await;
        assert!((400..500).contains(&reply.status), "{method}: {}", reply.status);
        gate.nothing_arrived(method).await;
    }
    assert_eq!(get(&gate, b"/read-only").await.status, 200);
    assert_eq!(gate.arrived().method, "GET");
}

#[tokio::test]
async fn query_never_selects_a_laxer_route() {
    let gate = TestGate::start().await;
    for target in ["/closed/a?/open/a", "/?/open/a", "/closed/a?x=/open/../..", "/nowhere?/open/"] {
        let reply = get(&gate, target.as_bytes()).await;
        assert!((300..500).contains(&reply.status), "{target}: {}", reply.status);
        gate.nothing_arrived(target).await;
    }
}
