//! Sessions on the wire: whom the portal is told of, and what becomes of the cookie.

use http::Method;

use crate::support::admin::PASSWORD;
use crate::support::client::Cookie;
use crate::support::gate::TestGate;

/// A gateway with an organization and two portal users: Anna may see invoices, Ludwig may not.
struct People {
    gate: TestGate,
    organization: String,
}

impl People {
    async fn before(gate: TestGate) -> Self {
        let organization = gate.admin.organization("Acme").await;
        gate.admin.user(&organization, "anna@acme.test", "admin").await;
        gate.admin.user(&organization, "ludwig@acme.test", "limited").await;
        Self { gate, organization }
    }

    async fn start() -> Self {
        Self::before(TestGate::start().await).await
    }

    async fn anna(&self) -> Cookie {
        self.gate.sign_in("anna@acme.test", PASSWORD).await
    }

    async fn ludwig(&self) -> Cookie {
        self.gate.sign_in("ludwig@acme.test", PASSWORD).await
    }
}

#[tokio::test]
async fn allowed_user_passes_and_another_is_denied() {
    let people = People::start().await;
    let gate = &people.gate;
    assert_eq!(gate.get("/closed/a").cookie(&people.anna().await).send().await.status, 200);
    gate.arrived();
    let ludwig = people.ludwig().await;
    let page = gate.get("/closed/a").cookie(&ludwig).by_browser().send().await;
    assert_eq!(page.status, 403);
    assert!(page.header("content-type").unwrap().starts_with("text/html"));
    let script = gate.get("/closed/a").cookie(&ludwig).send().await;
    assert_eq!(script.status, 403);
    script.problem();
    gate.nothing_arrived("Ludwig").await;
}

#[tokio::test]
async fn r61_anonymous_page_is_redirected_and_script_gets_401() {
    let gate = TestGate::start().await;
    let page = gate.get("/closed/a?b=c").by_browser().send().await;
    assert!(matches!(page.status, 302 | 303), "{page:?}");
    let location = page.header("location").unwrap();
    assert!(location.starts_with("/.portcullis/sign-in"), "{location}");
    for call in [
        gate.get("/closed/a").header("accept", "application/json"),
        gate.get("/closed/a")
            .header("accept", "text/html")
            .header("x-requested-with", "XMLHttpRequest"),
        gate.get("/closed/a").header("sec-fetch-mode", "cors").header("accept", "text/html"),
    ] {
        let reply = call.send().await;
        assert_eq!(reply.status, 401);
        reply.problem();
    }
    // An app's own browser names the app on every request.
    for call in
        [gate.get("/closed/a").header("accept", "text/html"), gate.get("/closed/a").by_browser()]
    {
        let page = call.header("x-requested-with", "com.example.app").send().await;
        assert_eq!(page.status, 303, "{page:?}");
    }
    gate.nothing_arrived("strangers").await;
}

#[tokio::test]
async fn r8_no_access_users_are_anonymous_on_public_routes() {
    let gate = TestGate::start().await;
    let organization = gate.admin.organization("Acme").await;
    let id = gate.admin.user(&organization, "anna@acme.test", "admin").await;
    let anna = gate.sign_in("anna@acme.test", PASSWORD).await;
    gate.get("/open/a").cookie(&anna).send().await;
    assert_eq!(gate.arrived().one("portcullis-user"), Some("anna@acme.test"));
    gate.admin
        .patch(&format!("/api/v1/users/{id}"), serde_json::json!({"group": "no-access"}))
        .await
        .ok();
    assert_eq!(gate.get("/mine/a").cookie(&anna).send().await.status, 403);
    let reply = gate.get("/open/a").cookie(&anna).send().await;
    assert_eq!(reply.status, 200);
    let seen = gate.arrived();
    let told = seen.head.fields.iter().filter(|(name, _)| name.starts_with("portcullis"));
    let told: Vec<&str> = told.map(|(name, _)| name.as_str()).collect();
    assert_eq!(told, ["portcullis-request-id"]);
}

#[tokio::test]
async fn i5_identity_headers_come_from_the_session() {
    let people = People::start().await;
    let gate = &people.gate;
    let anna = people.anna().await;
    for path in ["/closed/a", "/open/a", "/mine/a"] {
        let reply = gate
            .get(path)
            .cookie(&anna)
            .header("portcullis-user", "forged")
            .header("portcullis_group", "forged")
            .header("portcullis.granted", "forged")
            .header("portcullis-end-user", "forged")
            .send()
            .await;
        assert_eq!(reply.status, 200, "{path}");
        let seen = gate.arrived();
        assert!(!String::from_utf8_lossy(&seen.head.raw).contains("forged"), "{seen:?}");
        assert_eq!(seen.one("portcullis-user"), Some("anna@acme.test"));
        assert_eq!(seen.one("portcullis-organization"), Some(&*people.organization));
        assert_eq!(seen.one("portcullis-group"), Some("admin"));
        assert_eq!(seen.one("portcullis-session-kind"), Some("user"));
        assert_eq!(seen.one("portcullis-end-user"), None);
        let granted = (path == "/closed/a").then_some("invoices.view");
        assert_eq!(seen.one("portcullis-granted"), granted, "{path}");
    }
}

