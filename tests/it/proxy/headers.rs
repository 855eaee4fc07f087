//! What passes and what does not, in either direction (I5), where no session is needed.

use http::Method;

use crate::support::gate::TestGate;
use crate::support::upstream::{Seen, folded};

/// Ways to write a name that a portal may take for the same.
fn aliases(name: &str) -> Vec<String> {
    let mut aliases = vec![
        name.to_owned(),
        name.to_ascii_lowercase(),
        name.to_ascii_uppercase(),
        name.replace('-', "_"),
        name.replace('-', "."),
        name.replace('-', ""),
        name.replace('-', "--"),
        name.replace('-', "_-."),
        format!("_{name}"),
        format!("{name}_"),
        format!("{name}-Extra"),
        name.to_ascii_uppercase().replace('-', "_"),
    ];
    aliases.dedup();
    aliases
}

/// Which of the fields that came begin, once folded, like this.
fn beginning_with<'a>(seen: &'a Seen, start: &str) -> Vec<&'a (String, String)> {
    seen.head.fields.iter().filter(|(name, _)| folded(name).starts_with(start)).collect()
}

#[tokio::test]
async fn i5_client_identity_headers_are_removed_in_any_spelling() {
    let gate = TestGate::start().await;
    for name in [
        "Portcullis-User",
        "Portcullis-Organization",
        "Portcullis-End-User",
        "Portcullis-Group",
        "Portcullis-Granted",
        "Portcullis-Session-Kind",
        "Portcullis-Assertion",
        "Portcullis-Request-Id",
        "Portcullis-Anything",
    ] {
        for alias in aliases(name) {
            // Twice, with an innocent field between, on a route that is open to everybody.
            let reply = gate
                .raw(format!(
                    "GET /open/a HTTP/1.1\r\nhost: portal.test\r\n{alias}: forged\r\n\
                     x-fine: yes\r\n{alias}: forged too\r\n\r\n"
                ))
                .await;
            assert_eq!(reply.status, 200, "{alias}");
            let seen = gate.arrived();
            assert!(
                !String::from_utf8_lossy(&seen.head.raw).contains("forged"),
                "{alias}: {seen:?}"
            );
            let ours = beginning_with(&seen, "portcullis");
            assert_eq!(ours.len(), 1, "{alias}: {ours:?}");
            assert!(seen.one("portcullis-request-id").is_some_and(|id| !id.is_empty()));
            assert_eq!(seen.one("x-fine"), Some("yes"));
        }
    }
}

#[tokio::test]
async fn i5_renamed_identity_headers_are_removed_too() {
    let gate = TestGate::builder()
        .setting("identity.user", "\"Remote-User\"")
        .setting("identity.organization", "\"X-Tenant\"")
        .setting("identity.request_id", "\"X-Request-Id\"")
        .start()
        .await;
    for name in ["Remote-User", "X-Tenant", "X-Request-Id", "Portcullis-User"] {
        for alias in aliases(name) {
            let reply = gate.get("/open/a").header(&alias, "forged").send().await;
            assert_eq!(reply.status, 200, "{alias}");
            let seen = gate.arrived();
            assert!(
                !String::from_utf8_lossy(&seen.head.raw).contains("forged"),
                "{alias}: {seen:?}"
            );
            assert!(seen.one("x-request-id").is_some());
        }
    }
    gate.get("/open/a").header("remote", "yes").header("x-ten", "yes").send().await;
    let seen = gate.arrived();
    assert_eq!((seen.one("remote"), seen.one("x-ten")), (Some("yes"), Some("yes")));
}

#[tokio::test]
async fn i5_identity_trailers_are_removed() {
    let gate = TestGate::start().await;
    let reply = gate
        .raw(
            "POST /open/a HTTP/1.1\r\nhost: portal.test\r\ntransfer-encoding: chunked\r\n\
             trailer: Portcullis-User, portcullis_group, X-Forwarded-For, X-Sum, Cookie, Host,\
             Keep-Alive, Authorization\r\n\r\n\
             5\r\nhello\r\n0\r\nPortcullis-User: forged\r\nportcullis_group: forged\r\n\
             X-Forwarded-For: forged\r\nX-Sum: 7\r\nCookie: portcullis=forged\r\nHost: forged\r\n\
             Keep-Alive: forged\r\nAuthorization: forged\r\n\r\n",
        )
        .await;
    assert_eq!(reply.status, 200, "{}", reply.text());
    let seen = gate.arrived();
    assert_eq!(seen.body().bytes, b"hello");
    assert_eq!(seen.body().trailers, [("x-sum".to_owned(), "7".to_owned())]);
}

