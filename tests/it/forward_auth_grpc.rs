//! Envoy asks over gRPC, by a client that is generated from the same messages.

use http::Request;
use portcullis_grpc_api::ext_authz::attribute_context::{HttpRequest, Request as Asked};
use portcullis_grpc_api::ext_authz::check_response::HttpResponse;
use portcullis_grpc_api::ext_authz::header_value_option::HeaderAppendAction;
use portcullis_grpc_api::ext_authz::{
    AttributeContext, CheckRequest, CheckResponse, DeniedHttpResponse, HeaderMap, HeaderValue,
    HeaderValueOption, OkHttpResponse,
};
use portcullis_grpc_api::health::HealthCheckRequest;
use portcullis_grpc_api::health::health_check_response::ServingStatus;
use portcullis_grpc_api::health::health_client::HealthClient;
use portcullis_grpc_api::tonic::Code;
use portcullis_grpc_api::tonic::body::Body;
use portcullis_grpc_api::tonic::codegen::Service as _;
use portcullis_grpc_api::value::Kind;
use proptest::collection::vec;
use proptest::option;
use proptest::prelude::*;
use proptest::strategy::ValueTree as _;
use proptest::test_runner::TestRunner;
use serde_json::json;

use crate::forward_auth::{self, BROWSER, IDENTITY, SCRIPT};
use crate::support::admin::PASSWORD;
use crate::support::client::within;
use crate::support::gate::{Builder, HOST};
use crate::support::grpc::{Proxy, asked, question, raw, stated};

/// The answer about a request with these lines of fields.
async fn about(proxy: &Proxy, method: &str, target: &str, lines: &str) -> Answer {
    Answer::of(proxy.check(question(method, target, lines)).await.unwrap())
}

/// What Envoy does with an answer.
#[derive(Debug)]
enum Decision {
    Sent(OkHttpResponse),
    Refused(DeniedHttpResponse),
}

#[derive(Debug)]
struct Answer {
    decision: Decision,
    metadata: Vec<(String, String)>,
}

impl Answer {
    fn of(response: CheckResponse) -> Self {
        let code = response.status.expect("a status").code;
        let decision = match response.http_response.expect("a response") {
            HttpResponse::OkResponse(response) if code == i32::from(Code::Ok) => {
                Decision::Sent(response)
            }
            HttpResponse::DeniedResponse(response) if code != i32::from(Code::Ok) => {
                Decision::Refused(response)
            }
            other => panic!("status {code} with {other:?}"),
        };
        let metadata = response.dynamic_metadata.expect("metadata").fields.into_iter();
        let text = |(name, value): (String, portcullis_grpc_api::Value)| match value.kind {
            Some(Kind::StringValue(text)) => (name, text),
            other => panic!("{name}: {other:?}"),
        };
        Self { decision, metadata: metadata.map(text).collect() }
    }

    /// 200 if the request is sent on.
    fn status(&self) -> i32 {
        match &self.decision {
            Decision::Sent(_) => 200,
            Decision::Refused(denied) => denied.status.unwrap().code,
        }
    }

    fn fields(&self) -> &[HeaderValueOption] {
        match &self.decision {
            Decision::Sent(response) => &response.headers,
            Decision::Refused(response) => &response.headers,
        }
    }

    fn field(&self, name: &str) -> Option<&str> {
        let fields = self.fields().iter().filter_map(|field| field.header.as_ref());
        let mut values = fields.filter(|field| field.key == name).map(|field| &*field.value);
        let value = values.next();
        assert_eq!(values.next(), None, "{name} is there twice");
        value
    }

    fn removed(&self) -> &[String] {
        match &self.decision {
            Decision::Sent(response) => &response.headers_to_remove,
            Decision::Refused(_) => &[],
        }
    }

    fn body(&self) -> &str {
        match &self.decision {
            Decision::Sent(_) => "",
            Decision::Refused(response) => &response.body,
        }
    }

    fn metadata(&self, name: &str) -> &str {
        let found = self.metadata.iter().find(|(known, _)| known == name);
        found.map_or("", |(_, value)| value)
    }
}

fn builder() -> Builder {
    forward_auth::builder().setting("forward_auth.grpc_listen", "\"127.0.0.1:0\"")
}