#[tokio::test]
async fn granted_header_lists_held_permissions_of_the_route() {
    let routes = r#"
        [[route]]
        name = "Open"
        path = "/open/{*rest}"
        access = "public"
        [[route]]
        name = "Tickets"
        path = "/tickets"
        require = { any = ["tickets.view_mine", "tickets.view_all"] }
    "#;
    let people = People::before(TestGate::builder().policy(routes).start().await).await;
    let gate = &people.gate;
    gate.get("/tickets").cookie(&people.ludwig().await).send().await;
    assert_eq!(gate.arrived().one("portcullis-granted"), Some("tickets.view_mine"));
    gate.get("/tickets").cookie(&people.anna().await).send().await;
    let seen = gate.arrived();
    let mut granted: Vec<&str> = seen.one("portcullis-granted").unwrap().split(',').collect();
    granted.sort_unstable();
    assert_eq!(granted, ["tickets.view_all", "tickets.view_mine"]);
}

#[tokio::test]
async fn identity_headers_use_the_configured_names() {
    let gate = TestGate::builder()
        .setting("identity.user", "\"Remote-User\"")
        .setting("identity.group", "\"Remote-Group\"")
        .start()
        .await;
    let people = People::before(gate).await;
    let gate = &people.gate;
    gate.get("/closed/a")
        .cookie(&people.anna().await)
        .header("remote_user", "forged")
        .header("portcullis-user", "forged")
        .send()
        .await;
    let seen = gate.arrived();
    assert_eq!(seen.one("remote-user"), Some("anna@acme.test"));
    assert_eq!(seen.one("remote-group"), Some("admin"));
    assert_eq!((seen.one("remote_user"), seen.one("portcullis-user")), (None, None));
}

#[tokio::test]
async fn i4_session_cookie_is_never_forwarded() {
    let people = People::start().await;
    let gate = &people.gate;
    let anna = people.anna().await;
    let cookies = format!("first=1; {}; last=\"x y\"", anna.0);
    assert_eq!(gate.get("/closed/a").header("cookie", cookies).send().await.status, 200);
    let seen = gate.arrived();
    assert_eq!(seen.one("cookie"), Some("first=1; last=\"x y\""));
    let token = anna.0.split_once('=').unwrap().1;
    assert!(!String::from_utf8_lossy(&seen.head.raw).contains(token), "{seen:?}");
}

#[tokio::test]
async fn duplicate_session_cookies_are_ignored() {
    let people = People::start().await;
    let gate = &people.gate;
    let anna = people.anna().await.0;
    let (name, token) = anna.split_once('=').unwrap();
    for lines in [
        vec![format!("{anna}; {anna}")],
        vec![anna.clone(), anna.clone()],
        vec![format!("{anna}; {name}=x")],
        vec![format!("{name}=x; {anna}")],
        vec![format!("{name}=; {anna}")],
    ] {
        let mut call = gate.get("/closed/a");
        for line in &lines {
            call = call.header("cookie", line);
        }
        assert_eq!(call.send().await.status, 401, "{lines:?}");
        gate.nothing_arrived("two cookies").await;
    }
    for spoiled in [
        format!("{}={token}", name.to_ascii_uppercase()),
        format!("{name} ={token}"),
        format!("{name}=\"{token}\""),
        format!("$Version=1; {name}2={token}"),
        format!("{name}={token}x"),
        format!("{name}={}", &token[1..]),
        format!("{name}={}", token.to_ascii_uppercase()),
        format!("\u{2000}{name}={token}"),
    ] {
        let reply = gate.get("/closed/a").header("cookie", &spoiled).send().await;
        assert_eq!(reply.status, 401, "{spoiled}");
        gate.nothing_arrived(&spoiled).await;
    }
    assert_eq!(gate.get("/closed/a").header("cookie", &anna).send().await.status, 200);
}

#[tokio::test]
async fn session_comes_from_the_cookie_only() {
    let people = People::start().await;
    let gate = &people.gate;
    let anna = people.anna().await.0;
    let token = anna.split_once('=').unwrap().1;
    for call in [
        gate.get("/closed/a").header("authorization", format!("Bearer {token}")),
        gate.get("/closed/a").header("portcullis", token),
        gate.get("/closed/a").header("x-cookie", &anna),
        gate.get(&format!("/closed/a?{anna}")),
    ] {
        assert_eq!(call.send().await.status, 401);
        gate.nothing_arrived("a token elsewhere").await;
    }
}