#[tokio::test]
async fn hop_by_hop_request_headers_are_removed() {
    let gate = TestGate::start().await;
    let reply = gate
        .raw(
            "GET /open/a HTTP/1.1\r\nhost: portal.test\r\n\
             connection: keep-alive, X-Private, x_other\r\nkeep-alive: timeout=5\r\n\
             proxy-connection: keep-alive\r\nproxy-authorization: Basic Zm9vOmJhcg==\r\n\
             te: trailers, gzip\r\nupgrade: h2c\r\nhttp2-settings: AAMAAABkAAQAAP__\r\n\
             x-private: no\r\nX_Other: no\r\nx-public: yes\r\n\r\n",
        )
        .await;
    assert_eq!(reply.status, 200, "{}", reply.text());
    let seen = gate.arrived();
    for name in [
        "connection",
        "keep-alive",
        "proxy-connection",
        "proxy-authorization",
        "te",
        "upgrade",
        "http2-settings",
        "x-private",
        "x_other",
    ] {
        assert_eq!(seen.one(name), None, "{name}");
    }
    assert_eq!(seen.one("x-public"), Some("yes"));
}

#[tokio::test]
async fn h2c_upgrade_is_ignored() {
    let gate = TestGate::start().await;
    let mut wire = gate.wire().await;
    wire.send(
        "GET /open/a HTTP/1.1\r\nhost: portal.test\r\nconnection: Upgrade, HTTP2-Settings\r\n\
         upgrade: h2c\r\nhttp2-settings: AAMAAABkAAQAAP__\r\n\r\n",
    )
    .await;
    let reply = wire.reply().await;
    assert_eq!(reply.status, 200);
    assert_eq!(reply.head.one("upgrade"), None);
    let seen = gate.arrived();
    assert_eq!((seen.one("upgrade"), seen.one("connection")), (None, None));
    // The connection still speaks what it spoke, and each request on it is judged.
    wire.send("GET /closed/a HTTP/1.1\r\nhost: portal.test\r\n\r\n").await;
    assert_ne!(wire.reply().await.status, 200);
    gate.nothing_arrived("a request after an upgrade that was not made").await;
}

#[tokio::test]
async fn connection_cannot_nominate_protected_headers() {
    let gate = TestGate::start().await;
    let many: Vec<String> = (0..40).map(|number| format!("x-{number}")).collect();
    for nominated in [
        "cookie",
        "Cookie",
        "host",
        "close, host",
        "keep-alive, Authorization",
        "content-length",
        "content-type",
        "origin",
        "not a token",
        "a/b",
        &many.join(", "),
    ] {
        let reply = gate
            .raw(format!(
                "POST /open/a HTTP/1.1\r\nhost: portal.test\r\nconnection: {nominated}\r\n\
                 cookie: a=b\r\ncontent-length: 0\r\n\r\n"
            ))
            .await;
        assert_eq!(reply.status, 400, "{nominated}");
        gate.nothing_arrived(nominated).await;
    }
    // What we say ourselves is said last, and stays.
    let reply = gate
        .raw(
            "GET /open/a HTTP/1.1\r\nhost: portal.test\r\n\
             connection: Portcullis-Request-Id, X-Forwarded-For, X-Forwarded-Proto\r\n\r\n",
        )
        .await;
    assert_eq!(reply.status, 200);
    let seen = gate.arrived();
    for name in ["portcullis-request-id", "x-forwarded-for", "x-forwarded-proto"] {
        assert!(seen.one(name).is_some(), "{name}");
    }
}

