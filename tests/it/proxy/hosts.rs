//! The host: exactly one, valid, and ours; anything else is 400 or 421.

use http::Method;

use crate::support::admin::PASSWORD;
use crate::support::gate::TestGate;

fn head(lines: &str) -> String {
    format!("GET /open/a HTTP/1.1\r\n{lines}\r\n")
}

#[tokio::test]
async fn request_without_exactly_one_valid_host_is_refused() {
    let gate = TestGate::start().await;
    for lines in [
        "",
        "host: portal.test\r\nhost: portal.test\r\n",
        "host: portal.test\r\nhost: other.test\r\n",
        "host: other.test\r\nHOST: portal.test\r\n",
        "host:\r\n",
        "host: \r\n",
        "host: portal.test:\r\n",
        "host: portal.test:0\r\n",
        "host: portal.test:99999\r\n",
        "host: portal.test:80x\r\n",
        "host: portal.test:80:80\r\n",
        "host: :80\r\n",
        "host: portal.test.\r\n",
        "host: portal.test.:80\r\n",
        "host: portal..test\r\n",
        "host: .portal.test\r\n",
        "host: -portal.test\r\n",
        "host: user@portal.test\r\n",
        "host: portal.test@other.test\r\n",
        "host: portal.test,other.test\r\n",
        "host: portal.test, portal.test\r\n",
        "host: portal test\r\n",
        "host: portal.test/closed\r\n",
        "host: portal.test?a\r\n",
        "host: portal.test#a\r\n",
        "host: portal.test\\a\r\n",
        "host: http://portal.test\r\n",
        "host: [::1\r\n",
        "host: [::1]x\r\n",
        "host: ::1\r\n",
        "host: 127.1\r\n",
        "host: 0x7f.0.0.1\r\n",
        "host: portal%2etest\r\n",
        "host: p\u{f6}rtal.test\r\n",
        "host: portal.test\x01\r\n",
    ] {
        let reply = gate.raw(head(lines)).await;
        assert_eq!(reply.status, 400, "{lines:?}: {}", reply.text());
        gate.nothing_arrived(lines).await;
    }
}

