//! Other proxies ask about requests: the contracts of nginx, of Caddy, Traefik and HAProxy, and of
//! Envoy, each spoken byte for byte as those programs do.

use serde_json::{Value, json};

use crate::support::admin::PASSWORD;
use crate::support::client::Cookie;
use crate::support::gate::{Builder, HOST, TestGate};

const ROUTES: &str = r#"
[[route]]
name = "Open"
path = "/open/{*rest}"
access = "public"

[[route]]
name = "Mine"
path = "/mine/{*rest}"
access = "signed-in"

[[route]]
name = "Invoices"
path = "/closed/{*rest}"
require = "invoices.view"
tokens = true

[[route]]
name = "Socket"
methods = ["GET"]
path = "/open/socket"
access = "public"
websocket = true

[[route]]
name = "Office"
path = "/office/{*rest}"
access = "public"
from = ["127.0.0.0/8", "192.0.2.0/24"]
"#;

/// The identity fields, all of which each answer that allows has.
pub(crate) const IDENTITY: [&str; 8] = [
    "portcullis-user",
    "portcullis-organization",
    "portcullis-end-user",
    "portcullis-group",
    "portcullis-granted",
    "portcullis-session-kind",
    "portcullis-actor",
    "portcullis-request-id",
];

/// How a proxy asks.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Ask {
    Nginx,
    Answer,
    Forward,
    Envoy,
}

const QUESTIONS: [Ask; 3] = [Ask::Nginx, Ask::Forward, Ask::Envoy];