#[tokio::test]
async fn i4_i5_grpc_permission_names_the_user_without_session() {
    let gate = builder().start().await;
    let proxy = Proxy::of(&gate).await;
    let acme = gate.admin.organization("Acme").await;
    let anna = gate.admin.user(&acme, "anna", "admin").await;
    let session = gate.sign_in("anna", PASSWORD).await;
    let lines = format!("{}portcullis-user: evil\r\n{BROWSER}", forward_auth::cookie(&session));
    let answer = about(&proxy, "GET", "/closed/invoices?page=2", &lines).await;
    assert_eq!(answer.status(), 200, "{answer:?}");
    for name in IDENTITY {
        assert!(answer.field(name).is_some(), "{name}: {answer:?}");
    }
    assert_eq!(answer.field("portcullis-user"), Some("anna"));
    assert_eq!(answer.field("portcullis-organization"), Some(&*acme));
    assert_eq!(answer.field("portcullis-actor"), Some(""));
    assert_eq!(answer.field("cookie"), Some("lang=de; theme=dark"));
    assert_eq!(answer.field("cache-control"), None, "it would reach the portal");
    let overwrite = i32::from(HeaderAppendAction::OverwriteIfExistsOrAdd);
    let overwrites = |field: &HeaderValueOption| field.append_action == overwrite;
    assert!(answer.fields().iter().all(overwrites), "{answer:?}");
    for (name, value) in [
        ("decision", "allow"),
        ("route", "Invoices"),
        ("organization", &*acme),
        ("user", &*anna),
        ("group", "admin"),
    ] {
        assert_eq!(answer.metadata(name), value, "{name}: {answer:?}");
    }
    assert_eq!(answer.metadata("request_id"), answer.field("portcullis-request-id").unwrap());
    assert_ne!(answer.metadata("policy"), "");
    let record = gate.decided("/closed/invoices").await;
    assert_eq!((&record["via"], &record["user"]), (&json!("envoy-grpc"), &json!(anna)));

    // Without a session, what the client sent is overwritten by nothing.
    let answer = about(&proxy, "GET", "/open/page", "portcullis-user: evil").await;
    assert_eq!(answer.status(), 200, "{answer:?}");
    assert_eq!(answer.field("portcullis-user"), Some(""));
    assert_eq!(answer.removed(), ["cookie"]);

    // As Envoy states it without `encode_raw_headers`.
    let headers = [("cookie", &*session.0), ("x-forwarded-for", "192.0.2.7")];
    let headers = headers.map(|(name, value)| (name.to_owned(), value.to_owned())).into();
    let merged = HttpRequest { header_map: None, headers, ..stated("GET", "/closed/a", "") };
    let answer = Answer::of(proxy.check(asked(merged)).await.unwrap());
    assert_eq!(answer.field("portcullis-user"), Some("anna"), "{answer:?}");
    assert_eq!(answer.removed(), ["cookie"], "the session was the only one");
}

#[tokio::test]
async fn i1_grpc_refusals_are_what_the_client_gets() {
    let gate = builder().start().await;
    let proxy = Proxy::of(&gate).await;
    let acme = gate.admin.organization("Acme").await;
    gate.admin.user(&acme, "ludwig", "limited").await;
    let session = gate.sign_in("ludwig", PASSWORD).await;
    // R61: a page leads to the sign-in page and back.
    let answer = about(&proxy, "GET", "/closed/a?b=c", BROWSER).await;
    assert_eq!(answer.status(), 302, "{answer:?}");
    let location = answer.field("location").unwrap();
    let expected = format!("http://{HOST}/.portcullis/sign-in?return_to=");
    assert!(location.starts_with(&expected), "{location}");
    assert_eq!(answer.metadata("decision"), "sign-in");
    assert_eq!(answer.field("portcullis-reason"), Some("sign-in-required"));
    let record = gate.decided("/closed/a").await;
    assert_eq!(record["reason"], answer.metadata("reason"), "{record}");
    assert_eq!(answer.metadata("reason"), "no-session");
    let answer = about(&proxy, "GET", "/closed/a", SCRIPT).await;
    assert_eq!(answer.status(), 401, "{answer:?}");
    let document: serde_json::Value = serde_json::from_str(answer.body()).unwrap();
    assert_eq!(document["status"], 401);
    let lines = format!("{}{BROWSER}", forward_auth::cookie(&session));
    let answer = about(&proxy, "GET", "/closed/a", &lines).await;
    assert_eq!(answer.status(), 403, "{answer:?}");
    assert!(answer.body().contains("<html"), "{answer:?}");
    assert_eq!(answer.field("portcullis-reason"), Some("missing-permission"));
    assert_eq!(answer.field("portcullis-user"), None);
    for (target, status) in [
        ("/nowhere", 403),
        ("/open/../closed/a", 400),
        ("/open/a%2fb", 400),
        ("/open/a#b", 400),
        ("open/a", 400),
        ("/.portcullis/sign-in", 403),
    ] {
        assert_eq!(about(&proxy, "GET", target, &lines).await.status(), status, "{target}");
    }
    let mut other = stated("GET", "/open/a", "");
    other.host = "evil.test".to_owned();
    other.header_map = None;
    let answer = Answer::of(proxy.check(asked(other)).await.unwrap());
    assert_eq!(answer.status(), 421, "{answer:?}");
    // R60: while the portal is disabled, the original request is redirected.
    let change = json!({ "disabled_redirect_url": "https://status.example/" });
    gate.admin.patch("/api/v1/preferences", change).await.ok();
    let answer = about(&proxy, "GET", "/open/a", BROWSER).await;
    assert_eq!(answer.status(), 302, "{answer:?}");
    assert_eq!(answer.field("location"), Some("https://status.example/"));
    assert_eq!(answer.metadata("reason"), "portal-disabled");
}

