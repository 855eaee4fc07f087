//! Limits and exceptions of single routes, on the wire.

use http::Method;
use serde_json::json;

use crate::support::admin::PASSWORD;
use crate::support::gate::TestGate;

const ROUTES: &str = r#"
[[route]]
name = "Open"
path = "/open/{*rest}"
access = "public"

[[route]]
name = "From the office"
path = "/office"
access = "public"
from = ["192.0.2.0/24"]

[[route]]
name = "From here"
path = "/here"
access = "public"
from = ["127.0.0.0/8"]

[[route]]
name = "Small uploads"
path = "/small"
access = "public"
body_bytes = 8

[[route]]
name = "Report"
path = "/report"
access = "public"
response_timeout = "300ms"

[[route]]
name = "API"
methods = ["GET", "PUT"]
path = "/api/{item}"
access = "signed-in"
preflight = "public"

[[route]]
name = "Change a ticket"
methods = ["POST"]
path = "/tickets/{ticket}"
require = "portal.access"
method_override = { header = "X-HTTP-Method-Override", query = "_method" }

[[route]]
name = "Update a ticket"
methods = ["PUT"]
path = "/tickets/{ticket}"
require = "portal.access"

[[route]]
name = "Delete a ticket"
methods = ["DELETE"]
path = "/tickets/{ticket}"
require = "invoices.pay"
"#;

async fn gate() -> TestGate {
    TestGate::builder().policy(ROUTES).start().await
}