#[tokio::test]
async fn unknown_host_is_421() {
    let gate = TestGate::builder().setting("server.hosts", r#"["second.test"]"#).start().await;
    for host in
        ["other.test", "localhost", "127.0.0.1", "[::1]", "portal.test.other.test", "xportal.test"]
    {
        let reply = gate.get("/open/a").header("host", host).send().await;
        assert_eq!(reply.status, 421, "{host}");
        gate.nothing_arrived(host).await;
        let reply = gate.get("/.portcullis/sign-in").header("host", host).send().await;
        assert_eq!(reply.status, 421, "our own pages are ours under our name only: {host}");
    }
}

#[tokio::test]
async fn page_about_an_unknown_host_has_its_style() {
    let gate = TestGate::start().await;
    let page =
        gate.get("/").header("host", "other.test").header("accept", "text/html").send().await;
    assert_eq!(page.status, 421);
    assert!(page.text().contains("Open the portal"), "{}", page.text());
    let assets: Vec<&str> =
        page.text().split('"').filter(|text| text.starts_with("/.portcullis/assets/")).collect();
    assert_eq!(assets.len(), 3, "{}", page.text());
    for asset in assets {
        assert_eq!(gate.get(asset).header("host", "other.test").send().await.status, 200);
        assert_eq!(
            gate.call(Method::POST, asset).header("host", "other.test").send().await.status,
            421
        );
    }
    let other = "/.portcullis/assets/other.css";
    assert_eq!(gate.get(other).header("host", "other.test").send().await.status, 421);
}

#[tokio::test]
async fn host_names_the_organization_of_a_session() {
    let routes = "[[route]]\nname = \"Own\"\npath = \"/{*rest}\"\naccess = \"signed-in\"\n\
        hosts = [\"{organization}.portal.test\"]\norganization = \"{organization}\"\n\
        [[route]]\nname = \"Open\"\npath = \"/open/{*rest}\"\naccess = \"public\"\n";
    let gate = TestGate::builder()
        .policy(routes)
        .setting("server.hosts", r#"["*.portal.test"]"#)
        .start()
        .await;
    let organization = gate.admin.organization("Acme").await;
    gate.admin.user(&organization, "anna@acme.test", "admin").await;
    let anna = gate.sign_in("anna@acme.test", PASSWORD).await;
    let own = format!("{organization}.portal.test");
    assert_eq!(gate.get("/a").cookie(&anna).header("host", &own).send().await.status, 200);
    assert_eq!(gate.arrived().one("host"), Some(&*own));
    let other = gate.get("/a").cookie(&anna).header("host", "other.portal.test").send().await;
    assert_eq!((other.status, &*other.reason()), (403, "other-organization"));
    let bare = gate.get("/a").cookie(&anna).send().await;
    assert_eq!((bare.status, &*bare.reason()), (403, "no-route"));
    for host in ["a.other.portal.test", "other.test", "portal.test.other.test"] {
        let reply = gate.get("/a").cookie(&anna).header("host", host).send().await;
        assert_eq!(reply.status, 421, "{host}");
    }
    gate.nothing_arrived("of another organization").await;
    let page = gate.get("/.portcullis/sign-in").header("host", "other.portal.test").send().await;
    assert_eq!(page.status, 200);
}

#[tokio::test]
async fn portal_receives_the_configured_host() {
    // A portal makes links of it, which must not lead to where the client likes.
    for (port, second) in [("", "second.test"), (":8080", "second.test:8080")] {
        let gate = TestGate::builder()
            .setting("server.public_url", &format!("\"http://portal.test{port}\""))
            .setting("server.hosts", r#"["second.test", "third.test:81"]"#)
            .start()
            .await;
        let portal = format!("portal.test{port}");
        for (host, told) in [
            ("portal.test", &*portal),
            ("PORTAL.Test", &*portal),
            ("portal.test:8080", &*portal),
            ("portal.test:1", &*portal),
            ("second.test", second),
            ("SECOND.test:1", second),
            ("third.test", "third.test:81"),
        ] {
            let reply = gate.get("/open/a").header("host", host).send().await;
            assert_eq!(reply.status, 200, "{host}");
            let seen = gate.arrived();
            assert_eq!(seen.one("host"), Some(told), "{host}");
            assert_eq!(seen.one("x-forwarded-host"), Some(told), "{host}");
        }
    }
}

#[tokio::test]
async fn forwarded_host_is_used_from_trusted_proxies_only() {
    let settings = r#"["second.test"]"#;
    let gate = TestGate::builder()
        .setting("server.hosts", settings)
        .setting("server.trusted_proxies", r#"["127.0.0.0/8"]"#)
        .start()
        .await;
    let ask = |host: &str, forwarded: &[&str]| {
        let lines: String =
            forwarded.iter().map(|host| format!("x-forwarded-host: {host}\r\n")).collect();
        head(&format!("host: {host}\r\n{lines}"))
    };
    for host in ["portal.test", "backend.internal:9000"] {
        assert_eq!(gate.raw(ask(host, &["SECOND.test:1"])).await.status, 200, "{host}");
        let seen = gate.arrived();
        assert_eq!(seen.one("host"), Some("second.test"));
        assert_eq!(seen.one("x-forwarded-host"), Some("second.test"));
    }
    for (forwarded, status) in [
        (&["other.test"][..], 421),
        (&["second.test", "second.test"], 400),
        (&["second.test, second.test"], 400),
        (&["second.test,portal.test"], 400),
        (&["second..test"], 400),
        (&["http://second.test"], 400),
        (&[""], 400),
    ] {
        let reply = gate.raw(ask("portal.test", forwarded)).await;
        assert_eq!(reply.status, status, "{forwarded:?}");
        gate.nothing_arrived(&format!("{forwarded:?}")).await;
    }
    let two = head("host: portal.test\r\nhost: portal.test\r\nx-forwarded-host: portal.test\r\n");
    assert_eq!(gate.raw(two).await.status, 400);
    gate.nothing_arrived("two hosts of which a proxy names one").await;

    let alone = TestGate::builder().setting("server.hosts", settings).start().await;
    for forwarded in [&["second.test"][..], &["other.test"], &["a", "b"], &[".."]] {
        assert_eq!(alone.raw(ask("portal.test", forwarded)).await.status, 200, "{forwarded:?}");
        assert_eq!(alone.arrived().one("x-forwarded-host"), Some("portal.test"));
    }
    assert_eq!(alone.raw(ask("other.test", &["portal.test"])).await.status, 421);
    alone.nothing_arrived("a stranger's word").await;
}

#[tokio::test]
async fn http10_request_needs_a_host() {
    let gate = TestGate::start().await;
    let reply = gate.raw("GET /open/a HTTP/1.0\r\n\r\n").await;
    assert_eq!(reply.status, 400);
    gate.nothing_arrived("HTTP/1.0 without a host").await;
    let reply = gate.raw("GET /open/a HTTP/1.0\r\nhost: other.test\r\n\r\n").await;
    assert_eq!(reply.status, 421);
    gate.nothing_arrived("HTTP/1.0 with another host").await;
    let reply = gate.raw("GET /open/a HTTP/1.0\r\nhost: portal.test\r\n\r\n").await;
    assert_eq!(reply.status, 200);
    gate.arrived();
}

#[tokio::test]
async fn http2_host_must_equal_authority() {
    let gate = TestGate::start().await;
    let http2 = gate.http2().await;
    for authority in ["portal.test", "PORTAL.test", "portal.test:8080"] {
        let reply = http2.send_to(authority, gate.get("/open/a")).await.unwrap();
        assert_eq!(reply.status, 200, "{authority}");
        assert_eq!(gate.arrived().one("host"), Some("portal.test"), "{authority}");
    }
    let same = gate.get("/open/a").header("host", "portal.test");
    assert_eq!(http2.send_to("portal.test", same).await.unwrap().status, 200);
    gate.arrived();

    // A refused stream may take its connection along: each has its own.
    let reply = gate.http2().await.send_to("other.test", gate.get("/open/a")).await.unwrap();
    assert_eq!(reply.status, 421);
    gate.nothing_arrived("another authority").await;
    for (authority, host) in [
        ("portal.test", "other.test"),
        ("other.test", "portal.test"),
        ("portal.test", "portal.test:8080"),
        ("portal.test:8080", "portal.test"),
        ("portal.test", ""),
        ("user@portal.test", "portal.test"),
        ("portal.test.", "portal.test"),
    ] {
        let call = gate.get("/open/a").header("host", host);
        match gate.http2().await.send_to(authority, call).await {
            // A host that is not ours may be told apart before the contradiction is.
            Ok(reply) if host == "other.test" => assert!(matches!(reply.status, 400 | 421)),
            Ok(reply) => assert_eq!(reply.status, 400, "{authority} and {host}"),
            Err(error) => assert!(!error.is_incomplete_message(), "{authority}: {error}"),
        }
        gate.nothing_arrived(&format!("{authority} and {host:?}")).await;
    }
    let twice = gate.get("/open/a").header("host", "portal.test").header("host", "portal.test");
    if let Ok(reply) = gate.http2().await.send_to("portal.test", twice).await {
        assert_eq!(reply.status, 400);
    }
    gate.nothing_arrived("two hosts over HTTP/2").await;
}

#[tokio::test]
async fn no_other_header_names_the_host() {
    let gate =
        TestGate::builder().setting("server.trusted_proxies", r#"["127.0.0.0/8"]"#).start().await;
    for field in ["x-host", "x-original-host", "forwarded", "x-forwarded-server"] {
        let reply = gate
            .call(Method::GET, "/open/a")
            .header("host", "other.test")
            .header(field, "portal.test")
            .send()
            .await;
        assert_eq!(reply.status, 421, "{field}");
        gate.nothing_arrived(field).await;
    }
}