#[tokio::test]
async fn rewrite_headers_are_removed_and_ignored() {
    let gate = TestGate::start().await;
    for name in [
        "X-Original-URL",
        "X-Rewrite-URL",
        "X-Original-URI",
        "X-Forwarded-Uri",
        "X-Forwarded-Path",
        "X-Forwarded-Prefix",
        "X-Forwarded-Method",
        "X-Original-Method",
    ] {
        for alias in aliases(name) {
            let reply = gate.get("/closed/a").header(&alias, "/open/a").send().await;
            assert!((300..500).contains(&reply.status), "{alias} opens nothing: {}", reply.status);
            gate.nothing_arrived(&alias).await;
            let reply = gate.get("/open/a").header(&alias, "/closed/a").send().await;
            assert_eq!(reply.status, 200, "{alias} closes nothing");
            let seen = gate.arrived();
            assert_eq!(seen.target, "/open/a");
            let passed = beginning_with(&seen, &folded(name));
            assert!(passed.is_empty(), "{alias}: {passed:?}");
        }
    }
}

#[tokio::test]
async fn passed_headers_do_not_change_the_decision() {
    let gate = TestGate::builder()
        .setting("upstream.pass_headers", "[\"X-Original-URL\", \"X-HTTP-Method-Override\"]")
        .start()
        .await;
    let closed = gate.get("/closed/a").header("X-Original-URL", "/open/a");
    assert!((300..500).contains(&closed.send().await.status));
    let post = gate.call(Method::POST, "/read-only").header("X-HTTP-Method-Override", "GET");
    assert!((400..500).contains(&post.send().await.status));
    gate.nothing_arrived("what was not permitted").await;
    let open = gate
        .get("/open/a")
        .header("X-Original-URL", "/closed/a")
        .header("X-HTTP-Method-Override", "DELETE")
        .header("X-Rewrite-URL", "/closed/a");
    assert_eq!(open.send().await.status, 200);
    let seen = gate.arrived();
    assert_eq!((seen.target.as_str(), seen.method.as_str()), ("/open/a", "GET"));
    assert_eq!(seen.one("x-original-url"), Some("/closed/a"));
    assert_eq!(seen.one("x-http-method-override"), Some("DELETE"));
    assert_eq!(seen.one("x-rewrite-url"), None);
}

#[tokio::test]
async fn method_override_header_is_denied() {
    let gate = TestGate::start().await;
    for name in
        ["X-HTTP-Method-Override", "X-HTTP-Method", "X-Method-Override", "X-HTTP-Verb-Override"]
    {
        for alias in [name.to_owned(), name.replace('-', "_"), name.to_ascii_uppercase()] {
            let post = gate.call(Method::POST, "/read-only").header(&alias, "GET");
            assert!((400..500).contains(&post.send().await.status), "{alias}");
            gate.nothing_arrived(&alias).await;
            for value in ["DELETE", "", "GET, DELETE"] {
                let reply = gate.get("/open/a").header(&alias, value).send().await;
                assert_eq!((reply.status, &*reply.reason()), (403, "method-override"), "{alias}");
                gate.nothing_arrived(&alias).await;
            }
        }
        // Named as what is for one connection only, it would have got lost in silence.
        let reply = gate
            .raw(format!(
                "POST /open/a HTTP/1.1\r\nhost: portal.test\r\nconnection: {name}\r\n\
                 {name}: DELETE\r\ncontent-length: 0\r\n\r\n"
            ))
            .await;
        assert_eq!(reply.status, 403, "{name}");
        gate.nothing_arrived(name).await;
    }
    let record = gate.decided("/open/a").await;
    assert_eq!(
        (&record["decision"], &record["reason"]),
        (&"deny".into(), &"method-override".into())
    );
    assert_eq!(record["route"], "Open");
}

#[tokio::test]
async fn override_with_the_same_method_is_removed() {
    let gate = TestGate::start().await;
    for alias in aliases("X-HTTP-Method-Override") {
        let reply = gate.get("/open/a").header(&alias, "get").send().await;
        assert_eq!(reply.status, 200, "{alias}");
        let seen = gate.arrived();
        assert!(beginning_with(&seen, "xhttpmethod").is_empty(), "{alias}: {seen:?}");
    }
}