#[tokio::test]
async fn address_of_the_client_decides_where_a_route_names_it() {
    let gate = gate().await;
    assert_eq!(gate.get("/here").send().await.status, 200);
    gate.arrived();
    let reply = gate.get("/office").header("x-forwarded-for", "192.0.2.7").send().await;
    assert_eq!((reply.status, &*reply.reason()), (403, "address-not-allowed"));
    gate.nothing_arrived("/office").await;
    assert_eq!(gate.decided("/office").await["reason"], "address-not-allowed");

    let behind = TestGate::builder()
        .policy(ROUTES)
        .setting("server.trusted_proxies", r#"["127.0.0.1"]"#)
        .start()
        .await;
    let from = |path, address: &str| behind.get(path).header("x-forwarded-for", address);
    assert_eq!(from("/office", "192.0.2.7").send().await.status, 200);
    behind.arrived();
    for (path, address) in [("/office", "198.51.100.1"), ("/office", "x"), ("/here", "192.0.2.7")] {
        assert_eq!(from(path, address).send().await.status, 403, "{path} {address}");
        behind.nothing_arrived(path).await;
    }
}

#[tokio::test]
async fn body_larger_than_the_route_allows_is_413() {
    let gate = gate().await;
    assert_eq!(gate.call(Method::POST, "/small").body("12345678").send().await.status, 200);
    gate.arrived();
    let reply = gate.call(Method::POST, "/small").body("123456789").send().await;
    assert_eq!((reply.status, &*reply.reason()), (413, "body-too-large"));
    gate.nothing_arrived("/small").await;
    let chunked = |body: &str| {
        format!(
            "POST /small HTTP/1.1\r\nhost: portal.test\r\ntransfer-encoding: chunked\r\n\r\n\
             4\r\n1234\r\n{body}0\r\n\r\n"
        )
    };
    assert_eq!(gate.raw(chunked("4\r\n5678\r\n")).await.status, 200);
    let reply = gate.raw(chunked("5\r\n56789\r\n")).await;
    assert_eq!(reply.status, 413, "{}", reply.text());
    assert!(reply.text().contains("body-too-large"), "{}", reply.text());
    assert_eq!(gate.call(Method::POST, "/open/a").body("123456789").send().await.status, 200);
}

#[tokio::test]
async fn response_timeout_of_a_route_is_its_own() {
    let gate = gate().await;
    for path in ["/report", "/open/slow"] {
        gate.upstream.answer(path, |mut exchange| async move {
            exchange.closed().await;
            Ok(None)
        });
    }
    let other = gate.get("/open/slow").send();
    tokio::select! {
        reply = gate.get("/report").send() => assert_eq!(reply.status, 504),
        reply = other => panic!("{reply:?}"),
    }
}

#[tokio::test]
async fn public_preflight_passes_without_a_session() {
    let gate = gate().await;
    let preflight = |method: &str| {
        gate.call(Method::OPTIONS, "/api/7")
            .header("origin", "https://app.example")
            .header("access-control-request-method", method)
    };
    assert_eq!(preflight("PUT").send().await.status, 200);
    assert_eq!(gate.arrived().method, "OPTIONS");
    let bare = gate.call(Method::OPTIONS, "/api/7");
    let no_origin =
        gate.call(Method::OPTIONS, "/api/7").header("access-control-request-method", "PUT");
    for refused in [preflight("DELETE"), bare, no_origin] {
        assert_eq!(refused.send().await.status, 401);
        gate.nothing_arrived("/api/7").await;
    }
    assert_eq!(gate.call(Method::PUT, "/api/7").send().await.status, 401);
    gate.nothing_arrived("/api/7").await;
}

/// The portal may read the method there on every route, whatever the list of known names is.
#[tokio::test]
async fn method_override_of_a_route_is_refused_on_others() {
    const OWN: &str = r#"
[[route]]
name = "Open"
path = "/open/{*rest}"
access = "public"

[[route]]
name = "Overridden"
methods = ["POST", "PUT"]
path = "/own/{x}"
access = "public"
method_override = { header = "Do-Method", query = "do" }

[[route]]
name = "Other"
methods = ["POST", "PUT"]
path = "/other/{x}"
access = "public"
"#;
    let gate = TestGate::builder().policy(OWN).start().await;
    let post = |target| gate.call(Method::POST, target);
    for call in [
        post("/own/1?do=PUT"),
        post("/own/1").header("do-method", "PUT"),
        post("/other/1?done=PUT"),
        post("/other/1").header("do-method", "POST"),
        post("/other/1").header("do-methods", "DELETE"),
    ] {
        assert_eq!(call.send().await.status, 200);
        gate.arrived();
    }
    for call in [
        post("/other/1?do=DELETE"),
        post("/other/1?DO[]=DELETE"),
        post("/other/1?a=1;d%6f=DELETE"),
        post("/other/1").header("do-method", "DELETE"),
        post("/other/1").header("Do_Method", "DELETE"),
        post("/other/1").header("domethod", "DELETE"),
        post("/own/1").header("do-method", "PUT").header("Do_Method", "DELETE"),
    ] {
        let reply = call.send().await;
        assert_eq!((reply.status, &*reply.reason()), (403, "method-override"));
        gate.nothing_arrived("/other/1").await;
    }
}

#[tokio::test]
async fn method_override_is_decided_as_both_methods() {
    let gate = gate().await;
    let organization = gate.admin.organization("Acme").await;
    gate.admin.user(&organization, "all@acme.test", "admin").await;
    gate.admin.user(&organization, "few@acme.test", "limited").await;
    let all = gate.sign_in("all@acme.test", PASSWORD).await;
    let few = gate.sign_in("few@acme.test", PASSWORD).await;
    const HEADER: &str = "x-http-method-override";
    let post = |target: &str, fields: &[(&str, &str)]| {
        let call = gate.call(Method::POST, target);
        fields.iter().fold(call, |call, (name, value)| call.header(name, value))
    };
    for (who, target, fields, reason) in [
        (&few, "/tickets/7", &[][..], ""),
        (&few, "/tickets/7?_method=PUT", &[], ""),
        (&few, "/tickets/7?_method=post", &[], ""),
        (&few, "/tickets/7", &[(HEADER, "put")], ""),
        (&few, "/tickets/7?_method=PUT", &[(HEADER, "PUT")], ""),
        (&all, "/tickets/7?a=b&_method=delete", &[], ""),
        (&all, "/tickets/7", &[(HEADER, "DELETE")], ""),
        (&few, "/tickets/7?_method=DELETE", &[], "missing-permission"),
        (&few, "/tickets/7", &[(HEADER, "delete")], "missing-permission"),
        (&all, "/tickets/7?_method=PATCH", &[], "method-not-allowed"),
        (&all, "/tickets/7", &[(HEADER, "PROPFIND")], "method-not-allowed"),
        (&all, "/tickets/7?_method=PUT&_method=DELETE", &[], "method-override"),
        (&all, "/tickets/7?_method=PUT", &[(HEADER, "DELETE")], "method-override"),
        (&all, "/tickets/7?_METHOD=PUT", &[], "method-override"),
        (&all, "/tickets/7?_method=%50UT", &[], "method-override"),
        (&all, "/tickets/7?a;_method=PUT", &[], "method-override"),
        (&all, "/tickets/7?_httpmethod=PUT", &[], "method-override"),
        (&all, "/tickets/7", &[(HEADER, "PUT"), (HEADER, "PUT")], "method-override"),
        (&all, "/tickets/7", &[("x-http-method", "PUT")], "method-override"),
        (&all, "/tickets/7", &[("x_http_method_override", "PUT")], "method-override"),
        (&all, "/open/a?_method=PUT", &[], "method-override"),
    ] {
        let reply = post(target, fields).cookie(who).send().await;
        if reason.is_empty() {
            assert_eq!(reply.status, 200, "{target} {fields:?}: {reply:?}");
            let arrived = gate.arrived();
            assert_eq!((&*arrived.method, &*arrived.target), ("POST", target));
            let named = fields.first().map(|(_, value)| *value);
            assert_eq!(arrived.one(HEADER), named, "{target} {fields:?}");
        } else {
            assert_eq!((reply.status, &*reply.reason()), (403, reason), "{target} {fields:?}");
            gate.nothing_arrived(target).await;
        }
    }
    let reply = post("/tickets/7?_method=DELETE", &[]).send().await;
    assert_eq!(reply.status, 401);
    // A change by another site, whichever method says so.
    let foreign = [("sec-fetch-site", "cross-site")];
    let reply = post("/tickets/7?_method=DELETE", &foreign).cookie(&all).send().await;
    assert_eq!(reply.reason(), "cross-origin");
}

#[tokio::test]
async fn explain_knows_addresses_preflights_and_overrides() {
    let gate = gate().await;
    for (question, reason) in [
        (json!({"address": "192.0.2.7", "method": "GET", "target": "/office"}), "public"),
        (json!({"method": "GET", "target": "/office"}), "address-not-allowed"),
        (json!({"preflight": "PUT", "method": "OPTIONS", "target": "/api/7"}), "public"),
        (
            json!({"preflight": "DELETE", "method": "OPTIONS", "target": "/api/7"}),
            "method-not-allowed",
        ),
        (json!({"group": "limited", "method": "POST", "target": "/tickets/7"}), "permitted"),
        (
            json!({"group": "limited", "method": "POST", "target": "/tickets/7?_method=PUT"}),
            "permitted",
        ),
        (
            json!({"group": "limited", "method": "POST", "target": "/tickets/7?_method=DELETE"}),
            "missing-permission",
        ),
    ] {
        let mut question = question;
        if question.get("group").is_none() {
            question["anonymous"] = true.into();
        }
        let answer = gate.admin.post("/api/v1/explain", question.clone()).await.ok();
        assert_eq!(answer["reason"], reason, "{question}");
    }
}