#[tokio::test]
async fn grpc_messages_that_are_not_the_contract_are_refused() {
    let gate = builder().start().await;
    let proxy = Proxy::of(&gate).await;
    let whole = || stated("GET", "/open/a", "");
    let with = |lines: &str| stated("GET", "/open/a", lines);
    let answer = Answer::of(proxy.check(asked(whole())).await.unwrap());
    assert_eq!(answer.status(), 200, "{answer:?}");
    let attributes = Some(AttributeContext { request: None });
    let empty = Some(AttributeContext { request: Some(Asked { http: None }) });
    let with_raw = |line: HeaderValue| {
        let mut http = whole();
        http.header_map.as_mut().unwrap().headers.push(line);
        asked(http)
    };
    for (wrong, reason) in [
        (CheckRequest { attributes: None }, "wrong-contract"),
        (CheckRequest { attributes }, "wrong-contract"),
        (CheckRequest { attributes: empty }, "wrong-contract"),
        (asked(HttpRequest::default()), "wrong-contract"),
        (asked(HttpRequest { method: String::new(), ..whole() }), "wrong-contract"),
        (asked(HttpRequest { path: String::new(), ..whole() }), "wrong-contract"),
        (asked(HttpRequest { host: String::new(), ..whole() }), "wrong-contract"),
        (asked(HttpRequest { method: "POST".to_owned(), ..whole() }), "wrong-contract"),
        (asked(HttpRequest { path: "/open/b".to_owned(), ..whole() }), "wrong-contract"),
        (asked(HttpRequest { host: "evil.test".to_owned(), ..whole() }), "wrong-contract"),
        (asked(with(&format!("host: {HOST}"))), "wrong-contract"),
        (asked(with(&format!(":authority: {HOST}"))), "wrong-contract"),
        (asked(with("x-forwarded-uri: /open/b")), "wrong-contract"),
        (asked(with("x-original-url: http://portal.test/open/b")), "wrong-contract"),
        (with_raw(raw("a b", "c")), "wrong-contract"),
        (with_raw(raw("a", "b\nc")), "wrong-contract"),
        (asked(with("portcullis_user: evil")), "reserved-header"),
        (asked(with("upgrade: h2c")), "reserved-header"),
        (asked(with("cookie: x=1,portcullis=a")), "joined-cookies"),
    ] {
        let text = format!("{wrong:?}");
        let answer = Answer::of(proxy.check(wrong).await.unwrap());
        assert_eq!((answer.status(), answer.metadata("reason")), (403, reason), "{text}");
    }
    gate.logged("a proxy asked about a request in a way that is not its contract").await;
}

