//! Decision records: all fields of a line, for each kind of decision.

use http::Method;
use serde_json::Value;

use crate::support::admin::PASSWORD;
use crate::support::client::Cookie;
use crate::support::gate::TestGate;

/// Fields whose values differ between runs.
const VARIABLE: [&str; 8] =
    ["time", "timestamp", "request", "request.id", "organization", "user", "group", "policy"];

/// A line with the values of variable fields replaced by their names.
fn stable(mut record: Value) -> String {
    let fields = record.as_object_mut().unwrap();
    for name in VARIABLE {
        if let Some(value) = fields.get_mut(name).filter(|value| **value != "") {
            assert!(value.is_string(), "{name}: {value}");
            *value = Value::String(format!("[{name}]"));
        }
    }
    for name in ["micros", "portal_micros"] {
        if let Some(micros) = fields.get_mut(name) {
            assert!(micros.is_u64(), "{name}: {micros}");
            *micros = Value::from(0);
        }
    }
    serde_json::to_string_pretty(&record).unwrap()
}

/// Someone who may view invoices and not chat.
async fn anna(gate: &TestGate) -> Cookie {
    let group = gate.admin.group("Payers", &["portal.access", "invoices.view"]).await;
    gate.admin.acme_with_user("anna@acme.test", &group).await;
    gate.sign_in("anna@acme.test", PASSWORD).await
}

#[tokio::test]
async fn record_of_an_allowed_request() {
    let gate = TestGate::start().await;
    let anna = anna(&gate).await;
    let request = gate.get("/closed/%61?secret=1").cookie(&anna).header("x-original-url", "/b");
    assert_eq!(request.send().await.status, 200);
    insta::assert_snapshot!("allow", stable(gate.decided("/closed/a").await));
}

#[tokio::test]
async fn record_of_a_client_that_leaves_has_no_status() {
    let gate = TestGate::start().await;
    gate.upstream.answer("/open/slow", |mut exchange| async move {
        exchange.closed().await;
        Ok(None)
    });
    let mut client = gate.wire().await;
    client.send("GET /open/slow?token HTTP/1.1\r\nhost: portal.test\r\n\r\n").await;
    gate.upstream.arrived("/open/slow").await;
    assert!(!gate.records().contains("/open/slow"), "{}", gate.records());
    drop(client);
    let record = gate.decided("/open/slow").await;
    assert_eq!(record["query"], serde_json::json!(["?"]));
    assert!(record.get("status").is_none(), "{record}");
    assert_eq!(gate.records().matches("/open/slow").count(), 1);
}

#[tokio::test]
async fn record_of_a_denied_request() {
    let gate = TestGate::start().await;
    let anna = anna(&gate).await;
    assert_eq!(gate.get("/closed/socket").cookie(&anna).send().await.status, 403);
    insta::assert_snapshot!("deny", stable(gate.decided("/closed/socket").await));
}