#[tokio::test]
async fn cookie_has_the_host_prefix_on_https() {
    // TLS may end here or at a balancer before.
    let balanced = TestGate::builder().setting("server.public_url", "\"https://portal.test\"");
    for builder in [balanced, TestGate::builder().tls()] {
        let people = People::before(builder.start().await).await;
        let gate = &people.gate;
        let reply = gate.try_sign_in("anna@acme.test", PASSWORD).await;
        let mut lines =
            reply.headers.get_all("set-cookie").iter().map(|line| line.to_str().unwrap());
        let line = lines.find(|line| line.starts_with("__Host-portcullis="));
        let line = line.unwrap_or_else(|| panic!("{reply:?}"));
        for part in ["; Path=/", "; HttpOnly", "; Secure", "; SameSite=Lax"] {
            assert!(line.contains(part), "{line}");
        }
        assert!(!line.contains("Domain"), "{line}");
        let cookie = people.anna().await;
        assert_eq!(gate.get("/closed/a").cookie(&cookie).send().await.status, 200);
        gate.arrived();
        let without_prefix = cookie.0.replace("__Host-", "");
        let reply = gate.get("/closed/a").header("cookie", without_prefix).send().await;
        assert_eq!(reply.status, 401);
        gate.nothing_arrived("a cookie without its prefix").await;
    }
}

#[tokio::test]
async fn session_works_over_http2_and_split_cookies() {
    let people = People::start().await;
    let gate = &people.gate;
    let anna = people.anna().await;
    let http2 = gate.http2().await;
    let call = gate.get("/closed/a").header("cookie", "a=1").cookie(&anna).header("cookie", "b=2");
    assert_eq!(http2.send(call).await.status, 200);
    assert_eq!(gate.arrived().one("cookie"), Some("a=1; b=2"));
    let twice = gate.get("/closed/a").cookie(&anna).cookie(&anna);
    assert_eq!(http2.send(twice).await.status, 401);
    gate.nothing_arrived("two crumbs of our name").await;
}

#[tokio::test]
async fn each_request_on_a_connection_is_authenticated() {
    let people = People::start().await;
    let gate = &people.gate;
    let (anna, ludwig) = (people.anna().await, people.ludwig().await);
    let mut connection = gate.connection().await;
    assert_eq!(connection.send(gate.get("/closed/a").cookie(&anna)).await.status, 200);
    assert_eq!(connection.send(gate.get("/closed/a")).await.status, 401);
    assert_eq!(connection.send(gate.get("/closed/a").cookie(&ludwig)).await.status, 403);
    let post = gate.call(Method::POST, "/closed/a").cookie(&anna).body("x");
    assert_eq!(connection.send(post).await.status, 200);
    let users: Vec<_> = gate
        .upstream
        .seen()
        .iter()
        .map(|seen| seen.one("portcullis-user").map(str::to_owned))
        .collect();
    assert_eq!(users, vec![Some("anna@acme.test".to_owned()); 2]);
}

#[tokio::test]
async fn denied_request_is_recorded_with_its_user() {
    let gate = TestGate::start().await;
    let organization = gate.admin.organization("Acme").await;
    let user = gate.admin.user(&organization, "anna@acme.test", "admin").await;
    let anna = gate.sign_in("anna@acme.test", PASSWORD).await;
    let foreign = |path: &str, cookie: &str| {
        format!(
            "GET {path} HTTP/1.1\r\nhost: portal.test\r\nconnection: Upgrade\r\n\
             upgrade: websocket\r\norigin: http://other.test\r\n{cookie}\r\n"
        )
    };
    let nominates = |path: &str, cookie: &str| {
        format!("GET {path} HTTP/1.1\r\nhost: portal.test\r\nconnection: cookie\r\n{cookie}\r\n")
    };
    let with = format!("cookie: {}\r\n", anna.0);
    for (request, path, reason, hers) in [
        (foreign("/open/1", &with), "/open/1", "foreign-origin", true),
        (nominates("/open/2", &with), "/open/2", "bad-connection-header", true),
        (foreign("/open/3", ""), "/open/3", "foreign-origin", false),
        (nominates("/open/4", ""), "/open/4", "bad-connection-header", false),
    ] {
        let reply = gate.raw(request).await;
        assert!(matches!(reply.status, 400 | 403), "{path}: {}", reply.status);
        let record = gate.decided(path).await;
        assert_eq!(record["reason"], reason, "{record}");
        let told = ["session", "organization", "user", "group"].map(|name| record[name].as_str());
        let expected = [Some("user"), Some(&*organization), Some(&*user), Some("admin")];
        assert_eq!(told, if hers { expected } else { [None; 4] }, "{record}");
    }
}