#[tokio::test]
async fn gateway_headers_are_removed_and_recorded() {
    let gate = TestGate::start().await;
    for (number, name) in [
        "SCRIPT_NAME",
        "Script_Name",
        "Daphne-Root-Path",
        "X-Override-URL",
        "X-HTTP-Host-Override",
        "X-Script-Name",
        "X-Traversal-Path",
        "X-Scheme",
        "X-Originating-IP",
        "xajp-remote-user",
        "$WSRU",
        "Remote-User",
        "X-Remote-User",
        "X-Forwarded-User",
        "X-WebAuth-User",
        "X-Auth-Request-Email",
        "X-SSL-Client-S-DN",
        "X-Client-Cert",
        "X_Anything",
        "x.anything",
    ]
    .into_iter()
    .enumerate()
    {
        let path = format!("/open/{number}");
        let reply = gate.get(&path).header(name, "forged").header("x-fine", "yes").send().await;
        assert_eq!(reply.status, 200, "{name}");
        let seen = gate.arrived();
        assert!(!String::from_utf8_lossy(&seen.head.raw).contains("forged"), "{name}: {seen:?}");
        assert_eq!(seen.one("x-fine"), Some("yes"), "{name}");
        let record = gate.decided(&path).await;
        assert_eq!(record["dropped"], serde_json::json!([name.to_ascii_lowercase()]), "{name}");
    }
    gate.get("/open/plain").header("x-fine", "yes").send().await;
    assert!(gate.decided("/open/plain").await.get("dropped").is_none());
}