#[tokio::test]
async fn record_names_the_client_that_a_trusted_proxy_names() {
    for (trusted, expected) in [(r#"["127.0.0.1"]"#, "203.0.113.9"), ("[]", "127.0.0.1")] {
        let gate = TestGate::builder().setting("server.trusted_proxies", trusted).start().await;
        let request = gate.get("/open/a").header("x-forwarded-for", "192.0.2.1, 203.0.113.9");
        assert_eq!(request.send().await.status, 200);
        let bad =
            "GET /a/../b HTTP/1.1\r\nhost: portal.test\r\nx-forwarded-for: 203.0.113.9\r\n\r\n";
        assert_eq!(gate.raw(bad).await.status, 400);
        assert_eq!(gate.decided("/open/a").await["client"], expected, "{trusted}");
        assert_eq!(gate.recorded("target", "/a/../b").await["client"], expected, "{trusted}");
    }
}

#[tokio::test]
async fn record_of_a_bad_request() {
    let gate = TestGate::start().await;
    let request = "GET /a/../b?secret=1 HTTP/1.1\r\nhost: portal.test\r\n\r\n";
    assert_eq!(gate.raw(request).await.status, 400);
    insta::assert_snapshot!("bad-request", stable(gate.recorded("target", "/a/../b").await));
}

#[tokio::test]
async fn record_and_log_of_a_portal_failure() {
    let gate = TestGate::start().await;
    gate.upstream.answer("/open/broken", |mut exchange| async move {
        exchange.write(b"nonsense\r\n\r\n").await?;
        Ok(None)
    });
    assert_eq!(gate.get("/open/broken").send().await.status, 502);
    let record = gate.decided("/open/broken").await;
    gate.logged("the portal did not answer").await;
    let log = gate.log();
    let line = log.lines().find(|line| line.contains("the portal did not answer")).unwrap();
    let line = line.replace(&gate.upstream.address.to_string(), "[server]");
    let line: Value = serde_json::from_str(&line).unwrap();
    assert_eq!(line["request.id"], record["request"]);
    insta::assert_snapshot!("portal-failure", stable(record));
    insta::assert_snapshot!("portal-failure-log", stable(line));
}

/// Strangers do not learn which addresses there are: without a session, a denial is answered as a
/// request that needs a session, unless the path has a public route. Its record says what it is.
#[tokio::test]
async fn r61_a_denied_visitor_is_asked_to_sign_in() {
    let gate = TestGate::start().await;
    let needs_session = gate.get("/mine/a").send().await;
    for (path, reason) in
        [("/nowhere", "no-route"), ("/open/denied", "route-closed"), ("/mine/a", "no-session")]
    {
        let script = gate.get(path).send().await;
        assert_eq!(script.status, 401, "{path}");
        for member in ["type", "title", "detail", "reason"] {
            assert_eq!(script.problem()[member], needs_session.problem()[member], "{path}");
        }
        let page = gate.get(path).by_browser().send().await;
        let sign_in = format!("/.portcullis/sign-in?return_to={}", path.replace('/', "%2F"));
        assert_eq!((page.status, page.header("location")), (303, Some(&*sign_in)));
        let record = gate.decided(path).await;
        let decision = if reason == "no-session" { "sign-in" } else { "deny" };
        assert_eq!((&record["decision"], &record["reason"]), (&decision.into(), &reason.into()));
        gate.nothing_arrived(path).await;
    }
    // The path is no secret, and signing in would not help.
    for (method, path, reason) in [
        (Method::POST, "/read-only", "method-not-allowed"),
        (Method::GET, "/open/Denied", "ambiguous-path"),
    ] {
        let reply = gate.call(method, path).send().await;
        assert_eq!((reply.status, &*reply.reason()), (403, reason), "{path}");
    }
}

#[tokio::test]
async fn r61_a_redirect_of_the_policy_needs_a_session() {
    let routes = r#"
[[route]]
name = "Old"
path = "/old"
access = "deny"
on_deny = { redirect = "/new" }

[[route]]
name = "Form"
methods = ["GET"]
path = "/form"
access = "deny"
on_deny = { redirect = "/new" }

[[route]]
name = "Answers"
methods = ["POST"]
path = "/form"
access = "public"
"#;
    let gate = TestGate::builder().policy(routes).start().await;
    let acme = gate.admin.organization("Acme").await;
    gate.admin.user(&acme, "anna", "limited").await;
    let anna = gate.sign_in("anna", PASSWORD).await;
    for path in ["/old", "/nowhere"] {
        let page = gate.get(path).by_browser().send().await;
        let sign_in = format!("/.portcullis/sign-in?return_to=%2F{}", &path[1..]);
        assert_eq!((page.status, page.header("location")), (303, Some(&*sign_in)));
        let script = gate.get(path).send().await;
        assert_eq!((script.status, &*script.reason()), (401, "sign-in-required"), "{path}");
    }
    let page = gate.get("/old").cookie(&anna).by_browser().send().await;
    assert_eq!((page.status, page.header("location")), (302, Some("/new")));
    // The path is no secret: a route for it is public.
    let page = gate.get("/form").by_browser().send().await;
    assert_eq!((page.status, page.header("location")), (302, Some("/new")));
}

#[tokio::test]
async fn r61_a_denied_user_gets_403() {
    let gate = TestGate::start().await;
    let organization = gate.admin.organization("Acme").await;
    gate.admin.user(&organization, "anna", "limited").await;
    let anna = gate.sign_in("anna", PASSWORD).await;
    for (path, reason) in [("/nowhere", "no-route"), ("/open/denied", "route-closed")] {
        let script = gate.get(path).cookie(&anna).send().await;
        assert_eq!((script.status, &*script.reason()), (403, reason), "{path}");
        let page = gate.get(path).cookie(&anna).by_browser().send().await;
        assert_eq!(page.status, 403, "{path}");
        gate.nothing_arrived(path).await;
    }
}