pub(crate) fn builder() -> Builder {
    TestGate::builder()
        .policy(ROUTES)
        .setting("forward_auth.enabled", "true")
        .setting("server.trusted_proxies", r#"["127.0.0.0/8"]"#)
        .setting("upstream.servers", "[]")
}

impl Ask {
    /// The head of the question about a request, with these further lines.
    fn head(self, method: &str, target: &str, lines: &str) -> String {
        let (request, fields) = match self {
            Self::Nginx | Self::Answer => {
                let path = if self == Self::Nginx { "verify/nginx" } else { "answer" };
                let fields =
                    format!("x-original-method: {method}\r\nx-original-url: http://{HOST}{target}");
                (format!("GET /.portcullis/{path}"), fields)
            }
            Self::Forward => {
                let fields = format!(
                    "x-forwarded-method: {method}\r\nx-forwarded-proto: http\r\n\
                     x-forwarded-host: {HOST}\r\nx-forwarded-uri: {target}"
                );
                ("GET /.portcullis/verify/forward".to_owned(), fields)
            }
            Self::Envoy => (
                format!("{method} /.portcullis/verify/envoy{target}"),
                "x-envoy-internal: true".to_owned(),
            ),
        };
        let host = if self == Self::Envoy { HOST } else { "portcullis:8080" };
        format!(
            "{request} HTTP/1.1\r\nhost: {host}\r\nx-forwarded-for: 192.0.2.7\r\n{fields}\r\n{lines}\r\n"
        )
    }

    /// The status of an answer that says no, where the gateway itself would give this one.
    fn refused(self, status: u16) -> u16 {
        match self {
            Self::Nginx => 403,
            Self::Envoy if status >= 500 => 429,
            Self::Answer | Self::Forward | Self::Envoy => status,
        }
    }

    async fn about(self, gate: &TestGate, target: &str, lines: &str) -> Answer {
        self.ask(gate, "GET", target, lines).await
    }

    async fn ask(self, gate: &TestGate, method: &str, target: &str, lines: &str) -> Answer {
        Answer(gate.raw(self.head(method, target, lines)).await)
    }
}

/// What a proxy is answered.
#[derive(Debug)]
struct Answer(crate::support::wire::WireReply);

impl Answer {
    fn status(&self) -> u16 {
        self.0.status
    }

    /// The value of a field that is there once, and may be empty.
    fn field(&self, name: &str) -> Option<&str> {
        self.0.head.one(name)
    }

    fn reason(&self) -> &str {
        self.field("portcullis-reason").unwrap_or_default()
    }
}

pub(crate) fn cookie(cookie: &Cookie) -> String {
    format!("cookie: lang=de; {}; theme=dark\r\n", cookie.0)
}

pub(crate) const BROWSER: &str = "accept: text/html\r\nsec-fetch-mode: navigate\r\n";
pub(crate) const SCRIPT: &str = "accept: application/json\r\nsec-fetch-mode: cors\r\n";

#[tokio::test]
async fn i4_i5_permission_names_the_user_and_has_no_session() {
    let gate = builder().start().await;
    let acme = gate.admin.organization("Acme").await;
    let anna = gate.admin.user(&acme, "Anna@acme.test", "admin").await;
    gate.admin.user(&acme, "ludwig", "limited").await;
    let session = gate.sign_in("Anna@acme.test", PASSWORD).await;
    for ask in QUESTIONS {
        let spoofed = "portcullis-user: evil\r\nportcullis-actor: evil\r\n";
        let lines = format!("{}{spoofed}{BROWSER}", cookie(&session));
        let answer = ask.about(&gate, "/closed/invoices?page=2", &lines).await;
        assert_eq!(answer.status(), 200, "{ask:?}: {answer:?}");
        for name in IDENTITY {
            assert!(answer.field(name).is_some(), "{ask:?} lacks {name}: {answer:?}");
        }
        assert_eq!(answer.field("portcullis-user"), Some("Anna@acme.test"), "{ask:?}");
        assert_eq!(answer.field("portcullis-organization"), Some(&*acme), "{ask:?}");
        assert_eq!(answer.field("portcullis-granted"), Some("invoices.view"), "{ask:?}");
        assert_eq!(answer.field("portcullis-actor"), Some(""), "{ask:?}");
        let cookies = if ask == Ask::Envoy { "cookie" } else { "portcullis-cookie" };
        assert_eq!(answer.field(cookies), Some("lang=de; theme=dark"), "{ask:?}");
        assert_eq!(answer.field("cache-control"), Some("no-store"), "{ask:?}");
        assert_eq!(answer.field("content-length"), Some("0"), "{ask:?}");

        // Without a session, what the client sent is overwritten by nothing.
        let answer = ask.about(&gate, "/open/page", spoofed).await;
        assert_eq!(answer.status(), 200, "{ask:?}: {answer:?}");
        for name in IDENTITY.into_iter().filter(|name| *name != "portcullis-request-id") {
            assert_eq!(answer.field(name), Some(""), "{ask:?} {name}");
        }
        assert_eq!(answer.field(cookies), Some(""), "{ask:?}");
        assert_eq!(answer.field("portcullis-reason"), None, "{ask:?}");
    }
    let record = gate.decided("/closed/invoices").await;
    assert_eq!((&record["via"], &record["user"]), (&json!("nginx"), &json!(anna)));
}

#[tokio::test]
async fn i1_refusals_are_in_the_form_of_each_contract() {
    let gate = builder().start().await;
    let acme = gate.admin.organization("Acme").await;
    gate.admin.user(&acme, "ludwig", "limited").await;
    let session = gate.sign_in("ludwig", PASSWORD).await;
    for ask in [Ask::Nginx, Ask::Answer, Ask::Forward, Ask::Envoy] {
        // R61: a page leads to the sign-in page and back.
        let answer = ask.about(&gate, "/closed/a?b=c", BROWSER).await;
        assert_eq!(answer.status(), ask.refused(302), "{ask:?}: {answer:?}");
        assert_eq!(answer.reason(), "sign-in-required", "{ask:?}");
        let location = answer.field("location").unwrap_or_default();
        let expected = format!("http://{HOST}/.portcullis/sign-in?return_to=");
        assert!(location.starts_with(&expected) || ask == Ask::Nginx, "{ask:?}: {location}");
        // A script gets a status that it can read.
        let answer = ask.about(&gate, "/closed/a", SCRIPT).await;
        assert_eq!(answer.status(), ask.refused(401), "{ask:?}: {answer:?}");
        // A permission is missing.
        let lines = format!("{}{BROWSER}", cookie(&session));
        let answer = ask.about(&gate, "/closed/a", &lines).await;
        assert_eq!(answer.status(), 403, "{ask:?}: {answer:?}");
        assert_eq!(answer.reason(), "missing-permission", "{ask:?}");
        assert_eq!(answer.field("portcullis-user"), None, "{ask:?}");
        let page = String::from_utf8_lossy(&answer.0.body.bytes).into_owned();
        assert_eq!(page.contains("<html"), ask != Ask::Nginx, "{ask:?}");
        // No route.
        let answer = ask.about(&gate, "/nowhere", &lines).await;
        assert_eq!(answer.status(), 403, "{ask:?}: {answer:?}");
        // Another host than the portal's.
        let head = ask.head("GET", "/open/a", "").replace(HOST, "evil.test");
        let answer = Answer(gate.raw(head).await);
        assert_eq!(answer.status(), ask.refused(421), "{ask:?}: {answer:?}");
    }
}

#[tokio::test]
async fn doubtful_targets_are_refused_as_they_are() {
    let gate = builder().start().await;
    for ask in QUESTIONS {
        for target in [
            "/open//a",
            "/open/../closed/a",
            "/open/%2e%2e/closed/a",
            "/open/a%2fb",
            "/open/a%5cb",
            "/open/%00",
            "/open/%zz",
            "/open/%c3",
            "//open/a",
            "/open/./a",
        ] {
            let answer = ask.about(&gate, target, "").await;
            assert_eq!(answer.status(), ask.refused(400), "{ask:?} {target}: {answer:?}");
        }
        assert_eq!(ask.about(&gate, "/open/a?b=%2f..", "").await.status(), 200, "{ask:?}");
    }
    for target in ["/open/a#b", "http://portal.test/open/a", "*", "", "open/a"] {
        for ask in [Ask::Nginx, Ask::Forward] {
            let answer = ask.about(&gate, target, "").await;
            assert_ne!(answer.status(), 200, "{ask:?} {target}: {answer:?}");
        }
    }
}

#[tokio::test]
async fn half_wired_proxies_are_refused() {
    let gate = builder().start().await;
    for ask in [Ask::Nginx, Ask::Answer, Ask::Forward] {
        let whole = ask.head("GET", "/open/a", "");
        for field in [
            "x-original-method",
            "x-original-url",
            "x-forwarded-method",
            "x-forwarded-proto",
            "x-forwarded-host",
            "x-forwarded-uri",
        ] {
            let Some(at) = whole.find(field) else { continue };
            let line = whole[at..].split_inclusive("\r\n").next().unwrap();
            for head in [whole.replace(line, ""), whole.replace(line, &line.repeat(2))] {
                let answer = Answer(gate.raw(head).await);
                assert_eq!((answer.status(), answer.reason()), (403, "wrong-contract"), "{field}");
            }
        }
    }
    for (ask, foreign) in [
        (Ask::Nginx, "x-forwarded-uri: /open/b"),
        (Ask::Nginx, "x-forwarded-method: GET"),
        (Ask::Forward, "x-original-url: http://portal.test/open/b"),
        (Ask::Forward, "x-original-method: GET"),
        (Ask::Envoy, "x-forwarded-uri: /open/b"),
        (Ask::Envoy, "x-original-url: http://portal.test/open/b"),
    ] {
        let answer = ask.about(&gate, "/open/a", &format!("{foreign}\r\n")).await;
        assert_eq!((answer.status(), answer.reason()), (403, "wrong-contract"), "{foreign}");
    }
    for ask in QUESTIONS {
        // Our own pages must come here by themselves.
        let answer = ask.about(&gate, "/.portcullis/sign-in", "").await;
        assert_eq!((answer.status(), answer.reason()), (403, "own-page"), "{ask:?}");
        for spoofed in [
            "portcullis_user",
            "portcullis.user",
            "portcullis-users",
            "remote-user",
            "x-rewrite-url",
            "x_forwarded_for",
        ] {
            let answer = ask.about(&gate, "/open/a", &format!("{spoofed}: evil\r\n")).await;
            assert_eq!((answer.status(), answer.reason()), (403, "reserved-header"), "{spoofed}");
        }
        for spoofed in [
            "x-forwarded-user",
            "x-forwarded-client-cert",
            "proxy-user",
            "x-host",
            "wl-proxy-client-cert",
            "x-forwarded-prefix",
        ] {
            let answer = ask.about(&gate, "/open/a", &format!("{spoofed}: evil\r\n")).await;
            assert_eq!((answer.status(), answer.reason()), (403, "reserved-header"), "{spoofed}");
        }
        // Only WebSockets may be opened: the proxy would send any upgrade on.
        for upgrade in ["h2c", "foo", "websocket, h2c", "websocket\r\nupgrade: h2c"] {
            let lines = format!("upgrade: {upgrade}\r\n");
            let answer = ask.about(&gate, "/open/socket", &lines).await;
            assert_eq!((answer.status(), answer.reason()), (403, "reserved-header"), "{upgrade}");
        }
        let answer = ask.ask(&gate, "POST", "/open/a", "upgrade: websocket\r\n").await;
        assert_eq!((answer.status(), answer.reason()), (403, "reserved-header"), "{ask:?}");
        // What proxies themselves report.
        let by_proxies = "x-real-ip: 192.0.2.7\r\nx-forwarded-port: 443\r\nvia: 1.1 a\r\n";
        assert_eq!(ask.about(&gate, "/open/a", by_proxies).await.status(), 200, "{ask:?}");
        // Which cookies there are is not certain.
        for joined in ["cookie: x=1, portcullis=a; y=2\r\n", "cookie: x=1,__Host-portcullis=a\r\n"]
        {
            let answer = ask.about(&gate, "/open/a", joined).await;
            assert_eq!((answer.status(), answer.reason()), (403, "joined-cookies"), "{joined}");
        }
        let comma = ask.about(&gate, "/open/a", "cookie: x=1,2; y=2\r\n").await;
        assert_eq!(comma.status(), 200, "{ask:?}");
    }
    gate.logged("a proxy asked about a request in a way that is not its contract").await;
}

#[tokio::test]
async fn only_trusted_proxies_are_answered() {
    let gate = builder().setting("server.trusted_proxies", r#"["192.0.2.0/24"]"#).start().await;
    for ask in [Ask::Nginx, Ask::Answer, Ask::Forward, Ask::Envoy] {
        let answer = ask.about(&gate, "/open/a", "").await;
        assert_eq!((answer.status(), answer.reason()), (403, "untrusted-proxy"), "{ask:?}");
    }
}

#[tokio::test]
async fn without_forward_auth_the_addresses_are_404() {
    let gate = TestGate::start().await;
    for path in ["verify/nginx", "verify/forward", "verify/envoy/open/a", "answer"] {
        let reply = gate.get(&format!("/.portcullis/{path}")).send().await;
        assert_eq!(reply.status, 404, "{path}");
    }
    gate.nothing_arrived("a question about a request").await;
}

#[tokio::test]
async fn marked_questions_show_what_each_contract_has_decided() {
    let gate = builder().start().await;
    let marked = async || gate.admin.get("/api/v1/doctor").await.ok();
    let value = marked().await["value"].as_str().unwrap().to_owned();
    for (ask, target) in [
        (Ask::Nginx, "/open/a%3Bb"),
        (Ask::Nginx, "/closed/a"),
        (Ask::Answer, "/closed/a"),
        (Ask::Forward, "/closed/a"),
        (Ask::Envoy, "/closed/a"),
    ] {
        ask.about(&gate, &format!("{target}?portcullis-doctor={value}.1"), "").await;
        ask.about(&gate, &format!("{target}?portcullis-doctor=other.1"), "").await;
    }
    let document = marked().await;
    let requests = document["requests"].as_array().unwrap();
    let text = |request: &Value, name: &str| request[name].as_str().unwrap().to_owned();
    let seen: Vec<_> = requests
        .iter()
        .map(|request| [text(request, "contract"), text(request, "path")].join(" "))
        .collect();
    let expected = [
        "nginx /open/a%3Bb",
        "nginx /closed/a",
        "answer /closed/a",
        "forward /closed/a",
        "envoy /closed/a",
    ];
    assert_eq!(seen, expected);
    assert!(requests.iter().all(|request| request["address"] == "192.0.2.7"), "{document:#}");
}

#[tokio::test]
async fn r60_disabled_portal_redirects_the_original_request() {
    let gate = builder().start().await;
    let url = "https://status.example/";
    gate.admin.patch("/api/v1/preferences", json!({ "disabled_redirect_url": url })).await.ok();
    for ask in [Ask::Nginx, Ask::Answer, Ask::Forward, Ask::Envoy] {
        let answer = ask.about(&gate, "/open/a", BROWSER).await;
        assert_eq!(answer.status(), ask.refused(302), "{ask:?}: {answer:?}");
        assert_eq!(answer.reason(), "portal-disabled", "{ask:?}");
        assert!(answer.field("location") == Some(url) || ask == Ask::Nginx, "{ask:?}");
    }
}

#[tokio::test]
async fn portal_paths_are_404_without_servers_and_pages_are_served() {
    let gate = builder().start().await;
    let reply = gate.get("/open/a").send().await;
    assert_eq!((reply.status, reply.reason()), (404, "no-portal".to_owned()), "{reply:?}");
    assert_eq!(gate.get("/.portcullis/sign-in").by_browser().send().await.status, 200);
}

#[tokio::test]
async fn websockets_are_recognized_without_connection_and_upgrade() {
    let gate = builder().start().await;
    for ask in QUESTIONS {
        for lines in [
            "sec-websocket-key: dGhlIHNhbXBsZSBub25jZQ==\r\nsec-websocket-version: 13\r\n",
            "upgrade: websocket\r\n",
        ] {
            let own = format!("{lines}origin: http://{HOST}\r\n");
            assert_eq!(ask.about(&gate, "/open/socket", &own).await.status(), 200, "{ask:?}");
            let answer = ask.about(&gate, "/open/page", &own).await;
            assert_eq!((answer.status(), answer.reason()), (403, "websocket-not-allowed"));
            let other = format!("{lines}origin: http://evil.test\r\n");
            let answer = ask.about(&gate, "/open/socket", &other).await;
            assert_eq!((answer.status(), answer.reason()), (403, "foreign-origin"), "{ask:?}");
        }
    }
}

#[tokio::test]
async fn unknown_client_is_not_taken_for_the_proxy() {
    let gate = builder().start().await;
    for ask in QUESTIONS {
        assert_eq!(ask.about(&gate, "/office/a", "").await.status(), 200, "{ask:?}");
        let head = ask.head("GET", "/office/a", "");
        let unknown = head.replace("x-forwarded-for: 192.0.2.7\r\n", "");
        for head in [unknown, head.replace("192.0.2.7", ""), head.replace("192.0.2.7", " , ")] {
            let answer = Answer(gate.raw(head).await);
            assert_ne!(answer.status(), 200, "{ask:?}: {answer:?}");
        }
        let other = head.replace("192.0.2.7", "198.51.100.7");
        assert_ne!(Answer(gate.raw(other).await).status(), 200, "{ask:?}");
    }
}

#[tokio::test]
async fn method_is_that_of_the_original_request() {
    let gate = builder().start().await;
    let acme = gate.admin.organization("Acme").await;
    gate.admin.user(&acme, "anna", "admin").await;
    let session = gate.sign_in("anna", PASSWORD).await;
    for ask in QUESTIONS {
        let own = format!("{}origin: http://{HOST}\r\n", cookie(&session));
        let answer = ask.ask(&gate, "POST", "/mine/a", &own).await;
        assert_eq!(answer.status(), 200, "{ask:?}: {answer:?}");
        // A page of another site must not change anything in the session.
        let other = format!("{}origin: http://evil.test\r\n", cookie(&session));
        let answer = ask.ask(&gate, "POST", "/mine/a", &other).await;
        assert_eq!((answer.status(), answer.reason()), (403, "cross-origin"), "{ask:?}");
        let overridden = format!("{own}x-http-method-override: DELETE\r\n");
        let answer = ask.ask(&gate, "POST", "/mine/a", &overridden).await;
        assert_eq!((answer.status(), answer.reason()), (403, "method-override"), "{ask:?}");
    }
    // What nginx was told to refuse and is allowed by now is asked for once more.
    let answer = Ask::Answer.about(&gate, "/mine/a?b", &cookie(&session)).await;
    let location = format!("http://{HOST}/mine/a?b");
    assert_eq!((answer.status(), answer.field("location")), (302, Some(&*location)));
    let own = format!("{}origin: http://{HOST}\r\n", cookie(&session));
    let answer = Ask::Answer.ask(&gate, "POST", "/mine/a", &own).await;
    assert_eq!((answer.status(), answer.field("retry-after")), (503, Some("1")));
}

#[tokio::test]
async fn tokens_of_users_do_not_reach_the_portal() {
    let gate = builder().start().await;
    let acme = gate.admin.organization("Acme").await;
    let anna = gate.admin.user(&acme, "anna", "admin").await;
    let path = format!("/api/v1/users/{anna}/tokens");
    let created = gate.admin.post(&path, json!({ "name": "backup" })).await.ok();
    let token = created["token"].as_str().unwrap();
    gate.is_secret(token);
    for ask in QUESTIONS {
        let name = if ask == Ask::Envoy { "authorization" } else { "portcullis-authorization" };
        let answer =
            ask.about(&gate, "/closed/a", &format!("authorization: Bearer {token}\r\n")).await;
        assert_eq!(answer.status(), 200, "{ask:?}: {answer:?}");
        assert_eq!((answer.field(name), answer.field("portcullis-user")), (Some(""), Some("anna")));
        let answer = ask.about(&gate, "/open/a", "authorization: Basic eDp5\r\n").await;
        assert_eq!(answer.status(), 200, "{ask:?}: {answer:?}");
        // Envoy keeps the client's field when the answer has none.
        let own = (ask != Ask::Envoy).then_some("Basic eDp5");
        assert_eq!(answer.field(name), own, "{ask:?}");
        let wrong =
            ask.about(&gate, "/closed/a", "authorization: Bearer portcullis_user_x\r\n").await;
        assert_eq!(wrong.status(), ask.refused(401), "{ask:?}: {wrong:?}");
    }
}

#[tokio::test]
async fn i2_changes_are_in_force_on_the_next_question() {
    let gate = builder().start().await;
    let acme = gate.admin.organization("Acme").await;
    gate.admin.user(&acme, "anna", "admin").await;
    let session = gate.sign_in("anna", PASSWORD).await;
    for ask in QUESTIONS {
        let group = |granted: bool| {
            let all = ["portal.access", "invoices.view"];
            json!({ "permissions": if granted { &all[..] } else { &all[..1] } })
        };
        for granted in [true, false, true] {
            gate.admin.patch("/api/v1/groups/admin", group(granted)).await.ok();
            let answer = ask.about(&gate, "/closed/a", &cookie(&session)).await;
            assert_eq!(answer.status() == 200, granted, "{ask:?}: {answer:?}");
        }
    }
}