#[tokio::test]
async fn grpc_listener_serves_trusted_proxies_only() {
    let gate = builder().setting("server.trusted_proxies", r#"["192.0.2.0/24"]"#).start().await;
    let asked = async {
        let proxy = Proxy::connect(gate.grpc_address.unwrap()).await?;
        let mut channel = proxy.0;
        channel.0.ready().await?;
        let request = Request::post("http://portcullis/grpc.health.v1.Health/Check");
        channel.call(request.body(Body::empty()).unwrap()).await
    };
    assert!(within("the end of the connection", asked).await.is_err());
    gate.logged("untrusted-proxy").await;
}

#[tokio::test]
async fn i12_grpc_messages_are_bounded() {
    let gate = builder().start().await;
    let proxy = Proxy::of(&gate).await;
    for (length, is_answered) in [(30_000, true), (70_000, false)] {
        let lines = format!("accept: {}", "a".repeat(length));
        let answer = proxy.check(question("GET", "/open/a", &lines)).await;
        match is_answered {
            true => assert_eq!(Answer::of(answer.unwrap()).status(), 200),
            false => assert_eq!(answer.unwrap_err().code(), Code::OutOfRange),
        }
    }
}

#[tokio::test]
async fn i12_grpc_questions_about_large_heads_are_refused() {
    let gate = builder().setting("server.limits.headers", "20").start().await;
    let proxy = Proxy::of(&gate).await;
    let fields = |count: usize| -> String {
        (0..count).map(|number| format!("x-field-{number}: a\r\n")).collect()
    };
    let value = |length: usize| format!("x-field: {}\r\n", "a".repeat(length));
    // Each has two more: `Host`, and the proxy's `X-Forwarded-For`.
    for (target, lines, expected) in [
        ("/open/few", fields(18), 200),
        ("/open/many", fields(19), 431),
        ("/open/short", value(32_000), 200),
        ("/open/long", value(33_000), 431),
        ("/closed/many", fields(19), 431),
    ] {
        let answer = about(&proxy, "GET", target, &lines).await;
        assert_eq!(answer.status(), expected, "{target}: {answer:?}");
        if expected == 431 {
            assert_eq!(answer.field("portcullis-reason"), Some("head-too-large"));
            assert_eq!((answer.metadata("reason"), answer.body()), ("head-too-large", ""));
            assert_eq!(gate.recorded("target", target).await["reason"], "head-too-large");
        }
    }
}

#[tokio::test]
async fn grpc_health_is_served_of_services_that_exist() {
    let gate = builder().start().await;
    let proxy = Proxy::of(&gate).await;
    for service in ["", "envoy.service.auth.v3.Authorization"] {
        assert_eq!(proxy.health(service).await.unwrap(), i32::from(ServingStatus::Serving));
    }
    assert_eq!(proxy.health("another").await.unwrap_err().code(), Code::NotFound);
    let origin = "http://portcullis".parse().unwrap();
    let mut client = HealthClient::with_origin(proxy.0.clone(), origin);
    let watched = client.watch(HealthCheckRequest::default()).await;
    assert_eq!(watched.unwrap_err().code(), Code::Unimplemented);
}

/// A request for a page that is not public, or something that is none. It has no session.
fn arbitrary_question() -> impl Strategy<Value = CheckRequest> {
    let method = prop_oneof!["GET|POST|HEAD|OPTIONS|CONNECT", "[ -~]{0,8}"];
    let target = "(/closed/|/mine/|//open/|/open/\\.\\./closed/|/%6fpen/%2e%2e/|[^/])\\PC{0,20}";
    let host = prop_oneof![4 => Just(HOST.to_owned()), 1 => "\\PC{0,12}"];
    let name = prop_oneof![
        "(cookie|host|authorization|upgrade|origin|x-forwarded-for|x-forwarded-uri)",
        "(:path|:method|:authority|portcullis-user|x-original-url|x-http-method-override)",
        "\\PC{0,10}",
    ];
    let value = prop_oneof![
        "(/open/a|portal.test|portcullis=[a-z]{4}|127.0.0.1|Bearer portcullis_a|GET)"
            .prop_map(String::into_bytes),
        vec(any::<u8>(), 0..20),
    ];
    let lines = vec((name, value), 0..5);
    let http = (method, target, host, lines, any::<bool>()).prop_map(
        |(method, path, host, lines, is_raw)| {
            let headers = lines.iter().map(|(name, value)| raw(name, value.clone())).collect();
            let text = |bytes: &Vec<u8>| String::from_utf8_lossy(bytes).into_owned();
            let merged = lines.iter().map(|(name, value)| (name.clone(), text(value))).collect();
            let header_map = is_raw.then_some(HeaderMap { headers });
            HttpRequest { method, path, host, headers: merged, header_map }
        },
    );
    option::weighted(0.95, http).prop_map(|http| CheckRequest {
        attributes: http.map(|http| AttributeContext { request: Some(Asked { http: Some(http) }) }),
    })
}

#[tokio::test]
async fn i1_grpc_no_message_without_session_is_allowed() {
    let gate = builder().start().await;
    let proxy = Proxy::of(&gate).await;
    let mut runner = TestRunner::deterministic();
    let strategy = arbitrary_question();
    for _ in 0..1000 {
        let question = strategy.new_tree(&mut runner).unwrap().current();
        let text = format!("{question:?}");
        let answer = Answer::of(proxy.check(question).await.unwrap());
        assert_ne!(answer.status(), 200, "{text}: {answer:?}");
    }
    assert_eq!(about(&proxy, "GET", "/open/a", "").await.status(), 200);
}