#[tokio::test]
async fn any_header_but_ours_can_be_passed() {
    let gate = TestGate::builder()
        .setting("upstream.pass_headers", r#"["SCRIPT_NAME", "Remote-User", "X-Real-IP"]"#)
        .start()
        .await;
    let call = gate.get("/open/a").header("SCRIPT_NAME", "/x").header("Remote-User", "anna");
    assert_eq!(
        call.header("X-Real-IP", "192.0.2.7").header("X_Other", "1").send().await.status,
        200
    );
    let seen = gate.arrived();
    assert_eq!(seen.one("script_name"), Some("/x"));
    assert_eq!(seen.one("remote-user"), Some("anna"));
    assert_eq!(seen.one("x-real-ip"), Some("192.0.2.7"));
    assert_eq!(seen.one("x_other"), None);
}

#[tokio::test]
async fn method_override_in_the_query_is_denied() {
    let gate = TestGate::start().await;
    for query in [
        "_method=DELETE",
        "_METHOD=PUT",
        "a=1&%5fmethod=PUT",
        "_httpmethod=PUT",
        "X-HTTP-Method-Override=PUT",
    ] {
        for method in [Method::POST, Method::GET] {
            let reply = gate.call(method, &format!("/open/a?{query}")).send().await;
            assert_eq!((reply.status, &*reply.reason()), (403, "method-override"), "{query}");
            gate.nothing_arrived(query).await;
        }
    }
    for query in ["method=DELETE", "a=_method", "my_method=1"] {
        let reply = gate.call(Method::POST, &format!("/open/a?{query}")).send().await;
        assert_eq!(reply.status, 200, "{query}");
        assert_eq!(gate.arrived().target, format!("/open/a?{query}"));
    }
    let gate = TestGate::builder().setting("upstream.refuse_query", "[\"do\"]").start().await;
    assert_eq!(gate.get("/open/a?_method=DELETE").send().await.status, 200);
    assert_eq!(gate.get("/open/a?DO=x").send().await.status, 403);
}

#[tokio::test]
async fn i4_link_token_is_not_recorded_in_any_spelling() {
    let gate = TestGate::start().await;
    for spelling in [
        "/.Portcullis/link/",
        "/.PORTCULLIS/link/",
        "/.portcullis./link/",
        "/.portcullis%2flink/",
        "/.portcullis%252flink/",
        "/x%2F.portcullis%2Flink%2F",
        "/docs/.portcullis/link/",
    ] {
        gate.get(&format!("{spelling}secret-token")).send().await;
    }
    gate.nothing_arrived("links").await;
    assert_eq!(gate.decided("/.portcullis/").await["decision"], "deny");
    gate.get("/open/portcullis-guide").send().await;
    gate.decided("/open/portcullis-guide").await;
    assert!(!gate.records().contains("secret-token"));
}

#[tokio::test]
async fn no_header_bypasses_the_check() {
    let gate = TestGate::start().await;
    for (name, value) in [
        ("user-agent", "kube-probe/1.30"),
        ("user-agent", "GoogleHC/1.0"),
        ("x-forwarded-for", "127.0.0.1"),
        ("x-real-ip", "127.0.0.1"),
        ("x-middleware-subrequest", "src/middleware:src/middleware"),
        ("x-portcullis-auth", "off"),
        ("authorization", "Bearer x"),
        ("x-auth-proxy", "1"),
    ] {
        let reply = gate.get("/closed/a").header(name, value).send().await;
        assert!((300..500).contains(&reply.status), "{name}: {value}");
        gate.nothing_arrived(name).await;
    }
}

#[tokio::test]
async fn forwarded_headers_are_replaced_without_trusted_proxies() {
    let gate = TestGate::start().await;
    let reply = gate
        .get("/open/a")
        .header("x-forwarded-for", "203.0.113.9")
        .header("x-forwarded-for", "203.0.113.10, 203.0.113.11")
        .header("x_forwarded_for", "203.0.113.12")
        .header("x-forwarded-proto", "https")
        .header("x-forwarded-host", "other.test")
        .header("x-forwarded-port", "4443")
        .header("forwarded", "for=203.0.113.13;host=other.test;proto=https")
        .header("x-real-ip", "203.0.113.14")
        .header("true-client-ip", "203.0.113.15")
        .header("x-client-ip", "203.0.113.16")
        .header("cf-connecting-ip", "203.0.113.17")
        .header("client-ip", "203.0.113.18")
        .header("x-remote-ip", "203.0.113.19")
        .header("x-remote-addr", "203.0.113.20")
        .header("fastly-client-ip", "203.0.113.21")
        .header("x-proxyuser-ip", "203.0.113.22")
        .header("x-forwarded-user", "forged")
        .send()
        .await;
    assert_eq!(reply.status, 200);
    let seen = gate.arrived();
    assert!(!String::from_utf8_lossy(&seen.head.raw).contains("203.0.113"), "{seen:?}");
    assert_eq!(seen.one("x-forwarded-for"), Some("127.0.0.1"));
    assert_eq!(seen.one("x-forwarded-proto"), Some("http"));
    assert_eq!(seen.one("x-forwarded-host"), Some("portal.test"));
    assert_eq!(beginning_with(&seen, "xforwarded").len(), 3, "{seen:?}");
}

#[tokio::test]
async fn forwarded_headers_of_a_trusted_proxy_are_used() {
    let gate =
        TestGate::builder().setting("server.trusted_proxies", r#"["127.0.0.1/32"]"#).start().await;
    let reply = gate
        .get("/open/a")
        .header("x-forwarded-for", "203.0.113.9")
        .header("x-forwarded-proto", "https")
        .header("x-forwarded-user", "forged")
        .header("x_forwarded_for", "203.0.113.12")
        .send()
        .await;
    assert_eq!(reply.status, 200);
    let seen = gate.arrived();
    assert_eq!(seen.one("x-forwarded-for"), Some("203.0.113.9, 127.0.0.1"));
    assert_eq!(seen.one("x-forwarded-proto"), Some("https"));
    assert_eq!(seen.one("x-forwarded-host"), Some("portal.test"));
    assert_eq!(beginning_with(&seen, "xforwarded").len(), 3, "{seen:?}");
    for (said, told) in [
        ("HTTPS", "https"),
        ("https, http", "https"),
        ("wss", "https"),
        ("ws", "http"),
        ("http, https", "http"),
        ("http", "http"),
        ("httpsx", "http"),
        ("", "http"),
    ] {
        gate.get("/open/a").header("x-forwarded-proto", said).send().await;
        assert_eq!(gate.arrived().one("x-forwarded-proto"), Some(told), "{said}");
    }
}

#[tokio::test]
async fn i6_clients_behind_a_balancer_are_counted_separately() {
    let gate =
        TestGate::builder().setting("server.trusted_proxies", r#"["127.0.0.1/32"]"#).start().await;
    // One guesser uses the budget of an address up: thirty failures, at logins nobody has.
    for number in 0..30 {
        let reply = gate.try_sign_in_from(&format!("nobody-{number}"), b"unknown").await;
        assert_eq!(reply.status, 401, "{number}");
    }
    assert_eq!(gate.try_sign_in_from("nobody-30", b"unknown").await.status, 429);
    for others in [&b"192.0.2.7:1234"[..], b"\"[2001:db8::7]:1\"", b"192.0.2.8", b"caf\xe9", b""] {
        assert_eq!(gate.try_sign_in_from("nobody-31", others).await.status, 401, "{others:?}");
    }
    assert_eq!(gate.log().matches("unreadable client address").count(), 1);
}

#[tokio::test]
async fn forwarded_header_is_used_when_configured() {
    let gate = TestGate::builder()
        .setting("server.trusted_proxies", r#"["127.0.0.1/32"]"#)
        .setting("server.forwarded_header", "\"forwarded\"")
        .start()
        .await;
    let reply = gate
        .get("/open/a")
        .header("forwarded", "for=\"[2001:db8::7]:4711\";proto=wss;host=portal.test")
        .header("x-forwarded-for", "192.0.2.66")
        .header("x-forwarded-proto", "http")
        .header("x-forwarded-host", "other.test")
        .send()
        .await;
    assert_eq!(reply.status, 200);
    let seen = gate.arrived();
    assert_eq!(seen.one("x-forwarded-for"), Some("[2001:db8::7]:4711, 127.0.0.1"));
    assert_eq!(seen.one("x-forwarded-proto"), Some("https"));
    assert_eq!(seen.one("x-forwarded-host"), Some("portal.test"));
    assert_eq!(seen.one("forwarded"), None);
    let reply =
        gate.get("/open/a").header("forwarded", "for=192.0.2.7;host=other.test").send().await;
    assert_eq!(reply.status, 421);
}

#[tokio::test]
async fn only_listed_proxies_are_trusted() {
    let gate = TestGate::builder()
        .setting("server.trusted_proxies", r#"["10.0.0.0/8", "127.0.0.2/32"]"#)
        .start()
        .await;
    gate.get("/open/a").header("x-forwarded-for", "203.0.113.9").send().await;
    assert_eq!(gate.arrived().one("x-forwarded-for"), Some("127.0.0.1"));
}

#[tokio::test]
async fn portal_cookies_pass_byte_for_byte() {
    let gate = TestGate::start().await;
    for cookies in [
        "a=1; b=\"x y\"; c",
        "a=1;b=2;  c=3 ;",
        "Portcullis=x; xportcullis=y; portcullis2=z",
        "a=portcullis; b=portcullis%3D",
        "sid=\u{fc}ml\u{e4}ut",
    ] {
        gate.get("/open/a").header("cookie", cookies).send().await;
        assert_eq!(gate.arrived().one("cookie"), Some(cookies));
    }
}

#[tokio::test]
async fn i4_session_cookie_is_removed_and_others_pass() {
    let gate = TestGate::start().await;
    for (cookies, left) in [
        ("portcullis=token", None),
        ("portcullis=token; a=1", Some("a=1")),
        ("a=1; portcullis=token; b=\"x y\"", Some("a=1; b=\"x y\"")),
        ("a=1; portcullis=one; portcullis=two", Some("a=1")),
        ("a=1;portcullis=token;b=2", Some("a=1; b=2")),
        ("a=1; portcullis=", Some("a=1")),
    ] {
        gate.get("/open/a").header("cookie", cookies).send().await;
        assert_eq!(gate.arrived().one("cookie"), left, "{cookies}");
    }
    gate.get("/open/a").header("cookie", "a=1; portcullis=x").header("cookie", "b=2").send().await;
    assert_eq!(gate.arrived().all("cookie").join("; "), "a=1; b=2");
}

#[tokio::test]
async fn portal_cannot_set_our_cookie() {
    let gate = TestGate::start().await;
    gate.upstream.answer_bytes(
        "/open/cookies",
        "HTTP/1.1 200 OK\r\nset-cookie: a=1; Path=/\r\nSet-Cookie: portcullis=evil; Path=/\r\n\
         set-cookie: =portcullis=evil\r\nset-cookie: =portcullis\r\n\
         set-cookie: portcullis =evil\r\nset-cookie: portcullis=; Max-Age=0\r\n\
         set-cookie: b=2; HttpOnly\r\ncontent-length: 0\r\n\r\n",
    );
    let reply = gate.get("/open/cookies").send().await;
    let set: Vec<&str> =
        reply.headers.get_all("set-cookie").iter().map(|line| line.to_str().unwrap()).collect();
    assert_eq!(set, ["a=1; Path=/", "b=2; HttpOnly"]);
}

#[tokio::test]
async fn i4_session_cookie_is_removed_from_websocket_requests() {
    let gate = TestGate::start().await;
    gate.upstream.answer_bytes(
        "/open/socket",
        "HTTP/1.1 101 Switching Protocols\r\nconnection: Upgrade\r\nupgrade: websocket\r\n\
         set-cookie: portcullis=evil\r\nset-cookie: a=1\r\n\r\n",
    );
    let mut wire = gate.wire().await;
    wire.send(
        "GET /open/socket HTTP/1.1\r\nhost: portal.test\r\nconnection: Upgrade\r\n\
         upgrade: websocket\r\nsec-websocket-version: 13\r\n\
         sec-websocket-key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n",
    )
    .await;
    let reply = wire.reply().await;
    assert_eq!((reply.status, reply.head.one("set-cookie")), (101, Some("a=1")));
}

#[tokio::test]
async fn hop_by_hop_response_headers_are_removed() {
    let gate = TestGate::start().await;
    gate.upstream.answer_bytes(
        "/open/fields",
        "HTTP/1.1 200 OK\r\nconnection: close, X-Private\r\nx-private: no\r\nkeep-alive: timeout=9\r\n\
         proxy-authenticate: Basic\r\nupgrade: h2c\r\nx-public: 1\r\nx-public: 2\r\n\
         server: legacy/1.0\r\nlocation: /elsewhere?x=%2f\r\ncontent-length: 2\r\n\r\nhi",
    );
    let reply = gate.get("/open/fields").send().await;
    assert_eq!((reply.status, reply.text()), (200, "hi"));
    for name in ["x-private", "keep-alive", "proxy-authenticate", "upgrade"] {
        assert_eq!(reply.header(name), None, "{name}");
    }
    let public: Vec<_> = reply.headers.get_all("x-public").iter().collect();
    assert_eq!(public, ["1", "2"]);
    assert_eq!(reply.header("server"), Some("legacy/1.0"));
    assert_eq!(reply.header("location"), Some("/elsewhere?x=%2f"));
}

#[tokio::test]
async fn response_connection_headers_are_never_forwarded() {
    let gate = TestGate::start().await;
    for (number, nominated) in ["close", "content-type, close", "x y", "\u{fc}"].iter().enumerate()
    {
        let path = format!("/open/nominates-{number}");
        gate.upstream.answer_bytes(
            &path,
            format!(
                "HTTP/1.1 200 OK\r\nconnection: {nominated}\r\nkeep-alive: timeout=5\r\n\
                 upgrade: h2c\r\nproxy-authenticate: Basic\r\ncontent-type: text/plain\r\n\
                 content-length: 2\r\n\r\nok"
            ),
        );
        let reply = gate.get(&path).send().await;
        assert_eq!((reply.status, reply.text()), (200, "ok"), "{nominated}");
        assert_eq!(reply.header("content-type"), Some("text/plain"), "{nominated}");
        for name in ["keep-alive", "upgrade", "proxy-authenticate"] {
            assert_eq!(reply.header(name), None, "{nominated}: {name}");
        }
    }
}

/// W3C Trace Context, sections 3.2 and 3.3.
#[tokio::test]
async fn trace_context_reaches_the_portal_unchanged() {
    let gate = TestGate::start().await;
    let parent = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01";
    let fields =
        [("traceparent", parent), ("tracestate", "vendor=1,other=t61"), ("baggage", "a=b")];
    let request =
        fields.iter().fold(gate.get("/open/a"), |call, (name, value)| call.header(name, value));
    assert_eq!(request.send().await.status, 200);
    let seen = gate.upstream.take_one();
    for (name, value) in fields {
        assert_eq!(seen.head.all(name), [value], "{name}");
    }
    assert_eq!(gate.get("/open/a").send().await.status, 200);
    let seen = gate.upstream.take_one();
    assert!(seen.head.all("traceparent").is_empty(), "{seen:?}");
}
